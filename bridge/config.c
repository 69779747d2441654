/* SPDX-License-Identifier: MIT */
#include "bridge/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static char *trim(char *text)
{
	size_t length;

	text += strspn(text, " \t");
	length = strlen(text);
	while (length > 0 && strchr(" \t\r\n", text[length - 1])) {
		text[--length] = '\0';
	}
	return text;
}

static int read_line(const char *path, char *buffer, unsigned line,
	int (*found)(const char *key, const char *value, unsigned line, void *data), void *data,
	char *why, size_t why_size)
{
	char *text = trim(buffer), *equals;

	if (*text == '\0' || *text == '#') {
		return 0;
	}
	if (*text == '[') {
		if (!strcmp(text, "[vgpu-bridge]")) {
			return 0;
		}
		snprintf(why, why_size, "%s:%u: unknown section '%s'; only [vgpu-bridge] is known",
			path, line, text);
		return -EINVAL;
	}
	equals = strchr(text, '=');
	if (!equals) {
		snprintf(why, why_size, "%s:%u: '%s' is not KEY=VALUE", path, line, text);
		return -EINVAL;
	}
	*equals = '\0';
	return found(trim(text), trim(equals + 1), line, data);
}

int config_read(const char *path,
	int (*found)(const char *key, const char *value, unsigned line, void *data), void *data,
	char *why, size_t why_size)
{
	FILE *file = fopen(path, "re");
	char buffer[CONFIG_LINE_MAX];
	unsigned line = 0;
	int result = 0;

	if (!file) {
		result = -errno;
		snprintf(why, why_size, "'%s': %s; give a file that you may read", path,
			strerror(errno));
		return result;
	}
	while (result == 0 && fgets(buffer, sizeof(buffer), file)) {
		line++;
		if (strlen(buffer) == sizeof(buffer) - 1 && buffer[sizeof(buffer) - 2] != '\n') {
			snprintf(why, why_size, "%s:%u: the line is longer than %d bytes; cut it",
				path, line, CONFIG_LINE_MAX - 2);
			result = -EINVAL;
			break;
		}
		result = read_line(path, buffer, line, found, data, why, why_size);
	}
	if (result == 0 && ferror(file)) {
		result = -errno;
		snprintf(why, why_size, "'%s': %s; give a text file", path, strerror(errno));
	}
	fclose(file);
	return result;
}
