#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: systemd_cases.py [CASE...]

In a Debian 12 whose first process is systemd: the installed units start a bridge, on a connection and by
themselves, start it anew when it dies or hangs, and keep it in its sandbox; on the simulated vGPU and
on the kernel's mdpy.
"""

import glob
import json
import os
import pwd
import re
import socket
import stat
import subprocess
import sys
import time
import traceback

import case
import client

PROBE = "/share/bin/spice-probe"
POKE = "/share/bin/poke"
SECONDS = 90  # the machine runs in software emulation, beside other work
MS = SECONDS * 1000

check = case.check
wait_for = case.wait_for


def run(*words, good=True, timeout=SECONDS):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=timeout, check=False)
    check(done.returncode == 0 or not good, f"{' '.join(words)}: {done.returncode}: {done.stdout}")
    return done.stdout.strip()


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


class Instance:
    """vgpu-bridge@NAME, from its configuration on."""

    def __init__(self, name, config=None, drop_in=""):
        """Without config the verb unit is to install what is needed, for this machine or device."""
        if config is None:
            print(run("vgpu-bridge", "unit", name, "--install"))
            name = re.sub("[^A-Za-z0-9:_.-]", "_", name)
        self.name = name
        self.service = f"vgpu-bridge@{name}.service"
        self.socket = f"vgpu-bridge@{name}.socket"
        self.path = f"/run/vgpu-bridge/{name}.spice"
        self.viewers = []
        if config is not None:
            write(f"/etc/vgpu-bridge/{name}.conf", config)
        if drop_in:
            write(f"/etc/systemd/system/{self.service}.d/test.conf", f"[Service]\n{drop_in}")
            run("systemctl", "daemon-reload")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for viewer in self.viewers:
            viewer.kill()
        if kind:
            print(run("systemctl", "status", "--full", "--lines=0", self.service, self.socket,
                      good=False))
            print(self.journal())
        run("systemctl", "stop", self.socket, self.service)
        run("systemctl", "reset-failed", self.service, good=False)

    def show(self, name, unit=None):
        return run("systemctl", "show", "--value", "-p", name, unit or self.service)

    @property
    def pid(self):
        return int(self.show("MainPID"))

    def active(self):
        return self.show("ActiveState") == "active"

    def start(self):
        run("systemctl", "start", self.service)
        check(self.active(), "the service is not active")

    def viewer(self, *arguments):
        return self.viewer_at(f"spice+unix://{self.path}", *arguments)

    def viewer_at(self, uri, *arguments):
        viewer = client.Client(PROBE, uri, *arguments)
        self.viewers.append(viewer)
        return viewer

    def picture(self, width, height):
        viewer = self.viewer()
        viewer.connected(MS)
        viewer.size(width, height, MS)
        return viewer

    def journal(self):
        run("journalctl", "--sync")
        return run("journalctl", "--no-pager", "-o", "cat", "-u", self.service)

    def processes(self):
        with open(f"/sys/fs/cgroup{self.show('ControlGroup')}/cgroup.procs",
                  encoding="ascii") as file:
            return [int(line) for line in file]


def status_of(pid):
    return dict(line.split(":\t", 1) for line in read(f"/proc/{pid}/status").splitlines()
                if ":\t" in line)


def check_confined(instance, broker_rights):
    """All as the unit's user; the process that viewers reach without rights."""
    user = pwd.getpwnam("vgpu-bridge")
    main = instance.pid
    processes = instance.processes()
    check(main in processes, f"the main process {main} is not in {processes}")
    check(len(processes) == (1 if broker_rights is None else 2), f"processes: {processes}")
    for pid in processes:
        status = status_of(pid)
        wanted = 0 if pid == main else broker_rights
        uids = status["Uid"].split()
        check(uids == [str(user.pw_uid)] * 4, f"{status['Name']} runs as {uids}")
        check(status["NoNewPrivs"] == "1", f"{status['Name']} may gain privileges")
        check(status["Seccomp"] == "2", f"{status['Name']} has no filter of system calls")
        for kind in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
            have = int(status[kind], 16)
            check(have & ~wanted == 0, f"{status['Name']}: {kind} {have:x}, not {wanted:x}")
        if pid != main:
            check(int(status["CapEff"], 16) == wanted, f"the broker has {status['CapEff']}")


def check_control():
    """The control socket: one, and it answers."""
    controls = glob.glob("/run/vgpu-bridge/*.control")
    check(len(controls) == 1, f"control sockets: {controls}")
    told = json.loads(run("vgpu-bridge", "status", "--json", "--on", controls[0]))
    check(told, "an empty status")


SIMULATED = "simulate=640x480,scene=box\nrenderer=cpu\n"


def socket_activation():
    """A connection starts the bridge, and shows a picture."""
    with Instance("sim", SIMULATED) as sim:
        run("systemctl", "enable", "--now", sim.socket)
        status = os.stat(sim.path)
        user = pwd.getpwnam("vgpu-bridge")
        check(stat.S_ISSOCK(status.st_mode) and stat.S_IMODE(status.st_mode) == 0o660 and
              status.st_uid == user.pw_uid and status.st_gid == user.pw_gid,
              f"the socket: mode {status.st_mode:o}, {status.st_uid}:{status.st_gid}")
        folder = os.stat("/run/vgpu-bridge")
        check(stat.S_IMODE(folder.st_mode) == 0o755 and folder.st_uid == user.pw_uid,
              f"its folder: mode {folder.st_mode:o}, {folder.st_uid}")
        check(not sim.active(), "the service runs before anybody connects")
        sim.picture(640, 480)
        check(sim.active(), "the service is not active")
        wait_for("the status", SECONDS,
                 lambda: sim.show("StatusText").startswith("picture 640x480; 1 viewer;"))
        check_confined(sim, None)
        check_control()
        score = run("systemd-analyze", "security", "--no-pager", sim.service).splitlines()[-1]
        found = re.search(r"exposure level for .*: ([0-9.]+)", score)
        check(found and float(found.group(1)) <= 2.0, score)
        print(score)
        # It is stopped by a person; the next viewer finds it again.
        run("systemctl", "stop", sim.service)
        check(os.path.exists(sim.path), "the socket went with the service")
        sim.picture(640, 480)
        run("systemctl", "disable", sim.socket)


def restart():
    """One that is killed comes back, at the same socket."""
    with Instance("sim", SIMULATED) as sim:
        sim.start()
        viewer = sim.picture(640, 480)
        before = sim.pid
        run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", sim.service)
        # The kernel keeps those that come meanwhile.
        sim.picture(640, 480)
        check(sim.pid not in (0, before), "it is the same process")
        check_control()
        check(int(sim.show("NRestarts")) >= 1 or "vgpu-bridge" in sim.journal(), "no restart")
        viewer.kill()
    # What is wrong in the configuration is not tried again and again.
    with Instance("wrong", "simulate=640x480\nno-such-key=1\n") as wrong:
        run("systemctl", "start", wrong.service, good=False)
        wait_for("the failure", SECONDS, lambda: wrong.show("ActiveState") == "failed")
        check(wrong.show("ExecMainStatus") == "2" and wrong.show("NRestarts") == "0",
              f"exit status {wrong.show('ExecMainStatus')}, {wrong.show('NRestarts')} restarts")
        check("no-such-key" in wrong.journal(), wrong.journal())


def command(path, text):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(f"{path}.answer")
        os.chmod(f"{path}.answer", 0o777)
        sock.settimeout(SECONDS)
        sock.sendto(text.encode(), path)
        answer = sock.recv(4096)
    os.unlink(f"{path}.answer")
    return answer


def watchdog():
    """A capture thread that hangs is noticed and the bridge started anew; one that sleeps is not."""
    control = "/run/vgpu-bridge/hang.control"
    with Instance("hang", f"simulate=640x480,scene=box,control={control}\nrenderer=cpu\n",
                  "WatchdogSec=8\n") as hang:
        hang.start()
        before = hang.pid
        asleep = time.monotonic()
        hang.picture(640, 480)
        wait_for("the status", SECONDS,
                 lambda: hang.show("StatusText").startswith("picture 640x480; 1 viewer;"))
        # Longer than the watchdog's time, asleep and awake.
        time.sleep(max(0, asleep + 17 - time.monotonic()))
        check(hang.pid == before, "a bridge in good health was started anew")
        command(control, "fault hang")
        wait_for("the restart", SECONDS, lambda: hang.active() and hang.pid not in (0, before))
        check("atchdog" in hang.journal() and "does not return" in hang.journal(),
              f"why: {hang.journal()}")
        check(int(hang.show("NRestarts")) >= 1, "no restart is counted")
        hang.picture(640, 480)


def credential():
    """A password that only root may read."""
    secret = "/etc/credstore/vgpu-bridge.sim.password"
    write(secret, "open sesame\n")
    os.chmod(secret, 0o600)
    try:
        with Instance("sim", SIMULATED) as sim:
            sim.start()
            rejected = sim.viewer()
            check(not rejected.ask(f"wait-connected {MS // 10}", SECONDS)["ok"],
                  "no password is asked for")
            allowed = sim.viewer("--password", "open sesame")
            allowed.connected(MS)
            allowed.size(640, 480, MS)
    finally:
        os.unlink(secret)


def network():
    """Without one of its own: by a socket of systemd, or as the verb unit opens it."""
    with Instance("net", SIMULATED) as net:
        write(f"/etc/systemd/system/{net.socket}.d/test.conf",
              "[Socket]\nListenStream=127.0.0.1:5999\n")
        run("systemctl", "daemon-reload")
        run("systemctl", "start", net.socket)
        viewer = net.viewer_at("spice://127.0.0.1:5999")
        viewer.connected(MS)
        viewer.size(640, 480, MS)
    config = SIMULATED + "listen=tcp:127.0.0.1:5998\n"
    with Instance("tcp", config) as tcp:
        run("systemctl", "start", tcp.service, good=False)
        wait_for("the failure", SECONDS, lambda: "SYSTEMD" in tcp.journal())
    run("vgpu-bridge", "unit", "tcp", "--network", "--install")
    with Instance("tcp", config) as tcp:
        tcp.start()
        viewer = tcp.viewer_at("spice://127.0.0.1:5998")
        viewer.connected(MS)
        viewer.size(640, 480, MS)


class Mdpy:
    """An mdpy for as long as the block lasts."""

    def __enter__(self):
        if not os.path.exists("/sys/module/mdpy"):
            for name in ("vfio", "vfio_iommu_type1", "mdev"):
                run("modprobe", name)
            run("insmod", "/share/modules/mdpy.ko")
        self.uuid = run("vgpu-bridge", "create", "--parent", "mdpy", "--type", "mdpy-vga")
        self.path = f"/sys/bus/mdev/devices/{self.uuid}"
        self.picture = f"/tmp/{self.uuid}"
        run("udevadm", "settle")
        return self

    def __exit__(self, kind, value, trace):
        run("vgpu-bridge", "remove", self.uuid)

    @property
    def node(self):
        return f"/dev/vfio/{os.path.basename(os.readlink(f'{self.path}/iommu_group'))}"

    def paint(self, pid, seed):
        run(POKE, "picture", str(seed), "640", "480", str(640 * 4), self.picture)
        run(POKE, str(pid), "put", self.picture)


def check_picture(instance, device, holder, seed):
    device.paint(holder, seed)
    viewer = instance.picture(640, 480)
    viewer.compare(device.picture, MS)
    device.paint(holder, seed + 1)
    viewer.compare(device.picture, MS)


PTRACE = 1 << 19
DAC_READ_SEARCH = 1 << 2


def mdpy():
    """A kernel's device, opened by the group kvm: the rule of udev gives it to that."""
    with Mdpy() as device:
        status = os.stat(device.node)
        kvm = os.stat("/dev/vfio/vfio")
        check(stat.S_IMODE(status.st_mode) == 0o660 and status.st_gid == group("kvm"),
              f"{device.node}: mode {status.st_mode:o}, group {status.st_gid}; "
              f"/dev/vfio/vfio: {kvm.st_mode:o}")
        with Instance(device.uuid) as bridge:
            bridge.start()
            check_picture(bridge, device, bridge.pid, 1)
            check_confined(bridge, 0)


def group(name):
    for line in read("/etc/group").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split(":")[2])
    raise AssertionError(f"no group {name}")


HOLDER = ("import signal, sys; print('holding', flush=True); "
          "signal.sigwait({signal.SIGTERM})")


def machine():
    """A device that another user's QEMU has: the broker takes a duplicate, inside the sandbox."""
    with Mdpy() as device:
        holder = subprocess.Popen(
            [POKE, "open", "mdev", device.uuid, "setpriv", "--reuid=nobody", "--regid=nogroup",
             "--clear-groups", "bash", "-c", 'exec -a qemu-system-x86_64 "$@"', "bash", "python3",
             "-c", HOLDER, "-name", "guest=box one"],
            stdout=subprocess.PIPE, text=True)
        try:
            check(holder.stdout.readline() == "holding\n", "nobody holds the device")
            with Instance("box one") as bridge:
                # As libvirt does when the machine starts.
                run("/etc/libvirt/hooks/qemu.d/vgpu-bridge", "box one", "started", "begin", "-")
                wait_for("the device", SECONDS,
                         lambda: "device there" in bridge.show("StatusText"))
                check_picture(bridge, device, holder.pid, 3)
                check_confined(bridge, PTRACE | DAC_READ_SEARCH)
                holder.terminate()
                holder.wait(SECONDS)
                wait_for("its end", SECONDS,
                         lambda: bridge.show("StatusText").startswith("no device: "))
        finally:
            holder.kill()
            holder.wait()


def confined_by_apparmor():
    """The example of a profile: what it forbids, the bridge does not need."""
    if not os.path.exists("/sys/kernel/security/apparmor/profiles"):
        print("skipped: this kernel has no AppArmor")
        return
    profile = "/usr/share/vgpu-bridge/apparmor/vgpu-bridge"
    run("apparmor_parser", "-r", profile)
    try:
        profile_of_unit = "AppArmorProfile=vgpu-bridge\n"
        with Instance("confined", SIMULATED, profile_of_unit) as sim:
            sim.start()
            sim.picture(640, 480)
            have = read(f"/proc/{sim.pid}/attr/current").strip("\0\n")
            check(have == "vgpu-bridge (enforce)", f"the process is {have}")
        with Mdpy() as device, Instance("device", f"mdev={device.uuid}\nrenderer=cpu\n",
                                        profile_of_unit) as bridge:
            bridge.start()
            check_picture(bridge, device, bridge.pid, 5)
        denied = [line for line in run("dmesg").splitlines() if 'apparmor="DENIED"' in line]
        check(not denied, "\n".join(denied))
    finally:
        run("apparmor_parser", "-R", profile)


CASES = (socket_activation, restart, watchdog, credential, network, mdpy, machine, confined_by_apparmor)


def main():
    wanted = sys.argv[1:] or [case.__name__ for case in CASES]
    wrong = 0
    state = wait_for("the end of the boot", SECONDS,
                     lambda: run("systemctl", "is-system-running", good=False) != "initializing")
    print(f"systemd has booted in {read('/proc/uptime').split()[0]} s", state, flush=True)
    for function in CASES:
        if function.__name__ not in wanted:
            continue
        begin = time.monotonic()
        try:
            function()
            verdict = "ok"
        except Exception:  # pylint: disable=broad-except
            traceback.print_exc(file=sys.stdout)
            verdict = "FAILED"
            wrong += 1
        print(f"{verdict}: {function.__name__} ({time.monotonic() - begin:.0f} s)", flush=True)
    return 1 if wrong else 0


sys.exit(main())
