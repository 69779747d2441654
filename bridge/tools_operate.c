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
	.man = "*display* is what the guest's display was found to be when it was looked at last, "
	       "which is only done while somebody watches: *picture*, *no-picture*, *paused*, "
	       "*gone*, *no-device* or *unknown*, with a sentence.\n\n"
	       "*rate* is of the last whole second. *latency* has means in which the last times "
	       "count most: from the beginning of a look at the guest until the frame made of it was "
	       "handed to the viewers' servers; until all of it was in the viewer's socket (the "
	       "slowest viewer's; not measured with GLZ); and from a key or movement being sent to "
	       "QEMU until QEMU has answered. The network and what the viewer does are in none of "
	       "them, nor is the time until the guest draws.\n\n"
	       "*dropped* has each counter of something dropped, refused or failed that is not zero. "
	       "*--json* has all counters.",
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
	.man = "Each line has the time (UTC), the event, and what goes with it: *display-changed*, "
	       "*mode-changed*, *device-arrived*, *device-lost*, *viewer-came*, *viewer-left*, "
	       "*switch*, *setting-changed*, *password-changed*, *machine-paused*, *machine-runs*, "
	       "*monitor-connected*, *monitor-lost*, *display-resize*, *display-edid*, *display-plug*, "
	       "*display-unplug* and *ending*. Changes of the display are "
	       "told ten times a second at most, and only while somebody watches. *events-lost* says "
	       "how many events were not told because this program did not read in time. The exit "
	       "status is 0 when the bridge has said that it ends.",
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
	.man = "Without *--on* all bridges whose control sockets are found are asked; each sample has "
	       "the label *name*. One that does not answer has *vgpu_bridge_up* 0 and a warning; when "
	       "none answers the exit status is 1. For node_exporter:\n\n"
	       "\tvgpu-bridge metrics > /var/lib/node_exporter/vgpu.prom.new && mv "
	       "/var/lib/node_exporter/vgpu.prom.new /var/lib/node_exporter/vgpu.prom",
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
	.man = "The picture is what a viewer would see, and needs none: where the guest shows nothing, "
	       "or there is no guest, it is the card that viewers see, and the line that is printed "
	       "says so. A file that is there already is replaced when the new one is complete.\n"
	       "\n"
	       "It works where QEMU's own _screendump_ has no surface to show, and does not disturb "
	       "viewers. The pixels come by a descriptor, which is good for 2 seconds; one picture "
	       "is taken at a time, and a device that does not answer in 5 seconds gives none.",
	.min_arguments = 1,
	.max_arguments = 1,
	.completion = COMPLETE_FILES,
	.options =
		{
			{.name = "cursor",
				.help = "with the guest's pointer in it",
				.man = "With the guest's pointer in it. A guest that draws its pointer into its picture itself has it there "
				       "in any case; the line that is printed says so."},
			ON_OPTION,
		},
};

static const struct tool log_level_tool = {
	.name = "log-level",
	.usage = "[LEVEL] [OPTION...]",
	.summary = "print or change how much a running bridge logs",
	.help = "Prints how much a running bridge logs, or changes it.",
	.man = "_LEVEL_ is *error*, *warning*, *info* or *debug*. It lasts until the bridge ends.",
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
	.man = "What is set lasts until the bridge ends; its options and config file stay as they "
	       "are.\n\n"
	       "*password*: viewers who come from now on are asked for it, and who is in stays in. "
	       "Where nobody was asked for one before, those who are in are sent out. It is the first line of standard input, or of "
	       "*--password-file*, 1 to 60 bytes; never a word of the command line, which every user "
	       "of the machine can read. View-only addresses have the same password, unless they "
	       "were given their own. Not with *--sasl*.\n\n"
	       "*compression* _METHOD_: for viewers who come from now on; see *--compression*.\n\n"
	       "*max-fps* _N_: at once.",
	.min_arguments = 1,
	.max_arguments = 2,
	.completion = COMPLETE_WORDS,
	.words = set_words,
	.options =
		{
			{
				.name = "password-file",
				.argument = "FILE",
				.completion = COMPLETE_FILES,
				.help = "the password is the first line of this file",
			},
			{
				.name = "expires",
				.argument = "SECONDS",
				.help = "after so long the password lets nobody in any more",
			},
			{.name = "view-only", .help = "the password of view-only addresses"},
			ON_OPTION,
		},
};

static const struct tool display_tool = {
	.name = "display",
	.usage = "resize WxH|auto, set-edid FILE, plug, unplug, or switch NAME|next|host",
	.summary = "change a guest's monitor, or which guest is shown",
	.help = "Gives the guest another monitor, unplugs or plugs it, or shows another guest.",
	.man = "*resize* _WIDTHxHEIGHT_ gives the guest a monitor that prefers this size, from 64x64 to "
	       "4095x4095 and to what the device allows; from then on viewers' windows change "
	       "nothing. *resize auto* lets them choose again, beginning with the size that they asked "
	       "for last. Both outlive the guest, but not the bridge; *--mode* and *--fixed-mode* "
	       "of *serve* are the same from the start.\n"
	       "\n"
	       "*set-edid* _FILE_ gives the guest a monitor with the EDID in the file, until *resize*. "
	       "The file may hold the bytes themselves (_/sys/class/drm/\\*/edid_ of a monitor of "
	       "the host), their hexadecimal digits (as *edid-decode*(1) and *xrandr*(1) print "
	       "them), or be the _monitor.config_ of the GVT-g setup guide of 2016, as it is: of "
	       "several ports the first is taken, for a vGPU has one, and the ports' numbers mean "
	       "nothing any more. Its binary mode is not taken: give the EDID itself. A dash is "
	       "standard input. A wrong checksum is refused; a wrong number of extensions is mended "
	       "and told of. GVT-g takes the first block of 128 bytes: what follows is cut off, and "
	       "told of.\n"
	       "\n"
	       "*unplug* takes the monitor away, whatever viewers ask for and whichever device "
	       "comes, until *plug* brings the last one back. This is the virtual hotplug of the "
	       "2016 guide: the guest sees its only connector as disconnected, and mostly "
	       "switches its display off.\n"
	       "\n"
	       "Each change is a monitor unplugged and another one plugged for the guest. A device "
	       "without an EDID region (Broadwell, mdpy) refuses all of this; *resize* then asks the "
	       "guest's agent, where *--agent* connects one.\n"
	       "\n"
	       "*switch* _NAME_|*next*|*host* shows another of several sources, or none: see *--also* "
	       "of *serve*.",
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
