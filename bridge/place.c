/* SPDX-License-Identifier: MIT */
#include "bridge/place.h"

#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/options.h"

#define SYSTEM_DIRECTORY "/run/vgpu-bridge"

/* Instead of all others, where bridges are not to be mixed with those of the machine. */
static char *chosen_directory(void)
{
	const char *text = g_getenv("VGPU_BRIDGE_CONTROL_DIR");

	return text && *text == '/' ? g_strdup(text) : NULL;
}

/* systemd may name several, with colons: the first. NULL without. */
static char *systemd_directory(void)
{
	const char *text = g_getenv("RUNTIME_DIRECTORY");

	return text && *text == '/' ? g_strndup(text, strcspn(text, ":")) : NULL;
}

static char *user_directory(void)
{
	const char *text = g_getenv("XDG_RUNTIME_DIR");
	struct stat status;

	/* Root may have kept a user's (su, sudo -E), whose sockets should not get root's passwords. */
	if (!text || *text != '/' || stat(text, &status) < 0 || status.st_uid != geteuid()) {
		return NULL;
	}
	return g_build_filename(text, "vgpu-bridge", NULL);
}

/* Others may have it made, with the mode that they like. */
static int make(const char *path, mode_t mode, char *why, size_t why_size)
{
	int error = mkdir(path, mode) < 0 ? errno : 0;

	if (error == EEXIST && access(path, W_OK | X_OK) < 0) {
		error = errno;
	} else if (error == EEXIST) {
		error = 0;
	}
	if (error) {
		snprintf(why, why_size,
			"%s: %s; name another place with --control unix:PATH, or none with "
			"--control none",
			path, strerror(error));
	}
	return -error;
}

char *place_directory(char *why, size_t why_size)
{
	char *path = chosen_directory();
	mode_t mode = 0700;

	if (!path) {
		path = systemd_directory();
	}
	if (!path && geteuid() != 0) {
		path = user_directory();
	}
	if (!path) {
		path = g_strdup(SYSTEM_DIRECTORY);
		mode = 0755;
	}
	if (make(path, mode, why, why_size) < 0) {
		g_free(path);
		return NULL;
	}
	return path;
}

char **place_directories(void)
{
	char *chosen = chosen_directory();
	char *all[] = {chosen, NULL, NULL};
	GPtrArray *list = g_ptr_array_new();

	if (!chosen) {
		all[0] = systemd_directory();
		all[1] = user_directory();
		all[2] = g_strdup(SYSTEM_DIRECTORY);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
		bool known = !all[i];

		for (guint j = 0; !known && j < list->len; j++) {
			known = !strcmp(g_ptr_array_index(list, j), all[i]);
		}
		if (known) {
			g_free(all[i]);
		} else {
			g_ptr_array_add(list, all[i]);
		}
	}
	g_ptr_array_add(list, NULL);
	return (char **)g_ptr_array_free(list, FALSE);
}

/* A word for what has no name of its own. */
static char *source_name(const struct options *options)
{
	char *base, *name;

	if (options->cdev || options->fd_socket) {
		return g_path_get_basename(options->cdev ? options->cdev : options->fd_socket);
	}
	if (options->group) {
		base = g_path_get_basename(options->group);
		name = g_strdup_printf("group-%s", base);
		g_free(base);
		return name;
	}
	if (options->qemu_pid) {
		return g_strdup_printf("pid-%d", options->qemu_pid);
	}
	return g_strdup(options->simulate ? "simulated" : "device");
}

void place_make_safe(char *name)
{
	if (strlen(name) > PLACE_NAME_MAX) {
		name[PLACE_NAME_MAX] = '\0';
	}
	for (char *c = name; *c; c++) {
		if (!g_ascii_isalnum(*c) && !strchr("-_.", *c)) {
			*c = '_';
		}
	}
	if (*name && !g_ascii_isalnum(*name)) {
		*name = '_';
	}
}

char *place_name(const struct options *options)
{
	const char *given = options->access.name ? options->access.name
		: options->vm                    ? options->vm
						 : options->mdev;
	char *name = given ? g_strdup(given) : source_name(options);

	place_make_safe(name);
	return name;
}

char *place_path(const char *directory, const char *name)
{
	return g_strdup_printf("%s/%s" PLACE_SUFFIX, directory, name);
}
