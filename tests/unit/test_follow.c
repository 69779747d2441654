/* SPDX-License-Identifier: MIT */
/* Whether the machine runs, told by a QEMU that this test plays. The capture is played too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <glib.h>
#include <stdlib.h>
#include <unistd.h>

#include "bridge/capture.h"
#include "bridge/follow.h"
#include "bridge/log.h"
#include "bridge/qmp.h"
#include "tests/unit/fake_qmp.h"

static char directory[] = "/tmp/test-follow-XXXXXX";

static bool paused;
static unsigned hurries;

void capture_set_paused(struct capture *capture, bool now)
{
	paused = now;
}

void capture_hurry(struct capture *capture)
{
	hurries++;
}

static unsigned starts, unplugs;

static void on_running(void *data, bool fresh)
{
	starts += fresh;
}

static void on_unplugged(void *data)
{
	unplugs++;
}

static const struct follow_events events = {
	.running = on_running,
	.unplugged = on_unplugged,
};

struct fixture {
	struct fake_qmp qemu;
	struct qmp *qmp;
	struct follow *follow;
};

static void setup(struct fixture *f)
{
	char why[256];

	paused = false;
	hurries = 0;
	starts = 0;
	unplugs = 0;
	qemu_init(&f->qemu, directory);
	qemu_listen(&f->qemu);
	f->qmp = qmp_create(f->qemu.name.sun_path, why, sizeof(why));
	assert_non_null(f->qmp);
	f->follow = follow_create(f->qmp, NULL, &events, f);
	follow_show(f->follow, true);
	RUN_UNTIL(qemu_accept(&f->qemu));
	qemu_say(&f->qemu, GREETING);
	RUN_UNTIL(qemu_hears(&f->qemu));
	qemu_answer(&f->qemu, heard_id(&f->qemu), "\"return\": {}");
	RUN_UNTIL(qemu_hears(&f->qemu)); /* query-status */
}

static void teardown(struct fixture *f)
{
	follow_destroy(f->follow);
	qmp_destroy(f->qmp);
	qemu_finish(&f->qemu);
}

/* The answer to each STOP, after which a RESET shows that it was heard. */
static bool is_paused_by(struct fixture *f, const char *status)
{
	unsigned before = hurries;

	qemu_answer(&f->qemu, heard_id(&f->qemu), status);
	qemu_say(&f->qemu, "{\"event\": \"RESET\"}\r\n");
	RUN_UNTIL(hurries > before);
	qemu_say(&f->qemu, "{\"event\": \"STOP\"}\r\n");
	RUN_UNTIL(qemu_hears(&f->qemu));
	return paused;
}

static void test_status(void **state)
{
	struct fixture f;

	setup(&f);
	assert_false(is_paused_by(&f, "\"return\": {\"running\": true, \"status\": \"running\"}"));
	assert_true(is_paused_by(&f, "\"return\": {\"running\": false, \"status\": \"paused\"}"));
	assert_false(
		is_paused_by(&f, "\"return\": {\"running\": false, \"status\": \"suspended\"}"));
	assert_true(is_paused_by(&f, "\"return\": {\"running\": false}"));
	assert_false(
		is_paused_by(&f, "\"return\": {\"running\": false, \"status\": \"shutdown\"}"));
	teardown(&f);
}

static void test_other_types(void **state)
{
	struct fixture f;

	setup(&f);
	assert_true(is_paused_by(&f, "\"return\": {\"running\": false, \"status\": 5}"));
	assert_false(is_paused_by(&f, "\"return\": {\"running\": \"no\", \"status\": []}"));
	assert_true(is_paused_by(&f, "\"return\": {\"running\": false, \"status\": {}}"));
	assert_true(is_paused_by(&f, "\"return\": []"));
	assert_true(is_paused_by(&f, "\"return\": {\"running\": false, \"status\": null}"));
	teardown(&f);
}

/* A machine that was there when we came has not just started; one that came after us has. */
static void test_start(void **state)
{
	struct fixture f;

	setup(&f);
	assert_int_equal(starts, 0);
	qemu_close(&f.qemu.fd);
	RUN_UNTIL(qemu_accept(&f.qemu));
	qemu_say(&f.qemu, GREETING);
	RUN_UNTIL(qemu_hears(&f.qemu));
	qemu_answer(&f.qemu, heard_id(&f.qemu), "\"return\": {}");
	RUN_UNTIL(starts == 1);
	teardown(&f);
}

static void test_unplugged(void **state)
{
	struct fixture f;

	setup(&f);
	qemu_say(&f.qemu, "{\"event\": \"DEVICE_DELETED\", \"data\": {\"path\": 5}}\r\n");
	RUN_UNTIL(unplugs == 1);
	teardown(&f);
}

/* Of a machine that is not shown nothing is told; when it is, what has become of it is. */
static void test_shown(void **state)
{
	struct fixture f;

	setup(&f);
	follow_show(f.follow, false);
	qemu_answer(&f.qemu, heard_id(&f.qemu), "\"return\": {\"running\": false}");
	qemu_say(&f.qemu, "{\"event\": \"RESET\"}\r\n{\"event\": \"DEVICE_DELETED\"}\r\n");
	RUN_UNTIL(unplugs == 1);
	assert_false(paused);
	assert_int_equal(hurries, 0);
	follow_show(f.follow, true);
	assert_true(paused);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_other_types),
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_unplugged),
		cmocka_unit_test(test_shown),
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
