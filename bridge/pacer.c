/* SPDX-License-Identifier: MIT */
#include "bridge/pacer.h"

/* A look dearer than this part of a period is not worth making twice a frame. */
#define CHEAP_PART 6

void pacer_init(struct pacer *pacer, unsigned max_fps)
{
	*pacer = (struct pacer){
		.period = INT64_C(1000000000) / max_fps,
		.last_look = INT64_MIN / 2,
		.due = INT64_MIN / 2,
		.last_damage = INT64_MIN / 2,
		.awake_until = INT64_MIN / 2,
	};
	pacer_reset(pacer);
}

void pacer_set_rate(struct pacer *pacer, unsigned max_fps)
{
	pacer->period = INT64_C(1000000000) / max_fps;
	pacer_reset(pacer);
}

void pacer_reset(struct pacer *pacer)
{
	pacer->hurry = true;
	pacer->due = INT64_MIN / 2;
}

void pacer_hurry(struct pacer *pacer, int64_t now)
{
	pacer->awake_until = now + PACER_AWAKE_NS;
}

static int64_t active_step(const struct pacer *pacer)
{
	bool cheap = pacer->look_cost < pacer->period / CHEAP_PART;

	return cheap ? pacer->period / 2 : pacer->period;
}

void pacer_looked(struct pacer *pacer, int64_t began, int64_t ended, bool damage)
{
	int64_t due = pacer->last_look + active_step(pacer);

	/* Waking up a little late must not add up, or 60 looks a second would be 57. */
	pacer->last_look = began > due && began - due < pacer->period / 4 ? due : began;
	pacer->hurry = false;
	if (damage) {
		pacer->last_damage = began;
		return;
	}
	pacer->look_cost += (ended - began - pacer->look_cost) / 8;
}

void pacer_gave(struct pacer *pacer, int64_t now)
{
	int64_t late = now - pacer->due;

	/*
	 * A frame that comes late lets the next one come sooner, by half a period at most: a guest that
	 * draws at the same rate as we look is not held up by where its clock stands against ours.
	 */
	if (late > pacer->period / 2) {
		late = pacer->period / 2;
	}
	pacer->due = now - late + pacer->period;
}

bool pacer_frame_due(const struct pacer *pacer, int64_t now)
{
	return now >= pacer->due;
}

bool pacer_wake_due(const struct pacer *pacer, int64_t now)
{
	return pacer_frame_due(pacer, now) && now - pacer->last_look >= pacer->period / 2;
}

int64_t pacer_next_look(const struct pacer *pacer, bool owed, bool blocked)
{
	if (pacer->hurry) {
		return pacer->last_look + PACER_HURRY_STEP_NS;
	}
	if (blocked) {
		return pacer->last_look + PACER_BLOCKED_STEP_NS;
	}
	if (owed) {
		/* What was found waits for its time, and is looked at once more then. */
		int64_t soonest = pacer->last_look + pacer->period / 4;
		int64_t step = pacer->last_look + active_step(pacer);

		return pacer->due > step ? step : pacer->due > soonest ? pacer->due : soonest;
	}
	if (pacer->last_look - pacer->last_damage < PACER_QUIET_NS ||
		pacer->last_look < pacer->awake_until) {
		return pacer->last_look + active_step(pacer);
	}
	return pacer->last_look +
		(PACER_IDLE_STEP_NS > pacer->period ? PACER_IDLE_STEP_NS : pacer->period);
}
