/* SPDX-License-Identifier: MIT */
/* Each quirk of the kernel's interface, from a fake device that has it. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/fake_vgpu.h"
#include "vfio/fourcc.h"

#define LENGTH (640 * 480 * 4)

static uint64_t value(atomic_uint_fast64_t *counter)
{
	return atomic_load(counter);
}

static void start(struct fake_vgpu *fake, bool dmabuf, bool region)
{
	memset(fake, 0, sizeof(*fake));
	fake->dmabuf = dmabuf;
	fake->region = region;
	fake->fd_length = LENGTH;
	fake->answer[PLANE_PRIMARY] = fake_primary(640, 480);
	assert_int_equal(fake_init(fake), 0);
}

static void test_kinds(void **state)
{
	struct fake_vgpu fake;
	struct vgpu_query query;

	start(&fake, true, false);
	assert_true(vgpu_info(&fake.vgpu)->dmabuf);
	assert_false(vgpu_info(&fake.vgpu)->region);
	assert_true(vgpu_info(&fake.vgpu)->cursor_plane);
	assert_int_equal(fake.probes, 2);
	assert_int_equal(vgpu_query(&fake.vgpu, PLANE_PRIMARY, &query), VGPU_PICTURE);
	assert_int_equal(fake.asked.flags, VFIO_GFX_PLANE_TYPE_DMABUF);
	assert_int_equal(query.plane.kind, PLANE_KIND_DMABUF);
	fake_finish(&fake);

	start(&fake, false, true);
	assert_false(vgpu_info(&fake.vgpu)->dmabuf);
	assert_true(vgpu_info(&fake.vgpu)->region);
	assert_false(vgpu_info(&fake.vgpu)->cursor_plane);
	assert_int_equal(vgpu_query(&fake.vgpu, PLANE_PRIMARY, &query), VGPU_PICTURE);
	assert_int_equal(fake.asked.flags, VFIO_GFX_PLANE_TYPE_REGION);
	assert_int_equal(query.plane.kind, PLANE_KIND_REGION);
	fake_finish(&fake);

	/* With both, dma-bufs: no copy. */
	start(&fake, true, true);
	assert_int_equal(vgpu_query(&fake.vgpu, PLANE_PRIMARY, &query), VGPU_PICTURE);
	assert_int_equal(query.plane.kind, PLANE_KIND_DMABUF);
	fake_finish(&fake);
}

static void test_no_kind(void **state)
{
	static const int errors[] = {0, -EINVAL, -ENOTTY};
	struct fake_vgpu fake;

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		memset(&fake, 0, sizeof(fake));
		fake.probe_error = errors[i];
		assert_int_equal(fake_init(&fake), -ENOTSUP);
		fake_finish(&fake);
	}
	memset(&fake, 0, sizeof(fake));
	fake.probe_error = -ENODEV;
	assert_int_equal(fake_init(&fake), -ENODEV);
	fake_finish(&fake);
}

static void test_struct_is_complete_and_clean(void **state)
{
	struct fake_vgpu fake;
	struct vgpu_query query;

	start(&fake, true, false);
	for (int i = 0; i < 3; i++) {
		vgpu_query(&fake.vgpu, PLANE_PRIMARY, &query);
		assert_int_equal(fake.asked.argsz, sizeof(struct vfio_device_gfx_plane_info));
		assert_int_equal(fake.asked.drm_plane_type, 1);
		assert_false(fake.dirty);
	}
	/* GVT-g: 0 and not a byte written, right after a picture. */
	fake.untouched = true;
	assert_int_equal(vgpu_query(&fake.vgpu, PLANE_PRIMARY, &query), VGPU_NO_PICTURE);
	assert_int_equal(value(&vgpu_counters(&fake.vgpu)->queries), 2 + 4);
	assert_int_equal(value(&vgpu_counters(&fake.vgpu)->ioctls), 2 + 4);
	fake_finish(&fake);
}

static void test_no_picture(void **state)
{
	struct fake_vgpu fake;
	struct vgpu_query query;

	start(&fake, true, false);
	/* mbochs: all zero. */
	memset(&fake.answer[PLANE_PRIMARY], 0, sizeof(fake.answer[0]));
	assert_int_equal(vgpu_query(&fake.vgpu, PLANE_PRIMARY, &query), VGPU_NO_PICTURE);
	/* Format 0 is enough, whatever else is said. */
	fake.answer[PLANE_PRIMARY] = fake_primary(640, 480);
	fake.answer[PLANE_PRIMARY].drm_format = 0;
	assert_int_equal(vgpu_query(&fake.vgpu, PLANE_PRIMARY, &query), VGPU_NO_PICTURE);
	for (int i = 0; i < PLANE_REFUSAL_COUNT; i++) {
		assert_int_equal(value(&vgpu_counters(&fake.vgpu)->refused[i]), 0);
	}
	fake_finish(&fake);
}

static void test_errors(void **state)
{
	static const struct {
		int error;
		enum vgpu_answer answer;
	} cases[] = {
		{-ENOMEM, VGPU_TRANSIENT},
		{-EINVAL, VGPU_TRANSIENT},
		{-EFAULT, VGPU_TRANSIENT},
		{-EAGAIN, VGPU_TRANSIENT},
		{-EBUSY, VGPU_TRANSIENT},
		{-ENODEV, VGPU_GONE},
		{-EIO, VGPU_GONE},
		{-EBADF, VGPU_GONE},
		{-ENXIO, VGPU_GONE},
		{-ENOTTY, VGPU_GONE},
		{-EPERM, VGPU_GONE},
	};
	struct fake_vgpu fake;
	struct vgpu_query query;
	uint64_t transient = 0;

	start(&fake, true, false);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fake.query_error = cases[i].error;
		assert_int_equal(vgpu_query(&fake.vgpu, PLANE_PRIMARY, &query), cases[i].answer);
		assert_int_equal(query.error, cases[i].error);
		transient += cases[i].answer == VGPU_TRANSIENT;
		assert_int_equal(value(&vgpu_counters(&fake.vgpu)->transient), transient);
	}
	/* And it recovers. */
	fake.query_error = 0;
	assert_int_equal(vgpu_query(&fake.vgpu, PLANE_PRIMARY, &query), VGPU_PICTURE);
	assert_int_equal(query.error, 0);
	fake_finish(&fake);
}

static void get(struct fake_vgpu *fake, struct vgpu_buffer **buffer)
{
	struct vgpu_query query;
	enum plane_refusal refusal;

	assert_int_equal(vgpu_query(&fake->vgpu, PLANE_PRIMARY, &query), VGPU_PICTURE);
	assert_int_equal(vgpu_buffer_get(&fake->vgpu, &query.plane, buffer, &refusal), 0);
	assert_non_null(*buffer);
	assert_true(plane_equal(&(*buffer)->plane, &query.plane));
}

static void test_dmabuf(void **state)
{
	struct fake_vgpu fake;
	struct vgpu_buffer *buffer;
	int fd;

	start(&fake, true, false);
	fake.answer[PLANE_PRIMARY].dmabuf_id = 4711;
	get(&fake, &buffer);
	assert_int_equal(fake.fetched_id, 4711);
	assert_int_equal(buffer->fd, fake.fetched_fd);
	assert_int_equal(buffer->real_size, LENGTH);
	assert_null(buffer->map);
	assert_ptr_equal(buffer->vgpu, &fake.vgpu);
	assert_int_equal(lseek(buffer->fd, 0, SEEK_CUR), 0);
	fd = buffer->fd;
	vgpu_buffer_put(buffer);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(value(&vgpu_counters(&fake.vgpu)->fetches), 1);
	vgpu_buffer_put(NULL);
	fake_finish(&fake);
}

/* Two fetches of one id while the first is out kill a kernel with stock mbochs. */
static void test_never_twice(void **state)
{
	struct fake_vgpu fake;
	struct vgpu_query query;
	struct vgpu_buffer *first, *second, *third;
	enum plane_refusal refusal;

	start(&fake, true, false);
	get(&fake, &first);
	assert_int_equal(vgpu_query(&fake.vgpu, PLANE_PRIMARY, &query), VGPU_PICTURE);
	assert_int_equal(vgpu_buffer_get(&fake.vgpu, &query.plane, &second, &refusal), -EBUSY);
	assert_null(second);
	assert_int_equal(refusal, PLANE_ACCEPTED);
	assert_int_equal(fake.fetches, 1);

	/* Even where the id now means another picture. */
	query.plane.width = 320;
	assert_int_equal(vgpu_buffer_get(&fake.vgpu, &query.plane, &second, &refusal), -EBUSY);
	assert_int_equal(fake.fetches, 1);

	/* Another id is fine beside it, and putting one leaves the other held. */
	fake.answer[PLANE_PRIMARY].dmabuf_id = 2;
	get(&fake, &second);
	fake.answer[PLANE_PRIMARY].dmabuf_id = 3;
	get(&fake, &third);
	vgpu_buffer_put(second);
	query.plane.id = 1;
	assert_int_equal(vgpu_buffer_get(&fake.vgpu, &query.plane, &second, &refusal), -EBUSY);
	query.plane.id = 3;
	assert_int_equal(vgpu_buffer_get(&fake.vgpu, &query.plane, &second, &refusal), -EBUSY);
	vgpu_buffer_put(first);
	vgpu_buffer_put(third);

	/* Once put, the id may be fetched again: GVT-g reuses it. */
	fake.answer[PLANE_PRIMARY].dmabuf_id = 1;
	get(&fake, &first);
	vgpu_buffer_put(first);
	assert_int_equal(fake.fetches, 4);
	fake_finish(&fake);
}

static void test_stale(void **state)
{
	static const int errors[] = {-EINVAL, -ENOENT};
	struct fake_vgpu fake;
	struct vgpu_query query;
	struct vgpu_buffer *buffer;
	enum plane_refusal refusal;

	start(&fake, true, false);
	assert_int_equal(vgpu_query(&fake.vgpu, PLANE_PRIMARY, &query), VGPU_PICTURE);
	for (size_t i = 0; i < 2; i++) {
		fake.fetch_error = errors[i];
		assert_int_equal(
			vgpu_buffer_get(&fake.vgpu, &query.plane, &buffer, &refusal), -ESTALE);
		assert_null(buffer);
		assert_int_equal(value(&vgpu_counters(&fake.vgpu)->stale), i + 1);
	}
	/* Other errors stay what they are. */
	fake.fetch_error = -EMFILE;
	assert_int_equal(vgpu_buffer_get(&fake.vgpu, &query.plane, &buffer, &refusal), -EMFILE);
	fake.fetch_error = -ENODEV;
	assert_int_equal(vgpu_buffer_get(&fake.vgpu, &query.plane, &buffer, &refusal), -ENODEV);
	assert_int_equal(value(&vgpu_counters(&fake.vgpu)->stale), 2);
	/* A failed fetch holds nothing. */
	fake.fetch_error = 0;
	get(&fake, &buffer);
	vgpu_buffer_put(buffer);
	fake_finish(&fake);
}

static void test_fds(void **state)
{
	struct fake_vgpu fake;
	struct vgpu_query query;
	struct vgpu_buffer *buffer;
	enum plane_refusal refusal;

	start(&fake, true, false);
	fake.fd_kind = FAKE_FD_INHERITABLE;
	get(&fake, &buffer);
	assert_true(fcntl(buffer->fd, F_GETFD) & FD_CLOEXEC);
	vgpu_buffer_put(buffer);

	/* No length to be had: accepted, and said so. */
	fake.fd_kind = FAKE_FD_PIPE;
	get(&fake, &buffer);
	assert_int_equal(buffer->real_size, 0);
	vgpu_buffer_put(buffer);

	fake.fd_kind = FAKE_FD_CLOSED;
	assert_int_equal(vgpu_query(&fake.vgpu, PLANE_PRIMARY, &query), VGPU_PICTURE);
	assert_int_equal(vgpu_buffer_get(&fake.vgpu, &query.plane, &buffer, &refusal), -EBADF);
	fake_finish(&fake);
}

/* A dma-buf that fails a check is closed and its id free again. */
static void test_short_dmabuf(void **state)
{
	struct fake_vgpu fake;
	struct vgpu_query query;
	struct vgpu_buffer *buffer;
	enum plane_refusal refusal;

	start(&fake, true, false);
	fake.fd_length = LENGTH - 1;
	assert_int_equal(vgpu_query(&fake.vgpu, PLANE_PRIMARY, &query), VGPU_PICTURE);
	for (int i = 1; i <= 2; i++) {
		assert_int_equal(
			vgpu_buffer_get(&fake.vgpu, &query.plane, &buffer, &refusal), -EPROTO);
		assert_int_equal(refusal, PLANE_BUFFER_SHORT);
		assert_int_equal(fcntl(fake.fetched_fd, F_GETFD), -1);
		assert_int_equal(value(&vgpu_counters(&fake.vgpu)->refused[PLANE_BUFFER_SHORT]), i);
	}
	fake_finish(&fake);
}

static void test_region(void **state)
{
	struct fake_vgpu fake;
	struct vgpu_query query;
	struct vgpu_buffer *buffer, *again;
	enum plane_refusal refusal;

	start(&fake, false, true);
	fake.region_index = 16;
	fake.region_size = 4 << 20;
	fake.answer[PLANE_PRIMARY].region_index = 16;
	fake.answer[PLANE_PRIMARY].size = 4 << 20;
	get(&fake, &buffer);
	assert_int_equal(buffer->fd, -1);
	assert_non_null(buffer->map);
	assert_int_equal(buffer->map_size, 4 << 20);
	assert_int_equal(buffer->real_size, 4 << 20);
	/* Mapping twice harms nobody. */
	get(&fake, &again);
	vgpu_buffer_put(again);
	vgpu_buffer_put(buffer);
	assert_int_equal(fake.unmaps, 2);
	assert_int_equal(value(&vgpu_counters(&fake.vgpu)->maps), 2);
	assert_int_equal(value(&vgpu_counters(&fake.vgpu)->fetches), 0);

	assert_int_equal(vgpu_query(&fake.vgpu, PLANE_PRIMARY, &query), VGPU_PICTURE);
	fake.map_error = -ENOMEM;
	assert_int_equal(vgpu_buffer_get(&fake.vgpu, &query.plane, &buffer, &refusal), -ENOMEM);
	fake.map_error = -ENOENT;
	assert_int_equal(vgpu_buffer_get(&fake.vgpu, &query.plane, &buffer, &refusal), -EPROTO);
	assert_int_equal(refusal, PLANE_REGION_MISSING);
	fake_finish(&fake);
}

/* mdpy answers CURSOR with its primary plane, so it is never asked. */
static void test_no_cursor_query(void **state)
{
	struct fake_vgpu fake;
	struct vgpu_query query;

	start(&fake, false, true);
	fake.answer[PLANE_CURSOR] = fake.answer[PLANE_PRIMARY];
	assert_int_equal(vgpu_query(&fake.vgpu, PLANE_CURSOR, &query), VGPU_NO_PICTURE);
	assert_int_equal(fake.queries, 0);
	fake_finish(&fake);
}

static void test_cursor(void **state)
{
	struct fake_vgpu fake;
	struct vgpu_query query;

	start(&fake, true, false);
	fake.answer[PLANE_CURSOR] = fake_cursor(64, 100, 200);
	assert_int_equal(vgpu_query(&fake.vgpu, PLANE_CURSOR, &query), VGPU_PICTURE);
	assert_int_equal(fake.asked.drm_plane_type, 2);
	assert_int_equal(query.plane.type, PLANE_CURSOR);
	assert_int_equal(query.position.x, 100);
	assert_int_equal(query.position.y, 200);
	assert_false(query.position.hot_known);

	fake.answer[PLANE_CURSOR].x_hot = 3;
	fake.answer[PLANE_CURSOR].y_hot = 63;
	assert_int_equal(vgpu_query(&fake.vgpu, PLANE_CURSOR, &query), VGPU_PICTURE);
	assert_true(query.position.hot_known);
	assert_int_equal(query.position.hot_x, 3);
	assert_int_equal(query.position.hot_y, 63);

	/* Outside of the cursor is as unknown as the kernel's word for it. */
	fake.answer[PLANE_CURSOR].y_hot = 64;
	assert_int_equal(vgpu_query(&fake.vgpu, PLANE_CURSOR, &query), VGPU_PICTURE);
	assert_false(query.position.hot_known);
	assert_int_equal(query.position.hot_x, 0);
	assert_int_equal(query.position.hot_y, 0);
	fake.answer[PLANE_CURSOR].x_hot = UINT32_MAX;
	fake.answer[PLANE_CURSOR].y_hot = 1;
	assert_int_equal(vgpu_query(&fake.vgpu, PLANE_CURSOR, &query), VGPU_PICTURE);
	assert_false(query.position.hot_known);
	fake_finish(&fake);
}

/* The sign that GVT-g drops comes back, also over a moment in which the cursor was off. */
static void test_cursor_sign(void **state)
{
	static const int32_t path[] = {21, 13, 5, -3, -11, -19, -19};
	struct fake_vgpu fake;
	struct vgpu_query query;

	start(&fake, true, false);
	for (size_t i = 0; i < sizeof(path) / sizeof(path[0]); i++) {
		fake.answer[PLANE_CURSOR] = fake_cursor(64, (uint32_t)abs(path[i]), 300);
		assert_int_equal(vgpu_query(&fake.vgpu, PLANE_CURSOR, &query), VGPU_PICTURE);
		assert_int_equal(query.position.x, path[i]);
		assert_int_equal(query.position.y, 300);
		/* Queries of the picture in between change nothing. */
		assert_int_equal(vgpu_query(&fake.vgpu, PLANE_PRIMARY, &query), VGPU_PICTURE);
	}
	memset(&fake.answer[PLANE_CURSOR], 0, sizeof(fake.answer[0]));
	assert_int_equal(vgpu_query(&fake.vgpu, PLANE_CURSOR, &query), VGPU_NO_PICTURE);
	fake.answer[PLANE_CURSOR] = fake_cursor(64, 19, 300);
	assert_int_equal(vgpu_query(&fake.vgpu, PLANE_CURSOR, &query), VGPU_PICTURE);
	assert_int_equal(query.position.x, -19);
	fake_finish(&fake);
}

/* The picture's and the cursor's buffers are held side by side. */
static void test_cursor_buffer(void **state)
{
	struct fake_vgpu fake;
	struct vgpu_query query;
	struct vgpu_buffer *primary, *cursor;
	enum plane_refusal refusal;

	start(&fake, true, false);
	fake.answer[PLANE_CURSOR] = fake_cursor(64, 1, 1);
	get(&fake, &primary);
	assert_int_equal(vgpu_query(&fake.vgpu, PLANE_CURSOR, &query), VGPU_PICTURE);
	assert_int_equal(vgpu_buffer_get(&fake.vgpu, &query.plane, &cursor, &refusal), 0);
	assert_int_equal(fake.fetched_id, 2);
	vgpu_buffer_put(primary);
	vgpu_buffer_put(cursor);
	fake_finish(&fake);
}

static void test_default_budget(void **state)
{
	struct fake_vgpu fake;
	struct vgpu_query query;

	start(&fake, true, false);
	fake.answer[PLANE_PRIMARY] = fake_primary(16384, 8192);
	assert_int_equal(vgpu_query(&fake.vgpu, PLANE_PRIMARY, &query), VGPU_PICTURE);
	fake.answer[PLANE_PRIMARY] = fake_primary(16384, 8193);
	assert_int_equal(vgpu_query(&fake.vgpu, PLANE_PRIMARY, &query), VGPU_REFUSED);
	assert_int_equal(query.refusal, PLANE_OVER_BUDGET);
	vgpu_set_budget(&fake.vgpu, 0);
	assert_int_equal(vgpu_query(&fake.vgpu, PLANE_PRIMARY, &query), VGPU_PICTURE);
	fake_finish(&fake);
}

static void test_destroy_null(void **state)
{
	vgpu_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_no_kind),
		cmocka_unit_test(test_struct_is_complete_and_clean),
		cmocka_unit_test(test_no_picture),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_dmabuf),
		cmocka_unit_test(test_never_twice),
		cmocka_unit_test(test_stale),
		cmocka_unit_test(test_fds),
		cmocka_unit_test(test_short_dmabuf),
		cmocka_unit_test(test_region),
		cmocka_unit_test(test_no_cursor_query),
		cmocka_unit_test(test_cursor),
		cmocka_unit_test(test_cursor_sign),
		cmocka_unit_test(test_cursor_buffer),
		cmocka_unit_test(test_default_budget),
		cmocka_unit_test(test_destroy_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
