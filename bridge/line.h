/* SPDX-License-Identifier: MIT */
/*
 * One line of JSON that a stranger wrote, before the parser sees it: is it an object of few parts?
 *
 * The parser calls itself for each level and makes a node of each part, and knows no limit for either.
 * Plain functions, any thread.
 */
#ifndef BRIDGE_LINE_H
#define BRIDGE_LINE_H

#include <json-glib/json-glib.h>
#include <stddef.h>

struct line_limits {
	unsigned depth; /* of objects and arrays in each other */
	unsigned parts; /* values in all of them */
};

/*
 * Why it can't be taken, a few words for people; NULL: it is UTF-8, an object from its first to its
 * last character but for blanks around it, and within the limits. It may still be wrong inside.
 */
const char *line_refusal(const char *line, size_t size, const struct line_limits *limits);

/* The object, which is the caller's; NULL with a few words in why, which are valid for ever. */
JsonNode *line_parse(
	const char *line, size_t size, const struct line_limits *limits, const char **why);

/* The value, of valid UTF-8, as one line without newline or other control characters, for g_free(). */
char *line_text(JsonNode *value);

#endif
