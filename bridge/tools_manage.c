/* SPDX-License-Identifier: MIT */
/* The verbs for vGPUs: what there is, making and removing them, and what QEMU is to be told. */
#include "bridge/tools.h"

#define ROOT_OPTION                                                              \
	{                                                                        \
		.name = "root", .argument = "DIR", .completion = COMPLETE_FILES, \
		.help = "look up sys/, proc/, dev/, etc/ and boot/ below DIR",   \
	}

static const char *const for_words[] = {"windows", "linux", NULL};

static const struct tool list_tool = {
	.name = "list",
	.usage = "[OPTION...]",
	.summary = "list the GPUs that offer vGPUs, their types and the vGPUs there are",
	.help = "Lists the GPUs that offer vGPUs, the types of each, and the vGPUs there are.",
	.man = "For each type it prints how many more of it can be made (FREE), the largest "
	       "picture, "
	       "its memory (with GVT-g the mappable plus the hidden part), its fence registers, its "
	       "weight when several vGPUs want the GPU at once, and what ends first or has ended: "
	       "types of one GPU share what there is. For each vGPU it prints its nodes, who may open "
	       "the one that QEMU uses, which processes and virtual machines hold it, whether mdevctl "
	       "or libvirt bring it back after a restart of the host, and what it shows, which a "
	       "bridge that serves it is asked for. Users other than root see of others' processes "
	       "only how QEMU was started.\n\n"
	       "With *--json* it prints an object: _version_ (1; it grows when a member changes its "
	       "meaning), _parents_ and _vgpus_. What is not known is null.\n\n"
	       "A parent has _name_, _kind_ (gvt-g, nvidia, nvidia-vf, other), _driver_, _pci_ "
	       "(_vendor_, _device_, _class_, hexadecimal), _generation_, _aperture_ (bytes) and "
	       "_types_. A type has _name_, _label_, _description_, _device_api_, _available_ (as the "
	       "kernel says), _room_ (as the sizes say; smaller where the kernel is wrong), _limit_ "
	       "(low-gm, high-gm, fences, count, memory, other-type, unknown), _low_gm_mib_, "
	       "_high_gm_mib_, _memory_mib_, _fences_, _weight_, _max_xres_, _max_yres_ and _heads_.\n\n"
	       "A vGPU has _name_ (its UUID, or the PCI address of a virtual function), _uuid_, "
	       "_parent_, _type_, _driver_, _group_, _group_node_, _cdev_node_, _node_ (_path_, "
	       "_owner_, _group_, _mode_ in octal), _holders_known_, _holders_ (each _pid_, _command_, "
	       "_vm_, _by_command_line_), _mdevctl_ (auto, manual, none, unknown), _libvirt_ "
	       "(_domains_, the number that have it, _domain_, the first, _autostart_) and _shows_ "
	       "(_state_: picture, off, unknown; _text_, _width_, _height_, _format_, _bridge_).",
	.options =
		{
			{.name = "json", .help = "print JSON"},
			ROOT_OPTION,
		},
};

static const struct tool create_tool = {
	.name = "create",
	.usage = "[OPTION...]",
	.summary = "make vGPUs",
	.help = "Makes a vGPU and prints its UUID.",
	.man = "Needs root. The UUIDs go to standard output, a line each, and nothing else does. "
	       "When "
	       "anything fails, also the second of two, the node for *--group* or mdevctl for "
	       "*--persist*, what was made is removed again. When the kernel has no room, what used it "
	       "up is said.\n\n"
	       "On one of NVIDIA's virtual functions, which have no UUID, the number of the type is "
	       "written to _nvidia/current_vgpu_type_, and the PCI address is printed. This has not "
	       "been tried on the hardware.\n\n"
	       "The exit status is 2 where an option is wrong or missing, 1 where a vGPU can't be made.",
	.options =
		{
			{.name = "parent",
				.argument = "PARENT",
				.help = "of this GPU, by its address or name",
				.man = "Make it of this GPU, by the address or name that *list* "
				       "prints. May be left out where only one device "
				       "offers the type, or vGPUs at all."},
			{.name = "type",
				.argument = "TYPE",
				.help = "of this type",
				.man = "Make it of this type, as *list* prints it. May be left "
				       "out where the device has "
				       "only one."},
			{.name = "for",
				.argument = "windows|linux",
				.completion = COMPLETE_WORDS,
				.words = for_words,
				.help = "of a type that suits such a guest",
				.man = "Make it of a type that suits such a guest. With GVT-g: "
				       "the smallest type with free instances that shows "
				       "more than 1024x768, and for _windows_ only one with 128 MiB of "
				       "the aperture, as Intel's driver fails with code 43 on less. "
				       "For _linux_ it is 1024x768 when nothing else is left, with a "
				       "warning."},
			{.name = "uuid",
				.argument = "UUID",
				.repeatable = true,
				.help = "with this UUID instead of a new one"},
			{.name = "count", .argument = "N", .help = "make so many, at most 64"},
			{.name = "persist",
				.help = "have mdevctl make it again at each boot",
				.man = "Have mdevctl make it again at each boot, by *mdevctl "
				       "define --auto*. Where mdevctl is not installed, "
				       "nothing is made."},
			{.name = "group",
				.argument = "GROUP",
				.help = "let this group of users open it",
				.man = "Let this group of users open it: gives its nodes to the "
				       "group, with mode 0660, and prints the "
				       "rules of udev that do so after each restart."},
			ROOT_OPTION,
		},
};

static const struct tool remove_tool = {
	.name = "remove",
	.usage = "UUID...|--all-idle [OPTION...]",
	.summary = "remove vGPUs that nobody holds",
	.help = "Removes vGPUs. One that somebody holds is not removed, and its holder is named.",
	.man = "Needs root. Prints a line for each that was removed; the exit status is 1 when "
	       "one of "
	       "those named was not. There is no way to force it: the kernel itself waits until the "
	       "last program has closed the vGPU, and a virtual machine would lose it. Warns when "
	       "mdevctl will make it again, or a domain of libvirt has it.",
	.max_arguments = TOOL_ANY_ARGUMENTS,
	.completion = COMPLETE_MDEV,
	.options =
		{
			{.name = "all-idle", .help = "all that nobody holds"},
			{.name = "undefine",
				.help = "also have mdevctl forget it",
				.man = "Also have mdevctl forget it, by *mdevctl undefine* after "
				       "the removal."},
			ROOT_OPTION,
		},
};

static const struct tool prune_tool = {
	.name = "prune",
	.usage = "[OPTION...]",
	.summary = "remove vGPUs that were left over, after asking",
	.help = "Removes vGPUs that nobody holds and nobody will bring back. Asks first.",
	.man = "These are vGPUs that no process has open, that mdevctl does not define, and that "
	       "no "
	       "domain of libvirt's system instance has: a program that made them died, or forgot "
	       "them. Lists them, and removes none without a yes, or *--yes* where there is no "
	       "terminal to ask on. Needs root.",
	.options =
		{
			{.name = "yes", .help = "do not ask"},
			ROOT_OPTION,
		},
};

static const char *const machine_words[] = {"q35", "pc", NULL};
static const char *const qemu_with_words[] = {"webdav", "usb", "sound", NULL};
static const char *const xml_with_words[] = {"qmp", "webdav", "usb", "sound", NULL};
static const char *const part_words[] = {
	"domain", "hostdev", "tablet", "agent", "webdav", "usb", "nodedev", NULL};

/* Of xml and qemu-args. */
#define RECIPE_OPTIONS                                                                            \
	{.name = "vm",                                                                            \
		.argument = "NAME",                                                               \
		.help = "name of the virtual machine, and of its sockets",                        \
		.man = "Name of the virtual machine, and of its sockets. Without it: of the "     \
		       "libvirt domain that names the vGPU, or of the machine that has it now, "  \
		       "or one that is made up."},                                                \
		{.name = "for",                                                                   \
			.argument = "windows|linux",                                              \
			.completion = COMPLETE_WORDS,                                             \
			.words = for_words,                                                       \
			.help = "what runs in it"},                                               \
		{.name = "machine",                                                               \
			.argument = "q35|pc",                                                     \
			.completion = COMPLETE_WORDS,                                             \
			.words = machine_words,                                                   \
			.help = "QEMU's machine; without it q35"},                                \
		{.name = "ramfb",                                                                 \
			.help = "firmware on a display of QEMU's, which then reads the vGPU too", \
			.man = "Lets QEMU show what firmware and boot loader draw, on a VNC "     \
			       "socket. That picture is no part of the vGPU, so the bridge "      \
			       "doesn't have it. QEMU takes _ramfb=on_ only together with "       \
			       "_display=on_ and _vfio-pci-nohotplug_ (QEMU 3.1, libvirt 5.9): "  \
			       "it reads the vGPU's picture too while somebody looks there, "     \
			       "needs GL for GVT-g's, and writes an EDID of its own at the "      \
			       "start. Without *--ramfb* it is _display=off_."},                  \
		{.name = "sockets",                                                               \
			.argument = "DIR",                                                        \
			.completion = COMPLETE_FILES,                                             \
			.help = "QEMU's and our sockets are in DIR"},                             \
		{.name = "qemu",                                                                  \
			.argument = "VERSION",                                                    \
			.help = "for this version of QEMU, not the one here"},                    \
		ROOT_OPTION

static const struct tool xml_tool = {
	.name = "xml",
	.usage = "UUID [OPTION...]",
	.summary = "print what a libvirt domain needs for a vGPU",
	.help = "Prints the XML with which a libvirt domain has this vGPU, and, on standard error, "
		"advice and the command that serves it.",
	.man = "Prints a domain with this vGPU that *virsh define* takes, or with *--part* one "
	       "element for *virsh attach-device*. It has what the vGPU and the bridge need, in the "
	       "words of the QEMU and the libvirt of this host: the device at a slot that isn't 2 "
	       "and without a display of QEMU's, the OpRegion where QEMU doesn't give it by itself "
	       "(older than 10.1), a tablet, the agent's socket, no suspend. A disk and a network "
	       "are yours to add.\n\n"
	       "Standard error has the advice, in lines that begin with #, and in the last line the "
	       "command for *serve* that uses these sockets.",
	.min_arguments = 1,
	.max_arguments = 1,
	.completion = COMPLETE_MDEV,
	.options =
		{
			{.name = "part",
				.argument = "PART",
				.completion = COMPLETE_WORDS,
				.words = part_words,
				.help = "only hostdev, tablet, agent, webdav, usb or nodedev",
				.man = "Prints one element: _hostdev_, _tablet_, _agent_, "
				       "_webdav_ or "
				       "_usb_, or with _nodedev_ what *virsh nodedev-define* takes."},
			{.name = "with",
				.argument = "WHAT",
				.repeatable = true,
				.completion = COMPLETE_WORDS,
				.words = xml_with_words,
				.help = "also qmp, webdav, usb or sound; may be given several times",
				.man = "Adds a monitor of its own (_qmp_), a shared folder "
				       "(_webdav_), a "
				       "USB device (_usb_), or _sound_ (QEMU 8.1 and libvirt 8.4 or newer; "
				       "with it comes _qmp_). Without _qmp_ keys and pointer go through "
				       "libvirt."},
			{.name = "libvirt",
				.argument = "VERSION",
				.help = "for this version of libvirt, not the one here"},
			RECIPE_OPTIONS,
		},
};

static const struct tool qemu_args_tool = {
	.name = "qemu-args",
	.usage = "UUID [OPTION...]",
	.summary = "print what QEMU's command line needs for a vGPU",
	.help = "Prints the arguments with which QEMU has this vGPU, and, on standard error, advice "
		"and the command that serves it.",
	.man = "One option with its value in a line; nothing in them is quoted or needs to be, so "
	       "that this starts a machine:\n\n"
	       "\tqemu-system-x86\\_64 -accel kvm -m 4G $(vgpu-bridge qemu-args UUID) disk.qcow2\n\n"
	       "Standard error has the advice, in lines that begin with #, and in the last line the "
	       "command for *serve* that uses these sockets.",
	.min_arguments = 1,
	.max_arguments = 1,
	.completion = COMPLETE_MDEV,
	.options =
		{
			{.name = "with",
				.argument = "WHAT",
				.repeatable = true,
				.completion = COMPLETE_WORDS,
				.words = qemu_with_words,
				.help = "also webdav, usb or sound; may be given several times",
				.man = "Adds a shared folder (_webdav_), a USB device (_usb_), "
				       "or _sound_ "
				       "(QEMU 8.1 or newer)."},
			RECIPE_OPTIONS,
		},
};

static const struct tool unit_tool = {
	.name = "unit",
	.usage = "VM [OPTION...]",
	.summary = "print or install the systemd units that serve a virtual machine",
	.help = "Prints the configuration, and a drop-in where one is needed, with which the installed "
		"systemd units serve a virtual machine. VM is its name, or a vGPU's UUID.",
	.man = "What is to be known of the machine, its sockets and its vGPUs, is read from libvirt's "
	       "file for the domain or from the command line of the QEMU that runs under this name. "
	       "The configuration goes to _/etc/vgpu-bridge/NAME.conf_, a drop-in to "
	       "_/etc/systemd/system/vgpu-bridge@NAME.service.d/unit.conf_; _NAME_ is _VM_, with "
	       "\"\\_\" for each byte that is no letter, digit, \":\", \".\", \"\\_\" or "
	       "\"-\". See *SYSTEMD*.",
	.min_arguments = 1,
	.max_arguments = 1,
	.options =
		{
			{.name = "install",
				.help = "write them below /etc, and load them",
				.man = "Writes them and has systemd read them. A file that is there "
				       "already is left alone, whatever is in it, and named where it "
				       "differs. Nothing is started or enabled."},
			{.name = "network",
				.help = "let the unit have addresses that other machines reach",
				.man = "The drop-in lets the unit use the network, for addresses "
				       "*tcp:* and *tls:* in the configuration."},
			ROOT_OPTION,
		},
};

const struct tool *const tools_manage[] = {
	&list_tool,
	&create_tool,
	&remove_tool,
	&prune_tool,
	&xml_tool,
	&qemu_args_tool,
	&unit_tool,
	NULL,
};
