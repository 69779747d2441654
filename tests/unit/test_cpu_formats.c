/* SPDX-License-Identifier: MIT */
/* Every format, at odd sizes, strides and offsets, against formulas in floating point. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "buffers.h"
#include "render/tile.h"

struct colour {
	double red, green, blue; /* 0 to 255 */
};

struct format_case {
	const char *name;
	uint32_t fourcc;
	uint32_t bytes; /* of a pixel */
	bool pairs;
	int tolerance;
	/* from: the pixel's bytes, or its pair's. */
	struct colour (*colour)(const uint8_t *from, bool second);
};

static uint32_t little32(const uint8_t *from)
{
	return from[0] | from[1] << 8 | from[2] << 16 | (uint32_t)from[3] << 24;
}

static struct colour xrgb(const uint8_t *from, bool second)
{
	return (struct colour){from[2], from[1], from[0]};
}

static struct colour xbgr(const uint8_t *from, bool second)
{
	return (struct colour){from[0], from[1], from[2]};
}

static struct colour rgb565(const uint8_t *from, bool second)
{
	unsigned pixel = from[0] | from[1] << 8;

	return (struct colour){(pixel >> 11) * 255.0 / 31, (pixel >> 5 & 63) * 255.0 / 63,
		(pixel & 31) * 255.0 / 31};
}

static struct colour xrgb30(const uint8_t *from, bool second)
{
	uint32_t pixel = little32(from);

	return (struct colour){(pixel >> 20 & 1023) * 255.0 / 1023,
		(pixel >> 10 & 1023) * 255.0 / 1023, (pixel & 1023) * 255.0 / 1023};
}

static struct colour xbgr30(const uint8_t *from, bool second)
{
	struct colour colour = xrgb30(from, second);

	return (struct colour){colour.blue, colour.green, colour.red};
}

/* BT.709 from its own constants: Kr and Kb, luma 16 to 235, chroma 16 to 240. */
static struct colour bt709(double y, double u, double v)
{
	double kr = 0.2126, kb = 0.0722, kg = 1 - kr - kb;
	double light = (y - 16) / 219, cb = (u - 128) / 224, cr = (v - 128) / 224;
	double red = light + 2 * (1 - kr) * cr;
	double blue = light + 2 * (1 - kb) * cb;
	double green = (light - kr * red - kb * blue) / kg;

	return (struct colour){fmin(fmax(red, 0), 1) * 255, fmin(fmax(green, 0), 1) * 255,
		fmin(fmax(blue, 0), 1) * 255};
}

static struct colour yuyv(const uint8_t *from, bool second)
{
	return bt709(from[second ? 2 : 0], from[1], from[3]);
}

static struct colour yvyu(const uint8_t *from, bool second)
{
	return bt709(from[second ? 2 : 0], from[3], from[1]);
}

static struct colour uyvy(const uint8_t *from, bool second)
{
	return bt709(from[second ? 3 : 1], from[0], from[2]);
}

static struct colour vyuy(const uint8_t *from, bool second)
{
	return bt709(from[second ? 3 : 1], from[2], from[0]);
}

/* Our tolerances are tighter than what is promised: the rounding is exact. */
static const struct format_case cases[] = {
	{"XRGB8888", DRM_FORMAT_XRGB8888, 4, false, 0, xrgb},
	{"ARGB8888", DRM_FORMAT_ARGB8888, 4, false, 0, xrgb},
	{"XBGR8888", DRM_FORMAT_XBGR8888, 4, false, 0, xbgr},
	{"ABGR8888", DRM_FORMAT_ABGR8888, 4, false, 0, xbgr},
	{"RGB565", DRM_FORMAT_RGB565, 2, false, 0, rgb565},
	{"XRGB2101010", DRM_FORMAT_XRGB2101010, 4, false, 0, xrgb30},
	{"XBGR2101010", DRM_FORMAT_XBGR2101010, 4, false, 0, xbgr30},
	{"YUYV", DRM_FORMAT_YUYV, 2, true, 1, yuyv},
	{"YVYU", DRM_FORMAT_YVYU, 2, true, 1, yvyu},
	{"UYVY", DRM_FORMAT_UYVY, 2, true, 1, uyvy},
	{"VYUY", DRM_FORMAT_VYUY, 2, true, 1, vyuy},
};

#define N_CASES (sizeof(cases) / sizeof(cases[0]))

static int off_by(double wanted, uint32_t got)
{
	return abs((int)lround(wanted) - (int)got);
}

static void assert_picture(const struct format_case *test, const struct snapshot *snapshot,
	const uint8_t *first, size_t stride)
{
	for (uint32_t y = 0; y < snapshot->height; y++) {
		for (uint32_t x = 0; x < snapshot->width; x++) {
			uint32_t begin = test->pairs ? x & ~1u : x;
			const uint8_t *from = first + y * stride + (size_t)begin * test->bytes;
			struct colour colour = test->colour(from, x & 1);
			uint32_t pixel = snapshot->pixels[(size_t)y * snapshot->width + x];

			if (pixel >> 24 || off_by(colour.red, pixel >> 16) > test->tolerance ||
				off_by(colour.green, pixel >> 8 & 255) > test->tolerance ||
				off_by(colour.blue, pixel & 255) > test->tolerance) {
				fail_msg("%s %ux%u, stride %zu: %u,%u is %08x, not %f %f %f",
					test->name, snapshot->width, snapshot->height, stride, x, y,
					pixel, colour.red, colour.green, colour.blue);
			}
		}
	}
}

static size_t row_bytes(const struct format_case *test, uint32_t width)
{
	return test->pairs ? (width + 1) / 2 * 4 : width * test->bytes;
}

static void test_layouts(void **state)
{
	static const uint32_t sizes[][2] = {
		{1, 1}, {3, 2}, {64, 64}, {65, 67}, {131, 5}, {700, 66}};
	static const uint32_t offsets[] = {0, 4, 1, 4096, 8197};
	static const uint32_t gaps[] = {0, 1, 64};
	uint32_t random = 9;

	for (size_t c = 0; c < N_CASES; c++) {
		for (size_t i = 0; i < 6 * 5 * 3; i++) {
			const struct format_case *test = &cases[c];
			uint32_t width = sizes[i / 15][0], height = sizes[i / 15][1];
			uint32_t offset = offsets[i / 3 % 5];
			size_t row = row_bytes(test, width), stride = row + gaps[i % 3];
			/* Ends with the last row's last byte: nobody may read on. */
			struct buffer buffer = buffer_open(offset + stride * (height - 1) + row);
			struct buffer_attributes attributes = buffer_attributes(
				&buffer, test->fourcc, width, height, (uint32_t)stride);
			struct renderer *renderer = cpu_renderer();
			pixman_region32_t damage;
			struct image *image;

			attributes.offset = offset;
			for (size_t k = 0; k < buffer.size; k++) {
				buffer.bytes[k] = (uint8_t)(next_random(&random) >> 7);
			}
			image = import(renderer, &attributes);
			pixman_region32_init(&damage);
			assert_int_equal(renderer_update(renderer, image, &damage), 0);
			assert_picture(
				test, renderer_snapshot(renderer), buffer.bytes + offset, stride);

			/* The same in memory, where the sanitizer knows the end to the byte. */
			image_destroy(image);
			uint8_t *copy = malloc(buffer.size);

			assert_non_null(copy);
			memcpy(copy, buffer.bytes, buffer.size);
			attributes.kind = BUFFER_MEMORY;
			attributes.fd = -1;
			attributes.address = copy;
			image = import(renderer, &attributes);
			pixman_region32_clear(&damage);
			assert_int_equal(renderer_update(renderer, image, &damage), 0);
			assert_false(pixman_region32_not_empty(&damage));

			image_destroy(image);
			free(copy);
			pixman_region32_fini(&damage);
			renderer_destroy(renderer);
			buffer_close(&buffer);
		}
	}
}

/* Every value: all 65536 of RGB565, all 1024 of each 10-bit part, all Y, U, V in steps. */
static void test_every_value(void **state)
{
	for (size_t c = 0; c < N_CASES; c++) {
		const struct format_case *test = &cases[c];
		struct buffer buffer = buffer_open(256 * 256 * 4);
		struct buffer_attributes attributes;
		struct renderer *renderer = cpu_renderer();
		pixman_region32_t damage;
		struct image *image;

		for (uint32_t i = 0; i < 65536; i++) {
			uint16_t *half = (uint16_t *)buffer.bytes;
			uint32_t *word = (uint32_t *)buffer.bytes;

			if (test->fourcc == DRM_FORMAT_RGB565) {
				half[i] = (uint16_t)i;
			} else if (test->pairs) {
				/* Two Y, 32 steps of U and V each. */
				if (i < 32768) {
					word[i] = (i % 32 * 8) << 8 | (i / 32 % 32 * 8) << 24 |
						(i / 1024 * 8) | (255 - i / 1024 * 8) << 16;
				}
			} else {
				word[i] = (i & 1023) << 20 | (1023 - (i & 1023)) << 10 |
					((i * 7) & 1023);
			}
		}
		attributes = buffer_attributes(
			&buffer, test->fourcc, 256, 256, (uint32_t)row_bytes(test, 256));
		image = import(renderer, &attributes);
		pixman_region32_init(&damage);
		assert_int_equal(renderer_update(renderer, image, &damage), 0);
		assert_picture(
			test, renderer_snapshot(renderer), buffer.bytes, row_bytes(test, 256));
		image_destroy(image);
		pixman_region32_fini(&damage);
		renderer_destroy(renderer);
		buffer_close(&buffer);
	}
}

/* A change of one bit that shows marks its tile; unused bits never do. */
static void test_bits(void **state)
{
	for (size_t c = 0; c < N_CASES; c++) {
		const struct format_case *test = &cases[c];
		struct buffer buffer = buffer_open(64 * 4);
		struct buffer_attributes attributes = buffer_attributes(
			&buffer, test->fourcc, 64, 1, (uint32_t)row_bytes(test, 64));
		struct renderer *renderer = cpu_renderer();
		struct image *image;
		pixman_region32_t damage;

		memset(buffer.bytes, 128, buffer.size);
		image = import(renderer, &attributes);
		pixman_region32_init(&damage);
		assert_int_equal(renderer_update(renderer, image, &damage), 0);
		for (unsigned bit = 0; bit < test->bytes * 8; bit++) {
			uint32_t before = renderer_snapshot(renderer)->pixels[63];

			buffer.bytes[63 * test->bytes + bit / 8] ^= 1 << bit % 8;
			pixman_region32_clear(&damage);
			assert_int_equal(renderer_update(renderer, image, &damage), 0);
			if (!test->pairs) {
				assert_int_equal(pixman_region32_not_empty(&damage) != 0,
					renderer_snapshot(renderer)->pixels[63] != before);
			}
			assert_picture(test, renderer_snapshot(renderer), buffer.bytes,
				row_bytes(test, 64));
		}
		image_destroy(image);
		pixman_region32_fini(&damage);
		renderer_destroy(renderer);
		buffer_close(&buffer);
	}
}

/* Pointers keep their alpha, which is premultiplied already; what has none is opaque. */
static void test_read(void **state)
{
	uint32_t random = 21;

	for (size_t c = 0; c < N_CASES; c++) {
		const struct format_case *test = &cases[c];
		uint32_t width = 256, height = 67;
		size_t stride = row_bytes(test, width) + 12;
		struct buffer buffer = buffer_open(20 + stride * height);
		struct buffer_attributes attributes =
			buffer_attributes(&buffer, test->fourcc, width, height, (uint32_t)stride);
		struct renderer *renderer = cpu_renderer();
		struct image *image;
		uint32_t *pixels = malloc((size_t)width * height * 4);
		bool alpha =
			test->fourcc == DRM_FORMAT_ARGB8888 || test->fourcc == DRM_FORMAT_ABGR8888;
		struct snapshot picture = {.pixels = pixels, .width = width, .height = height};

		assert_non_null(pixels);
		attributes.offset = 20;
		for (size_t k = 0; k < buffer.size; k++) {
			buffer.bytes[k] = (uint8_t)(next_random(&random) >> 7);
		}
		image = import(renderer, &attributes);
		assert_int_equal(renderer_read(renderer, image, pixels), 0);
		for (uint32_t y = 0; y < height; y++) {
			for (uint32_t x = 0; x < width; x++) {
				uint8_t want =
					alpha ? buffer.bytes[20 + y * stride + x * 4 + 3] : 255;

				assert_int_equal(pixels[y * width + x] >> 24, want);
				pixels[y * width + x] &= 0xffffff;
			}
		}
		assert_picture(test, &picture, buffer.bytes + 20, stride);
		/* The picture of the screen is another. */
		assert_null(renderer_snapshot(renderer)->pixels);

		image_destroy(image);
		free(pixels);
		renderer_destroy(renderer);
		buffer_close(&buffer);
	}
}

static void test_read_too_large(void **state)
{
	struct buffer buffer = buffer_open(257 * 4 * 2);
	struct buffer_attributes attributes =
		buffer_attributes(&buffer, DRM_FORMAT_ARGB8888, 257, 1, 257 * 4);
	struct renderer *renderer = cpu_renderer();
	struct image *image = import(renderer, &attributes);
	uint32_t pixels[257 * 2];

	assert_int_equal(renderer_read(renderer, image, pixels), -ERANGE);
	image_destroy(image);
	renderer_destroy(renderer);
	buffer_close(&buffer);
}

/* What this processor runs and what any runs must mark and store the same. */
static void test_fast_rows_equal_plain_rows(void **state)
{
	static const uint32_t fourccs[] = {DRM_FORMAT_XRGB8888, DRM_FORMAT_XBGR8888};
	uint8_t from[320 * 4 + 1];
	uint32_t fast[320], plain[320];

	for (unsigned round = 0; round < 2000; round++) {
		uint32_t fourcc = fourccs[round & 1], width = 1 + round % 320;
		uint8_t *source = from + (round >> 1 & 1);
		uint8_t fast_marks[5] = {0}, plain_marks[5] = {0};

		for (uint32_t i = 0; i < width * 4; i++) {
			source[i] = (uint8_t)(rand() >> 4);
		}
		memset(plain_marks, 0, sizeof(plain_marks));
		tile_row_plain(fourcc)(plain, source, width, plain_marks);
		memcpy(fast, plain, sizeof(fast));
		/* One byte of one pixel, X included, then the same row again. */
		source[rand() % (width * 4)] ^= 1 << (round % 8);
		memset(plain_marks, 0, sizeof(plain_marks));
		tile_row_plain(fourcc)(plain, source, width, plain_marks);
		tile_row_of(fourcc)(fast, source, width, fast_marks);
		assert_memory_equal(fast, plain, width * 4);
		assert_memory_equal(fast_marks, plain_marks, sizeof(fast_marks));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layouts),
		cmocka_unit_test(test_every_value),
		cmocka_unit_test(test_bits),
		cmocka_unit_test(test_fast_rows_equal_plain_rows),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_read_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
