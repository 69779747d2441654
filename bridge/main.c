/* SPDX-License-Identifier: MIT */
#include "bridge/log.h"
#include "bridge/options.h"
#include "bridge/verbs.h"

int main(int argc, char **argv)
{
	struct options options;
	int code;

	log_init();

	int rc = options_parse(&options, argc, argv);

	if (rc != 0) {
		return rc < 0 ? EXIT_USAGE : EXIT_OK;
	}
	code = options.verb == VERB_PROBE ? probe(&options) : serve(&options);
	options_finish(&options);
	return code;
}
