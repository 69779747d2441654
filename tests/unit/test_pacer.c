/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/pacer.h"

#define MS INT64_C(1000000)

static void test_first_look_is_now(void **state)
{
	struct pacer pacer;

	pacer_init(&pacer, 60);
	assert_true(pacer_next_look(&pacer, false, false) < 0);
	assert_true(pacer_frame_due(&pacer, 0));
}

/* Plays a guest that draws for a while and then rests; returns looks in the last second. */
static int play(struct pacer *pacer, int64_t damage_until, int64_t end, int64_t cost)
{
	int looks = 0;
	int64_t now = 0;

	while (now < end) {
		bool damage = now < damage_until;

		pacer_looked(pacer, now, now + cost, damage);
		if (damage && pacer_frame_due(pacer, now)) {
			pacer_gave(pacer, now);
		}
		looks += now >= end - 1000 * MS;
		now = pacer_next_look(pacer, false, false);
		assert_true(now > pacer->last_look);
	}
	return looks;
}

static void test_rest_is_slow_but_not_over_50_ms(void **state)
{
	struct pacer pacer;

	pacer_init(&pacer, 60);
	int looks = play(&pacer, 1000 * MS, 5000 * MS, MS / 2);

	assert_in_range(looks, 20, 25);
	assert_true(pacer_next_look(&pacer, false, false) - pacer.last_look < 50 * MS);
}

static void test_busy_looks_twice_a_frame_when_cheap(void **state)
{
	struct pacer pacer;

	pacer_init(&pacer, 60);
	assert_in_range(play(&pacer, INT64_MAX, 3000 * MS, MS / 2), 118, 122);
}

static void test_dear_looks_come_once_a_frame(void **state)
{
	struct pacer pacer;

	pacer_init(&pacer, 60);
	for (int i = 0; i < 100; i++) {
		pacer_looked(&pacer, i, i + 5 * MS, false);
	}
	pacer_looked(&pacer, 0, 5 * MS, true);
	assert_int_equal(pacer_next_look(&pacer, false, false), pacer.period);
}

static void test_frames_keep_the_rate(void **state)
{
	struct pacer pacer;
	int frames = 0;

	pacer_init(&pacer, 60);
	for (int64_t now = 0; now < 1000 * MS;) {
		pacer_looked(&pacer, now, now + MS / 2, true);
		if (pacer_frame_due(&pacer, now)) {
			pacer_gave(&pacer, now);
			frames++;
		}
		now = pacer_next_look(&pacer, true, false);
	}
	assert_in_range(frames, 58, 62);
}

/* A guest that draws all the time gets the rate and no more, however often its frames are early. */
static void test_frames_never_exceed_the_rate(void **state)
{
	struct pacer pacer;
	int frames = 0;

	pacer_init(&pacer, 60);
	for (int64_t now = 0; now < 10000 * MS; now += MS) {
		pacer_looked(&pacer, now, now + MS / 2, true);
		if (pacer_frame_due(&pacer, now)) {
			pacer_gave(&pacer, now);
			frames++;
		}
	}
	assert_in_range(frames, 590, 602);
}

/* A guest at our rate waits half a frame at most, wherever its clock stands against ours. */
static void test_no_phase_is_held_up(void **state)
{
	for (int64_t phase = 0; phase < 16 * MS; phase += MS / 4) {
		struct pacer pacer;
		int64_t painted = phase, worst = 0, now = 0;

		pacer_init(&pacer, 60);
		while (now < 2000 * MS) {
			bool damage = now >= painted;

			pacer_looked(&pacer, now, now + MS / 2, damage);
			if (damage && pacer_frame_due(&pacer, now)) {
				pacer_gave(&pacer, now);
				if (now > 500 * MS && now - painted > worst) {
					worst = now - painted;
				}
				while (painted <= now) {
					painted += pacer.period;
				}
				damage = false;
			}
			now = pacer_next_look(&pacer, damage, false);
		}
		assert_true(worst <= pacer.period / 2 + MS);
	}
}

static void test_blocked_waits_for_the_sink(void **state)
{
	struct pacer pacer;

	pacer_init(&pacer, 60);
	pacer_looked(&pacer, 0, MS, true);
	pacer_gave(&pacer, 0);
	assert_int_equal(pacer_next_look(&pacer, true, true), PACER_BLOCKED_STEP_NS);
	assert_false(pacer_wake_due(&pacer, 3 * MS));
	assert_true(pacer_wake_due(&pacer, 20 * MS));
}

static void test_slow_rate_is_kept_when_idle(void **state)
{
	struct pacer pacer;

	pacer_init(&pacer, 2);
	play(&pacer, 0, 3000 * MS, MS);
	assert_int_equal(pacer_next_look(&pacer, false, false) - pacer.last_look, 500 * MS);
}

/* Input: looks at the full rate for as long as a guest needs to draw, and no faster. */
static void test_hurry_is_the_full_rate_for_a_while(void **state)
{
	struct pacer pacer;
	int64_t quiet, next;

	pacer_init(&pacer, 60);
	play(&pacer, 0, 2000 * MS, MS);
	quiet = pacer.last_look;
	assert_int_equal(pacer_next_look(&pacer, false, false) - quiet, PACER_IDLE_STEP_NS);
	/* 30 ms after a look a key comes: a look is due at once. */
	pacer_hurry(&pacer, quiet + 30 * MS);
	assert_true(pacer_next_look(&pacer, false, false) <= quiet + 30 * MS);
	pacer_looked(&pacer, quiet + 30 * MS, quiet + 31 * MS, false);
	/* However many more come, the next one waits for its time. */
	for (int i = 0; i < 100; i++) {
		pacer_hurry(&pacer, quiet + 31 * MS);
	}
	next = pacer_next_look(&pacer, false, false);
	assert_in_range(next - pacer.last_look, pacer.period / 2 - MS, pacer.period);
	/* And it becomes quiet again. */
	play(&pacer, 0, quiet + 1000 * MS, MS);
	assert_int_equal(
		pacer_next_look(&pacer, false, false) - pacer.last_look, PACER_IDLE_STEP_NS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_look_is_now),
		cmocka_unit_test(test_rest_is_slow_but_not_over_50_ms),
		cmocka_unit_test(test_busy_looks_twice_a_frame_when_cheap),
		cmocka_unit_test(test_dear_looks_come_once_a_frame),
		cmocka_unit_test(test_frames_keep_the_rate),
		cmocka_unit_test(test_frames_never_exceed_the_rate),
		cmocka_unit_test(test_no_phase_is_held_up),
		cmocka_unit_test(test_blocked_waits_for_the_sink),
		cmocka_unit_test(test_slow_rate_is_kept_when_idle),
		cmocka_unit_test(test_hurry_is_the_full_rate_for_a_while),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
