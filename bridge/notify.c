/* SPDX-License-Identifier: MIT */
#include "bridge/notify.h"

#ifdef HAVE_SYSTEMD

#include <systemd/sd-daemon.h>

void notify_ready(const char *status)
{
	sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void notify_status(const char *status)
{
	sd_notifyf(0, "STATUS=%s", status);
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
