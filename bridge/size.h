/* SPDX-License-Identifier: MIT */
/*
 * The guest's monitor: what viewers ask for becomes an EDID, seldom, as long as nobody has said which
 * monitor it is to be.
 *
 * Three states: auto (viewers' windows decide), fixed (a size was named, or --fixed-mode) and EDID (the
 * user's own); and apart from that it is plugged or not. All of it outlives the device.
 * Main thread; owns nothing but a timer. Requests settle first: while a window is dragged a viewer
 * sends one after the other, and each new EDID unplugs the guest's monitor for a moment.
 */
#ifndef BRIDGE_SIZE_H
#define BRIDGE_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/edid_file.h"

struct size;
struct vgpu_edid;

struct size_options {
	uint32_t width, height; /* pixels, to begin with; 0: the guest's own */
	bool fixed; /* viewers change nothing */
	unsigned settle_ms; /* how long no further request may come; 0: 600 */
};

enum size_mode {
	SIZE_AUTO,
	SIZE_FIXED,
	SIZE_EDID,
};

struct size_ops {
	/* Gives the guest an EDID, or none and no monitor, see capture_set_edid(). 0 or -errno. */
	int (*set_edid)(void *data, const void *blob, size_t size);
	/* The size of the guest's picture now. False: it shows none. */
	bool (*picture)(void *data, uint32_t *width, uint32_t *height);
};

struct size_counters {
	uint64_t requests; /* of viewers */
	uint64_t refused; /* for the size is fixed, or the EDID is the user's */
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

/* The last viewer has gone: what it asked for is not for the next. */
void size_forget(struct size *size);

/*
 * What the user says. 0, and in notice one line or "" of what came out otherwise than asked; -ENOTSUP:
 * the device that is there takes no EDID, and nothing has changed. Without a device it is for the next.
 */

/* This size from now on, EDID_MIN_SIDE to EDID_MAX_SIDE, whatever viewers ask for. */
int size_fix(struct size *size, uint32_t width, uint32_t height, char *notice, size_t notice_size);
/* The same, where another way was found for a device that takes no EDID: viewers change nothing. */
void size_note_fixed(struct size *size, uint32_t width, uint32_t height);
/* A good EDID from now on, whatever viewers ask for. What the device has no room for is cut off. */
int size_use_edid(
	struct size *size, const struct edid_blob *edid, char *notice, size_t notice_size);
/* Viewers are followed again, beginning with what they asked for last. */
int size_follow(struct size *size, char *notice, size_t notice_size);
/* Unplugged until plugged, by whatever viewers and the others above say meanwhile. */
int size_unplug(struct size *size, char *notice, size_t notice_size);
int size_plug(struct size *size, char *notice, size_t notice_size);
/* The device refused what size_fix() or size_use_edid() gave last: as it was before. */
void size_undo(struct size *size);

struct size_status {
	enum size_mode mode;
	bool plugged;
	bool takes_edid; /* the device that is there */
	uint32_t width, height; /* preferred by the EDID that we gave, 0: none was given */
	char monitor[14]; /* its name, or "" */
	uint32_t max_width, max_height; /* of the device, 0: no limit */
};

void size_tell(const struct size *size, struct size_status *status);
/* "auto", "fixed", "edid". */
const char *size_mode_name(enum size_mode mode);

const struct size_counters *size_counters(const struct size *size);

#endif
