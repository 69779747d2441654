/* SPDX-License-Identifier: MIT */
/*
 * Who may look, as the user said it: how many, by which password, with which certificate.
 *
 * Part of struct options, which owns it; main thread.
 */
#ifndef BRIDGE_ACCESS_H
#define BRIDGE_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spice/sink.h"

struct options;

#define PASSWORD_MAX 60 /* bytes: SPICE_MAX_PASSWORD_LENGTH of spice/protocol.h */

/* Paths of PEM files, as given; NULL: not given. */
struct access_tls {
	char *certificate, *key, *authorities;
	char *ciphers, *channels;
};

struct access_options {
	unsigned max_viewers, max_view_only; /* 0: not given */
	bool with_password; /* viewer-file */
	char *host; /* viewer-file: this machine, as others call it */
	char *password_path, *view_password_path; /* viewer-file: not read yet */
	char *view_password; /* of view-only addresses; NULL: the same as elsewhere */
	unsigned passwords; /* ways in which the password was given */
	int64_t expires_in; /* seconds from the start, or */
	int64_t expires_at; /* seconds since 1970; both 0: never */
	bool sasl;
	struct access_tls tls;
	char *name; /* of the virtual machine */
	uint8_t uuid[16];
	bool has_uuid;
};

#define ACCESS_MAX_VIEWERS 1
#define ACCESS_MAX_VIEW_ONLY 3

/*
 * Reads what systemd hands over where nothing else was given, and checks addresses, passwords and
 * certificates together. 0, or -EINVAL after one line in the log.
 */
int access_check(struct options *options);
/* Overwrites the passwords, in a process that has no use for them. They stay the options'. */
void access_forget_secrets(const struct options *options);
/* Wipes what is secret, and frees. */
void access_finish(struct access_options *access);

/* How a seat is made, but for its name; borrows options, and tls, which it fills. */
void access_fill_sink(const struct options *options, bool view_only, struct spice_tls *tls,
	struct spice_sink_options *sink);

/* 1 to 255 bytes of UTF-8 without control characters. */
bool access_name_is_good(const char *name);
/* As libvirt and QEMU write it. */
bool access_parse_uuid(const char *text, uint8_t uuid[16]);

/* The first line of a file that holds a password. 0 or -EINVAL with one line in why. */
int access_read_password(char **password, const char *path, char *why, size_t why_size);

#endif
