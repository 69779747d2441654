/* SPDX-License-Identifier: MIT */
/* The capture thread over the simulated vGPU, with sinks that keep a canvas as a viewer would. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "bridge/capture.h"
#include "bridge/session.h"
#include "render/cursor.h"
#include "render/frame.h"
#include "vfio/sim.h"
#include "vfio/vgpu.h"

struct viewer {
	atomic_bool wants, full;
	atomic_bool refuses; /* whatever it is given, and wants all of it again */
	atomic_uint generation, frames;
	atomic_int cursor; /* -1: none was told, 0: no cursor plane, 1: told one */
	pthread_mutex_t lock;
	uint32_t *canvas;
	uint32_t width, height;
	uint64_t last_area;
};

struct fixture {
	struct vgpu *vgpu;
	struct capture *capture;
	struct viewer viewers[2];
};

static bool viewer_wants(void *self)
{
	return ((struct viewer *)self)->wants;
}

static unsigned viewer_generation(void *self)
{
	return ((struct viewer *)self)->generation;
}

static bool viewer_can_take(void *self, uint32_t width, uint32_t height)
{
	return !((struct viewer *)self)->full;
}

static void viewer_give(void *self, struct frame *frame)
{
	struct viewer *viewer = self;

	if (viewer->refuses) {
		viewer->generation++;
		return;
	}
	pthread_mutex_lock(&viewer->lock);
	if (viewer->width != frame->width || viewer->height != frame->height) {
		free(viewer->canvas);
		viewer->canvas = calloc((size_t)frame->width * frame->height, 4);
		viewer->width = frame->width;
		viewer->height = frame->height;
	}
	viewer->last_area = 0;
	for (uint32_t i = 0; i < frame->n_rects; i++) {
		const struct frame_rect *rect = &frame->rects[i];

		for (uint32_t y = 0; y < rect->height; y++) {
			memcpy(viewer->canvas + (size_t)(rect->y + y) * frame->width + rect->x,
				rect->pixels + (size_t)y * rect->width, (size_t)rect->width * 4);
		}
		viewer->last_area += (uint64_t)rect->width * rect->height;
	}
	pthread_mutex_unlock(&viewer->lock);
	viewer->frames++;
}

static void viewer_set_cursor(void *self, const struct cursor *cursor)
{
	((struct viewer *)self)->cursor = cursor ? 1 : 0;
}

static const struct sink_ops viewer_ops = {
	.wants = viewer_wants,
	.generation = viewer_generation,
	.can_take = viewer_can_take,
	.give = viewer_give,
	.set_cursor = viewer_set_cursor,
};

static void nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

static void command(struct fixture *f, const char *text)
{
	char why[256] = "";

	if (sim_command(f->vgpu, text, why, sizeof(why)) != 0) {
		fail_msg("%s: %s", text, why);
	}
}

static struct fixture *create(const char *text, int sinks)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct sim_options options;
	char why[256] = "";

	assert_int_equal(sim_options_parse(&options, text, why, sizeof(why)), 0);
	f->vgpu = sim_create(&options, why, sizeof(why));
	sim_options_finish(&options);
	assert_non_null(f->vgpu);

	struct capture_options capture_options = {
		.renderer = {.kind = RENDERER_CPU}, .max_fps = 60};

	f->capture = capture_create(&capture_options, why, sizeof(why));
	assert_non_null(f->capture);
	for (int i = 0; i < sinks; i++) {
		pthread_mutex_init(&f->viewers[i].lock, NULL);
		f->viewers[i].cursor = -1;
		assert_int_equal(
			capture_add_sink(f->capture, &(struct sink){&viewer_ops, &f->viewers[i]}),
			0);
	}
	capture_attach(f->capture, f->vgpu, -1);
	assert_int_equal(capture_start(f->capture, why, sizeof(why)), 0);
	return f;
}

static void watch(struct fixture *f, int i, bool wants)
{
	f->viewers[i].wants = wants;
	if (wants) {
		f->viewers[i].generation++;
	}
	capture_wake(f->capture);
}

static void destroy(struct fixture *f)
{
	capture_destroy(f->capture);
	free(f->viewers[0].canvas);
	free(f->viewers[1].canvas);
	free(f);
}

/* Does the viewer's canvas become what the guest shows? 5 s at most. */
static bool converges(struct fixture *f, int i)
{
	struct viewer *viewer = &f->viewers[i];
	size_t size = 4 * 1024 * 1024;
	uint32_t *reference = malloc(size);
	bool same = false;

	for (int n = 0; n < 2500 && !same; n++) {
		uint32_t width, height;

		assert_int_equal(sim_reference(f->vgpu, reference, size, &width, &height), 0);
		pthread_mutex_lock(&viewer->lock);
		same = viewer->width == width && viewer->height == height &&
			memcmp(viewer->canvas, reference, (size_t)width * height * 4) == 0;
		pthread_mutex_unlock(&viewer->lock);
		nap();
	}
	free(reference);
	return same;
}

static void test_no_viewer_no_call(void **state)
{
	struct fixture *f = create("320x200,scene=video", 1);
	uint64_t calls = vgpu_counters(f->vgpu)->ioctls;

	nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
	assert_int_equal(vgpu_counters(f->vgpu)->ioctls, calls);
	assert_int_equal(capture_counters(f->capture)->ticks, 0);
	destroy(f);
}

static void test_viewer_sees_the_guest(void **state)
{
	struct fixture *f = create("640x400,scene=desktop", 1);

	watch(f, 0, true);
	for (int n = 0; n < 2500 && f->viewers[0].frames < 10; n++) {
		nap();
	}
	command(f, "pause");
	assert_true(converges(f, 0));
	assert_int_equal(f->viewers[0].cursor, 1);
	destroy(f);
}

static void test_leaving_stops_the_calls(void **state)
{
	struct fixture *f = create("320x200,scene=video", 1);

	watch(f, 0, true);
	for (int n = 0; n < 2500 && f->viewers[0].frames < 3; n++) {
		nap();
	}
	watch(f, 0, false);
	for (int n = 0; n < 2500 && capture_counters(f->capture)->rests < 2; n++) {
		nap();
	}
	uint64_t calls = vgpu_counters(f->vgpu)->ioctls;

	nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
	assert_int_equal(vgpu_counters(f->vgpu)->ioctls, calls);
	destroy(f);
}

static void test_full_sink_loses_nothing(void **state)
{
	struct fixture *f = create("640x400,scene=video", 2);

	watch(f, 0, true);
	watch(f, 1, true);
	for (int n = 0; n < 2500 && f->viewers[1].frames < 2; n++) {
		nap();
	}
	f->viewers[1].full = true;
	unsigned stood = f->viewers[1].frames, went = f->viewers[0].frames;

	for (int n = 0; n < 2500 && f->viewers[0].frames < went + 10; n++) {
		nap();
	}
	assert_true(f->viewers[0].frames >= went + 10);
	assert_true(f->viewers[1].frames <= stood + 1);
	command(f, "pause");
	assert_true(converges(f, 0));
	f->viewers[1].full = false;
	capture_wake(f->capture);
	assert_true(converges(f, 1));
	destroy(f);
}

/* As a sink does that finds no memory: the whole picture is owed again, but in time. */
static void test_refused_frames_make_no_busy_loop(void **state)
{
	struct fixture *f = create("320x200,scene=idle", 1);
	uint64_t ticks;

	f->viewers[0].refuses = true;
	watch(f, 0, true);
	for (int n = 0; n < 50; n++) {
		nap();
	}
	ticks = capture_counters(f->capture)->ticks;
	assert_in_range(ticks, 2, 500);
	f->viewers[0].refuses = false;
	assert_true(converges(f, 0));
	destroy(f);
}

static void test_small_change_is_one_tile(void **state)
{
	struct fixture *f = create("640x400,scene=idle", 1);

	watch(f, 0, true);
	assert_true(converges(f, 0));
	command(f, "rect 128 64 64 64 ff0000");
	assert_true(converges(f, 0));
	assert_int_equal(f->viewers[0].last_area, 64 * 64);
	command(f, "rect 130 70 64 64 00ff00");
	assert_true(converges(f, 0));
	assert_int_equal(f->viewers[0].last_area, 4 * 64 * 64);
	destroy(f);
}

static void test_late_viewer_gets_all(void **state)
{
	struct fixture *f = create("640x400,scene=idle", 2);

	watch(f, 0, true);
	assert_true(converges(f, 0));
	watch(f, 1, true);
	assert_true(converges(f, 1));
	assert_int_equal(f->viewers[1].cursor, 1);
	assert_int_equal(f->viewers[0].frames, 1);
	destroy(f);
}

static void test_region_has_no_cursor(void **state)
{
	struct fixture *f = create("640x400,scene=idle,plane=region", 1);

	watch(f, 0, true);
	assert_true(converges(f, 0));
	assert_int_equal(f->viewers[0].cursor, 0);
	destroy(f);
}

static void test_mode_changes_reach_the_sink(void **state)
{
	struct fixture *f = create("640x400,scene=desktop", 1);

	watch(f, 0, true);
	command(f, "pause");
	assert_true(converges(f, 0));
	command(f, "mode 800x600");
	assert_true(converges(f, 0));
	command(f, "mode 333x222");
	assert_true(converges(f, 0));
	destroy(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_viewer_no_call),
		cmocka_unit_test(test_viewer_sees_the_guest),
		cmocka_unit_test(test_leaving_stops_the_calls),
		cmocka_unit_test(test_full_sink_loses_nothing),
		cmocka_unit_test(test_refused_frames_make_no_busy_loop),
		cmocka_unit_test(test_small_change_is_one_tile),
		cmocka_unit_test(test_late_viewer_gets_all),
		cmocka_unit_test(test_region_has_no_cursor),
		cmocka_unit_test(test_mode_changes_reach_the_sink),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
