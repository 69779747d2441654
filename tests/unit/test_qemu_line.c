/* SPDX-License-Identifier: MIT */
/* QEMU's command line, taken apart; and a domain that does not run, as such a line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/domain_xml.h"
#include "bridge/qemu_line.h"

static void test_sizes(void **state)
{
	assert_int_equal(qemu_size("4G", 20), 4ull << 30);
	assert_int_equal(qemu_size("4096M", 20), 4ull << 30);
	assert_int_equal(qemu_size("4194304k", 20), 4ull << 30);
	assert_int_equal(qemu_size("2048", 20), 2ull << 30);
	assert_int_equal(qemu_size("1.5G", 20), 3ull << 29);
	assert_int_equal(qemu_size("", 20), 0);
	assert_int_equal(qemu_size("-1G", 20), 0);
	assert_int_equal(qemu_size("4GB", 20), 0);
	assert_int_equal(qemu_size("99999999E", 20), 0);
	assert_int_equal(qemu_size("nan", 20), 0);
}

static void test_line(void **state)
{
	const char *const words[] = {"-m", "1G", "--name", "guest=a,,b,debug-threads=on", "-device",
		"vfio-pci,id=g,display=off", "-device",
		"{\"driver\":\"vfio-pci\",\"id\":\"j\",\"ramfb\":true,\"rombar\":0,\"x\":{}}",
		"-set", "device.g.display=on", "-set", "device.j.display=on", "-global",
		"vfio-pci.xres=800", "-m", "slots=2", "-usb", "disk", "-device", "{broken", "-set",
		"x", "-global", NULL};
	GPtrArray *line = qemu_line_parse((char *const *)words);
	const struct qemu_option *device = line->pdata[2];
	const struct qemu_option *json = line->pdata[3];

	assert_int_equal(qemu_line_memory(line), 1ull << 30);
	assert_string_equal(qemu_option_value(qemu_line_last(line, "name"), "guest"), "a,b");
	assert_string_equal(qemu_option_value(device, "driver"), "vfio-pci");
	assert_string_equal(qemu_option_value(device, "display"), "on");
	assert_string_equal(qemu_option_value(device, "xres"), "800");
	assert_true(json->json);
	assert_true(qemu_option_is_on(json, "ramfb"));
	assert_string_equal(qemu_option_value(json, "rombar"), "0");
	/* -set does not reach it. */
	assert_null(qemu_option_value(json, "display"));
	assert_null(qemu_option_value(json, "x"));
	assert_null(qemu_line_last(line, "spice"));
	g_ptr_array_unref(line);
}

static void test_damaged_xml(void **state)
{
	static const char *const texts[] = {"", "x", "<a/>", "<domain/>", "<domain><name>a</name>",
		"<domain><name/><devices><graphics><gl rendernode='/x'/></graphics></devices>"};

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		struct domain_xml domain;
		char why[256] = "";

		assert_true(domain_xml_parse(&domain, texts[i], why, sizeof(why)) < 0);
		assert_true(why[0]);
		domain_xml_finish(&domain);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_damaged_xml),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
