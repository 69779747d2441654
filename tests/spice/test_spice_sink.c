/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "render/cursor.h"
#include "tests/spice/bed.h"

static const pixman_box32_t scattered[] = {
	{3, 5, 67, 69},
	{200, 10, 232, 11},
	{100, 100, 101, 164},
	{300, 220, 320, 240},
};

static void test_pixels(bool tcp, enum spice_compression compression)
{
	struct viewer viewer;
	struct bed bed;

	bed_begin(&bed, tcp, compression, NULL);
	viewer_begin(&viewer, &bed, NULL);
	viewer_ask(&viewer, "wait-connected 10000");
	bed_picture(&bed, 320, 240, 1);
	bed_give(&bed, NULL, 0);
	viewer_ask(&viewer, "compare %s 10000", bed_save(&bed));
	for (uint32_t i = 2; i < 12; i++) {
		for (size_t b = 0; b < 4; b++) {
			const pixman_box32_t *box = &scattered[b];

			for (int y = box->y1; y < box->y2; y++) {
				for (int x = box->x1; x < box->x2; x++) {
					bed.snapshot.pixels[y * 320 + x] =
						(i * 0x10203 + x * y * b) & 0xffffff;
				}
			}
		}
		bed_give(&bed, scattered, 4);
	}
	viewer_ask(&viewer, "compare %s 10000", bed_save(&bed));
	assert_int_equal(atomic_load(&spice_sink_counters(bed.sink)->frames), 11);
	viewer_end(&viewer);
	bed_end(&bed);
}

static void test_pixels_unix(void **state)
{
	test_pixels(false, SPICE_COMPRESSION_AUTO);
}

static void test_pixels_tcp_auto(void **state)
{
	test_pixels(true, SPICE_COMPRESSION_AUTO);
}

static void test_pixels_off(void **state)
{
	test_pixels(true, SPICE_COMPRESSION_OFF);
}

static void test_pixels_lz4(void **state)
{
	test_pixels(true, SPICE_COMPRESSION_LZ4);
}

static void test_pixels_quic(void **state)
{
	test_pixels(true, SPICE_COMPRESSION_QUIC);
}

static void test_pixels_glz(void **state)
{
	test_pixels(true, SPICE_COMPRESSION_GLZ);
}

static void test_pixels_auto_lz(void **state)
{
	test_pixels(true, SPICE_COMPRESSION_AUTO_LZ);
}

static void test_pixels_auto_glz(void **state)
{
	test_pixels(true, SPICE_COMPRESSION_AUTO_GLZ);
}

static void test_sizes(void **state)
{
	static const uint32_t sizes[][2] = {
		{800, 600}, {64, 64}, {1366, 768}, {801, 601}, {640, 480}};
	struct viewer viewer;
	struct bed bed;

	bed_begin(&bed, true, SPICE_COMPRESSION_AUTO, NULL);
	viewer_begin(&viewer, &bed, NULL);
	viewer_ask(&viewer, "wait-connected 10000");
	for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
		unsigned before = spice_sink_generation(bed.sink);

		bed_picture(&bed, sizes[i][0], sizes[i][1], i);
		bed_give(&bed, NULL, 0);
		if (i) {
			assert_true(spice_sink_generation(bed.sink) > before);
		}
		viewer_ask(&viewer, "wait-size %u %u 10000", sizes[i][0], sizes[i][1]);
		viewer_ask(&viewer, "compare %s 10000", bed_save(&bed));
	}
	assert_int_equal(bed.viewers, 1);
	assert_false(spice_sink_can_take(bed.sink, 0, 480));
	assert_false(spice_sink_can_take(bed.sink, 16385, 480));
	viewer_end(&viewer);
	bed_end(&bed);
}

static void test_password(void **state)
{
	static const char *const right[] = {"--password=secret", NULL};
	static const char *const wrong[] = {"--password=other", NULL};
	const struct spice_sink_events none = {0};
	struct spice_sink_options options = {.events = &none};
	char text[62], why[256] = "";
	struct viewer viewer;
	struct bed bed;

	memset(text, 'x', 61);
	text[61] = 0;
	options.password = text;
	assert_null(spice_sink_create(&options, why, sizeof(why)));
	assert_int_equal(errno, EINVAL);
	assert_non_null(strstr(why, "60"));

	bed_begin(&bed, false, SPICE_COMPRESSION_AUTO, "secret");
	viewer_begin(&viewer, &bed, wrong);
	bed_run(&bed, 500, NULL, NULL);
	assert_int_equal(atomic_load(&spice_sink_counters(bed.sink)->viewers_total), 0);
	assert_false(spice_sink_wants(bed.sink));
	viewer_end(&viewer);
	viewer_begin(&viewer, &bed, right);
	viewer_ask(&viewer, "wait-connected 10000");
	assert_true(spice_sink_wants(bed.sink));
	viewer_end(&viewer);
	bed_end(&bed);
}

static bool has_left(struct bed *bed, void *data)
{
	return !spice_sink_wants(bed->sink);
}

static bool is_released(struct bed *bed, void *data)
{
	return !atomic_load(&spice_sink_counters(bed->sink)->drawables_live);
}

/* A viewer that comes after another has left sees black, never the old picture. */
static void test_late_viewer(void **state)
{
	struct viewer viewer;
	struct bed bed;

	bed_begin(&bed, false, SPICE_COMPRESSION_AUTO, NULL);
	viewer_begin(&viewer, &bed, NULL);
	viewer_ask(&viewer, "wait-connected 10000");
	bed_picture(&bed, 320, 240, 7);
	bed_give(&bed, NULL, 0);
	viewer_ask(&viewer, "compare %s 10000", bed_save(&bed));
	viewer_end(&viewer);
	assert_true(bed_run(&bed, 5000, has_left, NULL));
	assert_true(bed_run(&bed, 5000, is_released, NULL));
	assert_false(spice_sink_can_take(bed.sink, 320, 240));
	bed_run(&bed, 50, NULL, NULL);

	memset(bed.snapshot.pixels, 0, 320 * 240 * 4);
	viewer_begin(&viewer, &bed, NULL);
	viewer_ask(&viewer, "wait-size 320 240 10000");
	viewer_ask(&viewer, "compare %s 10000", bed_save(&bed));

	/* One that replaces another finds what was shown last, without being sent a frame. */
	bed_picture(&bed, 320, 240, 8);
	bed_give(&bed, NULL, 0);
	viewer_ask(&viewer, "compare %s 10000", bed_save(&bed));
	{
		struct viewer second;

		viewer_begin(&second, &bed, NULL);
		viewer_ask(&second, "wait-size 320 240 10000");
		viewer_ask(&second, "compare %s 10000", bed_save(&bed));
		assert_int_equal(bed.viewers, 1);
		viewer_end(&second);
	}
	viewer_end(&viewer);
	bed_end(&bed);
}

static unsigned count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir)) {
		n++;
	}
	closedir(dir);
	return n;
}

static bool fds_are(struct bed *bed, void *data)
{
	return count_fds() <= *(unsigned *)data;
}

static void test_ten_viewers(void **state)
{
	unsigned fds;
	struct bed bed;

	bed_begin(&bed, true, SPICE_COMPRESSION_AUTO, NULL);
	fds = count_fds();
	for (int i = 0; i < 10; i++) {
		struct viewer viewer;

		viewer_begin(&viewer, &bed, NULL);
		viewer_ask(&viewer, "wait-connected 10000");
		bed_picture(&bed, 320, 240, i);
		bed_give(&bed, NULL, 0);
		viewer_ask(&viewer, "compare %s 10000", bed_save(&bed));
		viewer_end(&viewer); /* by SIGKILL */
		assert_true(bed_run(&bed, 5000, has_left, NULL));
	}
	assert_true(bed_run(&bed, 5000, is_released, NULL));
	if (!bed_run(&bed, 5000, fds_are, &fds)) {
		fail_msg("%u fds before, %u after", fds, count_fds());
	}
	assert_int_equal(atomic_load(&spice_sink_counters(bed.sink)->viewers_total), 10);
	assert_int_equal(atomic_load(&spice_sink_counters(bed.sink)->viewers_shut), 0);
	bed_end(&bed);
}

static void test_idle_is_silent(void **state)
{
	uint32_t pixels[16 * 16];
	const struct cursor cursor = {
		.visible = true,
		.serial = 1,
		.width = 16,
		.height = 16,
		.x = 5,
		.y = 5,
		.pixels = pixels,
	};
	struct viewer viewer;
	char before[512];
	struct bed bed;

	memset(pixels, 0xff, sizeof(pixels));
	bed_begin(&bed, true, SPICE_COMPRESSION_AUTO, NULL);
	viewer_begin(&viewer, &bed, NULL);
	viewer_ask(&viewer, "wait-connected 10000");
	spice_sink_set_cursor(bed.sink, &cursor);
	bed_picture(&bed, 320, 240, 1);
	bed_give(&bed, NULL, 0);
	viewer_ask(&viewer, "compare %s 10000", bed_save(&bed));
	bed_run(&bed, 500, NULL, NULL);
	strcpy(before, viewer_ask(&viewer, "bytes"));
	for (int i = 0; i < 20; i++) {
		spice_sink_set_cursor(bed.sink, &cursor);
		bed_run(&bed, 50, NULL, NULL);
	}
	viewer_ask(&viewer, "bytes");
	for (const char *const *key = (const char *const[]){"display", "cursor", NULL}; *key;
		key++) {
		struct viewer old = viewer;

		strcpy(old.line, before);
		assert_int_equal(viewer_value(&old, *key), viewer_value(&viewer, *key));
	}
	viewer_end(&viewer);
	bed_end(&bed);
}

static void test_resize_request(void **state)
{
	struct viewer viewer;
	struct bed bed;

	bed_begin(&bed, true, SPICE_COMPRESSION_AUTO, NULL);
	viewer_begin(&viewer, &bed, NULL);
	viewer_ask(&viewer, "wait-connected 10000");
	viewer_ask(&viewer, "wait-size 640 480 10000");
	bed_run(&bed, 200, NULL, NULL);
	viewer_ask(&viewer, "resize 1024 768");
	for (int i = 0; i < 50 && !bed.resize_width; i++) {
		bed_run(&bed, 100, NULL, NULL);
	}
	assert_int_equal(bed.resize_width, 1024);
	assert_int_equal(bed.resize_height, 768);
	viewer_end(&viewer);
	bed_end(&bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pixels_unix),
		cmocka_unit_test(test_pixels_tcp_auto),
		cmocka_unit_test(test_pixels_off),
		cmocka_unit_test(test_pixels_lz4),
		cmocka_unit_test(test_pixels_quic),
		cmocka_unit_test(test_pixels_glz),
		cmocka_unit_test(test_pixels_auto_lz),
		cmocka_unit_test(test_pixels_auto_glz),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_password),
		cmocka_unit_test(test_late_viewer),
		cmocka_unit_test(test_ten_viewers),
		cmocka_unit_test(test_idle_is_silent),
		cmocka_unit_test(test_resize_request),
	};

	if (!getenv("SPICE_PROBE")) {
		printf("no viewer: spice-client-glib was not found at build time\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
