/* SPDX-License-Identifier: MIT */
#include "bridge/buffers.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "render/renderer.h"

void buffers_init(struct buffers *buffers, struct vgpu *vgpu, struct renderer *renderer)
{
	*buffers = (struct buffers){.vgpu = vgpu, .renderer = renderer};
}

static void evict(struct buffers *buffers, size_t i)
{
	struct buffers_entry entry = buffers->entries[i];

	buffers->count--;
	memmove(&buffers->entries[i], &buffers->entries[i + 1],
		(buffers->count - i) * sizeof(buffers->entries[0]));
	/* The import holds the dma-buf too, so it goes before the fd. */
	image_destroy(entry.image);
	vgpu_buffer_put(entry.buffer);
}

void buffers_clear(struct buffers *buffers)
{
	while (buffers->count > 0) {
		evict(buffers, buffers->count - 1);
	}
}

void buffers_drop(struct buffers *buffers, const struct image *image)
{
	for (size_t i = 0; i < buffers->count; i++) {
		if (buffers->entries[i].image == image) {
			evict(buffers, i);
			return;
		}
	}
}

/* Same picture mode: what differs between the buffers that a guest flips through is only the id. */
static bool same_mode(const struct plane *a, const struct plane *b)
{
	struct plane c = *a;

	c.id = b->id;
	return plane_equal(&c, b);
}

/* What must go before plane is fetched: its id under another face, and buffers of an earlier mode. */
static void evict_conflicts(struct buffers *buffers, const struct plane *plane)
{
	for (size_t i = buffers->count; i-- > 0;) {
		const struct plane *held = &buffers->entries[i].buffer->plane;
		bool same_id = held->kind == plane->kind && held->id == plane->id;

		if (same_id || (held->type == plane->type && !same_mode(held, plane))) {
			evict(buffers, i);
		}
	}
	while (buffers->count >= BUFFERS_MAX) {
		evict(buffers, buffers->count - 1);
	}
}

static struct buffer_attributes attributes_of(const struct vgpu_buffer *buffer)
{
	const struct plane *plane = &buffer->plane;
	bool region = plane->kind == PLANE_KIND_REGION;

	return (struct buffer_attributes){
		.kind = region ? BUFFER_MEMORY : BUFFER_DMABUF,
		.fd = region ? -1 : buffer->fd,
		.address = region ? buffer->map : NULL,
		.size = region ? buffer->map_size : buffer->real_size,
		.format = plane->format,
		.modifier = plane->modifier,
		.width = plane->width,
		.height = plane->height,
		.stride = plane->stride,
		.offset = 0, /* the gfx-plane interface has none */
	};
}

int buffers_image(struct buffers *buffers, const struct plane *plane, struct image **image,
	enum plane_refusal *refusal, char *why, size_t why_size)
{
	for (size_t i = 0; i < buffers->count; i++) {
		struct buffers_entry entry = buffers->entries[i];

		if (plane_equal(&entry.buffer->plane, plane)) {
			memmove(&buffers->entries[1], &buffers->entries[0],
				i * sizeof(buffers->entries[0]));
			buffers->entries[0] = entry;
			*image = entry.image;
			return 0;
		}
	}

	evict_conflicts(buffers, plane);
	struct buffers_entry entry = {0};
	int rc = vgpu_buffer_get(buffers->vgpu, plane, &entry.buffer, refusal);

	if (rc < 0) {
		snprintf(why, why_size, "the guest's buffer can't be had: %s", strerror(-rc));
		return rc;
	}
	struct buffer_attributes attributes = attributes_of(entry.buffer);

	rc = renderer_import(buffers->renderer, &attributes, &entry.image, why, why_size);
	if (rc < 0) {
		vgpu_buffer_put(entry.buffer);
		/* These two words are the device's; an import that fails so is a failed import. */
		return rc == -ESTALE || rc == -EPROTO ? -EIO : rc;
	}
	memmove(&buffers->entries[1], &buffers->entries[0],
		buffers->count * sizeof(buffers->entries[0]));
	buffers->entries[0] = entry;
	buffers->count++;
	*image = entry.image;
	return 0;
}
