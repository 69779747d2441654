/* SPDX-License-Identifier: MIT */
/* The setter of --audio. */
#include <errno.h>
#include <gio/gio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/options_table.h"
#include "bridge/options_values.h"

int set_audio(struct options *options, const char *value, char *why, size_t why_size)
{
	static const char prefix[] = "dbus:";
	GError *error = NULL;

	if (!strncmp(value, prefix, strlen(prefix))) {
		const char *address = value + strlen(prefix);

		if (!g_dbus_is_supported_address(address, &error)) {
			refuse(why, why_size,
				"'%s': %s; write dbus:unix:path=PATH, with QEMU's -display dbus,addr=",
				value, error->message);
			g_error_free(error);
			return -EINVAL;
		}
		options->no_audio = false;
		return keep(&options->audio_bus, address, why, why_size);
	}
	if (strcmp(value, "auto") != 0 && strcmp(value, "none") != 0) {
		return refuse(why, why_size, "'%s' is not one of auto, none, dbus:ADDRESS", value);
	}
	options->no_audio = !strcmp(value, "none");
	free(options->audio_bus);
	options->audio_bus = NULL;
	return 0;
}
