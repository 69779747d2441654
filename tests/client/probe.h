/* SPDX-License-Identifier: MIT */
/*
 * What the parts of spice-probe share: the session, the subjects with their commands, and waiting.
 *
 * One thread, the GLib main loop's. A subject is one source file: its commands, what it does with the
 * channels of its kind, and its state, which it creates in init and frees in finish. main.c lists
 * them. Channels are owned by the session; those named here hold a reference each.
 */
#ifndef CLIENT_PROBE_H
#define CLIENT_PROBE_H

#include <spice-client.h>

#include "tests/client/canvas.h"

struct probe;
struct clipboard;
struct display;
struct lines;
struct pointer;
struct ports;
struct usb;
struct sound;

struct command {
	const char *name;
	const char *arguments; /* as the help shows them */
	guint min, max; /* how many there may be */
	/* Says exactly one line, or begins to wait; arguments end with a NULL. */
	void (*run)(struct probe *probe, char **arguments);
	const char *help; /* lines */
};

struct subject {
	const struct command *commands; /* the last one has no name */
	/* Each may be NULL. A channel is told of when the session has made it, before it connects. */
	void (*init)(struct probe *probe);
	void (*channel_new)(struct probe *probe, SpiceChannel *channel, gint type);
	void (*channel_destroy)(struct probe *probe, SpiceChannel *channel);
	void (*finish)(struct probe *probe);
};

/*
 * Says the answer and returns TRUE where the wait is over. last: time has run out, the answer is due
 * whatever it is.
 */
typedef gboolean (*wait_function)(struct probe *probe, gboolean last);

struct probe {
	GMainLoop *loop;
	SpiceSession *session;
	SpiceChannel *main, *display, *cursor, *inputs; /* NULL until they are there */
	gint compression; /* of images, to ask for; -1: none */

	/* Each belongs to the subject of its name. */
	struct lines *lines;
	struct display *display_state;
	struct pointer *pointer;
	struct clipboard *clipboard;
	struct ports *ports;
	struct usb *usb;
	struct sound *sound;
	gboolean connected; /* connection.c: the main channel is open */
	gboolean inputs_open; /* input.c */
};

/* main.c: NULL at the end. */
extern const struct subject *const subjects[];

extern const struct subject connection_subject;
extern const struct subject display_subject;
extern const struct subject pointer_subject;
extern const struct subject input_subject;
extern const struct subject clipboard_subject;
extern const struct subject ports_subject;
extern const struct subject usb_subject;
extern const struct subject sound_subject;
extern const struct subject lines_subject;

/* One line on stdout: "ok ...", "fail ... why=TEXT" or "event ...". */
void say(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* What a command's argument says; base as strtoull's: 0 takes 0x12 as well. */
guint64 to_number(const char *text, guint base);

/* Holds back all further lines until check answers, or ms are over. From a command only. */
void wait_begin(struct probe *probe, wait_function check, guint64 ms);
/* Something has happened that a wait may be for. */
void wait_poll(struct probe *probe);

/* The help of all commands; g_free() it. */
gchar *commands_help(void);

/* Bytes received on a channel so far; 0 for NULL. */
gulong channel_bytes(SpiceChannel *channel);

#endif
