/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <xf86drm.h>

#include "render/format.h"

static const struct format formats[] = {
	{.fourcc = DRM_FORMAT_XRGB8888, .name = "XRGB8888", .bytes = 4},
	{.fourcc = DRM_FORMAT_ARGB8888, .name = "ARGB8888", .bytes = 4, .alpha = true},
	{.fourcc = DRM_FORMAT_XBGR8888, .name = "XBGR8888", .bytes = 4},
	{.fourcc = DRM_FORMAT_ABGR8888, .name = "ABGR8888", .bytes = 4, .alpha = true},
	{.fourcc = DRM_FORMAT_RGB565, .name = "RGB565", .bytes = 2},
	{.fourcc = DRM_FORMAT_XRGB2101010, .name = "XRGB2101010", .bytes = 4},
	{.fourcc = DRM_FORMAT_XBGR2101010, .name = "XBGR2101010", .bytes = 4},
	{.fourcc = DRM_FORMAT_YUYV, .name = "YUYV", .bytes = 2, .yuv = true},
	{.fourcc = DRM_FORMAT_UYVY, .name = "UYVY", .bytes = 2, .yuv = true},
	{.fourcc = DRM_FORMAT_YVYU, .name = "YVYU", .bytes = 2, .yuv = true},
	{.fourcc = DRM_FORMAT_VYUY, .name = "VYUY", .bytes = 2, .yuv = true},
	{.fourcc = DRM_FORMAT_C8,
		.name = "C8",
		.bytes = 1,
		.refused =
			"its palette is not part of what a vGPU exports; let the guest use 32-bit "
			"colour"},
};

const struct format *format_find(uint32_t fourcc)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (formats[i].fourcc == fourcc) {
			return &formats[i];
		}
	}
	return NULL;
}

const char *format_name(uint32_t fourcc, char *name, size_t size)
{
	const struct format *format = format_find(fourcc);
	char letters[5] = {0};

	if (format) {
		snprintf(name, size, "%s", format->name);
		return name;
	}
	for (unsigned i = 0; i < 4; i++) {
		unsigned char letter = fourcc >> (8 * i);

		letters[i] = letter >= 0x20 && letter < 0x7f ? (char)letter : '?';
	}
	snprintf(name, size, "%s (0x%08" PRIx32 ")", letters, fourcc);
	return name;
}

const char *format_modifier_name(uint64_t modifier, char *name, size_t size)
{
	char *known = drmGetFormatModifierName(modifier);

	snprintf(name, size, "%s (0x%" PRIx64 ")", known ? known : "unknown", modifier);
	free(known);
	return name;
}

uint64_t format_row_bytes(const struct format *format, uint32_t width)
{
	if (format->yuv) {
		return ((uint64_t)width + 1) / 2 * 4;
	}
	return (uint64_t)width * format->bytes;
}

int format_check_bounds(const struct format *format, const struct buffer_attributes *attributes,
	uint64_t length, bool linear, char *why, size_t why_size)
{
	uint64_t row, end;

	if (attributes->width == 0 || attributes->height == 0 ||
		attributes->width > FORMAT_MAX_SIDE || attributes->height > FORMAT_MAX_SIDE) {
		snprintf(why, why_size, "size %" PRIu32 "x%" PRIu32 " is outside 1x1 to %ux%u",
			attributes->width, attributes->height, FORMAT_MAX_SIDE, FORMAT_MAX_SIDE);
		return -ERANGE;
	}

	row = format_row_bytes(format, attributes->width);
	if (attributes->stride < row) {
		snprintf(why, why_size,
			"stride %" PRIu32 " is less than the %" PRIu64 " bytes of %" PRIu32
			" pixels of %s",
			attributes->stride, row, attributes->width, format->name);
		return -ERANGE;
	}

	/* No overflow: 2^32 + 2^32 * 2^14 + 2^16. */
	end = (uint64_t)attributes->offset +
		(uint64_t)attributes->stride * (attributes->height - 1) +
		(linear ? row : attributes->stride);
	if (end > length) {
		snprintf(why, why_size,
			"the picture ends at byte %" PRIu64 " (offset %" PRIu32 ", stride %" PRIu32
			", %" PRIu32 " rows), the buffer has %" PRIu64,
			end, attributes->offset, attributes->stride, attributes->height, length);
		return -ERANGE;
	}
	return 0;
}
