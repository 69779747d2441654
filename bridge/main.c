/* SPDX-License-Identifier: MIT */
#include <malloc.h>

#include "bridge/log.h"
#include "bridge/options.h"
#include "bridge/verbs.h"

#define MMAP_THRESHOLD (512 * 1024) /* bytes */

int main(int argc, char **argv)
{
	struct options options;
	int code;

	log_init();
	/*
	 * Whole pictures, which the library copies for each new viewer, go back to the system with
	 * their free(). Left alone, glibc soon keeps blocks of that size on its heaps.
	 */
	mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD);

	int rc = options_parse(&options, argc, argv);

	if (rc != 0) {
		return rc < 0 ? EXIT_USAGE : EXIT_OK;
	}
	code = options.verb == VERB_PROBE ? probe(&options) : serve(&options);
	options_finish(&options);
	return code;
}
