/* SPDX-License-Identifier: MIT */
/*
 * What this process may ask of the kernel: no capability, no new privileges, few system calls, and of
 * the device's powerful fd only what looking at a display needs.
 *
 * sandbox_drop() comes before the first thread, sandbox_filter() when everything is set up and before
 * the first connection is taken; both are for the whole process and can't be undone. Main thread. A
 * call that breaks the device's rules kills the process; starting programs and reaching into other
 * processes is refused by the kernel; what is merely unknown is answered with EPERM, counted, and named
 * once in the log, by a thread of the sandbox's own.
 *
 * The rules know numbers and not files: the device is the fd with the number DEVICE_FD_NUMBER. They
 * are a net under our own mistakes and a hurdle for an intruder, who could still pass the fd to himself
 * through a socket, make a mapping of the display writable, or give himself in the supervisor's place
 * the answer to what is merely unknown.
 */
#ifndef BRIDGE_SANDBOX_H
#define BRIDGE_SANDBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sandbox_counters {
	atomic_uint_fast64_t refused; /* unknown system calls, answered with EPERM */
};

/*
 * Gives up all capabilities (also those that could come back: bounding, ambient and inheritable sets)
 * and the gaining of privileges by execve(). 0, or -errno with one line in why.
 */
int sandbox_drop(char *why, size_t why_size);

/*
 * Loads the filter for all threads. 0; -ENOSYS with one line in why where this kernel has no filters;
 * else -errno with one line in why.
 */
int sandbox_filter(char *why, size_t why_size);

/*
 * A device came whose EDID region begins at this offset. A kernel sample has its own in the middle of
 * everything else, so that there is a gap in the rules for it; with any other device it is closed, for
 * ever. Any thread, after sandbox_filter(); without it does nothing.
 */
void sandbox_tighten(uint64_t edid_offset);

/*
 * May an EDID region that begins at this offset of a device's file be written? Where not, an attempt
 * would end the process. Any thread.
 */
bool sandbox_lets_edid(uint64_t edid_offset);

struct sandbox_counters *sandbox_counters(void);

#endif
