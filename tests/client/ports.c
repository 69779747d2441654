/* SPDX-License-Identifier: MIT */
#include "tests/client/probe.h"

#include <string.h>

/* Channels of all kinds, and what goes through those that are ports. */
struct port {
	SpiceChannel *channel;
	gchar *name; /* NULL: not yet known */
	GByteArray *got; /* and not yet asked for */
	gboolean open;
};

struct ports {
	GPtrArray *list; /* struct port */
	GPtrArray *channels; /* all that the session has */
	/* Of the command that waits. */
	gchar *name, *file;
	guint64 bytes;
	gboolean written;
	GError *error;
};

static void free_port(gpointer data)
{
	struct port *port = data;

	g_signal_handlers_disconnect_by_data(port->channel, port);
	g_object_unref(port->channel);
	g_byte_array_unref(port->got);
	g_free(port->name);
	g_free(port);
}

static struct port *find(struct probe *probe, const char *name)
{
	for (guint i = 0; i < probe->ports->list->len; i++) {
		struct port *port = g_ptr_array_index(probe->ports->list, i);

		if (!g_strcmp0(port->name, name)) {
			return port;
		}
	}
	return NULL;
}

/* Signals */

static struct probe *probe_of(SpiceChannel *channel)
{
	return g_object_get_data(G_OBJECT(channel), "probe");
}

static void on_open(GObject *channel, GParamSpec *property, gpointer data)
{
	struct port *port = data;

	g_free(port->name);
	g_object_get(channel, "port-name", &port->name, "port-opened", &port->open, NULL);
	say("event port %s %s", port->name, port->open ? "open" : "closed");
	wait_poll(probe_of(SPICE_CHANNEL(channel)));
}

static void on_data(SpicePortChannel *channel, gpointer bytes, gint size, gpointer data)
{
	g_byte_array_append(((struct port *)data)->got, bytes, size);
	wait_poll(probe_of(SPICE_CHANNEL(channel)));
}

static void remove_port(struct probe *probe, SpiceChannel *channel)
{
	GPtrArray *list = probe->ports->list;

	for (guint i = 0; i < list->len; i++) {
		struct port *port = g_ptr_array_index(list, i);

		if (port->channel == channel) {
			say("event port %s gone", port->name ? port->name : "?");
			g_ptr_array_remove_index_fast(list, i);
			break;
		}
	}
}

/* The session keeps a channel that the server has closed. */
static void on_event(SpiceChannel *channel, SpiceChannelEvent event, gpointer data)
{
	if (event != SPICE_CHANNEL_OPENED) {
		remove_port(probe_of(channel), channel);
	}
}

static void on_channel_new(SpiceSession *session, SpiceChannel *channel, gpointer data)
{
	struct probe *probe = data;
	struct port *port;

	g_ptr_array_add(probe->ports->channels, channel);
	if (!SPICE_IS_PORT_CHANNEL(channel)) {
		return;
	}
	port = g_new0(struct port, 1);
	port->channel = g_object_ref(channel);
	port->got = g_byte_array_new();
	g_object_set_data(G_OBJECT(channel), "probe", probe);
	g_ptr_array_add(probe->ports->list, port);
	g_signal_connect(channel, "notify::port-opened", G_CALLBACK(on_open), port);
	g_signal_connect(channel, "port-data", G_CALLBACK(on_data), port);
	g_signal_connect(channel, "channel-event", G_CALLBACK(on_event), port);
	spice_channel_connect(channel);
}

static void on_channel_destroy(SpiceSession *session, SpiceChannel *channel, gpointer data)
{
	struct probe *probe = data;

	g_ptr_array_remove(probe->ports->channels, channel);
	remove_port(probe, channel);
}

static void ports_init(struct probe *probe)
{
	probe->ports = g_new0(struct ports, 1);
	probe->ports->list = g_ptr_array_new_with_free_func(free_port);
	probe->ports->channels = g_ptr_array_new();
	g_signal_connect(probe->session, "channel-new", G_CALLBACK(on_channel_new), probe);
	g_signal_connect(probe->session, "channel-destroy", G_CALLBACK(on_channel_destroy), probe);
}

/* Commands */

static void command_channels(struct probe *probe, char **arguments)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < probe->ports->channels->len; i++) {
		gint type, id;

		g_object_get(g_ptr_array_index(probe->ports->channels, i), "channel-type", &type,
			"channel-id", &id, NULL);
		g_string_append_printf(
			text, "%s%s:%d", i ? "," : "", spice_channel_type_to_string(type), id);
	}
	say("ok list=%s", text->str);
	g_string_free(text, TRUE);
}

static void wait_for(struct probe *probe, char **arguments, wait_function check, guint64 ms)
{
	struct ports *ports = probe->ports;

	g_free(ports->name);
	g_free(ports->file);
	ports->name = g_strdup(arguments[0]);
	ports->file = g_strdup(arguments[1]);
	ports->written = FALSE;
	g_clear_error(&ports->error);
	wait_begin(probe, check, ms);
}

static gboolean check_open(struct probe *probe, gboolean last)
{
	struct port *port = find(probe, probe->ports->name);

	if (port && port->open) {
		say("ok");
		return TRUE;
	}
	if (last) {
		say("fail why=the port is %s", port ? "closed" : "not there");
	}
	return last;
}

static void command_open(struct probe *probe, char **arguments)
{
	wait_for(probe, arguments, check_open, to_number(arguments[1], 10));
}

static gboolean check_read(struct probe *probe, gboolean last)
{
	struct ports *ports = probe->ports;
	struct port *port = find(probe, ports->name);
	GError *error = NULL;

	if (port && port->got->len >= ports->bytes) {
		if (g_file_set_contents(
			    ports->file, (char *)port->got->data, ports->bytes, &error)) {
			g_byte_array_remove_range(port->got, 0, ports->bytes);
			say("ok more=%u", port->got->len);
		} else {
			say("fail why=%s", error->message);
			g_error_free(error);
		}
		return TRUE;
	}
	if (last) {
		say("fail bytes=%u why=no more bytes came", port ? port->got->len : 0);
	}
	return last;
}

static void command_read(struct probe *probe, char **arguments)
{
	probe->ports->bytes = to_number(arguments[2], 10);
	wait_for(probe, arguments, check_read, to_number(arguments[3], 10));
}

static void on_written(GObject *channel, GAsyncResult *result, gpointer data)
{
	struct probe *probe = data;

	g_clear_error(&probe->ports->error);
	spice_port_channel_write_finish(SPICE_PORT_CHANNEL(channel), result, &probe->ports->error);
	probe->ports->written = TRUE;
	wait_poll(probe);
}

static gboolean check_written(struct probe *probe, gboolean last)
{
	struct ports *ports = probe->ports;

	if (ports->written) {
		if (ports->error) {
			say("fail why=%s", ports->error->message);
		} else {
			say("ok");
		}
		return TRUE;
	}
	if (last) {
		say("fail why=it was not taken");
	}
	return last;
}

static void command_write(struct probe *probe, char **arguments)
{
	struct port *port = find(probe, arguments[0]);
	GError *error = NULL;
	gchar *bytes;
	gsize size;

	if (!port || !port->open) {
		say("fail why=the port is not open");
		return;
	}
	if (!g_file_get_contents(arguments[1], &bytes, &size, &error)) {
		say("fail why=%s", error->message);
		g_error_free(error);
		return;
	}
	/* The channel keeps the bytes until they are sent, so they live as long as it does. */
	g_object_set_data_full(G_OBJECT(port->channel), "bytes", bytes, g_free);
	spice_port_channel_write_async(
		SPICE_PORT_CHANNEL(port->channel), bytes, size, NULL, on_written, probe);
	wait_for(probe, arguments, check_written, to_number(arguments[2], 10));
}

static void ports_finish(struct probe *probe)
{
	struct ports *ports = probe->ports;

	g_signal_handlers_disconnect_by_data(probe->session, probe);
	g_ptr_array_unref(ports->list);
	g_ptr_array_unref(ports->channels);
	g_clear_error(&ports->error);
	g_free(ports->name);
	g_free(ports->file);
	g_free(ports);
}

static const struct command commands[] = {
	{"channels", "", 0, 0, command_channels, "all that there are, as main:0,display:0"},
	{"port-open", "NAME MS", 2, 2, command_open, "until the port is open"},
	{"port-write", "NAME FILE MS", 3, 3, command_write,
		"until the file's bytes have gone to the server"},
	{"port-read", "NAME FILE BYTES MS", 4, 4, command_read,
		"until so many bytes have come, and writes them to the file"},
	{NULL},
};

const struct subject ports_subject = {
	.commands = commands,
	.init = ports_init,
	.finish = ports_finish,
};
