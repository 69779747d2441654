/* SPDX-License-Identifier: MIT */
#include "bridge/line.h"

#include <stdbool.h>
#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

const char *line_refusal(const char *line, size_t size, const struct line_limits *limits)
{
	unsigned depth = 0, parts = 0;
	bool in_string = false, escaped = false;

	while (size && is_blank(line[size - 1])) {
		size--;
	}
	while (size && is_blank(*line)) {
		line++;
		size--;
	}
	/* Also finds zero bytes. */
	if (!g_utf8_validate(line, (gssize)size, NULL)) {
		return "this is not UTF-8";
	}
	if (!size || *line != '{') {
		return "this is not a JSON object";
	}
	for (size_t i = 0; i < size; i++) {
		char c = line[i];

		if (in_string) {
			in_string = escaped || c != '"';
			escaped = !escaped && c == '\\';
			continue;
		}
		switch (c) {
		case '"':
			in_string = true;
			break;
		case '{':
		case '[':
			if (++depth > limits->depth) {
				return "this is too deep";
			}
			if (++parts > limits->parts) {
				return "this has too many parts";
			}
			break;
		case ',':
			if (++parts > limits->parts) {
				return "this has too many parts";
			}
			break;
		case '}':
		case ']':
			/* Which of the two, the parser finds out. */
			if (--depth == 0 && i + 1 < size) {
				return "something follows the JSON object";
			}
			break;
		/* No JSON, but the parser has them: comments, and strings in other quotes. */
		case '/':
		case '#':
		case '\'':
			return "this is not JSON";
		default:
			break;
		}
	}
	return depth || in_string ? "this is half a JSON object" : NULL;
}

JsonNode *line_parse(
	const char *line, size_t size, const struct line_limits *limits, const char **why)
{
	JsonParser *parser;
	JsonNode *root = NULL;

	*why = line_refusal(line, size, limits);
	if (*why) {
		return NULL;
	}
	parser = json_parser_new();
	if (json_parser_load_from_data(parser, line, (gssize)size, NULL)) {
		root = json_parser_steal_root(parser);
	}
	g_object_unref(parser);
	if (root && !JSON_NODE_HOLDS_OBJECT(root)) {
		json_node_unref(root);
		root = NULL;
	}
	if (!root) {
		*why = "this is not JSON";
	}
	return root;
}

/*
 * The generator escapes the controls of ASCII. Those above, U+0080 to U+009F, move a terminal's cursor as
 * well, and stand in strings only, where all characters may be escaped.
 */
static char *escape_controls(char *text)
{
	GString *escaped;

	if (!strstr(text, "\xc2")) {
		return text;
	}
	escaped = g_string_sized_new(strlen(text));
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0) {
			g_string_append_printf(escaped, "\\u%04x", *++c);
		} else {
			g_string_append_c(escaped, (char)*c);
		}
	}
	explicit_bzero(text, strlen(text)); /* a password may stand in it */
	g_free(text);
	return g_string_free(escaped, FALSE);
}

char *line_text(JsonNode *value)
{
	JsonGenerator *generator = json_generator_new();
	char *text;

	json_generator_set_root(generator, value);
	text = json_generator_to_data(generator, NULL);
	g_object_unref(generator);
	return escape_controls(text);
}
