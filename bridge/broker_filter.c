/* SPDX-License-Identifier: MIT */
/*
 * What the broker may ask of the kernel. With CAP_SYS_PTRACE one could rule any process of the
 * machine; what a search needs of it is pidfd_getfd(), and nothing here can trace, start a program,
 * open a socket or write a file.
 */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/mman.h>

#include <linux/vfio.h>

#include "bridge/broker_impl.h"
#include "bridge/options.h"
#include "vfio/abi.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define LOW 0xffffffffu

/* libseccomp asks for no header that knows them. */
#ifndef __NR_pidfd_open
#define __NR_pidfd_open 434
#endif
#ifndef __NR_pidfd_getfd
#define __NR_pidfd_getfd 438
#endif

static const int allowed[] = {
	/* its socket */
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendmsg),
	/* /proc and /sys */
	SCMP_SYS(read),
	SCMP_SYS(pread64),
	SCMP_SYS(lseek),
	SCMP_SYS(close),
	SCMP_SYS(stat),
	SCMP_SYS(fstat),
	SCMP_SYS(lstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(statx),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(getdents64),
	SCMP_SYS(getcwd),
	SCMP_SYS(fcntl),
	SCMP_SYS(dup3),
	/* memory, time, and what libc does by itself */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(mprotect),
	SCMP_SYS(madvise),
	SCMP_SYS(futex),
	SCMP_SYS(getrandom),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getuid),
	SCMP_SYS(sched_yield),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

/* A search asks a device; the others set one up. */
static const uint32_t search_ioctls[] = {VFIO_DEVICE_GET_INFO, VFIO_DEVICE_QUERY_GFX_PLANE};
static const uint32_t set_up_ioctls[] = {
	VFIO_GET_API_VERSION,
	VFIO_CHECK_EXTENSION,
	VFIO_SET_IOMMU,
	VFIO_GROUP_GET_STATUS,
	VFIO_GROUP_SET_CONTAINER,
	VFIO_GROUP_GET_DEVICE_FD,
	ABI_IOAS_ALLOC,
	ABI_DEVICE_BIND_IOMMUFD,
	ABI_DEVICE_ATTACH_IOMMUFD_PT,
};

static int allow_ioctls(scmp_filter_ctx filter, const uint32_t *numbers, size_t count)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < count; i++) {
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
			SCMP_A1(SCMP_CMP_MASKED_EQ, LOW, numbers[i]));
	}
	return rc;
}

/* Who only reads opens for reading; a VFIO node is opened for both, and never made. */
static int allow_open(scmp_filter_ctx filter, bool search)
{
	const uint64_t making = O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY);
	const uint64_t mask = search ? O_ACCMODE | making : making;
	int rc = seccomp_rule_add(
		filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, mask, 0));

	if (rc == 0) {
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(open), 1,
			SCMP_A1(SCMP_CMP_MASKED_EQ, mask, 0));
	}
	return rc;
}

/* A taken descriptor may be of the guest's memory: mapped in common, it could be written to. */
static int allow_mmap(scmp_filter_ctx filter)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
		SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_SHARED, 0));
}

int broker_filter(bool search)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc = filter ? 0 : -ENOMEM;

	for (size_t i = 0; rc == 0 && i < COUNT(allowed); i++) {
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	}
	if (rc == 0) {
		rc = allow_open(filter, search);
	}
	if (rc == 0) {
		rc = allow_mmap(filter);
	}
	if (rc == 0 && search) {
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, __NR_pidfd_open, 0);
	}
	if (rc == 0 && search) {
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, __NR_pidfd_getfd, 0);
	}
	if (rc == 0) {
		rc = search ? allow_ioctls(filter, search_ioctls, COUNT(search_ioctls))
			    : allow_ioctls(filter, set_up_ioctls, COUNT(set_up_ioctls));
	}
	if (rc == 0) {
		rc = seccomp_load(filter);
	}
	if (filter) {
		seccomp_release(filter);
	}
	return rc;
}
