/* SPDX-License-Identifier: MIT */
#include "bridge/shot.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <pixman.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bridge/capture.h"
#include "bridge/facts.h"
#include "render/cursor.h"
#include "render/frame.h"

#define TICK_MS 50 /* while somebody waits, or a picture */

struct waiting {
	bool cursor;
	shot_done done;
	void *data;
	int64_t since; /* us */
};

/* What the capture thread saw, and is made a file of. */
struct caught {
	struct frame *frame; /* NULL: nothing */
	struct display_facts facts; /* of that moment */
	bool told_pointer; /* false: the guest draws its own */
	struct cursor cursor;
	uint32_t *shape; /* cursor.pixels, for free() */
};

struct kept {
	int fd; /* -1: none */
	int64_t since; /* us */
};

struct shot {
	struct capture *capture;
	struct shot_counters counters;
	GQueue waiting;
	bool looking; /* the first of them */
	int64_t looking_since; /* us */
	struct kept kept[SHOT_KEPT];
	guint tick;

	/* Between the threads. */
	atomic_bool wanted;
	atomic_uint generation;
	pthread_mutex_t lock; /* guards caught until it is working */
	struct caught caught;

	/* The copy. */
	GThread *worker; /* NULL: none */
	bool with_cursor;
	int result; /* fd or -errno */
	enum shot_pointer pointer;
};

static void caught_clear(struct caught *caught)
{
	frame_unref(caught->frame);
	free(caught->shape);
	*caught = (struct caught){.frame = NULL};
}

/* Capture thread */

static bool op_wants(void *self)
{
	struct shot *shot = self;

	return shot->wanted;
}

static unsigned op_generation(void *self)
{
	struct shot *shot = self;

	return shot->generation;
}

static bool op_can_take(void *self, uint32_t width, uint32_t height)
{
	return op_wants(self);
}

static gboolean on_caught(gpointer data);

/* Its rectangles don't overlap. */
static bool is_whole(const struct frame *frame)
{
	uint64_t covered = 0;

	for (uint32_t i = 0; i < frame->n_rects; i++) {
		covered += (uint64_t)frame->rects[i].width * frame->rects[i].height;
	}
	return covered == (uint64_t)frame->width * frame->height;
}

static void op_give(void *self, struct frame *frame)
{
	struct shot *shot = self;

	pthread_mutex_lock(&shot->lock);
	if (!is_whole(frame)) {
		shot->generation++;
	} else if (shot->wanted) {
		shot->wanted = false;
		shot->caught.frame = frame_ref(frame);
		capture_facts(shot->capture, &shot->caught.facts);
		g_idle_add_full(G_PRIORITY_DEFAULT, on_caught, shot, NULL);
	}
	pthread_mutex_unlock(&shot->lock);
}

static void op_set_cursor(void *self, const struct cursor *cursor)
{
	struct shot *shot = self;
	struct caught *caught = &shot->caught;

	pthread_mutex_lock(&shot->lock);
	/* Once there is a frame, its pointer is the one of that moment. */
	if (!caught->frame) {
		free(caught->shape);
		caught->shape = NULL;
		caught->told_pointer = cursor;
		caught->cursor.visible = false;
		if (cursor && cursor->visible) {
			size_t size = (size_t)cursor->width * cursor->height * sizeof(uint32_t);

			caught->cursor = *cursor;
			caught->shape = malloc(size);
			if (caught->shape) {
				memcpy(caught->shape, cursor->pixels, size);
			}
			caught->cursor.pixels = caught->shape;
			caught->cursor.visible = caught->shape;
		}
	}
	pthread_mutex_unlock(&shot->lock);
}

static const struct sink_ops sink_ops = {
	.wants = op_wants,
	.generation = op_generation,
	.can_take = op_can_take,
	.give = op_give,
	.set_cursor = op_set_cursor,
};

/* The copying thread */

static gboolean on_copied(gpointer data);

static void copy_frame(uint32_t *pixels, const struct frame *frame)
{
	for (uint32_t i = 0; i < frame->n_rects; i++) {
		const struct frame_rect *rect = &frame->rects[i];

		for (uint32_t y = 0; y < rect->height; y++) {
			memcpy(pixels + (size_t)(rect->y + y) * frame->width + rect->x,
				rect->pixels + (size_t)y * rect->width,
				rect->width * sizeof(*pixels));
		}
	}
}

static bool draw_cursor(uint32_t *pixels, const struct frame *frame, const struct cursor *cursor)
{
	pixman_image_t *picture = pixman_image_create_bits(PIXMAN_x8r8g8b8, (int)frame->width,
		(int)frame->height, pixels, (int)(frame->width * sizeof(*pixels)));
	/* Only read from. */
	pixman_image_t *shape = pixman_image_create_bits(PIXMAN_a8r8g8b8, (int)cursor->width,
		(int)cursor->height, (uint32_t *)(uintptr_t)cursor->pixels,
		(int)(cursor->width * sizeof(*pixels)));
	bool drawn = picture && shape;

	if (drawn) {
		pixman_image_composite32(PIXMAN_OP_OVER, shape, NULL, picture, 0, 0, 0, 0,
			cursor->x, cursor->y, (int)cursor->width, (int)cursor->height);
	}
	if (shape) {
		pixman_image_unref(shape);
	}
	if (picture) {
		pixman_image_unref(picture);
	}
	return drawn;
}

static int copy(struct shot *shot)
{
	const struct caught *caught = &shot->caught;
	const struct frame *frame = caught->frame;
	size_t size = (size_t)frame->width * frame->height * sizeof(uint32_t);
	int fd = memfd_create("screenshot", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int rc;

	if (fd < 0) {
		return -errno;
	}
	/* Memory that is not there shall be an error here, and no signal at the first write. */
	do {
		rc = posix_fallocate(fd, 0, (off_t)size);
	} while (rc == EINTR);
	if (rc != 0) {
		close(fd);
		return -rc;
	}
	uint32_t *pixels = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (pixels == MAP_FAILED) {
		rc = errno;
		close(fd);
		return -rc;
	}
	copy_frame(pixels, frame);
	if (!caught->told_pointer) {
		shot->pointer = SHOT_POINTER_GUEST;
	} else if (!caught->cursor.visible) {
		shot->pointer = SHOT_POINTER_HIDDEN;
	} else if (!shot->with_cursor || !draw_cursor(pixels, frame, &caught->cursor)) {
		shot->pointer = SHOT_POINTER_LEFT_OUT;
	} else {
		shot->pointer = SHOT_POINTER_DRAWN;
	}
	munmap(pixels, size);
	/* Shorter it may become: so its memory is taken back from a client that does not read. */
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		rc = errno;
		close(fd);
		return -rc;
	}
	return fd;
}

static gpointer copy_main(gpointer data)
{
	struct shot *shot = data;

	shot->result = copy(shot);
	g_idle_add_full(G_PRIORITY_DEFAULT, on_copied, shot, NULL);
	return NULL;
}

/* Main thread */

static void step(struct shot *shot);

static void answer(struct waiting *waiting, const struct shot_picture *picture, const char *why)
{
	waiting->done(waiting->data, picture, why);
	g_free(waiting);
}

static void take_back(struct shot *shot, struct kept *kept)
{
	struct stat st;

	if (fstat(kept->fd, &st) == 0 && st.st_size > 0) {
		shot->counters.not_fetched++;
		if (ftruncate(kept->fd, 0) < 0) {
			/* It has no seal against that; the last descriptor frees it in any case. */
			shot->counters.failed++;
		}
	}
	close(kept->fd);
	kept->fd = -1;
}

/* A place for the next picture. Those that were fetched are empty. */
static struct kept *free_place(struct shot *shot)
{
	struct kept *place = NULL;

	for (size_t i = 0; i < SHOT_KEPT; i++) {
		struct kept *kept = &shot->kept[i];
		struct stat st;

		if (kept->fd >= 0 &&
			(g_get_monotonic_time() - kept->since > SHOT_FETCH_MS * 1000 ||
				fstat(kept->fd, &st) < 0 || st.st_size == 0)) {
			take_back(shot, kept);
		}
		if (kept->fd < 0) {
			place = kept;
		}
	}
	return place;
}

static bool any_kept(const struct shot *shot)
{
	for (size_t i = 0; i < SHOT_KEPT; i++) {
		if (shot->kept[i].fd >= 0) {
			return true;
		}
	}
	return false;
}

static void drop_old(struct shot *shot)
{
	const int64_t now = g_get_monotonic_time();
	struct waiting *first = g_queue_peek_head(&shot->waiting);

	if (shot->looking && !shot->worker && now - shot->looking_since > SHOT_LOOK_MS * 1000) {
		pthread_mutex_lock(&shot->lock);
		shot->wanted = false;
		pthread_mutex_unlock(&shot->lock);
		shot->looking = false;
		shot->counters.timed_out++;
		g_queue_pop_head(&shot->waiting);
		answer(first, NULL,
			"the capture has come up with no picture in 5 s: the device or its driver "
			"does not answer, or memory lacks; the log may say more");
	}
	while (!shot->looking && (first = g_queue_peek_head(&shot->waiting)) != NULL &&
		now - first->since > SHOT_WAIT_MS * 1000) {
		shot->counters.timed_out++;
		g_queue_pop_head(&shot->waiting);
		answer(first, NULL,
			"others have asked for pictures and not fetched them: try again later");
	}
}

static gboolean on_tick(gpointer data)
{
	struct shot *shot = data;

	drop_old(shot);
	step(shot);
	if (free_place(shot) && !any_kept(shot) && g_queue_is_empty(&shot->waiting)) {
		shot->tick = 0;
		return G_SOURCE_REMOVE;
	}
	return G_SOURCE_CONTINUE;
}

/* Begins with the next, if there is one and it can be. */
static void step(struct shot *shot)
{
	if (shot->looking || g_queue_is_empty(&shot->waiting) || !free_place(shot)) {
		return;
	}
	shot->looking = true;
	shot->looking_since = g_get_monotonic_time();
	pthread_mutex_lock(&shot->lock);
	caught_clear(&shot->caught);
	shot->wanted = true;
	shot->generation++;
	pthread_mutex_unlock(&shot->lock);
	capture_wake(shot->capture);
}

static gboolean on_caught(gpointer data)
{
	struct shot *shot = data;
	struct waiting *first = g_queue_peek_head(&shot->waiting);

	pthread_mutex_lock(&shot->lock);
	if (!shot->looking) {
		caught_clear(&shot->caught); /* too late */
	}
	pthread_mutex_unlock(&shot->lock);
	if (shot->caught.frame && !shot->worker) {
		shot->with_cursor = first->cursor;
		shot->worker = g_thread_new("shot", copy_main, shot);
	}
	return G_SOURCE_REMOVE;
}

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static void end_copy(struct shot *shot)
{
	const struct frame *frame = shot->caught.frame;
	struct waiting *first = g_queue_pop_head(&shot->waiting);
	struct shot_picture picture = {
		.width = frame->width,
		.height = frame->height,
		.state = shot->caught.facts.state,
		.pointer = shot->pointer,
		.age_ns = now_ns() - frame->captured_ns,
		.fd = shot->result,
	};

	g_strlcpy(picture.text, shot->caught.facts.text, sizeof(picture.text));
	pthread_mutex_lock(&shot->lock);
	caught_clear(&shot->caught);
	pthread_mutex_unlock(&shot->lock);
	shot->looking = false;
	if (shot->result < 0) {
		shot->counters.failed++;
		answer(first, NULL, "no memory for the picture: free some on the host");
		return;
	}
	*free_place(shot) = (struct kept){shot->result, g_get_monotonic_time()};
	shot->counters.pictures++;
	answer(first, &picture, NULL);
}

static gboolean on_copied(gpointer data)
{
	struct shot *shot = data;

	g_thread_join(shot->worker);
	shot->worker = NULL;
	end_copy(shot);
	step(shot);
	return G_SOURCE_REMOVE;
}

void shot_take(struct shot *shot, bool cursor, shot_done done, void *data)
{
	struct waiting *waiting;

	shot->counters.requests++;
	if (g_queue_get_length(&shot->waiting) >= SHOT_QUEUE) {
		shot->counters.refused++;
		done(data, NULL, "too many wait for a picture already: try again later");
		return;
	}
	waiting = g_new0(struct waiting, 1);
	*waiting = (struct waiting){cursor, done, data, g_get_monotonic_time()};
	g_queue_push_tail(&shot->waiting, waiting);
	if (!shot->tick) {
		shot->tick = g_timeout_add(TICK_MS, on_tick, shot);
	}
	step(shot);
}

struct shot *shot_create(struct capture *capture)
{
	struct shot *shot = g_new0(struct shot, 1);
	const struct sink sink = {.ops = &sink_ops, .self = shot};

	shot->capture = capture;
	g_queue_init(&shot->waiting);
	pthread_mutex_init(&shot->lock, NULL);
	for (size_t i = 0; i < SHOT_KEPT; i++) {
		shot->kept[i].fd = -1;
	}
	if (capture_add_sink(capture, &sink) < 0) {
		shot_destroy(shot);
		return NULL;
	}
	return shot;
}

void shot_destroy(struct shot *shot)
{
	struct waiting *waiting;

	if (!shot) {
		return;
	}
	if (shot->worker) {
		g_thread_join(shot->worker);
		if (shot->result >= 0) {
			close(shot->result);
		}
	}
	while (g_source_remove_by_user_data(shot)) {
	}
	while ((waiting = g_queue_pop_head(&shot->waiting)) != NULL) {
		answer(waiting, NULL, "the bridge ends");
	}
	for (size_t i = 0; i < SHOT_KEPT; i++) {
		if (shot->kept[i].fd >= 0) {
			take_back(shot, &shot->kept[i]);
		}
	}
	caught_clear(&shot->caught);
	pthread_mutex_destroy(&shot->lock);
	g_free(shot);
}

const struct shot_counters *shot_counters(const struct shot *shot)
{
	static const struct shot_counters none;

	return shot ? &shot->counters : &none;
}
