/* SPDX-License-Identifier: MIT */
/*
 * QEMU's command line, taken apart: which options, and the keys and values of each.
 *
 * Reads words only, as QEMU's manual says that they are written; starts and asks nothing. The list
 * owns its strings. Any thread.
 */
#ifndef BRIDGE_QEMU_LINE_H
#define BRIDGE_QEMU_LINE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct qemu_option {
	char *name; /* "device": without dashes; -M is "machine" */
	char *text; /* its argument as it stands there, "" without */
	bool json; /* it was written as JSON, which -set can't reach */
	GHashTable *values; /* strings; what comes first without a key has that of its option */
};

/*
 * The list, of struct qemu_option, for g_ptr_array_unref(). words: NULL at the end, without QEMU's own
 * name. -set and -global are applied to the devices that they name, and stay in the list.
 */
GPtrArray *qemu_line_parse(char *const *words);

/* NULL: not there. */
const char *qemu_option_value(const struct qemu_option *option, const char *key);
/* on, yes, true, 1. */
bool qemu_option_is_on(const struct qemu_option *option, const char *key);

/* The last option of that name, which counts, or NULL. */
const struct qemu_option *qemu_line_last(const GPtrArray *line, const char *name);

/* Bytes of "4G", "4096M", "1.5G"; a bare number is in units of 1 << shift bytes. 0: not a size. */
uint64_t qemu_size(const char *text, unsigned shift);
/* Guest memory in bytes, of all -m; QEMU's own 128 MiB without. */
uint64_t qemu_line_memory(const GPtrArray *line);

#endif
