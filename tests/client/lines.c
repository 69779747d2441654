/* SPDX-License-Identifier: MIT */
#include "tests/client/probe.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <glib-unix.h>

struct lines {
	GString *input; /* what was read and not yet run */
	guint in_watch, run_source;
	gboolean input_ended;

	wait_function wait; /* NULL: none is under way */
	guint wait_timer;
};

void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

guint64 to_number(const char *text, guint base)
{
	return g_ascii_strtoull(text, NULL, base);
}

/* Commands */

static const struct command *find_command(const char *name)
{
	for (gsize i = 0; subjects[i]; i++) {
		for (const struct command *c = subjects[i]->commands; c && c->name; c++) {
			if (!strcmp(c->name, name)) {
				return c;
			}
		}
	}
	return NULL;
}

static void run_line(struct probe *probe, char *line)
{
	char **words = g_strsplit(g_strstrip(line), " ", -1);
	guint n = g_strv_length(words);
	const struct command *command = n ? find_command(words[0]) : NULL;

	if (!command) {
		say("fail why=unknown command: %s", n ? words[0] : "");
	} else if (n - 1 < command->min || n - 1 > command->max) {
		say("fail why=wrong number of words; usage: %s %s", command->name,
			command->arguments);
	} else {
		command->run(probe, words + 1);
	}
	g_strfreev(words);
}

gchar *commands_help(void)
{
	GString *text = g_string_new("Commands, a line each:\n");

	for (gsize i = 0; subjects[i]; i++) {
		for (const struct command *c = subjects[i]->commands; c && c->name; c++) {
			gchar *usage = g_strdup_printf("%s %s", c->name, c->arguments);
			gchar **help = g_strsplit(c->help, "\n", -1);

			for (gsize line = 0; help[line]; line++) {
				g_string_append_printf(
					text, "  %-33s %s\n", line ? "" : usage, help[line]);
			}
			g_strfreev(help);
			g_free(usage);
		}
	}
	return g_string_free(text, FALSE);
}

/* Runs lines until one has to wait. All were run and no more can come: the end. */
static void run_lines(struct probe *probe)
{
	struct lines *lines = probe->lines;
	const char *end;

	while (!lines->wait && (end = strchr(lines->input->str, '\n'))) {
		char *line = g_strndup(lines->input->str, (gsize)(end - lines->input->str));

		g_string_erase(lines->input, 0, end - lines->input->str + 1);
		run_line(probe, line);
		g_free(line);
	}
	if (!lines->wait && lines->input_ended) {
		g_main_loop_quit(probe->loop);
	}
}

static gboolean on_run_lines(gpointer data)
{
	struct probe *probe = data;

	probe->lines->run_source = 0;
	run_lines(probe);
	return G_SOURCE_REMOVE;
}

static gboolean on_input(gint fd, GIOCondition condition, gpointer data)
{
	struct probe *probe = data;
	char buffer[4096];
	ssize_t n = read(fd, buffer, sizeof(buffer));

	if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
		return G_SOURCE_CONTINUE;
	}
	if (n > 0) {
		g_string_append_len(probe->lines->input, buffer, n);
		run_lines(probe);
		return G_SOURCE_CONTINUE;
	}
	probe->lines->input_ended = TRUE;
	probe->lines->in_watch = 0;
	run_lines(probe);
	return G_SOURCE_REMOVE;
}

/* Waiting */

static void wait_end(struct probe *probe)
{
	struct lines *lines = probe->lines;

	lines->wait = NULL;
	g_clear_handle_id(&lines->wait_timer, g_source_remove);
	if (!lines->run_source) {
		lines->run_source = g_idle_add(on_run_lines, probe);
	}
}

void wait_poll(struct probe *probe)
{
	if (probe->lines->wait && probe->lines->wait(probe, FALSE)) {
		wait_end(probe);
	}
}

static gboolean on_deadline(gpointer data)
{
	struct probe *probe = data;

	probe->lines->wait_timer = 0;
	probe->lines->wait(probe, TRUE);
	wait_end(probe);
	return G_SOURCE_REMOVE;
}

void wait_begin(struct probe *probe, wait_function check, guint64 ms)
{
	probe->lines->wait = check;
	if (check(probe, ms == 0)) {
		wait_end(probe);
		return;
	}
	probe->lines->wait_timer = g_timeout_add((guint)MIN(ms, G_MAXINT), on_deadline, probe);
}

/* The program */

static void command_quit(struct probe *probe, char **arguments)
{
	say("ok");
	g_main_loop_quit(probe->loop);
}

static gboolean on_signal(gpointer data)
{
	g_main_loop_quit(((struct probe *)data)->loop);
	return G_SOURCE_CONTINUE;
}

static void lines_init(struct probe *probe)
{
	probe->lines = g_new0(struct lines, 1);
	probe->lines->input = g_string_new(NULL);
	probe->lines->in_watch =
		g_unix_fd_add(STDIN_FILENO, G_IO_IN | G_IO_HUP | G_IO_ERR, on_input, probe);
	g_unix_signal_add(SIGTERM, on_signal, probe);
	g_unix_signal_add(SIGINT, on_signal, probe);
}

static void lines_finish(struct probe *probe)
{
	g_clear_handle_id(&probe->lines->in_watch, g_source_remove);
	g_clear_handle_id(&probe->lines->run_source, g_source_remove);
	g_clear_handle_id(&probe->lines->wait_timer, g_source_remove);
	g_string_free(probe->lines->input, TRUE);
	g_clear_pointer(&probe->lines, g_free);
}

static const struct command commands[] = {
	{"quit", "", 0, 0, command_quit, "ends the program"},
	{NULL},
};

const struct subject lines_subject = {
	.commands = commands,
	.init = lines_init,
	.finish = lines_finish,
};
