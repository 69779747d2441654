/* SPDX-License-Identifier: MIT */
/* What happens to a server's display and viewers, told to those who asked for events. */
#include <glib.h>

#include "bridge/capture.h"
#include "bridge/command.h"
#include "bridge/facts.h"
#include "bridge/report.h"
#include "bridge/serve_impl.h"

/* A guest may change its display with every look: so far apart are they told, the newest last. */
#define REST_MS 100

static void tell_mode(struct server *server)
{
	struct display_facts facts;
	JsonObject *data;

	capture_facts(server->capture, &facts);
	if (!facts.has_plane ||
		(facts.plane.width == server->told.width &&
			facts.plane.height == server->told.height)) {
		return;
	}
	server->told.width = facts.plane.width;
	server->told.height = facts.plane.height;
	data = json_object_new();
	json_object_set_int_member(data, "width", facts.plane.width);
	json_object_set_int_member(data, "height", facts.plane.height);
	event_tell(server, "mode-changed", data);
}

static gboolean on_rest(gpointer data)
{
	struct server *server = data;

	if (!server->told.due) {
		server->told.rest = 0;
		return G_SOURCE_REMOVE;
	}
	server->told.due = false;
	event_tell(server, "display-changed", report_display(server));
	tell_mode(server);
	return G_SOURCE_CONTINUE;
}

static gboolean on_changed(gpointer data)
{
	struct server *server = data;

	g_atomic_int_set(&server->told.pending, 0);
	if (!server->ready) {
		return G_SOURCE_REMOVE;
	}
	server->told.due = true;
	if (!server->told.rest) {
		server->told.rest = g_timeout_add(REST_MS, on_rest, server);
		on_rest(server);
	}
	return G_SOURCE_REMOVE;
}

void serve_display_changed(void *data)
{
	struct server *server = data;

	if (g_atomic_int_compare_and_exchange(&server->told.pending, 0, 1)) {
		g_idle_add_full(G_PRIORITY_DEFAULT, on_changed, server, NULL);
	}
}

void serve_tell_viewer(void *data, unsigned seat, bool came)
{
	struct server *server = data;
	JsonObject *viewer = came ? report_viewer(server, seat) : NULL;

	if (!viewer) {
		viewer = json_object_new();
		json_object_set_int_member(viewer, "seat", seat);
	}
	json_object_set_int_member(viewer, "viewers", server->watching);
	event_tell(server, came ? "viewer-came" : "viewer-left", viewer);
}

void serve_tell_nothing(struct server *server)
{
	if (server->told.rest) {
		g_source_remove(server->told.rest);
		server->told.rest = 0;
	}
	server->ready = false;
}
