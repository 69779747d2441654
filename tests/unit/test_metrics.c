/* SPDX-License-Identifier: MIT */
/* Metrics of bridges that this test makes up; and the counting of rates, by a clock of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "bridge/counters.h"
#include "bridge/metrics.h"
#include "bridge/rate.h"

#define SECOND INT64_C(1000000000)

static void expect(const char *text, const char *lines)
{
	if (!strstr(text, lines)) {
		print_error("this lacks in the text: ");
		fputs(lines, stderr);
		fputs(text, stderr);
		fail();
	}
}

static void test_text(void **state)
{
	JsonNode *one = json_from_string(
		"{\"version\":\"1.0\",\"seconds\":12,\"viewers\":[{},{}],"
		"\"display\":{\"state\":\"paused\"},"
		"\"latency\":{\"give\":{\"count\":2,\"sum_us\":1500000,\"recent_us\":1}},"
		"\"counters\":{\"vgpu\":{\"ioctls\":7},\"spice\":{\"viewers_total\":3},"
		"\"refused\":{\"bad-width\":1,\"stride-short\":2},"
		"\"relays\":{\"usbredir 1\":{\"connected\":1,\"from_guest\":9}},"
		"\"new\":{\"thing\":5}}}",
		NULL);
	/* What should be an object, a number or a string is none. */
	JsonNode *two = json_from_string(
		"{\"version\":[],\"viewers\":1,\"display\":[],\"latency\":{\"give\":3},"
		"\"counters\":{\"vgpu\":3,\"refused\":{\"x\":\"y\"},\"relays\":{\"a\":1}}}",
		NULL);
	const struct metrics_bridge bridges[] = {
		{"a\"b\\c\nd", json_node_get_object(one)},
		{"two", json_node_get_object(two)},
		{"down", NULL},
	};
	char *text = metrics_text(bridges, G_N_ELEMENTS(bridges));

	expect(text,
		"# HELP vgpu_bridge_up 1 where the bridge answers\n# TYPE vgpu_bridge_up gauge\n"
		"vgpu_bridge_up{name=\"a\\\"b\\\\c\\nd\"} 1\nvgpu_bridge_up{name=\"two\"} 1\n"
		"vgpu_bridge_up{name=\"down\"} 0\n#");
	expect(text,
		"# TYPE vgpu_bridge_viewers gauge\n"
		"vgpu_bridge_viewers{name=\"a\\\"b\\\\c\\nd\"} 2\n#");
	expect(text, ",state=\"paused\"} 1\n");
	expect(text, ",state=\"picture\"} 0\n");
	expect(text,
		"# TYPE vgpu_bridge_give_seconds summary\n"
		"vgpu_bridge_give_seconds_sum{name=\"a\\\"b\\\\c\\nd\"} 1.500000\n"
		"vgpu_bridge_give_seconds_count{name=\"a\\\"b\\\\c\\nd\"} 2\n#");
	expect(text,
		"# TYPE vgpu_bridge_vgpu_ioctls_total counter\n"
		"vgpu_bridge_vgpu_ioctls_total{name=\"a\\\"b\\\\c\\nd\"} 7\n#");
	expect(text, "# TYPE vgpu_bridge_spice_viewers_total counter\n");
	expect(text,
		"vgpu_bridge_refused_total{name=\"a\\\"b\\\\c\\nd\",reason=\"bad-width\"} 1\n"
		"vgpu_bridge_refused_total{name=\"a\\\"b\\\\c\\nd\",reason=\"stride-short\"} 2\n#");
	expect(text,
		"vgpu_bridge_relays_from_guest_total{name=\"a\\\"b\\\\c\\nd\","
		"channel=\"usbredir 1\"} 9\n");
	expect(text, "vgpu_bridge_other{name=\"a\\\"b\\\\c\\nd\",counter=\"new.thing\"} 5\n");
	/* No family without samples. */
	assert_null(strstr(text, "vgpu_bridge_send_seconds"));
	assert_null(strstr(text, "vgpu_bridge_size"));
	g_free(text);
	json_node_unref(one);
	json_node_unref(two);
}

/* Each counter is there once, under a name that Prometheus takes, and says what it counts. */
static void test_table(void **state)
{
	for (const struct counter *counter = counters; counter->group; counter++) {
		assert_true(counter->help && strlen(counter->help) > 8);
		assert_null(strchr(counter->help, '\n'));
		assert_ptr_equal(counter_find(counter->group, counter->name), counter);
		for (const char *c = counter->name; *c; c++) {
			assert_true(g_ascii_islower(*c) || *c == '_');
		}
	}
	assert_null(counter_find("vgpu", "nothing"));
	assert_non_null(counter_find("refused", "bad-width"));
}

static void test_rate(void **state)
{
	struct rate rate = {0};
	int64_t now = 1000 * SECOND;

	assert_int_equal(rate_read(&rate, now), 0);
	for (int i = 0; i < 60; i++) {
		rate_count(&rate, now + i * (SECOND / 60));
	}
	/* The second is not over. */
	assert_int_equal(rate_read(&rate, now + SECOND - 1), 0);
	assert_int_equal(rate_read(&rate, now + SECOND), 60);
	assert_int_equal(rate_read(&rate, now + 2 * SECOND), 0);
	rate_count(&rate, now + SECOND);
	rate_count(&rate, now + SECOND + 5);
	assert_int_equal(rate_read(&rate, now + SECOND + 6), 60);
	assert_int_equal(rate_read(&rate, now + 2 * SECOND), 2);
	rate_count(&rate, now + 5 * SECOND);
	assert_int_equal(rate_read(&rate, now + 5 * SECOND), 0);
	assert_int_equal(rate_read(&rate, now + 6 * SECOND), 1);
	for (int i = 0; i < 100000; i++) {
		rate_count(&rate, now + 7 * SECOND);
	}
	assert_int_equal(rate_read(&rate, now + 8 * SECOND), 0xffff);
}

static void test_delay(void **state)
{
	struct delay delay = {0};

	delay_count(&delay, 8000000);
	assert_int_equal(delay.recent_us, 8000);
	delay_count(&delay, -1);
	assert_int_equal(delay.recent_us, 7000);
	assert_int_equal(delay.count, 2);
	assert_int_equal(delay.sum_us, 8000);
	for (int i = 0; i < 100; i++) {
		delay_count(&delay, 1000000);
	}
	assert_in_range(delay.recent_us, 900, 1100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_delay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
