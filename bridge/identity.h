/* SPDX-License-Identifier: MIT */
/*
 * The virtual machine's name and UUID, asked of QEMU by its monitor and told to viewers.
 *
 * What the user gave stays. Viewers are told when they come, so those who are there keep what they
 * have. Main thread; borrows all that it is given.
 */
#ifndef BRIDGE_IDENTITY_H
#define BRIDGE_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

struct identity;
struct qmp;
struct viewers;

/*
 * Nothing is told before identity_show(). qmp may be NULL: what is known stays. name and uuid (16 bytes): as far as they are known, or NULL; fixed_name: QEMU's does not replace
 * it, and a uuid is never replaced.
 */
struct identity *identity_create(struct qmp *qmp, struct viewers *viewers, const char *name,
	bool fixed_name, const uint8_t *uuid);
/* Is this machine the one that viewers see? Tells who comes from now on of it, and of nothing before. */
void identity_show(struct identity *identity, bool shown);
/* After the qmp. */
void identity_destroy(struct identity *identity);

#endif
