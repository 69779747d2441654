/* SPDX-License-Identifier: MIT */
/*
 * Reading memory that somebody else may take away: a file that shrinks under its mapping raises
 * SIGBUS at the next read of a page that is gone.
 *
 * The handler puts a page of zeroes in the place of the lost one, so that the read goes on, in
 * whichever thread it happened, and counts. Who reads compares the count before and after, and must
 * not trust the picture when it grew. The replaced page stays until the range is mapped anew.
 *
 * Only ranges that were registered are mended, or any address of a mapping while guard_any(1) holds:
 * software GL maps dma-bufs by itself and reads them on threads of its own, at addresses that we
 * can't know. Every other SIGBUS goes to the handler (or the default action) that was there before.
 *
 * A signal handler has no argument of ours, hence the one global of render/. Any thread.
 */
#ifndef RENDER_GUARD_H
#define RENDER_GUARD_H

#include <stddef.h>
#include <stdint.h>

/*
 * Takes SIGBUS for the whole process. More calls do nothing, unless somebody else took it meanwhile:
 * then it is taken back, with theirs as the one to pass on to. 0 or -errno.
 */
int guard_install(void);

/*
 * Registers a mapped range; several may overlap. Returns a slot for guard_remove(), or -ENOSPC when
 * all slots are taken. Before the range is unmapped it must be removed.
 */
int guard_add(const void *address, size_t length);
/* A negative slot does nothing. */
void guard_remove(int slot);

/* change 1: from now on any lost page of any mapping is mended; -1 takes that back. They nest. */
void guard_any(int change);

/* Lost pages mended so far, of all ranges. */
uint64_t guard_faults(void);

#endif
