/* SPDX-License-Identifier: MIT */
/*
 * Buffers for tests of the renderer: memfds in place of dma-bufs.
 *
 * Test code for one thread; a buffer owns its fd and mapping until buffer_close().
 */
#ifndef TESTS_BUFFERS_H
#define TESTS_BUFFERS_H

#include <drm_fourcc.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "render/renderer.h"

struct buffer {
	int fd;
	size_t size;
	uint8_t *bytes; /* a mapping of the test's own */
};

static inline struct buffer buffer_open(size_t size)
{
	struct buffer buffer = {.fd = memfd_create("test", MFD_CLOEXEC), .size = size};

	assert_true(buffer.fd >= 0);
	assert_int_equal(ftruncate(buffer.fd, (off_t)size), 0);
	buffer.bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, buffer.fd, 0);
	assert_ptr_not_equal(buffer.bytes, MAP_FAILED);
	return buffer;
}

static inline void buffer_close(struct buffer *buffer)
{
	munmap(buffer->bytes, buffer->size);
	close(buffer->fd);
}

/* Attributes of a linear picture that begins at the first byte. */
static inline struct buffer_attributes buffer_attributes(const struct buffer *buffer,
	uint32_t format, uint32_t width, uint32_t height, uint32_t stride)
{
	return (struct buffer_attributes){
		.kind = BUFFER_DMABUF,
		.fd = buffer->fd,
		.size = buffer->size,
		.format = format,
		.modifier = DRM_FORMAT_MOD_LINEAR,
		.width = width,
		.height = height,
		.stride = stride,
	};
}

static inline struct renderer *cpu_renderer(void)
{
	struct renderer_options options = {.kind = RENDERER_CPU};
	char why[256] = "";
	struct renderer *renderer = renderer_create(&options, why, sizeof(why));

	if (!renderer) {
		fail_msg("no renderer: %s", why);
	}
	return renderer;
}

static inline struct image *import(
	struct renderer *renderer, const struct buffer_attributes *attributes)
{
	struct image *image = NULL;
	char why[256] = "";

	if (renderer_import(renderer, attributes, &image, why, sizeof(why)) < 0) {
		fail_msg("no image: %s", why);
	}
	return image;
}

/* xorshift: the same numbers on every machine and run. */
static inline uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

#endif
