/* SPDX-License-Identifier: MIT */
/*
 * What a viewer hears and says: the pitch of the last half second, and a tone for the guest.
 *
 * Needs --audio, for else the session opens no channel for it. Nothing is really played or recorded.
 */
#include "tests/client/probe.h"

#include <math.h>
#include <string.h>

#define MAX_RATE 192000
#define SAY_MS 10
#define SAY_MAX 4096 /* frames in one go */
#define LEVEL 12000

struct sound {
	gboolean playing;
	gint rate;
	guint64 frames; /* heard in all */
	gint16 heard[MAX_RATE / 2]; /* the left side, a ring */

	SpiceRecordChannel *record;
	gboolean recording;
	gint record_rate;
	guint hz; /* of the tone that is said, 0: silence */
	guint64 said; /* frames */
	gint64 since; /* us: what has been said is up to date then */
	guint timer;
	SpicePlaybackChannel *playback;
};

static void on_play_start(
	SpicePlaybackChannel *channel, gint format, gint channels, gint rate, gpointer data)
{
	struct sound *sound = ((struct probe *)data)->sound;

	sound->playing = TRUE;
	sound->rate = CLAMP(rate, 1, MAX_RATE);
	sound->frames = 0;
	say("event play %d channels=%d format=%d", rate, channels, format);
}

static void on_play_data(SpicePlaybackChannel *channel, gpointer bytes, gint size, gpointer data)
{
	struct sound *sound = ((struct probe *)data)->sound;
	const gint16 *samples = bytes;

	for (gint i = 0; i + 1 < size / 2; i += 2) {
		sound->heard[sound->frames++ % (MAX_RATE / 2)] = samples[i];
	}
}

static void on_play_stop(SpicePlaybackChannel *channel, gpointer data)
{
	((struct probe *)data)->sound->playing = FALSE;
	say("event play-stop");
}

/* As many frames as the clock says since the start, as a sound card would. */
static gboolean on_say(gpointer data)
{
	struct sound *sound = ((struct probe *)data)->sound;
	gint16 samples[SAY_MAX * 2];
	gint64 now = g_get_monotonic_time();
	guint64 due = (guint64)(now - sound->since) * (guint64)sound->record_rate / G_USEC_PER_SEC;
	guint64 n = MIN(due - sound->said, SAY_MAX);

	for (guint64 i = 0; i < n; i++, sound->said++) {
		double turns = (double)sound->said * sound->hz / sound->record_rate;

		samples[2 * i] = (gint16)(sin(turns * 2 * G_PI) * (sound->hz ? LEVEL : 0));
		samples[2 * i + 1] = samples[2 * i];
	}
	if (n) {
		spice_record_channel_send_data(
			sound->record, samples, n * 4, (guint32)(g_get_monotonic_time() / 1000));
	}
	return G_SOURCE_CONTINUE;
}

static void on_record_start(
	SpiceRecordChannel *channel, gint format, gint channels, gint rate, gpointer data)
{
	struct sound *sound = ((struct probe *)data)->sound;

	sound->recording = TRUE;
	sound->record_rate = CLAMP(rate, 1, MAX_RATE);
	sound->said = 0;
	sound->since = g_get_monotonic_time();
	g_clear_handle_id(&sound->timer, g_source_remove);
	sound->timer = g_timeout_add(SAY_MS, on_say, data);
	say("event record %d channels=%d format=%d", rate, channels, format);
}

static void on_record_stop(SpiceRecordChannel *channel, gpointer data)
{
	struct sound *sound = ((struct probe *)data)->sound;

	sound->recording = FALSE;
	g_clear_handle_id(&sound->timer, g_source_remove);
	say("event record-stop");
}

static void sound_channel_new(struct probe *probe, SpiceChannel *channel, gint type)
{
	if (type == SPICE_CHANNEL_PLAYBACK) {
		g_set_object(&probe->sound->playback, SPICE_PLAYBACK_CHANNEL(channel));
		g_signal_connect(channel, "playback-start", G_CALLBACK(on_play_start), probe);
		g_signal_connect(channel, "playback-data", G_CALLBACK(on_play_data), probe);
		g_signal_connect(channel, "playback-stop", G_CALLBACK(on_play_stop), probe);
	} else if (type == SPICE_CHANNEL_RECORD) {
		g_set_object(&probe->sound->record, SPICE_RECORD_CHANNEL(channel));
		g_signal_connect(channel, "record-start", G_CALLBACK(on_record_start), probe);
		g_signal_connect(channel, "record-stop", G_CALLBACK(on_record_stop), probe);
	} else {
		return;
	}
	spice_channel_connect(channel);
}

static void sound_channel_destroy(struct probe *probe, SpiceChannel *channel)
{
	struct sound *sound = probe->sound;

	if (channel == (SpiceChannel *)sound->playback) {
		sound->playing = FALSE;
		g_clear_object(&sound->playback);
	} else if (channel == (SpiceChannel *)sound->record) {
		sound->recording = FALSE;
		g_clear_handle_id(&sound->timer, g_source_remove);
		g_clear_object(&sound->record);
	}
}

/* Of the last half second, once there is as much: by when the wave comes up through its middle. */
static void measure(const struct sound *sound, guint *hz, gint *level)
{
	guint64 count = (guint64)sound->rate / 2, first = 0, last = 0;
	guint waves = 0;
	gint low = G_MAXINT16, high = G_MININT16, middle;
	gboolean below = FALSE;

	*hz = 0;
	*level = 0;
	if (!count || sound->frames < count) {
		return;
	}
	for (guint64 i = sound->frames - count; i < sound->frames; i++) {
		low = MIN(low, sound->heard[i % (MAX_RATE / 2)]);
		high = MAX(high, sound->heard[i % (MAX_RATE / 2)]);
	}
	*level = (high - low) / 2;
	middle = (high + low) / 2;
	for (guint64 i = sound->frames - count; i < sound->frames; i++) {
		gint value = sound->heard[i % (MAX_RATE / 2)] - middle;

		/* Small waves on the large one do not count. */
		if (value < -*level / 2) {
			below = TRUE;
		} else if (value > *level / 2 && below) {
			below = FALSE;
			last = i;
			first = waves++ ? first : i;
		}
	}
	if (waves > 1) {
		*hz = (guint)(((waves - 1) * (guint64)sound->rate + (last - first) / 2) /
			(last - first));
	}
}

static void command_sound(struct probe *probe, char **arguments)
{
	struct sound *sound = probe->sound;
	gboolean mute = FALSE;
	guint16 *volume = NULL;
	guint hz;
	gint level;

	if (sound->playback) {
		g_object_get(sound->playback, "mute", &mute, "volume", &volume, NULL);
	}
	measure(sound, &hz, &level);
	say("ok playing=%d rate=%d frames=%" G_GUINT64_FORMAT " hz=%u level=%d mute=%d volume=%d "
	    "recording=%d record_rate=%d",
		sound->playing, sound->rate, sound->frames, hz, level, mute,
		volume ? volume[0] : -1, sound->recording, sound->record_rate);
}

static void command_sing(struct probe *probe, char **arguments)
{
	probe->sound->hz = (guint)to_number(arguments[0], 10);
	say("ok");
}

static void sound_init(struct probe *probe)
{
	probe->sound = g_new0(struct sound, 1);
}

static void sound_finish(struct probe *probe)
{
	g_clear_handle_id(&probe->sound->timer, g_source_remove);
	/* The channels may signal until the process ends. */
	for (guint i = 0; i < 2; i++) {
		gpointer channel =
			i ? (gpointer)probe->sound->record : (gpointer)probe->sound->playback;

		if (channel) {
			g_signal_handlers_disconnect_by_data(channel, probe);
			g_object_unref(channel);
		}
	}
	g_clear_pointer(&probe->sound, g_free);
}

static const struct command sound_commands[] = {
	{"sound", "", 0, 0, command_sound,
		"playing= rate= frames= hz= level= mute= volume= recording= record_rate=: what is "
		"heard"},
	{"sing", "HZ", 1, 1, command_sing, "a tone for the guest while it records; 0: silence"},
	{0},
};

const struct subject sound_subject = {
	.commands = sound_commands,
	.init = sound_init,
	.channel_new = sound_channel_new,
	.channel_destroy = sound_channel_destroy,
	.finish = sound_finish,
};
