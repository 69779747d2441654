/* SPDX-License-Identifier: MIT */
#include "bridge/report.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bridge/capture.h"
#include "bridge/counters.h"
#include "bridge/desk.h"
#include "bridge/facts.h"
#include "bridge/input.h"
#include "bridge/listen.h"
#include "bridge/log.h"
#include "bridge/options.h"
#include "bridge/options_table.h"
#include "bridge/serve_impl.h"
#include "bridge/size.h"
#include "bridge/stats.h"
#include "bridge/viewers.h"
#include "spice/sink.h"

void report_set_text(JsonObject *object, const char *name, const char *text)
{
	char *valid = g_utf8_make_valid(text, -1);

	json_object_set_string_member(object, name, valid);
	g_free(valid);
}

JsonNode *report_node(JsonObject *object)
{
	JsonNode *node = json_node_alloc();

	json_node_take_object(json_node_init(node, JSON_NODE_OBJECT), object);
	return node;
}

void report_parts(struct server *server, struct stats_parts *parts)
{
	*parts = (struct stats_parts){
		.capture = server->capture,
		.viewers = server->viewers,
		.relays = server->relays,
		.size = server->size,
		.shot = server->shot,
		.source = server->source,
		.input = server->input,
		.monitor = server->monitor,
		.audio = server->audio,
		.desk = server->desk,
	};
}

static JsonObject *report_plane(const struct plane *plane)
{
	JsonObject *object = json_object_new();
	char fourcc[5] = {0}, *modifier = g_strdup_printf("0x%" PRIx64, plane->modifier);

	memcpy(fourcc, &plane->format, 4);
	json_object_set_int_member(object, "width", plane->width);
	json_object_set_int_member(object, "height", plane->height);
	report_set_text(object, "format", fourcc);
	json_object_set_string_member(object, "modifier", modifier);
	json_object_set_int_member(object, "stride", plane->stride);
	json_object_set_int_member(object, "size", plane->size);
	json_object_set_string_member(
		object, "kind", plane->kind == PLANE_KIND_REGION ? "region" : "dma-buf");
	g_free(modifier);
	return object;
}

JsonObject *report_display(struct server *server)
{
	JsonObject *object = json_object_new();
	struct display_facts facts;

	capture_facts(server->capture, &facts);
	json_object_set_string_member(object, "state", session_state_name(facts.state));
	report_set_text(object, "text", facts.text);
	json_object_set_boolean_member(object, "watched", server->watching > 0);
	if (facts.has_plane) {
		json_object_set_object_member(object, "plane", report_plane(&facts.plane));
	}
	return object;
}

JsonObject *report_monitor(struct server *server)
{
	JsonObject *object = json_object_new();
	struct size_status status;

	size_tell(server->size, &status);
	json_object_set_string_member(object, "mode", size_mode_name(status.mode));
	json_object_set_boolean_member(object, "plugged", status.plugged);
	json_object_set_boolean_member(object, "takes_edid", status.takes_edid);
	if (status.width) {
		json_object_set_int_member(object, "width", status.width);
		json_object_set_int_member(object, "height", status.height);
	}
	if (status.monitor[0]) {
		report_set_text(object, "name", status.monitor);
	}
	if (status.max_width) {
		json_object_set_int_member(object, "max_width", status.max_width);
	}
	if (status.max_height) {
		json_object_set_int_member(object, "max_height", status.max_height);
	}
	return object;
}

static char *utc_ago(int64_t us)
{
	GDateTime *now = g_date_time_new_now_utc(), *then = g_date_time_add(now, -us);
	char *text = g_date_time_format(then, "%Y-%m-%dT%H:%M:%SZ");

	g_date_time_unref(then);
	g_date_time_unref(now);
	return text;
}

JsonObject *report_viewer(struct server *server, unsigned seat)
{
	struct viewer viewer;
	JsonObject *object;
	int64_t ago;
	char *since;

	if (!viewers_describe(server->viewers, seat, &viewer)) {
		return NULL;
	}
	ago = g_get_monotonic_time() - viewer.since;
	since = utc_ago(ago);
	object = json_object_new();
	json_object_set_int_member(object, "seat", seat);
	report_set_text(object, "peer", viewer.peer);
	report_set_text(object, "address", viewer.address);
	json_object_set_boolean_member(object, "tls", viewer.tls);
	json_object_set_boolean_member(object, "view_only", viewer.view_only || !server->input);
	json_object_set_string_member(object, "since", since);
	json_object_set_int_member(object, "seconds", ago / G_USEC_PER_SEC);
	g_free(since);
	return object;
}

static JsonArray *report_viewers(struct server *server)
{
	JsonArray *array = json_array_new();

	for (unsigned i = 0; i < viewers_seats(server->viewers); i++) {
		JsonObject *viewer = report_viewer(server, i);

		if (viewer) {
			json_array_add_object_element(array, viewer);
		}
	}
	return array;
}

static const char *source_word(enum source_kind kind)
{
	static const char *const words[] = {
		[SOURCE_MDEV] = "mdev",
		[SOURCE_GROUP] = "group",
		[SOURCE_CDEV] = "cdev",
		[SOURCE_FD] = "fd",
		[SOURCE_SIMULATE] = "simulate",
		[SOURCE_VM] = "vm",
		[SOURCE_PID] = "qemu-pid",
		[SOURCE_FD_SOCKET] = "fd-socket",
		[SOURCE_RUN] = "run",
	};

	return words[kind];
}

static JsonObject *report_source(struct server *server)
{
	const struct options *options = server->shown ? &server->shown->view : server->options;
	JsonObject *object = json_object_new();
	bool there = capture_attached(server->capture);

	json_object_set_string_member(object, "kind", source_word(options->source));
	if (options->vm) {
		report_set_text(object, "vm", options->vm);
	}
	if (options->mdev) {
		report_set_text(object, "mdev", options->mdev);
	}
	json_object_set_boolean_member(object, "device", there);
	if (there) {
		report_set_text(object, "name", server->device);
	} else {
		report_set_text(object, "missing", server->missing);
	}
	return object;
}

static JsonObject *report_rates(struct server *server)
{
	const struct capture_counters *counters = capture_counters(server->capture);
	JsonObject *object = json_object_new();
	int64_t now = g_get_monotonic_time() * 1000;

	json_object_set_int_member(object, "frames", rate_read(&counters->frames_rate, now));
	json_object_set_int_member(object, "looks", rate_read(&counters->looks_rate, now));
	return object;
}

/* recent_us is a mean in which the last ones count most. */
static JsonObject *delay_object(uint64_t count, uint64_t sum_us, uint64_t recent_us)
{
	JsonObject *object = json_object_new();

	json_object_set_int_member(object, "count", (gint64)count);
	json_object_set_int_member(object, "sum_us", (gint64)sum_us);
	json_object_set_int_member(object, "recent_us", (gint64)recent_us);
	return object;
}

static JsonObject *report_delay(const struct delay *delay)
{
	return delay_object(delay->count, delay->sum_us, delay->recent_us);
}

/* How long what takes: three parts of the way, none of which is all of it. */
static JsonObject *report_latency(struct server *server)
{
	static const struct delay none;
	JsonObject *object = json_object_new();
	uint64_t count = 0, sum = 0, recent = 0;

	/* From the beginning of a look: until viewers have it, and until it is in their sockets. */
	json_object_set_object_member(
		object, "give", report_delay(&capture_counters(server->capture)->give));
	for (unsigned i = 0; i < viewers_seats(server->viewers); i++) {
		const struct spice_sink_counters *c =
			spice_sink_counters(viewers_sink(server->viewers, i));

		count += c->sent;
		sum += c->sent_us;
		/* The slowest of those who are here. */
		if (spice_sink_wants(viewers_sink(server->viewers, i)) &&
			c->sent_recent_us > recent) {
			recent = c->sent_recent_us;
		}
	}
	json_object_set_object_member(object, "send", delay_object(count, sum, recent));
	/* From a viewer's key or movement being sent to QEMU until QEMU has answered. */
	json_object_set_object_member(object, "input",
		report_delay(server->input ? &input_counters(server->input)->answer : &none));
	return object;
}

static JsonObject *report_settings(struct server *server)
{
	JsonObject *object = json_object_new();

	json_object_set_string_member(
		object, "compression", compression_words[server->settings.compression]);
	json_object_set_int_member(object, "max_fps", server->settings.max_fps);
	json_object_set_string_member(object, "log_level", log_level_words[log_level()]);
	json_object_set_string_member(object, "access",
		server->options->access.sasl        ? "sasl"
			: server->settings.password ? "password"
						    : "open");
	return object;
}

/* Those of the counters that tell of what was dropped. */
static JsonObject *pick_drops(JsonObject *groups)
{
	JsonObject *drops = json_object_new();
	JsonObjectIter outer, inner;
	const char *group, *name;
	JsonNode *members, *value;

	json_object_iter_init_ordered(&outer, groups);
	while (json_object_iter_next_ordered(&outer, &group, &members)) {
		json_object_iter_init_ordered(&inner, json_node_get_object(members));
		while (json_object_iter_next_ordered(&inner, &name, &value)) {
			const struct counter *counter = counter_find(group, name);
			char *path;

			if (!counter || counter->kind != COUNTER_DROP ||
				!JSON_NODE_HOLDS_VALUE(value)) {
				continue;
			}
			path = g_strdup_printf("%s.%s", group, name);
			json_object_set_int_member(drops, path, json_node_get_int(value));
			g_free(path);
		}
	}
	return drops;
}

/* The counters' own text, which is JSON. */
static void add_counters(JsonObject *object, struct server *server)
{
	struct stats_parts parts;
	char *text;
	JsonNode *node;

	report_parts(server, &parts);
	text = stats_json(&parts);
	node = json_from_string(text, NULL);
	if (node && JSON_NODE_HOLDS_OBJECT(node)) {
		json_object_set_object_member(
			object, "drops", pick_drops(json_node_get_object(node)));
		json_object_set_member(object, "counters", json_node_copy(node));
	}
	if (node) {
		json_node_unref(node);
	}
	g_free(text);
}

JsonObject *report_status(struct server *server)
{
	JsonObject *object = json_object_new();
	JsonArray *addresses = json_array_new();
	struct display_facts facts;
	int64_t age = g_get_monotonic_time() - server->began;
	char *since = utc_ago(age);

	capture_facts(server->capture, &facts);
	json_object_set_string_member(object, "version", VGPU_BRIDGE_VERSION);
	json_object_set_int_member(object, "pid", getpid());
	json_object_set_string_member(object, "since", since);
	json_object_set_int_member(object, "seconds", age / G_USEC_PER_SEC);
	report_set_text(object, "machine", server->name);
	for (size_t i = 0; server->listeners[i]; i++) {
		char *uri = g_utf8_make_valid(listener_uri(server->listeners[i]), -1);

		json_array_add_string_element(addresses, uri);
		g_free(uri);
	}
	json_object_set_array_member(object, "addresses", addresses);
	json_object_set_object_member(object, "source", report_source(server));
	serve_add_sources(server, object);
	json_object_set_object_member(object, "display", report_display(server));
	json_object_set_object_member(object, "monitor", report_monitor(server));
	report_set_text(object, "renderer", facts.renderer);
	json_object_set_array_member(object, "viewers", report_viewers(server));
	json_object_set_object_member(object, "rates", report_rates(server));
	json_object_set_object_member(object, "latency", report_latency(server));
	json_object_set_object_member(object, "settings", report_settings(server));
	add_counters(object, server);
	g_free(since);
	return object;
}
