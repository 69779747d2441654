/* SPDX-License-Identifier: MIT */
/*
 * QEMU's side of a QMP monitor, played by a test: it says and hears what the test tells it to.
 *
 * On the test's one thread, without a wait; whoever waits, runs the main loop with RUN_UNTIL().
 * Failures end the test by cmocka's own means, so this comes after cmocka.h.
 */
#ifndef TESTS_UNIT_FAKE_QMP_H
#define TESTS_UNIT_FAKE_QMP_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/un.h>

#define PATIENCE_US (10 * G_USEC_PER_SEC)
#define GREETING                                                                          \
	"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 2, \"minor\": 2, \"major\": 7}}," \
	" \"capabilities\": [\"oob\"]}}\r\n"

struct fake_qmp {
	struct sockaddr_un name;
	int listening, fd;
	char line[8192];
	size_t have;
	int passed; /* a descriptor that came along, -1 */
};

/* Runs the main loop until condition() holds. */
#define RUN_UNTIL(condition)                                             \
	do {                                                             \
		gint64 end = g_get_monotonic_time() + PATIENCE_US;       \
		while (!(condition)) {                                   \
			if (g_get_monotonic_time() > end) {              \
				fail_msg("not in time: %s", #condition); \
			}                                                \
			if (!g_main_context_iteration(NULL, FALSE)) {    \
				g_usleep(500);                           \
			}                                                \
		}                                                        \
	} while (0)

/* In this directory; not yet listening. */
void qemu_init(struct fake_qmp *qemu, const char *directory);
void qemu_finish(struct fake_qmp *qemu);
void qemu_listen(struct fake_qmp *qemu);
bool qemu_accept(struct fake_qmp *qemu);
void qemu_say(struct fake_qmp *qemu, const char *text);
/* True when a whole line is there; it ends with a 0 then. */
bool qemu_hears(struct fake_qmp *qemu);
/* Of the line. */
int64_t heard_id(struct fake_qmp *qemu);
/* what: the "return" or "error" member. */
void qemu_answer(struct fake_qmp *qemu, int64_t id, const char *what);
void qemu_close(int *fd);

#endif
