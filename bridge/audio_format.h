/* SPDX-License-Identifier: MIT */
/*
 * Sound as QEMU tells it, turned into frames of two 16-bit samples and back, and a queue of such
 * frames that forgets the oldest.
 *
 * No state but the queue's, which its owner guards. The rate is never changed: SPICE takes any.
 */
#ifndef BRIDGE_AUDIO_FORMAT_H
#define BRIDGE_AUDIO_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUDIO_MAX_CHANNELS 8

struct audio_format {
	uint32_t rate; /* frames a second */
	uint8_t bits; /* of a sample: 8, 16 or 32 */
	uint8_t channels;
	bool is_signed, is_float, big_endian;
};

/* -EINVAL with one line in why for what can't be converted. */
int audio_format_check(const struct audio_format *format, char *why, size_t why_size);
size_t audio_format_frame(const struct audio_format *format); /* bytes */

/*
 * One channel is heard on both sides; of more than two the first two are. The other way, what a
 * guest has beyond two channels stays silent, and one channel gets the mean of both.
 */
void audio_decode(
	const struct audio_format *format, uint32_t *to, const uint8_t *from, size_t count);
void audio_encode(
	const struct audio_format *format, uint8_t *to, const uint32_t *from, size_t count);

struct audio_queue {
	uint32_t *frames;
	size_t size, first, count;
};

void audio_queue_init(struct audio_queue *queue);
void audio_queue_finish(struct audio_queue *queue);
/* Empties it; it holds so many frames from now on. */
void audio_queue_reset(struct audio_queue *queue, size_t size);
/* Returns how many old (or, above the size, given) frames were dropped for it. */
size_t audio_queue_put(struct audio_queue *queue, const uint32_t *frames, size_t count);
/* A run of the oldest frames, in place: its length, 0 when empty. */
size_t audio_queue_peek(const struct audio_queue *queue, const uint32_t **frames);
/* Forgets the oldest. */
void audio_queue_drop(struct audio_queue *queue, size_t count);

#endif
