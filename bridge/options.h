/* SPDX-License-Identifier: MIT */
/*
 * What the user asked for: command line over config file over defaults, checked.
 *
 * One table (options.c) makes the parser, the config keys, --help, the man page and the completion.
 * Plain values owned by struct options; main thread.
 */
#ifndef BRIDGE_OPTIONS_H
#define BRIDGE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "bridge/access.h"
#include "bridge/listen.h"
#include "bridge/log.h"
#include "bridge/relay.h"
#include "bridge/size.h"
#include "render/renderer.h"
#include "spice/sink.h"

/* Exit codes, documented in the man page. */
enum exit_code {
	EXIT_OK = 0,
	EXIT_FAILED = 1, /* while running */
	EXIT_USAGE = 2, /* an option or config key is wrong */
	EXIT_SOURCE = 3, /* the device can't be opened or shown */
	EXIT_RENDER = 4, /* the renderer asked for can't be had */
	EXIT_LISTEN = 5, /* an address can't be listened on */
};

enum verb { VERB_SERVE, VERB_PROBE, VERB_RUN, VERB_VIEWER_FILE, VERB_COUNT };

enum source_kind {
	SOURCE_MDEV,
	SOURCE_GROUP,
	SOURCE_CDEV,
	SOURCE_FD,
	SOURCE_SIMULATE,
	SOURCE_VM, /* QEMU's, found by the name of its virtual machine */
	SOURCE_PID, /* QEMU's */
	SOURCE_FD_SOCKET, /* handed over by a launcher */
	SOURCE_RUN, /* of the QEMU that we start */
};

enum input_choice {
	INPUT_AUTO, /* by a monitor of QEMU, where there is one */
	INPUT_NONE,
};

/* A socket of QEMU that is joined with a channel of the viewer. */
struct channel_option {
	enum relay_kind kind;
	char *name; /* of a port, else NULL */
	char *path;
};

/* A source beside the first, as --also names it; one of the strings but for name and qmp is given. */
struct also_option {
	char *name; /* NULL: by the source */
	enum source_kind source;
	char *mdev, *group, *cdev, *vm, *simulate;
	char *qmp; /* path of its monitor's socket, or NULL */
};

#define ALSO_MAX 7

struct options {
	enum verb verb;
	enum source_kind source;
	char *mdev; /* UUID; also narrows a group, --vm and --qemu-pid */
	char *group; /* number or path */
	char *cdev; /* path */
	int fd; /* inherited, -1 */
	char *vm; /* name of the virtual machine */
	int qemu_pid; /* 0: none */
	char *fd_socket; /* path of a socket to listen on */
	unsigned fd_socket_uid; /* may hand over beside ourselves and root; UINT_MAX: nobody */
	char **command; /* QEMU's, after --; points into argv, NULL without */
	char *simulate; /* what follows --simulate=, "" without */
	char *source_name; /* of the first source; NULL: by what it is */
	struct also_option *also;
	size_t n_also;
	bool switch_on_create;
	struct listen_address *addresses;
	size_t n_addresses;
	enum renderer_kind renderer;
	char *render_node;
	unsigned max_fps;
	struct size_options size;
	enum spice_compression compression;
	char *password; /* read from a file or credential, wiped when finished */
	bool no_auth;
	struct access_options access;
	struct channel_option *channels;
	size_t n_channels;
	enum input_choice input;
	char *qmp; /* path of a QMP monitor's socket, or NULL */
	bool no_syscall_filter;
	bool no_audio;
	char *audio_bus; /* address of the D-Bus that QEMU is on; NULL: over QMP */
	char *control; /* path of the control socket; NULL: by name, in the runtime directory */
	bool no_control;
	char *trace; /* file for a line per captured frame, or NULL */
};

/*
 * Parses argv. 0: go on; 1: all was said (--help, --version), exit 0; -EINVAL: one line was printed
 * on stderr that names the option, the value seen and the remedy.
 */
int options_parse(struct options *options, int argc, char **argv);
void options_finish(struct options *options);

/* How many sources there are: the first and those of --also. */
size_t options_sources(const struct options *options);
/*
 * The options with the source of this number (0: the first) in the first one's place. Its strings are
 * borrowed: not for options_finish().
 */
void options_of_source(const struct options *options, size_t index, struct options *view);
/* What the source of such a view is called. */
void options_source_name(const struct options *view, char *name, size_t size);

#endif
