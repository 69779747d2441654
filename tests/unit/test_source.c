/* SPDX-License-Identifier: MIT */
/* Sources that are chosen and left, on a broker that this test plays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bridge/broker.h"
#include "bridge/log.h"
#include "bridge/options.h"
#include "bridge/source.h"
#include "vfio/attach.h"
#include "vfio/device.h"
#include "vfio/sim.h"
#include "vfio/vgpu.h"

/* The broker: what it was asked, and what it answers. */

struct broker {
	int pipe[2]; /* a byte for each answer */
	struct broker_answer answer;
	unsigned looks;
	int busy; /* -errno for the next looks */
};

int broker_fd(const struct broker *broker)
{
	return broker->pipe[0];
}

int broker_look(struct broker *broker)
{
	if (broker->busy) {
		return broker->busy;
	}
	broker->looks++;
	return 0;
}

int broker_receive(struct broker *broker, struct broker_answer *answer)
{
	char byte;

	if (read(broker->pipe[0], &byte, 1) != 1) {
		return -EAGAIN;
	}
	*answer = broker->answer;
	return 0;
}

int broker_wait(struct broker *broker, struct broker_answer *answer)
{
	return -EPIPE;
}

void broker_answer_close(struct broker_answer *answer)
{
	device_found_close(&answer->found);
	if (answer->owner >= 0) {
		close(answer->owner);
	}
	answer->owner = -1;
}

/* The device: any file is one. */

int device_reserve_number(int kept)
{
	return 0;
}

int device_take_number(struct device_found *found)
{
	return 0;
}

void device_found_close(struct device_found *found)
{
	if (found->fds.device >= 0) {
		close(found->fds.device);
	}
	found->fds = DEVICE_NO_FDS;
}

struct vgpu *device_create(struct device_found *found, char *why, size_t why_size)
{
	struct sim_options options;
	struct vgpu *vgpu;

	assert_int_equal(sim_options_parse(&options, "64x64,scene=idle", why, why_size), 0);
	vgpu = sim_create(&options, why, why_size);
	sim_options_finish(&options);
	device_found_close(found);
	return vgpu;
}

int device_find_fd(const char *root, int fd, struct device_found *found, char *why, size_t why_size)
{
	return -EINVAL;
}

int device_ask_fd(const char *root, int fd, struct device_found *found, char *why, size_t why_size)
{
	return -EINVAL;
}

bool device_is_vfio(const char *root, int fd)
{
	return false;
}

int attach_ended(int pidfd)
{
	return 0;
}

int attach_pidfd(pid_t pid)
{
	return -ESRCH;
}

struct fixture {
	struct broker broker;
	struct options options;
	struct source *source;
	struct vgpu *vgpu; /* that arrived */
	unsigned arrived, waited, ended;
	char sentence[600];
};

static void on_arrived(void *data, struct vgpu *vgpu, int owner)
{
	struct fixture *f = data;

	assert_null(f->vgpu);
	f->vgpu = vgpu;
	f->arrived++;
	if (owner >= 0) {
		close(owner);
	}
}

static void let_go(struct fixture *f)
{
	vgpu_destroy(f->vgpu);
	f->vgpu = NULL;
}

static void on_waiting(void *data, const char *sentence)
{
	struct fixture *f = data;

	f->waited++;
	snprintf(f->sentence, sizeof(f->sentence), "%s", sentence);
	let_go(f);
}

static void on_ended(void *data, int status)
{
	struct fixture *f = data;

	f->ended++;
}

static const struct source_events events = {
	.arrived = on_arrived,
	.waiting = on_waiting,
	.ended = on_ended,
};

static void turn(void)
{
	while (g_main_context_iteration(NULL, FALSE)) {
	}
}

static void setup(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	assert_int_equal(pipe2(f->broker.pipe, O_CLOEXEC | O_NONBLOCK), 0);
	f->options = (struct options){.source = SOURCE_VM, .vm = (char *)"one", .fd = -1};
	f->source = source_create_aside(&f->options, &f->broker, &events, f);
}

static void teardown(struct fixture *f)
{
	source_destroy(f->source);
	let_go(f);
	close(f->broker.pipe[0]);
	close(f->broker.pipe[1]);
}

/* The broker answers; with a result of 0 it brings a device, whose number is returned. */
static int answer(struct fixture *f, int result, const char *why)
{
	int fd = result == 0 ? memfd_create("device", MFD_CLOEXEC) : -1;

	f->broker.answer = (struct broker_answer){
		.kind = BROKER_ANSWER, .result = result, .found.fds = DEVICE_NO_FDS, .owner = -1};
	f->broker.answer.found.fds.device = fd;
	snprintf(f->broker.answer.why, sizeof(f->broker.answer.why), "%s", why);
	assert_int_equal(write(f->broker.pipe[1], "a", 1), 1);
	turn();
	return fd;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* Nothing is done before it is chosen, nor once it is left. */
static void test_chosen(void **state)
{
	struct fixture f;

	setup(&f);
	turn();
	source_look(f.source);
	source_check(f.source);
	turn();
	assert_int_equal(f.broker.looks, 0);
	source_choose(f.source);
	assert_int_equal(f.broker.looks, 1);
	answer(&f, 0, "");
	assert_int_equal(f.arrived, 1);
	let_go(&f);
	source_leave(f.source);
	/* What was lost of it just before is of no interest. */
	source_look(f.source);
	turn();
	assert_int_equal(f.broker.looks, 1);
	source_choose(f.source);
	assert_int_equal(f.broker.looks, 2);
	answer(&f, 0, "");
	assert_int_equal(f.arrived, 2);
	teardown(&f);
}

/* A device that comes when it is not wanted any more is closed; one question at a time. */
static void test_late(void **state)
{
	struct fixture f;
	int fd;

	setup(&f);
	source_choose(f.source);
	source_leave(f.source);
	fd = answer(&f, 0, "");
	assert_false(is_open(fd));
	assert_int_equal(f.arrived, 0);
	source_choose(f.source);
	source_leave(f.source);
	source_choose(f.source);
	assert_int_equal(f.broker.looks, 2);
	answer(&f, 0, "");
	assert_int_equal(f.arrived, 1);
	teardown(&f);
}

/* It stays chosen, says so once, and looks again. */
static void test_off(void **state)
{
	struct fixture f;
	gint64 end = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;

	setup(&f);
	source_choose(f.source);
	answer(&f, -ESRCH, "no virtual machine called one is running: start it");
	assert_int_equal(f.waited, 1);
	assert_string_equal(f.sentence, "the virtual machine is off");
	while (f.broker.looks < 2 && g_get_monotonic_time() < end) {
		g_main_context_iteration(NULL, TRUE);
	}
	assert_int_equal(f.broker.looks, 2);
	answer(&f, -ESRCH, "no virtual machine called one is running: start it");
	assert_int_equal(f.waited, 1);
	/* Left and chosen again it is said again. */
	source_leave(f.source);
	source_choose(f.source);
	answer(&f, -ESRCH, "no virtual machine called one is running: start it");
	assert_int_equal(f.waited, 2);
	teardown(&f);
}

/* A broker that takes no question is asked later. */
static void test_busy(void **state)
{
	struct fixture f;
	gint64 end = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;

	setup(&f);
	f.broker.busy = -EAGAIN;
	source_choose(f.source);
	assert_int_equal(f.broker.looks, 0);
	f.broker.busy = 0;
	while (f.broker.looks < 1 && g_get_monotonic_time() < end) {
		g_main_context_iteration(NULL, TRUE);
	}
	assert_int_equal(f.broker.looks, 1);
	teardown(&f);
}

/* Unplugged from a QEMU that runs on, or not. */
static void test_check(void **state)
{
	static const int gone[] = {-EAGAIN, -ENODEV, -ENOTSUP}, stays[] = {0, -EACCES, -EIO};
	struct fixture f;
	int fd;

	setup(&f);
	source_choose(f.source);
	answer(&f, 0, "");
	for (size_t i = 0; i < G_N_ELEMENTS(stays); i++) {
		source_check(f.source);
		fd = answer(&f, stays[i], "some reason");
		assert_false(fd >= 0 && is_open(fd));
		assert_non_null(f.vgpu);
		assert_int_equal(f.waited, 0);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(gone); i++) {
		source_check(f.source);
		answer(&f, gone[i], "QEMU has no vGPU: plug one");
		assert_null(f.vgpu);
		assert_int_equal(f.waited, i + 1);
		source_leave(f.source);
		source_choose(f.source);
		answer(&f, 0, "");
		assert_non_null(f.vgpu);
	}
	/* Chosen anew, the question of before is of no interest. */
	source_check(f.source);
	source_leave(f.source);
	let_go(&f);
	answer(&f, -ENODEV, "QEMU has no vGPU: plug one");
	assert_int_equal(f.waited, G_N_ELEMENTS(gone));
	teardown(&f);
}

/* A simulated one is made each time. */
static void test_simulated(void **state)
{
	struct fixture f;

	setup(&f);
	source_destroy(f.source);
	f.options = (struct options){
		.source = SOURCE_SIMULATE, .simulate = (char *)"64x64,scene=idle", .fd = -1};
	f.source = source_create_aside(&f.options, NULL, &events, &f);
	for (unsigned i = 1; i < 4; i++) {
		source_choose(f.source);
		assert_int_equal(f.arrived, i);
		let_go(&f);
		source_leave(f.source);
	}
	assert_int_equal(f.ended, 0);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chosen),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_busy),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_simulated),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
