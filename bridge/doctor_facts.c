/* SPDX-License-Identifier: MIT */
/* What the checks and their fixes depend on: kernel, distribution, bootloader, GPUs, the machine. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/doctor_impl.h"

#define PCI_CLASS_DISPLAY 0x03
#define VENDOR_INTEL 0x8086
#define MAX_GPUS 512 /* with their virtual functions */

static void take_text(char *out, size_t size, const char *text, size_t length)
{
	g_autofree char *piece = g_strndup(text, length);
	g_autofree char *printable = doctor_printable(piece, false);

	/* Cut before a character, not in it. */
	while (strlen(printable) >= size) {
		*g_utf8_find_prev_char(printable, printable + strlen(printable)) = '\0';
	}
	g_strlcpy(out, printable, size);
}

static void read_kernel(struct doctor_host *host)
{
	char *release = doctor_read(host, "/proc/sys/kernel/osrelease");
	char *version = release ? NULL : doctor_read(host, "/proc/version");

	if (release) {
		take_text(host->release, sizeof(host->release), release, strlen(release));
	} else if (version && g_str_has_prefix(version, "Linux version ")) {
		const char *start = version + strlen("Linux version ");

		take_text(host->release, sizeof(host->release), start, strcspn(start, " "));
	}
	/* It becomes a part of paths. */
	if (strchr(host->release, '/') || host->release[0] == '.') {
		host->release[0] = '\0';
	}
	if (sscanf(host->release, "%u.%u", &host->kernel_major, &host->kernel_minor) != 2) {
		host->kernel_major = host->kernel_minor = 0;
	}
	g_free(release);
	g_free(version);
	host->cmdline = doctor_read(host, "/proc/cmdline");
	if (!host->cmdline) {
		host->cmdline = g_strdup("");
	}
}

static void read_os_value(const char *text, const char *key, char *value, size_t size)
{
	for (const char *line = text; line;
		line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		size_t length = strlen(key);

		if (strncmp(line, key, length) != 0 || line[length] != '=') {
			continue;
		}
		line += length + 1;
		if (*line == '"' || *line == '\'') {
			line++;
		}
		take_text(value, size, line, strcspn(line, "\"'\n"));
	}
}

static void read_distribution(struct doctor_host *host)
{
	char *text = doctor_read(host, "/etc/os-release");

	if (!text) {
		text = doctor_read(host, "/usr/lib/os-release");
	}
	if (text) {
		read_os_value(text, "ID", host->distribution, sizeof(host->distribution));
		read_os_value(
			text, "ID_LIKE", host->distribution_like, sizeof(host->distribution_like));
		read_os_value(text, "PRETTY_NAME", host->distribution_name,
			sizeof(host->distribution_name));
	}
	g_free(text);
}

static void read_memory(
	const struct doctor_host *host, struct doctor_gpu *gpu, const char *resources)
{
	unsigned long long start, end;
	const char *line = strchr(resources, '\n');

	/* The third line is BAR 2: through it the processor sees the mappable graphics memory. */
	line = line ? strchr(line + 1, '\n') : NULL;
	if (gpu->vendor == VENDOR_INTEL && line && sscanf(line, "%llx %llx", &start, &end) == 2 &&
		end > start) {
		gpu->aperture = end - start + 1;
	}
}

static unsigned long read_number(
	const struct doctor_host *host, const char *address, const char *file)
{
	char *text = doctor_read(host, "/sys/bus/pci/devices/%s/%s", address, file);
	unsigned long number = text ? strtoul(text, NULL, 0) : 0;

	g_free(text);
	return number;
}

void doctor_read_gpus(struct doctor_host *host)
{
	char **names = doctor_entries(host, "/sys/bus/pci/devices");
	GArray *gpus = g_array_new(FALSE, TRUE, sizeof(struct doctor_gpu));

	for (size_t i = 0; names[i] && gpus->len < MAX_GPUS; i++) {
		struct doctor_gpu gpu = {
			.class = (uint32_t)read_number(host, names[i], "class") & 0xffffff,
			.vendor = (uint16_t)read_number(host, names[i], "vendor"),
			.device = (uint16_t)read_number(host, names[i], "device"),
		};
		char *driver, *resources;

		if (gpu.class >> 16 != PCI_CLASS_DISPLAY || gpu.vendor == 0) {
			continue;
		}
		g_strlcpy(gpu.address, names[i], sizeof(gpu.address));
		driver = doctor_link(host, "/sys/bus/pci/devices/%s/driver", names[i]);
		g_strlcpy(gpu.driver, driver ? driver : "", sizeof(gpu.driver));
		gpu.virtual_function =
			doctor_exists(host, "/sys/bus/pci/devices/%s/physfn", names[i]);
		gpu.virtual_functions = (unsigned)read_number(host, names[i], "sriov_totalvfs");
		if (gpu.vendor == VENDOR_INTEL) {
			gpu.generation = intel_generation(gpu.device, &gpu.gvt, &gpu.never);
		}
		resources = doctor_read(host, "/sys/bus/pci/devices/%s/resource", names[i]);
		if (resources) {
			read_memory(host, &gpu, resources);
		}
		g_free(driver);
		g_free(resources);
		g_array_append_val(gpus, gpu);
	}
	g_strfreev(names);
	host->n_gpus = gpus->len;
	host->gpus = (struct doctor_gpu *)g_array_free(gpus, FALSE);
}

/* The parent of a vGPU that the machine has; NULL without. */
static const struct inventory_parent *parent_of_vm(const struct doctor_host *host)
{
	for (size_t i = 0; host->qemu_arguments && i < host->inventory.n_vgpus; i++) {
		const struct inventory_vgpu *vgpu = &host->inventory.vgpus[i];

		for (char **argument = host->qemu_arguments; *argument; argument++) {
			if (strstr(*argument, vgpu->name)) {
				return inventory_parent(&host->inventory, vgpu->parent);
			}
		}
	}
	return NULL;
}

static const struct inventory_parent *parent_of_kind(
	const struct doctor_host *host, enum inventory_parent_kind kind)
{
	for (size_t i = 0; i < host->inventory.n_parents; i++) {
		if (host->inventory.parents[i].kind == kind) {
			return &host->inventory.parents[i];
		}
	}
	return NULL;
}

static enum doctor_subject subject_of(const struct inventory_parent *parent)
{
	switch (parent->kind) {
	case PARENT_GVT:
		return SUBJECT_GVT;
	case PARENT_NVIDIA:
	case PARENT_NVIDIA_VF:
		return SUBJECT_NVIDIA;
	default:
		return SUBJECT_OTHER;
	}
}

/*
 * What works comes first, and of what doesn't an Intel GPU: nobody has the samples for their own sake.
 * A GPU that was given away whole is no candidate.
 */
static void choose_subject(struct doctor_host *host)
{
	const struct inventory_parent *parent = parent_of_vm(host);
	const struct doctor_gpu *intel = NULL;

	for (size_t i = 0; i < host->n_gpus && !intel; i++) {
		if (host->gpus[i].gvt && strcmp(host->gpus[i].driver, "vfio-pci") != 0) {
			intel = &host->gpus[i];
		}
	}
	if (!parent) {
		parent = parent_of_kind(host, PARENT_GVT);
	}
	if (!parent) {
		parent = parent_of_kind(host, PARENT_NVIDIA);
	}
	if (!parent) {
		parent = parent_of_kind(host, PARENT_NVIDIA_VF);
	}
	if (!parent && !intel) {
		parent = parent_of_kind(host, PARENT_OTHER);
	}
	host->gpu = parent;
	host->subject = parent ? subject_of(parent) : intel ? SUBJECT_GVT : SUBJECT_NONE;
	if (host->subject != SUBJECT_GVT) {
		return;
	}
	host->intel = intel;
	for (size_t i = 0; parent && i < host->n_gpus; i++) {
		if (strcmp(host->gpus[i].address, parent->name) == 0) {
			host->intel = &host->gpus[i];
		}
	}
}

int doctor_host_read(struct doctor_host *host, const char *root, const char *vm)
{
	*host = (struct doctor_host){.root = root, .vm = vm};
	if (inventory_read(root, &host->inventory) < 0) {
		return -ENOMEM;
	}
	read_kernel(host);
	doctor_read_log(host);
	read_distribution(host);
	doctor_read_bootloader(host);
	doctor_read_gpus(host);
	if (vm) {
		doctor_vm_find(host, host->vm_why, sizeof(host->vm_why));
	}
	choose_subject(host);
	return 0;
}

void doctor_host_finish(struct doctor_host *host)
{
	doctor_vm_finish(host);
	inventory_finish(&host->inventory);
	g_free(host->cmdline);
	g_free(host->kernel_log);
	g_free(host->gpus);
	*host = (struct doctor_host){0};
}

bool doctor_kernel_is(const struct doctor_host *host, unsigned major, unsigned minor)
{
	return host->kernel_major == 0 || host->kernel_major > major ||
		(host->kernel_major == major && host->kernel_minor >= minor);
}
