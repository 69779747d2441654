/* SPDX-License-Identifier: MIT */
/*
 * A throw-away directory that stands for / in tests: sysfs and /dev as a kernel would show them.
 *
 * Every function aborts on error, as a test without its tree is worth nothing. Paths begin with "/"
 * and lie below the tree. One thread; the caller removes the tree.
 */
#ifndef TESTS_TREE_H
#define TESTS_TREE_H

#define TREE_UUID "4b20d080-1b54-4048-85b3-a6a62d165c01"
#define TREE_OTHER_UUID "4b20d080-1b54-4048-85b3-a6a62d165c02"

struct tree {
	char root[64];
};

void tree_create(struct tree *tree);
void tree_remove(struct tree *tree);

void tree_directory(const struct tree *tree, const char *path); /* with those above it */
void tree_file(const struct tree *tree, const char *path, const char *text);
void tree_link(const struct tree *tree, const char *path, const char *target);
void tree_delete(const struct tree *tree, const char *path); /* a file or link */

/*
 * An mdev with that UUID: below the PCI device 0000:00:02.0, which has a render node
 * (renderD128), or below a virtual parent; in that IOMMU group, with its node in /dev/vfio.
 */
void tree_mdev(const struct tree *tree, const char *uuid, int on_pci, unsigned group);
/* Gives an mdev on PCI the cdev vfio0 and its nodes, /dev/iommu among them. */
void tree_cdev(const struct tree *tree, const char *uuid);

#endif
