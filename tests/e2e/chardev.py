# SPDX-License-Identifier: MIT
"""What the bridge connects to: a character device as QEMU serves it, a guest's agent, a monitor.

A Chardev takes one connection at a time, as QEMU's -chardev socket does. Agent speaks VDAgent on one:
chunks (port, size) of messages (protocol, type, opaque, size), all little endian.
"""

import json
import os
import socket
import struct
import threading
import time


class Chardev:
    def __init__(self, path, greeting=b""):
        self.path = path
        self.greeting = greeting
        self.changed = threading.Condition()
        self.received = bytearray()  # on the connection that is now
        self.connections = 0
        self.connection = None
        self.reading = threading.Event()
        self.reading.set()
        self.listener = None
        self.listen()

    def listen(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(1)
        threading.Thread(target=self._serve, args=(self.listener,), daemon=True).start()

    def _serve(self, listener):
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            with self.changed:
                self.received = bytearray()
                self.connection = connection
                self.limit_sending(20)
                self.connections += 1
                self.changed.notify_all()
            try:
                connection.sendall(self.greeting)
                self.began()
                while True:
                    self.reading.wait()
                    data = connection.recv(65536)
                    if not data:
                        break
                    self.take(data)
            except OSError:
                pass
            with self.changed:
                self.connection = None
                self.changed.notify_all()
            connection.close()

    def began(self):
        """A connection is there."""

    def take(self, data):
        """Bytes have come."""
        with self.changed:
            self.received += data
            self.changed.notify_all()

    def limit_sending(self, seconds):
        """How long send() waits for a bridge that does not read, before a BlockingIOError."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO,
                                   struct.pack("ll", int(seconds), int(seconds % 1 * 1e6)))

    def send(self, data):
        self.connection.sendall(data)

    def drop(self):
        """Ends the connection, as a QEMU that ends."""
        with self.changed:
            if self.connection:
                self.connection.shutdown(socket.SHUT_RDWR)

    def close(self):
        """Ends the connection, and takes no new one."""
        os.unlink(self.path)
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.drop()
        self.wait("the end of the connection", lambda: not self.connection)

    def wait(self, what, predicate, seconds=20):
        end = time.monotonic() + seconds
        with self.changed:
            while not predicate():
                if not self.changed.wait(max(0, end - time.monotonic())):
                    raise AssertionError(f"the device on {self.path}: no {what} in {seconds} s")

    def wait_connected(self, number=1):
        self.wait(f"connection number {number}",
                  lambda: self.connections >= number and self.connection)


class Echo(Chardev):
    """Sends back what it gets."""

    def take(self, data):
        super().take(data)
        self.send(data)


CLIENT_PORT, SERVER_PORT = 1, 2
(MOUSE_STATE, MONITORS_CONFIG, REPLY, CLIPBOARD, DISPLAY_CONFIG, ANNOUNCE, GRAB, REQUEST, RELEASE,
 XFER_START, XFER_STATUS, XFER_DATA, CLIENT_DISCONNECTED) = range(1, 14)
CAN_SEND, CANCELLED, FAILED, SUCCESS = range(4)
UTF8_TEXT = 1
# Mouse, monitors, reply, clipboard by demand, with selections.
CAPABILITIES = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 5 | 1 << 6
CHUNK_MAX = 2048


class Agent(Chardev):
    def __init__(self, path, speaks_first=True):
        self.speaks_first = speaks_first
        self.silent = False  # as a guest without an agent
        self.text = b""  # in the guest's clipboard
        self.got_text = None  # of the viewer's clipboard
        self.messages = []  # (port, type, body)
        self.files = {}
        self.sizes = {}
        super().__init__(path)

    def began(self):
        self.chunks = bytearray()
        self.streams = {CLIENT_PORT: bytearray(), SERVER_PORT: bytearray()}
        if self.speaks_first and not self.silent:
            self.announce(1)

    def message(self, kind, body=b""):
        message = struct.pack("<IIQI", 1, kind, 0, len(body)) + body
        pieces = [message[i:i + CHUNK_MAX] for i in range(0, len(message), CHUNK_MAX)]
        self.send(b"".join(struct.pack("<II", CLIENT_PORT, len(p)) + p for p in pieces))

    def announce(self, request):
        self.message(ANNOUNCE, struct.pack("<II", request, CAPABILITIES))

    def offer(self, text):
        self.text = text
        self.message(GRAB, struct.pack("<4BI", 0, 0, 0, 0, UTF8_TEXT))

    def take(self, data):
        super().take(data)
        if self.silent:
            return
        self.chunks += data
        while len(self.chunks) >= 8:
            port, size = struct.unpack_from("<II", self.chunks)
            if len(self.chunks) < 8 + size:
                break
            self.streams[port] += self.chunks[8:8 + size]
            del self.chunks[:8 + size]
            self._take_messages(port, self.streams[port])

    def _take_messages(self, port, stream):
        while len(stream) >= 20:
            protocol, kind, _, size = struct.unpack_from("<IIQI", stream)
            if protocol != 1:
                raise AssertionError(f"a message of protocol {protocol} came")
            if len(stream) < 20 + size:
                return
            body = bytes(stream[20:20 + size])
            del stream[:20 + size]
            if port == SERVER_PORT and kind == CLIENT_DISCONNECTED:
                self.streams[CLIENT_PORT].clear()
            self._take(kind, body)
            with self.changed:
                self.messages.append((port, kind, body))
                self.changed.notify_all()

    def _take(self, kind, body):
        if kind == ANNOUNCE and struct.unpack_from("<I", body)[0]:
            self.announce(0)
        elif kind == GRAB:
            self.message(REQUEST, body[:4] + struct.pack("<I", UTF8_TEXT))
        elif kind == REQUEST:
            self.message(CLIPBOARD, body[:8] + self.text)
        elif kind == CLIPBOARD:
            self.got_text = body[8:]
        elif kind == XFER_START:
            name, size = (next(line.split("=")[1] for line in body[4:].decode().splitlines()
                               if line.startswith(key)) for key in ("name=", "size="))
            number = struct.unpack_from("<I", body)[0]
            self.files[number] = bytearray()
            self.sizes[number] = (name, int(size.strip("\0")))
            self.message(XFER_STATUS, struct.pack("<II", number, CAN_SEND))
        elif kind == XFER_DATA:
            number, size = struct.unpack_from("<IQ", body)
            self.files[number] += body[12:12 + size]
            if len(self.files[number]) >= self.sizes[number][1]:
                self.message(XFER_STATUS, struct.pack("<II", number, SUCCESS))

    def count(self, kind):
        return sum(m[1] == kind for m in self.messages)


class Monitor(Chardev):
    """A QMP monitor that says yes to everything, with mice and character devices as one sets them."""

    GREETING = {"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 0}},
                        "capabilities": []}}

    def __init__(self, path):
        self.absolute = False
        self.chardevs = []
        self.commands = []
        self.line = b""
        super().__init__(path, json.dumps(self.GREETING).encode() + b"\r\n")

    def began(self):
        self.line = b""

    def say(self, message):
        self.send(json.dumps(message).encode() + b"\r\n")

    def take(self, data):
        *lines, self.line = (self.line + data).split(b"\n")
        for line in lines:
            command = json.loads(line)
            answer = {}
            if command["execute"] == "query-mice":
                answer = [{"name": "mouse", "index": 1, "current": True,
                           "absolute": self.absolute}]
            elif command["execute"] == "query-chardev":
                answer = self.chardevs
            elif command["execute"] == "query-status":
                answer = {"status": "running", "running": True, "singlestep": False}
            self.say({"return": answer, **{k: command[k] for k in ("id",) if k in command}})
            with self.changed:
                self.commands.append(command)
                self.changed.notify_all()

    def event(self, name, **data):
        self.say({"event": name, "data": data, "timestamp": {"seconds": 1, "microseconds": 2}})

    def count(self, name):
        return sum(c["execute"] == name for c in self.commands)
