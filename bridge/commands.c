/* SPDX-License-Identifier: MIT */
/* Commands of the control socket that every bridge has. */
#include "bridge/command.h"

#include <inttypes.h>
#include <string.h>

#include "bridge/access.h"
#include "bridge/capture.h"
#include "bridge/desk.h"
#include "bridge/log.h"
#include "bridge/options_table.h"
#include "bridge/report.h"
#include "bridge/serve_impl.h"
#include "bridge/viewers.h"
#include "spice/sink.h"

void event_tell(struct server *server, const char *name, JsonObject *data)
{
	desk_tell(server->desk, name, data);
}

/* help */

static JsonObject *describe_argument(const struct command_argument *argument)
{
	static const char *const types[] = {"string", "integer", "flag"};
	JsonObject *object = json_object_new();

	json_object_set_string_member(object, "name", argument->name);
	json_object_set_string_member(object, "type", types[argument->type]);
	json_object_set_boolean_member(object, "optional", argument->optional);
	json_object_set_string_member(object, "help", argument->help);
	return object;
}

static JsonObject *describe_command(const struct command *command)
{
	JsonObject *object = json_object_new();
	JsonArray *arguments = json_array_new();

	for (const struct command_argument *argument = command->arguments; argument->name;
		argument++) {
		json_array_add_object_element(arguments, describe_argument(argument));
	}
	json_object_set_string_member(object, "name", command->name);
	json_object_set_string_member(object, "help", command->help);
	json_object_set_array_member(object, "arguments", arguments);
	return object;
}

static void help(struct server *server, struct request *request, JsonObject *arguments)
{
	const struct command *const *tables = request_tables(request);
	JsonObject *object = json_object_new();
	JsonArray *commands = json_array_new();

	for (size_t i = 0; tables[i]; i++) {
		for (const struct command *command = tables[i]; command->name; command++) {
			json_array_add_object_element(commands, describe_command(command));
		}
	}
	json_object_set_int_member(object, "protocol", COMMAND_PROTOCOL);
	json_object_set_array_member(object, "commands", commands);
	request_answer(request, report_node(object));
}

/* events */

static void events(struct server *server, struct request *request, JsonObject *arguments)
{
	request_listen(request);
	request_answer(request, NULL);
}

/* log-level */

/* The place of a word in a list that NULL ends, or -1: then the request is refused. */
static int find(struct request *request, const char *const *words, const char *word)
{
	char *list;
	int i = 0;

	while (words[i] && strcmp(words[i], word) != 0) {
		i++;
	}
	if (words[i]) {
		return i;
	}
	list = g_strjoinv(", ", (char **)(uintptr_t)words);
	request_refuse(request, "'%s' is not one of %s", word, list);
	g_free(list);
	return -1;
}

static void run_log_level(struct server *server, struct request *request, JsonObject *arguments)
{
	const char *word = json_object_get_string_member_with_default(arguments, "level", NULL);
	JsonObject *object;
	int level;

	if (word) {
		level = find(request, log_level_words, word);
		if (level < 0) {
			return;
		}
		log_set_level((enum log_level)level);
	}
	object = json_object_new();
	json_object_set_string_member(object, "level", log_level_words[log_level()]);
	request_answer(request, report_node(object));
}

/* status */

static void status(struct server *server, struct request *request, JsonObject *arguments)
{
	request_answer(request, report_node(report_status(server)));
}

/* set-... */

static void tell_setting(struct server *server, const char *name, const char *value)
{
	JsonObject *data = json_object_new();

	log_info("control: %s is %s from now on", name, value);
	json_object_set_string_member(data, "setting", name);
	json_object_set_string_member(data, "value", value);
	event_tell(server, "setting-changed", data);
}

static void set_compression_now(
	struct server *server, struct request *request, JsonObject *arguments)
{
	const char *word = json_object_get_string_member(arguments, "method");
	int method = find(request, compression_words, word);

	if (method < 0) {
		return;
	}
	for (unsigned i = 0; i < viewers_seats(server->viewers); i++) {
		if (spice_sink_set_compression(
			    viewers_sink(server->viewers, i), (enum spice_compression)method) < 0) {
			request_refuse(request,
				"'%s': libspice-server was built without it; choose another", word);
			return;
		}
	}
	server->settings.compression = (enum spice_compression)method;
	tell_setting(server, "compression", word);
	request_answer(request, NULL);
}

static void set_max_fps_now(struct server *server, struct request *request, JsonObject *arguments)
{
	gint64 fps = json_object_get_int_member(arguments, "fps");
	char text[24];

	if (fps < 1 || fps > 240) {
		request_refuse(
			request, "'%" PRId64 "' is not a number from 1 to 240", (int64_t)fps);
		return;
	}
	capture_set_max_fps(server->capture, (unsigned)fps);
	server->settings.max_fps = (unsigned)fps;
	g_snprintf(text, sizeof(text), "%u", server->settings.max_fps);
	tell_setting(server, "max-fps", text);
	request_answer(request, NULL);
}

/* Which seats a new password is for: those of view-only addresses may have one of their own. */
static bool is_meant(const struct server *server, unsigned seat, bool view_only)
{
	return viewers_view_only(server->viewers, seat)
		? view_only || !server->settings.view_password
		: !view_only;
}

static void set_password_now(struct server *server, struct request *request, JsonObject *arguments)
{
	const char *password = json_object_get_string_member(arguments, "password");
	gint64 seconds = json_object_get_int_member_with_default(arguments, "seconds", 0);
	bool view_only = json_object_get_boolean_member_with_default(arguments, "view-only", FALSE);
	size_t length = strlen(password);
	unsigned changed = 0;
	JsonObject *data;

	if (server->options->access.sasl) {
		request_refuse(request,
			"viewers are asked by SASL (--sasl), which has passwords of "
			"its own; change them with saslpasswd2");
		return;
	}
	if (!length || length > SPICE_PASSWORD_MAX) {
		request_refuse(request,
			"the password has %zu bytes: SPICE allows 1 to %d, choose another", length,
			SPICE_PASSWORD_MAX);
		return;
	}
	if (seconds < 0 || seconds > INT32_MAX) {
		request_refuse(request,
			"'%" PRId64 "' is not a number of seconds from 1 to %d, or 0 for ever",
			(int64_t)seconds, INT32_MAX);
		return;
	}
	for (unsigned i = 0; i < viewers_seats(server->viewers); i++) {
		if (is_meant(server, i, view_only)) {
			spice_sink_set_password(
				viewers_sink(server->viewers, i), password, (unsigned)seconds);
			changed++;
		}
	}
	if (!changed) {
		request_refuse(request, "there are no view-only addresses; leave 'view-only' out");
		return;
	}
	server->settings.password |= !view_only;
	server->settings.view_password |= view_only;
	log_info("control: viewers who come from now on%s are asked for a new password",
		view_only ? " to view-only addresses" : "");
	data = json_object_new();
	json_object_set_boolean_member(data, "view_only", view_only);
	json_object_set_int_member(data, "seconds", seconds);
	event_tell(server, "password-changed", data);
	request_answer(request, NULL);
}

const struct command commands_basic[] = {
	{
		.name = "help",
		.help = "List all commands.",
		.run = help,
	},
	{
		.name = "status",
		.help = "Say what is shown, to whom, how fast, and count everything.",
		.run = status,
	},
	{
		.name = "events",
		.help = "From now on tell this connection what happens, a line each.",
		.run = events,
	},
	{
		.name = "log-level",
		.help = "Say how much is logged, or change it.",
		.arguments =
			{
				{
					.name = "level",
					.optional = true,
					.help = "error, warning, info or debug",
				},
			},
		.run = run_log_level,
	},
	{
		.name = "set-password",
		.help = "Ask viewers who come from now on for another password.",
		.arguments =
			{
				{
					.name = "password",
					.help = "1 to 60 bytes",
				},
				{
					.name = "seconds",
					.type = ARGUMENT_INTEGER,
					.optional = true,
					.help = "after so many nobody comes in by it; 0: never",
				},
				{
					.name = "view-only",
					.type = ARGUMENT_FLAG,
					.optional = true,
					.help = "at view-only addresses only",
				},
			},
		.run = set_password_now,
	},
	{
		.name = "set-compression",
		.help = "Compress pictures otherwise for viewers who come from now on.",
		.arguments =
			{
				{
					.name = "method",
					.help = "auto, off, lz4, quic, glz, auto-lz or auto-glz",
				},
			},
		.run = set_compression_now,
	},
	{
		.name = "set-max-fps",
		.help = "Send so many frames a second at most.",
		.arguments =
			{
				{
					.name = "fps",
					.type = ARGUMENT_INTEGER,
					.help = "1 to 240",
				},
			},
		.run = set_max_fps_now,
	},
	{.name = NULL},
};

const struct command *const desk_tables[] = {
	commands_basic, commands_display, commands_switch, NULL};
