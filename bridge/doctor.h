/* SPDX-License-Identifier: MIT */
/*
 * What stands between a host and a visible guest: checks in layers, from the hardware to the guest.
 *
 * A check reads below root and leaves findings, no more: it prints nothing, changes nothing, and needs
 * no rights (what it could not read it says). The first layer with a failure is the one to mend; checks
 * of later layers are not run. Main thread. Findings belong to the report.
 */
#ifndef BRIDGE_DOCTOR_H
#define BRIDGE_DOCTOR_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "vfio/inventory.h"

/* In the order in which they are built on each other. */
enum doctor_layer {
	LAYER_HARDWARE,
	LAYER_KERNEL,
	LAYER_MODULE,
	LAYER_PARAMETERS,
	LAYER_APERTURE,
	LAYER_VGPU,
	LAYER_NODE,
	LAYER_QEMU,
	LAYER_RENDER,
	LAYER_GUEST,
	LAYER_COUNT,
};

enum doctor_verdict {
	VERDICT_OK,
	VERDICT_INFO, /* worth knowing; harmless messages and dead parameters are named so */
	VERDICT_WARNING,
	VERDICT_FAIL,
	VERDICT_SKIPPED, /* could not be checked, or has nothing to be checked on; says why */
};

/* The parts of the host that fixes depend on. Filled once, before the checks. */
enum doctor_bootloader {
	BOOTLOADER_UNKNOWN,
	BOOTLOADER_GRUB, /* update-grub */
	BOOTLOADER_GRUB2, /* grub2-mkconfig or grubby, as Fedora and RHEL have it */
	BOOTLOADER_SYSTEMD, /* kernelstub or entries below /boot/loader */
	BOOTLOADER_PROXMOX, /* /etc/kernel/cmdline and proxmox-boot-tool */
	BOOTLOADER_NIXOS,
};

struct doctor_vm;

/* A display device on PCI, whether it has vGPUs or not. */
struct doctor_gpu {
	char address[32]; /* "0000:00:02.0" */
	char driver[64]; /* "" without */
	uint16_t vendor, device;
	uint32_t class;
	const char *generation; /* Intel's, NULL: not in our table */
	bool gvt; /* GVT-g was made for it */
	bool never; /* Intel's, and GVT-g will never be */
	bool virtual_function;
	unsigned virtual_functions; /* how many it could have (SR-IOV) */
	uint64_t aperture; /* bytes of BAR 2, 0: not known */
};

/* Whose vGPUs the checks are about. */
enum doctor_subject {
	SUBJECT_NONE, /* this host has none, and could have none */
	SUBJECT_GVT, /* Intel GVT-g, working or not yet */
	SUBJECT_NVIDIA,
	SUBJECT_OTHER, /* the kernel's samples, and what else has mdev types */
};

struct doctor_host {
	const char *root; /* "" in life */
	char release[128]; /* of the running kernel, "6.1.0-28-amd64"; "" unknown */
	unsigned kernel_major, kernel_minor;
	char *cmdline; /* of the running kernel, "" unknown */
	char *kernel_log; /* what dmesg would print, NULL: may not be read */
	int kernel_log_error; /* why not, an errno */
	char distribution[64]; /* ID of os-release: "debian", "arch", ... */
	char distribution_like[128]; /* ID_LIKE */
	char distribution_name[128]; /* PRETTY_NAME */
	enum doctor_bootloader bootloader;
	struct inventory inventory;
	struct doctor_gpu *gpus;
	size_t n_gpus;
	enum doctor_subject subject;
	/* The GVT-g, NVIDIA or sample parent looked at; NULL where it offers no types (yet). */
	const struct inventory_parent *gpu;
	const struct doctor_gpu *intel; /* the GPU looked at, where the subject is GVT-g; or NULL */
	/* --vm */
	const char *vm; /* as given, NULL without */
	pid_t qemu; /* 0: none, or not found */
	char vm_why[256]; /* why not found */
	char **qemu_arguments; /* its command line, NULL at the end; NULL without */
	struct doctor_vm *machine; /* what doctor_vm_find() found; doctor_vm.h's */
};

/*
 * Finds host->vm, a name of QEMU's or libvirt's or a pid, and fills qemu, qemu_arguments and machine;
 * a domain of libvirt's that does not run has a machine only. Without host->vm it looks for nothing.
 * 0, or with one line in why: -ESRCH there is none, -ENOTUNIQ there are several, -EACCES its file may
 * not be read, -EINVAL the file is damaged.
 */
int doctor_vm_find(struct doctor_host *host, char *why, size_t why_size);
/* Frees what it filled. */
void doctor_vm_finish(struct doctor_host *host);

struct doctor_report;

/* path: what was read, as the user would find it (without the root); value: what was seen there. */
void doctor_add(struct doctor_report *report, enum doctor_verdict verdict, const char *path,
	const char *value, const char *format, ...) G_GNUC_PRINTF(5, 6);
/* The remedy of what was added last, a sentence or a few; lines are kept. */
void doctor_fix(struct doctor_report *report, const char *format, ...) G_GNUC_PRINTF(2, 3);

struct doctor_check {
	const char *id; /* "D01" */
	enum doctor_layer layer;
	const char *name; /* "supported GPU" */
	void (*run)(struct doctor_report *report, const struct doctor_host *host);
};

/* Each file of checks has a list, which an entry without id ends; doctor.c runs them in layers. */
extern const struct doctor_check doctor_host_checks[]; /* hardware to vGPU */
extern const struct doctor_check doctor_vm_checks[]; /* node access to guest */

/* Helpers for checks. A file below root: its text, for g_free(), or NULL; trimmed at the end. */
char *doctor_read(const struct doctor_host *host, const char *format, ...) G_GNUC_PRINTF(2, 3);
bool doctor_exists(const struct doctor_host *host, const char *format, ...) G_GNUC_PRINTF(2, 3);
/*
 * The same, with 0 bytes and ends of lines kept; at most DOCTOR_MAX_BYTES of it, a 0 follows. *error
 * is 0 or an errno; error and size may be NULL. Only regular files are read.
 */
#define DOCTOR_MAX_BYTES (8 << 20)
char *doctor_read_bytes(const struct doctor_host *host, size_t *size, int *error,
	const char *format, ...) G_GNUC_PRINTF(4, 5);
/* Names in a directory, sorted, NULL at the end, for g_strfreev(); empty where there is none. */
char **doctor_entries(const struct doctor_host *host, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* The last part of what a link points to ("i915" of .../driver), for g_free(); NULL: no link. */
char *doctor_link(const struct doctor_host *host, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* A descriptor (O_CLOEXEC added; O_PATH for fstat() or faccessat()), or -errno. Links stay below root. */
int doctor_open(const struct doctor_host *host, int flags, const char *path);
/* The last line of the kernel's log that holds text, for g_free(), or NULL; how many there are. */
char *doctor_log_line(const struct doctor_host *host, const char *text, unsigned *count);
/* The value of NAME=VALUE in the kernel's command line; "" for a bare NAME; NULL: not there. */
const char *doctor_parameter(
	const struct doctor_host *host, const char *name, char *value, size_t size);
/* The same in any text of parameters; - and _ are one, as in the kernel; the last one counts. */
const char *doctor_parameter_in(const char *text, const char *name, char *value, size_t size);
/* How kernel parameters are set on this host, as a sentence with commands. For g_free(). */
char *doctor_how_to_set(const struct doctor_host *host, const char *parameters);
/* What makes the initramfs anew here, after a change below /etc/modprobe.d. Constant. */
const char *doctor_initramfs_command(const struct doctor_host *host);
/* Is the running kernel at least this one? Also where it is not known. */
bool doctor_kernel_is(const struct doctor_host *host, unsigned major, unsigned minor);

#endif
