/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "render/cursor.h"
#include "render/gl.h"

static int init_state(struct gl *gl, char *why, size_t why_size)
{
	GLint format = 0, type = 0;
	int ret;

	ret = gl_build_reduce(gl, why, why_size);
	if (ret < 0) {
		return ret;
	}

	glGenVertexArrays(1, &gl->vertex_array);
	glDisable(GL_DITHER);
	glDisable(GL_BLEND);
	glDisable(GL_DEPTH_TEST);
	glPixelStorei(GL_PACK_ALIGNMENT, 1);
	glPixelStorei(GL_UNPACK_ALIGNMENT, 4);
	glGenBuffers(1, &gl->marks_buffer);
	for (unsigned i = 0; i < 2; i++) {
		glGenBuffers(1, &gl->readback[i].buffer);
		glBindBuffer(GL_PIXEL_PACK_BUFFER, gl->readback[i].buffer);
		glBufferData(GL_PIXEL_PACK_BUFFER, GL_READBACK_SIZE, NULL, GL_STREAM_READ);
	}
	glBindBuffer(GL_PIXEL_PACK_BUFFER, 0);

	ret = gl_target_init(gl, &gl->tiles, GL_R8, 1, 1);
	if (ret == 0) {
		glGetIntegerv(GL_IMPLEMENTATION_COLOR_READ_FORMAT, &format);
		glGetIntegerv(GL_IMPLEMENTATION_COLOR_READ_TYPE, &type);
		gl->red_readable = format == GL_RED && type == GL_UNSIGNED_BYTE;
		ret = gl_target_init(gl, &gl->blocks, GL_R8, 1, 1);
	}
	if (ret == 0) {
		ret = gl_target_init(gl, &gl->small, GL_RGBA8, CURSOR_MAX_SIDE, CURSOR_MAX_SIDE);
	}
	if (ret < 0 || glGetError() != GL_NO_ERROR) {
		snprintf(why, why_size, "OpenGL ES on %s can't make our textures and buffers",
			gl->platform);
		return -EIO;
	}
	return 0;
}

struct gl *gl_create(struct renderer *renderer, const char *render_node, char *why, size_t why_size)
{
	struct gl *gl = calloc(1, sizeof(*gl));
	int ret;

	if (!gl) {
		snprintf(why, why_size, "out of memory");
		errno = ENOMEM;
		return NULL;
	}
	gl->renderer = renderer;
	gl->node = -1;
	gl->display = EGL_NO_DISPLAY;
	gl->context = EGL_NO_CONTEXT;
	gl->platform = "EGL";
	ret = gl_egl_open(gl, render_node, why, why_size);
	if (ret == 0) {
		ret = init_state(gl, why, why_size);
	}
	if (ret < 0) {
		gl_destroy(gl);
		errno = -ret;
		return NULL;
	}
	return gl;
}

static void finish_state(struct gl *gl)
{
	gl_target_finish(&gl->blocks);
	gl_target_finish(&gl->tiles);
	gl_target_finish(&gl->snapshot);
	gl_target_finish(&gl->small);
	for (unsigned i = 0; i < GL_SAMPLERS; i++) {
		glDeleteProgram(gl->programs[i].compare.name);
		glDeleteProgram(gl->programs[i].copy.name);
		glDeleteProgram(gl->programs[i].read.name);
	}
	glDeleteProgram(gl->reduce.name);
	for (unsigned i = 0; i < 2; i++) {
		glDeleteBuffers(1, &gl->readback[i].buffer);
	}
	glDeleteBuffers(1, &gl->marks_buffer);
	glDeleteVertexArrays(1, &gl->vertex_array);
}

void gl_destroy(struct gl *gl)
{
	if (!gl) {
		return;
	}
	if (gl->max_size > 0) {
		/* Also with a lost context the names must be given back. */
		gl_make_current(gl);
		finish_state(gl);
	}
	gl_egl_close(gl);
	free(gl->marks);
	free(gl);
}

const char *gl_describe(const struct gl *gl)
{
	return gl->description;
}

bool gl_is_software(const struct gl *gl)
{
	return gl->software;
}
