/* SPDX-License-Identifier: MIT */
/*
 * One vGPU and one renderer, joined: what there is to show now, be it the guest's picture or a card.
 *
 * A small state machine: no device (with a sentence), no picture (with a reason), picture, paused,
 * gone. After each look the renderer's snapshot holds what viewers should see. Capture thread only, but
 * for the counters. Borrows the vgpu, from session_attach() to session_detach(), and the renderer.
 */
#ifndef BRIDGE_SESSION_H
#define BRIDGE_SESSION_H

#include <pixman.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bridge/buffers.h"
#include "bridge/hotspot.h"
#include "render/cursor.h"

struct card;
struct facts;

/* How long the last picture stays up through a mode set that the kernel answers with errors. */
#define SESSION_GRACE_NS (300 * INT64_C(1000000))
/* How long a plane that could not be imported is left alone. */
#define SESSION_RETRY_NS (500 * INT64_C(1000000))

enum session_state {
	SESSION_UNKNOWN, /* not looked yet */
	SESSION_NO_PICTURE,
	SESSION_PICTURE,
	SESSION_GONE, /* the device did not answer any more; until another comes */
	SESSION_NO_DEVICE,
	SESSION_PAUSED, /* the virtual machine is stopped: its last picture, marked */
};

/* What the cards say where nothing else is known. */
#define SESSION_OFF_TEXT "the virtual machine is off"
#define SESSION_GONE_TEXT "the device is gone"
#define SESSION_PAUSED_TEXT "paused"

struct session_counters {
	atomic_uint_fast64_t looks;
	atomic_uint_fast64_t cards; /* cards drawn */
	atomic_uint_fast64_t cards_failed; /* not drawn, because memory lacked */
	atomic_uint_fast64_t held; /* looks that kept the last picture through an error */
	atomic_uint_fast64_t stale_retries; /* queries repeated for an id that was gone */
	atomic_uint_fast64_t vanished; /* pictures whose memory went away under the read */
	atomic_uint_fast64_t read_failed; /* pictures that GL or the kernel could not read */
	atomic_uint_fast64_t import_failed; /* planes that could not be imported */
	atomic_uint_fast64_t no_memory; /* pictures not read because memory lacked */
	atomic_uint_fast64_t cursor_failed; /* cursor shapes that could not be read */
	atomic_uint_fast64_t log_suppressed; /* state lines kept from the log */
	atomic_uint state;
	atomic_uint width, height; /* of the last picture, pixels */
};

struct session {
	struct vgpu *vgpu; /* NULL: none */
	struct renderer *renderer;
	struct buffers buffers;
	struct session_counters counters;
	struct facts *facts; /* where others read what is shown; NULL: nobody does */

	enum session_state state;
	char renderer_text[256]; /* as the log has it */
	char text[256]; /* of the card that is up, or what picture is shown */
	bool had_picture; /* of this device */
	bool paused; /* to be shown as such */
	enum session_state off_state; /* while there is no vgpu: NO_DEVICE or GONE */
	char off_text[256];
	int64_t picture_ns; /* when the last picture was read */
	uint32_t *card_pixels; /* the card that is up, NULL: none */
	uint32_t card_width, card_height;

	struct plane failed; /* the plane that could not be imported, see retry_ns */
	int64_t retry_ns;

	struct hotspot hotspot;
	/* Where a viewer pointed last, pixels; the serial grows with each time, 0: never yet. */
	uint32_t pointed_x, pointed_y, pointed_serial;

	struct cursor cursor;
	uint32_t *shape; /* cursor.pixels */
	uint32_t *scratch; /* the shape as read now */

	int64_t log_window_ns;
	unsigned log_lines;
};

/* Begins without a device. 0 or -ENOMEM. */
int session_init(struct session *session, struct renderer *renderer);
void session_finish(struct session *session);

/* A device has come; while there is none. */
void session_attach(struct session *session, struct vgpu *vgpu);
/*
 * Lets go of the device and of all that pins it; the next look puts a card up. state: NO_DEVICE or
 * GONE. Also where there is none: then it is the sentence that changes.
 */
void session_detach(struct session *session, enum session_state state, const char *sentence);
/* The virtual machine is stopped, or runs again. Seen by the next look. */
void session_set_paused(struct session *session, bool paused);

/*
 * Looks at the device once, and adds to damage what changed in the snapshot. now: CLOCK_MONOTONIC ns.
 */
void session_look(struct session *session, int64_t now, pixman_region32_t *damage);

/* The pointer as of the last look; NULL where the guest draws its own. */
const struct cursor *session_cursor(const struct session *session);

/* Nobody watches: lets go of all that pins the device. */
void session_rest(struct session *session);

#endif
