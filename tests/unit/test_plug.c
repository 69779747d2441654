/* SPDX-License-Identifier: MIT */
/* Another EDID for the guest's display, on a clock of the test's own. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/plug.h"
#include "tests/unit/fake_vgpu.h"

#define MS INT64_C(1000000)
#define EDID_SIZE_AT 8 /* registers, see struct vfio_region_gfx_edid */
#define LINK_AT 20
#define BLOB_AT 64
#define UP 1
#define DOWN 2

struct fixture {
	struct fake_vgpu fake;
	struct plug plug;
};

static void begin(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	f->fake.edid = FAKE_EDID_STRICT;
	f->fake.dmabuf = true;
	fake_edid_registers(&f->fake, BLOB_AT, 256, 0, 0);
	assert_int_equal(fake_init(&f->fake), 0);
	plug_attach(&f->plug);
}

static void give(struct fixture *f, uint8_t byte, size_t size)
{
	struct plug_edid edid = {.size = size};

	memset(edid.bytes, byte, size);
	plug_set(&f->plug, &edid);
}

static int step(struct fixture *f, int64_t ms)
{
	return plug_step(&f->plug, &f->fake.vgpu, ms * MS);
}

static uint32_t link_state(struct fixture *f)
{
	return fake_edid_word(&f->fake, LINK_AT);
}

static uint8_t shown(struct fixture *f)
{
	return f->fake.edid_bytes[BLOB_AT];
}

static void test_unplug_set_wait_plug(void **state)
{
	struct fixture f;

	begin(&f);
	assert_true(plug_next(&f.plug) < 0);
	assert_int_equal(step(&f, 0), 0);
	assert_int_equal(f.fake.edid_logged, 0);
	give(&f, 7, 128);
	assert_int_equal(plug_next(&f.plug), 0);
	assert_int_equal(step(&f, 1000), 0);
	/* First the link, then the size, then the blob; four bytes at a time. */
	assert_int_equal(f.fake.edid_log[0], LINK_AT);
	assert_int_equal(f.fake.edid_log[1], EDID_SIZE_AT);
	assert_int_equal(f.fake.edid_log[2], BLOB_AT);
	assert_int_equal(f.fake.edid_logged, 2 + 32);
	assert_int_equal(link_state(&f), DOWN);
	assert_int_equal(shown(&f), 7);
	assert_int_equal(plug_next(&f.plug), 1100 * MS);
	assert_int_equal(step(&f, 1099), 0);
	assert_int_equal(link_state(&f), DOWN);
	assert_int_equal(step(&f, 1100), 1);
	assert_int_equal(link_state(&f), UP);
	assert_true(plug_next(&f.plug) < 0);
	fake_finish(&f.fake);
}

static void test_newest_is_the_next(void **state)
{
	struct fixture f;

	begin(&f);
	give(&f, 1, 128);
	assert_int_equal(step(&f, 0), 0);
	give(&f, 2, 128);
	give(&f, 3, 256);
	/* Never while another is on its way: the guest has to see that first. */
	assert_int_equal(step(&f, 50), 0);
	assert_int_equal(shown(&f), 1);
	assert_int_equal(step(&f, 100), 1);
	assert_int_equal(link_state(&f), UP);
	assert_int_equal(plug_next(&f.plug), 0);
	assert_int_equal(step(&f, 101), 0);
	assert_int_equal(shown(&f), 3);
	assert_int_equal(fake_edid_word(&f.fake, EDID_SIZE_AT), 256);
	assert_int_equal(step(&f, 201), 1);
	fake_finish(&f.fake);
}

static void test_same_one_is_not_given_twice(void **state)
{
	struct fixture f;
	unsigned logged;

	begin(&f);
	give(&f, 9, 128);
	step(&f, 0);
	step(&f, 100);
	logged = f.fake.edid_logged;
	give(&f, 9, 128);
	assert_int_equal(step(&f, 200), 0);
	assert_true(plug_next(&f.plug) < 0);
	assert_int_equal(f.fake.edid_logged, logged);
	/* A device that comes back with it plugged in is left in peace too. */
	plug_attach(&f.plug);
	assert_int_equal(plug_next(&f.plug), 0);
	assert_int_equal(step(&f, 300), 0);
	assert_true(plug_next(&f.plug) < 0);
	assert_int_equal(f.fake.edid_logged, logged);
	/* But one that was left before it was plugged in, or that has another, is given it. */
	f.fake.edid_bytes[LINK_AT] = DOWN;
	plug_attach(&f.plug);
	assert_int_equal(step(&f, 300), 0);
	assert_true(f.fake.edid_logged > logged);
	assert_int_equal(step(&f, 400), 1);
	assert_int_equal(link_state(&f), UP);
	f.fake.edid_bytes[BLOB_AT + 127] = 8;
	plug_attach(&f.plug);
	assert_int_equal(step(&f, 500), 0);
	assert_int_equal(link_state(&f), DOWN);
	assert_int_equal(step(&f, 600), 1);
	assert_int_equal(f.fake.edid_bytes[BLOB_AT + 127], 9);
	fake_finish(&f.fake);
}

static void test_empty_unplugs(void **state)
{
	struct fixture f;

	begin(&f);
	give(&f, 0, 0);
	assert_int_equal(step(&f, 0), 1);
	assert_int_equal(link_state(&f), DOWN);
	assert_true(plug_next(&f.plug) < 0);
	assert_int_equal(f.fake.edid_logged, 1);
	fake_finish(&f.fake);
}

static void test_refusals(void **state)
{
	struct fixture f;

	begin(&f);
	/* Larger than the device takes: nothing is touched. */
	give(&f, 1, 384);
	assert_int_equal(step(&f, 0), -E2BIG);
	assert_int_equal(f.fake.edid_logged, 0);
	/* No whole number of blocks: what was there is plugged in again at once. */
	give(&f, 1, 100);
	assert_int_equal(step(&f, 5), -EINVAL);
	assert_int_equal(link_state(&f), UP);
	assert_true(plug_next(&f.plug) < 0);
	give(&f, 1, 128);
	f.fake.edid_error = -EIO;
	assert_int_equal(step(&f, 10), -EIO);
	assert_true(plug_next(&f.plug) < 0);
	f.fake.edid_error = 0;
	/* What was refused is not what the device has: the same one is tried when it comes again. */
	give(&f, 1, 128);
	assert_int_equal(step(&f, 20), 0);
	f.fake.edid_error = -EIO;
	assert_int_equal(step(&f, 120), -EIO);
	f.fake.edid_error = 0;
	fake_finish(&f.fake);
}

static void test_device_without_edid(void **state)
{
	struct fixture f;

	memset(&f, 0, sizeof(f));
	f.fake.dmabuf = true;
	assert_int_equal(fake_init(&f.fake), 0);
	plug_attach(&f.plug);
	give(&f, 1, 128);
	assert_int_equal(step(&f, 0), 0);
	assert_true(plug_next(&f.plug) < 0);
	fake_finish(&f.fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unplug_set_wait_plug),
		cmocka_unit_test(test_newest_is_the_next),
		cmocka_unit_test(test_same_one_is_not_given_twice),
		cmocka_unit_test(test_empty_unplugs),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_device_without_edid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
