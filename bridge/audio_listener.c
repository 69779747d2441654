/* SPDX-License-Identifier: MIT */
#include "bridge/audio_listener.h"

#include <gio/gunixfdlist.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bridge/audio_format.h"

#define VOICES 8
/* Answers that QEMU has not read. It takes them at once, or it is not well. */
#define UNREAD_MAX (64 << 10)
#define READ_MAX (1u << 20) /* bytes in one answer, whatever is asked for */
#define CHUNK 512 /* frames */

struct voice {
	bool used, enabled;
	bool good; /* a format that we understand */
	uint64_t id;
	struct audio_format format;
	bool mute, volume_known;
	uint16_t left, right;
};

/* GDBus's thread may hold on to it for a moment after the main thread has let go. */
struct audio_listener {
	gint references; /* atomic */
	enum audio_direction direction;
	GCancellable *cancellable; /* [main] */
	GDBusConnection *connection; /* [main] */
	gulong closed; /* the signal's handler [main] */
	guint filter; /* [main] */
	bool ended; /* [main] */
	void (*changed)(void *data);
	void *data;
	GSource *source; /* calls changed; set off from any thread */

	GMutex lock; /* of all below */
	struct voice voices[VOICES];
	struct voice *heard; /* NULL: none */
	struct audio_queue queue;
	char trouble[128];
	struct audio_listener_counters counters;
};

static void listener_unref(gpointer data)
{
	struct audio_listener *listener = data;

	if (g_atomic_int_dec_and_test(&listener->references)) {
		audio_queue_finish(&listener->queue);
		g_object_unref(listener->cancellable);
		g_source_unref(listener->source);
		g_mutex_clear(&listener->lock);
		g_free(listener);
	}
}

static struct audio_listener *listener_ref(struct audio_listener *listener)
{
	g_atomic_int_inc(&listener->references);
	return listener;
}

static void tell(struct audio_listener *listener)
{
	g_source_set_ready_time(listener->source, 0);
}

/* Voices, with the lock held. */

static struct voice *find_voice(struct audio_listener *listener, uint64_t id)
{
	for (size_t i = 0; i < VOICES; i++) {
		if (listener->voices[i].used && listener->voices[i].id == id) {
			return &listener->voices[i];
		}
	}
	return NULL;
}

/* Who is heard stays so; else the first one that could be. */
static void choose_voice(struct audio_listener *listener)
{
	struct voice *heard = listener->heard;

	if (!heard || !heard->used || !heard->enabled || !heard->good) {
		heard = NULL;
		for (size_t i = 0; i < VOICES && !heard; i++) {
			struct voice *voice = &listener->voices[i];

			heard = voice->used && voice->enabled && voice->good ? voice : NULL;
		}
	}
	if (heard != listener->heard) {
		listener->heard = heard;
		audio_queue_reset(&listener->queue,
			heard ? (size_t)heard->format.rate * AUDIO_QUEUE_MS / 1000 : 0);
	}
	tell(listener);
}

static bool do_init(struct audio_listener *listener, GVariant *body)
{
	struct voice *voice, new = {.used = true};
	gboolean is_signed, is_float, big_endian;
	guint32 frame_bytes, second_bytes;
	char why[96];

	if (!g_variant_is_of_type(body, G_VARIANT_TYPE("(tybbuyuub)"))) {
		return false;
	}
	g_variant_get(body, "(tybbuyuub)", &new.id, &new.format.bits, &is_signed, &is_float,
		&new.format.rate, &new.format.channels, &frame_bytes, &second_bytes, &big_endian);
	new.format.is_signed = is_signed;
	new.format.is_float = is_float;
	new.format.big_endian = big_endian;
	voice = find_voice(listener, new.id);
	for (size_t i = 0; i < VOICES && !voice; i++) {
		voice = listener->voices[i].used ? NULL : &listener->voices[i];
	}
	if (!voice) {
		return false;
	}
	new.good = audio_format_check(&new.format, why, sizeof(why)) == 0 &&
		frame_bytes == audio_format_frame(&new.format);
	if (!new.good) {
		g_snprintf(listener->trouble, sizeof(listener->trouble), "%s",
			frame_bytes == audio_format_frame(&new.format)
				? why
				: "frames whose length is not that of their samples");
	}
	if (voice == listener->heard) {
		listener->heard = NULL;
	}
	*voice = new;
	choose_voice(listener);
	return true;
}

static bool do_fini(struct audio_listener *listener, GVariant *body)
{
	struct voice *voice;
	guint64 id;

	if (!g_variant_is_of_type(body, G_VARIANT_TYPE("(t)"))) {
		return false;
	}
	g_variant_get(body, "(t)", &id);
	voice = find_voice(listener, id);
	if (!voice) {
		return false;
	}
	voice->used = false;
	choose_voice(listener);
	return true;
}

static bool do_set_enabled(struct audio_listener *listener, GVariant *body)
{
	struct voice *voice;
	gboolean enabled;
	guint64 id;

	if (!g_variant_is_of_type(body, G_VARIANT_TYPE("(tb)"))) {
		return false;
	}
	g_variant_get(body, "(tb)", &id, &enabled);
	voice = find_voice(listener, id);
	if (!voice) {
		return false;
	}
	voice->enabled = enabled;
	choose_voice(listener);
	return true;
}

static bool do_set_volume(struct audio_listener *listener, GVariant *body)
{
	struct voice *voice;
	const guint8 *values;
	gboolean mute;
	guint64 id;
	gsize count;
	GVariant *array;

	if (!g_variant_is_of_type(body, G_VARIANT_TYPE("(tbay)"))) {
		return false;
	}
	g_variant_get(body, "(tb@ay)", &id, &mute, &array);
	values = g_variant_get_fixed_array(array, &count, 1);
	voice = find_voice(listener, id);
	if (voice) {
		voice->mute = mute;
		voice->volume_known = true;
		voice->left = count > 0 ? values[0] * 257 : UINT16_MAX;
		voice->right = count > 1 ? values[1] * 257 : voice->left;
		tell(listener);
	}
	g_variant_unref(array);
	return voice != NULL;
}

static void queue_sound(struct audio_listener *listener, const uint8_t *bytes, size_t size)
{
	const struct audio_format *format = &listener->heard->format;
	size_t frame = audio_format_frame(format);
	uint32_t frames[CHUNK];

	for (size_t left = size / frame; left;) {
		size_t n = MIN(left, CHUNK);

		audio_decode(format, frames, bytes, n);
		listener->counters.dropped += audio_queue_put(&listener->queue, frames, n);
		listener->counters.frames += n;
		bytes += n * frame;
		left -= n;
	}
	tell(listener);
}

static bool do_write(struct audio_listener *listener, GVariant *body)
{
	const uint8_t *bytes;
	GVariant *array;
	guint64 id;
	gsize size;

	if (!g_variant_is_of_type(body, G_VARIANT_TYPE("(tay)"))) {
		return false;
	}
	g_variant_get(body, "(t@ay)", &id, &array);
	bytes = g_variant_get_fixed_array(array, &size, 1);
	if (listener->heard && listener->heard->id == id) {
		queue_sound(listener, bytes, size);
	} else {
		listener->counters.unheard += size;
	}
	g_variant_unref(array);
	return true;
}

/* What there is of what was asked for. */
static GVariant *do_read(struct audio_listener *listener, GVariant *body)
{
	guint64 id, wanted;
	uint8_t *bytes;
	size_t frame, most, have = 0, n;
	const uint32_t *frames;

	if (!g_variant_is_of_type(body, G_VARIANT_TYPE("(tt)"))) {
		return NULL;
	}
	g_variant_get(body, "(tt)", &id, &wanted);
	if (!listener->heard || listener->heard->id != id) {
		listener->counters.unheard += MIN(wanted, READ_MAX);
		return g_variant_new(
			"(@ay)", g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, "", 0, 1));
	}
	frame = audio_format_frame(&listener->heard->format);
	most = MIN(wanted, READ_MAX) / frame;
	bytes = g_malloc(MIN(most, listener->queue.count) * frame + 1);
	while (have < most && (n = audio_queue_peek(&listener->queue, &frames))) {
		n = MIN(n, most - have);
		audio_encode(&listener->heard->format, bytes + have * frame, frames, n);
		audio_queue_drop(&listener->queue, n);
		have += n;
	}
	listener->counters.frames += most;
	listener->counters.missing += most - have;
	return g_variant_new("(@ay)",
		g_variant_new_from_data(
			G_VARIANT_TYPE_BYTESTRING, bytes, have * frame, TRUE, g_free, bytes));
}

/* The body of the answer, floating; NULL: there is none to that. */
static GVariant *answer(
	struct audio_listener *listener, const char *interface, const char *member, GVariant *body)
{
	static const struct {
		const char *name;
		bool (*run)(struct audio_listener *listener, GVariant *body);
	} calls[] = {
		{"Init", do_init},
		{"Fini", do_fini},
		{"SetEnabled", do_set_enabled},
		{"SetVolume", do_set_volume},
		{"Write", do_write},
	};
	bool out = listener->direction == AUDIO_OUT;

	if (!g_strcmp0(interface, "org.freedesktop.DBus.Properties") &&
		!g_strcmp0(member, "GetAll")) {
		return g_variant_new("(a{sv})", NULL);
	}
	if (g_strcmp0(interface,
		    out ? "org.qemu.Display1.AudioOutListener"
			: "org.qemu.Display1.AudioInListener") ||
		!body) {
		return NULL;
	}
	if (!out && !g_strcmp0(member, "Read")) {
		return do_read(listener, body);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(calls) - !out; i++) {
		if (!g_strcmp0(member, calls[i].name)) {
			return calls[i].run(listener, body) ? g_variant_new("()") : NULL;
		}
	}
	return NULL;
}

static bool reads_answers(GDBusConnection *connection)
{
	GSocketConnection *stream = G_SOCKET_CONNECTION(g_dbus_connection_get_stream(connection));
	int fd = g_socket_get_fd(g_socket_connection_get_socket(stream));
	int unread = 0;

	return ioctl(fd, SIOCOUTQ, &unread) == 0 && unread <= UNREAD_MAX;
}

/* [GDBus's thread] Nothing gets further than this: it would wait in main's queue, without a limit. */
static GDBusMessage *on_message(
	GDBusConnection *connection, GDBusMessage *message, gboolean incoming, gpointer data)
{
	struct audio_listener *listener = data;
	GDBusMessage *reply;
	GVariant *body;

	if (!incoming) {
		return message;
	}
	if (g_dbus_message_get_message_type(message) == G_DBUS_MESSAGE_TYPE_METHOD_CALL) {
		g_mutex_lock(&listener->lock);
		listener->counters.calls++;
		body = answer(listener, g_dbus_message_get_interface(message),
			g_dbus_message_get_member(message), g_dbus_message_get_body(message));
		listener->counters.refused += !body;
		g_mutex_unlock(&listener->lock);
		if (g_dbus_message_get_flags(message) & G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED) {
			g_clear_pointer(&body, g_variant_unref);
		} else if (reads_answers(connection)) {
			if (body) {
				reply = g_dbus_message_new_method_reply(message);
				g_dbus_message_set_body(reply, body);
			} else {
				reply = g_dbus_message_new_method_error_literal(message,
					"org.freedesktop.DBus.Error.InvalidArgs", "not understood");
			}
			g_dbus_connection_send_message(
				connection, reply, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
			g_object_unref(reply);
		} else {
			g_clear_pointer(&body, g_variant_unref);
			g_dbus_connection_close(connection, NULL, NULL, NULL);
		}
	}
	g_object_unref(message);
	return NULL;
}

static void finish_connection(struct audio_listener *listener)
{
	listener->ended = true;
	if (listener->connection) {
		g_signal_handler_disconnect(listener->connection, listener->closed);
		g_dbus_connection_remove_filter(listener->connection, listener->filter);
		g_dbus_connection_close(listener->connection, NULL, NULL, NULL);
		g_clear_object(&listener->connection);
	}
	g_mutex_lock(&listener->lock);
	memset(listener->voices, 0, sizeof(listener->voices));
	choose_voice(listener);
	g_mutex_unlock(&listener->lock);
}

static void on_closed(GDBusConnection *connection, gboolean vanished, GError *error, gpointer data)
{
	finish_connection(data);
}

static void on_connected(GObject *source, GAsyncResult *result, gpointer data)
{
	struct audio_listener *listener = data;
	GDBusConnection *connection = g_dbus_connection_new_finish(result, NULL);

	if (connection && !g_cancellable_is_cancelled(listener->cancellable)) {
		listener->connection = connection;
		listener->closed =
			g_signal_connect(connection, "closed", G_CALLBACK(on_closed), listener);
		listener->filter = g_dbus_connection_add_filter(
			connection, on_message, listener_ref(listener), listener_unref);
		g_dbus_connection_start_message_processing(connection);
	} else {
		g_clear_object(&connection);
		listener->ended = true;
		tell(listener);
	}
	listener_unref(listener);
}

void audio_listener_serve(struct audio_listener *listener, int fd)
{
	GSocket *socket = g_socket_new_from_fd(fd, NULL);
	GSocketConnection *stream;

	if (!socket) {
		close(fd);
		listener->ended = true;
		tell(listener);
		return;
	}
	stream = g_socket_connection_factory_create_connection(socket);
	g_dbus_connection_new(G_IO_STREAM(stream), NULL,
		G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
			G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING,
		NULL, listener->cancellable, on_connected, listener_ref(listener));
	g_object_unref(stream);
	g_object_unref(socket);
}

static gboolean on_source(gpointer data)
{
	struct audio_listener *listener = data;

	g_source_set_ready_time(listener->source, -1);
	if (!g_cancellable_is_cancelled(listener->cancellable)) {
		listener->changed(listener->data);
	}
	return G_SOURCE_CONTINUE;
}

static gboolean dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
	return callback(data);
}

struct audio_listener *audio_listener_create(
	enum audio_direction direction, void (*changed)(void *data), void *data)
{
	static GSourceFuncs functions = {.dispatch = dispatch};
	struct audio_listener *listener = g_new0(struct audio_listener, 1);

	listener->references = 1;
	listener->direction = direction;
	listener->changed = changed;
	listener->data = data;
	listener->cancellable = g_cancellable_new();
	g_mutex_init(&listener->lock);
	audio_queue_init(&listener->queue);
	listener->source = g_source_new(&functions, sizeof(GSource));
	g_source_set_callback(listener->source, on_source, listener, NULL);
	g_source_set_name(listener->source, "audio");
	g_source_attach(listener->source, NULL);
	return listener;
}

void audio_listener_destroy(struct audio_listener *listener)
{
	if (!listener) {
		return;
	}
	g_cancellable_cancel(listener->cancellable);
	finish_connection(listener);
	g_source_destroy(listener->source);
	listener_unref(listener);
}

bool audio_listener_ended(const struct audio_listener *listener)
{
	return listener->ended;
}

void audio_listener_state(struct audio_listener *listener, struct audio_state *state)
{
	const struct voice *heard;

	g_mutex_lock(&listener->lock);
	heard = listener->heard;
	*state = (struct audio_state){.rate = heard ? heard->format.rate : 0};
	if (heard) {
		state->volume_known = heard->volume_known;
		state->mute = heard->mute;
		state->left = heard->left;
		state->right = heard->right;
	}
	memcpy(state->trouble, listener->trouble, sizeof(state->trouble));
	g_mutex_unlock(&listener->lock);
}

size_t audio_listener_take(struct audio_listener *listener, uint32_t *frames, size_t count)
{
	const uint32_t *from;
	size_t taken = 0, n;

	g_mutex_lock(&listener->lock);
	while (taken < count && (n = audio_queue_peek(&listener->queue, &from))) {
		n = MIN(n, count - taken);
		memcpy(frames + taken, from, n * sizeof(*frames));
		audio_queue_drop(&listener->queue, n);
		taken += n;
	}
	g_mutex_unlock(&listener->lock);
	return taken;
}

void audio_listener_put(struct audio_listener *listener, const uint32_t *frames, size_t count)
{
	g_mutex_lock(&listener->lock);
	listener->counters.dropped += audio_queue_put(&listener->queue, frames, count);
	g_mutex_unlock(&listener->lock);
}

void audio_listener_count(struct audio_listener *listener, struct audio_listener_counters *sum)
{
	const struct audio_listener_counters *c = &listener->counters;

	g_mutex_lock(&listener->lock);
	sum->calls += c->calls;
	sum->refused += c->refused;
	sum->frames += c->frames;
	sum->dropped += c->dropped;
	sum->unheard += c->unheard;
	sum->missing += c->missing;
	g_mutex_unlock(&listener->lock);
}
