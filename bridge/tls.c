/* SPDX-License-Identifier: MIT */
#include "bridge/tls.h"

#include <errno.h>
#include <glib.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "bridge/access.h"

static FILE *open_file(const char *path, char *why, size_t why_size)
{
	FILE *file = fopen(path, "re");

	if (!file) {
		snprintf(why, why_size, "'%s': %s; give a PEM file that you may read", path,
			strerror(errno));
	}
	return file;
}

static X509 *read_certificate(const char *path, char *why, size_t why_size)
{
	FILE *file = open_file(path, why, why_size);
	X509 *certificate;

	if (!file) {
		return NULL;
	}
	certificate = PEM_read_X509(file, NULL, NULL, NULL);
	fclose(file);
	ERR_clear_error();
	if (!certificate) {
		snprintf(why, why_size,
			"'%s': no certificate in it; give a PEM file with BEGIN CERTIFICATE", path);
	}
	return certificate;
}

/* OpenSSL asks for the password of an encrypted key: there is nobody to ask. */
static int no_password(char *buffer, int size, int writing, void *data)
{
	*(bool *)data = true;
	return -1;
}

static EVP_PKEY *read_key(const char *path, char *why, size_t why_size)
{
	FILE *file = open_file(path, why, why_size);
	bool encrypted = false;
	EVP_PKEY *key;

	if (!file) {
		return NULL;
	}
	key = PEM_read_PrivateKey(file, NULL, no_password, &encrypted);
	fclose(file);
	ERR_clear_error();
	if (!key && encrypted) {
		snprintf(why, why_size,
			"'%s': the key is encrypted; openssl pkey -in it -out another writes a "
			"plain one",
			path);
	} else if (!key) {
		snprintf(why, why_size,
			"'%s': no private key in it; give a PEM file with BEGIN PRIVATE KEY", path);
	}
	return key;
}

static int check_ciphers(const char *ciphers, char *why, size_t why_size)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	int result = 0;

	if (context && SSL_CTX_set_cipher_list(context, ciphers) != 1) {
		snprintf(why, why_size, "'%s': OpenSSL knows no such cipher; see openssl ciphers",
			ciphers);
		result = -EINVAL;
	}
	SSL_CTX_free(context);
	ERR_clear_error();
	return result;
}

int tls_check(const struct access_tls *tls, char *why, size_t why_size)
{
	X509 *certificate = read_certificate(tls->certificate, why, why_size);
	X509 *authority = NULL;
	EVP_PKEY *key = NULL;
	int result = -EINVAL;

	if (!certificate) {
		goto out;
	}
	key = read_key(tls->key, why, why_size);
	if (!key) {
		goto out;
	}
	if (X509_check_private_key(certificate, key) != 1) {
		snprintf(why, why_size,
			"'%s' is not the key of the certificate in '%s'; give the two that belong "
			"together",
			tls->key, tls->certificate);
		goto out;
	}
	if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
		snprintf(why, why_size,
			"'%s': the certificate has expired, no viewer would take it; renew it",
			tls->certificate);
		goto out;
	}
	if (tls->authorities) {
		authority = read_certificate(tls->authorities, why, why_size);
		if (!authority) {
			goto out;
		}
	}
	result = tls->ciphers ? check_ciphers(tls->ciphers, why, why_size) : 0;

out:
	ERR_clear_error();
	X509_free(certificate);
	X509_free(authority);
	EVP_PKEY_free(key);
	return result;
}

char *tls_subject(const char *certificate)
{
	char why[256], *data, *subject = NULL;
	X509 *x509 = read_certificate(certificate, why, sizeof(why));
	BIO *bio = BIO_new(BIO_s_mem());
	long size;

	/* Short names in the certificate's order, a comma between them, as spice-gtk reads it. */
	if (x509 && bio &&
		X509_NAME_print_ex(bio, X509_get_subject_name(x509), 0,
			XN_FLAG_SEP_COMMA_PLUS | XN_FLAG_FN_SN | ASN1_STRFLGS_UTF8_CONVERT |
				ASN1_STRFLGS_ESC_CTRL) >= 0) {
		size = BIO_get_mem_data(bio, &data);
		subject = g_strndup(data, (gsize)MAX(size, 0));
	}
	BIO_free(bio);
	X509_free(x509);
	ERR_clear_error();
	return subject;
}
