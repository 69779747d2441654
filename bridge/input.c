/* SPDX-License-Identifier: MIT */
#include "bridge/input.h"

#include <glib.h>
#include <spice/enums.h>
#include <string.h>

#include "bridge/batch.h"
#include "bridge/keys.h"
#include "bridge/log.h"
#include "bridge/members.h"
#include "bridge/mice.h"
#include "bridge/qmp.h"

/*
 * Commands on their way. QEMU reads 8 ahead; with more, input would wait in places where it can't be
 * merged or dropped any more.
 */
#define FLIGHT_MAX 8
/* A QEMU that has answered nothing for so long stands still. */
#define STALL_MS 2000
/* At the end: until QEMU has let go of what was held. */
#define LAST_WORDS_MS 200

#define BUTTONS                                                                \
	(SPICE_MOUSE_BUTTON_MASK_LEFT | SPICE_MOUSE_BUTTON_MASK_MIDDLE |       \
		SPICE_MOUSE_BUTTON_MASK_RIGHT | SPICE_MOUSE_BUTTON_MASK_SIDE | \
		SPICE_MOUSE_BUTTON_MASK_EXTRA)
#define BUTTON_BITS 7

struct seat {
	struct keys keys;
	bool held[KEYS_COUNT];
	uint32_t buttons;
};

struct input {
	struct qmp *qmp;
	const struct input_ops *ops;
	void *data;
	struct input_counters counters;
	struct seat seats[INPUT_SEATS];

	struct batch batch;
	GSource *flush;
	unsigned flight; /* commands that QEMU has not answered */
	int64_t sent_us[FLIGHT_MAX]; /* when they were sent, a ring: QEMU answers in order */
	uint64_t answers;
	guint stall; /* the timer, while there are any and more wait; 0: none */
	bool stalled;
	bool running; /* QEMU drops what comes while the guest is stopped, and says it was sent */

	/* What the guest holds, by what was sent, and what it will hold when the batch is. */
	bool told_keys[KEYS_COUNT];
	uint32_t told_buttons, batch_buttons;
	bool dirty; /* the guest may hold what nobody holds any more */
	bool point_due; /* the last place has not been told to ops->pointed */
	uint32_t point_x, point_y;

	struct mice *mice;
	uint8_t leds;
};

/* Sending. */

static void flush_soon(struct input *input)
{
	g_source_set_ready_time(input->flush, 0);
}

static bool is_held(const struct input *input, unsigned number)
{
	for (unsigned i = 0; i < INPUT_SEATS; i++) {
		if (input->seats[i].held[number]) {
			return true;
		}
	}
	return false;
}

static uint32_t held_buttons(const struct input *input)
{
	uint32_t buttons = 0;

	for (unsigned i = 0; i < INPUT_SEATS; i++) {
		buttons |= input->seats[i].buttons;
	}
	return buttons;
}

static bool takes_input(const struct input *input)
{
	return qmp_is_connected(input->qmp) && input->running && !input->stalled;
}

static void drop_batch(struct input *input)
{
	input->counters.dropped += input->batch.count;
	input->batch.count = 0;
	input->batch_buttons = input->told_buttons;
	input->point_due = false;
	input->dirty = true;
}

static gboolean on_stall(gpointer data)
{
	struct input *input = data;

	input->stall = 0;
	input->stalled = true;
	input->counters.stalls++;
	log_info("input: QEMU has not answered for %d ms; what viewers do is dropped until it does",
		STALL_MS);
	drop_batch(input);
	return G_SOURCE_REMOVE;
}

/* Armed while something is on its way, and again by each answer. */
static void watch_for_stall(struct input *input)
{
	if (input->stall) {
		g_source_remove(input->stall);
		input->stall = 0;
	}
	if (input->flight && !input->stalled) {
		input->stall = g_timeout_add(STALL_MS, on_stall, input);
	}
}

static void on_answer(void *data, JsonNode *answer, const char *why)
{
	struct input *input = data;

	input->flight--;
	if (answer) {
		int64_t sent = input->sent_us[input->answers % FLIGHT_MAX];

		delay_count(&input->counters.answer, (g_get_monotonic_time() - sent) * 1000);
	}
	input->answers++;
	if (!answer && qmp_is_connected(input->qmp)) {
		input->counters.refused++;
		log_debug("input: QEMU refused: %s", why);
		/* No device for it: the guest has another kind of pointer by now. */
		mice_suspect(input->mice);
	}
	if (input->stalled && qmp_is_connected(input->qmp)) {
		input->stalled = false;
		log_info("input: QEMU answers again");
	}
	watch_for_stall(input);
	if (input->batch.count || input->dirty) {
		flush_soon(input);
	}
}

/* The guest's state after these events. */
static void note_sent(struct input *input, const struct batch_event *events, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct batch_event *e = &events[i];

		switch (e->kind) {
		case BATCH_KEY:
			input->counters.keys++;
			/*
			 * QMP tells nothing of the guest's lock keys. They are taken to be off at
			 * first, and to change with each press that is sent; so a viewer that
			 * compares them with its own presses those that differ once, and not again
			 * and again.
			 */
			if (e->down && !input->told_keys[e->code]) {
				input->leds ^= keys_led((uint8_t)e->code);
			}
			input->told_keys[e->code] = e->down;
			break;
		case BATCH_BUTTON:
			input->counters.buttons++;
			if (e->down) {
				input->told_buttons |= 1u << e->code;
			} else {
				input->told_buttons &= ~(1u << e->code);
			}
			break;
		case BATCH_WHEEL:
			input->counters.wheel++;
			break;
		case BATCH_MOTION:
		case BATCH_POSITION:
			input->counters.moves++;
			break;
		}
	}
}

static bool send_call(struct input *input, const struct batch_event *events, size_t count)
{
	if (input->flight >= FLIGHT_MAX ||
		qmp_command(input->qmp, "input-send-event", batch_arguments(events, count), -1,
			on_answer, input) < 0) {
		return false;
	}
	input->sent_us[(input->answers + input->flight) % FLIGHT_MAX] = g_get_monotonic_time();
	input->flight++;
	if (input->flight == 1) {
		watch_for_stall(input);
	}
	input->counters.calls++;
	note_sent(input, events, count);
	return true;
}

/* Lets go of what the guest holds and nobody else does. False: QEMU takes no more now. */
static bool mend(struct input *input)
{
	struct batch_event event = {.down = false};
	uint32_t buttons = input->told_buttons & ~held_buttons(input);

	event.kind = BATCH_KEY;
	for (event.code = 0; event.code < KEYS_COUNT; event.code++) {
		if (input->told_keys[event.code] && !is_held(input, (unsigned)event.code)) {
			if (!send_call(input, &event, 1)) {
				return false;
			}
			input->counters.released++;
		}
	}
	event.kind = BATCH_BUTTON;
	for (event.code = 0; event.code < BUTTON_BITS; event.code++) {
		if (buttons & 1u << event.code) {
			if (!send_call(input, &event, 1)) {
				return false;
			}
			input->batch_buttons &= ~(1u << event.code);
			input->counters.released++;
		}
	}
	input->dirty = false;
	return true;
}

static void send_batch(struct input *input)
{
	struct batch *batch = &input->batch;
	size_t done = 0, count;

	while ((count = batch_call(batch, done)) > 0 &&
		send_call(input, batch->events + done, count)) {
		done += count;
	}
	batch->count -= done;
	memmove(batch->events, batch->events + done, batch->count * sizeof(batch->events[0]));
}

struct flush {
	GSource source;
	struct input *input;
};

static gboolean on_flush(GSource *source, GSourceFunc callback, gpointer data)
{
	struct input *input = ((struct flush *)source)->input;
	uint64_t calls = input->counters.calls;
	uint8_t leds = input->leds;

	g_source_set_ready_time(source, -1);
	if (!takes_input(input)) {
		drop_batch(input);
		return G_SOURCE_CONTINUE;
	}
	if (!input->dirty || mend(input)) {
		send_batch(input);
	}
	if (input->counters.calls != calls) {
		input->ops->sent(input->data);
	}
	if (input->point_due && !input->batch.count) {
		input->point_due = false;
		input->ops->pointed(input->data, input->point_x, input->point_y);
	}
	if (input->leds != leds) {
		input->ops->leds(input->data, input->leds);
	}
	return G_SOURCE_CONTINUE;
}

static GSourceFuncs flush_funcs = {.dispatch = on_flush};

/* False: dropped. */
static bool add(struct input *input, const struct batch_event *event)
{
	if (!takes_input(input) || !batch_add(&input->batch, event)) {
		input->counters.dropped++;
		input->dirty = true;
		return false;
	}
	flush_soon(input);
	return true;
}

/* What viewers do. */

static void press(struct input *input, struct seat *seat, uint8_t number)
{
	/* Again and again while it is held: guests that don't repeat by themselves want that. */
	if (add(input, &(struct batch_event){.kind = BATCH_KEY, .down = true, .code = number})) {
		seat->held[number] = true;
	}
}

static void let_go(struct input *input, struct seat *seat, uint8_t number)
{
	if (!seat->held[number]) {
		return;
	}
	seat->held[number] = false;
	/* Another viewer may hold it too. */
	if (!is_held(input, number)) {
		add(input, &(struct batch_event){.kind = BATCH_KEY, .code = number});
	}
}

void input_key(struct input *input, unsigned seat_index, uint8_t byte)
{
	struct seat *seat = &input->seats[seat_index];
	uint8_t number;
	bool down;

	if (!keys_feed(&seat->keys, byte, &number, &down)) {
		return;
	}
	if (down) {
		press(input, seat, number);
		return;
	}
	/* Some Korean keyboards tell of these two only that they were let go. */
	if ((number == KEYS_LANG1 || number == KEYS_LANG2) && !seat->held[number]) {
		press(input, seat, number);
	}
	let_go(input, seat, number);
}

static void set_buttons(struct input *input, struct seat *seat, uint32_t buttons)
{
	uint32_t held, changed;

	seat->buttons = buttons & BUTTONS;
	held = held_buttons(input);
	changed = held ^ input->batch_buttons;
	for (int bit = 0; bit < BUTTON_BITS; bit++) {
		uint32_t mask = 1u << bit;
		struct batch_event event = {
			.kind = BATCH_BUTTON, .down = (held & mask) != 0, .code = bit};

		if ((changed & mask) && add(input, &event)) {
			input->batch_buttons ^= mask;
		}
	}
}

void input_position(struct input *input, unsigned seat, const struct spice_position *position)
{
	struct batch_event event = {
		.kind = BATCH_POSITION,
		.x = batch_axis(position->x, position->width),
		.y = batch_axis(position->y, position->height),
	};

	if (add(input, &event)) {
		input->point_due = true;
		input->point_x = position->x;
		input->point_y = position->y;
	}
}

void input_motion(struct input *input, unsigned seat, int dx, int dy)
{
	struct batch_event event = {
		.kind = BATCH_MOTION,
		.x = CLAMP(dx, INT16_MIN, INT16_MAX),
		.y = CLAMP(dy, INT16_MIN, INT16_MAX),
	};

	if (dx || dy) {
		add(input, &event);
	}
}

void input_wheel(struct input *input, unsigned seat, int steps, uint32_t buttons)
{
	set_buttons(input, &input->seats[seat], buttons);
	if (steps) {
		add(input,
			&(struct batch_event){
				.kind = BATCH_WHEEL, .code = CLAMP(steps, INT8_MIN, INT8_MAX)});
	}
}

void input_buttons(struct input *input, unsigned seat, uint32_t buttons)
{
	set_buttons(input, &input->seats[seat], buttons);
}

void input_end(struct input *input, unsigned seat_index)
{
	struct seat *seat = &input->seats[seat_index];

	for (unsigned number = 0; number < KEYS_COUNT; number++) {
		input->counters.released += seat->held[number];
		let_go(input, seat, (uint8_t)number);
	}
	for (uint32_t left = seat->buttons; left; left &= left - 1) {
		input->counters.released++;
	}
	set_buttons(input, seat, 0);
	seat->keys = (struct keys){0};
}

void input_viewers(struct input *input, unsigned count)
{
	mice_viewers(input->mice, count);
}

/* What QEMU does. */

static void on_pointer(void *data, enum spice_pointer pointer)
{
	struct input *input = data;

	input->counters.pointer_changes++;
	input->ops->pointer(input->data, pointer);
}

static void set_leds(struct input *input, uint8_t leds)
{
	if (input->leds != leds) {
		input->leds = leds;
		input->ops->leds(input->data, leds);
	}
}

/* While the guest stands, nothing reaches it; what is let go of meanwhile it hears when it runs. */
static void set_running(struct input *input, bool running)
{
	if (input->running && !running) {
		drop_batch(input);
	}
	input->running = running;
	if (running) {
		input->dirty = true;
		flush_soon(input);
	}
}

/* By query-status. A suspended guest is not running, but a key may wake it. */
static bool is_stopped(JsonObject *status)
{
	const char *name = member_string(status, "status");

	return !member_bool(status, "running", true) && (!name || strcmp(name, "suspended") != 0);
}

static void on_status(void *data, JsonNode *answer, const char *why)
{
	struct input *input = data;

	if (answer && JSON_NODE_HOLDS_OBJECT(answer)) {
		set_running(input, !is_stopped(json_node_get_object(answer)));
	}
}

static void on_connected(void *data, bool connected)
{
	struct input *input = data;

	if (connected) {
		/* Let go of what was held before, should it be the same QEMU still. */
		input->running = true;
		input->dirty = true;
		qmp_command(input->qmp, "query-status", NULL, -1, on_status, input);
		flush_soon(input);
		return;
	}
	/* Nobody knows what has arrived. What viewers hold they have to press again. */
	for (unsigned i = 0; i < INPUT_SEATS; i++) {
		memset(input->seats[i].held, 0, sizeof(input->seats[i].held));
		input->seats[i].buttons = 0;
	}
	drop_batch(input);
	input->stalled = false;
	watch_for_stall(input);
}

static void on_event(void *data, const char *name, JsonObject *object)
{
	struct input *input = data;

	if (!strcmp(name, "STOP")) {
		set_running(input, false);
	} else if (!strcmp(name, "RESUME")) {
		set_running(input, true);
	} else if (!strcmp(name, "RESET")) {
		/* A machine begins with its lock keys off, and with its firmware's drivers. */
		set_leds(input, 0);
		mice_expect_change(input->mice);
	} else if (!strcmp(name, "SHUTDOWN")) {
		set_leds(input, 0);
		mice_hold_off(input->mice);
	} else if (!strcmp(name, "DEVICE_DELETED")) {
		mice_expect_change(input->mice);
	}
}

static const struct qmp_events qmp_events = {
	.connected = on_connected,
	.event = on_event,
};

/* Life. */

struct input *input_create(struct qmp *qmp, const struct input_ops *ops, void *data)
{
	struct input *input = g_new0(struct input, 1);

	input->qmp = qmp;
	input->ops = ops;
	input->data = data;
	input->flush = g_source_new(&flush_funcs, sizeof(struct flush));
	((struct flush *)input->flush)->input = input;
	g_source_attach(input->flush, NULL);
	qmp_add_events(qmp, &qmp_events, input);
	input->mice = mice_create(qmp, on_pointer, input);
	return input;
}

void input_destroy(struct input *input)
{
	uint64_t sent;

	if (!input) {
		return;
	}
	sent = qmp_counters(input->qmp)->commands;
	for (unsigned i = 0; i < INPUT_SEATS; i++) {
		input_end(input, i);
	}
	if (takes_input(input) && (!input->dirty || mend(input))) {
		send_batch(input);
	}
	if (qmp_counters(input->qmp)->commands != sent) {
		qmp_settle(input->qmp, LAST_WORDS_MS);
	}
	if (input->stall) {
		g_source_remove(input->stall);
	}
	mice_destroy(input->mice);
	g_source_destroy(input->flush);
	g_source_unref(input->flush);
	g_free(input);
}

const struct input_counters *input_counters(struct input *input)
{
	input->counters.merged = input->batch.merged;
	input->counters.pointer = mice_pointer(input->mice);
	return &input->counters;
}
