/* SPDX-License-Identifier: MIT */
#include "bridge/edid_file.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BLOCK 128 /* bytes */
#define COUNT_OF_EXTENSIONS 126 /* where the first block has it */
#define SUM 127
#define MANUFACTURER 8
#define PRODUCT 10
#define DESCRIPTORS 54
#define DESCRIPTOR_SIZE 18
#define DESCRIPTORS_END 126
#define TAG_NAME 0xfc

static const uint8_t header[] = {0, 255, 255, 255, 255, 255, 255, 0};

static int __attribute__((format(printf, 3, 4)))
refuse(char *why, size_t why_size, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, why_size, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

/* What is missing to a sum of 0, modulo 256. */
static uint8_t missing(const uint8_t *block)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < BLOCK; i++) {
		sum += block[i];
	}
	return (uint8_t)-sum;
}

int edid_check(const void *data, size_t size, char *why, size_t why_size)
{
	const uint8_t *bytes = data;

	if (size == 0 || size % BLOCK != 0) {
		return refuse(why, why_size,
			"%zu bytes are no EDID: it has %d, or a multiple of that", size, BLOCK);
	}
	if (size > EDID_MAX) {
		return refuse(why, why_size, "an EDID of %zu bytes is too long: %d are the most",
			size, EDID_MAX);
	}
	if (memcmp(bytes, header, sizeof(header)) != 0) {
		return refuse(why, why_size,
			"it begins with %02x%02x%02x%02x and not as an EDID does (00ffffffffffff00)",
			bytes[0], bytes[1], bytes[2], bytes[3]);
	}
	for (size_t i = 0; i < size / BLOCK; i++) {
		const uint8_t *block = bytes + i * BLOCK;
		uint8_t error = missing(block);

		if (error) {
			return refuse(why, why_size,
				"the checksum of block %zu is 0x%02x and should be 0x%02x: a byte "
				"of it is wrong",
				i, block[SUM], (uint8_t)(block[SUM] + error));
		}
	}
	if (bytes[COUNT_OF_EXTENSIONS] != size / BLOCK - 1) {
		return refuse(why, why_size,
			"it says that %u blocks follow the first one, and %zu do",
			bytes[COUNT_OF_EXTENSIONS], size / BLOCK - 1);
	}
	return 0;
}

bool edid_cut(struct edid_blob *edid, size_t max_size)
{
	size_t blocks = max_size < BLOCK ? 1 : max_size / BLOCK;

	if (edid->size <= blocks * BLOCK) {
		return false;
	}
	edid->size = blocks * BLOCK;
	edid->bytes[COUNT_OF_EXTENSIONS] = (uint8_t)(blocks - 1);
	edid->bytes[SUM] += missing(edid->bytes);
	return true;
}

/*
 * The number of blocks that follow is often wrong in files: tools of old saved the first block only,
 * and others the whole 256 bytes that they could read. A first block with a good sum is worth mending.
 */
static int accept(
	struct edid_blob *edid, char *notice, size_t notice_size, char *why, size_t why_size)
{
	size_t blocks = edid->size / BLOCK, said;

	if (edid->size < BLOCK || edid->size % BLOCK != 0 ||
		memcmp(edid->bytes, header, sizeof(header)) != 0 || missing(edid->bytes)) {
		return edid_check(edid->bytes, edid->size, why, why_size);
	}
	said = (size_t)edid->bytes[COUNT_OF_EXTENSIONS] + 1;
	if (blocks > said) {
		edid->size = said * BLOCK;
		snprintf(notice, notice_size,
			"the EDID has %zu bytes, and %zu more in the file are left out", edid->size,
			(blocks - said) * BLOCK);
	} else if (blocks < said) {
		edid->bytes[COUNT_OF_EXTENSIONS] = (uint8_t)(blocks - 1);
		edid->bytes[SUM] += missing(edid->bytes);
		snprintf(notice, notice_size,
			"the EDID says that %zu blocks follow the first one, and the file has %zu: "
			"the number is mended",
			said - 1, blocks - 1);
	}
	return edid_check(edid->bytes, edid->size, why, why_size);
}

/* Text, by lines. */
struct lines {
	const char *at, *end;
	unsigned number; /* of the line that was taken last, 1 is the first */
};

struct line {
	const char *text; /* without spaces around it */
	size_t length;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static bool next_line(struct lines *lines, struct line *line)
{
	const char *begin = lines->at, *end;

	if (begin == lines->end) {
		return false;
	}
	end = memchr(begin, '\n', (size_t)(lines->end - begin));
	lines->at = end ? end + 1 : lines->end;
	end = end ? end : lines->end;
	lines->number++;
	while (begin < end && is_space(*begin)) {
		begin++;
	}
	while (end > begin && is_space(end[-1])) {
		end--;
	}
	*line = (struct line){begin, (size_t)(end - begin)};
	return true;
}

/* The next one that is neither empty nor a comment. */
static bool next_said(struct lines *lines, struct line *line)
{
	while (next_line(lines, line)) {
		if (line->length && line->text[0] != '#') {
			return true;
		}
	}
	return false;
}

static bool is_line(const struct line *line, const char *text)
{
	return line->length == strlen(text) && memcmp(line->text, text, line->length) == 0;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/*
 * Adds a line of pairs of hexadecimal digits, with or without spaces between the pairs. 0; -EINVAL
 * where it is something else, -E2BIG where there is no room.
 */
static int add_digits(struct edid_blob *edid, size_t room, const struct line *line)
{
	for (size_t i = 0; i < line->length;) {
		int high, low;

		if (is_space(line->text[i])) {
			i++;
			continue;
		}
		high = digit(line->text[i]);
		low = i + 1 < line->length ? digit(line->text[i + 1]) : -1;
		if (high < 0 || low < 0) {
			return -EINVAL;
		}
		if (edid->size == room) {
			return -E2BIG;
		}
		edid->bytes[edid->size++] = (uint8_t)(high << 4 | low);
		i += 2;
	}
	return 0;
}

/* A line of a file that is not ours, made safe to be printed. */
static const char *quote(const struct line *line, char *text, size_t size)
{
	size_t n = line->length < size - 1 ? line->length : size - 1;

	for (size_t i = 0; i < n; i++) {
		text[i] = isprint((unsigned char)line->text[i]) ? line->text[i] : '?';
	}
	text[n] = '\0';
	return text;
}

/* "11": mode and number of ports. */
static bool is_config_head(const struct line *line)
{
	return line->length == 2 && isdigit((unsigned char)line->text[0]) &&
		isdigit((unsigned char)line->text[1]);
}

/* A port's EDID, after the line that names the port. */
static int parse_port(
	struct lines *lines, struct edid_blob *edid, unsigned port, char *why, size_t why_size)
{
	struct line line;
	char text[40];

	edid->size = 0;
	while (edid->size < BLOCK) {
		if (!next_said(lines, &line)) {
			return refuse(why, why_size,
				"the EDID of port %u ends after %zu of %d bytes", port, edid->size,
				BLOCK);
		}
		int rc = add_digits(edid, BLOCK, &line);

		if (rc == -E2BIG) {
			return refuse(why, why_size,
				"line %u: the EDID of port %u has more than %d bytes",
				lines->number, port, BLOCK);
		}
		if (rc < 0) {
			return refuse(why, why_size,
				"line %u: '%s' is not pairs of hexadecimal digits", lines->number,
				quote(&line, text, sizeof(text)));
		}
	}
	return 0;
}

static char port_letter(const char *digits)
{
	int port = digit(digits[0]) * 16 + digit(digits[1]);

	return port < 26 ? (char)('A' + port) : '?';
}

/* After the line with mode and number of ports, which is head. */
static int parse_config(struct lines *lines, const struct line *head, struct edid_blob *edid,
	char *notice, size_t notice_size, char *why, size_t why_size)
{
	unsigned ports = (unsigned)(head->text[1] - '0');
	char text[40], what[96] = "";
	struct edid_blob other;
	struct line line;

	if (head->text[0] != '1') {
		return refuse(why, why_size,
			"line %u: mode %c of a monitor.config is the binary one, of which only the "
			"EDID's bytes would be left: give these as a file, or the text mode 1",
			lines->number, head->text[0]);
	}
	if (ports == 0) {
		return refuse(why, why_size,
			"line %u: a monitor.config with 0 ports names no monitor", lines->number);
	}
	for (unsigned i = 0; i < ports; i++) {
		if (!next_said(lines, &line)) {
			return refuse(
				why, why_size, "it should have %u ports, and has %u", ports, i);
		}
		if (line.length != 4 || digit(line.text[0]) < 0 || digit(line.text[1]) < 0 ||
			digit(line.text[2]) < 0 || digit(line.text[3]) < 0) {
			return refuse(why, why_size,
				"line %u: '%s' is not a virtual and a physical port, as 0401",
				lines->number, quote(&line, text, sizeof(text)));
		}
		if (i == 0) {
			snprintf(what, sizeof(what), "port %c for %c", port_letter(line.text),
				port_letter(line.text + 2));
		}
		int rc = parse_port(lines, i == 0 ? edid : &other, i + 1, why, why_size);

		if (rc < 0) {
			return rc;
		}
	}
	if (next_said(lines, &line)) {
		return refuse(why, why_size, "line %u: '%s' follows what should be the last port",
			lines->number, quote(&line, text, sizeof(text)));
	}
	if (ports > 1) {
		snprintf(notice, notice_size,
			"a vGPU has one port: the first of %u is taken (%s) and its number ignored",
			ports, what);
	} else {
		snprintf(notice, notice_size,
			"a vGPU has one port: what the file says of it (%s) is "
			"ignored",
			what);
	}
	return 0;
}

/* What edid-decode and xrandr put before the digits. */
static bool is_title(const struct line *line)
{
	return is_line(line, "edid-decode (hex):") || is_line(line, "EDID:");
}

/* From this line on. */
static int parse_digits(
	struct lines *lines, struct line line, struct edid_blob *edid, char *why, size_t why_size)
{
	bool begun = false;
	char text[40];

	edid->size = 0;
	do {
		int rc;

		if (is_title(&line) && !begun) {
			continue;
		}
		/* edid-decode's own words follow the digits after a line. */
		if (begun && line.length >= 4 && memcmp(line.text, "----", 4) == 0) {
			break;
		}
		rc = add_digits(edid, EDID_MAX, &line);
		if (rc == -E2BIG) {
			return refuse(why, why_size, "line %u: an EDID has %d bytes at most",
				lines->number, EDID_MAX);
		}
		if (rc < 0) {
			return refuse(why, why_size,
				"line %u: '%s' is neither hexadecimal digits nor a monitor.config's, "
				"and the file is no binary EDID",
				lines->number, quote(&line, text, sizeof(text)));
		}
		begun = true;
	} while (next_said(lines, &line));
	return 0;
}

static int parse_text(struct lines *lines, struct edid_blob *edid, char *notice, size_t notice_size,
	char *why, size_t why_size)
{
	struct line line;
	int rc;

	if (!next_said(lines, &line)) {
		return refuse(why, why_size, "it is empty, or holds only comments");
	}
	if (is_config_head(&line)) {
		rc = parse_config(lines, &line, edid, notice, notice_size, why, why_size);
	} else {
		rc = parse_digits(lines, line, edid, why, why_size);
	}
	return rc;
}

int edid_file_parse(const void *data, size_t size, struct edid_blob *edid, char *notice,
	size_t notice_size, char *why, size_t why_size)
{
	static const char mark[] = "\xef\xbb\xbf"; /* that some editors put before text */
	const char *text = data;
	struct lines lines = {text, text + size, 0};
	int rc;

	notice[0] = '\0';
	memset(edid, 0, sizeof(*edid));
	if (size > EDID_FILE_MAX) {
		return refuse(why, why_size, "it is longer than %d bytes, and so not an EDID",
			EDID_FILE_MAX);
	}
	if (size >= sizeof(header) && memcmp(data, header, sizeof(header)) == 0) {
		if (size > EDID_MAX) {
			return edid_check(data, size, why, why_size);
		}
		memcpy(edid->bytes, data, size);
		edid->size = size;
		return accept(edid, notice, notice_size, why, why_size);
	}
	if (size >= 3 && memcmp(text, mark, 3) == 0) {
		lines.at += 3;
	}
	rc = parse_text(&lines, edid, notice, notice_size, why, why_size);
	if (rc < 0) {
		return rc;
	}

	char mended[160] = "";

	rc = accept(edid, mended, sizeof(mended), why, why_size);
	if (rc == 0 && mended[0]) {
		size_t length = strlen(notice);

		snprintf(notice + length, notice_size - length, "%s%s", length ? "; " : "", mended);
	}
	return rc;
}

static void read_name(const struct edid_blob *edid, char *name, size_t size)
{
	const uint8_t *bytes = edid->bytes;
	unsigned vendor = (unsigned)bytes[MANUFACTURER] << 8 | bytes[MANUFACTURER + 1];

	snprintf(name, size, "%c%c%c %04x", '@' + (vendor >> 10 & 31), '@' + (vendor >> 5 & 31),
		'@' + (vendor & 31), bytes[PRODUCT] | bytes[PRODUCT + 1] << 8);
	for (size_t i = DESCRIPTORS; i < DESCRIPTORS_END; i += DESCRIPTOR_SIZE) {
		const uint8_t *descriptor = bytes + i;
		size_t n = 0;

		if (descriptor[0] || descriptor[1] || descriptor[3] != TAG_NAME) {
			continue;
		}
		while (n < 13 && n < size - 1 && descriptor[5 + n] != '\n') {
			name[n] = isprint(descriptor[5 + n]) ? (char)descriptor[5 + n] : '?';
			n++;
		}
		while (n > 0 && name[n - 1] == ' ') {
			n--;
		}
		name[n] = '\0';
		return;
	}
}

void edid_read_facts(const struct edid_blob *edid, struct edid_facts *facts)
{
	const uint8_t *timing = edid->bytes + DESCRIPTORS;

	*facts = (struct edid_facts){.width = 0};
	read_name(edid, facts->name, sizeof(facts->name));
	if (timing[0] || timing[1]) {
		facts->width = timing[2] | (timing[4] & 0xf0u) << 4;
		facts->height = timing[5] | (timing[7] & 0xf0u) << 4;
	}
}
