/* SPDX-License-Identifier: MIT */
#include "bridge/relays.h"

#include <inttypes.h>
#include <string.h>

#include "bridge/members.h"
#include "bridge/options.h"
#include "bridge/qmp.h"
#include "bridge/relay.h"

struct relays {
	struct relay **list;
	size_t count;
	struct qmp *monitor; /* NULL: there is none */
};

struct relays *relays_create(
	struct spice_sink *sink, const struct options *options, char *why, size_t why_size)
{
	struct relays *relays = g_new0(struct relays, 1);

	relays->list = g_new0(struct relay *, options->n_channels);
	for (size_t i = 0; i < options->n_channels; i++) {
		const struct channel_option *channel = &options->channels[i];
		const struct relay_options relay = {
			.kind = channel->kind, .name = channel->name, .path = channel->path};

		relays->list[i] = relay_create(sink, &relay, why, why_size);
		if (!relays->list[i]) {
			relays_destroy(relays);
			return NULL;
		}
		relays->count++;
	}
	return relays;
}

void relays_destroy(struct relays *relays)
{
	if (!relays) {
		return;
	}
	for (size_t i = 0; i < relays->count; i++) {
		relay_destroy(relays->list[i]);
	}
	g_free(relays->list);
	g_free(relays);
}

/* Is it the socket at path? "unix:PATH,server=on", with a word and a colon before it at times. */
static bool is_socket(const char *filename, const char *path)
{
	const char *found = strstr(filename, "unix:");
	size_t length = strlen(path);

	if (!found) {
		return false;
	}
	found += strlen("unix:");
	return !strncmp(found, path, length) && (!found[length] || found[length] == ',');
}

static void on_chardev(struct relays *relays, JsonObject *chardev)
{
	const char *filename = member_string(chardev, "filename");

	if (!filename || member_bool(chardev, "frontend-open", true)) {
		return;
	}
	for (size_t i = 0; i < relays->count; i++) {
		if (relay_kind(relays->list[i]) == RELAY_AGENT &&
			is_socket(filename, relay_path(relays->list[i]))) {
			relay_guest_closed(relays->list[i]);
		}
	}
}

static void on_chardevs(void *data, JsonNode *answer, const char *why)
{
	JsonArray *list;

	if (!answer || !JSON_NODE_HOLDS_ARRAY(answer)) {
		return;
	}
	list = json_node_get_array(answer);
	for (guint i = 0; i < json_array_get_length(list); i++) {
		JsonNode *node = json_array_get_element(list, i);

		if (JSON_NODE_HOLDS_OBJECT(node)) {
			on_chardev(data, json_node_get_object(node));
		}
	}
}

static void ask_for_chardevs(struct relays *relays)
{
	qmp_command(relays->monitor, "query-chardev", NULL, -1, on_chardevs, relays);
}

static void on_monitor(void *data, bool connected)
{
	if (connected) {
		ask_for_chardevs(data);
	}
}

/* Of which port the event is, its device's name does not tell us. */
static void on_monitor_event(void *data, const char *name, JsonObject *object)
{
	if (!strcmp(name, "VSERPORT_CHANGE")) {
		ask_for_chardevs(data);
	}
}

static const struct qmp_events monitor_events = {
	.connected = on_monitor,
	.event = on_monitor_event,
};

void relays_set_monitor(struct relays *relays, struct qmp *monitor)
{
	relays->monitor = monitor;
	for (size_t i = 0; monitor && i < relays->count; i++) {
		if (relay_kind(relays->list[i]) == RELAY_AGENT) {
			qmp_add_events(monitor, &monitor_events, relays);
		}
	}
}

void relays_hold(struct relays *relays, bool held)
{
	for (size_t i = 0; relays && i < relays->count; i++) {
		relay_hold(relays->list[i], held);
	}
}

bool relays_resize(struct relays *relays, uint32_t width, uint32_t height)
{
	for (size_t i = 0; relays && i < relays->count; i++) {
		if (relay_resize(relays->list[i], width, height)) {
			return true;
		}
	}
	return false;
}

/* The place of a relay among those of the same label: there may be several of --usbredir. */
static unsigned place(const struct relays *relays, size_t i)
{
	unsigned place = 0;

	for (size_t j = 0; j < i; j++) {
		place += !strcmp(relay_label(relays->list[i]), relay_label(relays->list[j]));
	}
	return place;
}

void relays_add_json(const struct relays *relays, GString *json)
{
	g_string_append_c(json, '{');
	for (size_t i = 0; relays && i < relays->count; i++) {
		const struct relay *relay = relays->list[i];
		const struct relay_counters *c = relay_counters(relay);
		const struct {
			const char *name;
			uint64_t value;
		} fields[] = {
			{"connected", relay_connected(relay)},
			{"open", relay_open(relay)},
			{"connects", c->connects},
			{"losses", c->losses},
			{"renewals", c->renewals},
			{"from_guest", c->from_guest},
			{"to_guest", c->to_guest},
			{"unheard", c->unheard},
			{"dropped", c->dropped},
		};
		unsigned n = place(relays, i);

		g_string_append_printf(
			json, "%s\"%s", i ? "," : "", relay_label(relay) + strlen("--"));
		if (n) {
			g_string_append_printf(json, " %u", n);
		}
		g_string_append(json, "\":{");
		for (size_t j = 0; j < G_N_ELEMENTS(fields); j++) {
			g_string_append_printf(json, "%s\"%s\":%" PRIu64, j ? "," : "",
				fields[j].name, fields[j].value);
		}
		g_string_append_c(json, '}');
	}
	g_string_append_c(json, '}');
}
