/* SPDX-License-Identifier: MIT */
/*
 * Members of a JSON object that somebody else wrote: each may be missing, or of another type.
 *
 * Plain functions, any thread. json-glib's own end in warnings or in NULL where a string was to be.
 */
#ifndef BRIDGE_MEMBERS_H
#define BRIDGE_MEMBERS_H

#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <stdint.h>

/* NULL where there is no such object or string. What they return belongs to the object. */
JsonObject *member_object(JsonObject *object, const char *name);
const char *member_string(JsonObject *object, const char *name);
/* other where there is no such number or truth value. */
int64_t member_int(JsonObject *object, const char *name, int64_t other);
bool member_bool(JsonObject *object, const char *name, bool other);

#endif
