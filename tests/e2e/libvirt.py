#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Keys reach a domain of a real libvirt that has no monitor for us, through libvirt itself."""

import contextlib
import os
import shutil
import signal
import subprocess
import time

import case

DOMAIN = """<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
<name>vgpu-bridge-test</name><memory unit='MiB'>32</memory>
<os><type arch='x86_64' machine='pc'>hvm</type></os>
<devices><emulator>%s</emulator><controller type='usb'/><input type='tablet' bus='usb'/></devices>
<qemu:commandline><qemu:arg value='-trace'/><qemu:arg value='input_event_key_qcode'/>
<qemu:arg value='-D'/><qemu:arg value='%s'/></qemu:commandline>
</domain>
"""
USER = 65534  # libvirt's session mode is for ordinary users


class Libvirt:
    """A daemon of its own, with nothing of the system's."""

    def __init__(self, setup):
        self.qemu = shutil.which("qemu-system-x86_64")
        for program in ("libvirtd", "virsh", "qemu-system-x86_64", "setpriv"):
            if not shutil.which(program):
                raise case.Skip(f"there is no {program}")
        if subprocess.run(self.command(setup.program, "--version"), capture_output=True,
                          check=False).returncode:
            raise case.Skip(f"an ordinary user can't run {setup.program}")
        if os.getuid() == 0:
            os.chown(setup.directory, USER, USER)
        self.directory = setup.directory
        self.trace = setup.path("trace")
        self.xml = setup.path("domain.xml")
        self.environment = dict(os.environ, HOME=setup.directory, XDG_RUNTIME_DIR=setup.directory,
                                LIBVIRT_DEFAULT_URI="qemu:///session")
        for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
            self.environment.pop(name, None)
        with open(self.xml, "w", encoding="utf-8") as file:
            file.write(DOMAIN % (self.qemu, self.trace))
        self.daemon = subprocess.Popen(self.command("libvirtd"), env=self.environment,
                                       cwd=setup.directory, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @staticmethod
    def command(*words):
        if os.getuid() != 0:
            return list(words)
        return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", *words]

    def virsh(self, *words):
        return subprocess.run(self.command("virsh", *words), env=self.environment, timeout=60,
                              capture_output=True, text=True)

    def create(self):
        result = self.virsh("create", self.xml)
        if result.returncode:
            raise case.Skip(f"libvirt starts no domain here: {result.stderr.strip()}")

    def keys(self):
        try:
            with open(self.trace, encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def end(self):
        self.virsh("destroy", "vgpu-bridge-test")
        self.daemon.terminate()
        self.daemon.wait()
        # libvirtd has started this one by itself.
        with contextlib.suppress(OSError, ValueError):
            with open(os.path.join(self.directory, "libvirt", "virtlogd.pid"),
                      encoding="ascii") as file:
                os.kill(int(file.read()), signal.SIGTERM)


@contextlib.contextmanager
def libvirt(setup):
    daemon = Libvirt(setup)
    try:
        try:
            case.wait_for("libvirtd", 20, lambda: daemon.virsh("version").returncode == 0)
        except AssertionError as error:
            raise case.Skip(f"libvirtd does not run here: {error}") from None
        daemon.create()
        yield daemon
    finally:
        daemon.end()


def keys(setup):
    with libvirt(setup) as daemon:
        spice = setup.path("vm-spice")
        log = open(setup.path("log"), "w+", encoding="utf-8")
        bridge = subprocess.Popen(
            daemon.command(setup.program, "serve", "--vm=vgpu-bridge-test", f"--listen=unix:{spice}"),
            env=daemon.environment, cwd=setup.directory, stdout=subprocess.DEVNULL, stderr=log)

        def said(text):
            log.flush()
            with open(log.name, encoding="utf-8") as file:
                return text in file.read()

        try:
            case.wait_for("a word of libvirt, or of none", 20,
                          lambda: said("libvirt, domain") or said("no --qmp names"))
            if said("no --qmp names"):
                raise case.Skip("built without libvirt")
            case.wait_for("the monitor", 20, lambda: said("the guest's pointer is"))
            case.check(said("tainted"), "that the domain is tainted is not said")
            case.wait_for("the socket", 10, lambda: os.path.exists(spice))
            with setup.client(f"spice+unix://{spice}") as viewer:
                case.wait_for("the inputs channel", 20, lambda: viewer.ask("leds")["ok"])
                viewer.do("key 0x1e")
                case.wait_for("the key in QEMU", 20, lambda: "qcode a, down 0" in daemon.keys())
                # A domain that is started anew, under the same viewer.
                daemon.virsh("destroy", "vgpu-bridge-test")
                case.wait_for("the end of the domain", 20, lambda: said("it is off") or
                              said("closed the connection"))
                daemon.create()

                def typed():
                    viewer.do("key 0x30")
                    time.sleep(0.2)
                    return "qcode b, down 0" in daemon.keys()

                case.wait_for("a key in the new QEMU", 30, typed)
            bridge.terminate()
            case.check(bridge.wait(10) == 0, f"the bridge ended with {bridge.returncode}")
            # With the bridge goes the process that it had for libvirt.
            case.wait_for("the end of its process", 10, lambda: subprocess.run(
                ["pgrep", "-f", f"--listen=unix:{spice}"], capture_output=True,
                check=False).returncode != 0)
        except BaseException:
            with open(log.name, encoding="utf-8") as file:
                print("--- the bridge said:", file.read(), "---", sep="\n")
            raise
        finally:
            if bridge.poll() is None:
                bridge.kill()
                bridge.wait()
            log.close()


case.main(keys)
