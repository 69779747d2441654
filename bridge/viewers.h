/* SPDX-License-Identifier: MIT */
/*
 * All who look at one guest: a pool of seats, each a spice_sink of its own, fed by one capture.
 *
 * libspice-server serves one viewer at a time, so each seat is a server object. All are made at the
 * start, before the sandbox: an idle one costs two threads and 1.6 MiB. A new viewer gets a free seat,
 * or else the seat of the one who came first; its further connections follow it. View-only addresses
 * have seats of their own. Until a connection has proved who it is, it is only lent a place: few from
 * one peer, few in all, and not for long. Main thread. Owns its sinks and every socket it is given.
 */
#ifndef BRIDGE_VIEWERS_H
#define BRIDGE_VIEWERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/listen.h"
#include "spice/sink.h"

struct capture;
struct input;
struct viewers;

#define VIEWERS_MAX 8 /* seats of a kind */

/*
 * What spice_sink_events says, with the seat that it comes from: 0 and up, the same for ever. Seats
 * that may only look send no input and no resize.
 */
struct viewers_events {
	void (*ready)(void *data); /* any thread */
	void (*count)(void *data, unsigned count); /* of all seats */
	void (*resize)(void *data, unsigned seat, uint32_t width, uint32_t height);
	void (*seat)(void *data, unsigned seat, bool came); /* a viewer came, or left; or NULL */
};

struct viewers_options {
	unsigned seats; /* that take input, 1 to VIEWERS_MAX */
	unsigned view_only_seats; /* 0 to VIEWERS_MAX */
	/* Of each; events are set here. */
	struct spice_sink_options sink, view_only_sink;
	/*
	 * May browsers in, by a WebSocket without TLS? Not where nothing is asked of a viewer: any web
	 * page in a browser on this machine can connect to its ports.
	 */
	bool web, view_only_web;
	const struct viewers_events *events;
	void *events_data;
};

struct viewers_counters {
	atomic_uint_fast64_t accepted; /* connections */
	atomic_uint_fast64_t linked; /* that proved who they are */
	atomic_uint_fast64_t ended; /* that ended before */
	atomic_uint_fast64_t timed_out; /* ended, because they took too long */
	atomic_uint_fast64_t crowded_out; /* ended, because too many waited */
	atomic_uint_fast64_t uid_refused; /* of users whom the address does not allow */
	atomic_uint_fast64_t web_refused; /* browsers, where nothing is asked of a viewer */
	atomic_uint_fast64_t not_taken; /* the library or the limit of sockets said no */
	atomic_uint_fast64_t by_peer; /* went by who connects, for what they say can't be read */
	atomic_uint_fast64_t strays; /* named a viewer who is not here */
	atomic_uint_fast64_t took_over; /* viewers who took the seat of another */
	atomic_uint_fast64_t waiting; /* now, for proof of who they are */
};

/* Makes all seats. NULL with errno and one line in why. */
struct viewers *viewers_create(const struct viewers_options *options, char *why, size_t why_size);
/* As spice_sink_destroy(), for each. */
void viewers_destroy(struct viewers *viewers);

/*
 * Where the keys and pointers of seats that may do more than look go; NULL: nowhere. Before anybody
 * connects, and before the input goes. Nothing comes until there is a pointer.
 */
void viewers_set_input(struct viewers *viewers, struct input *input);
/* As spice_sink_set_pointer() and _leds(), for each of those seats. */
void viewers_set_pointer(struct viewers *viewers, enum spice_pointer pointer);
void viewers_set_leds(struct viewers *viewers, uint8_t leds);

/* Adds each seat to the capture as a sink. Before capture_start(). 0 or -ENOSPC. */
int viewers_attach(struct viewers *viewers, struct capture *capture);

/* A connection that came in at this address. Takes ownership of fd. */
void viewers_accept(struct viewers *viewers, const struct listen_address *address, int fd);

/*
 * What viewers who come from now on are told of the machine; uuid: 16 bytes. NULL: not known. Where
 * they may only look, the name says so.
 */
void viewers_set_name(struct viewers *viewers, const char *name, const uint8_t *uuid);

/* Seats that take input come first: seat 0 always does. */
unsigned viewers_seats(const struct viewers *viewers);
struct spice_sink *viewers_sink(const struct viewers *viewers, unsigned seat);
bool viewers_view_only(const struct viewers *viewers, unsigned seat);

/* Who has this seat. False: nobody. */
struct viewer {
	bool view_only;
	int64_t since; /* us of g_get_monotonic_time() */
	const char *address; /* of ours, as the user wrote it */
	bool tls;
	char peer[128]; /* "192.0.2.1", "2001:db8:1:2::/64", "process 4711 of user 1000" */
};
bool viewers_describe(const struct viewers *viewers, unsigned seat, struct viewer *viewer);

struct viewers_counters *viewers_counters(struct viewers *viewers); /* any thread */

#endif
