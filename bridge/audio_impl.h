/* SPDX-License-Identifier: MIT */
/*
 * Inside audio.c and audio_link.c only: what is heard of a guest, and the way to its QEMU.
 *
 * audio_link.c connects, and tries again; audio.c carries sound between the listeners and the viewers.
 * Main thread.
 */
#ifndef BRIDGE_AUDIO_IMPL_H
#define BRIDGE_AUDIO_IMPL_H

#include <gio/gio.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/audio.h"
#include "bridge/audio_format.h"
#include "bridge/audio_listener.h"

struct seat {
	struct spice_audio *sound;
	struct spice_sink *sink;
	struct audio_queue behind; /* what its viewer has not taken yet */
};

struct monitor {
	struct audio *audio;
	struct qmp *qmp;
	bool refused; /* this QEMU offers no sound */
};

struct audio {
	struct qmp *qmp; /* of the guest that is heard; NULL: over the bus, or none */
	GPtrArray *monitors; /* struct monitor */
	bool shown; /* a guest is heard */
	char *bus; /* or NULL */
	struct seat *seats;
	size_t n_seats;
	bool watched;
	struct monitor *heard; /* the qmp's, or NULL */
	bool asked; /* QMP owes an answer */
	bool records; /* a seat does */
	guint retry, record_timer; /* 0: none */
	struct audio_state state; /* of what is played */
	char told[128], failure[128]; /* what the log has */
	uint64_t attempts, connects, dropped;
	struct audio_listener_counters done[2]; /* of listeners that are no more */

	int end; /* of a socket, for QEMU; -1: none */
	int own_end;
	GCancellable *cancellable;
	GDBusConnection *connection; /* to QEMU */
	struct audio_listener *listeners[2]; /* by direction */
};

/* audio_link.c */

/* Connects to QEMU, where that is wanted, possible and not under way. */
void audio_begin(struct audio *audio);
/* Lets go of QEMU. */
void audio_end(struct audio *audio);
/* The same, and tries again later: QEMU may be busy, or restart. why: for the log. */
void audio_fail(struct audio *audio, const char *why);

/* audio.c: of a listener, when there is something to take from it. data: the audio. */
void audio_on_play(void *data);
void audio_on_record(void *data);

#endif
