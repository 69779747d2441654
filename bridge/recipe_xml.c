/* SPDX-License-Identifier: MIT */
#include "bridge/recipe.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#define NAMESPACE " xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'"
/* Not 2: there QEMU's "pc" tries the way of a whole GPU. */
#define SLOT "0x10"

/* Escapes what is put in, and indents each line. */
static __attribute__((format(printf, 3, 4))) void put(
	FILE *stream, const char *indent, const char *format, ...)
{
	va_list arguments;
	char *text, *line;

	va_start(arguments, format);
	text = g_markup_vprintf_escaped(format, arguments);
	va_end(arguments);
	line = text;
	while (*line) {
		size_t length = strcspn(line, "\n");

		fprintf(stream, "%s%.*s\n", indent, (int)length, line);
		line += length + (line[length] == '\n');
	}
	g_free(text);
}

/* By an override of libvirt's own; older ones need QEMU's command line. */
static bool overrides(const struct recipe *recipe)
{
	return recipe->opregion && program_version_is(&recipe->libvirt, 8, 2);
}

static void put_address(const struct recipe *recipe, const char *indent, FILE *stream)
{
	unsigned domain, bus, slot, function;

	if (recipe->vgpu->uuid[0]) {
		put(stream, indent, "  <source>\n    <address uuid='%s'/>\n  </source>",
			recipe->vgpu->uuid);
	} else if (sscanf(recipe->vgpu->name, "%x:%x:%x.%x", &domain, &bus, &slot, &function) ==
		4) {
		put(stream, indent,
			"  <source>\n    <address domain='0x%04x' bus='0x%02x' slot='0x%02x' "
			"function='0x%x'/>\n  </source>",
			domain, bus, slot, function);
	}
}

static void put_hostdev(const struct recipe *recipe, const char *indent, FILE *stream)
{
	const char *kind = "type='pci' managed='no'";
	const char *display = "";

	if (!recipe->vgpu->uuid[0]) {
		/* A PCI function has it off by default, also where libvirt has no word for it. */
	} else if (recipe->ramfb) {
		display = " display='on' ramfb='on'";
	} else if (program_version_is(&recipe->libvirt, 4, 6) &&
		program_version_is(&recipe->qemu, 2, 12)) {
		display = " display='off'";
	}
	if (recipe->vgpu->uuid[0]) {
		kind = "type='mdev' managed='no' model='vfio-pci'";
	}
	fprintf(stream, "%s<hostdev mode='subsystem' %s%s>\n", indent, kind, display);
	put_address(recipe, indent, stream);
	if (overrides(recipe)) {
		put(stream, indent, "  <alias name='ua-vgpu'/>");
	}
	put(stream, indent,
		"  <rom bar='off'/>\n"
		"  <address type='pci' domain='0x0000' bus='0x00' slot='" SLOT
		"' function='0x0'/>\n</hostdev>");
}

static void put_tablet(const struct recipe *recipe, const char *indent, FILE *stream)
{
	put(stream, indent, "<input type='tablet' bus='usb'/>");
}

static void put_channel(FILE *stream, const char *indent, const char *path, const char *name)
{
	if (path) {
		put(stream, indent,
			"<channel type='unix'>\n  <source mode='bind' path='%s'/>\n"
			"  <target type='virtio' name='%s'/>\n</channel>",
			path, name);
	}
}

static void put_agent(const struct recipe *recipe, const char *indent, FILE *stream)
{
	put_channel(stream, indent, recipe->agent_path, "com.redhat.spice.0");
}

static void put_webdav(const struct recipe *recipe, const char *indent, FILE *stream)
{
	put_channel(stream, indent, recipe->webdav_path, "org.spice-space.webdav.0");
}

static void put_usb(const struct recipe *recipe, const char *indent, FILE *stream)
{
	if (recipe->usb_path) {
		put(stream, indent,
			"<redirdev bus='usb' type='unix'>\n  <source mode='bind' path='%s'/>\n"
			"</redirdev>",
			recipe->usb_path);
	}
}

/* As libvirt names devices: pci_0000_00_02_0. */
static void put_nodedev(const struct recipe *recipe, const char *indent, FILE *stream)
{
	g_autofree char *parent = g_strdup_printf("pci_%s", recipe->vgpu->parent);

	g_strdelimit(parent, ":.", '_');
	put(stream, indent,
		"<device>\n  <parent>%s</parent>\n  <capability type='mdev'>\n    <type id='%s'/>\n"
		"    <uuid>%s</uuid>\n  </capability>\n</device>",
		parent, recipe->vgpu->type, recipe->vgpu->uuid);
}

static void put_pictures(const struct recipe *recipe, FILE *stream)
{
	if (recipe->sound) {
		put(stream, "    ",
			"<graphics type='dbus' p2p='yes'/>\n<audio id='1' type='dbus'/>\n"
			"<sound model='ich9'>\n  <audio id='1'/>\n</sound>");
	}
	if (recipe->vnc_path) {
		put(stream, "    ", "<graphics type='vnc' socket='%s'/>", recipe->vnc_path);
	}
	if (recipe->vnc_path && recipe->dmabuf) {
		if (recipe->render_node[0]) {
			put(stream, "    ",
				"<graphics type='egl-headless'>\n  <gl rendernode='%s'/>\n"
				"</graphics>",
				recipe->render_node);
		} else {
			put(stream, "    ", "<graphics type='egl-headless'/>");
		}
	}
	if (program_version_is(&recipe->libvirt, 4, 6)) {
		put(stream, "    ", "<video>\n  <model type='none'/>\n</video>");
	}
}

static void put_guest(const struct recipe *recipe, FILE *stream)
{
	put(stream, "  ", "<features>\n  <acpi/>\n  <apic/>");
	if (recipe->windows) {
		put(stream, "    ",
			"<hyperv>\n  <relaxed state='on'/>\n  <vapic state='on'/>\n"
			"  <spinlocks state='on' retries='8191'/>\n</hyperv>");
	}
	put(stream, "  ", "</features>\n<cpu mode='host-passthrough'/>");
	if (recipe->windows) {
		put(stream, "  ",
			"<clock offset='localtime'>\n  <timer name='hypervclock' present='yes'/>\n"
			"  <timer name='hpet' present='no'/>\n</clock>");
	}
	put(stream, "  ",
		"<pm>\n  <suspend-to-mem enabled='no'/>\n  <suspend-to-disk enabled='no'/>\n</pm>");
}

static void put_domain(const struct recipe *recipe, FILE *stream)
{
	bool global = recipe->opregion && !overrides(recipe);
	bool line = global || recipe->qmp_path;

	fprintf(stream, "<domain type='kvm'%s>\n", line || overrides(recipe) ? NAMESPACE : "");
	put(stream, "  ",
		"<name>%s</name>\n<memory unit='GiB'>4</memory>\n<vcpu>2</vcpu>\n"
		"<os>\n  <type arch='x86_64' machine='%s'>hvm</type>\n</os>",
		recipe->vm, recipe->machine);
	put_guest(recipe, stream);
	put(stream, "  ", "<devices>\n  <controller type='usb' model='qemu-xhci'/>");
	put_tablet(recipe, "    ", stream);
	put_agent(recipe, "    ", stream);
	put_webdav(recipe, "    ", stream);
	put_usb(recipe, "    ", stream);
	put_hostdev(recipe, "    ", stream);
	put_pictures(recipe, stream);
	put(stream, "  ", "</devices>");
	if (line) {
		put(stream, "  ", "<qemu:commandline>");
		if (global) {
			put(stream, "    ",
				"<qemu:arg value='-global'/>\n"
				"<qemu:arg value='vfio-pci.x-igd-opregion=on'/>");
		}
		if (recipe->qmp_path) {
			put(stream, "    ",
				"<qemu:arg value='-qmp'/>\n"
				"<qemu:arg value='unix:%s,server=on,wait=off'/>",
				recipe->qmp_path);
		}
		put(stream, "  ", "</qemu:commandline>");
	}
	if (overrides(recipe)) {
		put(stream, "  ",
			"<qemu:override>\n  <qemu:device alias='ua-vgpu'>\n    <qemu:frontend>\n"
			"      <qemu:property name='x-igd-opregion' type='bool' value='true'/>\n"
			"    </qemu:frontend>\n  </qemu:device>\n</qemu:override>");
	}
	put(stream, "", "</domain>");
}

int recipe_print_xml(
	const struct recipe *recipe, const char *part, FILE *stream, char *why, size_t why_size)
{
	static const struct {
		const char *name;
		void (*print)(const struct recipe *recipe, const char *indent, FILE *stream);
	} parts[] = {
		{"hostdev", put_hostdev},
		{"tablet", put_tablet},
		{"agent", put_agent},
		{"webdav", put_webdav},
		{"usb", put_usb},
		{"nodedev", put_nodedev},
	};

	if (!strcmp(part, "domain")) {
		put_domain(recipe, stream);
		return 0;
	}
	if (!strcmp(part, "nodedev") &&
		(!recipe->vgpu->uuid[0] || !recipe->parent || !recipe->parent->pci)) {
		g_snprintf(why, why_size,
			"--part=nodedev: libvirt makes vGPUs of PCI devices only, and the parent "
			"of '%s' is '%s'",
			recipe->vgpu->name, recipe->vgpu->parent);
		return -ENOENT;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
		if (!strcmp(parts[i].name, part)) {
			parts[i].print(recipe, "", stream);
			return 0;
		}
	}
	g_snprintf(why, why_size,
		"--part: '%s' is none of domain, hostdev, tablet, agent, webdav, usb, nodedev",
		part);
	return -ENOENT;
}
