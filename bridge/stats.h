/* SPDX-License-Identifier: MIT */
/*
 * All counters of a running bridge as one line of JSON. Counters are atomic: any thread.
 */
#ifndef BRIDGE_STATS_H
#define BRIDGE_STATS_H

struct audio;
struct capture;
struct desk;
struct input;
struct qmp;
struct relays;
struct shot;
struct size;
struct source;
struct viewers;

struct stats_parts {
	struct capture *capture;
	struct viewers *viewers;
	const struct relays *relays;
	const struct size *size;
	const struct shot *shot;
	const struct source *source;
	struct input *input; /* NULL: viewers may only look */
	struct audio *audio; /* NULL: there is no sound */
	const struct qmp *monitor; /* NULL: there is none */
	const struct desk *desk; /* NULL: there is no control socket */
};

/* The line, without newline, for g_free(). */
char *stats_json(const struct stats_parts *parts);

#endif
