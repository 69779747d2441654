/* SPDX-License-Identifier: MIT */
/*
 * A simulated vGPU behind the same interface as the kernel's: it draws scenes into memfds on its own
 * clock, flips, blanks, changes mode, shows a cursor, obeys its EDID region, and is as mute about
 * damage as the kernel. It can be told to misbehave in each way that the contract allows.
 *
 * Its painter is a thread of its own; sim_command() may be called from any thread. vgpu_destroy()
 * ends it.
 */
#ifndef VFIO_SIM_H
#define VFIO_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vgpu;

enum sim_scene {
	SIM_SCENE_DESKTOP,
	SIM_SCENE_IDLE,
	SIM_SCENE_SCROLL,
	SIM_SCENE_VIDEO,
	SIM_SCENE_NOISE,
	SIM_SCENE_BOX,
	SIM_SCENE_COUNT,
};

struct sim_options {
	uint32_t width, height; /* pixels; default 1280x720 */
	enum sim_scene scene; /* default desktop */
	unsigned fps; /* 1 to 240; default 60 */
	bool region; /* a REGION plane as mdpy's, else DMABUF */
	bool cursor; /* has a cursor plane (DMABUF only); default true, false with memory */
	char *memory; /* path of the shared-memory file that someone else paints, or NULL */
	char *control; /* path of a unix datagram socket that takes commands, or NULL */
};

/*
 * Parses "[WIDTHxHEIGHT][,scene=NAME][,fps=N][,memory=FILE][,plane=dmabuf|region][,cursor=on|off]
 * [,control=PATH]"; text may be NULL or "". Fills options (sim_options_finish frees its strings).
 * -EINVAL with one line in why.
 */
int sim_options_parse(struct sim_options *options, const char *text, char *why, size_t why_size);
void sim_options_finish(struct sim_options *options);

/* Scene's name, NULL past the last one. */
const char *sim_scene_name(enum sim_scene scene);

/* NULL with errno and why on error. */
struct vgpu *sim_create(const struct sim_options *options, char *why, size_t why_size);

/*
 * One command, as the control socket takes it; the full list with its meaning opens sim_command.c:
 * "mode WxH [FORMAT] [stride=N] [modifier=HEX]", "blank", "unblank", "scene NAME", "pause", "resume",
 * "step [N]", "rect X Y W H RRGGBB", "cursor ...", "flip on|off", "fault NAME [COUNT]",
 * "raw [cursor] FIELD=VALUE...", "reference FILE", "status", "die". Its effect is there when it
 * returns. 0, and in why what it answers ("" mostly); or -EINVAL and in why the reason.
 */
int sim_command(struct vgpu *vgpu, const char *command, char *why, size_t why_size);

/*
 * Copies what a correct viewer must show: XRGB8888 with X = 0, width*4 stride; exact for the 8-bit
 * RGB formats, and what decoding gives for the others (YUV: BT.709, limited range, a colour for two
 * pixels). Pause the painter first. -ENODATA where there is nothing to show (blank, gone, C8);
 * -ENOBUFS where size (bytes) is too small; width and height are set in both cases.
 */
int sim_reference(
	struct vgpu *vgpu, uint32_t *pixels, size_t size, uint32_t *width, uint32_t *height);

#endif
