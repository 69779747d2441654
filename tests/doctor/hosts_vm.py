# SPDX-License-Identifier: MIT
"""Hosts with a virtual machine, right and wrong in each way that the second half of doctor knows.

A host is a dictionary: "files" (path: text, None removes one of the host it is made from), "links",
"modes", "machine" (what --vm is given) and "expect" (id of a check: verdict). What a host does not
say is as on a host where all is right.
"""

import copy
import os

UUID = "aa618089-8b16-4d01-a136-25a0f3c73123"
SECOND = "bb618089-8b16-4d01-a136-25a0f3c73123"
IGD = "sys/devices/pci0000:00/0000:00:02.0"
ME = os.getuid()
PID = 2818
CAPABLE = "000001ffffffffff"
NONE = "0000000000000000"

TYPES = {"i915-GVTg_V5_4": (128, 512, "1920x1200", 4), "i915-GVTg_V5_8": (64, 384, "1024x768", 2)}

DOMAIN = """<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>{name}</name>
  {metadata}
  <memory unit='KiB'>4194304</memory>
  {memory}
  <os><type arch='x86_64' machine='{machine}'>hvm</type></os>
  <pm><suspend-to-mem enabled='no'/><suspend-to-disk enabled='no'/></pm>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    {hostdev}
    {graphics}
    <input type='tablet' bus='usb'/>
    <video><model type='none'/></video>
  </devices>
  {more}
</domain>
"""


def hostdev(uuid=UUID, display="off", ramfb="", slot="0x05"):
    ramfb = f" ramfb='{ramfb}'" if ramfb else ""
    return f"""<hostdev mode='subsystem' type='mdev' model='vfio-pci' display='{display}'{ramfb}>
      <source><address uuid='{uuid}'/></source>
      <address type='pci' domain='0x0000' bus='0x00' slot='{slot}' function='0x0'/>
    </hostdev>"""


def domain(name="office", machine="pc-q35-7.2", device=None, graphics="", metadata="", memory="",
           more=""):
    return DOMAIN.format(name=name, machine=machine, metadata=metadata, memory=memory, more=more,
                         graphics=graphics, hostdev=hostdev() if device is None else device)


def status(uid, capabilities=NONE, groups="", locked=0):
    return (f"Name:\tx\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\nGid:\t{uid}\t{uid}\t{uid}\t{uid}\n"
            f"Groups:\t{groups}\nVmLck:\t{locked} kB\nCapEff:\t{capabilities}\n")


def limits(kib):
    size = "unlimited" if kib is None else str(kib << 10)
    return ("Limit                     Soft Limit           Hard Limit           Units     \n"
            f"Max locked memory         {size:<20} {size:<20} bytes     \n")


def vgpu(uuid=UUID, kind="i915-GVTg_V5_4", group=12):
    """The links of one vGPU of the Intel GPU; its files are for files()."""
    return {
        f"sys/bus/mdev/devices/{uuid}": f"../../../devices/pci0000:00/0000:00:02.0/{uuid}",
        f"{IGD}/{uuid}/mdev_type": f"../mdev_supported_types/{kind}",
        f"{IGD}/{uuid}/iommu_group": f"../../../../kernel/iommu_groups/{group}",
        f"{IGD}/{uuid}/driver": "../../../../bus/mdev/drivers/intel_vgpu_mdev",
        f"{IGD}/{uuid}/subsystem": "../../../../bus/mdev",
        f"sys/kernel/iommu_groups/{group}/devices/{uuid}":
            f"../../../../devices/pci0000:00/0000:00:02.0/{uuid}",
    }


def words(*more, device="", name="office", memory="4G", machine="q35",
          driver="vfio-pci", uuid=UUID, sysfsdev=True, program="/usr/bin/qemu-system-x86_64"):
    where = f"sysfsdev=/sys/bus/mdev/devices/{uuid}" if sysfsdev else uuid
    line = [program, "-name", name, "-accel", "kvm", "-machine", machine]
    line += ["-m", memory] if memory else []
    line += ["-display", "none", "-vga", "none", "-usb", "-device", "usb-tablet",
             "-global", "ICH9-LPC.disable_s3=1",
             "-device", f"{driver},{where},addr=05.0{device}", *more]
    return "".join(word + "\0" for word in line)


def good():
    """Debian 12 on a Kaby Lake laptop with everything as it should be; no QEMU runs."""
    files = {
        "proc/sys/kernel/osrelease": "6.1.0-28-amd64\n",
        "proc/cmdline": "BOOT_IMAGE=/vmlinuz root=/dev/sda1 i915.enable_gvt=1 kvm.ignore_msrs=1 "
                        "i915.enable_guc=0 intel_iommu=on iommu=pt\n",
        "proc/meminfo": "MemTotal: 16000000 kB\nMemAvailable: 12000000 kB\n",
        "proc/modules": "kvmgt 1 0 - Live 0\nmdev 1 0 - Live 0\nvfio 1 0 - Live 0\n"
                        "i915 1 0 - Live 0\nkvm 1 0 - Live 0\n",
        "proc/self/status": status(0, CAPABLE),
        "proc/self/limits": limits(None),
        "proc/sys/kernel/yama/ptrace_scope": "1\n",
        "boot/config-6.1.0-28-amd64": "CONFIG_DRM_I915_GVT_KVMGT=m\nCONFIG_VFIO_MDEV=m\n"
                                      "CONFIG_KVM=m\nCONFIG_KVM_INTEL=m\n",
        "lib/modules/6.1.0-28-amd64/modules.dep": "kernel/drivers/gpu/drm/i915/kvmgt.ko:\n",
        "sys/module/i915/parameters/enable_gvt": "Y\n",
        "sys/module/i915/parameters/enable_guc": "0\n",
        "sys/module/kvm/parameters/ignore_msrs": "Y\n",
        "sys/module/kvm/parameters/report_ignored_msrs": "N\n",
        "sys/power/state": "freeze mem disk\n",
        f"{IGD}/vendor": "0x8086\n",
        f"{IGD}/device": "0x5916\n",
        f"{IGD}/class": "0x030000\n",
        f"{IGD}/drm/card0/error": "No error state collected\n",
        f"{IGD}/drm/renderD128/dev": "226:128\n",
        f"{IGD}/resource":
            "0x00000000de000000 0x00000000deffffff 0x0000000000140204\n"
            "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
            "0x0000004000000000 0x000000403fffffff 0x000000000014220c\n",
        "dev/dri/renderD128": "",
        "dev/kmsg": "[    1.0] i915 0000:00:02.0: MDEV: Registered\n",
        "dev/vfio/vfio": "",
        "dev/vfio/12": "",
        "etc/os-release": "ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n",
        "etc/default/grub": "GRUB_CMDLINE_LINUX=\"\"\n",
        "etc/passwd": f"root:x:0:0:root:/root:/bin/sh\nlibvirt-qemu:x:{ME + 5}:{ME + 5}::/:/bin/false\n",
        "etc/group": f"libvirt-qemu:x:{ME + 5}:\n",
        "etc/mdevctl.d/0000:00:02.0/" + UUID:
            '{"mdev_type":"i915-GVTg_V5_4","start":"auto","attrs":[]}\n',
        "etc/libvirt/qemu/office.xml": domain(),
        "etc/libvirt/qemu.conf": "#cgroup_controllers = [ \"cpu\", \"devices\" ]\n",
        "usr/bin/qemu-system-x86_64": "",
        "usr/lib/systemd/system/vgpu-bridge@.service": "[Service]\n",
        "var/lib/dpkg/status":
            "Package: libvirt-daemon\nStatus: install ok installed\nVersion: 9.0.0-4\n\n"
            "Package: qemu-system-x86\nStatus: install ok installed\n"
            "Version: 1:7.2+dfsg-7+deb12u7\n\n",
    }
    for name, (low, high, size, weight) in TYPES.items():
        at = f"{IGD}/mdev_supported_types/{name}"
        files[f"{at}/available_instances"] = "3\n"
        files[f"{at}/device_api"] = "vfio-pci\n"
        files[f"{at}/description"] = (f"low_gm_size: {low}MB\nhigh_gm_size: {high}MB\nfence: 4\n"
                                      f"resolution: {size}\nweight: {weight}\n")
        files[f"{at}/create"] = ""
    for module in ("kvmgt", "mdev", "vfio", "vfio_iommu_type1", "kvm_intel"):
        files[f"sys/module/{module}/refcnt"] = "1\n"
    links = {
        "sys/bus/pci/devices/0000:00:02.0": "../../../devices/pci0000:00/0000:00:02.0",
        f"{IGD}/driver": "../../../bus/pci/drivers/i915",
        "dev/dri/by-path/pci-0000:00:02.0-render": "../renderD128",
        "sys/class/drm/renderD128": "../../devices/pci0000:00/0000:00:02.0/drm/renderD128",
        "sys/class/iommu/dmar0": "../../devices/virtual/iommu/dmar0",
        "sys/class/mdev_bus/0000:00:02.0": "../../devices/pci0000:00/0000:00:02.0",
    }
    links.update(vgpu())
    return {"files": files, "links": links, "modes": {"dev/vfio/12": 0o600}, "machine": "office",
            "expect": {}}


def host(expect, files=None, links=None, modes=None, machine="office"):
    made = copy.deepcopy(good())
    for path, text in (files or {}).items():
        if text is None:
            made["files"].pop(path, None)
        else:
            made["files"][path] = text
    for path, target in (links or {}).items():
        if target is None:
            made["links"].pop(path, None)
        else:
            made["links"][path] = target
    made["modes"].update(modes or {})
    made["machine"] = machine
    made["expect"] = expect
    return made


def running(expect, line=None, files=None, links=None, user=None, limit=None, **more):
    """A QEMU started by hand that holds the vGPU."""
    all_files = {
        "etc/libvirt/qemu/office.xml": None,
        f"proc/{PID}/cmdline": words() if line is None else line,
        f"proc/{PID}/comm": "qemu-system-x86\n",
        f"proc/{PID}/status": status(ME) if user is None else user,
        f"proc/{PID}/limits": limits(limit),
    }
    all_links = {
        f"proc/{PID}/exe": "/usr/bin/qemu-system-x86_64",
        f"proc/{PID}/fd/30": "/dev/vfio/12",
        f"proc/{PID}/fd/31": "anon_inode:[vfio-device]",
    }
    all_files.update(files or {})
    all_links.update(links or {})
    return host(expect, all_files, all_links, **more)


def changed(expect, **more):
    """A domain of libvirt's that does not run."""
    return host(expect, {"etc/libvirt/qemu/office.xml": domain(**more)})


def commandline(*args):
    return "<qemu:commandline>" + "".join(f"<qemu:arg value='{arg}'/>" for arg in args) + \
        "</qemu:commandline>"


OWN = commandline("-device", f"vfio-pci,sysfsdev=/sys/bus/mdev/devices/{UUID}")
ACL = 'cgroup_device_acl = [\n  "/dev/null", "/dev/zero",\n  "/dev/vfio/vfio", "/dev/vfio/12"\n]\n'
EGL = "<graphics type='egl-headless'/>"
SPICE = "<graphics type='spice' port='5900' autoport='no'/>"
QEMU_10_1 = {"var/lib/dpkg/status": "Package: qemu-system-x86\nVersion: 1:10.1.0-1\n\n"}
NVIDIA = "sys/devices/pci0000:20/0000:27:00.4"
NVIDIA_HOST = {
    f"{NVIDIA}/vendor": "0x10de\n", f"{NVIDIA}/device": "0x2236\n", f"{NVIDIA}/class": "0x030200\n",
    f"{NVIDIA}/nvidia/creatable_vgpu_types": "", f"{NVIDIA}/nvidia/current_vgpu_type": "256\n",
    f"{NVIDIA}/vfio-dev/vfio0/dev": "511:0\n", "dev/vfio/devices/vfio0": "",
}
NVIDIA_LINKS = {
    "sys/bus/pci/devices/0000:27:00.4": "../../../devices/pci0000:20/0000:27:00.4",
    f"{NVIDIA}/driver": "../../../bus/pci/drivers/nvidia",
    f"proc/{PID}/fd/30": "/dev/vfio/devices/vfio0",
}
DENIED = ('[  99.1] audit: type=1400 apparmor="DENIED" operation="open" class="file" '
          f'profile="libvirt-{UUID}" name="/dev/vfio/12" pid=2818 comm="qemu-system-x86"\n')
LOG = ("2026-01-10 10:00:00.000+0000: starting up libvirt version: 9.0.0, package: 4, "
       "qemu version: 5.2.0Debian, kernel: 6.1.0, hostname: h\n")

ALL_RIGHT = {"D20": "ok", "D09": "ok", "D10": "ok", "D11": "ok", "B01": "ok", "B02": "ok",
             "B03": "ok", "M01": "ok", "D07": "ok", "D16": "ok", "D16f": "ok", "D18": "ok",
             "D19": "ok", "D22g": "ok", "D24": "ok", "D25": "ok", "D15": "ok", "D15q": "ok",
             "D12": "skipped", "D21": "ok", "D27": "ok", "D28": "ok"}

HOSTS = {
    "domain-right": host(ALL_RIGHT),
    "running-right": running(ALL_RIGHT),
    "running-pid": running(ALL_RIGHT, machine=str(PID)),
    "no-machine": host({"M01": "skipped", "D20": "ok", "D15": "ok"}, machine=None),
    # D20
    "held-by-another": host(
        {"D20": "fail", "D09": "ok"},
        {f"proc/{PID}/cmdline": words(name="other"), f"proc/{PID}/comm": "qemu-system-x86\n"},
        {f"proc/{PID}/fd/30": "/dev/vfio/12"}),
    "held-told": running({"D20": "info"}, machine=None),
    "held-with-bridge": running(
        {"D20": "ok"}, files={"proc/99/cmdline": "vgpu-bridge\0", "proc/99/comm": "vgpu-bridge\n"},
        links={"proc/99/fd/5": "/dev/vfio/12"}),
    "vgpu-gone": changed({"D20": "fail"}, device=hostdev(uuid=SECOND)),
    # D09
    "node-root-only": host(
        {"D09": "warning"}, {"proc/self/status": status(ME + 1)}, machine=None),
    "node-group": host(
        {"D09": "ok"}, {"proc/self/status": status(ME + 1, groups=f"{os.getgid()} 5")},
        modes={"dev/vfio/12": 0o660}, machine=None),
    "node-666": host({"D09": "warning"}, modes={"dev/vfio/12": 0o666}, machine=None),
    "node-gone": host({"D09": "warning"}, {"dev/vfio/12": None}, modes={"dev/vfio/12": None},
                      machine=None),
    "own-node-denied": changed({"D09": "fail", "D10": "fail"}, device="", more=OWN),
    # D10
    "own-acl-right": host(
        {"D10": "ok", "D09": "ok", "D07": "warning"},
        {"etc/libvirt/qemu/office.xml": domain(device="", more=OWN), "etc/libvirt/qemu.conf": ACL,
         "etc/group": f"kvm:x:{os.getgid()}:libvirt-qemu\n"}, modes={"dev/vfio/12": 0o660}),
    "no-device-controller": host(
        {"D10": "warning"},
        {"etc/libvirt/qemu.conf": 'cgroup_controllers = [ "cpu", "memory" ]\n'}, machine=None),
    # D11
    "apparmor-denied": host({"D11": "warning"}, {
        "dev/kmsg": DENIED, "sys/kernel/security/apparmor/profiles": f"libvirt-{UUID} (enforce)\n"}),
    "selinux-denied": host({"D11": "warning"}, {
        "sys/fs/selinux/enforce": "1",
        "dev/kmsg": '[ 9.0] audit: type=1400 avc:  denied  { read write } for comm="qemu-kvm" '
                    'name="12" tcontext=system_u:object_r:vfio_device_t:s0\n'}),
    "driver-none": host({"D11": "warning"}, {"etc/libvirt/qemu.conf": 'security_driver = "none"\n'}),
    "apparmor-right": host({"D11": "ok"}, {
        "sys/kernel/security/apparmor/profiles": f"libvirt-{UUID} (enforce)\n"}),
    # what the bridge needs
    "yama-3": host({"B01": "fail"}, {"proc/sys/kernel/yama/ptrace_scope": "3\n"}),
    "no-capability": host({"B01": "warning", "B02": "ok"}, {
        "proc/self/status": status(ME + 1, groups=str(os.getgid())),
        "usr/lib/systemd/system/vgpu-bridge@.service": None},
        modes={"dev/dri/renderD128": 0o660}),
    "no-unit": host({"B02": "info"}, {
        "usr/lib/systemd/system/vgpu-bridge@.service": None, "run/systemd/system/x": ""}),
    "no-memory": host({"B03": "warning"}, {"proc/meminfo": "MemAvailable: 90000 kB\n"}),
    # M01
    "no-vgpu": changed({"M01": "fail", "D20": "skipped"}, device=""),
    "whole-gpu": host({"M01": "fail"}, {
        "etc/libvirt/qemu/office.xml": domain(device="""<hostdev mode='subsystem' type='pci'>
          <source><address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></source>
          </hostdev>"""),
        "sys/devices/pci0000:00/0000:01:00.0/class": "0x030000\n",
        "sys/devices/pci0000:00/0000:01:00.0/vendor": "0x10de\n",
        "sys/devices/pci0000:00/0000:01:00.0/device": "0x1b80\n"},
        {"sys/bus/pci/devices/0000:01:00.0": "../../../devices/pci0000:00/0000:01:00.0"}),
    # D07
    "memlock-small": running({"D07": "fail"}, limit=64),
    "memlock-root": running({"D07": "ok"}, user=status(0, CAPABLE), limit=64),
    "memlock-exact-size": running({"D07": "ok"}, words(memory="size=4096M,slots=2"), limit=4 << 20),
    "memlock-bare-number": running({"D07": "fail"}, words(memory="4096"), limit=(4 << 20) - 1),
    "memlock-json": running({"D07": "ok"}, words(memory="size=2097152k"), limit=2 << 20),
    "memlock-default": running({"D07": "ok"}, words(memory=None), limit=128 << 10),
    "memlock-hard-limit": changed(
        {"D07": "fail"}, memory="<memtune><hard_limit unit='MiB'>1024</hard_limit></memtune>"),
    "memlock-login": host({"D07": "info"}, {
        "proc/self/status": status(ME, NONE), "proc/self/limits": limits(64)}, machine=None),
    # D16
    "type-removed": host(
        {"D16": "fail"}, {"etc/libvirt/qemu/office.xml": domain(machine="pc-q35-3.1"), **QEMU_10_1}),
    "type-kept": changed({"D16": "ok"}, machine="pc-q35-3.1"),
    "type-too-new": changed({"D16": "fail"}, machine="pc-q35-9.0"),
    "qemu-old": host({"D16": "warning"}, {
        "var/lib/dpkg/status": "Package: qemu-system-x86\nVersion: 1:2.11+dfsg-1\n\n",
        "etc/libvirt/qemu/office.xml": domain(machine="pc-q35-2.11")}),
    "qemu-of-arch": host({"D16": "fail"}, {
        "var/lib/dpkg/status": None,
        "var/lib/pacman/local/qemu-system-x86-11.0.0-1/desc": "",
        "etc/libvirt/qemu/office.xml": domain(machine="pc-q35-5.0")}),
    "qemu-of-nix": running({"D16": "warning"}, words(machine="pc-q35-4.0"), links={
        f"proc/{PID}/exe": "/nix/store/0abc-qemu-10.1.2/bin/qemu-system-x86_64"}),
    "qemu-of-cache": host({"D16": "fail"}, {
        "var/lib/dpkg/status": None, "etc/libvirt/qemu/office.xml": domain(machine="pc-q35-4.1"),
        "var/cache/libvirt/qemu/capabilities/a.xml":
            "<qemuCaps><emulator>/usr/bin/qemu-system-x86_64</emulator>"
            "<version>10001000</version></qemuCaps>"}),
    "qemu-unknown": host({"D16": "ok"}, {"var/lib/dpkg/status": None}),
    # flags
    "ramfb-without-display": changed({"D16f": "fail"}, device=hostdev(ramfb="on")),
    "egl-and-spice": changed(
        {"D16f": "fail"}, device=hostdev(display="on"), graphics=EGL + SPICE),
    "egl-and-vnc": changed(
        {"D16f": "fail"}, device=hostdev(display="on"), graphics=EGL + "<graphics type='vnc'/>"),
    "egl-and-spice-5.2": host(
        {"D16f": "ok", "D15q": "ok", "D21": "info"},
        {"etc/libvirt/qemu/office.xml": domain(
            machine="q35", device=hostdev(display="on"), graphics=EGL + SPICE),
         "var/log/libvirt/qemu/office.log": LOG}),
    "gl-and-port": changed(
        {"D16f": "fail"}, device=hostdev(display="on"),
        graphics="<graphics type='spice' port='5900'><gl enable='yes'/></graphics>"),
    "size-without-display": running({"D16f": "warning"}, words(device=",xres=1920,yres=1080")),
    "dead-options": running({"D16f": "warning"}, words("-vgt", "-vgt_low_gm_sz", "128")),
    "set-in-json": changed({"D16f": "warning"}, more=commandline(
        "-set", "device.hostdev0.x-igd-opregion=on")),
    "message-in-log": host({"D16f": "warning", "D16": "ok"}, {
        "var/log/libvirt/qemu/office.log":
            LOG.replace("5.2.0", "7.2.0") + "qemu-system-x86_64: egl: no drm render node available\n"}),
    "message-harmless": host({"D16f": "info"}, {
        "var/log/libvirt/qemu/office.log": LOG.replace("5.2.0", "7.2.0") + "IGD device 0000:00:02.0 "
            "cannot support legacy mode due to existing devices at address 1f.0\n"}),
    # D17
    "opregion-windows": running({"D17": "warning"}, words(name="win10"), machine="win10"),
    "opregion-linux": running({"D17": "info"}),
    "opregion-given": running({"D17": "ok"}, words(device=",x-igd-opregion=on", name="win10"),
                              machine="win10"),
    "opregion-by-override": changed({"D17": "ok"}, more="""<qemu:override>
        <qemu:device alias='hostdev0'><qemu:frontend><qemu:property name='x-igd-opregion'
        type='bool' value='true'/></qemu:frontend></qemu:device></qemu:override>"""),
    "opregion-new-qemu": running({"D17": "ok"}, words(name="win10"), files=QEMU_10_1,
                                 machine="win10"),
    "opregion-needless": running({"D17": "info"}, words(device=",x-igd-opregion=on"),
                                 files=QEMU_10_1),
    # D18
    "slot-2": changed({"D18": "warning"}, machine="pc-i440fx-7.2", device=hostdev(slot="0x02")),
    "slot-2-of-q35": changed({"D18": "ok"}, device=hostdev(slot="0x02")),
    "slot-none": running({"D18": "info"}, words(machine="pc").replace(",addr=05.0", "")),
    # D19
    "two-vgpus": host(
        {"D19": "fail"}, {"etc/libvirt/qemu/office.xml": domain(
            device=hostdev() + hostdev(uuid=SECOND, slot="0x06")), "dev/vfio/13": ""},
        vgpu(SECOND, group=13)),
    # D22
    "guest-may-sleep": running(
        {"D22g": "info"}, words().replace("-global\0ICH9-LPC.disable_s3=1\0", "")),
    # D24
    "windows-type-8": host(
        {"D24": "warning", "D27": "info"},
        {"etc/libvirt/qemu/office.xml": domain(metadata="""<metadata><libosinfo:libosinfo
            xmlns:libosinfo='http://libosinfo.org/xmlns/libvirt/domain/1.0'>
            <libosinfo:os id='http://microsoft.com/win/10'/></libosinfo:libosinfo></metadata>""")},
        vgpu(kind="i915-GVTg_V5_8")),
    "windows-by-flags": running(
        {"D24": "warning"}, words("-cpu", "host,hv-relaxed,hv-time"),
        links=vgpu(kind="i915-GVTg_V5_8")),
    "linux-type-8": host({"D24": "ok", "D27": "info"}, links=vgpu(kind="i915-GVTg_V5_8")),
    # D25
    "no-tablet": running(
        {"D25": "warning"}, words().replace("-device\0usb-tablet\0", "")),
    "tablet-virtio": running(
        {"D25": "ok"}, words().replace("usb-tablet", "virtio-tablet-pci")),
    "tablet-usbdevice": running(
        {"D25": "ok"}, words("-usbdevice", "tablet").replace("-device\0usb-tablet\0", "")),
    # D26
    "ramfb": running({"D26": "ok"}, words(
        "-spice", "gl=on,unix=on", device=",display=on,ramfb=on", driver="vfio-pci-nohotplug")),
    "no-ramfb": running({"D26": "info"}),
    # D35
    "nvidia-10.1": running(
        {"D35": "warning", "D15": "ok", "D19": "skipped"},
        words(device=",display=on,ramfb=on", driver="vfio-pci-nohotplug",
              uuid="host=0000:27:00.4", sysfsdev=False),
        {**NVIDIA_HOST, **QEMU_10_1}, NVIDIA_LINKS),
    "nvidia-7.2": running(
        {"D35": "ok"}, words(device=",display=on", uuid="host=0000:27:00.4", sysfsdev=False),
        NVIDIA_HOST, NVIDIA_LINKS),
    # D15
    "no-render-node": host(
        {"D15": "fail"}, {f"{IGD}/drm/renderD128/dev": None, "dev/dri/renderD128": None},
        {"sys/class/drm/renderD128": None, "dev/dri/by-path/pci-0000:00:02.0-render": None}),
    "render-node-denied": host(
        {"D15": "warning"}, {"proc/self/status": status(ME + 1)}, modes={
            "dev/dri/renderD128": 0o600}),
    "render-node-not-here": host({"D15": "warning"}, {"dev/dri/renderD128": None}),
    "display-without-gl": changed({"D15q": "fail"}, device=hostdev(display="on")),
    "display-with-egl": changed({"D15q": "ok"}, device=hostdev(display="on"), graphics=EGL),
    # D28
    "tiling": host({"D28": "warning"}, {
        "dev/kmsg": "[ 7.0] gvt: vgpu 1: invalid tiling mode: 1\n"}),
    "log-unreadable": host({"D28": "skipped"}, {"dev/kmsg": None}),
}

# --vm, and what the line that ends doctor with 2 holds.
NOT_FOUND = {
    "nobody": "no virtual machine called nobody is running",
    "../passwd": "no virtual machine called ../passwd is running",
    "77": "there is no process 77",
    "88": "process 88 is sleep, not a QEMU",
    "broken": "/etc/libvirt/qemu/broken.xml is damaged",
    "twice": "several running virtual machines are called twice",
}
NOT_FOUND_HOST = host({}, {
    "proc/88/cmdline": "sleep\x001\0",
    "etc/libvirt/qemu/broken.xml": "<domain><name>x",
    "proc/301/cmdline": words(name="twice"), "proc/302/cmdline": words(name="twice"),
})
