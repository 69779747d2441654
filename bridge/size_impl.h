/* SPDX-License-Identifier: MIT */
/*
 * Inside size.c and size_user.c only: what is known of the guest's monitor, and how it is given one.
 *
 * Main thread.
 */
#ifndef BRIDGE_SIZE_IMPL_H
#define BRIDGE_SIZE_IMPL_H

#include <glib.h>

#include "bridge/size.h"
#include "vfio/vgpu.h"

/* Which monitor the user wants. */
struct wanted {
	enum size_mode mode;
	uint32_t width, height; /* SIZE_FIXED, 0: whatever the guest has */
	struct edid_blob edid; /* SIZE_EDID */
};

struct size {
	struct size_options options;
	const struct size_ops *ops;
	void *data;
	struct size_counters counters;

	bool attached;
	struct vgpu_edid limits; /* of the device, if attached */
	struct edid_blob own; /* that the last device came with; size 0: none */
	struct wanted wanted;
	const char *fixed_by; /* words for people, if wanted is not automatic */
	bool unplugged;
	bool due; /* for the next device: something was said while there was none */
	uint32_t width, height; /* last asked for and neither done nor dropped; 0: nothing */
	uint32_t asked_width, asked_height; /* by the viewers that are there; 0: nothing */
	uint32_t told_width, told_height; /* what our EDID says; 0: we have given none */
	struct edid_blob given; /* the last one; size 0: none */
	uint32_t given_max_xres, given_max_yres; /* of the device it was made for */
	struct { /* size_undo() */
		struct wanted wanted;
		const char *fixed_by;
		struct edid_blob given;
	} before;
	guint timer; /* 0: nothing settles */
	bool said_fixed, said_without, said_failed; /* once each is enough */
};

/* Gives the device the EDID that it should have by now. 0 or -errno. */
int size_give_current(struct size *size);
void size_note_given(struct size *size, const struct edid_blob *edid);
/* What viewers have asked for is settled after the usual rest; stopped: not for now. */
void size_begin_settling(struct size *size);
void size_stop_settling(struct size *size);

#endif
