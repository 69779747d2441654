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
	.options =
		{
			{.name = "parent",
				.argument = "PARENT",
				.help = "of this GPU, by its address or name"},
			{.name = "type", .argument = "TYPE", .help = "of this type"},
			{.name = "for",
				.argument = "windows|linux",
				.completion = COMPLETE_WORDS,
				.words = for_words,
				.help = "of a type that suits such a guest"},
			{.name = "uuid",
				.argument = "UUID",
				.repeatable = true,
				.help = "with this UUID instead of a new one"},
			{.name = "count", .argument = "N", .help = "make so many"},
			{.name = "persist", .help = "have mdevctl make it again at each boot"},
			{.name = "group",
				.argument = "GROUP",
				.help = "let this group of users open it"},
			ROOT_OPTION,
		},
};

static const struct tool remove_tool = {
	.name = "remove",
	.usage = "UUID...|--all-idle [OPTION...]",
	.summary = "remove vGPUs that nobody holds",
	.help = "Removes vGPUs. One that somebody holds is not removed, and its holder is named.",
	.max_arguments = TOOL_ANY_ARGUMENTS,
	.completion = COMPLETE_MDEV,
	.options =
		{
			{.name = "all-idle", .help = "all that nobody holds"},
			{.name = "undefine", .help = "also have mdevctl forget it"},
			ROOT_OPTION,
		},
};

static const struct tool prune_tool = {
	.name = "prune",
	.usage = "[OPTION...]",
	.summary = "remove vGPUs that were left over, after asking",
	.help = "Removes vGPUs that nobody holds and nobody will bring back. Asks first.",
	.options =
		{
			{.name = "yes", .help = "do not ask"},
			ROOT_OPTION,
		},
};

static const struct tool xml_tool = {
	.name = "xml",
	.usage = "UUID [OPTION...]",
	.summary = "print what a libvirt domain needs for a vGPU",
	.help = "Prints the XML with which a libvirt domain has this vGPU, and the command that "
		"serves it.",
	.min_arguments = 1,
	.max_arguments = 1,
	.completion = COMPLETE_MDEV,
	.options =
		{
			ROOT_OPTION,
		},
};

static const struct tool qemu_args_tool = {
	.name = "qemu-args",
	.usage = "UUID [OPTION...]",
	.summary = "print what QEMU's command line needs for a vGPU",
	.help = "Prints the arguments with which QEMU has this vGPU, and the command that serves "
		"it.",
	.min_arguments = 1,
	.max_arguments = 1,
	.completion = COMPLETE_MDEV,
	.options =
		{
			ROOT_OPTION,
		},
};

static const struct tool unit_tool = {
	.name = "unit",
	.usage = "VM [OPTION...]",
	.summary = "print or install the systemd units that serve a virtual machine",
	.help = "Prints the systemd units and the configuration that serve a virtual machine.",
	.min_arguments = 1,
	.max_arguments = 1,
	.options =
		{
			{.name = "install", .help = "write them below /etc, and load them"},
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
