/* SPDX-License-Identifier: MIT */
/*
 * Follows the virtual machine through its QMP monitor: stopped, running again, reset.
 *
 * What the display itself shows (a mode set, a guest that sleeps, a new guest after a reset) needs no
 * monitor; the capture sees that. Main thread. Borrows the monitor, which ends first, and the capture.
 */
#ifndef BRIDGE_FOLLOW_H
#define BRIDGE_FOLLOW_H

struct capture;
struct follow;
struct qmp;

struct follow *follow_create(struct qmp *qmp, struct capture *capture);
/* After qmp_destroy(). */
void follow_destroy(struct follow *follow);

#endif
