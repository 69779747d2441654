/* SPDX-License-Identifier: MIT */
/*
 * The size that the guest's display should have: what viewers ask for becomes an EDID, seldom.
 *
 * Main thread; owns nothing but a timer. Requests settle first: while a window is dragged a viewer
 * sends one after the other, and each new EDID unplugs the guest's monitor for a moment.
 */
#ifndef BRIDGE_SIZE_H
#define BRIDGE_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct size;
struct vgpu_edid;

struct size_options {
	uint32_t width, height; /* pixels, to begin with; 0: the guest's own */
	bool fixed; /* viewers change nothing */
	unsigned settle_ms; /* how long no further request may come; 0: 600 */
};

struct size_ops {
	/* Gives the guest an EDID, see capture_set_edid(). 0 or -errno. */
	int (*set_edid)(void *data, const void *blob, size_t size);
	/* The size of the guest's picture now. False: it shows none. */
	bool (*picture)(void *data, uint32_t *width, uint32_t *height);
};

struct size_counters {
	uint64_t requests; /* of viewers */
	uint64_t refused; /* for --fixed-mode */
	uint64_t settled; /* what was left of the others after waiting */
	uint64_t unchanged; /* of those settled: the picture or the EDID says it already */
	uint64_t without_edid; /* of those settled: the device takes none */
	uint64_t limited; /* of those settled: too large for the device */
	uint64_t changes; /* EDIDs given */
	uint64_t failed; /* EDIDs that could not be given */
};

/* options is copied, ops must outlive it. Does not return NULL. */
struct size *size_create(
	const struct size_options *options, const struct size_ops *ops, void *data);
void size_destroy(struct size *size);

/*
 * A device is there, with these limits. blob is the EDID that it has now, length 0: none or unknown.
 * A guest that has been told of the wanted size already is left in peace.
 */
void size_attached(
	struct size *size, const struct vgpu_edid *limits, const void *blob, size_t length);
/* It is not there any more. What is asked meanwhile is for the next. */
void size_detached(struct size *size);

/* A viewer's window has this size, pixels. */
void size_request(struct size *size, uint32_t width, uint32_t height);

const struct size_counters *size_counters(const struct size *size);

#endif
