/* SPDX-License-Identifier: MIT */
#include "vfio/inventory_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int text_print(char *out, size_t size, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(out, size, format, args);
	va_end(args);
	return length >= 0 && (size_t)length < size ? 0 : -ENAMETOOLONG;
}

static ssize_t read_text(char *text, size_t size, const char *format, va_list args)
{
	char path[PATH_MAX];
	size_t used = 0;
	ssize_t n = 0;
	int length = vsnprintf(path, sizeof(path), format, args);
	int fd;

	text[0] = '\0';
	if (length < 0 || (size_t)length >= sizeof(path)) {
		return -ENAMETOOLONG;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		return -errno;
	}
	do {
		n = read(fd, text + used, size - 1 - used);
		used += n > 0 ? (size_t)n : 0;
	} while (n > 0 && used < size - 1);
	if (n < 0) {
		n = -errno;
	}
	close(fd);
	text[used] = '\0';
	return n < 0 && used == 0 ? n : (ssize_t)used;
}

ssize_t text_read(char *text, size_t size, const char *format, ...)
{
	va_list args;
	ssize_t length;

	va_start(args, format);
	length = read_text(text, size, format, args);
	va_end(args);
	return length;
}

int text_line(char *text, size_t size, const char *format, ...)
{
	va_list args;
	ssize_t length;
	size_t end;

	va_start(args, format);
	length = read_text(text, size, format, args);
	va_end(args);
	if (length < 0) {
		return (int)length;
	}
	text_make_printable(text, true);
	end = strlen(text);
	while (end > 0 && strchr(" \t\n", text[end - 1])) {
		text[--end] = '\0';
	}
	return 0;
}

/* Bytes of the UTF-8 character there: 1 to 4; 0: there is none that may be shown. */
static size_t character(const unsigned char *at)
{
	unsigned code = at[0];
	unsigned least;
	size_t length;

	if (code < 0x80) {
		return code >= 0x20 && code != 0x7f;
	}
	if (code >= 0xc2 && code < 0xe0) {
		length = 2, least = 0xa0, code &= 0x1f; /* not the C1 controls */
	} else if (code >= 0xe0 && code < 0xf0) {
		length = 3, least = 0x800, code &= 0x0f;
	} else if (code >= 0xf0 && code < 0xf5) {
		length = 4, least = 0x10000, code &= 0x07;
	} else {
		return 0;
	}
	for (size_t i = 1; i < length; i++) {
		if ((at[i] & 0xc0) != 0x80) {
			return 0;
		}
		code = code << 6 | (at[i] & 0x3f);
	}
	return code >= least && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? length : 0;
}

void text_make_printable(char *text, bool keep_lines)
{
	for (char *at = text; *at;) {
		size_t length = character((const unsigned char *)at);

		if (length == 0) {
			if (!(keep_lines && *at == '\n')) {
				*at = *at == '\n' || *at == '\t' ? ' ' : '?';
			}
			length = 1;
		}
		at += length;
	}
}

void text_copy(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text);
	text_make_printable(out, false);
}

bool text_number(const char *text, unsigned long long *number)
{
	char *end;

	if (text[0] < '0' || text[0] > '9') {
		return false;
	}
	errno = 0;
	*number = strtoull(text, &end, text[0] == '0' && (text[1] | 0x20) == 'x' ? 16 : 10);
	return errno == 0 && *end == '\0';
}

void *list_add(void *items, size_t *count, size_t size)
{
	char **array = items;
	char *grown = realloc(*array, (*count + 1) * size);

	if (!grown) {
		return NULL;
	}
	*array = grown;
	memset(grown + *count * size, 0, size);
	return grown + (*count)++ * size;
}

static int compare_vgpus(const void *a, const void *b)
{
	const struct inventory_vgpu *first = a;
	const struct inventory_vgpu *second = b;
	int parents = strcmp(first->parent, second->parent);

	return parents ? parents : strcmp(first->name, second->name);
}

static int compare_parents(const void *a, const void *b)
{
	const struct inventory_parent *first = a;
	const struct inventory_parent *second = b;

	return strcmp(first->name, second->name);
}

int inventory_read(const char *root, struct inventory *inventory)
{
	int rc;

	*inventory = (struct inventory){0};
	rc = parents_read(root, inventory);
	if (rc == 0) {
		rc = vgpus_read(root, inventory);
	}
	if (rc < 0) {
		inventory_finish(inventory);
		return rc;
	}
	/* qsort() wants no NULL, not even with nothing to sort. */
	if (inventory->n_parents > 0) {
		qsort(inventory->parents, inventory->n_parents, sizeof(*inventory->parents),
			compare_parents);
	}
	if (inventory->n_vgpus > 0) {
		qsort(inventory->vgpus, inventory->n_vgpus, sizeof(*inventory->vgpus),
			compare_vgpus);
		rc = holders_read(root, inventory);
		if (rc < 0) {
			inventory_finish(inventory);
			return rc;
		}
	}
	parents_limits(inventory);
	return 0;
}

void inventory_finish(struct inventory *inventory)
{
	for (size_t i = 0; i < inventory->n_parents; i++) {
		parent_finish(&inventory->parents[i]);
	}
	for (size_t i = 0; i < inventory->n_vgpus; i++) {
		free(inventory->vgpus[i].holders);
	}
	free(inventory->parents);
	free(inventory->vgpus);
	*inventory = (struct inventory){0};
}

const struct inventory_parent *inventory_parent(const struct inventory *inventory, const char *name)
{
	for (size_t i = 0; i < inventory->n_parents; i++) {
		if (strcmp(inventory->parents[i].name, name) == 0) {
			return &inventory->parents[i];
		}
	}
	return NULL;
}

const struct inventory_vgpu *inventory_vgpu(const struct inventory *inventory, const char *uuid)
{
	for (size_t i = 0; i < inventory->n_vgpus; i++) {
		if (strcasecmp(inventory->vgpus[i].name, uuid) == 0) {
			return &inventory->vgpus[i];
		}
	}
	return NULL;
}

const struct inventory_type *inventory_type(const struct inventory_parent *parent, const char *name)
{
	for (size_t i = 0; i < parent->n_types; i++) {
		if (strcmp(parent->types[i].name, name) == 0) {
			return &parent->types[i];
		}
	}
	return NULL;
}
