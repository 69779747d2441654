#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A reader of smart cards: messages between QEMU's ccid-card-passthru and a viewer's card.

Both speak of type, reader and length (32 bits each), QEMU big endian and the viewer little.
"""

import contextlib
import os
import struct

import case
import chardev
import rawlink
from case import check, wait_for

INIT, ERROR, READER_ADD, READER_REMOVE, ATR, CARD_REMOVE, APDU = range(1, 8)
SMARTCARD = 8  # SPICE's channel
DATA = 101  # and its message that holds one of those
NO_READER = 0xffffffff
LONGEST = 270  # of what the guest sends, bytes


def message(kind, body=b"", order=">", reader=0):
    return struct.pack(order + "III", kind, reader, len(body)) + body


class Card:
    """The viewer's side, with a card in the reader."""

    def __init__(self, path):
        self.main = rawlink.connect(path)
        self.channel = rawlink.connect(path, rawlink.session(self.main), SMARTCARD)
        self.send(READER_ADD, reader=NO_READER)
        self.send(ATR, b"atr of a card")

    def send(self, kind, body=b"", reader=0):
        data = message(kind, body, "<", reader)
        self.channel.sendall(struct.pack("<HI", DATA, len(data)) + data)

    def expect(self, body):
        kind = None
        while kind != DATA:
            kind, size = struct.unpack("<HI", rawlink.receive(self.channel, 6))
            got = rawlink.receive(self.channel, size)
        check(got == message(APDU, body, "<"), f"the card got {got[:40]}..., not {body[:40]}...")

    def close(self):
        self.channel.close()
        self.main.close()


def reads(device, wanted):
    device.wait(f"message {wanted[:40]}", lambda: bytes(device.received) == wanted)


def card(setup):
    device = chardev.Chardev(setup.path("card"))
    with setup.bridge("320x240", [f"--smartcard=unix:{device.path}"]) as b:
        device.wait_connected()
        added = message(READER_ADD) + message(ATR, b"atr of a card")
        for number in range(2):
            device.received.clear()
            with contextlib.closing(Card(b.socket_path)) as reader:
                reads(device, added)
                device.send(message(INIT, b"init") + message(APDU, b"select"))
                reader.expect(b"select")
                reader.send(APDU, b"answer")
                reads(device, added + message(APDU, b"answer"))
                # In pieces, and several at once.
                for byte in message(APDU, b"piece by piece"):
                    device.send(bytes([byte]))
                reader.expect(b"piece by piece")
                bodies = [os.urandom(LONGEST - i) for i in range(50)]
                device.send(b"".join(message(APDU, body) for body in bodies))
                for body in bodies:
                    reader.expect(body)
                # The library would write past its buffer for one of these.
                dropped = b.counters()["spice"]["ports_dropped"]
                device.send(message(APDU, bytes(LONGEST + 1)) + message(APDU, bytes(70000)) +
                            message(APDU, b"") + message(APDU, b"after them"))
                reader.expect(b"")
                reader.expect(b"after them")
                dropped = b.counters()["spice"]["ports_dropped"] - dropped
                check(dropped == LONGEST + 1 + 70000 + 24, f"{dropped} bytes were dropped")
                # QEMU goes in the middle of a message and comes again.
                device.send(message(APDU, b"half a message")[:20])
                connections = device.connections
                device.drop()
                device.wait_connected(connections + 1)
                device.send(message(APDU, b"a whole one"))
                reader.expect(b"a whole one")
                reader.send(APDU, b"answer")
                reads(device, message(APDU, b"answer"))
            # The card leaves with its viewer.
            reads(device, message(APDU, b"answer") + message(READER_REMOVE))
            wait_for("no viewer", 10, lambda: "viewers: 0" in b.lines[-1])
            check(b.counters()["relays"]["smartcard"]["losses"] == number + 1, "losses")


if __name__ == "__main__":
    case.main(card)
