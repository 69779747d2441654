/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "spice/impl.h"

#define SWEEP_SOON_MS 5 /* the event comes a little before the close */
#define SWEEP_MS 1000
#define POLL_MAX_MS 5
#define CONNECTING_MAX_MS 300
#define PLACE_MS 50 /* by then the worker knows of a new cursor channel */

void sink_ready(struct spice_sink *sink)
{
	if (sink->events->ready && !atomic_load(&sink->closing)) {
		sink->events->ready(sink->events_data);
	}
}

void sink_shut(struct spice_sink *sink, enum sockets_which which)
{
	if (!atomic_load(&sink->connecting)) {
		atomic_fetch_add(&sink->counters.viewers_shut, sockets_shut(&sink->sockets, which));
	}
}

static void sweep(struct spice_sink *sink)
{
	if (sockets_sweep(&sink->sockets)) {
		loop_source_in(sink->sweep, SWEEP_MS);
	}
}

/* A frame waits for a socket, and nothing else tells us that it has got emptier. */
static void poll_sockets(struct spice_sink *sink)
{
	int ms;

	if (!sockets_behind(&sink->sockets)) {
		display_check_ready(sink);
		return;
	}
	ms = MIN(atomic_load(&sink->poll_ms) * 2, POLL_MAX_MS);
	atomic_store(&sink->poll_ms, ms);
	loop_source_in(sink->poll, ms);
}

/*
 * The library names a connection by its info from the call on that brings it in. One is linked when it
 * has passed the check of who it is.
 */
static void tell_connection(struct spice_sink *sink, int event, const SpiceChannelEventInfo *info)
{
	void *connection;

	if (event == SPICE_CHANNEL_EVENT_CONNECTED) {
		if (sink->adding >= 0) {
			sockets_name(&sink->sockets, sink->adding, info);
		}
		return;
	}
	connection = sockets_told(&sink->sockets, info, event == SPICE_CHANNEL_EVENT_DISCONNECTED);
	if (!connection || atomic_load(&sink->closing)) {
		return;
	}
	if (event == SPICE_CHANNEL_EVENT_INITIALIZED) {
		sink->events->linked(
			sink->events_data, connection, info->type, (uint32_t)info->connection_id);
	} else {
		sink->events->ended(sink->events_data, connection);
	}
}

/* The dictionary of GLZ keeps drawables long after they were sent. */
static bool uses_dictionary(enum spice_compression compression)
{
	return compression == SPICE_COMPRESSION_GLZ || compression == SPICE_COMPRESSION_AUTO_GLZ;
}

void sink_channel_event(struct spice_sink *sink, int event, const SpiceChannelEventInfo *info)
{
	unsigned count;

	tell_connection(sink, event, info);
	if (event == SPICE_CHANNEL_EVENT_DISCONNECTED) {
		loop_source_in(sink->sweep, SWEEP_SOON_MS);
	}
	if (info->type == SPICE_CHANNEL_INPUTS) {
		inputs_channel_event(sink, event, info);
	}
	if (info->type == SPICE_CHANNEL_CURSOR && event == SPICE_CHANNEL_EVENT_INITIALIZED) {
		loop_source_in(sink->place, PLACE_MS);
	}
	/* CONNECTED comes before anything is known of the connection, INITIALIZED after its ticket. */
	if (info->type != SPICE_CHANNEL_MAIN || event == SPICE_CHANNEL_EVENT_CONNECTED) {
		return;
	}
	if (event == SPICE_CHANNEL_EVENT_INITIALIZED) {
		mode_blank(sink);
		display_joined(sink);
		atomic_fetch_add(&sink->counters.viewers_total, 1);
		atomic_fetch_add(&sink->generation, 1);
		count = atomic_fetch_add(&sink->viewers, 1) + 1;
	} else {
		count = atomic_fetch_sub(&sink->viewers, 1) - 1;
	}
	if (!count) {
		sink->display.gate_on_release = !uses_dictionary(sink->compression);
		pointer_withhold(sink);
	}
	mode_viewers_changed(sink, count);
	if (sink->events->viewers && !atomic_load(&sink->closing)) {
		sink->events->viewers(sink->events_data, count);
	}
	sink_ready(sink);
}

static SpiceImageCompression library_compression(enum spice_compression compression)
{
	switch (compression) {
	case SPICE_COMPRESSION_AUTO: /* the library does not compress for unix sockets */
	case SPICE_COMPRESSION_LZ4:
		return SPICE_IMAGE_COMPRESSION_LZ4;
	case SPICE_COMPRESSION_QUIC:
		return SPICE_IMAGE_COMPRESSION_QUIC;
	case SPICE_COMPRESSION_GLZ:
		return SPICE_IMAGE_COMPRESSION_GLZ;
	case SPICE_COMPRESSION_AUTO_LZ:
		return SPICE_IMAGE_COMPRESSION_AUTO_LZ;
	case SPICE_COMPRESSION_AUTO_GLZ:
		return SPICE_IMAGE_COMPRESSION_AUTO_GLZ;
	case SPICE_COMPRESSION_OFF:
		break;
	}
	return SPICE_IMAGE_COMPRESSION_OFF;
}

static int configure(struct spice_sink *sink, const struct spice_sink_options *options, char *why,
	size_t why_size)
{
	SpiceServer *server = sink->server;
	struct access_place place;
	int ret = access_configure(sink, options, &place, why, why_size);

	if (ret < 0) {
		goto out;
	}
	spice_sink_set_name(sink, options->name, options->uuid);
	if (spice_server_set_image_compression(server, library_compression(options->compression)) <
		0) {
		snprintf(why, why_size, "libspice-server lacks compression %d: choose another",
			options->compression);
		ret = -ENOTSUP;
		goto out;
	}
	/* Both would make pictures lossy or slow on links that it judges narrow. */
	spice_server_set_jpeg_compression(server, SPICE_WAN_COMPRESSION_NEVER);
	spice_server_set_zlib_glz_compression(server, SPICE_WAN_COMPRESSION_NEVER);
	/*
	 * Off with every version: below 0.16 a detected video is shown 400 ms late, and from 0.16 on
	 * spice-gtk drops frames instead.
	 */
	spice_server_set_streaming_video(server, SPICE_STREAM_VIDEO_OFF);
	spice_server_set_agent_mouse(server, FALSE);
	spice_server_set_agent_copypaste(server, FALSE);
	spice_server_set_agent_file_xfer(server, FALSE);
	spice_server_set_playback_compression(server, FALSE);

	if (spice_server_init(server, &sink->core) != 0) {
		snprintf(why, why_size, "libspice-server could not be started%s",
			options->tls ? ", most likely for the files of TLS" : "");
		ret = -EIO;
	}

out:
	access_leave_place(&place);
	return ret;
}

static int add_display(struct spice_sink *sink, char *why, size_t why_size)
{
	display_fill_qxl(&sink->qxl_interface);
	sink->qxl.base.sif = &sink->qxl_interface.base;
	if (spice_server_add_interface(sink->server, &sink->qxl.base) < 0) {
		snprintf(why, why_size, "libspice-server took no display");
		return -EIO;
	}
	sink->qxl_added = true;
	/* One slot over all memory: addresses in commands are plain pointers. */
	spice_qxl_add_memslot(&sink->qxl,
		&(QXLDevMemSlot){
			.virt_end = ~(uintptr_t)0,
			.qxl_ram_size = ~0u,
		});
	return 0;
}

struct spice_sink *spice_sink_create(
	const struct spice_sink_options *options, char *why, size_t why_size)
{
	struct spice_sink *sink = g_new0(struct spice_sink, 1), *before;
	int ret;

	signal(SIGPIPE, SIG_IGN); /* the library writes to sockets that viewers close */
	sink->events = options->events;
	sink->events_data = options->events_data;
	sink->adding = -1;
	sink->view_only = options->view_only;
	sockets_init(&sink->sockets);
	display_init(sink);
	pointer_init(sink);
	ports_init(sink);
	inputs_init(sink);
	sink->sasl = options->sasl;
	sink->compression = options->compression;
	sink->display.gate_on_release = !uses_dictionary(options->compression);
	sink->sweep = loop_source_new(sweep, sink);
	sink->poll = loop_source_new(poll_sockets, sink);
	sink->place = loop_source_new(pointer_place_again, sink);
	loop_fill_core(&sink->core);
	ret = watchdog_init(sink);
	if (ret < 0) {
		snprintf(why, why_size, "no watchdog for stalled viewers: %s", strerror(-ret));
		goto error;
	}
	sink->server = spice_server_new();

	before = loop_enter(sink);
	ret = configure(sink, options, why, why_size);
	if (!ret) {
		ret = add_display(sink, why, why_size);
	}
	if (!ret) {
		ret = mode_init(sink, why, why_size);
	}
	if (!ret) {
		sink->agent = options->view_only ? NULL : agent_create(sink);
		spice_server_vm_start(sink->server);
	}
	loop_leave(sink, before);
	if (!ret) {
		return sink;
	}
error:
	spice_sink_destroy(sink);
	errno = -ret;
	return NULL;
}

void spice_sink_destroy(struct spice_sink *sink)
{
	struct spice_sink *before;

	if (!sink) {
		return;
	}
	atomic_store(&sink->closing, true);
	for (int i = 0; i < CONNECTING_MAX_MS && atomic_load(&sink->connecting); i++) {
		g_usleep(1000);
	}
	if (atomic_load(&sink->connecting)) {
		/* The library can neither be waited for nor be cut short: leave it as it is. */
		loop_forget(sink);
		return;
	}
	/* Viewers that stand still would hold the library up. */
	sink_shut(sink, SOCKETS_ALL);
	if (sink->server) {
		before = loop_enter(sink);
		if (sink->qxl_added) {
			spice_server_vm_stop(sink->server);
		}
		agent_destroy(sink->agent);
		if (sink->qxl_added) {
			spice_server_remove_interface(&sink->qxl.base);
			sink->qxl_added = false;
		}
		spice_server_destroy(sink->server);
		loop_leave(sink, before);
		loop_forget(sink);
	}
	watchdog_finish(sink);
	loop_source_free(sink->sweep);
	loop_source_free(sink->poll);
	loop_source_free(sink->place);
	display_finish(sink);
	pointer_finish(sink);
	mode_finish(sink);
	ports_finish(sink);
	inputs_finish(sink);
	sockets_finish(&sink->sockets);
	g_free(sink);
}

int spice_sink_add_client(struct spice_sink *sink, int fd, bool tls, void *connection)
{
	struct spice_sink *before;
	int ret;

	sockets_sweep(&sink->sockets);
	ret = sockets_add(&sink->sockets, fd, connection);
	if (ret < 0) {
		close(fd);
		goto error;
	}
	before = loop_enter(sink);
	sink->adding = fd;
	ret = tls ? spice_server_add_ssl_client(sink->server, fd, 0)
		  : spice_server_add_client(sink->server, fd, 0);
	sink->adding = -1;
	loop_leave(sink, before);
	if (ret < 0) {
		connection = sockets_untaken(&sink->sockets, fd);
		close(fd); /* the library leaves it open when it fails */
		sockets_sweep(&sink->sockets);
		ret = -EIO;
		goto error;
	}
	loop_source_in(sink->sweep, SWEEP_MS);
	return 0;

error:
	if (connection) {
		sink->events->ended(sink->events_data, connection);
	}
	return ret;
}

int spice_sink_set_compression(struct spice_sink *sink, enum spice_compression compression)
{
	struct spice_sink *before = loop_enter(sink);
	int ret =
		spice_server_set_image_compression(sink->server, library_compression(compression));

	loop_leave(sink, before);
	if (ret < 0) {
		return -ENOTSUP;
	}
	sink->compression = compression;
	/*
	 * Viewers who are here keep the method that they came with, and a dictionary its frames. So it
	 * is gone when they are.
	 */
	if (uses_dictionary(compression)) {
		sink->display.gate_on_release = false;
	}
	return 0;
}

void spice_sink_drop(struct spice_sink *sink, const void *connection)
{
	sockets_drop(&sink->sockets, connection);
}

struct spice_sink_counters *spice_sink_counters(struct spice_sink *sink)
{
	return &sink->counters;
}

bool spice_sink_wants(const struct spice_sink *sink)
{
	return atomic_load(&sink->viewers) > 0;
}

unsigned spice_sink_generation(const struct spice_sink *sink)
{
	return atomic_load(&sink->generation);
}
