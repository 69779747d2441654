/* SPDX-License-Identifier: MIT */
/* The verb doctor. */
#include "bridge/tools.h"

static const struct tool doctor_tool = {
	.name = "doctor",
	.usage = "[OPTION...]",
	.summary = "say what stands between this host and a visible guest",
	.help = "Looks through this host, from the hardware to the guest, for what stands in the "
		"way of a visible guest, and says how to mend it.",
	.options =
		{
			{.name = "vm",
				.argument = "NAME|PID",
				.help = "look at this virtual machine too"},
			{.name = "json", .help = "print JSON"},
			{.name = "root",
				.argument = "DIR",
				.completion = COMPLETE_FILES,
				.help = "look up sys/, proc/, dev/, etc/ and boot/ below DIR"},
		},
};

const struct tool *const tools_doctor[] = {
	&doctor_tool,
	NULL,
};
