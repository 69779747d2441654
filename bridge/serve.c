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
#include "bridge/control.h"
#include "bridge/desk.h"
#include "bridge/identity.h"
#include "bridge/input.h"
#include "bridge/launch.h"
#include "bridge/follow.h"
#include "bridge/log.h"
#include "bridge/notify.h"
#include "bridge/options.h"
#include "bridge/qmp.h"
#include "bridge/relays.h"
#include "bridge/sandbox.h"
#include "bridge/serve_impl.h"
#include "bridge/size.h"
#include "bridge/source.h"
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
};

static void on_accepted(int fd, void *data)
{
	const struct door *door = data;

	viewers_accept(door->server->viewers, door->address, fd);
}

/* A QEMU that we started ends first, and we with it. Who insists is heeded. */
static gboolean on_end(struct server *server, int number)
{
	if (!server->broker || server->options->verb != VERB_RUN || ++server->signals > 2 ||
		broker_signal(server->broker, number) < 0) {
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
	const struct stats_parts parts = {
		.capture = server->capture,
		.viewers = server->viewers,
		.relays = server->relays,
		.size = server->size,
		.source = server->source,
		.input = server->input,
		.monitor = server->monitor,
		.audio = server->audio,
	};
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
	return server->capture ? EXIT_OK : EXIT_FAILED;
}

/* Forks the broker, and for the verb run makes QEMU's command line. */
static int start_broker(struct server *server, char *why, size_t why_size)
{
	const struct options *options = server->options;
	struct launch launch, *given = NULL;
	int rc;

	if (options->verb == VERB_RUN) {
		rc = launch_create("", options, !options->qmp, &launch, why, why_size);
		if (rc < 0) {
			return rc;
		}
		given = &launch;
		snprintf(server->qmp, sizeof(server->qmp), "%s", launch.qmp);
		snprintf(server->name, sizeof(server->name), "%s", launch.name);
	}
	rc = broker_start(options, given, &server->broker, why, why_size);
	if (given && rc < 0) {
		launch_clean(given);
	}
	if (given) {
		launch_destroy(given);
	}
	return rc;
}

static int open_source(struct server *server, char *why, size_t why_size)
{
	const struct options *options = server->options;
	const struct vgpu_info *info;

	server->source =
		source_create(options, server->broker, &serve_source_events, server, why, why_size);
	if (!server->source) {
		return EXIT_SOURCE;
	}
	info = source_info(server->source);
	if (options->vm || (info && !server->name[0])) {
		snprintf(server->name, sizeof(server->name), "%s",
			options->vm ? options->vm : info->name);
	}
	/* A device that is there from the start decides on the renderer. */
	source_start(server->source);
	return EXIT_OK;
}

static int open_control(struct server *server, char *why, size_t why_size)
{
	if (control_open(server->control, server->viewers, server->capture, why, why_size) < 0) {
		return EXIT_FAILED;
	}
	server->input = control_input(server->control);
	server->monitor = control_monitor(server->control);
	if (server->monitor) {
		relays_set_monitor(server->relays, server->monitor);
		server->follow = follow_create(server->monitor, server->capture);
	}
	return EXIT_OK;
}

/* Each viewer hears the guest; those that it takes input from, it hears. */
static int open_audio(struct server *server, char *why, size_t why_size)
{
	const struct options *options = server->options;

	if (options->no_audio || (!server->monitor && !options->audio_bus)) {
		return EXIT_OK;
	}
	server->audio = audio_create(server->monitor, options->audio_bus);
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

/* What is known of the machine; QEMU may know more. */
static void tell_identity(struct server *server)
{
	const struct options *options = server->options;
	const struct access_options *access = &options->access;
	const char *name = access->name ? access->name : server->name[0] ? server->name : NULL;
	const uint8_t *uuid = access->has_uuid ? access->uuid : NULL;

	viewers_set_name(server->viewers, name, uuid);
	if (server->monitor) {
		server->identity = identity_create(
			server->monitor, server->viewers, name, access->name || options->vm, uuid);
	}
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
	if (open_control(server, why, why_size) != EXIT_OK ||
		open_audio(server, why, why_size) != EXIT_OK) {
		return EXIT_FAILED;
	}
	tell_identity(server);
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
	desk_destroy(server->desk);
	server->desk = NULL;
	source_destroy(server->source);
	/* The thread ends first: it calls the sink. The sink is last to call the capture. */
	if (server->capture) {
		capture_stop(server->capture);
	}
	control_destroy(server->control);
	/* What follows calls the library, which may find that a viewer has gone and say so. */
	server->input = NULL;
	server->monitor = NULL;
	follow_destroy(server->follow);
	identity_destroy(server->identity);
	audio_destroy(server->audio);
	server->audio = NULL;
	relays_destroy(server->relays);
	viewers_destroy(server->viewers);
	size_destroy(server->size);
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
	broker_destroy(server->broker);
}

int serve(const struct options *options)
{
	struct server server = {.options = options};
	char why[512] = "", status[512];

	/* Before there are threads, sockets and guests: they are copies of what we are now. */
	if (start_broker(&server, why, sizeof(why)) < 0) {
		log_error("%s", why);
		return EXIT_SOURCE;
	}
	server.control = control_create(options, server.qmp, why, sizeof(why));
	if (!server.control) {
		log_error("%s", why);
		broker_destroy(server.broker);
		return EXIT_FAILED;
	}
	/* Who runs us may let us give the sockets away: nobody is answered yet. */
	int code = start_listening(&server, why, sizeof(why));

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
		code = open_source(&server, why, sizeof(why));
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
