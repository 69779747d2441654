/* SPDX-License-Identifier: MIT */
/*
 * One direction of QEMU's sound: we answer its calls of org.qemu.Display1.AudioOutListener or
 * AudioInListener.
 *
 * Calls are answered in GDBus's own thread, since QEMU (and the guest with it) waits for the answer
 * to a Read; what it plays is put into a queue of bounded length there. All functions here are the
 * main thread's. QEMU is not trusted: it may send what it likes, in any order.
 */
#ifndef BRIDGE_AUDIO_LISTENER_H
#define BRIDGE_AUDIO_LISTENER_H

#include <gio/gio.h>
#include <stdbool.h>
#include <stdint.h>

struct audio_listener;

#define AUDIO_QUEUE_MS 200 /* sound that is older is dropped */

enum audio_direction { AUDIO_OUT, AUDIO_IN };

struct audio_state {
	uint32_t rate; /* of the voice that is heard, or that listens; 0: none does */
	bool volume_known;
	bool mute;
	uint16_t left, right; /* volume, at most UINT16_MAX */
	char trouble[128]; /* why a voice is not heard, or "" */
};

struct audio_listener_counters {
	uint64_t calls; /* of QEMU */
	uint64_t refused; /* of them that made no sense */
	uint64_t frames; /* played, or asked for */
	uint64_t dropped; /* frames that waited for too long */
	uint64_t unheard; /* bytes of voices beside the one that is heard */
	uint64_t missing; /* frames asked for that were not there */
};

/*
 * changed is called from the main loop when there is sound, or another state, to be fetched; and when
 * the connection has ended (then audio_listener_ended()).
 */
struct audio_listener *audio_listener_create(
	enum audio_direction direction, void (*changed)(void *data), void *data);
void audio_listener_destroy(struct audio_listener *listener);

/* Answers on this socket from now on; takes ownership. QEMU is who asks us for our name. */
void audio_listener_serve(struct audio_listener *listener, int fd);
bool audio_listener_ended(const struct audio_listener *listener);

void audio_listener_state(struct audio_listener *listener, struct audio_state *state);
/* AUDIO_OUT: takes what was played; how many frames. */
size_t audio_listener_take(struct audio_listener *listener, uint32_t *frames, size_t count);
/* AUDIO_IN: what was recorded. */
void audio_listener_put(struct audio_listener *listener, const uint32_t *frames, size_t count);
/* Adds to the counters. */
void audio_listener_count(struct audio_listener *listener, struct audio_listener_counters *sum);

#endif
