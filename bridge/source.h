/* SPDX-License-Identifier: MIT */
/*
 * From the user's SOURCE to a vgpu. Main thread; the caller destroys the vgpu.
 */
#ifndef BRIDGE_SOURCE_H
#define BRIDGE_SOURCE_H

#include <stddef.h>

struct options;
struct vgpu;

/* NULL with errno and one line in why. */
struct vgpu *source_open(const struct options *options, char *why, size_t why_size);

#endif
