# SPDX-License-Identifier: MIT
"""Makes trees of files that stand for a host, from a few words about it."""

import gzip
import os

PCI = "/sys/devices/pci0000:00"
GPU = "0000:00:02.0"
UUID = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"
UUID2 = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1002"

OS = {
    "debian": ('ID=debian\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n', "grub"),
    "ubuntu": ('ID=ubuntu\nID_LIKE=debian\nPRETTY_NAME="Ubuntu 24.04"\n', "grub"),
    "arch": ('ID=arch\nPRETTY_NAME="Arch Linux"\n', "arch-systemd"),
    "arch-grub": ('ID=arch\nPRETTY_NAME="Arch Linux"\n', "arch-grub"),
    "fedora": ('ID=fedora\nPRETTY_NAME="Fedora Linux 41"\n', "grub2"),
    "rhel9": ('ID="rhel"\nID_LIKE="fedora"\nPRETTY_NAME="Red Hat Enterprise Linux 9"\n', "grub2"),
    "suse": ('ID=opensuse-leap\nID_LIKE="suse opensuse"\nPRETTY_NAME="openSUSE"\n', "suse"),
    "proxmox": ('ID=debian\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n', "proxmox"),
    "nixos": ('ID=nixos\nPRETTY_NAME="NixOS 24.11"\n', "nixos"),
    "pop": ('ID=pop\nID_LIKE="ubuntu debian"\nPRETTY_NAME="Pop!_OS 22.04"\n', "kernelstub"),
}

BOOT = {
    "grub": {"/etc/default/grub": 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n',
             "/etc/initramfs-tools/modules": "# none\n"},
    "arch-systemd": {"/boot/loader/entries/arch.conf": "options root=/dev/sda2\n",
                     "/boot/loader/loader.conf": "", "/etc/mkinitcpio.conf": ""},
    "arch-grub": {"/etc/default/grub": "", "/boot/grub/grub.cfg": "", "/etc/mkinitcpio.conf": ""},
    "grub2": {"/etc/default/grub": "", "/boot/grub2/grub.cfg": "", "/usr/sbin/grubby": "",
              "/boot/loader/entries/x.conf": ""},
    "suse": {"/etc/default/grub": "", "/boot/grub2/grub.cfg": "", "/etc/dracut.conf": ""},
    "proxmox": {"/etc/kernel/proxmox-boot-uuids": "A-B\n", "/etc/kernel/cmdline": "root=ZFS\n",
                "/etc/default/grub": "", "/etc/pve/local": "", "/etc/initramfs-tools/modules": ""},
    "nixos": {"/etc/NIXOS": "", "/boot/loader/entries/nixos.conf": ""},
    "kernelstub": {"/etc/kernelstub/configuration": "{}\n", "/boot/efi/loader/loader.conf": ""},
}

# low and high memory in MB, resolution, weight
SIZES = {"_1": (512, 2048, "1920x1200", 16), "_2": (256, 1024, "1920x1200", 8),
         "_4": (128, 512, "1920x1200", 4), "_8": (64, 384, "1024x768", 2)}


class Tree:
    """Paths and what is there: text, bytes, None for a directory, or a link."""

    def __init__(self):
        self.files = {}
        self.links = {}
        self.modes = {}

    def file(self, path, text=""):
        self.files[path] = text
        return self

    def link(self, path, target):
        self.links[path] = target
        return self

    def mode(self, path, mode):
        self.modes[path] = mode
        return self

    def remove(self, path):
        """With all below it."""
        for kind in (self.files, self.links, self.modes):
            for name in [n for n in kind if n == path or n.startswith(path + "/")]:
                del kind[name]
        return self

    def append(self, path, text):
        return self.file(path, self.files.get(path, "") + text)

    def write(self, root):
        for path, text in self.files.items():
            full = root + path
            if text is None:
                os.makedirs(full, exist_ok=True)
                continue
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "wb") as file:
                file.write(text if isinstance(text, bytes) else text.encode())
        for path, target in self.links.items():
            os.makedirs(os.path.dirname(root + path), exist_ok=True)
            os.symlink(target, root + path)
        for path, mode in self.modes.items():
            os.chmod(root + path, mode)

    # what hosts are made of

    def system(self, distribution="debian", release="6.1.0-28-amd64", cmdline=None):
        text, boot = OS[distribution]
        self.file("/etc/os-release", text)
        for path, content in BOOT[boot].items():
            self.file(path, content)
        if cmdline is None:
            cmdline = "i915.enable_gvt=1 kvm.ignore_msrs=1"
        image = f"BOOT_IMAGE=/vmlinuz-{release}" if "grub" in boot or boot == "suse" \
            else "initrd=\\initrd.img"
        self.file("/proc/cmdline", f"{image} root=/dev/sda2 ro quiet {cmdline}\n")
        self.file("/proc/sys/kernel/osrelease", release + "\n")
        self.file("/dev/kmsg", "Linux version " + release + "\n")
        self.file("/sys/power/state", "freeze mem disk\n")
        self.file(f"/lib/modules/{release}/modules.dep", "kernel/kvm/kvm.ko:\n")
        return self

    def config(self, kvmgt="m", release="6.1.0-28-amd64", zipped=False):
        text = "CONFIG_KVM=m\n"
        text += f"CONFIG_DRM_I915_GVT_KVMGT={kvmgt}\n" if kvmgt \
            else "# CONFIG_DRM_I915_GVT_KVMGT is not set\n"
        if zipped:
            return self.file("/proc/config.gz", gzip.compress(text.encode()))
        return self.file(f"/boot/config-{release}", text)

    def pci(self, address, vendor, device, driver=None, bar2=None, extra=None):
        path = f"{PCI}/{address}"
        self.file(f"{path}/vendor", f"0x{vendor:04x}\n").file(f"{path}/device", f"0x{device:04x}\n")
        self.file(f"{path}/class", "0x030000\n")
        lines = ["0x00000000de000000 0x00000000deffffff 0x0000000000140204", "0x0 0x0 0x0"]
        if bar2:
            start = 0x4000000000
            lines.append(f"0x{start:016x} 0x{start + (bar2 << 20) - 1:016x} 0x000000000014220c")
        self.file(f"{path}/resource", "\n".join(lines) + "\n")
        if driver:
            self.link(f"{path}/driver", f"../../../bus/pci/drivers/{driver}")
            self.file(f"/sys/bus/pci/drivers/{driver}/bind")
        for name, text in (extra or {}).items():
            self.file(f"{path}/{name}", text)
        return self.link(f"/sys/bus/pci/devices/{address}", f"../../../devices/pci0000:00/{address}")

    def intel(self, device=0x5916, driver="i915", bar2=1024, extra=None):
        if driver == "i915":
            self.file("/sys/module/i915/parameters/enable_gvt", "Y\n")
            self.file("/sys/module/i915/parameters/enable_guc", "-1\n")
            self.file("/sys/class/drm/card0/error", "No error state collected\n")
        return self.pci(GPU, 0x8086, device, driver, bar2, extra)

    def modules(self, *names):
        for name in names:
            self.file(f"/sys/module/{name}/refcnt", "0\n")
        return self

    def kvm(self, ignore="Y", report="N"):
        self.modules("kvm", "kvm_intel", "vfio", "vfio_iommu_type1", "mdev")
        self.file("/sys/module/kvm/parameters/ignore_msrs", ignore + "\n")
        return self.file("/sys/module/kvm/parameters/report_ignored_msrs", report + "\n")

    def kvmgt(self):
        self.modules("kvmgt")
        return self.file("/etc/modules-load.d/kvmgt.conf", "kvmgt\n")

    def types(self, counts, parent=f"{PCI}/{GPU}", generation=5):
        """counts: of free instances, by suffix."""
        for suffix, free in counts.items():
            low, high, size, weight = SIZES[suffix]
            path = f"{parent}/mdev_supported_types/i915-GVTg_V{generation}{suffix}"
            self.file(f"{path}/device_api", "vfio-pci\n")
            self.file(f"{path}/available_instances", f"{free}\n")
            self.file(f"{path}/description",
                      f"low_gm_size: {low}MB\nhigh_gm_size: {high}MB\nfence: 4\n"
                      f"resolution: {size}\nweight: {weight}\n")
        return self

    def mdev_type(self, parent, name, free=1, description=""):
        path = f"{parent}/mdev_supported_types/{name}"
        self.file(f"{path}/device_api", "vfio-pci\n").file(f"{path}/description", description)
        return self.file(f"{path}/available_instances", f"{free}\n")

    def parent(self, path):
        """Where the inventory looks for parents that are not on PCI."""
        name = os.path.basename(path)
        return self.link(f"/sys/class/mdev_bus/{name}", "../../.." + path[4:])

    def mdev(self, uuid=UUID, kind="i915-GVTg_V5_4", parent=f"{PCI}/{GPU}", group=7, extra=None):
        path = f"{parent}/{uuid}"
        up = "../" * (path.count("/") - 2)
        self.link(f"{path}/mdev_type", f"../mdev_supported_types/{kind}")
        self.link(f"/sys/bus/mdev/devices/{uuid}", "../../.." + path[4:])
        if group is not None:
            self.link(f"{path}/iommu_group", f"{up}kernel/iommu_groups/{group}")
            self.file(f"/sys/kernel/iommu_groups/{group}/type", "DMA\n")
            self.link(f"/sys/kernel/iommu_groups/{group}/devices/{uuid}", "../../../.." + path[4:])
            self.file(f"/dev/vfio/{group}").file("/dev/vfio/vfio")
            self.link(f"{path}/driver", f"{up}bus/mdev/drivers/intel_vgpu_mdev")
        else:
            self.file(f"{path}/remove", "")
        for name, text in (extra or {}).items():
            self.file(f"{path}/{name}", text)
        return self

    def define(self, uuid=UUID, parent=GPU, start="auto", kind="i915-GVTg_V5_4"):
        return self.file(f"/etc/mdevctl.d/{parent}/{uuid}",
                         f'{{\n  "mdev_type": "{kind}",\n  "start": "{start}",\n  "attrs": []\n}}\n')

    def process(self, pid, comm, arguments, opens=()):
        self.file(f"/proc/{pid}/comm", comm + "\n")
        self.file(f"/proc/{pid}/cmdline", "\0".join(arguments) + "\0")
        self.file(f"/proc/{pid}/status", f"Name:\t{comm}\nUid:\t64055\t64055\t64055\t64055\n")
        self.file(f"/proc/{pid}/fd", None)
        for number, node in enumerate(opens):
            self.link(f"/proc/{pid}/fd/{number}", node)
        return self

    def log(self, *lines):
        return self.append("/dev/kmsg", "".join(line + "\n" for line in lines))


def gvt(distribution="debian", release="6.1.0-28-amd64", device=0x5916, cmdline=None, bar2=1024,
        counts=None):
    """A host on which GVT-g works, with one vGPU that comes back."""
    tree = Tree().system(distribution, release, cmdline).config(release=release)
    tree.intel(device, bar2=bar2).kvm().kvmgt()
    tree.types(counts or {"_1": 1, "_2": 1, "_4": 4, "_8": 6})
    return tree.mdev().define()
