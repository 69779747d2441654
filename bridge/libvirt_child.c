/* SPDX-License-Identifier: MIT */
/* What runs in the process that holds libvirt: it plays QEMU's side of one QMP connection. */
#include "bridge/libvirt.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <json-glib/json-glib.h>
#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bridge/log.h"
#include "bridge/members.h"
#include "bridge/sandbox.h"

/* From Linux 5.9 on; the numbers are the same everywhere. */
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

#define LINE_MAX_BYTES (256 << 10)
#define KEEPALIVE_S 5
#define KEEPALIVE_COUNT 3

/* Loaded here and nowhere else: the bridge itself has no use for a library of this size. */
#define FUNCTIONS(F)                                \
	F(virConnectClose)                          \
	F(virConnectDomainEventRegisterAny)         \
	F(virConnectDomainQemuMonitorEventRegister) \
	F(virConnectOpen)                           \
	F(virConnectSetKeepAlive)                   \
	F(virDomainFree)                            \
	F(virDomainLookupByName)                    \
	F(virDomainQemuMonitorCommand)              \
	F(virEventAddHandle)                        \
	F(virEventRegisterDefaultImpl)              \
	F(virEventRunDefaultImpl)                   \
	F(virEventRemoveHandle)                     \
	F(virGetLastErrorMessage)                   \
	F(virSetErrorFunc)

struct child {
#define MEMBER(name) __typeof__(name) *name;
	FUNCTIONS(MEMBER)
#undef MEMBER
	const char *domain_name;
	virConnectPtr connection;
	virDomainPtr domain;
	int control;
	int stream, watch; /* to the bridge, -1: none */
	bool broken; /* the stream is to be ended */
	GByteArray *line;
	char told[256]; /* the last reason in the log */
};

static bool load(struct child *child)
{
	void *library = dlopen("libvirt.so.0", RTLD_NOW | RTLD_GLOBAL);
	void *qemu = dlopen("libvirt-qemu.so.0", RTLD_NOW);
	bool good = library && qemu;

#define LOAD(name)                                                 \
	*(void **)&child->name = good ? dlsym(qemu, #name) : NULL; \
	if (good && !child->name) {                                \
		*(void **)&child->name = dlsym(library, #name);    \
	}                                                          \
	good = good && child->name;
	FUNCTIONS(LOAD)
#undef LOAD
	return good;
}

static void tell(struct child *child, const char *reason)
{
	if (strncmp(child->told, reason, sizeof(child->told) - 1) != 0) {
		snprintf(child->told, sizeof(child->told), "%s", reason);
		log_info("libvirt, domain %s: %s", child->domain_name, reason);
	}
}

/* Why the last call failed. */
static const char *failure(struct child *child)
{
	const char *message = child->virGetLastErrorMessage();

	return message ? message : "failed without a reason";
}

static void say(struct child *child, JsonObject *object)
{
	JsonNode *node = json_node_alloc();
	char *text, *line;
	size_t size, done = 0;

	json_node_init_object(node, object);
	text = json_to_string(node, FALSE);
	line = g_strconcat(text, "\r\n", NULL);
	size = strlen(line);
	while (done < size && child->stream >= 0 && !child->broken) {
		ssize_t n = send(child->stream, line + done, size - done, MSG_NOSIGNAL);

		child->broken = n < 0 && errno != EINTR;
		done += n > 0 ? (size_t)n : 0;
	}
	g_free(line);
	g_free(text);
	json_node_unref(node);
}

static void answer(struct child *child, JsonNode *id, const char *name, JsonNode *value)
{
	JsonObject *object = json_object_new();

	json_object_set_member(object, name, value);
	if (id) {
		json_object_set_member(object, "id", json_node_copy(id));
	}
	say(child, object);
	json_object_unref(object);
}

static void refuse(struct child *child, JsonNode *id, const char *why)
{
	JsonObject *error = json_object_new();
	JsonNode *node = json_node_alloc();

	json_object_set_string_member(error, "class", "GenericError");
	json_object_set_string_member(error, "desc", why);
	json_node_init_object(node, error);
	json_object_unref(error);
	answer(child, id, "error", node);
}

/* What QEMU answered, with our id in the place of libvirt's. */
static void pass_answer(struct child *child, JsonNode *id, const char *text)
{
	JsonNode *node = json_from_string(text, NULL);

	if (node && JSON_NODE_HOLDS_OBJECT(node)) {
		JsonObject *object = json_node_get_object(node);

		json_object_remove_member(object, "id");
		if (id) {
			json_object_set_member(object, "id", json_node_copy(id));
		}
		say(child, object);
	} else {
		refuse(child, id, "libvirt's answer is no JSON");
	}
	if (node) {
		json_node_unref(node);
	}
}

static void run_command(struct child *child, JsonObject *command)
{
	const char *name = member_string(command, "execute");
	JsonNode *id = json_object_dup_member(command, "id"), *node;
	char *result = NULL, *text;

	if (!name || !strcmp(name, "qmp_capabilities")) {
		node = json_node_alloc();
		json_node_init_object(node, json_object_new());
		answer(child, id, "return", node);
	} else if (!strcmp(name, "getfd")) {
		refuse(child, id, "no descriptor can be handed on through libvirt");
	} else {
		/* libvirt numbers its commands itself. */
		json_object_remove_member(command, "id");
		node = json_node_alloc();
		json_node_init_object(node, command);
		text = json_to_string(node, FALSE);
		if (child->virDomainQemuMonitorCommand(child->domain, text, &result, 0) < 0) {
			tell(child, failure(child));
			child->broken = true;
		} else {
			pass_answer(child, id, result);
		}
		free(result);
		g_free(text);
		json_node_unref(node);
	}
	if (id) {
		json_node_unref(id);
	}
}

static void run_line(struct child *child)
{
	JsonNode *node;

	g_byte_array_append(child->line, (const guint8 *)"", 1);
	node = json_from_string((const char *)child->line->data, NULL);
	g_byte_array_set_size(child->line, 0);
	if (node && JSON_NODE_HOLDS_OBJECT(node)) {
		run_command(child, json_node_get_object(node));
	} else {
		child->broken = true;
	}
	if (node) {
		json_node_unref(node);
	}
}

static void hang_up(struct child *child)
{
	if (child->watch >= 0) {
		child->virEventRemoveHandle(child->watch);
	}
	if (child->stream >= 0) {
		close(child->stream);
	}
	if (child->domain) {
		child->virDomainFree(child->domain);
	}
	if (child->connection) {
		child->virConnectClose(child->connection);
	}
	child->watch = child->stream = -1;
	child->domain = NULL;
	child->connection = NULL;
	child->broken = false;
	g_byte_array_set_size(child->line, 0);
}

static void on_stream(int watch, int fd, int events, void *data)
{
	struct child *child = data;
	char buffer[16384];
	ssize_t n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);

	child->broken |= n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
	for (ssize_t i = 0; i < n && !child->broken; i++) {
		if (buffer[i] == '\n') {
			run_line(child);
		} else {
			g_byte_array_append(child->line, (const guint8 *)&buffer[i], 1);
			child->broken = child->line->len > LINE_MAX_BYTES;
		}
	}
}

static void on_monitor_event(virConnectPtr connection, virDomainPtr domain, const char *event,
	long long seconds, unsigned int micros, const char *details, void *data)
{
	struct child *child = data;
	JsonObject *object = json_object_new();
	JsonNode *node = details ? json_from_string(details, NULL) : NULL;

	json_object_set_string_member(object, "event", event);
	if (node) {
		json_object_set_member(object, "data", node);
	}
	say(child, object);
	json_object_unref(object);
}

static void on_life(
	virConnectPtr connection, virDomainPtr domain, int event, int detail, void *data)
{
	struct child *child = data;

	if (event == VIR_DOMAIN_EVENT_STOPPED || event == VIR_DOMAIN_EVENT_CRASHED) {
		tell(child, "it is off");
		child->broken = true;
	}
}

static void ignore_error(void *data, virErrorPtr error)
{
}

static bool open_domain(struct child *child)
{
	const char *uri = getenv("LIBVIRT_DEFAULT_URI");
	char *result = NULL;

	child->connection = child->virConnectOpen(uri ? uri : "qemu:///system");
	if (!child->connection) {
		return false;
	}
	child->domain = child->virDomainLookupByName(child->connection, child->domain_name);
	if (!child->domain) {
		return false;
	}
	child->virConnectSetKeepAlive(child->connection, KEEPALIVE_S, KEEPALIVE_COUNT);
	if (child->virDomainQemuMonitorCommand(
		    child->domain, "{\"execute\":\"query-status\"}", &result, 0) < 0) {
		return false;
	}
	free(result);
	/* Without events the guest's stops and resets are not followed; input works all the same. */
	child->virConnectDomainQemuMonitorEventRegister(
		child->connection, child->domain, NULL, on_monitor_event, child, NULL, 0);
	child->virConnectDomainEventRegisterAny(child->connection, child->domain,
		VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_life), child, NULL);
	return true;
}

static void greet(struct child *child)
{
	JsonNode *node =
		json_from_string("{\"QMP\": {\"version\": {}, \"capabilities\": []}}", NULL);

	say(child, json_node_get_object(node));
	json_node_unref(node);
}

/* A connection from the bridge, which replaces the last. */
static void on_control(int watch, int fd, int events, void *data)
{
	struct child *child = data;
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec iov = {&byte, 1};
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	if (n <= 0) {
		_exit(0);
	}
	if (message.msg_controllen < sizeof(control.header) ||
		control.header.cmsg_type != SCM_RIGHTS) {
		return;
	}
	hang_up(child);
	memcpy(&child->stream, CMSG_DATA(&control.header), sizeof(int));
	if (!open_domain(child)) {
		tell(child, failure(child));
		hang_up(child);
		return;
	}
	tell(child,
		"input goes through libvirt, which marks the domain as tainted "
		"(custom-monitor); --qmp with a monitor of its own would not");
	greet(child);
	child->watch = child->virEventAddHandle(child->stream,
		VIR_EVENT_HANDLE_READABLE | VIR_EVENT_HANDLE_HANGUP | VIR_EVENT_HANDLE_ERROR,
		on_stream, child, NULL);
	child->broken |= child->watch < 0;
}

/* Keeps standard error, for the log, and control. */
static void close_others(int control)
{
	int null;

	syscall(SYS_close_range, 3, control - 1, 0);
	syscall(SYS_close_range, control + 1, ~0U, 0);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
		close(null);
	}
}

void libvirt_main(const char *domain, int control)
{
	static struct child child = {.stream = -1, .watch = -1};
	char why[256];

	prctl(PR_SET_NAME, "libvirt-monitor");
	/* The bridge tells us to end by closing control; signals to all of us are for the bridge. */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	close_others(control);
	child.domain_name = domain;
	child.control = control;
	child.line = g_byte_array_new();
	if (sandbox_drop(why, sizeof(why)) < 0) {
		tell(&child, why);
		_exit(1);
	}
	if (!load(&child)) {
		tell(&child,
			"libvirt is not installed; name a monitor with --qmp, or viewers may only "
			"look");
		_exit(1);
	}
	child.virSetErrorFunc(NULL, ignore_error);
	if (child.virEventRegisterDefaultImpl() < 0 ||
		child.virEventAddHandle(control,
			VIR_EVENT_HANDLE_READABLE | VIR_EVENT_HANDLE_HANGUP |
				VIR_EVENT_HANDLE_ERROR,
			on_control, &child, NULL) < 0) {
		_exit(1);
	}
	for (;;) {
		if (child.virEventRunDefaultImpl() < 0) {
			_exit(1);
		}
		if (child.broken) {
			hang_up(&child);
		}
	}
}
