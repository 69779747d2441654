/* SPDX-License-Identifier: MIT */
/*
 * Makes vGPUs, all that were asked for or none: what goes wrong half way is undone.
 *
 * A signal that would end the program waits until a step is done, and then counts as an error.
 */
#include <errno.h>
#include <glib.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/create_choose.h"
#include "bridge/log.h"
#include "bridge/manage.h"
#include "bridge/options.h"
#include "bridge/tools.h"
#include "bridge/verbs.h"
#include "vfio/mdev.h"

#define MAX_COUNT 64
#define WRITE_S 30 /* NVIDIA's driver takes seconds */
#define APPEAR_US (10 * G_USEC_PER_SEC) /* for the kernel and udev to do their part */
#define STEP_US 10000

struct made {
	char name[64]; /* UUID or PCI address */
	bool is_mdev;
	bool exists;
	bool defined; /* in mdevctl */
};

struct creation {
	const char *root;
	struct inventory inventory;
	struct choice choice;
	struct made *made;
	unsigned count;
	const char *group; /* name, NULL */
	gid_t gid;
	char *mdevctl; /* NULL: not to be kept */
};

/* The UUIDs, given or new. */
static int name_all(struct creation *creation, const struct tool_call *call)
{
	for (unsigned i = 0; i < creation->count; i++) {
		const char *given = tool_value_at(call, "uuid", i);
		char *random = g_uuid_string_random();
		char uuid[MDEV_UUID_SIZE];
		int rc = mdev_parse_uuid(given ? given : random, uuid);

		g_free(random);
		if (rc < 0) {
			log_error(
				"--uuid: '%s' is no UUID; write it as 8-4-4-4-12 hexadecimal digits, "
				"uuidgen makes one",
				given);
			return EXIT_USAGE;
		}
		for (unsigned j = 0; j < i; j++) {
			if (!strcmp(creation->made[j].name, uuid)) {
				log_error("--uuid: '%s' is given twice; each vGPU needs its own",
					given);
				return EXIT_USAGE;
			}
		}
		g_strlcpy(creation->made[i].name, uuid, sizeof(creation->made[i].name));
		creation->made[i].is_mdev = true;
	}
	return 0;
}

static int read_count(struct creation *creation, const struct tool_call *call)
{
	const char *text = tool_value(call, "count");
	unsigned uuids = 0;
	guint64 number = 1;

	while (tool_value_at(call, "uuid", uuids)) {
		uuids++;
	}
	if (text && !g_ascii_string_to_unsigned(text, 10, 1, MAX_COUNT, &number, NULL)) {
		log_error("--count: '%s' is no number from 1 to %d", text, MAX_COUNT);
		return EXIT_USAGE;
	}
	if (uuids > MAX_COUNT || (text && uuids > 0 && uuids != number)) {
		log_error("--count: '%s' does not go with %u of --uuid; leave --count out",
			text ? text : "1", uuids);
		return EXIT_USAGE;
	}
	creation->count = uuids > 0 ? uuids : (unsigned)number;
	creation->made = g_new0(struct made, creation->count);
	return name_all(creation, call);
}

/* Before anything is made: what can be known to fail, fails here. */
static int check_wishes(struct creation *creation, const struct tool_call *call)
{
	const char *group = tool_value(call, "group");

	if (tool_has(call, "type") && tool_has(call, "for")) {
		log_error("--type and --for: give one of them");
		return EXIT_USAGE;
	}
	if (tool_has(call, "for") && strcmp(tool_value(call, "for"), "windows") != 0 &&
		strcmp(tool_value(call, "for"), "linux") != 0) {
		log_error("--for: '%s' is not one of windows, linux", tool_value(call, "for"));
		return EXIT_USAGE;
	}
	if (group && group_find(creation->root, group, &creation->gid) < 0) {
		log_error(
			"--group: there is no group '%s'; groupadd makes one, and usermod -aG adds "
			"users to it",
			group);
		return EXIT_USAGE;
	}
	creation->group = group;
	return 0;
}

static int check_persist(struct creation *creation)
{
	const struct choice *choice = &creation->choice;

	creation->mdevctl = mdevctl_find(creation->root);
	if (creation->mdevctl) {
		return 0;
	}
	log_error("--persist: mdevctl, which makes vGPUs again at each boot, is not installed, so "
		  "nothing was made: install the package mdevctl, or leave --persist out; then it "
		  "would be: mdevctl define --uuid %s --parent %s --type %s --auto",
		creation->made[0].name, choice->parent->name, choice->type->name);
	return EXIT_FAILED;
}

static int check_function(struct creation *creation, const struct tool_call *call)
{
	const struct inventory_parent *parent = creation->choice.parent;

	if (tool_has(call, "uuid") || tool_has(call, "persist") || creation->count > 1) {
		log_error(
			"%s is a virtual function: it has no UUID, holds one vGPU, and mdevctl does "
			"not know it; leave --uuid, --count and --persist out",
			parent->name);
		return EXIT_USAGE;
	}
	g_strlcpy(creation->made[0].name, parent->name, sizeof(creation->made[0].name));
	creation->made[0].is_mdev = false;
	return 0;
}

static int check_unused(const struct creation *creation)
{
	for (unsigned i = 0; i < creation->count; i++) {
		const struct inventory_vgpu *vgpu =
			inventory_vgpu(&creation->inventory, creation->made[i].name);

		if (vgpu) {
			log_error("%s is there already, of type %s on %s; %s", vgpu->name,
				vgpu->type, vgpu->parent,
				creation->made[i].is_mdev ? "use that, or choose another UUID"
							  : "remove it first");
			return EXIT_FAILED;
		}
	}
	return 0;
}

static bool was_interrupted(void)
{
	sigset_t pending;

	sigpending(&pending);
	return sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM) ||
		sigismember(&pending, SIGHUP);
}

/* Path of the device, for g_free(); NULL: it is not there, or of another type. */
static char *find_made(const struct creation *creation, const struct made *made)
{
	char path[PATH_MAX];
	char type[PATH_MAX];
	char *link;
	const char *slash;
	ssize_t length;

	if (mdev_find(creation->root, made->name, path, sizeof(path)) < 0) {
		return NULL;
	}
	link = g_strconcat(path, "/mdev_type", NULL);
	length = readlink(link, type, sizeof(type) - 1);
	g_free(link);
	if (length < 0) {
		return NULL;
	}
	type[length] = '\0';
	slash = strrchr(type, '/');
	return !strcmp(slash ? slash + 1 : type, creation->choice.type->name) ? g_strdup(path)
									      : NULL;
}

static bool function_has_type(const struct creation *creation)
{
	char *path = g_strconcat(creation->choice.parent->path, "/nvidia/current_vgpu_type", NULL);
	char *text = NULL;
	bool is = g_file_get_contents(path, &text, NULL, NULL) &&
		!strcmp(g_strstrip(text), creation->choice.type->name);

	g_free(text);
	g_free(path);
	return is;
}

/* The kernel is done when the write returns; a moment is given all the same. */
static char *wait_for_device(const struct creation *creation, const struct made *made)
{
	gint64 end = g_get_monotonic_time() + APPEAR_US;
	char *path = NULL;

	do {
		path = made->is_mdev                  ? find_made(creation, made)
			: function_has_type(creation) ? g_strdup(creation->choice.parent->path)
						      : NULL;
		if (path) {
			break;
		}
		g_usleep(STEP_US);
	} while (g_get_monotonic_time() < end && !was_interrupted());
	return path;
}

static void log_refusal(
	const struct creation *creation, const struct made *made, const char *path, int error)
{
	const struct choice *choice = &creation->choice;
	char *why;

	switch (error) {
	case -ENOSPC:
		why = shortage_text(creation->root, &creation->inventory, choice->parent,
			choice->type, (unsigned)(made - creation->made) + 1);
		log_error("%s says \"%s\": %s", path, strerror(ENOSPC), why);
		g_free(why);
		break;
	case -EEXIST:
		log_error("%s refuses %s: some device has this UUID already", path, made->name);
		break;
	case -EINVAL:
		log_error("%s refuses '%s': %s", path, made->name, strerror(EINVAL));
		break;
	default:
		manage_log_write_error(path, error);
	}
}

static int make_one(struct creation *creation, struct made *made)
{
	const struct choice *choice = &creation->choice;
	char *path = made->is_mdev
		? g_strdup_printf("%s/mdev_supported_types/%s/create", choice->parent->path,
			  choice->type->name)
		: g_strconcat(choice->parent->path, "/nvidia/current_vgpu_type", NULL);
	char *text = g_strconcat(made->is_mdev ? made->name : choice->type->name, "\n", NULL);
	char *device;
	int rc = sysfs_write(path, text, WRITE_S);

	/* After a timeout it may yet come. */
	made->exists = rc == 0 || rc == -ETIMEDOUT;
	if (rc < 0) {
		log_refusal(creation, made, path, rc);
	} else if (!(device = wait_for_device(creation, made))) {
		log_error("%s was written, but no %s of type %s came of it%s", path, made->name,
			choice->type->name, was_interrupted() ? " until the interruption" : "");
		rc = -EIO;
	} else {
		g_free(device);
	}
	g_free(path);
	g_free(text);
	return rc;
}

/* udev may still be about to set the node's owner and mode; what is set after it lasts. */
static void wait_for_udev(const struct creation *creation)
{
	const char *const argv[] = {"udevadm", "settle", "--timeout=5", NULL};

	if (!*creation->root && access("/run/udev/control", F_OK) == 0) {
		g_spawn_sync(NULL, (char **)argv, NULL,
			G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL |
				G_SPAWN_STDERR_TO_DEV_NULL,
			NULL, NULL, NULL, NULL, NULL, NULL);
	}
}

/* Of one that exists: its nodes, once udev has made them. NULL: it has none. */
static const struct inventory_vgpu *wait_for_node(
	const struct creation *creation, const struct made *made, struct inventory *inventory)
{
	gint64 end = g_get_monotonic_time() + APPEAR_US;

	for (;;) {
		const struct inventory_vgpu *vgpu;

		if (inventory_read(creation->root, inventory) < 0) {
			return NULL;
		}
		vgpu = inventory_vgpu(inventory, made->name);
		if (vgpu && vgpu->has_node) {
			return vgpu;
		}
		inventory_finish(inventory);
		if (g_get_monotonic_time() >= end || was_interrupted()) {
			return NULL;
		}
		g_usleep(10 * STEP_US);
	}
}

static int give_to_group(const struct creation *creation, const char *node)
{
	char *path = g_strconcat(creation->root, node, NULL);
	int rc = 0;

	if (chown(path, (uid_t)-1, creation->gid) < 0 || chmod(path, 0660) < 0) {
		rc = -errno;
		log_error("%s can't be given to the group %s: %s%s", path, creation->group,
			strerror(errno),
			geteuid() == 0 ? "" : "; that takes root, run this with sudo");
	}
	g_free(path);
	return rc;
}

static int open_nodes(const struct creation *creation, const struct made *made)
{
	struct inventory inventory = {0};
	const struct inventory_vgpu *vgpu = wait_for_node(creation, made, &inventory);
	int rc = 0;

	if (!vgpu && creation->group) {
		log_error(
			"%s has no node in /dev/vfio that the group %s could open: no VFIO driver has "
			"bound to it (before Linux 5.19, load the module vfio_mdev)",
			made->name, creation->group);
		return -ENODEV;
	}
	if (!vgpu) {
		log_warning(
			"%s has no node in /dev/vfio: no VFIO driver has bound to it (before Linux "
			"5.19, load the module vfio_mdev)",
			made->name);
		return 0;
	}
	if (creation->group) {
		wait_for_udev(creation);
	}
	if (creation->group && vgpu->group_node[0]) {
		rc = give_to_group(creation, vgpu->group_node);
	}
	if (rc == 0 && creation->group && vgpu->cdev_node[0]) {
		rc = give_to_group(creation, vgpu->cdev_node);
	}
	inventory_finish(&inventory);
	return rc;
}

static int define(const struct creation *creation, struct made *made)
{
	const struct choice *choice = &creation->choice;
	const char *arguments[] = {"define", "--uuid", made->name, "--parent", choice->parent->name,
		"--type", choice->type->name, "--auto", NULL};
	char *said;
	int rc = mdevctl_run(creation->mdevctl, arguments, &said);

	if (rc < 0) {
		log_error("%s define of %s fails: %s", creation->mdevctl, made->name, said);
	}
	made->defined = rc == 0;
	g_free(said);
	return rc;
}

static void undo(const struct creation *creation, const struct made *made)
{
	const char *arguments[] = {"undefine", "--uuid", made->name, NULL};
	struct inventory_vgpu vgpu = {0};
	char *said = NULL;
	int rc = 0;

	if (made->defined && mdevctl_run(creation->mdevctl, arguments, &said) < 0) {
		log_error("%s is still defined in mdevctl: %s", made->name, said);
	}
	g_free(said);
	if (!made->exists) {
		return;
	}
	if (!made->is_mdev) {
		g_strlcpy(vgpu.path, creation->choice.parent->path, sizeof(vgpu.path));
	} else if (mdev_find(creation->root, made->name, vgpu.path, sizeof(vgpu.path)) < 0) {
		return;
	} else {
		g_strlcpy(vgpu.uuid, made->name, sizeof(vgpu.uuid));
	}
	rc = vgpu_remove(&vgpu, WRITE_S);
	if (rc < 0) {
		log_error(
			"%s was made and could not be removed again (%s); vgpu-bridge remove %s does",
			made->name, strerror(-rc), made->name);
	}
}

static int make_all(struct creation *creation)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < creation->count; i++) {
		rc = make_one(creation, &creation->made[i]);
		if (rc == 0) {
			rc = open_nodes(creation, &creation->made[i]);
		}
		if (rc == 0 && creation->mdevctl) {
			rc = define(creation, &creation->made[i]);
		}
		if (rc == 0 && was_interrupted()) {
			log_error("interrupted");
			rc = -EINTR;
		}
	}
	if (rc == 0) {
		for (unsigned i = 0; i < creation->count; i++) {
			printf("%s\n", creation->made[i].name);
		}
		if (fflush(stdout) != 0) {
			rc = -errno;
			log_error(
				"the names of what was made can't be written to standard output: %s",
				strerror(-rc));
		}
	}
	for (unsigned i = creation->count; rc < 0 && i-- > 0;) {
		undo(creation, &creation->made[i]);
	}
	return rc < 0 ? EXIT_FAILED : EXIT_OK;
}

static void tell_rule(const struct creation *creation)
{
	if (!creation->group) {
		return;
	}
	fprintf(stderr,
		"Members of the group %s may open it until it is removed or the host restarts. These "
		"rules of udev\nkeep it so, in a file like /etc/udev/rules.d/70-vgpu-%s.rules:\n",
		creation->group, creation->group);
	for (unsigned i = 0; i < creation->count; i++) {
		const char *name = creation->made[i].name;

		fprintf(stderr,
			"SUBSYSTEM==\"vfio\", KERNEL==\"[0-9]*\", "
			"TEST==\"/sys/kernel/iommu_groups/%%k/devices/%s\", GROUP=\"%s\", "
			"MODE=\"0660\"\n"
			"SUBSYSTEM==\"vfio-dev\", KERNELS==\"%s\", GROUP=\"%s\", MODE=\"0660\"\n",
			name, creation->group, name, creation->group);
	}
}

static int create(struct creation *creation, const struct tool_call *call)
{
	int code = read_count(creation, call);

	if (!code) {
		code = check_wishes(creation, call);
	}
	if (code) {
		return code;
	}
	if (manage_read(creation->root, &creation->inventory) < 0) {
		return EXIT_FAILED;
	}
	code = choose(creation->root, &creation->inventory, tool_value(call, "parent"),
		tool_value(call, "type"), tool_value(call, "for"), creation->count,
		&creation->choice);
	if (!code && creation->choice.parent->kind == PARENT_NVIDIA_VF) {
		code = check_function(creation, call);
	}
	if (!code) {
		code = check_unused(creation);
	}
	if (!code && tool_has(call, "persist")) {
		code = check_persist(creation);
	}
	return code ? code : make_all(creation);
}

int create_tool(const struct tool_call *call)
{
	struct creation creation = {.root = manage_root(call)};
	sigset_t ends;
	sigset_t before;
	int code = EXIT_USAGE;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	/* That the names were not read shall be an error like others. */
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &ends, &before);
	if (creation.root) {
		code = create(&creation, call);
		if (code == EXIT_OK) {
			tell_rule(&creation);
		}
	}
	inventory_finish(&creation.inventory);
	g_free(creation.made);
	g_free(creation.mdevctl);
	fflush(stderr);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return code;
}
