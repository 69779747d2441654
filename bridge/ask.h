/* SPDX-License-Identifier: MIT */
/*
 * The other end of a bridge's control socket, for the verbs: finds the socket, asks, waits.
 *
 * Blocks; for programs that do nothing else. Each function leaves one line in why that names the
 * socket, the cause and the remedy.
 */
#ifndef BRIDGE_ASK_H
#define BRIDGE_ASK_H

#include <json-glib/json-glib.h>
#include <stddef.h>

struct asked;

/*
 * on: a name or a path, NULL: the only one that runs. Looks in the directories where serve puts them.
 * NULL with why: there is none, there are several (and why lists them), or it does not answer.
 */
struct asked *ask_open(const char *on, char *why, size_t why_size);
void ask_close(struct asked *asked);
/* What it calls itself. */
const char *ask_name(const struct asked *asked);
/* What a bridge is called by the path of its socket, or by its name; for g_free(). */
char *ask_name_of(const char *path);
/* The paths of all sockets of bridges that run, NULL at the end; for g_strfreev(). */
char **ask_all(void);

/*
 * Sends a command and waits for its answer; takes over arguments (NULL: none). fd: where the answer
 * may bring a descriptor (-1 without), NULL: none is expected. The node is the caller's. NULL with why:
 * the bridge refused, or is gone.
 */
JsonNode *ask(struct asked *asked, const char *command, JsonObject *arguments, int *fd, char *why,
	size_t why_size);
/* Waits for the next event after "events" was asked; NULL with why at the end. The caller's. */
JsonNode *ask_event(struct asked *asked, char *why, size_t why_size);

#endif
