/* SPDX-License-Identifier: MIT */
/* The verb doctor. */
#include "bridge/doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/doctor_impl.h"
#include "bridge/log.h"
#include "bridge/options.h"
#include "bridge/tools.h"
#include "bridge/verbs.h"

/* As the man page has them; those of options.h are for other verbs. */
enum doctor_exit { DOCTOR_OK, DOCTOR_WARNINGS, DOCTOR_FAILS };

static int exit_of(const struct doctor_report *report)
{
	switch (doctor_report_verdict(report, -1)) {
	case VERDICT_FAIL:
		return DOCTOR_FAILS;
	case VERDICT_WARNING:
		return DOCTOR_WARNINGS;
	default:
		return DOCTOR_OK;
	}
}

/* https://no-color.org: set and not empty. */
static bool wants_colour(void)
{
	const char *no_color = getenv("NO_COLOR");
	const char *terminal = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no_color && *no_color) &&
		!(terminal && strcmp(terminal, "dumb") == 0);
}

int doctor_tool(const struct tool_call *call)
{
	const char *root = tool_value(call, "root");
	const char *vm = tool_value(call, "vm");
	struct doctor_report report;
	struct doctor_host host;
	struct stat info;
	int code;

	if (root && (stat(root, &info) < 0 || !S_ISDIR(info.st_mode))) {
		log_error(
			"--root: '%s' is no directory; name one that holds sys/ and proc/ of a host",
			root);
		return EXIT_USAGE;
	}
	if (vm && !*vm) {
		log_error("--vm: '' names no machine; give its name, or the number of its QEMU");
		return EXIT_USAGE;
	}
	if (doctor_host_read(&host, root ? root : "", vm) < 0) {
		log_error("doctor: there is not enough memory");
		return EXIT_USAGE;
	}
	if (vm && !host.machine) {
		log_error("--vm: %s", host.vm_why);
		doctor_host_finish(&host);
		return EXIT_USAGE;
	}
	doctor_report_init(&report, &host);
	code = exit_of(&report);
	if (tool_has(call, "json")) {
		char *json = doctor_json(&report, &host);

		fputs(json, stdout);
		g_free(json);
	} else {
		doctor_print(stdout, wants_colour(), &report, &host);
	}
	if (fflush(stdout) != 0) {
		log_error("doctor: the report can't be written: %m");
		code = EXIT_USAGE;
	}
	doctor_report_finish(&report);
	doctor_host_finish(&host);
	return code;
}
