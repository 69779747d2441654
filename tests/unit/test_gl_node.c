/* SPDX-License-Identifier: MIT */
/* One renderer, one device after the other: GL is opened anew where the next one is on another GPU. */
#include <drm_fourcc.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "picture.h"

/* Exact, whatever was in the snapshot before. */
static void show(struct renderer *renderer, uint32_t seed)
{
	struct picture picture;
	struct buffer_attributes attributes;
	struct image *image = NULL;
	pixman_region32_t damage;
	char why[256] = "";

	picture_init(&picture, DRM_FORMAT_XRGB8888, 200, 130, 0, 0);
	picture_fill(&picture, seed);
	attributes = picture_dmabuf(&picture);
	if (renderer_import(renderer, &attributes, &image, why, sizeof(why)) < 0) {
		fail_msg("%s", why);
	}
	pixman_region32_init(&damage);
	assert_int_equal(renderer_update(renderer, image, &damage), 0);
	pixman_region32_fini(&damage);
	assert_int_equal(picture_error(&picture, renderer_snapshot(renderer)), 0);
	image_destroy(image);
	picture_finish(&picture);
}

static struct renderer *make(enum renderer_kind kind, bool node_later)
{
	struct renderer_options options = {.kind = kind, .node_later = node_later};
	char why[256] = "";
	struct renderer *renderer = renderer_create(&options, why, sizeof(why));

	if (!renderer) {
		fail_msg("%s", why);
	}
	return renderer;
}

static void test_other_node_and_back(void **state)
{
	struct renderer *renderer = make(RENDERER_GL, false);
	struct buffer_attributes attributes;
	struct picture picture;
	struct image *image;
	char why[256] = "";

	show(renderer, 1);
	assert_int_equal(renderer_set_node(renderer, "/dev/null", why, sizeof(why)), -ENOTSUP);
	assert_non_null(strstr(why, "/dev/null"));
	/* The last picture is there still, and an import says what is wrong. */
	assert_int_equal(renderer_snapshot(renderer)->width, 200);
	picture_init(&picture, DRM_FORMAT_XRGB8888, 64, 64, 0, 0);
	attributes = picture_dmabuf(&picture);
	why[0] = '\0';
	assert_int_equal(
		renderer_import(renderer, &attributes, &image, why, sizeof(why)), -ENOTSUP);
	assert_non_null(strstr(why, "/dev/null"));
	picture_finish(&picture);

	assert_int_equal(renderer_set_node(renderer, NULL, why, sizeof(why)), 0);
	show(renderer, 2);
	/* The same again keeps what is open. */
	assert_int_equal(renderer_set_node(renderer, NULL, why, sizeof(why)), 0);
	show(renderer, 3);
	renderer_destroy(renderer);
}

static void test_node_later(void **state)
{
	struct renderer *renderer = make(RENDERER_GL, true);
	char why[256] = "";

	assert_string_equal(renderer_describe(renderer), "gl, once there is a device");
	assert_int_equal(renderer_set_node(renderer, NULL, why, sizeof(why)), 0);
	assert_string_not_equal(renderer_describe(renderer), "gl, once there is a device");
	show(renderer, 1);
	renderer_destroy(renderer);
}

static void test_cpu_does_not_care(void **state)
{
	struct renderer *renderer = make(RENDERER_CPU, true);
	char why[256] = "";

	assert_int_equal(renderer_set_node(renderer, "/dev/null", why, sizeof(why)), 0);
	show(renderer, 1);
	renderer_destroy(renderer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_other_node_and_back),
		cmocka_unit_test(test_node_later),
		cmocka_unit_test(test_cpu_does_not_care),
	};
	struct renderer_options options = {.kind = RENDERER_GL};
	char why[256] = "";
	struct renderer *renderer = renderer_create(&options, why, sizeof(why));
	bool good = renderer && renderer_is_software_gl(renderer);

	if (!good) {
		printf("skipped: %s\n", renderer ? "this GL takes no memfd for a dma-buf" : why);
	}
	renderer_destroy(renderer);
	if (!good) {
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
