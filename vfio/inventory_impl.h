/* SPDX-License-Identifier: MIT */
/*
 * What the files of the inventory share: bounded reading of small text files, and lists that grow.
 *
 * Text that came from outside is cut to its buffer and made printable; a file that is odd counts as
 * one that is not there. Any thread; nothing is kept.
 */
#ifndef VFIO_INVENTORY_IMPL_H
#define VFIO_INVENTORY_IMPL_H

#include "vfio/inventory.h"

/* 0, or -ENAMETOOLONG where it does not fit. */
__attribute__((format(printf, 3, 4))) int text_print(
	char *out, size_t size, const char *format, ...);

/*
 * A file's first size - 1 bytes as they are, with a 0 behind; returns their number or -errno. Never
 * waits, not even for a FIFO.
 */
__attribute__((format(printf, 3, 4))) ssize_t text_read(
	char *text, size_t size, const char *format, ...);
/* The same for text shown to people: printable, without white space at the end. 0 or -errno. */
__attribute__((format(printf, 3, 4))) int text_line(
	char *text, size_t size, const char *format, ...);
/* Replaces what a terminal or JSON could stumble over by '?'; line feeds are kept when so told. */
void text_make_printable(char *text, bool keep_lines);
/* Copies what fits, and makes it printable. */
void text_copy(char *out, size_t size, const char *text);
/* A number in decimal, or with 0x in hexadecimal, and nothing behind it. */
bool text_number(const char *text, unsigned long long *number);

/* Room for one more element, zeroed; NULL without memory. items is the array's pointer. */
void *list_add(void *items, size_t *count, size_t size);

/* Each reads its part of an inventory: 0 or -ENOMEM. */
int parents_read(const char *root, struct inventory *inventory);
int vgpus_read(const char *root, struct inventory *inventory);
int holders_read(const char *root, struct inventory *inventory);

/* Adds the parent with that directory unless it is there already. 0 or -ENOMEM. */
int parents_add(const char *root, struct inventory *inventory, const char *directory);
/* Of its name: may what it makes have a picture? */
bool parent_has_display(const char *name);
void parent_finish(struct inventory_parent *parent);
/* What limits each type, once all vGPUs are known. */
void parents_limits(struct inventory *inventory);
/* Who will bring a vGPU back. */
void vgpu_read_makers(const char *root, struct inventory_vgpu *vgpu);

#endif
