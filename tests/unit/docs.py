#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Man page and completion know the options that --help knows, and no others."""

import re
import subprocess
import sys


def fail(text):
    print("FAILED:", text)
    sys.exit(1)


def complete(script, line):
    """What bash offers after the line was typed."""
    code = (
        'source "$1"; COMP_LINE=$2; COMP_POINT=${#2}; _vgpu_bridge; '
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    shell = subprocess.run(
        ["bash", "-c", code, "bash", script, line], capture_output=True, text=True, check=True
    )
    if shell.stderr:
        fail(f"completing '{line}': {shell.stderr}")
    return set(shell.stdout.split())


def cut_tools(man):
    """The man page without the sections of the tools, and those."""
    sections = {}
    for match in re.finditer(r"^## vgpu-bridge ([a-z-]+)\b.*?(?=^#)", man, re.M | re.S):
        sections[match[1]] = match[0]
        man = man.replace(match[0], "")
    return man, sections


TOOLS = (
    "list",
    "create",
    "remove",
    "prune",
    "xml",
    "qemu-args",
    "unit",
    "doctor",
    "status",
    "events",
    "metrics",
    "screenshot",
    "log-level",
    "set",
    "display",
)


def main():
    generator, man_source, completion = sys.argv[1:4]
    helps = {}
    for verb in ("serve", "probe", "run", "viewer-file"):
        text = subprocess.run(
            [generator, "help", verb], capture_output=True, text=True, check=True
        ).stdout
        helps[verb] = set(re.findall(r"^ +(?:-\w, +)?(--[a-z-]+)", text, re.M))
        if len(helps[verb]) < 8:
            fail(f"--help of {verb} has only {helps[verb]}")
        offered = complete(completion, f"vgpu-bridge {verb} --")
        if offered != helps[verb]:
            fail(f"{verb}: --help and completion differ in {offered ^ helps[verb]}")

    tools = {}
    for verb in TOOLS:
        text = subprocess.run(
            [generator, "help", verb], capture_output=True, text=True, check=True
        ).stdout
        tools[verb] = set(re.findall(r"^ +(--[a-z-]+)", text, re.M))
        offered = complete(completion, f"vgpu-bridge {verb} --")
        if offered != tools[verb]:
            fail(f"{verb}: --help and completion differ in {offered ^ tools[verb]}")

    with open(man_source, encoding="utf-8") as file:
        man = file.read()
    if re.search("@[A-Z]+( [a-z]+)?@", man):
        fail("the man page has a place that was not filled")
    man, sections = cut_tools(man)
    for verb, options in tools.items():
        if verb not in sections:
            fail(f"the man page does not tell of {verb}")
        described = set(re.findall(r"^\*(--[a-z-]+)\*", sections[verb], re.M)) | {"--help"}
        if described != options:
            fail(f"{verb}: --help and man page differ in {described ^ options}")
    described = set(re.findall(r"^(?:\*-\w\*, )?\*(--[a-z-]+)\*", man, re.M))
    every = set().union(*helps.values())
    if described != every:
        fail(f"--help and man page differ in {described ^ every}")

    wanted = {
        "vgpu-bridge ": {"serve", "probe", "run", "viewer-file", "--help", "--version", *TOOLS},
        "vgpu-bridge se": {"serve", "set"},
        "vgpu-bridge create --for w": {"windows"},
        "vgpu-bridge display set-": {"set-edid"},
        "vgpu-bridge log-level --on x d": {"debug"},
        "vgpu-bridge serve --simulate --renderer ": {"auto", "gl", "cpu"},
        "vgpu-bridge serve --simulate --renderer=g": {"gl"},
        "vgpu-bridge serve --simulate --compression auto": {"auto", "auto-lz", "auto-glz"},
        "vgpu-bridge serve --listen u": {"unix:"},
        "vgpu-bridge probe --log-level=": {"error", "warning", "info", "debug"},
        "vgpu-bridge probe --simulate=scene=b": {"box"},
    }
    for line, words in wanted.items():
        offered = complete(completion, line)
        if offered != words:
            fail(f"'{line}' is completed with {offered}, not {words}")
    print(f"{len(described)} options agree")


main()
