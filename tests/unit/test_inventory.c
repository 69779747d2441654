/* SPDX-License-Identifier: MIT */
/* Parents, types and vGPUs as sysfs has them, from trees built as kernels build them. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/tree.h"
#include "vfio/inventory.h"

#define IGD "/sys/devices/pci0000:00/0000:00:02.0"
#define TYPES IGD "/mdev_supported_types"

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

static void add_type(
	const struct tree *tree, const char *name, const char *available, const char *description)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), TYPES "/%s/available_instances", name);
	tree_file(tree, path, available);
	snprintf(path, sizeof(path), TYPES "/%s/device_api", name);
	tree_file(tree, path, "vfio-pci\n");
	snprintf(path, sizeof(path), TYPES "/%s/description", name);
	tree_file(tree, path, description);
}

static void add_gpu(const struct tree *tree, const char *bar2)
{
	char text[512];

	tree_file(tree, IGD "/vendor", "0x8086\n");
	tree_file(tree, IGD "/device", "0x5916\n");
	tree_file(tree, IGD "/class", "0x030000\n");
	snprintf(text, sizeof(text),
		"0x00000000de000000 0x00000000deffffff 0x0000000000140204\n"
		"0x0000000000000000 0x0000000000000000 0x0000000000000000\n%s\n",
		bar2);
	tree_file(tree, IGD "/resource", text);
	tree_directory(tree, "/sys/bus/pci/drivers/i915");
	tree_link(tree, IGD "/driver", "../../../bus/pci/drivers/i915");
	tree_link(tree, "/sys/bus/pci/devices/0000:00:02.0",
		"../../../devices/pci0000:00/0000:00:02.0");
	add_type(tree, "i915-GVTg_V5_4", "1\n",
		"low_gm_size: 128MB\nhigh_gm_size: 512MB\nfence: 4\nresolution: 1920x1200\n"
		"weight: 4\n");
	add_type(tree, "i915-GVTg_V5_8", "2\n",
		"low_gm_size: 64MB\nhigh_gm_size: 384MB\nfence: 4\nresolution: 1024x768\n"
		"weight: 2\n");
}

static void read_tree(const struct tree *tree, struct inventory *inventory)
{
	assert_int_equal(inventory_read(tree->root, inventory), 0);
}

static void test_nothing(void **state)
{
	struct inventory inventory;

	read_tree(*state, &inventory);
	assert_int_equal(inventory.n_parents, 0);
	assert_int_equal(inventory.n_vgpus, 0);
	assert_null(inventory_parent(&inventory, "0000:00:02.0"));
	inventory_finish(&inventory);
}

#define MIB256 "0x00000000b0000000 0x00000000bfffffff 0x000000000014220c"
#define GIB4 "0x0000004000000000 0x00000040ffffffff 0x000000000014220c"

static void test_gvt(void **state)
{
	struct inventory inventory;
	const struct inventory_parent *parent;
	const struct inventory_type *type;

	add_gpu(*state, MIB256);
	read_tree(*state, &inventory);
	assert_int_equal(inventory.n_parents, 1);
	parent = inventory_parent(&inventory, "0000:00:02.0");
	assert_non_null(parent);
	assert_int_equal(parent->kind, PARENT_GVT);
	assert_string_equal(parent->driver, "i915");
	assert_string_equal(parent->generation, "Kaby Lake (Gen9)");
	assert_int_equal(parent->aperture, 256 << 20);
	assert_int_equal(parent->n_types, 2);
	type = &parent->types[0];
	assert_string_equal(type->name, "i915-GVTg_V5_4");
	assert_string_equal(type->device_api, "vfio-pci");
	assert_int_equal(type->low_gm_mib, 128);
	assert_int_equal(type->high_gm_mib, 512);
	assert_int_equal(type->fences, 4);
	assert_int_equal(type->weight, 4);
	assert_int_equal(type->max_xres, 1920);
	assert_int_equal(type->max_yres, 1200);
	assert_int_equal(type->available, 1);
	assert_int_equal(type->room, 1);
	assert_int_equal(type->limit, LIMIT_LOW_GM);
	assert_int_equal(parent->types[1].room, 2);
	inventory_finish(&inventory);
}

/* The kernel's sum wraps and promises seven. */
static void test_wrapped(void **state)
{
	struct inventory inventory;

	add_gpu(*state, GIB4);
	tree_file(*state, TYPES "/i915-GVTg_V5_8/available_instances", "7\n");
	read_tree(*state, &inventory);
	assert_int_equal(inventory.parents[0].aperture, 4ull << 30);
	assert_int_equal(inventory.parents[0].types[1].available, 7);
	assert_int_equal(inventory.parents[0].types[1].room, 0);
	assert_int_equal(inventory.parents[0].types[1].limit, LIMIT_HIGH_GM);
	inventory_finish(&inventory);
}

/* What other vGPUs use counts with their own sizes. */
static void test_used(void **state)
{
	const struct tree *tree = *state;
	struct inventory inventory;
	const struct inventory_vgpu *vgpu;

	add_gpu(tree, "0x00000000a0000000 0x00000000bfffffff 0x000000000014220c");
	tree_mdev(tree, TREE_UUID, 1, 7);
	tree_link(tree, IGD "/" TREE_UUID "/mdev_type", "../mdev_supported_types/i915-GVTg_V5_4");
	read_tree(tree, &inventory);
	/* 512 MiB: 384 less one of 128 leaves 256, so two of 128 or four of 64. */
	assert_int_equal(inventory.parents[0].types[0].room, 2);
	assert_int_equal(inventory.parents[0].types[1].room, 4);
	assert_int_equal(inventory.parents[0].types[0].limit, LIMIT_LOW_GM);
	assert_int_equal(inventory.n_vgpus, 1);
	vgpu = inventory_vgpu(&inventory, TREE_UUID);
	assert_non_null(vgpu);
	assert_string_equal(vgpu->type, "i915-GVTg_V5_4");
	assert_string_equal(vgpu->parent, "0000:00:02.0");
	assert_int_equal(vgpu->group, 7);
	assert_string_equal(vgpu->group_node, "/dev/vfio/7");
	assert_string_equal(vgpu->cdev_node, "");
	assert_true(vgpu->has_node);
	assert_int_equal(vgpu->owner, getuid());
	inventory_finish(&inventory);
}

/* The table that the formula was checked with by people who have such machines. */
static void test_formula(void **state)
{
	static const struct {
		unsigned aperture, low, high, fit;
	} rows[] = {
		{128, 64, 384, 0},
		{256, 128, 512, 1},
		{256, 64, 384, 2},
		{512, 256, 1024, 1},
		{512, 128, 512, 3},
		{512, 64, 384, 6},
		{1024, 512, 2048, 1},
		{1024, 256, 1024, 2},
		{1024, 128, 512, 5},
		{1024, 64, 384, 7},
		{2048, 512, 2048, 0},
		{2048, 256, 1024, 1},
		{2048, 128, 512, 3},
		{2048, 64, 384, 4},
		{4096, 128, 512, 0},
		{4096, 64, 384, 0},
		{UINT_MAX, 64, 384, 0},
	};
	enum inventory_limit limit;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
			gvt_instances(rows[i].aperture, rows[i].low, rows[i].high, 4, &limit),
			rows[i].fit);
	}
	gvt_instances(256, 64, 384, 4, &limit);
	assert_int_equal(limit, LIMIT_LOW_GM);
	gvt_instances(2048, 64, 384, 4, &limit);
	assert_int_equal(limit, LIMIT_HIGH_GM);
	gvt_instances(1024, 64, 256, 14, &limit);
	assert_int_equal(limit, LIMIT_FENCES);
	gvt_instances(1024, 64, 128, 1, &limit);
	assert_int_equal(limit, LIMIT_COUNT);
}

static void test_generations(void **state)
{
	static const struct {
		uint16_t id;
		const char *name;
		bool gvt, never;
	} rows[] = {
		{0x1616, "Broadwell (Gen8)", true, false},
		{0x1912, "Skylake (Gen9)", true, false},
		{0x5a85, "Apollo Lake (Gen9)", true, false},
		{0x0a84, "Apollo Lake (Gen9)", true, false},
		{0x5917, "Kaby Lake (Gen9)", true, false},
		{0x3e92, "Coffee Lake (Gen9)", true, false},
		{0x3ea0, "Whiskey Lake (Gen9)", true, false},
		{0x9bc5, "Comet Lake (Gen9)", true, false},
		{0x3185, "Gemini Lake (Gen9)", false, true},
		{0x0412, "Haswell (Gen7)", false, true},
		{0x8a52, "Ice Lake (Gen11)", false, true},
		{0x9a49, "Tiger Lake (Gen12)", false, true},
		{0x4c8a, "Rocket Lake (Gen12)", false, true},
		{0x46a6, "Alder Lake (Gen12)", false, true},
		{0x56a0, "Arc (Xe-HPG)", false, true},
		{0x7d55, "Meteor Lake (Xe-LPG)", false, true},
		{0xffff, NULL, false, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool gvt;
		bool never;
		const char *name = intel_generation(rows[i].id, &gvt, &never);

		if (rows[i].name) {
			assert_non_null(name);
			assert_string_equal(name, rows[i].name);
		} else {
			assert_null(name);
		}
		assert_int_equal(gvt, rows[i].gvt);
		assert_int_equal(never, rows[i].never);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gvt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrapped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_used, setup, teardown),
		cmocka_unit_test(test_formula),
		cmocka_unit_test(test_generations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
