/* SPDX-License-Identifier: MIT */
/* The control socket: who is let in, and who is told of events. */
#include "bridge/desk.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/desk_impl.h"
#include "bridge/listen.h"
#include "bridge/log.h"
#include "bridge/peer.h"

/* A last word to somebody who is not taken. It goes at once or not at all. */
static void turn_away(int fd, const char *text)
{
	if (send(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		log_debug("control: somebody who was turned away did not hear it: %s",
			strerror(errno));
	}
	close(fd);
}

static bool has_stalled(const struct client *client)
{
	return client->out_size &&
		g_get_monotonic_time() - client->active > DESK_STALLED_MS * INT64_C(1000);
}

/* Of those who listen to events the one who came first, where they are more than their share. */
static struct client *first_listener(struct desk *desk)
{
	struct client *client, *first = NULL;
	unsigned listeners = 0;

	TAILQ_FOREACH(client, &desk->clients, link)
	{
		listeners += client->listens;
		if (client->listens && !client->request && !first) {
			first = client;
		}
	}
	return listeners > DESK_LISTENERS ? first : NULL;
}

/*
 * For a new client: the place of the one that has been quiet longest. Who waits for an answer or
 * listens to events stays, while he reads what he is told, and listeners leave room for others.
 */
static struct client *least_needed(struct desk *desk)
{
	struct client *client, *best = NULL;

	TAILQ_FOREACH(client, &desk->clients, link)
	{
		bool quiet = !client->request && !client->listens && !client->out_size;

		if ((quiet || has_stalled(client)) && (!best || client->active < best->active)) {
			best = client;
		}
	}
	return best ? best : first_listener(desk);
}

static bool make_room(struct desk *desk)
{
	struct client *client;

	if (desk->counters.clients < DESK_CLIENTS) {
		return true;
	}
	client = least_needed(desk);
	if (!client) {
		return false;
	}
	desk->counters.crowded_out++;
	client_destroy(client);
	return true;
}

static void on_accepted(int fd, void *data)
{
	struct desk *desk = data;
	struct peer peer;

	peer_of(fd, &peer);
	if (peer.family != AF_UNIX || (peer.uid != 0 && peer.uid != desk->uid)) {
		desk->counters.uid_refused++;
		if (!desk->refused_uid) {
			desk->refused_uid = true;
			log_warning("control: user %ld was refused; only root and user %ld may, "
				    "and others are only counted from now on",
				(long)peer.uid, (long)desk->uid);
		}
		turn_away(fd,
			"{\"error\":{\"text\":\"only root and the user of the bridge may "
			"connect here\"}}\n");
		return;
	}
	desk->counters.accepted++;
	if (!make_room(desk)) {
		desk->counters.busy++;
		turn_away(fd,
			"{\"error\":{\"text\":\"busy: all connections of this socket are in use; "
			"try again when one has ended\"}}\n");
		return;
	}
	client_create(desk, fd);
}

static char *make_greeting(const char *name)
{
	JsonObject *object = json_object_new();
	JsonNode *node = json_node_init_object(json_node_alloc(), object);
	char *text;

	json_object_set_string_member(object, "program", "vgpu-bridge");
	json_object_set_string_member(object, "version", VGPU_BRIDGE_VERSION);
	json_object_set_int_member(object, "protocol", COMMAND_PROTOCOL);
	json_object_set_string_member(object, "name", name);
	json_object_set_int_member(object, "pid", getpid());
	text = line_text(node);
	json_node_unref(node);
	json_object_unref(object);
	return text;
}

struct desk *desk_create(const struct desk_options *options, char *why, size_t why_size)
{
	struct listen_address address = {
		.kind = ADDRESS_UNIX, .fd = -1, .owner = (uid_t)-1, .group = (gid_t)-1};
	struct desk *desk = g_new0(struct desk, 1);
	char *path = g_strdup(options->path);
	char *text = g_strdup_printf("unix:%s", options->path);

	address.path = path;
	address.text = text;
	desk->server = options->server;
	desk->tables = options->tables;
	desk->uid = options->uid;
	desk->greeting = make_greeting(options->name);
	TAILQ_INIT(&desk->clients);
	desk->listener = listener_create(&address, on_accepted, desk, why, why_size);

	int error = errno;

	g_free(path);
	g_free(text);
	if (!desk->listener) {
		desk_destroy(desk);
		errno = error;
		return NULL;
	}
	return desk;
}

void desk_destroy(struct desk *desk)
{
	struct client *client;

	if (!desk) {
		return;
	}
	listener_destroy(desk->listener);
	while ((client = TAILQ_FIRST(&desk->clients)) != NULL) {
		client_destroy(client);
	}
	g_free(desk->greeting);
	g_free(desk);
}

/* Takes over data. */
static char *make_event(const char *name, JsonObject *data)
{
	JsonObject *event = json_object_new();
	JsonNode *node = json_node_init_object(json_node_alloc(), event);
	GDateTime *now = g_date_time_new_now_utc();
	char *seconds = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S");
	char *time = g_strdup_printf("%s.%03dZ", seconds, g_date_time_get_microsecond(now) / 1000);
	char *text;

	json_object_set_string_member(event, "event", name);
	json_object_set_string_member(event, "time", time);
	json_object_set_object_member(event, "data", data);
	text = line_text(node);
	g_free(time);
	g_free(seconds);
	g_date_time_unref(now);
	json_node_unref(node);
	json_object_unref(event);
	return text;
}

/* False: the client has no room, and it is counted. */
static bool tell_client(struct client *client, const char *text)
{
	if (client->out_size > DESK_OUT_MAX) {
		client->lost++;
		client->desk->counters.events_lost++;
		return false;
	}
	client->desk->counters.events++;
	client_say(client, g_strdup(text), -1);
	return true;
}

/* It reads again: first of all it should know that it missed something. */
static void tell_lost(struct client *client)
{
	JsonObject *data;
	char *text;

	if (!client->lost || client->out_size > DESK_OUT_MAX) {
		return;
	}
	data = json_object_new();
	json_object_set_int_member(data, "count", (gint64)client->lost);
	client->lost = 0;
	text = make_event("events-lost", data);
	tell_client(client, text);
	g_free(text);
}

void desk_tell(struct desk *desk, const char *name, JsonObject *data)
{
	struct client *client;
	char *text = make_event(name, data ? data : json_object_new());

	log_debug("event: %s", text);
	if (desk) {
		TAILQ_FOREACH(client, &desk->clients, link)
		{
			if (client->listens && !client->broken) {
				tell_lost(client);
				tell_client(client, text);
			}
		}
	}
	g_free(text);
}

const struct desk_counters *desk_counters(const struct desk *desk)
{
	static const struct desk_counters none;

	return desk ? &desk->counters : &none;
}
