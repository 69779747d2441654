/* SPDX-License-Identifier: MIT */
/*
 * The EDID region: six 32-bit registers, then somewhere a blob.
 *
 * GVT-g takes accesses of 4 bytes only and refuses the blob beyond edid_size, so the size is written
 * first and the blob in words. mbochs ignores writes to what it thinks read-only, hence the reads
 * after the writes.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include <linux/vfio.h>

#include "vfio/vgpu_impl.h"

#define REGISTER(name) ((uint32_t)offsetof(struct vfio_region_gfx_edid, name))
#define BLOCK 128 /* bytes of one EDID block */
#define MAX_BLOB (256 * BLOCK) /* what EDID's count of extension blocks can say */

static int read_word(struct vgpu *vgpu, uint32_t offset, void *word)
{
	atomic_fetch_add_explicit(&vgpu->counters.ioctls, 1, memory_order_relaxed);
	return vgpu->ops->edid_read(vgpu, offset, word, 4);
}

static int write_word(struct vgpu *vgpu, uint32_t offset, const void *word)
{
	atomic_fetch_add_explicit(&vgpu->counters.ioctls, 1, memory_order_relaxed);
	return vgpu->ops->edid_write(vgpu, offset, word, 4);
}

static int write_register(struct vgpu *vgpu, uint32_t offset, uint32_t value)
{
	uint32_t seen = 0;
	int rc = write_word(vgpu, offset, &value);

	if (rc < 0) {
		return rc;
	}
	rc = read_word(vgpu, offset, &seen);
	if (rc < 0) {
		return rc;
	}
	return seen == value ? 0 : -EIO;
}

/* Where the blob is, checked: the number comes from the device. */
static int blob_offset(struct vgpu *vgpu, uint32_t *offset)
{
	int rc = read_word(vgpu, REGISTER(edid_offset), offset);

	if (rc < 0) {
		return rc;
	}
	if (*offset < sizeof(struct vfio_region_gfx_edid) || *offset % 4 != 0 ||
		*offset > UINT32_MAX - MAX_BLOB) {
		return -EIO;
	}
	return 0;
}

void vgpu_edid_discover(struct vgpu *vgpu)
{
	struct vgpu_edid *edid = &vgpu->info.edid;
	uint32_t offset;

	memset(edid, 0, sizeof(*edid));
	if (!vgpu->ops->edid_read || !vgpu->ops->edid_write) {
		return;
	}
	if (blob_offset(vgpu, &offset) < 0 ||
		read_word(vgpu, REGISTER(edid_max_size), &edid->max_size) < 0 ||
		read_word(vgpu, REGISTER(max_xres), &edid->max_xres) < 0 ||
		read_word(vgpu, REGISTER(max_yres), &edid->max_yres) < 0) {
		memset(edid, 0, sizeof(*edid));
		return;
	}
	if (edid->max_size > MAX_BLOB) {
		edid->max_size = MAX_BLOB;
	}
	/* A region without room for one block is of no use. */
	edid->present = edid->max_size >= BLOCK;
}

int vgpu_edid_unplug(struct vgpu *vgpu)
{
	if (!vgpu->info.edid.present) {
		return -ENOTSUP;
	}
	return write_register(vgpu, REGISTER(link_state), VFIO_DEVICE_GFX_LINK_STATE_DOWN);
}

int vgpu_edid_set(struct vgpu *vgpu, const void *blob, size_t size)
{
	const unsigned char *bytes = blob;
	uint32_t offset;
	int rc;

	if (!vgpu->info.edid.present) {
		return -ENOTSUP;
	}
	if (size > vgpu->info.edid.max_size) {
		return -E2BIG;
	}
	if (size == 0 || size % BLOCK != 0) {
		return -EINVAL;
	}
	rc = blob_offset(vgpu, &offset);
	if (rc < 0) {
		return rc;
	}
	rc = write_register(vgpu, REGISTER(edid_size), (uint32_t)size);
	if (rc < 0) {
		return rc;
	}
	for (uint32_t i = 0; i < size; i += 4) {
		rc = write_word(vgpu, offset + i, bytes + i);
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

int vgpu_edid_plug(struct vgpu *vgpu)
{
	if (!vgpu->info.edid.present) {
		return -ENOTSUP;
	}
	return write_register(vgpu, REGISTER(link_state), VFIO_DEVICE_GFX_LINK_STATE_UP);
}

int vgpu_edid_get(struct vgpu *vgpu, void *blob, size_t size)
{
	unsigned char *bytes = blob;
	uint32_t offset;
	uint32_t length;
	int rc;

	if (!vgpu->info.edid.present) {
		return -ENOTSUP;
	}
	rc = blob_offset(vgpu, &offset);
	if (rc < 0) {
		return rc;
	}
	rc = read_word(vgpu, REGISTER(edid_size), &length);
	if (rc < 0) {
		return rc;
	}
	if (length > vgpu->info.edid.max_size || length % 4 != 0) {
		return -EIO;
	}
	if (length > size) {
		return -ENOBUFS;
	}
	for (uint32_t i = 0; i < length; i += 4) {
		rc = read_word(vgpu, offset + i, bytes + i);
		if (rc < 0) {
			return rc;
		}
	}
	return (int)length;
}

bool vgpu_edid_is(struct vgpu *vgpu, const void *blob, size_t size)
{
	const unsigned char *bytes = blob;
	uint32_t offset, length, link, word;

	if (!vgpu->info.edid.present || blob_offset(vgpu, &offset) < 0 ||
		read_word(vgpu, REGISTER(edid_size), &length) < 0 ||
		read_word(vgpu, REGISTER(link_state), &link) < 0) {
		return false;
	}
	if (link != VFIO_DEVICE_GFX_LINK_STATE_UP || length != size || size % 4 != 0 ||
		size > vgpu->info.edid.max_size) {
		return false;
	}
	for (uint32_t i = 0; i < size; i += 4) {
		if (read_word(vgpu, offset + i, &word) < 0 || memcmp(&word, bytes + i, 4) != 0) {
			return false;
		}
	}
	return true;
}

void vgpu_edid_forget(struct vgpu *vgpu)
{
	vgpu->info.edid = (struct vgpu_edid){0};
}
