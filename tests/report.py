#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: tests/report.py OTHER-RESULTS PREFIX=TESTLOG...

Adds up meson's test logs and the checks that tests/run made itself, prints the tail of each failed
test and the reason of each skip, and ends with "N passed, N failed, N skipped". OTHER-RESULTS has
lines of three fields with tabs between them: ok, fail or skip; name; one line of reason.
"""

import json
import os
import sys

TAIL = 40  # lines of a failed test's output


def last_line(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason was given"


def read_meson(prefix, path):
    """(state, name, text) of each test in a testlog.json, which has one JSON object a line."""
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            entry = json.loads(line)
            name = prefix + entry["name"].removeprefix("vgpu-bridge:")
            text = (entry.get("stdout") or "") + (entry.get("stderr") or "")
            if entry["result"] in ("OK", "EXPECTEDFAIL"):
                yield "ok", name, text
            elif entry["result"] == "SKIP":
                yield "skip", name, last_line(text)
            else:
                tail = "\n".join(text.splitlines()[-TAIL:])
                how = f"{entry['result']}, exit status {entry.get('returncode')}"
                yield "fail", name, f"{how}, after {entry.get('duration', 0):.1f} s\n{tail}"


def main():
    results = []
    with open(sys.argv[1], encoding="utf-8", errors="replace") as file:
        for line in file:
            results.append(tuple(line.rstrip("\n").split("\t", 2)))
    for argument in sys.argv[2:]:
        prefix, path = argument.split("=", 1)
        if os.path.exists(path):
            results += read_meson(prefix, path)
        else:
            results.append(("fail", prefix + "all", f"there is no {path}: meson test did not run"))

    counts = {"ok": 0, "fail": 0, "skip": 0}
    for state, _, _ in results:
        counts[state] += 1
    for _, name, text in [result for result in results if result[0] == "skip"]:
        print(f"SKIPPED {name}: {text}")
    for _, name, text in [result for result in results if result[0] == "fail"]:
        print(f"FAILED {name}: {text}")
    if counts["ok"] + counts["fail"] == 0:
        print("FAILED: no test ran at all")
        counts["fail"] = 1
    print(f"{counts['ok']} passed, {counts['fail']} failed, {counts['skip']} skipped")
    return 1 if counts["fail"] else 0


sys.exit(main())
