/* SPDX-License-Identifier: MIT */
/* Listening: every kind of address is reached by a real connection, and stays what it should be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "bridge/listen.h"
#include "bridge/log.h"

#define PATIENCE_US (10 * G_USEC_PER_SEC)

static char directory[] = "/tmp/test-listen-XXXXXX";

struct fixture {
	struct listen_address address;
	struct listener *listener;
	int accepted; /* the last connection, -1 */
	unsigned count;
};

static void on_accepted(int fd, void *data)
{
	struct fixture *fixture = data;

	if (fixture->accepted >= 0) {
		close(fixture->accepted);
	}
	fixture->accepted = fd;
	fixture->count++;
}

static void fixture_init(struct fixture *fixture, const char *text)
{
	char why[256] = "";

	memset(fixture, 0, sizeof(*fixture));
	fixture->accepted = -1;
	if (listen_address_parse(&fixture->address, text, why, sizeof(why)) < 0) {
		fail_msg("%s: %s", text, why);
	}
	fixture->listener =
		listener_create(&fixture->address, on_accepted, fixture, why, sizeof(why));
	if (!fixture->listener) {
		fail_msg("%s: %s", text, why);
	}
}

static void fixture_finish(struct fixture *fixture)
{
	listener_destroy(fixture->listener);
	listen_address_finish(&fixture->address);
	if (fixture->accepted >= 0) {
		close(fixture->accepted);
	}
}

/* Runs the main loop until so many connections came in. False when that takes too long. */
static bool wait_for(struct fixture *fixture, unsigned count, gint64 patience)
{
	gint64 end = g_get_monotonic_time() + patience;

	while (fixture->count < count && g_get_monotonic_time() < end) {
		if (!g_main_context_iteration(NULL, FALSE)) {
			g_usleep(1000);
		}
	}
	return fixture->count >= count;
}

static int connect_unix(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&name, sizeof(name)) < 0) {
		int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

/* To the port that the URI names; host in brackets or not. */
static int connect_uri(const char *uri, const char *host)
{
	const char *port = strrchr(uri, ':') + 1;
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
	int fd;

	assert_int_equal(getaddrinfo(host, port, &hints, &list), 0);
	fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(fd, list->ai_addr, list->ai_addrlen) < 0) {
		int error = errno;

		close(fd);
		fd = -error;
	}
	freeaddrinfo(list);
	return fd;
}

static const char *in_directory(const char *prefix, const char *name)
{
	static char text[100]; /* fits a socket's name */

	snprintf(text, sizeof(text), "%s%s/%s", prefix, directory, name);
	return text;
}

static void expect_refused(const char *text, int error, const char *named)
{
	struct listen_address address;
	char why[256] = "";

	assert_int_equal(listen_address_parse(&address, text, why, sizeof(why)), 0);
	errno = 0;
	assert_null(listener_create(&address, on_accepted, NULL, why, sizeof(why)));
	assert_int_equal(errno, error);
	assert_non_null(strstr(why, named));
	assert_null(strchr(why, '\n'));
	listen_address_finish(&address);
}

static void test_unix(void **state)
{
	struct fixture fixture;
	struct stat status;
	char path[256], uri[300];
	int fd;

	fixture_init(&fixture, in_directory("unix:", "a"));
	snprintf(path, sizeof(path), "%s", in_directory("", "a"));
	snprintf(uri, sizeof(uri), "spice+unix://%s", path);
	assert_string_equal(listener_uri(fixture.listener), uri);
	assert_int_equal(lstat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	fd = connect_unix(path);
	assert_true(fd >= 0);
	assert_true(wait_for(&fixture, 1, PATIENCE_US));
	assert_true(fcntl(fixture.accepted, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fixture.accepted, F_GETFD) & FD_CLOEXEC);
	/* A second one finds it alive. */
	expect_refused(in_directory("unix:", "a"), EADDRINUSE, path);
	close(fd);
	fixture_finish(&fixture);
	assert_int_equal(lstat(path, &status), -1);
}

static void test_unix_stale(void **state)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	struct fixture fixture;
	struct stat status;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(name.sun_path, sizeof(name.sun_path), "%s", in_directory("", "stale"));
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(listen(fd, 1), 0);
	close(fd);
	assert_int_equal(lstat(name.sun_path, &status), 0);
	fixture_init(&fixture, in_directory("unix:", "stale"));
	fd = connect_unix(name.sun_path);
	assert_true(fd >= 0);
	assert_true(wait_for(&fixture, 1, PATIENCE_US));
	close(fd);
	/* What someone else put in its place is left alone at the end. */
	assert_int_equal(unlink(name.sun_path), 0);
	fd = open(name.sun_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	fixture_finish(&fixture);
	assert_int_equal(lstat(name.sun_path, &status), 0);
	/* And a plain file is never replaced. */
	expect_refused(in_directory("unix:", "stale"), EEXIST, name.sun_path);
	assert_int_equal(unlink(name.sun_path), 0);
	expect_refused(in_directory("unix:", "no/such"), ENOENT, "no/such");
}

static void test_unix_long_path(void **state)
{
	char text[256] = "unix:/", why[256] = "";
	struct listen_address address;

	memset(text + strlen(text), 'x', 106);
	assert_int_equal(listen_address_parse(&address, text, why, sizeof(why)), 0);
	listen_address_finish(&address);
	text[strlen(text)] = 'x';
	assert_int_equal(listen_address_parse(&address, text, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "108 bytes"));
}

static void check_tcp(const char *text, const char *prefix, const char *host)
{
	struct fixture fixture;
	int fd, value = 0;
	socklen_t size = sizeof(value);

	fixture_init(&fixture, text);
	assert_int_equal(strncmp(listener_uri(fixture.listener), prefix, strlen(prefix)), 0);
	assert_string_not_equal(strrchr(listener_uri(fixture.listener), ':'), ":0");
	fd = connect_uri(listener_uri(fixture.listener), host);
	assert_true(fd >= 0);
	assert_true(wait_for(&fixture, 1, PATIENCE_US));
	assert_int_equal(getsockopt(fixture.accepted, IPPROTO_TCP, TCP_NODELAY, &value, &size), 0);
	assert_int_equal(value, 1);
	close(fd);
	fixture_finish(&fixture);
}

static bool have_ipv6(void)
{
	struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool have = fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0;

	if (fd >= 0) {
		close(fd);
	}
	return have;
}

static void test_tcp(void **state)
{
	struct fixture fixture;
	char text[64];

	check_tcp("tcp:127.0.0.1:0", "spice://127.0.0.1:", "127.0.0.1");
	check_tcp("tcp:*:0", "spice://", "127.0.0.1");
	check_tcp("tcp::0", "spice://", "127.0.0.1");
	fixture_init(&fixture, "tcp:127.0.0.1:0");
	snprintf(text, sizeof(text), "tcp:127.0.0.1:%s",
		strrchr(listener_uri(fixture.listener), ':') + 1);
	expect_refused(text, EADDRINUSE, text);
	fixture_finish(&fixture);
	/* Of the test networks of RFC 5737: no interface has it. */
	expect_refused("tcp:192.0.2.1:0", EADDRNOTAVAIL, "tcp:192.0.2.1:0");
}

static void test_tcp6(void **state)
{
	if (!have_ipv6()) {
		print_message("no IPv6 loopback on this machine\n");
		skip();
	}
	check_tcp("tcp:[::1]:0", "spice://[::1]:", "::1");
	check_tcp("tcp:*:0", "spice://[::]:", "::1");
}

static void test_fd(void **state)
{
	struct sockaddr_in name = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listening = socket(AF_INET, SOCK_STREAM, 0), fd;
	struct fixture fixture;
	char text[32];

	assert_int_equal(bind(listening, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(listen(listening, 4), 0);
	snprintf(text, sizeof(text), "fd:%d", listening);
	fixture_init(&fixture, text);
	assert_true(listen_address_is_local(&fixture.address));
	assert_true(fcntl(listening, F_GETFD) & FD_CLOEXEC);
	fd = connect_uri(listener_uri(fixture.listener), "127.0.0.1");
	assert_true(fd >= 0);
	assert_true(wait_for(&fixture, 1, PATIENCE_US));
	close(fd);
	fixture_finish(&fixture);
	/* It was handed over, so it is closed. */
	assert_int_equal(fcntl(listening, F_GETFD), -1);
}

static void test_local(void **state)
{
	static const struct {
		const char *text;
		bool local;
	} cases[] = {
		{"unix:/a", true},
		{"tcp:127.0.0.1:1", true},
		{"tcp:127.8.9.10:1", true},
		{"tcp:[::1]:1", true},
		{"tcp:[::ffff:127.0.0.1]:1", true},
		{"tcp:localhost:1", true},
		{"tcp:*:1", false},
		{"tcp::1", false},
		{"tcp:0.0.0.0:1", false},
		{"tcp:[::]:1", false},
		{"tcp:192.0.2.1:1", false},
		{"tcp:[2001:db8::1]:1", false},
		{"tcp:[::ffff:192.0.2.1]:1", false},
	};
	struct listen_address address;
	char why[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
			listen_address_parse(&address, cases[i].text, why, sizeof(why)), 0);
		if (listen_address_is_local(&address) != cases[i].local) {
			fail_msg("%s: local is not %d", cases[i].text, cases[i].local);
		}
		listen_address_finish(&address);
	}
}

/* With no fd left, a waiting connection must neither be lost nor make the loop spin. */
static void test_out_of_fds(void **state)
{
	struct rlimit limit, low;
	struct fixture fixture;
	unsigned turns = 0;
	gint64 end;
	int fd;

	fixture_init(&fixture, in_directory("unix:", "full"));
	fd = connect_unix(in_directory("", "full"));
	assert_true(fd >= 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = limit;
	low.rlim_cur = (rlim_t)fd; /* the highest in use lies above: no new one */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	log_set_level(LOG_LEVEL_ERROR);
	end = g_get_monotonic_time() + G_USEC_PER_SEC / 5;
	while (g_get_monotonic_time() < end) {
		if (g_main_context_iteration(NULL, FALSE)) {
			turns++;
		}
		g_usleep(1000);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	log_set_level(LOG_LEVEL_INFO);
	assert_int_equal(fixture.count, 0);
	assert_true(turns < 10);
	assert_true(wait_for(&fixture, 1, PATIENCE_US));
	close(fd);
	fixture_finish(&fixture);
}

static int make_directory(void **state)
{
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unix),
		cmocka_unit_test(test_unix_stale),
		cmocka_unit_test(test_unix_long_path),
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_tcp6),
		cmocka_unit_test(test_fd),
		cmocka_unit_test(test_local),
		cmocka_unit_test(test_out_of_fds),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
