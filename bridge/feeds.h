/* SPDX-License-Identifier: MIT */
/*
 * What each sink of the capture is owed, and how it gets it.
 *
 * Damage adds up for each sink on its own; when one can take a frame, its region is packed from the
 * newest snapshot. Sinks that are owed the same share a frame. Capture thread only, but for
 * feeds_init(), feeds_add() and feeds_finish(). Borrows the sinks, the renderer and the counters.
 */
#ifndef BRIDGE_FEEDS_H
#define BRIDGE_FEEDS_H

#include <pixman.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bridge/capture.h"
#include "render/cursor.h"

struct feed {
	struct sink sink;
	bool active;
	unsigned generation;
	bool cursor_due; /* a new viewer has not been told of the cursor */
	bool blocked; /* owes, and the sink can't take it */
	pixman_region32_t owed;
};

struct feeds {
	struct feed feeds[CAPTURE_MAX_SINKS];
	size_t count;
	struct capture_counters *counters;
	FILE *trace; /* NULL: none */
	struct renderer *renderer;
	struct frame_pool *pool;
	struct cursor told; /* the cursor as the sinks know it; pixels unused */
	bool told_none;
};

void feeds_init(struct feeds *feeds, struct capture_counters *counters);
void feeds_finish(struct feeds *feeds);
/* 0 or -ENOSPC. */
int feeds_add(struct feeds *feeds, const struct sink *sink);

/* Begins to pack frames, from this renderer's snapshot. 0 or -ENOMEM. */
int feeds_begin(struct feeds *feeds, struct renderer *renderer);
void feeds_end(struct feeds *feeds);

/* Who watches now? True if anybody does; *fresh: somebody new, who is owed everything. */
bool feeds_follow(struct feeds *feeds, bool *fresh);
/* Adds what a look found to what each is owed. */
void feeds_owe(struct feeds *feeds, pixman_region32_t *damage);
/* Tells sinks of the pointer. True if it has changed. */
bool feeds_set_cursor(struct feeds *feeds, const struct cursor *cursor);
/* Gives each sink what it is owed and can take. True if any got something. */
bool feeds_give(struct feeds *feeds, int64_t captured_ns);
/* Owed: anybody waits for something. Blocked: all who do can't take it now. */
void feeds_waiting(const struct feeds *feeds, bool *owed, bool *blocked);
/* From now on the sinks' word counts again, at the ordinary beat. */
void feeds_forget_blocked(struct feeds *feeds);
/* Nobody watches: memory that is kept for speed goes back. */
void feeds_trim(struct feeds *feeds);

#endif
