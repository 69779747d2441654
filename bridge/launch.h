/* SPDX-License-Identifier: MIT */
/*
 * The verb run: QEMU's command line with the vGPU added, and QEMU's start and end.
 *
 * launch_create() in the parent, with the user's rights and before it gives them up; the rest in the
 * broker's process, which is QEMU's parent. That process lets QEMU go on when the bridge dies.
 */
#ifndef BRIDGE_LAUNCH_H
#define BRIDGE_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct options;

struct launch {
	char **argv; /* QEMU's, complete; NULL at the end */
	size_t argc;
	int device; /* the cdev, which QEMU inherits and binds; -1: QEMU opens the mdev itself */
	char name[128]; /* of the device, for people */
	char uuid[37]; /* "" where it is no mdev */
	char directory[64]; /* with qmp in it, private; "" where the user has another monitor */
	char qmp[80]; /* path of the monitor's socket that was added, or "" */
	pid_t pid; /* of QEMU, 0: not started */
	int pidfd; /* of QEMU, -1 */
};

/*
 * Finds the device and makes the command line. With qmp, a monitor for our input is added. root is
 * "" in life. 0 or -errno with why.
 */
int launch_create(const char *root, const struct options *options, bool qmp, struct launch *launch,
	char *why, size_t why_size);
void launch_destroy(struct launch *launch);

/* Starts QEMU. 0 or -errno with why. */
int launch_start(struct launch *launch, char *why, size_t why_size);
/* QEMU has ended: its exit status, or 128 and the signal's number. */
int launch_status(struct launch *launch);
/* Removes what was made for it in the file system. */
void launch_clean(struct launch *launch);

#endif
