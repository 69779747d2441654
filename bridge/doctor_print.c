/* SPDX-License-Identifier: MIT */
/* The report for people, and as JSON. */
#include <json-glib/json-glib.h>
#include <string.h>

#include "bridge/doctor_impl.h"

#define RED "\033[1;31m"
#define YELLOW "\033[33m"
#define GREEN "\033[32m"
#define GREY "\033[90m"
#define BOLD "\033[1m"
#define PLAIN "\033[0m"

struct printer {
	FILE *stream;
	bool colour;
};

static const char *paint(const struct printer *printer, const char *colour)
{
	return printer->colour ? colour : "";
}

static const char *colour_of(enum doctor_verdict verdict)
{
	switch (verdict) {
	case VERDICT_OK:
		return GREEN;
	case VERDICT_WARNING:
		return YELLOW;
	case VERDICT_FAIL:
		return RED;
	case VERDICT_SKIPPED:
		return GREY;
	default:
		return "";
	}
}

/* Lines after the first are indented to where it begins. */
static void print_text(const struct printer *printer, unsigned indent, const char *text)
{
	char **lines = g_strsplit(text, "\n", -1);

	for (size_t i = 0; lines[i]; i++) {
		fprintf(printer->stream, "%*s%s\n", i ? (int)indent : 0, "", lines[i]);
	}
	if (!lines[0]) {
		fputc('\n', printer->stream);
	}
	g_strfreev(lines);
}

static void print_finding(const struct printer *printer, const struct doctor_finding *finding)
{
	fprintf(printer->stream, "  %s%-8s%s", paint(printer, colour_of(finding->verdict)),
		doctor_verdict_name(finding->verdict), paint(printer, PLAIN));
	print_text(printer, 10, finding->text);
	if (finding->path) {
		fprintf(printer->stream, "          %s%s%s%s%s\n", paint(printer, GREY),
			finding->path, finding->value ? ": " : "",
			finding->value ? finding->value : "", paint(printer, PLAIN));
	}
	if (finding->fix) {
		fprintf(printer->stream, "          %s->%s ", paint(printer, BOLD),
			paint(printer, PLAIN));
		print_text(printer, 13, finding->fix);
	}
}

static void print_layer(
	const struct printer *printer, const struct doctor_report *report, enum doctor_layer layer)
{
	enum doctor_verdict verdict = doctor_report_verdict(report, (int)layer);
	bool later = report->failed >= 0 && (int)layer > report->failed;

	if (later) {
		fprintf(printer->stream, "%s%s: not checked because of the layer \"%s\"%s\n",
			paint(printer, GREY), doctor_layer_name(layer),
			doctor_layer_name((enum doctor_layer)report->failed),
			paint(printer, PLAIN));
		return;
	}
	fprintf(printer->stream, "%s%s: %s%s\n",
		paint(printer, verdict == VERDICT_FAIL ? RED : BOLD), doctor_layer_name(layer),
		doctor_verdict_name(verdict), paint(printer, PLAIN));
	for (guint i = 0; i < report->results->len; i++) {
		const struct doctor_result *result = g_ptr_array_index(report->results, i);

		if (result->check->layer != layer) {
			continue;
		}
		fprintf(printer->stream, " %s %s\n", result->check->id, result->check->name);
		for (guint j = 0; j < result->findings->len; j++) {
			print_finding(printer, g_ptr_array_index(result->findings, j));
		}
	}
}

void doctor_print(FILE *stream, bool colour, const struct doctor_report *report,
	const struct doctor_host *host)
{
	struct printer printer = {stream, colour};
	const char *worst = doctor_verdict_name(doctor_report_verdict(report, -1));

	fprintf(stream, "kernel %s, %s, bootloader: %s\n",
		host->release[0] ? host->release : "unknown",
		host->distribution_name[0] ? host->distribution_name : "unknown distribution",
		doctor_bootloader_name(host->bootloader));
	if (!host->kernel_log) {
		fprintf(stream,
			"The kernel's log can't be read (%s); run as root to have it looked at.\n",
			g_strerror(host->kernel_log_error));
	}
	fputc('\n', stream);
	for (int layer = 0; layer < LAYER_COUNT; layer++) {
		print_layer(&printer, report, (enum doctor_layer)layer);
	}
	fputc('\n', stream);
	if (report->failed >= 0) {
		fprintf(stream, "%sMend the layer \"%s\" first, then run doctor again.%s\n",
			paint(&printer, RED), doctor_layer_name((enum doctor_layer)report->failed),
			paint(&printer, PLAIN));
	} else if (strcmp(worst, "warning") == 0) {
		fprintf(stream, "Nothing stands in the way; read the warnings.\n");
	} else {
		fprintf(stream, "Nothing stands in the way.\n");
	}
}

static void set_string(JsonBuilder *builder, const char *name, const char *value)
{
	json_builder_set_member_name(builder, name);
	if (value) {
		char *valid = g_utf8_make_valid(value, -1);

		json_builder_add_string_value(builder, valid);
		g_free(valid);
	} else {
		json_builder_add_null_value(builder);
	}
}

static void add_check(JsonBuilder *builder, const struct doctor_result *result)
{
	json_builder_begin_object(builder);
	set_string(builder, "id", result->check->id);
	set_string(builder, "name", result->check->name);
	set_string(builder, "verdict",
		result->run ? doctor_verdict_name(result->verdict) : "not checked");
	json_builder_set_member_name(builder, "findings");
	json_builder_begin_array(builder);
	for (guint i = 0; i < result->findings->len; i++) {
		const struct doctor_finding *finding = g_ptr_array_index(result->findings, i);

		json_builder_begin_object(builder);
		set_string(builder, "verdict", doctor_verdict_name(finding->verdict));
		set_string(builder, "path", finding->path);
		set_string(builder, "value", finding->value);
		set_string(builder, "text", finding->text);
		set_string(builder, "fix", finding->fix);
		json_builder_end_object(builder);
	}
	json_builder_end_array(builder);
	json_builder_end_object(builder);
}

static void add_layer(
	JsonBuilder *builder, const struct doctor_report *report, enum doctor_layer layer)
{
	bool later = report->failed >= 0 && (int)layer > report->failed;

	json_builder_begin_object(builder);
	set_string(builder, "layer", doctor_layer_name(layer));
	set_string(builder, "verdict",
		later ? "not checked"
		      : doctor_verdict_name(doctor_report_verdict(report, (int)layer)));
	set_string(builder, "not_checked_because_of",
		later ? doctor_layer_name((enum doctor_layer)report->failed) : NULL);
	json_builder_set_member_name(builder, "checks");
	json_builder_begin_array(builder);
	for (guint i = 0; i < report->results->len; i++) {
		const struct doctor_result *result = g_ptr_array_index(report->results, i);

		if (result->check->layer == layer) {
			add_check(builder, result);
		}
	}
	json_builder_end_array(builder);
	json_builder_end_object(builder);
}

char *doctor_json(const struct doctor_report *report, const struct doctor_host *host)
{
	static const char *const subjects[] = {
		[SUBJECT_NONE] = NULL,
		[SUBJECT_GVT] = "GVT-g",
		[SUBJECT_NVIDIA] = "NVIDIA vGPU",
		[SUBJECT_OTHER] = "other",
	};
	JsonBuilder *builder = json_builder_new();
	JsonGenerator *generator = json_generator_new();
	JsonNode *node;
	char *text, *line;

	json_builder_begin_object(builder);
	json_builder_set_member_name(builder, "version");
	json_builder_add_int_value(builder, 1);
	set_string(builder, "verdict", doctor_verdict_name(doctor_report_verdict(report, -1)));
	set_string(builder, "failed_layer",
		report->failed < 0 ? NULL : doctor_layer_name((enum doctor_layer)report->failed));
	json_builder_set_member_name(builder, "host");
	json_builder_begin_object(builder);
	set_string(builder, "kernel", host->release);
	set_string(builder, "distribution", host->distribution);
	set_string(builder, "distribution_name", host->distribution_name);
	set_string(builder, "bootloader", doctor_bootloader_name(host->bootloader));
	set_string(builder, "vgpus_of", subjects[host->subject]);
	json_builder_set_member_name(builder, "kernel_log_read");
	json_builder_add_boolean_value(builder, host->kernel_log != NULL);
	json_builder_end_object(builder);
	json_builder_set_member_name(builder, "layers");
	json_builder_begin_array(builder);
	for (int layer = 0; layer < LAYER_COUNT; layer++) {
		add_layer(builder, report, (enum doctor_layer)layer);
	}
	json_builder_end_array(builder);
	json_builder_end_object(builder);

	node = json_builder_get_root(builder);
	json_generator_set_root(generator, node);
	json_generator_set_pretty(generator, TRUE);
	text = json_generator_to_data(generator, NULL);
	line = g_strconcat(text, "\n", NULL);
	g_free(text);
	json_node_unref(node);
	g_object_unref(generator);
	g_object_unref(builder);
	return line;
}
