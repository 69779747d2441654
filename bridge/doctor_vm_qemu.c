/* SPDX-License-Identifier: MIT */
/* How the machine's QEMU is built up: which versions, which slots, which devices. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/doctor_vm.h"
#include "bridge/printable.h"

static const char *value_of(const struct vm_gpu *gpu, const char *key)
{
	const char *value = qemu_option_value(gpu->device, key);

	return value ? value : "";
}

/* How one property of the device is set by the user, in this machine's way. For g_free(). */
static char *how_to_set(const struct doctor_host *host, const struct vm_gpu *gpu, const char *name,
	const char *type, const char *value)
{
	const char *id = value_of(gpu, "id");

	if (!host->machine->libvirt) {
		return g_strdup_printf("add %s=%s to its -device %s", name,
			strcmp(value, "true") == 0 ? "on" : value, value_of(gpu, "driver"));
	}
	return g_strdup_printf(
		"add to the domain (with xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0')\n"
		"<qemu:override><qemu:device alias='%s'><qemu:frontend>\n"
		"<qemu:property name='%s' type='%s' value='%s'/>\n"
		"</qemu:frontend></qemu:device></qemu:override>",
		id[0] ? id : "hostdev0", name, type, value);
}

void check_machine(struct doctor_report *report, const struct doctor_host *host)
{
	const struct doctor_vm *machine = host->machine;
	const struct vm_gpu *gpu;

	if (!machine) {
		doctor_add(report, VERDICT_SKIPPED, NULL, NULL, NO_VM);
		for (size_t i = 0; i < host->inventory.n_vgpus; i++) {
			const struct inventory_vgpu *vgpu = &host->inventory.vgpus[i];

			if (vgpu->n_holders > 0 && vgpu->holders[0].vm[0]) {
				g_autofree char *word = printable_word(vgpu->holders[0].vm);

				doctor_fix(report, "vgpu-bridge doctor --vm %s", word);
			}
		}
		return;
	}
	for (guint i = 0; (gpu = doctor_vm_gpu(host, i)); i++) {
		if (gpu->kind == VM_GPU_WHOLE) {
			doctor_add(report, VERDICT_FAIL, machine->path, gpu->name,
				"the GPU %s is passed through as a whole: its picture goes to its own "
				"connectors, and there is none that the host could read",
				gpu->name);
			doctor_fix(report,
				"connect a monitor, or use remote desktop or Looking Glass in the "
				"guest; or give the guest a vGPU instead, where the host's GPU has them");
		} else if (gpu->vgpu) {
			g_autofree char *name = doctor_vm_gpu_text(gpu);

			doctor_add(report, VERDICT_OK, machine->path, NULL, "%s has %s%s",
				machine->name, name, machine->pid > 0 ? "" : ", and does not run");
		}
	}
	if (machine->gpus->len == 0) {
		doctor_add(report, VERDICT_FAIL, machine->path, NULL,
			"the machine %s has no vGPU that this host knows of", machine->name);
		doctor_fix(report,
			"vgpu-bridge list shows the vGPUs, vgpu-bridge %s UUID what to put into "
			"%s",
			machine->libvirt ? "xml" : "qemu-args",
			machine->libvirt ? "virsh edit" : "its command line");
	}
}

/* What is in which version, for the text. */
static void advise(
	struct doctor_report *report, const struct doctor_version *version, const char *text)
{
	if (doctor_version_before(version, 2, 12)) {
		doctor_add(report, VERDICT_WARNING, version->from, text,
			"QEMU older than 2.12 has no display=on, and GVT-g and its EDIDs need newer "
			"ones for more than a picture");
		doctor_fix(report, "use the distribution's QEMU, 4.0 or later");
	} else if (doctor_version_before(version, 4, 0)) {
		doctor_add(report, VERDICT_WARNING, version->from, text,
			"QEMU older than 4.0 gives the guest no EDID and no xres= and yres=; the "
			"bridge gives it one");
		doctor_fix(report, "use QEMU 4.0 or later");
	} else if (version->from[0]) {
		doctor_add(report, VERDICT_OK, version->from, text, "QEMU is %s", text);
	} else {
		doctor_add(report, VERDICT_SKIPPED, NULL, NULL,
			"the version of QEMU can't be told from here; what depends on it is checked "
			"for both");
	}
}

/* The version in a machine type's name, "pc-q35-3.1". */
static bool machine_version(const char *type, unsigned *major, unsigned *minor)
{
	const char *at = type ? strrchr(type, '-') : NULL;

	return at && g_str_has_prefix(type, "pc-") && sscanf(at, "-%u.%u", major, minor) == 2;
}

/*
 * Which versioned types a QEMU has no more: all of 1.3 and older from 6.0 on, of 1.7 from 8.2, of 2.3
 * from 9.1, and from 10.1 on those that are six years old, as QEMU's deprecation rules say.
 */
static bool is_removed(const struct doctor_version *qemu, unsigned major, unsigned minor)
{
	const unsigned number = major * 100 + minor;

	if (doctor_version_is(qemu, 10, 1) &&
		(qemu->major > major + 6 || (qemu->major == major + 6 && qemu->minor >= minor))) {
		return true;
	}
	return (doctor_version_is(qemu, 6, 0) && number <= 103) ||
		(doctor_version_is(qemu, 8, 2) && number <= 107) ||
		(doctor_version_is(qemu, 9, 1) && number <= 203);
}

static void check_machine_type(struct doctor_report *report, const struct doctor_host *host)
{
	const struct doctor_vm *machine = host->machine;
	const struct qemu_option *option = qemu_line_last(machine->line, "machine");
	const char *type = option ? qemu_option_value(option, "type") : NULL;
	/* A QEMU that runs knows its type. */
	const enum doctor_verdict worst = machine->pid > 0 ? VERDICT_WARNING : VERDICT_FAIL;
	unsigned major, minor;
	char text[64];

	if (!machine_version(type, &major, &minor) || strstr(machine->qemu.from, "machine type")) {
		return;
	}
	doctor_version_text(&machine->qemu, text, sizeof(text));
	if (is_removed(&machine->qemu, major, minor)) {
		doctor_add(report, worst, machine->path, type,
			"QEMU %s has no machine type %s any more (\"does not support machine type\")",
			text, type);
		doctor_fix(report, "%s",
			strstr(type, "q35")
				? "use machine='q35', which is the newest that QEMU has"
				: "use machine='pc', which is the newest that QEMU has");
	} else if (doctor_version_before(&machine->qemu, major, minor)) {
		doctor_add(report, worst, machine->path, type,
			"QEMU %s does not know the machine type %s yet", text, type);
		doctor_fix(report, "use a newer QEMU, or machine='%s'",
			strstr(type, "q35") ? "q35" : "pc");
	}
}

void check_qemu_version(struct doctor_report *report, const struct doctor_host *host)
{
	struct doctor_version qemu, libvirt;
	char text[64], of_libvirt[64];

	if (host->machine) {
		qemu = host->machine->qemu;
		libvirt = host->machine->libvirt_version;
	} else {
		doctor_vm_versions(host, NULL, NULL, NULL, &qemu, &libvirt);
	}
	doctor_version_text(&qemu, text, sizeof(text));
	advise(report, &qemu, text);
	if (host->machine && host->machine->libvirt && libvirt.from[0]) {
		doctor_version_text(&libvirt, of_libvirt, sizeof(of_libvirt));
		if (doctor_version_before(&libvirt, 3, 2)) {
			doctor_add(report, VERDICT_FAIL, libvirt.from, of_libvirt,
				"libvirt older than 3.2 has no <hostdev type='mdev'>");
			doctor_fix(report, "use a newer libvirt");
		} else if (doctor_version_before(&libvirt, 4, 6)) {
			doctor_add(report, VERDICT_INFO, libvirt.from, of_libvirt,
				"libvirt older than 4.6 has no display='on' for <hostdev>; the bridge "
				"needs none");
		} else {
			doctor_add(report, VERDICT_OK, libvirt.from, of_libvirt, "libvirt is %s",
				of_libvirt);
		}
	}
	if (host->machine) {
		check_machine_type(report, host);
	}
}

void check_opregion(struct doctor_report *report, const struct doctor_host *host)
{
	const struct vm_gpu *gpu;
	char text[64];

	for (guint i = 0; (gpu = doctor_vm_gpu(host, i)); i++) {
		const struct doctor_version *qemu = &host->machine->qemu;
		const char *windows = doctor_vm_windows(host->machine);
		const bool on = qemu_option_is_on(gpu->device, "x-igd-opregion");
		g_autofree char *how = NULL;

		if (gpu->kind != VM_GPU_GVT) {
			continue;
		}
		doctor_version_text(qemu, text, sizeof(text));
		if (on && doctor_version_is(qemu, 10, 1)) {
			doctor_add(report, VERDICT_INFO, host->machine->path, "x-igd-opregion=on",
				"QEMU %s hands the OpRegion to the guest by itself; with OVMF the "
				"explicit option has made firmware spin",
				text);
			doctor_fix(report, "remove x-igd-opregion=on");
		} else if (on || doctor_version_is(qemu, 10, 1)) {
			doctor_add(report, VERDICT_OK, host->machine->path, text,
				"the guest gets the OpRegion, from which its driver learns of its "
				"display");
		} else {
			how = how_to_set(host, gpu, "x-igd-opregion", "bool", "true");
			doctor_add(report, windows ? VERDICT_WARNING : VERDICT_INFO,
				host->machine->path, "no x-igd-opregion",
				"QEMU %s gives the guest no OpRegion unless told so; Windows shows "
				"nothing then, or Code 43%s",
				text, windows ? "" : ", and Linux mostly does without");
			doctor_fix(report, "%s%s", windows ? "" : "for Windows ", how);
		}
	}
}

/* The slot in "0x2", "02.0", "5.0"; -1: not given. QEMU reads it as hexadecimal. */
static long slot_of(const char *address)
{
	return address[0] ? strtol(address, NULL, 16) : -1;
}

void check_slot(struct doctor_report *report, const struct doctor_host *host)
{
	const struct vm_gpu *gpu;

	for (guint i = 0; (gpu = doctor_vm_gpu(host, i)); i++) {
		const char *bus = value_of(gpu, "bus");
		const long slot = slot_of(value_of(gpu, "addr"));
		const bool first_bus =
			!bus[0] || strcmp(bus, "pci.0") == 0 || strcmp(bus, "pcie.0") == 0;
		g_autofree char *how = NULL;

		if (gpu->kind != VM_GPU_GVT) {
			continue;
		}
		if (!doctor_vm_is_i440fx(host->machine) || !first_bus || (slot >= 0 && slot != 2)) {
			doctor_add(report, VERDICT_OK, host->machine->path, value_of(gpu, "addr"),
				"the vGPU is not at 00:02.0 of an i440fx machine");
			continue;
		}
		if (slot < 0) {
			const struct qemu_option *vga = qemu_line_last(host->machine->line, "vga");
			const bool none = (vga && strcmp(vga->text, "none") == 0) ||
				qemu_line_last(host->machine->line, "nodefaults");

			doctor_add(report, VERDICT_INFO, host->machine->path, "no addr=",
				none ? "QEMU chooses the vGPU's slot, and without a VGA card may take "
				       "00:02.0, where it tries the legacy mode of a real Intel GPU"
				     : "QEMU chooses the vGPU's slot; 00:02.0 is taken by the VGA card");
		} else {
			doctor_add(report, VERDICT_WARNING, host->machine->path,
				value_of(gpu, "addr"),
				"the vGPU is at the guest's 00:02.0, where QEMU tries the legacy mode "
				"of a real Intel GPU (\"cannot support legacy mode due to existing "
				"devices at address 1f.0\")");
		}
		doctor_fix(report, "%s",
			host->machine->libvirt
				? "give the hostdev another slot: <address type='pci' domain='0x0000' "
				  "bus='0x00' slot='0x05' function='0x0'/>"
				: "add addr=05.0 to its -device");
	}
}

void check_two_vgpus(struct doctor_report *report, const struct doctor_host *host)
{
	const struct vm_gpu *gpu;
	const struct vm_gpu *second = NULL;
	unsigned count = 0;

	for (guint i = 0; (gpu = doctor_vm_gpu(host, i)); i++) {
		if (gpu->kind == VM_GPU_GVT) {
			count++;
			second = gpu;
		}
	}
	if (count > 1) {
		doctor_add(report, VERDICT_FAIL, host->machine->path, second->name,
			"the machine has %u vGPUs of GVT-g, which lets a machine have one: opening the "
			"second fails (\"File exists\")",
			count);
		doctor_fix(report, "remove %s from the machine", second->name);
	} else if (count == 1) {
		doctor_add(report, VERDICT_OK, host->machine->path, NULL,
			"the machine has one vGPU of GVT-g, as many as there may be");
	}
}

void check_guest_sleep(struct doctor_report *report, const struct doctor_host *host)
{
	const struct vm_gpu *gpu = doctor_vm_gpu(host, 0);
	bool off = false;

	if (!gpu || gpu->kind != VM_GPU_GVT) {
		return;
	}
	for (guint i = 0; i < host->machine->line->len; i++) {
		const struct qemu_option *option = host->machine->line->pdata[i];

		off |= strcmp(option->name, "global") == 0 &&
			strstr(option->text, "disable_s3=1") != NULL;
	}
	if (off) {
		doctor_add(report, VERDICT_OK, host->machine->path, "disable_s3=1",
			"the guest can't go to sleep, which GVT-g would not survive");
		return;
	}
	doctor_add(report, VERDICT_INFO, host->machine->path, NULL,
		"the guest may suspend to memory (S3), from which a vGPU of GVT-g does not come back");
	doctor_fix(report, "%s",
		host->machine->libvirt
			? "<pm><suspend-to-mem enabled='no'/><suspend-to-disk enabled='no'/></pm>"
			: doctor_vm_is_i440fx(host->machine)
			? "-global PIIX4_PM.disable_s3=1 -global PIIX4_PM.disable_s4=1"
			: "-global ICH9-LPC.disable_s3=1 -global ICH9-LPC.disable_s4=1");
}

void check_windows_type(struct doctor_report *report, const struct doctor_host *host)
{
	const struct vm_gpu *gpu;

	for (guint i = 0; (gpu = doctor_vm_gpu(host, i)); i++) {
		const char *windows = doctor_vm_windows(host->machine);
		g_autofree char *path = g_strdup_printf(TYPE_LINK, gpu->name);

		if (gpu->kind != VM_GPU_GVT) {
			continue;
		}
		if (windows && g_str_has_suffix(doctor_vm_type(gpu), "_8")) {
			doctor_add(report, VERDICT_WARNING, path, gpu->vgpu->type,
				"the guest looks like Windows (by %s), whose driver wants more than the "
				"64 MB of this type: Code 43, or a boot that never ends",
				windows);
			doctor_fix(report,
				"vgpu-bridge create --for windows makes a larger one; in the guest use "
				"Intel's driver for the 6th to 10th generation (gfx_win_101.21xx)");
		} else {
			doctor_add(report, VERDICT_OK, path, gpu->vgpu->type,
				windows ? "the type is large enough for Windows"
					: "the guest does not look like Windows; any type will do");
		}
	}
}

void check_tablet(struct doctor_report *report, const struct doctor_host *host)
{
	static const char *const tablets[] = {"usb-tablet", "virtio-tablet-pci",
		"virtio-tablet-device", "virtio-tablet", "usb-wacom-tablet",
		"virtio-tablet-pci-non-transitional", NULL};
	const char *found = NULL;

	if (!host->machine) {
		return;
	}
	for (guint i = 0; i < host->machine->line->len; i++) {
		const struct qemu_option *option = host->machine->line->pdata[i];
		const char *driver = qemu_option_value(option, "driver");

		if (strcmp(option->name, "device") == 0 && driver &&
			g_strv_contains(tablets, driver)) {
			found = driver;
		} else if (strcmp(option->name, "usbdevice") == 0 &&
			strcmp(option->text, "tablet") == 0) {
			found = "-usbdevice tablet";
		}
	}
	if (found) {
		doctor_add(report, VERDICT_OK, host->machine->path, found,
			"the pointer goes where the viewer's is");
		return;
	}
	doctor_add(report, VERDICT_WARNING, host->machine->path, "no tablet",
		"without a tablet the guest's pointer only moves by steps: it is off, lags, or is "
		"shown twice");
	doctor_fix(report, "%s",
		host->machine->libvirt ? "<input type='tablet' bus='usb'/>"
				       : "-usb -device usb-tablet (or -device virtio-tablet-pci)");
}

void check_boot_picture(struct doctor_report *report, const struct doctor_host *host)
{
	const struct vm_gpu *gpu;

	for (guint i = 0; (gpu = doctor_vm_gpu(host, i)); i++) {
		if (gpu->kind != VM_GPU_GVT && gpu->kind != VM_GPU_NVIDIA) {
			continue;
		}
		if (qemu_option_is_on(gpu->device, "ramfb")) {
			doctor_add(report, VERDICT_OK, host->machine->path, "ramfb=on",
				"QEMU's own display shows the firmware by ramfb; the bridge shows the "
				"guest from when its driver is loaded");
		} else if (value_of(gpu, "romfile")[0]) {
			doctor_add(report, VERDICT_OK, host->machine->path,
				value_of(gpu, "romfile"),
				"firmware may show its picture by the ROM that was given");
		} else {
			doctor_add(report, VERDICT_INFO, host->machine->path,
				"no ramfb, no romfile",
				"a vGPU has no ROM: firmware and boot loader show nothing on it, and "
				"the bridge shows a card until the guest's driver is loaded; harmless");
			doctor_fix(report, "%s",
				host->machine->libvirt
					? "to see them in QEMU's own display: display='on' ramfb='on' "
					  "in <hostdev>, with UEFI; or a serial console"
					: "to see them in QEMU's own display: -device vfio-pci-nohotplug,"
					  "...,display=on,ramfb=on, with UEFI; or -serial stdio");
		}
	}
}

void check_region_crash(struct doctor_report *report, const struct doctor_host *host)
{
	const struct vm_gpu *gpu;

	for (guint i = 0; (gpu = doctor_vm_gpu(host, i)); i++) {
		const struct doctor_version *qemu = &host->machine->qemu;
		const char *display = value_of(gpu, "display");
		const bool shown = display[0] && strcmp(display, "off") != 0;
		char text[64];

		if (gpu->kind != VM_GPU_NVIDIA) {
			continue;
		}
		doctor_version_text(qemu, text, sizeof(text));
		if (qemu->major == 10 && qemu->minor == 1 && shown) {
			doctor_add(report, VERDICT_WARNING, host->machine->path, text,
				"QEMU 10.1 can crash with display=on on an NVIDIA vGPU, whose console "
				"is a region beyond those that it counts (vfio_region_setup, index 9)");
			doctor_fix(report,
				"set display=off and let the bridge show it, or use QEMU 10.0, or one later "
				"than 10.1");
		} else {
			doctor_add(report, VERDICT_OK, host->machine->path, text,
				shown ? "this QEMU reads the console's region"
				      : "QEMU leaves the console's region to the bridge");
		}
	}
}
