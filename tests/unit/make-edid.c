/* SPDX-License-Identifier: MIT */
/* make-edid WIDTH HEIGHT...: writes the blocks of these sizes to standard output, one after the other. */
#include <stdio.h>
#include <stdlib.h>

#include "bridge/edid.h"

int main(int argc, char **argv)
{
	uint8_t block[EDID_SIZE];

	for (int i = 1; i + 1 < argc; i += 2) {
		if (edid_make(block, (uint32_t)atoi(argv[i]), (uint32_t)atoi(argv[i + 1])) < 0) {
			fprintf(stderr, "make-edid: %sx%s can't be made\n", argv[i], argv[i + 1]);
			return 1;
		}
		fwrite(block, 1, sizeof(block), stdout);
	}
	return 0;
}
