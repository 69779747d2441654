/* SPDX-License-Identifier: MIT */
/*
 * The SPICE display: one libspice-server with one QXL device, fed with frames and a cursor.
 *
 * Created, fed with connections and destroyed on the main thread, whose default GMainContext runs
 * the library. Functions marked [capture] are the capture thread's and never block; those marked
 * [any] may be called from anywhere. It takes references on frames and keeps them until the library
 * lets go. It owns every socket handed to it. Nothing that waits for a viewer is ever called on a
 * viewer that stands still: its sockets are shut first.
 */
#ifndef SPICE_SINK_H
#define SPICE_SINK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spice_sink;
struct frame;
struct cursor;

enum spice_compression {
	SPICE_COMPRESSION_AUTO, /* off on unix sockets, lz4 on TCP */
	SPICE_COMPRESSION_OFF,
	SPICE_COMPRESSION_LZ4,
	SPICE_COMPRESSION_QUIC,
	SPICE_COMPRESSION_GLZ,
	SPICE_COMPRESSION_AUTO_LZ,
	SPICE_COMPRESSION_AUTO_GLZ,
};

/* Where a viewer points, inside the picture as it saw it: after a mode change that may be the old. */
struct spice_position {
	uint32_t x, y, width, height; /* pixels */
};

struct spice_sink_events {
	/* [any thread] Someone began or ceased to watch, or the next frame can be taken. */
	void (*ready)(void *data);
	/* [main] The viewer asks for a picture of this size, pixels. */
	void (*resize)(void *data, uint32_t width, uint32_t height);
	/* [main] A viewer came or went; the number of those connected now. */
	void (*viewers)(void *data, unsigned count);
	/*
	 * [main] What a viewer's keys and pointer do, in order. key: the bytes of PC AT set 1, with
	 * their 0xe0 and 0xe1 prefixes. buttons: a mask of SPICE_MOUSE_BUTTON_MASK_*. A viewer whose
	 * inputs channel ends holds nothing any more: input_end.
	 */
	void (*key)(void *data, uint8_t byte);
	void (*position)(void *data, const struct spice_position *position);
	void (*motion)(void *data, int dx, int dy);
	void (*wheel)(void *data, int steps, uint32_t buttons); /* positive: down */
	void (*buttons)(void *data, uint32_t buttons);
	void (*input_end)(void *data);
	/*
	 * [main] Of each connection that was given to spice_sink_add_client() exactly one of these
	 * comes, maybe before that returns: it has proved who it is and belongs to a viewer (channel:
	 * SPICE_CHANNEL_*, id: the viewer's, the same for all its connections), or it has ended.
	 */
	void (*linked)(void *data, void *connection, int channel, uint32_t id);
	void (*ended)(void *data, void *connection);
};

enum spice_pointer {
	SPICE_POINTER_NONE, /* the guest takes no input: a viewer may only look */
	SPICE_POINTER_RELATIVE, /* server mouse mode */
	SPICE_POINTER_ABSOLUTE, /* client mouse mode */
};

/* PEM files, which are read at once and not again. */
struct spice_tls {
	const char *certificate; /* the server's, and those that lead to the authority's */
	const char *key; /* not encrypted */
	const char *authorities; /* NULL: the file of the certificate */
	const char *ciphers; /* OpenSSL's list; NULL: the library's */
	/* Names with commas, or "all": channels that no viewer gets without TLS. NULL: none. */
	const char *channels;
};

struct spice_sink_options {
	const char *name; /* shown in the viewer's title */
	const uint8_t *uuid; /* of the virtual machine, 16 bytes, or NULL */
	const char *password; /* NULL: no ticket asked */
	unsigned password_seconds; /* then nobody comes in any more; 0: for ever */
	bool password_expired; /* nobody comes in from the start */
	bool sasl; /* instead of a password, as /etc/sasl2/vgpu-bridge.conf says */
	const struct spice_tls *tls; /* NULL: none */
	bool view_only; /* no input from its viewers, no resize, no agent */
	enum spice_compression compression;
	const struct spice_sink_events *events;
	void *events_data;
};

struct spice_sink_counters {
	atomic_uint_fast64_t frames; /* frames taken */
	atomic_uint_fast64_t frames_dropped; /* given in vain: the last viewer had just left */
	atomic_uint_fast64_t drawables; /* draw commands given to the library */
	atomic_uint_fast64_t drawables_live; /* given and not yet released */
	atomic_uint_fast64_t bytes; /* of pixels in them, before compression */
	atomic_uint_fast64_t cursor_sets, cursor_moves, cursor_hides;
	atomic_uint_fast64_t cursor_dropped; /* moves replaced by newer ones before they left */
	atomic_uint_fast64_t mode_switches;
	atomic_uint_fast64_t viewers_total;
	atomic_uint_fast64_t viewers_shut; /* sockets shut because a viewer stood still */
	atomic_uint_fast64_t ports_dropped; /* bytes for or of a port that nobody could take */
	atomic_uint_fast64_t held_fence; /* times a frame waited: fence, release, socket */
	atomic_uint_fast64_t held_release;
	atomic_uint_fast64_t held_socket;
	/*
	 * Frames that the library was done with (which is when they are in the viewer's socket), and
	 * how long after the beginning of their capture: all together, and a mean in which the last
	 * ones count most. Not for GLZ, which keeps frames for longer.
	 */
	atomic_uint_fast64_t sent, sent_us, sent_recent_us;
};

/* NULL with errno and one line in why. Keeps no string of the options. [main] */
struct spice_sink *spice_sink_create(
	const struct spice_sink_options *options, char *why, size_t why_size);
/*
 * Ends in well under a second whatever the viewers do. No event comes any more. The capture thread
 * must not use the sink any longer. A viewer that has stopped in the midst of connecting makes it
 * leave the library running: the process should end soon. [main]
 */
void spice_sink_destroy(struct spice_sink *sink);

/*
 * Hands a connected socket over; takes ownership, also on error. tls: the viewer speaks TLS from the
 * first byte on. connection is for events->linked and ended, or NULL: then neither comes. [main]
 */
int spice_sink_add_client(struct spice_sink *sink, int fd, bool tls, void *connection);
/* Ends a connection of which nothing was told yet; neither linked nor ended comes. [main] */
void spice_sink_drop(struct spice_sink *sink, const void *connection);

/* What viewers that come from now on are told; NULL: nothing is known. [main] */
void spice_sink_set_name(struct spice_sink *sink, const char *name, const uint8_t *uuid);

/*
 * How pictures are compressed for viewers who come from now on. 0, or -ENOTSUP where the library was
 * built without it. [main]
 */
int spice_sink_set_compression(struct spice_sink *sink, enum spice_compression compression);

#define SPICE_PASSWORD_MAX 60 /* bytes; the protocol's */
/*
 * What viewers who come from now on are asked for; also where nobody was asked for one before. seconds:
 * as long it lets them in, 0: for ever. -EINVAL where it is none of 1 to 60 bytes; -ENOTSUP where they
 * are asked by SASL. [main]
 */
int spice_sink_set_password(struct spice_sink *sink, const char *password, unsigned seconds);

struct spice_sink_counters *spice_sink_counters(struct spice_sink *sink); /* [any] */

/* Is anybody watching? [any] */
bool spice_sink_wants(const struct spice_sink *sink);

/*
 * Grows with each viewer that begins to watch. When it has changed, the next frame must hold the
 * whole picture. [any]
 */
unsigned spice_sink_generation(const struct spice_sink *sink);

/*
 * Can a frame of this size be taken now? False starts whatever is missing (a mode switch on the main
 * thread, a fence) and events->ready follows. [capture]
 */
bool spice_sink_can_take(struct spice_sink *sink, uint32_t width, uint32_t height);

/*
 * Takes a reference. Only after can_take() said yes for its size. A frame that can't be used after
 * all (the last viewer left meanwhile, no memory) is dropped, and the generation grows. [capture]
 */
void spice_sink_give(struct spice_sink *sink, struct frame *frame);

/* What kind of pointer the guest has; NONE at first. Attaches keyboard, mouse and tablet. [main] */
void spice_sink_set_pointer(struct spice_sink *sink, enum spice_pointer pointer);
/* The guest's lock keys: a mask of SPICE_KEYBOARD_MODIFIER_FLAGS_*. [main] */
void spice_sink_set_leds(struct spice_sink *sink, uint8_t leds);

/* NULL: the guest draws its own pointer, or there is none: the viewer's is hidden. [capture] */
void spice_sink_set_cursor(struct spice_sink *sink, const struct cursor *cursor);

#endif
