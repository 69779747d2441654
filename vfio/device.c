/* SPDX-License-Identifier: MIT */
#include "vfio/device.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vfio/device_impl.h"
#include "vfio/mdev.h"

static int kernel_open(const char *path, int flags)
{
	return open(path, flags);
}

static int kernel_ioctl(int fd, unsigned long request, void *argument)
{
	return ioctl(fd, request, argument);
}

/* Another device, or its placeholder, takes the number over in the same moment. See device.h. */
static int kernel_close(int fd)
{
	if (fd == DEVICE_FD_NUMBER &&
		dup3(DEVICE_FD_NUMBER + 1, DEVICE_FD_NUMBER, O_CLOEXEC) == DEVICE_FD_NUMBER) {
		return 0;
	}
	return close(fd);
}

const struct device_calls device_kernel_calls = {
	.open = kernel_open,
	.close = kernel_close,
	.ioctl = kernel_ioctl,
	.mmap = mmap,
	.munmap = munmap,
	.pread = pread,
	.pwrite = pwrite,
};

void device_fds_close(const struct device_calls *calls, struct device_fds *fds)
{
	/* The device first: the others are what it stands on. */
	int *order[] = {&fds->device, &fds->group, &fds->container, &fds->iommu};

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		if (*order[i] >= 0) {
			calls->close(*order[i]);
			*order[i] = -1;
		}
	}
}

int device_why(const struct device_request *request, int error, const char *format, ...)
{
	va_list args;

	if (request->why && request->why_size > 0) {
		va_start(args, format);
		vsnprintf(request->why, request->why_size, format, args);
		va_end(args);
	}
	return error;
}

int device_ioctl(const struct device_calls *calls, int fd, unsigned long number, void *argument)
{
	int rc;

	do {
		rc = calls->ioctl(fd, number, argument);
	} while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : rc;
}

int device_open_node(const struct device_request *request, const char *what, const char *path)
{
	char full[PATH_MAX];
	int fd;
	int rc;

	if (snprintf(full, sizeof(full), "%s%s", request->root, path) >= (int)sizeof(full)) {
		return device_why(
			request, -ENAMETOOLONG, "%s %s: the path is too long", what, path);
	}
	fd = request->calls->open(full, O_RDWR | O_CLOEXEC);
	if (fd >= 0) {
		return fd;
	}
	rc = -errno;
	switch (rc) {
	case -ENOENT:
	case -ENODEV:
	case -ENXIO:
		return device_why(request, rc,
			"%s %s does not exist: look whether the device does, and whether the kernel's "
			"modules vfio and iommufd are loaded",
			what, path);
	case -EACCES:
	case -EPERM:
		return device_why(request, rc,
			"no permission to open %s %s: give this user read and write access to it, for "
			"example by a udev rule",
			what, path);
	case -EBUSY:
		return device_why(request, rc,
			"%s %s is in use: another process, normally QEMU, holds it; take the device "
			"over from it by --vm or --qemu-pid, or stop it",
			what, path);
	default:
		return device_why(
			request, rc, "%s %s can't be opened: %s", what, path, strerror(-rc));
	}
}

static bool node_exists(const struct device_request *request, const char *path)
{
	char full[PATH_MAX];

	return snprintf(full, sizeof(full), "%s%s", request->root, path) < (int)sizeof(full) &&
		access(full, F_OK) == 0;
}

static bool node_usable(const struct device_request *request, const char *path)
{
	char full[PATH_MAX];

	return snprintf(full, sizeof(full), "%s%s", request->root, path) < (int)sizeof(full) &&
		access(full, R_OK | W_OK) == 0;
}

static bool is_uuid(const char *text)
{
	char uuid[MDEV_UUID_SIZE];

	return mdev_parse_uuid(text, uuid) == 0;
}

void device_describe(struct device_found *found, const char *device)
{
	const char *slash;

	found->uuid[0] = '\0';
	found->render_node[0] = '\0';
	if (!device) {
		return;
	}
	slash = strrchr(device, '/');
	if (slash && is_uuid(slash + 1)) {
		mdev_parse_uuid(slash + 1, found->uuid);
	}
	mdev_render_node(device, found->render_node, sizeof(found->render_node));
}

/* Before the opening, so that on every path the caller finds fds that it may close. */
__attribute__((format(printf, 3, 4))) static void begin(
	struct device_found *found, const char *device, const char *format, ...)
{
	va_list args;

	found->fds = DEVICE_NO_FDS;
	va_start(args, format);
	vsnprintf(found->name, sizeof(found->name), format, args);
	va_end(args);
	device_describe(found, device);
}

/* A UUID from outside; says what is wrong with it. */
static int take_uuid(const struct device_request *request, const char *text, char *uuid)
{
	int rc = mdev_parse_uuid(text, uuid);

	if (rc < 0) {
		device_why(request, rc,
			"'%s' is not a UUID, which looks like 4b20d080-1b54-4048-85b3-a6a62d165c01",
			text);
	}
	return rc;
}

int device_request_mdev(
	const struct device_request *request, const char *text, struct device_found *found)
{
	char uuid[MDEV_UUID_SIZE];
	char device[PATH_MAX];
	char cdev_name[64];
	char cdev_path[128] = "";
	char group_path[64] = "";
	unsigned group = 0;
	bool cdev, by_group;
	int rc;

	rc = take_uuid(request, text, uuid);
	if (rc < 0) {
		return rc;
	}
	rc = mdev_find(request->root, uuid, device, sizeof(device));
	if (rc < 0) {
		return device_why(request, rc,
			"there is no mediated device %s: create it first, those that exist are listed "
			"in /sys/bus/mdev/devices",
			uuid);
	}
	begin(found, device, "mdev %s", uuid);
	if (mdev_cdev(device, cdev_name, sizeof(cdev_name)) == 0) {
		snprintf(cdev_path, sizeof(cdev_path), "/dev/vfio/devices/%s", cdev_name);
	}
	by_group = mdev_group(device, &group) == 0;
	if (by_group) {
		snprintf(group_path, sizeof(group_path), "/dev/vfio/%u", group);
	}
	cdev = cdev_path[0] && node_exists(request, cdev_path) &&
		node_exists(request, "/dev/iommu");
	/* People who may use the group alone, as they always did, keep that. */
	if (cdev && by_group && node_usable(request, group_path) &&
		!(node_usable(request, cdev_path) && node_usable(request, "/dev/iommu"))) {
		cdev = false;
	}
	if (cdev) {
		return cdev_open(request, cdev_path, &found->fds);
	}
	if (by_group) {
		return group_open(request, group_path, uuid, &found->fds);
	}
	return device_why(request, -ENODEV,
		"mediated device %s has neither an IOMMU group nor a cdev with /dev/iommu: load the "
		"modules vfio_iommu_type1 and vfio_mdev or its parent's driver",
		uuid);
}

/* "7", "/dev/vfio/7" or a link to the latter. */
static int parse_group(const struct device_request *request, const char *text, unsigned *group)
{
	char full[PATH_MAX];
	char real[PATH_MAX];
	const char *number = text;
	char *end;
	unsigned long value;

	if (text[0] == '/') {
		number = strrchr(text, '/') + 1;
		if (snprintf(full, sizeof(full), "%s%s", request->root, text) < (int)sizeof(full) &&
			realpath(full, real)) {
			number = strrchr(real, '/') + 1;
		}
	}
	errno = 0;
	value = strtoul(number, &end, 10);
	if (!isdigit((unsigned char)number[0]) || *end || errno || value > INT_MAX) {
		return device_why(request, -EINVAL,
			"'%s' is not a VFIO group: give its number or its path, such as /dev/vfio/7",
			text);
	}
	*group = (unsigned)value;
	return 0;
}

int device_request_group(const struct device_request *request, const char *text,
	const char *uuid_text, struct device_found *found)
{
	char uuid[MDEV_UUID_SIZE];
	char device_name[256];
	char device[PATH_MAX];
	char all[512];
	char path[PATH_MAX];
	unsigned group = 0;
	unsigned count;
	int rc;

	rc = parse_group(request, text, &group);
	if (rc < 0) {
		return rc;
	}
	if (uuid_text) {
		rc = take_uuid(request, uuid_text, uuid);
		if (rc < 0) {
			return rc;
		}
	}
	snprintf(path, sizeof(path), "/dev/vfio/%u", group);
	rc = mdev_group_devices(
		request->root, group, &count, device_name, sizeof(device_name), all, sizeof(all));
	if (rc < 0) {
		return device_why(request, rc,
			"there is no IOMMU group %u: those that exist are in /sys/kernel/iommu_groups",
			group);
	}
	if (count == 0) {
		return device_why(request, -ENODEV, "IOMMU group %u holds no device", group);
	}
	if (uuid_text) {
		snprintf(device_name, sizeof(device_name), "%s", uuid);
	} else if (count > 1) {
		return device_why(request, -EINVAL,
			"IOMMU group %u holds %u devices, name one of them by its UUID: %s", group,
			count, all);
	}
	rc = mdev_group_device(request->root, group, device_name, device, sizeof(device));
	if (rc < 0) {
		return device_why(request, rc, "IOMMU group %u holds no device %s, it holds: %s",
			group, device_name, all);
	}
	begin(found, device, "%s in group %u", device_name, group);
	return group_open(request, path, device_name, &found->fds);
}

int device_request_cdev(
	const struct device_request *request, const char *path, struct device_found *found)
{
	char device[PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (path[0] != '/' || !slash[1]) {
		return device_why(request, -EINVAL,
			"'%s' is not the path of a VFIO device, such as /dev/vfio/devices/vfio0",
			path);
	}
	/* Only for the render node: a node of another name works without. */
	if (mdev_of_cdev(request->root, slash + 1, device, sizeof(device)) < 0) {
		device[0] = '\0';
	}
	begin(found, device[0] ? device : NULL, "cdev %s", path);
	return cdev_open(request, path, &found->fds);
}

void device_name_fd(
	const struct device_request *request, const char *process, int fd, char *name, size_t size)
{
	char path[PATH_MAX];
	ssize_t length = -1;

	if (snprintf(path, sizeof(path), "%s/proc/%s/fd/%d", request->root, process, fd) <
		(int)sizeof(path)) {
		length = readlink(path, name, size - 1);
	}
	if (length < 0) {
		length = snprintf(name, size, "something unknown");
	}
	name[length] = '\0';
}

bool device_is_file(const char *name)
{
	static const char cdev[] = "/dev/vfio/devices/vfio";

	return strcmp(name, "anon_inode:[vfio-device]") == 0 ||
		strncmp(name, cdev, sizeof(cdev) - 1) == 0;
}

int device_of_fd(const struct device_request *request, const char *process, int fd,
	const char *file, char *device, size_t size)
{
	static const char key[] = "vfio-device-syspath:";
	static const char cdevs[] = "/dev/vfio/devices/";
	char path[PATH_MAX];
	char line[PATH_MAX];
	FILE *info;
	int rc = -ENOENT;

	if (strncmp(file, cdevs, sizeof(cdevs) - 1) == 0) {
		return mdev_of_cdev(request->root, file + sizeof(cdevs) - 1, device, size);
	}
	if (snprintf(path, sizeof(path), "%s/proc/%s/fdinfo/%d", request->root, process, fd) >=
		(int)sizeof(path)) {
		return -ENAMETOOLONG;
	}
	info = fopen(path, "re");
	if (!info) {
		return -errno;
	}
	while (fgets(line, sizeof(line), info)) {
		const char *value = line + sizeof(key) - 1;

		if (strncmp(line, key, sizeof(key) - 1) != 0) {
			continue;
		}
		value += strspn(value, " \t");
		if (value[0] == '/' &&
			snprintf(device, size, "%s%.*s", request->root, (int)strcspn(value, "\n"),
				value) < (int)size) {
			rc = 0;
		}
		break;
	}
	fclose(info);
	return rc;
}

int device_request_ask(const struct device_request *request, int fd, struct device_found *found)
{
	struct vfio_device_info info = {.argsz = sizeof(info)};
	char file[PATH_MAX];
	char device[PATH_MAX];
	int rc;

	begin(found, NULL, "fd %d", fd);
	device_name_fd(request, "self", fd, file, sizeof(file));
	rc = device_ioctl(request->calls, fd, VFIO_DEVICE_GET_INFO, &info);
	if (rc == -EINVAL && strncmp(file, "/dev/vfio/devices/", 18) == 0) {
		return device_why(request, rc,
			"fd %d (%s) is not bound to an iommufd yet: the process that owns the device, "
			"normally QEMU, has to bind it first",
			fd, file);
	}
	if (rc < 0) {
		/* So that -EINVAL has one meaning. */
		return device_why(request, rc == -EINVAL ? -ENOTTY : rc,
			"fd %d is not a VFIO device but %s: pass the fd of the device itself", fd,
			file);
	}
	found->fds.device = fd;
	if (device_of_fd(request, "self", fd, file, device, sizeof(device)) == 0) {
		device_describe(found, device);
	}
	return 0;
}

int device_request_fd(const struct device_request *request, int fd, struct device_found *found)
{
	int flags = fd < 0 ? -1 : fcntl(fd, F_GETFD);
	int rc;

	if (flags < 0) {
		begin(found, NULL, "fd %d", fd);
		return device_why(request, -EBADF,
			"fd %d is not open: the process that starts this one has to pass it on",
			fd);
	}
	if (!(flags & FD_CLOEXEC)) {
		fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
	}
	rc = device_request_ask(request, fd, found);
	if (rc < 0) {
		request->calls->close(fd);
	}
	return rc;
}

bool device_is_vfio(const char *root, int fd)
{
	struct device_request request = {&device_kernel_calls, root, NULL, 0};
	char name[PATH_MAX];

	device_name_fd(&request, "self", fd, name, sizeof(name));
	return device_is_file(name);
}

void device_found_close(struct device_found *found)
{
	device_fds_close(&device_kernel_calls, &found->fds);
}

int device_reserve_number(int kept)
{
	int placeholder;
	int rc = 0;

	for (int i = 0; i < 2; i++) {
		if (DEVICE_FD_NUMBER + i != kept && fcntl(DEVICE_FD_NUMBER + i, F_GETFD) >= 0) {
			return -EBUSY;
		}
	}
	/* A path says no to read, write and ioctl. */
	placeholder = open("/", O_PATH | O_CLOEXEC);
	if (placeholder < 0) {
		return -errno;
	}
	for (int i = 0; i < 2 && rc == 0; i++) {
		if (DEVICE_FD_NUMBER + i != kept &&
			dup3(placeholder, DEVICE_FD_NUMBER + i, O_CLOEXEC) < 0) {
			rc = -errno;
		}
	}
	close(placeholder);
	return rc;
}

int device_take_number(struct device_found *found)
{
	int old = found->fds.device;

	if (old == DEVICE_FD_NUMBER) {
		return 0;
	}
	if (dup3(old, DEVICE_FD_NUMBER, O_CLOEXEC) < 0) {
		return -errno;
	}
	found->fds.device = DEVICE_FD_NUMBER;
	close(old);
	return 0;
}

int device_find_mdev(
	const char *root, const char *uuid, struct device_found *found, char *why, size_t why_size)
{
	struct device_request request = {&device_kernel_calls, root, why, why_size};

	return device_request_mdev(&request, uuid, found);
}

int device_find_group(const char *root, const char *group, const char *uuid,
	struct device_found *found, char *why, size_t why_size)
{
	struct device_request request = {&device_kernel_calls, root, why, why_size};

	return device_request_group(&request, group, uuid, found);
}

int device_find_cdev(
	const char *root, const char *path, struct device_found *found, char *why, size_t why_size)
{
	struct device_request request = {&device_kernel_calls, root, why, why_size};

	return device_request_cdev(&request, path, found);
}

int device_find_fd(const char *root, int fd, struct device_found *found, char *why, size_t why_size)
{
	struct device_request request = {&device_kernel_calls, root, why, why_size};

	return device_request_fd(&request, fd, found);
}

int device_ask_fd(const char *root, int fd, struct device_found *found, char *why, size_t why_size)
{
	struct device_request request = {&device_kernel_calls, root, why, why_size};

	return device_request_ask(&request, fd, found);
}

struct vgpu *device_create(struct device_found *found, char *why, size_t why_size)
{
	struct device_request request = {&device_kernel_calls, "", why, why_size};

	return device_request_create(&request, found);
}
