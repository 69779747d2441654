/* SPDX-License-Identifier: MIT */
/*
 * What each counter of a running bridge means: for people, and for programs that collect them.
 *
 * The counters themselves come as JSON, see stats.h: groups by name, in each numbers by name. Constant
 * data, any thread.
 */
#ifndef BRIDGE_COUNTERS_H
#define BRIDGE_COUNTERS_H

#include <stdbool.h>

enum counter_kind {
	COUNTER_TOTAL, /* only grows */
	COUNTER_DROP, /* the same, and what it counts was dropped, refused or failed */
	COUNTER_LEVEL, /* goes up and down */
};

struct counter {
	const char *group, *name; /* NULL ends the table */
	enum counter_kind kind;
	const char *
		help; /* a few words: what is counted, and the unit if that is not a number of them */
};

extern const struct counter counters[];

/* NULL where the table has none. All of the group "refused" are one, "". */
const struct counter *counter_find(const char *group, const char *name);

#endif
