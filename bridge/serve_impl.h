/* SPDX-License-Identifier: MIT */
/*
 * The parts of a bridge that serves, for the files that join them: serve.c makes and ends them,
 * serve_guests.c has what there is for each source, serve_device.c what happens when a device comes,
 * goes or changes its size.
 *
 * Main thread. Everything here is the server's own.
 */
#ifndef BRIDGE_SERVE_IMPL_H
#define BRIDGE_SERVE_IMPL_H

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/options.h"

struct audio;
struct broker;
struct capture;
struct control;
struct desk;
struct follow;
struct identity;
struct input;
struct listen_address;
struct listener;
struct qmp;
struct relays;
struct capture_events;
struct server;
struct shot;
struct size;
struct size_ops;
struct source;
struct source_events;
struct viewers;
struct watchdog;

/* An address, as its listener knows it. */
struct door {
	struct server *server;
	const struct listen_address *address;
};

/* What there is for each source: the first, and those of --also. */
struct guest {
	struct server *server;
	struct options view; /* the options, with this source */
	char name[256]; /* for "display switch" */
	struct broker *broker; /* NULL: needs none */
	struct source *source;
	struct control *control;
	struct follow *follow; /* NULL: there is no monitor */
	struct identity *identity;
	bool present; /* its device is shown, or is about to be */
};

struct server {
	const struct options *options;
	struct guest *guests;
	size_t n_guests;
	struct guest *shown; /* NULL: the host is */
	unsigned long switches;
	struct request *switching; /* who is told when the device has come; NULL: nobody */
	guint switch_timer; /* until they are told that it has not; 0: none */
	char name[256]; /* for viewers */
	char qmp[80]; /* path of the monitor of a QEMU that we start, or "" */
	struct source *source; /* of the guest that is shown, or was last */
	int status; /* to end with */
	unsigned signals; /* so many told us to end */
	struct capture *capture;
	struct viewers *viewers;
	struct relays *relays;
	struct desk *desk; /* the control socket; NULL: none */
	struct qmp *monitor; /* of the guest that is shown; NULL: there is none to be had */
	struct input *input; /* the same; NULL: viewers may only look */
	struct size *size;
	struct shot *shot; /* for screenshots */
	struct request *changing; /* waits for what the device says to an EDID; NULL: none */
	struct audio *audio; /* NULL: there is none */
	struct listener **listeners;
	struct door *doors; /* one for each listener */
	GMainLoop *loop;
	guint trim; /* the timer, 0: none */
	bool ready; /* viewers are let in */
	unsigned watching; /* viewers */
	char missing[128]; /* why there is no device, "" where there is one */
	guint telling; /* the timer of serve_tell_status(), 0: none */
	struct watchdog *watchdog;
	char device[128]; /* what the device is called, while there is one */
	int64_t began; /* us */
	struct {
		enum spice_compression compression; /* of viewers that come */
		unsigned max_fps;
		bool password; /* viewers are asked for one */
		bool view_password; /* at view-only addresses for one of their own */
	} settings; /* as they are now */
	struct {
		gint pending; /* [any] serve_display_changed() waits for the main loop */
		guint rest; /* the timer until the next may be told; 0: none */
		bool due; /* there is something to tell then */
		unsigned width, height; /* of the last picture that was told */
	} told;
	guint sources[4];
	size_t n_sources;
};

/*
 * serve_guests.c: 0 or an exit code, with one line in why. Processes are forked first, then sources open
 * what must be there at once, then the monitors join with what viewers see.
 */
int serve_make_guests(struct server *server, char *why, size_t why_size);
int serve_open_sources(struct server *server, char *why, size_t why_size);
int serve_open_controls(struct server *server, char *why, size_t why_size);
/* The three parts of the end. */
void serve_finish_sources(struct server *server);
void serve_finish_controls(struct server *server);
void serve_finish_guests(struct server *server);
/* What was made beside the first guest's control is joined with it: at the start, and at each switch. */
void serve_join_shown(struct server *server);

/* Shows a guest, or NULL: the host. What was shown is let go of at once. */
void serve_show(struct server *server, struct guest *guest);
/* What "display switch" is told: a source's name, next, or host. 0, or -EINVAL with one line in why. */
int serve_find(const struct server *server, const char *word, char *why, size_t why_size);
void serve_switch(struct server *server, const char *word);

/* commands_switch.c: the chosen one's device has come, or there is none; the bridge ends. */
void serve_conclude_switch(struct server *server);
void serve_abandon_switch(struct server *server);
/* The event "switch". */
void serve_tell_switch(struct server *server);
/* Members "sources", "shown" and "switches", for the status. */
void serve_add_sources(const struct server *server, JsonObject *object);

/* serve_device.c: data is the server; of the source the guest. */
extern const struct size_ops serve_size_ops;
extern const struct source_events serve_source_events;
extern const struct capture_events serve_capture_events;

/* serve_desk.c: makes the control socket as the options say. An exit status, with one line in why. */
int serve_open_desk(struct server *server, char *why, size_t why_size);

/* Who is told the size of a viewer's window: the device, or else the guest's agent. */
void serve_choose_resizer(struct server *server);

/* serve_events.c: what happens is told to those who asked for events. */

/* The display shows something else. Any thread; data is the server. */
void serve_display_changed(void *data);
/* A viewer came, or left; data is the server. */
void serve_tell_viewer(void *data, unsigned seat, bool came);
/* Ends the timers of these. */
void serve_tell_nothing(struct server *server);

/* serve_status.c: a line of what is shown, from the start of the listeners on. */
void serve_describe(const struct server *server, char *text, size_t size);
/* It may have changed: the service manager is told in a moment. */
void serve_tell_status(struct server *server);

#endif
