/* SPDX-License-Identifier: MIT */
/* The aperture: how many vGPUs it lets there be. The formula is that of inventory.h. */
#include <string.h>

#include "bridge/doctor_host.h"

#define BEST_MIB 1024
#define TOO_BIG_MIB 4096

/* GVT-g's four sizes, as every guide numbers them. */
static const struct {
	const char *suffix;
	unsigned low, high;
} sizes[] = {{"_1", 512, 2048}, {"_2", 256, 1024}, {"_4", 128, 512}, {"_8", 64, 384}};

static void add_table(GString *text, unsigned mib)
{
	enum inventory_limit limit;

	for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
		unsigned count = gvt_instances(mib, sizes[i].low, sizes[i].high, 4, &limit);

		g_string_append_printf(
			text, "%s%u of type %s", i ? ", " : "", count, sizes[i].suffix);
	}
}

static void add_used(
	struct doctor_report *report, const struct doctor_host *host, const char *directory)
{
	unsigned free_types = 0;
	g_autofree char *line = doctor_log_line(host, "failed to create intel vgpu: -28", NULL);

	for (size_t i = 0; i < host->gpu->n_types; i++) {
		free_types += host->gpu->types[i].available > 0;
	}
	if (free_types == 0 && host->inventory.n_vgpus > 0) {
		doctor_add(report, VERDICT_INFO, directory, "available_instances 0",
			"all room is used up by the %zu vGPUs that exist; another one fails with 'No "
			"space left on device'",
			host->inventory.n_vgpus);
		doctor_fix(report,
			"vgpu-bridge list shows who has them, vgpu-bridge prune removes those "
			"that nobody has.");
	} else if (free_types == 0) {
		doctor_add(report, VERDICT_WARNING, directory, "available_instances 0",
			"no vGPU exists, and yet none is free");
		doctor_fix(report,
			"Restart the host, and set the aperture to %u MB in the firmware's "
			"setup where it can be set.",
			BEST_MIB);
	} else if (line) {
		doctor_add(report, VERDICT_WARNING, "/dev/kmsg", line,
			"a vGPU could not be made ('No space left on device') although the formula has "
			"room: the host's desktop holds graphics memory in the aperture");
		doctor_fix(report,
			"Make vGPUs before the display manager starts: vgpu-bridge create "
			"--persist has mdevctl do it when the host starts.");
	}
}

void check_aperture(struct doctor_report *report, const struct doctor_host *host)
{
	g_autofree char *path = NULL;
	g_autofree char *types = NULL;
	g_autofree char *value = NULL;
	GString *table;
	unsigned mib;

	if (doctor_not_gvt(report, host)) {
		return;
	}
	path = g_strdup_printf("/sys/bus/pci/devices/%s/resource",
		host->intel ? host->intel->address : host->gpu->name);
	mib = (unsigned)MIN(
		(host->intel ? host->intel->aperture : host->gpu->aperture) >> 20, 1 << 20);
	if (mib == 0) {
		doctor_add(report, VERDICT_SKIPPED, path, "can't be read",
			"the size of the aperture (BAR 2) is not known");
		return;
	}
	types = g_strdup_printf("/sys/bus/pci/devices/%s/mdev_supported_types",
		host->intel ? host->intel->address : host->gpu->name);
	value = g_strdup_printf("BAR 2 has %u MB", mib);
	table = g_string_new(NULL);
	add_table(table, mib);
	if (mib >= TOO_BIG_MIB) {
		doctor_add(report, VERDICT_FAIL, path, value,
			"the aperture is too big: of the 4096 MB that the GPU maps nothing is left for "
			"hidden memory, and no vGPU can be made (free instances that the kernel reports "
			"are an overflow)");
		doctor_fix(report, "Set 'Aperture size' to %u MB in the firmware's setup (BIOS).",
			BEST_MIB);
	} else if (mib < 256) {
		doctor_add(report, VERDICT_FAIL, path, value,
			"the aperture is too small: the host keeps 128 MB, and nothing is left for a vGPU");
		doctor_fix(report,
			"Set 'Aperture size' to 512 or %u MB in the firmware's setup (BIOS). Where the "
			"setup has no such line, leave it: writing to the firmware's variables by other "
			"means has ended machines.",
			BEST_MIB);
	} else if (mib != BEST_MIB && mib != 512) {
		doctor_add(report, VERDICT_INFO, path, value,
			"room for %s (instead of one another, not beside); %u MB would be better%s",
			table->str, BEST_MIB, mib == 256 ? ", 512 MB too" : "");
		doctor_fix(report,
			"Where the firmware's setup (BIOS) has a line 'Aperture size', %u MB give most "
			"vGPUs. Don't poke it into the firmware's variables: that has ended machines.",
			BEST_MIB);
	} else {
		doctor_add(report, VERDICT_OK, path, value,
			"room for %s (instead of one another, not "
			"beside)",
			table->str);
	}
	if (doctor_gvt_works(host) && mib >= 256 && mib < TOO_BIG_MIB) {
		add_used(report, host, types);
	}
	g_string_free(table, TRUE);
}
