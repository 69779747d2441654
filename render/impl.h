/* SPDX-License-Identifier: MIT */
/*
 * Inside render/ only: the parts a renderer is made of, and what an image of each path implements.
 *
 * renderer.c owns the snapshot and chooses a path for each import; cpu.c and gl*.c are the paths.
 * Everything runs on the capture thread.
 */
#ifndef RENDER_IMPL_H
#define RENDER_IMPL_H

#include "render/renderer.h"

struct gl;

struct image_ops {
	/* As renderer_update(); the snapshot has the image's size already. */
	int (*update)(struct image *image, pixman_region32_t *damage);
	/* As renderer_read(). */
	int (*read)(struct image *image, uint32_t *pixels);
	/* Frees the image too. */
	void (*destroy)(struct image *image);
};

/* Embedded first in each path's own struct. */
struct image {
	const struct image_ops *ops;
	struct renderer *renderer;
	struct buffer_attributes attributes;
};

struct renderer {
	struct renderer_options options;
	struct renderer_counters counters;
	struct snapshot snapshot;
	/*
	 * Grows with each change of snapshot.pixels. A path that keeps a copy of its own (GL's texture)
	 * notes the version it is equal to, and refreshes when it has fallen behind.
	 */
	uint64_t version;
	struct gl *gl; /* NULL: no GL */
	char description[256];
	char gl_missing[256]; /* why there is no GL, for messages; empty: not tried yet */
};

/* Makes the snapshot width x height (zeroed) if it is not. 1: it was made anew, 0: it was right. */
int renderer_resize(struct renderer *renderer, uint32_t width, uint32_t height);

/* cpu.c: -ENOTSUP not linear or format unknown; -ENODEV can't be mapped; -ERANGE. */
int cpu_import(struct renderer *renderer, const struct buffer_attributes *attributes,
	struct image **image, char *why, size_t why_size);
int cpu_can_import(uint32_t format, uint64_t modifier, char *why, size_t why_size);
/* Seconds per byte of one timed read of some rows; what AUTO decides by. */
double cpu_read_cost(struct image *image);

/* gl.c */
struct gl *gl_create(
	struct renderer *renderer, const char *render_node, char *why, size_t why_size);
void gl_destroy(struct gl *gl);
const char *gl_describe(const struct gl *gl);
bool gl_is_software(const struct gl *gl);
int gl_import(struct gl *gl, const struct buffer_attributes *attributes, struct image **image,
	char *why, size_t why_size);
int gl_can_import(struct gl *gl, uint32_t format, uint64_t modifier, char *why, size_t why_size);

#endif
