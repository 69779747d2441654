/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/card.h"

static size_t count_other_than(const uint32_t *pixels, size_t n, uint32_t color)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		assert_int_equal(pixels[i] >> 24, 0);
		count += pixels[i] != color;
	}
	return count;
}

/* At every size the sentence leaves ink, and all pixels are the canvas's own (ASan sees the rest). */
static void test_all_sizes_have_ink(void **state)
{
	static const uint32_t sizes[][2] = {
		{64, 64}, {65, 67}, {640, 480}, {1024, 768}, {1920, 1080}, {64, 2048}, {2048, 64}};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint32_t width = sizes[i][0], height = sizes[i][1];
		uint32_t *card = card_draw(width, height, "the guest has not set a mode yet");

		assert_non_null(card);
		assert_true(count_other_than(card, (size_t)width * height, card[0]) > 50);
		free(card);
	}
}

static void test_sentences_differ(void **state)
{
	uint32_t *a = card_draw(800, 600, "the device is gone");
	uint32_t *b = card_draw(800, 600, "format C8 is not supported");
	uint32_t *c = card_draw(800, 600, "the device is gone");

	assert_memory_not_equal(a, b, 800 * 600 * 4);
	assert_memory_equal(a, c, 800 * 600 * 4);
	free(a);
	free(b);
	free(c);
}

static void test_endless_word_and_empty_sentence(void **state)
{
	char word[5000];

	memset(word, 'w', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	uint32_t *a = card_draw(200, 100, word);
	uint32_t *b = card_draw(200, 100, "");

	assert_non_null(a);
	assert_non_null(b);
	free(a);
	free(b);
}

static void test_mark_keeps_the_picture(void **state)
{
	static const uint32_t sizes[][2] = {{64, 64}, {320, 200}, {1920, 1080}};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint32_t width = sizes[i][0], height = sizes[i][1];
		size_t count = (size_t)width * height, last = count - 1;
		uint32_t *pixels = malloc(count * sizeof(*pixels));

		for (size_t n = 0; n < count; n++) {
			pixels[n] = n % 2 ? 0xffffff : 0xff0000;
		}
		card_mark(pixels, width, height, "paused");
		/* Darker, but still told apart; and no X byte is anything but 0. */
		assert_int_not_equal(pixels[0], 0xff0000);
		assert_int_not_equal(pixels[0], pixels[1]);
		assert_int_equal(pixels[last], last % 2 ? pixels[1] : pixels[0]);
		/* The strip hides it. */
		assert_int_equal(pixels[count / 2], pixels[count / 2 + 1]);
		for (size_t n = 0; n < count; n++) {
			assert_int_equal(pixels[n] >> 24, 0);
		}
		free(pixels);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_sizes_have_ink),
		cmocka_unit_test(test_sentences_differ),
		cmocka_unit_test(test_endless_word_and_empty_sentence),
		cmocka_unit_test(test_mark_keeps_the_picture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
