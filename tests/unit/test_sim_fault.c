/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/sim_help.h"
#include "vfio/fourcc.h"

/* Names with the process in them: several runs of the tests share a machine. */
static char control_path[64], client_path[64], picture_path[64];

static int make_names(void **state)
{
	int id = (int)getpid();

	snprintf(control_path, sizeof(control_path), "/tmp/vgpu-test-sim-%d", id);
	snprintf(client_path, sizeof(client_path), "/tmp/vgpu-test-sim-%d.client", id);
	snprintf(picture_path, sizeof(picture_path), "/tmp/vgpu-test-sim-%d.picture", id);
	return 0;
}

static void test_query_errors(void **state)
{
	static const struct {
		const char *name;
		int error;
	} faults[] = {{"enomem", -ENOMEM}, {"einval", -EINVAL}, {"efault", -EFAULT}};
	struct vgpu *vgpu = help_make("320x240,scene=idle");
	struct vgpu_query query;

	for (int i = 0; i < 3; i++) {
		help_command(vgpu, "fault %s 2", faults[i].name);
		for (int k = 0; k < 2; k++) {
			/* The cursor's query doesn't use it up. */
			help_cursor(vgpu);
			assert_int_equal(vgpu_query(vgpu, PLANE_PRIMARY, &query), VGPU_TRANSIENT);
			assert_int_equal(query.error, faults[i].error);
		}
		help_plane(vgpu);
	}
	help_command(vgpu, "fault enomem 1000");
	help_command(vgpu, "fault clear");
	help_plane(vgpu);
	vgpu_destroy(vgpu);
}

static void test_fetch_errors(void **state)
{
	struct vgpu *vgpu = help_make("320x240,scene=idle");
	struct plane plane = help_plane(vgpu);
	struct vgpu_buffer *buffer;
	enum plane_refusal refusal;

	help_command(vgpu, "fault stale 2");
	assert_int_equal(vgpu_buffer_get(vgpu, &plane, &buffer, &refusal), -ESTALE);
	assert_int_equal(vgpu_buffer_get(vgpu, &plane, &buffer, &refusal), -ESTALE);
	vgpu_buffer_put(help_get(vgpu, &plane));
	help_command(vgpu, "fault shortbuf");
	assert_int_equal(vgpu_buffer_get(vgpu, &plane, &buffer, &refusal), -EPROTO);
	assert_int_equal(refusal, PLANE_BUFFER_SHORT);
	vgpu_buffer_put(help_get(vgpu, &plane));
	vgpu_destroy(vgpu);
}

static void test_zero_fields(void **state)
{
	struct vgpu *vgpu = help_make("320x240,scene=idle");
	struct vgpu_query query;

	help_command(vgpu, "fault stride0");
	assert_int_equal(vgpu_query(vgpu, PLANE_PRIMARY, &query), VGPU_REFUSED);
	assert_int_equal(query.refusal, PLANE_STRIDE_SHORT);
	help_command(vgpu, "fault size0");
	assert_int_equal(vgpu_query(vgpu, PLANE_PRIMARY, &query), VGPU_REFUSED);
	assert_int_equal(query.refusal, PLANE_SIZE_ZERO);
	help_plane(vgpu);
	vgpu_destroy(vgpu);
}

static void test_gone(void **state)
{
	static const char *const commands[] = {"fault gone", "die"};

	for (int i = 0; i < 2; i++) {
		struct vgpu *vgpu = help_make("320x240");
		struct plane plane = help_plane(vgpu);
		struct vgpu_buffer *buffer;
		enum plane_refusal refusal;
		struct vgpu_query query;
		uint32_t width, height;

		help_command(vgpu, "%s", commands[i]);
		assert_int_equal(vgpu_query(vgpu, PLANE_PRIMARY, &query), VGPU_GONE);
		assert_int_equal(query.error, -ENODEV);
		assert_int_equal(vgpu_query(vgpu, PLANE_CURSOR, &query), VGPU_GONE);
		assert_int_equal(vgpu_buffer_get(vgpu, &plane, &buffer, &refusal), -ENODEV);
		assert_int_equal(vgpu_edid_unplug(vgpu), -ENODEV);
		assert_int_equal(sim_reference(vgpu, NULL, 0, &width, &height), -ENODATA);
		help_command(vgpu, "fault clear");
		assert_int_equal(vgpu_query(vgpu, PLANE_PRIMARY, &query), VGPU_GONE);
		vgpu_destroy(vgpu);
	}
}

static void test_garbage(void **state)
{
	struct vgpu *vgpu = help_make("320x240,scene=scroll");
	struct plane plane;
	struct vgpu_buffer *buffer;
	const uint8_t *map;
	int junk;

	help_command(vgpu, "pause");
	for (int i = 0; i < 5; i++) {
		plane = help_plane(vgpu);
		buffer = help_get(vgpu, &plane);
		map = help_map(buffer);
		junk = 0;
		for (uint32_t k = 0; k < 320 * 240; k++) {
			junk += map[k * 4 + 3] != 0;
		}
		assert_int_equal(junk > 320 * 200, i > 0);
		munmap((void *)(uintptr_t)map, plane.size);
		vgpu_buffer_put(buffer);
		help_compare(vgpu);
		help_command(vgpu, i == 0 ? "fault garbage-x" : "step");
	}
	vgpu_destroy(vgpu);
}

static sigjmp_buf escape;

static void on_sigbus(int number)
{
	siglongjmp(escape, 1);
}

static bool readable(const volatile uint8_t *byte)
{
	struct sigaction action = {.sa_handler = on_sigbus}, old;
	volatile bool good = false;

	sigaction(SIGBUS, &action, &old);
	if (sigsetjmp(escape, 1) == 0) {
		(void)*byte;
		good = true;
	}
	sigaction(SIGBUS, &old, NULL);
	return good;
}

/* Memory goes away under whoever has mapped it; the painter must live. */
static void test_shrink(void **state)
{
	static const char *const texts[] = {
		"320x240,scene=box,fps=240", "320x240,scene=box,fps=240,plane=region"};

	for (int i = 0; i < 2; i++) {
		struct vgpu *vgpu = help_make(texts[i]);
		struct plane plane;
		struct vgpu_buffer *buffer;
		const uint8_t *map;
		char why[256];

		help_command(vgpu, "pause");
		plane = help_plane(vgpu);
		buffer = help_get(vgpu, &plane);
		map = buffer->map ? buffer->map : help_map(buffer);
		assert_true(readable(map + 320 * 239 * 4));
		help_command(vgpu, "resume");
		if (sim_command(vgpu, "fault shrink", why, sizeof(why)) < 0) {
			/* Sealed: the kernel makes true dma-bufs of it. */
			assert_non_null(strstr(why, "Operation not permitted"));
		} else {
			help_command(vgpu, "step");
			help_command(vgpu, "rect 0 0 320 240 ff0000");
			help_command(vgpu, "fault garbage-x");
			if (help_plane(vgpu).id == plane.id) {
				assert_true(readable(map));
				assert_false(readable(map + 320 * 239 * 4));
			}
			help_sleep(30);
			help_command(vgpu, "scene noise");
		}
		if (!buffer->map) {
			munmap((void *)(uintptr_t)map, plane.size);
		}
		vgpu_buffer_put(buffer);
		help_command(vgpu, "mode 640x480");
		help_command(vgpu, "pause");
		help_compare(vgpu);
		vgpu_destroy(vgpu);
	}
}

static void test_raw(void **state)
{
	struct vgpu *vgpu = help_make("320x240,scene=idle");
	struct vgpu_query query;

	help_command(vgpu, "raw width=20000 height=0x80");
	assert_int_equal(vgpu_query(vgpu, PLANE_PRIMARY, &query), VGPU_REFUSED);
	assert_int_equal(query.refusal, PLANE_BAD_WIDTH);
	help_command(vgpu, "raw width=320");
	assert_int_equal(help_plane(vgpu).height, 128);
	help_command(vgpu, "raw clear");
	assert_int_equal(help_plane(vgpu).height, 240);
	help_command(vgpu, "raw format=C8");
	assert_int_equal(vgpu_query(vgpu, PLANE_PRIMARY, &query), VGPU_REFUSED);
	assert_int_equal(query.refusal, PLANE_FORMAT_C8);
	help_command(vgpu, "raw format=0x20203843");
	assert_int_equal(vgpu_query(vgpu, PLANE_PRIMARY, &query), VGPU_REFUSED);
	assert_int_equal(query.refusal, PLANE_FORMAT_C8);
	help_command(vgpu, "raw clear");
	help_command(vgpu, "raw modifier=0xffffffffffffff");
	assert_int_equal(vgpu_query(vgpu, PLANE_PRIMARY, &query), VGPU_REFUSED);
	assert_int_equal(query.refusal, PLANE_UNKNOWN_MODIFIER);
	help_command(vgpu, "raw clear");
	help_command(vgpu, "raw cursor width=257 hotx=70");
	assert_int_equal(vgpu_query(vgpu, PLANE_CURSOR, &query), VGPU_REFUSED);
	assert_int_equal(query.refusal, PLANE_BAD_CURSOR_SIZE);
	help_plane(vgpu);
	help_command(vgpu, "raw clear");
	help_cursor(vgpu);
	help_refused(vgpu, "raw", "FIELD=VALUE");
	help_refused(vgpu, "raw cursor", "FIELD=VALUE");
	help_refused(vgpu, "raw colour=3", "width, height");
	help_refused(vgpu, "raw width", "FIELD=VALUE");
	help_refused(vgpu, "raw width=-3", "number");
	help_refused(vgpu, "raw width=4294967296", "number");
	/* All or nothing. */
	help_refused(vgpu, "raw width=100 colour=3", "width, height");
	assert_int_equal(help_plane(vgpu).width, 320);
	vgpu_destroy(vgpu);
}

static void test_bad_commands(void **state)
{
	static const struct {
		const char *command, *part;
	} cases[] = {
		{"", "a command"},
		{"   ", "a command"},
		{"jump", "mode, blank"},
		{"blank now", "no more words"},
		{"scene", "desktop"},
		{"scene sea", "sea"},
		{"step 0", "1 to 1000000"},
		{"step x", "1 to 1000000"},
		{"rect 1 2 3", "X Y W H"},
		{"rect 1 2 3 4 gggggg", "X Y W H"},
		{"rect 1 2 3 4 1000000", "X Y W H"},
		{"rect 1 2 -3 4 ff", "X Y W H"},
		{"rect 99999999999999999999 2 3 4 ff", "X Y W H"},
		{"flip", "on or off"},
		{"flip maybe", "on or off"},
		{"fault", "enomem"},
		{"fault rain", "rain"},
		{"fault enomem -1", "count"},
		{"reference", "path"},
		{"reference /nonexistent/x", "No such file"},
		{"raw a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 a=1 "
		 "a=1 a=1",
			"at most 20"},
	};
	struct vgpu *vgpu = help_make("320x240");
	char *lengthy = malloc(5000);
	char why[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		help_refused(vgpu, cases[i].command, cases[i].part);
	}
	assert_non_null(lengthy);
	memset(lengthy, 'a', 4999);
	lengthy[4999] = '\0';
	help_refused(vgpu, lengthy, "4095");
	free(lengthy);
	assert_int_equal(sim_command(NULL, "blank", why, sizeof(why)), -EINVAL);
	vgpu_destroy(vgpu);
}

static int make_client(const char *path)
{
	struct timeval limit = {.tv_sec = WAIT_MS / 1000};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (path) {
		strcpy(address.sun_path, path);
		unlink(path);
		assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	strcpy(address.sun_path, control_path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static const char *ask(int fd, const char *command)
{
	static char answer[600];
	ssize_t size;

	assert_int_equal(send(fd, command, strlen(command), 0), strlen(command));
	size = recv(fd, answer, sizeof(answer) - 1, 0);
	assert_true(size > 0);
	answer[size] = '\0';
	return answer;
}

static void test_control(void **state)
{
	struct vgpu *vgpu;
	struct sim_options options = {.width = 320, .height = 240, .control = control_path};
	uint32_t width, height, *pixels, *written;
	struct stat info;
	char why[256], text[128], command[128];
	int fd, silent;

	snprintf(text, sizeof(text), "320x240,scene=box,control=%s", control_path);
	snprintf(command, sizeof(command), "reference %s", picture_path);
	vgpu = help_make(text);
	assert_int_equal(stat(control_path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	/* Nobody takes a live socket away. */
	assert_null(sim_create(&options, why, sizeof(why)));
	assert_int_equal(errno, EADDRINUSE);
	assert_non_null(strstr(why, "in use"));

	fd = make_client(client_path);
	silent = make_client(NULL);
	assert_string_equal(ask(fd, "pause"), "ok");
	assert_string_equal(ask(fd, "mode 640x480\n"), "ok");
	assert_int_equal(help_plane(vgpu).width, 640);
	assert_non_null(strstr(ask(fd, "jump"), "error: 'jump'"));
	assert_non_null(strstr(ask(fd, "status"), "ok 640x480 XR24"));
	assert_string_equal(ask(fd, command), "ok 640x480");
	pixels = help_reference(vgpu, &width, &height);
	written = malloc(640 * 480 * 4);
	assert_non_null(written);
	close(silent);
	silent = open(picture_path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(silent, written, 640 * 480 * 4), 640 * 480 * 4);
	assert_memory_equal(written, pixels, 640 * 480 * 4);
	close(silent);
	unlink(picture_path);
	free(written);
	free(pixels);

	/* A sender without an address gets no answer, but its wish. */
	silent = make_client(NULL);
	assert_int_equal(send(silent, "blank", 5, 0), 5);
	help_wait_answer(vgpu, PLANE_PRIMARY, VGPU_NO_PICTURE);
	assert_string_equal(
		ask(fd, "reference /tmp/x"), "error: reference /tmp/x: there is no picture");
	close(silent);
	close(fd);
	unlink(client_path);
	vgpu_destroy(vgpu);
	assert_int_equal(access(control_path, F_OK), -1);
}

/* A socket whose owner has died is taken over; another file never is. */
static void test_control_left(void **state)
{
	struct sim_options options = {.width = 320, .height = 240, .control = control_path};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct vgpu *vgpu;
	char why[256];
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	strcpy(address.sun_path, control_path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	vgpu = sim_create(&options, why, sizeof(why));
	assert_non_null(vgpu);
	vgpu_destroy(vgpu);

	fd = open(control_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_null(sim_create(&options, why, sizeof(why)));
	assert_int_equal(access(control_path, F_OK), 0);
	unlink(control_path);
	options.control = (char *)(uintptr_t) "/nonexistent/socket";
	assert_null(sim_create(&options, why, sizeof(why)));
	assert_int_equal(errno, ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_query_errors),
		cmocka_unit_test(test_fetch_errors),
		cmocka_unit_test(test_zero_fields),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_shrink),
		cmocka_unit_test(test_raw),
		cmocka_unit_test(test_bad_commands),
		cmocka_unit_test(test_control),
		cmocka_unit_test(test_control_left),
	};

	return cmocka_run_group_tests(tests, make_names, NULL);
}
