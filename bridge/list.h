/* SPDX-License-Identifier: MIT */
/*
 * The verb list in its parts: what vGPUs show, and the two ways to print it all.
 *
 * Plain data of the one who asked. Main thread.
 */
#ifndef BRIDGE_LIST_H
#define BRIDGE_LIST_H

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdint.h>

#include "vfio/inventory.h"

struct shown {
	enum {
		SHOWN_UNKNOWN, /* text says why */
		SHOWN_OFF,
		SHOWN_PICTURE,
	} state;
	char *text; /* a phrase for people, for g_free() */
	/* Of a picture, where they are known. */
	unsigned width, height; /* pixels */
	char *format; /* "XRGB8888"; NULL */
	char *bridge; /* who said so, when it was one of ours; NULL */
};

/* The bridges that run on this host, each asked for its state. */
struct bridges {
	GPtrArray *states; /* JsonNode */
	GPtrArray *names; /* char * */
};

void bridges_ask(const char *root, struct bridges *bridges);
void bridges_finish(struct bridges *bridges);

/*
 * What the vGPU shows: of a bridge of ours that serves it, or of the device itself where that can do
 * no harm. Finish it.
 */
void shown_look(const char *root, const struct inventory *inventory,
	const struct inventory_vgpu *vgpu, const struct bridges *bridges, struct shown *shown);
void shown_finish(struct shown *shown);

void list_print(const char *root, const struct inventory *inventory, const struct shown *shown);
void list_print_json(
	const char *root, const struct inventory *inventory, const struct shown *shown);

#endif
