/* SPDX-License-Identifier: MIT */
/*
 * spice-probe: a SPICE viewer without a window, driven by lines on stdin.
 *
 * Each command line gets exactly one line on stdout, "ok KEY=VALUE ..." or "fail KEY=VALUE ...", the
 * reason last as why=TEXT. What happens by itself is told in lines that begin with "event ". Commands
 * that wait hold back the ones after them. One thread, the GLib main loop's.
 */
#include "tests/client/probe.h"

#include <stdio.h>
#include <string.h>

const struct subject *const subjects[] = {
	&connection_subject,
	&display_subject,
	&pointer_subject,
	&input_subject,
	&clipboard_subject,
	&ports_subject,
	&usb_subject,
	&sound_subject,
	&lines_subject,
	NULL,
};

struct settings {
	gchar *password, *compression, *user, *sasl_password, *ca_file, *tls_port, *cert_subject;
	gchar *secure_channels, *shared_folder;
	gboolean read_only, usbredir, audio;
};

static gint compression_by_name(const char *name)
{
	static const struct {
		const char *name;
		gint value;
	} table[] = {
		{"off", SPICE_IMAGE_COMPRESSION_OFF},
		{"auto-glz", SPICE_IMAGE_COMPRESSION_AUTO_GLZ},
		{"auto-lz", SPICE_IMAGE_COMPRESSION_AUTO_LZ},
		{"quic", SPICE_IMAGE_COMPRESSION_QUIC},
		{"glz", SPICE_IMAGE_COMPRESSION_GLZ},
		{"lz", SPICE_IMAGE_COMPRESSION_LZ},
		{"lz4", SPICE_IMAGE_COMPRESSION_LZ4},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		if (!strcmp(table[i].name, name)) {
			return table[i].value;
		}
	}
	return -1;
}

/* Returns the URI, borrowed from argv, or NULL where the program has to end. */
static const char *parse(int argc, char **argv, struct settings *settings)
{
	const GOptionEntry entries[] = {
		{"password", 0, 0, G_OPTION_ARG_STRING, &settings->password, "the ticket", "TEXT"},
		{"sasl-user", 0, 0, G_OPTION_ARG_STRING, &settings->user, "for SASL", "NAME"},
		{"sasl-password", 0, 0, G_OPTION_ARG_STRING, &settings->sasl_password, "for SASL",
			"TEXT"},
		{"tls-port", 0, 0, G_OPTION_ARG_STRING, &settings->tls_port,
			"beside the port of the URI, or instead of it", "PORT"},
		{"ca-file", 0, 0, G_OPTION_ARG_FILENAME, &settings->ca_file,
			"who may sign the server's certificate", "FILE"},
		{"cert-subject", 0, 0, G_OPTION_ARG_STRING, &settings->cert_subject,
			"what the certificate has to be for, if not for the URI's host", "TEXT"},
		{"secure-channels", 0, 0, G_OPTION_ARG_STRING, &settings->secure_channels,
			"never take these without TLS: names with commas, or all", "NAMES"},
		{"compression", 0, 0, G_OPTION_ARG_STRING, &settings->compression,
			"image compression to ask the server for", "NAME"},
		{"read-only", 0, 0, G_OPTION_ARG_NONE, &settings->read_only,
			"never ask for client mouse mode, so that the server tells the cursor's place",
			NULL},
		{"shared-folder", 0, 0, G_OPTION_ARG_FILENAME, &settings->shared_folder,
			"that the guest may read, by webdav", "PATH"},
		{"usbredir", 0, 0, G_OPTION_ARG_NONE, &settings->usbredir,
			"may redirect USB devices", NULL},
		{"audio", 0, 0, G_OPTION_ARG_NONE, &settings->audio,
			"open the channels of sound, and listen", NULL},
		{NULL},
	};
	GOptionContext *context = g_option_context_new("URI");
	GError *error = NULL;
	gchar *help = commands_help();
	gboolean ok;

	g_option_context_add_main_entries(context, entries, NULL);
	g_option_context_set_description(context, help);
	g_free(help);
	ok = g_option_context_parse(context, &argc, &argv, &error) && argc == 2;
	g_option_context_free(context);
	if (!ok) {
		fprintf(stderr, "spice-probe: %s; see --help\n",
			error ? error->message : "one URI is needed");
		return NULL;
	}
	return argv[1];
}

static void set_string(SpiceSession *session, const char *property, const char *value)
{
	if (value) {
		g_object_set(session, property, value, NULL);
	}
}

static SpiceSession *new_session(const char *uri, const struct settings *settings)
{
	SpiceSession *session = spice_session_new();

	g_object_set(session, "uri", uri, "read-only", settings->read_only, "enable-audio",
		settings->audio, "enable-usbredir", settings->usbredir, "enable-smartcard", FALSE,
		NULL);
	set_string(session, "password", settings->password);
	set_string(session, "username", settings->user);
	set_string(session, "password", settings->sasl_password);
	set_string(session, "tls-port", settings->tls_port);
	set_string(session, "ca-file", settings->ca_file);
	set_string(session, "cert-subject", settings->cert_subject);
	set_string(session, "shared-dir", settings->shared_folder);
	if (settings->cert_subject) {
		g_object_set(session, "verify", SPICE_SESSION_VERIFY_SUBJECT, NULL);
	}
	if (settings->secure_channels) {
		gchar **names = g_strsplit(settings->secure_channels, ",", -1);

		g_object_set(session, "secure-channels", names, NULL);
		g_strfreev(names);
	}
	return session;
}

int main(int argc, char **argv)
{
	struct settings settings = {0};
	struct probe probe = {.compression = -1};
	const char *uri = parse(argc, argv, &settings);

	if (!uri) {
		return 2;
	}
	if (settings.compression) {
		probe.compression = compression_by_name(settings.compression);
		if (probe.compression < 0) {
			fprintf(stderr, "spice-probe: --compression=%s is not known\n",
				settings.compression);
			return 2;
		}
	}

	probe.loop = g_main_loop_new(NULL, FALSE);
	probe.session = new_session(uri, &settings);
	for (gsize i = 0; subjects[i]; i++) {
		if (subjects[i]->init) {
			subjects[i]->init(&probe);
		}
	}
	if (!spice_session_connect(probe.session)) {
		say("event error the session can't begin: is the URI right?");
	}
	g_main_loop_run(probe.loop);

	for (gsize i = 0; subjects[i]; i++) {
		if (subjects[i]->finish) {
			subjects[i]->finish(&probe);
		}
	}
	return 0;
}
