#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A disc in the viewer's machine, given to the guest of a real QEMU as a USB drive: it boots from it.

The disc has a program in its boot sector that writes a sentence to the BIOS' debug port. So the guest
has found the drive through usb-redir, the bridge and spice-gtk, and has read sectors of the file.
"""

import json
import random
import shutil
import socket
import struct
import subprocess

import case
from case import Skip, check, wait_for

SECTOR = 2048
DEBUG_PORT = 0x402
LOADED_AT, TEXT_AT = 0x7c00, 0x40


def boot_sector(text):
    """8086 code: writes text to the debug port and halts."""
    program = bytes([
        0xfc,                                                       # cld
        0x31, 0xc0, 0x8e, 0xd8,                                     # xor ax, ax; mov ds, ax
        0xbe, *struct.pack("<H", LOADED_AT + TEXT_AT),              # mov si, text
        0xba, *struct.pack("<H", DEBUG_PORT),                       # mov dx, port
        0xac, 0x84, 0xc0, 0x74, 3,                                  # 1: lodsb; test al, al; jz 2f
        0xee, 0xeb, 0xf8,                                           # out dx, al; jmp 1b
        0xf4, 0xeb, 0xfd,                                           # 2: hlt; jmp 2b
    ])
    return program.ljust(TEXT_AT, b"\0") + text.encode() + b"\0"


def disc(text, sectors=4096):
    """An ISO 9660 image that boots without emulation (El Torito), with noise after that."""
    def both(code, number):
        return struct.pack("<" + code, number) + struct.pack(">" + code, number)

    def place(sector, data):
        image[sector * SECTOR:sector * SECTOR + len(data)] = data

    image = bytearray(sectors * SECTOR)
    image[32 * SECTOR:] = random.Random(text).randbytes((sectors - 32) * SECTOR)
    root = bytearray(34)
    root[0], root[25], root[32] = 34, 2, 1
    root[2:10], root[10:18], root[28:32] = both("I", 21), both("I", SECTOR), both("H", 1)
    volume = bytearray(b"\1CD001\1".ljust(SECTOR, b"\0"))
    volume[80:88], volume[120:124] = both("I", sectors), both("H", 1)
    volume[124:128], volume[128:132], volume[156:190] = both("H", 1), both("H", SECTOR), root
    place(16, volume)
    record = bytearray(b"\0CD001\1EL TORITO SPECIFICATION".ljust(SECTOR, b"\0"))
    record[71:75] = struct.pack("<I", 19)
    place(17, record)
    place(18, b"\xffCD001\1")
    catalog = bytearray(64)
    catalog[0], catalog[30], catalog[31] = 1, 0x55, 0xaa
    catalog[28:30] = struct.pack("<H", -sum(struct.unpack_from("<16H", catalog)) & 0xffff)
    catalog[32] = 0x88
    catalog[38:44] = struct.pack("<HI", 4, 20)
    place(19, catalog)
    place(20, boot_sector(text))
    return bytes(image)


class Qemu:
    """A machine without a disk, whose one USB device is the viewer's."""

    def __init__(self, setup, usb):
        if not shutil.which("qemu-system-x86_64"):
            raise Skip("no qemu-system-x86_64 (Debian: qemu-system-x86)")
        self.debug = setup.path("debug")
        monitor = setup.path("qmp")
        self.process = subprocess.Popen([
            "qemu-system-x86_64", "-accel", "tcg", "-m", "32", "-nodefaults", "-vga", "none",
            "-display", "none", "-S", "-debugcon", f"file:{self.debug}",
            "-global", f"isa-debugcon.iobase={DEBUG_PORT}",
            "-qmp", f"unix:{monitor},server=on,wait=off", "-device", "qemu-xhci",
            "-chardev", f"socket,id=u,path={usb},server=on,wait=off",
            "-device", "usb-redir,chardev=u,bootindex=1"])
        self.socket = socket.socket(socket.AF_UNIX)

        def connected():
            if self.process.poll() is not None:
                raise AssertionError(f"QEMU ended with {self.process.returncode}")
            try:
                self.socket.connect(monitor)
            except OSError:
                return False
            return True

        wait_for("QEMU's monitor", 20, connected)
        self.socket.settimeout(20)
        self.file = self.socket.makefile("rw")
        self.file.readline()
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        self.file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            answer = json.loads(self.file.readline())
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise AssertionError(f"{command}: {answer['error']['desc']}")

    def usb_devices(self):
        return self.ask("human-monitor-command", **{"command-line": "info usb"})

    def said(self):
        try:
            with open(self.debug, encoding="latin-1") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.file.close()
        self.socket.close()


def boots_from_viewers_disc(setup):
    path = setup.path("usb")
    qemu = None
    try:
        qemu = Qemu(setup, path)
        with setup.bridge("320x240", [f"--usbredir=unix:{path}"]) as b:
            for number, uri in enumerate((b.unix, b.tcp)):
                text = f"sentence {number} of {random.getrandbits(64)}"
                image = setup.path(f"disc{number}")
                with open(image, "wb") as file:
                    file.write(disc(text))
                with setup.client(uri, "--usbredir") as c:
                    c.size(320, 240)
                    c.do(f"usb-disc {image} 20000", timeout=30)
                    qemu.ask("system_reset" if number else "cont")
                    wait_for("the disc's sentence", 60, lambda: text in qemu.said())
                    devices = qemu.usb_devices()
                    check("Speed 480 Mb/s" in devices, f"info usb: {devices}")
                # With the viewer its device leaves the guest, and the next begins anew.
                wait_for("the device's end", 20,
                         lambda: "Speed 480 Mb/s" not in qemu.usb_devices())
            counters = b.counters()["relays"]["usbredir"]
            check(counters["renewals"] == 2 and counters["losses"] == 0, str(counters))
            check(counters["to_guest"] > 2 * SECTOR, str(counters))
    except BaseException:
        print(qemu.said()[-2000:] if qemu else "no QEMU")
        raise
    finally:
        if qemu:
            qemu.kill()


if __name__ == "__main__":
    case.main(boots_from_viewers_disc)
