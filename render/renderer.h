/* SPDX-License-Identifier: MIT */
/*
 * Turns guest buffers into the bridge's own picture, and says what changed.
 *
 * A renderer owns one snapshot: plain memory, XRGB8888 with X = 0, that is bit for bit what sinks
 * get. Each update compares a guest image with it, copies the tiles that differ (each read once) and
 * adds them to the caller's damage. All calls come from one thread, the capture thread, which also
 * owns the GL context. Counters may be read from any thread. Nothing here logs.
 */
#ifndef RENDER_RENDERER_H
#define RENDER_RENDERER_H

#include <pixman.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "render/buffer.h"

#define RENDER_TILE 64 /* pixels: side of a damage tile */

struct renderer;
struct image;

enum renderer_kind {
	RENDERER_AUTO,
	RENDERER_GL,
	RENDERER_CPU,
};

struct renderer_options {
	enum renderer_kind kind;
	const char *render_node; /* path, or NULL: surfaceless or the software device */
	bool node_later; /* kind GL opens at its first need only: renderer_set_node() comes first */
};

struct renderer_counters {
	atomic_uint_fast64_t imports; /* EGL images made */
	atomic_uint_fast64_t cpu_maps; /* dma-bufs mapped for reading */
	atomic_uint_fast64_t passes; /* updates that looked at the whole picture */
	atomic_uint_fast64_t gl_calls; /* GL and EGL calls made while updating */
	atomic_uint_fast64_t bytes_compared; /* by the CPU path */
	atomic_uint_fast64_t bytes_read_back; /* from GL: marks and dirty rectangles */
	atomic_uint_fast64_t tiles_dirty;
	atomic_uint_fast64_t faults; /* reads that hit a vanished page (SIGBUS) */
	atomic_uint_fast64_t import_failures;
};

struct snapshot {
	uint32_t *pixels; /* width x height, no padding */
	uint32_t width, height;
};

/* NULL with errno and one line in why: e.g. kind GL and no usable EGL. AUTO falls back to CPU. */
struct renderer *renderer_create(
	const struct renderer_options *options, char *why, size_t why_size);
void renderer_destroy(struct renderer *renderer);

/*
 * Another device, another GPU: GL is opened on this node from now on (NULL: as in the options). While
 * there is no image. 0, or -errno with one line in why where kind GL can't be had there; then imports
 * say so too.
 */
int renderer_set_node(
	struct renderer *renderer, const char *render_node, char *why, size_t why_size);

/* One line for the log: "cpu", or "gl: llvmpipe (software) on surfaceless, OpenGL ES 3.2 …". */
const char *renderer_describe(const struct renderer *renderer);
/* True where GL runs on the CPU. False for the CPU path. */
bool renderer_is_software_gl(const struct renderer *renderer);
struct renderer_counters *renderer_counters(struct renderer *renderer);

/*
 * Could an image of this format and modifier be imported? 0, or -ENOTSUP with why. Asks the driver
 * and makes no import; probe, which has a buffer at hand, imports it instead.
 */
int renderer_can_import(
	struct renderer *renderer, uint32_t format, uint64_t modifier, char *why, size_t why_size);

/*
 * Imports a buffer. 0 and an image for image_destroy(), before the renderer's end; -ENOTSUP (format
 * or modifier unknown to this path), -ERANGE (rows lie outside the buffer's size), else -errno, with
 * one line in why. The buffer's fd or address must outlive the image.
 */
int renderer_import(struct renderer *renderer, const struct buffer_attributes *attributes,
	struct image **image, char *why, size_t why_size);
void image_destroy(struct image *image);

/*
 * Looks at the whole image and brings the snapshot up to date; what changed is added to damage (a
 * snapshot of another size is made anew: all of it is damage). 0; -EFAULT when the buffer's memory
 * vanished under the read (the snapshot then keeps what was read so far, and damage covers it);
 * -EIO when GL failed (the image is unusable; destroy it).
 */
int renderer_update(struct renderer *renderer, struct image *image, pixman_region32_t *damage);

/* Makes a picture of our own (a card) the snapshot: same rules, pixels has no padding. */
int renderer_paint(struct renderer *renderer, const uint32_t *pixels, uint32_t width,
	uint32_t height, pixman_region32_t *damage);

/*
 * Reads a whole small image (a cursor: at most 256x256) as premultiplied ARGB8888 into pixels,
 * width*4 stride. 0 or as renderer_update().
 */
int renderer_read(struct renderer *renderer, struct image *image, uint32_t *pixels);

const struct snapshot *renderer_snapshot(const struct renderer *renderer);

#endif
