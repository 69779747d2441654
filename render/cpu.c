/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/dma-buf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "render/cursor.h"
#include "render/damage.h"
#include "render/format.h"
#include "render/guard.h"
#include "render/impl.h"
#include "render/tile.h"

/* What a timed read looks at: enough to see through the clock, 1 ms where a byte costs 16 ns. */
#define COST_BYTES 65536

/* A dma-buf whose fence never signals must not hold the capture thread for ever. */
#define SYNC_TRIES 1000

struct cpu_image {
	struct image base;
	const struct format *format;
	tile_row update_row;
	const uint8_t *pixels; /* the first one */
	uint8_t *marks;
	void *map; /* NULL for memory that somebody else mapped */
	size_t map_size;
	off_t map_offset;
	int guard_slot;
	bool no_sync; /* a memfd in place of a dma-buf knows no bracket */
	bool lost; /* pages of somebody else's mapping are gone; only its owner can map it anew */
};

static struct cpu_image *cpu_image(struct image *image)
{
	return (struct cpu_image *)image;
}

/* Brackets a look: caches are made right, and fences waited for. */
static int sync_read(struct cpu_image *image, uint64_t edge)
{
	struct dma_buf_sync sync = {.flags = edge | DMA_BUF_SYNC_READ};

	if (!image->map || image->no_sync) {
		return 0;
	}
	for (int i = 0; i < SYNC_TRIES; i++) {
		if (ioctl(image->base.attributes.fd, DMA_BUF_IOCTL_SYNC, &sync) == 0) {
			return 0;
		}
		if (errno == ENOTTY) {
			image->no_sync = true;
			return 0;
		}
		if (errno != EINTR && errno != EAGAIN) {
			return -errno;
		}
	}
	return -ETIMEDOUT;
}

/*
 * Called after each look with the guard's count from before it. Pages that the guard replaced stay
 * zero whatever the file holds now; so the range is mapped anew, and the next look sees the file as
 * it is, or faults again.
 */
static int end_look(struct cpu_image *image, uint64_t faults)
{
	int ret = sync_read(image, DMA_BUF_SYNC_END);

	if (guard_faults() == faults) {
		return ret;
	}
	if (!image->map ||
		mmap(image->map, image->map_size, PROT_READ, MAP_SHARED | MAP_FIXED,
			image->base.attributes.fd, image->map_offset) == MAP_FAILED) {
		image->lost = true;
	}
	return -EFAULT;
}

static int begin_look(struct cpu_image *image)
{
	return image->lost ? -EFAULT : sync_read(image, DMA_BUF_SYNC_START);
}

static int cpu_update(struct image *base, pixman_region32_t *damage)
{
	struct cpu_image *image = cpu_image(base);
	struct renderer *renderer = base->renderer;
	const struct buffer_attributes *attributes = &base->attributes;
	uint64_t dirty, faults = guard_faults();
	int ret;

	ret = begin_look(image);
	if (ret < 0) {
		return ret;
	}
	dirty = tile_scan(&renderer->snapshot, image->pixels, attributes->stride, image->format,
		image->update_row, image->marks);
	ret = end_look(image, faults);

	atomic_fetch_add_explicit(&renderer->counters.passes, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&renderer->counters.bytes_compared,
		format_row_bytes(image->format, attributes->width) * attributes->height,
		memory_order_relaxed);
	if (dirty) {
		atomic_fetch_add_explicit(
			&renderer->counters.tiles_dirty, dirty, memory_order_relaxed);
		renderer->version++;
		damage_add_marks(damage, image->marks, attributes->width, attributes->height);
	}
	return ret;
}

static int cpu_read(struct image *base, uint32_t *pixels)
{
	struct cpu_image *image = cpu_image(base);
	const struct buffer_attributes *attributes = &base->attributes;
	uint64_t faults = guard_faults();
	uint32_t width = attributes->width;
	uint8_t marks[CURSOR_MAX_SIDE / RENDER_TILE] = {0};
	int ret;

	ret = begin_look(image);
	if (ret < 0) {
		return ret;
	}
	memset(pixels, 0, (size_t)width * attributes->height * 4);
	for (uint32_t y = 0; y < attributes->height; y++) {
		const uint8_t *from = image->pixels + (size_t)y * attributes->stride;
		uint32_t *to = pixels + (size_t)y * width;

		if (image->format->alpha) {
			memcpy(to, from, (size_t)width * 4);
		} else {
			image->update_row(to, from, width, marks);
		}
		for (uint32_t x = 0; x < width; x++) {
			uint32_t pixel = to[x];

			if (!image->format->alpha) {
				pixel |= 0xff000000;
			} else if (attributes->format == DRM_FORMAT_ABGR8888) {
				pixel = (pixel & 0xff00ff00) | (pixel >> 16 & 0xff) |
					(pixel & 0xff) << 16;
			}
			to[x] = pixel;
		}
	}
	return end_look(image, faults);
}

static void cpu_destroy(struct image *base)
{
	struct cpu_image *image = cpu_image(base);

	guard_remove(image->guard_slot);
	if (image->map) {
		munmap(image->map, image->map_size);
	}
	free(image->marks);
	free(image);
}

static const struct image_ops cpu_ops = {
	.update = cpu_update,
	.read = cpu_read,
	.destroy = cpu_destroy,
};

int cpu_can_import(uint32_t fourcc, uint64_t modifier, char *why, size_t why_size)
{
	const struct format *format = format_find(fourcc);
	char name[FORMAT_NAME_SIZE * 2];

	if (!format) {
		snprintf(why, why_size, "format %s is not known",
			format_name(fourcc, name, sizeof(name)));
		return -ENOTSUP;
	}
	if (format->refused) {
		snprintf(why, why_size, "format %s is not supported: %s", format->name,
			format->refused);
		return -ENOTSUP;
	}
	if (modifier != DRM_FORMAT_MOD_LINEAR) {
		snprintf(why, why_size, "modifier %s is not linear, so it takes GL to read it",
			format_modifier_name(modifier, name, sizeof(name)));
		return -ENOTSUP;
	}
	return 0;
}

/* Bytes that may be read: what the kernel says of the fd, and no more than what the device said. */
static int buffer_length(
	const struct buffer_attributes *attributes, uint64_t *length, char *why, size_t why_size)
{
	off_t end;

	if (attributes->kind == BUFFER_MEMORY) {
		*length = attributes->size;
		return 0;
	}
	end = lseek(attributes->fd, 0, SEEK_END);
	if (end < 0) {
		int error = errno;

		snprintf(why, why_size, "the length of buffer fd %d can't be told: %s",
			attributes->fd, strerror(error));
		return error == EBADF ? -EBADF : -ENODEV;
	}
	*length = (uint64_t)end;
	if (attributes->size && attributes->size < *length) {
		*length = attributes->size;
	}
	return 0;
}

static int map_buffer(struct cpu_image *image, char *why, size_t why_size)
{
	const struct buffer_attributes *attributes = &image->base.attributes;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t start = attributes->offset & ~(page - 1);
	uint64_t end = (uint64_t)attributes->offset +
		(uint64_t)attributes->stride * (attributes->height - 1) +
		format_row_bytes(image->format, attributes->width);
	void *map;

	map = mmap(NULL, end - start, PROT_READ, MAP_SHARED, attributes->fd, (off_t)start);
	if (map == MAP_FAILED) {
		snprintf(why, why_size, "the buffer can't be mapped for reading: %s",
			strerror(errno));
		return -ENODEV;
	}
	image->map = map;
	image->map_size = end - start;
	image->map_offset = (off_t)start;
	image->pixels = (const uint8_t *)map + (attributes->offset - start);
	atomic_fetch_add_explicit(
		&image->base.renderer->counters.cpu_maps, 1, memory_order_relaxed);
	return 0;
}

int cpu_import(struct renderer *renderer, const struct buffer_attributes *attributes,
	struct image **result, char *why, size_t why_size)
{
	struct cpu_image *image;
	uint64_t length;
	int ret;

	ret = cpu_can_import(attributes->format, attributes->modifier, why, why_size);
	if (ret < 0) {
		return ret;
	}
	if (attributes->kind == BUFFER_MEMORY && !attributes->address) {
		snprintf(why, why_size, "the buffer has no address");
		return -EINVAL;
	}
	ret = buffer_length(attributes, &length, why, why_size);
	if (ret < 0) {
		return ret;
	}
	ret = format_check_bounds(
		format_find(attributes->format), attributes, length, true, why, why_size);
	if (ret < 0) {
		return ret;
	}

	image = calloc(1, sizeof(*image));
	if (!image) {
		goto no_memory;
	}
	image->base.ops = &cpu_ops;
	image->base.renderer = renderer;
	image->base.attributes = *attributes;
	image->format = format_find(attributes->format);
	image->update_row = tile_row_of(attributes->format);
	image->guard_slot = -1;
	image->marks = calloc(
		(size_t)damage_tiles(attributes->width) * damage_tiles(attributes->height), 1);
	if (!image->marks) {
		goto no_memory;
	}

	if (attributes->kind == BUFFER_DMABUF) {
		ret = map_buffer(image, why, why_size);
		if (ret < 0) {
			goto error;
		}
		image->guard_slot = guard_add(image->map, image->map_size);
	} else {
		image->pixels = (const uint8_t *)attributes->address + attributes->offset;
		image->guard_slot = guard_add(attributes->address, attributes->size);
	}
	if (image->guard_slot < 0) {
		snprintf(why, why_size, "too many buffers are imported at once");
		ret = image->guard_slot;
		goto error;
	}
	*result = &image->base;
	return 0;

no_memory:
	snprintf(why, why_size, "no memory for an image of %" PRIu32 "x%" PRIu32, attributes->width,
		attributes->height);
	ret = -ENOMEM;
error:
	if (image) {
		cpu_destroy(&image->base);
	}
	return ret;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

double cpu_read_cost(struct image *base)
{
	struct cpu_image *image = cpu_image(base);
	const struct buffer_attributes *attributes = &base->attributes;
	size_t row = (size_t)format_row_bytes(image->format, attributes->width);
	uint32_t rows = (uint32_t)(COST_BYTES / row) + 1;
	uint8_t line[FORMAT_MAX_SIDE * 4];
	uint64_t faults = guard_faults();
	double start = 0;

	if (rows > attributes->height) {
		rows = attributes->height;
	}
	if (begin_look(image) < 0) {
		return 0;
	}
	/* The first round pays for page faults; memory that is slow to read is so in the second too. */
	for (int round = 0; round < 2; round++) {
		start = now();
		for (uint32_t y = 0; y < rows; y++) {
			memcpy(line, image->pixels + (size_t)y * attributes->stride, row);
			__asm__ volatile("" : : "r"(line) : "memory");
		}
	}
	start = now() - start;
	end_look(image, faults);
	return start / ((double)row * rows);
}
