/* SPDX-License-Identifier: MIT */
/*
 * Ways to a kernel VFIO device: group + type1 container, cdev + iommufd, or an inherited fd.
 *
 * In two halves, since the first needs rights that the second must not have: device_find_*() opens a
 * device and gives the fds that keep it open, and device_create() makes a vgpu of them; the bridge
 * does the two in different processes. root is "" in life; tests give a directory below which sys/ and
 * dev/ are looked up. All return 0 or -errno with one line in why that names the thing, the value seen
 * and the remedy. May block for as long as the kernel does; no thread of its own.
 */
#ifndef VFIO_DEVICE_H
#define VFIO_DEVICE_H

#include <stdbool.h>
#include <stddef.h>

struct vgpu;

/*
 * The number of a device's fd in the bridge. Seccomp rules see numbers, not files, so the one fd that
 * can reset a GPU has its own. Between devices the number is held by a placeholder, the next number
 * up, so that nothing else ever gets it: a device is put there by dup3() and taken away by dup3().
 */
#define DEVICE_FD_NUMBER 200

/* Everything that keeps a device open; -1 where unused. */
struct device_fds {
	int device;
	int group;
	int container;
	int iommu;
};

#define DEVICE_NO_FDS ((struct device_fds){-1, -1, -1, -1})

/* A device that was found and opened. Plain data: fit to be sent to another process. */
struct device_found {
	struct device_fds fds; /* the caller's */
	char name[128]; /* for people: "mdev 1234…" */
	char uuid[37]; /* of the mdev, "" where it is none or unknown */
	char render_node[64]; /* of the GPU that it is part of, "" where none is known */
};

/* By mdev UUID: finds its cdev where the kernel has one, else its group. */
int device_find_mdev(
	const char *root, const char *uuid, struct device_found *found, char *why, size_t why_size);

/* By group number or path. uuid may be NULL where the group holds one device. */
int device_find_group(const char *root, const char *group, const char *uuid,
	struct device_found *found, char *why, size_t why_size);

/* By path of a device cdev: opens it, binds it to a new iommufd and attaches an address space. */
int device_find_cdev(
	const char *root, const char *path, struct device_found *found, char *why, size_t why_size);

/* An inherited device fd. Takes ownership of fd, also on error. */
int device_find_fd(
	const char *root, int fd, struct device_found *found, char *why, size_t why_size);

/* As that, but on error fd stays the caller's. -EINVAL: a cdev that is not bound yet, ask again. */
int device_ask_fd(const char *root, int fd, struct device_found *found, char *why, size_t why_size);

/* Is it the open file of a VFIO device, by what /proc says? Asks nothing of the device. */
bool device_is_vfio(const char *root, int fd);

/* Closes the fds; takes one that holds none. */
void device_found_close(struct device_found *found);

/*
 * Keeps DEVICE_FD_NUMBER and the next number free of anything else. Once, early; kept is a number
 * that may be in use there already (an inherited device), or -1. -EBUSY where another is.
 */
int device_reserve_number(int kept);

/* Moves the device's fd to DEVICE_FD_NUMBER, whose last device must be destroyed. 0 or -errno. */
int device_take_number(struct device_found *found);

/*
 * Makes the vgpu of a device: asks for its EDID region and kinds of planes, no other call. Takes over
 * the fds, also on error. NULL with errno and why.
 */
struct vgpu *device_create(struct device_found *found, char *why, size_t why_size);

#endif
