/* SPDX-License-Identifier: MIT */
/*
 * --fd-socket: a launcher connects and hands the device's descriptor over, with SCM_RIGHTS.
 *
 * The message is "vgpu-bridge-fd 1\n", then lines "pid=N\n" (whose device it is) or "name=TEXT\n" as
 * they are needed, then an empty line; the first descriptor is the device, a second one a pidfd of
 * its owner. The answer is "ok\n" or "error: REASON\n". Main thread; a peer that stalls is dropped.
 */
#ifndef BRIDGE_HANDOVER_H
#define BRIDGE_HANDOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define HANDOVER_MAX_BYTES 1024
#define HANDOVER_MAX_FDS 2

struct handover;

/* What a peer said. */
struct handover_offer {
	int device; /* -1: none came */
	int owner; /* pidfd, -1: none */
	pid_t pid; /* named by the message, 0: none */
	char name[128]; /* "": none */
};

struct handover_counters {
	unsigned long taken;
	unsigned long refused; /* wrong users, messages and descriptors */
};

/*
 * offered() gets the device and a pidfd of its owner, both its own from then on. It returns 0, or
 * -errno with a line in why for the peer.
 */
struct handover *handover_create(const char *path, unsigned uid,
	int (*offered)(void *data, const struct handover_offer *offer, char *why, size_t why_size),
	void *data, char *why, size_t why_size);
void handover_destroy(struct handover *handover);
const struct handover_counters *handover_counters(const struct handover *handover);

/* May a peer of this user hand over to us, who are self? */
bool handover_may(unsigned peer, unsigned self, unsigned allowed);

/*
 * Parses a message without its descriptors: 0, -EAGAIN where the empty line is still to come, -EINVAL
 * with why.
 */
int handover_parse(
	const char *text, size_t length, struct handover_offer *offer, char *why, size_t why_size);

#endif
