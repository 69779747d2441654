#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: manage.py PROGRAM

The verbs list, create, remove and prune, with a played kernel and a played mdevctl below a directory.
"""

import concurrent.futures
import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import time

from fake_mdev import IGD, IGD_PATH, Kernel

PROGRAM = sys.argv[1]
PATIENCE = 60
FAILED, USAGE = 1, 2
A, B, C = (f"4b20d080-1b54-4048-85b3-a6a62d165c0{i}" for i in (1, 2, 3))
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
MDEVCTL = """#!/bin/sh
echo "$@" >>{root}/mdevctl.log
[ -e {root}/mdevctl.fails ] && [ "$1" = define ] && echo 'Error: no such luck' >&2 && exit 3
exit 0
"""


def check(condition, message):
    if not condition:
        raise AssertionError(message)


def wait_for(what, predicate):
    end = time.monotonic() + PATIENCE
    while not predicate():
        check(time.monotonic() < end, f"{what}: not within {PATIENCE} s")
        time.sleep(0.01)


def run(kernel, verb, *arguments, code=0, **more):
    """Returns its output and errors; stdin is no terminal."""
    more.setdefault("stdin", subprocess.DEVNULL)
    done = subprocess.run([PROGRAM, verb, "--root", kernel.root, *arguments], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE,
                          check=False, **more)
    check(done.returncode == code, f"{verb} {arguments}: exit status {done.returncode}, not "
                                   f"{code}: {done.stdout!r} {done.stderr!r}")
    return done.stdout, done.stderr


def holds(text, *needles):
    for needle in needles:
        check(needle in text, f"no '{needle}' in {text!r}")


def refused(kernel, verb, *arguments, code=FAILED, needles=()):
    """One line that says why, nothing on stdout, and all vGPUs as before."""
    before = kernel.uuids()
    output, errors = run(kernel, verb, *arguments, code=code)
    check(output == "", f"{verb} {arguments} printed {output!r}")
    check(errors.count("\n") == 1, f"{verb} {arguments}: not one line: {errors!r}")
    holds(errors, *needles)
    wait_for("no trace of it", lambda: kernel.uuids() == before)


def json_of(kernel):
    return json.loads(run(kernel, "list", "--json")[0])


def standard(kernel):
    kernel.gpu(512, {"i915-GVTg_V5_2": 1, "i915-GVTg_V5_4": 3, "i915-GVTg_V5_8": 6})


def played_mdevctl(kernel):
    kernel.file("usr/sbin/mdevctl", MDEVCTL.format(root=kernel.root), 0o755)


def log_of(kernel):
    with contextlib.suppress(FileNotFoundError), open(kernel.path("mdevctl.log"),
                                                      encoding="utf-8") as file:
        return file.read()
    return ""


# list


def list_nothing(kernel):
    output, errors = run(kernel, "list")
    check(output.startswith("No GPU") and not errors, output + errors)
    check(json_of(kernel) == {"version": 1, "parents": [], "vgpus": []}, "an empty list")
    refused(kernel, "create", needles=["doctor"])


def list_all(kernel):
    """Each kind of parent, and vGPUs in each state, in both outputs."""
    standard(kernel)
    kernel.sample("mdpy", {"mdpy-xga": (3, "virtual display, 1024x768 framebuffer\n")},
                  ("count", 4))
    kernel.sample("mbochs", {"mbochs-small": (0, "virtual display, 4 MB video memory\n")},
                  ("count", 4))
    kernel.function("0000:27:00.4", "ID    : vGPU Name\n557   : NVIDIA RTXA5000-4Q\n"
                                    "558   : NVIDIA RTXA5000-8Q\n")
    kernel.vgpu("i915-GVTg_V5_4", A)
    kernel.vgpu("i915-GVTg_V5_8", B)
    kernel.vgpu("mdpy-xga", C, "sys/devices/virtual/mdpy/mdpy")
    kernel.holder(4242, A, arguments=["/usr/bin/qemu-system-x86_64", "-name",
                                      "guest=win,,10,debug-threads=on"])
    kernel.file(f"etc/mdevctl.d/{IGD}/{B}",
                '{\n  "mdev_type": "i915-GVTg_V5_8",\n  "start": "auto"\n}\n')
    kernel.file("etc/libvirt/qemu/win10.xml",
                f"<domain>\n  <uuid>{C}</uuid>\n <hostdev><source><address uuid='{A}'/></source>"
                "</hostdev></domain>\n")
    kernel.link("etc/libvirt/qemu/autostart/win10.xml", "../win10.xml")
    kernel.file("etc/passwd", "root:x:0:0::/root:/bin/sh\n")
    kernel.file("etc/group", f"root:x:0:\nplayers:x:{os.getgid() or 36}:\n")
    os.chmod(kernel.path("dev/vfio/2"), 0o660)
    if os.geteuid() == 0:
        os.chown(kernel.path("dev/vfio/2"), 0, 36)
    output, errors = run(kernel, "list")
    check(not errors, errors)
    holds(output, f"{IGD}: Intel GVT-g on Kaby Lake (Gen9), PCI id 8086:5916, driver i915, "
                  "aperture 512 MiB", "128+512 MiB", "1920x1200", "the aperture, 512 MiB",
          "count=4 of the module mdpy", "count=4 (MiB) of the module mbochs",
          "NVIDIA RTXA5000-8Q", f"{A}, type i915-GVTg_V5_4", "/dev/vfio/1",
          "qemu-system-x86 (process 4242), virtual machine win,10",
          "mdevctl makes it again at each boot", "libvirt's domain win10 has it, which is started",
          "held by    nobody", "members of the group players", "nobody makes it again")
    said = json_of(kernel)
    parents = {parent["name"]: parent for parent in said["parents"]}
    check(sorted(parents) == [IGD, "0000:27:00.4", "mbochs", "mdpy"], f"{sorted(parents)}")
    check([parents[name]["kind"] for name in sorted(parents)] ==
          ["gvt-g", "nvidia-vf", "other", "other"], "kinds of parents")
    igd = parents[IGD]
    check(igd["aperture"] == 512 << 20 and igd["pci"]["device"] == "5916", f"{igd}")
    kind = {one["name"]: one for one in igd["types"]}["i915-GVTg_V5_4"]
    # 384 MiB less one of 128 and one of 64.
    check((kind["available"], kind["room"], kind["limit"]) == (3, 1, "low-gm"), f"{kind}")
    check((kind["low_gm_mib"], kind["high_gm_mib"], kind["fences"], kind["weight"],
           kind["max_xres"], kind["max_yres"]) == (128, 512, 4, 4, 1920, 1200), f"{kind}")
    vgpus = {vgpu["uuid"]: vgpu for vgpu in said["vgpus"]}
    check(sorted(vgpus) == [A, B, C], f"{vgpus}")
    check(vgpus[A]["holders"] == [{"pid": 4242, "command": "qemu-system-x86", "vm": "win,10",
                                   "by_command_line": False}], f"{vgpus[A]}")
    check(vgpus[A]["libvirt"] == {"domains": 1, "domain": "win10", "autostart": True},
          f"{vgpus[A]}")
    check(vgpus[A]["shows"]["state"] == "unknown" and vgpus[B]["shows"]["state"] == "off",
          "what vGPUs show")
    check((vgpus[A]["mdevctl"], vgpus[B]["mdevctl"]) == ("none", "auto"), "mdevctl")
    # The domain's own UUID is no device's.
    check(vgpus[C]["libvirt"]["domains"] == 0, f"{vgpus[C]}")
    check(vgpus[A]["cdev_node"] is None, "a cdev of a kernel without")
    check(vgpus[A]["node"]["path"] == "/dev/vfio/1" and vgpus[A]["node"]["mode"] == "0600",
          f"{vgpus[A]}")


def list_wrapped(kernel):
    """4 GiB of aperture: the kernel promises what can't be made."""
    kernel.gpu(4096, {"i915-GVTg_V5_8": 7})
    holds(run(kernel, "list")[0], "the kernel's sum is wrong here, there is room for 0")


# create


def create_one(kernel):
    standard(kernel)
    output, errors = run(kernel, "create", "--type", "i915-GVTg_V5_4")
    check(re.fullmatch(UUID + "\n", output) and not errors, f"{output!r} {errors!r}")
    check(kernel.uuids() == [output.strip()], "the one that was made")
    output, errors = run(kernel, "create", "--type=i915-GVTg_V5_8", "--uuid", A.upper(),
                         "--parent", "00:02.0")
    check(output == A + "\n" and A in kernel.uuids(), output)
    refused(kernel, "create", "--type=i915-GVTg_V5_8", "--uuid", A, needles=[A, "already"])


def create_several(kernel):
    standard(kernel)
    output, _ = run(kernel, "create", "--type", "i915-GVTg_V5_8", "--count", "2")
    check(sorted(output.split()) == kernel.uuids() and len(kernel.uuids()) == 2, output)
    output, _ = run(kernel, "create", "--type", "i915-GVTg_V5_8", "--uuid", A, "--uuid", B)
    check(output.split() == [A, B] and len(kernel.uuids()) == 4, output)


def create_bad(kernel):
    standard(kernel)
    for name in ("mdpy", "twin"):
        kernel.sample(name, {"mdpy-xga": (4, "virtual display, 1024x768 framebuffer\n")})
    for arguments, needles in (
            (["--type=mdpy-xga", "--uuid=12"], ["--uuid", "'12'"]),
            (["--type=mdpy-xga", "--uuid", A, "--uuid", A.upper()], ["--uuid", "twice"]),
            (["--type=mdpy-xga", "--uuid", A, "--count=2"], ["--count", "'2'"]),
            (["--type=mdpy-xga", "--count=0"], ["--count", "'0'"]),
            (["--type=mdpy-xga", "--count=many"], ["--count", "'many'"]),
            (["--type=../x"], ["--type", "'../x'"]),
            (["--type=mdpy-xga", "--for=linux"], ["--type and --for"]),
            (["--for=macos"], ["--for", "'macos'", "windows, linux"]),
            (["--for=linux"], ["--parent", IGD, "mdpy"]),
            (["--type=mdpy-xga"], ["mdpy-xga: mdpy, twin; choose"]),
            (["--type=none"], ["--type", "'none'", f"{IGD}, mdpy, twin"]),
            (["--parent=0000:03:00.0"], ["--parent", "'0000:03:00.0'", IGD, "mdpy"]),
            (["--parent", IGD], ["--type or --for", "i915-GVTg_V5_4 (3 free)"]),
            (["--parent=mdpy", "--for=windows"], ["--for", "mdpy", "Linux"]),
            (["--parent", IGD, "--type=mdpy-xga"], ["--type", IGD, "'mdpy-xga'"]),
            (["--parent", "mdpy", "--group=no-such-group"], ["--group", "'no-such-group'"])):
        refused(kernel, "create", *arguments, code=USAGE, needles=needles)
    missing = subprocess.run([PROGRAM, "create", "--root", kernel.path("none")], text=True,
                             stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
    check(missing.returncode == USAGE and "--root" in missing.stderr, f"{missing}")


def create_for(kernel):
    """Windows needs 128 MiB of the aperture; Linux takes what can show a desktop."""
    standard(kernel)
    for guest in ("windows", "linux"):
        output, errors = run(kernel, "create", "--for", guest)
        check(not errors, errors)
        link = os.readlink(kernel.path(IGD_PATH, output.strip(), "mdev_type"))
        check(link.endswith("_4"), f"{guest} got {link}")


def create_for_little(kernel):
    """With 256 MiB and no room for a _4, Linux gets 1024x768, and Windows an explanation."""
    kernel.gpu(256, {"i915-GVTg_V5_4": 0, "i915-GVTg_V5_8": 1})
    kernel.vgpu("i915-GVTg_V5_8", A)
    refused(kernel, "create", "--for=windows", needles=["i915-GVTg_V5_4", "256 MiB", "1 vGPU"])
    output, errors = run(kernel, "create", "--for", "linux")
    check(output.strip() in kernel.uuids(), output)
    holds(errors, "1024x768")


def create_full(kernel):
    """What is used up is known before anything is made, and said with what used it up."""
    kernel.gpu(256, {"i915-GVTg_V5_4": 1})
    kernel.sample("mdpy", {"mdpy-xga": (0, "virtual display, 1024x768 framebuffer\n")},
                  ("count", 4))
    refused(kernel, "create", "--parent", IGD, "--count=2",
            needles=["2 of i915-GVTg_V5_4", "only 1", "aperture is 256 MiB"])
    refused(kernel, "create", "--parent=mdpy", needles=["count=4", "mdpy"])


def create_no_space(kernel):
    """The kernel promised three, and refuses the second: the first goes again."""
    standard(kernel)
    kernel.full_after = 1
    played_mdevctl(kernel)
    refused(kernel, "create", "--type=i915-GVTg_V5_4", "--count=3", "--persist",
            needles=["No space left on device", "display manager"])
    check(kernel.created == 1, f"{kernel.created} made")
    lines = log_of(kernel).splitlines()
    check(len(lines) == 2 and lines[0].startswith("define") and lines[1].startswith("undefine"),
          f"mdevctl was told {lines}")


def create_wrapped(kernel):
    """4 GiB of aperture: what the refusal means."""
    kernel.gpu(4096, {"i915-GVTg_V5_8": 7})
    create = kernel.path(IGD_PATH, "mdev_supported_types/i915-GVTg_V5_8/create")
    os.unlink(create)
    os.symlink("/dev/full", create)
    refused(kernel, "create", "--type=i915-GVTg_V5_8", needles=["4096 MiB", "1024 MiB"])


def create_persist(kernel):
    standard(kernel)
    refused(kernel, "create", "--type=i915-GVTg_V5_4", "--persist", "--uuid", A,
            needles=["package mdevctl",
                     f"mdevctl define --uuid {A} --parent {IGD} --type i915-GVTg_V5_4 --auto"])
    played_mdevctl(kernel)
    run(kernel, "create", "--type=i915-GVTg_V5_4", "--persist", "--uuid", A)
    check(log_of(kernel) ==
          f"define --uuid {A} --parent {IGD} --type i915-GVTg_V5_4 --auto\n", log_of(kernel))
    kernel.file("mdevctl.fails", "")
    refused(kernel, "create", "--type=i915-GVTg_V5_4", "--persist", "--uuid", B,
            needles=["mdevctl", "no such luck"])


def create_group(kernel):
    standard(kernel)
    kernel.cdev = True
    kernel.file("etc/group", f"root:x:0:\nplayers:x:{os.getgid()}:\n")
    _, errors = run(kernel, "create", "--type=i915-GVTg_V5_4", "--uuid", A, "--group", "players")
    for node in ("dev/vfio/1", "dev/vfio/devices/vfio1"):
        info = os.stat(kernel.path(node))
        check(info.st_mode & 0o777 == 0o660 and info.st_gid == os.getgid(), f"{node}: {info}")
    holds(errors, "udev", 'GROUP="players"', f'devices/{A}"', 'MODE="0660"')
    check("0666" not in errors, errors)


def create_without_node(kernel):
    """No VFIO driver: for a group that is an error, else worth a warning. Both wait for it first."""
    standard(kernel)
    kernel.node = False
    run_both = []
    for uuid, more in ((A, ["--group", str(os.getgid())]), (B, [])):
        run_both.append(subprocess.Popen([PROGRAM, "create", "--root", kernel.root,
                                          "--type=i915-GVTg_V5_4", "--uuid", uuid, *more],
                                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        # The played kernel reads a file: a second write would replace the first one.
        wait_for("the device", lambda: uuid in kernel.uuids())
    (output, errors), (other_output, warning) = [one.communicate(timeout=PATIENCE)
                                                 for one in run_both]
    check(run_both[0].returncode == FAILED and not output and "vfio_mdev" in errors, errors)
    check(run_both[1].returncode == 0 and other_output == B + "\n" and "vfio_mdev" in warning,
          warning)
    wait_for("no trace of the first", lambda: kernel.uuids() == [B])


def create_interrupted(kernel):
    """A signal while it waits: what was made goes again."""
    standard(kernel)
    kernel.node = False
    with subprocess.Popen([PROGRAM, "create", "--root", kernel.root, "--type=i915-GVTg_V5_8",
                           "--count=3"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        wait_for("a first one", kernel.uuids)
        child.send_signal(signal.SIGINT)
        output, errors = child.communicate(timeout=PATIENCE)
    check(child.returncode != 0 and not output, f"{child.returncode} {output} {errors}")
    wait_for("no trace of it", lambda: kernel.uuids() == [])


def create_unread(kernel):
    """Nobody learns the name: it goes again."""
    standard(kernel)
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([PROGRAM, "create", "--root", kernel.root, "--type=i915-GVTg_V5_8"],
                              stdout=full, stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
    check(done.returncode == FAILED and b"standard output" in done.stderr, f"{done}")
    wait_for("no trace of it", lambda: kernel.uuids() == [])


def create_unwritable(kernel):
    """A user who is not root: the path and the remedy."""
    standard(kernel)
    create = kernel.path(IGD_PATH, "mdev_supported_types/i915-GVTg_V5_8/create")
    os.chmod(create, 0o200)
    if os.geteuid() == 0:
        for path, _, _ in os.walk(os.path.dirname(kernel.root)):
            os.chmod(path, 0o755)
        nobody = {"user": 65534, "group": 65534, "extra_groups": []}
    else:
        os.chmod(create, 0o400)
        nobody = {}
    done = subprocess.run([PROGRAM, "create", "--root", kernel.root, "--type=i915-GVTg_V5_8"],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=PATIENCE, check=False, **nobody)
    check(done.returncode == FAILED and not done.stdout, f"{done}")
    holds(done.stderr, create, "root", "sudo")


def create_on_function(kernel):
    """NVIDIA's virtual functions: a number is written, and there is no UUID."""
    address = "0000:27:00.4"
    kernel.function(address, "ID    : vGPU Name\n557   : NVIDIA RTXA5000-4Q\n")
    refused(kernel, "create", "--uuid", A, code=USAGE, needles=[address, "--uuid"])
    refused(kernel, "create", "--for=linux", code=USAGE, needles=["licence", "557"])
    output, _ = run(kernel, "create", "--type", "NVIDIA RTXA5000-4Q")
    check(output == address + "\n", output)
    path = kernel.path("sys/devices/pci0000:20", address, "nvidia/current_vgpu_type")
    with open(path, encoding="utf-8") as file:
        check(file.read().startswith("557\n"), "the type that was written")
    vgpu, = json_of(kernel)["vgpus"]
    check((vgpu["uuid"], vgpu["name"], vgpu["type"]) == (None, address, "557"), f"{vgpu}")
    check(vgpu["node"]["path"] == "/dev/vfio/devices/vfio0", f"{vgpu}")
    refused(kernel, "create", "--type=557", needles=["already"])
    check(run(kernel, "remove", address)[0] == address + "\n", "what was removed")
    check(json_of(kernel)["vgpus"] == [], "nothing is left")


def create_wrong(kernel):
    """What came is of another type than was asked for."""
    standard(kernel)
    kernel.wrong_type = "i915-GVTg_V5_8"
    refused(kernel, "create", "--type=i915-GVTg_V5_4", needles=["i915-GVTg_V5_4"])


# remove and prune


def remove(kernel):
    standard(kernel)
    for uuid in (A, B, C):
        kernel.vgpu("i915-GVTg_V5_8", uuid)
    kernel.holder(77, A, arguments=["/usr/libexec/qemu-kvm", "-name", "debian"])
    kernel.file(f"etc/mdevctl.d/{IGD}/{B}", '{"start":"auto"}\n')
    refused(kernel, "remove", A, needles=[A, "qemu-system-x86 (process 77)", "debian"])
    refused(kernel, "remove", "4b20d080-1b54-4048-85b3-a6a62d165c09", needles=["no such vGPU"])
    refused(kernel, "remove", code=USAGE, needles=["--all-idle"])
    refused(kernel, "remove", "--all-idle", A, code=USAGE, needles=["--all-idle"])
    refused(kernel, "remove", "../../x", code=USAGE, needles=["'../../x'"])
    refused(kernel, "remove", "--undefine", B, needles=["mdevctl"])
    # One of the two can be removed, and is.
    output, errors = run(kernel, "remove", A, B.upper(), code=FAILED)
    check(output == B.upper() + "\n" and kernel.uuids() == [A, C], output)
    holds(errors, "process 77", "mdevctl will make it again", f"mdevctl undefine --uuid {B}")


def remove_all_idle(kernel):
    standard(kernel)
    for uuid in (A, B, C):
        kernel.vgpu("i915-GVTg_V5_8", uuid)
    kernel.holder(77, B, comm="evil\x1b[2J")
    played_mdevctl(kernel)
    kernel.file(f"etc/mdevctl.d/{IGD}/{C}", '{"start":"manual"}\n')
    output, errors = run(kernel, "remove", "--all-idle", "--undefine")
    check(output.split() == [A, C] and kernel.uuids() == [B], output)
    holds(errors, f"{B} is kept", "evil?[2J (process 77)")
    check("\x1b" not in errors, "control characters of a process's name")
    check(log_of(kernel) == f"undefine --uuid {C}\n", log_of(kernel))
    output, errors = run(kernel, "remove", "--all-idle")
    check(output == "" and "nothing to remove" in errors, errors)


def remove_blocks(kernel):
    """The kernel does not come back: that is said, and the program ends."""
    standard(kernel)
    kernel.vgpu("i915-GVTg_V5_8", A)
    remove_file = kernel.path(IGD_PATH, A, "remove")
    os.unlink(remove_file)
    os.mkfifo(remove_file) # opening it blocks
    # It got its device from another process, which has ended: Linux does not tell which one it is.
    kernel.file("proc/99/comm", "viewer\n")
    kernel.link("proc/99/fd/7", "anon_inode:[vfio-device]")
    _, errors = run(kernel, "remove", A, code=FAILED)
    holds(errors, A, "until the last program closes it", "process 99")


def remove_of_the_unseen(kernel):
    """Without a look at the processes nothing is removed."""
    standard(kernel)
    kernel.vgpu("i915-GVTg_V5_8", A)
    os.rmdir(kernel.path("proc/1/fd"))
    os.rmdir(kernel.path("proc/1"))
    os.rmdir(kernel.path("proc"))
    refused(kernel, "remove", A, needles=[A, "root"])
    refused(kernel, "prune", "--yes", needles=["sudo"])


def prune(kernel):
    standard(kernel)
    others = [f"4b20d080-1b54-4048-85b3-a6a62d165d0{i}" for i in range(3)]
    for uuid in (A, B, *others):
        kernel.vgpu("i915-GVTg_V5_8", uuid)
    kernel.holder(77, others[0])
    kernel.file(f"etc/mdevctl.d/{IGD}/{others[1]}", '{"start":"auto"}\n')
    kernel.file("etc/libvirt/qemu/vm.xml", f'<domain><address uuid="{others[2]}"/></domain>\n')
    output, errors = run(kernel, "prune", code=USAGE)
    check(output == "" and len(kernel.uuids()) == 5, output)
    holds(errors, A, B, "--yes")
    check(not any(uuid in errors for uuid in others), errors)
    for answer, left in (("n\n", 5), ("\n", 5), ("yes\n", 3)):
        ours, theirs = pty.openpty()
        try:
            os.write(ours, answer.encode())
            _, errors = run(kernel, "prune", stdin=theirs)
        finally:
            os.close(ours)
            os.close(theirs)
        holds(errors, "Remove them? [y/N]", A, B)
        check(len(kernel.uuids()) == left, f"{left} should be left: {kernel.uuids()}")
    output, errors = run(kernel, "prune")
    check(output == "" and "nothing to prune" in errors, errors)
    kernel.vgpu("i915-GVTg_V5_8", A)
    output, _ = run(kernel, "prune", "--yes")
    check(output == A + "\n" and kernel.uuids() == sorted(others), output)


def run_case(case):
    with tempfile.TemporaryDirectory() as directory:
        os.mkdir(os.path.join(directory, "root"))
        try:
            with Kernel(os.path.join(directory, "root")) as kernel:
                case(kernel)
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            print(f"FAILED {case.__name__}: {error}")
            return 1
    return 0


def main():
    cases = [list_nothing, list_all, list_wrapped, create_one, create_several, create_bad,
             create_for, create_for_little, create_full, create_no_space, create_wrapped,
             create_persist, create_group, create_interrupted, create_unread, create_unwritable,
             create_on_function, remove, remove_all_idle, remove_of_the_unseen, prune]
    # These wait for what never comes, so they may do that beside the others.
    slow = [create_without_node, create_wrong, remove_blocks]
    chosen = sys.argv[2:]
    cases, slow = ([case for case in some if not chosen or case.__name__ in chosen]
                   for some in (cases, slow))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = pool.map(run_case, slow)
        failures = sum(map(run_case, cases)) + sum(waiting)
    print(f"{len(cases) + len(slow)} cases, {failures} failures")
    return 1 if failures else 0


sys.exit(main())
