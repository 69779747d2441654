/* SPDX-License-Identifier: MIT */
/*
 * Inside viewers.c and arrivals.c only: seats, and connections that have no seat for sure yet.
 *
 * Main thread.
 */
#ifndef BRIDGE_VIEWERS_IMPL_H
#define BRIDGE_VIEWERS_IMPL_H

#include <glib.h>
#include <sys/queue.h>

#include "bridge/peer.h"
#include "bridge/viewers.h"

struct seat {
	struct viewers *viewers;
	unsigned index;
	bool view_only;
	struct spice_sink *sink;
	unsigned count; /* viewers: 1, or 2 for the moment of a change */
	unsigned begun; /* connections of viewers to be that wait here */
	uint32_t id; /* the viewer's */
	struct peer peer; /* the viewer's */
	int64_t since; /* us: when the viewer came */
	const struct listen_address *address; /* where */
};

/* A connection until it has proved who it is. */
struct login {
	TAILQ_ENTRY(login) link; /* the oldest first */
	struct viewers *viewers;
	struct peer peer;
	const struct listen_address *address;
	bool view_only, tls;
	int64_t since; /* us */
	int fd; /* while we look at it; -1: its seat's */
	guint source;
	guint again_ms;
	struct seat *seat; /* NULL: not yet known */
	bool begins; /* a new viewer */
	bool takes_over; /* from another, if it is let in */
};

struct viewers {
	const struct viewers_events *events;
	void *events_data;
	struct input *input; /* NULL: viewers may only look */
	struct seat seats[2 * VIEWERS_MAX];
	unsigned n_seats;
	struct viewers_counters counters;
	TAILQ_HEAD(logins, login) logins;
	guint deadline; /* the timer of the oldest, 0: none */
	bool refusing; /* the last connection could not be taken, and the log says so */
	bool refused_uid; /* the log says that somebody was refused */
	bool web, view_only_web;
	bool refused_web; /* the log says that a browser was */
};

/* arrivals.c */

/* Forgets it, and closes its socket where no sink has it yet. */
void login_free(struct login *login);
/* Ends the connection too. */
void login_drop(struct login *login);

#endif
