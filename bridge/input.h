/* SPDX-License-Identifier: MIT */
/*
 * Viewers' keys and pointers to the guest, through QEMU's monitor.
 *
 * Main thread. Borrows the qmp. What comes in one turn of the main loop goes out in the next, at once.
 * Nothing is kept for a QEMU that is away, stopped or stands still: it is dropped and counted, and
 * what the guest holds down for a viewer that has let go is let go of as soon as QEMU listens again.
 */
#ifndef BRIDGE_INPUT_H
#define BRIDGE_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/rate.h"
#include "spice/sink.h"

struct input;
struct qmp;

#define INPUT_SEATS 8 /* that may send input */

struct input_ops {
	/* What kind of pointer the guest has; told when it becomes known, and at each change. */
	void (*pointer)(void *data, enum spice_pointer pointer);
	/* The lock keys as the guest should have them: a mask of SPICE_KEYBOARD_MODIFIER_FLAGS_*. */
	void (*leds)(void *data, uint8_t leds);
	/* Something has been sent, what it causes is near. */
	void (*sent)(void *data);
	/* The pointer has been sent there, pixels of the picture. */
	void (*pointed)(void *data, uint32_t x, uint32_t y);
};

struct input_counters {
	uint64_t keys; /* presses and releases sent */
	uint64_t buttons; /* the same */
	uint64_t moves; /* places and movements sent */
	uint64_t wheel; /* turns sent */
	uint64_t merged; /* that became part of others */
	uint64_t calls; /* commands that all that went in */
	uint64_t refused; /* of them answered with an error */
	uint64_t dropped; /* events not sent: QEMU was away, stopped, stood still or was too slow */
	uint64_t stalls; /* times that QEMU stood still */
	uint64_t released; /* keys and buttons let go of for others than a living viewer */
	struct delay answer; /* from a call until QEMU has answered it */
	uint64_t pointer; /* enum spice_pointer as it is now */
	uint64_t pointer_changes;
};

struct input *input_create(struct qmp *qmp, const struct input_ops *ops, void *data);
/* Lets go of all that is held, as far as QEMU listens. qmp_destroy() follows before the main loop. */
void input_destroy(struct input *input);

/* As in spice_sink_events; seat: below INPUT_SEATS. */
void input_key(struct input *input, unsigned seat, uint8_t byte);
void input_position(struct input *input, unsigned seat, const struct spice_position *position);
void input_motion(struct input *input, unsigned seat, int dx, int dy);
void input_wheel(struct input *input, unsigned seat, int steps, uint32_t buttons);
void input_buttons(struct input *input, unsigned seat, uint32_t buttons);
void input_end(struct input *input, unsigned seat);

/* How many viewers there are: without any QEMU is not asked what kind of pointer the guest has. */
void input_viewers(struct input *input, unsigned count);

const struct input_counters *input_counters(struct input *input);

#endif
