/* SPDX-License-Identifier: MIT */
/*
 * What a server has for each source, and which of them is shown.
 *
 * Each guest has a broker of its own, whose task is as narrow as if it were the only one, and a monitor
 * of its own, so that what belongs to one guest never gets to another.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bridge/audio.h"
#include "bridge/broker.h"
#include "bridge/capture.h"
#include "bridge/command.h"
#include "bridge/control.h"
#include "bridge/follow.h"
#include "bridge/identity.h"
#include "bridge/launch.h"
#include "bridge/log.h"
#include "bridge/qmp.h"
#include "bridge/relays.h"
#include "bridge/report.h"
#include "bridge/serve_impl.h"
#include "bridge/size.h"
#include "bridge/source.h"
#include "bridge/viewers.h"
#include "vfio/vgpu.h"

#define HOST_TEXT "the host is chosen: display switch shows a virtual machine"

/* Forks the broker, and for the verb run makes QEMU's command line. */
static int start_broker(struct guest *guest, char *why, size_t why_size)
{
	const struct options *options = &guest->view;
	struct server *server = guest->server;
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
	rc = broker_start(options, given, &guest->broker, why, why_size);
	if (given && rc < 0) {
		launch_clean(given);
	}
	if (given) {
		launch_destroy(given);
	}
	return rc;
}

int serve_make_guests(struct server *server, char *why, size_t why_size)
{
	size_t count = options_sources(server->options);

	server->guests = g_new0(struct guest, count);
	for (size_t i = 0; i < count; i++) {
		struct guest *guest = &server->guests[server->n_guests++];

		guest->server = server;
		options_of_source(server->options, i, &guest->view);
		options_source_name(&guest->view, guest->name, sizeof(guest->name));
		if (start_broker(guest, why, why_size) < 0) {
			return EXIT_SOURCE;
		}
	}
	for (size_t i = 0; i < count; i++) {
		struct guest *guest = &server->guests[i];

		guest->control = control_create(&guest->view, server->qmp, why, why_size);
		if (!guest->control) {
			return EXIT_FAILED;
		}
	}
	server->shown = &server->guests[0];
	return EXIT_OK;
}

void serve_finish_guests(struct server *server)
{
	for (size_t i = 0; i < server->n_guests; i++) {
		control_destroy(server->guests[i].control);
		broker_destroy(server->guests[i].broker);
	}
	g_free(server->guests);
	server->guests = NULL;
	server->n_guests = 0;
}

int serve_open_sources(struct server *server, char *why, size_t why_size)
{
	const struct options *options = server->options;
	struct guest *first = &server->guests[0];
	const struct vgpu_info *info;

	first->source = source_create(
		&first->view, first->broker, &serve_source_events, first, why, why_size);
	if (!first->source) {
		return EXIT_SOURCE;
	}
	server->source = first->source;
	for (size_t i = 1; i < server->n_guests; i++) {
		struct guest *guest = &server->guests[i];

		guest->source = source_create_aside(
			&guest->view, guest->broker, &serve_source_events, guest);
	}
	info = source_info(first->source);
	if (options->vm || (info && !server->name[0])) {
		snprintf(server->name, sizeof(server->name), "%s",
			options->vm ? options->vm : info->name);
	}
	/* A device that is there from the start decides on the renderer. */
	source_start(first->source);
	return EXIT_OK;
}

void serve_finish_sources(struct server *server)
{
	for (size_t i = 0; i < server->n_guests; i++) {
		source_destroy(server->guests[i].source);
	}
}

static void on_running(void *data, bool fresh)
{
	struct guest *guest = data;
	struct server *server = guest->server;

	if (fresh && server->options->switch_on_create && server->shown != guest) {
		log_info("%s has started", guest->name);
		serve_show(server, guest);
	}
}

static void on_unplugged(void *data)
{
	const struct guest *guest = data;

	if (guest->present) {
		source_check(guest->source);
	}
}

static void on_told(void *data, const char *event)
{
	const struct guest *guest = data;
	JsonObject *object = json_object_new();

	report_set_text(object, "source", guest->name);
	event_tell(guest->server, event, object);
}

static const struct follow_events follow_events = {
	.running = on_running,
	.unplugged = on_unplugged,
	.told = on_told,
};

/* What is known of the machine; QEMU may know more. */
static void make_identity(struct guest *guest)
{
	const struct server *server = guest->server;
	const struct access_options *access = &guest->view.access;
	const char *known = guest == server->guests && server->name[0] ? server->name : NULL;
	const char *name = access->name ? access->name : known;

	if (!name && server->n_guests > 1) {
		name = guest->name;
	}
	guest->identity = identity_create(control_monitor(guest->control), server->viewers, name,
		access->name || guest->view.vm, access->has_uuid ? access->uuid : NULL);
}

int serve_open_controls(struct server *server, char *why, size_t why_size)
{
	for (size_t i = 0; i < server->n_guests; i++) {
		struct guest *guest = &server->guests[i];
		struct qmp *monitor;

		if (control_open(guest->control, server->viewers, server->capture, why, why_size) <
			0) {
			return EXIT_FAILED;
		}
		monitor = control_monitor(guest->control);
		if (monitor) {
			guest->follow =
				follow_create(monitor, server->capture, &follow_events, guest);
		}
		make_identity(guest);
	}
	/* They are the first source's, and held while another is shown. */
	if (control_monitor(server->guests[0].control)) {
		relays_set_monitor(server->relays, control_monitor(server->guests[0].control));
	}
	return EXIT_OK;
}

void serve_finish_controls(struct server *server)
{
	server->input = NULL;
	server->monitor = NULL;
	for (size_t i = 0; i < server->n_guests; i++) {
		struct guest *guest = &server->guests[i];

		control_destroy(guest->control);
		guest->control = NULL;
		follow_destroy(guest->follow);
		identity_destroy(guest->identity);
	}
}

static void part(struct server *server)
{
	struct guest *guest = server->shown;

	server->input = NULL;
	server->monitor = NULL;
	if (!guest) {
		return;
	}
	source_leave(guest->source);
	guest->present = false;
	control_show(guest->control, false, 0);
	if (guest->follow) {
		follow_show(guest->follow, false);
	}
	identity_show(guest->identity, false);
}

void serve_join_shown(struct server *server)
{
	struct guest *guest = server->shown;
	bool first = guest == server->guests;

	if (guest) {
		server->input = control_input(guest->control);
		server->monitor = control_monitor(guest->control);
		control_show(guest->control, true, server->watching);
		identity_show(guest->identity, true);
	} else {
		viewers_set_pointer(server->viewers, SPICE_POINTER_NONE);
		viewers_set_leds(server->viewers, 0);
		viewers_set_name(server->viewers,
			server->options->access.name ? server->options->access.name : "host", NULL);
	}
	if (guest && guest->follow) {
		follow_show(guest->follow, true);
	} else {
		capture_set_paused(server->capture, false);
	}
	relays_hold(server->relays, !first);
	if (server->audio) {
		audio_show(server->audio, server->monitor,
			guest && (first || !server->options->audio_bus));
	}
}

void serve_show(struct server *server, struct guest *guest)
{
	char sentence[sizeof(server->missing)] = HOST_TEXT;

	if (guest == server->shown) {
		return;
	}
	part(server);
	server->shown = guest;
	server->switches++;
	log_info("display: %s is chosen", guest ? guest->name : "the host");
	if (guest) {
		snprintf(
			sentence, sizeof(sentence), "waiting for the device of %.90s", guest->name);
	}
	capture_detach(server->capture, sentence);
	memcpy(server->missing, sentence, sizeof(sentence));
	server->device[0] = '\0';
	serve_tell_status(server);
	serve_tell_switch(server);
	size_detached(server->size);
	serve_join_shown(server);
	if (guest) {
		server->source = guest->source;
		source_choose(guest->source);
	}
	serve_choose_resizer(server);
}

/* Off for sure: its monitor does not answer. Of those without one nobody knows. */
static bool is_off(const struct guest *guest)
{
	struct qmp *monitor = control_monitor(guest->control);

	return monitor && !qmp_is_connected(monitor);
}

/* In the order of the command line, round and round, past those that are off; there may be no other. */
static struct guest *next_guest(const struct server *server)
{
	size_t count = server->n_guests;
	size_t at = server->shown ? (size_t)(server->shown - server->guests) : count - 1;

	for (size_t i = 1; i <= count; i++) {
		struct guest *guest = &server->guests[(at + i) % count];

		if (!is_off(guest)) {
			return guest;
		}
	}
	return &server->guests[(at + 1) % count];
}

static int refuse_name(const struct server *server, const char *word, char *why, size_t why_size)
{
	GString *names = g_string_new(NULL);

	for (size_t i = 0; i < server->n_guests; i++) {
		g_string_append_printf(names, "%s, ", server->guests[i].name);
	}
	snprintf(why, why_size, "'%.*s' is no source of this bridge; there are %snext and host", 80,
		word, names->str);
	g_string_free(names, TRUE);
	return -EINVAL;
}

static struct guest *find_guest(const struct server *server, const char *name)
{
	for (size_t i = 0; i < server->n_guests; i++) {
		if (!strcmp(server->guests[i].name, name)) {
			return &server->guests[i];
		}
	}
	return NULL;
}

int serve_find(const struct server *server, const char *word, char *why, size_t why_size)
{
	if (!strcmp(word, "host") || !strcmp(word, "next") || find_guest(server, word)) {
		return 0;
	}
	return refuse_name(server, word, why, why_size);
}

void serve_switch(struct server *server, const char *word)
{
	serve_show(server,
		!strcmp(word, "host")           ? NULL
			: !strcmp(word, "next") ? next_guest(server)
						: find_guest(server, word));
}
