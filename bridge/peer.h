/* SPDX-License-Identifier: MIT */
/*
 * Who is at the other end of a connection, as far as the kernel knows.
 *
 * Plain values; any thread.
 */
#ifndef BRIDGE_PEER_H
#define BRIDGE_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Equal for two connections of one IPv4 address, one IPv6 network (/64), or one local process. */
struct peer {
	int family; /* AF_UNIX, AF_INET (also for mapped addresses), AF_INET6; 0: unknown */
	uint64_t id;
	uid_t uid; /* unix only */
};

void peer_of(int fd, struct peer *peer);
/* For people: an address, a network, or a process. */
void peer_text(const struct peer *peer, char *text, size_t size);
bool peer_equal(const struct peer *a, const struct peer *b);

#endif
