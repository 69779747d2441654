/* SPDX-License-Identifier: MIT */
#include "tests/unit/fake_kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "vfio/fourcc.h"

/* Fds that no process has, so that a stray close() shows. */
#define CONTAINER 1000100
#define GROUP 1000101
#define DEVICE 1000102
#define IOMMU 1000103

#define EDID_REGION 9
#define EDID_OFFSET (INT64_C(9) << 40)
#define DISPLAY_OFFSET (INT64_C(16) << 40)

struct fake_kernel fake_kernel;

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
{
	size_t used = strlen(fake_kernel.log);
	va_list args;

	va_start(args, format);
	vsnprintf(fake_kernel.log + used, sizeof(fake_kernel.log) - used, format, args);
	va_end(args);
}

static int fails(int error)
{
	errno = error;
	return -1;
}

static const char *fd_name(int fd)
{
	if (fd == fake_kernel.inherited) {
		return "device";
	}
	switch (fd) {
	case CONTAINER:
		return "container";
	case GROUP:
		return "group";
	case DEVICE:
		return "device";
	case IOMMU:
		return "iommu";
	default:
		return "?";
	}
}

static int fake_open(const char *path, int flags)
{
	size_t root = strlen(fake_kernel.tree.root);

	assert_int_equal(flags, O_RDWR | O_CLOEXEC);
	assert_memory_equal(path, fake_kernel.tree.root, root);
	note("open %s\n", path + root);
	if (fake_kernel.fail_open && strcmp(path + root, fake_kernel.fail_open) == 0) {
		return fails(fake_kernel.fail_errno);
	}
	if (access(path, F_OK) < 0) {
		return -1;
	}
	fake_kernel.open_count++;
	if (strcmp(path + root, "/dev/vfio/vfio") == 0) {
		return CONTAINER;
	}
	if (strcmp(path + root, "/dev/iommu") == 0) {
		return IOMMU;
	}
	return strstr(path, "/devices/") ? DEVICE : GROUP;
}

static int fake_close(int fd)
{
	note("close %s\n", fd_name(fd));
	fake_kernel.open_count--;
	return fd == fake_kernel.inherited ? close(fd) : 0;
}

/* mbochs: an EDID region behind a capability, and -EINVAL for an argsz beyond what it fills. */
static int answer_region_info(struct vfio_region_info *info)
{
	struct vfio_region_info_cap_type *type = (void *)(info + 1);

	if (info->index == FAKE_DISPLAY_REGION && fake_kernel.region) {
		info->argsz = sizeof(*info);
		info->flags = fake_kernel.region_flags;
		info->offset = DISPLAY_OFFSET;
		info->size = FAKE_DISPLAY_SIZE;
		return 0;
	}
	if (info->index == VFIO_PCI_CONFIG_REGION_INDEX && fake_kernel.config) {
		info->argsz = sizeof(*info);
		info->offset = fake_kernel.config_offset;
		info->size = 256;
		return 0;
	}
	if (info->index != EDID_REGION || !fake_kernel.edid || info->argsz > 48) {
		return fails(EINVAL);
	}
	info->flags = 0xb; /* read, write, capabilities */
	info->offset = EDID_OFFSET;
	info->size = sizeof(fake_kernel.edid_bytes);
	if (info->argsz < 48) {
		info->argsz = 48;
		info->cap_offset = 0;
		return 0;
	}
	info->cap_offset = 32;
	type->header.id = 2;
	type->header.version = 1;
	type->header.next = (uint32_t)fake_kernel.edid_cap_next;
	type->type = 1;
	type->subtype = 1;
	if (fake_kernel.edid_cap_next) {
		type->subtype = 7;
	}
	return 0;
}

static int fake_ioctl(int fd, unsigned long request, void *argument)
{
	static const uint32_t ioas = 77;
	struct vfio_group_status *status = argument;
	struct vfio_device_info *info = argument;
	struct vfio_device_gfx_plane_info *plane = argument;
	uint32_t *words = argument;
	int mode;

	if (fake_kernel.interrupts > 0) {
		fake_kernel.interrupts--;
		return fails(EINTR);
	}
	note("%s %lx", fd_name(fd), request);
	if (request == fake_kernel.fail_ioctl) {
		note(" fails\n");
		return fails(fake_kernel.fail_errno);
	}
	switch (request) {
	case 0x3b64: /* GET_API_VERSION */
		note("\n");
		return fake_kernel.version;
	case 0x3b65: /* CHECK_EXTENSION */
		note(" %d\n", (int)(uintptr_t)argument);
		return fake_kernel.extensions >> (uintptr_t)argument & 1;
	case 0x3b66: /* SET_IOMMU */
		note(" %d\n", (int)(uintptr_t)argument);
		return 0;
	case 0x3b67: /* GROUP_GET_STATUS */
		assert_int_equal(status->argsz, 8);
		status->flags = fake_kernel.group_flags;
		note("\n");
		return 0;
	case 0x3b68: /* GROUP_SET_CONTAINER */
		note(" %s\n", fd_name(*(int *)argument));
		return 0;
	case 0x3b6a: /* GROUP_GET_DEVICE_FD */
		note(" %s\n", (const char *)argument);
		fake_kernel.open_count++;
		return DEVICE;
	case 0x3b76: /* DEVICE_BIND_IOMMUFD: argsz, flags, iommufd, out_devid */
		note(" %u %u %s\n", words[0], words[1], fd_name((int)words[2]));
		words[3] = 5;
		return 0;
	case 0x3b81: /* IOAS_ALLOC: size, flags, out_ioas_id */
		note(" %u %u\n", words[0], words[1]);
		words[2] = ioas;
		return 0;
	case 0x3b77: /* DEVICE_ATTACH_IOMMUFD_PT: argsz, flags, pt_id */
		note(" %u %u %u\n", words[0], words[1], words[2]);
		return 0;
	case 0x3b6b: /* DEVICE_GET_INFO */
		note("\n");
		info->flags = 2;
		info->num_regions = fake_kernel.edid ? 10 : 9;
		return 0;
	case 0x3b6c: /* DEVICE_GET_REGION_INFO: argsz, flags, index */
		note(" %u %u\n", words[0], words[2]);
		return answer_region_info(argument);
	case 0x3b72: /* DEVICE_QUERY_GFX_PLANE */
		note(" %u\n", plane->flags);
		mode = plane->flags & ~1u;
		if (plane->flags & 1) {
			return (mode == 2 && fake_kernel.dmabuf) ||
					(mode == 4 && fake_kernel.region)
				? 0
				: fails(EINVAL);
		}
		plane->drm_format = FOURCC_XRGB8888;
		plane->width = plane->height = 64;
		plane->stride = 64 * 4;
		plane->size = 64 * 64 * 4;
		plane->dmabuf_id = fake_kernel.dmabuf ? 3 : FAKE_DISPLAY_REGION;
		return 0;
	case 0x3b73: /* DEVICE_GET_GFX_DMABUF */
		note(" %u\n", words[0]);
		return fails(ENOENT);
	default:
		note(" unexpected\n");
		return fails(ENOTTY);
	}
}

static void *fake_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
	note("mmap %s %zu %s %s at %d\n", fd_name(fd), size, protection == PROT_READ ? "read" : "?",
		flags == MAP_SHARED ? "shared" : "?", (int)(offset >> 40));
	if (fake_kernel.fail_open && strcmp(fake_kernel.fail_open, "mmap") == 0) {
		errno = fake_kernel.fail_errno;
		return MAP_FAILED;
	}
	return mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static int fake_munmap(void *map, size_t size)
{
	note("munmap %zu\n", size);
	return munmap(map, size);
}

static ssize_t fake_pread(int fd, void *data, size_t size, off_t offset)
{
	assert_in_range(offset - EDID_OFFSET, 0, sizeof(fake_kernel.edid_bytes) - size);
	memcpy(data, fake_kernel.edid_bytes + (offset - EDID_OFFSET), size);
	return (ssize_t)size;
}

static ssize_t fake_pwrite(int fd, const void *data, size_t size, off_t offset)
{
	assert_in_range(offset - EDID_OFFSET, 0, sizeof(fake_kernel.edid_bytes) - size);
	memcpy(fake_kernel.edid_bytes + (offset - EDID_OFFSET), data, size);
	return (ssize_t)size;
}

const struct device_calls fake_kernel_calls = {
	.open = fake_open,
	.close = fake_close,
	.ioctl = fake_ioctl,
	.mmap = fake_mmap,
	.munmap = fake_munmap,
	.pread = fake_pread,
	.pwrite = fake_pwrite,
};

void fake_kernel_create(void)
{
	memset(&fake_kernel, 0, sizeof(fake_kernel));
	fake_kernel.extensions = 1 << 3 | 1 << 1;
	fake_kernel.group_flags = 1;
	fake_kernel.dmabuf = true;
	fake_kernel.region_flags = 5;
	fake_kernel.inherited = -1;
	tree_create(&fake_kernel.tree);
}

void fake_kernel_destroy(void)
{
	tree_remove(&fake_kernel.tree);
}
