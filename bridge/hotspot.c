/* SPDX-License-Identifier: MIT */
#include "bridge/hotspot.h"

#include <stdlib.h>

/* Guests round places to pixels in their own way. */
#define TOLERANCE 1
/* Two sights of one and the same place would agree even if the guest did not follow at all. */
#define APART 8

/* FNV-1a, by words. */
static uint64_t hash_shape(const uint32_t *pixels, uint32_t width, uint32_t height)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	size_t count = (size_t)width * height;

	hash = (hash ^ width) * UINT64_C(0x100000001b3);
	hash = (hash ^ height) * UINT64_C(0x100000001b3);
	for (size_t i = 0; i < count; i++) {
		hash = (hash ^ pixels[i]) * UINT64_C(0x100000001b3);
	}
	return hash;
}

void hotspot_set_shape(
	struct hotspot *hotspot, const uint32_t *pixels, uint32_t width, uint32_t height)
{
	uint64_t hash = hash_shape(pixels, width, height);
	struct hotspot_shape *shape = &hotspot->shapes[0];

	for (size_t i = 0; i < HOTSPOT_SHAPES; i++) {
		struct hotspot_shape *other = &hotspot->shapes[i];

		if (other->used && other->hash == hash) {
			shape = other;
			break;
		}
		if (other->used < shape->used) {
			shape = other;
		}
	}
	if (!shape->used || shape->hash != hash) {
		*shape = (struct hotspot_shape){.hash = hash};
	}
	shape->used = ++hotspot->clock;
	hotspot->shape = shape;
	hotspot->width = width;
	hotspot->height = height;
	/* With the shape the plane jumps by what differs in the hot spots. */
	hotspot->still_since = INT64_MAX;
}

static bool near(int32_t ax, int32_t ay, int32_t bx, int32_t by, int32_t distance)
{
	return abs(ax - bx) <= distance && abs(ay - by) <= distance;
}

/*
 * One sight proves nothing: the guest may have put the pointer elsewhere, or not have looked at its
 * input at all. Two from places apart that agree do.
 */
static void learn(struct hotspot *hotspot, const struct hotspot_sight *sight)
{
	struct hotspot_shape *shape = hotspot->shape;
	int64_t x = (int64_t)sight->pointed_x - sight->plane_x;
	int64_t y = (int64_t)sight->pointed_y - sight->plane_y;

	if (x < 0 || y < 0 || x >= hotspot->width || y >= hotspot->height) {
		return;
	}
	if (near((int32_t)x, (int32_t)y, (int32_t)shape->x, (int32_t)shape->y, TOLERANCE)) {
		shape->seen = false;
		return;
	}
	if (shape->seen && near((int32_t)x, (int32_t)y, shape->seen_x, shape->seen_y, TOLERANCE)) {
		if (!near((int32_t)sight->pointed_x, (int32_t)sight->pointed_y,
			    (int32_t)shape->seen_at_x, (int32_t)shape->seen_at_y, APART)) {
			shape->x = (uint32_t)x;
			shape->y = (uint32_t)y;
			shape->seen = false;
		}
		return;
	}
	shape->seen = true;
	shape->seen_x = (int32_t)x;
	shape->seen_y = (int32_t)y;
	shape->seen_at_x = sight->pointed_x;
	shape->seen_at_y = sight->pointed_y;
}

void hotspot_look(struct hotspot *hotspot, const struct hotspot_sight *sight, uint32_t *hot_x,
	uint32_t *hot_y)
{
	bool pointed = sight->pointed_serial != hotspot->pointed_serial;
	bool moved = sight->plane_x != hotspot->plane_x || sight->plane_y != hotspot->plane_y ||
		hotspot->still_since == INT64_MAX;

	hotspot->pointed_serial = sight->pointed_serial;
	hotspot->plane_x = sight->plane_x;
	hotspot->plane_y = sight->plane_y;
	if (pointed || moved) {
		hotspot->waiting |= pointed;
		hotspot->still_since = sight->now;
	} else if (hotspot->waiting && hotspot->shape &&
		sight->now - hotspot->still_since >= HOTSPOT_REST_NS) {
		hotspot->waiting = false;
		learn(hotspot, sight);
	}
	*hot_x = hotspot->shape ? hotspot->shape->x : 0;
	*hot_y = hotspot->shape ? hotspot->shape->y : 0;
}
