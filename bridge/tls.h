/* SPDX-License-Identifier: MIT */
/*
 * The files of TLS, looked at before libspice-server gets them: it only knows that something is wrong.
 *
 * Main thread.
 */
#ifndef BRIDGE_TLS_H
#define BRIDGE_TLS_H

#include <stddef.h>

struct access_tls;

/* 0, or -EINVAL and one line in why that names the file. */
int tls_check(const struct access_tls *tls, char *why, size_t why_size);

/* The certificate's subject as a viewer's host-subject, "CN=host,O=us"; g_free(). NULL: unreadable. */
char *tls_subject(const char *certificate);

#endif
