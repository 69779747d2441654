/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "render/guard.h"

#define SLOTS 64 /* images are a handful each for picture and pointer */

struct slot {
	atomic_bool taken;
	atomic_uintptr_t start;
	atomic_uintptr_t end; /* 0: not in force */
};

/* Atomics only: the handler runs at any instruction of any thread. */
static struct {
	struct slot slots[SLOTS];
	atomic_int any;
	atomic_uint_fast64_t faults;
	uintptr_t page;
	struct sigaction previous;
} guard;

static bool is_ours(uintptr_t address)
{
	if (atomic_load(&guard.any) > 0) {
		return true;
	}
	for (int i = 0; i < SLOTS; i++) {
		uintptr_t end = atomic_load(&guard.slots[i].end);

		if (address < end && address >= atomic_load(&guard.slots[i].start)) {
			return true;
		}
	}
	return false;
}

static void pass_on(int signal_number, siginfo_t *info, void *context)
{
	struct sigaction fallback = {.sa_handler = SIG_DFL};

	if (guard.previous.sa_flags & SA_SIGINFO) {
		guard.previous.sa_sigaction(signal_number, info, context);
		return;
	}
	if (guard.previous.sa_handler == SIG_IGN && info->si_code <= 0) {
		return;
	}
	if (guard.previous.sa_handler != SIG_DFL && guard.previous.sa_handler != SIG_IGN) {
		guard.previous.sa_handler(signal_number);
		return;
	}

	/*
	 * The default action, with the core dump where it belongs: a true fault comes again as soon as
	 * we return; one that was sent has to be sent again, and waits until then.
	 */
	sigaction(SIGBUS, &fallback, NULL);
	if (info->si_code <= 0) {
		raise(SIGBUS);
	}
}

static void on_sigbus(int signal_number, siginfo_t *info, void *context)
{
	int saved = errno;
	uintptr_t address = (uintptr_t)info->si_addr;

	/* mmap is a plain system call on Linux, and so safe here though POSIX does not list it. */
	if (info->si_code == BUS_ADRERR && is_ours(address) &&
		mmap((void *)(address & ~(guard.page - 1)), guard.page, PROT_READ | PROT_WRITE,
			MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED) {
		atomic_fetch_add(&guard.faults, 1);
	} else {
		pass_on(signal_number, info, context);
	}
	errno = saved;
}

int guard_install(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct sigaction action = {
		.sa_sigaction = on_sigbus,
		.sa_flags = SA_SIGINFO | SA_ONSTACK,
	};
	struct sigaction now;
	int ret = 0;

	sigemptyset(&action.sa_mask);
	pthread_mutex_lock(&lock);
	if (sigaction(SIGBUS, NULL, &now) < 0) {
		ret = -errno;
	} else if (!(now.sa_flags & SA_SIGINFO) || now.sa_sigaction != on_sigbus) {
		guard.previous = now;
		guard.page = (uintptr_t)sysconf(_SC_PAGESIZE);
		if (sigaction(SIGBUS, &action, NULL) < 0) {
			ret = -errno;
		}
	}
	pthread_mutex_unlock(&lock);
	return ret;
}

int guard_add(const void *address, size_t length)
{
	for (int i = 0; i < SLOTS; i++) {
		struct slot *slot = &guard.slots[i];

		if (atomic_exchange(&slot->taken, true)) {
			continue;
		}
		atomic_store(&slot->start, (uintptr_t)address);
		atomic_store(&slot->end, (uintptr_t)address + length);
		return i;
	}
	return -ENOSPC;
}

void guard_remove(int index)
{
	if (index < 0 || index >= SLOTS) {
		return;
	}
	atomic_store(&guard.slots[index].end, 0);
	atomic_store(&guard.slots[index].taken, false);
}

void guard_any(int change)
{
	atomic_fetch_add(&guard.any, change);
}

uint64_t guard_faults(void)
{
	return atomic_load(&guard.faults);
}
