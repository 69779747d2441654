#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Keys and pointers of real viewers arrive at QEMU's monitor: all, in order, and none is stuck."""

import contextlib
import random
import time

import case
from qmp import Qmp, axis

SIZE = (1024, 768)

# Scan codes as spice-gtk takes them, and QEMU's numbers: every key of set 1, with and without 0xe0.
KEYS = [(code, code) for code in [*range(0x01, 0x54), 0x54, *range(0x56, 0x60), 0x70, 0x71, 0x72,
                                  0x73, 0x77, 0x79, 0x7b, 0x7d, 0x7e]]
KEYS += [(0x100 | code, 0x80 | code) for code in range(0x01, 0x70)
         if code not in (0x2a, 0x36, 0x60, 0x61)]
LOCKS = (0x3a, 0x45, 0x46)


@contextlib.contextmanager
def joined(setup, absolute=True, options=(), **kwargs):
    """A bridge, a QEMU and a viewer whose input is open."""
    qemu = Qmp(setup.path("qmp"), absolute)
    try:
        with setup.bridge("%dx%d,scene=idle" % SIZE, (f"--qmp=unix:{qemu.path}", *options),
                          **kwargs) as b:
            qemu.wait_connected()
            with setup.client(b.unix) as viewer:
                viewer.size(*SIZE)
                wait_mode(viewer, "client" if absolute else "server")
                qemu.take()
                yield b, qemu, viewer
    finally:
        qemu.stop()


def wait_mode(viewer, mode):
    case.wait_for(f"{mode} mode", 10, lambda: viewer.do("mouse-mode")["mode"] == mode and
                  viewer.ask("leds")["ok"])


def keys(setup):
    with joined(setup) as (b, qemu, viewer):
        for code, number in KEYS:
            viewer.do(f"key-down {code}")
            viewer.do(f"key-up {code}")
            qemu.expect([f"+{number:02x}", f"-{number:02x}"])
        # Pause, in the two halves of each that spice-gtk makes it of.
        for verb, sign in (("key-down", "+"), ("key-up", "-")):
            viewer.do(f"{verb} 0x21d")
            viewer.do(f"{verb} 0x45")
            qemu.expect([f"{sign}c6"])
        # Both in one message, and a key that repeats.
        viewer.do("key 0x1e")
        qemu.expect(["+1e", "-1e"])
        for _ in range(3):
            viewer.do("key-down 0x1e")
        viewer.do("key-up 0x1e")
        qemu.expect(["+1e", "+1e", "+1e", "-1e"])
        counters = b.counters()["input"]
        case.check(counters["view_only"] == 0 and counters["dropped"] == 0, f"{counters}")


def absolute(setup):
    with joined(setup) as (b, qemu, viewer):
        for x, y in ((0, 0), (1023, 767), (1, 1), (511, 300)):
            viewer.do(f"mouse-move {x} {y} 0")
            qemu.expect([f"abs-x={axis(x, 1024)}", f"abs-y={axis(y, 768)}"])
        viewer.do("mouse-move 1023 0 0")
        qemu.expect(["abs-x=32767", "abs-y=0"])
        buttons_and_wheel(qemu, viewer)
        # A drag: pressed at one place, let go of at another.
        viewer.do("mouse-move 10 10 0")
        viewer.do("mouse-button down left 1")
        viewer.do("mouse-move 20 10 1")
        viewer.do("mouse-button up left 0")
        qemu.expect([f"abs-x={axis(10, 1024)}", f"abs-y={axis(10, 768)}", "+left",
                     f"abs-x={axis(20, 1024)}", f"abs-y={axis(10, 768)}", "-left"])
        case.check(b.counters()["capture"]["hurries"] > 0, "input did not hurry the capture")


def buttons_and_wheel(qemu, viewer):
    mask = {"left": 1, "middle": 2, "right": 4, "side": 32, "extra": 64}
    for name, bit in mask.items():
        viewer.do(f"mouse-button down {name} {bit}")
        viewer.do(f"mouse-button up {name} 0")
        qemu.expect([f"+{name}", f"-{name}"])
    for way in ("up", "down"):
        viewer.do(f"wheel {way}")
        qemu.expect([f"+wheel-{way}", f"-wheel-{way}"])
    viewer.do("mouse-button down right 4")
    viewer.do("wheel down 4")
    viewer.do("mouse-button up right 0")
    qemu.expect(["+right", "+wheel-down", "-wheel-down", "-right"])


def relative(setup):
    with joined(setup, absolute=False) as (b, qemu, viewer):
        viewer.do("mouse-motion 5 -3 0")
        qemu.expect(["rel-x=5", "rel-y=-3"])
        viewer.do("mouse-motion -1 0 0")
        qemu.expect(["rel-x=-1"])
        buttons_and_wheel(qemu, viewer)


def follows_tablet(setup):
    """The guest's driver takes the tablet into use, and lets go of it, while somebody watches."""
    with joined(setup, absolute=False) as (b, qemu, viewer):
        for absolute in (True, False, True):
            qemu.absolute = absolute
            wait_mode(viewer, "client" if absolute else "server")
            qemu.take()
            if absolute:
                viewer.do("mouse-move 0 767 0")
                qemu.expect(["abs-x=0", "abs-y=32767"])
            else:
                viewer.do("mouse-motion 1 2 0")
                qemu.expect(["rel-x=1", "rel-y=2"])
        case.check(b.counters()["input"]["pointer_changes"] == 4, f"{b.counters()['input']}")


def random_events(rng, count):
    """Commands of a viewer, each with the events that have to arrive."""
    held, buttons = set(), 0
    bits = {"left": 1, "middle": 2, "right": 4, "side": 32, "extra": 64}
    codes = [key for key in KEYS if key[0] not in LOCKS]
    for _ in range(count):
        kind = rng.random()
        if kind < 0.5:
            code, number = rng.choice(codes)
            if number in held or len(held) > 5:
                number = number if number in held else rng.choice(sorted(held))
                code = next(c for c, n in codes if n == number)
                held.remove(number)
                yield f"key-up {code}", [f"-{number:02x}"]
            else:
                held.add(number)
                yield f"key-down {code}", [f"+{number:02x}"]
        elif kind < 0.6:
            name, bit = rng.choice(sorted(bits.items()))
            buttons ^= bit
            down = buttons & bit
            yield (f"mouse-button {'down' if down else 'up'} {name} {buttons}",
                   [("+" if down else "-") + name])
        elif kind < 0.65:
            way = rng.choice(("up", "down"))
            yield f"wheel {way} {buttons}", [f"+wheel-{way}", f"-wheel-{way}"]
        else:
            x, y = rng.randrange(SIZE[0]), rng.randrange(SIZE[1])
            yield (f"mouse-move {x} {y} {buttons}",
                   [f"abs-x={axis(x, SIZE[0])}", f"abs-y={axis(y, SIZE[1])}"])


def complete(setup):
    """1,000 random events one after the other: each arrives, and no other."""
    seed = int(time.time())
    with joined(setup) as (b, qemu, viewer):
        # Before it has pointed at all, spice-gtk tells of 0,0 with the first button.
        viewer.do("mouse-move 0 0 0")
        qemu.expect(["abs-x=0", "abs-y=0"])
        for i, (command, words) in enumerate(random_events(random.Random(seed), 1000)):
            viewer.do(command)
            try:
                qemu.expect(words)
            except AssertionError as error:
                raise AssertionError(f"seed {seed}, event {i}, {command}: {error}") from None
        viewer.do("key-down 0x2a")
        qemu.expect(["+2a"])
        # The viewer is killed in the midst of it, and nothing is left.
        viewer.kill()
        # By libspice-server, which lets go of the keys that it knows of, or else by us.
        after = []

        def let_go():
            after.extend(qemu.take())
            return "-2a" in after

        case.wait_for("the release of the key", 10, let_go)
        counters = b.counters()["input"]
        case.check(counters["dropped"] == 0 and counters["merged"] == 0, f"{counters}")


def thousand(setup):
    """1,000 random events, as fast as the viewer sends them; movements may become fewer."""
    seed = int(time.time())
    rng = random.Random(seed)
    with joined(setup) as (b, qemu, viewer):
        commands, expected = zip(*random_events(rng, 1000))
        pressed = [w for words in expected for w in words if not w.startswith("abs")]
        for command in commands:
            viewer.send(command)
        for command in commands:
            case.check(viewer.receive(30, command)["ok"], command)
        words = []

        def all_there():
            words.extend(qemu.take())
            return len([w for w in words if not w.startswith("abs")]) >= len(pressed)

        case.wait_for(f"all of it (seed {seed})", 30, all_there)
        # Of many movements at once spice-gtk drops some, maybe the last, so this one comes alone.
        viewer.do(f"mouse-move {SIZE[0] - 1} 0 0")
        case.wait_for(f"the last place (seed {seed})", 30, lambda: (
            words.extend(qemu.take()), words[-2:] == ["abs-x=32767", "abs-y=0"])[-1])
        have = [w for w in words if not w.startswith("abs")]
        same = next((i for i, pair in enumerate(zip(have, pressed)) if pair[0] != pair[1]),
                    min(len(have), len(pressed)))
        case.check(have == pressed, f"seed {seed}: {len(have)} of {len(pressed)} events; after "
                   f"{same}: {have[same - 3:same + 6]}, wanted {pressed[same - 3:same + 6]}")
        counters = b.counters()["input"]
        case.check(counters["dropped"] == 0 and counters["refused"] == 0, f"{counters}")
        note = f"{len(pressed)} keys, buttons and turns, {counters['moves']} movements, " \
            f"{counters['calls']} calls"
        # And nothing is left when the viewer is killed in the midst of it.
        viewer.kill()
        case.wait_for("the release of all", 10,
                      lambda: words.extend(qemu.take()) or not held_by(words))
    return note


def held_by(words):
    held = set()
    for w in words:
        if w.startswith("+") and "wheel" not in w:
            held.add("+" + w[1:])
        elif w.startswith("-"):
            held.discard("+" + w[1:])
    return held


def killed(setup):
    """A viewer that is killed holds nothing any more; nor does one that goes, or is taken over."""
    qemu = Qmp(setup.path("qmp"))
    try:
        with setup.bridge("%dx%d,scene=idle" % SIZE, (f"--qmp=unix:{qemu.path}",)) as b:
            for uri in (b.unix, b.tcp):
                for end in ("kill", "disconnect"):
                    with setup.client(uri) as viewer:
                        viewer.size(*SIZE)
                        wait_mode(viewer, "client")
                        qemu.take()
                        viewer.do("key-down 0x1d")
                        viewer.do("key-down 0x138")
                        viewer.do("mouse-move 0 0 0")
                        viewer.do("mouse-button down left 1")
                        qemu.expect(["+1d", "+b8", "abs-x=0", "abs-y=0", "+left"])
                        if end == "kill":
                            viewer.process.kill()
                        else:
                            viewer.do("disconnect")
                        qemu.wait_for("the releases", lambda: sum(
                            len(e) for _, e in qemu.calls) >= 3)
                        released = qemu.take()
                        case.check(sorted(released) == ["-1d", "-b8", "-left"], f"{released}")
    finally:
        qemu.stop()


def lost_and_back(setup):
    """A QEMU that goes comes back by itself; what is typed meanwhile is not typed late."""
    with joined(setup) as (b, qemu, viewer):
        viewer.do("key-down 0x2a")
        qemu.expect(["+2a"])
        before = b.counters()["input"]["dropped"]
        qemu.stop()
        case.wait_for("the loss", 10, lambda: not b.counters()["qmp"]["connected"])
        viewer.do("key 0x1e")
        viewer.do("mouse-move 5 5 0")
        case.wait_for("the counter of what was dropped", 10,
                      lambda: b.counters()["input"]["dropped"] >= before + 2)
        qemu.start()
        qemu.wait_connected(2)
        # What the guest may hold still is let go of, and that is all.
        qemu.expect(["-2a"])
        viewer.do("key 0x1f")
        qemu.expect(["+1f", "-1f"])
        counters = b.counters()["qmp"]
        case.check(counters["losses"] == 1 and counters["connects"] == 2, f"{counters}")
        # And one that stands still, then goes on.
        qemu.answering.clear()
        viewer.do("key-down 0x1d")
        case.wait_for("the stall", 10, lambda: b.counters()["input"]["stalls"] == 1)
        viewer.do("key-up 0x1d")
        viewer.do("key 0x1e")
        time.sleep(0.2)
        case.check(qemu.take() == ["+1d"], "something was sent to a QEMU that stands still")
        qemu.answering.set()
        qemu.expect(["-1d"])
        # A guest that is stopped hears nothing, and afterwards nothing old.
        qemu.event("STOP")
        case.wait_for("the drop", 10, lambda: (
            viewer.do("key 0x1e"), time.sleep(0.05), not qemu.take())[-1])
        qemu.event("RESUME")
        case.wait_for("input again", 10, lambda: (
            viewer.do("key 0x20"), time.sleep(0.05), "+20" in qemu.take())[-1])


def new_mode(setup):
    """Coordinates are right from the first one after a mode change on."""
    with joined(setup) as (b, qemu, viewer):
        for width, height in ((800, 600), (1600, 1200), (640, 480), (1920, 1080)):
            before = b.counters()["spice"]["mode_switches"]
            b.mode(width, height)
            viewer.size(width, height)
            # The viewer may be quicker than the rest of the change.
            case.wait_for("the change", 10, lambda: b.counters()["spice"]["mode_switches"] > before)
            viewer.do(f"mouse-move {width - 1} {height - 1} 0")
            qemu.expect(["abs-x=32767", "abs-y=32767"])
            viewer.do(f"mouse-move {width // 2} {height // 4} 0")
            qemu.expect([f"abs-x={axis(width // 2, width)}", f"abs-y={axis(height // 4, height)}"])


def lock_keys(setup):
    """A viewer with other lock keys presses those that differ, once."""
    with joined(setup) as (b, qemu, viewer):
        viewer.do("set-leds 4")
        qemu.expect(["+3a", "-3a"])
        case.wait_for("the lock keys at the viewer", 10, lambda: viewer.do("leds")["leds"] == 4)
        viewer.do("set-leds 4")
        viewer.do("key 0x45")
        qemu.expect(["+45", "-45"])
        case.wait_for("Num Lock at the viewer", 10, lambda: viewer.do("leds")["leds"] == 6)
        viewer.do("set-leds 6")
        viewer.do("key 0x1e")
        qemu.expect(["+1e", "-1e"])
        qemu.event("RESET")
        case.wait_for("a new beginning", 10, lambda: viewer.do("leds")["leds"] == 0)


def hot_spot(setup):
    """A guest that tells no hot spot: it is learned from where its pointer goes."""
    with joined(setup) as (b, qemu, viewer):
        b.command("cursor shape checker")
        b.command("cursor hot unknown")

        def follow(x, y):
            viewer.do(f"mouse-move {x} {y} 0")
            qemu.expect([f"abs-x={axis(x, SIZE[0])}", f"abs-y={axis(y, SIZE[1])}"])
            b.command(f"cursor at {x - 9} {y - 5}")

        case.wait_for("a pointer without a hot spot", 5, lambda: (
            viewer.cursor()["visible"] and viewer.cursor()["hot_x"] == 0))
        place = 100

        def learned():
            nonlocal place
            place = place % 700 + 40
            follow(place, place // 2)
            time.sleep(0.4)
            return (viewer.cursor()["hot_x"], viewer.cursor()["hot_y"]) == (9, 5)

        case.wait_for("the hot spot", 10, learned)
        # What the device tells counts more.
        b.command("cursor hot 20 21")
        case.wait_for("the true one", 5, lambda: viewer.cursor()["hot_x"] == 20)


def view_only(setup):
    """Without a monitor, or when none is wanted, viewers may look."""
    qemu = Qmp(setup.path("qmp"))
    try:
        for options, sentence in (((), "no --qmp names a monitor"),
                                  ((f"--qmp=unix:{qemu.path}", "--input=none"), "input: none")):
            with setup.bridge("%dx%d,scene=idle" % SIZE, options) as b:
                with setup.client(b.unix) as viewer:
                    viewer.size(*SIZE)
                    case.wait_for("the inputs channel", 10, lambda: viewer.ask("leds")["ok"])
                    viewer.do("key 0x1e")
                    viewer.do("mouse-motion 1 1 0")
                    time.sleep(0.3)
                    case.check(not qemu.take(), "something came through")
                    case.check(b.counters()["input"]["view_only"] == 1, "not told in the counters")
                    case.check(any(sentence in line for line in b.lines), f"{b.log_tail()}")
    finally:
        qemu.stop()


def latency(setup):
    """From the viewer's key press to QEMU's monitor, both ends in this machine."""
    times = []
    with joined(setup) as (b, qemu, viewer):
        for i in range(300):
            with qemu.changed:
                qemu.calls.clear()
            begin = time.monotonic()
            viewer.send(f"key-{'up' if i % 2 else 'down'} 0x1e")
            qemu.wait_for("the key", lambda: qemu.calls)
            times.append(qemu.calls[0][0] - begin)
            viewer.receive(10, "a key")
    times.sort()
    half, most = times[len(times) // 2] * 1e3, times[int(len(times) * 0.99)] * 1e3
    # Generous: this is a machine that others use. The number is what counts.
    case.check(half < 50, f"half take more than {half:.1f} ms")
    return f"p50 {half:.2f} ms, p99 {most:.2f} ms, the test's own pipes and threads included"


case.main(keys, absolute, relative, follows_tablet, complete, thousand, killed, lost_and_back, new_mode,
          lock_keys, hot_spot, view_only, latency)
