/* SPDX-License-Identifier: MIT */
/*
 * What waits to be sent to QEMU: lines of text, and descriptors that go along with some.
 *
 * Main thread; never blocks, and holds no more than QMP_OUT_MAX bytes. Owns its texts, and copies of
 * the descriptors until they are sent. Zeroes are no valid state: qmp_out_init().
 */
#ifndef BRIDGE_QMP_OUT_H
#define BRIDGE_QMP_OUT_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#define QMP_OUT_MAX ((size_t)256 << 10) /* bytes that QEMU has not read yet */

struct qmp_out {
	GQueue chunks;
	size_t size; /* bytes in them that are not sent */
};

void qmp_out_init(struct qmp_out *out);
/* Forgets all of it. */
void qmp_out_clear(struct qmp_out *out);
bool qmp_out_empty(const struct qmp_out *out);

/*
 * Takes ownership of text, by g_free(), in any case. fd: goes with the text, -1: none; stays the
 * caller's. 0, -EAGAIN where too much waits, or another -errno for the fd.
 */
int qmp_out_add(struct qmp_out *out, char *text, int fd);
/* Sends what a stream socket takes now. False: the connection is of no use any more. */
bool qmp_out_send(struct qmp_out *out, int socket);

#endif
