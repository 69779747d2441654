/* SPDX-License-Identifier: MIT */
/*
 * Words of our own to the guest's agent, between what viewers send: who it is, and the size that its
 * display should have.
 *
 * The agent's stream is chunks (port, size), of which each port makes messages of its own; ours go to the
 * server's port, so that only a chunk of the viewer's has to have ended. Plain values, no thread of their
 * own. Source: spice/vd_agent.h.
 */
#ifndef BRIDGE_AGENT_ORDER_H
#define BRIDGE_AGENT_ORDER_H

#include <spice/vd_agent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a stream of chunks is. All zero: at its begin. */
struct agent_stream {
	uint8_t head[8];
	size_t have; /* of head */
	uint32_t left; /* of the chunk's body */
};

/* How many more bytes can follow for certain before the next chunk may end. 0: one has just ended. */
size_t agent_stream_due(const struct agent_stream *stream);
/* So many bytes have followed. */
void agent_stream_pass(struct agent_stream *stream, const void *bytes, size_t size);

#define AGENT_ORDER_SIZE 56 /* bytes */

/* One monitor of this size, pixels. */
void agent_order_size(uint8_t order[AGENT_ORDER_SIZE], uint32_t width, uint32_t height);

/*
 * Asks the guest's agent who it is: one that runs already has said so to the bridge before this one,
 * or to nobody. QEMU keeps the question until the guest opens the port. There may be no viewer, so
 * it is taken back at once; a viewer's own question comes later.
 */
#define AGENT_GREETING_SIZE (8 + 20 + 4 + VD_AGENT_CAPS_BYTES + 8 + 20) /* bytes */
void agent_order_greeting(uint8_t order[AGENT_GREETING_SIZE]);

#endif
