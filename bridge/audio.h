/* SPDX-License-Identifier: MIT */
/*
 * Sound between the guest and its viewers, where QEMU offers it by D-Bus (-audiodev dbus,id=ID with
 * -display dbus,audiodev=ID).
 *
 * There are two ways to QEMU. With p2p=yes there is no bus and no daemon: it is handed one end of a
 * socket over QMP. With addr=ADDRESS it is on a bus, and we go there too. Main thread. It borrows the
 * qmps, which must be destroyed before it, and the sinks, which must be destroyed after it. Of several
 * guests only the one shown is heard, and hears.
 */
#ifndef BRIDGE_AUDIO_H
#define BRIDGE_AUDIO_H

#include <stdbool.h>
#include <stddef.h>

#include "bridge/audio_listener.h"

struct audio;
struct qmp;
struct spice_sink;

struct audio_counters {
	uint64_t attempts; /* to reach QEMU's sound */
	uint64_t connects;
	struct audio_listener_counters play, record;
	uint64_t behind; /* frames dropped for viewers that do not keep up */
};

/* bus: address of the bus that QEMU is on, or NULL: over a qmp. Does not return NULL. */
struct audio *audio_create(const char *bus);
/* A guest's monitor. Once for each, before audio_show(). Nothing is done with it where there is a bus. */
void audio_add_monitor(struct audio *audio, struct qmp *qmp);
/*
 * Is a guest heard? By this monitor (NULL: it has none), or the one on the bus. At first there is
 * silence.
 */
void audio_show(struct audio *audio, struct qmp *qmp, bool shown);
void audio_destroy(struct audio *audio);

/* Viewers of this sink hear the guest and, if record, it hears them. 0, or -errno with why. */
int audio_add(
	struct audio *audio, struct spice_sink *sink, bool record, char *why, size_t why_size);
/* Is there any viewer? Without one QEMU is not asked for sound. */
void audio_set_watched(struct audio *audio, bool watched);

void audio_count(struct audio *audio, struct audio_counters *counters);

#endif
