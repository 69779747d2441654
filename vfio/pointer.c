/* SPDX-License-Identifier: MIT */
#include "vfio/pointer.h"

#include <stdlib.h>

/* No screen is larger, see PLANE_MAX_SIDE; keeps the sums below far from overflow. */
#define MAX_POSITION 16384

/*
 * A hand that moves the pointer is slower than we ask: the same place again is no end of a movement.
 * After so many it is, and the next movement may go either way.
 */
#define STILL_REPORTS 16

/*
 * limit is how far the cursor can hang over the edge: its hot spot stays on the screen. Beyond it
 * there is no doubt, within it the nearer to the predicted place wins.
 */
static int32_t track_axis(struct pointer_axis *axis, uint32_t raw, uint32_t side, uint32_t limit)
{
	int32_t position;

	if (raw > INT32_MAX) {
		/* A driver that keeps the sign. */
		position = (int32_t)((int64_t)raw - (INT64_C(1) << 32));
		if (position < -(int32_t)side) {
			position = -(int32_t)side;
		}
	} else {
		position = raw > MAX_POSITION ? MAX_POSITION : (int32_t)raw;
		if (axis->known && position == abs(axis->last) && raw <= limit) {
			/* No news; the other side would be a leap over both. */
			position = axis->last;
		} else if (axis->known && raw <= limit) {
			int32_t expected = axis->last + axis->step;
			int32_t positive = abs(position - expected);
			int32_t negative = abs(-position - expected);

			/* Far from both is a jump, which says nothing; no sign is the likelier. */
			if (negative < positive && negative <= (int32_t)side) {
				position = -position;
			}
		}
	}
	if (axis->known && position == axis->last && ++axis->still < STILL_REPORTS) {
		return position;
	}
	axis->still = 0;
	axis->step = axis->known ? position - axis->last : 0;
	axis->last = position;
	axis->known = true;
	return position;
}

void pointer_track(struct pointer_tracker *tracker, const struct pointer_report *report, int32_t *x,
	int32_t *y)
{
	uint32_t limit_x = report->width;
	uint32_t limit_y = report->height;

	/*
	 * A guest that fills the hot spot in says how far it can go. 0,0 is also what a guest driver
	 * leaves that knows nothing of it, so that says nothing.
	 */
	if (report->hot_known && (report->hot_x != 0 || report->hot_y != 0)) {
		limit_x = report->hot_x;
		limit_y = report->hot_y;
	}
	*x = track_axis(&tracker->x, report->x, report->width, limit_x);
	*y = track_axis(&tracker->y, report->y, report->height, limit_y);
}

void pointer_rest(struct pointer_tracker *tracker)
{
	tracker->x.step = 0;
	tracker->y.step = 0;
}
