/* SPDX-License-Identifier: MIT */
/*
 * Reads a monitor's EDID from a file as people have them: the bytes themselves, their hexadecimal digits
 * as edid-decode and xrandr print them, or the monitor.config of the 2016 GVT-g setup guide.
 *
 * Pure functions of their arguments, any thread. The bytes may come from anybody: nothing is believed
 * but what VESA E-EDID 1.4 says a reader can check (header, sum and number of blocks).
 */
#ifndef BRIDGE_EDID_FILE_H
#define BRIDGE_EDID_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of an EDID: eight blocks, as many as a device of ours may take (see plug.h). */
#define EDID_MAX 1024
/* Longer files hold something else. */
#define EDID_FILE_MAX 65536

struct edid_blob {
	uint8_t bytes[EDID_MAX];
	size_t size;
};

/* What an EDID says of its monitor, for people. */
struct edid_facts {
	char name[14]; /* of the monitor, or its vendor's three letters and a number */
	uint32_t width, height; /* of the preferred mode, pixels; 0: it names none */
};

/*
 * 0 for a size, headers, sums and a number of blocks that agree; -EINVAL with one line in why.
 */
int edid_check(const void *bytes, size_t size, char *why, size_t why_size);

/*
 * Reads a file's contents. What could be mended or was left out is said in notice, one line, else "".
 * 0; -EINVAL with one line in why, which begins with what is wrong and names no file.
 */
int edid_file_parse(const void *data, size_t size, struct edid_blob *edid, char *notice,
	size_t notice_size, char *why, size_t why_size);

/*
 * Leaves of a good EDID the blocks that fit in max_size bytes, at least one, and mends the first one's
 * count and sum. True if blocks had to go.
 */
bool edid_cut(struct edid_blob *edid, size_t max_size);

/* Of a good EDID. */
void edid_read_facts(const struct edid_blob *edid, struct edid_facts *facts);

#endif
