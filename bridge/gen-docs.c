/* SPDX-License-Identifier: MIT */
/*
 * Run at build time: prints what is made of the option table. "man TEMPLATE" fills the option
 * and verb sections of the man page's source, "completion" prints bash's completion, "help VERB" is --help.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "bridge/options_table.h"
#include "bridge/tools.h"

#define LINE_MAX_BYTES 4096

static void print_man_entry(const struct option_spec *spec)
{
	if (spec->letter) {
		printf("*-%c*, ", spec->letter);
	}
	printf("*--%s*", spec->name);
	if (spec->optional_argument) {
		printf("\\[=_%s_\\]", spec->argument);
	} else if (spec->argument) {
		printf(" _%s_", spec->argument);
	}
	if (spec->man) {
		printf("\n\t%s", spec->man);
	} else {
		/* The table's short sentences have no capital and no full stop. */
		printf("\n\t%c%s.", toupper((unsigned char)spec->help[0]), spec->help + 1);
	}
	if (spec->verbs == FOR_VIEWER_FILE) {
		printf(" Only for *viewer-file*.");
	}
	if (spec->section != SECTION_SOURCE && (spec->verbs & FOR_SERVE) &&
		!(spec->verbs & FOR_PROBE)) {
		printf(" Not for *probe*.");
	}
	printf("\n\n");
}

static void print_man_section(enum option_section section)
{
	const struct option_spec *spec;

	for (size_t i = 0; (spec = option_at(i)); i++) {
		if (spec->section == section) {
			print_man_entry(spec);
		}
	}
}

/* Plain text in scdoc's markup. */
static void print_plain(const char *text)
{
	for (; *text; text++) {
		if (strchr("*_[]|\\", *text)) {
			putchar('\\');
		}
		putchar(*text);
	}
}

static void print_man_tool(const struct tool *tool)
{
	printf("## vgpu-bridge %s\n\n*vgpu-bridge %s* ", tool->name, tool->name);
	print_plain(tool->usage);
	printf("\n\n");
	print_plain(tool->help);
	printf("\n\n");
	if (tool->man) {
		printf("%s\n\n", tool->man);
	}
	for (const struct tool_option *option = tool->options; option->name; option++) {
		printf("*--%s*", option->name);
		if (option->argument) {
			printf(" _");
			print_plain(option->argument);
			printf("_");
		}
		if (option->man) {
			printf("\n\t%s\n\n", option->man);
		} else {
			printf("\n\t%c%s.\n\n", toupper((unsigned char)option->help[0]),
				option->help + 1);
		}
	}
}

static void print_man_tools(const struct tool *const *tools)
{
	for (size_t i = 0; tools[i]; i++) {
		print_man_tool(tools[i]);
	}
}

static int print_man(const char *template)
{
	FILE *file = fopen(template, "re");
	char line[LINE_MAX_BYTES];

	if (!file) {
		perror(template);
		return 1;
	}
	while (fgets(line, sizeof(line), file)) {
		if (!strcmp(line, "@SOURCES@\n")) {
			print_man_section(SECTION_SOURCE);
		} else if (!strcmp(line, "@OPTIONS@\n")) {
			for (int i = SECTION_SOURCE + 1; i < SECTION_COUNT; i++) {
				printf("## %s\n\n", option_section_name((enum option_section)i));
				print_man_section((enum option_section)i);
			}
		} else if (!strcmp(line, "@TOOLS manage@\n")) {
			print_man_tools(tools_manage);
		} else if (!strcmp(line, "@TOOLS doctor@\n")) {
			print_man_tools(tools_doctor);
		} else if (!strcmp(line, "@TOOLS operate@\n")) {
			print_man_tools(tools_operate);
		} else {
			fputs(line, stdout);
		}
	}
	fclose(file);
	return 0;
}

static void print_offers(enum option_completion completion, const char *const *words)
{
	switch (completion) {
	case COMPLETE_NOTHING:
		break;
	case COMPLETE_WORDS:
		printf("\t\twords=\"");
		for (int i = 0; words[i]; i++) {
			printf("%s%s", i ? " " : "", words[i]);
		}
		printf("\"\n");
		break;
	case COMPLETE_FILES:
		printf("\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n");
		break;
	case COMPLETE_MDEV:
		printf("\t\twords=$(cd /sys/bus/mdev/devices 2>/dev/null && echo *-*)\n");
		break;
	case COMPLETE_GROUP:
		printf("\t\twords=$(cd /dev/vfio 2>/dev/null && echo [0-9]*)\n");
		break;
	case COMPLETE_CDEV:
		printf("\t\twords=$(echo /dev/vfio/devices/*)\n");
		break;
	}
	printf("\t\t;;\n");
}

static void print_completion_case(const struct option_spec *spec)
{
	printf("\t--%s", spec->name);
	if (spec->letter) {
		printf(" | -%c", spec->letter);
	}
	printf(")\n");
	print_offers(spec->completion, spec->words);
}

/* Its options have names of their own, so the verb stands before them in the case. */
static void print_completion_tool(const struct tool *tool)
{
	for (const struct tool_option *option = tool->options; option->name; option++) {
		if (option->argument) {
			printf("\t%s--%s)\n", tool->name, option->name);
			print_offers(option->completion, option->words);
		}
	}
	if (tool->completion != COMPLETE_NOTHING) {
		printf("\t%s)\n", tool->name);
		print_offers(tool->completion, tool->words);
	}
}

static void print_tool_options(const struct tool *tool)
{
	printf("\t%s) tool=$typed_verb options=\"", tool->name);
	for (const struct tool_option *option = tool->options; option->name; option++) {
		printf("--%s ", option->name);
	}
	printf("--help\" ;;\n");
}

static void print_completion_verb(enum verb verb)
{
	const struct option_spec *spec;

	printf("\t%s) options=\"", verb_name(verb));
	for (size_t i = 0, n = 0; (spec = option_at(i)); i++) {
		if (spec->verbs & (1u << verb)) {
			printf("%s--%s", n++ ? " " : "", spec->name);
		}
	}
	printf("\" ;;\n");
}

static int print_completion(void)
{
	/* Bash splits words at = and :, so what was typed is put together again first. */
	printf("# bash completion for vgpu-bridge; made from its option table\n"
	       "\n"
	       "_vgpu_bridge()\n"
	       "{\n"
	       "\tlocal line=${COMP_LINE:0:COMP_POINT} current option='' words='' options='' cut\n"
	       "\tlocal tool='' typed_verb=''\n"
	       "\tlocal -a typed\n"
	       "\tread -ra typed <<<\"$line\"\n"
	       "\t[[ $line == *[[:space:]] ]] && typed+=('')\n"
	       "\tlocal last=$((${#typed[@]} - 1))\n"
	       "\tCOMPREPLY=()\n"
	       "\tcurrent=${typed[last]}\n"
	       "\tif ((last <= 1)); then\n"
	       "\t\tmapfile -t COMPREPLY < <(compgen -W '");
	for (int i = 0; i < VERB_COUNT; i++) {
		printf("%s ", verb_name((enum verb)i));
	}
	for (size_t i = 0; tool_at(i); i++) {
		printf("%s ", tool_at(i)->name);
	}
	printf("--help --version' -- \"$current\")\n"
	       "\t\treturn\n"
	       "\tfi\n"
	       "\ttyped_verb=${typed[1]}\n"
	       "\tcase $typed_verb in\n");
	for (int i = 0; i < VERB_COUNT; i++) {
		print_completion_verb((enum verb)i);
	}
	for (size_t i = 0; tool_at(i); i++) {
		print_tool_options(tool_at(i));
	}
	printf("\tesac\n"
	       "\tif [[ $current == --*=* ]]; then\n"
	       "\t\toption=${current%%%%=*}\n"
	       "\t\tcurrent=${current#*=}\n"
	       "\telif [[ $current != -* ]]; then\n"
	       "\t\toption=${typed[last - 1]}\n"
	       "\tfi\n"
	       "\t# Whatever is no option's value is an argument of the verb.\n"
	       "\tif [[ $tool && $current != -* && $option != --* ]]; then\n"
	       "\t\toption=''\n"
	       "\telif [[ $tool && $current == -* && -z $option ]]; then\n"
	       "\t\toption=--\n"
	       "\tfi\n"
	       "\tcase $tool$option in\n");
	for (size_t i = 0; option_at(i); i++) {
		if (option_at(i)->argument) {
			print_completion_case(option_at(i));
		}
	}
	for (size_t i = 0; tool_at(i); i++) {
		print_completion_tool(tool_at(i));
	}
	printf("\t*) words=$options ;;\n"
	       "\tesac\n"
	       "\tif [[ $words ]]; then\n"
	       "\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
	       "\tfi\n"
	       "\t# Readline replaces only what follows the last = or :.\n"
	       "\tcut=${current%%\"${current##*[=:]}\"}\n"
	       "\t[[ $current == *[=:]* ]] && COMPREPLY=(\"${COMPREPLY[@]#\"$cut\"}\")\n"
	       "\t[[ ${COMPREPLY[0]} == *[:=] ]] && compopt -o nospace 2>/dev/null\n"
	       "\treturn 0\n"
	       "}\n"
	       "\n"
	       "complete -F _vgpu_bridge vgpu-bridge\n");
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "man")) {
		return print_man(argv[2]);
	}
	if (argc == 2 && !strcmp(argv[1], "completion")) {
		return print_completion();
	}
	if (argc == 3 && !strcmp(argv[1], "help")) {
		for (int i = 0; i < VERB_COUNT; i++) {
			if (!strcmp(argv[2], verb_name((enum verb)i))) {
				options_print_help(stdout, (enum verb)i);
				return 0;
			}
		}
		if (tool_find(argv[2])) {
			tool_print_help(stdout, tool_find(argv[2]));
			return 0;
		}
	}
	fprintf(stderr, "usage: gen-docs man TEMPLATE | completion | help VERB\n");
	return 1;
}
