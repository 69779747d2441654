/* SPDX-License-Identifier: MIT */
#include "bridge/passed.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */
#define MAX_PASSED 64 /* more are taken for a mistake */

bool passed_is(const char *text)
{
	size_t length = strlen(PASSED_WORD);

	return !strncmp(text, PASSED_WORD, length) && (text[length] == '\0' || text[length] == ',');
}

static bool number_of(const char *variable, unsigned long *number)
{
	const char *text = getenv(variable);
	char *end;

	if (!text || *text < '0' || *text > '9') {
		return false;
	}
	*number = strtoul(text, &end, 10);
	return *end == '\0';
}

unsigned passed_count(void)
{
	unsigned long pid, count;

	/* They may be meant for the one who started us. */
	if (!number_of("LISTEN_PID", &pid) || pid != (unsigned long)getpid() ||
		!number_of("LISTEN_FDS", &count) || count > MAX_PASSED) {
		return 0;
	}
	return (unsigned)count;
}

/* Has the socket's name this word? */
static bool is_named(unsigned i, const char *word)
{
	const char *names = getenv("LISTEN_FDNAMES");
	bool found = false;
	char **list, **words;

	list = g_strsplit(names ? names : "", ":", 0);
	if (i < g_strv_length(list)) {
		words = g_strsplit(list[i], ",", 0);
		found = g_strv_contains((const char *const *)words, word);
		g_strfreev(words);
	}
	g_strfreev(list);
	return found;
}

char *passed_address(const char *text, unsigned i)
{
	return g_strdup_printf("fd:%u%s%s%s", FIRST_FD + i, is_named(i, "tls") ? ",tls" : "",
		is_named(i, "view-only") ? ",view-only" : "", text + strlen(PASSED_WORD));
}
