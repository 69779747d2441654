# SPDX-License-Identifier: MIT
"""The verbs display and screenshot: the guest's monitor, and pictures of what it shows."""

import array
import concurrent.futures
import contextlib
import json
import os
import socket
import stat
import struct
import subprocess
import time

import case
import chardev
from case import check, wait_for
from cursor import SIDE, half
from desk import Desk
from png import Png

MS = 20000
SIZE = (640, 360)
NO_PICTURE, PICTURE = 1, 2


class Shown:
    """A bridge, its control socket, and the verbs for it."""

    def __init__(self, setup, b):
        self.setup, self.b = setup, b
        self.desk_path = setup.path("desk")

    def tool(self, *words, code=0, timeout=60, binary=False):
        result = subprocess.run([self.setup.program, *words, f"--on={self.desk_path}"],
                                capture_output=True, timeout=timeout, check=False)
        said = result.stderr.decode()
        check(result.returncode == code, f"{words}: {result.returncode}, {said}")
        return (result.stdout if binary else result.stdout.decode()), said

    def display(self, *words, **more):
        return self.tool("display", *words, **more)

    def shot(self, *words):
        """A screenshot, and the line about it."""
        path = self.setup.path("shot.png")
        said, _ = self.tool("screenshot", path, *words)
        return Png.read(path), said

    def pixels(self):
        """What the guest shows; pause first."""
        with open(self.b.reference(), "rb") as file:
            return file.read()

    def edid(self):
        """What the guest sees of its monitor; b"" without one."""
        path = self.setup.path("seen")
        self.b.command(f"edid {path}")
        with open(path, "rb") as file:
            return file.read()

    def state(self):
        return self.b.counters()["session"]["state"]

    def monitor(self):
        out, _ = self.tool("status", "--json")
        return json.loads(out)["monitor"]


@contextlib.contextmanager
def shown(setup, simulate="%dx%d,scene=desktop" % SIZE, options=()):
    path = setup.path("desk")
    with setup.bridge(simulate, [f"--control=unix:{path}", *options], tcp=False) as b:
        yield Shown(setup, b)


def guide(setup):
    """The 2016 guide's file, and its EDID."""
    path = os.path.join(setup.source, "tests", "data", "monitor.config")
    with open(path, encoding="ascii") as file:
        lines = [line.strip() for line in file if not line.startswith("#")]
    return path, bytes.fromhex("".join(lines[2:]))


def set_edid(setup):
    """The guest sees the EDID of the guide's file, until a size is named; viewers change nothing."""
    path, edid = guide(setup)
    with shown(setup) as s, setup.client(s.b.unix) as viewer:
        viewer.size(*SIZE, MS)
        out, said = s.display("set-edid", path)
        check("1920x1080 (ASUS PA238)" in out and "port E for B" in said, f"{out} {said}")
        viewer.size(1920, 1080, MS)
        check(s.edid() == edid, "the guest sees another EDID")
        check(s.monitor()["mode"] == "edid", f"{s.monitor()}")
        viewer.do("resize 800 600")
        wait_for("the refusal", 10, lambda: s.b.counters()["size"]["refused"] == 1)
        # The same again is a file of bytes, by a pipe.
        process = subprocess.run([setup.program, "display", "set-edid", "-", f"--on={s.desk_path}"],
                                 input=edid, capture_output=True, timeout=60, check=False)
        check(process.returncode == 0, f"{process.stderr}")
        check(s.edid() == edid and s.b.counters()["size"]["changes"] == 2, "bytes")
        s.display("resize", "1024x768")
        viewer.size(1024, 768, MS)
        check(s.monitor()["mode"] == "fixed", f"{s.monitor()}")
        viewer.do("resize 720 480")
        wait_for("the refusal", 10, lambda: s.b.counters()["size"]["refused"] == 2)
        s.display("resize", "auto")
        viewer.size(720, 480, MS)
        viewer.do("resize 800 600")
        viewer.size(800, 600, MS)
        out, _ = s.tool("status")
        check("plugged, 800x600 (vgpu-bridge), auto" in out, out)


def extensions(setup):
    """Two blocks are taken as they are; of four the device has room for two."""
    _, edid = guide(setup)

    def blocks(count):
        first = bytearray(edid)
        first[126] = count - 1
        first[127] = -sum(first[:127]) & 255
        extension = bytes([2, 3]) + bytes(125) + bytes([251])
        return bytes(first) + extension * (count - 1)

    with shown(setup) as s:
        for count in (2, 4):
            with open(setup.path("edid"), "wb") as file:
                file.write(blocks(count))
            out, said = s.display("set-edid", setup.path("edid"))
            check("1920x1080" in out and ("first 2 of 4" in said) == (count == 4), said)
            check(s.edid() == blocks(2), f"{count} blocks")


def refused(setup):
    """What is wrong is said in a line, and the monitor stays."""
    path, edid = guide(setup)
    bad = bytearray(edid)
    bad[20] ^= 1
    with open(setup.path("bad"), "wb") as file:
        file.write(bad)
    with shown(setup) as s, Desk(s.desk_path) as desk:
        for words, code, reason in (
                (("set-edid", setup.path("bad")), 1, "checksum"),
                (("set-edid", setup.path("none")), 1, "No such file"),
                (("set-edid", "/dev/zero"), 1, "longer than"), (("set-edid",), 2, "needs the file"),
                (("resize", "1x1"), 2, "64x64"), (("resize", "big"), 2, "or auto"),
                (("resize",), 2, "needs a size"), (("plug", "in"), 2, "takes no 'in'"),
                (("turn",), 2, "not one of")):
            _, said = s.display(*words, code=code)
            check(reason in said and said.count("\n") == 1, f"{words}: {said}")
        # Who needs no verb is not believed.
        for arguments, reason in (
                ({"edid": bad.hex()}, "checksum"), ({"edid": edid.hex()[:-2]}, "127 bytes"),
                ({"edid": "zz"}, "pairs"), ({"edid": ""}, "0 bytes"), ({"edid": "00" * 2000}, "pairs"),
                ({"edid": "00" * 128}, "begins"), ({}, "missing")):
            answer = desk.ask("display-set-edid", **arguments)
            check(reason in answer["error"]["text"], f"{arguments}: {answer}")
        for arguments in ({}, {"width": 800}, {"width": 800, "height": -600}, {"width": 1 << 40,
                          "height": 600}, {"auto": True, "width": 800, "height": 600}):
            check("error" in desk.ask("display-resize", **arguments), f"{arguments}")
        check(s.b.counters()["size"]["changes"] == 0 and s.edid() == b"", "a monitor was changed")
    with shown(setup, "%dx%d,plane=region" % SIZE) as s:
        for words in (("set-edid", path), ("plug",), ("unplug",)):
            _, said = s.display(*words, code=1)
            check("takes no EDID" in said and "agent" in said, said)
        _, said = s.display("resize", "800x600", code=1)
        check("no agent" in said, said)
        out, said = s.display("resize", "auto")
        check("agent" in said, said)
        out, _ = s.tool("status")
        check("no device is there that takes an EDID" in out, out)


def by_agent(setup):
    """Without an EDID region the guest's agent is told of the size, while a viewer sends it a file."""
    path = setup.path("agent")
    guest = chardev.Agent(path)
    try:
        with shown(setup, "%dx%d,plane=region,scene=idle" % SIZE, [f"--agent=unix:{path}"]) as s, \
                setup.client(s.b.unix) as viewer:
            wait_for("the guest's agent", 20, lambda: s.b.counters()["relays"]["agent"]["open"])
            viewer.wait_event("agent 1", 20)
            with open(setup.path("file"), "wb") as file:
                file.write(os.urandom(3 << 20))
            viewer.send(f"send-file {setup.path('file')} 30000")
            for i, (width, height) in enumerate(((800, 600), (1024, 768), (1366, 768))):
                out, said = s.display("resize", f"{width}x{height}")
                check("fixed" in out and "agent was asked" in said, f"{out} {said}")
                guest.wait("the size", lambda: sizes(guest, chardev.SERVER_PORT)[i:])
                check(sizes(guest, chardev.SERVER_PORT)[i:] == [(width, height)],
                      f"{sizes(guest, chardev.SERVER_PORT)}")
            check(viewer.receive(60, "send-file")["ok"], "the file")
            with open(setup.path("file"), "rb") as file:
                check(bytes(*guest.files.values()) == file.read(), "the file is another")
    finally:
        guest.close()


def sizes(guest, port):
    """That the agent was told of by this side."""
    return [struct.unpack_from("<II", body, 8)[::-1] for p, kind, body in guest.messages
            if kind == chardev.MONITORS_CONFIG and p == port]


def hotplug(setup):
    """Unplugged it stays, whatever viewers ask for; plugged it is what it was."""
    path, edid = guide(setup)
    with shown(setup) as s, setup.client(s.b.unix) as viewer, Desk(s.desk_path) as desk:
        viewer.size(*SIZE, MS)
        desk.ask("events")
        s.display("set-edid", path)
        viewer.size(1920, 1080, MS)
        s.display("unplug")
        check(s.edid() == b"", "the guest sees a monitor")
        wait_for("a card", 20, lambda: s.state() == NO_PICTURE)
        check(not s.monitor()["plugged"], f"{s.monitor()}")
        _, said = s.display("unplug")
        check("already" in said, said)
        viewer.do("resize 800 600")
        _, said = s.display("resize", "auto")
        check("unplugged" in said, said)
        viewer.do("resize 900 600")
        time.sleep(1)
        check(s.edid() == b"" and s.state() == NO_PICTURE, "a viewer has plugged it")
        _, said = s.display("set-edid", path)
        check("unplugged" in said and s.edid() == b"", said)
        picture, said = s.shot()
        check("a card (no-picture)" in said and "switched its display off" in said, said)
        check(picture.texts["Source"] and "a card" in picture.texts["Title"], f"{picture.texts}")
        s.display("plug")
        viewer.size(1920, 1080, MS)
        check(s.edid() == edid, "another monitor was plugged in")
        wait_for("the picture", 20, lambda: s.state() == PICTURE)
        events = []
        while not events or events[-1]["event"] != "display-plug":
            events.append(desk.line())
        names = [e["event"] for e in events if e["event"].startswith("display-") and
                 e["event"] != "display-changed"]
        check(names == ["display-edid", "display-unplug", "display-unplug", "display-resize",
                        "display-edid", "display-plug"], f"{names}")


def with_cursor(dst, width, height, x0, y0):
    """The simulated shape "half" over a picture, as floats would have it."""
    out, shape = bytearray(dst), half()
    for i, (alpha, *rgb) in enumerate(shape):
        x, y = x0 + i % SIDE, y0 + i // SIDE
        if 0 <= x < width and 0 <= y < height:
            at = (y * width + x) * 4
            for j in range(3):
                out[at + j] = min(255, round(rgb[2 - j] + out[at + j] * (255 - alpha) / 255))
    return bytes(out)


def near(have, want, by=1):
    return len(have) == len(want) and all(abs(a - b) <= by for a, b in zip(have, want))


def screenshot(setup):
    """To the pixel what the viewer shows, with the pointer over it, and the viewer sees nothing of it."""
    with shown(setup) as s, setup.client(s.b.unix) as viewer:
        viewer.size(*SIZE, MS)
        s.b.command("cursor shape half")
        for x, y in ((200, 100), (SIZE[0] - 30, SIZE[1] - 20)):
            s.b.command(f"cursor at {x} {y}")
            s.b.pause()
            viewer.compare(s.b.reference(), MS)
            viewer.settle()
            frames = s.b.counters()["spice"]["frames"]
            want = s.pixels()
            picture, said = s.shot()
            check("the guest's picture" in said and f"{SIZE[0]}x{SIZE[1]}" in said, said)
            check((picture.width, picture.height) == SIZE, f"{picture.width}x{picture.height}")
            check(picture.pixels == want, "the screenshot is another picture")
            # And by the viewer's own eyes.
            with open(setup.path("raw"), "wb") as file:
                file.write(picture.pixels)
            viewer.compare(setup.path("raw"), MS)
            picture, said = s.shot("--cursor")
            check(near(picture.pixels, with_cursor(want, *SIZE, x, y)), f"the pointer at {x},{y}")
            check(picture.pixels != want, "there is no pointer in it")
            check(viewer.invalidates()["count"] == 0, "the viewer was drawn to")
            check(s.b.counters()["spice"]["frames"] == frames, "the viewer got a frame")
            s.b.resume()
        s.b.command("cursor hide")
        s.b.pause()
        picture, said = s.shot("--cursor")
        check("no pointer" in said and picture.pixels == s.pixels(), said)
    with shown(setup, "%dx%d,plane=region" % SIZE) as s:
        s.b.pause()
        picture, said = s.shot("--cursor")
        check("draws its pointer" in said and picture.pixels == s.pixels(), said)


def alone(setup):
    """Without any viewer: another picture each time, other sizes, other formats; and then it rests."""
    with shown(setup) as s:
        for mode in (SIZE, (800, 450), (320, 200, "RG16"), (512, 300, "XR30"), (640, 480, "YUYV")):
            s.b.mode(*mode)
            s.b.pause()
            picture, said = s.shot()
            check((picture.width, picture.height) == mode[:2], f"{mode}: {said}")
            check(near(picture.pixels, s.pixels(), 3), f"{mode}: another picture")
            s.b.resume()
        wait_for("a rest", 20, lambda: s.b.counters()["capture"]["rests"] >= 5)
        before = s.b.counters()["vgpu"]["queries"]
        time.sleep(1)
        check(s.b.counters()["vgpu"]["queries"] == before, "it goes on looking")
        s.b.command("blank")
        _, said = s.shot()
        check("a card (no-picture)" in said, said)
        # To standard output, over a link, to what is no file, and where nothing can be written.
        s.b.command("unblank")
        s.b.mode(640, 480)
        s.b.pause()
        want = s.pixels()
        out, said = s.tool("screenshot", "-", binary=True)
        check(Png(out).pixels == want and "standard output: 640x480" in said, said)
        with open(setup.path("old.png"), "w", encoding="ascii") as file:
            os.fchmod(file.fileno(), 0o640)
        os.symlink("old.png", setup.path("link.png"))
        s.tool("screenshot", setup.path("link.png"))
        check(os.path.islink(setup.path("link.png")), "the link was replaced")
        check(Png.read(setup.path("old.png")).pixels == want, "the link's file")
        check(stat.S_IMODE(os.stat(setup.path("old.png")).st_mode) == 0o640, "its mode")
        s.tool("screenshot", "/dev/null")
        check(stat.S_ISCHR(os.stat("/dev/null").st_mode), "/dev/null is a file")
        for path in (setup.path("none/x.png"), setup.directory, "/dev/full"):
            _, said = s.tool("screenshot", path, code=1)
            check("can't be written" in said, said)
        left = [name for name in os.listdir(setup.directory) if ".png." in name]
        check(not left, f"left behind: {left}")


def large(setup):
    """3840x2160, while it changes its mode again and again."""
    with shown(setup, "3840x2160,scene=idle") as s:
        for i in range(6):
            if i:
                # Somewhere in the middle of it.
                s.b.mode(*((3840, 2160), (1920, 1080))[i % 2])
            out, _ = s.tool("screenshot", "-", binary=True)
            check(out[16:24] in (b"\0\0\x0f\0\0\0\x08\x70", b"\0\0\x07\x80\0\0\x04\x38"), "its size")
        counters = s.b.counters()["shot"]
        check(counters["pictures"] == 6 + counters["not_fetched"], f"{counters}")
        wait_for("its memory back", 20, lambda: s.b.sanitized() or s.b.memory()["Rss"] < 100000)
        return f"{s.b.memory()['Rss'] // 1024} MiB after it"


def receive(connection):
    """An answer, and the descriptor that came with it."""
    fds = array.array("i")
    data = b""
    while not data.endswith(b"\n"):
        more, control, _, _ = connection.recvmsg(65536, socket.CMSG_SPACE(16))
        check(more, "the bridge has hung up")
        data += more
        for _, kind, body in control:
            if kind == socket.SCM_RIGHTS:
                fds.frombytes(body[:len(body) - len(body) % fds.itemsize])
    return [json.loads(line) for line in data.splitlines()][-1], list(fds)


def slow(setup):
    """Who asks and does not read costs two pictures for some seconds; who shares the bridge gets his."""
    with shown(setup, "%dx%d,scene=idle" % SIZE) as s:
        connections = []
        try:
            for _ in range(6):
                connection = socket.socket(socket.AF_UNIX)
                connection.connect(s.desk_path)
                connection.settimeout(60)
                receive(connection)
                connection.sendall(b'{"command":"screenshot"}\n')
                connections.append(connection)
            wait_for("two pictures", 20, lambda: s.b.counters()["shot"]["pictures"] >= 2)
            kept = s.b.counters()["shot"]
            check(kept["pictures"] - kept["not_fetched"] <= 2, f"more than two are kept: {kept}")
            picture, _ = s.shot()
            check(picture.pixels == s.pixels(), "the picture")
            kept = s.b.counters()["shot"]
            check(kept["not_fetched"] >= 2, f"{kept}")
            # What was taken back is empty, and what is not can't be written.
            sizes = []
            for connection in connections:
                answer, fds = receive(connection)
                if "return" in answer:
                    check(len(fds) == 1, f"{fds}")
                    sizes.append(os.fstat(fds[0]).st_size)
                    with contextlib.suppress(PermissionError):
                        os.pwrite(fds[0], b"x", 0)
                        raise AssertionError("the picture could be written to")
                for fd in fds:
                    os.close(fd)
            check(0 in sizes, f"{sizes}")
        finally:
            for connection in connections:
                connection.close()


def many(setup):
    """Twelve at a time get theirs."""
    with shown(setup, "%dx%d,scene=idle" % SIZE) as s:
        s.b.pause()
        want = s.pixels()

        def one(i):
            path = setup.path(f"{i}.png")
            s.tool("screenshot", path, *(["--cursor"] if i % 2 else []))
            return Png.read(path).pixels

        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            pictures = list(pool.map(one, range(12)))
        check(all(p == want for p in pictures[::2]), "not all have the picture")
        check(s.b.counters()["shot"]["pictures"] >= 12, f"{s.b.counters()['shot']}")


def stuck(setup):
    """A device that does not answer gives none, and a line about it; later it does."""
    with shown(setup, "%dx%d,scene=idle" % SIZE) as s:
        s.b.command("fault hang")
        _, said = s.tool("screenshot", setup.path("x.png"), code=1)
        check("does not answer" in said, said)
        check(not os.path.exists(setup.path("x.png")), "there is a file")
        _, said = s.tool("display", "resize", "800x600")
        check("has not answered yet" in said, said)
        s.b.command("fault clear")
        wait_for("the size", 20, lambda: s.b.counters()["capture"]["edids"] == 1)
        _, said = s.shot()
        check("800x600" in said or "640x360" in said, said)


if __name__ == "__main__":
    case.main(set_edid, extensions, refused, by_agent, hotplug, screenshot, alone, large, slow, many, stuck)
