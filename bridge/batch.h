/* SPDX-License-Identifier: MIT */
/*
 * Input that waits to be sent to QEMU: in order, as few events and calls as that allows.
 *
 * A plain value; main thread. Movements that follow each other become one. Nothing passes anything
 * else: a click stays between the movements that it came between.
 */
#ifndef BRIDGE_BATCH_H
#define BRIDGE_BATCH_H

#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BATCH_MAX 1024 /* events */
#define BATCH_AXIS_MAX 0x7fff /* of QEMU's absolute axes */

enum batch_kind { BATCH_KEY, BATCH_BUTTON, BATCH_WHEEL, BATCH_MOTION, BATCH_POSITION };

struct batch_event {
	enum batch_kind kind;
	bool down; /* of a key or button */
	/* key: QEMU's number; button: bit of the mask; wheel: steps of 8 bits, positive: down */
	int code;
	int x, y; /* motion: pixels, of 16 bits; position: 0 to BATCH_AXIS_MAX */
};

struct batch {
	struct batch_event events[BATCH_MAX];
	size_t count;
	uint64_t merged; /* events that became part of others, ever */
};

/* Adds an event. False: it is full, and the event is not in it. */
bool batch_add(struct batch *batch, const struct batch_event *event);

/* How many of the events from first on go into one call of input-send-event; 0 after the last. */
size_t batch_call(const struct batch *batch, size_t first);

/* The arguments of that call. */
JsonObject *batch_arguments(const struct batch_event *events, size_t count);

/*
 * Where a pixel of a picture this wide is on QEMU's axis: 0 for the first, BATCH_AXIS_MAX for the last,
 * and between them where guests find the same pixel again, be it that they divide by the width or by
 * one less, that they round or cut off. size is at most BATCH_AXIS_MAX.
 */
int batch_axis(uint32_t at, uint32_t size);

#endif
