/* SPDX-License-Identifier: MIT */
/* Taking a vGPU out of a process, and every obstacle's line, against a made-up /proc and kernel. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tree.h"
#include "vfio/attach_impl.h"

#define PID 1234
#define PIDFD 900
#define TAKEN 1000 /* + the number in the process is our duplicate */
#define ANON "anon_inode:[vfio-device]"

enum plane_answer { NO_PLANE, DMABUF, REGION, UNBOUND };

static struct {
	struct tree tree;
	int pidfd_errno;
	int getfd_errno;
	int ended_after; /* calls of ended() that say no */
	enum plane_answer planes[64]; /* by number in the process */
	int open_count;
	unsigned forbidden; /* calls that a search must not make */
} fake;

static char why[512];
static struct device_request request;

static int fails(int error)
{
	errno = error;
	return -1;
}

static int fake_pidfd_open(pid_t pid)
{
	assert_int_equal(pid, PID);
	if (fake.pidfd_errno) {
		return fails(fake.pidfd_errno);
	}
	fake.open_count++;
	return PIDFD;
}

static int fake_getfd(int pidfd, int fd)
{
	assert_int_equal(pidfd, PIDFD);
	if (fake.getfd_errno) {
		return fails(fake.getfd_errno);
	}
	fake.open_count++;
	return TAKEN + fd;
}

static int fake_ended(int pidfd)
{
	return fake.ended_after-- <= 0;
}

static const struct attach_calls attach_calls = {fake_pidfd_open, fake_getfd, fake_ended};

static int fake_close(int fd)
{
	fake.open_count--;
	return 0;
}

static int fake_ioctl(int fd, unsigned long number, void *argument)
{
	const struct vfio_device_gfx_plane_info *plane = argument;
	enum plane_answer answer = fake.planes[fd - TAKEN];

	if (number == VFIO_DEVICE_GET_INFO) {
		return answer == UNBOUND ? fails(EINVAL) : 0;
	}
	if (number == VFIO_DEVICE_QUERY_GFX_PLANE && plane->flags & VFIO_GFX_PLANE_TYPE_PROBE) {
		return (answer == DMABUF && plane->flags & VFIO_GFX_PLANE_TYPE_DMABUF) ||
				(answer == REGION && plane->flags & VFIO_GFX_PLANE_TYPE_REGION)
			? 0
			: fails(ENOTTY);
	}
	fake.forbidden++;
	return fails(ENOTTY);
}

static const struct device_calls device_calls = {.close = fake_close, .ioctl = fake_ioctl};

static int setup(void **state)
{
	memset(&fake, 0, sizeof(fake));
	fake.ended_after = 1000;
	tree_create(&fake.tree);
	tree_directory(&fake.tree, "/proc/1234/fd");
	tree_file(&fake.tree, "/proc/1234/comm", "qemu-system-x86\n");
	tree_link(&fake.tree, "/proc/1234/fd/0", "/dev/null");
	tree_link(&fake.tree, "/proc/1234/fd/9", "anon_inode:kvm-vm");
	request = (struct device_request){&device_calls, fake.tree.root, why, sizeof(why)};
	why[0] = '\0';
	return 0;
}

static int teardown(void **state)
{
	tree_remove(&fake.tree);
	return 0;
}

/* A VFIO device in the process; our duplicate of it is the same file. info may be NULL. */
static void give_fd(int number, const char *file, enum plane_answer planes, const char *info)
{
	char path[64];

	fake.planes[number] = planes;
	snprintf(path, sizeof(path), "/proc/1234/fd/%d", number);
	tree_link(&fake.tree, path, file);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", TAKEN + number);
	tree_link(&fake.tree, path, file);
	if (info) {
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", TAKEN + number);
		tree_file(&fake.tree, path, info);
	}
}

static void give_group(int number, const char *file)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/1234/fd/%d", number);
	tree_link(&fake.tree, path, file);
}

static void give_status(const char *process, unsigned uid, const char *capabilities)
{
	char path[64];
	char text[256];

	snprintf(path, sizeof(path), "/proc/%s/status", process);
	snprintf(text, sizeof(text), "Name:\tx\nUid:\t%u\t%u\t%u\t%u\nCapEff:\t%s\n", uid, uid, uid,
		uid, capabilities);
	tree_file(&fake.tree, path, text);
}

static int attach(const char *uuid, struct device_found *found)
{
	int owner;
	int rc = attach_request(&request, &attach_calls, PID, uuid, found, &owner);

	assert_int_equal(fake.forbidden, 0);
	assert_int_equal(owner, rc == 0 ? PIDFD : -1);
	assert_int_equal(fake.open_count, rc == 0 ? 2 : 0);
	return rc;
}

static void expect_found(const char *uuid, int number, const char *found_uuid)
{
	struct device_found found;
	int rc = attach(uuid, &found);

	if (rc < 0) {
		fail_msg("%s", why);
	}
	assert_int_equal(found.fds.device, TAKEN + number);
	assert_string_equal(found.uuid, found_uuid);
	fake.open_count = 0;
}

static void expect_error(const char *uuid, int error, const char *word, const char *other)
{
	struct device_found found;
	int rc = attach(uuid, &found);

	print_message("%s\n", why);
	assert_int_equal(rc, -error);
	assert_non_null(strstr(why, word));
	assert_non_null(strstr(why, other));
	assert_null(strchr(why, '\n'));
	assert_true(strlen(why) < sizeof(why) - 1);
}

#define INFO(uuid) "pos:\t0\nvfio-device-syspath: /sys/devices/pci0000:00/0000:00:02.0/" uuid "\n"

/* Old kernels, one vGPU: its group tells which. */
static void test_by_group(void **state)
{
	struct device_found found;

	tree_mdev(&fake.tree, TREE_UUID, 1, 7);
	give_group(20, "/dev/vfio/vfio");
	give_group(21, "/dev/vfio/7");
	give_fd(22, ANON, DMABUF, NULL);
	assert_int_equal(attach(NULL, &found), 0);
	assert_int_equal(found.fds.device, TAKEN + 22);
	assert_string_equal(found.uuid, TREE_UUID);
	assert_string_equal(found.name, "mdev " TREE_UUID);
	assert_string_equal(found.render_node, "/dev/dri/renderD128");
	fake.open_count = 0;
	expect_found(TREE_UUID, 22, TREE_UUID);
	expect_error(TREE_OTHER_UUID, ENODEV, TREE_OTHER_UUID, "1 other vGPU,");
}

/* A passed-through network card, whose group holds two devices, is passed over. */
static void test_beside_others(void **state)
{
	tree_mdev(&fake.tree, TREE_UUID, 1, 7);
	tree_link(&fake.tree, "/sys/kernel/iommu_groups/9/devices/0000:05:00.0", "../x");
	tree_link(&fake.tree, "/sys/kernel/iommu_groups/9/devices/0000:05:00.1", "../y");
	give_group(21, "/dev/vfio/9");
	give_fd(22, ANON, NO_PLANE, NULL);
	give_group(23, "/dev/vfio/7");
	give_fd(24, ANON, REGION, NULL);
	expect_found(NULL, 24, TREE_UUID);
	expect_found(TREE_UUID, 24, TREE_UUID);
}

/* Nothing tells what it is called; it is taken all the same unless a name is asked for. */
static void test_nameless(void **state)
{
	struct device_found found;

	give_fd(22, ANON, DMABUF, NULL);
	assert_int_equal(attach(NULL, &found), 0);
	assert_string_equal(found.uuid, "");
	assert_string_equal(found.name, "vGPU of process 1234");
	fake.open_count = 0;
	expect_error(TREE_UUID, ENOTSUP, "does not tell", "6.18");
}

/* Several, old kernel: it can't be known, and that is what is said. */
static void test_several_unknown(void **state)
{
	tree_mdev(&fake.tree, TREE_UUID, 1, 7);
	tree_mdev(&fake.tree, TREE_OTHER_UUID, 1, 8);
	give_group(21, "/dev/vfio/7");
	give_fd(22, ANON, DMABUF, NULL);
	give_group(23, "/dev/vfio/8");
	give_fd(24, ANON, DMABUF, NULL);
	expect_error(NULL, ENOTSUP, TREE_UUID ", " TREE_OTHER_UUID, "6.18");
	expect_error(TREE_UUID, ENOTSUP, "does not tell", "--fd-socket");
}

/* Linux 6.18 tells. */
static void test_several_by_fdinfo(void **state)
{
	tree_mdev(&fake.tree, TREE_UUID, 1, 7);
	tree_mdev(&fake.tree, TREE_OTHER_UUID, 1, 8);
	give_fd(22, ANON, DMABUF, INFO(TREE_UUID));
	give_fd(24, ANON, DMABUF, INFO(TREE_OTHER_UUID));
	expect_error(NULL, ENOTUNIQ, "--mdev: " TREE_UUID ", " TREE_OTHER_UUID, "2 vGPUs");
	expect_found(TREE_UUID, 22, TREE_UUID);
	expect_found(TREE_OTHER_UUID, 24, TREE_OTHER_UUID);
	expect_error("4b20d080-1b54-4048-85b3-a6a62d165c03", ENODEV, "2 other vGPUs", "c03");
}

static void test_cdev(void **state)
{
	tree_mdev(&fake.tree, TREE_UUID, 1, 7);
	tree_cdev(&fake.tree, TREE_UUID);
	give_fd(30, "/dev/vfio/devices/vfio0", UNBOUND, NULL);
	expect_error(NULL, EAGAIN, "not bound", "qemu-system-x86");
	fake.planes[30] = DMABUF;
	expect_found(NULL, 30, TREE_UUID);
	expect_found(TREE_UUID, 30, TREE_UUID);
	/* A duplicate of QEMU's own is the same device. */
	give_fd(31, "/dev/vfio/devices/vfio0", DMABUF, NULL);
	expect_found(NULL, 30, TREE_UUID);
}

/* The number got another file between looking and taking. */
static void test_swapped(void **state)
{
	fake.planes[22] = DMABUF;
	tree_link(&fake.tree, "/proc/1234/fd/22", ANON);
	tree_link(&fake.tree, "/proc/self/fd/1022", "/etc/shadow");
	expect_error(NULL, ENOTSUP, "none with a display plane", "1 VFIO device,");
}

static void test_nothing(void **state)
{
	expect_error(NULL, EAGAIN, "no VFIO device yet", "process 1234 (qemu-system-x86)");
	give_fd(22, ANON, NO_PLANE, NULL);
	expect_error(NULL, ENOTSUP, "display plane", "passed through");
	fake.getfd_errno = EBADF; /* closed since */
	expect_error(NULL, ENOTSUP, "display plane", "1 VFIO");
}

static void test_process_gone(void **state)
{
	fake.pidfd_errno = ESRCH;
	expect_error(NULL, ESRCH, "1234", "not running");
	fake.pidfd_errno = EINVAL;
	expect_error(NULL, ESRCH, "1234", "thread");
	fake.pidfd_errno = ENOSYS;
	expect_error(NULL, EACCES, "pidfd_open", "Linux 5.6");
	/* It ends while we look: what /proc shows may be another's by now. */
	fake.pidfd_errno = 0;
	give_fd(22, ANON, DMABUF, NULL);
	fake.ended_after = 0;
	expect_error(NULL, ESRCH, "1234", "has ended");
	fake.ended_after = 1000;
	fake.getfd_errno = ESRCH;
	expect_error(NULL, ESRCH, "1234", "has ended");
}

#define NO_CAPS "0000000000000000"
#define PTRACE "0000000000080000"
#define SEARCH "0000000000000004"
#define BOTH "0000000000080004"

/* What pidfd_getfd() refuses, by Yama's setting, users and capabilities. */
static void test_take_obstacles(void **state)
{
	static const struct {
		const char *yama;
		unsigned uid;
		const char *capabilities;
		const char *label, *word, *other;
	} cases[] = {
		{"3", 1000, BOTH, NULL, "Yama", "is 3"},
		{"3", 1000, NO_CAPS, NULL, "Yama", "next boot"},
		{"1", 1000, NO_CAPS, NULL, "Yama", "ptrace_scope=0"},
		{"2", 1000, SEARCH, NULL, "Yama", "CAP_SYS_PTRACE"},
		{"1", 64055, NO_CAPS, NULL, "belongs to user 64055", "no CAP_SYS_PTRACE"},
		{"0", 64055, SEARCH, NULL, "belongs to user 64055", "user 1000"},
		{"0", 1000, NO_CAPS, NULL, "is protected", "no CAP_SYS_PTRACE"},
		{NULL, 1000, NO_CAPS, NULL, "is protected", "no CAP_SYS_PTRACE"},
		{"1", 64055, BOTH, "libvirt-4b20 (enforce)", "AppArmor", "libvirt-4b20 (enforce)"},
		{"1", 64055, BOTH, "system_u:system_r:svirt_t:s0:c1,c2", "SELinux", "svirt_t"},
		{"1", 64055, BOTH, "unconfined", "although", "container"},
		{"1", 64055, BOTH, NULL, "although", "container"},
	};

	give_fd(22, ANON, DMABUF, NULL);
	fake.getfd_errno = EPERM;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (cases[i].yama) {
			tree_file(&fake.tree, "/proc/sys/kernel/yama/ptrace_scope", cases[i].yama);
		} else {
			tree_delete(&fake.tree, "/proc/sys/kernel/yama/ptrace_scope");
		}
		give_status("self", 1000, cases[i].capabilities);
		give_status("1234", cases[i].uid, NO_CAPS);
		tree_file(&fake.tree, "/proc/self/attr/current", "unconfined\n");
		tree_file(&fake.tree, "/proc/1234/attr/current",
			cases[i].label ? cases[i].label : "");
		expect_error(NULL, EACCES, cases[i].word, cases[i].other);
	}
	fake.getfd_errno = ENOSYS;
	expect_error(NULL, EACCES, "pidfd_getfd", "Linux 5.6");
	fake.getfd_errno = EMFILE;
	expect_error(NULL, EMFILE, "Too many open files", "1234");
}

/* The other two steps; a test that runs as root can't have its directories refused for real. */
static void test_list_obstacles(void **state)
{
	static const struct {
		enum attach_step step;
		int error;
		const char *capabilities, *word, *other;
	} cases[] = {
		{ATTACH_LIST, EACCES, NO_CAPS, "CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH",
			"belongs to user 64055"},
		{ATTACH_LIST, EACCES, PTRACE, "has no CAP_DAC_READ_SEARCH", "AmbientCapabilities"},
		{ATTACH_LIST, EACCES, BOTH, "AppArmor", "journalctl"},
		{ATTACH_READ, EACCES, SEARCH, "has no CAP_SYS_PTRACE", "--fd-socket"},
		{ATTACH_READ, EACCES, BOTH, "AppArmor", "readby"},
		{ATTACH_LIST, ENOENT, NO_CAPS, "hidepid", "gid="},
	};

	give_status("1234", 64055, NO_CAPS);
	tree_file(&fake.tree, "/proc/1234/attr/current", "libvirt-4b20 (enforce)");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		give_status("self", 1000, cases[i].capabilities);
		assert_int_equal(
			attach_obstacle(&request, PID, cases[i].step, -cases[i].error), -EACCES);
		print_message("%s\n", why);
		assert_non_null(strstr(why, cases[i].word));
		assert_non_null(strstr(why, cases[i].other));
	}
	/* A name that a process made up for itself stays one line. */
	tree_file(&fake.tree, "/proc/1234/comm", "a\033[2Jb\n");
	attach_obstacle(&request, PID, ATTACH_READ, -EACCES);
	assert_non_null(strstr(why, "(a?[2Jb)"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_by_group, setup, teardown),
		cmocka_unit_test_setup_teardown(test_beside_others, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nameless, setup, teardown),
		cmocka_unit_test_setup_teardown(test_several_unknown, setup, teardown),
		cmocka_unit_test_setup_teardown(test_several_by_fdinfo, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cdev, setup, teardown),
		cmocka_unit_test_setup_teardown(test_swapped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_process_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_take_obstacles, setup, teardown),
		cmocka_unit_test_setup_teardown(test_list_obstacles, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
