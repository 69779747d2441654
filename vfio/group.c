/* SPDX-License-Identifier: MIT */
#include "vfio/device_impl.h"

#include <errno.h>
#include <string.h>

/* Which type1 flavour the kernel has, or -errno. Version 2 first, as version 1 is only for old users. */
static int choose_iommu(const struct device_request *request, int container)
{
	static const int types[] = {VFIO_TYPE1v2_IOMMU, VFIO_TYPE1_IOMMU};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (device_ioctl(request->calls, container, VFIO_CHECK_EXTENSION,
			    (void *)(uintptr_t)types[i]) > 0) {
			return types[i];
		}
	}
	return device_why(request, -ENOTSUP,
		"/dev/vfio/vfio offers no type1 IOMMU: load the module vfio_iommu_type1");
}

static int open_container(const struct device_request *request)
{
	int version;
	int fd = device_open_node(request, "VFIO container", "/dev/vfio/vfio");

	if (fd < 0) {
		return fd;
	}
	version = device_ioctl(request->calls, fd, VFIO_GET_API_VERSION, NULL);
	if (version != VFIO_API_VERSION) {
		request->calls->close(fd);
		return device_why(request, -EPROTO,
			"/dev/vfio/vfio speaks VFIO version %d where %d is needed", version,
			VFIO_API_VERSION);
	}
	return fd;
}

static int get_device(
	const struct device_request *request, int group, const char *path, const char *name)
{
	int fd = device_ioctl(
		request->calls, group, VFIO_GROUP_GET_DEVICE_FD, (void *)(uintptr_t)name);

	switch (fd) {
	case -ESRCH:
		return device_why(request, fd,
			"%s in %s needs KVM: a GVT-g vGPU can only be opened by its virtual machine, "
			"start that and take the device over from it by --vm or --qemu-pid",
			name, path);
	case -ENODEV:
		return device_why(request, fd,
			"%s holds no device %s, or no VFIO driver is bound to it", path, name);
	case -EBUSY:
	case -EEXIST:
		return device_why(request, fd,
			"%s in %s is in use by another process, normally QEMU: take the device over "
			"from it by --vm or --qemu-pid, or stop it",
			name, path);
	default:
		if (fd < 0) {
			return device_why(request, fd, "%s refuses to open device %s: %s", path,
				name, strerror(-fd));
		}
		return fd;
	}
}

int group_open(const struct device_request *request, const char *path, const char *name,
	struct device_fds *fds)
{
	const struct device_calls *calls = request->calls;
	struct vfio_group_status status = {.argsz = sizeof(status)};
	int type;
	int rc;

	*fds = DEVICE_NO_FDS;
	fds->container = open_container(request);
	if (fds->container < 0) {
		return fds->container;
	}
	fds->group = device_open_node(request, "VFIO group", path);
	if (fds->group < 0) {
		rc = fds->group;
		goto err;
	}
	rc = device_ioctl(calls, fds->group, VFIO_GROUP_GET_STATUS, &status);
	if (rc < 0) {
		device_why(
			request, rc, "%s does not answer as a VFIO group: %s", path, strerror(-rc));
		goto err;
	}
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE)) {
		rc = device_why(request, -EPERM,
			"%s is not viable: some device of this IOMMU group is bound to a host driver, "
			"bind all of them to VFIO drivers or to none",
			path);
		goto err;
	}
	rc = device_ioctl(calls, fds->group, VFIO_GROUP_SET_CONTAINER, &fds->container);
	if (rc < 0) {
		device_why(request, rc, "%s can't join a container: %s", path, strerror(-rc));
		goto err;
	}
	/* Extensions are known once the container holds a group. */
	type = choose_iommu(request, fds->container);
	if (type < 0) {
		rc = type;
		goto err;
	}
	rc = device_ioctl(calls, fds->container, VFIO_SET_IOMMU, (void *)(uintptr_t)type);
	if (rc < 0) {
		device_why(request, rc, "the container of %s can't use a type1 IOMMU: %s", path,
			strerror(-rc));
		goto err;
	}
	fds->device = get_device(request, fds->group, path, name);
	if (fds->device < 0) {
		rc = fds->device;
		goto err;
	}
	return 0;

err:
	device_fds_close(calls, fds);
	return rc;
}
