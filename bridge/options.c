/* SPDX-License-Identifier: MIT */
/*
 * Command line over config file over defaults. Both are first read into lists of settings, then the
 * config's are dropped where the command line says otherwise, and what remains is set in order.
 */
#include "bridge/options.h"

#include <errno.h>
#include <glib.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/config.h"
#include "bridge/options_table.h"
#include "bridge/passed.h"
#include "bridge/tools.h"

#define WHY_SIZE 512

struct setting {
	const struct option_spec *spec;
	char *value;
	unsigned line; /* in the config file; 0: command line */
};

struct reading {
	enum verb verb;
	GArray *settings; /* struct setting */
	const char *config; /* the file's path, in the command line's settings */
	bool help, version;
	char why[WHY_SIZE];
};

static void setting_finish(gpointer data)
{
	struct setting *setting = data;

	/* Not a password: that is only ever in a file. */
	g_free(setting->value);
}

static void reading_init(struct reading *reading, enum verb verb)
{
	memset(reading, 0, sizeof(*reading));
	reading->verb = verb;
	reading->settings = g_array_new(FALSE, FALSE, sizeof(struct setting));
	g_array_set_clear_func(reading->settings, setting_finish);
}

static struct setting *setting_at(const struct reading *reading, guint i)
{
	return &g_array_index(reading->settings, struct setting, i);
}

static const struct setting *find_setting(
	const struct reading *reading, const struct option_spec *spec)
{
	for (guint i = 0; i < reading->settings->len; i++) {
		if (setting_at(reading, i)->spec == spec) {
			return setting_at(reading, i);
		}
	}
	return NULL;
}

static void add_setting(
	struct reading *reading, const struct option_spec *spec, const char *value, unsigned line)
{
	struct setting setting = {.spec = spec, .value = g_strdup(value), .line = line};

	g_array_append_val(reading->settings, setting);
}

static const struct option_spec *find_written(const char *written)
{
	if (!strncmp(written, "--", 2)) {
		return option_find(written + 2);
	}
	const struct option_spec *spec;

	for (size_t i = 0; (spec = option_at(i)); i++) {
		if (spec->letter && spec->letter == written[1]) {
			break;
		}
	}
	return spec;
}

/* GOption calls this for each option: written is "--max-fps" or "-l". */
static gboolean on_option(const gchar *written, const gchar *value, gpointer data, GError **error)
{
	struct reading *reading = data;
	const struct option_spec *spec = find_written(written);
	const struct setting *before;

	if (!spec) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "%s: unknown", written);
		return FALSE;
	}
	if (!strcmp(spec->name, "help")) {
		reading->help = true;
		return TRUE;
	}
	if (!strcmp(spec->name, "version")) {
		reading->version = true;
		return TRUE;
	}
	/* Its command line may be the server's, with another first word. */
	if (reading->verb == VERB_VIEWER_FILE && !(spec->verbs & FOR_VIEWER_FILE) &&
		(spec->verbs & FOR_SERVE)) {
		return TRUE;
	}
	if (!(spec->verbs & (1u << reading->verb))) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
			"--%s%s%s: not an option of '%s'; see vgpu-bridge %s --help", spec->name,
			value ? "=" : "", value ? value : "", verb_name(reading->verb),
			verb_name(reading->verb));
		return FALSE;
	}
	before = find_setting(reading, spec);
	if (before && !spec->repeatable) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
			"--%s: given twice ('%s', then '%s'); give it once", spec->name,
			before->value, value ? value : "");
		return FALSE;
	}
	add_setting(reading, spec, value ? value : "", 0);
	if (!spec->set) {
		reading->config = setting_at(reading, reading->settings->len - 1)->value;
	}
	return TRUE;
}

static GOptionEntry *make_entries(void)
{
	GArray *entries = g_array_new(TRUE, TRUE, sizeof(GOptionEntry));
	const struct option_spec *spec;

	for (size_t i = 0; (spec = option_at(i)); i++) {
		GOptionEntry entry = {.long_name = spec->name, .short_name = spec->letter};
		union {
			GOptionArgFunc function;
			gpointer pointer;
		} callback = {.function = on_option};

		/* Values are bytes: a path need not be UTF-8. */
		entry.flags = !spec->argument ? G_OPTION_FLAG_NO_ARG
			: spec->optional_argument
			? G_OPTION_FLAG_OPTIONAL_ARG | G_OPTION_FLAG_FILENAME
			: G_OPTION_FLAG_FILENAME;
		entry.arg = G_OPTION_ARG_CALLBACK;
		entry.arg_data = callback.pointer;
		g_array_append_val(entries, entry);
	}
	return (GOptionEntry *)(gpointer)g_array_free(entries, FALSE);
}

/* GOption drops the value of "--no-auth=x" in silence: look for it before. */
static int check_no_values(struct reading *reading, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *equals = strchr(argv[i], '=');
		const struct option_spec *spec;

		for (size_t j = 0; equals && (spec = option_at(j)); j++) {
			size_t length = strlen(spec->name);

			if (!spec->argument && !strncmp(argv[i], "--", 2) &&
				!strncmp(argv[i] + 2, spec->name, length) &&
				argv[i] + 2 + length == equals) {
				snprintf(reading->why, WHY_SIZE,
					"--%s: takes no value, but has '%s'; leave it out",
					spec->name, equals + 1);
				return -EINVAL;
			}
		}
	}
	return 0;
}

static int read_command_line(struct reading *reading, int argc, char **argv)
{
	GOptionContext *context = g_option_context_new(NULL);
	GOptionGroup *group = g_option_group_new("main", "", "", reading, NULL);
	GOptionEntry *entries = make_entries();
	GError *error = NULL;
	int result = check_no_values(reading, argc, argv);

	g_option_group_add_entries(group, entries);
	g_option_context_set_main_group(context, group);
	g_option_context_set_help_enabled(context, FALSE);
	if (result < 0) {
		/* said */
	} else if (!g_option_context_parse(context, &argc, &argv, &error)) {
		snprintf(reading->why, WHY_SIZE, "%s%s%s%s", error->message,
			error->code == G_OPTION_ERROR_FAILED ? "" : "; see vgpu-bridge ",
			error->code == G_OPTION_ERROR_FAILED ? "" : verb_name(reading->verb),
			error->code == G_OPTION_ERROR_FAILED ? "" : " --help");
		g_error_free(error);
		result = -EINVAL;
	} else if (argc > 1 && !reading->help && !reading->version) {
		snprintf(reading->why, WHY_SIZE,
			"'%s': unexpected argument; options begin with --, see vgpu-bridge %s "
			"--help",
			argv[1], verb_name(reading->verb));
		result = -EINVAL;
	}
	g_option_context_free(context);
	g_free(entries);
	return result;
}

static int on_key(const char *key, const char *value, unsigned line, void *data)
{
	struct reading *reading = data;
	const struct option_spec *spec = option_find(key);

	if (!spec || spec->no_key) {
		snprintf(reading->why, WHY_SIZE,
			"%s:%u: unknown key '%s' (value '%s'); keys are the long options without "
			"--",
			reading->config, line, key, value);
		return -EINVAL;
	}
	if (!spec->repeatable && find_setting(reading, spec)) {
		snprintf(reading->why, WHY_SIZE,
			"%s:%u: key '%s' is there twice ('%s' in line %u, then '%s'); keep one",
			reading->config, line, key, find_setting(reading, spec)->value,
			find_setting(reading, spec)->line, value);
		return -EINVAL;
	}
	if (!spec->argument && *value == '\0') {
		snprintf(reading->why, WHY_SIZE,
			"%s:%u: key '%s' has no value; write true or false", reading->config, line,
			key);
		return -EINVAL;
	}
	/* One file may serve both verbs: what the other one needs is passed over. */
	if (spec->verbs & (1u << reading->verb)) {
		add_setting(reading, spec, value, line);
	}
	return 0;
}

static bool has_source(const struct reading *reading)
{
	for (guint i = 0; i < reading->settings->len; i++) {
		if (setting_at(reading, i)->spec->section == SECTION_SOURCE) {
			return true;
		}
	}
	return false;
}

/* The sockets that systemd passed don't replace the addresses of the file, they come beside them. */
static bool replaces(const struct reading *stronger, const struct option_spec *spec)
{
	for (guint i = 0; i < stronger->settings->len; i++) {
		const struct setting *setting = setting_at(stronger, i);

		if (setting->spec == spec &&
			(strcmp(spec->name, "listen") != 0 || !passed_is(setting->value))) {
			return true;
		}
	}
	return false;
}

static int apply(struct options *options, const struct reading *reading,
	const struct reading *stronger, const char *config)
{
	char why[WHY_SIZE] = "";

	for (guint i = 0; i < reading->settings->len; i++) {
		const struct setting *setting = setting_at(reading, i);

		if (!setting->spec->set) {
			continue;
		}
		/* A source on the command line replaces whatever source the file names. */
		if (stronger &&
			(replaces(stronger, setting->spec) ||
				(setting->spec->section == SECTION_SOURCE &&
					has_source(stronger)))) {
			continue;
		}
		if (setting->spec->set(options, setting->value, why, sizeof(why)) < 0) {
			if (setting->line) {
				log_error("%s:%u: %s: %s", config, setting->line,
					setting->spec->name, why);
			} else {
				log_error("--%s: %s", setting->spec->name, why);
			}
			return -EINVAL;
		}
	}
	return 0;
}

static int choose_source(struct options *options)
{
	const struct {
		enum source_kind kind;
		const char *name;
		bool given;
	} sources[] = {
		{SOURCE_GROUP, " --group", options->group},
		{SOURCE_CDEV, " --cdev", options->cdev},
		{SOURCE_FD, " --fd", options->fd >= 0},
		{SOURCE_SIMULATE, " --simulate", options->simulate},
		{SOURCE_VM, " --vm", options->vm},
		{SOURCE_PID, " --qemu-pid", options->qemu_pid},
		{SOURCE_FD_SOCKET, " --fd-socket", options->fd_socket},
	};
	const char *names[G_N_ELEMENTS(sources) + 1];
	bool narrows = options->group || options->vm || options->qemu_pid;
	unsigned count = 0;
	char *list;

	for (size_t i = 0; i < G_N_ELEMENTS(sources); i++) {
		if (sources[i].given) {
			options->source = sources[i].kind;
			names[count++] = sources[i].name;
		}
	}
	if (options->mdev && !narrows) {
		if (count == 0) {
			options->source = SOURCE_MDEV;
		}
		names[count++] = " --mdev";
	}
	if (count == 1) {
		if (options->verb == VERB_RUN) {
			options->source = SOURCE_RUN;
		}
		return 0;
	}
	if (count == 0) {
		log_error(options->verb == VERB_RUN
				? "no source; give one of --mdev UUID or --cdev PATH"
				: "no source; give one of --mdev UUID, --group N, --cdev PATH, "
				  "--fd N, --vm NAME, --qemu-pid PID, --fd-socket PATH or "
				  "--simulate");
		return -EINVAL;
	}
	names[count] = NULL;
	list = g_strjoinv("", (char **)names);
	log_error("%u sources:%s; give exactly one (--mdev also goes with --group, --vm and "
		  "--qemu-pid)",
		count, list);
	g_free(list);
	return -EINVAL;
}

static int check_command(const struct options *options)
{
	if (options->verb == VERB_RUN && !options->command) {
		log_error("no command to run; write -- and then QEMU's, such as -- "
			  "qemu-system-x86_64 -m 2G -display none");
		return -EINVAL;
	}
	if (options->fd_socket_uid != UINT_MAX && !options->fd_socket) {
		log_error("--fd-socket-uid: '%u' is of use with --fd-socket only; give that too",
			options->fd_socket_uid);
		return -EINVAL;
	}
	return 0;
}

static void print_usage(FILE *stream)
{
	for (int i = 0; i < VERB_COUNT; i++) {
		fprintf(stream, "%s vgpu-bridge %s %s\n",
			i ? "      " : "Usage:", verb_name((enum verb)i), verb_usage((enum verb)i));
	}
	fprintf(stream, "       vgpu-bridge COMMAND [ARGUMENT...] [OPTION...]\n\n");
	for (int i = 0; i < VERB_COUNT; i++) {
		fprintf(stream, "  %-13s %s\n", verb_name((enum verb)i),
			verb_summary((enum verb)i));
	}
	for (size_t i = 0; tool_at(i); i++) {
		fprintf(stream, "  %-13s %s\n", tool_at(i)->name, tool_at(i)->summary);
	}
	fprintf(stream, "\nEach has --help, which lists its options.\n");
}

/* "serve, probe, run or list" */
static char *list_verbs(void)
{
	GString *list = g_string_new(NULL);

	for (int i = 0; i < VERB_COUNT; i++) {
		g_string_append_printf(list, "%s%s", i == 0 ? "" : ", ", verb_name((enum verb)i));
	}
	for (size_t i = 0; tool_at(i); i++) {
		g_string_append_printf(
			list, "%s%s", tool_at(i + 1) ? ", " : " or ", tool_at(i)->name);
	}
	return g_string_free(list, FALSE);
}

static int parse_verb(enum verb *verb, int argc, char **argv)
{
	char *list;

	if (argc < 2) {
		log_error(
			"no command; write vgpu-bridge serve ... or vgpu-bridge probe ..., or see "
			"vgpu-bridge --help");
		return -EINVAL;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_usage(stdout);
		return 1;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		printf("vgpu-bridge %s\n", VGPU_BRIDGE_VERSION);
		return 1;
	}
	for (int i = 0; i < VERB_COUNT; i++) {
		if (!strcmp(argv[1], verb_name((enum verb)i))) {
			*verb = (enum verb)i;
			return 0;
		}
	}
	list = list_verbs();
	log_error(
		"'%s': not a command; the first word is %s, see vgpu-bridge --help", argv[1], list);
	g_free(list);
	return -EINVAL;
}

int options_parse(struct options *options, int argc, char **argv)
{
	struct reading line, file;
	char **copy;
	int result;

	memset(options, 0, sizeof(*options));
	options->fd = -1;
	options->fd_socket_uid = UINT_MAX;
	options->max_fps = 60;
	result = parse_verb(&options->verb, argc, argv);
	if (result != 0) {
		return result;
	}
	/* What follows -- is not ours to look at. */
	for (int i = 2; options->verb == VERB_RUN && i < argc; i++) {
		if (!strcmp(argv[i], "--")) {
			options->command = i + 1 < argc ? argv + i + 1 : NULL;
			argc = i;
		}
	}
	reading_init(&line, options->verb);
	reading_init(&file, options->verb);
	/* GOption reorders what it is given: our caller's argv stays as it is. */
	copy = g_new0(char *, (gsize)argc);
	memcpy(copy + 1, argv + 2, sizeof(*copy) * (size_t)(argc - 2));
	copy[0] = argv[0];
	result = read_command_line(&line, argc - 1, copy);
	g_free(copy);
	if (result < 0) {
		log_error("%s", line.why);
		goto out;
	}
	if (line.help || line.version) {
		if (line.help) {
			options_print_help(stdout, options->verb);
		} else {
			printf("vgpu-bridge %s\n", VGPU_BRIDGE_VERSION);
		}
		result = 1;
		goto out;
	}
	if (line.config) {
		file.config = line.config;
		result = config_read(line.config, on_key, &file, file.why, sizeof(file.why));
		if (result < 0) {
			log_error("--config: %s", file.why);
			result = -EINVAL;
			goto out;
		}
	}
	result = apply(options, &file, &line, line.config);
	if (result == 0) {
		result = apply(options, &line, NULL, NULL);
	}
	if (result == 0) {
		result = options->verb == VERB_VIEWER_FILE ? 0 : choose_source(options);
	}
	if (result == 0) {
		result = check_command(options);
	}
	if (result == 0) {
		result = options_check_sources(options);
	}
	if (result == 0) {
		result = access_check(options);
	}

out:
	g_array_free(line.settings, TRUE);
	g_array_free(file.settings, TRUE);
	if (result != 0) {
		options_finish(options);
	}
	return result;
}

void options_finish(struct options *options)
{
	for (size_t i = 0; i < options->n_addresses; i++) {
		listen_address_finish(&options->addresses[i]);
	}
	free(options->addresses);
	for (size_t i = 0; i < options->n_channels; i++) {
		free(options->channels[i].name);
		free(options->channels[i].path);
	}
	free(options->channels);
	if (options->password) {
		explicit_bzero(options->password, strlen(options->password));
	}
	free(options->password);
	access_finish(&options->access);
	free(options->mdev);
	free(options->group);
	free(options->cdev);
	free(options->vm);
	free(options->fd_socket);
	free(options->simulate);
	also_options_finish(options);
	free(options->render_node);
	free(options->qmp);
	free(options->audio_bus);
	free(options->control);
	free(options->trace);
	memset(options, 0, sizeof(*options));
	options->fd = -1;
}
