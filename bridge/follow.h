/* SPDX-License-Identifier: MIT */
/*
 * Follows the virtual machine through its QMP monitor: stopped, running again, reset, its vGPU unplugged.
 *
 * What the display itself shows (a mode set, a guest that sleeps, a new guest after a reset) needs no
 * monitor; the capture sees that. Main thread. Borrows the monitor, which ends first, and the capture.
 */
#ifndef BRIDGE_FOLLOW_H
#define BRIDGE_FOLLOW_H

#include <stdbool.h>

struct capture;
struct follow;
struct qmp;

struct follow_events {
	/* The monitor listens: fresh where it did not before, as of a machine that has just started. */
	void (*running)(void *data, bool fresh);
	/* A device was unplugged from the machine, and it may be the vGPU. */
	void (*unplugged)(void *data);
	/* "machine-paused", "machine-runs", "monitor-connected" or "monitor-lost"; NULL: not told. */
	void (*told)(void *data, const char *event);
};

struct follow *follow_create(
	struct qmp *qmp, struct capture *capture, const struct follow_events *events, void *data);
/* Is this machine the one that the capture shows? At first it is not. */
void follow_show(struct follow *follow, bool shown);
/* After qmp_destroy(). */
void follow_destroy(struct follow *follow);

#endif
