/* SPDX-License-Identifier: MIT */
/*
 * A vgpu whose ops answer just what a test says, for tests of vfio/vgpu.c, edid.c and plane.c.
 *
 * The test owns the struct (no heap), fills the answers, and looks at what was asked. fake_init()
 * discovers, so the answers to PROBE are parameters. fake_finish() asserts that nothing is left.
 */
#ifndef TESTS_FAKE_VGPU_H
#define TESTS_FAKE_VGPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/vfio.h>

#include "vfio/vgpu_impl.h"

#define FAKE_EDID_SIZE 4096
#define FAKE_LOG 1024

enum fake_fd {
	FAKE_FD_MEMFD, /* close-on-exec, of fd_length bytes */
	FAKE_FD_INHERITABLE, /* the same without close-on-exec */
	FAKE_FD_PIPE, /* can't tell its length */
	FAKE_FD_CLOSED, /* a number that is no open fd */
};

enum fake_edid {
	FAKE_EDID_NONE,
	FAKE_EDID_STRICT, /* as GVT-g: 4 bytes, read-only means -EPERM, no blob beyond edid_size */
	FAKE_EDID_LAX, /* as mbochs: ignores what it doesn't like */
};

struct fake_vgpu {
	struct vgpu vgpu;

	/* answers */
	bool dmabuf, region;
	int probe_error; /* instead of an answer to PROBE */
	int query_error;
	bool untouched; /* returns 0 and leaves the struct as it came */
	struct vfio_device_gfx_plane_info answer[3]; /* by plane type */
	int fetch_error;
	enum fake_fd fd_kind;
	off_t fd_length;
	int map_error;
	uint32_t region_index;
	size_t region_size;
	enum fake_edid edid;
	int edid_error;
	uint8_t edid_bytes[FAKE_EDID_SIZE];

	/* what was asked */
	unsigned queries, probes, fetches, maps, unmaps, destroyed;
	bool dirty; /* an output field was not 0 on entry */
	struct vfio_device_gfx_plane_info asked; /* the last query as it came */
	uint32_t fetched_id;
	int fetched_fd;
	unsigned edid_words; /* accesses of 4 aligned bytes */
	unsigned edid_others; /* accesses of another kind */
	uint32_t edid_log[FAKE_LOG]; /* offsets written, in order */
	unsigned edid_logged;
};

/* Zero the struct, set edid and answers to PROBE, then this. Returns what vgpu_discover() does. */
int fake_init(struct fake_vgpu *fake);
void fake_finish(struct fake_vgpu *fake);

/* Sets the EDID registers as a device does after boot. */
void fake_edid_registers(struct fake_vgpu *fake, uint32_t offset, uint32_t max_size,
	uint32_t max_xres, uint32_t max_yres);
uint32_t fake_edid_word(const struct fake_vgpu *fake, uint32_t offset);

/* A valid XRGB8888 linear plane, or a valid cursor. */
struct vfio_device_gfx_plane_info fake_primary(uint32_t width, uint32_t height);
struct vfio_device_gfx_plane_info fake_cursor(uint32_t side, uint32_t x, uint32_t y);

#endif
