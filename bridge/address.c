/* SPDX-License-Identifier: MIT */
/* Addresses as text, and whether one reaches beyond this machine. */
#include "bridge/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
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

static int parse_tcp(struct listen_address *address, const char *text, char *why, size_t why_size)
{
	const char *host = text, *end, *port;
	unsigned long number;

	if (*text == '[') {
		host = text + 1;
		end = strchr(host, ']');
		if (!end || end[1] != ':') {
			snprintf(why, why_size, "an IPv6 address is written tcp:[ADDRESS]:PORT");
			return -EINVAL;
		}
		port = end + 2;
	} else {
		end = strrchr(text, ':');
		if (!end) {
			snprintf(why, why_size, "no port; write tcp:HOST:PORT");
			return -EINVAL;
		}
		if (memchr(text, ':', (size_t)(end - text))) {
			snprintf(why, why_size,
				"an IPv6 address needs brackets; write tcp:[ADDRESS]:PORT");
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

int listen_address_parse(
	struct listen_address *address, const char *text, char *why, size_t why_size)
{
	int result;

	memset(address, 0, sizeof(*address));
	address->fd = -1;
	if (!strncmp(text, "unix:", 5)) {
		result = parse_unix(address, text + 5, why, why_size);
	} else if (!strncmp(text, "tcp:", 4)) {
		result = parse_tcp(address, text + 4, why, why_size);
	} else if (!strncmp(text, "fd:", 3)) {
		result = parse_fd(address, text + 3, why, why_size);
	} else {
		snprintf(why, why_size, "not an address; write unix:PATH, tcp:HOST:PORT or fd:N");
		return -EINVAL;
	}
	if (result == 0) {
		address->text = strdup(text);
		if (!address->text) {
			result = -ENOMEM;
		}
	}
	if (result == -ENOMEM) {
		snprintf(why, why_size, "out of memory");
	}
	if (result < 0) {
		listen_address_finish(address);
	}
	return result;
}

void listen_address_finish(struct listen_address *address)
{
	free(address->path);
	free(address->host);
	free(address->text);
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
