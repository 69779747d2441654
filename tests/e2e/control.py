# SPDX-License-Identifier: MIT
"""The control socket and the verbs that use it, on a bridge that serves a viewer."""

import json
import os
import re
import signal
import stat
import subprocess
import time

import case
import exposition
from desk import Desk

SIZE = (640, 480)


def environment(setup):
    return dict(os.environ, VGPU_BRIDGE_CONTROL_DIR=setup.directory)


def verb(setup, *words, text=None, code=0):
    """Runs one verb; what it printed, or said where it is to fail."""
    result = subprocess.run([setup.program, *words], input=text, capture_output=True, text=True,
                            env=environment(setup), timeout=60)
    case.check(result.returncode == code,
               f"{words}: exit status {result.returncode}, not {code}: "
               f"{result.stdout}{result.stderr}")
    return result.stdout if code == 0 else result.stderr


def socket_path(setup, name="simulated"):
    return setup.path(f"{name}.control")


def desk(setup, name="simulated"):
    """A connection that was greeted."""
    d = Desk(socket_path(setup, name))
    d.greeting = d.line()
    return d


def status(setup):
    return json.loads(verb(setup, "status", "--json"))


def language(setup):
    """What is asked wrong is refused by name; the socket describes itself."""
    with setup.bridge("640x480,scene=idle") as b:
        mode = os.stat(socket_path(setup)).st_mode
        case.check(stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600, f"mode {mode:o}")
        with desk(setup) as d:
            case.check(d.greeting["program"] == "vgpu-bridge" and d.greeting["protocol"] == 1 and
                       d.greeting["name"] == "simulated" and d.greeting["pid"] == b.pid,
                       f"greeting {d.greeting}")
            commands = {c["name"]: c for c in d.ask("help")["return"]["commands"]}
            case.check({"help", "status", "events", "log-level", "set-password"} <= set(commands),
                       f"help: {list(commands)}")
            for name, command in commands.items():
                case.check(command["help"].endswith("."), f"{name}: {command}")
                for argument in command["arguments"]:
                    case.check(argument["type"] in ("string", "integer", "flag") and
                               argument["help"], f"{name}: {argument}")
            wrong = (
                ("log-level", {"levle": "info"}, "'levle'"),
                ("log-level", {"level": 1}, "'level' is no string"),
                ("log-level", {"level": None}, "'level' is no string"),
                ("log-level", {"level": "loud"}, "'loud'"),
                ("set-max-fps", {"fps": "30"}, "'fps' is no integer"),
                ("set-max-fps", {"fps": 30.5}, "'fps' is no integer"),
                ("set-max-fps", {"fps": 241}, "'241'"),
                ("set-max-fps", {}, "'fps'"),
                ("set-password", {"password": "x", "view-only": "yes"}, "'view-only' is no flag"),
                ("set-password", {"password": "x" * 61}, "61 bytes"),
                ("set-password", {"password": "x", "seconds": -1}, "'-1'"),
                ("set-compression", {"method": "zip"}, "'zip'"),
                ("fly", {}, "'fly'"),
            )
            for command, arguments, word in wrong:
                answer = d.ask(command, **arguments)
                case.check(word in answer["error"]["text"], f"{command} {arguments}: {answer}")
            for line, word in (
                    (b"hello", "not a JSON object"), (b"[]", "not a JSON object"), (b"{", "half"),
                    (b'{"a":1}{"b":1}', "follows"), (b"{}", "'command'"),
                    (b'{"command":1}', "'command'"), (b'{"command":"help","x":1}', "no more"),
                    (b'{"id":[],"command":"help"}', "'id'"), (b"\xff\xfe", "UTF-8"),
                    (b'{"command":"he\x00lp"}', "UTF-8"), (b'{"command":tru}', "not JSON"),
                    (b'{"a":' * 17 + b"1" + b"}" * 17, "deep"),
                    (b'{"a":[' + b"1," * 256 + b"1]}", "parts"),
                    (b'{"command":"help","arguments":[]}', "'arguments'")):
                d.socket.sendall(line + b"\n")
                answer = d.line()
                case.check(word in answer["error"]["text"], f"{line[:40]}: {answer}")
            # Blank lines are nothing; several requests in one piece are answered in their order.
            d.socket.sendall(b'\n \r\n{"id":"a","command":"log-level"}\n'
                             b'{"id":"b","command":"log-level"}\n')
            case.check([d.line()["id"] for _ in "ab"] == ["a", "b"], "the order of answers")
        counters = b.counters()["control"]
        case.check(counters["garbage"] == 14 and counters["refused"] == 14 + len(wrong),
                   f"counters {counters}")


def reports(setup):
    """status, metrics and log-level, with a viewer."""
    with setup.bridge("640x480,scene=video") as b, setup.client(b.tcp) as viewer:
        viewer.size(*SIZE)
        case.wait_for("a second with frames", 20, lambda: status(setup)["rates"]["frames"] > 5)
        s = status(setup)
        plane = s["display"]["plane"]
        case.check(s["display"]["state"] == "picture" and s["display"]["watched"] and
                   (plane["width"], plane["height"]) == SIZE and plane["format"] == "XR24" and
                   plane["kind"] == "dma-buf" and plane["modifier"] == "0x0", f"{s['display']}")
        case.check(len(s["viewers"]) == 1 and s["viewers"][0]["peer"] == "127.0.0.1" and
                   s["viewers"][0]["seat"] == 0 and not s["viewers"][0]["tls"], f"{s['viewers']}")
        case.check(s["source"]["device"] and s["source"]["kind"] == "simulate", f"{s['source']}")
        case.check(s["pid"] == b.pid and sorted(s["addresses"]) == sorted(b.uris), f"{s}")
        case.check(s["renderer"] and s["settings"]["max_fps"] == 60, f"{s['settings']}")
        case.check(s["rates"]["looks"] >= s["rates"]["frames"], f"{s['rates']}")
        for name in ("give", "send"):
            delay = s["latency"][name]
            case.check(delay["count"] > 5 and 0 < delay["recent_us"] < 5e6 and
                       delay["sum_us"] > delay["count"], f"{name}: {delay}")
        case.check(s["drops"]["viewers.timed_out"] == 0, f"{s['drops']}")

        people = verb(setup, "status")
        for word in ("simulated", "picture: 640x480 XR24", "127.0.0.1", "frames", "ms from a look",
                     f"process {b.pid}", *b.uris):
            case.check(word in people, f"'{word}' is not in:\n{people}")
        case.check(" 0 viewers." not in people, f"a zero in:\n{people}")

        families = exposition.parse(verb(setup, "metrics"))
        unknown = families.get("vgpu_bridge_other")
        case.check(not unknown, f"counters without words: {unknown and unknown.samples}")
        case.check(exposition.value(families, "vgpu_bridge_up", name="simulated") == 1, "up")
        case.check(exposition.value(families, "vgpu_bridge_viewers", name="simulated") == 1,
                   "viewers")
        case.check(exposition.value(families, "vgpu_bridge_display_state", state="picture") == 1,
                   "state")
        case.check(exposition.value(families, "vgpu_bridge_spice_frames_total") > 5, "frames")
        case.check(exposition.value(families, "vgpu_bridge_send_seconds", "_count") > 5, "send")
        case.check(len(families["vgpu_bridge_refused_total"].samples) > 10, "refused")
        every = {f"{group}.{name}" for group, members in b.counters().items()
                 for name in members if group not in ("relays", "refused")}
        case.check(len(families) > len(every), f"{len(families)} families, {len(every)} counters")

        case.check(verb(setup, "log-level").strip() == "info", "log-level")
        verb(setup, "log-level", "debug")
        verb(setup, "set", "max-fps", "59")
        case.wait_for("a debug line", 10,
                      lambda: any("debug: event" in line for line in b.lines))
        case.check(verb(setup, "log-level").strip() == "debug", "log-level")
        case.check("'loud'" in verb(setup, "log-level", "loud", code=1), "log-level loud")


def peers(setup):
    """Who looks, as far as the kernel knows."""
    with setup.bridge("640x480,scene=idle", ["--listen=tcp:[::1]:0,view-only"], tcp=False) as b:
        case.wait_for("both addresses", 10, lambda: len(b.uris) == 2)
        with setup.client(b.unix) as one, setup.client(b.tcp) as two:
            one.size(*SIZE)
            two.size(*SIZE)
            viewers = case.wait_for("two viewers", 10,
                                    lambda: len(status(setup)["viewers"]) == 2
                                    and status(setup)["viewers"])
            by_seat = {v["seat"]: v for v in viewers}
            case.check(by_seat[0]["peer"] == f"process {one.process.pid} of user {os.geteuid()}"
                       and by_seat[0]["address"].startswith("unix:"), f"{viewers}")
            case.check(by_seat[1]["peer"] == "::1" and by_seat[1]["view_only"] and
                       "view-only" in by_seat[1]["address"], f"{viewers}")


def frames_in(b, seconds):
    first, begin = b.counters()["capture"]["frames"], time.monotonic()
    time.sleep(seconds)
    return (b.counters()["capture"]["frames"] - first) / (time.monotonic() - begin)


def stays_out(setup, b, *password):
    """A viewer who knows no better gets no picture."""
    words = ("--password", *password) if password else ()
    with setup.client(b.tcp, *words, connect=False) as viewer:
        viewer.wait_event("error auth", 20)


def settings(setup):
    """set max-fps at once; set password and compression for those who come."""
    with setup.bridge("640x480,scene=video") as b:
        with setup.client(b.tcp) as viewer:
            viewer.size(*SIZE)
            case.wait_for("frames", 20, lambda: frames_in(b, 1) > 12)
            verb(setup, "set", "max-fps", "8")
            case.wait_for("8 frames a second", 20, lambda: 2 < frames_in(b, 1) < 9.5)
            verb(setup, "set", "max-fps", "60")
            case.wait_for("frames", 20, lambda: frames_in(b, 1) > 12)
            verb(setup, "set", "compression", "glz")
            case.wait_for("frames", 20, lambda: frames_in(b, 0.5) > 8)
        for method in ("off", "auto-glz", "quic", "auto"):
            # The viewer has the method before this one.
            with setup.client(b.tcp) as viewer:
                viewer.size(*SIZE)
                case.wait_for("frames", 20, lambda: frames_in(b, 0.5) > 8)
                verb(setup, "set", "compression", method)
                case.wait_for("frames", 20, lambda: frames_in(b, 0.5) > 8)
        case.check(status(setup)["settings"]["compression"] == "auto", "compression")
        with setup.client(b.tcp) as viewer:
            viewer.size(*SIZE)
            text = verb(setup, "set", "password", "hunter2", code=2)
            case.check("standard input" in text and "hunter2" not in text, text)
            case.check("60" in verb(setup, "set", "password", text="x" * 61, code=2), "61 bytes")
            verb(setup, "set", "password", text="first one\n")
            case.check(status(setup)["settings"]["access"] == "password", "access")
        stays_out(setup, b)
        with setup.client(b.tcp, "--password", "first one") as viewer:
            viewer.size(*SIZE)
            path = setup.path("secret")
            with open(path, "w", encoding="utf-8") as file:
                file.write("second\n")
            os.chmod(path, 0o644)
            case.check("0644" in verb(setup, "set", "password", f"--password-file={path}", code=2),
                       "a file that all may read")
            os.chmod(path, 0o600)
            verb(setup, "set", "password", f"--password-file={path}")
            # Who is in stays in.
            case.check(len(status(setup)["viewers"]) == 1, "the viewer was sent away")
        stays_out(setup, b, "first one")
        with setup.client(b.tcp, "--password", "second") as viewer:
            viewer.size(*SIZE)
            verb(setup, "set", "password", "--expires=1", text="third\n")
        time.sleep(2.5)
        stays_out(setup, b, "third")
        case.check("view-only" in verb(setup, "set", "password", "--view-only", text="x\n", code=1),
                   "no view-only addresses")
        log = "\n".join(b.lines)
        case.check(not any(word in log for word in ("first one", "second", "third")),
                   "a password is in the log")


def take(event, seen):
    case.check(re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["time"]), f"{event}")
    seen.append((event["event"], event["data"]))


def until(d, seen, name, **members):
    """Reads events until there is this one; of a plane the members count as if they were its own."""
    while True:
        event = d.line()
        take(event, seen)
        data = dict(event["data"], **event["data"].get("plane", {}))
        if event["event"] == name and members.items() <= data.items():
            return


def events(setup):
    """What happens is told, by the socket and by the verb, until the bridge ends."""
    with setup.bridge("640x480,scene=idle") as b:
        with desk(setup) as d:
            d.ask("events")
            seen = []
            process = subprocess.Popen([setup.program, "events"], stdout=subprocess.PIPE,
                                       text=True, env=environment(setup))
            case.wait_for("the verb", 20, lambda: b.counters()["control"]["clients"] == 2)
            with setup.client(b.tcp) as viewer:
                viewer.size(*SIZE)
                b.mode(800, 600)
                viewer.size(800, 600)
                until(d, seen, "display-changed", width=800)
                b.command("blank")
                until(d, seen, "display-changed", state="no-picture")
                b.command("unblank")
                until(d, seen, "display-changed", state="picture")
                verb(setup, "set", "max-fps", "30")
            case.wait_for("nobody", 20, lambda: not status(setup)["viewers"])
            b.stop()
            for line in d.file:
                take(json.loads(line), seen)
        out, _ = process.communicate(timeout=20)
        case.check(process.returncode == 0, f"the verb ended with {process.returncode}")
        names = [name for name, _ in seen]
        case.check(names[-1] == "ending", f"{names}")
        case.check([line.split()[1] for line in out.splitlines()] == names, f"{names}\n{out}")
        for name in ("viewer-came", "viewer-left", "mode-changed", "display-changed",
                     "setting-changed"):
            case.check(name in names, f"no {name} in {names}")
        came = dict(seen)["viewer-came"]
        case.check(came["peer"] == "127.0.0.1" and came["seat"] == 0, f"{came}")
        modes = [(data["width"], data["height"]) for name, data in seen if name == "mode-changed"]
        case.check(modes[-1] == (800, 600), f"{modes}")
        states = [data["state"] for name, data in seen if name == "display-changed"]
        case.check("no-picture" in states and states[-1] == "picture", f"{states}")


def names(setup):
    """Where sockets are, whose they are, and how a bridge is found."""
    text = verb(setup, "status", code=1)
    case.check("no bridge runs" in text and setup.directory in text, text)
    with setup.bridge("640x480", unix=False) as one:
        verb(setup, "status")
        with setup.bridge("640x480", unix=False, control=False) as two:
            second = f"simulated-{two.pid}"
            text = verb(setup, "status", code=1)
            case.check("several" in text and second in text and "--on" in text, text)
            case.check(f"process {two.pid}" in verb(setup, "status", "--on", second), "--on NAME")
            case.check(f"process {one.pid}" in
                       verb(setup, "status", "--on", socket_path(setup)), "--on PATH")
            text = verb(setup, "status", "--on", "nobody", code=1)
            case.check("'nobody'" in text and second in text, text)
            families = exposition.parse(verb(setup, "metrics"))
            for name in ("simulated", second):
                case.check(exposition.value(families, "vgpu_bridge_up", name=name) == 1, name)
            # One stands still: the others are told of, and it is told to be down.
            two.process.send_signal(signal.SIGSTOP)
            families = exposition.parse(verb(setup, "metrics"))
            two.process.send_signal(signal.SIGCONT)
            case.check(exposition.value(families, "vgpu_bridge_up", name=second) == 0 and
                       exposition.value(families, "vgpu_bridge_up", name="simulated") == 1, "up")
            one.process.kill()
            one.process.wait()
            # What it left behind is not taken for a bridge, and replaced by the next.
            case.check(f"process {two.pid}" in verb(setup, "status"), "the one that runs")
            text = verb(setup, "status", "--on", "simulated", code=1)
            case.check("ended" in text, text)
        with setup.bridge("640x480", unix=False, control=False) as three:
            case.check(f"process {three.pid}" in verb(setup, "status", "--on", "simulated"),
                       "the place of one that died")
        case.check(not os.path.exists(socket_path(setup)), "the socket was not removed")
    path = setup.path("mine")
    with setup.bridge("640x480", [f"--control=unix:{path}", "--name=Büro 3"], unix=False) as b:
        text = verb(setup, "status", "--on", path)
        case.check(text.startswith("B__ro_3"), text)
        failed = subprocess.run([setup.program, "serve", "--simulate", f"--control=unix:{path}",
                                 f"--listen=unix:{setup.path('other')}"],
                                capture_output=True, text=True, timeout=60)
        case.check(failed.returncode == 5 and "in use" in failed.stderr, f"{failed}")
        # Another bridge's file in our place is not ours to remove.
        os.unlink(path)
        with open(path, "w", encoding="ascii"):
            pass
    case.check(os.path.exists(path), "somebody else's file was removed")
    with setup.bridge("640x480", ["--name=Büro 3"], unix=False, control=False) as b:
        for name in ("Büro 3", "B__ro_3"):
            case.check(f"process {b.pid}" in verb(setup, "status", "--on", name), f"--on {name}")
        # What could not be printed must not look like a whole answer.
        for words in (["status"], ["metrics"], ["display", "--help"]):
            with open("/dev/full", "w", encoding="ascii") as full:
                failed = subprocess.run([setup.program, *words], stdout=full, text=True, timeout=60,
                                        stderr=subprocess.PIPE, env=environment(setup))
            case.check(failed.returncode == 1 and "standard output" in failed.stderr, f"{failed}")
    with setup.bridge("640x480", ["--control=none"], unix=False):
        case.check("no bridge runs" in verb(setup, "status", code=1), "--control=none")


def directories(setup):
    """systemd's directory and a user's: both are looked into, and one name in both is told apart."""
    for name in ("systemd", "user", "user/vgpu-bridge"):
        os.mkdir(setup.path(name))
    where = {"RUNTIME_DIRECTORY": setup.path("systemd"), "XDG_RUNTIME_DIR": setup.path("user")}
    paths = [setup.path("systemd/twin.control"), setup.path("user/vgpu-bridge/twin.control")]
    with setup.bridge("640x480", [f"--control=unix:{paths[0]}"], unix=False) as one, \
            setup.bridge("640x480", [f"--control=unix:{paths[1]}"], unix=False, control=False):
        result = subprocess.run([setup.program, "status"], capture_output=True, text=True,
                                env=dict(os.environ, **where), timeout=60)
        case.check(result.returncode == 1 and all(path in result.stderr for path in paths),
                   f"{result}")
        result = subprocess.run([setup.program, "status", "--on", "twin"], capture_output=True,
                                text=True, env=dict(os.environ, **where), timeout=60)
        case.check(f"process {one.pid}" in result.stdout, f"{result}")


def nowhere(setup):
    """Where no socket can be made the bridge serves without, and says so."""
    blocker = setup.path("file")
    with open(blocker, "w", encoding="ascii"):
        pass
    result = subprocess.Popen(
        [setup.program, "serve", "--simulate", f"--listen=unix:{setup.path('s')}"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=dict(os.environ, RUNTIME_DIRECTORY=f"{blocker}/below"))
    try:
        case.check("listening" in result.stdout.readline(), "it does not serve")
    finally:
        result.terminate()
    _, err = result.communicate(timeout=20)
    case.check("warning: no control socket" in err and "--control" in err, err)
    case.check(result.returncode == 0, f"it ended with {result.returncode}")


def strangers(setup):
    """Another user is not let in, even where the file's mode lets him."""
    if os.geteuid() != 0:
        raise case.Skip("only root can be another user")
    code = ("import socket,sys,os; os.setgid(65534); os.setuid(65534); s=socket.socket(1); "
            "s.connect(sys.argv[1]); print(s.makefile().read())")
    with setup.bridge("640x480", unix=False) as b:
        path = socket_path(setup)
        os.chmod(setup.directory, 0o755)
        result = subprocess.run(["python3", "-c", code, path], capture_output=True, text=True,
                                timeout=60)
        case.check("PermissionError" in result.stderr, f"{result}")
        os.chmod(path, 0o666)
        for _ in range(3):
            result = subprocess.run(["python3", "-c", code, path], capture_output=True, text=True,
                                    timeout=60)
            case.check("only root" in json.loads(result.stdout)["error"]["text"], f"{result}")
        case.check(b.counters()["control"]["uid_refused"] == 3, f"{b.counters()['control']}")
        case.check(sum("user 65534" in line for line in b.lines) == 1, "more than one line")
        verb(setup, "status")


# a hostile client

def attack(setup, code):
    """A program of its own, which is given the socket's path: its memory is not the bridge's."""
    return subprocess.Popen(["python3", "-c", code, socket_path(setup)], stdout=subprocess.PIPE,
                            text=True)


PRELUDE = """
import os, resource, select, socket, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE, (2048, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
def connect():
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    return s
"""

# Each ends by itself, and prints what it saw.
ATTACKS = {
    "garbage": """
s = connect()
s.settimeout(20)
end = time.monotonic() + 3
while time.monotonic() < end:
    try:
        s.sendall(os.urandom(3000) + b"\\n" + b"{" * 2000 + b"\\n" + b"\\n" * 1000)
        while select.select([s], [], [], 0)[0] and s.recv(65536):
            pass
    except OSError:
        s = connect()
print("done")
""",
    "a line of 1 GiB": """
for start in b"x", b'{"command":"', b'{"id":1,"command":"log-level","arguments":{"level":"':
    s = connect()
    sent = s.send(start)
    block = b"a" * (1 << 20)
    try:
        while sent < 1 << 30:
            sent += s.send(block)
    except OSError:
        pass
    print("ended after", sent)
    assert sent < 1 << 24, sent
print("done")
""",
    "a slow reader": """
readers = []
for i in range(12):
    s = connect()
    readers.append(s)
    s.setblocking(False)
    try:
        s.send(b'{"command":"events"}\\n')
        while True:
            s.send(b'{"command":"status"}\\n' * 1000)
    except BlockingIOError:
        pass
time.sleep(6)
print("done")
""",
    "a slow writer": """
s = connect()
s.settimeout(20)
begin = time.monotonic()
s.recv(65536)
answer = b""
while not answer:
    s.send(b"{")
    if select.select([s], [], [], 0.1)[0]:
        answer = s.recv(65536)
    assert time.monotonic() - begin < 60
assert b"half a line" in answer, answer
while s.recv(65536):
    pass
print("done")
""",
    "1,000 connections": """
many = []
for i in range(1000):
    many.append(connect())
    try:
        if i % 3 == 0:
            many[-1].send(b'{"command"')
        if i % 3 == 1:
            many[-1].send(b'{"command":"events"}\\n')
    except OSError:
        pass  # sent away already
time.sleep(2)
print("done")
""",
    "many parts": """
s = connect()
s.settimeout(20)
line = b'{"a":[' + b"[]," * 20000 + b"[]]}\\n"
for i in range(200):
    s.sendall(line)
    s.recv(65536)
print("done")
""",
}

# There is room for all of the second: they are not to crowd each other out.
TOGETHER = (("1,000 connections", "a line of 1 GiB"),
            ("garbage", "a slow reader", "a slow writer", "many parts"))


def hostile(setup):
    """Garbage, a line of 1 GiB, slow ones and 1,000 connections change nothing and cost little."""
    with setup.bridge("640x480,scene=video") as b, setup.client(b.tcp) as viewer:
        viewer.size(*SIZE)
        with desk(setup) as d:
            # What the first of all costs: code and memory that are used for the first time.
            d.ask("events")
            d.ask("status")
            d.ask("help")
        frames_in(b, 2)
        before, rate, fds = b.memory(), frames_in(b, 4), b.fds()
        highest = before["Rss"]
        rates = []
        for together in TOGETHER:
            attackers = {name: attack(setup, PRELUDE + ATTACKS[name]) for name in together}
            while any(a.poll() is None for a in attackers.values()):
                rates.append(frames_in(b, 1))
                highest = max(highest, b.memory()["Rss"])
                case.check(len(rates) < 120, f"attackers do not end: {attackers}")
            for name, attacker in attackers.items():
                out = attacker.communicate()[0]
                case.check(attacker.returncode == 0 and "done" in out, f"{name}: {out}")
        grown = highest - before["Rss"]
        c = b.counters()["control"]
        case.wait_for("no client", 20, lambda: b.counters()["control"]["clients"] == 0)
        case.wait_for("as many files as before", 20, lambda: b.fds() <= fds)
        if not b.sanitized():
            case.check(grown < 10 * 1024, f"it took {grown} KiB: {before} {c}")
        for name in ("garbage", "long_lines", "timed_out", "crowded_out"):
            case.check(c[name] > 0, f"nothing was counted as {name}: {c}")
        viewer.change()
        after = frames_in(b, 4)
        case.check(after > rate / 2, f"{rate:.0f} frames a second before, {after:.0f} after")
        # The attackers take the processors too: their share is not the bridge's doing.
        middle = sorted(rates)[len(rates) // 2]
        case.check(middle > rate / 4, f"{rate:.0f} frames a second before, {middle:.0f} meanwhile")
        verb(setup, "status")
        return (f"{grown} KiB; {rate:.0f} frames a second before, {middle:.0f} in the attack, "
                f"{after:.0f} after")


if __name__ == "__main__":
    case.main(language, reports, peers, settings, events, names, directories, nowhere, strangers,
              hostile)
