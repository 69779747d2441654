/* SPDX-License-Identifier: MIT */
/*
 * The guest that tells what input reaches it: every event of every evdev device, as text on QEMU's
 * debug console (isa-debugcon at port 0xe9).
 *
 *   + N NAME           a device has come; it is N from now on
 *   a N CODE MIN MAX   it has this absolute axis
 *   e N TYPE CODE VALUE
 *   - N                it has gone
 *
 * As process 1 it first mounts what it needs and loads the modules that /modules lists. Devices are
 * grabbed, so that no key means anything to the kernel (Ctrl-Alt-Del, SysRq, lock keys).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DEBUG_PORT 0xe9
#define DEVICES_MAX 32
#define INPUT_DIRECTORY "/dev/input"

struct report {
	struct pollfd polls[DEVICES_MAX + 1]; /* the last one is the directory's watch */
};

__attribute__((format(printf, 1, 2))) static void tell(const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	for (const char *c = line; *c; c++) {
		outb((unsigned char)*c, DEBUG_PORT);
	}
	outb('\n', DEBUG_PORT);
}

static void load_module(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0)) {
		tell("! %s: %s", path, strerror(errno));
	}
	if (fd >= 0) {
		close(fd);
	}
}

static void load_modules(void)
{
	FILE *list = fopen("/modules", "re");
	char line[256];

	if (!list) {
		tell("! /modules: %s", strerror(errno));
		return;
	}
	while (fgets(line, sizeof(line), list)) {
		line[strcspn(line, "\n")] = '\0';
		load_module(line);
	}
	fclose(list);
}

static void set_up_machine(void)
{
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sys", "/sys", "sysfs", 0, NULL);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	load_modules();
}

static void tell_axes(int index, int fd)
{
	unsigned char axes[ABS_CNT / 8 + 1] = {0};
	struct input_absinfo info;

	if (ioctl(fd, EVIOCGBIT(EV_ABS, sizeof(axes)), axes) < 0) {
		return;
	}
	for (unsigned code = 0; code < ABS_CNT; code++) {
		if (axes[code / 8] & 1 << code % 8 && !ioctl(fd, EVIOCGABS(code), &info)) {
			tell("a %d %u %d %d", index, code, info.minimum, info.maximum);
		}
	}
}

/* The device stays N = its number in /dev/input/eventN. */
static void open_device(struct report *report, const char *file)
{
	char path[sizeof(INPUT_DIRECTORY) + 256], name[256] = "?";
	int fd, index;

	if (sscanf(file, "event%d", &index) != 1 || index < 0 || index >= DEVICES_MAX ||
		report->polls[index].fd >= 0) {
		return;
	}
	snprintf(path, sizeof(path), INPUT_DIRECTORY "/%s", file);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		tell("! %s: %s", path, strerror(errno));
		return;
	}
	ioctl(fd, EVIOCGNAME(sizeof(name) - 1), name);
	if (ioctl(fd, EVIOCGRAB, 1)) {
		tell("! %s: grab: %s", path, strerror(errno));
	}
	tell("+ %d %s", index, name);
	tell_axes(index, fd);
	report->polls[index] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static void look_for_devices(struct report *report)
{
	char file[16];
	struct stat st;

	for (int i = 0; i < DEVICES_MAX; i++) {
		char path[sizeof(INPUT_DIRECTORY) + sizeof(file)];

		snprintf(file, sizeof(file), "event%d", i);
		snprintf(path, sizeof(path), INPUT_DIRECTORY "/%s", file);
		if (!stat(path, &st)) {
			open_device(report, file);
		}
	}
}

static void read_device(struct report *report, int index)
{
	struct input_event events[64];
	ssize_t n = read(report->polls[index].fd, events, sizeof(events));

	if (n < 0 && errno == EAGAIN) {
		return;
	}
	if (n <= 0) {
		tell("- %d", index);
		close(report->polls[index].fd);
		report->polls[index].fd = -1;
		return;
	}
	for (size_t i = 0; i < (size_t)n / sizeof(*events); i++) {
		tell("e %d %u %u %d", index, events[i].type, events[i].code, events[i].value);
	}
}

/* What has come is looked for, whatever the watch says: it may have lost something. */
static void read_watch(struct report *report, int fd)
{
	char buffer[4096];

	while (read(fd, buffer, sizeof(buffer)) > 0) {
	}
	look_for_devices(report);
}

int main(void)
{
	struct report report;
	int watch;

	if (ioperm(DEBUG_PORT, 1, 1)) {
		perror("ioperm");
		return 1;
	}
	if (getpid() == 1) {
		set_up_machine();
	}
	for (int i = 0; i <= DEVICES_MAX; i++) {
		report.polls[i] = (struct pollfd){.fd = -1};
	}
	mkdir(INPUT_DIRECTORY, 0755);
	watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (watch < 0 || inotify_add_watch(watch, INPUT_DIRECTORY, IN_CREATE | IN_ATTRIB) < 0) {
		tell("! " INPUT_DIRECTORY ": %s", strerror(errno));
		return 1;
	}
	report.polls[DEVICES_MAX] = (struct pollfd){.fd = watch, .events = POLLIN};
	look_for_devices(&report);
	tell("ready");
	while (poll(report.polls, DEVICES_MAX + 1, -1) >= 0 || errno == EINTR) {
		for (int i = 0; i < DEVICES_MAX; i++) {
			if (report.polls[i].fd >= 0 && report.polls[i].revents) {
				read_device(&report, i);
			}
		}
		if (report.polls[DEVICES_MAX].revents) {
			read_watch(&report, watch);
		}
	}
	tell("! poll: %s", strerror(errno));
	return 1;
}
