/* SPDX-License-Identifier: MIT */
/* Addresses as text, and whether one reaches beyond this machine. */
#include "bridge/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static bool parse_number(const char *text, unsigned long max, unsigned long *number)
{
	char *end;

	if (*text < '0' || *text > '9') {
		return false; /* strtoul would take signs and spaces */
	}
	errno = 0;
	*number = strtoul(text, &end, 10);
	return errno == 0 && *end == '\0' && *number <= max;
}

static int parse_unix(struct listen_address *address, const char *path, char *why, size_t why_size)
{
	size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;

	if (*path == '\0') {
		snprintf(why, why_size, "no path; write unix:PATH");
		return -EINVAL;
	}
	if (strlen(path) > max) {
		snprintf(why, why_size,
			"the path has %zu bytes, a socket's name at most %zu; choose a shorter one",
			strlen(path), max);
		return -EINVAL;
	}
	address->kind = ADDRESS_UNIX;
	address->path = strdup(path);
	return address->path ? 0 : -ENOMEM;
}

static int parse_tcp(struct listen_address *address, const char *text, const char *kind, char *why,
	size_t why_size)
{
	const char *host = text, *end, *port;
	unsigned long number;

	if (*text == '[') {
		host = text + 1;
		end = strchr(host, ']');
		if (!end || end[1] != ':') {
			snprintf(why, why_size, "an IPv6 address is written %s:[ADDRESS]:PORT",
				kind);
			return -EINVAL;
		}
		port = end + 2;
	} else {
		end = strrchr(text, ':');
		if (!end) {
			snprintf(why, why_size, "no port; write %s:HOST:PORT", kind);
			return -EINVAL;
		}
		if (memchr(text, ':', (size_t)(end - text))) {
			snprintf(why, why_size,
				"an IPv6 address needs brackets; write %s:[ADDRESS]:PORT", kind);
			return -EINVAL;
		}
		port = end + 1;
	}
	if (!parse_number(port, UINT16_MAX, &number)) {
		snprintf(why, why_size,
			"port '%s' is not a number from 0 to 65535 (0: a free one is chosen)",
			port);
		return -EINVAL;
	}
	address->kind = ADDRESS_TCP;
	address->port = (uint16_t)number;
	address->host = strndup(host, (size_t)(end - host));
	return address->host ? 0 : -ENOMEM;
}

static int parse_fd(struct listen_address *address, const char *text, char *why, size_t why_size)
{
	int type = 0, listening = 0;
	socklen_t size = sizeof(int);
	unsigned long number;

	if (!parse_number(text, INT_MAX, &number)) {
		snprintf(why, why_size, "'%s' is not a descriptor's number; write fd:N", text);
		return -EINVAL;
	}
	if (getsockopt((int)number, SOL_SOCKET, SO_TYPE, &type, &size) < 0) {
		snprintf(why, why_size, "descriptor %lu is %s; pass an open listening socket",
			number, errno == EBADF ? "not open" : "not a socket");
		return -EINVAL;
	}
	size = sizeof(int);
	if (type != SOCK_STREAM ||
		getsockopt((int)number, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0 ||
		!listening) {
		snprintf(why, why_size,
			"descriptor %lu is not a listening stream socket; call listen() on it or "
			"use a systemd .socket unit with Accept=no",
			number);
		return -EINVAL;
	}
	address->kind = ADDRESS_FD;
	address->fd = (int)number;
	return 0;
}

/* A name, or a number. */
static int parse_user(const char *text, uid_t *uid, char *why, size_t why_size)
{
	unsigned long number;
	const struct passwd *user;

	if (parse_number(text, UINT32_MAX - 1, &number)) {
		*uid = (uid_t)number;
		return 0;
	}
	user = getpwnam(text);
	if (!user) {
		snprintf(why, why_size, "user '%s' is not known here; see getent passwd", text);
		return -EINVAL;
	}
	*uid = user->pw_uid;
	return 0;
}

static int parse_group(const char *text, gid_t *gid, char *why, size_t why_size)
{
	unsigned long number;
	const struct group *group;

	if (parse_number(text, UINT32_MAX - 1, &number)) {
		*gid = (gid_t)number;
		return 0;
	}
	group = getgrnam(text);
	if (!group) {
		snprintf(why, why_size, "group '%s' is not known here; see getent group", text);
		return -EINVAL;
	}
	*gid = group->gr_gid;
	return 0;
}

static int parse_mode(const char *text, mode_t *mode, char *why, size_t why_size)
{
	unsigned long number;
	char *end;

	errno = 0;
	number = strtoul(text, &end, 8);
	if (*text < '0' || *text > '7' || errno || *end || number > 0777 || !(number & 0600)) {
		snprintf(why, why_size,
			"mode '%s' is not an octal number up to 0777 that lets the owner in; "
			"write mode=0660",
			text);
		return -EINVAL;
	}
	*mode = (mode_t)number;
	return 0;
}

/* USER|USER..., and uid= may stand there several times. */
static int parse_uids(struct listen_address *address, char *text, char *why, size_t why_size)
{
	char *name;

	while ((name = strsep(&text, "|"))) {
		uid_t uid = 0, *list;

		if (parse_user(name, &uid, why, why_size) < 0) {
			return -EINVAL;
		}
		list = realloc(address->uids, (address->n_uids + 1) * sizeof(*list));
		if (!list) {
			return -ENOMEM;
		}
		list[address->n_uids++] = uid;
		address->uids = list;
	}
	return 0;
}

static int parse_option(struct listen_address *address, char *option, char *why, size_t why_size)
{
	bool local = address->kind == ADDRESS_UNIX;
	char *value = strchr(option, '=');

	if (value) {
		*value++ = '\0';
	}
	if (!strcmp(option, "view-only") && !value) {
		address->view_only = true;
		return 0;
	}
	if (!strcmp(option, "tls") && !value && address->kind == ADDRESS_FD) {
		address->tls = true;
		return 0;
	}
	if (local && value && !strcmp(option, "owner")) {
		return parse_user(value, &address->owner, why, why_size);
	}
	if (local && value && !strcmp(option, "group")) {
		return parse_group(value, &address->group, why, why_size);
	}
	if (local && value && !strcmp(option, "mode")) {
		return parse_mode(value, &address->mode, why, why_size);
	}
	if (local && value && !strcmp(option, "uid")) {
		return parse_uids(address, value, why, why_size);
	}
	snprintf(why, why_size, "after the comma stands '%s%s%s'; %s", option, value ? "=" : "",
		value ? value : "",
		local ? "allowed are view-only, owner=USER, group=GROUP, mode=MODE and "
			"uid=USER|USER..."
			: address->kind == ADDRESS_FD ? "allowed are view-only and tls"
						      : "allowed is view-only");
	return -EINVAL;
}

static int parse_where(struct listen_address *address, const char *text, char *why, size_t why_size)
{
	if (!strncmp(text, "unix:", 5)) {
		return parse_unix(address, text + 5, why, why_size);
	}
	if (!strncmp(text, "tcp:", 4)) {
		return parse_tcp(address, text + 4, "tcp", why, why_size);
	}
	if (!strncmp(text, "tls:", 4)) {
		address->tls = true;
		return parse_tcp(address, text + 4, "tls", why, why_size);
	}
	if (!strncmp(text, "fd:", 3)) {
		return parse_fd(address, text + 3, why, why_size);
	}
	snprintf(why, why_size,
		"not an address; write unix:PATH, tcp:HOST:PORT, tls:HOST:PORT, fd:N or systemd");
	return -EINVAL;
}

int listen_address_parse(
	struct listen_address *address, const char *text, char *why, size_t why_size)
{
	char *copy = strdup(text), *rest = copy, *option;
	int result = -ENOMEM;

	memset(address, 0, sizeof(*address));
	address->fd = -1;
	address->owner = (uid_t)-1;
	address->group = (gid_t)-1;
	address->text = strdup(text);
	if (copy && address->text) {
		result = parse_where(address, strsep(&rest, ","), why, why_size);
	}
	while (result == 0 && (option = strsep(&rest, ","))) {
		result = parse_option(address, option, why, why_size);
	}
	free(copy);
	if (result == -ENOMEM) {
		snprintf(why, why_size, "out of memory");
	}
	if (result < 0) {
		listen_address_finish(address);
	}
	return result;
}

bool listen_address_allows(const struct listen_address *address, uid_t uid)
{
	for (size_t i = 0; i < address->n_uids; i++) {
		if (address->uids[i] == uid) {
			return true;
		}
	}
	return address->n_uids == 0;
}

void listen_address_finish(struct listen_address *address)
{
	free(address->path);
	free(address->host);
	free(address->text);
	free(address->uids);
	memset(address, 0, sizeof(*address));
	address->fd = -1;
}

static bool is_loopback(const struct sockaddr *address)
{
	if (address->sa_family == AF_UNIX) {
		return true;
	}
	if (address->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)address;

		return (ntohl(in->sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
	}
	if (address->sa_family == AF_INET6) {
		const struct in6_addr *in6 = &((const struct sockaddr_in6 *)address)->sin6_addr;

		return IN6_IS_ADDR_LOOPBACK(in6) ||
			(IN6_IS_ADDR_V4MAPPED(in6) && in6->s6_addr[12] == IN_LOOPBACKNET);
	}
	return false;
}

static bool host_is_local(const char *host)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	struct addrinfo *list, *entry;
	bool local = true;

	if (*host == '\0' || !strcmp(host, "*")) {
		return false;
	}
	/* A name is local only if everything behind it is. */
	if (getaddrinfo(host, NULL, &hints, &list) != 0) {
		return false;
	}
	for (entry = list; entry; entry = entry->ai_next) {
		local = local && is_loopback(entry->ai_addr);
	}
	freeaddrinfo(list);
	return local;
}

bool listen_address_is_local(const struct listen_address *address)
{
	union {
		struct sockaddr any;
		struct sockaddr_storage storage;
	} name;
	socklen_t size = sizeof(name);

	switch (address->kind) {
	case ADDRESS_UNIX:
		return true;
	case ADDRESS_TCP:
		return host_is_local(address->host);
	case ADDRESS_FD:
		return getsockname(address->fd, &name.any, &size) == 0 && is_loopback(&name.any);
	}
	return false;
}

bool listen_address_is_unix(const struct listen_address *address)
{
	int domain = AF_UNSPEC;
	socklen_t size = sizeof(domain);

	if (address->kind == ADDRESS_FD) {
		getsockopt(address->fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
	}
	return address->kind == ADDRESS_UNIX || domain == AF_UNIX;
}
