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

#include "bridge/audio.h"
#include "bridge/broker.h"
#include "bridge/capture.h"
#include "bridge/command.h"
#include "bridge/control.h"
#include "bridge/desk.h"
#include "bridge/input.h"
#include "bridge/log.h"
#include "bridge/notify.h"
#include "bridge/options.h"
#include "bridge/relays.h"
#include "bridge/report.h"
#include "bridge/sandbox.h"
#include "bridge/serve_impl.h"
#include "bridge/shot.h"
#include "bridge/size.h"
#include "bridge/stats.h"
#include "bridge/viewers.h"
#include "bridge/watchdog.h"
#include "vfio/vgpu.h"

/* The library lets go of a viewer's memory a little after the viewer. */
#define TRIM_MS 500

static void on_ready(void *data)
{
	struct server *server = data;

	capture_wake(server->capture);
}

static void on_resize(void *data, unsigned seat, uint32_t width, uint32_t height)
{
	struct server *server = data;

	size_request(server->size, width, height);
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
	server->watching = count;
	serve_tell_status(server);
	if (server->audio) {
		audio_set_watched(server->audio, count > 0);
	}
	if (server->input) {
		input_viewers(server->input, count);
	}
	if (server->trim) {
		g_source_remove(server->trim);
		server->trim = 0;
	}
	if (count == 0) {
		size_forget(server->size);
		server->trim = g_timeout_add(TRIM_MS, on_unwatched, server);
	}
}

static const struct viewers_events viewers_events = {
	.ready = on_ready,
	.resize = on_resize,
	.count = on_viewers,
	.seat = serve_tell_viewer,
};

static void on_accepted(int fd, void *data)
{
	const struct door *door = data;

	viewers_accept(door->server->viewers, door->address, fd);
}

/* A QEMU that we started ends first, and we with it. Who insists is heeded. */
static gboolean on_end(struct server *server, int number)
{
	struct broker *broker = server->guests[0].broker;

	if (!broker || server->options->verb != VERB_RUN || ++server->signals > 2 ||
		broker_signal(broker, number) < 0) {
		g_main_loop_quit(server->loop);
	}
	return G_SOURCE_CONTINUE;
}

static gboolean on_interrupt(gpointer data)
{
	return on_end(data, SIGINT);
}

static gboolean on_terminate(gpointer data)
{
	return on_end(data, SIGTERM);
}

static gboolean on_stats(gpointer data)
{
	struct server *server = data;
	struct stats_parts parts;

	report_parts(server, &parts);

	char *json = stats_json(&parts);
	char *line = g_strconcat(json, "\n", NULL);

	/* In one go: the capture thread writes to the log at any time. */
	if (write(STDERR_FILENO, line, strlen(line)) < 0) {
		log_debug("the counters could not be written: %s", strerror(errno));
	}
	g_free(line);
	g_free(json);
	return G_SOURCE_CONTINUE;
}

static int make_capture(struct server *server, char *why, size_t why_size)
{
	const struct options *options = server->options;
	struct capture_options capture = {
		.renderer = {.kind = options->renderer, .render_node = options->render_node},
		.max_fps = options->max_fps,
		.trace = options->trace,
		.events = &serve_capture_events,
		.events_data = server,
	};

	server->capture = capture_create(&capture, why, why_size);
	server->shot = server->capture ? shot_create(server->capture) : NULL;
	return server->shot ? EXIT_OK : EXIT_FAILED;
}

/* Each viewer hears the guest; those that it takes input from, it hears. */
static int open_audio(struct server *server, char *why, size_t why_size)
{
	const struct options *options = server->options;

	bool monitors = false;

	for (size_t i = 0; i < server->n_guests; i++) {
		monitors |= control_monitor(server->guests[i].control) != NULL;
	}
	if (options->no_audio || (!monitors && !options->audio_bus)) {
		return EXIT_OK;
	}
	server->audio = audio_create(options->audio_bus);
	for (size_t i = 0; i < server->n_guests; i++) {
		if (control_monitor(server->guests[i].control)) {
			audio_add_monitor(
				server->audio, control_monitor(server->guests[i].control));
		}
	}
	for (unsigned i = 0; i < viewers_seats(server->viewers); i++) {
		if (audio_add(server->audio, viewers_sink(server->viewers, i),
			    !viewers_view_only(server->viewers, i), why, why_size) < 0) {
			return EXIT_FAILED;
		}
	}
	return EXIT_OK;
}

static struct viewers *make_viewers(struct server *server, char *why, size_t why_size)
{
	const struct options *options = server->options;
	const struct access_options *access = &options->access;
	struct viewers_options viewers = {
		.seats = access->max_viewers ? access->max_viewers : ACCESS_MAX_VIEWERS,
		.events = &viewers_events,
		.events_data = server,
	};
	struct spice_tls tls;

	for (size_t i = 0; i < options->n_addresses; i++) {
		if (options->addresses[i].view_only) {
			viewers.view_only_seats = access->max_view_only ? access->max_view_only
									: ACCESS_MAX_VIEW_ONLY;
		}
	}
	access_fill_sink(options, false, &tls, &viewers.sink);
	access_fill_sink(options, true, &tls, &viewers.view_only_sink);
	viewers.web = viewers.sink.password || viewers.sink.sasl || options->no_auth;
	viewers.view_only_web =
		viewers.view_only_sink.password || viewers.view_only_sink.sasl || options->no_auth;
	return viewers_create(&viewers, why, why_size);
}

static int start_display(struct server *server, char *why, size_t why_size)
{
	server->viewers = make_viewers(server, why, why_size);
	if (!server->viewers) {
		return EXIT_FAILED;
	}
	server->relays =
		relays_create(viewers_sink(server->viewers, 0), server->options, why, why_size);
	if (!server->relays) {
		return EXIT_FAILED;
	}
	serve_choose_resizer(server);
	if (serve_open_controls(server, why, why_size) != EXIT_OK ||
		open_audio(server, why, why_size) != EXIT_OK) {
		return EXIT_FAILED;
	}
	serve_join_shown(server);
	viewers_attach(server->viewers, server->capture);
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
	server->doors = g_new0(struct door, count + 1);
	for (size_t i = 0; i < count; i++) {
		struct door *door = &server->doors[i];

		*door = (struct door){server, &server->options->addresses[i]};
		server->listeners[i] =
			listener_create(door->address, on_accepted, door, why, why_size);
		if (!server->listeners[i]) {
			return EXIT_LISTEN;
		}
	}
	return EXIT_OK;
}

static void tell_addresses(const struct server *server)
{
	for (size_t i = 0; server->listeners[i]; i++) {
		printf("listening on %s%s\n", listener_uri(server->listeners[i]),
			server->options->addresses[i].view_only ? " (view only)" : "");
	}
	fflush(stdout);
}

/* Everything is set up: from here on, few things are left to be asked of the kernel. */
static int confine(struct server *server, char *why, size_t why_size)
{
	int rc;

	if (server->options->no_syscall_filter) {
		log_warning("--no-syscall-filter: nothing limits the system calls of this process");
		return EXIT_OK;
	}
	rc = sandbox_filter(why, why_size);
	if (rc == -ENOSYS) {
		log_warning("%s: nothing limits the system calls of this process", why);
		return EXIT_OK;
	}
	return rc < 0 ? EXIT_FAILED : EXIT_OK;
}

static void watch_signals(struct server *server)
{
	signal(SIGPIPE, SIG_IGN);
	server->loop = g_main_loop_new(NULL, FALSE);
	server->sources[server->n_sources++] = g_unix_signal_add(SIGINT, on_interrupt, server);
	server->sources[server->n_sources++] = g_unix_signal_add(SIGTERM, on_terminate, server);
	server->sources[server->n_sources++] = g_unix_signal_add(SIGUSR1, on_stats, server);
}

static void finish(struct server *server)
{
	for (size_t i = 0; server->listeners && server->listeners[i]; i++) {
		listener_destroy(server->listeners[i]);
	}
	g_free(server->listeners);
	g_free(server->doors);
	serve_abandon_switch(server);
	event_tell(server, "ending", NULL);
	serve_tell_nothing(server);
	desk_destroy(server->desk);
	server->desk = NULL;
	serve_finish_sources(server);
	/* The thread ends first: it calls the sink. The sink is last to call the capture. */
	if (server->capture) {
		capture_stop(server->capture);
	}
	/* What follows calls the library, which may find that a viewer has gone and say so. */
	serve_finish_controls(server);
	audio_destroy(server->audio);
	server->audio = NULL;
	relays_destroy(server->relays);
	viewers_destroy(server->viewers);
	size_destroy(server->size);
	shot_destroy(server->shot);
	capture_destroy(server->capture);
	if (server->trim) {
		g_source_remove(server->trim);
	}
	if (server->telling) {
		g_source_remove(server->telling);
	}
	for (size_t i = 0; i < server->n_sources; i++) {
		g_source_remove(server->sources[i]);
	}
	g_main_loop_unref(server->loop);
	serve_finish_guests(server);
}

int serve(const struct options *options)
{
	struct server server = {
		.options = options,
		.began = g_get_monotonic_time(),
		.settings.compression = options->compression,
		.settings.max_fps = options->max_fps,
		.settings.password = options->password,
		.settings.view_password = options->access.view_password,
	};
	char why[512] = "", status[512];

	/* Before there are threads, sockets and guests: they are copies of what we are now. */
	int code = serve_make_guests(&server, why, sizeof(why));

	if (code != EXIT_OK) {
		log_error("%s", why);
		serve_finish_guests(&server);
		return code;
	}
	/* Who runs us may let us give the sockets away: nobody is answered yet. */
	code = start_listening(&server, why, sizeof(why));

	if (code == EXIT_OK) {
		code = serve_open_desk(&server, why, sizeof(why));
	}
	if (code == EXIT_OK && sandbox_drop(why, sizeof(why)) < 0) {
		code = EXIT_FAILED;
	}
	/* Before the first thread, so that the signals of an early end find their handlers. */
	watch_signals(&server);

	server.size = size_create(&options->size, &serve_size_ops, &server);
	if (code == EXIT_OK) {
		code = make_capture(&server, why, sizeof(why));
	}
	if (code == EXIT_OK) {
		code = serve_open_sources(&server, why, sizeof(why));
	}
	if (code == EXIT_OK) {
		code = start_display(&server, why, sizeof(why));
	}
	if (code == EXIT_OK) {
		code = confine(&server, why, sizeof(why));
	}
	if (code == EXIT_OK) {
		tell_addresses(&server);
		server.ready = true;
		serve_describe(&server, status, sizeof(status));
		notify_ready(status);
		server.watchdog = watchdog_create(server.capture);
		g_main_loop_run(server.loop);
		code = server.status;
		watchdog_destroy(server.watchdog);
		server.ready = false;
		notify_stopping();
		log_debug("ending");
	} else {
		log_error("%s", why);
	}
	finish(&server);
	return code;
}
