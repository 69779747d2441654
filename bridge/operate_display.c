/* SPDX-License-Identifier: MIT */
/* The verbs that change or show what the guest's display does: display and screenshot. */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/edid.h"
#include "bridge/edid_file.h"
#include "bridge/log.h"
#include "bridge/members.h"
#include "bridge/operate.h"
#include "bridge/options.h"
#include "bridge/options_table.h"
#include "bridge/png_file.h"
#include "bridge/printable.h"
#include "bridge/tools.h"
#include "bridge/verbs.h"

#define MAX_SIDE 16384 /* pixels: planes have no larger one */
#define TRIES 5 /* to fetch a picture */

/* display */

static void print_monitor(JsonObject *object)
{
	int64_t width = member_int(object, "width", 0), height = member_int(object, "height", 0);
	const char *mode = member_string(object, "mode");
	const char *monitor = member_string(object, "name");
	const char *notice = member_string(object, "notice");
	const char *word = !mode        ? ""
		: !strcmp(mode, "auto") ? "follows viewers' windows"
		: !strcmp(mode, "edid") ? "fixed by its EDID"
					: "fixed";

	printf("monitor: %s", member_bool(object, "plugged", true) ? "plugged" : "unplugged");
	if (width) {
		printf(", %" PRId64 "x%" PRId64, width, height);
	}
	if (monitor) {
		printf(" (");
		operate_print(monitor);
		putchar(')');
	}
	printf(", %s\n", word);
	fflush(stdout);
	if (notice) {
		log_info("%s", notice);
	}
}

static int change_display(const struct tool_call *call, const char *command, JsonObject *arguments)
{
	JsonNode *answer = operate_ask(call, command, arguments, NULL, NULL, 0);

	if (!answer) {
		return EXIT_FAILED;
	}
	if (JSON_NODE_HOLDS_OBJECT(answer)) {
		print_monitor(json_node_get_object(answer));
	}
	json_node_unref(answer);
	return EXIT_OK;
}

static int resize(const struct tool_call *call, const char *value)
{
	JsonObject *arguments = json_object_new();
	struct options size = {.size = {.width = 0}};
	char why[256];

	if (!strcmp(value, "auto")) {
		json_object_set_boolean_member(arguments, "auto", TRUE);
		return change_display(call, "display-resize", arguments);
	}
	if (set_mode(&size, value, why, sizeof(why)) < 0) {
		log_error("display resize: %s, or auto", why);
		json_object_unref(arguments);
		return EXIT_USAGE;
	}
	json_object_set_int_member(arguments, "width", size.size.width);
	json_object_set_int_member(arguments, "height", size.size.height);
	return change_display(call, "display-resize", arguments);
}

/* All of a file that may be one; "-" is standard input. Its size, or -errno. */
static ssize_t read_file(const char *path, char *data, size_t room)
{
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
	size_t size = 0;
	ssize_t n = 0;

	if (fd < 0) {
		return -errno;
	}
	while (size < room && (n = read(fd, data + size, room - size)) != 0) {
		if (n < 0 && errno != EINTR) {
			break;
		}
		size += n > 0 ? (size_t)n : 0;
	}
	n = n < 0 ? -errno : (ssize_t)size;
	if (fd != STDIN_FILENO) {
		close(fd);
	}
	return n;
}

static int set_edid(const struct tool_call *call, const char *path)
{
	char digits[2 * EDID_MAX + 1] = "", notice[256], why[256];
	/* One more than may be: then it is too long. */
	char *data = g_malloc(EDID_FILE_MAX + 1);
	ssize_t size = read_file(path, data, EDID_FILE_MAX + 1);
	struct edid_facts facts;
	struct edid_blob edid;
	JsonObject *arguments;
	int rc = 0;

	if (size >= 0) {
		rc = edid_file_parse(
			data, (size_t)size, &edid, notice, sizeof(notice), why, sizeof(why));
	}
	g_free(data);
	if (!strcmp(path, "-")) {
		path = "standard input";
	}
	if (size < 0) {
		log_error("%s can't be read: %s", path, strerror((int)-size));
		return EXIT_FAILED;
	}
	if (rc < 0) {
		log_error("%s: %s", path, why);
		return EXIT_FAILED;
	}
	edid_read_facts(&edid, &facts);
	log_info("%s: %s, %" PRIu32 "x%" PRIu32 "%s%s", path, facts.name, facts.width, facts.height,
		notice[0] ? "; " : "", notice);
	for (size_t i = 0; i < edid.size; i++) {
		snprintf(digits + 2 * i, 3, "%02x", edid.bytes[i]);
	}
	arguments = json_object_new();
	json_object_set_string_member(arguments, "edid", digits);
	return change_display(call, "display-set-edid", arguments);
}

/* How many words each takes. */
static const struct {
	const char *word;
	size_t arguments;
	const char *missing;
} words[] = {
	{"resize", 2, "a size such as 1920x1080, or auto"},
	{"set-edid", 2, "the file with the EDID"},
	{"plug", 1, NULL},
	{"unplug", 1, NULL},
	{"switch", 2, "a source's name, next, or host"},
};

int display_tool(const struct tool_call *call)
{
	const char *word = call->arguments[0];

	for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
		if (strcmp(words[i].word, word) != 0) {
			continue;
		}
		if (call->n_arguments < words[i].arguments) {
			log_error("display %s needs %s", word, words[i].missing);
			return EXIT_USAGE;
		}
		if (call->n_arguments > words[i].arguments) {
			log_error("display %s takes no '%s'", word, call->arguments[1]);
			return EXIT_USAGE;
		}
	}
	if (!strcmp(word, "resize")) {
		return resize(call, call->arguments[1]);
	}
	if (!strcmp(word, "set-edid")) {
		return set_edid(call, call->arguments[1]);
	}
	if (!strcmp(word, "plug")) {
		return change_display(call, "display-plug", NULL);
	}
	if (!strcmp(word, "unplug")) {
		return change_display(call, "display-unplug", NULL);
	}
	if (!strcmp(word, "switch")) {
		return display_switch(call);
	}
	log_error("display: '%s' is not one of resize, set-edid, plug, unplug, switch", word);
	return EXIT_USAGE;
}

/* screenshot */

/*
 * Reads it whole and gives the memory back, which the bridge would else keep for a while. NULL: it is not
 * what the answer says, for the bridge has taken it back, or is none.
 */
static uint32_t *fetch(int fd, uint32_t width, uint32_t height)
{
	size_t size = (size_t)width * height * sizeof(uint32_t), done = 0;
	uint32_t *pixels = malloc(size);

	while (pixels && done < size) {
		ssize_t n = pread(fd, (char *)pixels + done, size - done, (off_t)done);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			free(pixels);
			return NULL;
		}
		done += (size_t)n;
	}
	if (ftruncate(fd, 0) < 0) {
		log_debug("the bridge keeps the picture: %s", strerror(errno));
	}
	return pixels;
}

/* What it shows, for g_free(). */
static char *state_text(JsonObject *object)
{
	const char *state = member_string(object, "state"), *text = member_string(object, "text");
	char *card;

	if (!g_strcmp0(state, "picture")) {
		return g_strdup("the guest's picture");
	}
	if (!g_strcmp0(state, "paused")) {
		return g_strdup("the guest's last picture, marked: the virtual machine is paused");
	}
	card = g_strdup_printf(
		"a card (%s): %s", state ? state : "unknown", text ? text : "there is no picture");
	printable_make(card);
	return card;
}

/* What a picture without its pointer would leave open. */
static const char *pointer_text(const char *pointer)
{
	if (!g_strcmp0(pointer, "hidden")) {
		return "; the guest shows no pointer";
	}
	if (!g_strcmp0(pointer, "guest")) {
		return "; the guest draws its pointer into the picture itself";
	}
	if (!g_strcmp0(pointer, "left-out")) {
		return "; the pointer could not be drawn";
	}
	return "";
}

/* An exit code; -EAGAIN: the picture was taken back before it was read. */
static int save(const char *path, const char *name, JsonObject *object, int fd, bool cursor)
{
	int64_t width = member_int(object, "width", 0), height = member_int(object, "height", 0);
	struct png_picture picture = {
		.source = name,
		.time = time(NULL),
	};
	char why[512];
	uint32_t *pixels;
	char *state;
	int rc;

	if (fd < 0 || width < 1 || height < 1 || width > MAX_SIDE || height > MAX_SIDE ||
		g_strcmp0(member_string(object, "format"), "xrgb8888") != 0) {
		log_error("the bridge's answer holds no picture that we understand; use the "
			  "program that the bridge was started from");
		return EXIT_FAILED;
	}
	pixels = fetch(fd, (uint32_t)width, (uint32_t)height);
	if (!pixels) {
		return -EAGAIN;
	}
	state = state_text(object);
	picture.title = state;
	picture.pixels = pixels;
	picture.width = (uint32_t)width;
	picture.height = (uint32_t)height;
	rc = png_file_write(path, &picture, why, sizeof(why));
	free(pixels);
	if (rc < 0) {
		log_error("%s", why);
		g_free(state);
		return EXIT_FAILED;
	}
	fprintf(strcmp(path, "-") ? stdout : stderr, "%s: %" PRId64 "x%" PRId64 ", %s%s\n",
		strcmp(path, "-") ? path : "standard output", width, height, state,
		cursor ? pointer_text(member_string(object, "pointer")) : "");
	g_free(state);
	return EXIT_OK;
}

static int shoot(const struct tool_call *call, bool cursor)
{
	JsonObject *arguments = json_object_new();
	int code = EXIT_FAILED, fd = -1;
	char name[256] = "";
	JsonNode *answer;

	json_object_set_boolean_member(arguments, "cursor", cursor);
	answer = operate_ask(call, "screenshot", arguments, &fd, name, sizeof(name));
	if (answer && JSON_NODE_HOLDS_OBJECT(answer)) {
		code = save(call->arguments[0], name, json_node_get_object(answer), fd, cursor);
	} else if (answer) {
		log_error("the bridge's answer holds no picture");
	}
	if (answer) {
		json_node_unref(answer);
	}
	if (fd >= 0) {
		close(fd);
	}
	return code;
}

int screenshot_tool(const struct tool_call *call)
{
	/* On a machine that is busy a picture may be taken back before we had our turn. */
	for (int i = 0; i < TRIES; i++) {
		int code = shoot(call, tool_has(call, "cursor"));

		if (code != -EAGAIN) {
			return code;
		}
	}
	log_error("the picture could not be fetched in time: try again when the host is less busy");
	return EXIT_FAILED;
}
