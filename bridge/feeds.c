/* SPDX-License-Identifier: MIT */
#include "bridge/feeds.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "render/frame.h"
#include "render/renderer.h"

/* Rectangles above this are split, so that a viewer decodes one while the next is compressed. */
#define MAX_RECT_BYTES ((size_t)2 << 20)
/* Blocks that the pool keeps: one on its way, one pending. */
#define POOL_KEEP 2

void feeds_init(struct feeds *feeds, struct capture_counters *counters)
{
	memset(feeds, 0, sizeof(*feeds));
	feeds->counters = counters;
	feeds->told_none = true;
}

void feeds_finish(struct feeds *feeds)
{
	for (size_t i = 0; i < feeds->count; i++) {
		pixman_region32_fini(&feeds->feeds[i].owed);
	}
	feeds->count = 0;
}

int feeds_add(struct feeds *feeds, const struct sink *sink)
{
	if (feeds->count == CAPTURE_MAX_SINKS) {
		return -ENOSPC;
	}
	struct feed *feed = &feeds->feeds[feeds->count++];

	feed->sink = *sink;
	pixman_region32_init(&feed->owed);
	return 0;
}

int feeds_begin(struct feeds *feeds, struct renderer *renderer)
{
	feeds->renderer = renderer;
	feeds->pool = frame_pool_create(POOL_KEEP);
	return feeds->pool ? 0 : -ENOMEM;
}

void feeds_end(struct feeds *feeds)
{
	frame_pool_destroy(feeds->pool);
	feeds->pool = NULL;
}

void feeds_trim(struct feeds *feeds)
{
	frame_pool_trim(feeds->pool);
}

/* Also mends a region that pixman broke because memory lacked. */
static void owe_all(struct feeds *feeds, struct feed *feed)
{
	const struct snapshot *snapshot = renderer_snapshot(feeds->renderer);

	pixman_region32_fini(&feed->owed);
	pixman_region32_init_rect(&feed->owed, 0, 0, snapshot->width, snapshot->height);
}

bool feeds_follow(struct feeds *feeds, bool *fresh)
{
	bool any = false;

	*fresh = false;
	for (size_t i = 0; i < feeds->count; i++) {
		struct feed *feed = &feeds->feeds[i];
		bool wants = feed->sink.ops->wants(feed->sink.self);
		unsigned generation = feed->sink.ops->generation(feed->sink.self);

		if (wants && (!feed->active || feed->generation != generation)) {
			feed->generation = generation;
			feed->cursor_due = true;
			owe_all(feeds, feed);
			*fresh = true;
		}
		if (!wants && feed->active) {
			pixman_region32_clear(&feed->owed);
			feed->blocked = false;
		}
		feed->active = wants;
		any |= wants;
	}
	return any;
}

void feeds_owe(struct feeds *feeds, pixman_region32_t *damage)
{
	if (!pixman_region32_not_empty(damage)) {
		return;
	}
	for (size_t i = 0; i < feeds->count; i++) {
		struct feed *feed = &feeds->feeds[i];

		if (feed->active && !pixman_region32_union(&feed->owed, &feed->owed, damage)) {
			owe_all(feeds, feed);
		}
	}
}

/* The region that a sink has not had, cut to the picture that there is now. */
static void cut_owed(struct feeds *feeds, struct feed *feed)
{
	const struct snapshot *snapshot = renderer_snapshot(feeds->renderer);

	if (!pixman_region32_intersect_rect(
		    &feed->owed, &feed->owed, 0, 0, snapshot->width, snapshot->height)) {
		owe_all(feeds, feed);
	}
}

static void trace_frame(struct feeds *feeds, const struct frame *frame)
{
	struct timespec ts;

	if (!feeds->trace) {
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &ts);
	fprintf(feeds->trace, "%" PRId64 " %" PRId64 " %" PRIuFAST64 " %u %zu\n",
		frame->captured_ns, ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec,
		renderer_counters(feeds->renderer)->tiles_dirty, frame->n_rects, frame->bytes);
}

bool feeds_give(struct feeds *feeds, int64_t captured_ns)
{
	const struct snapshot *snapshot = renderer_snapshot(feeds->renderer);
	struct frame *frame = NULL;
	pixman_region32_t packed;
	bool gave = false;

	pixman_region32_init(&packed);
	for (size_t i = 0; i < feeds->count; i++) {
		struct feed *feed = &feeds->feeds[i];

		feed->blocked = false;
		if (!feed->active) {
			continue;
		}
		cut_owed(feeds, feed);
		if (!pixman_region32_not_empty(&feed->owed)) {
			continue;
		}
		if (!feed->sink.ops->can_take(feed->sink.self, snapshot->width, snapshot->height)) {
			feed->blocked = true;
			continue;
		}
		if (!frame || !pixman_region32_equal(&packed, &feed->owed)) {
			frame_unref(frame);
			frame = frame_pack(
				feeds->pool, snapshot, &feed->owed, captured_ns, MAX_RECT_BYTES);
			if (!frame) {
				feeds->counters->no_memory++;
				continue;
			}
			pixman_region32_copy(&packed, &feed->owed);
			feeds->counters->frames++;
			feeds->counters->rects += frame->n_rects;
			feeds->counters->bytes += frame->bytes;
		}
		feed->sink.ops->give(feed->sink.self, frame);
		pixman_region32_clear(&feed->owed);
		trace_frame(feeds, frame);
	}
	gave = frame;
	frame_unref(frame);
	pixman_region32_fini(&packed);
	return gave;
}

static bool same_cursor(const struct cursor *a, const struct cursor *b)
{
	if (a->visible != b->visible || a->serial != b->serial) {
		return false;
	}
	return !a->visible || (a->x == b->x && a->y == b->y);
}

bool feeds_set_cursor(struct feeds *feeds, const struct cursor *cursor)
{
	bool changed =
		cursor ? feeds->told_none || !same_cursor(cursor, &feeds->told) : !feeds->told_none;

	for (size_t i = 0; i < feeds->count; i++) {
		struct feed *feed = &feeds->feeds[i];

		if (feed->active && (changed || feed->cursor_due)) {
			feed->sink.ops->set_cursor(feed->sink.self, cursor);
			feed->cursor_due = false;
		}
	}
	feeds->told_none = !cursor;
	if (cursor) {
		feeds->told = *cursor;
	}
	return changed;
}

void feeds_waiting(const struct feeds *feeds, bool *owed, bool *blocked)
{
	*owed = false;
	*blocked = true;
	for (size_t i = 0; i < feeds->count; i++) {
		const struct feed *feed = &feeds->feeds[i];

		if (feed->active && pixman_region32_not_empty(&feed->owed)) {
			*owed = true;
			*blocked &= feed->blocked;
		}
	}
	*blocked &= *owed;
}

void feeds_forget_blocked(struct feeds *feeds)
{
	for (size_t i = 0; i < feeds->count; i++) {
		feeds->feeds[i].blocked = false;
	}
}
