# SPDX-License-Identifier: MIT
"""A virtual machine that ends beside viewers who stand still, and one that is stopped for a while."""

import contextlib
import os
import time

import case
from qmp import Qmp
from reach import HEIGHT, NAME, WIDTH, device, holds, qemu, serving

SIZE = (1024, 768)
NO_DEVICE, PAUSED, PICTURE = 4, 5, 2


def state(b):
    return b.counters()["session"]["state"]


def wait_state(b, wanted, what):
    case.wait_for(what, 10, lambda: state(b) == wanted)


def held_for(b, path):
    """Seconds until nothing of the bridge's holds the device."""
    begin = time.monotonic()
    while holds(b.pid, path):
        case.check(time.monotonic() - begin < 10, "the device is never let go of")
        time.sleep(0.001)
    return time.monotonic() - begin


def end_beside_a_stopped_viewer(setup):
    """Dead, its device is free within 100 ms, whatever the viewers do; they see the next machine."""
    times = []
    first, first_seen = device(setup, "first", 0x00ff00)
    with serving(setup, ["--vm", NAME, "--max-viewers=2"]) as b, \
            setup.client(b.unix) as stopped, setup.client(b.unix) as viewer:
        viewer.do("wait-size 1024 768 10000")
        stopped.do("wait-size 1024 768 10000")
        # From here on it reads nothing: the next picture is more than its socket holds.
        stopped.pause()
        for i in range(3):
            path, seen = (first, first_seen) if i == 0 else device(setup, f"vm{i}", 0x10 << 8 * i)
            with qemu(setup, path) as process:
                viewer.size(WIDTH, HEIGHT)
                viewer.compare(seen, 10000)
                case.check(holds(b.pid, path), "the device is not held")
                process.kill()
                process.wait()
                times.append(held_for(b, path))
            wait_state(b, NO_DEVICE, "the card of a machine that is off")
            case.wait_for("the card on the canvas", 5,
                          lambda path=seen: not viewer.ask(f"compare {path} 0")["ok"])
        counters = b.counters()
        case.check(counters["capture"]["devices"] == 3 and counters["capture"]["lost"] == 3,
                   f"{counters['capture']}")
        stopped.resume()
        path, seen = device(setup, "last", 0x123456)
        with qemu(setup, path):
            for each in (viewer, stopped):
                each.compare(seen, 10000)
                case.check(not any(e.startswith("disconnected") for e in each.events),
                           "a viewer had to connect again")
    # The machine that this runs on may stop for a while, but not always.
    case.check(sorted(times)[1] < 0.1 and max(times) < 1,
               f"let go after {[round(t * 1000) for t in times]} ms")
    return f"let go after {[round(t * 1000, 1) for t in times]} ms"


def end_without_viewer(setup):
    path, seen = device(setup, "red", 0xff0000)
    with serving(setup, ["--vm", NAME]) as b:
        with qemu(setup, path) as process:
            case.wait_for("the device", 10, lambda: holds(b.pid, path))
            process.kill()
            process.wait()
            took = held_for(b, path)
        case.check(took < 0.5, f"let go after {took:.3f} s")
        # Who comes later sees nothing of the machine that is gone.
        with setup.client(b.unix) as viewer:
            viewer.do("wait-size 1024 768 10000")
            case.check(state(b) == NO_DEVICE, "no card")
    return f"let go after {took * 1000:.1f} ms"


def guest_memory(b):
    """What the bridge holds of the guest's buffers: files and mappings."""
    held = []
    for fd in os.listdir(f"/proc/{b.pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            held.append(os.readlink(f"/proc/{b.pid}/fd/{fd}"))
    with open(f"/proc/{b.pid}/maps", encoding="utf-8") as file:
        held += [line.split(None, 5)[-1].strip() for line in file]
    return [name for name in held if "dmabuf" in name or "memfd:vgpu-sim" in name]


def imports_end(setup):
    """A device that is gone: no buffer, mapping or import of its pictures is kept."""
    with setup.bridge("%dx%d,scene=box" % SIZE) as b:
        with setup.client(b.tcp) as viewer:
            viewer.size(*SIZE)
            case.wait_for("buffers", 5, lambda: len(guest_memory(b)) > 3)
            had = len(guest_memory(b))
            b.command("die")
            wait_state(b, 3, "the card of a device that is gone")
            begin = time.monotonic()
            case.wait_for("nothing of the guest's memory", 5, lambda: not guest_memory(b))
            took = time.monotonic() - begin
            case.check(took < 0.1, f"let go {took:.3f} s after the card was up")
    return f"{had} descriptors and mappings before"


def raw(setup, viewer, name):
    path = setup.path(name)
    viewer.do(f"raw {path}")
    with open(path, "rb") as file:
        return file.read()


def marked(before, after):
    """Dimmed, but still the same picture: nearly each line tells the same story."""
    changed = sum(a != b for a, b in zip(before[::4], after[::4]))
    return changed > len(before) // 8 and len(set(after)) > 8


def paused(setup):
    """A QMP stop: the last picture stays, marked, for those who come later too; then it is whole."""
    machine = Qmp(setup.path("qmp"))
    try:
        with setup.bridge("%dx%d,scene=desktop" % SIZE, (f"--qmp=unix:{machine.path}",
                                                          "--max-viewers=2")) as b:
            machine.wait_connected()
            with setup.client(b.tcp) as viewer:
                viewer.size(*SIZE)
                b.pause()
                reference = b.reference()
                viewer.compare(reference)
                whole = raw(setup, viewer, "whole")
                machine.running, machine.status = False, "paused"
                machine.event("STOP")
                wait_state(b, PAUSED, "the pause")
                case.wait_for("the mark", 5, lambda: marked(whole, raw(setup, viewer, "now")))
                mark = setup.path("mark")
                viewer.do(f"raw {mark}")
                with setup.client(b.unix) as late:
                    late.size(*SIZE)
                    late.compare(mark, 5000)
                looks = b.counters()["vgpu"]["queries"]
                time.sleep(0.3)
                case.check(b.counters()["vgpu"]["queries"] == looks, "a stopped guest is asked")
                machine.running, machine.status = True, "running"
                machine.event("RESUME")
                wait_state(b, PICTURE, "the end of the pause")
                viewer.compare(reference)
                b.resume()
                # A monitor that goes can't tell of a resume: the picture is shown as it is.
                machine.running, machine.status = False, "io-error"
                machine.event("STOP")
                wait_state(b, PAUSED, "the second pause")
                machine.stop()
                wait_state(b, PICTURE, "a picture without a monitor")
                # One that comes finds it stopped already.
                machine.start()
                wait_state(b, PAUSED, "the pause found at connecting")
    finally:
        machine.stop()


def asleep(setup):
    """A guest that sleeps is not paused: what its display says counts."""
    machine = Qmp(setup.path("qmp"))
    try:
        with setup.bridge("%dx%d,scene=idle" % SIZE, (f"--qmp=unix:{machine.path}",)) as b:
            machine.wait_connected()
            with setup.client(b.tcp) as viewer:
                viewer.size(*SIZE)
                machine.running, machine.status = False, "suspended"
                b.command("blank")
                machine.event("SUSPEND")
                machine.event("STOP")
                wait_state(b, 1, "the card of a display that is off")
                time.sleep(0.2)
                case.check(state(b) == 1, "a sleeping guest is called paused")
                machine.running, machine.status = True, "running"
                b.command("unblank")
                machine.event("WAKEUP")
                wait_state(b, PICTURE, "the guest awake")
    finally:
        machine.stop()


def reset(setup):
    """A guest that starts anew: no display, the firmware's mode, its own again; one viewer sees it."""
    machine = Qmp(setup.path("qmp"))
    try:
        with setup.bridge("%dx%d,scene=desktop" % SIZE, (f"--qmp=unix:{machine.path}",)) as b:
            machine.wait_connected()
            with setup.client(b.tcp) as viewer:
                viewer.size(*SIZE)
                machine.event("RESET")
                b.command("blank")
                wait_state(b, 1, "the card between two modes")
                for size in ((720, 400), (640, 480), SIZE):
                    b.mode(*size)
                    b.command("unblank")
                    viewer.size(*size)
                b.pause()
                viewer.compare(b.reference())
                case.check(not any(e.startswith("disconnected") for e in viewer.events),
                           "the viewer had to connect again")
                case.check(b.counters()["capture"]["hurries"] > 0, "the reset made nobody look")
    finally:
        machine.stop()


if __name__ == "__main__":
    case.main(end_beside_a_stopped_viewer, end_without_viewer, imports_end, paused, asleep, reset)
