# SPDX-License-Identifier: MIT
"""What each key of a keyboard is: its code in PC XT set 1, and what a Linux guest calls it.

0x100 more stands for an 0xe0 before the code. The guest's numbers are those of linux/input.h, which
follow set 1 from Escape (1) to F12 (88) but for the gap at 0x54; what comes after has no rule.
"""

# 0x55 is no key, 0x54 is Print with Alt held: it can't be told by itself.
PLAIN = {code: code for code in range(0x01, 0x59) if code not in (0x54, 0x55)}

EXTENDED = {
    0x11c: 96,   # keypad Enter
    0x11d: 97,   # right Ctrl
    0x135: 98,   # keypad /
    0x137: 99,   # Print
    0x138: 100,  # right Alt
    0x147: 102,  # Home
    0x148: 103,  # Up
    0x149: 104,  # Page Up
    0x14b: 105,  # Left
    0x14d: 106,  # Right
    0x14f: 107,  # End
    0x150: 108,  # Down
    0x151: 109,  # Page Down
    0x152: 110,  # Insert
    0x153: 111,  # Delete
    0x15b: 125,  # left Meta
    0x15c: 126,  # right Meta
    0x15d: 127,  # Menu
}

MEDIA = {
    0x110: 165,  # previous song
    0x119: 163,  # next song
    0x120: 113,  # mute
    0x121: 140,  # calculator
    0x122: 164,  # play, pause
    0x124: 166,  # stop playing
    0x12e: 114,  # volume down
    0x130: 115,  # volume up
    0x132: 172,  # home page
    0x15e: 116,  # power
    0x15f: 142,  # sleep
    0x163: 143,  # wake up
    0x166: 156,  # bookmarks
    0x167: 173,  # refresh
    0x169: 159,  # forward
    0x16a: 158,  # back
    0x16b: 157,  # my computer
    0x16c: 155,  # mail
    0x16d: 226,  # media
}

INTERNATIONAL = {
    0x59: 117,  # keypad =
    0x70: 93,   # katakana and hiragana
    0x73: 89,   # ro: the key left of right Shift in Japan and Brazil
    0x79: 92,   # henkan
    0x7b: 94,   # muhenkan
    0x7d: 124,  # yen
    0x7e: 121,  # keypad comma
}

KEYS = {**PLAIN, **EXTENDED, **MEDIA, **INTERNATIONAL}

# Pause is one key, but a viewer sends the codes of two: Ctrl with 0xe1 before it, and Num Lock.
PAUSE_CODES = (0x21d, 0x45)
PAUSE = 119

CTRL, ALT, DELETE, SHIFT, A = 0x1d, 0x38, 0x153, 0x2a, 0x1e
