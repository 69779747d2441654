#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: terminal.py PROGRAM

A password that is asked for on a terminal is not shown, and however that ends, the terminal shows again
what is typed.
"""

import os
import pty
import select
import signal
import sys
import termios
import time

SECONDS = 20


def shows(fd):
    return bool(termios.tcgetattr(fd)[3] & termios.ECHO)


def read(fd, text, until):
    """What the terminal shows, to the time when it holds this text and until() is true."""
    end = time.monotonic() + SECONDS
    seen = ""
    while text not in seen or not until():
        if time.monotonic() > end:
            raise AssertionError(f"the terminal has {seen!r}")
        if select.select([fd], [], [], 0.05)[0]:
            seen += os.read(fd, 4096).decode()
    return seen


def ask(program, keys, text):
    """The exit status, and what was on the terminal."""
    master, slave = pty.openpty()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        for fd in range(3):
            os.dup2(slave, fd)
        # The first terminal that is opened is the one whose keys make signals.
        os.close(os.open(os.ttyname(slave), os.O_RDWR))
        os.execv(program, [program, "set", "password", "--on", "/nowhere/to/be.control"])
    read(master, "New password: ", lambda: not shows(slave))
    os.write(master, keys)
    _, status = os.waitpid(pid, 0)
    seen = read(master, text, lambda: True)
    good = shows(slave)
    os.close(slave)
    os.close(master)
    if not good:
        raise AssertionError(f"after {keys} the terminal shows nothing any more")
    if "secret" in seen:
        raise AssertionError(f"the password is shown: {seen!r}")
    return status, seen


def main():
    program = sys.argv[1]
    status, seen = ask(program, b"secret\n", "/nowhere/to/be")
    if not os.WIFEXITED(status) or os.WEXITSTATUS(status) != 1 or "/nowhere/to/be" not in seen:
        raise AssertionError(f"{status}: {seen!r}")
    status, seen = ask(program, b"secret\x03", "\n")
    if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGINT:
        raise AssertionError(f"{status}: {seen!r}")


main()
