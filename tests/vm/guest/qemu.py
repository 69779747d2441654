# SPDX-License-Identifier: MIT
"""A QEMU of the test machine that owns a display device, its monitor, and what its guest shows."""

import json
import os
import signal
import socket
import subprocess
import time

import bed
import case
import glyphs

check = case.check
wait_for = case.wait_for

PROGRAM = "qemu-system-x86_64"
VIDEO_BIOS = "/usr/share/seabios/vgabios-bochs-display.bin"
PROMPT = "Press ESC for boot menu"
MENU = "Select boot device"
MENU_WAIT = 60 # seconds that the firmware leaves the prompt up; it takes at most 65.535
SLOW = 120 # seconds: software emulation inside software emulation, beside other work


class Monitor:
    """A QMP monitor, with an own socket."""

    def __init__(self, path):
        self.events = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(SLOW)
        self.socket.connect(path)
        self.file = self.socket.makefile("r", encoding="utf-8")
        greeting = json.loads(self.file.readline())
        check("QMP" in greeting, f"no greeting of QMP: {greeting}")
        self.command("qmp_capabilities")

    def command(self, name, **arguments):
        request = {"execute": name}
        if arguments:
            request["arguments"] = {key.replace("_", "-"): value
                                    for key, value in arguments.items()}
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        while True:
            line = self.file.readline()
            check(line, f"QEMU went away in {name}")
            answer = json.loads(line)
            if "return" in answer:
                return answer["return"]
            check("error" not in answer, f"{name}: {answer.get('error')}")
            self.events.append(answer)

    def status(self):
        return self.command("query-status")["status"]

    def close(self):
        self.file.close()
        self.socket.close()


def words(device, *more, vfio=None, name="guest"):
    """The command line of a guest that shows its firmware on the device."""
    vfio = vfio or f"vfio-pci,sysfsdev={device.path}"
    return [PROGRAM, "-name", name, "-accel", "tcg", "-m", "64", "-nodefaults",
            "-vga", "none", "-display", "none", "-boot", f"menu=on,splash-time={MENU_WAIT * 1000}",
            "-device", f"{vfio},display=off,romfile={VIDEO_BIOS}", *more]


class Qemu:
    """A running QEMU. monitor is the test's own; qmp is the path of one for the bridge."""

    def __init__(self, setup, device, *more, before=(), **kwargs):
        self.monitor_path = setup.path("monitor")
        self.qmp = setup.path("qmp")
        self.log = setup.path("qemu-log")
        self.line = [*before, *words(device, "-qmp", f"unix:{self.monitor_path},server=on,wait=off",
                                     "-qmp", f"unix:{self.qmp},server=on,wait=off", *more, **kwargs)]
        self.process = None
        self.monitor = None
        self.begin = 0

    def start(self):
        for path in (self.monitor_path, self.qmp): # no taking a dead one's socket for the new one's
            if os.path.exists(path):
                os.unlink(path)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.line, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log)
        self.begin = time.monotonic()
        wait_for("QEMU's monitor", SLOW, self._connect)
        self.begin = time.monotonic()
        return self

    def _connect(self):
        check(self.running(), f"QEMU ended: {bed.read(self.log)[-2000:]}")
        if not os.path.exists(self.qmp):
            return False
        try:
            self.monitor = Monitor(self.monitor_path)
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        return True

    def running(self):
        return self.process is not None and self.process.poll() is None

    def reset(self):
        self.begin = time.monotonic()
        self.monitor.command("system_reset")

    def fresh(self):
        """Starts over if the firmware's prompt is about to end."""
        if time.monotonic() - self.begin > MENU_WAIT * 2 / 3:
            self.reset()

    @property
    def pid(self):
        return self.process.pid

    def kill(self, number=signal.SIGKILL):
        if self.monitor:
            self.monitor.close()
            self.monitor = None
        if self.running():
            self.process.send_signal(number)
            self.process.wait()

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        if kind:
            print(f"--- QEMU said:\n{bed.read(self.log)[-2000:]}---")
        self.kill()


def holds(lines, text):
    return any(text in line for line in lines)


class Started:
    """A QEMU that somebody else has started: what press_escape() needs of it."""

    def __init__(self):
        self.monitor = None
        self.begin = time.monotonic()

    reset = Qemu.reset
    fresh = Qemu.fresh


class Screen:
    """The text in a viewer's picture."""

    def __init__(self, setup, viewer):
        self.path = setup.path("screen.ppm")
        self.viewer = viewer
        self.font = glyphs.load_font(VIDEO_BIOS)

    def lines(self):
        if not self.viewer.ask(f"dump {self.path}")["ok"]:
            return []
        return glyphs.read_text(self.font, *glyphs.load_ppm(self.path))

    def has(self, text):
        return holds(self.lines(), text)

    def wait(self, text, seconds=SLOW):
        try:
            wait_for(f"'{text}' in the picture", seconds, lambda: self.has(text))
        except AssertionError as error:
            raise AssertionError(f"{error}; there is {self.lines()}") from None

    def wait_without(self, text, seconds=SLOW):
        wait_for(f"'{text}' to go from the picture", seconds, lambda: not self.has(text))
