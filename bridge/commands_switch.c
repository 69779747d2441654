/* SPDX-License-Identifier: MIT */
/* The command of the control socket that shows another source. */
#include "bridge/command.h"

#include <errno.h>

#include "bridge/control.h"
#include "bridge/desk.h"
#include "bridge/qmp.h"
#include "bridge/report.h"
#include "bridge/serve_impl.h"

/* A device is opened in milliseconds. After this the answer says that none has come. */
#define PATIENCE_MS 5000

static const char *shown_name(const struct server *server)
{
	return server->shown ? server->shown->name : "host";
}

/* The answer to who is kept waiting. refused: NULL, or a line. */
static void conclude(struct server *server, const char *refused)
{
	struct request *request = server->switching;
	JsonObject *object;

	server->switching = NULL;
	g_clear_handle_id(&server->switch_timer, g_source_remove);
	if (!request) {
		return;
	}
	if (refused) {
		request_refuse(request, "%s", refused);
		return;
	}
	object = json_object_new();
	report_set_text(object, "shown", shown_name(server));
	if (server->shown) {
		json_object_set_boolean_member(object, "present", server->shown->present);
	}
	if (server->shown && !server->shown->present) {
		report_set_text(object, "missing", server->missing);
	}
	request_answer(request, report_node(object));
}

void serve_tell_switch(struct server *server)
{
	JsonObject *object = json_object_new();

	report_set_text(object, "shown", shown_name(server));
	event_tell(server, "switch", object);
}

void serve_conclude_switch(struct server *server)
{
	conclude(server, NULL);
}

/* Whoever is answered may have sent the next switch already, which begins before this returns. */
static void conclude_all(struct server *server, const char *refused)
{
	while (server->switching) {
		conclude(server, refused);
	}
}

void serve_abandon_switch(struct server *server)
{
	conclude_all(server, "the bridge ends");
}

static gboolean on_patience(gpointer data)
{
	struct server *server = data;

	server->switch_timer = 0;
	conclude(server, NULL);
	return G_SOURCE_REMOVE;
}

static void run_switch(struct server *server, struct request *request, JsonObject *arguments)
{
	const char *to = json_object_get_string_member(arguments, "to");
	const struct guest *before;
	char why[2048];

	if (server->n_guests == 1) {
		request_refuse(request,
			"this bridge has one source, %s; start it with --also for others",
			server->guests[0].name);
		return;
	}
	if (serve_find(server, to, why, sizeof(why)) < 0) {
		request_refuse(request, "%s", why);
		return;
	}
	conclude_all(server, "another switch came before this one's device");
	before = server->shown;
	server->switching = request;
	serve_switch(server, to);
	if (server->switching &&
		(server->shown == before || !server->shown || server->shown->present)) {
		conclude(server, NULL);
	} else if (server->switching && !server->switch_timer) {
		server->switch_timer = g_timeout_add(PATIENCE_MS, on_patience, server);
	}
}

void serve_add_sources(const struct server *server, JsonObject *object)
{
	JsonArray *sources = json_array_new();

	for (size_t i = 0; i < server->n_guests; i++) {
		const struct guest *guest = &server->guests[i];
		const struct qmp *monitor = guest->control ? control_monitor(guest->control) : NULL;
		JsonObject *source = json_object_new();

		report_set_text(source, "name", guest->name);
		json_object_set_boolean_member(source, "shown", guest == server->shown);
		if (guest == server->shown) {
			json_object_set_boolean_member(source, "present", guest->present);
		}
		if (monitor) {
			json_object_set_boolean_member(
				source, "monitor", qmp_is_connected(monitor));
		}
		json_array_add_object_element(sources, source);
	}
	report_set_text(object, "shown", shown_name(server));
	json_object_set_int_member(object, "switches", (gint64)server->switches);
	json_object_set_array_member(object, "sources", sources);
}

static void run_sources(struct server *server, struct request *request, JsonObject *arguments)
{
	JsonObject *object = json_object_new();

	serve_add_sources(server, object);
	request_answer(request, report_node(object));
}

const struct command commands_switch[] = {
	{
		.name = "display-switch",
		.help = "Show another source; answers when its device has come, or is known not to.",
		.arguments =
			{
				{
					.name = "to",
					.help = "the name of a source, next, or host",
				},
			},
		.run = run_switch,
	},
	{
		.name = "sources",
		.help = "List the sources, and say which is shown.",
		.run = run_sources,
	},
	{.name = NULL},
};
