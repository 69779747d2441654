/* SPDX-License-Identifier: MIT */
/*
 * Tells the service manager how far we are (sd_notify), where there is one.
 *
 * Main thread. Both calls do nothing when NOTIFY_SOCKET is not set or the program was built without
 * libsystemd; they never fail.
 */
#ifndef BRIDGE_NOTIFY_H
#define BRIDGE_NOTIFY_H

/* Ready; status is one line for `systemctl status`, e.g. the first URI. */
void notify_ready(const char *status);
void notify_stopping(void);

#endif
