/* SPDX-License-Identifier: MIT */
/* Commands of the control socket that change or show what the guest's display does. */
#include "bridge/command.h"

const struct command commands_display[] = {
	{.name = NULL},
};
