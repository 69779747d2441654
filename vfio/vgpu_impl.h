/* SPDX-License-Identifier: MIT */
/*
 * Inside vfio/ only: what a kind of vgpu (kernel device, simulated) implements.
 *
 * The ops speak the kernel's raw language, quirks included; vgpu.c does the checking, counting and
 * bookkeeping for all kinds. Called by one thread at a time. All return 0 or -errno.
 */
#ifndef VFIO_VGPU_IMPL_H
#define VFIO_VGPU_IMPL_H

#include "vfio/pointer.h"
#include "vfio/vgpu.h"

struct vfio_device_gfx_plane_info;

struct vgpu_ops {
	/* As ioctl(VFIO_DEVICE_QUERY_GFX_PLANE): argsz, flags and drm_plane_type are set. */
	int (*query)(struct vgpu *vgpu, struct vfio_device_gfx_plane_info *info);
	/* As ioctl(VFIO_DEVICE_GET_GFX_DMABUF): an fd that the caller owns, or -errno. */
	int (*fetch)(struct vgpu *vgpu, uint32_t id);
	/* What the kernel sees by itself: that fd was closed. NULL where nobody has to be told. */
	void (*released)(struct vgpu *vgpu, uint32_t id);
	/* Maps a whole region for reading; -ENOENT where there is no such region. */
	int (*map)(struct vgpu *vgpu, uint32_t region, const void **map, size_t *size);
	void (*unmap)(struct vgpu *vgpu, const void *map, size_t size);
	/* pread and pwrite inside the EDID region; NULL where there is none. */
	int (*edid_read)(struct vgpu *vgpu, uint32_t offset, void *data, size_t size);
	int (*edid_write)(struct vgpu *vgpu, uint32_t offset, const void *data, size_t size);
	/* Frees what the kind owns and the vgpu itself. */
	void (*destroy)(struct vgpu *vgpu);
};

/* Embedded first in each kind's own struct. */
struct vgpu {
	const struct vgpu_ops *ops;
	struct vgpu_info info;
	struct vgpu_counters counters;
	uint64_t budget;
	struct vgpu_held *held; /* ids whose buffers are out, see vgpu.c */
	struct pointer_tracker pointer;
};

/* Takes zeroed memory; leaves info alone. */
void vgpu_init(struct vgpu *vgpu, const struct vgpu_ops *ops);
/*
 * Asks for plane kinds (PROBE) and the EDID registers, and fills info. The last step of opening.
 * -ENOTSUP where the device offers neither kind.
 */
int vgpu_discover(struct vgpu *vgpu);
/* The part of it in edid.c: a region that doesn't answer sensibly counts as absent. */
void vgpu_edid_discover(struct vgpu *vgpu);
/* Frees what vgpu_init() and vgpu_discover() made; for ops->destroy. Takes zeroed memory. */
void vgpu_finish(struct vgpu *vgpu);

#endif
