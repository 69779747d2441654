/* SPDX-License-Identifier: MIT */
/* What real viewers' keys and pointers become on their way through the library. */
#include <setjmp.h>
#include <signal.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <spice/enums.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/spice/bed.h"

#define PATIENCE_MS 10000

static struct viewer viewer;
static struct bed bed;

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
	expect("at0,0/800x600 ");
	viewer_ask(&viewer, "mouse-move 799 599 0");
	expect("at799,599/800x600 ");
	/* A viewer may say what it likes. */
	viewer_ask(&viewer, "mouse-move 800 4000000 0");
	expect("at799,599/800x600 ");
	viewer_ask(&viewer, "mouse-button down left 1");
	expect("buttons:1 ");
	viewer_ask(&viewer, "mouse-move 5 6 1");
	expect("at5,6/800x600 ");
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
	expect("by3,-4 ");
	viewer_ask(&viewer, "mouse-button down right 4");
	expect("buttons:4 ");
	viewer_ask(&viewer, "mouse-motion -1 0 4");
	expect("by-1,0 ");
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
		expect("at7,8/800x600 ");
		spice_sink_set_pointer(bed.sink, SPICE_POINTER_RELATIVE);
		wait_mode("server");
		viewer_ask(&viewer, "mouse-motion 1 1 0");
		expect("by1,1 ");
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

/* The way to the viewer that the kernel tells of, us; 0: the true one. See the link arguments. */
static uint32_t far_away_us;

int __real_getsockopt(int fd, int level, int name, void *value, socklen_t *size);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *size);

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
	if (level == IPPROTO_TCP && name == TCP_INFO && far_away_us) {
		((struct tcp_info *)value)->tcpi_min_rtt = far_away_us;
		return 0;
	}
	return __real_getsockopt(fd, level, name, value, size);
}

static void show(uint32_t width, uint32_t height)
{
	bed_picture(&bed, width, height, width);
	bed_give(&bed, NULL, 0);
	viewer_ask(&viewer, "wait-size %u %u %d", width, height, PATIENCE_MS);
}

/* Where a viewer points counts in the picture that it can have seen. */
static void new_size(void **state)
{
	begin(SPICE_POINTER_ABSOLUTE);
	wait_mode("client");
	/* One that is near has seen it at once. */
	show(1600, 1200);
	viewer_ask(&viewer, "mouse-move 400 300 0");
	expect("at400,300/1600x1200 ");
	show(800, 600);
	viewer_ask(&viewer, "mouse-move 799 1 0");
	expect("at799,1/800x600 ");
	/* One that is far away still means the old one, for a while. */
	far_away_us = 600 * 1000;
	show(1280, 1024);
	viewer_ask(&viewer, "mouse-move 400 300 0");
	expect("at400,300/800x600 ");
	bed_run(&bed, 1000, NULL, NULL);
	viewer_ask(&viewer, "mouse-move 400 300 0");
	expect("at400,300/1280x1024 ");
	/* What lies outside of the old one can only be the new one. */
	show(1400, 1050);
	viewer_ask(&viewer, "mouse-move 1280 5 0");
	viewer_ask(&viewer, "mouse-move 639 5 0");
	expect("at1280,5/1400x1050 at639,5/1400x1050 ");
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
	expect("1d e0 38 at0,0/800x600 buttons:1 ");
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
	far_away_us = 0;
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
