# SPDX-License-Identifier: MIT
"""The bridge on the kernel's VFIO display drivers, each compared with what was put into the device.

Runs in the test machine. usage: cases.py WAYS [NAME...], WAYS being the ways to open a device that
the machine's kernel offers, with commas between them: mdev,group,fd or mdev,cdev,cdev-fd.
"""

import contextlib
import os
import struct
import subprocess
import sys
import time

import bed
import display_cases
import libvirt_cases
import manage_cases
import qemu_cases
import switch_cases
import xml_cases
from bed import MS, Device, check, poke, wait_for

XR24, AR24, XB24, RG16, XR30, C8 = (struct.unpack("<I", name)[0] for name in (
    b"XR24", b"AR24", b"XB24", b"RG16", b"XR30", b"C8  "))
I915_X_TILED = 0x0100000000000001

# mdpy: a region of fixed size


def mdpy(setup):
    """Each type, each by another way where there are several; and no second pointer."""
    sizes = (("mdpy-vga", 640, 480), ("mdpy-xga", 1024, 768), ("mdpy-hd", 1920, 1080))
    for i, (kind, width, height) in enumerate(sizes):
        way = setup.ways[i % len(setup.ways)]
        with Device(kind) as device:
            said, code = setup.look(device, "--renderer=cpu", way=way)
            for text in (f"{width}x{height} XRGB8888", "planes       region", "cursor plane no",
                         "EDID region  no", "by CPU       yes", "can be shown"):
                check(text in said, f"probe of {kind} has no '{text}':\n{said}")
            check(code == 0, f"probe of {kind} ended with {code}")
            with setup.serve(device, way) as (b, viewer):
                viewer.size(width, height, MS)
                # The driver draws a gradient of its own when it is reset.
                poke(b.pid, "dump", setup.path("own"))
                viewer.compare(setup.path("own"), MS)
                for seed in (1, 2):
                    path = setup.picture(seed, width, height)
                    poke(b.pid, "put", path)
                    viewer.compare(path, MS)
                pointer = viewer.cursor()
                check(not pointer["visible"] and pointer["sets"] == 0, f"a pointer: {pointer}")
                check(b.counters()["vgpu"]["fetches"] == 0, "a region has no dma-buf to fetch")


# mbochs: dma-bufs of its video memory


def colours(setup, viewer):
    viewer.do(f"raw {setup.path('seen')}")
    with open(setup.path("seen"), "rb") as file:
        return set(memoryview(file.read()).cast("I"))


def show(b, viewer, path, width, height, virtual=None, y=0):
    virtual = virtual or width
    poke(b.pid, "put", path, y * virtual * 4)
    poke(b.pid, "mode", width, height, virtual, 0, y)


def mbochs(setup):
    """Modes come, change and go; pictures of every size are exact."""
    sizes = ((800, 600), (1920, 1080), (64, 64), (1366, 768), (1024, 768))
    ways = setup.ways
    if setup.renderer == "gl": # software GL on an emulated processor is slow
        ways, sizes = ways[:1], (sizes[0], sizes[2], sizes[4])
    for way in ways:
        with Device("mbochs-medium") as device:
            with setup.serve(device, way) as (b, viewer):
                setup.log_has(b, "has not set a mode")
                # A card is drawn: a few colours, while our pictures have thousands.
                viewer.size(1024, 768, MS)
                wait_for("a card", 60, lambda: 1 < len(colours(setup, viewer)) < 1000)
                for seed, (width, height) in enumerate(sizes):
                    path = setup.picture(seed, width, height)
                    show(b, viewer, path, width, height)
                    viewer.size(width, height, MS)
                    viewer.compare(path, MS)
                poke(b.pid, "off")
                wait_for("a card after the plane went off", 60,
                         lambda: b.counters()["session"]["state"] == 1)
                wait_for("a card at the size of the last picture", 60,
                         lambda: 1 < len(colours(setup, viewer)) < 1000)
                show(b, viewer, path, width, height)
                viewer.compare(path, MS)
                check(b.counters()["vgpu"]["fetches"] >= len(sizes), "a dma-buf for each mode")


def mbochs_draws(setup):
    """A change is seen in place, and only the tiles that it touches are sent."""
    with Device("mbochs-medium") as device, setup.serve(device) as (b, viewer):
        path = setup.picture(1, 1024, 768)
        show(b, viewer, path, 1024, 768)
        viewer.size(1024, 768, MS)
        viewer.compare(path, MS)
        viewer.settle(3, MS)
        with open(path, "r+b") as file:
            for y in range(128, 192):
                file.seek((y * 1024 + 256) * 4)
                file.write(os.urandom(64 * 4))
        poke(b.pid, "put", path)
        viewer.compare(path, MS)
        # The viewer tells of it late; and the tile may have been seen half written, several times.
        drawn = wait_for("the viewer to tell what was drawn", 60,
                         lambda: viewer.invalidates()["rects"])
        time.sleep(1)
        drawn += viewer.invalidates()["rects"]
        for x, y, width, height in drawn:
            check(256 <= x and x + width <= 320 and 128 <= y and y + height <= 192,
                  f"a tile changed, drawn was {drawn}")


def mbochs_strides(setup):
    """A framebuffer wider than the picture, a panned one, and what the device can't export."""
    with Device("mbochs-medium") as device, setup.serve(device) as (b, viewer):
        path, wide = setup.picture(1, 800, 600, 1024 * 4)
        poke(b.pid, "put", wide)
        poke(b.pid, "mode", 800, 600, 1024)
        viewer.size(800, 600, MS)
        viewer.compare(path, MS)
        path, wide = setup.picture(2, 800, 600, 1024 * 4)
        show(b, viewer, wide, 800, 600, 1024, 300)
        viewer.compare(path, MS)
        # A start that is not page-aligned: the query says yes, the fetch no.
        poke(b.pid, "mode", 800, 600, 1024, 16, 300)
        wait_for("a card", 60, lambda: b.counters()["session"]["state"] == 1)
        poke(b.pid, "mode", 800, 600, 1024, 0, 300)
        viewer.compare(path, MS)
        # 16 bits a pixel: the device then says that there is no plane.
        poke(b.pid, "mode", 800, 600, 1024, 0, 300, 16)
        wait_for("a card", 60, lambda: b.counters()["session"]["state"] == 1)
        poke(b.pid, "mode", 800, 600, 1024, 0, 300)
        viewer.compare(path, MS)


@contextlib.contextmanager
def stock(defect):
    """A defect of the driver as the kernel ships it, for as long as the block lasts."""
    path = f"/sys/module/mbochs/parameters/stock_{defect}"
    bed.write(path, "1")
    try:
        with Device("mbochs-medium") as device:
            yield device
    finally:
        bed.write(path, "0")


def mbochs_stock(setup):
    """Defects to live with: errors at first, no mapping at all, no mapping of the last page."""
    with stock("enomem") as device, setup.serve(device) as (b, viewer):
        for seed, (width, height) in enumerate(((800, 600), (640, 480))):
            path = setup.picture(seed, width, height)
            show(b, viewer, path, width, height)
            viewer.size(width, height, MS)
            viewer.compare(path, MS)
        check(b.counters()["vgpu"]["transient"] >= 2, "each mode began with an error")

    with stock("rdonly") as device, setup.serve(device) as (b, viewer):
        path = setup.picture(1, 1024, 768)
        show(b, viewer, path, 1024, 768)
        if setup.renderer == "gl":
            # The render node maps it through a file of its own.
            viewer.compare(path, MS)
        else:
            setup.log_has(b, "can't be mapped")
            wait_for("a card", 60, lambda: b.counters()["session"]["state"] == 1)

    with stock("size") as device, setup.serve(device) as (b, viewer):
        path = setup.picture(1, 800, 600) # 468.75 pages
        show(b, viewer, path, 800, 600)
        setup.log_has(b, "can't map it" if setup.renderer == "gl" else "can't be mapped")
        path = setup.picture(2, 1024, 768)
        show(b, viewer, path, 1024, 768)
        viewer.compare(path, MS)


def mbochs_probe(setup):
    with Device("mbochs-medium") as device:
        said, code = setup.look(device, f"--renderer={setup.renderer}",
                                f"--render-node={bed.RENDER_NODE}", way=setup.ways[0])
        for text in ("planes       dma-buf", "primary      off", "once the guest sets a mode",
                     "EDID region  yes, up to 1024 bytes, at most 1920x1440"):
            check(text in said, f"probe has no '{text}':\n{said}")
        check(code == 0, f"probe ended with {code}")


# vbtest: a device that does as it is told


def primary(device, buffer, path, width, height, stride=None, ident=None, form=XR24, modifier=0,
            **more):
    size = os.path.getsize(path)
    device.control(**{f"buffer{buffer}": size})
    device.fill(buffer, path)
    device.control(primary_on=1, primary_buffer=buffer, primary_width=width, primary_height=height,
                   primary_stride=stride or width * 4, primary_size=size, primary_format=form,
                   primary_modifier=modifier, primary_id=buffer + 1 if ident is None else ident,
                   **more)


def flips(setup):
    """Three buffers in turn: each is fetched once, seen at once, and let go at the end."""
    width, height = 640, 480
    with Device("vbtest-plain") as device:
        with setup.serve(device, setup.ways[-1]) as (b, viewer):
            paths = [setup.picture(i, width, height) for i in range(3)]
            for i, path in enumerate(paths):
                primary(device, i, path, width, height)
                if i == 0:
                    viewer.size(width, height, MS)
                viewer.compare(path, MS)
            for _ in range(3):
                for i, path in enumerate(paths):
                    device.control(primary_buffer=i, primary_id=i + 1)
                    viewer.compare(path, MS)
            check(device.status()["fetches"] == 3, f"three buffers: {device.status()}")
            held = device.status()["exported"]
            check(held == 3, f"{held} dma-bufs are held of three")
        check(device.status()["exported"] == 0, "a dma-buf outlives the bridge")


def ids_again(setup):
    """GVT-g gives the lowest free id: the same number is another buffer a moment later."""
    with Device("vbtest-plain") as device, setup.serve(device) as (b, viewer):
        for seed, (width, height) in enumerate(((800, 600), (640, 480), (800, 600), (1024, 768))):
            path = setup.picture(seed, width, height)
            primary(device, seed, path, width, height, ident=1)
            viewer.size(width, height, MS)
            # The third is the first in every field, but lies elsewhere.
            viewer.compare(path, MS)
        check(b.counters()["vgpu"]["fetches"] <= 4, "fetched again and again")


def transient(setup):
    """Errors during a mode set leave the last picture up for 300 ms, and the card after that."""
    with Device("vbtest-plain") as device, setup.serve(device) as (b, viewer):
        path = setup.picture(1, 800, 600)
        primary(device, 0, path, 800, 600)
        viewer.size(800, 600, MS)
        viewer.compare(path, MS)
        def card_after(error):
            cards = b.counters()["session"]["cards"]
            device.control(query_error=error, query_fails=2)
            wait_for("the errors", 60, lambda: device.status()["query_fails"] == 0)
            viewer.compare(path, MS)
            return b.counters()["session"]["cards"] != cards
        for error in (12, 14, 22):
            # A busy machine may let 300 ms pass between two looks, but not time and again.
            check(any(not card_after(error) for _ in range(5)), "a card for a moment's error")
        counters = b.counters()["vgpu"]
        check(counters["transient"] >= 3, f"no error was counted: {counters}")
        device.control(query_error=22, query_fails=1000000)
        wait_for("a card", 60, lambda: b.counters()["session"]["state"] == 1)
        device.control(query_fails=0)
        viewer.compare(path, MS)
        # An id that is gone when it is fetched.
        other = setup.picture(2, 640, 480)
        primary(device, 1, other, 640, 480, fetch_error=22, fetch_fails=1)
        viewer.size(640, 480, MS)
        viewer.compare(other, MS)
        check(b.counters()["vgpu"]["stale"] >= 1, "the stale id was not counted")


def formats(setup):
    """Small pictures in other formats, computed apart; C8 and tiles are refused by name."""
    width, height = 128, 96
    def pixels(seed):
        state = seed
        for _ in range(width * height):
            state = (state * 1103515245 + 12345) & 0x7fffffff
            yield state & 0xffffff
    wanted = list(pixels(7))
    raw = setup.path("wanted")
    with open(raw, "wb") as file:
        file.write(struct.pack(f"<{len(wanted)}I", *wanted))

    def pack(letter, function):
        return struct.pack(f"<{len(wanted)}{letter}", *(function(p) for p in wanted))

    def swap(p):
        return (p & 0xff) << 16 | p & 0xff00 | p >> 16

    def ten(p):
        # The nearest of 1024 steps, so that back in 8 bits it is the same but for rounding.
        r, g, b = ((c * 1023 + 127) // 255 for c in (p >> 16, p >> 8 & 255, p & 255))
        return r << 20 | g << 10 | b

    kinds = (
        ("XR24", XR24, 4, pack("I", lambda p: p | 0x5a000000), 0),
        ("AR24", AR24, 4, pack("I", lambda p: p | 0xff000000), 0),
        ("XB24", XB24, 4, pack("I", swap), 0),
        ("XR30", XR30, 4, pack("I", ten), 1),
        ("RG16", RG16, 2, pack("H", lambda p: p >> 8 & 0xf800 | p >> 5 & 0x7e0 | p >> 3 & 0x1f), 9),
    )
    with Device("vbtest-plain") as device, setup.serve(device) as (b, viewer):
        for i, (name, form, size, data, tolerance) in enumerate(kinds):
            path = setup.path(name)
            with open(path, "wb") as file:
                file.write(data)
            primary(device, 0, path, width, height, width * size, ident=i + 1, form=form)
            if i == 0:
                viewer.size(width, height, MS)
            viewer.compare(raw, MS, tolerance)
            before = viewer.do("hash")["hash"]
            # In between the plane goes off, so that each format has to be drawn anew.
            device.control(primary_on=0)
            wait_for("a card", 60, lambda: viewer.do("hash")["hash"] != before)
        path = setup.path("XR24")
        primary(device, 0, path, width, height, width, ident=20, form=C8)
        wait_for("C8 to be refused", 60, lambda: b.counters()["refused"]["format-c8"] >= 1)
        wait_for("a card", 60, lambda: b.counters()["session"]["state"] == 1)
        primary(device, 0, path, width, height, ident=21)
        viewer.compare(raw, MS)
        primary(device, 0, path, width, height, ident=22, modifier=I915_X_TILED)
        wait_for("a card for tiles", 60, lambda: b.counters()["session"]["state"] == 1)
        primary(device, 0, path, width, height, ident=23)
        viewer.compare(raw, MS)


def too_small(setup):
    """A dma-buf that is smaller than it claims is refused, and nothing dies of it."""
    with Device("vbtest-plain") as device, setup.serve(device) as (b, viewer):
        path = setup.picture(1, 640, 480)
        primary(device, 0, path, 640, 480)
        viewer.size(640, 480, MS)
        viewer.compare(path, MS)
        device.control(buffer1=640 * 470 * 4, primary_buffer=1, primary_id=9)
        wait_for("a refusal", 60, lambda: b.counters()["refused"]["buffer-short"] >= 1)
        device.control(primary_buffer=0, primary_id=1)
        viewer.compare(path, MS)


def cursor_is(viewer, what, **wanted):
    def fits():
        now = viewer.cursor()
        return all(now[k] == v for k, v in wanted.items())
    try:
        wait_for(what, 60, fits)
    except AssertionError as error:
        raise AssertionError(f"{error}: wanted {wanted}, is {viewer.cursor()}") from None


def shape_matches(setup, viewer, path):
    """The shape at the viewer is the device's, with the multiplication by alpha undone."""
    viewer.do(f"cursor-dump {setup.path('shape')}")
    with open(setup.path("shape"), "rb") as file:
        have = file.read()
    with open(path, "rb") as file:
        want = file.read()
    check(len(have) == len(want), f"{len(have)} bytes of shape, not {len(want)}")
    half = 0
    for i in range(0, len(want), 4):
        b, g, r, alpha = want[i:i + 4]
        half += 0 < alpha < 255
        check(have[i + 3] == alpha, f"pixel {i // 4}: alpha {have[i + 3]}, not {alpha}")
        for have_c, want_c in zip(have[i:i + 3], (r, g, b)):
            straight = (want_c * 255 + alpha // 2) // alpha if alpha else 0
            check(not alpha or abs(have_c - straight) <= 1,
                  f"pixel {i // 4} of alpha {alpha}: {have_c}, not {straight}")
    check(half > 0, "no half-transparent pixel was tested")


def cursor(setup):
    """Shape, hot spot, place, the left edge; hidden when off; the picture holds none."""
    with Device("vbtest-plain") as device, setup.serve(device) as (b, viewer):
        width, height = (1024, 768) if setup.renderer == "cpu" else (640, 480)
        path = setup.picture(1, width, height)
        primary(device, 0, path, width, height)
        for i, side in ((1, 64), (2, 128)):
            poke("cursor", i, side, side, setup.path(f"cursor{i}"))
            device.control(**{f"buffer{i}": side * side * 4})
            device.fill(i, setup.path(f"cursor{i}"))
        device.control(cursor_on=1, cursor_buffer=1, cursor_id=2, cursor_width=64,
                       cursor_height=64, cursor_stride=256, cursor_size=64 * 64 * 4,
                       cursor_format=AR24, cursor_x=100, cursor_y=200, cursor_hotx=3,
                       cursor_hoty=4)
        viewer.size(width, height, MS)
        viewer.compare(path, MS)
        # SPICE's place is the hot spot's, the plane's is the corner's.
        cursor_is(viewer, "the cursor", visible=1, width=64, height=64, hot_x=3, hot_y=4, x=103,
                  y=204)
        shape_matches(setup, viewer, setup.path("cursor1"))
        viewer.settle(3, MS)
        for x, y in ((500, 300), (width - 24, height - 28), (0, 0)):
            device.control(cursor_x=x, cursor_y=y)
            cursor_is(viewer, f"the cursor at {x},{y}", visible=1, x=x + 3, y=y + 4)
        check(viewer.invalidates()["count"] == 0,
              "a moving cursor drew on the picture")
        # Out by the left edge and back. The device states |x|. The hot spot stays in the picture,
        # as a guest's pointer does.
        for x in [*range(40, -24, -8), *range(-16, 48, 8)]:
            device.control(cursor_x=abs(x), cursor_y=200, cursor_hotx=20, cursor_hoty=20)
            cursor_is(viewer, f"the cursor at {x},200", visible=1, x=x + 20, y=220)
        device.control(cursor_hotx=0xffffffff, cursor_hoty=0xffffffff, cursor_x=50)
        cursor_is(viewer, "an unknown hot spot", hot_x=0, hot_y=0, x=50, y=200)
        device.control(cursor_buffer=2, cursor_id=3, cursor_width=128, cursor_height=128,
                       cursor_stride=512, cursor_size=128 * 128 * 4, cursor_hotx=64,
                       cursor_hoty=64)
        cursor_is(viewer, "a larger cursor", width=128, height=128, hot_x=64, hot_y=64, x=114)
        shape_matches(setup, viewer, setup.path("cursor2"))
        device.control(cursor_on=0)
        cursor_is(viewer, "no cursor", visible=0)
        device.control(cursor_on=1)
        cursor_is(viewer, "the cursor again", visible=1)
        viewer.compare(path, MS)


def quiet(setup):
    """Nobody looks: no call. Somebody looks at a still picture: not a byte."""
    with Device("vbtest-plain") as device:
        path = setup.picture(1, 800, 600)
        primary(device, 0, path, 800, 600)
        with setup.serve(device) as (b, viewer):
            viewer.size(800, 600, MS)
            viewer.compare(path, MS)
            # What was under way has to end at some time, and then there is nothing at all.
            def still(read):
                before = read()
                time.sleep(3)
                return read() == before
            def received():
                count = viewer.bytes()
                return count["display"], count["cursor"]
            wait_for("no bytes for a still picture", 60, lambda: still(received))
            viewer.do("disconnect")
            wait_for("no VFIO call without a viewer", 60,
                     lambda: still(lambda: device.status()["calls"]))
            with setup.client(b.unix, "--read-only") as late:
                late.compare(path, MS)


def vbtest_probe(setup):
    """What probe says about planes, cursor, EDID limits and render node."""
    with Device("vbtest-plain") as device:
        path = setup.picture(1, 1024, 768)
        primary(device, 0, path, 1024, 768, edid_xres=1024, edid_yres=768)
        options = (f"--renderer={setup.renderer}", f"--render-node={bed.RENDER_NODE}")
        said, code = setup.look(device, *options, way=setup.ways[-1])
        by = "by GL        yes" if setup.renderer == "gl" else "by CPU       yes"
        for text in ("planes       dma-buf", "cursor plane yes", "cursor       off",
                     "up to 128 bytes, at most 1024x768", "1024x768 XRGB8888", "modifier LINEAR",
                     "stride 4096", "dma-buf id 1", bed.RENDER_NODE, by, "can be shown"):
            check(text in said, f"probe has no '{text}':\n{said}")
        check(code == 0, f"probe ended with {code}")
        for form, modifier, text in ((XR24, I915_X_TILED, "X_TILED"), (C8, 0, "C8")):
            device.control(primary_format=form, primary_modifier=modifier)
            said, code = setup.look(device, *options, way=setup.ways[-1])
            check("can't be shown" in said and text in said and code == 4,
                  f"{text}, exit {code}:\n{said}")


def edid(setup):
    """A mild device and a strict one take an EDID in the order that they both want."""
    blob = bytes((i * 7 + 1) & 255 for i in range(127))
    blob += bytes([-sum(blob) & 255])
    path = setup.path("edid")
    with open(path, "wb") as file:
        file.write(blob)
    for kind in ("mbochs-medium", "vbtest-plain"):
        with Device(kind) as device:
            if kind == "vbtest-plain":
                device.control(edid_max=128)
            process = subprocess.Popen([f"{bed.HERE}/bin/set-edid", device.uuid, path], text=True,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            try:
                said = process.stdout.readline().strip()
                check(said == "ok", f"{kind}: {said}")
                if kind == "vbtest-plain":
                    status = device.status()
                    check(status["link_state"] == 1 and status["link_ups"] == 1, f"{status}")
                    with open(f"{device.path}/vbtest/edid", "rb") as file:
                        seen = file.read()
                else:
                    # What the guest's driver would read.
                    poke(process.pid, "edid", setup.path("seen"))
                    with open(setup.path("seen"), "rb") as file:
                        seen = file.read(128)
                check(seen == blob, f"{kind} has another EDID: {seen.hex()}")
            finally:
                process.stdin.close()
                check(process.wait(60) == 0, f"{kind}: set-edid failed")


def preferred(blob):
    """The size in a good EDID's first detailed timing."""
    check(len(blob) == 128 and blob[:8] == bytes([0] + [255] * 6 + [0]) and sum(blob) % 256 == 0,
          f"no EDID: {blob.hex()}")
    return blob[56] | (blob[58] & 0xf0) << 4, blob[59] | (blob[61] & 0xf0) << 4


def window(setup):
    """A viewer's window, within the device's limits, is what the guest's monitor is like."""
    for kind, limited in (("mbochs-medium", (1920, 1080)), ("vbtest-plain", (1600, 900))):
        with Device(kind) as device:
            if kind == "vbtest-plain":
                device.control(edid_max=128, edid_xres=1600, edid_yres=1200)

            def seen():
                if kind == "vbtest-plain":
                    with open(f"{device.path}/vbtest/edid", "rb") as file:
                        return file.read()
                poke(b.pid, "edid", setup.path("seen"))
                with open(setup.path("seen"), "rb") as file:
                    return file.read(128)

            # The bed's own viewer only looks.
            with setup.serve(device) as (b, _), setup.client(b.unix) as viewer:
                viewer.wait_event("agent 1", 60)
                sizes = (((1283, 801), (1280, 800)), ((3840, 2160), limited))
                for i, (asked, wanted) in enumerate(sizes):
                    viewer.do("resize {} {}".format(*asked))
                    wait_for("an EDID", 60, lambda: b.counters()["capture"]["edids"] == i + 1)
                    if kind == "vbtest-plain":
                        wait_for("the link", 60, lambda: device.status()["link_ups"] == i + 1)
                        check(device.status()["link_state"] == 1, f"{device.status()}")
                    size = preferred(seen())
                    check(size == wanted, f"{kind}: {asked} became {size}, not {wanted}")
                check(b.counters()["size"]["limited"] == 1, f"{b.counters()['size']}")


BOTH = ("cpu", "gl")
CASES = (
    (mdpy, ("cpu",)),
    (mbochs, BOTH),
    (mbochs_draws, ("cpu",)),
    (mbochs_strides, ("cpu",)),
    (mbochs_stock, BOTH),
    (mbochs_probe, ("cpu",)),
    (edid, ("cpu",)),
    (window, ("cpu",)),
    (flips, BOTH),
    (ids_again, ("cpu",)),
    (transient, ("cpu",)),
    (formats, BOTH),
    (too_small, ("cpu",)),
    (cursor, BOTH),
    (quiet, ("cpu",)),
    (vbtest_probe, BOTH),
    *qemu_cases.CASES,
    *libvirt_cases.CASES,
    *manage_cases.CASES,
    *switch_cases.CASES,
    *display_cases.CASES,
    *xml_cases.CASES,
)

if __name__ == "__main__":
    sys.exit(bed.run(CASES, sys.argv[1].split(","), sys.argv[2:]))
