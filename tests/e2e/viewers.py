# SPDX-License-Identifier: MIT
"""Viewers come, go, die and stand still, and the bridge stays as it was."""

import os
import socket
import struct
import time

import case

SIZE = "1280x720"
ANSWER_LIMIT = 0.1  # seconds in which the main loop has to answer
RED_MAIN_CHANNEL = 1


def link_answer_time(b):
    """How long a new connection waits for the first bytes of the server's answer, seconds."""
    message = struct.pack("<IBBIII", 0, RED_MAIN_CHANNEL, 0, 0, 0, 18)
    header = b"REDQ" + struct.pack("<III", 2, 2, len(message))
    begin = time.monotonic()
    if b.uris[0].startswith("spice+unix"):
        s = socket.socket(socket.AF_UNIX)
        s.connect(b.socket_path)
    else:
        s = socket.create_connection(b.tcp_address)
    with s:
        s.settimeout(5)
        s.sendall(header + message)
        answer = s.recv(4)
        case.check(answer == b"REDQ", f"a new connection was answered {answer!r}")
        return time.monotonic() - begin


def check_answers(times, when):
    """All within the limit, but for one in ten on a machine that has other things to do."""
    times = sorted(times)
    late = [t for t in times if t > ANSWER_LIMIT]
    case.check(len(late) <= max(1, len(times) // 10) and times[-1] <= 1,
               f"{when}: the main loop answered after {', '.join(f'{t:.3f}' for t in late)} s")
    return f"main loop {times[len(times) // 2] * 1000:.0f} ms, at most {times[-1] * 1000:.0f} ms"


def check_alive(b, when, rests=None):
    """How fast the main loop answers; and capturing goes on, unless it has rested: nobody is there."""
    times = []
    first = b.counters()["capture"]
    for _ in range(3):
        times += [b.timed_counters()[1], link_answer_time(b)]
        time.sleep(0.1)
    if rests is not None and first["rests"] == rests:
        case.wait_for(f"{when}: the capture counter's advance", 2,
                      lambda: b.counters()["capture"]["ticks"] > first["ticks"])
    return times


def visit(setup, b, uri, size=(1280, 720)):
    """A viewer that sees live frames."""
    with setup.client(uri) as viewer:
        viewer.size(*size)
        viewer.invalidates()
        viewer.change()
        viewer.change()
        b.pause()
        viewer.compare(b.reference())
        b.resume()


def change_mode(setup, b, uri, rests):
    """How long a mode change takes while a viewer stands still, seconds.

    The library gives up a viewer that has not answered for 30 s. Then nobody is there to switch for,
    and the next viewer has to see the new mode.
    """
    before = b.counters()
    begin = time.monotonic()
    b.mode(800, 600)
    if before["capture"]["rests"] == rests:
        case.wait_for("the mode change, with a stopped viewer", 5,
                      lambda: b.counters()["spice"]["mode_switches"] >
                      before["spice"]["mode_switches"])
    else:
        with setup.client(uri) as viewer:
            viewer.size(800, 600)
    return time.monotonic() - begin


def stand_still(setup, b, uri, seconds):
    """A stopped viewer: everything else goes on, and a mode change does not wait for it."""
    with setup.client(uri) as viewer:
        viewer.size(1280, 720)
        viewer.change()
        rests = b.counters()["capture"]["rests"]
        viewer.pause()
        try:
            end = time.monotonic() + seconds
            times = []
            while time.monotonic() < end:
                times += check_alive(b, "while a viewer stands still", rests)
                time.sleep(0.5)
            switched = change_mode(setup, b, uri, rests)
            case.check(switched <= 1, f"the mode change took {switched:.2f} s")
            times += check_alive(b, "after the mode change")
        finally:
            viewer.resume()
    b.mode(1280, 720)
    return check_answers(times, "while a viewer stands still"), switched


def settled(b):
    """Readings once nobody watches and nothing is under way."""
    case.wait_for("the release of all drawables", 10,
                  lambda: b.counters()["spice"]["drawables_live"] == 0)
    time.sleep(1.5)
    return b.fds(), b.memory()["Anonymous"], b.counters()["spice"]["drawables_live"]


def in_turn(setup):
    with setup.bridge(f"{SIZE},scene=desktop") as b:
        for uri in b.uris:
            visit(setup, b, uri)
        fds, anonymous, live = settled(b)
        note = ""
        for i in range(10):
            uri = b.uris[i % len(b.uris)]
            if i == 3:
                with setup.client(uri) as viewer:
                    viewer.size(1280, 720)
                    viewer.change()
                    viewer.kill()
            elif i == 5:
                answers, switched = stand_still(setup, b, uri, 60 if setup.full else 12)
                note = f"stopped viewer: {answers}, mode change {switched * 1000:.0f} ms"
            else:
                visit(setup, b, uri)
        after = settled(b)
        grown = after[1] - anonymous
        case.check(after[2] == live, f"{after[2]} drawables live, {live} before")
        case.check(after[0] == fds, f"{after[0]} fds open, {fds} before")
        # AddressSanitizer keeps what is freed.
        case.check(grown <= 4096 or b.sanitized(), f"anonymous memory grew by {grown} KiB from {anonymous}")
        return f"{note}; anonymous memory {grown:+d} KiB, {fds} fds as before"


def newer_wins(setup):
    """A second viewer takes over from a first one that stands still, and sees the picture."""
    with setup.bridge(f"{SIZE},scene=video") as b:
        with setup.client(b.tcp) as first:
            first.size(1280, 720)
            first.change()
            first.pause()
            time.sleep(1)
            begin = time.monotonic()
            visit(setup, b, b.unix)
            took = time.monotonic() - begin
            case.check(took <= 5, f"the second viewer's visit took {took:.1f} s")
            first.resume()
        return f"{took:.1f} s for a visit over a stopped viewer"


def end_with_stopped_viewer(setup):
    notes = []
    for scene, way in (("noise", "tcp"), ("desktop", "unix")):
        with setup.bridge(f"{SIZE},scene={scene}") as b:
            with setup.client(getattr(b, way)) as viewer:
                viewer.size(1280, 720)
                viewer.change()
                viewer.pause()
                time.sleep(2)
                seconds, code = b.stop(20)
                viewer.resume()
                case.check(code == 0, f"SIGTERM: exit code {code}")
                case.check(seconds <= 1, f"SIGTERM took {seconds:.2f} s with a stopped viewer")
                notes.append(f"{scene} over {way}: ended in {seconds * 1000:.0f} ms")
    return "; ".join(notes)


def password(setup):
    """The right ticket opens, a wrong one and none do not."""
    path = setup.path("password")
    with open(path, "w", encoding="ascii") as file:
        file.write("open sesame\n")
    os.chmod(path, 0o600)
    with setup.bridge(f"{SIZE},scene=desktop", [f"--password-file={path}"]) as b:
        for uri in b.uris:
            for words in ((), ("--password", "open"), ("--password", "open sesame ")):
                with setup.client(uri, *words, connect=False) as viewer:
                    viewer.wait_event("error auth")
                    case.check(not viewer.ask("wait-connected 200")["ok"],
                               f"a viewer with {words} was let in")
            with setup.client(uri, "--password", "open sesame") as viewer:
                viewer.size(1280, 720)
                viewer.change()


case.main(in_turn, newer_wins, end_with_stopped_viewer, password)
