/* SPDX-License-Identifier: MIT */
/*
 * What can be done with a picture that a client shows: write it to a file, hash it, compare it.
 *
 * Pixels are XRGB8888 whose X is ignored. Nothing is kept; the pixels are borrowed for the call.
 */
#ifndef CLIENT_CANVAS_H
#define CLIENT_CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct canvas {
	const void *data;
	uint32_t width, height; /* pixels */
	size_t stride; /* bytes */
};

struct canvas_difference {
	uint64_t pixels; /* how many differ by more than the tolerance */
	uint32_t x, y; /* the first of them */
	uint32_t want, have; /* there */
	unsigned max; /* largest difference of one colour component, 0 to 255 */
};

/* A binary PPM (P6). 0 or -errno. */
int canvas_write_ppm(const struct canvas *canvas, const char *path);
/* Rows of width*4 bytes, X = 0. 0 or -errno. */
int canvas_write_raw(const struct canvas *canvas, const char *path);
uint64_t canvas_hash(const struct canvas *canvas);
/* Compares with pixels of the same size without padding. True where none differs. */
bool canvas_compare(const struct canvas *canvas, const uint32_t *want, unsigned tolerance,
	struct canvas_difference *difference);

/* Of any bytes. */
uint64_t bytes_hash(const void *data, size_t size);

#endif
