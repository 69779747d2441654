/* SPDX-License-Identifier: MIT */
/* The vgpu that is a kernel device: vgpu_ops over a VFIO device fd. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "vfio/device_impl.h"
#include "vfio/mdev.h"
#include "vfio/vgpu_impl.h"

#define MAX_REGION_INFO 65536 /* bytes; capabilities included */
#define MAX_REGIONS 256 /* looked through for the EDID region */

struct kernel_vgpu {
	struct vgpu vgpu;
	const struct device_calls *calls;
	struct device_fds fds;
	uint64_t edid_offset; /* of the region in the device file */
	uint64_t edid_size; /* 0: no EDID region */
};

static struct kernel_vgpu *kernel_vgpu(struct vgpu *vgpu)
{
	return (struct kernel_vgpu *)vgpu;
}

/*
 * A region's info, capabilities and all, for the caller to free. In two steps, the second with just
 * the size that the first returned: mbochs refuses a larger one.
 */
static int region_info(
	const struct kernel_vgpu *kernel, uint32_t index, struct vfio_region_info **out)
{
	struct vfio_region_info first = {.argsz = sizeof(first), .index = index};
	struct vfio_region_info *info;
	uint32_t size;
	int rc;

	rc = device_ioctl(kernel->calls, kernel->fds.device, VFIO_DEVICE_GET_REGION_INFO, &first);
	if (rc < 0) {
		return rc;
	}
	size = first.argsz;
	if (size < sizeof(first) || !(first.flags & VFIO_REGION_INFO_FLAG_CAPS)) {
		size = sizeof(first);
	}
	if (size > MAX_REGION_INFO) {
		return -E2BIG;
	}
	info = calloc(1, size);
	if (!info) {
		return -ENOMEM;
	}
	*info = first;
	info->argsz = size;
	if (size > sizeof(first)) {
		info->index = index;
		rc = device_ioctl(
			kernel->calls, kernel->fds.device, VFIO_DEVICE_GET_REGION_INFO, info);
		if (rc < 0) {
			free(info);
			return rc;
		}
		/* Whatever it says now, no more was allocated. */
		info->argsz = size;
	}
	*out = info;
	return 0;
}

/* Whether a region's capabilities name it as the EDID region. */
static bool region_is_edid(const struct vfio_region_info *info)
{
	struct vfio_region_info_cap_type type;
	uint32_t offset = info->cap_offset;

	if (!(info->flags & VFIO_REGION_INFO_FLAG_CAPS)) {
		return false;
	}
	/* Offsets have to grow, so that a chain can't go round in circles. */
	while (offset >= sizeof(*info) && offset <= info->argsz - sizeof(type.header)) {
		memcpy(&type.header, (const char *)info + offset, sizeof(type.header));
		if (type.header.id == VFIO_REGION_INFO_CAP_TYPE &&
			offset <= info->argsz - sizeof(type)) {
			memcpy(&type, (const char *)info + offset, sizeof(type));
			if (type.type == VFIO_REGION_TYPE_GFX &&
				type.subtype == VFIO_REGION_SUBTYPE_GFX_EDID) {
				return true;
			}
		}
		if (type.header.next <= offset) {
			break;
		}
		offset = type.header.next;
	}
	return false;
}

static void find_edid(struct kernel_vgpu *kernel, uint32_t regions)
{
	const uint32_t access = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	struct vfio_region_info *info;

	if (regions > MAX_REGIONS) {
		regions = MAX_REGIONS;
	}
	for (uint32_t i = VFIO_PCI_NUM_REGIONS; i < regions && kernel->edid_size == 0; i++) {
		if (region_info(kernel, i, &info) < 0) {
			continue;
		}
		if (region_is_edid(info) && (info->flags & access) == access &&
			info->offset <= INT64_MAX && info->size <= INT64_MAX - info->offset) {
			kernel->edid_offset = info->offset;
			kernel->edid_size = info->size;
		}
		free(info);
	}
}

/* Drivers of real devices say by the upper bits of an offset which region it is; the samples do not. */
static bool is_sample(const struct kernel_vgpu *kernel)
{
	struct vfio_region_info *info;
	bool is;

	if (region_info(kernel, VFIO_PCI_CONFIG_REGION_INDEX, &info) < 0) {
		return false;
	}
	is = info->size != 0 && info->offset < UINT64_C(1) << 40;
	free(info);
	return is;
}

static int kernel_query(struct vgpu *vgpu, struct vfio_device_gfx_plane_info *info)
{
	struct kernel_vgpu *kernel = kernel_vgpu(vgpu);
	int rc = device_ioctl(kernel->calls, kernel->fds.device, VFIO_DEVICE_QUERY_GFX_PLANE, info);

	return rc < 0 ? rc : 0;
}

static int kernel_fetch(struct vgpu *vgpu, uint32_t id)
{
	struct kernel_vgpu *kernel = kernel_vgpu(vgpu);

	return device_ioctl(kernel->calls, kernel->fds.device, VFIO_DEVICE_GET_GFX_DMABUF, &id);
}

static int kernel_map(struct vgpu *vgpu, uint32_t region, const void **map, size_t *size)
{
	struct kernel_vgpu *kernel = kernel_vgpu(vgpu);
	struct vfio_region_info *info;
	void *made;
	int rc;

	/* Not bounded by num_regions: mdpy's display region lies above it. */
	rc = region_info(kernel, region, &info);
	if (rc == -EINVAL || rc == -ENOTTY || rc == -E2BIG) {
		return -ENOENT;
	}
	if (rc < 0) {
		return rc;
	}
	if (!(info->flags & VFIO_REGION_INFO_FLAG_MMAP) || info->size == 0 ||
		info->size > PTRDIFF_MAX || info->offset > INT64_MAX) {
		free(info);
		return -ENOENT;
	}
	/* mmap only: mdpy's read() gives byte 0 wherever one asks. */
	made = kernel->calls->mmap(NULL, (size_t)info->size, PROT_READ, MAP_SHARED,
		kernel->fds.device, (off_t)info->offset);
	if (made == MAP_FAILED) {
		rc = errno == ENOMEM || errno == EAGAIN ? -errno : -ENOENT;
		free(info);
		return rc;
	}
	*map = made;
	*size = (size_t)info->size;
	free(info);
	return 0;
}

static void kernel_unmap(struct vgpu *vgpu, const void *map, size_t size)
{
	kernel_vgpu(vgpu)->calls->munmap((void *)map, size);
}

/* Where in the device file, or -errno. */
static int64_t edid_position(const struct kernel_vgpu *kernel, uint32_t offset, size_t size)
{
	if (kernel->edid_size == 0) {
		return -ENOENT;
	}
	if ((uint64_t)offset + size > kernel->edid_size) {
		return -EINVAL;
	}
	return (int64_t)(kernel->edid_offset + offset);
}

static int kernel_edid_read(struct vgpu *vgpu, uint32_t offset, void *data, size_t size)
{
	struct kernel_vgpu *kernel = kernel_vgpu(vgpu);
	int64_t position = edid_position(kernel, offset, size);
	ssize_t done;

	if (position < 0) {
		return (int)position;
	}
	done = kernel->calls->pread(kernel->fds.device, data, size, position);
	if (done < 0) {
		return -errno;
	}
	return (size_t)done == size ? 0 : -EIO;
}

static int kernel_edid_write(struct vgpu *vgpu, uint32_t offset, const void *data, size_t size)
{
	struct kernel_vgpu *kernel = kernel_vgpu(vgpu);
	int64_t position = edid_position(kernel, offset, size);
	ssize_t done;

	if (position < 0) {
		return (int)position;
	}
	done = kernel->calls->pwrite(kernel->fds.device, data, size, position);
	if (done < 0) {
		return -errno;
	}
	return (size_t)done == size ? 0 : -EIO;
}

static void kernel_destroy(struct vgpu *vgpu)
{
	struct kernel_vgpu *kernel = kernel_vgpu(vgpu);

	device_fds_close(kernel->calls, &kernel->fds);
	vgpu_finish(vgpu);
	free(kernel);
}

static const struct vgpu_ops kernel_ops = {
	.query = kernel_query,
	.fetch = kernel_fetch,
	.map = kernel_map,
	.unmap = kernel_unmap,
	.edid_read = kernel_edid_read,
	.edid_write = kernel_edid_write,
	.destroy = kernel_destroy,
};

struct vgpu *device_request_create(const struct device_request *request, struct device_found *found)
{
	struct vfio_device_info info = {.argsz = sizeof(info)};
	struct kernel_vgpu *kernel = calloc(1, sizeof(*kernel));
	const char *name = found->name;
	int rc;

	if (!kernel) {
		device_fds_close(request->calls, &found->fds);
		device_why(request, -ENOMEM, "%s: out of memory", name);
		errno = ENOMEM;
		return NULL;
	}
	kernel->calls = request->calls;
	kernel->fds = found->fds;
	found->fds = DEVICE_NO_FDS;
	vgpu_init(&kernel->vgpu, &kernel_ops);
	snprintf(kernel->vgpu.info.name, sizeof(kernel->vgpu.info.name), "%s", name);
	snprintf(kernel->vgpu.info.render_node, sizeof(kernel->vgpu.info.render_node), "%s",
		found->render_node);
	rc = device_ioctl(request->calls, kernel->fds.device, VFIO_DEVICE_GET_INFO, &info);
	if (rc < 0) {
		device_why(request, rc, "%s does not answer as a VFIO device: %s", name,
			strerror(-rc));
		goto err;
	}
	find_edid(kernel, info.num_regions);
	rc = vgpu_discover(&kernel->vgpu);
	kernel->vgpu.info.edid.offset = kernel->edid_offset;
	kernel->vgpu.info.sample = kernel->edid_size == 0 && is_sample(kernel);
	if (rc == -ENOTSUP) {
		device_why(request, rc,
			"%s has no display plane that VFIO can show: its driver offers neither dma-bufs "
			"nor a region, so only the guest itself can send its picture",
			name);
		goto err;
	}
	if (rc < 0) {
		device_why(request, rc, "%s does not answer when asked for its display planes: %s",
			name, strerror(-rc));
		goto err;
	}
	return &kernel->vgpu;

err:
	kernel_destroy(&kernel->vgpu);
	errno = -rc;
	return NULL;
}
