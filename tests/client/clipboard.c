/* SPDX-License-Identifier: MIT */
/*
 * What a viewer does with the guest's agent: the clipboard, both ways, and files that are sent.
 */
#include "tests/client/probe.h"

#include <spice/vd_agent.h>
#include <string.h>

#define SELECTION VD_AGENT_CLIPBOARD_SELECTION_CLIPBOARD

struct clipboard {
	gchar *text; /* offered to the guest */
	gsize size;
	gboolean guest_offers; /* text, since it was last taken back */
	guint requests; /* of the offered text by the guest */

	/* A command that waits. */
	gchar *path; /* where what the guest has goes, NULL: nothing is waited for */
	gboolean requested;
	gchar *received;
	gsize received_size;

	gboolean sending, sent;
	gchar *send_error;
};

static SpiceMainChannel *agent_channel(struct probe *probe)
{
	gboolean agent = FALSE;

	if (probe->main) {
		g_object_get(probe->main, "agent-connected", &agent, NULL);
	}
	if (!agent) {
		say("fail why=the server has no agent");
		return NULL;
	}
	return SPICE_MAIN_CHANNEL(probe->main);
}

/* What the guest's agent says */

static void ask_for_text(struct probe *probe)
{
	struct clipboard *clipboard = probe->clipboard;

	if (clipboard->path && clipboard->guest_offers && !clipboard->requested) {
		clipboard->requested = TRUE;
		spice_main_channel_clipboard_selection_request(
			SPICE_MAIN_CHANNEL(probe->main), SELECTION, VD_AGENT_CLIPBOARD_UTF8_TEXT);
	}
}

static gboolean on_grab(
	SpiceMainChannel *channel, guint selection, guint32 *types, guint n, gpointer data)
{
	struct probe *probe = data;

	if (selection != SELECTION) {
		return FALSE;
	}
	probe->clipboard->guest_offers = FALSE;
	for (guint i = 0; i < n; i++) {
		if (types[i] == VD_AGENT_CLIPBOARD_UTF8_TEXT) {
			probe->clipboard->guest_offers = TRUE;
		}
	}
	say("event clipboard-grab text=%d", probe->clipboard->guest_offers);
	ask_for_text(probe);
	return TRUE;
}

static void on_release(SpiceMainChannel *channel, guint selection, gpointer data)
{
	struct probe *probe = data;

	if (selection == SELECTION) {
		probe->clipboard->guest_offers = FALSE;
		say("event clipboard-release");
	}
}

static gboolean on_request(SpiceMainChannel *channel, guint selection, guint type, gpointer data)
{
	struct clipboard *clipboard = ((struct probe *)data)->clipboard;

	if (selection != SELECTION || type != VD_AGENT_CLIPBOARD_UTF8_TEXT || !clipboard->text) {
		return FALSE;
	}
	clipboard->requests++;
	say("event clipboard-request");
	spice_main_channel_clipboard_selection_notify(
		channel, selection, type, (const guchar *)clipboard->text, clipboard->size);
	return TRUE;
}

static void on_data(SpiceMainChannel *channel, guint selection, guint type, gpointer bytes,
	guint size, gpointer data)
{
	struct clipboard *clipboard = ((struct probe *)data)->clipboard;

	if (selection != SELECTION || !clipboard->requested || clipboard->received) {
		return;
	}
	clipboard->received = g_memdup2(bytes, size);
	if (!clipboard->received) {
		clipboard->received = g_strdup("");
	}
	clipboard->received_size = size;
	wait_poll(data);
}

static void clipboard_channel_new(struct probe *probe, SpiceChannel *channel, gint type)
{
	if (type != SPICE_CHANNEL_MAIN) {
		return;
	}
	g_signal_connect(channel, "main-clipboard-selection-grab", G_CALLBACK(on_grab), probe);
	g_signal_connect(
		channel, "main-clipboard-selection-release", G_CALLBACK(on_release), probe);
	g_signal_connect(
		channel, "main-clipboard-selection-request", G_CALLBACK(on_request), probe);
	g_signal_connect(channel, "main-clipboard-selection", G_CALLBACK(on_data), probe);
}

static void clipboard_init(struct probe *probe)
{
	probe->clipboard = g_new0(struct clipboard, 1);
}

static void clipboard_finish(struct probe *probe)
{
	struct clipboard *clipboard = probe->clipboard;

	g_free(clipboard->text);
	g_free(clipboard->path);
	g_free(clipboard->received);
	g_free(clipboard->send_error);
	g_clear_pointer(&probe->clipboard, g_free);
}

/* Commands */

static void command_capabilities(struct probe *probe, char **arguments)
{
	SpiceMainChannel *channel = agent_channel(probe);

	if (channel) {
		say("ok mouse=%d monitors=%d clipboard=%d selection=%d",
			spice_main_channel_agent_test_capability(channel, VD_AGENT_CAP_MOUSE_STATE),
			spice_main_channel_agent_test_capability(
				channel, VD_AGENT_CAP_MONITORS_CONFIG),
			spice_main_channel_agent_test_capability(
				channel, VD_AGENT_CAP_CLIPBOARD_BY_DEMAND),
			spice_main_channel_agent_test_capability(
				channel, VD_AGENT_CAP_CLIPBOARD_SELECTION));
	}
}

static void command_set(struct probe *probe, char **arguments)
{
	guint32 types[] = {VD_AGENT_CLIPBOARD_UTF8_TEXT};
	struct clipboard *clipboard = probe->clipboard;
	SpiceMainChannel *channel = agent_channel(probe);
	GError *error = NULL;

	if (!channel) {
		return;
	}
	g_clear_pointer(&clipboard->text, g_free);
	if (!g_file_get_contents(arguments[0], &clipboard->text, &clipboard->size, &error)) {
		say("fail why=%s", error->message);
		g_error_free(error);
		return;
	}
	spice_main_channel_clipboard_selection_grab(channel, SELECTION, types, G_N_ELEMENTS(types));
	say("ok size=%" G_GSIZE_FORMAT, clipboard->size);
}

static gboolean check_received(struct probe *probe, gboolean last)
{
	struct clipboard *clipboard = probe->clipboard;
	GError *error = NULL;

	if (!clipboard->received && !last) {
		return FALSE;
	}
	if (!clipboard->received) {
		say("fail why=%s",
			clipboard->requested ? "the guest's text did not come"
					     : "the guest offers no text");
	} else if (!g_file_set_contents(clipboard->path, clipboard->received,
			   (gssize)clipboard->received_size, &error)) {
		say("fail why=%s", error->message);
		g_error_free(error);
	} else {
		say("ok size=%" G_GSIZE_FORMAT, clipboard->received_size);
	}
	g_clear_pointer(&clipboard->path, g_free);
	return TRUE;
}

static void command_get(struct probe *probe, char **arguments)
{
	struct clipboard *clipboard = probe->clipboard;

	if (!agent_channel(probe)) {
		return;
	}
	g_clear_pointer(&clipboard->received, g_free);
	clipboard->requested = FALSE;
	clipboard->path = g_strdup(arguments[0]);
	ask_for_text(probe);
	wait_begin(probe, check_received, to_number(arguments[1], 10));
}

static void on_sent(GObject *source, GAsyncResult *result, gpointer data)
{
	struct clipboard *clipboard = ((struct probe *)data)->clipboard;
	GError *error = NULL;

	if (!clipboard) { /* the program ends */
		return;
	}
	if (!spice_main_channel_file_copy_finish(SPICE_MAIN_CHANNEL(source), result, &error)) {
		clipboard->send_error = g_strdup(error ? error->message : "not sent");
		g_clear_error(&error);
	}
	clipboard->sending = FALSE;
	clipboard->sent = TRUE;
	wait_poll(data);
}

static gboolean check_sent(struct probe *probe, gboolean last)
{
	struct clipboard *clipboard = probe->clipboard;

	if (!clipboard->sent && !last) {
		return FALSE;
	}
	if (!clipboard->sent) {
		say("fail why=the agent has not taken the whole file");
	} else if (clipboard->send_error) {
		say("fail why=%s", clipboard->send_error);
	} else {
		say("ok");
	}
	return TRUE;
}

static void command_send_file(struct probe *probe, char **arguments)
{
	SpiceMainChannel *channel = agent_channel(probe);
	struct clipboard *clipboard = probe->clipboard;
	GFile *files[] = {NULL, NULL};

	if (!channel) {
		return;
	}
	if (clipboard->sending) {
		say("fail why=another file is on its way");
		return;
	}
	clipboard->sending = TRUE;
	clipboard->sent = FALSE;
	g_clear_pointer(&clipboard->send_error, g_free);
	files[0] = g_file_new_for_path(arguments[0]);
	spice_main_channel_file_copy_async(
		channel, files, G_FILE_COPY_NONE, NULL, NULL, NULL, on_sent, probe);
	g_object_unref(files[0]);
	wait_begin(probe, check_sent, to_number(arguments[1], 10));
}

static const struct command commands[] = {
	{"agent-capabilities", "", 0, 0, command_capabilities,
		"mouse=, monitors=, clipboard= and selection=, each 0 or 1"},
	{"clipboard-set", "FILE", 1, 1, command_set, "offers the text in it to the guest"},
	{"clipboard-get", "FILE MS", 2, 2, command_get,
		"until the guest offers text and that has come; writes it"},
	{"send-file", "FILE MS", 2, 2, command_send_file, "until the guest's agent has all of it"},
	{NULL},
};

const struct subject clipboard_subject = {
	.commands = commands,
	.init = clipboard_init,
	.channel_new = clipboard_channel_new,
	.finish = clipboard_finish,
};
