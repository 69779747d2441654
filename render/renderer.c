/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "render/cursor.h"
#include "render/damage.h"
#include "render/format.h"
#include "render/guard.h"
#include "render/impl.h"
#include "render/tile.h"

/*
 * Seconds per byte above which mapped reads are called slow. Ordinary memory costs 0.05 to 0.2 ns,
 * memory behind a bus that is read uncached 5 to 50. At 1 ns a look at 1920x1080 takes 8 ms: half of
 * the time that 60 fps leave, so from there on a GPU that reads for us is the better way.
 */
#define SLOW_READ 1e-9

#define HUGE_PAGE ((size_t)2 << 20)

static void count(atomic_uint_fast64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/*
 * Opens GL at its first need, once: a context costs tens of megabytes, which a bridge that only ever
 * sees mapped pictures should not pay.
 */
static int open_gl(struct renderer *renderer)
{
	if (renderer->gl) {
		return 0;
	}
	if (renderer->gl_missing[0]) {
		return -ENOTSUP;
	}
	if (renderer->options.kind == RENDERER_CPU) {
		snprintf(renderer->gl_missing, sizeof(renderer->gl_missing),
			"the CPU renderer was asked for");
		return -ENOTSUP;
	}
	renderer->gl = gl_create(renderer, renderer->options.render_node, renderer->gl_missing,
		sizeof(renderer->gl_missing));
	if (!renderer->gl) {
		if (!renderer->gl_missing[0]) {
			snprintf(renderer->gl_missing, sizeof(renderer->gl_missing),
				"EGL could not be opened");
		}
		return -ENOTSUP;
	}
	renderer->gl_missing[0] = '\0';
	snprintf(renderer->description, sizeof(renderer->description), "%s",
		gl_describe(renderer->gl));
	return 0;
}

static bool has_hardware_gl(struct renderer *renderer)
{
	return open_gl(renderer) == 0 && !gl_is_software(renderer->gl);
}

/* What there is to say while GL is not open. */
static void describe_closed(struct renderer *renderer)
{
	static const char *const texts[] = {
		[RENDERER_CPU] = "cpu",
		[RENDERER_AUTO] = "cpu, and gl once a buffer needs it",
		[RENDERER_GL] = "gl, once there is a device",
	};

	snprintf(renderer->description, sizeof(renderer->description), "%s",
		texts[renderer->options.kind]);
}

struct renderer *renderer_create(const struct renderer_options *options, char *why, size_t why_size)
{
	struct renderer *renderer;
	int ret;

	ret = guard_install();
	if (ret < 0) {
		snprintf(why, why_size, "SIGBUS can't be handled: %s", strerror(-ret));
		errno = -ret;
		return NULL;
	}

	renderer = calloc(1, sizeof(*renderer));
	if (!renderer) {
		goto no_memory;
	}
	renderer->options = *options;
	if (options->render_node) {
		renderer->options.render_node = strdup(options->render_node);
		if (!renderer->options.render_node) {
			goto no_memory;
		}
	}
	describe_closed(renderer);
	if (options->kind == RENDERER_GL && !options->node_later) {
		ret = open_gl(renderer);
		if (ret < 0) {
			snprintf(why, why_size, "%s", renderer->gl_missing);
			goto error;
		}
	}
	return renderer;

no_memory:
	snprintf(why, why_size, "no memory for a renderer");
	ret = -ENOMEM;
error:
	renderer_destroy(renderer);
	errno = -ret;
	return NULL;
}

void renderer_destroy(struct renderer *renderer)
{
	if (!renderer) {
		return;
	}
	gl_destroy(renderer->gl);
	free((char *)renderer->options.render_node);
	free(renderer->snapshot.pixels);
	free(renderer);
}

int renderer_set_node(
	struct renderer *renderer, const char *render_node, char *why, size_t why_size)
{
	const char *old = renderer->options.render_node;
	bool same = old && render_node ? strcmp(old, render_node) == 0 : old == render_node;

	if (!same) {
		char *copy = render_node ? strdup(render_node) : NULL;

		if (render_node && !copy) {
			snprintf(why, why_size, "no memory for a renderer");
			return -ENOMEM;
		}
		gl_destroy(renderer->gl);
		renderer->gl = NULL;
		free((char *)old);
		renderer->options.render_node = copy;
		describe_closed(renderer);
	}
	if (!renderer->gl) {
		/* What failed before may do now. */
		renderer->gl_missing[0] = '\0';
	}
	if (renderer->options.kind == RENDERER_GL && open_gl(renderer) < 0) {
		snprintf(why, why_size, "%s", renderer->gl_missing);
		return -ENOTSUP;
	}
	return 0;
}

const char *renderer_describe(const struct renderer *renderer)
{
	return renderer->description;
}

bool renderer_is_software_gl(const struct renderer *renderer)
{
	return renderer->gl && gl_is_software(renderer->gl);
}

struct renderer_counters *renderer_counters(struct renderer *renderer)
{
	return &renderer->counters;
}

const struct snapshot *renderer_snapshot(const struct renderer *renderer)
{
	return &renderer->snapshot;
}

/* Says both: what the CPU path can't do, and why GL does not help. */
static void join_reasons(struct renderer *renderer, const char *cpu, char *why, size_t why_size)
{
	snprintf(why, why_size, "%s; and GL is missing: %s", cpu, renderer->gl_missing);
}

static bool format_is_hopeless(uint32_t fourcc)
{
	const struct format *format = format_find(fourcc);

	return !format || format->refused;
}

int renderer_can_import(
	struct renderer *renderer, uint32_t format, uint64_t modifier, char *why, size_t why_size)
{
	char cpu[256];
	int ret;

	if (renderer->options.kind != RENDERER_GL) {
		ret = cpu_can_import(format, modifier, cpu, sizeof(cpu));
		if (ret == 0) {
			return 0;
		}
		if (renderer->options.kind == RENDERER_CPU || format_is_hopeless(format)) {
			snprintf(why, why_size, "%s", cpu);
			return ret;
		}
	}
	if (open_gl(renderer) < 0) {
		if (renderer->options.kind == RENDERER_GL) {
			snprintf(why, why_size, "%s", renderer->gl_missing);
		} else {
			join_reasons(renderer, cpu, why, why_size);
		}
		return -ENOTSUP;
	}
	return gl_can_import(renderer->gl, format, modifier, why, why_size);
}

/*
 * Memory always goes to the CPU: it is mapped already, and GL could only have it by a copy. Of
 * dma-bufs, GL gets what is asked to be its, what the CPU path can't take, and what a true GPU reads
 * faster.
 */
static int import(struct renderer *renderer, const struct buffer_attributes *attributes,
	struct image **result, char *why, size_t why_size)
{
	enum renderer_kind kind = renderer->options.kind;
	struct image *image = NULL;
	char cpu[256];
	int ret;

	if (attributes->kind == BUFFER_MEMORY || kind == RENDERER_CPU) {
		return cpu_import(renderer, attributes, result, why, why_size);
	}
	if (kind == RENDERER_GL) {
		if (open_gl(renderer) < 0) {
			snprintf(why, why_size, "%s", renderer->gl_missing);
			return -ENOTSUP;
		}
		return gl_import(renderer->gl, attributes, result, why, why_size);
	}

	ret = cpu_import(renderer, attributes, &image, cpu, sizeof(cpu));
	if (ret == 0) {
		if (cpu_read_cost(image) > SLOW_READ && has_hardware_gl(renderer) &&
			gl_import(renderer->gl, attributes, result, why, why_size) == 0) {
			image_destroy(image);
		} else {
			*result = image;
		}
		return 0;
	}
	/* Lies about its size, or a format that no path takes: GL would say no more. */
	if ((ret != -ENOTSUP && ret != -ENODEV) || format_is_hopeless(attributes->format)) {
		snprintf(why, why_size, "%s", cpu);
		return ret;
	}
	if (open_gl(renderer) < 0) {
		join_reasons(renderer, cpu, why, why_size);
		return ret;
	}
	return gl_import(renderer->gl, attributes, result, why, why_size);
}

int renderer_import(struct renderer *renderer, const struct buffer_attributes *attributes,
	struct image **image, char *why, size_t why_size)
{
	int ret = import(renderer, attributes, image, why, why_size);

	if (ret < 0) {
		count(&renderer->counters.import_failures, 1);
	}
	return ret;
}

void image_destroy(struct image *image)
{
	if (image) {
		image->ops->destroy(image);
	}
}

int renderer_resize(struct renderer *renderer, uint32_t width, uint32_t height)
{
	struct snapshot *snapshot = &renderer->snapshot;
	uint32_t *pixels;
	size_t size;

	if (snapshot->pixels && snapshot->width == width && snapshot->height == height) {
		return 0;
	}
	if (width == 0 || height == 0 || width > FORMAT_MAX_SIDE || height > FORMAT_MAX_SIDE) {
		return -ERANGE;
	}

	/*
	 * Huge pages, where the system grants them on request: each look reads all of it, and with
	 * small ones it spends a good part of its time on address translation.
	 */
	size = ((size_t)width * height * sizeof(*pixels) + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
	pixels = aligned_alloc(HUGE_PAGE, size);
	if (!pixels) {
		return -ENOMEM;
	}
	madvise(pixels, size, MADV_HUGEPAGE);
	size = (size_t)width * height * sizeof(*pixels);
	memset(pixels, 0, size);
	free(snapshot->pixels);
	*snapshot = (struct snapshot){.pixels = pixels, .width = width, .height = height};
	renderer->version++;
	return 1;
}

int renderer_update(struct renderer *renderer, struct image *image, pixman_region32_t *damage)
{
	uint64_t faults = guard_faults();
	int resized, ret;

	resized = renderer_resize(renderer, image->attributes.width, image->attributes.height);
	if (resized < 0) {
		return resized;
	}
	ret = image->ops->update(image, damage);
	if (resized) {
		damage_add_all(damage, image->attributes.width, image->attributes.height);
	}
	faults = guard_faults() - faults;
	if (faults) {
		count(&renderer->counters.faults, faults);
		return -EFAULT;
	}
	return ret;
}

int renderer_paint(struct renderer *renderer, const uint32_t *pixels, uint32_t width,
	uint32_t height, pixman_region32_t *damage)
{
	const struct format *format = format_find(DRM_FORMAT_XRGB8888);
	uint64_t dirty;
	uint8_t *marks;
	int resized;

	resized = renderer_resize(renderer, width, height);
	if (resized < 0) {
		return resized;
	}
	marks = malloc((size_t)damage_tiles(width) * damage_tiles(height));
	if (!marks) {
		if (resized) {
			damage_add_all(damage, width, height);
		}
		return -ENOMEM;
	}
	dirty = tile_scan(&renderer->snapshot, (const uint8_t *)pixels, (size_t)width * 4, format,
		tile_row_of(format->fourcc), marks);
	if (dirty) {
		count(&renderer->counters.tiles_dirty, dirty);
		renderer->version++;
	}
	if (resized) {
		damage_add_all(damage, width, height);
	} else if (dirty) {
		damage_add_marks(damage, marks, width, height);
	}
	free(marks);
	return 0;
}

int renderer_read(struct renderer *renderer, struct image *image, uint32_t *pixels)
{
	uint64_t faults = guard_faults();
	int ret;

	if (image->attributes.width > CURSOR_MAX_SIDE ||
		image->attributes.height > CURSOR_MAX_SIDE) {
		return -ERANGE;
	}
	ret = image->ops->read(image, pixels);
	faults = guard_faults() - faults;
	if (faults) {
		count(&renderer->counters.faults, faults);
		return -EFAULT;
	}
	return ret;
}
