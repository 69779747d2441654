/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "spice/impl.h"

/*
 * Viewers ask for another size only where a guest agent is connected. There is none, so this device
 * pretends: it says that it understands monitor configs (the library then hands them to
 * client_monitors_config() and not to us) and swallows the rest.
 *
 * Bytes are chunks (port, size) of a stream of messages for each port; only the head of a message and
 * its first word are ever looked at, so nothing that a viewer sends is stored.
 */
#define HEAD_SIZE (sizeof(VDAgentMessage) + 4) /* the first word of the body too */

struct stream {
	uint8_t head[HEAD_SIZE];
	size_t have; /* of head */
	uint64_t skip; /* bytes of the message still to come */
};

struct answer {
	VDIChunkHeader chunk;
	VDAgentMessage message;
	uint32_t request;
	uint32_t caps[VD_AGENT_CAPS_SIZE];
} __attribute__((packed));

struct agent {
	SpiceCharDeviceInstance device; /* first */
	uint8_t chunk[sizeof(VDIChunkHeader)];
	size_t have; /* of chunk */
	uint32_t left; /* of the chunk's body */
	struct stream ports[VDP_END_PORT];
	struct stream *stream; /* the chunk's; NULL: of a port that does not exist */
	bool answer_due;
	size_t answered; /* bytes of the answer that have been read */
};

static void message_seen(struct agent *agent, const struct stream *stream)
{
	VDAgentMessage message;
	uint32_t request;

	memcpy(&message, stream->head, sizeof(message));
	if (GUINT32_FROM_LE(message.type) == VD_AGENT_CLIENT_DISCONNECTED &&
		stream == &agent->ports[VDP_SERVER_PORT]) {
		/* It may have gone in the middle of a message; the next one begins anew. */
		agent->ports[VDP_CLIENT_PORT] = (struct stream){0};
		return;
	}
	if (stream->have < HEAD_SIZE) {
		return;
	}
	memcpy(&request, stream->head + sizeof(message), sizeof(request));
	if (GUINT32_FROM_LE(message.type) == VD_AGENT_ANNOUNCE_CAPABILITIES &&
		GUINT32_FROM_LE(message.size) >= sizeof(request) && request) {
		agent->answer_due = true;
	}
}

static void feed_stream(struct agent *agent, struct stream *s, const uint8_t *data, size_t size)
{
	while (size) {
		size_t wanted, n;
		VDAgentMessage message;

		if (s->skip) {
			n = MIN(s->skip, size);
			s->skip -= n;
			data += n;
			size -= n;
			continue;
		}
		wanted = s->have < sizeof(message) ? sizeof(message) : HEAD_SIZE;
		n = MIN(wanted - s->have, size);
		memcpy(s->head + s->have, data, n);
		s->have += n;
		data += n;
		size -= n;
		if (s->have < sizeof(message)) {
			continue;
		}
		memcpy(&message, s->head, sizeof(message));
		if (GUINT32_FROM_LE(message.size) >= 4 && s->have < HEAD_SIZE) {
			continue;
		}
		message_seen(agent, s);
		s->skip = GUINT32_FROM_LE(message.size) - (s->have - sizeof(message));
		s->have = 0;
	}
}

static int agent_write(SpiceCharDeviceInstance *device, const uint8_t *data, int len)
{
	struct agent *agent = (struct agent *)device;
	size_t size = MAX(len, 0);

	while (size) {
		size_t n;

		if (agent->left) {
			n = MIN(agent->left, size);
			if (agent->stream) {
				feed_stream(agent, agent->stream, data, n);
			}
			agent->left -= n;
		} else {
			n = MIN(sizeof(agent->chunk) - agent->have, size);
			memcpy(agent->chunk + agent->have, data, n);
			agent->have += n;
			if (agent->have == sizeof(agent->chunk)) {
				VDIChunkHeader header;
				uint32_t port;

				memcpy(&header, agent->chunk, sizeof(header));
				port = GUINT32_FROM_LE(header.port);
				agent->stream = port < VDP_END_PORT ? &agent->ports[port] : NULL;
				agent->left = GUINT32_FROM_LE(header.size);
				agent->have = 0;
			}
		}
		data += n;
		size -= n;
	}
	if (agent->answer_due) {
		spice_server_char_device_wakeup(&agent->device);
	}
	return len;
}

static int agent_read(SpiceCharDeviceInstance *device, uint8_t *data, int len)
{
	struct agent *agent = (struct agent *)device;
	struct answer answer = {
		.chunk.port = GUINT32_TO_LE(VDP_CLIENT_PORT),
		.chunk.size = GUINT32_TO_LE(sizeof(answer) - sizeof(answer.chunk)),
		.message.protocol = GUINT32_TO_LE(VD_AGENT_PROTOCOL),
		.message.type = GUINT32_TO_LE(VD_AGENT_ANNOUNCE_CAPABILITIES),
		.message.size = GUINT32_TO_LE(sizeof(answer.request) + sizeof(answer.caps)),
		.caps[0] = GUINT32_TO_LE(1 << VD_AGENT_CAP_MONITORS_CONFIG),
	};
	size_t n;

	if (!agent->answer_due || len <= 0) {
		return 0;
	}
	n = MIN(sizeof(answer) - agent->answered, (size_t)len);
	memcpy(data, (uint8_t *)&answer + agent->answered, n);
	agent->answered += n;
	if (agent->answered == sizeof(answer)) {
		agent->answered = 0;
		agent->answer_due = false;
	}
	return n;
}

static void agent_state(SpiceCharDeviceInstance *device, int connected)
{
}

static const SpiceCharDeviceInterface agent_interface = {
	.base.type = SPICE_INTERFACE_CHAR_DEVICE,
	.base.description = "vgpu-bridge agent",
	.base.major_version = SPICE_INTERFACE_CHAR_DEVICE_MAJOR,
	.base.minor_version = SPICE_INTERFACE_CHAR_DEVICE_MINOR,
	.state = agent_state,
	.write = agent_write,
	.read = agent_read,
};

struct agent *agent_create(struct spice_sink *sink)
{
	struct agent *agent = g_new0(struct agent, 1);

	agent->device.base.sif = &agent_interface.base;
	agent->device.subtype = "vdagent";
	if (spice_server_add_interface(sink->server, &agent->device.base) < 0) {
		g_free(agent);
		return NULL;
	}
	return agent;
}

void agent_destroy(struct agent *agent)
{
	if (agent) {
		spice_server_remove_interface(&agent->device.base);
		g_free(agent);
	}
}
