/* SPDX-License-Identifier: MIT */
/* The session over the simulated vGPU, on a clock of the test's own: no sleeping. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/session.h"
#include "render/renderer.h"
#include "vfio/sim.h"
#include "vfio/vgpu.h"

#define MS INT64_C(1000000)
#define START (INT64_C(1000) * 1000 * MS)

struct fixture {
	struct vgpu *vgpu;
	struct renderer *renderer;
	struct session session;
	pixman_region32_t damage;
};

static void command(struct fixture *f, const char *text)
{
	char why[256] = "";

	if (sim_command(f->vgpu, text, why, sizeof(why)) != 0) {
		fail_msg("%s: %s", text, why);
	}
}

static void look(struct fixture *f, int64_t ms)
{
	pixman_region32_clear(&f->damage);
	session_look(&f->session, START + ms * MS, &f->damage);
}

static bool damaged(struct fixture *f)
{
	return pixman_region32_not_empty(&f->damage);
}

static struct fixture *create(const char *text)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct sim_options options;
	struct renderer_options renderer = {.kind = RENDERER_CPU};
	char why[256] = "";

	assert_int_equal(sim_options_parse(&options, text, why, sizeof(why)), 0);
	f->vgpu = sim_create(&options, why, sizeof(why));
	sim_options_finish(&options);
	assert_non_null(f->vgpu);
	f->renderer = renderer_create(&renderer, why, sizeof(why));
	assert_non_null(f->renderer);
	assert_int_equal(session_init(&f->session, f->renderer), 0);
	session_attach(&f->session, f->vgpu);
	pixman_region32_init(&f->damage);
	command(f, "pause");
	return f;
}

static void destroy(struct fixture *f)
{
	session_finish(&f->session);
	renderer_destroy(f->renderer);
	vgpu_destroy(f->vgpu);
	pixman_region32_fini(&f->damage);
	free(f);
}

static void assert_shows_guest(struct fixture *f)
{
	const struct snapshot *snapshot = renderer_snapshot(f->renderer);
	size_t size = (size_t)snapshot->width * snapshot->height * 4;
	uint32_t *reference = malloc(size);
	uint32_t width, height;

	assert_int_equal(sim_reference(f->vgpu, reference, size, &width, &height), 0);
	assert_int_equal(width, snapshot->width);
	assert_int_equal(height, snapshot->height);
	assert_memory_equal(reference, snapshot->pixels, size);
	assert_int_equal(f->session.state, SESSION_PICTURE);
	free(reference);
}

static void test_picture_then_quiet(void **state)
{
	struct fixture *f = create("320x200,scene=desktop");

	look(f, 0);
	assert_true(damaged(f));
	assert_shows_guest(f);
	look(f, 16);
	assert_false(damaged(f));
	command(f, "step 5");
	look(f, 32);
	assert_shows_guest(f);
	destroy(f);
}

static void test_no_mode_yet_then_picture(void **state)
{
	struct fixture *f = create("320x200,scene=idle");

	command(f, "blank");
	look(f, 0);
	assert_true(damaged(f));
	assert_string_equal(f->session.text, "the guest has not set a mode yet");
	look(f, 16);
	assert_false(damaged(f));
	assert_int_equal(f->session.counters.cards, 1);
	command(f, "unblank");
	look(f, 32);
	assert_shows_guest(f);
	command(f, "blank");
	look(f, 48);
	assert_string_equal(f->session.text, "the guest has switched its display off");
	assert_int_equal(renderer_snapshot(f->renderer)->width, 320);
	destroy(f);
}

static void test_transient_keeps_the_picture_for_300_ms(void **state)
{
	static const char *const faults[] = {
		"fault enomem 1000", "fault einval 1000", "fault efault 1000"};

	for (size_t i = 0; i < 3; i++) {
		struct fixture *f = create("320x200,scene=idle");

		look(f, 0);
		command(f, faults[i]);
		look(f, 16);
		assert_false(damaged(f));
		look(f, 290);
		assert_false(damaged(f));
		assert_int_equal(f->session.state, SESSION_PICTURE);
		look(f, 310);
		assert_true(damaged(f));
		assert_string_equal(f->session.text, "the guest is changing its display mode");
		assert_int_equal(f->session.counters.held, 2);
		destroy(f);
	}
}

/* A viewer that comes after a rest gets a card, and not what the one before it saw. */
static void test_rest_ends_the_300_ms(void **state)
{
	struct fixture *f = create("320x200,scene=idle");

	look(f, 0);
	session_rest(&f->session);
	command(f, "fault enomem 1000");
	look(f, 16);
	assert_true(damaged(f));
	assert_int_equal(f->session.state, SESSION_NO_PICTURE);
	assert_int_equal(f->session.counters.held, 0);
	destroy(f);
}

static void test_stale_id_is_asked_again(void **state)
{
	struct fixture *f = create("320x200,scene=idle");

	command(f, "fault stale 1");
	look(f, 0);
	assert_shows_guest(f);
	assert_int_equal(f->session.counters.stale_retries, 1);
	assert_int_equal(vgpu_counters(f->vgpu)->stale, 1);
	destroy(f);
}

static void test_c8_is_named(void **state)
{
	struct fixture *f = create("320x200,scene=idle");

	command(f, "mode 320x200 C8");
	look(f, 0);
	assert_non_null(strstr(f->session.text, "C8"));
	assert_int_equal(vgpu_counters(f->vgpu)->refused[PLANE_FORMAT_C8], 1);
	destroy(f);
}

static void test_unknown_format_is_named(void **state)
{
	struct fixture *f = create("320x200,scene=idle");

	command(f, "raw format=0x34325842");
	look(f, 0);
	assert_string_equal(f->session.text, "the pixel format is not known: BX24 (0x34325842)");
	assert_int_equal(f->session.state, SESSION_NO_PICTURE);
	destroy(f);
}

static void test_mode_change_drops_old_buffers(void **state)
{
	struct fixture *f = create("320x200,scene=box,cursor=off");

	for (int i = 0; i < 6; i++) {
		command(f, "step 1");
		look(f, i * 16);
	}
	size_t held = f->session.buffers.count;

	assert_true(held >= 2);
	uint64_t fetches = vgpu_counters(f->vgpu)->fetches;

	assert_int_equal(fetches, held);
	command(f, "mode 640x480");
	look(f, 200);
	assert_shows_guest(f);
	assert_int_equal(f->session.buffers.count, 1);
	destroy(f);
}

static void test_gone_is_final_and_silent(void **state)
{
	struct fixture *f = create("320x200,scene=idle");

	look(f, 0);
	command(f, "die");
	look(f, 16);
	assert_true(damaged(f));
	assert_string_equal(f->session.text, "the device is gone");
	assert_int_equal(f->session.buffers.count, 0);
	session_detach(&f->session, SESSION_GONE, SESSION_GONE_TEXT);
	uint64_t calls = vgpu_counters(f->vgpu)->ioctls;

	look(f, 5000);
	assert_false(damaged(f));
	assert_int_equal(f->session.state, SESSION_GONE);
	assert_int_equal(vgpu_counters(f->vgpu)->ioctls, calls);
	destroy(f);
}

static void test_shrunk_buffer_shows_a_card(void **state)
{
	struct fixture *f = create("320x200,scene=idle,cursor=off");

	look(f, 0);
	command(f, "fault shrink");
	look(f, 16);
	assert_true(damaged(f));
	assert_int_not_equal(f->session.state, SESSION_PICTURE);
	assert_int_equal(f->session.counters.vanished, 1);
	destroy(f);
}

static void test_rest_lets_go(void **state)
{
	struct fixture *f = create("320x200,scene=desktop");

	look(f, 0);
	assert_true(f->session.buffers.count > 0);
	session_rest(&f->session);
	assert_int_equal(f->session.buffers.count, 0);
	look(f, 16);
	assert_false(damaged(f));
	assert_shows_guest(f);
	destroy(f);
}

static void test_cursor(void **state)
{
	struct fixture *f = create("320x200,scene=idle");
	const struct cursor *cursor;

	command(f, "cursor show");
	command(f, "cursor at 100 50");
	command(f, "cursor hot 3 4");
	look(f, 0);
	cursor = session_cursor(&f->session);
	assert_non_null(cursor);
	assert_true(cursor->visible);
	assert_int_equal(cursor->x, 100);
	assert_int_equal(cursor->y, 50);
	assert_int_equal(cursor->hot_x, 3);
	assert_int_equal(cursor->hot_y, 4);
	uint32_t serial = cursor->serial;

	command(f, "cursor at 90 50");
	look(f, 16);
	assert_int_equal(cursor->serial, serial);
	assert_int_equal(cursor->x, 90);
	command(f, "cursor shape checker");
	look(f, 32);
	assert_int_not_equal(cursor->serial, serial);
	command(f, "cursor hot unknown");
	look(f, 48);
	assert_int_equal(cursor->hot_x, 0);
	command(f, "cursor hide");
	look(f, 64);
	assert_false(cursor->visible);
	destroy(f);
}

static void test_no_cursor_plane_no_cursor(void **state)
{
	struct fixture *f = create("320x200,scene=idle,plane=region");

	look(f, 0);
	assert_shows_guest(f);
	assert_null(session_cursor(&f->session));
	destroy(f);
}

static void test_log_does_not_grow_with_the_guest(void **state)
{
	struct fixture *f = create("320x200,scene=idle");

	for (int i = 0; i < 100; i++) {
		command(f, i % 2 ? "unblank" : "blank");
		look(f, i);
	}
	assert_true(f->session.counters.log_suppressed >= 80);
	destroy(f);
}

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(dir)) {
		count++;
	}
	closedir(dir);
	return count;
}

static void test_no_fd_is_left(void **state)
{
	int before = count_fds();
	struct fixture *f = create("320x200,scene=desktop");

	for (int i = 0; i < 20; i++) {
		command(f, i % 3 ? "step 1" : i % 2 ? "mode 640x480" : "mode 320x200");
		look(f, i * 16);
	}
	destroy(f);
	assert_int_equal(count_fds(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* First: cmocka takes SIGBUS for itself at each test, the guard only once. */
		cmocka_unit_test(test_shrunk_buffer_shows_a_card),
		cmocka_unit_test(test_picture_then_quiet),
		cmocka_unit_test(test_no_mode_yet_then_picture),
		cmocka_unit_test(test_transient_keeps_the_picture_for_300_ms),
		cmocka_unit_test(test_rest_ends_the_300_ms),
		cmocka_unit_test(test_stale_id_is_asked_again),
		cmocka_unit_test(test_c8_is_named),
		cmocka_unit_test(test_unknown_format_is_named),
		cmocka_unit_test(test_mode_change_drops_old_buffers),
		cmocka_unit_test(test_gone_is_final_and_silent),
		cmocka_unit_test(test_rest_lets_go),
		cmocka_unit_test(test_cursor),
		cmocka_unit_test(test_no_cursor_plane_no_cursor),
		cmocka_unit_test(test_log_does_not_grow_with_the_guest),
		cmocka_unit_test(test_no_fd_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
