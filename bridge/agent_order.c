/* SPDX-License-Identifier: MIT */
#include "bridge/agent_order.h"

#include <glib.h>
#include <spice/vd_agent.h>
#include <string.h>

struct size_order {
	VDIChunkHeader chunk;
	VDAgentMessage message;
	VDAgentMonitorsConfig config;
	VDAgentMonConfig monitor;
} __attribute__((packed));

struct greeting {
	VDIChunkHeader chunk;
	VDAgentMessage message;
	uint32_t request;
	uint32_t caps[VD_AGENT_CAPS_SIZE];
	VDIChunkHeader end_chunk;
	VDAgentMessage end;
} __attribute__((packed));

G_STATIC_ASSERT(sizeof(struct greeting) == AGENT_GREETING_SIZE);
G_STATIC_ASSERT(sizeof(struct size_order) == AGENT_ORDER_SIZE);
G_STATIC_ASSERT(sizeof(VDIChunkHeader) == sizeof(((struct agent_stream *)NULL)->head));

size_t agent_stream_due(const struct agent_stream *stream)
{
	if (stream->left) {
		return stream->left;
	}
	return stream->have ? sizeof(stream->head) - stream->have : 0;
}

void agent_stream_pass(struct agent_stream *stream, const void *bytes, size_t size)
{
	const uint8_t *next = bytes;

	while (size) {
		size_t n;

		if (stream->left) {
			n = MIN(stream->left, size);
			stream->left -= (uint32_t)n;
		} else {
			n = MIN(sizeof(stream->head) - stream->have, size);
			memcpy(stream->head + stream->have, next, n);
			stream->have += n;
			if (stream->have == sizeof(stream->head)) {
				VDIChunkHeader header;

				memcpy(&header, stream->head, sizeof(header));
				stream->left = GUINT32_FROM_LE(header.size);
				stream->have = 0;
			}
		}
		next += n;
		size -= n;
	}
}

void agent_order_size(uint8_t order[AGENT_ORDER_SIZE], uint32_t width, uint32_t height)
{
	const struct size_order made = {
		.chunk.port = GUINT32_TO_LE(VDP_SERVER_PORT),
		.chunk.size = GUINT32_TO_LE(sizeof(made) - sizeof(made.chunk)),
		.message.protocol = GUINT32_TO_LE(VD_AGENT_PROTOCOL),
		.message.type = GUINT32_TO_LE(VD_AGENT_MONITORS_CONFIG),
		.message.size = GUINT32_TO_LE(sizeof(made.config) + sizeof(made.monitor)),
		.config.num_of_monitors = GUINT32_TO_LE(1),
		.monitor.width = GUINT32_TO_LE(width),
		.monitor.height = GUINT32_TO_LE(height),
		.monitor.depth = GUINT32_TO_LE(32),
	};

	memcpy(order, &made, sizeof(made));
}

void agent_order_greeting(uint8_t order[AGENT_GREETING_SIZE])
{
	const struct greeting greeting = {
		.chunk.port = GUINT32_TO_LE(VDP_CLIENT_PORT),
		.chunk.size = GUINT32_TO_LE(
			sizeof(VDAgentMessage) + sizeof(uint32_t) + VD_AGENT_CAPS_BYTES),
		.message.protocol = GUINT32_TO_LE(VD_AGENT_PROTOCOL),
		.message.type = GUINT32_TO_LE(VD_AGENT_ANNOUNCE_CAPABILITIES),
		.message.size = GUINT32_TO_LE(sizeof(uint32_t) + VD_AGENT_CAPS_BYTES),
		.request = GUINT32_TO_LE(1),
		.end_chunk.port = GUINT32_TO_LE(VDP_SERVER_PORT),
		.end_chunk.size = GUINT32_TO_LE(sizeof(VDAgentMessage)),
		.end.protocol = GUINT32_TO_LE(VD_AGENT_PROTOCOL),
		.end.type = GUINT32_TO_LE(VD_AGENT_CLIENT_DISCONNECTED),
	};

	memcpy(order, &greeting, sizeof(greeting));
}
