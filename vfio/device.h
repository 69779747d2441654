/* SPDX-License-Identifier: MIT */
/*
 * Ways to a kernel VFIO device: group + type1 container, cdev + iommufd, or an inherited fd.
 *
 * Each returns a vgpu that owns all fds it needed, or NULL with errno set and one line in why that
 * names the thing, the value seen and the remedy. root is "" in life; tests give a directory below
 * which sys/ and dev/ are looked up. May block for as long as the kernel does; no thread of its own.
 */
#ifndef VFIO_DEVICE_H
#define VFIO_DEVICE_H

#include <stddef.h>

struct vgpu;

/*
 * The number of a device's fd in the bridge. Seccomp rules see numbers, not files, so the one fd that
 * can reset a GPU has its own. Between devices the number is held by a placeholder, the next number
 * up, so that nothing else ever gets it: a device is put there by dup3() and taken away by dup3().
 */
#define DEVICE_FD_NUMBER 200

/* By mdev UUID: finds its cdev where the kernel has one, else its group. */
struct vgpu *device_open_mdev(const char *root, const char *uuid, char *why, size_t why_size);

/* By group number or path. uuid may be NULL where the group holds one device. */
struct vgpu *device_open_group(
	const char *root, const char *group, const char *uuid, char *why, size_t why_size);

/* By path of a device cdev: opens it, binds it to a new iommufd and attaches an address space. */
struct vgpu *device_open_cdev(const char *root, const char *path, char *why, size_t why_size);

/* An inherited device fd. Takes ownership of fd, also on error. */
struct vgpu *device_open_fd(const char *root, int fd, char *why, size_t why_size);

#endif
