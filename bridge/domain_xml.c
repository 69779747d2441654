/* SPDX-License-Identifier: MIT */
#include "bridge/domain_xml.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bridge/qemu_line.h"

#define MAX_DEPTH 64

struct hostdev {
	bool open, mdev, pci;
	char *model, *display, *ramfb, *uuid, *host, *addr, *rom_bar, *rom_file, *alias;
	unsigned bus;
};

struct parser {
	struct domain_xml *domain;
	GPtrArray *path; /* of strings: elements from the domain's on */
	GString *text; /* of the element that is open */
	char *unit;
	struct hostdev hostdev;
	unsigned hostdevs;
	GPtrArray *own; /* words of <qemu:commandline> */
	char *override_alias;
	bool pm_off;
	bool hyperv;
	char *graphics; /* type of the one that is open */
};

static const char *attribute(const char **names, const char **values, const char *name)
{
	for (size_t i = 0; names[i]; i++) {
		if (strcmp(names[i], name) == 0) {
			return values[i];
		}
	}
	return NULL;
}

static bool is(const char *value, const char *wanted)
{
	return g_strcmp0(value, wanted) == 0;
}

static void add(struct parser *parser, const char *option, const char *format, ...)
	G_GNUC_PRINTF(3, 4);
static void add(struct parser *parser, const char *option, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_ptr_array_add(parser->domain->words, g_strdup(option));
	g_ptr_array_add(parser->domain->words, g_strdup_vprintf(format, args));
	va_end(args);
}

/* A comma in a value of QEMU's is written twice. For g_free(). */
static char *escape(const char *value)
{
	g_auto(GStrv) parts = g_strsplit(value, ",", -1);

	return g_strjoinv(",,", parts);
}

/* "devices/hostdev/source": the elements below the domain. */
static bool at(const struct parser *parser, const char *path)
{
	g_auto(GStrv) parts = g_strsplit(path, "/", -1);
	guint length = g_strv_length(parts);

	if (parser->path->len != length + 1) {
		return false;
	}
	for (guint i = 0; i < length; i++) {
		if (!is(parser->path->pdata[i + 1], parts[i])) {
			return false;
		}
	}
	return true;
}

static void replace(char **to, const char *value)
{
	g_free(*to);
	*to = g_strdup(value);
}

static void clear_hostdev(struct hostdev *hostdev)
{
	g_free(hostdev->model);
	g_free(hostdev->display);
	g_free(hostdev->ramfb);
	g_free(hostdev->uuid);
	g_free(hostdev->host);
	g_free(hostdev->addr);
	g_free(hostdev->rom_bar);
	g_free(hostdev->rom_file);
	g_free(hostdev->alias);
	*hostdev = (struct hostdev){0};
}

static unsigned number(const char *text)
{
	return text ? (unsigned)g_ascii_strtoull(text, NULL, 0) : 0;
}

static void start_hostdev(struct parser *parser, const char **names, const char **values)
{
	const char *type = attribute(names, values, "type");
	struct hostdev *hostdev = &parser->hostdev;

	clear_hostdev(hostdev);
	hostdev->open = true;
	hostdev->mdev = is(type, "mdev");
	hostdev->pci = is(type, "pci");
	replace(&hostdev->display, attribute(names, values, "display"));
	replace(&hostdev->ramfb, attribute(names, values, "ramfb"));
}

static void in_hostdev(
	struct parser *parser, const char *element, const char **names, const char **values)
{
	struct hostdev *hostdev = &parser->hostdev;

	if (at(parser, "devices/hostdev/source/address")) {
		replace(&hostdev->uuid, attribute(names, values, "uuid"));
		if (hostdev->pci) {
			g_free(hostdev->host);
			hostdev->host = g_strdup_printf("%04x:%02x:%02x.%x",
				number(attribute(names, values, "domain")),
				number(attribute(names, values, "bus")),
				number(attribute(names, values, "slot")),
				number(attribute(names, values, "function")));
		}
	} else if (at(parser, "devices/hostdev/address")) {
		g_free(hostdev->addr);
		hostdev->addr = g_strdup_printf("0x%x", number(attribute(names, values, "slot")));
		hostdev->bus = number(attribute(names, values, "bus"));
	} else if (is(element, "rom")) {
		replace(&hostdev->rom_bar, attribute(names, values, "bar"));
		replace(&hostdev->rom_file, attribute(names, values, "file"));
	} else if (is(element, "alias")) {
		replace(&hostdev->alias, attribute(names, values, "name"));
	}
}

static void end_hostdev(struct parser *parser)
{
	struct hostdev *hostdev = &parser->hostdev;
	g_autoptr(GString) text =
		g_string_new(is(hostdev->ramfb, "on") ? "vfio-pci-nohotplug" : "vfio-pci");

	hostdev->open = false;
	if (!hostdev->mdev && !hostdev->pci) {
		return;
	}
	/* libvirt names those without an alias so, in order. */
	if (hostdev->alias) {
		g_string_append_printf(text, ",id=%s", hostdev->alias);
	} else {
		g_string_append_printf(text, ",id=hostdev%u", parser->hostdevs);
	}
	parser->hostdevs++;
	if (hostdev->mdev) {
		parser->domain->mdevs++;
		g_string_append_printf(text, ",sysfsdev=/sys/bus/mdev/devices/%s",
			hostdev->uuid ? hostdev->uuid : "");
	} else {
		g_string_append_printf(text, ",host=%s", hostdev->host ? hostdev->host : "");
	}
	if (hostdev->display) {
		g_string_append_printf(text, ",display=%s", hostdev->display);
	}
	if (hostdev->ramfb) {
		g_string_append_printf(text, ",ramfb=%s", hostdev->ramfb);
	}
	if (hostdev->addr) {
		g_string_append_printf(text, ",bus=pci.%u,addr=%s", hostdev->bus, hostdev->addr);
	}
	if (is(hostdev->rom_bar, "off")) {
		g_string_append(text, ",rombar=0");
	}
	if (hostdev->rom_file) {
		g_autofree char *file = escape(hostdev->rom_file);

		g_string_append_printf(text, ",romfile=%s", file);
	}
	add(parser, "-device", "%s", text->str);
}

static void start_graphics(struct parser *parser, const char **names, const char **values)
{
	const char *type = attribute(names, values, "type");
	const char *port = attribute(names, values, "port");

	replace(&parser->graphics, type);
	if (is(type, "spice")) {
		/* -1 is a port of libvirt's choice, and none stands for a socket. */
		if (port || is(attribute(names, values, "autoport"), "yes")) {
			add(parser, "-spice", "port=%s", port ? port : "-1");
		} else {
			add(parser, "-spice", "unix=on");
		}
	} else if (is(type, "vnc")) {
		add(parser, "-vnc", "%s", "127.0.0.1:0");
	} else if (is(type, "egl-headless") || is(type, "sdl") || is(type, "dbus")) {
		add(parser, "-display", "%s", type);
	}
}

/* Puts keys to the word that was added last. */
static void extend(struct parser *parser, const char *keys)
{
	GPtrArray *words = parser->domain->words;
	char *old = words->pdata[words->len - 1];

	words->pdata[words->len - 1] = g_strconcat(old, ",", keys, NULL);
	g_free(old);
}

static void in_graphics(
	struct parser *parser, const char *element, const char **names, const char **values)
{
	if (!parser->graphics ||
		!(is(parser->graphics, "spice") || is(parser->graphics, "egl-headless") ||
			is(parser->graphics, "sdl") || is(parser->graphics, "dbus"))) {
		return;
	}
	if (is(element, "gl")) {
		const char *node = attribute(names, values, "rendernode");

		if (is(attribute(names, values, "enable"), "yes")) {
			extend(parser, "gl=on");
		}
		if (node) {
			g_autofree char *escaped = escape(node);
			g_autofree char *key = g_strconcat("rendernode=", escaped, NULL);

			extend(parser, key);
		}
	} else if (is(element, "image") && attribute(names, values, "compression")) {
		g_autofree char *key = g_strconcat(
			"image-compression=", attribute(names, values, "compression"), NULL);

		extend(parser, key);
	}
}

static void start_device(
	struct parser *parser, const char *element, const char **names, const char **values)
{
	const char *type = attribute(names, values, "type");

	if (is(element, "hostdev")) {
		start_hostdev(parser, names, values);
	} else if (is(element, "graphics")) {
		start_graphics(parser, names, values);
	} else if (is(element, "input") && is(type, "tablet")) {
		add(parser, "-device", "%s",
			is(attribute(names, values, "bus"), "virtio") ? "virtio-tablet-pci"
								      : "usb-tablet");
	} else if (is(element, "iommu") && is(attribute(names, values, "model"), "intel")) {
		add(parser, "-device", "intel-iommu");
	}
}

static void start_element(GMarkupParseContext *context, const char *element, const char **names,
	const char **values, gpointer data, GError **error)
{
	struct parser *parser = data;
	struct domain_xml *domain = parser->domain;

	(void)context;
	/* A running domain's file has it inside something else. */
	if (parser->path->len == 0 && !is(element, "domain")) {
		return;
	}
	if (parser->path->len >= MAX_DEPTH) {
		g_set_error(error, G_MARKUP_ERROR, G_MARKUP_ERROR_INVALID_CONTENT,
			"elements lie too deep in each other");
		return;
	}
	g_ptr_array_add(parser->path, g_strdup(element));
	g_string_truncate(parser->text, 0);
	if (parser->path->len == 3 && is(parser->path->pdata[1], "devices")) {
		start_device(parser, element, names, values);
	} else if (parser->hostdev.open) {
		in_hostdev(parser, element, names, values);
	} else if (parser->graphics) {
		in_graphics(parser, element, names, values);
	} else if (at(parser, "memory") || at(parser, "memtune/hard_limit")) {
		replace(&parser->unit, attribute(names, values, "unit"));
	} else if (at(parser, "os/type")) {
		const char *machine = attribute(names, values, "machine");

		add(parser, "-machine", "%s", machine ? machine : "pc");
	} else if (at(parser, "os")) {
		if (is(attribute(names, values, "firmware"), "efi")) {
			add(parser, "-drive", "if=pflash,file=OVMF_CODE.fd");
		}
	} else if (at(parser, "memoryBacking/locked")) {
		domain->locked = true;
	} else if (at(parser, "features/hyperv")) {
		parser->hyperv = true;
	} else if (at(parser, "pm/suspend-to-mem")) {
		parser->pm_off = is(attribute(names, values, "enabled"), "no");
	} else if (at(parser, "clock")) {
		domain->localtime = is(attribute(names, values, "offset"), "localtime");
	} else if (at(parser, "devices/video/model")) {
		domain->video_none = is(attribute(names, values, "type"), "none");
	} else if (at(parser, "qemu:commandline/qemu:arg")) {
		const char *value = attribute(names, values, "value");

		g_ptr_array_add(parser->own, g_strdup(value ? value : ""));
	} else if (at(parser, "qemu:override/qemu:device")) {
		domain->override = true;
		replace(&parser->override_alias, attribute(names, values, "alias"));
	} else if (is(element, "qemu:property") && parser->override_alias) {
		const char *name = attribute(names, values, "name");
		const char *value = attribute(names, values, "value");

		/* Applied to the device as -set is. */
		if (name && value) {
			add(parser, "-set", "device.%s.%s=%s", parser->override_alias, name,
				is(value, "true")            ? "on"
					: is(value, "false") ? "off"
							     : value);
		}
	} else if (is(element, "libosinfo:os")) {
		replace(&domain->os, attribute(names, values, "id"));
	}
}

static void end_element(
	GMarkupParseContext *context, const char *element, gpointer data, GError **error)
{
	struct parser *parser = data;
	const char *text = parser->text->str;

	(void)context;
	(void)error;
	if (parser->path->len == 0) {
		return;
	}
	if (at(parser, "name")) {
		replace(&parser->domain->name, text);
		g_strstrip(parser->domain->name);
	} else if (at(parser, "memory") || at(parser, "memtune/hard_limit")) {
		/* libvirt's KB is 1000 bytes; it writes KiB itself. */
		const char *unit = parser->unit ? parser->unit : "KiB";
		g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT "%c",
			g_ascii_strtoull(text, NULL, 10), g_ascii_toupper(unit[0]));

		if (at(parser, "memory")) {
			add(parser, "-m", "size=%s", size);
		} else {
			parser->domain->hard_limit = qemu_size(size, 10);
		}
	} else if (at(parser, "devices/emulator")) {
		replace(&parser->domain->emulator, text);
		g_strstrip(parser->domain->emulator);
	} else if (at(parser, "os/loader") && strstr(text, "OVMF")) {
		add(parser, "-drive", "if=pflash,file=OVMF_CODE.fd");
	} else if (at(parser, "devices/hostdev")) {
		end_hostdev(parser);
	} else if (at(parser, "devices/graphics")) {
		replace(&parser->graphics, NULL);
	} else if (is(element, "qemu:device")) {
		replace(&parser->override_alias, NULL);
	}
	g_string_truncate(parser->text, 0);
	g_ptr_array_set_size(parser->path, (int)parser->path->len - 1);
}

static void add_text(
	GMarkupParseContext *context, const char *text, gsize length, gpointer data, GError **error)
{
	struct parser *parser = data;

	(void)context;
	(void)error;
	g_string_append_len(parser->text, text, (gssize)length);
}

int domain_xml_parse(struct domain_xml *domain, const char *text, char *why, size_t why_size)
{
	static const GMarkupParser functions = {
		.start_element = start_element,
		.end_element = end_element,
		.text = add_text,
	};
	struct parser parser = {
		.domain = domain,
		.path = g_ptr_array_new_with_free_func(g_free),
		.text = g_string_new(NULL),
		.own = g_ptr_array_new(),
	};
	g_autoptr(GMarkupParseContext) context =
		g_markup_parse_context_new(&functions, 0, &parser, NULL);
	g_autoptr(GError) error = NULL;
	int rc = 0;

	*domain = (struct domain_xml){.words = g_ptr_array_new_with_free_func(g_free)};
	if (!g_markup_parse_context_parse(context, text, -1, &error) ||
		!g_markup_parse_context_end_parse(context, &error)) {
		snprintf(why, why_size, "it is no XML: %s", error->message);
		rc = -EINVAL;
	} else if (!domain->name) {
		snprintf(why, why_size, "it has no <domain> with a <name>");
		rc = -EINVAL;
	}
	if (parser.hyperv) {
		add(&parser, "-cpu", "host,hv-relaxed=on");
	}
	if (parser.pm_off) {
		add(&parser, "-global", "ICH9-LPC.disable_s3=1");
	}
	domain->own_words = parser.own->len;
	for (guint i = 0; i < parser.own->len; i++) {
		g_ptr_array_add(domain->words, parser.own->pdata[i]);
	}
	g_ptr_array_add(domain->words, NULL);
	g_ptr_array_unref(parser.own);
	g_ptr_array_unref(parser.path);
	g_string_free(parser.text, TRUE);
	clear_hostdev(&parser.hostdev);
	g_free(parser.unit);
	g_free(parser.override_alias);
	g_free(parser.graphics);
	return rc;
}

void domain_xml_finish(struct domain_xml *domain)
{
	g_free(domain->name);
	g_free(domain->emulator);
	g_free(domain->os);
	if (domain->words) {
		g_ptr_array_unref(domain->words);
	}
	*domain = (struct domain_xml){0};
}
