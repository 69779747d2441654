# SPDX-License-Identifier: MIT
"""A viewer and the real spice-vdagent of a Linux with an X server, joined by the bridge."""

import contextlib
import hashlib
import os
import random

import case
import guest
from guest import EV_ABS, EV_REL

SIZE = (1280, 720)  # of the guest's X screen too, see agent-init
ABS_X, ABS_Y, REL_WHEEL = 0, 1, 8
BUTTONS = {"left": 272, "right": 273, "middle": 274}
SHORT = "Grüße: 漢字 \N{SNOWMAN}\n"


class Bed:
    """A booted guest, the bridge that has its agent's port, and a viewer of the bridge."""

    def __init__(self, stack, setup, options, words):
        self.setup = setup
        agent, shell = setup.path("agent"), setup.path("shell")
        self.guest = stack.enter_context(guest.Guest(setup, "agent.img", [
            "-device", "virtio-serial-pci",
            "-chardev", f"socket,id=agent,path={agent},server=on,wait=off",
            "-device", "virtserialport,id=agent-port,chardev=agent,name=com.redhat.spice.0",
            *guest.Shell.words(shell), *words], memory=512))
        self.guest.connect()
        self.bridge = stack.enter_context(setup.bridge(
            f"{SIZE[0]}x{SIZE[1]},scene=desktop", [f"--agent=unix:{agent}", *options]))
        self.shell = guest.Shell(self.guest, shell)
        self.reports = guest.Reports(self.guest)
        self.reports.boot()
        self.viewer = stack.enter_context(self.new_viewer())

    @contextlib.contextmanager
    def new_viewer(self):
        """A viewer that the guest's own agent has told what it can do."""
        with self.setup.client(self.bridge.unix) as viewer:
            viewer.size(*SIZE)
            self.wait_agent(viewer)
            yield viewer

    @staticmethod
    def wait_agent(viewer):
        viewer.poll("agent-capabilities",
                    lambda reply: reply["ok"] and reply["clipboard"] and reply["mouse"], 60)

    def logs(self):
        return self.shell.ask("tail -n 20 /tmp/v*.log")[1]


@contextlib.contextmanager
def bed(setup, *options, words=()):
    with contextlib.ExitStack() as stack:
        b = Bed(stack, setup, options, words)
        try:
            yield b
        except AssertionError as error:
            raise AssertionError(f"{error}\n{b.logs()}") from None


def write(setup, name, text):
    path = setup.path(name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def long_text(seed):
    """More than fits into any buffer on the way."""
    words = random.Random(seed)
    return "".join(f"{i} {words.getrandbits(256):x} ä\n" for i in range(12000))


def digest(data):
    return hashlib.sha256(data).hexdigest()


def viewer_to_guest(bed, viewer, text):
    """The viewer offers text; the guest's programs get it."""
    viewer.clipboard_set(write(bed.setup, "offered", text))
    want = digest(text.encode())
    command = "xclip -selection clipboard -o -t UTF8_STRING | sha256sum"
    case.wait_for("the viewer's clipboard in the guest", 60,
                  lambda: bed.shell.run(command, 60).split()[0] == want)


def guest_to_viewer(bed, viewer, text):
    """A program in the guest owns the clipboard; the viewer fetches it."""
    if len(text) < 1000:
        octets = "".join(f"\\{byte:03o}" for byte in text.encode())
        bed.shell.run(f"printf '{octets}' >/tmp/text")
    else:
        # It is there already: the viewer's went the other way before.
        bed.shell.run("xclip -selection clipboard -o -t UTF8_STRING >/tmp/text", 60)
    old = len(viewer.events)
    # xclip stays behind to answer, and would keep the shell's output open.
    bed.shell.run("xclip -selection clipboard -i /tmp/text >/dev/null 2>&1")
    viewer.wait_event("clipboard-grab text=1", 20, old)
    path = bed.setup.path("received")
    viewer.clipboard_get(path, 60000)
    with open(path, "rb") as file:
        received = file.read()
    case.check(received == text.encode(),
               f"{len(received)} bytes came, other than the {len(text.encode())} in the guest")


def clipboard(setup):
    """Both ways, short and long, and for the next viewer again."""
    with bed(setup) as b:
        text = long_text(1)
        viewer_to_guest(b, b.viewer, SHORT)
        guest_to_viewer(b, b.viewer, SHORT + "back")
        viewer_to_guest(b, b.viewer, text)
        guest_to_viewer(b, b.viewer, text)
        b.viewer.kill()
        with b.new_viewer() as viewer:
            viewer_to_guest(b, viewer, "next " + SHORT)
            guest_to_viewer(b, viewer, "next back " + SHORT)
        return f"{len(text)} characters each way"


def mouse(setup):
    """The guest has no tablet, but its agent takes coordinates."""
    with bed(setup, f"--qmp=unix:{setup.path('qmp')}") as b:
        b.viewer.wait_mouse_mode("client", 20)
        b.viewer.inputs_open()
        # The agent makes its device when it is told of the first place.
        b.viewer.mouse_move(5, 5)
        tablet = b.reports.device("vdagent", "tablet")
        at = {}

        def arrived(x, y):
            for number, kind, code, value in b.reports.take():
                if number == tablet and kind == EV_ABS:
                    at[code] = value
            return at.get(ABS_X) == x and at.get(ABS_Y) == y

        right, bottom = SIZE[0] - 1, SIZE[1] - 1
        for x, y in ((640, 360), (0, 0), (right, 0), (right, bottom), (0, bottom), (17, 23)):
            b.viewer.mouse_move(x, y)
            try:
                b.reports.wait(f"the pointer at {x},{y}", lambda x=x, y=y: arrived(x, y))
            except AssertionError as error:
                raise AssertionError(f"it is at {at}: {error}") from None
        for name, code in BUTTONS.items():
            b.viewer.button_down(name)
            b.viewer.button_up(name)
            b.reports.expect_keys([(code, 1), (code, 0)], tablet)
        for way, step in (("up", 1), ("down", -1)):
            b.viewer.wheel(way)
            b.reports.wait(f"the wheel {way}",
                           lambda step=step: (tablet, EV_REL, REL_WHEEL, step) in b.reports.events)
            b.reports.take()


def file(setup):
    """A file that is dropped onto the viewer lies in the guest."""
    with bed(setup) as b:
        data = random.Random(2).randbytes(700001)
        path = os.path.join(setup.directory, "dropped.bin")
        with open(path, "wb") as out:
            out.write(data)
        b.viewer.send_file(path)
        want = digest(data)
        case.wait_for("the file in the guest", 30, lambda: want in b.shell.ask(
            "sha256sum /root/dropped.bin")[1])


def restart(setup):
    """The guest's agent ends and begins anew, as with a reboot; the viewer stays.

    The monitor tells of it, as the socket stays open; of a port without an id= QEMU tells nothing.
    """
    with bed(setup, f"--qmp=unix:{setup.path('qmp')}") as b:
        viewer_to_guest(b, b.viewer, SHORT)
        b.shell.run("killall spice-vdagent spice-vdagentd")
        b.shell.run("while pidof spice-vdagentd; do sleep 0.1; done")
        b.viewer.poll("agent-capabilities", lambda reply: not reply.get("clipboard"), 30)
        b.shell.run("start-agents")
        b.wait_agent(b.viewer)
        guest_to_viewer(b, b.viewer, "anew " + SHORT)
        viewer_to_guest(b, b.viewer, "and back " + SHORT)


def usb(setup):
    """A disc of the viewer is a drive in the guest: all of it is read, and it goes with the viewer."""
    socket = setup.path("usb")
    image = setup.path("disc")
    data = random.Random(3).randbytes(4 << 20)
    with open(image, "wb") as out:
        out.write(data)
    with bed(setup, f"--usbredir=unix:{socket}",
             words=["-chardev", f"socket,id=usb-viewer,path={socket},server=on,wait=off",
                    "-device", "usb-redir,chardev=usb-viewer,bus=usb.0"]) as b:
        b.viewer.kill()
        with setup.client(b.bridge.unix, "--usbredir") as viewer:
            viewer.do(f"usb-disc {image} 20000", timeout=50)
            case.wait_for("the drive in the guest", 30, lambda: b.shell.ask(
                "test \"$(cat /sys/block/sr0/size)\" -gt 0")[0] == 0)
            size = int(b.shell.run("cat /sys/block/sr0/size")) * 512
            case.check(size == len(data), f"the drive has {size} bytes, the disc {len(data)}")
            have = b.shell.run("sha256sum </dev/sr0", 90).split()[0]
            case.check(have == digest(data), "the guest has read other bytes than the disc holds")
        case.wait_for("the end of the drive", 30,
                      lambda: b.shell.ask("test -e /sys/block/sr0")[0] != 0)


case.main(clipboard, mouse, file, restart, usb)
