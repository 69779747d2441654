/* SPDX-License-Identifier: MIT */
/*
 * The sandbox, in children of the test that misbehave under it. The fd with the device's number is an
 * ordinary file: the rules know numbers only.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/seccomp.h>
#include <linux/vfio.h>

#include "bridge/sandbox.h"
#include "bridge/sandbox_impl.h"
#include "vfio/device.h"

#define OTHER_FD 150 /* a file that is not the device */

/* Puts files at both numbers, and loads the filter. The child ends where that fails. */
static void enter(void)
{
	char why[256];
	int fd = memfd_create("device", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, 65536) < 0 || dup3(fd, DEVICE_FD_NUMBER, O_CLOEXEC) < 0 ||
		dup3(fd, OTHER_FD, O_CLOEXEC) < 0) {
		_exit(100);
	}
	if (sandbox_drop(why, sizeof(why)) < 0 || sandbox_filter(why, sizeof(why)) < 0) {
		fprintf(stderr, "%s\n", why);
		_exit(101);
	}
}

/* What became of a child that did this under the filter: its exit code, or minus the signal. */
static int run(int (*act)(void))
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		/* The test's own handlers and their longjmp() are no business of the child. */
		signal(SIGSYS, SIG_DFL);
		enter();
		_exit(act());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* 0 where a call was refused and that was counted. */
static int refused(long result)
{
	int error = errno;

	return result >= 0 ? 1 : error != EPERM ? 2 : sandbox_counters()->refused < 1 ? 3 : 0;
}

static int known_ioctls(void)
{
	static const unsigned long numbers[] = {VFIO_DEVICE_GET_INFO, VFIO_DEVICE_GET_REGION_INFO,
		VFIO_DEVICE_QUERY_GFX_PLANE, VFIO_DEVICE_GET_GFX_DMABUF};
	char space[256] = {0};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		/* The kernel's own answer: a memfd is no such device. */
		if (ioctl(DEVICE_FD_NUMBER, numbers[i], space) >= 0 || errno != ENOTTY) {
			return 1;
		}
	}
	return sandbox_counters()->refused != 0;
}

static unsigned long forbidden;
static int forbidden_fd;

static int forbidden_ioctl(void)
{
	char space[256] = {0};

	syscall(SYS_ioctl, forbidden_fd, forbidden, space);
	return 0;
}

static void test_forbidden_ioctls_kill(void **state)
{
	static const unsigned long named[] = {VFIO_DEVICE_RESET, VFIO_DEVICE_SET_IRQS,
		VFIO_DEVICE_GET_IRQ_INFO, VFIO_DEVICE_PCI_HOT_RESET, VFIO_DEVICE_IOEVENTFD,
		VFIO_DEVICE_FEATURE, VFIO_GROUP_GET_DEVICE_FD, VFIO_IOMMU_MAP_DMA,
		VFIO_DEVICE_GET_PCI_HOT_RESET_INFO};

	forbidden_fd = DEVICE_FD_NUMBER;
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		forbidden = named[i];
		assert_int_equal(run(forbidden_ioctl), -SIGSYS);
	}
	/* A flag in the number, and one where the kernel does not look. */
	forbidden = VFIO_DEVICE_QUERY_GFX_PLANE | 1ul << 31;
	assert_int_equal(run(forbidden_ioctl), -SIGSYS);
	forbidden = VFIO_DEVICE_RESET | 1ul << 40;
	assert_int_equal(run(forbidden_ioctl), -SIGSYS);
	/* Ours, but not on the device; and on a number that the kernel takes for the device's. */
	forbidden = VFIO_DEVICE_QUERY_GFX_PLANE;
	forbidden_fd = OTHER_FD;
	assert_int_equal(run(forbidden_ioctl), -SIGSYS);
}

static void test_each_number_of_the_type(void **state)
{
	forbidden_fd = DEVICE_FD_NUMBER;
	for (unsigned long number = 0; number < 256; number++) {
		bool ours = number == 107 || number == 108 || number == 114 || number == 115;

		forbidden = _IO(VFIO_TYPE, number);
		assert_int_equal(run(forbidden_ioctl), ours ? 0 : -SIGSYS);
	}
}

static off_t place;

static int write_at(void)
{
	uint32_t word = 0;
	ssize_t n = pwrite(DEVICE_FD_NUMBER, &word, sizeof(word), place);

	/* A memfd of 64 KiB has no such place either, but that is the kernel's own word. */
	return n == sizeof(word) || errno == EFBIG || errno == EINVAL ? 0 : 1;
}

static int write_at_tight(void)
{
	sandbox_tighten(SANDBOX_FIRST_OFFSET);
	return write_at();
}

static int write_at_loose(void)
{
	/* mbochs itself must not close the gap that is for it. */
	sandbox_tighten(0x2000);
	return write_at();
}

/* What is said to be let through is, and what is not said would kill. */
static int told_as_it_is(void)
{
	bool loose = sandbox_lets_edid(0x2000) && sandbox_lets_edid(SANDBOX_FIRST_OFFSET) &&
		!sandbox_lets_edid(0) && !sandbox_lets_edid(0x1000) && !sandbox_lets_edid(0x3000) &&
		!sandbox_lets_edid(SANDBOX_FIRST_OFFSET - 1);

	sandbox_tighten(SANDBOX_FIRST_OFFSET);
	return !loose || sandbox_lets_edid(0x2000) || !sandbox_lets_edid(SANDBOX_FIRST_OFFSET);
}

static void test_only_the_edid_is_written(void **state)
{
	static const uint64_t deadly[] = {0, 4, 0x40, 0xff, 0x1000, 0x1ffc, 0x3000, 0xf000, 0x10000,
		0x12000, UINT64_C(1) << 32, UINT64_C(7) << 40, (UINT64_C(7) << 40) + 4,
		(UINT64_C(8) << 40) + 0x2000};

	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++) {
		place = (off_t)deadly[i];
		assert_int_equal(run(write_at), -SIGSYS);
	}
	place = (off_t)SANDBOX_FIRST_OFFSET;
	assert_int_equal(run(write_at), 0);
	assert_int_equal(run(write_at_tight), 0);
	place = 0x2000;
	assert_int_equal(run(write_at), 0);
	assert_int_equal(run(write_at_loose), 0);
	assert_int_equal(run(write_at_tight), -SIGSYS);
	assert_int_equal(run(told_as_it_is), 0);
}

static int use;

static int use_device(void)
{
	char bytes[4] = {0};
	struct iovec vector = {bytes, sizeof(bytes)};
	int pipe_ends[2];

	if (pipe(pipe_ends) < 0) {
		return 1;
	}
	switch (use) {
	case 0:
		return write(DEVICE_FD_NUMBER, bytes, 4) != 4;
	case 1:
		return writev(DEVICE_FD_NUMBER, &vector, 1) != 4;
	case 2:
		return pwritev(DEVICE_FD_NUMBER, &vector, 1, SANDBOX_FIRST_OFFSET) != 4;
	case 3:
		return dup(DEVICE_FD_NUMBER) < 0;
	case 4:
		return dup2(DEVICE_FD_NUMBER, 33) < 0;
	case 5:
		return dup3(DEVICE_FD_NUMBER, 33, O_CLOEXEC) < 0;
	case 6:
		return fcntl(DEVICE_FD_NUMBER, F_DUPFD, 30) < 0;
	case 7:
		return fcntl(DEVICE_FD_NUMBER, F_DUPFD_CLOEXEC, 30) < 0;
	case 8:
		return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, DEVICE_FD_NUMBER, 0) ==
			MAP_FAILED;
	case 9:
		return mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, DEVICE_FD_NUMBER, 0) == MAP_FAILED;
	case 10:
		return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, DEVICE_FD_NUMBER, 0) ==
			MAP_FAILED;
	case 11:
		return splice(pipe_ends[0], NULL, DEVICE_FD_NUMBER, NULL, 4, 0) < 0;
	case 12:
		return ftruncate(DEVICE_FD_NUMBER, 0) < 0;
	}
	return 0;
}

static void test_no_other_way_to_write(void **state)
{
	for (use = 0; use <= 12; use++) {
		assert_int_equal(run(use_device), -SIGSYS);
	}
}

/* What the bridge does with it all day, and how a device comes and goes. */
static int good_uses(void)
{
	char bytes[8];
	void *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, DEVICE_FD_NUMBER, 0);

	if (map == MAP_FAILED || pread(DEVICE_FD_NUMBER, bytes, 8, 0) != 8 || munmap(map, 4096)) {
		return 1;
	}
	if (fcntl(DEVICE_FD_NUMBER, F_GETFD) < 0 ||
		dup3(OTHER_FD, DEVICE_FD_NUMBER, O_CLOEXEC) < 0 || close(DEVICE_FD_NUMBER) < 0) {
		return 2;
	}
	return sandbox_counters()->refused != 0;
}

static int unknown_ioctl(void)
{
	int sum = refused(ioctl(OTHER_FD, _IO('x', 1), 0));

	return sum ? sum : refused(ioctl(OTHER_FD, 0x5412 /* TIOCSTI */, ""));
}

/* Refused by the kernel, and nobody is asked. */
static bool refused_at_once(long result)
{
	return result < 0 && errno == EPERM && sandbox_counters()->refused == 0;
}

static int execute(void)
{
	char program[] = "/bin/true", *argv[] = {program, NULL}, *none[] = {NULL};

	return !refused_at_once(execve(argv[0], argv, none));
}

static int worst_calls(void)
{
	static const long numbers[] = {SYS_ptrace, SYS_unshare, SYS_setns, SYS_bpf, SYS_keyctl,
		SYS_pidfd_getfd, SYS_process_vm_writev, SYS_io_uring_setup, SYS_kill, SYS_clone};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (!refused_at_once(syscall(numbers[i], 0, 0, 0, 0, 0))) {
			return 1 + (int)i;
		}
	}
	return 0;
}

/* The fd by which refused calls are answered. */
static int find_notify_fd(void)
{
	char path[64], name[64];

	for (int fd = 3; fd < 256; fd++) {
		ssize_t length;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		length = readlink(path, name, sizeof(name) - 1);
		name[length > 0 ? length : 0] = '\0';
		if (!strcmp(name, "anon_inode:seccomp notify")) {
			return fd;
		}
	}
	return -1;
}

/* An intruder who says yes to what is refused. */
static void *say_yes(void *data)
{
	int fd = *(int *)data;

	for (;;) {
		struct seccomp_notif call = {0};
		struct seccomp_notif_resp answer = {.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};

		if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &call) == 0) {
			answer.id = call.id;
			ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &answer);
		}
	}
	return NULL;
}

static int intrude(void)
{
	int fd = find_notify_fd();
	pthread_t thread;

	if (fd < 0 || pthread_create(&thread, NULL, say_yes, &fd)) {
		return 1;
	}
	for (int i = 0; i < 200; i++) {
		if (syscall(SYS_kill, getppid(), 0) == 0) {
			return 2;
		}
	}
	return 0;
}

static int other_sockets(void)
{
	static const int families[] = {AF_PACKET, AF_VSOCK, AF_ALG};

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		if (refused(socket(families[i], SOCK_DGRAM, 0))) {
			return 1 + (int)i;
		}
	}
	/* Signals for ourselves, and for nobody else. */
	return syscall(SYS_tgkill, getpid(), (int)syscall(SYS_gettid), 0) != 0 ? 10
		: refused(syscall(SYS_tgkill, getppid(), getppid(), 0))        ? 11
									       : 0;
}

static int other_calls(void)
{
	static const long numbers[] = {SYS_mount, SYS_setuid, SYS_chroot, SYS_sethostname,
		SYS_init_module, SYS_truncate, SYS_symlink, SYS_personality};
	uint64_t before;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		before = sandbox_counters()->refused;
		if (syscall(numbers[i], 0, 0, 0, 0, 0) >= 0 || errno != EPERM ||
			sandbox_counters()->refused != before + 1) {
			return 1 + (int)i;
		}
	}
	return refused(pwrite(OTHER_FD, "", 1, 0));
}

static void *nothing(void *data)
{
	/* In a new thread the filter holds too. */
	return syscall(SYS_ptrace, 0, 0, 0, 0) < 0 && errno == EPERM ? data : NULL;
}

static pthread_barrier_t barrier;

static void *wait_then_misbehave(void *data)
{
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return nothing(data);
}

static int threads(void)
{
	pthread_t thread;
	void *result = NULL;
	int mark;

	if (pthread_create(&thread, NULL, nothing, &mark) || pthread_join(thread, &result)) {
		return 1;
	}
	return result != &mark;
}

/* A thread that was there before the filter is under it as well. */
static void test_older_threads(void **state)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		pthread_t thread;
		void *result = NULL;
		int mark;

		pthread_barrier_init(&barrier, NULL, 2);
		if (pthread_create(&thread, NULL, wait_then_misbehave, &mark)) {
			_exit(1);
		}
		pthread_barrier_wait(&barrier);

		char why[256];

		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (sandbox_filter(why, sizeof(why)) < 0) {
			_exit(2);
		}
		pthread_barrier_wait(&barrier);
		pthread_join(thread, &result);
		_exit(result != &mark);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_what_is_let_through(void **state)
{
	assert_int_equal(run(known_ioctls), 0);
	assert_int_equal(run(good_uses), 0);
	assert_int_equal(run(threads), 0);
}

static void test_unknown_calls_are_refused_and_counted(void **state)
{
	assert_int_equal(run(unknown_ioctl), 0);
	assert_int_equal(run(other_calls), 0);
	assert_int_equal(run(other_sockets), 0);
}

static void test_the_worst_is_refused_at_once(void **state)
{
	assert_int_equal(run(intrude), 0);
	assert_int_equal(run(execute), 0);
	assert_int_equal(run(worst_calls), 0);
}

/* /proc/self/status has all of it. */
static int status_is_bare(void)
{
	static const char *const lines[] = {"CapInh:\t0000000000000000",
		"CapPrm:\t0000000000000000", "CapEff:\t0000000000000000",
		"CapAmb:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2",
		"CapBnd:\t0000000000000000"};
	/* Who is no root can't empty the last one, and can't gain from it. */
	size_t count = geteuid() == 0 ? 7 : 6;
	static char text[8192];
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t size = read(fd, text, sizeof(text) - 1);

	close(fd);
	text[size < 0 ? 0 : size] = '\0';
	for (size_t i = 0; i < count; i++) {
		if (!strstr(text, lines[i])) {
			return 1 + (int)i;
		}
	}
	return 0;
}

static void test_nothing_is_left(void **state)
{
	assert_int_equal(run(status_is_bare), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_let_through),
		cmocka_unit_test(test_nothing_is_left),
		cmocka_unit_test(test_forbidden_ioctls_kill),
		cmocka_unit_test(test_each_number_of_the_type),
		cmocka_unit_test(test_only_the_edid_is_written),
		cmocka_unit_test(test_no_other_way_to_write),
		cmocka_unit_test(test_unknown_calls_are_refused_and_counted),
		cmocka_unit_test(test_the_worst_is_refused_at_once),
		cmocka_unit_test(test_older_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
