/* SPDX-License-Identifier: MIT */
/*
 * The CPU's look at a picture: compares and copies in one go, tile by tile.
 *
 * The source may be written by others at any moment, so each of its bytes is read exactly once a
 * look, into registers or private memory; what was compared is what is stored. That makes the
 * snapshot converge: once the writer rests, one more look sees every pixel that differs. Tile by
 * tile tears less than line by line, since a tile is read in one short run. Nothing is kept.
 */
#ifndef RENDER_TILE_H
#define RENDER_TILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "render/format.h"
#include "render/renderer.h"

/*
 * Brings a tile of width x height pixels (RENDER_TILE at most) up to date; true if a pixel differed.
 * to_stride in pixels, from_stride in bytes. Pixels stored have X = 0. The source needs no alignment.
 */
typedef bool (*tile_update)(uint32_t *to, size_t to_stride, const uint8_t *from, size_t from_stride,
	uint32_t width, uint32_t height);

/* NULL: no conversion for this format. */
tile_update tile_update_of(uint32_t fourcc);

/*
 * Looks at a whole picture of the snapshot's size and marks tiles (see damage.h); returns how many
 * differed.
 */
uint64_t tile_scan(struct snapshot *snapshot, const uint8_t *from, size_t from_stride,
	const struct format *format, tile_update update, uint8_t *marks);

#endif
