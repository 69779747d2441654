/* SPDX-License-Identifier: MIT */
#include "tests/client/canvas.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_START 0xcbf29ce484222325u
#define HASH_PRIME 0x100000001b3u

static const uint32_t *canvas_row(const struct canvas *canvas, uint32_t y)
{
	return (const uint32_t *)((const char *)canvas->data + y * canvas->stride);
}

/* Calls convert for each row and writes what it made; 0 or -errno. */
static int write_rows(const struct canvas *canvas, FILE *file, size_t row_size,
	void (*convert)(unsigned char *out, const uint32_t *row, uint32_t width))
{
	unsigned char *out = malloc(row_size);
	int ret = 0;

	if (!out) {
		return -ENOMEM;
	}
	for (uint32_t y = 0; y < canvas->height && !ret; y++) {
		convert(out, canvas_row(canvas, y), canvas->width);
		if (fwrite(out, row_size, 1, file) != 1) {
			ret = -EIO;
		}
	}
	free(out);
	return ret;
}

static void to_rgb(unsigned char *out, const uint32_t *row, uint32_t width)
{
	for (uint32_t x = 0; x < width; x++) {
		out[3 * x] = row[x] >> 16 & 0xff;
		out[3 * x + 1] = row[x] >> 8 & 0xff;
		out[3 * x + 2] = row[x] & 0xff;
	}
}

static void to_xrgb(unsigned char *out, const uint32_t *row, uint32_t width)
{
	for (uint32_t x = 0; x < width; x++) {
		uint32_t pixel = row[x] & 0xffffff;

		memcpy(out + 4 * x, &pixel, sizeof(pixel));
	}
}

static int finish(FILE *file, int ret)
{
	if (fclose(file) && !ret) {
		ret = -errno;
	}
	return ret;
}

int canvas_write_ppm(const struct canvas *canvas, const char *path)
{
	FILE *file = fopen(path, "wbe");

	if (!file) {
		return -errno;
	}
	fprintf(file, "P6\n%u %u\n255\n", canvas->width, canvas->height);
	return finish(file, write_rows(canvas, file, (size_t)canvas->width * 3, to_rgb));
}

int canvas_write_raw(const struct canvas *canvas, const char *path)
{
	FILE *file = fopen(path, "wbe");

	if (!file) {
		return -errno;
	}
	return finish(file, write_rows(canvas, file, (size_t)canvas->width * 4, to_xrgb));
}

uint64_t canvas_hash(const struct canvas *canvas)
{
	uint64_t hash = HASH_START;

	for (uint32_t y = 0; y < canvas->height; y++) {
		const uint32_t *row = canvas_row(canvas, y);

		for (uint32_t x = 0; x < canvas->width; x++) {
			hash = (hash ^ (row[x] & 0xffffff)) * HASH_PRIME;
		}
	}
	return hash;
}

static unsigned component_difference(uint32_t a, uint32_t b, unsigned shift)
{
	return (unsigned)abs((int)(a >> shift & 0xff) - (int)(b >> shift & 0xff));
}

static unsigned pixel_difference(uint32_t a, uint32_t b)
{
	unsigned max = 0;

	for (unsigned shift = 0; shift < 24; shift += 8) {
		unsigned d = component_difference(a, b, shift);

		max = d > max ? d : max;
	}
	return max;
}

bool canvas_compare(const struct canvas *canvas, const uint32_t *want, unsigned tolerance,
	struct canvas_difference *difference)
{
	*difference = (struct canvas_difference){0};
	for (uint32_t y = 0; y < canvas->height; y++) {
		const uint32_t *have = canvas_row(canvas, y);
		const uint32_t *row = want + (size_t)y * canvas->width;

		for (uint32_t x = 0; x < canvas->width; x++) {
			unsigned d;

			if (!((have[x] ^ row[x]) & 0xffffff)) {
				continue;
			}
			d = pixel_difference(have[x], row[x]);
			if (d > difference->max) {
				difference->max = d;
			}
			if (d > tolerance && !difference->pixels++) {
				difference->x = x;
				difference->y = y;
				difference->want = row[x] & 0xffffff;
				difference->have = have[x] & 0xffffff;
			}
		}
	}
	return !difference->pixels;
}

uint64_t bytes_hash(const void *data, size_t size)
{
	const unsigned char *bytes = data;
	uint64_t hash = HASH_START;

	for (size_t i = 0; i < size; i++) {
		hash = (hash ^ bytes[i]) * HASH_PRIME;
	}
	return hash;
}
