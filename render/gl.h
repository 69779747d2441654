/* SPDX-License-Identifier: MIT */
/*
 * Inside the GL path only: its state, shared by gl.c (lifetime), gl_egl.c (display and context),
 * gl_import.c (buffers), gl_shaders.c (programs) and gl_update.c (compare, copy, read back).
 *
 * Everything belongs to the thread that made the renderer; the context is made current there once.
 * libepoxy ends the process when a missing function is called, so whatever is not in EGL 1.4 or GLES
 * 3.0 is only called after its extension was seen.
 */
#ifndef RENDER_GL_H
#define RENDER_GL_H

#include <epoxy/egl.h>
#include <epoxy/gl.h>
#include <stdbool.h>
#include <stdint.h>

#include "render/impl.h"

struct gbm_device;

/* Pixels: side of the block that one fragment of the compare pass looks at. Divides RENDER_TILE. */
#define GL_BLOCK 8

/* Bytes of one read-back buffer. Two take turns, so that one fills while the other is copied. */
#define GL_READBACK_SIZE (4u << 20)
#define GL_READBACK_PIECES 256

enum gl_sampler {
	GL_SAMPLE_2D,
	GL_SAMPLE_EXTERNAL, /* what the driver lists as external only */
	GL_SAMPLERS,
};

/* A texture that we draw into. */
struct gl_target {
	GLuint texture;
	GLuint framebuffer;
	uint32_t width, height;
};

struct gl_program {
	GLuint name;
	GLint size; /* where the picture's size goes */
};

struct gl_programs {
	struct gl_program compare, copy, read;
};

/* A rectangle under way from the snapshot texture. */
struct gl_piece {
	uint32_t x, y, width, height;
	size_t offset;
};

struct gl_readback {
	GLuint buffer;
	GLsync fence;
	size_t used;
	unsigned n_pieces;
	struct gl_piece pieces[GL_READBACK_PIECES];
};

struct gl {
	struct renderer *renderer;

	int node; /* of the render node, or -1 */
	struct gbm_device *gbm;
	EGLDisplay display;
	EGLContext context;
	bool initialized;
	const char *platform; /* words for messages: "the software device" */
	char node_path[128];
	bool software; /* the GL runs on the CPU */
	bool maps_buffers; /* Mesa's software driver without a node: it reads through mmap() */
	bool has_modifiers;
	bool has_external;
	bool has_reset_status;
	bool lost;
	char description[256];

	GLint max_size; /* pixels: of a texture's side */
	GLuint vertex_array;
	struct gl_program reduce;
	struct gl_programs programs[GL_SAMPLERS]; /* zero: not built yet */

	struct gl_target blocks; /* one texel a block */
	struct gl_target tiles; /* one texel a tile */
	struct gl_target snapshot;
	struct gl_target small; /* for read() */
	uint64_t version; /* of the renderer's snapshot that ours is equal to */
	bool fresh; /* version means something */
	bool red_readable; /* one byte a mark comes back, else four */
	GLuint marks_buffer;
	size_t marks_size;
	uint8_t *marks; /* one byte a tile */
	struct gl_readback readback[2];

	uint64_t calls;
};

struct gl_image {
	struct image base;
	EGLImageKHR image;
	GLuint texture;
	GLenum target;
	enum gl_sampler sampler;
	uint64_t length; /* bytes of the buffer when it was imported, 0: not known */
	bool lost; /* pages of the driver's mapping are gone; only a new import brings them back */
};

/* Counts the calls that an update makes. */
#define GL_CALL(gl, call) ((gl)->calls++, call)

/* gl_egl.c */
int gl_egl_open(struct gl *gl, const char *render_node, char *why, size_t why_size);
void gl_egl_close(struct gl *gl);
int gl_make_current(struct gl *gl);
/* Is name one of the words of list? */
bool gl_has_word(const char *list, const char *name);
/* "EGL_BAD_MATCH", or a number in a buffer that the next call overwrites. */
const char *gl_egl_error_name(EGLint error, char *buffer, size_t size);

/* gl_shaders.c: 0, or -EIO with what the compiler said in why. */
int gl_build_reduce(struct gl *gl, char *why, size_t why_size);
int gl_build_programs(struct gl *gl, enum gl_sampler sampler, char *why, size_t why_size);

/* gl_import.c: -EFAULT when the buffer has become shorter since the import. */
int gl_image_check_length(const struct gl_image *image);

/* gl_update.c */
int gl_target_init(
	struct gl *gl, struct gl_target *target, GLenum format, uint32_t width, uint32_t height);
void gl_target_finish(struct gl_target *target);
/* Makes the driver let go of textures that were deleted: it keeps those of the last draw bound. */
void gl_forget(struct gl *gl);
int gl_image_update(struct image *image, pixman_region32_t *damage);
int gl_image_read(struct image *image, uint32_t *pixels);

#endif
