/* SPDX-License-Identifier: MIT */
/* The options that say whose display is served, and how it is switched. */
#include "bridge/options_table.h"

static const char *const simulate_words[] = {"1280x720", "1920x1080", "scene=desktop", "scene=idle",
	"scene=scroll", "scene=video", "scene=noise", "scene=box", NULL};

const struct option_spec options_source[] = {
	{
		.name = "mdev",
		.verbs = FOR_BOTH,
		.section = SECTION_SOURCE,
		.argument = "UUID",
		.completion = COMPLETE_MDEV,
		.help = "the mediated device with this UUID",
		.man = "The vGPU with this UUID, as listed in _/sys/bus/mdev/devices_. Its VFIO "
		       "group, or its character device where the kernel has iommufd, is found by "
		       "itself, and so is the render node of the GPU that it is part of. With "
		       "*--group* it chooses one device of a group that holds several, with *--vm* "
		       "and *--qemu-pid* one vGPU of a virtual machine that has several.",
		.set = set_mdev,
	},
	{
		.name = "group",
		.verbs = FOR_SOURCE,
		.section = SECTION_SOURCE,
		.argument = "N|PATH",
		.completion = COMPLETE_GROUP,
		.help = "the device in this VFIO group",
		.man = "The device in VFIO group _N_, or in the group whose file is _PATH_, for "
		       "example _/dev/vfio/12_. Where the group holds several, say which with "
		       "*--mdev*.",
		.set = set_group,
	},
	{
		.name = "cdev",
		.verbs = FOR_BOTH,
		.section = SECTION_SOURCE,
		.argument = "PATH",
		.completion = COMPLETE_CDEV,
		.help = "a VFIO character device (iommufd)",
		.man = "The VFIO character device _PATH_, for example "
		       "_/dev/vfio/devices/vfio0_. It is bound to _/dev/iommu_.",
		.set = set_cdev,
	},
	{
		.name = "fd",
		.verbs = FOR_SOURCE,
		.section = SECTION_SOURCE,
		.argument = "N",
		.help = "an inherited VFIO device descriptor",
		.man = "Descriptor _N_, inherited from the starter, is an open VFIO device.",
		.set = set_fd,
	},
	{
		.name = "vm",
		.verbs = FOR_SOURCE | FOR_VIEWER_FILE,
		.section = SECTION_SOURCE,
		.argument = "NAME",
		.help = "the vGPU of this running virtual machine",
		.man = "The vGPU of the virtual machine _NAME_: a libvirt domain, or any QEMU that "
		       "was started with *-name* _NAME_. *serve* waits until there is one, and "
		       "again after it has ended; viewers stay connected. See *ATTACHING*.",
		.set = set_vm,
	},
	{
		.name = "qemu-pid",
		.verbs = FOR_SOURCE,
		.section = SECTION_SOURCE,
		.argument = "PID",
		.help = "the vGPU that this QEMU process has open",
		.man = "The vGPU that the process _PID_, a QEMU, has open. A process does not come "
		       "back, so *serve* ends with it, with exit status 0. See *ATTACHING*.",
		.set = set_qemu_pid,
	},
	{
		.name = "fd-socket",
		.verbs = FOR_SOURCE,
		.section = SECTION_SOURCE,
		.argument = "PATH",
		.completion = COMPLETE_FILES,
		.help = "a socket on which a launcher hands the device over",
		.man = "Listens on the unix socket _PATH_ (mode 0600) for a launcher that hands over "
		       "the device's descriptor; see *HANDING OVER*. Needs no rights of ours.",
		.set = set_fd_socket,
	},
	{
		.name = "fd-socket-uid",
		.verbs = FOR_SOURCE,
		.section = SECTION_SOURCE,
		.argument = "UID",
		.help = "this user's number may hand over too",
		.man = "With *--fd-socket*: beside our own user and root, the user with this number "
		       "may hand over. The socket's mode is 0666 then; who connects is asked for.",
		.set = set_fd_socket_uid,
	},
	{
		.name = "simulate",
		.verbs = FOR_SOURCE,
		.section = SECTION_SOURCE,
		.argument = "SPEC",
		.optional_argument = true,
		.completion = COMPLETE_WORDS,
		.words = simulate_words,
		.help = "a simulated vGPU, for trying out and for tests",
		.man = "A simulated vGPU that draws by itself; needs no hardware and no rights. "
		       "_SPEC_ is a list with commas, each part of which may be left out: "
		       "_WIDTHxHEIGHT_, *scene=*_NAME_, *fps=*_N_, *memory=*_FILE_. Scenes are "
		       "desktop, idle, scroll, video, noise and box; the default is "
		       "1280x720,scene=desktop,fps=60. With *memory=* the picture is the "
		       "shared-memory file _FILE_ (linear XRGB8888), which some other program "
		       "paints. For tests there are also *plane=*_dmabuf|region_, "
		       "*cursor=*_on|off_ and *control=*_PATH_.",
		.set = set_simulate,
	},
	{
		.name = "also",
		.verbs = 1u << VERB_SERVE,
		.section = SECTION_SWITCH,
		.argument = "SOURCE[,name=NAME][,qmp=unix:PATH]",
		.repeatable = true,
		.completion = COMPLETE_WORDS,
		.words = also_words,
		.help = "another source, for 'display switch'; repeatable",
		.man = "Another source, which *vgpu-bridge display switch* shows in the place of the "
		       "first: *vm:*_NAME_, *mdev:*_UUID_, *cdev:*_PATH_, *group:*_N_ or "
		       "*simulate:*_SPEC_, 7 at most. After it, with commas: *name=*_NAME_, what "
		       "*display switch* calls it (by default the virtual machine's name, the UUID, "
		       "or the file's); *qmp=unix:*_PATH_, its own monitor as for *--qmp*; with "
		       "vm: and group: *mdev=*_UUID_, which vGPU of several. See *SWITCHING*.",
		.set = set_also,
	},
	{
		.name = "source-name",
		.verbs = 1u << VERB_SERVE,
		.section = SECTION_SWITCH,
		.argument = "NAME",
		.help = "what 'display switch' calls the first source",
		.man = "What *display switch* calls the first source, as *name=* for the others.",
		.set = set_source_name,
	},
	{
		.name = "switch-on-create",
		.verbs = 1u << VERB_SERVE,
		.section = SECTION_SWITCH,
		.help = "show a virtual machine when it starts",
		.man = "A virtual machine that starts while another source is shown is shown from "
		       "then on. Told by its monitor (*--qmp*, *qmp=*, or libvirt), so it needs one.",
		.set = set_switch_on_create,
	},
};
const size_t options_source_count = sizeof(options_source) / sizeof(options_source[0]);
