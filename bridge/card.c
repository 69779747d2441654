/* SPDX-License-Identifier: MIT */
#include "bridge/card.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vfio/sim_draw.h"

#define BACKGROUND 0x1d2733
#define RULE 0x4a90b8
#define INK 0xe6edf3
#define FAINT 0x8294a6

#define TITLE "vgpu-bridge"
#define MAX_LINES 24
#define MAX_COLUMNS 120
#define MAX_SCALE 3
#define DIMMED 112 /* of 256: how much of the background is mixed into a picture */

/* Lines of the sentence, each columns characters at most; a word that is longer is cut up. */
static int wrap(const char *sentence, int columns, char lines[MAX_LINES][MAX_COLUMNS + 1])
{
	int count = 0;

	while (*sentence && count < MAX_LINES) {
		while (*sentence == ' ') {
			sentence++;
		}
		size_t length = strlen(sentence);

		if (length > (size_t)columns) {
			length = columns;
			while (length > 0 && sentence[length] != ' ') {
				length--;
			}
			if (length == 0) {
				length = columns;
			}
		}
		memcpy(lines[count], sentence, length);
		lines[count][length] = '\0';
		count += length > 0;
		sentence += length;
	}
	if (count > 0) {
		lines[0][0] = (char)toupper((unsigned char)lines[0][0]);
	}
	return count;
}

static int columns_at(int width, int scale)
{
	int columns = (width - 4 * SIM_FONT_WIDTH * scale) / (SIM_FONT_WIDTH * scale);

	return columns < 4 ? 4 : columns > MAX_COLUMNS ? MAX_COLUMNS : columns;
}

/* A scale at which a screen line still holds some sixty characters, if there is one. */
static int choose_scale(uint32_t width)
{
	for (int scale = MAX_SCALE; scale > 1; scale--) {
		if (columns_at((int)width, scale) >= 56) {
			return scale;
		}
	}
	return 1;
}

uint32_t *card_draw(uint32_t width, uint32_t height, const char *sentence)
{
	uint32_t *pixels = malloc((size_t)width * height * sizeof(*pixels));

	if (!pixels) {
		return NULL;
	}
	char lines[MAX_LINES][MAX_COLUMNS + 1];
	int scale = choose_scale(width);
	int count = wrap(sentence, columns_at((int)width, scale), lines);
	int cell_width = SIM_FONT_WIDTH * scale, cell_height = SIM_FONT_HEIGHT * scale;
	int y = ((int)height - (count + 2) * cell_height) / 2;
	struct sim_canvas canvas;

	sim_canvas_init(&canvas, pixels, width, (int)width, (int)height);
	sim_fill(&canvas, sim_canvas_all(&canvas), BACKGROUND);
	sim_text(&canvas, ((int)width - (int)strlen(TITLE) * cell_width) / 2, y, scale, FAINT,
		TITLE);
	y += cell_height + cell_height / 2;
	sim_fill(&canvas, sim_rect_make((int)width / 3, y - cell_height / 4, (int)width / 3, scale),
		RULE);
	for (int i = 0; i < count; i++) {
		int x = ((int)width - (int)strlen(lines[i]) * cell_width) / 2;

		sim_text(&canvas, x, y + i * cell_height, scale, INK, lines[i]);
	}
	return pixels;
}

void card_mark(uint32_t *pixels, uint32_t width, uint32_t height, const char *sentence)
{
	char lines[MAX_LINES][MAX_COLUMNS + 1];
	int scale = choose_scale(width);
	int count = wrap(sentence, columns_at((int)width, scale), lines);
	int cell_width = SIM_FONT_WIDTH * scale, cell_height = SIM_FONT_HEIGHT * scale;
	int strip = (count + 1) * cell_height;
	int y = ((int)height - strip) / 2;
	struct sim_canvas canvas;

	sim_canvas_init(&canvas, pixels, width, (int)width, (int)height);
	sim_blend(&canvas, sim_canvas_all(&canvas), BACKGROUND, DIMMED);
	sim_fill(&canvas, sim_rect_make(0, y, (int)width, strip), BACKGROUND);
	sim_fill(&canvas, sim_rect_make(0, y, (int)width, scale), RULE);
	sim_fill(&canvas, sim_rect_make(0, y + strip - scale, (int)width, scale), RULE);
	for (int i = 0; i < count; i++) {
		int x = ((int)width - (int)strlen(lines[i]) * cell_width) / 2;

		sim_text(&canvas, x, y + cell_height / 2 + i * cell_height, scale, INK, lines[i]);
	}
}
