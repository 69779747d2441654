/* SPDX-License-Identifier: MIT */
/* One connection of the control socket: lines in, lines out, and neither more than is healthy. */
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/desk_impl.h"
#include "bridge/log.h"

#define READ_SIZE 16384 /* in one turn of the main loop, so that others get theirs */

static void update(struct client *client);

/* Bytes may be a password. */
static void drop_bytes(GByteArray *array, size_t size)
{
	size_t rest = array->len - size;

	memmove(array->data, array->data + size, rest);
	explicit_bzero(array->data + rest, size);
	g_byte_array_set_size(array, (guint)rest);
}

static void piece_free(struct piece *piece)
{
	if (piece->fd >= 0) {
		close(piece->fd);
	}
	g_free(piece->text);
	g_free(piece);
}

static void drop_pieces(struct client *client)
{
	struct piece *piece;

	while ((piece = TAILQ_FIRST(&client->out)) != NULL) {
		TAILQ_REMOVE(&client->out, piece, link);
		piece_free(piece);
	}
	client->out_size = 0;
}

void client_destroy(struct client *client)
{
	TAILQ_REMOVE(&client->desk->clients, client, link);
	client->desk->counters.clients--;
	if (client->request) {
		request_orphan(client->request);
	}
	if (client->source) {
		g_source_remove(client->source);
	}
	if (client->timer) {
		g_source_remove(client->timer);
	}
	drop_pieces(client);
	close(client->fd);
	if (client->line->len) {
		explicit_bzero(client->line->data, client->line->len);
	}
	g_byte_array_unref(client->line);
	g_free(client);
}

static ssize_t send_piece(const struct client *client, const struct piece *piece)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec part = {piece->text + piece->done, piece->size - piece->done};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	if (piece->fd >= 0 && !piece->done) {
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &piece->fd, sizeof(int));
		message.msg_control = &control;
		message.msg_controllen = sizeof(control.space);
	}
	return sendmsg(client->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void flush(struct client *client)
{
	struct piece *piece;

	while ((piece = TAILQ_FIRST(&client->out)) != NULL) {
		ssize_t n = send_piece(client, piece);

		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			return;
		}
		if (n < 0) {
			/* Its end is told by poll(), and then it goes; here others may be using it. */
			client->broken = true;
			drop_pieces(client);
			return;
		}
		client->active = g_get_monotonic_time();
		piece->done += (size_t)n;
		client->out_size -= (size_t)n;
		if (piece->done == piece->size) {
			TAILQ_REMOVE(&client->out, piece, link);
			piece_free(piece);
		}
	}
}

void client_say(struct client *client, char *text, int fd)
{
	struct piece *piece = g_new0(struct piece, 1);

	piece->size = strlen(text) + 1;
	piece->text = g_realloc(text, piece->size);
	piece->text[piece->size - 1] = '\n';
	/* Without it the answer would promise what does not come: then the client is better gone. */
	piece->fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (client->broken || (fd >= 0 && piece->fd < 0)) {
		client->broken = true;
		shutdown(client->fd, SHUT_RDWR);
		piece_free(piece);
		update(client);
		return;
	}
	TAILQ_INSERT_TAIL(&client->out, piece, link);
	client->out_size += piece->size;
	flush(client);
	update(client);
}

static void say_error(struct client *client, const char *text)
{
	client_say(client, g_strdup_printf("{\"error\":{\"text\":\"%s\"}}", text), -1);
}

/* What it said so far is of no use, and more is not wanted. */
static void end_input(struct client *client)
{
	client->ended = true;
	drop_bytes(client->line, client->line->len);
	client->seen = 0;
}

static bool takes_requests(const struct client *client)
{
	return !client->request && !client->broken && client->out_size <= DESK_OUT_MAX;
}

static void handle_lines(struct client *client)
{
	if (client->handling) {
		return;
	}
	client->handling = true;
	while (takes_requests(client)) {
		const guint8 *data = client->line->data;
		const guint8 *end = client->line->len > client->seen
			? memchr(data + client->seen, '\n', client->line->len - client->seen)
			: NULL;
		size_t size;

		if (!end) {
			client->seen = client->line->len;
			break;
		}
		size = (size_t)(end - data);
		client->seen = 0;
		if (size <= DESK_LINE_MAX) {
			request_take(client, (const char *)data, size);
			drop_bytes(client->line, size + 1);
		} else {
			break;
		}
	}
	client->handling = false;
	if (client->seen > DESK_LINE_MAX ||
		(takes_requests(client) && client->line->len > DESK_LINE_MAX)) {
		client->desk->counters.long_lines++;
		end_input(client);
		say_error(client, "a line is longer than 65536 bytes");
	}
}

static gboolean on_slow(gpointer data)
{
	struct client *client = data;

	client->timer = 0;
	client->desk->counters.timed_out++;
	end_input(client);
	say_error(client, "half a line for 10 seconds");
	update(client);
	return G_SOURCE_REMOVE;
}

/* A line has so much time from its first byte on, however many more come. */
static void update_timer(struct client *client)
{
	bool half = client->line->len && takes_requests(client) && !client->ended;

	if (half && !client->timer) {
		client->timer = g_timeout_add(DESK_LINE_MS, on_slow, client);
	} else if (!half && client->timer) {
		g_source_remove(client->timer);
		client->timer = 0;
	}
}

static void receive(struct client *client)
{
	guint8 bytes[READ_SIZE];
	ssize_t n = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR) {
			client->broken = true;
		}
		return;
	}
	if (n == 0) {
		/* Half a line at the end is not one. Answers may still be on their way. */
		client->ended = true;
		return;
	}
	client->active = g_get_monotonic_time();
	if (!client->ended) {
		bool whole = memchr(bytes, '\n', (size_t)n);

		g_byte_array_append(client->line, bytes, (guint)n);
		if (whole && client->timer) {
			/* What is left over is another line. */
			g_source_remove(client->timer);
			client->timer = 0;
		}
		handle_lines(client);
	}
	explicit_bzero(bytes, (size_t)n);
}

static bool is_done(const struct client *client)
{
	/* Who listens is there until it hangs up, even if it says no more. */
	return client->broken ||
		(client->ended && !client->request && !client->out_size && !client->listens);
}

static gboolean on_event(gint fd, GIOCondition condition, gpointer data)
{
	struct client *client = data;

	if (condition & G_IO_OUT) {
		flush(client);
		handle_lines(client);
	}
	if (condition & G_IO_IN) {
		receive(client);
	} else if (condition & (G_IO_HUP | G_IO_ERR | G_IO_NVAL)) {
		client->broken = true;
	}
	if (is_done(client)) {
		client_destroy(client);
		return G_SOURCE_REMOVE;
	}
	update(client);
	return G_SOURCE_CONTINUE;
}

/* Watches what there is to wait for. Never ends the client: its caller may be using it. */
static void update(struct client *client)
{
	GIOCondition wanted = G_IO_HUP | G_IO_ERR;

	if (client->handling) {
		return;
	}
	update_timer(client);
	if (is_done(client) || client->out_size) {
		/* Writable at once: on_event() ends it. */
		wanted |= G_IO_OUT;
	}
	if (takes_requests(client) && !client->ended) {
		wanted |= G_IO_IN;
	}
	if (client->source && wanted == client->watched) {
		return;
	}
	if (client->source) {
		g_source_remove(client->source);
	}
	client->watched = wanted;
	/* The viewers' sockets come first. */
	client->source = g_unix_fd_add_full(
		G_PRIORITY_DEFAULT + 1, client->fd, wanted, on_event, client, NULL);
}

void client_go_on(struct client *client)
{
	handle_lines(client);
	update(client);
}

void client_create(struct desk *desk, int fd)
{
	struct client *client = g_new0(struct client, 1);

	client->desk = desk;
	client->fd = fd;
	client->line = g_byte_array_new();
	client->active = g_get_monotonic_time();
	TAILQ_INIT(&client->out);
	TAILQ_INSERT_TAIL(&desk->clients, client, link);
	desk->counters.clients++;
	client_say(client, g_strdup(desk->greeting), -1);
}
