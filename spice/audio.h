/* SPDX-License-Identifier: MIT */
/*
 * The sound of a SPICE display, both ways, as frames of two signed 16-bit samples (left in the low
 * half, native order).
 *
 * Main thread; nothing blocks. It belongs to one sink and goes before it. Whether a viewer listens
 * is not known here: what nobody takes is the caller's to drop.
 */
#ifndef SPICE_AUDIO_H
#define SPICE_AUDIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spice_audio;
struct spice_sink;

#define SPICE_AUDIO_MIN_RATE 8000 /* frames a second */
#define SPICE_AUDIO_MAX_RATE 192000

/* record: viewers may be heard too. NULL with errno and one line in why. */
struct spice_audio *spice_audio_create(
	struct spice_sink *sink, bool record, char *why, size_t why_size);
void spice_audio_destroy(struct spice_audio *audio);

/* The guest plays at this rate from now on; 0: it plays no more. */
void spice_audio_set_playing(struct spice_audio *audio, uint32_t rate);
/* Full volume is UINT16_MAX. */
void spice_audio_set_volume(struct spice_audio *audio, bool mute, uint16_t left, uint16_t right);
/* Returns how many frames were taken: fewer when the viewer does not keep up or there is none. */
size_t spice_audio_play(struct spice_audio *audio, const uint32_t *frames, size_t count);

/* The guest listens at this rate from now on; 0: it listens no more. */
void spice_audio_set_recording(struct spice_audio *audio, uint32_t rate);
/* Frames that a viewer has sent: how many were put into the buffer. */
size_t spice_audio_record(struct spice_audio *audio, uint32_t *frames, size_t count);

#endif
