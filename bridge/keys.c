/* SPDX-License-Identifier: MIT */
#include "bridge/keys.h"

#include <spice/enums.h>

#define RELEASE 0x80

/*
 * Keyboards send these around Print and the keys of the middle block, to make old programs believe in
 * other states of Shift and Num Lock. They are no keys.
 */
static bool is_fake_shift(uint8_t code)
{
	return code == 0x2a || code == 0x36;
}

bool keys_feed(struct keys *keys, uint8_t byte, uint8_t *number, bool *down)
{
	uint8_t code = byte & ~RELEASE;

	if (byte == 0xe0 || byte == 0xe1) {
		*keys = (struct keys){.prefix = byte};
		return false;
	}
	*down = !(byte & RELEASE);
	if (keys->prefix == 0xe1) {
		/* Pause alone has this prefix: e1 1d 45 and e1 9d c5. */
		if (!keys->second) {
			keys->second = byte;
			return false;
		}
		code = code == 0x45 && keys->second == (0x1d | (byte & RELEASE)) ? KEYS_PAUSE : 0;
	} else if (keys->prefix == 0xe0) {
		code = code == 0 || is_fake_shift(code) ? 0 : code | 0x80;
	}
	*keys = (struct keys){0};
	*number = code;
	return code != 0;
}

uint8_t keys_led(uint8_t number)
{
	switch (number) {
	case 0x3a:
		return SPICE_KEYBOARD_MODIFIER_FLAGS_CAPS_LOCK;
	case 0x45:
		return SPICE_KEYBOARD_MODIFIER_FLAGS_NUM_LOCK;
	case 0x46:
		return SPICE_KEYBOARD_MODIFIER_FLAGS_SCROLL_LOCK;
	default:
		return 0;
	}
}
