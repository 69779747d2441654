/* SPDX-License-Identifier: MIT */
/* The list of the host's checks, and what several of them ask. */
#include "bridge/doctor_host.h"

const struct doctor_check doctor_host_checks[] = {
	{"D01", LAYER_HARDWARE, "supported GPU", check_gpu},
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
