/* SPDX-License-Identifier: MIT */
/* From a connection to the seat that it belongs to, and its end where it proves nothing in time. */
#include <endian.h>
#include <errno.h>
#include <glib-unix.h>
#include <glib.h>
#include <spice/protocol.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/log.h"
#include "bridge/viewers_impl.h"

/* Connections that have not yet proved who they are. A viewer opens at most about 14 at once. */
#define WAITING_MAX 64
#define WAITING_PER_PEER 24
#define WAITING_MS 15000

/* A viewer has opened all its channels by then: it does so right after its first. */
#define OPENING_US (5 * G_USEC_PER_SEC)

/* When more of a message is waited for whose beginning is there. */
#define LOOK_AGAIN_MS 10
#define LOOK_AGAIN_MAX_MS 200

void login_free(struct login *login)
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

void login_drop(struct login *login)
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
	login->address = address;
	login->tls = address->tls;
	login->view_only = address->view_only;
	TAILQ_INSERT_TAIL(&viewers->logins, login, link);
	viewers->counters.waiting++;
	arm_deadline(viewers);
	on_readable(fd, 0, login);
}
