/* SPDX-License-Identifier: MIT */
/*
 * Which parent and type a new vGPU shall have, by what the user said.
 *
 * The choice points into the inventory. Main thread.
 */
#ifndef BRIDGE_CREATE_CHOOSE_H
#define BRIDGE_CREATE_CHOOSE_H

#include "vfio/inventory.h"

struct choice {
	const struct inventory_parent *parent;
	const struct inventory_type *type;
};

/*
 * Each of the three words may be NULL; not both of type and guest are given. count: how many shall
 * be made. 0, or an exit code after a line was logged.
 */
int choose(const char *root, const struct inventory *inventory, const char *parent,
	const char *type, const char *guest, unsigned count, struct choice *choice);

#endif
