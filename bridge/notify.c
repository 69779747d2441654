/* SPDX-License-Identifier: MIT */
#include "bridge/notify.h"

#ifdef HAVE_SYSTEMD

#include <glib.h>
#include <systemd/sd-daemon.h>

#include "bridge/printable.h"

/* It may name a machine or a device; a second line of it would be another word to systemd. */
static void send_status(const char *before, const char *status)
{
	char *line = printable_copy(status, false);

	sd_notifyf(0, "%sSTATUS=%s", before, line);
	g_free(line);
}

void notify_ready(const char *status)
{
	send_status("READY=1\n", status);
}

void notify_status(const char *status)
{
	send_status("", status);
}

void notify_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}

uint64_t notify_watchdog_limit(void)
{
	uint64_t limit_us = 0;

	return sd_watchdog_enabled(0, &limit_us) > 0 ? limit_us : 0;
}

void notify_watchdog(void)
{
	sd_notify(0, "WATCHDOG=1");
}

#else

void notify_ready(const char *status)
{
}

void notify_status(const char *status)
{
}

void notify_stopping(void)
{
}

uint64_t notify_watchdog_limit(void)
{
	return 0;
}

void notify_watchdog(void)
{
}

#endif
