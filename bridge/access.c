/* SPDX-License-Identifier: MIT */
/* Who may look: the setters, and whether they go together. */
#include "bridge/access.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bridge/log.h"
#include "bridge/options.h"
#include "bridge/options_table.h"
#include "bridge/options_values.h"
#include "bridge/tls.h"
#include "bridge/viewers.h"

/* Found by these names where systemd hands them over and nothing else was said. */
#define CREDENTIAL "vgpu-bridge.password"
#define VIEW_CREDENTIAL "vgpu-bridge.view-password"

/* Passwords. */

/* The first line of the file, without its end; the buffer is wiped by the caller. */
static int read_line(
	int fd, const char *path, char *buffer, size_t size, char *why, size_t why_size)
{
	size_t used = 0, length;
	ssize_t n;

	while (used < size) {
		n = read(fd, buffer + used, size - used);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return refuse(
				why, why_size, "'%s': %s; give a text file", path, strerror(errno));
		}
		if (n == 0) {
			break;
		}
		used += (size_t)n;
		if (memchr(buffer, '\n', used)) {
			break;
		}
	}
	for (length = 0; length < used && buffer[length] != '\n'; length++) {
		if (buffer[length] == '\0') {
			return refuse(why, why_size,
				"'%s': the first line holds a zero byte; write plain text", path);
		}
	}
	if (length > 0 && buffer[length - 1] == '\r') {
		length--;
	}
	if (length == 0) {
		return refuse(why, why_size,
			"'%s': the first line is empty; write the password there", path);
	}
	if (length > PASSWORD_MAX) {
		return refuse(why, why_size,
			"'%s': the first line is longer than %d bytes; SPICE takes no more", path,
			PASSWORD_MAX);
	}
	buffer[length] = '\0';
	return 0;
}

int access_read_password(char **password, const char *path, char *why, size_t why_size)
{
	char buffer[PASSWORD_MAX + 4]; /* one byte too many, and CR LF, can be seen */
	struct stat status;
	int result, fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0) {
		return refuse(why, why_size, "'%s': %s; give a file that you may read", path,
			strerror(errno));
	}
	if (fstat(fd, &status) < 0 || S_ISDIR(status.st_mode)) {
		result = refuse(why, why_size, "'%s': not a file", path);
	} else if (S_ISREG(status.st_mode) && (status.st_mode & (S_IROTH | S_IWOTH))) {
		result = refuse(why, why_size,
			"'%s': mode %04o lets every user at it; run chmod 600 on it", path,
			status.st_mode & 07777);
	} else {
		result = read_line(fd, path, buffer, sizeof(buffer), why, why_size);
	}
	close(fd);
	if (result == 0) {
		result = keep(password, buffer, why, why_size);
	}
	explicit_bzero(buffer, sizeof(buffer));
	return result;
}

int set_password_file(struct options *options, const char *value, char *why, size_t why_size)
{
	options->access.passwords++;
	if (options->verb == VERB_VIEWER_FILE) {
		return keep(&options->access.password_path, value, why, why_size);
	}
	return access_read_password(&options->password, value, why, why_size);
}

int set_view_password_file(struct options *options, const char *value, char *why, size_t why_size)
{
	if (options->verb == VERB_VIEWER_FILE) {
		return keep(&options->access.view_password_path, value, why, why_size);
	}
	return access_read_password(&options->access.view_password, value, why, why_size);
}

int set_password_credential(struct options *options, const char *value, char *why, size_t why_size)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	char *path;
	int result;

	if (!*value || strchr(value, '/')) {
		return refuse(why, why_size,
			"'%s' is not a credential's name; write the one of LoadCredential=", value);
	}
	if (!directory) {
		return refuse(why, why_size,
			"'%s': systemd handed no credentials over ($CREDENTIALS_DIRECTORY is not "
			"set); add LoadCredential=%s:FILE to the unit",
			value, value);
	}
	options->access.passwords++;
	path = g_build_filename(directory, value, NULL);
	result = access_read_password(&options->password, path, why, why_size);
	g_free(path);
	return result;
}

int set_password_expires(struct options *options, const char *value, char *why, size_t why_size)
{
	struct access_options *access = &options->access;
	unsigned long seconds;
	GTimeZone *zone;
	GDateTime *time;
	char *text;

	if (parse_unsigned(value, INT_MAX, &seconds) && seconds > 0) {
		access->expires_in = (int64_t)seconds;
		return 0;
	}
	/* The seconds may be left out. */
	text = g_strdup_printf(
		"%s%s", value, strlen(value) == strlen("2026-01-31T12:00") ? ":00" : "");
	zone = g_time_zone_new_local();
	time = g_date_time_new_from_iso8601(text, zone);
	g_time_zone_unref(zone);
	g_free(text);
	if (!time) {
		return refuse(why, why_size,
			"'%s' is neither a number of seconds nor a time; write it as "
			"2026-01-31T18:00 or, in UTC, 2026-01-31T17:00:00Z",
			value);
	}
	access->expires_at = MAX(g_date_time_to_unix(time), 1);
	g_date_time_unref(time);
	return 0;
}

/* Plain values. */

int set_no_auth(struct options *options, const char *value, char *why, size_t why_size)
{
	return set_flag(&options->no_auth, value, why, why_size);
}

int set_sasl(struct options *options, const char *value, char *why, size_t why_size)
{
	return set_flag(&options->access.sasl, value, why, why_size);
}

int set_with_password(struct options *options, const char *value, char *why, size_t why_size)
{
	return set_flag(&options->access.with_password, value, why, why_size);
}

int set_host(struct options *options, const char *value, char *why, size_t why_size)
{
	if (!*value || strpbrk(value, " \t\n/[]")) {
		return refuse(why, why_size,
			"'%s' is not a host; write a name, or an address without brackets", value);
	}
	return keep(&options->access.host, value, why, why_size);
}

static int set_seats(unsigned *seats, const char *value, char *why, size_t why_size)
{
	unsigned long number;

	if (!parse_unsigned(value, VIEWERS_MAX, &number) || number < 1) {
		return refuse(
			why, why_size, "'%s' is not a number from 1 to %d", value, VIEWERS_MAX);
	}
	*seats = (unsigned)number;
	return 0;
}

int set_max_viewers(struct options *options, const char *value, char *why, size_t why_size)
{
	return set_seats(&options->access.max_viewers, value, why, why_size);
}

int set_max_view_only(struct options *options, const char *value, char *why, size_t why_size)
{
	return set_seats(&options->access.max_view_only, value, why, why_size);
}

int set_tls_cert(struct options *options, const char *value, char *why, size_t why_size)
{
	return keep(&options->access.tls.certificate, value, why, why_size);
}

int set_tls_key(struct options *options, const char *value, char *why, size_t why_size)
{
	return keep(&options->access.tls.key, value, why, why_size);
}

int set_tls_ca(struct options *options, const char *value, char *why, size_t why_size)
{
	return keep(&options->access.tls.authorities, value, why, why_size);
}

int set_tls_ciphers(struct options *options, const char *value, char *why, size_t why_size)
{
	return keep(&options->access.tls.ciphers, value, why, why_size);
}

int set_tls_channels(struct options *options, const char *value, char *why, size_t why_size)
{
	char **names = g_strsplit(value, ",", -1);
	int result = *value ? 0 : -EINVAL;

	for (size_t i = 0; result == 0 && names[i]; i++) {
		result = find_word(tls_channel_words, names[i], why, why_size);
		result = MIN(result, 0);
	}
	g_strfreev(names);
	if (!*value) {
		return refuse(why, why_size, "'' names no channel; write all, or main,inputs");
	}
	return result < 0 ? result : keep(&options->access.tls.channels, value, why, why_size);
}

bool access_name_is_good(const char *name)
{
	if (!*name || strlen(name) > 255 || !g_utf8_validate(name, -1, NULL)) {
		return false;
	}
	for (const char *c = name; *c; c++) {
		if (g_ascii_iscntrl(*c)) {
			return false;
		}
	}
	return true;
}

bool access_parse_uuid(const char *text, uint8_t uuid[16])
{
	const char *c = text;

	if (!g_uuid_string_is_valid(text)) {
		return false;
	}
	for (size_t i = 0; i < 16; i++) {
		c += *c == '-';
		uuid[i] = (uint8_t)(g_ascii_xdigit_value(c[0]) << 4 | g_ascii_xdigit_value(c[1]));
		c += 2;
	}
	return true;
}

int set_name(struct options *options, const char *value, char *why, size_t why_size)
{
	if (!access_name_is_good(value)) {
		return refuse(why, why_size,
			"'%s' is not a name of 1 to 255 bytes of UTF-8 without control characters",
			value);
	}
	return keep(&options->access.name, value, why, why_size);
}

int set_uuid(struct options *options, const char *value, char *why, size_t why_size)
{
	if (!access_parse_uuid(value, options->access.uuid)) {
		return refuse(why, why_size, "'%s' is not a UUID; see virsh domuuid NAME", value);
	}
	options->access.has_uuid = true;
	return 0;
}

/* Whether they go together. */

static int check_address(const struct options *options, const struct listen_address *address)
{
	const struct access_options *access = &options->access;
	bool password = options->password || (address->view_only && access->view_password);

	if (address->kind == ADDRESS_FD && address->fd == options->fd) {
		log_error("--listen: '%s': descriptor %d is the device of --fd; pass another one",
			address->text, address->fd);
		return -EINVAL;
	}
	for (const struct listen_address *other = options->addresses; other < address; other++) {
		if (!strcmp(address->text, other->text) &&
			!(address->kind == ADDRESS_TCP && address->port == 0)) {
			log_error("--listen: '%s' is given twice; give it once", address->text);
			return -EINVAL;
		}
	}
	/* libspice-server tells SASL an address that this does not take. Seen with 0.15.1. */
	if (access->sasl && listen_address_is_unix(address)) {
		log_error("--listen: '%s' is a unix socket, and libspice-server's SASL works on "
			  "tcp: and tls: only; leave one of the two out",
			address->text);
		return -EINVAL;
	}
	if (address->tls && !access->tls.certificate) {
		log_error("--listen: '%s' needs a certificate; add --tls-cert FILE and --tls-key "
			  "FILE",
			address->text);
		return -EINVAL;
	}
	if (!password && !access->sasl && !options->no_auth && !listen_address_is_local(address)) {
		log_error("--listen: '%s' is open to other machines; add --password-file FILE or "
			  "--sasl, listen on 127.0.0.1, or say --no-auth to let anyone in",
			address->text);
		return -EINVAL;
	}
	return 0;
}

static int check_tls(const struct options *options)
{
	const struct access_tls *tls = &options->access.tls;
	char why[512] = "";
	bool used = false;

	if (!tls->certificate != !tls->key) {
		log_error("--tls-%s: '%s' is of no use alone; add --tls-%s FILE",
			tls->key ? "key" : "cert", tls->key ? tls->key : tls->certificate,
			tls->key ? "cert" : "key");
		return -EINVAL;
	}
	if (!tls->certificate && (tls->authorities || tls->ciphers || tls->channels)) {
		log_error(
			"--tls-%s: '%s' is of no use alone; add --tls-cert FILE and --tls-key FILE",
			tls->authorities       ? "ca"
				: tls->ciphers ? "ciphers"
					       : "channels",
			tls->authorities       ? tls->authorities
				: tls->ciphers ? tls->ciphers
					       : tls->channels);
		return -EINVAL;
	}
	if (!tls->certificate) {
		return 0;
	}
	for (size_t i = 0; i < options->n_addresses; i++) {
		used |= options->addresses[i].tls;
	}
	if (!used) {
		log_error("--tls-cert: '%s' is of no use without an address for TLS; add --listen "
			  "tls:HOST:PORT",
			tls->certificate);
		return -EINVAL;
	}
	if (tls_check(tls, why, sizeof(why)) < 0) {
		log_error("TLS: %s", why);
		return -EINVAL;
	}
	return 0;
}

/* A file that systemd may have handed over. */
static int find_credential(char **password, const char *name)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	char *path, why[512];
	int result = 0;

	if (*password || !directory) {
		return 0;
	}
	path = g_build_filename(directory, name, NULL);
	if (access(path, F_OK) == 0) {
		result = access_read_password(password, path, why, sizeof(why));
		if (result < 0) {
			log_error("credential %s: %s", name, why);
		}
	}
	g_free(path);
	return result;
}

int access_check(struct options *options)
{
	struct access_options *access = &options->access;

	if (options->verb == VERB_PROBE || options->verb == VERB_VIEWER_FILE) {
		return 0;
	}
	if (options->n_addresses == 0) {
		log_error("no address to listen on; add --listen unix:PATH or --listen "
			  "tcp:127.0.0.1:5900 (--listen systemd has brought no socket, if it was "
			  "given: start the .socket unit)");
		return -EINVAL;
	}
	if (access->passwords > 1) {
		log_error("--password-file and --password-credential: there is one password; give "
			  "one of the two");
		return -EINVAL;
	}
	if (!access->sasl && !options->no_auth &&
		(find_credential(&options->password, CREDENTIAL) < 0 ||
			find_credential(&access->view_password, VIEW_CREDENTIAL) < 0)) {
		return -EINVAL;
	}
	if (access->sasl && (options->password || access->view_password)) {
		log_error("--sasl: viewers are asked for a password by SASL or by SPICE, not by "
			  "both; leave the password's file out");
		return -EINVAL;
	}
	if (options->no_auth && (options->password || access->view_password || access->sasl)) {
		log_error("--no-auth: says that anyone may in, but there is a password or --sasl; "
			  "leave one out");
		return -EINVAL;
	}
	if ((access->expires_in || access->expires_at) && !options->password &&
		!access->view_password) {
		log_error("--password-expires: there is no password; add --password-file FILE");
		return -EINVAL;
	}
	for (size_t i = 0; i < options->n_addresses; i++) {
		if (check_address(options, &options->addresses[i]) < 0) {
			return -EINVAL;
		}
	}
	return check_tls(options);
}

static void wipe(char *secret)
{
	if (secret) {
		explicit_bzero(secret, strlen(secret));
	}
}

void access_forget_secrets(const struct options *options)
{
	wipe(options->password);
	wipe(options->access.view_password);
}

void access_finish(struct access_options *access)
{
	wipe(access->view_password);
	free(access->view_password);
	free(access->tls.certificate);
	free(access->tls.key);
	free(access->tls.authorities);
	free(access->tls.ciphers);
	free(access->tls.channels);
	free(access->name);
	free(access->host);
	free(access->password_path);
	free(access->view_password_path);
}

void access_fill_sink(const struct options *options, bool view_only, struct spice_tls *tls,
	struct spice_sink_options *sink)
{
	const struct access_options *access = &options->access;
	int64_t left = access->expires_in;

	if (access->expires_at) {
		left = access->expires_at - (int64_t)time(NULL);
		sink->password_expired = left <= 0;
		left = CLAMP(left, 1, INT_MAX);
	}
	sink->password =
		view_only && access->view_password ? access->view_password : options->password;
	sink->password_seconds = (unsigned)left;
	sink->sasl = access->sasl;
	sink->compression = options->compression;
	sink->view_only = view_only;
	if (access->tls.certificate) {
		*tls = (struct spice_tls){
			.certificate = access->tls.certificate,
			.key = access->tls.key,
			.authorities = access->tls.authorities,
			.ciphers = access->tls.ciphers,
			.channels = access->tls.channels,
		};
		sink->tls = tls;
	}
}
