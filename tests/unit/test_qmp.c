/* SPDX-License-Identifier: MIT */
/* The QMP monitor against a QEMU that this test plays: well, slowly, wrongly, and not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/log.h"
#include "bridge/qmp.h"
#include "bridge/qmp_scan.h"
#include "tests/unit/fake_qmp.h"

static char directory[] = "/tmp/test-qmp-XXXXXX";

struct fixture {
	struct fake_qmp qemu;
	struct qmp *qmp;
	unsigned connects, losses, events, answers, failures;
	char event[64], answer[256], why[256], order[256];
	int64_t event_number;
};

static void on_connected(void *data, bool connected)
{
	struct fixture *f = data;

	f->connects += connected;
	f->losses += !connected;
}

static void on_event(void *data, const char *name, JsonObject *object)
{
	struct fixture *f = data;

	f->events++;
	snprintf(f->event, sizeof(f->event), "%s", name);
	f->event_number = object && json_object_has_member(object, "n")
		? json_object_get_int_member(object, "n")
		: -1;
}

static const struct qmp_events events = {on_connected, on_event};

static void on_answer(void *data, JsonNode *answer, const char *why)
{
	struct fixture *f = data;
	char *text;

	f->answers++;
	if (!answer) {
		f->failures++;
		snprintf(f->why, sizeof(f->why), "%s", why);
		return;
	}
	assert_null(why);
	text = json_to_string(answer, FALSE);
	snprintf(f->answer, sizeof(f->answer), "%s", text);
	g_strlcat(f->order, text, sizeof(f->order));
	g_free(text);
}

static int setup(void **state)
{
	struct fixture *f = g_new0(struct fixture, 1);
	char why[256];

	qemu_init(&f->qemu, directory);
	f->qmp = qmp_create(f->qemu.name.sun_path, why, sizeof(why));
	assert_non_null(f->qmp);
	qmp_add_events(f->qmp, &events, f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	qmp_destroy(f->qmp);
	qemu_finish(&f->qemu);
	g_free(f);
	return 0;
}

/* Up to the ready monitor. */
static void qemu_greet(struct fixture *f)
{
	unsigned connects = f->connects;

	RUN_UNTIL(qemu_accept(&f->qemu));
	qemu_say(&f->qemu, GREETING);
	RUN_UNTIL(qemu_hears(&f->qemu));
	assert_non_null(strstr(f->qemu.line, "\"qmp_capabilities\""));
	assert_false(qmp_is_connected(f->qmp));
	assert_int_equal(qmp_command(f->qmp, "stop", NULL, -1, on_answer, f), -ENOTCONN);
	qemu_answer(&f->qemu, heard_id(&f->qemu), "\"return\": {}");
	RUN_UNTIL(f->connects == connects + 1);
	assert_true(qmp_is_connected(f->qmp));
}

static void begin(struct fixture *f)
{
	qemu_listen(&f->qemu);
	qemu_greet(f);
}

static void commands_and_answers(void **state)
{
	struct fixture *f = *state;
	JsonObject *arguments = json_object_new();
	int64_t first, second;

	begin(f);
	json_object_set_string_member(arguments, "path", "a \"b\" \\ \xc3\xa9");
	assert_int_equal(qmp_command(f->qmp, "qom-get", arguments, -1, on_answer, f), 0);
	RUN_UNTIL(qemu_hears(&f->qemu));
	first = heard_id(&f->qemu);
	assert_non_null(strstr(f->qemu.line, "{\"execute\":\"qom-get\",\"arguments\":{\"path\":"));
	assert_non_null(strstr(f->qemu.line, "a \\\"b\\\" \\\\ "));
	assert_int_equal(qmp_command(f->qmp, "query-mice", NULL, -1, on_answer, f), 0);
	RUN_UNTIL(qemu_hears(&f->qemu));
	assert_null(strstr(f->qemu.line, "arguments"));
	second = heard_id(&f->qemu);
	assert_int_not_equal(first, second);
	/* In another order, in one piece and in bytes. */
	qemu_answer(&f->qemu, second, "\"return\": [1, {\"a\": \"}\\\"\"}]");
	RUN_UNTIL(f->answers == 1);
	assert_string_equal(f->answer, "[1,{\"a\":\"}\\\"\"}]");
	qemu_answer(&f->qemu, first, "\"return\": {}");
	RUN_UNTIL(f->answers == 2);
	assert_string_equal(f->answer, "{}");
	/* Without a callback, and one that is refused. */
	assert_int_equal(qmp_command(f->qmp, "cont", NULL, -1, NULL, NULL), 0);
	RUN_UNTIL(qemu_hears(&f->qemu));
	qemu_answer(
		&f->qemu, heard_id(&f->qemu), "\"error\": {\"class\": \"x\", \"desc\": \"no\"}");
	assert_int_equal(qmp_command(f->qmp, "stop", NULL, -1, on_answer, f), 0);
	RUN_UNTIL(qemu_hears(&f->qemu));
	qemu_answer(&f->qemu, heard_id(&f->qemu),
		"\"error\": {\"class\": \"GenericError\", \"desc\": \"it can't\"}");
	RUN_UNTIL(f->answers == 3);
	assert_int_equal(f->failures, 1);
	assert_string_equal(f->why, "it can't");
	assert_int_equal(qmp_counters(f->qmp)->errors, 2);
	assert_int_equal(qmp_counters(f->qmp)->commands, 5);
	assert_int_equal(qmp_counters(f->qmp)->dropped, 1); /* the one before the capabilities */
}

static void events_come(void **state)
{
	struct fixture *f = *state;
	struct fixture other = {0};

	begin(f);
	qmp_add_events(f->qmp, &events, &other);
	qemu_say(&f->qemu,
		"{\"timestamp\": {\"seconds\": 1}, \"event\": \"STOP\"}\r\n{\"event\": \"RESET\", "
		"\"data\": {\"n\": 7}}\r\n{\"event\": 3");
	RUN_UNTIL(f->events == 2);
	assert_string_equal(f->event, "RESET");
	assert_int_equal(f->event_number, 7);
	assert_int_equal(other.events, 2);
	/* Data of another kind is as good as none. */
	qemu_say(&f->qemu, ", \"return\": 1}\r\n");
	RUN_UNTIL(f->losses == 1); /* an answer to nothing */
}

/* Byte by byte, with line breaks in the midst, as -qmp-pretty writes. */
static void halves(void **state)
{
	static const char text[] = "{\r\n    \"event\": \"RESUME\",\r\n  \"data\": {\r\n\"n\":"
				   "5\r\n}\r\n}\r\n";
	struct fixture *f = *state;

	begin(f);
	for (const char *c = text; *c; c++) {
		assert_int_equal(write(f->qemu.fd, c, 1), 1);
		g_main_context_iteration(NULL, FALSE);
	}
	RUN_UNTIL(f->events == 1);
	assert_string_equal(f->event, "RESUME");
	assert_int_equal(f->event_number, 5);
}

static void goes_and_comes(void **state)
{
	struct fixture *f = *state;

	/* Not there at first. */
	RUN_UNTIL(g_main_context_iteration(NULL, FALSE));
	assert_int_equal(qmp_command(f->qmp, "stop", NULL, -1, on_answer, f), -ENOTCONN);
	begin(f);
	assert_int_equal(qmp_command(f->qmp, "stop", NULL, -1, on_answer, f), 0);
	qemu_close(&f->qemu.fd);
	RUN_UNTIL(f->losses == 1);
	assert_int_equal(f->failures, 1); /* the command that was not answered */
	assert_int_equal(qmp_command(f->qmp, "stop", NULL, -1, on_answer, f), -ENOTCONN);
	/* The same socket again, then a new one. */
	qemu_greet(f);
	qemu_close(&f->qemu.listening);
	qemu_close(&f->qemu.fd);
	RUN_UNTIL(f->losses == 2);
	begin(f);
	assert_int_equal(f->answers, 1);
	assert_int_equal(qmp_counters(f->qmp)->connects, 3);
	assert_int_equal(qmp_counters(f->qmp)->losses, 2);
	/* Nothing was kept for later. */
	assert_false(qemu_hears(&f->qemu));
}

static void garbage(void **state)
{
	static const char *const greetings[] = {
		"SSH-2.0-OpenSSH_9.2\r\n",
		"{\"hello\": 1}\r\n",
		"{\"QMP\": 3}\r\n",
		"{]\r\n",
		"{\"QMP\": {}} x",
		"[1]\r\n",
		"{\"QMP\": {\"version\": \"\xff\xfe\"}}\r\n",
	};
	struct fixture *f = *state;

	qemu_listen(&f->qemu);
	for (size_t i = 0; i < G_N_ELEMENTS(greetings); i++) {
		char byte;

		RUN_UNTIL(qemu_accept(&f->qemu));
		qemu_say(&f->qemu, greetings[i]);
		RUN_UNTIL(read(f->qemu.fd, &byte, 1) == 0 || errno == ECONNRESET);
		qemu_close(&f->qemu.fd);
		assert_int_equal(f->connects, 0);
		/* The pauses between tries grow; a new monitor need not wait for them. */
		teardown(state);
		setup(state);
		f = *state;
		qemu_listen(&f->qemu);
	}
	qemu_greet(f);
	qemu_say(&f->qemu, "}{\r\n");
	RUN_UNTIL(f->losses == 1);
}

static void refuses_capabilities(void **state)
{
	struct fixture *f = *state;
	char byte;

	qemu_listen(&f->qemu);
	RUN_UNTIL(qemu_accept(&f->qemu));
	qemu_say(&f->qemu, GREETING);
	RUN_UNTIL(qemu_hears(&f->qemu));
	qemu_answer(&f->qemu, heard_id(&f->qemu), "\"error\": {\"desc\": 5}");
	RUN_UNTIL(read(f->qemu.fd, &byte, 1) == 0);
	assert_int_equal(f->connects + f->losses + f->answers, 0);
}

/* Bytes without an end must not fill the memory, and must not hold up the main loop. */
static void flood(void **state)
{
	static char block[65536];
	struct fixture *f = *state;
	size_t sent = 0;

	begin(f);
	memset(block, 'x', sizeof(block));
	qemu_say(&f->qemu, "{\"event\": \"");
	while (!f->losses && sent < 4 * QMP_SCAN_MAX) {
		ssize_t n = send(f->qemu.fd, block, sizeof(block), MSG_NOSIGNAL);

		sent += n > 0 ? (size_t)n : 0;
		g_main_context_iteration(NULL, FALSE);
	}
	assert_int_equal(f->losses, 1);
	assert_true(sent > QMP_SCAN_MAX / 2);
	/* The same with depth. */
	qemu_close(&f->qemu.fd);
	qemu_greet(f);
	memset(block, '[', 200);
	block[200] = '\0';
	qemu_say(&f->qemu, "{\"event\": ");
	qemu_say(&f->qemu, block);
	RUN_UNTIL(f->losses == 2);
	/* And a great many good ones: each is told, one turn takes only some of them. */
	qemu_close(&f->qemu.fd);
	qemu_greet(f);
	for (int i = 0; i < 5000; i++) {
		static const char text[] = "{\"event\": \"RTC_CHANGE\"}\r\n";

		while (write(f->qemu.fd, text, sizeof(text) - 1) < 0) {
			g_main_context_iteration(NULL, FALSE);
		}
	}
	RUN_UNTIL(f->events == 5000);
	assert_int_equal(f->losses, 2);
}

/* QEMU stands still: what is sent is bounded, the rest is dropped and counted, nothing is torn. */
static void not_read(void **state)
{
	struct fixture *f = *state;
	uint64_t dropped = 0, lines = 0, taken;
	int rc = 0;

	begin(f);
	dropped = qmp_counters(f->qmp)->dropped;
	for (int i = 0; i < 5000; i++) {
		JsonObject *arguments = json_object_new();
		char *text = g_strnfill(1000, 'y');

		json_object_set_string_member(arguments, "text", text);
		g_free(text);
		rc = qmp_command(f->qmp, "test", arguments, -1, NULL, NULL);
		if (rc < 0) {
			break;
		}
	}
	assert_int_equal(rc, -EAGAIN);
	assert_int_equal(qmp_counters(f->qmp)->dropped, dropped + 1);
	taken = qmp_counters(f->qmp)->commands - 1;
	assert_true(taken > 200);
	RUN_UNTIL(({
		while (qemu_hears(&f->qemu)) {
			assert_true(g_str_has_prefix(f->qemu.line, "{\"execute\":\"test\","));
			assert_true(g_str_has_suffix(f->qemu.line, "}"));
			lines++;
		}
		lines == taken;
	}));
	assert_int_equal(f->losses, 0);
}

/* Read but never answered. */
static void not_answered(void **state)
{
	struct fixture *f = *state;
	unsigned sent = 0;

	begin(f);
	while (sent < 100000 && qmp_command(f->qmp, "t", NULL, -1, on_answer, f) == 0) {
		sent++;
		while (qemu_hears(&f->qemu)) {
		}
	}
	assert_int_equal(sent, 1024);
	qemu_close(&f->qemu.fd);
	RUN_UNTIL(f->losses == 1);
	assert_int_equal(f->failures, 1024);
}

/* The last command of a program is waited for, not long, and not after the connection. */
static void settles(void **state)
{
	struct fixture *f = *state;
	gint64 began;

	begin(f);
	qmp_settle(f->qmp, 10000); /* nothing is under way */
	assert_int_equal(qmp_command(f->qmp, "cont", NULL, -1, on_answer, f), 0);
	RUN_UNTIL(qemu_hears(&f->qemu));
	began = g_get_monotonic_time();
	qmp_settle(f->qmp, 50);
	assert_true(g_get_monotonic_time() - began >= 50 * 1000);
	assert_int_equal(f->answers, 0);
	qemu_answer(&f->qemu, heard_id(&f->qemu), "\"return\": {}");
	qmp_settle(f->qmp, 10000);
	assert_int_equal(f->answers, 1);
	assert_int_equal(f->failures, 0);
	assert_int_equal(qmp_command(f->qmp, "stop", NULL, -1, on_answer, f), 0);
	qemu_close(&f->qemu.fd);
	qmp_settle(f->qmp, 10000);
	assert_int_equal(f->failures, 1);
	assert_int_equal(f->losses, 1);
}

static void descriptor(void **state)
{
	struct fixture *f = *state;
	JsonObject *arguments = json_object_new();
	struct stat mine, passed;
	int fd = open(directory, O_RDONLY | O_CLOEXEC);

	begin(f);
	json_object_set_string_member(arguments, "fdname", "d");
	assert_int_equal(qmp_command(f->qmp, "first", NULL, -1, NULL, NULL), 0);
	assert_int_equal(qmp_command(f->qmp, "getfd", arguments, fd, NULL, NULL), 0);
	assert_int_equal(qmp_command(f->qmp, "last", NULL, -1, NULL, NULL), 0);
	RUN_UNTIL(qemu_hears(&f->qemu));
	assert_int_equal(f->qemu.passed, -1);
	RUN_UNTIL(qemu_hears(&f->qemu));
	assert_non_null(strstr(f->qemu.line, "getfd"));
	assert_true(f->qemu.passed >= 0);
	assert_int_equal(fstat(fd, &mine), 0); /* still ours */
	assert_int_equal(fstat(f->qemu.passed, &passed), 0);
	assert_int_equal(mine.st_ino, passed.st_ino);
	RUN_UNTIL(qemu_hears(&f->qemu));
	/* A bad one is told of, and nothing is sent. */
	assert_int_equal(qmp_command(f->qmp, "getfd", NULL, 1000, NULL, NULL), -EBADF);
	close(fd);
}

static void bad_paths(void **state)
{
	char why[256] = "", *path = g_strnfill(200, 'p');

	assert_null(qmp_create("", why, sizeof(why)));
	assert_int_equal(errno, EINVAL);
	assert_null(qmp_create(path, why, sizeof(why)));
	assert_int_equal(errno, EINVAL);
	assert_non_null(strstr(why, "200"));
	qmp_destroy(NULL);
	g_free(path);
}

static void scanner(void **state)
{
	struct qmp_scan scan = {0};
	size_t blank, used;

	assert_int_equal(qmp_scan(&scan, " \r\n", 3, &blank, &used), QMP_SCAN_MORE);
	assert_int_equal(used, 3);
	assert_int_equal(qmp_scan(&scan, " {\"}\\\"{\": [", 11, &blank, &used), QMP_SCAN_MORE);
	assert_int_equal(blank, 1);
	assert_int_equal(used, 11);
	assert_int_equal(qmp_scan(&scan, "\"\\\\\"]} {", 8, &blank, &used), QMP_SCAN_OBJECT);
	assert_int_equal(used, 6);
	assert_int_equal(qmp_scan(&scan, "x", 1, &blank, &used), QMP_SCAN_GARBAGE);
}

static int begin_all(void **state)
{
	log_set_level(LOG_LEVEL_ERROR);
	return mkdtemp(directory) ? 0 : -1;
}

static int end_all(void **state)
{
	return rmdir(directory);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(commands_and_answers),
		TEST(events_come),
		TEST(halves),
		TEST(goes_and_comes),
		TEST(garbage),
		TEST(refuses_capabilities),
		TEST(flood),
		TEST(not_read),
		TEST(not_answered),
		TEST(descriptor),
		TEST(settles),
		cmocka_unit_test(bad_paths),
		cmocka_unit_test(scanner),
	};

	return cmocka_run_group_tests(tests, begin_all, end_all);
}
