/* SPDX-License-Identifier: MIT */
/*
 * A hostile device: what libFuzzer gives is a program of answers to queries, lengths of dma-bufs and
 * regions, and EDID registers, run through vfio/ over the fake device of the unit tests.
 *
 * What must hold, whatever the device says: an accepted plane is within the limits and its extent
 * within its size; memory that is handed out can be read to that extent; an id is never fetched while
 * its buffer is out; each refusal is counted once; a refused plane writes nothing.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <linux/vfio.h>

#include "tests/unit/fake_vgpu.h"
#include "vfio/fourcc.h"

#define MAX_HELD 4
#define MAX_LENGTH (UINT64_C(1) << 40)

#define MUST(condition)                                                         \
	do {                                                                    \
		if (!(condition)) {                                             \
			fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
			abort();                                                \
		}                                                               \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t left;
};

struct run {
	struct fake_vgpu fake;
	uint64_t budget;
	uint64_t refused;
	struct plane plane; /* the last one that was accepted */
	bool accepted;
	struct vgpu_buffer *held[MAX_HELD];
};

/* Takes bytes; zeroes where there are no more. */
static void take(struct input *input, void *out, size_t size)
{
	size_t taken = size < input->left ? size : input->left;

	memset(out, 0, size);
	memcpy(out, input->data, taken);
	input->data += taken;
	input->left -= taken;
}

static uint8_t take_byte(struct input *input)
{
	uint8_t byte;

	take(input, &byte, 1);
	return byte;
}

/*
 * An answer: all of it from the input, or a good one with some fields from the input, as a fuzzer
 * would need long to find a good one.
 */
static struct vfio_device_gfx_plane_info take_answer(struct input *input, enum plane_type type)
{
	static const uint32_t formats[] = {FOURCC_XRGB8888, FOURCC_ARGB8888, FOURCC_XBGR8888,
		FOURCC_ABGR8888, FOURCC_XRGB2101010, FOURCC_XBGR2101010, FOURCC_RGB565, FOURCC_YUYV,
		FOURCC_YVYU, FOURCC_UYVY, FOURCC_VYUY, FOURCC_C8};
	static const uint64_t modifiers[] = {MODIFIER_LINEAR, MODIFIER_I915_X_TILED,
		MODIFIER_I915_Y_TILED, MODIFIER_I915_YF_TILED};
	struct vfio_device_gfx_plane_info raw;
	uint8_t how = take_byte(input);
	uint8_t fields = take_byte(input);
	uint16_t width, height;
	int16_t size_error;

	if (how & 1) {
		take(input, &raw, sizeof(raw));
		return raw;
	}
	take(input, &width, sizeof(width));
	take(input, &height, sizeof(height));
	raw = type == PLANE_CURSOR ? fake_cursor(width % 257, height, width)
				   : fake_primary(width % 16385, height % 16385);
	if (type == PLANE_PRIMARY) {
		raw.drm_format = formats[(how >> 1) % 12];
		raw.drm_format_mod = modifiers[(how >> 5) % 4];
		if (raw.drm_format_mod != MODIFIER_LINEAR) {
			raw.stride = (raw.stride + 511) / 512 * 512;
			raw.size = raw.stride * ((raw.height + 31) / 32 * 32);
		}
	}
	if (fields & 1) {
		take(input, &raw.drm_format, 4);
	}
	if (fields & 2) {
		take(input, &raw.drm_format_mod, 8);
	}
	if (fields & 4) {
		take(input, &raw.width, 4);
	}
	if (fields & 8) {
		take(input, &raw.height, 4);
	}
	if (fields & 16) {
		take(input, &raw.stride, 4);
	}
	if (fields & 32) {
		/* Near the size that is needed, where mistakes are. */
		take(input, &size_error, sizeof(size_error));
		raw.size = (uint32_t)((uint64_t)raw.stride * raw.height + (uint64_t)size_error);
	}
	if (fields & 64) {
		take(input, &raw.x_pos, 16);
	}
	raw.dmabuf_id = fields & 128 ? take_byte(input) % (MAX_HELD + 1) : 1;
	return raw;
}

/* Said once more, and not asked of the code under test. */
static uint32_t pixel_bytes(uint32_t format)
{
	bool four = format == FOURCC_XRGB8888 || format == FOURCC_ARGB8888 ||
		format == FOURCC_XBGR8888 || format == FOURCC_ABGR8888 ||
		format == FOURCC_XRGB2101010 || format == FOURCC_XBGR2101010;

	return four ? 4 : 2;
}

static void check_accepted(const struct run *run, const struct vfio_device_gfx_plane_info *raw,
	const struct plane *plane)
{
	uint64_t extent = plane_extent(plane);

	MUST(extent > 0);
	MUST(extent <= plane->size);
	MUST(plane->stride >= (uint64_t)plane->width * pixel_bytes(plane->format));
	MUST(extent >= (uint64_t)plane->stride * (plane->height - 1));
	if (plane->type == PLANE_CURSOR) {
		MUST(plane->width >= 1 && plane->width <= PLANE_MAX_CURSOR_SIDE);
		MUST(plane->height >= 1 && plane->height <= PLANE_MAX_CURSOR_SIDE);
		MUST(plane->modifier == MODIFIER_LINEAR);
	} else {
		MUST(plane->width >= PLANE_MIN_SIDE && plane->width <= PLANE_MAX_SIDE);
		MUST(plane->height >= PLANE_MIN_SIDE && plane->height <= PLANE_MAX_SIDE);
		MUST(run->budget == 0 || (uint64_t)plane->width * plane->height * 4 <= run->budget);
	}
	MUST(plane->kind == PLANE_KIND_DMABUF || plane->modifier == MODIFIER_LINEAR);
	MUST(plane->format == raw->drm_format && plane->modifier == raw->drm_format_mod);
	MUST(plane->width == raw->width && plane->height == raw->height);
	MUST(plane->stride == raw->stride && plane->size == raw->size);
	MUST(plane->id == raw->dmabuf_id);
}

static void do_query(struct run *run, struct input *input, enum plane_type type)
{
	struct vfio_device_gfx_plane_info raw = take_answer(input, type);
	enum plane_kind kind = run->fake.dmabuf ? PLANE_KIND_DMABUF : PLANE_KIND_REGION;
	struct plane before, plane;
	struct vgpu_query query;
	enum plane_refusal refusal;
	enum vgpu_answer answer;

	memset(&before, 0x5a, sizeof(before));
	plane = before;
	refusal = plane_check(&raw, type, kind, run->budget, &plane);
	MUST(refusal < PLANE_REFUSAL_COUNT);
	if (refusal != PLANE_ACCEPTED) {
		MUST(memcmp(&plane, &before, sizeof(plane)) == 0);
	} else {
		check_accepted(run, &raw, &plane);
	}

	run->fake.answer[type] = raw;
	answer = vgpu_query(&run->fake.vgpu, type, &query);
	MUST(!run->fake.dirty);
	if (type == PLANE_CURSOR && !run->fake.dmabuf) {
		MUST(answer == VGPU_NO_PICTURE);
		return;
	}
	switch (answer) {
	case VGPU_PICTURE:
		MUST(refusal == PLANE_ACCEPTED && raw.drm_format != 0);
		MUST(plane_equal(&query.plane, &plane));
		if (type == PLANE_CURSOR) {
			MUST(query.position.x >= -PLANE_MAX_CURSOR_SIDE);
			MUST(query.position.y >= -PLANE_MAX_CURSOR_SIDE);
			MUST(query.position.x <= PLANE_MAX_SIDE);
			MUST(query.position.y <= PLANE_MAX_SIDE);
			MUST(query.position.hot_x < plane.width || !query.position.hot_known);
			MUST(query.position.hot_y < plane.height || !query.position.hot_known);
		}
		run->plane = query.plane;
		run->accepted = true;
		break;
	case VGPU_REFUSED:
		MUST(query.refusal == refusal && refusal != PLANE_ACCEPTED);
		MUST(query.format == raw.drm_format);
		run->refused++;
		break;
	case VGPU_NO_PICTURE:
		MUST(raw.drm_format == 0);
		break;
	case VGPU_TRANSIENT:
	case VGPU_GONE:
		MUST(run->fake.query_error && query.error == run->fake.query_error);
		break;
	}
}

static bool is_held(const struct run *run, uint32_t id)
{
	for (int i = 0; i < MAX_HELD; i++) {
		if (run->held[i] && run->held[i]->fd >= 0 && run->held[i]->plane.id == id) {
			return true;
		}
	}
	return false;
}

/* Reads the first and the last byte that the plane says are there. */
static void touch(const struct vgpu_buffer *buffer)
{
	uint64_t extent = plane_extent(&buffer->plane);
	const volatile uint8_t *bytes = buffer->map;
	void *map = NULL;

	if (buffer->fd >= 0 && buffer->real_size > 0) {
		map = mmap(NULL, extent, PROT_READ, MAP_SHARED, buffer->fd, 0);
		MUST(map != MAP_FAILED);
		bytes = map;
	}
	if (bytes) {
		(void)bytes[0];
		(void)bytes[extent - 1];
	}
	if (map) {
		munmap(map, extent);
	}
}

static void do_get(struct run *run, struct input *input)
{
	struct vgpu_buffer **slot = &run->held[take_byte(input) % MAX_HELD];
	enum plane_refusal refusal;
	uint64_t length;
	unsigned fetches = run->fake.fetches;
	bool busy;
	int rc;

	take(input, &length, sizeof(length));
	length %= MAX_LENGTH;
	run->fake.fd_length = (off_t)length;
	run->fake.region_size = (size_t)length;
	run->fake.region_index = take_byte(input) % (MAX_HELD + 1);
	run->fake.fd_kind = take_byte(input) % 4;
	if (!run->accepted || *slot) {
		return;
	}
	busy = run->plane.kind == PLANE_KIND_DMABUF && is_held(run, run->plane.id);
	rc = vgpu_buffer_get(&run->fake.vgpu, &run->plane, slot, &refusal);
	MUST((rc == 0) == (*slot != NULL));
	MUST((rc == -EBUSY) == busy);
	MUST(!busy || run->fake.fetches == fetches);
	MUST((rc == -EPROTO) == (refusal != PLANE_ACCEPTED));
	run->refused += rc == -EPROTO;
	if (rc == 0) {
		MUST(plane_equal(&(*slot)->plane, &run->plane));
		MUST((*slot)->real_size >= plane_extent(&run->plane) ||
			((*slot)->fd >= 0 && run->fake.fd_kind == FAKE_FD_PIPE));
		touch(*slot);
	}
}

static void do_put(struct run *run, struct input *input)
{
	struct vgpu_buffer **slot = &run->held[take_byte(input) % MAX_HELD];

	vgpu_buffer_put(*slot);
	*slot = NULL;
}

/* On the heap at the very size, so that AddressSanitizer sees a byte too many. */
static void do_edid(struct run *run, struct input *input)
{
	uint8_t what = take_byte(input);
	size_t size = (size_t)take_byte(input) * 4;
	uint8_t *blob = calloc(1, size ? size : 1);
	uint16_t at;
	int rc;

	MUST(blob);
	take(input, &at, sizeof(at));
	take(input, run->fake.edid_bytes + at % (FAKE_EDID_SIZE - 24), 24);
	switch (what % 4) {
	case 0:
		rc = vgpu_edid_get(&run->fake.vgpu, blob, size);
		MUST(rc <= (int)size);
		break;
	case 1:
		rc = vgpu_edid_set(&run->fake.vgpu, blob, size);
		MUST(rc <= 0);
		break;
	case 2:
		MUST(vgpu_edid_unplug(&run->fake.vgpu) <= 0);
		break;
	default:
		MUST(vgpu_edid_plug(&run->fake.vgpu) <= 0);
		break;
	}
	free(blob);
}

static void check_counters(struct run *run)
{
	struct vgpu_counters *counters = vgpu_counters(&run->fake.vgpu);
	uint64_t refused = 0;

	MUST(atomic_load(&counters->refused[PLANE_ACCEPTED]) == 0);
	for (int i = 0; i < PLANE_REFUSAL_COUNT; i++) {
		refused += atomic_load(&counters->refused[i]);
	}
	MUST(refused == run->refused);
	MUST(atomic_load(&counters->fetches) == run->fake.fetches);
	MUST(atomic_load(&counters->queries) == run->fake.queries + run->fake.probes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int errors[] = {0, 0, 0, 0, 0, -ENOMEM, -EINVAL, -ENODEV};
	struct input input = {data, size};
	struct run run = {0};
	uint8_t flags = take_byte(&input);

	run.fake.dmabuf = !(flags & 1);
	run.fake.region = flags & 1;
	run.fake.edid = (flags >> 1) % 3;
	take(&input, run.fake.edid_bytes, 24);
	take(&input, &run.budget, flags & 16 ? sizeof(run.budget) : 3);
	MUST(fake_init(&run.fake) == 0);
	vgpu_set_budget(&run.fake.vgpu, run.budget);
	while (input.left > 0) {
		uint8_t what = take_byte(&input);

		run.fake.query_error = errors[what >> 5];
		switch (what % 8) {
		case 0:
		case 1:
		case 2:
			do_query(&run, &input, PLANE_PRIMARY);
			break;
		case 3:
			do_query(&run, &input, PLANE_CURSOR);
			break;
		case 4:
		case 5:
			do_get(&run, &input);
			break;
		case 6:
			do_put(&run, &input);
			break;
		default:
			do_edid(&run, &input);
			break;
		}
	}
	for (int i = 0; i < MAX_HELD; i++) {
		vgpu_buffer_put(run.held[i]);
	}
	check_counters(&run);
	fake_finish(&run.fake);
	return 0;
}
