/* SPDX-License-Identifier: MIT */
/* Hot spots are learned from guests that follow, and from no others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "bridge/hotspot.h"

#define SIDE 64
#define LOOK_NS (16 * INT64_C(1000000))

static uint32_t pixels[SIDE * SIDE];

struct guest {
	struct hotspot hotspot;
	struct hotspot_sight sight;
	uint32_t hot_x, hot_y; /* what is believed */
};

static void show_shape(struct guest *guest, uint32_t colour)
{
	for (size_t i = 0; i < SIDE * SIDE; i++) {
		pixels[i] = colour;
	}
	hotspot_set_shape(&guest->hotspot, pixels, SIDE, SIDE);
}

static void look(struct guest *guest)
{
	guest->sight.now += LOOK_NS;
	hotspot_look(&guest->hotspot, &guest->sight, &guest->hot_x, &guest->hot_y);
}

static void rest(struct guest *guest)
{
	for (int i = 0; i < 12; i++) {
		look(guest);
	}
}

static void point(struct guest *guest, uint32_t x, uint32_t y)
{
	guest->sight.pointed_x = x;
	guest->sight.pointed_y = y;
	guest->sight.pointed_serial++;
}

static void move_plane(struct guest *guest, int32_t x, int32_t y)
{
	guest->sight.plane_x = x;
	guest->sight.plane_y = y;
}

/* A viewer points, and a guest with this hot spot follows a little later. */
static void follow(struct guest *guest, uint32_t x, uint32_t y, int32_t hot_x, int32_t hot_y)
{
	point(guest, x, y);
	look(guest);
	look(guest);
	move_plane(guest, (int32_t)x - hot_x, (int32_t)y - hot_y);
	rest(guest);
}

static void expect_hot(const struct guest *guest, uint32_t x, uint32_t y)
{
	assert_int_equal(guest->hot_x, x);
	assert_int_equal(guest->hot_y, y);
}

static void learns(void **state)
{
	struct guest guest = {0};

	look(&guest); /* before there is any shape */
	show_shape(&guest, 1);
	rest(&guest);
	expect_hot(&guest, 0, 0);
	follow(&guest, 300, 200, 11, 7);
	expect_hot(&guest, 0, 0);
	follow(&guest, 400, 250, 11, 7);
	expect_hot(&guest, 11, 7);
	/* At the edges the plane hangs over. */
	follow(&guest, 0, 0, 11, 7);
	expect_hot(&guest, 11, 7);
	/* A pixel more or less is rounding. */
	follow(&guest, 100, 100, 12, 6);
	follow(&guest, 200, 200, 12, 6);
	expect_hot(&guest, 11, 7);
	/* The same shape with another hot spot (as Windows makes them) is learned anew. */
	follow(&guest, 300, 100, 30, 30);
	expect_hot(&guest, 11, 7);
	follow(&guest, 100, 300, 31, 30);
	expect_hot(&guest, 31, 30);
}

static void each_shape(void **state)
{
	struct guest guest = {0};

	show_shape(&guest, 1);
	follow(&guest, 300, 200, 5, 5);
	show_shape(&guest, 2);
	/* What was seen of one says nothing of the other. */
	follow(&guest, 400, 200, 5, 5);
	expect_hot(&guest, 0, 0);
	show_shape(&guest, 1);
	follow(&guest, 500, 200, 5, 5);
	expect_hot(&guest, 5, 5);
	show_shape(&guest, 2);
	look(&guest);
	expect_hot(&guest, 0, 0);
	follow(&guest, 10, 20, 32, 32);
	follow(&guest, 100, 200, 32, 32);
	expect_hot(&guest, 32, 32);
	/* At once when it comes again. */
	show_shape(&guest, 1);
	look(&guest);
	expect_hot(&guest, 5, 5);
	/* The oldest are forgotten. */
	for (uint32_t i = 0; i < HOTSPOT_SHAPES; i++) {
		show_shape(&guest, 100 + i);
		look(&guest);
		expect_hot(&guest, 0, 0);
	}
	show_shape(&guest, 1);
	look(&guest);
	expect_hot(&guest, 0, 0);
}

static void not_while_moving(void **state)
{
	struct guest guest = {0};

	show_shape(&guest, 1);
	/* Always a little behind the hand. */
	for (uint32_t i = 0; i < 200; i++) {
		point(&guest, 100 + 10 * i, 100);
		move_plane(&guest, 100 + 10 * (int32_t)i - 30, 95);
		look(&guest);
	}
	expect_hot(&guest, 0, 0);
	/* An animation of the guest's own, long after. */
	for (int i = 0; i < 200; i++) {
		move_plane(&guest, 2000 - 3 * i, 90);
		look(&guest);
	}
	expect_hot(&guest, 0, 0);
}

/* A guest that hangs, or that puts its pointer where it likes. */
static void not_by_chance(void **state)
{
	struct guest guest = {0};

	show_shape(&guest, 1);
	move_plane(&guest, 100, 100);
	rest(&guest);
	for (uint32_t x = 100; x < 160; x += 3) {
		point(&guest, x, 120);
		rest(&guest);
		expect_hot(&guest, 0, 0);
	}
	/* The same place over and over. */
	for (int i = 0; i < 10; i++) {
		point(&guest, 130, 120);
		rest(&guest);
	}
	expect_hot(&guest, 0, 0);
	/* Outside of the shape. */
	follow(&guest, 300, 200, 64, 0);
	follow(&guest, 400, 200, 64, 0);
	follow(&guest, 300, 200, -1, 0);
	follow(&guest, 400, 200, -1, 0);
	expect_hot(&guest, 0, 0);
	/* Numbers that a guest may write. */
	point(&guest, 0, 0);
	move_plane(&guest, INT32_MIN, INT32_MAX);
	rest(&guest);
	point(&guest, 16383, 16383);
	move_plane(&guest, INT32_MAX, INT32_MIN);
	rest(&guest);
	expect_hot(&guest, 0, 0);
}

/* The shape changes where the pointer arrives: what counts is what comes to rest. */
static void shape_on_the_way(void **state)
{
	struct guest guest = {0};

	for (uint32_t i = 0; i < 2; i++) {
		show_shape(&guest, 1);
		follow(&guest, 100 + 50 * i, 100, 3, 3);
		point(&guest, 500 + 50 * i, 500);
		move_plane(&guest, 500 + 50 * (int32_t)i - 3, 497);
		look(&guest);
		show_shape(&guest, 2);
		move_plane(&guest, 500 + 50 * (int32_t)i - 16, 484);
		rest(&guest);
	}
	expect_hot(&guest, 16, 16);
	show_shape(&guest, 1);
	look(&guest);
	expect_hot(&guest, 3, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(learns),
		cmocka_unit_test(each_shape),
		cmocka_unit_test(not_while_moving),
		cmocka_unit_test(not_by_chance),
		cmocka_unit_test(shape_on_the_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
