/* SPDX-License-Identifier: MIT */
/*
 * What a vGPU shows. A bridge that serves it knows; else only who has it open could be asked, and
 * nobody is: a query leaves traces in some drivers. What nobody has open has no guest, so nothing is
 * shown, except by the kernel's samples, which always do and which nothing harms.
 */
#include "bridge/list.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bridge/ask.h"
#include "bridge/manage.h"
#include "bridge/members.h"
#include "bridge/printable.h"
#include "render/format.h"
#include "vfio/device.h"
#include "vfio/vgpu.h"

/* mbochs answers the first query of each mode with an error. */
#define TRIES 4
#define TRY_STEP_NS 25000000

void bridges_ask(const char *root, struct bridges *bridges)
{
	char **paths = *root ? NULL : ask_all();

	bridges->states = g_ptr_array_new_with_free_func((GDestroyNotify)json_node_unref);
	bridges->names = g_ptr_array_new_with_free_func(g_free);
	for (size_t i = 0; paths && paths[i]; i++) {
		char why[512];
		struct asked *asked = ask_open(paths[i], why, sizeof(why));
		JsonNode *state = asked ? ask(asked, "status", NULL, NULL, why, sizeof(why)) : NULL;

		if (state) {
			g_ptr_array_add(bridges->states, state);
			g_ptr_array_add(bridges->names, g_strdup(ask_name(asked)));
		}
		ask_close(asked);
	}
	g_strfreev(paths);
}

void bridges_finish(struct bridges *bridges)
{
	g_ptr_array_free(bridges->states, TRUE);
	g_ptr_array_free(bridges->names, TRUE);
}

void shown_finish(struct shown *shown)
{
	g_free(shown->text);
	g_free(shown->format);
	g_free(shown->bridge);
}

/* By the UUID it was told or has found, or by the virtual machine that has the vGPU. */
static bool is_source(JsonObject *source, const struct inventory_vgpu *vgpu)
{
	const char *mdev = member_string(source, "mdev");
	const char *name = member_string(source, "name");
	const char *vm = member_string(source, "vm");

	if (mdev || (name && vgpu->uuid[0] && strstr(name, vgpu->uuid))) {
		return !mdev || !g_ascii_strcasecmp(mdev, vgpu->uuid);
	}
	for (size_t i = 0; vm && i < vgpu->n_holders; i++) {
		if (!strcmp(vgpu->holders[i].vm, vm)) {
			return true;
		}
	}
	return false;
}

static void fill_state(struct shown *shown, JsonObject *state, const char *bridge)
{
	JsonObject *display = member_object(state, "display");
	JsonObject *plane = display ? member_object(display, "plane") : NULL;
	const char *text = display ? member_string(display, "text") : NULL;
	int64_t width = plane ? member_int(plane, "width", 0) : 0;
	int64_t height = plane ? member_int(plane, "height", 0) : 0;
	const char *format = plane ? member_string(plane, "format") : NULL;
	const char *kind = plane ? member_string(plane, "kind") : NULL;
	uint32_t fourcc = 0;
	char name[64];

	shown->bridge = printable_copy(bridge, false);
	if (width > 0 && width <= PLANE_MAX_SIDE && height > 0 && height <= PLANE_MAX_SIDE &&
		format && strlen(format) == sizeof(fourcc)) {
		memcpy(&fourcc, format, sizeof(fourcc));
		shown->state = SHOWN_PICTURE;
		shown->width = (unsigned)width;
		shown->height = (unsigned)height;
		shown->format = g_strdup(format_name(fourcc, name, sizeof(name)));
		shown->text = g_strdup_printf("%ux%u %s, a %s; by the bridge %s", shown->width,
			shown->height, shown->format, kind ? kind : "plane", bridge);
	} else {
		shown->state = SHOWN_OFF;
		shown->text = g_strdup_printf("nothing, says the bridge %s%s%s", bridge,
			text ? ": " : "", text ? text : "");
	}
	printable_make(shown->text);
}

static bool ask_bridges(
	const struct bridges *bridges, const struct inventory_vgpu *vgpu, struct shown *shown)
{
	for (guint i = 0; i < bridges->states->len; i++) {
		JsonNode *node = bridges->states->pdata[i];
		JsonObject *state =
			JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
		JsonObject *source = state ? member_object(state, "source") : NULL;

		if (source && member_bool(source, "device", false) && is_source(source, vgpu)) {
			fill_state(shown, state, bridges->names->pdata[i]);
			return true;
		}
	}
	return false;
}

/* The samples' drivers: opening one resets nothing and wakes nobody. */
static bool is_sample(const struct inventory_parent *parent)
{
	return parent && (!strcmp(parent->driver, "mdpy") || !strcmp(parent->driver, "mbochs"));
}

static void fill_plane(struct shown *shown, const struct plane *plane)
{
	char name[64];

	shown->state = SHOWN_PICTURE;
	shown->width = plane->width;
	shown->height = plane->height;
	shown->format = g_strdup(format_name(plane->format, name, sizeof(name)));
	shown->text = g_strdup_printf("%ux%u %s, %s", plane->width, plane->height, shown->format,
		plane->kind == PLANE_KIND_REGION ? "a region" : "a dma-buf");
}

static void ask_device(const struct inventory_vgpu *vgpu, struct shown *shown)
{
	char why[512] = "";
	struct device_found found;
	struct vgpu *opened = NULL;
	struct vgpu_query query = {0};
	enum vgpu_answer answer = VGPU_TRANSIENT;

	if (device_find_mdev("", vgpu->uuid, &found, why, sizeof(why)) == 0) {
		opened = device_create(&found, why, sizeof(why));
	}
	if (!opened) {
		shown->text = g_strdup_printf("not known: %s", why);
		return;
	}
	for (int i = 0; i < TRIES && answer == VGPU_TRANSIENT; i++) {
		if (i > 0) {
			nanosleep(&(struct timespec){.tv_nsec = TRY_STEP_NS}, NULL);
		}
		answer = vgpu_query(opened, PLANE_PRIMARY, &query);
	}
	if (answer == VGPU_PICTURE) {
		fill_plane(shown, &query.plane);
	} else if (answer == VGPU_NO_PICTURE) {
		shown->state = SHOWN_OFF;
		shown->text = g_strdup("nothing: no mode is set");
	} else {
		shown->text = g_strdup("not known: the device gives no proper answer");
	}
	vgpu_destroy(opened);
}

void shown_look(const char *root, const struct inventory *inventory,
	const struct inventory_vgpu *vgpu, const struct bridges *bridges, struct shown *shown)
{
	const struct inventory_parent *parent = inventory_parent(inventory, vgpu->parent);
	char *holders;

	if (ask_bridges(bridges, vgpu, shown)) {
		return;
	}
	if (vgpu->n_holders > 0) {
		holders = holders_text(vgpu);
		shown->text = g_strdup_printf("not known: held by %s", holders);
		g_free(holders);
	} else if (!vgpu->holders_known) {
		shown->text = g_strdup("not known: who holds it can only be seen by root");
	} else if (is_sample(parent) && vgpu->uuid[0] && !*root) {
		ask_device(vgpu, shown);
	} else if (is_sample(parent)) {
		shown->text = g_strdup("not known");
	} else {
		shown->state = SHOWN_OFF;
		shown->text = g_strdup("nothing: no guest has it");
	}
}
