/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vfio/fourcc.h"
#include "vfio/sim_impl.h"

#define STRIDE_ALIGN 64 /* bytes; the smallest unit of GVT-g */
#define PAGE 4096
#define MAX_BYTES (UINT64_C(1) << 30)

static const struct sim_format formats[] = {
	{"XR24", FOURCC_XRGB8888, 4, false},
	{"AR24", FOURCC_ARGB8888, 4, false},
	{"XB24", FOURCC_XBGR8888, 4, false},
	{"AB24", FOURCC_ABGR8888, 4, false},
	{"XR30", FOURCC_XRGB2101010, 4, false},
	{"XB30", FOURCC_XBGR2101010, 4, false},
	{"RG16", FOURCC_RGB565, 2, false},
	{"YUYV", FOURCC_YUYV, 2, true},
	{"YVYU", FOURCC_YVYU, 2, true},
	{"UYVY", FOURCC_UYVY, 2, true},
	{"VYUY", FOURCC_VYUY, 2, true},
	{"C8", FOURCC_C8, 1, false},
};

const struct sim_format *sim_format_by_name(const char *name)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (strcmp(formats[i].name, name) == 0) {
			return &formats[i];
		}
	}
	return NULL;
}

int sim_mode_complete(struct sim_mode *mode, char *why, size_t why_size)
{
	uint64_t width =
		mode->format->yuv ? ((uint64_t)mode->width + 1) & ~UINT64_C(1) : mode->width;
	uint64_t line = width * mode->format->pixel_bytes;
	uint64_t size;

	if (mode->width < PLANE_MIN_SIDE || mode->width > PLANE_MAX_SIDE ||
		mode->height < PLANE_MIN_SIDE || mode->height > PLANE_MAX_SIDE) {
		snprintf(why, why_size, "mode %ux%u: each side must be from %d to %d pixels",
			mode->width, mode->height, PLANE_MIN_SIDE, PLANE_MAX_SIDE);
		return -EINVAL;
	}
	if (mode->stride == 0) {
		mode->stride =
			(uint32_t)((line + STRIDE_ALIGN - 1) & ~(uint64_t)(STRIDE_ALIGN - 1));
	}
	if (mode->stride < line || mode->stride % mode->format->pixel_bytes != 0) {
		snprintf(why, why_size,
			"stride %u: %u pixels of %s need at least %llu bytes, in whole pixels",
			mode->stride, mode->width, mode->format->name, (unsigned long long)line);
		return -EINVAL;
	}
	size = (uint64_t)mode->stride * mode->height;
	size = (size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	if (size > MAX_BYTES) {
		snprintf(why, why_size, "mode %ux%u: %llu bytes are more than the limit of %llu",
			mode->width, mode->height, (unsigned long long)size,
			(unsigned long long)MAX_BYTES);
		return -EINVAL;
	}
	mode->size = (uint32_t)size;
	return 0;
}

static uint8_t clamp(int value)
{
	return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* BT.709, limited range, in 1/256: what the renderer takes packed YUV for. */
static uint8_t luma(uint32_t pixel)
{
	int r = pixel >> 16 & 255, g = pixel >> 8 & 255, b = pixel & 255;

	return clamp((47 * r + 157 * g + 16 * b + 128) / 256 + 16);
}

static void chroma(uint32_t first, uint32_t second, uint8_t *u, uint8_t *v)
{
	int r = (int)(first >> 16 & 255) + (int)(second >> 16 & 255);
	int g = (int)(first >> 8 & 255) + (int)(second >> 8 & 255);
	int b = (int)(first & 255) + (int)(second & 255);

	/* The offset comes first, so that the division never sees a negative number. */
	*u = clamp((-26 * r - 86 * g + 112 * b + 256 + 128 * 512) / 512);
	*v = clamp((112 * r - 102 * g - 10 * b + 256 + 128 * 512) / 512);
}

static uint32_t from_yuv(uint8_t y, uint8_t u, uint8_t v)
{
	int c = 298 * (y - 16) + 128, d = u - 128, e = v - 128;
	uint8_t r = clamp((c + 459 * e) / 256);
	uint8_t g = clamp((c - 55 * d - 136 * e) / 256);
	uint8_t b = clamp((c + 541 * d) / 256);

	return (uint32_t)r << 16 | (uint32_t)g << 8 | b;
}

/* Where Y0, U, Y1 and V are in the four bytes of a pair. */
static const uint8_t *yuv_order(uint32_t fourcc)
{
	static const uint8_t yuyv[] = {0, 1, 2, 3}, yvyu[] = {0, 3, 2, 1};
	static const uint8_t uyvy[] = {1, 0, 3, 2}, vyuy[] = {1, 2, 3, 0};

	switch (fourcc) {
	case FOURCC_YVYU:
		return yvyu;
	case FOURCC_UYVY:
		return uyvy;
	case FOURCC_VYUY:
		return vyuy;
	default:
		return yuyv;
	}
}

static uint32_t swap_red_blue(uint32_t pixel)
{
	return (pixel & 0x00ff00) | (pixel >> 16 & 0xff) | (pixel & 0xff) << 16;
}

/* Eight bits to ten and back, so that white stays white. */
static uint32_t widen(uint32_t pixel)
{
	uint32_t r = pixel >> 16 & 255, g = pixel >> 8 & 255, b = pixel & 255;

	return (r << 2 | r >> 6) << 20 | (g << 2 | g >> 6) << 10 | (b << 2 | b >> 6);
}

static uint32_t narrow(uint32_t pixel)
{
	return (pixel >> 22 & 255) << 16 | (pixel >> 12 & 255) << 8 | (pixel >> 2 & 255);
}

static void write_line(const struct sim_mode *mode, uint8_t *to, const uint32_t *from)
{
	const uint8_t *order = yuv_order(mode->format->fourcc);
	uint32_t wide;
	uint16_t half;

	for (uint32_t x = 0; x < mode->width; x++) {
		uint32_t pixel = from[x] & 0xffffff;

		switch (mode->format->fourcc) {
		case FOURCC_XRGB8888:
			memcpy(to + x * 4, &pixel, 4);
			break;
		case FOURCC_ARGB8888:
			wide = pixel | 0xff000000;
			memcpy(to + x * 4, &wide, 4);
			break;
		case FOURCC_XBGR8888:
			wide = swap_red_blue(pixel);
			memcpy(to + x * 4, &wide, 4);
			break;
		case FOURCC_ABGR8888:
			wide = swap_red_blue(pixel) | 0xff000000;
			memcpy(to + x * 4, &wide, 4);
			break;
		case FOURCC_XRGB2101010:
			wide = widen(pixel);
			memcpy(to + x * 4, &wide, 4);
			break;
		case FOURCC_XBGR2101010:
			wide = widen(swap_red_blue(pixel));
			memcpy(to + x * 4, &wide, 4);
			break;
		case FOURCC_RGB565:
			half = (uint16_t)((pixel >> 19 & 31) << 11 | (pixel >> 10 & 63) << 5 |
				(pixel >> 3 & 31));
			memcpy(to + x * 2, &half, 2);
			break;
		case FOURCC_C8:
			to[x] = (uint8_t)((pixel >> 16 & 0xe0) | (pixel >> 11 & 0x1c) |
				(pixel >> 6 & 3));
			break;
		default:
			if (x % 2 == 0) {
				uint32_t other = x + 1 < mode->width ? from[x + 1] : pixel;
				uint8_t *pair = to + x * 2;

				pair[order[0]] = luma(pixel);
				pair[order[2]] = luma(other);
				chroma(pixel, other, &pair[order[1]], &pair[order[3]]);
			}
			break;
		}
	}
}

void sim_format_write(const struct sim_mode *mode, uint8_t *to, const uint32_t *from, size_t pitch)
{
	for (uint32_t y = 0; y < mode->height; y++) {
		write_line(mode, to + (size_t)y * mode->stride, from + y * pitch);
	}
}

void sim_format_read_line(const struct sim_mode *mode, uint32_t *to, const uint8_t *from)
{
	const uint8_t *order = yuv_order(mode->format->fourcc);
	uint32_t wide = 0;
	uint16_t half = 0;

	for (uint32_t x = 0; x < mode->width; x++) {
		const uint8_t *pair = from + (x & ~1u) * 2;

		if (mode->format->pixel_bytes == 4) {
			memcpy(&wide, from + x * 4, 4);
		}
		switch (mode->format->fourcc) {
		case FOURCC_XRGB8888:
		case FOURCC_ARGB8888:
			to[x] = wide & 0xffffff;
			break;
		case FOURCC_XBGR8888:
		case FOURCC_ABGR8888:
			to[x] = swap_red_blue(wide);
			break;
		case FOURCC_XRGB2101010:
			to[x] = narrow(wide);
			break;
		case FOURCC_XBGR2101010:
			to[x] = swap_red_blue(narrow(wide));
			break;
		case FOURCC_RGB565:
			memcpy(&half, from + x * 2, 2);
			wide = (uint32_t)(half >> 11) << 19 | (half >> 5 & 63u) << 10 |
				(half & 31u) << 3;
			to[x] = wide | (wide >> 5 & 0x070007) | (wide >> 6 & 0x000300);
			break;
		case FOURCC_C8:
			to[x] = 0;
			break;
		default:
			to[x] = from_yuv(
				pair[order[x % 2 ? 2 : 0]], pair[order[1]], pair[order[3]]);
			break;
		}
	}
}
