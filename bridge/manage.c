/* SPDX-License-Identifier: MIT */
#include "bridge/manage.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bridge/log.h"
#include "bridge/tools.h"

#define MIB(bytes) ((unsigned)((bytes) >> 20))
#define STEP_US 10000

const char *manage_root(const struct tool_call *call)
{
	const char *root = tool_value(call, "root");

	if (!root) {
		return "";
	}
	if (!g_file_test(root, G_FILE_TEST_IS_DIR)) {
		log_error(
			"--root: '%s' is no directory; give one that holds sys/, proc/ and the rest",
			root);
		return NULL;
	}
	return root;
}

int manage_read(const char *root, struct inventory *inventory)
{
	int rc = inventory_read(root, inventory);

	if (rc < 0) {
		log_error("what %s/sys has of vGPUs can't be read: %s", root, strerror(-rc));
	}
	return rc;
}

const char *limit_name(enum inventory_limit limit)
{
	switch (limit) {
	case LIMIT_LOW_GM:
		return "low-gm";
	case LIMIT_HIGH_GM:
		return "high-gm";
	case LIMIT_FENCES:
		return "fences";
	case LIMIT_COUNT:
		return "count";
	case LIMIT_MEMORY:
		return "memory";
	case LIMIT_OTHER_TYPE:
		return "other-type";
	case LIMIT_UNKNOWN:
		return "unknown";
	case LIMIT_NONE:
		break;
	}
	return NULL;
}

/* A parameter of the parent's module, or "". */
static char *module_parameter(
	const char *root, const struct inventory_parent *parent, const char *name)
{
	char *path = g_strdup_printf("%s/sys/module/%s/parameters/%s", root, parent->driver, name);
	char *text = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL)) {
		text = g_strdup("");
	}
	g_free(path);
	return g_strstrip(text);
}

char *limit_text(
	const char *root, const struct inventory_parent *parent, const struct inventory_type *type)
{
	char *value;
	char *text;

	switch (type->limit) {
	case LIMIT_LOW_GM:
		return g_strdup_printf("the aperture, %u MiB", MIB(parent->aperture));
	case LIMIT_HIGH_GM:
		return g_strdup("hidden graphics memory (4 GiB less the aperture)");
	case LIMIT_FENCES:
		return g_strdup("fence registers");
	case LIMIT_COUNT:
		if (parent->kind == PARENT_GVT) {
			return g_strdup("GVT-g's number of vGPUs, 7");
		}
		break;
	case LIMIT_MEMORY:
		break;
	case LIMIT_OTHER_TYPE:
		return g_strdup("another type is in use");
	case LIMIT_UNKNOWN:
		return g_strdup("not known");
	case LIMIT_NONE:
		return g_strdup("");
	}
	value = module_parameter(root, parent, "count");
	text = g_strdup_printf("count=%s%s of the module %s", value,
		type->limit == LIMIT_MEMORY ? " (MiB)" : "", parent->driver);
	g_free(value);
	return text;
}

/* How many vGPUs the parent has. */
static unsigned count_vgpus(
	const struct inventory *inventory, const struct inventory_parent *parent)
{
	unsigned count = 0;

	for (size_t i = 0; i < inventory->n_vgpus; i++) {
		count += !strcmp(inventory->vgpus[i].parent, parent->name);
	}
	return count;
}

static void gvt_shortage(GString *text, const struct inventory_parent *parent,
	const struct inventory_type *type, unsigned others)
{
	unsigned aperture = MIB(parent->aperture);

	switch (type->limit) {
	case LIMIT_LOW_GM:
		g_string_append_printf(text,
			"the aperture is %u MiB, of which the host keeps 128 MiB; %s needs %u MiB "
			"of the rest",
			aperture, type->name, type->low_gm_mib);
		if (others > 0) {
			g_string_append_printf(text, ", and there %s %u vGPU%s already",
				others > 1 ? "are" : "is", others, others > 1 ? "s" : "");
		}
		g_string_append(text,
			". Remove one that nobody needs, choose a smaller type, or "
			"set the aperture to 512 or 1024 MiB in the firmware's setup");
		break;
	case LIMIT_HIGH_GM:
		g_string_append_printf(text,
			"hidden graphics memory is 4096 MiB less the aperture of %u MiB less the "
			"host's 384 MiB, and %s needs %u MiB of what is left",
			aperture, type->name, type->high_gm_mib);
		g_string_append(text,
			aperture > 1024
				? ". Set the aperture to 1024 MiB in the firmware's setup: more leaves "
				  "too little hidden memory"
				: ". Remove a vGPU that nobody needs, or choose a smaller type");
		break;
	case LIMIT_FENCES:
	case LIMIT_COUNT:
		g_string_append_printf(text,
			"%u vGPUs are there, and GVT-g has %s for 7 at most. Remove one that nobody "
			"needs",
			others, type->limit == LIMIT_FENCES ? "fence registers" : "numbers");
		break;
	default:
		g_string_append(text,
			"by the sizes it should fit, so the host's own desktop holds "
			"too much mappable graphics memory. Make vGPUs before the display "
			"manager starts, as create --persist lets mdevctl do at each boot, "
			"or stop it for a moment");
	}
}

char *shortage_text(const char *root, const struct inventory *inventory,
	const struct inventory_parent *parent, const struct inventory_type *type, unsigned more)
{
	GString *text = g_string_new(NULL);
	unsigned others = count_vgpus(inventory, parent);
	char *limit;

	if (parent->kind == PARENT_GVT) {
		struct inventory_type refused = *type;

		/* The kernel promised and then refused. */
		if (type->room >= 0 && (unsigned)type->room >= more) {
			refused.limit = LIMIT_UNKNOWN;
		}
		gvt_shortage(text, parent, &refused, others);
	} else if (type->limit == LIMIT_OTHER_TYPE) {
		g_string_append(text,
			"this GPU serves one type at a time and has vGPUs of another "
			"type. Choose that type, another GPU, or remove those");
	} else if (type->limit == LIMIT_COUNT || type->limit == LIMIT_MEMORY) {
		limit = limit_text(root, parent, type);
		g_string_append_printf(text,
			"%s is used up by %u vGPU%s. Remove one that nobody needs, or load the module "
			"with a larger value",
			limit, others, others == 1 ? "" : "s");
		g_free(limit);
	} else {
		g_string_append_printf(text,
			"the driver %s has no room for it beside the %u vGPU%s there %s. Remove one "
			"that nobody needs, or choose a smaller type",
			parent->driver, others, others == 1 ? "" : "s", others == 1 ? "is" : "are");
	}
	return g_string_free(text, FALSE);
}

const char *node_of(const struct inventory_vgpu *vgpu)
{
	return vgpu->group_node[0] ? vgpu->group_node : vgpu->cdev_node;
}

char *user_name(const char *root, uid_t uid)
{
	struct passwd *entry = NULL;
	char *path = g_strdup_printf("%s/etc/passwd", root);
	FILE *file = *root ? fopen(path, "re") : NULL;
	char *name;

	if (!*root) {
		entry = getpwuid(uid);
	}
	while (file && (entry = fgetpwent(file)) && entry->pw_uid != uid) {
	}
	name = entry ? g_strdup(entry->pw_name) : g_strdup(uid == 0 ? "root" : "");
	if (!*name) {
		g_free(name);
		name = g_strdup_printf("%u", uid);
	}
	if (file) {
		fclose(file);
	}
	g_free(path);
	return name;
}

char *group_name(const char *root, gid_t gid)
{
	struct group *entry = NULL;
	char *path = g_strdup_printf("%s/etc/group", root);
	FILE *file = *root ? fopen(path, "re") : NULL;
	char *name;

	if (!*root) {
		entry = getgrgid(gid);
	}
	while (file && (entry = fgetgrent(file)) && entry->gr_gid != gid) {
	}
	name = entry ? g_strdup(entry->gr_name) : g_strdup(gid == 0 ? "root" : "");
	if (!*name) {
		g_free(name);
		name = g_strdup_printf("%u", gid);
	}
	if (file) {
		fclose(file);
	}
	g_free(path);
	return name;
}

int group_find(const char *root, const char *name, gid_t *gid)
{
	struct group *entry = NULL;
	char *path = g_strdup_printf("%s/etc/group", root);
	FILE *file = *root ? fopen(path, "re") : NULL;
	guint64 number;
	int rc = -ENOENT;

	if (!*root) {
		entry = getgrnam(name);
	}
	while (file && (entry = fgetgrent(file)) && strcmp(entry->gr_name, name) != 0) {
	}
	if (entry) {
		*gid = entry->gr_gid;
		rc = 0;
	} else if (g_ascii_string_to_unsigned(name, 10, 0, UINT32_MAX - 1, &number, NULL)) {
		*gid = (gid_t)number;
		rc = 0;
	}
	if (file) {
		fclose(file);
	}
	g_free(path);
	return rc;
}

char *openers_text(const char *root, const struct inventory_vgpu *vgpu)
{
	char *owner = user_name(root, vgpu->owner);
	char *group = group_name(root, vgpu->owner_group);
	bool all = (vgpu->mode & 06) == 06;
	bool members = (vgpu->mode & 060) == 060 && vgpu->owner_group != 0;
	bool user = (vgpu->mode & 0600) == 0600 && vgpu->owner != 0;
	GString *text = g_string_new(NULL);

	if (!vgpu->has_node) {
		g_string_append(text, "nobody: it has no node");
	} else if (all) {
		g_string_append(text, "everybody");
	} else {
		g_string_append(text, user || members ? "root" : "root only");
		if (user) {
			g_string_append_printf(text, "%s%s", members ? ", " : " and ", owner);
		}
		if (members) {
			g_string_append_printf(text, " and members of the group %s", group);
		}
	}
	if (vgpu->has_node) {
		g_string_append_printf(text, " (%s:%s %04o)", owner, group, vgpu->mode);
	}
	g_free(owner);
	g_free(group);
	return g_string_free(text, FALSE);
}

char *holders_text(const struct inventory_vgpu *vgpu)
{
	GString *text = g_string_new(NULL);

	for (size_t i = 0; i < vgpu->n_holders; i++) {
		const struct inventory_holder *holder = &vgpu->holders[i];

		g_string_append_printf(text, "%s%s (process %d)", i > 0 ? "; " : "",
			holder->command[0] ? holder->command : "a program without a name",
			holder->pid);
		if (holder->vm[0]) {
			g_string_append_printf(text, ", virtual machine %s", holder->vm);
		}
		if (holder->by_command_line) {
			g_string_append(text, ", by its command line");
		}
	}
	if (vgpu->n_holders == 0) {
		g_string_append(text,
			vgpu->holders_known
				? "nobody"
				: "not known: only root can see what other users' processes have open");
	}
	return g_string_free(text, FALSE);
}

char *return_text(const struct inventory_vgpu *vgpu)
{
	GString *text = g_string_new(NULL);

	if (!vgpu->mdevctl_known) {
		g_string_append(text,
			"not known whether mdevctl makes it again (/etc/mdevctl.d can't "
			"be read, only by root)");
	} else if (vgpu->mdevctl_auto) {
		g_string_append(text, "mdevctl makes it again at each boot");
	} else if (vgpu->mdevctl_defined) {
		g_string_append(text, "mdevctl knows it, but makes it only when told to");
	} else if (vgpu->uuid[0]) {
		g_string_append(text, "nobody makes it again after a restart of the host");
	} else {
		g_string_append(text, "its type is lost with a restart of the host");
	}
	if (vgpu->libvirt < 0) {
		g_string_append(text, "; whether a domain of libvirt has it is for root to see");
	} else if (vgpu->libvirt > 0) {
		g_string_append_printf(text, "; libvirt's domain %s has it", vgpu->libvirt_domain);
		if (vgpu->libvirt > 1) {
			g_string_append_printf(text, " and %d more", vgpu->libvirt - 1);
		}
		if (vgpu->libvirt_autostart) {
			g_string_append(text,
				vgpu->libvirt > 1 ? ", one of which is started with the host"
						  : ", which is started with the host");
		}
	}
	return g_string_free(text, FALSE);
}

/* In the child: the exit status is an errno, all of which are small. */
static void write_and_exit(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n;

	if (fd < 0) {
		_exit(errno);
	}
	/* sysfs wants it all in one call. */
	n = write(fd, text, strlen(text));
	_exit(n < 0 ? errno : 0);
}

int sysfs_write(const char *path, const char *text, unsigned timeout_s)
{
	gint64 end = g_get_monotonic_time() + (gint64)timeout_s * G_USEC_PER_SEC;
	pid_t pid = fork();
	int status;

	if (pid < 0) {
		return -errno;
	}
	if (pid == 0) {
		write_and_exit(path, text);
	}
	for (;;) {
		pid_t done = waitpid(pid, &status, WNOHANG);

		if (done == pid) {
			break;
		}
		if (done < 0 && errno != EINTR) {
			return -errno;
		}
		if (g_get_monotonic_time() > end) {
			/* It may sleep in the kernel where no signal reaches it, and then stays. */
			kill(pid, SIGKILL);
			return -ETIMEDOUT;
		}
		g_usleep(STEP_US);
	}
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

void manage_log_write_error(const char *path, int error)
{
	if ((error == -EACCES || error == -EPERM) && geteuid() != 0) {
		log_error("%s can't be written: %s; that takes root, run this with sudo", path,
			strerror(-error));
	} else if (error == -EROFS || error == -EACCES || error == -EPERM) {
		log_error(
			"%s can't be written: %s; /sys is read-only here, as in a container: run this "
			"on the host itself",
			path, strerror(-error));
	} else if (error == -ETIMEDOUT) {
		log_error("%s was written, but the kernel has not come back from it yet", path);
	} else {
		log_error("%s can't be written: %s", path, strerror(-error));
	}
}

char *mdevctl_find(const char *root)
{
	static const char *const places[] = {"/usr/sbin/mdevctl", "/usr/bin/mdevctl",
		"/usr/local/sbin/mdevctl", "/sbin/mdevctl"};
	char *path = *root ? NULL : g_find_program_in_path("mdevctl");

	for (size_t i = 0; !path && i < G_N_ELEMENTS(places); i++) {
		path = g_strconcat(root, places[i], NULL);
		if (access(path, X_OK) < 0) {
			g_clear_pointer(&path, g_free);
		}
	}
	return path;
}

/* In the child: whoever made the vGPU holds its signals back, but mdevctl may be ended. */
static void let_signals_in(gpointer data)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
}

int mdevctl_run(const char *mdevctl, const char *const *arguments, char **said)
{
	GPtrArray *argv = g_ptr_array_new();
	char *output = NULL;
	char *errors = NULL;
	GError *error = NULL;
	int status = 0;
	int rc = 0;

	g_ptr_array_add(argv, (gpointer)mdevctl);
	for (size_t i = 0; arguments[i]; i++) {
		g_ptr_array_add(argv, (gpointer)arguments[i]);
	}
	g_ptr_array_add(argv, NULL);
	*said = NULL;
	if (!g_spawn_sync(NULL, (char **)argv->pdata, NULL, G_SPAWN_DEFAULT, let_signals_in, NULL,
		    &output, &errors, &status, &error)) {
		*said = g_strdup(error->message);
		g_error_free(error);
		rc = -EIO;
	} else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		g_strstrip(errors);
		*said = *errors ? g_strdelimit(errors, "\n", ' ')
				: g_strdup_printf("it ended with status %d", status);
		errors = *errors ? NULL : errors;
		rc = -EIO;
	}
	g_free(output);
	g_free(errors);
	g_ptr_array_free(argv, TRUE);
	return rc;
}

int vgpu_remove(const struct inventory_vgpu *vgpu, unsigned timeout_s)
{
	char *path = g_strconcat(
		vgpu->path, vgpu->uuid[0] ? "/remove" : "/nvidia/current_vgpu_type", NULL);
	int rc = sysfs_write(path, vgpu->uuid[0] ? "1\n" : "0\n", timeout_s);

	/* Gone meanwhile is as good. */
	if (rc == -ENODEV || rc == -ENOENT) {
		rc = 0;
	}
	if (rc < 0 && rc != -ETIMEDOUT) {
		manage_log_write_error(path, rc);
	}
	g_free(path);
	return rc;
}
