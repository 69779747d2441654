/* SPDX-License-Identifier: MIT */
/*
 * Which version of QEMU or libvirt is here: said by the user, or asked of the program itself.
 *
 * The program is run without a shell as PROGRAM --version, and given five seconds and a page to say
 * it. Plain data. Main thread; blocks for that time, so only for verbs that run once and end.
 */
#ifndef BRIDGE_PROGRAM_VERSION_H
#define BRIDGE_PROGRAM_VERSION_H

#include <stdbool.h>

struct program_version {
	unsigned major, minor;
	bool known;
};

/* "7.2" or "7.2.22 (Debian...)". -EINVAL, and not known, unless it begins so. */
int program_version_parse(const char *text, struct program_version *version);

/*
 * Of the first of these programs, names in PATH or paths, NULL at the end, that tells one: the first
 * number with a dot in it that it prints. -ENOENT, and not known, where none does.
 */
int program_version_ask(const char *const *programs, struct program_version *version);

/* An unknown one is none of them. */
bool program_version_is(const struct program_version *version, unsigned major, unsigned minor);

#endif
