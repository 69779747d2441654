/* SPDX-License-Identifier: MIT */
/*
 * Single pictures of what viewers see, for whoever asks: a sink that wants frames only while one is asked
 * for, so that it works without a viewer and costs nothing else.
 *
 * Main thread, but for the sink's ops (capture thread) and a short-lived thread that copies the pixels.
 * Bounded: one picture is made at a time, two at most wait to be fetched, and for seconds only; then
 * their memory is taken back, whoever still has their descriptor.
 */
#ifndef BRIDGE_SHOT_H
#define BRIDGE_SHOT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bridge/session.h"

struct capture;
struct shot;

#define SHOT_QUEUE 16 /* requests that wait; more are refused */
#define SHOT_KEPT 2 /* pictures that have not been fetched */
#define SHOT_LOOK_MS 5000 /* for the capture to come up with a picture */
#define SHOT_FETCH_MS 2000 /* for a client to fetch one */
#define SHOT_WAIT_MS 20000 /* for a request's turn */

enum shot_pointer {
	SHOT_POINTER_GUEST, /* the guest draws its own */
	SHOT_POINTER_HIDDEN,
	SHOT_POINTER_LEFT_OUT,
	SHOT_POINTER_DRAWN,
};

struct shot_picture {
	uint32_t width, height; /* pixels */
	enum session_state
		state; /* of what it shows; all but SESSION_PICTURE are cards or marked */
	char text[256]; /* of the card, or what picture it is */
	enum shot_pointer pointer;
	int64_t age_ns; /* since the look at the guest began */
	/*
	 * A sealed memfd, width x height of XRGB8888 without padding. It may be made shorter: whoever
	 * has read it gives its memory back by ftruncate(fd, 0). The shot's own.
	 */
	int fd;
};

/* picture: during the call only, NULL: there is none, and why says so in one line. */
typedef void (*shot_done)(void *data, const struct shot_picture *picture, const char *why);

struct shot_counters {
	atomic_uint_fast64_t requests;
	atomic_uint_fast64_t pictures;
	atomic_uint_fast64_t refused; /* because too many waited */
	atomic_uint_fast64_t timed_out; /* the capture had none in time, or the turn did not come */
	atomic_uint_fast64_t failed; /* memory lacked */
	atomic_uint_fast64_t not_fetched; /* taken back before the client had read it */
};

/* Becomes a sink of the capture, before capture_start(). NULL: it has no room for one. */
struct shot *shot_create(struct capture *capture);
/* After capture_stop(). Whoever waits is told that there is none. */
void shot_destroy(struct shot *shot);

/* done is called once, later. */
void shot_take(struct shot *shot, bool cursor, shot_done done, void *data);

/* shot may be NULL: all zero. */
const struct shot_counters *shot_counters(const struct shot *shot);

#endif
