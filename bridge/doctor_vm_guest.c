/* SPDX-License-Identifier: MIT */
/* The render node that a vGPU's pictures need, and what the guest shows. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/ask.h"
#include "bridge/doctor_vm.h"
#include "bridge/members.h"
#include "bridge/printable.h"

/* "/dev/dri/renderD128" of a PCI device, for g_free(); NULL: it has none. */
static char *render_node(const struct doctor_host *host, const char *address)
{
	g_autofree char *path = g_strdup_printf(
		"%s/sys/bus/pci/devices/%s/drm", host->root ? host->root : "", address);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		if (g_str_has_prefix(name, "renderD")) {
			return g_strconcat("/dev/dri/", name, NULL);
		}
	}
	return NULL;
}

static void check_render_access(struct doctor_report *report, const struct doctor_host *host,
	const char *node, const char *by_path)
{
	int fd = doctor_open(host, O_PATH, node);
	struct doctor_user user;
	struct stat status;
	char mode[96];

	if (fd < 0 || fstat(fd, &status) < 0) {
		if (fd >= 0) {
			close(fd);
		}
		doctor_add(report, VERDICT_WARNING, node, "not there",
			"the GPU has a render node, but it is not in /dev: in a container it has to "
			"be given to it");
		doctor_fix(report,
			"give %s to the container, or serve with --renderer cpu where the device's "
			"pictures can be mapped",
			node);
		return;
	}
	close(fd);
	snprintf(mode, sizeof(mode), "mode %04o, owner %u, group %u", status.st_mode & 07777,
		status.st_uid, status.st_gid);
	if (!doctor_user_read(host, "self", &user) ||
		doctor_user_may_write(&user, status.st_uid, status.st_gid, status.st_mode)) {
		doctor_add(report, VERDICT_OK, by_path, mode,
			"%s is the GPU's render node and may be opened", node);
	} else {
		doctor_add(report, VERDICT_WARNING, by_path, mode,
			"this user (%u) may not open %s (\"egl: no drm render node available\")",
			user.uid, node);
		doctor_fix(report,
			"usermod -aG render USER and log in anew; the unit's bridge is a member of "
			"render already");
	}
}

void check_render_node(struct doctor_report *report, const struct doctor_host *host)
{
	const struct inventory_parent *gpu = host->gpu;
	const struct vm_gpu *of_vm = doctor_vm_gpu(host, 0);
	g_autofree char *node = NULL;
	g_autofree char *by_path = NULL;

	if (of_vm && of_vm->vgpu) {
		gpu = inventory_parent(&host->inventory, of_vm->vgpu->parent);
	}
	if (!gpu || gpu->kind != PARENT_GVT) {
		doctor_add(report, VERDICT_OK, NULL, NULL,
			"the pictures lie in memory that needs no render node");
		return;
	}
	by_path = g_strdup_printf("/dev/dri/by-path/pci-%s-render", gpu->name);
	node = render_node(host, gpu->name);
	if (!node) {
		doctor_add(report, VERDICT_FAIL, by_path, "no drm/renderD* of the GPU",
			"GVT-g's pictures can only be read by the GPU that draws them, and it has no "
			"render node");
		doctor_fix(report, "bind the GPU (%s) to i915, not to vfio-pci; modprobe i915",
			gpu->name);
	} else {
		check_render_access(report, host, node, by_path);
	}
}

#define NO_PLANE_FIX                                                                                \
	"wait for the guest to boot; install its GPU driver (Windows: Intel's for the 6th to 10th " \
	"generation); keep an emulated card until it is there; wake the guest's screen"

/*
 * A screenshot makes the bridge look at the device now, whether anybody watches or not; the picture
 * itself is not wanted.
 */
static void ask_bridge(struct doctor_report *report, const struct doctor_host *host)
{
	char why[512] = "";
	const char *name = host->machine->name;
	g_autofree char *word = printable_word(name);
	int fd = -1;
	/* With slashes it would be the path of any socket, and a process names itself as it likes. */
	struct asked *asked = strchr(name, '/') ? NULL : ask_open(name, why, sizeof(why));
	JsonNode *answer = asked ? ask(asked, "screenshot", NULL, &fd, why, sizeof(why)) : NULL;
	JsonObject *picture =
		answer && JSON_NODE_HOLDS_OBJECT(answer) ? json_node_get_object(answer) : NULL;
	const char *state = picture ? member_string(picture, "state") : NULL;
	const char *seen = picture ? member_string(picture, "text") : NULL;

	if (!state) {
		doctor_add(report, VERDICT_SKIPPED, NULL, why[0] ? why : NULL,
			"only a running bridge can tell whether the guest shows a picture: "
			"vgpu-bridge serve --vm %s",
			word);
	} else if (!strcmp(state, "picture") || !strcmp(state, "paused")) {
		doctor_add(report, VERDICT_OK, "screenshot by the bridge", state,
			"the guest shows a picture");
	} else {
		doctor_add(report, VERDICT_WARNING, "screenshot by the bridge", seen ? seen : state,
			"the guest shows no picture (\"Guest has not initialized the display yet\")");
		doctor_fix(report, NO_PLANE_FIX);
	}
	if (fd >= 0) {
		/* The picture itself is not wanted: its memory goes back at once, and is not missed. */
		(void)!ftruncate(fd, 0);
		close(fd);
	}
	if (answer) {
		json_node_unref(answer);
	}
	ask_close(asked);
}

void check_plane(struct doctor_report *report, const struct doctor_host *host)
{
	if (!host->machine) {
		return;
	}
	if (host->root && host->root[0]) {
		doctor_add(report, VERDICT_SKIPPED, NULL, NULL,
			"what the guest shows can be asked on the running host only, not below --root");
	} else if (host->machine->pid == 0) {
		doctor_add(report, VERDICT_SKIPPED, NULL, NULL, "%s does not run",
			host->machine->name);
	} else {
		ask_bridge(report, host);
	}
}

void check_resolution(struct doctor_report *report, const struct doctor_host *host)
{
	const struct vm_gpu *gpu;

	for (guint i = 0; (gpu = doctor_vm_gpu(host, i)); i++) {
		const struct inventory_parent *parent =
			gpu->vgpu ? inventory_parent(&host->inventory, gpu->vgpu->parent) : NULL;
		unsigned width = 0, height = 0;
		g_autofree char *path = g_strdup_printf(TYPE_LINK, gpu->name);
		char text[64];

		if (gpu->kind != VM_GPU_GVT) {
			continue;
		}
		for (size_t t = 0; parent && t < parent->n_types; t++) {
			if (strcmp(parent->types[t].name, gpu->vgpu->type) == 0) {
				width = parent->types[t].max_xres;
				height = parent->types[t].max_yres;
			}
		}
		if (width == 0 && g_str_has_suffix(doctor_vm_type(gpu), "_8")) {
			width = 1024;
			height = 768;
		}
		snprintf(text, sizeof(text), "%ux%u", width, height);
		if (width > 0 && width <= 1024) {
			doctor_add(report, VERDICT_INFO, path, gpu->vgpu->type,
				"this type shows %s at most", text);
			doctor_fix(report,
				"for 1920x1200 a type _4 or larger: vgpu-bridge create --type "
				"i915-GVTg_V5_4; the machine has to be given the new one");
		} else {
			doctor_add(report, VERDICT_OK, path, gpu->vgpu->type,
				"the guest may show up to %s; the size follows the viewer, or "
				"vgpu-bridge display resize",
				width > 0 ? text : "1920x1200");
		}
	}
}

void check_tiling(struct doctor_report *report, const struct doctor_host *host)
{
	g_auto(GStrv) lines = NULL;
	const char *found = NULL;
	const struct vm_gpu *gpu = doctor_vm_gpu(host, 0);

	if (!host->kernel_log) {
		doctor_add(report, VERDICT_SKIPPED, "/dev/kmsg", NULL,
			"the kernel's log can't be read by this user");
		return;
	}
	lines = g_strsplit(host->kernel_log, "\n", -1);
	for (char **line = lines; *line; line++) {
		if (strstr(*line, "gvt") &&
			(strstr(*line, "invalid tiling mode") ||
				strstr(*line, "Unsupported tiling"))) {
			found = *line;
		}
	}
	if (found) {
		doctor_add(report, VERDICT_WARNING, "/dev/kmsg", found,
			"a guest showed a picture whose tiling GVT-g does not know: stripes, or "
			"nothing, until it shows another");
		doctor_fix(report,
			"in a Linux guest Option \"LinearFramebuffer\" or another driver version; "
			"the bridge itself reads linear, X, Y and Yf tiled pictures");
	} else if (gpu || host->gpu) {
		doctor_add(report, VERDICT_OK, "/dev/kmsg", NULL,
			"no guest showed a picture of an unknown tiling");
	}
}
