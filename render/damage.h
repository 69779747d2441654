/* SPDX-License-Identifier: MIT */
/*
 * From marked tiles to a region.
 *
 * Marks are one byte a tile of RENDER_TILE pixels, row by row, without padding; not zero is dirty.
 * Nothing is kept; any thread.
 */
#ifndef RENDER_DAMAGE_H
#define RENDER_DAMAGE_H

#include <pixman.h>
#include <stdint.h>

#include "render/renderer.h"

/* Tiles that cover so many pixels. */
static inline uint32_t damage_tiles(uint32_t pixels)
{
	return (pixels + RENDER_TILE - 1) / RENDER_TILE;
}

/*
 * Adds the marked tiles, clipped to width x height pixels. When memory lacks, the whole picture is
 * added: too much damage costs bytes, too little leaves wrong pixels for ever.
 */
void damage_add_marks(
	pixman_region32_t *damage, const uint8_t *marks, uint32_t width, uint32_t height);

/* Adds the whole picture. */
void damage_add_all(pixman_region32_t *damage, uint32_t width, uint32_t height);

#endif
