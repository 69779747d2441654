/* SPDX-License-Identifier: MIT */
/*
 * The one table of options: command line, config keys, --help, man page and completion come from it.
 *
 * Constant data, any thread. The setters fill struct options; main thread.
 */
#ifndef BRIDGE_OPTIONS_TABLE_H
#define BRIDGE_OPTIONS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "bridge/options.h"

#define FOR_RUN (1u << VERB_RUN) /* has all that serve has, but other sources */
#define FOR_SERVE (1u << VERB_SERVE | FOR_RUN)
#define FOR_PROBE (1u << VERB_PROBE)
#define FOR_VIEWER_FILE (1u << VERB_VIEWER_FILE) /* passes over what else serve has */
#define FOR_BOTH (FOR_SERVE | FOR_PROBE)
#define FOR_SOURCE (1u << VERB_SERVE | FOR_PROBE) /* a source that is there without us */

enum option_section {
	SECTION_SOURCE,
	SECTION_SWITCH,
	SECTION_ADDRESS,
	SECTION_ACCESS,
	SECTION_PICTURE,
	SECTION_INPUT,
	SECTION_CHANNELS,
	SECTION_GENERAL,
	SECTION_COUNT,
};

/* What the shell's completion offers for the argument. */
enum option_completion {
	COMPLETE_NOTHING,
	COMPLETE_WORDS, /* option_spec.words */
	COMPLETE_FILES,
	COMPLETE_MDEV, /* UUIDs below /sys/bus/mdev/devices */
	COMPLETE_GROUP, /* groups in /dev/vfio */
	COMPLETE_CDEV, /* files in /dev/vfio/devices */
};

struct option_spec {
	const char *name; /* without the dashes; also the config key */
	char letter; /* 0: none */
	unsigned verbs; /* FOR_... */
	enum option_section section;
	const char *argument; /* placeholder, NULL: the option takes none */
	bool optional_argument;
	bool repeatable;
	bool no_key; /* not allowed in a config file */
	enum option_completion completion;
	const char *const *words; /* allowed or suggested words, NULL at the end */
	const char *help; /* one short sentence */
	const char *man; /* more, in scdoc's markup; may be NULL */
	/* Takes the value ("" for none). 0 or -EINVAL with the value, cause and remedy in why. */
	int (*set)(struct options *options, const char *value, char *why, size_t why_size);
};

/* In the order of --help and the man page; NULL after the last. */
const struct option_spec *option_at(size_t i);
/* NULL: there is none of this name. */
const struct option_spec *option_find(const char *name);

/* Its parts, options_table_*.c: for option_at(). */
extern const struct option_spec options_source[], options_access[], options_guest[];
extern const size_t options_source_count, options_access_count, options_guest_count;

/* As a headline: "Source, exactly one", "Viewers", ... */
const char *option_section_name(enum option_section section);
const char *verb_name(enum verb verb);
/* What it does, in a few words. */
const char *verb_summary(enum verb verb);
/* What follows "vgpu-bridge VERB" on the command line. */
const char *verb_usage(enum verb verb);

/* What --help prints, for one verb. */
void options_print_help(FILE *stream, enum verb verb);

/* The setters that the table names; options_*.c and access.c. */
#define DECLARE_SETTER(name) \
	int set_##name(struct options *options, const char *value, char *why, size_t why_size)
DECLARE_SETTER(mdev);
DECLARE_SETTER(group);
DECLARE_SETTER(cdev);
DECLARE_SETTER(fd);
DECLARE_SETTER(vm);
DECLARE_SETTER(qemu_pid);
DECLARE_SETTER(fd_socket);
DECLARE_SETTER(fd_socket_uid);
DECLARE_SETTER(simulate);
DECLARE_SETTER(also);
DECLARE_SETTER(source_name);
DECLARE_SETTER(switch_on_create);
DECLARE_SETTER(listen);
DECLARE_SETTER(password_file);
DECLARE_SETTER(view_password_file);
DECLARE_SETTER(password_credential);
DECLARE_SETTER(password_expires);
DECLARE_SETTER(no_auth);
DECLARE_SETTER(sasl);
DECLARE_SETTER(max_viewers);
DECLARE_SETTER(max_view_only);
DECLARE_SETTER(tls_cert);
DECLARE_SETTER(tls_key);
DECLARE_SETTER(tls_ca);
DECLARE_SETTER(tls_ciphers);
DECLARE_SETTER(tls_channels);
DECLARE_SETTER(name);
DECLARE_SETTER(uuid);
DECLARE_SETTER(with_password);
DECLARE_SETTER(host);
DECLARE_SETTER(renderer);
DECLARE_SETTER(render_node);
DECLARE_SETTER(max_fps);
DECLARE_SETTER(mode);
DECLARE_SETTER(fixed_mode);
DECLARE_SETTER(compression);
DECLARE_SETTER(log_level);
DECLARE_SETTER(trace);
DECLARE_SETTER(no_syscall_filter);
DECLARE_SETTER(agent);
DECLARE_SETTER(usbredir);
DECLARE_SETTER(webdav);
DECLARE_SETTER(smartcard);
DECLARE_SETTER(port);
DECLARE_SETTER(qmp);
DECLARE_SETTER(audio);
DECLARE_SETTER(input);
DECLARE_SETTER(control);
#undef DECLARE_SETTER

/* options_switch.c: the sources together, 0 or -EINVAL after one line in the log. */
int options_check_sources(const struct options *options);
void also_options_finish(struct options *options);

extern const char *const also_words[];
extern const char *const renderer_words[]; /* in the order of enum renderer_kind */
extern const char *const compression_words[]; /* of enum spice_compression */
extern const char *const tls_channel_words[];
extern const char *const input_words[]; /* of enum input_choice */
extern const char *const log_level_words[]; /* of enum log_level */

#endif
