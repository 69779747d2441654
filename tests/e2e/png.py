# SPDX-License-Identifier: MIT
"""Reads PNG files of 8-bit RGB, checking each sum, into what the viewers compare: B, G, R, 0."""

import struct
import zlib


def _unfilter(data, width, height):
    stride = width * 3
    above = bytearray(stride)
    rows = []
    at = 0
    for _ in range(height):
        kind, row = data[at], bytearray(data[at + 1:at + 1 + stride])
        at += 1 + stride
        if kind == 1:
            for i in range(3, stride):
                row[i] = (row[i] + row[i - 3]) & 255
        elif kind == 2:
            row = bytearray((a + b) & 255 for a, b in zip(row, above))
        elif kind == 3:
            for i in range(stride):
                row[i] = (row[i] + ((row[i - 3] if i >= 3 else 0) + above[i]) // 2) & 255
        elif kind == 4:
            for i in range(stride):
                a = row[i - 3] if i >= 3 else 0
                b, c = above[i], above[i - 3] if i >= 3 else 0
                pa, pb, pc = abs(b - c), abs(a - c), abs(a + b - 2 * c)
                best = a if pa <= pb and pa <= pc else b if pb <= pc else c
                row[i] = (row[i] + best) & 255
        elif kind != 0:
            raise ValueError(f"filter {kind}")
        rows.append(row)
        above = row
    return b"".join(rows)


class Png:
    """width, height, pixels (B, G, R, 0 each) and texts."""

    def __init__(self, data):
        if data[:8] != b"\x89PNG\r\n\x1a\n":
            raise ValueError("not a PNG")
        at, packed, names = 8, b"", []
        self.texts = {}
        while at < len(data):
            size, name = struct.unpack_from(">I4s", data, at)
            body = data[at + 8:at + 8 + size]
            if zlib.crc32(name + body) != struct.unpack_from(">I", data, at + 8 + size)[0]:
                raise ValueError(f"the sum of {name} is wrong")
            names.append(name)
            if name == b"IHDR":
                self.width, self.height, *how = struct.unpack(">IIBBBBB", body)
                if how != [8, 2, 0, 0, 0]:
                    raise ValueError(f"not 8-bit RGB: {how}")
            elif name == b"IDAT":
                packed += body
            elif name == b"tEXt":
                key, text = body.split(b"\0", 1)
                self.texts[key.decode()] = text.decode("latin-1")
            at += 12 + size
        if names[-1] != b"IEND" or at != len(data):
            raise ValueError("it does not end")
        rgb = _unfilter(zlib.decompress(packed), self.width, self.height)
        pixels = bytearray(self.width * self.height * 4)
        for i in range(3):
            pixels[i::4] = rgb[2 - i::3]
        self.pixels = bytes(pixels)

    @classmethod
    def read(cls, path):
        with open(path, "rb") as file:
            return cls(file.read())
