/* SPDX-License-Identifier: MIT */
#include "bridge/create_choose.h"

#include <glib.h>
#include <string.h>

#include "bridge/log.h"
#include "bridge/manage.h"
#include "bridge/options.h"

/* The driver of Windows does not start with less of the aperture (GVT-g's types _8 have 64 MiB). */
#define WINDOWS_LOW_GM_MIB 128
/* A guest's desktop wants more than GVT-g's 1024x768. */
#define DESKTOP_XRES 1280

static bool is_named(const struct inventory_parent *parent, const char *name)
{
	/* PCI addresses may come without their domain, as lspci prints them. */
	return !strcmp(parent->name, name) ||
		(parent->pci && g_str_has_prefix(parent->name, "0000:") &&
			!g_ascii_strcasecmp(parent->name + 5, name)) ||
		(parent->pci && !g_ascii_strcasecmp(parent->name, name));
}

static char *list_types(const struct inventory_parent *parent)
{
	GString *text = g_string_new(NULL);

	for (size_t i = 0; i < parent->n_types; i++) {
		const struct inventory_type *type = &parent->types[i];

		g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", type->name);
		if (type->available >= 0) {
			g_string_append_printf(text, " (%d free)", type->available);
		}
	}
	return g_string_free(text, FALSE);
}

/* By name or, as NVIDIA's are numbers, by label. */
static const struct inventory_type *find_type(
	const struct inventory_parent *parent, const char *name)
{
	const struct inventory_type *type = inventory_type(parent, name);

	for (size_t i = 0; !type && i < parent->n_types; i++) {
		if (parent->types[i].label[0] && !strcmp(parent->types[i].label, name)) {
			type = &parent->types[i];
		}
	}
	return type;
}

/* Of those that offer the type, or of all. */
static char *list_parents(const struct inventory *inventory, const char *type)
{
	GString *text = g_string_new(NULL);

	for (size_t i = 0; i < inventory->n_parents; i++) {
		const struct inventory_parent *parent = &inventory->parents[i];

		if (!type || find_type(parent, type)) {
			g_string_append_printf(
				text, "%s%s", text->len > 0 ? ", " : "", parent->name);
		}
	}
	return g_string_free(text, FALSE);
}

static int choose_parent(const struct inventory *inventory, const char *name, const char *type,
	const struct inventory_parent **chosen)
{
	unsigned fits = 0;
	char *all;

	*chosen = NULL;
	for (size_t i = 0; i < inventory->n_parents; i++) {
		const struct inventory_parent *parent = &inventory->parents[i];

		if (name ? is_named(parent, name)
			 : parent->n_types > 0 && (!type || find_type(parent, type))) {
			*chosen = parent;
			fits++;
		}
	}
	all = list_parents(inventory, fits > 1 ? type : NULL);
	if (fits != 1) {
		if (inventory->n_parents == 0) {
			log_error("no GPU of this host offers vGPUs: vgpu-bridge doctor tells why");
		} else if (name) {
			log_error("--parent: '%s' offers no vGPUs; there are: %s", name, all);
		} else if (fits > 1) {
			log_error("several devices offer %s: %s; choose one by --parent",
				type ? type : "vGPUs", all);
		} else if (type) {
			log_error(
				"--type: no device offers '%s'; vgpu-bridge list shows the types of %s",
				type, all);
		} else {
			log_error("%s offers no type now: vgpu-bridge doctor tells why", all);
		}
	}
	g_free(all);
	return fits == 1 ? 0 : inventory->n_parents == 0 ? EXIT_FAILED : EXIT_USAGE;
}

static bool has_free(const struct inventory_type *type, unsigned count)
{
	return type->available < 0 || (unsigned)type->available >= count;
}

/* Smaller in what the host gives up for it. */
static bool is_smaller(const struct inventory_type *a, const struct inventory_type *b)
{
	if (a->low_gm_mib != b->low_gm_mib) {
		return a->low_gm_mib < b->low_gm_mib;
	}
	if (a->memory_mib != b->memory_mib) {
		return a->memory_mib < b->memory_mib;
	}
	return (uint64_t)a->max_xres * a->max_yres < (uint64_t)b->max_xres * b->max_yres;
}

static const struct inventory_type *smallest(const struct inventory_parent *parent, unsigned count,
	unsigned low_gm_mib, unsigned max_xres)
{
	const struct inventory_type *best = NULL;

	for (size_t i = 0; i < parent->n_types; i++) {
		const struct inventory_type *type = &parent->types[i];

		if (has_free(type, count) && type->low_gm_mib >= low_gm_mib &&
			(type->max_xres == 0 || type->max_xres >= max_xres) &&
			(!best || is_smaller(type, best))) {
			best = type;
		}
	}
	return best;
}

/* Why there is none big enough for Windows; the type whose shortage it is, where there is one. */
static const struct inventory_type *smallest_for_windows(const struct inventory_parent *parent)
{
	const struct inventory_type *best = NULL;

	for (size_t i = 0; i < parent->n_types; i++) {
		const struct inventory_type *type = &parent->types[i];

		if (type->low_gm_mib >= WINDOWS_LOW_GM_MIB && (!best || is_smaller(type, best))) {
			best = type;
		}
	}
	return best;
}

static void log_shortage(const char *root, const struct inventory *inventory,
	const struct choice *choice, unsigned count)
{
	char *why = shortage_text(root, inventory, choice->parent, choice->type, count);

	if (choice->type->available > 0) {
		log_error("%u of %s are wanted on %s, but only %d can be made: %s", count,
			choice->type->name, choice->parent->name, choice->type->available, why);
	} else {
		log_error("no %s can be made on %s: %s", choice->type->name, choice->parent->name,
			why);
	}
	g_free(why);
}

static int choose_for_windows(
	const char *root, const struct inventory *inventory, unsigned count, struct choice *choice)
{
	const struct inventory_parent *parent = choice->parent;

	if (parent->kind == PARENT_OTHER) {
		log_error("--for: %s (driver %s) is for Linux guests; Windows has no driver for it",
			parent->name, parent->driver);
		return EXIT_USAGE;
	}
	choice->type = smallest(parent, count, WINDOWS_LOW_GM_MIB, DESKTOP_XRES);
	if (choice->type) {
		return 0;
	}
	choice->type = smallest_for_windows(parent);
	if (!choice->type) {
		log_error(
			"--for: Windows needs a type with %u MiB of aperture (its driver fails with "
			"code 43 otherwise), and %s has none; a larger aperture can be set in the "
			"firmware's setup",
			WINDOWS_LOW_GM_MIB, parent->name);
	} else {
		log_shortage(root, inventory, choice, count);
	}
	return EXIT_FAILED;
}

static int choose_for_linux(
	const char *root, const struct inventory *inventory, unsigned count, struct choice *choice)
{
	const struct inventory_parent *parent = choice->parent;

	choice->type = smallest(parent, count, 0, DESKTOP_XRES);
	if (!choice->type) {
		choice->type = smallest(parent, count, 0, 0);
		if (choice->type && choice->type->max_xres > 0) {
			log_warning(
				"%s shows %ux%u at most; there is no room for a type that shows "
				"more",
				choice->type->name, choice->type->max_xres, choice->type->max_yres);
		}
	}
	if (!choice->type) {
		/* All are used up: what stops the smallest stops all. */
		choice->type = &parent->types[0];
		for (size_t i = 1; i < parent->n_types; i++) {
			if (is_smaller(&parent->types[i], choice->type)) {
				choice->type = &parent->types[i];
			}
		}
		log_shortage(root, inventory, choice, count);
		return EXIT_FAILED;
	}
	return 0;
}

static int choose_for(const char *root, const struct inventory *inventory, const char *guest,
	unsigned count, struct choice *choice)
{
	const struct inventory_parent *parent = choice->parent;
	char *all;

	if (parent->kind == PARENT_NVIDIA || parent->kind == PARENT_NVIDIA_VF) {
		all = list_types(parent);
		log_error("--for: which of NVIDIA's types is right depends on your licence; choose "
			  "one by --type: %s",
			all);
		g_free(all);
		return EXIT_USAGE;
	}
	if (!strcmp(guest, "windows")) {
		return choose_for_windows(root, inventory, count, choice);
	}
	return choose_for_linux(root, inventory, count, choice);
}

int choose(const char *root, const struct inventory *inventory, const char *parent,
	const char *type, const char *guest, unsigned count, struct choice *choice)
{
	char *all;
	int code = choose_parent(inventory, parent, type, &choice->parent);

	if (code) {
		return code;
	}
	if (guest && choice->parent->n_types > 0) {
		return choose_for(root, inventory, guest, count, choice);
	}
	all = list_types(choice->parent);
	if (choice->parent->n_types == 0) {
		log_error("%s offers no type now: vgpu-bridge doctor tells why",
			choice->parent->name);
		code = EXIT_FAILED;
	} else if (type) {
		choice->type = find_type(choice->parent, type);
		if (!choice->type) {
			log_error("--type: %s has no '%s'; there are: %s", choice->parent->name,
				type, all);
			code = EXIT_USAGE;
		}
	} else if (choice->parent->n_types == 1) {
		choice->type = &choice->parent->types[0];
	} else {
		log_error(
			"say which type of %s, by --type or --for: %s", choice->parent->name, all);
		code = EXIT_USAGE;
	}
	g_free(all);
	if (!code && !has_free(choice->type, count)) {
		log_shortage(root, inventory, choice, count);
		code = EXIT_FAILED;
	}
	return code;
}
