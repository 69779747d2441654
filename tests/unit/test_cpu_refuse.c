/* SPDX-License-Identifier: MIT */
/* What the CPU path must not read is refused, with a sentence that names it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "buffers.h"

#define SIZE 65536

struct refusal {
	struct buffer_attributes change; /* over a good 64x64 XRGB8888; 0 leaves a field alone */
	int error;
	const char *says;
};

#define ALL 0xffffffffu

static const struct refusal refusals[] = {
	{{.modifier = I915_FORMAT_MOD_X_TILED}, -ENOTSUP, "X_TILED"},
	{{.modifier = I915_FORMAT_MOD_Y_TILED}, -ENOTSUP, "Y_TILED"},
	{{.modifier = I915_FORMAT_MOD_Yf_TILED}, -ENOTSUP, "Yf_TILED"},
	{{.modifier = DRM_FORMAT_MOD_INVALID}, -ENOTSUP, "0xffffffffffffff"},
	{{.modifier = 0x1234567890}, -ENOTSUP, "0x1234567890"},
	{{.format = DRM_FORMAT_C8}, -ENOTSUP, "format C8 is not supported"},
	{{.format = DRM_FORMAT_NV12}, -ENOTSUP, "NV12 (0x3231564e)"},
	{{.format = 1}, -ENOTSUP, "???? (0x00000001)"},
	{{.format = DRM_FORMAT_XRGB8888 | DRM_FORMAT_BIG_ENDIAN}, -ENOTSUP, "(0xb4325258)"},
	{{.width = 65}, -ERANGE, "stride 256 is less than the 260 bytes of 65 pixels"},
	{{.width = ALL}, -ERANGE, "4294967295x64"},
	{{.width = 16385, .stride = 65540}, -ERANGE, "16385x64"},
	{{.height = 16385}, -ERANGE, "64x16385"},
	{{.height = ALL}, -ERANGE, "64x4294967295"},
	{{.height = 257}, -ERANGE, "ends at byte 65792"},
	{{.stride = 255}, -ERANGE, "stride 255"},
	{{.stride = 1}, -ERANGE, "stride 1 "},
	{{.stride = ALL}, -ERANGE, "stride 4294967295"},
	{{.stride = 1037, .height = 64}, -ERANGE, "ends at byte 65587"},
	{{.offset = 49153}, -ERANGE, "ends at byte 65537"},
	{{.offset = ALL}, -ERANGE, "offset 4294967295"},
	{{.offset = ALL, .stride = ALL, .height = 16384}, -ERANGE, "the buffer has 65536"},
	{{.width = 16384, .height = 16384, .stride = 65536}, -ERANGE, "ends at byte 1073741824"},
	{{.size = 16383}, -ERANGE, "the buffer has 16383"},
	/* The device may claim any size: the fd's own length counts. */
	{{.size = SIZE * 4, .height = 257}, -ERANGE, "the buffer has 65536"},
	{{.format = DRM_FORMAT_YUYV, .width = 129, .stride = 258}, -ERANGE, "the 260 bytes of 129"},
};

static struct buffer_attributes merge(
	struct buffer_attributes good, const struct buffer_attributes *change)
{
	good.format = change->format ? change->format : good.format;
	good.modifier = change->modifier ? change->modifier : good.modifier;
	good.width = change->width ? change->width : good.width;
	good.height = change->height ? change->height : good.height;
	good.stride = change->stride ? change->stride : good.stride;
	good.offset = change->offset ? change->offset : good.offset;
	good.size = change->size ? change->size : good.size;
	return good;
}

static void refuse(struct renderer *renderer, const struct buffer_attributes *attributes, int error,
	const char *says)
{
	struct image *image = NULL;
	char why[256] = "";
	uint64_t failures = renderer_counters(renderer)->import_failures;
	int ret = renderer_import(renderer, attributes, &image, why, sizeof(why));

	if (ret != error || !strstr(why, says) || strchr(why, '\n')) {
		fail_msg("expected %d and \"%s\", got %d and \"%s\"", error, says, ret, why);
	}
	assert_int_equal(renderer_counters(renderer)->import_failures, failures + 1);
	assert_null(image);
}

static void test_table(void **state)
{
	static uint8_t memory[SIZE];
	struct renderer *renderer = cpu_renderer();
	struct buffer buffer = buffer_open(SIZE);

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct buffer_attributes good =
			buffer_attributes(&buffer, DRM_FORMAT_XRGB8888, 64, 64, 256);
		struct buffer_attributes bad = merge(good, &refusals[i].change);

		image_destroy(import(renderer, &good));
		refuse(renderer, &bad, refusals[i].error, refusals[i].says);
		/* Of memory the size given is all that is known. */
		bad.kind = BUFFER_MEMORY;
		bad.fd = -1;
		bad.address = memory;
		bad.size = bad.size > SIZE ? SIZE : bad.size;
		refuse(renderer, &bad, refusals[i].error, refusals[i].says);
	}
	assert_int_equal(
		renderer_counters(renderer)->cpu_maps, sizeof(refusals) / sizeof(refusals[0]));
	buffer_close(&buffer);
	renderer_destroy(renderer);
}

static void test_zero_sizes(void **state)
{
	struct renderer *renderer = cpu_renderer();
	struct buffer buffer = buffer_open(SIZE);
	struct buffer_attributes attributes =
		buffer_attributes(&buffer, DRM_FORMAT_XRGB8888, 0, 64, 256);

	refuse(renderer, &attributes, -ERANGE, "0x64");
	attributes.width = 64;
	attributes.height = 0;
	refuse(renderer, &attributes, -ERANGE, "64x0");
	attributes.height = 64;
	attributes.stride = 0;
	refuse(renderer, &attributes, -ERANGE, "stride 0 ");
	attributes.stride = 256;
	attributes.kind = BUFFER_MEMORY;
	refuse(renderer, &attributes, -EINVAL, "no address");
	attributes.address = buffer.bytes;
	attributes.size = 0;
	refuse(renderer, &attributes, -ERANGE, "the buffer has 0");
	buffer_close(&buffer);
	renderer_destroy(renderer);
}

static void test_bad_fds(void **state)
{
	struct renderer *renderer = cpu_renderer();
	struct buffer buffer = buffer_open(SIZE);
	struct buffer_attributes attributes =
		buffer_attributes(&buffer, DRM_FORMAT_XRGB8888, 64, 64, 256);
	int ends[2];

	attributes.fd = -1;
	refuse(renderer, &attributes, -EBADF, "fd -1");
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	attributes.fd = ends[0];
	refuse(renderer, &attributes, -ENODEV, "length");
	close(ends[0]);
	close(ends[1]);
	/* A directory has a length, but can't be mapped. As GVT-g's dma-bufs. */
	attributes.fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(attributes.fd >= 0);
	attributes.width = attributes.height = 1;
	attributes.size = 0;
	if (lseek(attributes.fd, 0, SEEK_END) >= 4) {
		refuse(renderer, &attributes, -ENODEV, "can't be mapped");
	}
	close(attributes.fd);
	buffer_close(&buffer);
	renderer_destroy(renderer);
}

static void test_read_only_fd(void **state)
{
	struct renderer *renderer = cpu_renderer();
	struct buffer buffer = buffer_open(SIZE);
	struct buffer_attributes attributes =
		buffer_attributes(&buffer, DRM_FORMAT_XRGB8888, 64, 64, 256);
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", buffer.fd);
	attributes.fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(attributes.fd >= 0);
	image_destroy(import(renderer, &attributes));
	close(attributes.fd);
	buffer_close(&buffer);
	renderer_destroy(renderer);
}

static void test_can_import(void **state)
{
	struct renderer *renderer = cpu_renderer();
	char why[256] = "";

	assert_int_equal(renderer_can_import(renderer, DRM_FORMAT_YUYV, 0, why, sizeof(why)), 0);
	assert_int_equal(
		renderer_can_import(renderer, DRM_FORMAT_C8, 0, why, sizeof(why)), -ENOTSUP);
	assert_non_null(strstr(why, "C8"));
	assert_int_equal(renderer_can_import(renderer, DRM_FORMAT_XRGB8888, I915_FORMAT_MOD_X_TILED,
				 why, sizeof(why)),
		-ENOTSUP);
	assert_non_null(strstr(why, "X_TILED"));
	renderer_destroy(renderer);
}

/* With nothing asked for, plain buffers need no GL at all. */
static void test_auto(void **state)
{
	struct renderer_options options = {.kind = RENDERER_AUTO};
	char why[256] = "";
	struct renderer *renderer = renderer_create(&options, why, sizeof(why));
	struct buffer buffer = buffer_open(SIZE);
	struct buffer_attributes attributes =
		buffer_attributes(&buffer, DRM_FORMAT_XRGB8888, 64, 64, 256);

	assert_non_null(renderer);
	image_destroy(import(renderer, &attributes));
	assert_int_equal(renderer_counters(renderer)->cpu_maps, 1);
	assert_int_equal(renderer_counters(renderer)->imports, 0);
	attributes.format = DRM_FORMAT_C8;
	refuse(renderer, &attributes, -ENOTSUP, "format C8 is not supported");
	attributes.format = DRM_FORMAT_XRGB8888;
	attributes.stride = 4;
	refuse(renderer, &attributes, -ERANGE, "stride 4 ");
	assert_string_equal(renderer_describe(renderer), "cpu, and gl once a buffer needs it");
	buffer_close(&buffer);
	renderer_destroy(renderer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_zero_sizes),
		cmocka_unit_test(test_bad_fds),
		cmocka_unit_test(test_read_only_fd),
		cmocka_unit_test(test_can_import),
		cmocka_unit_test(test_auto),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
