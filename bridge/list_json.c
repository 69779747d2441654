/* SPDX-License-Identifier: MIT */
/* What list prints with --json. The man page has its members: they grow, and do not change. */
#include "bridge/list.h"

#include <stdio.h>

#include "bridge/manage.h"

/* Grows when a member changes its meaning or goes. */
#define LIST_VERSION 1

static void add_text(JsonBuilder *builder, const char *name, const char *text)
{
	json_builder_set_member_name(builder, name);
	if (text && *text) {
		json_builder_add_string_value(builder, text);
	} else {
		json_builder_add_null_value(builder);
	}
}

static void add_number(JsonBuilder *builder, const char *name, gint64 value)
{
	json_builder_set_member_name(builder, name);
	json_builder_add_int_value(builder, value);
}

/* null where it is not known. */
static void add_known(JsonBuilder *builder, const char *name, gint64 value, bool known)
{
	json_builder_set_member_name(builder, name);
	if (known) {
		json_builder_add_int_value(builder, value);
	} else {
		json_builder_add_null_value(builder);
	}
}

static void add_flag(JsonBuilder *builder, const char *name, bool value)
{
	json_builder_set_member_name(builder, name);
	json_builder_add_boolean_value(builder, value);
}

static void add_hex(JsonBuilder *builder, const char *name, unsigned value, int digits)
{
	char text[16];

	snprintf(text, sizeof(text), "%0*x", digits, value);
	add_text(builder, name, text);
}

static void open_object(JsonBuilder *builder, const char *name)
{
	json_builder_set_member_name(builder, name);
	json_builder_begin_object(builder);
}

static void open_array(JsonBuilder *builder, const char *name)
{
	json_builder_set_member_name(builder, name);
	json_builder_begin_array(builder);
}

static const char *kind_name(enum inventory_parent_kind kind)
{
	switch (kind) {
	case PARENT_GVT:
		return "gvt-g";
	case PARENT_NVIDIA:
		return "nvidia";
	case PARENT_NVIDIA_VF:
		return "nvidia-vf";
	case PARENT_OTHER:
		break;
	}
	return "other";
}

static void add_type(JsonBuilder *builder, const struct inventory_type *type)
{
	json_builder_begin_object(builder);
	add_text(builder, "name", type->name);
	add_text(builder, "label", type->label);
	add_text(builder, "description", type->description);
	add_text(builder, "device_api", type->device_api);
	add_known(builder, "available", type->available, type->available >= 0);
	add_known(builder, "room", type->room, type->room >= 0);
	add_text(builder, "limit", limit_name(type->limit));
	add_known(builder, "low_gm_mib", type->low_gm_mib, type->low_gm_mib > 0);
	add_known(builder, "high_gm_mib", type->high_gm_mib, type->high_gm_mib > 0);
	add_known(builder, "memory_mib", type->memory_mib, type->memory_mib > 0);
	add_known(builder, "fences", type->fences, type->fences > 0);
	add_known(builder, "weight", type->weight, type->weight > 0);
	add_known(builder, "max_xres", type->max_xres, type->max_xres > 0);
	add_known(builder, "max_yres", type->max_yres, type->max_yres > 0);
	add_known(builder, "heads", type->num_heads, type->num_heads > 0);
	json_builder_end_object(builder);
}

static void add_parent(JsonBuilder *builder, const struct inventory_parent *parent)
{
	json_builder_begin_object(builder);
	add_text(builder, "name", parent->name);
	add_text(builder, "kind", kind_name(parent->kind));
	add_text(builder, "driver", parent->driver);
	if (parent->pci) {
		open_object(builder, "pci");
		add_hex(builder, "vendor", parent->vendor, 4);
		add_hex(builder, "device", parent->device, 4);
		add_hex(builder, "class", parent->class, 6);
		json_builder_end_object(builder);
	} else {
		add_text(builder, "pci", NULL);
	}
	add_text(builder, "generation", parent->generation);
	add_known(builder, "aperture", (gint64)parent->aperture, parent->aperture > 0);
	open_array(builder, "types");
	for (size_t i = 0; i < parent->n_types; i++) {
		add_type(builder, &parent->types[i]);
	}
	json_builder_end_array(builder);
	json_builder_end_object(builder);
}

static void add_node(JsonBuilder *builder, const char *root, const struct inventory_vgpu *vgpu)
{
	char *owner = user_name(root, vgpu->owner);
	char *group = group_name(root, vgpu->owner_group);
	char mode[8];

	snprintf(mode, sizeof(mode), "%04o", vgpu->mode & 07777u);
	if (vgpu->has_node) {
		open_object(builder, "node");
		add_text(builder, "path", node_of(vgpu));
		add_text(builder, "owner", owner);
		add_text(builder, "group", group);
		add_text(builder, "mode", mode);
		json_builder_end_object(builder);
	} else {
		add_text(builder, "node", NULL);
	}
	g_free(owner);
	g_free(group);
}

static void add_holders(JsonBuilder *builder, const struct inventory_vgpu *vgpu)
{
	add_flag(builder, "holders_known", vgpu->holders_known);
	open_array(builder, "holders");
	for (size_t i = 0; i < vgpu->n_holders; i++) {
		const struct inventory_holder *holder = &vgpu->holders[i];

		json_builder_begin_object(builder);
		add_number(builder, "pid", holder->pid);
		add_text(builder, "command", holder->command);
		add_text(builder, "vm", holder->vm);
		add_flag(builder, "by_command_line", holder->by_command_line);
		json_builder_end_object(builder);
	}
	json_builder_end_array(builder);
}

static void add_shown(JsonBuilder *builder, const struct shown *shown)
{
	static const char *const states[] = {"unknown", "off", "picture"};

	open_object(builder, "shows");
	add_text(builder, "state", states[shown->state]);
	add_text(builder, "text", shown->text);
	add_known(builder, "width", shown->width, shown->width > 0);
	add_known(builder, "height", shown->height, shown->height > 0);
	add_text(builder, "format", shown->format);
	add_text(builder, "bridge", shown->bridge);
	json_builder_end_object(builder);
}

static void add_vgpu(JsonBuilder *builder, const char *root, const struct inventory_vgpu *vgpu,
	const struct shown *shown)
{
	json_builder_begin_object(builder);
	add_text(builder, "name", vgpu->name);
	add_text(builder, "uuid", vgpu->uuid);
	add_text(builder, "parent", vgpu->parent);
	add_text(builder, "type", vgpu->type);
	add_text(builder, "driver", vgpu->driver);
	add_known(builder, "group", vgpu->group, vgpu->group >= 0);
	add_text(builder, "group_node", vgpu->group_node);
	add_text(builder, "cdev_node", vgpu->cdev_node);
	add_node(builder, root, vgpu);
	add_holders(builder, vgpu);
	add_text(builder, "mdevctl",
		!vgpu->mdevctl_known            ? "unknown"
			: vgpu->mdevctl_auto    ? "auto"
			: vgpu->mdevctl_defined ? "manual"
						: "none");
	open_object(builder, "libvirt");
	add_known(builder, "domains", vgpu->libvirt, vgpu->libvirt >= 0);
	add_text(builder, "domain", vgpu->libvirt_domain);
	add_flag(builder, "autostart", vgpu->libvirt_autostart);
	json_builder_end_object(builder);
	add_shown(builder, shown);
	json_builder_end_object(builder);
}

void list_print_json(const char *root, const struct inventory *inventory, const struct shown *shown)
{
	JsonBuilder *builder = json_builder_new();
	JsonGenerator *generator = json_generator_new();
	JsonNode *node;
	char *text;

	json_builder_begin_object(builder);
	add_number(builder, "version", LIST_VERSION);
	open_array(builder, "parents");
	for (size_t i = 0; i < inventory->n_parents; i++) {
		add_parent(builder, &inventory->parents[i]);
	}
	json_builder_end_array(builder);
	open_array(builder, "vgpus");
	for (size_t i = 0; i < inventory->n_vgpus; i++) {
		add_vgpu(builder, root, &inventory->vgpus[i], &shown[i]);
	}
	json_builder_end_array(builder);
	json_builder_end_object(builder);
	node = json_builder_get_root(builder);
	json_generator_set_root(generator, node);
	json_generator_set_pretty(generator, TRUE);
	text = json_generator_to_data(generator, NULL);
	printf("%s\n", text);
	g_free(text);
	json_node_unref(node);
	g_object_unref(generator);
	g_object_unref(builder);
}
