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

static struct vgpu *open_found(int rc, struct device_found *found, char *why, size_t why_size)
{
	if (rc < 0) {
		errno = -rc;
		return NULL;
	}
	return device_create(found, why, why_size);
}

struct vgpu *source_open(const struct options *options, char *why, size_t why_size)
{
	struct device_found found;

	switch (options->source) {
	case SOURCE_MDEV:
		return open_found(device_find_mdev("", options->mdev, &found, why, why_size),
			&found, why, why_size);
	case SOURCE_GROUP:
		return open_found(
			device_find_group("", options->group, options->mdev, &found, why, why_size),
			&found, why, why_size);
	case SOURCE_CDEV:
		return open_found(device_find_cdev("", options->cdev, &found, why, why_size),
			&found, why, why_size);
	case SOURCE_FD:
		return open_found(device_find_fd("", options->fd, &found, why, why_size), &found,
			why, why_size);
	case SOURCE_SIMULATE:
		return open_simulated(options->simulate, why, why_size);
	}
	snprintf(why, why_size, "no source was given");
	errno = EINVAL;
	return NULL;
}
