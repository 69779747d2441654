/* SPDX-License-Identifier: MIT */
/*
 * The CPU's look at a picture: compares and copies in one go.
 *
 * The source may be written by others at any moment, so each of its bytes is read exactly once a
 * look, into registers or private memory; what was compared is what is stored. That makes the
 * snapshot converge: once the writer rests, one more look sees every pixel that differs. Nothing is
 * kept.
 */
#ifndef RENDER_TILE_H
#define RENDER_TILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "render/format.h"
#include "render/renderer.h"

/*
 * Brings width pixels of one row up to date, beginning at a tile's left edge, and sets marks[i] to 1
 * where a pixel of the i-th tile differed (it clears none). Pixels stored have X = 0. The source
 * needs no alignment.
 */
typedef void (*tile_row)(uint32_t *to, const uint8_t *from, uint32_t width, uint8_t *marks);

/* The fastest that this processor can run. NULL: no conversion for this format. */
tile_row tile_row_of(uint32_t fourcc);
/* What every processor can run; gives the same, and is there for others only to be tested. */
tile_row tile_row_plain(uint32_t fourcc);

/*
 * Looks at a whole picture of the snapshot's size and marks tiles (see damage.h); returns how many
 * differed.
 */
uint64_t tile_scan(struct snapshot *snapshot, const uint8_t *from, size_t from_stride,
	const struct format *format, tile_row update, uint8_t *marks);

#endif
