#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One bridge, several sources: what is shown is the one chosen, and so is what viewers type into."""

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time

import case
from desk import Desk
from qmp import Qmp
from reach import NAME, device, holds, name_of, qemu, serving

NO_PICTURE, PICTURE, NO_DEVICE, PAUSED = 1, 2, 4, 5
A, B = (800, 600), (640, 480)


class Sim:
    """A simulated guest, by its own socket."""

    def __init__(self, setup, name):
        self.path = setup.path(f"{name}.sim")
        self.answers = setup.path(f"{name}.answers")
        self.picture = setup.path(f"{name}.picture")

    def command(self, text):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.answers)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind(self.answers)
            s.settimeout(10)
            s.sendto(text.encode(), self.path)
            answer = s.recv(4096).decode()
        case.check(answer.startswith("ok"), f"{text}: {answer}")

    def reference(self):
        self.command("pause")
        self.command(f"reference {self.picture}")
        return self.picture


@contextlib.contextmanager
def two(setup, *options, start=("a", "b")):
    """A bridge with the sources a and b, and a QEMU for each."""
    sims = {name: Sim(setup, name) for name in "ab"}
    qemus = {name: Qmp(setup.path(f"{name}.qmp")) for name in "ab"}
    path = setup.path("desk")
    for name in "ab":
        if name not in start:
            qemus[name].stop()
    try:
        with setup.bridge("%dx%d,scene=idle,control=%s" % (*A, sims["a"].path), (
                "--source-name=a", f"--qmp=unix:{qemus['a'].path}", f"--control=unix:{path}",
                "--also=simulate:%dx%d,scene=idle,control=%s,name=b,qmp=unix:%s" % (
                    *B, sims["b"].path, qemus["b"].path), *options), control=False,
                tcp=False) as b, Desk(path) as desk:
            for name in start:
                qemus[name].wait_connected()
            yield b, desk, sims, qemus
    finally:
        for name in "ab":
            with contextlib.suppress(OSError):
                qemus[name].stop()


def sees(viewer, sim, size):
    viewer.size(*size)
    viewer.compare(sim.reference(), 10000)


def wait_pointer(viewer):
    case.wait_for("an absolute pointer", 10,
                  lambda: viewer.do("mouse-mode")["mode"] == "client" and viewer.ask("leds")["ok"])


def silent(qemu_):
    """Nothing has come, nor does anything that is on its way."""
    time.sleep(0.2)
    return qemu_.take() == []


def by_name(setup):
    with two(setup) as (b, desk, sims, qemus), setup.client(b.unix) as viewer:
        sees(viewer, sims["a"], A)
        wait_pointer(viewer)
        for q in qemus.values():
            q.take()
        viewer.do("key 0x1e")
        qemus["a"].expect(["+1e", "-1e"])
        # Held while another is chosen: let go of at the old one, and unknown to the new one.
        viewer.do("key-down 0x2a")
        viewer.do("mouse-button down left 1")
        case.wait_for("a key and a button", 10, lambda: qemus["a"].seen() >= {"+2a", "+left"})
        qemus["a"].take()
        answer = desk.switch("b")
        case.check(answer == {"shown": "b", "present": True}, f"{answer}")
        qemus["a"].expect(["-2a", "-left"])
        sees(viewer, sims["b"], B)
        wait_pointer(viewer)
        viewer.do("key-up 0x2a")
        viewer.do("mouse-button up left 0")
        case.check(silent(qemus["b"]) and silent(qemus["a"]), "a key of the other guest's came")
        viewer.do("key 0x30")
        qemus["b"].expect(["+30", "-30"])
        case.check(silent(qemus["a"]), "the old guest hears what is typed for the new one")
        desk.switch("a")
        sees(viewer, sims["a"], A)
        wait_pointer(viewer)
        viewer.do("key 0x2e")
        qemus["a"].expect(["+2e", "-2e"])
        case.check(silent(qemus["b"]), "the old guest hears what is typed for the new one")
        case.check(b.counters()["spice"]["viewers_total"] == 1, "the viewer came again")
        case.check(desk.switch("a") == {"shown": "a", "present": True}, "to the same")


def next_and_host(setup):
    with two(setup) as (b, desk, sims, qemus), setup.client(b.unix) as viewer, \
            Desk(setup.path("desk")) as listener:
        listener.ask("events")
        sees(viewer, sims["a"], A)
        case.check(desk.switch("next")["shown"] == "b", "next of a")
        sees(viewer, sims["b"], B)
        case.check(desk.switch("next")["shown"] == "a", "next of b, round and round")
        sees(viewer, sims["a"], A)
        case.check(desk.switch("host") == {"shown": "host"}, "host")
        case.wait_for("a card", 10, lambda: b.counters()["session"]["state"] == NO_DEVICE)
        case.wait_for("the card on the canvas", 10,
                      lambda: not viewer.ask(f"compare {sims['a'].picture} 0")["ok"])
        for q in qemus.values():
            q.take()
        viewer.do("key 0x1e")
        case.check(silent(qemus["a"]) and silent(qemus["b"]), "a guest hears the host's keys")
        seen = desk.ask("sources")["return"]
        case.check(seen["shown"] == "host" and [s["name"] for s in seen["sources"]] == ["a", "b"]
                   and not any(s["shown"] for s in seen["sources"]), f"{seen}")
        case.check(desk.switch("next")["shown"] == "a", "next of host")
        sees(viewer, sims["a"], A)
        # A machine whose monitor does not answer is passed over.
        qemus["b"].stop()
        case.wait_for("b is off", 10, lambda: not desk.ask("sources")["return"]["sources"][1]["monitor"])
        case.check(desk.switch("next")["shown"] == "a", "next, where the other is off")
        told = []
        while len(told) < 4:
            event = listener.line()
            if event.get("event") == "switch":
                told.append(event["data"]["shown"])
        case.check(told == ["b", "a", "host", "a"], f"{told}")
        why = desk.refused("c")
        case.check("'c'" in why and "a, b, next and host" in why, why)
        why = desk.refused("x" * 3000 + "\n")
        case.check("\n" not in why and len(why) < 300, why)
        case.check(desk.ask("sources")["return"]["shown"] == "a", "a refused switch has switched")


def verb(setup):
    """What the command line says, and with which exit status."""
    with two(setup) as (_, desk, *_):
        for to, status, text in (("b", 0, "b is shown\n"), ("next", 0, "a is shown\n"),
                                 ("host", 0, "host is shown\n"), ("c", 1, "a, b, next and host")):
            done = subprocess.run(
                [setup.program, "display", "switch", to, "--on", setup.path("desk")],
                capture_output=True, text=True, timeout=60)
            case.check(done.returncode == status and
                       text in (done.stderr if status else done.stdout), f"{to}: {done}")
        case.check(desk.ask("sources")["return"]["shown"] == "host", "not the last one")


def paused(setup):
    """Stopped or running is what the chosen one is."""
    with two(setup) as (b, desk, sims, qemus), setup.client(b.unix) as viewer:
        state = lambda: b.counters()["session"]["state"]
        qemus["b"].running, qemus["b"].status = False, "paused"
        qemus["b"].event("STOP")
        sees(viewer, sims["a"], A)
        desk.switch("b")
        viewer.size(*B)
        case.wait_for("b paused", 10, lambda: state() == PAUSED)
        desk.switch("a")
        sees(viewer, sims["a"], A)
        case.check(state() == PICTURE, "a is not paused")
        qemus["a"].running, qemus["a"].status = False, "paused"
        qemus["a"].event("STOP")
        case.wait_for("a paused", 10, lambda: state() == PAUSED)
        desk.switch("b")
        viewer.size(*B)
        case.wait_for("b paused", 10, lambda: state() == PAUSED)
        qemus["b"].event("RESUME")
        sees(viewer, sims["b"], B)


def hundred(setup):
    """Fast ones leak nothing, and the last one counts."""
    with two(setup) as (b, desk, sims, _), setup.client(b.unix) as viewer:
        threads = lambda: len(os.listdir(f"/proc/{b.pid}/task"))
        desk.switch("b")
        desk.switch("a")
        sees(viewer, sims["a"], A)
        before = b.fds(), threads()
        for i in range(100):
            desk.switch(("b", "host", "a", "next")[i % 4])
        case.check(desk.switch("a")["present"], "no device")
        sees(viewer, sims["a"], A)
        case.wait_for("as many descriptors and threads as before", 10,
                      lambda: (b.fds(), threads()) == before or
                      (b.fds() <= before[0] and threads() <= before[1]))
        case.check(b.counters()["spice"]["viewers_total"] == 1, "the viewer came again")


def on_create(setup):
    with two(setup, "--switch-on-create", start=("a",)) as (b, desk, sims, qemus), \
            setup.client(b.unix) as viewer:
        sees(viewer, sims["a"], A)
        case.check(desk.ask("sources")["return"]["shown"] == "a", "not the first at first")
        qemus["b"].start()
        qemus["b"].wait_connected()
        sees(viewer, sims["b"], B)
        qemus["a"].stop()
        qemus["a"].start()
        qemus["a"].wait_connected(2)
        sees(viewer, sims["a"], A)


def chardevs(setup):
    """The first source's channels are closed while another is shown: no byte of a viewer's gets there."""
    path, state = setup.path("port"), {"open": 0, "came": 0}
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen(4)

    def serve():
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            state["open"] += 1
            state["came"] += 1
            with contextlib.suppress(OSError):
                while connection.recv(4096):
                    pass
            connection.close()
            state["open"] -= 1

    threading.Thread(target=serve, daemon=True).start()
    with contextlib.closing(listening), two(setup, f"--agent=unix:{path}") as (b, desk, sims, _), \
            setup.client(b.unix) as viewer:
        case.wait_for("a connection", 10, lambda: state["open"] == 1)
        for to in ("b", "host"):
            desk.switch(to)
            case.wait_for(f"no connection while {to} is shown", 10, lambda: state["open"] == 0)
            time.sleep(0.5)
            case.check(state["open"] == 0, f"a connection while {to} is shown")
        desk.switch("a")
        case.wait_for("a connection again", 10, lambda: state["open"] == 1)
        case.check(state["came"] == 2, f"{state}")
        sees(viewer, sims["a"], A)


def machines(setup):
    """Two virtual machines by name: one that is off is waited for, and the other is let go of."""
    one, one_seen = device(setup, "one", 0xff0000)
    two_, two_seen = device(setup, "two", 0x0000ff)
    other, path = f"other-{os.getpid()}", setup.path("desk")
    with serving(setup, ["--vm", NAME, "--also", f"vm:{other}", f"--control=unix:{path}"]) as b, \
            setup.client(b.unix) as viewer, Desk(path) as desk:
        with open(f"/proc/{b.pid}/task/{b.pid}/children", encoding="ascii") as file:
            brokers = [pid for pid in file.read().split() if name_of(pid) == "vgpu-broker"]
        case.check(len(brokers) == 2, f"not a broker for each source: {brokers}")
        with qemu(setup, one) as first:
            viewer.compare(one_seen, 10000)
            answer = desk.switch(other)
            case.check(answer == {"shown": other, "present": False,
                                  "missing": "the virtual machine is off"}, f"{answer}")
            case.check(not holds(b.pid, one), "the device of the first is held")
            case.wait_for("a card", 10, lambda: not viewer.ask(f"compare {one_seen} 0")["ok"])
            with qemu(setup, two_, name=other) as second:
                viewer.compare(two_seen, 10000)
                for _ in range(5):
                    case.check(desk.switch(NAME)["present"], "the first is on")
                    viewer.compare(one_seen, 10000)
                    case.check(holds(b.pid, one) and not holds(b.pid, two_), "not one device")
                    case.check(desk.switch("next")["shown"] == other, "next")
                    viewer.compare(two_seen, 10000)
                    case.check(holds(b.pid, two_) and not holds(b.pid, one), "not one device")
                # The one that is not shown may end; it is not noticed until it is chosen.
                first.kill()
                first.wait()
                second.kill()
                second.wait()
            case.wait_for("a card", 10, lambda: not viewer.ask(f"compare {two_seen} 0")["ok"])
            case.check(not desk.switch(NAME)["present"], "it is off")
        with qemu(setup, one):
            viewer.compare(one_seen, 10000)


def unplugged(setup):
    """A vGPU that is unplugged from a QEMU that runs on is let go of, and seen when it is back."""
    path, seen = device(setup, "one", 0x00ff00)
    monitor = Qmp(setup.path("qmp"))
    try:
        with serving(setup, ["--vm", NAME, f"--qmp=unix:{monitor.path}"]) as b, \
                setup.client(b.unix) as viewer, qemu(setup, path) as process:
            monitor.wait_connected()
            viewer.compare(seen, 10000)
            # Of something else.
            monitor.event("DEVICE_DELETED")
            time.sleep(0.5)
            case.check(holds(b.pid, path), "let go of for another device")
            process.send_signal(signal.SIGUSR1)
            case.wait_for("QEMU lets go", 10, lambda: not holds(process.pid, path))
            monitor.event("DEVICE_DELETED")
            case.wait_for("the bridge lets go", 10, lambda: not holds(b.pid, path))
            case.wait_for("a card", 10, lambda: not viewer.ask(f"compare {seen} 0")["ok"])
            process.send_signal(signal.SIGUSR1)
            viewer.compare(seen, 10000)
    finally:
        monitor.stop()


case.main(by_name, next_and_host, verb, paused, hundred, on_create, chardevs, machines, unplugged)
