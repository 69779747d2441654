/* SPDX-License-Identifier: MIT */
/*
 * set-edid UUID FILE: gives a display device an EDID by the bridge's own vfio library, tells what it
 * reads back, then keeps the device open until stdin ends, so that the guest's side can be looked at.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vfio/device.h"
#include "vfio/vgpu.h"

#define PLUG_DELAY_NS 100000000 /* as QEMU waits between the EDID and the plug */

static int set(struct vgpu *vgpu, const unsigned char *blob, size_t size)
{
	const struct timespec delay = {.tv_nsec = PLUG_DELAY_NS};
	unsigned char back[4096];
	int rc = vgpu_edid_unplug(vgpu);

	if (rc < 0) {
		printf("unplug: %s\n", strerror(-rc));
		return rc;
	}
	rc = vgpu_edid_set(vgpu, blob, size);
	if (rc < 0) {
		printf("set: %s\n", strerror(-rc));
		return rc;
	}
	nanosleep(&delay, NULL);
	rc = vgpu_edid_plug(vgpu);
	if (rc < 0) {
		printf("plug: %s\n", strerror(-rc));
		return rc;
	}
	rc = vgpu_edid_get(vgpu, back, sizeof(back));
	if (rc < 0 || (size_t)rc != size || memcmp(back, blob, size) != 0) {
		printf("get: %d bytes, and not what was set\n", rc);
		return -EIO;
	}
	printf("ok\n");
	return 0;
}

int main(int argc, char **argv)
{
	unsigned char blob[4096];
	char why[512] = "";
	struct device_found found;
	struct vgpu *vgpu;
	FILE *file;
	size_t size;
	int rc;

	file = argc == 3 ? fopen(argv[2], "re") : NULL;
	if (!file) {
		fprintf(stderr, "usage: set-edid UUID FILE\n");
		return 2;
	}
	size = fread(blob, 1, sizeof(blob), file);
	fclose(file);
	rc = device_find_mdev("", argv[1], &found, why, sizeof(why));
	vgpu = rc < 0 ? NULL : device_create(&found, why, sizeof(why));
	if (!vgpu) {
		fprintf(stderr, "set-edid: %s\n", why);
		return 1;
	}
	rc = set(vgpu, blob, size);
	fflush(stdout);
	while (getchar() != EOF) {
	}
	vgpu_destroy(vgpu);
	return rc < 0;
}
