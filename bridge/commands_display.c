/* SPDX-License-Identifier: MIT */
/* Commands of the control socket that change or show what the guest's display does. */
#include "bridge/command.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "bridge/capture.h"
#include "bridge/edid.h"
#include "bridge/edid_file.h"
#include "bridge/facts.h"
#include "bridge/relays.h"
#include "bridge/report.h"
#include "bridge/serve_impl.h"
#include "bridge/shot.h"
#include "bridge/size.h"

#define POLL_MS 20 /* for what the device says to an EDID */
#define DEVICE_MS 3000 /* that it may take for it */

/* Which monitor the guest has. notice: a line for the user, or "". */
static JsonObject *describe(struct server *server, const char *notice)
{
	JsonObject *object = report_monitor(server);

	if (notice[0]) {
		json_object_set_string_member(object, "notice", notice);
	}
	return object;
}

/* A change that the device has not answered to. */
struct pending {
	struct server *server;
	struct request *request;
	const char *event;
	char notice[256];
	bool may_undo;
	int64_t since; /* us */
};

static void finish(
	struct server *server, struct request *request, const char *event, const char *notice)
{
	serve_choose_resizer(server);
	event_tell(server, event, describe(server, ""));
	request_answer(request, report_node(describe(server, notice)));
}

static gboolean on_poll(gpointer data)
{
	struct pending *pending = data;
	struct server *server = pending->server;
	struct request *request = pending->request;
	int rc = capture_edid_outcome(server->capture);

	if (rc == -EINPROGRESS) {
		if (g_get_monotonic_time() - pending->since < DEVICE_MS * 1000) {
			return G_SOURCE_CONTINUE;
		}
		g_strlcpy(pending->notice,
			"the device has not answered yet: what becomes of it is in the log",
			sizeof(pending->notice));
		rc = 0;
	}
	server->changing = NULL;
	if (rc < 0) {
		if (pending->may_undo) {
			size_undo(server->size);
		}
		request_refuse(request, "the device refused it: %s%s", g_strerror(-rc),
			pending->may_undo ? "; the guest's monitor is what it was" : "");
	} else {
		finish(server, request, pending->event, pending->notice);
	}
	g_free(pending);
	return G_SOURCE_REMOVE;
}

/* What has become of a change: rc and notice are size.h's. Says what the device says. */
static void answer_change(struct server *server, struct request *request, const char *event, int rc,
	const char *notice, bool may_undo)
{
	struct pending *pending;

	if (rc == -ENOTSUP) {
		request_refuse(request,
			"the device takes no EDID, so its monitor can't be changed or unplugged: "
			"the size is the guest's to choose, or its agent's (see display resize)");
		return;
	}
	if (rc < 0) {
		request_refuse(request, "the device can't be given it: %s", g_strerror(-rc));
		return;
	}
	if (capture_edid_outcome(server->capture) != -EINPROGRESS) {
		finish(server, request, event, notice);
		return;
	}
	pending = g_new0(struct pending, 1);
	*pending = (struct pending){
		.server = server,
		.request = request,
		.event = event,
		.may_undo = may_undo,
		.since = g_get_monotonic_time(),
	};
	g_strlcpy(pending->notice, notice, sizeof(pending->notice));
	server->changing = request;
	g_timeout_add(POLL_MS, on_poll, pending);
}

/* One after the other: what the device says is of the last. */
static bool is_busy(struct server *server, struct request *request)
{
	if (server->changing) {
		request_refuse(request,
			"another change of the monitor is under way: try again in a moment");
	}
	return server->changing;
}

static void resize_by_agent(
	struct server *server, struct request *request, uint32_t width, uint32_t height)
{
	if (!relays_resize(server->relays, width, height)) {
		request_refuse(request,
			"the device takes no EDID, and no agent in the guest is connected that "
			"could choose the size (--agent): choose it in the guest");
		return;
	}
	size_note_fixed(server->size, width, height);
	finish(server, request, "display-resize",
		"the device takes no EDID: the guest's agent was asked");
}

static void run_resize(struct server *server, struct request *request, JsonObject *arguments)
{
	gint64 width = json_object_get_int_member_with_default(arguments, "width", 0);
	gint64 height = json_object_get_int_member_with_default(arguments, "height", 0);
	bool follow = json_object_get_boolean_member_with_default(arguments, "auto", FALSE);
	bool sized = json_object_has_member(arguments, "width") ||
		json_object_has_member(arguments, "height");
	char notice[256] = "";
	int rc;

	if (is_busy(server, request)) {
		return;
	}
	if (follow == sized) {
		request_refuse(request, "display-resize takes width and height, or auto");
		return;
	}
	if (follow) {
		size_follow(server->size, notice, sizeof(notice));
		finish(server, request, "display-resize", notice);
		return;
	}
	if (width < EDID_MIN_SIDE || width > EDID_MAX_SIDE || height < EDID_MIN_SIDE ||
		height > EDID_MAX_SIDE) {
		request_refuse(request, "a size is from %dx%d to %dx%d", EDID_MIN_SIDE,
			EDID_MIN_SIDE, EDID_MAX_SIDE, EDID_MAX_SIDE);
		return;
	}
	rc = size_fix(server->size, (uint32_t)width, (uint32_t)height, notice, sizeof(notice));
	if (rc == -ENOTSUP) {
		resize_by_agent(server, request, (uint32_t)width, (uint32_t)height);
		return;
	}
	answer_change(server, request, "display-resize", rc, notice, true);
}

/* Pairs of hexadecimal digits, and no more of them than fit. */
static bool take_digits(struct edid_blob *edid, const char *text)
{
	size_t length = strlen(text);

	if (length % 2 || length > 2 * sizeof(edid->bytes)) {
		return false;
	}
	for (size_t i = 0; i < length; i++) {
		int digit = g_ascii_xdigit_value(text[i]);

		if (digit < 0) {
			return false;
		}
		edid->bytes[i / 2] = (uint8_t)(edid->bytes[i / 2] << 4 | digit);
	}
	edid->size = length / 2;
	return true;
}

static void run_set_edid(struct server *server, struct request *request, JsonObject *arguments)
{
	const char *digits = json_object_get_string_member(arguments, "edid");
	char why[256] = "", notice[256] = "";
	struct edid_blob edid = {.size = 0};
	int rc;

	if (is_busy(server, request)) {
		return;
	}
	if (!take_digits(&edid, digits)) {
		request_refuse(request,
			"display-set-edid takes an EDID as pairs of hexadecimal digits, %d at most",
			EDID_MAX);
		return;
	}
	/* Whoever sends it says that he has checked it. */
	if (edid_check(edid.bytes, edid.size, why, sizeof(why)) < 0) {
		request_refuse(request, "this is no good EDID: %s", why);
		return;
	}
	rc = size_use_edid(server->size, &edid, notice, sizeof(notice));
	answer_change(server, request, "display-edid", rc, notice, true);
}

static void run_plug(struct server *server, struct request *request, JsonObject *arguments)
{
	char notice[256] = "";

	if (!is_busy(server, request)) {
		int rc = size_plug(server->size, notice, sizeof(notice));

		answer_change(server, request, "display-plug", rc, notice, false);
	}
}

static void run_unplug(struct server *server, struct request *request, JsonObject *arguments)
{
	char notice[256] = "";

	if (!is_busy(server, request)) {
		int rc = size_unplug(server->size, notice, sizeof(notice));

		answer_change(server, request, "display-unplug", rc, notice, false);
	}
}

static void on_shot(void *data, const struct shot_picture *picture, const char *why)
{
	static const char *const pointers[] = {
		[SHOT_POINTER_GUEST] = "guest",
		[SHOT_POINTER_HIDDEN] = "hidden",
		[SHOT_POINTER_LEFT_OUT] = "left-out",
		[SHOT_POINTER_DRAWN] = "drawn",
	};
	struct request *request = data;
	JsonObject *object;

	if (!picture) {
		request_refuse(request, "no screenshot: %s", why);
		return;
	}
	object = json_object_new();
	json_object_set_int_member(object, "width", picture->width);
	json_object_set_int_member(object, "height", picture->height);
	json_object_set_string_member(object, "format", "xrgb8888");
	json_object_set_string_member(object, "state", session_state_name(picture->state));
	report_set_text(object, "text", picture->text);
	json_object_set_string_member(object, "pointer", pointers[picture->pointer]);
	json_object_set_int_member(object, "age_ms", picture->age_ns / 1000000);
	request_answer_fd(request, report_node(object), picture->fd);
}

static void run_screenshot(struct server *server, struct request *request, JsonObject *arguments)
{
	bool cursor = json_object_get_boolean_member_with_default(arguments, "cursor", FALSE);

	shot_take(server->shot, cursor, on_shot, request);
}

const struct command commands_display[] = {
	{
		.name = "display-resize",
		.help = "Give the guest's monitor a fixed size, or let viewers' windows choose it.",
		.arguments =
			{
				{"width", ARGUMENT_INTEGER, true, "pixels, with height"},
				{"height", ARGUMENT_INTEGER, true, "pixels, with width"},
				{"auto", ARGUMENT_FLAG, true, "follow viewers' windows again"},
			},
		.run = run_resize,
	},
	{
		.name = "display-set-edid",
		.help = "Give the guest a monitor with this EDID, until display-resize.",
		.arguments =
			{
				{"edid", ARGUMENT_STRING, false,
					"1 to 8 blocks of 128 bytes, as hexadecimal digits"},
			},
		.run = run_set_edid,
	},
	{
		.name = "display-plug",
		.help = "Plug the guest's monitor in again.",
		.run = run_plug,
	},
	{
		.name = "display-unplug",
		.help = "Unplug the guest's monitor, until display-plug.",
		.run = run_unplug,
	},
	{
		.name = "screenshot",
		.help = "Give a picture of what is shown: a descriptor comes with the answer, a memfd of "
			"rows without padding. Truncate it to 0 when it is read.",
		.arguments =
			{
				{"cursor", ARGUMENT_FLAG, true, "with the guest's pointer in it"},
			},
		.run = run_screenshot,
	},
	{.name = NULL},
};
