/* SPDX-License-Identifier: MIT */
#include "bridge/relays.h"

#include <inttypes.h>
#include <string.h>

#include "bridge/options.h"
#include "bridge/relay.h"

struct relays {
	struct relay **list;
	size_t count;
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
