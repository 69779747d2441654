/* SPDX-License-Identifier: MIT */
/*
 * Text of strangers (guests, other users' processes, other bridges, files) for terminals and logs.
 *
 * A control character can move a terminal's cursor, change its title or answer in the user's name, and
 * a newline makes a second line of a log. Plain functions, any thread.
 */
#ifndef BRIDGE_PRINTABLE_H
#define BRIDGE_PRINTABLE_H

#include <stdbool.h>

/*
 * In place: each control character (C0, DEL, and C1 in UTF-8, which terminals obey as well) and each
 * byte that is no UTF-8 becomes '?', blanks of all kinds become ' '.
 */
void printable_make(char *text);

/* A copy for g_free(); NULL becomes "". keep_lines: newlines stay. */
char *printable_copy(const char *text, bool keep_lines);

/*
 * The same as one word for a shell, quoted where that has to be: people paste commands that they are
 * told, and a virtual machine may be called "a; reboot". For g_free().
 */
char *printable_word(const char *text);

#endif
