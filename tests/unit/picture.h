/* SPDX-License-Identifier: MIT */
/*
 * Guest pictures for tests, in a memfd, and what they must look like, computed apart from render/:
 * pixel by pixel, in floating point, from the definition of each format.
 *
 * A picture belongs to who made it. Not thread-safe, but for its bytes.
 */
#ifndef TESTS_PICTURE_H
#define TESTS_PICTURE_H

#include <pixman.h>
#include <stdbool.h>
#include <stdint.h>

#include "render/renderer.h"

struct picture {
	uint32_t format;
	uint32_t width, height; /* pixels */
	uint32_t stride, offset; /* bytes */
	size_t size; /* bytes of the memfd */
	int fd;
	uint8_t *bytes; /* all of the memfd */
};

/* stride 0: as tight as can be. Fails the test when the system can't. */
void picture_init(struct picture *picture, uint32_t format, uint32_t width, uint32_t height,
	uint32_t stride, uint32_t offset);
void picture_finish(struct picture *picture);
struct buffer_attributes picture_dmabuf(const struct picture *picture);
struct buffer_attributes picture_memory(const struct picture *picture);

/* Random bytes everywhere, padding and X included; the same for the same seed. */
void picture_fill(struct picture *picture, uint32_t seed);
/* Changes every pixel of the rectangle, visibly, and nothing else. YUV: x and width even. */
void picture_invert(
	struct picture *picture, uint32_t x, uint32_t y, uint32_t width, uint32_t height);

/* What sinks must get for a pixel: XRGB8888, X = 0. */
uint32_t picture_pixel(const struct picture *picture, uint32_t x, uint32_t y);
/* The furthest that any channel of any pixel is off; X must be 0, else 255. */
unsigned picture_error(const struct picture *picture, const struct snapshot *snapshot);

/* The tiles in which before and after differ: what an update must have reported. */
void picture_changes(pixman_region32_t *region, const uint32_t *before, const uint32_t *after,
	uint32_t width, uint32_t height);

#endif
