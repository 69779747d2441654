/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spice/enums.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/spice/bed.h"

#define ANSWER_MS 20000

static struct bed *begun;

static void on_ready(void *data)
{
	struct bed *bed = data;

	atomic_fetch_add(&bed->readies, 1);
	g_main_context_wakeup(NULL);
}

static void on_resize(void *data, uint32_t width, uint32_t height)
{
	struct bed *bed = data;

	bed->resize_width = width;
	bed->resize_height = height;
}

static void on_viewers(void *data, unsigned count)
{
	((struct bed *)data)->viewers = count;
}

__attribute__((format(printf, 2, 3))) static void note(struct bed *bed, const char *format, ...)
{
	size_t length = strlen(bed->input);
	va_list args;

	va_start(args, format);
	vsnprintf(bed->input + length, sizeof(bed->input) - length, format, args);
	va_end(args);
}

static void on_key(void *data, uint8_t byte)
{
	note(data, "%02x ", byte);
}

static void on_position(void *data, const struct spice_position *p)
{
	note(data, "at%u,%u/%ux%u ", p->x, p->y, p->width, p->height);
}

static void on_motion(void *data, int dx, int dy)
{
	note(data, "by%d,%d ", dx, dy);
}

static void on_wheel(void *data, int steps, uint32_t buttons)
{
	note(data, "wheel%d:%x ", steps, buttons);
}

static void on_buttons(void *data, uint32_t buttons)
{
	note(data, "buttons:%x ", buttons);
}

static void on_input_end(void *data)
{
	note(data, "end ");
}

static const struct spice_sink_events events = {
	.ready = on_ready,
	.resize = on_resize,
	.viewers = on_viewers,
	.key = on_key,
	.position = on_position,
	.motion = on_motion,
	.wheel = on_wheel,
	.buttons = on_buttons,
	.input_end = on_input_end,
};

/* What a viewer sends to connect: a header with the size of what follows, then how it proves itself. */
struct link_header {
	uint32_t magic, major, minor, size;
};

#define LINK_CHANNEL_TYPE 4 /* offset in what follows */
#define LINK_PROOF (4 + 128) /* bytes: which way, and the ticket, encrypted */

struct relay {
	int viewer, sink;
};

static bool pass(int from, int to, char *buffer, size_t size)
{
	for (size_t have = 0; have < size;) {
		ssize_t n = read(from, buffer + have, size - have);

		if (n <= 0) {
			return false;
		}
		have += n;
	}
	return write(to, buffer, size) == (ssize_t)size;
}

static void *relay_back(void *data)
{
	struct relay *relay = data;
	char c[4096];
	ssize_t n;

	while ((n = read(relay->sink, c, sizeof(c))) > 0 && write(relay->viewer, c, n) == n) {
	}
	return NULL;
}

/* Between a viewer and the sink; ends with either of them. */
static void *relay_thread(void *data)
{
	struct relay *relay = data;
	struct link_header header;
	char body[4096];
	pthread_t back;

	pthread_create(&back, NULL, relay_back, relay);
	if (pass(relay->viewer, relay->sink, (char *)&header, sizeof(header)) &&
		header.size < sizeof(body) && pass(relay->viewer, relay->sink, body, header.size)) {
		bool mute = body[LINK_CHANNEL_TYPE] == SPICE_CHANNEL_DISPLAY;

		if (pass(relay->viewer, relay->sink, body, LINK_PROOF) && !mute) {
			while (pass(relay->viewer, relay->sink, body, 1)) {
			}
		}
	}
	pthread_join(back, NULL);
	close(relay->viewer);
	close(relay->sink);
	free(relay);
	return NULL;
}

static int relay(int viewer)
{
	struct relay *relay = calloc(1, sizeof(*relay));
	pthread_t thread;
	int pair[2];

	assert_non_null(relay);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	relay->viewer = viewer;
	relay->sink = pair[0];
	assert_int_equal(fcntl(viewer, F_SETFL, 0), 0);
	assert_int_equal(pthread_create(&thread, NULL, relay_thread, relay), 0);
	pthread_detach(thread);
	return pair[1];
}

static gboolean on_connection(gint fd, GIOCondition condition, gpointer data)
{
	struct bed *bed = data;
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	assert_true(client >= 0);
	if (bed->mute_display) {
		client = relay(client);
	}
	assert_int_equal(spice_sink_add_client(bed->sink, client, false, NULL), 0);
	return G_SOURCE_CONTINUE;
}

static gboolean on_tick(gpointer data)
{
	struct bed *bed = data;
	gint64 now = g_get_monotonic_time();
	unsigned ms = (now - bed->ticked) / 1000;

	bed->slowest_ms = MAX(bed->slowest_ms, ms);
	bed->ticked = now;
	return G_SOURCE_CONTINUE;
}

static void listen_tcp(struct bed *bed)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(address);

	bed->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(bed->listener >= 0);
	assert_int_equal(bind(bed->listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(bed->listener, (struct sockaddr *)&address, &len), 0);
	snprintf(bed->uri, sizeof(bed->uri), "spice://127.0.0.1:%u", ntohs(address.sin_port));
}

static void listen_unix(struct bed *bed)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", bed->folder);
	bed->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(bed->listener >= 0);
	assert_int_equal(bind(bed->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	snprintf(bed->uri, sizeof(bed->uri), "spice+unix://%s", address.sun_path);
}

void bed_begin(struct bed *bed, bool tcp, enum spice_compression compression, const char *password)
{
	const struct spice_sink_options options = {
		.name = "test",
		.password = password,
		.compression = compression,
		.events = &events,
		.events_data = bed,
	};
	char why[256] = "";

	memset(bed, 0, sizeof(*bed));
	begun = bed;
	bed->tcp = tcp;
	strcpy(bed->folder, "/tmp/spice-bed-XXXXXX");
	assert_non_null(mkdtemp(bed->folder));
	bed->sink = spice_sink_create(&options, why, sizeof(why));
	if (!bed->sink) {
		fail_msg("spice_sink_create: %s", why);
	}
	bed->pool = frame_pool_create(4);
	assert_non_null(bed->pool);
	if (tcp) {
		listen_tcp(bed);
	} else {
		listen_unix(bed);
	}
	assert_int_equal(listen(bed->listener, 8), 0);
	bed->accept = g_unix_fd_add(bed->listener, G_IO_IN, on_connection, bed);
	bed->ticked = g_get_monotonic_time();
	bed->tick = g_timeout_add(5, on_tick, bed);
}

void bed_end(struct bed *bed)
{
	char path[128];

	begun = NULL;
	g_clear_handle_id(&bed->accept, g_source_remove);
	g_clear_handle_id(&bed->tick, g_source_remove);
	g_clear_handle_id(&bed->timer, g_source_remove);
	spice_sink_destroy(bed->sink);
	close(bed->listener);
	frame_pool_destroy(bed->pool);
	free(bed->snapshot.pixels);
	snprintf(path, sizeof(path), "%s/s", bed->folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/raw", bed->folder);
	unlink(path);
	rmdir(bed->folder);
}

int bed_teardown(void **state)
{
	if (begun) {
		bed_end(begun);
	}
	return 0;
}

static gboolean on_timeout(gpointer data)
{
	((struct bed *)data)->timer = 0;
	return G_SOURCE_REMOVE;
}

bool bed_run(struct bed *bed, unsigned ms, bool (*done)(struct bed *bed, void *data), void *data)
{
	if (done && done(bed, data)) {
		return true;
	}
	bed->timer = g_timeout_add(ms, on_timeout, bed);
	while (bed->timer) {
		g_main_context_iteration(NULL, TRUE);
		if (done && done(bed, data)) {
			g_clear_handle_id(&bed->timer, g_source_remove);
			return true;
		}
	}
	return false;
}

void bed_picture(struct bed *bed, uint32_t width, uint32_t height, uint32_t seed)
{
	struct snapshot *s = &bed->snapshot;
	size_t n = (size_t)width * height;

	s->pixels = realloc(s->pixels, n * 4);
	assert_non_null(s->pixels);
	s->width = width;
	s->height = height;
	for (size_t i = 0; i < n; i++) {
		uint32_t x = i % width, y = i / width;

		/* Half a gradient, as a photo; half noise and plain, as neither. */
		seed = seed * 1664525 + 1013904223;
		s->pixels[i] = y < height / 2 ? (x & 255) << 16 | (y & 255) << 8 | (x + y) / 8 % 256
			: x < width / 2       ? seed >> 8
					      : 0x204060;
	}
}

bool bed_try_give(struct bed *bed, const pixman_box32_t *boxes, int n)
{
	const struct snapshot *s = &bed->snapshot;
	pixman_region32_t region;
	struct frame *frame;

	if (!spice_sink_can_take(bed->sink, s->width, s->height)) {
		return false;
	}
	if (n) {
		pixman_region32_init_rects(&region, boxes, n);
	} else {
		pixman_region32_init_rect(&region, 0, 0, s->width, s->height);
	}
	frame = frame_pack(bed->pool, s, &region, 0, 1 << 20);
	pixman_region32_fini(&region);
	assert_non_null(frame);
	spice_sink_give(bed->sink, frame);
	frame_unref(frame);
	return true;
}

struct giving {
	const pixman_box32_t *boxes;
	int n;
};

static bool given(struct bed *bed, void *data)
{
	const struct giving *giving = data;

	return bed_try_give(bed, giving->boxes, giving->n);
}

void bed_give(struct bed *bed, const pixman_box32_t *boxes, int n)
{
	struct giving giving = {boxes, n};

	if (!bed_run(bed, ANSWER_MS, given, &giving)) {
		fail_msg("the sink took no frame in %d ms", ANSWER_MS);
	}
}

const char *bed_save(struct bed *bed)
{
	static char path[128];
	const struct snapshot *s = &bed->snapshot;

	snprintf(path, sizeof(path), "%s/raw", bed->folder);
	assert_true(g_file_set_contents(
		path, (const char *)s->pixels, (gssize)s->width * s->height * 4, NULL));
	return path;
}

void viewer_begin(struct viewer *viewer, struct bed *bed, const char *const *options)
{
	const char *program = getenv("SPICE_PROBE");
	const char *argv[8] = {program};
	int in[2], out[2], n = 1;

	memset(viewer, 0, sizeof(*viewer));
	viewer->bed = bed;
	for (int i = 0; options && options[i] && n < 6; i++) {
		argv[n++] = options[i];
	}
	argv[n++] = bed->uri;
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	viewer->pid = fork();
	assert_true(viewer->pid >= 0);
	if (!viewer->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGPIPE, SIG_DFL);
		dup2(in[0], 0);
		dup2(out[1], 1);
		execv(program, (char *const *)argv);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	viewer->in = in[1];
	viewer->out = out[0];
	assert_int_equal(fcntl(viewer->out, F_SETFL, O_NONBLOCK), 0);
}

void viewer_kill(struct viewer *viewer, int signal)
{
	assert_int_equal(kill(viewer->pid, signal), 0);
}

void viewer_end(struct viewer *viewer)
{
	if (!viewer->pid) {
		return;
	}
	kill(viewer->pid, SIGKILL);
	waitpid(viewer->pid, NULL, 0);
	close(viewer->in);
	close(viewer->out);
	viewer->pid = 0;
}

static gboolean on_output(gint fd, GIOCondition condition, gpointer data)
{
	return G_SOURCE_CONTINUE; /* read where it is waited for */
}

/* One line, without its end; "event" lines are passed over. */
static bool got_answer(struct bed *bed, void *data)
{
	struct viewer *v = data;

	while (v->have < sizeof(v->line) - 1) {
		char c;
		ssize_t n = read(v->out, &c, 1);

		if (n < 0) {
			return false;
		}
		if (!n) {
			fail_msg("the viewer ended");
		}
		if (c != '\n') {
			v->line[v->have++] = c;
			continue;
		}
		v->line[v->have] = 0;
		v->have = 0;
		if (strncmp(v->line, "event", 5)) {
			return true;
		}
	}
	fail_msg("the viewer's line is too long");
	return false;
}

static void send_line(struct viewer *viewer, const char *format, va_list args)
{
	char line[512];
	int n = vsnprintf(line, sizeof(line) - 1, format, args);

	line[n] = '\n';
	assert_int_equal(write(viewer->in, line, n + 1), n + 1);
}

void viewer_send(struct viewer *viewer, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	send_line(viewer, format, args);
	va_end(args);
}

const char *viewer_answer(struct viewer *viewer)
{
	guint watch = g_unix_fd_add(viewer->out, G_IO_IN | G_IO_HUP, on_output, NULL);
	bool ok = bed_run(viewer->bed, ANSWER_MS, got_answer, viewer);

	g_source_remove(watch);
	if (!ok) {
		fail_msg("no answer");
	}
	return viewer->line;
}

const char *viewer_ask(struct viewer *viewer, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	send_line(viewer, format, args);
	va_end(args);
	if (strncmp(viewer_answer(viewer), "ok", 2)) {
		fail_msg("%s: %s", format, viewer->line);
	}
	return viewer->line;
}

long viewer_value(const struct viewer *viewer, const char *key)
{
	char *text = g_strdup_printf(" %s=", key);
	const char *found = strstr(viewer->line, text);
	long value = found ? strtol(found + strlen(text), NULL, 10) : -1;

	if (!found) {
		fail_msg("no %s in: %s", key, viewer->line);
	}
	g_free(text);
	return value;
}
