/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "render/frame.h"
#include "render/renderer.h"

#define BLOCK_MIN 65536 /* bytes */

/* An idle block that so many frames found no use for goes back to the system. */
#define BLOCK_AGE 256

/*
 * A mapping of its own, so that what is given back is truly given back. It holds the frame, its
 * rectangles and their pixels; while idle, this.
 */
struct block {
	struct block *next;
	size_t size;
	uint64_t used; /* sequence of the frame that had it last */
};

struct frame_pool {
	pthread_mutex_t lock;
	unsigned keep;
	unsigned idle_count;
	struct block *idle;
	uint64_t sequence;
	size_t holders; /* the handle and each frame that lives */
	bool closed; /* the handle is gone: keep nothing */
	bool resting; /* trimmed, and no frame made since: keep nothing either */
};

static void free_blocks(struct block *block)
{
	while (block) {
		struct block *next = block->next;

		munmap(block, block->size);
		block = next;
	}
}

struct frame_pool *frame_pool_create(unsigned keep)
{
	struct frame_pool *pool = calloc(1, sizeof(*pool));

	if (!pool) {
		return NULL;
	}
	pool->keep = keep;
	pool->holders = 1;
	pthread_mutex_init(&pool->lock, NULL);
	return pool;
}

/* Unlocks, frees what was taken out, and the pool with its last holder. */
static void pool_release(struct frame_pool *pool, struct block *garbage, bool last)
{
	pthread_mutex_unlock(&pool->lock);
	free_blocks(garbage);
	if (last) {
		pthread_mutex_destroy(&pool->lock);
		free(pool);
	}
}

static struct block *take_all(struct frame_pool *pool)
{
	struct block *all = pool->idle;

	pool->idle = NULL;
	pool->idle_count = 0;
	return all;
}

void frame_pool_destroy(struct frame_pool *pool)
{
	struct block *garbage;

	if (!pool) {
		return;
	}
	pthread_mutex_lock(&pool->lock);
	pool->closed = true;
	garbage = take_all(pool);
	pool_release(pool, garbage, --pool->holders == 0);
}

void frame_pool_trim(struct frame_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->resting = true;
	pool_release(pool, take_all(pool), false);
}

/* Four steps for each doubling: similar frames get equal blocks, and at most a fifth lies idle. */
static size_t round_size(size_t size)
{
	size_t step = BLOCK_MIN;

	if (size <= BLOCK_MIN) {
		return BLOCK_MIN;
	}
	while (step * 8 < size) {
		step *= 2;
	}
	return (size + step - 1) / step * step;
}

/* The smallest idle block that is large enough, or a new one. */
static void *block_get(struct frame_pool *pool, size_t size, size_t *got, uint64_t *sequence)
{
	struct block **best = NULL, *block = NULL;
	void *memory;

	pthread_mutex_lock(&pool->lock);
	for (struct block **at = &pool->idle; *at; at = &(*at)->next) {
		if ((*at)->size >= size && (!best || (*at)->size < (*best)->size)) {
			best = at;
		}
	}
	if (best) {
		block = *best;
		*best = block->next;
		pool->idle_count--;
	}
	*sequence = ++pool->sequence;
	pool->holders++;
	pool->resting = false;
	pthread_mutex_unlock(&pool->lock);
	if (block) {
		*got = block->size;
		return block;
	}

	*got = round_size(size);
	memory = mmap(NULL, *got, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory != MAP_FAILED) {
		return memory;
	}
	pthread_mutex_lock(&pool->lock);
	pool_release(pool, NULL, --pool->holders == 0);
	errno = ENOMEM;
	return NULL;
}

static void block_put(struct frame_pool *pool, void *memory, size_t size, uint64_t sequence)
{
	struct block *block = memory, *garbage = NULL;
	struct block **at;

	block->size = size;
	block->used = sequence;
	pthread_mutex_lock(&pool->lock);
	block->next = pool->idle;
	pool->idle = block;
	pool->idle_count++;
	for (at = &pool->idle; *at;) {
		struct block *old = *at;

		if (pool->closed || pool->resting || old->used + BLOCK_AGE < pool->sequence) {
			*at = old->next;
			old->next = garbage;
			garbage = old;
			pool->idle_count--;
		} else {
			at = &old->next;
		}
	}
	if (pool->idle_count > pool->keep) {
		struct block **least = &pool->idle;

		/* Large ones serve small frames too, not the other way round. */
		for (at = &pool->idle; *at; at = &(*at)->next) {
			if ((*at)->size < (*least)->size) {
				least = at;
			}
		}
		block = *least;
		*least = block->next;
		block->next = garbage;
		garbage = block;
		pool->idle_count--;
	}
	pool_release(pool, garbage, --pool->holders == 0);
}

/*
 * pixman cuts a region into bands, so that a tall column beside others comes in many pieces. Joins
 * boxes of equal left and right edge that touch, and returns how many rectangles are left. owner is
 * scratch for n numbers: the rectangle that each box went into.
 */
static uint32_t join_boxes(
	struct frame_rect *rects, const pixman_box32_t *boxes, uint32_t n, uint32_t *owner)
{
	uint32_t count = 0, above = 0, band = 0;

	while (band < n) {
		uint32_t end = band, candidate = above;

		while (end < n && boxes[end].y1 == boxes[band].y1) {
			end++;
		}
		for (uint32_t i = band; i < end; i++) {
			const pixman_box32_t *box = &boxes[i];
			uint32_t height = (uint32_t)(box->y2 - box->y1);

			while (candidate < band && boxes[candidate].x1 < box->x1) {
				candidate++;
			}
			if (candidate < band && boxes[candidate].x1 == box->x1 &&
				boxes[candidate].x2 == box->x2 && boxes[candidate].y2 == box->y1) {
				owner[i] = owner[candidate];
				rects[owner[i]].height += height;
				continue;
			}
			owner[i] = count;
			rects[count++] = (struct frame_rect){
				.x = (uint32_t)box->x1,
				.y = (uint32_t)box->y1,
				.width = (uint32_t)(box->x2 - box->x1),
				.height = height,
			};
		}
		above = band;
		band = end;
	}
	return count;
}

/* Equal parts of whole rows, none above max_bytes unless a single row is. */
static uint32_t count_parts(uint32_t width, uint32_t height, size_t max_bytes)
{
	size_t rows = max_bytes / ((size_t)width * sizeof(uint32_t));

	if (max_bytes == 0 || rows >= height) {
		return 1;
	}
	if (rows == 0) {
		return height;
	}
	return (uint32_t)((height + rows - 1) / rows);
}

/* From the last to the first, so that it works in place: a part never lies before its whole. */
static uint32_t split_rects(struct frame_rect *rects, uint32_t n, size_t max_bytes)
{
	uint32_t total = 0, at;

	for (uint32_t i = 0; i < n; i++) {
		total += count_parts(rects[i].width, rects[i].height, max_bytes);
	}
	at = total;
	for (uint32_t i = n; i-- > 0;) {
		struct frame_rect whole = rects[i];
		uint32_t parts = count_parts(whole.width, whole.height, max_bytes);

		for (uint32_t part = parts; part-- > 0;) {
			uint32_t from = (uint32_t)((uint64_t)whole.height * part / parts);
			uint32_t to = (uint32_t)((uint64_t)whole.height * (part + 1) / parts);

			rects[--at] = (struct frame_rect){
				.x = whole.x,
				.y = whole.y + from,
				.width = whole.width,
				.height = to - from,
			};
		}
	}
	return total;
}

static void pack_rect(const struct frame_rect *rect, const struct snapshot *snapshot)
{
	const uint32_t *from = snapshot->pixels + (size_t)rect->y * snapshot->width + rect->x;
	size_t row = (size_t)rect->width * sizeof(*from);

	if (rect->width == snapshot->width) {
		memcpy(rect->pixels, from, row * rect->height);
		return;
	}
	for (uint32_t y = 0; y < rect->height; y++) {
		memcpy(rect->pixels + (size_t)y * rect->width, from, row);
		from += snapshot->width;
	}
}

struct frame *frame_pack(struct frame_pool *pool, const struct snapshot *snapshot,
	const pixman_region32_t *region, int64_t captured_ns, size_t max_rect_bytes)
{
	pixman_region32_t clipped;
	const pixman_box32_t *boxes;
	struct frame *frame = NULL;
	size_t bytes = 0, max_rects = 0, head, got;
	uint64_t sequence;
	uint32_t *pixels;
	void *memory;
	int n;

	pixman_region32_init(&clipped);
	if (!pixman_region32_intersect_rect(&clipped, (pixman_region32_t *)region, 0, 0,
		    snapshot->width, snapshot->height)) {
		errno = ENOMEM;
		goto out;
	}
	boxes = pixman_region32_rectangles(&clipped, &n);
	if (n == 0) {
		errno = ENODATA;
		goto out;
	}
	for (int i = 0; i < n; i++) {
		uint32_t width = (uint32_t)(boxes[i].x2 - boxes[i].x1);
		uint32_t height = (uint32_t)(boxes[i].y2 - boxes[i].y1);

		bytes += (size_t)width * height * sizeof(*pixels);
		/* Joined boxes never make more parts than the boxes alone. */
		max_rects += count_parts(width, height, max_rect_bytes);
	}

	head = (sizeof(*frame) + max_rects * sizeof(*frame->rects) + 63) & ~(size_t)63;
	memory = block_get(pool, head + bytes, &got, &sequence);
	if (!memory) {
		goto out;
	}
	frame = memory;
	pixels = (uint32_t *)((uint8_t *)memory + head);
	*frame = (struct frame){
		.width = snapshot->width,
		.height = snapshot->height,
		.sequence = sequence,
		.captured_ns = captured_ns,
		.bytes = bytes,
		.rects = (struct frame_rect *)(frame + 1),
		.pool = pool,
		.memory = memory,
		.memory_size = got,
	};
	atomic_init(&frame->refs, 1);

	/* A box has a pixel at least, so the room for pixels does for join_boxes() too. */
	frame->n_rects = join_boxes(frame->rects, boxes, (uint32_t)n, pixels);
	frame->n_rects = split_rects(frame->rects, frame->n_rects, max_rect_bytes);
	for (uint32_t i = 0; i < frame->n_rects; i++) {
		struct frame_rect *rect = &frame->rects[i];

		rect->pixels = pixels;
		pixels += (size_t)rect->width * rect->height;
		pack_rect(rect, snapshot);
	}
out:
	pixman_region32_fini(&clipped);
	return frame;
}

struct frame *frame_ref(struct frame *frame)
{
	atomic_fetch_add_explicit(&frame->refs, 1, memory_order_relaxed);
	return frame;
}

void frame_unref(struct frame *frame)
{
	if (frame && atomic_fetch_sub_explicit(&frame->refs, 1, memory_order_acq_rel) == 1) {
		block_put(frame->pool, frame->memory, frame->memory_size, frame->sequence);
	}
}
