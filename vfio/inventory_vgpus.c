/* SPDX-License-Identifier: MIT */
/* The vGPUs there are, their nodes, and who will bring them back after a restart of the host. */
#include "vfio/inventory_impl.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vfio/mdev.h"

#define MAX_VGPUS 4096
#define MAX_DOMAIN (4 << 20) /* bytes of a domain's XML that are looked at */

static void link_name(char *name, size_t size, const char *path, const char *link)
{
	char from[PATH_MAX];
	char target[PATH_MAX];
	const char *slash;
	ssize_t length;

	name[0] = '\0';
	if (text_print(from, sizeof(from), "%s/%s", path, link) < 0) {
		return;
	}
	length = readlink(from, target, sizeof(target) - 1);
	if (length > 0) {
		target[length] = '\0';
		slash = strrchr(target, '/');
		text_copy(name, size, slash ? slash + 1 : target);
	}
}

static bool stat_node(const char *root, const char *node, struct inventory_vgpu *vgpu)
{
	char path[PATH_MAX];
	struct stat info;

	if (node[0] == '\0' || text_print(path, sizeof(path), "%s%s", root, node) < 0 ||
		stat(path, &info) < 0) {
		return false;
	}
	vgpu->has_node = true;
	vgpu->owner = info.st_uid;
	vgpu->owner_group = info.st_gid;
	vgpu->mode = info.st_mode & 07777;
	return true;
}

/* Kernels without cdevs have the directory in sysfs all the same, but no number of a node in it. */
static bool has_cdev(const char *root, const struct inventory_vgpu *vgpu, const char *cdev)
{
	char path[PATH_MAX];

	if (text_print(path, sizeof(path), "%s/vfio-dev/%s/dev", vgpu->path, cdev) == 0 &&
		access(path, F_OK) == 0) {
		return true;
	}
	return text_print(path, sizeof(path), "%s/dev/vfio/devices/%s", root, cdev) == 0 &&
		access(path, F_OK) == 0;
}

static void read_nodes(const char *root, struct inventory_vgpu *vgpu)
{
	unsigned group;
	char cdev[48];

	vgpu->group = -1;
	if (mdev_group(vgpu->path, &group) == 0) {
		vgpu->group = (int)group;
		text_print(vgpu->group_node, sizeof(vgpu->group_node), "/dev/vfio/%u", group);
	}
	if (mdev_cdev(vgpu->path, cdev, sizeof(cdev)) == 0 && has_cdev(root, vgpu, cdev)) {
		text_print(vgpu->cdev_node, sizeof(vgpu->cdev_node), "/dev/vfio/devices/%s", cdev);
	}
	if (!stat_node(root, vgpu->group_node, vgpu)) {
		stat_node(root, vgpu->cdev_node, vgpu);
	}
}

/* Of a JSON object's text: is the value of that key this string? Good for mdevctl's flat files. */
static bool json_says(const char *text, const char *key, const char *value)
{
	char wanted[64];
	const char *at;

	text_print(wanted, sizeof(wanted), "\"%s\"", key);
	at = strstr(text, wanted);
	if (!at) {
		return false;
	}
	at += strlen(wanted);
	at += strspn(at, " \t\r\n");
	if (*at != ':') {
		return false;
	}
	at++;
	at += strspn(at, " \t\r\n");
	text_print(wanted, sizeof(wanted), "\"%s\"", value);
	return strncmp(at, wanted, strlen(wanted)) == 0;
}

static void read_mdevctl(const char *root, struct inventory_vgpu *vgpu)
{
	char path[PATH_MAX];
	char text[4096];
	struct dirent *entry;
	DIR *dir;

	vgpu->mdevctl_known = true;
	text_print(path, sizeof(path), "%s/etc/mdevctl.d", root);
	dir = opendir(path);
	if (!dir) {
		vgpu->mdevctl_known = errno == ENOENT || errno == ENOTDIR;
		return;
	}
	/* It may be defined below another parent, as PCI addresses change. */
	while ((entry = readdir(dir))) {
		ssize_t length;

		if (entry->d_name[0] == '.') {
			continue;
		}
		length = text_read(text, sizeof(text), "%s/%s/%s", path, entry->d_name, vgpu->uuid);
		if (length == -EACCES) {
			vgpu->mdevctl_known = false;
		} else if (length >= 0) {
			vgpu->mdevctl_defined = true;
			vgpu->mdevctl_auto |= json_says(text, "start", "auto");
		}
	}
	closedir(dir);
}

/* A device's UUID is an attribute, uuid='...'; that of a domain is text and looks different. */
static bool names_device(const char *xml, const char *uuid)
{
	for (const char *at = xml; (at = strcasestr(at, uuid)); at++) {
		if (at > xml && (at[-1] == '\'' || at[-1] == '"')) {
			return true;
		}
	}
	return false;
}

/* A PCI function is named by its four numbers, each an attribute of one address element. */
static bool names_function(const char *xml, const char *address)
{
	char wanted[128];
	unsigned domain;
	unsigned bus;
	unsigned slot;
	unsigned function;

	if (sscanf(address, "%4x:%2x:%2x.%1x", &domain, &bus, &slot, &function) != 4) {
		return false;
	}
	text_print(wanted, sizeof(wanted),
		"domain='0x%04x' bus='0x%02x' slot='0x%02x' function='0x%x'/>", domain, bus, slot,
		function);
	/* The guest's own addresses begin with type='pci' and so do not match behind "<address ". */
	for (const char *at = xml; (at = strstr(at, wanted)); at++) {
		if (at - xml >= 9 && strncmp(at - 9, "<address ", 9) == 0) {
			return true;
		}
	}
	return false;
}

static void read_domain(const char *root, struct inventory_vgpu *vgpu, const char *file, char *xml)
{
	char path[PATH_MAX];
	ssize_t length = text_read(xml, MAX_DOMAIN, "%s/etc/libvirt/qemu/%s", root, file);
	int name = (int)strlen(file) - 4;

	if (length < 0) {
		vgpu->libvirt = length == -EACCES || length == -EPERM ? -1 : vgpu->libvirt;
		return;
	}
	if (!(vgpu->uuid[0] ? names_device(xml, vgpu->uuid) : names_function(xml, vgpu->name))) {
		return;
	}
	/* libvirt calls the file as the domain. */
	if (!vgpu->libvirt_domain[0]) {
		text_print(vgpu->libvirt_domain, sizeof(vgpu->libvirt_domain), "%.*s", name, file);
		text_make_printable(vgpu->libvirt_domain, false);
	}
	vgpu->libvirt += vgpu->libvirt >= 0;
	if (text_print(path, sizeof(path), "%s/etc/libvirt/qemu/autostart/%s", root, file) == 0) {
		struct stat info;

		vgpu->libvirt_autostart |= lstat(path, &info) == 0;
	}
}

static void read_libvirt(const char *root, struct inventory_vgpu *vgpu)
{
	char path[PATH_MAX];
	struct dirent *entry;
	char *xml;
	DIR *dir;

	text_print(path, sizeof(path), "%s/etc/libvirt/qemu", root);
	dir = opendir(path);
	if (!dir) {
		vgpu->libvirt = errno == ENOENT || errno == ENOTDIR ? 0 : -1;
		return;
	}
	xml = malloc(MAX_DOMAIN);
	if (!xml) {
		vgpu->libvirt = -1;
	}
	while (xml && (entry = readdir(dir))) {
		size_t length = strlen(entry->d_name);

		if (length > 4 && strcmp(entry->d_name + length - 4, ".xml") == 0) {
			read_domain(root, vgpu, entry->d_name, xml);
		}
	}
	free(xml);
	closedir(dir);
}

void vgpu_read_makers(const char *root, struct inventory_vgpu *vgpu)
{
	if (vgpu->uuid[0]) {
		read_mdevctl(root, vgpu);
	} else {
		vgpu->mdevctl_known = true; /* mdevctl knows mdevs only */
	}
	read_libvirt(root, vgpu);
}

static struct inventory_vgpu *add_vgpu(struct inventory *inventory, const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	struct inventory_vgpu *vgpu;

	if (strlen(path) >= sizeof(vgpu->path) || strlen(name) >= sizeof(vgpu->name)) {
		return NULL;
	}
	vgpu = list_add(&inventory->vgpus, &inventory->n_vgpus, sizeof(*vgpu));
	if (vgpu) {
		text_print(vgpu->path, sizeof(vgpu->path), "%s", path);
		text_copy(vgpu->name, sizeof(vgpu->name), name);
		link_name(vgpu->driver, sizeof(vgpu->driver), path, "driver");
	}
	return vgpu;
}

static int add_mdev(const char *root, struct inventory *inventory, const char *name)
{
	char uuid[MDEV_UUID_SIZE];
	char path[PATH_MAX];
	char parent[sizeof(((struct inventory_vgpu *)NULL)->parent)];
	struct inventory_vgpu *vgpu;
	char *slash;
	int rc;

	if (mdev_parse_uuid(name, uuid) < 0 || mdev_find(root, name, path, sizeof(path)) < 0 ||
		strlen(path) >= sizeof(vgpu->path)) {
		return 0;
	}
	slash = strrchr(path, '/');
	*slash = '\0';
	text_copy(parent, sizeof(parent), strrchr(path, '/') + 1);
	*slash = '/';
	if (!parent_has_display(parent)) {
		return 0;
	}
	vgpu = add_vgpu(inventory, path);
	if (!vgpu) {
		return -ENOMEM;
	}
	text_print(vgpu->uuid, sizeof(vgpu->uuid), "%s", uuid);
	link_name(vgpu->type, sizeof(vgpu->type), path, "mdev_type");
	text_copy(vgpu->parent, sizeof(vgpu->parent), parent);
	*slash = '\0';
	rc = parents_add(root, inventory, path);
	if (rc == 0) {
		read_nodes(root, vgpu);
		vgpu_read_makers(root, vgpu);
	}
	return rc;
}

/* A virtual function of NVIDIA's with a type set is a vGPU, and its own parent. */
static int add_function(
	const char *root, struct inventory *inventory, const struct inventory_parent *parent)
{
	char type[32];
	unsigned long long number;
	struct inventory_vgpu *vgpu;

	if (text_line(type, sizeof(type), "%s/nvidia/current_vgpu_type", parent->path) < 0 ||
		!text_number(type, &number) || number == 0) {
		return 0;
	}
	vgpu = add_vgpu(inventory, parent->path);
	if (!vgpu) {
		return -ENOMEM;
	}
	text_print(vgpu->type, sizeof(vgpu->type), "%llu", number);
	text_print(vgpu->parent, sizeof(vgpu->parent), "%s", parent->name);
	read_nodes(root, vgpu);
	vgpu_read_makers(root, vgpu);
	return 0;
}

int vgpus_read(const char *root, struct inventory *inventory)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir;
	int rc = 0;

	if (text_print(path, sizeof(path), "%s/sys/bus/mdev/devices", root) < 0) {
		return 0;
	}
	dir = opendir(path);
	while (dir && rc == 0 && inventory->n_vgpus < MAX_VGPUS && (entry = readdir(dir))) {
		rc = add_mdev(root, inventory, entry->d_name);
	}
	if (dir) {
		closedir(dir);
	}
	for (size_t i = 0; rc == 0 && i < inventory->n_parents; i++) {
		if (inventory->parents[i].kind == PARENT_NVIDIA_VF) {
			rc = add_function(root, inventory, &inventory->parents[i]);
		}
	}
	return rc;
}
