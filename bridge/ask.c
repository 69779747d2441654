/* SPDX-License-Identifier: MIT */
#include "bridge/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bridge/command.h"
#include "bridge/line.h"
#include "bridge/members.h"
#include "bridge/place.h"

#define GREETING_MS 5000
#define ANSWER_MS 30000
#define READ_SIZE 65536
#define EVENTS_MAX 1024 /* that are kept while an answer is waited for */
#define LINE_MAX_BYTES ((guint)8 << 20) /* of an answer */

static const struct line_limits limits = {.depth = 32, .parts = 1 << 18};

struct asked {
	int fd;
	char *path;
	char *name; /* as it greets */
	gint64 last_id;
	GByteArray *bytes; /* read, and not used */
	GQueue events; /* JsonNode, that came while an answer was waited for */
	int came; /* a descriptor that came, -1 */
};

/* -errno. */
static int dial(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd, error;

	if (strlen(path) >= sizeof(name.sun_path)) {
		return -ENAMETOOLONG;
	}
	memcpy(name.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return -errno;
	}
	/* A full queue (EAGAIN) is told like any other trouble: a unix socket never connects later. */
	if (connect(fd, (struct sockaddr *)&name, sizeof(name)) < 0) {
		error = errno;
		close(fd);
		return -error;
	}
	return fd;
}

static gint compare(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Adds the sockets of one directory that somebody listens on, or that can't be asked. */
static void look_into(const char *directory, GPtrArray *paths)
{
	GDir *dir = g_dir_open(directory, 0, NULL);
	const char *entry;

	while (dir && (entry = g_dir_read_name(dir)) != NULL) {
		char *path;
		int fd;

		if (!g_str_has_suffix(entry, PLACE_SUFFIX)) {
			continue;
		}
		path = g_build_filename(directory, entry, NULL);
		fd = dial(path);
		if (fd == -ECONNREFUSED || fd == -ENOENT) {
			g_free(path); /* left over from one that died */
			continue;
		}
		if (fd >= 0) {
			close(fd);
		}
		g_ptr_array_add(paths, path);
	}
	if (dir) {
		g_dir_close(dir);
	}
}

char **ask_all(void)
{
	char **directories = place_directories();
	GPtrArray *paths = g_ptr_array_new();

	for (size_t i = 0; directories[i]; i++) {
		look_into(directories[i], paths);
	}
	g_ptr_array_sort(paths, compare);
	g_ptr_array_add(paths, NULL);
	g_strfreev(directories);
	return (char **)g_ptr_array_free(paths, FALSE);
}

char *ask_name_of(const char *path)
{
	char *base = g_path_get_basename(path);

	if (g_str_has_suffix(base, PLACE_SUFFIX)) {
		base[strlen(base) - strlen(PLACE_SUFFIX)] = '\0';
	}
	return base;
}

static bool is_ambiguous(char **paths, size_t which)
{
	char *name = ask_name_of(paths[which]);
	unsigned same = 0;

	for (size_t i = 0; paths[i]; i++) {
		char *other = ask_name_of(paths[i]);

		same += !strcmp(name, other);
		g_free(other);
	}
	g_free(name);
	return same > 1;
}

/* "a, b" of paths, for people; a name that stands for two is given as its path. */
static char *list_names(char **paths)
{
	GString *list = g_string_new(NULL);

	for (size_t i = 0; paths[i]; i++) {
		char *base = is_ambiguous(paths, i) ? g_strdup(paths[i]) : ask_name_of(paths[i]);

		g_string_append_printf(list, "%s%s", i ? ", " : "", base);
		g_free(base);
	}
	return g_string_free(list, FALSE);
}

/* The only one that may be asked: to a user, root's bridges are none to choose from. NULL: not one. */
static const char *find_open(char **paths)
{
	const char *open = NULL;

	for (size_t i = 0; paths[i]; i++) {
		if (access(paths[i], W_OK) == 0) {
			if (open) {
				return NULL;
			}
			open = paths[i];
		}
	}
	return open;
}

/* The only one that runs. */
static char *find_only(char *why, size_t why_size)
{
	char **paths = ask_all(), **directories = place_directories();
	char *path = NULL, *list;

	if (!paths[0]) {
		list = g_strjoinv(" and ", directories);
		snprintf(why, why_size,
			"no bridge runs (looked for control sockets in %s); start one with "
			"vgpu-bridge serve, or say where its socket is with --on PATH",
			list);
		g_free(list);
	} else if (paths[1] && find_open(paths)) {
		path = g_strdup(find_open(paths));
	} else if (paths[1]) {
		list = list_names(paths);
		snprintf(why, why_size,
			"several bridges run: %s; say which one with --on NAME or --on PATH", list);
		g_free(list);
	} else {
		path = g_strdup(paths[0]);
	}
	g_strfreev(directories);
	g_strfreev(paths);
	return path;
}

static char *find_named(const char *name, char *why, size_t why_size)
{
	char **directories = place_directories();
	char *safe = g_strdup(name); /* as the bridge made it of the machine's name */
	char *path = NULL;

	place_make_safe(safe);
	for (size_t i = 0; directories[i] && !path; i++) {
		path = place_path(directories[i], safe);
		if (access(path, F_OK) < 0) {
			g_free(path);
			path = NULL;
		}
	}
	g_free(safe);
	if (!path) {
		char **paths = ask_all();
		char *list = list_names(paths);

		snprintf(why, why_size,
			"no bridge is called '%s'; %s%s; its name is the one of its control socket",
			name, *list ? "there are: " : "none runs", list);
		g_free(list);
		g_strfreev(paths);
	}
	g_strfreev(directories);
	return path;
}

/* Keeps the first descriptor, closes what else comes. */
static void take_fds(struct asked *asked, struct msghdr *message)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
			continue;
		}
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (asked->came < 0) {
				asked->came = fd;
			} else {
				close(fd);
			}
		}
	}
}

/* Waits and reads once. deadline: us, -1: for ever. 0, -ETIMEDOUT, -ECONNRESET at its end, -errno. */
static int receive(struct asked *asked, gint64 deadline)
{
	struct pollfd poll_fd = {.fd = asked->fd, .events = POLLIN};
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(4 * sizeof(int))];
	} control;
	guint before = asked->bytes->len;
	struct iovec part;
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.space)};
	int wait = -1, rc;
	ssize_t n;

	if (deadline >= 0) {
		gint64 left = (deadline - g_get_monotonic_time()) / 1000;

		/* Also of one that never stops talking, but for the answer. */
		if (left <= 0) {
			return -ETIMEDOUT;
		}
		wait = (int)left;
	}
	rc = poll(&poll_fd, 1, wait);
	if (rc < 0) {
		return errno == EINTR ? 0 : -errno;
	}
	if (rc == 0) {
		return -ETIMEDOUT;
	}
	g_byte_array_set_size(asked->bytes, before + READ_SIZE);
	part = (struct iovec){asked->bytes->data + before, READ_SIZE};
	n = recvmsg(asked->fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	rc = n < 0 ? -errno : n == 0 ? -ECONNRESET : 0;
	g_byte_array_set_size(asked->bytes, before + (n > 0 ? (guint)n : 0));
	if (n > 0) {
		take_fds(asked, &message);
	}
	return rc == -EAGAIN || rc == -EINTR ? 0 : rc;
}

/* One line as an object; NULL with why. */
static JsonNode *next_line(struct asked *asked, gint64 deadline, char *why, size_t why_size)
{
	const char *wrong;
	JsonNode *node;
	guint8 *end;
	guint seen = 0;
	int rc = 0;

	for (;;) {
		end = asked->bytes->len > seen
			? memchr(asked->bytes->data + seen, '\n', asked->bytes->len - seen)
			: NULL;
		if (end) {
			break;
		}
		seen = asked->bytes->len;
		rc = seen > LINE_MAX_BYTES ? -EMSGSIZE : receive(asked, deadline);
		if (rc < 0) {
			snprintf(why, why_size, "%s: the bridge %s", asked->path,
				rc == -ETIMEDOUT            ? "does not answer; is it stopped?"
					: rc == -ECONNRESET ? "ended, or ended this connection"
							    : strerror(-rc));
			return NULL;
		}
	}
	node = line_parse((const char *)asked->bytes->data, (gsize)(end - asked->bytes->data),
		&limits, &wrong);
	if (!node) {
		snprintf(why, why_size, "%s: what answers is no bridge: %s", asked->path, wrong);
		return NULL;
	}
	g_byte_array_remove_range(asked->bytes, 0, (guint)(end - asked->bytes->data) + 1);
	return node;
}

/* The sentence of {"error": {"text": ...}}, or NULL. */
static const char *error_text(JsonObject *object)
{
	JsonObject *error = member_object(object, "error");

	return error ? member_string(error, "text") : NULL;
}

static int greet(struct asked *asked, char *why, size_t why_size)
{
	gint64 deadline = g_get_monotonic_time() + GREETING_MS * G_GINT64_CONSTANT(1000);
	JsonNode *node = next_line(asked, deadline, why, why_size);
	JsonObject *object = node ? json_node_get_object(node) : NULL;
	int rc = -EPROTO;

	if (!node) {
		return rc;
	}
	if (error_text(object)) {
		snprintf(why, why_size, "%s: %s", asked->path, error_text(object));
	} else if (g_strcmp0(member_string(object, "program"), "vgpu-bridge") != 0) {
		snprintf(why, why_size, "%s: what answers is no bridge; name its control socket",
			asked->path);
	} else if (member_int(object, "protocol", 0) != COMMAND_PROTOCOL) {
		snprintf(why, why_size,
			"%s: that bridge (%s) speaks protocol %d and we speak %d; use the program "
			"that it was started from",
			asked->path,
			member_string(object, "version") ? member_string(object, "version")
							 : "of no version",
			(int)member_int(object, "protocol", 0), COMMAND_PROTOCOL);
	} else {
		asked->name = g_strdup(member_string(object, "name"));
		rc = 0;
	}
	json_node_unref(node);
	return rc;
}

struct asked *ask_open(const char *on, char *why, size_t why_size)
{
	struct asked *asked;
	char *path;
	int fd;

	if (!on) {
		path = find_only(why, why_size);
	} else if (strchr(on, '/')) {
		path = g_strdup(on);
	} else {
		path = find_named(on, why, why_size);
	}
	if (!path) {
		return NULL;
	}
	fd = dial(path);
	if (fd < 0) {
		snprintf(why, why_size, "%s: %s; %s", path, strerror(-fd),
			fd == -ECONNREFUSED       ? "the bridge that it was of has ended"
				: fd == -EACCES   ? "be the user that the bridge runs as, or root"
				: fd == -ENOTSOCK ? "name a control socket"
						  : "name a control socket that is there");
		g_free(path);
		return NULL;
	}
	asked = g_new0(struct asked, 1);
	asked->fd = fd;
	asked->path = path;
	asked->came = -1;
	asked->bytes = g_byte_array_new();
	g_queue_init(&asked->events);
	if (greet(asked, why, why_size) < 0) {
		ask_close(asked);
		return NULL;
	}
	return asked;
}

void ask_close(struct asked *asked)
{
	if (!asked) {
		return;
	}
	close(asked->fd);
	if (asked->came >= 0) {
		close(asked->came);
	}
	g_queue_clear_full(&asked->events, (GDestroyNotify)json_node_unref);
	g_byte_array_unref(asked->bytes);
	g_free(asked->path);
	g_free(asked->name);
	g_free(asked);
}

const char *ask_name(const struct asked *asked)
{
	return asked->name ? asked->name : asked->path;
}

static int send_all(struct asked *asked, const char *text, size_t size, gint64 deadline)
{
	while (size) {
		ssize_t n = send(asked->fd, text, size, MSG_NOSIGNAL | MSG_DONTWAIT);
		struct pollfd poll_fd = {.fd = asked->fd, .events = POLLOUT};

		if (n >= 0) {
			text += n;
			size -= (size_t)n;
		} else if (errno == EAGAIN) {
			int wait = (int)MAX((deadline - g_get_monotonic_time()) / 1000, 0);

			if (poll(&poll_fd, 1, wait) == 0) {
				return -ETIMEDOUT;
			}
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

static int send_request(struct asked *asked, const char *command, JsonObject *arguments,
	gint64 deadline, char *why, size_t why_size)
{
	JsonObject *object = json_object_new();
	JsonNode *node = json_node_init_object(json_node_alloc(), object);
	GString *line;
	char *text;
	int rc;

	json_object_set_int_member(object, "id", ++asked->last_id);
	json_object_set_string_member(object, "command", command);
	if (arguments) {
		json_object_set_object_member(object, "arguments", arguments);
	}
	text = line_text(node);
	line = g_string_sized_new(strlen(text) + 2);
	g_string_append(line, text);
	g_string_append_c(line, '\n');
	rc = send_all(asked, line->str, line->len, deadline);
	/* It may hold a password. */
	explicit_bzero(line->str, line->len);
	explicit_bzero(text, strlen(text));
	g_string_free(line, TRUE);
	g_free(text);
	json_node_unref(node);
	json_object_unref(object);
	if (rc < 0) {
		snprintf(why, why_size, "%s: the bridge takes no request: %s", asked->path,
			strerror(-rc));
	}
	return rc;
}

JsonNode *ask(struct asked *asked, const char *command, JsonObject *arguments, int *fd, char *why,
	size_t why_size)
{
	gint64 deadline = g_get_monotonic_time() + ANSWER_MS * G_GINT64_CONSTANT(1000);
	JsonNode *node, *value = NULL;
	JsonObject *object;

	if (fd) {
		*fd = -1;
	}
	if (send_request(asked, command, arguments, deadline, why, why_size) < 0) {
		return NULL;
	}
	while ((node = next_line(asked, deadline, why, why_size)) != NULL) {
		object = json_node_get_object(node);
		if (json_object_has_member(object, "event")) {
			if (g_queue_get_length(&asked->events) < EVENTS_MAX) {
				g_queue_push_tail(&asked->events, node);
			} else {
				json_node_unref(node);
			}
			continue;
		}
		if (json_object_has_member(object, "id") &&
			member_int(object, "id", 0) != asked->last_id) {
			json_node_unref(node);
			continue;
		}
		if (json_object_has_member(object, "return")) {
			value = json_object_dup_member(object, "return");
		} else {
			snprintf(why, why_size, "%s",
				error_text(object) ? error_text(object) : "the bridge says no");
		}
		json_node_unref(node);
		break;
	}
	if (value && fd) {
		*fd = asked->came;
		asked->came = -1;
	}
	return value;
}

JsonNode *ask_event(struct asked *asked, char *why, size_t why_size)
{
	JsonNode *node = g_queue_pop_head(&asked->events);

	while (!node && (node = next_line(asked, -1, why, why_size)) != NULL &&
		!json_object_has_member(json_node_get_object(node), "event")) {
		json_node_unref(node);
		node = NULL;
	}
	return node;
}
