/* SPDX-License-Identifier: MIT */
/*
 * Where viewers come in: typed addresses, the listening sockets, and accepting on the main loop.
 *
 * Main thread. A listener owns its socket and, for unix:PATH, the file, which it removes at the end
 * (only if it is still its own). A stale socket file with no listener behind it is replaced; a live
 * one is not.
 */
#ifndef BRIDGE_LISTEN_H
#define BRIDGE_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum address_kind { ADDRESS_UNIX, ADDRESS_TCP, ADDRESS_FD };

struct listen_address {
	enum address_kind kind;
	char *path; /* unix */
	char *host; /* tcp; "" or "*": every address */
	uint16_t port; /* tcp; 0: the kernel chooses */
	int fd; /* fd */
	bool tls; /* viewers speak TLS from the first byte on */
	bool view_only;
	/* unix: the file's, (uid_t)-1 and (gid_t)-1: as it comes; mode 0: 0600, or 0660 with a group */
	uid_t owner;
	gid_t group;
	mode_t mode;
	uid_t *uids; /* unix: who may connect */
	size_t n_uids; /* 0: whoever can */
	char *text; /* as the user wrote it */
};

struct listener;

/*
 * "unix:PATH", "tcp:HOST:PORT" (IPv6 in brackets), "tls:HOST:PORT", "fd:N", each with options after
 * commas: view-only; tls (fd); owner=, group=, mode=, uid= (unix). -EINVAL with one line in why.
 */
int listen_address_parse(
	struct listen_address *address, const char *text, char *why, size_t why_size);
void listen_address_finish(struct listen_address *address);

/* May this user connect? */
bool listen_address_allows(const struct listen_address *address, uid_t uid);

/* True where only this machine (or whoever may open the path) can connect. */
bool listen_address_is_local(const struct listen_address *address);

/* True for unix sockets. */
bool listen_address_is_unix(const struct listen_address *address);

/*
 * Binds and listens; accepted() is called on the main loop with each connection (cloexec, nonblocking,
 * TCP_NODELAY), whose fd it owns. NULL with errno and one line in why. Running out of fds pauses
 * accepting for a moment, with a warning, and never spins.
 */
struct listener *listener_create(const struct listen_address *address,
	void (*accepted)(int fd, void *data), void *data, char *why, size_t why_size);
void listener_destroy(struct listener *listener);

/*
 * "spice+unix:///run/x.sock", "spice://127.0.0.1:5900" or "spice://127.0.0.1?tls-port=5901", the port
 * as it was bound.
 */
const char *listener_uri(const struct listener *listener);

#endif
