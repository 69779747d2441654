/* SPDX-License-Identifier: MIT */
/* The list of checks from node access to the guest, and what they share. */
#include "bridge/doctor_vm.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <linux/capability.h>

bool doctor_user_has(const struct doctor_user *user, int capability)
{
	return user->capabilities >> capability & 1;
}

bool doctor_user_read(const struct doctor_host *host, const char *process, struct doctor_user *user)
{
	g_autofree char *text = doctor_read(host, "/proc/%s/status", process);
	g_auto(GStrv) lines = NULL;

	*user = (struct doctor_user){0};
	if (!text) {
		return false;
	}
	lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line; line++) {
		unsigned real, effective;
		uint64_t capabilities;

		if (sscanf(*line, "Uid: %u %u", &real, &effective) == 2) {
			user->uid = effective;
			user->known = true;
		} else if (sscanf(*line, "Gid: %u %u", &real, &effective) == 2) {
			user->groups[user->n_groups++] = effective;
		} else if (sscanf(*line, "CapEff: %" SCNx64, &capabilities) == 1) {
			user->capabilities = capabilities;
		} else if (g_str_has_prefix(*line, "Groups:")) {
			char *at = *line + strlen("Groups:");
			char *end;

			while (user->n_groups < G_N_ELEMENTS(user->groups)) {
				unsigned long group = strtoul(at, &end, 10);

				if (end == at) {
					break;
				}
				user->groups[user->n_groups++] = (gid_t)group;
				at = end;
			}
		}
	}
	return user->known;
}

bool doctor_user_may_write(const struct doctor_user *user, uid_t owner, gid_t group, mode_t mode)
{
	if (doctor_user_has(user, CAP_DAC_OVERRIDE)) {
		return true;
	}
	if (user->uid == owner) {
		return (mode & (S_IRUSR | S_IWUSR)) == (S_IRUSR | S_IWUSR);
	}
	for (size_t i = 0; i < user->n_groups; i++) {
		if (user->groups[i] == group) {
			return (mode & (S_IRGRP | S_IWGRP)) == (S_IRGRP | S_IWGRP);
		}
	}
	return (mode & (S_IROTH | S_IWOTH)) == (S_IROTH | S_IWOTH);
}

const struct vm_gpu *doctor_vm_gpu(const struct doctor_host *host, guint i)
{
	return host->machine && i < host->machine->gpus->len
		? &g_array_index(host->machine->gpus, struct vm_gpu, i)
		: NULL;
}

const char *doctor_vm_type(const struct vm_gpu *gpu)
{
	const char *type = gpu->vgpu ? gpu->vgpu->type : "";

	return g_str_has_prefix(type, "i915-GVTg_") ? type + strlen("i915-GVTg_") : type;
}

char *doctor_vm_gpu_text(const struct vm_gpu *gpu)
{
	if (gpu->vgpu && gpu->vgpu->type[0]) {
		return g_strdup_printf("the vGPU %s (%s)", gpu->name, gpu->vgpu->type);
	}
	return g_strdup_printf("the vGPU %s", gpu->name);
}

const char *doctor_vm_windows(const struct doctor_vm *machine)
{
	static const char *const words[] = {
		"windows", "win10", "win11", "win7", "win8", "win2k", "winxp", "win-", "win_"};
	g_autofree char *name = g_ascii_strdown(machine->name, -1);
	const struct qemu_option *cpu = qemu_line_last(machine->line, "cpu");
	const struct qemu_option *rtc = qemu_line_last(machine->line, "rtc");

	if (machine->os) {
		return strstr(machine->os, "microsoft.com") ? machine->os : NULL;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
		if (g_str_has_prefix(name, words[i]) || (i == 0 && strstr(name, words[i]))) {
			return "its name";
		}
	}
	/* Enlightenments of Hyper-V do nothing for others. */
	if (cpu &&
		(strstr(cpu->text, "hv-") || strstr(cpu->text, "hv_") ||
			strstr(cpu->text, "hyperv"))) {
		return "hv- flags of its -cpu";
	}
	if (machine->localtime || (rtc && strstr(rtc->text, "base=localtime"))) {
		return "its clock, which has local time";
	}
	return NULL;
}

bool doctor_vm_is_i440fx(const struct doctor_vm *machine)
{
	const struct qemu_option *option = qemu_line_last(machine->line, "machine");
	const char *type = option ? qemu_option_value(option, "type") : NULL;

	/* QEMU's own default on x86. */
	return !type || strcmp(type, "pc") == 0 || g_str_has_prefix(type, "pc-i440fx") ||
		g_str_has_prefix(type, "pc-0") || g_str_has_prefix(type, "pc-1");
}

const struct doctor_check doctor_vm_checks[] = {
	{"D20", LAYER_NODE, "who holds the vGPU", check_holder},
	{"D09", LAYER_NODE, "who may open the node", check_node_access},
	{"D10", LAYER_NODE, "libvirt's list of devices", check_cgroup},
	{"D11", LAYER_NODE, "AppArmor and SELinux", check_security_modules},
	{"B01", LAYER_NODE, "right to QEMU's descriptor", check_descriptor_rights},
	{"B02", LAYER_NODE, "systemd unit", check_units},
	{"B03", LAYER_NODE, "free memory", check_free_memory},
	{"M01", LAYER_QEMU, "virtual machine", check_machine},
	{"D07", LAYER_QEMU, "locked memory", check_memlock},
	{"D16", LAYER_QEMU, "versions and machine type", check_qemu_version},
	{"D16f", LAYER_QEMU, "flags that go together", check_flags},
	{"D17", LAYER_QEMU, "OpRegion", check_opregion},
	{"D18", LAYER_QEMU, "slot in the guest", check_slot},
	{"D19", LAYER_QEMU, "one vGPU for a machine", check_two_vgpus},
	{"D22g", LAYER_QEMU, "sleep of the guest", check_guest_sleep},
	{"D24", LAYER_QEMU, "type for Windows", check_windows_type},
	{"D25", LAYER_QEMU, "tablet", check_tablet},
	{"D26", LAYER_QEMU, "picture before the driver", check_boot_picture},
	{"D35", LAYER_QEMU, "crash with NVIDIA's region", check_region_crash},
	{"D15", LAYER_RENDER, "render node", check_render_node},
	{"D15q", LAYER_RENDER, "GL in QEMU", check_qemu_gl},
	{"D12", LAYER_GUEST, "picture of the guest", check_plane},
	{"D21", LAYER_GUEST, "speed of QEMU's SPICE", check_spice},
	{"D27", LAYER_GUEST, "largest picture", check_resolution},
	{"D28", LAYER_GUEST, "tiling", check_tiling},
	{NULL, LAYER_COUNT, NULL, NULL},
};
