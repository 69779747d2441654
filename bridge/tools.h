/* SPDX-License-Identifier: MIT */
/*
 * The verbs that run once and end: their names, words and options, in tables, and the parser of them.
 *
 * serve, probe, run and viewer-file have the table of options.h; these have small ones of their own,
 * from which --help, the man page and the completion come as well. Constant data; a tool_call borrows
 * from argv. Main thread.
 */
#ifndef BRIDGE_TOOLS_H
#define BRIDGE_TOOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "bridge/options_table.h"

#define TOOL_MAX_OPTIONS 12
#define TOOL_ANY_ARGUMENTS 1000 /* as max_arguments: no limit */

struct tool_option {
	const char *name; /* without the dashes; NULL ends the list */
	const char *argument; /* placeholder, NULL: the option takes none */
	bool repeatable;
	enum option_completion completion;
	const char *const *words; /* for COMPLETE_WORDS, NULL at the end */
	const char *help; /* one short sentence, small first letter, no full stop */
	const char *man; /* more, in scdoc's markup; may be NULL */
};

struct tool {
	const char *name;
	const char *usage; /* what follows "vgpu-bridge NAME" */
	const char *summary; /* in a few words, for the list of all */
	const char *help; /* a sentence or a few */
	const char *man; /* in scdoc's markup, paragraphs with an empty line between; may be NULL */
	unsigned min_arguments, max_arguments;
	enum option_completion completion; /* of arguments */
	const char *const *words;
	struct tool_option options[TOOL_MAX_OPTIONS + 1];
};

/* As sections of the man page. NULL ends each. */
extern const struct tool *const tools_manage[];
extern const struct tool *const tools_doctor[];
extern const struct tool *const tools_operate[];

/* The i-th of all, NULL after the last. */
const struct tool *tool_at(size_t i);
const struct tool *tool_find(const char *name);
void tool_print_help(FILE *stream, const struct tool *tool);

struct tool_value {
	const struct tool_option *option;
	const char *value; /* NULL for one without argument */
};

struct tool_call {
	const struct tool *tool;
	const char **arguments; /* NULL at the end */
	size_t n_arguments;
	struct tool_value *values;
	size_t n_values;
};

/*
 * argv[0] is the verb. 0: go on; 1: all was said (--help), exit 0; -EINVAL: one line was printed.
 * Options may stand before, between and after arguments; after -- everything is an argument. Finish
 * it in each case.
 */
int tool_parse(struct tool_call *call, const struct tool *tool, int argc, char **argv);
void tool_call_finish(struct tool_call *call);

/* Of an option that must be in the table: was it given, its value or NULL, and the next one of many. */
bool tool_has(const struct tool_call *call, const char *name);
const char *tool_value(const struct tool_call *call, const char *name);
/* i: 0 and up; NULL after the last. */
const char *tool_value_at(const struct tool_call *call, const char *name, size_t i);

#endif
