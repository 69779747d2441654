#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: run.py PROGRAM

Runs doctor on trees that stand for hosts, and compares each verdict, the exit status, and words of
the report. Each check must have a tree that trips it, and one that it finds well.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

import hosts
from tree import Tree, gvt

try:
    import hosts_vm
except ImportError:
    hosts_vm = None

LAYERS = ["hardware", "kernel", "module", "parameters", "aperture", "vGPU", "node access", "QEMU",
          "render node", "guest"]
EXITS = {"fail": 2, "warning": 1}
# Of files alone these have nothing to say.
ASKS_THE_DEVICE = {"D12"}
failures = []


def fail(host, text):
    failures.append(f"{host}: {text}")


def run(program, root, *arguments, **environment):
    return subprocess.run(
        [program, "doctor", "--root", root, *arguments], capture_output=True, text=True,
        timeout=60, check=False, env={**os.environ, **environment})


def read_report(name, done):
    """id -> verdict, or None."""
    if done.stderr or done.returncode not in (0, 1, 2):
        fail(name, f"exit {done.returncode}, stderr '{done.stderr[-2000:]}'")
    try:
        report = json.loads(done.stdout)
    except ValueError as error:
        fail(name, f"no JSON: {error}")
        return None
    verdicts = {}
    order = [layer["layer"] for layer in report["layers"]]
    if order != LAYERS:
        fail(name, f"layers are {order}")
    for layer in report["layers"]:
        for check in layer["checks"]:
            verdicts[check["id"]] = (check["verdict"], layer["layer"])
            for finding in check["findings"]:
                if not finding["text"]:
                    fail(name, f"{check['id']} says nothing")
                if finding["verdict"] == "fail" and not finding["fix"] and \
                        check["id"] in hosts.HOST_IDS and len(check["findings"]) == 1:
                    fail(name, f"{check['id']} fails without a remedy")
    if report["failed_layer"]:
        for verdict, layer in verdicts.values():
            later = LAYERS.index(layer) > LAYERS.index(report["failed_layer"])
            if later != (verdict == "not checked"):
                fail(name, f"layer {layer} is {verdict} after {report['failed_layer']} failed")
    if done.returncode != EXITS.get(report["verdict"], 0):
        fail(name, f"exit status {done.returncode} for '{report['verdict']}'")
    return verdicts


def check_host(program, root, host, ids):
    done = run(program, root, "--json", *host.arguments)
    found = read_report(host.name, done)
    if found is None:
        return {}
    bad = [found[i][1] for i, verdict in host.verdicts.items() if verdict == "fail" and i in found]
    first = min((LAYERS.index(layer) for layer in bad), default=len(LAYERS))
    for i in ids:
        if i not in found:
            fail(host.name, f"{i} was not run at all")
            continue
        wanted = host.verdicts.get(i, "ok")
        if LAYERS.index(found[i][1]) > first:
            wanted = "not checked"
        if found[i][0] != wanted:
            fail(host.name, f"{i} is '{found[i][0]}', not '{wanted}'")
    if bad and done.returncode != 2:
        fail(host.name, f"exit status {done.returncode}, not 2")
    text = json.loads(done.stdout)
    told = json.dumps(text, ensure_ascii=False)
    if root in told:
        fail(host.name, "the report names the root in a path")
    for word in host.words:
        if word.lower() not in told.lower():
            fail(host.name, f"'{word}' is not told in {told}" if len(failures) < 3
                 else f"'{word}' is not told")
    return {i: verdict for i, (verdict, _) in found.items()}


def check_text(program, root):
    """For people: no colours in a pipe, and the layers as they are built on each other."""
    done = run(program, root)
    lines = done.stdout.splitlines()
    if "\033" in done.stdout:
        fail("text", "colours in a pipe")
    for line in ("hardware: ok", "kernel: ok", "module: fail"):
        if line not in lines:
            fail("text", f"no line '{line}'")
    if 'parameters: not checked because of the layer "module"' not in lines:
        fail("text", "the later layers are not named")
    if "/sys/module/kvmgt: not there" not in done.stdout or "modprobe kvmgt" not in done.stdout:
        fail("text", "path, value or remedy are missing")
    for environment, wanted in (({"TERM": "xterm", "NO_COLOR": ""}, True),
                                ({"TERM": "xterm", "NO_COLOR": "1"}, False)):
        master, slave = os.openpty()
        with subprocess.Popen([program, "doctor", "--root", root], stdout=slave,
                              env={**os.environ, **environment}) as process:
            os.close(slave)
            out = b""
            try:
                while chunk := os.read(master, 65536):
                    out += chunk
            except OSError:
                pass # a terminal's end
            process.wait(60)
        os.close(master)
        if (b"\033[1;31m" in out) != wanted:
            fail("text", f"red on a terminal with {environment}: {not wanted}")


def hostile(root):
    """Trees that no kernel makes: name, and what makes it."""
    def fill(change):
        tree = gvt()
        change(tree)
        tree.write(root)

    def directories(tree):
        for path in list(tree.files):
            tree.files[path] = None

    def loops(tree):
        for path in list(tree.files):
            tree.remove(path).link(path, os.path.basename(path))

    def garbage(tree):
        for path in list(tree.files):
            tree.file(path, b"\xff\x00\x1b[31m%s%n" * 50 + b"\n")

    def empty(tree):
        for path in list(tree.files):
            tree.file(path, "")

    def huge(tree):
        block = b"option i915.enable_gvt " * 50000
        for path in ("/proc/cmdline", "/dev/kmsg", "/boot/config-6.1.0-28-amd64", "/etc/modules",
                     "/sys/module/i915/parameters/enable_gvt", "/etc/os-release",
                     f"{hosts.PCI}/{hosts.GPU}/resource", "/proc/sys/kernel/osrelease"):
            tree.file(path, block)

    def outside(tree):
        tree.remove("/etc").link("/etc", "/etc").remove("/proc/cmdline")
        tree.link("/proc/cmdline", "/../../../../../proc/cmdline")
        tree.remove("/dev").link("/dev", "/dev")

    def unreadable(tree):
        for path in list(tree.files):
            tree.mode(path, 0)

    def zipped(tree):
        tree.config(zipped=True)
        tree.files["/proc/config.gz"] = tree.files["/proc/config.gz"][:20] + b"broken"

    def fifos(tree):
        for path in ("/proc/cmdline", "/dev/kmsg", "/etc/modules"):
            tree.remove(path)
            os.makedirs(os.path.dirname(root + path), exist_ok=True)
            os.mkfifo(root + path)

    for change in (directories, loops, garbage, empty, huge, outside, unreadable, zipped, fifos):
        yield change.__name__, lambda change=change: fill(change)
    yield "nothing", lambda: Tree().write(root)
    yield "release-with-path", lambda: gvt().file(
        "/proc/sys/kernel/osrelease", "../../../etc/6.1\n").write(root)


def fresh(root):
    subprocess.run(["chmod", "-R", "u+rwX", root], check=False)
    shutil.rmtree(root, ignore_errors=True)
    os.mkdir(root)


def main():
    program = sys.argv[1]
    seen = {}
    count = 0
    with tempfile.TemporaryDirectory(prefix="vgpu-doctor-") as directory:
        root = directory + "/root"
        os.mkdir(root)
        for host in hosts.HOSTS:
            fresh(root)
            host.tree.write(root)
            for i, verdict in check_host(program, root, host, hosts.HOST_IDS).items():
                seen.setdefault(i, set()).add(verdict)
            count += 1
        # The machines' hosts are compared by a test of their own, exactly, so what is expected is so.
        for host in hosts_vm.HOSTS.values() if hosts_vm else ():
            for i, verdict in host["expect"].items():
                seen.setdefault(i, set()).add(verdict)
        for i, verdicts in sorted(seen.items()):
            if i in ASKS_THE_DEVICE or (i not in hosts.HOST_IDS and not hosts_vm):
                continue
            if not verdicts & {"info", "warning", "fail"}:
                fail(i, "no tree trips it")
            if "ok" not in verdicts:
                fail(i, "no tree is well in its eyes")
        fresh(root)
        hosts.without_types().remove("/sys/module/kvmgt").write(root)
        check_text(program, root)
        for name, make in hostile(root):
            fresh(root)
            make()
            read_report("hostile " + name, run(program, root, "--json"))
            if run(program, root).returncode not in (0, 1, 2):
                fail("hostile " + name, "no report for people")
        fresh(root)
        done = run(program, root + "/none")
        if done.returncode != 2 or "--root" not in done.stderr:
            fail("--root", "a directory that is not there is taken")
    for line in failures:
        print("FAILED:", line)
    print(f"{count} hosts, {len(seen)} checks, {len(failures)} failures")
    sys.exit(1 if failures else 0)


main()
