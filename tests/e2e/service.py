#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: service.py PROGRAM yes|no (is it built with systemd)

The program as a service: every kind of address at once, its lines and the notices to systemd in the
right order, counters on SIGUSR1, and a clean end by SIGINT and SIGTERM that leaves no socket behind.
"""

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time

PATIENCE = 20  # seconds for things that only a busy machine delays
END_LIMIT = 3  # seconds; a second on a machine that has nothing else to do


def fail(text):
    raise AssertionError(text)


def read_line(stream):
    """One line of an unbuffered pipe."""
    end = time.monotonic() + PATIENCE
    line = b""
    while not line.endswith(b"\n"):
        if not select.select([stream], [], [], max(0, end - time.monotonic()))[0]:
            fail(f"no line within {PATIENCE} s, only {line!r}")
        byte = os.read(stream.fileno(), 1)
        if not byte:
            fail(f"the program's output ended after {line!r}")
        line += byte
    return line.decode().rstrip("\n")


def notice(notify):
    notify.settimeout(PATIENCE)
    return notify.recv(4096).decode()


def reach(uri):
    """Connects to what an address line named."""
    if uri.startswith("spice+unix://"):
        client = socket.socket(socket.AF_UNIX)
        client.connect(uri.removeprefix("spice+unix://"))
    else:
        host, port = re.fullmatch(r"spice://\[?([^\]]+)\]?:([0-9]+)", uri).groups()
        client = socket.create_connection((host, int(port)), timeout=PATIENCE)
    return client


def run_service(program, directory, ending):
    path = os.path.join(directory, "spice.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, socket.socket() as inherited:
        notify_path = os.path.join(directory, f"notify-{ending}")
        notify.bind(notify_path)
        inherited.bind(("127.0.0.1", 0))
        inherited.listen()
        wanted_port = inherited.getsockname()[1]
        # Left over from a program that died: to be replaced.
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(path)
        environment = {**os.environ, "NOTIFY_SOCKET": notify_path}
        # libspice-server does not free a handshake that is under way when it ends, as ours are.
        environment["ASAN_OPTIONS"] = environment.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        process = subprocess.Popen(
            [program, "serve", "--simulate=320x200", "--listen", f"unix:{path}", "--listen",
             "tcp:127.0.0.1:0", "--listen", f"fd:{inherited.fileno()}", "--renderer", "cpu"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
            pass_fds=[inherited.fileno()], env=environment)
        try:
            uris = []
            for _ in range(3):
                line = read_line(process.stdout)
                if not line.startswith("listening on spice"):
                    fail(f"not an address line: {line}")
                uris.append(line.removeprefix("listening on "))
            if uris[0] != f"spice+unix://{path}" or uris[2] != f"spice://127.0.0.1:{wanted_port}":
                fail(f"addresses in the wrong words or order: {uris}")
            with_systemd = sys.argv[2] == "yes"
            if with_systemd and "READY=1" not in notice(notify):
                fail("no READY=1")
            clients = [reach(uri) for uri in uris]

            process.send_signal(signal.SIGUSR1)
            line = read_line(process.stderr)
            while not line.startswith("{"):
                line = read_line(process.stderr)
            if not isinstance(json.loads(line), dict):
                fail(f"counters are not one JSON object: {line}")

            begin = time.monotonic()
            process.send_signal(ending)
            code = process.wait(PATIENCE)
            took = time.monotonic() - begin
            if code != 0 or took > END_LIMIT:
                rest = process.stderr.read().decode(errors="replace")
                fail(f"{ending}: exit status {code} after {took:.2f} s; stderr: {rest}")
            if with_systemd and "STOPPING=1" not in notice(notify):
                fail("no STOPPING=1")
            if os.path.exists(path):
                fail("the socket's file is still there")
            for client in clients:
                client.close()
            print(f"{ending}: ended in {took:.2f} s")
        finally:
            process.kill()
            process.wait()


def main():
    with tempfile.TemporaryDirectory() as directory:
        for ending in (signal.SIGTERM, signal.SIGINT):
            run_service(sys.argv[1], directory, ending)


main()
