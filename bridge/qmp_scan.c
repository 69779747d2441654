/* SPDX-License-Identifier: MIT */
#include "bridge/qmp_scan.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

enum qmp_scan_verdict qmp_scan(
	struct qmp_scan *scan, const char *data, size_t size, size_t *blank, size_t *used)
{
	size_t i = 0;

	*blank = 0;
	*used = 0;
	if (!scan->depth) {
		while (i < size && is_blank(data[i])) {
			i++;
		}
		*blank = i;
		*used = i;
		if (i < size && data[i] != '{') {
			return QMP_SCAN_GARBAGE;
		}
	}
	for (; i < size; i++) {
		char c = data[i];

		if (++scan->size > QMP_SCAN_MAX) {
			return QMP_SCAN_LONG;
		}
		*used = i + 1;
		if (scan->in_string) {
			scan->in_string = scan->escaped || c != '"';
			scan->escaped = !scan->escaped && c == '\\';
			continue;
		}
		switch (c) {
		case '"':
			scan->in_string = true;
			break;
		case '{':
		case '[':
			if (++scan->depth > QMP_SCAN_DEPTH) {
				return QMP_SCAN_LONG;
			}
			break;
		case '}':
		case ']':
			/* Which of the two, the parser finds out. */
			if (--scan->depth == 0) {
				*scan = (struct qmp_scan){0};
				return QMP_SCAN_OBJECT;
			}
			break;
		default:
			break;
		}
	}
	return QMP_SCAN_MORE;
}
