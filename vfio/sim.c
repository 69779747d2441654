/* SPDX-License-Identifier: MIT */
#include "vfio/sim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vfio/fourcc.h"
#include "vfio/sim_impl.h"

#define REGION_MIN_SIZE (UINT64_C(64) << 20) /* address space; pages come when they are painted */
#define PROBE VFIO_GFX_PLANE_TYPE_PROBE

struct sim *sim_from_vgpu(struct vgpu *vgpu)
{
	if (vgpu && (vgpu->ops == &sim_ops || vgpu->ops == &sim_ops_edid)) {
		return (struct sim *)vgpu;
	}
	return NULL;
}

/* True where the fault is armed; uses up one. lock is held. */
static bool strikes(struct sim *sim, enum sim_fault fault)
{
	if (sim->faults[fault] == 0) {
		return false;
	}
	sim->faults[fault]--;
	return true;
}

/* Remembers which buffer the guest's plane was told with; returns one that nobody needs now. */
static struct sim_buffer *tell(struct sim *sim, unsigned plane, struct sim_buffer *buffer)
{
	struct sim_buffer *before = sim->told[plane];

	sim->told[plane] = buffer;
	if (before && before != buffer && before->retired) {
		return sim_buffer_retire(sim, before);
	}
	return NULL;
}

static void fill_primary(struct sim *sim, struct vfio_device_gfx_plane_info *info)
{
	const struct sim_mode *mode = &sim->front->mode;

	info->drm_format = mode->format->fourcc;
	info->drm_format_mod = mode->modifier;
	info->width = mode->width;
	info->height = mode->height;
	info->stride = strikes(sim, SIM_FAULT_STRIDE) ? 0 : mode->stride;
	info->size = sim->region ? (uint32_t)sim->memory_size : mode->size;
	if (strikes(sim, SIM_FAULT_SIZE)) {
		info->size = 0;
	}
	info->x_pos = 0;
	info->y_pos = 0;
	info->x_hot = 0;
	info->y_hot = 0;
	info->dmabuf_id = sim->region ? SIM_REGION : sim->front->id;
	sim_raw_apply(&sim->raw[0], info);
}

static uint32_t magnitude(int32_t position)
{
	return (uint32_t)(position < 0 ? -(int64_t)position : position) & SIM_POSITION_MASK;
}

static void fill_cursor(struct sim *sim, struct vfio_device_gfx_plane_info *info)
{
	const struct sim_cursor *cursor = &sim->cursor;
	const struct sim_mode *mode = &sim->cursor_buffer->mode;

	info->drm_format = mode->format->fourcc;
	info->drm_format_mod = mode->modifier;
	info->width = mode->width;
	info->height = mode->height;
	info->stride = mode->stride;
	info->size = mode->size;
	info->x_pos = magnitude(cursor->x);
	info->y_pos = magnitude(cursor->y);
	info->x_hot = cursor->hot_known ? cursor->hot_x : SIM_HOT_UNKNOWN;
	info->y_hot = cursor->hot_known ? cursor->hot_y : SIM_HOT_UNKNOWN;
	info->dmabuf_id = sim->cursor_buffer->id;
	sim_raw_apply(&sim->raw[1], info);
}

/* lock is held. Returns 0 or -errno; *unused is to be freed without the lock. */
static int answer(
	struct sim *sim, struct vfio_device_gfx_plane_info *info, struct sim_buffer **unused)
{
	uint32_t kind = sim->region ? VFIO_GFX_PLANE_TYPE_REGION : VFIO_GFX_PLANE_TYPE_DMABUF;
	bool dark = sim->blank || sim->edid.down;

	if (sim->gone) {
		return -ENODEV;
	}
	if (info->argsz <
		offsetof(struct vfio_device_gfx_plane_info, dmabuf_id) + sizeof(info->dmabuf_id)) {
		return -EINVAL;
	}
	if (info->flags & PROBE) {
		return info->flags == (PROBE | kind) ? 0 : -EINVAL;
	}
	if (info->flags != kind) {
		return -EINVAL;
	}
	if (info->drm_plane_type == PLANE_CURSOR && !sim->region) {
		/* A plane that is off leaves the caller's struct as it was. */
		if (!sim->cursor.present || !sim->cursor.visible || dark) {
			*unused = tell(sim, 1, NULL);
			return 0;
		}
		*unused = tell(sim, 1, sim->cursor_buffer);
		fill_cursor(sim, info);
		return 0;
	}
	/* mdpy doesn't look at the plane type. */
	if (info->drm_plane_type != PLANE_PRIMARY && !sim->region) {
		return -EINVAL;
	}
	if (strikes(sim, SIM_FAULT_QUERY)) {
		return sim->fault_error;
	}
	if (dark) {
		*unused = tell(sim, 0, NULL);
		return 0;
	}
	*unused = tell(sim, 0, sim->front);
	fill_primary(sim, info);
	return 0;
}

static int sim_query(struct vgpu *vgpu, struct vfio_device_gfx_plane_info *info)
{
	struct sim *sim = (struct sim *)vgpu;
	struct sim_buffer *unused = NULL;
	int rc;

	pthread_mutex_lock(&sim->lock);
	/* The condition is the painter's too: whoever is woken looks again at what it waits for. */
	while (sim->hung && !sim->gone && info->drm_plane_type == PLANE_PRIMARY &&
		!(info->flags & PROBE)) {
		pthread_cond_wait(&sim->wake, &sim->lock);
	}
	rc = answer(sim, info, &unused);
	pthread_mutex_unlock(&sim->lock);
	sim_buffer_free(unused);
	return rc;
}

/* lock is held. */
static int fetch(struct sim *sim, uint32_t id)
{
	struct sim_buffer *buffer = sim_buffer_find(sim, id);
	int fd;

	if (sim->gone) {
		return -ENODEV;
	}
	if (sim->region || !buffer || strikes(sim, SIM_FAULT_STALE)) {
		return -EINVAL;
	}
	if (strikes(sim, SIM_FAULT_SHORT)) {
		return sim_memory_make(buffer->mode.size / 2, "vgpu-sim-short", false);
	}
	fd = fcntl(buffer->dmabuf >= 0 ? buffer->dmabuf : buffer->fd, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

static int sim_fetch(struct vgpu *vgpu, uint32_t id)
{
	struct sim *sim = (struct sim *)vgpu;
	int rc;

	pthread_mutex_lock(&sim->lock);
	rc = fetch(sim, id);
	if (rc >= 0) {
		sim->out[id - 1]++;
	}
	pthread_mutex_unlock(&sim->lock);
	return rc;
}

static void sim_released(struct vgpu *vgpu, uint32_t id)
{
	struct sim *sim = (struct sim *)vgpu;

	pthread_mutex_lock(&sim->lock);
	sim->out[id - 1]--;
	pthread_mutex_unlock(&sim->lock);
}

static int sim_map(struct vgpu *vgpu, uint32_t region, const void **map, size_t *size)
{
	struct sim *sim = (struct sim *)vgpu;
	void *address;
	bool gone;

	pthread_mutex_lock(&sim->lock);
	gone = sim->gone;
	pthread_mutex_unlock(&sim->lock);
	if (gone) {
		return -ENODEV;
	}
	if (!sim->region || region != SIM_REGION) {
		return -ENOENT;
	}
	address = mmap(NULL, sim->memory_size, PROT_READ, MAP_SHARED, sim->memory, 0);
	if (address == MAP_FAILED) {
		return -errno;
	}
	*map = address;
	*size = sim->memory_size;
	return 0;
}

static void sim_unmap(struct vgpu *vgpu, const void *map, size_t size)
{
	munmap((void *)(uintptr_t)map, size);
}

static void sim_destroy(struct vgpu *vgpu)
{
	struct sim *sim = (struct sim *)vgpu;

	sim_control_stop(sim);
	sim_painter_stop(sim);
	for (unsigned i = 0; i < SIM_IDS; i++) {
		sim_buffer_free(sim->ids[i]);
	}
	if (sim->memory >= 0) {
		close(sim->memory);
	}
	sim_scratch_finish(&sim->scratch);
	free(sim->pixels);
	free(sim->control_path);
	pthread_cond_destroy(&sim->wake);
	pthread_mutex_destroy(&sim->lock);
	pthread_mutex_destroy(&sim->paint);
	vgpu_finish(vgpu);
	free(sim);
}

const struct vgpu_ops sim_ops = {
	.query = sim_query,
	.fetch = sim_fetch,
	.released = sim_released,
	.map = sim_map,
	.unmap = sim_unmap,
	.destroy = sim_destroy,
};

const struct vgpu_ops sim_ops_edid = {
	.query = sim_query,
	.fetch = sim_fetch,
	.released = sim_released,
	.map = sim_map,
	.unmap = sim_unmap,
	.edid_read = sim_edid_read,
	.edid_write = sim_edid_write,
	.destroy = sim_destroy,
};

static int open_memory(
	struct sim *sim, const struct sim_options *options, char *why, size_t why_size)
{
	uint64_t need = (uint64_t)options->width * options->height * 4;
	struct stat info;
	int rc;

	sim->memory = open(options->memory, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (sim->memory < 0 || fstat(sim->memory, &info) < 0) {
		rc = -errno;
		snprintf(why, why_size, "memory=%s: %s", options->memory, strerror(-rc));
		return rc;
	}
	if (!S_ISREG(info.st_mode)) {
		snprintf(why, why_size, "memory=%s: not a regular file", options->memory);
		return -EINVAL;
	}
	if ((uint64_t)info.st_size < need) {
		snprintf(why, why_size,
			"memory=%s: the file has %lld bytes, %ux%u needs %llu; make it larger "
			"(truncate -s)",
			options->memory, (long long)info.st_size, options->width, options->height,
			(unsigned long long)need);
		return -EINVAL;
	}
	sim->outside = true;
	sim->memory_size =
		(size_t)((uint64_t)info.st_size < UINT32_MAX ? info.st_size : UINT32_MAX);
	return 0;
}

/* As mdpy, the region is a power of two and larger than the picture in it. */
static int make_region(
	struct sim *sim, const struct sim_options *options, char *why, size_t why_size)
{
	uint64_t size = REGION_MIN_SIZE;

	while (size < (uint64_t)options->width * options->height * 4) {
		size *= 2;
	}
	sim->memory = sim_memory_make((size_t)size, "vgpu-sim-region", false);
	if (sim->memory < 0) {
		snprintf(why, why_size, "a region of %llu bytes: %s", (unsigned long long)size,
			strerror(-sim->memory));
		return sim->memory;
	}
	sim->memory_size = (size_t)size;
	return 0;
}

static void init_locks(struct sim *sim)
{
	pthread_condattr_t attributes;

	pthread_mutex_init(&sim->paint, NULL);
	pthread_mutex_init(&sim->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&sim->wake, &attributes);
	pthread_condattr_destroy(&attributes);
}

static int set_up(struct sim *sim, const struct sim_options *options, char *why, size_t why_size)
{
	struct sim_mode mode = {
		.width = options->width,
		.height = options->height,
		.format = sim_format_by_name("XR24"),
	};
	int rc = 0;

	if (options->memory) {
		rc = open_memory(sim, options, why, why_size);
		mode.stride = options->width * 4;
	} else if (options->region) {
		rc = make_region(sim, options, why, why_size);
	}
	if (rc < 0) {
		return rc;
	}
	rc = sim_mode_complete(&mode, why, why_size);
	if (rc < 0) {
		return rc;
	}
	if (options->memory) {
		/* Not rounded up to pages: the file need not be either. */
		mode.size = mode.stride * mode.height;
	}
	rc = sim_mode_set(sim, &mode, why, why_size);
	if (rc < 0) {
		return rc;
	}
	if (options->cursor && !options->region) {
		rc = sim_cursor_init(sim, why, why_size);
		if (rc < 0) {
			return rc;
		}
	}
	rc = vgpu_discover(&sim->vgpu);
	if (rc < 0) {
		snprintf(why, why_size, "the simulated vGPU does not answer: %s", strerror(-rc));
		return rc;
	}
	/* As a device whose driver knows of no such plane. */
	sim->vgpu.info.cursor_plane = sim->cursor.present;
	if (!sim->outside) {
		rc = sim_painter_start(sim);
		if (rc < 0) {
			snprintf(why, why_size, "a thread to paint: %s", strerror(-rc));
			return rc;
		}
	}
	return options->control ? sim_control_start(sim, options->control, why, why_size) : 0;
}

struct vgpu *sim_create(const struct sim_options *options, char *why, size_t why_size)
{
	struct sim *sim = calloc(1, sizeof(*sim));
	int rc;

	if (!sim) {
		snprintf(why, why_size, "no memory for a simulated vGPU");
		errno = ENOMEM;
		return NULL;
	}
	vgpu_init(&sim->vgpu, options->region || options->memory ? &sim_ops : &sim_ops_edid);
	init_locks(sim);
	sim->fps = options->fps > 0 ? options->fps : 60;
	sim->region = options->region;
	sim->scene = options->scene;
	sim->flip = true;
	sim->pixels_frame = -1;
	sim->frame = -1;
	sim->memory = -1;
	sim->control = -1;
	sim->control_quit = -1;
	snprintf(sim->vgpu.info.name, sizeof(sim->vgpu.info.name), "simulated %ux%u",
		options->width, options->height);
	rc = set_up(sim, options, why, why_size);
	if (rc < 0) {
		vgpu_destroy(&sim->vgpu);
		errno = -rc;
		return NULL;
	}
	return &sim->vgpu;
}

/* paint is held, so the picture can't move; lock is not, as reading takes long. */
static int read_picture(const struct sim_buffer *buffer, uint32_t *pixels)
{
	const struct sim_mode *mode = &buffer->mode;
	uint8_t *line = calloc(1, mode->stride);

	if (!line) {
		return -ENOMEM;
	}
	/* Read and not mapped: the file may have been cut off, then the rest counts as zeros. */
	for (uint32_t y = 0; y < mode->height; y++) {
		ssize_t n = pread(buffer->fd, line, mode->stride, (off_t)y * mode->stride);

		if (n < (ssize_t)mode->stride) {
			n = n < 0 ? 0 : n;
			memset(line + n, 0, mode->stride - (size_t)n);
		}
		sim_format_read_line(mode, pixels + (size_t)y * mode->width, line);
	}
	free(line);
	return 0;
}

int sim_reference(
	struct vgpu *vgpu, uint32_t *pixels, size_t size, uint32_t *width, uint32_t *height)
{
	struct sim *sim = sim_from_vgpu(vgpu);
	const struct sim_buffer *buffer;
	bool dark;
	int rc;

	if (!sim) {
		return -EINVAL;
	}
	pthread_mutex_lock(&sim->paint);
	pthread_mutex_lock(&sim->lock);
	buffer = sim->front;
	dark = sim->blank || sim->gone || sim->edid.down ||
		buffer->mode.format->fourcc == FOURCC_C8;
	pthread_mutex_unlock(&sim->lock);
	*width = buffer->mode.width;
	*height = buffer->mode.height;
	if (dark) {
		rc = -ENODATA;
	} else if (size / 4 / buffer->mode.width < buffer->mode.height) {
		rc = -ENOBUFS;
	} else {
		rc = read_picture(buffer, pixels);
	}
	pthread_mutex_unlock(&sim->paint);
	return rc;
}
