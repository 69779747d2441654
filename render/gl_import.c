/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "render/format.h"
#include "render/gl.h"

static const struct image_ops gl_image_ops;

/* Is value one of the formats that the driver lists? 1, 0, or -errno. */
static int listed_format(struct gl *gl, uint32_t format)
{
	EGLint count = 0, *formats;
	int found = 0;

	if (!eglQueryDmaBufFormatsEXT(gl->display, 0, NULL, &count)) {
		return -EIO;
	}
	if (count <= 0) {
		return 0;
	}
	formats = calloc(count, sizeof(*formats));
	if (!formats) {
		return -ENOMEM;
	}
	if (!eglQueryDmaBufFormatsEXT(gl->display, count, formats, &count)) {
		count = 0;
		found = -EIO;
	}
	for (EGLint i = 0; i < count; i++) {
		if ((uint32_t)formats[i] == format) {
			found = 1;
		}
	}
	free(formats);
	return found;
}

/*
 * Is modifier one of those that the driver lists for format? 1, 0, or -errno. A driver that lists
 * none at all takes what is linear.
 */
static int listed_modifier(struct gl *gl, uint32_t format, uint64_t modifier, bool *external_only)
{
	EGLuint64KHR *modifiers = NULL;
	EGLBoolean *external = NULL;
	EGLint count = 0;
	int found = 0;

	*external_only = false;
	if (!eglQueryDmaBufModifiersEXT(gl->display, format, 0, NULL, NULL, &count)) {
		return -EIO;
	}
	if (count <= 0) {
		return modifier == DRM_FORMAT_MOD_LINEAR || modifier == DRM_FORMAT_MOD_INVALID;
	}
	/* Zeroed, because Mesa's software driver leaves external_only as it was. */
	modifiers = calloc(count, sizeof(*modifiers));
	external = calloc(count, sizeof(*external));
	if (!modifiers || !external) {
		found = -ENOMEM;
	} else if (!eglQueryDmaBufModifiersEXT(
			   gl->display, format, count, modifiers, external, &count)) {
		found = -EIO;
	} else {
		for (EGLint i = 0; i < count; i++) {
			if (modifiers[i] == modifier) {
				found = 1;
				*external_only = external[i] == EGL_TRUE;
			}
		}
	}
	free(modifiers);
	free(external);
	/* No modifier given: the driver asks its kernel side, whatever its list says. */
	return found == 0 && modifier == DRM_FORMAT_MOD_INVALID ? 1 : found;
}

/* 0 and how to sample, or -errno with why. */
static int choose_sampler(struct gl *gl, const struct format *format, uint64_t modifier,
	enum gl_sampler *sampler, char *why, size_t why_size)
{
	char name[FORMAT_NAME_SIZE];
	bool external = false;
	int ret;

	if (!gl->has_modifiers) {
		if (modifier != DRM_FORMAT_MOD_LINEAR && modifier != DRM_FORMAT_MOD_INVALID) {
			snprintf(why, why_size,
				"%s is tiled by %s, and EGL on %s lacks "
				"EGL_EXT_image_dma_buf_import_modifiers",
				format->name, format_modifier_name(modifier, name, sizeof(name)),
				gl->platform);
			return -ENOTSUP;
		}
		*sampler = format->yuv ? GL_SAMPLE_EXTERNAL : GL_SAMPLE_2D;
		goto check;
	}

	ret = listed_format(gl, format->fourcc);
	if (ret == 0) {
		snprintf(
			why, why_size, "%s can't import the format %s", gl->platform, format->name);
		return -ENOTSUP;
	}
	if (ret > 0) {
		ret = listed_modifier(gl, format->fourcc, modifier, &external);
	}
	if (ret < 0) {
		snprintf(why, why_size, "EGL on %s can't say which formats it imports",
			gl->platform);
		return ret;
	}
	if (ret == 0) {
		snprintf(why, why_size, "%s can't import %s with the modifier %s", gl->platform,
			format->name, format_modifier_name(modifier, name, sizeof(name)));
		return -ENOTSUP;
	}
	*sampler = format->yuv || external ? GL_SAMPLE_EXTERNAL : GL_SAMPLE_2D;

check:
	if (*sampler == GL_SAMPLE_EXTERNAL && !gl->has_external) {
		snprintf(why, why_size,
			"%s can only be sampled as an external image, and OpenGL ES on %s lacks "
			"GL_OES_EGL_image_external_essl3",
			format->name, gl->platform);
		return -ENOTSUP;
	}
	return 0;
}

static int find_format(uint32_t fourcc, const struct format **format, char *why, size_t why_size)
{
	char name[FORMAT_NAME_SIZE];

	*format = format_find(fourcc);
	if (!*format) {
		snprintf(why, why_size, "format %s is not known",
			format_name(fourcc, name, sizeof(name)));
		return -ENOTSUP;
	}
	if ((*format)->refused) {
		snprintf(why, why_size, "format %s is not supported: %s", (*format)->name,
			(*format)->refused);
		return -ENOTSUP;
	}
	return 0;
}

int gl_can_import(struct gl *gl, uint32_t fourcc, uint64_t modifier, char *why, size_t why_size)
{
	const struct format *format;
	enum gl_sampler sampler;
	int ret;

	ret = find_format(fourcc, &format, why, why_size);
	if (ret < 0) {
		return ret;
	}
	return choose_sampler(gl, format, modifier, &sampler, why, why_size);
}

static uint64_t buffer_length(const struct buffer_attributes *attributes)
{
	off_t end = lseek(attributes->fd, 0, SEEK_END);

	return end > 0 ? (uint64_t)end : 0;
}

/*
 * Mesa's software driver reads through a shared mapping, writable where the fd is. It checks neither
 * that the mapping could be made nor that it is long enough, and ends by a signal later. So we try the
 * same before it does.
 */
static int check_mapping(
	const struct buffer_attributes *attributes, uint64_t length, char *why, size_t why_size)
{
	int flags = fcntl(attributes->fd, F_GETFL);
	int access = PROT_READ;
	void *address;
	int error;

	if (!length) {
		snprintf(why, why_size,
			"the dma-buf does not tell its length, which software GL needs");
		return -ENOTSUP;
	}
	if (flags >= 0 && (flags & O_ACCMODE) == O_RDWR) {
		access |= PROT_WRITE;
	}
	address = mmap(NULL, length, access, MAP_SHARED, attributes->fd, 0);
	if (address == MAP_FAILED) {
		error = errno;
		snprintf(why, why_size,
			"the dma-buf can't be mapped (%s), which software GL needs; "
			"give the render node of the GPU it belongs to",
			strerror(error));
		return -ENODEV;
	}
	munmap(address, length);
	return 0;
}

static int check_buffer(struct gl *gl, const struct format *format,
	const struct buffer_attributes *attributes, uint64_t length, char *why, size_t why_size)
{
	uint64_t known = length ? length : attributes->size;
	int ret;

	ret = format_check_bounds(format, attributes, known ? known : UINT64_MAX,
		attributes->modifier == DRM_FORMAT_MOD_LINEAR, why, why_size);
	if (ret < 0) {
		return ret;
	}
	if (attributes->offset > INT_MAX || attributes->stride > INT_MAX) {
		snprintf(why, why_size,
			"offset %" PRIu32 " or stride %" PRIu32 " is more than EGL can say",
			attributes->offset, attributes->stride);
		return -ERANGE;
	}
	if (attributes->width > (uint32_t)gl->max_size ||
		attributes->height > (uint32_t)gl->max_size) {
		snprintf(why, why_size,
			"%" PRIu32 "x%" PRIu32 " is larger than a texture of %s, %d pixels",
			attributes->width, attributes->height, gl->platform, gl->max_size);
		return -ENOTSUP;
	}
	/* On a node Mesa's software driver maps whole pages through it, and does not check that either. */
	if (gl->software && !gl->maps_buffers && length % (uint64_t)sysconf(_SC_PAGESIZE)) {
		snprintf(why, why_size,
			"the dma-buf's %" PRIu64 " bytes are no whole number of pages, "
			"so software GL can't map it",
			length);
		return -ENODEV;
	}
	return gl->maps_buffers ? check_mapping(attributes, length, why, why_size) : 0;
}

static EGLImageKHR create_image(
	struct gl *gl, const struct format *format, const struct buffer_attributes *attributes)
{
	EGLint list[32];
	unsigned n = 0;

#define ADD(key, value) (list[n++] = (key), list[n++] = (EGLint)(value))
	ADD(EGL_WIDTH, attributes->width);
	ADD(EGL_HEIGHT, attributes->height);
	ADD(EGL_LINUX_DRM_FOURCC_EXT, format->fourcc);
	ADD(EGL_DMA_BUF_PLANE0_FD_EXT, attributes->fd);
	ADD(EGL_DMA_BUF_PLANE0_OFFSET_EXT, attributes->offset);
	ADD(EGL_DMA_BUF_PLANE0_PITCH_EXT, attributes->stride);
	if (gl->has_modifiers && attributes->modifier != DRM_FORMAT_MOD_INVALID) {
		ADD(EGL_DMA_BUF_PLANE0_MODIFIER_LO_EXT, attributes->modifier & UINT32_MAX);
		ADD(EGL_DMA_BUF_PLANE0_MODIFIER_HI_EXT, attributes->modifier >> 32);
	}
	if (format->yuv) {
		ADD(EGL_YUV_COLOR_SPACE_HINT_EXT, EGL_ITU_REC709_EXT);
		ADD(EGL_SAMPLE_RANGE_HINT_EXT, EGL_YUV_NARROW_RANGE_EXT);
	}
	ADD(EGL_IMAGE_PRESERVED_KHR, EGL_TRUE);
#undef ADD
	list[n] = EGL_NONE;
	return eglCreateImageKHR(gl->display, EGL_NO_CONTEXT, EGL_LINUX_DMA_BUF_EXT, NULL, list);
}

/* GL_NO_ERROR, or the error. */
static GLenum bind_image(struct gl_image *image)
{
	GLenum error;

	image->target =
		image->sampler == GL_SAMPLE_EXTERNAL ? GL_TEXTURE_EXTERNAL_OES : GL_TEXTURE_2D;
	/* What calls before left behind; a lost context may go on for ever. */
	for (int i = 0; i < 16 && glGetError() != GL_NO_ERROR; i++) {
	}
	glGenTextures(1, &image->texture);
	glActiveTexture(GL_TEXTURE0);
	glBindTexture(image->target, image->texture);
	glTexParameteri(image->target, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
	glTexParameteri(image->target, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
	glTexParameteri(image->target, GL_TEXTURE_WRAP_S, GL_CLAMP_TO_EDGE);
	glTexParameteri(image->target, GL_TEXTURE_WRAP_T, GL_CLAMP_TO_EDGE);
	glEGLImageTargetTexture2DOES(image->target, image->image);
	error = glGetError();
	glBindTexture(image->target, 0);
	if (error != GL_NO_ERROR) {
		glDeleteTextures(1, &image->texture);
		image->texture = 0;
	}
	return error;
}

int gl_import(struct gl *gl, const struct buffer_attributes *attributes, struct image **result,
	char *why, size_t why_size)
{
	char modifier[FORMAT_NAME_SIZE], name[32];
	const struct format *format;
	struct gl_image *image;
	EGLint egl_error;
	GLenum error;
	int ret;

	*result = NULL;
	if (attributes->kind != BUFFER_DMABUF) {
		snprintf(why, why_size, "memory that is mapped already needs no GL");
		return -ENOTSUP;
	}
	ret = find_format(attributes->format, &format, why, why_size);
	if (ret < 0) {
		return ret;
	}
	ret = gl_make_current(gl);
	if (ret < 0) {
		snprintf(why, why_size, "the GL context on %s is lost", gl->platform);
		return ret;
	}

	image = calloc(1, sizeof(*image));
	if (!image) {
		snprintf(why, why_size, "out of memory");
		return -ENOMEM;
	}
	image->base.ops = &gl_image_ops;
	image->base.renderer = gl->renderer;
	image->base.attributes = *attributes;
	image->image = EGL_NO_IMAGE_KHR;
	image->length = buffer_length(attributes);

	ret = check_buffer(gl, format, attributes, image->length, why, why_size);
	if (ret < 0) {
		goto error;
	}
	ret = choose_sampler(gl, format, attributes->modifier, &image->sampler, why, why_size);
	if (ret < 0) {
		goto error;
	}
	image->image = create_image(gl, format, attributes);
	if (image->image == EGL_NO_IMAGE_KHR) {
		egl_error = eglGetError();
		snprintf(why, why_size,
			"%s refused the dma-buf (%s): %s %" PRIu32 "x%" PRIu32 ", stride %" PRIu32
			", offset %" PRIu32 ", modifier %s",
			gl->platform, gl_egl_error_name(egl_error, name, sizeof(name)),
			format->name, attributes->width, attributes->height, attributes->stride,
			attributes->offset,
			format_modifier_name(attributes->modifier, modifier, sizeof(modifier)));
		ret = egl_error == EGL_BAD_ALLOC ? -ENOMEM : -EINVAL;
		goto error;
	}
	error = bind_image(image);
	if (error != GL_NO_ERROR && image->sampler == GL_SAMPLE_2D && gl->has_external) {
		image->sampler = GL_SAMPLE_EXTERNAL;
		error = bind_image(image);
	}
	if (error != GL_NO_ERROR) {
		snprintf(why, why_size,
			"%s imported the dma-buf of %s but can't sample it (GL 0x%x)", gl->platform,
			format->name, error);
		ret = -EIO;
		goto error;
	}
	ret = gl_build_programs(gl, image->sampler, why, why_size);
	if (ret < 0) {
		goto error;
	}
	gl->renderer->counters.imports++;
	*result = &image->base;
	return 0;

error:
	image->base.ops->destroy(&image->base);
	return ret;
}

int gl_image_check_length(const struct gl_image *image)
{
	return buffer_length(&image->base.attributes) < image->length ? -EFAULT : 0;
}

static void gl_image_destroy(struct image *base)
{
	struct gl_image *image = (struct gl_image *)base;
	struct gl *gl = base->renderer->gl;

	/* Also with a lost context the names must be given back. */
	gl_make_current(gl);
	if (image->texture) {
		glDeleteTextures(1, &image->texture);
	}
	if (image->image != EGL_NO_IMAGE_KHR) {
		eglDestroyImageKHR(gl->display, image->image);
		gl_forget(gl);
	}
	free(image);
}

static const struct image_ops gl_image_ops = {
	.update = gl_image_update,
	.read = gl_image_read,
	.destroy = gl_image_destroy,
};
