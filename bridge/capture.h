/* SPDX-License-Identifier: MIT */
/*
 * The capture thread: looks at the vGPU at the pacer's beat and hands frames to the sinks.
 *
 * Damage adds up for each sink on its own, so a slow one loses nothing and costs nothing. While no
 * sink wants frames the thread sleeps and makes no VFIO call. Created, started and destroyed on the
 * main thread; capture_wake() is for any thread. It borrows the vgpu (which from capture_start() to
 * capture_stop() is the thread's alone) and the sinks, and owns its renderer.
 */
#ifndef BRIDGE_CAPTURE_H
#define BRIDGE_CAPTURE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/sink.h"
#include "render/renderer.h"

struct capture;
struct session_counters;
struct vgpu;
struct vgpu_edid;

#define CAPTURE_MAX_SINKS 16

struct capture_options {
	struct vgpu *vgpu;
	struct renderer_options renderer; /* its string must live as long as the capture */
	unsigned max_fps;
	const char *trace; /* file that gets a line for each frame, or NULL */
};

struct capture_counters {
	atomic_uint_fast64_t ticks; /* rounds of the loop while somebody watched */
	atomic_uint_fast64_t frames; /* packed */
	atomic_uint_fast64_t rects; /* in them */
	atomic_uint_fast64_t bytes; /* of pixels in them */
	atomic_uint_fast64_t
		blocked; /* looks after which something was owed and no sink could take it */
	atomic_uint_fast64_t no_memory; /* frames not packed for lack of memory (they stay owed) */
	atomic_uint_fast64_t rests; /* times the last watcher left */
};

/* NULL with errno and one line in why. */
struct capture *capture_create(const struct capture_options *options, char *why, size_t why_size);
/* Before capture_start() only. 0 or -ENOSPC. */
int capture_add_sink(struct capture *capture, const struct sink *sink);
/* Starts the thread and waits until its renderer is made: 0, or -errno with one line in why. */
int capture_start(struct capture *capture, char *why, size_t why_size);
/* Ends the thread: after this no sink is called, and nothing pins the device. */
void capture_stop(struct capture *capture);
void capture_destroy(struct capture *capture);

/* A sink wants frames, or can take the next one. Any thread, never blocks. */
void capture_wake(struct capture *capture);

/*
 * Hands a device over: takes ownership of vgpu and of owner, a pidfd of the process that the device
 * belongs to, or -1. Only while there is none. When the owner ends, the capture thread closes all
 * that pins the device at once, puts a card up and calls events->lost. [main]
 */
void capture_attach(struct capture *capture, struct vgpu *vgpu, int owner);
/* Lets go of the device; on return nothing pins it. sentence is for the card. [main] */
void capture_detach(struct capture *capture, const char *sentence);
/* The virtual machine is stopped (a QMP STOP): the last picture stays, marked. [main] */
void capture_set_paused(struct capture *capture, bool paused);
/* Is there a device, and does it take EDIDs? Fills its limits. [main] */
bool capture_edid_limits(struct capture *capture, struct vgpu_edid *edid);
/*
 * Gives the guest's display another EDID: unplug, set, 100 ms, plug, without holding up the picture.
 * One that comes meanwhile is the next; only the newest waits. The blob is copied; size 0 leaves the
 * display unplugged. It is also given to each device that is attached later. [main]
 */
int capture_set_edid(struct capture *capture, const void *blob, size_t size);
/* Input went to the guest, what it causes is near: look now. Any thread. */
void capture_hurry(struct capture *capture);
/* A viewer pointed here, pixels of the picture: to learn the hot spot from. Any thread. */
void capture_pointed(struct capture *capture, uint32_t x, uint32_t y);

/* As of the start: to be called before anybody watches. */
const char *capture_renderer_text(const struct capture *capture);
/* Valid between a good capture_start() and capture_stop(); any thread. */
struct renderer_counters *capture_renderer_counters(struct capture *capture);
struct session_counters *capture_session_counters(struct capture *capture);
struct capture_counters *capture_counters(struct capture *capture);

#endif
