#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: escapes.py PROGRAM

A bridge that was taken over, or a socket that only looks like one, tells the verbs control characters:
none of them reaches the terminal, nor a line of its own.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading

EVIL = "\x1b]0;x\x07\u009b2J\r\n"
STATUS = {
    "state": EVIL, "text": EVIL, "level": EVIL, "width": 2, "height": 2, "format": "xrgb8888",
    "pointer": EVIL, "machine": EVIL, "since": EVIL, "version": EVIL, "shown": EVIL,
    "source": {"kind": EVIL, "vm": EVIL, "name": EVIL, "device": True, "missing": EVIL},
    "sources": [{"name": EVIL}, {"name": EVIL}, 3],
    "display": {"state": EVIL, "text": EVIL}, "monitor": {"mode": EVIL, "name": EVIL},
    "renderer": EVIL, "addresses": [EVIL, 1, {}], "viewers": [{"peer": EVIL, "address": EVIL}, 3],
    "settings": {"compression": EVIL, "log_level": EVIL}, "drops": {EVIL: 3},
    "rates": {"frames": 1}, "latency": {}, "mode": EVIL, "name": EVIL, "notice": EVIL,
    "missing": EVIL,
}


def line(value):
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"


def talk(client, picture):
    client.sendall(line({"program": "vgpu-bridge", "version": EVIL, "protocol": 1,
                         "name": "n" + EVIL}))
    while request := client.recv(65536):
        request = json.loads(request)
        answer = {"id": request["id"], "return": STATUS}
        if request["command"] == "screenshot":
            socket.send_fds(client, [line(answer)], [picture])
        elif request["command"] == "events":
            client.sendall(line(answer) + line({"event": EVIL, "time": EVIL,
                                                "data": {EVIL: EVIL, "more": [EVIL]}}))
            return
        elif request["command"] == "display-plug":
            client.sendall(line({"id": request["id"], "error": {"text": EVIL}}))
        else:
            client.sendall(line(answer))


def serve(listener, picture):
    while True:
        client, _ = listener.accept()
        with client, contextlib.suppress(OSError):
            talk(client, picture)


def controls(text):
    return [c for c in text if (ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160]


def main():
    program, failures = sys.argv[1], 0
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        path = f"{folder}/evil.control"
        listener.bind(path)
        listener.listen(8)
        picture = os.memfd_create("picture")
        os.write(picture, bytes(16))
        threading.Thread(target=serve, args=(listener, picture), daemon=True).start()
        # The exit status, and how many lines there may be at most.
        for words, status, lines in (
                (["status"], 0, 30), (["status", "--json"], 0, 1), (["log-level"], 0, 1),
                (["events"], 1, 2), (["events", "--json"], 1, 2), (["metrics"], 0, 60),
                (["screenshot", f"{folder}/x.png"], 0, 1), (["display", "plug"], 1, 1),
                (["display", "switch", "next"], 0, 1), (["display", "unplug"], 0, 2)):
            done = subprocess.run([program, words[0], "--on", path, *words[1:]], timeout=60,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
            text = (done.stdout + done.stderr).decode()
            if done.returncode != status or not text or controls(text) or text.count("\n") > lines:
                failures += 1
                print(f"FAILED {words}: {done.returncode}: {text!r}")
    return 1 if failures else 0


sys.exit(main())
