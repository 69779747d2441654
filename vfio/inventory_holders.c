/* SPDX-License-Identifier: MIT */
/* Which processes have the vGPUs open: what their descriptors are links to. */
#include "vfio/inventory_impl.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_CMDLINE (256 << 10) /* bytes; libvirt's are some 10 KiB */
#define MAX_HOLDERS 64 /* of one vGPU */

struct search {
	const char *root;
	struct inventory *inventory;
	pid_t pid;
	char *cmdline; /* of that process, read when needed */
	ssize_t length; /* of it; -1: not read yet */
	bool unnamed; /* it has a device of which the kernel does not tell which it is */
	bool group; /* and a group, from which it will have that */
};

static void read_cmdline(struct search *search)
{
	if (search->length < 0) {
		search->length = text_read(search->cmdline, MAX_CMDLINE, "%s/proc/%d/cmdline",
			search->root, search->pid);
		if (search->length < 0) {
			search->length = 0;
		}
		search->cmdline[search->length] = '\0';
	}
}

static bool is_qemu(struct search *search)
{
	const char *slash;
	const char *base;

	read_cmdline(search);
	slash = strrchr(search->cmdline, '/');
	base = slash ? slash + 1 : search->cmdline;
	return strncmp(base, "qemu-system-", 12) == 0 || strcmp(base, "qemu-kvm") == 0;
}

/* The name in a value of -name: "a", "guest=a,debug-threads=on", with ",," for a comma. */
static void copy_name(char *out, size_t size, const char *value)
{
	static const char key[] = "guest=";
	size_t used = 0;
	bool first = true;

	while (*value) {
		const char *end = value;
		bool wanted = strncmp(value, key, sizeof(key) - 1) == 0;

		while (*end && (*end != ',' || end[1] == ',')) {
			end += *end == ',' ? 2 : 1;
		}
		if (wanted || (first && !memchr(value, '=', (size_t)(end - value)))) {
			value += wanted ? sizeof(key) - 1 : 0;
			for (; value < end && used + 1 < size; value++) {
				out[used++] = *value;
				value += *value == ',';
			}
			break;
		}
		first = false;
		value = *end ? end + 1 : end;
	}
	out[used] = '\0';
	text_make_printable(out, false);
}

static void read_vm(struct search *search, char *vm, size_t size)
{
	const char *text = search->cmdline;

	vm[0] = '\0';
	if (!is_qemu(search)) {
		return;
	}
	/* The last -name counts, as for QEMU. */
	for (ssize_t i = 0; i < search->length; i += (ssize_t)strlen(text + i) + 1) {
		ssize_t next = i + (ssize_t)strlen(text + i) + 1;

		if ((strcmp(text + i, "-name") == 0 || strcmp(text + i, "--name") == 0) &&
			next < search->length) {
			copy_name(vm, size, text + next);
			i = next;
		}
	}
}

static int add_holder(struct search *search, struct inventory_vgpu *vgpu, bool by_command_line)
{
	struct inventory_holder *holder;

	for (size_t i = 0; i < vgpu->n_holders; i++) {
		if (vgpu->holders[i].pid == search->pid) {
			return 0;
		}
	}
	if (vgpu->n_holders >= MAX_HOLDERS) {
		return 0;
	}
	holder = list_add(&vgpu->holders, &vgpu->n_holders, sizeof(*holder));
	if (!holder) {
		return -ENOMEM;
	}
	holder->pid = search->pid;
	holder->by_command_line = by_command_line;
	text_line(holder->command, sizeof(holder->command), "%s/proc/%d/comm", search->root,
		search->pid);
	text_make_printable(holder->command, false);
	read_vm(search, holder->vm, sizeof(holder->vm));
	return 0;
}

/* Linux 6.18 and later tell a device's path in sysfs with its descriptor. */
static struct inventory_vgpu *by_descriptor(struct search *search, const char *fd)
{
	static const char key[] = "vfio-device-syspath:";
	char text[4096];
	char *at;
	char *end;

	if (text_read(text, sizeof(text), "%s/proc/%d/fdinfo/%s", search->root, search->pid, fd) <
			0 ||
		!(at = strstr(text, key))) {
		return NULL;
	}
	end = at + strcspn(at, "\n");
	*end = '\0';
	at = strrchr(at, '/');
	for (size_t i = 0; at && i < search->inventory->n_vgpus; i++) {
		if (strcmp(search->inventory->vgpus[i].name, at + 1) == 0) {
			return &search->inventory->vgpus[i];
		}
	}
	return NULL;
}

static int look_at(struct search *search, const char *fd, const char *target)
{
	struct inventory *inventory = search->inventory;
	bool device = strcmp(target, "anon_inode:[vfio-device]") == 0 ||
		strcmp(target, "[vfio-device]") == 0;
	struct inventory_vgpu *vgpu = device ? by_descriptor(search, fd) : NULL;

	for (size_t i = 0; !device && !vgpu && i < inventory->n_vgpus; i++) {
		struct inventory_vgpu *one = &inventory->vgpus[i];

		if ((one->group_node[0] && strcmp(target, one->group_node) == 0) ||
			(one->cdev_node[0] && strcmp(target, one->cdev_node) == 0)) {
			vgpu = one;
		}
	}
	search->unnamed |= device && !vgpu;
	search->group |=
		strncmp(target, "/dev/vfio/", 10) == 0 && isdigit((unsigned char)target[10]);
	return vgpu ? add_holder(search, vgpu, false) : 0;
}

/* Its files are not ours to see; but anyone may read how it was started. */
static int look_at_command_line(struct search *search)
{
	struct inventory *inventory = search->inventory;
	int rc = 0;

	if (!is_qemu(search)) {
		return 0;
	}
	for (ssize_t i = 0; rc == 0 && i < search->length;
		i += (ssize_t)strlen(search->cmdline + i) + 1) {
		for (size_t j = 0; rc == 0 && j < inventory->n_vgpus; j++) {
			if (strcasestr(search->cmdline + i, inventory->vgpus[j].name)) {
				rc = add_holder(search, &inventory->vgpus[j], true);
			}
		}
	}
	return rc;
}

/* 0, -ENOMEM; *hidden: the process's files could not be seen. */
static int look_into(struct search *search, bool *hidden)
{
	char path[PATH_MAX];
	char target[256];
	struct dirent *entry;
	DIR *dir;
	int rc = 0;

	search->length = -1;
	search->unnamed = false;
	search->group = false;
	text_print(path, sizeof(path), "%s/proc/%d/fd", search->root, search->pid);
	dir = opendir(path);
	if (!dir) {
		if (errno == EACCES || errno == EPERM) {
			*hidden = true;
			return look_at_command_line(search);
		}
		return 0;
	}
	while (rc == 0 && (entry = readdir(dir))) {
		ssize_t length = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

		if (length > 0) {
			target[length] = '\0';
			rc = look_at(search, entry->d_name, target);
		}
	}
	closedir(dir);
	if (search->unnamed && !search->group) {
		search->inventory->stranger = search->pid;
	}
	return rc;
}

int holders_read(const char *root, struct inventory *inventory)
{
	struct search search = {.root = root, .inventory = inventory};
	char path[PATH_MAX];
	struct dirent *entry;
	bool hidden = false;
	DIR *dir;
	int rc = 0;

	search.cmdline = malloc(MAX_CMDLINE);
	if (!search.cmdline) {
		return -ENOMEM;
	}
	text_print(path, sizeof(path), "%s/proc", root);
	dir = opendir(path);
	hidden = !dir;
	while (dir && rc == 0 && (entry = readdir(dir))) {
		unsigned long long pid;

		if (text_number(entry->d_name, &pid) && pid <= INT_MAX) {
			search.pid = (pid_t)pid;
			rc = look_into(&search, &hidden);
		}
	}
	if (dir) {
		closedir(dir);
	}
	free(search.cmdline);
	for (size_t i = 0; i < inventory->n_vgpus; i++) {
		inventory->vgpus[i].holders_known = !hidden;
	}
	return rc;
}
