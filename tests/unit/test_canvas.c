/* SPDX-License-Identifier: MIT */
/*
 * The test client's own tools: a comparison that can't fail, or a stamp that is read where none is,
 * would make every test above them worthless.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/bench/stamp.h"
#include "tests/client/canvas.h"

#define WIDTH 70
#define HEIGHT 40
#define STRIDE 80

static uint32_t *make_picture(void)
{
	uint32_t *pixels = calloc(STRIDE * HEIGHT, sizeof(*pixels));

	assert_non_null(pixels);
	for (size_t i = 0; i < STRIDE * HEIGHT; i++) {
		pixels[i] = (uint32_t)i * 2654435761u;
	}
	return pixels;
}

static void test_stamp_round_trip(void **state)
{
	uint32_t *pixels = make_picture();
	struct stamp in = {.ns = 0x123456789abcdef0u, .sequence = 77}, out = {0};

	assert_false(stamp_read(pixels, STRIDE * 4, &out));
	stamp_write(pixels, STRIDE * 4, &in);
	assert_true(stamp_read(pixels, STRIDE * 4, &out));
	assert_true(in.ns == out.ns && in.sequence == out.sequence);
	free(pixels);
}

static void test_stamp_torn(void **state)
{
	uint32_t *pixels = make_picture(), *other = make_picture();
	struct stamp a = {.ns = 1000000007, .sequence = 77}, b = {.ns = 1016666673, .sequence = 78};
	struct stamp out = {0};

	stamp_write(pixels, STRIDE * 4, &a);
	stamp_write(other, STRIDE * 4, &b);
	for (unsigned rows = STAMP_BLOCK; rows < STAMP_HEIGHT; rows += STAMP_BLOCK) {
		uint32_t *mixed = make_picture();
		bool same;

		memcpy(mixed, pixels, STRIDE * 4 * STAMP_HEIGHT);
		memcpy(mixed, other, STRIDE * 4 * rows);
		/* Some rows of blocks are equal in both: such a mixture is one of the two. */
		same = !memcmp(mixed, pixels, STRIDE * 4 * STAMP_HEIGHT) ||
			!memcmp(mixed, other, STRIDE * 4 * STAMP_HEIGHT);
		assert_true(stamp_read(mixed, STRIDE * 4, &out) == same);
		free(mixed);
	}
	free(pixels);
	free(other);
}

static void test_compare(void **state)
{
	uint32_t *pixels = make_picture();
	uint32_t *want = malloc(WIDTH * HEIGHT * 4);
	struct canvas canvas = {pixels, WIDTH, HEIGHT, STRIDE * 4};
	struct canvas_difference difference;
	uint64_t hash = canvas_hash(&canvas);

	assert_non_null(want);
	for (size_t y = 0; y < HEIGHT; y++) {
		for (size_t x = 0; x < WIDTH; x++) {
			want[y * WIDTH + x] = pixels[y * STRIDE + x] ^ 0xff000000;
		}
	}
	/* X is ignored. */
	assert_true(canvas_compare(&canvas, want, 0, &difference));
	assert_int_equal(difference.max, 0);

	pixels[HEIGHT / 2 * STRIDE + 5] = 0x102030;
	want[HEIGHT / 2 * WIDTH + 5] = 0x102333;
	assert_false(canvas_compare(&canvas, want, 2, &difference));
	assert_int_equal(difference.x, 5);
	assert_int_equal(difference.y, HEIGHT / 2);
	assert_int_equal(difference.pixels, 1);
	assert_int_equal(difference.max, 3);
	assert_int_equal(difference.want, 0x102333);
	assert_int_equal(difference.have, 0x102030);
	assert_true(canvas_compare(&canvas, want, 3, &difference));
	assert_true(canvas_hash(&canvas) != hash);
	free(want);
	free(pixels);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stamp_round_trip),
		cmocka_unit_test(test_stamp_torn),
		cmocka_unit_test(test_compare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
