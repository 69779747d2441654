/* SPDX-License-Identifier: MIT */
/*
 * What the verbs for vGPUs share: words for what the inventory found, and the few writes to sysfs.
 *
 * Texts are for g_free(). Reading and writing stay below root, "" in life. These verbs run once and
 * end, so they may wait, but never without an end. Main thread.
 */
#ifndef BRIDGE_MANAGE_H
#define BRIDGE_MANAGE_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "vfio/inventory.h"

struct tool_call;

/* --root's value or "". NULL: it is no directory, a line was logged. */
const char *manage_root(const struct tool_call *call);

/* 0 and the inventory; -errno, a line was logged. */
int manage_read(const char *root, struct inventory *inventory);

/* "low-gm", ...; NULL where nothing is known to limit it. */
const char *limit_name(enum inventory_limit limit);
/* What ends a type's instances first or has ended them, as a phrase; "" where nothing is known. */
char *limit_text(
	const char *root, const struct inventory_parent *parent, const struct inventory_type *type);
/* Why not so many more of this type can be made, as sentences with remedies. */
char *shortage_text(const char *root, const struct inventory *inventory,
	const struct inventory_parent *parent, const struct inventory_type *type, unsigned more);

/* The node that QEMU would open, "" where there is none. */
const char *node_of(const struct inventory_vgpu *vgpu);
char *user_name(const char *root, uid_t uid);
char *group_name(const char *root, gid_t gid);
/* -ENOENT: no such group, by name or number. */
int group_find(const char *root, const char *name, gid_t *gid);
/* "root and members of the group kvm (root:kvm 0660)" */
char *openers_text(const char *root, const struct inventory_vgpu *vgpu);
/* "qemu-system-x86 (process 1234), virtual machine win10"; "nobody"; "not known: ..." */
char *holders_text(const struct inventory_vgpu *vgpu);
/* Whether mdevctl or libvirt bring it back, as a sentence without its end. */
char *return_text(const struct inventory_vgpu *vgpu);

/*
 * Writes a text to a file of sysfs, in a process of its own as the kernel may block for as long as it
 * likes. 0; -ETIMEDOUT: the kernel has not come back, and may yet do it; else -errno.
 */
int sysfs_write(const char *path, const char *text, unsigned timeout_s);

/* Path of mdevctl below root, or in PATH; NULL: it is not installed. */
char *mdevctl_find(const char *root);
/* Runs it with these arguments, which NULL ends. 0, or -EIO with what it said in *said. */
int mdevctl_run(const char *mdevctl, const char *const *arguments, char **said);

/* "remove" of an mdev, or the type of a virtual function set to 0. As sysfs_write(). */
int vgpu_remove(const struct inventory_vgpu *vgpu, unsigned timeout_s);
/* Logs why a file could not be written, with the remedy. */
void manage_log_write_error(const char *path, int error);

#endif
