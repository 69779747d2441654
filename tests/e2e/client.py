# SPDX-License-Identifier: MIT
"""spice-probe, the viewer without a window, as an object."""

import queue
import re
import signal
import subprocess
import threading
import time


LEFT, MIDDLE, RIGHT, SIDE, EXTRA = 1, 2, 4, 32, 64  # held buttons, as a mask
BUTTONS = {"left": LEFT, "middle": MIDDLE, "right": RIGHT, "side": SIDE, "extra": EXTRA}
SCROLL_LOCK, NUM_LOCK, CAPS_LOCK = 1, 2, 4  # lock keys, as a mask


class Client:
    def __init__(self, probe, uri, *args):
        self.uri = uri
        self.events = []
        self.changed = threading.Condition()
        self.replies = queue.Queue()
        self.process = subprocess.Popen([probe, uri, *args], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        bufsize=1)
        self.errors = []
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._read_errors, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            line = line.rstrip("\n")
            if line.startswith("event "):
                with self.changed:
                    self.events.append(line[len("event "):])
                    self.changed.notify_all()
            else:
                self.replies.put(line)
        self.replies.put(None)

    def _read_errors(self):
        for line in self.process.stderr:
            self.errors.append(line.rstrip("\n"))

    def events_tail(self):
        return "\n".join([f"--- the viewer of {self.uri} said:", *self.events[-20:],
                          *self.errors[-10:], "---"])

    def send(self, line):
        """Sends a command whose answer is fetched later by receive()."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def receive(self, timeout=30, what="a command"):
        try:
            line = self.replies.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError(f"the viewer gave no answer to: {what}") from None
        if line is None:
            raise AssertionError(f"the viewer ended in: {what}")
        verdict, _, rest = line.partition(" ")
        reply = {"ok": verdict == "ok", "why": ""}
        if "why=" in rest:
            rest, _, reply["why"] = rest.partition("why=")
        for key, value in re.findall(r"(\w+)=(\S*)", rest):
            reply[key] = int(value) if re.fullmatch(r"-?[0-9]+", value) and key not in (
                "hash", "want", "have", "rgb") else value
        return reply

    def ask(self, line, timeout=30):
        """Sends a command and returns its answer, whatever it is."""
        self.send(line)
        return self.receive(timeout, line)

    def do(self, line, timeout=30):
        """Sends a command that has to succeed."""
        reply = self.ask(line, timeout)
        if not reply["ok"]:
            raise AssertionError(f"viewer: '{line}': {reply}")
        return reply

    # what most tests need

    def connected(self, ms=10000):
        self.do(f"wait-connected {ms}")

    def size(self, width, height, ms=10000):
        self.do(f"wait-size {width} {height} {ms}")

    def compare(self, path, ms=5000, tolerance=0):
        return self.do(f"compare {path} {ms} {tolerance}", timeout=ms / 1000 + 30)

    def bytes(self):
        return self.do("bytes")

    def cursor(self):
        return self.do("cursor")

    def invalidates(self):
        reply = self.do("invalidates")
        reply["rects"] = [tuple(map(int, r.split(","))) for r in reply["rects"].split(";") if r]
        return reply

    def settle(self, quiet=0.5, ms=20000):
        """Waits until nothing has been drawn for so long: spice-gtk tells of it late."""
        end = time.monotonic() + ms / 1000
        self.invalidates()
        while time.monotonic() < end:
            time.sleep(quiet)
            if self.invalidates()["count"] == 0:
                return
        raise AssertionError(f"drawing did not end in {ms} ms")

    def change(self, ms=5000):
        """When the first thing was drawn since the last call, seconds by time.monotonic()."""
        return self.do(f"wait-change {ms}", timeout=ms / 1000 + 30)["at_ns"] / 1e9

    def wait_event(self, prefix, timeout=10, since=0):
        """since: how many events are old and don't count."""
        end = time.monotonic() + timeout
        with self.changed:
            while not any(e.startswith(prefix) for e in self.events[since:]):
                if not self.changed.wait(end - time.monotonic()):
                    raise AssertionError(f"no event '{prefix}': {self.events}")

    # input

    def inputs_open(self, seconds=10):
        """The inputs channel opens after the main one: until it takes keys."""
        self.poll("leds", lambda reply: reply["ok"], seconds)

    def key_down(self, scancode):
        """By its code in PC XT set 1; 0x100 more for an 0xe0 before it, 0x200 more for an 0xe1."""
        self.do(f"key-down {scancode:#x}")

    def key_up(self, scancode):
        self.do(f"key-up {scancode:#x}")

    def key(self, scancode):
        """Pressed and let go, in one message."""
        self.do(f"key {scancode:#x}")

    def leds(self):
        return self.do("leds")["leds"]

    def set_leds(self, mask):
        self.do(f"set-leds {mask}")

    def mouse_move(self, x, y, held=0):
        self.do(f"mouse-move {x} {y} {held}")

    def mouse_motion(self, dx, dy, held=0):
        self.do(f"mouse-motion {dx} {dy} {held}")

    def button_down(self, button, held=0):
        """held: the buttons that are down already; this one is added."""
        self.do(f"mouse-button down {button} {held | BUTTONS[button]}")

    def button_up(self, button, held=0):
        self.do(f"mouse-button up {button} {held & ~BUTTONS[button]}")

    def wheel(self, way, held=0):
        self.do(f"wheel {way} {held}")

    def mouse_mode(self):
        return self.do("mouse-mode")["mode"]

    def request_mouse_mode(self, mode):
        self.do(f"request-mouse-mode {mode}")

    def wait_mouse_mode(self, mode, seconds=10):
        self.poll("mouse-mode", lambda reply: reply["mode"] == mode, seconds)

    def resize(self, width, height):
        self.do(f"resize {width} {height}")

    def agent(self):
        return self.do("agent")["connected"] == 1

    def wait_agent(self, connected=True, seconds=10):
        self.poll("agent", lambda reply: reply["connected"] == int(connected), seconds)

    def agent_capabilities(self):
        """What the guest's agent can do: mouse, monitors, clipboard, selection; each 0 or 1."""
        return self.do("agent-capabilities")

    def clipboard_set(self, path):
        """Offers the text in a file to the guest."""
        self.do(f"clipboard-set {path}")

    def clipboard_get(self, path, ms=20000):
        """Waits until the guest offers text, and writes it to a file."""
        self.do(f"clipboard-get {path} {ms}", timeout=ms / 1000 + 30)

    def send_file(self, path, ms=60000):
        self.do(f"send-file {path} {ms}", timeout=ms / 1000 + 30)

    def poll(self, line, predicate, seconds=10):
        """Sends a command again and again until its answer is right, and returns that."""
        end = time.monotonic() + seconds
        while True:
            reply = self.ask(line)
            if predicate(reply):
                return reply
            if time.monotonic() > end:
                raise AssertionError(f"viewer: '{line}' after {seconds} s: {reply}")
            time.sleep(0.02)

    # the harder ways

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                stream.close()
            except (BrokenPipeError, ValueError):
                pass
