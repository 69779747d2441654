# SPDX-License-Identifier: MIT
"""QEMU's side of a QMP monitor, played by a thread: it answers, and writes down what input comes."""

import json
import os
import socket
import threading
import time

GREETING = {"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 0}, "package": ""},
                    "capabilities": ["oob"]}}


class Qmp:
    """Serves one connection at a time, as QEMU does."""

    def __init__(self, path, absolute=True):
        self.path = path
        self.absolute = absolute
        self.running = True
        self.status = "running"
        self.answering = threading.Event()
        self.answering.set()
        self.changed = threading.Condition()
        self.calls = []  # (seconds, events) of each input-send-event
        self.connections = 0
        self.commands = []
        self.listening = self.connection = self.thread = None
        self.start()

    def start(self):
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(self.path)
        self.listening.listen(1)
        self.thread = threading.Thread(target=self._serve, args=(self.listening,), daemon=True)
        self.thread.start()

    def stop(self):
        """As a QEMU that dies."""
        for s in (self.listening, self.connection):
            if s:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                s.close()
        self.answering.set()
        self.thread.join()
        if os.path.exists(self.path):
            os.unlink(self.path)

    def _serve(self, listening):
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            self.connection = connection
            try:
                self._talk(connection)
            except OSError:
                pass
            connection.close()

    def _talk(self, connection):
        send = lambda message: connection.sendall(json.dumps(message).encode() + b"\r\n")
        send(GREETING)
        for line in connection.makefile("rb"):
            now = time.monotonic()
            command = json.loads(line)
            name = command["execute"]
            result = {}
            with self.changed:
                self.commands.append(name)
                if name == "qmp_capabilities":
                    self.connections += 1
                elif name == "query-mice":
                    result = [{"index": 3, "name": "QEMU HID Tablet", "current": True,
                               "absolute": self.absolute}]
                elif name == "query-status":
                    result = {"running": self.running, "status": self.status}
                elif name == "input-send-event":
                    self.calls.append((now, command["arguments"]["events"]))
                self.changed.notify_all()
            self.answering.wait()
            send({"return": result, "id": command["id"]})

    def event(self, name):
        self.connection.sendall(json.dumps({"event": name, "timestamp": {}}).encode() + b"\r\n")

    # what came

    def take(self):
        """All events since the last time, one after the other, in short words."""
        with self.changed:
            calls, self.calls = self.calls, []
        return [word(event) for _, events in calls for event in events]

    def seen(self):
        """The words of all events since the last take()."""
        with self.changed:
            return {word(event) for _, events in self.calls for event in events}

    def wait_for(self, what, predicate, seconds=10):
        end = time.monotonic() + seconds
        with self.changed:
            while not predicate():
                if not self.changed.wait(max(0, end - time.monotonic())) and \
                        time.monotonic() > end:
                    raise AssertionError(f"QMP: {what}: not within {seconds} s; last calls: "
                                         f"{self.calls[-5:]}")

    def wait_connected(self, count=1, seconds=20):
        self.wait_for(f"connection {count}", lambda: self.connections >= count, seconds)

    def expect(self, words, seconds=10):
        """Waits for exactly these events."""
        count = lambda: sum(len(events) for _, events in self.calls)
        try:
            self.wait_for(f"{len(words)} events", lambda: count() >= len(words), seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}: wanted {words}, have {self.take()}") from None
        have = self.take()
        if have != words:
            first = next((i for i, pair in enumerate(zip(words, have)) if pair[0] != pair[1]),
                         min(len(words), len(have)))
            raise AssertionError(f"event {first}: wanted {words[first:first + 5]}, "
                                 f"have {have[first:first + 5]} of {len(have)}")


def word(event):
    data = event["data"]
    if event["type"] == "key":
        return ("+" if data["down"] else "-") + format(data["key"]["data"], "02x")
    if event["type"] == "btn":
        return ("+" if data["down"] else "-") + data["button"]
    return f"{event['type']}-{data['axis']}={data['value']}"


def axis(at, size):
    """Where a pixel is on QEMU's axis."""
    return -(-at * 0x7fff // (size - 1))
