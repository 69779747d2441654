/* SPDX-License-Identifier: MIT */
/*
 * Loaded before libc (LD_PRELOAD) into the bridge: a file called fake-vfio-device is a VFIO device.
 *
 * It has one picture of 640x480 XRGB8888, as a region, which is the file's content; mapping it needs
 * no help. fake-vfio-cdev is one by iommufd, which is not bound while the file's last byte is not 0.
 * So the way from a process's descriptor to a viewer's picture runs on a machine without any
 * VFIO. Files are told by their odd size, as the real kernel tells them by their operations.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/vfio.h>

#define WIDTH 640
#define HEIGHT 480
#define FILE_SIZE (WIDTH * HEIGHT * 4 + 12345)
#define REGION 16

/* A function of the next library, by dlsym()'s only way. */
#define NEXT(type, name)       \
	union {                \
		void *address; \
		type function; \
	} next = {dlsym(RTLD_NEXT, name)}

typedef ssize_t (*readlink_function)(const char *path, char *target, size_t size);
typedef ssize_t (*readlinkat_function)(int at, const char *path, char *target, size_t size);
typedef int (*ioctl_function)(int fd, unsigned long request, void *argument);
typedef int (*access_function)(const char *path, int mode);

static ssize_t rename_device(char *target, size_t size, ssize_t length)
{
	static const struct {
		const char *file, *name;
	} names[] = {
		{"/fake-vfio-device", "anon_inode:[vfio-device]"},
		{"/fake-vfio-cdev", "/dev/vfio/devices/vfio7"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ssize_t end = (ssize_t)strlen(names[i].file);
		size_t name = strlen(names[i].name);

		if (length >= end && size > name &&
			memcmp(target + length - end, names[i].file, (size_t)end) == 0) {
			memcpy(target, names[i].name, name);
			return (ssize_t)name;
		}
	}
	return length;
}

ssize_t readlink(const char *path, char *target, size_t size)
{
	NEXT(readlink_function, "readlink");

	return rename_device(target, size, next.function(path, target, size));
}

ssize_t readlinkat(int at, const char *path, char *target, size_t size)
{
	NEXT(readlinkat_function, "readlinkat");

	return rename_device(target, size, next.function(at, path, target, size));
}

/* What a QEMU with iommufd would open. */
int access(const char *path, int mode)
{
	NEXT(access_function, "access");

	return strcmp(path, "/dev/iommu") == 0 ? 0 : next.function(path, mode);
}

static int fails(int error)
{
	errno = error;
	return -1;
}

static int query(struct vfio_device_gfx_plane_info *plane)
{
	if (plane->flags & VFIO_GFX_PLANE_TYPE_PROBE) {
		return plane->flags & VFIO_GFX_PLANE_TYPE_REGION ? 0 : fails(EINVAL);
	}
	if (plane->drm_plane_type == 1) {
		plane->drm_format = 'X' | 'R' << 8 | '2' << 16 | '4' << 24;
		plane->width = WIDTH;
		plane->height = HEIGHT;
		plane->stride = WIDTH * 4;
		plane->size = WIDTH * HEIGHT * 4;
		plane->region_index = REGION;
	}
	return 0;
}

static int answer(int fd, unsigned long request, void *argument)
{
	struct vfio_device_info *info = argument;
	struct vfio_region_info *region = argument;
	char unbound = 0;

	if (pread(fd, &unbound, 1, FILE_SIZE - 1) == 1 && unbound) {
		return fails(EINVAL);
	}
	switch (request) {
	case VFIO_DEVICE_GET_INFO:
		info->flags = VFIO_DEVICE_FLAGS_PCI;
		info->num_regions = VFIO_PCI_NUM_REGIONS;
		return 0;
	case VFIO_DEVICE_GET_REGION_INFO:
		if (region->index != REGION) {
			return fails(EINVAL);
		}
		region->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_MMAP;
		region->offset = 0;
		region->size = (WIDTH * HEIGHT * 4 + 4095) / 4096 * 4096;
		return 0;
	case VFIO_DEVICE_QUERY_GFX_PLANE:
		return query(argument);
	default:
		/* The bridge has nothing else to ask of it. */
		_exit(99);
	}
}

int ioctl(int fd, unsigned long request, ...)
{
	NEXT(ioctl_function, "ioctl");
	struct stat status;
	va_list args;
	void *argument;

	va_start(args, request);
	argument = va_arg(args, void *);
	va_end(args);
	if (_IOC_TYPE(request) == VFIO_TYPE && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
		status.st_size == FILE_SIZE) {
		return answer(fd, request, argument);
	}
	return next.function(fd, request, argument);
}
