/* SPDX-License-Identifier: MIT */
/* The verbs for a bridge that runs, all by its control socket. */
#include "bridge/tools.h"

/* Which bridge, where several run. */
#define ON_OPTION                                                            \
	{                                                                    \
		.name = "on", .argument = "NAME|PATH",                       \
		.help = "the bridge with this name, or this control socket", \
	}

static const char *const set_words[] = {"password", "compression", "max-fps", NULL};
static const char *const display_words[] = {"resize", "set-edid", "plug", "unplug", "switch", NULL};

static const struct tool status_tool = {
	.name = "status",
	.usage = "[OPTION...]",
	.summary = "say what a running bridge does",
	.help = "Says what a running bridge shows, to whom, how fast, and what it dropped.",
	.options =
		{
			{.name = "json", .help = "print JSON"},
			ON_OPTION,
		},
};

static const struct tool events_tool = {
	.name = "events",
	.usage = "[OPTION...]",
	.summary = "print what happens in a running bridge, a line each",
	.help = "Prints a line for each event of a running bridge until it ends.",
	.options =
		{
			{.name = "json", .help = "print JSON"},
			ON_OPTION,
		},
};

static const struct tool metrics_tool = {
	.name = "metrics",
	.usage = "[OPTION...]",
	.summary = "print the counters of running bridges for Prometheus",
	.help = "Prints the counters of a running bridge, or of all, as Prometheus reads them.",
	.options =
		{
			ON_OPTION,
		},
};

static const struct tool screenshot_tool = {
	.name = "screenshot",
	.usage = "FILE.png [OPTION...]",
	.summary = "save the guest's picture",
	.help = "Saves what the guest shows now as a PNG file; - is standard output.",
	.min_arguments = 1,
	.max_arguments = 1,
	.completion = COMPLETE_FILES,
	.options =
		{
			{.name = "cursor", .help = "with the guest's pointer in it"},
			ON_OPTION,
		},
};

static const struct tool log_level_tool = {
	.name = "log-level",
	.usage = "[LEVEL] [OPTION...]",
	.summary = "print or change how much a running bridge logs",
	.help = "Prints how much a running bridge logs, or changes it.",
	.max_arguments = 1,
	.completion = COMPLETE_WORDS,
	.words = log_level_words,
	.options =
		{
			ON_OPTION,
		},
};

static const struct tool set_tool = {
	.name = "set",
	.usage = "password|compression|max-fps [VALUE] [OPTION...]",
	.summary = "change a setting of a running bridge",
	.help = "Changes a setting of a running bridge. A password is read from standard input.",
	.min_arguments = 1,
	.max_arguments = 2,
	.completion = COMPLETE_WORDS,
	.words = set_words,
	.options =
		{
			ON_OPTION,
		},
};

static const struct tool display_tool = {
	.name = "display",
	.usage = "resize WxH|auto, set-edid FILE, plug, unplug, or switch NAME|next|host",
	.summary = "change a guest's monitor, or which guest is shown",
	.help = "Gives the guest another monitor, unplugs or plugs it, or shows another guest.",
	.min_arguments = 1,
	.max_arguments = 2,
	.completion = COMPLETE_WORDS,
	.words = display_words,
	.options =
		{
			ON_OPTION,
		},
};

const struct tool *const tools_operate[] = {
	&status_tool,
	&events_tool,
	&metrics_tool,
	&screenshot_tool,
	&log_level_tool,
	&set_tool,
	&display_tool,
	NULL,
};
