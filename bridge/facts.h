/* SPDX-License-Identifier: MIT */
/*
 * What the capture thread last found the display to be, for whoever asks on another thread.
 *
 * A few fields under a lock that is held for a copy. The capture thread sets them when they change,
 * any thread may get them. Owned by the capture.
 */
#ifndef BRIDGE_FACTS_H
#define BRIDGE_FACTS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bridge/session.h"
#include "vfio/plane.h"

struct display_facts {
	enum session_state state;
	char text[256]; /* of the card, or what picture is shown */
	bool has_plane; /* the state is PICTURE */
	struct plane plane; /* then; its id means nothing any more */
	char renderer[256]; /* as of its last use, "" before the start */
};

struct facts {
	pthread_mutex_t lock; /* of now */
	struct display_facts now;
	atomic_uint serial; /* grows with each change */
};

void facts_init(struct facts *facts);
void facts_finish(struct facts *facts);
/* plane: NULL without. facts may be NULL. [capture] */
void facts_set(
	struct facts *facts, enum session_state state, const char *text, const struct plane *plane);
void facts_set_renderer(struct facts *facts, const char *text);
void facts_get(struct facts *facts, struct display_facts *copy);

/* A word: "picture", "no-picture", "paused", "gone", "no-device", "unknown". */
const char *session_state_name(enum session_state state);

#endif
