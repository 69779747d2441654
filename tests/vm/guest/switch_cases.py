# SPDX-License-Identifier: MIT
"""One bridge, an mdpy and an mbochs: which of them is shown is chosen while a viewer looks on."""

from bed import MS, Device, check, poke, wait_for
from desk import Desk
from qemu import VIDEO_BIOS, Qemu, Screen, MENU, PROMPT
from qemu_cases import group_only, pins, press_escape

NO_PICTURE, NO_DEVICE = 1, 4


def mdpy_and_mbochs(setup):
    """The pixels are the chosen device's; the other is let go of, and EDIDs reach who takes them."""
    with Device("mdpy-xga") as mdpy, Device("mbochs-medium") as mbochs:
        desk_path = setup.path("desk")
        options = ["--source-name=first", f"--also=mdev:{mbochs.uuid},name=second",
                   f"--control=unix:{desk_path}"]
        with setup.serve(mdpy, options=options, read_only=False) as (b, viewer), \
                Desk(desk_path, 120) as desk:
            state = lambda: b.counters()["session"]["state"]
            one, two = setup.picture(1, 1024, 768), setup.picture(2, 800, 600)
            for i in range(3):
                viewer.size(1024, 768, MS)
                poke(b.pid, "put", one)
                viewer.compare(one, MS)
                answer = desk.switch("second")
                check(answer == {"shown": "second", "present": True}, f"{answer}")
                if i == 0:
                    wait_for("a card: no mode yet", 60, lambda: state() == NO_PICTURE)
                poke(b.pid, "put", two)
                poke(b.pid, "mode", 800, 600, 800, 0, 0)
                viewer.size(800, 600, MS)
                viewer.compare(two, MS)
                if i == 0:
                    viewer.wait_event("agent 1", 60)
                    viewer.do("resize 1280 720")
                # Once: a display that has it already is left in peace.
                wait_for("an EDID", 60, lambda: b.counters()["capture"]["edids"] > 0)
                poke(b.pid, "edid", setup.path("seen"))
                with open(setup.path("seen"), "rb") as file:
                    blob = file.read(128)
                size = blob[56] | (blob[58] & 0xf0) << 4, blob[59] | (blob[61] & 0xf0) << 4
                check(size == (1280, 720), f"the EDID says {size}")
                check(desk.switch("next")["shown"] == "first", "next")
            viewer.size(1024, 768, MS)
            check(b.counters()["capture"]["edids"] == 1, "an EDID was given again")
            check(desk.switch("host") == {"shown": "host"}, "host")
            wait_for("a card", 60, lambda: state() == NO_DEVICE)
            # What is not shown is free.
            check(mbochs.remove(), "the one that is not shown is held")
            check(not desk.switch("second")["present"], "a device that is no more has come")
            check(desk.switch("first")["present"], "the first has not come back")
            poke(b.pid, "put", one)
            viewer.compare(one, MS)
            check(b.counters()["spice"]["viewers_total"] == 1, "the viewer came again")


class Second:
    """Names of its own for a second QEMU's files."""

    def __init__(self, setup):
        self.path = lambda name: setup.path(f"second-{name}")


def two_machines(setup):
    """Two QEMUs that own their devices: the keys go where the picture comes from; one is unplugged."""
    group_only(setup)
    with Device("mbochs-medium") as mbochs, Device("mdpy-xga") as mdpy:
        two = Qemu(Second(setup), mdpy, name="two")
        # The firmware has no driver for it, and the device is unplugged by its name.
        two.line = [word.replace(f",romfile={VIDEO_BIOS}", ",id=gpu") for word in two.line]
        desk_path = setup.path("desk")
        options = [f"--qmp=unix:{setup.path('qmp')}", f"--also=vm:two,qmp=unix:{two.qmp}",
                   f"--control=unix:{desk_path}"]
        with Qemu(setup, mbochs, name="one") as one, two, \
                setup.serve(mbochs, (["--vm", "one"], []), options, read_only=False) as (
                    b, viewer), Desk(desk_path, 120) as desk:
            screen = Screen(setup, viewer)
            screen.wait(PROMPT)
            picture = setup.picture(3, 1024, 768)
            check(desk.switch("two") == {"shown": "two", "present": True}, "two")
            viewer.size(1024, 768, MS)
            poke(two.pid, "put", picture)
            viewer.compare(picture, MS)
            for _ in range(3):
                viewer.do("key 0x01")
            one.reset()
            check(desk.switch("one")["present"], "one")
            screen.wait(PROMPT)
            check(not screen.has(MENU), "Esc came to the guest that was not shown")
            press_escape(screen, one)
            # Unplugged from a machine that runs on, and plugged again.
            check(desk.switch("next")["shown"] == "two", "next")
            viewer.compare(picture, MS)
            check(pins(b.pid), "nothing of the device is seen in the bridge's /proc")
            two.monitor.command("device_del", id="gpu")
            two.monitor.command("system_reset") # which ends what the firmware does not answer
            wait_for("QEMU to let go", 120, lambda: not pins(two.pid))
            wait_for("the bridge to let go", 60, lambda: not pins(b.pid))
            check(two.running(), "the second machine has ended")
            two.monitor.command("device_add", driver="vfio-pci", id="gpu", sysfsdev=mdpy.path,
                                display="off")
            wait_for("a device again", 60,
                     lambda: desk.ask("sources")["return"]["sources"][1]["present"])
            poke(two.pid, "put", picture)
            viewer.compare(picture, MS)


CASES = (
    (two_machines, ("cpu",)),
    (mdpy_and_mbochs, ("cpu",)),
)
