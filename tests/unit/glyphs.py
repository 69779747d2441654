#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The reader of firmware's text (tests/vm/guest/glyphs.py) reads what was drawn, and nothing else."""

import os
import random
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vm", "guest"))
import glyphs

COLUMNS, ROWS, MARGIN = 40, 5, 7 # a width and a height that are no whole number of cells


def make_rom(path, with_font=True):
    """A file that holds a font of noise, between other bytes; returns the glyphs."""
    source = random.Random(1)
    shapes = [source.randbytes(16) for _ in range(256)]
    shapes[0] = shapes[32] = shapes[255] = bytes(16)
    shapes[0x41] = glyphs.CAPITAL_A
    with open(path, "wb") as file:
        file.write(source.randbytes(999))
        file.write(b"".join(shapes) if with_font else bytes(4096))
        file.write(source.randbytes(777))
    return shapes


def draw(path, shapes, lines, ink, paper):
    """A PPM of lines of text, given as lists of codes."""
    width, height = COLUMNS * 8 + MARGIN, ROWS * 16 + MARGIN
    rows = [[paper] * width for _ in range(height)]
    for row, codes in enumerate(lines):
        for column, code in enumerate(codes):
            for y in range(16):
                for x in range(8):
                    if shapes[code][y] >> (7 - x) & 1:
                        rows[row * 16 + y][column * 8 + x] = ink
    with open(path, "wb") as file:
        file.write(b"P6\n%d %d\n255\n" % (width, height))
        file.write(b"".join(bytes(pixel) for row in rows for pixel in row))


def expect(what, have, want):
    if have != want:
        print(f"FAILED: {what}: {have!r}, not {want!r}")
        sys.exit(1)


def refused(what, function, *args):
    try:
        function(*args)
    except ValueError:
        return
    print(f"FAILED: {what} was taken")
    sys.exit(1)


def main():
    with tempfile.TemporaryDirectory() as directory:
        rom, picture = os.path.join(directory, "rom"), os.path.join(directory, "picture")
        shapes = make_rom(rom)
        font = glyphs.load_font(rom)
        said = ["", "  Press ESC for boot menu.", "1. AHCI/0: 40% (~)", "", "Gr\u00fc\u00dfe \u2502"]
        codes = [line.encode("cp437") for line in said]
        for ink, paper in (((170, 170, 170), (0, 0, 0)), ((255, 255, 255), (0, 0, 0)),
                           ((0, 0, 0), (170, 170, 170))):
            draw(picture, shapes, codes, ink, paper)
            lines = [line.rstrip() for line in glyphs.read_text(font, *glyphs.load_ppm(picture))]
            expect(f"{ink} on {paper}", lines, said)
        draw(picture, shapes, [], (0, 0, 0), (0, 0, 0))
        expect("an empty picture", glyphs.read_text(font, *glyphs.load_ppm(picture)), [])

        # One pixel off is another glyph, and a control character's is none that is read.
        bent = list(shapes)
        bent[0x42] = bytes([shapes[0x42][0] ^ 1]) + shapes[0x42][1:]
        draw(picture, bent, [b"ABC\x01"], (170, 170, 170), (0, 0, 0))
        expect("a bent glyph", glyphs.read_text(font, *glyphs.load_ppm(picture)),
               ["A\ufffdC\ufffd"])

        with open(picture, "rb") as file:
            data = file.read()
        with open(picture, "wb") as file:
            file.write(data[:-1])
        refused("a picture that is cut off", glyphs.load_ppm, picture)
        make_rom(rom, with_font=False)
        refused("a file without a font", glyphs.load_font, rom)
    print("ok")


main()
