/* SPDX-License-Identifier: MIT */
/* Which QEMU and which libvirt it is. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/doctor_vm.h"
#include "bridge/program_version.h"

#define MAX_STATUS (64 << 20) /* bytes of dpkg's database; large ones have 10 MiB */

static bool is_known(const struct doctor_version *version)
{
	return version->major > 0 || version->minor > 0;
}

bool doctor_version_is(const struct doctor_version *version, unsigned major, unsigned minor)
{
	return is_known(version) &&
		(version->major > major || (version->major == major && version->minor >= minor));
}

bool doctor_version_before(const struct doctor_version *version, unsigned major, unsigned minor)
{
	return is_known(version) && !doctor_version_is(version, major, minor);
}

void doctor_version_text(const struct doctor_version *version, char *text, size_t size)
{
	if (is_known(version)) {
		snprintf(text, size, "%u.%u", version->major, version->minor);
	} else {
		snprintf(text, size, "of an unknown version");
	}
}

/* "7.2.9...", "1:7.2+dfsg-7": an epoch is skipped. */
static bool parse_version(struct doctor_version *version, const char *text, const char *from)
{
	const char *colon = strchr(text, ':');
	struct doctor_version read = {0};

	if (colon && colon - text <= 2) {
		text = colon + 1;
	}
	if (sscanf(text, "%u.%u", &read.major, &read.minor) < 2 || read.major > 99 ||
		read.minor > 99) {
		return false;
	}
	g_strlcpy(read.from, from, sizeof(read.from));
	*version = read;
	return true;
}

/* "starting up libvirt version: 9.0.0, package: ..., qemu version: 7.2.9Debian ..., kernel: ..." */
static void from_log(const char *log, struct doctor_version *qemu, struct doctor_version *libvirt)
{
	const char *line = log ? strstr(log, "starting up libvirt version:") : NULL;
	g_autofree char *first = line ? g_strndup(line, strcspn(line, "\n")) : NULL;
	const char *at;

	if (!first) {
		return;
	}
	parse_version(libvirt, first + strlen("starting up libvirt version: "), "libvirt's log");
	at = strstr(first, "qemu version: ");
	if (at) {
		parse_version(qemu, at + strlen("qemu version: "), "libvirt's log");
	}
}

/* A text that is longer than doctor_read() gives: some MiB. NULL: it is not there. */
static char *read_long(const struct doctor_host *host, const char *path)
{
	int fd = doctor_open(host, O_RDONLY, path);
	GMappedFile *file = NULL;
	char *text = NULL;
	struct stat info;

	if (fd < 0) {
		return NULL;
	}
	if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size <= MAX_STATUS) {
		file = g_mapped_file_new_from_fd(fd, FALSE, NULL);
	}
	if (file) {
		text = g_strndup(g_mapped_file_get_contents(file), g_mapped_file_get_length(file));
		g_mapped_file_unref(file);
	}
	close(fd);
	return text;
}

/* The Debian package's, of dpkg's database. */
static bool from_dpkg(
	const struct doctor_host *host, const char *package, struct doctor_version *version)
{
	g_autofree char *text = read_long(host, "/var/lib/dpkg/status");
	g_autofree char *head = g_strdup_printf("Package: %s\n", package);
	const char *at;
	const char *found;
	const char *end;

	if (!text) {
		return false;
	}
	at = g_str_has_prefix(text, head) ? text : NULL;
	if (!at) {
		g_autofree char *later = g_strconcat("\n", head, NULL);

		at = strstr(text, later);
		at = at ? at + 1 : NULL;
	}
	if (!at) {
		return false;
	}
	end = strstr(at, "\n\n");
	found = strstr(at, "\nVersion: ");
	if (!found || (end && found > end)) {
		return false;
	}
	return parse_version(version, found + strlen("\nVersion: "), "/var/lib/dpkg/status");
}

/* Arch has a directory NAME-VERSION-RELEASE for each package. */
static bool from_pacman(
	const struct doctor_host *host, const char *package, struct doctor_version *version)
{
	g_autofree char *path =
		g_strconcat(host->root ? host->root : "", "/var/lib/pacman/local", NULL);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	size_t length = strlen(package);
	const char *name;
	bool found = false;

	while (!found && dir && (name = g_dir_read_name(dir))) {
		if (strncmp(name, package, length) == 0 && name[length] == '-' &&
			g_ascii_isdigit(name[length + 1])) {
			found = parse_version(version, name + length + 1, "/var/lib/pacman/local");
		}
	}
	return found;
}

/* libvirt keeps what it asked each QEMU: <version>7002009</version>. */
static bool from_capabilities(
	const struct doctor_host *host, const char *program, struct doctor_version *version)
{
	static const char directory[] = "/var/cache/libvirt/qemu/capabilities";
	g_autofree char *path = g_strconcat(host->root ? host->root : "", directory, NULL);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *text = doctor_read(host, "%s/%s", directory, name);
		g_autofree char *emulator = g_strdup_printf("<emulator>%s</emulator>", program);
		const char *at = text ? strstr(text, "<version>") : NULL;
		unsigned long number = at ? strtoul(at + strlen("<version>"), NULL, 10) : 0;

		if (number > 0 && strstr(text, emulator)) {
			*version = (struct doctor_version){
				.major = (unsigned)(number / 1000000),
				.minor = (unsigned)(number / 1000 % 1000),
			};
			snprintf(version->from, sizeof(version->from), "%s/%s", directory, name);
			return true;
		}
	}
	return false;
}

/* "/nix/store/HASH-qemu-9.2.2/bin/qemu-system-x86_64" */
static bool from_path(const char *program, struct doctor_version *version)
{
	const char *at = strstr(program, "-qemu-");

	for (; at; at = strstr(at + 1, "-qemu-")) {
		for (const char *c = at + strlen("-qemu-"); *c && *c != '/'; c++) {
			if (g_ascii_isdigit(*c) && c[-1] == '-') {
				return parse_version(version, c, program);
			}
		}
	}
	return false;
}

/* A process calls itself as it likes, and --version makes not every program harmless. */
static bool is_called_qemu(const char *program)
{
	g_autofree char *base = g_path_get_basename(program);

	return strstr(base, "qemu-system-") || !strcmp(base, "qemu-kvm") || !strcmp(base, "kvm");
}

/* Only what nobody but root could have put there is started. */
static bool from_program(const char *program, struct doctor_version *version)
{
	const char *const programs[] = {program, NULL};
	struct program_version answer;
	struct stat status;

	if (program[0] != '/' || !is_called_qemu(program) || stat(program, &status) < 0 ||
		!S_ISREG(status.st_mode) || status.st_uid != 0 ||
		(status.st_mode & (S_IWGRP | S_IWOTH)) || (status.st_mode & (S_ISUID | S_ISGID)) ||
		program_version_ask(programs, &answer) < 0) {
		return false;
	}
	*version = (struct doctor_version){.major = answer.major, .minor = answer.minor};
	snprintf(version->from, sizeof(version->from), "%s --version", program);
	return true;
}

/* libvirt writes out the newest machine type that QEMU knows: QEMU is that old, or newer. */
static void from_machine(const struct qemu_option *machine, struct doctor_version *version)
{
	const char *type = machine ? qemu_option_value(machine, "type") : NULL;

	if (type && g_str_has_prefix(type, "pc-q35-")) {
		parse_version(version, type + strlen("pc-q35-"), "the machine type, at least");
	} else if (type && g_str_has_prefix(type, "pc-i440fx-")) {
		parse_version(version, type + strlen("pc-i440fx-"), "the machine type, at least");
	}
}

void doctor_vm_versions(const struct doctor_host *host, const char *program, const char *log,
	const struct qemu_option *machine, struct doctor_version *qemu,
	struct doctor_version *libvirt)
{
	static const char *const programs[] = {"/usr/bin/qemu-system-x86_64",
		"/usr/libexec/qemu-kvm", "/usr/bin/kvm",
		"/run/libvirt/nix-emulators/qemu-system-x86_64"};
	const bool in_life = !host->root || !host->root[0];

	*qemu = (struct doctor_version){0};
	*libvirt = (struct doctor_version){0};
	for (size_t i = 0; !program && i < G_N_ELEMENTS(programs); i++) {
		if (doctor_exists(host, "%s", programs[i])) {
			program = programs[i];
		}
	}
	from_log(log, qemu, libvirt);
	if (!is_known(libvirt) && !from_dpkg(host, "libvirt-daemon", libvirt)) {
		(void)from_pacman(host, "libvirt", libvirt);
	}
	if (is_known(qemu)) {
		return;
	}
	if (program &&
		((in_life && from_program(program, qemu)) || from_path(program, qemu) ||
			from_capabilities(host, program, qemu))) {
		return;
	}
	/* A package tells of its own binary only. */
	if (program && g_str_has_prefix(program, "/usr/bin/") &&
		(from_dpkg(host, "qemu-system-x86", qemu) ||
			from_dpkg(host, "pve-qemu-kvm", qemu) ||
			from_pacman(host, "qemu-system-x86", qemu))) {
		return;
	}
	from_machine(machine, qemu);
}
