/* SPDX-License-Identifier: MIT */
/*
 * The commands of the simulated vGPU, one a line (or a datagram), words apart by one space:
 *
 * mode WxH [FORMAT] [stride=BYTES] [modifier=HEX]
 *	The guest sets a mode. FORMAT is a fourcc (XR24 AR24 XB24 AB24 XR30 XB30 RG16 YUYV YVYU UYVY
 *	VYUY C8), XR24 if not given. A modifier is only stated, the pixels stay linear.
 * blank, unblank		The guest switches its planes off and on.
 * scene NAME			Paints another scene, also when paused.
 * pause, resume		The painter stops after the frame at hand, and goes on.
 * step [N]			Paints N frames (1) and returns when they are shown.
 * rect X Y W H RRGGBB		Fills a rectangle in what is shown now.
 * flip on|off			Off: draws into the buffer that is shown, whose id stays.
 * cursor show|hide		The cursor plane.
 * cursor at X Y		Its top left corner, may be negative; it then stays there.
 * cursor path			It moves by itself again (scene desktop).
 * cursor hot X Y|unknown	What the device says of the hot spot.
 * cursor shape arrow|checker|half	Another picture in the same buffer.
 * fault enomem|einval|efault [COUNT]	So many queries of the primary plane fail.
 * fault stale|shortbuf [COUNT]		So many fetches know no id, or give half a buffer.
 * fault stride0|size0 [COUNT]		So many queries say stride or size 0.
 * fault shrink			Cuts the shown memory in half under its mappings, until a mode change.
 * fault garbage-x		Junk in each pixel's unused byte from now on.
 * fault hang			A query of the primary plane does not return until fault clear.
 * fault gone, die		The device does not answer any more.
 * fault clear			No more faults, but what is gone stays gone.
 * raw [cursor] FIELD=VALUE...	Puts numbers (decimal, 0x.. or a fourcc) into the raw answer: width
 *				height stride size format modifier x y hotx hoty id region.
 * raw clear			The true answers again, for both planes.
 * reference FILE		Writes what a viewer must show (4 bytes a pixel, X = 0); answers WxH.
 * edid FILE			Writes the EDID of the monitor that the guest sees, nothing without one.
 * status			Answers size, format, id and frame, scene, and the cursor's place.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vfio/fourcc.h"
#include "vfio/sim_command.h"

#define MAX_COMMAND 4096
#define MAX_WORDS 20
#define MAX_PLACE 1000000 /* pixels from the corner, either way */

int sim_refuse(struct sim_call *call, const char *what, const char *expected)
{
	snprintf(call->why, call->why_size, "'%s': expected %s", what, expected);
	return -EINVAL;
}

void sim_lock_both(struct sim *sim)
{
	pthread_mutex_lock(&sim->paint);
	pthread_mutex_lock(&sim->lock);
}

void sim_unlock_both(struct sim *sim)
{
	pthread_cond_broadcast(&sim->wake);
	pthread_mutex_unlock(&sim->lock);
	pthread_mutex_unlock(&sim->paint);
}

bool sim_parse_integer(const char *text, long long min, long long max, long long *value)
{
	char *end;

	if (!isdigit((unsigned char)*text) && *text != '-') {
		return false;
	}
	errno = 0;
	*value = strtoll(text, &end, 10);
	return errno == 0 && *end == '\0' && *value >= min && *value <= max;
}

bool sim_parse_unsigned(const char *text, int base, uint64_t max, uint64_t *value)
{
	char *end;

	if (!isxdigit((unsigned char)*text)) {
		return false;
	}
	errno = 0;
	*value = strtoull(text, &end, base);
	return errno == 0 && *end == '\0' && *value <= max;
}

static int need_painter(struct sim_call *call)
{
	if (call->sim->outside) {
		snprintf(call->why, call->why_size, "others paint the file of memory=");
		return -EINVAL;
	}
	return 0;
}

static int parse_mode_word(struct sim_call *call, struct sim_mode *mode, const char *word)
{
	const struct sim_format *format = sim_format_by_name(word);
	uint64_t value;

	if (format) {
		mode->format = format;
		return 0;
	}
	if (strncmp(word, "stride=", 7) == 0 &&
		sim_parse_unsigned(word + 7, 10, UINT32_MAX, &value)) {
		mode->stride = (uint32_t)value;
		return 0;
	}
	if (strncmp(word, "modifier=", 9) == 0 &&
		sim_parse_unsigned(word + 9, 16, UINT64_MAX, &value)) {
		mode->modifier = value;
		return 0;
	}
	return sim_refuse(call, word, "a format, stride=BYTES or modifier=HEX");
}

static int do_mode(struct sim_call *call)
{
	struct sim *sim = call->sim;
	struct sim_mode mode = {.format = sim_format_by_name("XR24")};
	char rest;
	int rc;

	if (call->count < 1 ||
		sscanf(call->words[0], "%6ux%6u%c", &mode.width, &mode.height, &rest) != 2) {
		return sim_refuse(call, call->count ? call->words[0] : "", "WIDTHxHEIGHT");
	}
	for (int i = 1; i < call->count; i++) {
		rc = parse_mode_word(call, &mode, call->words[i]);
		if (rc < 0) {
			return rc;
		}
	}
	if (sim->outside && mode.format->fourcc != FOURCC_XRGB8888) {
		return sim_refuse(call, mode.format->name, "XR24, as memory= is painted");
	}
	if (sim->memory >= 0 && mode.stride == 0) {
		mode.stride = mode.width * mode.format->pixel_bytes;
		mode.stride = (mode.stride + 3) & ~3u;
	}
	rc = sim_mode_complete(&mode, call->why, call->why_size);
	if (rc < 0) {
		return rc;
	}
	if (sim->outside) {
		mode.size = mode.stride * mode.height;
	}
	return sim_mode_set(sim, &mode, call->why, call->why_size) < 0 ? -EINVAL : 0;
}

static int do_blank(struct sim_call *call)
{
	sim_lock_both(call->sim);
	call->sim->blank = true;
	sim_unlock_both(call->sim);
	return 0;
}

static int do_unblank(struct sim_call *call)
{
	sim_lock_both(call->sim);
	call->sim->blank = false;
	sim_unlock_both(call->sim);
	return 0;
}

static int do_scene(struct sim_call *call)
{
	struct sim *sim = call->sim;
	int scene = 0;

	if (need_painter(call) < 0) {
		return -EINVAL;
	}
	while (scene < SIM_SCENE_COUNT &&
		(call->count != 1 ||
			strcmp(call->words[0], sim_scene_name((enum sim_scene)scene)) != 0)) {
		scene++;
	}
	if (scene == SIM_SCENE_COUNT) {
		return sim_refuse(call, call->count ? call->words[0] : "",
			"one of desktop, idle, scroll, video, noise, box");
	}
	sim_lock_both(sim);
	sim->scene = (enum sim_scene)scene;
	pthread_mutex_unlock(&sim->lock);
	sim_repaint(sim);
	pthread_mutex_lock(&sim->lock);
	sim_unlock_both(sim);
	return 0;
}

static int do_pause(struct sim_call *call)
{
	sim_lock_both(call->sim);
	call->sim->paused = true;
	sim_unlock_both(call->sim);
	return 0;
}

static int do_resume(struct sim_call *call)
{
	sim_lock_both(call->sim);
	call->sim->paused = false;
	sim_unlock_both(call->sim);
	return 0;
}

static int do_step(struct sim_call *call)
{
	long long count = 1;

	if (need_painter(call) < 0) {
		return -EINVAL;
	}
	if (call->count > 0 && !sim_parse_integer(call->words[0], 1, SIM_MAX_COUNT, &count)) {
		return sim_refuse(call, call->words[0], "a number of frames from 1 to 1000000");
	}
	for (; count > 0; count--) {
		pthread_mutex_lock(&call->sim->paint);
		sim_step(call->sim);
		pthread_mutex_unlock(&call->sim->paint);
	}
	return 0;
}

static int do_rect(struct sim_call *call)
{
	long long place[4] = {0};
	uint64_t color = 0;
	bool good = call->count == 5;

	if (need_painter(call) < 0) {
		return -EINVAL;
	}
	for (int i = 0; good && i < 4; i++) {
		good = sim_parse_integer(
			call->words[i], i < 2 ? -MAX_PLACE : 0, MAX_PLACE, &place[i]);
	}
	if (!good || !sim_parse_unsigned(call->words[4], 16, 0xffffff, &color)) {
		return sim_refuse(call, "rect", "X Y W H RRGGBB");
	}
	pthread_mutex_lock(&call->sim->paint);
	sim_fill_shown(call->sim,
		sim_rect_make((int)place[0], (int)place[1], (int)place[2], (int)place[3]),
		(uint32_t)color);
	pthread_mutex_unlock(&call->sim->paint);
	return 0;
}

static int do_flip(struct sim_call *call)
{
	bool on = call->count == 1 && strcmp(call->words[0], "on") == 0;

	if (!on && (call->count != 1 || strcmp(call->words[0], "off") != 0)) {
		return sim_refuse(call, "flip", "on or off");
	}
	pthread_mutex_lock(&call->sim->paint);
	call->sim->flip = on;
	pthread_mutex_unlock(&call->sim->paint);
	return 0;
}

/* Both locks are held. */
static int change_cursor(struct sim_call *call)
{
	struct sim_cursor *cursor = &call->sim->cursor;
	char **words = call->words;
	const char *word = call->count > 0 ? words[0] : "";
	long long x, y;

	if (call->count == 1 && strcmp(word, "show") == 0) {
		cursor->visible = true;
	} else if (call->count == 1 && strcmp(word, "hide") == 0) {
		cursor->visible = false;
	} else if (call->count == 1 && strcmp(word, "path") == 0) {
		cursor->path = true;
	} else if (call->count == 3 && strcmp(word, "at") == 0 &&
		sim_parse_integer(words[1], -MAX_PLACE, MAX_PLACE, &x) &&
		sim_parse_integer(words[2], -MAX_PLACE, MAX_PLACE, &y)) {
		cursor->path = false;
		cursor->x = (int32_t)x;
		cursor->y = (int32_t)y;
	} else if (call->count == 2 && strcmp(word, "hot") == 0 &&
		strcmp(words[1], "unknown") == 0) {
		cursor->hot_known = false;
	} else if (call->count == 3 && strcmp(word, "hot") == 0 &&
		sim_parse_integer(words[1], 0, MAX_PLACE, &x) &&
		sim_parse_integer(words[2], 0, MAX_PLACE, &y)) {
		cursor->hot_known = true;
		cursor->hot_x = (uint32_t)x;
		cursor->hot_y = (uint32_t)y;
	} else if (call->count == 2 && strcmp(word, "shape") == 0) {
		if (sim_cursor_draw(call->sim, words[1]) < 0) {
			return sim_refuse(call, words[1], "arrow, checker or half");
		}
	} else {
		return sim_refuse(
			call, word, "show, hide, path, at X Y, hot X Y, hot unknown or shape NAME");
	}
	return 0;
}

static int do_cursor(struct sim_call *call)
{
	int rc;

	if (!call->sim->cursor_buffer) {
		snprintf(call->why, call->why_size, "this device has no cursor plane");
		return -EINVAL;
	}
	sim_lock_both(call->sim);
	rc = change_cursor(call);
	sim_unlock_both(call->sim);
	return rc;
}

static int do_die(struct sim_call *call)
{
	sim_lock_both(call->sim);
	call->sim->gone = true;
	sim_unlock_both(call->sim);
	return 0;
}

static int write_all(int fd, const void *data, size_t size)
{
	const char *bytes = data;

	while (size > 0) {
		ssize_t n = write(fd, bytes, size);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return -errno;
		}
		bytes += n;
		size -= (size_t)n;
	}
	return 0;
}

/* A reader of path sees the whole picture or the file as it was. */
static int write_file(const char *path, const void *data, size_t size)
{
	char other[MAX_COMMAND + 8];
	int fd, rc;

	snprintf(other, sizeof(other), "%s.XXXXXX", path);
	fd = mkostemp(other, O_CLOEXEC);
	if (fd < 0) {
		return -errno;
	}
	rc = write_all(fd, data, size);
	if (close(fd) < 0 && rc == 0) {
		rc = -errno;
	}
	if (rc == 0 && rename(other, path) < 0) {
		rc = -errno;
	}
	if (rc < 0) {
		unlink(other);
	}
	return rc;
}

static int do_edid(struct sim_call *call)
{
	struct sim_edid edid;
	int rc;

	if (call->count != 1) {
		return sim_refuse(call, "edid", "the path of a file, without spaces");
	}
	sim_lock_both(call->sim);
	edid = call->sim->edid;
	sim_unlock_both(call->sim);
	rc = write_file(call->words[0], edid.blob,
		edid.link == VFIO_DEVICE_GFX_LINK_STATE_UP ? edid.size : 0);
	if (rc < 0) {
		snprintf(call->why, call->why_size, "edid %s: %s", call->words[0], strerror(-rc));
		return -EINVAL;
	}
	return 0;
}

static int do_reference(struct sim_call *call)
{
	uint32_t *pixels = NULL;
	uint32_t width = 0, height = 0;
	size_t size = 0;
	int rc;

	if (call->count != 1) {
		return sim_refuse(call, "reference", "the path of a file, without spaces");
	}
	/* The mode may change between asking for the size and copying. */
	do {
		free(pixels);
		pixels = size > 0 ? malloc(size) : NULL;
		if (size > 0 && !pixels) {
			rc = -ENOMEM;
			break;
		}
		rc = sim_reference(&call->sim->vgpu, pixels, size, &width, &height);
		size = (size_t)width * height * 4;
	} while (rc == -ENOBUFS);
	if (rc == 0) {
		rc = write_file(call->words[0], pixels, size);
	}
	free(pixels);
	if (rc < 0) {
		snprintf(call->why, call->why_size, "reference %s: %s", call->words[0],
			rc == -ENODATA ? "there is no picture" : strerror(-rc));
		return -EINVAL;
	}
	snprintf(call->why, call->why_size, "%ux%u", width, height);
	return 0;
}

static int do_status(struct sim_call *call)
{
	struct sim *sim = call->sim;
	const struct sim_mode *mode;

	sim_lock_both(sim);
	mode = &sim->front->mode;
	snprintf(call->why, call->why_size,
		"%ux%u %s stride=%u id=%u frame=%" PRId64 " scene=%s cursor=%d,%d%s%s", mode->width,
		mode->height, mode->format->name, mode->stride, sim->front->id, sim->frame,
		sim_scene_name(sim->scene), sim->cursor.x, sim->cursor.y,
		sim->blank || sim->edid.down ? " blank" : "", sim->paused ? " paused" : "");
	sim_unlock_both(sim);
	return 0;
}

static int split(char *text, char **words)
{
	char *save = NULL;
	int count = 0;

	for (char *word = strtok_r(text, " \t\n", &save); word;
		word = strtok_r(NULL, " \t\n", &save)) {
		if (count == MAX_WORDS) {
			return -1;
		}
		words[count++] = word;
	}
	return count;
}

static int dispatch(struct sim_call *call, const char *name)
{
	static const struct {
		const char *name;
		int max; /* words that it takes */
		int (*run)(struct sim_call *call);
	} commands[] = {
		{"mode", 4, do_mode},
		{"blank", 0, do_blank},
		{"unblank", 0, do_unblank},
		{"scene", 1, do_scene},
		{"pause", 0, do_pause},
		{"resume", 0, do_resume},
		{"step", 1, do_step},
		{"rect", 5, do_rect},
		{"flip", 1, do_flip},
		{"cursor", 3, do_cursor},
		{"fault", 2, sim_do_fault},
		{"raw", MAX_WORDS, sim_do_raw},
		{"die", 0, do_die},
		{"reference", 1, do_reference},
		{"edid", 1, do_edid},
		{"status", 0, do_status},
	};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, name) != 0) {
			continue;
		}
		if (call->count > commands[i].max) {
			return sim_refuse(call, call->words[commands[i].max], "no more words");
		}
		return commands[i].run(call);
	}
	return sim_refuse(call, name,
		"mode, blank, unblank, scene, pause, resume, step, rect, flip, cursor, fault, raw, "
		"die, reference, edid or status");
}

int sim_command(struct vgpu *vgpu, const char *text, char *why, size_t why_size)
{
	struct sim_call call = {
		.sim = sim_from_vgpu(vgpu),
		.why = why,
		.why_size = why_size,
	};
	char *words[MAX_WORDS];
	char copy[MAX_COMMAND];
	int count;

	if (why_size > 0) {
		why[0] = '\0';
	}
	if (!call.sim) {
		snprintf(why, why_size, "not a simulated vGPU");
		return -EINVAL;
	}
	if (strlen(text) >= sizeof(copy)) {
		snprintf(why, why_size, "the command is longer than %d bytes", MAX_COMMAND - 1);
		return -EINVAL;
	}
	strcpy(copy, text);
	count = split(copy, words);
	if (count < 1) {
		return sim_refuse(&call, "", count < 0 ? "at most 20 words" : "a command");
	}
	call.count = count - 1;
	call.words = words + 1;
	return dispatch(&call, words[0]);
}
