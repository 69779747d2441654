#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: options.py PROGRAM EXAMPLE-CONFIG

Every option's bad values, given to the real program: one line on stderr that names the option (or
the thing) and the value, and the documented exit status. An option of --help without a bad value
here is a failure too.
"""

import os
import re
import socket
import subprocess
import sys
import tempfile

USAGE, SOURCE, RENDER, LISTEN = 2, 3, 4, 5
UUID = "00000000-dead-4bad-8bad-000000000000"
SERVE = ["serve", "--simulate", "--listen", "unix:{dir}/sock"]
QUIET = ["--log-level", "error"]
VIEWER = ["viewer-file", "--listen", "tls:127.0.0.1:5901"]
TLS = ["--tls-cert", "{dir}/cert.pem", "--tls-key", "{dir}/key.pem"]

# Arguments; exit status; what the line must hold.
CASES = [
    ([], USAGE, ["serve", "probe"]),
    (["show"], USAGE, ["'show'"]),
    (["serve"], USAGE, ["source"]),
    (["probe"], USAGE, ["source"]),
    (["serve", "--simulate"], USAGE, ["--listen"]),
    (SERVE + ["--frobnicate"], USAGE, ["--frobnicate"]),
    (SERVE + ["--frobnicate=1"], USAGE, ["--frobnicate"]),
    (SERVE + ["--max-fps", "30", "extra"], USAGE, ["'extra'"]),
    (["serve", "--simulate", "--cdev", "/dev/x"], USAGE, ["--simulate", "--cdev"]),
    # sources
    (["probe", "--mdev"], USAGE, ["--mdev"]),
    (["probe", "--mdev", "12"], USAGE, ["--mdev", "'12'"]),
    (["probe", "--mdev", UUID, "--mdev", UUID], USAGE, ["--mdev", UUID]),
    (["probe", "--mdev", UUID] + QUIET, SOURCE, [UUID]),
    (["probe", "--group", "twelve"], USAGE, ["--group", "'twelve'"]),
    (["probe", "--group", "-3"], USAGE, ["--group", "'-3'"]),
    (["probe", "--group", "987654"] + QUIET, SOURCE, ["987654"]),
    (["probe", "--group", "/dev/null"] + QUIET, SOURCE, ["/dev/null"]),
    (["probe", "--cdev", "vfio0"], USAGE, ["--cdev", "'vfio0'"]),
    (["probe", "--cdev", "{dir}/none"] + QUIET, SOURCE, ["{dir}/none"]),
    # Where the kernel has no iommufd, that is what it names.
    (["probe", "--cdev", "/dev/null"] + QUIET, SOURCE, ["/dev/"]),
    (["probe", "--fd", "stdin"], USAGE, ["--fd", "'stdin'"]),
    (["probe", "--fd", "321"], USAGE, ["--fd", "321"]),
    (["probe", "--fd", "0"] + QUIET, SOURCE, ["0"]),
    (["probe", "--vm", "a/b"], USAGE, ["--vm", "'a/b'"]),
    (["probe", "--vm", "no-such-machine"] + QUIET, SOURCE, ["no-such-machine"]),
    (["probe", "--qemu-pid", "none"], USAGE, ["--qemu-pid", "'none'"]),
    (["probe", "--qemu-pid", "2147483647"] + QUIET, SOURCE, ["2147483647", "not running"]),
    (["serve", "--qemu-pid", "2147483647", "--listen", "unix:{dir}/sock"] + QUIET, SOURCE,
     ["2147483647", "not running"]),
    (["serve", "--fd-socket", "x" * 108], USAGE, ["--fd-socket", "107"]),
    (["serve", "--fd-socket", "{dir}/no/s", "--listen", "unix:{dir}/sock"] + QUIET, SOURCE,
     ["{dir}/no/s"]),
    (["serve", "--fd-socket", "{dir}/s", "--fd-socket-uid", "me"], USAGE,
     ["--fd-socket-uid", "'me'"]),
    (["run", "--mdev", UUID, "--listen", "unix:{dir}/sock"], USAGE, ["command"]),
    (["run", "--mdev", UUID, "--listen", "unix:{dir}/sock"] + QUIET + ["--", "qemu"], SOURCE,
     [UUID]),
    (["probe", "--simulate=huge"], USAGE, ["--simulate", "'huge'"]),
    (["probe", "--simulate=0x0"], USAGE, ["--simulate", "'0x0'"]),
    (["probe", "--simulate=99999x99999"], USAGE, ["--simulate", "'99999x99999'"]),
    (["probe", "--simulate=scene=opera"], USAGE, ["--simulate", "opera"]),
    (["probe", "--simulate=fps=0"], USAGE, ["--simulate", "fps=0"]),
    (["probe", "--simulate=fps=241"], USAGE, ["--simulate", "fps=241"]),
    (["probe", "--simulate=colour=red"], USAGE, ["--simulate", "colour=red"]),
    (["probe", "--simulate", "--simulate"], USAGE, ["--simulate", "twice"]),
    (["probe", "--simulate=memory={dir}/none"] + QUIET, SOURCE, ["{dir}/none"]),
    # channels
    (SERVE + ["--qmp", "/q"], USAGE, ["--qmp", "'/q'", "unix:PATH"]),
    (SERVE + ["--qmp", "unix:"], USAGE, ["--qmp", "'unix:'"]),
    (SERVE + ["--qmp=unix:/" + 108 * "q"], USAGE, ["--qmp", "107"]),
    (SERVE + ["--input", "mouse"], USAGE, ["--input", "'mouse'", "auto, none"]),
    (SERVE + ["--agent", "{dir}/a"], USAGE, ["--agent", "'{dir}/a'", "unix:"]),
    (SERVE + ["--agent", "unix:"], USAGE, ["--agent", "'unix:'"]),
    (SERVE + ["--agent", "unix:/a", "--agent", "unix:/b"], USAGE, ["--agent", "unix:/b"]),
    (SERVE + ["--usbredir", "tcp:localhost:1"], USAGE, ["--usbredir", "'tcp:localhost:1'"]),
    (SERVE + [f"--usbredir=unix:/{i}" for i in range(9)], USAGE, ["--usbredir", "'unix:/8'", "8"]),
    (SERVE + ["--usbredir=unix:/u", "--agent=unix:/u"], USAGE, ["--agent", "'unix:/u'", "two"]),
    (SERVE + ["--audio", "loud"], USAGE, ["--audio", "'loud'", "dbus:ADDRESS"]),
    (SERVE + ["--audio", "dbus:/run/bus"], USAGE, ["--audio", "'dbus:/run/bus'", "unix:path="]),
    (SERVE + ["--webdav", "/w"], USAGE, ["--webdav", "'/w'"]),
    (SERVE + ["--smartcard", "unix:/" + 108 * "s"], USAGE, ["--smartcard", "107"]),
    (SERVE + ["--port", "unix:/p"], USAGE, ["--port", "'unix:/p'", "NAME=unix:PATH"]),
    (SERVE + ["--port", "=unix:/p"], USAGE, ["--port", "'=unix:/p'", "name"]),
    (SERVE + ["--port", "a b=unix:/p"], USAGE, ["--port", "'a b=unix:/p'", "letters"]),
    (SERVE + ["--port", 64 * "n" + "=unix:/p"], USAGE, ["--port", "63"]),
    (SERVE + ["--port", "n=/p"], USAGE, ["--port", "'/p'"]),
    (SERVE + ["--port=n=unix:/p", "--port=n=unix:/q"], USAGE, ["--port", "'n=unix:/q'"]),
    (SERVE + ["--port=org.spice-space.webdav.0=unix:/p"], USAGE, ["--port", "--webdav"]),
    (SERVE + ["--port=org.spice-space.stream.0=unix:/p"], USAGE, ["--port", "stream"]),
    # addresses
    (["serve", "--simulate", "--listen"], USAGE, ["--listen"]),
    (["serve", "--simulate", "--listen", "here"], USAGE, ["--listen", "'here'"]),
    (["serve", "--simulate", "--listen", "unix:"], USAGE, ["--listen", "'unix:'"]),
    (["serve", "--simulate", "--listen", "unix:/" + "x" * 107], USAGE, ["--listen", "108"]),
    ([*SERVE, "--control", "/run/x"], USAGE, ["--control", "'/run/x'", "unix:PATH"]),
    ([*SERVE, "--control", "unix:"], USAGE, ["--control", "'unix:'"]),
    ([*SERVE, "--control", "unix:/" + "x" * 107], USAGE, ["--control", "107 bytes"]),
    (["serve", "--simulate", "--listen", "tcp:127.0.0.1"], USAGE, ["--listen", "port"]),
    (["serve", "--simulate", "--listen", "tcp:127.0.0.1:70000"], USAGE, ["--listen", "70000"]),
    (["serve", "--simulate", "--listen", "tcp:::1:5900"], USAGE, ["--listen", "brackets"]),
    (["serve", "--simulate", "--listen", "fd:0"], USAGE, ["--listen", "fd:0"]),
    (["serve", "--simulate", "--listen", "fd:321"], USAGE, ["--listen", "fd:321"]),
    (["serve", "--simulate", "--listen", "tcp:0.0.0.0:0"], USAGE, ["--no-auth"]),
    (["serve", "--simulate", "--listen", "tcp:[::]:0"], USAGE, ["--no-auth"]),
    (["probe", "--simulate", "--listen", "unix:/x"], USAGE, ["--listen", "probe"]),
    (["serve", "--simulate", "--listen", "unix:{dir}/no/sock"] + QUIET, LISTEN, ["{dir}/no/sock"]),
    (["serve", "--simulate", "--listen", "unix:{dir}/file"] + QUIET, LISTEN, ["{dir}/file"]),
    (["serve", "--simulate", "--listen", "tcp:127.0.0.1:{port}"] + QUIET, LISTEN, ["{port}"]),
    (SERVE + ["--no-auth=please"], USAGE, ["--no-auth", "'please'"]),
    (SERVE + ["--password-file", "{dir}/none"], USAGE, ["--password-file", "'{dir}/none'"]),
    (SERVE + ["--password-file", "{dir}"], USAGE, ["--password-file", "'{dir}'"]),
    (SERVE + ["--password-file", "{dir}/world"], USAGE, ["--password-file", "'{dir}/world'"]),
    (SERVE + ["--password-file", "{dir}/empty"], USAGE, ["--password-file", "'{dir}/empty'"]),
    (SERVE + ["--password-file", "{dir}/long"], USAGE, ["--password-file", "'{dir}/long'"]),
    # who may look
    (["serve", "--simulate", "--listen", "unix:{dir}/s,mode=8"], USAGE, ["--listen", "'8'"]),
    (["serve", "--simulate", "--listen", "unix:{dir}/s,mode=066"], USAGE, ["--listen", "'066'"]),
    (["serve", "--simulate", "--listen", "unix:{dir}/s,owner=nemo"], USAGE, ["--listen", "'nemo'"]),
    (["serve", "--simulate", "--listen", "unix:{dir}/s,group=nemo"], USAGE, ["--listen", "'nemo'"]),
    (["serve", "--simulate", "--listen", "unix:{dir}/s,uid=0|nemo"], USAGE, ["--listen", "'nemo'"]),
    (["serve", "--simulate", "--listen", "unix:{dir}/s,b"], USAGE, ["--listen", "'b'", "owner="]),
    (["serve", "--simulate", "--listen", "tcp:127.0.0.1:0,mode=0600"], USAGE, ["'mode=0600'"]),
    (["serve", "--simulate", "--listen", "tls:127.0.0.1"], USAGE, ["--listen", "tls:HOST:PORT"]),
    (["serve", "--simulate", "--listen", "tls:127.0.0.1:0"], USAGE, ["tls:127", "--tls-cert"]),
    (["serve", "--simulate", "--listen", "tls:0.0.0.0:0"] + TLS, USAGE, ["--no-auth"]),
    (SERVE + TLS, USAGE, ["{dir}/cert.pem", "tls:HOST:PORT"]),
    (SERVE + ["--tls-cert", "{dir}/cert.pem"], USAGE, ["--tls-cert", "--tls-key"]),
    (SERVE + ["--tls-key", "{dir}/key.pem"], USAGE, ["--tls-key", "--tls-cert"]),
    (SERVE + ["--tls-ca", "{dir}/cert.pem"], USAGE, ["--tls-ca", "--tls-cert"]),
    (SERVE + ["--tls-ciphers", "HIGH"], USAGE, ["--tls-ciphers", "--tls-cert"]),
    (SERVE + ["--tls-channels", "inputs,sound"], USAGE, ["--tls-channels", "'sound'"]),
    (SERVE + ["--tls-channels="], USAGE, ["--tls-channels", "''"]),
    (SERVE + ["--listen", "tls:127.0.0.1:0"] + TLS, USAGE, ["{dir}/cert.pem"]),
    (SERVE + ["--max-viewers", "0"], USAGE, ["--max-viewers", "'0'"]),
    (SERVE + ["--max-view-only", "9"], USAGE, ["--max-view-only", "'9'"]),
    (SERVE + ["--name", ""], USAGE, ["--name", "''"]),
    (SERVE + ["--uuid", "83b8f4f2"], USAGE, ["--uuid", "'83b8f4f2'"]),
    (SERVE + ["--view-password-file", "{dir}/none"], USAGE, ["--view-pass", "'{dir}/none'"]),
    (SERVE + ["--password-credential", "a/b"], USAGE, ["--password-credential", "'a/b'"]),
    (SERVE + ["--password-credential", "pw"], USAGE, ["'pw'", "LoadCredential"]),
    (SERVE + ["--password-expires", "tomorrow"], USAGE, ["--password-expires", "'tomorrow'"]),
    (SERVE + ["--password-expires", "60"], USAGE, ["--password-expires", "--password-file"]),
    (SERVE + ["--sasl"], USAGE, ["unix:{dir}/sock", "SASL"]),
    (SERVE + ["--sasl", "--no-auth"], USAGE, ["--sasl", "--no-auth"]),
    (SERVE + ["--sasl", "--password-file", "{dir}/good"], USAGE, ["--sasl"]),
    (SERVE + ["--compression", "zip"], USAGE, ["--compression", "'zip'"]),
    # picture
    (SERVE + ["--renderer", "vulkan"], USAGE, ["--renderer", "'vulkan'"]),
    (SERVE + ["--render-node", "{dir}/none"], USAGE, ["--render-node", "'{dir}/none'"]),
    (SERVE + ["--render-node", "{dir}"], USAGE, ["--render-node", "'{dir}'"]),
    # What GL lacks differs from machine to machine.
    (SERVE + ["--renderer", "gl", "--render-node", "/dev/null"] + QUIET, RENDER, [" error: "]),
    (SERVE + ["--max-fps", "0"], USAGE, ["--max-fps", "'0'"]),
    (SERVE + ["--max-fps", "241"], USAGE, ["--max-fps", "'241'"]),
    (SERVE + ["--max-fps", "fast"], USAGE, ["--max-fps", "'fast'"]),
    (SERVE + ["--max-fps", "18446744073709551617"], USAGE, ["--max-fps", "'18446744073709551617'"]),
    (SERVE + ["--max-fps", "30", "--max-fps", "31"], USAGE, ["--max-fps", "'30'", "'31'"]),
    (SERVE + ["--mode", "1920*1080"], USAGE, ["--mode", "'1920*1080'", "1920x1080"]),
    (SERVE + ["--mode", "5000x3000"], USAGE, ["--mode", "'5000x3000'", "4095x4095"]),
    (SERVE + ["--mode", "-800x600"], USAGE, ["--mode", "'-800x600'"]),
    (SERVE + ["--fixed-mode=1"], USAGE, ["--fixed-mode", "'1'"]),
    (SERVE + ["--no-syscall-filter=1"], USAGE, ["--no-syscall-filter", "'1'"]),
    # viewer-file
    (["viewer-file"], USAGE, ["--listen"]),
    (["viewer-file", "--listen", "tcp:127.0.0.1:0"], USAGE, ["'tcp:127.0.0.1:0'", "port"]),
    (VIEWER + ["--host", "[::1]"], USAGE, ["--host", "'[::1]'"]),
    (VIEWER + ["--with-password"], USAGE, ["--with-password", "--password-file"]),
    (VIEWER + ["--with-password", "--password-file", "{dir}/none"], USAGE, ["'{dir}/none'"]),
    (VIEWER + ["--tls-cert", "{dir}/none"], USAGE, ["--tls-cert", "{dir}/none"]),
    (VIEWER + ["--tls-cert", "{dir}/file"], USAGE, ["--tls-cert", "'{dir}/file'"]),
    (VIEWER + ["--tls-ca", "{dir}/none"], USAGE, ["--tls-ca", "{dir}/none"]),
    # more sources
    (SERVE + ["--also", "simulate"], USAGE, ["--also", "'simulated'", "name="]),
    (SERVE + ["--also", "simulate:huge,name=b"], USAGE, ["--also", "'huge'"]),
    (SERVE + ["--also", "simulate:,name=next"], USAGE, ["--also", "'next'"]),
    (SERVE + ["--also", "simulate:,name=host"], USAGE, ["--also", "'host'"]),
    (SERVE + ["--also", "simulate:,name="], USAGE, ["--also", "name"]),
    (SERVE + ["--also", "simulate:,name=a\nb"], USAGE, ["--also", "control characters"]),
    (SERVE + ["--also", "vm:host"], USAGE, ["--also", "'host'"]),
    (SERVE + ["--also", "vm:"], USAGE, ["--also", "''"]),
    (SERVE + ["--also", "vm:a/b"], USAGE, ["--also", "'a/b'"]),
    (SERVE + ["--also", "vm"], USAGE, ["--also", "''"]),
    (SERVE + ["--also", "mdev:1234"], USAGE, ["--also", "'1234'"]),
    (SERVE + ["--also", "cdev:vfio0"], USAGE, ["--also", "'vfio0'"]),
    (SERVE + ["--also", "group:x"], USAGE, ["--also", "'x'"]),
    (SERVE + ["--also", f"cdev:/dev/x,mdev={UUID}"], USAGE, ["--also", "mdev="]),
    (SERVE + ["--also", "vm:a,mdev=5"], USAGE, ["--also", "'5'"]),
    (SERVE + ["--also", "vm:a,qmp=/a"], USAGE, ["--also", "'/a'", "unix:PATH"]),
    (SERVE + ["--also", "fd:7"], USAGE, ["--also", "'fd:7'", "vm:"]),
    (SERVE + ["--also", ""], USAGE, ["--also", "''", "vm:"]),
    (SERVE + ["--also", "vm:a", "--also", "vm:a"], USAGE, ["--also", "'a'", "two sources"]),
    (SERVE + ["--qmp=unix:/q", "--also", "vm:a,qmp=unix:/q"], USAGE, ["'a'", "/q", "monitor"]),
    (SERVE + ["--also", "vm:a", "--source-name", "a"], USAGE, ["'a'", "two sources"]),
    (SERVE + [f"--also=vm:v{i}" for i in range(8)], USAGE, ["--also", "'vm:v7'", "7"]),
    (SERVE + ["--source-name", "next"], USAGE, ["--source-name", "'next'"]),
    (SERVE + ["--switch-on-create"], USAGE, ["--switch-on-create", "--also"]),
    (SERVE + ["--switch-on-create=yes"], USAGE, ["--switch-on-create", "'yes'"]),
    (["serve", "--qemu-pid", "1", "--also", "vm:a", "--listen", "unix:{dir}/s"], USAGE,
     ["--also", "--qemu-pid"]),
    (["serve", "--fd-socket", "{dir}/h", "--also", "vm:a", "--listen", "unix:{dir}/s"], USAGE,
     ["--also", "--fd-socket"]),
    (["probe", "--simulate", "--also", "vm:a"], USAGE, ["--also", "probe"]),
    # general
    (SERVE + ["--trace", "{dir}/no/trace"], USAGE, ["--trace", "'{dir}/no/trace'"]),
    (SERVE + ["--log-level", "chatty"], USAGE, ["--log-level", "'chatty'"]),
    (SERVE + ["--config", "{dir}/none"], USAGE, ["--config", "'{dir}/none'"]),
    (SERVE + ["--config", "{dir}"], USAGE, ["--config", "'{dir}'"]),
    (SERVE + ["--config", "{dir}/unknown.conf"], USAGE, ["unknown.conf:2", "'max-fsp'", "'30'"]),
    (SERVE + ["--config", "{dir}/value.conf"], USAGE, ["value.conf:1", "max-fps", "'300'"]),
    (SERVE + ["--config", "{dir}/twice.conf"], USAGE, ["twice.conf:2", "max-fps", "'2'"]),
    (SERVE + ["--help=all"], USAGE, ["--help", "'all'"]),
    (SERVE + ["--version=2"], USAGE, ["--version", "'2'"]),
]


def make_files(directory):
    files = {
        "file": ("", 0o600),
        "good": ("secret\n", 0o600),
        "world": ("secret\n", 0o644),
        "empty": ("\nsecret\n", 0o600),
        "long": ("x" * 61 + "\n", 0o600),
        "unknown.conf": ("[vgpu-bridge]\nmax-fsp=30\n", 0o644),
        "value.conf": ("max-fps=300\n", 0o644),
        "twice.conf": ("max-fps=1\nmax-fps=2\n", 0o644),
    }
    for name, (text, mode) in files.items():
        path = os.path.join(directory, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)


def run(program, arguments):
    return subprocess.run(
        [program] + arguments, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30
    )


def check(program, arguments, status, needles):
    try:
        done = run(program, arguments)
    except subprocess.TimeoutExpired:
        return "it went on instead of refusing"
    lines = done.stderr.splitlines()
    if status == RENDER:
        # Mesa says its own on stderr before.
        lines = [line for line in lines if line.startswith("vgpu-bridge:")]
    if done.returncode != status:
        return f"exit status {done.returncode}, not {status}; stderr: {done.stderr!r}"
    if len(lines) != 1:
        return f"{len(lines)} lines on stderr, not one: {done.stderr!r}"
    if done.stdout:
        return f"something on stdout: {done.stdout!r}"
    missing = [needle for needle in needles if needle not in lines[0]]
    if missing:
        return f"{missing} is not in {lines[0]!r}"
    return None


def main():
    program, example = sys.argv[1:3]
    failures = 0

    with tempfile.TemporaryDirectory() as directory, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        places = {"dir": directory, "port": str(taken.getsockname()[1])}
        make_files(directory)
        for arguments, status, needles in CASES:
            arguments = [argument.format(**places) for argument in arguments]
            problem = check(program, arguments, status, [n.format(**places) for n in needles])
            if problem:
                failures += 1
                print(f"FAILED {' '.join(arguments)}: {problem}")

    given = {argument.split("=")[0] for case in CASES for argument in case[0]}
    options = set()
    for verb in ("serve", "probe", "run", "viewer-file"):
        done = run(program, [verb, "--help"])
        options |= set(re.findall(r"^ +(?:-\w, +)?(--[a-z-]+)", done.stdout, re.M))
        if done.returncode != 0 or done.stderr:
            failures += 1
            print(f"FAILED {verb} --help: {done}")
    if len(options) < 10 or options - given:
        failures += 1
        print(f"FAILED options without a bad value here: {options - given} of {len(options)}")

    done = run(program, ["--version"])
    if done.returncode != 0 or not re.fullmatch(r"vgpu-bridge [0-9.]+\n", done.stdout):
        failures += 1
        print(f"FAILED --version: {done}")
    done = run(program, ["probe", "--config", example])
    if done.returncode != 0:
        failures += 1
        print(f"FAILED the example config: {done}")
    # Without standard input and output the broker's sockets would have their numbers.
    done = run("/bin/sh", ["-c", '"$0" probe --group 987654 <&- >&-', program])
    if done.returncode != SOURCE or "987654" not in done.stderr:
        failures += 1
        print(f"FAILED without standard input and output: {done}")
    print(f"{len(CASES)} bad command lines, {failures} failures")
    return 1 if failures else 0


sys.exit(main())
