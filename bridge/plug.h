/* SPDX-License-Identifier: MIT */
/*
 * Gives a guest's display another EDID, as one changes a monitor: unplug, set, 100 ms, plug.
 *
 * A small state machine that is stepped by the capture thread, so that nothing waits for it. The newest
 * EDID is remembered, and given to each device that comes later and has another. Owns nothing but copies.
 */
#ifndef BRIDGE_PLUG_H
#define BRIDGE_PLUG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vgpu;

#define PLUG_MAX 1024 /* bytes of an EDID: eight blocks */
/* What kernel samples and QEMU leave between set and plug. */
#define PLUG_WAIT_NS (100 * INT64_C(1000000))

struct plug_edid {
	uint8_t bytes[PLUG_MAX];
	size_t size; /* 0: none, the display is unplugged */
};

struct plug {
	struct plug_edid newest, shown;
	bool have; /* newest was ever set */
	bool due; /* newest has not been given to this device */
	bool known; /* shown is what the device has */
	bool waiting; /* between set and plug */
	int64_t plug_at; /* ns, while waiting */
};

void plug_set(struct plug *plug, const struct plug_edid *edid);
/* Another device: it knows nothing yet. */
void plug_attach(struct plug *plug);
/* 1: an EDID was given (or the display unplugged); 0: nothing to tell; -errno: it was refused. */
int plug_step(struct plug *plug, struct vgpu *vgpu, int64_t now);
/* When to step next, CLOCK_MONOTONIC ns; 0: now; negative: when something comes. */
int64_t plug_next(const struct plug *plug);

#endif
