/* SPDX-License-Identifier: MIT */
#include "bridge/plug.h"

#include <errno.h>
#include <string.h>

#include "vfio/vgpu.h"

void plug_set(struct plug *plug, const struct plug_edid *edid)
{
	plug->newest = *edid;
	plug->have = true;
	plug->due = true;
}

void plug_attach(struct plug *plug)
{
	plug->due = plug->have;
	plug->known = false;
	plug->waiting = false;
}

static bool same(const struct plug_edid *a, const struct plug_edid *b)
{
	return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

static int begin(struct plug *plug, struct vgpu *vgpu, int64_t now)
{
	plug->due = false;
	/* The guest takes each one for another monitor: the same one again would only flicker. */
	if (!vgpu_info(vgpu)->edid.present || (plug->known && same(&plug->shown, &plug->newest))) {
		return 0;
	}
	if (plug->newest.size > vgpu_info(vgpu)->edid.max_size) {
		return -E2BIG;
	}
	/* One that was left, and has come back. */
	if (!plug->known && vgpu_edid_is(vgpu, plug->newest.bytes, plug->newest.size)) {
		plug->known = true;
		plug->shown = plug->newest;
		return 0;
	}
	plug->known = false;
	plug->shown = plug->newest;

	int rc = vgpu_edid_unplug(vgpu);

	if (rc < 0) {
		return rc;
	}
	if (plug->shown.size == 0) {
		plug->known = true;
		return 1;
	}
	rc = vgpu_edid_set(vgpu, plug->shown.bytes, plug->shown.size);
	if (rc < 0) {
		/* A display that stays dark would be worse than one of the wrong size. */
		vgpu_edid_plug(vgpu);
		return rc;
	}
	plug->waiting = true;
	plug->plug_at = now + PLUG_WAIT_NS;
	return 0;
}

int plug_step(struct plug *plug, struct vgpu *vgpu, int64_t now)
{
	if (!plug->waiting) {
		return plug->due ? begin(plug, vgpu, now) : 0;
	}
	if (now < plug->plug_at) {
		return 0;
	}
	plug->waiting = false;

	int rc = vgpu_edid_plug(vgpu);

	plug->known = rc == 0;
	return rc < 0 ? rc : 1;
}

int64_t plug_next(const struct plug *plug)
{
	return plug->waiting ? plug->plug_at : plug->due ? 0 : -1;
}
