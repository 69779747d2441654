/* SPDX-License-Identifier: MIT */
/* The list of the host's checks, and what several of them ask. */
#include "bridge/doctor_host.h"

const struct doctor_check doctor_host_checks[] = {
	{"D01", LAYER_HARDWARE, "supported GPU", check_gpu},
	{"D02", LAYER_KERNEL, "kernel with KVMGT, without Xen", check_kernel},
	{"D22", LAYER_KERNEL, "suspend", check_suspend},
	{"D33", LAYER_KERNEL, "order of vGPU and desktop", check_old_kernel},
	{"D36", LAYER_KERNEL, "leftovers of old guides", check_leftovers},
	{"D03", LAYER_MODULE, "modules", check_module},
	{"D29", LAYER_MODULE, "harmless messages", check_firmware_messages},
	{"D05", LAYER_PARAMETERS, "parameters", check_parameters},
	{"D06", LAYER_PARAMETERS, "GuC", check_guc},
	{"D13", LAYER_PARAMETERS, "unknown registers (MSRs)", check_msrs},
	{"D14", LAYER_PARAMETERS, "IOMMU", check_iommu},
	{"D04", LAYER_APERTURE, "aperture and room", check_aperture},
	{"D08", LAYER_VGPU, "vGPUs, now and after a restart", check_vgpus},
	{"D30", LAYER_VGPU, "orphans", check_orphans},
	{"D31", LAYER_VGPU, "vGPUs in use", check_held},
	{"D34", LAYER_VGPU, "NVIDIA's console", check_nvidia_console},
	{"D23", LAYER_VGPU, "known bugs", check_known_bugs},
	{"D32", LAYER_VGPU, "hangs of the GPU", check_hangs},
	{NULL},
};

bool doctor_not_gvt(struct doctor_report *report, const struct doctor_host *host)
{
	if (host->subject == SUBJECT_GVT) {
		return false;
	}
	doctor_add(report, VERDICT_SKIPPED, NULL, NULL, "it is of GVT-g only, and %s",
		host->subject == SUBJECT_NVIDIA ? "this host's vGPUs are NVIDIA's"
						: "this host's vGPUs are not Intel's");
	return true;
}

bool doctor_gvt_works(const struct doctor_host *host)
{
	return host->subject == SUBJECT_GVT && host->gpu && host->gpu->n_types > 0;
}

int doctor_module_flag(const struct doctor_host *host, const char *module, const char *name)
{
	g_autofree char *value = doctor_read(host, "/sys/module/%s/parameters/%s", module, name);

	if (!value || !*value) {
		return -1;
	}
	return *value == 'Y' || *value == 'y' || *value == '1';
}
