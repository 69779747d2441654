/* SPDX-License-Identifier: MIT */
/*
 * Between the broker's two sides: the messages, and what runs in the child.
 *
 * A request is one byte, an answer one packet with its fds. Both ends are ours, yet each takes what
 * comes as hostile: lengths are checked, strings are ended, fds that don't belong are closed.
 */
#ifndef BRIDGE_BROKER_IMPL_H
#define BRIDGE_BROKER_IMPL_H

#include <stdint.h>

#include "bridge/broker.h"

#define BROKER_LOOK 'l'
#define BROKER_SIGINT 'i'
#define BROKER_SIGTERM 't'

/* Bits of message.fds, in the order in which the fds are sent. */
#define BROKER_MAX_FDS 5

struct broker_message {
	uint32_t kind;
	int32_t result;
	uint32_t fds; /* bit 0: device, 1: group, 2: container, 3: iommu, 4: owner */
	char why[512];
	char name[128];
	char uuid[37];
	char render_node[64];
};

/* Sends an answer; its fds stay the caller's. 0 or -errno. */
int broker_send(int socket, const struct broker_answer *answer);
/* 0, -EAGAIN, -EPIPE at the end, or -EPROTO for what is no answer. */
int broker_take(int socket, int flags, struct broker_answer *answer);

/*
 * The child. keep: what it does with the rights that this process has. Looks by the options given,
 * until the other end of the socket is closed.
 */
_Noreturn void broker_main(const struct options *options, struct launch *launch, int socket);

/*
 * Restricts this process for good; search: it takes what others have, else it opens devices. Needs
 * no-new-privileges. 0, or -errno where the kernel has no filters.
 */
int broker_filter(bool search);

/* Looks once. */
struct broker_task {
	const struct options *options;
	struct launch *launch;
	const char *root;
	int pidfd; /* of --qemu-pid, from the start: a number that comes again is not the same */
};
void broker_look_once(struct broker_task *task, struct broker_answer *answer);

#endif
