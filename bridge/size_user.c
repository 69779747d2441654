/* SPDX-License-Identifier: MIT */
/* What the user says of the guest's monitor, and what is told of it. */
#include "bridge/size_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bridge/edid.h"
#include "bridge/log.h"

static bool may_change(const struct size *size)
{
	return !size->attached || size->limits.present;
}

static void remember(struct size *size)
{
	size->before.wanted = size->wanted;
	size->before.fixed_by = size->fixed_by;
	size->before.given = size->given;
}

/* What the user said: now, or when there is a monitor to change. */
static int change(struct size *size, const struct wanted *wanted, const char *by, char *notice,
	size_t notice_size)
{
	int rc;

	remember(size);
	size->wanted = *wanted;
	size->fixed_by = by;
	size->said_fixed = false;
	size->width = 0;
	size->height = 0;
	size_stop_settling(size);
	if (!size->attached) {
		size->due = true;
		snprintf(notice, notice_size, "there is no device now: it is for the next one");
		return 0;
	}
	if (size->unplugged) {
		snprintf(notice, notice_size,
			"the monitor is unplugged: the guest sees this one with display plug");
		return 0;
	}
	rc = size_give_current(size);
	if (rc < 0) {
		size->wanted = size->before.wanted;
		size->fixed_by = size->before.fixed_by;
	}
	return rc;
}

int size_fix(struct size *size, uint32_t width, uint32_t height, char *notice, size_t notice_size)
{
	const struct wanted wanted = {.mode = SIZE_FIXED, .width = width, .height = height};

	notice[0] = '\0';
	if (!may_change(size)) {
		return -ENOTSUP;
	}
	if (size->attached &&
		edid_limit(size->limits.max_xres, size->limits.max_yres, &width, &height)) {
		int rc = change(size, &wanted, "display resize", notice, notice_size);

		snprintf(notice, notice_size,
			"the device allows %" PRIu32 "x%" PRIu32 " at most: %" PRIu32 "x%" PRIu32,
			size->limits.max_xres ? size->limits.max_xres : EDID_MAX_SIDE,
			size->limits.max_yres ? size->limits.max_yres : EDID_MAX_SIDE, width,
			height);
		return rc;
	}
	return change(size, &wanted, "display resize", notice, notice_size);
}

void size_note_fixed(struct size *size, uint32_t width, uint32_t height)
{
	remember(size);
	size->wanted = (struct wanted){.mode = SIZE_FIXED, .width = width, .height = height};
	size->fixed_by = "display resize";
	size->said_fixed = false;
}

int size_use_edid(struct size *size, const struct edid_blob *edid, char *notice, size_t notice_size)
{
	struct wanted wanted = {.mode = SIZE_EDID, .edid = *edid};
	const struct vgpu_edid *limits = &size->limits;
	struct edid_facts facts;
	size_t length;
	int rc;

	notice[0] = '\0';
	if (!may_change(size)) {
		return -ENOTSUP;
	}
	rc = change(size, &wanted, "display set-edid", notice, notice_size);
	if (rc < 0 || !size->attached) {
		return rc;
	}
	length = strlen(notice);
	if (edid->size > MAX(limits->max_size, EDID_SIZE)) {
		snprintf(notice + length, notice_size - length,
			"%sthe device takes %u bytes: the EDID's first %u of %zu blocks are used",
			length ? "; " : "", limits->max_size, limits->max_size / EDID_SIZE,
			edid->size / EDID_SIZE);
		length = strlen(notice);
	}
	edid_read_facts(edid, &facts);
	if ((limits->max_xres && facts.width > limits->max_xres) ||
		(limits->max_yres && facts.height > limits->max_yres)) {
		snprintf(notice + length, notice_size - length,
			"%sthe monitor prefers %" PRIu32 "x%" PRIu32
			", and the device allows %" PRIu32 "x%" PRIu32 " at most",
			length ? "; " : "", facts.width, facts.height, limits->max_xres,
			limits->max_yres);
	}
	return 0;
}

int size_follow(struct size *size, char *notice, size_t notice_size)
{
	notice[0] = '\0';
	remember(size);
	size->wanted = (struct wanted){.mode = SIZE_AUTO};
	size->said_fixed = false;
	if (size->asked_width) {
		size->width = size->asked_width;
		size->height = size->asked_height;
		size_begin_settling(size);
	}
	if (size->unplugged) {
		snprintf(notice, notice_size, "the monitor is unplugged: see display plug");
	} else if (size->attached && !size->limits.present) {
		snprintf(notice, notice_size,
			"the device takes no EDID: viewers' sizes go to the guest's agent, "
			"where there is one");
	}
	return 0;
}

int size_unplug(struct size *size, char *notice, size_t notice_size)
{
	int rc;

	notice[0] = '\0';
	if (!may_change(size)) {
		return -ENOTSUP;
	}
	if (size->unplugged) {
		snprintf(notice, notice_size, "it was unplugged already");
		return 0;
	}
	rc = size->ops->set_edid(size->data, NULL, 0);
	if (rc < 0) {
		size->counters.failed++;
		return rc;
	}
	size->unplugged = true;
	size->counters.changes++;
	log_info("the guest's display is unplugged");
	if (!size->attached) {
		snprintf(notice, notice_size, "there is no device now: it is for the next one");
	}
	return 0;
}

int size_plug(struct size *size, char *notice, size_t notice_size)
{
	int rc;

	notice[0] = '\0';
	if (!may_change(size)) {
		return -ENOTSUP;
	}
	if (!size->unplugged) {
		snprintf(notice, notice_size, "it was plugged already");
		return 0;
	}
	size_stop_settling(size);
	if (!size->attached) {
		size->unplugged = false;
		size->due = true;
		snprintf(notice, notice_size, "there is no device now: it is for the next one");
		return 0;
	}
	rc = size_give_current(size);
	if (rc == 0) {
		size->unplugged = false;
	}
	return rc;
}

void size_undo(struct size *size)
{
	size->wanted = size->before.wanted;
	size->fixed_by = size->before.fixed_by;
	size_note_given(size, &size->before.given);
	if (size->attached && !size->unplugged && size->limits.present) {
		size_give_current(size);
	}
}

void size_tell(const struct size *size, struct size_status *status)
{
	struct edid_facts facts;

	*status = (struct size_status){
		.mode = size->wanted.mode,
		.plugged = !size->unplugged,
		.takes_edid = size->attached && size->limits.present,
	};
	if (status->takes_edid) {
		status->max_width = size->limits.max_xres;
		status->max_height = size->limits.max_yres;
	}
	if (size->given.size) {
		edid_read_facts(&size->given, &facts);
		status->width = facts.width;
		status->height = facts.height;
		memcpy(status->monitor, facts.name, sizeof(status->monitor));
	}
}

const char *size_mode_name(enum size_mode mode)
{
	static const char *const names[] = {"auto", "fixed", "edid"};

	return names[mode];
}
