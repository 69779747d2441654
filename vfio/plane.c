/* SPDX-License-Identifier: MIT */
#include "vfio/plane.h"

#include <linux/vfio.h>

#include "vfio/fourcc.h"

/* Four times what the widest picture needs: room for panned framebuffers, none for nonsense. */
#define MAX_STRIDE (PLANE_MAX_SIDE * 4u * 4u)

struct format {
	uint32_t fourcc;
	uint32_t bytes; /* a pixel */
	bool yuv; /* two pixels share a sample */
};

struct tiling {
	uint64_t modifier;
	uint32_t bytes; /* width of a tile; 0: linear */
	uint32_t rows; /* height of a tile */
};

/* What GVT-g can decode, which includes what the kernel's samples and NVIDIA show. */
static const struct format formats[] = {
	{FOURCC_XRGB8888, 4, false},
	{FOURCC_ARGB8888, 4, false},
	{FOURCC_XBGR8888, 4, false},
	{FOURCC_ABGR8888, 4, false},
	{FOURCC_XRGB2101010, 4, false},
	{FOURCC_XBGR2101010, 4, false},
	{FOURCC_RGB565, 2, false},
	{FOURCC_YUYV, 2, true},
	{FOURCC_YVYU, 2, true},
	{FOURCC_UYVY, 2, true},
	{FOURCC_VYUY, 2, true},
};

/* Yf has other tiles at 8 bits a pixel, which none of the formats above has. */
static const struct tiling tilings[] = {
	{MODIFIER_LINEAR, 0, 1},
	{MODIFIER_I915_X_TILED, 512, 8},
	{MODIFIER_I915_Y_TILED, 128, 32},
	{MODIFIER_I915_YF_TILED, 128, 32},
};

static const struct {
	const char *name;
	const char *text;
} refusals[PLANE_REFUSAL_COUNT] = {
	[PLANE_ACCEPTED] = {"accepted", "the plane can be shown"},
	[PLANE_BAD_WIDTH] = {"bad-width", "the width is not between 64 and 16384 pixels"},
	[PLANE_BAD_HEIGHT] = {"bad-height", "the height is not between 64 and 16384 pixels"},
	[PLANE_BAD_CURSOR_SIZE] = {"bad-cursor-size",
		"the cursor's sides are not between 1 and 256 pixels"},
	[PLANE_UNKNOWN_FORMAT] = {"unknown-format", "the pixel format is not known"},
	[PLANE_FORMAT_C8] = {"format-c8", "format C8 is not supported"},
	[PLANE_BAD_CURSOR_FORMAT] = {"bad-cursor-format",
		"the cursor is not ARGB8888 in linear layout"},
	[PLANE_UNKNOWN_MODIFIER] = {"unknown-modifier",
		"the memory layout (modifier) is not known"},
	[PLANE_REGION_NOT_LINEAR] = {"region-not-linear",
		"the region holds a tiled picture, which only a GPU can read"},
	[PLANE_ODD_YUV_WIDTH] = {"odd-yuv-width", "a packed YUV picture has an odd width"},
	[PLANE_STRIDE_SHORT] = {"stride-short", "the stride is less than one row of pixels"},
	[PLANE_STRIDE_UNALIGNED] = {"stride-unaligned",
		"the stride is not a multiple of the pixel or tile size"},
	[PLANE_STRIDE_HUGE] = {"stride-huge", "the stride is absurdly large"},
	[PLANE_SIZE_ZERO] = {"size-zero", "the plane states a size of 0 bytes"},
	[PLANE_SIZE_SHORT] = {"size-short", "stride and height exceed the size that is stated"},
	[PLANE_OVER_BUDGET] = {"over-budget", "the picture needs more memory than is allowed"},
	[PLANE_REGION_MISSING] = {"region-missing",
		"the device region with the picture does not exist or can't be mapped"},
	[PLANE_REGION_SHORT] = {"region-short", "the device region is smaller than the picture"},
	[PLANE_BUFFER_SHORT] = {"buffer-short", "the dma-buf is smaller than the picture"},
};

static const struct format *find_format(uint32_t fourcc)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (formats[i].fourcc == fourcc) {
			return &formats[i];
		}
	}
	return NULL;
}

static const struct tiling *find_tiling(uint64_t modifier)
{
	for (size_t i = 0; i < sizeof(tilings) / sizeof(tilings[0]); i++) {
		if (tilings[i].modifier == modifier) {
			return &tilings[i];
		}
	}
	return NULL;
}

static uint64_t round_up(uint64_t value, uint64_t step)
{
	return (value + step - 1) / step * step;
}

static enum plane_refusal check_sides(
	const struct vfio_device_gfx_plane_info *raw, enum plane_type type, uint64_t budget)
{
	if (type == PLANE_CURSOR) {
		if (raw->width < 1 || raw->width > PLANE_MAX_CURSOR_SIDE || raw->height < 1 ||
			raw->height > PLANE_MAX_CURSOR_SIDE) {
			return PLANE_BAD_CURSOR_SIZE;
		}
		return PLANE_ACCEPTED;
	}
	if (raw->width < PLANE_MIN_SIDE || raw->width > PLANE_MAX_SIDE) {
		return PLANE_BAD_WIDTH;
	}
	if (raw->height < PLANE_MIN_SIDE || raw->height > PLANE_MAX_SIDE) {
		return PLANE_BAD_HEIGHT;
	}
	if (budget != 0 && (uint64_t)raw->width * raw->height * 4 > budget) {
		return PLANE_OVER_BUDGET;
	}
	return PLANE_ACCEPTED;
}

static enum plane_refusal check_layout(const struct vfio_device_gfx_plane_info *raw,
	enum plane_type type, enum plane_kind kind, const struct format **format,
	const struct tiling **tiling)
{
	if (raw->drm_format == FOURCC_C8) {
		return PLANE_FORMAT_C8;
	}
	*format = find_format(raw->drm_format);
	if (!*format) {
		return PLANE_UNKNOWN_FORMAT;
	}
	*tiling = find_tiling(raw->drm_format_mod);
	if (!*tiling) {
		return PLANE_UNKNOWN_MODIFIER;
	}
	if (type == PLANE_CURSOR &&
		(raw->drm_format != FOURCC_ARGB8888 || raw->drm_format_mod != MODIFIER_LINEAR)) {
		return PLANE_BAD_CURSOR_FORMAT;
	}
	if (kind == PLANE_KIND_REGION && raw->drm_format_mod != MODIFIER_LINEAR) {
		return PLANE_REGION_NOT_LINEAR;
	}
	return PLANE_ACCEPTED;
}

static enum plane_refusal check_memory(const struct vfio_device_gfx_plane_info *raw,
	const struct format *format, const struct tiling *tiling)
{
	/* Tiles lie side by side: a row of them is whole or the picture has no such layout. */
	uint32_t step = tiling->bytes ? tiling->bytes : format->bytes;

	if (format->yuv && raw->width % 2 != 0) {
		return PLANE_ODD_YUV_WIDTH;
	}
	if (raw->stride < (uint64_t)raw->width * format->bytes) {
		return PLANE_STRIDE_SHORT;
	}
	if (raw->stride > MAX_STRIDE) {
		return PLANE_STRIDE_HUGE;
	}
	if (raw->stride % step != 0) {
		return PLANE_STRIDE_UNALIGNED;
	}
	if (raw->size == 0) {
		return PLANE_SIZE_ZERO;
	}
	/* The size may be larger: mdpy states all of its memory, rounded up to a power of two. */
	if (raw->stride * round_up(raw->height, tiling->rows) > raw->size) {
		return PLANE_SIZE_SHORT;
	}
	return PLANE_ACCEPTED;
}

enum plane_refusal plane_check(const struct vfio_device_gfx_plane_info *raw, enum plane_type type,
	enum plane_kind kind, uint64_t budget, struct plane *plane)
{
	const struct format *format = NULL;
	const struct tiling *tiling = NULL;
	enum plane_refusal refusal;

	/* The format comes first: where it is unknown, that is what people need to hear. */
	refusal = check_layout(raw, type, kind, &format, &tiling);
	if (refusal != PLANE_ACCEPTED) {
		return refusal;
	}
	refusal = check_sides(raw, type, budget);
	if (refusal != PLANE_ACCEPTED) {
		return refusal;
	}
	refusal = check_memory(raw, format, tiling);
	if (refusal != PLANE_ACCEPTED) {
		return refusal;
	}
	*plane = (struct plane){
		.type = type,
		.kind = kind,
		.format = raw->drm_format,
		.modifier = raw->drm_format_mod,
		.width = raw->width,
		.height = raw->height,
		.stride = raw->stride,
		.size = raw->size,
		.id = kind == PLANE_KIND_REGION ? raw->region_index : raw->dmabuf_id,
	};
	return PLANE_ACCEPTED;
}

const char *plane_refusal_name(enum plane_refusal refusal)
{
	if ((unsigned)refusal >= PLANE_REFUSAL_COUNT) {
		return "unknown";
	}
	return refusals[refusal].name;
}

const char *plane_refusal_text(enum plane_refusal refusal)
{
	if ((unsigned)refusal >= PLANE_REFUSAL_COUNT) {
		return "the plane can't be shown";
	}
	return refusals[refusal].text;
}

uint64_t plane_extent(const struct plane *plane)
{
	const struct format *format = find_format(plane->format);
	const struct tiling *tiling = find_tiling(plane->modifier);

	if (!format || !tiling || plane->height == 0) {
		return 0;
	}
	if (tiling->bytes != 0) {
		return plane->stride * round_up(plane->height, tiling->rows);
	}
	return (uint64_t)plane->stride * (plane->height - 1) +
		(uint64_t)plane->width * format->bytes;
}

bool plane_equal(const struct plane *a, const struct plane *b)
{
	return a->type == b->type && a->kind == b->kind && a->format == b->format &&
		a->modifier == b->modifier && a->width == b->width && a->height == b->height &&
		a->stride == b->stride && a->size == b->size && a->id == b->id;
}
