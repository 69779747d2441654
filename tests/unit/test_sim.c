/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/vfio.h>

#include "tests/unit/sim_help.h"
#include "vfio/fourcc.h"
#include "vfio/vgpu_impl.h"

static void test_info(void **state)
{
	struct vgpu *vgpu = help_make("640x480");
	const struct vgpu_info *info = vgpu_info(vgpu);

	assert_string_equal(info->name, "simulated 640x480");
	assert_true(info->dmabuf);
	assert_false(info->region);
	assert_true(info->cursor_plane);
	assert_true(info->edid.present);
	assert_int_equal(info->edid.max_xres, 3840);
	vgpu_destroy(vgpu);

	vgpu = help_make("640x480,plane=region");
	info = vgpu_info(vgpu);
	assert_false(info->dmabuf);
	assert_true(info->region);
	assert_false(info->cursor_plane);
	assert_false(info->edid.present);
	vgpu_destroy(vgpu);

	vgpu = help_make("640x480,cursor=off");
	assert_false(vgpu_info(vgpu)->cursor_plane);
	help_refused(vgpu, "cursor show", "no cursor plane");
	vgpu_destroy(vgpu);
}

/* The ioctl itself: what it takes, what it refuses, what it leaves alone. */
static void test_raw_query(void **state)
{
	struct vgpu *vgpu = help_make("640x480,scene=idle");
	struct vfio_device_gfx_plane_info info = {.argsz = sizeof(info), .drm_plane_type = 1};

	info.flags = VFIO_GFX_PLANE_TYPE_PROBE | VFIO_GFX_PLANE_TYPE_DMABUF;
	assert_int_equal(vgpu->ops->query(vgpu, &info), 0);
	assert_int_equal(info.drm_format, 0);
	info.flags = VFIO_GFX_PLANE_TYPE_PROBE | VFIO_GFX_PLANE_TYPE_REGION;
	assert_int_equal(vgpu->ops->query(vgpu, &info), -EINVAL);
	info.flags = VFIO_GFX_PLANE_TYPE_REGION;
	assert_int_equal(vgpu->ops->query(vgpu, &info), -EINVAL);
	info.flags = 0;
	assert_int_equal(vgpu->ops->query(vgpu, &info), -EINVAL);
	info.flags = VFIO_GFX_PLANE_TYPE_DMABUF;
	info.argsz = sizeof(info) - 8;
	assert_int_equal(vgpu->ops->query(vgpu, &info), -EINVAL);
	info.argsz = sizeof(info);
	info.drm_plane_type = 0;
	assert_int_equal(vgpu->ops->query(vgpu, &info), -EINVAL);
	info.drm_plane_type = 1;
	assert_int_equal(vgpu->ops->query(vgpu, &info), 0);
	assert_int_equal(info.drm_format, FOURCC_XRGB8888);
	assert_int_equal(info.width, 640);
	assert_int_equal(info.height, 480);
	assert_int_equal(info.stride, 2560);
	assert_int_equal(info.size, 2560 * 480);
	assert_int_equal(info.dmabuf_id, 1);

	/* A plane that is off leaves the old answer in place. */
	help_command(vgpu, "blank");
	info.width = 12345;
	assert_int_equal(vgpu->ops->query(vgpu, &info), 0);
	assert_int_equal(info.width, 12345);
	assert_int_equal(vgpu->ops->fetch(vgpu, 99), -EINVAL);
	assert_int_equal(vgpu->ops->fetch(vgpu, 0), -EINVAL);
	assert_int_equal(vgpu->ops->fetch(vgpu, UINT32_MAX), -EINVAL);
	vgpu_destroy(vgpu);
}

/* Each frame shows the next of three buffers. */
static void test_flip(void **state)
{
	struct vgpu *vgpu = help_make("640x480,scene=box");
	uint32_t ids[6];

	help_command(vgpu, "pause");
	for (int i = 0; i < 6; i++) {
		help_command(vgpu, "step");
		ids[i] = help_plane(vgpu).id;
	}
	assert_int_not_equal(ids[0], ids[1]);
	assert_int_not_equal(ids[1], ids[2]);
	assert_int_not_equal(ids[0], ids[2]);
	assert_memory_equal(ids, ids + 3, 3 * sizeof(ids[0]));
	vgpu_destroy(vgpu);
}

static void test_front_buffer(void **state)
{
	struct vgpu *vgpu = help_make("640x480,scene=box");
	struct plane plane;
	struct vgpu_buffer *buffer;
	const uint8_t *map;
	uint8_t *before;

	help_command(vgpu, "pause");
	help_command(vgpu, "flip off");
	plane = help_plane(vgpu);
	buffer = help_get(vgpu, &plane);
	map = help_map(buffer);
	before = malloc(plane.size);
	assert_non_null(before);
	memcpy(before, map, plane.size);
	help_command(vgpu, "step 2");
	assert_int_equal(help_plane(vgpu).id, plane.id);
	assert_memory_not_equal(before, map, plane.size);
	free(before);
	munmap((void *)(uintptr_t)map, plane.size);
	vgpu_buffer_put(buffer);
	vgpu_destroy(vgpu);
}

/* The painter works by itself, and not when paused, blank or idle. */
static void test_painter(void **state)
{
	struct vgpu *vgpu = help_make("320x240,scene=box,fps=240");
	uint32_t id = help_plane(vgpu).id;
	char before[256];
	bool moved = false;

	for (int i = 0; i < WAIT_MS / 2 && !moved; i++) {
		moved = help_plane(vgpu).id != id;
		help_sleep(2);
	}
	assert_true(moved);
	help_command(vgpu, "pause");
	strcpy(before, help_command(vgpu, "status"));
	assert_non_null(strstr(before, "320x240 XR24"));
	assert_non_null(strstr(before, "scene=box"));
	help_sleep(50);
	assert_string_equal(before, help_command(vgpu, "status"));
	help_command(vgpu, "scene idle");
	help_command(vgpu, "resume");
	strcpy(before, help_command(vgpu, "status"));
	help_sleep(50);
	assert_string_equal(before, help_command(vgpu, "status"));
	help_command(vgpu, "blank");
	help_command(vgpu, "scene box");
	strcpy(before, help_command(vgpu, "status"));
	help_sleep(50);
	assert_string_equal(before, help_command(vgpu, "status"));
	vgpu_destroy(vgpu);
}

/* What a buffer holds is what the reference says, in each scene and way to flip. */
static void test_pixels(void **state)
{
	static const char *const formats[] = {"XR24", "AR24", "XB24", "AB24"};
	struct vgpu *vgpu = help_make("320x240");

	help_command(vgpu, "pause");
	for (int i = 0; i < SIM_SCENE_COUNT; i++) {
		help_command(vgpu, "scene %s", sim_scene_name((enum sim_scene)i));
		for (int k = 0; k < 5; k++) {
			help_command(vgpu, "step");
			help_compare(vgpu);
		}
	}
	for (int i = 0; i < 4; i++) {
		help_command(vgpu, "mode 333x77 %s stride=1340", formats[i]);
		assert_int_equal(help_plane(vgpu).stride, 1340);
		help_compare(vgpu);
		help_command(vgpu, "step 4");
		help_compare(vgpu);
		help_command(vgpu, "rect -5 3 20 10 12ab9f");
		help_compare(vgpu);
	}
	vgpu_destroy(vgpu);
}

static void test_rect(void **state)
{
	struct vgpu *vgpu = help_make("320x240,scene=idle");
	uint32_t width, height, *pixels;

	help_command(vgpu, "rect 0 0 320 240 000000");
	help_command(vgpu, "rect 10 20 3 2 12ab9f");
	help_command(vgpu, "rect 318 -5 100 6 ffffff");
	pixels = help_reference(vgpu, &width, &height);
	for (uint32_t y = 0; y < 240; y++) {
		for (uint32_t x = 0; x < 320; x++) {
			uint32_t want = x >= 10 && x < 13 && y >= 20 && y < 22 ? 0x12ab9f : 0;

			want = x >= 318 && y == 0 ? 0xffffff : want;
			assert_int_equal(pixels[y * 320 + x], want);
		}
	}
	free(pixels);
	help_compare(vgpu);
	/* The next frame has forgotten it. */
	help_command(vgpu, "step 3");
	pixels = help_reference(vgpu, &width, &height);
	assert_int_not_equal(pixels[0], 0);
	free(pixels);
	vgpu_destroy(vgpu);
}

/* Ids are the lowest free ones, so a mode change brings old ids with other fields. */
static void test_mode(void **state)
{
	struct vgpu *vgpu = help_make("640x480,scene=idle,cursor=off");
	struct plane before = help_plane(vgpu), after;
	struct vgpu_buffer *buffer;
	const uint8_t *map;
	uint8_t first;

	assert_int_equal(before.id, 1);
	help_command(vgpu, "mode 800x600");
	/* What the last query told is good until the next. */
	buffer = help_get(vgpu, &before);
	assert_int_equal(buffer->real_size, before.size);
	vgpu_buffer_put(buffer);
	after = help_plane(vgpu);
	assert_int_equal(after.width, 800);
	assert_int_equal(after.height, 600);
	assert_int_equal(after.id, 2);
	help_command(vgpu, "mode 1024x768 RG16");
	after = help_plane(vgpu);
	assert_int_equal(after.id, 1);
	assert_int_equal(after.format, FOURCC_RGB565);
	assert_int_equal(after.stride, 2048);
	/* What is held stays as it was when the guest has gone on. */
	buffer = help_get(vgpu, &after);
	map = help_map(buffer);
	first = map[0];
	help_command(vgpu, "mode 640x480");
	help_command(vgpu, "step 6");
	assert_int_equal(map[0], first);
	munmap((void *)(uintptr_t)map, after.size);
	vgpu_buffer_put(buffer);
	help_command(vgpu, "mode 640x480 XR24 modifier=100000000000001");
	assert_true(help_plane(vgpu).modifier == MODIFIER_I915_X_TILED);
	help_refused(vgpu, "mode", "WIDTHxHEIGHT");
	help_refused(vgpu, "mode 640", "WIDTHxHEIGHT");
	help_refused(vgpu, "mode 63x480", "64");
	help_refused(vgpu, "mode 640x16385", "16384");
	help_refused(vgpu, "mode 640x480 XR23", "XR23");
	help_refused(vgpu, "mode 640x480 stride=2556", "2560");
	help_refused(vgpu, "mode 640x480 stride=2562", "whole pixels");
	help_refused(vgpu, "mode 640x480 stride=x", "stride=");
	help_refused(vgpu, "mode 16384x16384 stride=1000000", "limit");
	assert_int_equal(help_plane(vgpu).width, 640);
	vgpu_destroy(vgpu);
}

static void test_every_format(void **state)
{
	static const struct {
		const char *name;
		enum vgpu_answer answer;
	} formats[] = {
		{"XR24", VGPU_PICTURE},
		{"AR24", VGPU_PICTURE},
		{"XB24", VGPU_PICTURE},
		{"AB24", VGPU_PICTURE},
		{"XR30", VGPU_PICTURE},
		{"XB30", VGPU_PICTURE},
		{"RG16", VGPU_PICTURE},
		{"YUYV", VGPU_PICTURE},
		{"YVYU", VGPU_PICTURE},
		{"UYVY", VGPU_PICTURE},
		{"VYUY", VGPU_PICTURE},
		{"C8", VGPU_REFUSED},
	};
	struct vgpu *vgpu = help_make("320x240,scene=box");
	uint32_t width, height, *pixels;

	help_command(vgpu, "pause");
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct vgpu_query query;

		help_command(vgpu, "mode 322x240 %s", formats[i].name);
		assert_int_equal(vgpu_query(vgpu, PLANE_PRIMARY, &query), formats[i].answer);
		if (formats[i].answer == VGPU_REFUSED) {
			assert_int_equal(sim_reference(vgpu, NULL, 0, &width, &height), -ENODATA);
			continue;
		}
		help_command(vgpu, "rect 0 0 64 64 808080");
		pixels = help_reference(vgpu, &width, &height);
		for (int shift = 0; shift < 24; shift += 8) {
			assert_in_range(pixels[322 * 30 + 30] >> shift & 255, 0x80 - 5, 0x80 + 5);
		}
		free(pixels);
	}
	vgpu_destroy(vgpu);
}

static void test_blank(void **state)
{
	struct vgpu *vgpu = help_make("320x240,scene=idle");
	struct vgpu_query query;
	uint32_t width, height;

	help_command(vgpu, "blank");
	assert_int_equal(vgpu_query(vgpu, PLANE_PRIMARY, &query), VGPU_NO_PICTURE);
	assert_int_equal(vgpu_query(vgpu, PLANE_CURSOR, &query), VGPU_NO_PICTURE);
	assert_int_equal(sim_reference(vgpu, NULL, 0, &width, &height), -ENODATA);
	help_command(vgpu, "unblank");
	help_compare(vgpu);
	vgpu_destroy(vgpu);
}

static void test_cursor(void **state)
{
	struct vgpu *vgpu = help_make("640x480,scene=idle");
	struct vfio_device_gfx_plane_info info = {.argsz = sizeof(info)};
	struct vgpu_query query;
	struct vgpu_buffer *buffer;
	const uint8_t *map;
	uint32_t id, some = 0, half = 0;

	help_command(vgpu, "cursor at 100 50");
	query = help_cursor(vgpu);
	assert_int_equal(query.position.x, 100);
	assert_int_equal(query.position.y, 50);
	assert_true(query.position.hot_known);
	assert_int_equal(query.position.hot_x, 4);
	assert_int_equal(query.plane.format, FOURCC_ARGB8888);
	assert_int_equal(query.plane.width, 64);
	assert_int_equal(query.plane.height, 64);
	assert_int_equal(query.plane.stride, 256);
	id = query.plane.id;

	/* Premultiplied: no colour exceeds its alpha, and some pixels let through. */
	buffer = help_get(vgpu, &query.plane);
	map = help_map(buffer);
	for (int i = 0; i < 64 * 64; i++) {
		const uint8_t *pixel = map + i * 4;

		assert_true(pixel[0] <= pixel[3] && pixel[1] <= pixel[3] && pixel[2] <= pixel[3]);
		some += pixel[3] == 255;
		half += pixel[3] > 0 && pixel[3] < 255;
	}
	assert_in_range(some, 50, 400);
	assert_in_range(half, 20, 400);

	/* Another shape in the same buffer. */
	help_command(vgpu, "cursor shape checker");
	assert_int_equal(help_cursor(vgpu).plane.id, id);
	assert_int_equal(map[3], 255);
	assert_int_equal(map[8 * 4 + 3], 0);
	help_command(vgpu, "cursor shape half");
	assert_int_equal(map[3], 0);
	assert_in_range(map[32 * 4 + 3], 120, 136);
	assert_int_equal(map[63 * 4 + 3], 255);
	munmap((void *)(uintptr_t)map, query.plane.size);
	vgpu_buffer_put(buffer);

	/* 13 bits and no sign, as the kernel tells it. */
	help_command(vgpu, "cursor at -5 -63");
	info.flags = VFIO_GFX_PLANE_TYPE_DMABUF;
	info.drm_plane_type = PLANE_CURSOR;
	assert_int_equal(vgpu->ops->query(vgpu, &info), 0);
	assert_int_equal(info.x_pos, 5);
	assert_int_equal(info.y_pos, 63);
	help_command(vgpu, "cursor at 8193 10");
	assert_int_equal(vgpu->ops->query(vgpu, &info), 0);
	assert_int_equal(info.x_pos, 1);

	help_command(vgpu, "cursor hot 7 9");
	assert_int_equal(help_cursor(vgpu).position.hot_x, 7);
	assert_int_equal(help_cursor(vgpu).position.hot_y, 9);
	help_command(vgpu, "cursor hot unknown");
	assert_false(help_cursor(vgpu).position.hot_known);
	assert_int_equal(vgpu->ops->query(vgpu, &info), 0);
	assert_int_equal(info.x_hot, UINT32_MAX);

	help_command(vgpu, "cursor hide");
	assert_int_equal(vgpu_query(vgpu, PLANE_CURSOR, &query), VGPU_NO_PICTURE);
	help_command(vgpu, "cursor show");
	help_cursor(vgpu);
	help_refused(vgpu, "cursor", "show");
	help_refused(vgpu, "cursor at 3", "at X Y");
	help_refused(vgpu, "cursor shape sphere", "arrow");
	vgpu_destroy(vgpu);
}

/* In scene desktop it moves by itself until somebody places it, and never leaves the screen. */
static void test_cursor_path(void **state)
{
	struct vgpu *vgpu = help_make("640x480");
	struct plane_position first, later;

	help_command(vgpu, "pause");
	help_command(vgpu, "step");
	first = help_cursor(vgpu).position;
	help_command(vgpu, "step 60");
	later = help_cursor(vgpu).position;
	assert_true(first.x != later.x || first.y != later.y);
	assert_in_range(later.x, 0, 639);
	assert_in_range(later.y, 0, 479);
	help_command(vgpu, "cursor at 1 2");
	help_command(vgpu, "step 60");
	assert_int_equal(help_cursor(vgpu).position.x, 1);
	help_command(vgpu, "cursor path");
	help_command(vgpu, "step");
	assert_int_not_equal(help_cursor(vgpu).position.x, 1);
	vgpu_destroy(vgpu);
}

static void test_region(void **state)
{
	struct vgpu *vgpu = help_make("640x480,scene=box,plane=region");
	struct vfio_device_gfx_plane_info info = {.argsz = sizeof(info)};
	struct plane plane = help_plane(vgpu);
	const void *map;
	size_t size;

	assert_int_equal(plane.kind, PLANE_KIND_REGION);
	assert_int_equal(plane.id, 16);
	assert_true(plane.size > plane.stride * plane.height);
	help_command(vgpu, "pause");
	help_compare(vgpu);
	help_command(vgpu, "step 2");
	assert_int_equal(help_plane(vgpu).id, 16);
	help_compare(vgpu);
	help_command(vgpu, "mode 1024x768 XB24");
	help_compare(vgpu);
	assert_int_equal(vgpu->ops->map(vgpu, 15, &map, &size), -ENOENT);
	assert_int_equal(vgpu->ops->fetch(vgpu, 1), -EINVAL);
	/* It answers a question about the cursor with the primary plane, as mdpy. */
	info.flags = VFIO_GFX_PLANE_TYPE_REGION;
	info.drm_plane_type = PLANE_CURSOR;
	assert_int_equal(vgpu->ops->query(vgpu, &info), 0);
	assert_int_equal(info.width, 1024);
	vgpu_destroy(vgpu);
}

static char *make_file(char *path, off_t size)
{
	int fd;

	strcpy(path, "/tmp/vgpu-test-sim-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
	return path;
}

/* Others paint the file, whoever looks sees it at once. */
static void test_memory(void **state)
{
	static const char *const kinds[] = {"dmabuf", "region"};
	char path[64], text[128];
	uint32_t pixel = 0xff123456;

	for (int i = 0; i < 2; i++) {
		int threads = help_count("/proc/self/task");
		struct vgpu *vgpu;
		uint32_t width, height, *pixels;
		int fd;

		make_file(path, 640 * 480 * 4);
		snprintf(text, sizeof(text), "640x480,memory=%s,plane=%s", path, kinds[i]);
		vgpu = help_make(text);
		assert_int_equal(help_count("/proc/self/task"), threads);
		assert_false(vgpu_info(vgpu)->cursor_plane);
		assert_int_equal(help_plane(vgpu).stride, 2560);
		fd = open(path, O_RDWR | O_CLOEXEC);
		assert_true(fd >= 0);
		assert_int_equal(pwrite(fd, &pixel, 4, 2560 * 7 + 4 * 9), 4);
		close(fd);
		pixels = help_reference(vgpu, &width, &height);
		assert_int_equal(pixels[640 * 7 + 9], 0x123456);
		assert_int_equal(pixels[0], 0);
		free(pixels);
		help_compare(vgpu);
		help_refused(vgpu, "scene box", "memory=");
		help_refused(vgpu, "step", "memory=");
		help_refused(vgpu, "rect 0 0 1 1 0", "memory=");
		help_refused(vgpu, "mode 1280x720", "the file has");
		help_refused(vgpu, "mode 320x240 RG16", "XR24");
		help_command(vgpu, "mode 320x240");
		help_compare(vgpu);
		help_command(vgpu, "blank");
		help_command(vgpu, "unblank");
		vgpu_destroy(vgpu);
		unlink(path);
	}
}

static void test_memory_refused(void **state)
{
	static const struct {
		const char *path;
		int error;
		const char *part;
	} cases[] = {
		{NULL, EINVAL, "needs 1228800"},
		{"/nonexistent/file", ENOENT, "No such file"},
		{"/dev/null", EINVAL, "not a regular file"},
	};
	int fds = help_count("/proc/self/fd");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char path[64] = "", why[256] = "";
		struct sim_options options = {.width = 640, .height = 480, .fps = 60};

		options.memory = cases[i].path ? (char *)(uintptr_t)cases[i].path
					       : make_file(path, 640 * 480 * 4 - 1);
		assert_null(sim_create(&options, why, sizeof(why)));
		assert_int_equal(errno, cases[i].error);
		assert_non_null(strstr(why, cases[i].part));
		assert_non_null(strstr(why, options.memory));
		if (path[0] != '\0') {
			unlink(path);
		}
	}
	assert_int_equal(help_count("/proc/self/fd"), fds);
}

static void test_leaks(void **state)
{
	int fds = help_count("/proc/self/fd");
	int threads = help_count("/proc/self/task");
	char path[64], text[128];
	struct vgpu *vgpu;

	snprintf(path, sizeof(path), "/tmp/vgpu-test-sim-leaks-%d", (int)getpid());
	snprintf(text, sizeof(text), "320x240,fps=240,control=%s", path);
	vgpu = help_make(text);
	for (int i = 0; i < 30; i++) {
		struct vgpu_query query;
		struct plane plane = help_plane(vgpu);
		struct vgpu_buffer *buffer = help_get(vgpu, &plane);

		help_command(vgpu, "mode %dx240", 320 + i % 3);
		vgpu_query(vgpu, PLANE_CURSOR, &query);
		vgpu_buffer_put(buffer);
	}
	vgpu_destroy(vgpu);
	assert_int_equal(help_count("/proc/self/fd"), fds);
	assert_int_equal(help_count("/proc/self/task"), threads);
	assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_info),
		cmocka_unit_test(test_raw_query),
		cmocka_unit_test(test_flip),
		cmocka_unit_test(test_front_buffer),
		cmocka_unit_test(test_painter),
		cmocka_unit_test(test_pixels),
		cmocka_unit_test(test_rect),
		cmocka_unit_test(test_mode),
		cmocka_unit_test(test_every_format),
		cmocka_unit_test(test_blank),
		cmocka_unit_test(test_cursor),
		cmocka_unit_test(test_cursor_path),
		cmocka_unit_test(test_region),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_memory_refused),
		cmocka_unit_test(test_leaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
