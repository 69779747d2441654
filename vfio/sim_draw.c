/* SPDX-License-Identifier: MIT */
#include "vfio/sim_draw.h"

#define SHADOW_WIDTH 8

static int min_int(int a, int b)
{
	return a < b ? a : b;
}

static int max_int(int a, int b)
{
	return a > b ? a : b;
}

struct sim_rect sim_rect_make(int x, int y, int width, int height)
{
	struct sim_rect rect = {x, y, x + width, y + height};

	return rect;
}

struct sim_rect sim_rect_intersect(struct sim_rect a, struct sim_rect b)
{
	struct sim_rect rect = {
		.left = max_int(a.left, b.left),
		.top = max_int(a.top, b.top),
		.right = min_int(a.right, b.right),
		.bottom = min_int(a.bottom, b.bottom),
	};

	return rect;
}

struct sim_rect sim_rect_union(struct sim_rect a, struct sim_rect b)
{
	if (sim_rect_empty(a)) {
		return b;
	}
	if (!sim_rect_empty(b)) {
		a.left = min_int(a.left, b.left);
		a.top = min_int(a.top, b.top);
		a.right = max_int(a.right, b.right);
		a.bottom = max_int(a.bottom, b.bottom);
	}
	return a;
}

int sim_rect_empty(struct sim_rect rect)
{
	return rect.left >= rect.right || rect.top >= rect.bottom;
}

void sim_canvas_init(
	struct sim_canvas *canvas, uint32_t *pixels, size_t pitch, int width, int height)
{
	canvas->pixels = pixels;
	canvas->pitch = pitch;
	canvas->width = width;
	canvas->height = height;
	canvas->clip = sim_canvas_all(canvas);
}

struct sim_rect sim_canvas_all(const struct sim_canvas *canvas)
{
	return sim_rect_make(0, 0, canvas->width, canvas->height);
}

uint32_t *sim_canvas_line(const struct sim_canvas *canvas, int y)
{
	return canvas->pixels + (size_t)y * canvas->pitch;
}

void sim_fill(const struct sim_canvas *canvas, struct sim_rect rect, uint32_t color)
{
	rect = sim_rect_intersect(rect, canvas->clip);
	for (int y = rect.top; y < rect.bottom; y++) {
		uint32_t *line = sim_canvas_line(canvas, y);

		for (int x = rect.left; x < rect.right; x++) {
			line[x] = color;
		}
	}
}

uint32_t sim_mix(uint32_t a, uint32_t b, unsigned weight)
{
	uint32_t red_blue = (a & 0xff00ff) * (256 - weight) + (b & 0xff00ff) * weight;
	uint32_t green = (a & 0x00ff00) * (256 - weight) + (b & 0x00ff00) * weight;

	return (red_blue >> 8 & 0xff00ff) | (green >> 8 & 0x00ff00);
}

void sim_blend(
	const struct sim_canvas *canvas, struct sim_rect rect, uint32_t color, unsigned weight)
{
	rect = sim_rect_intersect(rect, canvas->clip);
	for (int y = rect.top; y < rect.bottom; y++) {
		uint32_t *line = sim_canvas_line(canvas, y);

		for (int x = rect.left; x < rect.right; x++) {
			line[x] = sim_mix(line[x], color, weight);
		}
	}
}

void sim_frame(const struct sim_canvas *canvas, struct sim_rect rect, uint32_t color)
{
	int width = rect.right - rect.left;
	int height = rect.bottom - rect.top;

	sim_fill(canvas, sim_rect_make(rect.left, rect.top, width, 1), color);
	sim_fill(canvas, sim_rect_make(rect.left, rect.bottom - 1, width, 1), color);
	sim_fill(canvas, sim_rect_make(rect.left, rect.top, 1, height), color);
	sim_fill(canvas, sim_rect_make(rect.right - 1, rect.top, 1, height), color);
}

/* Each ring outside rect is a little lighter than the one within it. */
void sim_shadow(const struct sim_canvas *canvas, struct sim_rect rect)
{
	for (int i = 1; i <= SHADOW_WIDTH; i++) {
		unsigned weight = 72 * (SHADOW_WIDTH + 1 - i) / (SHADOW_WIDTH + 1);
		int width = rect.right - rect.left + 2 * i;
		int height = rect.bottom - rect.top + 2 * i;
		int x = rect.left - i;
		int y = rect.top - i;

		sim_blend(canvas, sim_rect_make(x, y, width, 1), 0, weight);
		sim_blend(canvas, sim_rect_make(x, y + height - 1, width, 1), 0, weight);
		sim_blend(canvas, sim_rect_make(x, y + 1, 1, height - 2), 0, weight);
		sim_blend(canvas, sim_rect_make(x + width - 1, y + 1, 1, height - 2), 0, weight);
	}
}

static void draw_glyph(const struct sim_canvas *canvas, int x, int y, uint32_t color, char c)
{
	const uint8_t *glyph = sim_font_glyph(c);
	int first = max_int(canvas->clip.top - y, 0);
	int last = min_int(canvas->clip.bottom - y, SIM_FONT_ROWS);

	for (int row = first; row < last; row++) {
		uint32_t *line = sim_canvas_line(canvas, y + row);

		for (int column = 0; column < SIM_FONT_WIDTH; column++) {
			if (glyph[row] & 0x80 >> column && x + column >= canvas->clip.left &&
				x + column < canvas->clip.right) {
				line[x + column] = color;
			}
		}
	}
}

static void draw_large_glyph(
	const struct sim_canvas *canvas, int x, int y, int scale, uint32_t color, char c)
{
	const uint8_t *glyph = sim_font_glyph(c);

	for (int row = 0; row < SIM_FONT_ROWS; row++) {
		for (int column = 0; column < SIM_FONT_WIDTH; column++) {
			if (glyph[row] & 0x80 >> column) {
				sim_fill(canvas,
					sim_rect_make(
						x + column * scale, y + row * scale, scale, scale),
					color);
			}
		}
	}
}

void sim_text(
	const struct sim_canvas *canvas, int x, int y, int scale, uint32_t color, const char *text)
{
	struct sim_rect lines = sim_rect_make(0, y, canvas->width, SIM_FONT_HEIGHT * scale);
	int step = SIM_FONT_WIDTH * scale;

	if (sim_rect_empty(sim_rect_intersect(lines, canvas->clip))) {
		return;
	}
	y += SIM_FONT_TOP * scale;
	for (; *text != '\0' && x < canvas->clip.right; text++, x += step) {
		if (x + step <= canvas->clip.left || *text == ' ') {
			continue;
		}
		if (scale == 1) {
			draw_glyph(canvas, x, y, color, *text);
		} else {
			draw_large_glyph(canvas, x, y, scale, color, *text);
		}
	}
}

/* Two parabolas: no libm, the same on every machine. */
int sim_sine(int64_t angle)
{
	int part = (int)(((angle % SIM_TURN) + SIM_TURN) % SIM_TURN);
	int half = SIM_TURN / 2;
	int x = part % half;
	int value = x * (half - x) * 4 / (half * half / SIM_SINE_ONE);

	return part < half ? value : -value;
}

uint32_t sim_hash(uint32_t value)
{
	value = value * 0x9e3779b1u + 0x3c6ef372u;
	value ^= value >> 15;
	value *= 0xd1b54a33u;
	value ^= value >> 13;
	value *= 0x9e3779b1u;
	return value ^ value >> 16;
}
