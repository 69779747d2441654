/* SPDX-License-Identifier: MIT */
/* Parameters of kernel and modules: those needed, those that are dead, and those misspelt. */
#include <stdlib.h>
#include <string.h>

#include "bridge/doctor_host.h"
#include "bridge/doctor_impl.h"

#define GUC_SUBMISSION 1 /* bit of enable_guc */
#define MAX_NAME 64

static const struct {
	const char *name;
	const char *instead;
} dead_parameters[] = {
	{"i915.hvm_boot_foreground", "a bridge shows the guest from its start: vgpu-bridge serve"},
	{"i915.enable_cmd_parser", "the parameter was removed, nothing has to be set"},
	{"i915.vgt", "it is i915.enable_gvt=1 now"},
	{"i915.preallocated_monitor_to_guest",
		"the display of a vGPU is always virtual: vgpu-bridge display plug"},
	{"i915.enable_vgtbuffer",
		"VFIO hands the picture out since Linux 4.16, with nothing to set"},
	{"loglvl", "it was for Xen"},
	{"guest_loglvl", "it was for Xen"},
	{"conring_size", "it was for Xen"},
	{"dom0_mem", "it was for Xen"},
};

/* What guides have people type; the first two are looked for without the module's name as well. */
static const char *const known[] = {"i915.enable_gvt", "kvm.ignore_msrs", "i915.enable_guc",
	"kvm.report_ignored_msrs", "intel_iommu"};

/* Letters inserted, left out, changed, or exchanged with a neighbour. */
static unsigned distance(const char *a, const char *b)
{
	unsigned rows[MAX_NAME + 1][MAX_NAME + 1];
	size_t n = strlen(a);
	size_t m = strlen(b);

	if (n > MAX_NAME || m > MAX_NAME) {
		return MAX_NAME;
	}
	for (size_t i = 0; i <= n; i++) {
		for (size_t j = 0; j <= m; j++) {
			unsigned least;

			if (i == 0 || j == 0) {
				rows[i][j] = (unsigned)(i + j);
				continue;
			}
			least = rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			least = MIN(least, MIN(rows[i - 1][j], rows[i][j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
				least = MIN(least, rows[i - 2][j - 2] + 1);
			}
			rows[i][j] = least;
		}
	}
	return rows[n][m];
}

/* A module's parameter that the loaded module does not have; where it isn't loaded, only guessed. */
static bool unknown(const struct doctor_host *host, const char *name)
{
	const char *dot = strchr(name, '.');
	g_autofree char *module = dot ? g_strndup(name, (gsize)(dot - name)) : NULL;

	if (!dot) {
		return true; /* of the kernel itself; what is near to one of ours is not one of its own */
	}
	return doctor_exists(host, "/sys/module/%s/parameters", module) &&
		!doctor_exists(host, "/sys/module/%s/parameters/%s", module, dot + 1);
}

static const char *meant(const struct doctor_host *host, const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
		const char *dot = strchr(known[i], '.');

		if (strcmp(name, known[i]) == 0) {
			return NULL;
		}
		if (dot && (strcmp(name, dot + 1) == 0)) {
			return known[i];
		}
	}
	for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
		if (distance(name, known[i]) <= 2 && unknown(host, name)) {
			return known[i];
		}
	}
	return NULL;
}

static void look_at_word(
	struct doctor_report *report, const struct doctor_host *host, const char *path, char *word)
{
	char *equals = strchr(word, '=');
	g_autofree char *name = g_strndup(word, equals ? (gsize)(equals - word) : strlen(word));
	const char *right;

	g_strdelimit(name, "-", '_');
	for (size_t i = 0; i < G_N_ELEMENTS(dead_parameters); i++) {
		if (strcmp(name, dead_parameters[i].name) == 0) {
			doctor_add(report, VERDICT_INFO, path, word,
				"dead parameter of an old guide, it does nothing: %s",
				dead_parameters[i].instead);
			doctor_fix(report, "Take '%s' out.", word);
			return;
		}
	}
	right = meant(host, name);
	if (right) {
		doctor_add(report, VERDICT_WARNING, path, word,
			"misspelt: the kernel knows no '%s'; '%s' was probably meant", name, right);
		doctor_fix(report, "Write '%s%s'.", right, equals ? equals : "=1");
	} else if (g_str_has_prefix(name, "i915.") && unknown(host, name)) {
		doctor_add(report, VERDICT_INFO, path, word,
			"the driver i915 has no such parameter and passes over it");
	}
}

static void look_at_words(struct doctor_report *report, const struct doctor_host *host,
	const char *path, const char *text)
{
	g_auto(GStrv) words = g_strsplit_set(text, " \t\n", -1);

	for (size_t i = 0; words[i]; i++) {
		if (words[i][0]) {
			look_at_word(report, host, path, words[i]);
		}
	}
}

/* "options i915 a=1 b=2" of modprobe.d, as "i915.a=1 i915.b=2". */
static void add_options(GString *out, const char *line, const char *module)
{
	g_auto(GStrv) words = g_strsplit_set(line, " \t", -1);
	size_t i = 0;
	unsigned word = 0;

	for (; words[i]; i++) {
		if (!words[i][0]) {
			continue;
		}
		if ((word == 0 && strcmp(words[i], "options") != 0) ||
			(word == 1 && strcmp(words[i], module) != 0)) {
			return;
		}
		if (word > 1) {
			g_string_append_printf(out, "%s.%s ", module, words[i]);
		}
		word++;
	}
}

/* Of the files below /etc/modprobe.d; *path is the last that has name, for g_free(). */
static const char *modprobe_value(const struct doctor_host *host, const char *module,
	const char *name, char *value, size_t size, char **path, GString *all)
{
	g_auto(GStrv) names = doctor_entries(host, "/etc/modprobe.d");
	const char *found = NULL;

	*path = NULL;
	for (size_t i = 0; names[i]; i++) {
		g_autofree char *text = doctor_read(host, "/etc/modprobe.d/%s", names[i]);
		g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);
		g_autoptr(GString) options = g_string_new(NULL);

		for (size_t j = 0; lines[j]; j++) {
			add_options(options, lines[j], module);
		}
		if (all) {
			g_string_append(all, options->str);
		}
		if (doctor_parameter_in(options->str, name, value, size)) {
			found = value;
			g_free(*path);
			*path = g_strdup_printf("/etc/modprobe.d/%s", names[i]);
		}
	}
	return found;
}

/* It is written down for the next start of the host, but this one doesn't have it. */
static const char *written_in(const struct doctor_host *host)
{
	static const char *const files[] = {
		"/etc/default/grub", "/etc/kernel/cmdline", "/etc/kernelstub/configuration"};

	for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *text = doctor_read(host, "%s", files[i]);
		g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);

		for (size_t j = 0; lines[j]; j++) {
			if (g_strchug(lines[j])[0] != '#' &&
				strstr(lines[j], "i915.enable_gvt=1")) {
				return files[i];
			}
		}
	}
	return NULL;
}

static void gvt_is_off(
	struct doctor_report *report, const struct doctor_host *host, enum doctor_verdict verdict)
{
	g_autofree char *how = doctor_how_to_set(host, "i915.enable_gvt=1");
	g_autofree char *file = NULL;
	g_autofree char *line = doctor_log_line(host, "GVT-g is disabled", NULL);
	const char *written = written_in(host);
	char value[64];

	if (doctor_parameter(host, "i915.enable_gvt", value, sizeof(value))) {
		bool on = !*value || strchr("1yY", *value);

		doctor_add(report, verdict, "/sys/module/i915/parameters/enable_gvt", "N",
			on ? "i915.enable_gvt=1 was given, and the driver took it back%s%s"
			   : "the kernel's command line switches GVT-g off%s%s",
			line ? ": " : "", line ? line : "");
		doctor_fix(report, "%s",
			on ? "The driver does that where it can't have GVT-g on this GPU or with these "
			     "parameters (GuC, see D06): look into 'dmesg | grep -i gvt'."
			   : how);
		return;
	}
	modprobe_value(host, "i915", "i915.enable_gvt", value, sizeof(value), &file, NULL);
	doctor_add(report, verdict, "/proc/cmdline", "no i915.enable_gvt",
		"GVT-g is off: the running kernel was not given i915.enable_gvt=1%s%s%s",
		file || written ? ", although it is written in " : "",
		file              ? file
			: written ? written
				  : "",
		host->cmdline[0] ? "" : " (or its command line can't be read)");
	if (file) {
		doctor_fix(report,
			"Run '%s' as root, since i915 is loaded from the initramfs, and "
			"restart the host.",
			doctor_initramfs_command(host));
	} else if (written) {
		doctor_fix(report,
			"It was not made part of the boot, or another kernel was started. %s", how);
	} else {
		doctor_fix(report, "%s", how);
	}
}

static void look_at_gvt(struct doctor_report *report, const struct doctor_host *host)
{
	static const char path[] = "/sys/module/i915/parameters/enable_gvt";
	int on = doctor_module_flag(host, "i915", "enable_gvt");
	char value[64];

	if (on == 1 || doctor_gvt_works(host)) {
		doctor_add(report, VERDICT_OK, path, on == 1 ? "Y" : "can't be read",
			on == 1 ? "GVT-g is switched on" : "the GPU offers types, so GVT-g is on");
	} else if (on == 0) {
		gvt_is_off(report, host, VERDICT_FAIL);
	} else if (doctor_parameter(host, "i915.enable_gvt", value, sizeof(value))) {
		doctor_add(report, VERDICT_OK, "/proc/cmdline", "i915.enable_gvt",
			"i915.enable_gvt was given; what the driver made of it can't be read (%s)",
			path);
	} else {
		gvt_is_off(report, host, VERDICT_FAIL);
	}
}

void check_parameters(struct doctor_report *report, const struct doctor_host *host)
{
	g_autoptr(GString) options = g_string_new(NULL);
	g_autofree char *file = NULL;
	g_autofree char *debug = doctor_read(host, "/sys/module/drm/parameters/debug");
	char value[64];

	if (host->subject == SUBJECT_GVT) {
		look_at_gvt(report, host);
	}
	look_at_words(report, host, "/proc/cmdline", host->cmdline);
	modprobe_value(host, "i915", "i915.enable_gvt", value, sizeof(value), &file, options);
	g_clear_pointer(&file, g_free);
	modprobe_value(host, "kvm", "kvm.ignore_msrs", value, sizeof(value), &file, options);
	look_at_words(report, host, "/etc/modprobe.d", options->str);
	if (debug && strtoul(debug, NULL, 0) != 0) {
		doctor_add(report, VERDICT_INFO, "/sys/module/drm/parameters/debug", debug,
			"graphics drivers write much into the kernel's log; drm.debug=0 ends it");
	}
	if (doctor_silent(report)) {
		doctor_add(report, VERDICT_OK, "/proc/cmdline", NULL,
			"no dead or misspelt parameters");
	}
}

void check_guc(struct doctor_report *report, const struct doctor_host *host)
{
	static const char path[] = "/sys/module/i915/parameters/enable_guc";
	g_autofree char *value = doctor_read(host, "%s", path);
	g_autofree char *line = doctor_log_line(host, "not yet supported with GuC", NULL);
	g_autofree char *file = NULL;
	g_autofree char *how = NULL;
	char option[32];
	long guc;

	if (doctor_not_gvt(report, host)) {
		return;
	}
	guc = value ? strtol(value, NULL, 0) : -1;
	/* -1 is the driver's own choice, which for these GPUs is none. */
	if (!line && (guc < 0 || !(guc & GUC_SUBMISSION))) {
		doctor_add(report, VERDICT_OK, path, value ? value : "can't be read",
			"GuC submission, which GVT-g can't do with, is not asked for");
		return;
	}
	how = doctor_how_to_set(host, "i915.enable_guc=0");
	doctor_add(report, VERDICT_FAIL, line ? "/dev/kmsg" : path, line ? line : value,
		"GuC submission is switched on, and with it GVT-g does not start (the screen may stay "
		"black)");
	modprobe_value(host, "i915", "i915.enable_guc", option, sizeof(option), &file, NULL);
	if (file) {
		doctor_fix(report,
			"Set enable_guc=0 in %s, run '%s' as root, and restart the host.", file,
			doctor_initramfs_command(host));
	} else {
		doctor_fix(report, "%s", how);
	}
}

void check_msrs(struct doctor_report *report, const struct doctor_host *host)
{
	static const char path[] = "/sys/module/kvm/parameters/ignore_msrs";
	int ignore = doctor_module_flag(host, "kvm", "ignore_msrs");
	int told = doctor_module_flag(host, "kvm", "report_ignored_msrs");
	g_autofree char *how = NULL;

	if (ignore < 0) {
		doctor_add(report, VERDICT_SKIPPED, path, "can't be read", "KVM is not loaded");
		return;
	}
	if (ignore == 0) {
		how = doctor_how_to_set(host, "kvm.ignore_msrs=1 kvm.report_ignored_msrs=0");
		doctor_add(report, host->subject == SUBJECT_GVT ? VERDICT_WARNING : VERDICT_INFO,
			path, "N",
			"Windows guests can crash when a program asks for registers that a virtual "
			"machine does not have (GPU-Z, Passmark)");
		doctor_fix(report, "%s Or at once, until the next start: 'echo 1 > %s' as root.",
			how, path);
	} else if (told == 1) {
		doctor_add(report, VERDICT_INFO, "/sys/module/kvm/parameters/report_ignored_msrs",
			"Y",
			"ignored registers are reported, which can flood the kernel's log; "
			"kvm.report_ignored_msrs=0 ends it");
	} else {
		doctor_add(report, VERDICT_OK, path, "Y",
			"registers that guests don't have are ignored");
	}
}

void check_iommu(struct doctor_report *report, const struct doctor_host *host)
{
	g_auto(GStrv) units = doctor_entries(host, "/sys/class/iommu");
	g_autofree char *fault = NULL;
	char value[64];

	if (doctor_not_gvt(report, host)) {
		return;
	}
	if (host->kernel_log && host->intel) {
		/* "Request device [00:02.0]" has the address without its domain. */
		g_autofree char *device = g_strdup_printf("device [%s]",
			strlen(host->intel->address) > 5 ? host->intel->address + 5 : "");

		fault = doctor_log_line(host, device, NULL);
	}
	if (fault && strstr(fault, "fault")) {
		g_autofree char *how = doctor_how_to_set(host, "intel_iommu=on iommu=pt");

		doctor_add(report, VERDICT_WARNING, "/dev/kmsg", fault,
			"the IOMMU stops accesses of the GPU");
		doctor_fix(report, "%s", how);
		return;
	}
	if (doctor_parameter(host, "intel_iommu", value, sizeof(value)) &&
		strstr(value, "igfx_off")) {
		doctor_add(report, VERDICT_INFO, "/proc/cmdline", "intel_iommu=igfx_off",
			"an old guide's workaround; vGPUs need neither an IOMMU nor this");
		doctor_fix(report,
			"It may stay; 'intel_iommu=on iommu=pt' is what one writes today, for "
			"other devices that are passed through.");
		return;
	}
	doctor_add(report, VERDICT_OK, "/sys/class/iommu", units[0] ? units[0] : "empty",
		"vGPUs need no IOMMU; it is %s", units[0] ? "on" : "off");
}
