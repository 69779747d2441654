/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/udmabuf.h>

#include "vfio/sim_impl.h"

/* An fd of zeroed memory, or -errno. sealable where a udmabuf may be made of it. */
int sim_memory_make(size_t size, const char *name, bool sealable)
{
	int fd = memfd_create(name, MFD_CLOEXEC | (sealable ? MFD_ALLOW_SEALING : 0));
	int rc;

	if (fd < 0) {
		return -errno;
	}
	if (ftruncate(fd, (off_t)size) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

/* A true dma-buf over the memory, where kernel and permissions give one; else -1. */
static int make_dmabuf(int memfd, size_t size)
{
	struct udmabuf_create create = {
		.memfd = (uint32_t)memfd,
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.size = size,
	};
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	int fd = -1;

	if (device < 0) {
		return -1;
	}
	/* The kernel insists on the seal: its pages must not go away. */
	if (fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK) == 0) {
		fd = ioctl(device, UDMABUF_CREATE, &create);
	}
	close(device);
	return fd;
}

static int map_buffer(struct sim_buffer *buffer, size_t size)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, buffer->fd, 0);

	if (map == MAP_FAILED) {
		return -errno;
	}
	buffer->map = map;
	buffer->map_size = size;
	return 0;
}

int sim_buffer_make(struct sim *sim, const struct sim_mode *mode, struct sim_buffer **buffer,
	char *why, size_t why_size)
{
	struct sim_buffer *made = calloc(1, sizeof(*made));
	int rc = -ENOMEM;

	*buffer = NULL;
	if (!made) {
		goto err;
	}
	made->mode = *mode;
	made->fd = -1;
	made->dmabuf = -1;
	made->frame = -1;
	if (sim->memory >= 0) {
		made->fd = fcntl(sim->memory, F_DUPFD_CLOEXEC, 0);
		rc = made->fd < 0 ? -errno : 0;
		/* The region may have been cut off by a fault. */
		if (rc == 0 && !sim->outside && ftruncate(made->fd, (off_t)sim->memory_size) < 0) {
			rc = -errno;
		}
	} else {
		made->fd = sim_memory_make(mode->size, "vgpu-sim", true);
		rc = made->fd < 0 ? made->fd : 0;
		if (rc == 0) {
			made->dmabuf = make_dmabuf(made->fd, mode->size);
		}
	}
	if (rc == 0 && !sim->outside) {
		rc = map_buffer(made, mode->size);
	}
	if (rc < 0) {
		goto err;
	}
	*buffer = made;
	return 0;

err:
	snprintf(why, why_size, "%u bytes of memory for a buffer: %s", mode->size, strerror(-rc));
	sim_buffer_free(made);
	return rc;
}

void sim_buffer_free(struct sim_buffer *buffer)
{
	if (!buffer) {
		return;
	}
	if (buffer->map) {
		munmap(buffer->map, buffer->map_size);
	}
	if (buffer->dmabuf >= 0) {
		close(buffer->dmabuf);
	}
	if (buffer->fd >= 0) {
		close(buffer->fd);
	}
	free(buffer);
}

void sim_buffer_publish(struct sim *sim, struct sim_buffer *buffer)
{
	for (uint32_t i = 0; i < SIM_IDS; i++) {
		if (!sim->ids[i] && !sim->out[i]) {
			sim->ids[i] = buffer;
			buffer->id = i + 1;
			return;
		}
	}
}

/*
 * An id that a query has just told stays good until the next query of that plane, as GVT-g's does,
 * so that a fetch never gets the memory of another mode by accident.
 */
struct sim_buffer *sim_buffer_retire(struct sim *sim, struct sim_buffer *buffer)
{
	if (!buffer) {
		return NULL;
	}
	for (int i = 0; i < SIM_PLANES; i++) {
		if (sim->told[i] == buffer) {
			buffer->retired = true;
			return NULL;
		}
	}
	if (buffer->id != 0) {
		sim->ids[buffer->id - 1] = NULL;
	}
	return buffer;
}

struct sim_buffer *sim_buffer_find(struct sim *sim, uint32_t id)
{
	return id >= 1 && id <= SIM_IDS ? sim->ids[id - 1] : NULL;
}
