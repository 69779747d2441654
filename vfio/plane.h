/* SPDX-License-Identifier: MIT */
/*
 * What one query of a display plane said, after every field was checked.
 *
 * The kernel passes the guest's own numbers on, so nothing here may be used before plane_check() has
 * passed it; the raw ioctl struct stays inside vfio/. Plain values: no ownership, any thread.
 */
#ifndef VFIO_PLANE_H
#define VFIO_PLANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vfio_device_gfx_plane_info;

#define PLANE_MIN_SIDE 64 /* pixels; mbochs and GVT-g make none smaller */
#define PLANE_MAX_SIDE 16384 /* pixels */
#define PLANE_MAX_CURSOR_SIDE 256 /* pixels; GVT-g's largest */

/* Numbers of enum drm_plane_type. */
enum plane_type {
	PLANE_PRIMARY = 1,
	PLANE_CURSOR = 2,
};

enum plane_kind {
	PLANE_KIND_NONE,
	PLANE_KIND_DMABUF,
	PLANE_KIND_REGION,
};

/* Why a plane or its buffer can't be shown. Each has a sentence and a counter. */
enum plane_refusal {
	PLANE_ACCEPTED,
	PLANE_BAD_WIDTH,
	PLANE_BAD_HEIGHT,
	PLANE_BAD_CURSOR_SIZE,
	PLANE_UNKNOWN_FORMAT,
	PLANE_FORMAT_C8,
	PLANE_BAD_CURSOR_FORMAT,
	PLANE_UNKNOWN_MODIFIER,
	PLANE_REGION_NOT_LINEAR,
	PLANE_ODD_YUV_WIDTH,
	PLANE_STRIDE_SHORT,
	PLANE_STRIDE_UNALIGNED,
	PLANE_STRIDE_HUGE,
	PLANE_SIZE_ZERO,
	PLANE_SIZE_SHORT, /* stride x height exceeds the size that the plane states */
	PLANE_OVER_BUDGET, /* more memory than the bridge may spend on one picture */
	PLANE_REGION_MISSING, /* no such region, or it can't be mapped */
	PLANE_REGION_SHORT, /* the region is smaller than the plane */
	PLANE_BUFFER_SHORT, /* the dma-buf is smaller than it claims */
	PLANE_REFUSAL_COUNT,
};

/* A checked plane. All fields take part in its identity: ids are reused by the kernel. */
struct plane {
	enum plane_type type;
	enum plane_kind kind;
	uint32_t format; /* DRM fourcc */
	uint64_t modifier; /* DRM format modifier */
	uint32_t width; /* pixels */
	uint32_t height; /* pixels */
	uint32_t stride; /* bytes */
	uint32_t size; /* bytes, as stated by the device */
	uint32_t id; /* dmabuf_id or region_index, by kind */
};

/* Where the cursor plane is. Not part of the identity of its buffer. */
struct plane_position {
	int32_t x, y; /* top left corner, pixels; may be negative */
	uint32_t hot_x, hot_y; /* valid only where hot_known */
	bool hot_known;
};

/*
 * Checks a raw answer. budget is the largest picture in bytes at 4 bytes a pixel (0: no limit).
 * Returns PLANE_ACCEPTED and fills plane, or a reason and leaves it alone. raw->drm_format is not 0.
 */
enum plane_refusal plane_check(const struct vfio_device_gfx_plane_info *raw, enum plane_type type,
	enum plane_kind kind, uint64_t budget, struct plane *plane);

/* A short name ("stride-short", for counters) and a sentence for people. Never NULL. */
const char *plane_refusal_name(enum plane_refusal refusal);
const char *plane_refusal_text(enum plane_refusal refusal);

/* Bytes from the first to one past the last byte that a reader of the plane touches. */
uint64_t plane_extent(const struct plane *plane);

bool plane_equal(const struct plane *a, const struct plane *b);

#endif
