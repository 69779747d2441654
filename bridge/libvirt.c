/* SPDX-License-Identifier: MIT */
#include "bridge/libvirt.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/options.h"

struct libvirt {
	int control;
};

struct libvirt *libvirt_start(const struct options *options, char *why, size_t why_size)
{
	struct libvirt *libvirt = calloc(1, sizeof(*libvirt));
	pid_t parent = getpid(), pid;
	int pair[2], error;

	if (!libvirt) {
		snprintf(why, why_size, "no memory for libvirt");
		return NULL;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		error = errno;
		snprintf(why, why_size, "no socket for libvirt: %s", strerror(error));
		free(libvirt);
		errno = error;
		return NULL;
	}
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent) {
			_exit(0);
		}
		access_forget_secrets(options);
		libvirt_main(options->vm, pair[1]);
	}
	error = errno;
	close(pair[1]);
	if (pid < 0) {
		snprintf(why, why_size, "no process for libvirt: %s", strerror(error));
		close(pair[0]);
		free(libvirt);
		errno = error;
		return NULL;
	}
	libvirt->control = pair[0];
	return libvirt;
}

void libvirt_destroy(struct libvirt *libvirt)
{
	if (libvirt) {
		close(libvirt->control); /* which it ends by, or by our end */
		free(libvirt);
	}
}

int libvirt_dial(void *data)
{
	struct libvirt *libvirt = data;
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	char byte = 0;
	struct iovec iov = {&byte, 1};
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	int pair[2], rc = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		return -errno;
	}
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &pair[1], sizeof(int));
	/* It may be waiting for libvirt: then this one has to wait, and not we. */
	if (sendmsg(libvirt->control, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		rc = -errno;
		close(pair[0]);
	}
	close(pair[1]);
	return rc < 0 ? rc : pair[0];
}
