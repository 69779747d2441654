/* SPDX-License-Identifier: MIT */
/* The verb set: changes a setting of a running bridge. */
#include <errno.h>
#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "bridge/access.h"
#include "bridge/log.h"
#include "bridge/operate.h"
#include "bridge/options.h"
#include "bridge/options_values.h"
#include "bridge/tools.h"
#include "bridge/verbs.h"

/*
 * Until a line is there to be read, or a signal that ends the program: that one waits until the terminal
 * shows again what is typed.
 */
static void wait_for_line(const sigset_t *ends)
{
	struct pollfd fds[] = {
		{.fd = STDIN_FILENO, .events = POLLIN},
		{.fd = signalfd(-1, ends, SFD_CLOEXEC), .events = POLLIN},
	};

	while (poll(fds, G_N_ELEMENTS(fds), -1) < 0 && errno == EINTR) {
	}
	if (fds[1].fd >= 0) {
		close(fds[1].fd);
	}
}

/* One line; from a terminal it is asked for and not shown. The password is for free(). */
static int read_password(const struct tool_call *call, char **password, char *why, size_t why_size)
{
	const char *path = tool_value(call, "password-file");
	struct termios before, quiet;
	bool terminal = !path && tcgetattr(STDIN_FILENO, &before) == 0;
	sigset_t ends, mask;
	int rc;

	if (terminal) {
		sigemptyset(&ends);
		sigaddset(&ends, SIGINT);
		sigaddset(&ends, SIGQUIT);
		sigaddset(&ends, SIGTERM);
		sigaddset(&ends, SIGHUP);
		sigprocmask(SIG_BLOCK, &ends, &mask);
		fprintf(stderr, "New password: ");
		quiet = before;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
		wait_for_line(&ends);
		/* A line that is there stays to be read. */
		tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
		fprintf(stderr, "\n");
		sigprocmask(SIG_SETMASK, &mask, NULL);
	}
	rc = access_read_password(password, path ? path : "/dev/stdin", why, why_size);
	return rc;
}

static int set_password_of(const struct tool_call *call)
{
	const char *expires = tool_value(call, "expires");
	unsigned long seconds = 0;
	char *password = NULL;
	JsonObject *arguments;
	char why[512];

	if (call->n_arguments > 1) {
		log_error(
			"set password: a password on the command line can be read by every user "
			"of this machine; give it on standard input or with --password-file FILE");
		return EXIT_USAGE;
	}
	if (expires && (!parse_unsigned(expires, INT32_MAX, &seconds) || !seconds)) {
		log_error("--expires: '%s' is not a number of seconds from 1 to %d", expires,
			INT32_MAX);
		return EXIT_USAGE;
	}
	if (read_password(call, &password, why, sizeof(why)) < 0) {
		log_error("set password: %s", why);
		return EXIT_USAGE;
	}
	arguments = json_object_new();
	json_object_set_string_member(arguments, "password", password);
	if (seconds) {
		json_object_set_int_member(arguments, "seconds", (gint64)seconds);
	}
	if (tool_has(call, "view-only")) {
		json_object_set_boolean_member(arguments, "view-only", TRUE);
	}
	explicit_bzero(password, strlen(password));
	free(password);
	return operate_tell(call, "set-password", arguments);
}

int set_tool(const struct tool_call *call)
{
	const char *what = call->arguments[0];
	const char *value = call->n_arguments > 1 ? call->arguments[1] : NULL;
	JsonObject *arguments;
	unsigned long fps;

	if (!strcmp(what, "password")) {
		return set_password_of(call);
	}
	if (tool_has(call, "view-only") || tool_has(call, "expires") ||
		tool_has(call, "password-file")) {
		log_error("set %s: --password-file, --expires and --view-only are for set password",
			what);
		return EXIT_USAGE;
	}
	if (strcmp(what, "compression") != 0 && strcmp(what, "max-fps") != 0) {
		log_error("set: '%s' is not one of password, compression, max-fps", what);
		return EXIT_USAGE;
	}
	if (!value) {
		log_error("set %s: the value is missing; write vgpu-bridge set %s %s", what, what,
			!strcmp(what, "max-fps") ? "30" : "lz4");
		return EXIT_USAGE;
	}
	if (!strcmp(what, "compression")) {
		arguments = json_object_new();
		json_object_set_string_member(arguments, "method", value);
		return operate_tell(call, "set-compression", arguments);
	}
	if (!parse_unsigned(value, 240, &fps) || fps < 1) {
		log_error("set max-fps: '%s' is not a number from 1 to 240", value);
		return EXIT_USAGE;
	}
	arguments = json_object_new();
	json_object_set_int_member(arguments, "fps", (gint64)fps);
	return operate_tell(call, "set-max-fps", arguments);
}
