/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

#include "spice/impl.h"

#define FIRST_WIDTH 640
#define FIRST_HEIGHT 480

#define DRAIN_STEP_MS 4
#define DRAIN_STILL_US (300 * 1000) /* nothing moved for so long: the viewer stands still */
#define DRAIN_MAX_US (10 * 1000 * 1000) /* a slow viewer gets that long for what is on its way */
#define CONNECT_MAX_US (5 * 1000 * 1000) /* a viewer that has not been served yet gets that long */
#define SHUT_MAX_US (150 * 1000) /* until the library has noticed a shut socket */
#define RETRY_MS 1000 /* after memory lacked */
#define WIPE_STEP_MS 10

static void *allocate_shadow(uint32_t width, uint32_t height)
{
	/* Fresh pages: black, and no memory until something is drawn. */
	void *shadow = mmap(NULL, (size_t)width * height * 4, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return shadow == MAP_FAILED ? NULL : shadow;
}

static QXLDevSurfaceCreate describe(uint32_t width, uint32_t height, void *shadow)
{
	return (QXLDevSurfaceCreate){
		.width = width,
		.height = height,
		.stride = -(int32_t)(width * 4), /* negative: the first row comes first */
		.format = SPICE_SURFACE_FMT_32_xRGB,
		.mouse_mode = 1,
		.type = QXL_SURF_TYPE_PRIMARY,
		.mem = (uintptr_t)shadow,
	};
}

static void send_monitors_config(struct spice_sink *sink, uint32_t width, uint32_t height)
{
	QXLMonitorsConfig *config = g_malloc0(sizeof(*config) + sizeof(config->heads[0]));

	config->count = 1;
	config->max_allowed = 1;
	config->heads[0].width = width;
	config->heads[0].height = height;
	/* Read later, in the worker; async_complete frees it. */
	spice_qxl_monitors_config_async(
		&sink->qxl, (uintptr_t)config, 0, (uint64_t)(uintptr_t)config);
}

/* What viewers have read and the library has sent; it changes while they move. */
static uint64_t movement(struct spice_sink *sink)
{
	uint64_t released;

	pthread_mutex_lock(&sink->display.lock);
	released = sink->display.released;
	pthread_mutex_unlock(&sink->display.lock);
	return (released << 32) + sockets_waiting(&sink->sockets);
}

static void enter_stage(struct spice_sink *sink, enum mode_stage stage)
{
	struct mode *mode = &sink->mode;

	mode->stage = stage;
	mode->since = mode->moved_at = g_get_monotonic_time();
}

/*
 * Has the viewer had the time to show that it lives? One that has taken in a frame has; one that is
 * connecting still has nothing to move, and on a slow link or machine that takes long.
 */
static bool had_its_time(struct spice_sink *sink)
{
	return atomic_load(&sink->served) || sockets_newest_us(&sink->sockets) > CONNECT_MAX_US;
}

/* True when there is no sense in waiting any longer; shuts viewers that stand still. */
static bool impatient(struct spice_sink *sink)
{
	struct mode *mode = &sink->mode;
	int64_t now = g_get_monotonic_time();
	uint64_t moved = movement(sink);

	if (moved != mode->moved) {
		mode->moved = moved;
		mode->moved_at = now;
	}
	if (!mode->shut && !atomic_load(&sink->connecting) && had_its_time(sink) &&
		(now - mode->moved_at > DRAIN_STILL_US || now - mode->since > DRAIN_MAX_US)) {
		sink_shut(sink, SOCKETS_ALL);
		mode->shut = true;
		mode->shut_at = now;
	}
	return mode->shut && now - mode->shut_at > SHUT_MAX_US;
}

/* Is all that was handed over sent, or at least nothing left that a wait could help? */
static bool drained(struct spice_sink *sink)
{
	struct display *d = &sink->display;
	bool empty;

	if (!atomic_load(&sink->viewers)) {
		return true;
	}
	if (!d->gate_on_release) {
		return !sockets_waiting(&sink->sockets);
	}
	pthread_mutex_lock(&d->lock);
	empty = !d->live;
	pthread_mutex_unlock(&d->lock);
	return empty;
}

/*
 * The calls are the asynchronous ones: the worker may be waiting for a viewer, be it one that stands
 * still or one that has only half connected, and main shall not. Such a viewer is seen here as no
 * movement. They follow on each other, so that no viewer can come between, where there is no surface.
 * (Of the two ways to destroy, this one leaves the mouse mode alone; creating looks at it on the
 * worker's thread, but finds it as it was.)
 */
static void replace_primary(struct spice_sink *sink)
{
	struct mode *mode = &sink->mode;
	QXLDevSurfaceCreate surface;
	struct spice_sink *before;

	pthread_mutex_lock(&sink->display.lock);
	mode->width = sink->display.wanted_width;
	mode->height = sink->display.wanted_height;
	pthread_mutex_unlock(&sink->display.lock);
	mode->next_shadow = allocate_shadow(mode->width, mode->height);
	if (!mode->next_shadow) {
		loop_source_in(mode->source, RETRY_MS);
		return;
	}
	surface = describe(mode->width, mode->height, mode->next_shadow);
	enter_stage(sink, MODE_REPLACING);
	atomic_store(&mode->replaced, false);
	before = loop_enter(sink);
	spice_qxl_destroy_surfaces_async(&sink->qxl, MODE_COOKIE_DESTROY);
	spice_qxl_create_primary_surface_async(&sink->qxl, 0, &surface, MODE_COOKIE_CREATE);
	send_monitors_config(sink, mode->width, mode->height);
	loop_leave(sink, before);
	loop_source_in(mode->source, DRAIN_STEP_MS);
}

void mode_replaced(struct spice_sink *sink)
{
	atomic_store(&sink->mode.replaced, true);
	loop_source_in(sink->mode.source, 0);
}

static void finish_switch(struct spice_sink *sink)
{
	struct mode *mode = &sink->mode;
	struct display *d = &sink->display;

	munmap(mode->shadow, mode->shadow_size);
	mode->shadow = mode->next_shadow;
	mode->shadow_size = (size_t)mode->width * mode->height * 4;
	mode->next_shadow = NULL;
	mode->stage = MODE_STEADY;
	atomic_fetch_add(&sink->counters.mode_switches, 1);
	pthread_mutex_lock(&d->lock);
	d->width = mode->width;
	d->height = mode->height;
	d->fenced = d->tick; /* that fence went with the queue */
	d->switching = false;
	pthread_mutex_unlock(&d->lock);
	/* The shadow is blank now, whatever was sent to viewers before. */
	atomic_fetch_add(&sink->generation, 1);
	pointer_reset(sink);
	inputs_resized(sink, mode->width, mode->height);
	inputs_steady(sink);
	display_check_ready(sink);
}

static void step_switch(struct spice_sink *sink)
{
	struct mode *mode = &sink->mode;

	switch (mode->stage) {
	case MODE_STEADY:
		display_drop_queue(sink);
		mode->shut = false;
		enter_stage(sink, MODE_DRAINING);
		/* fall through */
	case MODE_DRAINING:
		if (drained(sink) || impatient(sink)) {
			replace_primary(sink);
		} else {
			loop_source_in(mode->source, DRAIN_STEP_MS);
		}
		return;
	case MODE_REPLACING:
		if (atomic_load(&mode->replaced)) {
			finish_switch(sink);
			return;
		}
		break;
	}
	impatient(sink);
	loop_source_in(mode->source, DRAIN_STEP_MS);
}

void mode_blank(struct spice_sink *sink)
{
	/* The worker may be drawing; what it draws now is drawn over by the frame that is owed. */
	madvise(sink->mode.shadow, sink->mode.shadow_size, MADV_DONTNEED);
}

/*
 * Nobody watches: gives the shadow's pages back, which also blanks it. What the worker has fetched
 * must be drawn before, or it would be drawn after.
 */
static void wipe(struct spice_sink *sink)
{
	struct mode *mode = &sink->mode;
	bool idle;

	pthread_mutex_lock(&sink->display.lock);
	idle = display_idle(&sink->display);
	pthread_mutex_unlock(&sink->display.lock);
	if (!idle) {
		loop_source_in(mode->source, WIPE_STEP_MS);
		return;
	}
	mode_blank(sink);
	mode->wipe = false;
}

static void mode_work(struct spice_sink *sink)
{
	bool switching;

	pthread_mutex_lock(&sink->display.lock);
	switching = sink->display.switching;
	pthread_mutex_unlock(&sink->display.lock);
	if (switching) {
		step_switch(sink);
	} else if (sink->mode.wipe) {
		wipe(sink);
	}
}

void mode_viewers_changed(struct spice_sink *sink, unsigned count)
{
	sink->mode.wipe = !count;
	if (!count) {
		loop_source_in(sink->mode.source, 0);
	}
}

int mode_init(struct spice_sink *sink, char *why, size_t why_size)
{
	struct display *d = &sink->display;
	void *shadow = allocate_shadow(FIRST_WIDTH, FIRST_HEIGHT);
	QXLDevSurfaceCreate surface;

	sink->mode.source = loop_source_new(mode_work, sink);
	if (!shadow) {
		snprintf(why, why_size, "no memory for a display of %ux%u: free some", FIRST_WIDTH,
			FIRST_HEIGHT);
		return -ENOMEM;
	}
	sink->mode.shadow = shadow;
	sink->mode.shadow_size = (size_t)FIRST_WIDTH * FIRST_HEIGHT * 4;
	surface = describe(FIRST_WIDTH, FIRST_HEIGHT, shadow);
	spice_qxl_create_primary_surface(&sink->qxl, 0, &surface);
	send_monitors_config(sink, FIRST_WIDTH, FIRST_HEIGHT);
	d->width = FIRST_WIDTH;
	d->height = FIRST_HEIGHT;
	pointer_reset(sink);
	inputs_resized(sink, FIRST_WIDTH, FIRST_HEIGHT);
	return 0;
}

void mode_finish(struct spice_sink *sink)
{
	loop_source_free(sink->mode.source);
	if (sink->mode.shadow) {
		munmap(sink->mode.shadow, sink->mode.shadow_size);
	}
	if (sink->mode.next_shadow) {
		munmap(sink->mode.next_shadow, (size_t)sink->mode.width * sink->mode.height * 4);
	}
}
