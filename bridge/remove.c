/* SPDX-License-Identifier: MIT */
/*
 * Removes vGPUs, each only when nobody holds it: the kernel would wait for the last to close it, and
 * ask QEMU to unplug it.
 */
#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bridge/log.h"
#include "bridge/manage.h"
#include "bridge/options.h"
#include "bridge/tools.h"
#include "bridge/verbs.h"
#include "vfio/mdev.h"

#define WRITE_S 5
#define GONE_US (5 * G_USEC_PER_SEC)
#define STEP_US 10000

enum outcome { REMOVED, KEPT, FAILED };

static void log_timeout(const char *name, const struct inventory *inventory)
{
	if (inventory->stranger > 0) {
		log_error(
			"%s: the kernel waits until the last program closes it, which may be process "
			"%d; it is removed then",
			name, inventory->stranger);
	} else {
		log_error(
			"%s: the kernel waits until the last program closes it; it is removed then",
			name);
	}
}

/* The write has come back: a moment for sysfs to show it. */
static bool is_gone(const char *root, const struct inventory_vgpu *vgpu)
{
	gint64 end = g_get_monotonic_time() + GONE_US;
	char path[512];

	while (vgpu->uuid[0] && mdev_find(root, vgpu->uuid, path, sizeof(path)) == 0) {
		if (g_get_monotonic_time() > end) {
			return false;
		}
		g_usleep(STEP_US);
	}
	return true;
}

static enum outcome remove_idle(
	const char *root, const struct inventory *inventory, const struct inventory_vgpu *vgpu)
{
	int rc = vgpu_remove(vgpu, WRITE_S);

	if (rc == -ETIMEDOUT) {
		log_timeout(vgpu->name, inventory);
		return FAILED;
	}
	if (rc < 0) {
		return FAILED;
	}
	if (!is_gone(root, vgpu)) {
		log_error(
			"%s: the kernel was told to remove it, and it is still there", vgpu->name);
		return FAILED;
	}
	return REMOVED;
}

static enum outcome undefine(const char *root, const char *mdevctl, const char *uuid)
{
	const char *arguments[] = {"undefine", "--uuid", uuid, NULL};
	char *said = NULL;
	enum outcome outcome = REMOVED;

	if (mdevctl_run(mdevctl, arguments, &said) < 0) {
		log_error("%s undefine of %s fails: %s", mdevctl, uuid, said);
		outcome = FAILED;
	}
	g_free(said);
	return outcome;
}

static void warn_of_return(const struct inventory_vgpu *vgpu, bool undefined)
{
	if (!undefined && vgpu->mdevctl_auto) {
		log_warning("%s: mdevctl will make it again at the next boot; vgpu-bridge remove "
			    "--undefine, or mdevctl undefine --uuid %s, ends that",
			vgpu->name, vgpu->name);
	} else if (!undefined && vgpu->mdevctl_defined) {
		log_warning(
			"%s: mdevctl still knows it, and makes it when told to; mdevctl undefine "
			"--uuid %s ends that",
			vgpu->name, vgpu->name);
	}
	if (vgpu->libvirt > 0) {
		log_warning("%s: libvirt's domain %s has it and will not start without", vgpu->name,
			vgpu->libvirt_domain);
	}
}

/*
 * Looks once more who holds it, as the moment counts. quietly: it is not wanted by name, so that one
 * that is held is no error.
 */
static enum outcome remove_one(
	const char *root, const char *name, const char *mdevctl, bool quietly)
{
	struct inventory inventory;
	const struct inventory_vgpu *vgpu;
	enum outcome outcome = FAILED;
	char *holders;

	if (manage_read(root, &inventory) < 0) {
		return FAILED;
	}
	vgpu = inventory_vgpu(&inventory, name);
	holders = vgpu ? holders_text(vgpu) : NULL;
	if (!vgpu) {
		log_error("%s: there is no such vGPU; vgpu-bridge list shows all", name);
	} else if (vgpu->n_holders > 0 && quietly) {
		log_info("%s is kept: held by %s", name, holders);
		outcome = KEPT;
	} else if (vgpu->n_holders > 0) {
		log_error("%s is held by %s, and stays; end that first", name, holders);
	} else if (!vgpu->holders_known) {
		log_error(
			"%s stays, as it is not known who holds it: that can only be seen by root, "
			"run this with sudo",
			name);
	} else {
		outcome = remove_idle(root, &inventory, vgpu);
	}
	if (outcome == REMOVED && mdevctl && vgpu->mdevctl_defined) {
		outcome = undefine(root, mdevctl, vgpu->uuid);
	}
	if (outcome == REMOVED) {
		warn_of_return(vgpu, mdevctl != NULL);
	}
	g_free(holders);
	inventory_finish(&inventory);
	return outcome;
}

static int remove_all(const char *root, const char *const *names, const char *mdevctl, bool quietly)
{
	unsigned removed = 0;
	bool failed = false;

	for (size_t i = 0; names[i]; i++) {
		enum outcome outcome = remove_one(root, names[i], mdevctl, quietly);

		removed += outcome == REMOVED;
		failed |= outcome == FAILED;
		if (outcome == REMOVED) {
			printf("%s\n", names[i]);
			fflush(stdout);
		}
	}
	if (quietly && removed == 0 && !failed) {
		log_info("nothing to remove: no vGPU is idle");
	}
	return failed ? EXIT_FAILED : EXIT_OK;
}

/* Names of those that pass, NULL at the end; for g_ptr_array_unref(). */
static GPtrArray *names_of(
	const struct inventory *inventory, bool (*passes)(const struct inventory_vgpu *vgpu))
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

	for (size_t i = 0; i < inventory->n_vgpus; i++) {
		if (passes(&inventory->vgpus[i])) {
			g_ptr_array_add(names, g_strdup(inventory->vgpus[i].name));
		}
	}
	g_ptr_array_add(names, NULL);
	return names;
}

static bool is_any(const struct inventory_vgpu *vgpu)
{
	return true;
}

/* UUIDs, and the PCI addresses of NVIDIA's functions. */
static bool is_name(const char *text)
{
	char uuid[MDEV_UUID_SIZE];
	unsigned parts[4];
	int end = 0;

	return mdev_parse_uuid(text, uuid) == 0 ||
		(sscanf(text, "%4x:%2x:%2x.%1x%n", &parts[0], &parts[1], &parts[2], &parts[3],
			 &end) == 4 &&
			text[end] == '\0');
}

int remove_tool(const struct tool_call *call)
{
	const char *root = manage_root(call);
	bool all = tool_has(call, "all-idle");
	struct inventory inventory;
	GPtrArray *names;
	char *mdevctl = NULL;
	int code;

	if (!root) {
		return EXIT_USAGE;
	}
	if (all == (call->n_arguments > 0)) {
		log_error("remove: give %s; the usage is vgpu-bridge remove %s",
			all ? "either UUIDs or --all-idle" : "the UUIDs of vGPUs, or --all-idle",
			call->tool->usage);
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < call->n_arguments; i++) {
		if (!is_name(call->arguments[i])) {
			log_error(
				"'%s': no UUID of a vGPU, which is 8-4-4-4-12 hexadecimal digits; "
				"vgpu-bridge list shows them",
				call->arguments[i]);
			return EXIT_USAGE;
		}
	}
	if (tool_has(call, "undefine") && !(mdevctl = mdevctl_find(root))) {
		log_error("--undefine: mdevctl is not installed, so it does not make vGPUs either; "
			  "leave --undefine out");
		return EXIT_FAILED;
	}
	if (!all) {
		code = remove_all(root, call->arguments, mdevctl, false);
	} else if (manage_read(root, &inventory) < 0) {
		code = EXIT_FAILED;
	} else {
		names = names_of(&inventory, is_any);
		code = remove_all(root, (const char *const *)names->pdata, mdevctl, true);
		g_ptr_array_unref(names);
		inventory_finish(&inventory);
	}
	g_free(mdevctl);
	return code;
}

/* Nobody holds it, and nobody says that it should be there. */
static bool is_orphan(const struct inventory_vgpu *vgpu)
{
	return vgpu->uuid[0] && vgpu->n_holders == 0 && !vgpu->mdevctl_defined &&
		vgpu->libvirt == 0;
}

static bool is_unclear(const struct inventory_vgpu *vgpu)
{
	return vgpu->uuid[0] && vgpu->n_holders == 0 &&
		(!vgpu->holders_known || !vgpu->mdevctl_known || vgpu->libvirt < 0);
}

static bool agrees(unsigned count)
{
	char answer[64] = "";

	fprintf(stderr, "Remove %s? [y/N] ", count > 1 ? "them" : "it");
	fflush(stderr);
	if (!fgets(answer, sizeof(answer), stdin)) {
		fprintf(stderr, "\n");
		return false;
	}
	g_strstrip(answer);
	return !g_ascii_strcasecmp(answer, "y") || !g_ascii_strcasecmp(answer, "yes");
}

static int prune(const struct tool_call *call, const char *root, const struct inventory *inventory)
{
	GPtrArray *unclear = names_of(inventory, is_unclear);
	GPtrArray *names = names_of(inventory, is_orphan);
	unsigned count = names->len - 1;
	bool yes = tool_has(call, "yes");
	int code = EXIT_OK;

	if (unclear->len > 1) {
		log_error("whether %s is needed can't be seen (its holders, mdevctl's or libvirt's "
			  "files): run this with sudo",
			(const char *)unclear->pdata[0]);
		code = EXIT_FAILED;
	} else if (count == 0) {
		log_info("nothing to prune: each vGPU is held, or mdevctl or libvirt knows it");
	} else {
		fprintf(stderr, "Nobody holds %s, and neither mdevctl nor libvirt knows %s:\n",
			count > 1 ? "these vGPUs" : "this vGPU", count > 1 ? "them" : "it");
		for (unsigned i = 0; i < count; i++) {
			const struct inventory_vgpu *vgpu =
				inventory_vgpu(inventory, names->pdata[i]);

			fprintf(stderr, "  %s  %s on %s\n", vgpu->name, vgpu->type, vgpu->parent);
		}
		if (!yes && !isatty(STDIN_FILENO)) {
			log_error(
				"prune: standard input is no terminal, so nobody can be asked; --yes "
				"removes without asking");
			code = EXIT_USAGE;
		} else if (yes || agrees(count)) {
			code = remove_all(root, (const char *const *)names->pdata, NULL, true);
		} else {
			fprintf(stderr, "Nothing was removed.\n");
		}
	}
	g_ptr_array_unref(unclear);
	g_ptr_array_unref(names);
	return code;
}

int prune_tool(const struct tool_call *call)
{
	const char *root = manage_root(call);
	struct inventory inventory;
	int code;

	if (!root) {
		return EXIT_USAGE;
	}
	if (manage_read(root, &inventory) < 0) {
		return EXIT_FAILED;
	}
	code = prune(call, root, &inventory);
	inventory_finish(&inventory);
	return code;
}
