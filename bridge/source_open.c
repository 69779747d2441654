/* SPDX-License-Identifier: MIT */
/* One device of a source, for the verb probe. */
#include <errno.h>
#include <glib.h>
#include <unistd.h>

#include "bridge/options.h"
#include "bridge/source.h"
#include "vfio/vgpu.h"

struct single {
	struct vgpu *vgpu;
	GMainLoop *loop;
};

static void on_arrived(void *data, struct vgpu *vgpu, int owner)
{
	struct single *single = data;

	if (owner >= 0) {
		close(owner);
	}
	if (single->vgpu) {
		vgpu_destroy(single->vgpu);
	}
	single->vgpu = vgpu;
	g_main_loop_quit(single->loop);
}

static void on_waiting(void *data, const char *sentence)
{
}

static void on_ended(void *data, int status)
{
	struct single *single = data;

	g_main_loop_quit(single->loop);
}

struct vgpu *source_open(
	const struct options *options, struct broker *broker, char *why, size_t why_size)
{
	static const struct source_events events = {
		.arrived = on_arrived, .waiting = on_waiting, .ended = on_ended};
	struct single single = {.vgpu = NULL};
	struct source *source = source_create(options, broker, &events, &single, why, why_size);

	if (!source) {
		return NULL;
	}
	if (!source_info(source) && options->source != SOURCE_FD_SOCKET &&
		options->source != SOURCE_RUN) {
		int rc = source_reason(source, why, why_size);

		source_destroy(source);
		errno = -rc;
		return NULL;
	}
	single.loop = g_main_loop_new(NULL, FALSE);
	source_start(source);
	if (!single.vgpu) {
		g_main_loop_run(single.loop);
	}
	g_main_loop_unref(single.loop);
	source_destroy(source);
	return single.vgpu;
}
