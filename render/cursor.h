/* SPDX-License-Identifier: MIT */
/*
 * The guest's pointer, apart from the picture. Plain value: who needs it longer copies it.
 */
#ifndef RENDER_CURSOR_H
#define RENDER_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

#define CURSOR_MAX_SIDE 256

struct cursor {
	bool visible;
	uint32_t serial; /* changes with shape and hot spot; same serial, same shape */
	int32_t x, y; /* top left corner of the shape, pixels; may be negative */
	uint32_t width, height; /* pixels, at most CURSOR_MAX_SIDE */
	uint32_t hot_x, hot_y; /* inside the shape; 0,0 where unknown */
	const uint32_t *pixels; /* premultiplied ARGB8888, width x height, no padding */
};

#endif
