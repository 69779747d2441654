/* SPDX-License-Identifier: MIT */
#include "bridge/log.h"

#include <errno.h>
#include <glib.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/printable.h"

/* Libraries complain of each bad connection, and anybody can make those. */
#define LIBRARY_WINDOW_S 10
#define LIBRARY_LINES 20

#define LINE_SIZE 2048 /* bytes: longer messages are cut */

static struct {
	atomic_int level;
	bool journal; /* set once, by log_init(), before there are threads */
	atomic_llong window; /* seconds: when the libraries' count began */
	atomic_uint lines; /* of libraries, since then */
} logger = {.level = LOG_LEVEL_INFO};

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&logger.level, (int)level, memory_order_relaxed);
}

enum log_level log_level(void)
{
	return (enum log_level)atomic_load_explicit(&logger.level, memory_order_relaxed);
}

static void write_line(enum log_level level, const char *format, va_list arguments)
{
	static const char *const words[] = {"error: ", "warning: ", "", "debug: "};
	static const char *const priorities[] = {"<3>", "<4>", "<6>", "<7>"};
	char line[LINE_SIZE];
	size_t length;
	int n;

	if (logger.journal) {
		n = snprintf(line, sizeof(line), "%s", priorities[level]);
	} else {
		n = snprintf(line, sizeof(line), "vgpu-bridge: %s", words[level]);
	}
	/* One byte stays free for the newline. */
	vsnprintf(line + n, sizeof(line) - 1 - (size_t)n, format, arguments);
	/* A message is one line, whatever a device's, a guest's or a library's text holds. */
	printable_make(line);
	length = strlen(line);
	line[length++] = '\n';
	/* One write: lines of several threads don't mix. There is nowhere to report a failure. */
	while (write(STDERR_FILENO, line, length) < 0 && errno == EINTR) {
	}
}

void log_write(enum log_level level, const char *format, ...)
{
	int saved = errno;
	va_list arguments;

	if ((int)level <= atomic_load_explicit(&logger.level, memory_order_relaxed)) {
		va_start(arguments, format);
		write_line(level, format, arguments);
		va_end(arguments);
	}
	errno = saved;
}

static const char *field(const GLogField *fields, gsize n_fields, const char *key)
{
	for (gsize i = 0; i < n_fields; i++) {
		if (!strcmp(fields[i].key, key) && fields[i].length < 0) {
			return fields[i].value;
		}
	}
	return NULL;
}

/* Errors are always told: they come before an abort. */
static bool library_may_speak(enum log_level level)
{
	long long now = g_get_monotonic_time() / G_USEC_PER_SEC;
	unsigned lines;

	if (level == LOG_LEVEL_ERROR) {
		return true;
	}
	if (now - atomic_load(&logger.window) >= LIBRARY_WINDOW_S) {
		atomic_store(&logger.window, now);
		lines = atomic_exchange(&logger.lines, 0);
		if (lines > LIBRARY_LINES) {
			log_write(LOG_LEVEL_WARNING, "%u lines of libraries were left out",
				lines - LIBRARY_LINES);
		}
	}
	return atomic_fetch_add(&logger.lines, 1) < LIBRARY_LINES;
}

static GLogWriterOutput write_glib(
	GLogLevelFlags flags, const GLogField *fields, gsize n_fields, gpointer data)
{
	const char *domain = field(fields, n_fields, "GLIB_DOMAIN");
	const char *message = field(fields, n_fields, "MESSAGE");
	enum log_level level = LOG_LEVEL_DEBUG;

	if (flags & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL)) {
		level = LOG_LEVEL_ERROR;
	} else if (flags & G_LOG_LEVEL_WARNING) {
		level = LOG_LEVEL_WARNING;
	} else if (flags & G_LOG_LEVEL_MESSAGE) {
		level = LOG_LEVEL_INFO;
	}
	if ((int)level <= atomic_load_explicit(&logger.level, memory_order_relaxed) &&
		level != LOG_LEVEL_DEBUG && !library_may_speak(level)) {
		return G_LOG_WRITER_HANDLED;
	}
	log_write(level, "%s: %s", domain ? domain : "GLib", message ? message : "(no text)");
	return G_LOG_WRITER_HANDLED;
}

/* systemd tells in JOURNAL_STREAM which file the journal reads: sd-journal's "device:inode". */
static bool stderr_is_journal(void)
{
	const char *text = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat status;

	if (!text || sscanf(text, "%llu:%llu", &device, &inode) != 2) {
		return false;
	}
	return fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device &&
		status.st_ino == inode;
}

void log_init(void)
{
	static bool done; /* GLib takes the writer once in a process, and aborts at the second */

	logger.journal = stderr_is_journal();
	if (!done) {
		done = true;
		g_log_set_writer_func(write_glib, NULL, NULL);
	}
}
