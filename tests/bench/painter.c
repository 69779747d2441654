/* SPDX-License-Identifier: MIT */
/*
 * painter: plays the guest for the benchmark. It paints a scene into a shared XRGB8888 framebuffer
 * file at a fixed rate, on its own clock, and stamps each frame with the time when it was done.
 *
 * usage: painter FILE WIDTHxHEIGHT SCENE [FPS [SECONDS]]
 *
 * Prints "ready" once the file holds its first picture, and at the end (SIGTERM, or SECONDS later)
 * "painted=N late=N", late being ticks that were left out because painting took too long. The scenes
 * are made in advance, so that painting costs little more than a memcpy.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/stamp.h"

#define NS 1000000000
#define BOX_SIDE 64 /* pixels */
#define LETTERS 64
#define SCROLL_STEP 4 /* pixels a frame */
#define SCROLL_MORE 1024 /* rows of the scrolled text beyond the screen's height */
#define VIDEO_FRAMES 8 /* that are made in advance and shown in turn */
#define NOISE_MORE 4096 /* pixels of noise beyond a frame: where a frame begins is random */

struct painter {
	uint32_t width, height;
	uint32_t *pixels; /* the framebuffer */
	uint32_t *stock; /* what scenes copy from */
	uint64_t random;
	uint32_t box_x, box_y;
};

struct scene {
	const char *name;
	bool (*prepare)(struct painter *painter);
	/* NULL: nothing ever changes, stamp included. */
	void (*paint)(struct painter *painter, uint32_t frame);
};

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	stop = 1;
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * NS + t.tv_nsec;
}

static uint64_t random_next(struct painter *painter)
{
	uint64_t x = painter->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return painter->random = x;
}

static bool stock_create(struct painter *painter, size_t pixels)
{
	painter->stock = malloc(pixels * 4);
	return painter->stock;
}

static void fill(struct painter *painter, uint32_t x, uint32_t y, uint32_t width, uint32_t height,
	uint32_t colour)
{
	for (uint32_t j = y; j < y + height; j++) {
		for (uint32_t i = x; i < x + width; i++) {
			painter->pixels[(size_t)j * painter->width + i] = colour;
		}
	}
}

/* One whole row, but for the stamp, which is whole at any time but while it is written. */
static void copy_row(struct painter *painter, uint32_t y, const uint32_t *from)
{
	uint32_t skip = y < STAMP_HEIGHT ? STAMP_WIDTH : 0;

	memcpy(painter->pixels + (size_t)y * painter->width + skip, from + skip,
		(size_t)(painter->width - skip) * 4);
}

/* A desktop's worth of plain areas: what idle and box lie on. */
static bool prepare_plain(struct painter *painter)
{
	for (uint32_t y = 0; y < painter->height; y++) {
		uint32_t blue = 0x40 + y * 0x60 / painter->height;

		fill(painter, 0, y, painter->width, 1, 0x203000 | blue);
	}
	fill(painter, painter->width / 8, painter->height / 8, painter->width / 2,
		painter->height / 2, 0xe0e0e0);
	return true;
}

/* One box goes its way: two small places change. */
static void paint_box(struct painter *painter, uint32_t frame)
{
	uint32_t span_x = painter->width - BOX_SIDE,
		 span_y = painter->height - BOX_SIDE - STAMP_HEIGHT;

	fill(painter, painter->box_x, painter->box_y, BOX_SIDE, BOX_SIDE, 0x204060);
	painter->box_x = frame * 7 % span_x;
	painter->box_y = STAMP_HEIGHT + frame * 3 % span_y;
	fill(painter, painter->box_x, painter->box_y, BOX_SIDE, BOX_SIDE,
		0xff8000 | (frame & 0xff));
}

/* Lines of made-up letters, dark on light, as a terminal or an editor shows them. */
static bool prepare_scroll(struct painter *painter)
{
	uint32_t rows = painter->height + SCROLL_MORE;
	uint64_t font[LETTERS];

	if (!stock_create(painter, (size_t)painter->width * rows)) {
		return false;
	}
	for (size_t i = 0; i < (size_t)painter->width * rows; i++) {
		painter->stock[i] = 0xf8f8f8;
	}
	for (uint32_t i = 0; i < LETTERS; i++) {
		font[i] = random_next(painter);
	}
	for (uint32_t y = 0; y + 16 <= rows; y += 16) {
		uint32_t end = painter->width * (20 + random_next(painter) % 80) / 100;

		for (uint32_t x = 8; x + 8 < end; x += 8) {
			uint32_t letter = random_next(painter) % (LETTERS + LETTERS / 6);

			if (letter >= LETTERS) {
				continue; /* a space */
			}
			for (uint32_t j = 0; j < 10; j++) {
				for (uint32_t i = 0; i < 6; i++) {
					if (font[letter] >> (j * 6 + i) & 1) {
						painter->stock[(size_t)(y + 3 + j) *
								painter->width +
							x + i] = 0x202020;
					}
				}
			}
		}
	}
	return true;
}

static void paint_scroll(struct painter *painter, uint32_t frame)
{
	uint32_t rows = painter->height + SCROLL_MORE;
	uint64_t first = (uint64_t)frame * SCROLL_STEP;

	for (uint32_t y = 0; y < painter->height; y++) {
		copy_row(painter, y, painter->stock + (first + y) % rows * painter->width);
	}
}

/* A window of a quarter of the screen with moving gradients and a little grain in it. */
static bool prepare_video(struct painter *painter)
{
	uint32_t width = painter->width / 2, height = painter->height / 2;
	uint32_t *out;

	if (!prepare_plain(painter) ||
		!stock_create(painter, (size_t)width * height * VIDEO_FRAMES)) {
		return false;
	}
	out = painter->stock;
	for (uint32_t k = 0; k < VIDEO_FRAMES; k++) {
		for (uint32_t y = 0; y < height; y++) {
			for (uint32_t x = 0; x < width; x++) {
				uint32_t grain = random_next(painter) & 0x030303;
				uint32_t red = (x * 256 / width + k * 32) & 0xfc;
				uint32_t green = (y * 256 / height + k * 32) & 0xfc;
				uint32_t blue = (x + y + k * 64) / 8 & 0xfc;

				*out++ = (red << 16 | green << 8 | blue) ^ grain;
			}
		}
	}
	return true;
}

static void paint_video(struct painter *painter, uint32_t frame)
{
	uint32_t width = painter->width / 2, height = painter->height / 2;
	const uint32_t *in = painter->stock + (size_t)width * height * (frame % VIDEO_FRAMES);
	uint32_t *out =
		painter->pixels + (size_t)painter->height / 4 * painter->width + painter->width / 4;

	for (uint32_t y = 0; y < height; y++) {
		memcpy(out + (size_t)y * painter->width, in + (size_t)y * width, (size_t)width * 4);
	}
}

static bool prepare_noise(struct painter *painter)
{
	size_t n = (size_t)painter->width * painter->height + NOISE_MORE;

	if (!stock_create(painter, n)) {
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		painter->stock[i] = (uint32_t)random_next(painter) & 0xffffff;
	}
	return true;
}

static void paint_noise(struct painter *painter, uint32_t frame)
{
	const uint32_t *from = painter->stock + random_next(painter) % NOISE_MORE;

	for (uint32_t y = 0; y < painter->height; y++) {
		copy_row(painter, y, from + (size_t)y * painter->width);
	}
}

static const struct scene scenes[] = {
	{"idle", prepare_plain, NULL},
	{"box", prepare_plain, paint_box},
	{"scroll", prepare_scroll, paint_scroll},
	{"video", prepare_video, paint_video},
	{"noise", prepare_noise, paint_noise},
};

static const struct scene *scene_by_name(const char *name)
{
	for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
		if (!strcmp(scenes[i].name, name)) {
			return &scenes[i];
		}
	}
	return NULL;
}

static void stamp_now(struct painter *painter, uint32_t frame)
{
	struct stamp stamp = {.ns = (uint64_t)now_ns(), .sequence = frame};

	stamp_write(painter->pixels, (size_t)painter->width * 4, &stamp);
}

static void run(struct painter *painter, const struct scene *scene, unsigned fps, int64_t end)
{
	uint32_t painted = 0, late = 0;
	int64_t next = now_ns();

	for (uint32_t frame = 1; !stop && next < end; frame++) {
		struct timespec t;

		next += NS / fps;
		if (scene->paint) {
			while (now_ns() > next + NS / fps) {
				next += NS / fps;
				late++;
			}
		}
		t = (struct timespec){.tv_sec = next / NS, .tv_nsec = next % NS};
		if (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR) {
			continue;
		}
		if (scene->paint) {
			scene->paint(painter, frame);
			stamp_now(painter, frame);
			painted++;
		}
	}
	printf("painted=%u late=%u\n", painted, late);
}

int main(int argc, char **argv)
{
	struct painter painter = {.random = 0x2545f4914f6cdd1d};
	const struct scene *scene = argc >= 4 ? scene_by_name(argv[3]) : NULL;
	unsigned fps = argc >= 5 ? (unsigned)strtoul(argv[4], NULL, 10) : 60;
	double seconds = argc >= 6 ? strtod(argv[5], NULL) : 1e6;
	size_t size;
	int fd;

	if (!scene || argc > 6 || sscanf(argv[2], "%ux%u", &painter.width, &painter.height) != 2 ||
		painter.width < 256 || painter.height < 256 || painter.width > 16384 ||
		painter.height > 16384 || fps < 1 || fps > 1000) {
		fprintf(stderr,
			"usage: painter FILE WIDTHxHEIGHT idle|box|scroll|video|noise "
			"[FPS [SECONDS]]\n");
		return 2;
	}
	size = (size_t)painter.width * painter.height * 4;
	fd = open(argv[1], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)size)) {
		fprintf(stderr, "painter: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	painter.pixels = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (painter.pixels == MAP_FAILED || !scene->prepare(&painter)) {
		fprintf(stderr, "painter: no memory for %ux%u\n", painter.width, painter.height);
		return 1;
	}
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	if (scene->paint) {
		scene->paint(&painter, 0);
	}
	stamp_now(&painter, 0);
	puts("ready");
	fflush(stdout);
	run(&painter, scene, fps, now_ns() + (int64_t)(seconds * NS));
	free(painter.stock);
	munmap(painter.pixels, size);
	return 0;
}
