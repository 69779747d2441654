/* SPDX-License-Identifier: MIT */
#include "vfio/vgpu.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/vfio.h>

#include "vfio/vgpu_impl.h"

#define DEFAULT_BUDGET (UINT64_C(512) << 20)

/* A dma-buf id whose buffer is out. There are a handful at most, so a list does. */
struct vgpu_held {
	struct vgpu_held *next;
	uint32_t id;
};

static void count(atomic_uint_fast64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static int raw_query(
	struct vgpu *vgpu, uint32_t flags, uint32_t type, struct vfio_device_gfx_plane_info *raw)
{
	/* GVT-g returns 0 for a plane that is off without writing a byte: old answers must go. */
	memset(raw, 0, sizeof(*raw));
	raw->argsz = sizeof(*raw);
	raw->flags = flags;
	raw->drm_plane_type = type;
	count(&vgpu->counters.ioctls);
	count(&vgpu->counters.queries);
	return vgpu->ops->query(vgpu, raw);
}

/* 1, 0 or -errno. */
static int probe(struct vgpu *vgpu, uint32_t flag)
{
	struct vfio_device_gfx_plane_info raw;
	int rc = raw_query(vgpu, VFIO_GFX_PLANE_TYPE_PROBE | flag, PLANE_PRIMARY, &raw);

	if (rc == 0) {
		return 1;
	}
	return rc == -EINVAL || rc == -ENOTTY ? 0 : rc;
}

void vgpu_init(struct vgpu *vgpu, const struct vgpu_ops *ops)
{
	vgpu->ops = ops;
	vgpu->budget = DEFAULT_BUDGET;
	vgpu->held = NULL;
}

int vgpu_discover(struct vgpu *vgpu)
{
	int dmabuf, region;

	dmabuf = probe(vgpu, VFIO_GFX_PLANE_TYPE_DMABUF);
	if (dmabuf < 0) {
		return dmabuf;
	}
	region = probe(vgpu, VFIO_GFX_PLANE_TYPE_REGION);
	if (region < 0) {
		return region;
	}
	vgpu->info.dmabuf = dmabuf;
	vgpu->info.region = region;
	/* mdpy answers each plane type with the primary plane, so a region says nothing of it. */
	vgpu->info.cursor_plane = dmabuf;
	if (!dmabuf && !region) {
		return -ENOTSUP;
	}
	vgpu_edid_discover(vgpu);
	return 0;
}

void vgpu_finish(struct vgpu *vgpu)
{
	while (vgpu->held) {
		struct vgpu_held *held = vgpu->held;

		vgpu->held = held->next;
		free(held);
	}
}

void vgpu_destroy(struct vgpu *vgpu)
{
	if (vgpu) {
		vgpu->ops->destroy(vgpu);
	}
}

const struct vgpu_info *vgpu_info(const struct vgpu *vgpu)
{
	return &vgpu->info;
}

struct vgpu_counters *vgpu_counters(struct vgpu *vgpu)
{
	return &vgpu->counters;
}

void vgpu_set_budget(struct vgpu *vgpu, uint64_t bytes)
{
	vgpu->budget = bytes;
}

/*
 * An error after which the fd never answers again. All others may pass: GVT-g gives -EINVAL and
 * -EFAULT and mbochs -ENOMEM while the guest sets a mode.
 */
static bool error_is_final(int error)
{
	switch (error) {
	case -ENODEV:
	case -ENXIO:
	case -EIO:
	case -EBADF:
	case -ENOTTY:
	case -EPERM:
	case -EACCES:
	case -ENOTSUP:
		return true;
	default:
		return false;
	}
}

static void read_position(struct vgpu *vgpu, const struct vfio_device_gfx_plane_info *raw,
	struct plane_position *position)
{
	struct pointer_report report = {
		.x = raw->x_pos,
		.y = raw->y_pos,
		.width = raw->width,
		.height = raw->height,
		.hot_known = raw->x_hot < raw->width && raw->y_hot < raw->height,
	};

	/* 0xffffffff is how the kernel says "unknown"; others outside are no better. */
	if (report.hot_known) {
		report.hot_x = raw->x_hot;
		report.hot_y = raw->y_hot;
	}
	position->hot_known = report.hot_known;
	position->hot_x = report.hot_x;
	position->hot_y = report.hot_y;
	pointer_track(&vgpu->pointer, &report, &position->x, &position->y);
}

enum vgpu_answer vgpu_query(struct vgpu *vgpu, enum plane_type type, struct vgpu_query *query)
{
	struct vfio_device_gfx_plane_info raw;
	bool dmabuf = vgpu->info.dmabuf;
	int rc;

	memset(query, 0, sizeof(*query));
	if (type == PLANE_CURSOR && !vgpu->info.cursor_plane) {
		return VGPU_NO_PICTURE;
	}
	rc = raw_query(
		vgpu, dmabuf ? VFIO_GFX_PLANE_TYPE_DMABUF : VFIO_GFX_PLANE_TYPE_REGION, type, &raw);
	if (rc < 0) {
		query->error = rc;
		if (error_is_final(rc)) {
			return VGPU_GONE;
		}
		count(&vgpu->counters.transient);
		return VGPU_TRANSIENT;
	}
	if (raw.drm_format == 0) {
		if (type == PLANE_CURSOR) {
			pointer_rest(&vgpu->pointer);
		}
		return VGPU_NO_PICTURE;
	}
	query->refusal = plane_check(&raw, type, dmabuf ? PLANE_KIND_DMABUF : PLANE_KIND_REGION,
		vgpu->budget, &query->plane);
	if (query->refusal != PLANE_ACCEPTED) {
		query->format = raw.drm_format;
		count(&vgpu->counters.refused[query->refusal]);
		return VGPU_REFUSED;
	}
	if (type == PLANE_CURSOR) {
		read_position(vgpu, &raw, &query->position);
	}
	return VGPU_PICTURE;
}

static struct vgpu_held **find_held(struct vgpu *vgpu, uint32_t id)
{
	struct vgpu_held **held = &vgpu->held;

	while (*held && (*held)->id != id) {
		held = &(*held)->next;
	}
	return held;
}

static int refuse(struct vgpu *vgpu, enum plane_refusal reason, enum plane_refusal *refusal)
{
	count(&vgpu->counters.refused[reason]);
	*refusal = reason;
	return -EPROTO;
}

/* An fd that a driver forgot to mark, or none at all, must not get further. */
static int secure_fd(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	if (flags < 0) {
		return -errno;
	}
	if (!(flags & FD_CLOEXEC) && fcntl(fd, F_SETFD, flags | FD_CLOEXEC) < 0) {
		return -errno;
	}
	return 0;
}

static void release_fd(struct vgpu *vgpu, uint32_t id, int fd)
{
	close(fd);
	if (vgpu->ops->released) {
		vgpu->ops->released(vgpu, id);
	}
}

static int get_dmabuf(struct vgpu *vgpu, struct vgpu_buffer *buffer, enum plane_refusal *refusal)
{
	const struct plane *plane = &buffer->plane;
	struct vgpu_held *held;
	off_t length;
	int rc;

	/*
	 * Stock mbochs hands the same file out twice with one reference and dies at the second
	 * close, so an id is never fetched again before its buffer is put.
	 */
	if (*find_held(vgpu, plane->id)) {
		return -EBUSY;
	}
	held = calloc(1, sizeof(*held));
	if (!held) {
		return -ENOMEM;
	}
	count(&vgpu->counters.ioctls);
	count(&vgpu->counters.fetches);
	buffer->fd = vgpu->ops->fetch(vgpu, plane->id);
	if (buffer->fd < 0) {
		rc = buffer->fd;
		buffer->fd = -1;
		/* GVT-g says -EINVAL, mbochs -ENOENT. */
		if (rc == -EINVAL || rc == -ENOENT) {
			count(&vgpu->counters.stale);
			rc = -ESTALE;
		}
		goto err_held;
	}
	rc = secure_fd(buffer->fd);
	if (rc < 0) {
		goto err_fd;
	}
	/* Kernels and memory that can't tell their length answer an error. */
	length = lseek(buffer->fd, 0, SEEK_END);
	if (length >= 0) {
		lseek(buffer->fd, 0, SEEK_SET);
		buffer->real_size = (size_t)length;
		if ((uint64_t)length < plane_extent(plane)) {
			rc = refuse(vgpu, PLANE_BUFFER_SHORT, refusal);
			goto err_fd;
		}
	}
	held->id = plane->id;
	held->next = vgpu->held;
	vgpu->held = held;
	return 0;

err_fd:
	release_fd(vgpu, plane->id, buffer->fd);
	buffer->fd = -1;
err_held:
	free(held);
	return rc;
}

static int get_region(struct vgpu *vgpu, struct vgpu_buffer *buffer, enum plane_refusal *refusal)
{
	const struct plane *plane = &buffer->plane;
	int rc;

	if (!vgpu->ops->map) {
		return refuse(vgpu, PLANE_REGION_MISSING, refusal);
	}
	count(&vgpu->counters.ioctls);
	rc = vgpu->ops->map(vgpu, plane->id, &buffer->map, &buffer->map_size);
	if (rc == -ENOENT) {
		return refuse(vgpu, PLANE_REGION_MISSING, refusal);
	}
	if (rc < 0) {
		return rc;
	}
	count(&vgpu->counters.maps);
	if (buffer->map_size < plane_extent(plane)) {
		vgpu->ops->unmap(vgpu, buffer->map, buffer->map_size);
		return refuse(vgpu, PLANE_REGION_SHORT, refusal);
	}
	buffer->real_size = buffer->map_size;
	return 0;
}

int vgpu_buffer_get(struct vgpu *vgpu, const struct plane *plane, struct vgpu_buffer **buffer,
	enum plane_refusal *refusal)
{
	struct vgpu_buffer *made;
	int rc;

	*buffer = NULL;
	*refusal = PLANE_ACCEPTED;
	made = calloc(1, sizeof(*made));
	if (!made) {
		return -ENOMEM;
	}
	made->vgpu = vgpu;
	made->plane = *plane;
	made->fd = -1;
	if (plane->kind == PLANE_KIND_REGION) {
		rc = get_region(vgpu, made, refusal);
	} else {
		rc = get_dmabuf(vgpu, made, refusal);
	}
	if (rc < 0) {
		free(made);
		return rc;
	}
	*buffer = made;
	return 0;
}

void vgpu_buffer_put(struct vgpu_buffer *buffer)
{
	struct vgpu *vgpu;
	struct vgpu_held **link;
	struct vgpu_held *held;

	if (!buffer) {
		return;
	}
	vgpu = buffer->vgpu;
	if (buffer->map) {
		vgpu->ops->unmap(vgpu, buffer->map, buffer->map_size);
	}
	if (buffer->fd >= 0) {
		release_fd(vgpu, buffer->plane.id, buffer->fd);
		link = find_held(vgpu, buffer->plane.id);
		held = *link;
		if (held) {
			*link = held->next;
			free(held);
		}
	}
	free(buffer);
}
