/* SPDX-License-Identifier: MIT */
/* The setters of the section More sources, and the options as each of the sources sees them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/options_table.h"
#include "bridge/options_values.h"

const char *const also_words[] = {"vm:", "mdev:", "cdev:", "group:", "simulate:", NULL};

static const struct kind {
	const char *name;
	enum source_kind source;
	int (*set)(struct options *options, const char *value, char *why, size_t why_size);
} kinds[] = {
	{"vm", SOURCE_VM, set_vm},
	{"mdev", SOURCE_MDEV, set_mdev},
	{"cdev", SOURCE_CDEV, set_cdev},
	{"group", SOURCE_GROUP, set_group},
	{"simulate", SOURCE_SIMULATE, set_simulate},
};

static const struct kind *find_kind(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strlen(kinds[i].name) == length && !strncmp(kinds[i].name, name, length)) {
			return &kinds[i];
		}
	}
	return NULL;
}

/* What "display switch" is told: two words mean something else. */
static int check_name(const char *name, char *why, size_t why_size)
{
	if (!access_name_is_good(name)) {
		return refuse(why, why_size,
			"a source's name has 1 to 255 bytes of UTF-8 and no control characters");
	}
	if (!strcmp(name, "next") || !strcmp(name, "host")) {
		return refuse(why, why_size,
			"a source can't be called '%s', which 'display switch' takes for something "
			"else; give it another by name=",
			name);
	}
	return 0;
}

static void also_finish(struct also_option *also)
{
	free(also->name);
	free(also->mdev);
	free(also->group);
	free(also->cdev);
	free(also->vm);
	free(also->simulate);
	free(also->qmp);
}

void also_options_finish(struct options *options)
{
	for (size_t i = 0; i < options->n_also; i++) {
		also_finish(&options->also[i]);
	}
	free(options->also);
	free(options->source_name);
}

/*
 * Cuts the last ",key=value" off, if it is one of ours: what is before may have commas of its own.
 * 1: there was one, 0: none.
 */
static int take_last(char *text, struct options *fields, char **name, char *why, size_t why_size)
{
	char *comma = strrchr(text, ',');
	const char *equals = comma ? strchr(comma, '=') : NULL;
	size_t length = equals ? (size_t)(equals - comma) - 1 : 0;
	int rc;

	if (length == 4 && !strncmp(comma + 1, "name", length)) {
		rc = check_name(equals + 1, why, why_size);
		rc = rc < 0 ? rc : keep(name, equals + 1, why, why_size);
	} else if (length == 3 && !strncmp(comma + 1, "qmp", length)) {
		rc = set_qmp(fields, equals + 1, why, why_size);
	} else if (length == 4 && !strncmp(comma + 1, "mdev", length)) {
		rc = set_mdev(fields, equals + 1, why, why_size);
	} else {
		return 0;
	}
	*comma = '\0';
	return rc < 0 ? rc : 1;
}

static int parse_also(struct also_option *also, char *text, char *why, size_t why_size)
{
	const struct kind *kind = find_kind(text, strcspn(text, ":"));
	const char *value = text + strcspn(text, ":");
	struct options fields = {.mdev = NULL};
	bool narrowed;
	int rc;

	while ((rc = take_last(text, &fields, &also->name, why, why_size)) > 0) {
	}
	narrowed = fields.mdev != NULL;
	if (rc == 0 && !kind) {
		rc = refuse(why, why_size,
			"'%s' does not begin with one of vm:, mdev:, cdev:, group:, simulate:",
			text);
	}
	if (rc == 0 && narrowed && kind->source != SOURCE_VM && kind->source != SOURCE_GROUP) {
		rc = refuse(why, why_size,
			"'%s': mdev= chooses one vGPU of vm: and group: only; leave it out", text);
	}
	if (rc == 0) {
		rc = kind->set(&fields, *value ? value + 1 : value, why, why_size);
	}
	*also = (struct also_option){
		.name = also->name,
		.source = kind ? kind->source : SOURCE_SIMULATE,
		.mdev = fields.mdev,
		.group = fields.group,
		.cdev = fields.cdev,
		.vm = fields.vm,
		.simulate = fields.simulate,
		.qmp = fields.qmp,
	};
	return rc;
}

int set_also(struct options *options, const char *value, char *why, size_t why_size)
{
	struct also_option also = {.name = NULL}, *list;
	char *text = strdup(value);
	int rc;

	if (!text) {
		return refuse(why, why_size, "out of memory");
	}
	if (options->n_also == ALSO_MAX) {
		free(text);
		return refuse(
			why, why_size, "'%s' is one too many: there can be %d", value, ALSO_MAX);
	}
	rc = parse_also(&also, text, why, why_size);
	free(text);
	list = rc < 0 ? NULL : realloc(options->also, (options->n_also + 1) * sizeof(*list));
	if (!list) {
		also_finish(&also);
		return rc < 0 ? rc : refuse(why, why_size, "out of memory");
	}
	list[options->n_also++] = also;
	options->also = list;
	return 0;
}

int set_source_name(struct options *options, const char *value, char *why, size_t why_size)
{
	int rc = check_name(value, why, why_size);

	return rc < 0 ? rc : keep(&options->source_name, value, why, why_size);
}

int set_switch_on_create(struct options *options, const char *value, char *why, size_t why_size)
{
	return set_flag(&options->switch_on_create, value, why, why_size);
}

size_t options_sources(const struct options *options)
{
	return options->n_also + 1;
}

void options_of_source(const struct options *options, size_t index, struct options *view)
{
	*view = *options;
	if (index > 0) {
		const struct also_option *also = &options->also[index - 1];

		view->source = also->source;
		view->mdev = also->mdev;
		view->group = also->group;
		view->cdev = also->cdev;
		view->vm = also->vm;
		view->simulate = also->simulate;
		view->qmp = also->qmp;
		view->source_name = also->name;
		view->fd = -1;
		view->qemu_pid = 0;
		view->fd_socket = NULL;
	}
}

void options_source_name(const struct options *view, char *name, size_t size)
{
	const char *slash;

	if (view->source_name) {
		snprintf(name, size, "%s", view->source_name);
		return;
	}
	switch (view->source) {
	case SOURCE_VM:
		snprintf(name, size, "%s", view->vm);
		break;
	case SOURCE_MDEV:
		snprintf(name, size, "%s", view->mdev);
		break;
	case SOURCE_GROUP:
		slash = strrchr(view->group, '/');
		snprintf(name, size, "group-%s", slash ? slash + 1 : view->group);
		break;
	case SOURCE_CDEV:
		slash = strrchr(view->cdev, '/');
		snprintf(name, size, "%s", slash ? slash + 1 : view->cdev);
		break;
	case SOURCE_SIMULATE:
		snprintf(name, size, "simulated");
		break;
	case SOURCE_RUN:
		snprintf(name, size, "%s", view->mdev ? view->mdev : "run");
		break;
	default:
		snprintf(name, size, "device");
		break;
	}
}

/* A device that can't be opened again can't be switched back to. */
static int check_first(const struct options *options)
{
	const char *name = NULL;

	switch (options->source) {
	case SOURCE_FD:
		name = "--fd";
		break;
	case SOURCE_FD_SOCKET:
		name = "--fd-socket";
		break;
	case SOURCE_PID:
		name = "--qemu-pid";
		break;
	default:
		return 0;
	}
	log_error(
		"--also: not with %s, whose device can't be opened again after another was shown; "
		"use --vm, --mdev, --group or --cdev",
		name);
	return -EINVAL;
}

static int check_pair(const struct options *options, size_t i, size_t j)
{
	struct options view, other;
	char name[256], other_name[256];

	options_of_source(options, i, &view);
	options_of_source(options, j, &other);
	options_source_name(&view, name, sizeof(name));
	options_source_name(&other, other_name, sizeof(other_name));
	if (!strcmp(name, other_name)) {
		log_error("--also: two sources are called '%s'; give one another name, by name= or "
			  "--source-name",
			name);
		return -EINVAL;
	}
	if (view.qmp && other.qmp && !strcmp(view.qmp, other.qmp)) {
		log_error(
			"--also: '%s' and '%s' have the same monitor, %s, which serves one program "
			"at a time; give each one of its own",
			other_name, name, view.qmp);
		return -EINVAL;
	}
	return 0;
}

int options_check_sources(const struct options *options)
{
	size_t count = options_sources(options);
	char name[256], why[320];
	struct options view;

	if (count == 1) {
		if (options->switch_on_create) {
			log_error(
				"--switch-on-create: there is one source only; name others by --also");
			return -EINVAL;
		}
		return 0;
	}
	if (check_first(options) < 0) {
		return -EINVAL;
	}
	for (size_t i = 0; i < count; i++) {
		options_of_source(options, i, &view);
		options_source_name(&view, name, sizeof(name));
		if (check_name(name, why, sizeof(why)) < 0) {
			log_error("--also: %s", why);
			return -EINVAL;
		}
		for (size_t j = 0; j < i; j++) {
			if (check_pair(options, i, j) < 0) {
				return -EINVAL;
			}
		}
	}
	return 0;
}
