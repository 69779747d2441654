# SPDX-License-Identifier: MIT
"""A device that lies, fails and goes: each lie is refused by name, and the picture comes back."""

import time

import case

SIZE = (640, 480)

# What the device says of its primary plane, and the name of the refusal.
LIES = (
    ("width=0", "bad-width"), ("width=63", "bad-width"), ("width=16385", "bad-width"),
    ("width=4294967295", "bad-width"), ("height=0", "bad-height"), ("height=63", "bad-height"),
    ("height=16385", "bad-height"), ("height=4294967295", "bad-height"),
    ("width=16384 height=16384 stride=65536 size=1073741824", "over-budget"),
    ("format=1", "unknown-format"), ("format=0xffffffff", "unknown-format"),
    ("format=C8", "format-c8"), ("modifier=0xffffffffffffffff", "unknown-modifier"),
    ("modifier=0x0300000000000001", "unknown-modifier"),
    ("stride=0", "stride-short"), ("stride=2559", "stride-short"),
    ("stride=2562", "stride-unaligned"), ("stride=4294967292", "stride-huge"),
    ("stride=2147483648", "stride-huge"), ("size=0", "size-zero"), ("size=1", "size-short"),
    ("size=1228799", "size-short"), ("height=16384", "size-short"),
    ("height=1000 size=2560000", "buffer-short"),
    ("format=YUYV width=641", "odd-yuv-width"),
)

CURSOR_LIES = (
    ("width=0", "bad-cursor-size"), ("width=257", "bad-cursor-size"),
    ("height=4294967295", "bad-cursor-size"), ("format=XR24", "bad-cursor-format"),
    ("stride=1", "stride-short"), ("size=0", "size-zero"),
)


def still(b, viewer):
    """The guest's picture is on the canvas, exactly."""
    viewer.size(*SIZE)
    b.pause()
    viewer.compare(b.reference(), 5000)
    b.resume()


def state(b):
    return b.counters()["session"]["state"]


def lies(setup):
    with setup.bridge("640x480,scene=box") as b:
        with setup.client(b.tcp) as viewer:
            still(b, viewer)
            for lie, name in LIES:
                before = b.counters()["refused"][name]
                # The buffer that is held keeps its size: a lie on its length needs a new look.
                b.command(f"raw {lie}")
                case.wait_for(f"refusal of {lie} as {name}", 3,
                              lambda: b.counters()["refused"][name] > before)
                case.wait_for(f"{lie}: the card", 3, lambda: state(b) == 1)
                b.command("raw clear")
                case.wait_for(f"{lie}: the picture's return", 3, lambda: state(b) == 2)
            still(b, viewer)
    return f"{len(LIES)} lies"


def cursor_lies(setup):
    with setup.bridge("640x480,scene=box") as b:
        with setup.client(b.tcp, "--read-only") as viewer:
            still(b, viewer)
            for lie, name in CURSOR_LIES:
                before = b.counters()["refused"][name]
                b.command(f"raw cursor {lie}")
                case.wait_for(f"refusal of {lie} as {name}", 3,
                              lambda: b.counters()["refused"][name] > before)
                case.wait_for(f"{lie}: no cursor", 3, lambda: not viewer.cursor()["visible"])
                case.check(state(b) == 2, f"{lie}: the picture went too")
                b.command("raw clear")
                case.wait_for(f"{lie}: the cursor's return", 3,
                              lambda: viewer.cursor()["visible"])
            # Places far away and hot spots outside of the shape are harmless.
            for lie in ("x=4294967295 y=2147483648", "x=8191 y=8191", "hotx=64 hoty=4294967295"):
                b.command(f"raw cursor {lie}")
                time.sleep(0.1)
            b.command("raw clear")
            still(b, viewer)
    return f"{len(CURSOR_LIES)} lies"


def transient(setup):
    """An error of a moment leaves the last picture up; one that lasts brings the card."""
    with setup.bridge("640x480,scene=box") as b:
        with setup.client(b.tcp) as viewer:
            still(b, viewer)
            for name in ("enomem", "einval", "efault"):
                before = b.counters()
                b.command(f"fault {name} 5")
                case.wait_for(f"{name}: 5 failed queries", 3, lambda: b.counters()["vgpu"][
                    "transient"] >= before["vgpu"]["transient"] + 5)
                still(b, viewer)
                after = b.counters()
                case.check(after["session"]["cards"] == before["session"]["cards"],
                           f"{name}: a card for a moment's error")
                b.command(f"fault {name} 1000000")
                begin = time.monotonic()
                case.wait_for(f"{name}: the card", 3, lambda: state(b) == 1)
                took = time.monotonic() - begin
                case.check(0.2 <= took <= 0.8, f"{name}: the card came after {took:.2f} s")
                b.command("fault clear")
                still(b, viewer)
                case.check(state(b) == 2, f"{name}: no picture after it")
    return f"the card came after {took:.2f} s"


def buffers(setup):
    """Ids that are gone, and dma-bufs that are smaller than stated."""
    with setup.bridge("640x480,scene=box") as b:
        with setup.client(b.tcp) as viewer:
            still(b, viewer)
            before = b.counters()
            b.command("fault stale 2")
            b.mode(*SIZE)
            still(b, viewer)
            case.check(b.counters()["vgpu"]["stale"] >= before["vgpu"]["stale"] + 2,
                       "no stale id was met")
            b.command("fault shortbuf 1")
            b.mode(*SIZE)
            case.wait_for("the refusal of a short buffer", 3, lambda: b.counters()["refused"][
                "buffer-short"] > before["refused"]["buffer-short"])
            still(b, viewer)
            for name, refusal in (("stride0", "stride-short"), ("size0", "size-zero")):
                b.command(f"fault {name} 3")
                case.wait_for(name, 3, lambda: b.counters()["refused"][refusal] >
                              before["refused"][refusal])
                still(b, viewer)


def shrink(setup):
    """The guest's memory goes away under the reading."""
    with setup.bridge("640x480,scene=video") as b:
        with setup.client(b.tcp) as viewer:
            still(b, viewer)
            for _ in range(3):
                before = b.counters()
                b.command("fault shrink")
                case.wait_for("the notice that memory is gone", 5, lambda: any(
                    b.counters()[part][name] > before[part][name] for part, name in
                    (("session", "vanished"), ("render", "faults"), ("refused", "buffer-short"))))
                time.sleep(0.3)
                case.check(b.running(), "the bridge died of a shrunk buffer")
                b.mode(*SIZE)
                still(b, viewer)


def gone(setup):
    for word in ("fault gone", "die"):
        with setup.bridge("640x480,scene=box") as b:
            with setup.client(b.tcp) as viewer:
                still(b, viewer)
                b.pause()
                picture = b.reference()
                b.command(word)
                case.wait_for("the card of a device that is gone", 3, lambda: state(b) == 3)
                case.wait_for("the card on the canvas", 3,
                              lambda: not viewer.ask(f"compare {picture} 0")["ok"])
                time.sleep(0.3)
                card = setup.path("card")
                viewer.do(f"raw {card}")
                calls = b.counters()["vgpu"]["ioctls"]
                time.sleep(0.5)
                case.check(b.counters()["vgpu"]["ioctls"] == calls, "a dead device is asked still")
            with setup.client(b.unix) as late:
                late.size(*SIZE)
                late.compare(card, 3000)


def noise_in_modes(setup):
    """Lies, faults and mode changes at once; what is left is a living bridge and the picture."""
    words = [f"raw {lie}" for lie, _ in LIES] + [f"raw cursor {lie}" for lie, _ in CURSOR_LIES]
    words += [f"fault {name} 3" for name in ("enomem", "stale", "shortbuf", "stride0", "size0")]
    words += ["mode 800x600", "mode 64x64", "blank", "unblank", "fault garbage-x", "flip off",
              "mode 640x480 YUYV", "mode 640x480 C8", "mode 641x481 RG16", "flip on", "raw clear"]
    with setup.bridge("640x480,scene=desktop") as b:
        with setup.client(b.tcp) as viewer:
            still(b, viewer)
            for i in range(300):
                b.command(words[i * 7919 % len(words)])
                time.sleep(0.005)
            for word in ("raw clear", "fault clear", "unblank"):
                b.command(word)
            b.mode(*SIZE)
            still(b, viewer)
    return f"{len(words)} kinds of trouble"


case.main(lies, cursor_lies, transient, buffers, shrink, gone, noise_in_modes)
