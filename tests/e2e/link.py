# SPDX-License-Identifier: MIT
"""A narrow link to a viewer: a network namespace behind a shaped veth pair, or a shaping proxy."""

import os
import shutil
import socket
import subprocess
import threading
import time


def run(*command):
    subprocess.run(command, check=True, capture_output=True, text=True)


class Namespace:
    """A namespace whose way in from here is limited to a rate by tc; root is needed."""

    def __init__(self, mbit):
        self.name = f"vgpu-{os.getpid()}"
        self.device = f"vg{os.getpid() % 1000000}"
        net = os.getpid() % 250
        self.here, self.there = f"10.203.{net}.1", f"10.203.{net}.2"
        self.prefix = ["ip", "netns", "exec", self.name]
        try:
            run("ip", "netns", "add", self.name)
            run("ip", "link", "add", self.device, "type", "veth", "peer", "name", "vg-in",
                "netns", self.name)
            run("ip", "addr", "add", f"{self.here}/30", "dev", self.device)
            run("ip", "link", "set", self.device, "up")
            run(*self.prefix, "ip", "addr", "add", f"{self.there}/30", "dev", "vg-in")
            run(*self.prefix, "ip", "link", "set", "vg-in", "up")
            run(*self.prefix, "ip", "link", "set", "lo", "up")
            run("tc", "qdisc", "add", "dev", self.device, "root", "tbf", "rate", f"{mbit}mbit",
                "burst", "32kb", "latency", "50ms")
        except BaseException:
            self.close()
            raise

    def close(self):
        for command in (("ip", "link", "del", self.device), ("ip", "netns", "del", self.name)):
            subprocess.run(command, capture_output=True)


def namespace(mbit):
    """A Namespace, or None and why there can't be one."""
    if os.geteuid() != 0:
        return None, "not root"
    for tool in ("ip", "tc"):
        if not shutil.which(tool):
            return None, f"no {tool} command"
    try:
        return Namespace(mbit), ""
    except subprocess.CalledProcessError as error:
        return None, f"{' '.join(error.cmd)}: {error.stderr.strip()}"


class Proxy:
    """Passes TCP connections on; what goes to the viewers is limited to a rate, all together."""

    PIECE = 4096
    BUFFER = 16384

    def __init__(self, address, mbit):
        self.address = address
        self.rate = mbit * 1e6 / 8
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.BUFFER)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(16)
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.free_at = time.monotonic()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                viewer = self.listener.accept()[0]
            except OSError:
                return
            server = socket.socket()
            server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.BUFFER)
            try:
                server.connect(self.address)
            except OSError:
                viewer.close()
                continue
            for s in (viewer, server):
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._pump, args=(viewer, server, False), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, viewer, True), daemon=True).start()

    def _wait_turn(self, size):
        with self.lock:
            now = time.monotonic()
            begin = max(now, self.free_at)
            self.free_at = begin + size / self.rate
        time.sleep(max(0, begin - now))

    def _pump(self, source, target, limited):
        try:
            while True:
                data = source.recv(self.PIECE)
                if not data:
                    break
                if limited:
                    self._wait_turn(len(data))
                target.sendall(data)
        except OSError:
            pass
        for s in (source, target):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
