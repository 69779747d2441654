/* SPDX-License-Identifier: MIT */
#include "bridge/program_version.h"

#include <ctype.h>
#include <errno.h>
#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_BYTES 4096
#define PATIENCE_US (5 * G_USEC_PER_SEC)

int program_version_parse(const char *text, struct program_version *version)
{
	unsigned major, minor;
	int end = 0;

	*version = (struct program_version){0};
	if (!isdigit((unsigned char)text[0]) ||
		sscanf(text, "%4u.%4u%n", &major, &minor, &end) != 2 ||
		(text[end] && !strchr(".-+~ (\n", text[end]))) {
		return -EINVAL;
	}
	*version = (struct program_version){major, minor, true};
	return 0;
}

/* Of "QEMU emulator version 7.2.22 (Debian ...)", or the number alone. */
static int find_version(const char *text, struct program_version *version)
{
	for (const char *at = text; *at; at++) {
		if (isdigit((unsigned char)*at) && (at == text || isspace((unsigned char)at[-1])) &&
			program_version_parse(at, version) == 0) {
			return 0;
		}
	}
	return -EINVAL;
}

/* What it prints until it closes its output or the time is over, a 0 at the end. */
static void read_answer(int fd, char *answer, size_t size)
{
	gint64 deadline = g_get_monotonic_time() + PATIENCE_US;
	size_t used = 0;

	while (used < size - 1) {
		gint64 left = (deadline - g_get_monotonic_time()) / 1000;
		struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
		ssize_t got;

		if (left <= 0 || (poll(&poll_fd, 1, (int)left) < 0 && errno != EINTR)) {
			break;
		}
		if (!poll_fd.revents) {
			continue;
		}
		got = read(fd, answer + used, size - 1 - used);
		if (got <= 0) {
			break;
		}
		used += (size_t)got;
	}
	answer[used] = '\0';
}

static int ask(const char *program, struct program_version *version)
{
	g_autofree char *name = g_strdup(program);
	char option[] = "--version";
	char *argv[] = {name, option, NULL};
	char answer[ANSWER_BYTES];
	GPid pid;
	int fd;

	if (!g_spawn_async_with_pipes("/", argv, NULL,
		    G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDERR_TO_DEV_NULL,
		    NULL, NULL, &pid, NULL, &fd, NULL, NULL)) {
		return -ENOENT;
	}
	read_answer(fd, answer, sizeof(answer));
	close(fd);
	/* It has said all that we want, or hangs. */
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
	}
	g_spawn_close_pid(pid);
	return find_version(answer, version);
}

int program_version_ask(const char *const *programs, struct program_version *version)
{
	*version = (struct program_version){0};
	for (; *programs; programs++) {
		if (ask(*programs, version) == 0) {
			return 0;
		}
	}
	return -ENOENT;
}

bool program_version_is(const struct program_version *version, unsigned major, unsigned minor)
{
	return version->known &&
		(version->major > major || (version->major == major && version->minor >= minor));
}
