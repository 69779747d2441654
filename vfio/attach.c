/* SPDX-License-Identifier: MIT */
#include "vfio/attach.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vfio/attach_impl.h"
#include "vfio/mdev.h"

#define MAX_DEVICES 64 /* VFIO devices of one process; QEMU's PCI has room for fewer */
#define MAX_GROUPS 64

/* Headers older than the kernel lack them; the numbers are the same everywhere. */
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

struct candidate {
	int fd; /* our duplicate */
	char device[PATH_MAX]; /* its sysfs directory, "" where unknown */
};

struct search {
	const struct device_request *request;
	const struct attach_calls *calls;
	pid_t pid;
	const char *uuid; /* asked for, NULL */
	int pidfd;
	char process[96]; /* for messages */
	int numbers[MAX_DEVICES]; /* of VFIO devices in the process */
	size_t n_numbers;
	unsigned groups[MAX_GROUPS];
	size_t n_groups;
	struct candidate *found; /* with planes, and not known to be another one than asked for */
	size_t n_found;
	bool unbound; /* one of a cdev that can't be asked yet */
	unsigned others; /* vGPUs that are not the one asked for */
};

static int kernel_pidfd_open(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

static int kernel_pidfd_getfd(int pidfd, int fd)
{
	return (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
}

int attach_ended(int pidfd)
{
	struct pollfd pollfd = {.fd = pidfd, .events = POLLIN};

	return poll(&pollfd, 1, 0) != 0;
}

int attach_pidfd(pid_t pid)
{
	int fd = kernel_pidfd_open(pid);

	return fd < 0 ? -errno : fd;
}

const struct attach_calls attach_kernel_calls = {
	.pidfd_open = kernel_pidfd_open,
	.pidfd_getfd = kernel_pidfd_getfd,
	.ended = attach_ended,
};

static int open_process(struct search *search)
{
	int rc;

	search->pidfd = search->calls->pidfd_open(search->pid);
	if (search->pidfd >= 0) {
		return 0;
	}
	rc = -errno;
	switch (rc) {
	case -ESRCH:
		return device_why(search->request, rc, "process %d is not running", search->pid);
	case -EINVAL:
		return device_why(search->request, -ESRCH,
			"%d is a thread or no process at all: give the number of the QEMU process",
			search->pid);
	case -ENOSYS:
		return device_why(search->request, -EACCES,
			"this kernel has no pidfd_open: Linux 5.6 or later is needed, or have the "
			"device handed over by --fd-socket");
	default:
		return device_why(search->request, rc, "process %d can't be watched: %s",
			search->pid, strerror(-rc));
	}
}

static void note_group(struct search *search, const char *file)
{
	static const char prefix[] = "/dev/vfio/";
	char *end;
	unsigned long number;

	if (strncmp(file, prefix, sizeof(prefix) - 1) != 0 ||
		!isdigit((unsigned char)file[sizeof(prefix) - 1])) {
		return;
	}
	number = strtoul(file + sizeof(prefix) - 1, &end, 10);
	if (*end == '\0' && number <= INT_MAX && search->n_groups < MAX_GROUPS) {
		search->groups[search->n_groups++] = (unsigned)number;
	}
}

static int compare_numbers(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Which of the process's descriptors are VFIO devices and groups. */
static int list(struct search *search)
{
	char path[PATH_MAX];
	char file[PATH_MAX];
	struct dirent *entry;
	ssize_t length;
	DIR *dir;
	int rc = 0;

	snprintf(path, sizeof(path), "%s/proc/%d/fd", search->request->root, search->pid);
	dir = opendir(path);
	if (!dir) {
		rc = -errno;
	}
	while (dir && rc == 0 && (entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0])) {
			continue;
		}
		length = readlinkat(dirfd(dir), entry->d_name, file, sizeof(file) - 1);
		if (length < 0) {
			/* Closed since: no matter. */
			rc = errno == ENOENT ? 0 : -errno;
			continue;
		}
		file[length] = '\0';
		note_group(search, file);
		if (device_is_file(file) && search->n_numbers < MAX_DEVICES) {
			search->numbers[search->n_numbers++] = atoi(entry->d_name);
		}
	}
	/* What was read is this process's only if that is still there. */
	if (search->calls->ended(search->pidfd)) {
		rc = device_why(search->request, -ESRCH, "process %d has ended", search->pid);
	} else if (rc < 0) {
		rc = attach_obstacle(
			search->request, search->pid, dir ? ATTACH_READ : ATTACH_LIST, rc);
	}
	if (dir) {
		closedir(dir);
	}
	qsort(search->groups, search->n_groups, sizeof(search->groups[0]), compare_numbers);
	qsort(search->numbers, search->n_numbers, sizeof(search->numbers[0]), compare_numbers);
	return rc;
}

static bool has_plane(const struct search *search, int fd, uint32_t kind)
{
	struct vfio_device_gfx_plane_info plane = {
		.argsz = sizeof(plane), .flags = VFIO_GFX_PLANE_TYPE_PROBE | kind};

	return device_ioctl(search->request->calls, fd, VFIO_DEVICE_QUERY_GFX_PLANE, &plane) == 0;
}

static const char *uuid_of(const char *device)
{
	const char *slash = strrchr(device, '/');

	return slash ? slash + 1 : device;
}

static bool is_known(const struct search *search, const char *device)
{
	for (size_t i = 0; i < search->n_found; i++) {
		if (strcmp(search->found[i].device, device) == 0) {
			return true;
		}
	}
	return false;
}

/* Decides about one of our duplicates. False: not this one. */
static bool examine(struct search *search, int fd, char *device, size_t size)
{
	struct vfio_device_info info = {.argsz = sizeof(info)};
	char file[PATH_MAX];
	int rc;

	/* The number may have got another file between looking and taking. */
	device_name_fd(search->request, "self", fd, file, sizeof(file));
	if (!device_is_file(file)) {
		return false;
	}
	if (device_of_fd(search->request, "self", fd, file, device, size) < 0) {
		device[0] = '\0';
	}
	rc = device_ioctl(search->request->calls, fd, VFIO_DEVICE_GET_INFO, &info);
	if (rc == -EINVAL && file[0] == '/') {
		search->unbound = true;
		return false;
	}
	if (rc < 0 ||
		!(has_plane(search, fd, VFIO_GFX_PLANE_TYPE_DMABUF) ||
			has_plane(search, fd, VFIO_GFX_PLANE_TYPE_REGION))) {
		return false;
	}
	if (device[0] && search->uuid && strcmp(uuid_of(device), search->uuid) != 0) {
		search->others++;
		return false;
	}
	/* A duplicate that the process itself has made. */
	return !device[0] || !is_known(search, device);
}

static int take(struct search *search)
{
	for (size_t i = 0; i < search->n_numbers; i++) {
		struct candidate *candidate = &search->found[search->n_found];
		int fd = search->calls->pidfd_getfd(search->pidfd, search->numbers[i]);

		if (fd < 0 && errno == EBADF) {
			continue; /* closed since */
		}
		if (fd < 0 && errno == ESRCH) {
			return device_why(
				search->request, -ESRCH, "process %d has ended", search->pid);
		}
		if (fd < 0) {
			return attach_obstacle(search->request, search->pid, ATTACH_TAKE, -errno);
		}
		if (!examine(search, fd, candidate->device, sizeof(candidate->device))) {
			search->request->calls->close(fd);
			continue;
		}
		candidate->fd = fd;
		search->n_found++;
	}
	return 0;
}

/* The mdevs that the process has by group: an mdev's group holds nothing else. */
static size_t list_mdevs(const struct search *search, char uuids[][MDEV_UUID_SIZE])
{
	size_t count = 0;

	for (size_t i = 0; i < search->n_groups; i++) {
		char name[256];
		unsigned in_group = 0;

		if (mdev_group_devices(search->request->root, search->groups[i], &in_group, name,
			    sizeof(name), NULL, 0) == 0 &&
			in_group == 1 && mdev_parse_uuid(name, uuids[count]) == 0) {
			count++;
		}
	}
	return count;
}

static void join(char *text, size_t size, const char *word)
{
	size_t used = strlen(text);

	snprintf(text + used, size - used, "%s%.64s", used ? ", " : "", word);
}

static int none(const struct search *search)
{
	if (search->others > 0) {
		return device_why(search->request, -ENODEV,
			"%s has %u other vGPU%s, but not %s: look at its command line, or at its "
			"hostdev in virsh dumpxml",
			search->process, search->others, search->others > 1 ? "s" : "",
			search->uuid);
	}
	if (search->unbound) {
		return device_why(search->request, -EAGAIN, "%s has not bound its VFIO device yet",
			search->process);
	}
	if (search->n_numbers == 0) {
		return device_why(
			search->request, -EAGAIN, "%s has no VFIO device yet", search->process);
	}
	return device_why(search->request, -ENOTSUP,
		"%s has %zu VFIO device%s, but none with a display plane: only vGPUs have one, a whole "
		"GPU that is passed through has not",
		search->process, search->n_numbers, search->n_numbers > 1 ? "s" : "");
}

/* More than one vGPU, or one of which it isn't known if it is the one asked for. */
static int unclear(const struct search *search, char mdevs[][MDEV_UUID_SIZE], size_t n_mdevs)
{
	char all[256] = "";
	size_t count = n_mdevs > search->n_found ? n_mdevs : search->n_found;
	bool named = true;

	for (size_t i = 0; i < search->n_found; i++) {
		named &= search->found[i].device[0] != '\0';
	}
	for (size_t i = 0; named && i < search->n_found; i++) {
		join(all, sizeof(all), uuid_of(search->found[i].device));
	}
	if (named) {
		return device_why(search->request, -ENOTUNIQ,
			"%s has %zu vGPUs, choose one by --mdev: %s", search->process,
			search->n_found, all);
	}
	for (size_t i = 0; i < n_mdevs; i++) {
		join(all, sizeof(all), mdevs[i]);
	}
	return device_why(search->request, -ENOTSUP,
		"%s has %zu vGPU%s (%s), and this kernel does not tell which descriptor is which: Linux "
		"6.18 does, and so does QEMU with iommufd; or have the device handed over by "
		"--fd-socket",
		search->process, count, count > 1 ? "s" : "", all[0] ? all : "names unknown");
}

/* The one that is meant becomes the first. */
static int choose(struct search *search)
{
	char mdevs[MAX_GROUPS][MDEV_UUID_SIZE];
	size_t n_mdevs = list_mdevs(search, mdevs);
	struct candidate *first = &search->found[0];
	bool listed = false;

	if (search->n_found == 0) {
		return none(search);
	}
	if (search->n_found > 1) {
		return unclear(search, mdevs, n_mdevs);
	}
	if (first->device[0]) {
		return 0;
	}
	/* Only a group's file can tell which mdev it is, and only where there is no other. */
	for (size_t i = 0; search->uuid && i < n_mdevs; i++) {
		listed |= strcmp(mdevs[i], search->uuid) == 0;
	}
	if (search->uuid && n_mdevs > 0 && !listed) {
		search->others = (unsigned)n_mdevs;
		return none(search);
	}
	if (search->uuid && n_mdevs != 1) {
		return unclear(search, mdevs, n_mdevs);
	}
	if (n_mdevs == 1 &&
		mdev_find(search->request->root, mdevs[0], first->device, sizeof(first->device)) <
			0) {
		first->device[0] = '\0';
	}
	return 0;
}

int attach_request(const struct device_request *request, const struct attach_calls *calls,
	pid_t pid, const char *uuid, struct device_found *found, int *owner)
{
	struct search search = {
		.request = request, .calls = calls, .pid = pid, .uuid = uuid, .pidfd = -1};
	int rc;

	*found = (struct device_found){.fds = DEVICE_NO_FDS};
	*owner = -1;
	search.found = calloc(MAX_DEVICES, sizeof(*search.found));
	if (!search.found) {
		return device_why(request, -ENOMEM, "out of memory");
	}
	rc = open_process(&search);
	if (rc < 0) {
		goto out;
	}
	attach_name_process(request, pid, search.process, sizeof(search.process));
	rc = list(&search);
	if (rc == 0) {
		rc = take(&search);
	}
	if (rc == 0) {
		rc = choose(&search);
	}
	if (rc < 0) {
		goto out;
	}
	device_describe(found, search.found[0].device[0] ? search.found[0].device : NULL);
	if (found->uuid[0]) {
		snprintf(found->name, sizeof(found->name), "mdev %s", found->uuid);
	} else {
		snprintf(found->name, sizeof(found->name), "vGPU of process %d", pid);
	}
	found->fds.device = search.found[0].fd;
	search.n_found = 0;
	*owner = search.pidfd;
	search.pidfd = -1;

out:
	for (size_t i = 0; i < search.n_found; i++) {
		request->calls->close(search.found[i].fd);
	}
	if (search.pidfd >= 0) {
		request->calls->close(search.pidfd);
	}
	free(search.found);
	return rc;
}

int attach_find(const char *root, pid_t pid, const char *uuid, struct device_found *found,
	int *owner, char *why, size_t why_size)
{
	struct device_request request = {&device_kernel_calls, root, why, why_size};

	return attach_request(&request, &attach_kernel_calls, pid, uuid, found, owner);
}
