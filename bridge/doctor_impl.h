/* SPDX-License-Identifier: MIT */
/*
 * Inside doctor: the report that checks fill and the printers read, and the facts of the host.
 *
 * The report owns its strings; the host owns what doctor_host_read() put there. Main thread.
 */
#ifndef BRIDGE_DOCTOR_IMPL_H
#define BRIDGE_DOCTOR_IMPL_H

#include <stdio.h>

#include "bridge/doctor.h"

struct doctor_finding {
	enum doctor_verdict verdict;
	char *path; /* or NULL */
	char *value; /* or NULL */
	char *text;
	char *fix; /* or NULL */
};

struct doctor_result {
	const struct doctor_check *check;
	bool run; /* false: an earlier layer failed */
	enum doctor_verdict verdict; /* the worst of its findings */
	GPtrArray *findings; /* of struct doctor_finding */
};

struct doctor_report {
	GPtrArray *results; /* of struct doctor_result, in order of layers */
	struct doctor_result *current;
	int failed; /* the first layer that failed, -1: none */
};

const char *doctor_layer_name(enum doctor_layer layer);
const char *doctor_verdict_name(enum doctor_verdict verdict);
const char *doctor_bootloader_name(enum doctor_bootloader bootloader);
/* The worst of the whole report, and of a layer. SKIPPED counts for nothing. */
enum doctor_verdict doctor_report_verdict(const struct doctor_report *report, int layer);

/* A copy that neither a terminal nor JSON stumbles over; without lines it is cut as well. */
char *doctor_printable(const char *text, bool keep_lines);

/* Has the check that runs left nothing so far? */
bool doctor_silent(const struct doctor_report *report);

/* Runs all checks. */
void doctor_report_init(struct doctor_report *report, const struct doctor_host *host);
void doctor_report_finish(struct doctor_report *report);

void doctor_print(FILE *stream, bool colour, const struct doctor_report *report,
	const struct doctor_host *host);
/* Ends with a newline. For g_free(). */
char *doctor_json(const struct doctor_report *report, const struct doctor_host *host);

/* root and vm are borrowed; vm may be NULL. 0 or -ENOMEM. */
int doctor_host_read(struct doctor_host *host, const char *root, const char *vm);
void doctor_host_finish(struct doctor_host *host);
/* Parts of it. */
void doctor_read_gpus(struct doctor_host *host);
void doctor_read_log(struct doctor_host *host);
void doctor_read_bootloader(struct doctor_host *host); /* after the other facts */

#endif
