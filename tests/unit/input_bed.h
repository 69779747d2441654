/* SPDX-License-Identifier: MIT */
/*
 * Input between viewers that a test plays and a QEMU that it plays too: what QEMU was told is a text.
 *
 * On the test's one thread. Failures end the test by cmocka's own means, so this comes after cmocka.h.
 */
#ifndef TESTS_UNIT_INPUT_BED_H
#define TESTS_UNIT_INPUT_BED_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "bridge/input.h"
#include "bridge/qmp.h"
#include "tests/unit/fake_qmp.h"

struct input_bed {
	struct fake_qmp qemu;
	struct qmp *qmp;
	struct input *input;
	enum spice_pointer pointer;
	unsigned pointer_changes, sent, pointed;
	uint32_t x, y;
	uint8_t leds;
	bool absolute; /* what query-mice is answered with */
	bool stopped; /* and query-status */
	bool holds_answers; /* to input-send-event */
	bool refuses;
	int64_t unanswered[64];
	unsigned n_unanswered;
	unsigned calls, mice_asked;
	GString *events; /* a word for each event, a bar for the end of each call */
};

/* Of all tests of a program: a directory for the socket. */
int bed_begin(void **state);
int bed_end(void **state);
/* Of each: a QEMU that is connected. *state is the bed. */
int bed_setup(void **state);
int bed_teardown(void **state);

/* QEMU comes (again). */
void bed_connect(struct input_bed *f);
/* QEMU's turn: hears what there is and answers. True if there was anything. */
bool bed_serve(struct input_bed *f);
/* Answers what holds_answers has held. */
void bed_answer_held(struct input_bed *f);
/* Until nothing happens any more. */
void bed_settle(struct input_bed *f);
/* That, and then these events and no others have come since the last time. */
void bed_expect(struct input_bed *f, const char *events);

/* Keys of a viewer: bytes in hexadecimal, with blanks. */
void bed_type(struct input_bed *f, unsigned seat, const char *hex);
/* A viewer points there, in a picture of 1920x1080. */
void bed_point(struct input_bed *f, uint32_t x, uint32_t y);
const struct input_counters *bed_counters(struct input_bed *f);

#endif
