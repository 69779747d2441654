/* SPDX-License-Identifier: MIT */
/*
 * A virtual GPU seen through the VFIO gfx-plane interface: the kernel's or the simulated one.
 *
 * One thread at a time may call into a vgpu (the capture thread, once it runs); counters may be read
 * from any thread. The vgpu owns its device fd; a vgpu_buffer owns its dma-buf fd or mapping. All
 * buffers must be put before the vgpu is destroyed. Nothing here logs: reasons travel as text.
 */
#ifndef VFIO_VGPU_H
#define VFIO_VGPU_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vfio/plane.h"

struct vgpu;

struct vgpu_counters {
	atomic_uint_fast64_t ioctls; /* VFIO calls of every kind, the next ones included */
	atomic_uint_fast64_t queries; /* QUERY_GFX_PLANE */
	atomic_uint_fast64_t fetches; /* GET_GFX_DMABUF */
	atomic_uint_fast64_t maps; /* region mappings made */
	atomic_uint_fast64_t transient; /* queries with an error that may pass, such as -ENOMEM */
	atomic_uint_fast64_t stale; /* ids that were gone when fetched */
	atomic_uint_fast64_t refused[PLANE_REFUSAL_COUNT];
};

struct vgpu_edid {
	bool present;
	uint32_t max_size; /* bytes */
	uint32_t max_xres; /* pixels, 0: no limit */
	uint32_t max_yres;
	uint64_t offset; /* of the region in a kernel device's file; else 0 */
};

struct vgpu_info {
	char name[128]; /* for people: "mdev 1234…", "simulated 1280x720" */
	char render_node[64]; /* DRM render node of the GPU behind it, "" where none is known */
	bool dmabuf; /* PROBE|DMABUF said yes */
	bool region; /* PROBE|REGION said yes */
	bool cursor_plane; /* CURSOR queries mean something (dma-buf devices only) */
	bool sample; /* without EDIDs, lays out its file as the kernel samples do, not by PCI regions */
	struct vgpu_edid edid;
};

enum vgpu_answer {
	VGPU_PICTURE, /* plane is filled */
	VGPU_NO_PICTURE, /* the guest has not set a mode, or has switched the plane off */
	VGPU_TRANSIENT, /* a mode set is under way; ask again next tick */
	VGPU_REFUSED, /* the plane fails a check: see refusal */
	VGPU_GONE, /* the device does not answer any more */
};

struct vgpu_query {
	struct plane plane; /* valid for VGPU_PICTURE */
	struct plane_position position; /* valid for VGPU_PICTURE of a cursor */
	enum plane_refusal refusal; /* valid for VGPU_REFUSED */
	uint32_t format; /* the raw fourcc, for messages; valid for VGPU_REFUSED */
	int error; /* -errno behind VGPU_TRANSIENT and VGPU_GONE */
};

/* A plane's memory. One of fd and map is in use, by plane.kind. */
struct vgpu_buffer {
	struct vgpu *vgpu;
	struct plane plane;
	int fd; /* dma-buf, -1 for a region */
	const void *map; /* region, NULL for a dma-buf */
	size_t map_size; /* bytes that are mapped and readable */
	size_t real_size; /* bytes that the fd or region really has; 0 where the kernel can't tell */
};

void vgpu_destroy(struct vgpu *vgpu);
const struct vgpu_info *vgpu_info(const struct vgpu *vgpu);
struct vgpu_counters *vgpu_counters(struct vgpu *vgpu);

/* Largest picture in bytes (4 a pixel) that queries accept; 0: no limit. Default 512 MiB. */
void vgpu_set_budget(struct vgpu *vgpu, uint64_t bytes);

/* One query of a plane. A cursor query of a device without a cursor plane makes no call. */
enum vgpu_answer vgpu_query(struct vgpu *vgpu, enum plane_type type, struct vgpu_query *query);

/*
 * Gets the memory behind a plane that vgpu_query() has just returned. Returns 0 and a buffer that the
 * caller puts; -ESTALE when the id is gone (query again); -EBUSY when a buffer of the same id is still
 * held (put that one first: a second fetch kills some kernels); -EPROTO with *refusal; else -errno.
 */
int vgpu_buffer_get(struct vgpu *vgpu, const struct plane *plane, struct vgpu_buffer **buffer,
	enum plane_refusal *refusal);
void vgpu_buffer_put(struct vgpu_buffer *buffer);

/*
 * The EDID protocol in its three steps; the caller waits 100 ms between set and plug (kernel
 * samples and QEMU agree on that). -ENOTSUP without an EDID region, -E2BIG over max_size.
 */
int vgpu_edid_unplug(struct vgpu *vgpu);
int vgpu_edid_set(struct vgpu *vgpu, const void *blob, size_t size);
int vgpu_edid_plug(struct vgpu *vgpu);
/* Reads the blob that is set now; returns its length or -errno. */
int vgpu_edid_get(struct vgpu *vgpu, void *blob, size_t size);
/* Is the display plugged in, with this EDID? Not where the device can't tell. */
bool vgpu_edid_is(struct vgpu *vgpu, const void *blob, size_t size);
/* From now on it counts as a device without. */
void vgpu_edid_forget(struct vgpu *vgpu);

#endif
