/* SPDX-License-Identifier: MIT */
/* The setter of --control. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "bridge/options_table.h"
#include "bridge/options_values.h"

int set_control(struct options *options, const char *value, char *why, size_t why_size)
{
	static const char prefix[] = "unix:";
	const size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;

	options->no_control = !strcmp(value, "none");
	if (options->no_control) {
		free(options->control);
		options->control = NULL;
		return 0;
	}
	if (strncmp(value, prefix, strlen(prefix)) != 0 || !value[strlen(prefix)]) {
		return refuse(why, why_size,
			"'%s' is no place for the control socket; write unix:PATH or none", value);
	}
	if (strlen(value + strlen(prefix)) > max) {
		return refuse(why, why_size,
			"'%s': the path is longer than %zu bytes, which is all that a socket's "
			"name has room for; choose a shorter one",
			value, max);
	}
	return keep(&options->control, value + strlen(prefix), why, why_size);
}
