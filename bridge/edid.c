/* SPDX-License-Identifier: MIT */
#include "bridge/edid.h"

#include <errno.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define MIN(a, b) ((a) < (b) ? (a) : (b))

#define CELL 8 /* pixels */

/* CVT 1.2, reduced blanking version 1. */
#define FRONT_PIXELS 48
#define SYNC_PIXELS 32
#define BLANK_PIXELS 160
#define FRONT_LINES 3
#define MIN_BACK_LINES 7
#define MIN_BLANK_US 460
#define CLOCK_STEP 25 /* 10 kHz */

#define LEAST_MM 100
#define MOST_MM 2540 /* the block also says it in cm, with 8 bits */

#define MAX_CLOCK 0xffff /* 10 kHz: the field has 16 bits */
/* i915 refuses slower modes on HDMI (25 MHz) and DisplayPort (10 MHz). */
#define MIN_CLOCK 2520

/* Offsets in the block, and values there. */
#define BLOCK_VENDOR 8
#define BLOCK_PRODUCT 10
#define BLOCK_SERIAL 12
#define BLOCK_WEEK 16
#define BLOCK_YEAR 17
#define BLOCK_VERSION 18
#define BLOCK_REVISION 19
#define BLOCK_INPUT 20
#define BLOCK_SIZE_CM 21
#define BLOCK_GAMMA 23
#define BLOCK_FEATURES 24
#define BLOCK_COLOURS 25
#define BLOCK_ESTABLISHED 35
#define BLOCK_STANDARD 38
#define BLOCK_DESCRIPTORS 54
#define BLOCK_SUM 127
#define DESCRIPTOR_SIZE 18
#define DESCRIPTOR_TEXT 13
#define STANDARD_TIMINGS 8

#define MODEL_YEAR 2025
#define YEAR_ZERO 1990
#define WEEK_IS_MODEL_YEAR 0xff
#define INPUT_DIGITAL_8_BITS_DP 0xa5
#define GAMMA_2_2 120
/* sRGB, and the first detailed timing is the native one. */
#define FEATURES 0x06
#define SYNC_DIGITAL_H_POSITIVE 0x1a
#define TAG_NAME 0xfc
#define TAG_RANGES 0xfd
#define TAG_DUMMY 0x10
#define RANGES_ONLY 0x01 /* no formula for timings */

/* Three letters, 5 bits each. VGB is not in the registry of PNP ids. */
#define VENDOR(a, b, c) (((a) - '@') << 10 | ((b) - '@') << 5 | ((c) - '@'))

struct measures {
	uint32_t width, height; /* mm */
};

void edid_round(uint32_t *width, uint32_t *height)
{
	*width = MAX(*width / CELL * CELL, EDID_LEAST_WIDTH);
	*height = MAX(*height / 2 * 2, EDID_LEAST_HEIGHT);
}

bool edid_limit(uint32_t max_width, uint32_t max_height, uint32_t *width, uint32_t *height)
{
	uint64_t w = MAX(*width, 1), h = MAX(*height, 1), wide, high;

	/* A device that allows less than the sample devices' least is not believed. */
	max_width = max_width < EDID_MIN_SIDE ? EDID_MAX_SIDE : MIN(max_width, EDID_MAX_SIDE);
	max_height = max_height < EDID_MIN_SIDE ? EDID_MAX_SIDE : MIN(max_height, EDID_MAX_SIDE);
	if (w <= max_width && h <= max_height) {
		return false;
	}
	/* As wide as allowed, or as high as allowed, whichever is the smaller. */
	if (max_width * h <= max_height * w) {
		wide = max_width;
		high = (h * max_width + w / 2) / w;
	} else {
		wide = (w * max_height + h / 2) / h;
		high = max_height;
	}
	*width = (uint32_t)wide;
	*height = (uint32_t)high;
	edid_round(width, height);
	/* The least may be more than the device allows. */
	*width = MIN(*width, max_width);
	*height = MIN(*height, max_height);
	return true;
}

/* CVT tells the shape of the picture by the length of the sync pulse. */
static uint32_t sync_lines(uint32_t width, uint32_t height)
{
	static const struct {
		uint32_t x, y, lines;
	} shapes[] = {{4, 3, 4}, {16, 9, 5}, {16, 10, 6}, {5, 4, 7}, {15, 9, 7}};

	for (size_t i = 0; i < COUNT(shapes); i++) {
		if (height * shapes[i].x == width * shapes[i].y) {
			return shapes[i].lines;
		}
	}
	return 10;
}

int edid_timing_make(struct edid_timing *timing, uint32_t width, uint32_t height)
{
	/* What is too large for the clock's field at one rate fits at a slower one. */
	static const unsigned rates[] = {60, 50, 30, 24};
	uint64_t hz = 0, clock = 0;

	if (width < EDID_MIN_SIDE || height < EDID_MIN_SIDE || width > EDID_MAX_SIDE ||
		height > EDID_MAX_SIDE) {
		return -ERANGE;
	}
	*timing = (struct edid_timing){
		.width = width,
		.height = height,
		.width_total = width + BLANK_PIXELS,
		.sync_lines = sync_lines(width, height),
	};
	for (size_t i = 0; i < COUNT(rates); i++) {
		uint32_t blank =
			MIN_BLANK_US * rates[i] * height / (1000000 - MIN_BLANK_US * rates[i]) + 1;

		blank = MAX(blank, FRONT_LINES + timing->sync_lines + MIN_BACK_LINES);
		timing->height_total = height + blank;
		timing->rate = rates[i];
		hz = (uint64_t)rates[i] * timing->width_total * timing->height_total;
		clock = hz / 10000 / CLOCK_STEP * CLOCK_STEP;
		if (clock <= MAX_CLOCK) {
			break;
		}
	}
	if (clock < MIN_CLOCK) {
		/* More lines of blanking make the clock faster and the picture no larger. */
		uint64_t line_hz = (uint64_t)timing->rate * timing->width_total;

		timing->height_total =
			(uint32_t)((MIN_CLOCK * UINT64_C(10000) + line_hz - 1) / line_hz);
		clock = MIN_CLOCK;
	}
	timing->clock = (uint32_t)clock;
	return 0;
}

static uint32_t millimetres(uint32_t pixels)
{
	return (pixels * 254 + EDID_DPI * 5) / (EDID_DPI * 10);
}

/*
 * Pixels of 1/96 inch, so that guests do not scale. A monitor below 10 cm passes for a broken one, so
 * the pixels of small ones are larger.
 */
static void measure(struct measures *mm, uint32_t width, uint32_t height)
{
	uint32_t least, most, factor;

	mm->width = millimetres(width);
	mm->height = millimetres(height);
	least = MIN(mm->width, mm->height);
	most = MAX(mm->width, mm->height);
	factor = MIN((LEAST_MM + least - 1) / least, MOST_MM / most);
	mm->width = MAX(mm->width * factor, LEAST_MM);
	mm->height = MAX(mm->height * factor, LEAST_MM);
}

static void put_timing(uint8_t *d, const struct edid_timing *t, const struct measures *mm)
{
	uint32_t blank_pixels = t->width_total - t->width;
	uint32_t blank_lines = t->height_total - t->height;

	d[0] = t->clock & 0xff;
	d[1] = (uint8_t)(t->clock >> 8);
	d[2] = t->width & 0xff;
	d[3] = blank_pixels & 0xff;
	d[4] = (uint8_t)(t->width >> 8 << 4 | blank_pixels >> 8);
	d[5] = t->height & 0xff;
	d[6] = blank_lines & 0xff;
	d[7] = (uint8_t)(t->height >> 8 << 4 | blank_lines >> 8);
	/* Porches and pulses are all short enough for the low bits: d[11] is for the high ones. */
	d[8] = FRONT_PIXELS;
	d[9] = SYNC_PIXELS;
	d[10] = (uint8_t)(FRONT_LINES << 4 | t->sync_lines);
	d[12] = mm->width & 0xff;
	d[13] = mm->height & 0xff;
	d[14] = (uint8_t)(mm->width >> 8 << 4 | mm->height >> 8);
	d[17] = SYNC_DIGITAL_H_POSITIVE;
}

static void put_text(uint8_t *d, uint8_t tag, const char *text)
{
	size_t length = strlen(text);

	d[3] = tag;
	memset(d + 5, ' ', DESCRIPTOR_TEXT);
	memcpy(d + 5, text, length);
	if (length < DESCRIPTOR_TEXT) {
		d[5 + length] = '\n';
	}
}

/* What all timings that the block names lie in. The common ones end at 155 MHz and 76 kHz. */
static void put_ranges(uint8_t *d, const struct edid_timing *t)
{
	uint32_t line_khz = t->clock * 10 / t->width_total;
	uint32_t mhz = (t->clock + 99) / 100;

	d[3] = TAG_RANGES;
	d[5] = (uint8_t)MIN(t->rate - 1, 50);
	d[6] = 76;
	d[7] = (uint8_t)MIN(line_khz, 30);
	d[8] = (uint8_t)MIN(MAX(line_khz + 1, 81), 255);
	d[9] = (uint8_t)MAX((mhz + 9) / 10, 20);
	d[10] = RANGES_ONLY;
	d[11] = '\n';
	memset(d + 12, ' ', 6);
}

/* CIE coordinates of sRGB's primaries and white, 10 bits each: red, green, blue, white. */
static void put_colours(uint8_t *bytes)
{
	static const uint16_t xy[] = {655, 338, 307, 614, 154, 61, 320, 337};

	for (size_t i = 0; i < COUNT(xy); i++) {
		bytes[i / 4] |= (uint8_t)((xy[i] & 3) << (6 - i % 4 * 2));
		bytes[2 + i] = (uint8_t)(xy[i] >> 2);
	}
}

/* The sizes that firmware, installers and people look for. */
static void put_common(uint8_t *block, uint32_t width, uint32_t height)
{
	/* Shape: 0 is 16:10, 1 is 4:3, 2 is 5:4, 3 is 16:9. */
	static const struct {
		uint16_t width, height;
		uint8_t shape;
	} standard[STANDARD_TIMINGS] = {
		{1920, 1200, 0},
		{1920, 1080, 3},
		{1680, 1050, 0},
		{1600, 900, 3},
		{1440, 900, 0},
		{1280, 1024, 2},
		{1280, 800, 0},
		{1280, 720, 3},
	};
	uint8_t *bytes = block + BLOCK_STANDARD;

	if (width >= 640 && height >= 480) {
		block[BLOCK_ESTABLISHED] |= 0x20;
	}
	if (width >= 800 && height >= 600) {
		block[BLOCK_ESTABLISHED] |= 0x01;
	}
	if (width >= 1024 && height >= 768) {
		block[BLOCK_ESTABLISHED + 1] |= 0x08;
	}
	memset(bytes, 1, STANDARD_TIMINGS * 2); /* unused */
	for (size_t i = 0; i < COUNT(standard); i++) {
		if (standard[i].width <= width && standard[i].height <= height &&
			(standard[i].width != width || standard[i].height != height)) {
			*bytes++ = (uint8_t)(standard[i].width / CELL - 31);
			*bytes++ = (uint8_t)(standard[i].shape << 6); /* 60 Hz */
		}
	}
}

/* Guests remember settings by this, so each size is a monitor of its own. */
static void put_identity(uint8_t *block, uint32_t width, uint32_t height)
{
	uint16_t vendor = VENDOR('V', 'G', 'B');

	block[BLOCK_VENDOR] = (uint8_t)(vendor >> 8);
	block[BLOCK_VENDOR + 1] = vendor & 0xff;
	block[BLOCK_PRODUCT] = 1;
	block[BLOCK_SERIAL] = height & 0xff;
	block[BLOCK_SERIAL + 1] = (uint8_t)(height >> 8);
	block[BLOCK_SERIAL + 2] = width & 0xff;
	block[BLOCK_SERIAL + 3] = (uint8_t)(width >> 8);
	block[BLOCK_WEEK] = WEEK_IS_MODEL_YEAR;
	block[BLOCK_YEAR] = MODEL_YEAR - YEAR_ZERO;
	block[BLOCK_VERSION] = 1;
	block[BLOCK_REVISION] = 4;
}

int edid_make(uint8_t block[EDID_SIZE], uint32_t width, uint32_t height)
{
	static const uint8_t header[] = {0, 255, 255, 255, 255, 255, 255, 0};
	uint8_t *descriptor = block + BLOCK_DESCRIPTORS;
	struct edid_timing timing;
	struct measures mm;
	uint8_t sum = 0;
	int rc = edid_timing_make(&timing, width, height);

	if (rc < 0) {
		return rc;
	}
	memset(block, 0, EDID_SIZE);
	memcpy(block, header, sizeof(header));
	put_identity(block, width, height);
	block[BLOCK_INPUT] = INPUT_DIGITAL_8_BITS_DP;
	measure(&mm, width, height);
	block[BLOCK_SIZE_CM] = (uint8_t)((mm.width + 5) / 10);
	block[BLOCK_SIZE_CM + 1] = (uint8_t)((mm.height + 5) / 10);
	block[BLOCK_GAMMA] = GAMMA_2_2;
	block[BLOCK_FEATURES] = FEATURES;
	put_colours(block + BLOCK_COLOURS);
	put_common(block, width, height);

	put_timing(descriptor, &timing, &mm);
	put_ranges(descriptor + DESCRIPTOR_SIZE, &timing);
	put_text(descriptor + 2 * DESCRIPTOR_SIZE, TAG_NAME, "vgpu-bridge");
	descriptor[3 * DESCRIPTOR_SIZE + 3] = TAG_DUMMY;

	for (size_t i = 0; i < BLOCK_SUM; i++) {
		sum += block[i];
	}
	block[BLOCK_SUM] = (uint8_t)-sum;
	return 0;
}
