/* SPDX-License-Identifier: MIT */
/*
 * When to look at the guest, and when a frame may leave. Pure arithmetic on CLOCK_MONOTONIC
 * nanoseconds: no clock, no thread, no memory of its own.
 *
 * While the picture changes, looks come at the frame rate, or twice as often where a look is cheap
 * (the kernel announces nothing, so half of the step is the mean delay); frames never leave faster
 * than the rate. When it is quiet the steps grow, but a first change waits 50 ms at most.
 */
#ifndef BRIDGE_PACER_H
#define BRIDGE_PACER_H

#include <stdbool.h>
#include <stdint.h>

#define PACER_QUIET_NS (250 * INT64_C(1000000)) /* without damage: slow down */
#define PACER_AWAKE_NS (150 * INT64_C(1000000)) /* what a guest may need to draw what was typed */
#define PACER_IDLE_STEP_NS (45 * INT64_C(1000000))
#define PACER_BLOCKED_STEP_NS (100 * INT64_C(1000000)) /* no sink can take anything */
/* Before a look that somebody new waits for: no eye sees it, and it can't become a busy loop. */
#define PACER_HURRY_STEP_NS (4 * INT64_C(1000000))

struct pacer {
	int64_t period; /* of a frame, ns */
	int64_t last_look;
	int64_t last_damage;
	int64_t due; /* when the next frame may leave */
	bool hurry; /* somebody waits for the next look */
	int64_t awake_until; /* full rate till then, whatever the picture does */
	int64_t look_cost; /* smoothed cost of a look that found nothing, ns */
};

void pacer_init(struct pacer *pacer, unsigned max_fps);
/* From now on so many frames a second. */
void pacer_set_rate(struct pacer *pacer, unsigned max_fps);
/* Someone began to watch, or has to be given everything anew: look now. */
void pacer_reset(struct pacer *pacer);
/* Something was done to the guest that it will show soon: full rate from now on, for a while. */
void pacer_hurry(struct pacer *pacer, int64_t now);
/* A look began at began and ended at ended. */
void pacer_looked(struct pacer *pacer, int64_t began, int64_t ended, bool damage);
/* A frame of a look that began at now left. */
void pacer_gave(struct pacer *pacer, int64_t now);
/* May a frame leave now? */
bool pacer_frame_due(const struct pacer *pacer, int64_t now);
/* A sink that was full says that it can take a frame: is a look at once worth it? */
bool pacer_wake_due(const struct pacer *pacer, int64_t now);
/* When to look next. blocked: something is owed, and no sink can take it. */
int64_t pacer_next_look(const struct pacer *pacer, bool owed, bool blocked);

#endif
