/* SPDX-License-Identifier: MIT */
#include "bridge/viewers.h"

#include <endian.h>
#include <errno.h>
#include <glib-unix.h>
#include <glib.h>
#include <spice/protocol.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/capture.h"
#include "bridge/input.h"
#include "bridge/log.h"
#include "bridge/peer.h"

/* Connections that have not yet proved who they are. A viewer opens at most about 14 at once. */
#define WAITING_MAX 64
#define WAITING_PER_PEER 24
#define WAITING_MS 15000

/* A viewer has opened all its channels by then: it does so right after its first. */
#define OPENING_US (5 * G_USEC_PER_SEC)

/* When more of a message is waited for whose beginning is there. */
#define LOOK_AGAIN_MS 10
#define LOOK_AGAIN_MAX_MS 200

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
};

/* A connection until it has proved who it is. */
struct login {
	TAILQ_ENTRY(login) link; /* the oldest first */
	struct viewers *viewers;
	struct peer peer;
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

/* Logins. */

/* The socket is closed already, or somebody else's. */
static void login_free(struct login *login)
{
	struct viewers *viewers = login->viewers;

	if (login->source) {
		g_source_remove(login->source);
	}
	if (login->fd >= 0) {
		close(login->fd);
	}
	if (login->seat && login->begins) {
		login->seat->begun--;
	}
	TAILQ_REMOVE(&viewers->logins, login, link);
	viewers->counters.waiting--;
	g_free(login);
}

static void login_drop(struct login *login)
{
	if (login->fd < 0) {
		spice_sink_drop(login->seat->sink, login);
	}
	login_free(login);
}

static gboolean on_deadline(gpointer data);

static void arm_deadline(struct viewers *viewers)
{
	const struct login *oldest = TAILQ_FIRST(&viewers->logins);
	int64_t ms;

	if (viewers->deadline || !oldest) {
		return;
	}
	ms = WAITING_MS - (g_get_monotonic_time() - oldest->since) / 1000;
	viewers->deadline = g_timeout_add((guint)MAX(ms, 1), on_deadline, viewers);
}

static gboolean on_deadline(gpointer data)
{
	struct viewers *viewers = data;
	struct login *oldest;
	int64_t now = g_get_monotonic_time();

	while ((oldest = TAILQ_FIRST(&viewers->logins)) != NULL &&
		now - oldest->since >= WAITING_MS * (int64_t)1000) {
		viewers->counters.timed_out++;
		login_drop(oldest);
	}
	viewers->deadline = 0;
	arm_deadline(viewers);
	return G_SOURCE_REMOVE;
}

/* The oldest are those who say nothing: a viewer's are the newest. */
static void make_room(struct viewers *viewers, const struct peer *peer)
{
	struct login *login, *oldest_of_peer = NULL;
	unsigned of_peer = 0, all = 0;

	TAILQ_FOREACH(login, &viewers->logins, link)
	{
		all++;
		if (peer_equal(&login->peer, peer)) {
			of_peer++;
			if (!oldest_of_peer) {
				oldest_of_peer = login;
			}
		}
	}
	if (of_peer >= WAITING_PER_PEER) {
		login_drop(oldest_of_peer);
	} else if (all >= WAITING_MAX) {
		login_drop(TAILQ_FIRST(&viewers->logins));
	} else {
		return;
	}
	viewers->counters.crowded_out++;
}

/* Where a connection goes. */

/* For a new viewer: a free seat, else one that others only want, else the longest watched. */
static struct seat *seat_for_new(struct viewers *viewers, bool view_only)
{
	struct seat *best = NULL;

	for (unsigned i = 0; i < viewers->n_seats; i++) {
		struct seat *seat = &viewers->seats[i];

		if (seat->view_only != view_only) {
			continue;
		}
		if (!best || (best->count && !seat->count) ||
			(!best->count && !seat->count && seat->begun < best->begun) ||
			(best->count && seat->count && seat->since < best->since)) {
			best = seat;
		}
	}
	return best;
}

static struct seat *seat_of_id(struct viewers *viewers, bool view_only, uint32_t id)
{
	struct seat *first = NULL;

	for (unsigned i = 0; i < viewers->n_seats; i++) {
		struct seat *seat = &viewers->seats[i];

		if (seat->view_only != view_only) {
			continue;
		}
		if (seat->count && seat->id == id) {
			return seat;
		}
		if (!first) {
			first = seat;
		}
	}
	/* The library knows how to say no. */
	viewers->counters.strays++;
	return first;
}

/*
 * What comes in TLS or by WebSocket can't be read here. While a viewer of the same peer opens its
 * channels, it is taken for one of them, else for a new viewer. The newest is the one that opens.
 */
static struct seat *seat_of_peer(struct viewers *viewers, const struct login *login)
{
	int64_t now = g_get_monotonic_time();
	struct seat *best = NULL;

	for (unsigned i = 0; i < viewers->n_seats; i++) {
		struct seat *seat = &viewers->seats[i];

		if (seat->view_only == login->view_only && seat->count &&
			now - seat->since < OPENING_US && peer_equal(&seat->peer, &login->peer) &&
			(!best || seat->since > best->since)) {
			best = seat;
		}
	}
	viewers->counters.by_peer++;
	return best;
}

/*
 * The beginning of what a plain viewer says: a SpiceLinkHeader, then a SpiceLinkMess, whose first
 * members are the viewer's id (0: a new one) and the channel's type.
 */
#define LOOK_BYTES (sizeof(SpiceLinkHeader) + sizeof(uint32_t) + 1)

static uint32_t little_endian(const uint8_t *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return le32toh(value);
}

/* Browsers, where any web page could come: see viewers_options. */
static bool refuses(const struct login *login, const uint8_t *bytes, size_t count)
{
	static const char get[] = "GET ";
	struct viewers *viewers = login->viewers;

	if (login->tls || (login->view_only ? viewers->view_only_web : viewers->web) ||
		count < strlen(get) || memcmp(bytes, get, strlen(get)) != 0) {
		return false;
	}
	viewers->counters.web_refused++;
	if (!viewers->refused_web) {
		log_warning("a browser was refused: any web page could be in it, so give a "
			    "password, or let everybody in with --no-auth");
	}
	viewers->refused_web = true;
	return true;
}

/* -EAGAIN: more is needed. -EACCES: not here. Else sets seat and begins. */
static int choose_seat(struct login *login, const uint8_t *bytes, size_t count)
{
	static const uint8_t magic[] = {'R', 'E', 'D', 'Q'};
	struct viewers *viewers = login->viewers;
	uint32_t id;

	if (refuses(login, bytes, count)) {
		return -EACCES;
	}
	if (login->tls || memcmp(bytes, magic, MIN(count, sizeof(magic))) != 0) {
		login->seat = seat_of_peer(viewers, login);
	} else if (count < LOOK_BYTES) {
		return -EAGAIN;
	} else {
		id = little_endian(bytes + sizeof(SpiceLinkHeader));
		if (id) {
			login->seat = seat_of_id(viewers, login->view_only, id);
		}
	}
	if (!login->seat) {
		login->seat = seat_for_new(viewers, login->view_only);
		login->begins = true;
		login->seat->begun++;
		login->takes_over = login->seat->count > 0;
	}
	return 0;
}

static void hand_over(struct login *login)
{
	struct viewers *viewers = login->viewers;
	struct seat *seat = login->seat;
	int rc, fd = login->fd;

	login->fd = -1;
	/* From here on the login belongs to what the sink tells of it. */
	rc = spice_sink_add_client(seat->sink, fd, login->tls, login);
	/* Once, until one comes through: who keeps on connecting must not fill the log. */
	if (rc < 0) {
		viewers->counters.not_taken++;
		if (!viewers->refusing) {
			log_warning("a connection could not be taken: %s", strerror(-rc));
		}
	}
	viewers->refusing = rc < 0;
}

static gboolean on_readable(gint fd, GIOCondition condition, gpointer data);

static gboolean on_look_again(gpointer data)
{
	struct login *login = data;

	login->source = 0;
	on_readable(login->fd, 0, login);
	return G_SOURCE_REMOVE;
}

static gboolean on_readable(gint fd, GIOCondition condition, gpointer data)
{
	struct login *login = data;
	uint8_t bytes[LOOK_BYTES];
	ssize_t count = recv(fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);
	int rc;

	if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
		if (!login->source) {
			login->source = g_unix_fd_add(fd, G_IO_IN, on_readable, login);
		}
		return G_SOURCE_CONTINUE;
	}
	/* The callers' source ends here in any case. */
	if (login->source) {
		g_source_remove(login->source);
		login->source = 0;
	}
	if (count <= 0) {
		login->viewers->counters.ended++;
		login_free(login);
		return G_SOURCE_CONTINUE;
	}
	rc = choose_seat(login, bytes, (size_t)count);
	if (rc == 0) {
		hand_over(login);
		return G_SOURCE_CONTINUE;
	}
	if (rc != -EAGAIN) {
		login_free(login);
		return G_SOURCE_CONTINUE;
	}
	/* What has come stays readable, so the fd can't tell of what comes next. */
	login->again_ms =
		login->again_ms ? MIN(login->again_ms * 2, LOOK_AGAIN_MAX_MS) : LOOK_AGAIN_MS;
	login->source = g_timeout_add(login->again_ms, on_look_again, login);
	return G_SOURCE_CONTINUE;
}

void viewers_accept(struct viewers *viewers, const struct listen_address *address, int fd)
{
	struct login *login;
	struct peer peer;

	viewers->counters.accepted++;
	peer_of(fd, &peer);
	if (!listen_address_allows(address, peer.uid)) {
		viewers->counters.uid_refused++;
		if (!viewers->refused_uid) {
			log_warning(
				"%s: user %d was refused, and who follows will be without a word",
				address->text, (int)peer.uid);
		}
		viewers->refused_uid = true;
		close(fd);
		return;
	}
	make_room(viewers, &peer);
	login = g_new0(struct login, 1);
	login->viewers = viewers;
	login->peer = peer;
	login->since = g_get_monotonic_time();
	login->fd = fd;
	login->tls = address->tls;
	login->view_only = address->view_only;
	TAILQ_INSERT_TAIL(&viewers->logins, login, link);
	viewers->counters.waiting++;
	arm_deadline(viewers);
	on_readable(fd, 0, login);
}

/* What the sinks tell. */

static void on_linked(void *data, void *connection, int channel, uint32_t id)
{
	struct seat *seat = data;
	struct login *login = connection;
	struct viewers *viewers = seat->viewers;

	viewers->counters.linked++;
	if (channel == SPICE_CHANNEL_MAIN) {
		viewers->counters.took_over += login->takes_over;
		seat->id = id;
		seat->peer = login->peer;
		seat->since = g_get_monotonic_time();
	}
	login_free(login);
}

static void on_ended(void *data, void *connection)
{
	struct seat *seat = data;

	seat->viewers->counters.ended++;
	login_free(connection);
}

static void on_viewers(void *data, unsigned count)
{
	struct seat *seat = data;
	struct viewers *viewers = seat->viewers;
	unsigned all = 0;

	seat->count = count;
	for (unsigned i = 0; i < viewers->n_seats; i++) {
		all += viewers->seats[i].count;
	}
	viewers->events->count(viewers->events_data, all);
}

static void on_ready(void *data)
{
	const struct seat *seat = data;

	seat->viewers->events->ready(seat->viewers->events_data);
}

static void on_resize(void *data, uint32_t width, uint32_t height)
{
	const struct seat *seat = data;
	const struct viewers *viewers = seat->viewers;

	if (viewers->events->resize && !seat->view_only) {
		viewers->events->resize(viewers->events_data, seat->index, width, height);
	}
}

static struct input *input_of(const struct seat *seat)
{
	return seat->view_only ? NULL : seat->viewers->input;
}

static void on_key(void *data, uint8_t byte)
{
	const struct seat *seat = data;
	struct input *input = input_of(seat);

	if (input) {
		input_key(input, seat->index, byte);
	}
}

static void on_position(void *data, const struct spice_position *position)
{
	const struct seat *seat = data;
	struct input *input = input_of(seat);

	if (input) {
		input_position(input, seat->index, position);
	}
}

static void on_motion(void *data, int dx, int dy)
{
	const struct seat *seat = data;
	struct input *input = input_of(seat);

	if (input) {
		input_motion(input, seat->index, dx, dy);
	}
}

static void on_wheel(void *data, int steps, uint32_t buttons)
{
	const struct seat *seat = data;
	struct input *input = input_of(seat);

	if (input) {
		input_wheel(input, seat->index, steps, buttons);
	}
}

static void on_buttons(void *data, uint32_t buttons)
{
	const struct seat *seat = data;
	struct input *input = input_of(seat);

	if (input) {
		input_buttons(input, seat->index, buttons);
	}
}

static void on_input_end(void *data)
{
	const struct seat *seat = data;
	struct input *input = input_of(seat);

	if (input) {
		input_end(input, seat->index);
	}
}

static const struct spice_sink_events seat_events = {
	.ready = on_ready,
	.resize = on_resize,
	.viewers = on_viewers,
	.key = on_key,
	.position = on_position,
	.motion = on_motion,
	.wheel = on_wheel,
	.buttons = on_buttons,
	.input_end = on_input_end,
	.linked = on_linked,
	.ended = on_ended,
};

/* A seat as a sink of the capture. */

static bool seat_wants(void *self)
{
	return spice_sink_wants(self);
}

static unsigned seat_generation(void *self)
{
	return spice_sink_generation(self);
}

static bool seat_can_take(void *self, uint32_t width, uint32_t height)
{
	return spice_sink_can_take(self, width, height);
}

static void seat_give(void *self, struct frame *frame)
{
	spice_sink_give(self, frame);
}

static void seat_set_cursor(void *self, const struct cursor *cursor)
{
	spice_sink_set_cursor(self, cursor);
}

static const struct sink_ops seat_ops = {
	.wants = seat_wants,
	.generation = seat_generation,
	.can_take = seat_can_take,
	.give = seat_give,
	.set_cursor = seat_set_cursor,
};

int viewers_attach(struct viewers *viewers, struct capture *capture)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < viewers->n_seats; i++) {
		rc = capture_add_sink(capture, &(struct sink){&seat_ops, viewers->seats[i].sink});
	}
	return rc;
}

/* Life. */

struct viewers *viewers_create(const struct viewers_options *options, char *why, size_t why_size)
{
	struct viewers *viewers = g_new0(struct viewers, 1);
	unsigned count = options->seats + options->view_only_seats;
	struct spice_sink_options sink;
	int error;

	viewers->events = options->events;
	viewers->events_data = options->events_data;
	viewers->web = options->web;
	viewers->view_only_web = options->view_only_web;
	TAILQ_INIT(&viewers->logins);
	for (unsigned i = 0; i < count; i++) {
		struct seat *seat = &viewers->seats[i];

		seat->viewers = viewers;
		seat->index = i;
		seat->view_only = i >= options->seats;
		sink = seat->view_only ? options->view_only_sink : options->sink;
		sink.events = &seat_events;
		sink.events_data = seat;
		seat->sink = spice_sink_create(&sink, why, why_size);
		if (!seat->sink) {
			error = errno;
			viewers_destroy(viewers);
			errno = error;
			return NULL;
		}
		viewers->n_seats++;
	}
	return viewers;
}

void viewers_destroy(struct viewers *viewers)
{
	struct login *login;

	if (!viewers) {
		return;
	}
	while ((login = TAILQ_FIRST(&viewers->logins)) != NULL) {
		login_drop(login);
	}
	if (viewers->deadline) {
		g_source_remove(viewers->deadline);
	}
	for (unsigned i = 0; i < viewers->n_seats; i++) {
		spice_sink_destroy(viewers->seats[i].sink);
	}
	g_free(viewers);
}

void viewers_set_input(struct viewers *viewers, struct input *input)
{
	viewers->input = input;
}

void viewers_set_name(struct viewers *viewers, const char *name, const uint8_t *uuid)
{
	char *view_only;

	name = name ? name : "virtual machine";
	view_only = g_strdup_printf("%s (view only)", name);
	for (unsigned i = 0; i < viewers->n_seats; i++) {
		const struct seat *seat = &viewers->seats[i];

		spice_sink_set_name(
			seat->sink, seat->view_only || !viewers->input ? view_only : name, uuid);
	}
	g_free(view_only);
}

void viewers_set_pointer(struct viewers *viewers, enum spice_pointer pointer)
{
	for (unsigned i = 0; i < viewers->n_seats; i++) {
		if (!viewers->seats[i].view_only) {
			spice_sink_set_pointer(viewers->seats[i].sink, pointer);
		}
	}
}

void viewers_set_leds(struct viewers *viewers, uint8_t leds)
{
	for (unsigned i = 0; i < viewers->n_seats; i++) {
		spice_sink_set_leds(viewers->seats[i].sink, leds);
	}
}

unsigned viewers_seats(const struct viewers *viewers)
{
	return viewers->n_seats;
}

struct spice_sink *viewers_sink(const struct viewers *viewers, unsigned seat)
{
	return viewers->seats[seat].sink;
}

bool viewers_view_only(const struct viewers *viewers, unsigned seat)
{
	return viewers->seats[seat].view_only;
}

struct viewers_counters *viewers_counters(struct viewers *viewers)
{
	return &viewers->counters;
}
