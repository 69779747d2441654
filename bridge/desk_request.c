/* SPDX-License-Identifier: MIT */
/* Requests of the control socket: checked against the commands' tables, run, answered. */
#include <stdarg.h>
#include <string.h>

#include "bridge/desk_impl.h"
#include "bridge/log.h"

static const struct line_limits limits = {.depth = DESK_DEPTH, .parts = DESK_PARTS};

static void wipe(const char *text)
{
	if (text) {
		explicit_bzero((char *)(uintptr_t)text, strlen(text));
	}
}

/* Ends the request. member: "return" or "error"; takes over value. */
static void answer(struct request *request, const char *member, JsonNode *value, int fd)
{
	struct client *client = request->client;
	JsonObject *object;
	JsonNode *node;

	if (!client) {
		json_node_unref(value);
		if (request->id) {
			json_node_unref(request->id);
		}
		g_free(request);
		return;
	}
	object = json_object_new();
	node = json_node_init_object(json_node_alloc(), object);
	if (request->id) {
		json_object_set_member(object, "id", request->id);
	}
	json_object_set_member(object, member, value);
	client->request = NULL;
	g_free(request);
	client_say(client, line_text(node), fd);
	json_node_unref(node);
	json_object_unref(object);
	client_go_on(client);
}

void request_answer_fd(struct request *request, JsonNode *value, int fd)
{
	if (!value) {
		value = json_node_alloc();
		json_node_take_object(json_node_init(value, JSON_NODE_OBJECT), json_object_new());
	}
	answer(request, "return", value, fd);
}

void request_answer(struct request *request, JsonNode *value)
{
	request_answer_fd(request, value, -1);
}

void request_refuse(struct request *request, const char *format, ...)
{
	JsonNode *node = json_node_alloc();
	JsonObject *object = json_object_new();
	va_list arguments;
	char *text, *valid;

	va_start(arguments, format);
	text = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	/* It may quote what came from elsewhere. */
	valid = g_utf8_make_valid(text, -1);
	json_object_set_string_member(object, "text", valid);
	json_node_take_object(json_node_init(node, JSON_NODE_OBJECT), object);
	g_free(valid);
	g_free(text);
	if (request->client) {
		request->client->desk->counters.refused++;
	}
	answer(request, "error", node, -1);
}

void request_orphan(struct request *request)
{
	request->client = NULL;
}

void request_listen(struct request *request)
{
	if (request->client) {
		request->client->listens = true;
	}
}

const struct command *const *request_tables(const struct request *request)
{
	static const struct command *const none[] = {NULL};

	return request->client ? request->client->desk->tables : none;
}

static const struct command *find_command(const struct desk *desk, const char *name)
{
	for (size_t i = 0; desk->tables[i]; i++) {
		for (const struct command *command = desk->tables[i]; command->name; command++) {
			if (!strcmp(command->name, name)) {
				return command;
			}
		}
	}
	return NULL;
}

static const char *type_name(int type)
{
	static const char *const names[] = {"string", "integer", "flag"};

	return names[type];
}

static bool fits(JsonNode *value, int type)
{
	static const GType types[] = {G_TYPE_STRING, G_TYPE_INT64, G_TYPE_BOOLEAN};

	return JSON_NODE_HOLDS_VALUE(value) && json_node_get_value_type(value) == types[type];
}

static const struct command_argument *find_argument(const struct command *command, const char *name)
{
	const struct command_argument *argument = command->arguments;

	while (argument->name && strcmp(argument->name, name) != 0) {
		argument++;
	}
	return argument->name ? argument : NULL;
}

/* Whether these are what the table says. Where not, what is to be said, for g_free(). */
static char *check_arguments(const struct command *command, JsonObject *arguments)
{
	const struct command_argument *argument;
	JsonObjectIter iter;
	const char *name;
	JsonNode *value;

	json_object_iter_init(&iter, arguments);
	while (json_object_iter_next(&iter, &name, &value)) {
		argument = find_argument(command, name);
		if (!argument) {
			return g_strdup_printf(
				"%s: there is no argument '%s'; 'help' lists them all",
				command->name, name);
		}
		if (!fits(value, argument->type)) {
			return g_strdup_printf("%s: the argument '%s' is no %s; write one",
				command->name, name, type_name(argument->type));
		}
	}
	for (argument = command->arguments; argument->name; argument++) {
		if (!argument->optional && !json_object_has_member(arguments, argument->name)) {
			return g_strdup_printf("%s: the argument '%s' (a %s) is missing; give it",
				command->name, argument->name, type_name(argument->type));
		}
	}
	return NULL;
}

static bool is_scalar(JsonNode *node)
{
	return JSON_NODE_HOLDS_VALUE(node) &&
		(json_node_get_value_type(node) == G_TYPE_STRING ||
			json_node_get_value_type(node) == G_TYPE_INT64);
}

/* What an object of a request may hold, and of which kind. NULL: it is so. */
static const char *check_members(JsonObject *object)
{
	JsonObjectIter iter;
	const char *name;
	JsonNode *value;

	json_object_iter_init(&iter, object);
	while (json_object_iter_next(&iter, &name, &value)) {
		if (!strcmp(name, "id")) {
			if (!is_scalar(value)) {
				return "'id' is neither a string nor an integer";
			}
		} else if (!strcmp(name, "command")) {
			if (!fits(value, ARGUMENT_STRING)) {
				return "'command' is no string";
			}
		} else if (!strcmp(name, "arguments")) {
			if (!JSON_NODE_HOLDS_OBJECT(value)) {
				return "'arguments' is no object";
			}
		} else {
			return "a request has 'id', 'command' and 'arguments', and no more";
		}
	}
	return json_object_has_member(object, "command")
		? NULL
		: "'command' is missing; {\"command\":\"help\"} lists all commands";
}

static void run(struct request *request, JsonObject *object)
{
	struct desk *desk = request->client->desk;
	const char *name = json_object_get_string_member(object, "command");
	const struct command *command = find_command(desk, name);
	JsonObject *arguments = json_object_has_member(object, "arguments")
		? json_object_ref(json_object_get_object_member(object, "arguments"))
		: json_object_new();
	char *wrong = NULL;

	if (!command) {
		request_refuse(request, "there is no command '%s'; 'help' lists them all", name);
	} else if ((wrong = check_arguments(command, arguments)) != NULL) {
		request_refuse(request, "%s", wrong);
		g_free(wrong);
	} else {
		command->run(desk->server, request, arguments);
	}
	json_object_unref(arguments);
}

/* A string among the arguments may be a password, and is no more of use. */
static void wipe_arguments(JsonObject *object)
{
	JsonNode *arguments = json_object_get_member(object, "arguments");
	JsonObjectIter iter;
	JsonNode *value;

	if (!arguments || !JSON_NODE_HOLDS_OBJECT(arguments)) {
		return;
	}
	json_object_iter_init(&iter, json_node_get_object(arguments));
	while (json_object_iter_next(&iter, NULL, &value)) {
		if (fits(value, ARGUMENT_STRING)) {
			wipe(json_node_get_string(value));
		}
	}
}

static bool is_blank(const char *line, size_t size)
{
	while (size && strchr(" \t\r", line[size - 1]) && line[size - 1]) {
		size--;
	}
	return size == 0;
}

void request_take(struct client *client, const char *line, size_t size)
{
	struct request *request;
	const char *wrong = NULL;
	JsonObject *object;
	JsonNode *node;

	if (is_blank(line, size)) {
		return;
	}
	node = line_parse(line, size, &limits, &wrong);
	object = node ? json_node_get_object(node) : NULL;
	if (object) {
		wrong = check_members(object);
	}
	request = g_new0(struct request, 1);
	request->client = client;
	client->request = request;
	if (object && json_object_has_member(object, "id") &&
		is_scalar(json_object_get_member(object, "id"))) {
		request->id = json_object_dup_member(object, "id");
	}
	if (wrong) {
		client->desk->counters.garbage++;
		request_refuse(request, "%s", wrong);
	} else {
		client->desk->counters.requests++;
		run(request, object);
	}
	if (object) {
		wipe_arguments(object);
	}
	if (node) {
		json_node_unref(node);
	}
}
