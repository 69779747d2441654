/* SPDX-License-Identifier: MIT */
/*
 * Inside the sandbox only: the rules, apart from the loading of them.
 *
 * Two filters, since libseccomp has no order of rules within one and the kernel takes the strictest
 * answer of several. Pure calls into libseccomp; 0 or -errno.
 */
#ifndef BRIDGE_SANDBOX_IMPL_H
#define BRIDGE_SANDBOX_IMPL_H

#include <seccomp.h>
#include <stdint.h>

/* Where the first region after those of PCI begins, in a VFIO device's file (vfio_pci_core.h). */
#define SANDBOX_FIRST_OFFSET (UINT64_C(9) << 40)

/* The page of mbochs' file that its EDID region is. */
#define SANDBOX_GAP_PAGE 2

/* What kills the process, and what is refused whatever the supervisor says; all else passes. */
int sandbox_add_deadly(scmp_filter_ctx filter);
/* As that, for devices whose EDID region lies after those of PCI. */
int sandbox_add_tight(scmp_filter_ctx filter);
/* What passes; all else is refused. For this process: it names its number. */
int sandbox_add_allowed(scmp_filter_ctx filter);

#endif
