/* SPDX-License-Identifier: MIT */
#include "bridge/vm.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_CMDLINE (256 << 10) /* bytes; libvirt's are some 10 KiB */

/* A file in one go; returns its length, 0 where there is nothing to read. text ends with 0. */
static size_t read_file(const char *path, char *text, size_t size)
{
	size_t used = 0;
	ssize_t n = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd >= 0) {
		do {
			n = read(fd, text + used, size - 1 - used);
			used += n > 0 ? (size_t)n : 0;
		} while (n > 0 && used < size - 1);
		close(fd);
	}
	text[used] = '\0';
	return used;
}

static bool is_qemu(const char *program)
{
	const char *slash = strrchr(program, '/');
	const char *base = slash ? slash + 1 : program;

	return strncmp(base, "qemu-system-", 12) == 0 || strcmp(base, "qemu-kvm") == 0;
}

/* One of QEMU's options "key=value,key=value": compares a value, in which ",," is a comma. */
static bool value_is(const char *value, size_t length, const char *name)
{
	size_t i = 0;

	for (; i < length && *name; i++, name++) {
		if (value[i] != *name) {
			return false;
		}
		if (value[i] == ',') {
			i++;
		}
	}
	return i >= length && *name == '\0';
}

bool vm_name_matches(const char *value, const char *name)
{
	bool first = true;

	while (*value) {
		static const char key[] = "guest=";
		size_t length = 0;

		while (value[length] && (value[length] != ',' || value[length + 1] == ',')) {
			length += value[length] == ',' ? 2 : 1;
		}
		if (length >= sizeof(key) - 1 && memcmp(value, key, sizeof(key) - 1) == 0) {
			return value_is(value + sizeof(key) - 1, length - (sizeof(key) - 1), name);
		}
		/* The first may come without its key. */
		if (first && !memchr(value, '=', length)) {
			return value_is(value, length, name);
		}
		first = false;
		value += length + (value[length] == ',');
	}
	return false;
}

bool vm_is(const char *root, pid_t pid, const char *name)
{
	char path[PATH_MAX];
	char *text = malloc(MAX_CMDLINE);
	bool is = false;
	size_t length;

	if (!text) {
		return false;
	}
	snprintf(path, sizeof(path), "%s/proc/%d/cmdline", root, pid);
	/* Nearly all processes are something else: that is seen in the first bytes. */
	length = read_file(path, text, 512);
	if (length > 0 && is_qemu(text)) {
		length = read_file(path, text, MAX_CMDLINE);
		/* The last -name counts, as for QEMU. */
		for (size_t i = 0; i < length; i += strlen(text + i) + 1) {
			const char *word = text + i;
			size_t next = i + strlen(word) + 1;

			if ((strcmp(word, "-name") == 0 || strcmp(word, "--name") == 0) &&
				next < length) {
				is = vm_name_matches(text + next, name);
				i = next;
				word = text + i;
			}
		}
	}
	free(text);
	return is;
}

static pid_t parse_pid(const char *text)
{
	char *end;
	long value;

	if (!isdigit((unsigned char)text[0])) {
		return 0;
	}
	errno = 0;
	value = strtol(text, &end, 10);
	return errno == 0 && (*end == '\0' || *end == '\n') && value <= INT_MAX ? (pid_t)value : 0;
}

static pid_t from_libvirt(const char *root, const char *name)
{
	char path[PATH_MAX];
	char text[32];
	pid_t pid;

	snprintf(path, sizeof(path), "%s/run/libvirt/qemu/%s.pid", root, name);
	if (read_file(path, text, sizeof(text)) == 0) {
		return 0;
	}
	pid = parse_pid(text);
	/* The file may be of a machine that has died. */
	return pid > 0 && vm_is(root, pid, name) ? pid : 0;
}

int vm_find(const char *root, const char *name, pid_t *pid, char *why, size_t why_size)
{
	char path[PATH_MAX];
	struct dirent *entry;
	pid_t found = from_libvirt(root, name);
	DIR *dir;

	if (found > 0) {
		*pid = found;
		return 0;
	}
	snprintf(path, sizeof(path), "%s/proc", root);
	dir = opendir(path);
	if (!dir) {
		snprintf(why, why_size, "/proc can't be read: %s", strerror(errno));
		return -EACCES;
	}
	while ((entry = readdir(dir))) {
		pid_t candidate = parse_pid(entry->d_name);

		if (candidate <= 0 || !vm_is(root, candidate, name)) {
			continue;
		}
		if (found > 0) {
			snprintf(why, why_size,
				"several running virtual machines are called %s: processes %d and "
				"%d; choose one by --qemu-pid",
				name, found, candidate);
			closedir(dir);
			return -ENOTUNIQ;
		}
		found = candidate;
	}
	closedir(dir);
	if (found == 0) {
		snprintf(why, why_size,
			"no virtual machine called %s is running: start it, or see virsh list --all, or "
			"QEMU's -name",
			name);
		return -ESRCH;
	}
	*pid = found;
	return 0;
}
