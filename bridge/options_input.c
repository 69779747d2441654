/* SPDX-License-Identifier: MIT */
/* The setters of the section Input. */
#include <errno.h>
#include <string.h>
#include <sys/un.h>

#include "bridge/options_table.h"
#include "bridge/options_values.h"

int set_qmp(struct options *options, const char *value, char *why, size_t why_size)
{
	static const char prefix[] = "unix:";
	const size_t max = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;
	const char *path = value + strlen(prefix);

	if (strncmp(value, prefix, strlen(prefix)) != 0 || !*path) {
		return refuse(why, why_size,
			"'%s' is no socket; write unix:PATH, with the path of QEMU's -qmp", value);
	}
	if (strlen(path) > max) {
		return refuse(why, why_size,
			"'%s': a socket's path has no more than %zu bytes; choose a shorter one",
			value, max);
	}
	return keep(&options->qmp, path, why, why_size);
}

int set_input(struct options *options, const char *value, char *why, size_t why_size)
{
	int word = find_word(input_words, value, why, why_size);

	if (word >= 0) {
		options->input = (enum input_choice)word;
	}
	return word < 0 ? word : 0;
}
