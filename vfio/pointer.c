/* SPDX-License-Identifier: MIT */
#include "vfio/pointer.h"

#include <stdlib.h>

/* No screen is larger, see PLANE_MAX_SIDE; keeps the sums below far from overflow. */
#define MAX_POSITION 16384

/*
 * A hand that moves the pointer is slower than we ask: the same place again is no end of a movement.
 * After so many it is, and the next movement may go either way.
 */
#define STILL_REPORTS 8

/* How unlikely a change of speed is: most of all one that turns round. */
static int64_t movement_cost(int32_t before, int32_t now)
{
	int64_t speed = llabs(before);
	int64_t new_speed = llabs(now);

	if (now == 0 || (before < 0) == (now < 0)) {
		return llabs(new_speed - speed);
	}
	return speed + 2 * new_speed;
}

/* Goes on with a story at a new position; keeps the cheapest that leads there. */
static void tell(
	struct pointer_story *to, const struct pointer_story *from, int32_t position, int32_t side)
{
	int32_t moved = position - from->position;
	struct pointer_story story = {.told = true, .position = position};

	if (!from->told) {
		return;
	}
	story.cost = from->cost;
	if (abs(moved) > 2 * side) {
		/* A jump: nothing follows from it, and no sign is the likelier. */
		if (position < 0) {
			return;
		}
	} else {
		story.step = moved;
		story.cost += movement_cost(from->step, story.step);
	}
	if (!to->told || story.cost < to->cost) {
		*to = story;
	}
}

static void stop(struct pointer_story *story)
{
	story->cost += movement_cost(story->step, 0);
	story->step = 0;
}

static void believe_only(struct pointer_axis *axis, int32_t position, int32_t side)
{
	struct pointer_story story = {.told = true, .position = position};
	const struct pointer_story *last = axis->is_negative ? &axis->negative : &axis->positive;

	if (last->told && abs(position - last->position) <= 2 * side) {
		story.step = position - last->position;
	}
	axis->is_negative = position < 0;
	axis->positive = (struct pointer_story){0};
	axis->negative = (struct pointer_story){0};
	*(position < 0 ? &axis->negative : &axis->positive) = story;
}

/*
 * The same place again. Or just the mirrored one: that is not believed yet, but it is the beginning
 * of a story that the next movement may bear out.
 */
static int32_t stay(struct pointer_axis *axis, int32_t position, int32_t side, bool can_cross)
{
	const struct pointer_axis before = *axis;

	if (axis->still < STILL_REPORTS) {
		if (can_cross) {
			tell(&axis->positive, &before.negative, position, side);
			tell(&axis->negative, &before.positive, -position, side);
		}
		if (++axis->still == STILL_REPORTS) {
			stop(&axis->positive);
			stop(&axis->negative);
		}
	}
	return axis->is_negative ? axis->negative.position : axis->positive.position;
}

/*
 * Two stories are told on, one for each sign, and the smoother one is believed, so that the next
 * positions mend a wrong belief. limit is how far the cursor can hang over the edge: its hot spot
 * stays on the screen.
 */
static int32_t track_axis(struct pointer_axis *axis, uint32_t raw, uint32_t side, uint32_t limit)
{
	const struct pointer_story *believed =
		axis->is_negative ? &axis->negative : &axis->positive;
	struct pointer_story positive = {0};
	struct pointer_story negative = {0};
	int32_t position;

	if (believed->told && raw == (uint32_t)abs(believed->position) &&
		(!axis->is_negative || raw <= limit)) {
		return stay(axis, (int32_t)raw, (int32_t)side, raw != 0 && raw <= limit);
	}
	axis->still = 0;
	if (raw > INT32_MAX) {
		position = (int32_t)((int64_t)raw - (INT64_C(1) << 32));
		position = position < -(int32_t)side ? -(int32_t)side : position;
		believe_only(axis, position, (int32_t)side);
	} else if (raw > limit || raw == 0 || (!axis->positive.told && !axis->negative.told)) {
		position = raw > MAX_POSITION ? MAX_POSITION : (int32_t)raw;
		believe_only(axis, position, (int32_t)side);
	} else {
		position = (int32_t)raw;
		tell(&positive, &axis->positive, position, (int32_t)side);
		tell(&positive, &axis->negative, position, (int32_t)side);
		tell(&negative, &axis->negative, -position, (int32_t)side);
		tell(&negative, &axis->positive, -position, (int32_t)side);
		/* Where both are as good, the belief stays. */
		if (!negative.told || positive.cost < negative.cost) {
			axis->is_negative = false;
		} else if (negative.cost < positive.cost) {
			axis->is_negative = true;
		}
		if (negative.told) {
			int64_t least =
				positive.cost < negative.cost ? positive.cost : negative.cost;

			positive.cost -= least;
			negative.cost -= least;
		}
		axis->positive = positive;
		axis->negative = negative;
	}
	return axis->is_negative ? axis->negative.position : axis->positive.position;
}

void pointer_track(struct pointer_tracker *tracker, const struct pointer_report *report, int32_t *x,
	int32_t *y)
{
	uint32_t limit_x = report->width;
	uint32_t limit_y = report->height;

	/*
	 * A guest that fills the hot spot in says how far it can go. 0,0 is also what a guest driver
	 * leaves that knows nothing of it, so it counts only once there was another.
	 */
	if (report->hot_known && (report->hot_x != 0 || report->hot_y != 0)) {
		tracker->hot_filled = true;
	}
	if (report->hot_known && tracker->hot_filled) {
		limit_x = report->hot_x;
		limit_y = report->hot_y;
	}
	/* A device that can say "negative" means it when it doesn't. */
	if (report->x > INT32_MAX || report->y > INT32_MAX) {
		tracker->keeps_sign = true;
	}
	if (tracker->keeps_sign) {
		limit_x = 0;
		limit_y = 0;
	}
	*x = track_axis(&tracker->x, report->x, report->width, limit_x);
	*y = track_axis(&tracker->y, report->y, report->height, limit_y);
}

void pointer_rest(struct pointer_tracker *tracker)
{
	tracker->x.positive.step = 0;
	tracker->x.negative.step = 0;
	tracker->y.positive.step = 0;
	tracker->y.negative.step = 0;
}
