# SPDX-License-Identifier: MIT
"""The guest's display takes the size of the viewer's window: seldom, within limits, and exactly."""

import os
import shutil
import subprocess
import time

import case
from case import check, wait_for

MS = 20000


def edids(b):
    return b.counters()["capture"]["edids"]


def look(b, viewer, width, height):
    """The viewer has a picture of this size, and it is right to the pixel."""
    viewer.size(width, height, MS)
    b.pause()
    viewer.compare(b.reference(), MS)
    b.resume()


def settled(b, count):
    """Waits until so many requests have come to their end."""
    wait_for(f"{count} requests settled", 20, lambda: b.counters()["size"]["settled"] >= count)
    return b.counters()["size"]


def follows(setup):
    """A few windows: the guest follows each, in whole cells, and never above what it can."""
    with setup.bridge("1280x720") as b, setup.client(b.unix) as viewer:
        look(b, viewer, 1280, 720)
        check(edids(b) == 0, "a viewer that came has changed the guest")
        windows = (((1024, 768), (1024, 768)), ((1367, 771), (1360, 770)), ((600, 1000), (600, 1000)),
                   ((10, 10), (320, 200)), ((3841, 2161), (3840, 2160)), ((5120, 1440), (3840, 1080)))
        for i, (window, guest) in enumerate(windows):
            viewer.do("resize {} {}".format(*window))
            look(b, viewer, *guest)
            check(edids(b) == i + 1, f"{edids(b)} EDIDs for {i + 1} windows")
        counters = settled(b, len(windows))
        check(counters["limited"] == 1 and counters["changes"] == len(windows), f"{counters}")


def drag(setup):
    """100 sizes in 5 seconds are one change; back to where it began is none."""
    with setup.bridge("1024x768") as b, setup.client(b.unix) as viewer:
        look(b, viewer, 1024, 768)
        begin = last = time.monotonic()
        rests = 0
        for i in range(100):
            viewer.do(f"resize {800 + 5 * i} {600 + 3 * i}")
            # A machine that stands still for so long has ended a drag.
            rests += time.monotonic() - last > 0.4
            last = time.monotonic()
            time.sleep(max(0, begin + 0.05 * (i + 1) - time.monotonic()))
        took = time.monotonic() - begin
        look(b, viewer, 1288, 896)
        counters = settled(b, 1)
        check(counters["requests"] >= 90, f"{counters}")
        changes = edids(b)
        check(1 <= changes <= 1 + rests, f"{changes} mode changes for one drag: {counters}")
        # The same again, and a way away and back: nothing to do.
        viewer.do("resize 1295 897")
        done = settled(b, counters["settled"] + 1)
        for width, height in ((900, 700), (1000, 800), (1295, 897)):
            viewer.do(f"resize {width} {height}")
        counters = settled(b, done["settled"] + 1)
        check(counters["unchanged"] >= 2 and edids(b) == changes, f"{edids(b)}: {counters}")
        return f"{took:.1f} s of dragging, {counters['requests']} requests, {changes} mode change"


def fixed(setup):
    """--mode and --fixed-mode: the guest has that size, whatever a viewer's window has."""
    with setup.bridge("1280x720", ["--mode=1366x768", "--fixed-mode"]) as b, \
            setup.client(b.unix) as viewer:
        look(b, viewer, 1366, 768)
        viewer.do("resize 800 600")
        wait_for("the refusal", 10, lambda: b.counters()["size"]["refused"] == 1)
        time.sleep(1)
        look(b, viewer, 1366, 768)
        check(edids(b) == 1, f"{edids(b)} EDIDs")


def mode(setup):
    """--mode above the device's limit, and a window later."""
    with setup.bridge("1280x720", ["--mode=4095x2303"]) as b, setup.client(b.unix) as viewer:
        look(b, viewer, 3840, 2160)
        viewer.do("resize 640 480")
        look(b, viewer, 640, 480)


def without_edid(setup):
    """A device that takes no EDID: said once, and nothing happens."""
    with setup.bridge("1280x720,plane=region") as b, setup.client(b.unix) as viewer:
        look(b, viewer, 1280, 720)
        for i, width in enumerate((800, 900)):
            viewer.do(f"resize {width} 600")
            settled(b, i + 1)
        check(b.counters()["size"]["without_edid"] == 2, f"{b.counters()['size']}")
        look(b, viewer, 1280, 720)
        said = [line for line in b.lines if "no EDID region" in line]
        check(len(said) == 1, f"said {len(said)} times")


def remote_viewer(setup):
    """The real remote-viewer, whose window is given another size."""
    for tool in ("Xvfb", "remote-viewer", "xdotool"):
        if not shutil.which(tool):
            raise case.Skip(f"no {tool} here")
    read, write = os.pipe()
    screen = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", "1600x1200x24",
                               "-nolisten", "tcp"], pass_fds=(write,), stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as pipe:
        display = ":" + pipe.readline().strip()
    try:
        if display == ":":
            raise case.Skip("Xvfb did not start")
        with setup.bridge("800x600") as b:
            environment = {**os.environ, "DISPLAY": display, "HOME": setup.directory,
                           "XDG_RUNTIME_DIR": setup.directory, "NO_AT_BRIDGE": "1",
                           "GSETTINGS_BACKEND": "memory"}
            environment.pop("WAYLAND_DISPLAY", None)
            with open(setup.path("viewer.log"), "w", encoding="utf-8") as log:
                viewer = subprocess.Popen(["remote-viewer", "--auto-resize=always", b.unix],
                                          env=environment, stdout=log, stderr=log)
            try:
                return resize_window(b, environment)
            finally:
                viewer.kill()
                viewer.wait()
    finally:
        screen.terminate()
        screen.wait()


def resize_window(b, environment):
    def xdotool(*words):
        return subprocess.run(["xdotool", *words], env=environment, capture_output=True,
                              text=True, check=False).stdout.split()

    def picture():
        session = b.counters()["session"]
        return session["width"], session["height"]

    wait_for("frames for remote-viewer", 40, lambda: b.counters()["spice"]["frames"] > 3)
    window = wait_for("its window", 40, lambda: xdotool("search", "--onlyvisible", "--class",
                                                        "remote-viewer"))[-1]
    seen = []
    for width, height in ((1200, 900), (1001, 1100)):
        before = picture()
        xdotool("windowsize", window, str(width), str(height))
        # The window has a header or a menu of unknown height: a bit smaller than the window.
        now = wait_for(f"a guest for a window of {width}x{height}, {before}", 20,
                       lambda: next((p for p in [picture()] if p != before and
                                     width - 60 < p[0] <= width and
                                     height - 120 < p[1] <= height), None))
        check(now[0] % 8 == 0 and now[1] % 2 == 0, f"{now}")
        seen.append(now)
    time.sleep(2)
    check(picture() == seen[-1], f"it does not rest: {picture()} after {seen}")
    return f"windows gave the guest {seen}, with {edids(b)} EDIDs"


case.main(follows, drag, fixed, mode, without_edid, remote_viewer)
