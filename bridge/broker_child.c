/* SPDX-License-Identifier: MIT */
/* What runs in the broker's process. It logs nothing: reasons go to the bridge, in its answers. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#include "bridge/broker_impl.h"
#include "bridge/launch.h"
#include "bridge/options.h"
#include "bridge/vm.h"
#include "vfio/attach.h"

/* From Linux 5.9 on; the numbers are the same everywhere. */
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

static uint64_t bit(int capability)
{
	return UINT64_C(1) << capability;
}

/* What a task needs, if this process has it at all. */
static uint64_t needed_capabilities(enum source_kind source)
{
	switch (source) {
	case SOURCE_VM:
	case SOURCE_PID:
		return bit(CAP_SYS_PTRACE) | bit(CAP_DAC_READ_SEARCH);
	default:
		/* The nodes in /dev/vfio may be another user's, libvirt gives them to QEMU's. */
		return bit(CAP_DAC_OVERRIDE);
	}
}

static void drop_capabilities(uint64_t keep)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {{0}};

	/* Nothing here starts a program; with these two none that did would get anything back. */
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (int i = 0; prctl(PR_CAPBSET_DROP, i, 0, 0, 0) == 0; i++) {
	}
	if (syscall(SYS_capget, &header, data) < 0) {
		_exit(1);
	}
	for (int i = 0; i < 2; i++) {
		data[i].permitted &= (uint32_t)(keep >> (32 * i));
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &header, data) < 0) {
		_exit(1);
	}
}

static void close_all_but(int socket)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; fd < 3 && null >= 0; fd++) {
		dup2(null, fd);
	}
	syscall(SYS_close_range, 3, socket - 1, 0);
	syscall(SYS_close_range, socket + 1, ~0U, 0);
}

/* The owner's number may have come to another process while we looked at it. */
static int still(const struct broker_answer *answer, bool is, char *why, size_t why_size)
{
	if (is && !attach_ended(answer->owner)) {
		return 0;
	}
	snprintf(why, why_size, "the process has just ended");
	return -ESRCH;
}

static int look_at_pid(struct broker_task *task, struct broker_answer *answer)
{
	const struct options *options = task->options;
	int rc = attach_find(task->root, options->qemu_pid, options->mdev, &answer->found,
		&answer->owner, answer->why, sizeof(answer->why));

	if (rc == 0) {
		rc = still(answer, task->pidfd >= 0 && !attach_ended(task->pidfd), answer->why,
			sizeof(answer->why));
	}
	return rc;
}

static int look_for_vm(struct broker_task *task, struct broker_answer *answer)
{
	const struct options *options = task->options;
	pid_t pid;
	int rc = vm_find(task->root, options->vm, &pid, answer->why, sizeof(answer->why));

	if (rc < 0) {
		return rc;
	}
	rc = attach_find(task->root, pid, options->mdev, &answer->found, &answer->owner,
		answer->why, sizeof(answer->why));
	if (rc == 0) {
		rc = still(answer, vm_is(task->root, pid, options->vm), answer->why,
			sizeof(answer->why));
	}
	return rc;
}

/* QEMU and we share the open file of the cdev; until QEMU has bound it, nobody can ask it. */
static int look_at_launched(struct broker_task *task, struct broker_answer *answer)
{
	struct launch *launch = task->launch;
	int fd;
	int rc;

	if (launch->pid == 0) {
		rc = launch_start(launch, answer->why, sizeof(answer->why));
		if (rc < 0) {
			answer->kind = BROKER_ENDED;
			answer->result = 127;
			return answer->result;
		}
	}
	if (launch->device < 0) {
		return attach_find(task->root, launch->pid, launch->uuid, &answer->found,
			&answer->owner, answer->why, sizeof(answer->why));
	}
	fd = fcntl(launch->device, F_DUPFD_CLOEXEC, 3);
	if (fd < 0) {
		return -errno;
	}
	rc = device_find_fd(task->root, fd, &answer->found, answer->why, sizeof(answer->why));
	if (rc == -EINVAL) {
		return -EAGAIN;
	}
	if (rc < 0) {
		return rc;
	}
	snprintf(answer->found.name, sizeof(answer->found.name), "%s", launch->name);
	answer->owner = fcntl(launch->pidfd, F_DUPFD_CLOEXEC, 3);
	return answer->owner < 0 ? -errno : 0;
}

void broker_look_once(struct broker_task *task, struct broker_answer *answer)
{
	const struct options *options = task->options;
	char *why = answer->why;
	size_t size = sizeof(answer->why);
	int rc;

	*answer = (struct broker_answer){.found.fds = DEVICE_NO_FDS, .owner = -1};
	switch (options->source) {
	case SOURCE_MDEV:
		rc = device_find_mdev(task->root, options->mdev, &answer->found, why, size);
		break;
	case SOURCE_GROUP:
		rc = device_find_group(
			task->root, options->group, options->mdev, &answer->found, why, size);
		break;
	case SOURCE_CDEV:
		rc = device_find_cdev(task->root, options->cdev, &answer->found, why, size);
		break;
	case SOURCE_PID:
		rc = look_at_pid(task, answer);
		break;
	case SOURCE_VM:
		rc = look_for_vm(task, answer);
		break;
	case SOURCE_RUN:
		rc = look_at_launched(task, answer);
		break;
	default:
		rc = -EINVAL;
		break;
	}
	answer->result = rc;
	if (rc != 0) {
		broker_answer_close(answer);
	}
}

/* False where the bridge is no more. */
static bool serve_word(struct broker_task *task, int socket)
{
	struct broker_answer answer;
	char word;
	ssize_t length = recv(socket, &word, 1, 0);
	int rc = 0;

	if (length < 0 && errno == EINTR) {
		return true;
	}
	if (length <= 0) {
		return false;
	}
	if (word == BROKER_LOOK) {
		broker_look_once(task, &answer);
		rc = broker_send(socket, &answer);
		broker_answer_close(&answer);
	} else if (task->launch && task->launch->pid > 0) {
		kill(task->launch->pid, word == BROKER_SIGINT ? SIGINT : SIGTERM);
	} else if (task->launch) {
		/* Not started, so ended. */
		answer = (struct broker_answer){
			.kind = BROKER_ENDED, .found.fds = DEVICE_NO_FDS, .owner = -1};
		rc = broker_send(socket, &answer);
	}
	return rc == 0;
}

static void tell_end(struct launch *launch, int socket)
{
	struct broker_answer answer = {
		.kind = BROKER_ENDED, .found.fds = DEVICE_NO_FDS, .owner = -1};

	answer.result = launch_status(launch);
	launch_clean(launch);
	broker_send(socket, &answer);
}

_Noreturn void broker_main(const struct options *options, struct launch *launch, int socket)
{
	struct broker_task task = {.options = options, .launch = launch, .root = "", .pidfd = -1};
	struct pollfd polls[2] = {{.fd = socket, .events = POLLIN}, {.fd = -1, .events = POLLIN}};

	prctl(PR_SET_NAME, launch ? "vgpu-launcher" : "vgpu-broker");
	/* It ends with the bridge, not by the terminal's or systemd's word to all. */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	access_forget_secrets(options);
	/* QEMU gets what the user gave us: rights, and descriptors too. */
	if (!launch) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close_all_but(socket);
		drop_capabilities(needed_capabilities(options->source));
	}
	/* A kernel that has none leaves the capabilities as the only bound. */
	if (!launch) {
		broker_filter(options->source == SOURCE_VM || options->source == SOURCE_PID);
	}
	if (options->source == SOURCE_PID) {
		task.pidfd = attach_pidfd(options->qemu_pid);
	}
	for (;;) {
		polls[1].fd = launch && launch->pid > 0 ? launch->pidfd : -1;
		if (poll(polls, 2, -1) < 0) {
			continue;
		}
		if (polls[1].fd >= 0 && polls[1].revents) {
			tell_end(launch, socket);
			break;
		}
		if (polls[0].revents && !serve_word(&task, socket)) {
			break;
		}
	}
	/* When the bridge is killed, QEMU goes on, and nobody stops it. */
	if (launch && launch->pid == 0) {
		launch_clean(launch);
	}
	_exit(0);
}
