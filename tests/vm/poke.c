/* SPDX-License-Identifier: MIT */
/*
 * The guest's side of a VFIO display device, for tests without a guest.
 *
 *   poke picture SEED WIDTH HEIGHT STRIDE FILE   write a picture (XRGB8888; X is noise, too)
 *   poke cursor SEED WIDTH HEIGHT FILE           write a cursor (ARGB8888, premultiplied)
 *   poke open mdev|group|cdev WHICH PROGRAM...   run a program with the device's fd; an argument
 *                                                that is @ becomes its number
 *   poke PID COMMAND...                          take the device's fd out of a process that has it
 *   poke fd:N COMMAND...                         use an inherited fd
 *
 * Commands: query [cursor] | reset | put FILE [OFFSET] | dump FILE, and for mbochs only:
 * mode WIDTH HEIGHT [VIRTUAL-WIDTH [X Y [BPP]]] | off | edid FILE.
 *
 * A VFIO group can be opened by one process only, so a test that draws while the bridge looks must
 * share the bridge's own fd: it is taken by pidfd_getfd(), which root may.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/vfio.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MBOCHS_VBE 0x500 /* in BAR2: the dispi registers, 2 bytes each */

/* Debian 12's headers have neither iommufd nor the cdev calls; the numbers are the kernel's ABI. */
struct poke_bind {
	uint32_t argsz, flags;
	int32_t iommufd;
	uint32_t out_devid;
};

struct poke_attach {
	uint32_t argsz, flags, pt_id;
};

struct poke_ioas {
	uint32_t size, flags, out_ioas_id;
};

#define POKE_BIND _IO(VFIO_TYPE, VFIO_BASE + 18)
#define POKE_ATTACH _IO(VFIO_TYPE, VFIO_BASE + 19)
#define POKE_IOAS_ALLOC _IO(VFIO_TYPE, 0x81)

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...)
{
	int error = errno;
	va_list args;

	fprintf(stderr, "poke: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, " (%s)\n", strerror(error));
	exit(1);
}

static uint32_t number(const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 0);

	if (!*text || *end || value > UINT32_MAX) {
		errno = EINVAL;
		die("not a number: %s", text);
	}
	return (uint32_t)value;
}

static uint32_t noise(uint32_t seed, uint32_t x, uint32_t y)
{
	uint32_t v = seed * 0x27d4eb2fu ^ (x * 0x9e3779b1u + y * 0x85ebca77u);

	v = (v ^ (v >> 15)) * 0x2c1b3c6du;
	v = (v ^ (v >> 12)) * 0x297a2d39u;
	return v ^ (v >> 15);
}

static void save(const char *path, const void *data, size_t size)
{
	FILE *file = fopen(path, "we");

	if (!file || fwrite(data, 1, size, file) != size || fclose(file)) {
		die("can't write %s", path);
	}
}

static void picture(
	uint32_t seed, uint32_t width, uint32_t height, uint32_t stride, const char *path)
{
	uint8_t *data = calloc(height, stride);

	if (!data || stride < width * 4) {
		die("bad size");
	}
	for (uint32_t y = 0; y < height; y++) {
		uint32_t *row = (uint32_t *)(data + (size_t)y * stride);

		/* What lies right of the picture is noise too: it must never be seen. */
		for (uint32_t x = 0; x < stride / 4; x++) {
			row[x] = noise(seed, x, y);
		}
	}
	save(path, data, (size_t)height * stride);
	free(data);
}

static void cursor(uint32_t seed, uint32_t width, uint32_t height, const char *path)
{
	uint32_t *data = calloc(height, (size_t)width * 4);

	if (!data) {
		die("bad size");
	}
	for (uint32_t i = 0; i < width * height; i++) {
		uint32_t v = noise(seed, i % width, i / width);
		/* A third each of clear, solid and half-transparent pixels. */
		uint32_t alpha = v % 3 == 0 ? 0 : v % 3 == 1 ? 255 : (v >> 24);
		uint32_t pixel = alpha << 24;

		for (unsigned shift = 0; shift < 24; shift += 8) {
			pixel |= (((v >> shift) & 255) * alpha / 255) << shift;
		}
		data[i] = pixel;
	}
	save(path, data, (size_t)width * height * 4);
	free(data);
}

/* Ways to a device */

static int open_group(const char *path, const char *name)
{
	struct vfio_group_status status = {.argsz = sizeof(status)};
	int container = open("/dev/vfio/vfio", O_RDWR);
	int group = open(path, O_RDWR);
	int fd;

	if (container < 0 || group < 0) {
		die("can't open %s", path);
	}
	if (ioctl(group, VFIO_GROUP_GET_STATUS, &status) ||
		!(status.flags & VFIO_GROUP_FLAGS_VIABLE)) {
		die("group %s is not viable", path);
	}
	if (ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) ||
		ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU)) {
		die("no container for %s", path);
	}
	fd = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, name);
	if (fd < 0) {
		die("no device %s in %s", name, path);
	}
	return fd;
}

static int open_cdev(const char *path)
{
	struct poke_ioas ioas = {.size = sizeof(ioas)};
	struct poke_bind bind = {.argsz = sizeof(bind)};
	struct poke_attach attach = {.argsz = sizeof(attach)};
	int iommufd = open("/dev/iommu", O_RDWR);
	int fd = open(path, O_RDWR);

	if (iommufd < 0 || fd < 0) {
		die("can't open %s or /dev/iommu", path);
	}
	bind.iommufd = iommufd;
	if (ioctl(fd, POKE_BIND, &bind) || ioctl(iommufd, POKE_IOAS_ALLOC, &ioas)) {
		die("can't bind %s", path);
	}
	attach.pt_id = ioas.out_ioas_id;
	if (ioctl(fd, POKE_ATTACH, &attach)) {
		die("can't attach %s", path);
	}
	return fd;
}

/* The path of an mdev device's group, by its iommu_group link. */
static void group_of(const char *uuid, char *path, size_t size)
{
	char link[PATH_MAX], target[PATH_MAX];
	ssize_t length;

	snprintf(link, sizeof(link), "/sys/bus/mdev/devices/%s/iommu_group", uuid);
	length = readlink(link, target, sizeof(target) - 1);
	if (length < 0) {
		die("no mdev %s", uuid);
	}
	target[length] = 0;
	snprintf(path, size, "/dev/vfio/%s", basename(target));
}

/* The only mdev in a group. */
static void name_in(const char *group, char *name, size_t size)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%s/devices", group);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.') {
			snprintf(name, size, "%s", entry->d_name);
			closedir(dir);
			return;
		}
	}
	die("no device in group %s", group);
}

static int open_device(const char *way, const char *which)
{
	char path[PATH_MAX], name[NAME_MAX + 1];

	if (strcmp(way, "cdev") == 0) {
		return open_cdev(which);
	}
	if (strcmp(way, "group") == 0) {
		snprintf(path, sizeof(path), "/dev/vfio/%s", which);
		name_in(which, name, sizeof(name));
		return open_group(path, name);
	}
	group_of(which, path, sizeof(path));
	return open_group(path, which);
}

static int steal(const char *pid)
{
	char path[PATH_MAX], target[PATH_MAX];
	struct dirent *entry;
	int pidfd = (int)syscall(SYS_pidfd_open, (int)number(pid), 0);
	int fd;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	if (pidfd < 0 || !dir) {
		die("no process %s", pid);
	}
	while ((entry = readdir(dir))) {
		ssize_t length;

		snprintf(path, sizeof(path), "/proc/%s/fd/%s", pid, entry->d_name);
		length = readlink(path, target, sizeof(target) - 1);
		target[length > 0 ? length : 0] = 0;
		if (strcmp(target, "anon_inode:[vfio-device]") == 0 ||
			strncmp(target, "/dev/vfio/devices/", 18) == 0) {
			fd = (int)syscall(SYS_pidfd_getfd, pidfd, (int)number(entry->d_name), 0);
			if (fd < 0) {
				die("can't take fd %s of %s", entry->d_name, pid);
			}
			return fd;
		}
	}
	errno = ENOENT;
	die("process %s holds no VFIO device", pid);
}

/* What can be done to a device */

static struct vfio_device_gfx_plane_info query(int fd, uint32_t type)
{
	struct vfio_device_gfx_plane_info info = {
		.argsz = sizeof(info),
		.flags = VFIO_GFX_PLANE_TYPE_PROBE | VFIO_GFX_PLANE_TYPE_DMABUF,
	};
	bool dmabuf = ioctl(fd, VFIO_DEVICE_QUERY_GFX_PLANE, &info) == 0;

	memset(&info, 0, sizeof(info));
	info.argsz = sizeof(info);
	info.flags = dmabuf ? VFIO_GFX_PLANE_TYPE_DMABUF : VFIO_GFX_PLANE_TYPE_REGION;
	info.drm_plane_type = type;
	if (ioctl(fd, VFIO_DEVICE_QUERY_GFX_PLANE, &info)) {
		die("QUERY_GFX_PLANE");
	}
	return info;
}

static struct vfio_region_info region(int fd, uint32_t index)
{
	struct vfio_region_info info = {.argsz = sizeof(info), .index = index};

	if (ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, &info)) {
		die("GET_REGION_INFO %u", index);
	}
	return info;
}

/* The memory that the guest draws in: mbochs' BAR0, mdpy's display region is the same. */
static void *memory(int fd, size_t *size)
{
	struct vfio_region_info info = region(fd, VFIO_PCI_BAR0_REGION_INDEX);
	void *map =
		mmap(NULL, info.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)info.offset);

	if (map == MAP_FAILED) {
		die("can't map BAR0");
	}
	*size = info.size;
	return map;
}

static void put(int fd, const char *path, uint32_t offset)
{
	size_t size, got;
	uint8_t *map = memory(fd, &size);
	FILE *file = fopen(path, "re");

	if (!file || offset > size) {
		die("can't read %s", path);
	}
	got = fread(map + offset, 1, size - offset, file);
	if (!got || ferror(file) || fgetc(file) != EOF) {
		die("%s does not fit", path);
	}
	fclose(file);
}

static void dump(int fd, const char *path)
{
	struct vfio_device_gfx_plane_info info = query(fd, 1);
	size_t size;
	uint8_t *map = memory(fd, &size);

	if (info.stride != info.width * 4 || (uint64_t)info.stride * info.height > size) {
		errno = EINVAL;
		die("stride %u of width %u", info.stride, info.width);
	}
	save(path, map, (size_t)info.stride * info.height);
}

static void vbe(int fd, unsigned index, uint32_t value)
{
	struct vfio_region_info info = region(fd, VFIO_PCI_BAR2_REGION_INDEX);
	uint16_t word = (uint16_t)value;

	if (pwrite(fd, &word, 2, (off_t)info.offset + MBOCHS_VBE + 2 * index) != 2) {
		die("can't write register %u", index);
	}
}

static void mode(int fd, int argc, char **argv)
{
	vbe(fd, 4, 0);
	vbe(fd, 1, number(argv[0]));
	vbe(fd, 2, number(argv[1]));
	vbe(fd, 3, argc > 5 ? number(argv[5]) : 32);
	vbe(fd, 6, number(argv[argc > 2 ? 2 : 0]));
	vbe(fd, 8, argc > 4 ? number(argv[3]) : 0);
	vbe(fd, 9, argc > 4 ? number(argv[4]) : 0);
	vbe(fd, 4, 0x41);
}

static void edid(int fd, const char *path)
{
	struct vfio_region_info info = region(fd, VFIO_PCI_BAR2_REGION_INDEX);
	uint8_t blob[1024];
	ssize_t got = pread(fd, blob, sizeof(blob), (off_t)info.offset);

	if (got != sizeof(blob)) {
		die("can't read the EDID");
	}
	save(path, blob, sizeof(blob));
}

static int command(int fd, int argc, char **argv)
{
	const char *name = argv[0];

	if (strcmp(name, "query") == 0) {
		struct vfio_device_gfx_plane_info info = query(fd, argc > 1 ? 2 : 1);

		printf("format=%.4s width=%u height=%u stride=%u size=%u id=%u\n",
			info.drm_format ? (char *)&info.drm_format : "none", info.width,
			info.height, info.stride, info.size, info.dmabuf_id);
	} else if (strcmp(name, "reset") == 0) {
		if (ioctl(fd, VFIO_DEVICE_RESET)) {
			die("reset");
		}
	} else if (strcmp(name, "put") == 0 && argc > 1) {
		put(fd, argv[1], argc > 2 ? number(argv[2]) : 0);
	} else if (strcmp(name, "dump") == 0 && argc > 1) {
		dump(fd, argv[1]);
	} else if (strcmp(name, "mode") == 0 && argc > 2) {
		mode(fd, argc - 1, argv + 1);
	} else if (strcmp(name, "off") == 0) {
		vbe(fd, 4, 0);
	} else if (strcmp(name, "edid") == 0 && argc > 1) {
		edid(fd, argv[1]);
	} else {
		errno = EINVAL;
		die("no such command: %s", name);
	}
	return 0;
}

static int run(int argc, char **argv)
{
	int fd = open_device(argv[2], argv[3]);
	char text[16];

	if (fcntl(fd, F_SETFD, 0)) {
		die("fcntl");
	}
	snprintf(text, sizeof(text), "%d", fd);
	for (int i = 4; i < argc; i++) {
		if (strcmp(argv[i], "@") == 0) {
			argv[i] = text;
		}
	}
	execvp(argv[4], argv + 4);
	die("can't run %s", argv[4]);
}

int main(int argc, char **argv)
{
	if (argc == 7 && strcmp(argv[1], "picture") == 0) {
		picture(number(argv[2]), number(argv[3]), number(argv[4]), number(argv[5]),
			argv[6]);
		return 0;
	}
	if (argc == 6 && strcmp(argv[1], "cursor") == 0) {
		cursor(number(argv[2]), number(argv[3]), number(argv[4]), argv[5]);
		return 0;
	}
	if (argc >= 5 && strcmp(argv[1], "open") == 0) {
		return run(argc, argv);
	}
	if (argc >= 3 && strncmp(argv[1], "fd:", 3) == 0) {
		return command((int)number(argv[1] + 3), argc - 2, argv + 2);
	}
	if (argc >= 3) {
		return command(steal(argv[1]), argc - 2, argv + 2);
	}
	fprintf(stderr, "usage: see the head of poke.c\n");
	return 2;
}
