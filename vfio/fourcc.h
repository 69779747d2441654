/* SPDX-License-Identifier: MIT */
/*
 * The DRM formats and modifiers that a vGPU may answer with.
 *
 * Own definitions: vfio/ builds with libc and kernel headers alone, and distributions ship
 * drm_fourcc.h with libdrm. The numbers are the kernel's ABI. Constants only.
 */
#ifndef VFIO_FOURCC_H
#define VFIO_FOURCC_H

#include <stdint.h>

#define FOURCC(a, b, c, d) \
	((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

#define FOURCC_C8 FOURCC('C', '8', ' ', ' ')
#define FOURCC_RGB565 FOURCC('R', 'G', '1', '6')
#define FOURCC_XRGB8888 FOURCC('X', 'R', '2', '4')
#define FOURCC_ARGB8888 FOURCC('A', 'R', '2', '4')
#define FOURCC_XBGR8888 FOURCC('X', 'B', '2', '4')
#define FOURCC_ABGR8888 FOURCC('A', 'B', '2', '4')
#define FOURCC_XRGB2101010 FOURCC('X', 'R', '3', '0')
#define FOURCC_XBGR2101010 FOURCC('X', 'B', '3', '0')
#define FOURCC_YUYV FOURCC('Y', 'U', 'Y', 'V')
#define FOURCC_YVYU FOURCC('Y', 'V', 'Y', 'U')
#define FOURCC_UYVY FOURCC('U', 'Y', 'V', 'Y')
#define FOURCC_VYUY FOURCC('V', 'Y', 'U', 'Y')

/* The vendor is in the top byte: 0 none, 1 Intel. */
#define MODIFIER_LINEAR UINT64_C(0)
#define MODIFIER_I915_X_TILED (UINT64_C(1) << 56 | 1)
#define MODIFIER_I915_Y_TILED (UINT64_C(1) << 56 | 2)
#define MODIFIER_I915_YF_TILED (UINT64_C(1) << 56 | 3)

#endif
