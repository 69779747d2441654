/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bridge/log.h"
#include "bridge/options.h"
#include "bridge/tools.h"
#include "bridge/verbs.h"

/*
 * The library takes and frees a compressed frame's worth of memory with each frame, in pieces. With
 * glibc's first thresholds every free() gives it back to the system and every frame faults it in
 * again, which costs more than the compression. So it is kept while somebody watches; serve() gives
 * it back when nobody does.
 */
#define KEPT_BYTES (64 << 20)
/* A whole picture, which the library copies for each new viewer, is best mapped for itself. */
#define MAPPED_BYTES (4 << 20)

/* A starter may have closed them. A socket or the device with their numbers would get the log. */
static void open_standard(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0) {
		close(fd);
	}
}

/* The verbs that run once and end. */
static const struct {
	const char *name;
	int (*run)(const struct tool_call *call);
} tool_runs[] = {
	{"doctor", doctor_tool},
	{"xml", xml_tool},
	{"qemu-args", qemu_args_tool},
	{"log-level", log_level_tool},
	{"status", status_tool},
	{"events", events_tool},
	{"metrics", metrics_tool},
	{"set", set_tool},
	{"display", display_tool},
	{"screenshot", screenshot_tool},
	{"unit", unit_tool},
	{"create", create_tool},
	{"list", list_tool},
	{"prune", prune_tool},
	{"remove", remove_tool},
	{NULL, NULL},
};

static int run_tool(const struct tool *tool, int argc, char **argv)
{
	struct tool_call call;
	int rc = tool_parse(&call, tool, argc, argv);
	int code = rc < 0 ? EXIT_USAGE : EXIT_OK;
	size_t i = 0;

	while (tool_runs[i].name && strcmp(tool_runs[i].name, tool->name) != 0) {
		i++;
	}
	if (rc == 0) {
		assert(tool_runs[i].run);
		code = tool_runs[i].run(&call);
	}
	tool_call_finish(&call);
	return code;
}

/*
 * Half a list on a full disk must not look like a whole one. Whoever has spoken of it has a code of
 * its own by now, and a reader who left has seen enough.
 */
static int check_output(const char *verb, int code)
{
	int error = fflush(stdout) != 0 ? errno : 0;

	if ((error || ferror(stdout)) && error != EPIPE && code == EXIT_OK) {
		log_error("%s: standard output can't be written: %s", verb,
			error ? strerror(error) : "not all of it was taken");
		code = EXIT_FAILED;
	}
	return code;
}

int main(int argc, char **argv)
{
	const struct tool *tool;
	struct options options;
	int code;

	open_standard();
	log_init();
	mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
	mallopt(M_TOP_PAD, 1 << 20);
	mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES);

	tool = argc > 1 ? tool_find(argv[1]) : NULL;
	if (tool) {
		return check_output(tool->name, run_tool(tool, argc - 1, argv + 1));
	}

	int rc = options_parse(&options, argc, argv);

	if (rc != 0) {
		return rc < 0 ? EXIT_USAGE : check_output(argv[1], EXIT_OK);
	}
	switch (options.verb) {
	case VERB_PROBE:
		code = check_output(argv[1], probe(&options));
		break;
	case VERB_VIEWER_FILE:
		code = check_output(argv[1], viewer_file(&options));
		break;
	default:
		code = serve(&options);
	}
	options_finish(&options);
	return code;
}
