/* SPDX-License-Identifier: MIT */
#include "tests/unit/tree.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void must(int ok, const char *what)
{
	if (!ok) {
		perror(what);
		abort();
	}
}

static void full_path(const struct tree *tree, const char *path, char full[PATH_MAX])
{
	must(snprintf(full, PATH_MAX, "%s%s", tree->root, path) < PATH_MAX, path);
}

/* Makes the directories above a path. */
static void make_parents(char *full)
{
	for (char *slash = strchr(full + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		must(mkdir(full, 0755) == 0 || errno == EEXIST, full);
		*slash = '/';
	}
}

void tree_create(struct tree *tree)
{
	const char *tmp = getenv("TMPDIR");

	must(snprintf(tree->root, sizeof(tree->root), "%s/vgpu-tree-XXXXXX", tmp ? tmp : "/tmp") <
			(int)sizeof(tree->root),
		"TMPDIR");
	must(mkdtemp(tree->root) != NULL, tree->root);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
	return remove(path);
}

void tree_remove(struct tree *tree)
{
	nftw(tree->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void tree_directory(const struct tree *tree, const char *path)
{
	char full[PATH_MAX];

	full_path(tree, path, full);
	make_parents(full);
	must(mkdir(full, 0755) == 0 || errno == EEXIST, full);
}

void tree_file(const struct tree *tree, const char *path, const char *text)
{
	char full[PATH_MAX];
	FILE *file;

	full_path(tree, path, full);
	make_parents(full);
	file = fopen(full, "we");
	must(file != NULL, full);
	must(fputs(text, file) >= 0, full);
	must(fclose(file) == 0, full);
}

void tree_link(const struct tree *tree, const char *path, const char *target)
{
	char full[PATH_MAX];

	full_path(tree, path, full);
	make_parents(full);
	must(symlink(target, full) == 0, full);
}

void tree_delete(const struct tree *tree, const char *path)
{
	char full[PATH_MAX];

	full_path(tree, path, full);
	must(unlink(full) == 0, full);
}

void tree_mdev(const struct tree *tree, const char *uuid, int on_pci, unsigned group)
{
	/* Both parents are three levels below /sys. */
	const char *parent = on_pci ? "devices/pci0000:00/0000:00:02.0" : "devices/virtual/mdpy";
	char path[PATH_MAX];
	char target[PATH_MAX];

	if (on_pci) {
		tree_directory(tree, "/sys/devices/pci0000:00/0000:00:02.0/drm/card0");
		tree_directory(tree, "/sys/devices/pci0000:00/0000:00:02.0/drm/renderD128");
	}
	snprintf(path, sizeof(path), "/sys/%s/%s", parent, uuid);
	tree_directory(tree, path);
	snprintf(path, sizeof(path), "/sys/%s/%s/iommu_group", parent, uuid);
	snprintf(target, sizeof(target), "../../../../kernel/iommu_groups/%u", group);
	tree_link(tree, path, target);
	snprintf(path, sizeof(path), "/sys/bus/mdev/devices/%s", uuid);
	snprintf(target, sizeof(target), "../../../%s/%s", parent, uuid);
	tree_link(tree, path, target);
	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%u/devices/%s", group, uuid);
	snprintf(target, sizeof(target), "../../../../%s/%s", parent, uuid);
	tree_link(tree, path, target);
	snprintf(path, sizeof(path), "/dev/vfio/%u", group);
	tree_file(tree, path, "");
	tree_file(tree, "/dev/vfio/vfio", "");
}

void tree_cdev(const struct tree *tree, const char *uuid)
{
	char path[PATH_MAX];
	char target[PATH_MAX];

	snprintf(
		path, sizeof(path), "/sys/devices/pci0000:00/0000:00:02.0/%s/vfio-dev/vfio0", uuid);
	tree_directory(tree, path);
	snprintf(path, sizeof(path),
		"/sys/devices/pci0000:00/0000:00:02.0/%s/vfio-dev/vfio0/device", uuid);
	snprintf(target, sizeof(target), "../../../%s", uuid);
	tree_link(tree, path, target);
	snprintf(target, sizeof(target), "../../devices/pci0000:00/0000:00:02.0/%s/vfio-dev/vfio0",
		uuid);
	tree_link(tree, "/sys/class/vfio-dev/vfio0", target);
	tree_file(tree, "/dev/vfio/devices/vfio0", "");
	tree_file(tree, "/dev/iommu", "");
}
