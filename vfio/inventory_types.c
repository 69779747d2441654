/* SPDX-License-Identifier: MIT */
/* The devices that offer vGPUs, their types, and what limits these. */
#include "vfio/inventory_impl.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* More would be no host but an accident. */
#define MAX_PARENTS 1024
#define MAX_TYPES 256

/* GVT-g's own constants: what the host keeps for itself of each. */
#define GVT_HOST_LOW_MIB 128
#define GVT_HOST_HIGH_MIB 384
#define GVT_FENCES 28 /* 32 less the host's 4 */
#define GVT_ADDRESSES_MIB 4096 /* that the GPU's global table maps */
#define GVT_VGPUS 7 /* 8 less the host's idle one */

struct room {
	unsigned low, high, fences, count;
};

static unsigned less(unsigned have, unsigned used)
{
	return have > used ? have - used : 0;
}

static struct room gvt_room(unsigned aperture_mib)
{
	return (struct room){
		.low = less(aperture_mib, GVT_HOST_LOW_MIB),
		.high = less(GVT_ADDRESSES_MIB, aperture_mib + GVT_HOST_HIGH_MIB),
		.fences = GVT_FENCES,
		.count = GVT_VGPUS,
	};
}

static unsigned instances_in(
	const struct room *room, const struct inventory_type *type, enum inventory_limit *limit)
{
	const struct {
		unsigned have, need;
		enum inventory_limit limit;
	} all[] = {
		{room->low, type->low_gm_mib, LIMIT_LOW_GM},
		{room->high, type->high_gm_mib, LIMIT_HIGH_GM},
		{room->fences, type->fences, LIMIT_FENCES},
		{room->count, 1, LIMIT_COUNT},
	};
	unsigned least = UINT_MAX;

	*limit = LIMIT_NONE;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (all[i].need > 0 && all[i].have / all[i].need < least) {
			least = all[i].have / all[i].need;
			*limit = all[i].limit;
		}
	}
	return least;
}

unsigned gvt_instances(unsigned aperture_mib, unsigned low_gm_mib, unsigned high_gm_mib,
	unsigned fences, enum inventory_limit *limit)
{
	struct room room =
		gvt_room(aperture_mib < GVT_ADDRESSES_MIB ? aperture_mib : GVT_ADDRESSES_MIB);
	struct inventory_type type = {
		.low_gm_mib = low_gm_mib, .high_gm_mib = high_gm_mib, .fences = fences};

	return instances_in(&room, &type, limit);
}

/* Behind "key" at the start of a word and one of ":= "; NULL where it is not. */
static const char *value_of(const char *text, const char *key)
{
	size_t length = strlen(key);

	for (const char *at = text; (at = strstr(at, key)); at += length) {
		bool starts = at == text || !(isalnum((unsigned char)at[-1]) || at[-1] == '_');

		if (starts && (at[length] == ':' || at[length] == '=')) {
			return at + length + 1 + strspn(at + length + 1, " ");
		}
	}
	return NULL;
}

/* Digits at text, or 0; a number that no GPU has counts as not there. */
static unsigned number_at(const char *text)
{
	unsigned long value;

	if (!text || !isdigit((unsigned char)*text)) {
		return 0;
	}
	value = strtoul(text, NULL, 10);
	return value <= 1 << 24 ? (unsigned)value : 0;
}

static void size_at(const char *text, struct inventory_type *type)
{
	const char *x = text ? text + strspn(text, "0123456789") : NULL;

	if (x && *x == 'x' && number_at(text) && number_at(x + 1)) {
		type->max_xres = number_at(text);
		type->max_yres = number_at(x + 1);
	}
}

/* GVT-g writes "low_gm_size: 128MB" lines, NVIDIA "num_heads=4, ...", the samples half a sentence. */
static void read_description(struct inventory_type *type)
{
	static const char sample[] = "virtual display, ";
	const char *text = type->description;

	type->low_gm_mib = number_at(value_of(text, "low_gm_size"));
	type->high_gm_mib = number_at(value_of(text, "high_gm_size"));
	type->fences = number_at(value_of(text, "fence"));
	type->weight = number_at(value_of(text, "weight"));
	type->num_heads = number_at(value_of(text, "num_heads"));
	type->memory_mib = number_at(value_of(text, "framebuffer"));
	size_at(value_of(text, "resolution"), type);
	size_at(value_of(text, "max_resolution"), type);
	if (strncmp(text, sample, sizeof(sample) - 1) == 0) {
		const char *rest = text + sizeof(sample) - 1;

		size_at(rest, type);
		if (strcmp(rest + strspn(rest, "0123456789"), " MB video memory") == 0) {
			type->memory_mib = number_at(rest);
		}
	}
}

static int read_available(const char *directory)
{
	char text[32];
	unsigned long long value;

	if (text_line(text, sizeof(text), "%s/available_instances", directory) < 0 ||
		!text_number(text, &value)) {
		return -1;
	}
	return value <= INT_MAX ? (int)value : INT_MAX;
}

static int add_type(struct inventory_parent *parent, const char *name)
{
	struct inventory_type *type;
	char path[PATH_MAX];

	if (name[0] == '.' || strlen(name) >= sizeof(type->name) || parent->n_types >= MAX_TYPES ||
		text_print(path, sizeof(path), "%s/mdev_supported_types/%s", parent->path, name) <
			0) {
		return 0;
	}
	type = list_add(&parent->types, &parent->n_types, sizeof(*type));
	if (!type) {
		return -ENOMEM;
	}
	text_copy(type->name, sizeof(type->name), name);
	text_line(type->device_api, sizeof(type->device_api), "%s/device_api", path);
	text_line(type->label, sizeof(type->label), "%s/name", path);
	text_line(type->description, sizeof(type->description), "%s/description", path);
	type->available = read_available(path);
	type->room = -1;
	read_description(type);
	return 0;
}

/* Lines like "1428 : NVIDIA H200X-141C" below a headline; each can be made once. */
static int read_nvidia_types(struct inventory_parent *parent)
{
	char text[16384];
	char *rest = NULL;

	if (text_line(text, sizeof(text), "%s/nvidia/creatable_vgpu_types", parent->path) < 0) {
		return 0;
	}
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		const char *number = line + strspn(line, " ");
		size_t digits = strspn(number, "0123456789");
		const char *label = number + digits;
		struct inventory_type *type;

		label += strspn(label, " :");
		if (digits == 0 || digits > 9 || parent->n_types >= MAX_TYPES) {
			continue;
		}
		type = list_add(&parent->types, &parent->n_types, sizeof(*type));
		if (!type) {
			return -ENOMEM;
		}
		text_print(type->name, sizeof(type->name), "%.*s", (int)digits, number);
		text_copy(type->label, sizeof(type->label), label);
		text_copy(type->device_api, sizeof(type->device_api), "vfio-pci");
		type->available = 1;
		type->room = -1;
		type->limit = LIMIT_NONE;
	}
	return 0;
}

static int compare_types(const void *a, const void *b)
{
	const struct inventory_type *first = a;
	const struct inventory_type *second = b;

	return strverscmp(first->name, second->name);
}

static int read_types(struct inventory_parent *parent)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir;
	int rc = 0;

	if (parent->kind == PARENT_NVIDIA_VF) {
		rc = read_nvidia_types(parent);
	} else if (text_print(path, sizeof(path), "%s/mdev_supported_types", parent->path) == 0) {
		dir = opendir(path);
		while (dir && rc == 0 && (entry = readdir(dir))) {
			rc = add_type(parent, entry->d_name);
		}
		if (dir) {
			closedir(dir);
		}
	}
	if (rc == 0 && parent->n_types > 0) {
		qsort(parent->types, parent->n_types, sizeof(*parent->types), compare_types);
	}
	return rc;
}

/* The third line of resource is BAR 2: first address, last address, flags. */
static uint64_t read_aperture(const char *directory)
{
	char text[1024];
	char *rest = NULL;
	char *line;
	unsigned long long first;
	unsigned long long last;

	if (text_line(text, sizeof(text), "%s/resource", directory) < 0) {
		return 0;
	}
	line = strtok_r(text, "\n", &rest);
	for (int i = 0; line && i < 2; i++) {
		line = strtok_r(NULL, "\n", &rest);
	}
	if (!line || sscanf(line, "%llx %llx", &first, &last) != 2 || last <= first ||
		last == ULLONG_MAX) {
		return 0;
	}
	return last - first + 1;
}

static unsigned read_hex(const char *directory, const char *name)
{
	char text[32];
	unsigned long long value;

	if (text_line(text, sizeof(text), "%s/%s", directory, name) < 0 ||
		!text_number(text, &value) || value > UINT32_MAX) {
		return 0;
	}
	return (unsigned)value;
}

static void read_pci(struct inventory_parent *parent)
{
	unsigned a;
	unsigned b;
	unsigned c;
	unsigned d;
	bool gvt;
	bool never;

	parent->pci = sscanf(parent->name, "%4x:%2x:%2x.%1x", &a, &b, &c, &d) == 4;
	if (!parent->pci) {
		return;
	}
	parent->vendor = (uint16_t)read_hex(parent->path, "vendor");
	parent->device = (uint16_t)read_hex(parent->path, "device");
	parent->class = read_hex(parent->path, "class") & 0xffffff;
	if (parent->vendor == 0x8086 && parent->class >> 16 == 0x03) {
		parent->generation = intel_generation(parent->device, &gvt, &never);
		parent->aperture = read_aperture(parent->path);
	}
}

static bool file_exists(const char *directory, const char *name)
{
	char path[PATH_MAX];

	return text_print(path, sizeof(path), "%s/%s", directory, name) == 0 &&
		access(path, F_OK) == 0;
}

static enum inventory_parent_kind kind_of(const struct inventory_parent *parent)
{
	if (file_exists(parent->path, "nvidia/creatable_vgpu_types") &&
		!file_exists(parent->path, "mdev_supported_types")) {
		return PARENT_NVIDIA_VF;
	}
	if (parent->pci && parent->vendor == 0x10de) {
		return PARENT_NVIDIA;
	}
	/* The class is the display's; QuickAssist and others of Intel have mdev types too. */
	return parent->pci && parent->vendor == 0x8086 && parent->class >> 16 == 0x03
		? PARENT_GVT
		: PARENT_OTHER;
}

/* The kernel's third sample makes serial ports, which have types like the others. */
bool parent_has_display(const char *name)
{
	return strcmp(name, "mtty") != 0;
}

int parents_add(const char *root, struct inventory *inventory, const char *directory)
{
	struct inventory_parent *parent;
	char real[PATH_MAX];
	char link[PATH_MAX];
	const char *name;
	ssize_t length;

	if (!realpath(directory, real)) {
		return 0;
	}
	name = strrchr(real, '/') + 1;
	if (strlen(real) >= sizeof(parent->path) || strlen(name) >= sizeof(parent->name) ||
		inventory->n_parents >= MAX_PARENTS || !parent_has_display(name)) {
		return 0;
	}
	for (size_t i = 0; i < inventory->n_parents; i++) {
		if (strcmp(inventory->parents[i].path, real) == 0) {
			return 0;
		}
	}
	parent = list_add(&inventory->parents, &inventory->n_parents, sizeof(*parent));
	if (!parent) {
		return -ENOMEM;
	}
	text_print(parent->path, sizeof(parent->path), "%s", real);
	text_copy(parent->name, sizeof(parent->name), name);
	if (text_print(link, sizeof(link), "%s/driver", real) == 0 &&
		(length = readlink(link, real, sizeof(real) - 1)) > 0) {
		real[length] = '\0';
		name = strrchr(real, '/');
		text_copy(parent->driver, sizeof(parent->driver), name ? name + 1 : real);
	} else if (strstr(parent->path, "/devices/virtual/")) {
		/* A virtual device has none, and is called after its module. */
		text_copy(parent->driver, sizeof(parent->driver), parent->name);
	}
	read_pci(parent);
	parent->kind = kind_of(parent);
	return read_types(parent);
}

void parent_finish(struct inventory_parent *parent)
{
	free(parent->types);
}

/* Adds each entry of a directory that has such a file, or entries of entries (below two levels). */
static int add_with(const char *root, struct inventory *inventory, const char *directory,
	const char *file, int levels)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir = opendir(directory);
	int rc = 0;

	while (dir && rc == 0 && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' ||
			text_print(path, sizeof(path), "%s/%s", directory, entry->d_name) < 0) {
			continue;
		}
		if (levels > 1) {
			rc = add_with(root, inventory, path, file, levels - 1);
		} else if (file_exists(path, file)) {
			rc = parents_add(root, inventory, path);
		}
	}
	if (dir) {
		closedir(dir);
	}
	return rc;
}

int parents_read(const char *root, struct inventory *inventory)
{
	/* The class is there on some kernels only, and knows all; the others are where parents are. */
	static const struct {
		const char *directory, *file;
		int levels;
	} places[] = {
		{"/sys/class/mdev_bus", "mdev_supported_types", 1},
		{"/sys/bus/pci/devices", "mdev_supported_types", 1},
		{"/sys/bus/pci/devices", "nvidia/creatable_vgpu_types", 1},
		{"/sys/devices/virtual", "mdev_supported_types", 2},
	};
	char path[PATH_MAX];
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(places) / sizeof(places[0]); i++) {
		if (text_print(path, sizeof(path), "%s%s", root, places[i].directory) == 0) {
			rc = add_with(root, inventory, path, places[i].file, places[i].levels);
		}
	}
	return rc;
}

/* What is left of a GVT-g GPU beside the vGPUs that it has. */
static struct room room_left(
	const struct inventory *inventory, const struct inventory_parent *parent)
{
	uint64_t mib = parent->aperture >> 20;
	struct room room = gvt_room(mib < GVT_ADDRESSES_MIB ? (unsigned)mib : GVT_ADDRESSES_MIB);

	for (size_t i = 0; i < inventory->n_vgpus; i++) {
		const struct inventory_vgpu *vgpu = &inventory->vgpus[i];
		const struct inventory_type *type = inventory_type(parent, vgpu->type);

		if (strcmp(vgpu->parent, parent->name) == 0) {
			room.count = less(room.count, 1);
		}
		if (strcmp(vgpu->parent, parent->name) == 0 && type) {
			room.low = less(room.low, type->low_gm_mib);
			room.high = less(room.high, type->high_gm_mib);
			room.fences = less(room.fences, type->fences);
		}
	}
	return room;
}

static void limit_gvt(struct inventory_parent *parent, const struct room *room)
{
	for (size_t i = 0; i < parent->n_types; i++) {
		struct inventory_type *type = &parent->types[i];
		enum inventory_limit limit;
		unsigned fit;

		if (parent->aperture == 0 || type->low_gm_mib == 0) {
			type->limit = type->available == 0 ? LIMIT_UNKNOWN : LIMIT_NONE;
			continue;
		}
		fit = instances_in(room, type, &limit);
		type->room = (int)fit;
		/* The kernel refuses what should fit: it knows something that we don't. */
		type->limit = type->available == 0 && fit > 0 ? LIMIT_UNKNOWN : limit;
	}
}

static bool other_type_in_use(const struct inventory *inventory,
	const struct inventory_parent *parent, const struct inventory_type *type)
{
	for (size_t i = 0; i < inventory->n_vgpus; i++) {
		const struct inventory_vgpu *vgpu = &inventory->vgpus[i];

		if (strcmp(vgpu->parent, parent->name) == 0 &&
			strcmp(vgpu->type, type->name) != 0) {
			return true;
		}
	}
	return false;
}

static void limit_other(const struct inventory *inventory, struct inventory_parent *parent)
{
	/* Both samples have a parameter "count": devices of the one, megabytes of the other. */
	enum inventory_limit own = strcmp(parent->driver, "mdpy") == 0 ? LIMIT_COUNT
		: strcmp(parent->driver, "mbochs") == 0                ? LIMIT_MEMORY
								       : LIMIT_NONE;

	for (size_t i = 0; i < parent->n_types; i++) {
		struct inventory_type *type = &parent->types[i];

		type->limit = parent->kind == PARENT_OTHER ? own : LIMIT_NONE;
		if (type->available == 0 && type->limit == LIMIT_NONE) {
			type->limit = parent->kind == PARENT_NVIDIA &&
					other_type_in_use(inventory, parent, type)
				? LIMIT_OTHER_TYPE
				: LIMIT_UNKNOWN;
		}
	}
}

void parents_limits(struct inventory *inventory)
{
	for (size_t i = 0; i < inventory->n_parents; i++) {
		struct inventory_parent *parent = &inventory->parents[i];

		if (parent->kind == PARENT_GVT) {
			struct room room = room_left(inventory, parent);

			limit_gvt(parent, &room);
		} else {
			limit_other(inventory, parent);
		}
	}
}
