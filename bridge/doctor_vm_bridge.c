/* SPDX-License-Identifier: MIT */
/* What the bridge itself needs: the right to take QEMU's descriptor, units, memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/capability.h>

#include "bridge/doctor_vm.h"

#define YAMA "/proc/sys/kernel/yama/ptrace_scope"
#define NEEDED_MIB 256 /* of a bridge with a viewer at 1920x1200, with room */

/* Where the unit would lie, NULL: nowhere. */
static const char *unit_path(const struct doctor_host *host)
{
	static const char *const paths[] = {
		"/etc/systemd/system/vgpu-bridge@.service",
		"/usr/local/lib/systemd/system/vgpu-bridge@.service",
		"/usr/lib/systemd/system/vgpu-bridge@.service",
		"/lib/systemd/system/vgpu-bridge@.service",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
		if (doctor_exists(host, "%s", paths[i])) {
			return paths[i];
		}
	}
	return NULL;
}

void check_descriptor_rights(struct doctor_report *report, const struct doctor_host *host)
{
	g_autofree char *yama = doctor_read(host, YAMA);
	const int scope = yama ? atoi(yama) : 0;
	const char *unit = unit_path(host);
	struct doctor_user user;
	char capabilities[64];

	if (!doctor_kernel_is(host, 5, 6)) {
		doctor_add(report, VERDICT_FAIL, "/proc/sys/kernel/osrelease", host->release,
			"this kernel has no pidfd_getfd(), by which the bridge takes a duplicate of "
			"QEMU's descriptor");
		doctor_fix(report,
			"boot Linux 5.6 or later, or have the device handed over by "
			"--fd-socket");
		return;
	}
	if (scope >= 3) {
		doctor_add(report, VERDICT_FAIL, YAMA, yama,
			"Yama lets nobody take a descriptor of another process, and stays so until "
			"the next boot");
		doctor_fix(report,
			"set kernel.yama.ptrace_scope to 2 or less below /etc/sysctl.d and boot, or "
			"have the device handed over by --fd-socket");
		return;
	}
	if (!doctor_user_read(host, "self", &user)) {
		doctor_add(report, VERDICT_SKIPPED, "/proc/self/status", NULL,
			"nothing tells as whom the bridge would run");
		return;
	}
	snprintf(capabilities, sizeof(capabilities), "CapEff: %016llx",
		(unsigned long long)user.capabilities);
	if (doctor_user_has(&user, CAP_SYS_PTRACE) &&
		(doctor_user_has(&user, CAP_DAC_READ_SEARCH) ||
			doctor_user_has(&user, CAP_DAC_OVERRIDE))) {
		doctor_add(report, VERDICT_OK, "/proc/self/status", capabilities,
			"this user (%u) may take a duplicate of QEMU's descriptor", user.uid);
	} else if (host->machine && host->machine->pid > 0 && host->machine->uid == user.uid &&
		scope == 0) {
		doctor_add(report, VERDICT_OK, YAMA, yama ? yama : "no Yama",
			"QEMU runs as this user (%u), who may take a duplicate of its descriptor",
			user.uid);
	} else if (unit) {
		doctor_add(report, VERDICT_OK, unit, NULL,
			"this user (%u) may not take QEMU's descriptor, but the unit's bridge may",
			user.uid);
	} else {
		doctor_add(report, VERDICT_WARNING, "/proc/self/status", capabilities,
			"this user (%u) has no CAP_SYS_PTRACE and may not take QEMU's descriptor",
			user.uid);
		doctor_fix(report,
			"run the bridge as root or from its unit (vgpu-bridge unit), give it "
			"CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH by AmbientCapabilities= of systemd, "
			"or have it start QEMU itself: vgpu-bridge run");
	}
}

void check_units(struct doctor_report *report, const struct doctor_host *host)
{
	const char *unit = unit_path(host);

	if (unit) {
		doctor_add(report, VERDICT_OK, unit, NULL,
			"the unit is there: vgpu-bridge unit %s sets it up for a machine",
			host->machine ? host->machine->name : "VM");
	} else if (doctor_exists(host, "/run/systemd/system")) {
		doctor_add(report, VERDICT_INFO, "/usr/lib/systemd/system/vgpu-bridge@.service",
			"not there",
			"no unit starts a bridge at boot; vgpu-bridge serve works without");
		doctor_fix(report, "install the package, or the program with meson install");
	} else {
		doctor_add(report, VERDICT_OK, "/run/systemd/system", "not there",
			"this host does not run systemd; start vgpu-bridge serve by other means");
	}
}

void check_free_memory(struct doctor_report *report, const struct doctor_host *host)
{
	g_autofree char *text = doctor_read(host, "/proc/meminfo");
	const char *at = text ? strstr(text, "MemAvailable:") : NULL;
	unsigned long long kib = at ? strtoull(at + strlen("MemAvailable:"), NULL, 10) : 0;
	char value[64];

	if (!at) {
		doctor_add(report, VERDICT_SKIPPED, "/proc/meminfo", NULL,
			"nothing tells how much memory is free");
		return;
	}
	snprintf(value, sizeof(value), "MemAvailable: %llu MiB", kib >> 10);
	if (kib >> 10 < NEEDED_MIB) {
		doctor_add(report, VERDICT_WARNING, "/proc/meminfo", value,
			"a bridge takes up to %u MiB while somebody looks", NEEDED_MIB);
		doctor_fix(report, "give the guests less memory, or the host more");
	} else {
		doctor_add(
			report, VERDICT_OK, "/proc/meminfo", value, "there is memory for a bridge");
	}
}
