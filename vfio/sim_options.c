/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vfio/plane.h"
#include "vfio/sim.h"

#define DEFAULT_WIDTH 1280
#define DEFAULT_HEIGHT 720
#define DEFAULT_FPS 60
#define MAX_FPS 240

enum option {
	OPTION_SIZE,
	OPTION_SCENE,
	OPTION_FPS,
	OPTION_MEMORY,
	OPTION_PLANE,
	OPTION_CURSOR,
	OPTION_CONTROL,
	OPTION_COUNT,
};

static const char *const names[OPTION_COUNT] = {
	[OPTION_SIZE] = "size",
	[OPTION_SCENE] = "scene",
	[OPTION_FPS] = "fps",
	[OPTION_MEMORY] = "memory",
	[OPTION_PLANE] = "plane",
	[OPTION_CURSOR] = "cursor",
	[OPTION_CONTROL] = "control",
};

/* Decimal digits alone: no sign, no space, at most 9 of them. Returns what follows, or NULL. */
static const char *read_number(const char *text, unsigned *value)
{
	size_t digits = 0;

	*value = 0;
	while (isdigit((unsigned char)text[digits])) {
		if (digits == 9) {
			return NULL;
		}
		*value = *value * 10 + (unsigned)(text[digits] - '0');
		digits++;
	}
	return digits > 0 ? text + digits : NULL;
}

static int set_size(struct sim_options *options, const char *text, char *why, size_t why_size)
{
	unsigned width, height;
	const char *rest = read_number(text, &width);

	if (!rest || *rest != 'x') {
		goto bad;
	}
	rest = read_number(rest + 1, &height);
	if (!rest || *rest != '\0' || width < PLANE_MIN_SIDE || width > PLANE_MAX_SIDE ||
		height < PLANE_MIN_SIDE || height > PLANE_MAX_SIDE) {
		goto bad;
	}
	options->width = width;
	options->height = height;
	return 0;

bad:
	snprintf(why, why_size, "size '%s': expected WIDTHxHEIGHT, each from %d to %d", text,
		PLANE_MIN_SIDE, PLANE_MAX_SIDE);
	return -EINVAL;
}

static int set_scene(struct sim_options *options, const char *text, char *why, size_t why_size)
{
	char list[128] = "";

	for (int i = 0; i < SIM_SCENE_COUNT; i++) {
		size_t used = strlen(list);

		if (strcmp(sim_scene_name((enum sim_scene)i), text) == 0) {
			options->scene = (enum sim_scene)i;
			return 0;
		}
		snprintf(list + used, sizeof(list) - used, "%s%s", i > 0 ? ", " : "",
			sim_scene_name((enum sim_scene)i));
	}
	snprintf(why, why_size, "scene '%s': expected one of %s", text, list);
	return -EINVAL;
}

static int set_fps(struct sim_options *options, const char *text, char *why, size_t why_size)
{
	unsigned fps;
	const char *rest = read_number(text, &fps);

	if (!rest || *rest != '\0' || fps < 1 || fps > MAX_FPS) {
		snprintf(why, why_size, "fps '%s': expected a number from 1 to %d", text, MAX_FPS);
		return -EINVAL;
	}
	options->fps = fps;
	return 0;
}

/* One of two words; *value is true for the second. */
static int set_choice(bool *value, const char *name, const char *text, const char *first,
	const char *second, char *why, size_t why_size)
{
	if (strcmp(text, first) != 0 && strcmp(text, second) != 0) {
		snprintf(why, why_size, "%s '%s': expected %s or %s", name, text, first, second);
		return -EINVAL;
	}
	*value = strcmp(text, second) == 0;
	return 0;
}

static int set_path(char **path, const char *name, const char *text, char *why, size_t why_size)
{
	if (*text == '\0') {
		snprintf(why, why_size, "%s '': expected the path of a file", name);
		return -EINVAL;
	}
	*path = strdup(text);
	if (!*path) {
		snprintf(why, why_size, "%s '%s': no memory", name, text);
		return -ENOMEM;
	}
	return 0;
}

static int set(struct sim_options *options, enum option option, const char *value, char *why,
	size_t why_size)
{
	switch (option) {
	case OPTION_SIZE:
		return set_size(options, value, why, why_size);
	case OPTION_SCENE:
		return set_scene(options, value, why, why_size);
	case OPTION_FPS:
		return set_fps(options, value, why, why_size);
	case OPTION_MEMORY:
		return set_path(&options->memory, names[option], value, why, why_size);
	case OPTION_CONTROL:
		return set_path(&options->control, names[option], value, why, why_size);
	case OPTION_PLANE:
		return set_choice(
			&options->region, names[option], value, "dmabuf", "region", why, why_size);
	case OPTION_CURSOR:
		return set_choice(
			&options->cursor, names[option], value, "off", "on", why, why_size);
	case OPTION_COUNT:
		break;
	}
	return -EINVAL;
}

/* The word is changed: its '=' becomes its end. */
static int parse_word(struct sim_options *options, char *word, bool first, unsigned *seen,
	char *why, size_t why_size)
{
	char *value = strchr(word, '=');
	int option = OPTION_SIZE;

	if (value) {
		*value++ = '\0';
		for (option = OPTION_SIZE + 1; option < OPTION_COUNT; option++) {
			if (strcmp(names[option], word) == 0) {
				break;
			}
		}
	} else if (first || isdigit((unsigned char)*word)) {
		value = word;
	} else {
		option = OPTION_COUNT;
	}
	if (option == OPTION_COUNT) {
		snprintf(why, why_size,
			"'%s': expected WIDTHxHEIGHT, scene=, fps=, memory=, plane=, cursor= or "
			"control=",
			word);
		return -EINVAL;
	}
	if (*seen & 1u << option) {
		snprintf(why, why_size, "%s is given twice", names[option]);
		return -EINVAL;
	}
	*seen |= 1u << option;
	return set(options, (enum option)option, value, why, why_size);
}

static int check_together(struct sim_options *options, unsigned seen, char *why, size_t why_size)
{
	const unsigned painter = 1u << OPTION_SCENE | 1u << OPTION_FPS;

	if (options->memory && seen & painter) {
		snprintf(why, why_size, "%s= goes not with memory=: others paint that file",
			names[seen & 1u << OPTION_SCENE ? OPTION_SCENE : OPTION_FPS]);
		return -EINVAL;
	}
	if (options->region && options->cursor && seen & 1u << OPTION_CURSOR) {
		snprintf(why, why_size,
			"cursor 'on': a device with plane=region has no cursor plane");
		return -EINVAL;
	}
	if (!(seen & 1u << OPTION_CURSOR)) {
		options->cursor = !options->region && !options->memory;
	}
	return 0;
}

int sim_options_parse(struct sim_options *options, const char *text, char *why, size_t why_size)
{
	unsigned seen = 0;
	char *copy, *word, *next;
	int rc = 0;

	if (why_size > 0) {
		why[0] = '\0';
	}
	*options = (struct sim_options){
		.width = DEFAULT_WIDTH,
		.height = DEFAULT_HEIGHT,
		.scene = SIM_SCENE_DESKTOP,
		.fps = DEFAULT_FPS,
		.cursor = true,
	};
	copy = strdup(text ? text : "");
	if (!copy) {
		snprintf(why, why_size, "no memory");
		return -ENOMEM;
	}
	for (word = *copy != '\0' ? copy : NULL; word && rc == 0; word = next) {
		next = strchr(word, ',');
		if (next) {
			*next++ = '\0';
		}
		rc = parse_word(options, word, word == copy, &seen, why, why_size);
	}
	free(copy);
	if (rc == 0) {
		rc = check_together(options, seen, why, why_size);
	}
	if (rc < 0) {
		sim_options_finish(options);
	}
	return rc;
}

void sim_options_finish(struct sim_options *options)
{
	free(options->memory);
	free(options->control);
	options->memory = NULL;
	options->control = NULL;
}
