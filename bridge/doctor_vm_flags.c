/* SPDX-License-Identifier: MIT */
/* Which of QEMU's flags don't go together, and what its messages mean. */
#include <stdio.h>
#include <string.h>

#include "bridge/doctor_vm.h"

static bool is_shown(const struct vm_gpu *gpu)
{
	const char *display = qemu_option_value(gpu->device, "display");

	return display && strcmp(display, "off") != 0;
}

/* A QEMU that runs has taken its flags. */
static enum doctor_verdict worst(const struct doctor_vm *machine)
{
	return machine->pid > 0 ? VERDICT_WARNING : VERDICT_FAIL;
}

struct displays {
	const struct qemu_option *egl_headless, *spice;
	bool gl; /* one of them brings GL */
	bool spice_gl, spice_tcp, vnc;
};

static void read_displays(const struct doctor_vm *machine, struct displays *displays)
{
	*displays = (struct displays){0};
	for (guint i = 0; i < machine->line->len; i++) {
		const struct qemu_option *option = machine->line->pdata[i];
		const char *type = qemu_option_value(option, "type");
		const char *port = qemu_option_value(option, "port");
		const char *gl = qemu_option_value(option, "gl");
		const bool has_gl = gl && strcmp(gl, "off") != 0;

		if (strcmp(option->name, "display") == 0) {
			if (type && strcmp(type, "egl-headless") == 0) {
				displays->egl_headless = option;
			}
			displays->gl |= displays->egl_headless == option || has_gl;
		} else if (strcmp(option->name, "spice") == 0) {
			displays->spice = option;
			displays->spice_gl = has_gl;
			displays->gl |= has_gl;
			displays->spice_tcp = port || qemu_option_value(option, "tls-port");
		} else if (strcmp(option->name, "vnc") == 0) {
			displays->vnc = strcmp(option->text, "none") != 0;
		}
	}
}

/* The options of the first prototypes, which no QEMU ever had. */
static void check_dead(struct doctor_report *report, const struct doctor_vm *machine)
{
	for (guint i = 0; i < machine->line->len; i++) {
		const struct qemu_option *option = machine->line->pdata[i];

		if (g_str_has_prefix(option->name, "vgt") ||
			(strcmp(option->name, "vga") == 0 && strcmp(option->text, "vgt") == 0)) {
			g_autofree char *text =
				g_strdup_printf("-%s %s", option->name, option->text);

			doctor_add(report, worst(machine), machine->path, text,
				"this option belonged to the QEMU of XenGT and the first KVMGT (igvtg), "
				"and is dead");
			doctor_fix(report,
				"-device vfio-pci,sysfsdev=/sys/bus/mdev/devices/UUID instead; "
				"vgpu-bridge qemu-args UUID prints it");
		}
	}
}

static void check_properties(
	struct doctor_report *report, const struct doctor_vm *machine, const struct vm_gpu *gpu)
{
	const struct qemu_option *device = gpu->device;
	const char *driver = qemu_option_value(device, "driver");
	const bool sized = qemu_option_value(device, "xres") || qemu_option_value(device, "yres");

	if (qemu_option_is_on(device, "ramfb") && !is_shown(gpu)) {
		doctor_add(report, worst(machine), machine->path, "ramfb=on without display=on",
			"QEMU refuses it: \"ramfb=on requires display=on\"");
		doctor_fix(report, "%s",
			machine->libvirt ? "display='on' as well, or no ramfb, in <hostdev>"
					 : "display=on as well, or no ramfb=on");
	}
	if (qemu_option_value(device, "ramfb") && strcmp(driver, "vfio-pci") == 0 &&
		machine->pid == 0) {
		doctor_add(report, worst(machine), machine->path, "vfio-pci,ramfb=",
			"QEMU refuses it: only vfio-pci-nohotplug has a property ramfb");
		doctor_fix(report, "-device vfio-pci-nohotplug,...,display=on,ramfb=on");
	}
	if (sized && !is_shown(gpu)) {
		doctor_add(report, worst(machine), machine->path, "xres=, yres= without display=on",
			"QEMU refuses it: \"xres and yres properties require display=on\"");
		doctor_fix(
			report, "remove them; vgpu-bridge serve --mode WIDTHxHEIGHT sets the size");
	} else if (sized && g_str_has_prefix(doctor_vm_type(gpu), "V4")) {
		doctor_add(report, worst(machine), machine->path, gpu->vgpu->type,
			"GVT-g gives a Broadwell GPU no EDID: \"xres and yres properties need edid "
			"support\"");
		doctor_fix(report, "remove xres= and yres=");
	}
}

static void check_displays(
	struct doctor_report *report, const struct doctor_vm *machine, const struct vm_gpu *gpu)
{
	struct displays displays;
	char text[64];

	read_displays(machine, &displays);
	doctor_version_text(&machine->qemu, text, sizeof(text));
	if (!is_shown(gpu) || gpu->kind == VM_GPU_NVIDIA) {
		return;
	}
	if (displays.egl_headless && !displays.spice_gl && (displays.spice || displays.vnc) &&
		doctor_version_is(&machine->qemu, 6, 0)) {
		doctor_add(report, worst(machine), machine->path,
			displays.spice ? "egl-headless and spice" : "egl-headless and vnc",
			"QEMU 6.0 and later (this is %s) does not show a vGPU's dma-bufs by "
			"egl-headless and %s together: \"The console requires display DMABUF support\"",
			text, displays.spice ? "SPICE" : "VNC");
		doctor_fix(report, "%s",
			machine->libvirt
				? "display='off' in <hostdev>, without <graphics type='egl-headless'>, "
				  "and let the bridge show it: vgpu-bridge serve --vm NAME"
				: "display=off, without -display egl-headless, and let the bridge show "
				  "it: vgpu-bridge serve --vm NAME");
	}
	if (displays.spice_gl && displays.spice_tcp &&
		doctor_version_before(&machine->qemu, 10, 1)) {
		doctor_add(report, worst(machine), machine->path, displays.spice->text,
			"before QEMU 10.1 (this is %s) gl=on is local only: \"SPICE GL support is "
			"local-only for now and incompatible with -spice port/tls-port\"",
			text);
		doctor_fix(report, "%s",
			machine->libvirt
				? "<listen type='none'/> in <graphics type='spice'>, or "
				  "display='off' and the bridge"
				: "-spice unix=on,addr=PATH, or display=off and the bridge");
	}
}

/* -set finds no device that libvirt wrote as JSON, as it does for QEMU 6.2 and later. */
static void check_set(struct doctor_report *report, const struct doctor_vm *machine)
{
	for (guint i = machine->first_own; i < machine->line->len; i++) {
		const struct qemu_option *option = machine->line->pdata[i];

		if (strcmp(option->name, "set") != 0 || machine->pid > 0 ||
			!doctor_version_is(&machine->qemu, 6, 2)) {
			continue;
		}
		doctor_add(report, VERDICT_WARNING, machine->path, option->text,
			"newer libvirt writes devices as JSON, in which QEMU's -set finds none: "
			"\"there is no device ... defined\"");
		doctor_fix(report,
			"use <qemu:override> instead (libvirt 8.2), or add\n"
			"<qemu:capabilities><qemu:del capability='device.json'/></qemu:capabilities>");
	}
}

static const struct {
	const char *message;
	const char *cause;
	const char *fix;
	enum doctor_verdict verdict;
} messages[] = {
	{"vfio-display-dmabuf: opengl not available",
		"display=on wants a display of QEMU's with GL, and there is none",
		"display=off and let the bridge show it, or <graphics type='egl-headless'>",
		VERDICT_WARNING},
	{"The console requires display DMABUF support",
		"QEMU 6.0 and later does not show dma-bufs by egl-headless with SPICE or VNC",
		"display=off and let the bridge show it", VERDICT_WARNING},
	{"egl: no drm render node available", "QEMU found no render node, or may not open it",
		"rendernode= of the vGPU's own GPU, as below; or display=off and let the bridge "
		"show it",
		VERDICT_WARNING},
	{"egl: render node init failed", "QEMU took the render node of another GPU",
		"rendernode= of the vGPU's own GPU, as below", VERDICT_WARNING},
	{"Failed to initialize EGL render node",
		"QEMU's SPICE took a render node that it can't use",
		"gl='no', or rendernode= of the vGPU's own GPU", VERDICT_WARNING},
	{"doesn't support any (known) display method",
		"the vGPU has no display: NVIDIA's with disable_vnc=1, or a type for computing only",
		"remove disable_vnc=1 from the vGPU's parameters, or choose another type",
		VERDICT_WARNING},
	{"does not support requested IGD OpRegion feature",
		"x-igd-opregion=on is for GVT-g and whole Intel GPUs", "remove it",
		VERDICT_WARNING},
	{"cannot support legacy mode due to existing devices",
		"the vGPU is at the guest's 00:02.0, where QEMU tries the mode of a real Intel GPU; "
		"harmless for the picture",
		"give it another slot, addr=05.0", VERDICT_INFO},
	{"does not support machine type", "this QEMU has no such machine type any more",
		"use machine='q35' or machine='pc'", VERDICT_WARNING},
};

static void check_log(struct doctor_report *report, const struct doctor_vm *machine)
{
	for (size_t i = 0; machine->log && i < G_N_ELEMENTS(messages); i++) {
		if (strstr(machine->log, messages[i].message)) {
			doctor_add(report, messages[i].verdict, machine->log_path,
				messages[i].message, "%s", messages[i].cause);
			doctor_fix(report, "%s", messages[i].fix);
		}
	}
}

static guint findings_of(const struct doctor_vm *machine, const char *name)
{
	guint count = 0;

	for (guint i = 0; i < machine->line->len; i++) {
		const struct qemu_option *option = machine->line->pdata[i];
		const char *driver = qemu_option_value(option, "driver");

		count += strcmp(option->name, "device") == 0 && g_strcmp0(driver, name) == 0;
	}
	return count;
}

void check_flags(struct doctor_report *report, const struct doctor_host *host)
{
	const struct doctor_vm *machine = host->machine;
	const struct vm_gpu *gpu;

	if (!machine) {
		return;
	}
	check_dead(report, machine);
	for (guint i = 0; (gpu = doctor_vm_gpu(host, i)); i++) {
		if (gpu->vgpu) {
			check_properties(report, machine, gpu);
			check_displays(report, machine, gpu);
		}
	}
	check_set(report, machine);
	check_log(report, machine);
	if (findings_of(machine, "intel-iommu") > 0) {
		doctor_add(report, VERDICT_INFO, machine->path, "intel-iommu",
			"a virtual IOMMU is of no use to a vGPU, and its caching mode is slow");
		doctor_fix(report, "remove it, unless other devices of the machine need it");
	}
	doctor_add(report, VERDICT_OK, machine->path, NULL, "all flags of the vGPU were looked at");
}

void check_qemu_gl(struct doctor_report *report, const struct doctor_host *host)
{
	const struct vm_gpu *gpu;
	struct displays displays;

	for (guint i = 0; (gpu = doctor_vm_gpu(host, i)); i++) {
		const struct doctor_vm *machine = host->machine;

		if (!gpu->vgpu) {
			continue;
		}
		read_displays(machine, &displays);
		if (!is_shown(gpu)) {
			doctor_add(report, VERDICT_OK, machine->path, "display=off",
				"QEMU leaves the vGPU's picture to the bridge, and needs no GL");
		} else if (displays.gl || gpu->kind == VM_GPU_NVIDIA) {
			doctor_add(report, VERDICT_OK, machine->path, "display=on",
				"QEMU shows the vGPU too%s",
				displays.gl ? ", by a display with GL" : "");
		} else {
			doctor_add(report, worst(machine), machine->path, "display=on without GL",
				"QEMU refuses it: \"vfio-display-dmabuf: opengl not available\"");
			doctor_fix(report, "%s",
				machine->libvirt
					? "display='off' in <hostdev> and let the bridge show it; or\n"
					  "<graphics type='egl-headless'><gl rendernode="
					  "'/dev/dri/by-path/pci-0000:00:02.0-render'/></graphics>"
					: "display=off and let the bridge show it; or -display "
					  "egl-headless,rendernode="
					  "/dev/dri/by-path/pci-0000:00:02.0-render");
		}
	}
}

void check_spice(struct doctor_report *report, const struct doctor_host *host)
{
	const struct vm_gpu *gpu = doctor_vm_gpu(host, 0);
	struct displays displays;
	const char *compression;

	if (!gpu || !gpu->vgpu) {
		return;
	}
	read_displays(host->machine, &displays);
	if (!is_shown(gpu) || !displays.spice || displays.spice_gl) {
		doctor_add(report, VERDICT_OK, host->machine->path, NULL,
			"QEMU does not send the vGPU's pictures by SPICE without GL");
		return;
	}
	compression = qemu_option_value(displays.spice, "image-compression");
	doctor_add(report, VERDICT_INFO, host->machine->path,
		compression ? compression : "image-compression not set",
		"QEMU's SPICE compresses every whole picture anew, some 20 a second; the bridge sends "
		"what changed");
	doctor_fix(report, "%s",
		host->machine->libvirt
			? "display='off' and the bridge; or <image compression='off'/> in <graphics "
			  "type='spice'> for viewers on the same machine"
			: "display=off and the bridge; or image-compression=off in -spice for viewers "
			  "on the same machine");
}
