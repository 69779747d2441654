/* SPDX-License-Identifier: MIT */
#include "bridge/verbs.h"

#include <errno.h>
#include <glib-unix.h>
#include <glib.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bridge/capture.h"
#include "bridge/log.h"
#include "bridge/notify.h"
#include "bridge/options.h"
#include "bridge/source.h"
#include "bridge/stats.h"
#include "vfio/vgpu.h"

/* The library lets go of a viewer's memory a little after the viewer. */
#define TRIM_MS 500

struct server {
	const struct options *options;
	struct vgpu *vgpu;
	char render_node[64];
	struct capture *capture;
	struct spice_sink *sink;
	struct listener **listeners;
	bool refusing; /* the last connection could not be taken, and the log says so */
	GMainLoop *loop;
	guint trim; /* the timer, 0: none */
	guint sources[4];
	size_t n_sources;
};

/* The SPICE display as one sink of the capture. */

static bool sink_wants(void *self)
{
	return spice_sink_wants(self);
}

static unsigned sink_generation(void *self)
{
	return spice_sink_generation(self);
}

static bool sink_can_take(void *self, uint32_t width, uint32_t height)
{
	return spice_sink_can_take(self, width, height);
}

static void sink_give(void *self, struct frame *frame)
{
	spice_sink_give(self, frame);
}

static void sink_set_cursor(void *self, const struct cursor *cursor)
{
	spice_sink_set_cursor(self, cursor);
}

static const struct sink_ops spice_ops = {
	.wants = sink_wants,
	.generation = sink_generation,
	.can_take = sink_can_take,
	.give = sink_give,
	.set_cursor = sink_set_cursor,
};

static void on_ready(void *data)
{
	struct server *server = data;

	capture_wake(server->capture);
}

static void on_resize(void *data, uint32_t width, uint32_t height)
{
	log_debug("the viewer asks for %ux%u", width, height);
}

/* Nobody watches any more: what was kept for speed goes back to the system. See main(). */
static gboolean on_unwatched(gpointer data)
{
	struct server *server = data;

	server->trim = 0;
	malloc_trim(0);
	return G_SOURCE_REMOVE;
}

static void on_viewers(void *data, unsigned count)
{
	struct server *server = data;

	log_info("viewers: %u", count);
	if (server->trim) {
		g_source_remove(server->trim);
		server->trim = 0;
	}
	if (count == 0) {
		server->trim = g_timeout_add(TRIM_MS, on_unwatched, server);
	}
}

static const struct spice_sink_events spice_events = {
	.ready = on_ready,
	.resize = on_resize,
	.viewers = on_viewers,
};

static void on_accepted(int fd, void *data)
{
	struct server *server = data;
	int rc = spice_sink_add_client(server->sink, fd);

	/* Once, until one comes through: who keeps on connecting must not fill the log. */
	if (rc < 0 && !server->refusing) {
		log_warning("a connection could not be taken: %s", strerror(-rc));
	}
	server->refusing = rc < 0;
}

static gboolean on_end(gpointer data)
{
	struct server *server = data;

	g_main_loop_quit(server->loop);
	return G_SOURCE_CONTINUE;
}

static gboolean on_stats(gpointer data)
{
	struct server *server = data;
	char *json = stats_json(server->vgpu, server->capture, server->sink);
	char *line = g_strconcat(json, "\n", NULL);

	/* In one go: the capture thread writes to the log at any time. */
	if (write(STDERR_FILENO, line, strlen(line)) < 0) {
		log_debug("the counters could not be written: %s", strerror(errno));
	}
	g_free(line);
	g_free(json);
	return G_SOURCE_CONTINUE;
}

static int open_source(struct server *server, char *why, size_t why_size)
{
	const struct vgpu_info *info;

	server->vgpu = source_open(server->options, why, why_size);
	if (!server->vgpu) {
		return EXIT_SOURCE;
	}
	info = vgpu_info(server->vgpu);
	log_info("source: %s, planes as %s%s", info->name, info->dmabuf ? "dma-buf" : "region",
		info->cursor_plane ? ", with a cursor" : "");
	snprintf(server->render_node, sizeof(server->render_node), "%s",
		server->options->render_node ? server->options->render_node : info->render_node);
	return EXIT_OK;
}

static int start_display(struct server *server, char *why, size_t why_size)
{
	const struct options *options = server->options;
	struct capture_options capture_options = {
		.vgpu = server->vgpu,
		.renderer = {.kind = options->renderer,
			.render_node = server->render_node[0] ? server->render_node : NULL},
		.max_fps = options->max_fps,
		.trace = options->trace,
	};
	struct spice_sink_options sink_options = {
		.name = vgpu_info(server->vgpu)->name,
		.password = options->password,
		.compression = options->compression,
		.events = &spice_events,
		.events_data = server,
	};

	server->capture = capture_create(&capture_options, why, why_size);
	if (!server->capture) {
		return EXIT_FAILED;
	}
	server->sink = spice_sink_create(&sink_options, why, why_size);
	if (!server->sink) {
		return EXIT_FAILED;
	}
	capture_add_sink(server->capture, &(struct sink){&spice_ops, server->sink});
	if (capture_start(server->capture, why, why_size) < 0) {
		return EXIT_RENDER;
	}
	log_info("renderer: %s", capture_renderer_text(server->capture));
	return EXIT_OK;
}

static int start_listening(struct server *server, char *why, size_t why_size)
{
	size_t count = server->options->n_addresses;

	server->listeners = g_new0(struct listener *, count + 1);
	for (size_t i = 0; i < count; i++) {
		server->listeners[i] = listener_create(
			&server->options->addresses[i], on_accepted, server, why, why_size);
		if (!server->listeners[i]) {
			return EXIT_LISTEN;
		}
	}
	for (size_t i = 0; i < count; i++) {
		printf("listening on %s\n", listener_uri(server->listeners[i]));
	}
	fflush(stdout);
	return EXIT_OK;
}

static void watch_signals(struct server *server)
{
	signal(SIGPIPE, SIG_IGN);
	server->loop = g_main_loop_new(NULL, FALSE);
	server->sources[server->n_sources++] = g_unix_signal_add(SIGINT, on_end, server);
	server->sources[server->n_sources++] = g_unix_signal_add(SIGTERM, on_end, server);
	server->sources[server->n_sources++] = g_unix_signal_add(SIGUSR1, on_stats, server);
}

static void finish(struct server *server)
{
	for (size_t i = 0; server->listeners && server->listeners[i]; i++) {
		listener_destroy(server->listeners[i]);
	}
	g_free(server->listeners);
	/* The thread ends first: it calls the sink. The sink is last to call the capture. */
	if (server->capture) {
		capture_stop(server->capture);
	}
	spice_sink_destroy(server->sink);
	capture_destroy(server->capture);
	vgpu_destroy(server->vgpu);
	if (server->trim) {
		g_source_remove(server->trim);
	}
	for (size_t i = 0; i < server->n_sources; i++) {
		g_source_remove(server->sources[i]);
	}
	g_main_loop_unref(server->loop);
}

int serve(const struct options *options)
{
	struct server server = {.options = options};
	char why[512] = "";

	/* Before the first thread, so that the signals of an early end find their handlers. */
	watch_signals(&server);

	int code = open_source(&server, why, sizeof(why));

	if (code == EXIT_OK) {
		code = start_display(&server, why, sizeof(why));
	}
	if (code == EXIT_OK) {
		code = start_listening(&server, why, sizeof(why));
	}
	if (code == EXIT_OK) {
		notify_ready(listener_uri(server.listeners[0]));
		g_main_loop_run(server.loop);
		notify_stopping();
		log_debug("ending");
	} else {
		log_error("%s", why);
	}
	finish(&server);
	return code;
}
