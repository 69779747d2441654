#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: systemd.py PROGRAM yes|no (is it built with systemd)

What a systemd unit relies on: sockets that were passed come beside those of the configuration and know
by their names what they are for, the status line changes, and the watchdog is told that all is well
only while the capture thread is.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

PATIENCE = 30  # seconds for things that only a busy machine delays
LIMIT = 1.0  # seconds of the watchdog; told of every half


def fail(text):
    raise AssertionError(text)


class Unit:
    """The program as systemd starts it, with what it was told."""

    def __init__(self, program, directory, arguments, names=(), sockets=(), limit=None):
        self.notices = []
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = os.path.join(directory, "notify")
        if os.path.exists(path):
            os.unlink(path)
        self.notify.bind(path)
        self.log = open(os.path.join(directory, "log"), "w+", encoding="utf-8")
        # The handshakes that are under way at the end are the library's to leak.
        environment = {**os.environ, "NOTIFY_SOCKET": path,
                       "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}
        moves = " ".join(f"{3 + i}<&{sock.fileno()}" for i, sock in enumerate(sockets))
        first = f"exec {moves}; export LISTEN_PID=$$ WATCHDOG_PID=$$; exec \"$@\""
        if sockets:
            environment["LISTEN_FDS"] = str(len(sockets))
            environment["LISTEN_FDNAMES"] = ":".join(names)
        if limit:
            environment["WATCHDOG_USEC"] = str(int(limit * 1e6))
        self.process = subprocess.Popen(
            ["bash", "-c", first, "bash", program, "serve", *arguments], stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=subprocess.STDOUT, env=environment,
            pass_fds=[sock.fileno() for sock in sockets])

    def words(self):
        self.log.seek(0)
        return self.log.read()

    def told(self, wanted, patience=PATIENCE):
        """Waits for a notice that holds this."""
        end = time.monotonic() + patience
        while True:
            self.notify.settimeout(max(0.01, end - time.monotonic()))
            try:
                notice = self.notify.recv(4096).decode()
            except TimeoutError:
                fail(f"no notice with {wanted!r} in {patience} s, only {self.notices}\n"
                     f"{self.words()}")
            self.notices.append(notice)
            if wanted in notice:
                return notice

    def switches(self, name):
        """How often the thread of this name has gone to sleep."""
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            with open(f"/proc/{self.process.pid}/task/{task}/status", encoding="utf-8") as file:
                status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
            if status["Name"] == name:
                return int(status["voluntary_ctxt_switches"])
        return fail(f"no thread {name}")

    def end(self):
        try:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
                if self.process.wait(PATIENCE) != 0:
                    fail(f"exit status {self.process.returncode}: {self.words()}")
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.notify.close()
            self.log.close()


def listen(path=None):
    if path:
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(path)
    else:
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
    sock.listen()
    return sock


def greet(sock_path):
    """Connects and sends what a viewer begins with; the answer is the library's."""
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(PATIENCE)
    client.connect(sock_path)
    # REDQ, version 2.2, a link message of 18 bytes: session 0, channel 1 (main), no capabilities.
    client.sendall(b"REDQ" + b"\2\0\0\0\2\0\0\0\x12\0\0\0" + b"\0\0\0\0\1\0" + b"\0" * 8 +
                   b"\x12\0\0\0")
    if client.recv(4) != b"REDQ":
        fail("nobody answers at a socket that was passed")
    return client


def test_sockets(program, directory):
    config = os.path.join(directory, "vm.conf")
    own = os.path.join(directory, "own")
    passed = os.path.join(directory, "passed")
    with open(config, "w", encoding="utf-8") as file:
        file.write(f"simulate=320x200\nrenderer=cpu\nlisten=unix:{own}\n")
    sockets = [listen(passed), listen()]
    unit = Unit(program, directory, ["--config", config, "--listen", "systemd"],
                ["spice", "tcp,view-only"], sockets)
    try:
        if sys.argv[2] == "yes":
            unit.told("READY=1")
        end = time.monotonic() + PATIENCE
        while unit.words().count("listening on") < 3:
            if time.monotonic() > end or unit.process.poll() is not None:
                fail(f"not three addresses: {unit.words()}")
            time.sleep(0.05)
        port = sockets[1].getsockname()[1]
        for wanted in (f"spice+unix://{own}\n", f"spice+unix://{passed}\n",
                       f"spice://127.0.0.1:{port} (view only)\n"):
            if f"listening on {wanted}" not in unit.words():
                fail(f"no {wanted!r} in {unit.words()}")
        greet(passed).close()
        greet(own).close()
    finally:
        unit.end()
    if not os.path.exists(passed):
        fail("a socket's file that is systemd's was removed")
    for sock in sockets:
        sock.close()

    # Sockets for another process are not ours.
    environment = {**os.environ, "LISTEN_PID": "1", "LISTEN_FDS": "1"}
    for command, status in ((["--simulate", "--listen", "systemd"], 2),
                            (["--simulate", "--listen", "systemd,nonsense", "--listen", "x"], 2)):
        done = subprocess.run([program, "serve", *command], env=environment, text=True,
                              stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
        if done.returncode != status or "--listen" not in done.stderr:
            fail(f"{command}: {done.returncode}: {done.stderr}")


def command(path, text):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(f"{path}.answer")
        sock.settimeout(PATIENCE)
        sock.sendto(text.encode(), path)
        answer = sock.recv(4096)
    os.unlink(f"{path}.answer")
    return answer


def count_pings(unit, seconds):
    """How many come in this time."""
    before = len(unit.notices)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        unit.notify.settimeout(max(0.01, end - time.monotonic()))
        try:
            unit.notices.append(unit.notify.recv(4096).decode())
        except TimeoutError:
            break
    return sum("WATCHDOG=1" in notice for notice in unit.notices[before:])


def test_watchdog(program, directory, probe):
    control = os.path.join(directory, "control")
    address = os.path.join(directory, "spice")
    unit = Unit(program, directory,
                [f"--simulate=320x200,control={control}", "--renderer", "cpu", "--listen",
                 f"unix:{address}"], limit=LIMIT)
    viewer = None
    try:
        status = unit.told("READY=1")
        if not re.search(r"STATUS=device there; 0 viewers; spice\+unix://", status):
            fail(f"the first status: {status}")
        # Asleep by design, so alive; and not woken to be asked.
        unit.told("WATCHDOG=1")
        before = unit.switches("capture")
        for _ in range(4):
            unit.told("WATCHDOG=1")
        if unit.switches("capture") != before:
            fail("the capture thread is woken to say that it lives")
        begin = time.monotonic()
        for _ in range(4):
            unit.told("WATCHDOG=1")
        if time.monotonic() - begin < 3 * LIMIT / 2 * 0.9:
            fail(f"told four times in {time.monotonic() - begin} s, not every {LIMIT / 2}")
        if probe:
            viewer = subprocess.Popen([probe, f"spice+unix://{address}"], stdin=subprocess.PIPE,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            unit.told("STATUS=picture 320x200; 1 viewer;")
            unit.told("WATCHDOG=1")
            command(control, "fault hang")
            # One may have been on its way, and one be told of a round before.
            count_pings(unit, 2 * LIMIT)
            if count_pings(unit, 3 * LIMIT) > 0:
                fail("a capture thread that hangs counts as alive")
            if "does not return" not in unit.words():
                fail(f"nothing said of it: {unit.words()}")
            command(control, "fault clear")
            unit.told("WATCHDOG=1")
            viewer.kill()
            unit.told("; 0 viewers;")
            unit.told("WATCHDOG=1")
    finally:
        if viewer:
            viewer.kill()
            viewer.wait()
            viewer.stdin.close()
        unit.end()


def main():
    program, with_systemd = sys.argv[1:3]
    probe = sys.argv[3] if len(sys.argv) > 3 else None
    with tempfile.TemporaryDirectory() as directory:
        test_sockets(program, directory)
    if with_systemd == "yes":
        with tempfile.TemporaryDirectory() as directory:
            test_watchdog(program, directory, probe)


main()
