/* SPDX-License-Identifier: MIT */
#include "vfio/mdev.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((format(printf, 3, 4))) static int print(
	char *out, size_t size, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(out, size, format, args);
	va_end(args);
	return length >= 0 && (size_t)length < size ? 0 : -ENAMETOOLONG;
}

static int resolve(const char *path, char *out, size_t size)
{
	char real[PATH_MAX];

	if (!realpath(path, real)) {
		return -errno;
	}
	return print(out, size, "%s", real);
}

int mdev_parse_uuid(const char *text, char uuid[MDEV_UUID_SIZE])
{
	if (strlen(text) != MDEV_UUID_SIZE - 1) {
		return -EINVAL;
	}
	for (int i = 0; i < MDEV_UUID_SIZE - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i])) {
			return -EINVAL;
		}
		uuid[i] = (char)tolower((unsigned char)text[i]);
	}
	uuid[MDEV_UUID_SIZE - 1] = '\0';
	return 0;
}

int mdev_find(const char *root, const char *uuid, char *path, size_t size)
{
	char link[PATH_MAX];
	int rc = print(link, sizeof(link), "%s/sys/bus/mdev/devices/%s", root, uuid);

	if (rc < 0) {
		return rc;
	}
	rc = resolve(link, path, size);
	return rc == -ENOENT || rc == -ENOTDIR ? -ENODEV : rc;
}

static bool parse_number(const char *text, unsigned *number)
{
	char *end;
	unsigned long value;

	if (!isdigit((unsigned char)text[0])) {
		return false;
	}
	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end || value > INT_MAX) {
		return false;
	}
	*number = (unsigned)value;
	return true;
}

int mdev_group(const char *device, unsigned *group)
{
	char path[PATH_MAX];
	char target[PATH_MAX];
	const char *name;
	ssize_t length;
	int rc = print(path, sizeof(path), "%s/iommu_group", device);

	if (rc < 0) {
		return rc;
	}
	/* The target's name is the number; the target itself isn't needed. */
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0) {
		return -errno;
	}
	target[length] = '\0';
	name = strrchr(target, '/');
	return parse_number(name ? name + 1 : target, group) ? 0 : -ENOENT;
}

/* The first entry in order of name that begins with prefix. */
static int first_entry(const char *directory, const char *prefix, char *name, size_t size)
{
	struct dirent *entry;
	DIR *dir = opendir(directory);
	int rc = -ENOENT;

	if (!dir) {
		return -errno;
	}
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0) {
			continue;
		}
		if (rc == -ENOENT || strcmp(entry->d_name, name) < 0) {
			rc = print(name, size, "%s", entry->d_name);
			if (rc < 0) {
				break;
			}
		}
	}
	closedir(dir);
	return rc;
}

int mdev_cdev(const char *device, char *name, size_t size)
{
	char path[PATH_MAX];
	int rc = print(path, sizeof(path), "%s/vfio-dev", device);

	return rc < 0 ? rc : first_entry(path, "vfio", name, size);
}

int mdev_of_cdev(const char *root, const char *name, char *path, size_t size)
{
	char link[PATH_MAX];
	int rc = print(link, sizeof(link), "%s/sys/class/vfio-dev/%s/device", root, name);

	return rc < 0 ? rc : resolve(link, path, size);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp((*(const struct dirent *const *)a)->d_name,
		(*(const struct dirent *const *)b)->d_name);
}

int mdev_group_devices(const char *root, unsigned group, unsigned *count, char *first,
	size_t first_size, char *all, size_t all_size)
{
	char path[PATH_MAX];
	struct dirent **entries;
	size_t used = 0;
	int found;
	int rc = print(path, sizeof(path), "%s/sys/kernel/iommu_groups/%u/devices", root, group);

	if (rc < 0) {
		return rc;
	}
	found = scandir(path, &entries, NULL, NULL);
	if (found < 0) {
		return -errno;
	}
	qsort(entries, (size_t)found, sizeof(*entries), compare_names);
	*count = 0;
	if (all && all_size > 0) {
		all[0] = '\0';
	}
	for (int i = 0; i < found; i++) {
		const char *name = entries[i]->d_name;

		if (name[0] != '.') {
			if (*count == 0 && first && print(first, first_size, "%s", name) < 0) {
				rc = -ENAMETOOLONG;
			}
			/* A list for people: what doesn't fit is left out. */
			if (all &&
				print(all + used, all_size - used, "%s%s", *count ? ", " : "",
					name) == 0) {
				used += strlen(all + used);
			} else if (all && all_size > used) {
				all[used] = '\0';
			}
			++*count;
		}
		free(entries[i]);
	}
	free(entries);
	return rc;
}

int mdev_group_device(const char *root, unsigned group, const char *name, char *path, size_t size)
{
	char link[PATH_MAX];
	int rc = print(
		link, sizeof(link), "%s/sys/kernel/iommu_groups/%u/devices/%s", root, group, name);

	if (rc < 0) {
		return rc;
	}
	rc = resolve(link, path, size);
	return rc == -ENOENT || rc == -ENOTDIR ? -ENODEV : rc;
}

int mdev_render_node(const char *device, char *node, size_t size)
{
	char at[PATH_MAX];
	char drm[PATH_MAX];
	char name[64];
	char *slash;
	int rc;

	node[0] = '\0';
	rc = print(at, sizeof(at), "%s", device);
	if (rc < 0) {
		return rc;
	}
	while ((slash = strrchr(at, '/'))) {
		rc = print(drm, sizeof(drm), "%s/drm", at);
		if (rc < 0) {
			return rc;
		}
		if (first_entry(drm, "renderD", name, sizeof(name)) == 0) {
			return print(node, size, "/dev/dri/%s", name);
		}
		*slash = '\0';
	}
	return -ENOENT;
}
