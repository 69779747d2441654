/* SPDX-License-Identifier: MIT */
/* Who has a vGPU's node open, and who may open it. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bridge/doctor_vm.h"
#include "bridge/printable.h"

#define UDEV_RULE                                                                                     \
	"install the package's 60-vgpu-bridge.rules, or put lines\n"                                  \
	"SUBSYSTEM==\"vfio\", GROUP=\"kvm\", MODE=\"0660\"\n"                                         \
	"SUBSYSTEM==\"vfio-dev\", GROUP=\"kvm\", MODE=\"0660\"\n"                                     \
	"into /etc/udev/rules.d/71-vfio.rules; run udevadm control --reload && udevadm trigger, and " \
	"make QEMU's user a member of the group kvm; never chmod 666, which gives the device to "     \
	"everybody and is gone at the next boot"

static void holder_text(const struct inventory_holder *holder, char *text, size_t size)
{
	if (holder->vm[0]) {
		snprintf(text, size, "process %d (%s, the virtual machine %s)", holder->pid,
			holder->command, holder->vm);
	} else {
		snprintf(text, size, "process %d (%s)", holder->pid, holder->command);
	}
}

/* A bridge has a duplicate of QEMU's, which takes nothing from anybody. */
static bool is_bridge(const struct inventory_holder *holder)
{
	return g_str_has_prefix(holder->command, "vgpu-bridge");
}

static const char *node_of(const struct inventory_vgpu *vgpu)
{
	return vgpu->group_node[0] ? vgpu->group_node : vgpu->cdev_node;
}

static void check_holder_of(
	struct doctor_report *report, const struct doctor_host *host, const struct vm_gpu *gpu)
{
	const struct inventory_vgpu *vgpu = gpu->vgpu;
	const pid_t ours = host->machine->pid;
	g_autofree char *name = doctor_vm_gpu_text(gpu);
	g_autofree char *word = printable_word(host->machine->name);
	const char *node = node_of(vgpu);
	bool held = false;
	char text[448];

	for (size_t i = 0; i < vgpu->n_holders; i++) {
		const struct inventory_holder *holder = &vgpu->holders[i];

		if (holder->pid == ours) {
			held = true;
		} else if (!is_bridge(holder)) {
			holder_text(holder, text, sizeof(text));
			doctor_add(report, VERDICT_FAIL, node, text,
				"%s is held by another process: QEMU gets EBUSY (\"Device or resource "
				"busy\") when it opens it",
				name);
			doctor_fix(report,
				"stop %s, or give this machine a vGPU of its own: vgpu-bridge create",
				text);
			return;
		}
	}
	if (held) {
		doctor_add(report, VERDICT_OK, node, NULL,
			"QEMU holds %s; a second open would fail (EBUSY, EINVAL or ESRCH), so the "
			"bridge takes a duplicate of QEMU's descriptor: vgpu-bridge serve --vm %s",
			name, word);
	} else if (ours > 0 && vgpu->holders_known) {
		doctor_add(report, VERDICT_WARNING, node, NULL,
			"QEMU (process %d) has %s on its command line but not open", ours, name);
		doctor_fix(report, "see QEMU's own messages; start it anew");
	} else {
		doctor_add(report, VERDICT_OK, node, NULL, "%s",
			vgpu->holders_known
				? "nobody holds it"
				: "nobody whose descriptors this user may see holds it");
	}
}

void check_holder(struct doctor_report *report, const struct doctor_host *host)
{
	const struct vm_gpu *gpu;
	char text[448];

	for (guint i = 0; (gpu = doctor_vm_gpu(host, i)); i++) {
		if (gpu->vgpu) {
			check_holder_of(report, host, gpu);
		} else if (gpu->kind == VM_GPU_GONE) {
			doctor_add(report, VERDICT_FAIL, host->machine->path, gpu->name,
				"the machine's vGPU %s does not exist", gpu->name);
			doctor_fix(report,
				"vgpu-bridge create --uuid %s --persist (with --type); vGPUs are gone "
				"after a boot unless mdevctl or libvirt brings them back",
				gpu->name);
		}
	}
	if (host->machine) {
		return;
	}
	for (size_t i = 0; i < host->inventory.n_vgpus; i++) {
		const struct inventory_vgpu *vgpu = &host->inventory.vgpus[i];

		if (vgpu->n_holders > 0) {
			const char *vm = vgpu->holders[0].vm;
			g_autofree char *word = printable_word(vm[0] ? vm : "PID");

			holder_text(&vgpu->holders[0], text, sizeof(text));
			doctor_add(report, VERDICT_INFO, node_of(vgpu), text,
				"the vGPU %s is in use; a second open of its node fails (EBUSY, "
				"EINVAL or ESRCH)",
				vgpu->name);
			doctor_fix(report, "attach to QEMU's descriptor: vgpu-bridge serve --vm %s",
				word);
		} else {
			doctor_add(report, VERDICT_OK, node_of(vgpu), NULL,
				"nobody %sholds the vGPU %s",
				vgpu->holders_known ? "" : "whose descriptors this user may see ",
				vgpu->name);
		}
	}
}

/* A user of the host's own files, as libvirt looks it up: "libvirt-qemu", or a bare number "+64055". */
static bool user_of_passwd(
	const struct doctor_host *host, const char *name, struct doctor_user *user)
{
	g_autofree char *passwd = doctor_read(host, "/etc/passwd");
	g_autofree char *group = doctor_read(host, "/etc/group");
	g_auto(GStrv) lines = NULL;

	*user = (struct doctor_user){0};
	lines = g_strsplit(passwd ? passwd : "", "\n", -1);
	for (char **line = lines; *line && !user->known; line++) {
		g_auto(GStrv) parts = g_strsplit(*line, ":", -1);

		if (g_strv_length(parts) >= 4 && strcmp(parts[0], name) == 0) {
			user->uid = (uid_t)g_ascii_strtoull(parts[2], NULL, 10);
			user->groups[user->n_groups++] =
				(gid_t)g_ascii_strtoull(parts[3], NULL, 10);
			user->known = true;
		}
	}
	g_strfreev(lines);
	lines = g_strsplit(group ? group : "", "\n", -1);
	for (char **line = lines; *line; line++) {
		g_auto(GStrv) parts = g_strsplit(*line, ":", -1);
		g_auto(GStrv) members = NULL;

		if (g_strv_length(parts) < 4 || user->n_groups == G_N_ELEMENTS(user->groups)) {
			continue;
		}
		members = g_strsplit(parts[3], ",", -1);
		if (g_strv_contains((const char *const *)members, name)) {
			user->groups[user->n_groups++] =
				(gid_t)g_ascii_strtoull(parts[2], NULL, 10);
		}
	}
	return user->known;
}

/* As whom libvirt starts QEMU: of qemu.conf, or its default here. */
static const char *libvirt_user(const struct doctor_host *host, struct doctor_user *user)
{
	static const char *const names[] = {"libvirt-qemu", "qemu", "qemu-libvirtd"};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		if (user_of_passwd(host, names[i], user)) {
			return names[i];
		}
	}
	return NULL;
}

static bool own_vfio(const struct doctor_vm *machine)
{
	for (guint i = 0; i < machine->gpus->len; i++) {
		const struct vm_gpu *gpu = &g_array_index(machine->gpus, struct vm_gpu, i);

		for (guint at = machine->first_own; at < machine->line->len; at++) {
			if (machine->line->pdata[at] == gpu->device) {
				return true;
			}
		}
	}
	return false;
}

static void describe_node(const struct inventory_vgpu *vgpu, char *text, size_t size)
{
	snprintf(text, size, "mode %04o, owner %u, group %u", vgpu->mode & 07777, vgpu->owner,
		vgpu->owner_group);
}

static void check_node(struct doctor_report *report, const struct doctor_host *host,
	const struct inventory_vgpu *vgpu, const struct doctor_user *user, const char *who)
{
	const bool chosen = host->machine != NULL;
	char text[128];

	if (!vgpu->has_node) {
		doctor_add(report, VERDICT_WARNING, node_of(vgpu)[0] ? node_of(vgpu) : "/dev/vfio",
			"not there", "the vGPU %s has no node that could be opened", vgpu->name);
		doctor_fix(report,
			"load vfio_iommu_type1 (modprobe vfio_iommu_type1); in a container the "
			"node has to be given to it");
		return;
	}
	describe_node(vgpu, text, sizeof(text));
	if ((vgpu->mode & (S_IROTH | S_IWOTH)) == (S_IROTH | S_IWOTH)) {
		doctor_add(report, VERDICT_WARNING, node_of(vgpu), text,
			"every user of this host may open the vGPU %s", vgpu->name);
		doctor_fix(report, "instead of chmod 666 " UDEV_RULE);
	} else if (!user->known) {
		doctor_add(report, VERDICT_SKIPPED, node_of(vgpu), text,
			"nothing tells as which user QEMU would open the vGPU %s", vgpu->name);
	} else if (doctor_user_may_write(user, vgpu->owner, vgpu->owner_group, vgpu->mode)) {
		doctor_add(report, VERDICT_OK, node_of(vgpu), text, "%s may open the vGPU %s", who,
			vgpu->name);
	} else {
		doctor_add(report, chosen ? VERDICT_FAIL : VERDICT_WARNING, node_of(vgpu), text,
			"%s may not open the vGPU %s (\"Could not open '%s': Permission denied\")",
			who, vgpu->name, node_of(vgpu));
		doctor_fix(report, "%s" UDEV_RULE,
			chosen ? "use <hostdev>, for which libvirt gives the node to QEMU; or "
			       : "with libvirt nothing is to be done: it gives the node to QEMU for "
				 "<hostdev>; for a QEMU started by hand ");
	}
}

void check_node_access(struct doctor_report *report, const struct doctor_host *host)
{
	struct doctor_user user;
	const struct vm_gpu *gpu;
	g_autofree char *who = NULL;

	if (!host->machine) {
		(void)doctor_user_read(host, "self", &user);
		who = g_strdup_printf("this user (%u)", user.uid);
		for (size_t i = 0; i < host->inventory.n_vgpus; i++) {
			check_node(report, host, &host->inventory.vgpus[i], &user, who);
		}
		return;
	}
	for (guint i = 0; (gpu = doctor_vm_gpu(host, i)); i++) {
		bool held = false;

		if (!gpu->vgpu) {
			continue;
		}
		for (size_t h = 0; h < gpu->vgpu->n_holders; h++) {
			held |= host->machine->pid > 0 &&
				gpu->vgpu->holders[h].pid == host->machine->pid;
		}
		if (held) {
			doctor_add(report, VERDICT_OK, node_of(gpu->vgpu), NULL,
				"QEMU (user %u) has opened it", host->machine->uid);
		} else if (host->machine->libvirt && !own_vfio(host->machine)) {
			doctor_add(report, VERDICT_OK, node_of(gpu->vgpu), NULL,
				"libvirt gives the node to QEMU's user when the domain starts");
		} else {
			char number[16];
			const char *name = NULL;

			snprintf(number, sizeof(number), "%d", host->machine->pid);
			if (host->machine->pid > 0) {
				(void)doctor_user_read(host, number, &user);
			} else {
				name = libvirt_user(host, &user);
			}
			g_free(who);
			who = name ? g_strdup_printf("QEMU's user %s", name)
				   : g_strdup_printf("QEMU's user %u", user.uid);
			check_node(report, host, gpu->vgpu, &user, who);
		}
	}
}

/* A setting of qemu.conf that is not a comment: its text up to the end of the list or line. */
static char *qemu_conf(const struct doctor_host *host, const char *name)
{
	g_autofree char *text = doctor_read(host, "/etc/libvirt/qemu.conf");
	g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);

	for (char **line = lines; *line; line++) {
		const char *at = *line + strspn(*line, " \t");

		if (g_str_has_prefix(at, name) && strchr(" \t=", at[strlen(name)]) &&
			at[strlen(name)]) {
			GString *value = g_string_new(at);
			char **next = line + 1;

			while (strchr(value->str, '[') && !strchr(value->str, ']') && *next) {
				const char *more = *next + strspn(*next, " \t");

				g_string_append(value, more[0] == '#' ? "" : more);
				next++;
			}
			return g_string_free(value, FALSE);
		}
	}
	return NULL;
}

#define QEMU_CONF "/etc/libvirt/qemu.conf"

static void check_acl(struct doctor_report *report, const struct doctor_host *host)
{
	g_autofree char *acl = qemu_conf(host, "cgroup_device_acl");
	const struct vm_gpu *gpu = doctor_vm_gpu(host, 0);
	const char *node = gpu && gpu->vgpu ? node_of(gpu->vgpu) : "/dev/vfio/N";
	const char *base =
		gpu && gpu->vgpu && !gpu->vgpu->group_node[0] ? "/dev/iommu" : "/dev/vfio/vfio";

	if (acl && strstr(acl, node) && strstr(acl, base)) {
		doctor_add(report, VERDICT_OK, QEMU_CONF, acl,
			"the list of devices lets <qemu:commandline> open %s", node);
		return;
	}
	doctor_add(report, host->machine->pid > 0 ? VERDICT_WARNING : VERDICT_FAIL, QEMU_CONF,
		acl ? acl : "no cgroup_device_acl",
		"the vGPU stands in <qemu:commandline>, of which libvirt knows nothing: its list of "
		"devices keeps QEMU from %s (\"Operation not permitted\" although the mode is right)",
		node);
	doctor_fix(report,
		"use <hostdev mode='subsystem' type='mdev' model='vfio-pci'> (vgpu-bridge xml prints "
		"it), which needs none of this; or add \"%s\" and \"%s\" to cgroup_device_acl in "
		"%s and restart libvirtd",
		base, node, QEMU_CONF);
}

void check_cgroup(struct doctor_report *report, const struct doctor_host *host)
{
	g_autofree char *controllers = qemu_conf(host, "cgroup_controllers");

	if (host->machine && host->machine->libvirt) {
		if (own_vfio(host->machine)) {
			check_acl(report, host);
		} else {
			doctor_add(report, VERDICT_OK, host->machine->path, NULL,
				"libvirt knows of the vGPU (<hostdev>) and lets QEMU open it");
		}
	}
	if (host->machine && !host->machine->libvirt) {
		doctor_add(report, VERDICT_OK, host->machine->path, NULL,
			"libvirt did not start this QEMU, and keeps it from no device");
	}
	if (controllers && !strstr(controllers, "\"devices\"")) {
		doctor_add(report, VERDICT_WARNING, QEMU_CONF, controllers,
			"old guides switch the check of devices off for all machines; it was never "
			"needed with <hostdev>");
		doctor_fix(report, "remove the line cgroup_controllers from " QEMU_CONF);
	} else if (!host->machine && doctor_exists(host, QEMU_CONF)) {
		doctor_add(report, VERDICT_OK, QEMU_CONF, NULL,
			"libvirt's list of devices is on; <hostdev> opens what it needs");
	}
}

static const char *const denials[] = {"/dev/vfio", "/dev/iommu", "/dev/dri/renderD",
	"vfio_device_t", "dri_device_t", "vgpu-bridge"};

/* The last line that a security module wrote about our devices or about us. */
static char *denied_line(const struct doctor_host *host)
{
	g_auto(GStrv) lines = g_strsplit(host->kernel_log ? host->kernel_log : "", "\n", -1);
	char *found = NULL;

	for (char **line = lines; *line; line++) {
		if (!strstr(*line, "apparmor=\"DENIED\"") && !strstr(*line, "avc:  denied")) {
			continue;
		}
		for (size_t i = 0; i < G_N_ELEMENTS(denials); i++) {
			if (strstr(*line, denials[i])) {
				g_free(found);
				found = g_strdup(*line);
				break;
			}
		}
	}
	return found;
}

static void check_denied(struct doctor_report *report, const char *line)
{
	const bool apparmor = strstr(line, "apparmor=") != NULL;

	doctor_add(report, VERDICT_WARNING, "/dev/kmsg", line,
		apparmor ? "AppArmor denied access to the vGPU or its render node"
			 : "SELinux denied access to the vGPU or its render node");
	if (!apparmor) {
		doctor_fix(report,
			"ausearch -m avc -ts recent | audit2allow -M vgpu && semodule -i vgpu.pp, after "
			"a look at vgpu.te; for <hostdev> libvirt labels the nodes by itself");
	} else if (strstr(line, "vgpu-bridge")) {
		doctor_fix(report,
			"allow it in /etc/apparmor.d/local/vgpu-bridge, then apparmor_parser -r "
			"/etc/apparmor.d/vgpu-bridge");
	} else {
		doctor_fix(report,
			"add the lines \"/dev/vfio/* rw,\" and \"/dev/dri/renderD* rw,\" to "
			"/etc/apparmor.d/local/abstractions/libvirt-qemu and start the machine anew; "
			"aa-complain does not last, since libvirt makes the machine's profile anew at "
			"each start");
	}
}

void check_security_modules(struct doctor_report *report, const struct doctor_host *host)
{
	g_autofree char *driver = qemu_conf(host, "security_driver");
	g_autofree char *denied = denied_line(host);
	g_autofree char *enforce = doctor_read(host, "/sys/fs/selinux/enforce");
	const bool apparmor = doctor_exists(host, "/sys/kernel/security/apparmor");

	if (driver && strstr(driver, "\"none\"")) {
		doctor_add(report, VERDICT_WARNING, QEMU_CONF, driver,
			"libvirt confines no machine, as old guides advise; a guest that breaks out of "
			"QEMU has the host then");
		doctor_fix(report,
			"remove the line and restart libvirtd; for what is denied add lines to "
			"/etc/apparmor.d/local/abstractions/libvirt-qemu");
	}
	if (denied) {
		check_denied(report, denied);
	}
	if (driver || denied) {
		return;
	}
	if (g_strcmp0(enforce, "1") == 0) {
		doctor_add(report, VERDICT_OK, "/sys/fs/selinux/enforce", enforce,
			"SELinux is enforced, and the log has no denial of a vGPU's nodes%s",
			host->kernel_log ? "" : " (it can't be read by this user)");
	} else if (apparmor) {
		doctor_add(report, VERDICT_OK, "/sys/kernel/security/apparmor", NULL,
			"AppArmor is on, and the log has no denial of a vGPU's nodes%s",
			host->kernel_log ? "" : " (it can't be read by this user)");
	} else {
		doctor_add(report, VERDICT_OK, "/sys/fs/selinux/enforce", enforce,
			"no security module stands between QEMU and the vGPU");
	}
}
