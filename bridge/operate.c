/* SPDX-License-Identifier: MIT */
/* The verbs for a bridge that runs: what they share, and log-level. */
#include "bridge/operate.h"

#include <stdio.h>

#include "bridge/ask.h"
#include "bridge/log.h"
#include "bridge/members.h"
#include "bridge/options.h"
#include "bridge/printable.h"
#include "bridge/tools.h"
#include "bridge/verbs.h"

JsonNode *operate_ask(const struct tool_call *call, const char *command, JsonObject *arguments,
	int *fd, char *name, size_t name_size)
{
	char why[1024];
	struct asked *asked = ask_open(tool_value(call, "on"), why, sizeof(why));
	JsonNode *answer = NULL;

	if (asked) {
		if (name) {
			snprintf(name, name_size, "%s", ask_name(asked));
		}
		answer = ask(asked, command, arguments, fd, why, sizeof(why));
	} else if (arguments) {
		json_object_unref(arguments);
	}
	if (!answer) {
		log_error("%s", why);
	}
	ask_close(asked);
	return answer;
}

int operate_tell(const struct tool_call *call, const char *command, JsonObject *arguments)
{
	JsonNode *answer = operate_ask(call, command, arguments, NULL, NULL, 0);

	if (!answer) {
		return EXIT_FAILED;
	}
	json_node_unref(answer);
	return EXIT_OK;
}

void operate_print(const char *text)
{
	char *printable = printable_copy(text, false);

	fputs(printable, stdout);
	g_free(printable);
}

int log_level_tool(const struct tool_call *call)
{
	JsonObject *arguments = json_object_new();
	JsonNode *answer;
	const char *level;

	if (call->n_arguments) {
		json_object_set_string_member(arguments, "level", call->arguments[0]);
	}
	answer = operate_ask(call, "log-level", arguments, NULL, NULL, 0);
	if (!answer) {
		return EXIT_FAILED;
	}
	level = JSON_NODE_HOLDS_OBJECT(answer)
		? member_string(json_node_get_object(answer), "level")
		: NULL;
	if (!call->n_arguments && level) {
		operate_print(level);
		putchar('\n');
	}
	json_node_unref(answer);
	return EXIT_OK;
}
