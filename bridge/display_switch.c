/* SPDX-License-Identifier: MIT */
/* vgpu-bridge display switch. */
#include <stdio.h>

#include "bridge/log.h"
#include "bridge/members.h"
#include "bridge/operate.h"
#include "bridge/options.h"
#include "bridge/tools.h"
#include "bridge/verbs.h"

static void print_answer(JsonObject *object)
{
	const char *shown = member_string(object, "shown");
	const char *missing = member_string(object, "missing");

	operate_print(shown ? shown : "the source");
	printf(" is shown%s", missing ? ": " : "");
	operate_print(missing);
	putchar('\n');
}

int display_switch(const struct tool_call *call)
{
	JsonObject *arguments;
	JsonNode *answer;

	if (call->n_arguments != 2) {
		log_error("display switch: name what is to be shown: a source, next, or host");
		return EXIT_USAGE;
	}
	arguments = json_object_new();
	json_object_set_string_member(arguments, "to", call->arguments[1]);
	answer = operate_ask(call, "display-switch", arguments, NULL, NULL, 0);
	if (!answer) {
		return EXIT_FAILED;
	}
	if (JSON_NODE_HOLDS_OBJECT(answer)) {
		print_answer(json_node_get_object(answer));
	}
	json_node_unref(answer);
	return EXIT_OK;
}
