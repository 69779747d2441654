/* SPDX-License-Identifier: MIT */
/* Modules: i915 on the GPU, kvmgt, KVM and VFIO; and messages about firmware that mean nothing. */
#include <stdlib.h>
#include <string.h>

#include "bridge/doctor_host.h"

#define GUC_SUBMISSION 1 /* bit of enable_guc */

static bool built_in(const struct doctor_host *host, const char *module)
{
	g_autofree char *text = host->release[0]
		? doctor_read(host, "/lib/modules/%s/modules.builtin", host->release)
		: NULL;
	g_autofree char *file = g_strdup_printf("/%s.ko", module);

	return text && strstr(text, file);
}

static bool loaded(const struct doctor_host *host, const char *module)
{
	return doctor_exists(host, "/sys/module/%s", module) || built_in(host, module);
}

static void add_needed_parameter(
	struct doctor_report *report, const struct doctor_host *host, const char *command)
{
	char value[16];

	if (doctor_module_flag(host, "i915", "enable_gvt") == 0 &&
		!doctor_parameter(host, "i915.enable_gvt", value, sizeof(value))) {
		g_autofree char *how = doctor_how_to_set(host, "i915.enable_gvt=1");

		doctor_fix(report, "%s\nThe parameter is missing too: %s", command, how);
		return;
	}
	doctor_fix(report, "%s", command);
}

static const char *load_command(const struct doctor_host *host)
{
	if (host->bootloader == BOOTLOADER_NIXOS) {
		return "Set 'virtualisation.kvmgt.enable = true;' in /etc/nixos/configuration.nix and run "
		       "'nixos-rebuild boot' as root.";
	}
	return "Run 'modprobe kvmgt' as root, and for the next start of the host 'echo kvmgt > "
	       "/etc/modules-load.d/kvmgt.conf'.";
}

static bool guc_wanted(const struct doctor_host *host)
{
	g_autofree char *value = doctor_read(host, "/sys/module/i915/parameters/enable_guc");
	g_autofree char *line = doctor_log_line(host, "not yet supported with GuC", NULL);
	long guc = value ? strtol(value, NULL, 0) : 0;

	return line || (guc > 0 && guc & GUC_SUBMISSION);
}

/* The driver left the GPU alone, or was kept from it. */
static void no_driver(
	struct doctor_report *report, const struct doctor_host *host, const char *path)
{
	char value[256];

	if (guc_wanted(host)) {
		doctor_add(report, VERDICT_INFO, path, "not there",
			"i915 gave the GPU up because of GuC, see D06");
		return;
	}
	doctor_add(report, VERDICT_FAIL, path,
		host->intel->driver[0] ? host->intel->driver : "not there",
		"the driver i915 does not run the GPU %s", host->intel->address);
	if (doctor_parameter(host, "nomodeset", value, sizeof(value))) {
		doctor_fix(report,
			"Take 'nomodeset' out of the kernel's parameters (%s) and restart the "
			"host.",
			"/proc/cmdline");
	} else {
		doctor_fix(report,
			"Run 'modprobe i915' as root; look for 'blacklist i915' below /etc/modprobe.d and "
			"for module_blacklist=, modprobe.blacklist= and i915.modeset=0 in /proc/cmdline.");
	}
}

static void look_at_kvmgt(struct doctor_report *report, const struct doctor_host *host)
{
	g_autofree char *line = NULL;
	unsigned aperture = (unsigned)(host->intel ? host->intel->aperture >> 20 : 0);

	if (!loaded(host, "kvmgt")) {
		doctor_add(report, VERDICT_FAIL, "/sys/module/kvmgt", "not there",
			"the module kvmgt is not loaded; without it the GPU offers no types of vGPUs");
		add_needed_parameter(report, host, load_command(host));
		return;
	}
	line = doctor_log_line(host, "gvt", NULL);
	if (doctor_gvt_works(host) || doctor_module_flag(host, "i915", "enable_gvt") != 1 ||
		guc_wanted(host) || (aperture && (aperture < 256 || aperture >= 4096))) {
		doctor_add(report, VERDICT_OK, "/sys/module/kvmgt", NULL, "kvmgt is loaded");
		return;
	}
	doctor_add(report, VERDICT_FAIL, "/sys/module/kvmgt", line,
		"kvmgt is loaded and enable_gvt is set, but the GPU has no types of vGPUs: GVT-g failed "
		"to start on it");
	doctor_fix(report,
		"Restart the host, look into 'dmesg | grep -i -e gvt -e i915', and try another kernel: "
		"GVT-g has had no maintenance since 2024.");
}

static bool lists_kvmgt(const struct doctor_host *host)
{
	g_auto(GStrv) names = doctor_entries(host, "/etc/modules-load.d");
	g_autofree char *modules = doctor_read(host, "/etc/modules");
	g_autofree char *initramfs = doctor_read(host, "/etc/initramfs-tools/modules");
	bool found = (modules && strstr(modules, "kvmgt")) ||
		(initramfs && strstr(initramfs, "kvmgt")) || built_in(host, "kvmgt");

	for (size_t i = 0; names[i] && !found; i++) {
		g_autofree char *text = doctor_read(host, "/etc/modules-load.d/%s", names[i]);

		found = text && strstr(text, "kvmgt");
	}
	return found;
}

static void look_at_others(struct doctor_report *report, const struct doctor_host *host)
{
	if (!loaded(host, "kvm_intel")) {
		doctor_add(report, VERDICT_FAIL, "/sys/module/kvm_intel", "not there",
			"KVM does not run; GVT-g needs it");
		doctor_fix(report,
			"Run 'modprobe kvm_intel' as root; if it says 'Operation not "
			"supported', switch VT-x on in the firmware's setup.");
	}
	if (!loaded(host, "vfio_iommu_type1") && !doctor_exists(host, "/dev/iommu")) {
		doctor_add(report, VERDICT_WARNING, "/sys/module/vfio_iommu_type1", "not there",
			"neither vfio_iommu_type1 nor iommufd (/dev/iommu) is there; QEMU needs one");
		doctor_fix(report, "Run 'modprobe vfio_iommu_type1' as root.");
	}
	if (loaded(host, "kvmgt") && !lists_kvmgt(host)) {
		doctor_add(report, VERDICT_INFO, "/etc/modules-load.d", "no kvmgt",
			"nothing seen here loads kvmgt when the host starts");
		doctor_fix(report, "%s", load_command(host));
	}
}

void check_module(struct doctor_report *report, const struct doctor_host *host)
{
	g_autofree char *driver = NULL;

	if (doctor_not_gvt(report, host)) {
		return;
	}
	if (!host->intel) {
		doctor_add(report, VERDICT_OK, NULL, NULL, "the GPU offers types of vGPUs");
		return;
	}
	driver = g_strdup_printf("/sys/bus/pci/devices/%s/driver", host->intel->address);
	if (strcmp(host->intel->driver, "i915") != 0) {
		no_driver(report, host, driver);
	}
	look_at_kvmgt(report, host);
	look_at_others(report, host);
}

void check_firmware_messages(struct doctor_report *report, const struct doctor_host *host)
{
	g_autofree char *line = doctor_log_line(host, "golden_hw_state failed", NULL);
	g_autofree char *msr = doctor_log_line(host, "ignored rdmsr", NULL);

	if (!host->kernel_log) {
		doctor_add(report, VERDICT_SKIPPED, "/dev/kmsg", g_strerror(host->kernel_log_error),
			"the kernel's log may not be read; run as root");
		return;
	}
	if (line) {
		doctor_add(report, VERDICT_INFO, "/dev/kmsg", line,
			"harmless: there is no such firmware file, and none is needed; ignore it");
	}
	if (msr) {
		doctor_add(report, VERDICT_INFO, "/dev/kmsg", msr,
			"harmless: a guest asks for registers that it does not have; "
			"kvm.report_ignored_msrs=0 keeps it quiet");
	}
	if (!line && !msr) {
		doctor_add(report, VERDICT_OK, "/dev/kmsg", NULL, "no messages that only look bad");
	}
}
