/* SPDX-License-Identifier: MIT */
#include <glib-unix.h>

#include "spice/impl.h"

/*
 * The sink whose library call runs now. The library's channel_event callback carries no pointer, so
 * whoever enters the library notes it here; watches and timers remember whom they were made for.
 */
static struct spice_sink *current;

struct spice_sink *loop_enter(struct spice_sink *sink)
{
	struct spice_sink *before = current;

	current = sink;
	if (!before && sink) {
		atomic_store(&sink->in_library, true);
		watchdog_arm(&sink->watchdog);
	}
	return before;
}

void loop_leave(struct spice_sink *sink, struct spice_sink *before)
{
	current = before;
	if (!before && sink) {
		watchdog_disarm(&sink->watchdog);
		atomic_store(&sink->in_library, false);
		display_wakeup(sink);
	}
}

struct sleeper {
	GSource source;
	void (*func)(struct spice_sink *sink);
	struct spice_sink *sink;
};

static gboolean sleeper_dispatch(GSource *source, GSourceFunc unused, gpointer data)
{
	struct sleeper *sleeper = (struct sleeper *)source;

	g_source_set_ready_time(source, -1);
	sleeper->func(sleeper->sink);
	return G_SOURCE_CONTINUE;
}

static GSourceFuncs sleeper_funcs = {
	.dispatch = sleeper_dispatch,
};

GSource *loop_source_new(void (*func)(struct spice_sink *sink), struct spice_sink *sink)
{
	GSource *source = g_source_new(&sleeper_funcs, sizeof(struct sleeper));
	struct sleeper *sleeper = (struct sleeper *)source;

	sleeper->func = func;
	sleeper->sink = sink;
	g_source_attach(source, NULL);
	return source;
}

void loop_source_in(GSource *source, int ms)
{
	g_source_set_ready_time(source, ms < 0 ? -1 : g_get_monotonic_time() + ms * (gint64)1000);
}

void loop_source_free(GSource *source)
{
	if (!source) {
		return;
	}
	g_source_destroy(source);
	g_source_unref(source);
}

/*
 * The library's opaque handles; their names are its own. The sink lists them, because the library
 * leaves some behind at its end: those of connections that were not yet anybody's.
 */
struct SpiceTimer {
	LIST_ENTRY(SpiceTimer) link;
	SpiceTimerFunc func;
	void *opaque;
	struct spice_sink *sink;
	GSource *source;
};

struct SpiceWatch {
	LIST_ENTRY(SpiceWatch) link;
	int fd;
	SpiceWatchFunc func;
	void *opaque;
	struct spice_sink *sink;
	GSource *source;
};

static void drop_source(GSource **source)
{
	loop_source_free(*source);
	*source = NULL;
}

static SpiceTimer *timer_add(SpiceTimerFunc func, void *opaque)
{
	SpiceTimer *timer = g_new0(SpiceTimer, 1);

	timer->func = func;
	timer->opaque = opaque;
	timer->sink = current;
	LIST_INSERT_HEAD(&current->timers, timer, link);
	return timer;
}

static gboolean timer_fired(gpointer data)
{
	SpiceTimer *timer = data;
	struct spice_sink *sink = timer->sink, *before;

	drop_source(&timer->source);
	before = loop_enter(sink);
	timer->func(timer->opaque); /* may free the timer */
	loop_leave(sink, before);
	return G_SOURCE_REMOVE;
}

static void timer_start(SpiceTimer *timer, uint32_t ms)
{
	drop_source(&timer->source);
	timer->source = g_timeout_source_new(ms);
	g_source_set_callback(timer->source, timer_fired, timer, NULL);
	g_source_attach(timer->source, NULL);
}

static void timer_cancel(SpiceTimer *timer)
{
	drop_source(&timer->source);
}

static void timer_remove(SpiceTimer *timer)
{
	drop_source(&timer->source);
	LIST_REMOVE(timer, link);
	g_free(timer);
}

static gboolean watch_fired(gint fd, GIOCondition condition, gpointer data)
{
	SpiceWatch *watch = data;
	struct spice_sink *sink = watch->sink, *before;
	int event = 0;

	/* The library finds an error out by reading. */
	if (condition & (G_IO_IN | G_IO_HUP | G_IO_ERR)) {
		event |= SPICE_WATCH_EVENT_READ;
	}
	if (condition & G_IO_OUT) {
		event |= SPICE_WATCH_EVENT_WRITE;
	}
	before = loop_enter(sink);
	watch->func(fd, event, watch->opaque); /* may free the watch */
	loop_leave(sink, before);
	return G_SOURCE_CONTINUE;
}

static void watch_update_mask(SpiceWatch *watch, int mask)
{
	GIOCondition condition = 0;

	drop_source(&watch->source);
	if (mask & SPICE_WATCH_EVENT_READ) {
		condition |= G_IO_IN;
	}
	if (mask & SPICE_WATCH_EVENT_WRITE) {
		condition |= G_IO_OUT;
	}
	if (!condition) {
		return; /* not even errors, or the loop would spin */
	}
	watch->source = g_unix_fd_source_new(watch->fd, condition);
	g_source_set_callback(watch->source, (GSourceFunc)(void (*)(void))watch_fired, watch, NULL);
	g_source_attach(watch->source, NULL);
}

static SpiceWatch *watch_add(int fd, int mask, SpiceWatchFunc func, void *opaque)
{
	SpiceWatch *watch = g_new0(SpiceWatch, 1);

	watch->fd = fd;
	watch->func = func;
	watch->opaque = opaque;
	watch->sink = current;
	LIST_INSERT_HEAD(&current->watches, watch, link);
	watch_update_mask(watch, mask);
	return watch;
}

static void watch_remove(SpiceWatch *watch)
{
	drop_source(&watch->source);
	LIST_REMOVE(watch, link);
	g_free(watch);
}

void loop_forget(struct spice_sink *sink)
{
	while (!LIST_EMPTY(&sink->watches)) {
		watch_remove(LIST_FIRST(&sink->watches));
	}
	while (!LIST_EMPTY(&sink->timers)) {
		timer_remove(LIST_FIRST(&sink->timers));
	}
}

static void channel_event(int event, SpiceChannelEventInfo *info)
{
	sink_channel_event(current, event, info);
}

void loop_fill_core(SpiceCoreInterface *core)
{
	*core = (SpiceCoreInterface){
		.base.type = SPICE_INTERFACE_CORE,
		.base.description = "vgpu-bridge main loop",
		.base.major_version = SPICE_INTERFACE_CORE_MAJOR,
		.base.minor_version = SPICE_INTERFACE_CORE_MINOR,
		.timer_add = timer_add,
		.timer_start = timer_start,
		.timer_cancel = timer_cancel,
		.timer_remove = timer_remove,
		.watch_add = watch_add,
		.watch_update_mask = watch_update_mask,
		.watch_remove = watch_remove,
		.channel_event = channel_event,
	};
}
