#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: recipes.py qemu|libvirt PROGRAM

What the verbs qemu-args and xml print, over trees that stand for hosts: a real QEMU takes the
arguments (without the device, which is not there), a real libvirt takes the XML, and serve takes the
command that is printed with them, which names the very sockets that QEMU makes.
"""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree

SKIP = 77
USER = 65534  # libvirt's session mode is for ordinary users
GVT, MDPY, CDEV, SMALL, FUNCTION = (
    "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001",
    "83b8f4f2-509f-382f-3c1e-e6bfe0fa1002",
    "83b8f4f2-509f-382f-3c1e-e6bfe0fa1003",
    "83b8f4f2-509f-382f-3c1e-e6bfe0fa1004",
    "0000:27:00.4",
)


class Missing(Exception):
    """What the test needs is not on this machine."""


def check(condition, text):
    if not condition:
        raise AssertionError(text)


class Tree:
    """A host with vGPUs of several kinds, as sysfs shows them."""

    def __init__(self, root):
        self.root = root
        gpu = "sys/devices/pci0000:00/0000:00:02.0"
        self.parent(gpu, "0x8086", "0x5912", "i915", ["i915-GVTg_V5_4", "i915-GVTg_V5_8"])
        self.link("sys/bus/pci/devices/0000:00:02.0", gpu)
        os.makedirs(self.path(f"{gpu}/drm/renderD128"))
        self.vgpu(gpu, GVT, "i915-GVTg_V5_4", "intel_vgpu_mdev", 12)
        self.vgpu(gpu, SMALL, "i915-GVTg_V5_8", "intel_vgpu_mdev", 13)
        self.vgpu(gpu, CDEV, "i915-GVTg_V5_4", "intel_vgpu_mdev", None)
        self.file(f"{gpu}/{CDEV}/vfio-dev/vfio0/dev", "511:0")
        self.file("dev/vfio/devices/vfio0", "")
        mdpy = "sys/devices/virtual/mdpy/mdpy"
        self.types(mdpy, ["mdpy-vga"])
        self.link("sys/class/mdev_bus/mdpy", mdpy)
        self.vgpu(mdpy, MDPY, "mdpy-vga", "mdpy", 14)
        function = f"sys/devices/pci0000:20/{FUNCTION}"
        self.file(f"{function}/vendor", "0x10de")
        self.file(f"{function}/device", "0x2235")
        self.file(f"{function}/class", "0x030200")
        self.file(f"{function}/nvidia/creatable_vgpu_types", "ID    : vGPU Name\n256   : NVIDIA A40-2B\n")
        self.file(f"{function}/nvidia/current_vgpu_type", "256")
        self.link(f"sys/bus/pci/devices/{FUNCTION}", function)
        self.group(function, 27)

    def path(self, name):
        return os.path.join(self.root, name)

    def file(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="ascii") as file:
            file.write(text + "\n")

    def link(self, name, target):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        os.makedirs(self.path(target), exist_ok=True)
        os.symlink(os.path.relpath(self.path(target), os.path.dirname(self.path(name))),
                   self.path(name))

    def types(self, parent, types):
        for name in types:
            self.file(f"{parent}/mdev_supported_types/{name}/device_api", "vfio-pci")
            self.file(f"{parent}/mdev_supported_types/{name}/available_instances", "0")

    def parent(self, path, vendor, device, driver, types):
        self.file(f"{path}/vendor", vendor)
        self.file(f"{path}/device", device)
        self.file(f"{path}/class", "0x030000")
        self.link(f"{path}/driver", f"sys/bus/pci/drivers/{driver}")
        self.types(path, types)

    def group(self, path, number):
        self.link(f"{path}/iommu_group", f"sys/kernel/iommu_groups/{number}")
        self.file(f"dev/vfio/{number}", "")

    def vgpu(self, parent, uuid, kind, driver, group):
        path = f"{parent}/{uuid}"
        self.link(f"{path}/mdev_type", f"{parent}/mdev_supported_types/{kind}")
        self.link(f"{path}/driver", f"sys/bus/mdev/drivers/{driver}")
        self.link(f"sys/bus/mdev/devices/{uuid}", path)
        if group is not None:
            self.group(path, group)


class Verbs:
    def __init__(self, program, root):
        self.program = program
        self.root = root

    def run(self, *words):
        return subprocess.run([self.program, *words], capture_output=True, text=True, timeout=60,
                              check=False)

    def verb(self, *words):
        """What it prints, and the words of the command for serve."""
        result = self.run(*words, "--root", self.root)
        check(result.returncode == 0, f"{words}: {result.returncode}, {result.stderr}")
        lines = result.stderr.splitlines()
        check(all(line.startswith("#") for line in lines[:-1]), f"{words}: {result.stderr}")
        serve = shlex.split(lines[-1])
        if serve[0] == "setpriv": # another group
            serve = serve[3:]
        check(serve[:2] == ["vgpu-bridge", "serve"], f"{words}: the last line is {lines[-1]}")
        # viewer-file parses all that serve takes, and ends.
        parsed = self.run("viewer-file", *serve[2:])
        check(parsed.returncode == 0, f"{lines[-1]}: {parsed.stderr}")
        return result.stdout, serve, result.stderr

    def refuses(self, code, parts, *words):
        result = self.run(*words, "--root", self.root)
        lines = result.stderr.splitlines()
        check(result.returncode == code and len(lines) == 1 and not result.stdout and
              all(part in lines[0] for part in parts),
              f"{words}: {result.returncode} instead of {code}, or not {parts}: {result.stderr}")


def sockets_of(serve):
    """Those that serve connects to, by option."""
    pairs = dict(zip(serve[2::2], serve[3::2]))
    return {option: pairs[option][len("unix:"):] for option in
            ("--qmp", "--agent", "--webdav", "--usbredir") if option in pairs}


def read_qmp(path):
    with socket.socket(socket.AF_UNIX) as monitor:
        monitor.settimeout(20)
        monitor.connect(path)
        stream = monitor.makefile("rw", encoding="utf-8")
        stream.readline()
        answers = []
        for command in ("qmp_capabilities", "query-chardev", "quit"):
            stream.write(json.dumps({"execute": command}) + "\n")
            stream.flush()
            answer = json.loads(stream.readline())
            while "event" in answer:
                answer = json.loads(stream.readline())
            answers.append(answer)
        return answers[1]["return"]


def start_qemu(qemu, arguments, serve):
    """Without the device and its iommufd, all the rest has to work as it is."""
    kept = []
    for line in arguments.splitlines():
        if "vfio-pci" not in line and "iommufd" not in line:
            kept += line.split(" ")
    paths = sockets_of(serve)
    log = tempfile.TemporaryFile("w+")
    process = subprocess.Popen([qemu, "-accel", "tcg", "-S", "-m", "32", *kept],
                               stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        end = time.monotonic() + 60
        while not all(os.path.exists(path) for path in paths.values()):
            if process.poll() is not None or time.monotonic() > end:
                log.seek(0)
                raise AssertionError(f"QEMU has not made {paths}: {log.read()}")
            time.sleep(0.02)
        names = [device["filename"] for device in read_qmp(paths["--qmp"])]
        for path in paths.values():
            check(any(path in name for name in names), f"{path} is none of {names}")
        check(process.wait(30) == 0, "QEMU did not end well")
        log.seek(0)
        words = log.read()
        check("warning" not in words and "rror" not in words, f"QEMU says {words}")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        log.close()


def device_of(arguments):
    line = [line for line in arguments.splitlines() if "vfio-pci" in line and "-device" in line][0]
    name, *properties = line.split(" ")[1].split(",")
    return name, dict(item.split("=") for item in properties)


def qemu_by_hand(verbs, directory):
    qemu = shutil.which("qemu-system-x86_64")
    at = ["--sockets", directory]

    def ask(device, *words):
        arguments, serve, notes = verbs.verb("qemu-args", device, *at, *words)
        return arguments, serve, notes, device_of(arguments)[1]

    arguments, serve, notes, device = ask(GVT, "--vm=vm1")
    check(device["sysfsdev"] == f"/sys/bus/mdev/devices/{GVT}" and device["display"] == "off" and
          device["rombar"] == "0" and int(device["addr"], 0) != 2, f"the device is {device}")
    check(device.get("x-igd-opregion") == "on", "no OpRegion for QEMU 7.2")
    check("-name vm1" in arguments and serve[2:4] == ["--vm", "vm1"], f"{arguments} {serve}")
    check("usb-tablet" in arguments and "disable_s3=1" in arguments, arguments)
    check(sockets_of(serve) == {"--qmp": f"{directory}/vm1.qmp", "--agent": f"{directory}/vm1.agent"},
          f"the command is {serve}")
    check("/dev/vfio/12" in notes and "mdevctl define" in notes, notes)
    # By version.
    check("x-igd-opregion" not in ask(GVT, "--qemu=10.1")[3], "the OpRegion for QEMU 10.1")
    check("x-igd-opregion" not in ask(GVT, "--qemu=11.0.2")[3], "the OpRegion for QEMU 11")
    check("x-igd-opregion" in ask(GVT, "--qemu=10.0")[3], "no OpRegion for QEMU 10.0")
    check("display" not in ask(GVT, "--qemu=2.11")[3], "display= for QEMU 2.11")
    # By device.
    check("x-igd-opregion" not in ask(MDPY)[3], "the OpRegion for mdpy")
    check(ask(CDEV, "--qemu=9.0")[3]["iommufd"] == "vgpu-iommufd", "no iommufd")
    check(ask(FUNCTION)[3]["sysfsdev"] == f"/sys/bus/pci/devices/{FUNCTION}", "the function's path")
    check("1024x768" in ask(SMALL)[2] and "1024x768" not in ask(SMALL, "--for=linux")[2],
          "the warning for Windows on a small type")
    verbs.refuses(3, [CDEV, "7.2", "9.0"], "qemu-args", CDEV)
    # ramfb needs a display, and GL where the picture is in dma-bufs.
    arguments = ask(GVT, "--ramfb")[0]
    name, device = device_of(arguments)
    check(name == "vfio-pci-nohotplug" and device["display"] == "on" and device["ramfb"] == "on" and
          "-display egl-headless,rendernode=/dev/dri/renderD128" in arguments, arguments)
    check("-display none" in ask(MDPY, "--ramfb")[0], "egl-headless for mdpy")
    check("p2p=yes" in ask(GVT, "--with=sound", "--qemu=8.1")[0], "no sound")

    if not qemu:
        raise Missing("there is no qemu-system-x86_64")
    known = {}
    for name in ("vfio-pci", "vfio-pci-nohotplug"):
        text = subprocess.run([qemu, "-device", f"{name},help"], capture_output=True, text=True,
                              check=True).stdout
        known[name] = set(re.findall(r"^  ([a-z0-9_-]+)=", text, re.M)) | {"id"}
    for words in ([], ["--ramfb"]):
        name, device = device_of(ask(GVT, *words)[0])
        check(set(device) <= known[name], f"QEMU's {name} has no {set(device) - known[name]}")
    for number, words in enumerate((["--machine=q35", "--with=webdav", "--with=usb"],
                                    ["--machine=pc"])):
        arguments, serve, _, _ = ask(GVT, f"--vm=vm{number}", *words)
        start_qemu(qemu, arguments, serve)


def refusals(verbs):
    for verb in ("qemu-args", "xml"):
        for code, parts, words in (
                (2, ["argument"], []),
                (2, ["'b'"], ["a", "b"]),
                (3, ["'1234'", GVT, MDPY], ["1234"]),
                (2, ["--vm", "'a/b'"], [GVT, "--vm=a/b"]),
                (2, ["--vm", "''"], [GVT, "--vm="]),
                (2, ["--vm", "10"], [GVT, "--vm=a\nb"]),
                (2, ["--for", "'dos'"], [GVT, "--for=dos"]),
                (2, ["--machine", "'isa'"], [GVT, "--machine=isa"]),
                (2, ["--with", "'tea'"], [GVT, "--with=tea"]),
                (2, ["--qemu", "'new'"], [GVT, "--qemu=new"]),
                (2, ["--with=sound", "7.2", "8.1"], [GVT, "--with=sound"]),
                (2, ["--ramfb", "3.1"], [GVT, "--ramfb", "--qemu=3.0"]),
                (2, ["--ramfb", "--with=sound"], [GVT, "--ramfb", "--with=sound", "--qemu=9.0"]),
                (2, ["--sockets", "'run'"], [GVT, "--sockets=run"]),
                (2, ["--sockets", "'/a b'"], [GVT, "--sockets=/a b"]),
                (2, ["107"], [GVT, "--sockets=/" + 100 * "x"])):
            verbs.refuses(code, parts, verb, *words)
    verbs.refuses(2, ["--vm", "'my vm'", "quoted"], "qemu-args", GVT, "--vm=my vm")
    verbs.refuses(2, ["--libvirt", "'1'"], "xml", GVT, "--libvirt=1")
    verbs.refuses(2, ["3.2"], "xml", GVT, "--libvirt=3.1")
    verbs.refuses(2, ["--part", "'disk'"], "xml", GVT, "--part=disk")
    verbs.refuses(2, ["nodedev", "mdpy"], "xml", MDPY, "--part=nodedev")
    verbs.refuses(2, ["--ramfb", FUNCTION], "xml", FUNCTION, "--ramfb")
    verbs.refuses(2, ["--with=sound", "8.3"], "xml", GVT, "--with=sound", "--qemu=9.0",
                  "--libvirt=8.3")


class Libvirt:
    """A daemon of its own, with nothing of the system's."""

    def __init__(self, directory):
        for program in ("libvirtd", "virsh", "qemu-system-x86_64", "setpriv"):
            if not shutil.which(program):
                raise Missing(f"there is no {program}")
        self.directory = os.path.join(directory, "home")
        os.mkdir(self.directory)
        os.chmod(directory, 0o755)
        if os.getuid() == 0:
            os.chown(self.directory, USER, USER)
        self.environment = {"HOME": self.directory, "XDG_RUNTIME_DIR": self.directory,
                            "PATH": os.environ["PATH"], "LIBVIRT_DEFAULT_URI": "qemu:///session"}
        self.daemon = subprocess.Popen(self.command("libvirtd"), env=self.environment,
                                       cwd=self.directory, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 30
        while self.virsh("version").returncode:
            if time.monotonic() > end:
                self.end()
                raise Missing("libvirtd does not run here")
            time.sleep(0.1)

    @staticmethod
    def command(*words):
        if os.getuid() != 0:
            return list(words)
        return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", *words]

    def virsh(self, *words):
        return subprocess.run(self.command("virsh", *words), env=self.environment, timeout=60,
                              capture_output=True, text=True, check=False)

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o644)
        return path

    def define(self, text, keep=False, native=True):
        """The arguments that QEMU would get. There is no KVM in a test."""
        text = text.replace("<domain type='kvm'", "<domain type='qemu'")
        text = text.replace("<cpu mode='host-passthrough'/>", "")
        result = self.virsh("define", "--validate", self.write("domain.xml", text))
        check(result.returncode == 0, f"{result.stderr}: {text}")
        name = ElementTree.fromstring(text).find("name").text
        if native:
            native = self.virsh("domxml-to-native", "qemu-argv", "--domain", name)
            check(native.returncode == 0, f"{native.stderr}: {text}")
        if not keep:
            self.virsh("undefine", name)
        return name, native.stdout if native else ""

    def end(self):
        self.daemon.send_signal(signal.SIGTERM)
        self.daemon.wait()
        try:
            with open(os.path.join(self.directory, "libvirt", "virtlogd.pid"),
                      encoding="ascii") as file:
                os.kill(int(file.read()), signal.SIGTERM)
        except (OSError, ValueError):
            pass


def by_libvirt(verbs, directory):
    daemon = Libvirt(directory)
    try:
        domains(verbs, daemon)
    finally:
        daemon.end()


def domains(verbs, daemon):
    here = ["--sockets", daemon.directory]

    def ask(device, *words):
        text, serve, notes = verbs.verb("xml", device, *words)
        root = ElementTree.fromstring(text)
        paths = {element.get("path") for element in root.iter("source")} - {None}
        theirs = {path for option, path in sockets_of(serve).items() if option != "--qmp"}
        check(paths == theirs, f"the domain has {paths}, serve {theirs}")
        return text, serve, notes

    text, serve, notes = ask(GVT, "--vm=win 10", "--for=windows", "--with=qmp", "--with=usb",
                             "--with=webdav", *here)
    check("virsh nodedev-autostart" in notes and "mdevctl define" in notes, notes)
    name, native = daemon.define(text)
    check(name == "win 10" and serve[3] == name, f"{name}, {serve}")
    check(f'"sysfsdev":"/sys/bus/mdev/devices/{GVT}"' in native and '"display":"off"' in native and
          '"addr":"0x10"' in native and '"x-igd-opregion":true' in native, native)
    check("disable_s3=1" in native and "usb-tablet" in native, native)
    for path in sockets_of(serve).values():
        check(path in native, f"{path} is not in {native}")

    for words in (["--machine=pc"], ["--ramfb"], ["--libvirt=8.1"],
                  ["--with=sound", "--qemu=9.0"]):
        text = ask(GVT, "--vm=vm1", *here, *words)[0]
        if "--ramfb" in words and not re.search(r"egl-headless", text):
            raise AssertionError(f"no egl-headless for GVT-g: {text}")
        _, native = daemon.define(text)
        check(("vfio-pci.x-igd-opregion=on" in native) == ("--libvirt=8.1" in words), native)
        check(('"ramfb":true' in native) == ("--ramfb" in words), native)
    text = ask(GVT, "--vm=vm1", "--qemu=10.1")[0]
    check("qemu:" not in text, f"QEMU 10.1 needs no word by hand: {text}")
    daemon.define(text)
    daemon.define(ask(MDPY, "--vm=vm1", "--ramfb", *here)[0])
    text = ask(FUNCTION, "--vm=vm1")[0]
    check("bus='0x27' slot='0x00' function='0x4'" in text, text)
    # libvirt looks for VFIO on this host before it says more.
    daemon.define(text, native=False)

    # Part by part, into a domain that there is.
    bare = ("<domain type='qemu'><name>bare</name><memory unit='MiB'>64</memory>"
            "<os><type arch='x86_64' machine='q35'>hvm</type></os>"
            "<devices><controller type='usb' model='qemu-xhci'/></devices></domain>")
    daemon.define(bare, keep=True)
    for part in ("hostdev", "tablet", "agent", "webdav", "usb"):
        text, serve, _ = verbs.verb("xml", GVT, "--vm=bare", f"--part={part}", *here)
        result = daemon.virsh("attach-device", "bare", daemon.write("part.xml", text), "--config")
        check(result.returncode == 0, f"{part}: {result.stderr}")
        if part in ("agent", "webdav", "usb"):
            check(any(path in text for path in sockets_of(serve).values()), f"{serve}: {text}")
    check(GVT in daemon.virsh("dumpxml", "bare", "--inactive").stdout, "no vGPU in the domain")

    text = verbs.verb("xml", GVT, "--part=nodedev")[0]
    device = ElementTree.fromstring(text)
    check(device.find("parent").text == "pci_0000_00_02_0" and
          device.find("capability/type").get("id") == "i915-GVTg_V5_4" and
          device.find("capability/uuid").text == GVT, text)


def main():
    kind, program = sys.argv[1:3]
    with tempfile.TemporaryDirectory(prefix="recipes-") as directory:
        verbs = Verbs(os.path.abspath(program), Tree(os.path.join(directory, "host")).root)
        try:
            if kind == "qemu":
                refusals(verbs)
                qemu_by_hand(verbs, directory)
            else:
                by_libvirt(verbs, directory)
        except Missing as missing:
            print(f"SKIP: {missing}")
            sys.exit(SKIP)


if __name__ == "__main__":
    main()
