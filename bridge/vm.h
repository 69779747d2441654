/* SPDX-License-Identifier: MIT */
/*
 * Which process is the virtual machine of that name: libvirt's pid file, or QEMU's -name.
 *
 * Reads files below root ("" in life) only, and asks nobody. Whoever starts a program called
 * qemu-system-x86_64 can give it any name; it takes a VFIO device to gain from that. Any thread.
 */
#ifndef BRIDGE_VM_H
#define BRIDGE_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* 0 and pid; -ESRCH where none runs, -ENOTUNIQ where several do, each with one line in why. */
int vm_find(const char *root, const char *name, pid_t *pid, char *why, size_t why_size);

/* Is this process a QEMU with that name? */
bool vm_is(const char *root, pid_t pid, const char *name);

/* The name in a value of -name: "a", "guest=a,debug-threads=on"; ",," is a comma. */
bool vm_name_matches(const char *value, const char *name);

#endif
