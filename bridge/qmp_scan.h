/* SPDX-License-Identifier: MIT */
/*
 * Finds where one JSON object ends and the next begins, in a stream of bytes.
 *
 * A plain value; main thread. It bounds what the JSON parser will be given: objects only, of a size
 * and a depth that can't hurt (the parser calls itself for each level, and knows no limit).
 */
#ifndef BRIDGE_QMP_SCAN_H
#define BRIDGE_QMP_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#define QMP_SCAN_MAX ((size_t)1 << 20) /* bytes of one object; QEMU's largest answer has 256 KiB */
#define QMP_SCAN_DEPTH 64

struct qmp_scan {
	size_t size; /* bytes of the object so far */
	unsigned depth;
	bool in_string, escaped;
};

enum qmp_scan_verdict {
	QMP_SCAN_MORE, /* all was used, the object goes on */
	QMP_SCAN_OBJECT, /* an object ends with the last byte that was used */
	QMP_SCAN_GARBAGE, /* what is there is no object */
	QMP_SCAN_LONG, /* the object is larger than QMP_SCAN_MAX, or too deep */
};

/*
 * Looks at bytes; used says how many belong to the object that begins or goes on (blanks before it
 * are counted in blank, a part of used). All zeroes is the state at the beginning; after OBJECT it is
 * that again. After GARBAGE and LONG the stream is of no use any more.
 */
enum qmp_scan_verdict qmp_scan(
	struct qmp_scan *scan, const char *data, size_t size, size_t *blank, size_t *used);

#endif
