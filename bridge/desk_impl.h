/* SPDX-License-Identifier: MIT */
/*
 * Inside desk.c, desk_client.c and desk_request.c only: a desk, its clients and their requests.
 *
 * Main thread.
 */
#ifndef BRIDGE_DESK_IMPL_H
#define BRIDGE_DESK_IMPL_H

#include <glib.h>
#include <sys/queue.h>

#include "bridge/desk.h"
#include "bridge/line.h"

/* A line that has not left, or not all of it. */
struct piece {
	TAILQ_ENTRY(piece) link;
	char *text;
	size_t size, done;
	int fd; /* goes with the first byte; -1: none */
};

struct client {
	TAILQ_ENTRY(client) link;
	struct desk *desk;
	int fd;
	guint source, timer;
	GIOCondition watched;
	GByteArray *line; /* what was read and is not handled */
	size_t seen; /* bytes of it that hold no newline */
	struct request *request; /* that waits for its answer */
	bool handling; /* lines, now */
	bool listens; /* to events */
	bool ended; /* says no more: ends when all is answered and said */
	bool broken; /* takes nothing more */
	uint64_t lost; /* events since it was told of any */
	int64_t active; /* us: when it last said or took something */
	TAILQ_HEAD(pieces, piece) out;
	size_t out_size; /* bytes that wait */
};

struct request {
	struct client *client; /* NULL: it is gone */
	JsonNode *id; /* NULL: has none */
};

struct desk {
	struct listener *listener;
	struct server *server;
	const struct command *const *tables;
	char *greeting;
	uid_t uid;
	TAILQ_HEAD(clients, client) clients; /* the newest last */
	bool refused_uid; /* the log says that somebody was refused */
	struct desk_counters counters;
};

/* desk_client.c */

/* Takes over the fd. */
void client_create(struct desk *desk, int fd);
void client_destroy(struct client *client);
/* Takes over the text, a line without its newline; fd is dup()ed, -1: none. */
void client_say(struct client *client, char *text, int fd);
/* After an answer: takes up the lines that waited for it. */
void client_go_on(struct client *client);

/* desk_request.c */

/* A line without its newline. Answers at once, or keeps it as the client's request. */
void request_take(struct client *client, const char *line, size_t size);
/* The client is gone: whoever has the request answers nobody. */
void request_orphan(struct request *request);

#endif
