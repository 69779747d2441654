/* SPDX-License-Identifier: MIT */
/*
 * What the verbs for a running bridge share. Blocks; main thread, of a program that does nothing else.
 */
#ifndef BRIDGE_OPERATE_H
#define BRIDGE_OPERATE_H

#include <json-glib/json-glib.h>
#include <stddef.h>

struct tool_call;

/*
 * Asks the bridge of --on; takes over arguments (NULL: none). The answer is the caller's; NULL: one
 * line was logged. The name that the bridge has for itself is copied to name, unless that is NULL. fd:
 * as in ask().
 */
JsonNode *operate_ask(const struct tool_call *call, const char *command, JsonObject *arguments,
	int *fd, char *name, size_t name_size);

/* The same, for an answer that says nothing: an exit code. */
int operate_tell(const struct tool_call *call, const char *command, JsonObject *arguments);

/* Text of a bridge, and so of a guest: nothing of it moves the terminal's cursor. NULL: nothing. */
void operate_print(const char *text);

#endif
