/* SPDX-License-Identifier: MIT */
#include "bridge/stats.h"

#include <glib.h>
#include <inttypes.h>
#include <stdint.h>

#include "bridge/audio.h"
#include "bridge/capture.h"
#include "bridge/desk.h"
#include "bridge/input.h"
#include "bridge/qmp.h"
#include "bridge/relays.h"
#include "bridge/sandbox.h"
#include "bridge/session.h"
#include "bridge/source.h"
#include "bridge/shot.h"
#include "bridge/size.h"
#include "bridge/viewers.h"
#include "spice/sink.h"
#include "vfio/vgpu.h"

struct field {
	const char *name;
	uint64_t value;
};

static void add_object(GString *json, const char *name, const struct field *fields, size_t count)
{
	g_string_append_printf(json, "%s\"%s\":{", json->len > 1 ? "," : "", name);
	for (size_t i = 0; i < count; i++) {
		g_string_append_printf(json, "%s\"%s\":%" PRIu64, i > 0 ? "," : "", fields[i].name,
			fields[i].value);
	}
	g_string_append_c(json, '}');
}

#define FIELD(counters, name)           \
	{                               \
#name, (counters)->name \
	}

static void add_vgpu(GString *json, struct capture *capture)
{
	struct vgpu_counters sum, *c = &sum;

	capture_vgpu_counters(capture, &sum);

	struct field fields[] = {FIELD(c, ioctls), FIELD(c, queries), FIELD(c, fetches),
		FIELD(c, maps), FIELD(c, transient), FIELD(c, stale)};
	struct field refused[PLANE_REFUSAL_COUNT];

	add_object(json, "vgpu", fields, G_N_ELEMENTS(fields));
	for (int i = 1; i < PLANE_REFUSAL_COUNT; i++) {
		refused[i] = (struct field){plane_refusal_name(i), c->refused[i]};
	}
	add_object(json, "refused", refused + 1, PLANE_REFUSAL_COUNT - 1);
}

static void add_capture(GString *json, struct capture *capture)
{
	struct renderer_counters *r = capture_renderer_counters(capture);
	struct session_counters *s = capture_session_counters(capture);
	struct capture_counters *c = capture_counters(capture);
	struct field render[] = {FIELD(r, imports), FIELD(r, cpu_maps), FIELD(r, passes),
		FIELD(r, gl_calls), FIELD(r, bytes_compared), FIELD(r, bytes_read_back),
		FIELD(r, tiles_dirty), FIELD(r, faults), FIELD(r, import_failures)};
	struct field session[] = {FIELD(s, looks), FIELD(s, cards), FIELD(s, cards_failed),
		FIELD(s, held), FIELD(s, stale_retries), FIELD(s, vanished), FIELD(s, read_failed),
		FIELD(s, import_failed), FIELD(s, no_memory), FIELD(s, cursor_failed),
		FIELD(s, log_suppressed), FIELD(s, state), FIELD(s, width), FIELD(s, height)};
	struct field fields[] = {FIELD(c, ticks), FIELD(c, frames), FIELD(c, rects),
		FIELD(c, bytes), FIELD(c, blocked), FIELD(c, no_memory), FIELD(c, rests),
		FIELD(c, devices), FIELD(c, lost), FIELD(c, hurries), FIELD(c, edids),
		FIELD(c, edids_failed)};

	add_object(json, "render", render, G_N_ELEMENTS(render));
	add_object(json, "session", session, G_N_ELEMENTS(session));
	add_object(json, "capture", fields, G_N_ELEMENTS(fields));
}

/* The sum of all seats. */
static void add_spice(GString *json, struct viewers *viewers)
{
	struct field sum[32];
	size_t count = 0;

	for (unsigned i = 0; i < viewers_seats(viewers); i++) {
		struct spice_sink_counters *c = spice_sink_counters(viewers_sink(viewers, i));
		struct field fields[] = {FIELD(c, frames), FIELD(c, frames_dropped),
			FIELD(c, drawables), FIELD(c, drawables_live), FIELD(c, bytes),
			FIELD(c, cursor_sets), FIELD(c, cursor_moves), FIELD(c, cursor_hides),
			FIELD(c, cursor_dropped), FIELD(c, mode_switches), FIELD(c, viewers_total),
			FIELD(c, viewers_shut), FIELD(c, ports_dropped), FIELD(c, held_fence),
			FIELD(c, held_release), FIELD(c, held_socket)};

		G_STATIC_ASSERT(G_N_ELEMENTS(fields) <= G_N_ELEMENTS(sum));
		count = G_N_ELEMENTS(fields);
		for (size_t j = 0; j < count; j++) {
			fields[j].value += i ? sum[j].value : 0;
			sum[j] = fields[j];
		}
	}
	add_object(json, "spice", sum, count);
}

static void add_viewers(GString *json, struct viewers *viewers)
{
	struct viewers_counters *c = viewers_counters(viewers);
	struct field fields[] = {FIELD(c, accepted), FIELD(c, linked), FIELD(c, ended),
		FIELD(c, timed_out), FIELD(c, crowded_out), FIELD(c, uid_refused),
		FIELD(c, web_refused), FIELD(c, not_taken), FIELD(c, by_peer), FIELD(c, strays),
		FIELD(c, took_over), FIELD(c, waiting)};

	add_object(json, "viewers", fields, G_N_ELEMENTS(fields));
}

static void add_size(GString *json, const struct size *size)
{
	const struct size_counters *c = size_counters(size);
	struct field fields[] = {FIELD(c, requests), FIELD(c, refused), FIELD(c, settled),
		FIELD(c, unchanged), FIELD(c, without_edid), FIELD(c, limited), FIELD(c, changes),
		FIELD(c, failed)};

	add_object(json, "size", fields, G_N_ELEMENTS(fields));
}

static void add_shot(GString *json, const struct shot *shot)
{
	const struct shot_counters *c = shot_counters(shot);
	struct field fields[] = {FIELD(c, requests), FIELD(c, pictures), FIELD(c, refused),
		FIELD(c, timed_out), FIELD(c, failed), FIELD(c, not_fetched)};

	add_object(json, "shot", fields, G_N_ELEMENTS(fields));
}

static void add_input(GString *json, struct input *input, const struct qmp *qmp)
{
	static const struct input_counters no_input;
	static const struct qmp_counters no_qmp;
	const struct input_counters *c = input ? input_counters(input) : &no_input;
	const struct qmp_counters *q = qmp ? qmp_counters(qmp) : &no_qmp;
	struct field fields[] = {{"view_only", !input}, FIELD(c, keys), FIELD(c, buttons),
		FIELD(c, moves), FIELD(c, wheel), FIELD(c, merged), FIELD(c, calls),
		FIELD(c, refused), FIELD(c, dropped), FIELD(c, stalls), FIELD(c, released),
		FIELD(c, pointer), FIELD(c, pointer_changes)};
	struct field monitor[] = {{"connected", qmp && qmp_is_connected(qmp)}, FIELD(q, connects),
		FIELD(q, losses), FIELD(q, failures), FIELD(q, commands), FIELD(q, errors),
		FIELD(q, dropped)};

	add_object(json, "input", fields, G_N_ELEMENTS(fields));
	add_object(json, "qmp", monitor, G_N_ELEMENTS(monitor));
}

static void add_source(GString *json, const struct source *source)
{
	struct source_counters c = source_counters(source);
	struct field fields[] = {
		{"looks", c.looks}, {"arrivals", c.arrivals}, {"refused", c.refused}};

	add_object(json, "source", fields, G_N_ELEMENTS(fields));
}

static void add_listener(GString *json, const char *name, const struct audio_listener_counters *c)
{
	struct field fields[] = {FIELD(c, calls), FIELD(c, refused), FIELD(c, frames),
		FIELD(c, dropped), FIELD(c, unheard), FIELD(c, missing)};

	add_object(json, name, fields, G_N_ELEMENTS(fields));
}

static void add_audio(GString *json, struct audio *audio)
{
	struct audio_counters counters = {0}, *c = &counters;

	if (audio) {
		audio_count(audio, c);
	}

	struct field fields[] = {FIELD(c, attempts), FIELD(c, connects), FIELD(c, behind)};

	add_object(json, "audio", fields, G_N_ELEMENTS(fields));
	add_listener(json, "audio_play", &c->play);
	add_listener(json, "audio_record", &c->record);
}

static void add_desk(GString *json, const struct desk *desk)
{
	const struct desk_counters *c = desk_counters(desk);
	struct field fields[] = {FIELD(c, accepted), FIELD(c, uid_refused), FIELD(c, busy),
		FIELD(c, crowded_out), FIELD(c, requests), FIELD(c, refused), FIELD(c, garbage),
		FIELD(c, long_lines), FIELD(c, timed_out), FIELD(c, events), FIELD(c, events_lost),
		FIELD(c, clients)};

	add_object(json, "control", fields, G_N_ELEMENTS(fields));
}

char *stats_json(const struct stats_parts *parts)
{
	struct field sandbox[] = {FIELD(sandbox_counters(), refused)};
	GString *json = g_string_new("{");

	add_source(json, parts->source);
	add_vgpu(json, parts->capture);
	add_capture(json, parts->capture);
	add_spice(json, parts->viewers);
	add_viewers(json, parts->viewers);
	add_size(json, parts->size);
	add_shot(json, parts->shot);
	add_input(json, parts->input, parts->monitor);
	add_object(json, "sandbox", sandbox, G_N_ELEMENTS(sandbox));
	add_audio(json, parts->audio);
	add_desk(json, parts->desk);
	g_string_append(json, ",\"relays\":");
	relays_add_json(parts->relays, json);
	g_string_append_c(json, '}');
	return g_string_free(json, FALSE);
}
