/* SPDX-License-Identifier: MIT */
/* Files below root: read in bounds, with no link that leads out of it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/openat2.h>

#include "bridge/doctor_impl.h"

/* Of an open that raced with a rename, as openat2(2) has it. */
#define OPEN_TRIES 8
#define MAX_ENTRIES 65536
/* The ring of a kernel that was given log_buf_len=16M. */
#define MAX_LOG_BYTES (16 << 20)
#define MAX_LOG_RECORDS 400000
/* The kernel's own limit is below this. */
#define LOG_RECORD_BYTES 8192

/* For kernels without openat2(): what leads out of the tree is not opened. */
static int open_checked(const char *root, int flags, const char *path)
{
	char joined[PATH_MAX];
	char base[PATH_MAX];
	char real[PATH_MAX];
	size_t length;
	int fd;

	if (snprintf(joined, sizeof(joined), "%s%s", root, path) >= (int)sizeof(joined)) {
		return -ENAMETOOLONG;
	}
	if (!realpath(root, base) || !realpath(joined, real)) {
		return -errno;
	}
	length = strcmp(base, "/") == 0 ? 0 : strlen(base);
	if (strncmp(real, base, length) != 0 || (real[length] != '/' && real[length])) {
		return -EXDEV;
	}
	fd = open(flags & O_NOFOLLOW ? joined : real, flags);
	return fd < 0 ? -errno : fd;
}

int doctor_open(const struct doctor_host *host, int flags, const char *path)
{
	struct open_how how = {.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	int root;
	long fd;

	/* A FIFO in the place of a file doesn't hold us up. */
	flags |= O_CLOEXEC;
	if (!(flags & O_PATH)) {
		flags |= O_NONBLOCK | O_NOCTTY;
	}
	if (!*host->root) {
		fd = open(path, flags);
		return fd < 0 ? -errno : (int)fd;
	}
	root = open(host->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0) {
		return -errno;
	}
	how.flags = (unsigned)flags;
	for (int i = 0; i < OPEN_TRIES; i++) {
		fd = syscall(SYS_openat2, root, path, &how, sizeof(how));
		if (fd >= 0 || errno != EAGAIN) {
			break;
		}
	}
	fd = fd < 0 ? -errno : fd;
	close(root);
	if (fd == -ENOSYS || fd == -EPERM) {
		return open_checked(host->root, flags, path);
	}
	return (int)fd;
}

static char *read_all(int fd, size_t *size)
{
	GByteArray *bytes = g_byte_array_new();
	char *buffer = g_malloc(65536);

	while (bytes->len < DOCTOR_MAX_BYTES) {
		ssize_t length = read(fd, buffer, MIN(65536, DOCTOR_MAX_BYTES - bytes->len));

		if (length < 0 && errno == EINTR) {
			continue;
		}
		if (length < 0 && bytes->len == 0) {
			int error = errno;

			g_free(buffer);
			g_byte_array_free(bytes, TRUE);
			errno = error;
			return NULL;
		}
		if (length <= 0) {
			break;
		}
		g_byte_array_append(bytes, (const guint8 *)buffer, (guint)length);
	}
	g_free(buffer);
	if (size) {
		*size = bytes->len;
	}
	g_byte_array_append(bytes, (const guint8 *)"", 1);
	return (char *)g_byte_array_free(bytes, FALSE);
}

static char *read_path(const struct doctor_host *host, const char *path, size_t *size, int *error)
{
	struct stat info;
	char *text = NULL;
	int fd = doctor_open(host, O_RDONLY, path);

	if (fd < 0) {
		*error = -fd;
		return NULL;
	}
	if (fstat(fd, &info) < 0) {
		*error = errno;
	} else if (!S_ISREG(info.st_mode)) {
		*error = S_ISDIR(info.st_mode) ? EISDIR : EINVAL;
	} else {
		text = read_all(fd, size);
		*error = text ? 0 : errno;
	}
	close(fd);
	return text;
}

char *doctor_read_bytes(
	const struct doctor_host *host, size_t *size, int *error, const char *format, ...)
{
	va_list args;
	char *path, *text;
	int rc;

	va_start(args, format);
	path = g_strdup_vprintf(format, args);
	va_end(args);
	text = read_path(host, path, size, error ? error : &rc);
	g_free(path);
	return text;
}

char *doctor_read(const struct doctor_host *host, const char *format, ...)
{
	va_list args;
	char *path, *text;
	int error;

	va_start(args, format);
	path = g_strdup_vprintf(format, args);
	va_end(args);
	text = read_path(host, path, NULL, &error);
	g_free(path);
	return text ? g_strchomp(text) : NULL;
}

bool doctor_exists(const struct doctor_host *host, const char *format, ...)
{
	va_list args;
	char *path;
	int fd;

	va_start(args, format);
	path = g_strdup_vprintf(format, args);
	va_end(args);
	fd = doctor_open(host, O_PATH, path);
	g_free(path);
	if (fd >= 0) {
		close(fd);
	}
	return fd >= 0;
}

static gint compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char **doctor_entries(const struct doctor_host *host, const char *format, ...)
{
	GPtrArray *names = g_ptr_array_new();
	struct dirent *entry;
	va_list args;
	char *path;
	DIR *dir;
	int fd;

	va_start(args, format);
	path = g_strdup_vprintf(format, args);
	va_end(args);
	fd = doctor_open(host, O_RDONLY | O_DIRECTORY, path);
	g_free(path);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir && fd >= 0) {
		close(fd);
	}
	while (dir && names->len < MAX_ENTRIES && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.') {
			g_ptr_array_add(names, g_strdup(entry->d_name));
		}
	}
	if (dir) {
		closedir(dir);
	}
	g_ptr_array_sort(names, compare_names);
	g_ptr_array_add(names, NULL);
	return (char **)g_ptr_array_free(names, FALSE);
}

char *doctor_link(const struct doctor_host *host, const char *format, ...)
{
	char target[PATH_MAX];
	va_list args;
	ssize_t length;
	char *path;
	int fd;

	va_start(args, format);
	path = g_strdup_vprintf(format, args);
	va_end(args);
	fd = doctor_open(host, O_PATH | O_NOFOLLOW, path);
	g_free(path);
	if (fd < 0) {
		return NULL;
	}
	length = readlinkat(fd, "", target, sizeof(target) - 1);
	close(fd);
	if (length <= 0) {
		return NULL;
	}
	target[length] = '\0';
	return g_path_get_basename(target);
}

/* Records of the kernel's device: "6,1234,5678,-;text", then lines that begin with a space. */
static int read_records(int fd, GString *log)
{
	char record[LOG_RECORD_BYTES];

	for (int i = 0; i < MAX_LOG_RECORDS && log->len < MAX_LOG_BYTES; i++) {
		ssize_t length = read(fd, record, sizeof(record) - 1);
		char *text;

		if (length < 0 && (errno == EPIPE || errno == EINTR || errno == EINVAL)) {
			continue; /* overwritten while we read, or too long */
		}
		if (length < 0 && errno != EAGAIN && log->len == 0) {
			return errno;
		}
		if (length <= 0) {
			break;
		}
		record[length] = '\0';
		text = strchr(record, ';');
		if (text) {
			g_string_append_len(log, text + 1, (gssize)strcspn(text + 1, "\n"));
			g_string_append_c(log, '\n');
		}
	}
	return 0;
}

void doctor_read_log(struct doctor_host *host)
{
	static const char path[] = "/dev/kmsg";
	struct stat info;
	int fd = doctor_open(host, O_RDONLY, path);

	host->kernel_log_error = fd < 0 ? -fd : 0;
	if (fd < 0) {
		return;
	}
	if (fstat(fd, &info) < 0) {
		host->kernel_log_error = errno;
	} else if (S_ISREG(info.st_mode)) {
		/* A tree's: what dmesg printed. */
		host->kernel_log = read_all(fd, NULL);
		host->kernel_log_error = host->kernel_log ? 0 : errno;
	} else if (S_ISCHR(info.st_mode)) {
		GString *log = g_string_new(NULL);

		host->kernel_log_error = read_records(fd, log);
		host->kernel_log = g_string_free(log, host->kernel_log_error != 0);
	} else {
		host->kernel_log_error = EINVAL;
	}
	close(fd);
}

char *doctor_log_line(const struct doctor_host *host, const char *text, unsigned *count)
{
	const char *last = NULL;
	unsigned found = 0;

	for (const char *at = host->kernel_log; at && (at = strstr(at, text)); at += strlen(text)) {
		last = at;
		found++;
	}
	if (count) {
		*count = found;
	}
	if (!last) {
		return NULL;
	}
	while (last > host->kernel_log && last[-1] != '\n') {
		last--;
	}
	return g_strndup(last, strcspn(last, "\n"));
}
