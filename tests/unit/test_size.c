/* SPDX-License-Identifier: MIT */
/* What viewers ask for, and the EDIDs that come of it. */
#include <errno.h>
#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/edid.h"
#include "bridge/log.h"
#include "bridge/size.h"
#include "vfio/vgpu.h"

#define SETTLE_MS 150

struct guest {
	struct size *size;
	uint32_t width, height; /* of the picture, 0: none */
	uint8_t blob[EDID_SIZE]; /* the last one given */
	unsigned given;
	int error;
};

static const struct vgpu_edid hd = {
	.present = true, .max_size = 128, .max_xres = 1920, .max_yres = 1200};

static int set_edid(void *data, const void *blob, size_t size)
{
	struct guest *guest = data;

	assert_int_equal(size, EDID_SIZE);
	if (guest->error) {
		return guest->error;
	}
	memcpy(guest->blob, blob, size);
	guest->given++;
	return 0;
}

static bool picture(void *data, uint32_t *width, uint32_t *height)
{
	struct guest *guest = data;

	*width = guest->width;
	*height = guest->height;
	return guest->width != 0;
}

static const struct size_ops ops = {.set_edid = set_edid, .picture = picture};

static void start(struct guest *guest, const struct size_options *options)
{
	struct size_options chosen = options ? *options : (struct size_options){0};

	if (!chosen.settle_ms) {
		chosen.settle_ms = SETTLE_MS;
	}
	*guest = (struct guest){.width = 1280, .height = 720};
	guest->size = size_create(&chosen, &ops, guest);
}

static const struct size_counters *counters(const struct guest *guest)
{
	return size_counters(guest->size);
}

static gboolean on_time(gpointer data)
{
	*(bool *)data = true;
	return G_SOURCE_REMOVE;
}

/* The main loop for ms milliseconds. */
static void pass(unsigned ms)
{
	bool over = false;

	g_timeout_add(ms, on_time, &over);
	while (!over) {
		g_main_context_iteration(NULL, TRUE);
	}
}

/* Until one more request has settled, which takes its time. */
static void settled(struct guest *guest)
{
	uint64_t before = counters(guest)->settled;

	while (counters(guest)->settled == before) {
		g_main_context_iteration(NULL, TRUE);
	}
}

static void assert_given(const struct guest *guest, unsigned times, uint32_t width, uint32_t height)
{
	uint8_t block[EDID_SIZE];

	assert_int_equal(guest->given, times);
	assert_int_equal(counters(guest)->changes, times);
	assert_int_equal(edid_make(block, width, height), 0);
	assert_memory_equal(guest->blob, block, EDID_SIZE);
}

/* A window that is dragged asks all the time. */
static void test_drag(void **state)
{
	/* Long, for a machine that is busy: a pause of that length would be the end of a drag. */
	const struct size_options patient = {.settle_ms = 1500};
	struct guest guest;
	int64_t last = 0;

	start(&guest, &patient);
	size_attached(guest.size, &hd, NULL, 0);
	for (unsigned i = 0; i < 25; i++) {
		last = g_get_monotonic_time();
		size_request(guest.size, 800 + 10 * i, 601 + 5 * i);
		pass(20);
	}
	assert_int_equal(guest.given, 0);
	settled(&guest);
	assert_true(g_get_monotonic_time() - last >= 1490000);
	assert_given(&guest, 1, 1040, 720);
	assert_int_equal(counters(&guest)->requests, 25);
	assert_int_equal(counters(&guest)->settled, 1);
	assert_int_equal(counters(&guest)->limited, 0);
	size_destroy(guest.size);
}

static void test_unchanged(void **state)
{
	struct guest guest;

	start(&guest, NULL);
	size_attached(guest.size, &hd, NULL, 0);
	/* The picture has it already, once rounded, or as it is. */
	size_request(guest.size, 1286, 721);
	settled(&guest);
	guest.width = 1366;
	guest.height = 768;
	size_request(guest.size, 1366, 768);
	settled(&guest);
	assert_int_equal(guest.given, 0);
	assert_int_equal(counters(&guest)->unchanged, 2);
	/* The guest has been told, whatever it makes of it. */
	size_request(guest.size, 1000, 700);
	settled(&guest);
	assert_given(&guest, 1, 1000, 700);
	size_request(guest.size, 1003, 701);
	settled(&guest);
	assert_int_equal(guest.given, 1);
	assert_int_equal(counters(&guest)->unchanged, 3);
	/* Away and back before it has settled. */
	size_request(guest.size, 1100, 800);
	size_request(guest.size, 1000, 700);
	settled(&guest);
	assert_int_equal(guest.given, 1);
	size_destroy(guest.size);
}

static void test_limit(void **state)
{
	struct guest guest;

	start(&guest, NULL);
	size_attached(guest.size, &hd, NULL, 0);
	size_request(guest.size, 3840, 2160);
	settled(&guest);
	assert_given(&guest, 1, 1920, 1080);
	assert_int_equal(counters(&guest)->limited, 1);
	size_request(guest.size, 5000, 2813);
	settled(&guest);
	assert_int_equal(guest.given, 1); /* comes to the same */
	size_destroy(guest.size);
}

static void test_fixed(void **state)
{
	const struct size_options options = {.width = 1366, .height = 768, .fixed = true};
	struct guest guest;

	start(&guest, &options);
	size_attached(guest.size, &hd, NULL, 0);
	assert_given(&guest, 1, 1366, 768); /* at once, and not rounded */
	size_request(guest.size, 800, 600);
	pass(SETTLE_MS + 100);
	assert_int_equal(guest.given, 1);
	assert_int_equal(counters(&guest)->refused, 1);
	assert_int_equal(counters(&guest)->settled, 0);
	size_destroy(guest.size);
}

static void test_without_edid(void **state)
{
	const struct size_options options = {.width = 1024, .height = 768};
	const struct vgpu_edid none = {.present = false};
	struct guest guest;

	start(&guest, &options);
	size_attached(guest.size, &none, NULL, 0);
	size_request(guest.size, 800, 600);
	settled(&guest);
	assert_int_equal(guest.given, 0);
	assert_int_equal(counters(&guest)->without_edid, 2);
	size_destroy(guest.size);
}

/* A bridge that comes back finds what it has set before, and leaves the guest in peace. */
static void test_first(void **state)
{
	const struct size_options options = {.width = 2560, .height = 1600};
	struct guest guest;
	uint8_t blob[EDID_SIZE];

	start(&guest, &options);
	assert_int_equal(edid_make(blob, 1920, 1200), 0);
	size_attached(guest.size, &hd, blob, sizeof(blob));
	assert_int_equal(guest.given, 0);
	assert_int_equal(counters(&guest)->unchanged, 1);
	size_destroy(guest.size);

	start(&guest, &options);
	assert_int_equal(edid_make(blob, 1920, 1080), 0);
	size_attached(guest.size, &hd, blob, sizeof(blob));
	assert_given(&guest, 1, 1920, 1200);
	assert_int_equal(counters(&guest)->limited, 1);
	/* The next device gets it by capture_set_edid()'s promise, not from here. */
	size_detached(guest.size);
	size_attached(guest.size, &hd, NULL, 0);
	assert_int_equal(guest.given, 1);
	size_destroy(guest.size);
}

/* A window that is resized while the machine is off. */
static void test_detached(void **state)
{
	struct guest guest;

	start(&guest, NULL);
	guest.width = 0;
	size_request(guest.size, 1024, 768);
	pass(SETTLE_MS + 100);
	assert_int_equal(guest.given, 0);
	size_attached(guest.size, &hd, NULL, 0);
	assert_given(&guest, 1, 1024, 768);
	size_destroy(guest.size);
}

/* Another device's limits: what was asked for is cut for it, and whole again for the first. */
static void test_other_limits(void **state)
{
	static const struct vgpu_edid small = {
		.present = true, .max_size = 128, .max_xres = 1024, .max_yres = 768};
	static const struct vgpu_edid none = {.present = false};
	const struct vgpu_edid *const devices[] = {&hd, &hd, &small, &none, &small, &hd};
	static const unsigned given[] = {1, 1, 2, 2, 2, 3};
	struct guest guest;

	start(&guest, NULL);
	guest.width = 0;
	size_request(guest.size, 1600, 1200);
	pass(2 * SETTLE_MS);
	for (size_t i = 0; i < G_N_ELEMENTS(devices); i++) {
		size_attached(guest.size, devices[i], NULL, 0);
		if (given[i] == 2) {
			assert_given(&guest, given[i], 1024, 768);
		} else {
			assert_given(&guest, given[i], 1600, 1200);
		}
		size_detached(guest.size);
	}
	assert_int_equal(guest.given, 3);
	size_destroy(guest.size);
}

static void test_failure(void **state)
{
	struct guest guest;

	start(&guest, NULL);
	size_attached(guest.size, &hd, NULL, 0);
	guest.error = -EIO;
	size_request(guest.size, 800, 600);
	settled(&guest);
	assert_int_equal(counters(&guest)->failed, 1);
	assert_int_equal(counters(&guest)->changes, 0);
	guest.error = 0;
	size_request(guest.size, 800, 600);
	settled(&guest);
	assert_given(&guest, 1, 800, 600);
	/* With a request on its way. */
	size_request(guest.size, 900, 600);
	size_destroy(guest.size);
	size_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_drag),
		cmocka_unit_test(test_unchanged),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_fixed),
		cmocka_unit_test(test_without_edid),
		cmocka_unit_test(test_first),
		cmocka_unit_test(test_detached),
		cmocka_unit_test(test_other_limits),
		cmocka_unit_test(test_failure),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
