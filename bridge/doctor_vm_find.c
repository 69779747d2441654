/* SPDX-License-Identifier: MIT */
/* Which machine --vm means, and all that can be read of it. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/doctor_vm.h"
#include "bridge/domain_xml.h"
#include "bridge/vm.h"
#include "vfio/mdev.h"

#define MAX_FILE (1 << 20) /* bytes of a command line or a domain */
#define MAX_LOG (256 << 10) /* of the end of QEMU's log */

static const char *root_of(const struct doctor_host *host)
{
	return host->root ? host->root : "";
}

/* A file in one go, with zeros in it where it has some. -errno. */
static int read_file(const struct doctor_host *host, const char *path, bool end, GString **text)
{
	const size_t most = end ? MAX_LOG : MAX_FILE;
	char buffer[4096];
	ssize_t n = 1;
	struct stat status;
	int fd = doctor_open(host, O_RDONLY, path);
	int rc = 0;

	if (fd < 0) {
		return fd;
	}
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
		close(fd);
		return -EINVAL;
	}
	if (end && status.st_size > (off_t)most) {
		(void)lseek(fd, status.st_size - (off_t)most, SEEK_SET);
	}
	*text = g_string_new(NULL);
	while (n > 0 && (*text)->len < most) {
		n = read(fd, buffer, sizeof(buffer));
		if (n > 0) {
			g_string_append_len(*text, buffer, n);
		}
	}
	rc = n < 0 ? -errno : 0;
	close(fd);
	if (rc < 0) {
		g_string_free(*text, TRUE);
		*text = NULL;
	}
	return rc;
}

/* NULL at the end; NULL where it can't be read, or is empty (a kernel thread, a dead one). */
static char **read_arguments(const struct doctor_host *host, pid_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/cmdline", pid);
	GString *text = NULL;
	GPtrArray *words;

	if (read_file(host, path, false, &text) < 0) {
		return NULL;
	}
	words = g_ptr_array_new();
	for (size_t i = 0; i < text->len; i += strlen(text->str + i) + 1) {
		g_ptr_array_add(words, g_strdup(text->str + i));
	}
	g_string_free(text, TRUE);
	if (words->len == 0) {
		g_ptr_array_unref(words);
		return NULL;
	}
	g_ptr_array_add(words, NULL);
	return (char **)g_ptr_array_free(words, FALSE);
}

static bool is_qemu(const char *program)
{
	g_autofree char *base = g_path_get_basename(program);

	return g_str_has_prefix(base, "qemu-system-") || strcmp(base, "qemu-kvm") == 0 ||
		strstr(base, "-qemu-system-") != NULL || strcmp(base, "kvm") == 0;
}

/* NixOS's wrappers hide behind ".qemu-system-x86_64-wrapped". */
static char *read_program(const struct doctor_host *host, pid_t pid)
{
	g_autofree char *path = g_strdup_printf("%s/proc/%d/exe", root_of(host), pid);
	char *program = g_file_read_link(path, NULL);
	char *deleted = program ? strstr(program, " (deleted)") : NULL;

	if (deleted) {
		*deleted = '\0';
	}
	return program;
}

static GPtrArray *parse_line(char *const *words, size_t n_own, guint *first_own)
{
	size_t n = g_strv_length((char **)words);
	GPtrArray *line = qemu_line_parse(words);

	*first_own = line->len;
	if (n_own > 0) {
		g_autofree char **before = g_new0(char *, n - n_own + 1);
		GPtrArray *first;

		memcpy(before, words, (n - n_own) * sizeof(*before));
		first = qemu_line_parse(before);
		*first_own = first->len;
		g_ptr_array_unref(first);
	}
	return line;
}

static enum vm_gpu_kind kind_of(const struct doctor_host *host, const struct inventory_vgpu *vgpu)
{
	const struct inventory_parent *parent = inventory_parent(&host->inventory, vgpu->parent);

	if (parent && parent->kind == PARENT_GVT) {
		return VM_GPU_GVT;
	}
	if ((parent && (parent->kind == PARENT_NVIDIA || parent->kind == PARENT_NVIDIA_VF)) ||
		g_str_has_prefix(vgpu->type, "nvidia-")) {
		return VM_GPU_NVIDIA;
	}
	return g_str_has_prefix(vgpu->type, "i915-GVTg") ? VM_GPU_GVT : VM_GPU_SAMPLE;
}

static const struct inventory_vgpu *vgpu_of(const struct doctor_host *host, const char *name)
{
	for (size_t i = 0; i < host->inventory.n_vgpus; i++) {
		const struct inventory_vgpu *vgpu = &host->inventory.vgpus[i];

		if (g_ascii_strcasecmp(vgpu->uuid, name) == 0 ||
			g_ascii_strcasecmp(vgpu->name, name) == 0) {
			return vgpu;
		}
	}
	return NULL;
}

/* A PCI device whose class is of a display. */
static bool is_whole_gpu(const struct doctor_host *host, const char *address)
{
	g_autofree char *text = NULL;

	if (strchr(address, '/')) {
		return false;
	}
	text = doctor_read(host, "/sys/bus/pci/devices/%s/class", address);
	return text && g_str_has_prefix(text, "0x03");
}

static void find_gpus(struct doctor_host *host, struct doctor_vm *machine)
{
	for (guint i = 0; i < machine->line->len; i++) {
		const struct qemu_option *option = machine->line->pdata[i];
		const char *driver = strcmp(option->name, "device") == 0
			? qemu_option_value(option, "driver")
			: NULL;
		struct vm_gpu gpu = {.device = option};
		const char *at;
		char uuid[MDEV_UUID_SIZE];

		if (!driver || !g_str_has_prefix(driver, "vfio-pci")) {
			continue;
		}
		at = qemu_option_value(option, "sysfsdev");
		if (at) {
			const char *slash = strrchr(at, '/');

			gpu.name = slash ? slash + 1 : at;
		} else {
			gpu.name = qemu_option_value(option, "host");
		}
		if (!gpu.name) {
			continue; /* an open descriptor: nothing says of which device */
		}
		gpu.vgpu = vgpu_of(host, gpu.name);
		if (gpu.vgpu) {
			gpu.kind = kind_of(host, gpu.vgpu);
		} else if (mdev_parse_uuid(gpu.name, uuid) == 0) {
			gpu.kind = VM_GPU_GONE;
		} else {
			g_autofree char *full = strchr(gpu.name, ':') &&
					strchr(gpu.name, ':') == strrchr(gpu.name, ':')
				? g_strconcat("0000:", gpu.name, NULL)
				: g_strdup(gpu.name);

			gpu.vgpu = vgpu_of(host, full);
			if (gpu.vgpu) {
				gpu.kind = kind_of(host, gpu.vgpu);
			} else if (is_whole_gpu(host, full)) {
				gpu.kind = VM_GPU_WHOLE;
			} else {
				continue; /* a network card, a disk */
			}
		}
		g_array_append_val(machine->gpus, gpu);
	}
}

/* QEMU's messages since libvirt started it for the last time. */
static void read_log(const struct doctor_host *host, struct doctor_vm *machine)
{
	g_autofree char *path = NULL;
	GString *text = NULL;
	char *last = NULL;

	if (!machine->libvirt || strchr(machine->name, '/')) {
		return;
	}
	path = g_strdup_printf("/var/log/libvirt/qemu/%s.log", machine->name);
	if (read_file(host, path, true, &text) < 0) {
		return;
	}
	for (char *at = text->str; (at = strstr(at, "starting up libvirt version:")); at++) {
		last = at;
	}
	machine->log = g_strdup(last ? last : text->str);
	machine->log_path = g_steal_pointer(&path);
	g_string_free(text, TRUE);
}

/* What only the XML of a domain tells. -errno. */
static int read_domain(const struct doctor_host *host, struct doctor_vm *machine,
	struct domain_xml *domain, char *why, size_t why_size)
{
	static const char *const directories[] = {
		"/run/libvirt/qemu", "/var/run/libvirt/qemu", "/etc/libvirt/qemu"};
	GString *text = NULL;
	char damage[256];
	int rc = -ENOENT;

	/* The first two are of running domains. */
	for (size_t i = machine->pid > 0 ? 0 : 2; i < 3 && rc == -ENOENT; i++) {
		g_autofree char *path = g_strdup_printf("%s/%s.xml", directories[i], machine->name);

		rc = read_file(host, path, false, &text);
		if (rc == 0) {
			rc = domain_xml_parse(domain, text->str, damage, sizeof(damage));
			if (rc < 0) {
				snprintf(why, why_size, "%s is damaged: %s", path, damage);
				domain_xml_finish(domain);
			}
			g_string_free(text, TRUE);
		} else if (rc != -ENOENT) {
			snprintf(why, why_size,
				"%s can't be read: %s; run the doctor as root for a domain that "
				"does not run",
				path, strerror(-rc));
		}
		if (rc == 0) {
			machine->domain_path = g_steal_pointer(&path);
		}
	}
	if (rc == 0) {
		machine->locked = domain->locked;
		machine->hard_limit = domain->hard_limit;
		machine->mdevs = domain->mdevs;
		machine->localtime = domain->localtime;
		machine->os = g_strdup(domain->os);
	}
	return rc;
}

static struct doctor_vm *new_machine(const char *name, pid_t pid)
{
	struct doctor_vm *machine = g_new0(struct doctor_vm, 1);

	machine->name = g_strdup(name);
	machine->pid = pid;
	machine->gpus = g_array_new(FALSE, TRUE, sizeof(struct vm_gpu));
	return machine;
}

static void finish_machine(struct doctor_host *host, struct doctor_vm *machine)
{
	machine->memory = qemu_line_memory(machine->line);
	find_gpus(host, machine);
	read_log(host, machine);
	doctor_vm_versions(host, machine->program, machine->log,
		qemu_line_last(machine->line, "machine"), &machine->qemu,
		&machine->libvirt_version);
}

/* How many of the last words of a running QEMU its domain added by itself. */
static size_t own_words(const struct domain_xml *domain, char *const *words)
{
	size_t n = g_strv_length((char **)words);
	size_t first = domain->words->len - 1 - domain->own_words;

	/* libvirt puts them before its last words (-sandbox, -msg): they are looked for. */
	for (size_t i = 0; domain->own_words > 0 && i + domain->own_words <= n; i++) {
		size_t same = 0;

		while (same < domain->own_words &&
			g_strcmp0(words[i + same], domain->words->pdata[first + same]) == 0) {
			same++;
		}
		if (same == domain->own_words) {
			return n - i;
		}
	}
	return 0;
}

static int use_process(
	struct doctor_host *host, pid_t pid, const char *name, char *why, size_t why_size)
{
	struct doctor_vm *machine;
	const struct qemu_option *named;
	struct domain_xml domain = {0};
	struct doctor_user user;
	char number[16];
	size_t n_own = 0;

	host->qemu_arguments = read_arguments(host, pid);
	if (!host->qemu_arguments) {
		snprintf(why, why_size, "there is no process %d", pid);
		return -ESRCH;
	}
	if (!is_qemu(host->qemu_arguments[0])) {
		g_autofree char *base = g_path_get_basename(host->qemu_arguments[0]);

		snprintf(why, why_size, "process %d is %s, not a QEMU: see pgrep -a qemu", pid,
			base);
		g_clear_pointer(&host->qemu_arguments, g_strfreev);
		return -ESRCH;
	}
	host->qemu = pid;
	machine = new_machine(name, pid);
	host->machine = machine;
	machine->path = g_strdup_printf("/proc/%d/cmdline", pid);
	machine->program = read_program(host, pid);
	if (!machine->program && host->qemu_arguments[0][0] == '/') {
		machine->program = g_strdup(host->qemu_arguments[0]);
	}
	machine->line = parse_line(host->qemu_arguments + 1, 0, &machine->first_own);
	if (!machine->name) {
		named = qemu_line_last(machine->line, "name");
		machine->name = named && qemu_option_value(named, "guest")
			? g_strdup(qemu_option_value(named, "guest"))
			: g_strdup_printf("process %d", pid);
	}
	if (!strchr(machine->name, '/') &&
		read_domain(host, machine, &domain, why, why_size) == 0) {
		n_own = own_words(&domain, host->qemu_arguments + 1);
		g_ptr_array_unref(machine->line);
		machine->line = parse_line(host->qemu_arguments + 1, n_own, &machine->first_own);
		domain_xml_finish(&domain);
	}
	for (char **word = host->qemu_arguments; *word; word++) {
		/* Its working directories are on the line of each domain. */
		machine->libvirt |= strstr(*word, "/libvirt/qemu/") != NULL;
	}
	snprintf(number, sizeof(number), "%d", pid);
	if (doctor_user_read(host, number, &user)) {
		machine->uid = user.uid;
		machine->gid = user.n_groups > 0 ? user.groups[0] : 0;
		machine->capabilities = user.capabilities;
	}
	finish_machine(host, machine);
	return 0;
}

static int use_domain(struct doctor_host *host, char *why, size_t why_size)
{
	struct doctor_vm *machine = new_machine(host->vm, 0);
	struct domain_xml domain = {0};
	int rc = read_domain(host, machine, &domain, why, why_size);

	host->machine = machine;
	if (rc < 0) {
		doctor_vm_finish(host);
		return rc;
	}
	machine->libvirt = true;
	machine->path = g_strdup(machine->domain_path);
	machine->program = g_strdup(domain.emulator);
	machine->line = parse_line(
		(char *const *)domain.words->pdata, domain.own_words, &machine->first_own);
	domain_xml_finish(&domain);
	finish_machine(host, machine);
	return 0;
}

int doctor_vm_find(struct doctor_host *host, char *why, size_t why_size)
{
	char *end;
	unsigned long number;
	char not_found[512];
	pid_t pid = 0;
	int rc;

	if (!host->vm) {
		return 0;
	}
	number = strtoul(host->vm, &end, 10);
	if (g_ascii_isdigit(host->vm[0]) && *end == '\0' && number > 0 && number < INT32_MAX) {
		return use_process(host, (pid_t)number, NULL, why, why_size);
	}
	rc = vm_find(root_of(host), host->vm, &pid, not_found, sizeof(not_found));
	if (rc == 0) {
		return use_process(host, pid, host->vm, why, why_size);
	}
	if (rc == -ENOTUNIQ) {
		snprintf(why, why_size,
			"several running virtual machines are called %s: choose one by its process, "
			"--vm PID; pgrep -a qemu lists them",
			host->vm);
		return rc;
	}
	rc = strchr(host->vm, '/') ? -ENOENT : use_domain(host, why, why_size);
	if (rc == -ENOENT) {
		snprintf(why, why_size,
			"no virtual machine called %s is running, and libvirt has no domain of that "
			"name in /etc/libvirt/qemu: see virsh list --all, or pgrep -a qemu",
			host->vm);
		rc = -ESRCH;
	}
	return rc;
}

void doctor_vm_finish(struct doctor_host *host)
{
	struct doctor_vm *machine = host->machine;

	g_clear_pointer(&host->qemu_arguments, g_strfreev);
	host->qemu = 0;
	host->machine = NULL;
	if (!machine) {
		return;
	}
	g_free(machine->name);
	g_free(machine->path);
	g_free(machine->program);
	g_free(machine->domain_path);
	g_free(machine->os);
	g_free(machine->log);
	g_free(machine->log_path);
	if (machine->line) {
		g_ptr_array_unref(machine->line);
	}
	g_array_unref(machine->gpus);
	g_free(machine);
}
