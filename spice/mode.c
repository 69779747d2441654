/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "spice/impl.h"

#define FIRST_WIDTH 640
#define FIRST_HEIGHT 480

#define DRAIN_STEP_MS 4
#define DRAIN_STILL_US (300 * 1000) /* nothing moved for so long: the viewer stands still */
#define DRAIN_MAX_US (10 * 1000 * 1000) /* a slow viewer gets that long for what is on its way */
#define SHUT_MAX_US (150 * 1000) /* until the library has noticed a shut socket */
#define RETRY_MS 1000 /* after memory lacked */
#define WIPE_STEP_MS 10

static int create_primary(struct spice_sink *sink, uint32_t width, uint32_t height)
{
	struct mode *mode = &sink->mode;
	size_t size = (size_t)width * height * 4;
	struct spice_sink *before;
	QXLMonitorsConfig *config;
	void *shadow;

	/* Fresh pages: black, and no memory until something is drawn. */
	shadow = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (shadow == MAP_FAILED) {
		return -errno;
	}
	config = g_malloc0(sizeof(*config) + sizeof(config->heads[0]));
	config->count = 1;
	config->max_allowed = 1;
	config->heads[0].width = width;
	config->heads[0].height = height;

	before = loop_enter(sink);
	if (mode->shadow) {
		spice_qxl_destroy_primary_surface(&sink->qxl, 0);
		munmap(mode->shadow, mode->shadow_size);
	}
	mode->shadow = shadow;
	mode->shadow_size = size;
	spice_qxl_create_primary_surface(&sink->qxl, 0,
		&(QXLDevSurfaceCreate){
			.width = width,
			.height = height,
			.stride = -(int32_t)(width * 4), /* negative: the first row comes first */
			.format = SPICE_SURFACE_FMT_32_xRGB,
			.mouse_mode = 1,
			.type = QXL_SURF_TYPE_PRIMARY,
			.mem = (uintptr_t)shadow,
		});
	/* Read later, in the worker; async_complete frees it. */
	spice_qxl_monitors_config_async(
		&sink->qxl, (uintptr_t)config, 0, (uint64_t)(uintptr_t)config);
	loop_leave(sink, before);
	return 0;
}

static void switch_mode(struct spice_sink *sink)
{
	struct display *d = &sink->display;
	uint32_t width, height;

	pthread_mutex_lock(&d->lock);
	width = d->wanted_width;
	height = d->wanted_height;
	pthread_mutex_unlock(&d->lock);

	if (create_primary(sink, width, height) < 0) {
		loop_source_in(sink->mode.source, RETRY_MS);
		return;
	}
	atomic_fetch_add(&sink->counters.mode_switches, 1);
	pthread_mutex_lock(&d->lock);
	d->width = width;
	d->height = height;
	d->fenced = d->tick; /* that fence went with the queue */
	d->switching = false;
	pthread_mutex_unlock(&d->lock);
	sink->mode.draining = false;
	/* The shadow is blank now, whatever was promised to viewers before. */
	atomic_fetch_add(&sink->generation, 1);
	pointer_reset(sink);
	display_check_ready(sink);
}

/* Is all that was handed over sent, or at least nothing left that a wait could help? */
static bool drained(struct spice_sink *sink)
{
	struct display *d = &sink->display;
	bool empty;

	if (!atomic_load(&sink->viewers)) {
		return true;
	}
	pthread_mutex_lock(&d->lock);
	empty = d->gate_on_release ? !d->live[0] && !d->live[1] : true;
	pthread_mutex_unlock(&d->lock);
	return empty && (d->gate_on_release || !sockets_waiting(&sink->sockets));
}

static void drain(struct spice_sink *sink)
{
	struct mode *mode = &sink->mode;
	int64_t now = g_get_monotonic_time();
	uint64_t moved;

	if (!mode->draining) {
		display_drop_queue(sink);
		mode->draining = true;
		mode->shut = false;
		mode->since = mode->moved_at = now;
	}
	if (drained(sink)) {
		switch_mode(sink);
		return;
	}
	pthread_mutex_lock(&sink->display.lock);
	moved = sink->display.released << 32;
	pthread_mutex_unlock(&sink->display.lock);
	moved += sockets_waiting(&sink->sockets);
	if (moved != mode->moved) {
		mode->moved = moved;
		mode->moved_at = now;
	}
	if (!mode->shut &&
		(now - mode->moved_at > DRAIN_STILL_US || now - mode->since > DRAIN_MAX_US)) {
		atomic_fetch_add(&sink->counters.viewers_shut, sockets_shut(&sink->sockets));
		mode->shut = true;
		mode->shut_at = now;
	}
	if (mode->shut && now - mode->shut_at > SHUT_MAX_US) {
		switch_mode(sink); /* under the watchdog's eyes */
		return;
	}
	loop_source_in(mode->source, DRAIN_STEP_MS);
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
	madvise(mode->shadow, mode->shadow_size, MADV_DONTNEED);
	mode->wipe = false;
}

static void mode_work(struct spice_sink *sink)
{
	bool switching;

	pthread_mutex_lock(&sink->display.lock);
	switching = sink->display.switching;
	pthread_mutex_unlock(&sink->display.lock);
	if (switching) {
		drain(sink);
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
	int ret;

	sink->mode.source = loop_source_new(mode_work, sink);
	ret = create_primary(sink, FIRST_WIDTH, FIRST_HEIGHT);
	if (ret < 0) {
		snprintf(why, why_size, "no memory for a display of %ux%u: %s", FIRST_WIDTH,
			FIRST_HEIGHT, strerror(-ret));
		return ret;
	}
	d->width = FIRST_WIDTH;
	d->height = FIRST_HEIGHT;
	pointer_reset(sink);
	return 0;
}

void mode_finish(struct spice_sink *sink)
{
	loop_source_free(sink->mode.source);
	if (sink->mode.shadow) {
		munmap(sink->mode.shadow, sink->mode.shadow_size);
	}
}
