/* SPDX-License-Identifier: MIT */
/*
 * What kind of pointer the guest has: QEMU is asked, for it does not tell.
 *
 * Main thread. Borrows the qmp. A guest's driver takes the tablet into use, or lets go of it, at any
 * time, and QMP has no event for that: so query-mice is asked every now and then while anybody is
 * there to point, and at once where something hints at a change.
 */
#ifndef BRIDGE_MICE_H
#define BRIDGE_MICE_H

#include "spice/sink.h"

struct mice;
struct qmp;

/* changed: told when the kind becomes known, and at each change. Destroy it with the qmp. */
struct mice *mice_create(
	struct qmp *qmp, void (*changed)(void *data, enum spice_pointer pointer), void *data);
void mice_destroy(struct mice *mice);

/* SPICE_POINTER_NONE: not known yet. A QEMU that goes away leaves it as it was. */
enum spice_pointer mice_pointer(const struct mice *mice);

void mice_viewers(struct mice *mice, unsigned count);
/* The guest begins anew, or its devices change: ask now, and often for a while. */
void mice_expect_change(struct mice *mice);
/*
 * QEMU may be about to end: the next question waits its full time. One that arrives while the rest of
 * QEMU is gone already makes QEMU 10 crash.
 */
void mice_hold_off(struct mice *mice);
/* QEMU had no device for what was sent: ask, but not for each of such. */
void mice_suspect(struct mice *mice);

#endif
