/* SPDX-License-Identifier: MIT */
#include "bridge/viewers.h"

#include <errno.h>
#include <glib.h>
#include <spice/protocol.h>

#include "bridge/capture.h"
#include "bridge/input.h"
#include "bridge/viewers_impl.h"

/* What the sinks tell. */

static void on_linked(void *data, void *connection, int channel, uint32_t id)
{
	struct seat *seat = data;
	struct login *login = connection;
	struct viewers *viewers = seat->viewers;

	viewers->counters.linked++;
	if (channel == SPICE_CHANNEL_MAIN) {
		viewers->counters.took_over += login->takes_over;
		seat->id = id;
		seat->peer = login->peer;
		seat->address = login->address;
		seat->since = g_get_monotonic_time();
	}
	login_free(login);
}

static void on_ended(void *data, void *connection)
{
	struct seat *seat = data;

	seat->viewers->counters.ended++;
	login_free(connection);
}

static void on_viewers(void *data, unsigned count)
{
	struct seat *seat = data;
	struct viewers *viewers = seat->viewers;
	unsigned all = 0, before = seat->count;

	seat->count = count;
	for (unsigned i = 0; i < viewers->n_seats; i++) {
		all += viewers->seats[i].count;
	}
	viewers->events->count(viewers->events_data, all);
	if (viewers->events->seat && count != before) {
		viewers->events->seat(viewers->events_data, seat->index, count > before);
	}
}

static void on_ready(void *data)
{
	const struct seat *seat = data;

	seat->viewers->events->ready(seat->viewers->events_data);
}

static void on_resize(void *data, uint32_t width, uint32_t height)
{
	const struct seat *seat = data;
	const struct viewers *viewers = seat->viewers;

	if (viewers->events->resize && !seat->view_only) {
		viewers->events->resize(viewers->events_data, seat->index, width, height);
	}
}

static struct input *input_of(const struct seat *seat)
{
	return seat->view_only ? NULL : seat->viewers->input;
}

static void on_key(void *data, uint8_t byte)
{
	const struct seat *seat = data;
	struct input *input = input_of(seat);

	if (input) {
		input_key(input, seat->index, byte);
	}
}

static void on_position(void *data, const struct spice_position *position)
{
	const struct seat *seat = data;
	struct input *input = input_of(seat);

	if (input) {
		input_position(input, seat->index, position);
	}
}

static void on_motion(void *data, int dx, int dy)
{
	const struct seat *seat = data;
	struct input *input = input_of(seat);

	if (input) {
		input_motion(input, seat->index, dx, dy);
	}
}

static void on_wheel(void *data, int steps, uint32_t buttons)
{
	const struct seat *seat = data;
	struct input *input = input_of(seat);

	if (input) {
		input_wheel(input, seat->index, steps, buttons);
	}
}

static void on_buttons(void *data, uint32_t buttons)
{
	const struct seat *seat = data;
	struct input *input = input_of(seat);

	if (input) {
		input_buttons(input, seat->index, buttons);
	}
}

static void on_input_end(void *data)
{
	const struct seat *seat = data;
	struct input *input = input_of(seat);

	if (input) {
		input_end(input, seat->index);
	}
}

static const struct spice_sink_events seat_events = {
	.ready = on_ready,
	.resize = on_resize,
	.viewers = on_viewers,
	.key = on_key,
	.position = on_position,
	.motion = on_motion,
	.wheel = on_wheel,
	.buttons = on_buttons,
	.input_end = on_input_end,
	.linked = on_linked,
	.ended = on_ended,
};

/* A seat as a sink of the capture. */

static bool seat_wants(void *self)
{
	return spice_sink_wants(self);
}

static unsigned seat_generation(void *self)
{
	return spice_sink_generation(self);
}

static bool seat_can_take(void *self, uint32_t width, uint32_t height)
{
	return spice_sink_can_take(self, width, height);
}

static void seat_give(void *self, struct frame *frame)
{
	spice_sink_give(self, frame);
}

static void seat_set_cursor(void *self, const struct cursor *cursor)
{
	spice_sink_set_cursor(self, cursor);
}

static const struct sink_ops seat_ops = {
	.wants = seat_wants,
	.generation = seat_generation,
	.can_take = seat_can_take,
	.give = seat_give,
	.set_cursor = seat_set_cursor,
};

int viewers_attach(struct viewers *viewers, struct capture *capture)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < viewers->n_seats; i++) {
		rc = capture_add_sink(capture, &(struct sink){&seat_ops, viewers->seats[i].sink});
	}
	return rc;
}

/* Life. */

struct viewers *viewers_create(const struct viewers_options *options, char *why, size_t why_size)
{
	struct viewers *viewers = g_new0(struct viewers, 1);
	unsigned count = options->seats + options->view_only_seats;
	struct spice_sink_options sink;
	int error;

	viewers->events = options->events;
	viewers->events_data = options->events_data;
	viewers->web = options->web;
	viewers->view_only_web = options->view_only_web;
	TAILQ_INIT(&viewers->logins);
	for (unsigned i = 0; i < count; i++) {
		struct seat *seat = &viewers->seats[i];

		seat->viewers = viewers;
		seat->index = i;
		seat->view_only = i >= options->seats;
		sink = seat->view_only ? options->view_only_sink : options->sink;
		sink.events = &seat_events;
		sink.events_data = seat;
		seat->sink = spice_sink_create(&sink, why, why_size);
		if (!seat->sink) {
			error = errno;
			viewers_destroy(viewers);
			errno = error;
			return NULL;
		}
		viewers->n_seats++;
	}
	return viewers;
}

void viewers_destroy(struct viewers *viewers)
{
	struct login *login;

	if (!viewers) {
		return;
	}
	while ((login = TAILQ_FIRST(&viewers->logins)) != NULL) {
		login_drop(login);
	}
	if (viewers->deadline) {
		g_source_remove(viewers->deadline);
	}
	for (unsigned i = 0; i < viewers->n_seats; i++) {
		spice_sink_destroy(viewers->seats[i].sink);
	}
	g_free(viewers);
}

void viewers_set_input(struct viewers *viewers, struct input *input)
{
	viewers->input = input;
}

void viewers_set_name(struct viewers *viewers, const char *name, const uint8_t *uuid)
{
	char *view_only;

	name = name ? name : "virtual machine";
	view_only = g_strdup_printf("%s (view only)", name);
	for (unsigned i = 0; i < viewers->n_seats; i++) {
		const struct seat *seat = &viewers->seats[i];

		spice_sink_set_name(
			seat->sink, seat->view_only || !viewers->input ? view_only : name, uuid);
	}
	g_free(view_only);
}

void viewers_set_pointer(struct viewers *viewers, enum spice_pointer pointer)
{
	for (unsigned i = 0; i < viewers->n_seats; i++) {
		if (!viewers->seats[i].view_only) {
			spice_sink_set_pointer(viewers->seats[i].sink, pointer);
		}
	}
}

void viewers_set_leds(struct viewers *viewers, uint8_t leds)
{
	for (unsigned i = 0; i < viewers->n_seats; i++) {
		spice_sink_set_leds(viewers->seats[i].sink, leds);
	}
}

unsigned viewers_seats(const struct viewers *viewers)
{
	return viewers->n_seats;
}

struct spice_sink *viewers_sink(const struct viewers *viewers, unsigned seat)
{
	return viewers->seats[seat].sink;
}

bool viewers_view_only(const struct viewers *viewers, unsigned seat)
{
	return viewers->seats[seat].view_only;
}

bool viewers_describe(const struct viewers *viewers, unsigned index, struct viewer *viewer)
{
	const struct seat *seat = &viewers->seats[index];

	if (!seat->count || !seat->address) {
		return false;
	}
	*viewer = (struct viewer){
		.view_only = seat->view_only,
		.since = seat->since,
		.address = seat->address->text,
		.tls = seat->address->tls,
	};
	peer_text(&seat->peer, viewer->peer, sizeof(viewer->peer));
	return true;
}

struct viewers_counters *viewers_counters(struct viewers *viewers)
{
	return &viewers->counters;
}
