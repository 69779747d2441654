/* SPDX-License-Identifier: MIT */
/*
 * A sink, a listening socket for it and viewers (spice-probe, each a process) for the SPICE tests.
 *
 * All on one thread: whatever waits, runs the main loop meanwhile and notes how long the loop was
 * not back for (bed.slowest_ms). Failures end the test by cmocka's own means.
 */
#ifndef TESTS_SPICE_BED_H
#define TESTS_SPICE_BED_H

#include <glib.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "render/frame.h"
#include "render/renderer.h"
#include "spice/sink.h"

struct bed {
	struct spice_sink *sink;
	struct frame_pool *pool;
	struct snapshot snapshot;
	char folder[64];
	char uri[128];
	int listener;
	bool tcp;
	bool mute_display; /* viewers' display channels connect and then say nothing */
	guint accept, tick;
	gint64 ticked; /* us */
	unsigned slowest_ms;
	atomic_uint readies;
	uint32_t resize_width, resize_height;
	unsigned viewers;
	/* What the viewer's keys and pointer did, a word for each, see bed.c; cut when it is full. */
	char input[4096];
	bool begun;
	guint timer;
};

struct viewer {
	struct bed *bed;
	pid_t pid;
	int in, out;
	char line[512];
	size_t have;
};

void bed_begin(struct bed *bed, bool tcp, enum spice_compression compression, const char *password);
void bed_end(struct bed *bed);
/* As cmocka's teardown: ends the bed of a test that failed. Beds and viewers must be static. */
int bed_teardown(void **state);

/* Runs the main loop for ms milliseconds, or until done() says so; false when the time is over. */
bool bed_run(struct bed *bed, unsigned ms, bool (*done)(struct bed *bed, void *data), void *data);

/* A new picture, all of it noise or plain; not yet given. */
void bed_picture(struct bed *bed, uint32_t width, uint32_t height, uint32_t seed);
/* Waits until the sink takes it, and gives these boxes (all of it for n = 0). */
void bed_give(struct bed *bed, const pixman_box32_t *boxes, int n);
bool bed_try_give(struct bed *bed, const pixman_box32_t *boxes, int n);
/* The file that holds the picture for "compare". */
const char *bed_save(struct bed *bed);

void viewer_begin(struct viewer *viewer, struct bed *bed, const char *const *options);
void viewer_end(struct viewer *viewer);
void viewer_kill(struct viewer *viewer, int signal);
/* Sends a command and returns the answer; the test fails when it does not begin with "ok". */
const char *viewer_ask(struct viewer *viewer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The two halves of that; the answer may be any. */
void viewer_send(struct viewer *viewer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
const char *viewer_answer(struct viewer *viewer);
/* A number out of the last answer: "KEY=". */
long viewer_value(const struct viewer *viewer, const char *key);

#endif
