# SPDX-License-Identifier: MIT
"""Who may look: expiry, TLS, SASL, unix sockets' users, and connections that say nothing."""

import contextlib
import os
import re
import shutil
import socket
import stat
import struct
import subprocess
import time
import urllib.parse

import case
import rawlink
from access_files import make_certificates, password_file
from rawlink import link_message, receive

SIZE = "640x480"
NOBODY = 65534


def sees(viewer):
    viewer.size(640, 480)
    viewer.change()


def refused(setup, uri, *words, event="error", what=None):
    """A viewer with these words gets no picture."""
    with setup.client(uri, *words, connect=False) as viewer:
        viewer.wait_event(event)
        reply = viewer.ask("wait-size 640 480 300")
        case.check(not reply["ok"], f"{what or words}: it sees the picture")


def listening(b, count):
    """Waits until so many addresses are told."""
    case.wait_for(f"{count} addresses", 5, lambda: len(b.uris) >= count)
    return b.uris


# passwords

def expiry(setup):
    """A password lets in until its time is over, and a viewer stays in over that."""
    words = ("--password", "open sesame")
    path = password_file(setup)
    with setup.bridge(SIZE, [f"--password-file={path}", "--password-expires=6"]) as b:
        begin = time.monotonic()
        with setup.client(b.unix, *words) as viewer:
            sees(viewer)
            # The library counts whole seconds.
            time.sleep(max(0, begin + 8 - time.monotonic()))
            refused(setup, b.tcp, *words, event="error auth")
            viewer.change()
    with setup.bridge(SIZE, [f"--password-file={path}",
                             "--password-expires=2020-01-31T12:00"]) as b:
        refused(setup, b.unix, *words, event="error auth")
        refused(setup, b.unix, event="error auth")


def view_password(setup):
    """View-only addresses may have a password of their own, which is none elsewhere."""
    first = password_file(setup)
    second = password_file(setup, "only look", "view-password")
    with setup.bridge(SIZE, [f"--password-file={first}", f"--view-password-file={second}",
                             f"--listen=unix:{setup.path('view')},view-only"]) as b:
        view = listening(b, 3)[2]
        refused(setup, view, "--password", "open sesame", event="error auth")
        refused(setup, b.unix, "--password", "only look", event="error auth")
        with setup.client(view, "--password", "only look") as viewer:
            sees(viewer)
        with setup.client(b.unix, "--password", "open sesame") as viewer:
            sees(viewer)


# TLS

def ports(b):
    """The TCP ports that the process listens on, and the unix sockets, by path."""
    inodes = set()
    for fd in os.listdir(f"/proc/{b.pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            match = re.match(r"socket:\[(\d+)\]", os.readlink(f"/proc/{b.pid}/fd/{fd}"))
            if match:
                inodes.add(match.group(1))
    tcp, paths = set(), set()
    for name in ("tcp", "tcp6"):
        with open(f"/proc/{b.pid}/net/{name}", encoding="ascii") as file:
            for words in map(str.split, list(file)[1:]):
                if words[3] == "0A" and words[9] in inodes:
                    tcp.add(int(words[1].rsplit(":", 1)[1], 16))
    with open(f"/proc/{b.pid}/net/unix", encoding="utf-8") as file:
        for words in map(str.split, list(file)[1:]):
            if words[6] in inodes and int(words[3], 16) & 0x10000:
                paths.add(words[7] if len(words) > 7 else "")
    return tcp, paths


def no_other_port(setup, b):
    tcp, paths = ports(b)
    told = {int(re.search(r"(\d+)$", uri).group(1)) for uri in b.uris if "unix" not in uri}
    case.check(tcp == told, f"open are {tcp}, told were {told}")
    case.check(setup.path("spice") in paths, f"the address is not among {paths}")
    # The address and the control socket, which is for our own user.
    for path in paths - {setup.path("spice"), setup.path("simulated.control")}:
        case.check(path.startswith("/") and not os.path.exists(os.path.dirname(path)),
                   f"the library listens on {path!r}, where somebody could connect")


def tls(setup):
    options = make_certificates(setup)
    authority = f"--ca-file={setup.path('ca.pem')}"
    with setup.bridge(SIZE, options) as b:
        secure = listening(b, 3)[2]
        port = secure.rsplit("=", 1)[1]
        no_other_port(setup, b)
        with setup.client(secure, authority) as viewer:
            sees(viewer)
            b.pause()
            viewer.compare(b.reference())
            b.resume()
        refused(setup, secure, f"--ca-file={setup.path('stranger.pem')}", what="a wrong authority")
        refused(setup, f"spice://127.0.0.1:{port}", what="a plain viewer on the port of TLS")
        refused(setup, f"spice://127.0.0.1?tls-port={b.tcp_address[1]}", authority,
                what="TLS on the plain port")
        # Who knocks without end does not fill the log.
        for _ in range(100):
            with socket.create_connection(("127.0.0.1", int(port))) as connection:
                connection.sendall(b"no handshake at all\r\n")
        for uri in (b.unix, b.tcp):
            with setup.client(uri) as viewer:
                sees(viewer)
        said = sum("Spice: " in line for line in b.lines)
        case.check(said <= 40, f"{said} lines for 100 connections")


def channels(setup):
    """Some channels are given in TLS only; the others by a plain port beside it."""
    options = make_certificates(setup) + ["--tls-channels=display,inputs"]
    authority = f"--ca-file={setup.path('ca.pem')}"
    with setup.bridge(SIZE, options) as b:
        port = listening(b, 3)[2].rsplit("=", 1)[1]
        with setup.client(b.tcp) as viewer:
            case.check(not viewer.ask("wait-size 640 480 1000")["ok"],
                       "the display came without TLS")
        with setup.client(b.tcp, f"--tls-port={port}", authority) as viewer:
            sees(viewer)
        linked = b.counters()["viewers"]
        case.check(linked["by_peer"] >= 1, f"nothing came by TLS: {linked}")
    options[-1] = "--tls-channels=all"
    with setup.bridge(SIZE, options) as b:
        refused(setup, b.tcp, what="a plain viewer where all is to be TLS")
        with setup.client(listening(b, 3)[2], authority) as viewer:
            sees(viewer)


# SASL

def sasl(setup):
    """The name and password of a SASL data base, within TLS and without; no ticket beside it."""
    tool = shutil.which("saslpasswd2") or "/usr/sbin/saslpasswd2"
    if not os.access(tool, os.X_OK):
        raise case.Skip("saslpasswd2 (Debian: sasl2-bin) is not installed")
    database = setup.path("sasldb2")
    subprocess.run([tool, "-p", "-c", "-f", database, "-u", socket.gethostname(), "alice"],
                   input="let me in", text=True, check=True, capture_output=True)
    folder = setup.path("sasl2")
    os.mkdir(folder)
    with open(os.path.join(folder, "vgpu-bridge.conf"), "w", encoding="ascii") as file:
        file.write(f"mech_list: digest-md5 plain\npwcheck_method: auxprop\n"
                   f"auxprop_plugin: sasldb\nsasldb_path: {database}\n")
    os.environ["SASL_CONF_PATH"] = folder
    try:
        options = make_certificates(setup) + ["--sasl"]
        authority = f"--ca-file={setup.path('ca.pem')}"
        good = ("--sasl-user=alice", "--sasl-password=let me in")
        with setup.bridge(SIZE, options, unix=False) as b:
            for uri in listening(b, 2):
                with setup.client(uri, authority, *good) as viewer:
                    sees(viewer)
            for words in (("--sasl-user=alice", "--sasl-password=let me"),
                          ("--sasl-user=bob", "--sasl-password=let me in"),
                          ("--password=let me in",), ()):
                refused(setup, b.tcp, *words)
            ticket_beside_sasl(b)
    finally:
        del os.environ["SASL_CONF_PATH"]


def ticket_beside_sasl(b):
    """Who asks for SPICE's own ticket is turned away before it can be sent."""
    with socket.create_connection(b.tcp_address) as connection:
        connection.settimeout(10)
        connection.sendall(link_message(caps=0b11))  # protocol auth selection, spice auth
        header = receive(connection, 16)
        receive(connection, struct.unpack("<I", header[12:])[0])
        connection.sendall(struct.pack("<I", 1))  # I choose: a ticket
        # An answer with an error, then the end; for a ticket it would wait.
        with contextlib.suppress(ConnectionError):
            header = receive(connection, 16)
            error = receive(connection, struct.unpack("<I", header[12:])[0])[:4]
            case.check(any(error), "a ticket is taken beside SASL")
            case.check(not connection.recv(1), "there is more after a refusal")


def leaves_early(setup):
    """Who ends just when the library waits for its display channel's first words hurts nobody."""
    rounds = 60
    with setup.bridge(SIZE) as b:
        for i in range(rounds):
            main = rawlink.connect(b.socket_path)
            display = rawlink.connect(b.socket_path, rawlink.session(main), rawlink.DISPLAY)
            time.sleep(0.001 * (i % 5))
            display.close()
            main.close()
        with setup.client(b.unix) as viewer:
            sees(viewer)
        case.check(b.counters()["viewers"]["linked"] >= 2 * rounds, "they were not let in")


# the machine's name and UUID

UUID = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"


def is_called(setup, b, name, uuid, what):
    """Viewers are told when they come: the next one, until one has the answer."""
    want = (urllib.parse.quote(name, safe=""), "u" + uuid.replace("-", ""))

    def told():
        with setup.client(b.unix) as viewer:
            viewer.size(640, 480)
            reply = viewer.poll("identity", lambda r: r["uuid"] != "u" and r["name"], 5)
            return (reply["name"], reply["uuid"]) == want
    case.wait_for(f"{what}: {want}", 15, told)


def identity(setup):
    """--name and --uuid, else what QEMU says of itself, when it says it."""
    with setup.bridge(SIZE, ["--name=A guest, ours", f"--uuid={UUID}"]) as b:
        is_called(setup, b, "A guest, ours (view only)", UUID, "as it was given")
    if not shutil.which("qemu-system-x86_64"):
        raise case.Skip("there is no qemu-system-x86_64, to be asked for its name")
    monitor = setup.path("qmp")
    qemu = ["qemu-system-x86_64", "-machine", "none", "-nodefaults", "-display", "none",
            "-name", "guest=from QEMU", "-uuid", UUID,
            "-qmp", f"unix:{monitor},server=on,wait=off"]
    with setup.bridge(SIZE, [f"--qmp=unix:{monitor}"]) as b:
        is_called(setup, b, "simulated 640x480", "0" * 32, "before QEMU is there")
        with subprocess.Popen(qemu, stdin=subprocess.DEVNULL) as process:
            try:
                is_called(setup, b, "from QEMU", UUID, "as QEMU says")
            finally:
                process.kill()
    with setup.bridge(SIZE, [f"--qmp=unix:{monitor}", "--name=ours"]) as b:
        with subprocess.Popen(qemu, stdin=subprocess.DEVNULL) as process:
            try:
                is_called(setup, b, "ours", UUID, "the name as it was given")
            finally:
                process.kill()


# unix sockets

def as_nobody(setup, words):
    return subprocess.run(
        ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *words],
        capture_output=True, text=True, timeout=30, check=False)


ASK = """
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(10)
s.connect(sys.argv[1])
s.sendall(bytes.fromhex(sys.argv[2]))
print(len(s.recv(4)))
"""


def users(setup):
    """Owner, group and mode of the file, and who may connect whatever those say."""
    if os.geteuid() != 0:
        raise case.Skip("needs root, to be two users")
    os.chmod(setup.directory, 0o755)
    places = {name: setup.path(name) for name in ("group", "mode", "open", "uids")}
    if as_nobody(setup, ["test", "-x", setup.directory]).returncode != 0:
        raise case.Skip("another user can't get at the test's folder")
    with setup.bridge(SIZE, [
            f"--listen=unix:{places['group']},group={NOBODY}",
            f"--listen=unix:{places['mode']},owner={NOBODY},group=0,mode=0640",
            f"--listen=unix:{places['open']},mode=0666",
            f"--listen=unix:{places['uids']},mode=0666,uid=root|4711"]) as b:
        listening(b, 6)
        for name, owner, group, mode in (("spice", 0, 0, 0o600), ("group", 0, NOBODY, 0o660),
                                         ("mode", NOBODY, 0, 0o640), ("open", 0, 0, 0o666)):
            status = os.stat(setup.path(name))
            have = (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode))
            case.check(have == (owner, group, mode), f"{name}: {have}")
        asks = {name: as_nobody(setup, ["python3", "-c", ASK, setup.path(name),
                                        link_message().hex()])
                for name in ("spice", *places)}
        for name, enters in (("spice", False), ("group", True), ("mode", True), ("open", True),
                             ("uids", False)):
            case.check((asks[name].stdout == "4\n") == enters,
                       f"{name}: another user {'is kept out' if enters else 'gets in'}: {asks[name]}")
        case.check("PermissionError" in asks["spice"].stderr, "the file's mode was not the reason")
        with setup.client("spice+unix://" + places["uids"]) as viewer:
            sees(viewer)
        for _ in range(3):
            as_nobody(setup, ["python3", "-c", ASK, places["uids"], "00"])
        count = b.counters()["viewers"]["uid_refused"]
        case.check(count == 4, f"{count} refused for their uid")
        said = [line for line in b.lines if f"user {NOBODY} was refused" in line]
        case.check(len(said) == 1, f"said: {said}")


# connections that say little

def slow_link(setup):
    """A viewer's first message may come byte by byte."""
    with setup.bridge(SIZE) as b:
        for address, family in ((b.tcp_address, socket.AF_INET),
                                (setup.path("spice"), socket.AF_UNIX)):
            with socket.socket(family) as connection:
                connection.settimeout(10)
                connection.connect(address)
                for byte in link_message(caps=0b11):
                    connection.sendall(bytes([byte]))
                    time.sleep(0.005)
                case.check(receive(connection, 4) == b"REDQ", "another answer")
        # Who names a viewer that is not here is told so by the library.
        with socket.create_connection(b.tcp_address) as connection:
            connection.settimeout(10)
            connection.sendall(link_message(connection_id=0x12345678, channel=2))
            case.check(receive(connection, 4) == b"REDQ", "another answer")
        case.wait_for("the count", 5, lambda: b.counters()["viewers"]["strays"] == 1)


def idle(setup):
    """300 connections that say nothing, and 300 that stop after a word, keep nobody out."""
    path = password_file(setup)
    words = ("--password", "open sesame")
    with setup.bridge(SIZE, [f"--password-file={path}", *make_certificates(setup)]) as b, \
            contextlib.ExitStack() as stack:
        port = int(listening(b, 3)[2].rsplit("=", 1)[1])
        with setup.client(b.unix, *words) as inside:
            sees(inside)
            at_rest = b.fds()
            for i in range(600):
                connection = stack.enter_context(socket.socket(socket.AF_INET))
                connection.connect(b.tcp_address)
                if i >= 300:
                    connection.sendall(link_message()[:(4, 30, 40)[i % 3]])
            # The beginning of a handshake.
            for _ in range(10):
                connection = stack.enter_context(socket.socket(socket.AF_INET))
                connection.connect(("127.0.0.1", port))
                connection.sendall(b"\x16\x03\x01\x02\x00\x01")
            counters = case.wait_for("all of them", 10, lambda: (
                lambda c: c["accepted"] >= 610 and c)(b.counters()["viewers"]))
            case.check(counters["waiting"] <= 64, f"all of them wait: {counters}")
            case.check(counters["crowded_out"] >= 500, f"none had to go: {counters}")
            inside.change()
        begin = time.monotonic()
        for uri in (b.tcp, b.unix):
            with setup.client(uri, *words) as viewer:
                sees(viewer)
        took = time.monotonic() - begin
        case.check(took < 10, f"two visits took {took:.1f} s")
        case.check(b.fds() < 200, f"{b.fds()} descriptors are open")
        # Those that remain are ended in time.
        counters = case.wait_for("the end of all of them", 30, lambda: (
            lambda c: not c["waiting"] and c)(b.counters()["viewers"]))
        case.check(counters["timed_out"] > 0, f"{counters}")
        case.wait_for("the close of all of them", 10, lambda: b.fds() <= at_rest)
        return f"two visits in {took:.1f} s, {counters}"


case.main(expiry, view_password, tls, channels, sasl, users, slow_link, leaves_early, identity,
          idle)
