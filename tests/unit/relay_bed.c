/* SPDX-License-Identifier: MIT */
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

#include "tests/unit/relay_bed.h"

struct spice_port *port;
unsigned ports_made;
bool refuse_port;

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

void viewer(bool connected)
{
	port->viewer = connected;
	port->ops->state(port->data, connected);
	if (port && connected) {
		spice_port_wake(port);
	}
}

/* QEMU's side */

void listen_again(struct qemu *qemu)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	g_unlink(qemu->path);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", qemu->path);
	qemu->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(qemu->listener >= 0);
	assert_int_equal(bind(qemu->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(qemu->listener, 1), 0);
}

struct relay *create(struct qemu *qemu, enum relay_kind kind, const char *name)
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

int setup(void **state)
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

int teardown(void **state)
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

gboolean on_tick(gpointer data)
{
	return G_SOURCE_CONTINUE;
}

void run_ms(unsigned ms)
{
	gint64 end = g_get_monotonic_time() + ms * (gint64)1000;

	wait_for(g_get_monotonic_time() > end);
}

bool accepted(struct qemu *qemu)
{
	qemu->fd = accept4(qemu->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	return qemu->fd >= 0;
}

void hang_up(struct qemu *qemu)
{
	close(qemu->fd);
	qemu->fd = -1;
}

bool hung_up(struct qemu *qemu)
{
	char c[4096];
	ssize_t n;

	while ((n = recv(qemu->fd, c, sizeof(c), 0)) > 0) {
	}
	return n == 0;
}

uint8_t *noise(size_t size, uint32_t seed)
{
	uint8_t *bytes = g_malloc(size);

	for (size_t i = 0; i < size; i++) {
		seed = seed * 1664525 + 1013904223;
		bytes[i] = seed >> 24;
	}
	return bytes;
}

void begin_port(struct qemu *qemu)
{
	listen_again(qemu);
	create(qemu, RELAY_PORT, "some.port");
	wait_for(accepted(qemu));
	wait_for(port);
}
