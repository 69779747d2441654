/* SPDX-License-Identifier: MIT */
/*
 * The device that the capture holds: how it comes from the main thread to the capture thread, whom it
 * belongs to, and how it goes.
 *
 * Orders lie in a few fields under a lock that is held for moments. The capture thread alone calls into
 * the vgpu, from holding_take() to holding_drop(). Owns the vgpu and the owner's pidfd from
 * holding_attach() on.
 */
#ifndef BRIDGE_HOLDING_H
#define BRIDGE_HOLDING_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "bridge/plug.h"
#include "vfio/vgpu.h"

struct holding {
	pthread_mutex_t lock; /* guards what follows, up to the blank line */
	pthread_cond_t left; /* leaving is done */
	bool served; /* the capture thread runs */
	struct vgpu *arriving; /* not taken yet */
	int arriving_owner;
	bool leaving;
	char sentence[256]; /* for the card, while leaving */
	bool edid_new;
	struct plug_edid edid;
	unsigned edid_asked,
		edid_done; /* how many were given, and the last of them that is settled */
	int edid_result; /* of that one, 0 or -errno */
	struct vgpu *vgpu; /* written by the capture thread */
	struct vgpu_edid limits; /* of the last one that came */
	struct vgpu_counters past; /* of devices that are gone */

	/* The capture thread's own. */
	int owner; /* pidfd, -1: none */
	struct plug plug;
	unsigned edid_taken; /* the last one of edid_asked that plug knows */
};

void holding_init(struct holding *holding);
/* After the thread's end. */
void holding_finish(struct holding *holding);

/* The main thread's half. The capture thread is to be woken after each. */
void holding_attach(struct holding *holding, struct vgpu *vgpu, int owner);
/* Asks for the device to go; true: holding_wait_left() has to follow. */
bool holding_detach(struct holding *holding, const char *sentence);
void holding_wait_left(struct holding *holding);
bool holding_present(struct holding *holding, struct vgpu_edid *limits);
int holding_set_edid(struct holding *holding, const void *blob, size_t size);
/* As capture_edid_outcome(). */
int holding_edid_outcome(struct holding *holding);
/* Sums over all devices that there were. Any thread. */
void holding_counters(struct holding *holding, struct vgpu_counters *sum);

/* The capture thread's half. */
void holding_serve(struct holding *holding, bool served);
/* The device that has come, or NULL. */
struct vgpu *holding_take(struct holding *holding);
/* The render node of a device that is about to come; empty: none, or not known. */
void holding_arriving_node(struct holding *holding, char *node, size_t size);
/* Is it to go? Then the device is to be dropped, and holding_tell_left() called. */
bool holding_leaves(struct holding *holding, char *sentence, size_t size);
void holding_tell_left(struct holding *holding);
/* Closes the device. Its buffers have been put. Nothing to do: does nothing. */
void holding_drop(struct holding *holding);
/* Steps the EDID; as plug_step(). */
int holding_step_edid(struct holding *holding, int64_t now);
/* As plug_next(). */
int64_t holding_next(const struct holding *holding);

#endif
