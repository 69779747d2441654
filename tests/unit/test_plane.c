/* SPDX-License-Identifier: MIT */
/*
 * Hostile planes. Each case states all that a device can state, and the one reason for which it has
 * to be refused; it passes plane_check() and then vgpu_query() or vgpu_buffer_get() over a fake
 * device, where the refusal must be counted, once, and nothing else.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/fake_vgpu.h"
#include "vfio/fourcc.h"

#define MIB (1u << 20)
#define HUGE_LENGTH (INT64_C(1) << 40) /* a sparse memfd that is certainly long enough */
#define REGION 16 /* mdpy's number */

struct hostile {
	const char *name;
	enum plane_type type;
	enum plane_kind kind;
	uint32_t format;
	uint64_t modifier;
	uint32_t width, height, stride, size;
	uint64_t budget;
	int64_t real; /* length of the dma-buf or region; -1: no such region */
	enum plane_refusal refusal;
};

#define PRIMARY PLANE_PRIMARY, PLANE_KIND_DMABUF
#define MAPPED PLANE_PRIMARY, PLANE_KIND_REGION
#define CURSOR PLANE_CURSOR, PLANE_KIND_DMABUF
#define XR FOURCC_XRGB8888
#define AR FOURCC_ARGB8888
#define LINEAR MODIFIER_LINEAR
#define X_TILED MODIFIER_I915_X_TILED
#define Y_TILED MODIFIER_I915_Y_TILED
#define YF_TILED MODIFIER_I915_YF_TILED
#define MAX UINT32_MAX
#define ANY HUGE_LENGTH

/* clang-format off */
static const struct hostile hostiles[] = {
	/* sides */
	{"width 0", PRIMARY, XR, LINEAR, 0, 480, 2560, 480 * 2560, 0, ANY, PLANE_BAD_WIDTH},
	{"width 1", PRIMARY, XR, LINEAR, 1, 480, 2560, 480 * 2560, 0, ANY, PLANE_BAD_WIDTH},
	{"width just too small", PRIMARY, XR, LINEAR, 63, 480, 2560, 480 * 2560, 0, ANY, PLANE_BAD_WIDTH},
	{"width just too large", PRIMARY, XR, LINEAR, 16385, 64, 65540, 65540 * 64, 0, ANY, PLANE_BAD_WIDTH},
	{"width whose bytes wrap to 0", PRIMARY, XR, LINEAR, 0x40000000, 64, 64, 64 * 64, 0, ANY, PLANE_BAD_WIDTH},
	{"width whose bytes wrap to 256", PRIMARY, XR, LINEAR, 0x40000040, 64, 256, 64 * 256, 0, ANY, PLANE_BAD_WIDTH},
	{"width as large as it can be", PRIMARY, XR, LINEAR, MAX, 480, MAX, MAX, 0, ANY, PLANE_BAD_WIDTH},
	{"height 0", PRIMARY, XR, LINEAR, 640, 0, 2560, 480 * 2560, 0, ANY, PLANE_BAD_HEIGHT},
	{"height 1", PRIMARY, XR, LINEAR, 640, 1, 2560, 480 * 2560, 0, ANY, PLANE_BAD_HEIGHT},
	{"height just too small", PRIMARY, XR, LINEAR, 640, 63, 2560, 480 * 2560, 0, ANY, PLANE_BAD_HEIGHT},
	{"height just too large", PRIMARY, XR, LINEAR, 64, 16385, 256, 16385 * 256, 0, ANY, PLANE_BAD_HEIGHT},
	{"height that is negative as an int", PRIMARY, XR, LINEAR, 640, 0x80000000, 2560, MAX, 0, ANY, PLANE_BAD_HEIGHT},
	{"height as large as it can be", PRIMARY, XR, LINEAR, 640, MAX, 2560, MAX, 0, ANY, PLANE_BAD_HEIGHT},
	{"both sides 0", PRIMARY, XR, LINEAR, 0, 0, 0, 0, 0, ANY, PLANE_BAD_WIDTH},
	{"region of width 0", MAPPED, XR, LINEAR, 0, 480, 2560, 480 * 2560, 0, ANY, PLANE_BAD_WIDTH},
	{"region of huge height", MAPPED, XR, LINEAR, 640, 0x40000000, 2560, MAX, 0, ANY, PLANE_BAD_HEIGHT},

	/* formats */
	{"C8", PRIMARY, FOURCC_C8, LINEAR, 640, 480, 640, 480 * 640, 0, ANY, PLANE_FORMAT_C8},
	{"C8, tiled", PRIMARY, FOURCC_C8, X_TILED, 640, 480, 1024, 480 * 1024, 0, ANY, PLANE_FORMAT_C8},
	{"C8 in a region", MAPPED, FOURCC_C8, LINEAR, 640, 480, 640, 480 * 640, 0, ANY, PLANE_FORMAT_C8},
	{"C8 as a cursor", CURSOR, FOURCC_C8, LINEAR, 64, 64, 64, 64 * 64, 0, ANY, PLANE_FORMAT_C8},
	{"format 1", PRIMARY, 1, LINEAR, 640, 480, 2560, 480 * 2560, 0, ANY, PLANE_UNKNOWN_FORMAT},
	{"format of all ones", PRIMARY, MAX, LINEAR, 640, 480, 2560, 480 * 2560, 0, ANY, PLANE_UNKNOWN_FORMAT},
	{"NV12", PRIMARY, FOURCC('N', 'V', '1', '2'), LINEAR, 640, 480, 640, 480 * 960, 0, ANY, PLANE_UNKNOWN_FORMAT},
	{"RGB888", PRIMARY, FOURCC('R', 'G', '2', '4'), LINEAR, 640, 480, 1920, 480 * 1920, 0, ANY, PLANE_UNKNOWN_FORMAT},
	{"half floats", PRIMARY, FOURCC('X', 'R', '4', 'H'), LINEAR, 640, 480, 5120, 480 * 5120, 0, ANY, PLANE_UNKNOWN_FORMAT},
	{"big-endian XRGB8888", PRIMARY, XR | 1u << 31, LINEAR, 640, 480, 2560, 480 * 2560, 0, ANY, PLANE_UNKNOWN_FORMAT},
	{"format in lower case", PRIMARY, FOURCC('x', 'r', '2', '4'), LINEAR, 640, 480, 2560, 480 * 2560, 0, ANY, PLANE_UNKNOWN_FORMAT},
	{"YUYV with an odd width", PRIMARY, FOURCC_YUYV, LINEAR, 641, 480, 1284, 480 * 1284, 0, ANY, PLANE_ODD_YUV_WIDTH},
	{"UYVY with an odd width", PRIMARY, FOURCC_UYVY, LINEAR, 65, 64, 132, 64 * 132, 0, ANY, PLANE_ODD_YUV_WIDTH},
	{"YVYU with an odd width", PRIMARY, FOURCC_YVYU, LINEAR, 641, 480, 1284, 480 * 1284, 0, ANY, PLANE_ODD_YUV_WIDTH},
	{"VYUY with an odd width, tiled", PRIMARY, FOURCC_VYUY, Y_TILED, 641, 480, 1408, 480 * 1408, 0, ANY, PLANE_ODD_YUV_WIDTH},

	/* modifiers */
	{"modifier of another vendor", PRIMARY, XR, UINT64_C(2) << 56 | 1, 640, 480, 2560, 480 * 2560, 0, ANY, PLANE_UNKNOWN_MODIFIER},
	{"modifier that says invalid", PRIMARY, XR, (UINT64_C(1) << 56) - 1, 640, 480, 2560, 480 * 2560, 0, ANY, PLANE_UNKNOWN_MODIFIER},
	{"modifier of all ones", PRIMARY, XR, UINT64_MAX, 640, 480, 2560, 480 * 2560, 0, ANY, PLANE_UNKNOWN_MODIFIER},
	{"Intel's compressed layout", PRIMARY, XR, UINT64_C(1) << 56 | 4, 640, 480, 2560, 480 * 2560, 0, ANY, PLANE_UNKNOWN_MODIFIER},
	{"Intel's vendor bits alone", PRIMARY, XR, UINT64_C(1) << 56, 640, 480, 2560, 480 * 2560, 0, ANY, PLANE_UNKNOWN_MODIFIER},
	{"X tiling without the vendor", PRIMARY, XR, 1, 640, 480, 2560, 480 * 2560, 0, ANY, PLANE_UNKNOWN_MODIFIER},
	{"X tiles in a region", MAPPED, XR, X_TILED, 640, 480, 2560, 480 * 2560, 0, ANY, PLANE_REGION_NOT_LINEAR},
	{"Y tiles in a region", MAPPED, XR, Y_TILED, 640, 480, 2560, 480 * 2560, 0, ANY, PLANE_REGION_NOT_LINEAR},
	{"Yf tiles in a region", MAPPED, XR, YF_TILED, 640, 480, 2560, 480 * 2560, 0, ANY, PLANE_REGION_NOT_LINEAR},

	/* strides */
	{"stride 0", PRIMARY, XR, LINEAR, 640, 480, 0, 480 * 2560, 0, ANY, PLANE_STRIDE_SHORT},
	{"stride a pixel short", PRIMARY, XR, LINEAR, 640, 480, 2556, 480 * 2560, 0, ANY, PLANE_STRIDE_SHORT},
	{"stride in pixels, not bytes", PRIMARY, XR, LINEAR, 640, 480, 640, 480 * 2560, 0, ANY, PLANE_STRIDE_SHORT},
	{"stride of RGB565 a pixel short", PRIMARY, FOURCC_RGB565, LINEAR, 640, 480, 1278, 480 * 1280, 0, ANY, PLANE_STRIDE_SHORT},
	{"stride of the widest a pixel short", PRIMARY, XR, LINEAR, 16384, 64, 65532, 64 * 65536, 0, ANY, PLANE_STRIDE_SHORT},
	{"stride not a multiple of 4", PRIMARY, XR, LINEAR, 640, 480, 2562, 480 * 2562, 0, ANY, PLANE_STRIDE_UNALIGNED},
	{"stride of RGB565 odd", PRIMARY, FOURCC_RGB565, LINEAR, 640, 480, 1281, 480 * 1281, 0, ANY, PLANE_STRIDE_UNALIGNED},
	{"stride not of whole X tiles", PRIMARY, XR, X_TILED, 640, 480, 2564, 480 * 2564, 0, ANY, PLANE_STRIDE_UNALIGNED},
	{"stride of half an X tile too many", PRIMARY, XR, X_TILED, 640, 480, 2816, 480 * 2816, 0, ANY, PLANE_STRIDE_UNALIGNED},
	{"stride not of whole Y tiles", PRIMARY, XR, Y_TILED, 640, 480, 2624, 480 * 2624, 0, ANY, PLANE_STRIDE_UNALIGNED},
	{"stride not of whole Yf tiles", PRIMARY, XR, YF_TILED, 640, 480, 2564, 480 * 2564, 0, ANY, PLANE_STRIDE_UNALIGNED},
	{"stride just too huge", PRIMARY, XR, LINEAR, 640, 480, 262148, 480 * 262148, 0, ANY, PLANE_STRIDE_HUGE},
	{"stride times height wraps to 0", PRIMARY, XR, LINEAR, 640, 512, 0x00800000, 4096, 0, ANY, PLANE_STRIDE_HUGE},
	{"stride that is negative as an int", PRIMARY, XR, LINEAR, 640, 480, 0x80000000, MAX, 0, ANY, PLANE_STRIDE_HUGE},
	{"stride as large as it can be", PRIMARY, XR, LINEAR, 640, 480, MAX, MAX, 0, ANY, PLANE_STRIDE_HUGE},
	{"region with stride 0", MAPPED, XR, LINEAR, 640, 480, 0, 480 * 2560, 0, ANY, PLANE_STRIDE_SHORT},

	/* sizes */
	{"size 0", PRIMARY, XR, LINEAR, 640, 480, 2560, 0, 0, ANY, PLANE_SIZE_ZERO},
	{"region of size 0", MAPPED, XR, LINEAR, 640, 480, 2560, 0, 0, ANY, PLANE_SIZE_ZERO},
	{"size 1", PRIMARY, XR, LINEAR, 640, 480, 2560, 1, 0, ANY, PLANE_SIZE_SHORT},
	{"size a byte short", PRIMARY, XR, LINEAR, 640, 480, 2560, 480 * 2560 - 1, 0, ANY, PLANE_SIZE_SHORT},
	{"size a row short", PRIMARY, XR, LINEAR, 640, 480, 2560, 479 * 2560, 0, ANY, PLANE_SIZE_SHORT},
	{"size in pages", PRIMARY, XR, LINEAR, 640, 480, 2560, 300, 0, ANY, PLANE_SIZE_SHORT},
	{"size of a mode ago", PRIMARY, XR, LINEAR, 1920, 1080, 7680, 640 * 480 * 4, 0, ANY, PLANE_SIZE_SHORT},
	{"size that wrapped at 32 bits", PRIMARY, XR, LINEAR, 16384, 16384, 262144, 0x1000, 0, ANY, PLANE_SIZE_SHORT},
	{"size beyond 32 bits needed", PRIMARY, XR, LINEAR, 16384, 16384, 262144, MAX, 0, ANY, PLANE_SIZE_SHORT},
	{"X tiles, last row of tiles missing", PRIMARY, XR, X_TILED, 640, 481, 2560, 481 * 2560, 0, ANY, PLANE_SIZE_SHORT},
	{"Y tiles, height not rounded up", PRIMARY, XR, Y_TILED, 1920, 1080, 7680, 1080 * 7680, 0, ANY, PLANE_SIZE_SHORT},
	{"Yf tiles, height not rounded up", PRIMARY, XR, YF_TILED, 1920, 1080, 7680, 1080 * 7680, 0, ANY, PLANE_SIZE_SHORT},
	{"region a byte short of its rows", MAPPED, XR, LINEAR, 1024, 768, 4096, 768 * 4096 - 1, 0, ANY, PLANE_SIZE_SHORT},

	/* budget */
	{"the largest, over 512 MiB", PRIMARY, XR, LINEAR, 16384, 16384, 65536, 0x40000000, 512 * MIB, ANY, PLANE_OVER_BUDGET},
	{"the largest in RGB565", PRIMARY, FOURCC_RGB565, LINEAR, 16384, 16384, 32768, 0x20000000, 512 * MIB, ANY, PLANE_OVER_BUDGET},
	{"a row over the budget", PRIMARY, XR, LINEAR, 1024, 1025, 4096, 4096 * 1025, 4 * MIB, ANY, PLANE_OVER_BUDGET},
	{"a region over the budget", MAPPED, XR, LINEAR, 16384, 16384, 65536, 0x40000000, 512 * MIB, ANY, PLANE_OVER_BUDGET},
	{"a budget of a byte", PRIMARY, XR, LINEAR, 64, 64, 256, 64 * 256, 1, ANY, PLANE_OVER_BUDGET},

	/* cursors */
	{"cursor of width 0", CURSOR, AR, LINEAR, 0, 64, 256, 64 * 256, 0, ANY, PLANE_BAD_CURSOR_SIZE},
	{"cursor of height 0", CURSOR, AR, LINEAR, 64, 0, 256, 64 * 256, 0, ANY, PLANE_BAD_CURSOR_SIZE},
	{"cursor just too wide", CURSOR, AR, LINEAR, 257, 64, 1028, 64 * 1028, 0, ANY, PLANE_BAD_CURSOR_SIZE},
	{"cursor just too high", CURSOR, AR, LINEAR, 64, 257, 256, 257 * 256, 0, ANY, PLANE_BAD_CURSOR_SIZE},
	{"cursor as large as a screen", CURSOR, AR, LINEAR, 1920, 1080, 7680, 7680 * 1080, 0, ANY, PLANE_BAD_CURSOR_SIZE},
	{"cursor as large as it can be", CURSOR, AR, LINEAR, MAX, MAX, MAX, MAX, 0, ANY, PLANE_BAD_CURSOR_SIZE},
	{"cursor without alpha", CURSOR, XR, LINEAR, 64, 64, 256, 64 * 256, 0, ANY, PLANE_BAD_CURSOR_FORMAT},
	{"cursor in ABGR8888", CURSOR, FOURCC_ABGR8888, LINEAR, 64, 64, 256, 64 * 256, 0, ANY, PLANE_BAD_CURSOR_FORMAT},
	{"cursor in YUYV", CURSOR, FOURCC_YUYV, LINEAR, 64, 64, 128, 64 * 128, 0, ANY, PLANE_BAD_CURSOR_FORMAT},
	{"cursor in tiles", CURSOR, AR, X_TILED, 64, 64, 512, 64 * 512, 0, ANY, PLANE_BAD_CURSOR_FORMAT},
	{"cursor of unknown layout", CURSOR, AR, 77, 64, 64, 256, 64 * 256, 0, ANY, PLANE_UNKNOWN_MODIFIER},
	{"cursor of unknown format", CURSOR, 77, LINEAR, 64, 64, 256, 64 * 256, 0, ANY, PLANE_UNKNOWN_FORMAT},
	{"cursor's stride a pixel short", CURSOR, AR, LINEAR, 64, 64, 252, 64 * 256, 0, ANY, PLANE_STRIDE_SHORT},
	{"cursor's stride huge", CURSOR, AR, LINEAR, 64, 64, 0x10000000, MAX, 0, ANY, PLANE_STRIDE_HUGE},
	{"cursor's size a byte short", CURSOR, AR, LINEAR, 64, 64, 256, 64 * 256 - 1, 0, ANY, PLANE_SIZE_SHORT},
	{"cursor of size 0", CURSOR, AR, LINEAR, 64, 64, 256, 0, 0, ANY, PLANE_SIZE_ZERO},

	/* what is really behind it */
	{"dma-buf of no bytes", PRIMARY, XR, LINEAR, 640, 480, 2560, 480 * 2560, 0, 0, PLANE_BUFFER_SHORT},
	{"dma-buf a byte short", PRIMARY, XR, LINEAR, 640, 480, 2560, 480 * 2560, 0, 480 * 2560 - 1, PLANE_BUFFER_SHORT},
	{"dma-buf of one page", PRIMARY, XR, LINEAR, 640, 480, 2560, 480 * 2560, 0, 4096, PLANE_BUFFER_SHORT},
	{"dma-buf a byte short of padded rows", PRIMARY, XR, LINEAR, 640, 480, 4096, 480 * 4096, 0, 479 * 4096 + 2559, PLANE_BUFFER_SHORT},
	{"dma-buf without the last tiles", PRIMARY, XR, X_TILED, 640, 484, 2560, 488 * 2560, 0, 484 * 2560, PLANE_BUFFER_SHORT},
	{"dma-buf of the largest, 2 GiB short", PRIMARY, XR, LINEAR, 16384, 16383, 262144, 0xffffffff, 0, 0x7fffffff, PLANE_BUFFER_SHORT},
	{"cursor's dma-buf a byte short", CURSOR, AR, LINEAR, 64, 64, 256, 64 * 256, 0, 64 * 256 - 1, PLANE_BUFFER_SHORT},
	{"region that doesn't exist", MAPPED, XR, LINEAR, 640, 480, 2560, 480 * 2560, 0, -1, PLANE_REGION_MISSING},
	{"region of no bytes", MAPPED, XR, LINEAR, 640, 480, 2560, 480 * 2560, 0, 0, PLANE_REGION_SHORT},
	{"region a byte short", MAPPED, XR, LINEAR, 640, 480, 2560, 480 * 2560, 0, 480 * 2560 - 1, PLANE_REGION_SHORT},
	{"region of one page", MAPPED, XR, LINEAR, 1920, 1080, 7680, 8 * MIB, 0, 4096, PLANE_REGION_SHORT},
	{"region smaller than padded rows", MAPPED, XR, LINEAR, 640, 480, 4096, 480 * 4096, 0, 479 * 4096, PLANE_REGION_SHORT},
};

/* What has to pass: limits, all formats, all layouts, and each device's own habits. */
static const struct hostile friendly[] = {
	{"the smallest", PRIMARY, XR, LINEAR, 64, 64, 256, 64 * 256, 0, 64 * 256, PLANE_ACCEPTED},
	{"the widest", PRIMARY, XR, LINEAR, 16384, 64, 65536, 64 * 65536, 0, 64 * 65536, PLANE_ACCEPTED},
	{"the highest", PRIMARY, XR, LINEAR, 64, 16384, 256, 16384 * 256, 0, 16384 * 256, PLANE_ACCEPTED},
	{"the largest without a budget", PRIMARY, XR, LINEAR, 16384, 16384, 65536, 0x40000000, 0, 0x40000000, PLANE_ACCEPTED},
	{"just in budget", PRIMARY, XR, LINEAR, 1024, 1024, 4096, 4 * MIB, 4 * MIB, 4 * MIB, PLANE_ACCEPTED},
	{"the longest stride", PRIMARY, XR, LINEAR, 64, 64, 262144, 64 * 262144, 0, 63 * 262144 + 256, PLANE_ACCEPTED},
	{"last row without padding", PRIMARY, XR, LINEAR, 640, 480, 4096, 480 * 4096, 0, 479 * 4096 + 2560, PLANE_ACCEPTED},
	{"odd width", PRIMARY, XR, LINEAR, 641, 481, 2564, 481 * 2564, 0, 481 * 2564, PLANE_ACCEPTED},
	{"X tiles", PRIMARY, XR, X_TILED, 1920, 1080, 7680, 1080 * 7680, 0, 1080 * 7680, PLANE_ACCEPTED},
	{"Y tiles", PRIMARY, XR, Y_TILED, 1920, 1080, 7680, 1088 * 7680, 0, 1088 * 7680, PLANE_ACCEPTED},
	{"Yf tiles", PRIMARY, XR, YF_TILED, 1920, 1080, 7680, 1088 * 7680, 0, 1088 * 7680, PLANE_ACCEPTED},
	{"ARGB8888", PRIMARY, AR, LINEAR, 64, 64, 256, 64 * 256, 0, 64 * 256, PLANE_ACCEPTED},
	{"XBGR8888", PRIMARY, FOURCC_XBGR8888, LINEAR, 64, 64, 256, 64 * 256, 0, 64 * 256, PLANE_ACCEPTED},
	{"ABGR8888", PRIMARY, FOURCC_ABGR8888, LINEAR, 64, 64, 256, 64 * 256, 0, 64 * 256, PLANE_ACCEPTED},
	{"XRGB2101010", PRIMARY, FOURCC_XRGB2101010, LINEAR, 64, 64, 256, 64 * 256, 0, 64 * 256, PLANE_ACCEPTED},
	{"XBGR2101010", PRIMARY, FOURCC_XBGR2101010, LINEAR, 64, 64, 256, 64 * 256, 0, 64 * 256, PLANE_ACCEPTED},
	{"RGB565", PRIMARY, FOURCC_RGB565, LINEAR, 65, 64, 130, 64 * 130, 0, 64 * 130, PLANE_ACCEPTED},
	{"YUYV", PRIMARY, FOURCC_YUYV, LINEAR, 66, 64, 132, 64 * 132, 0, 64 * 132, PLANE_ACCEPTED},
	{"YVYU", PRIMARY, FOURCC_YVYU, LINEAR, 66, 64, 132, 64 * 132, 0, 64 * 132, PLANE_ACCEPTED},
	{"UYVY", PRIMARY, FOURCC_UYVY, X_TILED, 66, 64, 512, 64 * 512, 0, 64 * 512, PLANE_ACCEPTED},
	{"VYUY", PRIMARY, FOURCC_VYUY, LINEAR, 66, 64, 132, 64 * 132, 0, 64 * 132, PLANE_ACCEPTED},
	{"mdpy: all its memory is the size", MAPPED, XR, LINEAR, 1024, 768, 4096, 4 * MIB, 0, 4 * MIB, PLANE_ACCEPTED},
	{"mdpy: a region that ends early", MAPPED, XR, LINEAR, 1920, 1080, 7680, 16 * MIB, 0, 1080 * 7680, PLANE_ACCEPTED},
	{"cursor of one pixel", CURSOR, AR, LINEAR, 1, 1, 4, 4, 0, 4, PLANE_ACCEPTED},
	{"the largest cursor", CURSOR, AR, LINEAR, 256, 256, 1024, 256 * 1024, 0, 256 * 1024, PLANE_ACCEPTED},
	{"a cursor ignores the budget", CURSOR, AR, LINEAR, 64, 64, 256, 64 * 256, 1, 64 * 256, PLANE_ACCEPTED},
};
/* clang-format on */

static struct vfio_device_gfx_plane_info raw_of(const struct hostile *test)
{
	return (struct vfio_device_gfx_plane_info){
		.drm_plane_type = test->type,
		.drm_format = test->format,
		.drm_format_mod = test->modifier,
		.width = test->width,
		.height = test->height,
		.stride = test->stride,
		.size = test->size,
		.dmabuf_id = test->kind == PLANE_KIND_REGION ? REGION : 5,
	};
}

static bool of_buffer(enum plane_refusal refusal)
{
	return refusal == PLANE_BUFFER_SHORT || refusal == PLANE_REGION_SHORT ||
		refusal == PLANE_REGION_MISSING;
}

/* The table's count of refusals is this one and no other. */
static void assert_counted(struct vgpu *vgpu, enum plane_refusal expected)
{
	for (int i = 0; i < PLANE_REFUSAL_COUNT; i++) {
		uint64_t seen = atomic_load(&vgpu_counters(vgpu)->refused[i]);

		assert_int_equal(seen, i == (int)expected && expected != PLANE_ACCEPTED);
	}
}

static void run_case(const struct hostile *test)
{
	struct fake_vgpu fake = {
		.dmabuf = test->kind == PLANE_KIND_DMABUF,
		.region = test->kind == PLANE_KIND_REGION,
		.fd_length = test->real,
		.region_index = test->real < 0 ? REGION + 1 : REGION,
		.region_size = test->real < 0 ? 0 : (size_t)test->real,
	};
	struct vfio_device_gfx_plane_info raw = raw_of(test);
	struct plane before;
	struct plane plane;
	struct vgpu_query query;
	struct vgpu_buffer *buffer;
	enum plane_refusal refusal;
	enum vgpu_answer answer;
	bool late = of_buffer(test->refusal);
	int rc;

	memset(&plane, 0xa5, sizeof(plane));
	before = plane;
	refusal = plane_check(&raw, test->type, test->kind, test->budget, &plane);
	assert_int_equal(refusal, late ? PLANE_ACCEPTED : test->refusal);
	if (refusal != PLANE_ACCEPTED) {
		assert_memory_equal(&plane, &before, sizeof(plane));
	}

	assert_int_equal(fake_init(&fake), 0);
	vgpu_set_budget(&fake.vgpu, test->budget);
	fake.answer[test->type] = raw;
	answer = vgpu_query(&fake.vgpu, test->type, &query);
	if (test->refusal != PLANE_ACCEPTED && !late) {
		assert_int_equal(answer, VGPU_REFUSED);
		assert_int_equal(query.refusal, test->refusal);
		assert_int_equal(query.format, test->format);
		assert_counted(&fake.vgpu, test->refusal);
		fake_finish(&fake);
		return;
	}
	assert_int_equal(answer, VGPU_PICTURE);
	assert_true(plane_equal(&query.plane, &plane));
	rc = vgpu_buffer_get(&fake.vgpu, &query.plane, &buffer, &refusal);
	assert_int_equal(refusal, test->refusal);
	assert_int_equal(rc, late ? -EPROTO : 0);
	assert_counted(&fake.vgpu, test->refusal);
	if (late) {
		assert_null(buffer);
	} else {
		assert_int_equal(buffer->real_size, test->real);
		assert_true(plane_extent(&buffer->plane) <= buffer->real_size);
		vgpu_buffer_put(buffer);
	}
	fake_finish(&fake);
}

static void run_table(const struct hostile *table, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		print_message("%s\n", table[i].name);
		run_case(&table[i]);
	}
}

static void test_hostile(void **state)
{
	size_t count = sizeof(hostiles) / sizeof(hostiles[0]);

	assert_true(count >= 60);
	run_table(hostiles, count);
}

static void test_friendly(void **state)
{
	run_table(friendly, sizeof(friendly) / sizeof(friendly[0]));
}

/* Every reason is reached by some case above, so that none is a dead letter. */
static void test_every_reason(void **state)
{
	for (int refusal = 1; refusal < PLANE_REFUSAL_COUNT; refusal++) {
		bool reached = false;

		for (size_t i = 0; i < sizeof(hostiles) / sizeof(hostiles[0]); i++) {
			reached = reached || (int)hostiles[i].refusal == refusal;
		}
		if (!reached) {
			fail_msg("no case for %s", plane_refusal_name(refusal));
		}
	}
}

static void test_texts(void **state)
{
	for (int i = 0; i < PLANE_REFUSAL_COUNT; i++) {
		assert_non_null(plane_refusal_name(i));
		assert_non_null(plane_refusal_text(i));
		assert_true(strlen(plane_refusal_name(i)) > 0);
		assert_true(strlen(plane_refusal_text(i)) > 0);
		assert_null(strchr(plane_refusal_name(i), ' '));
		for (int j = 0; j < i; j++) {
			assert_string_not_equal(plane_refusal_name(i), plane_refusal_name(j));
			assert_string_not_equal(plane_refusal_text(i), plane_refusal_text(j));
		}
	}
	assert_string_equal(plane_refusal_text(PLANE_FORMAT_C8), "format C8 is not supported");
	assert_non_null(plane_refusal_name(PLANE_REFUSAL_COUNT));
	assert_non_null(plane_refusal_text((enum plane_refusal) - 1));
}

static void test_extent(void **state)
{
	struct plane plane = {
		.format = FOURCC_XRGB8888,
		.width = 640,
		.height = 480,
		.stride = 4096,
	};

	assert_int_equal(plane_extent(&plane), 479 * 4096 + 640 * 4);
	plane.format = FOURCC_RGB565;
	assert_int_equal(plane_extent(&plane), 479 * 4096 + 640 * 2);
	plane.modifier = MODIFIER_I915_X_TILED;
	plane.height = 481;
	assert_int_equal(plane_extent(&plane), 488 * 4096);
	plane.modifier = MODIFIER_I915_Y_TILED;
	assert_int_equal(plane_extent(&plane), 512 * 4096);
	plane.modifier = MODIFIER_LINEAR;
	plane.height = 16384;
	plane.stride = 262144;
	assert_true(plane_extent(&plane) == UINT64_C(16383) * 262144 + 1280);
	plane.format = 0;
	assert_int_equal(plane_extent(&plane), 0);
}

/* Ids are reused by the kernel, so each field alone has to tell two planes apart. */
static void test_equal(void **state)
{
	struct plane plane = {
		.type = PLANE_PRIMARY,
		.kind = PLANE_KIND_DMABUF,
		.format = FOURCC_XRGB8888,
		.modifier = MODIFIER_LINEAR,
		.width = 640,
		.height = 480,
		.stride = 2560,
		.size = 2560 * 480,
		.id = 1,
	};
	struct plane others[9];

	for (int i = 0; i < 9; i++) {
		others[i] = plane;
	}
	others[0].type = PLANE_CURSOR;
	others[1].kind = PLANE_KIND_REGION;
	others[2].format = FOURCC_ARGB8888;
	others[3].modifier = MODIFIER_I915_X_TILED;
	others[4].width++;
	others[5].height++;
	others[6].stride += 4;
	others[7].size++;
	others[8].id++;
	assert_true(plane_equal(&plane, &plane));
	for (int i = 0; i < 9; i++) {
		assert_false(plane_equal(&plane, &others[i]));
		assert_false(plane_equal(&others[i], &plane));
	}
}

/* The numbers are the kernel's ABI: once more, from the letters. */
static void test_numbers(void **state)
{
	assert_int_equal(FOURCC_XRGB8888, 0x34325258);
	assert_int_equal(FOURCC_RGB565, 0x36314752);
	assert_int_equal(FOURCC_C8, 0x20203843);
	assert_true(MODIFIER_I915_X_TILED == UINT64_C(0x0100000000000001));
	assert_true(MODIFIER_I915_YF_TILED == UINT64_C(0x0100000000000003));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_friendly),
		cmocka_unit_test(test_every_reason),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_extent),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
