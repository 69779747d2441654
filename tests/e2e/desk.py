# SPDX-License-Identifier: MIT
"""The other end of a bridge's control socket."""

import json
import socket

from case import check


class Desk:
    """One connection: commands with their answers, and events in between."""

    def __init__(self, path, seconds=20):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(seconds)
        self.socket.connect(path)
        self.file = self.socket.makefile("r", encoding="utf-8")
        self.id = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def line(self):
        return json.loads(self.file.readline())

    def send(self, command, **arguments):
        self.id += 1
        line = json.dumps({"command": command, "arguments": arguments, "id": self.id})
        self.socket.sendall(line.encode() + b"\n")

    def ask(self, command, **arguments):
        self.send(command, **arguments)
        while True:
            answer = self.line()
            if answer.get("id") == self.id:
                return answer

    def switch(self, to):
        answer = self.ask("display-switch", to=to)
        check("return" in answer, f"switch to {to}: {answer}")
        return answer["return"]

    def refused(self, to):
        answer = self.ask("display-switch", to=to)
        check("error" in answer, f"switch to {to}: {answer}")
        return answer["error"]["text"]
