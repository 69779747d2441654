/* SPDX-License-Identifier: MIT */
#include "bridge/qmp_out.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A text, and a descriptor that goes with the first of its bytes. */
struct chunk {
	char *text;
	size_t size, sent;
	int fd;
};

static void chunk_free(struct chunk *chunk)
{
	if (chunk->fd >= 0) {
		close(chunk->fd);
	}
	g_free(chunk->text);
	g_free(chunk);
}

void qmp_out_init(struct qmp_out *out)
{
	g_queue_init(&out->chunks);
	out->size = 0;
}

void qmp_out_clear(struct qmp_out *out)
{
	struct chunk *chunk;

	while ((chunk = g_queue_pop_head(&out->chunks))) {
		chunk_free(chunk);
	}
	out->size = 0;
}

bool qmp_out_empty(const struct qmp_out *out)
{
	return out->chunks.length == 0;
}

int qmp_out_add(struct qmp_out *out, char *text, int fd)
{
	size_t size = strlen(text);
	struct chunk *chunk;
	int rc = -EAGAIN, copy = -1;

	if (out->size + size > QMP_OUT_MAX) {
		goto err;
	}
	if (fd >= 0) {
		copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (copy < 0) {
			rc = -errno;
			goto err;
		}
	}
	chunk = g_new(struct chunk, 1);
	*chunk = (struct chunk){.text = text, .size = size, .fd = copy};
	g_queue_push_tail(&out->chunks, chunk);
	out->size += size;
	return 0;

err:
	g_free(text);
	return rc;
}

/* As sendmsg(). */
static ssize_t send_chunk(const struct chunk *chunk, int socket)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {chunk->text + chunk->sent, chunk->size - chunk->sent};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

	if (chunk->fd >= 0) {
		message.msg_control = control.space;
		message.msg_controllen = sizeof(control.space);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &chunk->fd, sizeof(int));
	}
	return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

bool qmp_out_send(struct qmp_out *out, int socket)
{
	struct chunk *chunk;

	while ((chunk = g_queue_peek_head(&out->chunks))) {
		ssize_t n = send_chunk(chunk, socket);

		if (n < 0) {
			if (errno == EINTR) {
				continue;
			}
			return errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM;
		}
		if (chunk->fd >= 0) {
			close(chunk->fd);
			chunk->fd = -1;
		}
		chunk->sent += (size_t)n;
		out->size -= (size_t)n;
		if (chunk->sent == chunk->size) {
			chunk_free(g_queue_pop_head(&out->chunks));
		}
	}
	return true;
}
