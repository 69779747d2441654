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
#include <sys/stat.h>
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

static const struct inventory_vgpu *only(const struct tree *tree, struct inventory *inventory)
{
	read_tree(tree, inventory);
	assert_int_equal(inventory->n_vgpus, 1);
	return &inventory->vgpus[0];
}

/* By its group, its cdev, and by what Linux 6.18 tells of a device alone. */
static void test_holders(void **state)
{
	const struct tree *tree = *state;
	struct inventory inventory;
	const struct inventory_vgpu *vgpu;

	tree_mdev(tree, TREE_UUID, 1, 7);
	tree_cdev(tree, TREE_UUID);
	tree_file(tree, "/proc/100/comm", "qemu-kvm\n");
	tree_link(tree, "/proc/100/fd/5", "/dev/vfio/7");
	tree_link(tree, "/proc/100/fd/6", "/dev/vfio/7");
	tree_link(tree, "/proc/100/fd/7", "anon_inode:[vfio-device]");
	tree_link(tree, "/proc/101/fd/9", "/dev/vfio/devices/vfio0");
	tree_link(tree, "/proc/102/fd/3", "anon_inode:[vfio-device]");
	tree_file(tree, "/proc/102/fdinfo/3",
		"pos:\t0\nvfio-device-syspath: /sys/devices/pci0000:00/0000:00:02.0/" TREE_UUID
		"\n");
	tree_link(tree, "/proc/103/fd/1", "/dev/vfio/77");
	tree_link(tree, "/proc/104/fd/1", "/dev/vfio/vfio");
	tree_file(tree, "/proc/self/fd", "no number");
	vgpu = only(tree, &inventory);
	assert_true(vgpu->holders_known);
	assert_int_equal(vgpu->n_holders, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_in_range(vgpu->holders[i].pid, 100, 102);
		assert_false(vgpu->holders[i].by_command_line);
		if (vgpu->holders[i].pid == 100) {
			assert_string_equal(vgpu->holders[i].command, "qemu-kvm");
		}
	}
	assert_int_equal(inventory.stranger, 0);
	inventory_finish(&inventory);

	tree_link(tree, "/proc/105/fd/4", "anon_inode:[vfio-device]");
	only(tree, &inventory);
	assert_int_equal(inventory.stranger, 105);
	inventory_finish(&inventory);
}

static void write_words(const struct tree *tree, const char *path, const char *words, size_t size)
{
	char full[PATH_MAX];
	FILE *file;

	tree_file(tree, path, "");
	snprintf(full, sizeof(full), "%s%s", tree->root, path);
	file = fopen(full, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(words, 1, size, file), size);
	fclose(file);
}

static void test_names_of_machines(void **state)
{
	static const struct {
		const char *value, *name;
	} rows[] = {
		{"win10", "win10"},
		{"guest=win10,debug-threads=on", "win10"},
		{"debug-threads=on,guest=a,,b", "a,b"},
		{"first,process=x", "first"},
		{"process=x", ""},
		{"", ""},
		{",", ""},
		{"guest=\x1b[2J\xff", "?[2J?"},
		{"guest=gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tree tree;
		struct inventory inventory;
		const struct inventory_vgpu *vgpu;
		char words[256] = "/usr/bin/qemu-system-x86_64\0-m\0001\0-name\0";
		size_t used = 28 + 3 + 2 + 6;

		tree_create(&tree);
		tree_mdev(&tree, TREE_UUID, 0, 3);
		tree_link(&tree, "/proc/9/fd/5", "/dev/vfio/3");
		memcpy(words + used, rows[i].value, strlen(rows[i].value) + 1);
		write_words(&tree, "/proc/9/cmdline", words, used + strlen(rows[i].value) + 1);
		vgpu = only(&tree, &inventory);
		assert_int_equal(vgpu->n_holders, 1);
		assert_string_equal(vgpu->holders[0].vm, rows[i].name);
		inventory_finish(&inventory);
		tree_remove(&tree);
	}
}

/* Of a process whose files are not ours to see, its command line tells. */
static void test_hidden(void **state)
{
	static const char words[] =
		"qemu-kvm\0-name\0vm\0-device\0vfio-pci,sysfsdev=/sys/" TREE_UUID;
	const struct tree *tree = *state;
	struct inventory inventory;
	const struct inventory_vgpu *vgpu;
	char path[PATH_MAX];

	if (geteuid() == 0) {
		skip(); /* root sees all */
	}
	tree_mdev(tree, TREE_UUID, 0, 3);
	write_words(tree, "/proc/9/cmdline", words, sizeof(words));
	tree_directory(tree, "/proc/9/fd");
	snprintf(path, sizeof(path), "%s/proc/9/fd", tree->root);
	assert_int_equal(chmod(path, 0), 0);
	vgpu = only(tree, &inventory);
	assert_false(vgpu->holders_known);
	assert_int_equal(vgpu->n_holders, 1);
	assert_true(vgpu->holders[0].by_command_line);
	assert_string_equal(vgpu->holders[0].vm, "vm");
	inventory_finish(&inventory);
	chmod(path, 0700);
}

static void test_makers(void **state)
{
	const struct tree *tree = *state;
	struct inventory inventory;
	const struct inventory_vgpu *vgpu;

	tree_mdev(tree, TREE_UUID, 0, 3);
	vgpu = only(tree, &inventory);
	assert_true(vgpu->mdevctl_known);
	assert_false(vgpu->mdevctl_defined);
	assert_int_equal(vgpu->libvirt, 0);
	inventory_finish(&inventory);

	/* Another parent's directory, and a word that is not the value. */
	tree_file(tree, "/etc/mdevctl.d/0000:01:00.0/" TREE_UUID,
		"{\"mdev_type\": \"auto\", \"start\" : \"manual\"}");
	tree_file(tree, "/etc/mdevctl.d/mdpy/" TREE_OTHER_UUID, "{\"start\":\"auto\"}");
	vgpu = only(tree, &inventory);
	assert_true(vgpu->mdevctl_defined);
	assert_false(vgpu->mdevctl_auto);
	inventory_finish(&inventory);

	tree_file(tree, "/etc/mdevctl.d/mdpy/" TREE_UUID, "{\n\"start\" :\n \"auto\"\n}");
	tree_file(tree, "/etc/libvirt/qemu/a.xml", "<uuid>" TREE_UUID "</uuid>");
	tree_file(tree, "/etc/libvirt/qemu/notes.txt", "'" TREE_UUID "'");
	tree_file(tree, "/etc/libvirt/qemu/b.xml", "<address uuid='" TREE_OTHER_UUID "'/>");
	vgpu = only(tree, &inventory);
	assert_true(vgpu->mdevctl_auto);
	assert_int_equal(vgpu->libvirt, 0);
	inventory_finish(&inventory);

	tree_file(tree, "/etc/libvirt/qemu/c.xml", "<address uuid=\"" TREE_UUID "\"/>");
	vgpu = only(tree, &inventory);
	assert_int_equal(vgpu->libvirt, 1);
	assert_string_equal(vgpu->libvirt_domain, "c");
	assert_false(vgpu->libvirt_autostart);
	inventory_finish(&inventory);
	tree_link(tree, "/etc/libvirt/qemu/autostart/c.xml", "/nowhere");
	vgpu = only(tree, &inventory);
	assert_true(vgpu->libvirt_autostart);
	inventory_finish(&inventory);
}

/* NVIDIA's words, a sample's, and a function without mdevs. */
static void test_others(void **state)
{
	static const char gpu[] = "/sys/devices/pci0000:20/0000:21:00.0";
	static const char function[] = "/sys/devices/pci0000:20/0000:21:00.4";
	const struct tree *tree = *state;
	struct inventory inventory;
	const struct inventory_parent *parent;
	char path[PATH_MAX];

	static const struct {
		const char *directory, *name, *text;
	} files[] = {
		{gpu, "vendor", "0x10de\n"},
		{gpu, "class", "0x030200\n"},
		{gpu, "mdev_supported_types/nvidia-256/available_instances", "0\n"},
		{gpu, "mdev_supported_types/nvidia-256/description",
			"num_heads=4, frl_config=60, framebuffer=2048M, max_resolution=5120x2880, "
			"max_instance=12\n"},
		{gpu, "mdev_supported_types/nvidia-1000/name", "GRID \x07T4-1B\n"},
		{function, "vendor", "0x10de\n"},
		{function, "class", "0x030200\n"},
		{function, "nvidia/creatable_vgpu_types",
			"ID    : vGPU Name\n557   : NVIDIA A-4Q\n\nx : y\n99999999999 : z\n"},
		{function, "nvidia/current_vgpu_type", "0\n"},
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", files[i].directory, files[i].name);
		tree_file(tree, path, files[i].text);
	}
	for (size_t i = 0; i < 2; i++) {
		const char *target = i ? function : gpu;

		snprintf(path, sizeof(path), "/sys/bus/pci/devices%s", strrchr(target, '/'));
		snprintf(path + 200, sizeof(path) - 200, "../../../%s", target + strlen("/sys/"));
		tree_link(tree, path, path + 200);
	}
	tree_file(tree, "/sys/devices/virtual/new/new/mdev_supported_types/new-1/name", "one");
	/* Serial ports. */
	tree_file(tree, "/sys/devices/virtual/mtty/mtty/mdev_supported_types/mtty-1/name", "one");
	read_tree(tree, &inventory);
	assert_int_equal(inventory.n_parents, 3);
	assert_int_equal(inventory.n_vgpus, 0);
	parent = inventory_parent(&inventory, "0000:21:00.0");
	assert_int_equal(parent->kind, PARENT_NVIDIA);
	assert_string_equal(parent->types[0].name, "nvidia-256");
	assert_int_equal(parent->types[0].num_heads, 4);
	assert_int_equal(parent->types[0].memory_mib, 2048);
	assert_int_equal(parent->types[0].max_xres, 5120);
	assert_int_equal(parent->types[0].limit, LIMIT_UNKNOWN);
	assert_string_equal(parent->types[1].label, "GRID ?T4-1B");
	assert_int_equal(parent->types[1].available, -1);
	parent = inventory_parent(&inventory, "0000:21:00.4");
	assert_int_equal(parent->kind, PARENT_NVIDIA_VF);
	assert_int_equal(parent->n_types, 1);
	assert_string_equal(parent->types[0].name, "557");
	assert_string_equal(parent->types[0].label, "NVIDIA A-4Q");
	parent = inventory_parent(&inventory, "new");
	assert_int_equal(parent->kind, PARENT_OTHER);
	assert_string_equal(parent->driver, "new");
	inventory_finish(&inventory);

	snprintf(path, sizeof(path), "%s/nvidia/current_vgpu_type", function);
	tree_file(tree, path, "557\n");
	tree_file(tree, "/etc/libvirt/qemu/v.xml",
		"<address domain='0x0000' bus='0x21' slot='0x00' function='0x4'/>");
	assert_string_equal(only(tree, &inventory)->name, "0000:21:00.4");
	assert_string_equal(inventory.vgpus[0].type, "557");
	assert_string_equal(inventory.vgpus[0].uuid, "");
	assert_int_equal(inventory.vgpus[0].libvirt, 1);
	inventory_finish(&inventory);
}

/* Files that are empty, too long, no text, no files at all: nothing crashes, nothing blocks. */
static void test_odd_files(void **state)
{
	static const char *const names[] = {IGD "/vendor", IGD "/device", IGD "/class",
		IGD "/resource", TYPES "/i915-GVTg_V5_4/available_instances",
		TYPES "/i915-GVTg_V5_4/description", "/etc/mdevctl.d/x/" TREE_UUID,
		"/etc/libvirt/qemu/x.xml", "/proc/7/comm", "/proc/7/cmdline"};
	static const char *const texts[] = {"", "\n\n\n", "-1", "18446744073709551616", "0x",
		"0xzz", "fence:\nlow_gm_size:\nresolution: x\n", "resolution: 99999999999x1",
		"\xff\xfe\xc3", "0 0\n0 0\n0x0 0xffffffffffffffff 0\n", "0\n0\n5 4 3\n"};
	const struct tree *tree = *state;
	struct inventory inventory;
	char longest[20000];
	char path[PATH_MAX];

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	add_gpu(tree, MIB256);
	tree_mdev(tree, TREE_UUID, 1, 7);
	tree_link(tree, "/proc/7/fd/1", "/dev/vfio/7");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (size_t j = 0; j < sizeof(texts) / sizeof(texts[0]); j++) {
			tree_file(tree, names[i], texts[j]);
			read_tree(tree, &inventory);
			inventory_finish(&inventory);
		}
		tree_file(tree, names[i], longest);
		read_tree(tree, &inventory);
		inventory_finish(&inventory);
		tree_delete(tree, names[i]);
		snprintf(path, sizeof(path), "%s%s", tree->root, names[i]);
		assert_int_equal(mkfifo(path, 0600), 0);
		read_tree(tree, &inventory);
		inventory_finish(&inventory);
		tree_delete(tree, names[i]);
		tree_directory(tree, names[i]);
		read_tree(tree, &inventory);
		assert_int_equal(inventory.n_vgpus, 1);
		inventory_finish(&inventory);
	}
	/* Entries that are no UUIDs, or lead nowhere. */
	tree_link(tree, "/sys/bus/mdev/devices/README", "nowhere");
	tree_link(tree, "/sys/bus/mdev/devices/" TREE_OTHER_UUID, "nowhere");
	tree_file(tree, "/sys/bus/pci/devices/file", "");
	read_tree(tree, &inventory);
	assert_int_equal(inventory.n_vgpus, 1);
	inventory_finish(&inventory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gvt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrapped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_used, setup, teardown),
		cmocka_unit_test_setup_teardown(test_holders, setup, teardown),
		cmocka_unit_test(test_names_of_machines),
		cmocka_unit_test_setup_teardown(test_hidden, setup, teardown),
		cmocka_unit_test_setup_teardown(test_makers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_others, setup, teardown),
		cmocka_unit_test_setup_teardown(test_odd_files, setup, teardown),
		cmocka_unit_test(test_formula),
		cmocka_unit_test(test_generations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
