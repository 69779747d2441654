/* SPDX-License-Identifier: MIT */
#include "tests/client/probe.h"

#include <string.h>

gulong channel_bytes(SpiceChannel *channel)
{
	gulong bytes = 0;

	if (channel) {
		g_object_get(channel, "total-read-bytes", &bytes, NULL);
	}
	return bytes;
}

static const char *mouse_mode(struct probe *probe)
{
	gint mode = 0;

	if (probe->main) {
		g_object_get(probe->main, "mouse-mode", &mode, NULL);
	}
	return mode == SPICE_MOUSE_MODE_CLIENT ? "client" : "server";
}

static gboolean agent_is_connected(struct probe *probe)
{
	gboolean agent = FALSE;

	if (probe->main) {
		g_object_get(probe->main, "agent-connected", &agent, NULL);
	}
	return agent;
}

/* Session */

static void on_mouse_update(SpiceChannel *channel, gpointer data)
{
	say("event mouse-mode %s", mouse_mode(data));
}

static void on_agent_update(SpiceChannel *channel, gpointer data)
{
	say("event agent %d", agent_is_connected(data));
}

static void on_channel_event(SpiceChannel *channel, SpiceChannelEvent event, gpointer data)
{
	struct probe *probe = data;
	const GError *error;
	gint type;

	g_object_get(channel, "channel-type", &type, NULL);
	switch (event) {
	case SPICE_CHANNEL_OPENED:
		if (channel == probe->main) {
			probe->connected = TRUE;
			say("event connected");
			wait_poll(probe);
		}
		return;
	case SPICE_CHANNEL_CLOSED:
		if (channel == probe->main) {
			say("event closed");
		}
		return;
	case SPICE_CHANNEL_ERROR_AUTH:
		say("event error auth");
		return;
	default:
		error = spice_channel_get_error(channel);
		say("event error %s channel: %s", spice_channel_type_to_string(type),
			error ? error->message : "connection failed");
	}
}

static void on_channel_new(SpiceSession *session, SpiceChannel *channel, gpointer data)
{
	struct probe *probe = data;
	gint type, id;

	g_object_get(channel, "channel-type", &type, "channel-id", &id, NULL);
	if (id != 0) {
		return;
	}
	for (gsize i = 0; subjects[i]; i++) {
		if (subjects[i]->channel_new) {
			subjects[i]->channel_new(probe, channel, type);
		}
	}
}

static void on_channel_destroy(SpiceSession *session, SpiceChannel *channel, gpointer data)
{
	for (gsize i = 0; subjects[i]; i++) {
		if (subjects[i]->channel_destroy) {
			subjects[i]->channel_destroy(data, channel);
		}
	}
}

static void on_disconnected(SpiceSession *session, gpointer data)
{
	struct probe *probe = data;

	probe->connected = FALSE;
	say("event disconnected");
}

static void connection_channel_new(struct probe *probe, SpiceChannel *channel, gint type)
{
	switch (type) {
	case SPICE_CHANNEL_MAIN:
		g_set_object(&probe->main, channel);
		g_signal_connect(channel, "main-mouse-update", G_CALLBACK(on_mouse_update), probe);
		g_signal_connect(channel, "main-agent-update", G_CALLBACK(on_agent_update), probe);
		break;
	case SPICE_CHANNEL_DISPLAY:
		g_set_object(&probe->display, channel);
		break;
	case SPICE_CHANNEL_CURSOR:
		g_set_object(&probe->cursor, channel);
		break;
	case SPICE_CHANNEL_INPUTS:
		g_set_object(&probe->inputs, channel);
		break;
	default:
		return;
	}
	g_signal_connect(channel, "channel-event", G_CALLBACK(on_channel_event), probe);
	if (type != SPICE_CHANNEL_MAIN) {
		spice_channel_connect(channel);
	}
}

static void connection_init(struct probe *probe)
{
	g_signal_connect(probe->session, "channel-new", G_CALLBACK(on_channel_new), probe);
	g_signal_connect(probe->session, "channel-destroy", G_CALLBACK(on_channel_destroy), probe);
	g_signal_connect(probe->session, "disconnected", G_CALLBACK(on_disconnected), probe);
}

/*
 * The channels live on in coroutines that end by themselves; the process ends before that, and
 * everything they hold with it.
 */
static void connection_finish(struct probe *probe)
{
	g_signal_handlers_disconnect_by_data(probe->session, probe);
	spice_session_disconnect(probe->session);
}

/* Commands */

static gboolean check_connected(struct probe *probe, gboolean last)
{
	if (probe->connected) {
		say("ok");
		return TRUE;
	}
	if (last) {
		say("fail why=not connected");
	}
	return last;
}

static void command_wait_connected(struct probe *probe, char **arguments)
{
	wait_begin(probe, check_connected, to_number(arguments[0], 10));
}

static void command_disconnect(struct probe *probe, char **arguments)
{
	spice_session_disconnect(probe->session);
	say("ok");
}

/* What the server said of the machine: its name with %XX for what is not plain. */
static void command_identity(struct probe *probe, char **arguments)
{
	GString *hex = g_string_new(NULL);
	guint8 *uuid = NULL;
	char *name = NULL, *escaped;

	g_object_get(probe->session, "name", &name, "uuid", &uuid, NULL);
	escaped = g_uri_escape_string(name ? name : "", NULL, FALSE);
	for (int i = 0; uuid && i < 16; i++) {
		g_string_append_printf(hex, "%02x", uuid[i]);
	}
	say("ok name=%s uuid=u%s", escaped, hex->str);
	g_string_free(hex, TRUE);
	g_free(escaped);
	g_free(name);
}

static void command_bytes(struct probe *probe, char **arguments)
{
	say("ok main=%lu display=%lu cursor=%lu inputs=%lu", channel_bytes(probe->main),
		channel_bytes(probe->display), channel_bytes(probe->cursor),
		channel_bytes(probe->inputs));
}

static void command_agent(struct probe *probe, char **arguments)
{
	say("ok connected=%d", agent_is_connected(probe));
}

static void command_mouse_mode(struct probe *probe, char **arguments)
{
	say("ok mode=%s", mouse_mode(probe));
}

static void command_request_mouse_mode(struct probe *probe, char **arguments)
{
	if (!probe->connected) {
		say("fail why=not connected");
	} else if (!strcmp(arguments[0], "client") || !strcmp(arguments[0], "server")) {
		spice_main_channel_request_mouse_mode(SPICE_MAIN_CHANNEL(probe->main),
			strcmp(arguments[0], "client") ? SPICE_MOUSE_MODE_SERVER
						       : SPICE_MOUSE_MODE_CLIENT);
		say("ok");
	} else {
		say("fail why=neither client nor server: %s", arguments[0]);
	}
}

static void command_resize(struct probe *probe, char **arguments)
{
	SpiceMainChannel *channel = (SpiceMainChannel *)probe->main;

	if (!agent_is_connected(probe)) {
		say("fail why=the server has no agent");
		return;
	}
	spice_main_channel_update_display_enabled(channel, 0, TRUE, FALSE);
	spice_main_channel_update_display(channel, 0, 0, 0, (gint)to_number(arguments[0], 10),
		(gint)to_number(arguments[1], 10), FALSE);
	if (!spice_main_channel_send_monitor_config(channel)) {
		say("fail why=the monitor configuration could not be sent");
		return;
	}
	say("ok");
}

static const struct command commands[] = {
	{"wait-connected", "MS", 1, 1, command_wait_connected, "until the main channel is open"},
	{"bytes", "", 0, 0, command_bytes, "bytes received, for each channel"},
	{"identity", "", 0, 0, command_identity, "the machine's name=, and its uuid= after an u"},
	{"agent", "", 0, 0, command_agent, "connected=1 where the server has an agent, else 0"},
	{"mouse-mode", "", 0, 0, command_mouse_mode, "mode=client or mode=server"},
	{"request-mouse-mode", "client|server", 1, 1, command_request_mouse_mode,
		"asks for a mode; the server tells later which it is"},
	{"resize", "W H", 2, 2, command_resize, "asks the server for this size"},
	{"disconnect", "", 0, 0, command_disconnect, "ends the session"},
	{NULL},
};

const struct subject connection_subject = {
	.commands = commands,
	.init = connection_init,
	.channel_new = connection_channel_new,
	.finish = connection_finish,
};
