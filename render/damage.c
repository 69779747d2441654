/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "render/damage.h"

/* Boxes gathered before one union; most pictures need a handful, a chess board 32768. */
#define BOXES 256

struct boxes {
	pixman_region32_t *damage;
	pixman_box32_t box[BOXES];
	int n;
	bool failed;
};

/* One union for many boxes: adding them one by one costs a walk of the whole region for each. */
static void boxes_flush(struct boxes *boxes)
{
	pixman_region32_t region;

	if (boxes->n == 0) {
		return;
	}
	if (!pixman_region32_init_rects(&region, boxes->box, boxes->n)) {
		boxes->failed = true;
	} else if (!pixman_region32_union(boxes->damage, boxes->damage, &region)) {
		boxes->failed = true;
	}
	pixman_region32_fini(&region);
	boxes->n = 0;
}

static void add_band(
	struct boxes *boxes, const uint8_t *marks, uint32_t tiles, uint32_t width, int y1, int y2)
{
	uint32_t x = 0;

	while (x < tiles) {
		uint32_t first;

		if (!marks[x]) {
			x++;
			continue;
		}
		first = x;
		while (x < tiles && marks[x]) {
			x++;
		}
		if (boxes->n == BOXES) {
			boxes_flush(boxes);
		}
		boxes->box[boxes->n++] = (pixman_box32_t){
			.x1 = (int)(first * RENDER_TILE),
			.y1 = y1,
			.x2 = (int)(x == tiles ? width : x * RENDER_TILE),
			.y2 = y2,
		};
	}
}

void damage_add_all(pixman_region32_t *damage, uint32_t width, uint32_t height)
{
	pixman_region32_t all;

	pixman_region32_init_rect(&all, 0, 0, width, height);
	if (!pixman_region32_union(damage, damage, &all)) {
		/* Without memory pixman leaves a broken region, which would stay so. */
		pixman_region32_fini(damage);
		pixman_region32_init_rect(damage, 0, 0, width, height);
	}
	pixman_region32_fini(&all);
}

void damage_add_marks(
	pixman_region32_t *damage, const uint8_t *marks, uint32_t width, uint32_t height)
{
	uint32_t tiles_x = damage_tiles(width), tiles_y = damage_tiles(height);
	struct boxes boxes = {.damage = damage};
	uint32_t y = 0;

	while (y < tiles_y) {
		const uint8_t *band = marks + (size_t)y * tiles_x;
		uint32_t first = y++;

		/* Equal bands below are the same boxes, only taller. */
		while (y < tiles_y && memcmp(band, marks + (size_t)y * tiles_x, tiles_x) == 0) {
			y++;
		}
		add_band(&boxes, band, tiles_x, width, (int)(first * RENDER_TILE),
			(int)(y == tiles_y ? height : y * RENDER_TILE));
	}
	boxes_flush(&boxes);
	if (boxes.failed) {
		damage_add_all(damage, width, height);
	}
}
