/* SPDX-License-Identifier: MIT */
/* What a server does when a device comes or goes, and when its display changes its size. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

#include "bridge/capture.h"
#include "bridge/command.h"
#include "bridge/log.h"
#include "bridge/options.h"
#include "bridge/report.h"
#include "bridge/sandbox.h"
#include "bridge/serve_impl.h"
#include "bridge/session.h"
#include "bridge/size.h"
#include "bridge/source.h"
#include "bridge/viewers.h"
#include "spice/port.h"
#include "vfio/vgpu.h"

static int set_edid(void *data, const void *blob, size_t size)
{
	struct server *server = data;

	return capture_set_edid(server->capture, blob, size);
}

static bool picture_size(void *data, uint32_t *width, uint32_t *height)
{
	struct server *server = data;
	struct session_counters *counters = capture_session_counters(server->capture);

	*width = counters->width;
	*height = counters->height;
	return counters->state == SESSION_PICTURE;
}

const struct size_ops serve_size_ops = {
	.set_edid = set_edid,
	.picture = picture_size,
};

/* While the device is still the main thread's to ask. */
static void tell_size(struct server *server, struct vgpu *vgpu)
{
	uint8_t blob[1024];
	int length = vgpu_edid_get(vgpu, blob, sizeof(blob));

	size_attached(server->size, &vgpu_info(vgpu)->edid, blob, length > 0 ? length : 0);
}

void serve_choose_resizer(struct server *server)
{
	struct vgpu_edid edid;
	bool takes = capture_edid_limits(server->capture, &edid);
	struct size_status status;

	size_tell(server->size, &status);
	if (server->viewers) {
		/* To size_request() also where it would only refuse. */
		spice_sink_set_resizes(viewers_sink(server->viewers, 0),
			status.mode != SIZE_AUTO || takes || !capture_attached(server->capture));
	}
}

/* A layout that the filter was not made for. Better without its EDID than ended by the first one. */
static void check_edid(const struct guest *guest, struct vgpu *vgpu)
{
	const struct server *server = guest->server;
	const struct vgpu_info *info = vgpu_info(vgpu);

	if (info->edid.present && guest->view.source != SOURCE_SIMULATE &&
		!server->options->no_syscall_filter && !sandbox_lets_edid(info->edid.offset)) {
		log_warning("source: the EDID region of %s lies at 0x%" PRIx64
			    ", where the filter of system calls lets nobody write: the display "
			    "keeps its size; --no-syscall-filter would change that",
			info->name, info->edid.offset);
		vgpu_edid_forget(vgpu);
	}
}

/*
 * What is tightened stays so. Among several sources a device without EDIDs that lays out its file as the
 * kernel's samples do says nothing of the next, and has nothing in the gap: there a sample's EDIDs still
 * work when it is switched to. A GPU's closes it for all.
 */
static void tighten(const struct server *server, const struct vgpu_info *info)
{
	if (server->n_guests == 1 || !info->sample) {
		sandbox_tighten(info->edid.present ? info->edid.offset : UINT64_MAX);
	}
}

static void tell_device(
	struct server *server, const char *event, const char *member, const char *text)
{
	JsonObject *data = json_object_new();

	report_set_text(data, member, text);
	event_tell(server, event, data);
}

/* The source found a device. */
static void on_arrived(void *data, struct vgpu *vgpu, int owner)
{
	struct guest *guest = data;
	struct server *server = guest->server;
	const struct vgpu_info *info = vgpu_info(vgpu);

	guest->present = true;
	log_info("source: %s, planes as %s%s", info->name, info->dmabuf ? "dma-buf" : "region",
		info->cursor_plane ? ", with a cursor" : "");
	check_edid(guest, vgpu);
	tell_size(server, vgpu);
	tighten(server, info);
	capture_attach(server->capture, vgpu, owner);
	server->missing[0] = '\0';
	snprintf(server->device, sizeof(server->device), "%s", info->name);
	tell_device(server, "device-arrived", "name", info->name);
	serve_tell_status(server);
	serve_choose_resizer(server);
	serve_conclude_switch(server);
}

static void on_waiting(void *data, const char *sentence)
{
	struct guest *guest = data;
	struct server *server = guest->server;

	guest->present = false;
	capture_detach(server->capture, sentence);
	snprintf(server->missing, sizeof(server->missing), "%s", sentence);
	if (server->device[0]) {
		server->device[0] = '\0';
		tell_device(server, "device-lost", "reason", sentence);
	}
	serve_tell_status(server);
	size_detached(server->size);
	serve_conclude_switch(server);
}

static void on_source_ended(void *data, int status)
{
	const struct guest *guest = data;
	struct server *server = guest->server;

	server->status = status;
	g_main_loop_quit(server->loop);
}

const struct source_events serve_source_events = {
	.arrived = on_arrived,
	.waiting = on_waiting,
	.ended = on_source_ended,
};

static gboolean on_lost_main(gpointer data)
{
	struct server *server = data;

	/* Meanwhile another may have come by --fd-socket, or another source may have been chosen. */
	if (server->shown && server->shown->present && !capture_attached(server->capture)) {
		log_info("the device was let go");
		snprintf(server->missing, sizeof(server->missing), "it was let go");
		server->device[0] = '\0';
		tell_device(server, "device-lost", "reason", server->missing);
		serve_tell_status(server);
		size_detached(server->size);
		server->shown->present = false;
		source_look(server->shown->source);
	}
	return G_SOURCE_REMOVE;
}

/* On the capture thread: what is to be done is done on the main one. */
static void on_lost(void *data)
{
	g_idle_add_full(G_PRIORITY_DEFAULT, on_lost_main, data, NULL);
}

const struct capture_events serve_capture_events = {
	.lost = on_lost,
	.changed = serve_display_changed,
};
