/* SPDX-License-Identifier: MIT */
/*
 * What a running bridge can be told by its control socket: commands by name, with checked arguments.
 *
 * Each file of commands has a table; "help" lists them all with their arguments, so that the socket
 * describes itself. A command answers at once, or keeps the request and answers later; it must answer
 * once. Main thread. A request belongs to the socket until it is answered; when its client goes first,
 * the answer goes nowhere.
 */
#ifndef BRIDGE_COMMAND_H
#define BRIDGE_COMMAND_H

#include <json-glib/json-glib.h>
#include <stdbool.h>

struct request;
struct server;

/* Grows when a client could notice: members may be added without. */
#define COMMAND_PROTOCOL 1

struct command_argument {
	const char *name; /* NULL ends the list */
	enum { ARGUMENT_STRING, ARGUMENT_INTEGER, ARGUMENT_FLAG } type;
	bool optional;
	const char *help;
};

struct command {
	const char *name; /* "display-resize"; NULL ends the table */
	const char *help; /* a sentence */
	struct command_argument arguments[5];
	/*
	 * arguments: an object of what the table says, by name and type; what else was sent is refused.
	 * Its strings are wiped when this returns: keep copies.
	 */
	void (*run)(struct server *server, struct request *request, JsonObject *arguments);
};

extern const struct command
	commands_basic[]; /* help, status, metrics, log-level, set-..., events */
extern const struct command commands_display[]; /* display-..., screenshot */
extern const struct command commands_switch[]; /* display-switch, sources */

/* value: what "return" shall hold, NULL: {}; becomes the socket's. */
void request_answer(struct request *request, JsonNode *value);
/* The same, with a descriptor (SCM_RIGHTS) beside it, which stays the caller's. */
void request_answer_fd(struct request *request, JsonNode *value, int fd);
/* One line: the value seen, the cause and the remedy. */
void request_refuse(struct request *request, const char *format, ...) G_GNUC_PRINTF(2, 3);

/*
 * Something happened: told to all who asked for events, and to the log at level debug. name: words
 * with dashes; data becomes the callee's, NULL: {}. [main]
 */
void event_tell(struct server *server, const char *name, JsonObject *data);

#endif
