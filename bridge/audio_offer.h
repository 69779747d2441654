/* SPDX-License-Identifier: MIT */
/*
 * What QEMU's answers say of its sound: whether there is any, and whether it may be asked for.
 *
 * Pure functions of an answer, which may be NULL or anything: QEMU is not trusted.
 */
#ifndef BRIDGE_AUDIO_OFFER_H
#define BRIDGE_AUDIO_OFFER_H

#include <json-glib/json-glib.h>
#include <stdbool.h>

/*
 * Of query-version. QEMU below 8.1 dies of a listener that comes without a bus. (The cure is of March
 * 2023; 7.2 was seen to die.)
 */
bool audio_is_safe(JsonNode *answer);

/*
 * Of query-display-options. Where nothing is offered, to add a client would be noise, or disturb
 * another one.
 */
bool audio_is_offered(JsonNode *answer);

#endif
