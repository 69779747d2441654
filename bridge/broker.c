/* SPDX-License-Identifier: MIT */
#include "bridge/broker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bridge/broker_impl.h"
#include "bridge/launch.h"
#include "bridge/options.h"

struct broker {
	int socket;
	pid_t pid;
};

static int *fd_place(struct broker_answer *answer, unsigned bit)
{
	int *places[BROKER_MAX_FDS] = {&answer->found.fds.device, &answer->found.fds.group,
		&answer->found.fds.container, &answer->found.fds.iommu, &answer->owner};

	return places[bit];
}

static void copy_text(char *to, size_t to_size, const char *from, size_t from_size)
{
	size_t length = strnlen(from, from_size);

	if (length >= to_size) {
		length = to_size - 1;
	}
	memcpy(to, from, length);
	to[length] = '\0';
}

int broker_send(int socket, const struct broker_answer *answer)
{
	struct broker_message message = {.kind = answer->kind, .result = answer->result};
	struct iovec vector = {&message, sizeof(message)};
	union {
		char bytes[CMSG_SPACE(sizeof(int) * BROKER_MAX_FDS)];
		struct cmsghdr align;
	} control;
	struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1};
	struct broker_answer copy = *answer;
	int fds[BROKER_MAX_FDS];
	size_t count = 0;
	ssize_t sent;

	copy_text(message.why, sizeof(message.why), answer->why, sizeof(answer->why));
	copy_text(
		message.name, sizeof(message.name), answer->found.name, sizeof(answer->found.name));
	copy_text(
		message.uuid, sizeof(message.uuid), answer->found.uuid, sizeof(answer->found.uuid));
	copy_text(message.render_node, sizeof(message.render_node), answer->found.render_node,
		sizeof(answer->found.render_node));
	for (unsigned i = 0; i < BROKER_MAX_FDS; i++) {
		if (*fd_place(&copy, i) >= 0) {
			message.fds |= 1u << i;
			fds[count++] = *fd_place(&copy, i);
		}
	}
	if (count > 0) {
		memset(&control, 0, sizeof(control));
		header.msg_control = control.bytes;
		header.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&header);

		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * count);
		memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * count);
	}
	do {
		sent = sendmsg(socket, &header, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

void broker_answer_close(struct broker_answer *answer)
{
	device_found_close(&answer->found);
	if (answer->owner >= 0) {
		close(answer->owner);
		answer->owner = -1;
	}
}

int broker_take(int socket, int flags, struct broker_answer *answer)
{
	struct broker_message message;
	struct iovec vector = {&message, sizeof(message)};
	union {
		char bytes[CMSG_SPACE(sizeof(int) * BROKER_MAX_FDS)];
		struct cmsghdr align;
	} control;
	struct msghdr header = {
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control),
	};
	/* Alignment leaves room for more than was asked for. */
	int fds[sizeof(control) / sizeof(int)];
	size_t count = 0, used = 0;
	ssize_t length;

	*answer = (struct broker_answer){.found.fds = DEVICE_NO_FDS, .owner = -1};
	do {
		length = recvmsg(socket, &header, flags | MSG_CMSG_CLOEXEC);
		/* A reset, told once, comes before what was sent before it. */
	} while (length < 0 && (errno == EINTR || errno == ECONNRESET));
	if (length <= 0) {
		return length == 0 ? -EPIPE : -errno;
	}
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(&header); cmsg;
		cmsg = CMSG_NXTHDR(&header, cmsg)) {
		if (cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_RIGHTS && count == 0) {
			count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
			memcpy(fds, CMSG_DATA(cmsg), count * sizeof(int));
		}
	}
	if ((size_t)length != sizeof(message) || (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) ||
		(size_t)__builtin_popcount(message.fds) != count || message.fds >> BROKER_MAX_FDS) {
		for (size_t i = 0; i < count; i++) {
			close(fds[i]);
		}
		return -EPROTO;
	}
	for (unsigned i = 0; i < BROKER_MAX_FDS; i++) {
		if (message.fds >> i & 1) {
			*fd_place(answer, i) = fds[used++];
		}
	}
	answer->kind = message.kind == BROKER_ENDED ? BROKER_ENDED : BROKER_ANSWER;
	answer->result = message.result;
	copy_text(answer->why, sizeof(answer->why), message.why, sizeof(message.why));
	copy_text(
		answer->found.name, sizeof(answer->found.name), message.name, sizeof(message.name));
	copy_text(
		answer->found.uuid, sizeof(answer->found.uuid), message.uuid, sizeof(message.uuid));
	copy_text(answer->found.render_node, sizeof(answer->found.render_node), message.render_node,
		sizeof(message.render_node));
	return 0;
}

static bool is_needed(const struct options *options)
{
	switch (options->source) {
	case SOURCE_FD:
	case SOURCE_FD_SOCKET:
	case SOURCE_SIMULATE:
		return false;
	default:
		return true;
	}
}

int broker_start(const struct options *options, struct launch *launch, struct broker **out,
	char *why, size_t why_size)
{
	struct broker *broker;
	int pair[2];
	int rc;

	*out = NULL;
	if (!is_needed(options)) {
		return 0;
	}
	broker = calloc(1, sizeof(*broker));
	if (!broker) {
		snprintf(why, why_size, "no memory for the broker");
		return -ENOMEM;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		rc = -errno;
		snprintf(why, why_size, "no socket for the broker: %s", strerror(-rc));
		goto err;
	}
	/* Nothing that waits in a buffer may be written twice. */
	fflush(NULL);
	broker->pid = fork();
	if (broker->pid < 0) {
		rc = -errno;
		snprintf(why, why_size, "the broker can't be started: %s", strerror(-rc));
		close(pair[0]);
		close(pair[1]);
		goto err;
	}
	if (broker->pid == 0) {
		close(pair[0]);
		broker_main(options, launch, pair[1]);
	}
	close(pair[1]);
	broker->socket = pair[0];
	*out = broker;
	return 0;

err:
	free(broker);
	return rc;
}

void broker_destroy(struct broker *broker)
{
	if (!broker) {
		return;
	}
	/* That ends it; where it stands in the kernel, opening a device, nobody waits for it. */
	close(broker->socket);
	waitpid(broker->pid, NULL, WNOHANG);
	free(broker);
}

int broker_fd(const struct broker *broker)
{
	return broker->socket;
}

static int say(struct broker *broker, char word)
{
	ssize_t sent = send(broker->socket, &word, 1, MSG_NOSIGNAL | MSG_DONTWAIT);

	return sent < 0 ? -errno : 0;
}

int broker_look(struct broker *broker)
{
	return say(broker, BROKER_LOOK);
}

int broker_signal(struct broker *broker, int number)
{
	return say(broker, number == SIGINT ? BROKER_SIGINT : BROKER_SIGTERM);
}

int broker_receive(struct broker *broker, struct broker_answer *answer)
{
	int rc = broker_take(broker->socket, MSG_DONTWAIT, answer);

	return rc == -EPROTO ? -EPIPE : rc;
}

int broker_wait(struct broker *broker, struct broker_answer *answer)
{
	int rc = broker_take(broker->socket, 0, answer);

	return rc < 0 ? -EPIPE : 0;
}
