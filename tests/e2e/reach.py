# SPDX-License-Identifier: MIT
"""The way to a device that another process has: found, taken, lost and found again.

The machine has no VFIO: tests/fake makes a file into a device for the bridge. All else is real, the
processes, their rights, pidfd_getfd() and the sockets.
"""

import array
import contextlib
import os
import re
import signal
import socket
import subprocess
import time

import bridge
import case

WIDTH, HEIGHT = 640, 480
NOBODY = 65534
# Names are the whole machine's: another run of this test may be under way.
NAME = f"one-{os.getpid()}"
CAPS = "sys_ptrace,dac_read_search"
CAP_BITS = 1 << 19 | 1 << 2


def device(setup, name, colour, file="fake-vfio-device"):
    """A fake device that shows one colour; returns its path and that of what a viewer has to see."""
    directory = setup.path(name)
    os.makedirs(directory)
    os.chmod(setup.directory, 0o755)
    pixels = colour.to_bytes(4, "little") * (WIDTH * HEIGHT)
    path, reference = f"{directory}/{file}", f"{directory}/reference"
    with open(path, "wb") as file:
        file.write(pixels + bytes(12345))
    with open(reference, "wb") as file:
        file.write(pixels)
    return path, reference


def bind(path, bound):
    """As QEMU does with a cdev, in its own time."""
    with open(path, "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\0" if bound else b"\1")


def shim(setup):
    return ["env", f"LD_PRELOAD={setup.build}/tests/fake/libfake-vfio.so"]


def name_of(pid):
    with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
        return file.read().strip()


class Serving(bridge.Bridge):
    """A bridge with another source than a simulated one."""

    def __init__(self, setup, source, before=(), verb="serve", after=()):
        super().__init__(setup, "plane=region", tcp=False, control=False)
        self.command_line = [
            *before, *shim(setup), setup.program, verb, *source, f"--listen=unix:{self.socket_path}",
            "--renderer=cpu", "--log-level=debug", *after]

    def said(self, text):
        return any(text in line for line in list(self.lines))

    def wait_said(self, text, seconds=10):
        case.wait_for(f"the bridge says '{text}'", seconds, lambda: self.said(text))

    def child(self):
        """Of the broker, by name."""
        with open(f"/proc/{self.pid}/task/{self.pid}/children", encoding="ascii") as file:
            children = file.read().split()
        # With --vm there may be the one that speaks to libvirt, too.
        brokers = [pid for pid in children if name_of(pid) in ("vgpu-broker", "vgpu-launcher")]
        case.check(len(brokers) == 1, f"not one broker in {children}")
        return int(brokers[0])


@contextlib.contextmanager
def serving(setup, source, *args, code=0, **kwargs):
    b = Serving(setup, source, *args, **kwargs)
    try:
        b.start()
        yield b
        if b.running():
            _, seen = b.stop()
            case.check(seen == code, f"ended with {seen}, not {code}\n{b.log_tail()}")
    except BaseException:
        print(b.log_tail(60))
        raise
    finally:
        b.kill()


@contextlib.contextmanager
def qemu(setup, *devices, name=NAME, before=(), arguments=None, program="qemu-system-test"):
    """A process that looks like a QEMU with these devices open."""
    link = setup.path(program)
    if not os.path.exists(link):
        os.symlink(f"{setup.build}/tests/fake/fake-qemu", link)
    process = subprocess.Popen(
        [*before, link, *(arguments or ["-name", f"guest={name},debug-threads=on"])],
        stdout=subprocess.PIPE, text=True,
        env={**os.environ, "HOLD": ":".join(devices), "ASAN_OPTIONS": "detect_leaks=0"})
    try:
        while process.stdout.readline().strip() != "holding":
            case.check(process.poll() is None, "the fake QEMU has ended")
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def holds(pid, path):
    """Has a process the file open, or mapped?"""
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            if os.readlink(f"/proc/{pid}/fd/{fd}") == path:
                return True
    with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
        return path in file.read()


def capabilities(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return {m.group(1): int(m.group(2), 16)
                for m in re.finditer(r"^(Cap\w+):\s+([0-9a-f]+)$", file.read(), re.MULTILINE)}


def vm_comes_and_goes(setup):
    """Off, on, killed, on again: one viewer sees it all, and nothing of a dead machine is held."""
    red, red_seen = device(setup, "red", 0xff0000)
    blue, blue_seen = device(setup, "blue", 0x0000ff)
    with serving(setup, ["--vm", NAME]) as b, setup.client(b.unix) as viewer:
        b.wait_said(f"no virtual machine called {NAME}")
        with qemu(setup, red) as process:
            viewer.size(WIDTH, HEIGHT)
            viewer.compare(red_seen, ms=15000)
            case.check(os.readlink(f"/proc/{b.pid}/fd/200") == red, "the device is not number 200")
            with open(f"/proc/{b.pid}/status", encoding="utf-8") as file:
                status = file.read()
            case.check(not any(capabilities(b.pid).values()) and "Seccomp:\t2" in status
                       and "NoNewPrivs:\t1" in status, f"the bridge has rights: {status}")
            process.kill()
            begin = time.monotonic()
            case.wait_for("the dead machine's device is let go", 5, lambda: not holds(b.pid, red))
            let_go = time.monotonic() - begin
            case.check(not holds(b.child(), red), "the broker holds the device")
        b.wait_said("the device was let go")
        case.wait_for("the card", 10, lambda: viewer.do("pixel 1 1")["rgb"] != "ff0000")
        with qemu(setup, blue):
            begin = time.monotonic()
            viewer.compare(blue_seen, ms=10000)
            back = time.monotonic() - begin
        case.check(not any(e.startswith("disconnected") for e in viewer.events), "reconnected")
        counters = b.counters()["source"]
        case.check(counters["arrivals"] == 2 and counters["looks"] > 2, f"{counters}")
    return f"let go after {let_go * 1000:.0f} ms, back after {back * 1000:.0f} ms"


def broker_is_alone(setup):
    """Its rights, its descriptors, and its end with the bridge; the machine goes on."""
    red, red_seen = device(setup, "red", 0xff0000)
    with qemu(setup, red) as process:
        with serving(setup, ["--qemu-pid", str(process.pid)]) as b:
            broker = b.child()
            b.wait_said("source: ")
            caps = capabilities(broker)
            case.check(caps["CapPrm"] | CAP_BITS == CAP_BITS and caps["CapInh"] == 0
                       and caps["CapAmb"] == 0 and caps["CapBnd"] == 0,
                       f"the broker's capabilities: {caps}")
            with open(f"/proc/{broker}/status", encoding="utf-8") as file:
                status = file.read()
            case.check("Seccomp:\t2" in status and "NoNewPrivs:\t1" in status,
                       f"the broker has no filter: {status}")
            files = sorted(os.readlink(f"/proc/{broker}/fd/{fd}")
                           for fd in os.listdir(f"/proc/{broker}/fd"))
            # The pidfd of the process that it was told to look at is its task.
            strange = [f for f in files if f != "/dev/null" and not f.startswith("socket:")
                       and "pidfd" not in f]
            case.check(not strange and len(files) <= 5, f"the broker has open: {files}")
            b.kill()
            case.wait_for("the broker ends", 5, lambda: not os.path.exists(f"/proc/{broker}"))
            case.check(process.poll() is None, "the machine ended with the bridge")
        with serving(setup, ["--qemu-pid", str(process.pid)]) as b:
            with setup.client(b.unix) as viewer:
                viewer.compare(red_seen, ms=10000)
            process.terminate()
            case.check(b.process.wait(10) == 0, "status with the machine's end")
            case.check(b.said("has ended"), "nothing was said of the end")


def broker_dies(setup):
    """What is shown goes on; what would need it ends, and says why."""
    red, red_seen = device(setup, "red", 0xff0000)
    with qemu(setup, red) as process:
        with serving(setup, ["--vm", NAME]) as b, setup.client(b.unix) as viewer:
            viewer.compare(red_seen, ms=10000)
            os.kill(b.child(), signal.SIGKILL)
            b.wait_said("the broker has died")
            viewer.compare(red_seen)
            process.kill()
            case.check(b.process.wait(10) == 1, "status without a broker")


def several_devices(setup):
    """Two vGPUs and no kernel that tells them apart: said, and not guessed."""
    red, _ = device(setup, "red", 0xff0000)
    blue, _ = device(setup, "blue", 0x0000ff)
    with qemu(setup, red, blue) as process:
        done = subprocess.run([*shim(setup), setup.program, "probe", "--vm", NAME],
                              capture_output=True, text=True, timeout=30, check=False)
        case.check(done.returncode == 3 and "2 vGPUs" in done.stderr, f"{done}")
        process.kill()
    with qemu(setup, red):
        done = subprocess.run([*shim(setup), setup.program, "probe", "--vm", NAME],
                              capture_output=True, text=True, timeout=30, check=False)
        case.check(done.returncode == 0 and "640x480" in done.stdout, f"{done}")


def set_rights(*options):
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *options]


def rights(setup):
    """As the unit grants: another user than QEMU's, two capabilities; and what lacks without."""
    if os.geteuid() != 0:
        raise case.Skip("other users' processes need root")
    red, red_seen = device(setup, "red", 0xff0000)
    os.chmod(red, 0o600)
    os.chmod(setup.directory, 0o777)
    granted = set_rights(f"--inh-caps=-all,+{CAPS.replace(',', ',+')}",
                         f"--ambient-caps=-all,+{CAPS.replace(',', ',+')}",
                         f"--bounding-set=-all,+{CAPS.replace(',', ',+')}")
    one = set_rights("--inh-caps=-all,+sys_ptrace", "--ambient-caps=-all,+sys_ptrace")
    bare = set_rights("--inh-caps=-all")
    with qemu(setup, red) as process:
        with serving(setup, ["--vm", NAME], granted) as b, setup.client(b.unix) as viewer:
            viewer.compare(red_seen, ms=10000)
            with open(f"/proc/{b.pid}/status", encoding="utf-8") as file:
                case.check(f"Uid:\t{NOBODY}" in file.read(), "the bridge is another user")
            case.check(capabilities(b.child())["CapPrm"] == CAP_BITS, "the broker's capabilities")
        for before, words in ((bare, "CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH"),
                              (one, "has no CAP_DAC_READ_SEARCH")):
            done = subprocess.run(
                [*before, *shim(setup), setup.program, "probe", "--qemu-pid", str(process.pid)],
                capture_output=True, text=True, timeout=30, check=False)
            case.check(done.returncode == 3 and words in done.stderr
                       and len(done.stderr.splitlines()) == 1, f"{before}: {done}")
        # A bridge that may not look says so on its card, and shows the picture once it may.
        with serving(setup, ["--vm", NAME], bare) as b:
            b.wait_said("waiting: process")
            case.check(sum("waiting: " in line for line in b.lines) == 1, "said again and again")


def own_user(setup):
    """Without any capability: the same user's QEMU, where Yama allows it."""
    if os.geteuid() != 0:
        raise case.Skip("changing users needs root")
    yama = "/proc/sys/kernel/yama/ptrace_scope"
    scope = 0
    if os.path.exists(yama):
        with open(yama, encoding="ascii") as file:
            scope = int(file.read())
    red, _ = device(setup, "red", 0xff0000)
    os.chmod(red, 0o666)
    bare = set_rights("--inh-caps=-all")
    with qemu(setup, red, before=bare) as process:
        done = subprocess.run(
            [*bare, *shim(setup), setup.program, "probe", "--qemu-pid", str(process.pid)],
            capture_output=True, text=True, timeout=30, check=False)
    if scope == 0:
        case.check(done.returncode == 0, f"{done}")
    else:
        case.check(done.returncode == 3 and f"ptrace_scope is {scope}" in done.stderr, f"{done}")
    return f"ptrace_scope {scope}"


def hand_over(path, message, fds):
    """As a launcher does; returns the answer."""
    with socket.socket(socket.AF_UNIX) as launcher:
        launcher.settimeout(10)
        launcher.connect(path)
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        launcher.sendmsg([message], ancillary)
        return launcher.recv(4096).decode()


def listens(path):
    with socket.socket(socket.AF_UNIX) as launcher:
        try:
            launcher.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return False
    return True


def fd_socket(setup):
    """A launcher hands over, wrong ones are told why, the owner's end is followed."""
    red, red_seen = device(setup, "red", 0xff0000)
    blue, blue_seen = device(setup, "blue", 0x0000ff)
    path = setup.path("fd")
    hello = b"vgpu-bridge-fd 1\n"
    with serving(setup, ["--fd-socket", path]) as b, setup.client(b.unix) as viewer, \
            open(red, "r+b") as first, open(blue, "r+b") as second, \
            open("/dev/null", "rb") as null, qemu(setup) as one, qemu(setup) as two:
        case.check(os.stat(path).st_mode & 0o777 == 0o600, "the socket's mode")
        bad = [(b"hello\n\n", [first], "vgpu-bridge-fd 1"), (hello + b"\n", [], "no descriptor"),
               (hello + b"\n", [null], "not a VFIO device"),
               (hello + b"\n", [first, null], "not a pidfd"),
               (hello + b"pid=0\n\n", [first], "pid="), (hello + b"uid=1\n\n", [first], "neither"),
               (hello + b"name=" + b"x" * 128 + b"\n\n", [first], "127"),
               (hello + b"\nmore\n", [first], "follows"), (hello + b"x" * 2000, [first], "long")]
        for message, files, words in bad:
            answer = hand_over(path, message, [f.fileno() for f in files])
            case.check(answer.startswith("error: ") and words in answer, f"{message}: {answer}")
        case.check(b.counters()["source"]["refused"] == len(bad), "refusals are counted")
        pidfd = os.pidfd_open(one.pid)
        answer = hand_over(path, hello + b"name=my guest\n\n", [first.fileno(), pidfd])
        case.check(answer == "ok\n", answer)
        viewer.compare(red_seen, ms=10000)
        # Another one takes its place; the first one's end is of no interest then.
        answer = hand_over(path, hello + f"pid={two.pid}\n\n".encode(), [second.fileno()])
        case.check(answer == "ok\n", answer)
        viewer.compare(blue_seen, ms=10000)
        case.check(not holds(b.pid, red), "the first device is still held")
        one.kill()
        time.sleep(0.3)
        viewer.compare(blue_seen)
        two.kill()
        case.wait_for("the second is let go", 5, lambda: not holds(b.pid, blue))
        answer = hand_over(path, hello + f"pid={os.getpid()}\n\n".encode(), [first.fileno()])
        case.check(answer == "ok\n", answer)
        viewer.compare(red_seen, ms=10000)
        if os.geteuid() == 0:
            os.chmod(path, 0o777)
            os.chmod(setup.directory, 0o755)
            code = f"import socket; s = socket.socket(socket.AF_UNIX); s.connect('{path}'); " \
                   "print(s.recv(4096).decode())"
            done = subprocess.run([*set_rights(), "python3", "-c", code], capture_output=True,
                                  text=True, timeout=30, check=True)
            case.check("may not hand over" in done.stdout, f"{done}")
        os.close(pidfd)
    case.check(not os.path.exists(path), "the socket's file is still there")


def fd_socket_stalls(setup):
    """Launchers that say nothing are dropped; probe waits for one that does."""
    red, _ = device(setup, "red", 0xff0000)
    path = setup.path("fd")
    with serving(setup, ["--fd-socket", path]) as b, contextlib.ExitStack() as stack:
        silent = []
        for _ in range(9):
            silent.append(stack.enter_context(socket.socket(socket.AF_UNIX)))
            silent[-1].settimeout(10)
            silent[-1].connect(path)
        case.check(silent[8].recv(100) == b"", "there is room for any number")
        for launcher in silent[:8]:
            case.check(b"in time" in launcher.recv(100), "not told")
        case.check(b.counters()["source"]["refused"] == 9, "not counted")
    probe = subprocess.Popen([*shim(setup), setup.program, "probe", "--fd-socket", path],
                             stdout=subprocess.PIPE, text=True)
    try:
        case.wait_for("probe listens", 20, lambda: listens(path))
        with open(red, "r+b") as file:
            answer = hand_over(path, b"vgpu-bridge-fd 1\nname=my guest\n\n", [file.fileno()])
        case.check(answer == "ok\n", answer)
        text = probe.communicate(timeout=20)[0]
        case.check(probe.returncode == 0 and "my guest" in text and "640x480" in text, text)
    finally:
        probe.kill()
        probe.wait()


def run_verb(setup):
    """QEMU gets the device and a monitor; the bridge ends with it, and with its status."""
    red, red_seen = device(setup, "red", 0xff0000)
    link = setup.path("qemu-system-test")
    os.symlink(f"{setup.build}/tests/fake/fake-qemu", link)
    with serving(setup, ["--cdev", red], ["env", "HOLD_STATUS=7"], verb="run",
                 after=["--", link, "-m", "64"], code=7) as b:
        with setup.client(b.unix) as viewer:
            viewer.compare(red_seen, ms=10000)
        for words in ("argument -m", "argument iommufd,id=", ",iommufd=vgpu-bridge-iommu,display=off",
                      "argument unix:"):
            case.check(b.said(words), f"QEMU got no '{words}'\n{b.log_tail()}")
        monitor = next(re.search(r"unix:(.*)/qmp,", line).group(1)
                       for line in b.lines if "argument unix:" in line)
        case.check(os.stat(monitor).st_mode & 0o777 == 0o700, "the monitor's place is private")
    case.check(b.said("ends by signal 15"), "SIGTERM was not passed on")
    case.check(not os.path.exists(monitor), "the monitor's place is left behind")


def bound_later(setup):
    """A cdev that QEMU has not bound yet can't be asked: it is waited for, however it came."""
    red, red_seen = device(setup, "red", 0xff0000, "fake-vfio-cdev")
    link = setup.path("qemu-system-test")
    os.symlink(f"{setup.build}/tests/fake/fake-qemu", link)
    bind(red, False)
    with serving(setup, ["--cdev", red], verb="run", after=["--", link]) as b:
        with setup.client(b.unix) as viewer:
            b.wait_said("holding")
            b.wait_said("not bound")
            bind(red, True)
            viewer.compare(red_seen, ms=10000)
    bind(red, False)
    with qemu(setup, red), serving(setup, ["--vm", NAME]) as b:
        with setup.client(b.unix) as viewer:
            b.wait_said("has not bound")
            bind(red, True)
            viewer.compare(red_seen, ms=10000)
    bind(red, False)
    path = setup.path("fd")
    with open(red, "r+b") as file, serving(setup, ["--fd-socket", path]) as b:
        with setup.client(b.unix) as viewer:
            answer = hand_over(path, b"vgpu-bridge-fd 1\n\n", [file.fileno()])
            case.check(answer == "ok\n", answer)
            b.wait_said("not bound")
            bind(red, True)
            viewer.compare(red_seen, ms=10000)


def run_survives(setup):
    """The bridge is killed: QEMU goes on. QEMU is killed: the bridge ends and says so."""
    red, _ = device(setup, "red", 0xff0000)
    link = setup.path("qemu-system-test")
    os.symlink(f"{setup.build}/tests/fake/fake-qemu", link)
    arguments = {"verb": "run", "after": ["--", link, "-name", "survivor"]}
    with serving(setup, ["--cdev", red], **arguments) as b:
        b.wait_said("holding")
        launcher = b.child()
        with open(f"/proc/{launcher}/task/{launcher}/children", encoding="ascii") as file:
            machine = int(file.read())
        b.kill()
        case.wait_for("the launcher ends", 5, lambda: not os.path.exists(f"/proc/{launcher}"))
        time.sleep(0.3)
        with open(f"/proc/{machine}/stat", encoding="ascii") as file:
            state = file.read().rsplit(")", 1)[1].split()[0]
        os.kill(machine, signal.SIGKILL)
        case.check(state == "S", f"the machine's state is {state}")
    with serving(setup, ["--cdev", red], **arguments) as b:
        b.wait_said("holding")
        launcher = b.child()
        with open(f"/proc/{launcher}/task/{launcher}/children", encoding="ascii") as file:
            os.kill(int(file.read()), signal.SIGKILL)
        case.check(b.process.wait(10) == 137, "status of a QEMU that was killed")
    done = subprocess.run([*shim(setup), setup.program, "run", "--cdev", red, "--listen",
                           f"unix:{setup.path('x')}", "--", setup.path("none")],
                          capture_output=True, text=True, timeout=30, check=False)
    case.check(done.returncode == 127 and "can't be started" in done.stderr, f"{done}")


if __name__ == "__main__":
    case.main(vm_comes_and_goes, broker_is_alone, broker_dies, several_devices, rights, own_user,
              fd_socket, fd_socket_stalls, run_verb, bound_later, run_survives)
