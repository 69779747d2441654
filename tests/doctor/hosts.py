# SPDX-License-Identifier: MIT
"""Hosts, right and wrong in each way that the checks of the host know of.

Each: a name, its tree, the verdicts that are not as on a host where all is well, words that must be
told. Checks of later layers than the first that fails are expected not to be run.
"""

from tree import GPU, PCI, UUID, UUID2, Tree, gvt

HOST_IDS = ("D01 D02 D22 D33 D36 D03 D29 D05 D06 D13 D14 D04 D08 D30 D31 D34 D23 D32").split()
OTHERS = {i: "skipped" for i in "D02 D22 D33 D03 D06 D14 D04 D23".split()}
NVIDIA = {**OTHERS, "D34": "ok"}
QEMU = ["qemu-system-x86_64", "-name", "guest=vm1", "-m", "4096",
        "-device", f"vfio-pci,sysfsdev=/sys/bus/mdev/devices/{UUID},display=off"]


class Host:
    def __init__(self, name, tree, verdicts=None, words=(), base=None, arguments=()):
        self.name = name
        self.tree = tree
        # NVIDIA's console is no matter of GVT-g's.
        self.verdicts = {"D34": "skipped", **(base or {}), **(verdicts or {})}
        self.words = words
        self.arguments = list(arguments)


def samples():
    tree = Tree().system(cmdline="").kvm(ignore="N")
    for name, kind in (("mdpy", "mdpy-vga"), ("mbochs", "mbochs-small")):
        path = f"/sys/devices/virtual/{name}/{name}"
        tree.mdev_type(path, kind, 4, "virtual display, 1024x768 framebuffer\n").parent(path)
    return tree


def nvidia(extra=None):
    tree = Tree().system().kvm().pci("0000:01:00.0", 0x10DE, 0x1EB8, "nvidia")
    parent = f"{PCI}/0000:01:00.0"
    tree.mdev_type(parent, "nvidia-222", 15, "num_heads=4, max_resolution=5120x2880\n")
    tree.parent(parent)
    tree.mdev(kind="nvidia-222", parent=parent, extra={"nvidia/vgpu_params": extra or "\n"})
    return tree.define(parent="0000:01:00.0", kind="nvidia-222")


def nvidia_vf():
    tree = Tree().system(release="6.8.0-40-generic").kvm()
    tree.pci("0000:01:00.0", 0x10DE, 0x2236, "nvidia", extra={"sriov_totalvfs": "32\n"})
    tree.pci("0000:01:00.4", 0x10DE, 0x2236, "nvidia",
             extra={"nvidia/creatable_vgpu_types": "ID    : vGPU Name\n558   : NVIDIA A10-2Q\n",
                    "nvidia/current_vgpu_type": "558\n"})
    path = f"{PCI}/0000:01:00.4"
    tree.link(f"{path}/physfn", "../0000:01:00.0")
    tree.link(f"{path}/iommu_group", "../../../kernel/iommu_groups/40")
    return tree.file("/dev/vfio/40")


def without_types(**kwargs):
    """GVT-g that has yet to be brought up."""
    return gvt(**kwargs).remove(f"{PCI}/{GPU}/mdev_supported_types").remove(
        f"{PCI}/{GPU}/{UUID}").remove(f"/sys/bus/mdev/devices/{UUID}").remove("/etc/mdevctl.d").remove(
        "/sys/kernel/iommu_groups/7").remove("/dev/vfio")


def off(distribution, release="6.1.0-28-amd64"):
    """The parameter is missing."""
    tree = without_types(distribution=distribution, release=release, cmdline="")
    return tree.file("/sys/module/i915/parameters/enable_gvt", "N\n")


def gpu_only(device, driver="i915", vendor=0x8086, **kwargs):
    return Tree().system().config().kvm().pci(GPU, vendor, device, driver, **kwargs)


ENABLE = "i915.enable_gvt=1"
FULL = {"_1": 0, "_2": 0, "_4": 0, "_8": 0}

HOSTS = [
    # where all is well
    Host("debian-kaby-lake", gvt(), words=["Kaby Lake", "start: auto"]),
    Host("arch-comet-lake", gvt("arch", "6.12.1-arch1", 0x9BC8).remove("/boot/config-6.12.1-arch1")
         .config(zipped=True), words=["Comet Lake", "/proc/config.gz"]),
    Host("fedora-skylake", gvt("fedora", "6.11.4-300.fc41", 0x1912), words=["Skylake"]),
    Host("proxmox-coffee-lake", gvt("proxmox", "6.8.12-4-pve", 0x3E92).remove("/etc/mdevctl.d")
         .process(100, "kvm", ["/usr/bin/kvm", "-id", "100", "-name", "win,debug-threads=on",
                               *QEMU[3:]], ["/dev/vfio/7"]),
         {"D31": "info"}, ["Proxmox VE makes it", "is in use by process 100"]),
    Host("nixos-broadwell", gvt("nixos", "6.6.60", 0x1616), words=["Broadwell"]),
    Host("nvidia-mdev", nvidia(), base=NVIDIA, words=["NVIDIA GPU with vGPUs (mdev)"]),
    Host("nvidia-vf", nvidia_vf(), base=NVIDIA,
         words=["1 virtual functions that can carry", "vGPUs on its virtual functions"]),
    Host("samples-only", samples(), {"D13": "info", "D08": "info"}, base=OTHERS,
         words=["no GPU, but", "vgpu-bridge create"]),
    # hardware
    Host("ice-lake", gpu_only(0x8A52), {"D01": "fail"}, ["Ice Lake", "will never do GVT-g"]),
    Host("tiger-lake-sriov", gpu_only(0x9A49, extra={"sriov_totalvfs": "7\n"}), {"D01": "fail"},
         ["Tiger Lake", "virtual functions have no display"]),
    Host("alder-lake-xe", gpu_only(0x46A6, "xe"), {"D01": "fail"}, ["its driver xe"]),
    Host("gemini-lake", gpu_only(0x3185), {"D01": "fail"}, ["Gemini Lake", "will never"]),
    Host("amd", gpu_only(0x744C, "amdgpu", 0x1002), {"D01": "fail"},
         ["AMD's virtual functions (MxGPU)", "this can't work"]),
    Host("nvidia-common-driver", gpu_only(0x2204, "nvidia", 0x10DE), {"D01": "fail"},
         ["licensed vGPU host driver"]),
    Host("nvidia-passed-through", gpu_only(0x2204, "vfio-pci", 0x10DE), {"D01": "fail"},
         ["the whole GPU", "its own connectors"]),
    Host("kaby-lake-passed-through", gpu_only(0x5916, "vfio-pci"), {"D01": "fail"},
         ["could do GVT-g instead", "vfio-pci.ids="]),
    Host("no-gpu", Tree().system(), {"D01": "fail"}, ["there is no GPU"]),
    Host("amd-and-samples", samples().pci("0000:03:00.0", 0x1002, 0x744C, "amdgpu"),
         {"D01": "info", "D13": "info", "D08": "info"}, base=OTHERS,
         words=["no GPU with vGPUs, but"]),
    # kernel
    Host("rhel9", without_types(distribution="rhel9", release="5.14.0-503.el9")
         .config(None, "5.14.0-503.el9"), {"D02": "fail"}, ["Red Hat took GVT-g out"]),
    Host("debian-cloud-kernel", without_types().remove("/boot/config-6.1.0-28-amd64")
         .remove("/sys/module/kvmgt"), {"D02": "fail"}, ["no kvmgt.ko", "cloud"]),
    Host("no-configuration", gvt().remove("/boot/config-6.1.0-28-amd64"),
         words=["/sys/module/kvmgt"]),
    Host("xen-dom0", gvt().file("/proc/xen/capabilities", "control_d\n")
         .file("/sys/hypervisor/type", "xen\n"), {"D02": "fail"},
         ["XenGT is dead", "Start the host without Xen"]),
    Host("kernel-5.4", gvt(release="5.4.0-200-generic"), {"D22": "warning", "D33": "warning"},
         ["before 5.11", "before Linux 5.8"]),
    Host("old-guides", gvt(release="6.8.0-40-generic")
         .file("/etc/modules", "# comment\nvfio_mdev\nvfio-virqfd\n")
         .file("/etc/initramfs-tools/modules", "xengt\nkvm\n")
         .file("/etc/udev/rules.d/60-vgt.rules", "x\n").file("/usr/bin/vgt_mgr")
         .file("/etc/libvirt/qemu.conf", '#user = "root"\nsecurity_driver = "none"\n')
         .file("/etc/libvirtd/qemu.conf", "x\n"),
         {"D36": "warning"}, ["no module vfio_mdev any more", "no module vfio_virqfd any more",
                              "XenGT is dead", "vgt_mgr", "security_driver", "slip of an old guide"]),
    Host("old-arch-guide", gvt("arch", "6.12.1-arch1").config(zipped=True)
         .file("/etc/mkinitcpio.conf", "MODULES=(vfio_pci vfio vfio_iommu_type1 vfio_virqfd)\n"),
         {"D36": "info"}, ["Take it out of /etc/mkinitcpio.conf"]),
    # module
    Host("kvmgt-not-loaded", without_types().remove("/sys/module/kvmgt"), {"D03": "fail"},
         ["modprobe kvmgt", "/etc/modules-load.d/kvmgt.conf"]),
    Host("nothing-done-yet", off("debian").remove("/sys/module/kvmgt"), {"D03": "fail"},
         ["modprobe kvmgt", "The parameter is missing too", "update-grub"]),
    Host("nixos-kvmgt-not-loaded", without_types(distribution="nixos").remove("/sys/module/kvmgt"),
         {"D03": "fail"}, ["virtualisation.kvmgt.enable"]),
    Host("no-kvm", gvt().remove("/sys/module/kvm_intel"), {"D03": "fail"}, ["VT-x"]),
    Host("nomodeset", without_types(cmdline=ENABLE + " nomodeset").remove(f"{PCI}/{GPU}/driver")
         .remove("/sys/module/i915"), {"D03": "fail"}, ["Take 'nomodeset' out"]),
    Host("gvt-failed", without_types().log("i915 0000:00:02.0: gvt: failed to init"),
         {"D03": "fail"}, ["GVT-g failed to start"]),
    Host("kvmgt-by-hand", gvt().remove("/etc/modules-load.d"), {"D03": "info"},
         ["nothing seen here loads kvmgt"]),
    Host("harmless-messages", gvt().log(
        "i915 0000:00:02.0: Direct firmware load for i915/gvt/vid_0x8086_did_0x5916_rid_0x02."
        "golden_hw_state failed with error -2",
        "kvm: vcpu0, guest rIP: 0x1 ignored rdmsr: 0x611 data 0x0"),
        {"D29": "info"}, ["harmless: there is no such firmware file"]),
    # parameters
    Host("off-debian", off("debian"), {"D05": "fail"}, ["update-grub", ENABLE]),
    Host("off-fedora", off("fedora"), {"D05": "fail"}, ["grubby --update-kernel=ALL"]),
    Host("off-arch-systemd", off("arch"), {"D05": "fail"}, ["/boot/loader/entries"]),
    Host("off-arch-grub", off("arch-grub"), {"D05": "fail"}, ["grub-mkconfig -o /boot/grub/grub.cfg"]),
    Host("off-suse", off("suse"), {"D05": "fail"}, ["grub2-mkconfig -o /boot/grub2/grub.cfg"]),
    Host("off-proxmox", off("proxmox"), {"D05": "fail"},
         ["/etc/kernel/cmdline", "proxmox-boot-tool refresh"]),
    Host("off-nixos", off("nixos"), {"D05": "fail"}, ["boot.kernelParams", "nixos-rebuild boot"]),
    Host("off-pop", off("pop"), {"D05": "fail"}, ["kernelstub --add-options"]),
    Host("off-silverblue", off("fedora").file("/run/ostree-booted"), {"D05": "fail"},
         ["rpm-ostree kargs --append-if-missing=" + ENABLE]),
    Host("not-regenerated", off("debian").file("/etc/default/grub",
                                               f'GRUB_CMDLINE_LINUX_DEFAULT="quiet {ENABLE}"\n'),
         {"D05": "fail"}, ["although it is written in /etc/default/grub", "another kernel"]),
    Host("modprobe-not-in-initramfs", off("arch").file("/etc/modprobe.d/i915.conf",
                                                       "options i915 enable_gvt=1\n"),
         {"D05": "fail"}, ["mkinitcpio -P", "although it is written in /etc/modprobe.d/i915.conf"]),
    Host("driver-took-it-back", without_types()
         .file("/sys/module/i915/parameters/enable_gvt", "N\n")
         .log("i915 0000:00:02.0: [drm] Unsupported device. GVT-g is disabled"),
         {"D05": "fail"}, ["the driver took it back", "Unsupported device"]),
    Host("misspelt", off("ubuntu").append("/proc/cmdline", "").file(
        "/proc/cmdline", "BOOT_IMAGE=/vmlinuz root=/dev/sda1 i915.enable_gtv=1 ignore_msrs=1\n"),
        {"D05": "fail"}, ["'i915.enable_gvt' was probably meant", "'kvm.ignore_msrs' was probably"]),
    Host("dead-parameters", gvt(cmdline="i915.enable_gvt=1 i915.hvm_boot_foreground=1 i915.vgt=1 "
                                "i915.enable_cmd_parser=0 i915.preallocated_monitor_to_guest=1 "
                                "i915.enable_vgtbuffer=1 loglvl=all guest_loglvl=all "
                                "conring_size=4M dom0_mem=2048M"),
         {"D05": "info"}, ["'i915.hvm_boot_foreground=1' out", "'i915.enable_cmd_parser=0' out",
                           "'i915.vgt=1' out", "'i915.preallocated_monitor_to_guest=1' out",
                           "'i915.enable_vgtbuffer=1' out", "it was for Xen"]),
    Host("drm-debug", gvt().file("/sys/module/drm/parameters/debug", "0x1ff\n"), {"D05": "info"},
         ["drm.debug=0"]),
    Host("guc", without_types(distribution="arch", device=0x9BC8, cmdline=ENABLE + " i915.enable_guc=3")
         .file("/sys/module/i915/parameters/enable_guc", "3\n"), {"D06": "fail"},
         ["GuC submission is switched on", "i915.enable_guc=0"]),
    Host("guc-in-modprobe", without_types(distribution="fedora")
         .file("/etc/modprobe.d/i915.conf", "options i915 enable_guc=3 enable_gvt=1\n")
         .remove(f"{PCI}/{GPU}/driver")
         .log("i915 GVT-g loading failed due to Graphics virtualization is not yet supported with "
              "GuC submission"),
         {"D03": "info", "D06": "fail"}, ["dracut --force", "enable_guc=0 in /etc/modprobe.d"]),
    Host("ignore-msrs", gvt().kvm("N"), {"D13": "warning"}, ["kvm.ignore_msrs=1", "GPU-Z"]),
    Host("msrs-reported", gvt().kvm("Y", "Y"), {"D13": "info"}, ["report_ignored_msrs=0"]),
    Host("igfx-off", gvt(cmdline=ENABLE + " intel_iommu=on,igfx_off"), {"D14": "info"},
         ["vgpus need neither", "intel_iommu=on iommu=pt"]),
    Host("dmar", gvt().log("DMAR: [DMA Write] Request device [00:02.0] fault addr 0x0"),
         {"D14": "warning"}, ["the IOMMU stops"]),
    # aperture
    Host("aperture-128", without_types(bar2=128), {"D04": "fail"}, ["too small", "512 or 1024 MB"]),
    Host("aperture-256", gvt(bar2=256, counts={"_4": 1, "_8": 2}), {"D04": "info"},
         ["1 of type _4, 2 of type _8"]),
    Host("aperture-512", gvt(bar2=512, counts={"_2": 1, "_4": 3, "_8": 6}),
         words=["3 of type _4, 6 of type _8"]),
    Host("aperture-2048", gvt(bar2=2048, counts={"_2": 1, "_4": 3, "_8": 4}), {"D04": "info"},
         ["1024 MB would be better"]),
    Host("aperture-4096", gvt(bar2=4096, counts={"_4": 7, "_8": 7}), {"D04": "fail"},
         ["too big", "'Aperture size' to 1024 MB"]),
    Host("used-up", gvt(bar2=1024, counts=FULL), {"D04": "info"}, ["all room is used up"]),
    Host("desktop-holds-it", gvt().log("gvt: failed to create intel vgpu: -28"), {"D04": "warning"},
         ["Make vGPUs before the display manager"]),
    # vGPUs
    Host("no-vgpu-yet", without_types().types({"_4": 5, "_8": 7}), {"D08": "info"},
         ["vgpu-bridge create"]),
    Host("not-kept", gvt().remove("/etc/mdevctl.d").process(2000, "qemu-system-x86", QEMU,
                                                            ["/dev/vfio/7"]),
         {"D08": "warning", "D31": "info"}, ["mdevctl define --auto"]),
    Host("defined-but-not-there", gvt().define(UUID2), {"D08": "warning"},
         [f"mdevctl start --uuid {UUID2}"]),
    Host("no-vfio-mdev", gvt(release="5.10.0-30-amd64").mdev(UUID2, group=None).define(UUID2),
         {"D08": "fail", "D22": "warning"}, ["modprobe vfio_mdev"]),
    Host("orphan", gvt().mdev(UUID2, group=8), {"D08": "warning", "D30": "info"},
         ["vgpu-bridge prune"]),
    Host("orphans-take-all", gvt(counts=FULL).mdev(UUID2, group=8),
         {"D04": "info", "D08": "warning", "D30": "warning"}, ["it takes the place"]),
    Host("held", gvt().process(2000, "qemu-system-x86", QEMU, ["/dev/vfio/7"]), {"D31": "info"},
         ["is in use by process 2000"]),
    Host("nvidia-disable-vnc", nvidia("disable_vnc=1"), {"D34": "fail"}, base=NVIDIA,
         words=["disable_vnc=1 takes the console"]),
    Host("failsafe", gvt().log("gvt: guest page write error, gpa 1a2b", "gvt: Now vgpu 1 will enter "
                               "failsafe mode."), {"D23": "warning"}, ["nobody will mend"]),
    Host("hang", gvt().file("/sys/class/drm/card0/error",
                            "GPU HANG: ecode 9:1:0x85dffffb, in qemu-system-x86 [2818]\n"),
         {"D32": "warning"}, ["hung and was reset"]),
    Host("log-not-readable", gvt().remove("/dev/kmsg"), {"D29": "skipped", "D23": "skipped"}),
]
