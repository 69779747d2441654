/* SPDX-License-Identifier: MIT */
/*
 * A QMP monitor of QEMU, over a unix socket: commands with answers, and events.
 *
 * Main thread; never blocks. It owns its socket and connects again by itself (every 250 ms at first,
 * 2 s at most) until it is destroyed. While there is no connection commands fail at once; nothing is
 * ever queued for later. Callbacks come from the main loop. Members of JSON are json-glib's.
 */
#ifndef BRIDGE_QMP_H
#define BRIDGE_QMP_H

#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct qmp;

struct qmp_counters {
	uint64_t connects; /* greetings answered */
	uint64_t losses; /* connections that ended */
	uint64_t failures; /* tries that found nobody, or nobody who speaks */
	uint64_t commands; /* sent */
	uint64_t errors; /* of them answered with an error */
	uint64_t dropped; /* not sent: no connection, or QEMU reads or answers too little */
};

/* answer: the "return" member, or NULL with a sentence in why (an error, or the connection ended). */
typedef void (*qmp_answer)(void *data, JsonNode *answer, const char *why);

struct qmp_events {
	/* The monitor takes commands, or does not any more. */
	void (*connected)(void *data, bool connected);
	/* An event of QEMU: STOP, RESUME, RESET, SHUTDOWN, ... data may be NULL. */
	void (*event)(void *data, const char *name, JsonObject *object);
};

/* path: of the unix socket. NULL with errno and one line in why for a path that can't be one. */
struct qmp *qmp_create(const char *path, char *why, size_t why_size);
/*
 * The same through connections that dial makes: a stream socket's fd, which becomes the qmp's, or
 * -errno. name is for the log.
 */
struct qmp *qmp_create_dialled(const char *name, int (*dial)(void *data), void *data);
/* Not from a callback. No answer is called any more. */
void qmp_destroy(struct qmp *qmp);

/* Several parts may listen; each is called in the order of adding. events must outlive the qmp. */
void qmp_add_events(struct qmp *qmp, const struct qmp_events *events, void *data);
bool qmp_is_connected(const struct qmp *qmp);

/*
 * Sends a command; takes ownership of arguments (NULL: none). answer may be NULL. fd: passed along
 * with SCM_RIGHTS (for getfd), -1: none; stays the caller's. 0, or -ENOTCONN, or -EAGAIN when QEMU does
 * not read or answer, or another -errno for the fd: then nothing was sent, and answer is not called.
 */
int qmp_command(struct qmp *qmp, const char *name, JsonObject *arguments, int fd, qmp_answer answer,
	void *data);

/*
 * For the end of the program: waits until every command is answered, ms at most, and calls who waits.
 * QEMU forgets commands that it has received but not yet run when their connection closes.
 */
void qmp_settle(struct qmp *qmp, int ms);

const struct qmp_counters *qmp_counters(const struct qmp *qmp);

#endif
