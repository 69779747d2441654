/* SPDX-License-Identifier: MIT */
/* The verb status: what a running bridge says of itself, for people. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bridge/counters.h"
#include "bridge/line.h"
#include "bridge/members.h"
#include "bridge/operate.h"
#include "bridge/options.h"
#include "bridge/tools.h"
#include "bridge/verbs.h"

static void print_label(const char *label)
{
	printf("  %-12s", label);
}

static void print_line(const char *label, const char *text)
{
	if (text && *text) {
		print_label(label);
		operate_print(text);
		putchar('\n');
	}
}

/* "3 d 4 h", "12 min", "8 s" */
static void print_span(int64_t seconds)
{
	if (seconds >= 86400) {
		printf("%" PRId64 " d %" PRId64 " h", seconds / 86400, seconds % 86400 / 3600);
	} else if (seconds >= 3600) {
		printf("%" PRId64 " h %" PRId64 " min", seconds / 3600, seconds % 3600 / 60);
	} else if (seconds >= 60) {
		printf("%" PRId64 " min", seconds / 60);
	} else {
		printf("%" PRId64 " s", seconds);
	}
}

static void print_running(JsonObject *status)
{
	print_label("running");
	printf("for ");
	print_span(member_int(status, "seconds", 0));
	printf(", since ");
	operate_print(member_string(status, "since"));
	printf(" (process %" PRId64 ", version ", member_int(status, "pid", 0));
	operate_print(member_string(status, "version"));
	printf(")\n");
}

static void print_source(JsonObject *status)
{
	JsonObject *source = member_object(status, "source");

	if (!source) {
		return;
	}
	print_label("source");
	operate_print(member_string(source, "kind"));
	if (member_string(source, "vm")) {
		putchar(' ');
		operate_print(member_string(source, "vm"));
	}
	printf(": ");
	if (member_bool(source, "device", false)) {
		operate_print(member_string(source, "name"));
	} else {
		printf("no device: ");
		operate_print(member_string(source, "missing"));
	}
	putchar('\n');
}

static JsonArray *member_array(JsonObject *object, const char *name)
{
	JsonNode *node = json_object_get_member(object, name);

	return node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
}

static JsonObject *element(JsonArray *array, guint i)
{
	JsonNode *node = json_array_get_element(array, i);

	return JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

/* Where there are several: "win10 (shown), linux". */
static void print_sources(JsonObject *status)
{
	JsonArray *sources = member_array(status, "sources");
	guint count = sources ? json_array_get_length(sources) : 0;

	if (count < 2) {
		return;
	}
	print_label("sources");
	for (guint i = 0; i < count; i++) {
		JsonObject *source = element(sources, i);

		if (source) {
			printf("%s", i ? ", " : "");
			operate_print(member_string(source, "name"));
			printf("%s", member_bool(source, "shown", false) ? " (shown)" : "");
		}
	}
	if (!g_strcmp0(member_string(status, "shown"), "host")) {
		printf("; the host is shown");
	}
	putchar('\n');
}

static void print_display(JsonObject *status)
{
	JsonObject *display = member_object(status, "display");
	const char *state = display ? member_string(display, "state") : NULL;

	if (!state) {
		return;
	}
	print_label("display");
	operate_print(state);
	printf(": ");
	operate_print(member_string(display, "text"));
	printf("%s\n",
		member_bool(display, "watched", true) ? "" : " (as of the last viewer's time)");
}

static void print_monitor(JsonObject *status)
{
	JsonObject *monitor = member_object(status, "monitor");
	const char *mode = monitor ? member_string(monitor, "mode") : NULL;

	if (!mode) {
		return;
	}
	print_label("monitor");
	if (!member_bool(monitor, "takes_edid", false)) {
		printf("the guest's own, for no device is there that takes an EDID; ");
	}
	printf("%s", member_bool(monitor, "plugged", true) ? "plugged" : "unplugged");
	if (member_int(monitor, "width", 0)) {
		printf(", %" PRId64 "x%" PRId64, member_int(monitor, "width", 0),
			member_int(monitor, "height", 0));
	}
	if (member_string(monitor, "name")) {
		printf(" (");
		operate_print(member_string(monitor, "name"));
		putchar(')');
	}
	printf(", ");
	operate_print(mode);
	putchar('\n');
}

static void print_addresses(JsonObject *status)
{
	JsonArray *addresses = member_array(status, "addresses");

	for (guint i = 0; addresses && i < json_array_get_length(addresses); i++) {
		JsonNode *node = json_array_get_element(addresses, i);

		print_line(i ? "" : "addresses",
			JSON_NODE_HOLDS_VALUE(node) ? json_node_get_string(node) : NULL);
	}
}

static void print_viewers(JsonObject *status)
{
	JsonArray *viewers = member_array(status, "viewers");
	guint count = viewers ? json_array_get_length(viewers) : 0;

	print_label("viewers");
	printf("%u\n", count);
	for (guint i = 0; i < count; i++) {
		JsonObject *viewer = element(viewers, i);

		if (!viewer) {
			continue;
		}
		print_label("");
		printf("seat %" PRId64 ": ", member_int(viewer, "seat", 0));
		operate_print(member_string(viewer, "peer"));
		printf(" at ");
		operate_print(member_string(viewer, "address"));
		printf(", for ");
		print_span(member_int(viewer, "seconds", 0));
		printf("%s%s\n", member_bool(viewer, "tls", false) ? ", TLS" : "",
			member_bool(viewer, "view_only", false) ? ", view only" : "");
	}
}

/* False: nothing was measured. */
static bool print_delay(JsonObject *latency, const char *name, const char *before)
{
	JsonObject *delay = member_object(latency, name);

	if (!delay || member_int(delay, "count", 0) == 0 ||
		member_int(delay, "recent_us", 0) == 0) {
		return false;
	}
	printf("%s%.1f ms ", before, (double)member_int(delay, "recent_us", 0) / 1000);
	return true;
}

static void print_rates(JsonObject *status)
{
	JsonObject *rates = member_object(status, "rates");
	JsonObject *latency = member_object(status, "latency");
	const char *before = "";

	if (rates) {
		print_label("rate");
		printf("%" PRId64 " frames and %" PRId64 " looks a second\n",
			member_int(rates, "frames", 0), member_int(rates, "looks", 0));
	}
	if (!latency) {
		return;
	}
	print_label("latency");
	if (print_delay(latency, "give", before)) {
		printf("from a look to its frame");
		before = ", ";
	}
	if (print_delay(latency, "send", before)) {
		printf("from a look to the viewer's socket");
		before = ", ";
	}
	if (print_delay(latency, "input", before)) {
		printf("until QEMU has answered input");
		before = ", ";
	}
	printf("%s\n", *before ? "" : "nothing measured");
}

static void print_settings(JsonObject *status)
{
	JsonObject *settings = member_object(status, "settings");

	if (!settings) {
		return;
	}
	print_label("settings");
	printf("compression ");
	operate_print(member_string(settings, "compression"));
	printf(", max-fps %" PRId64 ", log-level ", member_int(settings, "max_fps", 0));
	operate_print(member_string(settings, "log_level"));
	printf(", access ");
	operate_print(member_string(settings, "access"));
	putchar('\n');
}

static const char *meaning(const char *path)
{
	char **parts = g_strsplit(path, ".", 2);
	const struct counter *counter =
		parts[0] && parts[1] ? counter_find(parts[0], parts[1]) : NULL;

	g_strfreev(parts);
	return counter ? counter->help : "";
}

/* Those that are not zero. */
static void print_drops(JsonObject *status)
{
	JsonObject *drops = member_object(status, "drops");
	const char *name, *label = "dropped";
	JsonObjectIter iter;
	JsonNode *value;

	if (!drops) {
		return;
	}
	json_object_iter_init_ordered(&iter, drops);
	while (json_object_iter_next_ordered(&iter, &name, &value)) {
		int64_t number = member_int(drops, name, 0);

		if (number) {
			print_label(label);
			printf("%" PRId64 " ", number);
			operate_print(name);
			printf(" (%s)\n", meaning(name));
			label = "";
		}
	}
	if (*label) {
		print_line(label, "nothing");
	}
}

static void print_status(const char *name, JsonObject *status)
{
	const char *machine = member_string(status, "machine");

	operate_print(name);
	if (machine && *machine && strcmp(machine, name) != 0) {
		printf(": ");
		operate_print(machine);
	}
	putchar('\n');
	print_running(status);
	print_source(status);
	print_sources(status);
	print_display(status);
	print_monitor(status);
	print_line("renderer", member_string(status, "renderer"));
	print_addresses(status);
	print_viewers(status);
	print_rates(status);
	print_settings(status);
	print_drops(status);
}

int status_tool(const struct tool_call *call)
{
	char name[256] = "";
	JsonNode *answer = operate_ask(call, "status", NULL, NULL, name, sizeof(name));
	char *text;

	if (!answer) {
		return EXIT_FAILED;
	}
	if (tool_has(call, "json")) {
		text = line_text(answer);
		printf("%s\n", text);
		g_free(text);
	} else if (JSON_NODE_HOLDS_OBJECT(answer)) {
		print_status(name, json_node_get_object(answer));
	}
	json_node_unref(answer);
	return EXIT_OK;
}
