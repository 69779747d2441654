/* SPDX-License-Identifier: MIT */
/*
 * Where control sockets are: the runtime directory, and names in it.
 *
 * Plain functions, main thread. What they return is the caller's, for g_free() or g_strfreev().
 */
#ifndef BRIDGE_PLACE_H
#define BRIDGE_PLACE_H

#include <stddef.h>

struct options;

#define PLACE_SUFFIX ".control"
#define PLACE_NAME_MAX 60 /* bytes of a bridge's name in a file name */

/*
 * The directory for a new socket, which is made if it has to be: $VGPU_BRIDGE_CONTROL_DIR, systemd's
 * $RUNTIME_DIRECTORY, root's /run/vgpu-bridge, or a user's $XDG_RUNTIME_DIR/vgpu-bridge. NULL with one
 * line in why.
 */
char *place_directory(char *why, size_t why_size);

/* All where sockets may be, each once, NULL at the end; they need not exist. */
char **place_directories(void);

/*
 * What a bridge is called: --name, the virtual machine's name, the UUID, or else what kind of source it
 * has; with other characters than letters, digits, dots, - and _ made to _.
 */
char *place_name(const struct options *options);

/* Makes a word of what somebody named, in its place. */
void place_make_safe(char *name);

/* DIRECTORY/NAME.control */
char *place_path(const char *directory, const char *name);

#endif
