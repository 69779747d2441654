/* SPDX-License-Identifier: MIT */
/*
 * A small drawn picture with a sentence, shown whenever there is no picture of the guest.
 *
 * No state, any thread.
 */
#ifndef BRIDGE_CARD_H
#define BRIDGE_CARD_H

#include <stdint.h>

/* Before the guest has ever set a mode, pixels. */
#define CARD_DEFAULT_WIDTH 1024
#define CARD_DEFAULT_HEIGHT 768

/*
 * XRGB8888 with X = 0, width*4 stride, for free(); NULL without memory. The sentence is wrapped, and
 * scaled to what fits.
 */
uint32_t *card_draw(uint32_t width, uint32_t height, const char *sentence);

/* Marks a picture as one that stands still: dims it, and puts a strip with the sentence across it. */
void card_mark(uint32_t *pixels, uint32_t width, uint32_t height, const char *sentence);

#endif
