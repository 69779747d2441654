/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vfio/sim_scene.h"

#define GRAIN_SHIFT 4096 /* how far a line's grain may start into the table */
#define BOX_SIDE 64
#define SCROLL_STEP SIM_FONT_HEIGHT /* pixels a frame */
#define SCROLL_PAPER 0x12161c

static const char *const scene_names[SIM_SCENE_COUNT] = {
	[SIM_SCENE_DESKTOP] = "desktop",
	[SIM_SCENE_IDLE] = "idle",
	[SIM_SCENE_SCROLL] = "scroll",
	[SIM_SCENE_VIDEO] = "video",
	[SIM_SCENE_NOISE] = "noise",
	[SIM_SCENE_BOX] = "box",
};

const char *sim_scene_name(enum sim_scene scene)
{
	return (unsigned)scene < SIM_SCENE_COUNT ? scene_names[scene] : NULL;
}

bool sim_scene_moves(enum sim_scene scene)
{
	return scene != SIM_SCENE_IDLE;
}

int sim_scratch_init(struct sim_scratch *scratch, uint32_t width, uint32_t height)
{
	size_t grains = (size_t)width + GRAIN_SHIFT;

	sim_scratch_finish(scratch);
	scratch->columns = calloc(width, sizeof(*scratch->columns));
	scratch->diagonal = calloc((size_t)width + height, sizeof(*scratch->diagonal));
	scratch->grain = calloc(grains, sizeof(*scratch->grain));
	if (scratch->columns == NULL || scratch->diagonal == NULL || scratch->grain == NULL) {
		sim_scratch_finish(scratch);
		return -ENOMEM;
	}
	for (size_t i = 0; i < grains; i++) {
		uint32_t grain = sim_hash((uint32_t)i) & 0x0f;

		scratch->grain[i] = grain << 16 | grain << 8 | grain;
	}
	return 0;
}

void sim_scratch_finish(struct sim_scratch *scratch)
{
	free(scratch->columns);
	free(scratch->diagonal);
	free(scratch->grain);
	memset(scratch, 0, sizeof(*scratch));
}

void sim_scene_words(char *line, size_t size, uint32_t number)
{
	static const char *const words[] = {
		"the",
		"guest",
		"paints",
		"a",
		"picture",
		"and",
		"nobody",
		"says",
		"where",
		"it",
		"changed",
		"so",
		"every",
		"line",
		"is",
		"looked",
		"at",
		"again",
		"until",
		"tile",
		"after",
		"tile",
		"agrees",
		"with",
		"what",
		"was",
		"seen",
		"before",
		"plane",
		"buffer",
		"stride",
		"cursor",
		"window",
		"of",
		"light",
		"in",
		"blue",
		"green",
	};
	size_t used = 0;
	uint32_t length = 4 + sim_hash(number) % 16;

	line[0] = '\0';
	for (uint32_t i = 0; i < length && used + 1 < size; i++) {
		uint32_t pick = sim_hash(number * 31 + i) % (sizeof(words) / sizeof(words[0]));
		int n = snprintf(line + used, size - used, "%s%s", i > 0 ? " " : "", words[pick]);

		if (n < 0) {
			break;
		}
		used += (size_t)n;
	}
}

/* One line of text, top at y, number counted from the start of the scene. */
static void scroll_line(const struct sim_canvas *canvas, int y, int64_t number)
{
	static const uint32_t inks[] = {0xd8dee9, 0xd8dee9, 0xa3be8c, 0xd8dee9, 0x88c0d0, 0xebcb8b};
	uint32_t pick = sim_hash((uint32_t)number);
	char text[160];
	char label[24];

	sim_fill(canvas, sim_rect_make(0, y, canvas->width, SIM_FONT_HEIGHT), SCROLL_PAPER);
	snprintf(label, sizeof(label), "%7lld", (long long)number);
	sim_text(canvas, 8, y, 1, 0x5b6472, label);
	for (int x = 80, part = 0; x < canvas->width; part++) {
		sim_scene_words(text, sizeof(text), (uint32_t)(number * 7 + part));
		sim_text(canvas, x, y, 1, inks[pick % (sizeof(inks) / sizeof(inks[0]))], text);
		x += ((int)strlen(text) + 1) * SIM_FONT_WIDTH;
	}
}

static void paint_scroll(struct sim_canvas *canvas, const struct sim_scene_job *job)
{
	int64_t move = (job->want - job->have) * SCROLL_STEP;
	int kept = 0;

	if (job->have >= 0 && move >= 0 && move < canvas->height) {
		kept = canvas->height - (int)move;
		for (int y = 0; y < kept; y++) {
			memcpy(sim_canvas_line(canvas, y), sim_canvas_line(canvas, y + (int)move),
				(size_t)canvas->width * sizeof(uint32_t));
		}
	}
	/* The last kept line of text may have been cut by the lower edge. */
	for (int y = kept - kept % SCROLL_STEP; y < canvas->height; y += SCROLL_STEP) {
		scroll_line(canvas, y, job->want + y / SCROLL_STEP);
	}
}

/* Goes from 0 to range and back. */
static int bounce(int64_t distance, int range)
{
	int64_t place;

	if (range <= 0) {
		return 0;
	}
	place = distance % (2 * (int64_t)range);
	return (int)(place <= range ? place : 2 * (int64_t)range - place);
}

static struct sim_rect box_at(const struct sim_canvas *canvas, int64_t frame)
{
	return sim_rect_make(bounce(frame * 8, canvas->width - BOX_SIDE),
		bounce(frame * 3, canvas->height - BOX_SIDE), BOX_SIDE, BOX_SIDE);
}

static void paint_grid(const struct sim_canvas *canvas, struct sim_rect part)
{
	part = sim_rect_intersect(part, canvas->clip);
	sim_fill(canvas, part, 0x20303c);
	for (int x = part.left + 63 - (part.left + 63) % 64; x < part.right; x += 64) {
		sim_fill(canvas, sim_rect_make(x, part.top, 1, part.bottom - part.top), 0x33485a);
	}
	for (int y = part.top + 63 - (part.top + 63) % 64; y < part.bottom; y += 64) {
		sim_fill(canvas, sim_rect_make(part.left, y, part.right - part.left, 1), 0x33485a);
	}
}

static void paint_box(struct sim_canvas *canvas, const struct sim_scene_job *job)
{
	struct sim_rect box = box_at(canvas, job->want);

	paint_grid(canvas, job->have < 0 ? sim_canvas_all(canvas) : box_at(canvas, job->have));
	sim_fill(canvas, box, 0xf0a030);
	sim_frame(canvas, box, 0xffffff);
}

static void paint_noise(struct sim_canvas *canvas, const struct sim_scene_job *job)
{
	/* Four generators side by side; memcpy because a line may start anywhere. */
	uint64_t state __attribute__((vector_size(32)));
	uint64_t pixels __attribute__((vector_size(32)));
	int step = sizeof(state) / sizeof(uint32_t);

	for (unsigned lane = 0; lane < 4; lane++) {
		uint32_t seed = (uint32_t)job->want * 8 + lane * 2;

		state[lane] = (uint64_t)sim_hash(seed) << 32 | sim_hash(seed + 1) | 1;
	}
	for (int y = 0; y < canvas->height; y++) {
		uint32_t *line = sim_canvas_line(canvas, y);

		for (int x = 0; x < canvas->width; x += step) {
			int count = canvas->width - x < step ? canvas->width - x : step;

			state ^= state << 13;
			state ^= state >> 7;
			state ^= state << 17;
			pixels = state & 0x00ffffff00ffffff;
			if (count == step) {
				memcpy(line + x, &pixels, sizeof(pixels));
			} else {
				memcpy(line + x, &pixels, (size_t)count * sizeof(uint32_t));
			}
		}
	}
}

/* Each channel up to 80, so that three waves and the grain never carry into the next channel. */
static uint32_t wave(int64_t red, int64_t green, int64_t blue)
{
	uint32_t r = (uint32_t)(sim_sine(red) + SIM_SINE_ONE) * 80 / (2 * SIM_SINE_ONE);
	uint32_t g = (uint32_t)(sim_sine(green) + SIM_SINE_ONE) * 80 / (2 * SIM_SINE_ONE);
	uint32_t b = (uint32_t)(sim_sine(blue) + SIM_SINE_ONE) * 80 / (2 * SIM_SINE_ONE);

	return r << 16 | g << 8 | b;
}

static void paint_video(
	struct sim_canvas *canvas, struct sim_scratch *scratch, const struct sim_scene_job *job)
{
	struct sim_rect screen = {
		.left = canvas->width / 16,
		.top = canvas->height / 16,
		.right = canvas->width - canvas->width / 16,
		.bottom = canvas->height - canvas->height / 16,
	};
	int64_t time = job->want * 1000 / job->fps;
	int width = screen.right - screen.left;
	int height = screen.bottom - screen.top;

	if (job->have < 0) {
		sim_fill(canvas, sim_canvas_all(canvas), 0x181818);
		sim_frame(canvas,
			sim_rect_make(screen.left - 1, screen.top - 1, width + 2, height + 2),
			0x505050);
	}
	for (int x = 0; x < width; x++) {
		int64_t angle = (int64_t)x * SIM_TURN / width;

		scratch->columns[x] =
			wave(angle + time / 2, angle * 2 - time * 4 / 9, angle + 1200);
	}
	for (int i = 0; i < width + height; i++) {
		int64_t angle = (int64_t)i * SIM_TURN / (width + height);

		scratch->diagonal[i] = wave(angle * 2 - time * 4 / 5, angle + time / 2, angle * 3);
	}
	for (int y = 0; y < height; y++) {
		uint32_t *line = sim_canvas_line(canvas, screen.top + y) + screen.left;
		int64_t angle = (int64_t)y * SIM_TURN / height;
		uint32_t row = wave(angle, angle + time * 2 / 3, angle * 2 - time);
		const uint32_t *diagonal = scratch->diagonal + y;
		const uint32_t *columns = scratch->columns;
		const uint32_t *grain = scratch->grain +
			sim_hash((uint32_t)(job->want * canvas->height + y)) % GRAIN_SHIFT;

		for (int x = 0; x < width; x++) {
			line[x] = columns[x] + diagonal[x] + grain[x] + row;
		}
	}
}

void sim_scene_paint(
	struct sim_canvas *canvas, struct sim_scratch *scratch, const struct sim_scene_job *job)
{
	if (job->have == job->want) {
		return;
	}
	switch (job->scene) {
	case SIM_SCENE_SCROLL:
		paint_scroll(canvas, job);
		break;
	case SIM_SCENE_VIDEO:
		paint_video(canvas, scratch, job);
		break;
	case SIM_SCENE_NOISE:
		paint_noise(canvas, job);
		break;
	case SIM_SCENE_BOX:
		paint_box(canvas, job);
		break;
	case SIM_SCENE_DESKTOP:
	case SIM_SCENE_IDLE:
	case SIM_SCENE_COUNT:
		sim_desktop_paint(canvas, job);
		break;
	}
}
