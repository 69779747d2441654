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

struct doctor_host {
	const char *root;
	char release[128]; /* of the running kernel, "6.1.0-28-amd64"; "" unknown */
	unsigned kernel_major, kernel_minor;
	char *cmdline; /* of the running kernel, "" unknown */
	char *kernel_log; /* what dmesg would print, NULL: may not be read */
	char distribution[64]; /* ID of os-release: "debian", "arch", ... */
	char distribution_like[128]; /* ID_LIKE */
	char distribution_name[128]; /* PRETTY_NAME */
	enum doctor_bootloader bootloader;
	struct inventory inventory;
	const struct inventory_parent
		*gpu; /* the GVT-g, NVIDIA or sample parent looked at; or NULL */
	/* --vm */
	const char *vm; /* as given, NULL without */
	pid_t qemu; /* 0: none, or not found */
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
/* The value of NAME=VALUE in the kernel's command line; "" for a bare NAME; NULL: not there. */
const char *doctor_parameter(
	const struct doctor_host *host, const char *name, char *value, size_t size);
/* How kernel parameters are set on this host, as a sentence with commands. For g_free(). */
char *doctor_how_to_set(const struct doctor_host *host, const char *parameters);
/* Is the running kernel at least this one? Also where it is not known. */
bool doctor_kernel_is(const struct doctor_host *host, unsigned major, unsigned minor);

#endif
