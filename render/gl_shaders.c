/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "render/damage.h"
#include "render/gl.h"

/*
 * All coordinates are whole pixels, and row 0 is the first row in memory on both sides: nothing is
 * flipped, nothing is filtered.
 *
 * guest() gives a pixel as sinks get it: whole numbers from 0 to 255 in the order blue, green, red,
 * alpha, so that a plain read of RGBA bytes is little-endian XRGB8888. External images are read by
 * texture(), since drivers that convert YUV in the shader do so for this call best; the middle of a
 * texel with the nearest filter is that texel.
 */
#define HEAD                       \
	"precision highp float;\n" \
	"precision highp int;\n"   \
	"precision highp sampler2D;\n"

#define NUMBER(value) NUMBER_TEXT(value)
#define NUMBER_TEXT(value) #value
/* clang-format takes the strings around a macro back and forth. */
/* clang-format off */
#define SIZES \
	"const int BLOCK = " NUMBER(GL_BLOCK) ";\n" \
	"const int TILE = " NUMBER(RENDER_TILE) ";\n"

static const char guest_2d[] =
	"#version 300 es\n"
	HEAD
	"uniform sampler2D image;\n"
	"uniform ivec2 size;\n"
	"vec4 guest(ivec2 at)\n"
	"{\n"
	"	return floor(texelFetch(image, at, 0).bgra * 255.0 + 0.5);\n"
	"}\n";
/* clang-format on */

static const char guest_external[] =
	"#version 300 es\n"
	"#extension GL_OES_EGL_image_external_essl3 : require\n" HEAD
	"precision highp samplerExternalOES;\n"
	"uniform samplerExternalOES image;\n"
	"uniform ivec2 size;\n"
	"vec4 guest(ivec2 at)\n"
	"{\n"
	"	vec4 texel = texture(image, (vec2(at) + 0.5) / vec2(size));\n"
	"	return floor(texel.bgra * 255.0 + 0.5);\n"
	"}\n";

static const char *const guests[GL_SAMPLERS] = {
	[GL_SAMPLE_2D] = guest_2d,
	[GL_SAMPLE_EXTERNAL] = guest_external,
};

static const char vertex_head[] = "#version 300 es\n" HEAD;

/* One triangle over everything. */
static const char vertex_all[] =
	"void main()\n"
	"{\n"
	"	vec2 corner = vec2(float(gl_VertexID & 1), float(gl_VertexID >> 1));\n"
	"	gl_Position = vec4(corner * 4.0 - 1.0, 0.0, 1.0);\n"
	"}\n";

/* One quad a tile; a clean tile's corners all fall together, and nothing of it is drawn. */
static const char vertex_tiles[] = SIZES
	"uniform sampler2D tiles;\n"
	"uniform ivec2 size;\n"
	"void main()\n"
	"{\n"
	"	int across = (size.x + TILE - 1) / TILE;\n"
	"	ivec2 tile = ivec2(gl_InstanceID % across, gl_InstanceID / across);\n"
	"	ivec2 corner = ivec2(gl_VertexID & 1, gl_VertexID >> 1);\n"
	"	vec2 at = vec2(min((tile + corner) * TILE, size));\n"
	"	bool dirty = texelFetch(tiles, tile, 0).r > 0.5;\n"
	"	gl_Position = vec4(dirty ? at / vec2(size) * 2.0 - 1.0 : vec2(-2.0), 0.0, 1.0);\n"
	"}\n";

/* A block at the right or bottom edge looks at its last pixels more than once. */
static const char fragment_compare[] = SIZES
	"uniform sampler2D snapshot;\n"
	"layout(location = 0) out vec4 mark;\n"
	"void main()\n"
	"{\n"
	"	ivec2 first = ivec2(gl_FragCoord.xy) * BLOCK;\n"
	"	vec3 sum = vec3(0.0);\n"
	"	for (int y = 0; y < BLOCK; y++) {\n"
	"		for (int x = 0; x < BLOCK; x++) {\n"
	"			ivec2 at = min(first + ivec2(x, y), size - 1);\n"
	"			vec3 had = floor(texelFetch(snapshot, at, 0).rgb * 255.0 + 0.5);\n"
	"			sum += abs(guest(at).rgb - had);\n"
	"		}\n"
	"	}\n"
	"	mark = vec4(sum.r + sum.g + sum.b > 0.5 ? 1.0 : 0.0);\n"
	"}\n";

static const char fragment_reduce[] =
	SIZES "uniform sampler2D blocks;\n"
	      "layout(location = 0) out vec4 mark;\n"
	      "void main()\n"
	      "{\n"
	      "	ivec2 last = textureSize(blocks, 0) - 1;\n"
	      "	ivec2 first = ivec2(gl_FragCoord.xy) * (TILE / BLOCK);\n"
	      "	float most = 0.0;\n"
	      "	for (int y = 0; y < TILE / BLOCK; y++) {\n"
	      "		for (int x = 0; x < TILE / BLOCK; x++) {\n"
	      "			ivec2 at = min(first + ivec2(x, y), last);\n"
	      "			most = max(most, texelFetch(blocks, at, 0).r);\n"
	      "		}\n"
	      "	}\n"
	      "	mark = vec4(most);\n"
	      "}\n";

static const char fragment_copy[] =
	"layout(location = 0) out vec4 pixel;\n"
	"void main()\n"
	"{\n"
	"	pixel = vec4(guest(ivec2(gl_FragCoord.xy)).rgb / 255.0, 0.0);\n"
	"}\n";

static const char fragment_read[] = "layout(location = 0) out vec4 pixel;\n"
				    "void main()\n"
				    "{\n"
				    "	pixel = guest(ivec2(gl_FragCoord.xy)) / 255.0;\n"
				    "}\n";

static GLuint compile(GLenum kind, const char *head, const char *body, char *why, size_t why_size)
{
	const char *parts[] = {head, body};
	GLuint shader = glCreateShader(kind);
	GLint done = GL_FALSE;
	char log[160] = "";

	glShaderSource(shader, 2, parts, NULL);
	glCompileShader(shader);
	glGetShaderiv(shader, GL_COMPILE_STATUS, &done);
	if (!done) {
		glGetShaderInfoLog(shader, sizeof(log), NULL, log);
		snprintf(why, why_size, "the GL driver can't compile our %s shader: %s",
			kind == GL_VERTEX_SHADER ? "vertex" : "fragment", log);
		glDeleteShader(shader);
		return 0;
	}
	return shader;
}

/* 0, or -EIO with why. A program that is built already stays. */
static int build(struct gl_program *result, const char *vertex, const char *head,
	const char *fragment, char *why, size_t why_size)
{
	GLuint vertex_shader = 0, fragment_shader = 0, program = 0;
	GLint done = GL_FALSE;
	char log[160] = "";
	int ret = -EIO;

	if (result->name) {
		return 0;
	}

	vertex_shader = compile(GL_VERTEX_SHADER, vertex_head, vertex, why, why_size);
	if (!vertex_shader) {
		return -EIO;
	}
	fragment_shader = compile(GL_FRAGMENT_SHADER, head, fragment, why, why_size);
	if (!fragment_shader) {
		goto out;
	}
	program = glCreateProgram();
	glAttachShader(program, vertex_shader);
	glAttachShader(program, fragment_shader);
	glLinkProgram(program);
	glGetProgramiv(program, GL_LINK_STATUS, &done);
	if (!done) {
		glGetProgramInfoLog(program, sizeof(log), NULL, log);
		snprintf(why, why_size, "the GL driver can't link our shaders: %s", log);
		glDeleteProgram(program);
		goto out;
	}
	/* The guest's image is unit 0, a texture of ours unit 1. */
	glUseProgram(program);
	glUniform1i(glGetUniformLocation(program, "image"), 0);
	glUniform1i(glGetUniformLocation(program, "snapshot"), 1);
	glUniform1i(glGetUniformLocation(program, "tiles"), 1);
	glUniform1i(glGetUniformLocation(program, "blocks"), 1);
	glUseProgram(0);
	result->name = program;
	result->size = glGetUniformLocation(program, "size");
	ret = 0;

out:
	glDeleteShader(vertex_shader);
	glDeleteShader(fragment_shader);
	return ret;
}

int gl_build_reduce(struct gl *gl, char *why, size_t why_size)
{
	return build(&gl->reduce, vertex_all, vertex_head, fragment_reduce, why, why_size);
}

int gl_build_programs(struct gl *gl, enum gl_sampler sampler, char *why, size_t why_size)
{
	struct gl_programs *programs = &gl->programs[sampler];
	const char *head = guests[sampler];
	int ret;

	ret = build(&programs->compare, vertex_all, head, fragment_compare, why, why_size);
	if (ret == 0) {
		ret = build(&programs->copy, vertex_tiles, head, fragment_copy, why, why_size);
	}
	if (ret == 0) {
		ret = build(&programs->read, vertex_all, head, fragment_read, why, why_size);
	}
	return ret;
}
