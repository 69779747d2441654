/* SPDX-License-Identifier: MIT */
#include "bridge/source.h"

#include <errno.h>
#include <stdio.h>

#include "bridge/options.h"
#include "vfio/device.h"
#include "vfio/sim.h"

static struct vgpu *open_simulated(const char *text, char *why, size_t why_size)
{
	struct sim_options sim;
	int rc = sim_options_parse(&sim, text, why, why_size);

	if (rc < 0) {
		errno = -rc;
		return NULL;
	}
	struct vgpu *vgpu = sim_create(&sim, why, why_size);
	int saved = errno;

	sim_options_finish(&sim);
	errno = saved;
	return vgpu;
}

struct vgpu *source_open(const struct options *options, char *why, size_t why_size)
{
	switch (options->source) {
	case SOURCE_MDEV:
		return device_open_mdev("", options->mdev, why, why_size);
	case SOURCE_GROUP:
		return device_open_group("", options->group, options->mdev, why, why_size);
	case SOURCE_CDEV:
		return device_open_cdev("", options->cdev, why, why_size);
	case SOURCE_FD:
		return device_open_fd("", options->fd, why, why_size);
	case SOURCE_SIMULATE:
		return open_simulated(options->simulate, why, why_size);
	}
	snprintf(why, why_size, "no source was given");
	errno = EINVAL;
	return NULL;
}
