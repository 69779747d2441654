# SPDX-License-Identifier: MIT
"""The bridge beside a real QEMU that owns the device: attached to, dying, started again, started by
the bridge. The guest is the firmware, whose text is read from the viewer's picture."""

import array
import contextlib
import ctypes
import glob
import os
import select
import signal
import socket
import subprocess
import time

import bed
import case
import qemu
from bed import MS, Device, check, poke, read, wait_for
from qemu import MENU, PROMPT, Qemu, Screen

ESCAPE = "0x01"
NOBODY = ("--reuid=65534", "--regid=65534", "--clear-groups")
# What a unit grants: the right to take a descriptor, and to see which there are. Nothing more.
RIGHTS = "+sys_ptrace,+dac_read_search"
SANDBOX = {"NoNewPrivs": "1", "Seccomp": "2", "CapInh": "0" * 16, "CapPrm": "0" * 16,
           "CapEff": "0" * 16, "CapAmb": "0" * 16}


def group_only(setup):
    if "group" not in setup.ways:
        raise case.Skip("once is enough: the suite vm has it")


def check_sandboxed(b):
    """No rights, and the filter, in every thread of the bridge. (The broker is another process.)"""
    for path in glob.glob(f"/proc/{b.pid}/task/*/status"):
        has = dict(line.split(":\t", 1) for line in read(path).splitlines() if ":\t" in line)
        for key, value in SANDBOX.items():
            check(has[key] == value, f"{key} of {has['Name']} is {has[key]}, not {value}")


def capabilities():
    """For setpriv: these, and never any other."""
    return [f"--{kind}=-all,{RIGHTS}" for kind in ("inh-caps", "ambient-caps", "bounding-set")]


def children(pid):
    found = []
    for path in glob.glob("/proc/[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            # The name, in brackets, may hold anything.
            if read(path).rpartition(")")[2].split()[1] == str(pid):
                found.append(path.split("/")[2])
    return found


def pins(pid):
    """What of a process keeps the device: descriptors and mappings, by name."""
    names = []
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                names.append(os.readlink(f"/proc/{pid}/fd/{name}"))
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as file:
            names += [line.split(None, 5)[5].strip() for line in file if line.count(" ") > 5]
    return [name for name in names if "vfio" in name or "dmabuf" in name or "/dev/iommu" in name]


def press_escape(screen, q):
    """The boot menu comes when the viewer presses Esc, and not before."""
    q.fresh()
    # Until firmware that starts over has cleared the screen, it holds what was there before.
    lines = []
    def waits():
        lines[:] = screen.lines()
        return qemu.holds(lines, PROMPT) and not qemu.holds(lines, MENU)
    try:
        wait_for("the prompt, and no menu before anybody pressed a key", qemu.SLOW, waits)
    except AssertionError as error:
        raise AssertionError(f"{error}: {lines}") from None
    # Firmware that is about to start over forgets what it was told, and is told again.
    end = time.monotonic() + qemu.SLOW
    while not screen.has(MENU):
        check(time.monotonic() < end, f"Esc brings no menu: {screen.lines()}")
        screen.viewer.do(f"key {ESCAPE}")
        with contextlib.suppress(AssertionError):
            screen.wait(MENU, 10)


# Attaching


def attach(setup):
    """By process and by name, to a guest that runs: the firmware is seen, Esc opens its menu."""
    group_only(setup)
    with Device("mbochs-medium") as device, Qemu(setup, device, name="the guest") as q:
        for words in (["--qemu-pid", str(q.pid)], ["--vm", "the guest"]):
            with setup.serve(device, (words, []), [f"--qmp=unix:{q.qmp}"], read_only=False) as (
                    b, viewer):
                screen = Screen(setup, viewer)
                press_escape(screen, q)
                check_sandboxed(b)
                check(pins(b.pid), "nothing of the device is seen in the bridge's /proc")
            check(q.running() and q.monitor.status() == "running", "the guest was disturbed")
            q.reset()


def follows(setup):
    """A reset, a mode set, a stop and what comes after it."""
    group_only(setup)
    with Device("mbochs-medium") as device, Qemu(setup, device) as q:
        with setup.serve(device, (["--vm=guest"], []), [f"--qmp=unix:{q.qmp}"],
                         read_only=False) as (b, viewer):
            screen = Screen(setup, viewer)
            press_escape(screen, q)
            q.reset()
            screen.wait_without(MENU)
            screen.wait(PROMPT)
            # Another mode, by the registers that a guest's driver would use; and out of the way of
            # the firmware, whose text cursor blinks on.
            path = setup.picture(1, 800, 600)
            poke(q.pid, "put", path, 1024 * 800 * 4)
            poke(q.pid, "mode", 800, 600, 800, 0, 1024)
            viewer.size(800, 600, MS)
            viewer.compare(path, MS)
            before = viewer.do("hash")["hash"]
            q.monitor.command("stop")
            setup.log_has(b, "paused")
            wait_for("the mark of a paused guest", 60,
                     lambda: viewer.do("hash")["hash"] != before)
            q.monitor.command("cont")
            viewer.compare(path, MS)
            poke(q.pid, "mode", 1024, 768)
            viewer.size(1024, 768, MS)
            screen.wait(PROMPT)


# The owner's death


class Death:
    """QEMU killed, and how long after that the bridge let go of everything, seconds."""

    def __init__(self, q, device, b):
        group = f"/dev/vfio/{device.group}"
        pids = [b.pid, *children(b.pid)]
        pidfd = os.pidfd_open(q.pid)
        q.process.send_signal(signal.SIGKILL)
        # From when the kernel has closed QEMU's own descriptors.
        select.select([pidfd], [], [])
        dead = time.monotonic()
        while True:
            try:
                os.close(os.open(group, os.O_RDWR | os.O_CLOEXEC))
                break
            except OSError: # EBUSY: somebody has the device open
                check(time.monotonic() < dead + 30, f"{group} is busy: {self.held(pids)}")
        self.opened = time.monotonic() - dead
        while self.held(pids):
            check(time.monotonic() < dead + 30, f"is held: {self.held(pids)}")
        self.seconds = time.monotonic() - dead
        os.close(pidfd)
        q.kill()

    @staticmethod
    def held(pids):
        return [name for pid in pids for name in pins(pid)]


def seconds_to_attach(q, b, before):
    """From QEMU's having the device until the bridge has it, too."""
    wait_for("QEMU to open the device", qemu.SLOW,
             lambda: any("vfio-device" in name for name in pins(q.pid)))
    begin = time.monotonic()
    wait_for("the bridge to attach", 60, lambda: any("vfio-device" in name for name in pins(b.pid)))
    seconds = time.monotonic() - begin
    check(b.counters()["capture"]["devices"] == before + 1, "the device did not come once")
    return seconds


def owner_dies(setup):
    """With a stopped viewer about: let go at once, back by itself, and no viewer connects again."""
    group_only(setup)
    deaths, attaches = [], []
    with Device("mbochs-medium") as device:
        q = Qemu(setup, device)
        try:
            q.start()
            with setup.serve(device, (["--vm=guest"], []), ["--max-viewers=2"]) as (b, viewer), \
                    setup.client(b.unix, "--read-only") as stopped:
                screen = Screen(setup, viewer)
                screen.wait(PROMPT)
                Screen(setup, stopped).wait(PROMPT)
                stopped.pause()
                for _ in range(2):
                    devices = b.counters()["capture"]["devices"]
                    deaths.append(Death(q, device, b).seconds)
                    q.start() # at once
                    attaches.append(seconds_to_attach(q, b, devices))
                    screen.wait_without(PROMPT)
                    screen.wait(PROMPT)

                # It is off for a while, and its device is removed right away.
                deaths.append(Death(q, device, b).seconds)
                begin = time.monotonic()
                check(device.remove(20), "the device can't be removed: somebody has it open")
                removed = time.monotonic() - begin
                setup.log_has(b, "the virtual machine is off")
                screen.wait_without(PROMPT)
                stopped.resume()
                with Device("mbochs-medium") as other:
                    q = Qemu(setup, other).start()
                    screen.wait(PROMPT)
                    q.kill()
                check(viewer.process.poll() is None and
                      not any(e.startswith("disconnected") for e in viewer.events),
                      "the viewer was sent away")
        finally:
            q.kill()
    # A busy machine may be late once; the bridge is not.
    check(min(deaths) < 0.1, f"the device was held for {deaths} s")
    check(min(attaches) < 1, f"attached after {attaches} s")
    return (f"let go after {min(deaths) * 1000:.0f} ms, attached after {min(attaches):.2f} s, "
            f"removed in {removed * 1000:.0f} ms")


def bridge_dies(setup):
    """SIGKILL and a new bridge: the guest sees nothing of it."""
    group_only(setup)
    with Device("mbochs-medium") as device, Qemu(setup, device) as q:
        b = bed.Bridge(setup, device, (["--vm=guest"], []), [f"--qmp=unix:{q.qmp}"])
        try:
            b.start()
            with setup.client(b.unix) as viewer:
                Screen(setup, viewer).wait(PROMPT)
                viewer.do("key-down 0x1d") # which nobody lets go of
                left = children(b.pid)
                check(left, "there is no broker")
                b.kill()
            wait_for("the broker to end", 60,
                     lambda: not any(os.path.exists(f"/proc/{pid}/exe") for pid in left))
        finally:
            b.kill()
        check(q.running() and q.monitor.status() == "running", "the guest was disturbed")
        with setup.serve(device, (["--vm=guest"], []), [f"--qmp=unix:{q.qmp}"],
                         read_only=False) as (_, viewer):
            press_escape(Screen(setup, viewer), q)
        check(q.running() and q.monitor.status() == "running", "the guest was disturbed")


# Started by the bridge, or by somebody who hands the device over


def run(setup):
    """run -- QEMU: by cdev where the kernel has it, else by the group; ends with QEMU."""
    with Device("mbochs-medium") as device:
        monitor = setup.path("monitor")
        guest = [word for word in qemu.words(device, "-qmp", f"unix:{monitor},server=on,wait=off",
                                             "-global", f"vfio-pci.romfile={qemu.VIDEO_BIOS}")]
        at = guest.index("-device") # the bridge adds it
        del guest[at:at + 2]
        b = bed.Bridge(setup, device, "mdev", run=guest)
        menu = qemu.Started()
        try:
            b.start()
            with setup.client(b.unix) as viewer:
                screen = Screen(setup, viewer)
                screen.wait(PROMPT)
                own = menu.monitor = qemu.Monitor(monitor)
                press_escape(screen, menu)
                check_sandboxed(b)
                launcher, = children(b.pid)
                pid, = children(launcher)
                names = pins(pid)
                by_cdev = any(name.startswith("/dev/vfio/devices/") for name in names)
                check(by_cdev == ("cdev" in setup.ways), f"QEMU has {names}")
                own.command("quit")
                own.close()
                check(b.process.wait(60) == 0, f"the bridge ended with {b.process.returncode}")
        except BaseException:
            print(b.log_tail())
            raise
        finally:
            b.kill()


def attach_cdev(setup):
    """A QEMU that has opened the cdev by itself."""
    if "cdev" not in setup.ways:
        raise case.Skip("the kernel has no cdevs: the suite vm-cdev has them")
    with Device("mbochs-medium") as device:
        with Qemu(setup, device, "-object", "iommufd,id=iommu",
                  vfio=f"vfio-pci,sysfsdev={device.path},iommufd=iommu") as q:
            with setup.serve(device, ([f"--qemu-pid={q.pid}"], []), [f"--qmp=unix:{q.qmp}"],
                             read_only=False) as (b, viewer):
                press_escape(Screen(setup, viewer), q)
                check_sandboxed(b)
                setup.log_has(b, "source: ")


def take_device(pid):
    """The VFIO device's descriptor out of a process."""
    pidfd = os.pidfd_open(pid)
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            if os.readlink(f"/proc/{pid}/fd/{name}") == "anon_inode:[vfio-device]":
                fd = ctypes.CDLL(None, use_errno=True).syscall(438, pidfd, int(name), 0)
                check(fd >= 0, f"pidfd_getfd: {os.strerror(ctypes.get_errno())}")
                return fd
    finally:
        os.close(pidfd)
    raise AssertionError(f"process {pid} has no VFIO device")


def hand_over(path, pid, name):
    """What a launcher does; returns the bridge's answer."""
    fd = take_device(pid)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.settimeout(60)
        s.connect(path)
        s.sendmsg([f"vgpu-bridge-fd 1\npid={pid}\nname={name}\n\n".encode()],
                  [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])
        os.close(fd)
        return s.recv(1000).decode()


def fd_socket(setup):
    """A launcher hands the device over, to a bridge without any rights; and again after a restart."""
    group_only(setup)
    path = setup.path("handover")
    os.chmod(setup.directory, 0o777)
    with Device("mbochs-medium") as device, Qemu(setup, device) as q:
        way = ([f"--fd-socket={path}"], ["setpriv", *NOBODY])
        with setup.serve(device, way) as (b, viewer):
            screen = Screen(setup, viewer)
            check_sandboxed(b)
            check(hand_over(path, q.pid, "handed") == "ok\n", "the device was refused")
            screen.wait(PROMPT)
            Death(q, device, b)
            screen.wait_without(PROMPT)
            q.start()
            check(hand_over(path, q.pid, "handed") == "ok\n", "the device was refused")
            screen.wait(PROMPT)


# Rights


def rights(setup):
    """Another user with two capabilities attaches; without them there is one line that says so."""
    group_only(setup)
    os.chmod(setup.directory, 0o777)
    with Device("mbochs-medium") as device, Qemu(setup, device) as q:
        few = ["setpriv", *NOBODY, *capabilities()]
        with setup.serve(device, (["--vm=guest"], few)) as (b, viewer):
            Screen(setup, viewer).wait(PROMPT)
            check_sandboxed(b)
        result = subprocess.run(
            ["setpriv", *NOBODY, bed.PROGRAM, "probe", f"--qemu-pid={q.pid}"],
            capture_output=True, text=True, timeout=120)
        said = (result.stdout + result.stderr).strip().splitlines()
        check(result.returncode == 3 and len(said) == 1 and "CAP_SYS_PTRACE" in said[0],
              f"without rights: exit {result.returncode}, {said}")
        return said[0]


CASES = tuple((function, ("cpu",)) for function in (
    attach, follows, owner_dies, bridge_dies, run, attach_cdev, fd_socket, rights))
