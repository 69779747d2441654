/* SPDX-License-Identifier: MIT */
/*
 * Tells systemd that we live (WatchdogSec=), as long as the capture thread does.
 *
 * Once in half of the time that systemd gives, the main loop asks whether the capture thread has gone
 * round or sleeps by design; neither is woken for it more often. Where the thread stands in a call that
 * does not return, or the main loop does not come to it, nothing is said, and systemd starts us anew.
 * Main thread; the capture is borrowed.
 */
#ifndef BRIDGE_WATCHDOG_H
#define BRIDGE_WATCHDOG_H

struct capture;
struct watchdog;

/* NULL where nobody asked for it ($WATCHDOG_USEC), or there is no memory. */
struct watchdog *watchdog_create(struct capture *capture);
/* Takes NULL. Before the capture's end. */
void watchdog_destroy(struct watchdog *watchdog);

#endif
