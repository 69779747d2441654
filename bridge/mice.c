/* SPDX-License-Identifier: MIT */
#include "bridge/mice.h"

#include <glib.h>

#include "bridge/log.h"
#include "bridge/members.h"
#include "bridge/qmp.h"

#define STEADY_MS 2000
#define SOON_MS 500 /* while things are likely to change */
#define SOON_US (10 * G_USEC_PER_SEC)
#define SUSPECT_US (G_USEC_PER_SEC / 4)

struct mice {
	struct qmp *qmp;
	void (*changed)(void *data, enum spice_pointer pointer);
	void *data;
	enum spice_pointer pointer;
	unsigned viewers;
	guint timer; /* 0: none */
	bool asking;
	int64_t asked_at, soon_until; /* us */
};

static void ask(struct mice *mice);

static gboolean on_due(gpointer data)
{
	struct mice *mice = data;

	mice->timer = 0;
	ask(mice);
	return G_SOURCE_REMOVE;
}

static void ask_later(struct mice *mice)
{
	bool soon = g_get_monotonic_time() < mice->soon_until;

	if (!mice->timer && mice->viewers && qmp_is_connected(mice->qmp)) {
		mice->timer = g_timeout_add(soon ? SOON_MS : STEADY_MS, on_due, mice);
	}
}

static void on_answer(void *data, JsonNode *answer, const char *why)
{
	enum spice_pointer pointer = SPICE_POINTER_RELATIVE;
	struct mice *mice = data;
	JsonArray *list;

	mice->asking = false;
	ask_later(mice);
	if (!answer || !JSON_NODE_HOLDS_ARRAY(answer)) {
		return;
	}
	list = json_node_get_array(answer);
	for (guint i = 0; i < json_array_get_length(list); i++) {
		JsonNode *mouse = json_array_get_element(list, i);

		/* Only the one that QEMU would send to now. */
		if (JSON_NODE_HOLDS_OBJECT(mouse) &&
			member_bool(json_node_get_object(mouse), "current", false) &&
			member_bool(json_node_get_object(mouse), "absolute", false)) {
			pointer = SPICE_POINTER_ABSOLUTE;
		}
	}
	if (pointer == mice->pointer) {
		return;
	}
	log_info("input: the guest's pointer is %s",
		pointer == SPICE_POINTER_ABSOLUTE ? "absolute (a tablet)" : "relative (a mouse)");
	mice->pointer = pointer;
	mice->soon_until = g_get_monotonic_time() + SOON_US;
	mice->changed(mice->data, pointer);
}

static void ask(struct mice *mice)
{
	if (mice->asking) {
		return;
	}
	if (mice->timer) {
		g_source_remove(mice->timer);
		mice->timer = 0;
	}
	mice->asked_at = g_get_monotonic_time();
	mice->asking = qmp_is_connected(mice->qmp) &&
		qmp_command(mice->qmp, "query-mice", NULL, -1, on_answer, mice) == 0;
	if (!mice->asking) {
		ask_later(mice);
	}
}

void mice_hold_off(struct mice *mice)
{
	if (mice->timer) {
		g_source_remove(mice->timer);
		mice->timer = 0;
	}
	mice->soon_until = 0;
	ask_later(mice);
}

void mice_expect_change(struct mice *mice)
{
	mice->soon_until = g_get_monotonic_time() + SOON_US;
	ask(mice);
}

void mice_suspect(struct mice *mice)
{
	if (g_get_monotonic_time() - mice->asked_at > SUSPECT_US) {
		ask(mice);
	}
}

void mice_viewers(struct mice *mice, unsigned count)
{
	bool more = count > mice->viewers;

	mice->viewers = count;
	if (more) {
		ask(mice);
	} else if (!count && mice->timer) {
		g_source_remove(mice->timer);
		mice->timer = 0;
	}
}

static void on_connected(void *data, bool connected)
{
	if (connected) {
		mice_expect_change(data);
	}
}

static const struct qmp_events qmp_events = {.connected = on_connected};

struct mice *mice_create(
	struct qmp *qmp, void (*changed)(void *data, enum spice_pointer pointer), void *data)
{
	struct mice *mice = g_new0(struct mice, 1);

	mice->qmp = qmp;
	mice->changed = changed;
	mice->data = data;
	qmp_add_events(qmp, &qmp_events, mice);
	return mice;
}

void mice_destroy(struct mice *mice)
{
	if (mice && mice->timer) {
		g_source_remove(mice->timer);
	}
	g_free(mice);
}

enum spice_pointer mice_pointer(const struct mice *mice)
{
	return mice->pointer;
}
