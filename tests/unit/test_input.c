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
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge/batch.h"
#include "bridge/input.h"
#include "bridge/keys.h"
#include "bridge/log.h"
#include "bridge/qmp.h"
#include "tests/unit/fake_qmp.h"

static char directory[] = "/tmp/test-input-XXXXXX";

struct fixture {
	struct fake_qmp qemu;
	struct qmp *qmp;
	struct input *input;
	enum spice_pointer pointer;
	unsigned pointer_changes, sent, pointed;
	uint32_t x, y;
	uint8_t leds;
	bool absolute; /* what query-mice is answered with */
	bool stopped; /* and query-status */
	bool holds_answers; /* to input-send-event */
	bool refuses;
	int64_t unanswered[64];
	unsigned n_unanswered;
	unsigned calls, mice_asked;
	GString *events; /* a word for each event, a bar for the end of each call */
};

static void on_pointer(void *data, enum spice_pointer pointer)
{
	struct fixture *f = data;

	f->pointer = pointer;
	f->pointer_changes++;
}

static void on_leds(void *data, uint8_t leds)
{
	((struct fixture *)data)->leds = leds;
}

static void on_sent(void *data)
{
	((struct fixture *)data)->sent++;
}

static void on_pointed(void *data, uint32_t x, uint32_t y)
{
	struct fixture *f = data;

	f->pointed++;
	f->x = x;
	f->y = y;
}

static const struct input_ops ops = {on_pointer, on_leds, on_sent, on_pointed};

static void note_event(struct fixture *f, JsonObject *event)
{
	JsonObject *data = json_object_get_object_member(event, "data");
	const char *type = json_object_get_string_member(event, "type");

	if (!strcmp(type, "key")) {
		JsonObject *key = json_object_get_object_member(data, "key");

		assert_string_equal(json_object_get_string_member(key, "type"), "number");
		g_string_append_printf(f->events, "%s%02x ",
			json_object_get_boolean_member(data, "down") ? "+" : "-",
			(unsigned)json_object_get_int_member(key, "data"));
	} else if (!strcmp(type, "btn")) {
		g_string_append_printf(f->events, "%s%s ",
			json_object_get_boolean_member(data, "down") ? "+" : "-",
			json_object_get_string_member(data, "button"));
	} else {
		g_string_append_printf(f->events, "%s-%s=%d ", type,
			json_object_get_string_member(data, "axis"),
			(int)json_object_get_int_member(data, "value"));
	}
}

static void note_call(struct fixture *f, JsonObject *command)
{
	JsonObject *arguments = json_object_get_object_member(command, "arguments");
	JsonArray *events = json_object_get_array_member(arguments, "events");

	f->calls++;
	assert_true(json_array_get_length(events) > 0);
	for (guint i = 0; i < json_array_get_length(events); i++) {
		note_event(f, json_array_get_object_element(events, i));
	}
	g_string_append(f->events, "| ");
}

/* QEMU's turn: hears what there is and answers. True if there was anything. */
static bool serve(struct fixture *f)
{
	bool any = false;

	while (f->qemu.fd >= 0 && qemu_hears(&f->qemu)) {
		JsonNode *node = json_from_string(f->qemu.line, NULL);
		JsonObject *command = json_node_get_object(node);
		const char *name = json_object_get_string_member(command, "execute");
		int64_t id = heard_id(&f->qemu);
		char text[128];

		any = true;
		if (!strcmp(name, "query-mice")) {
			f->mice_asked++;
			snprintf(text, sizeof(text),
				"\"return\": [{\"index\": 2, \"current\": true, \"absolute\": %s}, "
				"{\"current\": false, \"absolute\": true}]",
				f->absolute ? "true" : "false");
			qemu_answer(&f->qemu, id, text);
		} else if (!strcmp(name, "query-status")) {
			snprintf(text, sizeof(text), "\"return\": {\"running\": %s}",
				f->stopped ? "false" : "true");
			qemu_answer(&f->qemu, id, text);
		} else if (!strcmp(name, "input-send-event")) {
			note_call(f, command);
			if (f->holds_answers) {
				assert_true(f->n_unanswered < G_N_ELEMENTS(f->unanswered));
				f->unanswered[f->n_unanswered++] = id;
			} else {
				qemu_answer(&f->qemu, id,
					f->refuses ? "\"error\": {\"desc\": \"no handler\"}"
						   : "\"return\": {}");
			}
		} else {
			assert_string_equal(name, "qmp_capabilities");
			qemu_answer(&f->qemu, id, "\"return\": {}");
		}
		json_node_unref(node);
	}
	return any;
}

static void answer_held(struct fixture *f)
{
	for (unsigned i = 0; i < f->n_unanswered; i++) {
		qemu_answer(&f->qemu, f->unanswered[i], "\"return\": {}");
	}
	f->n_unanswered = 0;
}

/* Until nothing happens any more. */
static void settle(struct fixture *f)
{
	for (int quiet = 0; quiet < 5;) {
		bool any = g_main_context_iteration(NULL, FALSE);

		any |= serve(f);
		quiet = any ? 0 : quiet + 1;
		if (!any) {
			g_usleep(200);
		}
	}
}

static void expect(struct fixture *f, const char *events)
{
	settle(f);
	assert_string_equal(f->events->str, events);
	g_string_set_size(f->events, 0);
}

static void connect_qemu(struct fixture *f)
{
	RUN_UNTIL(qemu_accept(&f->qemu));
	qemu_say(&f->qemu, GREETING);
	RUN_UNTIL((serve(f), qmp_is_connected(f->qmp)));
	settle(f);
}

static int setup(void **state)
{
	struct fixture *f = g_new0(struct fixture, 1);
	char why[256];

	f->events = g_string_new(NULL);
	f->absolute = true;
	qemu_init(&f->qemu, directory);
	qemu_listen(&f->qemu);
	f->qmp = qmp_create(f->qemu.name.sun_path, why, sizeof(why));
	assert_non_null(f->qmp);
	f->input = input_create(f->qmp, &ops, f);
	connect_qemu(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	qemu_close(&f->qemu.fd); /* or the last words would wait for it */
	input_destroy(f->input);
	qmp_destroy(f->qmp);
	qemu_finish(&f->qemu);
	g_string_free(f->events, TRUE);
	g_free(f);
	return 0;
}

static void type(struct fixture *f, unsigned seat, const char *hex)
{
	char *end;

	for (unsigned long byte; *hex; hex = end) {
		byte = strtoul(hex, &end, 16);
		input_key(f->input, seat, (uint8_t)byte);
		while (*end == ' ') {
			end++;
		}
	}
}

static const struct input_counters *counters(struct fixture *f)
{
	return input_counters(f->input);
}

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
	struct fixture *f = *state;

	for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
		char want[32];

		snprintf(want, sizeof(want), "+%s | ", table[i].number);
		type(f, 0, table[i].down);
		expect(f, want);
		want[0] = '-';
		type(f, 0, table[i].up);
		expect(f, want);
	}
	/* Korean keyboards tell of these only that they were let go. */
	type(f, 0, "f1 f2");
	expect(f, "+71 | -71 +72 | -72 | ");
	/* No keys: half of a Pause, nothing, a prefix twice. */
	type(f, 0, "e1 1d c5 00 80 e0 e0 00 e1 1d e0 48");
	expect(f, "+c8 | ");
}

static void order_of_keys(void **state)
{
	struct fixture *f = *state;

	/* All in one turn: few calls, none that holds a key twice. */
	type(f, 0, "1d 2e ae 9d 1e 9e 1e 9e");
	expect(f, "+1d +2e | -2e -1d +1e | -1e | +1e | -1e | ");
	/* Held: a repeat is passed on, and one release ends it. */
	type(f, 0, "1e 1e 1e 9e 9e");
	expect(f, "+1e | +1e | +1e | -1e | ");
}

static void all_numbers(void **state)
{
	struct fixture *f = *state;
	GString *want = g_string_new(NULL);

	for (unsigned code = 1; code < 0x60; code++) {
		char bytes[16];

		snprintf(bytes, sizeof(bytes), "%02x %02x", code, code | 0x80);
		type(f, 0, bytes);
		g_string_printf(want, "+%02x | -%02x | ", code, code);
		expect(f, want->str);
		if (code == 0x2a || code == 0x36) {
			continue;
		}
		snprintf(bytes, sizeof(bytes), "e0 %02x e0 %02x", code, code | 0x80);
		type(f, 0, bytes);
		g_string_printf(want, "+%02x | -%02x | ", code | 0x80, code | 0x80);
		expect(f, want->str);
	}
	g_string_free(want, TRUE);
}

/* The pointer. */

static void point(struct fixture *f, uint32_t x, uint32_t y)
{
	input_position(f->input, 0, &(struct spice_position){x, y, 1920, 1080});
}

static void pointer_absolute(void **state)
{
	struct fixture *f = *state;
	char want[64];

	assert_int_equal(f->pointer, SPICE_POINTER_ABSOLUTE);
	point(f, 0, 0);
	expect(f, "abs-x=0 abs-y=0 | ");
	point(f, 1919, 1079);
	expect(f, "abs-x=32767 abs-y=32767 | ");
	assert_int_equal(f->pointed, 2);
	assert_int_equal(f->x, 1919);
	/* Many in one turn are one. */
	for (uint32_t i = 0; i < 100; i++) {
		point(f, i, 2 * i);
	}
	snprintf(want, sizeof(want), "abs-x=%d abs-y=%d | ", batch_axis(99, 1920),
		batch_axis(198, 1080));
	expect(f, want);
	assert_int_equal(f->pointed, 3);
	assert_int_equal(counters(f)->merged, 99);
	/* A button stays where it was pressed, whatever moves after it. */
	point(f, 0, 0);
	point(f, 1919, 0);
	input_buttons(f->input, 0, SPICE_MOUSE_BUTTON_MASK_LEFT);
	point(f, 0, 1079);
	input_buttons(f->input, 0, 0);
	input_buttons(f->input, 0, SPICE_MOUSE_BUTTON_MASK_LEFT);
	point(f, 0, 0);
	expect(f,
		"abs-x=32767 abs-y=0 +left | abs-x=0 abs-y=32767 -left | +left | "
		"abs-x=0 abs-y=0 | ");
}

static void pointer_relative(void **state)
{
	struct fixture *f = *state;

	input_motion(f->input, 0, 3, -4);
	input_motion(f->input, 0, -1, 5);
	input_motion(f->input, 0, 0, 0);
	input_buttons(f->input, 0, SPICE_MOUSE_BUTTON_MASK_RIGHT);
	input_motion(f->input, 0, 0, 1);
	expect(f, "rel-x=2 rel-y=1 +right | rel-y=1 | ");
	input_motion(f->input, 0, INT32_MIN, INT32_MAX);
	expect(f, "rel-x=-32768 rel-y=32767 | ");
	assert_int_equal(f->pointed, 0);
}

static void buttons_and_wheel(void **state)
{
	struct fixture *f = *state;

	input_buttons(f->input, 0, 0x67);
	expect(f, "+left | +middle | +right | +side | +extra | ");
	input_buttons(f->input, 0, 0x67 | 0xffffff98); /* no buttons of ours */
	expect(f, "");
	input_buttons(f->input, 0, 0);
	expect(f, "-left | -middle | -right | -side | -extra | ");
	input_wheel(f->input, 0, -1, 0);
	expect(f, "+wheel-up -wheel-up | ");
	input_wheel(f->input, 0, 1, 0);
	input_wheel(f->input, 0, 1, 0);
	input_wheel(f->input, 0, -1, 0);
	expect(f, "+wheel-down -wheel-down +wheel-down -wheel-down | +wheel-up -wheel-up | ");
	point(f, 0, 0);
	input_wheel(f->input, 0, 1, 0);
	point(f, 0, 0);
	expect(f, "abs-x=0 abs-y=0 +wheel-down -wheel-down | abs-x=0 abs-y=0 | ");
}

/* Keys and the pointer go in calls of their own, in their order. */
static void mixed(void **state)
{
	struct fixture *f = *state;

	type(f, 0, "1d");
	point(f, 0, 0);
	input_buttons(f->input, 0, 1);
	type(f, 0, "1e");
	input_buttons(f->input, 0, 0);
	type(f, 0, "9e 9d");
	expect(f, "+1d | abs-x=0 abs-y=0 +left | +1e | -left | -1e -1d | ");
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
	struct fixture *f = *state;

	type(f, 0, "1d e0 38 e1 1d 45 e0");
	input_buttons(f->input, 0, 0x41);
	expect(f, "+1d +b8 +c6 | +left | +extra | ");
	input_end(f->input, 0);
	expect(f, "-1d -b8 -c6 | -left | -extra | ");
	assert_int_equal(counters(f)->released, 5);
	/* Nothing twice, and no half of a code is left over. */
	input_end(f->input, 0);
	type(f, 0, "9d 48");
	expect(f, "+48 | ");
}

static void two_viewers(void **state)
{
	struct fixture *f = *state;

	type(f, 0, "2a");
	type(f, 3, "2a");
	input_buttons(f->input, 0, 1);
	input_buttons(f->input, 3, 3);
	expect(f, "+2a | +2a | +left | +middle | ");
	type(f, 0, "aa");
	input_buttons(f->input, 0, 0);
	expect(f, "");
	input_end(f->input, 3);
	expect(f, "-2a | -left | -middle | ");
	/* The prefix of one is not the other's. */
	type(f, 0, "e0");
	type(f, 3, "48");
	type(f, 0, "48");
	expect(f, "+48 +c8 | ");
}

static void lock_keys(void **state)
{
	struct fixture *f = *state;

	type(f, 0, "3a");
	settle(f);
	assert_int_equal(f->leds, SPICE_KEYBOARD_MODIFIER_FLAGS_CAPS_LOCK);
	type(f, 0, "3a 3a ba 45 c5"); /* repeats are no presses */
	settle(f);
	assert_int_equal(f->leds,
		SPICE_KEYBOARD_MODIFIER_FLAGS_CAPS_LOCK | SPICE_KEYBOARD_MODIFIER_FLAGS_NUM_LOCK);
	type(f, 0, "3a ba");
	settle(f);
	assert_int_equal(f->leds, SPICE_KEYBOARD_MODIFIER_FLAGS_NUM_LOCK);
	qemu_say(&f->qemu, "{\"event\": \"RESET\", \"data\": {\"guest\": true}}\r\n");
	settle(f);
	assert_int_equal(f->leds, 0);
}

/* QEMU's ways. */

static void lost_and_back(void **state)
{
	struct fixture *f = *state;

	type(f, 0, "1d");
	input_buttons(f->input, 0, 1);
	expect(f, "+1d | +left | ");
	qemu_close(&f->qemu.fd);
	RUN_UNTIL(!qmp_is_connected(f->qmp));
	type(f, 0, "1e 9e 9d");
	point(f, 5, 5);
	settle(f);
	assert_true(counters(f)->dropped >= 2);
	/* It may be the same QEMU, and may have missed a release. Nothing else comes late. */
	connect_qemu(f);
	expect(f, "-1d | -left | ");
	assert_int_equal(counters(f)->released, 2);
	type(f, 0, "1e 9e");
	expect(f, "+1e | -1e | ");
	/* Once only. */
	qemu_close(&f->qemu.fd);
	RUN_UNTIL(!qmp_is_connected(f->qmp));
	connect_qemu(f);
	expect(f, "");
}

static void guest_stopped(void **state)
{
	struct fixture *f = *state;
	uint64_t dropped;

	type(f, 0, "1d 1e");
	expect(f, "+1d +1e | ");
	qemu_say(&f->qemu, "{\"event\": \"STOP\"}\r\n");
	settle(f);
	dropped = counters(f)->dropped;
	type(f, 0, "9d 20 a0");
	expect(f, "");
	assert_true(counters(f)->dropped >= dropped + 2);
	qemu_say(&f->qemu, "{\"event\": \"RESUME\"}\r\n");
	expect(f, "-1d | ");
	type(f, 0, "9e");
	expect(f, "-1e | ");
	/* One that is found stopped, and one that only sleeps. */
	f->stopped = true;
	qemu_close(&f->qemu.fd);
	RUN_UNTIL(!qmp_is_connected(f->qmp));
	connect_qemu(f);
	type(f, 0, "1e");
	expect(f, "");
}

/* A slow QEMU gets fewer calls, and no other input; one that stands still gets nothing late. */
static void slow(void **state)
{
	struct fixture *f = *state;
	unsigned calls;

	f->holds_answers = true;
	for (int i = 0; i < 200; i++) {
		input_motion(f->input, 0, 1, 0);
		if (i % 20 == 0) {
			type(f, 0, "1e 9e");
		}
		settle(f);
	}
	assert_true(f->calls <= 8);
	g_string_set_size(f->events, 0);
	f->holds_answers = false;
	calls = f->calls;
	answer_held(f);
	settle(f);
	assert_true(f->calls - calls < 50);
	assert_int_equal(counters(f)->dropped, 0);
	assert_int_equal(counters(f)->keys, 20);
	/* All that was moved has arrived. */
	assert_non_null(strstr(f->events->str, "rel-x=20 | +1e | -1e | rel-x="));
}

static void stands_still(void **state)
{
	struct fixture *f = *state;

	f->holds_answers = true;
	type(f, 0, "1d 1e");
	settle(f);
	g_string_set_size(f->events, 0);
	RUN_UNTIL(counters(f)->stalls == 1);
	type(f, 0, "9d 1f 9f 1f");
	point(f, 1, 1);
	expect(f, "");
	assert_true(counters(f)->dropped >= 4);
	f->holds_answers = false;
	answer_held(f);
	/* Only what nobody holds any more. */
	expect(f, "-1d | ");
	type(f, 0, "9e");
	expect(f, "-1e | ");
}

static void full(void **state)
{
	struct fixture *f = *state;

	f->holds_answers = true;
	for (int i = 0; i < 5000; i++) {
		type(f, 0, i % 2 ? "9e" : "1e");
	}
	settle(f);
	assert_true(counters(f)->dropped >= 1900);
	f->holds_answers = false;
	answer_held(f);
	settle(f);
	/* The last word is a release, or there was none to release. */
	assert_true(g_str_has_suffix(f->events->str, "-1e | "));
}

static void follows_mice(void **state)
{
	struct fixture *f = *state;
	unsigned asked = f->mice_asked;

	assert_int_equal(f->pointer_changes, 1);
	/* Nobody to point: nobody asks. */
	g_usleep(100000);
	settle(f);
	assert_int_equal(f->mice_asked, asked);
	f->absolute = false;
	input_viewers(f->input, 1);
	settle(f);
	assert_int_equal(f->pointer, SPICE_POINTER_RELATIVE);
	f->absolute = true;
	RUN_UNTIL((serve(f), f->pointer == SPICE_POINTER_ABSOLUTE));
	assert_int_equal(f->pointer_changes, 3);
	assert_int_equal(counters(f)->pointer, SPICE_POINTER_ABSOLUTE);
	/* A refusal is a hint. */
	f->absolute = false;
	f->refuses = true;
	g_usleep(300000);
	point(f, 1, 1);
	settle(f);
	assert_int_equal(f->pointer, SPICE_POINTER_RELATIVE);
	assert_int_equal(counters(f)->refused, 1);
	input_viewers(f->input, 0);
}

/* Answers that are no lists of mice, or half of one. */
static void odd_mice(void **state)
{
	static const char *const answers[] = {"3", "{}", "[]", "[1, \"a\", null]",
		"[{\"current\": 1, \"absolute\": \"yes\"}]", "[{\"current\": true}]"};
	struct fixture *f = *state;

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
	struct fixture *f = *state;

	type(f, 0, "1d");
	expect(f, "+1d | ");
	input_destroy(f->input);
	f->input = NULL;
	serve(f);
	assert_string_equal(f->events->str, "-1d | ");
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
		TEST(lost_and_back),
		TEST(guest_stopped),
		TEST(slow),
		TEST(stands_still),
		TEST(full),
		TEST(follows_mice),
		TEST(odd_mice),
		TEST(ends),
	};

	return cmocka_run_group_tests(tests, begin_all, end_all);
}
