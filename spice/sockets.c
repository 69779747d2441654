/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <linux/tcp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spice/impl.h"

/*
 * The library owns the fd numbers and closes them on threads of its own, so we ask and shut through
 * duplicates: a number of the library's could be another file by now. A duplicate keeps the
 * connection open after the library's close, thus the sweep.
 */
struct viewer_socket {
	struct viewer_socket *next;
	int fd; /* the library's number */
	int duplicate;
	ino_t inode;
	bool tcp;
	int64_t since; /* us */
	int noted; /* bytes that waited when last noted */
	const void *info; /* the library's name for it, NULL: none */
	void *connection; /* whose events are still to be told, NULL: nobody's */
	bool shut;
};

#define SOCKETS_MAX 256

/* While a connection is new its small messages wait for late acknowledgements. */
#define NEW_US (1000 * 1000)

/*
 * How much may wait in a socket before the next frame is held back. At 20 Mbit/s it is 100 ms; the
 * bytes that TCP has sent and that only travel are allowed to be more, or a long way would be slow.
 */
#define UNSENT_MAX (64 * 1024)
#define WAITING_MAX (256 * 1024)
#define FULL_UNIX (128 * 1024) /* the kernel takes a little over 200 KiB */

void sockets_init(struct sockets *sockets)
{
	pthread_mutex_init(&sockets->lock, NULL);
}

/* Does the library's number still mean the connection that it got? */
static bool still_open(const struct viewer_socket *s)
{
	struct stat st;

	return fstat(s->fd, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_ino == s->inode;
}

static void forget(struct viewer_socket *s)
{
	close(s->duplicate);
	free(s);
}

void sockets_finish(struct sockets *sockets)
{
	while (sockets->list) {
		struct viewer_socket *s = sockets->list;

		sockets->list = s->next;
		if (still_open(s)) {
			close(s->fd);
		}
		forget(s);
	}
	pthread_mutex_destroy(&sockets->lock);
}

int sockets_add(struct sockets *sockets, int fd, void *connection)
{
	struct viewer_socket *s;
	struct stat st;
	int domain = 0, one = 1;
	socklen_t len = sizeof(domain);

	if (fstat(fd, &st) < 0) {
		return -errno;
	}
	if (!S_ISSOCK(st.st_mode)) {
		return -ENOTSOCK;
	}
	s = calloc(1, sizeof(*s));
	if (!s) {
		return -ENOMEM;
	}
	s->fd = fd;
	s->connection = connection;
	s->inode = st.st_ino;
	s->since = g_get_monotonic_time();
	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len);
	s->tcp = domain == AF_INET || domain == AF_INET6;
	if (s->tcp) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	}
	s->duplicate = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (s->duplicate < 0) {
		int ret = -errno;

		free(s);
		return ret;
	}
	pthread_mutex_lock(&sockets->lock);
	if (sockets->count >= SOCKETS_MAX) {
		pthread_mutex_unlock(&sockets->lock);
		forget(s);
		return -EBUSY;
	}
	s->next = sockets->list;
	sockets->list = s;
	sockets->count++;
	pthread_mutex_unlock(&sockets->lock);
	return 0;
}

void sockets_name(struct sockets *sockets, int fd, const void *info)
{
	struct viewer_socket *s;

	pthread_mutex_lock(&sockets->lock);
	/* The newest comes first: an older one of this number is closed already. */
	for (s = sockets->list; s && s->fd != fd; s = s->next) {
	}
	if (s) {
		s->info = info;
	}
	pthread_mutex_unlock(&sockets->lock);
}

static void *take_connection(struct viewer_socket *s)
{
	void *connection = s->connection;

	s->connection = NULL;
	return connection;
}

void *sockets_told(struct sockets *sockets, const void *info, bool ended)
{
	struct viewer_socket *s;
	void *connection = NULL;

	pthread_mutex_lock(&sockets->lock);
	for (s = sockets->list; s && s->info != info; s = s->next) {
	}
	if (s) {
		connection = take_connection(s);
		if (ended) {
			s->info = NULL;
		}
	}
	pthread_mutex_unlock(&sockets->lock);
	return connection;
}

void *sockets_untaken(struct sockets *sockets, int fd)
{
	struct viewer_socket *s;
	void *connection = NULL;

	pthread_mutex_lock(&sockets->lock);
	for (s = sockets->list; s && s->fd != fd; s = s->next) {
	}
	if (s) {
		connection = take_connection(s);
		s->info = NULL;
	}
	pthread_mutex_unlock(&sockets->lock);
	return connection;
}

bool sockets_sweep(struct sockets *sockets)
{
	struct viewer_socket **link;
	bool left;

	pthread_mutex_lock(&sockets->lock);
	link = &sockets->list;
	while (*link) {
		struct viewer_socket *s = *link;

		if (still_open(s)) {
			link = &s->next;
			continue;
		}
		*link = s->next;
		sockets->count--;
		forget(s);
	}
	left = sockets->list != NULL;
	pthread_mutex_unlock(&sockets->lock);
	return left;
}

static int waiting(const struct viewer_socket *s)
{
	int bytes;

	return ioctl(s->duplicate, SIOCOUTQ, &bytes) < 0 ? 0 : bytes;
}

static int unsent(const struct viewer_socket *s)
{
	int bytes;

	return !s->tcp || ioctl(s->duplicate, SIOCOUTQNSD, &bytes) < 0 ? 0 : bytes;
}

bool sockets_behind(struct sockets *sockets)
{
	struct viewer_socket *s;
	bool behind = false;

	pthread_mutex_lock(&sockets->lock);
	for (s = sockets->list; s && !behind; s = s->next) {
		behind = waiting(s) > WAITING_MAX || unsent(s) > UNSENT_MAX;
	}
	pthread_mutex_unlock(&sockets->lock);
	return behind;
}

bool sockets_full(struct sockets *sockets)
{
	struct viewer_socket *s;
	bool full = false;

	pthread_mutex_lock(&sockets->lock);
	for (s = sockets->list; s && !full; s = s->next) {
		full = waiting(s) > (s->tcp ? WAITING_MAX : FULL_UNIX) || unsent(s) > UNSENT_MAX;
	}
	pthread_mutex_unlock(&sockets->lock);
	return full;
}

uint64_t sockets_waiting(struct sockets *sockets)
{
	struct viewer_socket *s;
	uint64_t sum = 0;

	pthread_mutex_lock(&sockets->lock);
	for (s = sockets->list; s; s = s->next) {
		sum += (unsigned)waiting(s);
	}
	pthread_mutex_unlock(&sockets->lock);
	return sum;
}

static unsigned shut_down(struct viewer_socket *s)
{
	if (s->shut) {
		return 0;
	}
	s->shut = true;
	shutdown(s->duplicate, SHUT_RDWR);
	return 1;
}

void sockets_drop(struct sockets *sockets, const void *connection)
{
	struct viewer_socket *s;

	pthread_mutex_lock(&sockets->lock);
	for (s = sockets->list; s && s->connection != connection; s = s->next) {
	}
	if (s) {
		s->connection = NULL;
		shut_down(s);
	}
	pthread_mutex_unlock(&sockets->lock);
}

void sockets_note(struct sockets *sockets)
{
	struct viewer_socket *s;

	pthread_mutex_lock(&sockets->lock);
	for (s = sockets->list; s; s = s->next) {
		s->noted = waiting(s);
	}
	pthread_mutex_unlock(&sockets->lock);
}

int64_t sockets_round_trip_us(struct sockets *sockets)
{
	int64_t longest = 0;

	pthread_mutex_lock(&sockets->lock);
	for (const struct viewer_socket *s = sockets->list; s; s = s->next) {
		struct tcp_info info = {0};
		socklen_t size = sizeof(info);

		/* The least that was ever seen: others have the waits of late acknowledgements in them. */
		if (!s->shut &&
			getsockopt(s->duplicate, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
			size >= offsetof(struct tcp_info, tcpi_min_rtt) +
					sizeof(info.tcpi_min_rtt) &&
			info.tcpi_min_rtt != UINT32_MAX) {
			longest = MAX(longest, (int64_t)info.tcpi_min_rtt);
		}
	}
	pthread_mutex_unlock(&sockets->lock);
	return longest;
}

int64_t sockets_newest_us(struct sockets *sockets)
{
	int64_t now = g_get_monotonic_time(), newest = INT64_MAX;
	struct viewer_socket *s;

	pthread_mutex_lock(&sockets->lock);
	for (s = sockets->list; s; s = s->next) {
		newest = MIN(newest, now - s->since);
	}
	pthread_mutex_unlock(&sockets->lock);
	return newest;
}

unsigned sockets_shut(struct sockets *sockets, enum sockets_which which)
{
	int64_t now = g_get_monotonic_time();
	struct viewer_socket *s;
	unsigned n = 0;

	pthread_mutex_lock(&sockets->lock);
	for (s = sockets->list; s; s = s->next) {
		bool old = now - s->since > NEW_US;
		int bytes = waiting(s);

		if (which == SOCKETS_ALL || (which == SOCKETS_OLD && old) ||
			(which == SOCKETS_STALLED && old && bytes && bytes == s->noted)) {
			n += shut_down(s);
		}
		s->noted = bytes;
	}
	pthread_mutex_unlock(&sockets->lock);
	return n;
}
