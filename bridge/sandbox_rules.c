/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <linux/vfio.h>

#include "bridge/sandbox_impl.h"
#include "vfio/device.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define LOW 0xffffffffu /* fds and ioctl numbers: the kernel ignores what is above */

#define IS_DEVICE(argument) SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, LOW, DEVICE_FD_NUMBER)

static const uint32_t device_ioctls[] = {
	VFIO_DEVICE_GET_INFO,
	VFIO_DEVICE_GET_REGION_INFO,
	VFIO_DEVICE_QUERY_GFX_PLANE,
	VFIO_DEVICE_GET_GFX_DMABUF,
};

/*
 * Kills each ioctl number that agrees with value in the bits of mask and is not one of ours. An equal
 * comparison is the only one that takes a mask, and an argument can be compared once in a rule, so
 * "none of these" becomes the largest blocks of numbers that hold none of them.
 */
static int kill_other_ioctls(scmp_filter_ctx filter, uint32_t mask, uint32_t value, unsigned bit)
{
	bool ours = false;
	int rc = 0;

	for (size_t i = 0; i < COUNT(device_ioctls); i++) {
		ours |= (device_ioctls[i] & mask) == value;
	}
	if (!ours) {
		return seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(ioctl), 1,
			SCMP_A1(SCMP_CMP_MASKED_EQ, mask, value));
	}
	while (bit < 32 && mask & 1u << (31 - bit)) {
		bit++;
	}
	if (bit == 32) {
		return 0;
	}
	for (uint32_t one = 0; rc == 0 && one <= 1; one++) {
		rc = kill_other_ioctls(
			filter, mask | 1u << (31 - bit), value | one << (31 - bit), bit + 1);
	}
	return rc;
}

/* Calls that would write to the device, or give it another number, by the place of their fd. */
static int kill_uses(scmp_filter_ctx filter)
{
	static const struct {
		int number;
		unsigned fd;
	} uses[] = {
		{SCMP_SYS(write), 0},
		{SCMP_SYS(writev), 0},
		{SCMP_SYS(pwritev), 0},
		{SCMP_SYS(pwritev2), 0},
		{SCMP_SYS(sendfile), 0},
		{SCMP_SYS(splice), 2},
		{SCMP_SYS(copy_file_range), 2},
		{SCMP_SYS(ftruncate), 0},
		{SCMP_SYS(dup), 0},
		{SCMP_SYS(dup2), 0},
		{SCMP_SYS(dup3), 0},
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < COUNT(uses); i++) {
		rc = seccomp_rule_add(
			filter, SCMP_ACT_KILL_PROCESS, uses[i].number, 1, IS_DEVICE(uses[i].fd));
	}
	for (size_t i = 0; rc == 0 && i < 2; i++) {
		rc = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(fcntl), 2,
			IS_DEVICE(0),
			SCMP_A1(SCMP_CMP_MASKED_EQ, LOW, i ? F_DUPFD_CLOEXEC : F_DUPFD));
	}
	for (size_t i = 0; rc == 0 && i < 2; i++) {
		uint64_t bit = i ? PROT_WRITE : PROT_EXEC;

		rc = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(mmap), 2,
			IS_DEVICE(4), SCMP_A2(SCMP_CMP_MASKED_EQ, bit, bit));
	}
	return rc;
}

static int kill_pwrite(scmp_filter_ctx filter, uint64_t mask, uint64_t value)
{
	return seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(pwrite64), 2, IS_DEVICE(0),
		SCMP_A3(SCMP_CMP_MASKED_EQ, mask, value));
}

/*
 * The offset of a pwrite64(): its upper bits say which region of PCI it is, 0 to 8, and only what comes
 * after them is let through. mbochs numbers nothing so: its EDID region is its file's third page, and
 * its configuration, registers and memory are the pages around that.
 */
static int kill_pwrites(scmp_filter_ctx filter)
{
	const uint64_t region = ~((UINT64_C(1) << 40) - 1), page = ~UINT64_C(0xfff);
	int rc = 0;

	for (uint64_t i = 1; rc == 0 && i < SANDBOX_FIRST_OFFSET >> 40; i++) {
		rc = kill_pwrite(filter, region, i << 40);
	}
	/* No EDID region is larger than 64 KiB. */
	for (unsigned bit = 16; rc == 0 && bit < 40; bit++) {
		rc = kill_pwrite(filter, UINT64_C(1) << bit, UINT64_C(1) << bit);
	}
	for (uint64_t i = 0; rc == 0 && i < 16; i++) {
		if (i != SANDBOX_GAP_PAGE) {
			rc = kill_pwrite(filter, page, i << 12);
		}
	}
	return rc;
}

/*
 * What an intruder would want most. The kernel itself refuses it, uncounted: to a call that our
 * supervisor is asked about, whoever runs code in this process could answer himself, with a yes.
 */
static int refuse_worst(scmp_filter_ctx filter)
{
	static const int worst[] = {
		/* other programs and processes, and what is theirs */
		SCMP_SYS(execve),
		SCMP_SYS(execveat),
		SCMP_SYS(fork),
		SCMP_SYS(vfork),
		SCMP_SYS(kill),
		SCMP_SYS(tkill),
		SCMP_SYS(rt_sigqueueinfo),
		SCMP_SYS(rt_tgsigqueueinfo),
		SCMP_SYS(pidfd_send_signal),
		SCMP_SYS(pidfd_getfd),
		SCMP_SYS(ptrace),
		SCMP_SYS(process_vm_readv),
		SCMP_SYS(process_vm_writev),
		SCMP_SYS(keyctl),
		SCMP_SYS(add_key),
		SCMP_SYS(request_key),
		/* ways around this filter, or to capabilities in a namespace of one's own */
		SCMP_SYS(io_uring_setup),
		SCMP_SYS(io_uring_enter),
		SCMP_SYS(io_uring_register),
		SCMP_SYS(unshare),
		SCMP_SYS(setns),
		/* what most holes of kernels need */
		SCMP_SYS(bpf),
		SCMP_SYS(perf_event_open),
		SCMP_SYS(userfaultfd),
		SCMP_SYS(modify_ldt),
	};
	int rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
		SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));

	for (size_t i = 0; rc == 0 && i < COUNT(worst); i++) {
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), worst[i], 0);
	}
	return rc;
}

int sandbox_add_deadly(scmp_filter_ctx filter)
{
	const uint32_t type = VFIO_TYPE << _IOC_TYPESHIFT;
	int rc = kill_other_ioctls(filter, _IOC_TYPEMASK << _IOC_TYPESHIFT, type, 0);

	/* Ours, but of another file: there is none that we have business with. */
	for (size_t i = 0; rc == 0 && i < COUNT(device_ioctls); i++) {
		rc = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(ioctl), 2,
			SCMP_A0(SCMP_CMP_NE, DEVICE_FD_NUMBER),
			SCMP_A1(SCMP_CMP_MASKED_EQ, LOW, device_ioctls[i]));
	}
	if (rc == 0) {
		rc = kill_uses(filter);
	}
	if (rc == 0) {
		rc = kill_pwrites(filter);
	}
	return rc < 0 ? rc : refuse_worst(filter);
}

int sandbox_add_tight(scmp_filter_ctx filter)
{
	return kill_pwrite(filter, ~((UINT64_C(1) << 40) - 1), 0);
}

/* What GLib, libspice-server, OpenSSL, SASL, Mesa with LLVM, and we ourselves need. */
static const int allowed[] = {
	/* files: Mesa's cache and configuration, our sockets, /proc and /sys */
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(pread64),
	SCMP_SYS(preadv),
	SCMP_SYS(preadv2),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(lseek),
	SCMP_SYS(open),
	SCMP_SYS(openat),
	SCMP_SYS(close),
	SCMP_SYS(close_range),
	SCMP_SYS(stat),
	SCMP_SYS(fstat),
	SCMP_SYS(lstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(statx),
	SCMP_SYS(statfs),
	SCMP_SYS(fstatfs),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(getdents64),
	SCMP_SYS(getcwd),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(rename),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2),
	SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat),
	SCMP_SYS(chmod),
	SCMP_SYS(fchmod),
	SCMP_SYS(fchmodat),
	SCMP_SYS(umask),
	SCMP_SYS(ftruncate),
	SCMP_SYS(fallocate),
	SCMP_SYS(fsync),
	SCMP_SYS(fdatasync),
	SCMP_SYS(fadvise64),
	SCMP_SYS(flock),
	SCMP_SYS(utimensat),
	SCMP_SYS(fcntl),
	SCMP_SYS(dup),
	SCMP_SYS(dup2),
	SCMP_SYS(dup3),
	SCMP_SYS(kcmp),
	SCMP_SYS(pidfd_open),
	/* memory */
	SCMP_SYS(mmap),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(mprotect),
	SCMP_SYS(madvise),
	SCMP_SYS(brk),
	SCMP_SYS(msync),
	SCMP_SYS(mincore),
	SCMP_SYS(membarrier),
	SCMP_SYS(memfd_create),
	SCMP_SYS(get_mempolicy),
	/* waiting */
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(select),
	SCMP_SYS(pselect6),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2),
	SCMP_SYS(eventfd2),
	SCMP_SYS(pipe),
	SCMP_SYS(pipe2),
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(timerfd_gettime),
	SCMP_SYS(nanosleep),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(times),
	SCMP_SYS(futex),
	SCMP_SYS(futex_waitv),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(sched_yield),
	/* threads and signals of our own; new ones see below */
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(get_robust_list),
	SCMP_SYS(set_tid_address),
	SCMP_SYS(rseq),
	SCMP_SYS(gettid),
	SCMP_SYS(getpid),
	SCMP_SYS(getppid),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigtimedwait),
	SCMP_SYS(rt_sigpending),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sched_setaffinity),
	SCMP_SYS(sched_getparam),
	SCMP_SYS(sched_getscheduler),
	SCMP_SYS(sched_setscheduler),
	SCMP_SYS(sched_get_priority_max),
	SCMP_SYS(sched_get_priority_min),
	SCMP_SYS(sched_getattr),
	SCMP_SYS(sched_setattr),
	SCMP_SYS(getpriority),
	SCMP_SYS(setpriority),
	SCMP_SYS(getcpu),
	SCMP_SYS(getrusage),
	SCMP_SYS(getrlimit),
	SCMP_SYS(wait4),
	SCMP_SYS(waitid),
	/* who and where we are */
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(getresuid),
	SCMP_SYS(getresgid),
	SCMP_SYS(getgroups),
	SCMP_SYS(uname),
	SCMP_SYS(sysinfo),
	SCMP_SYS(getrandom),
	SCMP_SYS(capget),
	SCMP_SYS(arch_prctl),
	/* sockets */
	SCMP_SYS(socketpair),
	SCMP_SYS(connect),
	SCMP_SYS(bind),
	SCMP_SYS(listen),
	SCMP_SYS(accept),
	SCMP_SYS(accept4),
	SCMP_SYS(shutdown),
	SCMP_SYS(getsockname),
	SCMP_SYS(getpeername),
	SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt),
	SCMP_SYS(sendto),
	SCMP_SYS(recvfrom),
	SCMP_SYS(sendmsg),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendmmsg),
	SCMP_SYS(recvmmsg),
	/* more filters only ever make it stricter */
	SCMP_SYS(seccomp),
};

/* By type: 'd' DRM, 'b' dma-buf, 'u' udmabuf, '>' fences. */
static const char allowed_types[] = {'d', 'b', 'u', '>'};

static const unsigned long allowed_ioctls[] = {
	FIONREAD,
	FIONBIO,
	FIOCLEX,
	SIOCOUTQ,
	SIOCOUTQNSD,
	TCGETS,
	TIOCGWINSZ,
	/* the supervisor's */
	SECCOMP_IOCTL_NOTIF_RECV,
	SECCOMP_IOCTL_NOTIF_SEND,
};

static int allow_ioctls(scmp_filter_ctx filter)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < COUNT(allowed_types); i++) {
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
			SCMP_A1(SCMP_CMP_MASKED_EQ, _IOC_TYPEMASK << _IOC_TYPESHIFT,
				(uint64_t)allowed_types[i] << _IOC_TYPESHIFT));
	}
	for (size_t i = 0; rc == 0 && i < COUNT(allowed_ioctls); i++) {
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
			SCMP_A1(SCMP_CMP_MASKED_EQ, LOW, allowed_ioctls[i]));
	}
	for (size_t i = 0; rc == 0 && i < COUNT(device_ioctls); i++) {
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 2, IS_DEVICE(0),
			SCMP_A1(SCMP_CMP_MASKED_EQ, LOW, device_ioctls[i]));
	}
	return rc;
}

static int allow_prctl(scmp_filter_ctx filter)
{
	static const int calls[] = {PR_SET_NAME, PR_GET_NAME, PR_SET_VMA, PR_SET_TIMERSLACK,
		PR_GET_DUMPABLE, PR_GET_SECCOMP, PR_SET_NO_NEW_PRIVS, PR_SET_PDEATHSIG};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < COUNT(calls); i++) {
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
			SCMP_A0(SCMP_CMP_MASKED_EQ, LOW, (uint64_t)calls[i]));
	}
	return rc;
}

/* Netlink is for the resolver of names. */
static int allow_sockets(scmp_filter_ctx filter)
{
	static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < COUNT(families); i++) {
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
			SCMP_A0(SCMP_CMP_MASKED_EQ, LOW, (uint64_t)families[i]));
	}
	return rc;
}

int sandbox_add_allowed(scmp_filter_ctx filter)
{
	const uint64_t thread = CLONE_VM | CLONE_THREAD;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < COUNT(allowed); i++) {
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	}
	if (rc == 0) {
		rc = allow_ioctls(filter);
	}
	if (rc == 0) {
		rc = allow_prctl(filter);
	}
	/* Threads, but no processes. What clone3() asks for can't be seen; libc does without it. */
	if (rc == 0) {
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
			SCMP_A0(SCMP_CMP_MASKED_EQ, thread, thread));
	}
	if (rc == 0) {
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	}
	if (rc == 0) {
		rc = allow_sockets(filter);
	}
	/* abort() and the like: signals to ourselves. */
	if (rc == 0) {
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
			SCMP_A0(SCMP_CMP_MASKED_EQ, LOW, (uint64_t)getpid()));
	}
	/* Limits may be read, and set for ourselves. */
	if (rc == 0) {
		rc = seccomp_rule_add(
			filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, SCMP_A0(SCMP_CMP_EQ, 0));
	}
	/* Of all files only the device is written at places, and there what is deadly is known. */
	if (rc == 0) {
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(pwrite64), 1, IS_DEVICE(0));
	}
	return rc;
}
