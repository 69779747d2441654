/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "vfio/sim_impl.h"

#define ARROW_HEIGHT 19
#define SHADOW_SHIFT 3 /* pixels to the right and down */
#define TURN_MS 60000 /* once along the path */

/* # is the outline, o the inside. */
static const char *const arrow[ARROW_HEIGHT] = {
	"#",
	"##",
	"#o#",
	"#oo#",
	"#ooo#",
	"#oooo#",
	"#ooooo#",
	"#oooooo#",
	"#ooooooo#",
	"#oooooooo#",
	"#ooooooooo#",
	"#oooooo#####",
	"#ooo#oo#",
	"#oo# #oo#",
	"#o#  #oo#",
	"##    #oo#",
	"#     #oo#",
	"       #oo#",
	"       ###",
};

/* ' ' outside the arrow. x, y count from its tip. */
static char arrow_at(int x, int y)
{
	if (x < 0 || y < 0 || y >= ARROW_HEIGHT || (size_t)x >= strlen(arrow[y])) {
		return ' ';
	}
	return arrow[y][x];
}

static uint32_t arrow_pixel(int x, int y)
{
	uint32_t covered = 0;

	x -= SIM_CURSOR_HOT;
	y -= SIM_CURSOR_HOT;
	switch (arrow_at(x, y)) {
	case '#':
		return 0xff000000;
	case 'o':
		return 0xffffffff;
	default:
		break;
	}
	for (int dy = -1; dy <= 1; dy++) {
		for (int dx = -1; dx <= 1; dx++) {
			covered += arrow_at(x + dx - SHADOW_SHIFT, y + dy - SHADOW_SHIFT) != ' ';
		}
	}
	/* Black that lets through: premultiplied, so the colour is 0. */
	return covered * 14 << 24;
}

static uint32_t checker_pixel(int x, int y)
{
	if ((x / 8 + y / 8) % 2 != 0) {
		return 0;
	}
	return y < SIM_CURSOR_SIDE / 2 ? 0xffff2020 : 0xff2060ff;
}

/* From clear on the left to solid on the right, in orange, premultiplied. */
static uint32_t half_pixel(int x, int y)
{
	uint32_t alpha = (uint32_t)x * 255 / (SIM_CURSOR_SIDE - 1);

	return alpha << 24 | alpha << 16 | (alpha * 128 / 255) << 8 | (y % 16 == 0 ? alpha : 0);
}

int sim_cursor_draw(struct sim *sim, const char *shape)
{
	static const struct {
		const char *name;
		uint32_t (*pixel)(int x, int y);
	} shapes[] = {{"arrow", arrow_pixel}, {"checker", checker_pixel}, {"half", half_pixel}};
	uint32_t *pixels = (uint32_t *)(void *)sim->cursor_buffer->map;

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		if (strcmp(shapes[i].name, shape) != 0) {
			continue;
		}
		for (int y = 0; y < SIM_CURSOR_SIDE; y++) {
			for (int x = 0; x < SIM_CURSOR_SIDE; x++) {
				pixels[y * SIM_CURSOR_SIDE + x] = shapes[i].pixel(x, y);
			}
		}
		return 0;
	}
	return -EINVAL;
}

void sim_cursor_follow(struct sim *sim, int64_t frame)
{
	const struct sim_mode *mode = &sim->front->mode;
	int64_t angle = frame * 1000 / sim->fps * SIM_TURN / TURN_MS;
	int64_t width = mode->width, height = mode->height;

	if (!sim->cursor.present || !sim->cursor.path || sim->scene != SIM_SCENE_DESKTOP) {
		return;
	}
	sim->cursor.x = (int32_t)(width / 2 + width * 2 / 5 * sim_sine(angle * 2) / SIM_SINE_ONE) -
		SIM_CURSOR_HOT;
	sim->cursor.y =
		(int32_t)(height / 2 +
			height * 2 / 5 * sim_sine(angle * 3 + SIM_TURN / 4) / SIM_SINE_ONE) -
		SIM_CURSOR_HOT;
}

int sim_cursor_init(struct sim *sim, char *why, size_t why_size)
{
	struct sim_mode mode = {
		.width = SIM_CURSOR_SIDE,
		.height = SIM_CURSOR_SIDE,
		.format = sim_format_by_name("AR24"),
	};
	struct sim_buffer *buffer;
	int memory = sim->memory;
	bool outside = sim->outside;
	int rc;

	rc = sim_mode_complete(&mode, why, why_size);
	if (rc < 0) {
		return rc;
	}
	/* The cursor has memory of its own, whoever paints the primary plane. */
	sim->memory = -1;
	sim->outside = false;
	rc = sim_buffer_make(sim, &mode, &buffer, why, why_size);
	sim->memory = memory;
	sim->outside = outside;
	if (rc < 0) {
		return rc;
	}
	pthread_mutex_lock(&sim->paint);
	sim->cursor_buffer = buffer;
	sim_cursor_draw(sim, "arrow");
	pthread_mutex_lock(&sim->lock);
	sim_buffer_publish(sim, buffer);
	sim->cursor = (struct sim_cursor){
		.present = true,
		.visible = true,
		.path = true,
		.hot_known = true,
		.hot_x = SIM_CURSOR_HOT,
		.hot_y = SIM_CURSOR_HOT,
		.x = (int32_t)sim->front->mode.width / 2,
		.y = (int32_t)sim->front->mode.height / 2,
	};
	sim_cursor_follow(sim, sim->frame);
	pthread_mutex_unlock(&sim->lock);
	pthread_mutex_unlock(&sim->paint);
	return 0;
}
