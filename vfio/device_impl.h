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

#include "vfio/device.h"

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

/* What a file descriptor of a process ("self", "123") is, as /proc names it. Never fails. */
void device_name_fd(
	const struct device_request *request, const char *process, int fd, char *name, size_t size);

/* Is that the name of a VFIO device's file? */
bool device_is_file(const char *name);

/*
 * sysfs directory of the device behind a VFIO fd of a process. Since Linux 6.18 fdinfo tells; before
 * that the name of a cdev (file is what device_name_fd() gave) does, and an fd that came from a group
 * has no way back: -ENOENT.
 */
int device_of_fd(const struct device_request *request, const char *process, int fd,
	const char *file, char *device, size_t size);

/* Fills uuid and render_node from a device's sysfs directory, which may be NULL. */
void device_describe(struct device_found *found, const char *device);

/* The public functions of device.h, with the kernel to use. */
int device_request_mdev(
	const struct device_request *request, const char *uuid, struct device_found *found);
int device_request_group(const struct device_request *request, const char *group, const char *uuid,
	struct device_found *found);
int device_request_cdev(
	const struct device_request *request, const char *path, struct device_found *found);
int device_request_ask(const struct device_request *request, int fd, struct device_found *found);
int device_request_fd(const struct device_request *request, int fd, struct device_found *found);
struct vgpu *device_request_create(
	const struct device_request *request, struct device_found *found);

#endif
