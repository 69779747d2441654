/* SPDX-License-Identifier: MIT */
/* Input to a QEMU that goes and comes, stops, is slow, refuses, or changes its pointer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/input_bed.h"

static void lost_and_back(void **state)
{
	struct input_bed *f = *state;

	bed_type(f, 0, "1d");
	input_buttons(f->input, 0, 1);
	bed_expect(f, "+1d | +left | ");
	qemu_close(&f->qemu.fd);
	RUN_UNTIL(!qmp_is_connected(f->qmp));
	bed_type(f, 0, "1e 9e 9d");
	bed_point(f, 5, 5);
	bed_settle(f);
	assert_true(bed_counters(f)->dropped >= 2);
	/* It may be the same QEMU, and may have missed a release. Nothing else comes late. */
	bed_connect(f);
	bed_expect(f, "-1d | -left | ");
	assert_int_equal(bed_counters(f)->released, 2);
	bed_type(f, 0, "1e 9e");
	bed_expect(f, "+1e | -1e | ");
	/* Once only. */
	qemu_close(&f->qemu.fd);
	RUN_UNTIL(!qmp_is_connected(f->qmp));
	bed_connect(f);
	bed_expect(f, "");
}

static void guest_stopped(void **state)
{
	struct input_bed *f = *state;
	uint64_t dropped;

	bed_type(f, 0, "1d 1e");
	bed_expect(f, "+1d +1e | ");
	qemu_say(&f->qemu, "{\"event\": \"STOP\"}\r\n");
	bed_settle(f);
	dropped = bed_counters(f)->dropped;
	bed_type(f, 0, "9d 20 a0");
	bed_expect(f, "");
	assert_true(bed_counters(f)->dropped >= dropped + 2);
	qemu_say(&f->qemu, "{\"event\": \"RESUME\"}\r\n");
	bed_expect(f, "-1d | ");
	bed_type(f, 0, "9e");
	bed_expect(f, "-1e | ");
	/* One that is found stopped, and one that only sleeps. */
	f->stopped = true;
	qemu_close(&f->qemu.fd);
	RUN_UNTIL(!qmp_is_connected(f->qmp));
	bed_connect(f);
	bed_type(f, 0, "1e");
	bed_expect(f, "");
}

/* A slow QEMU gets fewer calls, and no other input; one that stands still gets nothing late. */
static void slow(void **state)
{
	struct input_bed *f = *state;
	unsigned calls;

	f->holds_answers = true;
	for (int i = 0; i < 200; i++) {
		input_motion(f->input, 0, 1, 0);
		if (i % 20 == 0) {
			bed_type(f, 0, "1e 9e");
		}
		bed_settle(f);
	}
	assert_true(f->calls <= 8);
	g_string_set_size(f->events, 0);
	f->holds_answers = false;
	calls = f->calls;
	bed_answer_held(f);
	bed_settle(f);
	assert_true(f->calls - calls < 50);
	assert_int_equal(bed_counters(f)->dropped, 0);
	assert_int_equal(bed_counters(f)->keys, 20);
	/* All that was moved has arrived. */
	assert_non_null(strstr(f->events->str, "rel-x=20 | +1e | -1e | rel-x="));
}

static void stands_still(void **state)
{
	struct input_bed *f = *state;

	f->holds_answers = true;
	bed_type(f, 0, "1d 1e");
	bed_settle(f);
	g_string_set_size(f->events, 0);
	RUN_UNTIL(bed_counters(f)->stalls == 1);
	bed_type(f, 0, "9d 1f 9f 1f");
	bed_point(f, 1, 1);
	bed_expect(f, "");
	assert_true(bed_counters(f)->dropped >= 4);
	f->holds_answers = false;
	bed_answer_held(f);
	/* Only what nobody holds any more. */
	bed_expect(f, "-1d | ");
	bed_type(f, 0, "9e");
	bed_expect(f, "-1e | ");
}

static void full(void **state)
{
	struct input_bed *f = *state;

	f->holds_answers = true;
	for (int i = 0; i < 5000; i++) {
		bed_type(f, 0, i % 2 ? "9e" : "1e");
	}
	bed_settle(f);
	assert_true(bed_counters(f)->dropped >= 1900);
	f->holds_answers = false;
	bed_answer_held(f);
	bed_settle(f);
	/* The last word is a release, or there was none to release. */
	assert_true(g_str_has_suffix(f->events->str, "-1e | "));
}

static void follows_mice(void **state)
{
	struct input_bed *f = *state;
	unsigned asked = f->mice_asked;

	assert_int_equal(f->pointer_changes, 1);
	/* Nobody to point: nobody asks. */
	g_usleep(100000);
	bed_settle(f);
	assert_int_equal(f->mice_asked, asked);
	f->absolute = false;
	input_viewers(f->input, 1);
	bed_settle(f);
	assert_int_equal(f->pointer, SPICE_POINTER_RELATIVE);
	f->absolute = true;
	RUN_UNTIL((bed_serve(f), f->pointer == SPICE_POINTER_ABSOLUTE));
	assert_int_equal(f->pointer_changes, 3);
	assert_int_equal(bed_counters(f)->pointer, SPICE_POINTER_ABSOLUTE);
	/* A refusal is a hint. */
	f->absolute = false;
	f->refuses = true;
	g_usleep(300000);
	bed_point(f, 1, 1);
	bed_settle(f);
	assert_int_equal(f->pointer, SPICE_POINTER_RELATIVE);
	assert_int_equal(bed_counters(f)->refused, 1);
	input_viewers(f->input, 0);
}

/* Answers that are no lists of mice, or half of one. */
static void odd_mice(void **state)
{
	static const char *const answers[] = {"3", "{}", "[]", "[1, \"a\", null]",
		"[{\"current\": 1, \"absolute\": \"yes\"}]", "[{\"current\": true}]"};
	struct input_bed *f = *state;

	for (size_t i = 0; i < G_N_ELEMENTS(answers); i++) {
		char text[128];

		input_viewers(f->input, (unsigned)i + 1);
		RUN_UNTIL(qemu_hears(&f->qemu));
		assert_non_null(strstr(f->qemu.line, "query-mice"));
		snprintf(text, sizeof(text), "\"return\": %s", answers[i]);
		qemu_answer(&f->qemu, heard_id(&f->qemu), text);
		for (int n = 0; n < 50; n++) {
			g_main_context_iteration(NULL, FALSE);
		}
	}
	assert_true(qmp_is_connected(f->qmp));
	assert_int_equal(f->pointer, SPICE_POINTER_RELATIVE);
	input_viewers(f->input, 0);
}

/* The bridge ends while a viewer holds something. */
static void ends(void **state)
{
	struct input_bed *f = *state;

	bed_type(f, 0, "1d");
	bed_expect(f, "+1d | ");
	input_destroy(f->input);
	f->input = NULL;
	bed_serve(f);
	assert_string_equal(f->events->str, "-1d | ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lost_and_back),
		TEST(guest_stopped),
		TEST(slow),
		TEST(stands_still),
		TEST(full),
		TEST(follows_mice),
		TEST(odd_mice),
		TEST(ends),
	};

	return cmocka_run_group_tests(tests, bed_begin, bed_end);
}
