/* SPDX-License-Identifier: MIT */
#include "bridge/peer.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static void inet6_peer(const struct in6_addr *address, struct peer *peer)
{
	uint32_t v4;

	if (IN6_IS_ADDR_V4MAPPED(address)) {
		memcpy(&v4, address->s6_addr + 12, sizeof(v4));
		peer->family = AF_INET;
		peer->id = v4;
		return;
	}
	/* Whoever has one address of a /64 has them all. */
	memcpy(&peer->id, address->s6_addr, sizeof(peer->id));
}

void peer_of(int fd, struct peer *peer)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_storage storage;
	} name = {0};
	struct ucred credentials;
	socklen_t size = sizeof(name);

	*peer = (struct peer){.uid = (uid_t)-1};
	if (getpeername(fd, &name.any, &size) < 0) {
		return;
	}
	peer->family = name.any.sa_family;
	switch (name.any.sa_family) {
	case AF_UNIX:
		/* As of its connect(2): who was handed the socket later counts as who made it. */
		size = sizeof(credentials);
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0) {
			peer->id = (uint64_t)(uint32_t)credentials.pid;
			peer->uid = credentials.uid;
		}
		break;
	case AF_INET:
		peer->id = name.in.sin_addr.s_addr;
		break;
	case AF_INET6:
		inet6_peer(&name.in6.sin6_addr, peer);
		break;
	}
}

void peer_text(const struct peer *peer, char *text, size_t size)
{
	struct in6_addr network = {0};
	struct in_addr v4;
	char address[INET6_ADDRSTRLEN] = "";

	switch (peer->family) {
	case AF_UNIX:
		snprintf(text, size, "process %" PRIu64 " of user %ld", peer->id, (long)peer->uid);
		break;
	case AF_INET:
		v4.s_addr = (in_addr_t)peer->id;
		inet_ntop(AF_INET, &v4, text, (socklen_t)size);
		break;
	case AF_INET6:
		memcpy(network.s6_addr, &peer->id, sizeof(peer->id));
		inet_ntop(AF_INET6, &network, address, sizeof(address));
		/* In the network of zeroes nobody is but ourselves, ::1. */
		snprintf(text, size, peer->id ? "%s/64" : "%s1", address);
		break;
	default:
		snprintf(text, size, "unknown");
	}
}

bool peer_equal(const struct peer *a, const struct peer *b)
{
	return a->family == b->family && a->id == b->id && a->uid == b->uid;
}
