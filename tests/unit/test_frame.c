/* SPDX-License-Identifier: MIT */
/* Frames cover the region exactly, in few rectangles, and their memory is used again. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "buffers.h"
#include "render/frame.h"

#define WIDTH 300
#define HEIGHT 200

struct fixture {
	uint32_t pixels[WIDTH * HEIGHT];
	struct snapshot snapshot;
	struct frame_pool *pool;
	pixman_region32_t region;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	if (!fixture) {
		return -1;
	}
	for (uint32_t i = 0; i < WIDTH * HEIGHT; i++) {
		fixture->pixels[i] = i + 1;
	}
	fixture->snapshot =
		(struct snapshot){.pixels = fixture->pixels, .width = WIDTH, .height = HEIGHT};
	fixture->pool = frame_pool_create(4);
	pixman_region32_init(&fixture->region);
	*state = fixture;
	return fixture->pool ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	pixman_region32_fini(&fixture->region);
	frame_pool_destroy(fixture->pool);
	free(fixture);
	return 0;
}

static void add(struct fixture *fixture, int x, int y, unsigned width, unsigned height)
{
	pixman_region32_union_rect(&fixture->region, &fixture->region, x, y, width, height);
}

static struct frame *pack(struct fixture *fixture, size_t max_rect_bytes)
{
	struct frame *frame =
		frame_pack(fixture->pool, &fixture->snapshot, &fixture->region, 99, max_rect_bytes);

	assert_non_null(frame);
	return frame;
}

/* Each pixel of the region in one rectangle, with the snapshot's value; no other anywhere. */
static void assert_exact(struct fixture *fixture, const struct frame *frame, size_t max_rect_bytes)
{
	static uint8_t covered[WIDTH * HEIGHT];
	size_t bytes = 0;

	memset(covered, 0, sizeof(covered));
	assert_int_equal(frame->width, WIDTH);
	assert_int_equal(frame->height, HEIGHT);
	assert_int_equal(frame->captured_ns, 99);
	for (uint32_t i = 0; i < frame->n_rects; i++) {
		const struct frame_rect *rect = &frame->rects[i];
		size_t rect_bytes = (size_t)rect->width * rect->height * 4;

		assert_true(rect->width > 0 && rect->height > 0);
		assert_true(rect->x + rect->width <= WIDTH && rect->y + rect->height <= HEIGHT);
		assert_true(!max_rect_bytes || rect_bytes <= max_rect_bytes || rect->height == 1);
		assert_true((uint8_t *)rect->pixels >= (uint8_t *)frame->memory);
		assert_true((uint8_t *)rect->pixels + rect_bytes <=
			(uint8_t *)frame->memory + frame->memory_size);
		bytes += rect_bytes;
		for (uint32_t y = 0; y < rect->height; y++) {
			for (uint32_t x = 0; x < rect->width; x++) {
				size_t at = (size_t)(rect->y + y) * WIDTH + rect->x + x;

				assert_int_equal(covered[at], 0);
				covered[at] = 1;
				assert_int_equal(rect->pixels[y * rect->width + x], at + 1);
			}
		}
	}
	assert_int_equal(frame->bytes, bytes);
	for (int y = 0; y < HEIGHT; y++) {
		for (int x = 0; x < WIDTH; x++) {
			bool inside =
				pixman_region32_contains_point(&fixture->region, x, y, NULL) != 0;

			assert_int_equal(covered[y * WIDTH + x], inside);
		}
	}
}

static void test_random_regions(void **state)
{
	struct fixture *fixture = *state;
	static const size_t limits[] = {0, 1, 4, 100, 1200, 4096, 65536};
	uint32_t random = 5;

	for (int round = 0; round < 210; round++) {
		size_t limit = limits[round % 7];
		struct frame *frame;

		pixman_region32_clear(&fixture->region);
		for (int i = 0; i < 1 + round / 10; i++) {
			add(fixture, (int)(next_random(&random) % 350) - 40,
				(int)(next_random(&random) % 250) - 40,
				1 + next_random(&random) % 90, 1 + next_random(&random) % 60);
		}
		add(fixture, 3, 3, 1, 1);
		frame = pack(fixture, limit);
		assert_exact(fixture, frame, limit);
		frame_unref(frame);
	}
}

static void test_empty(void **state)
{
	struct fixture *fixture = *state;

	errno = 0;
	assert_null(frame_pack(fixture->pool, &fixture->snapshot, &fixture->region, 0, 0));
	assert_int_equal(errno, ENODATA);
	add(fixture, WIDTH, 0, 10, 10);
	assert_null(frame_pack(fixture->pool, &fixture->snapshot, &fixture->region, 0, 0));
	assert_int_equal(errno, ENODATA);
}

/* A column beside others that begin and end elsewhere: pixman has five bands, we send three. */
static void test_columns_stay_whole(void **state)
{
	struct fixture *fixture = *state;
	struct frame *frame;

	add(fixture, 0, 0, 64, 192);
	add(fixture, 128, 64, 64, 64);
	add(fixture, 256, 100, 44, 80);
	assert_true(pixman_region32_n_rects(&fixture->region) > 3);
	frame = pack(fixture, 0);
	assert_int_equal(frame->n_rects, 3);
	assert_exact(fixture, frame, 0);
	frame_unref(frame);
}

static void test_split(void **state)
{
	struct fixture *fixture = *state;
	struct frame *frame;

	add(fixture, 0, 0, WIDTH, HEIGHT);
	frame = pack(fixture, 0);
	assert_int_equal(frame->n_rects, 1);
	frame_unref(frame);
	/* 54 rows fit into 64 KiB: four parts of fifty rows, not three of 54 and a rest. */
	frame = pack(fixture, 65536);
	assert_int_equal(frame->n_rects, 4);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(frame->rects[i].height, 50);
	}
	assert_exact(fixture, frame, 65536);
	frame_unref(frame);
	frame = pack(fixture, 1);
	assert_int_equal(frame->n_rects, HEIGHT);
	assert_exact(fixture, frame, 1);
	frame_unref(frame);
}

static void test_reuse(void **state)
{
	struct fixture *fixture = *state;
	void *first, *second;
	struct frame *a, *b;

	add(fixture, 0, 0, WIDTH, HEIGHT);
	a = pack(fixture, 0);
	b = pack(fixture, 0);
	first = a->memory;
	second = b->memory;
	assert_ptr_not_equal(first, second);
	assert_int_equal(b->sequence, a->sequence + 1);
	frame_unref(a);
	frame_unref(b);

	for (int i = 0; i < 1000; i++) {
		a = pack(fixture, 0);
		b = pack(fixture, 65536);
		assert_true(a->memory == first || a->memory == second);
		assert_true(b->memory == first || b->memory == second);
		frame_unref(i & 1 ? a : b);
		frame_unref(i & 1 ? b : a);
	}
}

static bool is_mapped(void *memory)
{
	unsigned char there;

	return mincore(memory, 4096, &there) == 0;
}

static void test_trim(void **state)
{
	struct fixture *fixture = *state;
	struct frame *idle, *live;
	void *memory;

	add(fixture, 0, 0, WIDTH, HEIGHT);
	idle = pack(fixture, 0);
	live = pack(fixture, 0);
	memory = idle->memory;
	frame_unref(idle);
	assert_true(is_mapped(memory));
	frame_pool_trim(fixture->pool);
	assert_false(is_mapped(memory));
	assert_exact(fixture, live, 0);
	frame_unref(live);
}

/* A block that frames have grown out of, or never need again, does not stay for ever. */
static void test_age(void **state)
{
	struct fixture *fixture = *state;
	struct frame *large, *small;
	void *memory;

	add(fixture, 0, 0, WIDTH, HEIGHT);
	large = pack(fixture, 0);
	memory = large->memory;
	pixman_region32_clear(&fixture->region);
	add(fixture, 0, 0, 64, 64);
	small = pack(fixture, 0);
	frame_unref(small);
	frame_unref(large);
	for (int i = 0; i < 250; i++) {
		frame_unref(pack(fixture, 0));
	}
	assert_true(is_mapped(memory));
	for (int i = 0; i < 20; i++) {
		frame_unref(pack(fixture, 0));
	}
	assert_false(is_mapped(memory));
}

static void test_keep(void **state)
{
	struct fixture *fixture = *state;
	struct frame *frames[6];
	void *memory[6];
	int kept = 0;

	add(fixture, 0, 0, WIDTH, HEIGHT);
	for (int i = 0; i < 6; i++) {
		frames[i] = pack(fixture, 0);
		memory[i] = frames[i]->memory;
	}
	for (int i = 0; i < 6; i++) {
		frame_unref(frames[i]);
	}
	for (int i = 0; i < 6; i++) {
		kept += is_mapped(memory[i]);
	}
	assert_int_equal(kept, 4);
}

static void *let_go(void *data)
{
	struct frame **frames = data;

	for (int i = 0; i < 100; i++) {
		volatile uint32_t pixel = frames[i]->rects[0].pixels[i];

		(void)pixel;
		frame_unref(frames[i]);
	}
	return NULL;
}

/* Four threads hold the same frames; the pool's handle goes before the frames do. */
static void test_threads(void **state)
{
	struct fixture *fixture = *state;
	struct frame *frames[100];
	pthread_t threads[4];

	add(fixture, 10, 10, 100, 100);
	for (int i = 0; i < 100; i++) {
		frames[i] = pack(fixture, 0);
		for (int holder = 0; holder < 3; holder++) {
			assert_ptr_equal(frame_ref(frames[i]), frames[i]);
		}
	}
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, let_go, frames), 0);
	}
	frame_pool_destroy(fixture->pool);
	fixture->pool = NULL;
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
	}
}

static void test_null(void **state)
{
	frame_unref(NULL);
	frame_pool_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_random_regions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
		cmocka_unit_test_setup_teardown(test_columns_stay_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(test_split, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reuse, setup, teardown),
		cmocka_unit_test_setup_teardown(test_trim, setup, teardown),
		cmocka_unit_test_setup_teardown(test_age, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keep, setup, teardown),
		cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
		cmocka_unit_test(test_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
