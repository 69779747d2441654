/* SPDX-License-Identifier: MIT */
#include "bridge/control.h"

#include <errno.h>
#include <glib.h>

#include "bridge/capture.h"
#include "bridge/input.h"
#include "bridge/libvirt.h"
#include "bridge/log.h"
#include "bridge/options.h"
#include "bridge/qmp.h"
#include "bridge/viewers.h"

struct control {
	const struct options *options;
	char *path; /* of the monitor's socket, NULL: none */
	struct libvirt *libvirt; /* NULL: not that way */
	struct qmp *monitor;
	struct input *input;
	struct viewers *viewers;
	struct capture *capture;
	bool shown;
	bool told; /* that there is no input */
	enum spice_pointer pointer; /* the guest's */
	uint8_t leds; /* the guest's */
};

static void on_pointer(void *data, enum spice_pointer pointer)
{
	struct control *control = data;

	control->pointer = pointer;
	if (control->shown) {
		viewers_set_pointer(control->viewers, pointer);
	}
}

static void on_leds(void *data, uint8_t leds)
{
	struct control *control = data;

	control->leds = leds;
	if (control->shown) {
		viewers_set_leds(control->viewers, leds);
	}
}

static void on_sent(void *data)
{
	const struct control *control = data;

	if (control->shown) {
		capture_hurry(control->capture);
	}
}

static void on_pointed(void *data, uint32_t x, uint32_t y)
{
	const struct control *control = data;

	if (control->shown) {
		capture_pointed(control->capture, x, y);
	}
}

static const struct input_ops input_ops = {
	.pointer = on_pointer,
	.leds = on_leds,
	.sent = on_sent,
	.pointed = on_pointed,
};

struct control *control_create(
	const struct options *options, const char *path, char *why, size_t why_size)
{
	struct control *control = g_new0(struct control, 1);

	control->options = options;
	if (options->qmp || *path) {
		control->path = g_strdup(options->qmp ? options->qmp : path);
		return control;
	}
#ifdef HAVE_LIBVIRT
	if (options->vm && options->input != INPUT_NONE) {
		control->libvirt = libvirt_start(options, why, why_size);
		if (!control->libvirt) {
			int error = errno;

			g_free(control);
			errno = error;
			return NULL;
		}
	}
#endif
	return control;
}

bool control_takes_input(const struct control *control)
{
	return control->options->input != INPUT_NONE && (control->path || control->libvirt);
}

int control_open(struct control *control, struct viewers *viewers, struct capture *capture,
	char *why, size_t why_size)
{
	control->viewers = viewers;
	control->capture = capture;
	if (control->path) {
		control->monitor = qmp_create(control->path, why, why_size);
		if (!control->monitor) {
			return -errno;
		}
	}
#ifdef HAVE_LIBVIRT
	if (control->libvirt) {
		control->monitor = qmp_create_dialled("by libvirt", libvirt_dial, control->libvirt);
	}
#endif
	if (control_takes_input(control)) {
		control->input = input_create(control->monitor, &input_ops, control);
	}
	return 0;
}

void control_show(struct control *control, bool shown, unsigned count)
{
	control->shown = shown;
	if (shown && !control->input && !control->told) {
		control->told = true;
		log_info("input: %s; viewers may only look",
			control->options->input == INPUT_NONE ? "none, as was asked for"
							      : "no --qmp names a monitor of QEMU");
	}
	if (!shown) {
		viewers_set_input(control->viewers, NULL);
	}
	if (control->input) {
		for (unsigned i = 0; !shown && i < INPUT_SEATS; i++) {
			input_end(control->input, i);
		}
		input_viewers(control->input, shown ? count : 0);
	}
	if (shown) {
		viewers_set_input(control->viewers, control->input);
		viewers_set_leds(control->viewers, control->leds);
		viewers_set_pointer(
			control->viewers, control->input ? control->pointer : SPICE_POINTER_NONE);
	}
}

void control_destroy(struct control *control)
{
	if (!control) {
		return;
	}
	if (control->viewers && control->shown) {
		viewers_set_input(control->viewers, NULL);
	}
	input_destroy(control->input);
	qmp_destroy(control->monitor);
#ifdef HAVE_LIBVIRT
	libvirt_destroy(control->libvirt);
#endif
	g_free(control->path);
	g_free(control);
}

struct qmp *control_monitor(const struct control *control)
{
	return control->monitor;
}

struct input *control_input(const struct control *control)
{
	return control->input;
}
