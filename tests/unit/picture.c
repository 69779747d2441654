/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "picture.h"

static unsigned pixel_bytes(uint32_t format)
{
	switch (format) {
	case DRM_FORMAT_RGB565:
	case DRM_FORMAT_YUYV:
	case DRM_FORMAT_UYVY:
	case DRM_FORMAT_YVYU:
	case DRM_FORMAT_VYUY:
		return 2;
	default:
		return 4;
	}
}

static bool is_yuv(uint32_t format)
{
	return format == DRM_FORMAT_YUYV || format == DRM_FORMAT_UYVY ||
		format == DRM_FORMAT_YVYU || format == DRM_FORMAT_VYUY;
}

void picture_init(struct picture *picture, uint32_t format, uint32_t width, uint32_t height,
	uint32_t stride, uint32_t offset)
{
	*picture = (struct picture){
		.format = format,
		.width = width,
		.height = height,
		.stride = stride ? stride : width * pixel_bytes(format),
		.offset = offset,
	};
	picture->size = (size_t)picture->stride * height + offset;
	picture->fd = memfd_create("picture", MFD_CLOEXEC);
	assert_true(picture->fd >= 0);
	assert_int_equal(ftruncate(picture->fd, (off_t)picture->size), 0);
	picture->bytes =
		mmap(NULL, picture->size, PROT_READ | PROT_WRITE, MAP_SHARED, picture->fd, 0);
	assert_ptr_not_equal(picture->bytes, MAP_FAILED);
}

void picture_finish(struct picture *picture)
{
	munmap(picture->bytes, picture->size);
	close(picture->fd);
	*picture = (struct picture){.fd = -1};
}

struct buffer_attributes picture_dmabuf(const struct picture *picture)
{
	return (struct buffer_attributes){
		.kind = BUFFER_DMABUF,
		.fd = picture->fd,
		.size = picture->size,
		.format = picture->format,
		.modifier = DRM_FORMAT_MOD_LINEAR,
		.width = picture->width,
		.height = picture->height,
		.stride = picture->stride,
		.offset = picture->offset,
	};
}

struct buffer_attributes picture_memory(const struct picture *picture)
{
	struct buffer_attributes attributes = picture_dmabuf(picture);

	attributes.kind = BUFFER_MEMORY;
	attributes.fd = -1;
	attributes.address = picture->bytes;
	return attributes;
}

void picture_fill(struct picture *picture, uint32_t seed)
{
	uint32_t state = seed * 2654435761u + 1;

	for (size_t i = 0; i < picture->size; i++) {
		state ^= state << 13;
		state ^= state >> 17;
		state ^= state << 5;
		picture->bytes[i] = (uint8_t)(state >> 11);
	}
}

static uint8_t *row(const struct picture *picture, uint32_t y)
{
	return picture->bytes + picture->offset + (size_t)y * picture->stride;
}

void picture_invert(
	struct picture *picture, uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
	unsigned bytes = pixel_bytes(picture->format);

	for (uint32_t line = y; line < y + height; line++) {
		uint8_t *at = row(picture, line) + (size_t)x * bytes;

		for (size_t i = 0; i < (size_t)width * bytes; i++) {
			/* YUV: from the middle of the scale, so that no clamping hides the change. */
			at[i] = is_yuv(picture->format) ? (at[i] == 100 ? 140 : 100) : ~at[i];
		}
	}
}

static double clamp(double value)
{
	return value < 0 ? 0 : value > 1 ? 1 : value;
}

static uint32_t pack(double red, double green, double blue)
{
	return (uint32_t)(clamp(red) * 255 + 0.5) << 16 |
		(uint32_t)(clamp(green) * 255 + 0.5) << 8 | (uint32_t)(clamp(blue) * 255 + 0.5);
}

/* BT.709, limited range. */
static uint32_t from_yuv(const struct picture *picture, uint32_t x, uint32_t y)
{
	static const struct {
		uint32_t format;
		unsigned luma, u, v; /* places in the four bytes of a pair */
	} orders[] = {
		{DRM_FORMAT_YUYV, 0, 1, 3},
		{DRM_FORMAT_YVYU, 0, 3, 1},
		{DRM_FORMAT_UYVY, 1, 0, 2},
		{DRM_FORMAT_VYUY, 1, 2, 0},
	};
	const uint8_t *pair = row(picture, y) + (size_t)(x / 2) * 4;

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		if (orders[i].format == picture->format) {
			double luma = (pair[orders[i].luma + x % 2 * 2] - 16) / 219.0;
			double cb = (pair[orders[i].u] - 128) / 224.0;
			double cr = (pair[orders[i].v] - 128) / 224.0;

			return pack(luma + 1.5748 * cr, luma - 0.187324 * cb - 0.468124 * cr,
				luma + 1.8556 * cb);
		}
	}
	return 0;
}

uint32_t picture_pixel(const struct picture *picture, uint32_t x, uint32_t y)
{
	uint32_t value = 0;

	if (is_yuv(picture->format)) {
		return from_yuv(picture, x, y);
	}
	memcpy(&value, row(picture, y) + (size_t)x * pixel_bytes(picture->format),
		pixel_bytes(picture->format));
	switch (picture->format) {
	case DRM_FORMAT_XRGB8888:
	case DRM_FORMAT_ARGB8888:
		return value & 0xffffff;
	case DRM_FORMAT_XBGR8888:
	case DRM_FORMAT_ABGR8888:
		return (value & 0xff) << 16 | (value & 0xff00) | (value >> 16 & 0xff);
	case DRM_FORMAT_RGB565:
		return pack((value >> 11) / 31.0, (value >> 5 & 63) / 63.0, (value & 31) / 31.0);
	case DRM_FORMAT_XRGB2101010:
		return pack((value >> 20 & 1023) / 1023.0, (value >> 10 & 1023) / 1023.0,
			(value & 1023) / 1023.0);
	case DRM_FORMAT_XBGR2101010:
		return pack((value & 1023) / 1023.0, (value >> 10 & 1023) / 1023.0,
			(value >> 20 & 1023) / 1023.0);
	default:
		fail_msg("picture_pixel() does not know the format 0x%x", picture->format);
		return 0;
	}
}

unsigned picture_error(const struct picture *picture, const struct snapshot *snapshot)
{
	unsigned worst = 0;

	assert_int_equal(snapshot->width, picture->width);
	assert_int_equal(snapshot->height, picture->height);
	for (uint32_t y = 0; y < picture->height; y++) {
		for (uint32_t x = 0; x < picture->width; x++) {
			uint32_t want = picture_pixel(picture, x, y);
			uint32_t have = snapshot->pixels[(size_t)y * snapshot->width + x];

			if (have >> 24) {
				return 255;
			}
			for (unsigned shift = 0; shift < 24; shift += 8) {
				int off = (int)(want >> shift & 255) - (int)(have >> shift & 255);
				unsigned distance = off < 0 ? -off : off;

				worst = distance > worst ? distance : worst;
			}
		}
	}
	return worst;
}

void picture_changes(pixman_region32_t *region, const uint32_t *before, const uint32_t *after,
	uint32_t width, uint32_t height)
{
	for (uint32_t y = 0; y < height; y++) {
		for (uint32_t x = 0; x < width; x++) {
			uint32_t left = x / 64 * 64, top = y / 64 * 64;

			if (before[(size_t)y * width + x] == after[(size_t)y * width + x]) {
				continue;
			}
			pixman_region32_union_rect(region, region, left, top,
				width - left < 64 ? width - left : 64,
				height - top < 64 ? height - top : 64);
			/* The rest of this tile's row says nothing new. */
			x = left + 63;
		}
	}
}
