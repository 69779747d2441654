# SPDX-License-Identifier: MIT
"""Inside the test machine: its display devices, a bridge that serves one, and the cases' runner."""

import contextlib
import glob
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
import uuid

import bridge
import case
import client

HERE = "/share"
PROGRAM = f"{HERE}/bin/vgpu-bridge"
PROBE = f"{HERE}/bin/spice-probe"
POKE = f"{HERE}/bin/poke"
RENDER_NODE = "/dev/dri/renderD128"
MS = 60000  # the machine runs in software emulation, beside other work

check = case.check
wait_for = case.wait_for


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def poke(*words):
    result = subprocess.run([POKE, *map(str, words)], capture_output=True, text=True, timeout=60)
    check(result.returncode == 0, f"poke {words}: {result.stderr.strip()}")
    return result.stdout.strip()


def load_modules():
    """The drivers: Debian's where the kernel has them as modules, then our own."""
    for name in ("vfio", "vfio_iommu_type1", "mdev", "drm_shmem_helper", "drm_kms_helper"):
        subprocess.run(["modprobe", "-q", name], check=False)
    for name in ("mdpy", "mbochs", "vbtest", "vgem_t"):
        subprocess.run(["insmod", f"{HERE}/modules/{name}.ko"], check=True)
    wait_for("the render node", 60, lambda: os.path.exists(RENDER_NODE))


class Device:
    """An mdev device of one type ("mdpy-xga"), for as long as the block lasts."""

    def __init__(self, kind):
        self.kind = kind
        self.uuid = str(uuid.uuid4())
        self.path = f"/sys/bus/mdev/devices/{self.uuid}"

    def __enter__(self):
        parent = self.kind.split("-")[0]
        write(f"/sys/class/mdev_bus/{parent}/mdev_supported_types/{self.kind}/create", self.uuid)
        wait_for("the mdev device", 60, lambda: os.path.exists(f"{self.path}/iommu_group"))
        return self

    def __exit__(self, kind, value, trace):
        removed = self.remove()
        if kind is None:
            check(removed, f"{self.kind} can't be removed: somebody has it open")

    def remove(self, seconds=60):
        """The kernel waits in "remove" until nobody has the device open. False: in vain."""
        if not os.path.exists(self.path):
            return True
        thread = threading.Thread(target=write, args=(f"{self.path}/remove", "1"), daemon=True)
        thread.start()
        thread.join(seconds)
        return not thread.is_alive()

    @property
    def group(self):
        return os.path.basename(os.readlink(f"{self.path}/iommu_group"))

    @property
    def cdev(self):
        names = glob.glob(f"{self.path}/vfio-dev/vfio*")
        check(len(names) == 1, f"no cdev of {self.kind}: {names}")
        return f"/dev/vfio/devices/{os.path.basename(names[0])}"

    def source(self, way):
        """The bridge's words for it, and words that have to stand before the bridge."""
        if not isinstance(way, str):
            return way # somebody else has the device: the words are given
        if way == "group":
            return ["--group", self.group], []
        if way == "cdev":
            return ["--cdev", self.cdev], []
        if way == "fd":
            return ["--fd", "@"], [POKE, "open", "mdev", self.uuid]
        if way == "cdev-fd":
            return ["--fd", "@"], [POKE, "open", "cdev", self.cdev]
        return ["--mdev", self.uuid], []

    # vbtest only

    def control(self, **values):
        """control(primary_on=1, buffer0=4096): see vbtest.c for the keys."""
        text = " ".join(f"{key.replace('_', '.')}={value}" for key, value in values.items())
        write(f"{self.path}/vbtest/control", text)

    def status(self):
        lines = read(f"{self.path}/vbtest/status").split()
        return {key: int(value) for key, value in (line.split("=") for line in lines)}

    def fill(self, buffer, path):
        shutil.copyfile(path, f"{self.path}/vbtest/buffer{buffer}")


class Bridge(bridge.Bridge):
    """A serving bridge on a kernel device."""

    def __init__(self, setup, device, way, options=(), run=None):
        """With run, the words of a QEMU, the bridge is to start that itself."""
        super().__init__(setup, "", (), tcp=False, control=False)
        words, before = device.source(way)
        self.has_dmabuf = not device.kind.startswith("mdpy")
        # The device's fd is inherited; nothing else may stand between poke and the bridge.
        self.command_line = [*before, PROGRAM, "run" if run else "serve", *words,
                             f"--listen=unix:{self.socket_path}",
                             f"--renderer={setup.renderer}", *options]
        if setup.renderer == "gl":
            self.command_line.append(f"--render-node={RENDER_NODE}")
        if run:
            self.command_line += ["--", *run]

    def start(self, seconds=120):
        """As bridge.Bridge, but Mesa's first start may take long here."""
        super().start(seconds)

    def counters(self, timeout=60):
        return super().counters(timeout)


class Client(client.Client):
    """A viewer in a slow machine: what it waits for may well need all the time it was given."""

    def receive(self, timeout=30, what="a command"):
        return super().receive(timeout + 60, what)


class Setup(case.Setup):
    """What one case works with; tests/e2e has the rest of it."""

    def __init__(self, renderer, ways, directory):
        # The paths are the machine's, so the host's build directory plays no part.
        self.renderer = renderer
        self.ways = ways
        self.directory = directory
        self.build = HERE
        self.program = PROGRAM
        self.probe = PROBE

    @contextlib.contextmanager
    def client(self, uri, *args, connect=True):
        c = Client(self.probe, uri, *args)
        try:
            if connect:
                c.connected(MS)
            yield c
        except BaseException:
            print(c.events_tail())
            raise
        finally:
            c.kill()

    @contextlib.contextmanager
    def serve(self, device, way="mdev", options=(), read_only=True, run=None):
        """A serving bridge and a viewer of it."""
        b = Bridge(self, device, way, options, run)
        try:
            b.start()
            with self.client(b.unix, *(["--read-only"] if read_only else [])) as viewer:
                yield b, viewer
                self.check_renderer(b)
            if b.running():
                _, code = b.stop(60)
                check(code == 0, f"the bridge ended with {code}")
        except BaseException:
            print(b.log_tail())
            if b.running():
                with contextlib.suppress(Exception):
                    print("counters:", b.counters(10))
            raise
        finally:
            b.kill()

    def picture(self, seed, width, height, stride=None):
        """A picture as a file; with a stride also its packed twin, which is what must be seen."""
        path = self.path(f"picture-{seed}-{width}x{height}")
        poke("picture", seed, width, height, width * 4, path)
        if not stride:
            return path
        wide = f"{path}-{stride}"
        with open(path, "rb") as source, open(wide, "wb") as target:
            for _ in range(height):
                # What lies right of a row is never to be seen.
                target.write(source.read(width * 4) + b"\xa5" * (stride - width * 4))
        return path, wide

    def look(self, device, *options, way="mdev"):
        """What "vgpu-bridge probe" says, and its exit code."""
        words, before = device.source(way)
        result = subprocess.run([*before, PROGRAM, "probe", *words, *options],
                                capture_output=True, text=True, timeout=120)
        return result.stdout + result.stderr, result.returncode

    def log_has(self, b, text):
        wait_for(f"'{text}' in the log", 60, lambda: any(text in line for line in b.lines))


def kernel_complaints():
    """What no test may make the kernel say."""
    text = subprocess.run(["dmesg"], capture_output=True, text=True, check=True).stdout
    words = ("BUG:", "WARNING:", "Oops", "refcount_t", "general protection", "Bad page",
             "segfault", "traps:", "hung task")
    return [line for line in text.splitlines() if any(word in line for word in words)]


def end_strays():
    """A process that a failed case has left with a device open would hold up the machine's end."""
    for path in glob.glob("/proc/[0-9]*/fd"):
        try:
            names = [os.readlink(f"{path}/{name}") for name in os.listdir(path)]
        except OSError: # it has ended
            continue
        if any("vfio" in name for name in names):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(path.split("/")[2]), signal.SIGKILL)


def run(cases, ways, names=()):
    """cases: pairs of a function and the renderers to run it under. Returns the exit code."""
    # Software GL on an emulated processor: less to compile, and cheaper to emulate.
    os.environ["LP_NATIVE_VECTOR_WIDTH"] = "128"
    load_modules()
    failed = passed = 0
    said = len(kernel_complaints())
    for function, renderers in cases:
        for renderer in renderers:
            name = function.__name__
            if names and name not in names:
                continue
            directory = f"/tmp/{name}-{renderer}"
            os.makedirs(directory)
            begin = time.monotonic()
            try:
                note = function(Setup(renderer, ways, directory))
                verdict = "ok"
            except case.Skip as reason:
                verdict, note = "SKIP", str(reason)
            except Exception as error:
                traceback.print_exc(file=sys.stdout)
                verdict, note = "FAIL", (str(error) or type(error).__name__).splitlines()[0]
                end_strays()
            complaints = kernel_complaints()
            if len(complaints) > said:
                verdict, note = "FAIL", f"the kernel said: {complaints[said:][:5]}"
                said = len(complaints)
            failed += verdict == "FAIL"
            passed += verdict == "ok"
            shutil.rmtree(directory, ignore_errors=True)
            print(f"{verdict} {name} ({renderer}, {time.monotonic() - begin:.1f} s)"
                  + (f": {note}" if note else ""), flush=True)
    print(f"in the machine: {passed} ok, {failed} failed", flush=True)
    return 1 if failed or not passed else 0
