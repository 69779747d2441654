/* SPDX-License-Identifier: MIT */
/* The line that `systemctl status` has: what is shown, to how many. */
#include <inttypes.h>
#include <stdio.h>

#include "bridge/capture.h"
#include "bridge/listen.h"
#include "bridge/notify.h"
#include "bridge/serve_impl.h"
#include "bridge/session.h"

/* After a change others follow, and the first picture is a little later than its viewer. */
#define REST_MS 1000

void serve_describe(const struct server *server, char *text, size_t size)
{
	struct session_counters *session = capture_session_counters(server->capture);
	int length;

	if (server->missing[0]) {
		length = snprintf(text, size, "no device: %s", server->missing);
	} else if (server->watching == 0) {
		length = snprintf(text, size, "device there");
	} else if (session->state == SESSION_PICTURE || session->state == SESSION_PAUSED) {
		length = snprintf(text, size, "picture %ux%u%s", session->width, session->height,
			session->state == SESSION_PAUSED ? ", paused" : "");
	} else {
		length = snprintf(text, size, "no picture");
	}
	if (length > 0 && (size_t)length < size) {
		snprintf(text + length, size - (size_t)length, "; %u viewer%s; %s",
			server->watching, server->watching == 1 ? "" : "s",
			listener_uri(server->listeners[0]));
	}
}

static gboolean on_rest(gpointer data)
{
	struct server *server = data;
	char text[512];

	server->telling = 0;
	serve_describe(server, text, sizeof(text));
	notify_status(text);
	return G_SOURCE_REMOVE;
}

void serve_tell_status(struct server *server)
{
	if (server->ready && !server->telling) {
		server->telling = g_timeout_add(REST_MS, on_rest, server);
	}
}
