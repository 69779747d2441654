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

char *printable_copy(const char *text, bool keep_lines)
{
	char *copy = g_strdup(text ? text : "");

	replace(copy, keep_lines);
	return copy;
}
