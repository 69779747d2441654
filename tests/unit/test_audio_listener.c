/* SPDX-License-Identifier: MIT */
/* QEMU's side of the sound, played by the test over a true D-Bus connection. */
#include <gio/gio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "bridge/audio_listener.h"

struct bed {
	enum audio_direction direction;
	struct audio_listener *listener;
	GDBusConnection *peer;
	int fd; /* the peer's */
	unsigned changes;
	bool error; /* the last call was answered with one */
};

static void on_changed(void *data)
{
	struct bed *bed = data;

	bed->changes++;
}

static void on_peer(GObject *source, GAsyncResult *result, gpointer data)
{
	GError *error = NULL;

	((struct bed *)data)->peer = g_dbus_connection_new_finish(result, &error);
	assert_null(error);
}

static void start(struct bed *bed, enum audio_direction direction)
{
	GSocketConnection *stream;
	GSocket *socket;
	char *guid = g_dbus_generate_guid();
	int fds[2];

	*bed = (struct bed){.direction = direction};
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	bed->listener = audio_listener_create(direction, on_changed, bed);
	audio_listener_serve(bed->listener, fds[0]);
	bed->fd = fds[1];
	socket = g_socket_new_from_fd(fds[1], NULL);
	stream = g_socket_connection_factory_create_connection(socket);
	g_dbus_connection_new(G_IO_STREAM(stream), guid,
		G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER, NULL, NULL, on_peer, bed);
	while (!bed->peer) {
		g_main_context_iteration(NULL, TRUE);
	}
	g_object_unref(stream);
	g_object_unref(socket);
	g_free(guid);
}

static void stop(struct bed *bed)
{
	audio_listener_destroy(bed->listener);
	g_dbus_connection_close_sync(bed->peer, NULL, NULL);
	g_object_unref(bed->peer);
	while (g_main_context_iteration(NULL, FALSE)) {
	}
}

static void on_answer(GObject *source, GAsyncResult *result, gpointer data)
{
	GVariant **answer = data;

	*answer = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, NULL);
	if (!*answer) {
		*answer = g_variant_ref_sink(g_variant_new_string("an error"));
	}
}

/* NULL for an error. */
static GVariant *call(struct bed *bed, const char *member, GVariant *body)
{
	bool out = bed->direction == AUDIO_OUT;
	GVariant *answer = NULL;

	g_dbus_connection_call(bed->peer, NULL,
		out ? "/org/qemu/Display1/AudioOutListener" : "/org/qemu/Display1/AudioInListener",
		out ? "org.qemu.Display1.AudioOutListener" : "org.qemu.Display1.AudioInListener",
		member, body, NULL, G_DBUS_CALL_FLAGS_NONE, 5000, NULL, on_answer, &answer);
	while (!answer) {
		g_main_context_iteration(NULL, TRUE);
	}
	if (g_variant_is_of_type(answer, G_VARIANT_TYPE_STRING)) {
		g_variant_unref(answer);
		return NULL;
	}
	return answer;
}

static bool good(struct bed *bed, const char *member, GVariant *body)
{
	GVariant *answer = call(bed, member, body);

	if (answer) {
		g_variant_unref(answer);
	}
	return answer != NULL;
}

static GVariant *init(uint64_t id, unsigned rate, unsigned channels)
{
	unsigned frame = 2 * channels;

	return g_variant_new(
		"(tybbuyuub)", id, 16, TRUE, FALSE, rate, channels, frame, frame * rate, FALSE);
}

static GVariant *sound(uint64_t id, const void *bytes, size_t size)
{
	return g_variant_new(
		"(t@ay)", id, g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, bytes, size, 1));
}

static uint32_t rate(struct bed *bed)
{
	struct audio_state state;

	audio_listener_state(bed->listener, &state);
	return state.rate;
}

static struct audio_listener_counters counters(struct bed *bed)
{
	struct audio_listener_counters sum = {0};

	audio_listener_count(bed->listener, &sum);
	return sum;
}

static void test_play(void **state)
{
	int16_t samples[960];
	uint32_t frames[600];
	struct audio_state now;
	struct bed bed;

	for (int i = 0; i < 960; i++) {
		samples[i] = (int16_t)(i * 31);
	}
	start(&bed, AUDIO_OUT);
	assert_true(good(&bed, "Init", init(7, 44100, 2)));
	assert_int_equal(rate(&bed), 0);
	assert_true(good(&bed, "Write", sound(7, samples, sizeof(samples))));
	assert_int_equal(audio_listener_take(bed.listener, frames, 600), 0);
	assert_true(good(&bed, "SetEnabled", g_variant_new("(tb)", UINT64_C(7), TRUE)));
	assert_int_equal(rate(&bed), 44100);
	assert_true(good(&bed, "Write", sound(7, samples, sizeof(samples))));
	assert_true(bed.changes > 0);
	assert_int_equal(audio_listener_take(bed.listener, frames, 600), 480);
	assert_memory_equal(frames, samples, sizeof(samples));
	/* A frame that was cut in two is no frame. */
	assert_true(good(&bed, "Write", sound(7, samples, 7)));
	assert_int_equal(audio_listener_take(bed.listener, frames, 600), 1);

	assert_true(good(&bed, "SetVolume",
		g_variant_new("(tb@ay)", UINT64_C(7), TRUE,
			g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, "\x80\xff", 2, 1))));
	audio_listener_state(bed.listener, &now);
	assert_true(now.volume_known && now.mute);
	assert_int_equal(now.left, 0x8080);
	assert_int_equal(now.right, 0xffff);

	assert_true(good(&bed, "SetEnabled", g_variant_new("(tb)", UINT64_C(7), FALSE)));
	assert_int_equal(rate(&bed), 0);
	assert_true(good(&bed, "Fini", g_variant_new("(t)", UINT64_C(7))));
	assert_false(good(&bed, "Fini", g_variant_new("(t)", UINT64_C(7))));
	stop(&bed);
}

/* Nobody takes it: 200 ms stay, the newest. */
static void test_bounded(void **state)
{
	static uint32_t frames[48000 / 5 + 1000];
	static uint8_t tenth[48000 / 10 * 4];
	struct bed bed;
	uint32_t last = 0;

	start(&bed, AUDIO_OUT);
	assert_true(good(&bed, "Init", init(1, 48000, 2)));
	assert_true(good(&bed, "SetEnabled", g_variant_new("(tb)", UINT64_C(1), TRUE)));
	for (unsigned i = 0; i < 20; i++) {
		memset(tenth, (int)i, sizeof(tenth));
		assert_true(good(&bed, "Write", sound(1, tenth, sizeof(tenth))));
	}
	assert_int_equal(counters(&bed).frames, 96000);
	assert_int_equal(counters(&bed).dropped, 96000 - 9600);
	assert_int_equal(audio_listener_take(bed.listener, frames, 10600), 9600);
	memset(&last, 19, 4);
	assert_int_equal(frames[9599], last);
	memset(&last, 18, 4);
	assert_int_equal(frames[0], last);
	stop(&bed);
}

/* One voice is heard at a time; when it ends, the next. */
static void test_voices(void **state)
{
	uint32_t frames[16], silence[16] = {0};
	struct audio_state now;
	struct bed bed;

	start(&bed, AUDIO_OUT);
	assert_true(good(&bed, "Init", init(1, 44100, 2)));
	assert_true(good(&bed, "Init", init(2, 48000, 1)));
	assert_true(good(&bed, "Init", init(3, 48000, 9))); /* not understood, and said so */
	audio_listener_state(bed.listener, &now);
	assert_non_null(strstr(now.trouble, "9 channels"));
	for (uint64_t id = 1; id <= 3; id++) {
		assert_true(good(&bed, "SetEnabled", g_variant_new("(tb)", id, TRUE)));
	}
	assert_int_equal(rate(&bed), 44100);
	assert_true(good(&bed, "Write", sound(2, silence, 32)));
	assert_int_equal(counters(&bed).unheard, 32);
	assert_true(good(&bed, "SetEnabled", g_variant_new("(tb)", UINT64_C(1), FALSE)));
	assert_int_equal(rate(&bed), 48000);
	assert_true(good(&bed, "Write", sound(2, silence, 32)));
	assert_int_equal(audio_listener_take(bed.listener, frames, 16), 16);
	assert_true(good(&bed, "Fini", g_variant_new("(t)", UINT64_C(2))));
	assert_int_equal(rate(&bed), 0);
	/* Not without end. */
	for (uint64_t id = 10; id < 16; id++) {
		assert_true(good(&bed, "Init", init(id, 44100, 2)));
	}
	assert_false(good(&bed, "Init", init(16, 44100, 2)));
	stop(&bed);
}

static void test_record(void **state)
{
	uint32_t frames[300], none;
	const void *bytes;
	GVariant *answer, *array;
	struct bed bed;
	gsize size;

	for (uint32_t i = 0; i < 300; i++) {
		frames[i] = i * 0x10003;
	}
	start(&bed, AUDIO_IN);
	assert_false(good(&bed, "Read", g_variant_new("(t)", UINT64_C(1))));
	assert_true(good(&bed, "Init", init(1, 48000, 2)));
	assert_true(good(&bed, "SetEnabled", g_variant_new("(tb)", UINT64_C(1), TRUE)));
	assert_int_equal(rate(&bed), 48000);
	audio_listener_put(bed.listener, frames, 300);
	for (unsigned at = 0; at < 300; at += size / 4) {
		answer = call(&bed, "Read", g_variant_new("(tt)", UINT64_C(1), UINT64_C(403)));
		assert_non_null(answer);
		assert_true(g_variant_is_of_type(answer, G_VARIANT_TYPE("(ay)")));
		g_variant_get(answer, "(@ay)", &array);
		bytes = g_variant_get_fixed_array(array, &size, 1);
		assert_int_equal(size, 400);
		assert_memory_equal(bytes, frames + at, size);
		g_variant_unref(array);
		g_variant_unref(answer);
	}
	/* Nothing is left, however much is wanted, or of whom. */
	for (uint64_t id = 1; id <= 2; id++) {
		answer = call(&bed, "Read", g_variant_new("(tt)", id, UINT64_MAX));
		assert_non_null(answer);
		g_variant_get(answer, "(@ay)", &array);
		g_variant_get_fixed_array(array, &size, 1);
		assert_int_equal(size, 0);
		g_variant_unref(array);
		g_variant_unref(answer);
	}
	assert_true(counters(&bed).missing > 0);
	assert_false(good(&bed, "Write", sound(1, "1234", 4)));
	assert_int_equal(audio_listener_take(bed.listener, &none, 1), 0);
	stop(&bed);
}

static void test_nonsense(void **state)
{
	struct bed bed;

	start(&bed, AUDIO_OUT);
	assert_false(good(&bed, "Init", g_variant_new("(s)", "x")));
	assert_false(good(&bed, "Init", NULL));
	assert_false(good(&bed, "Write", g_variant_new("(ts)", UINT64_C(1), "x")));
	assert_true(good(&bed, "Write", sound(1, "", 0)));
	assert_false(good(&bed, "SetEnabled", g_variant_new("(tb)", UINT64_C(1), TRUE)));
	assert_false(good(&bed, "SetVolume", g_variant_new("(tbas)", UINT64_C(1), TRUE, NULL)));
	assert_false(good(&bed, "Read", g_variant_new("(tt)", UINT64_C(1), UINT64_C(4))));
	assert_false(good(&bed, "Dance", NULL));
	assert_int_equal(counters(&bed).refused, 7);
	/* A frame that is longer than its samples say. */
	assert_true(good(&bed, "Init",
		g_variant_new(
			"(tybbuyuub)", UINT64_C(1), 16, TRUE, FALSE, 48000, 2, 1, 48000, FALSE)));
	assert_true(good(&bed, "SetEnabled", g_variant_new("(tb)", UINT64_C(1), TRUE)));
	assert_int_equal(rate(&bed), 0);
	stop(&bed);
}

/* QEMU calls and calls and reads no answer: that must not grow without end. */
static void test_deaf(void **state)
{
	static uint8_t block[65536];
	struct bed bed;
	GDBusMessage *message;
	GError *error = NULL;
	guchar *blob;
	gsize size;

	start(&bed, AUDIO_IN);
	assert_true(good(&bed, "Init", init(1, 48000, 2)));
	message = g_dbus_message_new_method_call(NULL, "/x", "org.qemu.Display1.AudioInListener",
		"NoSuchCallWithAVeryLongNameForTheSakeOfItsError");
	g_dbus_message_set_serial(message, 77);
	blob = g_dbus_message_to_blob(message, &size, G_DBUS_CAPABILITY_FLAGS_NONE, &error);
	assert_null(error);
	for (size_t i = 0; i + size <= sizeof(block); i += size) {
		memcpy(block + i, blob, size);
	}
	/* Past GDBus, whose reader would take the answers: another pair of ends, by hand. */
	int fds[2];
	char line[64];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	struct audio_listener *deaf = audio_listener_create(AUDIO_IN, on_changed, &bed);

	audio_listener_serve(deaf, fds[0]);
	/* The server's half of the handshake, whatever the client says. */
	assert_true(read(fds[1], line, 1) == 1);
	const char *answers[] = {"REJECTED EXTERNAL\r\n", "OK 0123456789abcdef0123456789abcdef\r\n",
		"AGREE_UNIX_FD\r\n"};
	char text[512] = "";
	size_t have = 0, step = 0;

	while (!strstr(text, "BEGIN\r\n")) {
		ssize_t n = recv(fds[1], text + have, sizeof(text) - 1 - have, MSG_DONTWAIT);

		if (n > 0) {
			have += (size_t)n;
			text[have] = '\0';
		}
		if (step == 0 && strstr(text, "AUTH EXTERNAL")) {
			step = 1;
			assert_true(write(fds[1], answers[1], strlen(answers[1])) > 0);
		} else if (step == 0 && strstr(text, "AUTH\r\n")) {
			assert_true(write(fds[1], answers[0], strlen(answers[0])) > 0);
			have = 0;
			text[0] = '\0';
		} else if (step == 1 && strstr(text, "NEGOTIATE_UNIX_FD")) {
			step = 2;
			assert_true(write(fds[1], answers[2], strlen(answers[2])) > 0);
		}
		g_main_context_iteration(NULL, FALSE);
		g_usleep(1000);
	}
	int64_t limit = g_get_monotonic_time() + 4 * G_TIME_SPAN_SECOND;
	size_t whole = sizeof(block) / size * size, at = 0;

	/* Whole messages one after the other: it must not end because it does not understand. */
	while (!audio_listener_ended(deaf) && g_get_monotonic_time() < limit) {
		ssize_t n = send(fds[1], block + at, whole - at, MSG_DONTWAIT | MSG_NOSIGNAL);

		at = n > 0 ? (at + (size_t)n) % whole : at;
		g_main_context_iteration(NULL, FALSE);
	}
	assert_true(audio_listener_ended(deaf));
	audio_listener_destroy(deaf);
	close(fds[1]);
	g_free(blob);
	g_object_unref(message);
	stop(&bed);
}

/* Its end is noticed; and ours, in the midst of connecting, is no harm. */
static void test_ends(void **state)
{
	struct audio_listener *listener;
	struct bed bed;
	int fds[2];

	start(&bed, AUDIO_OUT);
	assert_true(good(&bed, "Init", init(1, 48000, 2)));
	assert_true(good(&bed, "SetEnabled", g_variant_new("(tb)", UINT64_C(1), TRUE)));
	g_dbus_connection_close_sync(bed.peer, NULL, NULL);
	while (!audio_listener_ended(bed.listener)) {
		g_main_context_iteration(NULL, TRUE);
	}
	assert_int_equal(rate(&bed), 0);
	stop(&bed);

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	listener = audio_listener_create(AUDIO_IN, on_changed, &bed);
	audio_listener_serve(listener, fds[0]);
	audio_listener_destroy(listener);
	close(fds[1]);
	while (g_main_context_iteration(NULL, FALSE)) {
	}
	audio_listener_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_play),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_voices),
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_deaf),
		cmocka_unit_test(test_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
