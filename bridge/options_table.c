/* SPDX-License-Identifier: MIT */
/* The table of options, whose rows stand by subject in options_table_*.c. */
#include "bridge/options_table.h"

#include <string.h>

const struct option_spec *option_at(size_t i)
{
	const struct {
		const struct option_spec *rows;
		size_t count;
	} parts[] = {
		{options_source, options_source_count},
		{options_access, options_access_count},
		{options_guest, options_guest_count},
	};

	for (size_t part = 0; part < sizeof(parts) / sizeof(parts[0]); part++) {
		if (i < parts[part].count) {
			return &parts[part].rows[i];
		}
		i -= parts[part].count;
	}
	return NULL;
}

const struct option_spec *option_find(const char *name)
{
	const struct option_spec *spec;

	for (size_t i = 0; (spec = option_at(i)) && strcmp(spec->name, name) != 0; i++) {
	}
	return spec;
}
