/* SPDX-License-Identifier: MIT */
/*
 * The verb viewer-file: what a viewer has to know to open the guest, in the form of virt-viewer's
 * files (a key file with the group virt-viewer).
 */
#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "bridge/log.h"
#include "bridge/options.h"
#include "bridge/options_table.h"
#include "bridge/tls.h"
#include "bridge/verbs.h"

#define GROUP "virt-viewer"

static bool is_wildcard(const char *host)
{
	return !*host || !strcmp(host, "*") || !strcmp(host, "0.0.0.0") || !strcmp(host, "::");
}

/* The first that a person who wants to work would take, and its sibling with TLS or without. */
static void choose_addresses(const struct options *options, const struct listen_address **first,
	const struct listen_address **sibling)
{
	*first = NULL;
	*sibling = NULL;
	for (size_t i = 0; i < options->n_addresses; i++) {
		const struct listen_address *address = &options->addresses[i];

		if (address->kind != ADDRESS_FD &&
			(!*first || ((*first)->view_only && !address->view_only))) {
			*first = address;
		}
	}
	for (size_t i = 0; *first && i < options->n_addresses; i++) {
		const struct listen_address *address = &options->addresses[i];

		if ((*first)->kind == ADDRESS_TCP && address->kind == ADDRESS_TCP &&
			address->tls != (*first)->tls &&
			address->view_only == (*first)->view_only &&
			!strcmp(address->host, (*first)->host)) {
			*sibling = address;
			return;
		}
	}
}

static int put_port(GKeyFile *file, const struct listen_address *address)
{
	if (address->port == 0) {
		log_error("--listen: '%s': its port is chosen when it is served; write the one "
			  "that was",
			address->text);
		return -EINVAL;
	}
	g_key_file_set_integer(file, GROUP, address->tls ? "tls-port" : "port", address->port);
	return 0;
}

/* What proves the server, for viewers that do not know its authority. */
static int put_tls(GKeyFile *file, const struct access_tls *tls)
{
	const char *path = tls->authorities ? tls->authorities : tls->certificate;
	char *text = NULL, *subject;
	GError *error = NULL;

	if (!path) {
		return 0; /* an authority that the viewer's machine knows */
	}
	if (!g_file_get_contents(path, &text, NULL, &error)) {
		log_error("--tls-%s: %s; give a PEM file that you may read",
			tls->authorities ? "ca" : "cert", error->message);
		g_error_free(error);
		return -EINVAL;
	}
	g_key_file_set_string(file, GROUP, "ca", text);
	g_free(text);
	if (tls->certificate) {
		subject = tls_subject(tls->certificate);
		if (!subject) {
			log_error("--tls-cert: '%s': no certificate in it; give a PEM file that "
				  "you may read",
				tls->certificate);
			return -EINVAL;
		}
		g_key_file_set_string(file, GROUP, "host-subject", subject);
		g_free(subject);
	}
	return 0;
}

/* A viewer that has both ports should know which channels it gets by TLS only. */
static void put_channels(GKeyFile *file, const char *channels)
{
	char **names = g_strsplit(channels, ",", -1);
	const char *const *list = (const char *const *)names;
	gsize count = g_strv_length(names);

	if (g_strv_contains(list, "all")) {
		list = tls_channel_words + 1; /* the first word is "all" */
		for (count = 0; list[count]; count++) {
		}
	}
	g_key_file_set_string_list(file, GROUP, "secure-channels", list, count);
	g_strfreev(names);
}

static int put_password(GKeyFile *file, const struct options *options, bool view_only)
{
	const struct access_options *access = &options->access;
	const char *path = view_only && access->view_password_path ? access->view_password_path
								   : access->password_path;
	char *password = NULL, why[512] = "";

	if (!path) {
		log_error("--with-password: which one is not known; add --password-file FILE");
		return -EINVAL;
	}
	if (access_read_password(&password, path, why, sizeof(why)) < 0) {
		log_error("--with-password: %s", why);
		return -EINVAL;
	}
	g_key_file_set_string(file, GROUP, "password", password);
	/* It shall not lie around. */
	g_key_file_set_integer(file, GROUP, "delete-this-file", 1);
	explicit_bzero(password, strlen(password));
	free(password);
	return 0;
}

static int fill(GKeyFile *file, const struct options *options)
{
	const struct access_options *access = &options->access;
	const struct listen_address *first, *sibling;
	const char *title = access->name ? access->name : options->vm;
	char *path;

	choose_addresses(options, &first, &sibling);
	if (!first) {
		log_error("no address to connect to; add --listen unix:PATH or --listen "
			  "tcp:HOST:PORT, as it is served");
		return -EINVAL;
	}
	g_key_file_set_string(file, GROUP, "type", "spice");
	if (title) {
		g_key_file_set_string(file, GROUP, "title", title);
	}
	if (first->kind == ADDRESS_UNIX) {
		path = g_canonicalize_filename(first->path, NULL);
		g_key_file_set_string(file, GROUP, "unix-path", path);
		g_free(path);
	} else {
		g_key_file_set_string(file, GROUP, "host",
			access->host                       ? access->host
				: is_wildcard(first->host) ? g_get_host_name()
							   : first->host);
		if (put_port(file, first) < 0 || (sibling && put_port(file, sibling) < 0)) {
			return -EINVAL;
		}
		if ((first->tls || sibling) && put_tls(file, &access->tls) < 0) {
			return -EINVAL;
		}
		if (sibling && access->tls.channels) {
			put_channels(file, access->tls.channels);
		}
	}
	return access->with_password ? put_password(file, options, first->view_only) : 0;
}

int viewer_file(const struct options *options)
{
	GKeyFile *file = g_key_file_new();
	int code = EXIT_USAGE;
	char *text;
	gsize size;

	if (fill(file, options) == 0) {
		text = g_key_file_to_data(file, &size, NULL);
		code = fwrite(text, 1, size, stdout) == size && fflush(stdout) == 0 ? EXIT_OK
										    : EXIT_FAILED;
		if (code == EXIT_FAILED) {
			log_error("standard output: %s", g_strerror(errno));
		}
		explicit_bzero(text, size);
		g_free(text);
	}
	g_key_file_free(file);
	return code;
}
