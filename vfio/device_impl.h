/* SPDX-License-Identifier: MIT */
/*
 * Inside vfio/ only: how a kernel device is opened, and the seam that tests replace.
 *
 * struct device_calls is the kernel as device.c, group.c and cdev.c see it: each function behaves as
 * the system call of its name (-1 and errno). All state is in the request and the fds; one thread.
 */
#ifndef VFIO_DEVICE_IMPL_H
#define VFIO_DEVICE_IMPL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/vfio.h>

struct vgpu;

struct device_calls {
	int (*open)(const char *path, int flags);
	int (*close)(int fd);
	int (*ioctl)(int fd, unsigned long request, void *argument);
	void *(*mmap)(void *at, size_t size, int protection, int flags, int fd, off_t offset);
	int (*munmap)(void *map, size_t size);
	ssize_t (*pread)(int fd, void *data, size_t size, off_t offset);
	ssize_t (*pwrite)(int fd, const void *data, size_t size, off_t offset);
};

extern const struct device_calls device_kernel_calls;

/* What the public functions take, in one place. */
struct device_request {
	const struct device_calls *calls;
	const char *root;
	char *why;
	size_t why_size;
};

/* Everything that keeps a device open; -1 where unused. */
struct device_fds {
	int device;
	int group;
	int container;
	int iommu;
};

#define DEVICE_NO_FDS ((struct device_fds){-1, -1, -1, -1})

void device_fds_close(const struct device_calls *calls, struct device_fds *fds);

/* Writes the line of text; returns error, so that "return device_why(...)" reads well. */
__attribute__((format(printf, 3, 4))) int device_why(
	const struct device_request *request, int error, const char *format, ...);

/* Opens a node below root; on error says what it is and what to do. Returns an fd or -errno. */
int device_open_node(const struct device_request *request, const char *what, const char *path);

/* ioctl that is tried again after a signal. Returns its result or -errno. */
int device_ioctl(const struct device_calls *calls, int fd, unsigned long number, void *argument);

/* Through /dev/vfio/N and a type1 container. name is what the group knows the device by. */
int group_open(const struct device_request *request, const char *path, const char *name,
	struct device_fds *fds);

/* Through a device cdev (a path below root) and /dev/iommu. */
int cdev_open(const struct device_request *request, const char *path, struct device_fds *fds);

/* The public functions of device.h, with the kernel to use. */
struct vgpu *device_request_mdev(const struct device_request *request, const char *uuid);
struct vgpu *device_request_group(
	const struct device_request *request, const char *group, const char *uuid);
struct vgpu *device_request_cdev(const struct device_request *request, const char *path);
struct vgpu *device_request_fd(const struct device_request *request, int fd);

/*
 * Makes the vgpu of an open device: EDID region, plane kinds. Takes over fds, also on error. name is
 * for people, device is its sysfs directory or NULL. NULL with errno and why on error.
 */
struct vgpu *device_start(const struct device_request *request, struct device_fds fds,
	const char *name, const char *device);

#endif
