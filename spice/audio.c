/* SPDX-License-Identifier: MIT */
#include "spice/audio.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "spice/impl.h"

struct spice_audio {
	struct spice_sink *sink;
	SpicePlaybackInstance playback;
	SpiceRecordInstance record;
	bool has_playback, has_record; /* the library has them */
	uint32_t play_rate, record_rate; /* 0: not started */
	uint32_t *block; /* the library's, to be filled */
	uint32_t block_size, filled; /* frames */
};

static const SpicePlaybackInterface playback_interface = {
	.base.type = SPICE_INTERFACE_PLAYBACK,
	.base.description = "vgpu-bridge playback",
	.base.major_version = SPICE_INTERFACE_PLAYBACK_MAJOR,
	.base.minor_version = SPICE_INTERFACE_PLAYBACK_MINOR,
};

static const SpiceRecordInterface record_interface = {
	.base.type = SPICE_INTERFACE_RECORD,
	.base.description = "vgpu-bridge record",
	.base.major_version = SPICE_INTERFACE_RECORD_MAJOR,
	.base.minor_version = SPICE_INTERFACE_RECORD_MINOR,
};

struct spice_audio *spice_audio_create(
	struct spice_sink *sink, bool record, char *why, size_t why_size)
{
	struct spice_audio *audio = g_new0(struct spice_audio, 1);
	struct spice_sink *before = loop_enter(sink);

	audio->sink = sink;
	audio->playback.base.sif = &playback_interface.base;
	audio->record.base.sif = &record_interface.base;
	audio->has_playback = spice_server_add_interface(sink->server, &audio->playback.base) == 0;
	audio->has_record =
		record && spice_server_add_interface(sink->server, &audio->record.base) == 0;
	loop_leave(sink, before);
	if (audio->has_playback && audio->has_record == record) {
		return audio;
	}
	snprintf(why, why_size, "libspice-server took no sound");
	spice_audio_destroy(audio);
	errno = EIO;
	return NULL;
}

/* What was begun is filled up with silence: the library wants its block back. */
static void put_block(struct spice_audio *audio)
{
	if (audio->block) {
		memset(audio->block + audio->filled, 0,
			(size_t)(audio->block_size - audio->filled) * sizeof(*audio->block));
		spice_server_playback_put_samples(&audio->playback, audio->block);
		audio->block = NULL;
	}
}

static void stop_playing(struct spice_audio *audio)
{
	if (audio->play_rate) {
		put_block(audio);
		spice_server_playback_stop(&audio->playback);
		audio->play_rate = 0;
	}
}

static void stop_recording(struct spice_audio *audio)
{
	if (audio->record_rate) {
		spice_server_record_stop(&audio->record);
		audio->record_rate = 0;
	}
}

void spice_audio_destroy(struct spice_audio *audio)
{
	struct spice_sink *before;

	if (!audio) {
		return;
	}
	before = loop_enter(audio->sink);
	stop_playing(audio);
	stop_recording(audio);
	if (audio->has_playback) {
		spice_server_remove_interface(&audio->playback.base);
	}
	if (audio->has_record) {
		spice_server_remove_interface(&audio->record.base);
	}
	loop_leave(audio->sink, before);
	g_free(audio);
}

void spice_audio_set_playing(struct spice_audio *audio, uint32_t rate)
{
	struct spice_sink *before;

	if (rate == audio->play_rate) {
		return;
	}
	before = loop_enter(audio->sink);
	stop_playing(audio);
	if (rate) {
		spice_server_set_playback_rate(&audio->playback, rate);
		spice_server_playback_start(&audio->playback);
		audio->play_rate = rate;
	}
	loop_leave(audio->sink, before);
}

void spice_audio_set_volume(struct spice_audio *audio, bool mute, uint16_t left, uint16_t right)
{
	struct spice_sink *before = loop_enter(audio->sink);

	spice_server_playback_set_volume(&audio->playback, 2, (uint16_t[]){left, right});
	spice_server_playback_set_mute(&audio->playback, mute);
	loop_leave(audio->sink, before);
}

size_t spice_audio_play(struct spice_audio *audio, const uint32_t *frames, size_t count)
{
	struct spice_sink *before;
	size_t taken = 0;

	if (!audio->play_rate) {
		return 0;
	}
	before = loop_enter(audio->sink);
	while (taken < count) {
		size_t n;

		if (!audio->block) {
			audio->filled = 0;
			spice_server_playback_get_buffer(
				&audio->playback, &audio->block, &audio->block_size);
			if (!audio->block) {
				break;
			}
		}
		n = MIN(count - taken, audio->block_size - audio->filled);
		memcpy(audio->block + audio->filled, frames + taken, n * sizeof(*frames));
		audio->filled += n;
		taken += n;
		if (audio->filled == audio->block_size) {
			put_block(audio);
		}
	}
	loop_leave(audio->sink, before);
	return taken;
}

void spice_audio_set_recording(struct spice_audio *audio, uint32_t rate)
{
	struct spice_sink *before;

	if (!audio->has_record || rate == audio->record_rate) {
		return;
	}
	before = loop_enter(audio->sink);
	stop_recording(audio);
	if (rate) {
		spice_server_set_record_rate(&audio->record, rate);
		spice_server_record_start(&audio->record);
		audio->record_rate = rate;
	}
	loop_leave(audio->sink, before);
}

size_t spice_audio_record(struct spice_audio *audio, uint32_t *frames, size_t count)
{
	struct spice_sink *before;
	size_t n;

	if (!audio->record_rate) {
		return 0;
	}
	before = loop_enter(audio->sink);
	n = spice_server_record_get_samples(
		&audio->record, frames, (uint32_t)MIN(count, UINT32_MAX));
	loop_leave(audio->sink, before);
	return n;
}
