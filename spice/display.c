/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "render/frame.h"
#include "spice/impl.h"

/*
 * A frame becomes one draw command a rectangle, whose bitmaps point into the frame's own memory, and
 * one update command, the fence. The library keeps a drawable for two reasons: it is not yet sent to
 * the viewer, and it lies in the tree of what would have to be drawn into the shadow. The fence draws
 * it there, so that what is left of "not yet released" is "not yet sent", and that is what the gate
 * goes by: never more than one frame inside the library, so a slow viewer gets the newest picture and
 * not the next one.
 */
struct command {
	struct token token; /* first: release_info.id points here */
	struct command *next; /* in the queue or among the idle */
	struct command *all_next;
	struct frame *frame; /* NULL: not in use, or a fence */
	union {
		QXLDrawable drawable;
		QXLUpdateCmd update;
	} qxl;
	QXLImage image;
};

void display_init(struct spice_sink *sink)
{
	struct display *d = &sink->display;

	pthread_mutex_init(&d->lock, NULL);
	d->tail = &d->head;
}

void display_finish(struct spice_sink *sink)
{
	struct display *d = &sink->display;

	while (d->all) {
		struct command *c = d->all;

		d->all = c->all_next;
		frame_unref(c->frame);
		free(c);
	}
	pthread_mutex_destroy(&d->lock);
}

enum gate display_gate(const struct display *d)
{
	if (d->head || d->fenced != d->tick) {
		return GATE_FENCE;
	}
	if (d->gate_on_release && d->live) {
		return GATE_RELEASE;
	}
	return GATE_OPEN;
}

bool display_idle(const struct display *d)
{
	return !d->head && d->fenced == d->tick && !d->live;
}

void display_wakeup(struct spice_sink *sink)
{
	/* The call takes a lock that main holds while it waits for the worker. */
	if (sink->qxl_added && atomic_load(&sink->wake) && !atomic_load(&sink->in_library) &&
		atomic_exchange(&sink->wake, false)) {
		spice_qxl_wakeup(&sink->qxl);
	}
}

static void wake_worker(struct spice_sink *sink)
{
	atomic_store(&sink->wake, true);
	display_wakeup(sink);
}

void display_check_ready(struct spice_sink *sink)
{
	struct display *d = &sink->display;
	bool ready;

	pthread_mutex_lock(&d->lock);
	ready = d->refused && !d->switching && display_gate(d) == GATE_OPEN;
	if (ready) {
		d->refused = false;
	}
	pthread_mutex_unlock(&d->lock);
	if (ready) {
		sink_ready(sink);
	}
}

void display_joined(struct spice_sink *sink)
{
	pthread_mutex_lock(&sink->display.lock);
	sink->display.joined = sink->display.tick;
	pthread_mutex_unlock(&sink->display.lock);
	atomic_store(&sink->served, false);
}

bool spice_sink_can_take(struct spice_sink *sink, uint32_t width, uint32_t height)
{
	struct display *d = &sink->display;
	atomic_uint_fast64_t *held = NULL;
	bool change = false, first;
	enum gate gate;

	if (!width || !height || width > SINK_MAX_SIDE || height > SINK_MAX_SIDE ||
		!spice_sink_wants(sink)) {
		return false;
	}
	pthread_mutex_lock(&d->lock);
	first = !d->refused;
	gate = display_gate(d);
	if (gate == GATE_OPEN && d->tick != d->joined) {
		atomic_store(&sink->served, true);
	}
	if (d->switching) {
		/* The guest may have changed its mind; read when the new surface is made. */
		d->wanted_width = width;
		d->wanted_height = height;
		held = &sink->counters.held_fence;
	} else if (width != d->width || height != d->height) {
		d->wanted_width = width;
		d->wanted_height = height;
		d->switching = true;
		change = true;
		held = &sink->counters.held_fence;
	} else if (gate != GATE_OPEN) {
		held = gate == GATE_FENCE ? &sink->counters.held_fence
					  : &sink->counters.held_release;
	}
	d->refused = held != NULL;
	pthread_mutex_unlock(&d->lock);
	if (change) {
		loop_source_in(sink->mode.source, 0);
	}
	if (!held && sockets_behind(&sink->sockets)) {
		held = &sink->counters.held_socket;
		pthread_mutex_lock(&d->lock);
		d->refused = true;
		pthread_mutex_unlock(&d->lock);
		atomic_store(&sink->poll_ms, 2);
		loop_source_in(sink->poll, 2);
	}
	if (held && first) {
		atomic_fetch_add(held, 1);
	}
	return !held;
}

/* With the lock held. */
static struct command *take_idle(struct display *d)
{
	struct command *c = d->idle;

	if (c) {
		d->idle = c->next;
		return c;
	}
	c = calloc(1, sizeof(*c));
	if (c) {
		c->all_next = d->all;
		d->all = c;
	}
	return c;
}

/* With the lock held. */
static void put_idle(struct display *d, struct command *c)
{
	c->frame = NULL;
	c->next = d->idle;
	d->idle = c;
}

static void fill_drawable(struct command *c, const struct frame_rect *rect, uint32_t image_id)
{
	QXLDrawable *q = &c->qxl.drawable;
	QXLImage *image = &c->image;

	memset(q, 0, sizeof(*q));
	memset(image, 0, sizeof(*image));
	c->token.kind = TOKEN_DRAWABLE;
	q->release_info.id = (uintptr_t)&c->token;
	q->effect = QXL_EFFECT_OPAQUE;
	q->type = QXL_DRAW_COPY;
	q->bbox.left = rect->x;
	q->bbox.top = rect->y;
	q->bbox.right = rect->x + rect->width;
	q->bbox.bottom = rect->y + rect->height;
	q->clip.type = SPICE_CLIP_TYPE_NONE;
	for (size_t i = 0; i < G_N_ELEMENTS(q->surfaces_dest); i++) {
		q->surfaces_dest[i] = -1;
	}
	q->u.copy.src_bitmap = (uintptr_t)image;
	q->u.copy.src_area.right = rect->width;
	q->u.copy.src_area.bottom = rect->height;
	q->u.copy.rop_descriptor = SPICE_ROPD_OP_PUT;

	QXL_SET_IMAGE_ID(image, QXL_IMAGE_GROUP_DEVICE, image_id);
	image->descriptor.type = SPICE_IMAGE_TYPE_BITMAP;
	image->descriptor.width = rect->width;
	image->descriptor.height = rect->height;
	image->bitmap.format = SPICE_BITMAP_FMT_32BIT;
	image->bitmap.flags = QXL_BITMAP_DIRECT | QXL_BITMAP_TOP_DOWN;
	image->bitmap.x = rect->width;
	image->bitmap.y = rect->height;
	image->bitmap.stride = rect->width * 4;
	image->bitmap.data = (uintptr_t)rect->pixels;
}

static void fill_fence(struct command *c, const QXLRect *area, uint32_t tick)
{
	QXLUpdateCmd *q = &c->qxl.update;

	memset(q, 0, sizeof(*q));
	c->token.kind = TOKEN_FENCE;
	q->release_info.id = (uintptr_t)&c->token;
	q->area = *area;
	q->update_id = tick;
}

/* The library ends the process over a bad address or size, so none gets there. */
static bool frame_is_sane(const struct frame *frame, QXLRect *extents)
{
	*extents = (QXLRect){.left = INT32_MAX, .top = INT32_MAX};
	for (uint32_t i = 0; i < frame->n_rects; i++) {
		const struct frame_rect *r = &frame->rects[i];

		if (!r->pixels || !r->width || !r->height || r->width > frame->width ||
			r->height > frame->height || r->x > frame->width - r->width ||
			r->y > frame->height - r->height) {
			return false;
		}
		extents->left = MIN(extents->left, (int32_t)r->x);
		extents->top = MIN(extents->top, (int32_t)r->y);
		extents->right = MAX(extents->right, (int32_t)(r->x + r->width));
		extents->bottom = MAX(extents->bottom, (int32_t)(r->y + r->height));
	}
	return frame->n_rects > 0;
}

/* With the lock held: the whole frame or nothing of it. */
static bool enqueue(struct display *d, struct frame *frame, const QXLRect *extents)
{
	struct command *chain = NULL, **tail = &chain, *c;
	uint32_t tick = d->tick + 1;

	for (uint32_t i = 0; i <= frame->n_rects; i++) {
		c = take_idle(d);
		if (!c) {
			while (chain) {
				c = chain;
				chain = c->next;
				put_idle(d, c);
			}
			return false;
		}
		c->next = NULL;
		*tail = c;
		tail = &c->next;
	}
	c = chain;
	for (uint32_t i = 0; i < frame->n_rects; i++, c = c->next) {
		c->frame = frame_ref(frame);
		fill_drawable(c, &frame->rects[i], ++d->image_id);
	}
	fill_fence(c, extents, tick);
	*d->tail = chain;
	d->tail = tail;
	d->tick = tick;
	d->live += frame->n_rects;
	return true;
}

void spice_sink_give(struct spice_sink *sink, struct frame *frame)
{
	struct display *d = &sink->display;
	bool taken = false;
	QXLRect extents;

	if (!frame_is_sane(frame, &extents)) {
		atomic_fetch_add(&sink->counters.frames_dropped, 1);
		return;
	}
	/*
	 * A frame that arrives as the last viewer goes must not reach the shadow, where the next one
	 * would see it.
	 */
	pthread_mutex_lock(&d->lock);
	if (spice_sink_wants(sink) && !d->switching && frame->width == d->width &&
		frame->height == d->height) {
		taken = enqueue(d, frame, &extents);
	}
	if (taken) {
		/* Before the worker can release one. */
		atomic_fetch_add(&sink->counters.drawables_live, frame->n_rects);
	}
	pthread_mutex_unlock(&d->lock);
	if (!taken) {
		atomic_fetch_add(&sink->counters.frames_dropped, 1);
		atomic_fetch_add(&sink->generation, 1); /* what it held must come again */
		return;
	}
	atomic_fetch_add(&sink->counters.frames, 1);
	atomic_fetch_add(&sink->counters.drawables, frame->n_rects);
	atomic_fetch_add(&sink->counters.bytes, frame->bytes);
	pointer_show(sink);
	wake_worker(sink);
}

void display_drop_queue(struct spice_sink *sink)
{
	struct display *d = &sink->display;
	struct command *chain;

	pthread_mutex_lock(&d->lock);
	chain = d->head;
	d->head = NULL;
	d->tail = &d->head;
	pthread_mutex_unlock(&d->lock);

	while (chain) {
		struct command *c = chain;
		struct frame *frame = c->frame;

		chain = c->next;
		pthread_mutex_lock(&d->lock);
		if (c->token.kind == TOKEN_DRAWABLE) {
			d->live--;
			atomic_fetch_sub(&sink->counters.drawables_live, 1);
		}
		put_idle(d, c);
		pthread_mutex_unlock(&d->lock);
		frame_unref(frame);
	}
}

static int get_command(QXLInstance *qxl, struct QXLCommandExt *ext)
{
	struct spice_sink *sink = sink_of_qxl(qxl);
	struct display *d = &sink->display;
	struct command *c;

	if (!atomic_load(&sink->watchdog.worker)) {
		atomic_store(&sink->watchdog.worker, gettid());
	}
	pthread_mutex_lock(&d->lock);
	c = d->head;
	if (c) {
		d->head = c->next;
		if (!d->head) {
			d->tail = &d->head;
		}
	}
	pthread_mutex_unlock(&d->lock);
	if (!c) {
		return 0;
	}
	memset(ext, 0, sizeof(*ext));
	ext->cmd.data = (uintptr_t)&c->qxl;
	ext->cmd.type = c->token.kind == TOKEN_FENCE ? QXL_CMD_UPDATE : QXL_CMD_DRAW;
	return 1;
}

/* 1: call us when there is more; 0: there is more already. */
static int req_cmd_notification(QXLInstance *qxl)
{
	struct display *d = &sink_of_qxl(qxl)->display;
	int empty;

	pthread_mutex_lock(&d->lock);
	empty = !d->head;
	pthread_mutex_unlock(&d->lock);
	return empty;
}

static void notify_update(QXLInstance *qxl, uint32_t update_id)
{
	struct spice_sink *sink = sink_of_qxl(qxl);

	pthread_mutex_lock(&sink->display.lock);
	sink->display.fenced = update_id;
	pthread_mutex_unlock(&sink->display.lock);
	display_check_ready(sink);
}

/* With the lock held. */
static void count_sent(struct spice_sink *sink, const struct frame *frame)
{
	struct spice_sink_counters *counters = &sink->counters;
	uint64_t recent = counters->sent_recent_us, us;
	struct timespec ts;
	int64_t ns;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ns = ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec - frame->captured_ns;
	us = ns > 0 ? (uint64_t)ns / 1000 : 0;
	counters->sent_recent_us = counters->sent ? recent - recent / 8 + us / 8 : us;
	counters->sent_us += us;
	counters->sent++;
}

static void release_drawable(struct spice_sink *sink, struct command *c)
{
	struct display *d = &sink->display;
	struct frame *frame = c->frame;

	pthread_mutex_lock(&d->lock);
	if (c->token.kind == TOKEN_DRAWABLE) {
		d->live--;
		d->released++;
		atomic_fetch_sub(&sink->counters.drawables_live, 1);
		if (!d->live && d->gate_on_release) {
			count_sent(sink, frame);
		}
	}
	put_idle(d, c);
	pthread_mutex_unlock(&d->lock);
	frame_unref(frame);
	display_check_ready(sink);
}

static void release_resource(QXLInstance *qxl, struct QXLReleaseInfoExt info)
{
	struct spice_sink *sink = sink_of_qxl(qxl);
	struct token *token = (struct token *)(uintptr_t)info.info->id;

	if (token->kind == TOKEN_CURSOR) {
		pointer_release(sink, token);
	} else {
		release_drawable(sink, (struct command *)token);
	}
}

static int get_cursor_command(QXLInstance *qxl, struct QXLCommandExt *ext)
{
	/* The first thing that the worker does in each round. */
	atomic_store(&sink_of_qxl(qxl)->connecting, false);
	quarantine_end();
	return pointer_get_command(sink_of_qxl(qxl), ext);
}

static int req_cursor_notification(QXLInstance *qxl)
{
	return !pointer_pending(sink_of_qxl(qxl));
}

static void get_init_info(QXLInstance *qxl, QXLDevInitInfo *info)
{
	*info = (QXLDevInitInfo){
		.num_memslots_groups = 1,
		.num_memslots = 1,
		.memslot_gen_bits = 1,
		.memslot_id_bits = 1,
		.n_surfaces = 1,
		/* A hint for the client's GLZ window: half of it, at most 64 MiB. */
		.qxl_ram_size = 64 << 20,
	};
}

static void attached_worker(QXLInstance *qxl)
{
}

static void set_compression_level(QXLInstance *qxl, int level)
{
}

static int flush_resources(QXLInstance *qxl)
{
	return 0;
}

/* A monitors config's cookie is the memory that it was read from. */
static void async_complete(QXLInstance *qxl, uint64_t cookie)
{
	if (cookie == MODE_COOKIE_CREATE) {
		mode_replaced(sink_of_qxl(qxl));
	} else if (cookie != MODE_COOKIE_DESTROY) {
		g_free((void *)(uintptr_t)cookie);
	}
}

static void update_area_complete(
	QXLInstance *qxl, uint32_t surface_id, struct QXLRect *rects, uint32_t n_rects)
{
}

static void set_client_capabilities(
	QXLInstance *qxl, uint8_t present, uint8_t caps[SPICE_CAPABILITIES_SIZE])
{
	/* Called for a new display channel just before the wait for it. */
	atomic_store(&sink_of_qxl(qxl)->connecting, present);
	if (present) {
		quarantine_begin();
	}
}

/* NULL asks whether we handle it, so that it goes past the agent. */
static int client_monitors_config(QXLInstance *qxl, VDAgentMonitorsConfig *config)
{
	struct spice_sink *sink = sink_of_qxl(qxl);

	if (!config) {
		return !(sink->ports.agent && sink->ports.size_to_agent);
	}
	for (uint32_t i = 0; i < config->num_of_monitors; i++) {
		uint32_t width = config->monitors[i].width, height = config->monitors[i].height;

		if (!width || !height) {
			continue; /* a monitor that is off */
		}
		if (width <= SINK_MAX_SIDE && height <= SINK_MAX_SIDE && sink->events->resize) {
			sink->events->resize(sink->events_data, width, height);
		}
		break;
	}
	return 1;
}

void display_fill_qxl(QXLInterface *qxl)
{
	*qxl = (QXLInterface){
		.base.type = SPICE_INTERFACE_QXL,
		.base.description = "vgpu-bridge display",
		.base.major_version = SPICE_INTERFACE_QXL_MAJOR,
		.base.minor_version = SPICE_INTERFACE_QXL_MINOR,
		{.attached_worker = attached_worker},
		.set_compression_level = set_compression_level,
		.get_init_info = get_init_info,
		.get_command = get_command,
		.req_cmd_notification = req_cmd_notification,
		.release_resource = release_resource,
		.get_cursor_command = get_cursor_command,
		.req_cursor_notification = req_cursor_notification,
		.notify_update = notify_update,
		.flush_resources = flush_resources,
		.async_complete = async_complete,
		.update_area_complete = update_area_complete,
		.set_client_capabilities = set_client_capabilities,
		.client_monitors_config = client_monitors_config,
	};
}
