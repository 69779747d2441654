/* SPDX-License-Identifier: MIT */
/*
 * The kernel's iommufd and VFIO device-cdev calls (Linux 6.6 and later), under names of our own.
 *
 * Debian 12's headers (6.1) lack them, newer ones would clash with copies, so these are used even
 * where the headers are newer. Numbers and layouts are the kernel's ABI. Constants and structs only.
 */
#ifndef VFIO_ABI_H
#define VFIO_ABI_H

#include <stdint.h>

#include <linux/ioctl.h>

#define ABI_TYPE ';'

/* On /dev/iommu: a new, empty address space. */
#define ABI_IOAS_ALLOC _IO(ABI_TYPE, 0x81)

struct abi_ioas_alloc {
	uint32_t size; /* of this struct */
	uint32_t flags; /* 0 */
	uint32_t out_ioas_id;
};

/* On a device cdev: opens the device for this file. Everything else is refused before it. */
#define ABI_DEVICE_BIND_IOMMUFD _IO(ABI_TYPE, 100 + 18)

struct abi_device_bind_iommufd {
	uint32_t argsz;
	uint32_t flags; /* 0 */
	int32_t iommufd;
	uint32_t out_devid;
};

/* On a bound device cdev: where its DMA goes. */
#define ABI_DEVICE_ATTACH_IOMMUFD_PT _IO(ABI_TYPE, 100 + 19)

struct abi_device_attach_iommufd_pt {
	uint32_t argsz;
	uint32_t flags; /* 0 */
	uint32_t pt_id;
};

#endif
