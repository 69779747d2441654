/* SPDX-License-Identifier: MIT */
/*
 * Makes EDIDs: what a monitor tells of itself, for a display of any size that we want a guest to have.
 *
 * Pure functions of their arguments, any thread. Sources: VESA E-EDID 1.4 (base block only, which is
 * what GVT-g takes) and VESA CVT 1.2, reduced blanking version 1.
 */
#ifndef BRIDGE_EDID_H
#define BRIDGE_EDID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EDID_SIZE 128 /* bytes */

/* What a detailed timing can say: 12 bits a side. The least is that of the sample devices. */
#define EDID_MIN_SIDE 64
#define EDID_MAX_SIDE 4095

/* A window smaller than this shows a shrunk picture; desktops are of no use below. */
#define EDID_LEAST_WIDTH 320
#define EDID_LEAST_HEIGHT 200

/* 25.4 mm are an inch. */
#define EDID_DPI 96

struct edid_timing {
	uint32_t width, height; /* pixels */
	uint32_t width_total, height_total; /* with the blanking */
	uint32_t sync_lines;
	uint32_t clock; /* of pixels, 10 kHz */
	unsigned rate; /* pictures a second, nominal */
};

/*
 * The size that a window of this size should get: whole character cells of 8 pixels across (CVT's
 * grain; Linux and Windows guests round to it on their own), an even number of lines (video coders
 * halve them), never more than the window has, but no less than EDID_LEAST_*.
 */
void edid_round(uint32_t *width, uint32_t *height);

/*
 * Makes a size fit into max_width x max_height (0: no limit) and into EDID_MAX_SIDE, the aspect kept
 * and rounded as above. True if it had to change.
 */
bool edid_limit(uint32_t max_width, uint32_t max_height, uint32_t *width, uint32_t *height);

/* -ERANGE for a side outside EDID_MIN_SIDE..EDID_MAX_SIDE. */
int edid_timing_make(struct edid_timing *timing, uint32_t width, uint32_t height);

/*
 * Fills the block for a monitor that prefers this size, and offers of the common sizes those that are
 * no larger. Returns as edid_timing_make().
 */
int edid_make(uint8_t block[EDID_SIZE], uint32_t width, uint32_t height);

#endif
