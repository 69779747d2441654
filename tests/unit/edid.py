#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every EDID that the bridge makes passes edid-decode's checks, and says the size it was made for.

usage: edid.py MAKE_EDID
"""

import random
import re
import shutil
import subprocess
import sys

COMMON = [(64, 64), (65, 67), (320, 200), (640, 480), (720, 576), (800, 600), (1024, 600),
          (1024, 768), (1152, 864), (1280, 720), (1280, 768), (1280, 800), (1280, 960),
          (1280, 1024), (1360, 768), (1366, 768), (1400, 1050), (1440, 900), (1600, 900),
          (1600, 1200), (1680, 1050), (1792, 1344), (1920, 1080), (1920, 1200), (1920, 1440),
          (2048, 1152), (2048, 1536), (2560, 1080), (2560, 1440), (2560, 1600), (2880, 1800),
          (3440, 1440), (3840, 1080), (3840, 1600), (3840, 2160), (3840, 2400), (4095, 2160),
          (4095, 4095), (4095, 64), (64, 4095), (1080, 1920), (1200, 1920), (2160, 3840)]
# CVT's own timing is slower than what some drivers take: those sizes get longer blanking.
SLOWEST_MHZ = 25.2


def sizes():
    """The common ones, each with its neighbours turned by a pixel, and as many by chance."""
    chance = random.Random(3)
    wanted = set(COMMON)
    for width, height in COMMON:
        wanted.add((min(width + 1, 4095), max(height - 1, 64)))
        wanted.add((max(width - 3, 64), min(height + 5, 4095)))
    while len(wanted) < 260:
        wanted.add((chance.randint(64, 4095), chance.randint(64, 4095)))
    return sorted(wanted)


def decode(block, *words):
    result = subprocess.run(["edid-decode", *words, "-"], input=block, capture_output=True,
                            check=False)
    return result.returncode, result.stdout.decode(errors="replace")


def timing(text):
    """What stands in one line and the two below: a size, MHz, and all the porches and pulses."""
    match = re.search(r"(\d+)x(\d+)\s+[\d.]+ Hz.*?([\d.]+) MHz[^\n]*\n"
                      r"\s*Hfront\s+(\d+)\s+Hsync\s+(\d+)\s+Hback\s+(\d+) Hpol (\w)[^\n]*\n"
                      r"\s*Vfront\s+(\d+)\s+Vsync\s+(\d+)\s+Vback\s+(\d+) Vpol (\w)", text)
    return match.groups() if match else None


def cvt(width, height, rate):
    text = subprocess.run(["edid-decode", "--cvt", f"w={width},h={height},fps={rate},rb=1"],
                          capture_output=True, text=True, check=True).stdout
    return timing(text)


def judge(block, width, height):
    """What is wrong with this block, a list of sentences; and whether it was plain CVT."""
    wrong = []
    code, text = decode(block, "--check", "--skip-hex-dump", "--preferred-timings")
    if code or "EDID conformity: PASS" not in text:
        wrong.append(f"edid-decode ends with {code}: {text[-600:]}")
    if "Warnings:" in text or "Failures:" in text:
        wrong.append(f"edid-decode complains: {text[-600:]}")
    preferred = timing(text[text.find("Preferred Video Timing"):])
    if not preferred or (int(preferred[0]), int(preferred[1])) != (width, height):
        return wrong + [f"prefers {preferred}"], False
    if "Display Product Name: 'vgpu-bridge'" not in text:
        wrong.append("has no name")
    size = re.search(r"\((\d+) mm x (\d+) mm\)", text[text.find("Preferred Video Timing"):])
    if not size or min(map(int, size.groups())) < 100:
        wrong.append(f"is {size and size.groups()} mm")
    # Not from our own table of rates: what the block says.
    rate = round(float(re.search(r"([\d.]+) Hz", text[text.find("DTD 1"):]).group(1)))
    reference = cvt(width, height, rate) if width % 8 == 0 else None
    plain = reference is not None and float(reference[2]) > SLOWEST_MHZ
    if plain and reference != preferred:
        wrong.append(f"timing {preferred}, CVT has {reference}")
    return wrong, plain


def main():
    if not shutil.which("edid-decode"):
        print("SKIP: no edid-decode here")
        return 77
    wanted = sizes()
    data = subprocess.run([sys.argv[1], *(str(n) for size in wanted for n in size)],
                          capture_output=True, check=True).stdout
    if len(data) != 128 * len(wanted):
        print(f"{len(data)} bytes for {len(wanted)} sizes")
        return 1
    # The judge has to be able to say no.
    broken = bytearray(data[:128])
    broken[127] ^= 1
    if not judge(bytes(broken), *wanted[0])[0]:
        print("a wrong checksum was not noticed")
        return 1
    bad = compared = 0
    for i, (width, height) in enumerate(wanted):
        wrong, plain = judge(data[128 * i:128 * i + 128], width, height)
        compared += plain
        for sentence in wrong:
            bad += 1
            print(f"{width}x{height}: {sentence}")
    print(f"{len(wanted)} sizes, {compared} of them compared with CVT, {bad} complaints")
    return 1 if bad or compared < 20 else 0


sys.exit(main())
