/* SPDX-License-Identifier: MIT */
/* The verb unit: prints or installs what a unit needs to serve one virtual machine. */
#include "bridge/unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bridge/log.h"
#include "bridge/options.h"
#include "bridge/tools.h"
#include "bridge/verbs.h"

static const char *const unit_folders[] = {"/etc/systemd/system", "/run/systemd/system",
	"/usr/local/lib/systemd/system", "/lib/systemd/system", "/usr/lib/systemd/system"};

static bool has_template(const char *root)
{
	bool found = false;

	for (size_t i = 0; i < G_N_ELEMENTS(unit_folders) && !found; i++) {
		char *path = g_strconcat(root, unit_folders[i], "/vgpu-bridge@.service", NULL);

		found = access(path, F_OK) == 0;
		g_free(path);
	}
	return found;
}

static bool is_mdev(const char *root, const char *vm)
{
	char *path = g_strdup_printf("%s/sys/bus/mdev/devices/%s", root, vm);
	bool is = g_uuid_string_is_valid(vm) && access(path, F_OK) == 0;

	g_free(path);
	return is;
}

static int check_name(const char *vm)
{
	for (const char *at = vm; *at; at++) {
		if (g_ascii_iscntrl(*at)) {
			log_error(
				"a virtual machine's name has no control characters, this one has "
				"number %d",
				*at);
			return -EINVAL;
		}
	}
	if (!*vm || strlen(vm) > 200) {
		log_error("'%s': a name has 1 to 200 bytes", vm);
		return -EINVAL;
	}
	return 0;
}

/* What was not found, and what the reader has to know. */
static void tell_notes(const char *root, const char *vm, const struct unit_facts *facts, bool mdev)
{
	if (!mdev && !facts->from) {
		log_warning(
			"%s: libvirt knows no such domain%s, and no QEMU of this name runs: its "
			"sockets are not known; start it, or add them by hand",
			vm, facts->unread ? " (only root may look)" : "");
	}
	if (facts->process && facts->owner != 0 && facts->owner != geteuid()) {
		log_warning(
			"%s: its sockets are what %s says, which is of user %u; any user can start one "
			"of that name: see that it is the machine that you mean",
			vm, facts->from, (unsigned)facts->owner);
	}
	if (!has_template(root)) {
		log_warning(
			"the unit vgpu-bridge@.service is not installed: install the package, or "
			"let root run meson install");
	}
}

static void print_files(const struct unit_file files[UNIT_FILES], const char *instance)
{
	for (size_t i = 0; i < UNIT_FILES; i++) {
		if (files[i].text) {
			printf("### %s\n%s\n", files[i].path, files[i].text);
		}
	}
	printf("### then, as root (--install does all but the last)\n"
	       "systemctl daemon-reload\n"
	       "systemctl enable --now vgpu-bridge@%s.socket\n",
		instance);
}

static int reload(void)
{
	GError *error = NULL;
	int status = 0;

	/* sd_booted(3) */
	if (access("/run/systemd/system", F_OK) < 0) {
		printf("systemd does not run here: nothing to reload\n");
		return EXIT_OK;
	}
	if (!g_spawn_command_line_sync("systemctl daemon-reload", NULL, NULL, &status, &error) ||
		!g_spawn_check_wait_status(status, &error)) {
		log_error("systemctl daemon-reload: %s", error->message);
		g_error_free(error);
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

/* What was written before something could not be. */
static void take_back(const char *root, const struct unit_file *file)
{
	char *path = g_strconcat(root, file->path, NULL);

	if (unlink(path) == 0) {
		printf("taken back: %s\n", path);
	}
	g_free(path);
}

static int install_files(
	const char *root, const struct unit_file files[UNIT_FILES], const char *instance)
{
	bool written[UNIT_FILES] = {false};

	for (size_t i = 0; i < UNIT_FILES; i++) {
		int rc = files[i].text ? unit_install(root, &files[i]) : 0;

		written[i] = rc == 1;
		if (rc == 1) {
			printf("written: %s%s\n", root, files[i].path);
		} else if (rc == 0 && files[i].text) {
			printf("as it should be: %s%s\n", root, files[i].path);
		} else if (rc == -EEXIST) {
			printf("left alone, as it is there with another content: %s%s (what it would "
			       "be is told without --install; remove it to have it written)\n",
				root, files[i].path);
		} else if (rc < 0) {
			log_error("%s%s can't be written: %s%s", root, files[i].path, strerror(-rc),
				rc == -EACCES ? "; let root do this" : "");
			for (size_t j = 0; j < i; j++) {
				if (written[j]) {
					take_back(root, &files[j]);
				}
			}
			return EXIT_FAILED;
		}
	}
	if (!root[0] && reload() != EXIT_OK) {
		return EXIT_FAILED;
	}
	printf("now: systemctl enable --now vgpu-bridge@%s.socket\n", instance);
	return EXIT_OK;
}

int unit_tool(const struct tool_call *call)
{
	const char *vm = call->arguments[0];
	const char *root = tool_value(call, "root");
	struct unit_file files[UNIT_FILES];
	struct unit_facts facts;
	char *instance, why[512];
	int code = EXIT_OK;
	bool mdev;

	root = root ? root : "";
	if (check_name(vm) < 0) {
		return EXIT_USAGE;
	}
	unit_facts_init(&facts);
	mdev = is_mdev(root, vm);
	if (!mdev && unit_facts_find(&facts, root, vm, why, sizeof(why)) < 0) {
		log_error("%s", why);
		unit_facts_finish(&facts);
		return EXIT_FAILED;
	}
	instance = unit_instance(vm);
	unit_files(files, root, vm, mdev, &facts, tool_has(call, "network"));
	fflush(stdout);
	tell_notes(root, vm, &facts, mdev);
	if (tool_has(call, "install")) {
		code = install_files(root, files, instance);
	} else {
		print_files(files, instance);
	}
	unit_files_finish(files);
	unit_facts_finish(&facts);
	g_free(instance);
	return code;
}
