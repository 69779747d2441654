/* SPDX-License-Identifier: MIT */
/*
 * Inside doctor_vm*.c: what --vm found out about a virtual machine, and which vGPUs it has.
 *
 * Filled once by doctor_vm_find() from the command line of a running QEMU, or from the XML of a
 * libvirt domain that does not run, and then only read. Belongs to the doctor_host. Main thread.
 */
#ifndef BRIDGE_DOCTOR_VM_H
#define BRIDGE_DOCTOR_VM_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/doctor.h"
#include "bridge/qemu_line.h"

/* Where a check has nothing to look at; the texts say the same in all. */
#define NO_VM "no virtual machine was chosen: give --vm NAME or --vm PID"

/* Where the kernel tells of which type a vGPU is. */
#define TYPE_LINK "/sys/bus/mdev/devices/%s/mdev_type"

enum vm_gpu_kind {
	VM_GPU_GVT,
	VM_GPU_NVIDIA,
	VM_GPU_SAMPLE, /* mdpy, mbochs and others */
	VM_GPU_GONE, /* the machine names an mdev that is not there */
	VM_GPU_WHOLE, /* a PCI device which is a GPU, passed through as it is */
};

/* A device of the machine that is, or wants to be, a vGPU. Borrows from the machine. */
struct vm_gpu {
	enum vm_gpu_kind kind;
	const struct qemu_option *device;
	const struct inventory_vgpu *vgpu; /* NULL: gone, or a whole GPU */
	const char *name; /* UUID or PCI address */
};

struct doctor_version {
	unsigned major, minor; /* both 0: not known */
	char from[256]; /* what told it, "" unknown */
};

struct doctor_vm {
	char *name; /* never NULL; "process 12" without */
	pid_t pid; /* 0: does not run */
	char *path; /* of what was read: "/proc/12/cmdline", "/etc/libvirt/qemu/a.xml" */
	char *program; /* path of QEMU's binary as the host sees it, NULL: not known */
	GPtrArray *line; /* of struct qemu_option */
	guint first_own; /* from here on, options of <qemu:commandline>; line->len: none, or not known */
	GArray *gpus; /* of struct vm_gpu */
	uint64_t memory; /* bytes */
	/* libvirt */
	bool libvirt; /* it runs this machine */
	char *domain_path; /* of the XML that was read, NULL: none */
	bool locked; /* <memoryBacking><locked/> */
	uint64_t hard_limit;
	unsigned mdevs; /* hostdevs */
	char *os; /* what it says that the guest is, NULL */
	bool localtime;
	char *log; /* QEMU's messages since the last start, NULL: none, or not to be read */
	char *log_path;
	struct doctor_version qemu, libvirt_version;
	/* The process. */
	uid_t uid;
	gid_t gid;
	uint64_t capabilities; /* effective */
};

/* Who is asking: of /proc/self/status below root. */
struct doctor_user {
	bool known;
	uid_t uid;
	gid_t groups[256];
	size_t n_groups;
	uint64_t capabilities;
};

bool doctor_user_read(
	const struct doctor_host *host, const char *process, struct doctor_user *user);
bool doctor_user_has(const struct doctor_user *user, int capability);
/* May this one read and write a file of that owner and mode? ACLs are not seen. */
bool doctor_user_may_write(const struct doctor_user *user, uid_t owner, gid_t group, mode_t mode);

/* The machine's i-th vGPU, NULL after the last. */
const struct vm_gpu *doctor_vm_gpu(const struct doctor_host *host, guint i);
/* Its type's name without the parent's part, "V5_8"; "" unknown. */
const char *doctor_vm_type(const struct vm_gpu *gpu);
/* "the vGPU 1234 (i915-GVTg_V5_4)"; for g_free(). */
char *doctor_vm_gpu_text(const struct vm_gpu *gpu);
/* Does the machine look like Windows? The reason, NULL: no. */
const char *doctor_vm_windows(const struct doctor_vm *machine);
bool doctor_vm_is_i440fx(const struct doctor_vm *machine);

/*
 * The version of the machine's QEMU, or without one of the QEMU that is installed. In life a QEMU is
 * asked only when it is a file of root's that nobody else may write; below a root nothing is started:
 * libvirt's log and cache, the package databases and the machine type tell it.
 */
void doctor_vm_versions(const struct doctor_host *host, const char *program, const char *log,
	const struct qemu_option *machine, struct doctor_version *qemu,
	struct doctor_version *libvirt);
/* Is it known, and this one or later? */
bool doctor_version_is(const struct doctor_version *version, unsigned major, unsigned minor);
/* Is it known, and earlier? */
bool doctor_version_before(const struct doctor_version *version, unsigned major, unsigned minor);
/* "7.2", "of an unknown version". */
void doctor_version_text(const struct doctor_version *version, char *text, size_t size);

/* All checks of a file. Each is for one of the list's entries, with its id. */
void check_holder(struct doctor_report *report, const struct doctor_host *host);
void check_node_access(struct doctor_report *report, const struct doctor_host *host);
void check_cgroup(struct doctor_report *report, const struct doctor_host *host);
void check_security_modules(struct doctor_report *report, const struct doctor_host *host);
void check_descriptor_rights(struct doctor_report *report, const struct doctor_host *host);
void check_units(struct doctor_report *report, const struct doctor_host *host);
void check_free_memory(struct doctor_report *report, const struct doctor_host *host);

void check_machine(struct doctor_report *report, const struct doctor_host *host);
void check_memlock(struct doctor_report *report, const struct doctor_host *host);
void check_qemu_version(struct doctor_report *report, const struct doctor_host *host);
void check_flags(struct doctor_report *report, const struct doctor_host *host);
void check_opregion(struct doctor_report *report, const struct doctor_host *host);
void check_slot(struct doctor_report *report, const struct doctor_host *host);
void check_two_vgpus(struct doctor_report *report, const struct doctor_host *host);
void check_guest_sleep(struct doctor_report *report, const struct doctor_host *host);
void check_windows_type(struct doctor_report *report, const struct doctor_host *host);
void check_tablet(struct doctor_report *report, const struct doctor_host *host);
void check_boot_picture(struct doctor_report *report, const struct doctor_host *host);
void check_region_crash(struct doctor_report *report, const struct doctor_host *host);

void check_render_node(struct doctor_report *report, const struct doctor_host *host);
void check_qemu_gl(struct doctor_report *report, const struct doctor_host *host);

void check_plane(struct doctor_report *report, const struct doctor_host *host);
void check_resolution(struct doctor_report *report, const struct doctor_host *host);
void check_tiling(struct doctor_report *report, const struct doctor_host *host);
void check_spice(struct doctor_report *report, const struct doctor_host *host);

#endif
