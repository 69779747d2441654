/* SPDX-License-Identifier: MIT */
/* The options of the picture, of input, of the guest's other channels, and of the program. */
#include "bridge/options_table.h"

const char *const renderer_words[] = {"auto", "gl", "cpu", NULL};
const char *const input_words[] = {"auto", "none", NULL};
const char *const log_level_words[] = {"error", "warning", "info", "debug", NULL};
static const char *const audio_words[] = {"auto", "none", "dbus:unix:path=", NULL};
static const char *const control_words[] = {"none", "unix:", NULL};
static const char *const socket_words[] = {"unix:", NULL};
static const char *const mode_words[] = {
	"1280x720", "1280x800", "1920x1080", "1920x1200", "2560x1440", "3840x2160", NULL};

const struct option_spec options_guest[] = {
	{
		.name = "renderer",
		.verbs = FOR_BOTH,
		.section = SECTION_PICTURE,
		.argument = "KIND",
		.completion = COMPLETE_WORDS,
		.words = renderer_words,
		.help = "auto, gl or cpu",
		.man = "What reads the guest's picture: *gl* imports it with EGL, *cpu* maps it "
		       "(linear formats only), *auto* (the default) chooses.",
		.set = set_renderer,
	},
	{
		.name = "render-node",
		.verbs = FOR_BOTH,
		.section = SECTION_PICTURE,
		.argument = "PATH",
		.completion = COMPLETE_FILES,
		.help = "the DRM render node to import with",
		.man = "The DRM render node that imports the picture, for example "
		       "_/dev/dri/renderD128_. The default is the one of the GPU that the vGPU "
		       "is part of.",
		.set = set_render_node,
	},
	{
		.name = "max-fps",
		.verbs = FOR_SERVE,
		.section = SECTION_PICTURE,
		.argument = "N",
		.help = "look at the picture at most N times a second (60)",
		.man = "The picture is looked at no more than _N_ times a second, 1 to 240. The "
		       "default is 60.",
		.set = set_max_fps,
	},
	{
		.name = "qmp",
		.verbs = FOR_SERVE,
		.section = SECTION_INPUT,
		.argument = "unix:PATH",
		.completion = COMPLETE_WORDS,
		.words = socket_words,
		.help = "QEMU's monitor, for keys and the pointer",
		.man = "The socket of a monitor of QEMU (*-qmp unix:*_PATH_*,server=on,wait=off*), "
		       "which viewers' keys and pointers go to; see *INPUT*. It serves one program "
		       "at a time, so give the bridge one of its own. Without it viewers may only "
		       "look, but with *--vm* libvirt is tried.",
		.set = set_qmp,
	},
	{
		.name = "input",
		.verbs = FOR_SERVE,
		.section = SECTION_INPUT,
		.argument = "KIND",
		.completion = COMPLETE_WORDS,
		.words = input_words,
		.help = "auto or none",
		.man = "*auto* (the default): viewers' keys and pointers go to the guest, where "
		       "there is a monitor of QEMU. *none*: viewers may only look.",
		.set = set_input,
	},
	{
		.name = "audio",
		.verbs = FOR_SERVE,
		.section = SECTION_CHANNELS,
		.argument = "WAY",
		.completion = COMPLETE_WORDS,
		.words = audio_words,
		.help = "auto, none or dbus:ADDRESS",
		.man = "How the guest's sound gets to the viewers, and a viewer's microphone to the "
		       "guest: *auto* (the default) over *--qmp*, where QEMU is 8.1 or newer and was "
		       "started with _-audiodev dbus,id=ID -display dbus,p2p=yes,audiodev=ID_; "
		       "*dbus:*_ADDRESS_ over the bus that QEMU is on (_-display "
		       "dbus,addr=ADDRESS,audiodev=ID_), also with QEMU 7; or *none*. See *CHANNELS*.",
		.set = set_audio,
	},
	{
		.name = "agent",
		.verbs = FOR_SERVE,
		.section = SECTION_CHANNELS,
		.argument = "unix:PATH",
		.completion = COMPLETE_WORDS,
		.words = socket_words,
		.help = "QEMU's socket to the guest's SPICE agent",
		.man = "The socket of QEMU's device for the guest's agent (spice-vdagent), for "
		       "the clipboard and for sending files; see *CHANNELS*. It also points, "
		       "where the guest has no tablet. While the agent is silent the bridge "
		       "answers for it, so that the viewer's window still sets the guest's size. That the "
		       "agent has ended the bridge learns from the monitor of *--qmp*.",
		.set = set_agent,
	},
	{
		.name = "usbredir",
		.verbs = FOR_SERVE,
		.section = SECTION_CHANNELS,
		.argument = "unix:PATH",
		.repeatable = true,
		.completion = COMPLETE_WORDS,
		.words = socket_words,
		.help = "QEMU's socket of a usb-redir device; may be repeated",
		.man = "The socket of a *usb-redir* device of QEMU: one USB device of the viewer's "
		       "machine can be given to the guest. As many times as devices shall be given "
		       "at once, 8 at most.",
		.set = set_usbredir,
	},
	{
		.name = "webdav",
		.verbs = FOR_SERVE,
		.section = SECTION_CHANNELS,
		.argument = "unix:PATH",
		.completion = COMPLETE_WORDS,
		.words = socket_words,
		.help = "QEMU's socket to the guest's spice-webdavd",
		.man = "The socket of the guest's port _org.spice-space.webdav.0_: the guest sees a "
		       "folder that the viewer shares.",
		.set = set_webdav,
	},
	{
		.name = "smartcard",
		.verbs = FOR_SERVE,
		.section = SECTION_CHANNELS,
		.argument = "unix:PATH",
		.completion = COMPLETE_WORDS,
		.words = socket_words,
		.help = "QEMU's socket of a ccid-card-passthru device",
		.man = "The socket of a *ccid-card-passthru* device of QEMU: the guest uses the "
		       "smart cards of the viewer's machine. Messages of the guest over 270 bytes "
		       "(extended APDUs) are not passed on: libspice-server has no room for them.",
		.set = set_smartcard,
	},
	{
		.name = "port",
		.verbs = FOR_SERVE,
		.section = SECTION_CHANNELS,
		.argument = "NAME=unix:PATH",
		.repeatable = true,
		.help = "any other socket of QEMU, as a port; may be repeated",
		.man = "Any other character device of QEMU, as a port that viewers know by _NAME_: "
		       "letters, digits, dots, - and \\_, 63 at most. Viewers give some names a "
		       "window of their own, as _org.qemu.console.serial.0_ or "
		       "_org.qemu.monitor.hmp.0_. Whoever may look can then use the monitor.",
		.set = set_port,
	},
	{
		.name = "mode",
		.verbs = FOR_SERVE,
		.section = SECTION_PICTURE,
		.argument = "WIDTHxHEIGHT",
		.completion = COMPLETE_WORDS,
		.words = mode_words,
		.help = "the size that the guest's display has at first",
		.man = "The guest's display gets this size, 64x64 to 4095x4095, when the bridge "
		       "attaches. It is made smaller, and keeps its shape, where the device does "
		       "not allow as much. Without it the guest chooses, until a viewer's window "
		       "is resized. Needs a device that takes EDIDs; *vgpu-bridge probe* tells.",
		.set = set_mode,
	},
	{
		.name = "fixed-mode",
		.verbs = FOR_SERVE,
		.section = SECTION_PICTURE,
		.help = "viewers do not change the size of the guest's display",
		.man = "What viewers ask for by resizing their windows is not passed on to the "
		       "guest. Without it the guest's display follows the window that was resized "
		       "last, in steps of 8 pixels across and 2 down, once it has had its size for "
		       "0.6 seconds.",
		.set = set_fixed_mode,
	},
	{
		.name = "control",
		.verbs = FOR_SERVE,
		.section = SECTION_GENERAL,
		.argument = "unix:PATH|none",
		.completion = COMPLETE_WORDS,
		.words = control_words,
		.help = "the control socket (NAME.control in the runtime directory)",
		.man = "Where *status*, *set* and the other commands of *OPERATING A RUNNING BRIDGE* "
		       "find this bridge, or *none*. By default the socket is "
		       "_NAME_*.control* in _$VGPU_BRIDGE_CONTROL_DIR_, _$RUNTIME_DIRECTORY_, or root's _/run/vgpu-bridge_, or "
		       "a user's _$XDG_RUNTIME_DIR/vgpu-bridge_; _NAME_ is that of *--name*, of "
		       "the virtual machine, the UUID of the vGPU, or a word for the source such "
		       "as *simulated*, and has *-*_PID_ added where it is in use. Where that "
		       "can't be made there is a warning, and no socket. See *CONTROL SOCKET*.",
		.set = set_control,
	},
	{
		.name = "trace",
		.verbs = FOR_SERVE,
		.section = SECTION_GENERAL,
		.argument = "FILE",
		.completion = COMPLETE_FILES,
		.help = "write a line for each captured frame",
		.man = "Writes one line for each captured frame to _FILE_, for measurements: when its "
		       "capture began and when it was handed over (nanoseconds of CLOCK_MONOTONIC), "
		       "the tiles found changed since the start, and the rectangles and bytes in the "
		       "frame.",
		.set = set_trace,
	},
	{
		.name = "no-syscall-filter",
		.verbs = FOR_SERVE,
		.section = SECTION_GENERAL,
		.help = "do without the filter of system calls, for debugging",
		.man = "The process asks the kernel for little once it serves, and a filter refuses "
		       "the rest: what is unknown is named once in the log and counted, and what "
		       "could change the device ends the process. This leaves the filter out. "
		       "Capabilities are given up all the same.",
		.set = set_no_syscall_filter,
	},
	{
		.name = "log-level",
		.verbs = FOR_BOTH | FOR_VIEWER_FILE,
		.section = SECTION_GENERAL,
		.argument = "LEVEL",
		.completion = COMPLETE_WORDS,
		.words = log_level_words,
		.help = "error, warning, info or debug (info)",
		.man = "How much is said on standard error: *error*, *warning*, *info* (the "
		       "default) or *debug*.",
		.set = set_log_level,
	},
	{
		.name = "config",
		.letter = 'c',
		.verbs = FOR_BOTH | FOR_VIEWER_FILE,
		.section = SECTION_GENERAL,
		.argument = "FILE",
		.no_key = true,
		.completion = COMPLETE_FILES,
		.help = "read options from this file too",
		.man = "Reads options from _FILE_; see *CONFIG FILE*. The command line wins.",
	},
	{
		.name = "help",
		.letter = 'h',
		.verbs = FOR_BOTH | FOR_VIEWER_FILE,
		.section = SECTION_GENERAL,
		.no_key = true,
		.help = "print this text",
	},
	{
		.name = "version",
		.letter = 'V',
		.verbs = FOR_BOTH | FOR_VIEWER_FILE,
		.section = SECTION_GENERAL,
		.no_key = true,
		.help = "print the version",
	},
};
const size_t options_guest_count = sizeof(options_guest) / sizeof(options_guest[0]);
