/* SPDX-License-Identifier: MIT */
/* The kernel: is KVMGT in it, is it too old, does Xen run below it. */
#include <gio/gio.h>
#include <string.h>

#include "bridge/doctor_host.h"

/* 0 bytes in, nothing out; what is longer than any configuration is cut. */
static char *unzip(const char *zipped, size_t size)
{
	GZlibDecompressor *zlib = g_zlib_decompressor_new(G_ZLIB_COMPRESSOR_FORMAT_GZIP);
	GString *text = g_string_new(NULL);
	char *buffer = g_malloc(65536);
	GConverterResult result;
	size_t used = 0;

	do {
		gsize taken = 0;
		gsize made = 0;

		result = g_converter_convert(G_CONVERTER(zlib), zipped + used, size - used, buffer,
			65536, G_CONVERTER_INPUT_AT_END, &taken, &made, NULL);
		g_string_append_len(text, buffer, (gssize)made);
		used += taken;
	} while (result == G_CONVERTER_CONVERTED && text->len < DOCTOR_MAX_BYTES);
	g_free(buffer);
	g_object_unref(zlib);
	return g_string_free(text, text->len == 0);
}

/* The text of the running kernel's configuration and its path; NULL where there is none. */
static char *read_config(const struct doctor_host *host, char **path)
{
	size_t size = 0;
	g_autofree char *zipped = doctor_read_bytes(host, &size, NULL, "/proc/config.gz");
	char *text = zipped && size ? unzip(zipped, size) : NULL;

	*path = g_strdup("/proc/config.gz");
	if (!text && host->release[0]) {
		g_free(*path);
		*path = g_strdup_printf("/boot/config-%s", host->release);
		text = doctor_read(host, "%s", *path);
		if (!text) {
			g_free(*path);
			*path = g_strdup_printf("/lib/modules/%s/config", host->release);
			text = doctor_read(host, "%s", *path);
		}
	}
	return text;
}

/* 'y', 'm', or 0 where it is not set. */
static char config_value(const char *text, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = text; (at = strstr(at, name)); at += length) {
		if ((at == text || at[-1] == '\n') && at[length] == '=') {
			return at[length + 1];
		}
	}
	return 0;
}

static void other_kernel(struct doctor_report *report, const struct doctor_host *host)
{
	bool red_hat = strcmp(host->distribution, "fedora") != 0 &&
		(strstr(host->distribution_like, "rhel") ||
			strcmp(host->distribution, "rhel") == 0 ||
			strcmp(host->distribution, "centos") == 0);

	if (red_hat) {
		doctor_fix(report,
			"Red Hat took GVT-g out of RHEL 9 and CentOS Stream 9, and with them of their "
			"relatives: use the kernel of another distribution (Debian, Arch, Ubuntu, "
			"Proxmox VE, NixOS have it), or one that you build with "
			"CONFIG_DRM_I915_GVT_KVMGT=m.");
		return;
	}
	doctor_fix(report,
		"Start the distribution's common kernel instead of a cloud or minimal one, or build one "
		"with CONFIG_DRM_I915_GVT_KVMGT=m; that selects all else (CONFIG_DRM_I915_GVT, "
		"CONFIG_VFIO_MDEV), and CONFIG_DRM_I915_GVT_XENGT no longer exists.");
}

static void look_at_modules(struct doctor_report *report, const struct doctor_host *host)
{
	g_autofree char *path = g_strdup_printf("/lib/modules/%s/modules.dep", host->release);
	g_autofree char *text = host->release[0] ? doctor_read(host, "%s", path) : NULL;

	if (doctor_exists(host, "/sys/module/kvmgt")) {
		doctor_add(report, VERDICT_OK, "/sys/module/kvmgt", NULL, "the kernel has KVMGT");
	} else if (!text) {
		doctor_add(report, VERDICT_SKIPPED, path, "can't be read",
			"the kernel's configuration is in none of the known places; whether it has KVMGT "
			"is not known");
	} else if (strstr(text, "/kvmgt.ko")) {
		doctor_add(report, VERDICT_OK, path, "kvmgt.ko", "the kernel has the module kvmgt");
	} else {
		doctor_add(report, VERDICT_FAIL, path, "no kvmgt.ko",
			"this kernel was built without KVMGT ('modprobe: FATAL: Module kvmgt not found')");
		other_kernel(report, host);
	}
}

/* Row 2 of the old guides: GVT-g below Xen. */
static bool xen(struct doctor_report *report, const struct doctor_host *host)
{
	g_autofree char *capabilities = doctor_read(host, "/proc/xen/capabilities");
	g_autofree char *type = doctor_read(host, "/sys/hypervisor/type");
	bool dom0 = capabilities && strstr(capabilities, "control_d");

	if (!dom0 && !(type && strcmp(type, "xen") == 0)) {
		return false;
	}
	doctor_add(report, host->subject == SUBJECT_GVT ? VERDICT_FAIL : VERDICT_WARNING,
		dom0 ? "/proc/xen/capabilities" : "/sys/hypervisor/type",
		dom0 ? capabilities : type,
		"this system runs on Xen%s: XenGT is dead, no kernel since 5.19 can have it, and KVM "
		"does not work here",
		dom0 ? " (dom0)" : "");
	doctor_fix(report,
		"Start the host without Xen (another entry of the bootloader's menu) and use KVMGT. "
		"igvtg-xen, igvtg-kernel, 'vgt=1' for xl, and guides that name them lead nowhere.");
	return true;
}

void check_kernel(struct doctor_report *report, const struct doctor_host *host)
{
	g_autofree char *path = NULL;
	g_autofree char *config = NULL;
	char kvmgt;

	if (xen(report, host) || doctor_not_gvt(report, host)) {
		return;
	}
	config = read_config(host, &path);
	if (!config) {
		look_at_modules(report, host);
		return;
	}
	kvmgt = config_value(config, "CONFIG_DRM_I915_GVT_KVMGT");
	if (kvmgt) {
		char value[] = "CONFIG_DRM_I915_GVT_KVMGT=?";

		value[sizeof(value) - 2] = kvmgt;
		doctor_add(report, VERDICT_OK, path, value, "the kernel has KVMGT");
		return;
	}
	doctor_add(report, VERDICT_FAIL, path, "CONFIG_DRM_I915_GVT_KVMGT is not set",
		"this kernel was built without KVMGT ('modprobe: FATAL: Module kvmgt not found')");
	other_kernel(report, host);
}

void check_suspend(struct doctor_report *report, const struct doctor_host *host)
{
	g_autofree char *states = doctor_read(host, "/sys/power/state");
	bool sleeps = states && (strstr(states, "mem") || strstr(states, "disk"));
	size_t vgpus = host->inventory.n_vgpus;

	if (doctor_not_gvt(report, host)) {
		return;
	}
	if (doctor_kernel_is(host, 5, 11)) {
		doctor_add(report, VERDICT_OK, "/proc/sys/kernel/osrelease", host->release,
			"the host may sleep while vGPUs exist; guests should not (no S3 and S4 in them)");
		return;
	}
	doctor_add(report, vgpus > 0 && sleeps ? VERDICT_WARNING : VERDICT_INFO,
		"/proc/sys/kernel/osrelease", host->release,
		"a kernel before 5.11 hangs when the host is suspended while a vGPU exists (now: %zu)",
		vgpus);
	doctor_fix(report,
		"Use a newer kernel, or remove the vGPUs in a sleep hook (vgpu-bridge remove --all-idle) "
		"and don't suspend while a guest runs.");
}

void check_old_kernel(struct doctor_report *report, const struct doctor_host *host)
{
	if (doctor_not_gvt(report, host)) {
		return;
	}
	if (doctor_kernel_is(host, 5, 8)) {
		doctor_add(report, VERDICT_OK, "/proc/sys/kernel/osrelease", host->release,
			"the order in which vGPUs and the host's desktop are started is free");
		return;
	}
	doctor_add(report, VERDICT_WARNING, "/proc/sys/kernel/osrelease", host->release,
		"before Linux 5.8 a vGPU made before the host's desktop starts shows garbage above "
		"1080 lines");
	doctor_fix(report, "Use kernel 5.8 or newer, or make vGPUs after the desktop has started.");
}
