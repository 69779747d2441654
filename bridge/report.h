/* SPDX-License-Identifier: MIT */
/*
 * What a running bridge says of itself, as JSON: for the control socket's status and its events.
 *
 * Main thread. The objects are the caller's.
 */
#ifndef BRIDGE_REPORT_H
#define BRIDGE_REPORT_H

#include <json-glib/json-glib.h>
#include <stddef.h>
#include <stdint.h>

struct server;
struct stats_parts;

JsonObject *report_status(struct server *server);
/* What is shown, or was when somebody looked last. */
JsonObject *report_display(struct server *server);
/* Which monitor the guest has been given, and by which rule. */
JsonObject *report_monitor(struct server *server);
/* Who has this seat; NULL: nobody. */
JsonObject *report_viewer(struct server *server, unsigned seat);

/* Where the counters are. */
void report_parts(struct server *server, struct stats_parts *parts);
/* Takes over the object. */
JsonNode *report_node(JsonObject *object);
/* A member of any bytes, as a device's, a file's or a user's words are, made UTF-8. */
void report_set_text(JsonObject *object, const char *name, const char *text);

#endif
