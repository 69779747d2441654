# SPDX-License-Identifier: MIT
"""The bridge beside a libvirt that starts QEMU, each of the three as a user of its own."""

import contextlib
import os
import shutil
import subprocess
import time

import bed
import qemu
import qemu_cases
from bed import Device, check, wait_for
from qemu import PROMPT, Screen

NAME = "the-guest"
# libvirt confines QEMU by AppArmor where that is set up, logs through a daemon of its own, and gives
# QEMU a /dev of its own; the machine has none of these.
DAEMON = 'auth_unix_rw = "none"\nauth_unix_ro = "none"\n'
QEMU = 'stdio_handler = "file"\nsecurity_driver = "none"\nnamespaces = []\n'
PLACE = "/var/lib/libvirt/qemu" # of the second monitor: QEMU's user may write there

# The firmware's file goes in by an override: <rom file=> is for PCI devices only.
DOMAIN = f"""
<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>{NAME}</name>
  <memory unit='MiB'>64</memory>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <bootmenu enable='yes' timeout='{qemu.MENU_WAIT * 1000}'/>
  </os>
  <features><acpi/></features>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <hostdev mode='subsystem' type='mdev' model='vfio-pci' display='off'>
      <source><address uuid='%s'/></source>
    </hostdev>
    <video><model type='none'/></video>
    <memballoon model='none'/>
    <controller type='usb' model='none'/>
  </devices>
  <qemu:commandline>
    <qemu:arg value='-qmp'/>
    <qemu:arg value='unix:{PLACE}/{NAME}.qmp,server=on,wait=off'/>
  </qemu:commandline>
  <qemu:override>
    <qemu:device alias='hostdev0'>
      <qemu:frontend>
        <qemu:property name='romfile' type='string' value='{qemu.VIDEO_BIOS}'/>
      </qemu:frontend>
    </qemu:device>
  </qemu:override>
</domain>
"""


def virsh(*words):
    result = subprocess.run(["virsh", "--quiet", *words], capture_output=True, text=True,
                            timeout=qemu.SLOW)
    check(result.returncode == 0, f"virsh {' '.join(words)}: {result.stderr.strip()}")
    return result.stdout.strip()


@contextlib.contextmanager
def daemon(setup):
    """libvirtd, by hand."""
    bed.write("/etc/libvirt/libvirtd.conf", DAEMON)
    bed.write("/etc/libvirt/qemu.conf", QEMU)
    path = setup.path("libvirtd")
    with open(path, "wb") as log:
        process = subprocess.Popen(["libvirtd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_for("libvirtd", qemu.SLOW, lambda: os.path.exists("/run/libvirt/libvirt-sock"))
        yield
    except BaseException:
        print(f"--- libvirtd said:\n{bed.read(path)[-3000:]}---")
        with contextlib.suppress(FileNotFoundError):
            print(bed.read(f"/var/log/libvirt/qemu/{NAME}.log")[-3000:])
        raise
    finally:
        process.terminate()
        process.wait(60)


class Domain(qemu.Started):
    """What press_escape() needs of a domain."""

    def reset(self):
        self.begin = time.monotonic()
        virsh("reset", NAME)

    def start(self):
        virsh("start", NAME)
        self.begin = time.monotonic()

    @property
    def pid(self):
        return int(bed.read(f"/run/libvirt/qemu/{NAME}.pid"))


HOOK = "/etc/libvirt/hooks/qemu.d/vgpu-bridge"
CALLS = "/tmp/systemctl-calls"


@contextlib.contextmanager
def hook():
    """Ours, and a systemctl that hangs and fails: the domain has to start all the same."""
    os.makedirs(os.path.dirname(HOOK), exist_ok=True)
    os.makedirs("/etc/vgpu-bridge", exist_ok=True)
    shutil.copy(f"{bed.HERE}/bin/vgpu-bridge.hook", HOOK)
    bed.write("/usr/bin/systemctl", f"#!/bin/sh\necho \"$*\" >>{CALLS}\nsleep 600\nexit 1\n")
    bed.write(f"/etc/vgpu-bridge/{NAME}.conf", "")
    bed.write(CALLS, "")
    for path in (HOOK, "/usr/bin/systemctl"):
        os.chmod(path, 0o755)
    try:
        yield
    finally:
        os.unlink(HOOK)


def check_unit():
    """The verb unit reads what libvirt has made of the domain."""
    words = subprocess.run([bed.PROGRAM, "unit", NAME], capture_output=True, text=True, check=True)
    for wanted in (f"\nvm={NAME}\n", f"\nqmp=unix:{PLACE}/{NAME}.qmp\n",
                   "\nSupplementaryGroups=libvirt-qemu\n"):
        check(wanted in words.stdout, f"unit: no {wanted!r} in: {words.stdout}{words.stderr}")
    check("no such domain" not in words.stderr, words.stderr)


def libvirt(setup):
    """A domain with a vGPU and no display, seen by its name, by a user with what a unit grants."""
    qemu_cases.group_only(setup)
    user = subprocess.run(["id", "-u", "libvirt-qemu"], capture_output=True, text=True, check=True)
    group = subprocess.run(["id", "-G", "libvirt-qemu"], capture_output=True, text=True, check=True)
    os.chmod(setup.directory, 0o777)
    groups = group.stdout.strip().replace(" ", ",")
    few = ["setpriv", "--reuid=65534", "--regid=65534", f"--groups={groups}",
           *qemu_cases.capabilities()]
    with Device("mbochs-medium") as device, hook(), daemon(setup):
        path = setup.path("domain")
        bed.write(path, DOMAIN % device.uuid)
        virsh("define", path)
        check_unit()
        domain = Domain()
        with setup.serve(device, ([f"--vm={NAME}"], few), [f"--qmp=unix:{PLACE}/{NAME}.qmp"],
                         read_only=False) as (b, viewer):
            screen = Screen(setup, viewer)
            setup.log_has(b, f"no virtual machine called {NAME} is running")
            domain.start()
            called = f"--no-block start vgpu-bridge@{NAME}.service\n"
            wait_for("the hook", 60, lambda: bed.read(CALLS) == called)
            qemu_cases.press_escape(screen, domain)
            qemu_cases.check_sandboxed(b)
            status = bed.read(f"/proc/{domain.pid}/status")
            check(f"Uid:\t{user.stdout.strip()}\t" in status, f"QEMU is of another user: {status}")
            virsh("destroy", NAME)
            setup.log_has(b, "the virtual machine is off")
            screen.wait_without(PROMPT)
            domain.start()
            screen.wait(PROMPT)
            check(virsh("domstate", NAME) == "running", "the domain was disturbed")
            virsh("destroy", NAME)
        virsh("undefine", NAME)


CASES = ((libvirt, ("cpu",)),)
