/* SPDX-License-Identifier: MIT */
#include "bridge/options_table.h"

#include <string.h>

const char *const renderer_words[] = {"auto", "gl", "cpu", NULL};
const char *const compression_words[] = {
	"auto", "off", "lz4", "quic", "glz", "auto-lz", "auto-glz", NULL};
const char *const input_words[] = {"auto", "none", NULL};
const char *const log_level_words[] = {"error", "warning", "info", "debug", NULL};
const char *const tls_channel_words[] = {"all", "main", "display", "inputs", "cursor", "playback",
	"record", "smartcard", "usbredir", "webdav", "port", NULL};
static const char *const simulate_words[] = {"1280x720", "1920x1080", "scene=desktop", "scene=idle",
	"scene=scroll", "scene=video", "scene=noise", "scene=box", NULL};
static const char *const address_words[] = {
	"unix:", "tcp:127.0.0.1:", "tcp:[::1]:", "tls:", "fd:", "systemd", NULL};
static const char *const audio_words[] = {"auto", "none", "dbus:unix:path=", NULL};
static const char *const control_words[] = {"none", "unix:", NULL};
static const char *const socket_words[] = {"unix:", NULL};
static const char *const mode_words[] = {
	"1280x720", "1280x800", "1920x1080", "1920x1200", "2560x1440", "3840x2160", NULL};

const struct option_spec option_specs[] = {
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
	{
		.name = "listen",
		.letter = 'l',
		.verbs = FOR_SERVE | FOR_VIEWER_FILE,
		.section = SECTION_ADDRESS,
		.argument = "ADDRESS",
		.repeatable = true,
		.completion = COMPLETE_WORDS,
		.words = address_words,
		.help = "unix:PATH, tcp:HOST:PORT, tls:HOST:PORT, fd:N or systemd; repeatable",
		.man = "Where viewers connect; see *ADDRESSES*. May be given several times.",
		.set = set_listen,
	},
	{
		.name = "name",
		.verbs = FOR_SERVE | FOR_VIEWER_FILE,
		.section = SECTION_ADDRESS,
		.argument = "TEXT",
		.help = "the virtual machine's name, for the viewer's title",
		.man = "The virtual machine's name, which viewers show in their title. By default "
		       "what is known of the source.",
		.set = set_name,
	},
	{
		.name = "uuid",
		.verbs = FOR_SERVE,
		.section = SECTION_ADDRESS,
		.argument = "UUID",
		.help = "the virtual machine's UUID, told to viewers",
		.man = "The virtual machine's UUID, which viewers are told.",
		.set = set_uuid,
	},
	{
		.name = "max-viewers",
		.verbs = FOR_SERVE,
		.section = SECTION_ADDRESS,
		.argument = "N",
		.help = "so many viewers at once (1)",
		.man = "So many may look at once, 1 to 8, besides those at view-only addresses. The "
		       "default is 1. A new viewer takes over from the one that came first when all "
		       "places are taken. All of them may type and point; each costs the "
		       "compression of its pictures once more. The first is served by the channels "
		       "besides picture and input.",
		.set = set_max_viewers,
	},
	{
		.name = "max-view-only",
		.verbs = FOR_SERVE,
		.section = SECTION_ADDRESS,
		.argument = "N",
		.help = "so many viewers at once at view-only addresses (3)",
		.man = "So many may look at once at addresses with *view-only*, 1 to 8. The default "
		       "is 3.",
		.set = set_max_view_only,
	},
	{
		.name = "compression",
		.verbs = FOR_SERVE,
		.section = SECTION_ADDRESS,
		.argument = "METHOD",
		.completion = COMPLETE_WORDS,
		.words = compression_words,
		.help = "auto, off, lz4, quic, glz, auto-lz or auto-glz",
		.man = "How pictures are compressed: *auto* (the default: off on unix sockets, lz4 "
		       "on TCP), *off*, *lz4*, *quic*, *glz*, *auto-lz* or *auto-glz* (quic or "
		       "an LZ variant, whichever suits the picture).",
		.set = set_compression,
	},
	{
		.name = "password-file",
		.verbs = FOR_SERVE | FOR_VIEWER_FILE,
		.section = SECTION_ACCESS,
		.argument = "FILE",
		.completion = COMPLETE_FILES,
		.help = "viewers must know the first line of this file",
		.man = "Viewers are asked for a password, which is the first line of _FILE_, 1 to "
		       "60 bytes. The file must not be open to other users.",
		.set = set_password_file,
	},
	{
		.name = "password-credential",
		.verbs = FOR_SERVE,
		.section = SECTION_ACCESS,
		.argument = "NAME",
		.help = "the same, from a systemd credential",
		.man = "As *--password-file*, with the credential _NAME_ that systemd hands over "
		       "(*LoadCredential=*). One that is called _vgpu-bridge.password_ is taken "
		       "without asking, and so is _vgpu-bridge.view-password_ for view-only "
		       "addresses.",
		.set = set_password_credential,
	},
	{
		.name = "view-password-file",
		.verbs = FOR_SERVE | FOR_VIEWER_FILE,
		.section = SECTION_ACCESS,
		.argument = "FILE",
		.completion = COMPLETE_FILES,
		.help = "another password for view-only addresses",
		.man = "As *--password-file*, for viewers at addresses with *view-only*. By default "
		       "they are asked for the same password as the others.",
		.set = set_view_password_file,
	},
	{
		.name = "password-expires",
		.verbs = FOR_SERVE,
		.section = SECTION_ACCESS,
		.argument = "SECONDS|TIME",
		.help = "after this no password lets anybody in",
		.man = "After so many seconds, or from a _TIME_ on such as 2026-01-31T18:00 (local) "
		       "or 2026-01-31T17:00:00Z, no password lets anybody in any more. Who is in "
		       "stays in.",
		.set = set_password_expires,
	},
	{
		.name = "sasl",
		.verbs = FOR_SERVE,
		.section = SECTION_ACCESS,
		.help = "ask viewers by SASL instead of a password",
		.man = "Viewers prove who they are by SASL, as _/etc/sasl2/vgpu-bridge.conf_ says "
		       "(in another folder with *SASL_CONF_PATH*). Ways that send the password as "
		       "it is are only taken in TLS. Not for unix sockets: libspice-server can't.",
		.set = set_sasl,
	},
	{
		.name = "no-auth",
		.verbs = FOR_SERVE,
		.section = SECTION_ACCESS,
		.help = "let anyone in who reaches an address beyond this machine",
		.man = "Without it, an address that other machines reach is refused when there is "
		       "neither a password nor *--sasl*. Use it only in a network that you trust, or "
		       "through a tunnel.",
		.set = set_no_auth,
	},
	{
		.name = "with-password",
		.verbs = FOR_VIEWER_FILE,
		.section = SECTION_ACCESS,
		.no_key = true,
		.help = "put the password into the file, which the viewer then deletes",
		.man = "Puts the password of *--password-file* into the file and lets the viewer "
		       "delete that when it has read it.",
		.set = set_with_password,
	},
	{
		.name = "host",
		.verbs = FOR_VIEWER_FILE,
		.section = SECTION_ADDRESS,
		.argument = "NAME",
		.help = "this machine, as viewers call it",
		.man = "The name or address by which viewers reach this machine. By default the "
		       "one of the address, or the machine's own name where that is every address.",
		.set = set_host,
	},
	{
		.name = "tls-cert",
		.verbs = FOR_SERVE | FOR_VIEWER_FILE,
		.section = SECTION_ACCESS,
		.argument = "FILE",
		.completion = COMPLETE_FILES,
		.help = "the certificate for tls: addresses (PEM)",
		.man = "The PEM file of the certificate for *tls:* addresses, followed by those that "
		       "lead to its authority. Read once, at the start.",
		.set = set_tls_cert,
	},
	{
		.name = "tls-key",
		.verbs = FOR_SERVE,
		.section = SECTION_ACCESS,
		.argument = "FILE",
		.completion = COMPLETE_FILES,
		.help = "its private key (PEM, not encrypted)",
		.man = "The PEM file of the certificate's private key, which must not be encrypted.",
		.set = set_tls_key,
	},
	{
		.name = "tls-ca",
		.verbs = FOR_SERVE | FOR_VIEWER_FILE,
		.section = SECTION_ACCESS,
		.argument = "FILE",
		.completion = COMPLETE_FILES,
		.help = "the authority's certificate (PEM)",
		.man = "The PEM file of the authority's certificate, which *viewer-file* hands to "
		       "viewers. By default the certificate is its own authority.",
		.set = set_tls_ca,
	},
	{
		.name = "tls-ciphers",
		.verbs = FOR_SERVE,
		.section = SECTION_ACCESS,
		.argument = "LIST",
		.help = "OpenSSL's list of ciphers",
		.man = "Which ciphers may be used up to TLS 1.2, in the words of *openssl-ciphers*(1).",
		.set = set_tls_ciphers,
	},
	{
		.name = "tls-channels",
		.verbs = FOR_SERVE | FOR_VIEWER_FILE,
		.section = SECTION_ACCESS,
		.argument = "NAME,...",
		.completion = COMPLETE_WORDS,
		.words = tls_channel_words,
		.help = "channels that nobody gets without TLS",
		.man = "Channels that no viewer gets without TLS, at whatever address: *all*, or "
		       "names with commas of main, display, inputs, cursor, playback, record, "
		       "smartcard, usbredir, webdav and port. A viewer that uses a plain address "
		       "and a *tls:* one takes these through TLS.",
		.set = set_tls_channels,
	},
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
		       "letters, digits, dots, - and _, 63 at most. Viewers give some names a "
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
const size_t option_specs_count = sizeof(option_specs) / sizeof(option_specs[0]);

const struct option_spec *option_find(const char *name)
{
	for (size_t i = 0; i < option_specs_count; i++) {
		if (!strcmp(option_specs[i].name, name)) {
			return &option_specs[i];
		}
	}
	return NULL;
}
