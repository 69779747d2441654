/* SPDX-License-Identifier: MIT */
/*
 * What QEMU or libvirt is to be told for one vGPU, and how it is served then.
 *
 * recipe_read() looks at the device, the versions and the user's wishes; the printers only print. The
 * sockets that QEMU is told to make are those that the command for serve names. Owns its strings and
 * the inventory. Main thread.
 */
#ifndef BRIDGE_RECIPE_H
#define BRIDGE_RECIPE_H

#include <stdbool.h>
#include <stdio.h>

#include "bridge/program_version.h"
#include "vfio/inventory.h"

struct tool_call;

struct recipe {
	struct inventory inventory;
	const struct inventory_vgpu *vgpu;
	const struct inventory_parent *parent; /* NULL where it is not in the inventory */
	bool for_libvirt;
	/* Where nothing is known, as Debian 12 has them. */
	struct program_version qemu, libvirt;
	bool qemu_guessed, libvirt_guessed;
	char *vm; /* name of the virtual machine */
	bool vm_guessed;
	char *machine; /* "q35" or "pc" */
	bool windows, linux_guest;
	bool ramfb;
	bool qmp, webdav, usb, sound;
	/* Paths; NULL for those that are not wanted. */
	char *spice_path, *qmp_path, *agent_path, *webdav_path, *usb_path, *vnc_path;
	char *group; /* that may use them, where it isn't the bridge's own; else NULL */
	bool gvt, dmabuf; /* of its parent; dmabuf: planes that QEMU shows by GL only */
	bool opregion; /* has to be asked for */
	bool iommufd; /* there is no group */
	char render_node[64]; /* "" without */
};

/* call: of xml or qemu-args. 0, or an enum exit_code and one line was logged. Finish it in each case. */
int recipe_read(struct recipe *recipe, const struct tool_call *call, bool for_libvirt);
void recipe_finish(struct recipe *recipe);

/* Arguments, one option with its value a line, none of which a shell would change. */
void recipe_print_qemu(const struct recipe *recipe, FILE *stream);

/* A domain, or the part of that name: an element of it, or "nodedev". -ENOENT with a line in why. */
int recipe_print_xml(
	const struct recipe *recipe, const char *part, FILE *stream, char *why, size_t why_size);

/* Advice, in lines that begin with #, and commands: the last line is the one that serves it. */
void recipe_print_notes(const struct recipe *recipe, FILE *stream);

#endif
