/* SPDX-License-Identifier: MIT */
#include "bridge/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bridge/options.h"
#include "vfio/attach.h"
#include "vfio/mdev.h"

#define ADDED_WORDS 8 /* at most */
#define FIRST_WITH_FD 9 /* version of QEMU whose vfio-pci has fd= */
#define VERSION_MS 5000 /* for each piece that --version says */

static bool usable(const char *root, const char *path)
{
	char full[PATH_MAX];

	return snprintf(full, sizeof(full), "%s%s", root, path) < (int)sizeof(full) &&
		access(full, R_OK | W_OK) == 0;
}

/* What a program prints with --version; "" where it does not in time. */
static void ask_version(char *program, char *text, size_t size)
{
	char option[] = "--version";
	char *words[] = {program, option, NULL};
	struct pollfd pollfd = {.events = POLLIN};
	size_t used = 0;
	ssize_t n = 1;
	int out[2];
	pid_t pid;

	text[0] = '\0';
	if (pipe2(out, O_CLOEXEC) < 0) {
		return;
	}
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		dup2(null, STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		execvp(program, words);
		_exit(127);
	}
	close(out[1]);
	pollfd.fd = out[0];
	while (pid > 0 && n > 0 && used < size - 1 && poll(&pollfd, 1, VERSION_MS) > 0) {
		n = read(out[0], text + used, size - 1 - used);
		used += n > 0 ? (size_t)n : 0;
	}
	text[used] = '\0';
	close(out[0]);
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}

/* "QEMU emulator version 7.2.17 (Debian ...)": 7. 0: can't be told, as for a script around it. */
static int qemu_version(char *program)
{
	static const char before[] = "QEMU emulator version ";
	char text[256];
	const char *found;

	ask_version(program, text, sizeof(text));
	found = strstr(text, before);
	return found ? atoi(found + sizeof(before) - 1) : 0;
}

static bool takes_descriptors(const struct options *options)
{
	int version = qemu_version(options->command[0]);

	return version == 0 || version >= FIRST_WITH_FD;
}

static int open_cdev(
	const char *root, const char *path, struct launch *launch, char *why, size_t why_size)
{
	char full[PATH_MAX];
	char device[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int rc;

	if (!usable(root, "/dev/iommu")) {
		rc = -errno;
		snprintf(why, why_size,
			"/dev/iommu, which QEMU needs for %s, can't be used: %s; load the module "
			"iommufd, or give this user read and write access to it",
			path, strerror(-rc));
		return rc;
	}
	snprintf(full, sizeof(full), "%s%s", root, path);
	launch->device = open(full, O_RDWR | O_CLOEXEC);
	if (launch->device < 0) {
		rc = -errno;
		snprintf(why, why_size,
			"VFIO device %s can't be opened: %s; look whether it exists and this user has "
			"read and write access to it",
			path, strerror(-rc));
		return rc;
	}
	if (slash && mdev_of_cdev(root, slash + 1, device, sizeof(device)) == 0) {
		mdev_parse_uuid(strrchr(device, '/') + 1, launch->uuid);
	}
	return 0;
}

/* By its cdev where kernel and rights allow, else QEMU opens its group. */
static int open_mdev(const char *root, const struct options *options, struct launch *launch,
	char *why, size_t why_size)
{
	const char *uuid = options->mdev;
	char device[PATH_MAX];
	char name[64];
	char path[128];
	unsigned group;
	int rc = mdev_find(root, uuid, device, sizeof(device));

	if (rc < 0) {
		snprintf(why, why_size,
			"there is no mediated device %s: create it first, those that exist are listed "
			"in /sys/bus/mdev/devices",
			uuid);
		return rc;
	}
	snprintf(launch->uuid, sizeof(launch->uuid), "%s", uuid);
	if (mdev_cdev(device, name, sizeof(name)) == 0) {
		snprintf(path, sizeof(path), "/dev/vfio/devices/%s", name);
		if (usable(root, path) && usable(root, "/dev/iommu") &&
			takes_descriptors(options)) {
			return open_cdev(root, path, launch, why, why_size);
		}
	}
	if (mdev_group(device, &group) < 0) {
		snprintf(why, why_size,
			"mediated device %s has neither an IOMMU group nor a cdev that this user may "
			"open: give read and write access to %s and /dev/iommu",
			uuid, mdev_cdev(device, name, sizeof(name)) == 0 ? path : "its cdev");
		return -ENODEV;
	}
	snprintf(path, sizeof(path), "/dev/vfio/%u", group);
	if (!usable(root, path)) {
		rc = -errno;
		snprintf(why, why_size,
			"VFIO group %s can't be used: %s; give this user read and write access to it",
			path, strerror(-rc));
		return rc;
	}
	return 0;
}

__attribute__((format(printf, 2, 3))) static bool add(
	struct launch *launch, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vasprintf(&launch->argv[launch->argc], format, args);
	va_end(args);
	if (length < 0) {
		launch->argv[launch->argc] = NULL;
		return false;
	}
	launch->argc++;
	return true;
}

/* A directory of our own for the monitor's socket: who can reach it rules the guest. */
static int make_place(struct launch *launch, char *why, size_t why_size)
{
	const char *base = getenv("XDG_RUNTIME_DIR");
	int rc;

	if (!base || base[0] != '/' || strlen(base) > 32 || access(base, W_OK) < 0) {
		base = "/tmp";
	}
	snprintf(launch->directory, sizeof(launch->directory), "%s/vgpu-bridge-XXXXXX", base);
	if (!mkdtemp(launch->directory)) {
		rc = -errno;
		snprintf(why, why_size, "no directory for QEMU's monitor in %s: %s", base,
			strerror(-rc));
		launch->directory[0] = '\0';
		return rc;
	}
	snprintf(launch->qmp, sizeof(launch->qmp), "%s/qmp", launch->directory);
	return 0;
}

static int make_arguments(
	const struct options *options, struct launch *launch, char *why, size_t why_size)
{
	size_t given = 0;
	bool good = true;

	while (options->command[given]) {
		given++;
	}
	launch->argv = calloc(given + ADDED_WORDS + 1, sizeof(*launch->argv));
	good = launch->argv;
	for (size_t i = 0; good && i < given; i++) {
		good = add(launch, "%s", options->command[i]);
	}
	if (good && launch->device >= 0) {
		good = add(launch, "-object") && add(launch, "iommufd,id=vgpu-bridge-iommu") &&
			add(launch, "-device") &&
			/* By sysfsdev= QEMU knows an mdev, which has no hardware to ask for. */
			add(launch,
				"vfio-pci,id=vgpu-bridge-gpu,fd=%d%s%s,iommufd=vgpu-bridge-iommu,"
				"display=off",
				launch->device,
				launch->uuid[0] ? ",sysfsdev=/sys/bus/mdev/devices/" : "",
				launch->uuid);
	} else if (good) {
		good = add(launch, "-device") &&
			add(launch,
				"vfio-pci,id=vgpu-bridge-gpu,sysfsdev=/sys/bus/mdev/devices/%s,"
				"display=off",
				launch->uuid);
	}
	if (good && launch->qmp[0]) {
		good = add(launch, "-qmp") &&
			add(launch, "unix:%s,server=on,wait=off", launch->qmp);
	}
	if (!good) {
		snprintf(why, why_size, "no memory for QEMU's command line");
		return -ENOMEM;
	}
	return 0;
}

int launch_create(const char *root, const struct options *options, bool qmp, struct launch *launch,
	char *why, size_t why_size)
{
	int rc;

	*launch = (struct launch){.device = -1, .pidfd = -1};
	if (!options->cdev) {
		rc = open_mdev(root, options, launch, why, why_size);
	} else if (takes_descriptors(options)) {
		rc = open_cdev(root, options->cdev, launch, why, why_size);
	} else {
		snprintf(why, why_size,
			"%s can't take %s, QEMU 9.0 or later can: give the device by --mdev",
			options->command[0], options->cdev);
		rc = -ENOTSUP;
	}
	if (rc == 0) {
		snprintf(launch->name, sizeof(launch->name), "%s %.100s",
			launch->uuid[0] ? "mdev" : "cdev",
			launch->uuid[0] ? launch->uuid : options->cdev);
	}
	if (rc == 0 && qmp) {
		rc = make_place(launch, why, why_size);
	}
	if (rc == 0) {
		rc = make_arguments(options, launch, why, why_size);
	}
	if (rc < 0) {
		launch_clean(launch);
		launch_destroy(launch);
	}
	return rc;
}

void launch_destroy(struct launch *launch)
{
	for (size_t i = 0; launch->argv && launch->argv[i]; i++) {
		free(launch->argv[i]);
	}
	free(launch->argv);
	launch->argv = NULL;
	if (launch->device >= 0) {
		close(launch->device);
		launch->device = -1;
	}
	if (launch->pidfd >= 0) {
		close(launch->pidfd);
		launch->pidfd = -1;
	}
}

void launch_clean(struct launch *launch)
{
	if (launch->directory[0]) {
		unlink(launch->qmp);
		rmdir(launch->directory);
		launch->directory[0] = '\0';
	}
}

_Noreturn static void become_qemu(struct launch *launch, int report)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
	int error;

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		signal(signals[i], SIG_DFL);
	}
	if (launch->device >= 0) {
		fcntl(launch->device, F_SETFD, 0);
	}
	execvp(launch->argv[0], launch->argv);
	error = errno;
	if (write(report, &error, sizeof(error)) < 0) {
		_exit(126);
	}
	_exit(127);
}

int launch_start(struct launch *launch, char *why, size_t why_size)
{
	int report[2];
	int error = 0;
	ssize_t length;

	if (pipe2(report, O_CLOEXEC) < 0) {
		error = errno;
		goto err;
	}
	launch->pid = fork();
	if (launch->pid == 0) {
		become_qemu(launch, report[1]);
	}
	error = launch->pid < 0 ? errno : 0;
	close(report[1]);
	/* Nothing to read: the pipe was closed by a good exec(). */
	while (error == 0 && (length = read(report[0], &error, sizeof(error))) < 0 &&
		errno == EINTR) {
	}
	close(report[0]);
	if (error == 0) {
		launch->pidfd = attach_pidfd(launch->pid);
		if (launch->pidfd >= 0) {
			return 0;
		}
		error = -launch->pidfd;
		kill(launch->pid, SIGTERM);
	}
	if (launch->pid > 0) {
		waitpid(launch->pid, NULL, 0);
	}
	launch->pid = 0;

err:
	snprintf(why, why_size, "%s can't be started: %s", launch->argv[0], strerror(error));
	return -error;
}

int launch_status(struct launch *launch)
{
	int status = 0;

	while (waitpid(launch->pid, &status, 0) < 0 && errno == EINTR) {
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
