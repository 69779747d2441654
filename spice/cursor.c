/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "render/cursor.h"
#include "spice/impl.h"

/*
 * The pointer is a state, not a queue: what the capture thread sets last is compared with what the
 * worker was told last, and the difference is made a command when the worker asks. The library and
 * the viewers have habits that this follows:
 * - a viewer that comes late gets the shape of the last SET but the place of the last MOVE, so a MOVE
 *   follows each SET;
 * - and what it is told first does not place the pointer in spice-gtk, so a MOVE follows that, too;
 * - after a HIDE, spice-gtk shows the pointer again at a MOVE, so none is sent while it is hidden, and
 *   a SET (from the viewer's cache) brings it back;
 * - with a new primary surface the library forgets all, and shows the pointer.
 */
struct shape {
	atomic_uint refs;
	uint32_t serial;
	QXLCursor *cursor; /* header and pixels, as the library reads them */
};

struct cursor_command {
	struct token token; /* first: release_info.id points here */
	struct shape *shape; /* of a SET, held until released */
	QXLCursorCmd cmd;
};

static void shape_unref(struct shape *shape)
{
	if (shape && atomic_fetch_sub(&shape->refs, 1) == 1) {
		free(shape->cursor);
		free(shape);
	}
}

static struct shape *shape_ref(struct shape *shape)
{
	atomic_fetch_add(&shape->refs, 1);
	return shape;
}

/* SPICE wants colours as they are, our cursors have them multiplied by alpha. */
static uint32_t straight(uint32_t argb)
{
	uint32_t alpha = argb >> 24, out = argb & 0xff000000;

	if (!alpha || alpha == 255) {
		return alpha ? argb : 0;
	}
	for (int shift = 0; shift < 24; shift += 8) {
		uint32_t c = ((argb >> shift & 255) * 255 + alpha / 2) / alpha;

		out |= MIN(c, 255) << shift;
	}
	return out;
}

static struct shape *shape_new(const struct cursor *cursor)
{
	size_t n = (size_t)cursor->width * cursor->height;
	struct shape *shape = calloc(1, sizeof(*shape));
	QXLCursor *q = calloc(1, sizeof(*q) + n * 4);

	if (!shape || !q) {
		free(shape);
		free(q);
		return NULL;
	}
	atomic_init(&shape->refs, 1);
	shape->serial = cursor->serial;
	shape->cursor = q;
	/* The viewer's cache goes by it; 0 would mean "don't cache". */
	q->header.unique = UINT64_C(1) << 32 | cursor->serial;
	q->header.type = SPICE_CURSOR_TYPE_ALPHA;
	q->header.width = cursor->width;
	q->header.height = cursor->height;
	q->header.hot_spot_x = cursor->hot_x;
	q->header.hot_spot_y = cursor->hot_y;
	q->data_size = n * 4;
	q->chunk.data_size = n * 4;
	for (size_t i = 0; i < n; i++) {
		uint32_t argb = GUINT32_TO_LE(straight(cursor->pixels[i]));

		memcpy(q->chunk.data + i * 4, &argb, 4);
	}
	return shape;
}

void pointer_init(struct spice_sink *sink)
{
	pthread_mutex_init(&sink->pointer.lock, NULL);
}

void pointer_finish(struct spice_sink *sink)
{
	shape_unref(sink->pointer.shape);
	shape_unref(sink->pointer.told_shape);
	pthread_mutex_destroy(&sink->pointer.lock);
}

static void wake(struct spice_sink *sink)
{
	atomic_store(&sink->wake, true);
	display_wakeup(sink);
}

static bool same(const struct pointer *p, const struct shape *shape, int16_t x, int16_t y)
{
	if (!p->shape != !shape) {
		return false;
	}
	return !shape || (p->shape->serial == shape->serial && p->x == x && p->y == y);
}

static int16_t clamp16(int64_t v)
{
	return v < INT16_MIN ? INT16_MIN : v > INT16_MAX ? INT16_MAX : v;
}

static bool usable(const struct cursor *c)
{
	return c && c->visible && c->pixels && c->width && c->height &&
		c->width <= CURSOR_MAX_SIDE && c->height <= CURSOR_MAX_SIDE &&
		c->hot_x < c->width && c->hot_y < c->height;
}

void spice_sink_set_cursor(struct spice_sink *sink, const struct cursor *cursor)
{
	struct pointer *p = &sink->pointer;
	struct shape *shape = NULL, *before;
	int16_t x = 0, y = 0;

	if (usable(cursor)) {
		pthread_mutex_lock(&p->lock);
		if (p->shape && p->shape->serial == cursor->serial) {
			shape = shape_ref(p->shape);
		} else if (p->told_shape && p->told_shape->serial == cursor->serial) {
			shape = shape_ref(p->told_shape);
		}
		pthread_mutex_unlock(&p->lock);
		if (!shape) {
			shape = shape_new(cursor); /* without memory: hidden */
		}
		x = clamp16((int64_t)cursor->x + cursor->hot_x);
		y = clamp16((int64_t)cursor->y + cursor->hot_y);
	}
	pthread_mutex_lock(&p->lock);
	if (same(p, shape, x, y)) {
		pthread_mutex_unlock(&p->lock);
		shape_unref(shape);
		return;
	}
	if (p->fresh) {
		atomic_fetch_add(&sink->counters.cursor_dropped, 1);
	}
	before = p->shape;
	p->shape = shape;
	p->x = x;
	p->y = y;
	p->fresh = true;
	pthread_mutex_unlock(&p->lock);
	shape_unref(before);
	wake(sink);
}

void pointer_reset(struct spice_sink *sink)
{
	struct pointer *p = &sink->pointer;
	struct shape *told;

	pthread_mutex_lock(&p->lock);
	told = p->told_shape;
	p->told_shape = NULL;
	p->told_position = false;
	p->told = false;
	pthread_mutex_unlock(&p->lock);
	shape_unref(told);
	wake(sink);
}

void pointer_withhold(struct spice_sink *sink)
{
	pthread_mutex_lock(&sink->pointer.lock);
	sink->pointer.withheld = true;
	pthread_mutex_unlock(&sink->pointer.lock);
	wake(sink);
}

void pointer_show(struct spice_sink *sink)
{
	pthread_mutex_lock(&sink->pointer.lock);
	sink->pointer.withheld = false;
	pthread_mutex_unlock(&sink->pointer.lock);
}

void pointer_place_again(struct spice_sink *sink)
{
	pthread_mutex_lock(&sink->pointer.lock);
	sink->pointer.told_position = false;
	pthread_mutex_unlock(&sink->pointer.lock);
	wake(sink);
}

/* With the lock held: what the worker must be told next, or -1. */
static int next_command(const struct pointer *p)
{
	const struct shape *shape = p->withheld ? NULL : p->shape;

	if (!shape) {
		return !p->told || p->told_shape ? QXL_CURSOR_HIDE : -1;
	}
	if (!p->told_shape || p->told_shape->serial != shape->serial) {
		return QXL_CURSOR_SET;
	}
	if (!p->told_position || p->told_x != p->x || p->told_y != p->y) {
		return QXL_CURSOR_MOVE;
	}
	return -1;
}

bool pointer_pending(struct spice_sink *sink)
{
	struct pointer *p = &sink->pointer;
	bool pending;

	pthread_mutex_lock(&p->lock);
	pending = next_command(p) >= 0;
	pthread_mutex_unlock(&p->lock);
	return pending;
}

int pointer_get_command(struct spice_sink *sink, struct QXLCommandExt *ext)
{
	struct spice_sink_counters *n = &sink->counters;
	struct pointer *p = &sink->pointer;
	struct shape *forget = NULL;
	struct cursor_command *c;
	int type;

	pthread_mutex_lock(&p->lock);
	type = next_command(p);
	c = type < 0 ? NULL : calloc(1, sizeof(*c));
	if (!c) {
		p->fresh = p->fresh && type >= 0;
		pthread_mutex_unlock(&p->lock);
		return 0;
	}
	c->token.kind = TOKEN_CURSOR;
	c->cmd.release_info.id = (uintptr_t)&c->token;
	c->cmd.type = type;
	p->told = true;
	switch (type) {
	case QXL_CURSOR_SET:
		forget = p->told_shape;
		p->told_shape = shape_ref(p->shape);
		p->told_position = false;
		c->shape = shape_ref(p->shape);
		c->cmd.u.set.visible = 1;
		c->cmd.u.set.position.x = p->x;
		c->cmd.u.set.position.y = p->y;
		c->cmd.u.set.shape = (uintptr_t)p->shape->cursor;
		atomic_fetch_add(&n->cursor_sets, 1);
		break;
	case QXL_CURSOR_MOVE:
		p->told_position = true;
		p->told_x = p->x;
		p->told_y = p->y;
		c->cmd.u.position.x = p->x;
		c->cmd.u.position.y = p->y;
		atomic_fetch_add(&n->cursor_moves, 1);
		break;
	default:
		forget = p->told_shape;
		p->told_shape = NULL;
		atomic_fetch_add(&n->cursor_hides, 1);
		break;
	}
	p->fresh = next_command(p) >= 0;
	pthread_mutex_unlock(&p->lock);
	shape_unref(forget);

	memset(ext, 0, sizeof(*ext));
	ext->cmd.data = (uintptr_t)&c->cmd;
	ext->cmd.type = QXL_CMD_CURSOR;
	return 1;
}

void pointer_release(struct spice_sink *sink, void *command)
{
	struct cursor_command *c = command;

	shape_unref(c->shape);
	free(c);
}
