/* SPDX-License-Identifier: MIT */
/* From what viewers do to the commands that QEMU gets: right, in order, merged, and nothing stuck. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <glib.h>
#include <spice/enums.h>
#include <stdio.h>
#include <string.h>

#include "bridge/batch.h"
#include "tests/unit/input_bed.h"

/* Keys. */

static void keys_in_table(void **state)
{
	/* The bytes of a press and a release in set 1, and the number in QEMU. */
	static const struct {
		const char *name, *down, *up, *number;
	} table[] = {
		{"Esc", "01", "81", "01"},
		{"a", "1e", "9e", "1e"},
		{"F12", "58", "d8", "58"},
		{"102nd (<)", "56", "d6", "56"},
		{"left Ctrl", "1d", "9d", "1d"},
		{"right Ctrl", "e0 1d", "e0 9d", "9d"},
		{"AltGr", "e0 38", "e0 b8", "b8"},
		{"keypad Enter", "e0 1c", "e0 9c", "9c"},
		{"keypad /", "e0 35", "e0 b5", "b5"},
		{"keypad 7", "47", "c7", "47"},
		{"Home", "e0 47", "e0 c7", "c7"},
		{"Home, with the shifts around it", "e0 2a e0 47", "e0 c7 e0 aa", "c7"},
		{"Home, with right Shift", "e0 b6 e0 47", "e0 c7 e0 36", "c7"},
		{"Up", "e0 48", "e0 c8", "c8"},
		{"Delete", "e0 53", "e0 d3", "d3"},
		{"left Meta", "e0 5b", "e0 db", "db"},
		{"right Meta", "e0 5c", "e0 dc", "dc"},
		{"Menu", "e0 5d", "e0 dd", "dd"},
		{"Print", "e0 37", "e0 b7", "b7"},
		{"Print, with the shifts around it", "e0 2a e0 37", "e0 b7 e0 aa", "b7"},
		{"SysRq (Alt and Print)", "54", "d4", "54"},
		{"Pause", "e1 1d 45", "e1 9d c5", "c6"},
		{"Break (Ctrl and Pause)", "e0 46", "e0 c6", "c6"},
		{"Num Lock", "45", "c5", "45"},
		{"Scroll Lock", "46", "c6", "46"},
		{"Caps Lock", "3a", "ba", "3a"},
		{"Mute", "e0 20", "e0 a0", "a0"},
		{"Volume down", "e0 2e", "e0 ae", "ae"},
		{"Volume up", "e0 30", "e0 b0", "b0"},
		{"Next", "e0 19", "e0 99", "99"},
		{"Previous", "e0 10", "e0 90", "90"},
		{"Play", "e0 22", "e0 a2", "a2"},
		{"Stop", "e0 24", "e0 a4", "a4"},
		{"Calculator", "e0 21", "e0 a1", "a1"},
		{"Mail", "e0 6c", "e0 ec", "ec"},
		{"Browser home", "e0 32", "e0 b2", "b2"},
		{"Power", "e0 5e", "e0 de", "de"},
		{"Sleep", "e0 5f", "e0 df", "df"},
		{"Wake", "e0 63", "e0 e3", "e3"},
		{"Ro (Japanese, Brazilian)", "73", "f3", "73"},
		{"Yen", "7d", "fd", "7d"},
		{"Katakana/Hiragana", "70", "f0", "70"},
		{"Henkan", "79", "f9", "79"},
		{"Muhenkan", "7b", "fb", "7b"},
		{"keypad , (Brazilian)", "7e", "fe", "7e"},
		{"Hanja", "71", "f1", "71"},
		{"Hangul", "72", "f2", "72"},
		{"F13", "5d", "dd", "5d"},
	};
	struct input_bed *f = *state;

	for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
		char want[32];

		snprintf(want, sizeof(want), "+%s | ", table[i].number);
		bed_type(f, 0, table[i].down);
		bed_expect(f, want);
		want[0] = '-';
		bed_type(f, 0, table[i].up);
		bed_expect(f, want);
	}
	/* Korean keyboards tell of these only that they were let go. */
	bed_type(f, 0, "f1 f2");
	bed_expect(f, "+71 | -71 +72 | -72 | ");
	/* No keys: half of a Pause, nothing, a prefix twice. */
	bed_type(f, 0, "e1 1d c5 00 80 e0 e0 00 e1 1d e0 48");
	bed_expect(f, "+c8 | ");
}

static void order_of_keys(void **state)
{
	struct input_bed *f = *state;

	/* All in one turn: few calls, none that holds a key twice. */
	bed_type(f, 0, "1d 2e ae 9d 1e 9e 1e 9e");
	bed_expect(f, "+1d +2e | -2e -1d +1e | -1e | +1e | -1e | ");
	/* Held: a repeat is passed on, and one release ends it. */
	bed_type(f, 0, "1e 1e 1e 9e 9e");
	bed_expect(f, "+1e | +1e | +1e | -1e | ");
}

static void all_numbers(void **state)
{
	struct input_bed *f = *state;
	GString *want = g_string_new(NULL);

	for (unsigned code = 1; code < 0x60; code++) {
		char bytes[16];

		snprintf(bytes, sizeof(bytes), "%02x %02x", code, code | 0x80);
		bed_type(f, 0, bytes);
		g_string_printf(want, "+%02x | -%02x | ", code, code);
		bed_expect(f, want->str);
		if (code == 0x2a || code == 0x36) {
			continue;
		}
		snprintf(bytes, sizeof(bytes), "e0 %02x e0 %02x", code, code | 0x80);
		bed_type(f, 0, bytes);
		g_string_printf(want, "+%02x | -%02x | ", code | 0x80, code | 0x80);
		bed_expect(f, want->str);
	}
	g_string_free(want, TRUE);
}

/* The pointer. */

static void pointer_absolute(void **state)
{
	struct input_bed *f = *state;
	char want[64];

	assert_int_equal(f->pointer, SPICE_POINTER_ABSOLUTE);
	bed_point(f, 0, 0);
	bed_expect(f, "abs-x=0 abs-y=0 | ");
	bed_point(f, 1919, 1079);
	bed_expect(f, "abs-x=32767 abs-y=32767 | ");
	assert_int_equal(f->pointed, 2);
	assert_int_equal(f->x, 1919);
	/* Many in one turn are one. */
	for (uint32_t i = 0; i < 100; i++) {
		bed_point(f, i, 2 * i);
	}
	snprintf(want, sizeof(want), "abs-x=%d abs-y=%d | ", batch_axis(99, 1920),
		batch_axis(198, 1080));
	bed_expect(f, want);
	assert_int_equal(f->pointed, 3);
	assert_int_equal(bed_counters(f)->merged, 99);
	/* A button stays where it was pressed, whatever moves after it. */
	bed_point(f, 0, 0);
	bed_point(f, 1919, 0);
	input_buttons(f->input, 0, SPICE_MOUSE_BUTTON_MASK_LEFT);
	bed_point(f, 0, 1079);
	input_buttons(f->input, 0, 0);
	input_buttons(f->input, 0, SPICE_MOUSE_BUTTON_MASK_LEFT);
	bed_point(f, 0, 0);
	bed_expect(f,
		"abs-x=32767 abs-y=0 +left | abs-x=0 abs-y=32767 -left | +left | "
		"abs-x=0 abs-y=0 | ");
}

static void pointer_relative(void **state)
{
	struct input_bed *f = *state;

	input_motion(f->input, 0, 3, -4);
	input_motion(f->input, 0, -1, 5);
	input_motion(f->input, 0, 0, 0);
	input_buttons(f->input, 0, SPICE_MOUSE_BUTTON_MASK_RIGHT);
	input_motion(f->input, 0, 0, 1);
	bed_expect(f, "rel-x=2 rel-y=1 +right | rel-y=1 | ");
	input_motion(f->input, 0, INT32_MIN, INT32_MAX);
	bed_expect(f, "rel-x=-32768 rel-y=32767 | ");
	assert_int_equal(f->pointed, 0);
}

static void buttons_and_wheel(void **state)
{
	struct input_bed *f = *state;

	input_buttons(f->input, 0, 0x67);
	bed_expect(f, "+left | +middle | +right | +side | +extra | ");
	input_buttons(f->input, 0, 0x67 | 0xffffff98); /* no buttons of ours */
	bed_expect(f, "");
	input_buttons(f->input, 0, 0);
	bed_expect(f, "-left | -middle | -right | -side | -extra | ");
	input_wheel(f->input, 0, -1, 0);
	bed_expect(f, "+wheel-up -wheel-up | ");
	input_wheel(f->input, 0, 1, 0);
	input_wheel(f->input, 0, 1, 0);
	input_wheel(f->input, 0, -1, 0);
	bed_expect(f, "+wheel-down -wheel-down +wheel-down -wheel-down | +wheel-up -wheel-up | ");
	bed_point(f, 0, 0);
	input_wheel(f->input, 0, 1, 0);
	bed_point(f, 0, 0);
	bed_expect(f, "abs-x=0 abs-y=0 +wheel-down -wheel-down | abs-x=0 abs-y=0 | ");
}

/* Keys and the pointer go in calls of their own, in their order. */
static void mixed(void **state)
{
	struct input_bed *f = *state;

	bed_type(f, 0, "1d");
	bed_point(f, 0, 0);
	input_buttons(f->input, 0, 1);
	bed_type(f, 0, "1e");
	input_buttons(f->input, 0, 0);
	bed_type(f, 0, "9e 9d");
	bed_expect(f, "+1d | abs-x=0 abs-y=0 +left | +1e | -left | -1e -1d | ");
	assert_int_equal(f->sent, 1);
}

/* Guests find the pixel again, be it that they divide by the size or by one less. */
static void axis(void **state)
{
	for (uint32_t size = 2; size <= 16384; size += size < 300 ? 1 : 61) {
		assert_int_equal(batch_axis(0, size), 0);
		assert_int_equal(batch_axis(size - 1, size), BATCH_AXIS_MAX);
		assert_int_equal(batch_axis(size + 5, size), BATCH_AXIS_MAX);
		for (uint32_t x = 0; x < size; x++) {
			uint32_t value = (uint32_t)batch_axis(x, size);

			assert_int_equal(value * size / (BATCH_AXIS_MAX + 1), x);
			assert_int_equal(value * (size - 1) / BATCH_AXIS_MAX, x);
			assert_int_equal(
				(value * (size - 1) + BATCH_AXIS_MAX / 2) / BATCH_AXIS_MAX, x);
		}
	}
	assert_int_equal(batch_axis(0, 1), 0);
	assert_int_equal(batch_axis(7, 0), 0);
}

/* Who holds what. */

static void nothing_stuck(void **state)
{
	struct input_bed *f = *state;

	bed_type(f, 0, "1d e0 38 e1 1d 45 e0");
	input_buttons(f->input, 0, 0x41);
	bed_expect(f, "+1d +b8 +c6 | +left | +extra | ");
	input_end(f->input, 0);
	bed_expect(f, "-1d -b8 -c6 | -left | -extra | ");
	assert_int_equal(bed_counters(f)->released, 5);
	/* Nothing twice, and no half of a code is left over. */
	input_end(f->input, 0);
	bed_type(f, 0, "9d 48");
	bed_expect(f, "+48 | ");
}

static void two_viewers(void **state)
{
	struct input_bed *f = *state;

	bed_type(f, 0, "2a");
	bed_type(f, 3, "2a");
	input_buttons(f->input, 0, 1);
	input_buttons(f->input, 3, 3);
	bed_expect(f, "+2a | +2a | +left | +middle | ");
	bed_type(f, 0, "aa");
	input_buttons(f->input, 0, 0);
	bed_expect(f, "");
	input_end(f->input, 3);
	bed_expect(f, "-2a | -left | -middle | ");
	/* The prefix of one is not the other's. */
	bed_type(f, 0, "e0");
	bed_type(f, 3, "48");
	bed_type(f, 0, "48");
	bed_expect(f, "+48 +c8 | ");
}

static void lock_keys(void **state)
{
	struct input_bed *f = *state;

	bed_type(f, 0, "3a");
	bed_settle(f);
	assert_int_equal(f->leds, SPICE_KEYBOARD_MODIFIER_FLAGS_CAPS_LOCK);
	bed_type(f, 0, "3a 3a ba 45 c5"); /* repeats are no presses */
	bed_settle(f);
	assert_int_equal(f->leds,
		SPICE_KEYBOARD_MODIFIER_FLAGS_CAPS_LOCK | SPICE_KEYBOARD_MODIFIER_FLAGS_NUM_LOCK);
	bed_type(f, 0, "3a ba");
	bed_settle(f);
	assert_int_equal(f->leds, SPICE_KEYBOARD_MODIFIER_FLAGS_NUM_LOCK);
	qemu_say(&f->qemu, "{\"event\": \"RESET\", \"data\": {\"guest\": true}}\r\n");
	bed_settle(f);
	assert_int_equal(f->leds, 0);
}

/* A reset is asked about at once. QEMU may end with a shutdown, and is then not spoken to meanwhile. */
static void quiet_at_the_end(void **state)
{
	struct input_bed *f = *state;
	unsigned asked;
	gint64 end;

	input_viewers(f->input, 1);
	bed_settle(f);
	asked = f->mice_asked;
	qemu_say(&f->qemu, "{\"event\": \"RESET\", \"data\": {\"guest\": true}}\r\n");
	bed_settle(f);
	assert_int_equal(f->mice_asked, asked + 1);
	qemu_say(&f->qemu, "{\"event\": \"SHUTDOWN\", \"data\": {\"guest\": true}}\r\n");
	/* The next question would have come after half a second. */
	end = g_get_monotonic_time() + G_USEC_PER_SEC;
	while (g_get_monotonic_time() < end) {
		bed_settle(f);
	}
	assert_int_equal(f->mice_asked, asked + 1);
	/* It went on, as with -no-shutdown. */
	RUN_UNTIL((bed_serve(f), f->mice_asked > asked + 1));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keys_in_table),
		TEST(order_of_keys),
		TEST(all_numbers),
		TEST(pointer_absolute),
		TEST(pointer_relative),
		TEST(buttons_and_wheel),
		TEST(mixed),
		cmocka_unit_test(axis),
		TEST(nothing_stuck),
		TEST(two_viewers),
		TEST(lock_keys),
		TEST(quiet_at_the_end),
	};

	return cmocka_run_group_tests(tests, bed_begin, bed_end);
}
