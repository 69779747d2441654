/* SPDX-License-Identifier: MIT */
#include "bridge/batch.h"

#include <glib.h>

int batch_axis(uint32_t at, uint32_t size)
{
	uint64_t last = size - 1;

	if (size < 2) {
		return 0;
	}
	/* Rounded up: rounded down or to the nearest, a guest that cuts off lands a pixel before. */
	return (int)((MIN(at, last) * BATCH_AXIS_MAX + last - 1) / last);
}

/* Devices keep the steps of a call in a small number. */
#define WHEEL_MAX 7
/* A sum that no hand reaches, and no int overflows at. */
#define MOTION_MAX (1 << 24)

static bool merge(struct batch_event *last, const struct batch_event *event)
{
	if (last->kind != event->kind) {
		return false;
	}
	switch (event->kind) {
	case BATCH_POSITION:
		last->x = event->x;
		last->y = event->y;
		return true;
	case BATCH_MOTION:
		if (ABS(last->x) > MOTION_MAX || ABS(last->y) > MOTION_MAX) {
			return false;
		}
		last->x += event->x;
		last->y += event->y;
		return true;
	case BATCH_WHEEL:
		if ((last->code < 0) != (event->code < 0) ||
			ABS(last->code + event->code) > WHEEL_MAX) {
			return false;
		}
		last->code += event->code;
		return true;
	default:
		return false;
	}
}

bool batch_add(struct batch *batch, const struct batch_event *event)
{
	if (batch->count && merge(&batch->events[batch->count - 1], event)) {
		batch->merged++;
		return true;
	}
	if (batch->count == BATCH_MAX) {
		return false;
	}
	batch->events[batch->count++] = *event;
	return true;
}

static bool is_same_key_in(const struct batch_event *events, size_t count, int code)
{
	for (size_t i = 0; i < count; i++) {
		if (events[i].code == code) {
			return true;
		}
	}
	return false;
}

/*
 * QEMU refuses a call as a whole when one of its events finds no device, so keys and the pointer go in
 * calls of their own. And most of its devices look at the pointer at the end of a call only: of a
 * button that is pressed and let go in one they see nothing, and of a press that comes before a
 * movement they see the place after it. A button ends its call therefore.
 */
size_t batch_call(const struct batch *batch, size_t first)
{
	const struct batch_event *events = batch->events + first;
	size_t count = batch->count - first;

	if (!count) {
		return 0;
	}
	if (events[0].kind == BATCH_KEY) {
		for (size_t i = 1; i < count; i++) {
			if (events[i].kind != BATCH_KEY ||
				is_same_key_in(events, i, events[i].code)) {
				return i;
			}
		}
		return count;
	}
	for (size_t i = 0; i < count; i++) {
		switch (events[i].kind) {
		case BATCH_KEY:
			return i;
		case BATCH_BUTTON:
		case BATCH_WHEEL:
			return i + 1;
		default:
			if (i) {
				return i; /* a movement of the other kind */
			}
			break;
		}
	}
	return count;
}

static void add_event(JsonArray *list, const char *type, JsonObject *data)
{
	JsonObject *event = json_object_new();

	json_object_set_string_member(event, "type", type);
	json_object_set_object_member(event, "data", data);
	json_array_add_object_element(list, event);
}

static void add_key(JsonArray *list, int number, bool down)
{
	JsonObject *data = json_object_new(), *key = json_object_new();

	json_object_set_string_member(key, "type", "number");
	json_object_set_int_member(key, "data", number);
	json_object_set_boolean_member(data, "down", down);
	json_object_set_object_member(data, "key", key);
	add_event(list, "key", data);
}

static void add_button(JsonArray *list, const char *button, bool down)
{
	JsonObject *data = json_object_new();

	json_object_set_boolean_member(data, "down", down);
	json_object_set_string_member(data, "button", button);
	add_event(list, "btn", data);
}

static void add_axis(JsonArray *list, const char *type, const char *axis, int value)
{
	JsonObject *data = json_object_new();

	json_object_set_string_member(data, "axis", axis);
	json_object_set_int_member(data, "value", value);
	add_event(list, type, data);
}

static void add_motion(JsonArray *list, int x, int y)
{
	if (x || !y) {
		add_axis(list, "rel", "x", x);
	}
	if (y) {
		add_axis(list, "rel", "y", y);
	}
}

JsonObject *batch_arguments(const struct batch_event *events, size_t count)
{
	/* By the bits of SPICE_MOUSE_BUTTON_MASK_*; 3 and 4 are the wheel's. */
	static const char *const buttons[] = {
		"left", "middle", "right", "wheel-up", "wheel-down", "side", "extra"};
	JsonObject *arguments = json_object_new();
	JsonArray *list = json_array_new();

	for (size_t i = 0; i < count; i++) {
		const struct batch_event *e = &events[i];
		const char *wheel = e->code < 0 ? "wheel-up" : "wheel-down";

		switch (e->kind) {
		case BATCH_KEY:
			add_key(list, e->code, e->down);
			break;
		case BATCH_BUTTON:
			add_button(list, buttons[e->code], e->down);
			break;
		case BATCH_WHEEL:
			for (int step = 0; step < ABS(e->code); step++) {
				add_button(list, wheel, true);
				add_button(list, wheel, false);
			}
			break;
		case BATCH_MOTION:
			add_motion(list, e->x, e->y);
			break;
		case BATCH_POSITION:
			add_axis(list, "abs", "x", e->x);
			add_axis(list, "abs", "y", e->y);
			break;
		}
	}
	json_object_set_array_member(arguments, "events", list);
	return arguments;
}
