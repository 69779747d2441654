/* SPDX-License-Identifier: MIT */
#include "bridge/session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/card.h"
#include "bridge/facts.h"
#include "bridge/log.h"
#include "render/format.h"
#include "render/renderer.h"

#define STALE_TRIES 3
#define LOG_WINDOW_NS (10 * INT64_C(1000000000))
#define LOG_LINES 8 /* of state changes in a window: a guest can flip its state at will */

#define SHAPE_BYTES ((size_t)CURSOR_MAX_SIDE * CURSOR_MAX_SIDE * sizeof(uint32_t))

int session_init(struct session *session, struct renderer *renderer)
{
	*session = (struct session){.renderer = renderer};
	session->shape = calloc(1, SHAPE_BYTES);
	session->scratch = calloc(1, SHAPE_BYTES);
	if (!session->shape || !session->scratch) {
		session_finish(session);
		return -ENOMEM;
	}
	session->cursor.pixels = session->shape;
	session->picture_ns = INT64_MIN / 2;
	snprintf(session->renderer_text, sizeof(session->renderer_text), "%s",
		renderer_describe(renderer));
	session_detach(session, SESSION_NO_DEVICE, SESSION_OFF_TEXT);
	return 0;
}

void session_attach(struct session *session, struct vgpu *vgpu)
{
	session->vgpu = vgpu;
	/* What is up, paused perhaps, was another's. */
	session->state = SESSION_UNKNOWN;
	session->had_picture = false;
	session->picture_ns = INT64_MIN / 2;
	session->retry_ns = 0;
	facts_set(session->facts, SESSION_UNKNOWN, "nobody has looked yet", NULL);
	buffers_init(&session->buffers, vgpu, session->renderer);
}

void session_detach(struct session *session, enum session_state state, const char *sentence)
{
	buffers_clear(&session->buffers);
	session->vgpu = NULL;
	session->off_state = state;
	snprintf(session->off_text, sizeof(session->off_text), "%s", sentence);
	facts_set(session->facts, state, sentence, NULL);
}

void session_set_paused(struct session *session, bool paused)
{
	session->paused = paused;
}

void session_finish(struct session *session)
{
	buffers_clear(&session->buffers);
	free(session->shape);
	free(session->scratch);
	free(session->card_pixels);
	session->shape = NULL;
	session->scratch = NULL;
	session->card_pixels = NULL;
}

void session_rest(struct session *session)
{
	buffers_clear(&session->buffers);
	/* Who comes next shall not see what was there before, not even through a mode set. */
	session->picture_ns = INT64_MIN / 2;
	free(session->card_pixels);
	session->card_pixels = NULL;
	if (session->state == SESSION_PAUSED) {
		/* It may run and stop again before somebody looks. */
		session->state = SESSION_UNKNOWN;
	}
}

/* A guest may change state with every look; the log must not grow with it. */
static void log_state(struct session *session, int64_t now)
{
	if (now - session->log_window_ns > LOG_WINDOW_NS) {
		session->log_window_ns = now;
		session->log_lines = 0;
	}
	if (session->log_lines++ < LOG_LINES) {
		log_info("display: %s", session->text);
	} else {
		session->counters.log_suppressed++;
	}
}

static void set_state(struct session *session, enum session_state state, const char *text,
	const struct plane *plane, int64_t now)
{
	facts_set(session->facts, state, text, plane);
	if (session->state == state && strcmp(session->text, text) == 0) {
		return;
	}
	session->state = state;
	session->counters.state = state;
	snprintf(session->text, sizeof(session->text), "%s", text);
	log_state(session, now);
}

/* Puts a card up, in the size of what is up now. */
static void show_card(struct session *session, enum session_state state, const char *sentence,
	int64_t now, pixman_region32_t *damage)
{
	const struct snapshot *snapshot = renderer_snapshot(session->renderer);
	uint32_t width = snapshot->width ? snapshot->width : CARD_DEFAULT_WIDTH;
	uint32_t height = snapshot->height ? snapshot->height : CARD_DEFAULT_HEIGHT;
	bool same = session->card_pixels && session->state == state &&
		strcmp(session->text, sentence) == 0;

	set_state(session, state, sentence, NULL, now);
	session->cursor.visible = false;
	if (same) {
		return;
	}
	free(session->card_pixels);
	session->card_pixels = card_draw(width, height, sentence);
	if (session->card_pixels &&
		renderer_paint(session->renderer, session->card_pixels, width, height, damage) ==
			0) {
		session->counters.cards++;
		return;
	}
	/* The next look tries again. */
	session->counters.cards_failed++;
	free(session->card_pixels);
	session->card_pixels = NULL;
}

/* The last picture, marked; without one a card. The guest draws nothing: once is enough. */
static void show_paused(struct session *session, int64_t now, pixman_region32_t *damage)
{
	const struct snapshot *snapshot = renderer_snapshot(session->renderer);
	size_t size = (size_t)snapshot->width * snapshot->height * sizeof(*snapshot->pixels);

	if (session->state != SESSION_PICTURE) {
		show_card(session, SESSION_PAUSED, SESSION_PAUSED_TEXT, now, damage);
		return;
	}
	uint32_t *pixels = malloc(size);

	if (!pixels) {
		/* The next look tries again. */
		session->counters.cards_failed++;
		return;
	}
	memcpy(pixels, snapshot->pixels, size);
	card_mark(pixels, snapshot->width, snapshot->height, SESSION_PAUSED_TEXT);
	if (renderer_paint(session->renderer, pixels, snapshot->width, snapshot->height, damage) <
		0) {
		session->counters.cards_failed++;
		free(pixels);
		return;
	}
	set_state(session, SESSION_PAUSED, SESSION_PAUSED_TEXT, NULL, now);
	session->counters.cards++;
	free(session->card_pixels);
	session->card_pixels = pixels;
}

static bool in_grace(const struct session *session, int64_t now)
{
	return session->state == SESSION_PICTURE && now - session->picture_ns < SESSION_GRACE_NS;
}

/* Trouble that a mode set brings for a moment: the last picture stays, then a card says why. */
static void show_trouble(
	struct session *session, const char *sentence, int64_t now, pixman_region32_t *damage)
{
	if (in_grace(session, now)) {
		session->counters.held++;
		return;
	}
	show_card(session, SESSION_NO_PICTURE, sentence, now, damage);
}

/* GL is opened at its first need; which one it is should be known, above all when it is software. */
static void log_renderer(struct session *session)
{
	const char *text = renderer_describe(session->renderer);

	if (strcmp(session->renderer_text, text) != 0) {
		snprintf(session->renderer_text, sizeof(session->renderer_text), "%s", text);
		log_info("renderer: %s", text);
		facts_set_renderer(session->facts, text);
	}
}

static void describe_plane(const struct plane *plane, char *text, size_t size)
{
	char fourcc[5] = {0};

	memcpy(fourcc, &plane->format, 4);
	snprintf(text, size, "%ux%u %s modifier 0x%" PRIx64 " stride %u (%s)", plane->width,
		plane->height, fourcc, plane->modifier, plane->stride,
		plane->kind == PLANE_KIND_REGION ? "region" : "dma-buf");
}

/* A picture that can't be had: its plane is left alone for a while, and a card says why. */
static void show_failure(struct session *session, const struct plane *plane, const char *sentence,
	int64_t now, pixman_region32_t *damage)
{
	session->failed = *plane;
	session->retry_ns = now + SESSION_RETRY_NS;
	show_card(session, SESSION_NO_PICTURE, sentence, now, damage);
}

/* What was refused, by name where the sentence alone would leave that open. */
static void describe_refusal(const struct vgpu_query *query, char *text, size_t size)
{
	char name[64];

	if (query->refusal == PLANE_UNKNOWN_FORMAT) {
		snprintf(text, size, "%s: %s", plane_refusal_text(query->refusal),
			format_name(query->format, name, sizeof(name)));
	} else {
		snprintf(text, size, "%s", plane_refusal_text(query->refusal));
	}
}

/* 0: what there is to show is up. -ESTALE: query again. */
static int show_plane(
	struct session *session, const struct plane *plane, int64_t now, pixman_region32_t *damage)
{
	if (now < session->retry_ns && plane_equal(plane, &session->failed)) {
		return 0;
	}

	char why[256] = "";
	enum plane_refusal refusal = PLANE_ACCEPTED;
	struct image *image;
	int rc = buffers_image(&session->buffers, plane, &image, &refusal, why, sizeof(why));

	if (rc == -ESTALE) {
		return rc;
	}
	if (rc < 0) {
		session->counters.import_failed++;
		show_failure(session, plane, rc == -EPROTO ? plane_refusal_text(refusal) : why, now,
			damage);
		return 0;
	}

	log_renderer(session);
	rc = renderer_update(session->renderer, image, damage);
	if (rc == -ENOMEM) {
		/* Nothing was read, and the buffer is as good as before. */
		session->counters.no_memory++;
		snprintf(why, sizeof(why),
			"no memory for a picture of %ux%u: free some on the host", plane->width,
			plane->height);
		show_failure(session, plane, why, now, damage);
		return 0;
	}
	if (rc < 0) {
		buffers_drop(&session->buffers, image);
		if (rc == -EFAULT) {
			session->counters.vanished++;
			snprintf(why, sizeof(why), "the guest's buffer vanished while it was read");
		} else {
			session->counters.read_failed++;
			snprintf(why, sizeof(why), "the guest's buffer can't be read: %s",
				strerror(-rc));
		}
		/* The snapshot may hold half of a picture now, so the last one can't stay. */
		show_failure(session, plane, why, now, damage);
		return 0;
	}
	free(session->card_pixels);
	session->card_pixels = NULL;
	session->picture_ns = now;
	session->had_picture = true;
	session->retry_ns = 0;

	char text[256];

	describe_plane(plane, text, sizeof(text));
	session->counters.width = plane->width;
	session->counters.height = plane->height;
	set_state(session, SESSION_PICTURE, text, plane, now);
	return 0;
}

static void look_primary(struct session *session, int64_t now, pixman_region32_t *damage)
{
	struct vgpu_query query;
	char text[256];

	for (int i = 0; i < STALE_TRIES; i++) {
		switch (vgpu_query(session->vgpu, PLANE_PRIMARY, &query)) {
		case VGPU_PICTURE:
			if (show_plane(session, &query.plane, now, damage) == -ESTALE) {
				session->counters.stale_retries++;
				continue;
			}
			return;
		case VGPU_NO_PICTURE:
			show_card(session, SESSION_NO_PICTURE,
				session->had_picture ? "the guest has switched its display off"
						     : "the guest has not set a mode yet",
				now, damage);
			return;
		case VGPU_REFUSED:
			describe_refusal(&query, text, sizeof(text));
			show_card(session, SESSION_NO_PICTURE, text, now, damage);
			return;
		case VGPU_GONE:
			buffers_clear(&session->buffers);
			show_card(session, SESSION_GONE, SESSION_GONE_TEXT, now, damage);
			return;
		case VGPU_TRANSIENT:
			show_trouble(
				session, "the guest is changing its display mode", now, damage);
			return;
		}
	}
	show_trouble(
		session, "the guest changes its buffers faster than they can be read", now, damage);
}

/*
 * 0,0 is also what the device says of a guest driver that tells no hot spot, so it is not believed
 * against what is seen.
 */
static void take_shape(struct session *session, const struct plane *plane,
	const struct plane_position *position, int64_t now)
{
	const struct hotspot_sight sight = {
		.now = now,
		.plane_x = position->x,
		.plane_y = position->y,
		.pointed_x = session->pointed_x,
		.pointed_y = session->pointed_y,
		.pointed_serial = session->pointed_serial,
	};
	struct cursor *cursor = &session->cursor;
	size_t bytes = (size_t)plane->width * plane->height * sizeof(uint32_t);
	bool same = cursor->serial != 0 && cursor->width == plane->width &&
		cursor->height == plane->height &&
		memcmp(session->shape, session->scratch, bytes) == 0;
	uint32_t hot_x, hot_y;

	if (!same) {
		memcpy(session->shape, session->scratch, bytes);
		hotspot_set_shape(&session->hotspot, session->shape, plane->width, plane->height);
	}
	hotspot_look(&session->hotspot, &sight, &hot_x, &hot_y);
	if (position->hot_known && (position->hot_x || position->hot_y)) {
		hot_x = position->hot_x;
		hot_y = position->hot_y;
	}
	if (same && cursor->hot_x == hot_x && cursor->hot_y == hot_y) {
		return;
	}
	cursor->width = plane->width;
	cursor->height = plane->height;
	cursor->hot_x = hot_x;
	cursor->hot_y = hot_y;
	cursor->serial++;
}

static void look_cursor(struct session *session, int64_t now)
{
	struct cursor *cursor = &session->cursor;
	struct vgpu_query query;
	enum vgpu_answer answer = vgpu_query(session->vgpu, PLANE_CURSOR, &query);

	if (answer == VGPU_TRANSIENT) {
		return;
	}
	if (answer != VGPU_PICTURE) {
		cursor->visible = false;
		return;
	}

	char why[256];
	enum plane_refusal refusal;
	struct image *image;
	int rc = buffers_image(&session->buffers, &query.plane, &image, &refusal, why, sizeof(why));

	if (rc == 0) {
		rc = renderer_read(session->renderer, image, session->scratch);
		if (rc < 0) {
			buffers_drop(&session->buffers, image);
		}
	}
	if (rc < 0) {
		/* A stale id comes right with the next look; the shape that is up stays till then. */
		if (rc != -ESTALE) {
			session->counters.cursor_failed++;
			cursor->visible = false;
		}
		return;
	}
	take_shape(session, &query.plane, &query.position, now);
	cursor->visible = true;
	cursor->x = query.position.x;
	cursor->y = query.position.y;
}

void session_look(struct session *session, int64_t now, pixman_region32_t *damage)
{
	session->counters.looks++;
	if (!session->vgpu) {
		show_card(session, session->off_state, session->off_text, now, damage);
		return;
	}
	if (session->paused && session->state == SESSION_PAUSED && session->card_pixels) {
		return;
	}
	look_primary(session, now, damage);
	if (session->state == SESSION_PICTURE && vgpu_info(session->vgpu)->cursor_plane) {
		look_cursor(session, now);
	}
	if (session->paused && session->state != SESSION_GONE) {
		show_paused(session, now, damage);
	}
}

const struct cursor *session_cursor(const struct session *session)
{
	bool picture = session->state == SESSION_PICTURE ||
		(session->state == SESSION_PAUSED && session->had_picture);

	if (picture && session->vgpu && !vgpu_info(session->vgpu)->cursor_plane) {
		return NULL;
	}
	return &session->cursor;
}
