/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vfio/sim_impl.h"

struct picture {
	struct sim_canvas canvas;
	struct sim_scratch scratch;
	uint32_t *pixels;
	size_t size; /* bytes */
};

static void picture_init(struct picture *picture, int width, int height)
{
	picture->size = (size_t)width * (size_t)height * 4;
	picture->pixels = malloc(picture->size);
	assert_non_null(picture->pixels);
	memset(picture->pixels, 0xee, picture->size);
	sim_canvas_init(&picture->canvas, picture->pixels, (size_t)width, width, height);
	memset(&picture->scratch, 0, sizeof(picture->scratch));
	assert_int_equal(sim_scratch_init(&picture->scratch, (uint32_t)width, (uint32_t)height), 0);
}

static void picture_finish(struct picture *picture)
{
	sim_scratch_finish(&picture->scratch);
	free(picture->pixels);
}

static void paint(struct picture *picture, int scene, int64_t have, int64_t want)
{
	struct sim_scene_job job = {(enum sim_scene)scene, 60, have, want};

	sim_scene_paint(&picture->canvas, &picture->scratch, &job);
}

/* Painting the difference gives what painting everything gives, for each lag and size. */
static void test_incremental(void **state)
{
	static const int sizes[][2] = {{640, 480}, {64, 64}, {333, 77}, {70, 301}};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct picture step, whole;

		picture_init(&step, sizes[i][0], sizes[i][1]);
		picture_init(&whole, sizes[i][0], sizes[i][1]);
		for (int scene = 0; scene < SIM_SCENE_COUNT; scene++) {
			int64_t frame = 0;

			paint(&step, scene, -1, frame);
			for (int64_t lag = 1; lag < 40; lag += 3) {
				paint(&step, scene, frame, frame + lag);
				frame += lag;
				paint(&whole, scene, -1, frame);
				if (memcmp(step.pixels, whole.pixels, step.size) != 0) {
					fail_msg("%s %dx%d differs at frame %lld",
						sim_scene_name((enum sim_scene)scene), sizes[i][0],
						sizes[i][1], (long long)frame);
				}
			}
		}
		picture_finish(&step);
		picture_finish(&whole);
	}
}

/* All scenes but idle change each frame; none touches the unused byte. */
static void test_change(void **state)
{
	struct picture before, after;

	picture_init(&before, 320, 240);
	picture_init(&after, 320, 240);
	for (int scene = 0; scene < SIM_SCENE_COUNT; scene++) {
		paint(&before, scene, -1, 100);
		paint(&after, scene, -1, 103);
		assert_int_equal(memcmp(before.pixels, after.pixels, before.size) != 0,
			sim_scene_moves((enum sim_scene)scene));
		for (size_t i = 0; i < before.size / 4; i++) {
			assert_int_equal(before.pixels[i] >> 24, 0);
		}
	}
	picture_finish(&before);
	picture_finish(&after);
}

/* Memory is not random, but noise is: about half of the bits of two frames differ. */
static void test_noise(void **state)
{
	struct picture first, second;
	size_t bits = 0;

	picture_init(&first, 256, 256);
	picture_init(&second, 256, 256);
	paint(&first, SIM_SCENE_NOISE, -1, 1);
	paint(&second, SIM_SCENE_NOISE, -1, 2);
	for (size_t i = 0; i < first.size / 4; i++) {
		bits += (size_t)__builtin_popcount(first.pixels[i] ^ second.pixels[i]);
	}
	assert_in_range(bits, first.size / 4 * 11, first.size / 4 * 13);
	picture_finish(&first);
	picture_finish(&second);
}

/* Scroll moves the text up by a line of it. */
static void test_scroll(void **state)
{
	struct picture before, after;

	picture_init(&before, 640, 480);
	picture_init(&after, 640, 480);
	paint(&before, SIM_SCENE_SCROLL, -1, 7);
	paint(&after, SIM_SCENE_SCROLL, -1, 8);
	assert_memory_equal(before.pixels + 640 * 16, after.pixels, (480 - 16) * 640 * 4);
	picture_finish(&before);
	picture_finish(&after);
}

static uint32_t distance(uint32_t a, uint32_t b)
{
	uint32_t most = 0;

	for (int shift = 0; shift < 24; shift += 8) {
		int part = abs((int)(a >> shift & 255) - (int)(b >> shift & 255));

		most = (uint32_t)part > most ? (uint32_t)part : most;
	}
	return most;
}

/* There and back again, to within what each format can hold. */
static void test_formats(void **state)
{
	static const struct {
		const char *name;
		uint32_t error;
	} formats[] = {{"XR24", 0}, {"AR24", 0}, {"XB24", 0}, {"AB24", 0}, {"XR30", 0}, {"XB30", 0},
		{"RG16", 7}, {"YUYV", 3}, {"YVYU", 3}, {"UYVY", 3}, {"VYUY", 3}};
	uint32_t from[64 * 64], to[64];

	/* Pairs of pixels have one colour, so that YUV can hold them. */
	for (uint32_t i = 0; i < 64 * 64; i++) {
		from[i] = sim_hash(i / 2) & 0xffffff;
	}
	from[0] = from[1] = 0xffffff;
	from[2] = from[3] = 0;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct sim_mode mode = {.width = 64, .height = 64, .stride = 320};
		uint8_t bytes[320 * 64];
		char why[200];

		mode.format = sim_format_by_name(formats[i].name);
		assert_non_null(mode.format);
		assert_int_equal(sim_mode_complete(&mode, why, sizeof(why)), 0);
		sim_format_write(&mode, bytes, from, 64);
		for (uint32_t y = 0; y < 64; y++) {
			sim_format_read_line(&mode, to, bytes + y * mode.stride);
			for (uint32_t x = 0; x < 64; x++) {
				if (distance(to[x], from[y * 64 + x]) > formats[i].error) {
					fail_msg("%s: %06x comes back as %06x", formats[i].name,
						from[y * 64 + x], to[x]);
				}
			}
		}
	}
}

/* The bytes of one orange pixel (or pair), worked out by hand. */
static void test_bytes(void **state)
{
	static const struct {
		const char *name;
		uint8_t bytes[4];
	} formats[] = {
		{"XR24", {0x20, 0x80, 0xff, 0x00}},
		{"AR24", {0x20, 0x80, 0xff, 0xff}},
		{"XB24", {0xff, 0x80, 0x20, 0x00}},
		{"AB24", {0xff, 0x80, 0x20, 0xff}},
		{"RG16", {0x04, 0xfc, 0x04, 0xfc}},
		{"XR30", {0x80, 0x08, 0xf8, 0x3f}},
		{"XB30", {0xff, 0x0b, 0x08, 0x08}},
		{"YUYV", {143, 73, 143, 188}},
		{"YVYU", {143, 188, 143, 73}},
		{"UYVY", {73, 143, 188, 143}},
		{"VYUY", {188, 143, 73, 143}},
		{"C8", {0xf0, 0xf0, 0xf0, 0xf0}},
	};
	uint32_t from[64 * 64];

	for (size_t i = 0; i < 64 * 64; i++) {
		from[i] = 0xff8020;
	}
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct sim_mode mode = {.width = 64, .height = 64};
		uint8_t bytes[64 * 64 * 4];
		char why[200];

		mode.format = sim_format_by_name(formats[i].name);
		assert_int_equal(sim_mode_complete(&mode, why, sizeof(why)), 0);
		sim_format_write(&mode, bytes, from, 64);
		for (int k = 0; k < 4; k++) {
			if (abs(bytes[k] - formats[i].bytes[k]) > (mode.format->yuv ? 1 : 0)) {
				fail_msg("%s: byte %d is 0x%02x, not 0x%02x", formats[i].name, k,
					bytes[k], formats[i].bytes[k]);
			}
		}
	}
}

/* Every printable character has some ink and its own shape. */
static void test_font(void **state)
{
	static const uint8_t empty[SIM_FONT_ROWS];

	for (char c = SIM_FONT_FIRST; c <= SIM_FONT_LAST; c++) {
		assert_int_equal(memcmp(sim_font_glyph(c), empty, SIM_FONT_ROWS) == 0, c == ' ');
		for (char d = SIM_FONT_FIRST; d < c; d++) {
			assert_memory_not_equal(
				sim_font_glyph(c), sim_font_glyph(d), SIM_FONT_ROWS);
		}
	}
	assert_ptr_equal(sim_font_glyph('\n'), sim_font_glyph('?'));
	assert_ptr_equal(sim_font_glyph((char)0xe9), sim_font_glyph('?'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_incremental),
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_scroll),
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_font),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
