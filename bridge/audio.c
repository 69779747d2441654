/* SPDX-License-Identifier: MIT */
/* Sound between the guest that is shown and the viewers; audio_link.c has the way to its QEMU. */
#include <errno.h>
#include <string.h>

#include "bridge/audio_impl.h"
#include "bridge/log.h"
#include "bridge/qmp.h"
#include "spice/audio.h"
#include "spice/sink.h"

#define RECORD_MS 10 /* how often viewers' sound is fetched */
#define CHUNK 1024 /* frames */

/* What the guest plays. */

static void push(struct audio *audio, struct seat *seat, const uint32_t *frames, size_t count)
{
	const uint32_t *waiting;
	size_t n, taken;

	if (!spice_sink_wants(seat->sink)) {
		audio_queue_drop(&seat->behind, seat->behind.count);
		return;
	}
	while ((n = audio_queue_peek(&seat->behind, &waiting))) {
		taken = spice_audio_play(seat->sound, waiting, n);
		audio_queue_drop(&seat->behind, taken);
		if (taken < n) {
			break;
		}
	}
	taken = seat->behind.count ? 0 : spice_audio_play(seat->sound, frames, count);
	audio->dropped += audio_queue_put(&seat->behind, frames + taken, count - taken);
}

static void follow_state(struct audio *audio, const struct audio_state *now)
{
	struct audio_state *before = &audio->state;
	bool volume = now->volume_known &&
		(!before->volume_known || now->mute != before->mute || now->left != before->left ||
			now->right != before->right);

	for (size_t i = 0; i < audio->n_seats; i++) {
		struct seat *seat = &audio->seats[i];

		if (now->rate != before->rate) {
			spice_audio_set_playing(seat->sound, now->rate);
			audio_queue_reset(&seat->behind, (size_t)now->rate * AUDIO_QUEUE_MS / 1000);
		}
		if (volume) {
			spice_audio_set_volume(seat->sound, now->mute, now->left, now->right);
		}
	}
	*before = *now;
}

static void tell_trouble(struct audio *audio, const struct audio_state *state)
{
	if (state->trouble[0] && strcmp(audio->told, state->trouble) != 0) {
		log_warning(
			"a sound of the guest can't be passed on: it has %s; leave the audiodev's "
			"fixed-settings on",
			state->trouble);
		memcpy(audio->told, state->trouble, sizeof(audio->told));
	}
}

void audio_on_play(void *data)
{
	struct audio *audio = data;
	struct audio_listener *listener = audio->listeners[AUDIO_OUT];
	struct audio_state state;
	uint32_t frames[CHUNK];
	size_t n, total = 0;

	if (audio_listener_ended(listener)) {
		audio_fail(audio, "QEMU plays no more");
		return;
	}
	audio_listener_state(listener, &state);
	tell_trouble(audio, &state);
	follow_state(audio, &state);
	/* No more than is kept, however fast QEMU writes: each write brings us here again. */
	while (total < SPICE_AUDIO_MAX_RATE * AUDIO_QUEUE_MS / 1000 &&
		(n = audio_listener_take(listener, frames, CHUNK))) {
		total += n;
		for (size_t i = 0; i < audio->n_seats; i++) {
			push(audio, &audio->seats[i], frames, n);
		}
	}
}

/* What the guest records: one viewer's sound, and nobody's beside it. */

static gboolean on_record_timer(gpointer data)
{
	struct audio *audio = data;
	uint32_t frames[CHUNK];
	size_t n, total;
	bool had = false;

	for (size_t i = 0; i < audio->n_seats; i++) {
		total = 0;
		/* No more than the listener would keep, however fast a viewer sends. */
		while (total < SPICE_AUDIO_MAX_RATE * AUDIO_QUEUE_MS / 1000 &&
			(n = spice_audio_record(audio->seats[i].sound, frames, CHUNK))) {
			if (!had) {
				audio_listener_put(audio->listeners[AUDIO_IN], frames, n);
			}
			total += n;
		}
		had |= total > 0;
	}
	return G_SOURCE_CONTINUE;
}

void audio_on_record(void *data)
{
	struct audio *audio = data;
	struct audio_listener *listener = audio->listeners[AUDIO_IN];
	struct audio_state state;

	if (audio_listener_ended(listener)) {
		audio_fail(audio, "QEMU records no more");
		return;
	}
	audio_listener_state(listener, &state);
	tell_trouble(audio, &state);
	for (size_t i = 0; i < audio->n_seats; i++) {
		spice_audio_set_recording(audio->seats[i].sound, state.rate);
	}
	if (state.rate && !audio->record_timer) {
		audio->record_timer = g_timeout_add(RECORD_MS, on_record_timer, audio);
	} else if (!state.rate) {
		g_clear_handle_id(&audio->record_timer, g_source_remove);
	}
}

static void on_qmp(void *data, bool connected)
{
	struct monitor *monitor = data;
	struct audio *audio = monitor->audio;

	monitor->refused &= !connected;
	if (monitor != audio->heard) {
		return;
	}
	if (connected) {
		audio_begin(audio);
	} else {
		audio_end(audio);
	}
}

static const struct qmp_events qmp_events = {.connected = on_qmp};

struct audio *audio_create(const char *bus)
{
	struct audio *audio = g_new0(struct audio, 1);

	audio->bus = g_strdup(bus);
	audio->monitors = g_ptr_array_new_with_free_func(g_free);
	audio->end = -1;
	audio->own_end = -1;
	return audio;
}

void audio_add_monitor(struct audio *audio, struct qmp *qmp)
{
	struct monitor *monitor;

	if (audio->bus) {
		return;
	}
	monitor = g_new(struct monitor, 1);
	*monitor = (struct monitor){.audio = audio, .qmp = qmp};
	g_ptr_array_add(audio->monitors, monitor);
	qmp_add_events(qmp, &qmp_events, monitor);
}

void audio_show(struct audio *audio, struct qmp *qmp, bool shown)
{
	audio_end(audio);
	g_clear_handle_id(&audio->retry, g_source_remove);
	audio->heard = NULL;
	for (guint i = 0; i < audio->monitors->len; i++) {
		struct monitor *monitor = g_ptr_array_index(audio->monitors, i);

		if (monitor->qmp == qmp) {
			audio->heard = monitor;
		}
	}
	audio->qmp = audio->heard ? qmp : NULL;
	audio->shown = shown && (audio->bus || audio->heard);
	audio_begin(audio);
}

void audio_destroy(struct audio *audio)
{
	if (!audio) {
		return;
	}
	audio_end(audio);
	g_clear_handle_id(&audio->retry, g_source_remove);
	for (size_t i = 0; i < audio->n_seats; i++) {
		spice_audio_destroy(audio->seats[i].sound);
		audio_queue_finish(&audio->seats[i].behind);
	}
	g_free(audio->seats);
	g_ptr_array_unref(audio->monitors);
	g_free(audio->bus);
	g_free(audio);
}

int audio_add(struct audio *audio, struct spice_sink *sink, bool record, char *why, size_t why_size)
{
	struct spice_audio *sound = spice_audio_create(sink, record, why, why_size);
	struct seat *seat;

	if (!sound) {
		return -errno;
	}
	audio->seats = g_renew(struct seat, audio->seats, audio->n_seats + 1);
	seat = &audio->seats[audio->n_seats++];
	*seat = (struct seat){.sound = sound, .sink = sink};
	audio->records |= record;
	return 0;
}

void audio_set_watched(struct audio *audio, bool watched)
{
	if (watched == audio->watched) {
		return;
	}
	audio->watched = watched;
	if (watched) {
		audio_begin(audio);
	} else {
		audio_end(audio);
		g_clear_handle_id(&audio->retry, g_source_remove);
	}
}

void audio_count(struct audio *audio, struct audio_counters *counters)
{
	*counters = (struct audio_counters){
		.attempts = audio->attempts,
		.connects = audio->connects,
		.play = audio->done[AUDIO_OUT],
		.record = audio->done[AUDIO_IN],
		.behind = audio->dropped,
	};
	if (audio->listeners[AUDIO_OUT]) {
		audio_listener_count(audio->listeners[AUDIO_OUT], &counters->play);
	}
	if (audio->listeners[AUDIO_IN]) {
		audio_listener_count(audio->listeners[AUDIO_IN], &counters->record);
	}
}
