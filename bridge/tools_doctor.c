/* SPDX-License-Identifier: MIT */
/* The verb doctor. */
#include "bridge/tools.h"

static const struct tool doctor_tool = {
	.name = "doctor",
	.usage = "[OPTION...]",
	.summary = "say what stands between this host and a visible guest",
	.help = "Looks through this host, from the hardware to the guest, for what stands in the "
		"way of a visible guest, and says how to mend it.",
	.man = "It goes through layers that are built on each other: hardware, kernel, module, "
	       "parameters, aperture, vGPU, node access, QEMU, render node, guest. Each check says "
	       "what it read and what it saw there. The first layer with a failure is the one to "
	       "mend: it comes with the remedy for this distribution and bootloader, and the layers "
	       "after it are not checked. Messages that are harmless, and modules, parameters and "
	       "files of guides that are out of date, are named so.\n\n"
	       "doctor changes nothing and needs no rights; what it can't read it says. As root it "
	       "sees the kernel's log, libvirt's settings and who has a vGPU open.\n\n"
	       "The exit status is 0 when all is well, 1 with warnings, and 2 when something stands "
	       "in the way (or an option is wrong). Colours come on a terminal only, and not with "
	       "*NO_COLOR* set.\n\n"
	       "*--json* prints one object: _version_ (1), _verdict_ (ok, info, warning, fail), "
	       "_failed_layer_ or null, _host_, and _layers_, each with its _checks_ (_id_, _name_, "
	       "_verdict_) and their _findings_ (_verdict_, _path_, _value_, _text_, _fix_).",
	.options =
		{
			{.name = "vm",
				.argument = "NAME|PID",
				.help = "look at this virtual machine too",
				.man = "Look at this virtual machine too: a name as QEMU or libvirt "
				       "has it, or the number of its QEMU. A domain that does not run is looked at in "
				       "libvirt's file of it, which wants root."},
			{.name = "json", .help = "print JSON"},
			{.name = "root",
				.argument = "DIR",
				.completion = COMPLETE_FILES,
				.help = "look up sys/, proc/, dev/, etc/ and boot/ below DIR",
				.man = "Look up all files of the host below this directory: a copy or "
				       "a container's view of another host. The kernel's log is a text "
				       "file _dev/kmsg_ there. Links don't lead out of it."},
		},
};

const struct tool *const tools_doctor[] = {
	&doctor_tool,
	NULL,
};
