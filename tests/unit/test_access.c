/* SPDX-License-Identifier: MIT */
/* Who may look: what is after an address's comma, credentials, expiry, UUIDs, files of TLS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <grp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bridge/access.h"
#include "bridge/listen.h"
#include "bridge/log.h"
#include "bridge/options.h"
#include "bridge/tls.h"

static char directory[] = "/tmp/test-access-XXXXXX";

static const char *in_directory(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static void parse(struct listen_address *address, const char *text)
{
	char why[256] = "";

	if (listen_address_parse(address, text, why, sizeof(why)) < 0) {
		fail_msg("%s: %s", text, why);
	}
}

static void test_address_options(void **state)
{
	struct listen_address address;

	parse(&address, "unix:/a");
	assert_false(address.view_only);
	assert_int_equal(address.owner, (uid_t)-1);
	assert_int_equal(address.group, (gid_t)-1);
	assert_int_equal(address.mode, 0);
	assert_true(listen_address_allows(&address, 4711));
	listen_address_finish(&address);

	parse(&address, "unix:/a,owner=root,group=root,mode=0666,uid=root|4711,view-only,uid=12");
	assert_string_equal(address.path, "/a");
	assert_int_equal(address.owner, 0);
	assert_int_equal(address.group, 0);
	assert_int_equal(address.mode, 0666);
	assert_true(address.view_only);
	assert_true(listen_address_allows(&address, 0));
	assert_true(listen_address_allows(&address, 4711));
	assert_true(listen_address_allows(&address, 12));
	assert_false(listen_address_allows(&address, 1));
	assert_false(listen_address_allows(&address, (uid_t)-1));
	listen_address_finish(&address);

	parse(&address, "tls:[::1]:5901,view-only");
	assert_int_equal(address.kind, ADDRESS_TCP);
	assert_true(address.tls && address.view_only);
	assert_int_equal(address.port, 5901);
	assert_string_equal(address.host, "::1");
	listen_address_finish(&address);
}

static int parse_options(struct options *options, const char *more)
{
	char line[512], *rest = line, *word, *argv[32];
	int argc = 0;

	snprintf(line, sizeof(line), "vgpu-bridge serve --simulate --listen unix:/a %s", more);
	while ((word = strsep(&rest, " "))) {
		argv[argc++] = word;
	}
	return options_parse(options, argc, argv);
}

static void test_values(void **state)
{
	static const uint8_t uuid[16] = {0x83, 0xb8, 0xf4, 0xf2, 0x50, 0x9f, 0x38, 0x2f, 0x3c, 0x1e,
		0xe6, 0xbf, 0xe0, 0xfa, 0x10, 0x01};
	struct options options;

	assert_int_equal(parse_options(&options,
				 "--uuid 83b8f4f2-509f-382f-3c1e-e6bfe0fa1001 --max-viewers 8 "
				 "--name vm"),
		0);
	assert_memory_equal(options.access.uuid, uuid, sizeof(uuid));
	assert_int_equal(options.access.max_viewers, 8);
	assert_string_equal(options.access.name, "vm");
	options_finish(&options);
}

static void write_file(const char *name, const char *text)
{
	int fd = open(in_directory(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void test_credentials(void **state)
{
	struct spice_sink_options sink = {0}, view = {0};
	struct options options;
	struct spice_tls tls;

	write_file("vgpu-bridge.password", "from systemd\n");
	write_file("vgpu-bridge.view-password", "to look\n");
	write_file("other", "other\n");
	setenv("CREDENTIALS_DIRECTORY", directory, 1);

	assert_int_equal(parse_options(&options, "--password-expires 60"), 0);
	assert_string_equal(options.password, "from systemd");
	access_fill_sink(&options, false, &tls, &sink);
	access_fill_sink(&options, true, &tls, &view);
	assert_string_equal(sink.password, "from systemd");
	assert_string_equal(view.password, "to look");
	assert_true(view.view_only && !sink.view_only);
	assert_int_equal(sink.password_seconds, 60);
	assert_false(sink.password_expired);
	assert_null(sink.tls);
	options_finish(&options);

	assert_int_equal(parse_options(&options, "--password-credential other"), 0);
	assert_string_equal(options.password, "other");
	options_finish(&options);

	/* Nobody asked for one. */
	assert_int_equal(parse_options(&options, "--no-auth"), 0);
	assert_null(options.password);
	options_finish(&options);

	write_file("vgpu-bridge.password", "\n");
	log_set_level((enum log_level) - 1);
	assert_int_not_equal(parse_options(&options, ""), 0);
	assert_int_not_equal(parse_options(&options, "--password-credential missing"), 0);
	log_set_level(LOG_LEVEL_INFO);
	unlink(in_directory("vgpu-bridge.password"));
	unlink(in_directory("vgpu-bridge.view-password"));
	unlink(in_directory("other"));
	unsetenv("CREDENTIALS_DIRECTORY");
}

static void expect_expiry(const char *text, bool expired, int64_t least, int64_t most)
{
	struct spice_sink_options sink = {0};
	struct options options;
	struct spice_tls tls;
	char line[256];

	write_file("password", "secret\n");
	snprintf(line, sizeof(line), "--password-file %s --password-expires %s",
		in_directory("password"), text);
	assert_int_equal(parse_options(&options, line), 0);
	access_fill_sink(&options, false, &tls, &sink);
	assert_int_equal(sink.password_expired, expired);
	if (!expired) {
		assert_in_range(sink.password_seconds, least, most);
	}
	options_finish(&options);
	unlink(in_directory("password"));
}

static void test_expiry(void **state)
{
	time_t then = time(NULL) + 3600;
	char text[64];

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime(&then));
	expect_expiry(text, false, 3500, 3600);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", localtime(&then));
	expect_expiry(text, false, 3500, 3600);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M", localtime(&then));
	expect_expiry(text, false, 3400, 3600);
	expect_expiry("1999-12-31T23:59", true, 0, 0);
	expect_expiry("1", false, 1, 1);
}

static EVP_PKEY *make_key(const char *name, const char *password)
{
	EVP_PKEY *key = EVP_RSA_gen(2048);
	FILE *file = fopen(in_directory(name), "we");

	assert_true(key && file);
	assert_int_equal(PEM_write_PrivateKey(file, key, password ? EVP_aes_128_cbc() : NULL, NULL,
				 0, NULL, (void *)password),
		1);
	fclose(file);
	return key;
}

static void make_certificate(const char *name, EVP_PKEY *key, long valid_seconds)
{
	FILE *file = fopen(in_directory(name), "we");
	X509 *x509 = X509_new();
	X509_NAME *subject = X509_get_subject_name(x509);

	assert_non_null(file);
	X509_NAME_add_entry_by_txt(
		subject, "O", MBSTRING_UTF8, (const unsigned char *)"Test", -1, -1, 0);
	X509_NAME_add_entry_by_txt(
		subject, "CN", MBSTRING_UTF8, (const unsigned char *)"host", -1, -1, 0);
	X509_set_issuer_name(x509, subject);
	X509_gmtime_adj(X509_getm_notBefore(x509), -7200);
	X509_gmtime_adj(X509_getm_notAfter(x509), valid_seconds);
	X509_set_pubkey(x509, key);
	assert_true(X509_sign(x509, key, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_X509(file, x509), 1);
	fclose(file);
	X509_free(x509);
}

static void expect_tls(struct access_tls tls, const char *needle)
{
	char why[512] = "";
	int result;

	tls.certificate = strdup(in_directory(tls.certificate));
	tls.key = strdup(in_directory(tls.key));
	result = tls_check(&tls, why, sizeof(why));
	if (needle) {
		assert_int_not_equal(result, 0);
		if (!strstr(why, needle)) {
			fail_msg("'%s' is not in: %s", needle, why);
		}
	} else if (result) {
		fail_msg("%s", why);
	}
	free(tls.certificate);
	free(tls.key);
}

static void test_tls_files(void **state)
{
	char cert[] = "cert", key[] = "key", other[] = "other", locked[] = "locked", old[] = "old";
	char none[] = "none", bad[] = "NOSUCHCIPHER", good[] = "HIGH";
	EVP_PKEY *pair = make_key(key, NULL), *stranger = make_key(other, NULL);
	char *subject;

	EVP_PKEY_free(make_key(locked, "secret"));
	make_certificate(cert, pair, 3600);
	make_certificate(old, pair, -3600);
	EVP_PKEY_free(pair);
	EVP_PKEY_free(stranger);

	expect_tls((struct access_tls){.certificate = cert, .key = key}, NULL);
	expect_tls((struct access_tls){.certificate = cert, .key = key, .ciphers = good}, NULL);
	expect_tls((struct access_tls){.certificate = cert, .key = other}, "belong together");
	expect_tls((struct access_tls){.certificate = cert, .key = locked}, "encrypted");
	expect_tls((struct access_tls){.certificate = cert, .key = cert}, "no private key");
	expect_tls((struct access_tls){.certificate = key, .key = key}, "no certificate");
	expect_tls((struct access_tls){.certificate = none, .key = key}, "/none': No such file");
	expect_tls((struct access_tls){.certificate = cert, .key = none}, "/none': No such file");
	expect_tls((struct access_tls){.certificate = old, .key = key}, "expired");
	expect_tls((struct access_tls){.certificate = cert, .key = key, .ciphers = bad}, bad);
	expect_tls((struct access_tls){.certificate = cert, .key = key, .authorities = none}, none);

	subject = tls_subject(in_directory(cert));
	assert_string_equal(subject, "O=Test,CN=host");
	free(subject);
	assert_null(tls_subject(in_directory(key)));
	for (char *const *name = (char *const[]){cert, key, other, locked, old, NULL}; *name;
		name++) {
		unlink(in_directory(*name));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_address_options),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_credentials),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_tls_files),
	};
	int failed;

	unsetenv("CREDENTIALS_DIRECTORY");
	if (!mkdtemp(directory)) {
		return 1;
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(directory);
	return failed;
}
