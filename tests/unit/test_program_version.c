/* SPDX-License-Identifier: MIT */
/* Versions as programs and people write them, and programs that say something else, or too much. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "bridge/program_version.h"

static void numbers(void **state)
{
	static const struct {
		const char *text;
		unsigned major, minor;
	} good[] = {
		{"7.2", 7, 2},
		{"10.1.0", 10, 1},
		{"9.0.0-rc1", 9, 0},
		{"8.2 (Debian 1:8.2)", 8, 2},
		{"11.0\n", 11, 0},
	};
	static const char *const bad[] = {
		"", "7", "7.", ".2", "v7.2", "7.2x", "-1.2", "7,2", " 7.2"};
	struct program_version version;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(program_version_parse(good[i].text, &version), 0);
		assert_true(version.known);
		assert_int_equal(version.major, good[i].major);
		assert_int_equal(version.minor, good[i].minor);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(program_version_parse(bad[i], &version), -EINVAL);
		assert_false(version.known);
	}
}

static void comparison(void **state)
{
	struct program_version version = {10, 1, true};

	assert_true(program_version_is(&version, 10, 1));
	assert_true(program_version_is(&version, 9, 9));
	assert_false(program_version_is(&version, 10, 2));
	assert_false(program_version_is(&version, 11, 0));
	version.known = false;
	assert_false(program_version_is(&version, 1, 0));
}

/* A program in a file of its own; the caller removes it. */
static void write_program(char path[64], const char *script)
{
	FILE *file;
	int fd;

	snprintf(path, 64, "/tmp/version-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	file = fdopen(fd, "w");
	assert_non_null(file);
	fprintf(file, "#!/bin/sh\n%s\n", script);
	fclose(file);
	assert_int_equal(chmod(path, 0700), 0);
}

static void answers(void **state)
{
	static const struct {
		const char *script;
		unsigned major, minor; /* 0: it tells none */
	} cases[] = {
		{"echo \"QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)\"; echo Copyright 1.5",
			7, 2},
		{"echo 9.0.0", 9, 0},
		{"echo libvirtd \\(libvirt\\) 11.3.0", 11, 3},
		{"[ \"$1\" = --version ] && echo 4.5", 4, 5},
		{"exit 1", 0, 0},
		{"echo version unknown", 0, 0},
		{"echo 7.2 >&2", 0, 0},
		{"yes", 0, 0},
		{"echo 6.1; sleep 0.2; exec yes", 6, 1},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct program_version version;
		char path[64];
		const char *programs[] = {"/nonexistent/program", path, NULL};
		int rc;

		write_program(path, cases[i].script);
		rc = program_version_ask(programs, &version);
		unlink(path);
		assert_int_equal(rc, cases[i].major ? 0 : -ENOENT);
		assert_int_equal(version.known, cases[i].major != 0);
		assert_int_equal(version.major, cases[i].major);
		assert_int_equal(version.minor, cases[i].minor);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(comparison),
		cmocka_unit_test(answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
