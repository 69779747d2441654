# SPDX-License-Identifier: MIT
"""What the verbs qemu-args and xml print for a real device: QEMU and libvirt start a machine with it,
and the bridge is started by the command that is printed with it."""

import contextlib
import json
import os
import shlex
import subprocess

import bed
import libvirt_cases
import qemu
import qemu_cases
from bed import MS, Device, check, poke, wait_for

NAME = "printed"


class Printed(bed.Bridge):
    """A bridge with the very words that were printed; of ours is only the renderer's name."""

    def __init__(self, setup, device, serve):
        super().__init__(setup, device, "mdev")
        at = serve.index("vgpu-bridge")
        self.command_line = [*serve[:at], bed.PROGRAM, *serve[at + 1:],
                             f"--renderer={setup.renderer}"]


@contextlib.contextmanager
def serving(setup, device, serve):
    b = Printed(setup, device, serve)
    try:
        b.start()
        with setup.client(b.unix) as viewer:
            yield b, viewer
        _, code = b.stop(60)
        check(code == 0, f"the bridge ended with {code}")
    except BaseException:
        print(b.log_tail())
        raise
    finally:
        b.kill()


def ask(verb, device, *words):
    """What a verb prints, and the command for serve."""
    result = subprocess.run([bed.PROGRAM, verb, device.uuid, f"--vm={NAME}", *words],
                            capture_output=True, text=True, timeout=120)
    check(result.returncode == 0, f"{verb} ended with {result.returncode}: {result.stderr}")
    lines = result.stderr.splitlines()
    # The versions are those of the programs here.
    check("not found" not in lines[0], f"no version: {lines[0]}")
    serve = shlex.split(lines[-1])
    check("vgpu-bridge serve --vm" in lines[-1], f"the command is {lines[-1]}")
    return result.stdout, serve


def look_and_use(setup, device, b, viewer, pid, chardevs):
    """A picture that is put into the device, the tablet, and each socket joined."""
    size = (640, 480) if device.kind == "mdpy-vga" else (800, 600)
    path = setup.picture(1, *size)
    wait_for("the device in the bridge", qemu.SLOW,
             lambda: any("vfio-device" in name for name in qemu_cases.pins(b.pid)))
    poke(pid, "put", path)
    if device.kind != "mdpy-vga":
        poke(pid, "mode", *size, size[0], 0, 0)
    viewer.size(*size, MS)
    viewer.compare(path, MS)
    setup.log_has(b, "the guest's pointer is")

    def joined():
        found = {entry["label"]: entry["filename"] for entry in chardevs()}
        return all(not found[name].startswith("disconnected") for name in found
                   if "agent" in name or "webdav" in name or "channel" in name)

    wait_for("the bridge at the sockets", 60, joined)


def printed_args(setup):
    """On QEMU's command line, on both drivers."""
    qemu_cases.group_only(setup)
    for kind in ("mdpy-vga", "mbochs-medium"):
        with Device(kind) as device:
            text, serve = ask("qemu-args", device, f"--sockets={setup.directory}", "--with=webdav",
                              "--machine=pc")
            line = [word for option in text.splitlines() for word in option.split(" ")]
            q = qemu.Qemu(setup, device)
            # The test's own monitor stays, the rest is what was printed.
            q.line = [qemu.PROGRAM, "-accel", "tcg", "-m", "64", "-nodefaults", *line,
                      "-qmp", f"unix:{q.monitor_path},server=on,wait=off"]
            q.qmp = serve[serve.index("--qmp") + 1][len("unix:"):]
            with q, serving(setup, device, serve) as (b, viewer):
                look_and_use(setup, device, b, viewer, q.pid,
                             lambda: q.monitor.command("query-chardev"))
                check(q.running() and q.monitor.status() == "running", "the guest was disturbed")


def printed_xml(setup):
    """As a domain of libvirt."""
    qemu_cases.group_only(setup)
    with Device("mbochs-medium") as device, libvirt_cases.daemon(setup):
        text, serve = ask("xml", device, "--with=qmp", "--with=webdav")
        # There is no KVM in here, and not so much memory.
        text = text.replace("type='kvm'", "type='qemu'").replace("<memory unit='GiB'>4<",
                                                                 "<memory unit='MiB'>64<")
        text = text.replace("<cpu mode='host-passthrough'/>", "")
        bed.write(setup.path("domain"), text)
        libvirt_cases.virsh("define", "--validate", setup.path("domain"))
        try:
            with serving(setup, device, serve) as (b, viewer):
                setup.log_has(b, f"no virtual machine called {NAME} is running")
                libvirt_cases.virsh("start", NAME)
                pid = int(bed.read(f"/run/libvirt/qemu/{NAME}.pid"))
                look_and_use(setup, device, b, viewer, pid, lambda: chardevs(NAME))
                libvirt_cases.virsh("destroy", NAME)
                setup.log_has(b, "the virtual machine is off")
        except BaseException:
            with contextlib.suppress(OSError):
                print(bed.read(f"/var/log/libvirt/qemu/{NAME}.log")[-3000:])
            raise
        finally:
            subprocess.run(["virsh", "destroy", NAME], capture_output=True, timeout=60)
            libvirt_cases.virsh("undefine", NAME)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(serve[serve.index("--listen") + 1][len("unix:"):])


def chardevs(name):
    answer = libvirt_cases.virsh("qemu-monitor-command", name, '{"execute":"query-chardev"}')
    return json.loads(answer)["return"]


CASES = (
    (printed_args, ("cpu",)),
    (printed_xml, ("cpu",)),
)
