# SPDX-License-Identifier: MIT
"""The verbs display, screenshot and status, on drivers of the kernel with and without an EDID region."""

import json
import os
import subprocess

from bed import HERE, MS, PROGRAM, Device, check, poke, wait_for
from png import Png

GUIDE = f"{HERE}/tests/monitor.config"


class Verbs:
    """The verbs for one bridge."""

    def __init__(self, setup):
        self.setup = setup
        self.path = setup.path("desk")
        self.options = [f"--control=unix:{self.path}"]

    def tool(self, *words, code=0):
        result = subprocess.run([PROGRAM, *words, f"--on={self.path}"], capture_output=True,
                                text=True, timeout=120, check=False)
        check(result.returncode == code, f"{words}: {result.returncode}, {result.stderr}")
        return result.stdout + result.stderr

    def shot(self, *words):
        path = self.setup.path("shot.png")
        said = self.tool("screenshot", path, *words)
        return Png.read(path), said

    def monitor(self):
        return json.loads(self.tool("status", "--json").splitlines()[0])["monitor"]


def guide():
    with open(GUIDE, encoding="ascii") as file:
        lines = [line.strip() for line in file if not line.startswith("#")]
    return bytes.fromhex("".join(lines[2:]))


def pixels(path):
    """Of a picture of ours, as a screenshot has them."""
    with open(path, "rb") as file:
        data = bytearray(file.read())
    data[3::4] = bytes(len(data) // 4)
    return bytes(data)


def preferred(blob):
    return blob[56] | (blob[58] & 0xf0) << 4, blob[59] | (blob[61] & 0xf0) << 4


def display_mbochs(setup):
    """The sample device: what its guest would read as its monitor's EDID, and what it shows."""
    verbs = Verbs(setup)
    with Device("mbochs-medium") as device, \
            setup.serve(device, options=verbs.options, read_only=False) as (b, viewer):

        def seen():
            path = setup.path("seen")
            poke(b.pid, "edid", path)
            with open(path, "rb") as file:
                return file.read(128)

        one = setup.picture(1, 800, 600)
        poke(b.pid, "put", one)
        poke(b.pid, "mode", 800, 600, 800, 0, 0)
        viewer.size(800, 600, MS)
        viewer.compare(one, MS)
        said = verbs.tool("display", "set-edid", GUIDE)
        check("1920x1080 (ASUS PA238)" in said, said)
        check(seen() == guide(), "the guest's EDID is another")
        viewer.wait_event("agent 1", 60)
        viewer.do("resize 1280 720")
        wait_for("the refusal", 60, lambda: b.counters()["size"]["refused"] == 1)
        check(seen() == guide(), "a viewer has changed it")
        verbs.tool("display", "unplug")
        check(seen() != guide(), "the guest sees its monitor")
        check(not verbs.monitor()["plugged"], f"{verbs.monitor()}")
        verbs.tool("display", "plug")
        check(seen() == guide(), "another monitor was plugged in")
        verbs.tool("display", "resize", "1024x768")
        check(preferred(seen()) == (1024, 768), f"{preferred(seen())}")
        said = verbs.tool("display", "resize", "3840x2160")
        check("1920x1440 at most: 1920x1080" in said, said)
        check(preferred(seen()) == (1920, 1080), f"{preferred(seen())}")
        verbs.tool("display", "resize", "auto")
        wait_for("the viewer's size", 60, lambda: preferred(seen()) == (1280, 720))
        check(verbs.monitor()["mode"] == "auto", f"{verbs.monitor()}")
        picture, said = verbs.shot()
        check("the guest's picture" in said and picture.pixels == pixels(one), said)
        poke(b.pid, "off")
        _, said = verbs.shot()
        check("a card (no-picture)" in said, said)
        said = verbs.tool("status")
        check("plugged, 1280x720 (vgpu-bridge), auto" in said, said)


def display_strict(setup):
    """A device that takes one block, and judges it as GVT-g does when it is plugged in."""
    verbs = Verbs(setup)
    first = bytearray(guide())
    first[126] = 1
    first[127] = -sum(first[:127]) & 255
    with open(setup.path("two"), "wb") as file:
        file.write(bytes(first) + bytes([2, 3]) + bytes(125) + bytes([251]))
    with Device("vbtest-plain") as device:
        device.control(edid_max=128, edid_xres=1600, edid_yres=1200)
        with setup.serve(device, options=verbs.options) as _:
            said = verbs.tool("display", "set-edid", setup.path("two"))
            check("first 1 of 2 blocks" in said and "allows 1600x1200" in said, said)
            with open(f"{device.path}/vbtest/edid", "rb") as file:
                check(file.read()[:128] == guide(), "the guest's EDID is another")
            check(device.status()["link_state"] == 1, f"{device.status()}")
            verbs.tool("display", "unplug")
            check(device.status()["link_state"] == 2, f"{device.status()}")
            verbs.tool("display", "plug")
            status = device.status()
            check(status["link_state"] == 1 and status["link_ups"] == 2, f"{status}")


def display_mdpy(setup):
    """A device without an EDID region says so; a screenshot needs none."""
    verbs = Verbs(setup)
    with Device("mdpy-xga") as device, \
            setup.serve(device, options=verbs.options) as (b, viewer):
        one = setup.picture(3, 1024, 768)
        poke(b.pid, "put", one)
        viewer.compare(one, MS)
        for words in (("set-edid", GUIDE), ("plug",), ("unplug",), ("resize", "800x600")):
            said = verbs.tool("display", *words, code=1)
            check("takes no EDID" in said and "agent" in said, said)
        picture, said = verbs.shot("--cursor")
        check(picture.pixels == pixels(one) and "draws its pointer" in said, said)
        said = verbs.tool("status")
        check("no device is there that takes an EDID" in said, said)
        check(os.path.getsize(setup.path("shot.png")) > 1000, "an empty file")


CASES = (
    (display_mbochs, ("cpu",)),
    (display_strict, ("cpu",)),
    (display_mdpy, ("cpu",)),
)
