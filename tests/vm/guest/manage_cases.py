# SPDX-License-Identifier: MIT
"""The verbs list, create, remove and prune on the kernel's own drivers."""

import json
import os
import shutil
import subprocess

import bed
import case
import qemu
from bed import PROGRAM, check, read, wait_for

FAILED, USAGE = 1, 2
UUID = "4b20d080-1b54-4048-85b3-a6a62d165c0"
GROUP = "users"


def run(verb, *arguments, code=0):
    done = subprocess.run([PROGRAM, verb, *arguments], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=120)
    check(done.returncode == code, f"{verb} {arguments} ended with {done.returncode}: "
                                   f"{done.stdout}{done.stderr}")
    return done.stdout, done.stderr


def holds(text, *needles):
    for needle in needles:
        check(needle in text, f"no '{needle}' in {text!r}")


def listed():
    return json.loads(run("list", "--json")[0])


def vgpu(uuid):
    found = [one for one in listed()["vgpus"] if one["uuid"] == uuid]
    check(len(found) == 1, f"{uuid} is there {len(found)} times")
    return found[0]


def exists(uuid):
    return os.path.exists(f"/sys/bus/mdev/devices/{uuid}")


def clean():
    """What a failed case left is not to be in the way of the next."""
    for one in listed()["vgpus"]:
        if not one["holders"]:
            bed.write(f"/sys/bus/mdev/devices/{one['uuid']}/remove", "1")


def manage_list(setup):
    """Parents, types and what limits them, and what idle ones show."""
    said = listed()
    parents = {parent["name"]: parent for parent in said["parents"]}
    check({"mdpy", "mbochs"} <= set(parents), f"parents: {sorted(parents)}")
    check(said["vgpus"] == [], f"vGPUs before any was made: {said['vgpus']}")
    types = {one["name"]: one for parent in said["parents"] for one in parent["types"]}
    check((types["mdpy-xga"]["max_xres"], types["mdpy-xga"]["max_yres"]) == (1024, 768),
          f"{types['mdpy-xga']}")
    check(types["mbochs-medium"]["memory_mib"] == 16, f"{types['mbochs-medium']}")
    check((types["mdpy-xga"]["limit"], types["mbochs-small"]["limit"]) == ("count", "memory"),
          "limits")
    try:
        run("create", "--type=mdpy-xga", "--uuid", UUID + "1")
        run("create", "--type=mbochs-small", "--uuid", UUID + "2")
        one, two = vgpu(UUID + "1"), vgpu(UUID + "2")
        check(one["shows"]["state"] == "picture" and one["shows"]["width"] == 1024 and
              one["shows"]["height"] == 768 and one["shows"]["format"] == "XRGB8888",
              f"mdpy shows {one['shows']}")
        check(two["shows"]["state"] == "off", f"mbochs shows {two['shows']}")
        check(one["holders"] == [] and one["holders_known"], f"{one}")
        check(one["node"]["mode"] == "0600" and one["node"]["owner"] == "root", f"{one}")
        check(os.path.exists(one["node"]["path"]), f"{one}")
        after = {kind["name"]: kind["available"] for parent in listed()["parents"]
                 for kind in parent["types"]}
        check(after["mdpy-xga"] == types["mdpy-xga"]["available"] - 1, f"{after}")
        text, _ = run("list")
        holds(text, UUID + "1, type mdpy-xga", "1024x768 XRGB8888, a region", "count=",
              "root only (root:root 0600)", "nothing: no mode is set")
    finally:
        clean()


def manage_create(setup):
    """Several, bad ones, one too many, and for a group."""
    try:
        free = {kind["name"]: kind["available"] for parent in listed()["parents"]
                for kind in parent["types"]}["mdpy-vga"]
        for arguments, code, needle in (
                (["--type=mdpy-vga", "--uuid=12"], USAGE, "'12'"),
                (["--parent=mdpy"], USAGE, "mdpy-vga"),
                (["--type=mdpy-none"], USAGE, "'mdpy-none'"),
                (["--type=mdpy-vga", f"--count={free + 1}"], FAILED, "count="),
                (["--type=mdpy-vga", "--group=nobody-has-this"], USAGE, "nobody-has-this")):
            output, errors = run("create", *arguments, code=code)
            check(output == "" and errors.count("\n") == 1, f"{arguments}: {output}{errors}")
            holds(errors, needle)
        check(listed()["vgpus"] == [], "a refused one was made")
        output, _ = run("create", "--type=mdpy-vga", f"--count={free}")
        uuids = output.split()
        check(len(set(uuids)) == free and all(map(exists, uuids)), output)
        _, errors = run("create", "--type=mdpy-vga", code=FAILED)
        holds(errors, f"count={free}", f"used up by {free} vGPUs")
        removed, _ = run("remove", "--all-idle")
        check(sorted(removed.split()) == sorted(uuids), removed)

        output, errors = run("create", "--type=mbochs-small", "--uuid", UUID + "1",
                             "--group", GROUP)
        check(output == UUID + "1\n", output)
        holds(errors, "udev", f'GROUP="{GROUP}"')
        node = vgpu(UUID + "1")["node"]
        check((node["group"], node["mode"]) == (GROUP, "0660"), f"{node}")
        # Who is neither root nor in the group learns what is missing.
        done = subprocess.run([PROGRAM, "create", "--type=mdpy-vga"], capture_output=True,
                              text=True, user=65534, group=65534, extra_groups=[], timeout=120)
        check(done.returncode == FAILED and not done.stdout, f"{done}")
        holds(done.stderr, "/mdpy-vga/create", "sudo")
        done = subprocess.run([PROGRAM, "list"], capture_output=True, text=True, user=65534,
                              group=65534, extra_groups=[], timeout=120)
        holds(done.stdout, f"root and members of the group {GROUP}", "you may not",
              "only root can see")
        # The kernel itself refuses a UUID that is in use.
        _, errors = run("create", "--type=mdpy-vga", "--uuid", UUID + "1", code=FAILED)
        holds(errors, "already")
    finally:
        clean()


def manage_held(setup):
    """Held by a bridge and by QEMU: named, and not removed."""
    try:
        for name in ("1", "2", "3"):
            run("create", "--type=mdpy-xga" if name == "1" else "--type=mbochs-medium", "--uuid",
                UUID + name)

        class Made:
            """What bed.Bridge needs of a device."""
            kind, uuid = "mdpy-xga", UUID + "1"
            source = bed.Device.source

        class MadeForQemu:
            path = f"/sys/bus/mdev/devices/{UUID}2"

        control = "/run/vgpu-bridge/manage.control"
        os.makedirs(os.path.dirname(control), mode=0o700, exist_ok=True)
        with setup.serve(Made(), options=[f"--control=unix:{control}"]) as (b, viewer), \
                qemu.Qemu(setup, MadeForQemu(), name="guest=the guest") as machine:
            viewer.size(1024, 768, bed.MS)
            one, two = vgpu(UUID + "1"), vgpu(UUID + "2")
            # The broker opened it for the bridge; both are called vgpu-bridge.
            check({holder["command"] for holder in one["holders"]} == {"vgpu-bridge"}, f"{one}")
            check(b.pid in [holder["pid"] for holder in one["holders"]], f"{one}")
            check(one["shows"]["state"] == "picture" and one["shows"]["bridge"] and
                  one["shows"]["width"] == 1024, f"{one['shows']}")
            check([(holder["pid"], holder["vm"]) for holder in two["holders"]] ==
                  [(machine.pid, "the guest")], f"{two}")
            check(two["shows"]["state"] == "unknown", f"{two['shows']}")
            for uuid, needle in ((UUID + "1", "vgpu-bridge (process"), (UUID + "2", "the guest")):
                output, errors = run("remove", uuid, code=FAILED)
                check(output == "" and exists(uuid), f"{output}{errors}")
                holds(errors, uuid, needle)
            output, errors = run("remove", "--all-idle")
            check(output == UUID + "3\n", output)
            holds(errors, "the guest", "is kept")
            # By the command line, for whoever can't look into QEMU.
            done = subprocess.run([PROGRAM, "list"], capture_output=True, text=True, user=65534,
                                  group=65534, extra_groups=[], timeout=120)
            holds(done.stdout, "virtual machine the guest, by its command line")
            check(b.running() and machine.running(), "one of them has ended")
        wait_for("both to be idle", 60,
                 lambda: not any(one["holders"] for one in listed()["vgpus"]))
        output, _ = run("remove", UUID + "1", UUID + "2")
        check(output.split() == [UUID + "1", UUID + "2"], output)
        check(listed()["vgpus"] == [], "something is left")
    finally:
        clean()


def manage_prune(setup):
    """Orphans go, after a yes; what libvirt or mdevctl know stays."""
    domain = "/etc/libvirt/qemu/manage-test.xml"
    definition = f"/etc/mdevctl.d/mdpy/{UUID}3"
    try:
        for name in ("1", "2", "3"):
            run("create", "--type=mdpy-vga", "--uuid", UUID + name)
        for path, text in ((domain, f"<domain><address uuid='{UUID}2'/></domain>"),
                           (definition, '{"mdev_type":"mdpy-vga","start":"manual"}')):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            bed.write(path, text)
        output, errors = run("prune", code=USAGE)
        holds(errors, UUID + "1", "--yes")
        check(exists(UUID + "1") and output == "", output)
        output, errors = run("prune", "--yes")
        check(output == UUID + "1\n" and not exists(UUID + "1"), output + errors)
        check(exists(UUID + "2") and exists(UUID + "3"), "one that is wanted went too")
        _, errors = run("prune", "--yes")
        holds(errors, "nothing to prune")
        _, errors = run("remove", UUID + "2", UUID + "3")
        holds(errors, "libvirt's domain manage-test", "mdevctl still knows it")
    finally:
        for path in (domain, definition):
            if os.path.exists(path):
                os.unlink(path)
        clean()


def manage_persist(setup):
    """mdevctl itself takes the definition, makes the vGPU again from it, and forgets it."""
    if not shutil.which("mdevctl"):
        raise case.Skip("mdevctl is not installed")
    path = f"/etc/mdevctl.d/mdpy/{UUID}1"
    try:
        output, errors = run("create", "--type=mdpy-xga", "--uuid", UUID + "1", "--persist")
        check(output == UUID + "1\n" and not errors, f"{output}{errors}")
        definition = json.loads(read(path))
        check((definition["mdev_type"], definition["start"]) == ("mdpy-xga", "auto"),
              f"{definition}")
        check(vgpu(UUID + "1")["mdevctl"] == "auto", "what list says")
        _, errors = run("remove", UUID + "1")
        holds(errors, "mdevctl will make it again")
        # What happens at boot.
        subprocess.run(["mdevctl", "start", "-u", UUID + "1"], check=True, timeout=60)
        check(exists(UUID + "1"), "mdevctl has not made it")
        # A second definition is refused by mdevctl; nothing is left of what was made.
        bed.write(f"/etc/mdevctl.d/mdpy/{UUID}2", '{"mdev_type":"mdpy-vga","start":"manual"}')
        output, errors = run("create", "--type=mdpy-vga", "--uuid", UUID + "2", "--persist",
                             code=FAILED)
        check(output == "" and not exists(UUID + "2"), f"{output}{errors}")
        holds(errors, "mdevctl", UUID + "2")
        output, errors = run("remove", UUID + "1", "--undefine")
        check(output == UUID + "1\n" and "again" not in errors, f"{output}{errors}")
        check(not os.path.exists(path), "mdevctl still has it")
    finally:
        shutil.rmtree("/etc/mdevctl.d/mdpy", ignore_errors=True)
        clean()


def diagnosis(*words):
    """What doctor says as JSON, by the ids of its checks, and that its exit code says the same."""
    done = subprocess.run([PROGRAM, "doctor", "--json", *words], capture_output=True, text=True,
                          timeout=120)
    check(not done.stderr, done.stderr)
    said = json.loads(done.stdout)
    code = {"ok": 0, "info": 0, "warning": 1, "fail": 2}[said["verdict"]]
    check(done.returncode == code, f"{said['verdict']} and exit status {done.returncode}")
    text = subprocess.run([PROGRAM, "doctor", *words], capture_output=True, text=True, timeout=120)
    check(text.returncode == code and "\x1b" not in text.stdout, f"{text}")
    checks = {one["id"]: one for layer in said["layers"] for one in layer["checks"]
              if one["verdict"] != "not checked"}
    for number in checks:
        holds(text.stdout, f" {number} ")
    return said, checks


def manage_doctor(setup):
    """With vGPUs on offer, of a machine that lacks a tablet, of one that has it, and with nothing."""
    said, checks = diagnosis()
    check(said["failed_layer"] is None and checks["D01"]["verdict"] == "ok", f"{said}")
    check(said["host"]["kernel"] == os.uname().release, f"{said['host']}")
    with bed.Device("mdpy-xga") as device:
        for more, tablet in (((), "warning"), (("-usb", "-device", "usb-tablet"), "ok")):
            with qemu.Qemu(setup, device, *more, name="guest=the guest") as machine:
                said, checks = diagnosis("--vm", "the guest")
                check(checks["D25"]["verdict"] == tablet, f"{checks['D25']}")
                check(said["verdict"] == "warning" or tablet == "ok", said["verdict"])
                check(said["failed_layer"] is None, f"{said}")
                for number, needle in (("M01", device.uuid), ("D20", device.uuid)):
                    check(checks[number]["verdict"] == "ok" and
                          needle in checks[number]["findings"][0]["text"], f"{checks[number]}")
                by_pid, _ = diagnosis("--vm", str(machine.pid))
                check(by_pid["verdict"] == said["verdict"], "by its number it is judged otherwise")
    _, errors = run("doctor", "--vm", "no-such-machine", code=USAGE)
    holds(errors, "no-such-machine")
    modules = ("mdpy", "mbochs", "vbtest")
    try:
        for name in modules:
            subprocess.run(["rmmod", name], check=True)
        said, checks = diagnosis()
        check((said["verdict"], said["failed_layer"]) == ("fail", "hardware"), f"{said}")
        check(list(checks) == ["D01"], "a layer behind the one that failed was looked at")
    finally:
        for name in modules:
            subprocess.run(["insmod", f"{bed.HERE}/modules/{name}.ko"], check=False)


def manage_doctor_picture(setup):
    """Whether the guest shows a picture, of which only the bridge that serves it can tell."""
    if "group" not in setup.ways:
        raise case.Skip("once is enough: the suite vm has it")
    more = ("-S", "-usb", "-device", "usb-tablet")
    environment = dict(os.environ, VGPU_BRIDGE_CONTROL_DIR=setup.directory)

    def verdict():
        done = subprocess.run([PROGRAM, "doctor", "--json", "--vm", "the guest"], timeout=120,
                              capture_output=True, text=True, env=environment)
        check(not done.stderr, done.stderr)
        layers = json.loads(done.stdout)["layers"]
        return next(one for layer in layers for one in layer["checks"] if one["id"] == "D12")

    with bed.Device("mbochs-medium") as device:
        with qemu.Qemu(setup, device, *more, name="the guest") as machine:
            found = verdict()
            check(found["verdict"] == "skipped" and "serve" in found["findings"][0]["text"],
                  f"without a bridge: {found}")
            bridge = subprocess.Popen(
                [PROGRAM, "serve", "--vm", "the guest", "--listen", f"unix:{setup.path('spice')}"],
                env=environment, stdout=subprocess.PIPE, text=True)
            try:
                check("listening" in bridge.stdout.readline(), "the bridge does not serve")
                wait_for("the bridge's look at the guest", 60,
                              lambda: verdict()["verdict"] != "skipped")
                found = verdict()
                check(found["verdict"] == "warning" and found["findings"][0]["fix"],
                      f"before the guest's first instruction: {found}")
                machine.monitor.command("cont")
                wait_for("the firmware's picture", 120, lambda: verdict()["verdict"] == "ok")
            finally:
                bridge.terminate()
                bridge.wait(30)


CASES = (
    (manage_list, ("cpu",)),
    (manage_create, ("cpu",)),
    (manage_held, ("cpu",)),
    (manage_prune, ("cpu",)),
    (manage_persist, ("cpu",)),
    (manage_doctor, ("cpu",)),
    (manage_doctor_picture, ("cpu",)),
)
