/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vfio/sim.h"

static void test_defaults(void **state)
{
	static const char *const texts[] = {NULL, ""};

	for (size_t i = 0; i < 2; i++) {
		struct sim_options options;
		char why[256];

		assert_int_equal(sim_options_parse(&options, texts[i], why, sizeof(why)), 0);
		assert_int_equal(options.width, 1280);
		assert_int_equal(options.height, 720);
		assert_int_equal(options.scene, SIM_SCENE_DESKTOP);
		assert_int_equal(options.fps, 60);
		assert_false(options.region);
		assert_true(options.cursor);
		assert_null(options.memory);
		assert_null(options.control);
		sim_options_finish(&options);
	}
}

static void test_everything(void **state)
{
	struct sim_options options;
	char why[256];

	assert_int_equal(sim_options_parse(&options,
				 "1920x1080,scene=noise,fps=240,plane=region,cursor=off,control=/c",
				 why, sizeof(why)),
		0);
	assert_int_equal(options.width, 1920);
	assert_int_equal(options.height, 1080);
	assert_int_equal(options.scene, SIM_SCENE_NOISE);
	assert_int_equal(options.fps, 240);
	assert_true(options.region);
	assert_false(options.cursor);
	assert_string_equal(options.control, "/c");
	sim_options_finish(&options);
	assert_null(options.control);

	assert_int_equal(
		sim_options_parse(&options, "memory=/m,800x600,plane=dmabuf", why, sizeof(why)), 0);
	assert_int_equal(options.width, 800);
	assert_string_equal(options.memory, "/m");
	assert_false(options.region);
	assert_false(options.cursor);
	sim_options_finish(&options);

	assert_int_equal(sim_options_parse(&options, "memory=/m,cursor=on", why, sizeof(why)), 0);
	assert_true(options.cursor);
	sim_options_finish(&options);
}

static void test_every_scene(void **state)
{
	for (int i = 0; i < SIM_SCENE_COUNT; i++) {
		struct sim_options options;
		char text[64] = "scene=";
		char why[256];

		strcat(text, sim_scene_name((enum sim_scene)i));
		assert_int_equal(sim_options_parse(&options, text, why, sizeof(why)), 0);
		assert_int_equal(options.scene, i);
		sim_options_finish(&options);
	}
	assert_null(sim_scene_name(SIM_SCENE_COUNT));
}

/* Each bad value is named in one line, with what would be right. */
static void test_bad(void **state)
{
	static const struct {
		const char *text, *value, *expected;
	} cases[] = {
		{"63x720", "63x720", "64 to 16384"},
		{"1280x16385", "1280x16385", "64 to 16384"},
		{"1280", "1280", "WIDTHxHEIGHT"},
		{"x720", "x720", "WIDTHxHEIGHT"},
		{"1280x", "1280x", "WIDTHxHEIGHT"},
		{"1280x720x3", "1280x720x3", "WIDTHxHEIGHT"},
		{"-1280x720", "-1280x720", "WIDTHxHEIGHT"},
		{" 1280x720", " 1280x720", "WIDTHxHEIGHT"},
		{"99999999999x720", "99999999999x720", "WIDTHxHEIGHT"},
		{"desktop", "desktop", "WIDTHxHEIGHT"},
		{"scene=sea", "sea", "desktop, idle, scroll, video, noise, box"},
		{"scene=", "''", "desktop"},
		{"fps=0", "'0'", "1 to 240"},
		{"fps=241", "241", "1 to 240"},
		{"fps=60Hz", "60Hz", "1 to 240"},
		{"fps=-1", "-1", "1 to 240"},
		{"fps=99999999999999999999", "99999999999999999999", "1 to 240"},
		{"plane=sprite", "sprite", "dmabuf or region"},
		{"cursor=yes", "yes", "off or on"},
		{"memory=", "memory", "path"},
		{"control=", "control", "path"},
		{"colour=red", "colour", "scene="},
		{"640x480,", "''", "scene="},
		{"640x480,,fps=3", "''", "scene="},
		{",640x480", "''", "WIDTHxHEIGHT"},
		{"640x480,800x600", "size", "twice"},
		{"fps=5,fps=5", "fps", "twice"},
		{"memory=/m,memory=/n", "memory", "twice"},
		{"memory=/m,scene=box", "scene", "memory="},
		{"memory=/m,fps=30", "fps", "memory="},
		{"plane=region,cursor=on", "cursor", "region"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sim_options options;
		char why[256] = "";

		assert_int_equal(
			sim_options_parse(&options, cases[i].text, why, sizeof(why)), -EINVAL);
		if (!strstr(why, cases[i].value) || !strstr(why, cases[i].expected) ||
			strchr(why, '\n')) {
			fail_msg("\"%s\" gives \"%s\", without %s or %s", cases[i].text, why,
				cases[i].value, cases[i].expected);
		}
		assert_null(options.memory);
		assert_null(options.control);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_every_scene),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
