/* SPDX-License-Identifier: MIT */
#include "bridge/size_impl.h"

#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <string.h>

#include "bridge/edid.h"
#include "bridge/log.h"
#include "bridge/plug.h"
#include "vfio/vgpu.h"

#define SETTLE_MS 600
/* Of a guest that has never shown a picture and whose device has no EDID of its own. */
#define DEFAULT_WIDTH 1024
#define DEFAULT_HEIGHT 768

G_STATIC_ASSERT(EDID_MAX == PLUG_MAX);

struct size *size_create(const struct size_options *options, const struct size_ops *ops, void *data)
{
	struct size *size = g_new0(struct size, 1);

	size->options = *options;
	if (!size->options.settle_ms) {
		size->options.settle_ms = SETTLE_MS;
	}
	size->ops = ops;
	size->data = data;
	size->wanted.mode = options->fixed ? SIZE_FIXED : SIZE_AUTO;
	size->wanted.width = options->width;
	size->wanted.height = options->height;
	size->fixed_by = "--fixed-mode";
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

void size_note_given(struct size *size, const struct edid_blob *edid)
{
	struct edid_facts facts = {.width = 0};

	if (edid->size) {
		edid_read_facts(edid, &facts);
	}
	size->given = *edid;
	size->given_max_xres = size->limits.max_xres;
	size->given_max_yres = size->limits.max_yres;
	size->told_width = facts.width;
	size->told_height = facts.height;
}

static int give(struct size *size, const struct edid_blob *edid)
{
	struct edid_facts facts;
	int rc = size->ops->set_edid(size->data, edid->bytes, edid->size);

	edid_read_facts(edid, &facts);
	if (rc < 0) {
		size->counters.failed++;
		if (!size->said_failed) {
			log_warning("the guest's display could not be given the size %" PRIu32
				    "x%" PRIu32 ": %s",
				facts.width, facts.height, strerror(-rc));
		}
		size->said_failed = true;
		return rc;
	}
	size->counters.changes++;
	size->said_failed = false;
	size_note_given(size, edid);
	log_info("the guest's display: %" PRIu32 "x%" PRIu32 " (%s) from now on", facts.width,
		facts.height, facts.name);
	return 0;
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

static bool make(struct edid_blob *edid, uint32_t width, uint32_t height)
{
	edid->size = EDID_SIZE;
	return edid_make(edid->bytes, width, height) == 0;
}

/* What has been asked for last is done, or there is no need to. */
static void settle(struct size *size)
{
	uint32_t asked_width = size->width, asked_height = size->height;
	uint32_t width = asked_width, height = asked_height;
	struct edid_blob edid;

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
	if (make(&edid, width, height)) {
		give(size, &edid);
	}
}

static gboolean on_settled(gpointer data)
{
	struct size *size = data;

	size->timer = 0;
	if (size->attached && !size->unplugged) {
		settle(size);
	}
	return G_SOURCE_REMOVE;
}

void size_stop_settling(struct size *size)
{
	if (size->timer) {
		g_source_remove(size->timer);
		size->timer = 0;
	}
}

void size_begin_settling(struct size *size)
{
	if (!size->timer) {
		size->timer = g_timeout_add(size->options.settle_ms, on_settled, size);
	}
}

void size_request(struct size *size, uint32_t width, uint32_t height)
{
	size->counters.requests++;
	log_debug("a viewer asks for %" PRIu32 "x%" PRIu32, width, height);
	size->asked_width = width;
	size->asked_height = height;
	if (size->wanted.mode != SIZE_AUTO) {
		size->counters.refused++;
		if (!size->said_fixed) {
			log_info("a viewer asks for %" PRIu32 "x%" PRIu32
				 ": refused, for the guest's monitor was fixed by %s",
				width, height, size->fixed_by);
		}
		size->said_fixed = true;
		return;
	}
	size->width = width;
	size->height = height;
	size_stop_settling(size);
	size_begin_settling(size);
}

void size_forget(struct size *size)
{
	size->asked_width = 0;
	size->asked_height = 0;
}

/* A size named by hand, exactly: whoever asks for 1366 pixels knows why. */
static bool make_wanted(struct size *size, struct edid_blob *edid)
{
	uint32_t width = size->wanted.width, height = size->wanted.height;

	return fit(size, &width, &height) && make(edid, width, height);
}

/* The last one, on a device that may allow less than the one before. */
static bool again(struct size *size, struct edid_blob *edid)
{
	uint32_t width = size->told_width, height = size->told_height;

	if (!edid_limit(size->limits.max_xres, size->limits.max_yres, &width, &height)) {
		*edid = size->given;
		edid_cut(edid, size->limits.max_size);
		return true;
	}
	return make(edid, width, height);
}

/*
 * The EDID that the device there should have. Where nobody has ever said a size it is the device's
 * own, and for one that came without one of the size that the guest has or had.
 */
static bool current(struct size *size, struct edid_blob *edid)
{
	uint32_t width = 0, height = 0;
	char why[256];

	switch (size->wanted.mode) {
	case SIZE_EDID:
		*edid = size->wanted.edid;
		edid_cut(edid, size->limits.max_size);
		return true;
	case SIZE_FIXED:
		if (size->wanted.width) {
			return make_wanted(size, edid);
		}
		break;
	case SIZE_AUTO:
		if (size->width) {
			width = size->width;
			height = size->height;
			size->width = 0;
			size->height = 0;
			edid_round(&width, &height);
		} else if (size->given.size) {
			return again(size, edid);
		} else if (size->wanted.width) {
			return make_wanted(size, edid);
		}
		break;
	}
	if (!width && size->own.size &&
		edid_check(size->own.bytes, size->own.size, why, sizeof(why)) == 0) {
		*edid = size->own;
		return true;
	}
	if (!width) {
		size->ops->picture(size->data, &width, &height);
	}
	if (width < EDID_MIN_SIDE || height < EDID_MIN_SIDE || width > EDID_MAX_SIDE ||
		height > EDID_MAX_SIDE) {
		width = DEFAULT_WIDTH;
		height = DEFAULT_HEIGHT;
	}
	return fit(size, &width, &height) && make(edid, width, height);
}

int size_give_current(struct size *size)
{
	struct edid_blob edid;

	return current(size, &edid) ? give(size, &edid) : 0;
}

/* Is there something that the device that has come was not told by capture_set_edid()? */
static bool due(const struct size *size)
{
	switch (size->wanted.mode) {
	case SIZE_AUTO:
		return size->due || (!size->given.size && size->wanted.width);
	case SIZE_FIXED:
		return size->due || size->wanted.width;
	case SIZE_EDID:
		return true;
	}
	return false;
}

static void tell_new(struct size *size, const void *blob, size_t length)
{
	uint32_t width = size->wanted.width, height = size->wanted.height;
	struct edid_blob edid;

	if (!size->limits.present) {
		fit(size, &width, &height); /* says so */
		return;
	}
	if (!current(size, &edid)) {
		return;
	}
	if (!size->given.size && length == edid.size && !memcmp(blob, edid.bytes, length)) {
		/* From an earlier life of ours: the guest need not notice that we are back. */
		size_note_given(size, &edid);
		size->counters.unchanged++;
	} else if (size->due || size->given.size != edid.size ||
		memcmp(size->given.bytes, edid.bytes, edid.size) != 0) {
		give(size, &edid);
	}
}

/* What was made for the limits of one device may be more, or less, than another allows. */
static void fit_again(struct size *size)
{
	if (size->wanted.mode != SIZE_AUTO || size->width || !size->given.size ||
		!size->limits.present ||
		(size->given_max_xres == size->limits.max_xres &&
			size->given_max_yres == size->limits.max_yres)) {
		return;
	}
	size->width = size->asked_width ? size->asked_width : size->told_width;
	size->height = size->asked_width ? size->asked_height : size->told_height;
}

void size_attached(
	struct size *size, const struct vgpu_edid *limits, const void *blob, size_t length)
{
	size->attached = true;
	size->limits = *limits;
	fit_again(size);
	size->own.size = MIN(length, sizeof(size->own.bytes));
	if (size->own.size) {
		memcpy(size->own.bytes, blob, size->own.size);
	}
	/* What was given before is given to this device too, by capture_set_edid(). */
	if (size->unplugged) {
		return;
	}
	if (due(size)) {
		tell_new(size, blob, length);
	}
	size->due = false;
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
