/* SPDX-License-Identifier: MIT */
/*
 * All counters of a running bridge as one line of JSON. Counters are atomic: any thread.
 */
#ifndef BRIDGE_STATS_H
#define BRIDGE_STATS_H

struct capture;
struct relays;
struct size;
struct viewers;

/* The line, without newline, for g_free(). */
char *stats_json(struct capture *capture, struct viewers *viewers, const struct relays *relays,
	const struct size *size);

#endif
