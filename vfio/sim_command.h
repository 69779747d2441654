/* SPDX-License-Identifier: MIT */
/*
 * Inside the simulated vGPU only: what its commands share.
 *
 * A call lives on the stack of sim_command() and runs in the caller's thread. Handlers return 0 or
 * -EINVAL with a reason in why; on success why is empty or holds the answer.
 */
#ifndef VFIO_SIM_COMMAND_H
#define VFIO_SIM_COMMAND_H

#include "vfio/sim_impl.h"

#define SIM_MAX_COUNT 1000000 /* of frames and of faults */

struct sim_call {
	struct sim *sim;
	int count; /* of words after the name */
	char **words;
	char *why; /* of an error, or the answer */
	size_t why_size;
};

/* Says "'what': expected ..." and returns -EINVAL. */
int sim_refuse(struct sim_call *call, const char *what, const char *expected);
void sim_lock_both(struct sim *sim);
/* Also wakes the painter: whatever has changed, it may want to know. */
void sim_unlock_both(struct sim *sim);

/* A whole word, within bounds. parse_unsigned: base as of strtoull(). */
bool sim_parse_integer(const char *text, long long min, long long max, long long *value);
bool sim_parse_unsigned(const char *text, int base, uint64_t max, uint64_t *value);

/* sim_fault.c */
int sim_do_fault(struct sim_call *call);
int sim_do_raw(struct sim_call *call);

#endif
