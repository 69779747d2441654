/* SPDX-License-Identifier: MIT */
#include "vfio/device_impl.h"

#include <errno.h>
#include <string.h>

#include "vfio/abi.h"

static int bind(
	const struct device_request *request, const char *path, const struct device_fds *fds)
{
	struct abi_device_bind_iommufd bind = {.argsz = sizeof(bind), .iommufd = fds->iommu};
	int rc = device_ioctl(request->calls, fds->device, ABI_DEVICE_BIND_IOMMUFD, &bind);

	switch (rc) {
	case -ESRCH:
		return device_why(request, rc,
			"%s needs KVM: a GVT-g vGPU can only be opened by its virtual machine, start that "
			"and take the device over from it by --vm or --qemu-pid",
			path);
	case -EINVAL: /* bound through another file */
	case -EBUSY: /* opened through its group */
	case -EEXIST:
		return device_why(request, rc,
			"%s is in use by another process, normally QEMU: take the device over from it by "
			"--vm or --qemu-pid, or stop it",
			path);
	case -ENOTTY:
		return device_why(request, rc, "%s is not a VFIO device cdev", path);
	default:
		if (rc < 0) {
			return device_why(request, rc, "%s can't be bound to an iommufd: %s", path,
				strerror(-rc));
		}
		return 0;
	}
}

int cdev_open(const struct device_request *request, const char *path, struct device_fds *fds)
{
	const struct device_calls *calls = request->calls;
	struct abi_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct abi_device_attach_iommufd_pt attach = {.argsz = sizeof(attach)};
	int rc;

	*fds = DEVICE_NO_FDS;
	fds->device = device_open_node(request, "VFIO device", path);
	if (fds->device < 0) {
		return fds->device;
	}
	fds->iommu = device_open_node(request, "iommufd", "/dev/iommu");
	if (fds->iommu < 0) {
		rc = fds->iommu;
		goto err;
	}
	rc = bind(request, path, fds);
	if (rc < 0) {
		goto err;
	}
	rc = device_ioctl(calls, fds->iommu, ABI_IOAS_ALLOC, &alloc);
	if (rc < 0) {
		device_why(request, rc, "/dev/iommu gives no address space: %s", strerror(-rc));
		goto err;
	}
	attach.pt_id = alloc.out_ioas_id;
	rc = device_ioctl(calls, fds->device, ABI_DEVICE_ATTACH_IOMMUFD_PT, &attach);
	if (rc < 0) {
		device_why(request, rc, "%s can't be attached to an address space: %s", path,
			strerror(-rc));
		goto err;
	}
	return 0;

err:
	device_fds_close(calls, fds);
	return rc;
}
