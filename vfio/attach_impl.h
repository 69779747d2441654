/* SPDX-License-Identifier: MIT */
/*
 * Inside vfio/ only: the seam that tests of attaching replace, and what stands in the way.
 *
 * As device_impl.h: each call behaves as the system call of its name (-1 and errno). All else that is
 * read lies below request->root. One thread; no ownership.
 */
#ifndef VFIO_ATTACH_IMPL_H
#define VFIO_ATTACH_IMPL_H

#include "vfio/attach.h"
#include "vfio/device_impl.h"

struct attach_calls {
	int (*pidfd_open)(pid_t pid);
	int (*pidfd_getfd)(int pidfd, int fd);
	int (*ended)(int pidfd); /* not 0: the process is no more */
};

extern const struct attach_calls attach_kernel_calls;

int attach_request(const struct device_request *request, const struct attach_calls *calls,
	pid_t pid, const char *uuid, struct device_found *found, int *owner);

enum attach_step {
	ATTACH_LIST, /* /proc/PID/fd can't be listed */
	ATTACH_READ, /* the links in it can't be read */
	ATTACH_TAKE, /* pidfd_getfd() refuses */
};

/* Finds out why and says so. Returns -EACCES, or -ESRCH if there is no such process. */
int attach_obstacle(
	const struct device_request *request, pid_t pid, enum attach_step step, int error);

/* "process 12 (qemu-system-x86)" */
void attach_name_process(const struct device_request *request, pid_t pid, char *name, size_t size);

#endif
