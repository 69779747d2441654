# SPDX-License-Identifier: MIT
"""Reads the text that PC firmware draws into a framebuffer, from a picture of it.

The font (8x16, 256 glyphs) is taken from the video BIOS file that draws it. SeaBIOS puts its text
at the top left corner of the picture, in cells without a gap.
"""

import re

WIDTH, HEIGHT = 8, 16
# An A, by which a font is found in a file: no other run of 16 bytes in a BIOS looks like it.
CAPITAL_A = bytes.fromhex("000010386cc6c6fec6c6c6c600000000")
BLANK = bytes(HEIGHT)
BITS = bytes(0x30 + (value >= 0x60) for value in range(256))


def load_font(path):
    """The font in a BIOS file: a dictionary from a glyph's 16 bytes to its character."""
    with open(path, "rb") as file:
        rom = file.read()
    at = rom.find(CAPITAL_A) - 0x41 * HEIGHT
    if at < 0 or at + 256 * HEIGHT > len(rom):
        raise ValueError(f"{path} holds no 8x16 font")
    font = {}
    for code in range(255, -1, -1): # of two that look the same, the lower code
        character = bytes([code]).decode("cp437") if 0x20 < code < 0xff and code != 0x7f else None
        if character:
            font[rom[at + code * HEIGHT:at + (code + 1) * HEIGHT]] = character
    font[BLANK] = " "
    return font


def load_ppm(path):
    """Width, height and the RGB bytes of a binary PPM with 8 bits a channel."""
    with open(path, "rb") as file:
        data = file.read()
    header = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", data)
    if not header:
        raise ValueError(f"{path} is no PPM")
    width, height = int(header[1]), int(header[2])
    pixels = data[header.end():]
    if len(pixels) != width * height * 3:
        raise ValueError(f"{path} is cut off")
    return width, height, pixels


def read_cells(font, scanlines):
    """One line of text from the sixteen scanlines, given as strings of 0 and 1, that it covers."""
    text = ""
    for x in range(0, len(scanlines[0]) - WIDTH + 1, WIDTH):
        glyph = bytes(int(line[x:x + WIDTH], 2) for line in scanlines)
        if glyph in font:
            text += font[glyph]
        else: # light on dark, or else dark on light
            text += font.get(bytes(byte ^ 0xff for byte in glyph), "\ufffd")
    return text.rstrip()


def read_text(font, width, height, pixels):
    """Lines of text in a picture; a cell that holds no glyph is read as U+FFFD."""
    lines = []
    for y in range(0, height - HEIGHT + 1, HEIGHT):
        # Green stands for all: firmware writes in greys and bright colours on black.
        scanlines = [pixels[(y + i) * width * 3 + 1:(y + i + 1) * width * 3:3].translate(BITS)
                     for i in range(HEIGHT)]
        if any(b"1" in line for line in scanlines):
            lines.append(read_cells(font, scanlines))
        else:
            lines.append("")
    while lines and not lines[-1]:
        lines.pop()
    return lines
