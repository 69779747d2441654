/* SPDX-License-Identifier: MIT */
/*
 * Joins a character device of QEMU, a unix socket that we connect to, with a channel of the viewer.
 *
 * Main thread; never blocks. Byte for byte, with a bounded buffer each way: whoever does not read holds
 * up the other side and nobody else. The socket is opened again by itself; the channel is there only
 * while it is. A viewer never gets what was meant for the one before: with each the connection is new.
 */
#ifndef BRIDGE_RELAY_H
#define BRIDGE_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct relay;
struct spice_sink;

#define RELAY_WEBDAV_NAME "org.spice-space.webdav.0"

enum relay_kind {
	RELAY_AGENT, /* the guest's agent; takes over from the display's own one once it speaks */
	RELAY_USBREDIR,
	RELAY_SMARTCARD,
	RELAY_PORT, /* with a name */
};

struct relay_options {
	enum relay_kind kind;
	const char *name; /* of a port, else NULL */
	const char *path; /* of the socket; both are copied */
};

struct relay_counters {
	uint64_t connects;
	uint64_t losses; /* connections that ended by themselves, or carried what they must not */
	uint64_t renewals; /* connections ended because a viewer, or the guest's agent, went */
	uint64_t from_guest; /* bytes received */
	uint64_t to_guest; /* bytes sent */
	uint64_t
		unheard; /* bytes of from_guest that came while there was no viewer, and were many */
	uint64_t dropped; /* bytes that were on their way when a connection ended */
};

/* Begins to connect. NULL with errno and one line in why for a path that can't be one. */
struct relay *relay_create(
	struct spice_sink *sink, const struct relay_options *options, char *why, size_t why_size);
/* Before its sink. */
void relay_destroy(struct relay *relay);

/*
 * The guest has closed its end, which its socket does not tell. An agent is gone then, and what was on
 * its way to it is not for the next one: a new connection. Not from within an op of the port.
 */
void relay_guest_closed(struct relay *relay);

/* While it is held there is neither a connection nor a channel. Not from within an op of the port. */
void relay_hold(struct relay *relay, bool held);

/*
 * Tells the guest's agent which size its display should have, pixels; a newer one replaces one that has
 * not left. False: this is no agent, or none that speaks.
 */
bool relay_resize(struct relay *relay, uint32_t width, uint32_t height);

enum relay_kind relay_kind(const struct relay *relay);
const char *relay_path(const struct relay *relay);
/* As in "--port NAME" or "--agent". */
const char *relay_label(const struct relay *relay);
/* Is there a connection now? */
bool relay_connected(const struct relay *relay);
/* Is there a channel? Of an agent: has it spoken? */
bool relay_open(const struct relay *relay);
const struct relay_counters *relay_counters(const struct relay *relay);

#endif
