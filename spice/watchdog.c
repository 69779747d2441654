/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "spice/impl.h"

/*
 * Several calls of the library wait for its worker (above all the disconnection of a viewer, which
 * happens inside its own callbacks), and the worker waits up to 30 s for a viewer that stands still or
 * that has only half connected. So main arms a timer before each entry, and this thread shuts sockets
 * when it runs out: first those that have bytes waiting which do not move, then more.
 *
 * Where main or the worker computes, or waits for a processor or a disk, nobody stands still: only
 * the looks that find both asleep count.
 */
#define STEP_STALLED 2 /* 80 ms: nothing moved in the last 40 */
#define STEP_OLD 6 /* 240 ms */
#define STEP_ALL 12 /* 480 ms */

static void set_timer(struct watchdog *watchdog, long ms)
{
	struct itimerspec spec = {
		.it_interval.tv_nsec = ms * 1000000,
		.it_value.tv_nsec = ms * 1000000,
	};

	timerfd_settime(watchdog->timer, 0, &spec, NULL);
}

/* Does a thread of ours wait for something? True where that can't be told. */
static bool asleep(pid_t tid)
{
	char path[64], text[512];
	const char *end;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return true;
	}
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[MAX(n, 0)] = '\0';
	/* "TID (NAME) STATE ...", and the name may hold anything. */
	end = strrchr(text, ')');
	return !end || end[1] != ' ' || (end[2] != 'R' && end[2] != 'D');
}

static bool main_waits(const struct spice_sink *sink)
{
	pid_t worker = atomic_load(&sink->watchdog.worker);

	return asleep(sink->watchdog.main) && (!worker || asleep(worker));
}

static void bark(struct spice_sink *sink, unsigned step)
{
	enum sockets_which which = step < STEP_OLD ? SOCKETS_STALLED
		: step < STEP_ALL                  ? SOCKETS_OLD
						   : SOCKETS_ALL;

	if (step < STEP_STALLED) {
		sockets_note(&sink->sockets);
	} else {
		sink_shut(sink, which);
	}
}

static void *watchdog_thread(void *data)
{
	struct spice_sink *sink = data;
	struct watchdog *watchdog = &sink->watchdog;
	uint64_t expirations;

	pthread_setname_np(pthread_self(), "spice-watchdog");
	for (;;) {
		if (read(watchdog->timer, &expirations, sizeof(expirations)) < 0 &&
			errno != EINTR) {
			return NULL;
		}
		pthread_mutex_lock(&watchdog->lock);
		if (watchdog->stop) {
			pthread_mutex_unlock(&watchdog->lock);
			return NULL;
		}
		/* A tick that was meant for an earlier call may arrive now. */
		if (watchdog->armed &&
			g_get_monotonic_time() - watchdog->since >=
				(watchdog->step + 1) * WATCHDOG_STEP_MS * (int64_t)1000 &&
			main_waits(sink)) {
			bark(sink, ++watchdog->step);
		}
		pthread_mutex_unlock(&watchdog->lock);
	}
}

int watchdog_init(struct spice_sink *sink)
{
	struct watchdog *watchdog = &sink->watchdog;
	sigset_t all, before;
	int ret;

	pthread_mutex_init(&watchdog->lock, NULL);
	watchdog->main = gettid();
	watchdog->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (watchdog->timer < 0) {
		return -errno;
	}
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(&watchdog->thread, NULL, watchdog_thread, sink);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	watchdog->started = !ret;
	return -ret;
}

void watchdog_finish(struct spice_sink *sink)
{
	struct watchdog *watchdog = &sink->watchdog;

	if (watchdog->started) {
		pthread_mutex_lock(&watchdog->lock);
		watchdog->stop = true;
		set_timer(watchdog, 1);
		pthread_mutex_unlock(&watchdog->lock);
		pthread_join(watchdog->thread, NULL);
	}
	if (watchdog->timer >= 0) {
		close(watchdog->timer);
	}
	pthread_mutex_destroy(&watchdog->lock);
}

void watchdog_arm(struct watchdog *watchdog)
{
	pthread_mutex_lock(&watchdog->lock);
	watchdog->armed = true;
	watchdog->step = 0;
	watchdog->since = g_get_monotonic_time();
	set_timer(watchdog, WATCHDOG_STEP_MS);
	pthread_mutex_unlock(&watchdog->lock);
}

void watchdog_disarm(struct watchdog *watchdog)
{
	pthread_mutex_lock(&watchdog->lock);
	watchdog->armed = false;
	set_timer(watchdog, 0);
	pthread_mutex_unlock(&watchdog->lock);
}
