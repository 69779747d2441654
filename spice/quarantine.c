/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "spice/impl.h"

/*
 * When a viewer ends just while the worker waits for the first words of its display channel, the
 * library (0.15.1) frees the channel and asks it once more whether it is connected. It would say no,
 * had the memory not been written to by free(). Any viewer could end us so. Thus what the worker frees
 * in that wait is kept until it is over. The library frees by g_free(), and the program's own comes
 * before GLib's; that g_free() is free() GLib promises since 2.46.
 */
#define HELD_MAX 256 /* the wait is for one channel: some dozens */

static _Thread_local struct {
	void *memory[HELD_MAX]; /* the oldest is replaced first */
	unsigned next;
	bool on;
} held;

void(g_free)(gpointer memory)
{
	void *gone = memory;

	if (held.on && memory) {
		gone = held.memory[held.next];
		held.memory[held.next] = memory;
		held.next = (held.next + 1) % HELD_MAX;
	}
	free(gone);
}

void quarantine_begin(void)
{
	held.on = true;
}

void quarantine_end(void)
{
	if (!held.on) {
		return;
	}
	held.on = false;
	for (unsigned i = 0; i < HELD_MAX; i++) {
		free(held.memory[i]);
		held.memory[i] = NULL;
	}
}
