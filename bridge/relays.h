/* SPDX-License-Identifier: MIT */
/*
 * All relays of a bridge, as the options say, to the channels of one sink.
 *
 * Main thread. Owns its relays and goes before the sink.
 */
#ifndef BRIDGE_RELAYS_H
#define BRIDGE_RELAYS_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct options;
struct qmp;
struct relays;
struct spice_sink;

/* NULL with errno and one line in why. There may be none of them. */
struct relays *relays_create(
	struct spice_sink *sink, const struct options *options, char *why, size_t why_size);
void relays_destroy(struct relays *relays);

/*
 * Asks this monitor when an agent has gone: a socket does not tell. The monitor goes before the relays;
 * NULL: there is none.
 */
void relays_set_monitor(struct relays *relays, struct qmp *monitor);

/*
 * Another guest is shown: nothing of a viewer's may reach this one's channels, nor the other way. All
 * connections end until it is shown again. relays may be NULL.
 */
void relays_hold(struct relays *relays, bool held);

/* Tells the guest's agent which size its display should have. False: there is none that speaks. */
bool relays_resize(struct relays *relays, uint32_t width, uint32_t height);

/* Appends a JSON object with the counters of each, by name. relays may be NULL: {}. */
void relays_add_json(const struct relays *relays, GString *json);

#endif
