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
