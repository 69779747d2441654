/* SPDX-License-Identifier: MIT */
#include "bridge/list.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bridge/log.h"
#include "bridge/manage.h"
#include "bridge/options.h"
#include "bridge/tools.h"
#include "bridge/verbs.h"

#define COLUMNS 7

static char *number_text(unsigned value)
{
	return value > 0 ? g_strdup_printf("%u", value) : g_strdup("-");
}

static char *free_text(const struct inventory_type *type)
{
	return type->available >= 0 ? g_strdup_printf("%d", type->available) : g_strdup("?");
}

static char *memory_text(const struct inventory_type *type)
{
	if (type->low_gm_mib > 0) {
		return g_strdup_printf("%u+%u MiB", type->low_gm_mib, type->high_gm_mib);
	}
	return type->memory_mib > 0 ? g_strdup_printf("%u MiB", type->memory_mib) : g_strdup("-");
}

static char *size_text(const struct inventory_type *type)
{
	return type->max_xres > 0 ? g_strdup_printf("%ux%u", type->max_xres, type->max_yres)
				  : g_strdup("-");
}

static char *last_text(
	const char *root, const struct inventory_parent *parent, const struct inventory_type *type)
{
	char *limit = limit_text(root, parent, type);
	char *text = limit;

	if (type->room >= 0 && type->available > type->room) {
		text = g_strdup_printf("%s: the kernel's sum is wrong here, there is room for %d",
			limit, type->room);
	} else if (!*limit) {
		text = g_strdup("-");
	}
	if (text != limit) {
		g_free(limit);
	}
	return text;
}

/* NVIDIA's types are numbers, of which only their label tells something. */
static char *type_text(const struct inventory_parent *parent, const struct inventory_type *type)
{
	bool nvidia = parent->kind == PARENT_NVIDIA || parent->kind == PARENT_NVIDIA_VF;

	return nvidia && type->label[0] ? g_strdup_printf("%s (%s)", type->name, type->label)
					: g_strdup(type->name);
}

static void print_types(const char *root, const struct inventory_parent *parent)
{
	static const char *const heads[COLUMNS] = {
		"TYPE", "FREE", "LARGEST", "MEMORY", "FENCES", "WEIGHT", "LIMITED BY"};
	size_t rows = parent->n_types + 1;
	char *(*cells)[COLUMNS] = g_malloc0(rows * sizeof(*cells));
	size_t widths[COLUMNS] = {0};

	for (size_t c = 0; c < COLUMNS; c++) {
		cells[0][c] = g_strdup(heads[c]);
	}
	for (size_t r = 1; r < rows; r++) {
		const struct inventory_type *type = &parent->types[r - 1];

		cells[r][0] = type_text(parent, type);
		cells[r][1] = free_text(type);
		cells[r][2] = size_text(type);
		cells[r][3] = memory_text(type);
		cells[r][4] = number_text(type->fences);
		cells[r][5] = number_text(type->weight);
		cells[r][6] = last_text(root, parent, type);
	}
	for (size_t r = 0; r < rows; r++) {
		for (size_t c = 0; c < COLUMNS; c++) {
			widths[c] = MAX(widths[c], strlen(cells[r][c]));
		}
	}
	for (size_t r = 0; r < rows; r++) {
		printf("  %-*s", (int)widths[0], cells[r][0]);
		for (size_t c = 1; c < COLUMNS - 1; c++) {
			printf("  %*s", (int)widths[c], cells[r][c]);
		}
		printf("  %s\n", cells[r][COLUMNS - 1]);
		for (size_t c = 0; c < COLUMNS; c++) {
			g_free(cells[r][c]);
		}
	}
	g_free(cells);
}

static const char *kind_text(enum inventory_parent_kind kind)
{
	switch (kind) {
	case PARENT_GVT:
		return "Intel GVT-g";
	case PARENT_NVIDIA:
		return "NVIDIA vGPU";
	case PARENT_NVIDIA_VF:
		return "NVIDIA vGPU on a virtual function";
	case PARENT_OTHER:
		break;
	}
	return NULL;
}

static void print_parent(const char *root, const struct inventory_parent *parent)
{
	GString *line = g_string_new(parent->name);
	const char *kind = kind_text(parent->kind);

	g_string_append_printf(line, ": %s", kind ? kind : "a device with mdev types");
	if (parent->generation) {
		g_string_append_printf(line, " on %s", parent->generation);
	}
	if (parent->pci) {
		g_string_append_printf(line, ", PCI id %04x:%04x", parent->vendor, parent->device);
	}
	g_string_append_printf(
		line, ", driver %s", parent->driver[0] ? parent->driver : "not known");
	if (parent->aperture > 0) {
		g_string_append_printf(
			line, ", aperture %u MiB", (unsigned)(parent->aperture >> 20));
	}
	printf("%s\n", line->str);
	g_string_free(line, TRUE);
	if (parent->n_types > 0) {
		print_types(root, parent);
	} else if (parent->kind == PARENT_NVIDIA_VF) {
		printf("  no type can be made on it now\n");
	} else {
		printf("  no types: vgpu-bridge doctor tells why\n");
	}
}

static void print_line(const char *label, char *text)
{
	printf("    %-10s %s\n", label, text);
	g_free(text);
}

static void print_vgpu(
	const char *root, const struct inventory_vgpu *vgpu, const struct shown *shown)
{
	GString *node = g_string_new(node_of(vgpu));
	char *path = g_strconcat(root, node_of(vgpu), NULL);
	const char *yours = "";

	printf("  %s, type %s\n", vgpu->name, vgpu->type[0] ? vgpu->type : "not known");
	if (vgpu->group_node[0] && vgpu->cdev_node[0]) {
		g_string_append_printf(node, ", %s", vgpu->cdev_node);
	}
	if (node->len == 0) {
		g_string_append(node, "none: no VFIO driver has it");
	} else if (!vgpu->has_node) {
		g_string_append(node, ", which is not there");
	} else if (geteuid() != 0 && !*root) {
		yours = access(path, R_OK | W_OK) == 0 ? "; you may" : "; you may not";
	}
	char *openers = openers_text(root, vgpu);

	print_line("node", g_string_free(node, FALSE));
	print_line("opened by", g_strconcat(openers, yours, NULL));
	print_line("held by", holders_text(vgpu));
	print_line("restart", return_text(vgpu));
	print_line("shows", g_strdup(shown->text));
	g_free(openers);
	g_free(path);
}

void list_print(const char *root, const struct inventory *inventory, const struct shown *shown)
{
	for (size_t i = 0; i < inventory->n_parents; i++) {
		const struct inventory_parent *parent = &inventory->parents[i];
		bool any = false;

		printf("%s", i > 0 ? "\n" : "");
		print_parent(root, parent);
		for (size_t j = 0; j < inventory->n_vgpus; j++) {
			if (!strcmp(inventory->vgpus[j].parent, parent->name)) {
				printf("%s", any ? "" : "\n");
				any = true;
				print_vgpu(root, &inventory->vgpus[j], &shown[j]);
			}
		}
	}
	if (inventory->n_parents == 0) {
		printf("No GPU of this host offers vGPUs; vgpu-bridge doctor tells why.\n");
	}
}

int list_tool(const struct tool_call *call)
{
	const char *root = manage_root(call);
	struct inventory inventory;
	struct bridges bridges;
	struct shown *shown;

	if (!root) {
		return EXIT_USAGE;
	}
	if (manage_read(root, &inventory) < 0) {
		return EXIT_FAILED;
	}
	bridges_ask(root, &bridges);
	shown = g_new0(struct shown, inventory.n_vgpus + 1);
	for (size_t i = 0; i < inventory.n_vgpus; i++) {
		shown_look(root, &inventory, &inventory.vgpus[i], &bridges, &shown[i]);
	}
	if (tool_has(call, "json")) {
		list_print_json(root, &inventory, shown);
	} else {
		list_print(root, &inventory, shown);
	}
	for (size_t i = 0; i < inventory.n_vgpus; i++) {
		shown_finish(&shown[i]);
	}
	g_free(shown);
	bridges_finish(&bridges);
	inventory_finish(&inventory);
	return EXIT_OK;
}
