# SPDX-License-Identifier: MIT
"""A serving vgpu-bridge with a simulated vGPU: start, command, read its counters and /proc, end."""

import json
import os
import queue
import re
import signal
import socket
import subprocess
import threading
import time


def with_mesa(build):
    """Words before a command that has to find the Mesa which the tests fetched."""
    source = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return [os.path.join(source, "tests", "with-mesa"), os.path.abspath(build)]


class Bridge:
    def __init__(self, setup, simulate, options=(), tcp=True, unix=True, control=True,
                 compression=None):
        self.setup = setup
        self.process = None
        self.lines = []
        self.answers = queue.Queue()
        self.listening = threading.Event()
        self.wanted = int(tcp) + int(unix)
        self.uris = []
        self.control_path = setup.path("control") if control else None
        self.socket_path = setup.path("spice")
        self.control_socket = None
        self.has_dmabuf = "plane=region" not in simulate
        if control:
            simulate += f",control={self.control_path}"
        self.command_line = [setup.program, "serve", f"--simulate={simulate.lstrip(',')}",
                             f"--renderer={setup.renderer}"]
        if unix:
            self.command_line.append(f"--listen=unix:{self.socket_path}")
        if tcp:
            self.command_line.append("--listen=tcp:127.0.0.1:0")
        if compression:
            self.command_line.append(f"--compression={compression}")
        self.command_line += options
        if setup.renderer == "gl":
            self.command_line = with_mesa(setup.build) + self.command_line

    # life

    def start(self, seconds=20):
        # Its control socket is among the files of the test.
        environment = dict(os.environ, VGPU_BRIDGE_CONTROL_DIR=self.setup.directory)
        self.process = subprocess.Popen(
            self.command_line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, bufsize=1, env=environment)
        for stream in (self.process.stdout, self.process.stderr):
            threading.Thread(target=self._read, args=(stream,), daemon=True).start()
        end = time.monotonic() + seconds
        while not self.listening.is_set():
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"the bridge did not begin to listen\n{self.log_tail()}")
            self.listening.wait(0.05)
        self.check_confined()

    def check_confined(self):
        """In each thread: a filter, no new privileges, no capability."""
        for task in os.listdir(f"/proc/{self.pid}/task"):
            try:
                with open(f"/proc/{self.pid}/task/{task}/status", encoding="utf-8") as file:
                    status = dict(line.rstrip("\n").split(":\t", 1) for line in file
                                  if ":\t" in line)
            except (FileNotFoundError, ProcessLookupError):
                continue
            wanted = {"NoNewPrivs": "1", "CapInh": "0" * 16, "CapPrm": "0" * 16,
                      "CapEff": "0" * 16, "CapAmb": "0" * 16}
            if "--no-syscall-filter" not in self.command_line:
                wanted["Seccomp"] = "2"
            if status["Uid"].startswith("0\t"):
                wanted["CapBnd"] = "0" * 16
            for name, value in wanted.items():
                if status[name] != value:
                    raise AssertionError(
                        f"thread {status['Name']}: {name} is {status[name]}, not {value}")

    def _read(self, stream):
        for line in stream:
            line = line.rstrip("\n")
            match = re.search(r"listening on (spice\S+)", line)
            if match:
                self.uris.append(match.group(1))
                if len(self.uris) >= self.wanted:
                    self.listening.set()
            if line.startswith("{"):
                try:
                    self.answers.put(json.loads(line))
                    continue
                except ValueError:
                    pass
            self.lines.append(line)

    def running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, timeout=10):
        """SIGTERM; returns how long it took and the exit code."""
        begin = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout)
        return time.monotonic() - begin, code

    def kill(self):
        if self.control_socket:
            self.control_socket.close()
            self.control_socket = None
        if self.running():
            self.process.kill()
            self.process.wait()

    def log_tail(self, n=30):
        return "\n".join(["--- the bridge said:", *self.lines[-n:], "---"])

    @property
    def pid(self):
        return self.process.pid

    @property
    def unix(self):
        return next(u for u in self.uris if u.startswith("spice+unix:"))

    @property
    def tcp(self):
        return next(u for u in self.uris if u.startswith("spice://"))

    @property
    def tcp_address(self):
        host, port = self.tcp[len("spice://"):].rsplit(":", 1)
        return host, int(port)

    # the simulated guest

    def command(self, text):
        """One command to the simulated vGPU, which answers "ok" or "error: REASON"."""
        if not self.control_socket:
            self.control_socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.control_socket.bind(self.setup.path(f"control-answers-{self.pid}"))
            self.control_socket.settimeout(5)
        self.control_socket.sendto(text.encode(), self.control_path)
        answer = self.control_socket.recv(65536).decode().strip()
        if not answer.startswith("ok"):
            raise AssertionError(f"sim command '{text}': {answer}")
        return answer

    def reference(self):
        """What a viewer has to show now, as a raw file; pause first."""
        path = self.setup.path("reference")
        self.command(f"reference {path}")
        return path

    def pause(self):
        self.command("pause")

    def resume(self):
        self.command("resume")

    def scene(self, name):
        self.command(f"scene {name}")

    def mode(self, width, height, *more):
        self.command(" ".join([f"mode {width}x{height}", *map(str, more)]))

    def rect(self, x, y, width, height, colour):
        self.command(f"rect {x} {y} {width} {height} {colour:06x}")

    # readings

    def counters(self, timeout=5):
        """The bridge's counters, asked by SIGUSR1."""
        return self.timed_counters(timeout)[0]

    def timed_counters(self, timeout=5):
        """The counters, and how long the main loop took to tell them, seconds."""
        while not self.answers.empty():
            self.answers.get()
        begin = time.monotonic()
        self.process.send_signal(signal.SIGUSR1)
        try:
            answer = self.answers.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError(f"no counters within {timeout} s\n{self.log_tail()}") from None
        return answer, time.monotonic() - begin

    def fds(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def memory(self):
        """Resident memory in KiB, by smaps_rollup's names: Rss, Anonymous, Pss_Shmem ..."""
        with open(f"/proc/{self.pid}/smaps_rollup", encoding="ascii") as file:
            return {m.group(1): int(m.group(2))
                    for m in re.finditer(r"^(\w+):\s+(\d+) kB", file.read(), re.MULTILINE)}

    def sanitized(self):
        with open(f"/proc/{self.pid}/maps", encoding="utf-8") as file:
            return "libasan" in file.read()

    def cpu(self):
        """CPU time in seconds by thread name; threads of one name are added up."""
        times = {}
        tasks = f"/proc/{self.pid}/task"
        for task in os.listdir(tasks):
            try:
                with open(f"{tasks}/{task}/comm", encoding="utf-8") as file:
                    name = file.read().strip()
                with open(f"{tasks}/{task}/schedstat", encoding="ascii") as file:
                    seconds = int(file.read().split()[0]) / 1e9
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(task) == self.pid:
                name = "main"
            times[name] = times.get(name, 0) + seconds
        return times

    def cpu_total(self):
        return sum(self.cpu().values())
