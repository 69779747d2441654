/* SPDX-License-Identifier: MIT */
/*
 * Takes a vGPU over from a process that has it open, which goes on using it.
 *
 * It looks through the process's descriptors, duplicates those of VFIO devices (pidfd_getfd) and
 * keeps the one that has display planes. Of those descriptors only GET_INFO and the PROBE form of
 * QUERY_GFX_PLANE are asked. Needs the same rights as a debugger. Never blocks; no thread of its
 * own.
 */
#ifndef VFIO_ATTACH_H
#define VFIO_ATTACH_H

#include <stddef.h>
#include <sys/types.h>

#include "vfio/device.h"

/*
 * uuid narrows, NULL: there shall be only one vGPU. Fills found and owner, a pidfd of the process;
 * both are the caller's. The pidfd is made first, so that a number which a new process got
 * meanwhile deceives nobody. Returns 0, or with one line in why:
 *   -ESRCH    there is no such process (any more)
 *   -EAGAIN   it has no device yet, or one that is not bound yet: look again
 *   -EACCES   something stands in the way, why says what and the remedy
 *   -ENODEV   it has vGPUs, but not this one
 *   -ENOTUNIQ it has several, why lists them
 *   -ENOTSUP  none of its devices has a display, or the kernel can't tell which is which
 *   other     as the kernel says
 */
int attach_find(const char *root, pid_t pid, const char *uuid, struct device_found *found,
	int *owner, char *why, size_t why_size);

/* A pidfd, or -errno; whether its process has ended. */
int attach_pidfd(pid_t pid);
int attach_ended(int pidfd);

#endif
