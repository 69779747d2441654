/* SPDX-License-Identifier: MIT */
/* The vGPUs there are: whole, kept over a restart, orphaned, held; and what guests did to the GPU. */
#include <errno.h>
#include <string.h>

#include "bridge/doctor_host.h"

static bool proxmox(const struct doctor_host *host)
{
	return host->bootloader == BOOTLOADER_PROXMOX || doctor_exists(host, "/etc/pve");
}

/* In life the inventory's paths are ours; of a tree the user knows those below it. */
static const char *below_root(const struct doctor_host *host, const char *path)
{
	size_t length = strlen(host->root);
	const char *sys = strstr(path, "/sys/");

	if (strncmp(path, host->root, length) == 0 && path[length] == '/') {
		return path + length;
	}
	return sys ? sys : path;
}

static void look_at_vgpu(struct doctor_report *report, const struct doctor_host *host,
	const struct inventory_vgpu *vgpu)
{
	g_autofree char *group = g_strdup_printf("%s/iommu_group", below_root(host, vgpu->path));
	g_autofree char *kept = NULL;

	if (vgpu->group < 0 && !vgpu->cdev_node[0]) {
		doctor_add(report, VERDICT_FAIL, group, "not there",
			"the vGPU %s has no VFIO driver, so QEMU can't open it ('failed to access ... "
			"iommu_group')",
			vgpu->name);
		doctor_fix(report, "%s",
			doctor_kernel_is(host, 5, 19)
				? "Remove it and make it anew: vgpu-bridge remove, vgpu-bridge create."
				: "Kernels before 5.19 need a module for it: run 'modprobe vfio_mdev' as "
				  "root.");
		return;
	}
	if (!vgpu->uuid[0]) {
		doctor_add(report, VERDICT_OK, group, vgpu->group_node, "vGPU %s of type %s",
			vgpu->name, vgpu->type);
		return;
	}
	kept = g_strdup_printf("/etc/mdevctl.d/%s/%s", vgpu->parent, vgpu->uuid);
	if (vgpu->mdevctl_auto) {
		doctor_add(report, VERDICT_OK, kept, "start: auto",
			"vGPU %s of type %s; mdevctl makes it when the host starts", vgpu->name,
			vgpu->type);
	} else if (vgpu->mdevctl_defined) {
		doctor_add(report, VERDICT_OK, kept, "start: manual",
			"vGPU %s of type %s; libvirt or 'mdevctl start' makes it when it is wanted",
			vgpu->name, vgpu->type);
	} else if (!vgpu->mdevctl_known) {
		doctor_add(report, VERDICT_SKIPPED, "/etc/mdevctl.d", "can't be read",
			"whether %s comes back after a restart is not known; run as root",
			vgpu->name);
	} else if (proxmox(host)) {
		doctor_add(report, VERDICT_OK, kept, "not there",
			"vGPU %s of type %s; Proxmox VE makes it with its machine", vgpu->name,
			vgpu->type);
	} else {
		doctor_add(report, VERDICT_WARNING, kept, "not there",
			"vGPU %s of type %s is gone after a restart of the host", vgpu->name,
			vgpu->type);
		doctor_fix(report, "Run 'mdevctl define --auto --uuid %s' as root.", vgpu->uuid);
	}
}

/* Definitions of mdevctl without a device. */
static void look_at_definitions(struct doctor_report *report, const struct doctor_host *host)
{
	g_auto(GStrv) parents = doctor_entries(host, "/etc/mdevctl.d");

	for (size_t i = 0; parents[i]; i++) {
		g_auto(GStrv) uuids = doctor_entries(host, "/etc/mdevctl.d/%s", parents[i]);

		for (size_t j = 0; uuids[j]; j++) {
			g_autofree char *path =
				g_strdup_printf("/etc/mdevctl.d/%s/%s", parents[i], uuids[j]);
			g_autofree char *text = doctor_read(host, "%s", path);

			if (strlen(uuids[j]) != 36 || inventory_vgpu(&host->inventory, uuids[j]) ||
				!text || !strstr(text, "\"auto\"")) {
				continue;
			}
			doctor_add(report, VERDICT_WARNING, path, "start: auto",
				"the vGPU %s should exist since the host started, and does not",
				uuids[j]);
			doctor_fix(report,
				"Run 'mdevctl start --uuid %s' as root; it says what is wrong.",
				uuids[j]);
		}
	}
}

void check_vgpus(struct doctor_report *report, const struct doctor_host *host)
{
	for (size_t i = 0; i < host->inventory.n_vgpus; i++) {
		look_at_vgpu(report, host, &host->inventory.vgpus[i]);
	}
	look_at_definitions(report, host);
	if (host->inventory.n_vgpus == 0) {
		doctor_add(report, VERDICT_INFO, "/sys/bus/mdev/devices", "empty",
			"no vGPU exists yet%s",
			proxmox(host) ? "; Proxmox VE makes them with their machines" : "");
		doctor_fix(report,
			"The next step: vgpu-bridge list shows the types, vgpu-bridge create makes one.");
	}
}

static bool is_full(const struct doctor_host *host, const struct inventory_vgpu *vgpu)
{
	const struct inventory_parent *parent = inventory_parent(&host->inventory, vgpu->parent);
	const struct inventory_type *type = parent ? inventory_type(parent, vgpu->type) : NULL;

	return type && type->available == 0;
}

void check_orphans(struct doctor_report *report, const struct doctor_host *host)
{
	unsigned found = 0;

	for (size_t i = 0; i < host->inventory.n_vgpus; i++) {
		const struct inventory_vgpu *vgpu = &host->inventory.vgpus[i];
		const char *path = below_root(host, vgpu->path);

		if (vgpu->n_holders > 0 || vgpu->mdevctl_defined || vgpu->libvirt > 0 ||
			!vgpu->uuid[0]) {
			continue;
		}
		found++;
		if (!vgpu->holders_known || !vgpu->mdevctl_known || vgpu->libvirt < 0) {
			doctor_add(report, VERDICT_SKIPPED, path, NULL,
				"whether %s is used can't be seen; run as root", vgpu->name);
		} else {
			doctor_add(report, is_full(host, vgpu) ? VERDICT_WARNING : VERDICT_INFO,
				path, vgpu->type,
				"nobody has the vGPU %s open, and neither mdevctl nor libvirt knows it%s",
				vgpu->name,
				is_full(host, vgpu) ? "; it takes the place of another one" : "");
			doctor_fix(report,
				"If it is left over, 'vgpu-bridge prune' removes it (it asks "
				"first).");
		}
	}
	if (found == 0) {
		doctor_add(report, VERDICT_OK, "/sys/bus/mdev/devices", NULL,
			"no vGPU is left without an owner");
	}
}

void check_held(struct doctor_report *report, const struct doctor_host *host)
{
	unsigned held = 0;

	for (size_t i = 0; i < host->inventory.n_vgpus; i++) {
		const struct inventory_vgpu *vgpu = &host->inventory.vgpus[i];
		const char *node = vgpu->group_node[0] ? vgpu->group_node : vgpu->cdev_node;

		for (size_t j = 0; j < vgpu->n_holders; j++) {
			const struct inventory_holder *holder = &vgpu->holders[j];

			held++;
			doctor_add(report, VERDICT_INFO, node, holder->vm[0] ? holder->vm : NULL,
				"%s is in use by process %d (%s); removing it would wait until that ends, "
				"with 'Device or resource busy' or without a word",
				vgpu->name, (int)holder->pid, holder->command);
		}
	}
	if (held == 0) {
		doctor_add(report, VERDICT_OK, "/dev/vfio", NULL, "no vGPU is seen in use");
	}
}

void check_nvidia_console(struct doctor_report *report, const struct doctor_host *host)
{
	unsigned seen = 0;
	unsigned bad = 0;

	if (host->subject != SUBJECT_NVIDIA) {
		doctor_add(report, VERDICT_SKIPPED, NULL, NULL,
			"it is of NVIDIA's vGPUs, and this host's are others");
		return;
	}
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < host->inventory.n_vgpus; i++) {
			const struct inventory_vgpu *vgpu = &host->inventory.vgpus[i];
			const char *path = below_root(host, vgpu->path);
			g_autofree char *file = g_strdup_printf("%s/nvidia/vgpu_params", path);
			g_autofree char *text = doctor_read(host, "%s", file);

			if (pass == 0) {
				seen++;
				bad += text && strstr(text, "disable_vnc=1");
			} else if (text && strstr(text, "disable_vnc=1")) {
				doctor_add(report, bad == seen ? VERDICT_FAIL : VERDICT_WARNING,
					file, text,
					"disable_vnc=1 takes the console from the vGPU %s: there is no "
					"picture to show",
					vgpu->name);
				doctor_fix(report,
					"While no guest uses it, write the other parameters "
					"back without disable_vnc to %s.",
					file);
			}
		}
	}
	if (bad == 0) {
		doctor_add(report, VERDICT_OK, "/sys/bus/mdev/devices", NULL,
			"no vGPU has its console switched off (disable_vnc)");
	}
}

static bool no_log(struct doctor_report *report, const struct doctor_host *host)
{
	if (host->kernel_log) {
		return false;
	}
	doctor_add(report, VERDICT_SKIPPED, "/dev/kmsg", g_strerror(host->kernel_log_error),
		"the kernel's log may not be read; run as root");
	return true;
}

void check_known_bugs(struct doctor_report *report, const struct doctor_host *host)
{
	static const char *const marks[] = {
		"enter failsafe mode", "guest page write error", "failed: Bad address"};
	bool found = false;

	if (doctor_not_gvt(report, host) || no_log(report, host)) {
		return;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(marks); i++) {
		unsigned count = 0;
		g_autofree char *line = doctor_log_line(host, marks[i], &count);

		if (line) {
			found = true;
			doctor_add(report, VERDICT_WARNING, "/dev/kmsg", line,
				"a known bug of GVT-g that nobody will mend (%u times): the guest's display "
				"stops, and the host can hang",
				count);
			doctor_fix(report,
				"Restart the guest. What helped others: rombar=0 for the device, another "
				"kernel, another version of the guest's driver. Take snapshots often.");
		}
	}
	if (!found) {
		doctor_add(report, VERDICT_OK, "/dev/kmsg", NULL, "no signs of GVT-g's known bugs");
	}
}

void check_hangs(struct doctor_report *report, const struct doctor_host *host)
{
	g_auto(GStrv) cards = doctor_entries(host, "/sys/class/drm");
	g_autofree char *line = doctor_log_line(host, "GPU HANG", NULL);
	unsigned read = 0;
	bool found = false;

	for (size_t i = 0; cards[i]; i++) {
		g_autofree char *path = g_strdup_printf("/sys/class/drm/%s/error", cards[i]);
		g_autofree char *text = NULL;

		if (!g_str_has_prefix(cards[i], "card") || strchr(cards[i], '-')) {
			continue;
		}
		text = doctor_read(host, "%s", path);
		read += text != NULL;
		if (text && *text && !strstr(text, "No error state")) {
			g_autofree char *first = g_strndup(text, strcspn(text, "\n"));

			found = true;
			doctor_add(report, VERDICT_WARNING, path, first,
				"the GPU of %s hung and was reset", cards[i]);
		}
	}
	if (line && !found) {
		found = true;
		doctor_add(report, VERDICT_WARNING, "/dev/kmsg", line, "the GPU hung");
	}
	if (found) {
		doctor_fix(report,
			"If the line names qemu, a guest's work did it: update the guest's "
			"driver. It stays in the file until the host restarts or '1' is written "
			"to it.");
	} else if (read == 0 && !host->kernel_log) {
		no_log(report, host);
	} else {
		doctor_add(report, VERDICT_OK, read ? "/sys/class/drm/card*/error" : "/dev/kmsg",
			NULL, "no GPU has hung");
	}
}
