/* SPDX-License-Identifier: MIT */
/*
 * What the GL path says to EGL, and what it does when EGL or GL say no. libepoxy calls everything
 * through global pointers; some of them point to us here: the lists of extensions, formats and
 * modifiers are ours, images are only counted, the rest goes on to whatever driver there is. So
 * tiled modifiers can be seen on their way without a GPU that knows them.
 */
#include <dirent.h>
#include <drm_fourcc.h>
#include <epoxy/egl.h>
#include <epoxy/gl.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "picture.h"

#define IMPORT "EGL_EXT_image_dma_buf_import"
#define MODIFIERS "EGL_EXT_image_dma_buf_import_modifiers"

static struct {
	/* orders to the mock */
	const char *hide[4]; /* extensions and the like that do not exist */
	bool refuse_images;
	bool refuse_display, refuse_context, refuse_current;
	bool time_out;
	bool refuse_2d; /* the texture target, as some drivers do */
	bool external_only;
	const char *version; /* of OpenGL ES */
	GLenum error; /* given out once */

	/* what was seen */
	unsigned images_made, images_destroyed;
	EGLint attributes[64];
	GLenum target; /* of the last bind of an image */
	int textures, framebuffers, buffers, programs, contexts, displays; /* alive */

	char display_extensions[8192], client_extensions[8192], gl_extensions[16384];
} mock;

/* The functions behind; by eglGetProcAddress(), since libepoxy's own pointers replace themselves. */
static struct {
	PFNEGLQUERYSTRINGPROC query_string;
	PFNEGLINITIALIZEPROC initialize;
	PFNEGLTERMINATEPROC terminate;
	PFNEGLCREATECONTEXTPROC create_context;
	PFNEGLDESTROYCONTEXTPROC destroy_context;
	PFNEGLMAKECURRENTPROC make_current;
	PFNGLGETSTRINGPROC get_string;
	PFNGLGETERRORPROC get_error;
	PFNGLGENTEXTURESPROC gen_textures;
	PFNGLDELETETEXTURESPROC delete_textures;
	PFNGLGENFRAMEBUFFERSPROC gen_framebuffers;
	PFNGLDELETEFRAMEBUFFERSPROC delete_framebuffers;
	PFNGLGENBUFFERSPROC gen_buffers;
	PFNGLDELETEBUFFERSPROC delete_buffers;
	PFNGLCREATEPROGRAMPROC create_program;
	PFNGLDELETEPROGRAMPROC delete_program;
	PFNGLCLIENTWAITSYNCPROC client_wait_sync;
} real;

static bool hidden(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof(mock.hide) / sizeof(mock.hide[0]); i++) {
		if (mock.hide[i] && strlen(mock.hide[i]) == length &&
			!strncmp(mock.hide[i], name, length)) {
			return true;
		}
	}
	return false;
}

/* The words of list that are not hidden, and more. */
static const char *filter(char *result, size_t size, const char *list, const char *more)
{
	const char *lists[] = {list, more};
	size_t used = 0;

	result[0] = '\0';
	for (size_t i = 0; i < 2; i++) {
		const char *at = lists[i] ? lists[i] : "";

		while (*at) {
			size_t length = strcspn(at, " ");

			if (length && !hidden(at, length) && used + length + 2 < size) {
				memcpy(result + used, at, length);
				used += length;
				result[used++] = ' ';
				result[used] = '\0';
			}
			at += length;
			at += strspn(at, " ");
		}
	}
	return result;
}

static const char *mock_query_string(EGLDisplay display, EGLint name)
{
	const char *string = real.query_string(display, name);

	if (name != EGL_EXTENSIONS) {
		return string;
	}
	if (display == EGL_NO_DISPLAY) {
		return filter(mock.client_extensions, sizeof(mock.client_extensions), string, NULL);
	}
	return filter(mock.display_extensions, sizeof(mock.display_extensions), string,
		IMPORT " " MODIFIERS);
}

static EGLBoolean mock_initialize(EGLDisplay display, EGLint *major, EGLint *minor)
{
	if (mock.refuse_display) {
		return EGL_FALSE;
	}
	mock.displays++;
	return real.initialize(display, major, minor);
}

static EGLBoolean mock_terminate(EGLDisplay display)
{
	mock.displays--;
	return real.terminate(display);
}

static EGLContext mock_create_context(
	EGLDisplay display, EGLConfig config, EGLContext share, const EGLint *attributes)
{
	EGLContext context;

	if (mock.refuse_context) {
		return EGL_NO_CONTEXT;
	}
	context = real.create_context(display, config, share, attributes);
	mock.contexts += context != EGL_NO_CONTEXT;
	return context;
}

static EGLBoolean mock_destroy_context(EGLDisplay display, EGLContext context)
{
	mock.contexts--;
	return real.destroy_context(display, context);
}

static EGLBoolean mock_make_current(
	EGLDisplay display, EGLSurface draw, EGLSurface read, EGLContext context)
{
	if (mock.refuse_current && context != EGL_NO_CONTEXT) {
		return EGL_FALSE;
	}
	return real.make_current(display, draw, read, context);
}

static EGLBoolean mock_query_formats(EGLDisplay display, EGLint max, EGLint *formats, EGLint *count)
{
	static const EGLint list[] = {
		DRM_FORMAT_XRGB8888, DRM_FORMAT_ARGB8888, DRM_FORMAT_YUYV, DRM_FORMAT_RGB565};

	*count = sizeof(list) / sizeof(list[0]);
	for (EGLint i = 0; i < max && i < *count; i++) {
		formats[i] = list[i];
	}
	return EGL_TRUE;
}

static EGLBoolean mock_query_modifiers(EGLDisplay display, EGLint format, EGLint max,
	EGLuint64KHR *modifiers, EGLBoolean *external, EGLint *count)
{
	static const EGLuint64KHR list[] = {DRM_FORMAT_MOD_LINEAR, I915_FORMAT_MOD_X_TILED,
		I915_FORMAT_MOD_Y_TILED, I915_FORMAT_MOD_Yf_TILED};

	if (format == DRM_FORMAT_RGB565) {
		*count = 0;
		return EGL_TRUE;
	}
	*count = sizeof(list) / sizeof(list[0]);
	for (EGLint i = 0; i < max && i < *count; i++) {
		modifiers[i] = list[i];
		/* As Mesa's software driver: what is false is not written at all. */
		if (mock.external_only || format == DRM_FORMAT_YUYV) {
			external[i] = EGL_TRUE;
		}
	}
	return EGL_TRUE;
}

static EGLImageKHR mock_create_image(EGLDisplay display, EGLContext context, EGLenum target,
	EGLClientBuffer buffer, const EGLint *attributes)
{
	size_t n = 0;

	assert_ptr_equal(context, EGL_NO_CONTEXT);
	assert_int_equal(target, EGL_LINUX_DMA_BUF_EXT);
	assert_null(buffer);
	while (attributes[n] != EGL_NONE) {
		assert_true(n + 2 < sizeof(mock.attributes) / sizeof(mock.attributes[0]));
		mock.attributes[n] = attributes[n];
		mock.attributes[n + 1] = attributes[n + 1];
		n += 2;
	}
	mock.attributes[n] = EGL_NONE;
	if (mock.refuse_images) {
		return EGL_NO_IMAGE_KHR;
	}
	mock.images_made++;
	return (EGLImageKHR)(uintptr_t)(0x1000 + mock.images_made);
}

static EGLBoolean mock_destroy_image(EGLDisplay display, EGLImageKHR image)
{
	assert_in_range((uintptr_t)image, 0x1001, 0x1000 + mock.images_made);
	mock.images_destroyed++;
	return EGL_TRUE;
}

/* Stands for the picture: grey, of its size. */
static void mock_image_target(GLenum target, GLeglImageOES image)
{
	static const GLubyte grey[4] = {0x80, 0x80, 0x80, 0x80};
	GLubyte *pixels;
	GLint width = 0, height = 0;

	mock.target = target;
	if (target != GL_TEXTURE_2D) {
		return;
	}
	if (mock.refuse_2d) {
		mock.error = GL_INVALID_OPERATION;
		return;
	}
	for (size_t i = 0; mock.attributes[i] != EGL_NONE; i += 2) {
		width = mock.attributes[i] == EGL_WIDTH ? mock.attributes[i + 1] : width;
		height = mock.attributes[i] == EGL_HEIGHT ? mock.attributes[i + 1] : height;
	}
	pixels = malloc((size_t)width * height * 4);
	assert_non_null(pixels);
	for (size_t i = 0; i < (size_t)width * height; i++) {
		memcpy(pixels + i * 4, grey, 4);
	}
	glTexImage2D(
		GL_TEXTURE_2D, 0, GL_RGBA8, width, height, 0, GL_RGBA, GL_UNSIGNED_BYTE, pixels);
	free(pixels);
}

static const GLubyte *mock_get_string(GLenum name)
{
	const GLubyte *string = real.get_string(name);

	if (name == GL_VERSION && mock.version) {
		return (const GLubyte *)mock.version;
	}
	if (name != GL_EXTENSIONS) {
		return string;
	}
	return (const GLubyte *)filter(
		mock.gl_extensions, sizeof(mock.gl_extensions), (const char *)string, NULL);
}

static GLenum mock_get_error(void)
{
	GLenum error = mock.error;

	mock.error = GL_NO_ERROR;
	return error != GL_NO_ERROR ? error : real.get_error();
}

static GLenum mock_client_wait_sync(GLsync fence, GLbitfield flags, GLuint64 timeout)
{
	assert_true(timeout > 0);
	return mock.time_out ? GL_TIMEOUT_EXPIRED : real.client_wait_sync(fence, flags, timeout);
}

#define COUNTED(things, gen, delete)                               \
	static void mock_##gen(GLsizei n, GLuint *names)           \
	{                                                          \
		mock.things += n;                                  \
		real.gen(n, names);                                \
	}                                                          \
	static void mock_##delete (GLsizei n, const GLuint *names) \
	{                                                          \
		for (GLsizei i = 0; i < n; i++) {                  \
			mock.things -= names[i] != 0;              \
		}                                                  \
		real.delete(n, names);                             \
	}

COUNTED(textures, gen_textures, delete_textures)
COUNTED(framebuffers, gen_framebuffers, delete_framebuffers)
COUNTED(buffers, gen_buffers, delete_buffers)

static GLuint mock_create_program(void)
{
	mock.programs++;
	return real.create_program();
}

static void mock_delete_program(GLuint program)
{
	mock.programs -= program != 0;
	real.delete_program(program);
}

#define TAKE(field, name, replacement)                                    \
	do {                                                              \
		*(void **)&real.field = (void *)eglGetProcAddress(#name); \
		if (!real.field) {                                        \
			printf("skipped: EGL does not know " #name "\n"); \
			return 77;                                        \
		}                                                         \
		epoxy_##name = replacement;                               \
	} while (0)

static int take_over(void)
{
	TAKE(query_string, eglQueryString, mock_query_string);
	TAKE(initialize, eglInitialize, mock_initialize);
	TAKE(terminate, eglTerminate, mock_terminate);
	TAKE(create_context, eglCreateContext, mock_create_context);
	TAKE(destroy_context, eglDestroyContext, mock_destroy_context);
	TAKE(make_current, eglMakeCurrent, mock_make_current);
	TAKE(get_string, glGetString, mock_get_string);
	TAKE(get_error, glGetError, mock_get_error);
	TAKE(gen_textures, glGenTextures, mock_gen_textures);
	TAKE(delete_textures, glDeleteTextures, mock_delete_textures);
	TAKE(gen_framebuffers, glGenFramebuffers, mock_gen_framebuffers);
	TAKE(delete_framebuffers, glDeleteFramebuffers, mock_delete_framebuffers);
	TAKE(gen_buffers, glGenBuffers, mock_gen_buffers);
	TAKE(delete_buffers, glDeleteBuffers, mock_delete_buffers);
	TAKE(create_program, glCreateProgram, mock_create_program);
	TAKE(delete_program, glDeleteProgram, mock_delete_program);
	TAKE(client_wait_sync, glClientWaitSync, mock_client_wait_sync);
	epoxy_eglQueryDmaBufFormatsEXT = mock_query_formats;
	epoxy_eglQueryDmaBufModifiersEXT = mock_query_modifiers;
	epoxy_eglCreateImageKHR = mock_create_image;
	epoxy_eglDestroyImageKHR = mock_destroy_image;
	epoxy_glEGLImageTargetTexture2DOES = mock_image_target;
	return 0;
}

static void assert_nothing_left(void)
{
	assert_int_equal(mock.images_made, mock.images_destroyed);
	assert_int_equal(mock.textures, 0);
	assert_int_equal(mock.framebuffers, 0);
	assert_int_equal(mock.buffers, 0);
	assert_int_equal(mock.programs, 0);
	assert_int_equal(mock.contexts, 0);
	assert_int_equal(mock.displays, 0);
}

static int reset(void **state)
{
	memset(&mock, 0, sizeof(mock));
	return 0;
}

static unsigned count_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(directory);
	while (readdir(directory)) {
		n++;
	}
	closedir(directory);
	return n;
}

static struct renderer *make_renderer(void)
{
	struct renderer_options options = {.kind = RENDERER_GL};
	char why[256] = "";
	struct renderer *renderer = renderer_create(&options, why, sizeof(why));

	if (!renderer) {
		fail_msg("no renderer: %s", why);
	}
	return renderer;
}

/* The value of a key of the last eglCreateImageKHR(); -1: it was not among them. */
static int64_t attribute(EGLint key)
{
	for (size_t i = 0; mock.attributes[i] != EGL_NONE; i += 2) {
		if (mock.attributes[i] == key) {
			return (uint32_t)mock.attributes[i + 1];
		}
	}
	return -1;
}

static void test_modifiers_arrive(void **state)
{
	static const uint64_t modifiers[] = {DRM_FORMAT_MOD_LINEAR, I915_FORMAT_MOD_X_TILED,
		I915_FORMAT_MOD_Y_TILED, I915_FORMAT_MOD_Yf_TILED};
	struct renderer *renderer = make_renderer();
	struct picture picture;

	picture_init(&picture, DRM_FORMAT_XRGB8888, 640, 480, 4096, 8192);
	for (size_t i = 0; i < sizeof(modifiers) / sizeof(modifiers[0]); i++) {
		struct buffer_attributes attributes = picture_dmabuf(&picture);
		struct image *image = NULL;
		char why[256] = "";

		attributes.modifier = modifiers[i];
		assert_int_equal(
			renderer_import(renderer, &attributes, &image, why, sizeof(why)), 0);
		assert_int_equal(attribute(EGL_WIDTH), 640);
		assert_int_equal(attribute(EGL_HEIGHT), 480);
		assert_int_equal(attribute(EGL_LINUX_DRM_FOURCC_EXT), DRM_FORMAT_XRGB8888);
		assert_int_equal(attribute(EGL_DMA_BUF_PLANE0_FD_EXT), picture.fd);
		assert_int_equal(attribute(EGL_DMA_BUF_PLANE0_OFFSET_EXT), 8192);
		assert_int_equal(attribute(EGL_DMA_BUF_PLANE0_PITCH_EXT), 4096);
		assert_int_equal(
			attribute(EGL_DMA_BUF_PLANE0_MODIFIER_LO_EXT), modifiers[i] & UINT32_MAX);
		assert_int_equal(attribute(EGL_DMA_BUF_PLANE0_MODIFIER_HI_EXT), modifiers[i] >> 32);
		assert_int_equal(attribute(EGL_YUV_COLOR_SPACE_HINT_EXT), -1);
		assert_int_equal(attribute(EGL_IMAGE_PRESERVED_KHR), EGL_TRUE);
		assert_int_equal(mock.target, GL_TEXTURE_2D);
		image_destroy(image);
		assert_int_equal(mock.images_destroyed, i + 1);
	}
	/* The driver's list names no such thing. */
	{
		struct buffer_attributes attributes = picture_dmabuf(&picture);
		struct image *image = NULL;
		char why[256] = "";

		attributes.modifier = I915_FORMAT_MOD_Y_TILED_CCS;
		assert_int_equal(
			renderer_import(renderer, &attributes, &image, why, sizeof(why)), -ENOTSUP);
		assert_non_null(strstr(why, "Y_TILED_CCS"));
		assert_null(image);
	}
	assert_int_equal(renderer_counters(renderer)->imports, 4);
	assert_int_equal(renderer_counters(renderer)->import_failures, 1);
	picture_finish(&picture);
	renderer_destroy(renderer);
	assert_nothing_left();
}

static void test_no_modifier_given(void **state)
{
	struct renderer *renderer = make_renderer();
	struct buffer_attributes attributes;
	struct image *image = NULL;
	struct picture picture;
	char why[256] = "";

	picture_init(&picture, DRM_FORMAT_XRGB8888, 64, 64, 0, 0);
	attributes = picture_dmabuf(&picture);
	attributes.modifier = DRM_FORMAT_MOD_INVALID;
	assert_int_equal(renderer_import(renderer, &attributes, &image, why, sizeof(why)), 0);
	assert_int_equal(attribute(EGL_DMA_BUF_PLANE0_MODIFIER_LO_EXT), -1);
	image_destroy(image);
	picture_finish(&picture);
	renderer_destroy(renderer);
	assert_nothing_left();
}

static void test_without_modifiers(void **state)
{
	struct renderer *renderer;
	struct buffer_attributes attributes;
	struct image *image = NULL;
	struct picture picture;
	char why[256] = "";

	mock.hide[0] = MODIFIERS;
	renderer = make_renderer();
	assert_non_null(strstr(renderer_describe(renderer), "no format modifiers"));
	picture_init(&picture, DRM_FORMAT_XRGB8888, 64, 64, 0, 0);
	attributes = picture_dmabuf(&picture);
	assert_int_equal(renderer_import(renderer, &attributes, &image, why, sizeof(why)), 0);
	assert_int_equal(attribute(EGL_DMA_BUF_PLANE0_MODIFIER_LO_EXT), -1);
	assert_int_equal(attribute(EGL_DMA_BUF_PLANE0_MODIFIER_HI_EXT), -1);
	image_destroy(image);

	attributes.modifier = I915_FORMAT_MOD_X_TILED;
	assert_int_equal(
		renderer_import(renderer, &attributes, &image, why, sizeof(why)), -ENOTSUP);
	assert_non_null(strstr(why, MODIFIERS));
	assert_non_null(strstr(why, "X_TILED"));
	picture_finish(&picture);
	renderer_destroy(renderer);
	assert_nothing_left();
}

static void test_external(void **state)
{
	struct renderer *renderer = make_renderer();
	struct buffer_attributes attributes;
	struct image *image = NULL;
	struct picture picture;
	char why[256] = "";

	if (renderer_can_import(
		    renderer, DRM_FORMAT_YUYV, DRM_FORMAT_MOD_LINEAR, why, sizeof(why)) < 0) {
		print_message("%s\n", why);
		renderer_destroy(renderer);
		skip();
	}
	picture_init(&picture, DRM_FORMAT_YUYV, 64, 64, 0, 0);
	attributes = picture_dmabuf(&picture);
	assert_int_equal(renderer_import(renderer, &attributes, &image, why, sizeof(why)), 0);
	assert_int_equal(mock.target, GL_TEXTURE_EXTERNAL_OES);
	assert_int_equal(attribute(EGL_YUV_COLOR_SPACE_HINT_EXT), EGL_ITU_REC709_EXT);
	assert_int_equal(attribute(EGL_SAMPLE_RANGE_HINT_EXT), EGL_YUV_NARROW_RANGE_EXT);
	image_destroy(image);
	picture_finish(&picture);

	/* RGB that the driver calls external only, and RGB that it only refuses when asked. */
	picture_init(&picture, DRM_FORMAT_XRGB8888, 64, 64, 0, 0);
	attributes = picture_dmabuf(&picture);
	mock.external_only = true;
	assert_int_equal(renderer_import(renderer, &attributes, &image, why, sizeof(why)), 0);
	assert_int_equal(mock.target, GL_TEXTURE_EXTERNAL_OES);
	image_destroy(image);
	mock.external_only = false;
	mock.refuse_2d = true;
	assert_int_equal(renderer_import(renderer, &attributes, &image, why, sizeof(why)), 0);
	assert_int_equal(mock.target, GL_TEXTURE_EXTERNAL_OES);
	image_destroy(image);
	picture_finish(&picture);
	renderer_destroy(renderer);
	assert_nothing_left();
}

static void test_external_missing(void **state)
{
	struct renderer *renderer;
	struct buffer_attributes attributes;
	struct image *image = NULL;
	struct picture picture;
	char why[256] = "";

	mock.hide[0] = "GL_OES_EGL_image_external_essl3";
	renderer = make_renderer();
	picture_init(&picture, DRM_FORMAT_YUYV, 64, 64, 0, 0);
	attributes = picture_dmabuf(&picture);
	assert_int_equal(
		renderer_import(renderer, &attributes, &image, why, sizeof(why)), -ENOTSUP);
	assert_non_null(strstr(why, "GL_OES_EGL_image_external_essl3"));
	assert_int_equal(mock.images_made, 0);
	picture_finish(&picture);

	picture_init(&picture, DRM_FORMAT_XRGB8888, 64, 64, 0, 0);
	attributes = picture_dmabuf(&picture);
	mock.refuse_2d = true;
	assert_int_equal(renderer_import(renderer, &attributes, &image, why, sizeof(why)), -EIO);
	assert_non_null(strstr(why, "XRGB8888"));
	assert_null(image);
	assert_int_equal(mock.images_made, 1);
	assert_int_equal(mock.images_destroyed, 1);
	picture_finish(&picture);
	renderer_destroy(renderer);
	assert_nothing_left();
}

static void test_formats_of_the_driver(void **state)
{
	struct renderer *renderer = make_renderer();
	char why[256] = "";

	assert_int_equal(renderer_can_import(renderer, DRM_FORMAT_XRGB8888,
				 I915_FORMAT_MOD_Yf_TILED, why, sizeof(why)),
		0);
	assert_int_equal(renderer_can_import(renderer, DRM_FORMAT_XBGR2101010,
				 DRM_FORMAT_MOD_LINEAR, why, sizeof(why)),
		-ENOTSUP);
	assert_non_null(strstr(why, "XBGR2101010"));
	/* No list of modifiers: linear may be tried, tiled not. */
	assert_int_equal(renderer_can_import(renderer, DRM_FORMAT_RGB565, DRM_FORMAT_MOD_LINEAR,
				 why, sizeof(why)),
		0);
	assert_int_equal(renderer_can_import(renderer, DRM_FORMAT_RGB565, I915_FORMAT_MOD_X_TILED,
				 why, sizeof(why)),
		-ENOTSUP);
	assert_int_equal(mock.images_made, 0);
	renderer_destroy(renderer);
	assert_nothing_left();
}

static void test_one_import(void **state)
{
	struct renderer *renderer = make_renderer();
	struct buffer_attributes attributes;
	struct image *images[3];
	struct picture picture;
	pixman_region32_t damage;
	char why[256] = "";

	picture_init(&picture, DRM_FORMAT_XRGB8888, 200, 130, 0, 0);
	attributes = picture_dmabuf(&picture);
	pixman_region32_init(&damage);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(
			renderer_import(renderer, &attributes, &images[i], why, sizeof(why)), 0);
		for (int tick = 0; tick < 20; tick++) {
			assert_int_equal(renderer_update(renderer, images[i], &damage), 0);
		}
		assert_int_equal(mock.images_made, i + 1);
	}
	for (size_t i = 0; i < 200 * 130; i++) {
		assert_int_equal(renderer_snapshot(renderer)->pixels[i], 0x808080);
	}
	assert_int_equal(renderer_counters(renderer)->imports, 3);
	pixman_region32_fini(&damage);
	for (unsigned i = 0; i < 3; i++) {
		image_destroy(images[i]);
	}
	assert_int_equal(mock.images_destroyed, 3);
	picture_finish(&picture);
	renderer_destroy(renderer);
	assert_nothing_left();
}

static void test_image_refused(void **state)
{
	struct renderer *renderer = make_renderer();
	struct buffer_attributes attributes;
	struct image *image = NULL;
	struct picture picture;
	char why[256] = "";
	int textures = mock.textures;
	unsigned fds;

	picture_init(&picture, DRM_FORMAT_XRGB8888, 640, 480, 0, 0);
	fds = count_fds();
	attributes = picture_dmabuf(&picture);
	attributes.modifier = I915_FORMAT_MOD_X_TILED;
	mock.refuse_images = true;
	for (int i = 0; i < 10; i++) {
		assert_true(renderer_import(renderer, &attributes, &image, why, sizeof(why)) < 0);
		assert_null(image);
	}
	assert_non_null(strstr(why, "640x480"));
	assert_non_null(strstr(why, "stride 2560"));
	assert_non_null(strstr(why, "X_TILED"));
	assert_int_equal(renderer_counters(renderer)->import_failures, 10);
	assert_int_equal(renderer_counters(renderer)->imports, 0);
	assert_int_equal(mock.textures, textures);
	assert_int_equal(count_fds(), fds);
	picture_finish(&picture);
	renderer_destroy(renderer);
	assert_nothing_left();
}

/* A GPU that fails makes the update fail, and what it did since is not believed. */
static void test_gpu_fails(void **state)
{
	struct renderer *renderer = make_renderer();
	struct buffer_attributes attributes;
	struct image *image = NULL;
	struct picture picture;
	pixman_region32_t damage;
	uint32_t *black = calloc(200 * 130, 4);
	char why[256] = "";

	assert_non_null(black);
	picture_init(&picture, DRM_FORMAT_XRGB8888, 200, 130, 0, 0);
	attributes = picture_dmabuf(&picture);
	assert_int_equal(renderer_import(renderer, &attributes, &image, why, sizeof(why)), 0);
	pixman_region32_init(&damage);
	assert_int_equal(renderer_update(renderer, image, &damage), 0);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(renderer_paint(renderer, black, 200, 130, &damage), 0);
		mock.time_out = round == 0;
		mock.error = round == 0 ? GL_NO_ERROR : GL_OUT_OF_MEMORY;
		assert_int_equal(renderer_update(renderer, image, &damage), -EIO);
		mock.time_out = false;
		assert_int_equal(renderer_paint(renderer, black, 200, 130, &damage), 0);
		pixman_region32_fini(&damage);
		pixman_region32_init(&damage);
		assert_int_equal(renderer_update(renderer, image, &damage), 0);
		assert_true(pixman_region32_not_empty(&damage));
		for (size_t i = 0; i < 200 * 130; i++) {
			assert_int_equal(renderer_snapshot(renderer)->pixels[i], 0x808080);
		}
	}
	pixman_region32_fini(&damage);
	image_destroy(image);
	picture_finish(&picture);
	renderer_destroy(renderer);
	free(black);
	assert_nothing_left();
}

static void refuse_to_start(const char *word)
{
	struct renderer_options options = {.kind = RENDERER_GL};
	char why[256] = "";
	struct renderer *renderer = renderer_create(&options, why, sizeof(why));

	if (renderer || !strstr(why, word)) {
		fail_msg(
			"wanted a reason with '%s', got '%s'", word, renderer ? "a renderer" : why);
	}
	assert_true(errno != 0);
	assert_null(strchr(why, '\n'));
	assert_nothing_left();
}

static void test_what_is_missing(void **state)
{
	static const char *const words[] = {"EGL_EXT_platform_base", "EGL_KHR_surfaceless_context",
		"EGL_KHR_image_base", IMPORT, "GL_OES_EGL_image"};
	unsigned fds = 0;

	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
			reset(NULL);
			mock.hide[0] = words[i];
			refuse_to_start(words[i]);
		}
		reset(NULL);
		mock.hide[0] = "EGL_EXT_platform_device";
		mock.hide[1] = "EGL_MESA_platform_surfaceless";
		refuse_to_start("EGL_MESA_platform_surfaceless");
		reset(NULL);
		mock.refuse_display = true;
		refuse_to_start("eglInitialize");
		reset(NULL);
		mock.refuse_context = true;
		refuse_to_start("context");
		reset(NULL);
		mock.refuse_current = true;
		refuse_to_start("eglMakeCurrent");
		reset(NULL);
		mock.version = "OpenGL ES 2.0 old";
		refuse_to_start("OpenGL ES 3.0 is needed");
		/* The driver keeps some from its first start on. */
		if (round == 0) {
			fds = count_fds();
		}
		assert_int_equal(count_fds(), fds);
	}
}

/* AUTO goes on without GL, and tells why where GL was needed. */
static void test_auto_without_gl(void **state)
{
	struct renderer_options options = {.kind = RENDERER_AUTO};
	struct buffer_attributes attributes;
	struct image *image = NULL;
	struct renderer *renderer;
	struct picture picture;
	char why[256] = "";

	mock.hide[0] = IMPORT;
	renderer = renderer_create(&options, why, sizeof(why));
	assert_non_null(renderer);
	picture_init(&picture, DRM_FORMAT_XRGB8888, 64, 64, 0, 0);
	attributes = picture_dmabuf(&picture);
	attributes.modifier = I915_FORMAT_MOD_X_TILED;
	assert_int_equal(
		renderer_import(renderer, &attributes, &image, why, sizeof(why)), -ENOTSUP);
	assert_non_null(strstr(why, IMPORT));
	attributes.modifier = DRM_FORMAT_MOD_LINEAR;
	assert_int_equal(renderer_import(renderer, &attributes, &image, why, sizeof(why)), 0);
	image_destroy(image);
	picture_finish(&picture);
	renderer_destroy(renderer);
	assert_nothing_left();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_modifiers_arrive, reset),
		cmocka_unit_test_setup(test_no_modifier_given, reset),
		cmocka_unit_test_setup(test_without_modifiers, reset),
		cmocka_unit_test_setup(test_external, reset),
		cmocka_unit_test_setup(test_external_missing, reset),
		cmocka_unit_test_setup(test_formats_of_the_driver, reset),
		cmocka_unit_test_setup(test_one_import, reset),
		cmocka_unit_test_setup(test_image_refused, reset),
		cmocka_unit_test_setup(test_gpu_fails, reset),
		cmocka_unit_test_setup(test_what_is_missing, reset),
		cmocka_unit_test_setup(test_auto_without_gl, reset),
	};
	struct renderer_options options = {.kind = RENDERER_GL};
	struct renderer *renderer;
	char why[256] = "";
	int ret;

	/* Without libEGL the renderer says so, and libepoxy would exit. */
	renderer = renderer_create(&options, why, sizeof(why));
	if (!renderer && strstr(why, "can't be loaded")) {
		printf("skipped: %s\n", why);
		return 77;
	}
	renderer_destroy(renderer);
	ret = take_over();
	if (ret) {
		return ret;
	}
	reset(NULL);
	renderer = renderer_create(&options, why, sizeof(why));
	if (!renderer) {
		printf("skipped: no driver to stand on: %s\n", why);
		return 77;
	}
	renderer_destroy(renderer);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
