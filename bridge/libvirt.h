/* SPDX-License-Identifier: MIT */
/*
 * QMP by way of libvirt, for a domain that needs no monitor of its own for us.
 *
 * A process of its own, forked early, holds the library, which blocks, has threads and is large; the
 * bridge speaks QMP to it through a socketpair. It holds no capability and ends with the bridge. Main
 * thread. libvirt marks a domain as tainted (custom-monitor) by the first command that comes this way.
 */
#ifndef BRIDGE_LIBVIRT_H
#define BRIDGE_LIBVIRT_H

#include <stddef.h>

struct libvirt;
struct options;

/* For the domain of --vm. Before the first thread. NULL with errno and one line in why. */
struct libvirt *libvirt_start(const struct options *options, char *why, size_t why_size);
void libvirt_destroy(struct libvirt *libvirt);

/* As the dial of qmp_create_dialled(): a new connection to the domain's monitor. fd or -errno. */
int libvirt_dial(void *libvirt);

/* What runs in the process; control is where it is sent connections. Does not return. */
_Noreturn void libvirt_main(const char *domain, int control);

#endif
