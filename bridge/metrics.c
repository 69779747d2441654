/* SPDX-License-Identifier: MIT */
#include "bridge/metrics.h"

#include <inttypes.h>
#include <string.h>

#include "bridge/counters.h"
#include "bridge/members.h"
#include "bridge/printable.h"

/* What is being written: a family of samples, which has its head before the first of them. */
struct family {
	GString *text;
	char name[128];
	const char *type, *help;
	bool begun;
};

static void add_escaped(GString *text, const char *value, bool quote)
{
	char *printable = printable_copy(value, true);

	for (const char *c = printable; *c; c++) {
		if (*c == '\n') {
			g_string_append(text, "\\n");
		} else if (*c == '\\' || (quote && *c == '"')) {
			g_string_append_printf(text, "\\%c", *c);
		} else {
			g_string_append_c(text, *c);
		}
	}
	g_free(printable);
}

static void begin(struct family *family)
{
	if (family->begun) {
		return;
	}
	family->begun = true;
	g_string_append_printf(family->text, "# HELP %s ", family->name);
	add_escaped(family->text, family->help, false);
	g_string_append_printf(family->text, "\n# TYPE %s %s\n", family->name, family->type);
}

/* NAME SUFFIX {name="...",LABEL="..."} and a blank; label NULL: none. */
static void add_head(struct family *family, const char *suffix, const char *bridge,
	const char *label, const char *value)
{
	begin(family);
	g_string_append_printf(family->text, "%s%s{name=\"", family->name, suffix);
	add_escaped(family->text, bridge, true);
	if (label) {
		g_string_append_printf(family->text, "\",%s=\"", label);
		add_escaped(family->text, value, true);
	}
	g_string_append(family->text, "\"} ");
}

static void add_number(struct family *family, const char *bridge, const char *label,
	const char *value, int64_t number)
{
	add_head(family, "", bridge, label, value);
	g_string_append_printf(family->text, "%" PRId64 "\n", number);
}

static void set_family(struct family *family, const char *type, const char *help,
	const char *format, ...) G_GNUC_PRINTF(4, 5);

static void set_family(
	struct family *family, const char *type, const char *help, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	g_vsnprintf(family->name, sizeof(family->name), format, arguments);
	va_end(arguments);
	family->type = type;
	family->help = help;
	family->begun = false;
}

static bool is_number(JsonNode *node)
{
	return JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_INT64;
}

/* All numbers of a group, each with its name as a label. */
static void add_by_name(
	struct family *family, const char *bridge, JsonObject *group, const char *label)
{
	JsonObjectIter iter;
	const char *name;
	JsonNode *value;

	json_object_iter_init_ordered(&iter, group);
	while (json_object_iter_next_ordered(&iter, &name, &value)) {
		if (is_number(value)) {
			add_number(family, bridge, label, name, json_node_get_int(value));
		}
	}
}

/* The same number of each channel. */
static void add_by_channel(
	struct family *family, const char *bridge, JsonObject *relays, const char *number)
{
	JsonObjectIter iter;
	const char *name;
	JsonNode *value;

	json_object_iter_init_ordered(&iter, relays);
	while (json_object_iter_next_ordered(&iter, &name, &value)) {
		JsonObject *relay = member_object(relays, name);

		if (relay && json_object_has_member(relay, number)) {
			add_number(family, bridge, "channel", name, member_int(relay, number, 0));
		}
	}
}

static JsonObject *group_of(const struct metrics_bridge *bridge, const char *group)
{
	JsonObject *all = bridge->status ? member_object(bridge->status, "counters") : NULL;

	return all ? member_object(all, group) : NULL;
}

static void add_counter(struct family *family, const struct counter *counter,
	const struct metrics_bridge *bridges, size_t count)
{
	bool level = counter->kind == COUNTER_LEVEL;
	bool said = g_str_has_suffix(counter->name, "_total");

	set_family(family, level ? "gauge" : "counter", counter->help, "vgpu_bridge_%s%s%s%s",
		counter->group, *counter->name ? "_" : "", counter->name,
		level || said ? "" : "_total");
	for (size_t i = 0; i < count; i++) {
		JsonObject *group = group_of(&bridges[i], counter->group);

		if (!group) {
			continue;
		}
		if (!strcmp(counter->group, "refused")) {
			add_by_name(family, bridges[i].name, group, "reason");
		} else if (!strcmp(counter->group, "relays")) {
			add_by_channel(family, bridges[i].name, group, counter->name);
		} else if (json_object_has_member(group, counter->name)) {
			add_number(family, bridges[i].name, NULL, NULL,
				member_int(group, counter->name, 0));
		}
	}
}

/* Seconds of a number of microseconds, without a locale's comma. */
static void add_seconds(GString *text, int64_t us)
{
	g_string_append_printf(text, "%" PRId64 ".%06d\n", us / 1000000, (int)(us % 1000000));
}

static void add_delay(struct family *family, const char *delay, const char *help,
	const struct metrics_bridge *bridges, size_t count)
{
	set_family(family, "summary", help, "vgpu_bridge_%s_seconds", delay);
	for (size_t i = 0; i < count; i++) {
		JsonObject *all =
			bridges[i].status ? member_object(bridges[i].status, "latency") : NULL;
		JsonObject *object = all ? member_object(all, delay) : NULL;

		if (!object) {
			continue;
		}
		add_head(family, "_sum", bridges[i].name, NULL, NULL);
		add_seconds(family->text, MAX(member_int(object, "sum_us", 0), 0));
		add_head(family, "_count", bridges[i].name, NULL, NULL);
		g_string_append_printf(
			family->text, "%" PRId64 "\n", member_int(object, "count", 0));
	}
}

static void add_states(struct family *family, const struct metrics_bridge *bridges, size_t count)
{
	static const char *const states[] = {
		"picture", "no-picture", "paused", "gone", "no-device", "unknown"};

	set_family(family, "gauge", "1 for what is shown", "vgpu_bridge_display_state");
	for (size_t i = 0; i < count; i++) {
		JsonObject *display =
			bridges[i].status ? member_object(bridges[i].status, "display") : NULL;
		const char *state = display ? member_string(display, "state") : NULL;

		for (size_t j = 0; state && j < G_N_ELEMENTS(states); j++) {
			add_number(family, bridges[i].name, "state", states[j],
				!strcmp(states[j], state));
		}
	}
}

static void add_viewers(struct family *family, const struct metrics_bridge *bridges, size_t count)
{
	set_family(family, "gauge", "viewers now", "vgpu_bridge_viewers");
	for (size_t i = 0; i < count; i++) {
		JsonNode *node = bridges[i].status
			? json_object_get_member(bridges[i].status, "viewers")
			: NULL;

		if (node && JSON_NODE_HOLDS_ARRAY(node)) {
			add_number(family, bridges[i].name, NULL, NULL,
				json_array_get_length(json_node_get_array(node)));
		}
	}
}

static void add_bridges(struct family *family, const struct metrics_bridge *bridges, size_t count)
{
	set_family(family, "gauge", "1 where the bridge answers", "vgpu_bridge_up");
	for (size_t i = 0; i < count; i++) {
		add_number(family, bridges[i].name, NULL, NULL, bridges[i].status != NULL);
	}
	set_family(family, "gauge", "1, with the program's version", "vgpu_bridge_info");
	for (size_t i = 0; i < count; i++) {
		const char *version =
			bridges[i].status ? member_string(bridges[i].status, "version") : NULL;

		if (version) {
			add_number(family, bridges[i].name, "version", version, 1);
		}
	}
	set_family(family, "gauge", "seconds that the bridge runs", "vgpu_bridge_uptime_seconds");
	for (size_t i = 0; i < count; i++) {
		if (bridges[i].status) {
			add_number(family, bridges[i].name, NULL, NULL,
				member_int(bridges[i].status, "seconds", 0));
		}
	}
}

/* A newer bridge counts what this program does not know. */
static void add_unknown(
	struct family *family, const struct metrics_bridge *bridge, const char *group_name)
{
	JsonObject *group = group_of(bridge, group_name);
	JsonObjectIter iter;
	const char *name;
	JsonNode *value;

	if (!group) {
		return;
	}
	json_object_iter_init_ordered(&iter, group);
	while (json_object_iter_next_ordered(&iter, &name, &value)) {
		if (is_number(value) && !counter_find(group_name, name)) {
			char *path = g_strdup_printf("%s.%s", group_name, name);

			add_number(family, bridge->name, "counter", path, json_node_get_int(value));
			g_free(path);
		}
	}
}

static void add_all_unknown(
	struct family *family, const struct metrics_bridge *bridges, size_t count)
{
	set_family(family, "untyped", "counters that this version has no words for",
		"vgpu_bridge_other");
	for (size_t i = 0; i < count; i++) {
		JsonObject *all =
			bridges[i].status ? member_object(bridges[i].status, "counters") : NULL;
		GList *groups = all ? json_object_get_members(all) : NULL;

		for (GList *group = groups; group; group = group->next) {
			if (g_strcmp0(group->data, "relays") != 0) {
				add_unknown(family, &bridges[i], group->data);
			}
		}
		g_list_free(groups);
	}
}

char *metrics_text(const struct metrics_bridge *bridges, size_t count)
{
	struct family family = {.text = g_string_new(NULL)};

	add_bridges(&family, bridges, count);
	add_states(&family, bridges, count);
	add_viewers(&family, bridges, count);
	add_delay(&family, "give",
		"from a look at the guest until its frame is with the viewers' servers", bridges,
		count);
	add_delay(&family, "send",
		"from a look at the guest until its frame is in a viewer's socket", bridges, count);
	add_delay(&family, "input", "from a viewer's input being sent to QEMU until QEMU answers",
		bridges, count);
	for (const struct counter *counter = counters; counter->group; counter++) {
		add_counter(&family, counter, bridges, count);
	}
	add_all_unknown(&family, bridges, count);
	return g_string_free(family.text, FALSE);
}
