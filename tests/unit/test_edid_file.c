/* SPDX-License-Identifier: MIT */
/* EDIDs from files: binary, digits, the monitor.config of 2016, and what is none of them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/edid.h"
#include "bridge/edid_file.h"

static const char *sample; /* path of the guide's monitor.config */

struct parsed {
	int rc;
	struct edid_blob edid;
	char notice[256], why[256];
};

static struct parsed parse(const void *data, size_t size)
{
	struct parsed p = {.rc = 1};
	/* With nothing after it that a reader could take by mistake. */
	void *exact = malloc(size ? size : 1);

	assert_non_null(exact);
	memcpy(exact, data, size);
	p.rc = edid_file_parse(
		exact, size, &p.edid, p.notice, sizeof(p.notice), p.why, sizeof(p.why));
	free(exact);
	return p;
}

static struct parsed parse_text(const char *text)
{
	return parse(text, strlen(text));
}

/* An EDID of so many blocks, all good. */
static void make(uint8_t *bytes, size_t blocks)
{
	assert_int_equal(edid_make(bytes, 1280, 720), 0);
	bytes[126] = (uint8_t)(blocks - 1);
	bytes[127] -= (uint8_t)(blocks - 1);
	for (size_t i = 1; i < blocks; i++) {
		memset(bytes + i * 128, 0, 128);
		bytes[i * 128] = 0x02;
		bytes[i * 128 + 127] = 0xfe;
	}
}

/* As edid-decode prints them. */
static void put_digits(char *text, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		text += sprintf(text, "%02x%s", bytes[i], i % 16 == 15 ? "\n" : " ");
		if (i % 128 == 127) {
			text += sprintf(text, "\n");
		}
	}
}

static void assert_refused(const struct parsed *p, const char *reason)
{
	assert_int_equal(p->rc, -EINVAL);
	assert_null(strchr(p->why, '\n'));
	if (!strstr(p->why, reason)) {
		fail_msg("'%s' is not in '%s'", reason, p->why);
	}
}

static void test_sample(void **state)
{
	static char text[4096], crlf[8192];
	FILE *file = fopen(sample, "re");
	struct edid_facts facts;
	size_t size, n = 0;
	struct parsed p;

	assert_non_null(file);
	size = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	p = parse(text, size);
	assert_string_equal(p.why, "");
	assert_int_equal(p.rc, 0);
	assert_int_equal(p.edid.size, 128);
	assert_non_null(strstr(p.notice, "port E for B"));
	edid_read_facts(&p.edid, &facts);
	assert_string_equal(facts.name, "ASUS PA238");
	assert_int_equal(facts.width, 1920);
	assert_int_equal(facts.height, 1080);
	/* From another system. */
	crlf[n++] = (char)0xef;
	crlf[n++] = (char)0xbb;
	crlf[n++] = (char)0xbf;
	for (size_t i = 0; i < size; i++) {
		if (text[i] == '\n') {
			crlf[n++] = '\r';
		}
		crlf[n++] = text[i];
	}

	struct parsed again = parse(crlf, n);

	assert_int_equal(again.rc, 0);
	assert_memory_equal(again.edid.bytes, p.edid.bytes, 128);
}

static void test_binary(void **state)
{
	uint8_t bytes[EDID_MAX + 128];

	for (size_t blocks = 1; blocks <= EDID_MAX / 128; blocks++) {
		make(bytes, blocks);

		struct parsed p = parse(bytes, blocks * 128);

		assert_int_equal(p.rc, 0);
		assert_int_equal(p.edid.size, blocks * 128);
		assert_memory_equal(p.edid.bytes, bytes, blocks * 128);
		assert_string_equal(p.notice, "");
		assert_int_equal(edid_check(bytes, blocks * 128, p.why, sizeof(p.why)), 0);
	}
	make(bytes, EDID_MAX / 128 + 1);

	struct parsed p = parse(bytes, sizeof(bytes));

	assert_refused(&p, "too long");
}

/* What tools leave in files. */
static void test_mended(void **state)
{
	uint8_t bytes[256];
	struct parsed p;

	make(bytes, 2);
	p = parse(bytes, 128);
	assert_int_equal(p.rc, 0);
	assert_int_equal(p.edid.size, 128);
	assert_non_null(strstr(p.notice, "mended"));
	assert_int_equal(edid_check(p.edid.bytes, 128, p.why, sizeof(p.why)), 0);
	assert_int_equal(edid_check(bytes, 128, p.why, sizeof(p.why)), -EINVAL);

	make(bytes, 1);
	memset(bytes + 128, 0xff, 128);
	p = parse(bytes, 256);
	assert_int_equal(p.rc, 0);
	assert_int_equal(p.edid.size, 128);
	assert_non_null(strstr(p.notice, "left out"));
}

static void test_hostile_binary(void **state)
{
	uint8_t bytes[256];
	struct parsed p;

	make(bytes, 2);
	p = parse(bytes, 0);
	assert_refused(&p, "empty");
	p = parse(bytes, 8);
	assert_refused(&p, "8 bytes");
	p = parse(bytes, 255);
	assert_refused(&p, "255 bytes");
	bytes[200] ^= 1;
	p = parse(bytes, 256);
	assert_refused(&p, "block 1");
	bytes[20] ^= 1;
	p = parse(bytes, 256);
	assert_refused(&p, "block 0");
	make(bytes, 1);
	bytes[1] = 0;
	p = parse(bytes, 128);
	assert_refused(&p, "neither");
	assert_int_equal(edid_check(bytes, 128, p.why, sizeof(p.why)), -EINVAL);
	assert_int_equal(edid_check(bytes, 0, p.why, sizeof(p.why)), -EINVAL);
	assert_int_equal(edid_check(bytes, SIZE_MAX / 128 * 128, p.why, sizeof(p.why)), -EINVAL);
}

static void test_digits(void **state)
{
	static char text[8192];
	uint8_t bytes[256];
	struct parsed p;

	make(bytes, 2);
	strcpy(text, "edid-decode (hex):\n\n");
	put_digits(text + strlen(text), bytes, sizeof(bytes));
	strcat(text, "----------------\n\nBlock 0, Base EDID:\n  EDID Structure Version: 1.4\n");
	p = parse_text(text);
	assert_string_equal(p.why, "");
	assert_int_equal(p.rc, 0);
	assert_int_equal(p.edid.size, 256);
	assert_memory_equal(p.edid.bytes, bytes, 256);

	strcpy(text, "\tEDID: \n");
	put_digits(text + strlen(text), bytes, 128);
	p = parse_text(text);
	assert_int_equal(p.rc, 0);
	assert_non_null(strstr(p.notice, "mended"));

	strcat(text, "what else\n");
	p = parse_text(text);
	assert_refused(&p, "'what else'");
	put_digits(text, bytes, 256);
	text[9] = '\0';
	p = parse_text(text);
	assert_refused(&p, "3 bytes");
	p = parse_text("00f");
	assert_refused(&p, "'00f'");
	memset(text, '0', 4096);
	text[4096] = '\0';
	p = parse_text(text);
	assert_refused(&p, "at most");
}

static void test_config(void **state)
{
	static char text[8192], digits[1024];
	uint8_t bytes[128], other[128];
	struct parsed p;

	make(bytes, 1);
	assert_int_equal(edid_make(other, 800, 600), 0);
	put_digits(digits, bytes, 128);

	sprintf(text, "# two\n12\n0301\n%s# the other\n0402\n", digits);
	put_digits(text + strlen(text), other, 128);
	p = parse_text(text);
	assert_string_equal(p.why, "");
	assert_int_equal(p.rc, 0);
	assert_memory_equal(p.edid.bytes, bytes, 128);
	assert_non_null(strstr(p.notice, "first of 2"));
	assert_non_null(strstr(p.notice, "port D for B"));

	text[7] = '3'; /* ports */
	p = parse_text(text);
	assert_refused(&p, "should have 3 ports, and has 2");
	text[7] = '1';
	p = parse_text(text);
	assert_refused(&p, "'0402' follows");
	text[7] = '0';
	p = parse_text(text);
	assert_refused(&p, "0 ports");
	text[7] = '2';
	text[6] = '2';
	p = parse_text(text);
	assert_refused(&p, "binary");

	p = parse_text("11\n");
	assert_refused(&p, "has 0");
	p = parse_text("11\n04\n");
	assert_refused(&p, "'04'");
	p = parse_text("11\n04zz\n");
	assert_refused(&p, "'04zz'");
	p = parse_text("11\n0401\n00ff\n");
	assert_refused(&p, "after 2 of 128");
	p = parse_text("11\n0401\n00ffg\n");
	assert_refused(&p, "'00ffg'");
	sprintf(text, "11\n0401\n%s", digits);
	memset(strchr(text + 9, '\n'), ' ', 1);
	p = parse_text(text);
	assert_int_equal(p.rc, 0);
	sprintf(text, "11\nfe63\n%s00\n", digits);
	p = parse_text(text);
	assert_refused(&p, "'00' follows");
	digits[48] = digits[48] == '0' ? '1' : '0';
	sprintf(text, "11\nfe63\n%s", digits);
	p = parse_text(text);
	assert_refused(&p, "checksum");
}

static void test_garbage(void **state)
{
	static uint8_t bytes[EDID_FILE_MAX + 1];
	struct parsed p;

	p = parse_text("\x1b[31mred\x1b[0m\n");
	assert_refused(&p, "'?[31mred?[0m'");
	p = parse_text("###\n\n   \n");
	assert_refused(&p, "empty");
	p = parse(bytes, sizeof(bytes));
	assert_refused(&p, "longer than");
	p = parse(bytes, sizeof(bytes) - 1);
	assert_refused(&p, "neither");
	memset(bytes, '#', sizeof(bytes));
	p = parse(bytes, sizeof(bytes) - 1);
	assert_refused(&p, "empty");
	/* Anything at all: an answer, and nothing is read or written outside. */
	srand(1);
	for (int i = 0; i < 3000; i++) {
		size_t size = (size_t)(rand() % 700);
		int kind = rand() % 3;

		for (size_t j = 0; j < size; j++) {
			bytes[j] = kind == 0 ? (uint8_t)rand()
					     : (uint8_t) "0123456789abcdef \n#1"[rand() % 20];
		}
		if (kind == 2 && size > 8) {
			memcpy(bytes, "11\n0401\n", 8);
		}
		p = parse(bytes, size);
		if (p.rc == 0) {
			assert_int_equal(
				edid_check(p.edid.bytes, p.edid.size, p.why, sizeof(p.why)), 0);
		} else {
			assert_int_equal(p.rc, -EINVAL);
			assert_true(p.why[0]);
		}
	}
}

static void test_cut(void **state)
{
	struct edid_blob edid = {.size = 512};
	char why[256] = "";

	make(edid.bytes, 4);
	assert_false(edid_cut(&edid, 512));
	assert_true(edid_cut(&edid, 300));
	assert_int_equal(edid.size, 256);
	assert_int_equal(edid_check(edid.bytes, edid.size, why, sizeof(why)), 0);
	assert_true(edid_cut(&edid, 128));
	assert_int_equal(edid.size, 128);
	assert_int_equal(edid_check(edid.bytes, edid.size, why, sizeof(why)), 0);
	assert_false(edid_cut(&edid, 0));
}

static void test_facts(void **state)
{
	struct edid_blob edid = {.size = 128};
	struct edid_facts facts;

	make(edid.bytes, 1);
	edid_read_facts(&edid, &facts);
	assert_string_equal(facts.name, "vgpu-bridge");
	assert_int_equal(facts.width, 1280);
	assert_int_equal(facts.height, 720);
	/* Without a name, without a timing, and with one that is no text. */
	memset(edid.bytes + 54, 0, 72);
	edid_read_facts(&edid, &facts);
	assert_string_equal(facts.name, "VGB 0001");
	assert_int_equal(facts.width, 0);
	edid.bytes[54 + 3] = 0xfc;
	memset(edid.bytes + 54 + 5, 0x1b, 13);
	edid_read_facts(&edid, &facts);
	assert_string_equal(facts.name, "?????????????");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sample),
		cmocka_unit_test(test_binary),
		cmocka_unit_test(test_mended),
		cmocka_unit_test(test_hostile_binary),
		cmocka_unit_test(test_digits),
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_facts),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: test_edid_file MONITOR.CONFIG\n");
		return 2;
	}
	sample = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
