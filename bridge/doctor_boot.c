/* SPDX-License-Identifier: MIT */
/* The kernel's parameters: which there are, and how this bootloader and distribution set them. */
#include <string.h>

#include "bridge/doctor_impl.h"

static bool distribution_is(const struct doctor_host *host, const char *name)
{
	const char *like = host->distribution_like;
	size_t length = strlen(name);

	if (strcmp(host->distribution, name) == 0) {
		return true;
	}
	for (const char *at = like; (at = strstr(at, name)); at += length) {
		if ((at == like || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0')) {
			return true;
		}
	}
	return false;
}

static bool systemd_boot(const struct doctor_host *host)
{
	return doctor_exists(host, "/boot/loader/entries") ||
		doctor_exists(host, "/boot/loader/loader.conf") ||
		doctor_exists(host, "/efi/loader/loader.conf") ||
		doctor_exists(host, "/boot/efi/loader/loader.conf") ||
		doctor_exists(host, "/etc/kernelstub/configuration") ||
		doctor_exists(host, "/etc/kernel/cmdline");
}

static bool red_hat(const struct doctor_host *host)
{
	return distribution_is(host, "fedora") || distribution_is(host, "rhel") ||
		distribution_is(host, "centos");
}

void doctor_read_bootloader(struct doctor_host *host)
{
	/* GRUB says what it loaded; a boot stub, and so systemd-boot, says only where the initrd is. */
	bool grub = strstr(host->cmdline, "BOOT_IMAGE=") != NULL;
	bool grub2 = doctor_exists(host, "/boot/grub2") || doctor_exists(host, "/usr/sbin/grubby");

	host->bootloader = BOOTLOADER_UNKNOWN;
	if (strcmp(host->distribution, "nixos") == 0 || doctor_exists(host, "/etc/NIXOS")) {
		host->bootloader = BOOTLOADER_NIXOS;
	} else if (doctor_exists(host, "/etc/kernel/proxmox-boot-uuids")) {
		host->bootloader = BOOTLOADER_PROXMOX;
	} else if (!grub && strstr(host->cmdline, "initrd=") && systemd_boot(host)) {
		host->bootloader = BOOTLOADER_SYSTEMD;
	} else if (doctor_exists(host, "/etc/kernelstub/configuration")) {
		host->bootloader = BOOTLOADER_SYSTEMD;
	} else if (grub2 || (red_hat(host) && doctor_exists(host, "/etc/default/grub")) ||
		doctor_exists(host, "/run/ostree-booted")) {
		host->bootloader = BOOTLOADER_GRUB2;
	} else if (doctor_exists(host, "/etc/default/grub") || doctor_exists(host, "/boot/grub")) {
		host->bootloader = BOOTLOADER_GRUB;
	} else if (systemd_boot(host)) {
		host->bootloader = BOOTLOADER_SYSTEMD;
	}
}

static char *set_with_grub(const struct doctor_host *host, const char *parameters)
{
	const char *command = "grub-mkconfig -o /boot/grub/grub.cfg";

	if (distribution_is(host, "debian") || distribution_is(host, "ubuntu") ||
		doctor_exists(host, "/usr/sbin/update-grub")) {
		command = "update-grub";
	}
	return g_strdup_printf("Add '%s' to GRUB_CMDLINE_LINUX_DEFAULT in /etc/default/grub, run "
			       "'%s' as root, and restart the host.",
		parameters, command);
}

static char *set_with_grub2(const struct doctor_host *host, const char *parameters)
{
	if (doctor_exists(host, "/run/ostree-booted")) {
		char **words = g_strsplit(parameters, " ", -1);
		char *joined = g_strjoinv(" --append-if-missing=", words);
		char *text = g_strdup_printf(
			"Run 'rpm-ostree kargs --append-if-missing=%s' as root, and restart the host.",
			joined);

		g_free(joined);
		g_strfreev(words);
		return text;
	}
	if (red_hat(host) || doctor_exists(host, "/usr/sbin/grubby")) {
		return g_strdup_printf(
			"Run 'grubby --update-kernel=ALL --args=\"%s\"' as root, and "
			"restart the host.",
			parameters);
	}
	return g_strdup_printf(
		"Add '%s' to GRUB_CMDLINE_LINUX_DEFAULT in /etc/default/grub, run "
		"'grub2-mkconfig -o /boot/grub2/grub.cfg' as root, and restart the host.",
		parameters);
}

static char *set_with_systemd(const struct doctor_host *host, const char *parameters)
{
	const char *entries = "/boot/loader/entries";
	const char *command = NULL;

	if (doctor_exists(host, "/etc/kernelstub/configuration")) {
		return g_strdup_printf(
			"Run 'kernelstub --add-options \"%s\"' as root, and restart the "
			"host.",
			parameters);
	}
	if (doctor_exists(host, "/etc/kernel/cmdline")) {
		if (distribution_is(host, "arch")) {
			command = "mkinitcpio -P";
		} else if (distribution_is(host, "debian")) {
			command = "dpkg-reconfigure linux-image-$(uname -r)";
		} else {
			command = "kernel-install add $(uname -r) /lib/modules/$(uname -r)/vmlinuz";
		}
		return g_strdup_printf(
			"Add '%s' to the line in /etc/kernel/cmdline, run '%s' as root, "
			"and restart the host.",
			parameters, command);
	}
	if (!doctor_exists(host, "%s", entries)) {
		entries = doctor_exists(host, "/efi/loader") ? "/efi/loader/entries"
							     : "/boot/efi/loader/entries";
	}
	return g_strdup_printf("Add '%s' to the line 'options' of the entry that you start, in %s "
			       "(systemd-boot), and restart the host.",
		parameters, entries);
}

char *doctor_how_to_set(const struct doctor_host *host, const char *parameters)
{
	char **words;
	char *joined, *text;

	switch (host->bootloader) {
	case BOOTLOADER_GRUB:
		return set_with_grub(host, parameters);
	case BOOTLOADER_GRUB2:
		return set_with_grub2(host, parameters);
	case BOOTLOADER_SYSTEMD:
		return set_with_systemd(host, parameters);
	case BOOTLOADER_PROXMOX:
		/* Which of the two files is read depends on what the firmware starts. */
		return g_strdup_printf(
			"Add '%s' to %s, run 'proxmox-boot-tool refresh' as root, and restart the host.",
			parameters,
			strstr(host->cmdline, "BOOT_IMAGE=")
				? "GRUB_CMDLINE_LINUX_DEFAULT in /etc/default/grub"
				: "the line in /etc/kernel/cmdline");
	case BOOTLOADER_NIXOS:
		words = g_strsplit(parameters, " ", -1);
		joined = g_strjoinv("\" \"", words);
		text = g_strdup_printf(
			"Add 'boot.kernelParams = [ \"%s\" ];' to "
			"/etc/nixos/configuration.nix, run 'nixos-rebuild boot' as root, "
			"and restart the host.",
			joined);
		g_free(joined);
		g_strfreev(words);
		return text;
	default:
		break;
	}
	if (doctor_exists(host, "/boot/syslinux/syslinux.cfg")) {
		return g_strdup_printf(
			"Add '%s' to the line 'append' of the entry that you start, in "
			"/boot/syslinux/syslinux.cfg, and restart the host.",
			parameters);
	}
	return g_strdup_printf("Add '%s' to the kernel's parameters in the configuration of your "
			       "bootloader (none that we know was found), and restart the host.",
		parameters);
}

const char *doctor_initramfs_command(const struct doctor_host *host)
{
	if (host->bootloader == BOOTLOADER_NIXOS) {
		return "nixos-rebuild boot";
	}
	if (host->bootloader == BOOTLOADER_PROXMOX) {
		return "update-initramfs -u -k all && proxmox-boot-tool refresh";
	}
	if (doctor_exists(host, "/etc/mkinitcpio.conf")) {
		return "mkinitcpio -P";
	}
	if (doctor_exists(host, "/etc/initramfs-tools")) {
		return "update-initramfs -u -k all";
	}
	if (doctor_exists(host, "/etc/dracut.conf") || doctor_exists(host, "/etc/dracut.conf.d") ||
		red_hat(host)) {
		return "dracut --force --regenerate-all";
	}
	if (distribution_is(host, "arch")) {
		return "mkinitcpio -P";
	}
	return "update-initramfs -u -k all";
}

const char *doctor_bootloader_name(enum doctor_bootloader bootloader)
{
	static const char *const names[] = {
		[BOOTLOADER_UNKNOWN] = "unknown",
		[BOOTLOADER_GRUB] = "GRUB",
		[BOOTLOADER_GRUB2] = "GRUB 2",
		[BOOTLOADER_SYSTEMD] = "systemd-boot",
		[BOOTLOADER_PROXMOX] = "proxmox-boot-tool",
		[BOOTLOADER_NIXOS] = "NixOS",
	};

	return names[bootloader];
}

/* As the kernel compares names of parameters. */
static bool same_name(const char *a, const char *b, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		char x = a[i] == '-' ? '_' : a[i];
		char y = b[i] == '-' ? '_' : b[i];

		if (x != y) {
			return false;
		}
	}
	return b[length] == '\0';
}

const char *doctor_parameter_in(const char *text, const char *name, char *value, size_t size)
{
	const char *found = NULL;

	while (*(text += strspn(text, " \t\n"))) {
		size_t length = strcspn(text, " \t\n");
		size_t head = strcspn(text, "= \t\n");

		if (length == 2 && strncmp(text, "--", 2) == 0) {
			break; /* what follows is init's */
		}
		if (head == strlen(name) && same_name(text, name, head)) {
			size_t skip = head < length ? head + 1 : head;

			g_strlcpy(value, text + skip, MIN(size, length - skip + 1));
			found = value;
		}
		text += length;
	}
	return found;
}

const char *doctor_parameter(
	const struct doctor_host *host, const char *name, char *value, size_t size)
{
	return doctor_parameter_in(host->cmdline, name, value, size);
}
