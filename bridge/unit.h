/* SPDX-License-Identifier: MIT */
/*
 * The verb unit: what is known of a virtual machine that a unit is to serve, and the files for it.
 *
 * Reads below root ("" in life) only; asks nobody and writes nothing but with unit_install(). What it
 * reads may come from a process that any user started under that name, so only plain absolute paths
 * and names are taken. Main thread; facts are plain data with strings of GLib's.
 */
#ifndef BRIDGE_UNIT_H
#define BRIDGE_UNIT_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct unit_facts {
	char *from; /* where it was found, for people; NULL: nowhere */
	bool libvirt;
	bool unread; /* only root may look at libvirt's domains */
	bool process; /* it is what a process's command line says */
	uid_t owner; /* then: whose that is, who could say anything */
	GPtrArray *mdevs; /* UUIDs, char * */
	char *qmp, *agent, *webdav, *smartcard; /* paths of QEMU's sockets; NULL: none */
	GPtrArray *usb; /* paths */
	GPtrArray *ports; /* "NAME=unix:PATH" of other channels */
};

void unit_facts_init(struct unit_facts *facts);
void unit_facts_finish(struct unit_facts *facts);

/* QEMU's arguments, without its name, to the NULL at the end. */
void unit_facts_arguments(struct unit_facts *facts, const char *const *arguments);
/* A domain as libvirt keeps it. False where that is no XML. */
bool unit_facts_domain(struct unit_facts *facts, const char *xml, size_t size);
/*
 * libvirt's file for the domain, else the running QEMU of that name. 0, also where there is neither;
 * -ENOTUNIQ (several processes) with one line in why.
 */
int unit_facts_find(
	struct unit_facts *facts, const char *root, const char *vm, char *why, size_t why_size);

/* One file to be there. */
struct unit_file {
	char *path; /* without the root */
	char *text; /* NULL: it need not be there */
};

/* The files for an instance; network: its configuration may have addresses for other machines. */
#define UNIT_FILES 2
void unit_files(struct unit_file files[UNIT_FILES], const char *root, const char *vm, bool mdev,
	const struct unit_facts *facts, bool network);
void unit_files_finish(struct unit_file files[UNIT_FILES]);

/*
 * Writes a file below root that is not there yet. 1: written, 0: it is there just so; -EEXIST: it is
 * there with another content, and stays; or another -errno.
 */
int unit_install(const char *root, const struct unit_file *file);

/*
 * The instance's name for a virtual machine or a UUID: letters, digits and ":_.-" stay, each other
 * byte becomes "_". The hook of libvirt does the same.
 */
char *unit_instance(const char *vm);

#endif
