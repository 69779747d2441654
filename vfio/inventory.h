/* SPDX-License-Identifier: MIT */
/*
 * All that this host has to do with vGPUs, as its sysfs and /proc tell: parents, types, vGPUs, holders.
 *
 * Reads below root ("" in life) only, opens no device, needs no rights; what can't be read is left
 * empty. A snapshot of one moment, plain data owned by the inventory. Any thread. Rules: the kernel's
 * ABI/testing/sysfs-bus-vfio-mdev and driver-api/vfio-mediated-device.rst.
 */
#ifndef VFIO_INVENTORY_H
#define VFIO_INVENTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What stops one more vGPU of a type from being made. */
enum inventory_limit {
	LIMIT_UNKNOWN, /* none of them free, and the kernel does not say why */
	LIMIT_NONE, /* there is one free, and nothing can be said of what ends first */
	LIMIT_LOW_GM, /* GVT-g: mappable graphics memory (the aperture) */
	LIMIT_HIGH_GM, /* GVT-g: hidden graphics memory (4 GiB less the aperture) */
	LIMIT_FENCES, /* GVT-g */
	LIMIT_COUNT, /* GVT-g: 8 with the host's own; mdpy: its parameter count */
	LIMIT_MEMORY, /* mbochs: its parameter count, MiB shared by all types */
	LIMIT_OTHER_TYPE, /* NVIDIA: the GPU serves one type at a time, and another one is in use */
};

struct inventory_type {
	char name[128]; /* "i915-GVTg_V5_4" */
	char device_api[32];
	char label[128]; /* its "name", "" without */
	char description[512]; /* as it stands there, "" without */
	int available; /* instances, -1: not told */
	/* Read from the description, 0: not there. */
	unsigned low_gm_mib, high_gm_mib, fences, weight, max_xres, max_yres, num_heads;
	unsigned memory_mib; /* NVIDIA's framebuffer, mbochs's video memory */
	/*
	 * GVT-g, where the aperture is known: how many more there is room for. Differs from available
	 * where the kernel's sum wraps, which with an aperture of 4 GiB it does. -1: not known.
	 */
	int room;
	enum inventory_limit limit; /* what ends first, or has ended */
};

enum inventory_parent_kind {
	PARENT_GVT, /* Intel GVT-g */
	PARENT_NVIDIA, /* NVIDIA vGPU by mdev */
	PARENT_NVIDIA_VF, /* NVIDIA virtual function with nvidia/creatable_vgpu_types, no mdev */
	PARENT_OTHER, /* the kernel's samples and what else has mdev types */
};

struct inventory_parent {
	char name[64]; /* "0000:00:02.0", "mdpy" */
	char path[512]; /* real path of its directory, with the root */
	char driver[64];
	enum inventory_parent_kind kind;
	bool pci;
	uint16_t vendor, device; /* PCI */
	uint32_t class; /* PCI, 24 bits */
	const char *generation; /* of an Intel GPU, "Kaby Lake (Gen9)"; NULL: not known */
	uint64_t aperture; /* bytes, BAR 2 of an Intel GPU; 0: not known */
	struct inventory_type *types;
	size_t n_types;
};

/* A process that has a node of the device open. */
struct inventory_holder {
	pid_t pid;
	char command[64]; /* its comm, printable */
	char vm[256]; /* of QEMU's -name, "" otherwise */
	/* Its open files could not be looked into, but it is a QEMU that was started with this vGPU. */
	bool by_command_line;
};

struct inventory_vgpu {
	char uuid[37]; /* or "" for one that is no mdev (an NVIDIA VF) */
	char name[64]; /* UUID or PCI address */
	char path[512]; /* real, with the root */
	char parent[64]; /* name of its parent */
	char type[128];
	char driver[64]; /* "" while nothing is bound to it */
	int group; /* number of the IOMMU group, -1: none */
	char group_node[64]; /* "/dev/vfio/12", "" without */
	char cdev_node[64]; /* "/dev/vfio/devices/vfio0", "" without */
	/* Of the node that QEMU would use: the group's where there is one, else the cdev's. */
	bool has_node;
	uid_t owner;
	gid_t owner_group;
	mode_t mode;
	struct inventory_holder *holders;
	size_t n_holders;
	bool holders_known; /* false: other users' processes could not be looked into */
	bool mdevctl_known; /* false: /etc/mdevctl.d is there and could not be read */
	bool mdevctl_defined, mdevctl_auto;
	int libvirt; /* domains in /etc/libvirt/qemu that name it; -1: could not be read */
	char libvirt_domain[128]; /* the first of them */
	bool libvirt_autostart; /* one of them is started with the host */
};

struct inventory {
	struct inventory_parent *parents;
	size_t n_parents;
	struct inventory_vgpu *vgpus;
	size_t n_vgpus;
	/*
	 * A process with VFIO devices of which the kernel does not tell which they are (before Linux 6.18,
	 * when it got them from another process, as a bridge does); 0: there is none.
	 */
	pid_t stranger;
};

/* 0 or -ENOMEM; a host without any of it is an empty inventory. */
int inventory_read(const char *root, struct inventory *inventory);
void inventory_finish(struct inventory *inventory);

const struct inventory_parent *inventory_parent(
	const struct inventory *inventory, const char *name);
const struct inventory_vgpu *inventory_vgpu(const struct inventory *inventory, const char *uuid);

/*
 * Of an Intel GPU, by its PCI id: the generation's name, and whether GVT-g knows it. NULL: not in our
 * table. *never: newer or other than what GVT-g was made for.
 */
const char *intel_generation(uint16_t device, bool *gvt, bool *never);

/* The type of that name, NULL where the parent has none. */
const struct inventory_type *inventory_type(
	const struct inventory_parent *parent, const char *name);

/*
 * How many of a GVT-g type fit into an aperture of so many MiB when there are no others, and what ends
 * first: the formula of intel_vgpu_get_available(). Does not wrap where the kernel does.
 */
unsigned gvt_instances(unsigned aperture_mib, unsigned low_gm_mib, unsigned high_gm_mib,
	unsigned fences, enum inventory_limit *limit);

#endif
