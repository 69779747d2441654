/* SPDX-License-Identifier: MIT */
/*
 * How viewers control the guest: the monitor of QEMU that their input goes through, wherever it is.
 *
 * Main thread. Owns monitor and input, and joins the input with viewers and capture. There may be a
 * monitor without input (--input none), and neither where nothing names a monitor.
 */
#ifndef BRIDGE_CONTROL_H
#define BRIDGE_CONTROL_H

#include <stdbool.h>
#include <stddef.h>

struct capture;
struct control;
struct input;
struct options;
struct qmp;
struct viewers;

/*
 * Early, before the first thread: may fork. path: the monitor of a QEMU that we start, or "". NULL with
 * errno and one line in why.
 */
struct control *control_create(
	const struct options *options, const char *path, char *why, size_t why_size);
/* Lets go of all that viewers hold. After the capture has stopped, before the viewers go. */
void control_destroy(struct control *control);

/* Will viewers' input go anywhere? */
bool control_takes_input(const struct control *control);

/*
 * Joins; both outlive it. Nothing of the viewers' comes until control_show(). 0, or -errno with one line
 * in why.
 */
int control_open(struct control *control, struct viewers *viewers, struct capture *capture,
	char *why, size_t why_size);

/*
 * The guest that so many viewers see is this one: their keys and pointers go here and nowhere else. Or it
 * is not any more: what they hold is let go of, and their pointer waits for the next. One control at a time.
 */
void control_show(struct control *control, bool shown, unsigned count);

/* After control_open(); NULL: there is none. */
struct qmp *control_monitor(const struct control *control);
struct input *control_input(const struct control *control);

#endif
