/* SPDX-License-Identifier: MIT */
/* The setters of the option table: each checks one value and stores it. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/options_table.h"
#include "bridge/options_values.h"
#include "vfio/sim.h"

#define PASSWORD_MAX 60 /* bytes: SPICE_MAX_PASSWORD_LENGTH of spice/protocol.h */

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

int set_listen(struct options *options, const char *value, char *why, size_t why_size)
{
	struct listen_address *list, address;
	char detail[256] = "";
	int result = listen_address_parse(&address, value, detail, sizeof(detail));

	if (result < 0) {
		return refuse(why, why_size, "'%s': %s", value, detail);
	}
	list = realloc(options->addresses, (options->n_addresses + 1) * sizeof(*list));
	if (!list) {
		listen_address_finish(&address);
		snprintf(why, why_size, "out of memory");
		return -ENOMEM;
	}
	list[options->n_addresses++] = address;
	options->addresses = list;
	return 0;
}

/* The first line of the file, without its end; the buffer is wiped by the caller. */
static int read_password(
	int fd, const char *path, char *buffer, size_t size, char *why, size_t why_size)
{
	size_t used = 0, length;
	ssize_t n;

	while (used < size) {
		n = read(fd, buffer + used, size - used);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return refuse(
				why, why_size, "'%s': %s; give a text file", path, strerror(errno));
		}
		if (n == 0) {
			break;
		}
		used += (size_t)n;
		if (memchr(buffer, '\n', used)) {
			break;
		}
	}
	for (length = 0; length < used && buffer[length] != '\n'; length++) {
		if (buffer[length] == '\0') {
			return refuse(why, why_size,
				"'%s': the first line holds a zero byte; write plain text", path);
		}
	}
	if (length > 0 && buffer[length - 1] == '\r') {
		length--;
	}
	if (length == 0) {
		return refuse(why, why_size,
			"'%s': the first line is empty; write the password there", path);
	}
	if (length > PASSWORD_MAX) {
		return refuse(why, why_size,
			"'%s': the first line is longer than %d bytes; SPICE takes no more", path,
			PASSWORD_MAX);
	}
	buffer[length] = '\0';
	return 0;
}

int set_password_file(struct options *options, const char *value, char *why, size_t why_size)
{
	char buffer[PASSWORD_MAX + 4]; /* one byte too many, and CR LF, can be seen */
	struct stat status;
	int result, fd = open(value, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0) {
		return refuse(why, why_size, "'%s': %s; give a file that you may read", value,
			strerror(errno));
	}
	if (fstat(fd, &status) < 0 || S_ISDIR(status.st_mode)) {
		result = refuse(why, why_size, "'%s': not a file", value);
	} else if (S_ISREG(status.st_mode) && (status.st_mode & (S_IROTH | S_IWOTH))) {
		result = refuse(why, why_size,
			"'%s': mode %04o lets every user at it; run chmod 600 on it", value,
			status.st_mode & 07777);
	} else {
		result = read_password(fd, value, buffer, sizeof(buffer), why, why_size);
	}
	close(fd);
	if (result == 0) {
		result = keep(&options->password, buffer, why, why_size);
	}
	explicit_bzero(buffer, sizeof(buffer));
	return result;
}

int set_no_auth(struct options *options, const char *value, char *why, size_t why_size)
{
	/* The command line gives no value, a config file says true or false. */
	if (*value && strcmp(value, "true") && strcmp(value, "false")) {
		return refuse(why, why_size, "'%s' is not one of true, false", value);
	}
	options->no_auth = strcmp(value, "false") != 0;
	return 0;
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
