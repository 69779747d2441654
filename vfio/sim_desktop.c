/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "vfio/sim_scene.h"

#define TITLE_HEIGHT 26
#define BAR_HEIGHT 34
#define SHADOW 9 /* how far a window's shadow reaches */
#define LINE_MS 180 /* a new line of text so often */
#define HILLS 3
#define CHUNK 128 /* columns whose hills are worked out at once */

/* What is where; everything follows from the size and the frame. */
struct desktop {
	struct sim_rect text; /* the window with the text */
	struct sim_rect body; /* the text in it */
	struct sim_rect clock;
	struct sim_rect digits;
	struct sim_rect counter;
	struct sim_rect window; /* the one that moves */
	int scale; /* of the digits */
	int64_t seconds;
	int64_t line; /* number of the first line of text that is seen */
	int64_t frame;
	unsigned fps;
};

static struct sim_rect grow(struct sim_rect rect, int by)
{
	return sim_rect_make(rect.left - by, rect.top - by, rect.right - rect.left + 2 * by,
		rect.bottom - rect.top + 2 * by);
}

static void lay_out(
	struct desktop *desktop, const struct sim_canvas *canvas, int64_t frame, unsigned fps)
{
	int width = canvas->width;
	int height = canvas->height;
	int64_t time = frame * 1000 / fps;
	int margin = width / 26;
	int scale = width >= 1700 ? 5 : width >= 1000 ? 4 : width >= 600 ? 2 : 1;
	int clock_width = (scale > 1 ? 8 * scale : 12) * SIM_FONT_WIDTH + 40;
	int clock_height = SIM_FONT_HEIGHT * scale + 46;
	int x, y;

	desktop->frame = frame;
	desktop->fps = fps;
	desktop->scale = scale;
	desktop->seconds = time / 1000;
	desktop->line = time / LINE_MS;
	desktop->text = sim_rect_make(margin, margin, width * 46 / 100, height * 62 / 100);
	desktop->body = sim_rect_make(desktop->text.left + 8, desktop->text.top + TITLE_HEIGHT + 6,
		width * 46 / 100 - 16, height * 62 / 100 - TITLE_HEIGHT - 12);
	desktop->clock =
		sim_rect_make(width - margin - clock_width, margin, clock_width, clock_height);
	desktop->digits = sim_rect_make(desktop->clock.left + 20, desktop->clock.top + 10,
		8 * SIM_FONT_WIDTH * scale, SIM_FONT_HEIGHT * scale);
	desktop->counter = sim_rect_make(desktop->clock.left + 20, desktop->digits.bottom + 4,
		clock_width - 40, SIM_FONT_HEIGHT);
	x = width * 60 / 100 +
		(int)((int64_t)width * 14 / 100 * sim_sine(time * SIM_TURN / 14000) / SIM_SINE_ONE);
	y = height * 58 / 100 +
		(int)((int64_t)height * 15 / 100 * sim_sine(time * SIM_TURN / 9000) / SIM_SINE_ONE);
	desktop->window = sim_rect_make(
		x - width * 12 / 100, y - height * 14 / 100, width * 24 / 100, height * 28 / 100);
}

/* The upper edge of a range of hills at column x, nearer ones lower. */
static int hill_top(const struct sim_canvas *canvas, int range, int x)
{
	static const struct {
		int base, tall, waves, phase;
	} hills[HILLS] = {{66, 9, 2, 320}, {76, 7, 3, 1680}, {87, 6, 2, 2800}};
	int64_t angle = (int64_t)x * SIM_TURN * hills[range].waves / canvas->width;
	int64_t wave = sim_sine(angle + hills[range].phase) * 3 +
		sim_sine(angle * 3 + hills[range].phase * 2);

	return canvas->height * hills[range].base / 100 -
		(int)(canvas->height * hills[range].tall * wave / (400 * SIM_SINE_ONE));
}

static uint32_t sky_color(const struct sim_canvas *canvas, int y)
{
	int horizon = canvas->height * 7 / 10 + 1;
	int part = y < horizon ? y * 256 / horizon : 256;

	return sim_mix(0x1d3461, 0xf2b48c, (unsigned)(part * part / 256));
}

static void paint_background(const struct sim_canvas *canvas)
{
	static const uint32_t ground[HILLS] = {0x5d6d8e, 0x3c5470, 0x223b50};
	struct sim_rect clip = canvas->clip;
	int sun_x = canvas->width * 56 / 100;
	int sun_y = canvas->height * 48 / 100;
	int64_t radius = canvas->height / 12 + 1;
	int top[HILLS][CHUNK];

	for (int left = clip.left; left < clip.right; left += CHUNK) {
		int count = clip.right - left < CHUNK ? clip.right - left : CHUNK;

		for (int range = 0; range < HILLS; range++) {
			for (int i = 0; i < count; i++) {
				top[range][i] = hill_top(canvas, range, left + i);
			}
		}
		for (int y = clip.top; y < clip.bottom; y++) {
			uint32_t *line = sim_canvas_line(canvas, y) + left;
			uint32_t sky = sky_color(canvas, y);
			int64_t rise = (int64_t)(y - sun_y) * (y - sun_y);

			for (int i = 0; i < count; i++) {
				int64_t run = left + i - sun_x;

				if (y >= top[2][i]) {
					line[i] = ground[2];
				} else if (y >= top[1][i]) {
					line[i] = ground[1];
				} else if (y >= top[0][i]) {
					line[i] = ground[0];
				} else if (run * run + rise < radius * radius) {
					line[i] = 0xffe3b0;
				} else {
					line[i] = sky;
				}
			}
		}
	}
}

static void paint_bar(const struct sim_canvas *canvas)
{
	int y = canvas->height - BAR_HEIGHT;

	sim_blend(canvas, sim_rect_make(0, y, canvas->width, BAR_HEIGHT), 0x0c1118, 200);
	sim_fill(canvas, sim_rect_make(10, y + 9, 16, 16), 0xf0a030);
	sim_fill(canvas, sim_rect_make(14, y + 13, 8, 8), 0x0c1118);
	sim_text(canvas, 36, y + 9, 1, 0xe8ecf2, "vgpu-bridge, simulated guest");
}

static void paint_window(struct sim_canvas *canvas, struct sim_rect rect, uint32_t title,
	uint32_t paper, const char *name)
{
	static const uint32_t buttons[] = {0xd06060, 0xd0b060, 0x70b070};
	struct sim_rect clip = canvas->clip;
	int width = rect.right - rect.left;

	sim_shadow(canvas, rect);
	/* In a small picture the title is longer than its window. */
	canvas->clip = sim_rect_intersect(clip, rect);
	sim_fill(canvas, rect, paper);
	sim_fill(canvas, sim_rect_make(rect.left, rect.top, width, TITLE_HEIGHT), title);
	for (int i = 0; i < 3; i++) {
		sim_fill(canvas, sim_rect_make(rect.right - 20 - 18 * i, rect.top + 8, 10, 10),
			buttons[i]);
	}
	sim_text(canvas, rect.left + 10, rect.top + 5, 1, 0xffffff, name);
	sim_frame(canvas, rect, 0x10161e);
	canvas->clip = clip;
}

static void paint_text(struct sim_canvas *canvas, const struct desktop *desktop)
{
	struct sim_rect clip = canvas->clip;
	int lines = (desktop->body.bottom - desktop->body.top) / SIM_FONT_HEIGHT;
	char words[128];
	char label[24];

	paint_window(canvas, desktop->text, 0x3b5b86, 0xf4f1ea, "A text that scrolls");
	canvas->clip = sim_rect_intersect(clip, desktop->body);
	for (int i = 0; i < lines; i++) {
		int64_t number = desktop->line + i;
		int y = desktop->body.top + i * SIM_FONT_HEIGHT;

		snprintf(label, sizeof(label), "%5lld", (long long)number);
		sim_scene_words(words, sizeof(words), (uint32_t)number);
		sim_text(canvas, desktop->body.left, y, 1, 0xa09a90, label);
		sim_text(canvas, desktop->body.left + 56, y, 1,
			number % 8 == 0 ? 0xa03c30 : 0x2a2e35, words);
	}
	canvas->clip = clip;
}

static void paint_clock(struct sim_canvas *canvas, const struct desktop *desktop)
{
	struct sim_rect clip = canvas->clip;
	long long seconds = desktop->seconds;
	char text[64];

	sim_shadow(canvas, desktop->clock);
	sim_fill(canvas, desktop->clock, 0x141a24);
	sim_frame(canvas, desktop->clock, 0x46566e);
	snprintf(text, sizeof(text), "%02lld:%02lld:%02lld", seconds / 3600 % 100,
		seconds / 60 % 60, seconds % 60);
	sim_text(canvas, desktop->digits.left, desktop->digits.top, desktop->scale, 0x8fe0c0, text);
	canvas->clip = sim_rect_intersect(clip, desktop->counter);
	snprintf(text, sizeof(text), "frame %lld", (long long)desktop->frame);
	sim_text(canvas, desktop->counter.left, desktop->counter.top, 1, 0x8a96a8, text);
	canvas->clip = clip;
}

static void paint_moving(struct sim_canvas *canvas, const struct desktop *desktop)
{
	static const uint32_t bars[] = {
		0xffffff, 0xf0e040, 0x40d0e0, 0x40c050, 0xd050c0, 0xd04040, 0x4050d0, 0x202020};
	int count = sizeof(bars) / sizeof(bars[0]);
	struct sim_rect clip = canvas->clip;
	struct sim_rect rect = desktop->window;
	int width = rect.right - rect.left - 24;
	int top = rect.top + TITLE_HEIGHT + 10;
	int height = rect.bottom - top - 12;

	paint_window(canvas, rect, 0x6a4a7e, 0xe6e2ec, "A window that moves");
	canvas->clip = sim_rect_intersect(clip, rect);
	for (int i = 0; i < count; i++) {
		int x = width * i / count;

		sim_fill(canvas,
			sim_rect_make(rect.left + 12 + x, top, width * (i + 1) / count - x, height),
			bars[i]);
	}
	canvas->clip = clip;
}

static void paint_all(
	struct sim_canvas *canvas, struct sim_rect part, const struct desktop *desktop)
{
	struct sim_rect all = canvas->clip;

	canvas->clip = sim_rect_intersect(all, part);
	if (!sim_rect_empty(canvas->clip)) {
		paint_background(canvas);
		paint_bar(canvas);
		paint_text(canvas, desktop);
		paint_clock(canvas, desktop);
		paint_moving(canvas, desktop);
	}
	canvas->clip = all;
}

void sim_desktop_paint(struct sim_canvas *canvas, const struct sim_scene_job *job)
{
	bool idle = job->scene == SIM_SCENE_IDLE;
	struct desktop now, then;

	lay_out(&now, canvas, idle ? 0 : job->want, job->fps);
	if (job->have < 0) {
		paint_all(canvas, sim_canvas_all(canvas), &now);
		return;
	}
	if (idle || job->have == job->want) {
		return;
	}
	lay_out(&then, canvas, job->have, job->fps);
	paint_all(canvas, grow(sim_rect_union(then.window, now.window), SHADOW), &now);
	paint_all(canvas, now.counter, &now);
	if (then.seconds != now.seconds) {
		paint_all(canvas, now.digits, &now);
	}
	if (then.line != now.line) {
		paint_all(canvas, now.body, &now);
	}
}
