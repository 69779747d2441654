# SPDX-License-Identifier: MIT
"""A directory that stands for /, with devices that offer vGPUs, and a thread that plays the kernel.

What a program writes into a type's "create" and a vGPU's "remove" takes effect as with a real
kernel: directories, links and nodes come and go. These files are FIFOs.
"""

import contextlib
import os
import select
import shutil
import threading
import time

GVT = {
    "i915-GVTg_V5_1": (512, 2048, 4, "1920x1200", 16),
    "i915-GVTg_V5_2": (256, 1024, 4, "1920x1200", 8),
    "i915-GVTg_V5_4": (128, 512, 4, "1920x1200", 4),
    "i915-GVTg_V5_8": (64, 384, 4, "1024x768", 2),
}
IGD = "0000:00:02.0"
IGD_PATH = "sys/devices/pci0000:00/0000:00:02.0"


class Kernel:
    """The tree below root, and the thread. Used as a context."""

    def __init__(self, root):
        self.root = str(root)
        self.fifos = {} # fd: what to do with what was written
        self.groups = {}
        self.next_group = 1
        self.node_delay = 0.05 # of the node behind the device, seconds
        self.node = True
        self.cdev = False
        self.wrong_type = None
        self.full_after = None # so many creations, and then "No space left on device"
        self.created = 0
        self.stop, self.wake = os.pipe()
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self.run)
        for path in ("sys/bus/mdev/devices", "sys/bus/pci/devices", "dev/vfio", "proc/1/fd",
                     "etc"):
            os.makedirs(self.path(path))
        self.file("dev/vfio/vfio", "")

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def file(self, path, text, mode=None):
        full = self.path(path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)
        if mode is not None:
            os.chmod(full, mode)

    def link(self, path, target):
        full = self.path(path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        os.symlink(target, full)

    def fifo(self, path, action):
        full = self.path(path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        os.mkfifo(full)
        self.fifos[os.open(full, os.O_RDWR | os.O_NONBLOCK)] = action
        os.write(self.wake, b"x")

    # devices that offer vGPUs

    def gpu(self, aperture_mib, types, device="0x5916"):
        """An Intel GPU; types: by name, how many are free."""
        self.file(f"{IGD_PATH}/vendor", "0x8086\n")
        self.file(f"{IGD_PATH}/device", device + "\n")
        self.file(f"{IGD_PATH}/class", "0x030000\n")
        start = 0x4000000000
        self.file(f"{IGD_PATH}/resource",
                  "0x00000000de000000 0x00000000deffffff 0x0000000000140204\n"
                  "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
                  f"{start:#018x} {start + (aperture_mib << 20) - 1:#018x} 0x000000000014220c\n")
        os.makedirs(self.path("sys/bus/pci/drivers/i915"))
        self.link(f"{IGD_PATH}/driver", "../../../bus/pci/drivers/i915")
        self.link(f"sys/bus/pci/devices/{IGD}", f"../../../devices/pci0000:00/{IGD}")
        for name, free in types.items():
            low, high, fences, size, weight = GVT[name]
            self.type(IGD_PATH, name, free,
                      f"low_gm_size: {low}MB\nhigh_gm_size: {high}MB\nfence: {fences}\n"
                      f"resolution: {size}\nweight: {weight}\n")

    def sample(self, name, types, parameter=None):
        """mdpy or mbochs; types: by name, how many are free and the description."""
        parent = f"sys/devices/virtual/{name}/{name}"
        os.makedirs(self.path(parent))
        if parameter:
            self.file(f"sys/module/{name}/parameters/{parameter[0]}", f"{parameter[1]}\n")
        for kind, (free, description) in types.items():
            self.type(parent, kind, free, description)

    def function(self, address, creatable, current=0):
        """One of NVIDIA's virtual functions."""
        path = f"sys/devices/pci0000:20/{address}"
        self.file(f"{path}/vendor", "0x10de\n")
        self.file(f"{path}/device", "0x2236\n")
        self.file(f"{path}/class", "0x030200\n")
        self.file(f"{path}/nvidia/creatable_vgpu_types", creatable)
        self.file(f"{path}/nvidia/current_vgpu_type", f"{current}\n")
        self.link(f"sys/bus/pci/devices/{address}", f"../../../devices/pci0000:20/{address}")
        os.makedirs(self.path(f"{path}/vfio-dev/vfio0"))
        self.file("dev/vfio/devices/vfio0", "", 0o600)

    def type(self, parent, name, free, description):
        at = f"{parent}/mdev_supported_types/{name}"
        self.file(f"{at}/available_instances", f"{free}\n")
        self.file(f"{at}/device_api", "vfio-pci\n")
        self.file(f"{at}/name", name.split("-")[-1] + "\n")
        self.file(f"{at}/description", description)
        self.fifo(f"{at}/create", lambda text: self.make(parent, name, text.strip()))

    # the kernel's part

    def make(self, parent, kind, uuid):
        self.created += 1
        if self.created == self.full_after:
            create = self.path(parent, "mdev_supported_types", kind, "create")
            os.symlink("/dev/full", create + ".new")
            os.replace(create + ".new", create)
        group = self.next_group
        self.next_group += 1
        self.groups[uuid] = group
        at = f"{parent}/{uuid}"
        self.fifo(f"{at}/remove", lambda text: self.unmake(parent, uuid))
        self.link(f"{at}/mdev_type", f"../mdev_supported_types/{self.wrong_type or kind}")
        ups = "../" * (parent.count("/") + 1)
        self.link(f"{at}/iommu_group", f"{ups}kernel/iommu_groups/{group}")
        self.link(f"{at}/driver", f"{ups}bus/mdev/drivers/played_mdev")
        self.link(f"sys/kernel/iommu_groups/{group}/devices/{uuid}",
                  "../../../../" + parent[len("sys/"):] + "/" + uuid)
        os.makedirs(self.path(at, f"vfio-dev/vfio{group}"))
        if self.cdev:
            self.file(f"{at}/vfio-dev/vfio{group}/dev", f"511:{group}\n")
        self.link(f"sys/bus/mdev/devices/{uuid}", f"../../../{parent[len('sys/'):]}/{uuid}")
        if self.node:
            time.sleep(self.node_delay)
            self.file(f"dev/vfio/{group}", "", 0o600)
            if self.cdev:
                self.file(f"dev/vfio/devices/vfio{group}", "", 0o600)

    def unmake(self, parent, uuid):
        group = self.groups.pop(uuid)
        os.unlink(self.path("sys/bus/mdev/devices", uuid))
        for path in (f"dev/vfio/{group}", f"dev/vfio/devices/vfio{group}"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path(path))
        shutil.rmtree(self.path(f"sys/kernel/iommu_groups/{group}"))
        shutil.rmtree(self.path(parent, uuid))

    def vgpu(self, kind, uuid, parent=IGD_PATH):
        """One that is there already."""
        with self.lock:
            self.make(parent, kind, uuid)

    def holder(self, pid, uuid, comm="qemu-system-x86", arguments=()):
        """A process that has its group open."""
        if arguments:
            self.file(f"proc/{pid}/cmdline", "\0".join(arguments) + "\0")
        self.file(f"proc/{pid}/comm", comm + "\n")
        self.link(f"proc/{pid}/fd/20", f"/dev/vfio/{self.groups[uuid]}")

    def uuids(self):
        return sorted(os.listdir(self.path("sys/bus/mdev/devices")))

    def run(self):
        while True:
            ready, _, _ = select.select([self.stop, *list(self.fifos)], [], [])
            for fd in ready:
                text = os.read(fd, 4096).decode()
                if fd == self.stop and "q" in text:
                    return
                if fd != self.stop:
                    with self.lock:
                        self.fifos[fd](text)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        os.write(self.wake, b"q")
        self.thread.join()
        for fd in (*self.fifos, self.stop, self.wake):
            os.close(fd)
