/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vfio/fourcc.h"
#include "vfio/sim_impl.h"

#define SECOND INT64_C(1000000000)
#define CATCH_UP INT64_C(1000000) /* ns between frames when painting can't keep up */

int64_t sim_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * SECOND + time.tv_nsec;
}

static bool direct(const struct sim_buffer *buffer)
{
	return buffer->mode.format->fourcc == FOURCC_XRGB8888;
}

/* What to draw on: the buffer itself, or the canvas that is converted afterwards. */
static void canvas_of(struct sim *sim, const struct sim_buffer *buffer, struct sim_canvas *canvas)
{
	const struct sim_mode *mode = &buffer->mode;

	if (direct(buffer)) {
		sim_canvas_init(canvas, (uint32_t *)(void *)buffer->map, mode->stride / 4,
			(int)mode->width, (int)mode->height);
	} else {
		sim_canvas_init(
			canvas, sim->pixels, mode->width, (int)mode->width, (int)mode->height);
	}
}

static void convert(struct sim *sim, struct sim_buffer *buffer)
{
	if (!direct(buffer)) {
		sim_format_write(&buffer->mode, buffer->map, sim->pixels, buffer->mode.width);
	}
}

/* Puts other junk into the bytes that nobody may look at, each time. */
static void spoil(struct sim *sim, struct sim_buffer *buffer)
{
	uint32_t fourcc = buffer->mode.format->fourcc;
	uint32_t seed = (uint32_t)sim->frame * 977;

	if (fourcc != FOURCC_XRGB8888 && fourcc != FOURCC_XBGR8888 && fourcc != FOURCC_ARGB8888 &&
		fourcc != FOURCC_ABGR8888) {
		return;
	}
	for (uint32_t y = 0; y < buffer->mode.height; y++) {
		uint8_t *line = buffer->map + (size_t)y * buffer->mode.stride;

		for (uint32_t x = 0; x < buffer->mode.width; x++) {
			line[x * 4 + 3] = (uint8_t)(seed + x * 7 + y * 13);
		}
	}
}

static void paint_buffer(struct sim *sim, struct sim_buffer *buffer)
{
	struct sim_scene_job job = {
		.scene = sim->scene,
		.fps = sim->fps,
		.have = direct(buffer) ? buffer->frame : sim->pixels_frame,
		.want = sim->frame,
	};
	struct sim_canvas canvas;

	if (!buffer->map) {
		return;
	}
	canvas_of(sim, buffer, &canvas);
	sim_scene_paint(&canvas, &sim->scratch, &job);
	convert(sim, buffer);
	buffer->frame = sim->frame;
	sim->pixels_frame = sim->frame;
	if (sim->garbage) {
		spoil(sim, buffer);
	}
}

static void show(struct sim *sim, unsigned index)
{
	pthread_mutex_lock(&sim->lock);
	sim->shown = index;
	sim->front = sim->chain[index];
	sim_cursor_follow(sim, sim->frame);
	pthread_mutex_unlock(&sim->lock);
}

void sim_step(struct sim *sim)
{
	unsigned next = sim->flip ? (sim->shown + 1) % sim->chain_count : sim->shown;

	if (sim->broken) {
		return;
	}
	sim->frame++;
	paint_buffer(sim, sim->chain[next]);
	show(sim, next);
}

/* For a new scene: what the buffers hold has nothing to do with it. */
void sim_repaint(struct sim *sim)
{
	for (unsigned i = 0; i < sim->chain_count; i++) {
		sim->chain[i]->frame = -1;
	}
	sim->pixels_frame = -1;
	sim_step(sim);
}

void sim_fill_shown(struct sim *sim, struct sim_rect rect, uint32_t color)
{
	struct sim_buffer *buffer = sim->chain[sim->shown];
	struct sim_canvas canvas;

	if (!buffer->map || sim->broken) {
		return;
	}
	canvas_of(sim, buffer, &canvas);
	sim_fill(&canvas, rect, color);
	convert(sim, buffer);
	buffer->frame = -1;
	sim->pixels_frame = -1;
	if (sim->garbage) {
		spoil(sim, buffer);
	}
}

void sim_spoil_shown(struct sim *sim)
{
	if (sim->chain[sim->shown]->map && !sim->broken) {
		spoil(sim, sim->chain[sim->shown]);
	}
}

/* Makes all that a mode needs before anything of the old one goes. */
static int prepare(struct sim *sim, const struct sim_mode *mode, struct sim_buffer **chain,
	unsigned count, uint32_t **pixels, char *why, size_t why_size)
{
	struct sim_scratch scratch = {0};
	int rc;

	*pixels = NULL;
	if (sim->memory >= 0 && mode->size > sim->memory_size) {
		snprintf(why, why_size, "mode %ux%u needs %u bytes, the %s has %zu", mode->width,
			mode->height, mode->size, sim->outside ? "file" : "region",
			sim->memory_size);
		return -EINVAL;
	}
	for (unsigned i = 0; i < count; i++) {
		rc = sim_buffer_make(sim, mode, &chain[i], why, why_size);
		if (rc < 0) {
			return rc;
		}
	}
	if (sim->outside) {
		return 0;
	}
	if (mode->format->fourcc != FOURCC_XRGB8888) {
		*pixels = calloc((size_t)mode->width * mode->height, sizeof(**pixels));
		if (!*pixels) {
			snprintf(why, why_size, "no memory to draw %ux%u", mode->width,
				mode->height);
			return -ENOMEM;
		}
	}
	rc = sim_scratch_init(&scratch, mode->width, mode->height);
	if (rc < 0) {
		snprintf(why, why_size, "no memory to draw %ux%u", mode->width, mode->height);
		free(*pixels);
		return rc;
	}
	sim_scratch_finish(&sim->scratch);
	sim->scratch = scratch;
	return 0;
}

int sim_mode_set(struct sim *sim, const struct sim_mode *mode, char *why, size_t why_size)
{
	struct sim_buffer *made[SIM_BUFFERS] = {0};
	struct sim_buffer *gone[SIM_BUFFERS] = {0};
	unsigned count = sim->memory >= 0 ? 1 : SIM_BUFFERS;
	uint32_t *pixels;
	int rc;

	pthread_mutex_lock(&sim->paint);
	rc = prepare(sim, mode, made, count, &pixels, why, why_size);
	if (rc < 0) {
		for (unsigned i = 0; i < count; i++) {
			sim_buffer_free(made[i]);
		}
		goto out;
	}
	free(sim->pixels);
	sim->pixels = pixels;
	sim->pixels_frame = -1;
	sim->frame++;
	paint_buffer(sim, made[0]);

	pthread_mutex_lock(&sim->lock);
	for (unsigned i = 0; i < sim->chain_count; i++) {
		gone[i] = sim_buffer_retire(sim, sim->chain[i]);
	}
	for (unsigned i = 0; i < count; i++) {
		sim_buffer_publish(sim, made[i]);
		sim->chain[i] = made[i];
	}
	sim->chain_count = count;
	sim->shown = 0;
	sim->front = made[0];
	sim->broken = false;
	sim_cursor_follow(sim, sim->frame);
	pthread_mutex_unlock(&sim->lock);

	for (unsigned i = 0; i < SIM_BUFFERS; i++) {
		sim_buffer_free(gone[i]);
	}
out:
	pthread_mutex_unlock(&sim->paint);
	return rc;
}

/* lock is held. */
static bool runs(const struct sim *sim)
{
	return !sim->paused && !sim->blank && !sim->gone && !sim->broken && !sim->edid.down &&
		sim_scene_moves(sim->scene);
}

/* The guest looks at its new monitor and chooses a mode. lock is held, and let go meanwhile. */
static void obey_monitor(struct sim *sim)
{
	struct sim_mode mode = sim->front->mode;
	char why[160];
	int rc = 0;

	sim->edid.plug_at = 0;
	if (sim->edid.width != 0) {
		mode.width = sim->edid.width;
		mode.height = sim->edid.height;
		mode.stride = 0;
		pthread_mutex_unlock(&sim->lock);
		rc = sim_mode_complete(&mode, why, sizeof(why));
		if (rc == 0) {
			/* A guest that can't change its mode stays in the old one. */
			(void)sim_mode_set(sim, &mode, why, sizeof(why));
		}
		pthread_mutex_lock(&sim->lock);
	}
	if (sim->edid.plug_at == 0 && sim->edid.link != VFIO_DEVICE_GFX_LINK_STATE_DOWN) {
		sim->edid.down = false;
	}
}

static void paint_frame(struct sim *sim)
{
	bool still;

	pthread_mutex_unlock(&sim->lock);
	pthread_mutex_lock(&sim->paint);
	/* It may have been told to stop while it waited. */
	pthread_mutex_lock(&sim->lock);
	still = runs(sim);
	pthread_mutex_unlock(&sim->lock);
	if (still) {
		sim_step(sim);
	}
	pthread_mutex_unlock(&sim->paint);
	pthread_mutex_lock(&sim->lock);
}

static void *painter(void *data)
{
	struct sim *sim = data;
	int64_t period = SECOND / sim->fps;
	int64_t next = 0;

	pthread_mutex_lock(&sim->lock);
	while (!sim->quit) {
		int64_t now = sim_now();
		int64_t deadline;
		struct timespec at;

		if (sim->edid.plug_at != 0 && now >= sim->edid.plug_at) {
			obey_monitor(sim);
			continue;
		}
		if (!runs(sim)) {
			next = 0;
		} else if (next == 0) {
			next = now + period;
		} else if (now >= next) {
			paint_frame(sim);
			next += period;
			now = sim_now();
			/* A guest that is too slow drops frames; it does not pile them up. */
			if (next < now + CATCH_UP) {
				next = now + CATCH_UP;
			}
		}
		deadline = next;
		if (sim->edid.plug_at != 0 && (deadline == 0 || sim->edid.plug_at < deadline)) {
			deadline = sim->edid.plug_at;
		}
		if (sim->quit) {
			break;
		}
		if (deadline == 0) {
			pthread_cond_wait(&sim->wake, &sim->lock);
			continue;
		}
		at.tv_sec = deadline / SECOND;
		at.tv_nsec = deadline % SECOND;
		pthread_cond_timedwait(&sim->wake, &sim->lock, &at);
	}
	pthread_mutex_unlock(&sim->lock);
	return NULL;
}

int sim_painter_start(struct sim *sim)
{
	sigset_t all, old;
	int rc;

	/* Signals are the program's business. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&sim->painter, NULL, painter, sim);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc != 0) {
		return -rc;
	}
	pthread_setname_np(sim->painter, "sim-painter");
	sim->painting = true;
	return 0;
}

void sim_painter_stop(struct sim *sim)
{
	if (!sim->painting) {
		return;
	}
	pthread_mutex_lock(&sim->lock);
	sim->quit = true;
	pthread_cond_broadcast(&sim->wake);
	pthread_mutex_unlock(&sim->lock);
	pthread_join(sim->painter, NULL);
	sim->painting = false;
}
