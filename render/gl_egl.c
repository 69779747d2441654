/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <gbm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xf86drm.h>

#include "render/gl.h"

bool gl_has_word(const char *list, const char *name)
{
	size_t length = strlen(name);

	while (list && *list) {
		size_t word = strcspn(list, " ");

		if (word == length && memcmp(list, name, length) == 0) {
			return true;
		}
		list += word;
		list += strspn(list, " ");
	}
	return false;
}

const char *gl_egl_error_name(EGLint error, char *buffer, size_t size)
{
	switch (error) {
	case EGL_SUCCESS:
		return "no EGL error";
	case EGL_NOT_INITIALIZED:
		return "EGL_NOT_INITIALIZED";
	case EGL_BAD_ACCESS:
		return "EGL_BAD_ACCESS";
	case EGL_BAD_ALLOC:
		return "EGL_BAD_ALLOC";
	case EGL_BAD_ATTRIBUTE:
		return "EGL_BAD_ATTRIBUTE";
	case EGL_BAD_CONFIG:
		return "EGL_BAD_CONFIG";
	case EGL_BAD_MATCH:
		return "EGL_BAD_MATCH";
	case EGL_BAD_PARAMETER:
		return "EGL_BAD_PARAMETER";
	case EGL_CONTEXT_LOST:
		return "EGL_CONTEXT_LOST";
	default:
		snprintf(buffer, size, "EGL error 0x%x", (unsigned)error);
		return buffer;
	}
}

/* libepoxy exits when it can't load these, so look first. */
static int check_libraries(char *why, size_t why_size)
{
	static const char *const names[] = {"libEGL.so.1", "libGLESv2.so.2"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		void *library = dlopen(names[i], RTLD_LAZY | RTLD_LOCAL);

		if (!library) {
			snprintf(why, why_size,
				"%s can't be loaded; install it (Debian: libegl1 libgles2)",
				names[i]);
			return -ENOENT;
		}
		dlclose(library);
	}
	return 0;
}

static EGLDisplay software_device(void)
{
	EGLDeviceEXT devices[32];
	EGLint count = 0;

	if (!eglQueryDevicesEXT(32, devices, &count)) {
		return EGL_NO_DISPLAY;
	}
	for (EGLint i = 0; i < count; i++) {
		if (gl_has_word(eglQueryDeviceStringEXT(devices[i], EGL_EXTENSIONS),
			    "EGL_MESA_device_software")) {
			return eglGetPlatformDisplayEXT(EGL_PLATFORM_DEVICE_EXT, devices[i], NULL);
		}
	}
	return EGL_NO_DISPLAY;
}

static int open_node(
	struct gl *gl, const char *path, const char *client, char *why, size_t why_size)
{
	int error;

	if (!gl_has_word(client, "EGL_KHR_platform_gbm") &&
		!gl_has_word(client, "EGL_MESA_platform_gbm")) {
		snprintf(why, why_size,
			"EGL has no gbm platform (EGL_KHR_platform_gbm), so %s can't be used",
			path);
		return -ENOTSUP;
	}
	gl->node = open(path, O_RDWR | O_CLOEXEC);
	if (gl->node < 0) {
		error = errno;
		snprintf(why, why_size, "render node %s: %s%s", path, strerror(error),
			error == EACCES ? "; be in its group (usually 'render')" : "");
		return -error;
	}
	/* gbm takes anything, and falls back to software that can't reach the device. */
	if (drmGetNodeTypeFromFd(gl->node) < 0) {
		snprintf(
			why, why_size, "%s is not a DRM node; give one of /dev/dri/renderD*", path);
		return -ENODEV;
	}
	gl->gbm = gbm_create_device(gl->node);
	if (!gl->gbm) {
		snprintf(why, why_size,
			"gbm knows no driver for %s; is the Mesa driver of that device installed?",
			path);
		return -ENODEV;
	}
	gl->display = eglGetPlatformDisplayEXT(EGL_PLATFORM_GBM_KHR, gl->gbm, NULL);
	gl->platform = gl->node_path;
	snprintf(gl->node_path, sizeof(gl->node_path), "%s", path);
	return 0;
}

/*
 * Mesa's software driver reads guest memory on threads of its own, which block SIGBUS: there a file
 * that shrinks under the read ends the process, and no handler can help. Without those threads it
 * reads on ours. Only files shrink, and only a driver without a node takes them; so this is no loss
 * where it matters. Who sets the variable knows better.
 */
static void read_on_this_thread(void)
{
	setenv("LP_NUM_THREADS", "0", 0);
}

/*
 * Without a node we take Mesa's software device before the surfaceless platform: the latter picks any
 * DRM node that it finds, and there are kernels (vgem, vkms) on whose nodes its imports crash.
 */
static void open_nodeless(struct gl *gl, const char *client)
{
	read_on_this_thread();
	if (gl_has_word(client, "EGL_EXT_platform_device") &&
		(gl_has_word(client, "EGL_EXT_device_base") ||
			(gl_has_word(client, "EGL_EXT_device_enumeration") &&
				gl_has_word(client, "EGL_EXT_device_query")))) {
		gl->display = software_device();
		gl->platform = "the software device";
	}
	if (gl->display == EGL_NO_DISPLAY && gl_has_word(client, "EGL_MESA_platform_surfaceless")) {
		gl->display = eglGetPlatformDisplayEXT(
			EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, NULL);
		gl->platform = "the surfaceless platform";
	}
}

static int check_extensions(struct gl *gl, char *why, size_t why_size)
{
	static const char *const needed[] = {
		"EGL_KHR_surfaceless_context",
		"EGL_KHR_image_base",
		"EGL_EXT_image_dma_buf_import",
	};
	const char *extensions = eglQueryString(gl->display, EGL_EXTENSIONS);
	const char *version = eglQueryString(gl->display, EGL_VERSION);

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (!gl_has_word(extensions, needed[i])) {
			snprintf(why, why_size, "EGL on %s lacks %s (%s %s)%s", gl->platform,
				needed[i], eglQueryString(gl->display, EGL_VENDOR), version,
				i == 2 && !gl->gbm ? "; Mesa's software driver has it from 24.2 on"
						   : "");
			return -ENOTSUP;
		}
	}
	gl->has_modifiers = gl_has_word(extensions, "EGL_EXT_image_dma_buf_import_modifiers");
	return 0;
}

static int create_context(struct gl *gl, char *why, size_t why_size)
{
	const char *extensions = eglQueryString(gl->display, EGL_EXTENSIONS);
	EGLint attributes[] = {
		EGL_CONTEXT_CLIENT_VERSION,
		3,
		EGL_CONTEXT_OPENGL_RESET_NOTIFICATION_STRATEGY_EXT,
		EGL_LOSE_CONTEXT_ON_RESET_EXT,
		EGL_NONE,
	};
	static const EGLint any[] = {
		EGL_SURFACE_TYPE,
		EGL_DONT_CARE,
		EGL_RENDERABLE_TYPE,
		EGL_OPENGL_ES3_BIT_KHR,
		EGL_NONE,
	};
	EGLConfig config = NULL;
	EGLint count = 0;
	char name[32];

	if (!eglBindAPI(EGL_OPENGL_ES_API)) {
		snprintf(why, why_size, "EGL on %s has no OpenGL ES", gl->platform);
		return -ENOTSUP;
	}
	if (!gl_has_word(extensions, "EGL_KHR_no_config_context") &&
		!gl_has_word(extensions, "EGL_MESA_configless_context") &&
		(!eglChooseConfig(gl->display, any, &config, 1, &count) || count < 1)) {
		snprintf(why, why_size, "EGL on %s has no configuration with OpenGL ES 3",
			gl->platform);
		return -ENOTSUP;
	}

	if (gl_has_word(extensions, "EGL_EXT_create_context_robustness")) {
		gl->context = eglCreateContext(gl->display, config, EGL_NO_CONTEXT, attributes);
	}
	if (gl->context == EGL_NO_CONTEXT) {
		attributes[2] = EGL_NONE;
		gl->context = eglCreateContext(gl->display, config, EGL_NO_CONTEXT, attributes);
	}
	if (gl->context == EGL_NO_CONTEXT) {
		snprintf(why, why_size, "EGL on %s makes no OpenGL ES 3 context: %s", gl->platform,
			gl_egl_error_name(eglGetError(), name, sizeof(name)));
		return -ENOTSUP;
	}
	if (!eglMakeCurrent(gl->display, EGL_NO_SURFACE, EGL_NO_SURFACE, gl->context)) {
		snprintf(why, why_size, "eglMakeCurrent without a surface failed on %s: %s",
			gl->platform, gl_egl_error_name(eglGetError(), name, sizeof(name)));
		return -EIO;
	}
	return 0;
}

static bool is_software(const char *name)
{
	return name &&
		(strstr(name, "llvmpipe") || strstr(name, "softpipe") || strstr(name, "swrast") ||
			strstr(name, "SwiftShader"));
}

static int check_context(struct gl *gl, char *why, size_t why_size)
{
	const char *extensions = (const char *)glGetString(GL_EXTENSIONS);
	const char *version = (const char *)glGetString(GL_VERSION);
	const char *driver = (const char *)glGetString(GL_RENDERER);
	int number = version ? epoxy_gl_version() : 0;

	if (number < 30) {
		snprintf(why, why_size, "%s gives '%s', OpenGL ES 3.0 is needed", gl->platform,
			version ? version : "no version");
		return -ENOTSUP;
	}
	if (!gl_has_word(extensions, "GL_OES_EGL_image")) {
		snprintf(why, why_size, "OpenGL ES on %s lacks GL_OES_EGL_image (%s)", gl->platform,
			driver ? driver : "unnamed driver");
		return -ENOTSUP;
	}
	gl->has_external = gl_has_word(extensions, "GL_OES_EGL_image_external") &&
		gl_has_word(extensions, "GL_OES_EGL_image_external_essl3");
	gl->has_reset_status = gl_has_word(extensions, "GL_EXT_robustness");
	gl->software = is_software(driver);
	gl->maps_buffers = gl->software && !gl->gbm;
	glGetIntegerv(GL_MAX_TEXTURE_SIZE, &gl->max_size);
	snprintf(gl->description, sizeof(gl->description), "gl: %s%s on %s, %s%s",
		driver ? driver : "unnamed driver", gl->software ? " (software)" : "", gl->platform,
		version, gl->has_modifiers ? "" : ", no format modifiers");
	return 0;
}

int gl_egl_open(struct gl *gl, const char *render_node, char *why, size_t why_size)
{
	const char *client;
	EGLint major, minor;
	char name[32];
	int ret;

	ret = check_libraries(why, why_size);
	if (ret < 0) {
		return ret;
	}
	client = eglQueryString(EGL_NO_DISPLAY, EGL_EXTENSIONS);
	if (!gl_has_word(client, "EGL_EXT_platform_base")) {
		snprintf(why, why_size,
			"libEGL lacks EGL_EXT_platform_base: no EGL driver is "
			"installed (Debian: libegl-mesa0), or it is too old");
		return -ENOTSUP;
	}
	if (render_node) {
		ret = open_node(gl, render_node, client, why, why_size);
		if (ret < 0) {
			return ret;
		}
	} else {
		open_nodeless(gl, client);
	}
	if (gl->display == EGL_NO_DISPLAY) {
		snprintf(why, why_size, "EGL has no display for %s",
			render_node ? render_node
				    : "drawing without a window: neither EGL_MESA_device_software "
				      "nor EGL_MESA_platform_surfaceless");
		return -ENODEV;
	}
	if (!eglInitialize(gl->display, &major, &minor)) {
		snprintf(why, why_size, "eglInitialize failed on %s: %s", gl->platform,
			gl_egl_error_name(eglGetError(), name, sizeof(name)));
		return -ENODEV;
	}
	gl->initialized = true;
	ret = check_extensions(gl, why, why_size);
	if (ret < 0) {
		return ret;
	}
	ret = create_context(gl, why, why_size);
	if (ret < 0) {
		return ret;
	}
	return check_context(gl, why, why_size);
}

int gl_make_current(struct gl *gl)
{
	if (gl->lost) {
		return -EIO;
	}
	if (GL_CALL(gl, eglGetCurrentContext()) == gl->context) {
		return 0;
	}
	if (!GL_CALL(
		    gl, eglMakeCurrent(gl->display, EGL_NO_SURFACE, EGL_NO_SURFACE, gl->context))) {
		gl->lost = true;
		return -EIO;
	}
	return 0;
}

void gl_egl_close(struct gl *gl)
{
	if (gl->initialized) {
		eglMakeCurrent(gl->display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
		if (gl->context != EGL_NO_CONTEXT) {
			eglDestroyContext(gl->display, gl->context);
		}
		eglTerminate(gl->display);
		eglReleaseThread();
	}
	if (gl->gbm) {
		gbm_device_destroy(gl->gbm);
	}
	if (gl->node >= 0) {
		close(gl->node);
	}
}
