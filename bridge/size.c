/* SPDX-License-Identifier: MIT */
#include "bridge/size.h"

#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <string.h>

#include "bridge/edid.h"
#include "bridge/log.h"
#include "vfio/vgpu.h"

#define SETTLE_MS 600

struct size {
	struct size_options options;
	const struct size_ops *ops;
	void *data;
	struct size_counters counters;

	bool attached;
	struct vgpu_edid limits; /* of the device, if attached */
	uint32_t width, height; /* last asked for and neither done nor dropped; 0: nothing */
	uint32_t told_width, told_height; /* what our EDID says; 0: we have given none */
	guint timer; /* 0: nothing settles */
	bool said_fixed, said_without, said_failed; /* once each is enough */
};

struct size *size_create(const struct size_options *options, const struct size_ops *ops, void *data)
{
	struct size *size = g_new0(struct size, 1);

	size->options = *options;
	if (!size->options.settle_ms) {
		size->options.settle_ms = SETTLE_MS;
	}
	size->ops = ops;
	size->data = data;
	return size;
}

void size_destroy(struct size *size)
{
	if (!size) {
		return;
	}
	if (size->timer) {
		g_source_remove(size->timer);
	}
	g_free(size);
}

static bool told(const struct size *size, uint32_t width, uint32_t height)
{
	return size->told_width == width && size->told_height == height;
}

static bool shown(struct size *size, uint32_t width, uint32_t height)
{
	uint32_t picture_width, picture_height;

	return size->ops->picture(size->data, &picture_width, &picture_height) &&
		picture_width == width && picture_height == height;
}

static void give(struct size *size, uint32_t width, uint32_t height, const void *blob)
{
	int rc = size->ops->set_edid(size->data, blob, EDID_SIZE);

	if (rc < 0) {
		size->counters.failed++;
		if (!size->said_failed) {
			log_warning("the guest's display could not be given the size %" PRIu32
				    "x%" PRIu32 ": %s",
				width, height, strerror(-rc));
		}
		size->said_failed = true;
		return;
	}
	size->counters.changes++;
	size->said_failed = false;
	size->told_width = width;
	size->told_height = height;
	log_info("the guest's display: %" PRIu32 "x%" PRIu32 " from now on", width, height);
}

/* In the limits of the device; false where it takes no EDID at all. */
static bool fit(struct size *size, uint32_t *width, uint32_t *height)
{
	uint32_t asked_width = *width, asked_height = *height;

	if (!size->limits.present) {
		size->counters.without_edid++;
		if (!size->said_without) {
			log_warning("the device has no EDID region: the guest's display keeps the "
				    "size that the guest chooses");
		}
		size->said_without = true;
		return false;
	}
	if (edid_limit(size->limits.max_xres, size->limits.max_yres, width, height)) {
		size->counters.limited++;
		log_info("%" PRIu32 "x%" PRIu32 " is more than the device allows (%" PRIu32
			 "x%" PRIu32 "): %" PRIu32 "x%" PRIu32,
			asked_width, asked_height, size->limits.max_xres, size->limits.max_yres,
			*width, *height);
	}
	return true;
}

/* What has been asked for last is done, or there is no need to. */
static void settle(struct size *size)
{
	uint32_t asked_width = size->width, asked_height = size->height;
	uint32_t width = asked_width, height = asked_height;
	uint8_t blob[EDID_SIZE];

	size->width = 0;
	size->height = 0;
	size->counters.settled++;
	edid_round(&width, &height);
	if (!fit(size, &width, &height)) {
		return;
	}
	/* A guest may show a size that we would round, and a viewer follows it: leave them so. */
	if (told(size, width, height) || shown(size, width, height) ||
		shown(size, asked_width, asked_height)) {
		size->counters.unchanged++;
		return;
	}
	if (edid_make(blob, width, height) == 0) {
		give(size, width, height, blob);
	}
}

static gboolean on_settled(gpointer data)
{
	struct size *size = data;

	size->timer = 0;
	if (size->attached) {
		settle(size);
	}
	return G_SOURCE_REMOVE;
}

void size_request(struct size *size, uint32_t width, uint32_t height)
{
	size->counters.requests++;
	log_debug("a viewer asks for %" PRIu32 "x%" PRIu32, width, height);
	if (size->options.fixed) {
		size->counters.refused++;
		if (!size->said_fixed) {
			log_info("a viewer asks for %" PRIu32 "x%" PRIu32
				 ": refused, for --fixed-mode",
				width, height);
		}
		size->said_fixed = true;
		return;
	}
	size->width = width;
	size->height = height;
	if (size->timer) {
		g_source_remove(size->timer);
	}
	size->timer = g_timeout_add(size->options.settle_ms, on_settled, size);
}

/* --mode, exactly: whoever asks for 1366 pixels by hand knows why. */
static void set_first(struct size *size, const void *blob, size_t length)
{
	uint32_t width = size->options.width, height = size->options.height;
	uint8_t wanted[EDID_SIZE];

	if (!fit(size, &width, &height) || edid_make(wanted, width, height) < 0) {
		return;
	}
	if (length == EDID_SIZE && !memcmp(blob, wanted, EDID_SIZE)) {
		/* From an earlier life of ours: the guest need not notice that we are back. */
		size->told_width = width;
		size->told_height = height;
		size->counters.unchanged++;
		return;
	}
	give(size, width, height, wanted);
}

void size_attached(
	struct size *size, const struct vgpu_edid *limits, const void *blob, size_t length)
{
	size->attached = true;
	size->limits = *limits;
	/* A size that was set before is given to this device too, by capture_set_edid(). */
	if (!size->told_width && size->options.width) {
		set_first(size, blob, length);
	}
	if (size->width && !size->timer) {
		settle(size);
	}
}

void size_detached(struct size *size)
{
	size->attached = false;
}

const struct size_counters *size_counters(const struct size *size)
{
	return &size->counters;
}
