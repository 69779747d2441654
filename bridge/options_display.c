/* SPDX-License-Identifier: MIT */
/* Setters of what the guest's display is like. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bridge/edid.h"
#include "bridge/options_table.h"
#include "bridge/options_values.h"

int set_mode(struct options *options, const char *value, char *why, size_t why_size)
{
	const char *cross = strchr(value, 'x');
	unsigned long width = 0, height = 0;
	char first[16] = "";

	if (cross && (size_t)(cross - value) < sizeof(first)) {
		memcpy(first, value, (size_t)(cross - value));
	}
	if (!cross || !parse_unsigned(first, EDID_MAX_SIDE, &width) ||
		!parse_unsigned(cross + 1, EDID_MAX_SIDE, &height) || width < EDID_MIN_SIDE ||
		height < EDID_MIN_SIDE) {
		return refuse(why, why_size,
			"'%s' is not a size from %dx%d to %dx%d, such as 1920x1080", value,
			EDID_MIN_SIDE, EDID_MIN_SIDE, EDID_MAX_SIDE, EDID_MAX_SIDE);
	}
	options->size.width = (uint32_t)width;
	options->size.height = (uint32_t)height;
	return 0;
}

int set_fixed_mode(struct options *options, const char *value, char *why, size_t why_size)
{
	return set_flag(&options->size.fixed, value, why, why_size);
}
