/* SPDX-License-Identifier: MIT */
/*
 * What a sink gets: rectangles of the snapshot, each packed on its own (stride = width x 4).
 *
 * Immutable once made, reference-counted, usable and releasable from any thread. Pixel memory comes
 * from a pool and goes back to it with the last reference, so that a steady stream allocates nothing.
 * The pool is itself kept alive by its frames.
 */
#ifndef RENDER_FRAME_H
#define RENDER_FRAME_H

#include <pixman.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct snapshot;
struct frame_pool;

struct frame_rect {
	uint32_t x, y, width, height; /* pixels, inside the frame */
	uint32_t *pixels; /* width x height, XRGB8888 with X = 0, no padding */
};

struct frame {
	atomic_uint refs;
	uint32_t width, height; /* of the whole picture */
	uint64_t sequence; /* grows by one with each frame of a pool */
	int64_t captured_ns; /* CLOCK_MONOTONIC when the capture began */
	size_t bytes; /* of all rectangles */
	uint32_t n_rects;
	struct frame_rect *rects;
	struct frame_pool *pool;
	void *memory; /* the block that rects point into */
	size_t memory_size;
};

/* keep: how many idle pixel blocks the pool holds on to. */
struct frame_pool *frame_pool_create(unsigned keep);
void frame_pool_destroy(struct frame_pool *pool);

/*
 * Gives the memory of idle blocks back to the system (nobody watches), and that of frames which are
 * let go of later too, until the next frame is made.
 */
void frame_pool_trim(struct frame_pool *pool);

/*
 * Packs region (clipped to the snapshot) of the snapshot. The rectangles cover exactly region; tall
 * ones are split so that none exceeds max_rect_bytes (0: no limit), always at whole rows. NULL with
 * errno when memory lacks or the region is empty.
 */
struct frame *frame_pack(struct frame_pool *pool, const struct snapshot *snapshot,
	const pixman_region32_t *region, int64_t captured_ns, size_t max_rect_bytes);
struct frame *frame_ref(struct frame *frame);
void frame_unref(struct frame *frame);

#endif
