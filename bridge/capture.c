/* SPDX-License-Identifier: MIT */
#include "bridge/capture.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "bridge/log.h"
#include "bridge/pacer.h"
#include "bridge/session.h"
#include "render/frame.h"

/* Rectangles above this are split, so that a viewer decodes one while the next is compressed. */
#define MAX_RECT_BYTES ((size_t)2 << 20)
/* Blocks that the pool keeps: one on its way, one pending. */
#define POOL_KEEP 2

struct attached {
	struct sink sink;
	bool active;
	unsigned generation;
	bool cursor_due; /* a new viewer has not been told of the cursor */
	bool blocked; /* owes, and the sink can't take it */
	pixman_region32_t owed;
};

struct capture {
	struct capture_options options;
	struct attached sinks[CAPTURE_MAX_SINKS];
	size_t n_sinks;
	struct capture_counters counters;

	pthread_t thread;
	bool running;
	int wake_fd;
	atomic_bool stop;

	/* What the thread tells capture_start(). */
	sem_t started;
	int start_error;
	char start_why[256];

	/* The thread's own. */
	struct renderer *renderer;
	struct session session;
	struct frame_pool *pool;
	struct pacer pacer;
	bool resting;
	FILE *trace;
	struct cursor told; /* the cursor as the sinks know it; pixels unused */
	bool told_none;
};

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

struct capture *capture_create(const struct capture_options *options, char *why, size_t why_size)
{
	struct capture *capture = calloc(1, sizeof(*capture));

	if (!capture) {
		snprintf(why, why_size, "no memory for the capture");
		return NULL;
	}
	capture->options = *options;
	sem_init(&capture->started, 0, 0);
	capture->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (capture->wake_fd < 0) {
		snprintf(why, why_size, "no event fd for the capture: %m");
		goto error;
	}
	if (options->trace) {
		capture->trace = fopen(options->trace, "we");
		if (!capture->trace) {
			snprintf(why, why_size,
				"--trace %s can't be written: %m; name a file in a "
				"directory that you may write to",
				options->trace);
			goto error;
		}
		setvbuf(capture->trace, NULL, _IOLBF, 0);
	}
	return capture;

error:
	capture_destroy(capture);
	return NULL;
}

void capture_destroy(struct capture *capture)
{
	if (!capture) {
		return;
	}
	int saved = errno;

	capture_stop(capture);
	for (size_t i = 0; i < capture->n_sinks; i++) {
		pixman_region32_fini(&capture->sinks[i].owed);
	}
	if (capture->trace) {
		fclose(capture->trace);
	}
	if (capture->wake_fd >= 0) {
		close(capture->wake_fd);
	}
	sem_destroy(&capture->started);
	free(capture);
	errno = saved;
}

int capture_add_sink(struct capture *capture, const struct sink *sink)
{
	if (capture->n_sinks == CAPTURE_MAX_SINKS) {
		return -ENOSPC;
	}
	struct attached *attached = &capture->sinks[capture->n_sinks++];

	attached->sink = *sink;
	pixman_region32_init(&attached->owed);
	return 0;
}

void capture_wake(struct capture *capture)
{
	uint64_t one = 1;

	/* A full counter (EAGAIN) means that a wake-up is pending anyway. */
	if (write(capture->wake_fd, &one, sizeof(one)) < 0) {
		return;
	}
}

/* Also mends a region that pixman broke because memory lacked. */
static void owe_all(struct capture *capture, struct attached *attached)
{
	const struct snapshot *snapshot = renderer_snapshot(capture->renderer);

	pixman_region32_fini(&attached->owed);
	pixman_region32_init_rect(&attached->owed, 0, 0, snapshot->width, snapshot->height);
}

/* Who watches now, and who is new. True if anybody does. */
static bool follow_watchers(struct capture *capture)
{
	bool any = false;

	for (size_t i = 0; i < capture->n_sinks; i++) {
		struct attached *attached = &capture->sinks[i];
		bool wants = attached->sink.ops->wants(attached->sink.self);
		unsigned generation = attached->sink.ops->generation(attached->sink.self);

		if (wants && (!attached->active || attached->generation != generation)) {
			attached->generation = generation;
			attached->cursor_due = true;
			owe_all(capture, attached);
			pacer_reset(&capture->pacer);
		}
		if (!wants && attached->active) {
			pixman_region32_clear(&attached->owed);
			attached->blocked = false;
		}
		attached->active = wants;
		any |= wants;
	}
	return any;
}

/* The region that a sink has not had, cut to the picture that there is now. */
static void cut_owed(struct capture *capture, struct attached *attached)
{
	const struct snapshot *snapshot = renderer_snapshot(capture->renderer);

	if (!pixman_region32_intersect_rect(
		    &attached->owed, &attached->owed, 0, 0, snapshot->width, snapshot->height)) {
		owe_all(capture, attached);
	}
}

static void trace_frame(struct capture *capture, const struct frame *frame)
{
	if (capture->trace) {
		fprintf(capture->trace, "%" PRId64 " %" PRId64 " %" PRIuFAST64 " %u %zu\n",
			frame->captured_ns, now_ns(),
			capture_renderer_counters(capture)->tiles_dirty, frame->n_rects,
			frame->bytes);
	}
}

/* Gives each sink what it is owed and can take. Sinks that are owed the same share one frame. */
static void give_frames(struct capture *capture, int64_t captured_ns)
{
	const struct snapshot *snapshot = renderer_snapshot(capture->renderer);
	struct frame *frame = NULL;
	pixman_region32_t packed;

	pixman_region32_init(&packed);
	for (size_t i = 0; i < capture->n_sinks; i++) {
		struct attached *attached = &capture->sinks[i];

		attached->blocked = false;
		if (!attached->active) {
			continue;
		}
		cut_owed(capture, attached);
		if (!pixman_region32_not_empty(&attached->owed)) {
			continue;
		}
		if (!attached->sink.ops->can_take(
			    attached->sink.self, snapshot->width, snapshot->height)) {
			attached->blocked = true;
			continue;
		}
		if (!frame || !pixman_region32_equal(&packed, &attached->owed)) {
			frame_unref(frame);
			frame = frame_pack(capture->pool, snapshot, &attached->owed, captured_ns,
				MAX_RECT_BYTES);
			if (!frame) {
				capture->counters.no_memory++;
				continue;
			}
			pixman_region32_copy(&packed, &attached->owed);
			capture->counters.frames++;
			capture->counters.rects += frame->n_rects;
			capture->counters.bytes += frame->bytes;
		}
		attached->sink.ops->give(attached->sink.self, frame);
		pixman_region32_clear(&attached->owed);
		trace_frame(capture, frame);
	}
	if (frame) {
		pacer_gave(&capture->pacer, captured_ns);
	}
	frame_unref(frame);
	pixman_region32_fini(&packed);
}

static bool same_cursor(const struct cursor *a, const struct cursor *b)
{
	if (a->visible != b->visible || a->serial != b->serial) {
		return false;
	}
	return !a->visible || (a->x == b->x && a->y == b->y);
}

/* Tells sinks of the pointer. True if it has changed. */
static bool give_cursor(struct capture *capture)
{
	const struct cursor *cursor = session_cursor(&capture->session);
	bool changed = cursor ? capture->told_none || !same_cursor(cursor, &capture->told)
			      : !capture->told_none;

	for (size_t i = 0; i < capture->n_sinks; i++) {
		struct attached *attached = &capture->sinks[i];

		if (attached->active && (changed || attached->cursor_due)) {
			attached->sink.ops->set_cursor(attached->sink.self, cursor);
			attached->cursor_due = false;
		}
	}
	capture->told_none = !cursor;
	if (cursor) {
		capture->told = *cursor;
	}
	return changed;
}

static void look(struct capture *capture)
{
	pixman_region32_t damage;
	int64_t began = now_ns();

	pixman_region32_init(&damage);
	session_look(&capture->session, began, &damage);

	bool any = pixman_region32_not_empty(&damage);

	for (size_t i = 0; any && i < capture->n_sinks; i++) {
		struct attached *attached = &capture->sinks[i];

		if (attached->active &&
			!pixman_region32_union(&attached->owed, &attached->owed, &damage)) {
			owe_all(capture, attached);
		}
	}
	pixman_region32_fini(&damage);
	/* A pointer that moves wants the full rate as well. */
	any |= give_cursor(capture);
	pacer_looked(&capture->pacer, began, now_ns(), any);
	if (pacer_frame_due(&capture->pacer, began)) {
		give_frames(capture, began);
	}
}

static void rest(struct capture *capture)
{
	if (capture->resting) {
		return;
	}
	capture->resting = true;
	capture->counters.rests++;
	session_rest(&capture->session);
	frame_pool_trim(capture->pool);
}

/* Owed: anybody waits for something. Blocked: all who do can't take it now. */
static void waiting(const struct capture *capture, bool *owed, bool *blocked)
{
	*owed = false;
	*blocked = true;
	for (size_t i = 0; i < capture->n_sinks; i++) {
		const struct attached *attached = &capture->sinks[i];

		if (attached->active && pixman_region32_not_empty(&attached->owed)) {
			*owed = true;
			*blocked &= attached->blocked;
		}
	}
	*blocked &= *owed;
}

/* From now on the sinks' word counts again, at the ordinary beat. */
static void forget_blocked(struct capture *capture)
{
	for (size_t i = 0; i < capture->n_sinks; i++) {
		capture->sinks[i].blocked = false;
	}
}

/* Sleeps until a time (ns; negative: for ever) or a wake-up. True if it was woken. */
static bool sleep_until(struct capture *capture, int64_t until)
{
	struct pollfd pollfd = {.fd = capture->wake_fd, .events = POLLIN};
	struct timespec timeout, *pointer = NULL;

	if (until >= 0) {
		int64_t rest_ns = until - now_ns();

		if (rest_ns < 0) {
			rest_ns = 0;
		}
		timeout = (struct timespec){
			.tv_sec = rest_ns / INT64_C(1000000000),
			.tv_nsec = rest_ns % INT64_C(1000000000),
		};
		pointer = &timeout;
	}
	if (ppoll(&pollfd, 1, pointer, NULL) <= 0) {
		return false;
	}
	uint64_t count;

	return read(capture->wake_fd, &count, sizeof(count)) == sizeof(count);
}

static void run(struct capture *capture)
{
	while (!capture->stop) {
		if (!follow_watchers(capture)) {
			rest(capture);
			sleep_until(capture, -1);
			continue;
		}
		capture->resting = false;

		bool owed, blocked;

		waiting(capture, &owed, &blocked);

		int64_t next = pacer_next_look(&capture->pacer, owed, blocked);

		if (next > now_ns()) {
			/*
			 * A sink that was waited for can take a frame now: what it gets should be the
			 * newest, so that is a look, as soon as the frame rate allows.
			 */
			bool woken = sleep_until(capture, next);

			if (!woken || !blocked || capture->stop) {
				continue;
			}
			if (!pacer_wake_due(&capture->pacer, now_ns())) {
				forget_blocked(capture);
				continue;
			}
		}
		capture->counters.ticks++;
		look(capture);
		waiting(capture, &owed, &blocked);
		capture->counters.blocked += blocked;
	}
}

static int start_in_thread(struct capture *capture)
{
	char *why = capture->start_why;
	size_t size = sizeof(capture->start_why);
	int rc;

	/* Here, since a GL context belongs to the thread that made it current. */
	capture->renderer = renderer_create(&capture->options.renderer, why, size);
	if (!capture->renderer) {
		return errno ? -errno : -EIO;
	}
	rc = session_init(&capture->session, capture->options.vgpu, capture->renderer);
	if (rc == 0) {
		capture->pool = frame_pool_create(POOL_KEEP);
		rc = capture->pool ? 0 : -ENOMEM;
	}
	if (rc < 0) {
		snprintf(why, size, "no memory for the capture");
	}
	return rc;
}

static void *capture_main(void *data)
{
	struct capture *capture = data;

	prctl(PR_SET_NAME, "capture");
	pacer_init(&capture->pacer, capture->options.max_fps);
	capture->told_none = true;
	capture->start_error = start_in_thread(capture);

	bool good = capture->start_error == 0;

	sem_post(&capture->started);
	if (good) {
		run(capture);
	}
	session_finish(&capture->session);
	renderer_destroy(capture->renderer);
	capture->renderer = NULL;
	frame_pool_destroy(capture->pool);
	capture->pool = NULL;
	return NULL;
}

int capture_start(struct capture *capture, char *why, size_t why_size)
{
	int rc = pthread_create(&capture->thread, NULL, capture_main, capture);

	if (rc != 0) {
		snprintf(why, why_size, "the capture thread can't be started: %s", strerror(rc));
		return -rc;
	}
	capture->running = true;
	while (sem_wait(&capture->started) < 0 && errno == EINTR) {
	}
	if (capture->start_error < 0) {
		snprintf(why, why_size, "%s", capture->start_why);
		capture_stop(capture);
		return capture->start_error;
	}
	return 0;
}

void capture_stop(struct capture *capture)
{
	if (!capture->running) {
		return;
	}
	capture->stop = true;
	capture_wake(capture);
	pthread_join(capture->thread, NULL);
	capture->running = false;
}

const char *capture_renderer_text(const struct capture *capture)
{
	return renderer_describe(capture->renderer);
}

struct renderer_counters *capture_renderer_counters(struct capture *capture)
{
	return renderer_counters(capture->renderer);
}

struct session_counters *capture_session_counters(struct capture *capture)
{
	return &capture->session.counters;
}

struct capture_counters *capture_counters(struct capture *capture)
{
	return &capture->counters;
}
