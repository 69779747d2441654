/* SPDX-License-Identifier: MIT */
/* Listening sockets and accepting on the main loop. */
#include "bridge/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "bridge/log.h"

#define BACKLOG 128 /* a connection that finds it full comes again a second later */
#define ACCEPT_AT_ONCE 16 /* connections taken in one turn, so that others get theirs */
#define PAUSE_MS 500 /* before accepting again, when fds or memory had run out */

struct listener {
	int fd;
	char *path; /* absolute; NULL unless we made the file */
	dev_t device; /* of the socket's file as we made it */
	ino_t inode;
	char *uri;
	guint source; /* the fd's, or the pause's */
	bool short_of_fds; /* said so, and no connection came through since */
	void (*accepted)(int fd, void *data);
	void *data;
};

static int fail(char *why, size_t why_size, int error, const char *what, const char *remedy)
{
	snprintf(why, why_size, "%s: %s; %s", what, strerror(error), remedy);
	return -error;
}

/*
 * Removes a socket file that nobody listens on. Whatever else is there stays: connect() on a plain
 * file is refused too, so the kind is asked first.
 */
static int clear_stale(const struct sockaddr_un *name, char *why, size_t why_size)
{
	struct stat status;
	int fd, error;

	if (lstat(name->sun_path, &status) < 0) {
		return 0; /* bind() will tell, if it is more than "not there" */
	}
	if (!S_ISSOCK(status.st_mode)) {
		snprintf(why, why_size,
			"%s exists and is not a socket; choose another path or remove it",
			name->sun_path);
		return -EEXIST;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return fail(why, why_size, errno, "socket", "raise the limit of open files");
	}
	error = connect(fd, (const struct sockaddr *)name, sizeof(*name)) < 0 ? errno : 0;
	close(fd);
	if (error != ECONNREFUSED) {
		snprintf(why, why_size,
			"%s is in use by a running program; end that or choose another path",
			name->sun_path);
		return -EADDRINUSE;
	}
	if (unlink(name->sun_path) < 0) {
		return fail(why, why_size, errno, name->sun_path,
			"this stale socket can't be removed; remove it by hand");
	}
	return 0;
}

/*
 * Owner, group and mode, while nobody can connect yet. The file is held, so that it is the one that
 * was asked about, whatever happens in its folder.
 */
static int set_owner(const struct listen_address *address, char *why, size_t why_size)
{
	mode_t mode = address->mode ? address->mode : address->group != (gid_t)-1 ? 0660 : 0600;
	bool owned = address->owner != (uid_t)-1 || address->group != (gid_t)-1;
	char self[32];
	struct stat status;
	int fd, result = 0;

	if (!owned && mode == 0600) {
		return 0;
	}
	fd = open(address->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) < 0) {
		result = fail(why, why_size, errno, address->path, "choose another folder");
	} else if (!S_ISSOCK(status.st_mode)) {
		result = fail(why, why_size, EEXIST, address->path,
			"somebody else changes this folder, choose another");
	}
	/* The mode first: a file that was given away is no longer ours to change. */
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (result == 0 && chmod(self, mode) < 0) {
		result = fail(why, why_size, errno, address->path, "choose another folder");
	}
	if (result == 0 && owned &&
		fchownat(fd, "", address->owner, address->group, AT_EMPTY_PATH) < 0) {
		result = fail(why, why_size, errno, address->text,
			"only a group that this process is in can be set without privileges: "
			"choose such a group, or use uid=, or a systemd .socket unit");
	}
	if (fd >= 0) {
		close(fd);
	}
	return result;
}

static int open_unix(
	struct listener *listener, const struct listen_address *address, char *why, size_t why_size)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	struct stat status;
	int result;

	/* The length was checked when the text was parsed. */
	snprintf(name.sun_path, sizeof(name.sun_path), "%s", address->path);
	result = clear_stale(&name, why, why_size);
	if (result < 0) {
		return result;
	}
	listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener->fd < 0) {
		return fail(why, why_size, errno, "socket", "raise the limit of open files");
	}
	/*
	 * The file takes the mode of the socket, so it is never wider than this; umask() would touch
	 * the other threads. unix(7), and net/unix/af_unix.c for the first half.
	 */
	if (fchmod(listener->fd, 0600) < 0 ||
		bind(listener->fd, (struct sockaddr *)&name, sizeof(name)) < 0) {
		return fail(why, why_size, errno, address->path,
			"choose a directory that exists and that you may write");
	}
	listener->path = g_canonicalize_filename(address->path, NULL);
	if (lstat(listener->path, &status) == 0) {
		listener->device = status.st_dev;
		listener->inode = status.st_ino;
	}
	/* Before listen(), connect() is refused. */
	result = set_owner(address, why, why_size);
	if (result == 0 && listen(listener->fd, BACKLOG) < 0) {
		result = fail(why, why_size, errno, address->path, "choose another path");
	}
	return result;
}

static int open_inet(
	struct listener *listener, const struct addrinfo *entry, bool wildcard, int *error)
{
	static const int on = 1, off = 0;

	listener->fd = socket(entry->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener->fd < 0) {
		goto fail;
	}
	setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (entry->ai_family == AF_INET6) {
		/* "*" is every address of both kinds; [::] in words is IPv6 alone. */
		setsockopt(
			listener->fd, IPPROTO_IPV6, IPV6_V6ONLY, wildcard ? &off : &on, sizeof(on));
	}
	if (bind(listener->fd, entry->ai_addr, entry->ai_addrlen) < 0 ||
		listen(listener->fd, BACKLOG) < 0) {
		goto fail;
	}
	return 0;

fail:
	*error = errno;
	if (listener->fd >= 0) {
		close(listener->fd);
		listener->fd = -1;
	}
	return -*error;
}

static int open_tcp(
	struct listener *listener, const struct listen_address *address, char *why, size_t why_size)
{
	struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	bool wildcard = address->host[0] == '\0' || !strcmp(address->host, "*");
	static const int families[] = {AF_INET6, AF_INET};
	int error = EADDRNOTAVAIL, result = -1, found;
	struct addrinfo *list, *entry;
	char port[8];

	snprintf(port, sizeof(port), "%u", address->port);
	if (wildcard) {
		/* IPv6's "every address" takes IPv4 too; IPv4 alone where there is no IPv6. */
		for (size_t i = 0; i < 2 && result < 0; i++) {
			hints.ai_family = families[i];
			if (getaddrinfo(NULL, port, &hints, &list) == 0) {
				result = open_inet(listener, list, true, &error);
				freeaddrinfo(list);
			}
		}
	} else {
		found = getaddrinfo(address->host, port, &hints, &list);
		if (found != 0) {
			snprintf(why, why_size,
				"host '%s': %s; write an address or a name of this machine",
				address->host, gai_strerror(found));
			return -EADDRNOTAVAIL;
		}
		for (entry = list; entry && result < 0; entry = entry->ai_next) {
			result = open_inet(listener, entry, false, &error);
		}
		freeaddrinfo(list);
	}
	if (result < 0) {
		return fail(why, why_size, error, address->text,
			error == EADDRINUSE       ? "choose another port, or 0 for a free one"
				: error == EACCES ? "choose a port above 1023"
				: error == EAFNOSUPPORT
				? "in a unit, which has no network of its own, see SYSTEMD in the "
				  "man page; else choose another address"
				: "choose an address of this machine");
	}
	return 0;
}

static int adopt_fd(
	struct listener *listener, const struct listen_address *address, char *why, size_t why_size)
{
	int flags = fcntl(address->fd, F_GETFL);

	if (flags < 0 || fcntl(address->fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
		fcntl(address->fd, F_SETFD, FD_CLOEXEC) < 0) {
		return fail(why, why_size, errno, address->text, "pass an open listening socket");
	}
	listener->fd = address->fd;
	return 0;
}

static char *make_uri(int fd, bool tls)
{
	union {
		struct sockaddr any;
		struct sockaddr_un local;
		struct sockaddr_storage storage;
	} name = {0};
	socklen_t size = sizeof(name);
	char host[NI_MAXHOST], port[NI_MAXSERV];

	if (getsockname(fd, &name.any, &size) < 0) {
		return NULL;
	}
	if (name.any.sa_family == AF_UNIX) {
		char *path, *uri;

		if (name.local.sun_path[0] == '\0') {
			/* Abstract: no URI names it, but say what can be said. */
			return g_strdup_printf("spice+unix:@%.*s",
				(int)sizeof(name.local.sun_path) - 1, name.local.sun_path + 1);
		}
		path = g_canonicalize_filename(name.local.sun_path, NULL);
		uri = g_strdup_printf("spice+unix://%s", path);
		g_free(path);
		return uri;
	}
	if (getnameinfo(&name.any, size, host, sizeof(host), port, sizeof(port),
		    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
		return NULL;
	}
	return g_strdup_printf(strchr(host, ':') ? "spice://[%s]%s%s" : "spice://%s%s%s", host,
		tls ? "?tls-port=" : ":", port);
}

static gboolean on_connection(gint fd, GIOCondition condition, gpointer data);

static gboolean on_pause_over(gpointer data)
{
	struct listener *listener = data;

	listener->source = g_unix_fd_add(listener->fd, G_IO_IN, on_connection, listener);
	return G_SOURCE_REMOVE;
}

/*
 * A connection that can't be taken keeps the socket readable, so the loop would spin: leave it
 * waiting for a moment.
 */
static void pause_accepting(struct listener *listener, int error)
{
	if (!listener->short_of_fds) {
		log_warning("%s: nobody can be let in: %s; trying again every %d ms", listener->uri,
			strerror(error), PAUSE_MS);
		listener->short_of_fds = true;
	}
	listener->source = g_timeout_add(PAUSE_MS, on_pause_over, listener);
}

static gboolean on_connection(gint listening, GIOCondition condition, gpointer data)
{
	static const int on = 1;
	struct listener *listener = data;

	for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
		int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0) {
			switch (errno) {
			case EAGAIN:
				return G_SOURCE_CONTINUE;
			case EINTR:
			case ECONNABORTED: /* and what accept(2) lists as the peer's trouble */
			case EPROTO:
			case EPERM:
			case ENETDOWN:
			case ENETUNREACH:
			case EHOSTDOWN:
			case EHOSTUNREACH:
			case ENOPROTOOPT:
				continue;
			default:
				pause_accepting(listener, errno);
				return G_SOURCE_REMOVE;
			}
		}
		listener->short_of_fds = false;
		/* Not for unix sockets, which answer EOPNOTSUPP. */
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		listener->accepted(fd, listener->data);
	}
	return G_SOURCE_CONTINUE;
}

struct listener *listener_create(const struct listen_address *address,
	void (*accepted)(int fd, void *data), void *data, char *why, size_t why_size)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	int result = -EINVAL;

	if (!listener) {
		snprintf(why, why_size, "out of memory");
		return NULL;
	}
	listener->fd = -1;
	listener->accepted = accepted;
	listener->data = data;
	switch (address->kind) {
	case ADDRESS_UNIX:
		result = open_unix(listener, address, why, why_size);
		break;
	case ADDRESS_TCP:
		result = open_tcp(listener, address, why, why_size);
		break;
	case ADDRESS_FD:
		result = adopt_fd(listener, address, why, why_size);
		break;
	}
	if (result == 0) {
		listener->uri = make_uri(listener->fd, address->tls);
		if (!listener->uri) {
			listener->uri = g_strdup(address->text);
		}
		listener->source = g_unix_fd_add(listener->fd, G_IO_IN, on_connection, listener);
		return listener;
	}
	listener_destroy(listener);
	errno = -result;
	return NULL;
}

void listener_destroy(struct listener *listener)
{
	struct stat status;

	if (!listener) {
		return;
	}
	if (listener->source) {
		g_source_remove(listener->source);
	}
	/* Someone may have put another file there meanwhile: that one is not ours to remove. */
	if (listener->path && listener->inode && lstat(listener->path, &status) == 0 &&
		status.st_dev == listener->device && status.st_ino == listener->inode) {
		unlink(listener->path);
	}
	if (listener->fd >= 0) {
		close(listener->fd);
	}
	g_free(listener->path);
	g_free(listener->uri);
	free(listener);
}

const char *listener_uri(const struct listener *listener)
{
	return listener->uri;
}
