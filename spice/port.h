/* SPDX-License-Identifier: MIT */
/*
 * A character device of a SPICE display: the guest's agent, a redirected USB device, a named port.
 *
 * Main thread. The caller owns the port and moves the bytes; they are not looked at here, but for the
 * lengths in a smart card's stream. Nothing blocks: both directions say how much they took. A port
 * belongs to one sink and goes before it. None is created or destroyed in an op: the library runs.
 */
#ifndef SPICE_PORT_H
#define SPICE_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct spice_port;
struct spice_sink;

struct spice_port_ops {
	/*
	 * Bytes for the viewer: returns how many were put into buffer, 0 for none now. Of "usbredir"
	 * and "port" only while a viewer has the channel open; an agent's are read in any case.
	 */
	size_t (*read)(void *data, void *buffer, size_t size);
	/* Bytes from the viewer: returns how many were taken, fewer when the guest is slow. */
	size_t (*write)(void *data, const void *buffer, size_t size);
	/*
	 * A viewer has opened the channel, or closed it. An agent has no channel of its own: false
	 * is all that it gets, when what it sends is no agent's stream and so nobody reads it now.
	 */
	void (*state)(void *data, bool connected);
};

/*
 * subtype: "vdagent", "usbredir", "smartcard" or "port"; name: of a port, else NULL. The guest's side
 * counts as open from now on, until spice_port_destroy(). NULL with errno and one line in why. While
 * there is a "vdagent" viewers may use the clipboard, send files and, where the guest's pointer is a
 * relative one, point by it.
 */
struct spice_port *spice_port_create(struct spice_sink *sink, const char *subtype, const char *name,
	const struct spice_port_ops *ops, void *data, char *why, size_t why_size);
void spice_port_destroy(struct spice_port *port);
/* There is something to read, or there is room to write again. */
void spice_port_wake(struct spice_port *port);

/*
 * Do the sizes that viewers ask for reach the guest by events->resize (true at first)? If they do not,
 * its agent gets them, where there is one, from the agent's or the viewer's next start on.
 */
void spice_sink_set_resizes(struct spice_sink *sink, bool resizes);

#endif
