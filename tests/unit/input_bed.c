/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge/log.h"
#include "tests/unit/input_bed.h"

static char directory[] = "/tmp/test-input-XXXXXX";

static void on_pointer(void *data, enum spice_pointer pointer)
{
	struct input_bed *f = data;

	f->pointer = pointer;
	f->pointer_changes++;
}

static void on_leds(void *data, uint8_t leds)
{
	((struct input_bed *)data)->leds = leds;
}

static void on_sent(void *data)
{
	((struct input_bed *)data)->sent++;
}

static void on_pointed(void *data, uint32_t x, uint32_t y)
{
	struct input_bed *f = data;

	f->pointed++;
	f->x = x;
	f->y = y;
}

static const struct input_ops ops = {on_pointer, on_leds, on_sent, on_pointed};

static void note_event(struct input_bed *f, JsonObject *event)
{
	JsonObject *data = json_object_get_object_member(event, "data");
	const char *type = json_object_get_string_member(event, "type");

	if (!strcmp(type, "key")) {
		JsonObject *key = json_object_get_object_member(data, "key");

		assert_string_equal(json_object_get_string_member(key, "type"), "number");
		g_string_append_printf(f->events, "%s%02x ",
			json_object_get_boolean_member(data, "down") ? "+" : "-",
			(unsigned)json_object_get_int_member(key, "data"));
	} else if (!strcmp(type, "btn")) {
		g_string_append_printf(f->events, "%s%s ",
			json_object_get_boolean_member(data, "down") ? "+" : "-",
			json_object_get_string_member(data, "button"));
	} else {
		g_string_append_printf(f->events, "%s-%s=%d ", type,
			json_object_get_string_member(data, "axis"),
			(int)json_object_get_int_member(data, "value"));
	}
}

static void note_call(struct input_bed *f, JsonObject *command)
{
	JsonObject *arguments = json_object_get_object_member(command, "arguments");
	JsonArray *events = json_object_get_array_member(arguments, "events");

	f->calls++;
	assert_true(json_array_get_length(events) > 0);
	for (guint i = 0; i < json_array_get_length(events); i++) {
		note_event(f, json_array_get_object_element(events, i));
	}
	g_string_append(f->events, "| ");
}

/* QEMU's turn: hears what there is and answers. True if there was anything. */
bool bed_serve(struct input_bed *f)
{
	bool any = false;

	while (f->qemu.fd >= 0 && qemu_hears(&f->qemu)) {
		JsonNode *node = json_from_string(f->qemu.line, NULL);
		JsonObject *command = json_node_get_object(node);
		const char *name = json_object_get_string_member(command, "execute");
		int64_t id = heard_id(&f->qemu);
		char text[128];

		any = true;
		if (!strcmp(name, "query-mice")) {
			f->mice_asked++;
			snprintf(text, sizeof(text),
				"\"return\": [{\"index\": 2, \"current\": true, \"absolute\": %s}, "
				"{\"current\": false, \"absolute\": true}]",
				f->absolute ? "true" : "false");
			qemu_answer(&f->qemu, id, text);
		} else if (!strcmp(name, "query-status")) {
			snprintf(text, sizeof(text), "\"return\": {\"running\": %s}",
				f->stopped ? "false" : "true");
			qemu_answer(&f->qemu, id, text);
		} else if (!strcmp(name, "input-send-event")) {
			note_call(f, command);
			if (f->holds_answers) {
				assert_true(f->n_unanswered < G_N_ELEMENTS(f->unanswered));
				f->unanswered[f->n_unanswered++] = id;
			} else {
				qemu_answer(&f->qemu, id,
					f->refuses ? "\"error\": {\"desc\": \"no handler\"}"
						   : "\"return\": {}");
			}
		} else {
			assert_string_equal(name, "qmp_capabilities");
			qemu_answer(&f->qemu, id, "\"return\": {}");
		}
		json_node_unref(node);
	}
	return any;
}

void bed_answer_held(struct input_bed *f)
{
	for (unsigned i = 0; i < f->n_unanswered; i++) {
		qemu_answer(&f->qemu, f->unanswered[i], "\"return\": {}");
	}
	f->n_unanswered = 0;
}

/* Until nothing happens any more. */
void bed_settle(struct input_bed *f)
{
	for (int quiet = 0; quiet < 5;) {
		bool any = g_main_context_iteration(NULL, FALSE);

		any |= bed_serve(f);
		quiet = any ? 0 : quiet + 1;
		if (!any) {
			g_usleep(200);
		}
	}
}

void bed_expect(struct input_bed *f, const char *events)
{
	bed_settle(f);
	assert_string_equal(f->events->str, events);
	g_string_set_size(f->events, 0);
}

void bed_connect(struct input_bed *f)
{
	RUN_UNTIL(qemu_accept(&f->qemu));
	qemu_say(&f->qemu, GREETING);
	RUN_UNTIL((bed_serve(f), qmp_is_connected(f->qmp)));
	bed_settle(f);
}

int bed_setup(void **state)
{
	struct input_bed *f = g_new0(struct input_bed, 1);
	char why[256];

	f->events = g_string_new(NULL);
	f->absolute = true;
	qemu_init(&f->qemu, directory);
	qemu_listen(&f->qemu);
	f->qmp = qmp_create(f->qemu.name.sun_path, why, sizeof(why));
	assert_non_null(f->qmp);
	f->input = input_create(f->qmp, &ops, f);
	bed_connect(f);
	*state = f;
	return 0;
}

int bed_teardown(void **state)
{
	struct input_bed *f = *state;

	qemu_close(&f->qemu.fd); /* or the last words would wait for it */
	input_destroy(f->input);
	qmp_destroy(f->qmp);
	qemu_finish(&f->qemu);
	g_string_free(f->events, TRUE);
	g_free(f);
	return 0;
}

void bed_type(struct input_bed *f, unsigned seat, const char *hex)
{
	char *end;

	for (unsigned long byte; *hex; hex = end) {
		byte = strtoul(hex, &end, 16);
		input_key(f->input, seat, (uint8_t)byte);
		while (*end == ' ') {
			end++;
		}
	}
}

void bed_point(struct input_bed *f, uint32_t x, uint32_t y)
{
	input_position(f->input, 0, &(struct spice_position){x, y, 1920, 1080});
}

const struct input_counters *bed_counters(struct input_bed *f)
{
	return input_counters(f->input);
}

int bed_begin(void **state)
{
	log_set_level(LOG_LEVEL_ERROR);
	return mkdtemp(directory) ? 0 : -1;
}

int bed_end(void **state)
{
	return rmdir(directory);
}
