/* SPDX-License-Identifier: MIT */
/*
 * The capture thread asks while commands change everything: under ThreadSanitizer this finds races,
 * and in any build that a query never gives a mixture of two modes nor waits for the painter.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>

#include "tests/unit/sim_help.h"

#define ROUNDS 150

struct commander {
	struct vgpu *vgpu;
	atomic_bool done;
	int failed;
};

static void *command_all(void *data)
{
	static const char *const commands[] = {"mode 640x480", "scene noise", "flip off", "step 2",
		"mode 320x240 XB24", "cursor shape half", "cursor at 5 5", "flip on", "scene box",
		"blank", "unblank", "status", "mode 800x600 RG16", "fault enomem 1", "pause",
		"rect 1 2 3 4 ff00ff", "resume", "cursor path", "scene desktop"};
	struct commander *commander = data;
	char why[256];

	for (int i = 0; i < ROUNDS; i++) {
		const char *command = commands[i % (sizeof(commands) / sizeof(commands[0]))];

		commander->failed += sim_command(commander->vgpu, command, why, sizeof(why)) != 0;
	}
	atomic_store(&commander->done, true);
	return NULL;
}

/* Each size has one format, so that a mixture would show. */
static void check_plane(const struct plane *plane)
{
	switch (plane->width) {
	case 640:
		assert_int_equal(plane->height, 480);
		assert_int_equal(plane->stride, 2560);
		break;
	case 320:
		assert_int_equal(plane->height, 240);
		assert_int_equal(plane->stride, 1280);
		break;
	default:
		assert_int_equal(plane->width, 800);
		assert_int_equal(plane->height, 600);
		assert_int_equal(plane->stride, 1600);
		break;
	}
}

static void test_commands_meanwhile(void **state)
{
	struct commander commander = {.vgpu = help_make("640x480,fps=240")};
	struct vgpu *vgpu = commander.vgpu;
	pthread_t thread;
	int pictures = 0;

	assert_int_equal(pthread_create(&thread, NULL, command_all, &commander), 0);
	while (!atomic_load(&commander.done)) {
		struct vgpu_query query;
		struct vgpu_buffer *buffer;
		enum plane_refusal refusal;

		vgpu_query(vgpu, PLANE_CURSOR, &query);
		if (vgpu_query(vgpu, PLANE_PRIMARY, &query) != VGPU_PICTURE) {
			continue;
		}
		check_plane(&query.plane);
		/* What a query told can be fetched until the next. */
		assert_int_equal(vgpu_buffer_get(vgpu, &query.plane, &buffer, &refusal), 0);
		assert_int_equal(buffer->real_size, query.plane.size);
		vgpu_buffer_put(buffer);
		pictures++;
	}
	pthread_join(thread, NULL);
	assert_int_equal(commander.failed, 0);
	assert_true(pictures > 0);
	vgpu_destroy(vgpu);
}

static double now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

/* A frame of this size takes many milliseconds to paint; half of the queries must not notice. */
static void test_quick_query(void **state)
{
	struct vgpu *vgpu = help_make("3840x2160,scene=noise,fps=240");
	int quick = 0;

	for (int i = 0; i < 40; i++) {
		double start = now_ms();

		help_plane(vgpu);
		quick += now_ms() - start < 1.0;
		help_sleep(3);
	}
	assert_true(quick >= 20);
	vgpu_destroy(vgpu);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands_meanwhile),
		cmocka_unit_test(test_quick_query),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
