/* SPDX-License-Identifier: MIT */
/* Sound of every format that QEMU knows, and the queue that forgets. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/audio_format.h"

static uint32_t frame(int left, int right)
{
	return (uint16_t)left | (uint32_t)(uint16_t)right << 16;
}

static void test_check(void **state)
{
	const struct audio_format good = {.rate = 48000, .bits = 16, .channels = 2, .is_signed = 1};
	struct audio_format format = good;
	char why[96] = "";

	assert_int_equal(audio_format_check(&format, why, sizeof(why)), 0);
	assert_string_equal(why, "");
	format.bits = 24;
	assert_int_equal(audio_format_check(&format, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "24 bits"));
	format = good;
	format.is_float = true;
	assert_int_equal(audio_format_check(&format, why, sizeof(why)), -EINVAL);
	format = good;
	format.channels = 0;
	assert_int_equal(audio_format_check(&format, why, sizeof(why)), -EINVAL);
	format.channels = 255;
	assert_int_equal(audio_format_check(&format, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "255 channels"));
	format = good;
	format.rate = 0;
	assert_int_equal(audio_format_check(&format, why, sizeof(why)), -EINVAL);
	format.rate = UINT32_MAX;
	assert_int_equal(audio_format_check(&format, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "4294967295 frames"));
}

/* Bytes by hand, so that reading and writing can't be wrong in the same way. */
static void test_decode(void **state)
{
	static const struct {
		struct audio_format format;
		uint8_t bytes[32];
		int left, right;
	} cases[] = {
		{{.bits = 16, .channels = 2, .is_signed = 1}, {0x34, 0x12, 0xfe, 0xff}, 0x1234, -2},
		{{.bits = 16, .channels = 2, .is_signed = 1, .big_endian = 1},
			{0x12, 0x34, 0xff, 0xfe}, 0x1234, -2},
		{{.bits = 16, .channels = 2}, {0x00, 0x80, 0x00, 0x00}, 0, -32768},
		{{.bits = 16, .channels = 1, .is_signed = 1}, {0x34, 0x12}, 0x1234, 0x1234},
		{{.bits = 8, .channels = 2}, {0x80, 0xff}, 0, 0x7f00},
		{{.bits = 8, .channels = 2, .is_signed = 1}, {0x80, 0x01}, -32768, 0x100},
		{{.bits = 32, .channels = 2, .is_signed = 1},
			{0x78, 0x56, 0x34, 0x12, 0, 0, 0, 0x80}, 0x1234, -32768},
		{{.bits = 32, .channels = 2}, {0, 0, 0, 0x80, 0xff, 0xff, 0xff, 0xff}, 0, 32767},
		/* 0.5 and -1, then 2 and NaN. */
		{{.bits = 32, .channels = 2, .is_signed = 1, .is_float = 1},
			{0, 0, 0, 0x3f, 0, 0, 0x80, 0xbf}, 16383, -32768},
		{{.bits = 32, .channels = 2, .is_signed = 1, .is_float = 1},
			{0, 0, 0, 0x40, 0, 0, 0xc0, 0x7f}, 32767, 0},
		{{.bits = 16, .channels = 6, .is_signed = 1}, {1, 0, 2, 0, 9, 9, 9, 9, 9, 9, 9, 9},
			1, 2},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t to = 0;

		audio_decode(&cases[i].format, &to, cases[i].bytes, 1);
		assert_int_equal(to, frame(cases[i].left, cases[i].right));
	}
}

/* What is encoded comes back, as far as its bits reach. */
static void test_encode(void **state)
{
	static const int values[] = {0, 1, -1, 255, 256, -256, 12345, -12345, 32767, -32768};

	for (unsigned i = 0; i < 64; i++) {
		struct audio_format format = {
			.rate = 48000,
			.bits = (uint8_t)(8 << i % 3),
			.channels = (uint8_t)(1 + i % 4),
			.is_signed = i & 16,
			.big_endian = i & 32,
			.is_float = i % 3 == 2 && i % 2,
		};
		int grain = format.bits == 8 ? 256 : format.is_float ? 2 : 1;

		for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
			uint32_t from = frame(values[v], values[v]), to = 0;
			uint8_t bytes[64];

			memset(bytes, 0xaa, sizeof(bytes));
			audio_encode(&format, bytes, &from, 1);
			assert_int_equal(bytes[audio_format_frame(&format)], 0xaa);
			audio_decode(&format, &to, bytes, 1);
			assert_in_range((int16_t)to - values[v] + grain, 0, 2 * grain);
			assert_in_range((int16_t)(to >> 16) - values[v] + grain, 0, 2 * grain);
		}
	}
}

static void test_mean(void **state)
{
	struct audio_format mono = {.bits = 16, .channels = 1, .is_signed = true};
	uint32_t from[] = {frame(100, 300), frame(-32768, -32768), frame(32767, -32768)};
	int16_t to[3];

	audio_encode(&mono, (uint8_t *)to, from, 3);
	assert_int_equal(to[0], 200);
	assert_int_equal(to[1], -32768);
	assert_int_equal(to[2], 0);
}

static void test_queue(void **state)
{
	struct audio_queue queue;
	uint32_t frames[25], next = 0, expected = 0;
	const uint32_t *got;
	size_t n;

	audio_queue_init(&queue);
	assert_int_equal(audio_queue_peek(&queue, &got), 0);
	assert_int_equal(audio_queue_put(&queue, frames, 3), 3); /* there is no room at all */
	audio_queue_reset(&queue, 10);
	/* Around the end, many times, and never a frame lost or twice. */
	for (unsigned round = 0; round < 50; round++) {
		n = round % 7;
		for (size_t i = 0; i < n; i++) {
			frames[i] = next++;
		}
		assert_int_equal(audio_queue_put(&queue, frames, n), 0);
		while ((n = audio_queue_peek(&queue, &got))) {
			assert_int_equal(got[0], expected);
			assert_int_equal(got[n - 1], expected + n - 1);
			n = n > 2 ? n - 1 : n;
			audio_queue_drop(&queue, n);
			expected += n;
		}
		assert_int_equal(expected, next);
	}
	/* Too much: the oldest go. */
	for (uint32_t i = 0; i < 25; i++) {
		frames[i] = i;
	}
	assert_int_equal(audio_queue_put(&queue, frames, 8), 0);
	assert_int_equal(audio_queue_put(&queue, frames + 8, 5), 3);
	assert_true(audio_queue_peek(&queue, &got) > 0);
	assert_int_equal(got[0], 3);
	assert_int_equal(audio_queue_put(&queue, frames, 25), 25);
	assert_true(audio_queue_peek(&queue, &got) > 0);
	assert_int_equal(got[0], 15);
	audio_queue_drop(&queue, 100);
	assert_int_equal(audio_queue_peek(&queue, &got), 0);
	audio_queue_finish(&queue);
	audio_queue_finish(&queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_encode),
		cmocka_unit_test(test_mean),
		cmocka_unit_test(test_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
