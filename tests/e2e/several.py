# SPDX-License-Identifier: MIT
"""Several viewers at once: each sees the picture exactly, one capture works for all of them."""

import contextlib
import os
import time

import access_files
import case
from qmp import Qmp

SIZE = "640x480"


def settled(b):
    """Counters, once every viewer has got what there is."""
    def same():
        before = b.counters()
        time.sleep(0.2)
        after = b.counters()
        return after if before["spice"]["drawables"] == after["spice"]["drawables"] else None
    return case.wait_for("quiet", 10, same)


def compare(b, *viewers):
    b.pause()
    for viewer in viewers:
        viewer.compare(b.reference())
    b.resume()


def view_only(setup):
    return f"--listen=unix:{setup.path('view')},view-only"


def view_uri(setup):
    return "spice+unix://" + setup.path("view")


@contextlib.contextmanager
def viewers(setup, *uris, words=()):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(setup.client(uri, *words)) for uri in uris]


def three(setup):
    """Two that may type and one that may only look; the work of the capture is done once."""
    with setup.bridge(f"{SIZE},scene=video", ["--max-viewers=2", view_only(setup)]) as b:
        case.wait_for("the third address", 5, lambda: len(b.uris) == 3)
        with viewers(setup, b.tcp, b.unix, view_uri(setup)) as three_of_them:
            for viewer in three_of_them:
                viewer.size(640, 480)
                viewer.change()
            for _ in range(5):
                compare(b, *three_of_them)
                time.sleep(0.1)
            b.mode(800, 600)
            for viewer in three_of_them:
                viewer.size(800, 600)
            compare(b, *three_of_them)
            # A still picture in which one thing changes: each gets the same frame.
            b.scene("idle")
            settled(b)
            for viewer in three_of_them:
                viewer.invalidates()
            b.pause()
            before = settled(b)
            for i in range(10):
                b.rect(64 * i, 64, 48, 48, 0x102030 * (i + 1))
                after = settled(b)
            for viewer in three_of_them:
                viewer.compare(b.reference())
            frames = after["capture"]["frames"] - before["capture"]["frames"]
            given = after["spice"]["frames"] - before["spice"]["frames"]
            case.check(given == 30, f"{given} frames were given to three viewers for 10 changes")
            case.check(frames == 10, f"{frames} frames were packed for 10 changes")
            compared = [c["render"]["bytes_compared"] for c in (before, after)]
            looks = after["session"]["looks"] - before["session"]["looks"]
            case.check(compared[1] - compared[0] <= looks * 800 * 600 * 4,
                       f"{compared[1] - compared[0]} bytes compared in {looks} looks")
            counters = after["viewers"]
            case.check(counters["strays"] == 0 and counters["took_over"] == 0, f"{counters}")
            return f"{frames} frames packed, {given} given; {counters['linked']} connections"


def typing(setup):
    """Two viewers type and point, each in its own name; one that may only look does neither."""
    qemu = Qmp(setup.path("qmp"))
    try:
        with setup.bridge(f"{SIZE},scene=idle", [
                f"--qmp=unix:{qemu.path}", "--max-viewers=2", view_only(setup)]) as b:
            qemu.wait_connected()
            with viewers(setup, b.tcp, b.unix, view_uri(setup)) as (first, second, looker):
                for viewer in (first, second):
                    viewer.size(640, 480)
                    viewer.inputs_open()
                    viewer.wait_mouse_mode("client")
                looker.size(640, 480)
                qemu.take()
                first.key_down(0x1e)
                qemu.expect(["+1e"])
                second.key_down(0x1f)
                qemu.expect(["+1f"])
                for code in (0x1e, 0x20, 0x21):
                    looker.ask(f"key-down {code:#x}")
                looker.ask("mouse-move 10 10 1")
                looker.ask("mouse-motion 5 5 1")
                looker.ask("wheel down")
                looker.ask("resize 800 600")
                compare(b, first, second, looker)
                # Nothing of the one who looks came between.
                first.key_up(0x1e)
                qemu.expect(["-1e"])
                second.key_up(0x1f)
                qemu.expect(["-1f"])
                looker.kill()
                first.kill()
                second.key(0x22)
                qemu.expect(["+22", "-22"])
                case.check(b.counters()["size"]["requests"] == 0, "it asked for another size")
    finally:
        qemu.stop()


def fourth(setup):
    """All places taken: the one that came first has to go, and only that one."""
    with setup.bridge(SIZE, ["--max-viewers=2", view_only(setup)]) as b:
        case.wait_for("the third address", 5, lambda: len(b.uris) == 3)
        with viewers(setup, b.unix, b.tcp, view_uri(setup)) as (first, second, looker):
            for viewer in (first, second, looker):
                viewer.size(640, 480)
            with setup.client(b.unix) as fourth_viewer:
                fourth_viewer.size(640, 480)
                first.wait_event("closed")
                compare(b, second, looker, fourth_viewer)
                case.check(b.counters()["viewers"]["took_over"] == 1, "who took over?")
                # The second is the oldest now.
                with setup.client(b.tcp) as fifth:
                    fifth.size(640, 480)
                    second.wait_event("closed")
                    compare(b, looker, fourth_viewer, fifth)


def one_by_default(setup):
    """Without --max-viewers a new viewer takes over, and a view-only address holds three."""
    with setup.bridge(SIZE, [view_only(setup)]) as b:
        case.wait_for("the third address", 5, lambda: len(b.uris) == 3)
        with viewers(setup, b.unix, *[view_uri(setup)] * 3) as (first, *lookers):
            with setup.client(b.tcp) as second:
                second.size(640, 480)
                first.wait_event("closed")
                compare(b, second, *lookers)


def comings_and_goings(setup):
    """Places are given back: 20 visits beside one viewer that stays, who loses nothing."""
    with setup.bridge(f"{SIZE},scene=desktop", ["--max-viewers=3"]) as b:
        with setup.client(b.unix) as stays:
            stays.size(640, 480)
            fds = 0
            for i in range(10):
                with viewers(setup, b.tcp, b.unix) as visitors:
                    for visitor in visitors:
                        visitor.size(640, 480)
                    if i % 3 == 0:
                        visitors[0].pause()
                    compare(b, stays, visitors[1])
                    if i % 3 == 0:
                        visitors[0].resume()
                case.wait_for("their leave", 10, lambda: b.counters()["viewers"]["waiting"] == 0)
                if i == 1:
                    time.sleep(1.5)
                    fds = b.fds()
            time.sleep(1.5)
            case.check(b.fds() <= fds, f"{b.fds()} descriptors, {fds} before")
            counters = b.counters()["viewers"]
            case.check(counters["took_over"] == 0, f"{counters}")
            compare(b, stays)


def tls(setup):
    """What can't be read goes by who connects: two addresses at once, then one of them again."""
    options = access_files.make_certificates(setup)
    # spice-gtk can't tell whether a certificate is for an IPv6 address.
    words = (f"--ca-file={setup.path('ca.pem')}", "--cert-subject=O=Test,CN=localhost")
    both = ["--max-viewers=3", "--listen=tls:[::1]:0", *options]
    if not os.path.exists("/proc/net/if_inet6"):
        raise case.Skip("this machine has no IPv6")
    with setup.bridge(SIZE, both) as b:
        case.wait_for("all addresses", 5, lambda: len(b.uris) == 4)
        names = b.uris[2:]
        with viewers(setup, *names, words=words) as (first, second):
            first.size(640, 480)
            second.size(640, 480)
            compare(b, first, second)
            # Of the same address, once the other has opened its channels.
            time.sleep(5.5)
            with setup.client(names[0], *words) as third:
                third.size(640, 480)
                compare(b, first, second, third)
            counters = b.counters()["viewers"]
            case.check(counters["took_over"] == 0, f"{counters}")


case.main(three, typing, fourth, one_by_default, comings_and_goings, tls)
