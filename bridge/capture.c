/* SPDX-License-Identifier: MIT */
#include "bridge/capture.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "bridge/facts.h"
#include "bridge/feeds.h"
#include "bridge/holding.h"
#include "bridge/log.h"
#include "bridge/pacer.h"
#include "bridge/session.h"

struct capture {
	struct capture_options options;
	struct feeds feeds;
	struct capture_counters counters;

	pthread_t thread;
	bool running;
	int wake_fd;
	atomic_bool stop;
	atomic_uint_fast64_t beat; /* counts up before and after each sleep: odd while asleep */
	struct holding holding;
	atomic_bool paused, hurried;
	atomic_uint max_fps;
	struct facts facts;
	atomic_uint_fast64_t pointed; /* serial << 32 | y << 16 | x */

	/* What the thread tells capture_start(). */
	sem_t started;
	int start_error;
	char start_why[256];
	char renderer_text[256]; /* as of the start */

	/* The thread's own. */
	struct renderer *renderer;
	struct session session;
	struct pacer pacer;
	bool resting;
	bool owner_ended;
	unsigned told; /* serial of the facts */
	unsigned paced; /* frames a second that the pacer knows of */
};

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

struct capture *capture_create(const struct capture_options *options, char *why, size_t why_size)
{
	struct capture *capture = calloc(1, sizeof(*capture));

	if (!capture) {
		snprintf(why, why_size, "no memory for the capture");
		return NULL;
	}
	capture->options = *options;
	feeds_init(&capture->feeds, &capture->counters);
	holding_init(&capture->holding);
	facts_init(&capture->facts);
	capture->max_fps = options->max_fps;
	sem_init(&capture->started, 0, 0);
	capture->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (capture->wake_fd < 0) {
		snprintf(why, why_size, "no event fd for the capture: %m");
		goto error;
	}
	if (options->trace) {
		capture->feeds.trace = fopen(options->trace, "we");
		if (!capture->feeds.trace) {
			snprintf(why, why_size,
				"--trace %s can't be written: %m; name a file in a "
				"directory that you may write to",
				options->trace);
			goto error;
		}
		setvbuf(capture->feeds.trace, NULL, _IOLBF, 0);
	}
	return capture;

error:
	capture_destroy(capture);
	return NULL;
}

void capture_destroy(struct capture *capture)
{
	if (!capture) {
		return;
	}
	int saved = errno;

	capture_stop(capture);
	feeds_finish(&capture->feeds);
	if (capture->feeds.trace) {
		fclose(capture->feeds.trace);
	}
	if (capture->wake_fd >= 0) {
		close(capture->wake_fd);
	}
	holding_finish(&capture->holding);
	facts_finish(&capture->facts);
	sem_destroy(&capture->started);
	free(capture);
	errno = saved;
}

int capture_add_sink(struct capture *capture, const struct sink *sink)
{
	return feeds_add(&capture->feeds, sink);
}

void capture_wake(struct capture *capture)
{
	uint64_t one = 1;

	/* A full counter (EAGAIN) means that a wake-up is pending anyway. */
	if (write(capture->wake_fd, &one, sizeof(one)) < 0) {
		return;
	}
}

void capture_attach(struct capture *capture, struct vgpu *vgpu, int owner)
{
	holding_attach(&capture->holding, vgpu, owner);
	capture_wake(capture);
}

bool capture_attached(struct capture *capture)
{
	struct vgpu_edid limits;

	return holding_present(&capture->holding, &limits);
}

void capture_detach(struct capture *capture, const char *sentence)
{
	if (holding_detach(&capture->holding, sentence)) {
		capture_wake(capture);
		holding_wait_left(&capture->holding);
	}
}

void capture_set_paused(struct capture *capture, bool paused)
{
	if (atomic_exchange(&capture->paused, paused) != paused) {
		capture_wake(capture);
	}
}

bool capture_edid_limits(struct capture *capture, struct vgpu_edid *edid)
{
	return holding_present(&capture->holding, edid) && edid->present;
}

int capture_set_edid(struct capture *capture, const void *blob, size_t size)
{
	int rc = holding_set_edid(&capture->holding, blob, size);

	capture_wake(capture);
	return rc;
}

int capture_edid_outcome(struct capture *capture)
{
	return holding_edid_outcome(&capture->holding);
}

void capture_hurry(struct capture *capture)
{
	if (!atomic_exchange(&capture->hurried, true)) {
		capture_wake(capture);
	}
}

void capture_pointed(struct capture *capture, uint32_t x, uint32_t y)
{
	uint64_t serial = (capture->pointed >> 32) + 1;

	/* One value, so that the capture thread never sees half of it. Planes have 16384 a side. */
	capture->pointed = serial << 32 | (uint64_t)(y & 0xffff) << 16 | (x & 0xffff);
}

/* Closes all that pins the device. What is shown from now on is a card with the sentence. */
static void drop_device(struct capture *capture, enum session_state state, const char *sentence)
{
	session_detach(&capture->session, state, sentence);
	holding_drop(&capture->holding);
	pacer_reset(&capture->pacer);
}

static void lose_device(struct capture *capture, enum session_state state, const char *sentence)
{
	const struct capture_events *events = capture->options.events;

	capture->owner_ended = false;
	drop_device(capture, state, sentence);
	capture->counters.lost++;
	if (events) {
		events->lost(capture->options.events_data);
	}
}

static void take_device(struct capture *capture)
{
	struct vgpu *vgpu = holding_take(&capture->holding);
	const char *node;
	char why[256];

	if (!vgpu) {
		return;
	}
	node = capture->options.renderer.render_node;
	if (!node && vgpu_info(vgpu)->render_node[0]) {
		node = vgpu_info(vgpu)->render_node;
	}
	/* There is no image yet. A device that can't be shown says so with each picture, on a card. */
	if (renderer_set_node(capture->renderer, node, why, sizeof(why)) < 0) {
		log_error("%s", why);
	}
	capture->counters.devices++;
	session_attach(&capture->session, vgpu);
	pacer_reset(&capture->pacer);
}

static void tell_changed(struct capture *capture)
{
	const struct capture_events *events = capture->options.events;
	unsigned serial = capture->facts.serial;

	if (serial != capture->told) {
		capture->told = serial;
		if (events && events->changed) {
			events->changed(capture->options.events_data);
		}
	}
}

/* What others want of the device, and what has become of it. */
static void follow_device(struct capture *capture)
{
	char sentence[256];

	take_device(capture);
	if (holding_leaves(&capture->holding, sentence, sizeof(sentence))) {
		drop_device(capture, SESSION_NO_DEVICE, sentence);
		holding_tell_left(&capture->holding);
		capture->owner_ended = false;
	}
	if (capture->owner_ended) {
		lose_device(capture, SESSION_NO_DEVICE, SESSION_OFF_TEXT);
	}
	if (capture->session.paused != capture->paused) {
		session_set_paused(&capture->session, capture->paused);
		pacer_reset(&capture->pacer);
	}
	if (capture->paced != capture->max_fps) {
		capture->paced = capture->max_fps;
		pacer_set_rate(&capture->pacer, capture->paced);
	}
	if (atomic_exchange(&capture->hurried, false) && !capture->resting) {
		capture->counters.hurries++;
		pacer_hurry(&capture->pacer, now_ns());
	}

	int rc = holding_step_edid(&capture->holding, now_ns());

	if (rc > 0) {
		capture->counters.edids++;
	} else if (rc < 0) {
		capture->counters.edids_failed++;
		log_warning("the device refused an EDID: %s", strerror(-rc));
	}
}

static void rest(struct capture *capture)
{
	if (capture->resting) {
		return;
	}
	capture->resting = true;
	capture->counters.rests++;
	session_rest(&capture->session);
	feeds_trim(&capture->feeds);
}

/*
 * Sleeps until a time (ns; INT64_MAX: for ever), the time of an EDID's next step, the end of the
 * device's owner or a wake-up. True if it was woken by the last.
 */
static bool sleep_until(struct capture *capture, int64_t until)
{
	int64_t edid = holding_next(&capture->holding);
	struct pollfd fds[] = {
		{.fd = capture->wake_fd, .events = POLLIN},
		/* Negative where there is none: then it is left out. */
		{.fd = capture->holding.owner, .events = POLLIN},
	};
	struct timespec timeout, *pointer = NULL;

	if (edid >= 0 && edid < until) {
		until = edid;
	}
	if (until < INT64_MAX) {
		int64_t rest_ns = until - now_ns();

		if (rest_ns < 0) {
			rest_ns = 0;
		}
		timeout = (struct timespec){
			.tv_sec = rest_ns / INT64_C(1000000000),
			.tv_nsec = rest_ns % INT64_C(1000000000),
		};
		pointer = &timeout;
	}
	capture->beat++;

	int ready = ppoll(fds, 2, pointer, NULL);

	capture->beat++;
	if (ready <= 0) {
		return false;
	}
	capture->owner_ended = fds[1].revents != 0;
	if (!fds[0].revents) {
		return false;
	}
	uint64_t count;

	return read(capture->wake_fd, &count, sizeof(count)) == sizeof(count);
}

static void look(struct capture *capture)
{
	struct session *session = &capture->session;
	uint64_t pointed = capture->pointed;
	pixman_region32_t damage;
	int64_t began = now_ns();

	session->pointed_x = pointed & 0xffff;
	session->pointed_y = pointed >> 16 & 0xffff;
	session->pointed_serial = pointed >> 32;
	pixman_region32_init(&damage);
	session_look(session, began, &damage);
	rate_count(&capture->counters.looks_rate, began);

	bool any = pixman_region32_not_empty(&damage);

	feeds_owe(&capture->feeds, &damage);
	pixman_region32_fini(&damage);
	if (session->state == SESSION_GONE && session->vgpu) {
		lose_device(capture, SESSION_GONE, SESSION_GONE_TEXT);
	}
	/* A pointer that moves wants the full rate as well. */
	any |= feeds_set_cursor(&capture->feeds, session_cursor(session));
	pacer_looked(&capture->pacer, began, now_ns(), any);
	if (pacer_frame_due(&capture->pacer, began) && feeds_give(&capture->feeds, began)) {
		int64_t now = now_ns();

		pacer_gave(&capture->pacer, began);
		rate_count(&capture->counters.frames_rate, now);
		delay_count(&capture->counters.give, now - began);
	}
}

static void run(struct capture *capture)
{
	while (!capture->stop) {
		follow_device(capture);
		tell_changed(capture);

		bool fresh;

		if (!feeds_follow(&capture->feeds, &fresh)) {
			rest(capture);
			sleep_until(capture, INT64_MAX);
			continue;
		}
		capture->resting = false;
		if (fresh) {
			pacer_reset(&capture->pacer);
		}

		bool owed, blocked;

		feeds_waiting(&capture->feeds, &owed, &blocked);

		int64_t next = pacer_next_look(&capture->pacer, owed, blocked);

		bool due = next <= now_ns();
		/* Asked also when there is no time to sleep: an owner that ended is not kept waiting. */
		bool woken = sleep_until(capture, next);

		if (capture->owner_ended || capture->stop) {
			continue;
		}
		if (!due) {
			/*
			 * A sink that was waited for can take a frame now: what it gets should be the
			 * newest, so that is a look, as soon as the frame rate allows.
			 */
			if (!woken || !blocked) {
				continue;
			}
			if (!pacer_wake_due(&capture->pacer, now_ns())) {
				feeds_forget_blocked(&capture->feeds);
				continue;
			}
		}
		capture->counters.ticks++;
		look(capture);
		tell_changed(capture);
		feeds_waiting(&capture->feeds, &owed, &blocked);
		capture->counters.blocked += blocked;
	}
}

static int start_in_thread(struct capture *capture)
{
	struct renderer_options options = capture->options.renderer;
	char *why = capture->start_why;
	size_t size = sizeof(capture->start_why);
	char node[64];
	int rc;

	if (!options.render_node) {
		holding_arriving_node(&capture->holding, node, sizeof(node));
		options.render_node = node[0] ? node : NULL;
		options.node_later = !capture_attached(capture);
	}
	/* Here, since a GL context belongs to the thread that made it current. */
	capture->renderer = renderer_create(&options, why, size);
	if (!capture->renderer) {
		return errno ? -errno : -EIO;
	}
	snprintf(capture->renderer_text, sizeof(capture->renderer_text), "%s",
		renderer_describe(capture->renderer));
	rc = session_init(&capture->session, capture->renderer);
	capture->session.facts = &capture->facts;
	facts_set_renderer(&capture->facts, capture->renderer_text);
	facts_set(&capture->facts, SESSION_NO_DEVICE, SESSION_OFF_TEXT, NULL);
	if (rc == 0) {
		rc = feeds_begin(&capture->feeds, capture->renderer);
	}
	if (rc < 0) {
		snprintf(why, size, "no memory for the capture");
	}
	return rc;
}

static void *capture_main(void *data)
{
	struct capture *capture = data;

	prctl(PR_SET_NAME, "capture");
	capture->paced = capture->max_fps;
	pacer_init(&capture->pacer, capture->paced);
	capture->start_error = start_in_thread(capture);

	bool good = capture->start_error == 0;

	sem_post(&capture->started);
	if (good) {
		run(capture);
	}
	session_finish(&capture->session);
	holding_drop(&capture->holding);
	holding_serve(&capture->holding, false);
	renderer_destroy(capture->renderer);
	capture->renderer = NULL;
	feeds_end(&capture->feeds);
	return NULL;
}

int capture_start(struct capture *capture, char *why, size_t why_size)
{
	int rc;

	holding_serve(&capture->holding, true);
	rc = pthread_create(&capture->thread, NULL, capture_main, capture);
	if (rc != 0) {
		holding_serve(&capture->holding, false);
		snprintf(why, why_size, "the capture thread can't be started: %s", strerror(rc));
		return -rc;
	}
	capture->running = true;
	while (sem_wait(&capture->started) < 0 && errno == EINTR) {
	}
	if (capture->start_error < 0) {
		snprintf(why, why_size, "%s", capture->start_why);
		capture_stop(capture);
		return capture->start_error;
	}
	return 0;
}

void capture_stop(struct capture *capture)
{
	if (!capture->running) {
		return;
	}
	capture->stop = true;
	capture_wake(capture);
	pthread_join(capture->thread, NULL);
	capture->running = false;
}

bool capture_alive(struct capture *capture, uint64_t *seen)
{
	uint64_t beat = capture->beat, before = *seen;

	*seen = beat;
	return beat % 2 == 1 || beat != before;
}

const char *capture_renderer_text(const struct capture *capture)
{
	return capture->renderer_text;
}

void capture_vgpu_counters(struct capture *capture, struct vgpu_counters *sum)
{
	holding_counters(&capture->holding, sum);
}

struct renderer_counters *capture_renderer_counters(struct capture *capture)
{
	return renderer_counters(capture->renderer);
}

struct session_counters *capture_session_counters(struct capture *capture)
{
	return &capture->session.counters;
}

struct capture_counters *capture_counters(struct capture *capture)
{
	return &capture->counters;
}

void capture_facts(struct capture *capture, struct display_facts *facts)
{
	facts_get(&capture->facts, facts);
}

void capture_set_max_fps(struct capture *capture, unsigned max_fps)
{
	if (atomic_exchange(&capture->max_fps, max_fps) != max_fps) {
		capture_wake(capture);
	}
}
