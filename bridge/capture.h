/* SPDX-License-Identifier: MIT */
/*
 * The capture thread: looks at the vGPU at the pacer's beat and hands frames to the sinks.
 *
 * Damage adds up for each sink on its own, so a slow one loses nothing and costs nothing. While no
 * sink wants frames the thread sleeps and makes no VFIO call, but for a new EDID. Created, started and
 * destroyed on the main thread; capture_wake() is for any thread. It owns the vgpu that it was given
 * and the renderer, and borrows the sinks. It waits for nobody: when the device's owner ends, nothing
 * that a viewer does holds up the closing of the device.
 */
#ifndef BRIDGE_CAPTURE_H
#define BRIDGE_CAPTURE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/rate.h"
#include "bridge/sink.h"
#include "render/renderer.h"

struct capture;
struct display_facts;
struct session_counters;
struct vgpu;
struct vgpu_counters;
struct vgpu_edid;

#define CAPTURE_MAX_SINKS 17 /* all seats, and the one for screenshots */

struct capture_events {
	/* [capture thread] The device was lost and closed: its owner ended, or it is gone itself. */
	void (*lost)(void *data);
	/* [capture thread] capture_facts() would say something else; NULL: not told. */
	void (*changed)(void *data);
};

struct capture_options {
	/*
	 * Its string must live as long as the capture. Where it names no render node, each device
	 * brings its own, and GL is opened (and kind GL tested) with the first device.
	 */
	struct renderer_options renderer;
	unsigned max_fps;
	const char *trace; /* file that gets a line for each frame, or NULL */
	const struct capture_events *events; /* or NULL */
	void *events_data;
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
	atomic_uint_fast64_t devices; /* that were attached */
	atomic_uint_fast64_t lost; /* of them without a capture_detach() */
	atomic_uint_fast64_t hurries; /* times that input asked for the full rate */
	atomic_uint_fast64_t edids; /* given to the guest's display */
	atomic_uint_fast64_t edids_failed; /* that the device refused */
	struct rate looks_rate, frames_rate;
	struct delay
		give; /* from the beginning of a look until its frame was with the viewers' sinks */
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
 * that pins the device at once, puts a card up and calls events->lost. Before capture_start() it is
 * the device to start with, and to choose the renderer for. [main]
 */
void capture_attach(struct capture *capture, struct vgpu *vgpu, int owner);
/* Is there a device, attached and not lost? [main] */
bool capture_attached(struct capture *capture);
/*
 * Lets go of the device; on return nothing pins it. sentence is for the card. Where there is none it
 * only changes the card. [main]
 */
void capture_detach(struct capture *capture, const char *sentence);
/* The virtual machine is stopped (a QMP STOP): the last picture stays, marked. [main] */
void capture_set_paused(struct capture *capture, bool paused);
/* Is there a device, and does it take EDIDs? Fills its limits. [main] */
bool capture_edid_limits(struct capture *capture, struct vgpu_edid *edid);
/*
 * Gives the guest's display another EDID: unplug, set, 100 ms, plug, without holding up the picture.
 * One that comes meanwhile is the next; only the newest waits. The blob is copied; size 0 leaves the
 * display unplugged. It is also given to each device that is attached later. 0 (also without a
 * device); -ENOTSUP where this device takes none and -E2BIG where it is too large for it, but later
 * ones may take it. [main]
 */
int capture_set_edid(struct capture *capture, const void *blob, size_t size);
/*
 * What has become of the last one: 0: the device has it, or there is no device; -EINPROGRESS: not yet;
 * else the error with which the device refused it. [main]
 */
int capture_edid_outcome(struct capture *capture);
/* Input went to the guest, what it causes is near: look now. Any thread. */
void capture_hurry(struct capture *capture);
/* A viewer pointed here, pixels of the picture: to learn the hot spot from. Any thread. */
void capture_pointed(struct capture *capture, uint32_t x, uint32_t y);

/*
 * Does the thread go round, or sleep because there is nothing to do? seen: what the last call left
 * there, 0 at first. False: it is in the same round as then, in a call that has not returned. Never
 * waits and wakes nobody. Any thread.
 */
bool capture_alive(struct capture *capture, uint64_t *seen);

/* As of the start. */
const char *capture_renderer_text(const struct capture *capture);
/* Sums over all devices that there were. Any thread. */
void capture_vgpu_counters(struct capture *capture, struct vgpu_counters *sum);
/* Valid between a good capture_start() and capture_stop(); any thread. */
struct renderer_counters *capture_renderer_counters(struct capture *capture);
struct session_counters *capture_session_counters(struct capture *capture);
struct capture_counters *capture_counters(struct capture *capture);
/* What is shown, or was when somebody looked last. Any thread, at any time. */
void capture_facts(struct capture *capture, struct display_facts *facts);
/* Frames a second at most, 1 and up. Any thread. */
void capture_set_max_fps(struct capture *capture, unsigned max_fps);

#endif
