/* SPDX-License-Identifier: MIT */
/*
 * Gives a cursor position its sign back.
 *
 * GVT-g decodes the sign bits of the cursor registers and drops them: a cursor that hangs over the
 * left or top edge by 5 pixels comes back at +5. Which of the two it is follows from where the
 * pointer was and was going. Plain arithmetic; one tracker a device, no ownership.
 */
#ifndef VFIO_POINTER_H
#define VFIO_POINTER_H

#include <stdbool.h>
#include <stdint.h>

/* One story of how the pointer got where it is: the cheaper, the smoother was the movement. */
struct pointer_story {
	bool told;
	int32_t position; /* pixels, signed */
	int32_t step; /* pixels of the last movement, 0 once it has rested */
	int64_t cost;
};

struct pointer_axis {
	struct pointer_story positive, negative; /* by the sign of their position */
	bool is_negative; /* which one is believed */
	unsigned still; /* reports since the last movement */
};

struct pointer_tracker {
	struct pointer_axis x, y;
	bool hot_filled; /* this guest has told a hot spot at least once */
	bool keeps_sign; /* this device has told a negative position */
};

/* One cursor as the device states it, after its size was checked. */
struct pointer_report {
	uint32_t x, y; /* raw position */
	uint32_t width, height; /* pixels */
	uint32_t hot_x, hot_y; /* inside the cursor; meaningless unless hot_known */
	bool hot_known;
};

/* Fills x and y with the signed position. Starts with a zeroed tracker. */
void pointer_track(struct pointer_tracker *tracker, const struct pointer_report *report, int32_t *x,
	int32_t *y);

/* The cursor was switched off: it keeps its place, not its movement. */
void pointer_rest(struct pointer_tracker *tracker);

#endif
