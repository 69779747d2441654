/* SPDX-License-Identifier: MIT */
/*
 * Relays between a socket of ours, which plays QEMU, and a channel of ours, which plays the library.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <spice/vd_agent.h>

#include "bridge/relay.h"
#include "spice/port.h"

#define WAIT_MS 20000
#define MIB (1024 * 1024)

/* The library's side: at most one port, whose calls the test makes. */
struct spice_port {
	char subtype[16];
	char name[64];
	const struct spice_port_ops *ops;
	void *data;
	bool viewer; /* reads and writes */
	size_t read_max; /* bytes at a time; 0: none */
	GString *got; /* read from the guest */
	const uint8_t *send; /* to the guest */
	size_t send_size;
	unsigned wakes;
};

static struct spice_port *port;
static unsigned ports_made;
static bool refuse_port;

struct spice_port *spice_port_create(struct spice_sink *sink, const char *subtype, const char *name,
	const struct spice_port_ops *ops, void *data, char *why, size_t why_size)
{
	if (refuse_port) {
		snprintf(why, why_size, "no");
		errno = EBUSY;
		return NULL;
	}
	assert_null(port);
	port = g_new0(struct spice_port, 1);
	g_strlcpy(port->subtype, subtype, sizeof(port->subtype));
	g_strlcpy(port->name, name ? name : "", sizeof(port->name));
	port->ops = ops;
	port->data = data;
	port->read_max = SIZE_MAX;
	port->got = g_string_new(NULL);
	ports_made++;
	return port;
}

void spice_port_destroy(struct spice_port *p)
{
	if (p) {
		assert_ptr_equal(p, port);
		g_string_free(p->got, TRUE);
		g_free(p);
		port = NULL;
	}
}

void spice_port_wake(struct spice_port *p)
{
	uint8_t bytes[40000];
	size_t n;

	assert_ptr_equal(p, port);
	p->wakes++;
	if (!p->viewer) {
		return;
	}
	n = p->read_max ? p->ops->read(p->data, bytes, MIN(p->read_max, sizeof(bytes))) : 0;
	g_string_append_len(p->got, (char *)bytes, n);
	while (p->send_size) {
		n = p->ops->write(p->data, p->send, p->send_size);
		if (!n) {
			break;
		}
		p->send += n;
		p->send_size -= n;
	}
}

static void viewer(bool connected)
{
	port->viewer = connected;
	port->ops->state(port->data, connected);
	if (port && connected) {
		spice_port_wake(port);
	}
}

/* QEMU's side */

struct qemu {
	char folder[64];
	char path[100];
	int listener;
	int fd;
	struct relay *relay;
};

static void listen_again(struct qemu *qemu)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	g_unlink(qemu->path);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", qemu->path);
	qemu->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(qemu->listener >= 0);
	assert_int_equal(bind(qemu->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(qemu->listener, 1), 0);
}

static struct relay *create(struct qemu *qemu, enum relay_kind kind, const char *name)
{
	char why[256] = "";

	qemu->relay = relay_create(NULL,
		&(struct relay_options){.kind = kind, .name = name, .path = qemu->path}, why,
		sizeof(why));
	if (!qemu->relay) {
		fail_msg("%s", why);
	}
	return qemu->relay;
}

static int setup(void **state)
{
	struct qemu *qemu = g_new0(struct qemu, 1);

	strcpy(qemu->folder, "/tmp/test-relay-XXXXXX");
	assert_non_null(mkdtemp(qemu->folder));
	snprintf(qemu->path, sizeof(qemu->path), "%s/s", qemu->folder);
	qemu->fd = qemu->listener = -1;
	ports_made = 0;
	refuse_port = false;
	*state = qemu;
	return 0;
}

static int teardown(void **state)
{
	struct qemu *qemu = *state;

	relay_destroy(qemu->relay);
	assert_null(port);
	if (qemu->fd >= 0) {
		close(qemu->fd);
	}
	if (qemu->listener >= 0) {
		close(qemu->listener);
	}
	g_unlink(qemu->path);
	g_rmdir(qemu->folder);
	g_free(qemu);
	return 0;
}

static gboolean on_tick(gpointer data)
{
	return G_SOURCE_CONTINUE;
}

#define wait_for(condition)                                                              \
	do {                                                                             \
		gint64 deadline = g_get_monotonic_time() + WAIT_MS * (gint64)1000;       \
		guint tick = g_timeout_add(5, on_tick, NULL);                            \
                                                                                         \
		while (!(condition)) {                                                   \
			if (g_get_monotonic_time() > deadline) {                         \
				fail_msg("line %d: not in %d ms: %s", __LINE__, WAIT_MS, \
					#condition);                                     \
			}                                                                \
			g_main_context_iteration(NULL, TRUE);                            \
		}                                                                        \
		g_source_remove(tick);                                                   \
	} while (0)

static void run_ms(unsigned ms)
{
	gint64 end = g_get_monotonic_time() + ms * (gint64)1000;

	wait_for(g_get_monotonic_time() > end);
}

static bool accepted(struct qemu *qemu)
{
	qemu->fd = accept4(qemu->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	return qemu->fd >= 0;
}

static void hang_up(struct qemu *qemu)
{
	close(qemu->fd);
	qemu->fd = -1;
}

static bool hung_up(struct qemu *qemu)
{
	char c[4096];
	ssize_t n;

	while ((n = recv(qemu->fd, c, sizeof(c), 0)) > 0) {
	}
	return n == 0;
}

static uint8_t *noise(size_t size, uint32_t seed)
{
	uint8_t *bytes = g_malloc(size);

	for (size_t i = 0; i < size; i++) {
		seed = seed * 1664525 + 1013904223;
		bytes[i] = seed >> 24;
	}
	return bytes;
}

static void begin_port(struct qemu *qemu)
{
	listen_again(qemu);
	create(qemu, RELAY_PORT, "some.port");
	wait_for(accepted(qemu));
	wait_for(port);
}

/* Both directions at once, MBs, with pieces of all sizes. */
static void test_bytes(void **state)
{
	struct qemu *qemu = *state;
	size_t size = 5 * MIB, sent = 0, received = 0;
	uint8_t *down = noise(size, 1), *up = noise(size, 2), *back = g_malloc(size);
	uint32_t seed = 3;

	begin_port(qemu);
	assert_string_equal(port->subtype, "port");
	assert_string_equal(port->name, "some.port");
	port->send = up;
	port->send_size = size;
	viewer(true);
	while (port->got->len < size || received < size) {
		ssize_t n;

		seed = seed * 1664525 + 1013904223;
		port->read_max = seed >> 16 & 0x3fff;
		if (seed & 0x100 && sent < size) {
			n = send(qemu->fd, down + sent, MIN(size - sent, seed >> 14), MSG_NOSIGNAL);
			sent += MAX(n, 0);
		}
		if (seed & 0x200) {
			n = recv(qemu->fd, back + received, MIN(size - received, seed >> 14), 0);
			received += MAX(n, 0);
		}
		spice_port_wake(port);
		g_main_context_iteration(NULL, FALSE);
	}
	assert_int_equal(sent, size);
	assert_memory_equal(port->got->str, down, size);
	assert_memory_equal(back, up, size);
	assert_int_equal(relay_counters(qemu->relay)->from_guest, size);
	assert_int_equal(relay_counters(qemu->relay)->to_guest, size);
	assert_int_equal(relay_counters(qemu->relay)->dropped, 0);
	assert_int_equal(relay_counters(qemu->relay)->unheard, 0);
	assert_int_equal(relay_counters(qemu->relay)->losses, 0);
	g_free(down);
	g_free(up);
	g_free(back);
}

/* A viewer that does not read holds the guest up, after a bounded number of bytes. */
static void test_slow_viewer(void **state)
{
	struct qemu *qemu = *state;
	uint8_t *bytes = noise(4 * MIB, 4);
	size_t sent = 0, stuck = 0;

	begin_port(qemu);
	port->read_max = 0;
	viewer(true);
	while (stuck < 50) {
		ssize_t n = send(qemu->fd, bytes + sent, 4 * MIB - sent, MSG_NOSIGNAL);

		sent += MAX(n, 0);
		stuck = n > 0 ? 0 : stuck + 1;
		g_main_context_iteration(NULL, FALSE);
	}
	assert_true(sent < MIB);
	assert_true(relay_counters(qemu->relay)->from_guest <= 64 * 1024);
	/* It reads again, and nothing is missing. */
	port->read_max = SIZE_MAX;
	spice_port_wake(port);
	wait_for(port->got->len == sent);
	assert_memory_equal(port->got->str, bytes, sent);
	g_free(bytes);
}

/* A guest that does not read holds the viewer up. */
static void test_slow_guest(void **state)
{
	struct qemu *qemu = *state;
	size_t size = 4 * MIB, received = 0;
	uint8_t *bytes = noise(size, 5), *back = g_malloc(size);
	unsigned wakes;

	begin_port(qemu);
	port->send = bytes;
	port->send_size = size;
	viewer(true);
	run_ms(50);
	assert_true(port->send_size > size - MIB);
	wakes = port->wakes;
	run_ms(100);
	assert_int_equal(port->wakes, wakes); /* and nobody spins meanwhile */
	while (received < size) {
		ssize_t n = recv(qemu->fd, back + received, size - received, 0);

		received += MAX(n, 0);
		g_main_context_iteration(NULL, FALSE);
	}
	assert_memory_equal(back, bytes, size);
	g_free(bytes);
	g_free(back);
}

/* QEMU comes late, goes in mid-stream and comes again: the channel is there while it is. */
static void test_reconnect(void **state)
{
	struct qemu *qemu = *state;
	uint8_t *bytes = noise(MIB, 6);
	const struct relay_counters *c;

	c = relay_counters(create(qemu, RELAY_USBREDIR, NULL));
	run_ms(300);
	assert_null(port);
	assert_false(relay_connected(qemu->relay));
	listen_again(qemu);
	wait_for(accepted(qemu));
	wait_for(port);
	assert_string_equal(port->subtype, "usbredir");
	assert_int_equal(c->connects, 1);
	for (unsigned i = 1; i < 3; i++) {
		port->send = bytes;
		port->send_size = MIB;
		viewer(true);
		assert_true(send(qemu->fd, bytes, MIB, MSG_NOSIGNAL) > 0);
		port->read_max = 0;
		hang_up(qemu);
		wait_for(!port);
		assert_int_equal(c->losses, i);
		wait_for(accepted(qemu));
		wait_for(port);
		assert_int_equal(c->connects, i + 1);
		/* What was on its way is told, and none of it comes to the next. */
		assert_true(c->dropped > 0);
		viewer(true);
		assert_int_equal(send(qemu->fd, "hello", 5, MSG_NOSIGNAL), 5);
		wait_for(port->got->len);
		assert_string_equal(port->got->str, "hello");
		run_ms(1);
		assert_true(recv(qemu->fd, bytes, 1, 0) < 0 && errno == EAGAIN);
	}
	g_free(bytes);
}

/* Each viewer gets a connection of its own, and QEMU's first words with it. */
static void test_viewers(void **state)
{
	struct qemu *qemu = *state;
	const struct relay_counters *c;
	int old;

	begin_port(qemu);
	c = relay_counters(qemu->relay);
	assert_int_equal(send(qemu->fd, "greeting", 8, MSG_NOSIGNAL), 8);
	run_ms(10);
	viewer(true); /* the words have waited for it */
	wait_for(port->got->len == 8);
	for (unsigned i = 1; i < 4; i++) {
		old = qemu->fd;
		viewer(false);
		wait_for(accepted(qemu));
		wait_for(port);
		close(old);
		assert_int_equal(ports_made, i + 1);
		assert_int_equal(c->renewals, i);
		assert_int_equal(send(qemu->fd, "greeting", 8, MSG_NOSIGNAL), 8);
		viewer(true);
		wait_for(port->got->len == 8);
	}
	assert_int_equal(c->losses, 0);
	assert_int_equal(c->dropped, 0);
}

/* While nobody listens a guest may say what it wants: it is not held up. */
static void test_unheard(void **state)
{
	struct qemu *qemu = *state;
	uint8_t *bytes = noise(MIB, 7);
	size_t sent = 0;
	int old;

	begin_port(qemu);
	while (sent < MIB) {
		ssize_t n = send(qemu->fd, bytes + sent, MIB - sent, MSG_NOSIGNAL);

		sent += MAX(n, 0);
		g_main_context_iteration(NULL, FALSE);
	}
	wait_for(relay_counters(qemu->relay)->from_guest == MIB);
	assert_true(relay_counters(qemu->relay)->unheard > 0);
	/* The end of it is of no use to a viewer: it gets a new connection, in the same channel. */
	old = qemu->fd;
	port->send = (const uint8_t *)"question";
	port->send_size = 8;
	viewer(true);
	assert_int_equal(port->send_size, 8);
	wait_for(accepted(qemu));
	assert_int_equal(ports_made, 1);
	wait_for(!port->send_size);
	assert_int_equal(recv(qemu->fd, bytes, MIB, 0), 8);
	assert_int_equal(send(qemu->fd, "answer", 6, MSG_NOSIGNAL), 6);
	wait_for(port->got->len);
	assert_string_equal(port->got->str, "answer");
	close(old);
	g_free(bytes);
}

/* The guest's agent is asked, and takes over with its first word. */
static void test_agent(void **state)
{
	struct qemu *qemu = *state;
	struct {
		VDIChunkHeader chunk;
		VDAgentMessage message;
	} __attribute__((packed)) head;
	uint8_t bytes[512];

	listen_again(qemu);
	create(qemu, RELAY_AGENT, NULL);
	wait_for(accepted(qemu));
	wait_for(recv(qemu->fd, bytes, sizeof(bytes), MSG_PEEK) > 0);
	assert_true(recv(qemu->fd, bytes, sizeof(bytes), 0) > (ssize_t)sizeof(head));
	memcpy(&head, bytes, sizeof(head));
	assert_int_equal(GUINT32_FROM_LE(head.message.type), VD_AGENT_ANNOUNCE_CAPABILITIES);
	assert_true(relay_connected(qemu->relay));
	run_ms(50);
	assert_null(port);
	assert_false(relay_open(qemu->relay));
	assert_int_equal(send(qemu->fd, "abc", 3, MSG_NOSIGNAL), 3);
	wait_for(port);
	assert_string_equal(port->subtype, "vdagent");
	port->viewer = true;
	spice_port_wake(port);
	assert_string_equal(port->got->str, "abc");
	/* The library says that this was no agent. */
	port->ops->state(port->data, false);
	wait_for(!port);
	assert_int_equal(relay_counters(qemu->relay)->losses, 1);
	wait_for(hung_up(qemu));
	close(qemu->fd);
	wait_for(accepted(qemu));
	assert_null(port);
}

static size_t read_all(struct qemu *qemu, uint8_t *bytes, size_t size)
{
	size_t done = 0;
	ssize_t n;

	run_ms(20);
	while ((n = recv(qemu->fd, bytes + done, size - done, MSG_DONTWAIT)) > 0) {
		done += (size_t)n;
	}
	return done;
}

/* Until nothing more comes. */
static size_t drain(struct qemu *qemu, uint8_t *bytes, size_t size)
{
	size_t done = 0, n;

	while ((n = read_all(qemu, bytes + done, size - done)) > 0) {
		done += n;
	}
	return done;
}

/* The one message that tells of a size, after whole chunks only. Where it begins. */
static size_t find_order(const uint8_t *bytes, size_t size, uint32_t width, uint32_t height)
{
	size_t at = 0, found = SIZE_MAX;

	while (at < size) {
		VDIChunkHeader chunk;
		VDAgentMessage message;
		uint32_t body[7];

		assert_true(size - at >= sizeof(chunk));
		memcpy(&chunk, bytes + at, sizeof(chunk));
		assert_true(size - at - sizeof(chunk) >= chunk.size);
		if (chunk.port == VDP_SERVER_PORT) {
			assert_int_equal(found, SIZE_MAX);
			found = at;
			memcpy(&message, bytes + at + sizeof(chunk), sizeof(message));
			assert_int_equal(message.protocol, VD_AGENT_PROTOCOL);
			assert_int_equal(message.type, VD_AGENT_MONITORS_CONFIG);
			assert_int_equal(message.size, sizeof(body));
			assert_int_equal(chunk.size, sizeof(message) + sizeof(body));
			memcpy(body, bytes + at + sizeof(chunk) + sizeof(message), sizeof(body));
			assert_int_equal(body[0], 1);
			assert_int_equal(body[2], height);
			assert_int_equal(body[3], width);
			assert_int_equal(body[4], 32);
		}
		at += sizeof(chunk) + chunk.size;
	}
	return found;
}

/* A word of our own goes between the viewer's chunks, wherever these are cut. */
static void test_order(void **state)
{
	struct qemu *qemu = *state;
	uint8_t stream[3 * 20], bytes[4096];
	const VDIChunkHeader chunk = {.port = VDP_CLIENT_PORT, .size = 12};

	memset(stream, 'x', sizeof(stream));
	for (size_t i = 0; i < sizeof(stream); i += 20) {
		memcpy(stream + i, &chunk, sizeof(chunk));
	}
	listen_again(qemu);
	create(qemu, RELAY_AGENT, NULL);
	wait_for(accepted(qemu));
	assert_false(relay_resize(qemu->relay, 800, 600));
	assert_int_equal(send(qemu->fd, "abc", 3, MSG_NOSIGNAL), 3);
	wait_for(port);
	assert_true(read_all(qemu, bytes, sizeof(bytes)) > 0);
	for (size_t cut = 0; cut <= sizeof(stream); cut++) {
		size_t wanted = (cut + 19) / 20 * 20, size;

		assert_int_equal(port->ops->write(port->data, stream, cut), cut);
		assert_true(relay_resize(qemu->relay, 1, 1));
		assert_true(relay_resize(qemu->relay, 800, 600));
		assert_int_equal(port->ops->write(port->data, stream + cut, sizeof(stream) - cut),
			sizeof(stream) - cut);
		size = read_all(qemu, bytes, sizeof(bytes));
		if (cut % 20 == 0) {
			/* The first had left already. */
			assert_int_equal(size, sizeof(stream) + 2 * 56);
			assert_int_equal(find_order(bytes, wanted + 56, 1, 1), wanted);
			memmove(bytes + wanted, bytes + wanted + 56, size - wanted - 56);
			size -= 56;
		}
		assert_int_equal(size, sizeof(stream) + 56);
		assert_int_equal(find_order(bytes, size, 800, 600), wanted);
	}
}

/* Nor is it stuck, or overtaken for ever, where the guest reads slowly and the viewer sends a lot. */
static void test_order_waits(void **state)
{
	struct qemu *qemu = *state;
	size_t sent = 0, got, size = 4 << 20;
	uint8_t *stream = calloc(1, size), *bytes = calloc(1, size);
	const VDIChunkHeader chunk = {.port = VDP_CLIENT_PORT, .size = 12};

	assert_non_null(stream);
	assert_non_null(bytes);
	for (size_t i = 0; i + 20 <= size; i += 20) {
		memcpy(stream + i, &chunk, sizeof(chunk));
	}
	size = size / 20 * 20;
	listen_again(qemu);
	create(qemu, RELAY_AGENT, NULL);
	wait_for(accepted(qemu));
	assert_int_equal(send(qemu->fd, "abc", 3, MSG_NOSIGNAL), 3);
	wait_for(port);
	assert_true(read_all(qemu, bytes, size) > 0);
	/* Until nothing more goes in. */
	sent = port->ops->write(port->data, stream, size);
	assert_true(sent < size);
	assert_true(relay_resize(qemu->relay, 800, 600));
	port->wakes = 0;
	got = drain(qemu, bytes, size);
	assert_true(port->wakes > 0);
	/* To the end of the chunk that was cut, and no further: then it is the word's turn. */
	sent += port->ops->write(port->data, stream + sent, (20 - sent % 20) % 20);
	assert_int_equal(sent % 20, 0);
	got += drain(qemu, bytes + got, size - got);
	assert_int_equal(got, sent + 56);
	assert_int_equal(find_order(bytes, got, 800, 600), sent);
	free(stream);
	free(bytes);
}

/* The library tries again just when the guest has read everything: it must not wait for ever. */
static void test_tried_again(void **state)
{
	static uint8_t stream[1 << 20], bytes[1 << 20];
	struct qemu *qemu = *state;
	size_t sent;

	listen_again(qemu);
	create(qemu, RELAY_AGENT, NULL);
	wait_for(accepted(qemu));
	assert_int_equal(send(qemu->fd, "abc", 3, MSG_NOSIGNAL), 3);
	wait_for(port);
	sent = port->ops->write(port->data, stream, sizeof(stream));
	assert_true(sent < sizeof(stream));
	while (recv(qemu->fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0) {
	}
	port->wakes = 0;
	sent = port->ops->write(port->data, stream, 8);
	run_ms(50);
	assert_true(sent == 8 || port->wakes > 0);
}

/* Its stream has no end with the viewer: the reader stays, and so does the connection. */
static void test_smartcard(void **state)
{
	struct qemu *qemu = *state;

	listen_again(qemu);
	create(qemu, RELAY_SMARTCARD, NULL);
	wait_for(accepted(qemu));
	wait_for(port);
	viewer(true);
	viewer(false);
	run_ms(20);
	viewer(true);
	assert_int_equal(send(qemu->fd, "abc", 3, MSG_NOSIGNAL), 3);
	wait_for(port->got->len == 3);
	assert_int_equal(ports_made, 1);
	assert_int_equal(relay_counters(qemu->relay)->renewals, 0);
}

static void test_no_channel(void **state)
{
	struct qemu *qemu = *state;

	refuse_port = true;
	listen_again(qemu);
	create(qemu, RELAY_PORT, "x");
	wait_for(relay_counters(qemu->relay)->losses == 1);
	wait_for(accepted(qemu));
	hang_up(qemu);
	refuse_port = false;
	wait_for(port);
}

static void test_paths(void **state)
{
	char long_path[200], why[256] = "";
	struct relay_options options = {.kind = RELAY_AGENT, .path = ""};

	assert_null(relay_create(NULL, &options, why, sizeof(why)));
	assert_non_null(strstr(why, "--agent"));
	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = 0;
	options.path = long_path;
	assert_null(relay_create(NULL, &options, why, sizeof(why)));
	assert_non_null(strstr(why, "107"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slow_viewer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slow_guest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reconnect, setup, teardown),
		cmocka_unit_test_setup_teardown(test_viewers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unheard, setup, teardown),
		cmocka_unit_test_setup_teardown(test_agent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_order_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tried_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_smartcard, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_channel, setup, teardown),
		cmocka_unit_test_setup_teardown(test_paths, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
