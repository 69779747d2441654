/* SPDX-License-Identifier: MIT */
/* Why a process's descriptors can't be had: Yama, users, capabilities, security modules, hidepid. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/capability.h>

#include "vfio/attach_impl.h"

#define NO_YAMA (-1)

struct rights {
	unsigned uid; /* effective */
	uint64_t capabilities; /* effective */
};

/* A short file's first line, without its end. */
__attribute__((format(printf, 4, 5))) static int read_line(
	const struct device_request *request, char *line, size_t size, const char *format, ...)
{
	char path[PATH_MAX];
	char below[256];
	va_list args;
	ssize_t length;
	int fd;

	line[0] = '\0';
	va_start(args, format);
	vsnprintf(below, sizeof(below), format, args);
	va_end(args);
	snprintf(path, sizeof(path), "%s%s", request->root, below);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return -errno;
	}
	length = read(fd, line, size - 1);
	if (length < 0) {
		length = -errno;
		close(fd);
		return (int)length;
	}
	close(fd);
	line[length] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return 0;
}

static int read_rights(
	const struct device_request *request, const char *process, struct rights *rights)
{
	char path[PATH_MAX];
	char line[512];
	FILE *file;

	*rights = (struct rights){.uid = UINT_MAX};
	snprintf(path, sizeof(path), "%s/proc/%s/status", request->root, process);
	file = fopen(path, "re");
	if (!file) {
		return -errno;
	}
	while (fgets(line, sizeof(line), file)) {
		unsigned real, effective;
		uint64_t capabilities;

		if (sscanf(line, "Uid: %u %u", &real, &effective) == 2) {
			rights->uid = effective;
		} else if (sscanf(line, "CapEff: %" SCNx64, &capabilities) == 1) {
			rights->capabilities = capabilities;
		}
	}
	fclose(file);
	return 0;
}

static bool has(const struct rights *rights, int capability)
{
	return rights->capabilities >> capability & 1;
}

void attach_name_process(const struct device_request *request, pid_t pid, char *name, size_t size)
{
	char comm[64];

	if (read_line(request, comm, sizeof(comm), "/proc/%d/comm", pid) < 0 || !comm[0]) {
		snprintf(name, size, "process %d", pid);
		return;
	}
	/* Any process chooses its own. */
	for (char *c = comm; *c; c++) {
		if (*c < ' ' || *c > '~') {
			*c = '?';
		}
	}
	snprintf(name, size, "process %d (%s)", pid, comm);
}

static int read_yama(const struct device_request *request)
{
	char line[16];

	if (read_line(request, line, sizeof(line), "/proc/sys/kernel/yama/ptrace_scope") < 0) {
		return NO_YAMA;
	}
	return atoi(line);
}

/* All that we know of is as it should be: it is a security module, or a user namespace. */
static int by_module(const struct device_request *request, pid_t pid, const char *name)
{
	char theirs[128];
	char ours[128];

	read_line(request, theirs, sizeof(theirs), "/proc/%d/attr/current", pid);
	read_line(request, ours, sizeof(ours), "/proc/self/attr/current");
	if (!ours[0]) {
		snprintf(ours, sizeof(ours), "unconfined");
	}
	if (!theirs[0] || (strcmp(theirs, "unconfined") == 0 && strcmp(ours, theirs) == 0)) {
		return device_why(request, -EACCES,
			"%s can't be reached although CAP_SYS_PTRACE is there: it may run in another "
			"user namespace, as in a container; run the bridge in the same, or have the "
			"device handed over by --fd-socket",
			name);
	}
	if (strchr(theirs, ':') && !strchr(theirs, '(')) {
		return device_why(request, -EACCES,
			"SELinux keeps us (%s) from %s with label %s: allow ptrace between these domains, "
			"ausearch -m avc shows what was denied, or have the device handed over by "
			"--fd-socket",
			ours, name, theirs);
	}
	return device_why(request, -EACCES,
		"AppArmor keeps us (%s) from %s with label %s: allow \"ptrace (read, trace)\" in our profile and "
		"\"ptrace (readby, tracedby)\" in its, journalctl -k shows what was denied, or have "
		"the device handed over by --fd-socket",
		ours, name, theirs);
}

static int by_capability(const struct device_request *request, const char *name,
	const struct rights *us, const struct rights *them, const char *missing)
{
	static const char remedy[] =
		"run the bridge as root or give it CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, by "
		"AmbientCapabilities= of systemd, or have the device handed over by --fd-socket";

	if (us->uid != them->uid) {
		return device_why(request, -EACCES,
			"%s belongs to user %u, and this one of user %u has no %s: %s", name,
			them->uid, us->uid, missing, remedy);
	}
	return device_why(request, -EACCES,
		"%s is protected from others of its user %u, and this one has no %s: %s", name,
		us->uid, missing, remedy);
}

static int by_yama(const struct device_request *request, const char *name, int scope)
{
	if (scope >= 3) {
		return device_why(request, -EACCES,
			"Yama lets nobody at %s: kernel.yama.ptrace_scope is %d and stays so until the "
			"next boot; set it to 2 or less at boot, or have the device handed over by "
			"--fd-socket",
			name, scope);
	}
	return device_why(request, -EACCES,
		"Yama keeps us from %s: kernel.yama.ptrace_scope is %d and we have no CAP_SYS_PTRACE; "
		"give the bridge that capability, or set sysctl kernel.yama.ptrace_scope=0",
		name, scope);
}

int attach_obstacle(
	const struct device_request *request, pid_t pid, enum attach_step step, int error)
{
	struct rights us, them;
	char name[96];
	char number[16];
	int scope;

	attach_name_process(request, pid, name, sizeof(name));
	snprintf(number, sizeof(number), "%d", pid);
	if (error == -ENOENT || error == -ESRCH) {
		/* The pidfd says that there is one: then /proc does not show it. */
		return device_why(request, -EACCES,
			"/proc does not show %s, which is there: mount /proc without hidepid, or let "
			"this user see all by its option gid=",
			name);
	}
	if (error == -ENOSYS) {
		return device_why(request, -EACCES,
			"this kernel has no pidfd_getfd: Linux 5.6 or later is needed, or have the "
			"device handed over by --fd-socket");
	}
	if (error != -EACCES && error != -EPERM) {
		return device_why(
			request, error, "%s can't be looked into: %s", name, strerror(-error));
	}
	read_rights(request, "self", &us);
	if (read_rights(request, number, &them) < 0) {
		them.uid = UINT_MAX;
	}
	scope = read_yama(request);
	switch (step) {
	case ATTACH_LIST:
		if (!has(&us, CAP_DAC_READ_SEARCH) && !has(&us, CAP_DAC_OVERRIDE)) {
			return by_capability(request, name, &us, &them,
				has(&us, CAP_SYS_PTRACE)
					? "CAP_DAC_READ_SEARCH"
					: "CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH");
		}
		break;
	case ATTACH_READ:
		if (!has(&us, CAP_SYS_PTRACE)) {
			return by_capability(request, name, &us, &them, "CAP_SYS_PTRACE");
		}
		break;
	case ATTACH_TAKE:
		if (scope >= 3) {
			return by_yama(request, name, scope);
		}
		if (!has(&us, CAP_SYS_PTRACE)) {
			return us.uid == them.uid && scope >= 1
				? by_yama(request, name, scope)
				: by_capability(request, name, &us, &them, "CAP_SYS_PTRACE");
		}
		break;
	}
	return by_module(request, pid, name);
}
