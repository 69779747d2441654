/* SPDX-License-Identifier: MIT */
/* How much memory QEMU may lock, since the guest's DMA pins it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/capability.h>

#include "bridge/doctor_vm.h"

/* Bytes of the soft limit in a limits file; UINT64_MAX: unlimited. */
static bool read_limit(const struct doctor_host *host, const char *process, uint64_t *limit)
{
	static const char key[] = "Max locked memory";
	g_autofree char *text = doctor_read(host, "/proc/%s/limits", process);
	const char *at = text ? strstr(text, key) : NULL;

	if (!at) {
		return false;
	}
	at += strlen(key);
	at += strspn(at, " ");
	*limit = g_str_has_prefix(at, "unlimited") ? UINT64_MAX : g_ascii_strtoull(at, NULL, 10);
	return true;
}

static uint64_t read_locked(const struct doctor_host *host, pid_t pid)
{
	g_autofree char *text = doctor_read(host, "/proc/%d/status", pid);
	const char *at = text ? strstr(text, "VmLck:") : NULL;

	return at ? g_ascii_strtoull(at + strlen("VmLck:"), NULL, 10) << 10 : 0;
}

/* The files that raise the limit for logins, for the text of a fix. */
static bool is_raised(const struct doctor_host *host)
{
	g_autofree char *main = doctor_read(host, "/etc/security/limits.conf");
	g_autofree char *path = g_strconcat(host->root, "/etc/security/limits.d", NULL);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;
	bool raised = false;

	for (const char *text = main; !raised;) {
		g_autofree char *more = NULL;
		g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);

		for (char **line = lines; *line; line++) {
			const char *at = *line + strspn(*line, " \t");

			raised |= at[0] != '#' && strstr(at, "memlock") != NULL;
		}
		name = dir ? g_dir_read_name(dir) : NULL;
		if (!name) {
			break;
		}
		more = doctor_read(host, "/etc/security/limits.d/%s", name);
		g_free(main);
		main = g_steal_pointer(&more);
		text = main;
	}
	return raised;
}

static void add_fix(struct doctor_report *report, const struct doctor_host *host, uint64_t memory)
{
	const uint64_t kib = (memory >> 10) + (1 << 20);

	if (host->machine && host->machine->libvirt) {
		doctor_fix(report,
			"use <hostdev type='mdev'>, for which libvirt raises the limit by itself; for "
			"a device in <qemu:commandline> add\n"
			"<memtune><hard_limit unit='KiB'>%" PRIu64 "</hard_limit></memtune>\n"
			"or <memoryBacking><locked/></memoryBacking>, and start the machine anew",
			kib);
		return;
	}
	doctor_fix(report,
		"put a line\n@kvm - memlock unlimited\ninto /etc/security/limits.d/vfio.conf and log "
		"in anew, or LimitMEMLOCK=infinity into the unit that starts QEMU, or run "
		"prlimit --pid $$ --memlock=unlimited as root in the shell before it%s",
		is_raised(host) ? " (a memlock line is there: it is for other users, too small, or "
				  "this login is older)"
				: "");
}

static void check_running(struct doctor_report *report, const struct doctor_host *host)
{
	const struct doctor_vm *machine = host->machine;
	g_autofree char *path = g_strdup_printf("/proc/%d/limits", machine->pid);
	uint64_t limit, locked = read_locked(host, machine->pid);
	char number[16], value[128];
	bool samples = true;

	snprintf(number, sizeof(number), "%d", machine->pid);
	for (guint i = 0; i < machine->gpus->len; i++) {
		samples &= g_array_index(machine->gpus, struct vm_gpu, i).kind == VM_GPU_SAMPLE;
	}
	if (!read_limit(host, number, &limit)) {
		doctor_add(report, VERDICT_SKIPPED, path, NULL, "this user may not read it");
		return;
	}
	if (limit == UINT64_MAX) {
		snprintf(value, sizeof(value), "unlimited");
	} else {
		snprintf(value, sizeof(value),
			"%" PRIu64 " KiB, VmLck %" PRIu64 " KiB, guest %" PRIu64 " KiB",
			limit >> 10, locked >> 10, machine->memory >> 10);
	}
	if (limit == UINT64_MAX || limit >= machine->memory) {
		doctor_add(
			report, VERDICT_OK, path, value, "QEMU may lock all of the guest's memory");
	} else if (machine->capabilities >> CAP_IPC_LOCK & 1) {
		doctor_add(report, VERDICT_OK, path, value,
			"the limit is smaller than the guest's memory, but QEMU has CAP_IPC_LOCK and "
			"is not held to it");
	} else if (machine->gpus->len == 0 || samples) {
		doctor_add(report, VERDICT_OK, path, value,
			"the limit is smaller than the guest's memory, but its devices pin none");
	} else {
		doctor_add(report, VERDICT_FAIL, path, value,
			"QEMU may not lock all of the guest's memory, of which the vGPU pins what its "
			"guest's driver uses, page by page (\"RLIMIT_MEMLOCK exceeded\", "
			"\"vfio_pin_pages failed ... ret -12\"); the guest's picture blinks, or freezes");
		add_fix(report, host, machine->memory);
	}
}

static void check_domain(struct doctor_report *report, const struct doctor_host *host)
{
	const struct doctor_vm *machine = host->machine;
	char value[128];

	snprintf(value, sizeof(value), "guest %" PRIu64 " KiB, hard_limit %" PRIu64 " KiB%s",
		machine->memory >> 10, machine->hard_limit >> 10,
		machine->locked ? ", locked" : "");
	if (machine->hard_limit > 0 && machine->hard_limit < machine->memory) {
		doctor_add(report, VERDICT_FAIL, machine->path, value,
			"<memtune><hard_limit> is smaller than the guest's memory, and is what QEMU "
			"may lock");
		doctor_fix(report, "raise it to %" PRIu64 " KiB, or remove it",
			(machine->memory >> 10) + (1 << 20));
	} else if (machine->mdevs > 0 || machine->locked || machine->hard_limit > 0) {
		doctor_add(report, VERDICT_OK, machine->path, value,
			"libvirt will let QEMU lock the guest's memory");
	} else if (machine->gpus->len > 0) {
		doctor_add(report, VERDICT_WARNING, machine->path, value,
			"libvirt does not know of the vGPU in <qemu:commandline>, and will not raise "
			"the limit of locked memory");
		add_fix(report, host, machine->memory);
	}
}

void check_memlock(struct doctor_report *report, const struct doctor_host *host)
{
	struct doctor_user user;
	uint64_t limit;
	char value[64];

	if (host->machine) {
		if (host->machine->pid > 0) {
			check_running(report, host);
		} else {
			check_domain(report, host);
		}
		return;
	}
	if (!read_limit(host, "self", &limit)) {
		return;
	}
	if (limit == UINT64_MAX) {
		doctor_add(report, VERDICT_OK, "/proc/self/limits", "unlimited",
			"a QEMU that this user starts may lock memory");
		return;
	}
	snprintf(value, sizeof(value), "%" PRIu64 " KiB", limit >> 10);
	if (doctor_user_read(host, "self", &user) && doctor_user_has(&user, CAP_IPC_LOCK)) {
		doctor_add(report, VERDICT_OK, "/proc/self/limits", value,
			"a QEMU that this user starts has CAP_IPC_LOCK and is not held to the limit");
		return;
	}
	doctor_add(report, VERDICT_INFO, "/proc/self/limits", value,
		"a QEMU started by hand by this user may lock no more than that, and a vGPU wants "
		"as much as the guest has; libvirt raises it by itself for <hostdev>");
	add_fix(report, host, 0);
}
