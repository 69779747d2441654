# SPDX-License-Identifier: MIT
"""Runs the cases of one end-to-end test, and gives them a bridge and viewers.

A test is a script that ends with case.main(function, ...). Each function gets a Setup; it passes by
returning, fails by any exception, and is left out by raising Skip. The script exits 0, 1, or 77 where
nothing could be run.
"""

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

import bridge
import client


class Skip(Exception):
    """What the case needs is not on this machine; the text says what."""


def check(condition, message):
    if not condition:
        raise AssertionError(message)


def wait_for(what, seconds, predicate):
    """Polls until predicate() gives something true, and returns that."""
    end = time.monotonic() + seconds
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.01)


class Setup:
    """What one case works with: paths, the renderer, a directory of its own, bridges and viewers."""

    def __init__(self, args, directory):
        self.renderer = args.renderer
        self.full = args.full
        self.build = os.path.abspath(args.build)
        self.source = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        self.directory = directory
        self.program = os.path.join(self.build, "bridge", "vgpu-bridge")
        self.probe = os.path.join(self.build, "tests", "client", "spice-probe")
        self.painter = os.path.join(self.build, "tests", "bench", "painter")
        self.gl_passes = 0
        for path in (self.program, self.probe):
            if not os.access(path, os.X_OK):
                raise Skip(f"{path} is not built")

    def path(self, name):
        return os.path.join(self.directory, name)

    @contextlib.contextmanager
    def bridge(self, simulate="1280x720", options=(), **kwargs):
        """A serving bridge; ended, and its exit code checked, when the block is left."""
        b = bridge.Bridge(self, simulate, options, **kwargs)
        try:
            b.start()
            yield b
            if b.running():
                self.check_renderer(b)
                self.check_filter(b)
                seconds, code = b.stop()
                check(code == 0, f"the bridge ended with {code}\n{b.log_tail()}")
        except BaseException:
            print(b.log_tail(), file=sys.stderr)
            raise
        finally:
            b.kill()

    def check_filter(self, b):
        """What the bridge needs is what the filter lets through."""
        refused = b.counters()["sandbox"]["refused"]
        check(refused == 0, f"{refused} system calls were refused\n{b.log_tail()}")

    def check_renderer(self, b):
        """The gl runs have to be what they say: imports, and no look at the pixels by the CPU."""
        counters = b.counters()["render"]
        if not counters["passes"]:
            return
        if self.renderer == "gl" and b.has_dmabuf:
            check(counters["imports"] > 0, f"gl: nothing was imported: {counters}")
            check(counters["cpu_maps"] == 0, f"gl: buffers were mapped: {counters}")
        if self.renderer == "cpu":
            check(counters["imports"] == 0, f"cpu: something was imported: {counters}")

    @contextlib.contextmanager
    def client(self, uri, *args, connect=True):
        c = client.Client(self.probe, uri, *args)
        try:
            if connect:
                c.connected()
            yield c
        except BaseException:
            print(c.events_tail(), file=sys.stderr)
            raise
        finally:
            c.kill()


def gl_is_missing(build):
    """Why the gl renderer can't import here, or None."""
    program = os.path.join(build, "bridge", "vgpu-bridge")
    result = subprocess.run(
        [*bridge.with_mesa(build), program, "probe", "--simulate", "--renderer=gl"],
        capture_output=True, text=True, timeout=60)
    if result.returncode == 4:
        return (result.stderr.strip() or result.stdout.strip()).splitlines()[-1]
    return None


def main(*cases):
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.environ.get("BUILD_DIR", "build"))
    parser.add_argument("--renderer", choices=("cpu", "gl"), default="cpu")
    parser.add_argument("--full", action="store_true", help="the long form, by the clock")
    parser.add_argument("case", nargs="*", help="names of the cases to run; default: all")
    args = parser.parse_args()
    if args.renderer == "gl":
        why = gl_is_missing(args.build)
        if why:
            print(f"SKIP all: the gl renderer can't be used here: {why}")
            sys.exit(77)
    passed = failed = 0
    for function in cases:
        if args.case and function.__name__ not in args.case:
            continue
        directory = tempfile.mkdtemp(prefix="vgpu-e2e-")
        begin = time.monotonic()
        try:
            note = function(Setup(args, directory))
            passed += 1
            verdict = "ok"
        except Skip as reason:
            verdict, note = "SKIP", str(reason)
        except Exception as error:
            failed += 1
            traceback.print_exc()
            verdict, note = "FAIL", f"{type(error).__name__}: {error}"
        finally:
            shutil.rmtree(directory, ignore_errors=True)
        seconds = time.monotonic() - begin
        print(f"{verdict} {function.__name__} ({args.renderer}, {seconds:.1f} s)"
              + (f": {note}" if note else ""), flush=True)
    if failed:
        sys.exit(1)
    sys.exit(0 if passed else 77)
