# SPDX-License-Identifier: MIT
"""Sound between a viewer and a real QEMU: a tone that its guest plays, and one that it echoes.

The guests are boot sectors: one plays 1000 Hz on the PC speaker, one plays what it records.
"""

import contextlib
import os
import re
import shutil
import subprocess
import time

import case
from case import Skip, check, wait_for

QEMU = "qemu-system-x86_64"


def version():
    said = subprocess.run([QEMU, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(map(int, re.search(r"version (\d+)\.(\d+)", said).groups()))


class Machine:
    """A QEMU whose sound goes to its D-Bus display."""

    def __init__(self, setup, image, display):
        path = os.path.join(setup.build, "tests", "sound", image + ".img")
        if not os.path.exists(path):
            raise Skip(f"{path} is not built: it is for x86 machines")
        self.monitor = setup.path("qmp")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.monitor)
        self.log = open(setup.path("qemu.log"), "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [QEMU, "-accel", "tcg", "-machine", "pc,pcspk-audiodev=snd", "-m", "16", "-nodefaults",
             "-vga", "none", "-display", f"dbus,audiodev=snd,{display}", "-audiodev",
             "dbus,id=snd,out.frequency=48000,in.frequency=48000", "-device",
             "AC97,audiodev=snd,addr=4", "-drive", f"if=ide,format=raw,snapshot=on,file={path}",
             "-qmp", f"unix:{self.monitor},server=on,wait=off"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        wait_for("QEMU's monitor", 30, lambda: os.path.exists(self.monitor) or not self.runs())
        if not self.runs():
            raise Skip(f"QEMU does not start: {self.said()}")

    def runs(self):
        return self.process.poll() is None

    def said(self):
        self.log.seek(0)
        return self.log.read().strip()

    def end(self):
        if self.runs():
            self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def machine(setup, image, display):
    made = Machine(setup, image, display)
    try:
        yield made
        check(made.runs(), f"QEMU has ended with {made.process.poll()}: {made.said()}")
    finally:
        made.end()


@contextlib.contextmanager
def bus(setup):
    """A bus of our own: its address."""
    if not shutil.which("dbus-daemon"):
        raise Skip("no dbus-daemon here")
    path = setup.path("bus")
    daemon = subprocess.Popen(["dbus-daemon", "--session", "--nofork",
                               f"--address=unix:path={path}"], stderr=subprocess.DEVNULL)
    try:
        wait_for("the bus", 20, lambda: os.path.exists(path))
        yield f"unix:path={path}"
    finally:
        daemon.terminate()
        daemon.wait()


def need_qemu():
    if not shutil.which(QEMU):
        raise Skip(f"no {QEMU} here")


def hears(viewer, hz, seconds=30):
    """Waits for the tone; what else has been heard is told if it does not come."""
    heard = []

    def right():
        sound = viewer.do("sound")
        heard.append((sound["hz"], sound["level"]))
        return abs(sound["hz"] - hz) <= hz // 50 and sound["level"] > 5000 and sound

    try:
        return wait_for(f"{hz} Hz", seconds, right)
    except AssertionError as error:
        raise AssertionError(f"{error}: heard {heard[-5:]}") from None


def sound_connects(b, count):
    wait_for("the way to QEMU's sound", 30, lambda: b.counters()["audio"]["connects"] == count)


def tone(setup):
    """What the guest plays has its pitch at the viewer; nobody listens: nothing is asked for."""
    need_qemu()
    with bus(setup) as address, machine(setup, "speaker", f"addr={address}"), \
            setup.bridge("640x480", [f"--audio=dbus:{address}"]) as b:
        check(b.counters()["audio"]["attempts"] == 0, "QEMU was asked before there was a viewer")
        with setup.client(b.unix, "--audio") as viewer:
            hears(viewer, 1000)
            begin, frames = time.monotonic(), viewer.do("sound")["frames"]
            time.sleep(2)
            rate = (viewer.do("sound")["frames"] - frames) / (time.monotonic() - begin)
            # A machine that is busy plays late, but no more than there is.
            check(24000 < rate < 52000, f"{rate:.0f} frames a second, not 48000")
            with setup.client(b.tcp, "--audio") as second:
                hears(second, 1000)
        wait_for("the end of both", 10, lambda: b.counters()["spice"]["viewers_total"] == 2)
        time.sleep(1)
        before = b.counters()["audio_play"]["calls"]
        time.sleep(1)
        check(b.counters()["audio_play"]["calls"] == before, "QEMU plays to nobody")
        return f"{rate:.0f} frames a second, 1000 Hz"


def echo(setup):
    """A viewer's tone comes back from the guest, which has recorded it."""
    need_qemu()
    with bus(setup) as address, machine(setup, "echo", f"addr={address}"), \
            setup.bridge("640x480", [f"--audio=dbus:{address}"]) as b, \
            setup.client(b.unix, "--audio") as viewer:
        wait_for("a guest that listens", 30, lambda: viewer.do("sound")["recording"])
        for hz in (440, 1500):
            viewer.do(f"sing {hz}")
            hears(viewer, hz)
        viewer.do("sing 0")
        wait_for("silence", 30, lambda: viewer.do("sound")["level"] < 100)


def restart(setup):
    """QEMU ends and begins again: the same viewer hears it again."""
    need_qemu()
    with bus(setup) as address, setup.bridge("640x480", [f"--audio=dbus:{address}"]) as b, \
            setup.client(b.unix, "--audio") as viewer:
        for i in (1, 2):
            with machine(setup, "speaker", f"addr={address}"):
                sound_connects(b, i)
                hears(viewer, 1000)
            wait_for("the end of the sound", 20, lambda: not viewer.do("sound")["playing"])
        said = [line for line in b.lines if "no sound at present" in line]
        check(0 < len(said) < 10, f"said {said}")


def peer_to_peer(setup):
    """Without a bus, by a socket that QMP hands over: from QEMU 8.1 on. Older ones are left alone."""
    need_qemu()
    new = version() >= (8, 1)
    with machine(setup, "echo", "p2p=yes") as qemu, \
            setup.bridge("640x480", [f"--qmp=unix:{qemu.monitor}"]) as b, \
            setup.client(b.unix, "--audio") as viewer:
        if new:
            wait_for("a guest that listens", 30, lambda: viewer.do("sound")["recording"])
            viewer.do("sing 440")
            hears(viewer, 440)
            return "echo by QMP"
        # It would die of it; the block's end looks whether it lives.
        wait_for("the word on old QEMUs", 20,
                 lambda: [line for line in b.lines if "before 8.1" in line])
        time.sleep(1)
        check(b.counters()["audio"]["connects"] == 0, f"{b.counters()['audio']}")
        return "QEMU {}.{} is too old for it, and was left alone".format(*version())


def none(setup):
    """--audio=none, and a QEMU that offers no sound."""
    need_qemu()
    with machine(setup, "speaker", "p2p=yes") as qemu, \
            setup.bridge("640x480", [f"--qmp=unix:{qemu.monitor}", "--audio=none"]) as b, \
            setup.client(b.unix, "--audio") as viewer:
        time.sleep(1)
        check(b.counters()["audio"]["attempts"] == 0, f"{b.counters()['audio']}")
        check(not viewer.do("sound")["playing"], "there is sound")


case.main(tone, echo, restart, peer_to_peer, none)
