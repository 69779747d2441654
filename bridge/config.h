/* SPDX-License-Identifier: MIT */
/*
 * The config file: lines of KEY=VALUE, comments with #, optionally under [vgpu-bridge].
 *
 * Main thread. It splits lines only; what a key means is the option table's. Not GLib's key file,
 * which knows no line numbers and takes the last of repeated keys in silence.
 */
#ifndef BRIDGE_CONFIG_H
#define BRIDGE_CONFIG_H

#include <stddef.h>

#define CONFIG_LINE_MAX 4096 /* bytes */

/*
 * Calls found() for each key in the file's order; a value other than 0 from it ends the reading and
 * is returned. -errno with one line in why for a file that can't be read or a line that is no
 * KEY=VALUE; found() then writes its own.
 */
int config_read(const char *path,
	int (*found)(const char *key, const char *value, unsigned line, void *data), void *data,
	char *why, size_t why_size);

#endif
