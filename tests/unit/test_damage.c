/* SPDX-License-Identifier: MIT */
/* What changed is found, no more than that, and after the writer rests nothing stays wrong. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "buffers.h"
#include "render/damage.h"
#include "render/frame.h"

struct picture {
	struct renderer *renderer;
	struct buffer buffer;
	struct image *image;
	uint32_t *pixels; /* the guest's */
	uint32_t width, height;
	pixman_region32_t damage;
};

static struct picture picture_open(uint32_t width, uint32_t height)
{
	struct picture picture = {.width = width, .height = height};
	struct buffer_attributes attributes;

	picture.renderer = cpu_renderer();
	picture.buffer = buffer_open((size_t)width * height * 4);
	picture.pixels = (uint32_t *)picture.buffer.bytes;
	attributes =
		buffer_attributes(&picture.buffer, DRM_FORMAT_XRGB8888, width, height, width * 4);
	picture.image = import(picture.renderer, &attributes);
	pixman_region32_init(&picture.damage);
	return picture;
}

static void picture_close(struct picture *picture)
{
	pixman_region32_fini(&picture->damage);
	image_destroy(picture->image);
	renderer_destroy(picture->renderer);
	buffer_close(&picture->buffer);
}

/* The damage of this look alone. */
static void look(struct picture *picture)
{
	pixman_region32_clear(&picture->damage);
	assert_int_equal(renderer_update(picture->renderer, picture->image, &picture->damage), 0);
}

static void assert_snapshot_is_guest(const struct picture *picture)
{
	const struct snapshot *snapshot = renderer_snapshot(picture->renderer);

	assert_int_equal(snapshot->width, picture->width);
	assert_int_equal(snapshot->height, picture->height);
	for (size_t i = 0; i < (size_t)picture->width * picture->height; i++) {
		if (snapshot->pixels[i] != (picture->pixels[i] & 0xffffff)) {
			fail_msg("pixel %zu: snapshot %08x, guest %08x", i, snapshot->pixels[i],
				picture->pixels[i]);
		}
	}
}

static void assert_region(pixman_region32_t *damage, pixman_region32_t *expected)
{
	if (!pixman_region32_equal(damage, expected)) {
		const pixman_box32_t *a = pixman_region32_extents(damage);
		const pixman_box32_t *b = pixman_region32_extents(expected);

		fail_msg("damage in %d,%d-%d,%d, expected in %d,%d-%d,%d", a->x1, a->y1, a->x2,
			a->y2, b->x1, b->y1, b->x2, b->y2);
	}
}

/* The plain way: one union a tile. */
static void add_tile(
	pixman_region32_t *region, uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
	uint32_t left = x / 64 * 64, top = y / 64 * 64;
	uint32_t right = left + 64 < width ? left + 64 : width;
	uint32_t bottom = top + 64 < height ? top + 64 : height;

	pixman_region32_union_rect(region, region, (int)left, (int)top, right - left, bottom - top);
}

static void test_every_place(void **state)
{
	struct picture picture = picture_open(67, 131);
	pixman_region32_t expected;

	look(&picture);
	for (uint32_t y = 0; y < picture.height; y++) {
		for (uint32_t x = 0; x < picture.width; x++) {
			picture.pixels[y * picture.width + x] ^= 1u << ((x + y) % 24);
			look(&picture);
			pixman_region32_init(&expected);
			add_tile(&expected, x, y, picture.width, picture.height);
			assert_region(&picture.damage, &expected);
			pixman_region32_fini(&expected);
		}
	}
	assert_snapshot_is_guest(&picture);
	picture_close(&picture);
}

static void test_random_changes(void **state)
{
	static const uint32_t sizes[][2] = {{1, 1}, {1, 200}, {200, 1}, {63, 64}, {64, 64},
		{65, 67}, {127, 129}, {515, 70}, {640, 480}, {1031, 130}};
	uint32_t random = 7;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct picture picture = picture_open(sizes[i][0], sizes[i][1]);
		size_t count = (size_t)picture.width * picture.height;

		look(&picture);
		for (int round = 0; round < 60; round++) {
			const uint32_t *before = renderer_snapshot(picture.renderer)->pixels;
			uint32_t changes = next_random(&random) % 12;
			pixman_region32_t expected;

			pixman_region32_init(&expected);
			for (uint32_t c = 0; c < changes; c++) {
				picture.pixels[next_random(&random) % count] =
					next_random(&random) & 0xff000003;
			}
			for (size_t at = 0; at < count; at++) {
				if (before[at] != (picture.pixels[at] & 0xffffff)) {
					add_tile(&expected, (uint32_t)(at % picture.width),
						(uint32_t)(at / picture.width), picture.width,
						picture.height);
				}
			}
			look(&picture);
			assert_snapshot_is_guest(&picture);
			assert_region(&picture.damage, &expected);
			pixman_region32_fini(&expected);
		}
		picture_close(&picture);
	}
}

static void test_x_byte_is_no_damage(void **state)
{
	struct picture picture = picture_open(193, 77);
	uint32_t random = 3;

	for (size_t i = 0; i < (size_t)picture.width * picture.height; i++) {
		picture.pixels[i] = next_random(&random);
	}
	look(&picture);
	for (size_t i = 0; i < (size_t)picture.width * picture.height; i++) {
		picture.pixels[i] ^= next_random(&random) & 0xff000000;
	}
	look(&picture);
	assert_false(pixman_region32_not_empty(&picture.damage));
	assert_snapshot_is_guest(&picture);
	picture_close(&picture);
}

static void test_new_size_is_all_damage(void **state)
{
	struct picture small = picture_open(65, 67);
	struct buffer buffer = buffer_open(130 * 70 * 4);
	struct buffer_attributes attributes =
		buffer_attributes(&buffer, DRM_FORMAT_XRGB8888, 130, 70, 130 * 4);
	struct image *large = import(small.renderer, &attributes);
	pixman_region32_t all;

	/* All zero, as a new snapshot is: it must be sent nevertheless. */
	pixman_region32_init_rect(&all, 0, 0, 65, 67);
	look(&small);
	assert_region(&small.damage, &all);
	look(&small);
	assert_false(pixman_region32_not_empty(&small.damage));

	pixman_region32_fini(&all);
	pixman_region32_init_rect(&all, 0, 0, 130, 70);
	assert_int_equal(renderer_update(small.renderer, large, &small.damage), 0);
	assert_region(&small.damage, &all);
	pixman_region32_fini(&all);
	image_destroy(large);
	buffer_close(&buffer);
	picture_close(&small);
}

static void test_paint(void **state)
{
	struct renderer *renderer = cpu_renderer();
	uint32_t card[100 * 70];
	pixman_region32_t damage, expected;

	for (size_t i = 0; i < 100 * 70; i++) {
		card[i] = 0xff000000 | (uint32_t)i;
	}
	pixman_region32_init(&damage);
	pixman_region32_init_rect(&expected, 0, 0, 100, 70);
	assert_int_equal(renderer_paint(renderer, card, 100, 70, &damage), 0);
	assert_region(&damage, &expected);
	assert_int_equal(renderer_snapshot(renderer)->pixels[4711], 4711);

	pixman_region32_clear(&damage);
	assert_int_equal(renderer_paint(renderer, card, 100, 70, &damage), 0);
	assert_false(pixman_region32_not_empty(&damage));

	card[69 * 100 + 99] ^= 0x80;
	assert_int_equal(renderer_paint(renderer, card, 100, 70, &damage), 0);
	pixman_region32_fini(&expected);
	pixman_region32_init_rect(&expected, 64, 64, 36, 6);
	assert_region(&damage, &expected);

	assert_int_equal(renderer_paint(renderer, card, 0, 70, &damage), -ERANGE);
	assert_int_equal(renderer_paint(renderer, card, 100, 16385, &damage), -ERANGE);
	assert_int_equal(renderer_snapshot(renderer)->width, 100);
	pixman_region32_fini(&expected);
	pixman_region32_fini(&damage);
	renderer_destroy(renderer);
}

/* Marks in every pattern, more boxes than one union takes included, against a union a tile. */
static void test_marks(void **state)
{
	uint32_t width = 64 * 50 - 5, height = 64 * 40 - 63, random = 11;
	uint8_t marks[50 * 40];

	for (uint32_t pattern = 0; pattern < 12; pattern++) {
		pixman_region32_t damage, expected;

		pixman_region32_init(&damage);
		pixman_region32_init(&expected);
		for (uint32_t y = 0; y < 40; y++) {
			for (uint32_t x = 0; x < 50; x++) {
				bool mark = pattern == 0 ? false
					: pattern == 1   ? true
					: pattern == 2   ? (x + y) % 2
					: pattern == 3   ? x == 49
					: pattern == 4   ? y == 39
							 : next_random(&random) % pattern == 0;

				marks[y * 50 + x] = mark ? 1 + pattern : 0;
				if (mark) {
					add_tile(&expected, x * 64, y * 64, width, height);
				}
			}
		}
		damage_add_marks(&damage, marks, width, height);
		assert_region(&damage, &expected);
		pixman_region32_fini(&damage);
		pixman_region32_fini(&expected);
	}
}

/* A guest that paints on another core through a mapping of its own, in rounds. */
struct painter {
	uint32_t *pixels;
	size_t count;
	atomic_uint round; /* grows: paint */
	atomic_bool stop; /* of this round */
	atomic_uint rested; /* the last round that is over */
};

#define ROUNDS 100

static void *paint(void *data)
{
	struct painter *painter = data;
	uint32_t random = 12345;

	for (unsigned round = 1; round <= ROUNDS; round++) {
		while (atomic_load(&painter->round) < round) {
			sched_yield();
		}
		while (!atomic_load(&painter->stop)) {
			size_t at = next_random(&random) % painter->count;
			uint32_t old = painter->pixels[at];

			/* Single pixels, runs, and there-and-back again. */
			switch (round % 4) {
			case 0:
				painter->pixels[at] = next_random(&random);
				break;
			case 1:
				for (size_t i = at; i < painter->count && i < at + 300; i++) {
					painter->pixels[i] = random;
				}
				break;
			case 2:
				painter->pixels[at] = ~old;
				painter->pixels[(at * 7) % painter->count] ^= 0xffff;
				painter->pixels[at] = old;
				break;
			case 3:
				/*
				 * Sparse: a tile that a look finds clean may change behind it, once.
				 * Who then touches the snapshot there loses that change for ever.
				 */
				painter->pixels[at] ^= 0x123456;
				for (volatile unsigned i = 0; i < random % 8000; i++) {
				}
				break;
			}
			atomic_signal_fence(memory_order_seq_cst);
		}
		atomic_store(&painter->rested, round);
	}
	return NULL;
}

/* What a viewer has drawn: frames packed from the damage, laid over each other. */
static void send(struct picture *picture, struct frame_pool *pool, uint32_t *viewer)
{
	struct frame *frame;

	if (!pixman_region32_not_empty(&picture->damage)) {
		return;
	}
	frame = frame_pack(pool, renderer_snapshot(picture->renderer), &picture->damage, 0, 0);
	assert_non_null(frame);
	for (uint32_t i = 0; i < frame->n_rects; i++) {
		const struct frame_rect *rect = &frame->rects[i];

		for (uint32_t y = 0; y < rect->height; y++) {
			memcpy(viewer + (size_t)(rect->y + y) * frame->width + rect->x,
				rect->pixels + (size_t)y * rect->width, (size_t)rect->width * 4);
		}
	}
	frame_unref(frame);
}

static void test_converges(void **state)
{
	struct picture picture = picture_open(1029, 517);
	size_t size = picture.buffer.size;
	struct painter painter = {.count = size / 4};
	struct frame_pool *pool = frame_pool_create(2);
	uint32_t *viewer = calloc(1, size);
	unsigned torn = 0;
	pthread_t thread;

	assert_non_null(pool);
	assert_non_null(viewer);
	painter.pixels = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, picture.buffer.fd, 0);
	assert_ptr_not_equal(painter.pixels, MAP_FAILED);
	assert_int_equal(pthread_create(&thread, NULL, paint, &painter), 0);

	for (unsigned round = 1; round <= ROUNDS; round++) {
		atomic_store(&painter.stop, false);
		atomic_store(&painter.round, round);
		for (int i = 0; i < 4; i++) {
			look(&picture);
			send(&picture, pool, viewer);
			torn += pixman_region32_not_empty(&picture.damage) != 0;
			sched_yield();
		}
		atomic_store(&painter.stop, true);
		while (atomic_load(&painter.rested) < round) {
			sched_yield();
		}

		/* One look after the writer rests, and all is as the guest's. */
		look(&picture);
		send(&picture, pool, viewer);
		assert_snapshot_is_guest(&picture);
		assert_memory_equal(viewer, renderer_snapshot(picture.renderer)->pixels, size);
		look(&picture);
		assert_false(pixman_region32_not_empty(&picture.damage));
	}
	/* Or else it proves nothing. */
	assert_true(torn > ROUNDS / 4);

	pthread_join(thread, NULL);
	munmap(painter.pixels, size);
	free(viewer);
	frame_pool_destroy(pool);
	picture_close(&picture);
}

static void test_counters(void **state)
{
	struct picture picture = picture_open(130, 70);
	struct renderer_counters *counters = renderer_counters(picture.renderer);

	picture.pixels[0] = 1;
	look(&picture);
	look(&picture);
	assert_int_equal(counters->passes, 2);
	assert_int_equal(counters->cpu_maps, 1);
	assert_int_equal(counters->imports, 0);
	assert_int_equal(counters->tiles_dirty, 1);
	assert_int_equal(counters->bytes_compared, 2 * 130 * 70 * 4);
	assert_string_equal(renderer_describe(picture.renderer), "cpu");
	assert_false(renderer_is_software_gl(picture.renderer));
	picture_close(&picture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_place),
		cmocka_unit_test(test_random_changes),
		cmocka_unit_test(test_x_byte_is_no_damage),
		cmocka_unit_test(test_new_size_is_all_damage),
		cmocka_unit_test(test_paint),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_converges),
		cmocka_unit_test(test_counters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
