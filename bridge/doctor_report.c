/* SPDX-License-Identifier: MIT */
/* Runs the checks in their layers and keeps what they find. */
#include <string.h>

#include "bridge/doctor_impl.h"
#include "bridge/printable.h"

/* A line of a log or a file is shown no longer than this. */
#define VALUE_MAX_CHARACTERS 400

const char *doctor_layer_name(enum doctor_layer layer)
{
	static const char *const names[LAYER_COUNT] = {
		[LAYER_HARDWARE] = "hardware",
		[LAYER_KERNEL] = "kernel",
		[LAYER_MODULE] = "module",
		[LAYER_PARAMETERS] = "parameters",
		[LAYER_APERTURE] = "aperture",
		[LAYER_VGPU] = "vGPU",
		[LAYER_NODE] = "node access",
		[LAYER_QEMU] = "QEMU",
		[LAYER_RENDER] = "render node",
		[LAYER_GUEST] = "guest",
	};

	return names[layer];
}

const char *doctor_verdict_name(enum doctor_verdict verdict)
{
	static const char *const names[] = {
		[VERDICT_OK] = "ok",
		[VERDICT_INFO] = "info",
		[VERDICT_WARNING] = "warning",
		[VERDICT_FAIL] = "fail",
		[VERDICT_SKIPPED] = "skipped",
	};

	return names[verdict];
}

/* Files, logs and names of machines end on a terminal and in JSON. */
char *doctor_printable(const char *text, bool keep_lines)
{
	char *printable = printable_copy(text, keep_lines), *cut;

	if (!keep_lines && g_utf8_strlen(printable, -1) > VALUE_MAX_CHARACTERS) {
		*g_utf8_offset_to_pointer(printable, VALUE_MAX_CHARACTERS) = '\0';
		cut = g_strconcat(printable, "...", NULL);
		g_free(printable);
		return cut;
	}
	return printable;
}

static void free_finding(gpointer data)
{
	struct doctor_finding *finding = data;

	g_free(finding->path);
	g_free(finding->value);
	g_free(finding->text);
	g_free(finding->fix);
	g_free(finding);
}

static void free_result(gpointer data)
{
	struct doctor_result *result = data;

	g_ptr_array_unref(result->findings);
	g_free(result);
}

static int severity(enum doctor_verdict verdict)
{
	return verdict == VERDICT_SKIPPED ? -1 : (int)verdict;
}

void doctor_add(struct doctor_report *report, enum doctor_verdict verdict, const char *path,
	const char *value, const char *format, ...)
{
	struct doctor_finding *finding = g_new0(struct doctor_finding, 1);
	struct doctor_result *result = report->current;
	va_list args;
	char *text;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	finding->verdict = verdict;
	finding->path = path ? doctor_printable(path, false) : NULL;
	finding->value = value ? doctor_printable(value, false) : NULL;
	finding->text = doctor_printable(text, true);
	g_free(text);
	g_ptr_array_add(result->findings, finding);
	if (severity(verdict) > severity(result->verdict)) {
		result->verdict = verdict;
	}
}

void doctor_fix(struct doctor_report *report, const char *format, ...)
{
	GPtrArray *findings = report->current->findings;
	struct doctor_finding *finding;
	va_list args;
	char *text;

	g_assert(findings->len > 0);
	finding = g_ptr_array_index(findings, findings->len - 1);
	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	g_free(finding->fix);
	finding->fix = doctor_printable(text, true);
	g_free(text);
}

bool doctor_silent(const struct doctor_report *report)
{
	return report->current->findings->len == 0;
}

static void run_check(struct doctor_report *report, const struct doctor_check *check,
	const struct doctor_host *host)
{
	struct doctor_result *result = g_new0(struct doctor_result, 1);

	result->check = check;
	result->verdict = VERDICT_SKIPPED;
	result->findings = g_ptr_array_new_with_free_func(free_finding);
	result->run = report->failed < 0 || report->failed == (int)check->layer;
	g_ptr_array_add(report->results, result);
	if (!result->run) {
		return;
	}
	report->current = result;
	check->run(report, host);
	if (doctor_silent(report)) {
		doctor_add(report, VERDICT_SKIPPED, NULL, NULL, "%s",
			check->layer >= LAYER_QEMU && !host->machine
				? "no virtual machine was chosen: give --vm NAME or --vm PID"
				: "there is nothing on this host to check it on");
	}
	report->current = NULL;
}

void doctor_report_init(struct doctor_report *report, const struct doctor_host *host)
{
	const struct doctor_check *const lists[] = {doctor_host_checks, doctor_vm_checks};

	report->results = g_ptr_array_new_with_free_func(free_result);
	report->current = NULL;
	report->failed = -1;
	for (int layer = 0; layer < LAYER_COUNT; layer++) {
		for (size_t l = 0; l < G_N_ELEMENTS(lists); l++) {
			for (const struct doctor_check *check = lists[l]; check->id; check++) {
				if ((int)check->layer == layer) {
					run_check(report, check, host);
				}
			}
		}
		if (report->failed < 0 && doctor_report_verdict(report, layer) == VERDICT_FAIL) {
			report->failed = layer;
		}
	}
}

void doctor_report_finish(struct doctor_report *report)
{
	g_ptr_array_unref(report->results);
	*report = (struct doctor_report){0};
}

enum doctor_verdict doctor_report_verdict(const struct doctor_report *report, int layer)
{
	enum doctor_verdict worst = VERDICT_SKIPPED;

	for (guint i = 0; i < report->results->len; i++) {
		const struct doctor_result *result = g_ptr_array_index(report->results, i);

		if ((layer < 0 || (int)result->check->layer == layer) &&
			severity(result->verdict) > severity(worst)) {
			worst = result->verdict;
		}
	}
	return worst;
}
