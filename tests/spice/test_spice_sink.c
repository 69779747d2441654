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
	static struct viewer viewer;
	static struct bed bed;

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
	static struct viewer viewer;
	static struct bed bed;

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
	static struct viewer viewer;
	static struct bed bed;

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
	static struct viewer viewer;
	static struct bed bed;

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

	/* Nor does one that replaces another, which may have stood still for long. */
	bed_picture(&bed, 320, 240, 8);
	bed_give(&bed, NULL, 0);
	viewer_ask(&viewer, "compare %s 10000", bed_save(&bed));
	{
		static struct viewer second;

		memset(bed.snapshot.pixels, 0, 320 * 240 * 4);
		viewer_begin(&second, &bed, NULL);
		viewer_ask(&second, "wait-size 320 240 10000");
		viewer_ask(&second, "compare %s 10000", bed_save(&bed));
		bed_picture(&bed, 320, 240, 9);
		bed_give(&bed, NULL, 0);
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
	static struct bed bed;

	bed_begin(&bed, true, SPICE_COMPRESSION_AUTO, NULL);
	fds = count_fds();
	for (int i = 0; i < 10; i++) {
		static struct viewer viewer;

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
	static struct viewer viewer;
	char before[512];
	static struct bed bed;

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
	static struct viewer viewer;
	static struct bed bed;

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

/* What a viewer of SPICE makes of premultiplied ARGB: RGBA with the colour as it was. */
static void check_shape(struct viewer *viewer, const struct cursor *cursor)
{
	size_t n = (size_t)cursor->width * cursor->height;
	char *path = g_strdup_printf("%s/raw", viewer->bed->folder);
	guchar *rgba;
	gsize size;

	viewer_ask(viewer, "cursor-dump %s", path);
	assert_true(g_file_get_contents(path, (gchar **)&rgba, &size, NULL));
	assert_int_equal(size, n * 4);
	for (size_t i = 0; i < n; i++) {
		uint32_t p = cursor->pixels[i], alpha = p >> 24;

		assert_int_equal(rgba[i * 4 + 3], alpha);
		for (int c = 0; c < 3; c++) {
			unsigned v = p >> (16 - 8 * c) & 255;
			unsigned want = alpha ? (v * 255 * 2 + alpha) / (alpha * 2) : 0;

			assert_int_equal(rgba[i * 4 + c], MIN(want, 255));
		}
	}
	g_free(rgba);
	g_free(path);
}

struct expected {
	struct viewer *viewer;
	long visible, x, y, sets;
};

/* The cursor travels on a channel of its own: wait for it. */
static void wait_cursor(struct viewer *viewer, struct expected want)
{
	for (int i = 0; i < 200; i++) {
		viewer_ask(viewer, "cursor");
		if (viewer_value(viewer, "visible") == want.visible &&
			(!want.visible ||
				(viewer_value(viewer, "x") == want.x &&
					viewer_value(viewer, "y") == want.y)) &&
			viewer_value(viewer, "sets") >= want.sets) {
			return;
		}
		bed_run(viewer->bed, 20, NULL, NULL);
	}
	fail_msg("wanted visible=%ld x=%ld y=%ld sets=%ld, have %s", want.visible, want.x, want.y,
		want.sets, viewer->line);
}

static void test_cursor(void **state)
{
	static struct viewer viewer, late;
	static struct bed bed;
	static uint32_t pixels[24 * 32];
	struct cursor cursor = {
		.visible = true,
		.serial = 0,
		.x = 100,
		.y = 50,
		.width = 24,
		.height = 32,
		.hot_x = 3,
		.hot_y = 7,
		.pixels = pixels,
	};
	uint64_t dropped;
	long base;

	for (uint32_t i = 0; i < 24 * 32; i++) {
		uint32_t a = i % 256, r = i * 7 % (a + 1), g = i * 11 % (a + 1), b = a;

		pixels[i] = a << 24 | r << 16 | g << 8 | b;
	}
	bed_begin(&bed, true, SPICE_COMPRESSION_AUTO, NULL);
	viewer_begin(&viewer, &bed, NULL);
	viewer_ask(&viewer, "wait-connected 10000");
	bed_picture(&bed, 320, 240, 1);
	bed_give(&bed, NULL, 0);
	viewer_ask(&viewer, "compare %s 10000", bed_save(&bed));
	wait_cursor(&viewer, (struct expected){.visible = 0, .sets = 0});

	spice_sink_set_cursor(bed.sink, &cursor);
	wait_cursor(&viewer, (struct expected){.visible = 1, .x = 103, .y = 57, .sets = 1});
	assert_int_equal(viewer_value(&viewer, "hot_x"), 3);
	assert_int_equal(viewer_value(&viewer, "hot_y"), 7);
	check_shape(&viewer, &cursor);

	/* A viewer whose cursor channel comes late gets the shape twice: once with its greeting. */
	bed_run(&bed, 400, NULL, NULL);
	viewer_ask(&viewer, "cursor");
	base = viewer_value(&viewer, "sets") - 1;
	assert_in_range(base, 0, 1);

	/* Only the place: no shape is sent. */
	cursor.x = -10;
	cursor.y = -20;
	spice_sink_set_cursor(bed.sink, &cursor);
	wait_cursor(&viewer, (struct expected){.visible = 1, .x = -7, .y = -13, .sets = base + 1});
	assert_int_equal(viewer_value(&viewer, "sets"), base + 1);

	/* Many at once: the newest wins, the others are counted. */
	dropped = atomic_load(&spice_sink_counters(bed.sink)->cursor_dropped);
	for (int i = 0; i < 1000; i++) {
		cursor.x = i;
		spice_sink_set_cursor(bed.sink, &cursor);
	}
	wait_cursor(
		&viewer, (struct expected){.visible = 1, .x = 1002, .y = -13, .sets = base + 1});
	assert_true(atomic_load(&spice_sink_counters(bed.sink)->cursor_dropped) > dropped);

	/* Hidden and back: from the viewer's cache. */
	cursor.visible = false;
	spice_sink_set_cursor(bed.sink, &cursor);
	wait_cursor(&viewer, (struct expected){.visible = 0, .sets = base + 1});
	cursor.visible = true;
	cursor.x = 5;
	spice_sink_set_cursor(bed.sink, &cursor);
	wait_cursor(&viewer, (struct expected){.visible = 1, .x = 8, .y = -13, .sets = base + 2});
	spice_sink_set_cursor(bed.sink, NULL);
	wait_cursor(&viewer, (struct expected){.visible = 0, .sets = base + 2});
	spice_sink_set_cursor(bed.sink, &cursor);
	wait_cursor(&viewer, (struct expected){.visible = 1, .x = 8, .y = -13, .sets = base + 3});
	assert_true(viewer_value(&viewer, "cached") >= 2);

	/* Another shape, and one that survives a mode change. */
	cursor.serial++;
	pixels[0] = 0x80800000;
	spice_sink_set_cursor(bed.sink, &cursor);
	wait_cursor(&viewer, (struct expected){.visible = 1, .x = 8, .y = -13, .sets = base + 4});
	check_shape(&viewer, &cursor);
	bed_picture(&bed, 400, 300, 2);
	bed_give(&bed, NULL, 0);
	viewer_ask(&viewer, "wait-size 400 300 10000");
	wait_cursor(&viewer, (struct expected){.visible = 1, .x = 8, .y = -13, .sets = base + 5});
	check_shape(&viewer, &cursor);

	/* One that comes later has it, with its place, but not before there is a picture. */
	viewer_end(&viewer);
	assert_true(bed_run(&bed, 5000, has_left, NULL));
	viewer_begin(&late, &bed, NULL);
	viewer_ask(&late, "wait-size 400 300 10000");
	wait_cursor(&late, (struct expected){.visible = 0, .sets = 0});
	bed_give(&bed, NULL, 0);
	wait_cursor(&late, (struct expected){.visible = 1, .x = 8, .y = -13, .sets = 1});
	check_shape(&late, &cursor);
	viewer_end(&late);

	/* Nonsense is no cursor. */
	cursor.width = 257;
	spice_sink_set_cursor(bed.sink, &cursor);
	cursor.width = 24;
	cursor.hot_x = 24;
	spice_sink_set_cursor(bed.sink, &cursor);
	bed_end(&bed);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_pixels_unix, bed_teardown),
		cmocka_unit_test_teardown(test_pixels_tcp_auto, bed_teardown),
		cmocka_unit_test_teardown(test_pixels_off, bed_teardown),
		cmocka_unit_test_teardown(test_pixels_lz4, bed_teardown),
		cmocka_unit_test_teardown(test_pixels_quic, bed_teardown),
		cmocka_unit_test_teardown(test_pixels_glz, bed_teardown),
		cmocka_unit_test_teardown(test_pixels_auto_lz, bed_teardown),
		cmocka_unit_test_teardown(test_pixels_auto_glz, bed_teardown),
		cmocka_unit_test_teardown(test_sizes, bed_teardown),
		cmocka_unit_test_teardown(test_password, bed_teardown),
		cmocka_unit_test_teardown(test_late_viewer, bed_teardown),
		cmocka_unit_test_teardown(test_ten_viewers, bed_teardown),
		cmocka_unit_test_teardown(test_idle_is_silent, bed_teardown),
		cmocka_unit_test_teardown(test_cursor, bed_teardown),
		cmocka_unit_test_teardown(test_resize_request, bed_teardown),
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
