/* SPDX-License-Identifier: MIT */
/*
 * Drawing for the simulated guest: rectangles, blends and text into XRGB8888 in plain memory.
 *
 * Everything is clipped to the canvas' clip rectangle, so coordinates may be anything within
 * +-1 million. No state, no allocation, no thread of its own; the caller owns the pixels.
 */
#ifndef VFIO_SIM_DRAW_H
#define VFIO_SIM_DRAW_H

#include <stddef.h>
#include <stdint.h>

#define SIM_FONT_FIRST ' '
#define SIM_FONT_LAST '~'
#define SIM_FONT_WIDTH 8 /* pixels of a cell */
#define SIM_FONT_HEIGHT 16
#define SIM_FONT_TOP 2 /* empty rows above the stored ones */
#define SIM_FONT_ROWS 12 /* stored rows */

#define SIM_TURN 4096 /* parts of a full turn, for sim_sine() */
#define SIM_SINE_ONE 1024 /* sim_sine()'s largest value */

/* Pixels; right and bottom are one past the last. Empty where left >= right or top >= bottom. */
struct sim_rect {
	int left, top, right, bottom;
};

struct sim_canvas {
	uint32_t *pixels;
	size_t pitch; /* pixels from a line to the next */
	int width, height;
	struct sim_rect clip; /* inside the canvas */
};

/* SIM_FONT_ROWS bytes, the leftmost pixel in the highest bit. Never NULL. */
const uint8_t *sim_font_glyph(char c);

struct sim_rect sim_rect_make(int x, int y, int width, int height);
struct sim_rect sim_rect_intersect(struct sim_rect a, struct sim_rect b);
/* The smallest rectangle around both; an empty one adds nothing. */
struct sim_rect sim_rect_union(struct sim_rect a, struct sim_rect b);
int sim_rect_empty(struct sim_rect rect);

void sim_canvas_init(
	struct sim_canvas *canvas, uint32_t *pixels, size_t pitch, int width, int height);
struct sim_rect sim_canvas_all(const struct sim_canvas *canvas);

uint32_t *sim_canvas_line(const struct sim_canvas *canvas, int y);
void sim_fill(const struct sim_canvas *canvas, struct sim_rect rect, uint32_t color);
/* Mixes color in; weight 0 leaves the picture alone, 256 is sim_fill(). */
void sim_blend(
	const struct sim_canvas *canvas, struct sim_rect rect, uint32_t color, unsigned weight);
/* One pixel wide, inside rect. */
void sim_frame(const struct sim_canvas *canvas, struct sim_rect rect, uint32_t color);
/* A soft shadow outside rect, 8 pixels wide. */
void sim_shadow(const struct sim_canvas *canvas, struct sim_rect rect);
/* Top left of the first cell at x, y; each font pixel is scale x scale. */
void sim_text(
	const struct sim_canvas *canvas, int x, int y, int scale, uint32_t color, const char *text);

/* The mix of two colours, weight 0 (a) to 256 (b). */
uint32_t sim_mix(uint32_t a, uint32_t b, unsigned weight);
/* A smooth wave near a sine: angle in parts of SIM_TURN, result within +-SIM_SINE_ONE. */
int sim_sine(int64_t angle);
/* A number that looks random but depends on value alone. */
uint32_t sim_hash(uint32_t value);

#endif
