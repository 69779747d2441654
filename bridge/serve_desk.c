/* SPDX-License-Identifier: MIT */
/* Where the control socket of a server is made. */
#include <errno.h>
#include <glib.h>
#include <unistd.h>

#include "bridge/desk.h"
#include "bridge/log.h"
#include "bridge/options.h"
#include "bridge/place.h"
#include "bridge/serve_impl.h"

/* At the usual place. Where the name is in use, another bridge shows the like: ours gets a number. */
static void open_desk_by_name(struct server *server, struct desk_options *desk)
{
	char *name = place_name(server->options), *other = g_strdup_printf("%s-%d", name, getpid());
	const char *const names[] = {name, other};
	char *directory, *path;
	char why[512];

	directory = place_directory(why, sizeof(why));
	for (size_t i = 0; directory && !server->desk && i < G_N_ELEMENTS(names); i++) {
		path = place_path(directory, names[i]);
		desk->path = path;
		desk->name = names[i];
		server->desk = desk_create(desk, why, sizeof(why));
		i += !server->desk && errno != EADDRINUSE;
		g_free(path);
	}
	if (!server->desk) {
		log_warning("no control socket: %s", why);
	}
	g_free(directory);
	g_free(other);
	g_free(name);
}

int serve_open_desk(struct server *server, char *why, size_t why_size)
{
	const struct options *options = server->options;
	struct desk_options desk = {
		.path = options->control,
		.uid = geteuid(),
		.tables = desk_tables,
		.server = server,
	};
	char *name;

	if (options->no_control) {
		return EXIT_OK;
	}
	if (!options->control) {
		open_desk_by_name(server, &desk);
		return EXIT_OK;
	}
	name = place_name(options);
	desk.name = name;
	server->desk = desk_create(&desk, why, why_size);
	g_free(name);
	return server->desk ? EXIT_OK : EXIT_LISTEN;
}
