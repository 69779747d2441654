/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/fake_qmp.h"

void qemu_listen(struct fake_qmp *qemu)
{
	qemu->listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(qemu->listening >= 0);
	unlink(qemu->name.sun_path);
	assert_int_equal(
		bind(qemu->listening, (struct sockaddr *)&qemu->name, sizeof(qemu->name)), 0);
	assert_int_equal(listen(qemu->listening, 1), 0);
}

void qemu_close(int *fd)
{
	if (*fd >= 0) {
		close(*fd);
	}
	*fd = -1;
}

void qemu_init(struct fake_qmp *qemu, const char *directory)
{
	memset(qemu, 0, sizeof(*qemu));
	qemu->name.sun_family = AF_UNIX;
	snprintf(qemu->name.sun_path, sizeof(qemu->name.sun_path), "%s/qmp", directory);
	qemu->fd = qemu->listening = qemu->passed = -1;
}

void qemu_finish(struct fake_qmp *qemu)
{
	qemu_close(&qemu->fd);
	qemu_close(&qemu->listening);
	qemu_close(&qemu->passed);
	unlink(qemu->name.sun_path);
}

bool qemu_accept(struct fake_qmp *qemu)
{
	if (qemu->fd < 0) {
		qemu->fd = accept4(qemu->listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		qemu->have = 0;
	}
	return qemu->fd >= 0;
}

void qemu_say(struct fake_qmp *qemu, const char *text)
{
	assert_int_equal(write(qemu->fd, text, strlen(text)), strlen(text));
}

bool qemu_hears(struct fake_qmp *qemu)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov;
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control};
	ssize_t n;

	for (;;) {
		/* One byte at a time, so that a descriptor shows which byte it came with. */
		iov = (struct iovec){qemu->line + qemu->have, 1};
		message.msg_controllen = sizeof(control);
		assert_true(qemu->have + 1 < sizeof(qemu->line));
		n = recvmsg(qemu->fd, &message, MSG_CMSG_CLOEXEC);
		if (n <= 0) {
			return false;
		}
		if (message.msg_controllen >= sizeof(control.header) &&
			control.header.cmsg_type == SCM_RIGHTS) {
			assert_int_equal(qemu->passed, -1);
			assert_int_equal(qemu->have, 0);
			memcpy(&qemu->passed, CMSG_DATA(&control.header), sizeof(int));
		}
		if (qemu->line[qemu->have++] == '\n') {
			qemu->line[qemu->have - 1] = '\0';
			qemu->have = 0;
			return true;
		}
	}
}

int64_t heard_id(struct fake_qmp *qemu)
{
	const char *id = strstr(qemu->line, "\"id\":");

	assert_non_null(id);
	return atoll(id + 5);
}

void qemu_answer(struct fake_qmp *qemu, int64_t id, const char *what)
{
	char text[512];

	snprintf(text, sizeof(text), "{%s, \"id\": %lld}\r\n", what, (long long)id);
	qemu_say(qemu, text);
}
