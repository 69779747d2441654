/* SPDX-License-Identifier: MIT */
/* The session's device comes and goes, and the machine is stopped: each state and each edge. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/card.h"
#include "bridge/session.h"
#include "render/renderer.h"
#include "vfio/sim.h"
#include "vfio/vgpu.h"

#define MS INT64_C(1000000)
#define START (INT64_C(1000) * 1000 * MS)

struct fixture {
	struct vgpu *vgpu; /* the session's, until take_away() */
	struct renderer *renderer;
	struct session session;
	pixman_region32_t damage;
	int64_t ms;
};

static void command(struct fixture *f, const char *text)
{
	char why[256] = "";

	if (sim_command(f->vgpu, text, why, sizeof(why)) != 0) {
		fail_msg("%s: %s", text, why);
	}
}

/* One look later; true: something has changed. */
static bool look(struct fixture *f)
{
	pixman_region32_clear(&f->damage);
	f->ms += 16;
	session_look(&f->session, START + f->ms * MS, &f->damage);
	return pixman_region32_not_empty(&f->damage);
}

static void begin(struct fixture *f)
{
	struct renderer_options options = {.kind = RENDERER_CPU};
	char why[256] = "";

	memset(f, 0, sizeof(*f));
	f->renderer = renderer_create(&options, why, sizeof(why));
	assert_non_null(f->renderer);
	assert_int_equal(session_init(&f->session, f->renderer), 0);
	pixman_region32_init(&f->damage);
}

static void bring(struct fixture *f, const char *text)
{
	struct sim_options options;
	char why[256] = "";

	assert_int_equal(sim_options_parse(&options, text, why, sizeof(why)), 0);
	f->vgpu = sim_create(&options, why, sizeof(why));
	sim_options_finish(&options);
	assert_non_null(f->vgpu);
	command(f, "pause");
	session_attach(&f->session, f->vgpu);
}

static void take_away(struct fixture *f, enum session_state state, const char *sentence)
{
	session_detach(&f->session, state, sentence);
	assert_int_equal(f->session.buffers.count, 0);
	vgpu_destroy(f->vgpu);
	f->vgpu = NULL;
}

static void end(struct fixture *f)
{
	session_finish(&f->session);
	renderer_destroy(f->renderer);
	vgpu_destroy(f->vgpu);
	pixman_region32_fini(&f->damage);
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

static void assert_shows_card(struct fixture *f, const char *sentence)
{
	const struct snapshot *snapshot = renderer_snapshot(f->renderer);
	uint32_t *card = card_draw(snapshot->width, snapshot->height, sentence);

	assert_memory_equal(card, snapshot->pixels, (size_t)snapshot->width * snapshot->height * 4);
	assert_string_equal(f->session.text, sentence);
	free(card);
}

/* The guest's picture with the mark over it. */
static void assert_shows_marked(struct fixture *f)
{
	const struct snapshot *snapshot = renderer_snapshot(f->renderer);
	size_t size = (size_t)snapshot->width * snapshot->height * 4;
	uint32_t *reference = malloc(size);
	uint32_t width, height;

	assert_int_equal(sim_reference(f->vgpu, reference, size, &width, &height), 0);
	card_mark(reference, width, height, SESSION_PAUSED_TEXT);
	assert_memory_equal(reference, snapshot->pixels, size);
	assert_int_equal(f->session.state, SESSION_PAUSED);
	free(reference);
}

static void test_off_on_off_on(void **state)
{
	struct fixture f;

	begin(&f);
	assert_true(look(&f));
	assert_int_equal(f.session.state, SESSION_NO_DEVICE);
	assert_shows_card(&f, SESSION_OFF_TEXT);
	assert_int_equal(renderer_snapshot(f.renderer)->width, CARD_DEFAULT_WIDTH);
	assert_false(look(&f));
	bring(&f, "320x200,scene=desktop");
	assert_true(look(&f));
	assert_shows_guest(&f);
	take_away(&f, SESSION_NO_DEVICE, SESSION_OFF_TEXT);
	assert_true(look(&f));
	assert_shows_card(&f, SESSION_OFF_TEXT);
	assert_false(session_cursor(&f.session)->visible);
	bring(&f, "640x400,scene=desktop");
	assert_true(look(&f));
	assert_shows_guest(&f);
	end(&f);
}

static void test_sentence_changes(void **state)
{
	struct fixture f;

	begin(&f);
	session_detach(&f.session, SESSION_NO_DEVICE, "no virtual machine called one");
	assert_true(look(&f));
	assert_shows_card(&f, "no virtual machine called one");
	session_detach(&f.session, SESSION_NO_DEVICE, "the virtual machine one starts");
	assert_true(look(&f));
	assert_shows_card(&f, "the virtual machine one starts");
	assert_false(look(&f));
	end(&f);
}

static void test_new_device_is_a_new_guest(void **state)
{
	struct fixture f;

	begin(&f);
	bring(&f, "320x200,scene=idle");
	look(&f);
	assert_shows_guest(&f);
	take_away(&f, SESSION_NO_DEVICE, SESSION_OFF_TEXT);
	/* Nothing of the last one is held up through trouble of the next. */
	bring(&f, "320x200,scene=idle");
	command(&f, "fault enomem 1000");
	assert_true(look(&f));
	assert_int_equal(f.session.state, SESSION_NO_PICTURE);
	assert_int_equal(f.session.counters.held, 0);
	command(&f, "fault clear");
	command(&f, "blank");
	assert_true(look(&f));
	assert_shows_card(&f, "the guest has not set a mode yet");
	end(&f);
}

static void test_gone_then_another(void **state)
{
	struct fixture f;

	begin(&f);
	bring(&f, "320x200,scene=idle");
	look(&f);
	command(&f, "die");
	assert_true(look(&f));
	assert_int_equal(f.session.state, SESSION_GONE);
	take_away(&f, SESSION_GONE, SESSION_GONE_TEXT);
	assert_false(look(&f));
	assert_shows_card(&f, SESSION_GONE_TEXT);
	/* The source says what it waits for. */
	session_detach(&f.session, SESSION_NO_DEVICE, SESSION_OFF_TEXT);
	assert_true(look(&f));
	assert_int_equal(f.session.state, SESSION_NO_DEVICE);
	bring(&f, "320x200,scene=idle");
	assert_true(look(&f));
	assert_shows_guest(&f);
	end(&f);
}

static void test_pause_marks_and_resume_makes_whole(void **state)
{
	struct fixture f;
	uint64_t calls;

	begin(&f);
	bring(&f, "320x200,scene=desktop");
	look(&f);
	session_set_paused(&f.session, true);
	assert_true(look(&f));
	assert_shows_marked(&f);
	/* It draws nothing, so it is not asked. */
	calls = vgpu_counters(f.vgpu)->ioctls;
	assert_false(look(&f));
	assert_int_equal(vgpu_counters(f.vgpu)->ioctls, calls);
	session_set_paused(&f.session, false);
	assert_true(look(&f));
	assert_shows_guest(&f);
	assert_false(look(&f));
	end(&f);
}

static void test_viewer_comes_while_paused(void **state)
{
	struct fixture f;

	begin(&f);
	bring(&f, "320x200,scene=desktop");
	session_set_paused(&f.session, true);
	assert_true(look(&f));
	assert_shows_marked(&f);
	/* Nobody looks; it runs, and is stopped again: that is another picture. */
	session_rest(&f.session);
	command(&f, "step 40");
	assert_true(look(&f));
	assert_shows_marked(&f);
	assert_false(look(&f));
	end(&f);
}

static void test_paused_without_a_picture(void **state)
{
	struct fixture f;

	begin(&f);
	/* Without a device it is off, and not paused. */
	session_set_paused(&f.session, true);
	look(&f);
	assert_shows_card(&f, SESSION_OFF_TEXT);
	bring(&f, "320x200,scene=idle");
	command(&f, "blank");
	assert_true(look(&f));
	assert_int_equal(f.session.state, SESSION_PAUSED);
	assert_shows_card(&f, SESSION_PAUSED_TEXT);
	assert_false(look(&f));
	session_set_paused(&f.session, false);
	assert_true(look(&f));
	assert_int_equal(f.session.state, SESSION_NO_PICTURE);
	end(&f);
}

static void test_paused_then_off(void **state)
{
	struct fixture f;

	begin(&f);
	bring(&f, "320x200,scene=idle");
	look(&f);
	session_set_paused(&f.session, true);
	look(&f);
	take_away(&f, SESSION_NO_DEVICE, SESSION_OFF_TEXT);
	assert_true(look(&f));
	assert_shows_card(&f, SESSION_OFF_TEXT);
	end(&f);
}

static void test_paused_then_gone(void **state)
{
	struct fixture f;

	begin(&f);
	bring(&f, "320x200,scene=idle");
	look(&f);
	command(&f, "die");
	session_set_paused(&f.session, true);
	assert_true(look(&f));
	assert_int_equal(f.session.state, SESSION_GONE);
	end(&f);
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

static void test_nothing_pins_a_device_that_left(void **state)
{
	struct fixture f;
	int before;

	begin(&f);
	before = count_fds();
	for (int i = 0; i < 5; i++) {
		bring(&f, i % 2 ? "320x200,scene=desktop" : "640x400,scene=box,plane=region");
		look(&f);
		command(&f, "step 1");
		look(&f);
		take_away(&f, SESSION_NO_DEVICE, SESSION_OFF_TEXT);
		assert_int_equal(count_fds(), before);
	}
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_off_on_off_on),
		cmocka_unit_test(test_sentence_changes),
		cmocka_unit_test(test_new_device_is_a_new_guest),
		cmocka_unit_test(test_gone_then_another),
		cmocka_unit_test(test_pause_marks_and_resume_makes_whole),
		cmocka_unit_test(test_viewer_comes_while_paused),
		cmocka_unit_test(test_paused_without_a_picture),
		cmocka_unit_test(test_paused_then_off),
		cmocka_unit_test(test_paused_then_gone),
		cmocka_unit_test(test_nothing_pins_a_device_that_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
