/* SPDX-License-Identifier: MIT */
/* The setters of the option table: each checks one value and stores it. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "bridge/options_table.h"
#include "bridge/options_values.h"
#include "bridge/passed.h"
#include "vfio/sim.h"

int refuse(char *why, size_t why_size, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, why_size, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

int keep(char **place, const char *value, char *why, size_t why_size)
{
	char *copy = strdup(value);

	if (!copy) {
		snprintf(why, why_size, "out of memory");
		return -ENOMEM;
	}
	free(*place);
	*place = copy;
	return 0;
}

bool parse_unsigned(const char *value, unsigned long max, unsigned long *number)
{
	char *end;

	if (*value < '0' || *value > '9') {
		return false; /* strtoul would take signs and spaces */
	}
	errno = 0;
	*number = strtoul(value, &end, 10);
	return errno == 0 && *end == '\0' && *number <= max;
}

int set_flag(bool *place, const char *value, char *why, size_t why_size)
{
	if (*value && strcmp(value, "true") && strcmp(value, "false")) {
		return refuse(why, why_size, "'%s' is not one of true, false", value);
	}
	*place = strcmp(value, "false") != 0;
	return 0;
}

int find_word(const char *const *words, const char *value, char *why, size_t why_size)
{
	size_t length;

	for (int i = 0; words[i]; i++) {
		if (!strcmp(words[i], value)) {
			return i;
		}
	}
	snprintf(why, why_size, "'%s' is not one of", value);
	for (int i = 0; words[i]; i++) {
		length = strlen(why);
		snprintf(why + length, why_size - length, "%s %s", i ? "," : "", words[i]);
	}
	return -EINVAL;
}

/* 8-4-4-4-12 hexadecimal digits; sysfs has them in lower case. */
int set_mdev(struct options *options, const char *value, char *why, size_t why_size)
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	bool good = strlen(value) == strlen(shape);
	int result;

	for (size_t i = 0; good && shape[i]; i++) {
		good = shape[i] == '-' ? value[i] == '-' : isxdigit((unsigned char)value[i]) != 0;
	}
	if (!good) {
		return refuse(why, why_size,
			"'%s' is not a UUID; take one of ls /sys/bus/mdev/devices", value);
	}
	result = keep(&options->mdev, value, why, why_size);
	for (char *c = options->mdev; result == 0 && *c; c++) {
		*c = (char)tolower((unsigned char)*c);
	}
	return result;
}

int set_group(struct options *options, const char *value, char *why, size_t why_size)
{
	unsigned long number;

	if (*value != '/' && !parse_unsigned(value, INT_MAX, &number)) {
		return refuse(why, why_size,
			"'%s' is neither a group's number nor an absolute path; see ls /dev/vfio",
			value);
	}
	return keep(&options->group, value, why, why_size);
}

int set_cdev(struct options *options, const char *value, char *why, size_t why_size)
{
	if (*value != '/') {
		return refuse(why, why_size,
			"'%s' is not an absolute path; see ls /dev/vfio/devices", value);
	}
	return keep(&options->cdev, value, why, why_size);
}

int set_fd(struct options *options, const char *value, char *why, size_t why_size)
{
	unsigned long number;

	if (!parse_unsigned(value, INT_MAX, &number)) {
		return refuse(why, why_size, "'%s' is not a descriptor's number", value);
	}
	/* Ours from now on: nothing that we start may inherit it. */
	if (fcntl((int)number, F_SETFD, FD_CLOEXEC) < 0) {
		return refuse(why, why_size,
			"descriptor %lu is not open; let the starter pass an open VFIO device",
			number);
	}
	options->fd = (int)number;
	return 0;
}

int set_vm(struct options *options, const char *value, char *why, size_t why_size)
{
	size_t length = strlen(value);

	/* It becomes a part of a path. */
	if (length == 0 || length > 200 || strchr(value, '/') || value[0] == '.') {
		return refuse(why, why_size,
			"'%s' is not a virtual machine's name; see virsh list --all", value);
	}
	for (size_t i = 0; i < length; i++) {
		if (iscntrl((unsigned char)value[i])) {
			return refuse(why, why_size,
				"a virtual machine's name has no control characters, this one has "
				"number %d",
				value[i]);
		}
	}
	return keep(&options->vm, value, why, why_size);
}

int set_qemu_pid(struct options *options, const char *value, char *why, size_t why_size)
{
	unsigned long number;

	if (!parse_unsigned(value, INT_MAX, &number) || number == 0) {
		return refuse(
			why, why_size, "'%s' is not a process's number; see pgrep -a qemu", value);
	}
	options->qemu_pid = (int)number;
	return 0;
}

int set_fd_socket(struct options *options, const char *value, char *why, size_t why_size)
{
	struct sockaddr_un address;

	if (*value == '\0' || strlen(value) >= sizeof(address.sun_path)) {
		return refuse(why, why_size, "'%s' is not a socket's path of 1 to %zu bytes", value,
			sizeof(address.sun_path) - 1);
	}
	return keep(&options->fd_socket, value, why, why_size);
}

int set_fd_socket_uid(struct options *options, const char *value, char *why, size_t why_size)
{
	unsigned long number;

	if (!parse_unsigned(value, UINT_MAX - 1, &number)) {
		return refuse(why, why_size, "'%s' is not a user's number; see id -u NAME", value);
	}
	options->fd_socket_uid = (unsigned)number;
	return 0;
}

int set_simulate(struct options *options, const char *value, char *why, size_t why_size)
{
	struct sim_options sim;
	char detail[256] = "";

	if (sim_options_parse(&sim, value, detail, sizeof(detail)) < 0) {
		return refuse(why, why_size, "'%s': %s", value, detail);
	}
	sim_options_finish(&sim);
	return keep(&options->simulate, value, why, why_size);
}

/* Takes over the address. */
static int add_address(
	struct options *options, struct listen_address address, char *why, size_t why_size)
{
	struct listen_address *list =
		realloc(options->addresses, (options->n_addresses + 1) * sizeof(*list));
	if (!list) {
		listen_address_finish(&address);
		snprintf(why, why_size, "out of memory");
		return -ENOMEM;
	}
	list[options->n_addresses++] = address;
	options->addresses = list;
	return 0;
}

/* A descriptor that is named by its number too is listened on once. */
static bool has_fd(const struct options *options, int fd)
{
	for (size_t i = 0; i < options->n_addresses; i++) {
		if (options->addresses[i].kind == ADDRESS_FD && options->addresses[i].fd == fd) {
			return true;
		}
	}
	return false;
}

/* What systemd passed, if anything: a unit may be started without its socket. */
static int set_passed(struct options *options, const char *value, char *why, size_t why_size)
{
	struct listen_address address;
	int result = 0;

	for (unsigned i = 0; i < passed_count() && result == 0; i++) {
		char detail[256] = "";
		char *text = passed_address(value, i);

		result = listen_address_parse(&address, text, detail, sizeof(detail));
		if (result < 0) {
			refuse(why, why_size, "'%s': %s: %s", value, text, detail);
		} else if (has_fd(options, address.fd)) {
			listen_address_finish(&address);
		} else {
			result = add_address(options, address, why, why_size);
		}
		g_free(text);
	}
	return result;
}

int set_listen(struct options *options, const char *value, char *why, size_t why_size)
{
	struct listen_address address;
	char detail[256] = "";

	if (passed_is(value)) {
		return set_passed(options, value, why, why_size);
	}
	if (listen_address_parse(&address, value, detail, sizeof(detail)) < 0) {
		return refuse(why, why_size, "'%s': %s", value, detail);
	}
	return add_address(options, address, why, why_size);
}

int set_compression(struct options *options, const char *value, char *why, size_t why_size)
{
	int found = find_word(compression_words, value, why, why_size);

	if (found < 0) {
		return found;
	}
	options->compression = (enum spice_compression)found;
	return 0;
}

int set_renderer(struct options *options, const char *value, char *why, size_t why_size)
{
	int found = find_word(renderer_words, value, why, why_size);

	if (found < 0) {
		return found;
	}
	options->renderer = (enum renderer_kind)found;
	return 0;
}

int set_render_node(struct options *options, const char *value, char *why, size_t why_size)
{
	struct stat status;

	if (stat(value, &status) < 0) {
		return refuse(why, why_size, "'%s': %s; see ls /dev/dri", value, strerror(errno));
	}
	if (!S_ISCHR(status.st_mode)) {
		return refuse(why, why_size, "'%s' is not a device; see ls /dev/dri", value);
	}
	return keep(&options->render_node, value, why, why_size);
}

int set_max_fps(struct options *options, const char *value, char *why, size_t why_size)
{
	unsigned long number;

	if (!parse_unsigned(value, 240, &number) || number < 1) {
		return refuse(why, why_size, "'%s' is not a number from 1 to 240", value);
	}
	options->max_fps = (unsigned)number;
	return 0;
}

int set_log_level(struct options *options, const char *value, char *why, size_t why_size)
{
	int found = find_word(log_level_words, value, why, why_size);

	if (found < 0) {
		return found;
	}
	log_set_level((enum log_level)found);
	return 0;
}

int set_trace(struct options *options, const char *value, char *why, size_t why_size)
{
	int fd = open(value, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);

	if (fd < 0) {
		return refuse(why, why_size, "'%s': %s; give a file that you may write", value,
			strerror(errno));
	}
	close(fd);
	return keep(&options->trace, value, why, why_size);
}

int set_no_syscall_filter(struct options *options, const char *value, char *why, size_t why_size)
{
	return set_flag(&options->no_syscall_filter, value, why, why_size);
}
