/* SPDX-License-Identifier: MIT */
/* The broker's messages, a launcher's messages, and QEMU's command line for the verb run. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/vfio.h>

#include <cmocka.h>

#include "bridge/broker_impl.h"
#include "bridge/handover.h"
#include "bridge/launch.h"
#include "bridge/options.h"
#include "tests/unit/tree.h"

static char why[512];

static void make_pair(int pair[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
}

static int open_count(void)
{
	int count = 0;

	for (int fd = 0; fd < 256; fd++) {
		count += fcntl(fd, F_GETFD) >= 0;
	}
	return count;
}

static bool same_file(int a, int b)
{
	struct stat first, second;

	return fstat(a, &first) == 0 && fstat(b, &second) == 0 && first.st_ino == second.st_ino;
}

static void test_answer(void **state)
{
	struct broker_answer sent = {
		.kind = BROKER_ANSWER, .found.fds = DEVICE_NO_FDS, .owner = -1};
	struct broker_answer seen;
	int before = open_count();
	int pair[2];

	make_pair(pair);
	assert_int_equal(broker_take(pair[0], MSG_DONTWAIT, &seen), -EAGAIN);
	sent.found.fds.device = memfd_create("device", MFD_CLOEXEC);
	sent.found.fds.container = memfd_create("container", MFD_CLOEXEC);
	sent.owner = memfd_create("owner", MFD_CLOEXEC);
	strcpy(sent.found.name, "mdev 1");
	strcpy(sent.found.uuid, TREE_UUID);
	strcpy(sent.found.render_node, "/dev/dri/renderD128");
	assert_int_equal(broker_send(pair[1], &sent), 0);
	assert_int_equal(broker_take(pair[0], 0, &seen), 0);
	assert_int_equal(seen.result, 0);
	assert_true(same_file(seen.found.fds.device, sent.found.fds.device));
	assert_true(same_file(seen.found.fds.container, sent.found.fds.container));
	assert_true(same_file(seen.owner, sent.owner));
	assert_int_equal(seen.found.fds.group, -1);
	assert_int_equal(seen.found.fds.iommu, -1);
	assert_int_equal(fcntl(seen.owner, F_GETFD), FD_CLOEXEC);
	assert_string_equal(seen.found.name, "mdev 1");
	assert_string_equal(seen.found.uuid, TREE_UUID);
	assert_string_equal(seen.found.render_node, "/dev/dri/renderD128");
	broker_answer_close(&seen);
	broker_answer_close(&sent);

	sent.result = -EACCES;
	memset(sent.why, 'x', sizeof(sent.why)); /* no end */
	assert_int_equal(broker_send(pair[1], &sent), 0);
	assert_int_equal(broker_take(pair[0], 0, &seen), 0);
	assert_int_equal(seen.result, -EACCES);
	assert_int_equal(strlen(seen.why), sizeof(seen.why) - 1);

	close(pair[1]);
	assert_int_equal(broker_take(pair[0], 0, &seen), -EPIPE);
	close(pair[0]);
	assert_int_equal(open_count(), before);
}

/* What is no answer is refused, and its descriptors don't stay. */
static void test_bad_answers(void **state)
{
	static const struct {
		size_t length;
		uint32_t fds;
		size_t sent;
	} cases[] = {
		{1, 0, 0},
		{sizeof(struct broker_message) - 1, 1, 1},
		{sizeof(struct broker_message) + 1, 1, 1},
		{sizeof(struct broker_message), 1, 0},
		{sizeof(struct broker_message), 0, 1},
		{sizeof(struct broker_message), 3, 1},
		{sizeof(struct broker_message), 1u << 5, 1},
		{sizeof(struct broker_message), 0x1f, 5},
		{sizeof(struct broker_message), 0x1f, 6},
	};
	char bytes[sizeof(struct broker_message) + 1] = "";
	struct broker_answer seen;
	int pair[2];

	make_pair(pair);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct iovec vector = {bytes, cases[i].length};
		union {
			char bytes[CMSG_SPACE(sizeof(int) * 6)];
			struct cmsghdr align;
		} control = {{0}};
		struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1};
		int before = open_count();
		bool good = i == 7;

		((struct broker_message *)(void *)bytes)->fds = cases[i].fds;
		if (cases[i].sent > 0) {
			header.msg_control = control.bytes;
			header.msg_controllen = CMSG_SPACE(sizeof(int) * cases[i].sent);
			struct cmsghdr *cmsg = CMSG_FIRSTHDR(&header);

			cmsg->cmsg_level = SOL_SOCKET;
			cmsg->cmsg_type = SCM_RIGHTS;
			cmsg->cmsg_len = CMSG_LEN(sizeof(int) * cases[i].sent);
			for (size_t j = 0; j < cases[i].sent; j++) {
				memcpy(CMSG_DATA(cmsg) + j * sizeof(int), &pair[0], sizeof(int));
			}
		}
		assert_int_equal(sendmsg(pair[1], &header, 0), (ssize_t)cases[i].length);
		assert_int_equal(broker_take(pair[0], 0, &seen), good ? 0 : -EPROTO);
		if (good) {
			broker_answer_close(&seen);
		}
		assert_int_equal(open_count(), before);
	}
	close(pair[0]);
	close(pair[1]);
}

/* The last word of a broker that has ended is heard, although it never read ours. */
static void test_last_word(void **state)
{
	struct broker_answer sent = {
		.kind = BROKER_ENDED, .result = 7, .found.fds = DEVICE_NO_FDS, .owner = -1};
	struct broker_answer seen;
	int pair[2];

	make_pair(pair);
	assert_int_equal(send(pair[0], "l", 1, 0), 1);
	assert_int_equal(broker_send(pair[1], &sent), 0);
	close(pair[1]);
	assert_int_equal(broker_take(pair[0], MSG_DONTWAIT, &seen), 0);
	assert_int_equal(seen.kind, BROKER_ENDED);
	assert_int_equal(seen.result, 7);
	assert_int_equal(broker_take(pair[0], MSG_DONTWAIT, &seen), -EPIPE);
	close(pair[0]);
}

static int parse(const char *text, struct handover_offer *offer)
{
	return handover_parse(text, strlen(text), offer, why, sizeof(why));
}

static void test_handover_message(void **state)
{
	static const char good[] = "vgpu-bridge-fd 1\nname=my guest\npid=77\n\n";
	struct handover_offer offer;

	for (size_t i = 0; i < sizeof(good) - 1; i++) {
		assert_int_equal(handover_parse(good, i, &offer, why, sizeof(why)), -EAGAIN);
	}
	assert_int_equal(parse(good, &offer), 0);
	assert_string_equal(offer.name, "my guest");
	assert_int_equal(offer.pid, 77);
	assert_int_equal(parse("vgpu-bridge-fd 1\n\n", &offer), 0);
	assert_string_equal(offer.name, "");
	assert_int_equal(offer.pid, 0);
	assert_int_equal(parse("vgpu-bridge-fd 2\n\n", &offer), -EINVAL);
	assert_int_equal(parse("\n", &offer), -EINVAL);
	assert_int_equal(parse("vgpu-bridge-fd 1\npid=1x\n\n", &offer), -EINVAL);
	assert_int_equal(parse("vgpu-bridge-fd 1\npid=-1\n\n", &offer), -EINVAL);
	assert_int_equal(parse("vgpu-bridge-fd 1\npid=99999999999\n\n", &offer), -EINVAL);
	assert_int_equal(parse("vgpu-bridge-fd 1\nname=a\033[2J\n\n", &offer), -EINVAL);
	assert_int_equal(parse("vgpu-bridge-fd 1\nname=\n\n", &offer), -EINVAL);
}

static void test_handover_users(void **state)
{
	assert_true(handover_may(0, 1000, UINT_MAX));
	assert_true(handover_may(1000, 1000, UINT_MAX));
	assert_true(handover_may(7, 1000, 7));
	assert_false(handover_may(7, 1000, UINT_MAX));
	assert_false(handover_may(7, 1000, 8));
	assert_false(handover_may(UINT_MAX, 1000, UINT_MAX));
}

static char *join(const struct launch *launch)
{
	static char line[1024];

	line[0] = '\0';
	for (size_t i = 0; launch->argv[i]; i++) {
		snprintf(line + strlen(line), sizeof(line) - strlen(line), "%s%s", i ? " " : "",
			launch->argv[i]);
	}
	return line;
}

/* As a command line comes: writable. */
static char qemu[] = "no-such-qemu", option[] = "-m", value[] = "1G", uuid[] = TREE_UUID;
static char cdev[] = "/dev/vfio/devices/vfio0";
static char *const command[] = {qemu, option, value, NULL};

static void test_launch_group(void **state)
{
	struct options options = {.mdev = uuid, .command = (char **)command};
	struct launch launch;
	struct tree tree;

	tree_create(&tree);
	assert_int_equal(
		launch_create(tree.root, &options, false, &launch, why, sizeof(why)), -ENODEV);
	assert_non_null(strstr(why, TREE_UUID));
	tree_mdev(&tree, TREE_UUID, 1, 7);
	assert_int_equal(launch_create(tree.root, &options, false, &launch, why, sizeof(why)), 0);
	assert_string_equal(join(&launch),
		"no-such-qemu -m 1G -device vfio-pci,id=vgpu-bridge-gpu,sysfsdev=/sys/bus/mdev/devices/" TREE_UUID
		",display=off");
	assert_int_equal(launch.device, -1);
	assert_string_equal(launch.name, "mdev " TREE_UUID);
	launch_destroy(&launch);
	tree_delete(&tree, "/dev/vfio/7");
	assert_int_equal(
		launch_create(tree.root, &options, false, &launch, why, sizeof(why)), -ENOENT);
	assert_non_null(strstr(why, "/dev/vfio/7"));
	tree_remove(&tree);
}

static void test_launch_cdev(void **state)
{
	struct options options = {.mdev = uuid, .command = (char **)command};
	char want[384];
	struct launch launch;
	struct stat status;
	struct tree tree;

	tree_create(&tree);
	tree_mdev(&tree, TREE_UUID, 1, 7);
	tree_cdev(&tree, TREE_UUID);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
			launch_create(tree.root, &options, true, &launch, why, sizeof(why)), 0);
		snprintf(want, sizeof(want),
			"no-such-qemu -m 1G -object iommufd,id=vgpu-bridge-iommu -device "
			"vfio-pci,id=vgpu-bridge-gpu,fd=%d,sysfsdev=/sys/bus/mdev/devices/" TREE_UUID
			",iommufd=vgpu-bridge-iommu,display=off "
			"-qmp unix:%s,server=on,wait=off",
			launch.device, launch.qmp);
		assert_string_equal(join(&launch), want);
		assert_int_equal(fcntl(launch.device, F_GETFD), FD_CLOEXEC);
		assert_string_equal(launch.uuid, TREE_UUID);
		assert_int_equal(stat(launch.directory, &status), 0);
		assert_int_equal(status.st_mode & 0777, 0700);
		snprintf(want, sizeof(want), "%s", launch.directory);
		launch_clean(&launch);
		assert_int_equal(stat(want, &status), -1);
		launch_destroy(&launch);
		options.mdev = NULL;
		options.cdev = cdev;
	}
	tree_delete(&tree, "/dev/iommu");
	assert_int_equal(
		launch_create(tree.root, &options, false, &launch, why, sizeof(why)), -ENOENT);
	assert_non_null(strstr(why, "/dev/iommu"));
	tree_file(&tree, "/dev/iommu", "");
	tree_delete(&tree, "/dev/vfio/devices/vfio0");
	assert_int_equal(
		launch_create(tree.root, &options, false, &launch, why, sizeof(why)), -ENOENT);
	assert_non_null(strstr(why, "/dev/vfio/devices/vfio0"));
	tree_remove(&tree);
}

/* A QEMU that says its version when it is asked. */
static void give_qemu(const struct tree *tree, const char *version, char *path, size_t size)
{
	char text[128];

	snprintf(text, sizeof(text), "#!/bin/sh\necho 'QEMU emulator version %s (x)'\n", version);
	tree_file(tree, "/qemu", text);
	snprintf(path, size, "%s/qemu", tree->root);
	assert_int_equal(chmod(path, 0755), 0);
}

/* An older QEMU gets the mdev in the older way, and no cdev. */
static void test_launch_version(void **state)
{
	char program[128];
	char *words[] = {program, NULL};
	struct options options = {.mdev = uuid, .command = words};
	struct launch launch;
	struct tree tree;

	tree_create(&tree);
	tree_mdev(&tree, TREE_UUID, 1, 7);
	tree_cdev(&tree, TREE_UUID);
	give_qemu(&tree, "7.2.17", program, sizeof(program));
	assert_int_equal(launch_create(tree.root, &options, false, &launch, why, sizeof(why)), 0);
	assert_non_null(strstr(join(&launch), "sysfsdev="));
	assert_int_equal(launch.device, -1);
	launch_destroy(&launch);
	options.cdev = cdev;
	assert_int_equal(
		launch_create(tree.root, &options, false, &launch, why, sizeof(why)), -ENOTSUP);
	assert_non_null(strstr(why, "9.0"));
	options.cdev = NULL;
	give_qemu(&tree, "10.0.2", program, sizeof(program));
	assert_int_equal(launch_create(tree.root, &options, false, &launch, why, sizeof(why)), 0);
	assert_non_null(strstr(join(&launch), ",fd="));
	launch_destroy(&launch);
	tree_remove(&tree);
}

static void start(char *script, int expected)
{
	char shell[] = "sh", with[] = "-c";
	char *words[] = {shell, with, script, NULL};
	struct launch launch = {.device = -1, .pidfd = -1, .argv = words};

	assert_int_equal(launch_start(&launch, why, sizeof(why)), 0);
	assert_true(launch.pidfd >= 0);
	assert_int_equal(launch_status(&launch), expected);
	close(launch.pidfd);
}

static void test_launch_start(void **state)
{
	char ends[] = "exit 9", dies[] = "kill -9 $$", nowhere[] = "/nowhere/qemu";
	char *words[] = {nowhere, NULL};
	struct launch launch = {.device = -1, .pidfd = -1, .argv = words};

	start(ends, 9);
	start(dies, 137);
	assert_int_equal(launch_start(&launch, why, sizeof(why)), -ENOENT);
	assert_non_null(strstr(why, "/nowhere/qemu can't be started"));
	assert_int_equal(launch.pid, 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* In a child, which the filter stays with: what may be done, and what all fails with EPERM. */
static int try_filter(bool search)
{
	struct vfio_device_info info = {.argsz = sizeof(info)};
	int number = search ? VFIO_GROUP_GET_STATUS : VFIO_DEVICE_GET_INFO;
	int own = search ? VFIO_DEVICE_GET_INFO : VFIO_GROUP_GET_STATUS;
	int memory = memfd_create("x", MFD_CLOEXEC);
	int fd;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (broker_filter(search) < 0) {
		return 77;
	}
	fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, &info, 1) != 1) {
		return 1;
	}
	if (ioctl(memory, own, &info) == 0 || errno != ENOTTY) {
		return 2;
	}
	if (ioctl(memory, number, &info) == 0 || errno != EPERM) {
		return 3;
	}
	if (ioctl(memory, VFIO_DEVICE_RESET) == 0 || errno != EPERM) {
		return 4;
	}
	if (ptrace(PTRACE_ATTACH, getppid(), 0, 0) == 0 || errno != EPERM) {
		return 5;
	}
	if (socket(AF_UNIX, SOCK_STREAM, 0) >= 0 || errno != EPERM) {
		return 6;
	}
	if (open("/tmp", O_RDWR | O_TMPFILE, 0600) >= 0 || errno != EPERM) {
		return search ? 7 : 8;
	}
	if (write(memory, "x", 1) >= 0 || errno != EPERM) {
		return 9;
	}
	errno = 0;
	execl("/bin/true", "true", NULL);
	if (errno != EPERM || fork() >= 0) {
		return 10;
	}
	if ((syscall(SYS_pidfd_open, getpid(), 0) >= 0) != search) {
		return 11;
	}
	if (mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0) != MAP_FAILED ||
		errno != EPERM) {
		return 12;
	}
	if (mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, memory, 0) == MAP_FAILED) {
		return 13;
	}
	return 0;
}

static void test_filter(void **state)
{
	for (int search = 0; search <= 1; search++) {
		int status;
		pid_t pid = fork();

		if (pid == 0) {
			_exit(try_filter(search));
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status) == 77) {
			skip();
		}
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_bad_answers),
		cmocka_unit_test(test_last_word),
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_handover_message),
		cmocka_unit_test(test_handover_users),
		cmocka_unit_test(test_launch_group),
		cmocka_unit_test(test_launch_cdev),
		cmocka_unit_test(test_launch_version),
		cmocka_unit_test(test_launch_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
