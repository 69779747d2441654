# SPDX-License-Identifier: MIT
"""The viewer's canvas equals the guest's memory: every compression, format, size and way to draw."""

import case

COMPRESSIONS = ("off", "lz4", "quic", "glz", "auto-lz", "auto-glz")
FORMATS = {"XR24": 0, "AR24": 0, "XB24": 0, "AB24": 0, "RG16": 1, "XR30": 1, "XB30": 1,
           "YUYV": 3, "YVYU": 3, "UYVY": 3, "VYUY": 3}
SIZES = ((800, 600), (1366, 768), (64, 64), (1024, 768), (801, 601), (2560, 1440), (1280, 720))


def moving_then_still(b, viewer, scene, tolerance=0):
    """Lets a scene run for some frames at the viewer, stops it, and compares."""
    b.scene(scene)
    viewer.invalidates()
    for _ in range(3):
        viewer.change()
    b.pause()
    reply = viewer.compare(b.reference(), tolerance=tolerance)
    b.resume()
    return reply


def compression(setup, name):
    with setup.bridge("1280x720,scene=desktop", compression=name) as b:
        for uri in b.uris:
            # The library never compresses on a unix socket: one compression says it all there.
            if uri == b.unix and name not in ("off", "lz4"):
                continue
            with setup.client(uri) as viewer:
                viewer.size(1280, 720)
                for scene in ("desktop", "video", "scroll"):
                    moving_then_still(b, viewer, scene)


def compressions(setup):
    for name in COMPRESSIONS if setup.renderer == "cpu" else ("off", "lz4"):
        compression(setup, name)


def formats(setup):
    worst = {}
    with setup.bridge("640x480,scene=desktop") as b:
        with setup.client(b.tcp) as viewer:
            for name, tolerance in FORMATS.items():
                b.mode(648, 480, name)
                viewer.size(648, 480)
                for scene in ("desktop", "video"):
                    worst[name] = max(worst.get(name, 0),
                                      moving_then_still(b, viewer, scene, tolerance)["max"])
    return "largest difference: " + ", ".join(f"{k} {v}" for k, v in worst.items())


def garbage(setup):
    """What lies in the X bytes is nobody's business."""
    with setup.bridge("640x480,scene=video") as b:
        with setup.client(b.tcp) as viewer:
            viewer.size(640, 480)
            b.command("fault garbage-x")
            moving_then_still(b, viewer, "video")
            moving_then_still(b, viewer, "box")


def modes(setup):
    with setup.bridge("1280x720,scene=desktop") as b:
        for uri in b.uris:
            with setup.client(uri) as viewer:
                viewer.size(1280, 720)
                for width, height in SIZES:
                    b.mode(width, height)
                    viewer.size(width, height)
                    moving_then_still(b, viewer, "desktop")


def strides(setup):
    with setup.bridge("640x480,scene=video") as b:
        with setup.client(b.tcp) as viewer:
            for width, stride in ((640, 4096), (1366, 5504), (1366, 8192)):
                b.mode(width, 480, "XR24", f"stride={stride}")
                viewer.size(width, 480)
                moving_then_still(b, viewer, "video")


def mode_storm(setup):
    """Many modes in a row: the last one is what stays."""
    with setup.bridge("1280x720,scene=desktop") as b:
        with setup.client(b.tcp) as viewer:
            for i in range(20):
                b.mode(640 + 64 * (i % 7), 480 + 32 * (i % 5))
            b.mode(1024, 600)
            viewer.size(1024, 600)
            moving_then_still(b, viewer, "desktop")


def blank(setup):
    """A card replaces the picture, with nothing of it left, also for who comes later."""
    with setup.bridge("1024x768,scene=noise") as b:
        with setup.client(b.tcp) as viewer:
            viewer.size(1024, 768)
            b.pause()
            picture = b.reference()
            viewer.compare(picture)
            b.command("blank")
            case.wait_for("the card", 3, lambda: b.counters()["session"]["state"] == 1)
            case.wait_for("the card on the canvas", 3,
                          lambda: not viewer.ask(f"compare {picture} 0")["ok"])
            differs = case.wait_for(
                "the picture's going", 3,
                lambda: all_differs(viewer.ask(f"compare {picture} 0")))
            card = setup.path("card")
            viewer.do(f"raw {card}")
        with setup.client(b.unix) as late:
            late.size(1024, 768)
            late.compare(card, 3000)
            b.command("unblank")
            late.compare(b.reference(), 3000)
        return f"{differs} of {1024 * 768} pixels differ from what was there"


def all_differs(reply):
    """Noise against anything: equal only by chance (the card's corners may be black, as noise is)."""
    return reply.get("pixels", 0) >= 1024 * 768 * 999 // 1000 and reply["pixels"]


def front_buffer(setup):
    """A guest that draws into the buffer that is shown, and one that flips."""
    with setup.bridge("1280x720,scene=desktop") as b:
        with setup.client(b.tcp) as viewer:
            viewer.size(1280, 720)
            for flip in ("off", "on", "off"):
                b.command(f"flip {flip}")
                for scene in ("desktop", "scroll", "box", "video"):
                    moving_then_still(b, viewer, scene)


def region(setup):
    """A plane in a device region, as mdpy has."""
    with setup.bridge("1024x768,scene=desktop,plane=region") as b:
        with setup.client(b.tcp) as viewer:
            viewer.size(1024, 768)
            for scene in ("desktop", "scroll"):
                moving_then_still(b, viewer, scene)
            b.mode(800, 600)
            viewer.size(800, 600)
            moving_then_still(b, viewer, "video")


def takes_over(setup):
    """Several viewers one after the other see the whole picture at once, of a guest that is still."""
    with setup.bridge("1280x720,scene=desktop") as b:
        with setup.client(b.unix) as viewer:
            viewer.size(1280, 720)
            moving_then_still(b, viewer, "desktop")
        b.pause()
        picture = b.reference()
        for uri in b.uris * 2:
            with setup.client(uri) as viewer:
                viewer.compare(picture, 5000)


case.main(compressions, formats, garbage, modes, strides, mode_storm, blank, front_buffer, region,
          takes_over)
