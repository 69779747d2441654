/* SPDX-License-Identifier: MIT */
/* What is found in sysfs, from trees built as kernels build them. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tree.h"
#include "vfio/mdev.h"

static int setup(void **state)
{
	struct tree *tree = calloc(1, sizeof(*tree));

	tree_create(tree);
	*state = tree;
	return 0;
}

static int teardown(void **state)
{
	tree_remove(*state);
	free(*state);
	return 0;
}

static void assert_below(const struct tree *tree, const char *path, const char *expected)
{
	char full[PATH_MAX];
	char real[PATH_MAX];

	snprintf(full, sizeof(full), "%s%s", tree->root, expected);
	assert_non_null(realpath(full, real));
	assert_string_equal(path, real);
}

static void test_uuid(void **state)
{
	static const char *const bad[] = {
		"",
		"4b20d080",
		"4b20d080-1b54-4048-85b3-a6a62d165c0",
		"4b20d080-1b54-4048-85b3-a6a62d165c012",
		"4b20d080-1b54-4048-85b3-a6a62d165c0g",
		"4b20d0801-b54-4048-85b3-a6a62d165c01",
		"4b20d080-1b54-4048-85b3_a6a62d165c01",
		"../../../../../../../../../../etc/abc",
		"{b20d080-1b54-4048-85b3-a6a62d165c0}",
	};
	char uuid[MDEV_UUID_SIZE];

	assert_int_equal(mdev_parse_uuid("4B20D080-1b54-4048-85B3-a6a62d165C01", uuid), 0);
	assert_string_equal(uuid, TREE_UUID);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(mdev_parse_uuid(bad[i], uuid), -EINVAL);
	}
}

static void test_find(void **state)
{
	const struct tree *tree = *state;
	char path[PATH_MAX];
	char small[16];
	unsigned group = 0;

	assert_int_equal(mdev_find(tree->root, TREE_UUID, path, sizeof(path)), -ENODEV);
	tree_mdev(tree, TREE_UUID, 1, 7);
	assert_int_equal(mdev_find(tree->root, TREE_UUID, path, sizeof(path)), 0);
	assert_below(tree, path, "/sys/devices/pci0000:00/0000:00:02.0/" TREE_UUID);
	assert_int_equal(mdev_group(path, &group), 0);
	assert_int_equal(group, 7);
	assert_int_equal(mdev_find(tree->root, TREE_OTHER_UUID, path, sizeof(path)), -ENODEV);
	assert_int_equal(mdev_find(tree->root, TREE_UUID, small, sizeof(small)), -ENAMETOOLONG);
}

static void test_group_link(void **state)
{
	const struct tree *tree = *state;
	char device[PATH_MAX];
	unsigned group;

	snprintf(device, sizeof(device), "%s/sys/devices/a", tree->root);
	tree_directory(tree, "/sys/devices/a");
	assert_int_equal(mdev_group(device, &group), -ENOENT);
	tree_link(tree, "/sys/devices/a/iommu_group", "../../kernel/iommu_groups/none");
	assert_int_equal(mdev_group(device, &group), -ENOENT);
	tree_delete(tree, "/sys/devices/a/iommu_group");
	tree_link(tree, "/sys/devices/a/iommu_group", "99999999999999");
	assert_int_equal(mdev_group(device, &group), -ENOENT);
	tree_delete(tree, "/sys/devices/a/iommu_group");
	tree_link(tree, "/sys/devices/a/iommu_group", "12");
	assert_int_equal(mdev_group(device, &group), 0);
	assert_int_equal(group, 12);
}

static void test_cdev(void **state)
{
	const struct tree *tree = *state;
	char device[PATH_MAX];
	char path[PATH_MAX];
	char name[16];

	tree_mdev(tree, TREE_UUID, 1, 7);
	assert_int_equal(mdev_find(tree->root, TREE_UUID, device, sizeof(device)), 0);
	assert_int_equal(mdev_cdev(device, name, sizeof(name)), -ENOENT);
	assert_int_equal(mdev_of_cdev(tree->root, "vfio0", path, sizeof(path)), -ENOENT);
	tree_cdev(tree, TREE_UUID);
	assert_int_equal(mdev_cdev(device, name, sizeof(name)), 0);
	assert_string_equal(name, "vfio0");
	assert_int_equal(mdev_of_cdev(tree->root, "vfio0", path, sizeof(path)), 0);
	assert_string_equal(path, device);
}

static void test_group_devices(void **state)
{
	const struct tree *tree = *state;
	char first[64], all[128], path[PATH_MAX];
	char tight[40];
	unsigned count;

	assert_int_equal(mdev_group_devices(tree->root, 7, &count, first, 64, all, 128), -ENOENT);
	tree_directory(tree, "/sys/kernel/iommu_groups/7/devices");
	assert_int_equal(mdev_group_devices(tree->root, 7, &count, first, 64, all, 128), 0);
	assert_int_equal(count, 0);
	assert_string_equal(all, "");

	tree_mdev(tree, TREE_OTHER_UUID, 0, 7);
	tree_mdev(tree, TREE_UUID, 1, 7);
	assert_int_equal(mdev_group_devices(tree->root, 7, &count, first, 64, all, 128), 0);
	assert_int_equal(count, 2);
	assert_string_equal(first, TREE_UUID);
	assert_string_equal(all, TREE_UUID ", " TREE_OTHER_UUID);

	/* Too small a buffer for all keeps those that fit, whole. */
	assert_int_equal(mdev_group_devices(tree->root, 7, &count, NULL, 0, tight, 40), 0);
	assert_int_equal(count, 2);
	assert_string_equal(tight, TREE_UUID);
	assert_int_equal(
		mdev_group_devices(tree->root, 7, &count, first, 8, all, 128), -ENAMETOOLONG);

	assert_int_equal(mdev_group_device(tree->root, 7, TREE_UUID, path, sizeof(path)), 0);
	assert_below(tree, path, "/sys/devices/pci0000:00/0000:00:02.0/" TREE_UUID);
	assert_int_equal(
		mdev_group_device(tree->root, 7, "0000:00:03.0", path, sizeof(path)), -ENODEV);
}

static void test_render_node(void **state)
{
	const struct tree *tree = *state;
	char device[PATH_MAX];
	char node[32];
	char small[4];

	tree_mdev(tree, TREE_UUID, 1, 7);
	assert_int_equal(mdev_find(tree->root, TREE_UUID, device, sizeof(device)), 0);
	assert_int_equal(mdev_render_node(device, node, sizeof(node)), 0);
	assert_string_equal(node, "/dev/dri/renderD128");
	assert_int_equal(mdev_render_node(device, small, sizeof(small)), -ENAMETOOLONG);

	/* The kernel's samples have a parent that is no GPU. */
	tree_mdev(tree, TREE_OTHER_UUID, 0, 8);
	assert_int_equal(mdev_find(tree->root, TREE_OTHER_UUID, device, sizeof(device)), 0);
	assert_int_equal(mdev_render_node(device, node, sizeof(node)), -ENOENT);
	assert_string_equal(node, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_uuid, setup, teardown),
		cmocka_unit_test_setup_teardown(test_find, setup, teardown),
		cmocka_unit_test_setup_teardown(test_group_link, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cdev, setup, teardown),
		cmocka_unit_test_setup_teardown(test_group_devices, setup, teardown),
		cmocka_unit_test_setup_teardown(test_render_node, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
