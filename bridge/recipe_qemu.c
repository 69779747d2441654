/* SPDX-License-Identifier: MIT */
#include "bridge/recipe.h"

#include <string.h>

/* Neither 2, where QEMU's "pc" tries the way of a whole GPU, nor one that is used by default. */
#define SLOT "0x10"

static void print_device(const struct recipe *recipe, FILE *stream)
{
	const struct inventory_vgpu *vgpu = recipe->vgpu;

	if (recipe->iommufd) {
		fprintf(stream, "-object iommufd,id=vgpu-iommufd\n");
	}
	fprintf(stream, "-device vfio-pci%s,id=vgpu,sysfsdev=/sys/bus/%s/devices/%s,addr=" SLOT,
		recipe->ramfb ? "-nohotplug" : "", vgpu->uuid[0] ? "mdev" : "pci", vgpu->name);
	if (recipe->iommufd) {
		fprintf(stream, ",iommufd=vgpu-iommufd");
	}
	fprintf(stream, ",rombar=0");
	if (program_version_is(&recipe->qemu, 2, 12)) {
		fprintf(stream, ",display=%s", recipe->ramfb ? "on,ramfb=on" : "off");
	}
	if (recipe->opregion) {
		fprintf(stream, ",x-igd-opregion=on");
	}
	putc('\n', stream);
}

static void print_display(const struct recipe *recipe, FILE *stream)
{
	fprintf(stream, "-vga none\n");
	if (recipe->sound) {
		fprintf(stream,
			"-audiodev dbus,id=vgpu-sound,out.frequency=48000,"
			"in.frequency=48000\n"
			"-display dbus,p2p=yes,audiodev=vgpu-sound\n"
			"-device intel-hda\n-device hda-duplex,audiodev=vgpu-sound\n");
	} else if (recipe->ramfb && recipe->dmabuf) {
		fprintf(stream, "-display egl-headless%s%s\n",
			recipe->render_node[0] ? ",rendernode=" : "", recipe->render_node);
	} else {
		fprintf(stream, "-display none\n");
	}
	if (recipe->vnc_path) {
		fprintf(stream, "-vnc unix:%s\n", recipe->vnc_path);
	}
}

/* A port of virtio-serial with a socket that QEMU makes. */
static void print_port(FILE *stream, const char *id, const char *path, const char *name)
{
	if (path) {
		fprintf(stream,
			"-chardev socket,id=vgpu-%s-socket,path=%s,server=on,wait=off\n"
			"-device virtserialport,id=vgpu-%s,bus=vgpu-serial.0,"
			"chardev=vgpu-%s-socket,name=%s\n",
			id, path, id, id, name);
	}
}

void recipe_print_qemu(const struct recipe *recipe, FILE *stream)
{
	const char *power = !strcmp(recipe->machine, "pc") ? "PIIX4_PM" : "ICH9-LPC";

	fprintf(stream, "-name %s\n-machine %s\n", recipe->vm, recipe->machine);
	print_device(recipe, stream);
	print_display(recipe, stream);
	fprintf(stream, "-global %s.disable_s3=1\n-global %s.disable_s4=1\n", power, power);
	fprintf(stream,
		"-device qemu-xhci,id=vgpu-usb\n"
		"-device usb-tablet,bus=vgpu-usb.0\n");
	if (recipe->usb_path) {
		fprintf(stream,
			"-chardev socket,id=vgpu-redir-socket,path=%s,server=on,wait=off\n"
			"-device usb-redir,bus=vgpu-usb.0,chardev=vgpu-redir-socket\n",
			recipe->usb_path);
	}
	fprintf(stream, "-device virtio-serial-pci,id=vgpu-serial\n");
	print_port(stream, "agent", recipe->agent_path, "com.redhat.spice.0");
	print_port(stream, "webdav", recipe->webdav_path, "org.spice-space.webdav.0");
	if (recipe->qmp_path) {
		fprintf(stream, "-qmp unix:%s,server=on,wait=off\n", recipe->qmp_path);
	}
}
