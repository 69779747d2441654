# SPDX-License-Identifier: MIT
"""The guest's pointer is the viewer's: shape, hot spot and place; and the picture holds none."""

import time

import case

SIDE = 64  # of the simulated cursor


def half():
    """The simulated shape "half" as it lies in the guest: premultiplied ARGB."""
    out = []
    for y in range(SIDE):
        for x in range(SIDE):
            alpha = x * 255 // (SIDE - 1)
            out.append((alpha, alpha, alpha * 128 // 255, 0 if y % 16 else alpha))
    return out


def checker():
    out = []
    for y in range(SIDE):
        for x in range(SIDE):
            if (x // 8 + y // 8) % 2:
                out.append((0, 0, 0, 0))
            else:
                out.append((255, 0xff, 0x20, 0x20) if y < SIDE // 2 else (255, 0x20, 0x60, 0xff))
    return out


def straight(shape):
    """What a viewer has to get: RGBA, not multiplied."""
    out = []
    for alpha, *colour in shape:
        out.append(tuple(min(255, (c * 255 + alpha // 2) // alpha) if alpha else 0
                         for c in colour) + (alpha,))
    return out


def shape_of(setup, viewer):
    path = setup.path("shape")
    reply = viewer.do(f"cursor-dump {path}")
    case.check((reply["width"], reply["height"]) == (SIDE, SIDE), f"{reply}")
    with open(path, "rb") as file:
        data = file.read()
    return [tuple(data[i:i + 4]) for i in range(0, len(data), 4)]


def check_shape(have, want):
    case.check(len(have) == len(want), f"{len(have)} pixels in the shape")
    for i, (h, w) in enumerate(zip(have, want)):
        # A clear pixel has no colour to speak of; division may round either way.
        near = h[3] == w[3] and (not w[3] or all(abs(a - b) <= 1 for a, b in zip(h, w)))
        case.check(near, f"pixel {i % SIDE},{i // SIDE}: RGBA {h}, wanted {w}")


def until(viewer, what, **wanted):
    def fits():
        now = viewer.cursor()
        return now if all(now[k] == v for k, v in wanted.items()) else None
    try:
        return case.wait_for(what, 3, fits)
    except AssertionError as error:
        raise AssertionError(f"{error}: wanted {wanted}, is {viewer.cursor()}") from None


def shapes(setup):
    with setup.bridge("1024x768,scene=idle") as b:
        b.command("cursor hot 7 9")
        b.command("cursor shape half")
        b.command("cursor at 300 200")
        with setup.client(b.tcp, "--read-only") as viewer:
            viewer.size(1024, 768)
            seen = until(viewer, "the cursor", visible=1, width=SIDE, height=SIDE, hot_x=7,
                         hot_y=9)
            check_shape(shape_of(setup, viewer), straight(half()))
            b.command("cursor shape checker")
            case.wait_for("the other shape", 3, lambda: viewer.cursor()["hash"] != seen["hash"])
            check_shape(shape_of(setup, viewer), straight(checker()))
            b.command("cursor hot unknown")
            until(viewer, "an unknown hot spot as 0,0", hot_x=0, hot_y=0, x=300, y=200)
        with setup.client(b.unix, "--read-only") as late:
            until(late, "the cursor of a late viewer", visible=1, x=300, y=200)
            check_shape(shape_of(setup, late), straight(checker()))


def place(setup):
    """SPICE's place is the hot spot's; the plane's is the corner's."""
    with setup.bridge("1024x768,scene=idle") as b:
        b.command("cursor hot 20 20")
        with setup.client(b.tcp, "--read-only") as viewer:
            viewer.size(1024, 768)
            for x, y in ((100, 50), (500, 300), (1000, 740), (0, 0)):
                b.command(f"cursor at {x} {y}")
                until(viewer, f"the cursor at {x},{y}", visible=1, x=x + 20, y=y + 20)
            # Out over an edge and back, as a hand moves it: the device loses the sign, and the
            # bridge may not mirror the pointer.
            for step in (4, 7):
                there = [*range(60, -18, -step)]
                for axis in (0, 1):
                    for way in (there, there[::-1]):
                        for p in way:
                            b.command(f"cursor at {(p, 300)[axis]} {(300, p)[axis]}")
                            time.sleep(0.025)
                        at = (way[-1] + 20, 320)
                        until(viewer, f"the cursor at {way[-1]} of axis {axis}", visible=1,
                              x=at[axis], y=at[1 - axis])


def hide(setup):
    with setup.bridge("1024x768,scene=idle") as b:
        b.command("cursor at 100 100")
        with setup.client(b.tcp, "--read-only") as viewer:
            viewer.size(1024, 768)
            shown = until(viewer, "the cursor", visible=1)
            b.command("cursor hide")
            until(viewer, "the cursor's hiding", visible=0)
            # One that moves while it is hidden stays hidden, and comes back where it is.
            b.command("cursor at 400 300")
            time.sleep(0.3)
            until(viewer, "a hidden cursor that moved", visible=0)
            bytes_before = viewer.bytes()["cursor"]
            b.command("cursor show")
            back = until(viewer, "the cursor's return", visible=1, hash=shown["hash"],
                         x=400 + shown["hot_x"], y=300 + shown["hot_y"])
            grown = viewer.bytes()["cursor"] - bytes_before
            case.check(back["cached"] >= 1 and grown < SIDE * SIDE * 4,
                       f"the shape came again, {grown} bytes: {back}")


def not_in_frame(setup):
    """The picture is exact with a pointer over it that moves."""
    with setup.bridge("1024x768,scene=desktop") as b:
        b.command("cursor shape checker")
        with setup.client(b.tcp, "--read-only") as viewer:
            viewer.size(1024, 768)
            first = until(viewer, "the cursor", visible=1)
            case.wait_for("the cursor's way", 5, lambda: (viewer.cursor()["x"],
                          viewer.cursor()["y"]) != (first["x"], first["y"]))
            b.pause()
            viewer.compare(b.reference())
            viewer.settle(0.3)
            before = viewer.bytes()["display"]
            for i in range(20):
                b.command(f"cursor at {100 + 20 * i} {80 + 10 * i}")
                time.sleep(0.02)
            until(viewer, "the cursor's last place", x=480 + first["hot_x"],
                  y=270 + first["hot_y"])
            drawn = viewer.invalidates()
            case.check(drawn["count"] == 0,
                       f"a moving pointer drew {drawn}, {viewer.bytes()['display'] - before} bytes")
            viewer.compare(b.reference())


def no_plane(setup):
    """Where the guest draws its own pointer, the viewer has none."""
    for simulate in ("1024x768,scene=desktop,plane=region", "1024x768,scene=desktop,cursor=off"):
        if setup.renderer == "gl" and "region" in simulate:
            continue
        with setup.bridge(simulate) as b:
            with setup.client(b.tcp, "--read-only") as viewer:
                viewer.size(1024, 768)
                viewer.change()
                time.sleep(0.5)
                now = viewer.cursor()
                case.check(not now["visible"] and now["sets"] == 0 and now["hides"] >= 1,
                           f"{simulate}: {now}")


def blanked(setup):
    """No pointer over a card; it is back with the picture."""
    with setup.bridge("1024x768,scene=idle") as b:
        with setup.client(b.tcp, "--read-only") as viewer:
            viewer.size(1024, 768)
            until(viewer, "the cursor", visible=1)
            b.command("blank")
            until(viewer, "the cursor's going", visible=0)
            b.command("unblank")
            until(viewer, "the cursor's return", visible=1)
            b.mode(800, 600)
            viewer.size(800, 600)
            until(viewer, "the cursor after a mode change", visible=1)


if __name__ == "__main__":
    case.main(shapes, place, hide, not_in_frame, no_plane, blanked)
