/* SPDX-License-Identifier: MIT */
/*
 * From the user's SOURCE to a vgpu, and to the next one when that is lost.
 *
 * Devices that need rights come from the broker, who is asked every now and then until there is one;
 * those that a launcher hands over come by a socket; the others are opened here. Of several sources of
 * one bridge only one looks at a time: there is one number for a device, and one device. Main thread;
 * never blocks after source_create(). A vgpu that arrives is the receiver's, and so is its owner's
 * pidfd.
 */
#ifndef BRIDGE_SOURCE_H
#define BRIDGE_SOURCE_H

#include <stddef.h>

struct broker;
struct options;
struct source;
struct vgpu;
struct vgpu_info;

struct source_counters {
	unsigned long looks; /* answers of the broker */
	unsigned long arrivals;
	unsigned long refused; /* offers at --fd-socket that were turned down */
};

struct source_events {
	/* A device, and a pidfd of the process that it belongs to, or -1. */
	void (*arrived)(void *data, struct vgpu *vgpu, int owner);
	/* None now; one that had arrived is to be let go of at once. sentence is for the card. */
	void (*waiting)(void *data, const char *sentence);
	/* There will be none any more: the program ends with this exit status. */
	void (*ended)(void *data, int status);
};

/*
 * What has to be there from the start is opened; for the others it returns without a device. broker
 * is borrowed and may be NULL. NULL with errno and one line in why.
 */
struct source *source_create(const struct options *options, struct broker *broker,
	const struct source_events *events, void *data, char *why, size_t why_size);
/*
 * One beside the first, of a kind that can be opened again and again: not --fd, --fd-socket, --qemu-pid
 * or run. It does nothing until source_choose(). Does not return NULL.
 */
struct source *source_create_aside(const struct options *options, struct broker *broker,
	const struct source_events *events, void *data);
/* Of the device that is there from the start, NULL without. Until source_start(). */
const struct vgpu_info *source_info(const struct source *source);
/* The events begin: either arrived or waiting is called at once. */
void source_start(struct source *source);
/* The device that arrived is lost: looks for the next. */
void source_look(struct source *source);
/*
 * Nobody wants a device of this source any more, or somebody does again: opens it, or looks for it.
 * The device that had arrived must be let go of before. Events come from within source_choose().
 */
void source_leave(struct source *source);
void source_choose(struct source *source);
/*
 * QEMU may have let go of the device that arrived (it was unplugged): looks, and calls waiting where it
 * has. Without a broker does nothing.
 */
void source_check(struct source *source);
void source_destroy(struct source *source);
/* Why there is no device, 0 or -errno with a line. */
int source_reason(const struct source *source, char *why, size_t why_size);
struct source_counters source_counters(const struct source *source);

/*
 * One device for the verb probe, which the caller destroys; waits for --fd-socket, and for nothing
 * else. NULL with errno and one line in why.
 */
struct vgpu *source_open(
	const struct options *options, struct broker *broker, char *why, size_t why_size);

#endif
