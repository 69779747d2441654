/* SPDX-License-Identifier: MIT */
/* Files that shrink under their mapping: an error, not a crash; and only where it is ours. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>

#include "buffers.h"
#include "render/guard.h"

#define WIDTH 256
#define HEIGHT 128
#define SIZE (WIDTH * HEIGHT * 4)

static struct buffer open_filled(uint32_t value)
{
	struct buffer buffer = buffer_open(SIZE);

	for (size_t i = 0; i < SIZE / 4; i++) {
		((uint32_t *)buffer.bytes)[i] = value;
	}
	return buffer;
}

/* Runs body in a child and returns how it ended. */
static int in_child(void (*body)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		close(STDERR_FILENO);
		body();
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static volatile uint8_t *map_of_nothing(void)
{
	int fd = memfd_create("empty", MFD_CLOEXEC);
	void *map = mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED) {
		_exit(90);
	}
	return map;
}

static void on_previous(int number, siginfo_t *info, void *context)
{
	_exit(42);
}

static void previous_is_called(void)
{
	struct sigaction action = {.sa_sigaction = on_previous, .sa_flags = SA_SIGINFO};

	sigaction(SIGBUS, &action, NULL);
	if (guard_install() != 0) {
		_exit(91);
	}
	(void)map_of_nothing()[0];
}

static void test_passes_on(void **state)
{
	int status = in_child(previous_is_called);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 42);
}

static void foreign_fault(void)
{
	signal(SIGBUS, SIG_DFL);
	if (guard_install() != 0) {
		_exit(91);
	}
	(void)map_of_nothing()[0];
}

static void sent_signal(void)
{
	signal(SIGBUS, SIG_DFL);
	if (guard_install() != 0) {
		_exit(91);
	}
	guard_any(1);
	kill(getpid(), SIGBUS);
}

static void test_default_kills(void **state)
{
	int status = in_child(foreign_fault);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGBUS);
	status = in_child(sent_signal);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGBUS);
}

static void test_any(void **state)
{
	volatile uint8_t *map = map_of_nothing();
	uint64_t before;

	assert_int_equal(guard_install(), 0);
	before = guard_faults();
	guard_any(1);
	assert_int_equal(map[1], 0);
	assert_int_equal(map[2], 0);
	assert_int_equal(map[4096], 0);
	guard_any(-1);
	assert_int_equal(guard_faults() - before, 2);
	munmap((void *)map, 8192);
}

static void test_slots(void **state)
{
	static uint8_t memory[64];
	int slots[100], n = 0;

	while (n < 100 && (slots[n] = guard_add(memory, sizeof(memory))) >= 0) {
		n++;
	}
	assert_int_equal(n, 64);
	assert_int_equal(slots[n], -ENOSPC);
	while (n-- > 0) {
		guard_remove(slots[n]);
	}
	guard_remove(-1);
	slots[0] = guard_add(memory, sizeof(memory));
	assert_true(slots[0] >= 0);
	guard_remove(slots[0]);
}

static void test_shrunk_file(void **state)
{
	struct renderer *renderer = cpu_renderer();
	struct buffer buffer = open_filled(0x00abcdef);
	struct buffer_attributes attributes =
		buffer_attributes(&buffer, DRM_FORMAT_XRGB8888, WIDTH, HEIGHT, WIDTH * 4);
	struct image *image = import(renderer, &attributes);
	pixman_region32_t damage, whole;

	pixman_region32_init(&damage);
	pixman_region32_init_rect(&whole, 0, 0, WIDTH, HEIGHT);
	assert_int_equal(renderer_update(renderer, image, &damage), 0);

	assert_int_equal(ftruncate(buffer.fd, 4096 * 3), 0);
	pixman_region32_clear(&damage);
	assert_int_equal(renderer_update(renderer, image, &damage), -EFAULT);
	assert_int_equal(renderer_counters(renderer)->faults, SIZE / 4096 - 3);
	/* What was read until then is said to be damage: the snapshot has it. */
	assert_true(pixman_region32_not_empty(&damage));
	assert_int_equal(renderer_snapshot(renderer)->pixels[0], 0xabcdef);
	assert_int_equal(renderer_update(renderer, image, &damage), -EFAULT);

	/* Grown again, the image is good again, and right. */
	assert_int_equal(ftruncate(buffer.fd, SIZE), 0);
	memset(buffer.bytes, 0x11, SIZE);
	pixman_region32_clear(&damage);
	assert_int_equal(renderer_update(renderer, image, &damage), 0);
	assert_true(pixman_region32_equal(&damage, &whole));
	for (size_t i = 0; i < SIZE / 4; i++) {
		assert_int_equal(renderer_snapshot(renderer)->pixels[i], 0x111111);
	}

	pixman_region32_fini(&whole);
	pixman_region32_fini(&damage);
	image_destroy(image);
	buffer_close(&buffer);
	renderer_destroy(renderer);
}

static void test_shrunk_memory(void **state)
{
	struct renderer *renderer = cpu_renderer();
	struct buffer buffer = open_filled(0x00abcdef);
	struct buffer_attributes attributes =
		buffer_attributes(&buffer, DRM_FORMAT_XRGB8888, WIDTH, HEIGHT, WIDTH * 4);
	struct image *image;
	pixman_region32_t damage;

	attributes.kind = BUFFER_MEMORY;
	attributes.fd = -1;
	attributes.address = buffer.bytes;
	image = import(renderer, &attributes);
	pixman_region32_init(&damage);
	assert_int_equal(renderer_update(renderer, image, &damage), 0);
	assert_int_equal(ftruncate(buffer.fd, 4096), 0);
	assert_int_equal(renderer_update(renderer, image, &damage), -EFAULT);
	/* The mapping is not ours to repair: the image stays bad, also when the file is whole. */
	assert_int_equal(ftruncate(buffer.fd, SIZE), 0);
	assert_int_equal(renderer_update(renderer, image, &damage), -EFAULT);

	pixman_region32_fini(&damage);
	image_destroy(image);
	buffer_close(&buffer);
	renderer_destroy(renderer);
}

static void test_shrunk_cursor(void **state)
{
	struct renderer *renderer = cpu_renderer();
	struct buffer buffer = buffer_open(64 * 64 * 4);
	struct buffer_attributes attributes =
		buffer_attributes(&buffer, DRM_FORMAT_ARGB8888, 64, 64, 64 * 4);
	struct image *image = import(renderer, &attributes);
	uint32_t pixels[64 * 64];

	assert_int_equal(renderer_read(renderer, image, pixels), 0);
	assert_int_equal(ftruncate(buffer.fd, 0), 0);
	assert_int_equal(renderer_read(renderer, image, pixels), -EFAULT);
	assert_int_equal(renderer_counters(renderer)->faults, 4);
	image_destroy(image);
	buffer_close(&buffer);
	renderer_destroy(renderer);
}

/* A file that goes and comes while it is read, from two threads at once. */
struct shaker {
	int fd;
	atomic_bool stop;
};

static void *shake(void *data)
{
	struct shaker *shaker = data;

	while (!atomic_load(&shaker->stop)) {
		if (ftruncate(shaker->fd, 4096) < 0 || ftruncate(shaker->fd, SIZE) < 0) {
			break;
		}
	}
	return NULL;
}

static void *read_alone(void *data)
{
	const struct buffer_attributes *attributes = data;
	struct renderer_options options = {.kind = RENDERER_CPU};
	struct renderer *renderer = renderer_create(&options, (char[64]){0}, 64);
	struct image *image;
	pixman_region32_t damage;
	char why[256];

	if (!renderer) {
		return (char *)"no renderer";
	}
	pixman_region32_init(&damage);
	for (int i = 0; i < 300; i++) {
		/* The length may be the short one just now. */
		if (renderer_import(renderer, attributes, &image, why, sizeof(why)) < 0) {
			continue;
		}
		for (int k = 0; k < 3; k++) {
			int ret = renderer_update(renderer, image, &damage);

			if (ret != 0 && ret != -EFAULT) {
				return (char *)"neither 0 nor -EFAULT";
			}
		}
		image_destroy(image);
	}
	pixman_region32_fini(&damage);
	renderer_destroy(renderer);
	return NULL;
}

static void test_shaken(void **state)
{
	struct buffer buffer = open_filled(1);
	struct buffer_attributes attributes =
		buffer_attributes(&buffer, DRM_FORMAT_XRGB8888, WIDTH, HEIGHT, WIDTH * 4);
	struct shaker shaker = {.fd = buffer.fd};
	pthread_t shaking, readers[2];
	void *said;

	assert_int_equal(pthread_create(&shaking, NULL, shake, &shaker), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pthread_create(&readers[i], NULL, read_alone, &attributes), 0);
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(readers[i], &said);
		if (said) {
			fail_msg("%s", (const char *)said);
		}
	}
	atomic_store(&shaker.stop, true);
	pthread_join(shaking, NULL);
	buffer_close(&buffer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_passes_on),
		cmocka_unit_test(test_default_kills),
		cmocka_unit_test(test_any),
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_shrunk_file),
		cmocka_unit_test(test_shrunk_memory),
		cmocka_unit_test(test_shrunk_cursor),
		cmocka_unit_test(test_shaken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
