/* SPDX-License-Identifier: MIT */
/* A word of the bridge's own among what a viewer says to the guest's agent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <glib.h>
#include <spice/vd_agent.h>

#include "tests/unit/relay_bed.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_order_waits, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
