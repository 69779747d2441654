/* SPDX-License-Identifier: MIT */
#include "bridge/audio_format.h"

#include <endian.h>
#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "spice/audio.h"

int audio_format_check(const struct audio_format *format, char *why, size_t why_size)
{
	if (format->bits != 8 && format->bits != 16 && format->bits != 32) {
		snprintf(why, why_size, "samples of %u bits", format->bits);
	} else if (format->is_float && format->bits != 32) {
		snprintf(why, why_size, "floating point samples of %u bits", format->bits);
	} else if (format->channels == 0 || format->channels > AUDIO_MAX_CHANNELS) {
		snprintf(why, why_size, "%u channels", format->channels);
	} else if (format->rate < SPICE_AUDIO_MIN_RATE || format->rate > SPICE_AUDIO_MAX_RATE) {
		snprintf(why, why_size, "%u frames a second", format->rate);
	} else {
		return 0;
	}
	return -EINVAL;
}

size_t audio_format_frame(const struct audio_format *format)
{
	return (size_t)format->channels * (format->bits / 8);
}

static int16_t from_float(float value)
{
	/* Also what is no number at all ends up as silence. */
	if (!(value > -1)) {
		return value <= -1 ? INT16_MIN : 0;
	}
	return value < 1 ? (int16_t)(value * 32767) : INT16_MAX;
}

static int16_t decode_sample(const struct audio_format *format, const uint8_t *from)
{
	uint16_t half;
	uint32_t word;
	float value;

	switch (format->bits) {
	case 8:
		return (int16_t)((uint32_t)(*from ^ (format->is_signed ? 0 : 0x80)) << 8);
	case 16:
		memcpy(&half, from, sizeof(half));
		half = format->big_endian ? be16toh(half) : le16toh(half);
		return (int16_t)(half ^ (format->is_signed ? 0 : 0x8000));
	default:
		memcpy(&word, from, sizeof(word));
		word = format->big_endian ? be32toh(word) : le32toh(word);
		if (format->is_float) {
			memcpy(&value, &word, sizeof(value));
			return from_float(value);
		}
		return (int16_t)(word >> 16 ^ (format->is_signed ? 0 : 0x8000));
	}
}

static void encode_sample(const struct audio_format *format, uint8_t *to, int16_t sample)
{
	uint16_t half = (uint16_t)sample ^ (format->is_signed || format->is_float ? 0 : 0x8000);
	uint32_t word = (uint32_t)half << 16;
	float value = sample / 32768.0f;

	switch (format->bits) {
	case 8:
		*to = (uint8_t)(half >> 8);
		return;
	case 16:
		half = format->big_endian ? htobe16(half) : htole16(half);
		memcpy(to, &half, sizeof(half));
		return;
	default:
		if (format->is_float) {
			memcpy(&word, &value, sizeof(word));
		}
		word = format->big_endian ? htobe32(word) : htole32(word);
		memcpy(to, &word, sizeof(word));
	}
}

void audio_decode(
	const struct audio_format *format, uint32_t *to, const uint8_t *from, size_t count)
{
	size_t frame = audio_format_frame(format);
	size_t second = format->channels > 1 ? format->bits / 8 : 0;

	for (size_t i = 0; i < count; i++, from += frame) {
		uint16_t left = (uint16_t)decode_sample(format, from);
		uint16_t right = (uint16_t)decode_sample(format, from + second);

		to[i] = left | (uint32_t)right << 16;
	}
}

void audio_encode(
	const struct audio_format *format, uint8_t *to, const uint32_t *from, size_t count)
{
	size_t sample = format->bits / 8;

	for (size_t i = 0; i < count; i++) {
		int16_t sides[2] = {(int16_t)(from[i] & 0xffff), (int16_t)(from[i] >> 16)};

		if (format->channels == 1) {
			sides[0] = (int16_t)((sides[0] + sides[1]) / 2);
		}
		for (unsigned c = 0; c < format->channels; c++, to += sample) {
			encode_sample(format, to, c < 2 ? sides[c] : 0);
		}
	}
}

void audio_queue_init(struct audio_queue *queue)
{
	*queue = (struct audio_queue){0};
}

void audio_queue_finish(struct audio_queue *queue)
{
	g_free(queue->frames);
	audio_queue_init(queue);
}

void audio_queue_reset(struct audio_queue *queue, size_t size)
{
	if (size != queue->size) {
		g_free(queue->frames);
		queue->frames = g_new(uint32_t, size);
		queue->size = size;
	}
	queue->first = 0;
	queue->count = 0;
}

size_t audio_queue_put(struct audio_queue *queue, const uint32_t *frames, size_t count)
{
	size_t dropped = 0, end, n;

	if (count > queue->size) {
		dropped = count - queue->size;
		frames += dropped;
		count = queue->size;
	}
	if (queue->count + count > queue->size) {
		n = queue->count + count - queue->size;
		dropped += n;
		audio_queue_drop(queue, n);
	}
	while (count) {
		end = (queue->first + queue->count) % queue->size;
		n = MIN(count, queue->size - end);
		memcpy(queue->frames + end, frames, n * sizeof(*frames));
		queue->count += n;
		frames += n;
		count -= n;
	}
	return dropped;
}

size_t audio_queue_peek(const struct audio_queue *queue, const uint32_t **frames)
{
	*frames = queue->frames + queue->first;
	return MIN(queue->count, queue->size - queue->first);
}

void audio_queue_drop(struct audio_queue *queue, size_t count)
{
	if (count >= queue->count) {
		queue->first = 0;
		queue->count = 0;
		return;
	}
	queue->first = (queue->first + count) % queue->size;
	queue->count -= count;
}
