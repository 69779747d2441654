/* SPDX-License-Identifier: MIT */
#include "spice/impl.h"

/*
 * Keyboard, mouse and tablet. The library chooses between mouse and tablet: with a tablet viewers
 * point with a pointer of their own (client mouse mode), without one they send movements (server mouse
 * mode). Keyboard and mouse can't be taken away from it any more; the tablet comes and goes.
 */

#define OLD_SIZE_MAX_US (1000 * 1000)

#define sink_of(instance, member) \
	((struct spice_sink *)((char *)(instance)-offsetof(struct spice_sink, inputs.member)))

static bool deaf(const struct spice_sink *sink)
{
	return sink->inputs.pointer == SPICE_POINTER_NONE || atomic_load(&sink->closing);
}

/*
 * The library's masks for mice are not the protocol's: left, right and middle are the bits 0, 1 and 2,
 * and 3 to 5 are free, so that side and extra (5 and 6 in the protocol) are 6 and 7.
 */
static uint32_t protocol_buttons(uint32_t mask)
{
	uint32_t buttons = 0;

	buttons |= mask & 0x01 ? SPICE_MOUSE_BUTTON_MASK_LEFT : 0;
	buttons |= mask & 0x02 ? SPICE_MOUSE_BUTTON_MASK_RIGHT : 0;
	buttons |= mask & 0x04 ? SPICE_MOUSE_BUTTON_MASK_MIDDLE : 0;
	buttons |= mask & 0x40 ? SPICE_MOUSE_BUTTON_MASK_SIDE : 0;
	buttons |= mask & 0x80 ? SPICE_MOUSE_BUTTON_MASK_EXTRA : 0;
	return buttons;
}

/*
 * Movements have a mask too, which is not used: spice-gtk holds movements back where they are many, and
 * what it sends late has an old mask in it. Each change of a button is told by itself.
 */

static void push_scan(SpiceKbdInstance *instance, uint8_t byte)
{
	struct spice_sink *sink = sink_of(instance, keyboard);

	if (!deaf(sink) && sink->events->key) {
		sink->events->key(sink->events_data, byte);
	}
}

static uint8_t get_leds(SpiceKbdInstance *instance)
{
	return sink_of(instance, keyboard)->inputs.leds;
}

static void tell_buttons(struct spice_sink *sink, uint32_t buttons)
{
	if (!deaf(sink) && sink->events->buttons) {
		sink->events->buttons(sink->events_data, protocol_buttons(buttons));
	}
}

/* The library tells of each button that is pressed as of a turn of the wheel, maybe by nothing. */
static void tell_wheel(struct spice_sink *sink, int steps, uint32_t buttons)
{
	if (!steps) {
		tell_buttons(sink, buttons);
	} else if (!deaf(sink) && sink->events->wheel) {
		sink->events->wheel(sink->events_data, steps, protocol_buttons(buttons));
	}
}

static void mouse_motion(SpiceMouseInstance *instance, int dx, int dy, int dz, uint32_t buttons)
{
	struct spice_sink *sink = sink_of(instance, mouse);

	if ((dx || dy) && !deaf(sink) && sink->events->motion) {
		sink->events->motion(sink->events_data, dx, dy);
	}
	if (dz || !(dx || dy)) {
		tell_wheel(sink, dz, buttons);
	}
}

static void mouse_buttons(SpiceMouseInstance *instance, uint32_t buttons)
{
	tell_buttons(sink_of(instance, mouse), buttons);
}

/* Said on the worker's thread too, when a surface is replaced; inputs_resized() says it to us. */
static void tablet_size(SpiceTabletInstance *instance, int width, int height)
{
}

/*
 * Can the viewer have seen the picture of the new size when it pointed? SPICE has no word for that. What
 * it sends reaches us a way to it and a way back after the change, at the earliest; a viewer on this
 * machine sees it at once.
 */
static bool viewer_has_new_size(const struct inputs *in)
{
	return g_get_monotonic_time() - in->resized_at >= in->old_size_us;
}

static void tablet_position(SpiceTabletInstance *instance, int x, int y, uint32_t buttons)
{
	struct spice_sink *sink = sink_of(instance, tablet);
	struct inputs *in = &sink->inputs;
	struct mode *mode = &sink->mode;
	struct spice_position position;

	/* A viewer can have seen a new surface before we know that it is there, and it shows. */
	if (mode->stage == MODE_REPLACING && atomic_load(&mode->replaced)) {
		inputs_resized(sink, mode->width, mode->height);
	}
	x = MAX(x, 0);
	y = MAX(y, 0);
	if (mode->stage == MODE_REPLACING &&
		((uint32_t)x >= in->width || (uint32_t)y >= in->height)) {
		inputs_resized(sink, mode->width, mode->height);
	}
	if (in->old_width &&
		((uint32_t)x >= in->old_width || (uint32_t)y >= in->old_height ||
			viewer_has_new_size(in))) {
		in->old_width = 0;
	}
	position.width = in->old_width ? in->old_width : in->width;
	position.height = in->old_width ? in->old_height : in->height;
	if (deaf(sink) || !sink->events->position || !position.width || !position.height) {
		return;
	}
	position.x = MIN((uint32_t)x, position.width - 1);
	position.y = MIN((uint32_t)y, position.height - 1);
	sink->events->position(sink->events_data, &position);
}

static void tablet_wheel(SpiceTabletInstance *instance, int steps, uint32_t buttons)
{
	tell_wheel(sink_of(instance, tablet), steps, buttons);
}

static void tablet_buttons(SpiceTabletInstance *instance, uint32_t buttons)
{
	tell_buttons(sink_of(instance, tablet), buttons);
}

static const SpiceKbdInterface keyboard_interface = {
	.base.type = SPICE_INTERFACE_KEYBOARD,
	.base.description = "vgpu-bridge keyboard",
	.base.major_version = SPICE_INTERFACE_KEYBOARD_MAJOR,
	.base.minor_version = SPICE_INTERFACE_KEYBOARD_MINOR,
	.push_scan_freg = push_scan,
	.get_leds = get_leds,
};

static const SpiceMouseInterface mouse_interface = {
	.base.type = SPICE_INTERFACE_MOUSE,
	.base.description = "vgpu-bridge mouse",
	.base.major_version = SPICE_INTERFACE_MOUSE_MAJOR,
	.base.minor_version = SPICE_INTERFACE_MOUSE_MINOR,
	.motion = mouse_motion,
	.buttons = mouse_buttons,
};

static const SpiceTabletInterface tablet_interface = {
	.base.type = SPICE_INTERFACE_TABLET,
	.base.description = "vgpu-bridge tablet",
	.base.major_version = SPICE_INTERFACE_TABLET_MAJOR,
	.base.minor_version = SPICE_INTERFACE_TABLET_MINOR,
	.set_logical_size = tablet_size,
	.position = tablet_position,
	.wheel = tablet_wheel,
	.buttons = tablet_buttons,
};

/*
 * While the worker replaces the surface it looks at the mouse mode on its own thread, so nothing that
 * changes it may be done then.
 */
static void follow_pointer(struct spice_sink *sink)
{
	struct inputs *in = &sink->inputs;
	bool tablet = in->pointer == SPICE_POINTER_ABSOLUTE;
	struct spice_sink *before;

	if (sink->mode.stage == MODE_REPLACING) {
		in->late = true;
		return;
	}
	in->late = false;
	before = loop_enter(sink);
	if (in->pointer != SPICE_POINTER_NONE && !in->attached) {
		in->keyboard.base.sif = &keyboard_interface.base;
		in->mouse.base.sif = &mouse_interface.base;
		spice_server_add_interface(sink->server, &in->keyboard.base);
		spice_server_add_interface(sink->server, &in->mouse.base);
		in->attached = true;
	}
	if (tablet && !in->tablet_attached) {
		in->tablet.base.sif = &tablet_interface.base;
		spice_server_add_interface(sink->server, &in->tablet.base);
	} else if (!tablet && in->tablet_attached) {
		spice_server_remove_interface(&in->tablet.base);
	}
	in->tablet_attached = tablet;
	ports_set_pointer(sink, in->pointer);
	loop_leave(sink, before);
}

void spice_sink_set_pointer(struct spice_sink *sink, enum spice_pointer pointer)
{
	struct inputs *in = &sink->inputs;

	if (pointer == in->pointer || sink->view_only) {
		return;
	}
	if (pointer == SPICE_POINTER_NONE && sink->events->input_end) {
		sink->events->input_end(sink->events_data);
	}
	in->pointer = pointer;
	follow_pointer(sink);
}

void spice_sink_set_leds(struct spice_sink *sink, uint8_t leds)
{
	struct inputs *in = &sink->inputs;
	struct spice_sink *before;

	if (leds == in->leds) {
		return;
	}
	in->leds = leds;
	if (in->attached) {
		before = loop_enter(sink);
		spice_server_kbd_leds(&in->keyboard, leds);
		loop_leave(sink, before);
	}
}

void inputs_resized(struct spice_sink *sink, uint32_t width, uint32_t height)
{
	struct inputs *in = &sink->inputs;

	if (width == in->width && height == in->height) {
		return;
	}
	/* What a viewer saw two changes ago, nobody points at. */
	in->old_width = atomic_load(&sink->viewers) ? in->width : 0;
	in->old_height = in->height;
	in->resized_at = g_get_monotonic_time();
	/* Half as much again, for the time that the viewer takes itself. */
	in->old_size_us = MIN(sockets_round_trip_us(&sink->sockets) * 3 / 2, OLD_SIZE_MAX_US);
	in->width = width;
	in->height = height;
}

void inputs_steady(struct spice_sink *sink)
{
	if (sink->inputs.late) {
		follow_pointer(sink);
	}
}

/*
 * A viewer's inputs channel; only one that has proved who it is can end anything. The library has let
 * go of the keys then, as far as it knows of them, but of no button.
 */
void inputs_channel_event(struct spice_sink *sink, int event, const SpiceChannelEventInfo *info)
{
	struct inputs *in = &sink->inputs;

	if (event == SPICE_CHANNEL_EVENT_INITIALIZED) {
		g_ptr_array_add(in->channels, (gpointer)info);
	} else if (event == SPICE_CHANNEL_EVENT_DISCONNECTED &&
		g_ptr_array_remove_fast(in->channels, (gpointer)info) && sink->events->input_end &&
		!atomic_load(&sink->closing)) {
		sink->events->input_end(sink->events_data);
	}
}

void inputs_init(struct spice_sink *sink)
{
	sink->inputs.channels = g_ptr_array_new();
}

void inputs_finish(struct spice_sink *sink)
{
	g_ptr_array_unref(sink->inputs.channels);
}
