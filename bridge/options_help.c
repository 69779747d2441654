/* SPDX-License-Identifier: MIT */
/* The verbs, and --help as it comes from the table of options. */
#include "bridge/options_table.h"

const char *option_section_name(enum option_section section)
{
	static const char *const names[] = {"Source, exactly one", "More sources", "Viewers",
		"Who may look", "Picture", "Input", "Channels", "General"};

	return names[section];
}

static const struct verb_spec {
	const char *name, *usage, *summary, *help;
} verb_specs[VERB_COUNT] = {
	[VERB_SERVE] = {"serve", "SOURCE --listen ADDRESS [OPTION...]",
		"show a virtual GPU's picture to SPICE viewers",
		"Serves a virtual GPU's picture as a SPICE display."},
	[VERB_PROBE] = {"probe", "SOURCE [OPTION...]",
		"say what a virtual GPU offers, and if it can't be shown, why",
		"Says what a virtual GPU offers, and if it can't be shown, why."},
	[VERB_RUN] = {"run",
		"--mdev UUID|--cdev PATH --listen ADDRESS [OPTION...] -- QEMU [ARGUMENT...]",
		"start QEMU with a virtual GPU and serve it",
		"Starts QEMU, gives it the virtual GPU, and serves the picture until QEMU ends."},
	[VERB_VIEWER_FILE] = {"viewer-file", "--listen ADDRESS [OPTION...]",
		"print a file with which remote-viewer opens the guest",
		"Prints a file (.vv) with which remote-viewer opens the guest. Takes the options "
		"that it is served with."},
};

const char *verb_name(enum verb verb)
{
	return verb_specs[verb].name;
}

const char *verb_usage(enum verb verb)
{
	return verb_specs[verb].usage;
}

const char *verb_summary(enum verb verb)
{
	return verb_specs[verb].summary;
}

static void print_option(FILE *stream, const struct option_spec *spec)
{
	const char *before = "", *after = "";
	char head[64], letter[8] = "    ";

	if (spec->letter) {
		snprintf(letter, sizeof(letter), "-%c, ", spec->letter);
	}
	if (spec->optional_argument) {
		before = "[=";
		after = "]";
	} else if (spec->argument) {
		before = "=";
	}
	snprintf(head, sizeof(head), "%s--%s%s%s%s", letter, spec->name, before,
		spec->argument ? spec->argument : "", after);
	fprintf(stream, "  %-28s %s\n", head, spec->help);
}

void options_print_help(FILE *stream, enum verb verb)
{
	fprintf(stream, "Usage: vgpu-bridge %s %s\n%s\n", verb_name(verb), verb_usage(verb),
		verb_specs[verb].help);
	for (int section = 0; section < SECTION_COUNT; section++) {
		const struct option_spec *spec;
		bool titled = false;

		for (size_t i = 0; (spec = option_at(i)); i++) {
			if ((int)spec->section != section || !(spec->verbs & (1u << verb))) {
				continue;
			}
			if (!titled) {
				fprintf(stream, "\n%s:\n",
					verb == VERB_VIEWER_FILE && section == SECTION_SOURCE
						? "What is shown"
						: option_section_name(
							  (enum option_section)section));
				titled = true;
			}
			print_option(stream, spec);
		}
	}
	fprintf(stream, "\nThe manual page vgpu-bridge(1) says more.\n");
}
