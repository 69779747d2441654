/* SPDX-License-Identifier: MIT */
#include "bridge/relay_buffer.h"

#include <string.h>

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t buffer_used(const struct buffer *buffer)
{
	return buffer->end - buffer->begin;
}

size_t buffer_room(const struct buffer *buffer)
{
	return sizeof(buffer->bytes) - buffer_used(buffer);
}

void buffer_clear(struct buffer *buffer)
{
	buffer->begin = buffer->end = 0;
}

void buffer_skip(struct buffer *buffer, size_t size)
{
	buffer->begin += size;
	if (buffer->begin == buffer->end) {
		buffer_clear(buffer);
	}
}

void buffer_pack(struct buffer *buffer)
{
	memmove(buffer->bytes, buffer->bytes + buffer->begin, buffer_used(buffer));
	buffer->end -= buffer->begin;
	buffer->begin = 0;
}

size_t buffer_put(struct buffer *buffer, const void *bytes, size_t size)
{
	size_t n = smaller(size, buffer_room(buffer));

	if (n > sizeof(buffer->bytes) - buffer->end) {
		buffer_pack(buffer);
	}
	memcpy(buffer->bytes + buffer->end, bytes, n);
	buffer->end += n;
	return n;
}

size_t buffer_take(struct buffer *buffer, void *bytes, size_t size)
{
	size_t n = smaller(size, buffer_used(buffer));

	memcpy(bytes, buffer->bytes + buffer->begin, n);
	buffer_skip(buffer, n);
	return n;
}
