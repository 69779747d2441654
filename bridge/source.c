/* SPDX-License-Identifier: MIT */
#include "bridge/source.h"

#include <errno.h>
#include <glib-unix.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bridge/broker.h"
#include "bridge/handover.h"
#include "bridge/log.h"
#include "bridge/options.h"
#include "vfio/attach.h"
#include "vfio/sim.h"
#include "vfio/vgpu.h"

#define LOOK_MS 300 /* between looks: a machine that comes back is shown within a second */

#define RECHECK_MS 1000 /* QEMU may tell that a device is gone a little before it is */

#define OFF "the virtual machine is off"

struct source {
	const struct options *options;
	struct broker *broker;
	struct handover *handover;
	const struct source_events *events;
	void *data;
	struct source_counters counters;

	struct vgpu *vgpu; /* found, and not given on yet */
	int owner;
	char why[512]; /* why there is none, the last that was said */
	int result;

	struct device_found offered; /* handed over, but QEMU has not bound it yet */
	guint timer; /* until the next look */
	guint watch; /* of the broker */
	bool wanted; /* nobody has a device now */
	bool left; /* another source is shown */
	bool looking; /* the broker owes an answer */
	bool checking; /* and it is for source_check() */
	guint recheck; /* the timer of the second check, 0: none */
	bool over; /* ended was called */
};

static struct vgpu *open_simulated(const char *text, char *why, size_t why_size)
{
	struct sim_options sim;
	int rc = sim_options_parse(&sim, text, why, why_size);

	if (rc < 0) {
		errno = -rc;
		return NULL;
	}
	struct vgpu *vgpu = sim_create(&sim, why, why_size);
	int saved = errno;

	sim_options_finish(&sim);
	errno = saved;
	return vgpu;
}

/* Takes over what was found, also on error. */
static int make_vgpu(struct source *source, struct device_found *found, int owner)
{
	int rc = device_take_number(found);

	if (rc < 0) {
		snprintf(source->why, sizeof(source->why), "%s can't be moved to number %d: %s",
			found->name, DEVICE_FD_NUMBER, strerror(-rc));
		device_found_close(found);
	} else {
		source->vgpu = device_create(found, source->why, sizeof(source->why));
		rc = source->vgpu ? 0 : -errno;
	}
	if (rc < 0) {
		if (owner >= 0) {
			close(owner);
		}
		return rc;
	}
	source->owner = owner;
	return 0;
}

static int take_answer(struct source *source, struct broker_answer *answer)
{
	source->counters.looks++;
	source->result = answer->result;
	snprintf(source->why, sizeof(source->why), "%s", answer->why);
	if (source->result == 0) {
		source->result = make_vgpu(source, &answer->found, answer->owner);
	}
	return source->result;
}

static void give(struct source *source)
{
	struct vgpu *vgpu = source->vgpu;
	int owner = source->owner;

	source->vgpu = NULL;
	source->owner = -1;
	source->wanted = false;
	source->why[0] = '\0';
	source->counters.arrivals++;
	source->events->arrived(source->data, vgpu, owner);
}

static void end(struct source *source, int status)
{
	if (!source->over) {
		source->over = true;
		source->events->ended(source->data, status);
	}
}

/* What viewers read while there is nothing. */
static void tell_waiting(struct source *source, const char *before)
{
	static const char *const ends[] = {": ", "; "};
	char sentence[600];
	size_t length;
	bool off = source->result == -ESRCH;

	if (source->why[0] == '\0' || strcmp(source->why, before) == 0) {
		return;
	}
	/* Once for each reason: the next look is soon. */
	if (off || source->result == -EAGAIN) {
		log_info("waiting: %s", source->why);
	} else {
		log_warning("waiting: %s", source->why);
	}
	/* The cause, without the remedy, which is not for those who only look. */
	length = strlen(source->why);
	for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
		const char *end_of_cause = strstr(source->why, ends[i]);

		if (end_of_cause && (size_t)(end_of_cause - source->why) < length) {
			length = (size_t)(end_of_cause - source->why);
		}
	}
	snprintf(sentence, sizeof(sentence), "waiting for the device: %.*s", (int)length,
		source->why);
	source->events->waiting(source->data, off ? OFF : sentence);
}

static gboolean on_look(gpointer data);

static void look_later(struct source *source, guint ms)
{
	if (source->timer == 0 && !source->over) {
		source->timer = g_timeout_add(ms, on_look, source);
	}
}

static bool is_final(const struct source *source)
{
	/* A process does not come back. */
	return source->options->source == SOURCE_PID && source->result == -ESRCH;
}

static int ask_broker(struct source *source)
{
	int rc = source->looking ? 0 : broker_look(source->broker);

	source->looking |= rc == 0;
	return rc;
}

/* Does QEMU still have the device that we have? */
static void conclude_check(struct source *source, struct broker_answer *answer)
{
	bool gone = answer->result == -EAGAIN || answer->result == -ENODEV ||
		answer->result == -ENOTSUP;

	bool checking = source->checking;

	source->checking = false;
	if (gone && checking && !source->left) {
		log_info("QEMU has let go of the vGPU: %s", answer->why);
		source->result = answer->result;
		snprintf(source->why, sizeof(source->why), "%s", answer->why);
		source->wanted = true;
		tell_waiting(source, "");
		look_later(source, LOOK_MS);
	}
	broker_answer_close(answer);
}

static void conclude_look(struct source *source, struct broker_answer *answer)
{
	char before[512];

	memcpy(before, source->why, sizeof(before));
	if (answer->kind == BROKER_ENDED) {
		if (answer->why[0]) {
			log_error("%s", answer->why);
		} else {
			log_info("QEMU has ended with status %d", answer->result);
		}
		end(source, answer->result);
		return;
	}
	source->looking = false;
	if (!source->wanted) {
		/* Somebody has one already, or nobody wants this source's. */
		conclude_check(source, answer);
		return;
	}
	source->checking = false;
	if (take_answer(source, answer) == 0) {
		give(source);
		return;
	}
	if (is_final(source)) {
		log_info("process %d has ended, and its vGPU with it", source->options->qemu_pid);
		end(source, EXIT_OK);
		return;
	}
	tell_waiting(source, before);
	look_later(source, LOOK_MS);
}

static gboolean on_answer(gint fd, GIOCondition condition, gpointer data)
{
	struct source *source = data;
	struct broker_answer answer;
	int rc = broker_receive(source->broker, &answer);

	if (rc == -EAGAIN) {
		return G_SOURCE_CONTINUE;
	}
	if (rc < 0) {
		source->watch = 0;
		source->broker = NULL;
		/* It says so before it ends: this one was killed. What there is goes on. */
		log_error("the broker has died: no other device can be attached");
		if (source->wanted) {
			end(source, EXIT_FAILED);
		}
		return G_SOURCE_REMOVE;
	}
	conclude_look(source, &answer);
	return G_SOURCE_CONTINUE;
}

/* QEMU binds the cdev in its own time. The fd has its number from the first question on. */
static void look_at_offer(struct source *source)
{
	char before[512];
	struct device_found found;
	int owner = source->owner;
	int rc;

	memcpy(before, source->why, sizeof(before));
	if (attach_ended(owner)) {
		rc = -ESRCH;
		snprintf(source->why, sizeof(source->why), "the device's owner has ended");
	} else {
		rc = device_ask_fd(
			"", source->offered.fds.device, &found, source->why, sizeof(source->why));
	}
	if (rc == -EINVAL) {
		source->result = -EAGAIN;
		tell_waiting(source, before);
		look_later(source, LOOK_MS);
		return;
	}
	source->owner = -1;
	if (rc == 0) {
		if (source->offered.name[0]) {
			snprintf(found.name, sizeof(found.name), "%s", source->offered.name);
		}
		source->offered.fds = DEVICE_NO_FDS;
		rc = make_vgpu(source, &found, owner);
	} else {
		device_found_close(&source->offered);
		close(owner);
	}
	source->result = rc;
	if (rc == 0) {
		give(source);
	} else {
		tell_waiting(source, before);
	}
}

static gboolean on_look(gpointer data)
{
	struct source *source = data;

	source->timer = 0;
	if (!source->wanted || source->over) {
		return G_SOURCE_REMOVE;
	}
	if (source->handover) {
		if (source->offered.fds.device >= 0) {
			look_at_offer(source);
		}
	} else if (!source->broker) {
		end(source, EXIT_FAILED);
	} else if (ask_broker(source) < 0) {
		look_later(source, LOOK_MS);
	}
	return G_SOURCE_REMOVE;
}

static int on_offered(void *data, const struct handover_offer *offer, char *why, size_t why_size)
{
	struct source *source = data;

	/* Only a VFIO device is worth letting go of another. */
	if (!device_is_vfio("", offer->device)) {
		close(offer->device);
		close(offer->owner);
		snprintf(why, why_size, "the descriptor is not a VFIO device");
		return -EINVAL;
	}
	/* The one before belongs to a machine that was started again, or is not wanted any more. */
	device_found_close(&source->offered);
	if (source->owner >= 0) {
		close(source->owner);
	}
	if (!source->wanted) {
		source->events->waiting(source->data, "another device is coming");
		source->wanted = true;
	}
	source->offered = (struct device_found){.fds = DEVICE_NO_FDS};
	source->offered.fds.device = offer->device;
	snprintf(source->offered.name, sizeof(source->offered.name), "%s", offer->name);
	source->owner = offer->owner;
	source->why[0] = '\0';
	source->result = device_take_number(&source->offered);
	if (source->result < 0) {
		snprintf(source->why, sizeof(source->why), "no number for the device: %s",
			strerror(-source->result));
		device_found_close(&source->offered);
		close(source->owner);
		source->owner = -1;
	} else {
		look_at_offer(source);
	}
	if (source->result < 0 && source->result != -EAGAIN) {
		snprintf(why, why_size, "%s", source->why);
		return source->result;
	}
	return 0;
}

/* The first look, for which the start waits. */
static int look_now(struct source *source)
{
	struct broker_answer answer;
	int rc = broker_look(source->broker);

	if (rc == 0) {
		rc = broker_wait(source->broker, &answer);
	}
	if (rc < 0) {
		snprintf(source->why, sizeof(source->why), "the broker has died");
		source->result = rc;
		return rc;
	}
	return take_answer(source, &answer);
}

/* Opens what must be there at once. 0: the start may go on, with a device or without. */
static int open_first(struct source *source)
{
	const struct options *options = source->options;
	char *why = source->why;
	size_t size = sizeof(source->why);
	struct device_found found;
	int rc;

	switch (options->source) {
	case SOURCE_FD:
		rc = device_find_fd("", options->fd, &found, why, size);
		return rc < 0 ? rc : make_vgpu(source, &found, -1);
	case SOURCE_SIMULATE:
		source->vgpu = open_simulated(options->simulate, why, size);
		return source->vgpu ? 0 : -errno;
	case SOURCE_RUN: /* QEMU is started when all else stands */
		return 0;
	case SOURCE_FD_SOCKET:
		source->handover = handover_create(
			options->fd_socket, options->fd_socket_uid, on_offered, source, why, size);
		return source->handover ? 0 : -errno;
	case SOURCE_VM:
		look_now(source);
		return 0;
	case SOURCE_PID:
		rc = look_now(source);
		return rc == -ESRCH ? rc : 0;
	default:
		return look_now(source);
	}
}

static struct source *create(const struct options *options, struct broker *broker,
	const struct source_events *events, void *data)
{
	struct source *source = g_new0(struct source, 1);

	source->options = options;
	source->broker = broker;
	source->events = events;
	source->data = data;
	source->owner = -1;
	source->offered = (struct device_found){.fds = DEVICE_NO_FDS};
	return source;
}

struct source *source_create_aside(const struct options *options, struct broker *broker,
	const struct source_events *events, void *data)
{
	struct source *source = create(options, broker, events, data);

	source->left = true;
	return source;
}

struct source *source_create(const struct options *options, struct broker *broker,
	const struct source_events *events, void *data, char *why, size_t why_size)
{
	struct source *source = create(options, broker, events, data);
	int rc;

	source->wanted = true;
	rc = device_reserve_number(options->source == SOURCE_FD ? options->fd : -1);
	if (rc == -EBUSY) {
		snprintf(source->why, sizeof(source->why),
			"descriptor %d or %d, which are kept for the device, is in use: pass others",
			DEVICE_FD_NUMBER, DEVICE_FD_NUMBER + 1);
	} else if (rc < 0) {
		snprintf(source->why, sizeof(source->why),
			"descriptors %d and %d can't be kept for the device: %s; raise the limit of open "
			"files (ulimit -n)",
			DEVICE_FD_NUMBER, DEVICE_FD_NUMBER + 1, strerror(-rc));
	} else {
		rc = open_first(source);
	}
	if (rc < 0) {
		snprintf(why, why_size, "%s", source->why);
		source_destroy(source);
		errno = -rc;
		return NULL;
	}
	return source;
}

const struct vgpu_info *source_info(const struct source *source)
{
	return source->vgpu ? vgpu_info(source->vgpu) : NULL;
}

static void watch_broker(struct source *source)
{
	if (source->broker && !source->watch) {
		source->watch = g_unix_fd_add(broker_fd(source->broker),
			G_IO_IN | G_IO_HUP | G_IO_ERR, on_answer, source);
	}
}

void source_start(struct source *source)
{
	watch_broker(source);
	if (source->vgpu) {
		give(source);
		return;
	}
	if (source->why[0]) {
		tell_waiting(source, "");
	} else {
		source->events->waiting(source->data,
			source->handover ? "waiting for a device at --fd-socket"
					 : "the virtual machine is starting");
	}
	look_later(source, source->options->source == SOURCE_RUN ? 0 : LOOK_MS);
}

void source_look(struct source *source)
{
	if (source->left) {
		return;
	}
	source->wanted = true;
	switch (source->options->source) {
	case SOURCE_FD:
	case SOURCE_SIMULATE:
		return; /* there is no way back to it */
	default:
		/* At once: whoever restarts a machine waits for its picture. */
		look_later(source, 0);
	}
}

void source_leave(struct source *source)
{
	source->left = true;
	source->wanted = false;
	if (source->timer) {
		g_source_remove(source->timer);
		source->timer = 0;
	}
}

void source_choose(struct source *source)
{
	source->left = false;
	source->wanted = true;
	source->why[0] = '\0';
	if (source->options->source != SOURCE_SIMULATE) {
		watch_broker(source);
		if (!source->timer) {
			on_look(source);
		}
		return;
	}
	source->vgpu = open_simulated(source->options->simulate, source->why, sizeof(source->why));
	if (source->vgpu) {
		give(source);
	} else {
		source->result = -errno;
		tell_waiting(source, "");
	}
}

static void check_now(struct source *source)
{
	if (!source->wanted && !source->left && source->broker && ask_broker(source) == 0) {
		source->checking = true;
	}
}

static gboolean on_recheck(gpointer data)
{
	struct source *source = data;

	source->recheck = 0;
	check_now(source);
	return G_SOURCE_REMOVE;
}

void source_check(struct source *source)
{
	check_now(source);
	if (!source->recheck) {
		source->recheck = g_timeout_add(RECHECK_MS, on_recheck, source);
	}
}

void source_destroy(struct source *source)
{
	if (!source) {
		return;
	}
	int saved = errno;

	if (source->timer) {
		g_source_remove(source->timer);
	}
	if (source->watch) {
		g_source_remove(source->watch);
	}
	if (source->recheck) {
		g_source_remove(source->recheck);
	}
	handover_destroy(source->handover);
	device_found_close(&source->offered);
	if (source->owner >= 0) {
		close(source->owner);
	}
	vgpu_destroy(source->vgpu);
	g_free(source);
	errno = saved;
}

struct source_counters source_counters(const struct source *source)
{
	struct source_counters counters = source->counters;

	counters.refused = source->handover ? handover_counters(source->handover)->refused : 0;
	return counters;
}

int source_reason(const struct source *source, char *why, size_t why_size)
{
	snprintf(why, why_size, "%s", source->why);
	return source->result;
}
