/* SPDX-License-Identifier: MIT */
/*
 * A consumer of frames, as the capture sees it.
 *
 * All calls but wants() and generation() come from the capture thread and must not block. A sink says
 * "I want frames" and "I can take the next one" by capture_wake(). The capture borrows self.
 */
#ifndef BRIDGE_SINK_H
#define BRIDGE_SINK_H

#include <stdbool.h>
#include <stdint.h>

struct cursor;
struct frame;

struct sink_ops {
	/* Is anybody watching? */
	bool (*wants)(void *self);
	/* Grows when the next frame must hold the whole picture (a new viewer). */
	unsigned (*generation)(void *self);
	/* Can a frame of this size be taken now? False: capture_wake() follows when it can. */
	bool (*can_take)(void *self, uint32_t width, uint32_t height);
	/* Takes a reference of its own. */
	void (*give)(void *self, struct frame *frame);
	/* NULL: the guest draws its own pointer. The cursor's pixels are valid during the call only. */
	void (*set_cursor)(void *self, const struct cursor *cursor);
};

struct sink {
	const struct sink_ops *ops;
	void *self;
};

#endif
