/* SPDX-License-Identifier: MIT */
/*
 * From the bytes that a PC's keyboard sends (set 1) to keys, numbered as QEMU numbers them.
 *
 * A plain value for each keyboard, main thread. QEMU's number of a key is its code in set 1, with
 * 0x80 added where a 0xe0 comes before it.
 */
#ifndef BRIDGE_KEYS_H
#define BRIDGE_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYS_COUNT 256
#define KEYS_PAUSE 0xc6
#define KEYS_LANG2 0x71 /* Hanja on a Korean keyboard */
#define KEYS_LANG1 0x72 /* Hangul */

struct keys {
	uint8_t prefix; /* 0xe0 or 0xe1, 0: none */
	uint8_t second; /* after 0xe1; 0: not yet */
};

/* All zeroes at the beginning. True when the byte ends a key's code; then number and down are set. */
bool keys_feed(struct keys *keys, uint8_t byte, uint8_t *number, bool *down);

/* SPICE_KEYBOARD_MODIFIER_FLAGS_* of a lock key, 0 for others. */
uint8_t keys_led(uint8_t number);

#endif
