#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""QEMU's sockets and the viewer's channels: ports, the agent, USB, webdav and smart cards."""

import contextlib
import os
import random
import struct
import time

import case
import chardev
from case import check, wait_for

MIB = 1024 * 1024


@contextlib.contextmanager
def viewer(setup, uri, *args):
    """One that has its picture: where one ends before that, libspice-server (0.15.1) crashes at times."""
    with setup.client(uri, *args) as c:
        c.size(320, 240)
        yield c


def write(setup, name, data):
    path = setup.path(name)
    with open(path, "wb") as file:
        file.write(data)
    return path


def read(path):
    with open(path, "rb") as file:
        return file.read()


def relay(b, name):
    return b.counters()["relays"][name]


def echo(setup, c, port, size, seed):
    """Bytes to the guest and back: the same ones."""
    data = random.Random(seed).randbytes(size)
    sent, got = write(setup, "sent", data), setup.path("got")
    c.do(f"port-write {port} {sent} 20000")
    c.do(f"port-read {port} {got} {size} 20000")
    check(read(got) == data, f"{port}: other bytes came back")


def ports(setup):
    first, second = chardev.Echo(setup.path("p1")), chardev.Echo(setup.path("p2"))
    options = [f"--port=test.one={'unix:' + first.path}", f"--port=test.two=unix:{second.path}"]
    with setup.bridge("320x240", options) as b:
        for uri in (b.unix, b.tcp):
            with viewer(setup, uri) as c:
                for number, port in enumerate(("test.one", "test.two")):
                    c.do(f"port-open {port} 10000")
                    echo(setup, c, port, MIB, number)
                echo(setup, c, "test.one", 5, 3)
            wait_for("a connection for the next viewer", 10,
                     lambda: relay(b, "port test.one")["renewals"] >= 1)
        counters = relay(b, "port test.one")
        check(counters["from_guest"] == counters["to_guest"] == 2 * (MIB + 5), str(counters))
        check(counters["dropped"] == counters["losses"] == counters["unheard"] == 0, str(counters))
        check(first.connections == 3, f"{first.connections} connections for two viewers")


def port_comes_and_goes(setup):
    """QEMU comes after the viewer, goes in the middle of a stream, and comes again."""
    path = setup.path("p")
    with setup.bridge("320x240", [f"--port=test=unix:{path}"]) as b:
        with viewer(setup, b.unix) as c:
            check(not c.ask("port-open test 300")["ok"], "a port without a device")
            device = chardev.Echo(path)
            c.do("port-open test 10000")
            echo(setup, c, "test", 100000, 1)
            device.reading.clear()
            big = write(setup, "big", os.urandom(4 * MIB))
            c.send(f"port-write test {big} 1000")
            device.send(os.urandom(100000))
            device.wait("bytes for the guest", lambda: len(device.received) > 0)
            device.reading.set()
            device.drop()
            c.wait_event("port test gone")
            c.receive(30, "port-write")
            c.do("port-open test 10000")
            device.wait_connected(2)
            echo(setup, c, "test", 100000, 2)
            device.close()
            wait_for("the loss", 10, lambda: relay(b, "port test")["connected"] == 0)
            check(b.running() and c.do("hash"), "the viewer is gone")
            counters = relay(b, "port test")
            check(counters["losses"] == 2, str(counters))


def slow_guest(setup):
    """A guest that reads late gets all of it, and holds nobody else up."""
    device, other = chardev.Echo(setup.path("p1")), chardev.Echo(setup.path("p2"))
    options = [f"--port=slow=unix:{device.path}", f"--port=quick=unix:{other.path}"]
    with setup.bridge("320x240", options) as b, viewer(setup, b.tcp) as c:
        c.do("port-open slow 10000")
        c.do("port-open quick 10000")
        device.wait_connected()
        device.reading.clear()
        device.send(b"x")  # it waits in recv()
        data = os.urandom(6 * MIB)
        sent, got = write(setup, "data", data), setup.path("got")
        c.send(f"port-write slow {sent} 20000")
        c.receive(30, "port-write")
        echo(setup, c, "quick", MIB, 1)
        _, seconds = b.timed_counters()
        check(seconds < 1, f"the main loop took {seconds} s to answer")
        device.reading.set()
        c.do(f"port-read slow {got} {len(data) + 1} 20000")
        check(read(got) == b"x" + data, "other bytes came back")


def viewer_leaves(setup):
    """A viewer is killed while it writes to a slow guest: the next one's bytes are only its own."""
    device = chardev.Echo(setup.path("p"))
    with setup.bridge("320x240", [f"--port=test=unix:{device.path}"]) as b:
        for uri in (b.unix, b.tcp):
            device.wait_connected()
            number = device.connections
            before = relay(b, "port test")["to_guest"]
            with viewer(setup, uri) as c:
                c.do("port-open test 10000")
                device.reading.clear()
                device.send(b"x")
                c.send(f"port-write test {write(setup, 'big', os.urandom(6 * MIB))} 20000")
                wait_for("bytes for the guest", 10, lambda: relay(b, "port test")["to_guest"] > before)
                c.kill()
            device.reading.set()
            device.wait_connected(number + 1)
            with viewer(setup, uri) as c:
                c.do("port-open test 10000")
                echo(setup, c, "test", 100000, number)
            device.wait_connected(number + 2)


def console_without_viewer(setup):
    """What a guest says to nobody must not hold it up; a viewer gets a device that is new to it."""
    device = chardev.Chardev(setup.path("p"), greeting=b"login:")
    with setup.bridge("320x240", [f"--port=console=unix:{device.path}"]) as b:
        device.wait_connected()
        device.send(MIB * b"y")
        wait_for("all of it", 10, lambda: relay(b, "port console")["from_guest"] == MIB + 6)
        with viewer(setup, b.unix) as c:
            c.do("port-open console 10000")
            got = setup.path("got")
            c.do(f"port-read console {got} 6 10000")
            check(read(got) == b"login:", f"the viewer's first bytes: {read(got)[:20]}")
            check(device.connections == 2, f"{device.connections} connections")


def webdav(setup):
    """The guest asks for a file in the viewer's folder, as spice-webdavd does."""
    device = chardev.Chardev(setup.path("w"))
    os.mkdir(setup.path("folder"))
    data = os.urandom(MIB)
    write(setup, "folder/file", data)

    def answer():
        """What came for client 1, without the heads: client (64 bits), size (16 bits)."""
        text, i = bytes(device.received), 0
        out = b""
        while i + 10 <= len(text):
            client, size = struct.unpack_from("<qH", text, i)
            check(client == 1, f"bytes came for client {client}")
            out += text[i + 10:i + 10 + size]
            i += 10 + size
        return out

    with setup.bridge("320x240", [f"--webdav=unix:{device.path}"]) as b:
        for _ in range(2):
            with viewer(setup, b.unix, f"--shared-folder={setup.path('folder')}") as c:
                c.do("port-open org.spice-space.webdav.0 10000")
                check("webdav:0" in c.do("channels")["list"], "it is no webdav channel")
                request = b"GET /file HTTP/1.1\r\nHost: localhost\r\n\r\n"
                device.send(struct.pack("<qH", 1, len(request)) + request)
                device.wait("the file", lambda: len(answer()) > MIB, 20)
                head, _, body = answer().partition(b"\r\n\r\n")
                device.wait("the rest", lambda: len(answer()) >= len(head) + 4 + MIB, 20)
                check(b" 200 " in head.splitlines()[0], f"the answer: {head[:80]}")
                check(answer()[len(head) + 4:] == data, "another file came")
                number = device.connections
            device.wait_connected(number + 1)


def single_bytes(setup):
    """Each of them costs the library 64 KiB while the viewer stands still."""
    device = chardev.Chardev(setup.path("p"))
    with setup.bridge("320x240", [f"--port=test=unix:{device.path}"]) as b:
        with viewer(setup, b.unix) as c:
            c.do("port-open test 10000")
            device.send(b"0")
            got = setup.path("got")
            c.do(f"port-read test {got} 1 10000")
            c.pause()
            before = b.memory()["Rss"]
            sent = 0
            device.limit_sending(0.5)
            for sent in range(8000):
                try:
                    device.send(b"%d" % (sent % 10))
                except BlockingIOError:
                    break
                if True:
                    time.sleep(0.0001)  # so that the bridge takes them one by one
            grown = b.memory()["Rss"] - before
            counters = relay(b, "port test")
            c.resume()
            check(grown < 64 * 1024, f"{grown} KiB for {counters['from_guest']} bytes")
            c.do(f"port-read test {got} {sent} 20000", timeout=40)
            check(read(got) == b"".join(b"%d" % (i % 10) for i in range(sent)), "other bytes")
    return f"{grown} KiB for {counters['from_guest']} bytes"


def asked_sizes(b):
    return [line for line in b.lines if "asks for" in line]


def resize(b, c, width, height):
    """A viewer's wish reaches the bridge."""
    c.do(f"resize {width} {height}")
    wait_for(f"the wish for {width}x{height}", 10,
             lambda: any(f"{width}x{height}" in line for line in asked_sizes(b)))


def clipboard_ready(c):
    """spice-gtk throws the clipboard's messages away before it knows what the agent can do."""
    def ready():
        answer = c.ask("agent-capabilities")
        return answer["ok"] and answer["clipboard"]
    wait_for("the capabilities of the guest's agent", 10, ready)


def agent(setup):
    """The bridge's own agent, the guest's, and back: sizes, clipboard both ways, files."""
    path = setup.path("agent")
    options = [f"--agent=unix:{path}", "--log-level=debug"]
    text = random.Random(5).randbytes(MIB).hex().encode()
    with setup.bridge("320x240", options) as b, viewer(setup, b.tcp) as c:
        c.wait_event("agent 1")
        resize(b, c, 400, 300)

        guest = chardev.Agent(path)
        wait_for("the guest's agent", 10, lambda: relay(b, "agent")["open"] == 1)
        clipboard_ready(c)
        resize(b, c, 500, 300)
        check(guest.count(chardev.MONITORS_CONFIG) == 0, "the size went to the agent")

        c.clipboard_set(write(setup, "clip", text))
        guest.wait("the viewer's text", lambda: guest.got_text is not None)
        check(guest.got_text.rstrip(b"\0") == text, "the guest got another text")
        guest.offer(text[::-1])
        got = setup.path("got")
        c.clipboard_get(got)
        check(read(got) == text[::-1], "the viewer got another text")
        data = os.urandom(3 * MIB)
        c.do(f"send-file {write(setup, 'holiday.jpg', data)} 30000", timeout=60)
        check([bytes(f) for f in guest.files.values()] == [data], "the guest got another file")
        check(list(guest.sizes.values()) == [("holiday.jpg", len(data))], str(guest.sizes))

        guest.close()
        wait_for("the bridge's own agent", 10, lambda: relay(b, "agent")["open"] == 0)
        wait_for("the viewer's agent", 10, lambda: c.do("agent")["connected"] == 1)
        resize(b, c, 600, 300)
        check(c.do("agent-capabilities")["clipboard"] == 0, "the guest's clipboard is still there")
        check(relay(b, "agent")["losses"] == 1, str(relay(b, "agent")))


def size_by_agent(setup):
    """A device that takes no EDID: the guest's agent gets the sizes, and the bridge's own none."""
    path = setup.path("agent")
    with setup.bridge("320x240,plane=region", [f"--agent=unix:{path}"]) as b, \
            viewer(setup, b.unix) as c:
        c.wait_event("agent 1")
        c.do("resize 400 300")
        wait_for("the wish", 10, lambda: b.counters()["size"]["requests"] == 1)
        guest = chardev.Agent(path)
        clipboard_ready(c)
        c.do("resize 500 300")
        # Height first; spice-gtk has told the new agent of the size before, too.
        guest.wait("the size", lambda: (300, 500) in [
            struct.unpack_from("<2I", body, 8) for _, kind, body in guest.messages
            if kind == chardev.MONITORS_CONFIG])
        check(b.counters()["size"]["requests"] == 1, "the bridge got it too")


def agent_that_runs_already(setup):
    """A bridge is started anew: the guest's agent has no reason to speak first."""
    guest = chardev.Agent(setup.path("agent"), speaks_first=False)
    for _ in range(2):
        before = guest.connections
        with setup.bridge("320x240", [f"--agent=unix:{guest.path}"]) as b:
            guest.wait_connected(before + 1)
            wait_for("the guest's agent", 10, lambda: relay(b, "agent")["open"] == 1)
            with viewer(setup, b.unix) as c:
                clipboard_ready(c)
                c.clipboard_set(write(setup, "clip", b"once more"))
                guest.wait("the text", lambda: guest.got_text == b"once more")
                guest.got_text = None
            # The guest is told that the viewer has gone.
            guest.wait("the end of the viewer", lambda: guest.messages[-1][1] ==
                       chardev.CLIENT_DISCONNECTED)


def guest_without_agent(setup):
    guest = chardev.Agent(setup.path("agent"))
    guest.silent = True
    options = [f"--agent=unix:{guest.path}", "--log-level=debug"]
    with setup.bridge("320x240", options) as b, viewer(setup, b.unix) as c:
        guest.wait_connected()
        c.wait_event("agent 1")
        resize(b, c, 400, 300)
        check(relay(b, "agent")["open"] == 0, "who spoke?")
        # It is installed now.
        guest.silent = False
        guest.announce(1)
        wait_for("the guest's agent", 10, lambda: relay(b, "agent")["open"] == 1)
        resize(b, c, 500, 300)


def agent_that_leaves(setup):
    """The agent closes its port: only the monitor knows."""
    guest = chardev.Agent(setup.path("agent"))
    monitor = chardev.Monitor(setup.path("qmp"))
    filename = f"unix:{guest.path},server=on"
    monitor.chardevs = [{"label": "a", "filename": filename, "frontend-open": True},
                        {"label": "b", "filename": f"{guest.path}x", "frontend-open": False},
                        {"label": "c", "filename": "vc", "frontend-open": False}]
    options = [f"--agent=unix:{guest.path}", f"--qmp=unix:{monitor.path}"]
    with setup.bridge("320x240", options) as b, viewer(setup, b.unix) as c:
        for _ in range(2):
            wait_for("the guest's agent", 10, lambda: relay(b, "agent")["open"] == 1)
            clipboard_ready(c)
            asked = monitor.count("query-chardev")
            monitor.event("VSERPORT_CHANGE", id="other", open=False)
            monitor.wait("question", lambda: monitor.count("query-chardev") > asked)
            check(relay(b, "agent")["open"] == 1, "it was another's port")
            guest.silent = True
            number = guest.connections
            monitor.chardevs[0]["frontend-open"] = False
            monitor.event("VSERPORT_CHANGE", id="mine", open=False)
            guest.wait_connected(number + 1)
            check(relay(b, "agent")["open"] == 0, "the guest's agent is still there")
            c.poll("agent-capabilities", lambda reply: reply["ok"] and reply["clipboard"] == 0)
            # It was only started anew.
            guest.silent = False
            monitor.chardevs[0]["frontend-open"] = True
            monitor.event("VSERPORT_CHANGE", id="mine", open=True)
            guest.announce(1)


def agent_points(setup):
    """In a guest with a mouse the agent points; where there is a tablet that is better."""
    guest = chardev.Agent(setup.path("agent"))
    monitor = chardev.Monitor(setup.path("qmp"))
    options = [f"--agent=unix:{guest.path}", f"--qmp=unix:{monitor.path}"]

    def pointed(x, y, buttons):
        return (chardev.CLIENT_PORT + 1, chardev.MOUSE_STATE,
                struct.pack("<IIIB", x, y, buttons, 0)) in guest.messages

    with setup.bridge("320x240", options) as b, viewer(setup, b.unix) as c:
        wait_for("the guest's agent", 10, lambda: relay(b, "agent")["open"] == 1)
        c.poll("mouse-mode", lambda reply: reply["mode"] == "client")
        c.poll("leds", lambda reply: reply["ok"])
        # One is on its way at a time, and the newest counts.
        for x, y in ((10, 20), (300, 200)):
            c.do(f"mouse-move {x} {y} 0")
            guest.wait(f"a pointer at {x},{y}", lambda x=x, y=y: pointed(x, y, 0))
        check(monitor.count("input-send-event") == 0, "the mouse moved too")
        monitor.absolute = True

        def moved():
            c.do("mouse-move 30 40 0")
            return monitor.count("input-send-event") > 0

        wait_for("the tablet", 20, moved)
        moves = guest.count(chardev.MOUSE_STATE)
        sent = monitor.count("input-send-event")
        c.do("mouse-move 50 60 0")
        monitor.wait("a pointer", lambda: monitor.count("input-send-event") > sent)
        check(guest.count(chardev.MOUSE_STATE) == moves, "both point")
        # The agent goes while it points.
        monitor.absolute = False

        def agent_again():
            c.do("mouse-move 70 80 0")
            return guest.count(chardev.MOUSE_STATE) > moves

        wait_for("the agent as the pointer", 20, agent_again)
        guest.close()
        c.poll("mouse-mode", lambda reply: reply["mode"] == "server")


def agent_of_noise(setup):
    """Whatever comes, the viewer stays and the next agent is served."""
    guest = chardev.Agent(setup.path("agent"))
    with setup.bridge("320x240", [f"--agent=unix:{guest.path}"]) as b, viewer(setup, b.unix) as c:
        c.wait_event("agent 1")
        for seed in range(4):
            number = guest.connections
            wait_for("the guest's agent", 10, lambda: relay(b, "agent")["open"] == 1)
            noise = random.Random(seed).randbytes(20000)
            guest.send((b"\1\0\0\0\24\0\0\0" if seed % 2 else b"") + noise)
            guest.wait_connected(number + 1)
        wait_for("the guest's agent", 10, lambda: relay(b, "agent")["open"] == 1)
        clipboard_ready(c)
        c.clipboard_set(write(setup, "clip", b"after all"))
        guest.wait("the text", lambda: guest.got_text == b"after all")
        check("disconnected" not in c.events, "the viewer was thrown out")


if __name__ == "__main__":
    case.main(ports, port_comes_and_goes, slow_guest, viewer_leaves, console_without_viewer,
              webdav, single_bytes, agent, size_by_agent,
              agent_that_runs_already, guest_without_agent, agent_that_leaves, agent_points,
              agent_of_noise)
