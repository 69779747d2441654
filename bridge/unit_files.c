/* SPDX-License-Identifier: MIT */
/* The texts of an instance's configuration and drop-in, and putting them into place. */
#include "bridge/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/manage.h"

#define QEMU_SOCKETS "/var/lib/libvirt/qemu/"

static void add_key(GString *text, const char *key, const char *path)
{
	if (path) {
		g_string_append_printf(text, "%s=unix:%s\n", key, path);
	}
}

static const char qmp_missing[] =
	"\n# No monitor of its own was found: without one viewers may only look, unless libvirt lends its\n"
	"# own, for which the bridge's user has to be in the group libvirt, which is as good as root. In\n"
	"# QEMU's command line, or as two <qemu:arg value='...'/> in <qemu:commandline>:\n"
	"#	-qmp unix:" QEMU_SOCKETS "%s.qmp,server=on,wait=off\n"
	"# qmp=unix:" QEMU_SOCKETS "%s.qmp\n";

static char *make_config(const char *vm, bool mdev, const char *instance,
	const struct unit_facts *facts, bool network)
{
	GString *text =
		g_string_new("# Written by vgpu-bridge unit, which will not write it again. "
			     "The man page vgpu-bridge(1) has\n# all keys.");

	if (facts->from) {
		g_string_append_printf(text, " QEMU's sockets are those of %s.", facts->from);
	}
	g_string_append_printf(text, "\n[vgpu-bridge]\n%s=%s\n", mdev ? "mdev" : "vm", vm);
	if (facts->mdevs->len > 1) {
		g_string_append_printf(
			text, "\n# This machine has %u vGPUs: choose one.\n", facts->mdevs->len);
		for (guint i = 0; i < facts->mdevs->len; i++) {
			g_string_append_printf(text, "%smdev=%s\n", i ? "# " : "",
				(const char *)g_ptr_array_index(facts->mdevs, i));
		}
	}
	if (facts->qmp) {
		g_string_append(text, "\n# Keys and pointer.\n");
		add_key(text, "qmp", facts->qmp);
	} else if (!mdev) {
		g_string_append_printf(text, qmp_missing, instance, instance);
	}
	if (facts->agent || facts->webdav || facts->smartcard || facts->usb->len) {
		g_string_append(text, "\n# Clipboard, files, USB devices and smart cards.\n");
	}
	add_key(text, "agent", facts->agent);
	add_key(text, "webdav", facts->webdav);
	add_key(text, "smartcard", facts->smartcard);
	for (guint i = 0; i < facts->usb->len; i++) {
		add_key(text, "usbredir", g_ptr_array_index(facts->usb, i));
	}
	if (facts->ports->len) {
		g_string_append(
			text, "\n# Other channels of the guest, which viewers may have too.\n");
	}
	for (guint i = 0; i < facts->ports->len; i++) {
		g_string_append_printf(
			text, "# port=%s\n", (const char *)g_ptr_array_index(facts->ports, i));
	}
	g_string_append_printf(text,
		"\n# Viewers connect to /run/vgpu-bridge/%s.spice, as members of the group "
		"vgpu-bridge may.\n%s# Other machines need a password, which is the first line of\n"
		"# /etc/credstore/vgpu-bridge.%s.password (root's, mode 0600):\n"
		"# listen=tls:*:5901\n# tls-cert=/etc/vgpu-bridge/%s.cert.pem\n"
		"# tls-key=/etc/vgpu-bridge/%s.key.pem\n",
		instance,
		network ? ""
			: "# The unit has no network. `vgpu-bridge unit --network` makes a drop-in "
			  "for one.\n",
		instance, instance, instance);
	return g_string_free(text, FALSE);
}

/* NULL: there is no such group. */
static char *existing_group(const char *root, const char *name)
{
	gid_t gid;

	return group_find(root, name, &gid) == 0 ? g_strdup(name) : NULL;
}

/*
 * Who is in it may connect to QEMU's socket. A user's process may name any socket, such as that of a
 * program which is as good as root to its group: only a socket of that user's own says something.
 */
static char *group_of_socket(const char *root, const char *path, const struct unit_facts *facts)
{
	bool trusted = !facts->process || facts->owner == 0;
	char *full = g_strconcat(root, path, NULL), *name = NULL;
	struct stat status;

	if (stat(full, &status) == 0 && S_ISSOCK(status.st_mode)) {
		if (trusted || status.st_uid == facts->owner) {
			name = status.st_gid ? group_name(root, status.st_gid) : NULL;
		}
	} else if (trusted && g_str_has_prefix(path, QEMU_SOCKETS)) {
		/* Debian's name, and Fedora's. */
		name = existing_group(root, "libvirt-qemu");
		name = name ? name : existing_group(root, "qemu");
	}
	g_free(full);
	return name;
}

static GPtrArray *sockets_of(const struct unit_facts *facts)
{
	const char *single[] = {facts->qmp, facts->agent, facts->webdav, facts->smartcard};
	GPtrArray *paths = g_ptr_array_new();

	for (size_t i = 0; i < G_N_ELEMENTS(single); i++) {
		if (single[i]) {
			g_ptr_array_add(paths, (gpointer)single[i]);
		}
	}
	for (guint i = 0; i < facts->usb->len; i++) {
		g_ptr_array_add(paths, g_ptr_array_index(facts->usb, i));
	}
	return paths;
}

/* What keeps the unit from QEMU's sockets is opened as far as they need it. */
static void open_sockets(GString *text, const char *root, const struct unit_facts *facts)
{
	GPtrArray *paths = sockets_of(facts);
	GPtrArray *groups = g_ptr_array_new_with_free_func(g_free);
	bool temporary = false, home = false;

	for (guint i = 0; i < paths->len; i++) {
		const char *path = g_ptr_array_index(paths, i);
		char *group = group_of_socket(root, path, facts);

		if (group && !g_ptr_array_find_with_equal_func(groups, group, g_str_equal, NULL)) {
			g_ptr_array_add(groups, group);
		} else {
			g_free(group);
		}
		temporary |= g_str_has_prefix(path, "/tmp/") || g_str_has_prefix(path, "/var/tmp/");
		home |= g_str_has_prefix(path, "/home/") || g_str_has_prefix(path, "/root/") ||
			g_str_has_prefix(path, "/run/user/");
	}
	if (groups->len || temporary || home) {
		g_string_append(text, "# QEMU's sockets: their group, and where they lie.\n");
	}
	for (guint i = 0; i < groups->len; i++) {
		g_string_append_printf(text, "SupplementaryGroups=%s\n",
			(const char *)g_ptr_array_index(groups, i));
	}
	if (temporary) {
		g_string_append(text, "PrivateTmp=no\n");
	}
	if (home) {
		g_string_append(text, "ProtectHome=read-only\n");
	}
	g_ptr_array_unref(groups);
	g_ptr_array_unref(paths);
}

static char *make_drop_in(const char *root, bool mdev, const struct unit_facts *facts, bool network)
{
	GString *text = g_string_new("");

	open_sockets(text, root, facts);
	if (mdev) {
		g_string_append(text,
			"# A device that is opened by itself needs no rights over QEMU.\n"
			"AmbientCapabilities=\nCapabilityBoundingSet=\n");
	}
	if (network) {
		g_string_append(text,
			"# For addresses that other machines reach.\n"
			"PrivateNetwork=no\nIPAddressDeny=\n"
			"RestrictAddressFamilies=AF_INET AF_INET6\n");
	}
	if (text->len == 0) {
		g_string_free(text, TRUE);
		return NULL;
	}
	g_string_prepend(text, "# Written by vgpu-bridge unit.\n[Service]\n");
	return g_string_free(text, FALSE);
}

void unit_files(struct unit_file files[UNIT_FILES], const char *root, const char *vm, bool mdev,
	const struct unit_facts *facts, bool network)
{
	char *instance = unit_instance(vm);

	files[0].path = g_strdup_printf("/etc/vgpu-bridge/%s.conf", instance);
	files[0].text = make_config(vm, mdev, instance, facts, network);
	files[1].path =
		g_strdup_printf("/etc/systemd/system/vgpu-bridge@%s.service.d/unit.conf", instance);
	files[1].text = make_drop_in(root, mdev, facts, network);
	g_free(instance);
}

void unit_files_finish(struct unit_file files[UNIT_FILES])
{
	for (size_t i = 0; i < UNIT_FILES; i++) {
		g_free(files[i].path);
		g_free(files[i].text);
	}
}

static int write_all(int fd, const char *text)
{
	size_t rest = strlen(text);

	while (rest > 0) {
		ssize_t n = write(fd, text, rest);

		if (n < 0 && errno != EINTR) {
			return -errno;
		}
		text += n > 0 ? n : 0;
		rest -= n > 0 ? (size_t)n : 0;
	}
	return fchmod(fd, 0644) < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* link() gives a whole file its name, and never takes that from another. */
static int write_new(const char *path, const char *text)
{
	char *temporary = g_strconcat(path, ".XXXXXX", NULL);
	int fd = mkostemp(temporary, O_CLOEXEC);
	int rc = fd < 0 ? -errno : write_all(fd, text);

	if (rc == 0 && link(temporary, path) < 0) {
		rc = -errno;
	}
	if (fd >= 0) {
		unlink(temporary);
		close(fd);
	}
	g_free(temporary);
	return rc;
}

int unit_install(const char *root, const struct unit_file *file)
{
	char *path = g_strconcat(root, file->path, NULL);
	char *folder = g_path_get_dirname(path);
	char *have = NULL;
	int rc = 1;

	if (g_file_get_contents(path, &have, NULL, NULL)) {
		rc = strcmp(have, file->text) ? -EEXIST : 0;
	} else if (g_mkdir_with_parents(folder, 0755) < 0) {
		rc = -errno;
	} else {
		rc = write_new(path, file->text);
		rc = rc < 0 ? rc : 1;
	}
	g_free(have);
	g_free(folder);
	g_free(path);
	return rc;
}
