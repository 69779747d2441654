// SPDX-License-Identifier: (MIT OR GPL-2.0)
/*
 * A mediated display device for tests: it shows whatever it is told to through sysfs.
 *
 * The kernel's samples have no cursor plane, never flip, never use an id again and never fail on
 * demand. Here every field that VFIO_DEVICE_QUERY_GFX_PLANE returns is set from outside, below the
 * mdev device's directory:
 *
 *   vbtest/control    write: "KEY=VALUE ..." (all of one write take effect at once), keys below
 *   vbtest/buffer0-5  read, write: the memory of a buffer, after "bufferN=BYTES" has made it
 *   vbtest/status     read: counters, and what has been written to the EDID registers
 *   vbtest/edid       read: the EDID blob
 *
 * It is as strict about its EDID region as GVT-g: 4-byte accesses to registers, errors for
 * read-only ones, for a blob past edid_size and for a bad checksum at link up.
 */
#include <linux/device.h>
#include <linux/dma-buf.h>
#include <linux/kref.h>
#include <linux/mdev.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vfio.h>
#include <linux/vmalloc.h>

#include <drm/drm_plane.h>

#define VB_BUFFERS 6
#define VB_BUFFER_MAX (64u << 20)
#define VB_EDID_REGION VFIO_PCI_NUM_REGIONS
#define VB_EDID_BLOB 0x800
#define VB_EDID_MAX 0x400
#define VB_REGION_SHIFT 40
#define VB_CONFIG_SIZE 256

struct vb_buffer {
	struct kref ref;
	size_t size;
	void *data;
};

/* All that "control" sets by name. The position is signed in truth, but travels as it is. */
struct vb_plane {
	u64 on, buffer, id, width, height, stride, size, format, modifier, x, y, hotx, hoty;
};

struct vb_setup {
	struct vb_plane primary, cursor;
	u64 query_error, query_fails; /* the next query_fails queries answer -query_error */
	u64 fetch_error, fetch_fails;
	u64 edid_max, max_xres, max_yres;
};

struct vb_device {
	struct vfio_device vdev;
	struct mutex lock; /* all below */
	struct vb_setup setup;
	struct vb_buffer *buffers[VB_BUFFERS];
	u64 calls, queries, cursor_queries, fetches, opens;
	u32 edid_size, link_state, link_ups;
	u8 edid[VB_EDID_MAX];
	u8 config[VB_CONFIG_SIZE];
};

static atomic_t vb_exported = ATOMIC_INIT(0);
static const struct class vb_class = {.name = "vbtest"};
static struct device *vb_parent_device;
static struct mdev_parent vb_parent;

#define VB_KEY(name, field)                            \
	{                                              \
		name, offsetof(struct vb_setup, field) \
	}
#define VB_PLANE_KEYS(plane)                                                                    \
	VB_KEY(#plane ".on", plane.on), VB_KEY(#plane ".buffer", plane.buffer),                 \
		VB_KEY(#plane ".id", plane.id), VB_KEY(#plane ".width", plane.width),           \
		VB_KEY(#plane ".height", plane.height), VB_KEY(#plane ".stride", plane.stride), \
		VB_KEY(#plane ".size", plane.size), VB_KEY(#plane ".format", plane.format),     \
		VB_KEY(#plane ".modifier", plane.modifier), VB_KEY(#plane ".x", plane.x),       \
		VB_KEY(#plane ".y", plane.y), VB_KEY(#plane ".hotx", plane.hotx),               \
		VB_KEY(#plane ".hoty", plane.hoty)

static const struct {
	const char *name;
	size_t offset;
} vb_keys[] = {
	VB_PLANE_KEYS(primary),
	VB_PLANE_KEYS(cursor),
	VB_KEY("query.error", query_error),
	VB_KEY("query.fails", query_fails),
	VB_KEY("fetch.error", fetch_error),
	VB_KEY("fetch.fails", fetch_fails),
	VB_KEY("edid.max", edid_max),
	VB_KEY("edid.xres", max_xres),
	VB_KEY("edid.yres", max_yres),
};

static struct vb_device *vb_from_vdev(struct vfio_device *vdev)
{
	return container_of(vdev, struct vb_device, vdev);
}

/* Buffers: plain vmalloc memory, alive as long as the device or a dma-buf wants it. */

static void vb_buffer_free(struct kref *ref)
{
	struct vb_buffer *buffer = container_of(ref, struct vb_buffer, ref);

	vfree(buffer->data);
	kfree(buffer);
}

static void vb_buffer_put(struct vb_buffer *buffer)
{
	if (buffer)
		kref_put(&buffer->ref, vb_buffer_free);
}

static struct vb_buffer *vb_buffer_make(size_t size)
{
	struct vb_buffer *buffer = kzalloc(sizeof(*buffer), GFP_KERNEL);

	if (!buffer)
		return NULL;
	kref_init(&buffer->ref);
	buffer->size = PAGE_ALIGN(size);
	buffer->data = vmalloc_user(buffer->size);
	if (!buffer->data) {
		kfree(buffer);
		return NULL;
	}
	return buffer;
}

static struct sg_table *vb_dmabuf_map(struct dma_buf_attachment *at, enum dma_data_direction dir)
{
	struct vb_buffer *buffer = at->dmabuf->priv;
	unsigned int i, count = buffer->size >> PAGE_SHIFT;
	struct page **pages = kvcalloc(count, sizeof(*pages), GFP_KERNEL);
	struct sg_table *table = kzalloc(sizeof(*table), GFP_KERNEL);
	int ret = -ENOMEM;

	if (!pages || !table)
		goto fail;
	for (i = 0; i < count; i++)
		pages[i] = vmalloc_to_page(buffer->data + i * PAGE_SIZE);
	ret = sg_alloc_table_from_pages(table, pages, count, 0, buffer->size, GFP_KERNEL);
	if (ret)
		goto fail;
	ret = dma_map_sgtable(at->dev, table, dir, 0);
	if (ret) {
		sg_free_table(table);
		goto fail;
	}
	kvfree(pages);
	return table;

fail:
	kvfree(pages);
	kfree(table);
	return ERR_PTR(ret);
}

static void vb_dmabuf_unmap(
	struct dma_buf_attachment *at, struct sg_table *table, enum dma_data_direction dir)
{
	dma_unmap_sgtable(at->dev, table, dir, 0);
	sg_free_table(table);
	kfree(table);
}

static int vb_dmabuf_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct vb_buffer *buffer = dmabuf->priv;

	return remap_vmalloc_range(vma, buffer->data, vma->vm_pgoff);
}

static void vb_dmabuf_release(struct dma_buf *dmabuf)
{
	vb_buffer_put(dmabuf->priv);
	atomic_dec(&vb_exported);
}

static const struct dma_buf_ops vb_dmabuf_ops = {
	.map_dma_buf = vb_dmabuf_map,
	.unmap_dma_buf = vb_dmabuf_unmap,
	.mmap = vb_dmabuf_mmap,
	.release = vb_dmabuf_release,
};

/* A new dma-buf each time, as GVT-g does. */
static int vb_fetch(struct vb_device *vb, u32 id)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct vb_plane *plane = NULL;
	struct vb_buffer *buffer;
	struct dma_buf *dmabuf;
	int fd;

	vb->fetches++;
	if (vb->setup.fetch_fails) {
		vb->setup.fetch_fails--;
		return -(int)vb->setup.fetch_error;
	}
	if (vb->setup.primary.on && vb->setup.primary.id == id)
		plane = &vb->setup.primary;
	else if (vb->setup.cursor.on && vb->setup.cursor.id == id)
		plane = &vb->setup.cursor;
	if (!plane || plane->buffer >= VB_BUFFERS || !vb->buffers[plane->buffer])
		return -EINVAL;

	buffer = vb->buffers[plane->buffer];
	info.ops = &vb_dmabuf_ops;
	info.size = buffer->size;
	info.flags = O_RDWR;
	info.priv = buffer;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	kref_get(&buffer->ref);
	atomic_inc(&vb_exported);
	fd = dma_buf_fd(dmabuf, O_CLOEXEC);
	if (fd < 0)
		dma_buf_put(dmabuf);
	return fd;
}

static int vb_query(struct vb_device *vb, struct vfio_device_gfx_plane_info *info)
{
	const struct vb_plane *plane;

	if (info->flags & VFIO_GFX_PLANE_TYPE_PROBE)
		return info->flags == (VFIO_GFX_PLANE_TYPE_PROBE | VFIO_GFX_PLANE_TYPE_DMABUF)
			? 0
			: -EINVAL;
	if (info->flags != VFIO_GFX_PLANE_TYPE_DMABUF)
		return -EINVAL;
	if (info->drm_plane_type == DRM_PLANE_TYPE_PRIMARY) {
		plane = &vb->setup.primary;
		vb->queries++;
	} else if (info->drm_plane_type == DRM_PLANE_TYPE_CURSOR) {
		plane = &vb->setup.cursor;
		vb->cursor_queries++;
	} else {
		return -EINVAL;
	}
	if (vb->setup.query_fails) {
		vb->setup.query_fails--;
		return -(int)vb->setup.query_error;
	}
	/* GVT-g leaves the answer alone where a plane is off; callers must have zeroed it. */
	if (!plane->on)
		return 0;
	info->drm_format = plane->format;
	info->drm_format_mod = plane->modifier;
	info->width = plane->width;
	info->height = plane->height;
	info->stride = plane->stride;
	info->size = plane->size;
	info->x_pos = plane->x;
	info->y_pos = plane->y;
	info->x_hot = plane->hotx;
	info->y_hot = plane->hoty;
	info->dmabuf_id = plane->id;
	return 0;
}

/* The EDID region, one access of 1, 2 or 4 bytes at a time. */
static int vb_edid_access(struct vb_device *vb, u32 pos, void *data, u32 count, bool write)
{
	u32 value, i;
	u8 sum = 0;

	if (pos >= VB_EDID_BLOB) {
		pos -= VB_EDID_BLOB;
		if (pos + count > vb->edid_size)
			return -EINVAL;
		if (write)
			memcpy(vb->edid + pos, data, count);
		else
			memcpy(data, vb->edid + pos, count);
		return 0;
	}
	if (count != 4 || pos + count > sizeof(struct vfio_region_gfx_edid))
		return -EINVAL;
	if (write) {
		memcpy(&value, data, 4);
		switch (pos) {
		case offsetof(struct vfio_region_gfx_edid, edid_size):
			if (value > vb->setup.edid_max)
				return -EINVAL;
			vb->edid_size = value;
			return 0;
		case offsetof(struct vfio_region_gfx_edid, link_state):
			if (value == VFIO_DEVICE_GFX_LINK_STATE_UP) {
				for (i = 0; i < vb->edid_size; i++)
					sum += vb->edid[i];
				if (sum || !vb->edid_size)
					return -EINVAL;
				vb->link_ups++;
			} else if (value != VFIO_DEVICE_GFX_LINK_STATE_DOWN) {
				return -EINVAL;
			}
			vb->link_state = value;
			return 0;
		default:
			return -EPERM;
		}
	}
	switch (pos) {
	case offsetof(struct vfio_region_gfx_edid, edid_offset):
		value = VB_EDID_BLOB;
		break;
	case offsetof(struct vfio_region_gfx_edid, edid_max_size):
		value = vb->setup.edid_max;
		break;
	case offsetof(struct vfio_region_gfx_edid, edid_size):
		value = vb->edid_size;
		break;
	case offsetof(struct vfio_region_gfx_edid, max_xres):
		value = vb->setup.max_xres;
		break;
	case offsetof(struct vfio_region_gfx_edid, max_yres):
		value = vb->setup.max_yres;
		break;
	case offsetof(struct vfio_region_gfx_edid, link_state):
		value = vb->link_state;
		break;
	default:
		return -EINVAL;
	}
	memcpy(data, &value, 4);
	return 0;
}

static int vb_access(struct vb_device *vb, loff_t at, void *data, u32 count, bool write)
{
	u32 region = at >> VB_REGION_SHIFT;
	u64 pos = at & ((1ull << VB_REGION_SHIFT) - 1);

	if (region == VB_EDID_REGION && pos + count <= VB_EDID_BLOB + VB_EDID_MAX)
		return vb_edid_access(vb, pos, data, count, write);
	if (region == VFIO_PCI_CONFIG_REGION_INDEX && pos + count <= VB_CONFIG_SIZE) {
		if (!write)
			memcpy(data, vb->config + pos, count);
		return 0;
	}
	return -EINVAL;
}

static ssize_t vb_rw(
	struct vfio_device *vdev, char __user *buf, size_t count, loff_t *ppos, bool write)
{
	struct vb_device *vb = vb_from_vdev(vdev);
	size_t done = 0;
	int ret = 0;

	mutex_lock(&vb->lock);
	vb->calls++;
	while (done < count) {
		u32 piece = (count - done >= 4 && !(*ppos % 4)) ? 4 : 1;
		u32 value = 0;

		ret = -EFAULT;
		if (write && copy_from_user(&value, buf + done, piece))
			break;
		ret = vb_access(vb, *ppos, &value, piece, write);
		if (ret)
			break;
		if (!write && copy_to_user(buf + done, &value, piece)) {
			ret = -EFAULT;
			break;
		}
		done += piece;
		*ppos += piece;
	}
	mutex_unlock(&vb->lock);
	return done ? done : ret;
}

static ssize_t vb_read(struct vfio_device *vdev, char __user *buf, size_t count, loff_t *ppos)
{
	return vb_rw(vdev, buf, count, ppos, false);
}

static ssize_t vb_write(
	struct vfio_device *vdev, const char __user *buf, size_t count, loff_t *ppos)
{
	return vb_rw(vdev, (char __user *)buf, count, ppos, true);
}

static long vb_region_info(void __user *user)
{
	struct {
		struct vfio_region_info base;
		struct vfio_region_info_cap_type type;
	} info = {};
	size_t minsz = offsetofend(struct vfio_region_info, offset);
	size_t outsz = minsz;

	if (copy_from_user(&info, user, minsz))
		return -EFAULT;
	if (info.base.argsz < minsz || info.base.index > VB_EDID_REGION)
		return -EINVAL;
	info.base.offset = (u64)info.base.index << VB_REGION_SHIFT;
	info.base.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	info.base.size = 0;
	info.base.cap_offset = 0;
	if (info.base.index == VFIO_PCI_CONFIG_REGION_INDEX) {
		info.base.size = VB_CONFIG_SIZE;
	} else if (info.base.index == VB_EDID_REGION) {
		info.base.size = PAGE_SIZE;
		info.base.flags |= VFIO_REGION_INFO_FLAG_CAPS;
		if (info.base.argsz >= sizeof(info)) {
			info.base.cap_offset = sizeof(info.base);
			info.type.header.id = VFIO_REGION_INFO_CAP_TYPE;
			info.type.header.version = 1;
			info.type.type = VFIO_REGION_TYPE_GFX;
			info.type.subtype = VFIO_REGION_SUBTYPE_GFX_EDID;
			outsz = sizeof(info);
		}
		info.base.argsz = sizeof(info);
	} else {
		info.base.flags = 0;
	}
	return copy_to_user(user, &info, outsz) ? -EFAULT : 0;
}

static long vb_ioctl(struct vfio_device *vdev, unsigned int cmd, unsigned long arg)
{
	struct vb_device *vb = vb_from_vdev(vdev);
	void __user *user = (void __user *)arg;
	struct vfio_device_gfx_plane_info plane = {};
	struct vfio_device_info info = {};
	struct vfio_irq_info irq = {};
	size_t minsz;
	long ret;
	u32 id;

	mutex_lock(&vb->lock);
	vb->calls++;
	ret = -EFAULT;
	switch (cmd) {
	case VFIO_DEVICE_GET_INFO:
		minsz = offsetofend(struct vfio_device_info, num_irqs);
		if (copy_from_user(&info, user, minsz))
			break;
		info.flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
		info.num_regions = VB_EDID_REGION + 1;
		info.num_irqs = VFIO_PCI_NUM_IRQS;
		ret = info.argsz < minsz ? -EINVAL : copy_to_user(user, &info, minsz) ? -EFAULT : 0;
		break;
	case VFIO_DEVICE_GET_REGION_INFO:
		ret = vb_region_info(user);
		break;
	case VFIO_DEVICE_GET_IRQ_INFO:
		minsz = offsetofend(struct vfio_irq_info, count);
		if (copy_from_user(&irq, user, minsz))
			break;
		irq.count = 0;
		ret = copy_to_user(user, &irq, minsz) ? -EFAULT : 0;
		break;
	case VFIO_DEVICE_QUERY_GFX_PLANE:
		minsz = offsetofend(struct vfio_device_gfx_plane_info, dmabuf_id);
		if (copy_from_user(&plane, user, minsz))
			break;
		ret = plane.argsz < minsz ? -EINVAL : vb_query(vb, &plane);
		if (!ret && copy_to_user(user, &plane, minsz))
			ret = -EFAULT;
		break;
	case VFIO_DEVICE_GET_GFX_DMABUF:
		if (!get_user(id, (u32 __user *)user))
			ret = vb_fetch(vb, id);
		break;
	case VFIO_DEVICE_RESET:
		ret = 0;
		break;
	default:
		ret = -ENOTTY;
	}
	mutex_unlock(&vb->lock);
	return ret;
}

/* sysfs */

static int vb_control_one(struct vb_device *vb, struct vb_setup *setup, char *key, u64 value)
{
	struct vb_buffer *buffer;
	size_t i;

	if (!strncmp(key, "buffer", 6) && key[6] >= '0' && key[6] < '0' + VB_BUFFERS && !key[7]) {
		if (!value || value > VB_BUFFER_MAX)
			return -EINVAL;
		buffer = vb_buffer_make(value);
		if (!buffer)
			return -ENOMEM;
		vb_buffer_put(vb->buffers[key[6] - '0']);
		vb->buffers[key[6] - '0'] = buffer;
		return 0;
	}
	for (i = 0; i < ARRAY_SIZE(vb_keys); i++) {
		if (!strcmp(key, vb_keys[i].name)) {
			*(u64 *)((char *)setup + vb_keys[i].offset) = value;
			return 0;
		}
	}
	return -EINVAL;
}

static ssize_t control_store(
	struct device *dev, struct device_attribute *attr, const char *buf, size_t count)
{
	struct vb_device *vb = dev_get_drvdata(dev);
	char *text = kstrndup(buf, count, GFP_KERNEL), *rest = text, *word, *value;
	struct vb_setup setup;
	u64 number;
	int ret = 0;

	if (!text)
		return -ENOMEM;
	mutex_lock(&vb->lock);
	setup = vb->setup;
	while (!ret && (word = strsep(&rest, " \n"))) {
		if (!*word)
			continue;
		value = strchr(word, '=');
		ret = -EINVAL;
		if (!value)
			break;
		*value++ = 0;
		ret = kstrtou64(value, 0, &number);
		if (!ret)
			ret = vb_control_one(vb, &setup, word, number);
	}
	if (!ret)
		vb->setup = setup;
	mutex_unlock(&vb->lock);
	kfree(text);
	return ret ? ret : count;
}
static DEVICE_ATTR_WO(control);

static ssize_t status_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct vb_device *vb = dev_get_drvdata(dev);
	ssize_t length;

	mutex_lock(&vb->lock);
	length = sysfs_emit(buf,
		"calls=%llu\nqueries=%llu\ncursor_queries=%llu\nfetches=%llu\nopens=%llu\n"
		"exported=%d\nquery_fails=%llu\nfetch_fails=%llu\nedid_size=%u\nlink_state=%u\n"
		"link_ups=%u\n",
		vb->calls, vb->queries, vb->cursor_queries, vb->fetches, vb->opens,
		atomic_read(&vb_exported), vb->setup.query_fails, vb->setup.fetch_fails,
		vb->edid_size, vb->link_state, vb->link_ups);
	mutex_unlock(&vb->lock);
	return length;
}
static DEVICE_ATTR_RO(status);

static ssize_t vb_edid_show(struct file *file, struct kobject *kobj, struct bin_attribute *attr,
	char *buf, loff_t at, size_t count)
{
	struct vb_device *vb = dev_get_drvdata(kobj_to_dev(kobj));
	ssize_t length;

	mutex_lock(&vb->lock);
	length = memory_read_from_buffer(buf, count, &at, vb->edid, vb->edid_size);
	mutex_unlock(&vb->lock);
	return length;
}

static ssize_t vb_buffer_access(struct kobject *kobj, struct bin_attribute *attr, char *buf,
	loff_t at, size_t count, bool write)
{
	struct vb_device *vb = dev_get_drvdata(kobj_to_dev(kobj));
	struct vb_buffer *buffer;
	ssize_t ret = -ENODATA;

	mutex_lock(&vb->lock);
	buffer = vb->buffers[(unsigned long)attr->private];
	if (buffer) {
		ret = 0;
		if (at < buffer->size)
			ret = min_t(size_t, count, buffer->size - at);
		else if (write)
			ret = -ENOSPC;
		if (ret > 0 && write)
			memcpy(buffer->data + at, buf, ret);
		else if (ret > 0)
			memcpy(buf, buffer->data + at, ret);
	}
	mutex_unlock(&vb->lock);
	return ret;
}

static ssize_t vb_buffer_read(struct file *file, struct kobject *kobj, struct bin_attribute *attr,
	char *buf, loff_t at, size_t count)
{
	return vb_buffer_access(kobj, attr, buf, at, count, false);
}

static ssize_t vb_buffer_write(struct file *file, struct kobject *kobj, struct bin_attribute *attr,
	char *buf, loff_t at, size_t count)
{
	return vb_buffer_access(kobj, attr, buf, at, count, true);
}

#define VB_BUFFER_ATTR(n)                                    \
	static struct bin_attribute vb_buffer##n = {         \
		.attr = {.name = "buffer" #n, .mode = 0600}, \
		.private = (void *)n##ul,                    \
		.read = vb_buffer_read,                      \
		.write = vb_buffer_write,                    \
	}
VB_BUFFER_ATTR(0);
VB_BUFFER_ATTR(1);
VB_BUFFER_ATTR(2);
VB_BUFFER_ATTR(3);
VB_BUFFER_ATTR(4);
VB_BUFFER_ATTR(5);

static struct bin_attribute vb_edid_attr = {
	.attr = {.name = "edid", .mode = 0400},
	.read = vb_edid_show,
};

static struct attribute *vb_attrs[] = {&dev_attr_control.attr, &dev_attr_status.attr, NULL};
static struct bin_attribute *vb_bin_attrs[] = {&vb_buffer0, &vb_buffer1, &vb_buffer2, &vb_buffer3,
	&vb_buffer4, &vb_buffer5, &vb_edid_attr, NULL};
static const struct attribute_group vb_group = {
	.name = "vbtest",
	.attrs = vb_attrs,
	.bin_attrs = vb_bin_attrs,
};
static const struct attribute_group *vb_groups[] = {&vb_group, NULL};

/* The mdev device */

static int vb_open_device(struct vfio_device *vdev)
{
	struct vb_device *vb = vb_from_vdev(vdev);

	mutex_lock(&vb->lock);
	vb->opens++;
	mutex_unlock(&vb->lock);
	return 0;
}

static void vb_close_device(struct vfio_device *vdev)
{
}

static int vb_init(struct vfio_device *vdev)
{
	static const u8 config[] = {0x34, 0x12, 0x54, 0x56, [11] = 0x03};
	struct vb_device *vb = vb_from_vdev(vdev);

	mutex_init(&vb->lock);
	memcpy(vb->config, config, sizeof(config));
	vb->setup.edid_max = 128;
	vb->link_state = VFIO_DEVICE_GFX_LINK_STATE_DOWN;
	return 0;
}

static void vb_release(struct vfio_device *vdev)
{
	struct vb_device *vb = vb_from_vdev(vdev);
	int i;

	for (i = 0; i < VB_BUFFERS; i++)
		vb_buffer_put(vb->buffers[i]);
}

static const struct vfio_device_ops vb_ops = {
	.name = "vbtest",
	.init = vb_init,
	.release = vb_release,
	.open_device = vb_open_device,
	.close_device = vb_close_device,
	.read = vb_read,
	.write = vb_write,
	.ioctl = vb_ioctl,
	.bind_iommufd = vfio_iommufd_emulated_bind,
	.unbind_iommufd = vfio_iommufd_emulated_unbind,
	.attach_ioas = vfio_iommufd_emulated_attach_ioas,
	.detach_ioas = vfio_iommufd_emulated_detach_ioas,
};

static int vb_probe(struct mdev_device *mdev)
{
	struct vb_device *vb = vfio_alloc_device(vb_device, vdev, &mdev->dev, &vb_ops);
	int ret;

	if (IS_ERR(vb))
		return PTR_ERR(vb);
	dev_set_drvdata(&mdev->dev, vb);
	ret = vfio_register_emulated_iommu_dev(&vb->vdev);
	if (ret)
		vfio_put_device(&vb->vdev);
	return ret;
}

static void vb_remove(struct mdev_device *mdev)
{
	struct vb_device *vb = dev_get_drvdata(&mdev->dev);

	vfio_unregister_group_dev(&vb->vdev);
	vfio_put_device(&vb->vdev);
}

static unsigned int vb_available(struct mdev_type *type)
{
	return 16;
}

static struct mdev_driver vb_driver = {
	.device_api = VFIO_DEVICE_API_PCI_STRING,
	.driver =
		{
			.name = "vbtest",
			.owner = THIS_MODULE,
			.mod_name = KBUILD_MODNAME,
			.dev_groups = vb_groups,
		},
	.probe = vb_probe,
	.remove = vb_remove,
	.get_available = vb_available,
};

static struct mdev_type vb_type = {
	.sysfs_name = "plain",
	.pretty_name = "vbtest",
};
static struct mdev_type *vb_types[] = {&vb_type};

static int __init vb_module_init(void)
{
	int ret;

	ret = mdev_register_driver(&vb_driver);
	if (ret)
		return ret;
	ret = class_register(&vb_class);
	if (ret)
		goto fail_driver;
	vb_parent_device = device_create(&vb_class, NULL, MKDEV(0, 0), NULL, "vbtest");
	if (IS_ERR(vb_parent_device)) {
		ret = PTR_ERR(vb_parent_device);
		goto fail_class;
	}
	ret = mdev_register_parent(&vb_parent, vb_parent_device, &vb_driver, vb_types, 1);
	if (ret)
		goto fail_device;
	return 0;

fail_device:
	device_unregister(vb_parent_device);
fail_class:
	class_unregister(&vb_class);
fail_driver:
	mdev_unregister_driver(&vb_driver);
	return ret;
}
module_init(vb_module_init);

static void __exit vb_module_exit(void)
{
	mdev_unregister_parent(&vb_parent);
	device_unregister(vb_parent_device);
	class_unregister(&vb_class);
	mdev_unregister_driver(&vb_driver);
}
module_exit(vb_module_exit);

MODULE_DESCRIPTION("A mediated display device that tests set from outside");
MODULE_LICENSE("Dual MIT/GPL");
MODULE_IMPORT_NS(DMA_BUF);
