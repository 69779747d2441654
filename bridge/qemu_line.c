/* SPDX-License-Identifier: MIT */
#include "bridge/qemu_line.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "bridge/line.h"

#define DEFAULT_MEMORY (128ull << 20)

/* Any user may start a process of QEMU's name, with any argument. */
static const struct line_limits limits = {.depth = 32, .parts = 1 << 12};

/* The key of what stands first without one. */
static const char *implied_key(const char *option)
{
	static const char *const table[][2] = {
		{"device", "driver"},
		{"machine", "type"},
		{"name", "guest"},
		{"m", "size"},
		{"display", "type"},
		{"cpu", "model"},
		{"object", "qom-type"},
		{"accel", "accel"},
		{"audiodev", "driver"},
		{"vga", "type"},
		{"usbdevice", "type"},
		{"vnc", "vnc"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
		if (strcmp(option, table[i][0]) == 0) {
			return table[i][1];
		}
	}
	return NULL;
}

/* "a=b,c,d=e,,f": a comma in a value is written twice. */
static void parse_values(GHashTable *values, const char *text, const char *implied)
{
	bool first = true;

	while (*text) {
		g_autoptr(GString) word = g_string_new(NULL);
		const char *equals;

		while (*text && (*text != ',' || text[1] == ',')) {
			g_string_append_c(word, *text);
			text += *text == ',' ? 2 : 1;
		}
		text += *text == ',';
		equals = strchr(word->str, '=');
		if (equals) {
			g_hash_table_insert(values,
				g_strndup(word->str, (gsize)(equals - word->str)),
				g_strdup(equals + 1));
		} else if (first && implied) {
			g_hash_table_insert(values, g_strdup(implied), g_strdup(word->str));
		} else if (word->len > 0) {
			g_hash_table_insert(values, g_strdup(word->str), g_strdup("on"));
		}
		first = false;
	}
}

/* libvirt writes -device and -object so. Members that hold objects are of no use to us. */
static bool parse_json(GHashTable *values, const char *text)
{
	const char *wrong;
	g_autoptr(JsonNode) node = line_parse(text, strlen(text), &limits, &wrong);
	JsonObjectIter iter;
	const char *key;
	JsonNode *member;

	if (!node) {
		return false;
	}
	json_object_iter_init(&iter, json_node_get_object(node));
	while (json_object_iter_next(&iter, &key, &member)) {
		char *value = NULL;

		if (!JSON_NODE_HOLDS_VALUE(member)) {
			continue;
		}
		switch (json_node_get_value_type(member)) {
		case G_TYPE_STRING:
			value = g_strdup(json_node_get_string(member));
			break;
		case G_TYPE_BOOLEAN:
			value = g_strdup(json_node_get_boolean(member) ? "on" : "off");
			break;
		case G_TYPE_INT64:
			value = g_strdup_printf("%" G_GINT64_FORMAT, json_node_get_int(member));
			break;
		default:
			break;
		}
		if (value) {
			g_hash_table_insert(values, g_strdup(key), value);
		}
	}
	return true;
}

static void free_option(gpointer data)
{
	struct qemu_option *option = data;

	g_free(option->name);
	g_free(option->text);
	g_hash_table_unref(option->values);
	g_free(option);
}

/* -set GROUP.ID.KEY=VALUE */
static void apply_set(GPtrArray *line, const char *text)
{
	g_auto(GStrv) parts = g_strsplit(text, ".", 3);
	char *equals;

	if (g_strv_length(parts) != 3) {
		return;
	}
	equals = strchr(parts[2], '=');
	if (!equals) {
		return;
	}
	*equals = '\0';
	for (guint i = 0; i < line->len; i++) {
		struct qemu_option *option = line->pdata[i];

		if (strcmp(option->name, parts[0]) == 0 && !option->json &&
			g_strcmp0(qemu_option_value(option, "id"), parts[1]) == 0) {
			g_hash_table_insert(
				option->values, g_strdup(parts[2]), g_strdup(equals + 1));
		}
	}
}

/* -global DRIVER.KEY=VALUE, which is for devices that don't say otherwise. */
static void apply_global(GPtrArray *line, const char *text)
{
	g_auto(GStrv) parts = g_strsplit(text, ".", 2);
	char *equals;

	if (g_strv_length(parts) != 2) {
		return;
	}
	equals = strchr(parts[1], '=');
	if (!equals) {
		return;
	}
	*equals = '\0';
	for (guint i = 0; i < line->len; i++) {
		struct qemu_option *option = line->pdata[i];

		if (strcmp(option->name, "device") == 0 &&
			g_strcmp0(qemu_option_value(option, "driver"), parts[0]) == 0 &&
			!qemu_option_value(option, parts[1])) {
			g_hash_table_insert(
				option->values, g_strdup(parts[1]), g_strdup(equals + 1));
		}
	}
}

GPtrArray *qemu_line_parse(char *const *words)
{
	GPtrArray *line = g_ptr_array_new_with_free_func(free_option);

	for (size_t i = 0; words[i]; i++) {
		const char *name = words[i];
		struct qemu_option *option;

		if (name[0] != '-' || !name[1]) {
			continue; /* a disk image, or what an option unknown to us takes */
		}
		name += name[1] == '-' ? 2 : 1;
		option = g_new0(struct qemu_option, 1);
		option->name = g_strdup(strcmp(name, "M") == 0 ? "machine" : name);
		option->values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
		if (words[i + 1] && words[i + 1][0] != '-') {
			option->text = g_strdup(words[++i]);
		} else {
			option->text = g_strdup("");
		}
		if (option->text[0] == '{') {
			option->json = parse_json(option->values, option->text);
		} else {
			parse_values(option->values, option->text, implied_key(option->name));
		}
		g_ptr_array_add(line, option);
	}
	for (guint i = 0; i < line->len; i++) {
		const struct qemu_option *option = line->pdata[i];

		if (strcmp(option->name, "set") == 0) {
			apply_set(line, option->text);
		} else if (strcmp(option->name, "global") == 0) {
			apply_global(line, option->text);
		}
	}
	return line;
}

const char *qemu_option_value(const struct qemu_option *option, const char *key)
{
	return g_hash_table_lookup(option->values, key);
}

bool qemu_option_is_on(const struct qemu_option *option, const char *key)
{
	static const char *const words[] = {"on", "yes", "true", "y", "1", NULL};
	const char *value = qemu_option_value(option, key);

	return value && g_strv_contains(words, value);
}

const struct qemu_option *qemu_line_last(const GPtrArray *line, const char *name)
{
	for (guint i = line->len; i > 0; i--) {
		const struct qemu_option *option = line->pdata[i - 1];

		if (strcmp(option->name, name) == 0) {
			return option;
		}
	}
	return NULL;
}

uint64_t qemu_size(const char *text, unsigned shift)
{
	static const char letters[] = "bkmgtpe";
	char *end;
	double value = g_ascii_strtod(text, &end);
	const char *letter;

	if (end == text || !(value >= 0)) {
		return 0;
	}
	if (*end) {
		letter = strchr(letters, g_ascii_tolower(*end));
		if (!letter || end[1]) {
			return 0;
		}
		shift = (unsigned)(letter - letters) * 10;
	}
	value *= (double)(1ull << shift);
	return value < (double)(1ull << 62) ? (uint64_t)value : 0;
}

uint64_t qemu_line_memory(const GPtrArray *line)
{
	uint64_t memory = 0;

	/* They are merged: the last one that has a size counts. */
	for (guint i = 0; i < line->len; i++) {
		const struct qemu_option *option = line->pdata[i];
		const char *size =
			strcmp(option->name, "m") == 0 ? qemu_option_value(option, "size") : NULL;
		uint64_t bytes = size ? qemu_size(size, 20) : 0;

		memory = bytes > 0 ? bytes : memory;
	}
	return memory > 0 ? memory : DEFAULT_MEMORY;
}
