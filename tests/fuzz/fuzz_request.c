/* SPDX-License-Identifier: MIT */
/* Hostile lines at the control socket: each has one answer, which is JSON, and nothing else happens. */
#include <json-glib/json-glib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/desk_impl.h"

#define MUST(condition)                                                         \
	do {                                                                    \
		if (!(condition)) {                                             \
			fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
			abort();                                                \
		}                                                               \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct line_limits answer_limits = {.depth = DESK_DEPTH + 2, .parts = DESK_PARTS + 8};

static unsigned answers;

void client_say(struct client *client, char *text, int fd)
{
	const char *why;
	JsonNode *node = line_parse(text, strlen(text), &answer_limits, &why);

	MUST(node && !strchr(text, '\n') && fd < 0);
	MUST(json_object_has_member(json_node_get_object(node), "return") !=
		json_object_has_member(json_node_get_object(node), "error"));
	answers++;
	json_node_unref(node);
	g_free(text);
}

void client_go_on(struct client *client)
{
}

static void run_echo(struct server *server, struct request *request, JsonObject *arguments)
{
	JsonNode *node = json_node_alloc();

	MUST(json_object_get_string_member(arguments, "text"));
	json_node_take_object(json_node_init(node, JSON_NODE_OBJECT), json_object_ref(arguments));
	request_answer(request, node);
}

static const struct command commands[] = {
	{
		.name = "echo",
		.help = "Says it again.",
		.arguments =
			{
				{.name = "text", .help = "what to say"},
				{.name = "number", .type = ARGUMENT_INTEGER, .optional = true},
				{.name = "flag", .type = ARGUMENT_FLAG, .optional = true},
			},
		.run = run_echo,
	},
	{.name = NULL},
};

static const struct command *const tables[] = {commands, NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct desk desk = {.tables = tables};
	struct client client = {.desk = &desk};
	bool blank = true;

	/* A line, and no longer than one can be. */
	if (size > DESK_LINE_MAX || (size && memchr(data, '\n', size))) {
		return 0;
	}
	for (size_t i = 0; i < size; i++) {
		blank &= data[i] == ' ' || data[i] == '\t' || data[i] == '\r';
	}
	answers = 0;
	request_take(&client, (const char *)data, size);
	MUST(answers == !blank);
	MUST(!client.request);
	MUST(desk.counters.requests + desk.counters.garbage == answers);
	return 0;
}
