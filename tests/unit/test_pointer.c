/* SPDX-License-Identifier: MIT */
/* Walks a pointer through the magnitudes that GVT-g would give, and expects the signs back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vfio/pointer.h"

#define SIDE 64

static struct pointer_report report_at(int32_t x, int32_t y)
{
	return (struct pointer_report){
		.x = (uint32_t)abs(x),
		.y = (uint32_t)abs(y),
		.width = SIDE,
		.height = SIDE,
	};
}

static void look(struct pointer_tracker *tracker, int32_t at_x, int32_t at_y)
{
	struct pointer_report report = report_at(at_x, at_y);
	int32_t x, y;

	pointer_track(tracker, &report, &x, &y);
	assert_int_equal(x, at_x);
	assert_int_equal(y, at_y);
}

/* Feeds magnitudes of true positions, each as often as it is looked at, and wants those back. */
static void walk(struct pointer_tracker *tracker, const int32_t (*path)[2], size_t count)
{
	for (int looks = 1; looks <= 3; looks++) {
		struct pointer_tracker again = *tracker;

		for (size_t i = 0; i < count; i++) {
			for (int j = 0; j < looks; j++) {
				look(&again, path[i][0], path[i][1]);
			}
		}
		if (looks == 3) {
			*tracker = again;
		}
	}
}

/* So long that the movement is over. */
static void rest(struct pointer_tracker *tracker, int32_t x, int32_t y)
{
	for (int i = 0; i < 10; i++) {
		look(tracker, x, y);
	}
}

#define WALK(tracker, ...)                                           \
	do {                                                         \
		static const int32_t path[][2] = {__VA_ARGS__};      \
		walk(tracker, path, sizeof(path) / sizeof(path[0])); \
	} while (0)

static void test_off_left_and_back(void **state)
{
	struct pointer_tracker tracker = {0};

	WALK(&tracker, {40, 100}, {30, 100}, {20, 101}, {10, 102}, {0, 103}, {-10, 104}, {-20, 105},
		{-25, 105}, {-27, 105}, {-24, 105}, {-15, 105}, {-6, 105}, {3, 105}, {13, 105},
		{30, 105}, {100, 105});
}

static void test_off_top_and_back(void **state)
{
	struct pointer_tracker tracker = {0};

	WALK(&tracker, {300, 12}, {300, 8}, {300, 3}, {301, -2}, {302, -5}, {303, -7}, {303, -7},
		{303, -5}, {303, -1}, {303, 4}, {303, 9}, {303, 200});
}

static void test_over_the_corner(void **state)
{
	struct pointer_tracker tracker = {0};

	WALK(&tracker, {18, 12}, {12, 8}, {6, 4}, {0, 0}, {-6, -4}, {-12, -8}, {-12, -8}, {-6, -8},
		{0, -8}, {6, -8}, {12, -4}, {18, 0}, {24, 4});
}

/* One pixel at a time, out and back, with every position seen. */
static void test_slowly(void **state)
{
	struct pointer_tracker tracker = {0};
	int32_t x, y;

	for (int32_t at = 50; at >= -40; at--) {
		struct pointer_report report = report_at(at, 500);

		pointer_track(&tracker, &report, &x, &y);
		assert_int_equal(x, at);
		assert_int_equal(y, 500);
	}
	for (int32_t at = -40; at <= 50; at++) {
		struct pointer_report report = report_at(at, 500);

		pointer_track(&tracker, &report, &x, &y);
		assert_int_equal(x, at);
	}
}

/*
 * At every speed at which a hand leaves, rests and comes back. Only where it crosses the edge to just
 * the mirrored place is the news one report late, as it looks like no movement.
 */
static void test_speeds(void **state)
{
	for (int32_t speed = 1; speed <= 30; speed++) {
		for (int32_t start = 31; start < 31 + speed; start++) {
			struct pointer_tracker tracker = {0};
			int32_t at = start + 3 * speed;
			int32_t last = 0;
			int32_t x, y;

			for (; at > -64; last = at, at -= speed) {
				struct pointer_report report = report_at(at, 80);

				pointer_track(&tracker, &report, &x, &y);
				assert_int_equal(x, at == -last ? last : at);
			}
			at = last;
			rest(&tracker, at, 80);
			for (at += speed; at < 64; last = at, at += speed) {
				struct pointer_report report = report_at(at, 80);

				pointer_track(&tracker, &report, &x, &y);
				assert_int_equal(x, at == -last ? last : at);
			}
		}
	}
}

/* Looks and movements each have their own clock: one to three looks at each place, at random. */
static void test_uneven_looks(void **state)
{
	for (unsigned seed = 0; seed < 500; seed++) {
		struct pointer_tracker tracker = {0};
		unsigned number = seed;
		int32_t speed = 2 + (int32_t)seed % 9;
		int32_t last = 0;
		int32_t x = 0, y;

		for (int32_t at = 60; at >= -20; last = at, at -= speed) {
			struct pointer_report report = report_at(at, 80);

			number = number * 1103515245 + 12345;
			for (unsigned i = 0; i <= (number >> 16) % 3; i++) {
				pointer_track(&tracker, &report, &x, &y);
			}
			assert_int_equal(x, at == -last ? last : at);
		}
		rest(&tracker, last, 80);
	}
}

/* Touching the edge and resting there, as an arrow does whose hot spot is its corner. */
static void test_rest_at_edge(void **state)
{
	struct pointer_tracker tracker = {0};

	WALK(&tracker, {60, 50}, {30, 50}, {0, 50});
	rest(&tracker, 0, 50);
	WALK(&tracker, {8, 50}, {20, 50}, {40, 50});
}

/* The position that the last of some magnitudes is taken for. */
static int32_t end_of(const uint32_t *magnitudes, size_t count)
{
	struct pointer_tracker tracker = {0};
	int32_t x = 0, y;

	for (size_t i = 0; i < count; i++) {
		struct pointer_report report = report_at((int32_t)magnitudes[i], 50);

		pointer_track(&tracker, &report, &x, &y);
	}
	return x;
}

#define END_OF(...) end_of((const uint32_t[]){__VA_ARGS__}, sizeof((uint32_t[]){__VA_ARGS__}) / 4)

/* One that comes quickly, stops before the edge and rests there has not gone over it. */
static void test_stop_before_edge(void **state)
{
	assert_int_equal(END_OF(100, 50, 15, 12, 11, 11, 11), 11);
	assert_int_equal(END_OF(30, 10, 10, 10), 10);
	assert_int_equal(END_OF(200, 100, 40, 30, 28, 28), 28);
	assert_int_equal(END_OF(60, 40, 25, 15, 9, 6, 5, 5, 5), 5);
	/* And back inside from there. */
	assert_int_equal(END_OF(60, 40, 25, 15, 9, 6, 5, 5, 5, 8, 14, 25), 25);
}

/* One that runs into the wall that its hot spot makes, and rests, has. */
static void test_stop_at_wall(void **state)
{
	assert_int_equal(END_OF(50, 30, 10, 8, 8, 8), -8);
	assert_int_equal(END_OF(25, 15, 5, 5, 8, 8, 8), -8);
	assert_int_equal(END_OF(45, 31, 17, 3, 8, 8, 6, 2), -2);
	assert_int_equal(END_OF(45, 31, 17, 3, 11, 12, 12, 9, 4, 3, 10), 10);
}

static void test_far_inside(void **state)
{
	struct pointer_tracker tracker = {0};

	/* Beyond the cursor's own size there is nothing to guess, however fast. */
	WALK(&tracker, {1800, 1000}, {900, 500}, {65, 65}, {1800, 1000}, {65, 1000});
}

static void test_first_is_positive(void **state)
{
	struct pointer_tracker tracker = {0};

	WALK(&tracker, {5, 7});
}

static void test_jump_is_positive(void **state)
{
	struct pointer_tracker tracker = {0};

	WALK(&tracker, {1000, 700}, {1000, 700}, {5, 9}, {5, 9});
	/* In the middle of a quick movement that would end far outside, too. */
	memset(&tracker, 0, sizeof(tracker));
	WALK(&tracker, {1000, 700}, {400, 700}, {10, 700});
}

/* Hidden while it hangs over the edge and shown again there. */
static void test_hidden(void **state)
{
	struct pointer_tracker tracker = {0};

	WALK(&tracker, {10, 50}, {2, 50}, {-6, 50}, {-8, 50});
	pointer_rest(&tracker);
	WALK(&tracker, {-8, 50}, {-8, 50}, {-3, 50}, {2, 50});
}

/* A guest that tells the hot spot tells where the wall is. */
static void test_hot_spot(void **state)
{
	struct pointer_tracker tracker = {0};
	struct pointer_report report = report_at(0, 50);
	int32_t x, y;

	report.hot_known = true;
	report.hot_x = 4;
	report.hot_y = 9;
	report.x = 12;
	pointer_track(&tracker, &report, &x, &y);
	assert_int_equal(x, 12);
	report.x = 2;
	pointer_track(&tracker, &report, &x, &y);
	assert_int_equal(x, 2);
	/* The way it goes it would be at -8, which this hot spot forbids: it turned round. */
	report.x = 8;
	pointer_track(&tracker, &report, &x, &y);
	assert_int_equal(x, 8);

	/* Up to the hot spot it may go. */
	memset(&tracker, 0, sizeof(tracker));
	for (int32_t at = 12; at >= -4; at -= 4) {
		report.x = (uint32_t)abs(at);
		pointer_track(&tracker, &report, &x, &y);
		assert_int_equal(x, at);
	}

	/* An arrow of this guest, pointing with its corner, stays inside. */
	report.hot_x = 0;
	report.hot_y = 0;
	for (int32_t at = 12; at >= 0; at -= 4) {
		report.x = (uint32_t)at;
		pointer_track(&tracker, &report, &x, &y);
		assert_int_equal(x, at);
	}
	report.x = 4;
	pointer_track(&tracker, &report, &x, &y);
	assert_int_equal(x, 4);

	/* But 0,0 alone may be a driver that fills in nothing, so it forbids nothing. */
	memset(&tracker, 0, sizeof(tracker));
	for (int32_t at = 12; at >= -12; at -= 4) {
		report.x = (uint32_t)abs(at);
		pointer_track(&tracker, &report, &x, &y);
		assert_int_equal(x, at);
	}
}

/* A driver that keeps the sign needs no guessing. */
static void test_signed_driver(void **state)
{
	struct pointer_tracker tracker = {0};
	struct pointer_report report = report_at(0, 0);
	int32_t x, y;

	report.x = (uint32_t)-5;
	report.y = (uint32_t)-63;
	pointer_track(&tracker, &report, &x, &y);
	assert_int_equal(x, -5);
	assert_int_equal(y, -63);
	/* Nor does it where the sign is plus, whatever would be smoother. */
	for (int32_t at = -7; at <= 7; at += 2) {
		report.x = (uint32_t)at;
		report.y = (uint32_t)-at;
		pointer_track(&tracker, &report, &x, &y);
		assert_int_equal(x, at);
		assert_int_equal(y, -at);
	}
	for (int32_t i = 0; i < 8; i++) {
		int32_t at = i % 2 ? 6 : -6;

		report.x = (uint32_t)at;
		pointer_track(&tracker, &report, &x, &y);
		assert_int_equal(x, at);
	}
}

static void test_hostile(void **state)
{
	static const uint32_t values[] = {0, 1, SIDE, 16384, 16385, 0x7fffffff, 0x80000000,
		0x80000001, 0xffff0000, 0xffffffff};
	struct pointer_tracker tracker = {0};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		for (size_t j = 0; j < sizeof(values) / sizeof(values[0]); j++) {
			struct pointer_report report = report_at(0, 0);
			int32_t x, y;

			report.x = values[i];
			report.y = values[j];
			pointer_track(&tracker, &report, &x, &y);
			assert_in_range(x + SIDE, 0, 16384 + SIDE);
			assert_in_range(y + SIDE, 0, 16384 + SIDE);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_off_left_and_back),
		cmocka_unit_test(test_off_top_and_back),
		cmocka_unit_test(test_over_the_corner),
		cmocka_unit_test(test_slowly),
		cmocka_unit_test(test_speeds),
		cmocka_unit_test(test_uneven_looks),
		cmocka_unit_test(test_rest_at_edge),
		cmocka_unit_test(test_stop_before_edge),
		cmocka_unit_test(test_stop_at_wall),
		cmocka_unit_test(test_far_inside),
		cmocka_unit_test(test_first_is_positive),
		cmocka_unit_test(test_jump_is_positive),
		cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_hot_spot),
		cmocka_unit_test(test_signed_driver),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
