/* SPDX-License-Identifier: MIT */
/* Sizes that EDIDs are made for; edid.py has the blocks judged by edid-decode. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/edid.h"

static void test_round(void **state)
{
	static const struct {
		uint32_t width, height, to_width, to_height;
	} cases[] = {
		{1920, 1080, 1920, 1080},
		{1927, 1081, 1920, 1080},
		{1366, 768, 1360, 768},
		{327, 201, 320, 200},
		{1, 1, EDID_LEAST_WIDTH, EDID_LEAST_HEIGHT},
		{0, 4000, EDID_LEAST_WIDTH, 4000},
		{UINT32_MAX, UINT32_MAX, UINT32_MAX - 7, UINT32_MAX - 1},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t width = cases[i].width, height = cases[i].height;

		edid_round(&width, &height);
		assert_int_equal(width, cases[i].to_width);
		assert_int_equal(height, cases[i].to_height);
	}
}

static void test_limit(void **state)
{
	static const struct {
		uint32_t max_width, max_height, width, height, to_width, to_height;
		bool changed;
	} cases[] = {
		{1920, 1200, 1920, 1200, 1920, 1200, false},
		{1920, 1200, 1366, 767, 1366, 767, false}, /* not rounded: it fits */
		{1920, 1200, 3840, 2160, 1920, 1080, true}, /* 16:9 stays 16:9 */
		{1920, 1200, 1200, 2400, 600, 1200, true},
		{1920, 1200, 2560, 1600, 1920, 1200, true},
		{1024, 768, 1920, 1080, 1024, 576, true}, {1024, 768, 1000, 1000, 768, 768, true},
		{0, 0, 3840, 2160, 3840, 2160, false},
		{0, 0, 8190, 4095, 4088, 2048, true}, /* what a detailed timing can say */
		{0, 1080, 1920, 2160, 960, 1080, true},
		{UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, 4088, 4094, true},
		{1920, 1200, UINT32_MAX, 1, 1920, EDID_LEAST_HEIGHT, true},
		{200, 150, 1920, 1080, 200, 150, true}, /* the least is more than is allowed */
		{10, 10, 1920, 1080, 1920, 1080, false}, /* nonsense is no limit */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t width = cases[i].width, height = cases[i].height;
		bool changed = edid_limit(cases[i].max_width, cases[i].max_height, &width, &height);

		assert_int_equal(changed, cases[i].changed);
		assert_int_equal(width, cases[i].to_width);
		assert_int_equal(height, cases[i].to_height);
	}
}

static void test_timing(void **state)
{
	struct edid_timing t;

	/* As VESA's own table of timings has these two, both with reduced blanking. */
	assert_int_equal(edid_timing_make(&t, 1920, 1200), 0);
	assert_int_equal(t.clock, 15400);
	assert_int_equal(t.width_total, 2080);
	assert_int_equal(t.height_total, 1235);
	assert_int_equal(t.sync_lines, 6);
	assert_int_equal(edid_timing_make(&t, 1280, 800), 0);
	assert_int_equal(t.clock, 7100);
	assert_int_equal(t.height_total, 823);

	/* More than 655.35 MHz at 60 Hz: the next slower rate. */
	assert_int_equal(edid_timing_make(&t, 4095, 2300), 0);
	assert_int_equal(t.rate, 60);
	assert_int_equal(edid_timing_make(&t, 4095, 2900), 0);
	assert_int_equal(t.rate, 50);
	assert_int_equal(edid_timing_make(&t, 4095, 4095), 0);
	assert_int_equal(t.rate, 30);

	for (uint32_t w = EDID_MIN_SIDE; w <= EDID_MAX_SIDE; w += 61) {
		for (uint32_t h = EDID_MIN_SIDE; h <= EDID_MAX_SIDE; h += 53) {
			assert_int_equal(edid_timing_make(&t, w, h), 0);
			assert_in_range(t.clock, 2500, 0xffff);
			assert_in_range(t.height_total - h, 14, 4095);

			uint64_t rate = (uint64_t)t.clock * 10000000 /
				((uint64_t)t.width_total * t.height_total);

			/* A step of the clock is 0.25 MHz, so small pictures come out slower. */
			assert_in_range(rate, t.rate * 990, t.rate * 1001);
		}
	}
}

static void test_refused(void **state)
{
	uint8_t block[EDID_SIZE], same[EDID_SIZE];

	memset(block, 0x5a, sizeof(block));
	memcpy(same, block, sizeof(block));
	assert_int_equal(edid_make(block, EDID_MIN_SIDE - 1, 600), -ERANGE);
	assert_int_equal(edid_make(block, 800, EDID_MIN_SIDE - 1), -ERANGE);
	assert_int_equal(edid_make(block, EDID_MAX_SIDE + 1, 600), -ERANGE);
	assert_int_equal(edid_make(block, 800, EDID_MAX_SIDE + 1), -ERANGE);
	assert_int_equal(edid_make(block, 0, 0), -ERANGE);
	assert_memory_equal(block, same, sizeof(block));
}

/* Guests keep settings by vendor, product and serial number. */
static void test_identity(void **state)
{
	uint8_t a[EDID_SIZE], b[EDID_SIZE];

	assert_int_equal(edid_make(a, 1024, 768), 0);
	assert_int_equal(edid_make(b, 1024, 768), 0);
	assert_memory_equal(a, b, EDID_SIZE);
	assert_int_equal(edid_make(b, 768, 1024), 0);
	assert_memory_equal(a + 8, b + 8, 4);
	assert_memory_not_equal(a + 12, b + 12, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_timing),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_identity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
