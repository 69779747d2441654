/* SPDX-License-Identifier: MIT */
/* The capture thread and its device: it comes, belongs to a process that ends, gets EDIDs, goes. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "bridge/capture.h"
#include "bridge/session.h"
#include "render/frame.h"
#include "tests/unit/fake_vgpu.h"
#include "vfio/sim.h"
#include "vfio/vgpu.h"

#define BLOB_AT 64

/* A viewer that counts, or stands still. */
struct viewer {
	atomic_bool wants, full;
	atomic_uint frames, width;
};

struct fixture {
	struct capture *capture;
	struct viewer viewer;
	atomic_uint lost;
};

static bool viewer_wants(void *self)
{
	return ((struct viewer *)self)->wants;
}

static unsigned viewer_generation(void *self)
{
	return 1;
}

static bool viewer_can_take(void *self, uint32_t width, uint32_t height)
{
	return !((struct viewer *)self)->full;
}

static void viewer_give(void *self, struct frame *frame)
{
	struct viewer *viewer = self;

	viewer->width = frame->width;
	viewer->frames++;
}

static void viewer_set_cursor(void *self, const struct cursor *cursor)
{
}

static const struct sink_ops viewer_ops = {
	.wants = viewer_wants,
	.generation = viewer_generation,
	.can_take = viewer_can_take,
	.give = viewer_give,
	.set_cursor = viewer_set_cursor,
};

static void on_lost(void *data)
{
	((struct fixture *)data)->lost++;
}

static const struct capture_events events = {.lost = on_lost};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

#define WAIT_FOR(condition)                                                     \
	do {                                                                    \
		int64_t end = now_ms() + 5000;                                  \
		while (!(condition)) {                                          \
			assert_true(now_ms() < end);                            \
			nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL); \
		}                                                               \
	} while (0)

static void begin(struct fixture *f, enum renderer_kind kind)
{
	struct capture_options options = {
		.renderer = {.kind = kind},
		.max_fps = 60,
		.events = &events,
		.events_data = f,
	};
	char why[256] = "";

	memset(f, 0, sizeof(*f));
	f->capture = capture_create(&options, why, sizeof(why));
	assert_non_null(f->capture);
	capture_add_sink(f->capture, &(struct sink){&viewer_ops, &f->viewer});
}

static void start(struct fixture *f)
{
	char why[256] = "";

	assert_int_equal(capture_start(f->capture, why, sizeof(why)), 0);
}

static void watch(struct fixture *f, bool wants)
{
	f->viewer.wants = wants;
	capture_wake(f->capture);
}

static unsigned session_state(struct fixture *f)
{
	return capture_session_counters(f->capture)->state;
}

static struct vgpu *simulated(const char *text)
{
	struct sim_options options;
	struct vgpu *vgpu;
	char why[256] = "";

	assert_int_equal(sim_options_parse(&options, text, why, sizeof(why)), 0);
	vgpu = sim_create(&options, why, sizeof(why));
	sim_options_finish(&options);
	assert_non_null(vgpu);
	return vgpu;
}

/* A process that owns the device, as far as the capture knows. */
static pid_t make_owner(int *pidfd)
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		pause();
		_exit(0);
	}
	*pidfd = (int)syscall(SYS_pidfd_open, child, 0);
	assert_true(*pidfd >= 0);
	return child;
}

/* Dead, but not waited for: its pidfd is readable from here on. */
static void end_owner(pid_t owner)
{
	siginfo_t info;

	kill(owner, SIGKILL);
	assert_int_equal(waitid(P_PID, owner, &info, WEXITED | WNOWAIT), 0);
}

static void test_starts_without_a_device(void **state)
{
	struct vgpu_edid edid;
	struct fixture f;

	begin(&f, RENDERER_CPU);
	start(&f);
	assert_false(capture_attached(f.capture));
	assert_false(capture_edid_limits(f.capture, &edid));
	watch(&f, true);
	WAIT_FOR(session_state(&f) == SESSION_NO_DEVICE && f.viewer.frames > 0);
	capture_attach(f.capture, simulated("320x200,scene=idle"), -1);
	assert_true(capture_attached(f.capture));
	assert_true(capture_edid_limits(f.capture, &edid));
	assert_true(edid.max_size >= 128);
	WAIT_FOR(session_state(&f) == SESSION_PICTURE && f.viewer.width == 320);
	capture_destroy(f.capture);
	assert_int_equal(f.lost, 0);
}

/* Nothing of the device is there any more when capture_detach() returns. */
static void test_detach_destroys(void **state)
{
	struct fixture f;
	struct vgpu_counters sum, later;

	begin(&f, RENDERER_CPU);
	start(&f);
	watch(&f, true);
	for (int i = 0; i < 3; i++) {
		struct fake_vgpu fake = {.dmabuf = true};

		fake.fd_length = 320 * 200 * 4;
		fake.answer[PLANE_PRIMARY] = fake_primary(320, 200);
		assert_int_equal(fake_init(&fake), 0);
		capture_attach(f.capture, &fake.vgpu, -1);
		WAIT_FOR(session_state(&f) == SESSION_PICTURE);
		capture_vgpu_counters(f.capture, &sum);
		capture_detach(f.capture, "gone for a while");
		assert_int_equal(fake.destroyed, 1);
		assert_null(fake.vgpu.held);
		assert_int_equal(fcntl(fake.fetched_fd, F_GETFD), -1);
		assert_false(capture_attached(f.capture));
		WAIT_FOR(session_state(&f) == SESSION_NO_DEVICE);
		/* What was counted stays so. */
		capture_vgpu_counters(f.capture, &later);
		assert_true(sum.queries > 0 && later.queries >= sum.queries);
	}
	assert_int_equal(later.fetches, 3);
	capture_destroy(f.capture);
	assert_int_equal(f.lost, 0);
}

/* Whoever looks, whoever stands still, whoever isn't there: 100 ms after the owner all is closed. */
static void test_owner_ends(void **state)
{
	static const struct {
		bool watched, full;
	} cases[] = {{false, false}, {true, false}, {true, true}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;
		int pidfd;
		pid_t owner = make_owner(&pidfd);
		int64_t begun;

		begin(&f, RENDERER_CPU);
		start(&f);
		f.viewer.full = cases[i].full;
		watch(&f, cases[i].watched);
		capture_attach(f.capture, simulated("640x400,scene=video"), pidfd);
		if (cases[i].watched) {
			WAIT_FOR(session_state(&f) == SESSION_PICTURE);
		}
		end_owner(owner);
		begun = now_ms();
		WAIT_FOR(f.lost == 1);
		assert_in_range(now_ms() - begun, 0, 100);
		/* By its number alone: the pidfd was the capture's, and is closed. */
		assert_int_equal(fcntl(pidfd, F_GETFD), -1);
		assert_false(capture_attached(f.capture));
		waitpid(owner, NULL, 0);
		/* The next one comes without anybody connecting again. */
		f.viewer.full = false;
		watch(&f, true);
		WAIT_FOR(session_state(&f) == SESSION_NO_DEVICE);
		capture_attach(f.capture, simulated("320x200,scene=idle"), -1);
		WAIT_FOR(session_state(&f) == SESSION_PICTURE && f.viewer.width == 320);
		capture_destroy(f.capture);
		assert_int_equal(f.lost, 1);
	}
}

static void test_device_that_dies_is_lost(void **state)
{
	struct vgpu *vgpu = simulated("320x200,scene=idle");
	struct fixture f;
	char why[256];

	begin(&f, RENDERER_CPU);
	capture_attach(f.capture, vgpu, -1);
	start(&f);
	watch(&f, true);
	WAIT_FOR(session_state(&f) == SESSION_PICTURE);
	assert_int_equal(sim_command(vgpu, "die", why, sizeof(why)), 0);
	WAIT_FOR(f.lost == 1);
	assert_int_equal(session_state(&f), SESSION_GONE);
	assert_false(capture_attached(f.capture));
	assert_int_equal(capture_counters(f.capture)->lost, 1);
	capture_destroy(f.capture);
}

static void test_ends_with_what_is_not_taken(void **state)
{
	struct fake_vgpu fake = {.dmabuf = true}, other = {.dmabuf = true};
	struct fixture f;

	/* Attached, and never started. */
	begin(&f, RENDERER_CPU);
	assert_int_equal(fake_init(&fake), 0);
	capture_attach(f.capture, &fake.vgpu, -1);
	capture_destroy(f.capture);
	assert_int_equal(fake.destroyed, 1);
	/* Attached and taken away again before the start. */
	begin(&f, RENDERER_CPU);
	assert_int_equal(fake_init(&other), 0);
	capture_attach(f.capture, &other.vgpu, -1);
	capture_detach(f.capture, "not now");
	assert_int_equal(other.destroyed, 1);
	start(&f);
	watch(&f, true);
	WAIT_FOR(session_state(&f) == SESSION_NO_DEVICE);
	capture_destroy(f.capture);
}

static void test_edid_while_nobody_looks(void **state)
{
	struct fake_vgpu fake = {.dmabuf = true, .edid = FAKE_EDID_STRICT};
	struct fake_vgpu next = {.dmabuf = true, .edid = FAKE_EDID_STRICT};
	struct fixture f;
	uint8_t blob[256]; /* an EDID has half of it */
	uint64_t queries;

	memset(blob, 0x5a, sizeof(blob));
	fake_edid_registers(&fake, BLOB_AT, 128, 800, 600);
	fake_edid_registers(&next, BLOB_AT, 128, 800, 600);
	assert_int_equal(fake_init(&fake), 0);
	assert_int_equal(fake_init(&next), 0);
	begin(&f, RENDERER_CPU);
	start(&f);
	/* Without a device it is remembered. */
	assert_int_equal(capture_set_edid(f.capture, blob, 128), 0);
	queries = fake.queries;
	capture_attach(f.capture, &fake.vgpu, -1);
	WAIT_FOR(capture_counters(f.capture)->edids == 1);
	assert_int_equal(capture_set_edid(f.capture, blob, 256), -E2BIG);
	capture_detach(f.capture, "off");
	assert_int_equal(fake.edid_bytes[BLOB_AT], 0x5a);
	assert_int_equal(fake_edid_word(&fake, 20), 1);
	/* Nobody looked, so no picture was asked for. */
	assert_int_equal(fake.queries, queries);
	memset(blob, 0x77, sizeof(blob));
	assert_int_equal(capture_set_edid(f.capture, blob, 128), 0);
	capture_attach(f.capture, &next.vgpu, -1);
	WAIT_FOR(capture_counters(f.capture)->edids == 2);
	/* What has become of it is for whoever gave it. */
	WAIT_FOR(capture_edid_outcome(f.capture) == 0);
	assert_int_equal(capture_set_edid(f.capture, NULL, 0), 0);
	WAIT_FOR(capture_edid_outcome(f.capture) == 0);
	assert_int_equal(fake_edid_word(&next, 20), 2);
	next.edid_error = -EIO;
	assert_int_equal(capture_set_edid(f.capture, blob, 128), 0);
	WAIT_FOR(capture_edid_outcome(f.capture) != -EINPROGRESS);
	assert_int_equal(capture_edid_outcome(f.capture), -EIO);
	capture_destroy(f.capture);
	assert_int_equal(next.edid_bytes[BLOB_AT], 0x77);
	assert_int_equal(next.destroyed, 1);
}

static void test_device_that_takes_no_edid(void **state)
{
	struct fake_vgpu fake = {.dmabuf = true};
	struct vgpu_edid edid;
	struct fixture f;
	static uint8_t blob[1 << 20];

	assert_int_equal(fake_init(&fake), 0);
	begin(&f, RENDERER_CPU);
	capture_attach(f.capture, &fake.vgpu, -1);
	start(&f);
	assert_false(capture_edid_limits(f.capture, &edid));
	assert_int_equal(capture_set_edid(f.capture, blob, 128), -ENOTSUP);
	assert_int_equal(capture_set_edid(f.capture, blob, sizeof(blob)), -E2BIG);
	capture_destroy(f.capture);
}

static void test_paused_and_resumed(void **state)
{
	struct fixture f;
	unsigned frames;

	begin(&f, RENDERER_CPU);
	capture_attach(f.capture, simulated("320x200,scene=idle"), -1);
	start(&f);
	watch(&f, true);
	WAIT_FOR(session_state(&f) == SESSION_PICTURE && f.viewer.frames > 0);
	frames = f.viewer.frames;
	capture_set_paused(f.capture, true);
	WAIT_FOR(session_state(&f) == SESSION_PAUSED && f.viewer.frames > frames);
	frames = f.viewer.frames;
	capture_set_paused(f.capture, false);
	WAIT_FOR(session_state(&f) == SESSION_PICTURE && f.viewer.frames > frames);
	capture_destroy(f.capture);
}

/* Input makes looks come at the full rate for a while, and no faster however much there is. */
static void test_hurry(void **state)
{
	struct fixture f;
	uint64_t ticks, slow;

	begin(&f, RENDERER_CPU);
	capture_attach(f.capture, simulated("320x200,scene=idle"), -1);
	start(&f);
	watch(&f, true);
	WAIT_FOR(f.viewer.frames > 0);
	/* Till it is quiet. */
	nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
	ticks = capture_counters(f.capture)->ticks;
	nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
	slow = capture_counters(f.capture)->ticks - ticks;
	ticks = capture_counters(f.capture)->ticks;
	for (int i = 0; i < 300; i++) {
		capture_hurry(f.capture);
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	ticks = capture_counters(f.capture)->ticks - ticks;
	assert_true(ticks > slow * 3 / 2);
	/* 60 fps are 120 cheap looks a second at most; 300 naps may take much longer than 300 ms. */
	assert_true(ticks < 300);
	assert_true(capture_counters(f.capture)->hurries > 0);
	capture_destroy(f.capture);
}

/* Kind GL is told at once where the device is known, and later where it is not. */
static void test_gl_is_tested_with_the_first_device(void **state)
{
	struct fixture f;
	struct capture_options options = {
		.renderer = {.kind = RENDERER_GL, .render_node = "/dev/null"},
		.max_fps = 60,
	};
	char why[256] = "";

	f.capture = capture_create(&options, why, sizeof(why));
	assert_true(capture_start(f.capture, why, sizeof(why)) < 0);
	assert_non_null(strstr(why, "/dev/null"));
	capture_destroy(f.capture);

	begin(&f, RENDERER_GL);
	start(&f);
	assert_string_equal(capture_renderer_text(f.capture), "gl, once there is a device");
	capture_destroy(f.capture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_starts_without_a_device),
		cmocka_unit_test(test_detach_destroys),
		cmocka_unit_test(test_owner_ends),
		cmocka_unit_test(test_device_that_dies_is_lost),
		cmocka_unit_test(test_ends_with_what_is_not_taken),
		cmocka_unit_test(test_edid_while_nobody_looks),
		cmocka_unit_test(test_device_that_takes_no_edid),
		cmocka_unit_test(test_paused_and_resumed),
		cmocka_unit_test(test_hurry),
		cmocka_unit_test(test_gl_is_tested_with_the_first_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
