/* SPDX-License-Identifier: MIT */
/*
 * The bytes that a relay keeps for one of its sides: a queue of a fixed size.
 *
 * Plain memory of whoever has it, which may fill it by itself from end on. Main thread.
 */
#ifndef BRIDGE_RELAY_BUFFER_H
#define BRIDGE_RELAY_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#define BUFFER_SIZE (64 * 1024)

struct buffer {
	uint8_t bytes[BUFFER_SIZE];
	size_t begin, end;
};

size_t buffer_used(const struct buffer *buffer);
size_t buffer_room(const struct buffer *buffer);
void buffer_clear(struct buffer *buffer);
/* Forgets the first bytes, no more than there are. */
void buffer_skip(struct buffer *buffer, size_t size);
/* Moves all room to the end. */
void buffer_pack(struct buffer *buffer);
/* As much as there is room for, or as there is; returns how much. */
size_t buffer_put(struct buffer *buffer, const void *bytes, size_t size);
size_t buffer_take(struct buffer *buffer, void *bytes, size_t size);

#endif
