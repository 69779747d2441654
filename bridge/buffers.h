/* SPDX-License-Identifier: MIT */
/*
 * The few guest buffers that are held: each a device buffer with the image that was imported from it.
 *
 * One entry owns both, because they must go together: a kernel that reuses ids (GVT-g) or can't stand
 * a second fetch (mbochs) needs the import gone before the id is asked for again. Keyed by the whole
 * plane, least recently used goes first. Capture thread only.
 */
#ifndef BRIDGE_BUFFERS_H
#define BRIDGE_BUFFERS_H

#include <stddef.h>

#include "vfio/vgpu.h"

struct image;
struct renderer;

#define BUFFERS_MAX 6 /* a guest flips between two to four, and has a cursor */

struct buffers_entry {
	struct vgpu_buffer *buffer;
	struct image *image;
};

struct buffers {
	struct vgpu *vgpu;
	struct renderer *renderer;
	struct buffers_entry entries[BUFFERS_MAX]; /* most recently used first */
	size_t count;
};

void buffers_init(struct buffers *buffers, struct vgpu *vgpu, struct renderer *renderer);
/* Lets go of all that pins the device. */
void buffers_clear(struct buffers *buffers);

/*
 * The image of a plane that a query has just returned. 0; -ESTALE: query again; -EPROTO: *refusal
 * says why; else -errno with one line in why. The image is valid until the next call.
 */
int buffers_image(struct buffers *buffers, const struct plane *plane, struct image **image,
	enum plane_refusal *refusal, char *why, size_t why_size);
/* Forgets one image (its memory vanished, or GL failed on it). */
void buffers_drop(struct buffers *buffers, const struct image *image);

#endif
