/* SPDX-License-Identifier: MIT */
/* The setters of the section Channels: which sockets of QEMU are joined with which channels. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "bridge/options_table.h"
#include "bridge/options_values.h"

#define NAME_MAX_BYTES 63
#define USBREDIR_MAX 8

static const char socket_prefix[] = "unix:";
static const char name_characters[] =
	"abcdefghijklmnopqrstuvwxyz0123456789._-ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/* Ports whose name means more than a port. */
static const struct {
	const char *name, *instead;
} reserved_names[] = {
	{RELAY_WEBDAV_NAME, "give its socket with --webdav"},
	{"com.redhat.spice.0", "give its socket with --agent"},
	{"org.spice-space.stream.0", "a stream of pictures by the guest is not relayed"},
};

static unsigned count_kind(const struct options *options, enum relay_kind kind)
{
	unsigned count = 0;

	for (size_t i = 0; i < options->n_channels; i++) {
		count += options->channels[i].kind == kind;
	}
	return count;
}

/* value: "unix:PATH". name may be NULL. */
static int add_channel(struct options *options, enum relay_kind kind, const char *name,
	const char *value, char *why, size_t why_size)
{
	const size_t max = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;
	struct channel_option channel = {.kind = kind}, *list;
	const char *path = value + strlen(socket_prefix);

	if (strncmp(value, socket_prefix, strlen(socket_prefix)) || !*path) {
		return refuse(why, why_size,
			"'%s' is no socket; write unix:PATH, with the path= of QEMU's -chardev "
			"socket",
			value);
	}
	if (strlen(path) > max) {
		return refuse(why, why_size,
			"'%s': a socket's path has no more than %zu bytes; choose a shorter one",
			value, max);
	}
	for (size_t i = 0; i < options->n_channels; i++) {
		if (!strcmp(options->channels[i].path, path)) {
			return refuse(why, why_size,
				"'%s' is given to two channels; QEMU takes one connection for each "
				"of its sockets",
				value);
		}
	}
	list = realloc(options->channels, (options->n_channels + 1) * sizeof(*list));
	if (!list) {
		snprintf(why, why_size, "out of memory");
		return -ENOMEM;
	}
	options->channels = list;
	channel.path = strdup(path);
	channel.name = name ? strdup(name) : NULL;
	if (!channel.path || (name && !channel.name)) {
		free(channel.path);
		free(channel.name);
		snprintf(why, why_size, "out of memory");
		return -ENOMEM;
	}
	list[options->n_channels++] = channel;
	return 0;
}

int set_agent(struct options *options, const char *value, char *why, size_t why_size)
{
	return add_channel(options, RELAY_AGENT, NULL, value, why, why_size);
}

int set_usbredir(struct options *options, const char *value, char *why, size_t why_size)
{
	if (count_kind(options, RELAY_USBREDIR) == USBREDIR_MAX) {
		return refuse(why, why_size, "'%s' is one more than %d; leave some out", value,
			USBREDIR_MAX);
	}
	return add_channel(options, RELAY_USBREDIR, NULL, value, why, why_size);
}

int set_webdav(struct options *options, const char *value, char *why, size_t why_size)
{
	return add_channel(options, RELAY_PORT, RELAY_WEBDAV_NAME, value, why, why_size);
}

int set_smartcard(struct options *options, const char *value, char *why, size_t why_size)
{
	return add_channel(options, RELAY_SMARTCARD, NULL, value, why, why_size);
}

static int check_name(const char *name, const char *value, char *why, size_t why_size)
{
	if (strlen(name) > NAME_MAX_BYTES) {
		return refuse(why, why_size, "'%s': the name has more than %d bytes; shorten it",
			value, NAME_MAX_BYTES);
	}
	if (!*name || name[strspn(name, name_characters)]) {
		return refuse(why, why_size,
			"'%s': a name is made of letters, digits, dots, - and _", value);
	}
	for (size_t i = 0; i < sizeof(reserved_names) / sizeof(reserved_names[0]); i++) {
		if (!strcmp(name, reserved_names[i].name)) {
			return refuse(why, why_size, "'%s': %s", value, reserved_names[i].instead);
		}
	}
	return 0;
}

int set_port(struct options *options, const char *value, char *why, size_t why_size)
{
	const char *equals = strchr(value, '=');
	char *name;
	int result;

	if (!equals) {
		return refuse(why, why_size,
			"'%s' has no name; write NAME=unix:PATH, for example "
			"org.qemu.console.serial.0=unix:/run/vm/serial",
			value);
	}
	name = strndup(value, equals - value);
	if (!name) {
		snprintf(why, why_size, "out of memory");
		return -ENOMEM;
	}
	result = check_name(name, value, why, why_size);
	for (size_t i = 0; result == 0 && i < options->n_channels; i++) {
		if (options->channels[i].name && !strcmp(options->channels[i].name, name)) {
			result = refuse(why, why_size,
				"'%s': there is a port of that name already; choose another",
				value);
		}
	}
	if (result == 0) {
		result = add_channel(options, RELAY_PORT, name, equals + 1, why, why_size);
	}
	free(name);
	return result;
}
