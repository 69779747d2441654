/* SPDX-License-Identifier: MIT */
#include "bridge/tools.h"

#include <assert.h>
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "bridge/log.h"

const struct tool *tool_at(size_t i)
{
	const struct tool *const *const tables[] = {tools_manage, tools_doctor, tools_operate};

	for (size_t t = 0; t < G_N_ELEMENTS(tables); t++) {
		for (size_t j = 0; tables[t][j]; j++) {
			if (i-- == 0) {
				return tables[t][j];
			}
		}
	}
	return NULL;
}

const struct tool *tool_find(const char *name)
{
	const struct tool *tool;

	for (size_t i = 0; (tool = tool_at(i)); i++) {
		if (!strcmp(tool->name, name)) {
			return tool;
		}
	}
	return NULL;
}

void tool_print_help(FILE *stream, const struct tool *tool)
{
	fprintf(stream, "Usage: vgpu-bridge %s%s%s\n%s\n\nOptions:\n", tool->name,
		*tool->usage ? " " : "", tool->usage, tool->help);
	for (const struct tool_option *option = tool->options; option->name; option++) {
		char head[64];

		snprintf(head, sizeof(head), "--%s%s%s", option->name, option->argument ? "=" : "",
			option->argument ? option->argument : "");
		fprintf(stream, "  %-26s %s\n", head, option->help);
	}
	fprintf(stream, "  %-26s %s\n", "--help", "print this and end");
	fprintf(stream, "\nThe manual page vgpu-bridge(1) says more.\n");
}

static const struct tool_option *find_option(const struct tool *tool, const char *name, size_t size)
{
	for (const struct tool_option *option = tool->options; option->name; option++) {
		if (strlen(option->name) == size && !strncmp(option->name, name, size)) {
			return option;
		}
	}
	return NULL;
}

static int add_value(struct tool_call *call, const struct tool_option *option, const char *value)
{
	const char *before = tool_value_at(call, option->name, 0);

	if (tool_has(call, option->name) && !option->repeatable) {
		if (!option->argument) {
			return 0;
		}
		log_error("--%s: given twice ('%s', then '%s'); give it once", option->name, before,
			value);
		return -EINVAL;
	}
	call->values[call->n_values++] = (struct tool_value){option, value};
	return 0;
}

/* written: "--name" or "--name=value"; next: what follows it, or NULL. 1: next was used. */
static int read_option(struct tool_call *call, const char *written, const char *next)
{
	const struct tool *tool = call->tool;
	const char *equals = strchr(written, '=');
	size_t length = equals ? (size_t)(equals - written) : strlen(written);
	const struct tool_option *option =
		length > 2 ? find_option(tool, written + 2, length - 2) : NULL;
	int rc;

	if (!option || strncmp(written, "--", 2) != 0) {
		log_error("'%s': not an option of '%s'; see vgpu-bridge %s --help", written,
			tool->name, tool->name);
		return -EINVAL;
	}
	if (!option->argument) {
		if (equals) {
			log_error("--%s: takes no value, but has '%s'; leave it out", option->name,
				equals + 1);
			return -EINVAL;
		}
		return add_value(call, option, NULL);
	}
	if (!equals && !next) {
		log_error("--%s: has no value; write --%s=%s", option->name, option->name,
			option->argument);
		return -EINVAL;
	}
	rc = add_value(call, option, equals ? equals + 1 : next);
	return rc < 0 ? rc : !equals;
}

static int check_arguments(const struct tool_call *call)
{
	const struct tool *tool = call->tool;

	if (call->n_arguments < tool->min_arguments) {
		log_error("'%s': %s; the usage is vgpu-bridge %s %s", tool->name,
			call->n_arguments == 0 ? "an argument is missing" : "too few arguments",
			tool->name, tool->usage);
		return -EINVAL;
	}
	if (call->n_arguments > tool->max_arguments) {
		log_error("'%s': unexpected argument; the usage is vgpu-bridge %s %s",
			call->arguments[tool->max_arguments], tool->name, tool->usage);
		return -EINVAL;
	}
	return 0;
}

int tool_parse(struct tool_call *call, const struct tool *tool, int argc, char **argv)
{
	bool only_arguments = false;

	*call = (struct tool_call){.tool = tool};
	call->arguments = g_new0(const char *, (gsize)argc + 1);
	call->values = g_new0(struct tool_value, (gsize)argc + 1);
	for (int i = 1; i < argc; i++) {
		if (only_arguments || argv[i][0] != '-' || !strcmp(argv[i], "-")) {
			call->arguments[call->n_arguments++] = argv[i];
		} else if (!strcmp(argv[i], "--")) {
			only_arguments = true;
		} else if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			tool_print_help(stdout, tool);
			return 1;
		} else {
			int rc = read_option(call, argv[i], i + 1 < argc ? argv[i + 1] : NULL);

			if (rc < 0) {
				return rc;
			}
			i += rc;
		}
	}
	return check_arguments(call);
}

void tool_call_finish(struct tool_call *call)
{
	g_free(call->arguments);
	g_free(call->values);
	*call = (struct tool_call){0};
}

const char *tool_value_at(const struct tool_call *call, const char *name, size_t i)
{
	assert(find_option(call->tool, name, strlen(name)));
	for (size_t j = 0; j < call->n_values; j++) {
		if (!strcmp(call->values[j].option->name, name) && i-- == 0) {
			return call->values[j].value;
		}
	}
	return NULL;
}

const char *tool_value(const struct tool_call *call, const char *name)
{
	return tool_value_at(call, name, 0);
}

bool tool_has(const struct tool_call *call, const char *name)
{
	assert(find_option(call->tool, name, strlen(name)));
	for (size_t j = 0; j < call->n_values; j++) {
		if (!strcmp(call->values[j].option->name, name)) {
			return true;
		}
	}
	return false;
}
