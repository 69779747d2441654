/* SPDX-License-Identifier: MIT */
/*
 * A time stamp in pixels: 128 bits (time, sequence, checksum) as black and white blocks in the top
 * left corner of a picture, 64x32 pixels, so that it lies within one damage tile.
 *
 * The painter writes it, the client reads it from its canvas. A stamp of which only a part has
 * arrived does not pass its checksum, and is told from a whole one. Any thread; nothing is owned.
 */
#ifndef BENCH_STAMP_H
#define BENCH_STAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STAMP_BLOCK 4 /* pixels: side of a block, one bit */
#define STAMP_COLUMNS 16
#define STAMP_ROWS 8
#define STAMP_WIDTH (STAMP_BLOCK * STAMP_COLUMNS)
#define STAMP_HEIGHT (STAMP_BLOCK * STAMP_ROWS)

struct stamp {
	uint64_t ns; /* CLOCK_MONOTONIC */
	uint32_t sequence;
};

/* Mixes all bits, so that a stamp made of two others' halves does not pass. */
static inline uint32_t stamp_checksum(const struct stamp *stamp)
{
	uint64_t x = stamp->ns ^ (uint64_t)stamp->sequence << 29 ^ 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return (uint32_t)(x ^ x >> 31);
}

/* pixels: XRGB8888 of a picture at least STAMP_WIDTH x STAMP_HEIGHT; stride in bytes. */
static inline void stamp_write(void *pixels, size_t stride, const struct stamp *stamp)
{
	uint32_t words[4] = {(uint32_t)stamp->ns, (uint32_t)(stamp->ns >> 32), stamp->sequence,
		stamp_checksum(stamp)};

	for (unsigned y = 0; y < STAMP_HEIGHT; y++) {
		uint32_t *row = (uint32_t *)((char *)pixels + y * stride);

		for (unsigned x = 0; x < STAMP_WIDTH; x++) {
			unsigned bit = y / STAMP_BLOCK * STAMP_COLUMNS + x / STAMP_BLOCK;

			row[x] = words[bit / 32] >> bit % 32 & 1 ? 0xffffff : 0;
		}
	}
}

/* False where no whole stamp is there. A block is read at two pixels, which have to agree. */
static inline bool stamp_read(const void *pixels, size_t stride, struct stamp *stamp)
{
	uint32_t words[4] = {0};

	for (unsigned bit = 0; bit < STAMP_COLUMNS * STAMP_ROWS; bit++) {
		unsigned x = bit % STAMP_COLUMNS * STAMP_BLOCK;
		unsigned y = bit / STAMP_COLUMNS * STAMP_BLOCK;
		const char *row = (const char *)pixels + (y + 1) * stride;
		uint32_t first = ((const uint32_t *)row)[x + 1] & 0xffffff;
		uint32_t last = ((const uint32_t *)(row + stride))[x + 2] & 0xffffff;

		if (first != last || (first != 0 && first != 0xffffff)) {
			return false;
		}
		words[bit / 32] |= (uint32_t)(first != 0) << bit % 32;
	}
	stamp->ns = words[0] | (uint64_t)words[1] << 32;
	stamp->sequence = words[2];
	return words[3] == stamp_checksum(stamp);
}

#endif
