/* SPDX-License-Identifier: MIT */
/* A hostile EDID file: whatever is accepted is an EDID, with and without its extensions. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/edid_file.h"

#define MUST(condition)                                                         \
	do {                                                                    \
		if (!(condition)) {                                             \
			fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
			abort();                                                \
		}                                                               \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char notice[160], why[160] = "";
	struct edid_facts facts;
	struct edid_blob edid;
	int rc = edid_file_parse(data, size, &edid, notice, sizeof(notice), why, sizeof(why));

	MUST(!strchr(notice, '\n') && !strchr(why, '\n'));
	if (rc < 0) {
		MUST(rc == -EINVAL && why[0]);
		return 0;
	}
	MUST(edid_check(edid.bytes, edid.size, why, sizeof(why)) == 0);
	edid_read_facts(&edid, &facts);
	MUST(strlen(facts.name) < sizeof(facts.name));
	edid_cut(&edid, 128);
	MUST(edid.size == 128 && edid_check(edid.bytes, 128, why, sizeof(why)) == 0);
	return 0;
}
