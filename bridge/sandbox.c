/* SPDX-License-Identifier: MIT */
#include "bridge/sandbox.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/securebits.h>

#include "bridge/log.h"
#include "bridge/sandbox_impl.h"

#define SEEN_MAX 1024 /* system call numbers that are named once */

/* What the kernel's filter is for the whole process, this is too. */
static struct {
	struct sandbox_counters counters;
	atomic_bool loaded;
	atomic_bool tight;
	int notify; /* fd from which refused calls come */
	bool seen[SEEN_MAX]; /* the supervisor's own */
} sandbox = {.notify = -1};

static int set_capabilities(const struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

static int get_capabilities(struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

	return syscall(SYS_capget, &header, data) < 0 ? -errno : 0;
}

int sandbox_drop(char *why, size_t why_size)
{
	const struct __user_cap_data_struct none[2] = {0};
	struct __user_cap_data_struct have[2];
	int rc = get_capabilities(have);

	/* These need a right that only a privileged start has; the others have nothing to lose. */
	if (rc == 0 && have[0].effective & 1u << CAP_SETPCAP) {
		for (int i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++) {
			if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0) {
				rc = -errno;
			}
		}
		/* Without this a program run by root would be given them all again. */
		if (prctl(PR_SET_SECUREBITS, SECURE_ALL_BITS | SECURE_ALL_LOCKS, 0, 0, 0) < 0) {
			rc = -errno;
		}
	}
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL) {
		rc = -errno;
	}
	if (rc == 0) {
		rc = set_capabilities(none);
	}
	if (rc == 0) {
		rc = get_capabilities(have);
	}
	if (rc == 0 && memcmp(have, none, sizeof(none)) != 0) {
		rc = -EPERM;
	}
	if (rc < 0) {
		snprintf(why, why_size, "capabilities can't be given up: %s", strerror(-rc));
		return rc;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		rc = -errno;
		snprintf(why, why_size, "no_new_privs can't be set: %s", strerror(-rc));
		return rc;
	}
	return 0;
}

/* One line for each system call, however often it comes. */
static void name_refused(const struct seccomp_notif *call)
{
	int number = call->data.nr;
	char *name;

	if (number < 0 || number >= SEEN_MAX || sandbox.seen[number]) {
		return;
	}
	sandbox.seen[number] = true;
	name = seccomp_syscall_resolve_num_arch(call->data.arch, number);
	if (number == SYS_ioctl) {
		log_warning("sandbox: ioctl 0x%x was refused; such calls are counted from now on",
			(unsigned)call->data.args[1]);
	} else {
		log_warning("sandbox: %s() was refused (0x%llx, 0x%llx, 0x%llx); such calls are "
			    "counted from now on",
			name ? name : "an unknown system call",
			(unsigned long long)call->data.args[0],
			(unsigned long long)call->data.args[1],
			(unsigned long long)call->data.args[2]);
	}
	free(name);
}

/* Runs under the filter too, so it must never make a call that comes back to itself. */
static void *supervise(void *data)
{
	struct seccomp_notif *call;
	struct seccomp_notif_resp *answer;

	prctl(PR_SET_NAME, "sandbox");
	if (seccomp_notify_alloc(&call, &answer) < 0) {
		/* Without anybody who answers, the kernel refuses such calls itself. */
		close(sandbox.notify);
		return NULL;
	}
	for (;;) {
		memset(call, 0, sizeof(*call));
		if (seccomp_notify_receive(sandbox.notify, call) < 0) {
			if (errno == EBADF || errno == ENOTTY) {
				break;
			}
			/* The caller died, or a signal came. */
			continue;
		}
		sandbox.counters.refused++;
		memset(answer, 0, sizeof(*answer));
		answer->id = call->id;
		answer->error = -EPERM;
		seccomp_notify_respond(sandbox.notify, answer);
		name_refused(call);
	}
	seccomp_notify_free(call, answer);
	return NULL;
}

static int start_supervisor(void)
{
	sigset_t all, old;
	pthread_t thread;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&thread, NULL, supervise, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc == 0) {
		pthread_detach(thread);
	}
	return -rc;
}

/* Takes over the filter. */
static int load(scmp_filter_ctx filter, int rc, int *notify)
{
	if (rc == 0) {
		rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	}
	if (rc == 0) {
		rc = seccomp_load(filter);
	}
	if (rc == 0 && notify) {
		*notify = seccomp_notify_fd(filter);
	}
	seccomp_release(filter);
	return rc;
}

int sandbox_filter(char *why, size_t why_size)
{
	bool notifies = seccomp_api_get() >= 6;
	scmp_filter_ctx filter;
	int rc;

	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0) {
		snprintf(why, why_size, "this kernel has no seccomp filters (%s)", strerror(errno));
		return -ENOSYS;
	}
	filter = seccomp_init(SCMP_ACT_ALLOW);
	rc = filter ? load(filter, sandbox_add_deadly(filter), NULL) : -ENOMEM;
	if (rc == 0) {
		filter = seccomp_init(notifies ? SCMP_ACT_NOTIFY : SCMP_ACT_ERRNO(EPERM));
		rc = filter ? load(filter, sandbox_add_allowed(filter),
				      notifies ? &sandbox.notify : NULL)
			    : -ENOMEM;
	}
	if (rc == 0 && notifies) {
		rc = start_supervisor();
	}
	if (rc < 0) {
		snprintf(why, why_size, "the filter of system calls can't be loaded: %s",
			strerror(-rc));
		return rc;
	}
	if (!notifies) {
		log_warning("sandbox: this kernel (before 5.7) can't tell of system calls that are "
			    "refused: they are not counted");
	}
	sandbox.loaded = true;
	return 0;
}

void sandbox_tighten(uint64_t edid_offset)
{
	scmp_filter_ctx filter;
	int rc;

	if (!sandbox.loaded || edid_offset < SANDBOX_FIRST_OFFSET ||
		atomic_exchange(&sandbox.tight, true)) {
		return;
	}
	filter = seccomp_init(SCMP_ACT_ALLOW);
	rc = filter ? load(filter, sandbox_add_tight(filter), NULL) : -ENOMEM;
	if (rc < 0) {
		log_warning("sandbox: the rule for this device can't be loaded: %s", strerror(-rc));
	}
}

bool sandbox_lets_edid(uint64_t edid_offset)
{
	return edid_offset >= SANDBOX_FIRST_OFFSET ||
		(edid_offset >> 12 == SANDBOX_GAP_PAGE && !sandbox.tight);
}

struct sandbox_counters *sandbox_counters(void)
{
	return &sandbox.counters;
}
