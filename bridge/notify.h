/* SPDX-License-Identifier: MIT */
/*
 * Tells the service manager how far we are (sd_notify), where there is one.
 *
 * Main thread. All of it does nothing when NOTIFY_SOCKET is not set or the program was built without
 * libsystemd; nothing here fails.
 */
#ifndef BRIDGE_NOTIFY_H
#define BRIDGE_NOTIFY_H

#include <stdint.h>

/* Ready; status is one line for `systemctl status`. */
void notify_ready(const char *status);
/* Another line for `systemctl status`. */
void notify_status(const char *status);
void notify_stopping(void);

/* Within how many microseconds notify_watchdog() is expected again and again; 0: not at all. */
uint64_t notify_watchdog_limit(void);
void notify_watchdog(void);

#endif
