/* SPDX-License-Identifier: MIT */
/*
 * The scenes of the simulated guest. A picture depends on its frame number alone, so a buffer that
 * lags by some frames is brought up to date by painting the difference.
 *
 * The caller owns canvas and scratch; one call at a time for each of them.
 */
#ifndef VFIO_SIM_SCENE_H
#define VFIO_SIM_SCENE_H

#include <stdbool.h>
#include <stdint.h>

#include "vfio/sim.h"
#include "vfio/sim_draw.h"

/* Tables for scene video, made for one width. */
struct sim_scratch {
	uint32_t *columns; /* one a pixel of width */
	uint32_t *diagonal; /* one a pixel of width + height */
	uint32_t *grain; /* noise, width + some thousand */
};

struct sim_scene_job {
	enum sim_scene scene;
	unsigned fps; /* turns frame numbers into time */
	int64_t have; /* frame that the canvas holds now, -1: none of this scene */
	int64_t want; /* frame that it shall hold */
};

/* 0 or -ENOMEM. scratch is zeroed or made before; finish takes zeroed memory. */
int sim_scratch_init(struct sim_scratch *scratch, uint32_t width, uint32_t height);
void sim_scratch_finish(struct sim_scratch *scratch);

/* False where every frame looks the same: nobody needs to wake up for it. */
bool sim_scene_moves(enum sim_scene scene);
void sim_scene_paint(
	struct sim_canvas *canvas, struct sim_scratch *scratch, const struct sim_scene_job *job);
/* The desktop, also of scene idle (which stays at frame 0). */
void sim_desktop_paint(struct sim_canvas *canvas, const struct sim_scene_job *job);
/* A line of made-up text for line number; always ends with 0. */
void sim_scene_words(char *line, size_t size, uint32_t number);

#endif
