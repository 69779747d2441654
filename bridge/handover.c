/* SPDX-License-Identifier: MIT */
#include "bridge/handover.h"

#include <ctype.h>
#include <errno.h>
#include <glib-unix.h>
#include <glib.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/listen.h"
#include "bridge/log.h"
#include "vfio/attach.h"

#define MAX_PEERS 8 /* at once */
#define PEER_MS 2000 /* that a peer may take */

struct peer {
	struct handover *handover;
	int fd;
	struct ucred who;
	guint source;
	guint timer;
	char text[HANDOVER_MAX_BYTES];
	size_t length;
	int fds[HANDOVER_MAX_FDS];
	size_t n_fds;
};

struct handover {
	struct listener *listener;
	unsigned uid;
	int (*offered)(void *data, const struct handover_offer *offer, char *why, size_t why_size);
	void *data;
	GList *peers;
	bool told_user; /* the log says that a user was refused */
	struct handover_counters counters;
};

bool handover_may(unsigned peer, unsigned self, unsigned allowed)
{
	return peer == 0 || peer == self || (allowed != UINT_MAX && peer == allowed);
}

static int refuse(char *why, size_t why_size, const char *reason)
{
	snprintf(why, why_size, "%s", reason);
	return -EINVAL;
}

static int parse_line(
	const char *line, size_t length, struct handover_offer *offer, char *why, size_t why_size)
{
	char *end;
	long pid;

	if (length > 4 && memcmp(line, "pid=", 4) == 0 && isdigit((unsigned char)line[4])) {
		errno = 0;
		pid = strtol(line + 4, &end, 10);
		if (errno != 0 || end != line + length || pid < 1 || pid > INT_MAX) {
			return refuse(why, why_size, "pid= is not a process's number");
		}
		offer->pid = (pid_t)pid;
		return 0;
	}
	if (length > 5 && memcmp(line, "name=", 5) == 0) {
		if (length - 5 >= sizeof(offer->name)) {
			return refuse(why, why_size, "name= is longer than 127 bytes");
		}
		for (size_t i = 5; i < length; i++) {
			if (iscntrl((unsigned char)line[i])) {
				return refuse(why, why_size, "name= holds control characters");
			}
		}
		memcpy(offer->name, line + 5, length - 5);
		offer->name[length - 5] = '\0';
		return 0;
	}
	return refuse(why, why_size, "a line that is neither pid=N nor name=TEXT");
}

int handover_parse(
	const char *text, size_t length, struct handover_offer *offer, char *why, size_t why_size)
{
	static const char greeting[] = "vgpu-bridge-fd 1\n";
	const size_t greeting_length = sizeof(greeting) - 1;
	const char *line = text + greeting_length;
	const char *end = text + length;
	int rc;

	*offer = (struct handover_offer){.device = -1, .owner = -1};
	if (memcmp(text, greeting, length < greeting_length ? length : greeting_length) != 0) {
		return refuse(why, why_size, "the message does not begin with vgpu-bridge-fd 1");
	}
	if (length < greeting_length) {
		return -EAGAIN;
	}
	while (line < end) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));

		if (!newline) {
			break;
		}
		if (newline == line) {
			if (newline + 1 == end) {
				return 0;
			}
			return refuse(why, why_size, "something follows the empty line");
		}
		rc = parse_line(line, (size_t)(newline - line), offer, why, why_size);
		if (rc < 0) {
			return rc;
		}
		line = newline + 1;
	}
	return -EAGAIN;
}

static void drop(struct peer *peer)
{
	struct handover *handover = peer->handover;

	for (size_t i = 0; i < peer->n_fds; i++) {
		close(peer->fds[i]);
	}
	if (peer->source) {
		g_source_remove(peer->source);
	}
	if (peer->timer) {
		g_source_remove(peer->timer);
	}
	close(peer->fd);
	handover->peers = g_list_remove(handover->peers, peer);
	g_free(peer);
}

/* A short answer always fits into an empty socket buffer. */
static void say(struct peer *peer, const char *text)
{
	if (send(peer->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
		log_debug("--fd-socket: the launcher did not wait for its answer");
	}
}

static void answer(struct peer *peer, int rc, const char *why)
{
	char text[600];

	if (rc < 0) {
		snprintf(text, sizeof(text), "error: %s\n", why);
		peer->handover->counters.refused++;
		log_warning("--fd-socket: process %d of user %u: %s", peer->who.pid, peer->who.uid,
			why);
	} else {
		snprintf(text, sizeof(text), "ok\n");
		peer->handover->counters.taken++;
	}
	say(peer, text);
}

/* Where another user may hand over, everybody can connect: that must not fill the log. */
static void refuse_user(struct peer *peer)
{
	struct handover *handover = peer->handover;

	handover->counters.refused++;
	if (!handover->told_user) {
		log_warning("--fd-socket: process %d of user %u: this user may not hand over, see "
			    "--fd-socket-uid; who follows will be refused without a word",
			peer->who.pid, peer->who.uid);
	}
	handover->told_user = true;
	say(peer, "error: this user may not hand over; see --fd-socket-uid\n");
}

static bool is_pidfd(int fd)
{
	char path[64];
	char name[64];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	length = readlink(path, name, sizeof(name) - 1);
	if (length < 0) {
		return false;
	}
	name[length] = '\0';
	/* The second is how it is called since Linux 6.9. */
	return strcmp(name, "anon_inode:[pidfd]") == 0 || strncmp(name, "pidfd:", 6) == 0;
}

/* Whose device it is: a pidfd that came along, a process that was named, else the peer. */
static int find_owner(struct peer *peer, struct handover_offer *offer, char *why, size_t why_size)
{
	pid_t pid = offer->pid > 0 ? offer->pid : peer->who.pid;

	if (peer->n_fds > 1) {
		if (!is_pidfd(peer->fds[1])) {
			return refuse(
				why, why_size, "the second descriptor is not a pidfd of the owner");
		}
		offer->owner = peer->fds[1];
		return 0;
	}
	offer->owner = attach_pidfd(pid);
	if (offer->owner < 0) {
		snprintf(why, why_size, "process %d, the owner, can't be watched: %s", pid,
			strerror(-offer->owner));
		return -EINVAL;
	}
	return 0;
}

static void conclude(struct peer *peer, struct handover_offer *offer)
{
	char why[512] = "";
	int rc;

	if (peer->n_fds == 0) {
		answer(peer, -EINVAL, "no descriptor came with the message");
		return;
	}
	rc = find_owner(peer, offer, why, sizeof(why));
	if (rc == 0) {
		offer->device = peer->fds[0];
		peer->n_fds = 0;
		rc = peer->handover->offered(peer->handover->data, offer, why, sizeof(why));
	}
	answer(peer, rc, why);
}

/* What comes with SCM_RIGHTS; more than there should be is closed. */
static void keep_fds(struct peer *peer, struct msghdr *header)
{
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(header); cmsg; cmsg = CMSG_NXTHDR(header, cmsg)) {
		size_t count;
		int fd;

		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS) {
			continue;
		}
		count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(int));
			if (peer->n_fds < HANDOVER_MAX_FDS) {
				peer->fds[peer->n_fds++] = fd;
			} else {
				close(fd);
			}
		}
	}
}

static gboolean on_readable(gint fd, GIOCondition condition, gpointer data)
{
	struct peer *peer = data;
	struct handover_offer offer;
	char why[512] = "";
	struct iovec vector = {peer->text + peer->length, sizeof(peer->text) - peer->length};
	union {
		char bytes[CMSG_SPACE(sizeof(int) * HANDOVER_MAX_FDS)];
		struct cmsghdr align;
	} control;
	struct msghdr header = {
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control),
	};
	ssize_t length = recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int rc;

	if (length < 0 && (errno == EAGAIN || errno == EINTR)) {
		return G_SOURCE_CONTINUE;
	}
	if (length > 0) {
		keep_fds(peer, &header);
		peer->length += (size_t)length;
	}
	rc = handover_parse(peer->text, peer->length, &offer, why, sizeof(why));
	if (rc == -EAGAIN && length > 0 && peer->length < sizeof(peer->text)) {
		return G_SOURCE_CONTINUE;
	}
	if (rc == -EAGAIN) {
		rc = refuse(why, sizeof(why),
			length > 0 ? "the message is too long" : "the message has no empty line");
	}
	if (rc < 0) {
		answer(peer, rc, why);
	} else {
		conclude(peer, &offer);
	}
	peer->source = 0;
	drop(peer);
	return G_SOURCE_REMOVE;
}

static gboolean on_late(gpointer data)
{
	struct peer *peer = data;

	peer->timer = 0;
	answer(peer, -ETIMEDOUT, "the message did not come in time");
	drop(peer);
	return G_SOURCE_REMOVE;
}

static void on_accepted(int fd, void *data)
{
	struct handover *handover = data;
	struct peer *peer;
	socklen_t size = sizeof(peer->who);

	if (g_list_length(handover->peers) >= MAX_PEERS) {
		handover->counters.refused++;
		close(fd);
		return;
	}
	peer = g_new0(struct peer, 1);
	peer->handover = handover;
	peer->fd = fd;
	handover->peers = g_list_prepend(handover->peers, peer);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer->who, &size) < 0 ||
		!handover_may(peer->who.uid, geteuid(), handover->uid)) {
		refuse_user(peer);
		drop(peer);
		return;
	}
	peer->source = g_unix_fd_add(fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, peer);
	peer->timer = g_timeout_add(PEER_MS, on_late, peer);
}

struct handover *handover_create(const char *path, unsigned uid,
	int (*offered)(void *data, const struct handover_offer *offer, char *why, size_t why_size),
	void *data, char *why, size_t why_size)
{
	struct handover *handover = g_new0(struct handover, 1);
	/* Another user has to get at it; who it is shows when they connect. */
	struct listen_address address = {.kind = ADDRESS_UNIX,
		.fd = -1,
		.owner = (uid_t)-1,
		.group = (gid_t)-1,
		.mode = uid == UINT_MAX ? 0600 : 0666};
	int saved;

	handover->uid = uid;
	handover->offered = offered;
	handover->data = data;
	address.path = g_strdup(path);
	address.text = g_strdup_printf("unix:%s", path);
	handover->listener = listener_create(&address, on_accepted, handover, why, why_size);
	saved = errno;
	g_free(address.path);
	g_free(address.text);
	if (!handover->listener) {
		g_free(handover);
		errno = saved;
		return NULL;
	}
	return handover;
}

void handover_destroy(struct handover *handover)
{
	if (!handover) {
		return;
	}
	while (handover->peers) {
		drop(handover->peers->data);
	}
	listener_destroy(handover->listener);
	g_free(handover);
}

const struct handover_counters *handover_counters(const struct handover *handover)
{
	return &handover->counters;
}
