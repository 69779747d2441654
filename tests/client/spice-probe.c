/* SPDX-License-Identifier: MIT */
/*
 * spice-probe: a SPICE viewer without a window, driven by lines on stdin.
 *
 * Each command line gets exactly one line on stdout, "ok KEY=VALUE ..." or "fail KEY=VALUE ...", the
 * reason last as why=TEXT. What happens by itself is told in lines that begin with "event ". Commands
 * that wait hold back the ones after them. One thread, the GLib main loop's.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <glib-unix.h>
#include <spice-client.h>

#include "tests/bench/stamp.h"
#include "tests/client/canvas.h"

#define RECTS_MAX 4096 /* that are listed; more are only counted */

static const char help_text[] =
	"Commands, a line each:\n"
	"  wait-connected MS          until the main channel is open\n"
	"  wait-size W H MS           until the canvas has this size and is marked ready\n"
	"  wait-change MS             until something is drawn, counted from the last wait-change or\n"
	"                             invalidates: at_ns= is when (CLOCK_MONOTONIC)\n"
	"  dump FILE                  the canvas as PPM\n"
	"  raw FILE                   the canvas as XRGB8888, X = 0, no padding\n"
	"  hash                       width, height and a hash of the canvas\n"
	"  pixel X Y                  one pixel as rrggbb\n"
	"  compare FILE MS [TOL]      until the canvas equals a raw file within TOL (0 to 255)\n"
	"  cursor                     last shape, place, and what was counted\n"
	"  cursor-dump FILE           the last shape, RGBA bytes\n"
	"  bytes                      bytes received, for each channel\n"
	"  invalidates                what was drawn since the last one\n"
	"  resize W H                 asks the server for this size\n"
	"  latency on FILE | off      writes the painter's stamps with their time of arrival\n"
	"  disconnect                 ends the session\n"
	"  quit                       ends the program\n";

struct rect {
	gint x, y, w, h;
};

struct cursor_state {
	gint width, height, hot_x, hot_y;
	guchar *rgba;
	gsize size;
	gint x, y;
	gboolean visible;
	guint sets, moves, hides, resets, cached;
	gulong bytes_at_set; /* of the channel, when the last shape came */
};

enum wait { WAIT_NONE, WAIT_CONNECTED, WAIT_SIZE, WAIT_CHANGE, WAIT_COMPARE };

struct probe {
	GMainLoop *loop;
	SpiceSession *session;
	SpiceChannel *main, *display, *cursor_channel,
		*inputs; /* owned; NULL until they are there */
	gint preferred; /* image compression to ask for, -1: none */
	gboolean connected;

	GString *input; /* what was read and not yet run */
	guint in_watch, run_source;
	gboolean input_ended;

	enum wait wait;
	guint wait_timer;
	guint wait_width, wait_height;
	guint32 *want;
	gsize want_size;
	unsigned tolerance;
	struct canvas_difference difference;

	GArray *rects; /* struct rect */
	guint64 n_invalidates, area;
	gint64 first_change_ns; /* 0: none */

	struct cursor_state cursor;

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

G_GNUC_PRINTF(1, 2) static void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
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

static gulong channel_bytes(SpiceChannel *channel)
{
	gulong bytes = 0;

	if (channel) {
		g_object_get(channel, "total-read-bytes", &bytes, NULL);
	}
	return bytes;
}

/* Waiting */

static gboolean on_run_lines(gpointer data);

static void wait_end(struct probe *probe)
{
	probe->wait = WAIT_NONE;
	g_clear_handle_id(&probe->wait_timer, g_source_remove);
	g_clear_pointer(&probe->want, g_free);
	if (!probe->run_source) {
		probe->run_source = g_idle_add(on_run_lines, probe);
	}
}

/* Answers and returns TRUE where the wait is over; last: time has run out. */
static gboolean wait_check(struct probe *probe, gboolean last)
{
	struct canvas canvas;
	gboolean have = get_canvas(probe, &canvas);

	switch (probe->wait) {
	case WAIT_NONE:
		return TRUE;
	case WAIT_CONNECTED:
		if (probe->connected) {
			say("ok");
			return TRUE;
		}
		if (last) {
			say("fail why=not connected");
		}
		return last;
	case WAIT_SIZE:
		if (have && canvas.width == probe->wait_width &&
			canvas.height == probe->wait_height && canvas_is_marked(probe)) {
			say("ok width=%u height=%u", canvas.width, canvas.height);
			return TRUE;
		}
		if (last) {
			say("fail width=%u height=%u why=the canvas has another size",
				have ? canvas.width : 0, have ? canvas.height : 0);
		}
		return last;
	case WAIT_CHANGE:
		if (probe->first_change_ns) {
			say("ok at_ns=%" G_GINT64_FORMAT, probe->first_change_ns);
			probe->first_change_ns = 0;
			return TRUE;
		}
		if (last) {
			say("fail why=nothing was drawn");
		}
		return last;
	case WAIT_COMPARE:
		if (!have || (gsize)canvas.width * canvas.height * 4 != probe->want_size) {
			if (last) {
				say("fail width=%u height=%u why=the canvas has another size than the file",
					have ? canvas.width : 0, have ? canvas.height : 0);
			}
			return last;
		}
		if (canvas_compare(&canvas, probe->want, probe->tolerance, &probe->difference)) {
			say("ok max=%u", probe->difference.max);
			return TRUE;
		}
		if (last) {
			say("fail x=%u y=%u want=%06x have=%06x pixels=%" PRIu64
			    " max=%u why=pixels differ",
				probe->difference.x, probe->difference.y, probe->difference.want,
				probe->difference.have, probe->difference.pixels,
				probe->difference.max);
		}
		return last;
	}
	return TRUE;
}

static void wait_poll(struct probe *probe)
{
	if (probe->wait != WAIT_NONE && wait_check(probe, FALSE)) {
		wait_end(probe);
	}
}

static gboolean on_deadline(gpointer data)
{
	struct probe *probe = data;

	probe->wait_timer = 0;
	wait_check(probe, TRUE);
	wait_end(probe);
	return G_SOURCE_REMOVE;
}

static void wait_begin(struct probe *probe, enum wait wait, guint64 ms)
{
	probe->wait = wait;
	if (wait_check(probe, ms == 0)) {
		wait_end(probe);
		return;
	}
	probe->wait_timer = g_timeout_add((guint)MIN(ms, G_MAXINT), on_deadline, probe);
}

/* Display */

static void note_stamp(struct probe *probe, const struct rect *rect)
{
	struct canvas canvas;
	struct stamp stamp;
	gint64 now = now_ns();

	if (!probe->latency || rect->x >= STAMP_WIDTH || rect->y >= STAMP_HEIGHT ||
		!get_canvas(probe, &canvas) || canvas.width < STAMP_WIDTH ||
		canvas.height < STAMP_HEIGHT) {
		return;
	}
	if (!stamp_read(canvas.data, canvas.stride, &stamp)) {
		probe->torn++;
		return;
	}
	/* A rectangle may come again with the old stamp in it: only the first arrival counts. */
	if (stamp.ns == probe->last_stamp.ns && stamp.sequence == probe->last_stamp.sequence) {
		return;
	}
	probe->last_stamp = stamp;
	probe->stamps++;
	fprintf(probe->latency, "%" PRIu64 " %" G_GINT64_FORMAT " %" PRIu32 "\n", stamp.ns, now,
		stamp.sequence);
}

static void on_invalidate(SpiceChannel *channel, gint x, gint y, gint w, gint h, gpointer data)
{
	struct probe *probe = data;
	struct rect rect = {x, y, w, h};

	probe->n_invalidates++;
	probe->area += (guint64)MAX(w, 0) * (guint64)MAX(h, 0);
	if (probe->rects->len < RECTS_MAX) {
		g_array_append_val(probe->rects, rect);
	}
	if (!probe->first_change_ns) {
		probe->first_change_ns = now_ns();
	}
	note_stamp(probe, &rect);
	wait_poll(probe);
}

static void on_primary_create(SpiceChannel *channel, gint format, gint width, gint height,
	gint stride, gint shmid, gpointer pixels, gpointer data)
{
	struct probe *probe = data;

	say("event primary %dx%d", width, height);
	wait_poll(probe);
}

static void on_primary_destroy(SpiceChannel *channel, gpointer data)
{
	say("event primary-destroyed");
}

static void on_mark(SpiceChannel *channel, gboolean mark, gpointer data)
{
	wait_poll(data);
}

/* Cursor */

static void on_cursor_set(SpiceCursorChannel *channel, gint width, gint height, gint hot_x,
	gint hot_y, gpointer rgba, gpointer data)
{
	struct cursor_state *cursor = &((struct probe *)data)->cursor;
	gulong bytes = channel_bytes(SPICE_CHANNEL(channel));
	gsize size = (gsize)MAX(width, 0) * (gsize)MAX(height, 0) * 4;

	cursor->sets++;
	cursor->visible = TRUE;
	/* A shape that did not come over the wire was taken from the client's cache. */
	if (rgba && size && bytes - cursor->bytes_at_set < size) {
		cursor->cached++;
	}
	cursor->bytes_at_set = bytes;
	g_clear_pointer(&cursor->rgba, g_free);
	cursor->size = 0;
	cursor->width = width;
	cursor->height = height;
	cursor->hot_x = hot_x;
	cursor->hot_y = hot_y;
	if (rgba && size) {
		cursor->rgba = g_memdup2(rgba, size);
		cursor->size = size;
	}
}

static void on_cursor_move(SpiceCursorChannel *channel, gint x, gint y, gpointer data)
{
	struct cursor_state *cursor = &((struct probe *)data)->cursor;

	cursor->moves++;
	cursor->visible = TRUE;
	cursor->x = x;
	cursor->y = y;
}

static void on_cursor_hide(SpiceCursorChannel *channel, gpointer data)
{
	struct cursor_state *cursor = &((struct probe *)data)->cursor;

	cursor->hides++;
	cursor->visible = FALSE;
}

static void on_cursor_reset(SpiceCursorChannel *channel, gpointer data)
{
	struct cursor_state *cursor = &((struct probe *)data)->cursor;

	cursor->resets++;
	cursor->visible = FALSE;
}

/* Session */

static void on_channel_event(SpiceChannel *channel, SpiceChannelEvent event, gpointer data)
{
	struct probe *probe = data;
	const GError *error;
	gint type;

	g_object_get(channel, "channel-type", &type, NULL);
	switch (event) {
	case SPICE_CHANNEL_OPENED:
		if (channel == probe->main) {
			probe->connected = TRUE;
			say("event connected");
			wait_poll(probe);
		}
		if (channel == probe->display && probe->preferred >= 0) {
			spice_display_channel_change_preferred_compression(
				channel, probe->preferred);
		}
		return;
	case SPICE_CHANNEL_CLOSED:
		return;
	case SPICE_CHANNEL_ERROR_AUTH:
		say("event error auth");
		return;
	default:
		error = spice_channel_get_error(channel);
		say("event error %s channel: %s", spice_channel_type_to_string(type),
			error ? error->message : "connection failed");
	}
}

static void on_channel_new(SpiceSession *session, SpiceChannel *channel, gpointer data)
{
	struct probe *probe = data;
	gint type, id;

	g_object_get(channel, "channel-type", &type, "channel-id", &id, NULL);
	if (id != 0) {
		return;
	}
	if (type == SPICE_CHANNEL_MAIN) {
		g_set_object(&probe->main, channel);
	} else if (type == SPICE_CHANNEL_DISPLAY) {
		g_set_object(&probe->display, channel);
		g_signal_connect(
			channel, "display-primary-create", G_CALLBACK(on_primary_create), probe);
		g_signal_connect(
			channel, "display-primary-destroy", G_CALLBACK(on_primary_destroy), probe);
		g_signal_connect(channel, "display-invalidate", G_CALLBACK(on_invalidate), probe);
		g_signal_connect(channel, "display-mark", G_CALLBACK(on_mark), probe);
	} else if (type == SPICE_CHANNEL_CURSOR) {
		g_set_object(&probe->cursor_channel, channel);
		g_signal_connect(channel, "cursor-set", G_CALLBACK(on_cursor_set), probe);
		g_signal_connect(channel, "cursor-move", G_CALLBACK(on_cursor_move), probe);
		g_signal_connect(channel, "cursor-hide", G_CALLBACK(on_cursor_hide), probe);
		g_signal_connect(channel, "cursor-reset", G_CALLBACK(on_cursor_reset), probe);
	} else if (type == SPICE_CHANNEL_INPUTS) {
		g_set_object(&probe->inputs, channel);
	} else {
		return;
	}
	g_signal_connect(channel, "channel-event", G_CALLBACK(on_channel_event), probe);
	if (type != SPICE_CHANNEL_MAIN) {
		spice_channel_connect(channel);
	}
}

static void on_channel_destroy(SpiceSession *session, SpiceChannel *channel, gpointer data)
{
	struct probe *probe = data;

	/* Kept for its counters, but a closed display has no canvas to look at. */
	if (channel == probe->display) {
		g_signal_handlers_disconnect_by_data(channel, probe);
		g_clear_object(&probe->display);
	}
}

static void on_disconnected(SpiceSession *session, gpointer data)
{
	struct probe *probe = data;

	probe->connected = FALSE;
	say("event disconnected");
}

/* Commands */

static void command_cursor(struct probe *probe)
{
	const struct cursor_state *cursor = &probe->cursor;
	gint mode = 0;

	if (probe->main) {
		g_object_get(probe->main, "mouse-mode", &mode, NULL);
	}
	say("ok visible=%d width=%d height=%d hot_x=%d hot_y=%d hash=%016" PRIx64
	    " x=%d y=%d sets=%u "
	    "moves=%u hides=%u resets=%u cached=%u mouse_mode=%s",
		cursor->visible, cursor->width, cursor->height, cursor->hot_x, cursor->hot_y,
		bytes_hash(cursor->rgba, cursor->size), cursor->x, cursor->y, cursor->sets,
		cursor->moves, cursor->hides, cursor->resets, cursor->cached,
		mode == SPICE_MOUSE_MODE_CLIENT ? "client" : "server");
}

static void command_invalidates(struct probe *probe)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < probe->rects->len; i++) {
		const struct rect *rect = &g_array_index(probe->rects, struct rect, i);

		g_string_append_printf(
			text, "%s%d,%d,%d,%d", i ? ";" : "", rect->x, rect->y, rect->w, rect->h);
	}
	say("ok count=%" G_GUINT64_FORMAT " area=%" G_GUINT64_FORMAT " rects=%s",
		probe->n_invalidates, probe->area, text->str);
	g_string_free(text, TRUE);
	g_array_set_size(probe->rects, 0);
	probe->n_invalidates = 0;
	probe->area = 0;
	probe->first_change_ns = 0;
}

static void command_latency(struct probe *probe, gboolean on, const char *path)
{
	if (probe->latency) {
		fclose(probe->latency);
		probe->latency = NULL;
	}
	if (!on) {
		say("ok stamps=%" G_GUINT64_FORMAT " torn=%" G_GUINT64_FORMAT, probe->stamps,
			probe->torn);
		return;
	}
	probe->latency = fopen(path, "ae");
	if (!probe->latency) {
		say("fail why=%s: %s", path, strerror(errno));
		return;
	}
	probe->stamps = 0;
	probe->torn = 0;
	say("ok");
}

static void command_compare(struct probe *probe, const char *path, guint64 ms, guint64 tolerance)
{
	GError *error = NULL;
	gchar *text;

	if (!g_file_get_contents(path, &text, &probe->want_size, &error)) {
		say("fail why=%s", error->message);
		g_error_free(error);
		return;
	}
	probe->want = (guint32 *)(void *)text;
	probe->tolerance = (unsigned)MIN(tolerance, 255);
	wait_begin(probe, WAIT_COMPARE, ms);
}

static void command_write(struct probe *probe, const char *command, const char *path)
{
	struct canvas canvas;
	int ret;

	if (!get_canvas(probe, &canvas)) {
		say("fail why=there is no canvas");
		return;
	}
	ret = strcmp(command, "dump") ? canvas_write_raw(&canvas, path)
				      : canvas_write_ppm(&canvas, path);
	if (ret) {
		say("fail why=%s: %s", path, strerror(-ret));
		return;
	}
	say("ok width=%u height=%u", canvas.width, canvas.height);
}

static void command_pixel(struct probe *probe, guint64 x, guint64 y)
{
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

static void command_hash(struct probe *probe)
{
	struct canvas canvas;

	if (!get_canvas(probe, &canvas)) {
		say("fail why=there is no canvas");
		return;
	}
	say("ok width=%u height=%u hash=%016" PRIx64, canvas.width, canvas.height,
		canvas_hash(&canvas));
}

static void command_cursor_dump(struct probe *probe, const char *path)
{
	GError *error = NULL;

	if (!g_file_set_contents(
		    path, (const gchar *)probe->cursor.rgba, probe->cursor.size, &error)) {
		say("fail why=%s", error->message);
		g_error_free(error);
		return;
	}
	say("ok width=%d height=%d", probe->cursor.width, probe->cursor.height);
}

static void command_resize(struct probe *probe, guint64 width, guint64 height)
{
	gboolean agent = FALSE;

	if (probe->main) {
		g_object_get(probe->main, "agent-connected", &agent, NULL);
	}
	if (!agent) {
		say("fail why=the server has no agent");
		return;
	}
	spice_main_channel_update_display_enabled(SPICE_MAIN_CHANNEL(probe->main), 0, TRUE, FALSE);
	spice_main_channel_update_display(
		SPICE_MAIN_CHANNEL(probe->main), 0, 0, 0, (gint)width, (gint)height, FALSE);
	if (!spice_main_channel_send_monitor_config(SPICE_MAIN_CHANNEL(probe->main))) {
		say("fail why=the monitor configuration could not be sent");
		return;
	}
	say("ok");
}

static void run_command(struct probe *probe, char *line)
{
	char **words = g_strsplit(g_strstrip(line), " ", -1);
	guint n = g_strv_length(words);
	const char *command = n ? words[0] : "";
#define NUMBER(i) g_ascii_strtoull(words[i], NULL, 10)

	if (!strcmp(command, "wait-connected") && n == 2) {
		wait_begin(probe, WAIT_CONNECTED, NUMBER(1));
	} else if (!strcmp(command, "wait-size") && n == 4) {
		probe->wait_width = (guint)NUMBER(1);
		probe->wait_height = (guint)NUMBER(2);
		wait_begin(probe, WAIT_SIZE, NUMBER(3));
	} else if (!strcmp(command, "wait-change") && n == 2) {
		wait_begin(probe, WAIT_CHANGE, NUMBER(1));
	} else if ((!strcmp(command, "dump") || !strcmp(command, "raw")) && n == 2) {
		command_write(probe, command, words[1]);
	} else if (!strcmp(command, "hash") && n == 1) {
		command_hash(probe);
	} else if (!strcmp(command, "pixel") && n == 3) {
		command_pixel(probe, NUMBER(1), NUMBER(2));
	} else if (!strcmp(command, "compare") && (n == 3 || n == 4)) {
		command_compare(probe, words[1], NUMBER(2), n == 4 ? NUMBER(3) : 0);
	} else if (!strcmp(command, "cursor") && n == 1) {
		command_cursor(probe);
	} else if (!strcmp(command, "cursor-dump") && n == 2) {
		command_cursor_dump(probe, words[1]);
	} else if (!strcmp(command, "bytes") && n == 1) {
		say("ok main=%lu display=%lu cursor=%lu inputs=%lu", channel_bytes(probe->main),
			channel_bytes(probe->display), channel_bytes(probe->cursor_channel),
			channel_bytes(probe->inputs));
	} else if (!strcmp(command, "invalidates") && n == 1) {
		command_invalidates(probe);
	} else if (!strcmp(command, "resize") && n == 3) {
		command_resize(probe, NUMBER(1), NUMBER(2));
	} else if (!strcmp(command, "latency") && n == 3 && !strcmp(words[1], "on")) {
		command_latency(probe, TRUE, words[2]);
	} else if (!strcmp(command, "latency") && n == 2 && !strcmp(words[1], "off")) {
		command_latency(probe, FALSE, NULL);
	} else if (!strcmp(command, "disconnect") && n == 1) {
		spice_session_disconnect(probe->session);
		say("ok");
	} else if (!strcmp(command, "quit") && n == 1) {
		say("ok");
		g_main_loop_quit(probe->loop);
	} else {
		say("fail why=unknown command or wrong number of words: %s", command);
	}
#undef NUMBER
	g_strfreev(words);
}

/* Runs lines until one has to wait. All were run and no more can come: the end. */
static void run_lines(struct probe *probe)
{
	const char *end;

	while (probe->wait == WAIT_NONE && (end = strchr(probe->input->str, '\n'))) {
		char *line = g_strndup(probe->input->str, (gsize)(end - probe->input->str));

		g_string_erase(probe->input, 0, end - probe->input->str + 1);
		run_command(probe, line);
		g_free(line);
	}
	if (probe->wait == WAIT_NONE && probe->input_ended) {
		g_main_loop_quit(probe->loop);
	}
}

static gboolean on_run_lines(gpointer data)
{
	struct probe *probe = data;

	probe->run_source = 0;
	run_lines(probe);
	return G_SOURCE_REMOVE;
}

static gboolean on_input(gint fd, GIOCondition condition, gpointer data)
{
	struct probe *probe = data;
	char buffer[4096];
	ssize_t n = read(fd, buffer, sizeof(buffer));

	if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
		return G_SOURCE_CONTINUE;
	}
	if (n > 0) {
		g_string_append_len(probe->input, buffer, n);
		run_lines(probe);
		return G_SOURCE_CONTINUE;
	}
	probe->input_ended = TRUE;
	probe->in_watch = 0;
	run_lines(probe);
	return G_SOURCE_REMOVE;
}

static gboolean on_signal(gpointer data)
{
	g_main_loop_quit(((struct probe *)data)->loop);
	return G_SOURCE_CONTINUE;
}

static gint compression_by_name(const char *name)
{
	static const struct {
		const char *name;
		gint value;
	} table[] = {
		{"off", SPICE_IMAGE_COMPRESSION_OFF},
		{"auto-glz", SPICE_IMAGE_COMPRESSION_AUTO_GLZ},
		{"auto-lz", SPICE_IMAGE_COMPRESSION_AUTO_LZ},
		{"quic", SPICE_IMAGE_COMPRESSION_QUIC},
		{"glz", SPICE_IMAGE_COMPRESSION_GLZ},
		{"lz", SPICE_IMAGE_COMPRESSION_LZ},
		{"lz4", SPICE_IMAGE_COMPRESSION_LZ4},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		if (!strcmp(table[i].name, name)) {
			return table[i].value;
		}
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct probe probe = {.preferred = -1};
	gchar *password = NULL, *compression = NULL;
	gboolean read_only = FALSE;
	const GOptionEntry entries[] = {
		{"password", 0, 0, G_OPTION_ARG_STRING, &password, "the ticket", "TEXT"},
		{"compression", 0, 0, G_OPTION_ARG_STRING, &compression,
			"image compression to ask the server for", "NAME"},
		{"read-only", 0, 0, G_OPTION_ARG_NONE, &read_only,
			"never ask for client mouse mode, so that the server tells the cursor's place",
			NULL},
		{NULL},
	};
	GOptionContext *context = g_option_context_new("URI");
	GError *error = NULL;

	g_option_context_add_main_entries(context, entries, NULL);
	g_option_context_set_description(context, help_text);
	if (!g_option_context_parse(context, &argc, &argv, &error) || argc != 2) {
		fprintf(stderr, "spice-probe: %s; see --help\n",
			error ? error->message : "one URI is needed");
		return 2;
	}
	g_option_context_free(context);
	if (compression) {
		probe.preferred = compression_by_name(compression);
		if (probe.preferred < 0) {
			fprintf(stderr, "spice-probe: --compression=%s is not known\n",
				compression);
			return 2;
		}
	}

	probe.loop = g_main_loop_new(NULL, FALSE);
	probe.rects = g_array_new(FALSE, FALSE, sizeof(struct rect));
	probe.session = spice_session_new();
	g_object_set(probe.session, "uri", argv[1], "read-only", read_only, "enable-audio", FALSE,
		"enable-usbredir", FALSE, "enable-smartcard", FALSE, NULL);
	if (password) {
		g_object_set(probe.session, "password", password, NULL);
	}
	g_signal_connect(probe.session, "channel-new", G_CALLBACK(on_channel_new), &probe);
	g_signal_connect(probe.session, "channel-destroy", G_CALLBACK(on_channel_destroy), &probe);
	g_signal_connect(probe.session, "disconnected", G_CALLBACK(on_disconnected), &probe);

	probe.input = g_string_new(NULL);
	probe.in_watch =
		g_unix_fd_add(STDIN_FILENO, G_IO_IN | G_IO_HUP | G_IO_ERR, on_input, &probe);
	g_unix_signal_add(SIGTERM, on_signal, &probe);
	g_unix_signal_add(SIGINT, on_signal, &probe);

	if (!spice_session_connect(probe.session)) {
		say("event error the session can't begin: is the URI right?");
	}
	g_main_loop_run(probe.loop);

	g_clear_handle_id(&probe.in_watch, g_source_remove);
	g_clear_handle_id(&probe.run_source, g_source_remove);
	g_clear_handle_id(&probe.wait_timer, g_source_remove);
	g_string_free(probe.input, TRUE);
	g_signal_handlers_disconnect_by_data(probe.session, &probe);
	spice_session_disconnect(probe.session);
	if (probe.latency) {
		fclose(probe.latency);
	}
	g_free(probe.cursor.rgba);
	g_free(probe.want);
	g_array_free(probe.rects, TRUE);
	/*
	 * The channels live on in coroutines that end by themselves; the process ends before that, and
	 * everything they hold with it.
	 */
	return 0;
}
