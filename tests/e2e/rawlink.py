# SPDX-License-Identifier: MIT
"""SPICE by hand: the first words of a viewer, for those who say them badly."""

import hashlib
import os
import socket
import struct

MAIN, DISPLAY = 1, 2
MINI_HEADER = 0b1000
SPICE_AUTH = 0b0011  # the choice of a way to authenticate, and SPICE's own
MSG_MAIN_INIT = 103


def link_message(connection_id=0, channel=MAIN, caps=0):
    """SpiceLinkHeader and SpiceLinkMess, with one word of common capabilities."""
    mess = struct.pack("<IBBIII", connection_id, channel, 0, 1, 0, 18) + struct.pack("<I", caps)
    return b"REDQ" + struct.pack("<III", 2, 2, len(mess)) + mess


def receive(connection, count):
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise ConnectionError(f"the end after {len(data)} of {count} bytes")
        data += more
    return data


def mask(seed, count):
    """MGF1 of PKCS#1, with SHA-1."""
    data = b"".join(hashlib.sha1(seed + struct.pack(">I", i)).digest() for i in range(7))
    return data[:count]


def mix(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def encrypt(password, key):
    """RSA with OAEP, for the 1024 bit key in a SubjectPublicKeyInfo of 162 bytes."""
    modulus, size, digest = int.from_bytes(key[29:157], "big"), 128, hashlib.sha1(b"").digest()
    message = password.encode() + b"\0"
    block = digest + bytes(size - len(message) - 2 * 20 - 2) + b"\1" + message
    seed = os.urandom(20)
    block = mix(block, mask(seed, len(block)))
    seed = mix(seed, mask(block, 20))
    number = int.from_bytes(b"\0" + seed + block, "big")
    return pow(number, 65537, modulus).to_bytes(size, "big")


def connect(path, connection_id=0, channel=MAIN, password=""):
    """A channel that has been let in: its socket, before the first message."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(20)
    connection.connect(path)
    connection.sendall(link_message(connection_id, channel, SPICE_AUTH | MINI_HEADER))
    header = receive(connection, 16)
    reply = receive(connection, struct.unpack("<I", header[12:])[0])
    connection.sendall(struct.pack("<I", 1) + encrypt(password, reply[4:166]))
    result, = struct.unpack("<I", receive(connection, 4))
    if result:
        connection.close()
        raise ConnectionError(f"the server said error {result}")
    return connection


def session(connection):
    """The id that the server gives a viewer, out of the first message of its main channel."""
    while True:
        kind, size = struct.unpack("<HI", receive(connection, 6))
        body = receive(connection, size)
        if kind == MSG_MAIN_INIT:
            return struct.unpack("<I", body[:4])[0]
