/* SPDX-License-Identifier: MIT */
#include "tests/client/probe.h"

#include <string.h>

static const struct {
	const char *name;
	gint button;
} buttons[] = {
	{"left", SPICE_MOUSE_BUTTON_LEFT},
	{"middle", SPICE_MOUSE_BUTTON_MIDDLE},
	{"right", SPICE_MOUSE_BUTTON_RIGHT},
	{"up", SPICE_MOUSE_BUTTON_UP},
	{"down", SPICE_MOUSE_BUTTON_DOWN},
	{"side", SPICE_MOUSE_BUTTON_SIDE},
	{"extra", SPICE_MOUSE_BUTTON_EXTRA},
};

static gint button_by_name(const char *name)
{
	for (gsize i = 0; i < G_N_ELEMENTS(buttons); i++) {
		if (!strcmp(buttons[i].name, name)) {
			return buttons[i].button;
		}
	}
	return SPICE_MOUSE_BUTTON_INVALID;
}

static gint leds(struct probe *probe)
{
	gint modifiers = 0;

	g_object_get(probe->inputs, "key-modifiers", &modifiers, NULL);
	return modifiers;
}

static void on_modifiers(SpiceChannel *channel, gpointer data)
{
	say("event leds %d", leds(data));
}

static void on_inputs_event(SpiceChannel *channel, SpiceChannelEvent event, gpointer data)
{
	((struct probe *)data)->inputs_open = event == SPICE_CHANNEL_OPENED;
}

static void input_channel_new(struct probe *probe, SpiceChannel *channel, gint type)
{
	if (type != SPICE_CHANNEL_INPUTS) {
		return;
	}
	g_signal_connect(channel, "channel-event", G_CALLBACK(on_inputs_event), probe);
	g_signal_connect(channel, "inputs-modifiers", G_CALLBACK(on_modifiers), probe);
}

static void input_channel_destroy(struct probe *probe, SpiceChannel *channel)
{
	if (channel == probe->inputs) {
		probe->inputs_open = FALSE;
	}
}

/* NULL and an answer where nothing can be sent: the library would drop it and say nothing. */
static SpiceInputsChannel *usable(struct probe *probe)
{
	gboolean read_only;

	g_object_get(probe->session, "read-only", &read_only, NULL);
	if (!probe->inputs_open || read_only) {
		say("fail why=%s",
			read_only ? "this viewer is read-only" : "the inputs channel is not open");
		return NULL;
	}
	return SPICE_INPUTS_CHANNEL(probe->inputs);
}

static void send_key(struct probe *probe, const char *scancode,
	void (*send)(SpiceInputsChannel *channel, guint scancode))
{
	SpiceInputsChannel *channel = usable(probe);

	if (channel) {
		send(channel, (guint)to_number(scancode, 0));
		say("ok");
	}
}

static void command_key_down(struct probe *probe, char **arguments)
{
	send_key(probe, arguments[0], spice_inputs_channel_key_press);
}

static void command_key_up(struct probe *probe, char **arguments)
{
	send_key(probe, arguments[0], spice_inputs_channel_key_release);
}

static void command_key(struct probe *probe, char **arguments)
{
	send_key(probe, arguments[0], spice_inputs_channel_key_press_and_release);
}

static void command_leds(struct probe *probe, char **arguments)
{
	if (!probe->inputs_open) {
		say("fail why=the inputs channel is not open");
		return;
	}
	say("ok leds=%d", leds(probe));
}

static void command_set_leds(struct probe *probe, char **arguments)
{
	SpiceInputsChannel *channel = usable(probe);

	if (channel) {
		spice_inputs_channel_set_key_locks(channel, (guint)to_number(arguments[0], 0));
		say("ok");
	}
}

static void command_mouse_move(struct probe *probe, char **arguments)
{
	SpiceInputsChannel *channel = usable(probe);

	if (channel) {
		spice_inputs_channel_position(channel, (gint)to_number(arguments[0], 0),
			(gint)to_number(arguments[1], 0), 0, (gint)to_number(arguments[2], 0));
		say("ok");
	}
}

static void command_mouse_motion(struct probe *probe, char **arguments)
{
	SpiceInputsChannel *channel = usable(probe);

	if (channel) {
		spice_inputs_channel_motion(channel, (gint)g_ascii_strtoll(arguments[0], NULL, 0),
			(gint)g_ascii_strtoll(arguments[1], NULL, 0),
			(gint)to_number(arguments[2], 0));
		say("ok");
	}
}

static void command_mouse_button(struct probe *probe, char **arguments)
{
	SpiceInputsChannel *channel = usable(probe);
	gint button = button_by_name(arguments[1]);
	gint mask = (gint)to_number(arguments[2], 0);

	if (!channel) {
		return;
	}
	if (button == SPICE_MOUSE_BUTTON_INVALID) {
		say("fail why=no button is called %s", arguments[1]);
	} else if (!strcmp(arguments[0], "down")) {
		spice_inputs_channel_button_press(channel, button, mask);
		say("ok");
	} else if (!strcmp(arguments[0], "up")) {
		spice_inputs_channel_button_release(channel, button, mask);
		say("ok");
	} else {
		say("fail why=neither down nor up: %s", arguments[0]);
	}
}

static void command_wheel(struct probe *probe, char **arguments)
{
	gint mask = arguments[1] ? (gint)to_number(arguments[1], 0) : 0;
	SpiceInputsChannel *channel = usable(probe);
	gint button;

	if (!channel) {
		return;
	}
	if (strcmp(arguments[0], "up") && strcmp(arguments[0], "down")) {
		say("fail why=neither up nor down: %s", arguments[0]);
		return;
	}
	button = button_by_name(arguments[0]);
	spice_inputs_channel_button_press(channel, button, mask);
	spice_inputs_channel_button_release(channel, button, mask);
	say("ok");
}

static const struct command commands[] = {
	{"key-down", "SCANCODE", 1, 1, command_key_down,
		"presses a key, by its code in PC XT set 1: 0x100 more for\n"
		"0xe0 before it, 0x200 more for 0xe1"},
	{"key-up", "SCANCODE", 1, 1, command_key_up, "lets it go"},
	{"key", "SCANCODE", 1, 1, command_key, "presses it and lets it go, in one message"},
	{"leds", "", 0, 0, command_leds,
		"the guest's lock keys: 1 Scroll Lock, 2 Num Lock, 4 Caps Lock"},
	{"set-leds", "MASK", 1, 1, command_set_leds, "asks for these lock keys"},
	{"mouse-move", "X Y MASK", 3, 3, command_mouse_move,
		"points, in client mode; MASK: the buttons that are held,\n"
		"1 left, 2 middle, 4 right, 32 side, 64 extra"},
	{"mouse-motion", "DX DY MASK", 3, 3, command_mouse_motion, "moves, in server mode"},
	{"mouse-button", "down|up BUTTON MASK", 3, 3, command_mouse_button,
		"BUTTON: left, middle, right, side or extra"},
	{"wheel", "up|down [MASK]", 1, 2, command_wheel, "turns it by one step"},
	{NULL},
};

const struct subject input_subject = {
	.commands = commands,
	.channel_new = input_channel_new,
	.channel_destroy = input_channel_destroy,
};
