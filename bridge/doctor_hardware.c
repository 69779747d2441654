/* SPDX-License-Identifier: MIT */
/* Hardware: which GPUs there are, and whether one of them can have vGPUs with a picture. */
#include <string.h>

#include "bridge/doctor_host.h"

#define VENDOR_INTEL 0x8086
#define VENDOR_NVIDIA 0x10de
#define VENDOR_AMD 0x1002

static const struct inventory_parent *parent_at(
	const struct doctor_host *host, const struct doctor_gpu *gpu)
{
	return inventory_parent(&host->inventory, gpu->address);
}

static void add_sriov(struct doctor_report *report, const struct doctor_gpu *gpu, const char *path)
{
	g_autofree char *file = g_strdup_printf("%s/sriov_totalvfs", path);
	g_autofree char *value = g_strdup_printf("%u", gpu->virtual_functions);

	if (gpu->virtual_functions == 0) {
		return;
	}
	doctor_add(report, VERDICT_INFO, file, value,
		"the GPU can be shared by SR-IOV, but its virtual functions have no display that "
		"anybody on the host could read");
	doctor_fix(report,
		"A guest with such a function is seen by remote desktop from inside the "
		"guest only (RDP, Sunshine).");
}

static void look_at_intel(struct doctor_report *report, const struct doctor_host *host,
	const struct doctor_gpu *gpu, const char *path, enum doctor_verdict bad)
{
	g_autofree char *file = g_strdup_printf("%s/device", path);
	g_autofree char *value = g_strdup_printf("0x%04x", gpu->device);
	const char *xe =
		strcmp(gpu->driver, "xe") == 0 ? "; its driver xe has no GVT-g either" : "";

	if (gpu->gvt) {
		doctor_add(report, VERDICT_OK, file, value, "Intel %s: GVT-g was made for it",
			gpu->generation);
	} else if (gpu->generation) {
		doctor_add(report, bad, file, value, "Intel %s: this GPU will never do GVT-g%s",
			gpu->generation, xe);
		doctor_fix(report,
			"GVT-g works from Broadwell to Comet Lake (5th to 10th generation) only; no "
			"kernel, parameter or firmware changes that. For guests on this host use "
			"virtio-gpu (with venus or native context), or remote desktop from inside the "
			"guest.");
	} else {
		doctor_add(report, bad, file, value,
			"Intel GPU that is not in GVT-g's list (Broadwell to Comet Lake): it will never "
			"do GVT-g%s",
			xe);
		doctor_fix(report,
			"For guests on this host use virtio-gpu, or remote desktop from "
			"inside the guest.");
	}
	add_sriov(report, gpu, path);
}

static void look_at_nvidia(struct doctor_report *report, const struct doctor_host *host,
	const struct doctor_gpu *gpu, const char *path, enum doctor_verdict bad)
{
	g_autofree char *types = g_strdup_printf("%s/mdev_supported_types", path);
	g_autofree char *functions = g_strdup_printf("%s/sriov_totalvfs", path);

	if (parent_at(host, gpu)) {
		doctor_add(report, VERDICT_OK, types, NULL, "NVIDIA GPU with vGPUs (mdev)");
		return;
	}
	if (gpu->virtual_functions > 0 && host->subject == SUBJECT_NVIDIA) {
		doctor_add(report, VERDICT_OK, functions, NULL,
			"NVIDIA GPU with vGPUs on its virtual functions");
		return;
	}
	doctor_add(report, bad, types, "not there", "NVIDIA GPU (0x%04x, driver %s) without vGPUs",
		gpu->device, gpu->driver[0] ? gpu->driver : "none");
	doctor_fix(report,
		"NVIDIA's vGPUs need a GPU that NVIDIA supports for them, the licensed vGPU host "
		"driver (nvidia-vgpu-vfio), and on newer GPUs virtual functions "
		"(/usr/lib/nvidia/sriov-manage -e ALL). The common driver and nouveau have none.");
}

static void look_at_gpu(struct doctor_report *report, const struct doctor_host *host,
	const struct doctor_gpu *gpu, enum doctor_verdict bad)
{
	g_autofree char *path = g_strdup_printf("/sys/bus/pci/devices/%s", gpu->address);
	g_autofree char *driver = g_strdup_printf("%s/driver", path);

	if (strcmp(gpu->driver, "vfio-pci") == 0 && !gpu->virtual_function) {
		doctor_add(report, bad, driver, gpu->driver,
			"the whole GPU (%04x:%04x%s%s) is passed through to a guest: its picture goes "
			"to its own connectors, and nobody on the host can read it",
			gpu->vendor, gpu->device, gpu->generation ? ", Intel " : "",
			gpu->generation ? gpu->generation : "");
		doctor_fix(report,
			gpu->gvt
				? "This GPU could do GVT-g instead: take it away from vfio-pci "
				  "(vfio-pci.ids= on the kernel's command line, 'options vfio-pci' "
				  "below /etc/modprobe.d), so that i915 gets it, and restart the host."
				: "Use a monitor on the GPU, remote desktop from inside the guest, or "
				  "Looking Glass.");
		return;
	}
	switch (gpu->vendor) {
	case VENDOR_INTEL:
		look_at_intel(report, host, gpu, path, bad);
		return;
	case VENDOR_NVIDIA:
		look_at_nvidia(report, host, gpu, path, bad);
		return;
	case VENDOR_AMD:
		doctor_add(report, bad, path, "vendor 0x1002",
			"AMD GPU (0x%04x): this can't work, because AMD's virtual functions (MxGPU) have "
			"no display that the host could read",
			gpu->device);
		doctor_fix(report,
			"For guests on this host use virtio-gpu, or remote desktop from "
			"inside the guest.");
		return;
	default:
		doctor_add(report, VERDICT_INFO, path, NULL,
			"display device %04x:%04x (driver %s): it has no vGPUs", gpu->vendor,
			gpu->device, gpu->driver[0] ? gpu->driver : "none");
	}
}

void check_gpu(struct doctor_report *report, const struct doctor_host *host)
{
	/* What one GPU can't matters only where no other can. */
	enum doctor_verdict bad = host->subject == SUBJECT_NONE ? VERDICT_FAIL : VERDICT_INFO;
	size_t functions = 0;
	size_t parents = 0;

	for (size_t i = 0; i < host->n_gpus; i++) {
		const struct doctor_gpu *gpu = &host->gpus[i];

		if (gpu->virtual_function) {
			*(parent_at(host, gpu) ? &parents : &functions) += 1;
			continue;
		}
		look_at_gpu(report, host, gpu, bad);
	}
	if (parents > 0) {
		doctor_add(report, VERDICT_OK, "/sys/bus/pci/devices/*/nvidia/creatable_vgpu_types",
			NULL, "%zu virtual functions that can carry a vGPU", parents);
	}
	if (functions > 0) {
		doctor_add(report, VERDICT_INFO, "/sys/bus/pci/devices", NULL,
			"%zu virtual functions of GPUs (SR-IOV) without vGPUs: no display that the host "
			"could read",
			functions);
	}
	if (host->subject == SUBJECT_OTHER) {
		doctor_add(report, VERDICT_OK, "/sys/class/mdev_bus", host->gpu->name,
			"%s, but %s offers vGPUs (driver %s)",
			host->n_gpus ? "no GPU with vGPUs" : "no GPU", host->gpu->name,
			host->gpu->driver[0] ? host->gpu->driver : "unknown");
	} else if (host->subject == SUBJECT_NONE) {
		doctor_add(report, VERDICT_FAIL, "/sys/bus/pci/devices", NULL,
			host->n_gpus ? "no GPU of this host can have vGPUs with a display"
				     : "there is no GPU, and nothing else that offers vGPUs");
		doctor_fix(report,
			"What works: Intel from Broadwell to Comet Lake (GVT-g), NVIDIA vGPU, and for "
			"trying things out the kernel's samples (modprobe mdpy, modprobe mbochs). In a "
			"virtual or rented machine the GPU may not be visible at all.");
	}
}
