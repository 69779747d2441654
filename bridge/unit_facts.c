/* SPDX-License-Identifier: MIT */
#include "bridge/unit.h"

#include <errno.h>
#include <json-glib/json-glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bridge/line.h"
#include "bridge/printable.h"
#include "bridge/vm.h"

#define AGENT_NAME "com.redhat.spice.0"
#define WEBDAV_NAME "org.spice-space.webdav.0"
#define GUEST_AGENT_NAME "org.qemu.guest_agent.0" /* libvirt's, or its tools' */
#define LIBVIRT_MONITOR "charmonitor" /* QEMU's name for libvirt's own monitor */
#define MAX_XML (4 << 20) /* bytes */
#define MAX_CMDLINE (256 << 10) /* bytes; libvirt's are some 10 KiB */

/* Of an argument in JSON, which any user's process may have. */
static const struct line_limits limits = {.depth = 32, .parts = 1 << 12};

void unit_facts_init(struct unit_facts *facts)
{
	memset(facts, 0, sizeof(*facts));
	facts->mdevs = g_ptr_array_new_with_free_func(g_free);
	facts->usb = g_ptr_array_new_with_free_func(g_free);
	facts->ports = g_ptr_array_new_with_free_func(g_free);
}

void unit_facts_finish(struct unit_facts *facts)
{
	g_free(facts->from);
	g_free(facts->qmp);
	g_free(facts->agent);
	g_free(facts->webdav);
	g_free(facts->smartcard);
	g_ptr_array_unref(facts->mdevs);
	g_ptr_array_unref(facts->usb);
	g_ptr_array_unref(facts->ports);
}

/* What may stand in a line of the configuration, and on root's terminal. */
static bool is_plain(const char *text)
{
	g_autofree char *printable = printable_copy(text, false);

	return text && !strcmp(text, printable);
}

static bool is_path(const char *text)
{
	return is_plain(text) && text[0] == '/';
}

static void keep_path(char **place, const char *path)
{
	if (!*place && is_path(path)) {
		*place = g_strdup(path);
	}
}

static void add_mdev(struct unit_facts *facts, const char *uuid, size_t length)
{
	char *copy = g_ascii_strdown(uuid, (gssize)length);

	if (g_uuid_string_is_valid(copy) &&
		!g_ptr_array_find_with_equal_func(facts->mdevs, copy, g_str_equal, NULL)) {
		g_ptr_array_add(facts->mdevs, copy);
	} else {
		g_free(copy);
	}
}

/* A virtio-serial port of this name, with its socket. */
static void add_port(struct unit_facts *facts, const char *name, const char *path)
{
	if (!is_path(path) || !is_plain(name) || !*name || strchr(name, '=')) {
		return;
	}
	if (!strcmp(name, AGENT_NAME)) {
		keep_path(&facts->agent, path);
	} else if (!strcmp(name, WEBDAV_NAME)) {
		keep_path(&facts->webdav, path);
	} else if (strcmp(name, GUEST_AGENT_NAME) != 0) {
		g_ptr_array_add(facts->ports, g_strdup_printf("%s=unix:%s", name, path));
	}
}

static void add_usb(struct unit_facts *facts, const char *path)
{
	if (is_path(path)) {
		g_ptr_array_add(facts->usb, g_strdup(path));
	}
}

/* QEMU's "first,key=value,...", or an object of JSON. ",," is a comma. The first value has key "". */
static GHashTable *parse_value(const char *value)
{
	GHashTable *table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

	if (*value == '{') {
		const char *key, *wrong;
		JsonNode *node = line_parse(value, strlen(value), &limits, &wrong);
		JsonObjectIter iter;
		JsonNode *member;

		if (node) {
			json_object_iter_init(&iter, json_node_get_object(node));
			while (json_object_iter_next(&iter, &key, &member)) {
				if (JSON_NODE_HOLDS_VALUE(member) &&
					json_node_get_value_type(member) == G_TYPE_STRING) {
					g_hash_table_replace(table,
						g_strdup(strcmp(key, "driver") ? key : ""),
						g_strdup(json_node_get_string(member)));
				}
			}
		}
		g_clear_pointer(&node, json_node_unref);
		return table;
	}
	for (bool first = true; *value; first = false) {
		GString *part = g_string_new(NULL);
		char *equals;

		while (*value && (*value != ',' || value[1] == ',')) {
			value += *value == ',';
			g_string_append_c(part, *value++);
		}
		value += *value == ',';
		equals = strchr(part->str, '=');
		if (equals) {
			g_hash_table_replace(table,
				g_strndup(part->str, (gsize)(equals - part->str)),
				g_strdup(equals + 1));
		} else if (first) {
			g_hash_table_replace(table, g_strdup(""), g_strdup(part->str));
		}
		g_string_free(part, TRUE);
	}
	return table;
}

static const char *value_of(GHashTable *table, const char *key)
{
	const char *value = g_hash_table_lookup(table, key);

	return value ? value : "";
}

/* chardevs: paths of sockets by their ids. */
static void take_device(struct unit_facts *facts, GHashTable *chardevs, const char *text)
{
	GHashTable *device = parse_value(text);
	const char *driver = value_of(device, "");
	const char *path = g_hash_table_lookup(chardevs, value_of(device, "chardev"));
	const char *sysfs = value_of(device, "sysfsdev");

	if (g_str_has_prefix(driver, "vfio-pci")) {
		const char *slash = strrchr(sysfs, '/');

		if (slash) {
			add_mdev(facts, slash + 1, strlen(slash + 1));
		}
	} else if (!strcmp(driver, "virtserialport")) {
		add_port(facts, value_of(device, "name"), path);
	} else if (!strcmp(driver, "usb-redir")) {
		add_usb(facts, path);
	} else if (!strcmp(driver, "ccid-card-passthru")) {
		keep_path(&facts->smartcard, path);
	}
	g_hash_table_unref(device);
}

static void take_chardev(GHashTable *chardevs, const char *text)
{
	GHashTable *chardev = parse_value(text);
	const char *id = value_of(chardev, "id"), *path = value_of(chardev, "path");

	if (!strcmp(value_of(chardev, ""), "socket") && *id && *path) {
		g_hash_table_replace(chardevs, g_strdup(id), g_strdup(path));
	}
	g_hash_table_unref(chardev);
}

static void take_monitor(struct unit_facts *facts, GHashTable *chardevs, const char *text)
{
	GHashTable *monitor = parse_value(text);
	const char *id = value_of(monitor, "chardev");

	if (!*id) {
		id = value_of(monitor, "");
	}
	if (!strcmp(value_of(monitor, "mode"), "control") && strcmp(id, LIBVIRT_MONITOR) != 0) {
		keep_path(&facts->qmp, g_hash_table_lookup(chardevs, id));
	}
	g_hash_table_unref(monitor);
}

static void take_qmp(struct unit_facts *facts, const char *text)
{
	GHashTable *qmp = parse_value(text);
	const char *where = value_of(qmp, "");

	if (g_str_has_prefix(where, "unix:")) {
		keep_path(&facts->qmp, where + strlen("unix:"));
	}
	g_hash_table_unref(qmp);
}

/* The value of an option that may have one or two dashes. */
static const char *value_after(const char *const *arguments, size_t i, const char *option)
{
	const char *name = arguments[i];

	if (*name != '-') {
		return NULL;
	}
	name += name[1] == '-' ? 2 : 1;
	return strcmp(name, option) ? NULL : arguments[i + 1];
}

void unit_facts_arguments(struct unit_facts *facts, const char *const *arguments)
{
	GHashTable *chardevs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	const char *value;

	/* A device may stand before the socket that it names. */
	for (size_t i = 0; arguments[i]; i++) {
		value = value_after(arguments, i, "chardev");
		if (value) {
			take_chardev(chardevs, value);
		}
	}
	for (size_t i = 0; arguments[i]; i++) {
		if ((value = value_after(arguments, i, "device"))) {
			take_device(facts, chardevs, value);
		} else if ((value = value_after(arguments, i, "mon"))) {
			take_monitor(facts, chardevs, value);
		} else if ((value = value_after(arguments, i, "qmp"))) {
			take_qmp(facts, value);
		}
	}
	g_hash_table_unref(chardevs);
}

/* Where the reader of a domain stands. */
struct domain_reading {
	struct unit_facts *facts;
	char *device; /* element below <devices>, with what was read of it */
	bool mdev;
	char *path, *name;
	GPtrArray *arguments; /* of qemu:commandline */
};

static const char *attribute(const char **names, const char **values, const char *name)
{
	for (size_t i = 0; names[i]; i++) {
		if (!strcmp(names[i], name)) {
			return values[i];
		}
	}
	return "";
}

static const char *parent_of(GMarkupParseContext *context, unsigned generations)
{
	const GSList *stack = g_markup_parse_context_get_element_stack(context);

	return g_slist_nth_data((GSList *)stack, generations);
}

static bool is_below(GMarkupParseContext *context, unsigned generations, const char *name)
{
	const char *parent = parent_of(context, generations);

	return parent && !strcmp(parent, name);
}

static void domain_start(GMarkupParseContext *context, const char *element, const char **names,
	const char **values, gpointer data, GError **error)
{
	struct domain_reading *reading = data;

	if (is_below(context, 1, "devices")) {
		g_free(reading->device);
		reading->device = g_strdup(element);
		reading->mdev = !strcmp(element, "hostdev") &&
			!strcmp(attribute(names, values, "type"), "mdev");
		g_clear_pointer(&reading->path, g_free);
		g_clear_pointer(&reading->name, g_free);
	} else if (is_below(context, 2, "devices") && !strcmp(element, "source")) {
		g_free(reading->path);
		reading->path = g_strdup(attribute(names, values, "path"));
	} else if (is_below(context, 2, "devices") && !strcmp(element, "target")) {
		g_free(reading->name);
		reading->name = g_strdup(attribute(names, values, "name"));
	} else if (is_below(context, 3, "devices") && !strcmp(element, "address") &&
		reading->mdev && is_below(context, 1, "source")) {
		const char *uuid = attribute(names, values, "uuid");

		add_mdev(reading->facts, uuid, strlen(uuid));
	} else if (!strcmp(element, "qemu:arg")) {
		g_ptr_array_add(reading->arguments, g_strdup(attribute(names, values, "value")));
	}
}

static void domain_end(
	GMarkupParseContext *context, const char *element, gpointer data, GError **error)
{
	struct domain_reading *reading = data;

	/* The stack still holds the element that ends. */
	if (!is_below(context, 1, "devices") || !reading->path) {
		return;
	}
	if (!strcmp(element, "channel") && reading->name) {
		add_port(reading->facts, reading->name, reading->path);
	} else if (!strcmp(element, "redirdev")) {
		add_usb(reading->facts, reading->path);
	} else if (!strcmp(element, "smartcard")) {
		keep_path(&reading->facts->smartcard, reading->path);
	}
	g_clear_pointer(&reading->path, g_free);
}

bool unit_facts_domain(struct unit_facts *facts, const char *xml, size_t size)
{
	static const GMarkupParser parser = {
		.start_element = domain_start,
		.end_element = domain_end,
	};
	struct domain_reading reading = {
		.facts = facts,
		.arguments = g_ptr_array_new_with_free_func(g_free),
	};
	GMarkupParseContext *context =
		g_markup_parse_context_new(&parser, (GMarkupParseFlags)0, &reading, NULL);
	bool good = g_markup_parse_context_parse(context, xml, (gssize)size, NULL) &&
		g_markup_parse_context_end_parse(context, NULL);

	g_markup_parse_context_free(context);
	if (good) {
		g_ptr_array_add(reading.arguments, NULL);
		unit_facts_arguments(facts, (const char *const *)reading.arguments->pdata);
	}
	g_ptr_array_unref(reading.arguments);
	g_free(reading.device);
	g_free(reading.path);
	g_free(reading.name);
	return good;
}

static bool find_domain(
	struct unit_facts *facts, const char *root, const char *folder, const char *vm)
{
	char *path, *shown, *xml = NULL;
	GError *error = NULL;
	bool found = false;
	gsize size = 0;

	if (strchr(vm, '/') || vm[0] == '.') {
		return false;
	}
	shown = g_strdup_printf("%s/%s.xml", folder, vm);
	path = g_strconcat(root, shown, NULL);
	if (!g_file_get_contents(path, &xml, &size, &error)) {
		facts->unread |= g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_ACCES);
		g_error_free(error);
	} else if (size <= MAX_XML && unit_facts_domain(facts, xml, size)) {
		facts->from = g_strdup(shown);
		facts->libvirt = true;
		found = true;
	}
	g_free(xml);
	g_free(path);
	g_free(shown);
	return found;
}

/*
 * Who started a process. Not who owns its files in /proc: those of a set-user-id program are root's, and
 * any user may start one by another name and with any arguments.
 */
static uid_t starter_of(const char *root, pid_t pid, uid_t owner)
{
	g_autofree char *path = g_strdup_printf("%s/proc/%d/status", root, (int)pid);
	g_autofree char *text = NULL;
	const char *line = NULL;
	unsigned real;

	if (g_file_get_contents(path, &text, NULL, NULL)) {
		line = strstr(text, "\nUid:");
	}
	return line && sscanf(line, "\nUid: %u", &real) == 1 ? real : owner;
}

/* Its command line, of bounded length, a 0 at the end. 0: there is none. */
static size_t read_command_line(const char *path, char *text)
{
	FILE *file = fopen(path, "re");
	size_t size = file ? fread(text, 1, MAX_CMDLINE - 1, file) : 0;

	text[size] = '\0';
	if (file) {
		fclose(file);
	}
	return size;
}

static int find_process(
	struct unit_facts *facts, const char *root, const char *vm, char *why, size_t why_size)
{
	GPtrArray *arguments;
	size_t size, used;
	struct stat status;
	char *path, *text;
	pid_t pid;
	int rc = vm_find(root, vm, &pid, why, why_size);

	if (rc < 0) {
		return rc == -ENOTUNIQ ? rc : 0;
	}
	path = g_strdup_printf("%s/proc/%d/cmdline", root, (int)pid);
	text = g_malloc(MAX_CMDLINE);
	size = stat(path, &status) == 0 ? read_command_line(path, text) : 0;
	if (size > 0) {
		arguments = g_ptr_array_new();
		/* The first is QEMU's own name. */
		for (used = strlen(text) + 1; used < size; used += strlen(text + used) + 1) {
			g_ptr_array_add(arguments, text + used);
		}
		g_ptr_array_add(arguments, NULL);
		unit_facts_arguments(facts, (const char *const *)arguments->pdata);
		facts->from = g_strdup_printf("the command line of process %d", (int)pid);
		facts->process = true;
		facts->owner = starter_of(root, pid, status.st_uid);
		g_ptr_array_unref(arguments);
	}
	g_free(text);
	g_free(path);
	return 0;
}

int unit_facts_find(
	struct unit_facts *facts, const char *root, const char *vm, char *why, size_t why_size)
{
	/* The second holds domains that are not defined, as long as they run. */
	if (find_domain(facts, root, "/etc/libvirt/qemu", vm) ||
		find_domain(facts, root, "/run/libvirt/qemu", vm)) {
		return 0;
	}
	return find_process(facts, root, vm, why, why_size);
}

char *unit_instance(const char *vm)
{
	char *name = g_strdup(vm);

	for (char *at = name; *at; at++) {
		if (!g_ascii_isalnum(*at) && !strchr(":_.-", *at)) {
			*at = '_';
		}
	}
	return name;
}
