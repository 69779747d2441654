/* SPDX-License-Identifier: MIT */
/* The way to QEMU's sound, step by step: over QMP a socket of its own, or a bus; then the listeners. */
#include <errno.h>
#include <gio/gunixfdlist.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/audio_impl.h"
#include "bridge/audio_offer.h"
#include "bridge/log.h"
#include "bridge/qmp.h"
#include "spice/audio.h"

#define RETRY_MS 2000
#define CALL_TIMEOUT_MS 10000
#define FD_NAME "vgpu-bridge-audio"
#define BUS_NAME "org.qemu"

static void close_fd(int *fd)
{
	if (*fd >= 0) {
		close(*fd);
		*fd = -1;
	}
}

static gboolean on_retry(gpointer data)
{
	struct audio *audio = data;

	audio->retry = 0;
	audio_begin(audio);
	return G_SOURCE_REMOVE;
}

void audio_end(struct audio *audio)
{
	g_cancellable_cancel(audio->cancellable);
	g_clear_object(&audio->cancellable);
	for (size_t i = 0; i < G_N_ELEMENTS(audio->listeners); i++) {
		if (audio->listeners[i]) {
			audio_listener_count(audio->listeners[i], &audio->done[i]);
			audio_listener_destroy(audio->listeners[i]);
			audio->listeners[i] = NULL;
		}
	}
	if (audio->connection) {
		g_signal_handlers_disconnect_by_data(audio->connection, audio);
		g_dbus_connection_close(audio->connection, NULL, NULL, NULL);
		g_clear_object(&audio->connection);
	}
	close_fd(&audio->end);
	close_fd(&audio->own_end);
	g_clear_handle_id(&audio->record_timer, g_source_remove);
	for (size_t i = 0; i < audio->n_seats; i++) {
		spice_audio_set_playing(audio->seats[i].sound, 0);
		spice_audio_set_recording(audio->seats[i].sound, 0);
		audio_queue_reset(&audio->seats[i].behind, 0);
	}
	audio->state = (struct audio_state){0};
}

void audio_fail(struct audio *audio, const char *why)
{
	if (strncmp(audio->failure, why, sizeof(audio->failure) - 1) != 0) {
		g_strlcpy(audio->failure, why, sizeof(audio->failure));
		log_warning("no sound at present: %s", why);
	}
	audio_end(audio);
	if (!audio->retry) {
		audio->retry = g_timeout_add(RETRY_MS, on_retry, audio);
	}
}

static bool make_pair(struct audio *audio)
{
	int fds[2];

	close_fd(&audio->end);
	close_fd(&audio->own_end);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
		return false;
	}
	audio->end = fds[0];
	audio->own_end = fds[1];
	return true;
}

static void register_listener(struct audio *audio, enum audio_direction direction);

static void on_registered(GObject *source, GAsyncResult *result, gpointer data)
{
	struct audio *audio = data;
	GError *error = NULL;
	GVariant *answer = g_dbus_connection_call_with_unix_fd_list_finish(
		G_DBUS_CONNECTION(source), NULL, result, &error);

	if (!answer) {
		/* Cancelled: there is no audio any more. */
		if (!g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
			audio_fail(audio, error->message);
		}
		g_error_free(error);
		return;
	}
	g_variant_unref(answer);
	if (audio->records && !audio->listeners[AUDIO_IN]) {
		register_listener(audio, AUDIO_IN);
		return;
	}
	audio->connects++;
	audio->failure[0] = '\0';
	log_info("sound: connected to QEMU");
}

static void register_listener(struct audio *audio, enum audio_direction direction)
{
	bool out = direction == AUDIO_OUT;
	GUnixFDList *list;

	if (!make_pair(audio)) {
		audio_fail(audio, "no socket");
		return;
	}
	list = g_unix_fd_list_new_from_array(&audio->end, 1);
	audio->end = -1;
	/* QEMU waits for our name from within the call. */
	audio->listeners[direction] =
		audio_listener_create(direction, out ? audio_on_play : audio_on_record, audio);
	audio_listener_serve(audio->listeners[direction], audio->own_end);
	audio->own_end = -1;
	g_dbus_connection_call_with_unix_fd_list(audio->connection, audio->bus ? BUS_NAME : NULL,
		"/org/qemu/Display1/Audio", "org.qemu.Display1.Audio",
		out ? "RegisterOutListener" : "RegisterInListener", g_variant_new("(h)", 0), NULL,
		G_DBUS_CALL_FLAGS_NO_AUTO_START, CALL_TIMEOUT_MS, list, audio->cancellable,
		on_registered, audio);
	g_object_unref(list);
}

static void on_closed(GDBusConnection *connection, gboolean vanished, GError *error, gpointer data)
{
	audio_fail(data, "QEMU closed the connection");
}

/* QEMU has nothing to ask of us here: what it says unasked is not kept. */
static GDBusMessage *drop_calls(
	GDBusConnection *connection, GDBusMessage *message, gboolean incoming, gpointer data)
{
	GDBusMessageType type = g_dbus_message_get_message_type(message);

	if (incoming && type != G_DBUS_MESSAGE_TYPE_METHOD_RETURN &&
		type != G_DBUS_MESSAGE_TYPE_ERROR) {
		g_object_unref(message);
		return NULL;
	}
	return message;
}

static void use_connection(struct audio *audio, GDBusConnection *connection, GError *error)
{
	if (!connection) {
		if (!g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
			audio_fail(audio, error->message);
		}
		g_error_free(error);
		return;
	}
	audio->connection = connection;
	g_signal_connect(connection, "closed", G_CALLBACK(on_closed), audio);
	g_dbus_connection_add_filter(connection, drop_calls, NULL, NULL);
	if (!audio->bus) {
		g_dbus_connection_start_message_processing(connection);
	}
	register_listener(audio, AUDIO_OUT);
}

static void on_connected(GObject *source, GAsyncResult *result, gpointer data)
{
	GError *error = NULL;
	GDBusConnection *connection = g_dbus_connection_new_finish(result, &error);

	use_connection(data, connection, error);
}

static void on_bus(GObject *source, GAsyncResult *result, gpointer data)
{
	GError *error = NULL;
	GDBusConnection *connection = g_dbus_connection_new_for_address_finish(result, &error);

	use_connection(data, connection, error);
}

/* An answer of QMP has come. Was all given up meanwhile, then the next try was held back for it. */
static bool still_wanted(struct audio *audio)
{
	audio->asked = false;
	if (audio->cancellable) {
		return true;
	}
	audio_begin(audio);
	return false;
}

static void ask(
	struct audio *audio, const char *command, JsonObject *arguments, int fd, qmp_answer answer)
{
	int rc = qmp_command(audio->qmp, command, arguments, fd, answer, audio);

	if (rc < 0) {
		audio_fail(audio, strerror(-rc));
	} else {
		audio->asked = true;
	}
}

static void on_client_added(void *data, JsonNode *answer, const char *why)
{
	struct audio *audio = data;
	GSocketConnection *stream;
	GSocket *socket;
	JsonObject *arguments;

	if (!still_wanted(audio)) {
		return;
	}
	close_fd(&audio->end);
	if (!answer) {
		arguments = json_object_new();
		json_object_set_string_member(arguments, "fdname", FD_NAME);
		qmp_command(audio->qmp, "closefd", arguments, -1, NULL, NULL);
		audio_fail(audio, why);
		return;
	}
	socket = g_socket_new_from_fd(audio->own_end, NULL);
	if (!socket) {
		audio_fail(audio, "no socket");
		return;
	}
	audio->own_end = -1;
	stream = g_socket_connection_factory_create_connection(socket);
	g_dbus_connection_new(G_IO_STREAM(stream), NULL,
		G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
			G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING,
		NULL, audio->cancellable, on_connected, audio);
	g_object_unref(stream);
	g_object_unref(socket);
}

static void on_fd_given(void *data, JsonNode *answer, const char *why)
{
	struct audio *audio = data;
	JsonObject *arguments;

	if (!still_wanted(audio)) {
		return;
	}
	if (!answer) {
		audio_fail(audio, why);
		return;
	}
	arguments = json_object_new();
	json_object_set_string_member(arguments, "protocol", "@dbus-display");
	json_object_set_string_member(arguments, "fdname", FD_NAME);
	ask(audio, "add_client", arguments, -1, on_client_added);
}

static void on_options(void *data, JsonNode *answer, const char *why)
{
	struct audio *audio = data;
	JsonObject *arguments;

	if (!still_wanted(audio)) {
		return;
	}
	if (!audio_is_offered(answer)) {
		audio->heard->refused = true;
		log_info("no sound: QEMU was not started with -audiodev dbus,id=ID -display "
			 "dbus,p2p=yes,audiodev=ID");
		audio_end(audio);
		return;
	}
	if (!make_pair(audio)) {
		audio_fail(audio, "no socket");
		return;
	}
	arguments = json_object_new();
	json_object_set_string_member(arguments, "fdname", FD_NAME);
	ask(audio, "getfd", arguments, audio->end, on_fd_given);
}

static void on_version(void *data, JsonNode *answer, const char *why)
{
	struct audio *audio = data;

	if (!still_wanted(audio)) {
		return;
	}
	if (audio_is_safe(answer)) {
		ask(audio, "query-display-options", NULL, -1, on_options);
		return;
	}
	if (answer) {
		log_info("no sound: QEMU before 8.1 has it on a bus only, see --audio");
	}
	audio->heard->refused = true;
	audio_end(audio);
}

void audio_begin(struct audio *audio)
{
	if (!audio->watched || !audio->shown || (audio->heard && audio->heard->refused) ||
		audio->cancellable || audio->asked || audio->retry) {
		return;
	}
	if (!audio->bus && !qmp_is_connected(audio->qmp)) {
		return;
	}
	audio->attempts++;
	audio->cancellable = g_cancellable_new();
	if (audio->bus) {
		g_dbus_connection_new_for_address(audio->bus,
			G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
				G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
			NULL, audio->cancellable, on_bus, audio);
	} else {
		ask(audio, "query-version", NULL, -1, on_version);
	}
}
