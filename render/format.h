/* SPDX-License-Identifier: MIT */
/*
 * The pixel formats that vGPUs use, and whether a picture of one fits into a buffer.
 *
 * A constant table, shared by the CPU and the GL path. Nothing is kept; any thread.
 */
#ifndef RENDER_FORMAT_H
#define RENDER_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "render/buffer.h"

#define FORMAT_MAX_SIDE 16384 /* pixels; what i915's pipes and every GL of this day can do */
#define FORMAT_NAME_SIZE 48

struct format {
	uint32_t fourcc;
	const char *name; /* as in drm_fourcc.h, without the prefix */
	unsigned bytes; /* of one pixel; two for packed YUV, whose pairs share four bytes */
	bool alpha;
	/*
	 * Packed YUV 4:2:2. A plane query says nothing of matrix and range; we take BT.709 with limited
	 * range, which is what i915 sets for its planes by default.
	 */
	bool yuv;
	const char *refused; /* why no path takes it, or NULL */
};

/* NULL: unknown. */
const struct format *format_find(uint32_t fourcc);

/* "XRGB8888", or for strangers "AB12 (0x32314241)"; unprintable bytes become '?'. */
const char *format_name(uint32_t fourcc, char *name, size_t size);

/* "X_TILED (0x100000000000001)". */
const char *format_modifier_name(uint64_t modifier, char *name, size_t size);

/* Bytes that one row of width pixels takes; an odd YUV row ends with a whole pair. */
uint64_t format_row_bytes(const struct format *format, uint32_t width);

/*
 * Is this a linear picture that lies within length bytes? 0, or -ERANGE with one line in why. For
 * tiled pictures only the sizes and the stride against length can be said; give linear = false.
 */
int format_check_bounds(const struct format *format, const struct buffer_attributes *attributes,
	uint64_t length, bool linear, char *why, size_t why_size);

#endif
