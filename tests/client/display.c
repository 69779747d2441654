/* SPDX-License-Identifier: MIT */
#include "tests/client/probe.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tests/bench/stamp.h"

#define RECTS_MAX 4096 /* that are listed; more are only counted */

struct rect {
	gint x, y, w, h;
};

struct display {
	GArray *rects; /* struct rect */
	guint64 n_invalidates, area;
	gint64 first_change_ns; /* 0: none */

	/* Waited for. */
	guint width, height;
	guint32 *want;
	gsize want_size;
	unsigned tolerance;

	FILE *latency;
	struct stamp last_stamp;
	guint64 stamps, torn;
};

static gint64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (gint64)t.tv_sec * 1000000000 + t.tv_nsec;
}

static gboolean get_canvas(struct probe *probe, struct canvas *canvas)
{
	SpiceDisplayPrimary primary;

	if (!probe->display || !spice_display_channel_get_primary(probe->display, 0, &primary) ||
		!primary.data || primary.width <= 0 || primary.height <= 0) {
		return FALSE;
	}
	*canvas = (struct canvas){.data = primary.data,
		.width = primary.width,
		.height = primary.height,
		.stride = primary.stride};
	return TRUE;
}

static gboolean canvas_is_marked(struct probe *probe)
{
	SpiceDisplayPrimary primary;

	return probe->display && spice_display_channel_get_primary(probe->display, 0, &primary) &&
		primary.marked;
}

/* What the server sends */

static void note_stamp(struct probe *probe, const struct rect *rect)
{
	struct display *display = probe->display_state;
	struct canvas canvas;
	struct stamp stamp;
	gint64 now = now_ns();

	if (!display->latency || rect->x >= STAMP_WIDTH || rect->y >= STAMP_HEIGHT ||
		!get_canvas(probe, &canvas) || canvas.width < STAMP_WIDTH ||
		canvas.height < STAMP_HEIGHT) {
		return;
	}
	if (!stamp_read(canvas.data, canvas.stride, &stamp)) {
		display->torn++;
		return;
	}
	/* A rectangle may come again with the old stamp in it: only the first arrival counts. */
	if (stamp.ns == display->last_stamp.ns && stamp.sequence == display->last_stamp.sequence) {
		return;
	}
	display->last_stamp = stamp;
	display->stamps++;
	fprintf(display->latency, "%" PRIu64 " %" G_GINT64_FORMAT " %" PRIu32 "\n", stamp.ns, now,
		stamp.sequence);
}

static void on_invalidate(SpiceChannel *channel, gint x, gint y, gint w, gint h, gpointer data)
{
	struct probe *probe = data;
	struct display *display = probe->display_state;
	struct rect rect = {x, y, w, h};

	display->n_invalidates++;
	display->area += (guint64)MAX(w, 0) * (guint64)MAX(h, 0);
	if (display->rects->len < RECTS_MAX) {
		g_array_append_val(display->rects, rect);
	}
	if (!display->first_change_ns) {
		display->first_change_ns = now_ns();
	}
	note_stamp(probe, &rect);
	wait_poll(probe);
}

static void on_primary_create(SpiceChannel *channel, gint format, gint width, gint height,
	gint stride, gint shmid, gpointer pixels, gpointer data)
{
	say("event primary %dx%d", width, height);
	wait_poll(data);
}

static void on_primary_destroy(SpiceChannel *channel, gpointer data)
{
	say("event primary-destroyed");
}

static void on_mark(SpiceChannel *channel, gboolean mark, gpointer data)
{
	wait_poll(data);
}

static void on_display_event(SpiceChannel *channel, SpiceChannelEvent event, gpointer data)
{
	struct probe *probe = data;

	if (event == SPICE_CHANNEL_OPENED && probe->compression >= 0) {
		spice_display_channel_change_preferred_compression(channel, probe->compression);
	}
}

static void display_channel_new(struct probe *probe, SpiceChannel *channel, gint type)
{
	if (type != SPICE_CHANNEL_DISPLAY) {
		return;
	}
	g_signal_connect(channel, "channel-event", G_CALLBACK(on_display_event), probe);
	g_signal_connect(channel, "display-primary-create", G_CALLBACK(on_primary_create), probe);
	g_signal_connect(channel, "display-primary-destroy", G_CALLBACK(on_primary_destroy), probe);
	g_signal_connect(channel, "display-invalidate", G_CALLBACK(on_invalidate), probe);
	g_signal_connect(channel, "display-mark", G_CALLBACK(on_mark), probe);
}

/* Other channels are kept for their counters, but a closed display has no canvas to look at. */
static void display_channel_destroy(struct probe *probe, SpiceChannel *channel)
{
	if (channel == probe->display) {
		g_signal_handlers_disconnect_by_data(channel, probe);
		g_clear_object(&probe->display);
	}
}

static void display_init(struct probe *probe)
{
	probe->display_state = g_new0(struct display, 1);
	probe->display_state->rects = g_array_new(FALSE, FALSE, sizeof(struct rect));
}

static void display_finish(struct probe *probe)
{
	struct display *display = probe->display_state;

	if (display->latency) {
		fclose(display->latency);
	}
	g_free(display->want);
	g_array_free(display->rects, TRUE);
	g_clear_pointer(&probe->display_state, g_free);
}

/* Waits */

static gboolean check_size(struct probe *probe, gboolean last)
{
	struct display *display = probe->display_state;
	struct canvas canvas;
	gboolean have = get_canvas(probe, &canvas);

	if (have && canvas.width == display->width && canvas.height == display->height &&
		canvas_is_marked(probe)) {
		say("ok width=%u height=%u", canvas.width, canvas.height);
		return TRUE;
	}
	if (last) {
		say("fail width=%u height=%u why=the canvas has another size",
			have ? canvas.width : 0, have ? canvas.height : 0);
	}
	return last;
}

static gboolean check_change(struct probe *probe, gboolean last)
{
	struct display *display = probe->display_state;

	if (display->first_change_ns) {
		say("ok at_ns=%" G_GINT64_FORMAT, display->first_change_ns);
		display->first_change_ns = 0;
		return TRUE;
	}
	if (last) {
		say("fail why=nothing was drawn");
	}
	return last;
}

static gboolean check_compare(struct probe *probe, gboolean last)
{
	struct display *display = probe->display_state;
	struct canvas_difference difference;
	struct canvas canvas;
	gboolean have = get_canvas(probe, &canvas);

	if (!have || (gsize)canvas.width * canvas.height * 4 != display->want_size) {
		if (last) {
			say("fail width=%u height=%u why=the canvas has another size than the file",
				have ? canvas.width : 0, have ? canvas.height : 0);
		}
		return last;
	}
	if (canvas_compare(&canvas, display->want, display->tolerance, &difference)) {
		say("ok max=%u", difference.max);
		return TRUE;
	}
	if (last) {
		say("fail x=%u y=%u want=%06x have=%06x pixels=%" PRIu64
		    " max=%u why=pixels differ",
			difference.x, difference.y, difference.want, difference.have,
			difference.pixels, difference.max);
	}
	return last;
}

static void command_wait_size(struct probe *probe, char **arguments)
{
	probe->display_state->width = (guint)to_number(arguments[0], 10);
	probe->display_state->height = (guint)to_number(arguments[1], 10);
	wait_begin(probe, check_size, to_number(arguments[2], 10));
}

static void command_wait_change(struct probe *probe, char **arguments)
{
	wait_begin(probe, check_change, to_number(arguments[0], 10));
}

static void command_compare(struct probe *probe, char **arguments)
{
	struct display *display = probe->display_state;
	GError *error = NULL;
	gchar *text;

	g_clear_pointer(&display->want, g_free);
	if (!g_file_get_contents(arguments[0], &text, &display->want_size, &error)) {
		say("fail why=%s", error->message);
		g_error_free(error);
		return;
	}
	display->want = (guint32 *)(void *)text;
	display->tolerance = arguments[2] ? (unsigned)MIN(to_number(arguments[2], 10), 255) : 0;
	wait_begin(probe, check_compare, to_number(arguments[1], 10));
}

/* What is there now */

static void write_canvas(struct probe *probe, const char *path,
	int (*write)(const struct canvas *canvas, const char *path))
{
	struct canvas canvas;
	int ret;

	if (!get_canvas(probe, &canvas)) {
		say("fail why=there is no canvas");
		return;
	}
	ret = write(&canvas, path);
	if (ret) {
		say("fail why=%s: %s", path, strerror(-ret));
		return;
	}
	say("ok width=%u height=%u", canvas.width, canvas.height);
}

static void command_dump(struct probe *probe, char **arguments)
{
	write_canvas(probe, arguments[0], canvas_write_ppm);
}

static void command_raw(struct probe *probe, char **arguments)
{
	write_canvas(probe, arguments[0], canvas_write_raw);
}

static void command_hash(struct probe *probe, char **arguments)
{
	struct canvas canvas;

	if (!get_canvas(probe, &canvas)) {
		say("fail why=there is no canvas");
		return;
	}
	say("ok width=%u height=%u hash=%016" PRIx64, canvas.width, canvas.height,
		canvas_hash(&canvas));
}

static void command_pixel(struct probe *probe, char **arguments)
{
	guint64 x = to_number(arguments[0], 10), y = to_number(arguments[1], 10);
	struct canvas canvas;

	if (!get_canvas(probe, &canvas) || x >= canvas.width || y >= canvas.height) {
		say("fail why=there is no such pixel");
		return;
	}
	say("ok rgb=%06x",
		((const guint32 *)(const void *)((const char *)canvas.data +
			y * canvas.stride))[x] &
			0xffffff);
}

static void command_invalidates(struct probe *probe, char **arguments)
{
	struct display *display = probe->display_state;
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < display->rects->len; i++) {
		const struct rect *rect = &g_array_index(display->rects, struct rect, i);

		g_string_append_printf(
			text, "%s%d,%d,%d,%d", i ? ";" : "", rect->x, rect->y, rect->w, rect->h);
	}
	say("ok count=%" G_GUINT64_FORMAT " area=%" G_GUINT64_FORMAT " rects=%s",
		display->n_invalidates, display->area, text->str);
	g_string_free(text, TRUE);
	g_array_set_size(display->rects, 0);
	display->n_invalidates = 0;
	display->area = 0;
	display->first_change_ns = 0;
}

static void command_latency(struct probe *probe, char **arguments)
{
	struct display *display = probe->display_state;
	gboolean on = !strcmp(arguments[0], "on");

	if (on != !!arguments[1] || (!on && strcmp(arguments[0], "off"))) {
		say("fail why=neither 'on FILE' nor 'off'");
		return;
	}
	if (display->latency) {
		fclose(display->latency);
		display->latency = NULL;
	}
	if (!on) {
		say("ok stamps=%" G_GUINT64_FORMAT " torn=%" G_GUINT64_FORMAT, display->stamps,
			display->torn);
		return;
	}
	display->latency = fopen(arguments[1], "ae");
	if (!display->latency) {
		say("fail why=%s: %s", arguments[1], strerror(errno));
		return;
	}
	display->stamps = 0;
	display->torn = 0;
	say("ok");
}

static const struct command commands[] = {
	{"wait-size", "W H MS", 3, 3, command_wait_size,
		"until the canvas has this size and is marked ready"},
	{"wait-change", "MS", 1, 1, command_wait_change,
		"until something is drawn, counted from the last wait-change or\n"
		"invalidates: at_ns= is when (CLOCK_MONOTONIC)"},
	{"dump", "FILE", 1, 1, command_dump, "the canvas as PPM"},
	{"raw", "FILE", 1, 1, command_raw, "the canvas as XRGB8888, X = 0, no padding"},
	{"hash", "", 0, 0, command_hash, "width, height and a hash of the canvas"},
	{"pixel", "X Y", 2, 2, command_pixel, "one pixel as rrggbb"},
	{"compare", "FILE MS [TOL]", 2, 3, command_compare,
		"until the canvas equals a raw file within TOL (0 to 255)"},
	{"invalidates", "", 0, 0, command_invalidates, "what was drawn since the last one"},
	{"latency", "on FILE | off", 1, 2, command_latency,
		"writes the painter's stamps with their time of arrival"},
	{NULL},
};

const struct subject display_subject = {
	.commands = commands,
	.init = display_init,
	.channel_new = display_channel_new,
	.channel_destroy = display_channel_destroy,
	.finish = display_finish,
};
