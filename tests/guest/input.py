# SPDX-License-Identifier: MIT
"""A viewer types and points; a Linux in a real QEMU tells what reached it."""

import contextlib
import os
import random
import time

import case
import client
import guest
import keyboard
from guest import EV_ABS, EV_KEY, EV_REL

SIZE = (1280, 720)
ABS_X, ABS_Y, REL_X, REL_Y, REL_WHEEL = 0, 1, 0, 1, 8
BUTTONS = {"left": 272, "right": 273, "middle": 274, "side": 275, "extra": 276}
USB_TABLET = ("-device", "usb-tablet,bus=usb.0,id=tablet")
ABS_MAX = 32767
BATCH = 6  # events that are under way at a time: a PS/2 keyboard holds 16 bytes
EVENTS = 1000


class Bed:
    """A booted guest, the bridge that has its monitor, and a viewer of the bridge."""

    def __init__(self, stack, setup, words=()):
        self.setup = setup
        self.guest = stack.enter_context(guest.Guest(setup, "input.img", words))
        self.monitor = self.guest.connect()
        self.bridge = stack.enter_context(setup.bridge(
            f"{SIZE[0]}x{SIZE[1]},scene=desktop", [f"--qmp=unix:{self.guest.qmp}"]))
        self.reports = guest.Reports(self.guest)
        self.reports.boot()
        self.viewer = stack.enter_context(setup.client(self.bridge.unix))
        self.viewer.size(*SIZE)
        self.viewer.inputs_open()

    def replug(self, present):
        """The tablet comes or goes while the guest runs; the viewer's mouse mode has to follow."""
        if present:
            self.monitor.command("device_add", driver="usb-tablet", id="tablet", bus="usb.0")
            number = self.reports.device("tablet")
        else:
            number = self.reports.device("tablet")
            self.monitor.command("device_del", id="tablet")
            self.reports.gone(number)
        self.viewer.wait_mouse_mode("client" if present else "server", 20)
        return number


@contextlib.contextmanager
def bed(setup, *words):
    with contextlib.ExitStack() as stack:
        yield Bed(stack, setup, words)


# keys


def type_all(bed, number):
    """Every key by itself, pressed and let go."""
    wrong = []
    bed.reports.take()
    for scancode, code in keyboard.KEYS.items():
        bed.viewer.key_down(scancode)
        bed.viewer.key_up(scancode)
        want = [(code, 1), (code, 0)]
        try:
            bed.reports.wait(f"key {scancode:#x}", lambda: len(bed.reports.keys(number)) >= 2, 5)
        except AssertionError:
            pass
        have = bed.reports.keys(number)
        if have != want:
            wrong.append(f"{scancode:#x}: {have}, wanted {want}")
        bed.reports.take()
    case.check(not wrong, "; ".join(wrong))


def type_pause(bed, number):
    for scancode in keyboard.PAUSE_CODES:
        bed.viewer.key_down(scancode)
    for scancode in keyboard.PAUSE_CODES:
        bed.viewer.key_up(scancode)
    bed.reports.expect_keys([(keyboard.PAUSE, 1), (keyboard.PAUSE, 0)], number)


def type_together(bed, number):
    """Keys that are held together come in the order of pressing and letting go."""
    keys = keyboard.KEYS
    held = (keyboard.CTRL, keyboard.ALT, keyboard.DELETE)
    for scancode in held:
        bed.viewer.key_down(scancode)
    for scancode in held:
        bed.viewer.key_up(scancode)
    bed.reports.expect_keys([(keys[s], 1) for s in held] + [(keys[s], 0) for s in held], number)
    bed.viewer.key_down(keyboard.SHIFT)
    bed.viewer.key(keyboard.A)
    bed.viewer.key_up(keyboard.SHIFT)
    shift, a = keys[keyboard.SHIFT], keys[keyboard.A]
    bed.reports.expect_keys([(shift, 1), (a, 1), (a, 0), (shift, 0)], number)


def check_keyboard(bed, *words):
    number = bed.reports.device(*words)
    type_all(bed, number)
    type_pause(bed, number)
    type_together(bed, number)


def keys_ps2(setup):
    with bed(setup) as b:
        check_keyboard(b, "at", "keyboard")
        return f"{len(keyboard.KEYS) + 1} keys"


def keys_virtio(setup):
    """Another keyboard, whose codes QEMU makes by another table."""
    with bed(setup, "-device", "virtio-keyboard-pci") as b:
        check_keyboard(b, "virtio", "keyboard")
        return f"{len(keyboard.KEYS) + 1} keys"


# pointer


def place(reports, number):
    """Where the tablet stands, by the last of its coordinates so far; None where it hasn't moved."""
    reports.read()
    at = {}
    for n, kind, code, value in reports.events:
        if n == number and kind == EV_ABS and code in (ABS_X, ABS_Y):
            at[code] = value
    return at


def is_at(axis, pixel, size):
    """Does a coordinate mean this pixel? Guests scale by the width or by the last pixel."""
    return all(abs(axis * n / ABS_MAX - pixel) < 1.5 for n in (size, size - 1))


class Pointing:
    """Knows the last coordinates: the guest's kernel reports only the one that has changed."""

    def __init__(self, bed, number):
        self.bed = bed
        self.number = number
        self.at = {}

    def point(self, x, y, size, held=0):
        self.bed.viewer.mouse_move(x, y, held)

        def arrived():
            self.at.update(place(self.bed.reports, self.number))
            return (len(self.at) == 2 and is_at(self.at[ABS_X], x, size[0])
                    and is_at(self.at[ABS_Y], y, size[1]))

        try:
            self.bed.reports.wait(f"the pointer at {x},{y} of {size}", arrived)
        except AssertionError as error:
            raise AssertionError(f"it stands at {self.at}; {error}") from None


def check_corners(pointing, size):
    right, bottom = size[0] - 1, size[1] - 1
    for x, y in ((right // 3, bottom // 3), (0, 0), (right, 0), (right, bottom), (0, bottom),
                 (right // 2, bottom // 2)):
        pointing.point(x, y, size)
        for axis, pixel, last in ((ABS_X, x, right), (ABS_Y, y, bottom)):
            if pixel in (0, last):
                want = ABS_MAX if pixel else 0
                case.check(abs(pointing.at[axis] - want) <= ABS_MAX // (last + 1),
                           f"pixel {pixel} of {last + 1}: coordinate {pointing.at[axis]}")


def check_buttons(bed, number, names):
    bed.reports.take()
    for name in names:
        bed.viewer.button_down(name)
        bed.viewer.button_up(name)
        bed.reports.expect_keys([(BUTTONS[name], 1), (BUTTONS[name], 0)], number)


def wheel_steps(bed, number):
    bed.reports.read()
    return [value for n, kind, code, value in bed.reports.events
            if (n, kind, code) == (number, EV_REL, REL_WHEEL)]


def check_wheel(bed, number):
    bed.reports.take()
    for way, step in (("up", 1), ("down", -1), ("down", -1)):
        bed.viewer.wheel(way)
        bed.reports.wait("the wheel", lambda: wheel_steps(bed, number))
        case.check(wheel_steps(bed, number) == [step],
                   f"wheel {way}: the guest saw {wheel_steps(bed, number)}")
        bed.reports.take()


def check_drag(bed, pointing):
    """A button that is held over a movement goes down before and up after it."""
    bed.reports.take()
    bed.viewer.button_down("left")
    pointing.point(100, 100, SIZE, client.LEFT)
    pointing.point(300, 200, SIZE, client.LEFT)
    bed.viewer.button_up("left", client.LEFT)
    bed.reports.wait("the end of a drag", lambda: len(bed.reports.keys(pointing.number)) >= 2)
    events = [e[1:] for e in bed.reports.take() if e[0] == pointing.number]
    down, up = (events.index((EV_KEY, BUTTONS["left"], v)) for v in (1, 0))
    case.check(any(kind == EV_ABS for kind, _, _ in events[down:up]),
               f"no movement between press and release: {events}")
    case.check(not any(kind == EV_ABS for kind, _, _ in events[up:]),
               f"a movement after the release: {events}")


def absolute(setup):
    with bed(setup, *USB_TABLET) as b:
        b.viewer.wait_mouse_mode("client", 20)
        pointing = Pointing(b, b.reports.device("tablet"))
        check_corners(pointing, SIZE)
        check_buttons(b, pointing.number, ("left", "middle", "right"))
        check_wheel(b, pointing.number)
        check_drag(b, pointing)
        # Pointing goes on in the pixels of the new picture, once that is seen.
        b.bridge.mode(800, 600)
        b.viewer.size(800, 600)
        b.bridge.pause()
        b.viewer.compare(b.bridge.reference())
        check_corners(pointing, (800, 600))


def side_buttons(setup):
    """QEMU's USB tablet has three buttons, the one of virtio has five."""
    with bed(setup, "-device", "virtio-tablet-pci") as b:
        b.viewer.wait_mouse_mode("client", 20)
        pointing = Pointing(b, b.reports.device("virtio", "tablet"))
        check_corners(pointing, SIZE)
        check_buttons(b, pointing.number, BUTTONS)
        check_wheel(b, pointing.number)


def moved(bed, number):
    bed.reports.read()
    sums = {REL_X: 0, REL_Y: 0}
    for n, kind, code, value in bed.reports.events:
        if n == number and kind == EV_REL and code in sums:
            sums[code] += value
    return sums[REL_X], sums[REL_Y]


def check_motion(bed, number):
    bed.reports.take()
    x = y = 0
    for dx, dy in ((5, 3), (-9, 0), (120, -80), (0, 61), (-40, -1), (1, 1), (300, 400)):
        bed.viewer.mouse_motion(dx, dy)
        x, y = x + dx, y + dy
        bed.reports.wait(f"motion by {dx},{dy}, {x},{y} in all",
                         lambda: moved(bed, number) == (x, y))


def relative(setup):
    """The tablet is taken away and comes back while everything runs."""
    with bed(setup, *USB_TABLET) as b:
        b.viewer.wait_mouse_mode("client", 20)
        mouse = b.reports.device("mouse")
        b.replug(False)
        check_motion(b, mouse)
        check_buttons(b, mouse, BUTTONS)
        check_wheel(b, mouse)
        tablet = b.replug(True)
        check_corners(Pointing(b, tablet), SIZE)
        b.replug(False)
        check_motion(b, mouse)


# many


class Hands:
    """Makes random input, and knows what the guest has to see of it."""

    def __init__(self, bed, seed):
        self.viewer = bed.viewer
        self.random = random.Random(seed)
        self.keys = []  # scancodes that are held, in the order of pressing
        self.buttons = 0
        self.at = None
        self.want_keys = []  # (code, value)
        self.want_pointer = []  # (code, value) of buttons; (REL_WHEEL, step); each with its place

    def act(self):
        kind = self.random.choices(("key", "move", "button", "wheel"), (5, 3, 2, 1))[0]
        getattr(self, kind)()

    def key(self):
        if self.keys and (len(self.keys) >= 4 or self.random.random() < 0.5):
            scancode = self.keys.pop(self.random.randrange(len(self.keys)))
            self.viewer.send(f"key-up {scancode}")
            self.want_keys.append((keyboard.KEYS[scancode], 0))
        else:
            scancode = self.random.choice([k for k in keyboard.KEYS if k not in self.keys])
            self.keys.append(scancode)
            self.viewer.send(f"key-down {scancode}")
            self.want_keys.append((keyboard.KEYS[scancode], 1))

    def move(self):
        self.at = (self.random.randrange(SIZE[0]), self.random.randrange(SIZE[1]))
        self.viewer.send(f"mouse-move {self.at[0]} {self.at[1]} {self.buttons}")

    def button(self):
        name = self.random.choice(tuple(BUTTONS))
        mask = client.BUTTONS[name]
        self.buttons ^= mask
        down = bool(self.buttons & mask)
        self.viewer.send(f"mouse-button {'down' if down else 'up'} {name} {self.buttons}")
        self.want_pointer.append(((BUTTONS[name], int(down)), self.at))

    def wheel(self):
        way = self.random.choice(("up", "down"))
        self.viewer.send(f"wheel {way} {self.buttons}")
        self.want_pointer.append(((REL_WHEEL, 1 if way == "up" else -1), self.at))


class Eyes:
    """What the guest has seen of it, gathered from its reports."""

    def __init__(self, bed, keys, tablet):
        self.reports = bed.reports
        self.numbers = keys, tablet
        self.keys = []
        self.pointer = []
        self.at = {}
        # Buttons and coordinates of one report come together, buttons before or after: the place
        # that counts is the one at its end.
        self.pending = []

    def look(self):
        keys, tablet = self.numbers
        for number, kind, code, value in self.reports.take():
            if number == keys and kind == EV_KEY:
                self.keys.append((code, value))
            elif number == tablet and kind == EV_ABS and code in (ABS_X, ABS_Y):
                self.at[code] = value
            elif number == tablet and (kind == EV_KEY or (kind, code) == (EV_REL, REL_WHEEL)):
                self.pending.append((code, value))
            elif number == tablet and kind == guest.EV_SYN:
                self.pointer += [(event, dict(self.at)) for event in self.pending]
                self.pending = []

    def is_at(self, at, place=None):
        place = self.at if place is None else place
        return at is None or (len(place) == 2 and is_at(place[ABS_X], at[0], SIZE[0])
                              and is_at(place[ABS_Y], at[1], SIZE[1]))


def check_seen(hands, eyes, done):
    case.check(eyes.keys == hands.want_keys,
               f"within {done} events: keys {eyes.keys[-8:]}, wanted {hands.want_keys[-8:]}")
    case.check([e for e, _ in eyes.pointer] == [e for e, _ in hands.want_pointer],
               f"within {done} events: pointer {eyes.pointer[-8:]}, wanted {hands.want_pointer[-8:]}")
    for (event, place), (_, at) in zip(eyes.pointer, hands.want_pointer):
        case.check(eyes.is_at(at, place), f"{event} came at {place}, wanted {at}")


def many(setup):
    """1,000 random events: all arrive, in order. Then the viewer dies with keys and buttons held.

    QEMU's USB tablet joins a press with the movement after it, so that it comes at another place; the
    one of virtio joins nothing.
    """
    seed = int(os.environ.get("SEED", "20"))
    with bed(setup, "-device", "virtio-tablet-pci") as b:
        b.viewer.wait_mouse_mode("client", 20)
        hands = Hands(b, seed)
        eyes = Eyes(b, b.reports.device("at", "keyboard"), b.reports.device("tablet"))
        b.reports.take()

        def all_seen():
            eyes.look()
            return (len(eyes.keys) >= len(hands.want_keys)
                    and len(eyes.pointer) >= len(hands.want_pointer) and eyes.is_at(hands.at))

        begin = time.monotonic()
        done = 0
        while done < EVENTS:
            n = min(BATCH, EVENTS - done)
            for _ in range(n):
                hands.act()
            for _ in range(n):
                case.check(b.viewer.receive()["ok"], "the viewer refused an event")
            done += n
            try:
                b.reports.wait(f"{done} events", all_seen, 10)
            except AssertionError:
                check_seen(hands, eyes, done)
                raise
        check_seen(hands, eyes, done)
        took = time.monotonic() - begin
        stuck(b, hands, eyes)
        return f"seed {seed}, {took:.1f} s"


def stuck(bed, hands, eyes):
    """SIGKILL of the viewer: what it held is let go."""
    while len(hands.keys) < 3:
        hands.key()
        case.check(bed.viewer.receive()["ok"], "the viewer refused a key")
    if not hands.buttons:
        hands.buttons = client.RIGHT
        bed.viewer.button_down("right")
        hands.want_pointer.append(((BUTTONS["right"], 1), hands.at))

    def all_held():
        eyes.look()
        return len(eyes.keys) >= len(hands.want_keys) and \
            len(eyes.pointer) >= len(hands.want_pointer)

    bed.reports.wait("what is held", all_held)
    held = {keyboard.KEYS[scancode] for scancode in hands.keys}
    buttons = {BUTTONS[name] for name, mask in client.BUTTONS.items() if hands.buttons & mask}
    before = len(eyes.keys), len(eyes.pointer)
    bed.viewer.kill()

    def let_go():
        eyes.look()
        return (set(eyes.keys[before[0]:]) == {(code, 0) for code in held}
                and {e for e, _ in eyes.pointer[before[1]:]} == {(code, 0) for code in buttons})

    bed.reports.wait(f"the release of {held} and {buttons}", let_go, 10)
    # And the next viewer's keys work as ever.
    with bed.setup.client(bed.bridge.unix) as viewer:
        viewer.inputs_open()
        viewer.key(keyboard.A)
        a = keyboard.KEYS[keyboard.A]

        def typed():
            eyes.look()
            return eyes.keys[-2:] == [(a, 1), (a, 0)]

        bed.reports.wait("a key of the next viewer", typed)


def ended(setup):
    """The bridge ends with keys held: they are let go, each time."""
    with contextlib.ExitStack() as stack:
        machine = stack.enter_context(guest.Guest(setup, "input.img"))
        machine.connect()
        reports = guest.Reports(machine)
        reports.boot()
        number = reports.device("at", "keyboard")
        held = [keyboard.KEYS[scancode] for scancode in (keyboard.SHIFT, keyboard.A)]
        for _ in range(5):
            with setup.bridge("1280x720", [f"--qmp=unix:{machine.qmp}"], tcp=False) as b:
                with setup.client(b.unix) as viewer:
                    viewer.wait_event("mouse-mode")
                    viewer.inputs_open()
                    case.wait_for("the monitor", 10, lambda b=b: any(
                        "pointer is relative" in line for line in b.lines))
                    reports.take()
                    viewer.key_down(keyboard.SHIFT)
                    viewer.key_down(keyboard.A)
                    reports.expect_keys([(code, 1) for code in held], number)
                    case.check(b.stop()[1] == 0, "the bridge ended badly")
            reports.wait("the release of all keys", lambda: len(reports.keys(number)) >= 2, 5)
            case.check(sorted(reports.keys(number)) == sorted((code, 0) for code in held),
                       f"the guest saw {reports.keys(number)}")


case.main(keys_ps2, keys_virtio, absolute, side_buttons, relative, many, ended)
