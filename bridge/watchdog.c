/* SPDX-License-Identifier: MIT */
#include "bridge/watchdog.h"

#include <glib.h>
#include <stdint.h>
#include <stdlib.h>

#include "bridge/capture.h"
#include "bridge/log.h"
#include "bridge/notify.h"

struct watchdog {
	struct capture *capture;
	uint64_t seen; /* of the capture's beat */
	bool hung; /* said so, and it has not gone on since */
	guint source;
};

static gboolean on_time(gpointer data)
{
	struct watchdog *watchdog = data;
	bool alive = capture_alive(watchdog->capture, &watchdog->seen);

	if (alive) {
		notify_watchdog();
	}
	if (alive && watchdog->hung) {
		log_warning("watchdog: the capture thread goes on");
	} else if (!alive && !watchdog->hung) {
		log_error("watchdog: the capture thread stands in a call to the device or the GPU "
			  "that does not return; systemd is no longer told that all is well");
	}
	watchdog->hung = !alive;
	return G_SOURCE_CONTINUE;
}

struct watchdog *watchdog_create(struct capture *capture)
{
	uint64_t limit_us = notify_watchdog_limit();
	struct watchdog *watchdog;

	if (limit_us == 0) {
		return NULL;
	}
	watchdog = calloc(1, sizeof(*watchdog));
	if (!watchdog) {
		return NULL;
	}
	watchdog->capture = capture;
	/* Half of it is what sd_watchdog_enabled(3) advises. */
	watchdog->source =
		g_timeout_add((guint)MIN(limit_us / 2000 + 1, G_MAXUINT), on_time, watchdog);
	return watchdog;
}

void watchdog_destroy(struct watchdog *watchdog)
{
	if (!watchdog) {
		return;
	}
	g_source_remove(watchdog->source);
	free(watchdog);
}
