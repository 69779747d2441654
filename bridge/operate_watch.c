/* SPDX-License-Identifier: MIT */
/* The verbs events and metrics. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bridge/ask.h"
#include "bridge/line.h"
#include "bridge/log.h"
#include "bridge/members.h"
#include "bridge/metrics.h"
#include "bridge/operate.h"
#include "bridge/options.h"
#include "bridge/printable.h"
#include "bridge/tools.h"
#include "bridge/verbs.h"

/* events */

/* "2026-01-31T17:00:00.123Z viewer-came seat=0 peer=..." */
static void print_event(JsonObject *event)
{
	JsonObject *data = member_object(event, "data");
	GString *line = g_string_new(NULL);
	JsonObjectIter iter;
	const char *name;
	JsonNode *value;

	g_string_append_printf(line, "%s %s",
		member_string(event, "time") ? member_string(event, "time") : "-",
		member_string(event, "event") ? member_string(event, "event") : "-");
	if (data) {
		json_object_iter_init_ordered(&iter, data);
		while (json_object_iter_next_ordered(&iter, &name, &value)) {
			char *text = line_text(value);

			g_string_append_printf(line, " %s=%s", name, text);
			g_free(text);
		}
	}
	printable_make(line->str);
	printf("%s\n", line->str);
	g_string_free(line, TRUE);
}

static void print_json(JsonNode *node)
{
	char *text = line_text(node);

	printf("%s\n", text);
	g_free(text);
}

/* Until the bridge ends, or whoever reads us. */
static int follow_events(
	const struct tool_call *call, struct asked *asked, char *why, size_t why_size)
{
	bool ending = false;
	JsonNode *event;

	while ((event = ask_event(asked, why, why_size)) != NULL) {
		JsonObject *object = json_node_get_object(event);

		ending = !g_strcmp0(member_string(object, "event"), "ending");
		if (tool_has(call, "json")) {
			print_json(event);
		} else {
			print_event(object);
		}
		json_node_unref(event);
		if (fflush(stdout) != 0) {
			return EXIT_OK;
		}
	}
	if (!ending) {
		log_error("%s", why);
	}
	return ending ? EXIT_OK : EXIT_FAILED;
}

int events_tool(const struct tool_call *call)
{
	char why[1024];
	struct asked *asked = ask_open(tool_value(call, "on"), why, sizeof(why));
	JsonNode *answer = asked ? ask(asked, "events", NULL, NULL, why, sizeof(why)) : NULL;
	int code = EXIT_FAILED;

	if (answer) {
		json_node_unref(answer);
		code = follow_events(call, asked, why, sizeof(why));
	} else {
		log_error("%s", why);
	}
	ask_close(asked);
	return code;
}

/* metrics */

struct collected {
	char *name;
	JsonNode *answer; /* NULL: does not answer */
};

static void collect(struct collected *collected, const char *on)
{
	char why[1024];
	struct asked *asked = ask_open(on, why, sizeof(why));

	if (asked) {
		collected->name = g_strdup(ask_name(asked));
		collected->answer = ask(asked, "status", NULL, NULL, why, sizeof(why));
	} else {
		collected->name = ask_name_of(on);
	}
	if (!collected->answer) {
		log_warning("%s", why);
	}
	ask_close(asked);
}

static void print_metrics(const struct collected *collected, size_t count)
{
	struct metrics_bridge *bridges = g_new0(struct metrics_bridge, count);
	char *text;

	for (size_t i = 0; i < count; i++) {
		bridges[i].name = collected[i].name;
		if (collected[i].answer && JSON_NODE_HOLDS_OBJECT(collected[i].answer)) {
			bridges[i].status = json_node_get_object(collected[i].answer);
		}
	}
	text = metrics_text(bridges, count);
	fputs(text, stdout);
	g_free(text);
	g_free(bridges);
}

int metrics_tool(const struct tool_call *call)
{
	const char *on = tool_value(call, "on");
	char *only[] = {(char *)(uintptr_t)on, NULL};
	char **paths = on ? g_strdupv(only) : ask_all();
	guint count = g_strv_length(paths);
	struct collected *collected = g_new0(struct collected, count + 1);
	unsigned answers = 0;

	for (guint i = 0; i < count; i++) {
		collect(&collected[i], paths[i]);
		answers += collected[i].answer != NULL;
	}
	if (count == 0) {
		log_error("no bridge runs; start one with vgpu-bridge serve");
	} else if (answers || !on) {
		print_metrics(collected, count);
	}
	for (guint i = 0; i < count; i++) {
		g_free(collected[i].name);
		if (collected[i].answer) {
			json_node_unref(collected[i].answer);
		}
	}
	g_free(collected);
	g_strfreev(paths);
	return answers ? EXIT_OK : EXIT_FAILED;
}
