/* SPDX-License-Identifier: MIT */
/*
 * The GL path on a true EGL: memfds imported as dma-bufs by Mesa's software driver (24.2 or newer;
 * see tests/mesa-fetch), compared with tests/unit/picture.c.
 */
#include <dirent.h>
#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "picture.h"

struct format_case {
	uint32_t format;
	unsigned tolerance;
};

static struct renderer *make_renderer(enum renderer_kind kind)
{
	struct renderer_options options = {.kind = kind};
	char why[256] = "";
	struct renderer *renderer = renderer_create(&options, why, sizeof(why));

	if (!renderer) {
		fail_msg("no renderer: %s", why);
	}
	return renderer;
}

static struct image *import(struct renderer *renderer, const struct picture *picture)
{
	struct buffer_attributes attributes = picture_dmabuf(picture);
	struct image *image = NULL;
	char why[256] = "";
	int ret = renderer_import(renderer, &attributes, &image, why, sizeof(why));

	if (ret < 0) {
		fail_msg("no import (%d): %s", ret, why);
	}
	return image;
}

/*
 * One update, whose damage must be exactly the tiles that changed in the snapshot (or all of them,
 * where its size changed). Returns their number of pixels.
 */
static uint64_t update(struct renderer *renderer, struct image *image)
{
	const struct snapshot *snapshot = renderer_snapshot(renderer);
	uint32_t width = snapshot->width, height = snapshot->height;
	uint32_t *before = NULL;
	pixman_region32_t damage, want;
	const pixman_box32_t *boxes;
	uint64_t area = 0;
	int n;

	if (snapshot->pixels) {
		before = malloc((size_t)width * height * 4);
		assert_non_null(before);
		memcpy(before, snapshot->pixels, (size_t)width * height * 4);
	}
	pixman_region32_init(&damage);
	pixman_region32_init(&want);
	assert_int_equal(renderer_update(renderer, image, &damage), 0);
	if (before && snapshot->width == width && snapshot->height == height) {
		picture_changes(&want, before, snapshot->pixels, width, height);
	} else {
		pixman_region32_union_rect(&want, &want, 0, 0, snapshot->width, snapshot->height);
	}
	assert_true(pixman_region32_equal(&damage, &want));
	boxes = pixman_region32_rectangles(&damage, &n);
	for (int i = 0; i < n; i++) {
		area += (uint64_t)(boxes[i].x2 - boxes[i].x1) * (boxes[i].y2 - boxes[i].y1);
	}
	pixman_region32_fini(&damage);
	pixman_region32_fini(&want);
	free(before);
	return area;
}

static void check_shape(struct renderer *renderer, uint32_t format, uint32_t width, uint32_t height,
	uint32_t stride, uint32_t offset, unsigned tolerance)
{
	struct picture picture;
	struct image *image;
	unsigned error;

	picture_init(&picture, format, width, height, stride, offset);
	picture_fill(&picture, width + stride + offset);
	image = import(renderer, &picture);
	update(renderer, image);
	error = picture_error(&picture, renderer_snapshot(renderer));
	if (error > tolerance) {
		fail_msg("%ux%u stride %u offset %u: off by %u, %u allowed", width, height, stride,
			offset, error, tolerance);
	}
	image_destroy(image);
	picture_finish(&picture);
}

static void test_format(void **state)
{
	const struct format_case *format = *state;
	struct renderer *renderer = make_renderer(RENDERER_GL);
	char why[256] = "";

	if (renderer_can_import(renderer, format->format, DRM_FORMAT_MOD_LINEAR, why, sizeof(why)) <
		0) {
		print_message("%s\n", why);
		renderer_destroy(renderer);
		skip();
	}
	check_shape(renderer, format->format, 642, 358, 0, 0, format->tolerance);
	check_shape(renderer, format->format, 800, 600, 800 * 4 + 128, 4096, format->tolerance);
	assert_int_equal(renderer_counters(renderer)->imports, 2);
	assert_int_equal(renderer_counters(renderer)->cpu_maps, 0);
	renderer_destroy(renderer);
}

static void test_strides_and_offsets(void **state)
{
	static const uint32_t paddings[] = {0, 4, 12, 64, 100, 1020};
	static const uint32_t offsets[] = {0, 4, 256, 4096};
	struct renderer *renderer = make_renderer(RENDERER_GL);

	for (size_t i = 0; i < sizeof(paddings) / sizeof(paddings[0]); i++) {
		for (size_t j = 0; j < sizeof(offsets) / sizeof(offsets[0]); j++) {
			check_shape(renderer, DRM_FORMAT_XRGB8888, 257, 130, 257 * 4 + paddings[i],
				offsets[j], 0);
		}
	}
	renderer_destroy(renderer);
}

static void test_sizes(void **state)
{
	static const uint32_t sizes[][2] = {
		{1, 1}, {64, 64}, {65, 63}, {7, 200}, {1366, 768}, {1920, 1080}, {3840, 2160}};
	struct renderer *renderer = make_renderer(RENDERER_GL);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		check_shape(renderer, DRM_FORMAT_XRGB8888, sizes[i][0], sizes[i][1], 0, 0, 0);
	}
	renderer_destroy(renderer);
}

/* The same small changes through both paths: the same pixels and the same damage. */
static void test_damage_as_cpu(void **state)
{
	struct renderer *gl = make_renderer(RENDERER_GL), *cpu = make_renderer(RENDERER_CPU);
	struct image *gl_image, *cpu_image;
	struct picture picture;
	uint32_t seed = 1;

	picture_init(&picture, DRM_FORMAT_XRGB8888, 650, 330, 650 * 4 + 32, 0);
	picture_fill(&picture, 3);
	gl_image = import(gl, &picture);
	cpu_image = import(cpu, &picture);
	update(gl, gl_image);
	update(cpu, cpu_image);
	for (int round = 0; round < 60; round++) {
		pixman_region32_t gl_damage, cpu_damage;

		for (int i = 0; i < round % 5; i++) {
			uint32_t x, y;

			seed = seed * 1103515245 + 12345;
			x = (seed >> 8) % 650;
			y = (seed >> 18) % 330;
			picture_invert(&picture, x, y, round % 7 && x < 640 ? 3 : 1, 1);
		}
		pixman_region32_init(&gl_damage);
		pixman_region32_init(&cpu_damage);
		assert_int_equal(renderer_update(gl, gl_image, &gl_damage), 0);
		assert_int_equal(renderer_update(cpu, cpu_image, &cpu_damage), 0);
		assert_true(pixman_region32_equal(&gl_damage, &cpu_damage));
		assert_int_equal(pixman_region32_not_empty(&gl_damage), round % 5 != 0);
		assert_int_equal(picture_error(&picture, renderer_snapshot(gl)), 0);
		pixman_region32_fini(&gl_damage);
		pixman_region32_fini(&cpu_damage);
	}
	image_destroy(gl_image);
	image_destroy(cpu_image);
	picture_finish(&picture);
	renderer_destroy(cpu);
	renderer_destroy(gl);
}

static void test_damage_corners(void **state)
{
	struct renderer *renderer = make_renderer(RENDERER_GL);
	struct picture picture;
	struct image *image;

	picture_init(&picture, DRM_FORMAT_XRGB8888, 200, 100, 200 * 4 + 16, 64);
	picture_fill(&picture, 9);
	image = import(renderer, &picture);
	assert_int_equal(update(renderer, image), 200 * 100);
	assert_int_equal(update(renderer, image), 0);

	picture_invert(&picture, 199, 99, 1, 1);
	assert_int_equal(update(renderer, image), (200 - 192) * (100 - 64));
	picture_invert(&picture, 0, 0, 1, 1);
	assert_int_equal(update(renderer, image), 64 * 64);
	picture_invert(&picture, 63, 63, 2, 2);
	assert_int_equal(update(renderer, image), 128 * 100);

	/* X, the bytes between the rows and those before the picture are nobody's business. */
	for (uint32_t y = 0; y < 100; y++) {
		uint8_t *row = picture.bytes + 64 + (size_t)y * picture.stride;

		for (uint32_t x = 0; x < 200; x++) {
			row[x * 4 + 3] ^= 0xff;
		}
		for (uint32_t x = 800; x < picture.stride; x++) {
			row[x] ^= 0xff;
		}
	}
	memset(picture.bytes, 0x55, 64);
	assert_int_equal(update(renderer, image), 0);
	assert_int_equal(picture_error(&picture, renderer_snapshot(renderer)), 0);

	/* The lowest bit of one channel is a change. */
	picture.bytes[64 + 40 * picture.stride + 100 * 4] ^= 1;
	assert_int_equal(update(renderer, image), 64 * 64);
	assert_int_equal(picture_error(&picture, renderer_snapshot(renderer)), 0);
	image_destroy(image);
	picture_finish(&picture);
	renderer_destroy(renderer);
}

static void test_read_back(void **state)
{
	struct renderer *renderer = make_renderer(RENDERER_GL);
	struct renderer_counters *counters = renderer_counters(renderer);
	uint64_t bytes, marks, calls, idle_calls;
	struct picture picture;
	struct image *image;

	picture_init(&picture, DRM_FORMAT_XRGB8888, 1920, 1080, 0, 0);
	picture_fill(&picture, 5);
	image = import(renderer, &picture);
	update(renderer, image);
	update(renderer, image);

	bytes = counters->bytes_read_back;
	calls = counters->gl_calls;
	update(renderer, image);
	marks = counters->bytes_read_back - bytes;
	idle_calls = counters->gl_calls - calls;
	assert_true(marks == 30 * 17 || marks == 30 * 17 * 4);
	assert_true(idle_calls > 0);

	bytes += marks;
	calls += idle_calls;
	update(renderer, image);
	assert_int_equal(counters->bytes_read_back - bytes, marks);
	assert_int_equal(counters->gl_calls - calls, idle_calls);

	bytes += marks;
	picture_invert(&picture, 640, 320, 64, 64);
	assert_int_equal(update(renderer, image), 64 * 64);
	assert_int_equal(counters->bytes_read_back - bytes, marks + 64 * 64 * 4);

	bytes += marks + 64 * 64 * 4;
	picture_invert(&picture, 30, 30, 64, 64);
	assert_int_equal(update(renderer, image), 128 * 128);
	assert_int_equal(counters->bytes_read_back - bytes, marks + 128 * 128 * 4);

	/* More than both read-back buffers hold, in shapes that do not merge. */
	for (uint32_t y = 0; y < 1080; y += 64) {
		for (uint32_t x = y % 128; x < 1920; x += 128) {
			picture_invert(&picture, x, y, 1, 1);
		}
	}
	update(renderer, image);
	assert_int_equal(picture_error(&picture, renderer_snapshot(renderer)), 0);
	picture_fill(&picture, 6);
	update(renderer, image);
	assert_int_equal(picture_error(&picture, renderer_snapshot(renderer)), 0);

	assert_int_equal(counters->imports, 1);
	assert_int_equal(counters->cpu_maps, 0);
	assert_int_equal(counters->import_failures, 0);
	image_destroy(image);
	picture_finish(&picture);
	renderer_destroy(renderer);
}

struct painter {
	struct picture *picture;
	atomic_bool stop;
	atomic_uint painted;
};

static void *paint(void *data)
{
	struct painter *painter = data;
	uint32_t seed = 7;

	while (!painter->stop) {
		seed = seed * 1664525 + 1013904223;
		picture_invert(painter->picture, (seed >> 8) % 500, (seed >> 17) % 300, 70, 50);
		painter->painted++;
	}
	return NULL;
}

/* A client that only ever gets what damage names must end with the guest's last picture. */
static void test_converges(void **state)
{
	struct renderer *renderer = make_renderer(RENDERER_GL);
	const struct snapshot *snapshot = renderer_snapshot(renderer);
	uint32_t *client = calloc(600 * 400, 4);
	struct picture picture;
	struct image *image;

	assert_non_null(client);
	picture_init(&picture, DRM_FORMAT_XRGB8888, 600, 400, 0, 0);
	image = import(renderer, &picture);
	for (int round = 0; round < 12; round++) {
		struct painter painter = {.picture = &picture};
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, paint, &painter), 0);
		for (int tick = 0; !painter.stop; tick++) {
			pixman_region32_t damage;
			const pixman_box32_t *boxes;
			int n;

			if (tick >= 5 && painter.painted >= 10) {
				painter.stop = true;
				pthread_join(thread, NULL);
			}
			pixman_region32_init(&damage);
			assert_int_equal(renderer_update(renderer, image, &damage), 0);
			boxes = pixman_region32_rectangles(&damage, &n);
			for (int i = 0; i < n; i++) {
				for (int y = boxes[i].y1; y < boxes[i].y2; y++) {
					memcpy(client + y * 600 + boxes[i].x1,
						snapshot->pixels + y * 600 + boxes[i].x1,
						(size_t)(boxes[i].x2 - boxes[i].x1) * 4);
				}
			}
			pixman_region32_fini(&damage);
		}
		assert_int_equal(picture_error(&picture, snapshot), 0);
		assert_memory_equal(client, snapshot->pixels, 600 * 400 * 4);
	}
	image_destroy(image);
	picture_finish(&picture);
	free(client);
	renderer_destroy(renderer);
}

/* What others paint into the snapshot is compared with, too. */
static void test_card_between(void **state)
{
	struct renderer *renderer = make_renderer(RENDERER_GL);
	uint32_t *card = calloc(320 * 200, 4);
	struct picture picture, other;
	struct image *image, *memory;
	struct buffer_attributes attributes;
	pixman_region32_t damage;
	char why[256];

	assert_non_null(card);
	picture_init(&picture, DRM_FORMAT_XRGB8888, 320, 200, 0, 0);
	picture_fill(&picture, 11);
	picture_init(&other, DRM_FORMAT_XRGB8888, 320, 200, 0, 0);
	picture_fill(&other, 12);
	image = import(renderer, &picture);
	update(renderer, image);

	pixman_region32_init(&damage);
	assert_int_equal(renderer_paint(renderer, card, 320, 200, &damage), 0);
	pixman_region32_fini(&damage);
	assert_int_equal(update(renderer, image), 320 * 200);
	assert_int_equal(picture_error(&picture, renderer_snapshot(renderer)), 0);
	assert_int_equal(update(renderer, image), 0);

	/* A region in between needs no GL, whatever renderer was asked for. */
	attributes = picture_memory(&other);
	assert_int_equal(renderer_import(renderer, &attributes, &memory, why, sizeof(why)), 0);
	assert_int_equal(update(renderer, memory), 320 * 200);
	assert_int_equal(picture_error(&other, renderer_snapshot(renderer)), 0);
	assert_int_equal(renderer_counters(renderer)->imports, 1);
	assert_int_equal(update(renderer, image), 320 * 200);
	assert_int_equal(picture_error(&picture, renderer_snapshot(renderer)), 0);

	image_destroy(memory);
	image_destroy(image);
	picture_finish(&other);
	picture_finish(&picture);
	free(card);
	renderer_destroy(renderer);
}

static void test_sizes_in_turn(void **state)
{
	struct renderer *renderer = make_renderer(RENDERER_GL);
	struct picture small, large;
	struct image *small_image, *large_image;

	picture_init(&small, DRM_FORMAT_XRGB8888, 320, 200, 0, 0);
	picture_init(&large, DRM_FORMAT_RGB565, 801, 605, 801 * 2 + 6, 0);
	picture_fill(&small, 1);
	picture_fill(&large, 2);
	small_image = import(renderer, &small);
	large_image = import(renderer, &large);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(update(renderer, small_image), 320 * 200);
		assert_int_equal(picture_error(&small, renderer_snapshot(renderer)), 0);
		assert_int_equal(update(renderer, large_image), 801 * 605);
		assert_true(picture_error(&large, renderer_snapshot(renderer)) <= 1);
		assert_int_equal(update(renderer, large_image), 0);
	}
	assert_int_equal(renderer_counters(renderer)->imports, 2);
	image_destroy(small_image);
	image_destroy(large_image);
	picture_finish(&small);
	picture_finish(&large);
	renderer_destroy(renderer);
}

static void test_cursor(void **state)
{
	struct renderer *renderer = make_renderer(RENDERER_GL);
	uint32_t *pixels = malloc(256 * 256 * 4);
	struct picture picture;
	struct image *image;

	assert_non_null(pixels);
	for (uint32_t side = 64; side <= 256; side *= 2) {
		picture_init(&picture, DRM_FORMAT_ARGB8888, side, side, 0, 0);
		picture_fill(&picture, side);
		image = import(renderer, &picture);
		assert_int_equal(renderer_read(renderer, image, pixels), 0);
		assert_memory_equal(pixels, picture.bytes, (size_t)side * side * 4);
		picture_invert(&picture, 3, 4, 9, 9);
		assert_int_equal(renderer_read(renderer, image, pixels), 0);
		assert_memory_equal(pixels, picture.bytes, (size_t)side * side * 4);
		image_destroy(image);
		picture_finish(&picture);
	}
	/* Without alpha, a pixel is opaque. */
	picture_init(&picture, DRM_FORMAT_XBGR8888, 64, 64, 0, 0);
	picture_fill(&picture, 99);
	image = import(renderer, &picture);
	assert_int_equal(renderer_read(renderer, image, pixels), 0);
	for (uint32_t i = 0; i < 64 * 64; i++) {
		assert_int_equal(pixels[i], 0xff000000u | picture_pixel(&picture, i % 64, i / 64));
	}
	image_destroy(image);
	picture_finish(&picture);
	free(pixels);
	renderer_destroy(renderer);
}

static unsigned count_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(directory);
	while (readdir(directory)) {
		n++;
	}
	closedir(directory);
	return n;
}

static unsigned count_maps(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	char line[512];
	unsigned n = 0;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		n += strstr(line, "memfd:picture") != NULL;
	}
	fclose(file);
	return n;
}

/* After its end, nothing of an image may hold the device: no fd, no mapping. */
static void test_lets_go(void **state)
{
	struct renderer *renderer = make_renderer(RENDERER_GL);
	struct image *first, *second;
	struct picture a, b;
	uint32_t pixels[64 * 64];
	unsigned fds;

	picture_init(&a, DRM_FORMAT_XRGB8888, 640, 480, 0, 0);
	picture_init(&b, DRM_FORMAT_ARGB8888, 64, 64, 0, 0);
	picture_fill(&a, 1);
	picture_fill(&b, 1);
	first = import(renderer, &a);
	update(renderer, first);
	image_destroy(first);
	fds = count_fds();
	assert_int_equal(count_maps(), 2);
	for (int i = 0; i < 5; i++) {
		first = import(renderer, &a);
		second = import(renderer, &b);
		update(renderer, first);
		assert_int_equal(renderer_read(renderer, second, pixels), 0);
		if (i % 2) {
			picture_invert(&a, 0, 0, 300, 300);
			update(renderer, first);
		}
		image_destroy(i % 2 ? first : second);
		image_destroy(i % 2 ? second : first);
		assert_int_equal(count_fds(), fds);
		assert_int_equal(count_maps(), 2);
	}
	picture_finish(&a);
	picture_finish(&b);
	renderer_destroy(renderer);
}

static void refuse(struct renderer *renderer, const struct buffer_attributes *attributes, int want,
	const char *word)
{
	struct image *image = NULL;
	char why[256] = "";
	int ret = renderer_import(renderer, attributes, &image, why, sizeof(why));

	if (ret != want || !strstr(why, word)) {
		fail_msg("got %d '%s', wanted %d with '%s'", ret, why, want, word);
	}
	assert_null(image);
	assert_null(strchr(why, '\n'));
}

static void test_refusals(void **state)
{
	struct renderer *renderer = make_renderer(RENDERER_GL);
	struct renderer_counters *counters = renderer_counters(renderer);
	struct buffer_attributes good, bad;
	struct picture picture;
	char why[256] = "";
	unsigned fds;

	picture_init(&picture, DRM_FORMAT_XRGB8888, 640, 480, 0, 0);
	good = picture_dmabuf(&picture);
	fds = count_fds();

	bad = good;
	bad.format = DRM_FORMAT_C8;
	refuse(renderer, &bad, -ENOTSUP, "C8");
	bad = good;
	bad.format = 0x12345678;
	refuse(renderer, &bad, -ENOTSUP, "not known");
	bad = good;
	bad.modifier = I915_FORMAT_MOD_Y_TILED;
	refuse(renderer, &bad, -ENOTSUP, "Y_TILED");
	bad = good;
	bad.height = 481;
	refuse(renderer, &bad, -ERANGE, "ends at byte");
	/* What it says of its own size does not help. */
	bad.size = 1u << 30;
	refuse(renderer, &bad, -ERANGE, "ends at byte");
	bad = good;
	bad.offset = 4;
	refuse(renderer, &bad, -ERANGE, "offset 4");
	bad = good;
	bad.stride = 640 * 4 - 4;
	refuse(renderer, &bad, -ERANGE, "stride");
	bad = good;
	bad.width = 16385;
	refuse(renderer, &bad, -ERANGE, "16385");
	bad = good;
	bad.fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	refuse(renderer, &bad, -ENOTSUP, "length");
	close(bad.fd);

	assert_int_equal(counters->import_failures, 9);
	assert_int_equal(counters->imports, 0);
	assert_int_equal(count_fds(), fds);
	assert_int_equal(count_maps(), 1);

	assert_int_equal(renderer_can_import(renderer, DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR,
				 why, sizeof(why)),
		0);
	assert_int_equal(renderer_can_import(renderer, DRM_FORMAT_XRGB8888, I915_FORMAT_MOD_X_TILED,
				 why, sizeof(why)),
		-ENOTSUP);
	assert_non_null(strstr(why, "X_TILED"));
	assert_int_equal(renderer_can_import(
				 renderer, DRM_FORMAT_C8, DRM_FORMAT_MOD_LINEAR, why, sizeof(why)),
		-ENOTSUP);
	assert_int_equal(counters->imports, 0);

	picture_finish(&picture);
	renderer_destroy(renderer);
}

#ifndef __SANITIZE_ADDRESS__ /* Mesa 25.0 loses a block of memory for each of these */
/* A buffer that may only be read is good enough, and stays live. */
static void test_read_only(void **state)
{
	struct renderer *renderer = make_renderer(RENDERER_GL);
	struct picture picture;
	struct image *image;
	char path[64];
	int fd;

	picture_init(&picture, DRM_FORMAT_XRGB8888, 640, 480, 0, 0);
	picture_fill(&picture, 4);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", picture.fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	close(picture.fd);
	picture.fd = fd;
	image = import(renderer, &picture);
	update(renderer, image);
	assert_int_equal(picture_error(&picture, renderer_snapshot(renderer)), 0);
	picture_invert(&picture, 100, 100, 20, 20);
	assert_int_equal(update(renderer, image), 64 * 64);
	assert_int_equal(picture_error(&picture, renderer_snapshot(renderer)), 0);
	image_destroy(image);
	picture_finish(&picture);
	renderer_destroy(renderer);
}
#endif

/* A file that shrinks below its picture must end nothing but the picture. */
static void test_shrinks(void **state)
{
	struct renderer *renderer = make_renderer(RENDERER_GL);
	struct picture picture, good;
	struct image *image, *good_image;
	pixman_region32_t damage;
	uint32_t pixels[64 * 64];

	picture_init(&picture, DRM_FORMAT_XRGB8888, 64, 64, 0, 0);
	picture_init(&good, DRM_FORMAT_XRGB8888, 300, 200, 0, 0);
	picture_fill(&good, 8);
	image = import(renderer, &picture);
	good_image = import(renderer, &good);
	update(renderer, image);
	assert_int_equal(ftruncate(picture.fd, 4096), 0);
	pixman_region32_init(&damage);
	assert_int_equal(renderer_update(renderer, image, &damage), -EFAULT);
	assert_int_equal(renderer_read(renderer, image, pixels), -EFAULT);
	pixman_region32_fini(&damage);
	assert_int_equal(renderer_counters(renderer)->faults, 2);
	update(renderer, good_image);
	assert_int_equal(picture_error(&good, renderer_snapshot(renderer)), 0);
	image_destroy(image);
	image_destroy(good_image);
	picture_finish(&picture);
	picture_finish(&good);
	renderer_destroy(renderer);
}

static struct sigaction renderer_sigbus;

static void *shrink_and_grow(void *data)
{
	struct painter *painter = data;
	struct picture *picture = painter->picture;

	while (!painter->stop) {
		if (ftruncate(picture->fd, 4096) < 0 ||
			ftruncate(picture->fd, (off_t)picture->size) < 0) {
			break;
		}
		painter->painted++;
		usleep(300);
	}
	return NULL;
}

/* The same while the driver reads: pages vanish after the length was looked at. */
static void test_shrinks_under_the_read(void **state)
{
	struct renderer *renderer = make_renderer(RENDERER_GL);
	struct picture picture;
	struct painter painter = {.picture = &picture};
	unsigned bad = 0;
	pthread_t thread;

	picture_init(&picture, DRM_FORMAT_XRGB8888, 1024, 768, 0, 0);
	/* cmocka puts a handler of its own in the place of the renderer's for each test. */
	assert_int_equal(sigaction(SIGBUS, &renderer_sigbus, NULL), 0);
	assert_int_equal(pthread_create(&thread, NULL, shrink_and_grow, &painter), 0);
	for (int i = 0; i < 60 || (bad == 0 && i < 3000); i++) {
		struct buffer_attributes attributes = picture_dmabuf(&picture);
		struct image *image = NULL;
		pixman_region32_t damage;
		char why[256];
		int ret;

		if (renderer_import(renderer, &attributes, &image, why, sizeof(why)) < 0) {
			continue;
		}
		pixman_region32_init(&damage);
		ret = renderer_update(renderer, image, &damage);
		assert_true(ret == 0 || ret == -EFAULT);
		bad += ret < 0;
		pixman_region32_fini(&damage);
		image_destroy(image);
	}
	painter.stop = true;
	pthread_join(thread, NULL);
	assert_true(painter.painted > 0);
	assert_true(bad > 0);
	picture_finish(&picture);
	renderer_destroy(renderer);
}

static void test_describes(void **state)
{
	struct renderer *renderer = make_renderer(RENDERER_GL);

	assert_non_null(strstr(renderer_describe(renderer), "gl: "));
	assert_non_null(strstr(renderer_describe(renderer), "OpenGL ES 3"));
	if (renderer_is_software_gl(renderer)) {
		assert_non_null(strstr(renderer_describe(renderer), "(software)"));
	}
	print_message("%s\n", renderer_describe(renderer));
	renderer_destroy(renderer);
}

static void test_missing_node(void **state)
{
	struct renderer_options options = {.kind = RENDERER_GL, .render_node = "/dev/dri/none"};
	char why[256] = "";

	assert_null(renderer_create(&options, why, sizeof(why)));
	assert_non_null(strstr(why, "/dev/dri/none"));

	/* Not a DRM node at all. */
	options.render_node = "/dev/null";
	assert_null(renderer_create(&options, why, sizeof(why)));
	assert_non_null(strstr(why, "/dev/null"));
}

#define FORMAT(letters, off)                                               \
	{                                                                  \
		.name = "test_format_" #letters, .test_func = test_format, \
		.initial_state = &(struct format_case)                     \
		{                                                          \
			DRM_FORMAT_##letters, off                          \
		}                                                          \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_describes),
		cmocka_unit_test(test_missing_node),
		FORMAT(XRGB8888, 0),
		FORMAT(ARGB8888, 0),
		FORMAT(XBGR8888, 0),
		FORMAT(ABGR8888, 0),
		FORMAT(RGB565, 1),
		FORMAT(XRGB2101010, 1),
		FORMAT(XBGR2101010, 1),
		FORMAT(YUYV, 3),
		FORMAT(UYVY, 3),
		FORMAT(YVYU, 3),
		FORMAT(VYUY, 3),
		cmocka_unit_test(test_strides_and_offsets),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_damage_as_cpu),
		cmocka_unit_test(test_damage_corners),
		cmocka_unit_test(test_read_back),
		cmocka_unit_test(test_converges),
		cmocka_unit_test(test_card_between),
		cmocka_unit_test(test_sizes_in_turn),
		cmocka_unit_test(test_cursor),
		cmocka_unit_test(test_lets_go),
		cmocka_unit_test(test_refusals),
#ifndef __SANITIZE_ADDRESS__
		cmocka_unit_test(test_read_only),
#endif
		cmocka_unit_test(test_shrinks),
		cmocka_unit_test(test_shrinks_under_the_read),
	};
	struct renderer_options options = {.kind = RENDERER_GL};
	char why[256] = "";
	struct renderer *renderer = renderer_create(&options, why, sizeof(why));

	if (!renderer) {
		printf("skipped: %s (tests/mesa-fetch gets a Mesa that can)\n", why);
		return 77;
	}
	sigaction(SIGBUS, NULL, &renderer_sigbus);
	if (!renderer_is_software_gl(renderer)) {
		printf("skipped: %s takes no memfd for a dma-buf\n", renderer_describe(renderer));
		renderer_destroy(renderer);
		return 77;
	}
	renderer_destroy(renderer);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
