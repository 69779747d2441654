/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "vfio/sim_impl.h"

#define BLOCK 128 /* bytes */
#define TIMING 54 /* where the preferred timing is */
#define LOOK_AFTER INT64_C(50000000) /* ns that a guest needs to see its new monitor */
#define REGISTER(name) ((uint32_t)offsetof(struct vfio_region_gfx_edid, name))

static bool good_blob(const struct sim_edid *edid)
{
	static const uint8_t header[] = {0, 255, 255, 255, 255, 255, 255, 0};

	if (edid->size == 0 || edid->size % BLOCK != 0 ||
		memcmp(edid->blob, header, sizeof(header)) != 0) {
		return false;
	}
	for (uint32_t block = 0; block < edid->size; block += BLOCK) {
		uint8_t sum = 0;

		for (uint32_t i = 0; i < BLOCK; i++) {
			sum += edid->blob[block + i];
		}
		if (sum != 0) {
			return false;
		}
	}
	return true;
}

/* The size in the first detailed timing; 0x0 where there is none that the device can show. */
static void preferred_mode(struct sim_edid *edid)
{
	const uint8_t *timing = edid->blob + TIMING;
	uint32_t width = timing[2] | (timing[4] & 0xf0u) << 4;
	uint32_t height = timing[5] | (timing[7] & 0xf0u) << 4;
	bool fits = (timing[0] != 0 || timing[1] != 0) && width >= PLANE_MIN_SIDE &&
		height >= PLANE_MIN_SIDE && width <= SIM_EDID_MAX_XRES &&
		height <= SIM_EDID_MAX_YRES;

	edid->width = fits ? width : 0;
	edid->height = fits ? height : 0;
}

static int set_link(struct sim *sim, uint32_t state)
{
	struct sim_edid *edid = &sim->edid;

	switch (state) {
	case VFIO_DEVICE_GFX_LINK_STATE_DOWN:
		edid->link = state;
		edid->down = true;
		edid->plug_at = 0;
		return 0;
	case VFIO_DEVICE_GFX_LINK_STATE_UP:
		if (!good_blob(edid)) {
			return -EINVAL;
		}
		edid->link = state;
		preferred_mode(edid);
		edid->plug_at = sim_now() + LOOK_AFTER;
		pthread_cond_broadcast(&sim->wake);
		return 0;
	default:
		return -EINVAL;
	}
}

static bool in_blob(const struct sim_edid *edid, uint32_t offset)
{
	return offset >= SIM_EDID_OFFSET && offset - SIM_EDID_OFFSET + 4 <= edid->size;
}

static int read_word(const struct sim_edid *edid, uint32_t offset, void *data)
{
	struct vfio_region_gfx_edid registers = {
		.edid_offset = SIM_EDID_OFFSET,
		.edid_max_size = SIM_EDID_MAX_SIZE,
		.edid_size = edid->size,
		.max_xres = SIM_EDID_MAX_XRES,
		.max_yres = SIM_EDID_MAX_YRES,
		.link_state = edid->link,
	};

	if (offset <= sizeof(registers) - 4) {
		memcpy(data, (const uint8_t *)&registers + offset, 4);
		return 0;
	}
	if (in_blob(edid, offset)) {
		memcpy(data, edid->blob + (offset - SIM_EDID_OFFSET), 4);
		return 0;
	}
	return -EINVAL;
}

static int write_word(struct sim *sim, uint32_t offset, const void *data)
{
	struct sim_edid *edid = &sim->edid;
	uint32_t value;

	memcpy(&value, data, 4);
	if (in_blob(edid, offset)) {
		memcpy(edid->blob + (offset - SIM_EDID_OFFSET), data, 4);
		return 0;
	}
	if (offset == REGISTER(edid_size)) {
		if (value > SIM_EDID_MAX_SIZE) {
			return -EINVAL;
		}
		edid->size = value;
		return 0;
	}
	if (offset == REGISTER(link_state)) {
		return set_link(sim, value);
	}
	return offset < sizeof(struct vfio_region_gfx_edid) ? -EPERM : -EINVAL;
}

int sim_edid_read(struct vgpu *vgpu, uint32_t offset, void *data, size_t size)
{
	struct sim *sim = (struct sim *)vgpu;
	int rc;

	/* Words only, as with GVT-g. */
	if (size != 4 || offset % 4 != 0) {
		return -EINVAL;
	}
	pthread_mutex_lock(&sim->lock);
	rc = sim->gone ? -ENODEV : read_word(&sim->edid, offset, data);
	pthread_mutex_unlock(&sim->lock);
	return rc;
}

int sim_edid_write(struct vgpu *vgpu, uint32_t offset, const void *data, size_t size)
{
	struct sim *sim = (struct sim *)vgpu;
	int rc;

	if (size != 4 || offset % 4 != 0) {
		return -EINVAL;
	}
	pthread_mutex_lock(&sim->lock);
	rc = sim->gone ? -ENODEV : write_word(sim, offset, data);
	pthread_mutex_unlock(&sim->lock);
	return rc;
}
