/* SPDX-License-Identifier: MIT */
#include "bridge/recipe.h"

#include <glib.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <string.h>

#include "bridge/printable.h"

#define COLUMNS 96

/* A paragraph of comment, broken at spaces. */
static __attribute__((format(printf, 2, 3))) void note(FILE *stream, const char *format, ...)
{
	va_list arguments;
	g_autofree char *text = NULL;
	g_auto(GStrv) words = NULL;
	size_t column = 0;

	va_start(arguments, format);
	text = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	words = g_strsplit(text, " ", -1);
	for (char **word = words; *word; word++) {
		size_t length = strlen(*word);

		if (column > 0 && column + 1 + length > COLUMNS) {
			putc('\n', stream);
			column = 0;
		}
		column += (size_t)fprintf(stream, "%s%s", column ? " " : "# ", *word);
	}
	fprintf(stream, "\n#\n");
}

static void note_versions(const struct recipe *recipe, FILE *stream)
{
	const char *guessed = " (not found here, taken to be so)";

	if (recipe->for_libvirt) {
		note(stream, "Written for QEMU %u.%u%s and libvirt %u.%u%s.", recipe->qemu.major,
			recipe->qemu.minor, recipe->qemu_guessed ? guessed : "",
			recipe->libvirt.major, recipe->libvirt.minor,
			recipe->libvirt_guessed ? guessed : "");
	} else {
		note(stream, "Written for QEMU %u.%u%s.", recipe->qemu.major, recipe->qemu.minor,
			recipe->qemu_guessed ? guessed : "");
	}
}

static void note_node(const struct recipe *recipe, FILE *stream)
{
	const struct inventory_vgpu *vgpu = recipe->vgpu;
	const char *node = vgpu->group_node[0] ? vgpu->group_node : vgpu->cdev_node;

	if (!vgpu->driver[0]) {
		note(stream,
			"No driver is bound to %s yet, so nothing can open it: see vgpu-bridge "
			"doctor.",
			vgpu->name);
	}
	if (vgpu->n_holders > 0) {
		note(stream,
			"Now process %d (%s)%s%s has it; a second virtual machine can't have it "
			"too.",
			(int)vgpu->holders[0].pid, vgpu->holders[0].command,
			vgpu->holders[0].vm[0] ? " of " : "", vgpu->holders[0].vm);
	}
	if (recipe->for_libvirt) {
		if (recipe->iommufd) {
			note(stream,
				"It has no IOMMU group, only %s. Not every libvirt can do with "
				"that; if this one can't, take a kernel with CONFIG_VFIO_GROUP or "
				"vgpu-bridge qemu-args.",
				vgpu->cdev_node);
		}
		return;
	}
	if (vgpu->has_node && *node) {
		struct passwd *user = getpwuid(vgpu->owner);
		g_autofree char *owner = user ? g_strdup(user->pw_name)
					      : g_strdup_printf("%u", (unsigned)vgpu->owner);
		struct group *group = getgrgid(vgpu->owner_group);

		note(stream,
			"QEMU's user must be able to open %s, which is now of %s:%s with mode "
			"%04o. Lasting: a rule of udev, SUBSYSTEM==\"vfio\", GROUP=\"kvm\", "
			"MODE=\"0660\".",
			node, owner, group ? group->gr_name : "?", (unsigned)vgpu->mode & 07777);
	}
	note(stream,
		"It must also be allowed to lock as much memory as the guest has: ulimit -l "
		"unlimited, or LimitMEMLOCK=infinity in a unit. (libvirt raises that by itself.)");
}

static void note_opregion(const struct recipe *recipe, FILE *stream)
{
	if (recipe->opregion) {
		note(stream,
			"x-igd-opregion gives the guest Intel's OpRegion, without which Windows "
			"finds no monitor. From QEMU 10.1 on it comes by itself: ask anew after an "
			"upgrade.%s",
			recipe->for_libvirt ? " libvirt marks the domain as tainted for it." : "");
	} else if (recipe->gvt) {
		note(stream,
			"There is no x-igd-opregion: QEMU 10.1 and newer give the guest the "
			"OpRegion by themselves, and firmware was seen to hang where it is asked "
			"for too.");
	}
}

static void note_ramfb(const struct recipe *recipe, FILE *stream)
{
	if (recipe->ramfb) {
		note(stream,
			"ramfb: firmware and boot loader draw into memory that QEMU shows on its "
			"own display (VNC, %s), not here: it is no part of the vGPU. The price: "
			"QEMU takes it with display=on only, so QEMU reads the vGPU's picture too "
			"while somebody looks there%s, it writes an EDID of its own at the start, "
			"and the device can't be unplugged (vfio-pci-nohotplug).",
			recipe->vnc_path,
			recipe->dmabuf ? ", needs GL for that (egl-headless)" : "");
		return;
	}
	note(stream,
		"display=off: the bridge reads the picture, QEMU needs none. Before the guest's "
		"driver is up the viewer shows a card. Who has to see firmware too: --ramfb, "
		"which needs display=on and has its price, or a serial console; for installing "
		"a guest an emulated card, as long as that takes.");
}

static void note_guest(const struct recipe *recipe, FILE *stream)
{
	bool small = g_str_has_suffix(recipe->vgpu->type, "_8");

	if (recipe->gvt && small && !recipe->linux_guest) {
		note(stream,
			"%s has 64 MB and 1024x768 at most. Windows drivers fail on it (Code "
			"43): take a type that ends in _4, _2 or _1 for Windows.",
			recipe->vgpu->type);
	}
	if (recipe->windows && !recipe->for_libvirt) {
		note(stream,
			"For Windows also: -cpu host,hv_relaxed,hv_vapic,hv_time,"
			"hv_spinlocks=0x1fff -rtc base=localtime; on the host kvm.ignore_msrs=1, "
			"for GPU-Z and its like stop the guest without.");
	} else if (recipe->windows) {
		note(stream,
			"For Windows also, on the host: kvm.ignore_msrs=1, for GPU-Z and its "
			"like stop the guest without.");
	}
	if (recipe->windows && recipe->gvt) {
		note(stream,
			"The driver in the guest is Intel's legacy one for generations 6 to 10 "
			"(gfx_win_101.21xx).");
	}
}

static void note_persistence(const struct recipe *recipe, FILE *stream)
{
	const struct inventory_vgpu *vgpu = recipe->vgpu;

	if (!vgpu->uuid[0]) {
		return;
	}
	if (vgpu->mdevctl_auto) {
		note(stream, "mdevctl makes this vGPU again at each start of the host.");
		return;
	}
	note(stream, "The vGPU is gone when the host starts anew. To have it again, one of:");
	fprintf(stream, "#   mdevctl define --uuid %s --parent %s --type %s --auto\n", vgpu->uuid,
		vgpu->parent, vgpu->type);
	if (recipe->for_libvirt && recipe->parent && recipe->parent->pci &&
		program_version_is(&recipe->libvirt, 7, 3)) {
		g_autofree char *name = g_strdup_printf("mdev_%s_%s", vgpu->uuid, vgpu->parent);

		g_strdelimit(name, "-:.", '_');
		fprintf(stream,
			"#   vgpu-bridge xml %s --part=nodedev > vgpu.xml; virsh nodedev-define "
			"vgpu.xml; virsh nodedev-autostart %s\n",
			vgpu->uuid, name);
	}
	fprintf(stream, "#\n");
}

static void note_use(const struct recipe *recipe, FILE *stream)
{
	if (!recipe->for_libvirt) {
		note(stream,
			"Use: qemu-system-x86_64 -accel kvm -cpu host -m 4G $(vgpu-bridge "
			"qemu-args ... 2>/dev/null) and the guest's disk and network.");
		return;
	}
	note(stream,
		"Use: for a new domain, virsh define it and add a disk and a network; for one that "
		"there is, take the parts over with virsh edit%s. Or, part by part:",
		recipe->qmp || recipe->opregion ? " (with xmlns:qemu in the first line)" : "");
	fprintf(stream,
		"#   vgpu-bridge xml %s --part=hostdev 2>/dev/null | "
		"virsh attach-device NAME /dev/stdin --config\n#\n",
		recipe->vgpu->name);
	note(stream,
		"A channel com.redhat.spice.0 of type spicevmc, which virt-manager makes, has to go: "
		"there is one agent in the guest.");
	if (recipe->qmp_path) {
		note(stream,
			"Where AppArmor confines QEMU, /etc/apparmor.d/local/abstractions/"
			"libvirt-qemu needs a line: %s rw,",
			recipe->qmp_path);
	} else {
		note(stream,
			"Keys and pointer go through libvirt, which then marks the domain as "
			"tainted; a bridge that may not manage domains, as a service, wants "
			"--with=qmp instead.");
	}
}

static void add(GString *line, const char *option, const char *before, const char *value)
{
	g_autofree char *joined = g_strconcat(before, value, NULL);
	g_autofree char *word = printable_word(joined);

	g_string_append_printf(line, " %s %s", option, word);
}

static void print_serve(const struct recipe *recipe, FILE *stream)
{
	GString *line = g_string_new(NULL);

	if (recipe->group) {
		g_string_append_printf(line, "setpriv --regid=%s --keep-groups ", recipe->group);
	}
	g_string_append(line, "vgpu-bridge serve");
	add(line, "--vm", "", recipe->vm);
	add(line, "--listen", "unix:", recipe->spice_path);
	if (recipe->qmp_path) {
		add(line, "--qmp", "unix:", recipe->qmp_path);
	}
	add(line, "--agent", "unix:", recipe->agent_path);
	if (recipe->webdav_path) {
		add(line, "--webdav", "unix:", recipe->webdav_path);
	}
	if (recipe->usb_path) {
		add(line, "--usbredir", "unix:", recipe->usb_path);
	}
	fprintf(stream, "%s\n", line->str);
	g_string_free(line, TRUE);
}

void recipe_print_notes(const struct recipe *recipe, FILE *stream)
{
	note_versions(recipe, stream);
	note_use(recipe, stream);
	if (recipe->vm_guessed) {
		note(stream, "The name %s is made up; --vm=NAME takes yours.", recipe->vm);
	}
	note_node(recipe, stream);
	note_opregion(recipe, stream);
	note_ramfb(recipe, stream);
	note_guest(recipe, stream);
	note_persistence(recipe, stream);
	if (recipe->group) {
		note(stream,
			"The sockets are of the group %s, which setpriv lends to the bridge: it gives "
			"root's rights up, and could not use them otherwise.",
			recipe->group);
	} else if (!recipe->for_libvirt) {
		note(stream,
			"Start the bridge as QEMU's user, or in its group: it gives root's rights up, and "
			"could not use the sockets otherwise. Who is not root needs "
			"kernel.yama.ptrace_scope=0 too, or starts QEMU by vgpu-bridge run.");
	}
	note(stream,
		"Before or after the virtual machine starts%s (vgpu-bridge unit makes a service "
		"of it):",
		recipe->for_libvirt ? ", as root" : "");
	print_serve(recipe, stream);
}
