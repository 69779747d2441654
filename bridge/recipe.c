/* SPDX-License-Identifier: MIT */
#include "bridge/recipe.h"

#include <glib.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/log.h"
#include "bridge/options.h"
#include "bridge/tools.h"
#include "bridge/verbs.h"
#include "vfio/mdev.h"

#define SOCKET_PATH_MAX 107 /* of sun_path */
#define LIBVIRT_DIRECTORY "/var/lib/libvirt/qemu" /* QEMU's user may write there */

/* Nothing in it means something to a shell or in QEMU's lists of key=value. */
static bool is_plain(const char *text, const char *also)
{
	for (; *text; text++) {
		if (!g_ascii_isalnum(*text) && !strchr("._+:@-", *text) && !strchr(also, *text)) {
			return false;
		}
	}
	return true;
}

static int find_device(struct recipe *recipe, const char *root, const char *name)
{
	int rc = inventory_read(root, &recipe->inventory);
	GString *all = g_string_new(NULL);

	if (rc < 0) {
		log_error("the vGPUs of this host can't be read: %s", g_strerror(-rc));
		g_string_free(all, TRUE);
		return EXIT_FAILED;
	}
	for (size_t i = 0; i < recipe->inventory.n_vgpus; i++) {
		const struct inventory_vgpu *vgpu = &recipe->inventory.vgpus[i];

		if (!g_ascii_strcasecmp(vgpu->name, name)) {
			recipe->vgpu = vgpu;
		}
		g_string_append_printf(all, "%s%s", i ? ", " : "", vgpu->name);
	}
	if (!recipe->vgpu) {
		log_error("'%s' is no vGPU of this host; %s%s", name,
			all->len ? "there is " : "there is none, and vgpu-bridge create makes one",
			all->str);
		g_string_free(all, TRUE);
		return EXIT_SOURCE;
	}
	g_string_free(all, TRUE);
	recipe->parent = inventory_parent(&recipe->inventory, recipe->vgpu->parent);
	recipe->gvt = recipe->parent && recipe->parent->kind == PARENT_GVT;
	recipe->dmabuf = recipe->gvt || g_str_has_prefix(recipe->vgpu->type, "mbochs");
	if (mdev_render_node(recipe->vgpu->path, recipe->render_node, sizeof(recipe->render_node)) <
		0) {
		recipe->render_node[0] = '\0';
	}
	recipe->iommufd = recipe->vgpu->group < 0 && recipe->vgpu->cdev_node[0];
	return EXIT_OK;
}

static int find_version(const struct tool_call *call, const char *option, const char *root,
	const char *const *programs, struct program_version guess, struct program_version *version,
	bool *guessed)
{
	const char *said = tool_value(call, option);

	if (said) {
		if (program_version_parse(said, version) < 0) {
			log_error("--%s: '%s' is not a version such as %u.%u", option, said,
				guess.major, guess.minor);
			return EXIT_USAGE;
		}
		return EXIT_OK;
	}
	/* Another host's tree: the programs here say nothing of it. */
	if (*root || program_version_ask(programs, version) < 0) {
		*version = guess;
		*guessed = true;
	}
	return EXIT_OK;
}

static int find_versions(struct recipe *recipe, const struct tool_call *call, const char *root)
{
	static const char *const qemus[] = {
		"qemu-system-x86_64", "/usr/libexec/qemu-kvm", "qemu-kvm", NULL};
	static const char *const libvirts[] = {"virsh", "libvirtd", "virtqemud", NULL};
	int code = find_version(call, "qemu", root, qemus, (struct program_version){7, 2, true},
		&recipe->qemu, &recipe->qemu_guessed);

	if (code != EXIT_OK || !recipe->for_libvirt) {
		return code;
	}
	return find_version(call, "libvirt", root, libvirts, (struct program_version){9, 0, true},
		&recipe->libvirt, &recipe->libvirt_guessed);
}

static int find_name(struct recipe *recipe, const struct tool_call *call)
{
	const struct inventory_vgpu *vgpu = recipe->vgpu;
	const char *said = tool_value(call, "vm");

	if (said) {
		recipe->vm = g_strdup(said);
	} else if (vgpu->libvirt_domain[0]) {
		recipe->vm = g_strdup(vgpu->libvirt_domain);
	} else if (vgpu->n_holders > 0 && vgpu->holders[0].vm[0]) {
		recipe->vm = g_strdup(vgpu->holders[0].vm);
	} else {
		recipe->vm = g_strdup_printf("vm-%.*s", vgpu->uuid[0] ? 8 : 16, vgpu->name);
		recipe->vm_guessed = true;
	}
	if (!recipe->vm[0] || recipe->vm[0] == '.' || recipe->vm[0] == '-' ||
		strchr(recipe->vm, '/') || strlen(recipe->vm) > 200) {
		log_error("--vm: '%s' can't be a virtual machine's name; give another", recipe->vm);
		return EXIT_USAGE;
	}
	if (!g_utf8_validate(recipe->vm, -1, NULL)) {
		log_error("--vm: the virtual machine's name is not UTF-8; give another");
		return EXIT_USAGE;
	}
	for (const char *c = recipe->vm; *c; c++) {
		if (g_ascii_iscntrl(*c)) {
			log_error("--vm: a virtual machine's name has no control characters, this "
				  "one has number %d; give another",
				*c);
			return EXIT_USAGE;
		}
	}
	if (!recipe->for_libvirt && !is_plain(recipe->vm, "")) {
		log_error("--vm: '%s' would have to be quoted on QEMU's command line; give one of "
			  "letters, digits and . _ + : @ -",
			recipe->vm);
		return EXIT_USAGE;
	}
	return EXIT_OK;
}

/* One word of --with. */
static int want(struct recipe *recipe, const struct tool *tool, const char *word)
{
	if (!strcmp(word, "webdav")) {
		recipe->webdav = true;
	} else if (!strcmp(word, "usb")) {
		recipe->usb = true;
	} else if (!strcmp(word, "sound")) {
		recipe->sound = true;
	} else if (!strcmp(word, "qmp") && recipe->for_libvirt) {
		recipe->qmp = true;
	} else {
		log_error("--with: '%s' is none of %swebdav, usb, sound; see vgpu-bridge %s --help",
			word, recipe->for_libvirt ? "qmp, " : "", tool->name);
		return EXIT_USAGE;
	}
	return EXIT_OK;
}

static int read_wishes(struct recipe *recipe, const struct tool_call *call)
{
	const char *guest = tool_value(call, "for");
	const char *machine = tool_value(call, "machine");
	const char *word;

	if (guest && strcmp(guest, "windows") != 0 && strcmp(guest, "linux") != 0) {
		log_error("--for: '%s' is neither windows nor linux", guest);
		return EXIT_USAGE;
	}
	if (machine && strcmp(machine, "q35") != 0 && strcmp(machine, "pc") != 0) {
		log_error("--machine: '%s' is neither q35 nor pc", machine);
		return EXIT_USAGE;
	}
	recipe->windows = guest && !strcmp(guest, "windows");
	recipe->linux_guest = guest && !strcmp(guest, "linux");
	recipe->machine = g_strdup(machine ? machine : "q35");
	recipe->ramfb = tool_has(call, "ramfb");
	recipe->qmp = !recipe->for_libvirt;
	for (size_t i = 0; (word = tool_value_at(call, "with", i)); i++) {
		int code = want(recipe, call->tool, word);

		if (code != EXIT_OK) {
			return code;
		}
	}
	/* Sound is handed over by a monitor, with a descriptor, which libvirt's own doesn't take. */
	recipe->qmp |= recipe->sound;
	if (recipe->for_libvirt && tool_value(call, "part")) {
		const char *part = tool_value(call, "part");

		recipe->webdav |= !strcmp(part, "webdav");
		recipe->usb |= !strcmp(part, "usb");
	}
	return EXIT_OK;
}

/* What these versions can't do is said instead of printed. */
static int check_wishes(struct recipe *recipe)
{
	const struct program_version *qemu = &recipe->qemu, *libvirt = &recipe->libvirt;

	if (recipe->sound && !program_version_is(qemu, 8, 1)) {
		log_error("--with=sound: QEMU %u.%u dies of it, 8.1 and newer do not; leave it out",
			qemu->major, qemu->minor);
		return EXIT_USAGE;
	}
	if (recipe->sound && recipe->for_libvirt && !program_version_is(libvirt, 8, 4)) {
		log_error("--with=sound: libvirt %u.%u has no D-Bus display, 8.4 has; leave it out",
			libvirt->major, libvirt->minor);
		return EXIT_USAGE;
	}
	if (recipe->sound && recipe->ramfb && recipe->dmabuf) {
		log_error("--ramfb: with --with=sound QEMU would need two displays of its own, and "
			  "has room for one; leave one of them out");
		return EXIT_USAGE;
	}
	if (recipe->ramfb &&
		(!program_version_is(qemu, 3, 1) ||
			(recipe->for_libvirt && !program_version_is(libvirt, 5, 9)))) {
		log_error("--ramfb: needs QEMU 3.1 and libvirt 5.9 at least, here QEMU is %u.%u",
			qemu->major, qemu->minor);
		return EXIT_USAGE;
	}
	if (recipe->for_libvirt && !program_version_is(libvirt, 3, 2)) {
		log_error("libvirt %u.%u has no mediated devices, 3.2 and newer have; use "
			  "vgpu-bridge qemu-args",
			libvirt->major, libvirt->minor);
		return EXIT_USAGE;
	}
	if (!recipe->for_libvirt && recipe->iommufd && !program_version_is(qemu, 9, 0)) {
		log_error(
			"'%s' has no IOMMU group, only %s, and QEMU %u.%u needs a group; QEMU 9.0 "
			"and newer do not, or take a kernel with CONFIG_VFIO_GROUP",
			recipe->vgpu->name, recipe->vgpu->cdev_node, qemu->major, qemu->minor);
		return EXIT_SOURCE;
	}
	if (recipe->for_libvirt && recipe->ramfb && !recipe->vgpu->uuid[0]) {
		log_error("--ramfb: '%s' is no mediated device; libvirt has it for those only",
			recipe->vgpu->name);
		return EXIT_USAGE;
	}
	recipe->opregion = recipe->gvt && !program_version_is(qemu, 10, 1);
	return EXIT_OK;
}

static int name_socket(char **path, const char *directory, const char *stem, const char *suffix)
{
	*path = g_strdup_printf("%s/%s.%s", directory, stem, suffix);
	if (strlen(*path) > SOCKET_PATH_MAX) {
		log_error("'%s' is too long for a socket, which has %d characters at most; give "
			  "another --vm or --sockets",
			*path, SOCKET_PATH_MAX);
		return EXIT_USAGE;
	}
	return EXIT_OK;
}

static int name_sockets(struct recipe *recipe, const struct tool_call *call)
{
	const char *run = geteuid() == 0 ? "/run" : g_getenv("XDG_RUNTIME_DIR");
	const char *directory = tool_value(call, "sockets");
	g_autofree char *stem = g_strdup(recipe->vm);
	int code;

	run = run && *run == '/' && is_plain(run, "/") ? run : "/tmp";
	for (char *c = stem; *c; c++) {
		if (!g_ascii_isalnum(*c) && !strchr("._+@-", *c)) {
			*c = '_';
		}
	}
	if (directory && (*directory != '/' || !is_plain(directory, "/"))) {
		log_error("--sockets: '%s' is not a full path of letters, digits and . _ + : @ -",
			directory);
		return EXIT_USAGE;
	}
	code = name_socket(&recipe->spice_path, directory ? directory : run, stem, "spice");
	directory = directory ? directory : recipe->for_libvirt ? LIBVIRT_DIRECTORY : run;
	if (code == EXIT_OK) {
		code = name_socket(&recipe->agent_path, directory, stem, "agent");
	}
	if (code == EXIT_OK && recipe->qmp) {
		code = name_socket(&recipe->qmp_path, directory, stem, "qmp");
	}
	if (code == EXIT_OK && recipe->webdav) {
		code = name_socket(&recipe->webdav_path, directory, stem, "webdav");
	}
	if (code == EXIT_OK && recipe->usb) {
		code = name_socket(&recipe->usb_path, directory, stem, "usb");
	}
	if (code == EXIT_OK && recipe->ramfb) {
		code = name_socket(&recipe->vnc_path, directory, stem, "vnc");
	}
	return code;
}

/*
 * Also a bridge that root starts has no rights but those of its user and groups when it connects, and
 * the sockets are of QEMU's user. libvirt gives its directory to QEMU's group.
 */
static void find_group(struct recipe *recipe)
{
	g_autofree char *directory = g_path_get_dirname(recipe->agent_path);
	struct stat status;
	const struct group *group;

	if (!recipe->for_libvirt) {
		return;
	}
	if (stat(directory, &status) < 0) {
		recipe->group = g_strdup("libvirt-qemu");
	} else if (status.st_gid != 0 && status.st_gid != getegid()) {
		group = getgrgid(status.st_gid);
		recipe->group = group ? g_strdup(group->gr_name)
				      : g_strdup_printf("%u", (unsigned)status.st_gid);
	}
}

int recipe_read(struct recipe *recipe, const struct tool_call *call, bool for_libvirt)
{
	const char *root = tool_value(call, "root");
	int code;

	*recipe = (struct recipe){.for_libvirt = for_libvirt};
	root = root ? root : "";
	code = read_wishes(recipe, call);
	if (code == EXIT_OK) {
		code = find_device(recipe, root, call->arguments[0]);
	}
	if (code == EXIT_OK) {
		code = find_versions(recipe, call, root);
	}
	if (code == EXIT_OK) {
		code = check_wishes(recipe);
	}
	if (code == EXIT_OK) {
		code = find_name(recipe, call);
	}
	if (code == EXIT_OK) {
		code = name_sockets(recipe, call);
	}
	if (code == EXIT_OK) {
		find_group(recipe);
	}
	return code;
}

void recipe_finish(struct recipe *recipe)
{
	inventory_finish(&recipe->inventory);
	g_free(recipe->vm);
	g_free(recipe->machine);
	g_free(recipe->spice_path);
	g_free(recipe->qmp_path);
	g_free(recipe->agent_path);
	g_free(recipe->webdav_path);
	g_free(recipe->usb_path);
	g_free(recipe->vnc_path);
	g_free(recipe->group);
	*recipe = (struct recipe){0};
}

/* Its advice last, so that a terminal ends with the command for serve. */
static int end_output(const struct recipe *recipe)
{
	if (fflush(stdout) != 0 || ferror(stdout)) {
		log_error("the output could not be written");
		return EXIT_FAILED;
	}
	recipe_print_notes(recipe, stderr);
	return EXIT_OK;
}

int xml_tool(const struct tool_call *call)
{
	const char *part = tool_value(call, "part");
	struct recipe recipe;
	char why[256];
	int code = recipe_read(&recipe, call, true);

	if (code == EXIT_OK &&
		recipe_print_xml(&recipe, part ? part : "domain", stdout, why, sizeof(why)) < 0) {
		log_error("%s", why);
		code = EXIT_USAGE;
	}
	if (code == EXIT_OK) {
		code = end_output(&recipe);
	}
	recipe_finish(&recipe);
	return code;
}

int qemu_args_tool(const struct tool_call *call)
{
	struct recipe recipe;
	int code = recipe_read(&recipe, call, false);

	if (code == EXIT_OK) {
		recipe_print_qemu(&recipe, stdout);
		code = end_output(&recipe);
	}
	recipe_finish(&recipe);
	return code;
}
