/* SPDX-License-Identifier: MIT */
#include "bridge/qmp.h"

#include <errno.h>
#include <glib-unix.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bridge/log.h"
#include "bridge/members.h"
#include "bridge/qmp_out.h"
#include "bridge/qmp_scan.h"

#define RETRY_FIRST_MS 250
#define RETRY_MAX_MS 2000
#define SILENT_MS 5000 /* a monitor greets and answers at once, unless somebody else has it */
#define STEADY_US (5 * G_USEC_PER_SEC) /* a connection that held so long was a good one */
#define WAITING_MAX 1024 /* commands that QEMU has read and not answered */
#define READ_SIZE 16384 /* in one turn of the main loop, so that others get theirs */

enum state {
	STATE_OFF,
	STATE_GREETING, /* connected, QEMU has said nothing yet */
	STATE_NEGOTIATING, /* qmp_capabilities is on its way */
	STATE_READY,
};

struct listening {
	const struct qmp_events *events;
	void *data;
};

struct waiting {
	qmp_answer answer;
	void *data;
};

struct qmp {
	char *text; /* what it is called in the log */
	struct sockaddr_un name;
	int (*dial)(void *data); /* NULL: by the name */
	void *dial_data;
	GArray *listeners; /* struct listening */
	struct qmp_counters counters;

	enum state state;
	int fd;
	guint in, writable; /* watches of the fd; 0: none */
	guint timer; /* until the next try, or until the silence is told of */
	unsigned retry_ms;
	/* What the log has said since the last connection that held; see tell_why_not(). */
	bool told_lost, told_connected;
	int64_t since; /* us, when the state became READY */

	struct qmp_scan scan;
	GByteArray *object; /* read so far */
	struct qmp_out out;
	GHashTable *waiting; /* id: struct waiting */
	int64_t last_id;
};

static void connect_now(struct qmp *qmp);
static gboolean on_readable(gint fd, GIOCondition condition, gpointer data);

static gboolean on_retry(gpointer data)
{
	struct qmp *qmp = data;

	qmp->timer = 0;
	connect_now(qmp);
	return G_SOURCE_REMOVE;
}

static void retry_later(struct qmp *qmp)
{
	qmp->timer = g_timeout_add(qmp->retry_ms, on_retry, qmp);
	qmp->retry_ms = MIN(qmp->retry_ms * 2, RETRY_MAX_MS);
}

/* Once for each time that a good connection ended: who comes and goes must not fill the log. */
static void tell_why_not(struct qmp *qmp, const char *sentence)
{
	if (!qmp->told_lost) {
		log_warning("QMP %s: %s; trying again until it works", qmp->text, sentence);
		qmp->told_lost = true;
	} else {
		log_debug("QMP %s: %s", qmp->text, sentence);
	}
}

static void forget_source(guint *source)
{
	if (*source) {
		g_source_remove(*source);
		*source = 0;
	}
}

static void close_socket(struct qmp *qmp)
{
	forget_source(&qmp->in);
	forget_source(&qmp->writable);
	forget_source(&qmp->timer);
	if (qmp->fd >= 0) {
		close(qmp->fd);
		qmp->fd = -1;
	}
	qmp_out_clear(&qmp->out);
	g_byte_array_set_size(qmp->object, 0);
	qmp->scan = (struct qmp_scan){0};
	qmp->state = STATE_OFF;
}

static void tell_connected(struct qmp *qmp, bool connected)
{
	for (guint i = 0; i < qmp->listeners->len; i++) {
		const struct listening *l = &g_array_index(qmp->listeners, struct listening, i);

		if (l->events->connected) {
			l->events->connected(l->data, connected);
		}
	}
}

static void answer_all(struct qmp *qmp, const char *why)
{
	GHashTable *waiting = qmp->waiting;
	GHashTableIter iter;
	gpointer value;

	/* Who is told may send the next command; that fails, but it must find a table. */
	qmp->waiting = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
	g_hash_table_iter_init(&iter, waiting);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct waiting *w = value;

		if (w->answer) {
			w->answer(w->data, NULL, why);
		}
	}
	g_hash_table_unref(waiting);
}

static void lose(struct qmp *qmp, const char *why)
{
	bool ready = qmp->state == STATE_READY;

	close_socket(qmp);
	qmp->counters.failures += !ready;
	if (ready) {
		qmp->counters.losses++;
		if (g_get_monotonic_time() - qmp->since > STEADY_US) {
			qmp->retry_ms = RETRY_FIRST_MS;
			qmp->told_lost = false;
			qmp->told_connected = false;
		}
	}
	tell_why_not(qmp, why);
	retry_later(qmp);
	answer_all(qmp, "the connection to QEMU ended");
	if (ready) {
		tell_connected(qmp, false);
	}
}

static gboolean on_writable(gint fd, GIOCondition condition, gpointer data)
{
	struct qmp *qmp = data;

	if (!qmp_out_send(&qmp->out, qmp->fd)) {
		qmp->writable = 0;
		shutdown(qmp->fd, SHUT_RDWR); /* on_readable() finds the end */
		return G_SOURCE_REMOVE;
	}
	if (!qmp_out_empty(&qmp->out)) {
		return G_SOURCE_CONTINUE;
	}
	qmp->writable = 0;
	return G_SOURCE_REMOVE;
}

static char *command_text(const char *name, JsonObject *arguments, int64_t id)
{
	JsonObject *command = json_object_new();
	JsonNode *node = json_node_alloc();
	JsonGenerator *generator = json_generator_new();
	char *line, *text;

	json_object_set_string_member(command, "execute", name);
	if (arguments) {
		json_object_set_object_member(command, "arguments", json_object_ref(arguments));
	}
	json_object_set_int_member(command, "id", id);
	json_node_init_object(node, command);
	json_object_unref(command);
	json_generator_set_root(generator, node);
	line = json_generator_to_data(generator, NULL);
	text = g_strconcat(line, "\n", NULL);
	g_free(line);
	g_object_unref(generator);
	json_node_unref(node);
	return text;
}

static int send_command(struct qmp *qmp, const char *name, JsonObject *arguments, int fd,
	qmp_answer answer, void *data)
{
	struct waiting *w;
	int64_t id = qmp->last_id + 1, *key;
	int rc;

	if (g_hash_table_size(qmp->waiting) >= WAITING_MAX) {
		return -EAGAIN;
	}
	rc = qmp_out_add(&qmp->out, command_text(name, arguments, id), fd);
	if (rc < 0) {
		return rc;
	}
	qmp->last_id = id;
	key = g_new(int64_t, 1);
	*key = id;
	w = g_new(struct waiting, 1);
	*w = (struct waiting){answer, data};
	g_hash_table_insert(qmp->waiting, key, w);
	qmp->counters.commands++;
	if (qmp->writable) {
		return 0;
	}
	if (!qmp_out_send(&qmp->out, qmp->fd)) {
		/* The answer tells: this may be the middle of a callback. */
		shutdown(qmp->fd, SHUT_RDWR);
	} else if (!qmp_out_empty(&qmp->out)) {
		qmp->writable = g_unix_fd_add(qmp->fd, G_IO_OUT, on_writable, qmp);
	}
	return 0;
}

int qmp_command(struct qmp *qmp, const char *name, JsonObject *arguments, int fd, qmp_answer answer,
	void *data)
{
	int rc = -ENOTCONN;

	if (qmp->state == STATE_READY) {
		rc = send_command(qmp, name, arguments, fd, answer, data);
	}
	if (rc < 0) {
		qmp->counters.dropped++;
	}
	if (arguments) {
		json_object_unref(arguments);
	}
	return rc;
}

static void negotiated(void *data, JsonNode *answer, const char *why)
{
	struct qmp *qmp = data;

	if (!answer) {
		return; /* on_readable() ends it, or has */
	}
	forget_source(&qmp->timer);
	qmp->state = STATE_READY;
	qmp->since = g_get_monotonic_time();
	qmp->counters.connects++;
	if (qmp->told_connected) {
		log_debug("QMP %s: connected", qmp->text);
	} else {
		log_info("QMP %s: connected", qmp->text);
		qmp->told_connected = true;
	}
	tell_connected(qmp, true);
}

static const char *handle_greeting(struct qmp *qmp, JsonObject *object)
{
	JsonObject *greeting = member_object(object, "QMP");
	JsonObject *version = greeting ? member_object(greeting, "version") : NULL;
	JsonObject *qemu = version ? member_object(version, "qemu") : NULL;

	if (!greeting) {
		return "what listens there does not greet as QEMU does; name a socket of a -qmp option";
	}
	log_debug("QMP %s: QEMU %" PRId64 ".%" PRId64, qmp->text,
		qemu ? member_int(qemu, "major", -1) : -1,
		qemu ? member_int(qemu, "minor", -1) : -1);
	qmp->state = STATE_NEGOTIATING;
	if (send_command(qmp, "qmp_capabilities", NULL, -1, negotiated, qmp) < 0) {
		return "the capabilities could not be negotiated";
	}
	return NULL;
}

static void handle_event(struct qmp *qmp, const char *name, JsonObject *object)
{
	for (guint i = 0; i < qmp->listeners->len; i++) {
		const struct listening *l = &g_array_index(qmp->listeners, struct listening, i);

		if (l->events->event) {
			l->events->event(l->data, name, object);
		}
	}
}

static const char *handle_answer(struct qmp *qmp, JsonObject *object)
{
	JsonNode *answer = json_object_get_member(object, "return");
	JsonObject *error = member_object(object, "error");
	int64_t id = member_int(object, "id", -1);
	struct waiting *w, waiting;
	const char *why;

	if (error) {
		qmp->counters.errors++;
	}
	w = g_hash_table_lookup(qmp->waiting, &id);
	if (!w) {
		return error ? NULL : "QEMU answers what was not asked";
	}
	waiting = *w;
	g_hash_table_remove(qmp->waiting, &id);
	if (!answer) {
		why = error ? member_string(error, "desc") : NULL;
		if (!waiting.answer) {
			log_debug("QMP %s: %s", qmp->text, why ? why : "an error");
			return NULL;
		}
		waiting.answer(waiting.data, NULL, why ? why : "QEMU refused without a reason");
		return qmp->state == STATE_NEGOTIATING ? "QEMU refuses qmp_capabilities" : NULL;
	}
	if (waiting.answer) {
		waiting.answer(waiting.data, answer, NULL);
	}
	return NULL;
}

/* NULL, or what is so wrong that the connection ends. */
static const char *handle_object(struct qmp *qmp, JsonObject *object)
{
	const char *event = member_string(object, "event");

	if (qmp->state == STATE_GREETING) {
		return handle_greeting(qmp, object);
	}
	if (event) {
		/* Before the capabilities there are none; let nobody act on one that comes. */
		if (qmp->state == STATE_READY) {
			handle_event(qmp, event, member_object(object, "data"));
		}
		return NULL;
	}
	return handle_answer(qmp, object);
}

static const char *parse_object(struct qmp *qmp)
{
	const char *why = "QEMU sends what is no JSON";
	JsonParser *parser = json_parser_new();
	JsonNode *root;

	if (json_parser_load_from_data(
		    parser, (const char *)qmp->object->data, (gssize)qmp->object->len, NULL)) {
		root = json_parser_get_root(parser);
		if (root && JSON_NODE_HOLDS_OBJECT(root)) {
			why = handle_object(qmp, json_node_get_object(root));
		}
	}
	g_object_unref(parser);
	g_byte_array_set_size(qmp->object, 0);
	return why;
}

static const char *feed(struct qmp *qmp, const char *data, size_t size)
{
	const char *why = NULL;

	while (size && !why) {
		size_t blank, used;
		enum qmp_scan_verdict verdict = qmp_scan(&qmp->scan, data, size, &blank, &used);

		if (verdict == QMP_SCAN_GARBAGE) {
			return "what listens there does not speak QMP; name a socket of a -qmp option";
		}
		if (verdict == QMP_SCAN_LONG) {
			return "QEMU sends an object without an end";
		}
		g_byte_array_append(
			qmp->object, (const guint8 *)data + blank, (guint)(used - blank));
		if (verdict == QMP_SCAN_OBJECT) {
			why = parse_object(qmp);
		}
		data += used;
		size -= used;
	}
	return why;
}

static gboolean on_readable(gint fd, GIOCondition condition, gpointer data)
{
	struct qmp *qmp = data;
	const char *why = NULL;
	char buffer[READ_SIZE];
	ssize_t n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);

	if (n > 0) {
		why = feed(qmp, buffer, (size_t)n);
	} else if (n == 0) {
		why = qmp->state == STATE_READY ? "QEMU has closed the connection"
						: "the connection was closed at once";
	} else if (errno != EAGAIN && errno != EINTR) {
		why = strerror(errno);
	}
	if (!why) {
		return G_SOURCE_CONTINUE;
	}
	qmp->in = 0;
	lose(qmp, why);
	return G_SOURCE_REMOVE;
}

static gboolean on_silent(gpointer data)
{
	struct qmp *qmp = data;

	qmp->timer = 0;
	tell_why_not(qmp,
		qmp->state == STATE_GREETING
			? "connected, but QEMU does not greet: a monitor serves one program at a "
			  "time, give the bridge one of its own"
			: "connected, but QEMU does not answer; look whether it stands still");
	return G_SOURCE_REMOVE;
}

/* 0 or errno. */
static int open_socket(struct qmp *qmp)
{
	if (qmp->dial) {
		qmp->fd = qmp->dial(qmp->dial_data);
		return qmp->fd < 0 ? -qmp->fd : 0;
	}
	qmp->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* A unix socket connects at once or not at all: EAGAIN is a full queue there. */
	if (qmp->fd < 0 ||
		connect(qmp->fd, (const struct sockaddr *)&qmp->name, sizeof(qmp->name)) < 0) {
		return errno;
	}
	return 0;
}

static void connect_now(struct qmp *qmp)
{
	char text[128];
	int error;

	error = open_socket(qmp);
	if (!error) {
		qmp->state = STATE_GREETING;
		qmp->in = g_unix_fd_add(qmp->fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, qmp);
		qmp->timer = g_timeout_add(SILENT_MS, on_silent, qmp);
		return;
	}
	close_socket(qmp);
	qmp->counters.failures++;
	snprintf(text, sizeof(text), "%s", strerror(error));
	if (error == EACCES || error == EPERM) {
		snprintf(text, sizeof(text),
			"%s: let the bridge's user write to the socket and enter its directory",
			strerror(error));
	} else if (error == ENOENT || error == ECONNREFUSED) {
		snprintf(text, sizeof(text), "QEMU does not listen there (%s)", strerror(error));
	}
	tell_why_not(qmp, text);
	retry_later(qmp);
}

/* The first try too comes from the main loop: callers add their events after this. */
static struct qmp *create(const char *text)
{
	struct qmp *qmp = g_new0(struct qmp, 1);

	qmp->text = g_strdup(text);
	qmp->listeners = g_array_new(FALSE, FALSE, sizeof(struct listening));
	qmp->object = g_byte_array_new();
	qmp_out_init(&qmp->out);
	qmp->waiting = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
	qmp->fd = -1;
	qmp->retry_ms = RETRY_FIRST_MS;
	qmp->timer = g_timeout_add(0, on_retry, qmp);
	return qmp;
}

struct qmp *qmp_create_dialled(const char *name, int (*dial)(void *data), void *data)
{
	struct qmp *qmp = create(name);

	qmp->dial = dial;
	qmp->dial_data = data;
	return qmp;
}

struct qmp *qmp_create(const char *path, char *why, size_t why_size)
{
	struct qmp *qmp;
	size_t length = strlen(path);

	if (!length || length >= sizeof(qmp->name.sun_path)) {
		snprintf(why, why_size,
			"the path of the QMP socket has %zu bytes, a socket's has 1 to %zu: '%s'",
			length, sizeof(qmp->name.sun_path) - 1, path);
		errno = EINVAL;
		return NULL;
	}
	qmp = create(path);
	qmp->name.sun_family = AF_UNIX;
	memcpy(qmp->name.sun_path, path, length);
	return qmp;
}

void qmp_settle(struct qmp *qmp, int ms)
{
	int64_t end = g_get_monotonic_time() + ms * 1000LL;
	int64_t left;

	while (qmp->state == STATE_READY && g_hash_table_size(qmp->waiting) &&
		(left = end - g_get_monotonic_time()) > 0) {
		struct pollfd poll_fd = {.fd = qmp->fd, .events = POLLIN};
		guint in = qmp->in;

		if (poll(&poll_fd, 1, (int)(left / 1000 + 1)) > 0 &&
			!on_readable(qmp->fd, G_IO_IN, qmp)) {
			g_source_remove(in);
		}
	}
}

void qmp_destroy(struct qmp *qmp)
{
	if (!qmp) {
		return;
	}
	close_socket(qmp);
	g_hash_table_unref(qmp->waiting);
	g_byte_array_unref(qmp->object);
	g_array_unref(qmp->listeners);
	g_free(qmp->text);
	g_free(qmp);
}

void qmp_add_events(struct qmp *qmp, const struct qmp_events *events, void *data)
{
	struct listening listening = {events, data};

	g_array_append_val(qmp->listeners, listening);
}

bool qmp_is_connected(const struct qmp *qmp)
{
	return qmp->state == STATE_READY;
}

const struct qmp_counters *qmp_counters(const struct qmp *qmp)
{
	return &qmp->counters;
}
