/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "spice/impl.h"

static int refuse_password(struct spice_sink *sink)
{
	/* The library takes NULL for a ticket that has expired. */
	return spice_server_set_ticket(sink->server, NULL, 0, 0, 0);
}

static int set_password(struct spice_sink *sink, const struct spice_sink_options *options,
	char *why, size_t why_size)
{
	size_t length = strlen(options->password);

	if (!length || length > SPICE_PASSWORD_MAX) {
		snprintf(why, why_size,
			"the password has %zu bytes: SPICE allows 1 to %d, choose another", length,
			SPICE_PASSWORD_MAX);
		return -EINVAL;
	}
	return spice_server_set_ticket(
		sink->server, options->password, (int)options->password_seconds, 0, 0);
}

static int set_authentication(struct spice_sink *sink, const struct spice_sink_options *options,
	char *why, size_t why_size)
{
	int ret;

	snprintf(why, why_size, "libspice-server refused the way to authenticate");
	if (options->sasl) {
		/* Nobody comes in by a ticket beside it. */
		ret = refuse_password(sink);
		if (ret == 0 && spice_server_set_sasl(sink->server, 1) != 0) {
			snprintf(why, why_size, "libspice-server was built without SASL");
			return -ENOTSUP;
		}
		if (ret == 0) {
			ret = spice_server_set_sasl_appname(sink->server, "vgpu-bridge");
		}
	} else if (options->password_expired) {
		ret = refuse_password(sink);
	} else if (options->password) {
		ret = set_password(sink, options, why, why_size);
	} else {
		ret = spice_server_set_noauth(sink->server);
	}
	return ret < 0 ? -EINVAL : 0;
}

/*
 * The library sets TLS up only when it opens a secure port of its own. It gets one that nobody can
 * reach: a unix socket in a folder of ours, whose name is gone before anything is served.
 */
static int make_place(struct access_place *place, char *why, size_t why_size)
{
	const char *const bases[] = {g_getenv("RUNTIME_DIRECTORY"), g_get_user_runtime_dir(),
		"/run", "/tmp", "/dev/shm"};
	size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path);

	for (size_t i = 0; i < G_N_ELEMENTS(bases); i++) {
		int n;

		if (!bases[i] || strchr(bases[i], ':')) {
			continue; /* systemd may name several */
		}
		n = snprintf(
			place->folder, sizeof(place->folder), "%s/vgpu-bridge-XXXXXX", bases[i]);
		if (n < 0 || (size_t)n + sizeof("/tls") > max || !mkdtemp(place->folder)) {
			place->folder[0] = '\0';
			continue;
		}
		snprintf(place->path, sizeof(place->path), "%s/tls", place->folder);
		return 0;
	}
	snprintf(why, why_size,
		"no folder for a socket of TLS: make /run, /tmp or $XDG_RUNTIME_DIR writable");
	return -EACCES;
}

void access_leave_place(struct access_place *place)
{
	if (place->folder[0]) {
		unlink(place->path);
		rmdir(place->folder);
		place->folder[0] = '\0';
	}
}

static int set_channels(struct spice_sink *sink, const char *channels, char *why, size_t why_size)
{
	char **names = g_strsplit(channels, ",", -1);
	int ret = 0;

	for (size_t i = 0; ret == 0 && names[i]; i++) {
		const char *name = strcmp(names[i], "all") ? names[i] : NULL;

		if (spice_server_set_channel_security(
			    sink->server, name, SPICE_CHANNEL_SECURITY_SSL) != 0) {
			snprintf(why, why_size,
				"'%s' is not a channel: main, display, cursor, inputs, playback, "
				"record, usbredir, smartcard, webdav, port or all",
				names[i]);
			ret = -EINVAL;
		}
	}
	g_strfreev(names);
	return ret;
}

static int set_tls(struct spice_sink *sink, const struct spice_tls *tls, struct access_place *place,
	char *why, size_t why_size)
{
	int ret = make_place(place, why, why_size);

	if (ret < 0) {
		return ret;
	}
	spice_server_set_addr(sink->server, place->path, SPICE_ADDR_FLAG_UNIX_ONLY);
	/* The number of the port means nothing for a unix socket, but the library wants one. */
	if (spice_server_set_tls(sink->server, 1,
		    tls->authorities ? tls->authorities : tls->certificate, tls->certificate,
		    tls->key, NULL, NULL, tls->ciphers) != 0) {
		snprintf(why, why_size, "libspice-server refused the certificate's files");
		return -EINVAL;
	}
	return tls->channels ? set_channels(sink, tls->channels, why, why_size) : 0;
}

int access_configure(struct spice_sink *sink, const struct spice_sink_options *options,
	struct access_place *place, char *why, size_t why_size)
{
	int ret = set_authentication(sink, options, why, why_size);

	place->folder[0] = '\0';
	if (ret == 0 && options->tls) {
		ret = set_tls(sink, options->tls, place, why, why_size);
	}
	return ret;
}

int spice_sink_set_password(struct spice_sink *sink, const char *password, unsigned seconds)
{
	size_t length = strlen(password);
	struct spice_sink *before;
	int ret;

	if (sink->sasl) {
		return -ENOTSUP;
	}
	if (!length || length > SPICE_PASSWORD_MAX) {
		return -EINVAL;
	}
	before = loop_enter(sink);
	ret = spice_server_set_ticket(sink->server, password, (int)seconds, 0, 0);
	loop_leave(sink, before);
	return ret < 0 ? -EINVAL : 0;
}

void spice_sink_set_name(struct spice_sink *sink, const char *name, const uint8_t *uuid)
{
	static const uint8_t none[16];

	spice_server_set_name(sink->server, name ? name : "vgpu-bridge");
	spice_server_set_uuid(sink->server, uuid ? uuid : none);
}
