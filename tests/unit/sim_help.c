/* SPDX-License-Identifier: MIT */
#include "tests/unit/sim_help.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "vfio/fourcc.h"

void help_sleep(int milliseconds)
{
	struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000L};

	nanosleep(&time, NULL);
}

struct vgpu *help_make(const char *text)
{
	struct sim_options options;
	struct vgpu *vgpu;
	char why[256] = "";

	if (sim_options_parse(&options, text, why, sizeof(why)) < 0) {
		fail_msg("options %s: %s", text, why);
	}
	vgpu = sim_create(&options, why, sizeof(why));
	if (!vgpu) {
		fail_msg("%s: %s", text, why);
	}
	sim_options_finish(&options);
	return vgpu;
}

const char *help_command(struct vgpu *vgpu, const char *format, ...)
{
	static char why[256];
	char command[512];
	va_list list;

	va_start(list, format);
	vsnprintf(command, sizeof(command), format, list);
	va_end(list);
	if (sim_command(vgpu, command, why, sizeof(why)) != 0) {
		fail_msg("%s: %s", command, why);
	}
	return why;
}

void help_refused(struct vgpu *vgpu, const char *command, const char *part)
{
	char why[256] = "";

	if (sim_command(vgpu, command, why, sizeof(why)) != -EINVAL || !strstr(why, part) ||
		strchr(why, '\n')) {
		fail_msg("%s: \"%s\" has no %s", command, why, part);
	}
}

struct plane help_plane(struct vgpu *vgpu)
{
	struct vgpu_query query;

	assert_int_equal(vgpu_query(vgpu, PLANE_PRIMARY, &query), VGPU_PICTURE);
	return query.plane;
}

struct vgpu_query help_cursor(struct vgpu *vgpu)
{
	struct vgpu_query query;

	assert_int_equal(vgpu_query(vgpu, PLANE_CURSOR, &query), VGPU_PICTURE);
	return query;
}

struct vgpu_buffer *help_get(struct vgpu *vgpu, const struct plane *plane)
{
	struct vgpu_buffer *buffer;
	enum plane_refusal refusal;

	assert_int_equal(vgpu_buffer_get(vgpu, plane, &buffer, &refusal), 0);
	assert_non_null(buffer);
	return buffer;
}

const uint8_t *help_map(const struct vgpu_buffer *buffer)
{
	void *map;

	assert_true(buffer->fd >= 0);
	map = mmap(NULL, buffer->plane.size, PROT_READ, MAP_SHARED, buffer->fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	return map;
}

uint32_t *help_reference(struct vgpu *vgpu, uint32_t *width, uint32_t *height)
{
	uint32_t *pixels;

	assert_int_equal(sim_reference(vgpu, NULL, 0, width, height), -ENOBUFS);
	pixels = malloc((size_t)*width * *height * 4);
	assert_non_null(pixels);
	assert_int_equal(
		sim_reference(vgpu, pixels, (size_t)*width * *height * 4, width, height), 0);
	return pixels;
}

/* Worked out here again, so that it doesn't agree with the simulator by construction. */
static uint32_t decode(uint32_t format, const uint8_t *bytes)
{
	switch (format) {
	case FOURCC_XRGB8888:
	case FOURCC_ARGB8888:
		return (uint32_t)bytes[2] << 16 | (uint32_t)bytes[1] << 8 | bytes[0];
	case FOURCC_XBGR8888:
	case FOURCC_ABGR8888:
		return (uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 8 | bytes[2];
	default:
		fail_msg("format %08x can't be compared", format);
		return 0;
	}
}

void help_compare(struct vgpu *vgpu)
{
	struct plane plane = help_plane(vgpu);
	struct vgpu_buffer *buffer = help_get(vgpu, &plane);
	uint32_t width, height;
	uint32_t *pixels = help_reference(vgpu, &width, &height);
	const uint8_t *map = buffer->map ? buffer->map : help_map(buffer);

	assert_int_equal(width, plane.width);
	assert_int_equal(height, plane.height);
	for (uint32_t y = 0; y < height; y++) {
		for (uint32_t x = 0; x < width; x++) {
			uint32_t seen = decode(
				plane.format, map + (size_t)y * plane.stride + (size_t)x * 4);

			if (seen != pixels[(size_t)y * width + x]) {
				fail_msg("pixel %u, %u is %06x, not %08x", x, y, seen,
					pixels[(size_t)y * width + x]);
			}
		}
	}
	if (!buffer->map) {
		munmap((void *)(uintptr_t)map, plane.size);
	}
	free(pixels);
	vgpu_buffer_put(buffer);
}

void help_wait_answer(struct vgpu *vgpu, enum plane_type type, enum vgpu_answer answer)
{
	struct vgpu_query query;

	for (int i = 0; i < WAIT_MS / 5; i++) {
		if (vgpu_query(vgpu, type, &query) == answer) {
			return;
		}
		help_sleep(5);
	}
	fail_msg("the plane never answers %d", answer);
}

void help_wait_size(struct vgpu *vgpu, uint32_t width, uint32_t height)
{
	struct vgpu_query query;

	for (int i = 0; i < WAIT_MS / 5; i++) {
		if (vgpu_query(vgpu, PLANE_PRIMARY, &query) == VGPU_PICTURE &&
			query.plane.width == width && query.plane.height == height) {
			return;
		}
		help_sleep(5);
	}
	fail_msg("the plane never becomes %ux%u", width, height);
}

int help_count(const char *directory)
{
	DIR *dir = opendir(directory);
	int count = 0;

	assert_non_null(dir);
	while (readdir(dir)) {
		count++;
	}
	closedir(dir);
	return count;
}
