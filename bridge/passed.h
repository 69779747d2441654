/* SPDX-License-Identifier: MIT */
/*
 * The sockets that systemd opened for us: --listen systemd.
 *
 * Reads the environment of sd_listen_fds(3), LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES, as a socket
 * unit's service finds it, and opens nothing. The descriptors stay whose they are. Main thread.
 */
#ifndef BRIDGE_PASSED_H
#define BRIDGE_PASSED_H

#include <stdbool.h>
#include <stddef.h>

#define PASSED_WORD "systemd" /* in the place of an address */

/* Is this the word, with or without options after a comma? */
bool passed_is(const char *text);

/* How many sockets there are for this process. */
unsigned passed_count(void);

/*
 * The i-th as an address of listen_address_parse(), "fd:3,tls", to be freed. text is what the user
 * wrote, whose options hold for each socket; so do the words view-only and tls of the socket's own
 * name (FileDescriptorName=, words with commas between them). NULL: no memory.
 */
char *passed_address(const char *text, unsigned i);

#endif
