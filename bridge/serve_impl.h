/* SPDX-License-Identifier: MIT */
/*
 * The parts of a bridge that serves, for the files that join them: serve.c makes and ends them,
 * serve_device.c has what happens when a device comes, goes or changes its size.
 *
 * Main thread. Everything here is the server's own.
 */
#ifndef BRIDGE_SERVE_IMPL_H
#define BRIDGE_SERVE_IMPL_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

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
struct options;
struct qmp;
struct relays;
struct capture_events;
struct server;
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

struct server {
	const struct options *options;
	char name[256]; /* for viewers */
	char qmp[80]; /* path of the monitor of a QEMU that we start, or "" */
	struct broker *broker;
	struct source *source;
	int status; /* to end with */
	unsigned signals; /* so many told us to end */
	struct capture *capture;
	struct viewers *viewers;
	struct relays *relays;
	struct desk *desk; /* the control socket; NULL: none */
	struct control *control;
	struct qmp *monitor; /* control's; NULL: there is none to be had */
	struct follow *follow;
	struct input *input; /* control's; NULL: viewers may only look */
	struct identity *identity;
	struct size *size;
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
	guint sources[4];
	size_t n_sources;
};

/* serve_device.c: data is the server. */
extern const struct size_ops serve_size_ops;
extern const struct source_events serve_source_events;
extern const struct capture_events serve_capture_events;

/* serve_desk.c: makes the control socket as the options say. An exit status, with one line in why. */
int serve_open_desk(struct server *server, char *why, size_t why_size);

/* Who is told the size of a viewer's window: the device, or else the guest's agent. */
void serve_choose_resizer(struct server *server);

/* serve_status.c: a line of what is shown, from the start of the listeners on. */
void serve_describe(const struct server *server, char *text, size_t size);
/* It may have changed: the service manager is told in a moment. */
void serve_tell_status(struct server *server);

#endif
