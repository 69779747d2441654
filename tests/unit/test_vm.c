/* SPDX-License-Identifier: MIT */
/* Which process is the virtual machine of a name, in a made-up /proc and with libvirt's file. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bridge/vm.h"
#include "tests/unit/tree.h"

static struct tree tree;
static char why[512];

static int setup(void **state)
{
	tree_create(&tree);
	tree_directory(&tree, "/proc/self");
	tree_file(&tree, "/proc/cmdline", "x");
	return 0;
}

static int teardown(void **state)
{
	tree_remove(&tree);
	return 0;
}

/* words: separated by blanks. */
static void give_process(int pid, const char *words)
{
	char path[PATH_MAX];
	char text[1024];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	tree_file(&tree, path, "");
	snprintf(path, sizeof(path), "%s/proc/%d/cmdline", tree.root, pid);
	snprintf(text, sizeof(text), "%s", words);
	for (char *c = text; *c; c++) {
		if (*c == ' ') {
			*c = '\0';
		}
	}
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(write(fd, text, strlen(words) + 1), (ssize_t)strlen(words) + 1);
	close(fd);
}

static void expect_vm(const char *name, int pid)
{
	pid_t found = 0;

	assert_int_equal(vm_find(tree.root, name, &found, why, sizeof(why)), 0);
	assert_int_equal(found, pid);
}

static void expect_error(const char *name, int error, const char *word)
{
	pid_t found;

	assert_int_equal(vm_find(tree.root, name, &found, why, sizeof(why)), -error);
	print_message("%s\n", why);
	assert_non_null(strstr(why, word));
	assert_non_null(strstr(why, name));
}

static void test_names(void **state)
{
	assert_true(vm_name_matches("win10", "win10"));
	assert_true(vm_name_matches("guest=win10", "win10"));
	assert_true(vm_name_matches("guest=win10,debug-threads=on", "win10"));
	assert_true(vm_name_matches("debug-threads=on,guest=win10", "win10"));
	assert_true(vm_name_matches("win10,process=x", "win10"));
	assert_true(vm_name_matches("guest=a,,b,debug-threads=on", "a,b"));
	assert_true(vm_name_matches("a,,", "a,"));
	assert_false(vm_name_matches("guest=win10", "win1"));
	assert_false(vm_name_matches("guest=win1", "win10"));
	assert_false(vm_name_matches("process=win10", "win10"));
	assert_false(vm_name_matches("guest=a,win10", "win10"));
	assert_false(vm_name_matches("guest=a,,win10", "win10"));
	assert_false(vm_name_matches("process=a,,guest=b", "b"));
	assert_false(vm_name_matches("", "win10"));
	assert_false(vm_name_matches("guest=", "win10"));
}

static void test_by_command_line(void **state)
{
	give_process(10, "/usr/bin/qemu-system-x86_64 -name guest=one,debug-threads=on -S");
	give_process(11, "qemu-kvm --name two");
	give_process(12, "/usr/bin/vim -name guest=three");
	give_process(13, "qemu-img -name three");
	give_process(14, "qemu-system-x86_64 -drive guest=three -name");
	give_process(15, "qemu-system-x86_64 -name three -name guest=four");
	expect_vm("one", 10);
	expect_vm("two", 11);
	expect_vm("four", 15);
	expect_error("three", ESRCH, "running");
	assert_true(vm_is(tree.root, 10, "one"));
	assert_false(vm_is(tree.root, 10, "two"));
	assert_false(vm_is(tree.root, 99, "one"));
	give_process(16, "qemu-system-aarch64 -name one");
	expect_error("one", ENOTUNIQ, "--qemu-pid");
}

/* libvirt's file is believed only where the process is what it says; it settles doubts. */
static void test_by_file(void **state)
{
	give_process(20, "qemu-system-x86_64 -name guest=one");
	give_process(21, "qemu-system-x86_64 -name guest=one");
	give_process(22, "sleep 1000");
	expect_error("one", ENOTUNIQ, "several");
	tree_file(&tree, "/run/libvirt/qemu/one.pid", "21\n");
	expect_vm("one", 21);
	tree_file(&tree, "/run/libvirt/qemu/one.pid", "22\n");
	expect_error("one", ENOTUNIQ, "several");
	tree_file(&tree, "/run/libvirt/qemu/two.pid", "22\n");
	expect_error("two", ESRCH, "running");
	tree_file(&tree, "/run/libvirt/qemu/three.pid", "x\n");
	expect_error("three", ESRCH, "virsh");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_by_command_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_by_file, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
