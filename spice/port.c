/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <spice/protocol.h>
#include <stdio.h>
#include <string.h>

#include "spice/impl.h"

/*
 * What the library (0.15.1) does with a character device, and what is done about it:
 * - It writes to the device also after the viewer has closed a channel, and then uses the channel
 *   that is no more: nothing is taken from it while there is no viewer (KIND_CHANNEL).
 * - Each read, of a byte or of 64 KiB, costs it 64 KiB until the viewer has got it: a guest that
 *   writes single bytes to a viewer that stands still would take all memory.
 * - It knows a reader of smart cards for ever, and only one: the first port stays until the sink's
 *   end, and the next one with that subtype takes it over.
 * - An agent whose stream is none it removes by itself.
 * - With an agent the mouse mode may change, which must not be while the worker replaces the surface.
 */
#define READS_MAX 32 /* between two looks at the viewers' sockets */
#define RETRY_MS 10

enum port_kind {
	KIND_AGENT, /* in the main channel; read and written without a viewer too */
	KIND_CARD, /* as is a smart card's, but it has a channel */
	KIND_CHANNEL, /* a channel of its own, and what it carries is for its viewer only */
};

struct spice_port {
	SpiceCharDeviceInstance device; /* first */
	LIST_ENTRY(spice_port) link;
	struct spice_sink *sink;
	enum port_kind kind;
	char *name;
	const struct spice_port_ops *ops; /* NULL: nobody's any more */
	void *data;
	bool viewer; /* it has the channel open */
	bool lost; /* the library has removed it */
	bool dying; /* destroyed, but not yet removed */
	bool waiting; /* there may be something to do, but not now */
	unsigned reads; /* since the last look at the sockets */
	struct card card;
};

static const char agent_subtype[] = "vdagent";
/* A port with this name is not carried: the library takes it for a second display. */
static const char stream_name[] = "org.spice-space.stream.0";

static bool mouse_mode_is_fixed(const struct spice_sink *sink)
{
	return sink->mode.stage == MODE_REPLACING;
}

static void wake_later(struct spice_port *port, int ms)
{
	port->waiting = true;
	loop_source_in(port->sink->ports.retry, ms);
}

static void note_dropped(struct spice_port *port, size_t bytes)
{
	atomic_fetch_add(&port->sink->counters.ports_dropped, bytes);
}

static int port_read(SpiceCharDeviceInstance *device, uint8_t *buffer, int len)
{
	struct spice_port *port = (struct spice_port *)device;
	size_t n, skipped;

	if (!port->ops || len <= 0) {
		return 0;
	}
	if (port->kind == KIND_CARD) {
		n = card_read(&port->card, port->ops, port->data, buffer, len, &skipped);
		note_dropped(port, skipped);
		return n;
	}
	if (port->kind == KIND_CHANNEL) {
		if (!port->viewer) {
			return 0;
		}
		if (port->reads >= READS_MAX) {
			if (sockets_full(&port->sink->sockets)) {
				wake_later(port, RETRY_MS);
				return 0;
			}
			port->reads = 0;
		}
	}
	/* Some of it may be what the library removes the agent for. */
	if (port->kind == KIND_AGENT && mouse_mode_is_fixed(port->sink)) {
		wake_later(port, RETRY_MS);
		return 0;
	}
	n = port->ops->read(port->data, buffer, len);
	port->reads += n > 0;
	return n;
}

static int port_write(SpiceCharDeviceInstance *device, const uint8_t *buffer, int len)
{
	struct spice_port *port = (struct spice_port *)device;

	if (len <= 0 || (port->kind == KIND_CHANNEL && !port->viewer)) {
		return 0;
	}
	if (!port->ops) {
		note_dropped(port, len);
		return len;
	}
	return port->ops->write(port->data, buffer, len);
}

static void port_state(SpiceCharDeviceInstance *device, int connected)
{
	struct spice_port *port = (struct spice_port *)device;

	if (port->kind == KIND_AGENT) {
		if (connected || !port->ops) {
			return;
		}
		port->lost = true;
	} else {
		port->viewer = connected;
		port->reads = 0;
	}
	if (port->ops) {
		port->ops->state(port->data, connected);
	}
	if (connected) {
		wake_later(port, 0); /* the library has asked before it said so */
	}
}

static const SpiceCharDeviceInterface port_interface = {
	.base.type = SPICE_INTERFACE_CHAR_DEVICE,
	.base.description = "vgpu-bridge port",
	.base.major_version = SPICE_INTERFACE_CHAR_DEVICE_MAJOR,
	.base.minor_version = SPICE_INTERFACE_CHAR_DEVICE_MINOR,
	.state = port_state,
	.write = port_write,
	.read = port_read,
	.flags = SPICE_CHAR_DEVICE_NOTIFY_WRITABLE,
};

/* A tablet is better than the agent, and who may only look must not point by it. */
static void update_agent_mouse(struct spice_sink *sink)
{
	sink->ports.mouse_late = mouse_mode_is_fixed(sink);
	if (sink->ports.mouse_late) {
		loop_source_in(sink->ports.retry, RETRY_MS);
		return;
	}
	spice_server_set_agent_mouse(
		sink->server, sink->ports.agent && sink->ports.pointer == SPICE_POINTER_RELATIVE);
}

static void set_agent(struct spice_sink *sink, struct spice_port *port)
{
	sink->ports.agent = port;
	/* Before the agent is there: it is what its capabilities are cut down by. */
	spice_server_set_agent_copypaste(sink->server, port != NULL);
	spice_server_set_agent_file_xfer(sink->server, port != NULL);
}

static bool add_agent(struct spice_port *port)
{
	struct spice_sink *sink = port->sink;

	agent_destroy(sink->agent);
	sink->agent = NULL;
	set_agent(sink, port);
	if (spice_server_add_interface(sink->server, &port->device.base) == 0) {
		update_agent_mouse(sink);
		return true;
	}
	set_agent(sink, NULL);
	sink->agent = agent_create(sink);
	return false;
}

static void remove_agent(struct spice_port *port)
{
	struct spice_sink *sink = port->sink;

	set_agent(sink, NULL);
	update_agent_mouse(sink);
	if (!port->lost) {
		spice_server_remove_interface(&port->device.base);
	}
	sink->agent = agent_create(sink);
}

static bool add_channel(struct spice_port *port)
{
	if (spice_server_add_interface(port->sink->server, &port->device.base) < 0) {
		return false;
	}
	if (port->name) {
		spice_server_port_event(&port->device, SPICE_PORT_EVENT_OPENED);
	}
	return true;
}

static void remove_channel(struct spice_port *port)
{
	if (port->name) {
		spice_server_port_event(&port->device, SPICE_PORT_EVENT_CLOSED);
	}
	spice_server_remove_interface(&port->device.base);
}

static int find_kind(
	const char *subtype, const char *name, enum port_kind *kind, char *why, size_t why_size)
{
	if (!strcmp(subtype, "port")) {
		*kind = KIND_CHANNEL;
		if (!name || !*name || !strcmp(name, stream_name)) {
			snprintf(why, why_size, "'%s' is no name for a port: choose another",
				name ? name : "");
			return -EINVAL;
		}
		return 0;
	}
	if (!strcmp(subtype, "usbredir")) {
		*kind = KIND_CHANNEL;
	} else if (!strcmp(subtype, "smartcard")) {
		*kind = KIND_CARD;
	} else if (!strcmp(subtype, agent_subtype)) {
		*kind = KIND_AGENT;
	} else {
		snprintf(why, why_size, "there is no channel '%s'", subtype);
		return -EINVAL;
	}
	return 0;
}

static struct spice_port *find_card(struct spice_sink *sink)
{
	struct spice_port *port;

	LIST_FOREACH(port, &sink->ports.list, link)
	{
		if (port->kind == KIND_CARD) {
			return port;
		}
	}
	return NULL;
}

static void free_port(struct spice_port *port)
{
	LIST_REMOVE(port, link);
	g_free(port->name);
	g_free(port);
}

struct spice_port *spice_port_create(struct spice_sink *sink, const char *subtype, const char *name,
	const struct spice_port_ops *ops, void *data, char *why, size_t why_size)
{
	struct spice_port *port;
	struct spice_sink *before;
	enum port_kind kind;
	bool added;
	int ret = find_kind(subtype, name, &kind, why, why_size);

	if (ret < 0) {
		errno = -ret;
		return NULL;
	}
	port = kind == KIND_CARD ? find_card(sink) : NULL;
	if ((port && port->ops) || (kind == KIND_AGENT && sink->ports.agent)) {
		snprintf(why, why_size, "there is a %s already", subtype);
		errno = EBUSY;
		return NULL;
	}
	if (port) {
		port->ops = ops;
		port->data = data;
		wake_later(port, 0);
		return port;
	}
	port = g_new0(struct spice_port, 1);
	port->sink = sink;
	port->kind = kind;
	port->ops = ops;
	port->data = data;
	port->name = kind == KIND_CHANNEL ? g_strdup(name) : NULL;
	port->device.base.sif = &port_interface.base;
	port->device.subtype = port->name ? "port"
		: kind == KIND_AGENT      ? agent_subtype
		: kind == KIND_CARD       ? "smartcard"
					  : "usbredir";
	port->device.portname = port->name;
	LIST_INSERT_HEAD(&sink->ports.list, port, link);
	before = loop_enter(sink);
	added = kind == KIND_AGENT ? add_agent(port) : add_channel(port);
	loop_leave(sink, before);
	if (!added) {
		snprintf(why, why_size, "libspice-server took no %s", subtype);
		free_port(port);
		errno = EIO;
		return NULL;
	}
	wake_later(port, 0);
	return port;
}

void spice_port_destroy(struct spice_port *port)
{
	struct spice_sink *sink, *before;

	if (!port) {
		return;
	}
	sink = port->sink;
	port->ops = NULL;
	before = loop_enter(sink);
	if (port->kind == KIND_CARD) {
		/* The rest of what the library had for it goes nowhere: the next begins anew. */
		spice_server_char_device_wakeup(&port->device);
		if (!port->card.whole) {
			port->card = (struct card){0};
		}
	} else if (port->kind == KIND_CHANNEL) {
		remove_channel(port);
	} else if (mouse_mode_is_fixed(sink)) {
		port->dying = true;
		wake_later(port, RETRY_MS);
	} else {
		remove_agent(port);
	}
	loop_leave(sink, before);
	if (port->kind != KIND_CARD && !port->dying) {
		free_port(port);
	}
}

void spice_port_wake(struct spice_port *port)
{
	struct spice_sink *before;

	if (port->lost || (port->kind == KIND_CHANNEL && !port->viewer)) {
		return;
	}
	before = loop_enter(port->sink);
	spice_server_char_device_wakeup(&port->device);
	loop_leave(port->sink, before);
}

void spice_sink_set_resizes(struct spice_sink *sink, bool resizes)
{
	sink->ports.size_to_agent = !resizes;
}

static void retry(struct spice_sink *sink)
{
	struct spice_port *port, *next, *dead = NULL;
	struct spice_sink *before;

	if (sink->ports.mouse_late) {
		before = loop_enter(sink);
		update_agent_mouse(sink);
		loop_leave(sink, before);
	}
	/* No other port goes meanwhile: that is not allowed in an op. */
	for (port = LIST_FIRST(&sink->ports.list); port; port = next) {
		next = LIST_NEXT(port, link);
		if (!port->waiting) {
			continue;
		}
		port->waiting = false;
		if (!port->dying) {
			spice_port_wake(port);
		} else if (mouse_mode_is_fixed(sink)) {
			wake_later(port, RETRY_MS);
		} else {
			dead = port;
		}
	}
	if (dead) {
		before = loop_enter(sink);
		remove_agent(dead);
		loop_leave(sink, before);
		free_port(dead);
	}
}

void ports_init(struct spice_sink *sink)
{
	LIST_INIT(&sink->ports.list);
	sink->ports.retry = loop_source_new(retry, sink);
}

void ports_finish(struct spice_sink *sink)
{
	loop_source_free(sink->ports.retry);
	while (!LIST_EMPTY(&sink->ports.list)) {
		free_port(LIST_FIRST(&sink->ports.list));
	}
}

void ports_set_pointer(struct spice_sink *sink, enum spice_pointer pointer)
{
	sink->ports.pointer = pointer;
	update_agent_mouse(sink);
}
