/* SPDX-License-Identifier: MIT */
/*
 * The control socket: takes connections, lines of JSON, and hands what they ask for to the commands.
 *
 * Whoever connects may be slow, silly or hostile: few connections, short lines, bounded answers, and
 * nothing of it waits. Costs nothing while nobody asks. Main thread. The socket is made early, while
 * there are rights to make it; it is answered when the main loop runs. Borrows the tables.
 */
#ifndef BRIDGE_DESK_H
#define BRIDGE_DESK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bridge/command.h"

#define DESK_CLIENTS 16 /* connections at once */
#define DESK_LISTENERS 8 /* of them who may listen to events however many others come */
#define DESK_LINE_MAX ((size_t)64 << 10) /* bytes of a request */
/* Bytes that wait for a client: then no request is read, and events are lost to it. */
#define DESK_OUT_MAX ((size_t)64 << 10)
#define DESK_LINE_MS 10000 /* for a line, from its first byte on */
#define DESK_STALLED_MS 5000 /* whoever reads nothing for so long may be sent away for another */
#define DESK_DEPTH 16 /* of a request's JSON */
#define DESK_PARTS 256

struct desk;

struct desk_options {
	const char *path; /* of the socket */
	const char *name; /* what the greeting calls us */
	uid_t uid; /* may connect, beside root */
	const struct command *const *tables; /* NULL at the end */
	struct server *server; /* for the commands */
};

struct desk_counters {
	atomic_uint_fast64_t accepted; /* connections */
	atomic_uint_fast64_t uid_refused; /* of users who may not */
	atomic_uint_fast64_t busy; /* sent away, because all places were in use */
	atomic_uint_fast64_t crowded_out; /* ended for a newer one */
	atomic_uint_fast64_t requests;
	atomic_uint_fast64_t refused; /* of them */
	atomic_uint_fast64_t garbage; /* lines that were no request */
	atomic_uint_fast64_t long_lines;
	atomic_uint_fast64_t timed_out; /* for half a line */
	atomic_uint_fast64_t events; /* given to clients */
	atomic_uint_fast64_t events_lost; /* because a client did not read */
	atomic_uint_fast64_t clients; /* now */
};

/*
 * Makes the socket: mode 0600, a stale one replaced. NULL with errno and one line in why; EADDRINUSE
 * where another program listens there.
 */
struct desk *desk_create(const struct desk_options *options, char *why, size_t why_size);
/* Removes the socket, if it is still ours. Requests that wait are answered to nobody. */
void desk_destroy(struct desk *desk);

/* All desks' commands, and those of the desk that this request came to. NULL at the end. */
extern const struct command *const desk_tables[];
const struct command *const *request_tables(const struct request *request);
/* From now on the client of this request is told of events. */
void request_listen(struct request *request);

/* As event_tell(); desk may be NULL. Takes over data. */
void desk_tell(struct desk *desk, const char *name, JsonObject *data);

/* Of a desk, all zero for NULL. Any thread. */
const struct desk_counters *desk_counters(const struct desk *desk);

#endif
