/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <string.h>

#include "spice/impl.h"

/*
 * What a card reader's device sends is messages: type, reader, length of what follows (each 32 bits,
 * big endian). The library (0.15.1) has room for CARD_BODY_MAX and writes past the end of freed memory
 * for a longer one, and a message that ends with its connection would swallow the next. So it only
 * gets whole messages of a length that it can take.
 */
#define LENGTH_OFFSET 8

static uint32_t body_length(const struct card *card)
{
	uint32_t length;

	memcpy(&length, card->message + LENGTH_OFFSET, sizeof(length));
	return ntohl(length);
}

/* True when a whole message is there. */
static bool collect(
	struct card *card, const struct spice_port_ops *ops, void *data, size_t *skipped)
{
	while (true) {
		size_t wanted = CARD_HEAD, n;

		if (card->skip) {
			uint8_t waste[512];

			n = ops->read(data, waste, MIN(card->skip, sizeof(waste)));
			if (!n) {
				return false;
			}
			card->skip -= n;
			*skipped += n;
			continue;
		}
		if (card->have >= CARD_HEAD) {
			wanted += body_length(card);
			if (card->have == wanted) {
				return true;
			}
		}
		n = ops->read(data, card->message + card->have, wanted - card->have);
		if (!n) {
			return false;
		}
		card->have += n;
		if (card->have == CARD_HEAD && body_length(card) > CARD_BODY_MAX) {
			card->skip = body_length(card);
			card->have = 0;
			*skipped += CARD_HEAD;
		}
	}
}

size_t card_read(struct card *card, const struct spice_port_ops *ops, void *data, uint8_t *buffer,
	size_t size, size_t *skipped)
{
	size_t n;

	*skipped = 0;
	if (!card->whole) {
		card->whole = collect(card, ops, data, skipped);
	}
	if (!card->whole) {
		return 0;
	}
	n = MIN(size, card->have - card->given);
	memcpy(buffer, card->message + card->given, n);
	card->given += n;
	if (card->given == card->have) {
		*card = (struct card){0};
	}
	return n;
}
