/* SPDX-License-Identifier: MIT */
/*
 * usage: micro_damage [WIDTHxHEIGHT]
 *
 * What one look of the CPU path costs, in CPU time and in bytes read: of a picture in which nothing
 * changed, of one in which a box of 64x64 moved, and of one that is all new; warm, and with picture
 * and snapshot flushed from the caches before (a small cache, or looks far apart). A memcmp of the
 * same bytes beside it tells how fast the memory is at the moment. Medians of 40 looks, packing of
 * the damage into a frame included for all but memcmp.
 */
#include <drm_fourcc.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "render/format.h"
#include "render/frame.h"
#include "render/renderer.h"

#define LOOKS 40

enum change {
	NOTHING,
	BOX,
	ALL,
};

static const uint32_t formats[] = {DRM_FORMAT_XRGB8888, DRM_FORMAT_XBGR8888, DRM_FORMAT_RGB565,
	DRM_FORMAT_XRGB2101010, DRM_FORMAT_YUYV};

static const char *const changes[] = {"nothing", "box", "all"};

struct bed {
	struct renderer *renderer;
	struct frame_pool *pool;
	struct image *image;
	uint8_t *guest;
	uint8_t *copy; /* for memcmp */
	size_t size;
	uint32_t width, height, stride;
	unsigned bytes; /* of a pixel */
};

static uint64_t now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void flush(const void *memory, size_t size)
{
#ifdef __SSE2__
	for (size_t i = 0; i < size; i += 64) {
		_mm_clflush((const char *)memory + i);
	}
	_mm_mfence();
#endif
}

static void turn_box(struct bed *bed, uint32_t x, uint32_t y)
{
	for (uint32_t line = 0; line < 64; line++) {
		uint8_t *row = bed->guest + (size_t)(y + line) * bed->stride;

		for (uint32_t b = 0; b < 64 * bed->bytes; b++) {
			row[x * bed->bytes + b] ^= 0x55;
		}
	}
}

static void change(struct bed *bed, enum change change, unsigned look)
{
	switch (change) {
	case NOTHING:
		break;
	case BOX:
		/* Where it was turns back, where it is turns over. */
		for (unsigned i = look; i < look + 2; i++) {
			turn_box(bed, i * 424 % (bed->width - 63), i * 136 % (bed->height - 63));
		}
		break;
	case ALL:
		for (size_t i = 0; i < bed->size; i++) {
			bed->guest[i] ^= 0x55;
		}
		break;
	}
}

static int compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

static void measure(struct bed *bed, const char *name, enum change kind, bool cold)
{
	const struct snapshot *snapshot = renderer_snapshot(bed->renderer);
	struct renderer_counters *counters = renderer_counters(bed->renderer);
	uint64_t times[LOOKS], reference[LOOKS], bytes = counters->bytes_compared, packed = 0;
	size_t snapshot_size = (size_t)bed->width * bed->height * 4;
	pixman_region32_t damage;

	pixman_region32_init(&damage);
	for (unsigned look = 0; look < LOOKS; look++) {
		struct frame *frame;
		volatile int result = 0;
		uint64_t start;

		change(bed, kind, look);
		if (cold) {
			flush(bed->guest, bed->size);
			flush(snapshot->pixels, snapshot_size);
		}
		pixman_region32_clear(&damage);
		start = now_ns();
		if (renderer_update(bed->renderer, bed->image, &damage) < 0) {
			fprintf(stderr, "micro_damage: the update failed\n");
			exit(1);
		}
		frame = frame_pack(bed->pool, snapshot, &damage, 0, 65536);
		times[look] = now_ns() - start;
		packed += frame ? frame->bytes : 0;
		frame_unref(frame);

		/* Equal to the end: a memcmp that stops early says nothing. */
		memcpy(bed->copy, bed->guest, bed->size);
		if (cold) {
			flush(bed->guest, bed->size);
			flush(bed->copy, bed->size);
		}
		start = now_ns();
		result = memcmp(bed->guest, bed->copy, bed->size);
		reference[look] = now_ns() - start;
		(void)result;
	}
	pixman_region32_fini(&damage);
	qsort(times, LOOKS, sizeof(times[0]), compare);
	qsort(reference, LOOKS, sizeof(reference[0]), compare);
	printf("%-12s %-8s %-5s %9" PRIu64 " %9" PRIu64 " %11" PRIu64 " %11" PRIu64 "\n", name,
		changes[kind], cold ? "cold" : "warm", times[LOOKS / 2], reference[LOOKS / 2],
		(counters->bytes_compared - bytes) / LOOKS, packed / LOOKS);
}

static void fail(const char *text)
{
	fprintf(stderr, "micro_damage: %s\n", text);
	exit(1);
}

static void run(uint32_t fourcc, uint32_t width, uint32_t height)
{
	const struct format *format = format_find(fourcc);
	struct renderer_options options = {.kind = RENDERER_CPU};
	struct buffer_attributes attributes;
	struct bed bed = {.width = width, .height = height, .bytes = format->bytes};
	pixman_region32_t damage;
	char why[256] = "";
	int fd;

	bed.stride = (uint32_t)format_row_bytes(format, width);
	bed.size = (size_t)bed.stride * height;
	fd = memfd_create("guest", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, (off_t)bed.size) < 0) {
		fail("no memory for a picture");
	}
	bed.guest = mmap(NULL, bed.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (bed.guest == MAP_FAILED) {
		fail("no memory for a picture");
	}
	bed.copy = malloc(bed.size);
	if (!bed.copy) {
		fail("no memory for a picture");
	}
	for (size_t i = 0; i < bed.size; i++) {
		bed.guest[i] = (uint8_t)(i * 2654435761u >> 24);
	}
	attributes = (struct buffer_attributes){
		.kind = BUFFER_DMABUF,
		.fd = fd,
		.size = bed.size,
		.format = fourcc,
		.modifier = DRM_FORMAT_MOD_LINEAR,
		.width = width,
		.height = height,
		.stride = bed.stride,
	};
	bed.pool = frame_pool_create(2);
	bed.renderer = renderer_create(&options, why, sizeof(why));
	if (!bed.pool || !bed.renderer ||
		renderer_import(bed.renderer, &attributes, &bed.image, why, sizeof(why)) < 0) {
		fail(why);
	}
	pixman_region32_init(&damage);
	renderer_update(bed.renderer, bed.image, &damage);
	pixman_region32_fini(&damage);

	for (int cold = 0; cold < 2; cold++) {
		for (enum change kind = NOTHING; kind <= ALL; kind++) {
			measure(&bed, format->name, kind, cold);
		}
	}
	image_destroy(bed.image);
	renderer_destroy(bed.renderer);
	frame_pool_destroy(bed.pool);
	free(bed.copy);
	munmap(bed.guest, bed.size);
	close(fd);
}

int main(int argc, char **argv)
{
	unsigned width = 1920, height = 1080;

	if (argc > 1 &&
		(sscanf(argv[1], "%ux%u", &width, &height) != 2 || width < 64 || height < 64 ||
			width > FORMAT_MAX_SIDE || height > FORMAT_MAX_SIDE)) {
		fail("usage: micro_damage [WIDTHxHEIGHT], 64x64 at least");
	}
	printf("%ux%u, ns a look\n%-12s %-8s %-5s %9s %9s %11s %11s\n", width, height, "format",
		"change", "cache", "look", "memcmp", "bytes read", "packed");
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		run(formats[i], width, height);
	}
	return 0;
}
