#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: hostfiles.py CASE SOURCE BUILD

What is installed beside the program, read by the tools that will read it: the units' exposure as
systemd counts it, the users and folders, AppArmor's and SELinux' compilers, and the hook of libvirt.
SOURCE and BUILD are the folders bridge/. Where a tool is not there the case is skipped.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

SOURCE, BUILD = sys.argv[2:4]
EXPOSURE = 20  # tenths
EXPOSURE_NETWORK = 22  # with a drop-in for addresses that other machines reach
NETWORK = "PrivateNetwork=no\nIPAddressDeny=\nRestrictAddressFamilies=AF_INET AF_INET6\n"


def fail(text):
    raise AssertionError(text)


def need(tool):
    path = shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        print(f"SKIP: there is no {tool}")
        sys.exit(77)
    return path


def run(*command, good=True, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", timeout=120, check=False, **more)
    if good and done.returncode != 0:
        fail(f"{' '.join(command)}: {done.returncode}\n{done.stdout}")
    return done


def read(*parts):
    with open(os.path.join(*parts), encoding="utf-8") as file:
        return file.read()


def service():
    return read(BUILD, "systemd", "vgpu-bridge@.service")


def exposure(directory):
    tool = need("systemd-analyze")
    for drop_in, limit in (("", EXPOSURE), (NETWORK, EXPOSURE_NETWORK)):
        path = os.path.join(directory, "vgpu-bridge@x.service")
        with open(path, "w", encoding="utf-8") as file:
            # A drop-in says its words after the unit has said its own.
            file.write(service().replace("\n[Install]", f"\n{drop_in}[Install]"))
        done = run(tool, "security", "--offline=true", f"--threshold={limit}", "--no-pager", path,
                   good=False)
        found = re.search(r"exposure level for .*: ([0-9.]+)", done.stdout)
        if not found:
            if "nknown command" in done.stdout or "unrecognized option" in done.stdout:
                print("SKIP: this systemd-analyze can't look at files (systemd 250 can)")
                sys.exit(77)
            fail(done.stdout)
        print(f"exposure {found.group(1)}, at most {limit / 10}")
        if done.returncode != 0:
            fail(f"exposure is {found.group(1)}:\n{done.stdout}")


def syntax(directory):
    """Units, users and folders, in a root of their own."""
    tool = need("systemd-analyze")
    for part in ("etc", "units", "usr/lib/sysusers.d", "usr/lib/tmpfiles.d"):
        os.makedirs(os.path.join(directory, part))
    units = os.path.join(directory, "units")
    # A program that is not installed would be all that it had to say.
    with open(os.path.join(units, "vgpu-bridge@.service"), "w", encoding="utf-8") as file:
        file.write(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", service(), flags=re.M))
    shutil.copy(os.path.join(SOURCE, "systemd/vgpu-bridge@.socket"), units)
    for kind in ("service", "socket"):
        done = run(tool, "verify", "--man=no", f"{units}/vgpu-bridge@my-vm.{kind}", good=False,
                   env={**os.environ, "SYSTEMD_UNIT_PATH": f"{units}:"})
        wrong = [line for line in done.stdout.splitlines() if "vgpu-bridge@" in line]
        if wrong:
            fail("\n".join(wrong))
    for kind in ("sysusers", "tmpfiles"):
        shutil.copy(os.path.join(SOURCE, f"systemd/vgpu-bridge.{kind}"),
                    os.path.join(directory, f"usr/lib/{kind}.d/vgpu-bridge.conf"))
    if os.getuid() != 0:
        print("not root: users and folders are not made")
        return
    # Twice, as with each package that is installed.
    for _ in range(2):
        run(need("systemd-sysusers"), f"--root={directory}")
    users = read(directory, "etc/passwd")
    groups = read(directory, "etc/group")
    if not re.search(r"^vgpu-bridge:.*:/usr/sbin/nologin$", users, re.M):
        fail(f"no such user: {users}")
    for group in ("kvm", "render"):
        if not re.search(rf"^{group}:.*:vgpu-bridge$", groups, re.M):
            fail(f"not in {group}: {groups}")
    run(need("systemd-tmpfiles"), "--create", f"--root={directory}", "--prefix=/run/vgpu-bridge")
    status = os.stat(os.path.join(directory, "run/vgpu-bridge"))
    if status.st_mode & 0o777 != 0o755:
        fail(f"the folder of sockets has mode {status.st_mode:o}")


def apparmor(directory):
    tool = need("apparmor_parser")
    options = [tool, "-Q", "-K", "-S"]
    run(*options, os.path.join(SOURCE, "apparmor/vgpu-bridge"))
    lines = os.path.join(directory, "lines")
    with open(lines, "w", encoding="utf-8") as file:
        file.write("profile of-a-domain {\n" + read(SOURCE, "apparmor/libvirt-qemu") + "}\n")
    run(*options, lines)
    with open(lines, "a", encoding="utf-8") as file:
        file.write("profile broken {\n  no such rule,\n}\n")
    if run(*options, lines, good=False).returncode == 0:
        fail("this parser takes everything")


def selinux(directory):
    need("checkmodule")
    makefile = "/usr/share/selinux/devel/Makefile"
    if not os.path.exists(makefile):
        print("SKIP: there is no selinux-policy-dev")
        sys.exit(77)
    for end in ("te", "fc"):
        shutil.copy(os.path.join(SOURCE, f"selinux/vgpu_bridge.{end}"), directory)
    done = run("make", "-f", makefile, "vgpu_bridge.pp", cwd=directory)
    if not os.path.getsize(os.path.join(directory, "vgpu_bridge.pp")):
        fail(done.stdout)


def hook(directory):
    """Starts the right unit, or none, and never waits or fails."""
    etc = os.path.join(directory, "etc")
    calls = os.path.join(directory, "calls")
    script = os.path.join(directory, "hook")
    os.makedirs(etc)
    with open(script, "w", encoding="utf-8") as file:
        file.write(read(SOURCE, "libvirt/vgpu-bridge.hook").replace("/etc/vgpu-bridge/", f"{etc}/"))
    fake = os.path.join(directory, "systemctl")
    with open(fake, "w", encoding="utf-8") as file:
        # One that hangs, and fails in the end.
        file.write(f"#!/bin/sh\necho \"$*\" >>{calls}\nsleep 3\nexit 1\n")
    os.chmod(fake, 0o755)
    for name in ("win10", "my-vm_2.x", "a_b___.c"):
        open(os.path.join(etc, f"{name}.conf"), "w", encoding="utf-8").close()
    environment = {**os.environ, "PATH": f"{directory}:{os.environ['PATH']}"}
    begin = time.monotonic()
    for name, operation in (("win10", "started"), ("win10", "stopped"), ("win10", "prepare"),
                            ("other", "started"), ("my-vm_2.x", "started"), ("", "started"),
                            ("a b/;$.c", "started"), ("../win10", "started")):
        done = run("sh", script, name, operation, "begin", "-", env=environment, input="<domain/>",
                   good=False)
        if done.returncode != 0 or done.stdout:
            fail(f"{name} {operation}: {done.returncode}, {done.stdout}")
    if time.monotonic() - begin > 2.5 and os.getloadavg()[0] < 4:
        fail("libvirt is kept waiting")
    wanted = sorted(f"--no-block start vgpu-bridge@{name}.service"
                    for name in ("win10", "my-vm_2.x", "a_b___.c"))
    end = time.monotonic() + 20
    found = []
    while found != wanted and time.monotonic() < end:
        time.sleep(0.05)
        found = sorted(read(calls).splitlines()) if os.path.exists(calls) else []
    if found != wanted:
        fail(f"started {found}, not {wanted}")


def main():
    cases = {"exposure": exposure, "syntax": syntax, "apparmor": apparmor, "selinux": selinux,
             "hook": hook}
    with tempfile.TemporaryDirectory() as directory:
        cases[sys.argv[1]](directory)


main()
