/* SPDX-License-Identifier: MIT */
#include "bridge/relay.h"

#include <errno.h>
#include <glib-unix.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bridge/agent_order.h"
#include "bridge/log.h"
#include "bridge/relay_buffer.h"
#include "spice/port.h"

#define DELAY_MS 250 /* before connecting again */
#define DELAY_MAX_MS 2000
#define STEADY_US \
	(2 * G_USEC_PER_SEC) /* a connection that lasted is worth a line, and a fresh start */

/* What has to be done outside of the library, which has called us. */
enum settle {
	SETTLE_NOTHING,
	SETTLE_REFRESH, /* a new connection under the viewer that has just come */
	SETTLE_RENEW, /* a new connection and a new channel for the next viewer */
	SETTLE_LOSE, /* the connection is no good */
};

struct relay {
	struct spice_sink *sink;
	enum relay_kind kind;
	char *name;
	char *label;
	struct sockaddr_un address;
	struct relay_counters counters;

	int fd; /* -1: not connected */
	GSource *watch; /* NULL: nothing to wait for */
	GIOCondition condition; /* of the watch */
	guint timer; /* until the next try, 0: none */
	unsigned delay_ms;
	gint64 since; /* us: of the connection */
	int failed; /* errno of the last try, for not saying it twice */
	bool on_hold; /* another guest is shown */
	bool told; /* the log says that it is connected */
	bool quiet; /* the last connection did not last: no more lines about it */

	struct spice_port *port; /* NULL: no channel */
	bool viewer; /* has it open */
	bool stale; /* some of what came was thrown away: of no use to a viewer */
	bool held; /* the viewer has more for the guest than there was room for */
	struct buffer from_guest, to_guest;
	struct agent_stream stream; /* to_guest's, of an agent */
	uint8_t order[AGENT_ORDER_SIZE]; /* of our own */
	bool ordered; /* it waits for the end of a chunk, or for room */

	enum settle settle;
	const char *settle_why;
	guint settle_source;
};

/* A channel of its own, whose stream begins with its viewer. */
static bool is_channel(const struct relay *relay)
{
	return relay->kind == RELAY_USBREDIR || relay->kind == RELAY_PORT;
}

/* Nobody will ever want these bytes, and the guest must not stand still for want of a viewer. */
static bool may_discard(const struct relay *relay)
{
	return is_channel(relay) && !relay->viewer;
}

static void settle_later(struct relay *relay, enum settle settle, const char *why);
static gboolean on_socket(gint fd, GIOCondition condition, gpointer data);

static void drop_watch(struct relay *relay)
{
	if (relay->watch) {
		g_source_destroy(relay->watch);
		g_source_unref(relay->watch);
		relay->watch = NULL;
	}
	relay->condition = 0;
}

/* A socket that has ended is seen once there is room for what may be left in it. */
static void update_watch(struct relay *relay)
{
	GIOCondition condition = 0;

	if (relay->fd >= 0) {
		if (buffer_room(&relay->from_guest) || may_discard(relay)) {
			condition |= G_IO_IN;
		}
		if (buffer_used(&relay->to_guest)) {
			condition |= G_IO_OUT;
		}
	}
	if (condition == relay->condition) {
		return;
	}
	drop_watch(relay);
	if (!condition) {
		return;
	}
	relay->condition = condition;
	relay->watch = g_unix_fd_source_new(relay->fd, condition);
	g_source_set_callback(relay->watch, G_SOURCE_FUNC(on_socket), relay, NULL);
	g_source_attach(relay->watch, NULL);
}

/* A word of our own, once a chunk has ended and there is room. */
static void put_order(struct relay *relay)
{
	if (relay->ordered && !agent_stream_due(&relay->stream) &&
		buffer_room(&relay->to_guest) >= sizeof(relay->order)) {
		buffer_put(&relay->to_guest, relay->order, sizeof(relay->order));
		relay->ordered = false;
	}
}

static void flush(struct relay *relay)
{
	struct buffer *buffer = &relay->to_guest;

	put_order(relay);
	while (relay->fd >= 0 && buffer_used(buffer)) {
		ssize_t n = send(relay->fd, buffer->bytes + buffer->begin, buffer_used(buffer),
			MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			if (errno != EAGAIN) {
				settle_later(relay, SETTLE_LOSE, g_strerror(errno));
			}
			break;
		}
		relay->counters.to_guest += n;
		buffer_skip(buffer, n);
		put_order(relay);
	}
	update_watch(relay);
}

/* A word that waits for room, at the end of a chunk, is overtaken by nobody. */
static bool takes_more(const struct relay *relay)
{
	return buffer_room(&relay->to_guest) &&
		!(relay->ordered && !agent_stream_due(&relay->stream));
}

/* Of an agent's stream, while a word waits, only to the end of a chunk. */
static size_t put_to_guest(struct relay *relay, const void *bytes, size_t size)
{
	size_t due = agent_stream_due(&relay->stream), n;

	if (!takes_more(relay)) {
		return 0;
	}
	n = buffer_put(&relay->to_guest, bytes, relay->ordered ? MIN(size, due) : size);
	if (relay->kind == RELAY_AGENT) {
		agent_stream_pass(&relay->stream, bytes, n);
	}
	return n;
}

bool relay_resize(struct relay *relay, uint32_t width, uint32_t height)
{
	if (relay->kind != RELAY_AGENT || relay->fd < 0 || !relay->port || relay->stale) {
		return false;
	}
	agent_order_size(relay->order, width, height);
	relay->ordered = true;
	flush(relay);
	/* That may have sent all there was, and then no watch would tell a viewer who is held up. */
	if (relay->held && takes_more(relay)) {
		relay->held = false;
		spice_port_wake(relay->port);
	}
	return true;
}

/* What the library calls. */

static size_t op_read(void *data, void *buffer, size_t size)
{
	struct relay *relay = data;
	size_t n;

	if (relay->stale) {
		return 0;
	}
	n = buffer_take(&relay->from_guest, buffer, size);
	update_watch(relay);
	return n;
}

static size_t op_write(void *data, const void *buffer, size_t size)
{
	struct relay *relay = data;
	size_t taken = 0;

	if (relay->fd >= 0 && !relay->stale) {
		/* On to the end, or until there is something in the way, which the watch tells of. */
		do {
			taken += put_to_guest(relay, (const uint8_t *)buffer + taken, size - taken);
			flush(relay);
		} while (taken < size && takes_more(relay));
	}
	if (taken < size) {
		relay->held = true;
	}
	return taken;
}

static void op_state(void *data, bool connected)
{
	struct relay *relay = data;

	if (relay->kind == RELAY_AGENT) {
		settle_later(relay, SETTLE_LOSE, "what comes is no agent's stream");
		return;
	}
	relay->viewer = connected;
	if (is_channel(relay)) {
		if (!connected) {
			settle_later(relay, SETTLE_RENEW, NULL);
		} else if (relay->stale) {
			settle_later(relay, SETTLE_REFRESH, NULL);
		}
		update_watch(relay);
	}
}

static const struct spice_port_ops port_ops = {
	.read = op_read,
	.write = op_write,
	.state = op_state,
};

/* Connecting */

static void try_connect(struct relay *relay);

static gboolean on_timer(gpointer data)
{
	struct relay *relay = data;

	relay->timer = 0;
	try_connect(relay);
	return G_SOURCE_REMOVE;
}

static void try_later(struct relay *relay)
{
	if (!relay->timer) {
		relay->timer = g_timeout_add(relay->delay_ms, on_timer, relay);
	}
	relay->delay_ms = MIN(relay->delay_ms * 2, DELAY_MAX_MS);
}

static void open_port(struct relay *relay)
{
	static const char *const subtypes[] = {"vdagent", "usbredir", "smartcard", "port"};
	char why[256] = "";

	relay->port = spice_port_create(relay->sink, subtypes[relay->kind], relay->name, &port_ops,
		relay, why, sizeof(why));
	if (!relay->port) {
		if (!relay->quiet) {
			log_warning("%s: %s", relay->label, why);
		}
		settle_later(relay, SETTLE_LOSE, "there is no channel for it");
	} else if (relay->kind == RELAY_AGENT && !relay->quiet) {
		/* A guest that sends nonsense ends the connection again and again. */
		log_info("%s: the guest's agent speaks", relay->label);
	}
}

/* Forgets the connection and what was on its way. */
static void close_socket(struct relay *relay)
{
	drop_watch(relay);
	if (relay->fd >= 0) {
		close(relay->fd);
		relay->fd = -1;
	}
	relay->counters.dropped += buffer_used(&relay->from_guest) + buffer_used(&relay->to_guest);
	buffer_clear(&relay->from_guest);
	buffer_clear(&relay->to_guest);
	relay->stale = false;
	relay->stream = (struct agent_stream){.have = 0};
	relay->ordered = false;
}

static void close_port(struct relay *relay)
{
	spice_port_destroy(relay->port);
	relay->port = NULL;
	relay->viewer = false;
	relay->held = false;
}

static void lose(struct relay *relay, const char *why)
{
	bool steady = g_get_monotonic_time() - relay->since >= STEADY_US;

	if (steady || !relay->quiet) {
		log_info("%s: the connection to %s has ended: %s", relay->label,
			relay->address.sun_path, why);
	}
	relay->quiet = !steady;
	relay->told = false;
	if (steady) {
		relay->delay_ms = DELAY_MS;
	}
	relay->counters.losses++;
	close_socket(relay);
	close_port(relay);
	try_later(relay);
}

static gboolean on_settle(gpointer data)
{
	struct relay *relay = data;
	enum settle settle = relay->settle;

	relay->settle_source = 0;
	relay->settle = SETTLE_NOTHING;
	if (relay->fd < 0) {
		return G_SOURCE_REMOVE;
	}
	if (settle == SETTLE_LOSE) {
		lose(relay, relay->settle_why);
		return G_SOURCE_REMOVE;
	}
	relay->counters.renewals++;
	close_socket(relay);
	if (settle == SETTLE_RENEW) {
		close_port(relay);
	}
	try_connect(relay);
	return G_SOURCE_REMOVE;
}

static void settle_later(struct relay *relay, enum settle settle, const char *why)
{
	if (settle > relay->settle) {
		relay->settle = settle;
		relay->settle_why = why;
	}
	if (!relay->settle_source) {
		relay->settle_source = g_idle_add_full(G_PRIORITY_DEFAULT, on_settle, relay, NULL);
	}
}

static void connected(struct relay *relay)
{
	uint8_t greeting[AGENT_GREETING_SIZE];

	relay->counters.connects++;
	relay->since = g_get_monotonic_time();
	relay->failed = 0;
	if (!relay->quiet && !relay->told) {
		relay->told = true;
		log_info("%s: connected to %s", relay->label, relay->address.sun_path);
	}
	if (relay->kind == RELAY_AGENT) {
		agent_order_greeting(greeting);
		buffer_put(&relay->to_guest, greeting, sizeof(greeting));
	} else if (!relay->port) {
		open_port(relay);
	}
	flush(relay);
	if (relay->held && relay->port) {
		relay->held = false;
		spice_port_wake(relay->port);
	}
}

static void try_connect(struct relay *relay)
{
	int error;

	relay->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* A unix socket connects at once or not at all: unix(7). */
	if (relay->fd >= 0 &&
		connect(relay->fd, (const struct sockaddr *)&relay->address,
			sizeof(relay->address)) == 0) {
		connected(relay);
		return;
	}
	error = errno;
	if (relay->fd >= 0) {
		close(relay->fd);
		relay->fd = -1;
	}
	if (relay->failed != error) {
		log_info("%s: %s: %s; %s", relay->label, relay->address.sun_path, g_strerror(error),
			error == EACCES ? "let the bridge's user open it"
					: "trying again until QEMU is there");
		relay->failed = error;
	}
	close_port(relay); /* there was none, or it was to be served by this connection */
	try_later(relay);
}

/* Moving bytes */

static void deliver(struct relay *relay)
{
	size_t before;

	if (!relay->port && relay->kind == RELAY_AGENT && buffer_used(&relay->from_guest)) {
		open_port(relay);
	}
	/* The library may take a piece at a time; when it takes none it comes by itself later. */
	do {
		before = buffer_used(&relay->from_guest);
		if (!before || !relay->port || relay->stale) {
			break;
		}
		spice_port_wake(relay->port);
	} while (buffer_used(&relay->from_guest) < before);
}

static void fill(struct relay *relay)
{
	struct buffer *buffer = &relay->from_guest;
	ssize_t n;

	if (may_discard(relay) && (relay->stale || !buffer_room(buffer))) {
		relay->stale = true;
		relay->counters.unheard += buffer_used(buffer);
		buffer_clear(buffer);
	}
	buffer_pack(buffer);
	n = recv(relay->fd, buffer->bytes + buffer->end, buffer_room(buffer), MSG_DONTWAIT);
	if (n > 0) {
		relay->counters.from_guest += n;
		buffer->end += n;
	} else if (n == 0) {
		settle_later(relay, SETTLE_LOSE, "QEMU has closed it");
	} else if (errno != EAGAIN && errno != EINTR) {
		settle_later(relay, SETTLE_LOSE, g_strerror(errno));
	}
}

static gboolean on_socket(gint fd, GIOCondition condition, gpointer data)
{
	struct relay *relay = data;

	if (relay->settle == SETTLE_LOSE) {
		drop_watch(relay);
		return G_SOURCE_REMOVE;
	}
	if (condition & G_IO_OUT) {
		flush(relay);
		if (relay->held && relay->port && takes_more(relay)) {
			relay->held = false;
			spice_port_wake(relay->port);
		}
	}
	if (condition & (G_IO_IN | G_IO_HUP | G_IO_ERR)) {
		if (buffer_room(&relay->from_guest) || may_discard(relay)) {
			fill(relay);
		}
		deliver(relay);
	}
	update_watch(relay);
	return G_SOURCE_CONTINUE;
}

struct relay *relay_create(
	struct spice_sink *sink, const struct relay_options *options, char *why, size_t why_size)
{
	static const char *const labels[] = {"--agent", "--usbredir", "--smartcard", "--port"};
	struct relay *relay;

	if (!*options->path || strlen(options->path) >= sizeof(relay->address.sun_path)) {
		snprintf(why, why_size, "%s: '%s' has %zu bytes: a socket's path has 1 to %zu",
			labels[options->kind], options->path, strlen(options->path),
			sizeof(relay->address.sun_path) - 1);
		errno = ENAMETOOLONG;
		return NULL;
	}
	relay = g_new0(struct relay, 1);
	relay->sink = sink;
	relay->kind = options->kind;
	relay->name = g_strdup(options->name);
	relay->label = !options->name ? g_strdup(labels[options->kind])
		: !strcmp(options->name, RELAY_WEBDAV_NAME)
		? g_strdup("--webdav")
		: g_strdup_printf("--port %s", options->name);
	relay->address.sun_family = AF_UNIX;
	memcpy(relay->address.sun_path, options->path, strlen(options->path));
	relay->fd = -1;
	relay->delay_ms = DELAY_MS;
	try_connect(relay);
	return relay;
}

void relay_destroy(struct relay *relay)
{
	if (!relay) {
		return;
	}
	close_socket(relay);
	close_port(relay);
	if (relay->timer) {
		g_source_remove(relay->timer);
	}
	if (relay->settle_source) {
		g_source_remove(relay->settle_source);
	}
	g_free(relay->name);
	g_free(relay->label);
	g_free(relay);
}

void relay_guest_closed(struct relay *relay)
{
	if (relay->kind != RELAY_AGENT || !relay->port) {
		return;
	}
	log_info("%s: the guest's agent has gone", relay->label);
	relay->counters.renewals++;
	close_socket(relay);
	close_port(relay);
	try_connect(relay);
}

void relay_hold(struct relay *relay, bool held)
{
	if (relay->on_hold == held) {
		return;
	}
	relay->on_hold = held;
	g_clear_handle_id(&relay->timer, g_source_remove);
	if (held) {
		close_socket(relay);
		close_port(relay);
	} else {
		relay->told = false;
		relay->delay_ms = DELAY_MS;
		try_connect(relay);
	}
}

enum relay_kind relay_kind(const struct relay *relay)
{
	return relay->kind;
}

const char *relay_path(const struct relay *relay)
{
	return relay->address.sun_path;
}

const char *relay_label(const struct relay *relay)
{
	return relay->label;
}

bool relay_connected(const struct relay *relay)
{
	return relay->fd >= 0;
}

bool relay_open(const struct relay *relay)
{
	return relay->port != NULL;
}

const struct relay_counters *relay_counters(const struct relay *relay)
{
	return &relay->counters;
}
