/* SPDX-License-Identifier: MIT */
/* What relays carry, hold back and throw away, and how they connect again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <spice/vd_agent.h>

#include "tests/unit/relay_bed.h"

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
		cmocka_unit_test_setup_teardown(test_tried_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_smartcard, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_channel, setup, teardown),
		cmocka_unit_test_setup_teardown(test_paths, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
