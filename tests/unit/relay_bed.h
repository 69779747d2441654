/* SPDX-License-Identifier: MIT */
/*
 * A relay between a socket of ours, which plays QEMU, and a channel of ours, which plays the library.
 *
 * On the test's one thread. Failures end the test by cmocka's own means, so this comes after cmocka.h.
 */
#ifndef TESTS_UNIT_RELAY_BED_H
#define TESTS_UNIT_RELAY_BED_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/relay.h"
#include "spice/port.h"

#define WAIT_MS 20000
#define MIB (1024 * 1024)

/* The library's side: at most one port, whose calls the test makes. */
struct spice_port {
	char subtype[16];
	char name[64];
	const struct spice_port_ops *ops;
	void *data;
	bool viewer; /* reads and writes */
	size_t read_max; /* bytes at a time; 0: none */
	GString *got; /* read from the guest */
	const uint8_t *send; /* to the guest */
	size_t send_size;
	unsigned wakes;
};

extern struct spice_port *port;
extern unsigned ports_made;
extern bool refuse_port;

/* One comes, or goes. */
void viewer(bool connected);

/* QEMU's side. */
struct qemu {
	char folder[64];
	char path[100];
	int listener;
	int fd;
	struct relay *relay;
};

/* Of cmocka: the state is a struct qemu without relay. */
int setup(void **state);
int teardown(void **state);
void listen_again(struct qemu *qemu);
struct relay *create(struct qemu *qemu, enum relay_kind kind, const char *name);
/* The relay has connected. */
bool accepted(struct qemu *qemu);
void hang_up(struct qemu *qemu);
/* The relay has. */
bool hung_up(struct qemu *qemu);
/* Listens, and waits for a relay of a port with its channel. */
void begin_port(struct qemu *qemu);

/* For g_free(). */
uint8_t *noise(size_t size, uint32_t seed);
void run_ms(unsigned ms);

/* Wakes the main loop, so that wait_for() looks again. */
gboolean on_tick(gpointer data);

#define wait_for(condition)                                                              \
	do {                                                                             \
		gint64 deadline = g_get_monotonic_time() + WAIT_MS * (gint64)1000;       \
		guint tick = g_timeout_add(5, on_tick, NULL);                            \
                                                                                         \
		while (!(condition)) {                                                   \
			if (g_get_monotonic_time() > deadline) {                         \
				fail_msg("line %d: not in %d ms: %s", __LINE__, WAIT_MS, \
					#condition);                                     \
			}                                                                \
			g_main_context_iteration(NULL, TRUE);                            \
		}                                                                        \
		g_source_remove(tick);                                                   \
	} while (0)

#endif
