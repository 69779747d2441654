/* SPDX-License-Identifier: MIT */
/*
 * Where sysfs keeps a vGPU: its directory, IOMMU group, cdev and the render node behind it.
 *
 * Every function takes a root ("" in life) below which sys/ and dev/ are looked up. They only read,
 * touch no device, and return 0 or -errno. Any thread; no ownership.
 */
#ifndef VFIO_MDEV_H
#define VFIO_MDEV_H

#include <stdbool.h>
#include <stddef.h>

#define MDEV_UUID_SIZE 37 /* with the final 0 */

/* Copies text in lower case, as sysfs writes it. -EINVAL unless it is 8-4-4-4-12 hex digits. */
int mdev_parse_uuid(const char *text, char uuid[MDEV_UUID_SIZE]);

/* Real path of the mdev's directory. -ENODEV where there is none. */
int mdev_find(const char *root, const char *uuid, char *path, size_t size);

/* Number of the device's IOMMU group. -ENOENT where it has none. */
int mdev_group(const char *device, unsigned *group);

/* Name ("vfio0") of the device's cdev. -ENOENT where the kernel made none. */
int mdev_cdev(const char *device, char *name, size_t size);

/* Real path of the device behind a cdev of that name. -ENOENT. */
int mdev_of_cdev(const char *root, const char *name, char *path, size_t size);

/*
 * The devices of a group: how many, the first one's name, and all names with ", " between. -ENOENT
 * where there is no such group. Either buffer may be NULL.
 */
int mdev_group_devices(const char *root, unsigned group, unsigned *count, char *first,
	size_t first_size, char *all, size_t all_size);

/* Whether the group holds a device of that name; fills its real path. -ENODEV where not. */
int mdev_group_device(const char *root, unsigned group, const char *name, char *path, size_t size);

/*
 * "/dev/dri/renderDN" of the GPU that the device belongs to: its nearest ancestor with one.
 * -ENOENT where none has, as for the kernel's samples; node is "" then.
 */
int mdev_render_node(const char *device, char *node, size_t size);

#endif
