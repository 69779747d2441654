/* SPDX-License-Identifier: MIT */
/* Which monitor the guest has: what the user says, against what viewers ask for and devices allow. */
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

struct guest {
	struct size *size;
	struct edid_blob blob; /* the last one given; size 0: unplugged */
	unsigned given;
	int error;
	char notice[256];
};

static const struct vgpu_edid hd = {
	.present = true, .max_size = 128, .max_xres = 1920, .max_yres = 1200};
static const struct vgpu_edid large = {.present = true, .max_size = 1024};
static const struct vgpu_edid none = {.present = false};

static int set_edid(void *data, const void *blob, size_t size)
{
	struct guest *guest = data;

	assert_true(size <= EDID_MAX);
	if (guest->error) {
		return guest->error;
	}
	memset(&guest->blob, 0, sizeof(guest->blob));
	if (size) {
		memcpy(guest->blob.bytes, blob, size);
	}
	guest->blob.size = size;
	guest->given++;
	return 0;
}

static bool picture(void *data, uint32_t *width, uint32_t *height)
{
	*width = 1280;
	*height = 720;
	return true;
}

static const struct size_ops ops = {.set_edid = set_edid, .picture = picture};

static void start(struct guest *guest, const struct size_options *options)
{
	struct size_options chosen = options ? *options : (struct size_options){0};

	chosen.settle_ms = 1;
	*guest = (struct guest){.given = 0};
	guest->size = size_create(&chosen, &ops, guest);
}

/* Whatever is to come of requests has come. */
static void pass(void)
{
	gint64 end = g_get_monotonic_time() + 30000;

	while (g_get_monotonic_time() < end) {
		g_main_context_iteration(NULL, FALSE);
	}
}

static void assert_monitor(const struct guest *guest, uint32_t width, uint32_t height)
{
	struct edid_facts facts;

	assert_int_not_equal(guest->blob.size, 0);
	edid_read_facts(&guest->blob, &facts);
	assert_int_equal(facts.width, width);
	assert_int_equal(facts.height, height);
}

static struct size_status status(const struct guest *guest)
{
	struct size_status s;

	size_tell(guest->size, &s);
	return s;
}

/* The user's own, of two blocks. */
static struct edid_blob make(uint32_t width, uint32_t height)
{
	struct edid_blob edid = {.size = 256};

	assert_int_equal(edid_make(edid.bytes, width, height), 0);
	memcpy(edid.bytes + 54 + 36 + 5, "mine\n        ", 13);
	edid.bytes[126] = 1;
	edid.bytes[127] = 0;
	for (int i = 0; i < 127; i++) {
		edid.bytes[127] -= edid.bytes[i];
	}
	edid.bytes[128] = 2;
	edid.bytes[255] = 0xfe;
	return edid;
}

static int fix(struct guest *guest, uint32_t width, uint32_t height)
{
	return size_fix(guest->size, width, height, guest->notice, sizeof(guest->notice));
}

static int use(struct guest *guest, const struct edid_blob *edid)
{
	return size_use_edid(guest->size, edid, guest->notice, sizeof(guest->notice));
}

static int follow(struct guest *guest)
{
	return size_follow(guest->size, guest->notice, sizeof(guest->notice));
}

static int plug(struct guest *guest)
{
	return size_plug(guest->size, guest->notice, sizeof(guest->notice));
}

static int unplug(struct guest *guest)
{
	return size_unplug(guest->size, guest->notice, sizeof(guest->notice));
}

static void test_fix_and_follow(void **state)
{
	struct guest guest;

	start(&guest, NULL);
	size_attached(guest.size, &hd, NULL, 0);
	assert_int_equal(status(&guest).mode, SIZE_AUTO);
	size_request(guest.size, 800, 600);
	pass();
	assert_monitor(&guest, 800, 600);
	assert_int_equal(fix(&guest, 1366, 768), 0);
	assert_string_equal(guest.notice, "");
	assert_monitor(&guest, 1366, 768);
	assert_int_equal(status(&guest).mode, SIZE_FIXED);
	assert_int_equal(status(&guest).width, 1366);
	size_request(guest.size, 1024, 768);
	pass();
	assert_monitor(&guest, 1366, 768);
	assert_int_equal(size_counters(guest.size)->refused, 1);
	/* The window that asked in vain is there still. */
	assert_int_equal(follow(&guest), 0);
	pass();
	assert_monitor(&guest, 1024, 768);
	assert_int_equal(fix(&guest, 4000, 2250), 0);
	assert_monitor(&guest, 1920, 1080);
	assert_non_null(strstr(guest.notice, "1920x1200 at most: 1920x1080"));
	/* And here it has gone. */
	size_forget(guest.size);
	assert_int_equal(follow(&guest), 0);
	pass();
	assert_monitor(&guest, 1920, 1080);
	assert_int_equal(guest.given, 4);
	size_destroy(guest.size);
}

static void test_fixed_by_option(void **state)
{
	const struct size_options options = {.width = 1366, .height = 768, .fixed = true};
	struct guest guest;

	start(&guest, &options);
	size_attached(guest.size, &hd, NULL, 0);
	assert_monitor(&guest, 1366, 768);
	size_request(guest.size, 1024, 768);
	pass();
	assert_int_equal(guest.given, 1);
	assert_int_equal(follow(&guest), 0);
	pass();
	assert_monitor(&guest, 1024, 768);
	size_destroy(guest.size);
}

static void test_own_edid(void **state)
{
	struct edid_blob edid = make(1600, 900), cut = edid;
	struct guest guest;

	edid_cut(&cut, 128);
	start(&guest, NULL);
	size_attached(guest.size, &large, NULL, 0);
	assert_int_equal(use(&guest, &edid), 0);
	assert_string_equal(guest.notice, "");
	assert_int_equal(guest.blob.size, 256);
	assert_memory_equal(guest.blob.bytes, edid.bytes, 256);
	assert_int_equal(status(&guest).mode, SIZE_EDID);
	assert_string_equal(status(&guest).monitor, "mine");
	size_request(guest.size, 1024, 768);
	pass();
	assert_int_equal(guest.given, 1);
	/* A device with less room, and the first again. */
	size_detached(guest.size);
	size_attached(guest.size, &hd, NULL, 0);
	assert_int_equal(guest.blob.size, 128);
	assert_memory_equal(guest.blob.bytes, cut.bytes, 128);
	size_detached(guest.size);
	size_attached(guest.size, &hd, NULL, 0);
	assert_int_equal(guest.given, 2);
	size_detached(guest.size);
	size_attached(guest.size, &large, NULL, 0);
	assert_memory_equal(guest.blob.bytes, edid.bytes, 256);
	/* Cut at once. */
	size_detached(guest.size);
	size_attached(guest.size, &hd, NULL, 0);
	edid = make(2560, 1440);
	assert_int_equal(use(&guest, &edid), 0);
	assert_int_equal(guest.blob.size, 128);
	assert_non_null(strstr(guest.notice, "first 1 of 2 blocks"));
	assert_non_null(strstr(guest.notice, "prefers 2560x1440"));
	/* Until a size is named. */
	assert_int_equal(fix(&guest, 1280, 1024), 0);
	assert_monitor(&guest, 1280, 1024);
	size_destroy(guest.size);
}

static void test_plug(void **state)
{
	struct edid_blob edid = make(1600, 900);
	struct guest guest;

	start(&guest, NULL);
	size_attached(guest.size, &large, NULL, 0);
	assert_int_equal(plug(&guest), 0);
	assert_non_null(strstr(guest.notice, "already"));
	assert_int_equal(use(&guest, &edid), 0);
	assert_int_equal(unplug(&guest), 0);
	assert_int_equal(guest.blob.size, 0);
	assert_false(status(&guest).plugged);
	assert_int_equal(unplug(&guest), 0);
	assert_int_equal(guest.given, 2);
	/* Nothing of this plugs it. */
	size_request(guest.size, 1024, 768);
	pass();
	size_detached(guest.size);
	size_attached(guest.size, &hd, NULL, 0);
	size_attached(guest.size, &large, NULL, 0);
	assert_int_equal(follow(&guest), 0);
	size_request(guest.size, 1024, 768);
	pass();
	assert_int_equal(fix(&guest, 640, 480), 0);
	assert_non_null(strstr(guest.notice, "unplugged"));
	assert_int_equal(use(&guest, &edid), 0);
	assert_int_equal(guest.given, 2);
	assert_int_equal(plug(&guest), 0);
	assert_memory_equal(guest.blob.bytes, edid.bytes, 256);
	assert_true(status(&guest).plugged);
	assert_int_equal(guest.given, 3);
	size_destroy(guest.size);
}

/* Of a display that nobody has ever given an EDID: its own, or that of its size. */
static void test_plug_own(void **state)
{
	struct edid_blob edid = make(1600, 900);
	struct guest guest;

	start(&guest, NULL);
	size_attached(guest.size, &large, edid.bytes, edid.size);
	assert_int_equal(unplug(&guest), 0);
	assert_int_equal(plug(&guest), 0);
	assert_memory_equal(guest.blob.bytes, edid.bytes, 256);
	size_destroy(guest.size);

	start(&guest, NULL);
	size_attached(guest.size, &large, "no edid", 7);
	assert_int_equal(unplug(&guest), 0);
	assert_int_equal(plug(&guest), 0);
	assert_monitor(&guest, 1280, 720);
	assert_int_equal(unplug(&guest), 0);
	size_request(guest.size, 1024, 768);
	pass();
	assert_int_equal(guest.given, 3);
	assert_int_equal(plug(&guest), 0);
	assert_monitor(&guest, 1024, 768);
	assert_int_equal(unplug(&guest), 0);
	assert_int_equal(plug(&guest), 0);
	assert_monitor(&guest, 1024, 768);
	size_destroy(guest.size);
}

static void test_without_device(void **state)
{
	struct edid_blob edid = make(1600, 900);
	struct guest guest;

	start(&guest, NULL);
	assert_int_equal(use(&guest, &edid), 0);
	assert_non_null(strstr(guest.notice, "no device"));
	assert_int_equal(unplug(&guest), 0);
	assert_non_null(strstr(guest.notice, "no device"));
	size_attached(guest.size, &hd, NULL, 0);
	assert_int_equal(guest.given, 1);
	assert_int_equal(guest.blob.size, 0);
	size_detached(guest.size);
	assert_int_equal(plug(&guest), 0);
	assert_int_equal(guest.given, 1);
	size_attached(guest.size, &hd, NULL, 0);
	assert_int_equal(guest.given, 2);
	assert_monitor(&guest, 1600, 900);
	size_detached(guest.size);
	assert_int_equal(fix(&guest, 800, 600), 0);
	size_attached(guest.size, &hd, NULL, 0);
	assert_monitor(&guest, 800, 600);
	size_destroy(guest.size);
}

static void test_without_edid(void **state)
{
	struct edid_blob edid = make(1600, 900);
	struct guest guest;

	start(&guest, NULL);
	size_attached(guest.size, &none, NULL, 0);
	assert_int_equal(fix(&guest, 800, 600), -ENOTSUP);
	assert_int_equal(use(&guest, &edid), -ENOTSUP);
	assert_int_equal(unplug(&guest), -ENOTSUP);
	assert_int_equal(plug(&guest), -ENOTSUP);
	assert_int_equal(status(&guest).mode, SIZE_AUTO);
	assert_true(status(&guest).plugged);
	assert_false(status(&guest).takes_edid);
	assert_int_equal(follow(&guest), 0);
	assert_non_null(strstr(guest.notice, "agent"));
	size_detached(guest.size);
	size_attached(guest.size, &hd, NULL, 0);
	assert_int_equal(guest.given, 0);
	size_destroy(guest.size);
}

static void test_refused(void **state)
{
	struct edid_blob edid = make(1600, 900);
	struct guest guest;

	start(&guest, NULL);
	size_attached(guest.size, &hd, NULL, 0);
	assert_int_equal(fix(&guest, 800, 600), 0);
	/* Told later, by capture_edid_outcome(). */
	assert_int_equal(use(&guest, &edid), 0);
	size_undo(guest.size);
	assert_monitor(&guest, 800, 600);
	assert_int_equal(status(&guest).mode, SIZE_FIXED);
	guest.error = -EIO;
	assert_int_equal(use(&guest, &edid), -EIO);
	assert_int_equal(status(&guest).mode, SIZE_FIXED);
	assert_int_equal(unplug(&guest), -EIO);
	assert_true(status(&guest).plugged);
	guest.error = 0;
	assert_int_equal(unplug(&guest), 0);
	guest.error = -EIO;
	assert_int_equal(plug(&guest), -EIO);
	assert_false(status(&guest).plugged);
	guest.error = 0;
	assert_int_equal(plug(&guest), 0);
	assert_monitor(&guest, 800, 600);
	size_destroy(guest.size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fix_and_follow),
		cmocka_unit_test(test_fixed_by_option),
		cmocka_unit_test(test_own_edid),
		cmocka_unit_test(test_plug),
		cmocka_unit_test(test_plug_own),
		cmocka_unit_test(test_without_device),
		cmocka_unit_test(test_without_edid),
		cmocka_unit_test(test_refused),
	};

	log_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
