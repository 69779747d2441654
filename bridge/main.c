/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include "bridge/log.h"
#include "bridge/options.h"
#include "bridge/verbs.h"

/*
 * The library takes and frees a compressed frame's worth of memory with each frame, in pieces. With
 * glibc's first thresholds every free() gives it back to the system and every frame faults it in
 * again, which costs more than the compression. So it is kept while somebody watches; serve() gives
 * it back when nobody does.
 */
#define KEPT_BYTES (64 << 20)
/* A whole picture, which the library copies for each new viewer, is best mapped for itself. */
#define MAPPED_BYTES (4 << 20)

/* A starter may have closed them. A socket or the device with their numbers would get the log. */
static void open_standard(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0) {
		close(fd);
	}
}

int main(int argc, char **argv)
{
	struct options options;
	int code;

	open_standard();
	log_init();
	mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
	mallopt(M_TOP_PAD, 1 << 20);
	mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES);

	int rc = options_parse(&options, argc, argv);

	if (rc != 0) {
		return rc < 0 ? EXIT_USAGE : EXIT_OK;
	}
	switch (options.verb) {
	case VERB_PROBE:
		code = probe(&options);
		break;
	case VERB_VIEWER_FILE:
		code = viewer_file(&options);
		break;
	default:
		code = serve(&options);
	}
	options_finish(&options);
	return code;
}
