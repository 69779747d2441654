/* SPDX-License-Identifier: MIT */
#include "bridge/printable.h"

#include <glib.h>
#include <string.h>

#define INVALID \
	((gunichar)-2) /* and above: what g_utf8_get_char_validated() says of no character */

/* Marks and blanks are ASCII, so the text never grows. */
static void replace(char *text, bool keep_lines)
{
	char *out = text;

	while (*text) {
		gunichar c = g_utf8_get_char_validated(text, -1);
		size_t length = c >= INVALID ? 1 : (size_t)(g_utf8_next_char(text) - text);

		if (c == '\n' && keep_lines) {
			*out++ = '\n';
		} else if (c == '\n' || c == '\t' || c == '\r') {
			*out++ = ' ';
		} else if (c >= INVALID || g_unichar_iscntrl(c)) {
			*out++ = '?';
		} else {
			memmove(out, text, length);
			out += length;
		}
		text += length;
	}
	*out = '\0';
}

void printable_make(char *text)
{
	replace(text, false);
}

char *printable_word(const char *text)
{
	char *copy = printable_copy(text, false), *quoted;
	bool plain = *copy;

	for (const char *c = copy; *c; c++) {
		plain &= g_ascii_isalnum(*c) || strchr("._+:@/-", *c);
	}
	if (plain) {
		return copy;
	}
	quoted = g_shell_quote(copy);
	g_free(copy);
	return quoted;
}

char *printable_copy(const char *text, bool keep_lines)
{
	char *copy = g_strdup(text ? text : "");

	replace(copy, keep_lines);
	return copy;
}
