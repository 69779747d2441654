/* SPDX-License-Identifier: MIT */
/*
 * Writes a picture as a PNG file: whole, or not at all.
 *
 * Blocks; for programs that do nothing else.
 */
#ifndef BRIDGE_PNG_FILE_H
#define BRIDGE_PNG_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct png_picture {
	const uint32_t *pixels; /* XRGB8888, width x height, no padding; X means nothing */
	uint32_t width, height; /* pixels */
	const char *title, *source; /* texts in the file, UTF-8; NULL: none */
	time_t time; /* when it was taken */
};

/*
 * To path; "-" is standard output. A file appears when it is complete, in the place of an older one; what
 * is no file (a pipe, a device) is written to. 0, or -errno with one line in why.
 */
int png_file_write(const char *path, const struct png_picture *picture, char *why, size_t why_size);

#endif
