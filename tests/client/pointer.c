/* SPDX-License-Identifier: MIT */
#include "tests/client/probe.h"

#include <inttypes.h>

struct pointer {
	gint width, height, hot_x, hot_y;
	guchar *rgba;
	gsize size;
	gint x, y;
	gboolean visible;
	guint sets, moves, hides, resets, cached;
	gulong bytes_at_set; /* of the channel, when the last shape came */
};

static void on_cursor_set(SpiceCursorChannel *channel, gint width, gint height, gint hot_x,
	gint hot_y, gpointer rgba, gpointer data)
{
	struct pointer *pointer = ((struct probe *)data)->pointer;
	gulong bytes = channel_bytes(SPICE_CHANNEL(channel));
	gsize size = (gsize)MAX(width, 0) * (gsize)MAX(height, 0) * 4;

	pointer->sets++;
	pointer->visible = TRUE;
	/* A shape that did not come over the wire was taken from the client's cache. */
	if (rgba && size && bytes - pointer->bytes_at_set < size) {
		pointer->cached++;
	}
	pointer->bytes_at_set = bytes;
	g_clear_pointer(&pointer->rgba, g_free);
	pointer->size = 0;
	pointer->width = width;
	pointer->height = height;
	pointer->hot_x = hot_x;
	pointer->hot_y = hot_y;
	if (rgba && size) {
		pointer->rgba = g_memdup2(rgba, size);
		pointer->size = size;
	}
}

static void on_cursor_move(SpiceCursorChannel *channel, gint x, gint y, gpointer data)
{
	struct pointer *pointer = ((struct probe *)data)->pointer;

	pointer->moves++;
	pointer->visible = TRUE;
	pointer->x = x;
	pointer->y = y;
}

static void on_cursor_hide(SpiceCursorChannel *channel, gpointer data)
{
	struct pointer *pointer = ((struct probe *)data)->pointer;

	pointer->hides++;
	pointer->visible = FALSE;
}

static void on_cursor_reset(SpiceCursorChannel *channel, gpointer data)
{
	struct pointer *pointer = ((struct probe *)data)->pointer;

	pointer->resets++;
	pointer->visible = FALSE;
}

static void pointer_channel_new(struct probe *probe, SpiceChannel *channel, gint type)
{
	if (type != SPICE_CHANNEL_CURSOR) {
		return;
	}
	g_signal_connect(channel, "cursor-set", G_CALLBACK(on_cursor_set), probe);
	g_signal_connect(channel, "cursor-move", G_CALLBACK(on_cursor_move), probe);
	g_signal_connect(channel, "cursor-hide", G_CALLBACK(on_cursor_hide), probe);
	g_signal_connect(channel, "cursor-reset", G_CALLBACK(on_cursor_reset), probe);
}

static void pointer_init(struct probe *probe)
{
	probe->pointer = g_new0(struct pointer, 1);
}

static void pointer_finish(struct probe *probe)
{
	g_free(probe->pointer->rgba);
	g_clear_pointer(&probe->pointer, g_free);
}

static void command_cursor(struct probe *probe, char **arguments)
{
	const struct pointer *pointer = probe->pointer;
	gint mode = 0;

	if (probe->main) {
		g_object_get(probe->main, "mouse-mode", &mode, NULL);
	}
	say("ok visible=%d width=%d height=%d hot_x=%d hot_y=%d hash=%016" PRIx64
	    " x=%d y=%d sets=%u "
	    "moves=%u hides=%u resets=%u cached=%u mouse_mode=%s",
		pointer->visible, pointer->width, pointer->height, pointer->hot_x, pointer->hot_y,
		bytes_hash(pointer->rgba, pointer->size), pointer->x, pointer->y, pointer->sets,
		pointer->moves, pointer->hides, pointer->resets, pointer->cached,
		mode == SPICE_MOUSE_MODE_CLIENT ? "client" : "server");
}

static void command_cursor_dump(struct probe *probe, char **arguments)
{
	GError *error = NULL;

	if (!g_file_set_contents(arguments[0], (const gchar *)probe->pointer->rgba,
		    (gssize)probe->pointer->size, &error)) {
		say("fail why=%s", error->message);
		g_error_free(error);
		return;
	}
	say("ok width=%d height=%d", probe->pointer->width, probe->pointer->height);
}

static const struct command commands[] = {
	{"cursor", "", 0, 0, command_cursor, "last shape, place, and what was counted"},
	{"cursor-dump", "FILE", 1, 1, command_cursor_dump, "the last shape, RGBA bytes"},
	{NULL},
};

const struct subject pointer_subject = {
	.commands = commands,
	.init = pointer_init,
	.channel_new = pointer_channel_new,
	.finish = pointer_finish,
};
