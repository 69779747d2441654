/* SPDX-License-Identifier: MIT */
/*
 * Viewers that stand still: nothing may wait for them, neither the main loop nor a mode change nor
 * the end.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/spice/bed.h"

#define MAIN_LOOP_MS 150 /* never away for longer; 50 of it for a busy machine */
#define ARRIVAL_MS 500 /* as above: the library makes an RSA key for each channel */
#define SWITCH_MS 1000

static bool always_gives(struct bed *bed, void *data)
{
	unsigned *n = data;

	*n += bed_try_give(bed, NULL, 0);
	return false;
}

static bool gave_three(struct bed *bed, void *data)
{
	always_gives(bed, data);
	return *(unsigned *)data == 3;
}

static bool gives(struct bed *bed, void *data)
{
	return bed_try_give(bed, NULL, 0);
}

static unsigned elapsed_ms(gint64 since)
{
	return (g_get_monotonic_time() - since) / 1000;
}

static void check_loop(struct bed *bed, unsigned limit, const char *when)
{
	if (bed->slowest_ms > limit) {
		fail_msg("%s: the main loop was away for %u ms", when, bed->slowest_ms);
	}
}

/* Shows pictures to a viewer, stops it, and goes on until no more are taken. */
static void begin_stalled(
	struct bed *bed, struct viewer *viewer, bool tcp, enum spice_compression compression)
{
	unsigned before = 0, more = 0;

	bed_begin(bed, tcp, compression, NULL);
	viewer_begin(viewer, bed, NULL);
	viewer_ask(viewer, "wait-connected 10000");
	bed_picture(bed, 1280, 720, 1);
	bed_give(bed, NULL, 0);
	viewer_ask(viewer, "compare %s 10000", bed_save(bed));
	assert_true(bed_run(bed, 10000, gave_three, &before));
	viewer_kill(viewer, SIGSTOP);
	bed_run(bed, 500, always_gives, &more);
	more = 0;
	bed_run(bed, 500, always_gives, &more);
	if (more > 1) { /* one may still have found room */
		fail_msg("a viewer that stands still was given %u frames", more);
	}
	bed->slowest_ms = 0;
}

static bool has_switched(struct bed *bed, void *data)
{
	return atomic_load(&spice_sink_counters(bed->sink)->mode_switches) > *(unsigned *)data;
}

static void test_switch(bool tcp, enum spice_compression compression)
{
	static struct viewer viewer;
	static struct bed bed;
	unsigned switches;
	gint64 since;

	begin_stalled(&bed, &viewer, tcp, compression);
	switches = atomic_load(&spice_sink_counters(bed.sink)->mode_switches);
	bed_picture(&bed, 800, 600, 2);
	since = g_get_monotonic_time();
	assert_false(bed_try_give(&bed, NULL, 0));
	if (!bed_run(&bed, SWITCH_MS, has_switched, &switches)) {
		fail_msg("the mode change took more than %d ms", SWITCH_MS);
	}
	printf("mode change after %u ms, main loop away for %u ms at most, %u sockets shut\n",
		elapsed_ms(since), bed.slowest_ms,
		(unsigned)atomic_load(&spice_sink_counters(bed.sink)->viewers_shut));
	bed_run(&bed, 300, NULL, NULL);
	check_loop(&bed, MAIN_LOOP_MS, "mode change");
	viewer_end(&viewer);

	/* The next viewer is served as if nothing had been. */
	viewer_begin(&viewer, &bed, NULL);
	viewer_ask(&viewer, "wait-connected 10000");
	bed_give(&bed, NULL, 0);
	viewer_ask(&viewer, "compare %s 10000", bed_save(&bed));
	viewer_end(&viewer);
	bed_end(&bed);
}

static void test_end(bool tcp, enum spice_compression compression)
{
	static struct viewer viewer;
	static struct bed bed;
	gint64 since;

	begin_stalled(&bed, &viewer, tcp, compression);
	since = g_get_monotonic_time();
	bed_end(&bed);
	printf("ended after %u ms\n", elapsed_ms(since));
	assert_true(elapsed_ms(since) < SWITCH_MS);
	viewer_end(&viewer);
}

static void test_switch_unix(void **state)
{
	test_switch(false, SPICE_COMPRESSION_AUTO);
}

static void test_switch_off(void **state)
{
	test_switch(true, SPICE_COMPRESSION_OFF);
}

static void test_switch_lz4(void **state)
{
	test_switch(true, SPICE_COMPRESSION_LZ4);
}

static void test_switch_quic(void **state)
{
	test_switch(true, SPICE_COMPRESSION_QUIC);
}

static void test_switch_glz(void **state)
{
	test_switch(true, SPICE_COMPRESSION_GLZ);
}

static void test_end_unix(void **state)
{
	test_end(false, SPICE_COMPRESSION_AUTO);
}

static void test_end_lz4(void **state)
{
	test_end(true, SPICE_COMPRESSION_LZ4);
}

static void test_end_glz(void **state)
{
	test_end(true, SPICE_COMPRESSION_GLZ);
}

/* Another viewer takes the stalled one's place. */
static void test_replaced(void **state)
{
	static struct viewer stalled, viewer;
	static struct bed bed;

	begin_stalled(&bed, &stalled, true, SPICE_COMPRESSION_LZ4);
	viewer_begin(&viewer, &bed, NULL);
	viewer_ask(&viewer, "wait-connected 10000");
	bed_picture(&bed, 1280, 720, 3);
	bed_give(&bed, NULL, 0);
	viewer_ask(&viewer, "compare %s 10000", bed_save(&bed));
	check_loop(&bed, ARRIVAL_MS, "the second viewer's arrival");
	assert_true(bed_run(&bed, 5000, gives, NULL));
	viewer_end(&viewer);
	viewer_end(&stalled);
	bed_end(&bed);
}

/*
 * A display channel that connects and never says what it wants: the library waits 30 s for it, and
 * would not survive to lose it meanwhile.
 */
static void test_half_open(void **state)
{
	static struct viewer viewer;
	static struct bed bed;
	gint64 since;

	bed_begin(&bed, true, SPICE_COMPRESSION_LZ4, NULL);
	bed.mute_display = true;
	viewer_begin(&viewer, &bed, NULL);
	viewer_ask(&viewer, "wait-connected 10000");
	bed_run(&bed, 500, NULL, NULL);
	bed.slowest_ms = 0;
	bed_picture(&bed, 800, 600, 1);
	assert_false(bed_try_give(&bed, NULL, 0));
	bed_run(&bed, SWITCH_MS, gives, NULL);
	check_loop(&bed, MAIN_LOOP_MS, "a mode change");
	assert_int_equal(atomic_load(&spice_sink_counters(bed.sink)->viewers_shut), 0);
	since = g_get_monotonic_time();
	bed_end(&bed);
	printf("ended after %u ms\n", elapsed_ms(since));
	assert_true(elapsed_ms(since) < SWITCH_MS);
	viewer_end(&viewer);
}

/* It goes on where it was, with the newest picture. */
static void test_wakes_up(void **state)
{
	static struct viewer viewer;
	static struct bed bed;

	begin_stalled(&bed, &viewer, true, SPICE_COMPRESSION_LZ4);
	viewer_kill(&viewer, SIGCONT);
	bed_picture(&bed, 1280, 720, 4);
	bed_give(&bed, NULL, 0);
	viewer_ask(&viewer, "compare %s 10000", bed_save(&bed));
	assert_int_equal(atomic_load(&spice_sink_counters(bed.sink)->viewers_shut), 0);
	viewer_end(&viewer);
	bed_end(&bed);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_switch_unix, bed_teardown),
		cmocka_unit_test_teardown(test_switch_off, bed_teardown),
		cmocka_unit_test_teardown(test_switch_lz4, bed_teardown),
		cmocka_unit_test_teardown(test_switch_quic, bed_teardown),
		cmocka_unit_test_teardown(test_switch_glz, bed_teardown),
		cmocka_unit_test_teardown(test_end_unix, bed_teardown),
		cmocka_unit_test_teardown(test_end_lz4, bed_teardown),
		cmocka_unit_test_teardown(test_end_glz, bed_teardown),
		cmocka_unit_test_teardown(test_replaced, bed_teardown),
		cmocka_unit_test_teardown(test_wakes_up, bed_teardown),
		/* Last: it leaves the library running. */
		cmocka_unit_test_teardown(test_half_open, bed_teardown),
	};

	if (!getenv("SPICE_PROBE")) {
		printf("no viewer: spice-client-glib was not found at build time\n");
		return 77;
	}
	if (argc > 1) {
		cmocka_set_test_filter(argv[1]);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
