/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "render/damage.h"
#include "render/gl.h"
#include "render/guard.h"

/* Longer than any frame takes, shorter than a person's patience with a hung GPU. */
#define FENCE_TIMEOUT_NS 2000000000ull

int gl_target_init(
	struct gl *gl, struct gl_target *target, GLenum format, uint32_t width, uint32_t height)
{
	if (target->texture && target->width == width && target->height == height) {
		return 0;
	}
	gl_target_finish(target);
	GL_CALL(gl, glGenTextures(1, &target->texture));
	GL_CALL(gl, glBindTexture(GL_TEXTURE_2D, target->texture));
	GL_CALL(gl, glTexStorage2D(GL_TEXTURE_2D, 1, format, (GLsizei)width, (GLsizei)height));
	GL_CALL(gl, glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST));
	GL_CALL(gl, glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST));
	GL_CALL(gl, glBindTexture(GL_TEXTURE_2D, 0));
	GL_CALL(gl, glGenFramebuffers(1, &target->framebuffer));
	GL_CALL(gl, glBindFramebuffer(GL_FRAMEBUFFER, target->framebuffer));
	GL_CALL(gl,
		glFramebufferTexture2D(
			GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, target->texture, 0));
	if (GL_CALL(gl, glCheckFramebufferStatus(GL_FRAMEBUFFER)) != GL_FRAMEBUFFER_COMPLETE) {
		gl_target_finish(target);
		return -EIO;
	}
	target->width = width;
	target->height = height;
	return 0;
}

void gl_target_finish(struct gl_target *target)
{
	if (target->framebuffer) {
		glDeleteFramebuffers(1, &target->framebuffer);
	}
	if (target->texture) {
		glDeleteTextures(1, &target->texture);
	}
	*target = (struct gl_target){0};
}

/* What GL says of all calls since the last time: 0, or -EIO. */
static int check_errors(struct gl *gl)
{
	if (gl->has_reset_status && GL_CALL(gl, glGetGraphicsResetStatusEXT()) != GL_NO_ERROR) {
		gl->lost = true;
		return -EIO;
	}
	return GL_CALL(gl, glGetError()) == GL_NO_ERROR ? 0 : -EIO;
}

/* Takes the fence over. */
static int wait_fence(struct gl *gl, GLsync fence)
{
	GLenum status;

	if (!fence) {
		return -EIO;
	}
	status = GL_CALL(gl, glClientWaitSync(fence, GL_SYNC_FLUSH_COMMANDS_BIT, FENCE_TIMEOUT_NS));
	GL_CALL(gl, glDeleteSync(fence));
	return status == GL_ALREADY_SIGNALED || status == GL_CONDITION_SATISFIED ? 0 : -EIO;
}

static void draw_into(
	struct gl *gl, const struct gl_target *target, uint32_t width, uint32_t height)
{
	GL_CALL(gl, glBindFramebuffer(GL_FRAMEBUFFER, target->framebuffer));
	GL_CALL(gl, glViewport(0, 0, (GLsizei)width, (GLsizei)height));
}

static void use(
	struct gl *gl, const struct gl_program *program, const struct buffer_attributes *attributes)
{
	GL_CALL(gl, glUseProgram(program->name));
	if (attributes) {
		GL_CALL(gl,
			glUniform2i(program->size, (GLint)attributes->width,
				(GLint)attributes->height));
	}
}

/* Binds our texture to unit 1; unit 0 stays the guest's. */
static void sample_own(struct gl *gl, GLuint texture)
{
	GL_CALL(gl, glActiveTexture(GL_TEXTURE1));
	GL_CALL(gl, glBindTexture(GL_TEXTURE_2D, texture));
}

static void bind_guest(struct gl *gl, const struct gl_image *image, GLuint texture)
{
	GL_CALL(gl, glActiveTexture(GL_TEXTURE0));
	GL_CALL(gl, glBindTexture(image->target, texture));
}

void gl_forget(struct gl *gl)
{
	glBindVertexArray(gl->vertex_array);
	draw_into(gl, &gl->small, 1, 1);
	use(gl, &gl->reduce, NULL);
	sample_own(gl, gl->blocks.texture);
	glDrawArrays(GL_TRIANGLES, 0, 3);
	sample_own(gl, 0);
	glFinish();
}

/* Textures and buffers for pictures of this size. */
static int prepare(struct gl *gl, uint32_t width, uint32_t height)
{
	uint32_t tiles_x = damage_tiles(width), tiles_y = damage_tiles(height);
	size_t size = (size_t)tiles_x * tiles_y * (gl->red_readable ? 1 : 4);
	int ret;

	if (gl->snapshot.width == width && gl->snapshot.height == height && gl->marks) {
		return 0;
	}
	gl->fresh = false;
	free(gl->marks);
	gl->marks = calloc((size_t)tiles_x * tiles_y, 1);
	if (!gl->marks) {
		return -ENOMEM;
	}
	ret = gl_target_init(gl, &gl->tiles, GL_R8, tiles_x, tiles_y);
	if (ret == 0) {
		ret = gl_target_init(gl, &gl->blocks, GL_R8, (width + GL_BLOCK - 1) / GL_BLOCK,
			(height + GL_BLOCK - 1) / GL_BLOCK);
	}
	if (ret == 0) {
		ret = gl_target_init(gl, &gl->snapshot, GL_RGBA8, width, height);
	}
	if (ret < 0) {
		gl_target_finish(&gl->snapshot);
		return ret;
	}
	if (size > gl->marks_size) {
		GL_CALL(gl, glBindBuffer(GL_PIXEL_PACK_BUFFER, gl->marks_buffer));
		GL_CALL(gl,
			glBufferData(GL_PIXEL_PACK_BUFFER, (GLsizeiptr)size, NULL, GL_STREAM_READ));
		GL_CALL(gl, glBindBuffer(GL_PIXEL_PACK_BUFFER, 0));
		gl->marks_size = size;
	}
	return 0;
}

/* Others changed the renderer's snapshot (a card, another path): make ours equal to it again. */
static void refresh(struct gl *gl)
{
	const struct snapshot *snapshot = &gl->renderer->snapshot;

	if (gl->fresh && gl->version == gl->renderer->version) {
		return;
	}
	GL_CALL(gl, glActiveTexture(GL_TEXTURE1));
	GL_CALL(gl, glBindTexture(GL_TEXTURE_2D, gl->snapshot.texture));
	GL_CALL(gl,
		glTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, (GLsizei)snapshot->width,
			(GLsizei)snapshot->height, GL_RGBA, GL_UNSIGNED_BYTE, snapshot->pixels));
	GL_CALL(gl, glBindTexture(GL_TEXTURE_2D, 0));
	gl->version = gl->renderer->version;
	gl->fresh = true;
}

/*
 * The one submission of a tick: compare, mark, copy the marked tiles, fetch the marks. The guest may
 * paint meanwhile, so that the copy may hold what the compare did not see. That is right: sinks get
 * what the copy holds, and a tile that was judged clean keeps what they have.
 */
static int submit(struct gl *gl, const struct gl_image *image, GLsync *fence)
{
	const struct gl_programs *programs = &gl->programs[image->sampler];
	const struct buffer_attributes *attributes = &image->base.attributes;
	GLsizei tiles = (GLsizei)(gl->tiles.width * gl->tiles.height);

	GL_CALL(gl, glBindVertexArray(gl->vertex_array));
	bind_guest(gl, image, image->texture);

	draw_into(gl, &gl->blocks, gl->blocks.width, gl->blocks.height);
	use(gl, &programs->compare, attributes);
	sample_own(gl, gl->snapshot.texture);
	GL_CALL(gl, glDrawArrays(GL_TRIANGLES, 0, 3));

	draw_into(gl, &gl->tiles, gl->tiles.width, gl->tiles.height);
	use(gl, &gl->reduce, NULL);
	sample_own(gl, gl->blocks.texture);
	GL_CALL(gl, glDrawArrays(GL_TRIANGLES, 0, 3));

	GL_CALL(gl, glBindBuffer(GL_PIXEL_PACK_BUFFER, gl->marks_buffer));
	GL_CALL(gl,
		glReadPixels(0, 0, (GLsizei)gl->tiles.width, (GLsizei)gl->tiles.height,
			gl->red_readable ? GL_RED : GL_RGBA, GL_UNSIGNED_BYTE, NULL));
	GL_CALL(gl, glBindBuffer(GL_PIXEL_PACK_BUFFER, 0));

	draw_into(gl, &gl->snapshot, attributes->width, attributes->height);
	use(gl, &programs->copy, attributes);
	sample_own(gl, gl->tiles.texture);
	GL_CALL(gl, glDrawArraysInstanced(GL_TRIANGLE_STRIP, 0, 4, tiles));

	*fence = GL_CALL(gl, glFenceSync(GL_SYNC_GPU_COMMANDS_COMPLETE, 0));
	GL_CALL(gl, glFlush());
	sample_own(gl, 0);
	bind_guest(gl, image, 0);
	return *fence ? 0 : -EIO;
}

/* The number of dirty tiles, or -errno. */
static int fetch_marks(struct gl *gl)
{
	struct renderer_counters *counters = &gl->renderer->counters;
	size_t tiles = (size_t)gl->tiles.width * gl->tiles.height;
	size_t step = gl->red_readable ? 1 : 4;
	const uint8_t *marks;
	int dirty = 0;

	GL_CALL(gl, glBindBuffer(GL_PIXEL_PACK_BUFFER, gl->marks_buffer));
	marks = GL_CALL(gl,
		glMapBufferRange(
			GL_PIXEL_PACK_BUFFER, 0, (GLsizeiptr)(tiles * step), GL_MAP_READ_BIT));
	if (!marks) {
		GL_CALL(gl, glBindBuffer(GL_PIXEL_PACK_BUFFER, 0));
		return -EIO;
	}
	for (size_t i = 0; i < tiles; i++) {
		gl->marks[i] = marks[i * step];
		dirty += gl->marks[i] != 0;
	}
	if (!GL_CALL(gl, glUnmapBuffer(GL_PIXEL_PACK_BUFFER))) {
		dirty = -EIO;
	}
	GL_CALL(gl, glBindBuffer(GL_PIXEL_PACK_BUFFER, 0));
	counters->bytes_read_back += tiles * step;
	return dirty;
}

/* Waits for what is under way in a buffer, and puts it into the renderer's snapshot. */
static int collect(struct gl *gl, struct gl_readback *readback)
{
	struct snapshot *snapshot = &gl->renderer->snapshot;
	const uint8_t *bytes;
	int ret;

	if (readback->n_pieces == 0) {
		return 0;
	}
	ret = wait_fence(gl, readback->fence);
	readback->fence = NULL;
	if (ret < 0) {
		goto out;
	}
	GL_CALL(gl, glBindBuffer(GL_PIXEL_PACK_BUFFER, readback->buffer));
	bytes = GL_CALL(gl,
		glMapBufferRange(
			GL_PIXEL_PACK_BUFFER, 0, (GLsizeiptr)readback->used, GL_MAP_READ_BIT));
	if (!bytes) {
		ret = -EIO;
		goto unbind;
	}
	for (unsigned i = 0; i < readback->n_pieces; i++) {
		const struct gl_piece *piece = &readback->pieces[i];
		const uint8_t *from = bytes + piece->offset;
		size_t row = (size_t)piece->width * 4;

		for (uint32_t y = 0; y < piece->height; y++) {
			memcpy(&snapshot->pixels[(size_t)(piece->y + y) * snapshot->width +
				       piece->x],
				from + y * row, row);
		}
	}
	if (!GL_CALL(gl, glUnmapBuffer(GL_PIXEL_PACK_BUFFER))) {
		ret = -EIO;
	}
	gl->renderer->counters.bytes_read_back += readback->used;
unbind:
	GL_CALL(gl, glBindBuffer(GL_PIXEL_PACK_BUFFER, 0));
out:
	readback->n_pieces = 0;
	readback->used = 0;
	return ret;
}

/* Starts the journey of one piece; the caller has made room. */
static void start_piece(struct gl *gl, struct gl_readback *readback, const struct gl_piece *rect)
{
	struct gl_piece *piece = &readback->pieces[readback->n_pieces++];

	*piece = *rect;
	piece->offset = readback->used;
	readback->used += (size_t)rect->width * rect->height * 4;
	GL_CALL(gl,
		glReadPixels((GLint)rect->x, (GLint)rect->y, (GLsizei)rect->width,
			(GLsizei)rect->height, GL_RGBA, GL_UNSIGNED_BYTE,
			(void *)(uintptr_t)piece->offset));
}

static void seal(struct gl *gl, struct gl_readback *readback)
{
	readback->fence = GL_CALL(gl, glFenceSync(GL_SYNC_GPU_COMMANDS_COMPLETE, 0));
	GL_CALL(gl, glFlush());
}

/*
 * Reads the region of the snapshot texture (never of the guest's image, which may have changed
 * again) through two buffers in turn.
 */
static int fetch_region(struct gl *gl, const pixman_region32_t *region)
{
	struct gl_readback *filling = &gl->readback[0], *waiting = &gl->readback[1];
	const pixman_box32_t *boxes;
	int n_boxes, ret = 0, ret2;

	boxes = pixman_region32_rectangles((pixman_region32_t *)region, &n_boxes);
	GL_CALL(gl, glBindFramebuffer(GL_FRAMEBUFFER, gl->snapshot.framebuffer));
	GL_CALL(gl, glBindBuffer(GL_PIXEL_PACK_BUFFER, filling->buffer));
	for (int i = 0; i < n_boxes && ret == 0; i++) {
		struct gl_piece rest = {
			.x = boxes[i].x1,
			.y = boxes[i].y1,
			.width = boxes[i].x2 - boxes[i].x1,
			.height = boxes[i].y2 - boxes[i].y1,
		};
		size_t row = (size_t)rest.width * 4;

		while (rest.height > 0 && ret == 0) {
			struct gl_piece piece = rest;
			size_t rows = (GL_READBACK_SIZE - filling->used) / row;

			if (rows == 0 || filling->n_pieces == GL_READBACK_PIECES) {
				struct gl_readback *full = filling;

				seal(gl, full);
				ret = collect(gl, waiting);
				filling = waiting;
				waiting = full;
				GL_CALL(gl, glBindBuffer(GL_PIXEL_PACK_BUFFER, filling->buffer));
				continue;
			}
			if (piece.height > rows) {
				piece.height = rows;
			}
			start_piece(gl, filling, &piece);
			rest.y += piece.height;
			rest.height -= piece.height;
		}
	}
	if (filling->n_pieces > 0) {
		seal(gl, filling);
	}
	ret2 = collect(gl, waiting);
	ret = ret < 0 ? ret : ret2;
	ret2 = collect(gl, filling);
	return ret < 0 ? ret : ret2;
}

static int update(struct gl *gl, const struct gl_image *image, pixman_region32_t *dirty)
{
	const struct buffer_attributes *attributes = &image->base.attributes;
	struct renderer *renderer = gl->renderer;
	GLsync fence = NULL;
	int ret, tiles;

	ret = prepare(gl, attributes->width, attributes->height);
	if (ret < 0) {
		return ret;
	}
	refresh(gl);
	/* From here on the texture may be ahead of the renderer's pixels. */
	gl->fresh = false;
	ret = submit(gl, image, &fence);
	if (ret < 0) {
		return ret;
	}
	ret = wait_fence(gl, fence);
	if (ret < 0) {
		return ret;
	}
	tiles = fetch_marks(gl);
	if (tiles < 0) {
		return tiles;
	}
	if (tiles > 0) {
		damage_add_marks(dirty, gl->marks, attributes->width, attributes->height);
		ret = fetch_region(gl, dirty);
		renderer->version++;
		renderer->counters.tiles_dirty += tiles;
	}
	if (check_errors(gl) < 0) {
		return -EIO;
	}
	if (ret == 0) {
		gl->version = renderer->version;
		gl->fresh = true;
	}
	return ret;
}

/*
 * Before and after the driver reads the guest's image. Where it reads through a mapping of its own,
 * a file that shrinks meanwhile must not end us: the guard puts zeroes in the place of lost pages,
 * the renderer sees its count grow, and the image is of no more use.
 */
static int begin_look(struct gl_image *image)
{
	struct gl *gl = image->base.renderer->gl;
	int ret;

	if (image->lost) {
		return -EIO;
	}
	ret = gl_image_check_length(image);
	if (ret < 0) {
		image->base.renderer->counters.faults++;
		return ret;
	}
	ret = gl_make_current(gl);
	if (ret == 0 && gl->maps_buffers) {
		guard_any(1);
	}
	return ret;
}

static void end_look(struct gl_image *image, uint64_t faults)
{
	if (image->base.renderer->gl->maps_buffers) {
		guard_any(-1);
		image->lost = guard_faults() != faults;
	}
}

int gl_image_update(struct image *base, pixman_region32_t *damage)
{
	struct gl_image *image = (struct gl_image *)base;
	struct gl *gl = base->renderer->gl;
	uint64_t faults = guard_faults();
	pixman_region32_t dirty;
	int ret;

	gl->calls = 0;
	ret = begin_look(image);
	if (ret < 0) {
		return ret;
	}
	pixman_region32_init(&dirty);
	ret = update(gl, image, &dirty);
	end_look(image, faults);
	/* Also after a failure: part of it may be in the snapshot. */
	if (!pixman_region32_union(damage, damage, &dirty)) {
		damage_add_all(damage, base->attributes.width, base->attributes.height);
	}
	pixman_region32_fini(&dirty);
	base->renderer->counters.passes++;
	base->renderer->counters.gl_calls += gl->calls;
	return ret;
}

static int read_small(struct gl *gl, const struct gl_image *image, uint32_t *pixels)
{
	const struct buffer_attributes *attributes = &image->base.attributes;
	size_t size = (size_t)attributes->width * attributes->height * 4;
	struct gl_readback *readback = &gl->readback[0];
	const void *bytes;
	GLsync fence;
	int ret;

	GL_CALL(gl, glBindVertexArray(gl->vertex_array));
	bind_guest(gl, image, image->texture);
	draw_into(gl, &gl->small, attributes->width, attributes->height);
	use(gl, &gl->programs[image->sampler].read, attributes);
	GL_CALL(gl, glDrawArrays(GL_TRIANGLES, 0, 3));
	bind_guest(gl, image, 0);
	GL_CALL(gl, glBindBuffer(GL_PIXEL_PACK_BUFFER, readback->buffer));
	GL_CALL(gl,
		glReadPixels(0, 0, (GLsizei)attributes->width, (GLsizei)attributes->height, GL_RGBA,
			GL_UNSIGNED_BYTE, NULL));
	fence = GL_CALL(gl, glFenceSync(GL_SYNC_GPU_COMMANDS_COMPLETE, 0));
	ret = wait_fence(gl, fence);
	if (ret == 0) {
		bytes = GL_CALL(gl,
			glMapBufferRange(
				GL_PIXEL_PACK_BUFFER, 0, (GLsizeiptr)size, GL_MAP_READ_BIT));
		if (bytes) {
			memcpy(pixels, bytes, size);
			GL_CALL(gl, glUnmapBuffer(GL_PIXEL_PACK_BUFFER));
			gl->renderer->counters.bytes_read_back += size;
		} else {
			ret = -EIO;
		}
	}
	GL_CALL(gl, glBindBuffer(GL_PIXEL_PACK_BUFFER, 0));
	return check_errors(gl) < 0 ? -EIO : ret;
}

int gl_image_read(struct image *base, uint32_t *pixels)
{
	struct gl_image *image = (struct gl_image *)base;
	struct gl *gl = base->renderer->gl;
	uint64_t faults = guard_faults();
	int ret;

	if (base->attributes.width > gl->small.width ||
		base->attributes.height > gl->small.height) {
		return -ERANGE;
	}
	gl->calls = 0;
	ret = begin_look(image);
	if (ret < 0) {
		return ret;
	}
	ret = read_small(gl, image, pixels);
	end_look(image, faults);
	base->renderer->counters.gl_calls += gl->calls;
	return ret;
}
