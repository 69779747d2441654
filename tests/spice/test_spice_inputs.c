/* SPDX-License-Identifier: MIT */
/* What real viewers' keys and pointers become on their way through the library. */
#include <setjmp.h>
#include <signal.h>
#include <spice/enums.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/spice/bed.h"

#define PATIENCE_MS 10000

static struct viewer viewer;
static struct bed bed;
static bool relay_display; /* of the next bed */

static bool has_all(struct bed *b, void *data)
{
	return strlen(b->input) >= strlen(data);
}

/* Waits for exactly this to have come since the last time. */
static void expect(const char *input)
{
	bed_run(&bed, PATIENCE_MS, has_all, (void *)input);
	assert_string_equal(bed.input, input);
	bed.input[0] = '\0';
}

/* Asks the viewer until its answer holds this text. */
static void wait_answer(const char *command, const char *text)
{
	int64_t end = g_get_monotonic_time() + PATIENCE_MS * 1000;

	for (;;) {
		viewer_send(&viewer, "%s", command);
		if (strstr(viewer_answer(&viewer), text)) {
			return;
		}
		if (g_get_monotonic_time() > end) {
			fail_msg("%s: wanted %s, last was %s", command, text, viewer.line);
		}
		bed_run(&bed, 10, NULL, NULL);
	}
}

static void wait_mode(const char *mode)
{
	wait_answer("mouse-mode", mode);
}

static void begin(enum spice_pointer pointer)
{
	bed_begin(&bed, false, SPICE_COMPRESSION_AUTO, NULL);
	bed.relay_display = relay_display;
	relay_display = false;
	spice_sink_set_pointer(bed.sink, pointer);
	viewer_begin(&viewer, &bed, NULL);
	viewer_ask(&viewer, "wait-connected %d", PATIENCE_MS);
	bed_picture(&bed, 800, 600, 1);
	bed_give(&bed, NULL, 0);
	viewer_ask(&viewer, "wait-size 800 600 %d", PATIENCE_MS);
	/* Its inputs channel opens a little after its main channel. */
	wait_answer("leds", "ok");
	bed.input[0] = '\0';
}

static void end(void)
{
	viewer_end(&viewer);
	bed_end(&bed);
}

static void keys(void **state)
{
	begin(SPICE_POINTER_ABSOLUTE);
	viewer_ask(&viewer, "key-down 0x1e");
	viewer_ask(&viewer, "key-up 0x1e");
	expect("1e 9e ");
	viewer_ask(&viewer, "key-down 0x148");
	viewer_ask(&viewer, "key-up 0x148");
	expect("e0 48 e0 c8 ");
	/* Pause, as spice-gtk makes it. */
	viewer_ask(&viewer, "key-down 0x21d");
	viewer_ask(&viewer, "key-down 0x45");
	viewer_ask(&viewer, "key-up 0x21d");
	viewer_ask(&viewer, "key-up 0x45");
	expect("e1 1d 45 e1 9d c5 ");
	viewer_ask(&viewer, "key 0x137");
	expect("e0 37 e0 b7 ");
	end();
}

static void tablet(void **state)
{
	begin(SPICE_POINTER_ABSOLUTE);
	wait_mode("client");
	viewer_ask(&viewer, "mouse-move 0 0 0");
	expect("at0,0/800x600:0 ");
	viewer_ask(&viewer, "mouse-move 799 599 0");
	expect("at799,599/800x600:0 ");
	/* A viewer may say what it likes. */
	viewer_ask(&viewer, "mouse-move 800 4000000 0");
	expect("at799,599/800x600:0 ");
	viewer_ask(&viewer, "mouse-button down left 1");
	expect("buttons:1 ");
	viewer_ask(&viewer, "mouse-move 5 6 1");
	expect("at5,6/800x600:1 ");
	viewer_ask(&viewer, "mouse-button up left 0");
	expect("buttons:0 ");
	viewer_ask(&viewer, "mouse-button down middle 2");
	expect("buttons:2 ");
	viewer_ask(&viewer, "mouse-button down right 6");
	expect("buttons:6 ");
	viewer_ask(&viewer, "mouse-button up middle 4");
	viewer_ask(&viewer, "mouse-button up right 0");
	expect("buttons:4 buttons:0 ");
	viewer_ask(&viewer, "mouse-button down side 32");
	viewer_ask(&viewer, "mouse-button down extra 96");
	viewer_ask(&viewer, "mouse-button up side 64");
	viewer_ask(&viewer, "mouse-button up extra 0");
	expect("buttons:20 buttons:60 buttons:40 buttons:0 ");
	viewer_ask(&viewer, "wheel up");
	expect("wheel-1:0 buttons:0 ");
	viewer_ask(&viewer, "wheel down 1");
	expect("wheel1:1 buttons:1 ");
	end();
}

static void mouse(void **state)
{
	begin(SPICE_POINTER_RELATIVE);
	wait_mode("server");
	viewer_ask(&viewer, "mouse-motion 3 -4 0");
	expect("by3,-4:0 ");
	viewer_ask(&viewer, "mouse-button down right 4");
	expect("buttons:4 ");
	viewer_ask(&viewer, "mouse-motion -1 0 4");
	expect("by-1,0:4 ");
	viewer_ask(&viewer, "mouse-button up right 0");
	expect("buttons:0 ");
	viewer_ask(&viewer, "mouse-button down extra 64");
	viewer_ask(&viewer, "mouse-button up extra 0");
	expect("buttons:40 buttons:0 ");
	viewer_ask(&viewer, "wheel down");
	expect("wheel1:0 buttons:0 ");
	end();
}

/* The guest's tablet comes, goes and comes again under a viewer. */
static void changes(void **state)
{
	begin(SPICE_POINTER_RELATIVE);
	wait_mode("server");
	for (int i = 0; i < 3; i++) {
		spice_sink_set_pointer(bed.sink, SPICE_POINTER_ABSOLUTE);
		wait_mode("client");
		viewer_ask(&viewer, "mouse-move 7 8 0");
		expect("at7,8/800x600:0 ");
		spice_sink_set_pointer(bed.sink, SPICE_POINTER_RELATIVE);
		wait_mode("server");
		viewer_ask(&viewer, "mouse-motion 1 1 0");
		expect("by1,1:0 ");
	}
	/* No input at all any more, then again. */
	spice_sink_set_pointer(bed.sink, SPICE_POINTER_NONE);
	expect("end ");
	viewer_ask(&viewer, "key 0x1e");
	viewer_ask(&viewer, "mouse-motion 1 1 0");
	bed_run(&bed, 100, NULL, NULL);
	spice_sink_set_pointer(bed.sink, SPICE_POINTER_RELATIVE);
	viewer_ask(&viewer, "key 0x1f");
	expect("1f 9f ");
	end();
}

/* The tablet comes while the surface is replaced, where nothing may be changed. */
static void changes_with_mode(void **state)
{
	begin(SPICE_POINTER_RELATIVE);
	for (uint32_t i = 0; i < 20; i++) {
		uint32_t width = 640 + 16 * i;
		enum spice_pointer pointer =
			i % 2 ? SPICE_POINTER_RELATIVE : SPICE_POINTER_ABSOLUTE;

		bed_picture(&bed, width, 480, i);
		for (unsigned step = 0; step < i && !bed_try_give(&bed, NULL, 0); step++) {
			bed_run(&bed, 1, NULL, NULL);
		}
		spice_sink_set_pointer(bed.sink, pointer);
		bed_give(&bed, NULL, 0);
		viewer_ask(&viewer, "wait-size %u 480 %d", width, PATIENCE_MS);
		wait_mode(i % 2 ? "server" : "client");
	}
	end();
}

/* Where a viewer points counts in the picture that it sees, not in the one that it will see. */
static void new_size(void **state)
{
	relay_display = true;
	begin(SPICE_POINTER_ABSOLUTE);
	wait_mode("client");
	atomic_store(&bed.hold_display, true);
	bed_picture(&bed, 1600, 1200, 2);
	bed_give(&bed, NULL, 0);
	viewer_ask(&viewer, "mouse-move 400 300 0");
	expect("at400,300/800x600:0 ");
	/* Now it can have seen it. */
	atomic_store(&bed.hold_display, false);
	viewer_ask(&viewer, "compare %s %d", bed_save(&bed), PATIENCE_MS);
	viewer_ask(&viewer, "mouse-move 400 300 0");
	expect("at400,300/1600x1200:0 ");
	/* Smaller; and what lies outside of the old picture can only be the new one. */
	bed_picture(&bed, 640, 480, 3);
	bed_give(&bed, NULL, 0);
	viewer_ask(&viewer, "compare %s %d", bed_save(&bed), PATIENCE_MS);
	viewer_ask(&viewer, "mouse-move 639 0 0");
	expect("at639,0/640x480:0 ");
	atomic_store(&bed.hold_display, true);
	bed_picture(&bed, 1280, 1024, 4);
	bed_give(&bed, NULL, 0);
	viewer_ask(&viewer, "mouse-move 640 5 0");
	viewer_ask(&viewer, "mouse-move 639 5 0");
	expect("at640,5/1280x1024:0 at639,5/1280x1024:0 ");
	atomic_store(&bed.hold_display, false);
	end();
}

static void leds(void **state)
{
	begin(SPICE_POINTER_ABSOLUTE);
	spice_sink_set_leds(bed.sink, SPICE_KEYBOARD_MODIFIER_FLAGS_NUM_LOCK);
	wait_answer("leds", "leds=2");
	/* A viewer that has them so already changes nothing; one that has not, does. */
	viewer_ask(&viewer, "set-leds 2");
	viewer_ask(&viewer, "set-leds 6");
	expect("3a ba ");
	spice_sink_set_leds(bed.sink, 6);
	wait_answer("leds", "leds=6");
	viewer_ask(&viewer, "set-leds 6");
	viewer_ask(&viewer, "key 0x1e");
	expect("1e 9e ");
	end();
}

/* The library lets go of the keys; that all has ended comes last. */
static void ends_with_viewer(void **state)
{
	begin(SPICE_POINTER_ABSOLUTE);
	wait_mode("client");
	viewer_ask(&viewer, "key-down 0x1d");
	viewer_ask(&viewer, "key-down 0x138");
	viewer_ask(&viewer, "mouse-button down left 1");
	expect("1d e0 38 at0,0/800x600:1 buttons:1 ");
	viewer_kill(&viewer, SIGKILL);
	expect("9d e0 b8 end ");
	end();
}

static void none(void **state)
{
	begin(SPICE_POINTER_NONE);
	wait_mode("server");
	viewer_ask(&viewer, "key 0x1e");
	viewer_ask(&viewer, "mouse-motion 1 1 0");
	bed_run(&bed, 200, NULL, NULL);
	assert_string_equal(bed.input, "");
	end();
}

static int teardown(void **state)
{
	relay_display = false;
	viewer_end(&viewer);
	return bed_teardown(state);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keys),
		TEST(tablet),
		TEST(mouse),
		TEST(changes),
		TEST(changes_with_mode),
		TEST(new_size),
		TEST(leds),
		TEST(ends_with_viewer),
		TEST(none),
	};

	if (!getenv("SPICE_PROBE")) {
		fprintf(stderr, "spice-client-glib is not there to build a viewer with\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
