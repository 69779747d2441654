/* SPDX-License-Identifier: MIT */
#include "tests/unit/fake_vgpu.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vfio/fourcc.h"

static struct fake_vgpu *fake_vgpu(struct vgpu *vgpu)
{
	return (struct fake_vgpu *)vgpu;
}

static int fake_query(struct vgpu *vgpu, struct vfio_device_gfx_plane_info *info)
{
	struct fake_vgpu *fake = fake_vgpu(vgpu);
	const struct vfio_device_gfx_plane_info *answer;
	uint32_t flags = info->flags;

	fake->asked = *info;
	fake->dirty = fake->dirty || info->drm_format || info->drm_format_mod || info->width ||
		info->height || info->stride || info->size || info->x_pos || info->y_pos ||
		info->x_hot || info->y_hot || info->dmabuf_id;
	if (flags & VFIO_GFX_PLANE_TYPE_PROBE) {
		fake->probes++;
		if (fake->probe_error) {
			return fake->probe_error;
		}
		if (flags == (VFIO_GFX_PLANE_TYPE_PROBE | VFIO_GFX_PLANE_TYPE_DMABUF)) {
			return fake->dmabuf ? 0 : -EINVAL;
		}
		if (flags == (VFIO_GFX_PLANE_TYPE_PROBE | VFIO_GFX_PLANE_TYPE_REGION)) {
			return fake->region ? 0 : -EINVAL;
		}
		return -EINVAL;
	}
	fake->queries++;
	if (fake->query_error) {
		return fake->query_error;
	}
	if (info->drm_plane_type >= 3 ||
		(flags != VFIO_GFX_PLANE_TYPE_DMABUF && flags != VFIO_GFX_PLANE_TYPE_REGION)) {
		return -EINVAL;
	}
	if (fake->untouched) {
		return 0;
	}
	answer = &fake->answer[info->drm_plane_type];
	info->drm_format = answer->drm_format;
	info->drm_format_mod = answer->drm_format_mod;
	info->width = answer->width;
	info->height = answer->height;
	info->stride = answer->stride;
	info->size = answer->size;
	info->x_pos = answer->x_pos;
	info->y_pos = answer->y_pos;
	info->x_hot = answer->x_hot;
	info->y_hot = answer->y_hot;
	info->dmabuf_id = answer->dmabuf_id;
	return 0;
}

static int fake_fetch(struct vgpu *vgpu, uint32_t id)
{
	struct fake_vgpu *fake = fake_vgpu(vgpu);
	int ends[2];
	int fd = -1;

	fake->fetches++;
	fake->fetched_id = id;
	if (fake->fetch_error) {
		return fake->fetch_error;
	}
	switch (fake->fd_kind) {
	case FAKE_FD_MEMFD:
	case FAKE_FD_INHERITABLE:
		fd = memfd_create("plane", fake->fd_kind == FAKE_FD_MEMFD ? MFD_CLOEXEC : 0);
		if (fd < 0 || ftruncate(fd, fake->fd_length) < 0) {
			abort();
		}
		break;
	case FAKE_FD_PIPE:
		if (pipe2(ends, O_CLOEXEC) < 0) {
			abort();
		}
		close(ends[1]);
		fd = ends[0];
		break;
	case FAKE_FD_CLOSED:
		fd = 1000000;
		break;
	}
	fake->fetched_fd = fd;
	return fd;
}

static int fake_map(struct vgpu *vgpu, uint32_t region, const void **map, size_t *size)
{
	struct fake_vgpu *fake = fake_vgpu(vgpu);
	void *made;

	if (fake->map_error) {
		return fake->map_error;
	}
	if (region != fake->region_index) {
		return -ENOENT;
	}
	/* Never touched, so that its size costs nothing. */
	made = mmap(NULL, fake->region_size ? fake->region_size : 1, PROT_READ,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (made == MAP_FAILED) {
		return -ENOMEM;
	}
	fake->maps++;
	*map = made;
	*size = fake->region_size;
	return 0;
}

static void fake_unmap(struct vgpu *vgpu, const void *map, size_t size)
{
	fake_vgpu(vgpu)->unmaps++;
	munmap((void *)map, size ? size : 1);
}

static bool edid_takes(struct fake_vgpu *fake, uint32_t offset, size_t size)
{
	if (size == 4 && offset % 4 == 0) {
		fake->edid_words++;
		return true;
	}
	fake->edid_others++;
	return fake->edid == FAKE_EDID_LAX;
}

static bool edid_beyond(const struct fake_vgpu *fake, uint32_t offset, size_t size)
{
	uint32_t blob = fake_edid_word(fake, 0);
	uint32_t length = fake_edid_word(fake, 8);

	return fake->edid == FAKE_EDID_STRICT && offset >= blob &&
		offset - blob + size > (uint64_t)length;
}

static int fake_edid_read(struct vgpu *vgpu, uint32_t offset, void *data, size_t size)
{
	struct fake_vgpu *fake = fake_vgpu(vgpu);

	if (fake->edid_error) {
		return fake->edid_error;
	}
	if (!edid_takes(fake, offset, size) || offset + size > FAKE_EDID_SIZE ||
		edid_beyond(fake, offset, size)) {
		return -EINVAL;
	}
	memcpy(data, fake->edid_bytes + offset, size);
	return 0;
}

static int fake_edid_write(struct vgpu *vgpu, uint32_t offset, const void *data, size_t size)
{
	struct fake_vgpu *fake = fake_vgpu(vgpu);
	bool writable = offset == 8 || offset == 20 || offset >= 24;

	if (fake->edid_error) {
		return fake->edid_error;
	}
	if (!edid_takes(fake, offset, size) || offset + size > FAKE_EDID_SIZE ||
		edid_beyond(fake, offset, size)) {
		return -EINVAL;
	}
	if (!writable) {
		return fake->edid == FAKE_EDID_STRICT ? -EPERM : 0;
	}
	if (fake->edid_logged < FAKE_LOG) {
		fake->edid_log[fake->edid_logged++] = offset;
	}
	memcpy(fake->edid_bytes + offset, data, size);
	return 0;
}

static void fake_destroy(struct vgpu *vgpu)
{
	fake_vgpu(vgpu)->destroyed++;
	vgpu_finish(vgpu);
}

static const struct vgpu_ops fake_ops = {
	.query = fake_query,
	.fetch = fake_fetch,
	.map = fake_map,
	.unmap = fake_unmap,
	.edid_read = fake_edid_read,
	.edid_write = fake_edid_write,
	.destroy = fake_destroy,
};

static const struct vgpu_ops fake_ops_without_edid = {
	.query = fake_query,
	.fetch = fake_fetch,
	.map = fake_map,
	.unmap = fake_unmap,
	.destroy = fake_destroy,
};

int fake_init(struct fake_vgpu *fake)
{
	vgpu_init(&fake->vgpu, fake->edid == FAKE_EDID_NONE ? &fake_ops_without_edid : &fake_ops);
	return vgpu_discover(&fake->vgpu);
}

void fake_finish(struct fake_vgpu *fake)
{
	if (fake->vgpu.held || fake->maps != fake->unmaps) {
		abort();
	}
	vgpu_destroy(&fake->vgpu);
	if (fake->destroyed != 1) {
		abort();
	}
}

static void set_word(struct fake_vgpu *fake, uint32_t offset, uint32_t value)
{
	memcpy(fake->edid_bytes + offset, &value, sizeof(value));
}

uint32_t fake_edid_word(const struct fake_vgpu *fake, uint32_t offset)
{
	uint32_t value;

	memcpy(&value, fake->edid_bytes + offset, sizeof(value));
	return value;
}

void fake_edid_registers(struct fake_vgpu *fake, uint32_t offset, uint32_t max_size,
	uint32_t max_xres, uint32_t max_yres)
{
	set_word(fake, 0, offset);
	set_word(fake, 4, max_size);
	set_word(fake, 8, 0);
	set_word(fake, 12, max_xres);
	set_word(fake, 16, max_yres);
	set_word(fake, 20, 0);
}

struct vfio_device_gfx_plane_info fake_primary(uint32_t width, uint32_t height)
{
	return (struct vfio_device_gfx_plane_info){
		.drm_format = FOURCC_XRGB8888,
		.width = width,
		.height = height,
		.stride = width * 4,
		.size = width * 4 * height,
		.dmabuf_id = 1,
	};
}

struct vfio_device_gfx_plane_info fake_cursor(uint32_t side, uint32_t x, uint32_t y)
{
	return (struct vfio_device_gfx_plane_info){
		.drm_format = FOURCC_ARGB8888,
		.width = side,
		.height = side,
		.stride = side * 4,
		.size = side * side * 4,
		.x_pos = x,
		.y_pos = y,
		.x_hot = UINT32_MAX,
		.y_hot = UINT32_MAX,
		.dmabuf_id = 2,
	};
}
