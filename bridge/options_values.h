/* SPDX-License-Identifier: MIT */
/*
 * What the setters of the option table share, whichever file they are in.
 *
 * Each leaves one line in why when it says no: the value seen, the cause and the remedy. Main thread.
 */
#ifndef BRIDGE_OPTIONS_VALUES_H
#define BRIDGE_OPTIONS_VALUES_H

#include <stdbool.h>
#include <stddef.h>

/* Fills why; -EINVAL. */
int refuse(char *why, size_t why_size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Puts a copy of value in place, and frees what was there. 0 or -ENOMEM. */
int keep(char **place, const char *value, char *why, size_t why_size);
/* Decimal digits only, and no more than max. */
bool parse_unsigned(const char *value, unsigned long max, unsigned long *number);
/* Of an option without argument: "" from the command line, true or false from a config file. */
int set_flag(bool *place, const char *value, char *why, size_t why_size);
/* The place of value in words, which NULL ends, or -EINVAL. */
int find_word(const char *const *words, const char *value, char *why, size_t why_size);

#endif
