/* SPDX-License-Identifier: MIT */
#include "bridge/audio.h"

#include <errno.h>
#include <gio/gio.h>
#include <gio/gunixfdlist.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/audio_format.h"
#include "bridge/audio_offer.h"
#include "bridge/log.h"
#include "bridge/qmp.h"
#include "spice/audio.h"
#include "spice/sink.h"

#define RETRY_MS 2000
#define RECORD_MS 10 /* how often viewers' sound is fetched */
#define CHUNK 1024 /* frames */
#define CALL_TIMEOUT_MS 10000
#define FD_NAME "vgpu-bridge-audio"
#define BUS_NAME "org.qemu"

struct seat {
	struct spice_audio *sound;
	struct spice_sink *sink;
	struct audio_queue behind; /* what its viewer has not taken yet */
};

struct monitor {
	struct audio *audio;
	struct qmp *qmp;
	bool refused; /* this QEMU offers no sound */
};

struct audio {
	struct qmp *qmp; /* of the guest that is heard; NULL: over the bus, or none */
	GPtrArray *monitors; /* struct monitor */
	bool shown; /* a guest is heard */
	char *bus; /* or NULL */
	struct seat *seats;
	size_t n_seats;
	bool watched;
	struct monitor *heard; /* the qmp's, or NULL */
	bool asked; /* QMP owes an answer */
	bool records; /* a seat does */
	guint retry, record_timer; /* 0: none */
	struct audio_state state; /* of what is played */
	char told[128], failure[128]; /* what the log has */
	uint64_t attempts, connects, dropped;
	struct audio_listener_counters done[2]; /* of listeners that are no more */

	int end; /* of a socket, for QEMU; -1: none */
	int own_end;
	GCancellable *cancellable;
	GDBusConnection *connection; /* to QEMU */
	struct audio_listener *listeners[2]; /* by direction */
};

static void begin(struct audio *audio);

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
	begin(audio);
	return G_SOURCE_REMOVE;
}

/* Lets go of QEMU. */
static void end(struct audio *audio)
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

/* Later again: QEMU may be busy, or restart. */
static void fail(struct audio *audio, const char *why)
{
	if (strncmp(audio->failure, why, sizeof(audio->failure) - 1) != 0) {
		g_strlcpy(audio->failure, why, sizeof(audio->failure));
		log_warning("no sound at present: %s", why);
	}
	end(audio);
	if (!audio->retry) {
		audio->retry = g_timeout_add(RETRY_MS, on_retry, audio);
	}
}

/* What the guest plays. */

static void push(struct audio *audio, struct seat *seat, const uint32_t *frames, size_t count)
{
	const uint32_t *waiting;
	size_t n, taken;

	if (!spice_sink_wants(seat->sink)) {
		audio_queue_drop(&seat->behind, seat->behind.count);
		return;
	}
	while ((n = audio_queue_peek(&seat->behind, &waiting))) {
		taken = spice_audio_play(seat->sound, waiting, n);
		audio_queue_drop(&seat->behind, taken);
		if (taken < n) {
			break;
		}
	}
	taken = seat->behind.count ? 0 : spice_audio_play(seat->sound, frames, count);
	audio->dropped += audio_queue_put(&seat->behind, frames + taken, count - taken);
}

static void follow_state(struct audio *audio, const struct audio_state *now)
{
	struct audio_state *before = &audio->state;
	bool volume = now->volume_known &&
		(!before->volume_known || now->mute != before->mute || now->left != before->left ||
			now->right != before->right);

	for (size_t i = 0; i < audio->n_seats; i++) {
		struct seat *seat = &audio->seats[i];

		if (now->rate != before->rate) {
			spice_audio_set_playing(seat->sound, now->rate);
			audio_queue_reset(&seat->behind, (size_t)now->rate * AUDIO_QUEUE_MS / 1000);
		}
		if (volume) {
			spice_audio_set_volume(seat->sound, now->mute, now->left, now->right);
		}
	}
	*before = *now;
}

static void tell_trouble(struct audio *audio, const struct audio_state *state)
{
	if (state->trouble[0] && strcmp(audio->told, state->trouble) != 0) {
		log_warning(
			"a sound of the guest can't be passed on: it has %s; leave the audiodev's "
			"fixed-settings on",
			state->trouble);
		memcpy(audio->told, state->trouble, sizeof(audio->told));
	}
}

static void on_play(void *data)
{
	struct audio *audio = data;
	struct audio_listener *listener = audio->listeners[AUDIO_OUT];
	struct audio_state state;
	uint32_t frames[CHUNK];
	size_t n, total = 0;

	if (audio_listener_ended(listener)) {
		fail(audio, "QEMU plays no more");
		return;
	}
	audio_listener_state(listener, &state);
	tell_trouble(audio, &state);
	follow_state(audio, &state);
	/* No more than is kept, however fast QEMU writes: each write brings us here again. */
	while (total < SPICE_AUDIO_MAX_RATE * AUDIO_QUEUE_MS / 1000 &&
		(n = audio_listener_take(listener, frames, CHUNK))) {
		total += n;
		for (size_t i = 0; i < audio->n_seats; i++) {
			push(audio, &audio->seats[i], frames, n);
		}
	}
}

/* What the guest records: one viewer's sound, and nobody's beside it. */

static gboolean on_record_timer(gpointer data)
{
	struct audio *audio = data;
	uint32_t frames[CHUNK];
	size_t n, total;
	bool had = false;

	for (size_t i = 0; i < audio->n_seats; i++) {
		total = 0;
		/* No more than the listener would keep, however fast a viewer sends. */
		while (total < SPICE_AUDIO_MAX_RATE * AUDIO_QUEUE_MS / 1000 &&
			(n = spice_audio_record(audio->seats[i].sound, frames, CHUNK))) {
			if (!had) {
				audio_listener_put(audio->listeners[AUDIO_IN], frames, n);
			}
			total += n;
		}
		had |= total > 0;
	}
	return G_SOURCE_CONTINUE;
}

static void on_record(void *data)
{
	struct audio *audio = data;
	struct audio_listener *listener = audio->listeners[AUDIO_IN];
	struct audio_state state;

	if (audio_listener_ended(listener)) {
		fail(audio, "QEMU records no more");
		return;
	}
	audio_listener_state(listener, &state);
	tell_trouble(audio, &state);
	for (size_t i = 0; i < audio->n_seats; i++) {
		spice_audio_set_recording(audio->seats[i].sound, state.rate);
	}
	if (state.rate && !audio->record_timer) {
		audio->record_timer = g_timeout_add(RECORD_MS, on_record_timer, audio);
	} else if (!state.rate) {
		g_clear_handle_id(&audio->record_timer, g_source_remove);
	}
}

/* The way to QEMU, step by step. */

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
			fail(audio, error->message);
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
		fail(audio, "no socket");
		return;
	}
	list = g_unix_fd_list_new_from_array(&audio->end, 1);
	audio->end = -1;
	/* QEMU waits for our name from within the call. */
	audio->listeners[direction] =
		audio_listener_create(direction, out ? on_play : on_record, audio);
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
	fail(data, "QEMU closed the connection");
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
			fail(audio, error->message);
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
	begin(audio);
	return false;
}

static void ask(
	struct audio *audio, const char *command, JsonObject *arguments, int fd, qmp_answer answer)
{
	int rc = qmp_command(audio->qmp, command, arguments, fd, answer, audio);

	if (rc < 0) {
		fail(audio, strerror(-rc));
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
		fail(audio, why);
		return;
	}
	socket = g_socket_new_from_fd(audio->own_end, NULL);
	if (!socket) {
		fail(audio, "no socket");
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
		fail(audio, why);
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
		end(audio);
		return;
	}
	if (!make_pair(audio)) {
		fail(audio, "no socket");
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
	end(audio);
}

static void begin(struct audio *audio)
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

static void on_qmp(void *data, bool connected)
{
	struct monitor *monitor = data;
	struct audio *audio = monitor->audio;

	monitor->refused &= !connected;
	if (monitor != audio->heard) {
		return;
	}
	if (connected) {
		begin(audio);
	} else {
		end(audio);
	}
}

static const struct qmp_events qmp_events = {.connected = on_qmp};

struct audio *audio_create(const char *bus)
{
	struct audio *audio = g_new0(struct audio, 1);

	audio->bus = g_strdup(bus);
	audio->monitors = g_ptr_array_new_with_free_func(g_free);
	audio->end = -1;
	audio->own_end = -1;
	return audio;
}

void audio_add_monitor(struct audio *audio, struct qmp *qmp)
{
	struct monitor *monitor;

	if (audio->bus) {
		return;
	}
	monitor = g_new(struct monitor, 1);
	*monitor = (struct monitor){.audio = audio, .qmp = qmp};
	g_ptr_array_add(audio->monitors, monitor);
	qmp_add_events(qmp, &qmp_events, monitor);
}

void audio_show(struct audio *audio, struct qmp *qmp, bool shown)
{
	end(audio);
	g_clear_handle_id(&audio->retry, g_source_remove);
	audio->heard = NULL;
	for (guint i = 0; i < audio->monitors->len; i++) {
		struct monitor *monitor = g_ptr_array_index(audio->monitors, i);

		if (monitor->qmp == qmp) {
			audio->heard = monitor;
		}
	}
	audio->qmp = audio->heard ? qmp : NULL;
	audio->shown = shown && (audio->bus || audio->heard);
	begin(audio);
}

void audio_destroy(struct audio *audio)
{
	if (!audio) {
		return;
	}
	end(audio);
	g_clear_handle_id(&audio->retry, g_source_remove);
	for (size_t i = 0; i < audio->n_seats; i++) {
		spice_audio_destroy(audio->seats[i].sound);
		audio_queue_finish(&audio->seats[i].behind);
	}
	g_free(audio->seats);
	g_ptr_array_unref(audio->monitors);
	g_free(audio->bus);
	g_free(audio);
}

int audio_add(struct audio *audio, struct spice_sink *sink, bool record, char *why, size_t why_size)
{
	struct spice_audio *sound = spice_audio_create(sink, record, why, why_size);
	struct seat *seat;

	if (!sound) {
		return -errno;
	}
	audio->seats = g_renew(struct seat, audio->seats, audio->n_seats + 1);
	seat = &audio->seats[audio->n_seats++];
	*seat = (struct seat){.sound = sound, .sink = sink};
	audio->records |= record;
	return 0;
}

void audio_set_watched(struct audio *audio, bool watched)
{
	if (watched == audio->watched) {
		return;
	}
	audio->watched = watched;
	if (watched) {
		begin(audio);
	} else {
		end(audio);
		g_clear_handle_id(&audio->retry, g_source_remove);
	}
}

void audio_count(struct audio *audio, struct audio_counters *counters)
{
	*counters = (struct audio_counters){
		.attempts = audio->attempts,
		.connects = audio->connects,
		.play = audio->done[AUDIO_OUT],
		.record = audio->done[AUDIO_IN],
		.behind = audio->dropped,
	};
	if (audio->listeners[AUDIO_OUT]) {
		audio_listener_count(audio->listeners[AUDIO_OUT], &counters->play);
	}
	if (audio->listeners[AUDIO_IN]) {
		audio_listener_count(audio->listeners[AUDIO_IN], &counters->record);
	}
}
