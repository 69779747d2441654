/* SPDX-License-Identifier: MIT */
/*
 * Where a picture lies: the only value that crosses from the device side to the renderer.
 *
 * Plain values; fd and address are borrowed, and must stay valid as long as an image made of them.
 */
#ifndef RENDER_BUFFER_H
#define RENDER_BUFFER_H

#include <stddef.h>
#include <stdint.h>

enum buffer_kind {
	BUFFER_DMABUF, /* fd */
	BUFFER_MEMORY, /* address: mapped by somebody, linear, readable */
};

struct buffer_attributes {
	enum buffer_kind kind;
	int fd; /* dma-buf (or a memfd in its place), -1 for memory */
	const void *address; /* NULL for a dma-buf */
	size_t size; /* bytes of the dma-buf or the mapping; 0: not known */
	uint32_t format; /* DRM fourcc */
	uint64_t modifier; /* DRM format modifier */
	uint32_t width; /* pixels */
	uint32_t height; /* pixels */
	uint32_t stride; /* bytes */
	uint32_t offset; /* bytes to the first pixel */
};

#endif
