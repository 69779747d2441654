/* SPDX-License-Identifier: MIT */
/* Commands of the control socket that every bridge has. */
#include "bridge/command.h"

#include "bridge/desk.h"
#include "bridge/log.h"
#include "bridge/options_table.h"
#include "bridge/serve_impl.h"

void event_tell(struct server *server, const char *name, JsonObject *data)
{
	desk_tell(server->desk, name, data);
}

/* Takes over the object. */
static JsonNode *as_node(JsonObject *object)
{
	JsonNode *node = json_node_alloc();

	json_node_take_object(json_node_init(node, JSON_NODE_OBJECT), object);
	return node;
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
	request_answer(request, as_node(object));
}

/* events */

static void events(struct server *server, struct request *request, JsonObject *arguments)
{
	request_listen(request);
	request_answer(request, NULL);
}

/* log-level */

static void run_log_level(struct server *server, struct request *request, JsonObject *arguments)
{
	const char *word = json_object_get_string_member_with_default(arguments, "level", NULL);
	JsonObject *object;
	int level = 0;

	while (word && log_level_words[level] && g_strcmp0(log_level_words[level], word) != 0) {
		level++;
	}
	if (word && !log_level_words[level]) {
		request_refuse(request, "'%s' is not one of error, warning, info, debug", word);
		return;
	}
	if (word) {
		log_set_level((enum log_level)level);
	}
	object = json_object_new();
	json_object_set_string_member(object, "level", log_level_words[log_level()]);
	request_answer(request, as_node(object));
}

const struct command commands_basic[] = {
	{
		.name = "help",
		.help = "List all commands.",
		.run = help,
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
	{.name = NULL},
};

const struct command *const desk_tables[] = {
	commands_basic, commands_display, commands_switch, NULL};
