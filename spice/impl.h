/* SPDX-License-Identifier: MIT */
/*
 * Inside spice/ only: the parts a sink is made of.
 *
 * Three threads meet here: main (everything, and all of the library but spice_qxl_wakeup()), capture
 * (the functions of sink.h marked so) and the library's SPICE Worker (the qxl callbacks: they take
 * from a queue or put back, no more). What more than one of them touches says which lock guards it.
 * No lock is held while the library or spice_sink_events is called.
 */
#ifndef SPICE_IMPL_H
#define SPICE_IMPL_H

#include <glib.h>
#include <pthread.h>
#include <spice.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "spice/port.h"
#include "spice/sink.h"

#define SINK_MAX_SIDE 16384 /* pixels; x 4 x side is 1 GiB, the library stops at 2 */

/* loop.c: the library's event loop, and the guard around its calls. [main] */

/* A source of the default GMainContext that sleeps until it is told when to run. */
GSource *loop_source_new(void (*func)(struct spice_sink *sink), struct spice_sink *sink);
/* Runs it once in ms milliseconds, or never for -1. [any] */
void loop_source_in(GSource *source, int ms);
void loop_source_free(GSource *source);

void loop_fill_core(SpiceCoreInterface *core);
/*
 * Around every entry into the library: who is served (channel_event has no pointer of its own), and
 * the watchdog that shuts viewers which keep the library waiting. Returns what to leave to.
 */
struct spice_sink *loop_enter(struct spice_sink *sink);
void loop_leave(struct spice_sink *sink, struct spice_sink *before);

/* Watches and timers that the library has left behind. */
void loop_forget(struct spice_sink *sink);

/* watchdog.c: shuts sockets when the main thread is stuck in the library. */

#define WATCHDOG_STEP_MS 40

struct watchdog {
	pthread_t thread;
	pthread_mutex_t lock;
	int timer; /* timerfd, armed with it */
	pid_t main; /* who enters the library */
	_Atomic pid_t worker; /* the library's thread, 0: not yet seen */
	bool started;
	bool armed, stop; /* lock */
	int64_t since; /* lock: us, when armed */
	unsigned step; /* lock: how often it has found main waiting since then */
};

int watchdog_init(struct spice_sink *sink);
void watchdog_finish(struct spice_sink *sink);
void watchdog_arm(struct watchdog *watchdog);
void watchdog_disarm(struct watchdog *watchdog);

/* sockets.c: what we know of the sockets that the library reads and writes. [any] */

struct viewer_socket;

struct sockets {
	pthread_mutex_t lock;
	struct viewer_socket *list; /* lock */
	unsigned count; /* lock */
};

void sockets_init(struct sockets *sockets);
/* After the library is gone: closes what it has left open too. */
void sockets_finish(struct sockets *sockets);
/*
 * Notes a socket before the library gets it. The fd stays the caller's. connection is whose events it
 * gets, until sockets_told(). 0 or -errno.
 */
int sockets_add(struct sockets *sockets, int fd, void *connection);
/* The library knows the connection of this fd by this pointer. */
void sockets_name(struct sockets *sockets, int fd, const void *info);
/* What was noted for it, once: NULL the next time. ended: the pointer means nothing any more. */
void *sockets_told(struct sockets *sockets, const void *info, bool ended);
/* The same by the fd, for one that the library would not take. */
void *sockets_untaken(struct sockets *sockets, int fd);
/* Shuts a connection of which nothing was told. */
void sockets_drop(struct sockets *sockets, const void *connection);
/* Lets go of those that the library has closed. True while any are left. */
bool sockets_sweep(struct sockets *sockets);
/* Has any of them more waiting to be read than a viewer should be behind? */
bool sockets_behind(struct sockets *sockets);
/* Is there one that takes hardly any more? */
bool sockets_full(struct sockets *sockets);
/* Bytes that wait in all of them: to see whether they move. */
uint64_t sockets_waiting(struct sockets *sockets);
/* Notes what waits now in each, for SOCKETS_STALLED. */
void sockets_note(struct sockets *sockets);

enum sockets_which {
	SOCKETS_STALLED, /* not new, and as much waits as was noted last */
	SOCKETS_OLD, /* not new */
	SOCKETS_ALL,
};

/* The longest way to a viewer and back, us; 0 for those on this machine. */
int64_t sockets_round_trip_us(struct sockets *sockets);
/* How long ago the newest one was added, us; INT64_MAX: there is none. */
int64_t sockets_newest_us(struct sockets *sockets);
/* Shuts connections; the library finds out by itself. Returns how many. */
unsigned sockets_shut(struct sockets *sockets, enum sockets_which which);

/* display.c: draw commands, their queue and the gate. */

struct command;

enum gate { GATE_OPEN, GATE_FENCE, GATE_RELEASE };

struct display {
	pthread_mutex_t lock; /* of all below */
	struct command *head, **tail; /* not yet fetched by the worker */
	struct command *idle; /* to be used again */
	struct command *all; /* every one ever made */
	uint32_t tick; /* of the newest frame given */
	uint32_t fenced; /* newest tick whose fence is done */
	uint32_t joined; /* newest tick when the newest viewer came */
	unsigned live; /* drawables not yet released */
	uint64_t released; /* drawables, ever */
	atomic_bool gate_on_release; /* false for GLZ: its dictionary keeps drawables for long */
	bool refused; /* a frame was refused, ready must follow */
	uint32_t image_id;

	/* mode.c */
	uint32_t width, height; /* of the primary surface; 0: there is none */
	uint32_t wanted_width, wanted_height;
	bool switching; /* main is busy with it; nothing is taken meanwhile */
};

void display_init(struct spice_sink *sink);
/* After the library is gone: frees what it has not released. */
void display_finish(struct spice_sink *sink);
void display_fill_qxl(QXLInterface *qxl);
/* With display.lock held. */
enum gate display_gate(const struct display *display);
bool display_idle(const struct display *display);
/* A viewer has come. */
void display_joined(struct spice_sink *sink);
/* Forgets what the worker has not fetched. Nothing may be given meanwhile. */
void display_drop_queue(struct spice_sink *sink);
/* Tells events->ready if somebody waits for it and the gate is open. */
void display_check_ready(struct spice_sink *sink);
void display_wakeup(struct spice_sink *sink);

/* mode.c: the primary surface and its changes. [main] */

/* Of the calls whose cookie is no pointer. */
#define MODE_COOKIE_DESTROY 1
#define MODE_COOKIE_CREATE 2

enum mode_stage { MODE_STEADY, MODE_DRAINING, MODE_REPLACING };

struct mode {
	GSource *source;
	void *shadow; /* what the library draws the picture into, for new viewers */
	size_t shadow_size;
	bool wipe; /* nobody watches: forget the picture */

	enum mode_stage stage;
	uint32_t width, height; /* of next_shadow */
	void *next_shadow;
	atomic_bool replaced; /* [worker] */
	bool shut; /* sockets were shut to get on */
	int64_t since, moved_at, shut_at; /* us */
	uint64_t moved;
};

int mode_init(struct spice_sink *sink, char *why, size_t why_size);
/* After the library is gone: it may draw into the shadow until then. */
void mode_finish(struct spice_sink *sink);
void mode_replaced(struct spice_sink *sink); /* [worker] */
/* Before a new viewer is owed a picture: what was shown to others, maybe long ago, is not for it. */
void mode_blank(struct spice_sink *sink);
/* The last viewer has gone, or one came. */
void mode_viewers_changed(struct spice_sink *sink, unsigned count);

/* cursor.c */

struct shape;

struct pointer {
	pthread_mutex_t lock; /* of all below */
	struct shape *shape; /* newest; NULL: hidden */
	int16_t x, y; /* of the hot spot */
	struct shape *told_shape; /* what the worker has got last */
	int16_t told_x, told_y;
	bool told_position; /* told_x and told_y are known to the worker */
	bool told; /* anything since the last reset */
	bool fresh; /* newer than what the worker has been told */
	bool withheld; /* hidden until the next frame: nobody watched */
};

void pointer_init(struct spice_sink *sink);
void pointer_finish(struct spice_sink *sink);
/* The library has forgotten the pointer (a new primary surface). [main] */
void pointer_reset(struct spice_sink *sink);
/* Nobody watches: the next viewer shall not see an old pointer before the picture. [main] */
void pointer_withhold(struct spice_sink *sink);
/* A frame goes out: the pointer may be shown. [capture] */
void pointer_show(struct spice_sink *sink);
/* A viewer's cursor channel is new: what it is told at first, spice-gtk does not place. [main] */
void pointer_place_again(struct spice_sink *sink);
bool pointer_pending(struct spice_sink *sink);
int pointer_get_command(struct spice_sink *sink, struct QXLCommandExt *ext); /* [worker] */
void pointer_release(struct spice_sink *sink, void *command); /* [worker, main] */

/* access.c: who may look: password, SASL, TLS. [main] */

/* Where the library may open a port of its own; taken away again right after it has. */
struct access_place {
	char folder[128]; /* "": none */
	char path[160];
};

/* Before spice_server_init(). 0, or -errno and one line in why. */
int access_configure(struct spice_sink *sink, const struct spice_sink_options *options,
	struct access_place *place, char *why, size_t why_size);
/* After it, however that ended. */
void access_leave_place(struct access_place *place);

/* quarantine.c: memory that the library uses after it has freed it. [worker] */

/* From now on what this thread frees stays as it is, until the end. */
void quarantine_begin(void);
void quarantine_end(void);

/* agent.c: as if a guest agent were there, for the viewer's resize requests. [main] */

struct agent;

struct agent *agent_create(struct spice_sink *sink);
void agent_destroy(struct agent *agent);

/* port.c: character devices of others. [main] */

struct ports {
	LIST_HEAD(, spice_port) list;
	GSource *retry;
	struct spice_port *agent; /* the guest's; NULL: sink.agent is there */
	enum spice_pointer pointer;
	bool mouse_late; /* whether the agent points is still to be told to the library */
	bool size_to_agent; /* and not to events->resize */
};

void ports_init(struct spice_sink *sink);
/* After the library is gone. */
void ports_finish(struct spice_sink *sink);
/* With the library entered: by what the guest is pointed at, for spice_sink_set_pointer(). */
void ports_set_pointer(struct spice_sink *sink, enum spice_pointer pointer);

/* card.c: the messages of a smart card's reader. [main] */

#define CARD_HEAD 12 /* bytes */
#define CARD_BODY_MAX 270 /* bytes: APDUBufSize of libcacard */

struct card {
	uint8_t message[CARD_HEAD + CARD_BODY_MAX];
	size_t have; /* of message */
	size_t given; /* of a whole one */
	bool whole;
	uint32_t skip; /* bytes of one that is too long */
};

/* As spice_port_ops.read, by whole messages; skipped: bytes of those that are too long. */
size_t card_read(struct card *card, const struct spice_port_ops *ops, void *data, uint8_t *buffer,
	size_t size, size_t *skipped);

/* inputs.c: keyboard, mouse and tablet. [main] */

struct inputs {
	SpiceKbdInstance keyboard;
	SpiceMouseInstance mouse;
	SpiceTabletInstance tablet;
	bool attached, tablet_attached;
	bool late; /* pointer has changed while the surface was being replaced */
	enum spice_pointer pointer;
	uint8_t leds;
	GPtrArray *channels; /* of viewers: SpiceChannelEventInfo, as names only */
	uint32_t width, height; /* pixels, of the picture */
	uint32_t old_width, old_height; /* that viewers may still point at; 0: none */
	int64_t resized_at; /* us */
	int64_t old_size_us; /* how long they may, from then on */
};

void inputs_init(struct spice_sink *sink);
/* After the library is gone. */
void inputs_finish(struct spice_sink *sink);
/* The picture has this size from now on, for those who see it. */
void inputs_resized(struct spice_sink *sink, uint32_t width, uint32_t height);
/* The surface is not being replaced any more. */
void inputs_steady(struct spice_sink *sink);
void inputs_channel_event(struct spice_sink *sink, int event, const SpiceChannelEventInfo *info);

/* What release_info.id points to: drawables, fences and cursor commands begin with it. */
enum token_kind { TOKEN_DRAWABLE, TOKEN_FENCE, TOKEN_CURSOR };

struct token {
	enum token_kind kind;
};

struct spice_sink {
	const struct spice_sink_events *events;
	void *events_data;
	struct spice_sink_counters counters;

	SpiceServer *server;
	SpiceCoreInterface core;
	QXLInterface qxl_interface;
	QXLInstance qxl;
	bool qxl_added;
	bool view_only;
	bool sasl;
	enum spice_compression compression; /* of viewers that come */
	struct agent *agent; /* NULL: the guest's is there */
	struct ports ports; /* [main] */
	LIST_HEAD(, SpiceWatch) watches; /* [main] */
	LIST_HEAD(, SpiceTimer) timers; /* [main] */

	struct watchdog watchdog;
	struct sockets sockets;
	struct display display;
	struct mode mode;
	struct pointer pointer;
	struct inputs inputs; /* [main] */

	GSource *sweep; /* [main] sockets that the library has closed */
	GSource *poll; /* [any] sockets that a frame waits for */
	GSource *place; /* [main] of the pointer, for a new viewer */
	int adding; /* [main] the fd that the library is being given, -1: none */
	atomic_int poll_ms;

	atomic_uint viewers;
	atomic_uint generation;
	atomic_bool closing; /* no events any more */
	atomic_bool in_library; /* main may be waiting inside it */
	atomic_bool wake; /* the worker is to be woken */
	/*
	 * [worker] It waits for the first words of a new display channel. A connection that ends just
	 * then makes the library (0.15.1) use memory that it has freed, so we end none.
	 */
	atomic_bool served; /* the newest viewer has taken in a frame */
	atomic_bool connecting;
};

/* sink.c */
void sink_channel_event(struct spice_sink *sink, int event, const SpiceChannelEventInfo *info);
void sink_ready(struct spice_sink *sink);
/* sockets_shut(), where it is safe, and counted. */
void sink_shut(struct spice_sink *sink, enum sockets_which which);

static inline struct spice_sink *sink_of_qxl(QXLInstance *qxl)
{
	return (struct spice_sink *)((char *)qxl - offsetof(struct spice_sink, qxl));
}

#endif
