/* SPDX-License-Identifier: MIT */
/*
 * Where in the guest's pointer its hot spot is, learned from where viewers point.
 *
 * A value of one device, not to be moved; capture thread. Not every guest tells: but when a viewer has pointed
 * somewhere, and the pointer's plane has come to rest, the hot spot is what lies between the two. What
 * was learned is kept for each shape, since a guest shows the same few again and again.
 */
#ifndef BRIDGE_HOTSPOT_H
#define BRIDGE_HOTSPOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOTSPOT_SHAPES 32
/* The plane has not moved for so long: it rests. */
#define HOTSPOT_REST_NS (120 * INT64_C(1000000))

struct hotspot_shape {
	uint64_t hash; /* of its pixels and size */
	uint64_t used; /* when last, by hotspot.clock; 0: never */
	uint32_t x, y; /* what is believed; 0,0 at first */
	bool seen; /* one sight that awaits another which agrees */
	int32_t seen_x, seen_y;
	uint32_t seen_at_x, seen_at_y; /* where was pointed then */
};

struct hotspot {
	struct hotspot_shape shapes[HOTSPOT_SHAPES];
	struct hotspot_shape *shape; /* the one that is up, NULL: none yet */
	uint32_t width, height; /* of it */
	uint64_t clock;
	bool waiting; /* somebody has pointed, and the plane has not come to rest since */
	uint32_t pointed_serial;
	int32_t plane_x, plane_y;
	int64_t still_since; /* ns */
};

/* What one look at the pointer's plane tells. */
struct hotspot_sight {
	int64_t now; /* CLOCK_MONOTONIC, ns */
	int32_t plane_x, plane_y; /* top left corner, pixels of the picture */
	uint32_t pointed_x, pointed_y; /* where a viewer has pointed last, the same pixels */
	uint32_t pointed_serial; /* another with each time; 0: never yet */
};

/* Another shape is up: width x height pixels. */
void hotspot_set_shape(
	struct hotspot *hotspot, const uint32_t *pixels, uint32_t width, uint32_t height);

/* Learns from a look, and says what is believed of the shape that is up: always inside it. */
void hotspot_look(struct hotspot *hotspot, const struct hotspot_sight *sight, uint32_t *hot_x,
	uint32_t *hot_y);

#endif
