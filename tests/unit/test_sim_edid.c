/* SPDX-License-Identifier: MIT */
/* The simulated device's EDID region, and a guest that follows it. */
#include <errno.h>
#include <string.h>

#include "tests/unit/sim_help.h"
#include "vfio/vgpu_impl.h"

/* A base block whose preferred timing has a size. */
static void make_edid(uint8_t *blob, uint32_t width, uint32_t height)
{
	uint8_t sum = 0;

	memset(blob, 0, 128);
	memset(blob + 1, 0xff, 6);
	blob[54] = 1;
	blob[56] = (uint8_t)width;
	blob[58] = (uint8_t)(width >> 8 << 4);
	blob[59] = (uint8_t)height;
	blob[61] = (uint8_t)(height >> 8 << 4);
	for (int i = 0; i < 127; i++) {
		sum += blob[i];
	}
	blob[127] = (uint8_t)-sum;
}

static void test_edid(void **state)
{
	struct vgpu *vgpu = help_make("640x480,scene=idle");
	struct vgpu_query query;
	uint8_t blob[128], seen[256];
	uint32_t word = 1;

	make_edid(blob, 1600, 900);
	assert_int_equal(vgpu_edid_unplug(vgpu), 0);
	assert_int_equal(vgpu_query(vgpu, PLANE_PRIMARY, &query), VGPU_NO_PICTURE);
	assert_int_equal(vgpu_edid_set(vgpu, blob, sizeof(blob)), 0);
	assert_int_equal(vgpu_edid_get(vgpu, seen, sizeof(seen)), sizeof(blob));
	assert_memory_equal(seen, blob, sizeof(blob));
	assert_int_equal(vgpu_query(vgpu, PLANE_PRIMARY, &query), VGPU_NO_PICTURE);
	assert_int_equal(vgpu_edid_plug(vgpu), 0);
	help_wait_size(vgpu, 1600, 900);
	help_compare(vgpu);

	/* More than the device can show: the guest stays as it is. */
	make_edid(blob, 4000, 900);
	assert_int_equal(vgpu_edid_unplug(vgpu), 0);
	assert_int_equal(vgpu_edid_set(vgpu, blob, sizeof(blob)), 0);
	assert_int_equal(vgpu_edid_plug(vgpu), 0);
	help_wait_answer(vgpu, PLANE_PRIMARY, VGPU_PICTURE);
	assert_int_equal(help_plane(vgpu).width, 1600);

	/* A wrong sum. */
	blob[127]++;
	assert_int_equal(vgpu_edid_unplug(vgpu), 0);
	assert_int_equal(vgpu_edid_set(vgpu, blob, sizeof(blob)), 0);
	assert_int_equal(vgpu_edid_plug(vgpu), -EINVAL);
	assert_int_equal(vgpu_query(vgpu, PLANE_PRIMARY, &query), VGPU_NO_PICTURE);

	/* The registers themselves. */
	assert_int_equal(vgpu->ops->edid_write(vgpu, 0, &word, 4), -EPERM);
	assert_int_equal(vgpu->ops->edid_write(vgpu, 4, &word, 4), -EPERM);
	assert_int_equal(vgpu->ops->edid_write(vgpu, 20, "\3\0\0\0", 4), -EINVAL);
	assert_int_equal(vgpu->ops->edid_write(vgpu, 20, &word, 2), -EINVAL);
	assert_int_equal(vgpu->ops->edid_write(vgpu, 2048 + 128, &word, 4), -EINVAL);
	assert_int_equal(vgpu->ops->edid_read(vgpu, 24, &word, 4), -EINVAL);
	assert_int_equal(vgpu->ops->edid_read(vgpu, UINT32_MAX - 3, &word, 4), -EINVAL);
	vgpu_destroy(vgpu);
}

/* Unplugged again before the guest has looked: it stays dark. */
static void test_edid_quick(void **state)
{
	struct vgpu *vgpu = help_make("640x480,scene=box");
	struct vgpu_query query;
	uint8_t blob[128];

	make_edid(blob, 800, 600);
	assert_int_equal(vgpu_edid_set(vgpu, blob, sizeof(blob)), 0);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(vgpu_edid_plug(vgpu), 0);
		assert_int_equal(vgpu_edid_unplug(vgpu), 0);
	}
	help_sleep(120);
	assert_int_equal(vgpu_query(vgpu, PLANE_PRIMARY, &query), VGPU_NO_PICTURE);
	assert_int_equal(vgpu_edid_plug(vgpu), 0);
	help_wait_size(vgpu, 800, 600);
	vgpu_destroy(vgpu);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edid),
		cmocka_unit_test(test_edid_quick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
