/* SPDX-License-Identifier: MIT */
/* The EDID protocol against a device as strict as GVT-g and one as lax as mbochs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/fake_vgpu.h"

#define LINK_STATE 20
#define EDID_LENGTH 8
#define UP 1
#define DOWN 2

static void start(struct fake_vgpu *fake, enum fake_edid kind, uint32_t offset, uint32_t max_size)
{
	memset(fake, 0, sizeof(*fake));
	fake->dmabuf = true;
	fake->edid = kind;
	fake_edid_registers(fake, offset, max_size, 1920, 1200);
	assert_int_equal(fake_init(fake), 0);
}

static void fill(uint8_t *blob, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		blob[i] = (uint8_t)(i * 7 + 3);
	}
}

static void test_discover(void **state)
{
	struct fake_vgpu fake;

	start(&fake, FAKE_EDID_STRICT, 512, 128);
	assert_true(vgpu_info(&fake.vgpu)->edid.present);
	assert_int_equal(vgpu_info(&fake.vgpu)->edid.max_size, 128);
	assert_int_equal(vgpu_info(&fake.vgpu)->edid.max_xres, 1920);
	assert_int_equal(vgpu_info(&fake.vgpu)->edid.max_yres, 1200);
	assert_int_equal(fake.edid_others, 0);
	vgpu_edid_forget(&fake.vgpu);
	assert_false(vgpu_info(&fake.vgpu)->edid.present);
	assert_int_equal(vgpu_edid_unplug(&fake.vgpu), -ENOTSUP);
	fake_finish(&fake);
}

/* Registers that make no sense count as no region: nothing may be written by them. */
static void test_discover_nonsense(void **state)
{
	static const struct {
		uint32_t offset, max_size;
	} cases[] = {{0, 128}, {20, 128}, {25, 128}, {0xfffffffc, 128}, {512, 0}, {512, 127}};
	struct fake_vgpu fake;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start(&fake, FAKE_EDID_LAX, cases[i].offset, cases[i].max_size);
		assert_false(vgpu_info(&fake.vgpu)->edid.present);
		assert_int_equal(vgpu_edid_unplug(&fake.vgpu), -ENOTSUP);
		fake_finish(&fake);
	}
}

static void test_absent(void **state)
{
	struct fake_vgpu fake;
	uint8_t blob[128] = {0};

	start(&fake, FAKE_EDID_NONE, 512, 128);
	assert_false(vgpu_info(&fake.vgpu)->edid.present);
	assert_int_equal(vgpu_edid_unplug(&fake.vgpu), -ENOTSUP);
	assert_int_equal(vgpu_edid_set(&fake.vgpu, blob, 128), -ENOTSUP);
	assert_int_equal(vgpu_edid_plug(&fake.vgpu), -ENOTSUP);
	assert_int_equal(vgpu_edid_get(&fake.vgpu, blob, 128), -ENOTSUP);
	fake_finish(&fake);

	/* A region whose reads fail is no region either. */
	memset(&fake, 0, sizeof(fake));
	fake.dmabuf = true;
	fake.edid = FAKE_EDID_STRICT;
	fake.edid_error = -EIO;
	assert_int_equal(fake_init(&fake), 0);
	assert_false(vgpu_info(&fake.vgpu)->edid.present);
	fake_finish(&fake);
}

static void run_protocol(enum fake_edid kind, size_t size)
{
	struct fake_vgpu fake;
	uint8_t blob[512];
	uint8_t back[512];

	fill(blob, sizeof(blob));
	start(&fake, kind, 2048, (uint32_t)size);
	assert_int_equal(vgpu_edid_unplug(&fake.vgpu), 0);
	assert_int_equal(fake_edid_word(&fake, LINK_STATE), DOWN);
	assert_int_equal(vgpu_edid_set(&fake.vgpu, blob, size), 0);
	assert_int_equal(fake_edid_word(&fake, LINK_STATE), DOWN);
	assert_int_equal(vgpu_edid_plug(&fake.vgpu), 0);
	assert_int_equal(fake_edid_word(&fake, LINK_STATE), UP);
	assert_memory_equal(fake.edid_bytes + 2048, blob, size);

	/* The order of writes: link, size, then the blob word by word, link. */
	assert_int_equal(fake.edid_logged, 3 + size / 4);
	assert_int_equal(fake.edid_log[0], LINK_STATE);
	assert_int_equal(fake.edid_log[1], EDID_LENGTH);
	for (uint32_t i = 0; i < size / 4; i++) {
		assert_int_equal(fake.edid_log[2 + i], 2048 + 4 * i);
	}
	assert_int_equal(fake.edid_log[2 + size / 4], LINK_STATE);
	assert_int_equal(fake.edid_others, 0);

	memset(back, 0, sizeof(back));
	assert_int_equal(vgpu_edid_get(&fake.vgpu, back, sizeof(back)), size);
	assert_memory_equal(back, blob, size);
	assert_int_equal(fake.edid_others, 0);
	fake_finish(&fake);
}

static void test_protocol(void **state)
{
	run_protocol(FAKE_EDID_STRICT, 128);
	run_protocol(FAKE_EDID_STRICT, 256);
	run_protocol(FAKE_EDID_LAX, 128);
	run_protocol(FAKE_EDID_LAX, 512);
}

static void test_limits(void **state)
{
	struct fake_vgpu fake;
	uint8_t blob[384];

	fill(blob, sizeof(blob));
	start(&fake, FAKE_EDID_STRICT, 512, 256);
	assert_int_equal(vgpu_edid_set(&fake.vgpu, blob, 384), -E2BIG);
	assert_int_equal(vgpu_edid_set(&fake.vgpu, blob, 0), -EINVAL);
	assert_int_equal(vgpu_edid_set(&fake.vgpu, blob, 127), -EINVAL);
	assert_int_equal(vgpu_edid_set(&fake.vgpu, blob, 130), -EINVAL);
	assert_int_equal(fake.edid_logged, 0);
	assert_int_equal(vgpu_edid_get(&fake.vgpu, blob, sizeof(blob)), 0);
	assert_int_equal(vgpu_edid_set(&fake.vgpu, blob, 256), 0);
	assert_int_equal(vgpu_edid_get(&fake.vgpu, blob, 128), -ENOBUFS);
	fake_finish(&fake);
}

/* A device may change its mind about lengths and places between two calls. */
static void test_hostile_registers(void **state)
{
	struct fake_vgpu fake;
	uint8_t blob[128];
	uint32_t value;

	start(&fake, FAKE_EDID_LAX, 512, 128);
	value = 0x7fffffff;
	memcpy(fake.edid_bytes + EDID_LENGTH, &value, 4);
	assert_int_equal(vgpu_edid_get(&fake.vgpu, blob, sizeof(blob)), -EIO);
	value = 126;
	memcpy(fake.edid_bytes + EDID_LENGTH, &value, 4);
	assert_int_equal(vgpu_edid_get(&fake.vgpu, blob, sizeof(blob)), -EIO);
	value = 0;
	memcpy(fake.edid_bytes, &value, 4);
	assert_int_equal(vgpu_edid_set(&fake.vgpu, blob, 128), -EIO);
	assert_int_equal(vgpu_edid_get(&fake.vgpu, blob, 128), -EIO);
	assert_int_equal(fake.edid_logged, 0);
	fake_finish(&fake);
}

static void test_errors_pass(void **state)
{
	struct fake_vgpu fake;
	uint8_t blob[128] = {0};

	start(&fake, FAKE_EDID_STRICT, 512, 128);
	fake.edid_error = -ENODEV;
	assert_int_equal(vgpu_edid_unplug(&fake.vgpu), -ENODEV);
	assert_int_equal(vgpu_edid_set(&fake.vgpu, blob, 128), -ENODEV);
	assert_int_equal(vgpu_edid_plug(&fake.vgpu), -ENODEV);
	assert_int_equal(vgpu_edid_get(&fake.vgpu, blob, 128), -ENODEV);
	fake_finish(&fake);
}

static void test_counted(void **state)
{
	struct fake_vgpu fake;
	uint8_t blob[128] = {0};
	uint64_t before;

	start(&fake, FAKE_EDID_STRICT, 512, 128);
	before = atomic_load(&vgpu_counters(&fake.vgpu)->ioctls);
	fake.edid_words = 0;
	assert_int_equal(vgpu_edid_set(&fake.vgpu, blob, 128), 0);
	assert_int_equal(atomic_load(&vgpu_counters(&fake.vgpu)->ioctls) - before, fake.edid_words);
	fake_finish(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_discover),
		cmocka_unit_test(test_discover_nonsense),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_protocol),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_hostile_registers),
		cmocka_unit_test(test_errors_pass),
		cmocka_unit_test(test_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
