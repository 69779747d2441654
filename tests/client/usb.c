/* SPDX-License-Identifier: MIT */
#include "tests/client/probe.h"

#include <string.h>

/* USB devices that spice-gtk makes of files: a drive with a CD in it. */
struct usb {
	SpiceUsbDeviceManager *manager; /* the session's; NULL: not asked for yet */
	gboolean done;
	GError *error;
};

static SpiceUsbDeviceManager *usable(struct probe *probe)
{
	struct usb *usb = probe->usb;
	GError *error = NULL;

	if (!usb->manager) {
		usb->manager = spice_usb_device_manager_get(probe->session, &error);
		if (!usb->manager) {
			say("fail why=%s", error->message);
			g_error_free(error);
		}
	}
	return usb->manager;
}

static SpiceUsbDevice *find_cd(SpiceUsbDeviceManager *manager)
{
	GPtrArray *devices = spice_usb_device_manager_get_devices(manager);
	SpiceUsbDevice *found = NULL;

	for (guint i = 0; i < devices->len && !found; i++) {
		if (spice_usb_device_manager_is_device_shared_cd(manager, devices->pdata[i])) {
			found = devices->pdata[i];
		}
	}
	g_ptr_array_unref(devices);
	return found;
}

static void command_cd(struct probe *probe, char **arguments)
{
	SpiceUsbDeviceManager *manager = usable(probe);
	GError *error = NULL;

	if (!manager) {
		return;
	}
	if (!spice_usb_device_manager_create_shared_cd_device(manager, arguments[0], &error)) {
		say("fail why=%s", error ? error->message : "no reason given");
		g_clear_error(&error);
	} else if (!find_cd(manager)) {
		say("fail why=there is no drive for it");
	} else {
		say("ok");
	}
}

static void on_done(GObject *manager, GAsyncResult *result, gpointer data)
{
	struct probe *probe = data;

	g_clear_error(&probe->usb->error);
	spice_usb_device_manager_connect_device_finish(
		SPICE_USB_DEVICE_MANAGER(manager), result, &probe->usb->error);
	probe->usb->done = TRUE;
	wait_poll(probe);
}

static gboolean check_done(struct probe *probe, gboolean last)
{
	struct usb *usb = probe->usb;

	if (usb->done) {
		if (usb->error) {
			say("fail why=%s", usb->error->message);
		} else {
			say("ok");
		}
		return TRUE;
	}
	if (last) {
		say("fail why=it is not connected yet");
	}
	return last;
}

static void command_connect(struct probe *probe, char **arguments)
{
	SpiceUsbDeviceManager *manager = usable(probe);
	SpiceUsbDevice *cd = manager ? find_cd(manager) : NULL;

	if (!manager) {
		return;
	}
	if (!cd) {
		say("fail why=there is no drive: usb-cd comes first");
		return;
	}
	probe->usb->done = FALSE;
	spice_usb_device_manager_connect_device_async(manager, cd, NULL, on_done, probe);
	wait_begin(probe, check_done, to_number(arguments[0], 10));
}

static void usb_init(struct probe *probe)
{
	probe->usb = g_new0(struct usb, 1);
}

static void usb_finish(struct probe *probe)
{
	g_clear_error(&probe->usb->error);
	g_free(probe->usb);
}

static const struct command commands[] = {
	{"usb-cd", "FILE", 1, 1, command_cd, "makes a USB drive with this image in it"},
	{"usb-connect", "MS", 1, 1, command_connect, "gives the drive to the guest"},
	{NULL},
};

const struct subject usb_subject = {
	.commands = commands,
	.init = usb_init,
	.finish = usb_finish,
};
