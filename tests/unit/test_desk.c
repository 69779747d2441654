/* SPDX-License-Identifier: MIT */
/* The control socket with commands of this test's own, and a client who does it no favour. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bridge/desk.h"
#include "bridge/line.h"

#define PATIENCE_US (20 * G_USEC_PER_SEC)

static char directory[] = "/tmp/test-desk-XXXXXX";

/* What the commands have kept. */
static struct request *kept[DESK_CLIENTS];
static size_t n_kept;

static JsonNode *text_node(const char *text)
{
	JsonObject *object = json_object_new();
	JsonNode *node = json_node_alloc();

	json_object_set_string_member(object, "text", text);
	json_node_take_object(json_node_init(node, JSON_NODE_OBJECT), object);
	return node;
}

static void run_echo(struct server *server, struct request *request, JsonObject *arguments)
{
	request_answer(request, text_node(json_object_get_string_member(arguments, "text")));
}

static void run_keep(struct server *server, struct request *request, JsonObject *arguments)
{
	assert_true(n_kept < G_N_ELEMENTS(kept));
	kept[n_kept++] = request;
}

static void run_file(struct server *server, struct request *request, JsonObject *arguments)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_int_equal(write(fd, "inside", 6), 6);
	request_answer_fd(request, NULL, fd);
	close(fd);
}

static void run_listen(struct server *server, struct request *request, JsonObject *arguments)
{
	request_listen(request);
	request_answer(request, NULL);
}

static const struct command commands[] = {
	{
		.name = "echo",
		.help = "Says it again.",
		.arguments =
			{
				{.name = "text", .help = "what to say"},
				{.name = "times", .type = ARGUMENT_INTEGER, .optional = true},
				{.name = "loud", .type = ARGUMENT_FLAG, .optional = true},
			},
		.run = run_echo,
	},
	{.name = "keep", .help = "Answers later.", .run = run_keep},
	{.name = "file", .help = "Brings a file.", .run = run_file},
	{.name = "listen", .help = "Tells events.", .run = run_listen},
	{.name = NULL},
};

static const struct command *const tables[] = {commands, NULL};

static struct desk *make_desk(void)
{
	char path[64], why[512] = "";
	const struct desk_options options = {
		.path = path, .name = "test", .uid = geteuid(), .tables = tables};
	struct desk *desk;

	g_snprintf(path, sizeof(path), "%s/socket", directory);
	desk = desk_create(&options, why, sizeof(why));
	assert_string_equal(why, "");
	assert_non_null(desk);
	n_kept = 0;
	return desk;
}

static int dial(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	g_snprintf(name.sun_path, sizeof(name.sun_path), "%s/socket", directory);
	assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	return fd;
}

static void turn(void)
{
	while (g_main_context_iteration(NULL, FALSE)) {
	}
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* One line without its newline, for g_free(); NULL: the other end has closed. */
static char *hear_with(int fd, int *came)
{
	GString *line = g_string_new(NULL);
	int64_t begin = g_get_monotonic_time();

	for (;;) {
		union {
			struct cmsghdr header;
			char space[CMSG_SPACE(sizeof(int))];
		} control = {0};
		char c;
		struct iovec part = {&c, 1};
		struct msghdr message = {.msg_iov = &part,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof(control)};
		ssize_t n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);

		if (n == 0 || (n < 0 && errno == ECONNRESET)) {
			g_string_free(line, TRUE);
			return NULL;
		}
		if (n < 0) {
			assert_int_equal(errno, EAGAIN);
			assert_true(g_get_monotonic_time() - begin < PATIENCE_US);
			turn();
			continue;
		}
		if (message.msg_controllen > 0 && CMSG_FIRSTHDR(&message) && came) {
			memcpy(came, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
		}
		if (c == '\n') {
			return g_string_free(line, FALSE);
		}
		g_string_append_c(line, c);
	}
}

static char *hear(int fd)
{
	return hear_with(fd, NULL);
}

static void expect(int fd, const char *line)
{
	char *heard = hear(fd);

	assert_non_null(heard);
	assert_string_equal(heard, line);
	g_free(heard);
}

static void expect_part(int fd, const char *part)
{
	char *heard = hear(fd);

	assert_non_null(heard);
	if (!strstr(heard, part)) {
		fail_msg("'%s' is not in %s", part, heard);
	}
	g_free(heard);
}

static int greeted(void)
{
	int fd = dial();

	expect_part(fd, "\"name\":\"test\"");
	return fd;
}

/* No control character leaves as it is: neither ASCII's, nor those that stand for ESC and another. */
static void test_line_text(void **state)
{
	static const char text[] = "a\033[2J\xc2\x9b\x32J\xc2\xa0\xc3\xbc\n";
	JsonNode *node = json_node_init_string(json_node_alloc(), text), *again;
	char *line = line_text(node);

	assert_string_equal(line, "\"a\\u001b[2J\\u009b2J\xc2\xa0\xc3\xbc\\n\"");
	again = json_from_string(line, NULL);
	assert_string_equal(json_node_get_string(again), text);
	json_node_unref(again);
	json_node_unref(node);
	g_free(line);
}

static void test_lines(void **state)
{
	static const struct line_limits limits = {.depth = 3, .parts = 4};
	static const struct {
		const char *line, *refusal;
	} cases[] = {
		{"{}", NULL},
		{" \t{} \r", NULL},
		{"{\"a\":[1,2]}", NULL},
		{"{\"}\":\"]\\\"\"}", NULL},
		{"{\"a\":\"//#'\"}", NULL},
		{"", "not a JSON object"},
		{"[]", "not a JSON object"},
		{"{", "half"},
		{"{\"a", "half"},
		{"{\"a\\\"}", "half"},
		{"{}{}", "follows"},
		{"{}x", "follows"},
		{"{\"a\":{\"b\":{}}}", NULL},
		{"{\"a\":{\"b\":{\"c\":[]}}}", "deep"},
		{"{\"a\":[1,2,3,4]}", "parts"},
		{"{/**/}", "not JSON"},
		{"{'a':1}", "not JSON"},
		{"{\"\xff\":1}", "UTF-8"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		const char *why = line_refusal(cases[i].line, strlen(cases[i].line), &limits);

		if (!why != !cases[i].refusal || (why && !strstr(why, cases[i].refusal))) {
			fail_msg("'%s': %s", cases[i].line, why ? why : "taken");
		}
	}
	assert_non_null(line_refusal("{\0}", 3, &limits));
}

static void test_answers(void **state)
{
	struct desk *desk = make_desk();
	int fd = greeted(), file = -1;
	char bytes[8] = "";
	char *line;

	say(fd, "{\"id\":1,\"command\":\"echo\",\"arguments\":{\"text\":\"\\u00e4\"}}\n");
	expect(fd, "{\"id\":1,\"return\":{\"text\":\"\u00e4\"}}");
	say(fd, "{\"command\":\"echo\",\"arguments\":{\"text\":\"x\",\"times\":2,\"loud\":true}}\n");
	expect(fd, "{\"return\":{\"text\":\"x\"}}");
	say(fd, "{\"id\":\"b\",\"command\":\"echo\"}\n");
	expect_part(fd, "'text' (a string) is missing");
	say(fd, "{\"command\":\"echo\",\"arguments\":{\"text\":\"x\",\"loud\":1}}\n");
	expect_part(fd, "'loud' is no flag");
	say(fd, "{\"command\":\"echo\",\"arguments\":{\"text\":[\"x\"]}}\n");
	expect_part(fd, "'text' is no string");
	say(fd, "{\"command\":\"echo\",\"arguments\":{\"text\":\"x\",\"tune\":1}}\n");
	expect_part(fd, "'tune'");
	say(fd, "{\"id\":2,\"command\":\"file\"}\n");
	line = hear_with(fd, &file);
	assert_string_equal(line, "{\"id\":2,\"return\":{}}");
	g_free(line);
	assert_true(file >= 0);
	assert_int_equal(pread(file, bytes, sizeof(bytes), 0), 6);
	assert_string_equal(bytes, "inside");
	close(file);
	assert_int_equal(desk_counters(desk)->requests, 7);
	assert_int_equal(desk_counters(desk)->refused, 4);
	/* What was asked before an end is answered, half a line is not. */
	say(fd, "{\"command\":\"echo\",\"arguments\":{\"text\":\"last\"}}\n{\"command\":");
	shutdown(fd, SHUT_WR);
	expect(fd, "{\"return\":{\"text\":\"last\"}}");
	assert_null(hear(fd));
	close(fd);
	assert_int_equal(desk_counters(desk)->clients, 0);
	desk_destroy(desk);
}

/* The next request waits for the answer of the one before; an answer for nobody goes nowhere. */
static void test_later(void **state)
{
	struct desk *desk = make_desk();
	int fd = greeted();

	say(fd,
		"{\"id\":1,\"command\":\"keep\"}\n"
		"{\"id\":2,\"command\":\"echo\",\"arguments\":{\"text\":\"x\"}}\n");
	turn();
	assert_int_equal(n_kept, 1);
	assert_int_equal(desk_counters(desk)->requests, 1);
	request_answer(kept[0], NULL);
	expect(fd, "{\"id\":1,\"return\":{}}");
	expect(fd, "{\"id\":2,\"return\":{\"text\":\"x\"}}");

	say(fd, "{\"command\":\"keep\"}\n");
	turn();
	close(fd);
	turn();
	assert_int_equal(desk_counters(desk)->clients, 0);
	request_refuse(kept[1], "%s", "nobody hears this");

	fd = greeted();
	say(fd, "{\"command\":\"keep\"}\n");
	turn();
	assert_int_equal(n_kept, 3);
	desk_destroy(desk);
	request_answer(kept[2], NULL);
	assert_null(hear(fd));
	close(fd);
}

/* Who does not read is not read from, and misses events; he is told how many. */
static void test_deaf(void **state)
{
	static const char request[] =
		"{\"command\":\"echo\",\"arguments\":{\"text\":\"0123456789012345678901234567890123456789"
		"012345678901234567890123456789\"}}\n";
	struct desk *desk = make_desk();
	int fd = greeted(), one = 1;
	uint64_t handled, lost;
	unsigned events = 0;
	char *line;

	say(fd, "{\"command\":\"listen\"}\n");
	expect(fd, "{\"return\":{}}");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &one, sizeof(one));
	for (int i = 0; i < 100000; i++) {
		if (send(fd, request, strlen(request), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
			turn();
			if (send(fd, request, strlen(request), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
				break;
			}
		}
	}
	turn();
	handled = desk_counters(desk)->requests;
	assert_true(handled > 1 && handled < 20000);
	turn();
	assert_int_equal(desk_counters(desk)->requests, handled);

	for (int i = 0; i < 5000; i++) {
		desk_tell(desk, "thing", NULL);
	}
	lost = desk_counters(desk)->events_lost;
	assert_true(lost > 0);
	assert_int_equal(desk_counters(desk)->events + lost, 5000);
	/* He reads everything that there is; then comes another event. */
	while (desk_counters(desk)->requests == handled) {
		g_free(hear(fd));
	}
	for (;;) {
		desk_tell(desk, "another", NULL);
		events++;
		line = hear(fd);
		assert_non_null(line);
		if (strstr(line, "events-lost")) {
			break;
		}
		g_free(line);
		assert_true(events < 100000);
	}
	assert_non_null(strstr(line, "\"count\":"));
	assert_true(g_ascii_strtoull(strstr(line, "\"count\":") + strlen("\"count\":"), NULL, 10) >=
		lost);
	g_free(line);
	close(fd);
	turn();
	assert_int_equal(desk_counters(desk)->clients, 0);
	desk_destroy(desk);
}

/* The one that has been quiet longest goes; those who wait for an answer stay. */
static void test_crowd(void **state)
{
	struct desk *desk = make_desk();
	int fds[DESK_CLIENTS], more;

	for (size_t i = 0; i < G_N_ELEMENTS(fds); i++) {
		fds[i] = greeted();
	}
	say(fds[0], "{\"command\":\"keep\"}\n");
	turn();
	more = greeted();
	assert_int_equal(desk_counters(desk)->crowded_out, 1);
	assert_null(hear(fds[1]));
	close(fds[1]);
	fds[1] = more;
	for (size_t i = 1; i < G_N_ELEMENTS(fds); i++) {
		say(fds[i], "{\"command\":\"keep\"}\n");
	}
	turn();
	assert_int_equal(n_kept, DESK_CLIENTS);
	more = dial();
	expect_part(more, "busy");
	assert_null(hear(more));
	close(more);
	assert_int_equal(desk_counters(desk)->busy, 1);
	for (size_t i = 0; i < n_kept; i++) {
		request_answer(kept[i], NULL);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(fds); i++) {
		expect(fds[i], "{\"return\":{}}");
		close(fds[i]);
	}
	turn();
	assert_int_equal(desk_counters(desk)->clients, 0);
	desk_destroy(desk);
}

/* Listeners can't keep all places. */
static void test_listeners(void **state)
{
	struct desk *desk = make_desk();
	int fds[DESK_CLIENTS], more[DESK_CLIENTS];

	for (size_t i = 0; i < G_N_ELEMENTS(fds); i++) {
		fds[i] = greeted();
		say(fds[i], "{\"command\":\"listen\"}\n");
		expect(fds[i], "{\"return\":{}}");
	}
	for (size_t i = 0; i < G_N_ELEMENTS(more); i++) {
		more[i] = dial();
		if (i < DESK_CLIENTS - DESK_LISTENERS) {
			expect_part(more[i], "\"name\":\"test\"");
			say(more[i], "{\"command\":\"keep\"}\n");
			turn();
			assert_null(hear(fds[i]));
			assert_int_equal(n_kept, i + 1);
		} else {
			expect_part(more[i], "busy");
		}
	}
	desk_tell(desk, "thing", NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(fds); i++) {
		if (i >= DESK_CLIENTS - DESK_LISTENERS) {
			expect_part(fds[i], "\"event\":\"thing\"");
		}
		close(fds[i]);
		close(more[i]);
	}
	turn();
	assert_int_equal(desk_counters(desk)->clients, 0);
	desk_destroy(desk);
	for (size_t i = 0; i < n_kept; i++) {
		request_answer(kept[i], NULL);
	}
}

static void test_long(void **state)
{
	struct desk *desk = make_desk();
	GString *line = g_string_new("{\"command\":\"echo\",\"arguments\":{\"text\":\"");
	int fd = greeted();
	char *answer;
	size_t sent = 0;

	while (line->len < DESK_LINE_MAX - 3) {
		g_string_append_c(line, 'x');
	}
	g_string_append(line, "\"}}\n");
	assert_int_equal(line->len, DESK_LINE_MAX + 1);
	for (int more = 0; more < 2; more++) {
		sent = 0;
		while (sent < line->len) {
			ssize_t n = send(fd, line->str + sent, line->len - sent,
				MSG_NOSIGNAL | MSG_DONTWAIT);

			if (n < 0 && errno != EAGAIN) {
				break;
			}
			sent += n > 0 ? (size_t)n : 0;
			turn();
		}
		answer = hear(fd);
		assert_non_null(answer);
		if (more == 0) {
			assert_int_equal(strncmp(answer, "{\"return\":{\"text\":\"xxx", 21), 0);
		} else {
			assert_non_null(strstr(answer, "longer than 65536"));
		}
		g_free(answer);
		/* One byte too many. */
		g_string_insert_c(line, 0, ' ');
	}
	assert_null(hear(fd));
	close(fd);
	assert_int_equal(desk_counters(desk)->long_lines, 1);
	g_string_free(line, TRUE);
	desk_destroy(desk);
}

static int make_directory(void **state)
{
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	/* Each desk has taken its socket away. */
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_line_text),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_later),
		cmocka_unit_test(test_deaf),
		cmocka_unit_test(test_crowd),
		cmocka_unit_test(test_listeners),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
