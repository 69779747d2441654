#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: unit.py PROGRAM

The verb unit on trees that stand for hosts: what it makes of libvirt's file or of a running QEMU, that
the bridge takes the configuration, and that installing loses nothing.
"""

import os
import re
import socket
import stat
import subprocess
import sys
import tempfile

PROGRAM = sys.argv[1]
UUID = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"
OTHER = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1002"

DOMAIN = f"""<!--
WARNING: THIS IS AN AUTO-GENERATED FILE.
-->
<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>win10</name>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <serial type='unix'>
      <source mode='bind' path='/run/not/this.serial'/>
    </serial>
    <channel type='unix'>
      <source mode='bind' path='/var/lib/libvirt/qemu/win10.agent'/>
      <target type='virtio' name='com.redhat.spice.0'/>
      <address type='virtio-serial' controller='0' bus='0' port='1'/>
    </channel>
    <channel type='unix'>
      <target type='virtio' name='org.qemu.guest_agent.0'/>
    </channel>
    <channel type='unix'>
      <source mode='bind' path='/var/lib/libvirt/qemu/win10.own'/>
      <target type='virtio' name='org.example.own.0'/>
    </channel>
    <redirdev bus='usb' type='unix'>
      <source mode='bind' path='/var/lib/libvirt/qemu/win10.usb1'/>
    </redirdev>
    <hostdev mode='subsystem' type='mdev' model='vfio-pci' display='off'>
      <source><address uuid='{UUID}'/></source>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x05' function='0x0'/>
    </hostdev>
    <hostdev mode='subsystem' type='pci'>
      <source><address domain='0x0000' bus='0x03' slot='0x00' function='0x0'/></source>
    </hostdev>
  </devices>
  <qemu:commandline>
    <qemu:arg value='-qmp'/>
    <qemu:arg value='unix:/var/lib/libvirt/qemu/win10.qmp,server=on,wait=off'/>
  </qemu:commandline>
</domain>
"""

QEMU = ["/usr/bin/qemu-system-x86_64", "-name", "guest=box one,debug-threads=on", "-m", "2G",
        "-device", f"vfio-pci,sysfsdev=/sys/bus/mdev/devices/{UUID},display=off",
        "-device", "{\"driver\":\"vfio-pci-nohotplug\",\"sysfsdev\":\"/sys/bus/mdev/devices/"
        + OTHER + "\"}",
        "-device", "virtserialport,chardev=a,name=com.redhat.spice.0",
        "-chardev", "socket,id=a,path=/run/box,,one.agent,server=on,wait=off",
        "-chardev", "socket,id=charmonitor,path=/run/libvirts.own,server=on,wait=off",
        "-mon", "chardev=charmonitor,id=monitor,mode=control",
        "-chardev", "socket,id=m,path=/home/alice/box.qmp,server=on,wait=off",
        "-mon", "chardev=m,mode=control",
        "-chardev", "socket,id=w,path=/run/bad\npath=x",
        "-device", "virtserialport,chardev=w,name=org.spice-space.webdav.0",
        "-chardev", "socket,id=u,path=/tmp/box.usb,server=on",
        "--device", "usb-redir,chardev=u",
        "-chardev", "socket,id=c,path=relative.card",
        "-device", "ccid-card-passthru,chardev=c"]


def fail(text):
    raise AssertionError(text)


def write(root, path, text):
    full = os.path.join(root, path.lstrip("/"))
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "w", encoding="utf-8") as file:
        file.write(text)
    return full


def unit(root, *words, status=0):
    done = subprocess.run([PROGRAM, "unit", "--root", root, *words], text=True, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode != status:
        fail(f"unit {words}: {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout, done.stderr


def files(text):
    """What is printed, by path, without comments."""
    parts = re.split(r"^### (\S+).*\n", text, flags=re.M)[1:]
    return {path: [line for line in body.splitlines() if line and line[0] != "#"]
            for path, body in zip(parts[::2], parts[1::2])}


def takes(root, path):
    """The bridge reads what was written; all that it lacks is an address."""
    done = subprocess.run([PROGRAM, "serve", "--config", os.path.join(root, path.lstrip("/"))],
                          text=True, timeout=60, stderr=subprocess.PIPE, check=False)
    if done.returncode != 2 or "no address" not in done.stderr:
        fail(f"{path}: {done.returncode}: {done.stderr}")


def equal(have, wanted):
    if have != wanted:
        fail(f"{have}\nis not\n{wanted}")


def libvirt(root):
    write(root, "/etc/libvirt/qemu/win10.xml", DOMAIN)
    write(root, "/etc/group", "root:x:0:\nlibvirt-qemu:x:64055:\n")
    os.makedirs(f"{root}/proc")
    words, notes = unit(root, "win10")
    found = files(words)
    conf, drop_in = "/etc/vgpu-bridge/win10.conf", \
        "/etc/systemd/system/vgpu-bridge@win10.service.d/unit.conf"
    equal(found[conf], ["[vgpu-bridge]", "vm=win10", "qmp=unix:/var/lib/libvirt/qemu/win10.qmp",
                        "agent=unix:/var/lib/libvirt/qemu/win10.agent",
                        "usbredir=unix:/var/lib/libvirt/qemu/win10.usb1"])
    if "# port=org.example.own.0=unix:/var/lib/libvirt/qemu/win10.own" not in words:
        fail(words)
    equal(found[drop_in], ["[Service]", "SupplementaryGroups=libvirt-qemu"])
    if "enable --now vgpu-bridge@win10.socket" not in words or "not installed" not in notes:
        fail(words + notes)
    write(root, "/lib/systemd/system/vgpu-bridge@.service", "")
    equal(unit(root, "win10")[1], "")

    # Twice, and then with a change by somebody.
    words, _ = unit(root, "win10", "--install")
    equal(words.count("written: "), 2)
    takes(root, conf)
    for path in (conf, drop_in):
        equal(stat.S_IMODE(os.stat(root + path).st_mode), 0o644)
    words, _ = unit(root, "win10", "--install")
    equal((words.count("written: "), words.count("as it should be: ")), (0, 2))
    write(root, conf, "mine\n")
    words, _ = unit(root, "win10", "--install", "--network")
    equal(words.count("left alone"), 2)
    with open(root + conf, encoding="utf-8") as file:
        equal(file.read(), "mine\n")
    os.unlink(root + drop_in)
    unit(root, "win10", "--install", "--network")
    with open(root + drop_in, encoding="utf-8") as file:
        if "\nPrivateNetwork=no\nIPAddressDeny=\nRestrictAddressFamilies=AF_INET" not in file.read():
            fail("no network")
    equal(sorted(os.listdir(f"{root}/etc/vgpu-bridge")), ["win10.conf"])


def running(root):
    write(root, "/proc/4711/cmdline", "\0".join(QEMU) + "\0")
    write(root, "/etc/group", "root:x:0:\nalice:x:4242:\n")
    write(root, "/lib/systemd/system/vgpu-bridge@.service", "")
    os.makedirs(f"{root}/run")
    with socket.socket(socket.AF_UNIX) as agent:
        here = os.getcwd()
        os.chdir(f"{root}/run")
        agent.bind("box,one.agent")
        os.chdir(here)
    wanted = ["[Service]", "PrivateTmp=no", "ProtectHome=read-only"]
    if os.getuid() == 0:
        os.chown(f"{root}/run/box,one.agent", 0, 4242)
        wanted.insert(1, "SupplementaryGroups=alice")
    words, notes = unit(root, "box one")
    equal(notes, "")
    found = files(words)
    equal(found["/etc/vgpu-bridge/box_one.conf"],
          ["[vgpu-bridge]", "vm=box one", f"mdev={UUID}", "qmp=unix:/home/alice/box.qmp",
           "agent=unix:/run/box,one.agent", "usbredir=unix:/tmp/box.usb"])
    equal(found["/etc/systemd/system/vgpu-bridge@box_one.service.d/unit.conf"], wanted)
    if f"# mdev={OTHER}" not in words or "process 4711" not in words:
        fail(words)
    unit(root, "box one", "--install")
    takes(root, "/etc/vgpu-bridge/box_one.conf")
    if os.getuid() == 0:
        # A user's process may name a socket of another's, which opens no group.
        os.chown(f"{root}/proc/4711/cmdline", 4243, 4243)
        words, notes = unit(root, "box one")
        if "SupplementaryGroups" in words or "process 4711" not in notes or "4243" not in notes:
            fail(words + notes)
        # Nor does one who starts a set-user-id program by QEMU's name.
        os.chown(f"{root}/proc/4711/cmdline", 0, 0)
        write(root, "/proc/4711/status", "Name:\tsu\nUid:\t4243\t0\t0\t0\n")
        words, notes = unit(root, "box one")
        if "SupplementaryGroups" in words or "4243" not in notes:
            fail(words + notes)
        os.chown(f"{root}/run/box,one.agent", 4243, 4242)
        if "SupplementaryGroups=alice" not in unit(root, "box one")[0]:
            fail("the user's own socket")
    # A control sequence in place of a path, in 8 bits and in 7, is no path.
    evil = [word.replace("/home/alice", "/home/\x9b2J").replace("/tmp/", "/t\x1b]/") for word in QEMU]
    write(root, "/proc/4711/cmdline", "\0".join(evil) + "\0")
    words, _ = unit(root, "box one")
    if "\x9b" in words or "\x1b" in words or "qmp=unix:/home" in words:
        fail(words)
    # Two of one name.
    write(root, "/proc/4712/cmdline", "\0".join(QEMU) + "\0")
    _, notes = unit(root, "box one", status=1)
    if "4711" not in notes or "4712" not in notes:
        fail(notes)


def others(root):
    os.makedirs(f"{root}/proc")
    os.makedirs(f"{root}/sys/bus/mdev/devices/{UUID}")
    write(root, "/etc/libvirt/qemu/broken.xml", "<domain><devices>")
    found = files(unit(root, UUID)[0])
    equal(found[f"/etc/vgpu-bridge/{UUID}.conf"], ["[vgpu-bridge]", f"mdev={UUID}"])
    equal(found[f"/etc/systemd/system/vgpu-bridge@{UUID}.service.d/unit.conf"],
          ["[Service]", "AmbientCapabilities=", "CapabilityBoundingSet="])
    for name, instance in (("none", "none"), ("broken", "broken"), ("../../etc/x y", ".._.._etc_x_y"),
                           ("f\u00fcr", "f__r")):
        words, notes = unit(root, name)
        equal(list(files(words)), [f"/etc/vgpu-bridge/{instance}.conf", "then,"])
        if "libvirt knows no such domain" not in notes:
            fail(notes)
    for name in ("", "two\nlines", "x" * 201):
        unit(root, name, status=2)
    if os.getuid() == 0:
        # The second file can't be written: the first is taken back.
        folder = write(root, "/etc/systemd/system/vgpu-bridge@half.service.d", "a file")
        unit(root, "half", "--install", "--network", status=1)
        equal(os.path.exists(root + "/etc/vgpu-bridge/half.conf"), False)
        os.unlink(folder)
        # A folder that can't be written to.
        os.rmdir(f"{root}/etc/vgpu-bridge")
        write(root, "/etc/vgpu-bridge", "a file")
        if "can't be written" not in unit(root, "none", "--install", status=1)[1]:
            fail("said nothing")


def main():
    for case in (libvirt, running, others):
        with tempfile.TemporaryDirectory() as root:
            case(root)


main()
