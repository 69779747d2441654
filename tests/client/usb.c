/* SPDX-License-Identifier: MIT */
#include "tests/client/probe.h"

/* A USB device that spice-gtk makes of a file: a drive with a disc in it. */
struct usb {
	SpiceUsbDeviceManager *manager; /* the session's; NULL: not asked for yet */
	gboolean asked; /* for the drive to be given to the guest */
	gboolean done;
	GError *error;
};

static SpiceUsbDevice *find_drive(SpiceUsbDeviceManager *manager)
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
	SpiceUsbDevice *drive = find_drive(usb->manager);
	gint channels = 0;

	g_object_get(usb->manager, "free-channels", &channels, NULL);
	if (usb->done) {
		if (usb->error) {
			say("fail why=%s", usb->error->message);
		} else {
			say("ok");
		}
		return TRUE;
	}
	if (drive && channels && !usb->asked) {
		usb->asked = TRUE;
		spice_usb_device_manager_connect_device_async(
			usb->manager, drive, NULL, on_done, probe);
	}
	if (last) {
		say("fail why=%s",
			!drive                ? "there is no drive"
				: !usb->asked ? "there is no free USB channel"
					      : "the drive is not connected");
	}
	return last;
}

static void on_added(SpiceUsbDeviceManager *manager, SpiceUsbDevice *device, gpointer data)
{
	wait_poll(data);
}

static void on_channels(GObject *manager, GParamSpec *property, gpointer data)
{
	wait_poll(data);
}

static void on_device_error(
	SpiceUsbDeviceManager *manager, SpiceUsbDevice *device, GError *error, gpointer data)
{
	say("event usb %s", error->message);
}

static void command_disc(struct probe *probe, char **arguments)
{
	struct usb *usb = probe->usb;
	GError *error = NULL;

	if (!usb->manager) {
		usb->manager = spice_usb_device_manager_get(probe->session, &error);
		if (!usb->manager) {
			say("fail why=%s", error->message);
			g_error_free(error);
			return;
		}
		g_signal_connect(usb->manager, "device-added", G_CALLBACK(on_added), probe);
		g_signal_connect(
			usb->manager, "notify::free-channels", G_CALLBACK(on_channels), probe);
		g_signal_connect(usb->manager, "device-error", G_CALLBACK(on_device_error), probe);
	}
	if (!spice_usb_device_manager_create_shared_cd_device(usb->manager, arguments[0], &error)) {
		say("fail why=%s", error ? error->message : "no drive can be made");
		g_clear_error(&error);
		return;
	}
	usb->asked = usb->done = FALSE;
	wait_begin(probe, check_done, to_number(arguments[1], 10));
}

static void usb_init(struct probe *probe)
{
	probe->usb = g_new0(struct usb, 1);
}

static void usb_finish(struct probe *probe)
{
	if (probe->usb->manager) {
		g_signal_handlers_disconnect_by_data(probe->usb->manager, probe);
	}
	g_clear_error(&probe->usb->error);
	g_clear_pointer(&probe->usb, g_free);
}

static const struct command commands[] = {
	{"usb-disc", "FILE MS", 2, 2, command_disc,
		"until the guest has a USB drive with this image in it"},
	{NULL},
};

const struct subject usb_subject = {
	.commands = commands,
	.init = usb_init,
	.finish = usb_finish,
};
