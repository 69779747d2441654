/* SPDX-License-Identifier: MIT */
/*
 * Inside the simulated vGPU only: its state, and what its files offer each other.
 *
 * Two mutexes, always taken in this order. paint is held while pixels or the set of buffers change,
 * a frame long at most. lock guards what a query sees and is held for moments. Fields marked "both"
 * are written with both held and may be read with either.
 */
#ifndef VFIO_SIM_IMPL_H
#define VFIO_SIM_IMPL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/vfio.h>

#include "vfio/sim.h"
#include "vfio/sim_scene.h"
#include "vfio/vgpu_impl.h"

#define SIM_BUFFERS 3
#define SIM_IDS 16 /* three buffers, a cursor, and what a mode change leaves behind */
#define SIM_REGION 16 /* as mdpy's, beyond the regions that the device counts */
#define SIM_PLANES 2
#define SIM_CURSOR_SIDE 64
#define SIM_CURSOR_HOT 4 /* where the arrow's tip is */
#define SIM_HOT_UNKNOWN 0xffffffffu
#define SIM_POSITION_MASK 0x1fffu /* GVT-g passes 13 bits and no sign */
#define SIM_EDID_OFFSET 2048
#define SIM_EDID_MAX_SIZE 256 /* bytes: a base block and one extension */
#define SIM_EDID_MAX_XRES 3840
#define SIM_EDID_MAX_YRES 2160

struct sim_format {
	const char *name; /* as a fourcc is spelled */
	uint32_t fourcc;
	unsigned pixel_bytes;
	bool yuv; /* two pixels share their colour */
};

struct sim_mode {
	uint32_t width, height; /* pixels */
	const struct sim_format *format;
	uint64_t modifier; /* stated only: pixels are always linear */
	uint32_t stride; /* bytes */
	uint32_t size; /* bytes, as stated */
};

/* Memory of the "guest" that a plane can show. */
struct sim_buffer {
	struct sim_mode mode;
	uint32_t id; /* 0: not in the table */
	int fd; /* memfd, or the file that others paint */
	int dmabuf; /* made from fd by udmabuf, -1 where the kernel has none */
	uint8_t *map; /* NULL where others paint */
	size_t map_size;
	int64_t frame; /* of the scene, -1: none */
	bool retired; /* waits for the query that forgets it */
};

struct sim_cursor {
	bool present; /* there is such a plane */
	bool visible;
	bool path; /* moves by itself in scene desktop */
	bool hot_known;
	uint32_t hot_x, hot_y;
	int32_t x, y; /* top left corner, may be negative */
};

struct sim_edid {
	uint32_t size;
	uint32_t link;
	bool down; /* the guest has seen the cable go */
	int64_t plug_at; /* when the guest looks at the new monitor, ns; 0: nothing to see */
	uint32_t width, height; /* what it will choose, 0: stays as it is */
	uint8_t blob[SIM_EDID_MAX_SIZE];
};

/* Fields of a raw answer that commands put in place of the true ones. */
struct sim_raw {
	uint32_t set; /* a bit each, in the order of the names in sim_fault.c */
	struct vfio_device_gfx_plane_info info;
};

enum sim_fault {
	SIM_FAULT_QUERY, /* query fails with an error */
	SIM_FAULT_STALE, /* fetch knows no id */
	SIM_FAULT_SHORT, /* fetch gives too small a buffer */
	SIM_FAULT_STRIDE, /* query says stride 0 */
	SIM_FAULT_SIZE, /* query says size 0 */
	SIM_FAULT_COUNT,
};

struct sim {
	struct vgpu vgpu;
	unsigned fps;
	bool region;
	char *control_path;

	pthread_mutex_t paint;
	struct sim_buffer *chain[SIM_BUFFERS];
	unsigned chain_count;
	unsigned shown; /* index of the front buffer */
	struct sim_scratch scratch;
	uint32_t *pixels; /* a canvas of its own for formats other than XRGB8888, else NULL */
	int64_t pixels_frame;
	int64_t frame; /* last one that was painted */
	bool flip;
	bool garbage; /* junk in the X bytes */
	struct sim_buffer *cursor_buffer; /* both */

	pthread_mutex_t lock;
	pthread_cond_t wake; /* of the painter */
	struct sim_buffer *ids[SIM_IDS];
	unsigned out[SIM_IDS]; /* fds of each id that are with the caller: it stays taken */
	struct sim_buffer *front; /* both */
	struct sim_buffer *told[SIM_PLANES]; /* what the last query of each plane told */
	enum sim_scene scene; /* both */
	bool paused, blank, gone, broken, quit; /* both, but quit */
	bool hung; /* queries of the primary plane wait; both */
	struct sim_cursor cursor;
	struct sim_edid edid;
	struct sim_raw raw[SIM_PLANES];
	unsigned faults[SIM_FAULT_COUNT]; /* how often each still happens */
	int fault_error;

	int memory; /* fd of the file that others paint, or of the region; else -1 */
	size_t memory_size;
	bool outside; /* memory is painted by others */
	pthread_t painter;
	bool painting; /* the thread exists */
	pthread_t listener;
	bool listening;
	int control; /* socket, -1 */
	int control_quit; /* eventfd, -1 */
};

/* sim.c */
extern const struct vgpu_ops sim_ops;
extern const struct vgpu_ops sim_ops_edid;
/* NULL if vgpu is of another kind. */
struct sim *sim_from_vgpu(struct vgpu *vgpu);

/* sim_format.c: converts from and to XRGB8888 with X = 0. */
const struct sim_format *sim_format_by_name(const char *name);
void sim_format_write(const struct sim_mode *mode, uint8_t *to, const uint32_t *from, size_t pitch);
/* One line. YUV as BT.709, limited range, each colour for both of its pixels. */
void sim_format_read_line(const struct sim_mode *mode, uint32_t *to, const uint8_t *from);
/* Fills in stride (0: a fitting one) and size. -EINVAL with why. */
int sim_mode_complete(struct sim_mode *mode, char *why, size_t why_size);

/* sim_buffer.c: -errno and why. make takes a mode that is complete. */
int sim_buffer_make(struct sim *sim, const struct sim_mode *mode, struct sim_buffer **buffer,
	char *why, size_t why_size);
void sim_buffer_free(struct sim_buffer *buffer);
int sim_memory_make(size_t size, const char *name, bool sealable);
/* The id table; lock is held. */
void sim_buffer_publish(struct sim *sim, struct sim_buffer *buffer);
/* Returns the buffer where the caller shall free it, NULL where a query still has to forget it. */
struct sim_buffer *sim_buffer_retire(struct sim *sim, struct sim_buffer *buffer);
struct sim_buffer *sim_buffer_find(struct sim *sim, uint32_t id);

/* sim_paint.c */
int64_t sim_now(void);
/* Changes mode and shows a first frame. Takes paint. -errno and why; then nothing has changed. */
int sim_mode_set(struct sim *sim, const struct sim_mode *mode, char *why, size_t why_size);
/* These want paint held. */
void sim_step(struct sim *sim);
void sim_repaint(struct sim *sim);
void sim_fill_shown(struct sim *sim, struct sim_rect rect, uint32_t color);
void sim_spoil_shown(struct sim *sim);
int sim_painter_start(struct sim *sim);
void sim_painter_stop(struct sim *sim);

/* sim_cursor.c */
int sim_cursor_init(struct sim *sim, char *why, size_t why_size);
/* Draws a shape by name into the buffer that there is. paint is held. -EINVAL if unknown. */
int sim_cursor_draw(struct sim *sim, const char *shape);
/* Where the path leads at a frame; lock is held. */
void sim_cursor_follow(struct sim *sim, int64_t frame);

/* sim_edid.c: ops. */
int sim_edid_read(struct vgpu *vgpu, uint32_t offset, void *data, size_t size);
int sim_edid_write(struct vgpu *vgpu, uint32_t offset, const void *data, size_t size);

/* sim_fault.c; lock is held. */
void sim_raw_apply(const struct sim_raw *raw, struct vfio_device_gfx_plane_info *info);

/* sim_control.c */
int sim_control_start(struct sim *sim, const char *path, char *why, size_t why_size);
void sim_control_stop(struct sim *sim);

#endif
