/* SPDX-License-Identifier: MIT */
/*
 * A kernel replaced at its system calls, for tests of the ways to open a device.
 *
 * It writes each call down as a line of fake_kernel.log, with the ABI's numbers written out, and
 * looks for nodes in its tree. The seam has no room for a pointer, hence one global. One thread.
 */
#ifndef TESTS_FAKE_KERNEL_H
#define TESTS_FAKE_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/unit/tree.h"
#include "vfio/device_impl.h"

#define FAKE_DISPLAY_REGION 16 /* mdpy's, beyond num_regions */
#define FAKE_DISPLAY_SIZE 8192 /* bytes; less than the 64x64 picture that queries answer */

struct fake_kernel {
	struct tree tree;
	char log[4096];
	int open_count; /* fds that are open now */
	unsigned long fail_ioctl; /* this call fails ... */
	const char *fail_open; /* or the opening of this path ("mmap": mappings) ... */
	int fail_errno; /* with this */
	int interrupts; /* so many ioctls are interrupted first */
	int version;
	unsigned extensions; /* bit n: VFIO_CHECK_EXTENSION n says yes */
	uint32_t group_flags;
	bool dmabuf, region, edid;
	bool config; /* tells of its configuration space */
	uint64_t config_offset;
	uint32_t edid_cap_next; /* another type of region, and where its capabilities go on */
	uint32_t region_flags;
	uint8_t edid_bytes[4096];
	int inherited; /* a real fd that is the device, or -1 */
};

extern struct fake_kernel fake_kernel;
extern const struct device_calls fake_kernel_calls;

/* A fresh kernel with an empty tree, type1 and a device with dma-bufs. */
void fake_kernel_create(void);
void fake_kernel_destroy(void);

#endif
