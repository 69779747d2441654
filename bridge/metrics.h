/* SPDX-License-Identifier: MIT */
/*
 * The states of bridges as text that Prometheus reads (its text format, version 0.0.4).
 *
 * Plain functions, any thread. Borrows what it is given.
 */
#ifndef BRIDGE_METRICS_H
#define BRIDGE_METRICS_H

#include <json-glib/json-glib.h>
#include <stddef.h>

struct metrics_bridge {
	const char *name; /* the label */
	JsonObject *status; /* what the command status answers; NULL: it does not answer */
};

/* For g_free(). What a status lacks, or has in another form, is left out. */
char *metrics_text(const struct metrics_bridge *bridges, size_t count);

#endif
