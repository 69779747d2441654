# SPDX-License-Identifier: MIT
"""A viewer of its own making, for what spice-gtk would not do: links channels and sends messages.

The link is SPICE's: a header, what is wanted, the server's key, the ticket (RSA with OAEP; empty where
no password is asked). After that messages have a head of type (16 bits) and size (32).
"""

import hashlib
import os
import socket
import struct

MAIN, SMARTCARD = 1, 8
MAIN_INIT = 103
COMMON_CAPS = 1 << 0 | 1 << 1 | 1 << 3  # choice of the proof, a ticket, small heads
KEY_MODULUS = 29  # where it is in the server's key of 162 bytes; the exponent is 65537


def oaep(message, size):
    """As RSA's PKCS #1 with SHA-1 wants it (RFC 8017, 7.1.1)."""
    def mask(seed, length):
        out = b""
        while len(out) < length:
            out += hashlib.sha1(seed + struct.pack(">I", len(out) // 20)).digest()
        return out[:length]

    def xor(a, b):
        return bytes(x ^ y for x, y in zip(a, b))

    seed = os.urandom(20)
    block = hashlib.sha1(b"").digest() + bytes(size - len(message) - 42) + b"\1" + message
    masked = xor(block, mask(seed, len(block)))
    return b"\0" + xor(seed, mask(masked, 20)) + masked


class Channel:
    def __init__(self, address, kind, number=0, session=0, password=b""):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family)
        self.socket.settimeout(20)
        self.socket.connect(address)
        wanted = struct.pack("<IBBIIII", session, kind, number, 1, 0, 18, COMMON_CAPS)
        self.socket.sendall(b"REDQ" + struct.pack("<III", 2, 2, len(wanted)) + wanted)
        magic, _, _, size = struct.unpack("<4sIII", self.bytes(16))
        reply = self.bytes(size)
        error = struct.unpack_from("<I", reply)[0]
        if magic != b"REDQ" or error:
            raise AssertionError(f"the link to channel {kind} was answered {magic} {error}")
        modulus = int.from_bytes(reply[4 + KEY_MODULUS:4 + KEY_MODULUS + 128], "big")
        plain = int.from_bytes(oaep(password + b"\0", 128), "big")
        self.socket.sendall(struct.pack("<I", 1) +
                            pow(plain, 65537, modulus).to_bytes(128, "big"))
        result = struct.unpack("<I", self.bytes(4))[0]
        if result:
            raise AssertionError(f"channel {kind} was refused: {result}")

    def bytes(self, size):
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise AssertionError("the server has closed the channel")
            data += more
        return data

    def send(self, kind, body):
        self.socket.sendall(struct.pack("<HI", kind, len(body)) + body)

    def receive(self, kind):
        """The next message of this kind."""
        while True:
            got, size = struct.unpack("<HI", self.bytes(6))
            body = self.bytes(size)
            if got == kind:
                return body

    def close(self):
        self.socket.close()


class Viewer:
    """The main channel; others belong to its session."""

    def __init__(self, address):
        self.address = address
        self.main = Channel(address, MAIN)
        self.session = struct.unpack_from("<I", self.main.receive(MAIN_INIT))[0]
        self.channels = [self.main]

    def channel(self, kind, number=0):
        channel = Channel(self.address, kind, number, self.session)
        self.channels.append(channel)
        return channel

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for channel in self.channels:
            channel.close()
