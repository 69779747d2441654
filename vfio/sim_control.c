/* SPDX-License-Identifier: MIT */
/*
 * The control socket: one command a datagram, answered where the sender has an address.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "vfio/sim_impl.h"

#define MAX_DATAGRAM 4096

static void serve_one(struct sim *sim)
{
	char text[MAX_DATAGRAM + 1];
	char answer[512], why[480];
	struct sockaddr_un sender;
	socklen_t sender_size = sizeof(sender);
	ssize_t size = recvfrom(sim->control, text, MAX_DATAGRAM, MSG_DONTWAIT,
		(struct sockaddr *)&sender, &sender_size);
	int rc;

	if (size < 0) {
		return;
	}
	text[size] = '\0';
	rc = sim_command(&sim->vgpu, text, why, sizeof(why));
	if (rc == 0) {
		snprintf(answer, sizeof(answer), "ok%s%s", why[0] != '\0' ? " " : "", why);
	} else {
		snprintf(answer, sizeof(answer), "error: %s", why);
	}
	if (sender_size > offsetof(struct sockaddr_un, sun_path)) {
		/* Whoever doesn't listen to the answer did not want it. */
		(void)sendto(sim->control, answer, strlen(answer), MSG_DONTWAIT | MSG_NOSIGNAL,
			(struct sockaddr *)&sender, sender_size);
	}
}

static void *listener(void *data)
{
	struct sim *sim = data;
	struct pollfd fds[] = {
		{.fd = sim->control, .events = POLLIN},
		{.fd = sim->control_quit, .events = POLLIN},
	};

	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR) {
			return NULL;
		}
		if (fds[1].revents != 0) {
			return NULL;
		}
		if (fds[0].revents != 0) {
			serve_one(sim);
		}
	}
}

/* True where a socket lies at the address that nobody serves any more. */
static bool abandoned(const struct sockaddr_un *address)
{
	struct stat info;
	bool refused;
	int fd;

	/* Other files refuse a connection too, but are not ours to take away. */
	if (lstat(address->sun_path, &info) < 0 || !S_ISSOCK(info.st_mode)) {
		return false;
	}
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return false;
	}
	refused = connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 &&
		errno == ECONNREFUSED;
	close(fd);
	return refused;
}

static int bind_socket(struct sim *sim, const char *path, char *why, size_t why_size)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct sockaddr *any = (const struct sockaddr *)&address;
	int rc;

	if (strlen(path) >= sizeof(address.sun_path)) {
		snprintf(why, why_size, "control=%s: longer than the %zu bytes of a socket's path",
			path, sizeof(address.sun_path) - 1);
		return -EINVAL;
	}
	strcpy(address.sun_path, path);
	sim->control = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sim->control < 0) {
		rc = -errno;
		snprintf(why, why_size, "control=%s: %s", path, strerror(-rc));
		return rc;
	}
	/* Linux takes the mode of the file from the socket: nobody else gets in, not even early. */
	fchmod(sim->control, 0600);
	rc = bind(sim->control, any, sizeof(address));
	if (rc < 0 && errno == EADDRINUSE) {
		if (!abandoned(&address)) {
			snprintf(why, why_size, "control=%s: in use; choose another path", path);
			return -EADDRINUSE;
		}
		unlink(path);
		rc = bind(sim->control, any, sizeof(address));
	}
	if (rc < 0) {
		rc = -errno;
		snprintf(why, why_size, "control=%s: %s", path, strerror(-rc));
		return rc;
	}
	sim->control_path = strdup(path);
	return sim->control_path ? 0 : -ENOMEM;
}

int sim_control_start(struct sim *sim, const char *path, char *why, size_t why_size)
{
	sigset_t all, old;
	int rc;

	rc = bind_socket(sim, path, why, why_size);
	if (rc < 0) {
		return rc;
	}
	sim->control_quit = eventfd(0, EFD_CLOEXEC);
	if (sim->control_quit < 0) {
		rc = -errno;
		snprintf(why, why_size, "control=%s: %s", path, strerror(-rc));
		return rc;
	}
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&sim->listener, NULL, listener, sim);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc != 0) {
		snprintf(why, why_size, "control=%s: a thread: %s", path, strerror(rc));
		return -rc;
	}
	pthread_setname_np(sim->listener, "sim-control");
	sim->listening = true;
	return 0;
}

void sim_control_stop(struct sim *sim)
{
	uint64_t one = 1;

	if (sim->listening) {
		while (write(sim->control_quit, &one, sizeof(one)) < 0 && errno == EINTR) {
		}
		pthread_join(sim->listener, NULL);
		sim->listening = false;
	}
	if (sim->control_path) {
		unlink(sim->control_path);
	}
	if (sim->control >= 0) {
		close(sim->control);
	}
	if (sim->control_quit >= 0) {
		close(sim->control_quit);
	}
}
