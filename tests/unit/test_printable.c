/* SPDX-License-Identifier: MIT */
/* What strangers write never reaches a terminal, a log or systemd as more than one line of text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <glib.h>
#include <string.h>

#include "bridge/printable.h"

static void expect(const char *text, bool keep_lines, const char *expected)
{
	char *copy = printable_copy(text, keep_lines);

	assert_string_equal(copy, expected);
	g_free(copy);
}

static void test_plain(void **state)
{
	expect("", false, "");
	expect(NULL, false, "");
	expect("Windows 10, 1920x1080", false, "Windows 10, 1920x1080");
	expect("B\xc3\xbcro \xe2\x82\xac \xf0\x9f\x96\xa5", false,
		"B\xc3\xbcro \xe2\x82\xac \xf0\x9f\x96\xa5");
}

static void test_controls(void **state)
{
	/* A title, a cursor, and the same by the one character that 8-bit terminals have for ESC [. */
	expect("a\033]0;x\007b", false, "a?]0;x?b");
	expect("a\xc2\x9b\x32Jb", false, "a?2Jb");
	expect("a\x7f\x08", false, "a??");
}

static void test_lines(void **state)
{
	expect("a\nb\r\tc", false, "a b  c");
	expect("a\nb\r\tc", true, "a\nb  c");
}

static void test_no_utf8(void **state)
{
	expect("\x9b", false, "?");
	expect("a\xff\xc3", false, "a??");
	/* Too long a form of a newline, a half of a pair. */
	expect("\xc0\x8a\xed\xa0\x80", true, "?????");
}

static void test_word(void **state)
{
	static const char *const words[][2] = {
		{"win10", "win10"},
		{"/run/a-b_c.1:2@x+", "/run/a-b_c.1:2@x+"},
		{"my machine", "'my machine'"},
		{"a; reboot", "'a; reboot'"},
		{"$(id)`id`", "'$(id)`id`'"},
		{"it's", "'it'\\''s'"},
		{"a\nb", "'a b'"},
		{"", "''"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
		char *word = printable_word(words[i][0]);

		assert_string_equal(word, words[i][1]);
		g_free(word);
	}
}

static void test_in_place(void **state)
{
	char text[] = "a\nb\xc2\x9b"
		      "c";

	printable_make(text);
	assert_string_equal(text, "a b?c");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_controls),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_no_utf8),
		cmocka_unit_test(test_word),
		cmocka_unit_test(test_in_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
