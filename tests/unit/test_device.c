/* SPDX-License-Identifier: MIT */
/* The ways to open a device, call by call, against a kernel replaced at its system calls. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/fake_kernel.h"
#include "vfio/device.h"
#include "vfio/vgpu.h"

static char why[512];
static struct device_request request;

static int setup(void **state)
{
	fake_kernel_create();
	why[0] = '\0';
	request = (struct device_request){
		&fake_kernel_calls, fake_kernel.tree.root, why, sizeof(why)};
	return 0;
}

static int teardown(void **state)
{
	fake_kernel_destroy();
	return 0;
}

/* The two halves of opening in one; as the second, with errno. */
static struct vgpu *create(const struct device_request *with, int rc, struct device_found *found)
{
	if (rc < 0) {
		errno = -rc;
		return NULL;
	}
	return device_request_create(with, found);
}

static struct vgpu *request_mdev(const struct device_request *with, const char *uuid)
{
	struct device_found found;

	return create(with, device_request_mdev(with, uuid, &found), &found);
}

static struct vgpu *request_group(
	const struct device_request *with, const char *group, const char *uuid)
{
	struct device_found found;

	return create(with, device_request_group(with, group, uuid, &found), &found);
}

static struct vgpu *request_cdev(const struct device_request *with, const char *path)
{
	struct device_found found;

	return create(with, device_request_cdev(with, path, &found), &found);
}

static struct vgpu *request_fd(const struct device_request *with, int fd)
{
	struct device_found found;

	return create(with, device_request_fd(with, fd, &found), &found);
}

/* An error: its number, the line of text with these words in it, and nothing left open. */
static void assert_failed(const struct vgpu *vgpu, int error, const char *word, const char *other)
{
	int seen = errno;

	assert_null(vgpu);
	print_message("%s\n", why);
	assert_int_equal(seen, error);
	assert_non_null(strstr(why, word));
	assert_non_null(strstr(why, other));
	assert_null(strchr(why, '\n'));
	assert_int_equal(fake_kernel.open_count, 0);
}

#define PROBES "device 3b6b\ndevice 3b72 3\ndevice 3b72 5\ndevice 3b6c 32 7\n"
#define GROUP_SEQUENCE                                                                              \
	"open /dev/vfio/vfio\ncontainer 3b64\nopen /dev/vfio/7\ngroup 3b67\ngroup 3b68 container\n" \
	"container 3b65 3\ncontainer 3b66 3\ngroup 3b6a " TREE_UUID "\n"
#define CDEV_SEQUENCE                                                                              \
	"open /dev/vfio/devices/vfio0\nopen /dev/iommu\ndevice 3b76 16 0 iommu\niommu 3b81 12 0\n" \
	"device 3b77 12 0 77\n"

static void test_mdev_by_group(void **state)
{
	struct vgpu *vgpu;

	tree_mdev(&fake_kernel.tree, TREE_UUID, 1, 7);
	vgpu = request_mdev(&request, "4B20D080-1b54-4048-85b3-a6a62d165c01");
	assert_non_null(vgpu);
	assert_string_equal(fake_kernel.log, GROUP_SEQUENCE PROBES);
	assert_string_equal(vgpu_info(vgpu)->name, "mdev " TREE_UUID);
	assert_string_equal(vgpu_info(vgpu)->render_node, "/dev/dri/renderD128");
	assert_true(vgpu_info(vgpu)->dmabuf);
	assert_false(vgpu_info(vgpu)->edid.present);
	fake_kernel.log[0] = '\0';
	vgpu_destroy(vgpu);
	assert_string_equal(fake_kernel.log, "close device\nclose group\nclose container\n");
	assert_int_equal(fake_kernel.open_count, 0);
}

/* By where its configuration is: the upper bits of an offset name the region, but not for a sample. */
static void test_sample(void **state)
{
	static const struct {
		bool config, edid, sample;
		uint64_t offset;
	} cases[] = {
		{true, false, true, 0},
		{true, false, false, UINT64_C(7) << 40},
		{true, true, false, 0},
		{false, false, false, 0},
	};

	tree_mdev(&fake_kernel.tree, TREE_UUID, 1, 7);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fake_kernel.config = cases[i].config;
		fake_kernel.config_offset = cases[i].offset;
		fake_kernel.edid = cases[i].edid;
		struct vgpu *vgpu = request_mdev(&request, TREE_UUID);

		assert_non_null(vgpu);
		assert_int_equal(vgpu_info(vgpu)->sample, cases[i].sample);
		vgpu_destroy(vgpu);
	}
}

static void test_mdev_by_cdev(void **state)
{
	struct vgpu *vgpu;

	tree_mdev(&fake_kernel.tree, TREE_UUID, 1, 7);
	tree_cdev(&fake_kernel.tree, TREE_UUID);
	vgpu = request_mdev(&request, TREE_UUID);
	assert_non_null(vgpu);
	assert_string_equal(fake_kernel.log, CDEV_SEQUENCE PROBES);
	assert_string_equal(vgpu_info(vgpu)->name, "mdev " TREE_UUID);
	assert_string_equal(vgpu_info(vgpu)->render_node, "/dev/dri/renderD128");
	fake_kernel.log[0] = '\0';
	vgpu_destroy(vgpu);
	assert_string_equal(fake_kernel.log, "close device\nclose iommu\n");
}

/* A cdev in sysfs without a node, or without iommufd, is no way in. */
static void test_mdev_cdev_incomplete(void **state)
{
	struct vgpu *vgpu;

	tree_mdev(&fake_kernel.tree, TREE_UUID, 1, 7);
	tree_cdev(&fake_kernel.tree, TREE_UUID);
	tree_delete(&fake_kernel.tree, "/dev/iommu");
	vgpu = request_mdev(&request, TREE_UUID);
	assert_non_null(vgpu);
	assert_string_equal(fake_kernel.log, GROUP_SEQUENCE PROBES);
	vgpu_destroy(vgpu);

	fake_kernel.log[0] = '\0';
	tree_file(&fake_kernel.tree, "/dev/iommu", "");
	tree_delete(&fake_kernel.tree, "/dev/vfio/devices/vfio0");
	vgpu = request_mdev(&request, TREE_UUID);
	assert_non_null(vgpu);
	assert_string_equal(fake_kernel.log, GROUP_SEQUENCE PROBES);
	vgpu_destroy(vgpu);
}

static void test_mdev_errors(void **state)
{
	assert_failed(request_mdev(&request, "vgpu0"), EINVAL, "vgpu0", "not a UUID");
	assert_failed(request_mdev(&request, ""), EINVAL, "''", "not a UUID");
	assert_failed(
		request_mdev(&request, TREE_UUID), ENODEV, TREE_UUID, "/sys/bus/mdev/devices");
	tree_mdev(&fake_kernel.tree, TREE_UUID, 1, 7);
	tree_delete(&fake_kernel.tree,
		"/sys/devices/pci0000:00/0000:00:02.0/" TREE_UUID "/iommu_group");
	assert_failed(request_mdev(&request, TREE_UUID), ENODEV, TREE_UUID, "neither an IOMMU");
	assert_string_equal(fake_kernel.log, "");
}

static void test_group(void **state)
{
	struct vgpu *vgpu;

	tree_mdev(&fake_kernel.tree, TREE_UUID, 1, 7);
	vgpu = request_group(&request, "7", NULL);
	assert_non_null(vgpu);
	assert_string_equal(fake_kernel.log, GROUP_SEQUENCE PROBES);
	assert_string_equal(vgpu_info(vgpu)->name, TREE_UUID " in group 7");
	assert_string_equal(vgpu_info(vgpu)->render_node, "/dev/dri/renderD128");
	vgpu_destroy(vgpu);

	fake_kernel.log[0] = '\0';
	vgpu = request_group(&request, "/dev/vfio/7", TREE_UUID);
	assert_non_null(vgpu);
	assert_string_equal(fake_kernel.log, GROUP_SEQUENCE PROBES);
	vgpu_destroy(vgpu);

	/* A link that an administrator made. */
	fake_kernel.log[0] = '\0';
	tree_link(&fake_kernel.tree, "/dev/my-vgpu", "vfio/7");
	vgpu = request_group(&request, "/dev/my-vgpu", NULL);
	assert_non_null(vgpu);
	assert_string_equal(fake_kernel.log, GROUP_SEQUENCE PROBES);
	vgpu_destroy(vgpu);
}

static void test_group_of_several(void **state)
{
	struct vgpu *vgpu;

	tree_mdev(&fake_kernel.tree, TREE_UUID, 1, 7);
	tree_mdev(&fake_kernel.tree, TREE_OTHER_UUID, 0, 7);
	assert_failed(request_group(&request, "7", NULL), EINVAL, "holds 2 devices",
		TREE_UUID ", " TREE_OTHER_UUID);
	vgpu = request_group(&request, "7", TREE_UUID);
	assert_non_null(vgpu);
	assert_string_equal(fake_kernel.log, GROUP_SEQUENCE PROBES);
	vgpu_destroy(vgpu);
	assert_failed(request_group(&request, "7", "4b20d080-1b54-4048-85b3-a6a62d165c03"), ENODEV,
		"holds no device 4b20d080-1b54-4048-85b3-a6a62d165c03", TREE_UUID);
}

/* A virtual function goes by its PCI address. */
static void test_group_of_pci(void **state)
{
	struct vgpu *vgpu;

	tree_directory(&fake_kernel.tree, "/sys/devices/pci0000:00/0000:27:00.4");
	tree_link(&fake_kernel.tree, "/sys/kernel/iommu_groups/9/devices/0000:27:00.4",
		"../../../../devices/pci0000:00/0000:27:00.4");
	tree_file(&fake_kernel.tree, "/dev/vfio/vfio", "");
	tree_file(&fake_kernel.tree, "/dev/vfio/9", "");
	vgpu = request_group(&request, "9", NULL);
	assert_non_null(vgpu);
	assert_non_null(strstr(fake_kernel.log, "group 3b6a 0000:27:00.4\n"));
	assert_string_equal(vgpu_info(vgpu)->render_node, "");
	vgpu_destroy(vgpu);
}

static void test_group_errors(void **state)
{
	static const char *const bad[] = {
		"", "seven", "-7", "7x", "/dev/vfio/", "/dev/vfio/x", "99999999999", "/", " 7"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_failed(request_group(&request, bad[i], NULL), EINVAL, "not a VFIO group",
			"/dev/vfio/7");
	}
	assert_failed(request_group(&request, "7", "x"), EINVAL, "'x'", "not a UUID");
	assert_failed(request_group(&request, "7", NULL), ENOENT, "no IOMMU group 7",
		"/sys/kernel/iommu_groups");
	tree_directory(&fake_kernel.tree, "/sys/kernel/iommu_groups/7/devices");
	assert_failed(request_group(&request, "7", NULL), ENODEV, "group 7", "no device");
	assert_string_equal(fake_kernel.log, "");
}

/* Each step of the group's way fails in turn. */
static void test_group_steps(void **state)
{
	static const struct {
		const char *open;
		unsigned long ioctl;
		int error;
		const char *word, *other;
	} steps[] = {
		{"/dev/vfio/vfio", 0, ENOENT, "/dev/vfio/vfio", "loaded"},
		{"/dev/vfio/vfio", 0, EACCES, "/dev/vfio/vfio", "permission"},
		{"/dev/vfio/7", 0, ENOENT, "/dev/vfio/7", "loaded"},
		{"/dev/vfio/7", 0, EACCES, "/dev/vfio/7", "udev"},
		{"/dev/vfio/7", 0, EBUSY, "/dev/vfio/7", "--vm"},
		{"/dev/vfio/7", 0, EMFILE, "/dev/vfio/7", "Too many open files"},
		{NULL, 0x3b67, ENOTTY, "/dev/vfio/7", "does not answer"},
		{NULL, 0x3b68, EBUSY, "/dev/vfio/7", "container"},
		{NULL, 0x3b66, EPERM, "/dev/vfio/7", "type1"},
		{NULL, 0x3b6a, ESRCH, "KVM", "--vm"},
		{NULL, 0x3b6a, ENODEV, TREE_UUID, "holds no device"},
		{NULL, 0x3b6a, EBUSY, TREE_UUID, "--vm"},
		{NULL, 0x3b6a, EEXIST, TREE_UUID, "QEMU"},
		{NULL, 0x3b6a, EINVAL, TREE_UUID, "refuses"},
		{NULL, 0x3b6b, EIO, TREE_UUID, "does not answer"},
		{NULL, 0x3b72, ENODEV, TREE_UUID, "display planes"},
	};

	tree_mdev(&fake_kernel.tree, TREE_UUID, 1, 7);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		fake_kernel.fail_open = steps[i].open;
		fake_kernel.fail_ioctl = steps[i].ioctl;
		fake_kernel.fail_errno = steps[i].error;
		assert_failed(request_mdev(&request, TREE_UUID), steps[i].error, steps[i].word,
			steps[i].other);
	}
}

static void test_group_answers(void **state)
{
	struct vgpu *vgpu;

	tree_mdev(&fake_kernel.tree, TREE_UUID, 1, 7);
	fake_kernel.version = 1;
	assert_failed(request_mdev(&request, TREE_UUID), EPROTO, "/dev/vfio/vfio", "version 1");
	fake_kernel.version = 0;
	fake_kernel.group_flags = 0;
	assert_failed(request_mdev(&request, TREE_UUID), EPERM, "/dev/vfio/7", "not viable");
	fake_kernel.group_flags = 1;
	fake_kernel.extensions = 0;
	assert_failed(request_mdev(&request, TREE_UUID), ENOTSUP, "type1", "vfio_iommu_type1");

	/* An old kernel with version 1 alone; and signals come in between. */
	fake_kernel.extensions = 1 << 1;
	fake_kernel.interrupts = 3;
	fake_kernel.log[0] = '\0';
	vgpu = request_mdev(&request, TREE_UUID);
	assert_non_null(vgpu);
	assert_non_null(
		strstr(fake_kernel.log, "container 3b65 3\ncontainer 3b65 1\ncontainer 3b66 1\n"));
	vgpu_destroy(vgpu);
	assert_int_equal(fake_kernel.open_count, 0);
}

static void test_cdev(void **state)
{
	struct vgpu *vgpu;

	tree_mdev(&fake_kernel.tree, TREE_UUID, 1, 7);
	tree_cdev(&fake_kernel.tree, TREE_UUID);
	vgpu = request_cdev(&request, "/dev/vfio/devices/vfio0");
	assert_non_null(vgpu);
	assert_string_equal(fake_kernel.log, CDEV_SEQUENCE PROBES);
	assert_string_equal(vgpu_info(vgpu)->name, "cdev /dev/vfio/devices/vfio0");
	assert_string_equal(vgpu_info(vgpu)->render_node, "/dev/dri/renderD128");
	vgpu_destroy(vgpu);
	assert_int_equal(fake_kernel.open_count, 0);
}

static void test_cdev_steps(void **state)
{
	static const struct {
		const char *open;
		unsigned long ioctl;
		int error;
		const char *word, *other;
	} steps[] = {
		{"/dev/vfio/devices/vfio0", 0, ENOENT, "/dev/vfio/devices/vfio0", "does not exist"},
		{"/dev/vfio/devices/vfio0", 0, EACCES, "/dev/vfio/devices/vfio0", "permission"},
		{"/dev/iommu", 0, ENOENT, "/dev/iommu", "loaded"},
		{"/dev/iommu", 0, EACCES, "/dev/iommu", "permission"},
		{NULL, 0x3b76, EINVAL, "vfio0", "QEMU"},
		{NULL, 0x3b76, EBUSY, "vfio0", "QEMU"},
		{NULL, 0x3b76, ESRCH, "vfio0", "KVM"},
		{NULL, 0x3b76, ENOTTY, "vfio0", "not a VFIO device"},
		{NULL, 0x3b76, EIO, "vfio0", "bound"},
		{NULL, 0x3b81, ENOMEM, "/dev/iommu", "address space"},
		{NULL, 0x3b77, EINVAL, "vfio0", "attached"},
		{NULL, 0x3b6b, EIO, "vfio0", "does not answer"},
	};

	tree_mdev(&fake_kernel.tree, TREE_UUID, 1, 7);
	tree_cdev(&fake_kernel.tree, TREE_UUID);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		fake_kernel.fail_open = steps[i].open;
		fake_kernel.fail_ioctl = steps[i].ioctl;
		fake_kernel.fail_errno = steps[i].error;
		assert_failed(request_cdev(&request, "/dev/vfio/devices/vfio0"), steps[i].error,
			steps[i].word, steps[i].other);
	}
	assert_failed(
		request_cdev(&request, "vfio0"), EINVAL, "'vfio0'", "/dev/vfio/devices/vfio0");
	assert_failed(request_cdev(&request, "/dev/vfio/devices/"), EINVAL, "not the path",
		"/dev/vfio/devices/vfio0");
	assert_failed(request_cdev(&request, ""), EINVAL, "''", "not the path");
}

static void test_no_planes(void **state)
{
	tree_mdev(&fake_kernel.tree, TREE_UUID, 1, 7);
	fake_kernel.dmabuf = false;
	assert_failed(request_mdev(&request, TREE_UUID), ENOTSUP, TREE_UUID, "no display plane");
}

static void test_edid_region(void **state)
{
	static const uint32_t registers[] = {2048, 1024, 0, 1920, 1440, 0};
	struct vgpu *vgpu;

	tree_mdev(&fake_kernel.tree, TREE_UUID, 0, 7);
	fake_kernel.edid = true;
	memcpy(fake_kernel.edid_bytes, registers, sizeof(registers));
	vgpu = request_mdev(&request, TREE_UUID);
	assert_non_null(vgpu);
	/* Two steps, the second with the size that the first one told. */
	assert_string_equal(fake_kernel.log,
		GROUP_SEQUENCE
		"device 3b6b\ndevice 3b6c 32 9\ndevice 3b6c 48 9\ndevice 3b72 3\ndevice 3b72 5\n");
	assert_string_equal(vgpu_info(vgpu)->render_node, "");
	assert_true(vgpu_info(vgpu)->edid.present);
	assert_int_equal(vgpu_info(vgpu)->edid.max_size, 1024);
	assert_int_equal(vgpu_info(vgpu)->edid.max_xres, 1920);
	assert_int_equal(vgpu_info(vgpu)->edid.max_yres, 1440);
	assert_int_equal(vgpu_edid_unplug(vgpu), 0);
	assert_int_equal(fake_kernel.edid_bytes[20], 2);
	vgpu_destroy(vgpu);

	/* Another type of region, and a chain of capabilities that leads nowhere or in circles. */
	for (uint32_t next = 1; next < 80; next += 13) {
		fake_kernel.edid_cap_next = next;
		vgpu = request_mdev(&request, TREE_UUID);
		assert_non_null(vgpu);
		assert_false(vgpu_info(vgpu)->edid.present);
		assert_int_equal(vgpu_edid_unplug(vgpu), -ENOTSUP);
		vgpu_destroy(vgpu);
	}
}

/* mdpy: a region beyond num_regions, mapped and never read. */
static void test_region(void **state)
{
	struct vgpu *vgpu;
	struct vgpu_query query;
	struct vgpu_buffer *buffer;
	enum plane_refusal refusal;

	tree_mdev(&fake_kernel.tree, TREE_UUID, 0, 7);
	fake_kernel.dmabuf = false;
	fake_kernel.region = true;
	vgpu = request_mdev(&request, TREE_UUID);
	assert_non_null(vgpu);
	assert_int_equal(vgpu_query(vgpu, PLANE_PRIMARY, &query), VGPU_PICTURE);
	assert_int_equal(query.plane.id, FAKE_DISPLAY_REGION);
	fake_kernel.log[0] = '\0';
	assert_int_equal(vgpu_buffer_get(vgpu, &query.plane, &buffer, &refusal), -EPROTO);
	assert_int_equal(refusal, PLANE_REGION_SHORT);
	assert_string_equal(fake_kernel.log,
		"device 3b6c 32 16\nmmap device 8192 read shared at 16\nmunmap 8192\n");

	query.plane.stride = 128;
	query.plane.width = 32;
	assert_int_equal(vgpu_buffer_get(vgpu, &query.plane, &buffer, &refusal), 0);
	assert_int_equal(buffer->map_size, FAKE_DISPLAY_SIZE);
	vgpu_buffer_put(buffer);

	/* Not for mapping, not to be mapped, not there, no memory. */
	fake_kernel.region_flags = 1;
	assert_int_equal(vgpu_buffer_get(vgpu, &query.plane, &buffer, &refusal), -EPROTO);
	assert_int_equal(refusal, PLANE_REGION_MISSING);
	fake_kernel.region_flags = 5;
	fake_kernel.fail_open = "mmap";
	fake_kernel.fail_errno = EINVAL;
	assert_int_equal(vgpu_buffer_get(vgpu, &query.plane, &buffer, &refusal), -EPROTO);
	assert_int_equal(refusal, PLANE_REGION_MISSING);
	fake_kernel.fail_errno = ENOMEM;
	assert_int_equal(vgpu_buffer_get(vgpu, &query.plane, &buffer, &refusal), -ENOMEM);
	query.plane.id = 5;
	assert_int_equal(vgpu_buffer_get(vgpu, &query.plane, &buffer, &refusal), -EPROTO);
	assert_int_equal(refusal, PLANE_REGION_MISSING);
	vgpu_destroy(vgpu);
	assert_int_equal(fake_kernel.open_count, 0);
}

static void test_fetch(void **state)
{
	struct vgpu *vgpu;
	struct vgpu_query query;
	struct vgpu_buffer *buffer;
	enum plane_refusal refusal;

	tree_mdev(&fake_kernel.tree, TREE_UUID, 1, 7);
	vgpu = request_mdev(&request, TREE_UUID);
	assert_non_null(vgpu);
	fake_kernel.log[0] = '\0';
	assert_int_equal(vgpu_query(vgpu, PLANE_PRIMARY, &query), VGPU_PICTURE);
	assert_int_equal(vgpu_buffer_get(vgpu, &query.plane, &buffer, &refusal), -ESTALE);
	assert_string_equal(fake_kernel.log, "device 3b72 2\ndevice 3b73 3\n");
	vgpu_destroy(vgpu);
}

/* An fd from elsewhere; /proc in the tree says what it is. */
static void inherit(const char *file)
{
	char path[64];

	fake_kernel.inherited = memfd_create("device", 0);
	assert_true(fake_kernel.inherited >= 0);
	fake_kernel.open_count = 1;
	fake_kernel.log[0] = '\0';
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fake_kernel.inherited);
	tree_link(&fake_kernel.tree, path, file);
}

static void inherit_info(const char *text)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fake_kernel.inherited);
	tree_file(&fake_kernel.tree, path, text);
}

static void assert_closed(int fd)
{
	char path[64];

	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(fake_kernel.open_count, 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	tree_delete(&fake_kernel.tree, path);
}

static void test_fd(void **state)
{
	struct vgpu *vgpu;
	char name[32];

	tree_mdev(&fake_kernel.tree, TREE_UUID, 1, 7);
	tree_cdev(&fake_kernel.tree, TREE_UUID);
	inherit("anon_inode:[vfio-device]");
	inherit_info("pos:\t0\nflags:\t02\n");
	vgpu = request_fd(&request, fake_kernel.inherited);
	assert_non_null(vgpu);
	assert_string_equal(fake_kernel.log, "device 3b6b\n" PROBES);
	assert_true(fcntl(fake_kernel.inherited, F_GETFD) & FD_CLOEXEC);
	snprintf(name, sizeof(name), "fd %d", fake_kernel.inherited);
	assert_string_equal(vgpu_info(vgpu)->name, name);
	assert_string_equal(vgpu_info(vgpu)->render_node, "");
	vgpu_destroy(vgpu);
	assert_closed(fake_kernel.inherited);

	/* Linux 6.18 tells where the device is. */
	inherit("anon_inode:[vfio-device]");
	inherit_info(
		"pos:\t0\nvfio-device-syspath:\t/sys/devices/pci0000:00/0000:00:02.0/" TREE_UUID
		"\n");
	vgpu = request_fd(&request, fake_kernel.inherited);
	assert_non_null(vgpu);
	assert_string_equal(vgpu_info(vgpu)->render_node, "/dev/dri/renderD128");
	vgpu_destroy(vgpu);
	assert_closed(fake_kernel.inherited);

	/* A cdev's name does, too. */
	inherit("/dev/vfio/devices/vfio0");
	vgpu = request_fd(&request, fake_kernel.inherited);
	assert_non_null(vgpu);
	assert_string_equal(vgpu_info(vgpu)->render_node, "/dev/dri/renderD128");
	vgpu_destroy(vgpu);
	assert_closed(fake_kernel.inherited);
}

static void test_fd_errors(void **state)
{
	assert_failed(request_fd(&request, -1), EBADF, "fd -1", "not open");
	assert_failed(request_fd(&request, 999999), EBADF, "fd 999999", "not open");

	inherit("/dev/vfio/vfio");
	fake_kernel.fail_ioctl = 0x3b6b;
	fake_kernel.fail_errno = ENOTTY;
	assert_failed(request_fd(&request, fake_kernel.inherited), ENOTTY, "/dev/vfio/vfio",
		"not a VFIO device");
	assert_closed(fake_kernel.inherited);

	inherit("/dev/vfio/devices/vfio0");
	fake_kernel.fail_errno = EINVAL;
	assert_failed(request_fd(&request, fake_kernel.inherited), EINVAL,
		"/dev/vfio/devices/vfio0", "not bound");
	assert_closed(fake_kernel.inherited);
}

static void assert_refused(int rc, int error, const char *word, const char *other)
{
	errno = -rc;
	assert_failed(NULL, error, word, other);
}

/* With the true kernel: what there certainly isn't. */
static void test_real_kernel(void **state)
{
	struct device_found found;
	int fd;

	assert_refused(device_find_mdev("", "00000000-0000-4000-8000-000000000000", &found, why,
			       sizeof(why)),
		ENODEV, "00000000-0000-4000-8000-000000000000", "create");
	assert_refused(device_find_group("", "2147483647", NULL, &found, why, sizeof(why)), ENOENT,
		"2147483647", "no IOMMU group");
	assert_refused(device_find_cdev("", "/nonexistent/vfio0", &found, why, sizeof(why)), ENOENT,
		"/nonexistent/vfio0", "does not exist");
	assert_true(device_find_cdev("", "/dev/null", &found, why, sizeof(why)) < 0);
	assert_true(strlen(why) > 0);
	fd = memfd_create("not a device", 0);
	assert_refused(device_find_fd("", fd, &found, why, sizeof(why)), ENOTTY,
		"memfd:not a device", "not a VFIO device");
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

/* The fixed number is never free for anything else, and a device goes in and out of it at once. */
static void test_number(void **state)
{
	struct device_found found = {.fds = DEVICE_NO_FDS};
	char name[64];
	int other = fcntl(0, F_DUPFD_CLOEXEC, DEVICE_FD_NUMBER);

	assert_int_equal(other, DEVICE_FD_NUMBER);
	assert_int_equal(device_reserve_number(-1), -EBUSY);
	close(other);
	assert_int_equal(device_reserve_number(-1), 0);
	assert_true(fcntl(0, F_DUPFD_CLOEXEC, DEVICE_FD_NUMBER) > DEVICE_FD_NUMBER + 1);
	assert_int_equal(write(DEVICE_FD_NUMBER, "x", 1), -1);

	for (int i = 0; i < 2; i++) {
		struct device_request real = {&device_kernel_calls, "", why, sizeof(why)};

		found.fds.device = memfd_create("device", MFD_CLOEXEC);
		other = found.fds.device;
		assert_int_equal(device_take_number(&found), 0);
		assert_int_equal(fcntl(other, F_GETFD), -1);
		assert_int_equal(found.fds.device, DEVICE_FD_NUMBER);
		assert_int_equal(fcntl(DEVICE_FD_NUMBER, F_GETFD), FD_CLOEXEC);
		device_name_fd(&real, "self", DEVICE_FD_NUMBER, name, sizeof(name));
		assert_non_null(strstr(name, "memfd:device"));
		device_found_close(&found);
		device_name_fd(&real, "self", DEVICE_FD_NUMBER, name, sizeof(name));
		assert_string_equal(name, "/");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_mdev_by_group, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sample, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mdev_by_cdev, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mdev_cdev_incomplete, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mdev_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_group, setup, teardown),
		cmocka_unit_test_setup_teardown(test_group_of_several, setup, teardown),
		cmocka_unit_test_setup_teardown(test_group_of_pci, setup, teardown),
		cmocka_unit_test_setup_teardown(test_group_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_group_steps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_group_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cdev, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cdev_steps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_planes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_edid_region, setup, teardown),
		cmocka_unit_test_setup_teardown(test_region, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fetch, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fd, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fd_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_real_kernel, setup, teardown),
		cmocka_unit_test(test_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
