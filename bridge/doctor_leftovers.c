/* SPDX-License-Identifier: MIT */
/* What old guides left behind on the host: modules, rules and settings that do nothing any more. */
#include <errno.h>
#include <string.h>

#include "bridge/doctor_host.h"
#include "bridge/doctor_impl.h"

/* Names that guides put where modules are listed, and since when there is no such module. */
static const struct {
	const char *name;
	unsigned major, minor; /* gone since; 0: it never was in Linux */
	const char *instead;
} dead_modules[] = {
	{"vfio_mdev", 5, 19, "its work is in mdev itself"},
	{"vfio_virqfd", 6, 2, "its work is in vfio itself"},
	{"xengt", 0, 0, "XenGT is dead; kvmgt is what works"},
	{"vgt", 0, 0, "its driver of 2014 is dead; kvmgt is what works"},
};

static const char *const dead_files[] = {
	"/usr/bin/vgt_mgr",
	"/usr/sbin/vgt_mgr",
	"/sys/kernel/vgt",
	"/etc/apt/sources.list.d/intellinuxgraphics.list",
	"/etc/apt/sources.list.d/intel-graphics.list",
	"/usr/bin/intel-graphics-update-tool",
	"/usr/src/igvtg-kernel",
	"/usr/src/igvtg-qemu",
	"/usr/src/igvtg-xen",
};

/* Lists of modules, one a line, and settings that name several: MODULES=(a b), add_drivers+=" a ". */
static void look_at_list(
	struct doctor_report *report, const struct doctor_host *host, const char *path)
{
	g_autofree char *text = doctor_read(host, "%s", path);
	g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);

	for (size_t i = 0; i < G_N_ELEMENTS(dead_modules); i++) {
		bool named = false;

		for (size_t j = 0; lines[j] && !named; j++) {
			g_autofree char *line = g_strndup(lines[j], strcspn(lines[j], "#"));
			g_auto(GStrv) words = NULL;

			g_strdelimit(line, "-", '_');
			words = g_strsplit_set(line, " \t\r\"'()=+", -1);
			named = g_strv_contains((const char *const *)words, dead_modules[i].name);
		}
		if (named && doctor_kernel_is(host, dead_modules[i].major, dead_modules[i].minor)) {
			doctor_add(report, VERDICT_INFO, path, dead_modules[i].name,
				"harmless: there is no module %s any more ('module not found'); %s",
				dead_modules[i].name, dead_modules[i].instead);
			doctor_fix(report, "Take it out of %s.", path);
		}
	}
}

static void look_at_directory(
	struct doctor_report *report, const struct doctor_host *host, const char *directory)
{
	g_auto(GStrv) names = doctor_entries(host, "%s", directory);

	for (size_t i = 0; names[i]; i++) {
		if (g_str_has_suffix(names[i], ".conf")) {
			g_autofree char *path = g_strdup_printf("%s/%s", directory, names[i]);

			look_at_list(report, host, path);
		}
	}
}

static void look_at_rules(
	struct doctor_report *report, const struct doctor_host *host, const char *directory)
{
	g_auto(GStrv) names = doctor_entries(host, "%s", directory);

	for (size_t i = 0; names[i]; i++) {
		if (g_str_has_suffix(names[i], "vgt.rules")) {
			g_autofree char *path = g_strdup_printf("%s/%s", directory, names[i]);

			doctor_add(report, VERDICT_INFO, path, NULL,
				"harmless: a rule of the setup guide of 2016 for vgt_mgr, which is dead");
			doctor_fix(report,
				"Delete it. What brings vGPUs back today is mdevctl: "
				"vgpu-bridge create --persist.");
		}
	}
}

/* 1: somebody asked for it outside a comment. */
static bool sets(const char *text, const char *key, const char *value)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (size_t i = 0; lines[i]; i++) {
		char *line = g_strstrip(lines[i]);

		if (g_str_has_prefix(line, key) && strstr(line, value)) {
			return true;
		}
	}
	return false;
}

static void look_at_libvirt(struct doctor_report *report, const struct doctor_host *host)
{
	static const char path[] = "/etc/libvirt/qemu.conf";
	int error = 0;
	g_autofree char *text = doctor_read_bytes(host, NULL, &error, "%s", path);

	if (!text && (error == EACCES || error == EPERM)) {
		doctor_add(report, VERDICT_SKIPPED, path, g_strerror(error),
			"what guides changed in it is not known; run as root");
	}
	if (!text) {
		return;
	}
	if (sets(text, "security_driver", "\"none\"")) {
		doctor_add(report, VERDICT_WARNING, path, "security_driver = \"none\"",
			"an old guide's advice: it takes all confinement from all virtual machines, and "
			"vGPUs don't need it");
		doctor_fix(report,
			"Take the line out and restart libvirtd. Where AppArmor refuses, add "
			"'/dev/vfio/* rw,' to /etc/apparmor.d/local/abstractions/libvirt-qemu instead.");
	}
	if (doctor_exists(host, "/etc/libvirtd/qemu.conf")) {
		doctor_add(report, VERDICT_INFO, "/etc/libvirtd/qemu.conf", NULL,
			"nothing reads this file, its name is a slip of an old guide");
		doctor_fix(report, "The file is %s.", path);
	}
}

void check_leftovers(struct doctor_report *report, const struct doctor_host *host)
{
	look_at_list(report, host, "/etc/modules");
	look_at_directory(report, host, "/etc/modules-load.d");
	look_at_list(report, host, "/etc/initramfs-tools/modules");
	look_at_list(report, host, "/etc/mkinitcpio.conf");
	look_at_list(report, host, "/etc/dracut.conf");
	look_at_directory(report, host, "/etc/dracut.conf.d");
	look_at_rules(report, host, "/etc/udev/rules.d");
	look_at_rules(report, host, "/lib/udev/rules.d");
	for (size_t i = 0; i < G_N_ELEMENTS(dead_files); i++) {
		if (doctor_exists(host, "%s", dead_files[i])) {
			doctor_add(report, VERDICT_INFO, dead_files[i], NULL,
				"left by a guide of before 2018; nothing on the host needs it");
			doctor_fix(report,
				"Remove it: GVT-g is in the distribution's kernel and QEMU.");
		}
	}
	look_at_libvirt(report, host);
	if (doctor_silent(report)) {
		doctor_add(report, VERDICT_OK, "/etc/modules-load.d", NULL,
			"no leftovers of old guides were found");
	}
}
