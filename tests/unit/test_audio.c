/* SPDX-License-Identifier: MIT */
/* The way to QEMU's sound without a bus: over a monitor, and a D-Bus peer, that this test plays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <gio/gio.h>
#include <gio/gunixfdlist.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge/audio.h"
#include "bridge/log.h"
#include "bridge/qmp.h"
#include "spice/sink.h"
#include "tests/unit/fake_qmp.h"

#define NEW "\"return\": {\"qemu\": {\"major\": 8, \"minor\": 1, \"micro\": 0}, \"package\": \"\"}"
#define OLD "\"return\": {\"qemu\": {\"major\": 8, \"minor\": 0, \"micro\": 5}, \"package\": \"\"}"
#define OFFER "\"return\": {\"type\": \"dbus\", \"p2p\": true, \"audiodev\": \"snd\"}"
#define DONE "\"return\": {}"

static char directory[] = "/tmp/test-audio-XXXXXX";

static const char interface_text[] =
	"<node><interface name='org.qemu.Display1.Audio'>"
	"<method name='RegisterOutListener'><arg type='h' direction='in'/></method>"
	"<method name='RegisterInListener'><arg type='h' direction='in'/></method>"
	"</interface></node>";

struct fixture {
	struct fake_qmp qemu;
	struct qmp *qmp;
	struct spice_sink *sink;
	struct audio *audio;
	GDBusNodeInfo *interface;
	GDBusConnection *peer, *listeners[2]; /* by direction */
	unsigned answers;
	gsize read; /* bytes in the last answer */
};

static struct audio_counters counters(struct fixture *f)
{
	struct audio_counters now;

	audio_count(f->audio, &now);
	return now;
}

/* Takes ownership of fd. */
static void serve_on(int fd, GDBusConnection **place)
{
	GError *error = NULL;
	GSocket *socket = g_socket_new_from_fd(fd, &error);
	GSocketConnection *stream;
	char *guid = g_dbus_generate_guid();

	assert_null(error);
	stream = g_socket_connection_factory_create_connection(socket);
	/* As QEMU: it waits in the call until the other side has said who it is. */
	*place = g_dbus_connection_new_sync(G_IO_STREAM(stream), guid,
		G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER, NULL, NULL, &error);
	assert_null(error);
	g_object_unref(stream);
	g_object_unref(socket);
	g_free(guid);
}

static void on_register(GDBusConnection *connection, const char *sender, const char *path,
	const char *interface, const char *method, GVariant *parameters,
	GDBusMethodInvocation *invocation, gpointer data)
{
	struct fixture *f = data;
	GUnixFDList *list =
		g_dbus_message_get_unix_fd_list(g_dbus_method_invocation_get_message(invocation));
	gint32 index;
	int fd;

	g_variant_get(parameters, "(h)", &index);
	fd = g_unix_fd_list_get(list, index, NULL);
	assert_true(fd >= 0);
	g_dbus_method_invocation_return_value(invocation, NULL);
	serve_on(fd, &f->listeners[strcmp(method, "RegisterOutListener") ? AUDIO_IN : AUDIO_OUT]);
}

static const GDBusInterfaceVTable vtable = {.method_call = on_register};

static void on_peer(GObject *source, GAsyncResult *result, gpointer data)
{
	struct fixture *f = data;
	GError *error = NULL;

	f->peer = g_dbus_connection_new_finish(result, &error);
	assert_null(error);
	g_dbus_connection_register_object(f->peer, "/org/qemu/Display1/Audio",
		f->interface->interfaces[0], &vtable, f, NULL, NULL);
	g_dbus_connection_start_message_processing(f->peer);
}

static int setup(void **state)
{
	static const struct spice_sink_events events;
	const struct spice_sink_options options = {.events = &events};
	struct fixture *f = g_new0(struct fixture, 1);
	char why[256];

	qemu_init(&f->qemu, directory);
	f->interface = g_dbus_node_info_new_for_xml(interface_text, NULL);
	f->qmp = qmp_create(f->qemu.name.sun_path, why, sizeof(why));
	assert_non_null(f->qmp);
	f->sink = spice_sink_create(&options, why, sizeof(why));
	assert_non_null(f->sink);
	f->audio = audio_create(NULL);
	audio_add_monitor(f->audio, f->qmp);
	audio_show(f->audio, f->qmp, true);
	assert_int_equal(audio_add(f->audio, f->sink, true, why, sizeof(why)), 0);
	qemu_listen(&f->qemu);
	RUN_UNTIL(qemu_accept(&f->qemu));
	qemu_say(&f->qemu, GREETING);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	qmp_destroy(f->qmp);
	audio_destroy(f->audio);
	spice_sink_destroy(f->sink);
	g_clear_object(&f->peer);
	g_clear_object(&f->listeners[0]);
	g_clear_object(&f->listeners[1]);
	g_dbus_node_info_unref(f->interface);
	qemu_finish(&f->qemu);
	while (g_main_context_iteration(NULL, FALSE)) {
	}
	g_free(f);
	return 0;
}

/* The next command has to be this one. */
static void answer(struct fixture *f, const char *command, const char *what)
{
	RUN_UNTIL(qemu_hears(&f->qemu));
	assert_non_null(strstr(f->qemu.line, command));
	qemu_answer(&f->qemu, heard_id(&f->qemu), what);
}

/* No command comes for a while. */
static void assert_quiet(struct fixture *f)
{
	gint64 end = g_get_monotonic_time() + 100000;

	while (g_get_monotonic_time() < end) {
		assert_false(qemu_hears(&f->qemu));
		g_main_context_iteration(NULL, FALSE);
		g_usleep(1000);
	}
}

static void hand_over(struct fixture *f)
{
	GSocketConnection *stream;
	GSocket *socket;
	char *guid = g_dbus_generate_guid();

	answer(f, "\"query-version\"", NEW);
	answer(f, "\"query-display-options\"", OFFER);
	answer(f, "\"getfd\"", DONE);
	assert_true(f->qemu.passed >= 0);
	RUN_UNTIL(qemu_hears(&f->qemu));
	assert_non_null(strstr(f->qemu.line, "\"add_client\""));
	assert_non_null(strstr(f->qemu.line, "\"@dbus-display\""));
	socket = g_socket_new_from_fd(f->qemu.passed, NULL);
	f->qemu.passed = -1;
	stream = g_socket_connection_factory_create_connection(socket);
	g_dbus_connection_new(G_IO_STREAM(stream), guid,
		G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER |
			G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING,
		NULL, NULL, on_peer, f);
	qemu_answer(&f->qemu, heard_id(&f->qemu), DONE);
	g_object_unref(stream);
	g_object_unref(socket);
	g_free(guid);
}

static void on_answer(GObject *source, GAsyncResult *result, gpointer data)
{
	struct fixture *f = data;
	GError *error = NULL;
	GVariant *body = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
	GVariant *array;

	assert_null(error);
	if (g_variant_is_of_type(body, G_VARIANT_TYPE("(ay)"))) {
		g_variant_get(body, "(@ay)", &array);
		f->read = g_variant_get_size(array);
		g_variant_unref(array);
	}
	g_variant_unref(body);
	f->answers++;
}

static void call(
	struct fixture *f, enum audio_direction direction, const char *method, GVariant *parameters)
{
	unsigned before = f->answers;

	g_dbus_connection_call(f->listeners[direction], NULL, "/org/qemu/Display1/AnyListener",
		direction == AUDIO_OUT ? "org.qemu.Display1.AudioOutListener"
				       : "org.qemu.Display1.AudioInListener",
		method, parameters, NULL, G_DBUS_CALL_FLAGS_NONE, 5000, NULL, on_answer, f);
	RUN_UNTIL(f->answers > before);
}

static GVariant *init(void)
{
	return g_variant_new(
		"(tybbuyuub)", UINT64_C(1), 16, TRUE, FALSE, 48000, 2, 4, 192000, FALSE);
}

static void test_both_ways(void **state)
{
	static const uint8_t silence[1920];
	struct fixture *f = *state;

	answer(f, "\"qmp_capabilities\"", DONE);
	assert_quiet(f); /* nobody is there to hear it */
	audio_set_watched(f->audio, true);
	hand_over(f);
	RUN_UNTIL(counters(f).connects == 1);
	assert_non_null(f->listeners[AUDIO_OUT]);
	assert_non_null(f->listeners[AUDIO_IN]);
	for (int i = AUDIO_OUT; i <= AUDIO_IN; i++) {
		call(f, i, "Init", init());
		call(f, i, "SetEnabled", g_variant_new("(tb)", UINT64_C(1), TRUE));
	}
	call(f, AUDIO_OUT, "Write",
		g_variant_new("(t@ay)", UINT64_C(1),
			g_variant_new_fixed_array(
				G_VARIANT_TYPE_BYTE, silence, sizeof(silence), 1)));
	assert_int_equal(counters(f).play.frames, 480);
	f->read = 77;
	call(f, AUDIO_IN, "Read", g_variant_new("(tt)", UINT64_C(1), UINT64_C(1920)));
	assert_int_equal(f->read, 0); /* there is no viewer that says anything */
	assert_int_equal(counters(f).record.missing, 480);

	/* The last viewer has gone: QEMU is let go of, and found again for the next one. */
	audio_set_watched(f->audio, false);
	RUN_UNTIL(g_dbus_connection_is_closed(f->peer) &&
		g_dbus_connection_is_closed(f->listeners[0]) &&
		g_dbus_connection_is_closed(f->listeners[1]));
	assert_int_equal(counters(f).play.frames, 480);
	g_clear_object(&f->peer);
	g_clear_object(&f->listeners[0]);
	g_clear_object(&f->listeners[1]);
	audio_set_watched(f->audio, true);
	hand_over(f);
	RUN_UNTIL(counters(f).connects == 2);
}

/* QEMU before 8.1 dies of what we would do. */
static void test_old(void **state)
{
	struct fixture *f = *state;

	audio_set_watched(f->audio, true);
	answer(f, "\"qmp_capabilities\"", DONE);
	answer(f, "\"query-version\"", OLD);
	assert_quiet(f);
	audio_set_watched(f->audio, false);
	audio_set_watched(f->audio, true);
	assert_quiet(f);
	assert_int_equal(counters(f).connects, 0);
}

static void test_not_offered(void **state)
{
	static const char *const answers[] = {
		"\"return\": {\"type\": \"none\"}",
		"\"return\": {\"type\": \"dbus\", \"p2p\": true}",
		"\"return\": {\"type\": \"dbus\", \"audiodev\": \"snd\"}",
		"\"return\": {\"type\": \"dbus\", \"p2p\": true, \"audiodev\": null}",
		"\"return\": {\"type\": \"dbus\", \"p2p\": true, \"audiodev\": 5}",
		"\"return\": {\"type\": {}, \"p2p\": [], \"audiodev\": []}",
		"\"return\": [1]",
		"\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"no\"}",
	};
	void *one;

	for (size_t i = 0; i < G_N_ELEMENTS(answers); i++) {
		struct fixture *f;

		setup(&one);
		f = one;
		audio_set_watched(f->audio, true);
		answer(f, "\"qmp_capabilities\"", DONE);
		answer(f, "\"query-version\"", NEW);
		answer(f, "\"query-display-options\"", answers[i]);
		assert_quiet(f);
		if (i == 0) {
			/* Another QEMU may offer it. */
			qemu_close(&f->qemu.fd);
			RUN_UNTIL(qemu_accept(&f->qemu));
			qemu_say(&f->qemu, GREETING);
			answer(f, "\"qmp_capabilities\"", DONE);
			answer(f, "\"query-version\"", NEW);
		}
		teardown(&one);
	}
}

/* What QEMU was handed is taken back; and a viewer that leaves meanwhile ends it all. */
static void test_refused(void **state)
{
	struct fixture *f = *state;

	audio_set_watched(f->audio, true);
	answer(f, "\"qmp_capabilities\"", DONE);
	answer(f, "\"query-version\"", NEW);
	answer(f, "\"query-display-options\"", OFFER);
	answer(f, "\"getfd\"", DONE);
	answer(f, "\"add_client\"", "\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}");
	answer(f, "\"closefd\"", DONE);
	assert_quiet(f);
	/* Again after a while. */
	answer(f, "\"query-version\"", NEW);
	RUN_UNTIL(qemu_hears(&f->qemu));
	audio_set_watched(f->audio, false);
	qemu_answer(&f->qemu, heard_id(&f->qemu), OFFER);
	assert_quiet(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_both_ways, setup, teardown),
		cmocka_unit_test_setup_teardown(test_old, setup, teardown),
		cmocka_unit_test(test_not_offered),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
	};
	int failed;

	log_set_level(LOG_LEVEL_ERROR);
	if (!mkdtemp(directory)) {
		return 1;
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(directory);
	return failed;
}
