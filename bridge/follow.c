/* SPDX-License-Identifier: MIT */
#include "bridge/follow.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

#include "bridge/capture.h"
#include "bridge/log.h"
#include "bridge/members.h"
#include "bridge/qmp.h"

struct follow {
	struct qmp *qmp;
	struct capture *capture;
	const struct follow_events *events;
	void *data;
	bool paused;
	bool shown;
	uint64_t troubles; /* the monitor's failures and losses when it last connected */
};

static void tell(const struct follow *follow, const char *event)
{
	if (follow->events->told) {
		follow->events->told(follow->data, event);
	}
}

static void set_paused(struct follow *follow, bool paused)
{
	if (follow->paused == paused) {
		return;
	}
	follow->paused = paused;
	tell(follow, paused ? "machine-paused" : "machine-runs");
	if (follow->shown) {
		log_info("the virtual machine %s", paused ? "is paused" : "runs");
		capture_set_paused(follow->capture, paused);
	}
}

/*
 * Not running is not always paused: a guest that sleeps (S3) or has shut down shows that itself, by a
 * display that is off.
 */
static void on_status(void *data, JsonNode *answer, const char *why)
{
	struct follow *follow = data;
	JsonObject *object;
	const char *status;

	if (!answer || !JSON_NODE_HOLDS_OBJECT(answer)) {
		return;
	}
	object = json_node_get_object(answer);
	status = member_string(object, "status");
	set_paused(follow,
		!member_bool(object, "running", true) &&
			(!status ||
				(strcmp(status, "suspended") != 0 &&
					strcmp(status, "shutdown") != 0)));
}

static void ask(struct follow *follow)
{
	qmp_command(follow->qmp, "query-status", NULL, -1, on_status, follow);
}

static void on_connected(void *data, bool connected)
{
	struct follow *follow = data;

	if (connected) {
		const struct qmp_counters *c = qmp_counters(follow->qmp);
		bool fresh = c->failures + c->losses != follow->troubles;

		follow->troubles = c->failures + c->losses;
		ask(follow);
		tell(follow, "monitor-connected");
		follow->events->running(follow->data, fresh);
	} else {
		tell(follow, "monitor-lost");
		/* Nobody would tell us that it runs again. */
		set_paused(follow, false);
	}
}

static void on_event(void *data, const char *name, JsonObject *object)
{
	struct follow *follow = data;

	if (strcmp(name, "STOP") == 0) {
		/* It comes with an error on a disk and with a panic too; and with a shutdown. */
		ask(follow);
	} else if (strcmp(name, "RESUME") == 0) {
		set_paused(follow, false);
	} else if (strcmp(name, "RESET") == 0 || strcmp(name, "SHUTDOWN") == 0 ||
		strcmp(name, "SUSPEND") == 0 || strcmp(name, "WAKEUP") == 0) {
		if (follow->shown) {
			log_debug("the virtual machine: %s", name);
			capture_hurry(follow->capture);
		}
	} else if (strcmp(name, "DEVICE_DELETED") == 0) {
		/* Its name tells nothing, but whether QEMU has the vGPU still can be seen. */
		follow->events->unplugged(follow->data);
	}
}

static const struct qmp_events follow_events = {
	.connected = on_connected,
	.event = on_event,
};

struct follow *follow_create(
	struct qmp *qmp, struct capture *capture, const struct follow_events *events, void *data)
{
	struct follow *follow = g_new0(struct follow, 1);

	follow->qmp = qmp;
	follow->capture = capture;
	follow->events = events;
	follow->data = data;
	qmp_add_events(qmp, &follow_events, follow);
	return follow;
}

void follow_show(struct follow *follow, bool shown)
{
	follow->shown = shown;
	if (shown) {
		capture_set_paused(follow->capture, follow->paused);
	}
}

void follow_destroy(struct follow *follow)
{
	g_free(follow);
}
