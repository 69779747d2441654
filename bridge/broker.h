/* SPDX-License-Identifier: MIT */
/*
 * The broker: a small process that has the rights to find and open the device, and hands it over.
 *
 * The bridge talks to networks and guests, so it keeps no rights. Before that it forks the broker,
 * whose task is fixed by then: a request is the one word "look", so a bridge that was taken over can
 * ask for nothing else. It ends when the bridge does. For the verb run it also starts QEMU, with the
 * user's rights. Of several sources each has a broker of its own: together they would need the rights
 * of all. Main thread; broker_start() before the first thread there is.
 */
#ifndef BRIDGE_BROKER_H
#define BRIDGE_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "vfio/device.h"

struct broker;
struct launch;
struct options;

enum broker_kind {
	BROKER_ANSWER, /* to a look */
	BROKER_ENDED, /* QEMU, of the verb run: result is its exit status */
};

struct broker_answer {
	enum broker_kind kind;
	int result; /* 0: found and owner are filled, and the caller's; else -errno as of attach.h */
	char why[512]; /* one line */
	struct device_found found;
	int owner; /* pidfd of the process that the device belongs to, or -1 */
};

/*
 * Forks. *broker is NULL where the source needs none (--fd, --fd-socket, --simulate). launch is for
 * the verb run, else NULL; the broker owns a copy. 0 or -errno with why.
 */
int broker_start(const struct options *options, struct launch *launch, struct broker **broker,
	char *why, size_t why_size);
void broker_destroy(struct broker *broker);

/* Readable when there is an answer, or the broker has died. Non-blocking. */
int broker_fd(const struct broker *broker);

/* Asks it to look once. 0 or -errno. */
int broker_look(struct broker *broker);
/* Passes a signal on to QEMU, of the verb run. */
int broker_signal(struct broker *broker, int number);
/* Closes what an answer brought. */
void broker_answer_close(struct broker_answer *answer);
/* Takes an answer: 0, -EAGAIN where there is none yet, -EPIPE where the broker is no more. */
int broker_receive(struct broker *broker, struct broker_answer *answer);
/* Waits for it. For the start, when nothing else is there to wait. 0 or -EPIPE. */
int broker_wait(struct broker *broker, struct broker_answer *answer);

#endif
