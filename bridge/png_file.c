/* SPDX-License-Identifier: MIT */
#include "bridge/png_file.h"

#include <errno.h>
#include <fcntl.h>
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void on_error(png_structp png, png_const_charp text)
{
	longjmp(png_jmpbuf(png), 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
}

static void add_text(png_text *texts, int *n, const char *key, const char *text)
{
	if (!text) {
		return;
	}
	/* The library only reads them. */
	texts[*n] = (png_text){
		.compression = PNG_TEXT_COMPRESSION_NONE,
		.key = (char *)(uintptr_t)key,
		.text = (char *)(uintptr_t)text,
	};
	/* A plain text is Latin-1. */
	for (const char *c = text; *c; c++) {
		if (*c & 0x80) {
			texts[*n].compression = PNG_ITXT_COMPRESSION_NONE;
		}
	}
	(*n)++;
}

static void write_head(png_structp png, png_infop info, const struct png_picture *picture)
{
	png_text texts[2];
	png_time time;
	int n = 0;

	png_set_IHDR(png, info, picture->width, picture->height, 8, PNG_COLOR_TYPE_RGB,
		PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	/* Names that the format knows. */
	add_text(texts, &n, "Title", picture->title);
	add_text(texts, &n, "Source", picture->source);
	png_set_text(png, info, texts, n);
	png_convert_from_time_t(&time, picture->time);
	png_set_tIME(png, info, &time);
	png_write_info(png, info);
}

/* 0 or -errno. */
static int encode(FILE *file, const struct png_picture *picture)
{
	png_structp png =
		png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, on_error, on_warning);
	png_infop info = png ? png_create_info_struct(png) : NULL;

	if (!info) {
		png_destroy_write_struct(&png, NULL);
		return -ENOMEM;
	}
	errno = 0;
	/* Nothing that changes after this is used when it comes back. */
	if (setjmp(png_jmpbuf(png))) {
		png_destroy_write_struct(&png, &info);
		return errno ? -errno : -EIO;
	}
	png_init_io(png, file);
	/* A screen is flat colours: the fastest level is not much larger than the best. */
	png_set_compression_level(png, 3);
	write_head(png, info, picture);
	/* In memory blue is first, and the fourth byte is nothing. */
	if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) {
		png_set_bgr(png);
		png_set_filler(png, 0, PNG_FILLER_AFTER);
	} else {
		png_set_filler(png, 0, PNG_FILLER_BEFORE);
	}
	for (uint32_t y = 0; y < picture->height; y++) {
		png_write_row(png, (png_const_bytep)(picture->pixels + (size_t)y * picture->width));
	}
	png_write_end(png, info);
	png_destroy_write_struct(&png, &info);
	return fflush(file) == 0 ? 0 : -errno;
}

static int fail(const char *path, int rc, char *why, size_t why_size)
{
	snprintf(why, why_size, "%s can't be written: %s", path, strerror(-rc));
	return rc;
}

/* A stream that is there already: standard output, a pipe, a device. */
static int write_stream(
	int fd, const char *path, const struct png_picture *picture, char *why, size_t why_size)
{
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
	int rc;

	if (!file) {
		rc = -errno;
		if (fd >= 0) {
			close(fd);
		}
		return fail(path, rc, why, why_size);
	}
	rc = encode(file, picture);
	if (fclose(file) != 0 && rc == 0) {
		rc = -errno;
	}
	return rc < 0 ? fail(path, rc, why, why_size) : 0;
}

/* Beside the file, and then in its place: whoever looks at it sees a whole one. */
static int write_file(const char *path, mode_t mode, const struct png_picture *picture, char *why,
	size_t why_size)
{
	size_t size = strlen(path) + sizeof(".XXXXXX");
	char *temporary = malloc(size);
	FILE *file = NULL;
	int fd, rc;

	if (!temporary) {
		return fail(path, -ENOMEM, why, why_size);
	}
	snprintf(temporary, size, "%s.XXXXXX", path);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) {
		rc = -errno;
		goto error_name;
	}
	file = fdopen(fd, "w");
	if (!file) {
		rc = -errno;
		close(fd);
		goto error_file;
	}
	rc = encode(file, picture);
	if (rc == 0 && fchmod(fd, mode) < 0) {
		rc = -errno;
	}
	if (fclose(file) != 0 && rc == 0) {
		rc = -errno;
	}
	if (rc == 0 && rename(temporary, path) < 0) {
		rc = -errno;
	}
	if (rc == 0) {
		free(temporary);
		return 0;
	}

error_file:
	unlink(temporary);
error_name:
	free(temporary);
	return fail(path, rc, why, why_size);
}

static mode_t new_mode(void)
{
	mode_t mask = umask(0);

	umask(mask);
	return 0666 & ~mask;
}

int png_file_write(const char *path, const struct png_picture *picture, char *why, size_t why_size)
{
	char *target;
	struct stat st;
	int rc;

	if (strcmp(path, "-") == 0) {
		if (isatty(STDOUT_FILENO)) {
			snprintf(why, why_size,
				"standard output is a terminal, which shows no PNG: redirect it, or "
				"name a file");
			return -ENOTTY;
		}
		return write_stream(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0), "standard output",
			picture, why, why_size);
	}
	if (stat(path, &st) < 0) {
		return write_file(path, new_mode(), picture, why, why_size);
	}
	if (S_ISDIR(st.st_mode)) {
		return fail(path, -EISDIR, why, why_size);
	}
	if (!S_ISREG(st.st_mode)) {
		return write_stream(open(path, O_WRONLY | O_CLOEXEC), path, picture, why, why_size);
	}
	/* Through a link to the file itself. */
	target = realpath(path, NULL);
	if (!target) {
		return fail(path, -errno, why, why_size);
	}
	/* Another user's mode, set-user-id perhaps, is not for a file of ours. */
	rc = write_file(target, st.st_uid == geteuid() ? st.st_mode & 0777 : new_mode(), picture,
		why, why_size);
	free(target);
	return rc;
}
