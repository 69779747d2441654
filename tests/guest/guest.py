# SPDX-License-Identifier: MIT
"""A guest in a QEMU of this machine, with software emulation: its monitor, and what it reports."""

import json
import os
import queue
import socket
import subprocess
import threading
import time

from case import check, wait_for

EV_KEY, EV_REL, EV_ABS, EV_SYN = 1, 2, 3, 0


class Monitor:
    """A QMP monitor: commands with their answers. Events are kept in events."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.answers = queue.Queue()
        self.events = []
        self.file = self.socket.makefile("r", encoding="utf-8")
        self.file.readline()
        threading.Thread(target=self._read, daemon=True).start()
        self.command("qmp_capabilities")

    def _read(self):
        try:
            for line in self.file:
                message = json.loads(line)
                if "event" in message:
                    self.events.append(message)
                else:
                    self.answers.put(message)
        except (OSError, ValueError):
            pass
        self.answers.put(None)

    def command(self, name, **arguments):
        text = json.dumps({"execute": name, "arguments": arguments})
        self.socket.sendall(text.encode() + b"\n")
        answer = self.answers.get(timeout=20)
        check(answer is not None, f"QMP {name}: the monitor has gone")
        check("return" in answer, f"QMP {name}: {answer}")
        return answer["return"]

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class Guest:
    """A machine with PS/2 keyboard and mouse, a USB controller "usb", and what is in words."""

    def __init__(self, setup, image, words=(), memory=256, append=""):
        self.monitor = None
        self.setup = setup
        # The bridge's monitor, and one for the test: QEMU serves one peer at a time on each.
        self.qmp = setup.path("qmp")
        self.own_qmp = setup.path("qmp-test")
        self.console = setup.path("console")
        self.report = setup.path("report")
        directory = os.path.join(setup.build, "guest")
        with open(setup.path("qemu"), "wb") as log:
            self.process = subprocess.Popen(
                ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-smp", "1",
                 "-m", str(memory), "-machine", "pc,vmport=off", "-nodefaults",
                 "-display", "none", "-no-reboot", "-serial", f"file:{self.console}",
                 "-chardev", f"file,id=report,path={self.report}",
                 "-device", "isa-debugcon,iobase=0xe9,chardev=report",
                 "-qmp", f"unix:{self.qmp},server=on,wait=off",
                 "-qmp", f"unix:{self.own_qmp},server=on,wait=off",
                 "-kernel", os.path.join(directory, "vmlinux"),
                 "-initrd", os.path.join(directory, image),
                 "-append", f"console=ttyS0 loglevel=4 panic=-1 {append}",
                 "-device", "qemu-xhci,id=usb", *words],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.monitor:
            self.monitor.close()
        self.process.kill()
        self.process.wait()

    def said(self):
        """The last lines of QEMU and of the guest's kernel, for a failure's message."""
        lines = []
        for name in ("qemu", "console"):
            try:
                with open(self.setup.path(name), encoding="utf-8", errors="replace") as file:
                    lines += file.read().splitlines()[-15:]
            except FileNotFoundError:
                pass
        return "\n".join(["--- the guest said:", *lines, "---"])

    def check_running(self):
        check(self.process.poll() is None, f"QEMU has ended\n{self.said()}")

    def connect(self):
        def try_it():
            self.check_running()
            try:
                return Monitor(self.own_qmp)
            except (FileNotFoundError, ConnectionRefusedError):
                return None

        self.monitor = wait_for("QEMU's monitor", 20, try_it)
        return self.monitor


class Shell:
    """A shell in the guest that reads and writes the virtio port "shell"."""

    DONE = "@@@"

    @staticmethod
    def words(path):
        """What QEMU is given for it."""
        return ["-chardev", f"socket,id=shell,path={path},server=on,wait=off",
                "-device", "virtserialport,chardev=shell,name=shell"]

    def __init__(self, guest, path, seconds=120):
        self.guest = guest
        self.socket = socket.socket(socket.AF_UNIX)
        wait_for("the guest's serial port", 20, lambda: os.path.exists(path))
        self.socket.connect(path)
        self.socket.settimeout(0.5)
        self.buffer = ""
        self.ask("true", seconds)

    def _read_until(self, text, end):
        while text not in self.buffer:
            check(time.monotonic() < end,
                  f"the guest's shell did not answer: {self.buffer!r}\n{self.guest.said()}")
            try:
                self.buffer += self.socket.recv(65536).decode(errors="replace")
            except TimeoutError:
                pass
        before, _, self.buffer = self.buffer.partition(text)
        return before

    def ask(self, command, seconds=30):
        """Runs it; returns its exit status and what it said."""
        self.socket.sendall(f"{{ {command}\n}} </dev/null 2>&1; echo '{self.DONE}' $?\n".encode())
        end = time.monotonic() + seconds
        said = self._read_until(self.DONE, end)
        return int(self._read_until("\n", end)), said

    def run(self, command, seconds=30):
        """Runs what has to succeed; returns what it said."""
        status, said = self.ask(command, seconds)
        check(status == 0, f"in the guest, '{command}' ended with {status}: {said}")
        return said


class Reports:
    """What report.c has told so far, parsed: devices by name, and the events of each."""

    def __init__(self, guest):
        self.guest = guest
        self.offset = 0
        self.rest = b""
        self.ready = False
        self.devices = {}  # number: name, of those that are there
        self.axes = {}  # number: {code: (min, max)}
        self.events = []  # (number, type, code, value), in order
        self.complaints = []

    def read(self):
        try:
            with open(self.guest.report, "rb") as file:
                file.seek(self.offset)
                data = file.read()
        except FileNotFoundError:
            return
        self.offset += len(data)
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self._line(line.decode(errors="replace"))

    def _line(self, line):
        kind, _, rest = line.partition(" ")
        if kind == "e":
            self.events.append(tuple(map(int, rest.split())))
        elif kind == "+":
            number, _, name = rest.partition(" ")
            self.devices[int(number)] = name
            self.axes[int(number)] = {}
        elif kind == "-":
            self.devices.pop(int(rest), None)
        elif kind == "a":
            number, code, low, high = map(int, rest.split())
            self.axes[number][code] = (low, high)
        elif kind == "ready":
            self.ready = True
        else:
            self.complaints.append(line)

    def wait(self, what, predicate, seconds=20):
        """Reads until predicate() is true."""
        def is_so():
            self.read()
            self.guest.check_running()
            return predicate()

        try:
            return wait_for(what, seconds, is_so)
        except AssertionError as error:
            raise AssertionError(f"{error}; last events: {self.events[-12:]}; devices: "
                                 f"{self.devices} {self.complaints}\n{self.guest.said()}") from None

    def boot(self, seconds=120):
        self.wait("the guest's boot", lambda: self.ready, seconds)

    def device(self, *words, seconds=20):
        """The number of the device whose name has all these words, once it is there."""
        def find():
            for number, name in self.devices.items():
                if all(w.lower() in name.lower() for w in words):
                    return (number,)
            return None

        return self.wait(f"a device {words}", find, seconds)[0]

    def gone(self, number, seconds=20):
        self.wait(f"the end of device {number}", lambda: number not in self.devices, seconds)

    def take(self):
        """The events since the last call; repeats of a held key are the guest kernel's own."""
        self.read()
        events, self.events = self.events, []
        return [e for e in events if not (e[1] == EV_KEY and e[3] == 2)]

    def keys(self, number=None):
        """(code, value) of the keys and buttons so far, of one device or of all; not taken away."""
        self.read()
        return [(code, value) for n, kind, code, value in self.events
                if kind == EV_KEY and value != 2 and number in (None, n)]

    def expect_keys(self, want, number=None, seconds=20):
        """Waits for exactly these (code, value), and takes them away with all others."""
        want = list(want)
        self.wait(f"keys {want}", lambda: len(self.keys(number)) >= len(want), seconds)
        have = self.keys(number)
        self.take()
        check(have == want, f"the guest saw the keys {have}, wanted {want}")
